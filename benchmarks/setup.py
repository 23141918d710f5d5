"""Setting up: seconds and megabytes of each environment, from the locks, with uv and with pip.

    python benchmarks/setup.py

Each environment is made anew in a folder of its own by scripts/setup.py, as `make` does it, with an
empty cache, so that what an index has to send is in the seconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from runner import ROOT, write_table

ENVIRONMENTS = {
    "what `make` needs": ["--lock", "requirements.lock"],
    "with JupyterLab and Dask": ["--lock", "requirements-lab.lock"],
    "with what the tests need": ["--lock", "requirements-test.lock"],
    "what `make` needs, by pip": ["--lock", "requirements.lock", "--pip"],
}


def measure(options: list[str]) -> tuple[float, float]:
    """Return seconds and megabytes of one environment."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        venv = Path(scratch) / "venv"
        empty = {"UV_CACHE_DIR": f"{scratch}/cache", "PIP_NO_CACHE_DIR": "1"}
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "scripts/setup.py", "--venv", str(venv), *options],
            cwd=ROOT,
            env=os.environ | empty,
            check=True,
        )
        seconds = time.perf_counter() - started
        files = (path for path in venv.rglob("*") if path.is_file() and not path.is_symlink())
        return seconds, sum(path.stat().st_size for path in files) / 1e6


def main() -> None:
    measured = ((name, *measure(options)) for name, options in ENVIRONMENTS.items())
    rows = (f"{name} | {seconds:.1f} | {size:,.0f}" for name, seconds, size in measured)
    how = "one run each, from an empty cache"
    write_table("setup", how, ["environment", "seconds", "MB"], rows)


if __name__ == "__main__":
    main()
