"""The project as a notebook sees it: its inputs, the run's intermediate files, where results go."""

from __future__ import annotations

import ast
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.files import whole, write_whole
from mlsec_survey.base.locations import (
    COLUMNS,
    PRIVATE_RUN,
    find_root,
    resolve_coding,
    resolve_export,
)
from mlsec_survey.base.parameters import PIPELINE, Parameter, Schema, read_schema
from mlsec_survey.base.syntax import parsed

if TYPE_CHECKING:
    import pandas as pd
    from IPython.display import HTML

    from mlsec_survey.instrument.codebook import Codebook
    from mlsec_survey.instrument.manifest import Manifest
    from mlsec_survey.instrument.plan import AnalysisPlan
    from mlsec_survey.report.columns import Columns
    from mlsec_survey.report.publisher import Publisher
    from mlsec_survey.responses.readers import RawExport


@dataclass(frozen=True)
class Project:
    """One notebook's view of the project.

    Attributes:
        notebook: name of the notebook, as in pipeline.yml.
        root: folder of the project; inputs are below it.
        run: folder of this run; what earlier notebooks wrote is below it.
        output: folder that this notebook writes to; the runner installs it in `run` at the end.
        data: folder of another run whose data files serve where this run has none, or None.
        own_run: where results go and why, if a notebook executed by hand has a run of its own.
    """

    notebook: str
    root: Path
    run: Path
    output: Path
    export_path: Path
    codebook_path: Path
    plan_path: Path | None
    coding_path: Path | None
    data: Path | None = None
    own_run: str | None = None

    @cached_property
    def manifest(self) -> Manifest:
        """What the raw export is; decides whether results carry the stand-in label."""
        from mlsec_survey.instrument.manifest import load_manifest

        return load_manifest(self.export_path)

    @cached_property
    def codebook(self) -> Codebook:
        """The codebook."""
        from mlsec_survey.instrument.codebook_file import load_codebook

        return load_codebook(self.codebook_path)

    @cached_property
    def plan(self) -> AnalysisPlan:
        """The analysis plan, checked against the codebook."""
        from mlsec_survey.instrument.plan import load_plan

        if self.plan_path is None:
            raise InputError(f"notebook {self.notebook} was opened without an analysis plan")
        return load_plan(self.plan_path, self.codebook)

    def read_export(self) -> RawExport:
        """Return the raw export, its headings and answers understood by codebook and wording.

        Raises:
            InputError: it is none that a reader knows, or does not fit the codebook.
        """
        from mlsec_survey.instrument.questionnaire.wording import load_wordings
        from mlsec_survey.responses.readers import read_export

        wordings = load_wordings(self.root / "data", self.codebook)
        return read_export(self.export_path, self.codebook, wordings)

    @cached_property
    def columns(self) -> Columns:
        """The registry of columns, with the codebook's labels of response options."""
        from mlsec_survey.report.columns import load_columns

        def labels(item: str) -> dict[str, str]:
            return {str(option.value): option.label for option in self.codebook.options(item)}

        return load_columns(self.root / COLUMNS, labels)

    def describe(self) -> HTML:
        """Return the notebook's place in the pipeline for display: what it reads and writes."""
        from IPython.display import HTML

        from mlsec_survey.base.yaml_input import read_yaml
        from mlsec_survey.report.html import render

        entry = read_yaml(self.root / "notebooks" / "pipeline.yml").content["notebooks"][
            self.notebook
        ]
        return HTML(
            render(
                "place",
                synthetic=self.manifest.synthetic,
                reads=entry.get("inputs") or [],
                writes=entry.get("outputs") or [],
                own_run=self.own_run,
            )
        )

    @property
    def respondents(self) -> int | None:
        """The number of analysed respondents; None as long as notebook 01 has not been run."""
        import pyarrow.parquet as pq

        path = self.run / "data" / "processed" / "responses.parquet"
        return pq.read_metadata(path).num_rows if path.is_file() else None

    def publisher(
        self, *, synthetic: bool | None = None, respondents: int | None = None
    ) -> Publisher:
        """Return the publisher of this notebook's figures, tables and numbers.

        Args:
            synthetic: whether results rest on synthetic answers; default as the manifest says.
            respondents: how many were analysed; default as notebook 01 wrote.
        """
        from mlsec_survey.report.publisher import Publisher

        return Publisher.open(
            self.notebook,
            synthetic=self.manifest.is_synthetic if synthetic is None else synthetic,
            output=self.output,
            columns=self.columns,
            respondents=self.respondents if respondents is None else respondents,
        )

    def published(self, *notebooks: str) -> list[dict[str, Any]]:
        """Return the records of what earlier notebooks of this run published, one per notebook.

        Raises:
            InputError: a record is not there or cannot be read.
        """
        import json

        records = []
        for notebook in notebooks:
            path = self.run / "paper" / "generated" / "records" / f"{notebook}.json"
            try:
                records.append(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError):
                raise InputError(
                    "not there yet, or not readable",
                    file=f"paper/generated/records/{path.name}",
                    remedy=f"run notebook {notebook} first, or `python scripts/run_all.py`",
                ) from None
        return records

    def read(self, name: str) -> pd.DataFrame:
        """Return a table that an earlier notebook of this run wrote to data/processed.

        Raises:
            InputError: it is not there, since the earlier notebook has not been run.
        """
        import pyarrow.parquet as pq

        places = [self.run, *([self.data] if self.data else [])]
        paths = [place / "data" / "processed" / f"{name}.parquet" for place in places]
        path = next((path for path in paths if path.is_file()), paths[0])
        if not path.is_file():
            raise InputError(
                "not there yet",
                file=path.relative_to(self.run if self.own_run is None else self.root),
                remedy="run notebook 01_cleaning first, with the same parameters"
                if self.own_run
                else "run notebook 01_cleaning first, or `python scripts/run_all.py`",
            )
        # Without pandas' detour and without threads: these tables are too small to need either.
        return pq.ParquetFile(path).read(use_threads=False).to_pandas(use_threads=False)

    def write(self, name: str, table: pd.DataFrame) -> None:
        """Write a table to data/processed, whole or not at all, as the ending of `name` says."""
        path = self.output / "data" / "processed" / name
        if path.suffix == ".parquet":
            import pyarrow as pa
            import pyarrow.parquet as pq

            with whole(path) as part:
                pq.write_table(pa.Table.from_pandas(table, preserve_index=False, nthreads=1), part)
            return
        from mlsec_survey.base.text_safety import safe_csv

        # To plain values by column; what is missing is an empty cell.
        columns = (table[name].astype(object).where(table[name].notna(), "") for name in table)
        write_whole(path, safe_csv(table.columns, zip(*columns, strict=True)).encode())


def open_project(notebook: str, cell: Mapping[str, Any]) -> Project:
    """Return the project as `notebook` sees it, under the runner or by hand.

    Under the runner MLSEC_PROJECT, MLSEC_RUN and MLSEC_OUTPUT say where inputs, intermediate files
    and results are. By hand it is the project's own folder, if all parameters have the values that
    notebooks/pipeline.yml gives them and the answers are synthetic; else a folder of its own below
    runs/, so that what the project keeps is not overwritten by other results.

    Args:
        notebook: its name.
        cell: variables of the notebook, its parameters among them: `globals()`.

    Raises:
        InputError: a parameter is unknown, is not set, or does not take the value that it has.
    """
    root = find_root()
    schema, declared = _declared(root, notebook)
    for name in (*declared, *_injected()):
        schema.find(name, declared)
        if name not in cell:
            raise InputError(
                f"parameter {name} is not set",
                file=f"notebooks/{notebook}.py",
                remedy="run the notebook's first cell, which sets its parameters",
            )
        schema.parameters[name].check(cell[name], root=root)
    given = schema.defaults | {name: cell[name] for name in declared}
    export_path = resolve_export(root, given.get("export", "auto"))
    run = Path(os.environ.get("MLSEC_RUN") or root)
    project = Project(
        notebook=notebook,
        root=root,
        run=run,
        output=Path(os.environ.get("MLSEC_OUTPUT") or run),
        export_path=export_path,
        codebook_path=root / given.get("codebook", "data/codebook.yml"),
        plan_path=root / given["plan"] if "plan" in declared else None,
        coding_path=resolve_coding(root, given.get("coding", "auto"), export_path),
    )
    if "MLSEC_RUN" in os.environ or "MLSEC_OUTPUT" in os.environ:
        return project
    others = [
        schema.parameters[name]
        for name in declared
        if given[name] != schema.parameters[name].default and not schema.parameters[name].how
    ]
    return _by_hand(project, others, given, reads_answers="export" in declared)


def _by_hand(
    project: Project, others: list[Parameter], values: Mapping[str, Any], reads_answers: bool
) -> Project:
    """Give a notebook that is executed by hand a run of its own where it needs one.

    Args:
        project: as it is for the project's own parameters.
        others: parameters that have another value than the project's own.
        values: of all parameters.
        reads_answers: whether the notebook reads the export.
    """
    from mlsec_survey.instrument.manifest import may_be_tracked

    private = reads_answers and not may_be_tracked(project.export_path)
    if not others and not private:
        return project
    words = [f"{one.name}-{Path(str(values[one.name])).stem}" for one in others]
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", "-".join(["by-hand", *words]))
    if len(name) > 64:
        name = f"{name[:51]}-{hashlib.sha256(repr(words).encode()).hexdigest()[:12]}"
    folder = f"runs/{name}" if others else PRIVATE_RUN
    reasons = [f"{one.name} is {values[one.name]!r} here" for one in others]
    reasons += ["the answers may be those of real people"] if private else []
    files = any(one.type in ("file", "folder") for one in others)
    return replace(
        project,
        run=project.root / folder,
        output=project.root / folder,
        # Draws change no data file, so those of the project's own run serve as well.
        data=None if files or private else project.root,
        own_run=f"{folder}/, since {' and '.join(reasons)}",
    )


def _declared(root: Path, notebook: str) -> tuple[Schema, list[str]]:
    """Return all parameters, and the names of those that a notebook takes."""
    from mlsec_survey.base.yaml_input import read_yaml

    content = read_yaml(root / PIPELINE).content
    entry = content["notebooks"].get(notebook) or {}
    return read_schema(content.get("parameters")), list(entry.get("parameters") or ())


def _injected() -> set[str]:
    """Return the names in the cell of parameters that papermill has put into this notebook.

    A name that the notebook does not know would otherwise go unnoticed, and its default be used.
    """
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    cells = [] if shell is None else shell.user_ns.get("In", [])
    names: set[str] = set()
    for source in cells:
        if source.startswith("# Parameters"):
            for statement in parsed(source).body:
                if isinstance(statement, ast.Assign):
                    names |= {n.id for n in statement.targets if isinstance(n, ast.Name)}
    return names
