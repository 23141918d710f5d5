"""The project as a notebook sees it: its inputs, the run's intermediate files, where results go."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.locations import (
    COLUMNS,
    PRIVATE_RUN,
    find_root,
    resolve_coding,
    resolve_export,
)

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
    """

    notebook: str
    root: Path
    run: Path
    output: Path
    export_path: Path
    codebook_path: Path
    plan_path: Path | None
    coding_path: Path | None

    @cached_property
    def manifest(self) -> Manifest:
        """What the raw export is; decides whether results carry the stand-in label."""
        from mlsec_survey.instrument.manifest import load_manifest

        return load_manifest(self.export_path)

    @cached_property
    def codebook(self) -> Codebook:
        """The codebook."""
        from mlsec_survey.instrument.codebook import load_codebook

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
            )
        )

    @property
    def respondents(self) -> int | None:
        """The number of analysed respondents; None as long as notebook 01 has not been run."""
        import pyarrow.parquet as pq

        path = self.run / "data" / "processed" / "responses.parquet"
        return pq.read_metadata(path).num_rows if path.is_file() else None

    def publisher(self, *, synthetic: bool | None = None) -> Publisher:
        """Return the publisher of this notebook's figures, tables and numbers.

        Args:
            synthetic: whether results rest on synthetic answers; default as the manifest says.
        """
        from mlsec_survey.report.publisher import Publisher

        return Publisher.open(
            self.notebook,
            synthetic=self.manifest.is_synthetic if synthetic is None else synthetic,
            output=self.output,
            columns=self.columns,
            respondents=self.respondents,
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

        path = self.run / "data" / "processed" / f"{name}.parquet"
        if not path.is_file():
            raise InputError(
                "not there yet",
                file=f"data/processed/{path.name}",
                remedy="run notebook 01_cleaning first, or `python scripts/run_all.py`",
            )
        # Without pandas' detour and without threads: these tables are too small to need either.
        return pq.ParquetFile(path).read(use_threads=False).to_pandas(use_threads=False)

    def write(self, name: str, table: pd.DataFrame) -> None:
        """Write a table to data/processed, whole or not at all, as the ending of `name` says."""
        path = self.output / "data" / "processed" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        if path.suffix == ".parquet":
            import pyarrow as pa
            import pyarrow.parquet as pq

            pq.write_table(pa.Table.from_pandas(table, preserve_index=False, nthreads=1), part)
        else:
            from mlsec_survey.base.text_safety import safe_csv

            # To plain values by column; what is missing is an empty cell.
            columns = (table[name].astype(object).where(table[name].notna(), "") for name in table)
            part.write_bytes(safe_csv(table.columns, zip(*columns, strict=True)).encode())
        part.replace(path)


def open_project(
    notebook: str,
    *,
    export: str = "auto",
    codebook: str = "data/codebook.yml",
    plan: str | None = None,
    coding: str = "auto",
) -> Project:
    """Return the project as `notebook` sees it, under the runner or by hand.

    Under the runner MLSEC_PROJECT, MLSEC_RUN and MLSEC_OUTPUT say where inputs, intermediate files
    and results are; by hand all three are the project's folder, but results of answers that are
    not synthetic go to runs/export, which git ignores.
    """
    from mlsec_survey.instrument.manifest import may_be_tracked

    root = find_root()
    export_path = resolve_export(root, export)
    run = Path(os.environ.get("MLSEC_RUN") or "")
    if not run.name:
        run = root if may_be_tracked(export_path) else root / PRIVATE_RUN
    return Project(
        notebook=notebook,
        root=root,
        run=run,
        output=Path(os.environ.get("MLSEC_OUTPUT") or run),
        export_path=export_path,
        codebook_path=root / codebook,
        plan_path=None if plan is None else root / plan,
        coding_path=resolve_coding(root, coding, export_path),
    )
