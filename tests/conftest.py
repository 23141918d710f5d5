"""What tests of several files start from: the shipped codebook, plan, export and what they give.

Fixtures of the shipped data are made once and must not be changed; a test that changes one copies
it first.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.codebook_file import load_codebook

ROOT = Path(__file__).resolve().parents[1]
# The tests of kernels come first, in a process that has started no fork server yet: it has but one,
# and what another test had it load could have threads. Then those files whose tests take longest:
# begun last, one of them would keep a single process busy at the end.
BEGIN = [
    "kernels",
    "browser",
    "whole_run",
    "runner_kills",
    "runner",
    "batch",
    "other_waves",
    "archive",
    "real_export",
    "cluster",
    "faults",
    "parameters",
    "compare",
    "figures",
    "questionnaire",
    "ranks",
    "coding_page",
    "pages",
    "pairs",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, which `--dist loadfile` gives to one process each."""
    places = {f"test_{name}": place for place, name in enumerate(BEGIN)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


def run_compendium(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the runner of a checkout as a user would."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("MLSEC_", "PYTHON"))
    }
    return subprocess.run(
        [sys.executable, "scripts/run_all.py", *options],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout without its outputs, run once from nothing; not to be changed.

    The processes that share the tests share it: the first that needs it makes it.
    """
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = base / "whole-run"
    with (base / "whole-run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "html").exists():
            copy_checkout(folder)
            done = run_compendium(folder)
            assert done.returncode == 0, done.stdout + done.stderr
    return folder


def copy_checkout(folder: Path, *, outputs: bool = False) -> None:
    """Copy what git tracks and would track; what a run makes only if asked for."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    made = ("figures/", "paper/generated/", "paper/main.pdf")
    for name in filter(None, listing.split("\0")):
        source, target = ROOT / name, folder / name
        output = name.startswith(made) or name.endswith(".ipynb")
        kept = outputs or not output or source.name in {"README.md", ".gitkeep"}
        if source.is_file() and kept:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let Ctrl-C's signal through, which a shell ignores for what it starts in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def codebook() -> Codebook:
    """The shipped codebook."""
    return load_codebook(ROOT / "data" / "codebook.yml")
