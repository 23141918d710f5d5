"""What the notebooks of a run read and wrote, as their entries and records say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlsec_survey.base.yaml_input import read_yaml

PIPELINE = "notebooks/pipeline.yml"
_RECORDS = "paper/generated/records"


@dataclass(frozen=True)
class NotebookRun:
    """One executed notebook.

    Attributes:
        name, title, question: as in pipeline.yml.
        parameters: value of each parameter that it takes.
        reads: files that it read, below the project.
        wrote: what it wrote, with what each is: its record, tables, figures, executed notebook.
        tables: the record's entry of each table.
    """

    name: str
    title: str
    question: str
    parameters: dict[str, Any]
    reads: tuple[str, ...]
    wrote: dict[str, str]
    tables: dict[str, dict[str, Any]]


def notebook_runs(root: Path, export: Path) -> list[NotebookRun]:
    """Return the notebooks of the run whose outputs stand in the project's folder, in order.

    Args:
        root: the project's folder.
        export: the raw export that the run read.

    Raises:
        InputError: pipeline.yml cannot be read.
    """
    content = read_yaml(root / PIPELINE).content
    defaults = {name: _default(value) for name, value in content["parameters"].items()}
    inside = export.relative_to(root).as_posix()
    runs = []
    for name, entry in content["notebooks"].items():
        path = root / _RECORDS / f"{name}.json"
        if not path.is_file():
            continue
        record = json.loads(path.read_text(encoding="utf-8"))
        parameters = {key: defaults.get(key) for key in entry.get("parameters") or []}
        reads = [f"notebooks/{name}.py"]
        for source in entry.get("inputs") or []:
            if source == "export":
                reads.append(inside)
            elif source.startswith("published:"):
                reads.append(f"{_RECORDS}/{source.partition(':')[2]}.json")
            else:
                reads.append(str(parameters.get(source, source)))
        wrote = {f"notebooks/{name}.ipynb": f"{entry['title']}: the executed notebook"}
        for key, table in record["tables"].items():
            wrote[f"paper/generated/tables/{key}.csv"] = table["caption"]
        for key, figure in record["figures"].items():
            wrote[f"figures/{key}.pdf"] = figure["caption"]
        wrote[path.relative_to(root).as_posix()] = f"{entry['title']}: all results, with meaning"
        runs.append(
            NotebookRun(
                name,
                entry["title"],
                entry["question"],
                parameters,
                tuple(file for file in dict.fromkeys(reads) if (root / file).exists()),
                {file: what for file, what in wrote.items() if (root / file).is_file()},
                record["tables"],
            )
        )
    return runs


def _default(value: Any) -> Any:
    """Return the default of a parameter, which may stand in an entry with its type and range."""
    return value.get("default") if isinstance(value, dict) else value
