"""Programs from outside Python: TeX for the paper, a browser for the tests of the pages.

`python -m mlsec_survey.runner.outputs.tools` installs both where it can.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

TEX = (
    "texlive-latex-recommended",
    "texlive-publishers",
    "texlive-science",
    "texlive-fonts-recommended",
    "latexmk",
)
BROWSER = ("chromium", "poppler-utils")
_TEX_FILES = ("IEEEtran.cls", "booktabs.sty", "siunitx.sty", "hyperref.sty", "ptmr8t.tfm")


def missing_tex() -> list[str]:
    """Return what the paper needs and this machine lacks: programs, or files of TeX packages."""
    absent = [name for name in ("latexmk", "pdflatex") if shutil.which(name) is None]
    if absent:
        return absent
    return [
        name
        for name in _TEX_FILES
        if not subprocess.run(
            ["kpsewhich", name], capture_output=True, text=True, check=False
        ).stdout.strip()
    ]


def install(packages: tuple[str, ...], purpose: str) -> bool:
    """Install Debian packages as root or through sudo without a password, saying so first.

    Returns:
        Whether they were installed; False without a message where it is not possible.
    """
    if shutil.which("apt-get") is None:
        return False
    prefix: list[str] = []
    if os.geteuid() != 0:
        prefix = ["sudo", "-n"]
        if (
            shutil.which("sudo") is None
            or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode
        ):
            return False
    print(
        f"Installing for {purpose}, with apt-get: {' '.join(packages)}", file=sys.stderr, flush=True
    )
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    commands = (
        ["apt-get", "-qq", "update"],
        ["apt-get", "-qq", "install", "--yes", "--no-install-recommends", *packages],
    )
    for command in commands:
        done = subprocess.run(
            [*prefix, *command], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            print(f"apt-get could not do it: {last}", file=sys.stderr, flush=True)
            return False
    return True


def main() -> None:
    """Install what the tests use beyond Python, where that is possible."""
    if missing_tex():
        install(TEX, "the paper")
    if shutil.which("chromium") is None or shutil.which("pdftoppm") is None:
        install(BROWSER, "looking at pages")


if __name__ == "__main__":
    main()
