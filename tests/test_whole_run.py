"""The whole compendium, run in a copy of the checkout, gives every committed output to the byte."""

from __future__ import annotations

import shutil
import subprocess
from itertools import zip_longest
from pathlib import Path

import pytest

from conftest import run_compendium

ROOT = Path(__file__).resolve().parents[1]
COMMITTED = ("notebooks/*.ipynb", "figures/*", "paper/generated/**/*")
ALL = (*COMMITTED, "data/processed/*", "html/*")
PAPER = "paper/main.pdf"

pytestmark = pytest.mark.full


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


def test_every_output_is_the_committed_one(whole_run: Path) -> None:
    found = differences(outputs_of(ROOT), outputs_of(whole_run))
    assert not found, "\n".join(found)


def test_the_paper_is_the_committed_one(whole_run: Path) -> None:
    committed, made = (ROOT / PAPER).read_bytes(), (whole_run / PAPER).read_bytes()
    if committed != made:
        # The bytes are promised for one TeX Live release only, the text for any.
        texts = [
            subprocess.run(
                ["pdftotext", "-layout", str(folder / PAPER), "-"], capture_output=True, check=True
            ).stdout
            for folder in (ROOT, whole_run)
        ]
        assert texts[0] == texts[1], difference(PAPER, *texts)
        assert producer(committed) != producer(made), "same TeX, same text, other bytes"


def producer(pdf: bytes) -> bytes:
    """Return the PDF's own word on the program that wrote it."""
    start = pdf.find(b"/Producer")
    return pdf[start : pdf.find(b")", start)] if start >= 0 else b""


def test_running_again_does_nothing_and_says_so(whole_run: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole_run.rglob("*") if path.is_file()}
    done = run_compendium(whole_run)
    assert done.returncode == 0
    assert "nothing to do" in done.stdout
    changed = [
        path
        for path, stamp in before.items()
        if ".cache" not in path.parts and path.stat().st_mtime_ns != stamp
    ]
    assert not changed


def test_ordinary_kernels_give_the_same_bytes(whole_run: Path, tmp_path: Path) -> None:
    warm = outputs_of(whole_run, ALL)
    assert len(warm) > 100
    folder = shutil.copytree(whole_run, tmp_path / "cold")
    done = run_compendium(folder, "--cold", "--force")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not differences(warm, outputs_of(folder, ALL))
