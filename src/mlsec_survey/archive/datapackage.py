"""Data Package v2 (https://datapackage.org): the archive's tables and what their columns mean."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

import pandas as pd

from mlsec_survey.archive.results import NotebookRun
from mlsec_survey.base.text_safety import safe_csv
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.variables import Variable

PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
RESPONSES = "responses.csv"
# The publisher puts this column beside every table.
_BASIS = {"name": "data_basis", "meaning": "what the row rests on, and whether that is synthetic"}
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_WHOLE = re.compile(r"-?\d+")


def responses_csv(responses: pd.DataFrame, missing: pd.DataFrame, codebook: Codebook) -> bytes:
    """Return the analysed responses as CSV, each kind of missing answer by its name.

    Free text, and what only tells one respondent from another, is left out.

    Args:
        responses: one row per respondent, as notebook 01 writes them.
        missing: the kind of each answer, of the same rows.
        codebook: says which variables hold what.
    """
    names = [variable.name for variable in _shared(codebook) if variable.name in responses]
    columns = []
    for name in names:
        values = responses[name].astype(object)
        kinds = missing[name].astype(object) if name in missing else None
        known = values.notna()
        columns.append(
            [
                _plain(value) if here else ("" if kinds is None else kinds.iloc[at])
                for at, (value, here) in enumerate(zip(values, known, strict=True))
            ]
        )
    return safe_csv(names, zip(*columns, strict=True)).encode()


def data_package(
    name: str,
    title: str,
    codebook: Codebook,
    runs: Iterable[NotebookRun],
    files: dict[str, bytes],
    *,
    synthetic: bool,
) -> dict[str, Any]:
    """Return the content of `datapackage.json`.

    Args:
        name: of the package, lower case.
        title: for readers.
        codebook: describes the columns of the responses.
        runs: the notebooks, whose tables are described by their records.
        files: content of the archive, for the types of columns.
        synthetic: whether the answers are.
    """
    resources = []
    if RESPONSES in files:
        resources.append(
            {
                "name": "responses",
                "path": RESPONSES,
                "title": "Analysed responses" + (", synthetic" if synthetic else ""),
                "format": "csv",
                "mediatype": "text/csv",
                "schema": {"fields": _fields(codebook, _header(files[RESPONSES]))},
            }
        )
    for run in runs:
        for key, table in run.tables.items():
            path = f"paper/generated/tables/{key}.csv"
            if path in files:
                resources.append(_table(key, path, table, files[path]))
    return {
        "$schema": PROFILE,
        "name": name,
        "title": title,
        "licenses": [
            {"name": "CC-BY-4.0", "path": "https://creativecommons.org/licenses/by/4.0/"},
        ],
        "resources": resources,
    }


def _shared(codebook: Codebook) -> list[Variable]:
    return [
        variable
        for variable in codebook.variables()
        if not (variable.is_text or variable.item.identifying)
    ]


def _plain(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _fields(codebook: Codebook, header: list[str]) -> list[dict[str, Any]]:
    """Describe the columns of the responses, with labels of categories and of missing values."""
    labels = {kind: entry.label for kind, entry in codebook.missing}
    fields = []
    for name in header:
        variable = codebook.variable(name)
        field: dict[str, Any] = {"name": name, "title": variable.label, "type": _kind(variable)}
        if variable.options:
            field["categories"] = [
                {"value": option.value, "label": option.label} for option in variable.options
            ]
            field["categoriesOrdered"] = variable.is_ordered
        field["missingValues"] = [
            {"value": "", "label": "not derived: too few answers"},
            *({"value": kind, "label": labels[kind]} for kind in variable.missing),
        ]
        fields.append(field)
    return fields


def _kind(variable: Variable) -> str:
    values = [option.value for option in variable.options]
    if values:
        return "integer" if all(isinstance(value, int) for value in values) else "string"
    return {"count": "integer", "binary": "string"}.get(variable.measure, "number")


def _table(key: str, path: str, table: dict[str, Any], content: bytes) -> dict[str, Any]:
    rows = list(csv.reader(io.StringIO(content.decode("utf-8"))))
    header, cells = rows[0], rows[1:]
    described = {column["name"]: column for column in (*table.get("columns", []), _BASIS)}
    fields = []
    for at, name in enumerate(header):
        column = described.get(name, {})
        field = {"name": name, "type": _type_of(row[at] for row in cells if at < len(row))}
        if column.get("heading"):
            field["title"] = column["heading"]
        meaning = ", in ".join(filter(None, (column.get("meaning"), column.get("unit"))))
        if meaning:
            field["description"] = meaning
        fields.append(field)
    return {
        "name": re.sub(r"[^a-z0-9._-]", "-", key.lower()),
        "path": path,
        "title": table["caption"],
        "format": "csv",
        "mediatype": "text/csv",
        "schema": {"fields": fields, "missingValues": [""]},
    }


def _type_of(cells: Iterable[str]) -> str:
    known = [cell for cell in cells if cell]
    if known and all(_WHOLE.fullmatch(cell) for cell in known):
        return "integer"
    return "number" if known and all(_NUMBER.fullmatch(cell) for cell in known) else "string"


def _header(content: bytes) -> list[str]:
    return next(csv.reader(io.StringIO(content.decode("utf-8"))))
