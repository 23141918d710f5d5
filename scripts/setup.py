"""Make the environment .venv from a lock: `python3 scripts/setup.py [--lock FILE] [--venv FOLDER]`.

`make` calls it; it can be called alone. It runs on a bare Python: it uses the standard library, and
says in one line what is missing. What it leaves is whole or not there.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUPPORTED = ((3, 11), (3, 13))


class CannotSetUp(Exception):
    """Something is missing; the message says in one line what to do."""


def main() -> int:
    """Set up, say what went wrong in one line, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lock", default="requirements.lock", help="which lock to install")
    parser.add_argument("--venv", default=".venv", help="the folder of the environment")
    parser.add_argument(
        "--pip", action="store_true", help="install with pip, not with uv (slower, nothing else)"
    )
    given = parser.parse_args()
    try:
        set_up(ROOT / given.venv, ROOT / given.lock, with_pip=given.pip)
    except CannotSetUp as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 2
    return 0


def set_up(venv: Path, lock: Path, *, with_pip: bool = False) -> None:
    """Make or complete the environment `venv` so that it holds what `lock` lists.

    Raises:
        CannotSetUp: with what to do.
    """
    check_python()
    marker = venv / ".complete"
    before = marker.read_text(encoding="utf-8").splitlines() if marker.is_file() else []
    python, line = python_name(), f"{lock.name} {fingerprint(lock)}"
    if line in before and before[0] == python:
        return
    if venv.exists() and before[:1] != [python]:
        # Half made, or of another Python: what is there cannot be trusted to be whole.
        shutil.rmtree(venv)
        before = []
    try:
        if not venv.exists():
            run([sys.executable, "-m", "venv", str(venv)], "the environment could not be made")
        marker.unlink(missing_ok=True)
        install(venv, lock, with_pip)
    except BaseException:
        shutil.rmtree(venv, ignore_errors=True)
        raise
    # Locks agree on versions, so that an environment can hold more than one.
    others = [entry for entry in before[1:] if entry.split()[0] != lock.name]
    marker.write_text("\n".join([python, *others, line]) + "\n", encoding="utf-8")


def check_python() -> None:
    """Refuse a Python or a system that the compendium does not run on, with what to do."""
    if sys.platform == "win32":
        raise CannotSetUp(
            "plain Windows is not supported; use WSL (wsl --install, then Ubuntu), make there"
        )
    if not SUPPORTED[0] <= sys.version_info[:2] <= SUPPORTED[1]:
        raise CannotSetUp(
            f"this is Python {sys.version_info[0]}.{sys.version_info[1]}; the compendium needs "
            "3.11 to 3.13. With another one at hand: make PYTHON=python3.12"
        )
    sys.path.insert(0, str(ROOT / "src"))
    from mlsec_survey.base.system import VENV, command_for, install

    if VENV.missing() and not install(VENV):
        raise CannotSetUp(
            "Python's modules for environments are missing; run this, then make again: "
            + command_for(VENV)
        )


def python_name() -> str:
    """Return which Python this is."""
    return f"{sysconfig.get_platform()}-{'.'.join(map(str, sys.version_info[:3]))}"


def fingerprint(lock: Path) -> str:
    """Return the digest of what an environment with this lock depends on."""
    files = (lock, ROOT / "requirements-uv.lock", ROOT / "pyproject.toml")
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def install(venv: Path, lock: Path, with_pip: bool) -> None:
    """Install the lock by hash, then the project itself in editable form."""
    python = str(venv / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if not with_pip:
        uv = shutil.which("uv") or str(venv / "bin" / "uv")
        if not os.access(uv, os.X_OK):
            locked = str(ROOT / "requirements-uv.lock")
            with_pip = bool(
                subprocess.run(
                    [*pip, "--require-hashes", "-r", locked], capture_output=True, check=False
                ).returncode
            )
            if with_pip:
                print("set-up: uv cannot be had here; with pip, which is slower", file=sys.stderr)
        if not with_pip:
            pip = [uv, "pip", "install", "--quiet", "--python", python, "--compile-bytecode"]
    run([*pip, "--require-hashes", "-r", str(lock)], "the locked packages could not be installed")
    run(
        [*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)],
        "the project could not be installed",
    )


def run(command: list[str], problem: str) -> None:
    """Run a command; its last line of output is the reason when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr + done.stdout).strip().splitlines() or ["no message"]
        print("\n".join(lines[-20:]), file=sys.stderr)
        raise CannotSetUp(f"{problem} ({lines[-1].strip()})")


if __name__ == "__main__":
    sys.exit(main())
