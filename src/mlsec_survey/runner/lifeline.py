"""Programs that end when the process that started them ends, however that one ended.

Run as `python -I -S lifeline.py PARENT COMMAND ...`, it runs a command in a process group of its
own and takes the whole group with it when it is told to end or when its parent is gone, which
programs such as latexmk, with children of their own, do not do by themselves.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from types import FrameType

PR_SET_PDEATHSIG = 1


def lifeline(command: list[str]) -> list[str]:
    """Return a command that runs `command` and ends with this process, children included."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def _end_group_with_parent(parent: int) -> None:
    """Make this process lead a group that ends as a whole, at the latest with its parent.

    Args:
        parent: the parent's process id, as known before this process started.
    """

    def end(number: int, frame: FrameType | None) -> None:
        os.killpg(0, signal.SIGKILL)

    with contextlib.suppress(PermissionError):
        os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)


def main() -> int:
    """Run the command and return its exit status."""
    _end_group_with_parent(int(sys.argv[1]))
    return subprocess.call(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
