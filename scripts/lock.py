"""Refresh the locked environment: requirements*.lock and environment.yml.

Run it after a change of the dependencies in pyproject.toml; it needs `uv` on the PATH.
With `--environment-only` it just rewrites environment.yml from the lock that is there.
"""

from __future__ import annotations

import argparse
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = "3.11"
COMPILE = (
    "uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url "
    f"--no-header --quiet --python-version {PYTHON}"
).split()
# Each lock with the extras that it holds; all agree on versions with the first.
LOCKS: dict[str, tuple[str, ...]] = {
    "requirements.lock": (),
    "requirements-lab.lock": ("lab", "cluster"),
    "requirements-test.lock": ("test",),
}
HEADER = """\
# Written by scripts/lock.py from requirements-lab.lock; edit pyproject.toml and run that script.
# Conda provides Python itself; pip installs the locked rest. binder/environment.yml is a copy.
"""


def locked_pins(lock: str) -> list[str]:
    """Return a lock's requirement lines, "name==version" with markers, without the hashes."""
    return [
        match["pin"].strip()
        for match in re.finditer(
            r"^(?P<pin>[A-Za-z0-9][^\s#=]*==[^\\\n]+?)\s*\\?$", lock, re.MULTILINE
        )
    ]


def environment(pins: list[str]) -> str:
    """Return environment.yml with Python from conda and `pins` from pip."""
    lines = [
        "name: mlsec-survey",
        "channels:",
        "  - conda-forge",
        "dependencies:",
        f"  - python={PYTHON}",
        "  - pip",
        "  - pip:",
    ]
    quoted = [f'      - "{pin}"' if ";" in pin else f"      - {pin}" for pin in pins]
    return HEADER + "\n".join(lines + quoted) + "\n"


def main() -> None:
    """Compile the locks and derive environment.yml."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environment-only", action="store_true")
    if not parser.parse_args().environment_only:
        for name, extras in LOCKS.items():
            wanted = [word for extra in extras for word in ("--extra", extra)]
            if extras:
                wanted += ["-c", "requirements.lock"]
            subprocess.run([*COMPILE, *wanted, "-o", name], cwd=ROOT, check=True)
        # uv itself, which scripts/setup.py installs the others with.
        alone = [*(word for word in COMPILE if word != "pyproject.toml"), "-"]
        subprocess.run(
            [*alone, "-o", "requirements-uv.lock"], input="uv\n", text=True, cwd=ROOT, check=True
        )
    pins = locked_pins((ROOT / "requirements-lab.lock").read_text(encoding="utf-8"))
    for folder in (ROOT, ROOT / "binder"):
        (folder / "environment.yml").write_text(environment(pins), encoding="utf-8")


if __name__ == "__main__":
    main()
