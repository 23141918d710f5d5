"""What of an export points to persons: their words, their names, columns that single them out."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.identifiers import identifiers
from mlsec_survey.instrument.codebook import Codebook

# Where an invitation list is looked for; git ignores it.
INVITED = "data/raw/invited.csv"
_NAMED = re.compile(r"name|vorname|e-?mail|participant", re.IGNORECASE)
_LINK = re.compile(r"https?://[^\s\"'<>)\]}|]+")
# A column with more than this share of values that occur once leads back to a person.
LARGEST_UNIQUE = 0.5
_FEWEST = 10


def words_of_respondents(run: Path, codebook: Codebook) -> list[str]:
    """Return every answer in own words that a run's analysis file and candidates hold."""
    found: list[str] = []
    for name in ("responses", "candidates"):
        path = run / "data" / "processed" / f"{name}.parquet"
        if path.is_file():
            table = pd.read_parquet(path)
            texts = [v.name for v in codebook.variables() if v.is_text and v.name in table]
            for column in texts:
                found += [str(text) for text in table[column].dropna()]
    return list(dict.fromkeys(found))


def invited_names(root: Path, file: Path | None = None) -> list[str]:
    """Return the names in an invitation list: whole names, last names and mail addresses.

    Args:
        root: folder of the project; the list is data/raw/invited.csv, if there is one.
        file: another list.

    Raises:
        InputError: the file is not there, or has no column of names.
    """
    path = file or root / INVITED
    if not path.is_file():
        if file is None:
            return []
        raise InputError("no such invitation list", file=file, remedy="check the path")
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    columns = [name for name in (rows[0] if rows else {}) if name and _NAMED.search(name)]
    if rows and not columns:
        raise InputError(
            "the invitation list has no column of names",
            file=path,
            remedy="name a column firstname, lastname, name or email",
        )
    names: list[str] = []
    for row in rows:
        first = _of(row, columns, "first", "vorname")
        last = _of(row, columns, "last", "nachname", "surname")
        whole = [value.strip() for name in columns if (value := row[name] or "").strip()]
        names += [f"{first} {last}"] if first and last else []
        names += [value for value in whole if value not in (first,) and len(value) > 2]
    return list(dict.fromkeys(names))


def _of(row: dict[str, str], columns: list[str], *kinds: str) -> str:
    for name in columns:
        if any(kind in name.lower() for kind in kinds):
            return (row[name] or "").strip()
    return ""


def project_links(root: Path) -> Iterator[str]:
    """Yield the addresses that the project's own sources name, which are no secret."""
    places = ("data/published/*", "data/*.yml", "paper/**/*.tex", "paper/*.bib", "notebooks/*.py")
    for place in (*places, "*.md", "CITATION.cff", "src/mlsec_survey/**/*.py"):
        for path in root.glob(place):
            if path.is_file() and "generated" not in path.parts:
                text = path.read_text(encoding="utf-8", errors="replace")
                yield from (match[0].rstrip(".,;:") for match in _LINK.finditer(text))
                yield from re.findall(r"\b(?:doi\.org|arxiv\.org|[a-z]+\.mitre\.org)\b", text)


def nearly_unique(table: pd.DataFrame) -> list[str]:
    """Return the columns of a table in which most values occur once, so that they are a key.

    Args:
        table: one row per response.
    """
    found = []
    for name in table.columns:
        values = table[name].dropna()
        once = int((values.value_counts() == 1).sum())
        if len(values) >= _FEWEST and once > LARGEST_UNIQUE * len(values):
            found.append(str(name))
    return found


def identifier_columns(
    frame: pd.DataFrame, codebook: Codebook, names: Iterable[str] = ()
) -> pd.DataFrame:
    """Say which columns of an export hold direct identifiers, and what becomes of them.

    Args:
        frame: the export as read, all cells text.
        codebook: says which columns are left out, and which hold own words.
        names: of invited persons.

    Returns:
        One row per column and kind: column, kind of identifier, cells (that hold one), treated.
    """
    specs = {column.name: column for column in codebook.column_specs}
    names = list(names)
    rows = []
    for name in frame.columns:
        counts = frame[name].astype(str).value_counts()
        kinds: dict[str, int] = {}
        for text, cells in counts.items():
            for kind in {kind for kind, _ in identifiers(str(text), names)}:
                kinds[kind] = kinds.get(kind, 0) + int(cells)
        column = specs.get(str(name))
        paradata = column.paradata if column is not None else None
        left_out = column is None or (paradata is not None and paradata.identifying)
        own_words = column is not None and column.kind in ("text", "other")
        treated = (
            "left out of the analysis file"
            if left_out
            else "own words: coded, never shown"
            if own_words
            else "in the analysis file: look at it"
        )
        rows += [(str(name), kind, cells, treated) for kind, cells in sorted(kinds.items())]
    return pd.DataFrame(rows, columns=["column", "kind", "cells", "treated"])
