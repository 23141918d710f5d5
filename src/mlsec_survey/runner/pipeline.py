"""The pipeline as notebooks/pipeline.yml declares it: notebooks in order, inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.parameters import PIPELINE, Parameter, Schema, read_schema

PUBLISHED = "published:"
_NOTEBOOK_KEYS = {"title", "question", "parameters", "inputs", "outputs", "kind", "seconds"}


@dataclass(frozen=True)
class NotebookEntry:
    """One notebook as declared.

    Attributes:
        inputs: paths, names of parameters that hold a path, or `published:NOTEBOOK`.
        outputs: files that it writes besides what it publishes.
        kind: `analysis` runs in every run; `comparison` runs once after a batch, `waves` when a
            file of waves is given.
        seconds: about how long it takes; of those that could begin, the longest does.
    """

    name: str
    title: str
    question: str
    parameters: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    kind: str = "analysis"
    seconds: float = field(default=0, repr=False)

    @property
    def source(self) -> Path:
        """The text notebook that is edited."""
        return Path("notebooks") / f"{self.name}.py"

    @property
    def executed(self) -> Path:
        """The notebook that is executed and read."""
        return Path("notebooks") / f"{self.name}.ipynb"

    @property
    def record(self) -> Path:
        """The record of what it published."""
        return record_path(self.name)


@dataclass(frozen=True)
class Pages:
    """What the pages hold besides notebooks; paths below the project's folder.

    Attributes:
        answers: what the first page opens with, or None.
        glossary: the terms, or None for pages without a glossary.
        explorer: the notebook that writes the analysis file which the explorer counts, or None.
        audit: what the self-assessment asks about, or None; it needs an explorer.
    """

    answers: Path | None = None
    glossary: Path | None = None
    explorer: str | None = None
    audit: Path | None = None


@dataclass(frozen=True)
class Pipeline:
    """All notebooks with their parameters, the paper and the pages."""

    schema: Schema
    notebooks: Mapping[str, NotebookEntry]
    paper_main: Path | None
    paper_inputs: tuple[Path, ...] = ()
    pages: Pages = field(default_factory=lambda: Pages())

    @property
    def parameters(self) -> dict[str, Any]:
        """The default of each parameter."""
        return self.schema.defaults

    @property
    def settable(self) -> list[str]:
        """The names of the parameters that a run can be given."""
        used = {name for entry in self.analysis for name in entry.parameters}
        entries = self.schema.parameters.items()
        return [name for name, parameter in entries if name in used and not parameter.how]

    def setting(self, name: str) -> Parameter:
        """Return the parameter that a run can be given under a name.

        Raises:
            InputError: no notebook of a run has it, or it says how to compute and not what.
        """
        if name in self.schema.parameters and self.schema.parameters[name].how:
            raise InputError(
                f"parameter {name} says how to compute, not what",
                remedy=f"give --{name} on the command line",
            )
        return self.schema.find(name, self.settable)

    @property
    def analysis(self) -> tuple[NotebookEntry, ...]:
        """The notebooks that make a run, in order."""
        return tuple(entry for entry in self.notebooks.values() if entry.kind == "analysis")

    def by_start(self) -> tuple[NotebookEntry, ...]:
        """Return the notebooks that make a run in the order in which they should begin."""
        waiting, begun = list(self.analysis), list[NotebookEntry]()
        while waiting:
            names = {entry.name for entry in begun}
            ready = [entry for entry in waiting if names.issuperset(self.after(entry))]
            begun.append(max(ready, key=lambda entry: entry.seconds))
            waiting.remove(begun[-1])
        return tuple(begun)

    def after(self, entry: NotebookEntry) -> tuple[str, ...]:
        """Return the notebooks whose outputs or published results `entry` reads."""
        makers = {path: other.name for other in self.notebooks.values() for path in other.outputs}
        names = [
            name.removeprefix(PUBLISHED) if name.startswith(PUBLISHED) else makers.get(name)
            for name in entry.inputs
        ]
        return tuple(dict.fromkeys(name for name in names if name))


@dataclass(frozen=True)
class NotebookJob:
    """One notebook to execute.

    Attributes:
        name: the notebook's name.
        source: text of the notebook in percent format.
        parameters: those to inject, without those that have their default.
        project: folder with the inputs.
        run: folder with what earlier notebooks of the run wrote.
        output: folder that receives what this notebook writes.
        settings: further environment of the kernel.
    """

    name: str
    source: str
    parameters: Mapping[str, Any]
    project: Path
    run: Path
    output: Path
    settings: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """What tells the kernel where it reads and writes."""
        return {
            "MLSEC_PROJECT": str(self.project),
            "MLSEC_RUN": str(self.run),
            "MLSEC_OUTPUT": str(self.output),
            "MLSEC_NOTEBOOK": self.name,
            **self.settings,
        }


def record_path(notebook: str) -> Path:
    """Return where the record of what a notebook published stands, below the run's folder."""
    return Path("paper") / "generated" / "records" / f"{notebook}.json"


def load_pipeline(root: Path) -> Pipeline:
    """Read notebooks/pipeline.yml.

    Raises:
        InputError: the file is malformed, names a notebook without a source, a parameter without a
            default or a cycle.
    """
    path = root / PIPELINE
    try:
        content = yaml.load(
            path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        )
        pipeline = _parse(content)
    except FileNotFoundError:
        raise InputError(
            "no such file", file=PIPELINE, remedy="run from the compendium's folder"
        ) from None
    except (yaml.YAMLError, AttributeError, TypeError, KeyError) as error:
        raise InputError(
            f"not a valid pipeline: {error}", file=PIPELINE, remedy="see the comments in that file"
        ) from None
    _check(pipeline, root)
    return pipeline


def _parse(content: Any) -> Pipeline:
    notebooks = {}
    for name, fields in content["notebooks"].items():
        unknown = set(fields) - _NOTEBOOK_KEYS
        if unknown:
            raise KeyError(f"notebook {name} has unknown entries {sorted(unknown)}")
        lists = {key: tuple(fields.get(key) or ()) for key in ("parameters", "inputs", "outputs")}
        notebooks[name] = NotebookEntry(
            name,
            fields["title"],
            fields["question"],
            kind=fields.get("kind", "analysis"),
            seconds=float(fields.get("seconds", 0)),
            **lists,
        )
    paper = content.get("paper") or {}
    return Pipeline(
        schema=read_schema(content.get("parameters")),
        notebooks=notebooks,
        paper_main=Path(paper["main"]) if paper else None,
        paper_inputs=tuple(Path(entry) for entry in paper.get("inputs", ())),
        pages=_pages(content.get("pages") or {}),
    )


def _pages(content: Mapping[str, str]) -> Pages:
    unknown = set(content) - {"answers", "glossary", "explorer", "audit"}
    if unknown:
        raise KeyError(f"pages has unknown entries {sorted(unknown)}")
    answers, glossary, audit = (
        Path(content[name]) if name in content else None
        for name in ("answers", "glossary", "audit")
    )
    return Pages(answers, glossary, content.get("explorer"), audit)


def _check(pipeline: Pipeline, root: Path) -> None:
    seen: set[str] = set()
    for entry in pipeline.notebooks.values():
        if not (root / entry.source).is_file():
            raise InputError(
                f"notebook {entry.name} has no source",
                file=entry.source,
                remedy="add it, or remove the entry",
            )
        for name in entry.parameters:
            if name not in pipeline.schema.parameters:
                raise InputError(
                    f"notebook {entry.name}: parameter {name!r} is not described",
                    file=PIPELINE,
                    value=name,
                    remedy="add it under `parameters`",
                )
        for name in pipeline.after(entry):
            if name not in pipeline.notebooks:
                raise InputError(
                    f"notebook {entry.name} reads what {name!r} published, which is no notebook",
                    file=PIPELINE,
                    value=name,
                    remedy="name one of " + ", ".join(pipeline.notebooks),
                )
            if name not in seen:
                raise InputError(
                    f"notebook {entry.name} reads from {name}, which comes after it",
                    file=PIPELINE,
                    remedy="put notebooks in the order in which they run",
                )
        seen.add(entry.name)
