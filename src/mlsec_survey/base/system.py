"""What the compendium needs from the operating system, beside Python's own packages.

The one list of it. `NEEDS` says for each purpose what is looked for and which packages bring it.
Where this process may, it installs them, saying so first; elsewhere it names the one command.
Standard library only, since the set-up uses it before anything is installed.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Need:
    """Something from outside Python.

    Attributes:
        purpose: what cannot be done without it, in words.
        programs: that have to be found; of alternatives in one string (`a|b`) one is enough.
        tex_files: that TeX has to find.
        modules: of Python's standard library that some systems pack apart.
        packages: that bring it, by package manager.
    """

    purpose: str
    programs: tuple[str, ...] = ()
    tex_files: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    packages: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def missing(self) -> list[str]:
        """Return what is not here: programs, else modules, else files of TeX packages."""
        absent = [name for name in self.programs if not any(map(shutil.which, name.split("|")))]
        absent += [name for name in self.modules if importlib.util.find_spec(name) is None]
        if absent:
            return absent
        return [name for name in self.tex_files if not _tex_finds(name)]


VENV = Need(
    "an environment of its own",
    modules=("venv", "ensurepip"),
    packages={
        "apt-get": ("python3-venv",),
        "dnf": ("python3", "python3-pip"),
        "brew": ("python@3.13",),
    },
)
TEX = Need(
    "the paper",
    programs=("latexmk", "pdflatex"),
    tex_files=("IEEEtran.cls", "booktabs.sty", "siunitx.sty", "hyperref.sty", "ptmr8t.tfm"),
    packages={
        "apt-get": (
            "texlive-latex-recommended",
            "texlive-publishers",
            "texlive-science",
            "texlive-fonts-recommended",
            "latexmk",
        ),
        "dnf": (
            "latexmk",
            "texlive-collection-latexrecommended",
            "texlive-collection-fontsrecommended",
            "texlive-collection-publishers",
            "texlive-siunitx",
        ),
        "brew": ("--cask", "mactex-no-gui"),
    },
)
BROWSER = Need(
    "the tests of the pages",
    programs=("chromium|chromium-browser", "pdftoppm"),
    packages={
        "apt-get": ("chromium", "poppler-utils"),
        "dnf": ("chromium", "poppler-utils"),
        "brew": ("chromium", "poppler"),
    },
)
NEEDS = {"venv": VENV, "tex": TEX, "browser": BROWSER}

_INSTALL = {
    "apt-get": ("-qq", "install", "--yes", "--no-install-recommends"),
    "dnf": ("--quiet", "install", "--assumeyes", "--setopt=install_weak_deps=False"),
    "brew": ("install", "--quiet"),
}


def package_manager() -> str | None:
    """Return the package manager of this machine, None if it is none of those known."""
    return next((name for name in _INSTALL if shutil.which(name)), None)


def command_for(need: Need) -> str:
    """Return the command that installs what a need lacks, for a person to type."""
    manager = package_manager() or "apt-get"
    prefix = "" if manager == "brew" or os.geteuid() == 0 else "sudo "
    return f"{prefix}{manager} install {' '.join(need.packages[manager])}"


def install(need: Need) -> bool:
    """Install what a need lacks, where this process may, saying so first.

    Returns:
        Whether nothing is missing afterwards; False without a message where it may not install.
    """
    manager = package_manager()
    if manager is None:
        return not need.missing()
    prefix: list[str] = []
    if manager != "brew" and os.geteuid() != 0:
        prefix = ["sudo", "-n"]
        if shutil.which("sudo") is None or _fails([*prefix, "true"]):
            return not need.missing()
    packages = need.packages[manager]
    print(f"Installing for {need.purpose}, with {manager}: {' '.join(packages)}", file=sys.stderr)
    if manager == "apt-get":
        _fails([*prefix, "apt-get", "-qq", "update"])
    if _fails([*prefix, manager, *_INSTALL[manager], *packages], tell=manager):
        return False
    importlib.invalidate_caches()
    return not need.missing()


def _fails(command: list[str], tell: str = "") -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode and tell:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"{tell} could not do it: {last}", file=sys.stderr)
    return bool(done.returncode)


def _tex_finds(name: str) -> bool:
    done = subprocess.run(["kpsewhich", name], capture_output=True, text=True, check=False)
    return bool(done.stdout.strip())


def main(names: list[str]) -> int:
    """Install the needs of these names where possible; say what to do about the others."""
    for name in names:
        need = NEEDS[name]
        if need.missing() and not install(need):
            print(
                f"Not here: {', '.join(need.missing())}. {need.purpose.capitalize()} will be left "
                f"out; to have it: {command_for(need)}",
                file=sys.stderr,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
