"""Batches: many runs that differ in data, plan, codebook, seed or another parameter.

All steps of all runs are done side by side. What two runs have in common is done once, since
results are kept by the content that they were made from. A failure stops what depends on it in its
own run, and nothing else. At the end the runs that are complete are compared in a notebook.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.yaml_input import (
    Entry,
    Location,
    Sequence,
    YamlDocument,
    near,
    read_yaml,
    validate,
)
from mlsec_survey.parallel.tasks import WORKERS_VARIABLE
from mlsec_survey.runner.engine import Outcome, do
from mlsec_survey.runner.fingerprint import combined, digest, file_digest
from mlsec_survey.runner.pipeline import NotebookEntry, Pipeline, record_path
from mlsec_survey.runner.selection import forced, state, wanted
from mlsec_survey.runner.steps import (
    DEFAULT_RUN,
    Run,
    Step,
    notebook_step,
    page_step,
    steps_of,
)
from mlsec_survey.runner.store import Store
from mlsec_survey.runner.workspace import Workspace

MOST_RUNS = 10_000
_RUN = "RUN\0"
RunName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Values = Annotated[Sequence[Any], Field(min_length=1)]


class RunEntry(Entry):
    """One run: its name, which is also its folder's, and the parameters that it changes."""

    name: RunName
    parameters: dict[str, Any] = Field(default_factory=dict)


class Grid(Entry):
    """Runs for all combinations of some parameters' values, named `NAME-VALUE-VALUE`."""

    name: RunName
    over: Annotated[dict[str, Values], Field(min_length=1)]
    parameters: dict[str, Any] = Field(default_factory=dict)


class BatchFile(Entry):
    """A batch as written in its file.

    Attributes:
        parameters: for all runs, unless a run says otherwise.
        pages: whether each run gets its web pages.
        pdf: whether each run gets its paper.
        reference: the run that others are compared with; the first one if not said.
    """

    version: Literal[1]
    parameters: dict[str, Any] = Field(default_factory=dict)
    runs: Sequence[RunEntry] = ()
    grids: Sequence[Grid] = ()
    pages: bool = True
    pdf: bool = False
    compare: bool = True
    reference: RunName | None = None


@dataclass(frozen=True)
class Batch:
    """A batch, checked and with its grids expanded.

    Attributes:
        name: of the file without ending; names the folder of the comparison.
        runs: parameters that differ from the defaults, by name of the run, in order.
    """

    name: str
    runs: Mapping[str, Mapping[str, Any]]
    pages: bool
    pdf: bool
    compare: bool
    reference: str


def load_batch(path: Path, root: Path, pipeline: Pipeline) -> Batch:
    """Read a batch file and check it against the pipeline.

    Args:
        path: the file.
        root: folder of the project, which files named in parameters are relative to.
        pipeline: says which parameters there are.

    Raises:
        InputError: names file, line, entry and what to do.
    """
    document = read_yaml(path)
    content = validate(document, BatchFile)
    name = re.sub(r"[^A-Za-z0-9._-]", "_", path.stem).lstrip("._-")[:64] or "batch"
    for key, value in content.parameters.items():
        _check_parameter(document, ("parameters", key), key, value, root, pipeline)
    runs: dict[str, dict[str, Any]] = {}
    for location, run_name, parameters in _expanded(content):
        owners = {DEFAULT_RUN: "the project itself", name: "the comparison of this batch"}
        if run_name in runs or run_name in owners:
            raise document.error(
                (*location, "name"),
                f"the name is taken by {owners.get(run_name, 'another run')}",
                value=run_name,
                remedy="give each run a name of its own",
            )
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", run_name):
            raise document.error(
                (*location, "name"),
                "cannot name a run",
                value=run_name,
                remedy="use fewer or shorter values, or list these runs under `runs`",
            )
        if len(runs) == MOST_RUNS:
            raise document.error(location, f"more than {MOST_RUNS:,} runs")
        for key in parameters:
            within = "over" if location[0] == "grids" and key in _over(content, location) else None
            place = (*location, within or "parameters", key)
            _check_parameter(document, place, key, parameters[key], root, pipeline)
        merged = content.parameters | parameters
        runs[run_name] = {
            key: value for key, value in merged.items() if value != pipeline.parameters[key]
        }
    if not runs:
        raise InputError(
            "the batch has no run", file=path, remedy="list some under `runs` or `grids`"
        )
    reference = content.reference or next(iter(runs))
    if reference not in runs:
        raise document.error(
            ("reference",), "no run has this name", value=reference, remedy=near(reference, runs)
        )
    return Batch(name, runs, content.pages, content.pdf, content.compare, reference)


def _expanded(content: BatchFile) -> Iterator[tuple[Location, str, dict[str, Any]]]:
    for position, run in enumerate(content.runs):
        yield ("runs", position), run.name, run.parameters
    for position, grid in enumerate(content.grids):
        for values in itertools.product(*grid.over.values()):
            name = "-".join([grid.name, *map(_word, values)])
            yield (
                ("grids", position),
                name,
                grid.parameters | dict(zip(grid.over, values, strict=True)),
            )


def _over(content: BatchFile, location: Location) -> Mapping[str, Any]:
    return content.grids[int(location[1])].over


def _word(value: Any) -> str:
    """Return a value as part of a name: of a path its last part without ending."""
    text = Path(value).stem if isinstance(value, str) else str(value)
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text)


def _check_parameter(
    document: YamlDocument, place: Location, name: str, value: Any, root: Path, pipeline: Pipeline
) -> None:
    try:
        pipeline.setting(name).check(value, root=root)
    except InputError as error:
        details = {"value": error.value, "remedy": error.remedy}
        raise document.error(place, error.problem, **details) from None


def run_batch(options: argparse.Namespace, work: Workspace, store: Store) -> int:
    """Do all runs of a batch, compare them, sum up, and return the exit status.

    Args:
        options: of the command line: batch, force, no_pdf, only, scheduler, list.
        work: what steps need; with a scheduler the notebooks are sent to its workers.
        store: keeps results.
    """
    started = time.monotonic()
    _refuse(options)
    batch = load_batch(options.batch, work.root, work.pipeline)
    runs = [
        Run(name, work.root / "runs" / name, parameters, pdf=batch.pdf and not options.no_pdf)
        for name, parameters in batch.runs.items()
    ]
    steps = [step for run in runs for step in _steps(run, work, batch, options.only)]
    if options.list:
        for step in steps:
            print(f"{state(step, store):9} {step.label}")
        return 0
    # Notebooks fill the processors side by side; none of them should start more processes.
    os.environ.setdefault(WORKERS_VARIABLE, "1")
    force = forced(steps, options.force, options.only)
    with _remote(work):
        outcome = do(steps, store, work, force=force)
    bad = {step.run.name for step in steps if step.label in {*outcome.failed, *outcome.left_out}}
    complete = [run for run in runs if run.name not in bad]
    if batch.compare and not options.only and len(complete) > 1:
        compared = _compare(batch, complete, work)
        outcome.add(do(compared, store, work, quiet=True))
    store.prune()
    _summarise(batch, runs, bad, outcome, time.monotonic() - started)
    return outcome.exit_status


@contextmanager
def _remote(work: Workspace) -> Iterator[None]:
    """Send notebooks, in this block, to the workers of the scheduler if there is one."""
    if work.scheduler is None:
        yield
        return
    # Loaded only where there is a cluster.
    from mlsec_survey.runner.cluster import Remote

    with Remote(work.scheduler, work.root, work.cache) as work.remote:
        # What runs on a worker is computed there.
        work.scheduler = None
        yield
    work.remote = None


def _refuse(options: argparse.Namespace) -> None:
    for given, name in ((options.run, "--run"), (options.set, "--set"), (options.why, "--why")):
        if given:
            raise InputError(
                f"{name} and --batch do not go together",
                remedy="a batch's runs and parameters stand in its file"
                if name != "--why"
                else "name the run: --run NAME --why STEP, with its parameters",
            )


def _steps(run: Run, work: Workspace, batch: Batch, only: list[str] | None) -> list[Step]:
    steps = steps_of(run, work)
    if not run.pdf:
        # The macros are read by nothing but the paper.
        steps = [step for step in steps if step.name != "numbers"]
    if only:
        steps = wanted(steps, only)
    return [step for step in steps if batch.pages or not step.name.endswith(".html")]


def _compare(batch: Batch, runs: list[Run], work: Workspace) -> list[Step]:
    """Return the steps that compare complete runs, with the notebooks of kind `comparison`."""
    names = [run.name for run in runs]
    reference = batch.reference if batch.reference in names else names[0]
    folder = work.root / "runs" / batch.name
    parameters = {"runs": [reference, *(name for name in names if name != reference)]}
    into = Run(batch.name, folder, parameters, pdf=False)
    steps = []
    for entry in work.pipeline.notebooks.values():
        if entry.kind == "comparison":
            made = notebook_step(into, entry, work)
            steps += [
                replace(made, inputs=_with_results(made, runs, work)),
                page_step(into, entry, work, _links(entry, names, batch)),
            ]
    return steps


def _links(entry: NotebookEntry, names: list[str], batch: Batch) -> list[tuple[str, str]]:
    own = [(entry.name, entry.title)]
    if not batch.pages or len(names) > 12:
        return own
    return own + [(f"../../{name}/html/index", name) for name in names]


def _with_results(step: Step, runs: list[Run], work: Workspace) -> Any:
    def inputs() -> dict[str, str]:
        found = step.inputs()
        for run in runs:
            read = {"tables": file_digest(run.folder / "paper" / "generated" / "tables")}
            for entry in work.pipeline.analysis:
                read[entry.name] = file_digest(run.folder / record_path(entry.name))
                read[f"{entry.name}.ipynb"] = file_digest(run.folder / entry.executed)
            found[f"run {run.name}"] = combined(read)
        return found | {"runs": digest(repr([run.name for run in runs]).encode())}

    return inputs


def _summarise(
    batch: Batch, runs: list[Run], bad: set[str], outcome: Outcome, seconds: float
) -> None:
    """Print how many runs are complete, what was done, and each failure once."""
    parts = [f"{len(runs) - len(bad)} of {len(runs)} runs complete"]
    for word, labels in (
        ("made", outcome.made),
        ("reused", outcome.reused),
        ("unchanged", outcome.current),
    ):
        if labels:
            parts.append(f"{word} {len(labels)} steps")
    print(f"{', '.join(parts)} ({seconds:.1f} s)")
    alike: dict[str, list[str]] = {}
    for label, error in outcome.failed.items():
        run = label.partition("/")[0]
        alike.setdefault(str(error).replace(f"/{run}/", f"/{_RUN}/"), []).append(label)
    for message, labels in alike.items():
        print(f"failed {labels[0]}: {message.replace(_RUN, labels[0].partition('/')[0])}")
        if len(labels) > 1:
            print(f"  the same happened in {len(labels) - 1} more: {', '.join(labels[1:])}")
    if outcome.left_out:
        print(f"left out {len(outcome.left_out)} steps that depend on these")
    done = [*outcome.made, *outcome.reused, *outcome.current]
    compared = any(label.startswith(f"{batch.name}/") for label in done)
    print("runs: runs/NAME/" + (f"   comparison: runs/{batch.name}/html/" if compared else ""))
