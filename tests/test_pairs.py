"""Notebook pairs: the text and the executed notebook are one, in JupyterLab as under the runner."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nbformat
import pytest
import yaml
from jupytext import TextFileContentsManager

from mlsec_survey.runner.execute import read_notebook, sources_in
from mlsec_survey.runner.fingerprint import Modules
from mlsec_survey.runner.parameters import own_parameters
from mlsec_survey.runner.pipeline import load_pipeline
from small_project import NOTEBOOKS, ROOT, make_project

PIPELINE = load_pipeline(ROOT)
ALL = pytest.mark.parametrize("name", PIPELINE.notebooks)
EXECUTED = pytest.mark.parametrize("name", [entry.name for entry in PIPELINE.analysis])


def text_of(name: str) -> str:
    return (ROOT / "notebooks" / f"{name}.py").read_text(encoding="utf-8")


def test_every_notebook_is_in_the_pipeline() -> None:
    names = {path.stem for path in (ROOT / "notebooks").glob("[0-9]*.*")}
    # What is explored by hand is nobody's result, and no run executes it.
    assert names - {"08_explore"} == set(PIPELINE.notebooks)


@EXECUTED
@pytest.mark.slow
def test_the_pair_has_the_same_cells(name: str) -> None:
    executed = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    nbformat.validate(executed)
    assert sources_in(executed) == sources_in(read_notebook(text_of(name)))
    tags = [cell.metadata.get("tags") for cell in executed.cells]
    assert tags == [cell.metadata.get("tags") for cell in read_notebook(text_of(name)).cells]
    assert not any("injected-parameters" in (tag or []) for tag in tags)
    # Executed from top to bottom, and in no other order.
    counts = [cell.execution_count for cell in executed.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


@EXECUTED
@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_opened_and_saved_in_jupyterlab_either_of_the_pair_leaves_the_other_as_it_is(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "notebooks").mkdir()
    pair = [f"notebooks/{name}.py", f"notebooks/{name}.ipynb"]
    for path in ("jupytext.toml", *pair):
        shutil.copy(ROOT / path, tmp_path / path)
    executed = nbformat.read(tmp_path / pair[1], as_version=4)
    manager = TextFileContentsManager(root_dir=str(tmp_path))
    for path in pair:
        model = manager.get(path)
        # Either shows the text of the one with the outputs of the other.
        assert sources_in(model["content"]) == sources_in(executed)
        assert outputs(model["content"]) == outputs(executed)
        manager.save(model, path=path)
        assert (tmp_path / pair[0]).read_text(encoding="utf-8") == text_of(name)
        assert outputs(nbformat.read(tmp_path / pair[1], as_version=4)) == outputs(executed)


@ALL
@pytest.mark.slow
def test_a_notebook_begins_with_its_question_and_its_parameters(name: str) -> None:
    entry = PIPELINE.notebooks[name]
    cells = read_notebook(text_of(name)).cells
    assert cells[0].cell_type == "markdown"
    assert cells[0].source.startswith("# ")
    assert f"**Question.** {entry.question}" in " ".join(cells[0].source.split())
    assert cells[1].metadata.get("tags") == ["parameters"]
    own = own_parameters(text_of(name))
    assert set(own) == set(entry.parameters)
    # Opened by hand a notebook computes what the runner computes.
    assert {key: PIPELINE.parameters[key] for key in own} == own


@ALL
@pytest.mark.slow
def test_a_notebook_imports_only_modules_that_are_there(name: str) -> None:
    used = Modules(ROOT / "src" / "mlsec_survey").used_by(text_of(name))
    assert "mlsec_survey.project" in used
    for module in used:
        parts = module.split(".")[1:]
        base = (ROOT / "src" / "mlsec_survey").joinpath(*parts)
        assert base.with_suffix(".py").is_file() or (base / "__init__.py").is_file()


@pytest.mark.slow
def test_by_hand_and_under_the_runner_results_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path / "project")
    assert project.call("--no-pdf").status == 0
    before = project.outputs()
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    for name in NOTEBOOKS:
        path = project.root / "notebooks" / f"{name}.ipynb"
        executed = nbformat.read(path, as_version=4)
        again = by_hand(path)
        assert outputs(again) == outputs(executed)
    # The files that notebooks write are the same as well, and the runner finds nothing to do.
    assert project.outputs() == before
    assert project.call("--no-pdf").out.startswith("nothing to do")


def by_hand(path: Path) -> nbformat.NotebookNode:
    """Run all cells as JupyterLab does, with an ordinary kernel in the notebook's folder."""
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    resources = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, kernel_name="python3", resources=resources)
    return client.execute()


def outputs(notebook: nbformat.NotebookNode) -> list[str]:
    return [json.dumps(cell.get("outputs"), sort_keys=True) for cell in notebook.cells]


def test_the_pipeline_has_no_parameter_that_no_notebook_takes() -> None:
    content = yaml.safe_load((ROOT / "notebooks" / "pipeline.yml").read_text())
    taken = {key for entry in PIPELINE.notebooks.values() for key in entry.parameters}
    assert set(content["parameters"]) == taken
