"""The paper: sets with every key it uses, links to the cells, and wears the label only when due.

The records are made up here from the keys that the paper uses, so these tests need no notebook.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from mlsec_survey.base.synthetic import SYNTHETIC_SHORT
from mlsec_survey.base.system import TEX
from mlsec_survey.report.latex import latex_tabular
from mlsec_survey.report.macros import assemble, macros, uses_in
from mlsec_survey.runner.outputs.typesetting import typeset

ROOT = Path(__file__).resolve().parents[1]
PAPER = ROOT / "paper"
MAIN = Path("paper/main.tex")
SOURCES = (Path("paper/sections"), Path("paper/references.bib"))
ALT = "Größe: 3 of 139"

needs_tex = pytest.mark.skipif(
    bool(TEX.missing()) or shutil.which("pdfinfo") is None, reason="TeX or poppler is not there"
)


def published(synthetic: bool) -> dict:
    """Make up a record with every key that the paper uses."""
    record: dict = {
        "notebook": "04_hypotheses",
        "synthetic": synthetic,
        "numbers": {},
        "tables": {},
        "figures": {},
    }
    for use in uses_in(PAPER):
        entry: dict = {"basis": "responses"}
        if use.kind == "numbers":
            entry |= {"text": "12.5 %", "value": 12.5, "unit": "", "description": "d"}
        else:
            entry |= {"caption": "Käption of 5 %.", "width": "column", "note": "", "alt": ALT}
        record[use.kind][use.key] = entry
    return record


@dataclass
class Compiled:
    """One setting of the paper: its file, the log, the text per page and the links."""

    pdf: Path
    log: str
    pages: list[str]
    links: list[str]


def compiled(folder: Path, synthetic: bool) -> Compiled:
    from mlsec_survey.figures.style import figure_files, new_figure

    run = folder / "run"
    generated = run / "paper" / "generated"
    (generated / "tables").mkdir(parents=True)
    (run / "figures").mkdir()
    record = published(synthetic)
    path = generated / "records" / "04_hypotheses.json"
    path.parent.mkdir()
    path.write_text(json.dumps(record), encoding="utf-8")
    tabular = latex_tabular(["A & b", "n"], [["x_1", "1"], ["ä", "22"]], [False, True])
    for key in record["tables"]:
        (generated / "tables" / f"{key}.tex").write_text(tabular, encoding="utf-8")
    picture = figure_files(new_figure("narrow", 0.6), "t")["pdf"]
    for key in record["figures"]:
        (run / "figures" / f"{key}.pdf").write_bytes(picture)
    assemble([path], PAPER, generated)
    typeset(ROOT, run, MAIN, SOURCES, folder / "out", folder / "latex.log")
    pdf = folder / "out" / MAIN.with_suffix(".pdf")
    text = subprocess.run(["pdftotext", pdf, "-"], capture_output=True, text=True, check=True)
    urls = subprocess.run(["pdfinfo", "-url", pdf], capture_output=True, text=True, check=True)
    return Compiled(
        pdf,
        (folder / "latex.log").read_text(encoding="utf-8"),
        text.stdout.rstrip("\f").split("\f"),
        [line.split()[-1] for line in urls.stdout.splitlines()[1:]],
    )


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    return compiled(tmp_path_factory.mktemp("standin"), synthetic=True)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    return compiled(tmp_path_factory.mktemp("real"), synthetic=False)


@needs_tex
@pytest.mark.slow
def test_the_label_is_twice_on_every_page_of_a_standin(standin: Compiled) -> None:
    assert len(standin.pages) > 2
    for page in standin.pages:
        assert " ".join(page.split()).count(SYNTHETIC_SHORT) >= 2


@needs_tex
@pytest.mark.slow
def test_nothing_speaks_of_synthetic_data_with_a_real_export(real: Compiled) -> None:
    text = " ".join(" ".join(real.pages).split())
    assert "manifest" in text
    assert not re.search(r"synthetic|stand-\s?in\b", text, re.IGNORECASE)


@pytest.mark.slow
def test_links_lead_to_the_public_pages_once_they_have_an_address(tmp_path: Path) -> None:
    record = published(synthetic=True)
    text = macros({"04_hypotheses": record}, "https://owner.github.io/name/")
    assert "https://owner.github.io/name/04_hypotheses.html" in text and "../html" not in text


@needs_tex
@pytest.mark.slow
def test_every_result_links_to_its_anchor(standin: Compiled, real: Compiled) -> None:
    marks = {"numbers": "num", "tables": "tab", "figures": "fig"}
    for paper in (standin, real):
        expected = {
            f"../html/04_hypotheses.html#{marks[use.kind]}-{use.key}" for use in uses_in(PAPER)
        }
        assert expected <= set(paper.links)


@needs_tex
@pytest.mark.slow
def test_figures_carry_their_description(standin: Compiled) -> None:
    figures = [use for use in uses_in(PAPER) if use.kind == "figures"]
    assert figures
    content = standin.pdf.read_bytes()
    described = "FEFF" + ALT.encode("utf-16-be").hex().upper()
    # Annotations stand in compressed object streams; look at them uncompressed.
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL)
    plain = b""
    for stream in streams:
        try:
            plain += zlib.decompress(stream)
        except zlib.error:
            continue
    assert plain.count(b"/Contents<" + described.encode()) + plain.count(
        b"/Contents <" + described.encode()
    ) == len(figures)
    assert plain.count(b"/Alt <" + described.encode()) == len(figures)


@needs_tex
@pytest.mark.slow
def test_the_log_has_no_overfull_box_and_nothing_undefined(standin: Compiled) -> None:
    last = standin.log.rpartition("Run number")[2]
    assert not re.findall(r"Overfull \\hbox.*|.*undefined.*", last)
    assert "Output written" in last


@needs_tex
@pytest.mark.slow
def test_the_same_records_give_the_same_bytes(standin: Compiled, tmp_path: Path) -> None:
    again = compiled(tmp_path / "elsewhere", synthetic=True)
    assert again.pdf.read_bytes() == standin.pdf.read_bytes()


# Without TeX
def test_the_paper_holds_no_result_of_its_own() -> None:
    """Digits in the text are years, names of files, sections or versions, never results."""
    for path in sorted((PAPER / "sections").glob("*.tex")):
        if path.name == "publishing.tex":
            continue
        text = re.sub(r"(?<!\\)%.*", "", path.read_text(encoding="utf-8"))
        text = re.sub(r"\\(result(table|figure)?|ref|cite|label)(\[[^]]*\])?\{[^}]*\}", "", text)
        assert not re.findall(r"\d+", text), path.name


def test_every_table_and_figure_is_spoken_of_in_the_text() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in PAPER.rglob("*.tex"))
    for use in uses_in(PAPER):
        mark = {"tables": "tab", "figures": "fig"}.get(use.kind)
        if mark:
            assert rf"\ref{{{mark}:{use.key}}}" in text, use.key


def test_what_is_cited_is_in_the_bibliography_and_the_other_way_round() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in PAPER.rglob("*.tex"))
    cited = {key for found in re.findall(r"\\cite\{([^}]*)\}", text) for key in found.split(",")}
    entries = re.findall(r"^@\w+\{(\w+),", (PAPER / "references.bib").read_text("utf-8"), re.M)
    assert sorted(cited) == sorted(entries)


def test_alternative_sentences_are_balanced() -> None:
    for path in (PAPER / "sections").glob("*.tex"):
        text = re.sub(r"(?<!\\)%.*", "", path.read_text(encoding="utf-8"))
        if path.name != "publishing.tex":
            assert text.count(r"\ifsynthetic") == len(re.findall(r"\\fi\b", text)), path.name


def test_macros_of_a_real_export_switch_the_label_off() -> None:
    assert r"\syntheticfalse" in macros({"n": published(False)})
    assert r"\synthetictrue" in macros({"n": published(True)})


def test_the_citation_file_names_the_study() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["references"][0]["doi"] in (PAPER / "references.bib").read_text("utf-8")
