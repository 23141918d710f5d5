"""The whole compendium, run in a copy of the checkout, gives every committed output to the byte."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from itertools import zip_longest
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
COMMITTED = ("notebooks/*.ipynb", "figures/*", "paper/generated/**/*")
ALL = (*COMMITTED, "data/processed/*", "html/*")
PAPER = "paper/main.pdf"

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("full")]


def outputs_of(folder: Path, patterns: tuple[str, ...] = COMMITTED) -> dict[str, bytes]:
    """Return the content of every output file below a checkout; the paper is apart."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for pattern in patterns
        for path in sorted(folder.glob(pattern))
        if path.is_file() and path.name not in {"README.md", ".gitkeep"}
    }


def difference(name: str, committed: bytes | None, made: bytes | None) -> str:
    """Say how two versions of a file differ, at the first place where they do."""
    if committed is None:
        return f"{name}: made, but not committed"
    if made is None:
        return f"{name}: committed, but nothing makes it"
    lines = zip_longest(committed.splitlines(), made.splitlines())
    for number, (left, right) in enumerate(lines, start=1):
        if left != right:
            return f"{name}, line {number}:\n  committed {left!r:.200}\n  made      {right!r:.200}"
    return f"{name}: differs in its line ends"


def differences(committed: dict[str, bytes], made: dict[str, bytes]) -> list[str]:
    """Return one line for each file that differs."""
    names = sorted(committed.keys() | made.keys())
    return [
        difference(name, committed.get(name), made.get(name))
        for name in names
        if committed.get(name) != made.get(name)
    ]


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
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


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout without its outputs, run once from nothing."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    folder = tmp_path_factory.mktemp("checkout")
    for name in filter(None, listing.split("\0")):
        source, target = ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    for name in outputs_of(folder):
        (folder / name).unlink()
    (folder / PAPER).unlink(missing_ok=True)
    done = run(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_output_is_the_committed_one(copy: Path) -> None:
    found = differences(outputs_of(ROOT), outputs_of(copy))
    assert not found, "\n".join(found)


def test_the_paper_is_the_committed_one(copy: Path) -> None:
    committed, made = (ROOT / PAPER).read_bytes(), (copy / PAPER).read_bytes()
    if committed != made:
        # The bytes are promised for one TeX Live release only, the text for any.
        texts = [
            subprocess.run(
                ["pdftotext", "-layout", str(folder / PAPER), "-"], capture_output=True, check=True
            ).stdout
            for folder in (ROOT, copy)
        ]
        assert texts[0] == texts[1], difference(PAPER, *texts)
        assert producer(committed) != producer(made), "same TeX, same text, other bytes"


def producer(pdf: bytes) -> bytes:
    """Return the PDF's own word on the program that wrote it."""
    start = pdf.find(b"/Producer")
    return pdf[start : pdf.find(b")", start)] if start >= 0 else b""


def test_running_again_does_nothing_and_says_so(copy: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*") if path.is_file()}
    done = run(copy)
    assert done.returncode == 0
    assert "nothing to do" in done.stdout
    changed = [
        path
        for path, stamp in before.items()
        if ".cache" not in path.parts and path.stat().st_mtime_ns != stamp
    ]
    assert not changed


def test_ordinary_kernels_give_the_same_bytes(copy: Path) -> None:
    warm = outputs_of(copy, ALL)
    assert len(warm) > 100
    done = run(copy, "--cold", "--force")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not differences(warm, outputs_of(copy, ALL))
