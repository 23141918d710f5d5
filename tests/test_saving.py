"""Saving in JupyterLab puts no output of a run of its own into a file that git tracks."""

from __future__ import annotations

import copy
import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
from nbformat import v4

from mlsec_survey.report.html import render
from mlsec_survey.runner.saving import before_saving, is_own_run

ROOT = Path(__file__).resolve().parents[1]


def notebook(result: str, own_run: str | None = None) -> nbformat.NotebookNode:
    """Return an executed notebook whose second cell shows a result."""
    box = render("place", synthetic=own_run is None, reads=[], writes=[], own_run=own_run)
    cells = [
        v4.new_code_cell(code, outputs=[v4.new_output("display_data", {"text/html": shown})])
        for code, shown in (("project.describe()", box), ("pub.table()", result))
    ]
    return v4.new_notebook(cells=[*cells, v4.new_markdown_cell("Prose.")])


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "notebooks" / "02_sample.ipynb"
    path.parent.mkdir()
    nbformat.write(notebook("<p>synthetic</p>"), path)
    return path


def save(session: Any, path: Path) -> nbformat.NotebookNode:
    manager = SimpleNamespace(root_dir=str(path.parents[1]))
    model = {"type": "notebook", "content": session}
    before_saving(model=model, path=f"notebooks/{path.name}", contents_manager=manager)
    return model["content"]


@pytest.mark.parametrize(
    "why", ["runs/export/, since the answers may be real", "runs/by-hand/, since seed is 7"]
)
def test_outputs_of_a_run_of_its_own_are_not_saved(saved: Path, why: str) -> None:
    session = notebook("<p>three real people</p>", why)
    session.cells[2].source = "Better prose."
    session.cells.append(v4.new_code_cell("new()", outputs=[v4.new_output("stream", text="real")]))
    written = save(session, saved)
    assert "real" not in nbformat.writes(written).replace("Better", "")
    assert written.cells[1].outputs == notebook("<p>synthetic</p>").cells[1].outputs
    assert written.cells[2].source == "Better prose." and written.cells[3].outputs == []


def test_what_is_not_there_yet_is_saved_without_outputs(saved: Path) -> None:
    written = save(notebook("<p>real</p>", "runs/export/, since x"), saved.with_name("new.ipynb"))
    assert not any(cell.get("outputs") for cell in written.cells)


def test_notes_of_jupytext_are_saved_only_where_they_are_already(saved: Path) -> None:
    session = notebook("<p>of this session</p>")
    session.metadata["jupytext"] = {"cell_metadata_filter": "tags"}
    assert "jupytext" in save(copy.deepcopy(session), saved.with_name("new.ipynb")).metadata
    assert "jupytext" not in save(session, saved).metadata


def test_other_notebooks_are_saved_as_they_are(saved: Path) -> None:
    session = notebook("<p>of this session</p>")
    assert save(copy.deepcopy(session), saved) == session
    manager = SimpleNamespace(root_dir=str(saved.parents[1]))
    before_saving(model={"type": "file", "content": "x"}, path="x.txt", contents_manager=manager)


def test_the_project_s_own_notebooks_are_no_run_of_their_own() -> None:
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        assert not is_own_run(nbformat.read(path, as_version=4)), path.name


def test_the_environment_s_jupyter_has_the_hook() -> None:
    settings = json.loads((ROOT / "src/mlsec_survey/runner/jupyter_server.json").read_text())
    module, _, name = settings["ContentsManager"]["pre_save_hook"].rpartition(".")
    assert getattr(importlib.import_module(module), name) is before_saving
    installed = Path(sys.prefix, "etc/jupyter/jupyter_server_config.json")
    assert json.loads(installed.read_text()) == settings
