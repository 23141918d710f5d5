"""A kernel as a process that is forked from one that has libraries loaded."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from mlsec_survey.parallel.processes import PRELOAD, fork_server
from mlsec_survey.runner.kernels import LOADED_FIRST
from mlsec_survey.runner.kernels.child import MORE_THREADS, run_kernel

_starting = threading.Lock()


def can_fork() -> bool:
    """Return whether this process can have kernels forked: on Linux, and if it may have children.

    Python allows none to daemonic processes, which Dask's workers are unless told otherwise.
    """
    return sys.platform == "linux" and not multiprocessing.current_process().daemon


class ForkedProcess:
    """A forked process with the part of `subprocess.Popen`'s interface that Jupyter uses."""

    stdin = stdout = stderr = None

    def __init__(self, process: multiprocessing.process.BaseProcess) -> None:
        self._process = process
        self.pid: int = process.pid  # type: ignore[assignment]

    @property
    def reason(self) -> str:
        """Why it ended."""
        if self._process.exitcode == MORE_THREADS:
            return "a library that was loaded beforehand has started a thread"
        return f"exit status {self._process.exitcode}"

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until it has ended."""
        self._process.join(timeout)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


def start_kernel(
    arguments: list[str], environment: Mapping[str, str], folder: str | None
) -> ForkedProcess:
    """Fork a kernel.

    Args:
        arguments: of `ipykernel_launcher`.
        environment: of the kernel.
        folder: to work in; default this process's.
    """
    context = fork_server(None if PRELOAD in os.environ else LOADED_FIRST)
    process = context.Process(
        target=run_kernel, args=(arguments, dict(environment), folder or str(Path.cwd()))
    )
    # Python keeps a list of its children that it looks through at each start.
    with _starting:
        process.start()
    return ForkedProcess(process)
