"""The environment of processes whose numbers must be the same everywhere."""

from __future__ import annotations

import os
from pathlib import Path

# Names of NumPy's code paths for AVX-512, and of the level of processors that have it.
_NEWER = ("AVX512", "X86_V4")
# What makes floating-point results and hashes the same everywhere: one BLAS thread, a kernel type
# that any x86-64 processor of the last ten years has, no code paths for newer ones.
FIXED_ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "OPENBLAS_CORETYPE": "Haswell",
    # jemalloc would start a thread on import, and a process with two threads must not be forked.
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    # Arrays come and go by the thousand; memory that one gave back serves the next.
    "MALLOC_MMAP_THRESHOLD_": "268435456",
    "MALLOC_TRIM_THRESHOLD_": "1073741824",
    "MPLBACKEND": "agg",
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
    "LANG": "C.UTF-8",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "PYTHONWARNINGS": "ignore::DeprecationWarning:zmq",
}
# A user's own start-up files and styles, which must not reach results.
_PERSONAL = ("PYTHONSTARTUP", "IPYTHONDIR", "MATPLOTLIBRC")
_SOURCE = Path(__file__).resolve().parents[2]


def fixed_environment(ipython: Path | None = None) -> dict[str, str]:
    """Return the environment for a process whose numbers must be the same everywhere.

    It is this process's, with fixed settings, without a user's own start-up files, and such that
    children find this package where this process found it.

    Args:
        ipython: folder for IPython's files, in place of the user's.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _PERSONAL}
    environment |= FIXED_ENVIRONMENT
    # NumPy refuses names of features that it was not built with or that are not there.
    known = os.environ.get("NPY_DISABLE_CPU_FEATURES", "").split()
    environment["NPY_DISABLE_CPU_FEATURES"] = " ".join({*known, *newer_processor_features()})
    paths = environment.get("PYTHONPATH", "").split(os.pathsep)
    others = [path for path in paths if path and path != str(_SOURCE)]
    environment["PYTHONPATH"] = os.pathsep.join([str(_SOURCE), *others])
    # An empty file of settings.
    environment["MATPLOTLIBRC"] = os.devnull
    if ipython is not None:
        environment["IPYTHONDIR"] = str(ipython)
    return environment


def newer_processor_features() -> list[str]:
    """Return the code paths that this process's NumPy would take on newer processors only."""
    import numpy as np

    features = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    return [name for name in features if name.startswith(_NEWER)]


def fixed_environment_is_set() -> bool:
    """Return whether this process has the settings that make floating-point results the same."""
    names = ("OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
    same = all(os.environ.get(name) == FIXED_ENVIRONMENT[name] for name in names)
    return same and not newer_processor_features()
