"""Executing one notebook with papermill, and making the result the same on every run."""

from __future__ import annotations

import logging
import os
import re
from collections import deque
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import papermill
from nbformat import NotebookNode
from papermill.engines import papermill_engines

from mlsec_survey.base.errors import AnalysisError, CompendiumError, InputError
from mlsec_survey.runner.fingerprint import digest
from mlsec_survey.runner.kernels.engine import ForkedKernelEngine
from mlsec_survey.runner.pipeline import NotebookJob

KERNEL = "python3"
_ENGINE = "compendium"


class _Engine(ForkedKernelEngine):
    """Lets its caller hold the notebook under way, so that it can be shown after a failure."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *arguments: Any, **options: Any
    ) -> Any:
        options.pop("under_way").append(nb_man.nb)
        return super().execute_managed_notebook(nb_man, kernel_name, *arguments, **options)


papermill_engines.register(_ENGINE, _Engine)


class PassedOnInputError(InputError):
    """An input error that a notebook raised; its message is complete already."""

    def __init__(self, message: str) -> None:
        self._complete = message
        super().__init__(message)

    def _message(self) -> str:
        return self._complete


def read_notebook(source: str) -> NotebookNode:
    """Return a notebook from its text in percent format, with cell ids that depend on content."""
    notebook = jupytext.reads(source, fmt="py:percent")
    return _plain(notebook)


def sources_in(notebook: NotebookNode | Path) -> list[tuple[str, str]]:
    """Return kind and source of each cell, parameters that papermill injected left out.

    Args:
        notebook: or its file; nothing is found in a file that is no notebook.
    """
    try:
        read = nbformat.read(notebook, as_version=4) if isinstance(notebook, Path) else notebook
    except (OSError, ValueError, nbformat.ValidationError):
        return []
    return [
        (cell.cell_type, cell.source.rstrip("\n")) for cell in read.cells if not _is_injected(cell)
    ]


def _is_injected(cell: NotebookNode) -> bool:
    """Return whether papermill put the cell in, with parameters."""
    return "injected-parameters" in cell.metadata.get("tags", [])


def execute_notebook(job: NotebookJob, failed: Path, *, fork: bool = True) -> None:
    """Execute a notebook and write it, executed, to notebooks/NAME.ipynb below the job's output.

    Args:
        job: what to execute.
        fork: whether its kernel is forked where that is possible.
        failed: where the notebook is kept for inspection if a cell fails.

    Raises:
        InputError: the notebook met an input that cannot be used.
        AnalysisError: a cell failed; names notebook, cell and exception.
    """
    for name in ("papermill", "papermill.translators", "traitlets"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    notebook = read_notebook(job.source)
    notebook.metadata.kernelspec = {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": KERNEL,
    }
    under_way: list[NotebookNode] = []
    try:
        done = papermill.execute_notebook(
            notebook,
            None,
            parameters=dict(job.parameters),
            engine_name=_ENGINE,
            under_way=under_way,
            kernel_name=KERNEL,
            fork=fork,
            env=os.environ | job.environment,
            kernel_cwd=job.project / "notebooks",
            progress_bar=False,
            log_output=False,
        )
    except Exception as error:
        if isinstance(error, papermill.PapermillExecutionError) and error.ename.endswith(
            "InputError"
        ):
            raise PassedOnInputError(error.evalue.replace(f"{job.project}/", "")) from None
        if isinstance(error, CompendiumError) or not under_way:
            raise
        where = _failed_cell(under_way[0])
        failed.parent.mkdir(parents=True, exist_ok=True)
        failed.write_text(notebook_text(under_way[0]), encoding="utf-8")
        raise AnalysisError(
            f"notebook {job.name}, {where}: {_what(error)}\n"
            f"  What to do: look at {_shown(failed)}, where the notebook is kept as far as it went"
        ) from None
    target = job.output / "notebooks" / f"{job.name}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(notebook_text(done), encoding="utf-8")


def with_prose_of(source: str, executed: str) -> str:
    """Return an executed notebook's text with the prose of a source whose code is the same.

    Args:
        source: text of the notebook in percent format.
        executed: text of the notebook, executed, whose code cells are those of the source.
    """
    earlier = nbformat.reads(executed, as_version=4)
    executed_cells = deque(cell for cell in earlier.cells if cell.cell_type == "code")
    cells: list[NotebookNode] = []
    for cell in read_notebook(source).cells:
        if cell.cell_type != "code":
            cells.append(cell)
            continue
        cells.append(executed_cells.popleft())
        if executed_cells and _is_injected(executed_cells[0]):
            cells.append(executed_cells.popleft())
    earlier.cells = cells
    return notebook_text(earlier)


def _failed_cell(notebook: NotebookNode) -> str:
    """Return number and section of the cell that was run last."""
    heading, number, where = "", 0, "before its first cell"
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            headings = re.findall(r"(?m)^#+ +(.+)$", cell.source)
            heading = headings[-1].strip() if headings else heading
        elif cell.metadata.get("papermill", {}).get("status") in ("completed", "failed"):
            number += 1
            where = f"cell {number}" + (f" ({heading})" if heading else "")
    return where


def _what(error: Exception) -> str:
    name = getattr(error, "ename", None)
    if name is not None:
        return f"{name}: {(getattr(error, 'evalue', '').strip().splitlines() or [''])[0]}"
    if type(error).__name__ == "DeadKernelError":
        return "its kernel died; it was killed, or memory ran out"
    return f"{type(error).__name__}: {error}"


def notebook_text(notebook: NotebookNode) -> str:
    """Return an executed notebook as text that is the same on every run."""
    return nbformat.writes(_plain(notebook), version=4, indent=1) + "\n"


def _shown(path: Path) -> str:
    return (
        "/".join(path.parts[path.parts.index(".cache") :]) if ".cache" in path.parts else path.name
    )


def _plain(notebook: NotebookNode) -> NotebookNode:
    """Remove from a notebook what differs between runs, and name cells by what they hold."""
    kept = {"kernelspec": notebook.metadata.get("kernelspec"), "language_info": {"name": "python"}}
    notebook.metadata.clear()
    notebook.metadata.update({key: value for key, value in kept.items() if value})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata.clear()
        if tags:
            cell.metadata["tags"] = list(tags)
        if "injected-parameters" in (tags or []):
            cell.source = re.sub(r"^# Parameters\n", "# Parameters of this run\n", cell.source)
        name = digest(f"{cell.cell_type}\n{cell.source}".encode())[:12]
        seen[name] = seen.get(name, 0) + 1
        cell["id"] = name if seen[name] == 1 else f"{name}-{seen[name]}"
        if cell.cell_type == "code":
            cell.outputs = [_plain_output(output) for output in _joined(cell.outputs)]
    return notebook


def _joined(outputs: list[Any]) -> list[Any]:
    """Join neighbouring pieces of one stream, which arrive in pieces that depend on timing."""
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if (
            output.output_type == "stream"
            and last is not None
            and last.output_type == "stream"
            and last.name == output.name
        ):
            last.text += output.text
        else:
            joined.append(output)
    return joined


def _plain_output(output: Any) -> Any:
    """Remove folders of this machine from messages, and addresses in memory from descriptions."""
    if output.output_type == "stream":
        output.text = re.sub(r"/[^\s:'\"]*/(?=[\w.-]+\.py)", "", output.text)
    elif "text/plain" in output.get("data", {}):
        plain = output.data["text/plain"]
        output.data["text/plain"] = re.sub(r" at 0x[0-9a-fA-F]+", "", plain)
    return output
