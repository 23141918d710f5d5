"""What a forked kernel does; all that it needs is loaded before the fork."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from pathlib import Path

# What a kernel imports while it starts.
import IPython.core.oinspect
import IPython.extensions.storemagic  # noqa: F401
from ipykernel.kernelapp import IPKernelApp

from mlsec_survey.parallel import preload
from mlsec_survey.parallel.processes import end_with_parent

MORE_THREADS = 3


def run_kernel(arguments: list[str], environment: dict[str, str], folder: str) -> None:
    """Be a kernel, from the state that a fresh interpreter would have with these libraries."""
    if len(list(Path(f"/proc/{os.getppid()}/task").iterdir())) != 1:
        # Locks that another thread of the server held would stay locked here.
        os._exit(MORE_THREADS)
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    end_with_parent()
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    sys.path[:] = preload.SEARCH_PATH
    sys.argv = ["ipykernel_launcher", *arguments]
    if "numpy" in sys.modules:
        # Entropy of its own; Python's generator does that by itself.
        sys.modules["numpy"].random.seed(None)
    if "pandas" in sys.modules:
        # What pandas finds in a kernel; the server has no kernel, and is asked about a terminal.
        sys.modules["pandas"].set_option("display.max_columns", 20)
    # What is loaded stays; to look for garbage in it would copy memory that all forks share.
    gc.freeze()
    parent = f"--IPKernelApp.parent_handle={os.getppid()}"
    IPKernelApp.launch_instance(argv=[*arguments, parent])
