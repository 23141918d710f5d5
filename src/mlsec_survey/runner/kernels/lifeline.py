"""Processes that end when the process that started them ends, however that one ended.

Run as `python -I -S lifeline.py PARENT COMMAND ...`, it runs a command in a process group of its
own and takes the whole group with it when it is told to end or when its parent is gone, which
programs such as latexmk, with children of their own, do not do by themselves.
"""

import contextlib
import os
import signal
import subprocess
import sys
from types import FrameType

PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int, number: int = signal.SIGKILL) -> None:
    """Let the kernel send this process a signal when its parent ends, or end now if it has.

    Args:
        parent: the parent's process id, as known before this process started.
        number: the signal.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(1)


def end_group_with_parent(parent: int) -> None:
    """Make this process lead a group that ends as a whole, at the latest with its parent."""

    def end(number: int, frame: FrameType | None) -> None:
        os.killpg(0, signal.SIGKILL)

    with contextlib.suppress(PermissionError):
        os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    end_with_parent(parent, signal.SIGTERM)


def main() -> int:
    """Run the command and return its exit status."""
    end_group_with_parent(int(sys.argv[1]))
    return subprocess.call(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
