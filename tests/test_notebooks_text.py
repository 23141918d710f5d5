"""Each notebook says its question as declared, takes the declared parameters, has short cells."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import jupytext
import pytest
import yaml

from project_files import recorded_tables

ROOT = Path(__file__).resolve().parent.parent
PIPELINE = yaml.safe_load((ROOT / "notebooks" / "pipeline.yml").read_text(encoding="utf-8"))
NOTEBOOKS = [
    name for name in PIPELINE["notebooks"] if (ROOT / "notebooks" / f"{name}.py").is_file()
]
# A cell that needs more has work in it that belongs into a tested function.
MOST_LINES = 20
SHORT = 10
# Levels and sizes of the sample, which the plan, the facts and the answers set.
SET_ELSEWHERE = re.compile(r"\b\d+ %|\b0\.05\b|\b139\b|\b\d+ imputations|\b(?:five|ten|twenty)\b")


def declared(name: str) -> dict[str, Any]:
    return PIPELINE["notebooks"][name]


def cells_of(name: str) -> list[Any]:
    return jupytext.read(ROOT / "notebooks" / f"{name}.py").cells


def one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_first_cell_says_title_and_question_as_declared(name: str) -> None:
    first = cells_of(name)[0]
    assert first.cell_type == "markdown"
    number = name.split("_")[0]
    assert first.source.splitlines()[0] == f"# {number} · {declared(name)['title']}"
    paragraphs = [one_line(text) for text in first.source.split("\n\n")]
    assert f"**Question.** {one_line(declared(name)['question'])}" in paragraphs


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_second_cell_gives_the_parameters(name: str) -> None:
    cells = cells_of(name)
    assert cells[1].cell_type == "code"
    assert cells[1].metadata.get("tags") == ["parameters"]


@pytest.mark.parametrize("name", NOTEBOOKS)
@pytest.mark.slow
def test_each_parameter_is_used(name: str) -> None:
    """A parameter that nothing reads would promise an effect that it has not."""
    code = "\n".join(cell.source for cell in cells_of(name)[2:] if cell.cell_type == "code")
    names = declared(name).get("parameters") or []
    # The export is what `open_project` opens; it reads it from the cell's variables.
    wanted = [key for key in names if key != "export"]
    words = {"codebook": r"project\.codebook|project\.plan", "plan": r"project\.plan"}
    words["coding"] = r"project\.coding"
    assert [key for key in wanted if not re.search(words.get(key, rf"\b{key}\b"), code)] == []


@pytest.mark.parametrize("name", NOTEBOOKS)
@pytest.mark.slow
def test_cells_are_short_and_define_nothing(name: str) -> None:
    for position, cell in enumerate(cells_of(name)):
        if cell.cell_type != "code":
            continue
        nodes = ast.walk(ast.parse(cell.source))
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        assert not [node for node in nodes if isinstance(node, kinds)], f"cell {position}"
        assert lines(cell) <= MOST_LINES, f"cell {position}"


def lines(cell: Any) -> int:
    return sum(bool(line.strip()) for line in cell.source.splitlines())


@pytest.mark.slow
def test_most_cells_are_under_ten_lines() -> None:
    code = [cell for name in NOTEBOOKS for cell in cells_of(name) if cell.cell_type == "code"]
    assert sum(lines(cell) < SHORT for cell in code) > len(code) / 2


@pytest.mark.parametrize("name", NOTEBOOKS)
@pytest.mark.slow
def test_prose_states_no_number_that_is_set_elsewhere(name: str) -> None:
    """A level or a size that stands in words would contradict a plan or an export that changes."""
    for position, cell in enumerate(cells_of(name)):
        found = SET_ELSEWHERE.search(cell.source)
        assert found is None, f"cell {position}: {found[0] if found else ''}"


@pytest.mark.parametrize("name", NOTEBOOKS)
@pytest.mark.slow
def test_sections_stand_before_their_code(name: str) -> None:
    """A reader of the page, where code is folded, must know what the next result is about."""
    kinds = [cell.cell_type for cell in cells_of(name)]
    prose = [cell.source for cell in cells_of(name) if cell.cell_type == "markdown" and cell.source]
    assert kinds[0] == "markdown"
    assert sum(text.lstrip().startswith("## ") for text in prose) >= 2


def test_an_interval_beside_an_adjusted_p_says_whether_it_is_adjusted() -> None:
    beside = 0
    for name, table in recorded_tables():
        shown = {column["entry"] for column in table["columns"]}
        if {"low", "high"} <= shown and any("adjusted" in column for column in shown):
            beside += 1
            assert re.search(r"not adjusted|simultaneous", table["note"]), name
    assert beside >= 12  # the tests of notebooks 02, 03 and 04
