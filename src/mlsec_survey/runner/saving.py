"""What JupyterLab writes when a notebook of the project is saved by hand.

Outputs of a run of its own (other parameters, or answers of real people) belong to that run. Were
they saved with the notebook, they would stand in a file that git tracks. So saving keeps code and
prose, and of the outputs those that the file already has.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import nbformat

# The class that the box of a notebook in a run of its own has (report/templates/place.html.j2).
OWN_RUN = 'class="place own-run"'

Cell = MutableMapping[str, Any]


def is_own_run(notebook: MutableMapping[str, Any]) -> bool:
    """Return whether an output of the notebook says that its results go to a run of its own."""
    return any(
        OWN_RUN in "".join(output.get("data", {}).get("text/html", ""))
        for cell in _code(notebook)
        for output in cell["outputs"]
    )


def keep_outputs(notebook: MutableMapping[str, Any], before: MutableMapping[str, Any]) -> None:
    """Put the outputs of the file in the place of those of the session.

    Args:
        notebook: as it is about to be saved; changed in place.
        before: as it was saved last; a cell whose code is not in it is left without output.
    """
    known: dict[str, Cell] = {}
    for cell in _code(before):
        known.setdefault(cell["source"], cell)
    for cell in _code(notebook):
        old = known.get(cell["source"], {})
        cell["outputs"] = old.get("outputs", [])
        cell["execution_count"] = old.get("execution_count")


def before_saving(model: dict[str, Any], path: str, contents_manager: Any, **_: Any) -> None:
    """Save what was changed by hand and nothing else: a `pre_save_hook` of Jupyter.

    Outputs of a run of its own stay out of the file, and so do jupytext's notes on how it pairs
    files, where the file has none: jupytext.toml says that.

    Args:
        model: what is saved; its content is changed in place.
        path: of the file, from the folder that Jupyter was started in.
        contents_manager: of Jupyter; tells that folder.
    """
    notebook = model.get("content")
    if model.get("type") != "notebook" or not notebook:
        return
    file = Path(contents_manager.root_dir) / path.lstrip("/")
    before = nbformat.v4.new_notebook()
    if file.suffix == ".ipynb" and file.is_file():
        before = nbformat.read(file, as_version=4)
        if "jupytext" not in before["metadata"]:
            notebook["metadata"].pop("jupytext", None)
    if is_own_run(notebook):
        keep_outputs(notebook, before)


def _code(notebook: MutableMapping[str, Any]) -> Iterator[Cell]:
    return (cell for cell in notebook["cells"] if cell["cell_type"] == "code")
