"""check_export.py lists all that is wrong at once, and writes a manifest that is accepted."""

from __future__ import annotations

import hashlib
import json
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from limesurvey_rows import Rows, as_csv, table
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.manifest import load_manifest
from mlsec_survey.responses.readers import read_export

Main = Callable[[list[str]], int]


@pytest.fixture
def main(root: Path) -> Main:
    names = runpy.run_path(str(root / "scripts" / "check_export.py"))
    return names["main"]  # type: ignore[no-any-return]


@pytest.fixture
def rows(codebook: Codebook) -> Rows:
    return table(codebook)


def put(rows: Rows, line: int, column: str, value: str | None) -> None:
    rows[line - 1][rows[0].index(column)] = value


def test_everything_wrong_is_in_one_list(
    main: Main, rows: Rows, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(rows, 2, "ROLE", "B1")
    put(rows, 3, "EDU", "B2")
    put(rows, 3, "interviewtime", "fast")
    put(rows, 3, "startdate", "3.2.2022")
    rows[0][rows[0].index("CON[EVA]")] = "CON[EVAS]"
    rows[0][rows[0].index("ATTN")] = "ATTENTION"
    path = tmp_path / "answers.csv"
    path.write_bytes(as_csv(rows))
    page, data = tmp_path / "check.html", tmp_path / "check.json"
    assert main([str(path), "--html", str(page), "--json", str(data)]) == 2
    shown = capsys.readouterr().out
    for part in ("CON[EVA]", "CON[EVAS]", "ATTENTION", "'B1'", "'B2'", "'fast'", "'3.2.2022'"):
        assert part in shown, part
    found = json.loads(data.read_text(encoding="utf-8"))
    assert len(found["problems"]) == 6 and not found["fits"]
    assert {problem["count"] for problem in found["problems"]} == {1, 2}
    assert "CON[EVAS]" in page.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_good_export_is_described_and_its_manifest_written(
    main: Main, rows: Rows, tmp_path: Path, codebook: Codebook, capsys: pytest.CaptureFixture[str]
) -> None:
    put(rows, 2, "COMMENT", "write to me@example.org")
    path = tmp_path / "answers.csv"
    path.write_bytes(as_csv(rows))
    assert main([str(path), "--manifest", "--title", 'A "first" wave']) == 0
    shown = capsys.readouterr().out
    assert "fits the codebook; 2 responses" in shown
    assert "1 with a mail address" in shown and "me@example.org" not in shown
    manifest = load_manifest(path)
    assert manifest.rows == 2 and manifest.title == 'A "first" wave'
    assert manifest.sha256 == hashlib.sha256(as_csv(rows)).hexdigest()
    assert len(read_export(path, codebook)) == 2
    assert main([str(path), "--manifest"]) == 2
    assert "there is a manifest already" in capsys.readouterr().err


@pytest.mark.slow
def test_text_of_the_file_is_escaped_on_the_page(main: Main, rows: Rows, tmp_path: Path) -> None:
    put(rows, 2, "ROLE", "<script>alert(1)</script>")
    path = tmp_path / "answers.csv"
    path.write_bytes(as_csv(rows))
    assert main([str(path), "--html", str(tmp_path / "check.html")]) == 2
    assert "<script>" not in (tmp_path / "check.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7", b"<html><title>Login</title></html>"])
def test_what_is_no_export_is_named(
    main: Main, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "answers.csv"
    path.write_bytes(content)
    assert main([str(path), "--manifest"]) == 2
    assert "What to do" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == [path]


def shown_in_readme(root: Path, word: str) -> str:
    """Return the one YAML block of data/raw/README.md that holds a word."""
    text = (root / "data" / "raw" / "README.md").read_text(encoding="utf-8")
    blocks = [part.split("```", 1)[0] for part in text.split("```yaml\n")[1:]]
    (found,) = (block for block in blocks if word in block)
    return "\n".join(line.removeprefix("   ") for line in found.splitlines())


def test_the_manifest_shown_is_accepted_as_shown(
    root: Path, rows: Rows, tmp_path: Path, codebook: Codebook
) -> None:
    path = tmp_path / "export.csv"
    path.write_bytes(as_csv(rows))
    beside = tmp_path / "export.manifest.yml"
    beside.write_text(shown_in_readme(root, "synthetic:"), encoding="utf-8")
    assert not read_export(path, codebook).is_synthetic
    text = (root / "data" / "raw" / "README.md").read_text(encoding="utf-8")
    reading = text.split("```yaml\nreading:", 1)[1].split("```", 1)[0]
    beside.write_text(f"{beside.read_text('utf-8')}\nreading:{reading}", encoding="utf-8")
    assert load_manifest(path).reading.shown == "one_page"
