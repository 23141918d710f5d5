"""Draft a codebook from data alone: an SPSS file with its labels, or a CSV file with headings.

A CSV file says least: what is one question of several columns, and which texts are options, is
guessed from headings and values.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.yaml_input import OPEN
from mlsec_survey.instrument.drafting.draft import (
    Draft,
    DraftItem,
    DraftOption,
    grade,
    is_none,
    is_other,
    looks_ordered,
    missing_kind,
)

# A column with more texts than this, or with hardly any repeated, holds own words.
_MOST_OPTIONS = 15
_ASKED = f"{OPEN} what was asked"
_ROW = re.compile(r"^(?P<stem>[A-Za-z][A-Za-z0-9]*)_(?P<row>\d+)$")


def draft_from_spss(path: Path) -> Draft:
    """Return what an SPSS file (.sav, .zsav) tells by its labels and levels of measurement.

    Raises:
        InputError: the file cannot be read.
    """
    import pyreadstat

    try:
        frame, meta = pyreadstat.read_sav(str(path), metadataonly=True)
    except (pyreadstat.ReadstatError, OSError, ValueError) as error:
        raise InputError(f"no SPSS file ({error})", file=path) from None
    items: list[DraftItem] = []
    for name in frame.columns:
        label = meta.column_names_to_labels.get(name) or name
        values = meta.variable_value_labels.get(name, {})
        measure = {"nominal": "nominal", "ordinal": "ordinal"}.get(
            meta.variable_measure.get(name, "")
        )
        options = tuple(
            DraftOption(_number_code(value), str(text), _whole(value))
            for value, text in values.items()
        )
        kind = "single" if len(options) > 1 else "number"
        if not options and meta.readstat_variable_types.get(name) == "string":
            kind = "text"
        items.append(
            DraftItem(_code(name, len(items)), kind, label, options=options, measure=measure)
        )
    return Draft(path.name, tuple(items), {}, paradata=False)


def draft_from_table(frame: pd.DataFrame, name: str) -> tuple[Draft, list[tuple[int, str, str]]]:
    """Return what a table of texts tells by its headings and values.

    Args:
        frame: one row per respondent; headings may occur twice, cells are text, blank for nothing.
        name: of the file.

    Returns:
        The draft, and for each column that it uses: position from 1, heading, and the column's name
        by the draft's codebook.
    """
    items: list[DraftItem] = []
    names: list[tuple[int, str, str]] = []
    left_out: list[str] = []
    at = 0
    while at < frame.shape[1]:
        if not _values(frame, at):
            left_out.append(
                f"column {at + 1} ({frame.columns[at] or 'no heading'}), which is empty"
            )
            at += 1
            continue
        item, used = _checklist(frame, at) or _grid(frame, at) or _single(frame, at)
        if any(other.code == item.code for other in items):
            item = replace(item, code=f"C{at + 1:03d}")
        items.append(item)
        heads = [str(frame.columns[at + step]) for step in range(used)]
        names += [
            (at + step + 1, head, column)
            for step, (head, column) in enumerate(zip(heads, _columns(item), strict=False))
        ]
        at += used
    return Draft(name, tuple(items), {}, left_out=tuple(left_out), paradata=False), names


def _columns(item: DraftItem) -> list[str]:
    """Return the export's columns of a drafted item, in the order in which the file has them."""
    if item.type in {"multiple", "array"}:
        return [f"{item.code}[{row.code}]" for row in item.rows]
    return [item.code]


def _values(frame: pd.DataFrame, at: int) -> list[str]:
    return [text for cell in frame.iloc[:, at] if (text := str(cell).strip())]


def _checklist(frame: pd.DataFrame, at: int) -> tuple[DraftItem, int] | None:
    """Guess boxes of one checklist: columns whose only text is their own heading."""
    rows: list[DraftOption] = []
    while at + len(rows) < frame.shape[1]:
        place = at + len(rows)
        heading = str(frame.columns[place]).strip()
        if set(_values(frame, place)) != {heading}:
            break
        rows.append(DraftOption(f"B{len(rows) + 1:02d}", heading))
        if is_none(heading):
            break
    if not rows:
        return None
    exclusive = frozenset(row.code for row in rows if is_none(row.label))
    notes = (
        "boxes were put together because they stand side by side; part or join lists",
        "each column has the box's label where it was ticked, and nothing where it was not",
    )
    item = DraftItem(
        _code("", at), "multiple", _ASKED, rows=tuple(rows), exclusive=exclusive, notes=notes
    )
    return item, len(rows)


def _grid(frame: pd.DataFrame, at: int) -> tuple[DraftItem, int] | None:
    """Guess rows of one grid: headings of one stem and a number, with the same few texts."""
    first = _ROW.match(str(frame.columns[at]))
    if first is None:
        return None
    rows: list[DraftOption] = []
    texts = Counter[str]()
    while at + len(rows) < frame.shape[1]:
        found = _ROW.match(str(frame.columns[at + len(rows)]))
        if found is None or found["stem"] != first["stem"]:
            break
        texts.update(_values(frame, at + len(rows)))
        rows.append(DraftOption(found["row"], str(frame.columns[at + len(rows)])))
    if len(rows) < 2 or len(texts) > _MOST_OPTIONS:
        return None
    item = DraftItem(
        first["stem"],
        "array",
        _ASKED,
        options=_options(texts),
        rows=tuple(rows),
        notes=_spelling_notes(texts),
    )
    return item, len(rows)


def _single(frame: pd.DataFrame, at: int) -> tuple[DraftItem, int]:
    heading = str(frame.columns[at]).strip()
    texts = Counter(_values(frame, at))
    code = _code(heading, at)
    label = heading or _ASKED
    if all(re.fullmatch(r"-?\d+([.,]\d+)?", text) for text in texts) and len(texts) > 2:
        return DraftItem(code, "number", label), 1
    parts = Counter(part for text in texts.elements() for part in _parts(text))
    if len(parts) < len(texts) and len(parts) <= _MOST_OPTIONS:
        note = "several answers stand in one cell; export the boxes as columns of their own: "
        return DraftItem(code, "text", label, notes=(note + "; ".join(parts),)), 1
    repeated = sum(count for count in texts.values() if count > 1)
    if is_other(heading) or len(texts) > _MOST_OPTIONS or repeated < sum(texts.values()) / 2:
        return DraftItem(code, "text", label), 1
    if len(texts) < 2:
        return DraftItem(code, "text", label, notes=("all answers are the same",)), 1
    return DraftItem(
        code, "single", label, options=_options(texts), notes=_spelling_notes(texts)
    ), 1


def _parts(text: str) -> list[str]:
    """Return the answers in a cell that holds several: a comma before a capital parts them."""
    return [part.strip() for part in re.split(r",\s*(?=[A-Z])", text)]


def _options(texts: Counter[str]) -> tuple[DraftOption, ...]:
    """Return the options in the order of their grades, or else of how often they were chosen."""
    labels = [label for label, _ in texts.most_common()]
    answers = [label for label in labels if missing_kind(label) is None]
    if looks_ordered(answers):
        places = {label: grade(label) for label in answers}
        # What is no grade, such as an answer off the scale, goes to the end.
        answers.sort(key=lambda label: (places[label] is None, places[label] or 0.0))
    codes = {"dont_know": "DK", "prefer_not": "PN"}
    none = [label for label in labels if missing_kind(label) is not None]
    return (
        *(DraftOption(f"A{n}", label) for n, label in enumerate(answers, start=1)),
        *(DraftOption(codes[str(missing_kind(label))], label) for label in none),
    )


def _code(heading: str, at: int) -> str:
    plain = re.sub(r"[^A-Za-z0-9]", "", heading)
    return plain if re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,14}", plain) else f"C{at + 1:03d}"


def _number_code(value: object) -> str:
    number = _whole(value)
    return str(value)[:5] if number is None else str(number)


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and float(value).is_integer() else None


def _spelling_notes(texts: Iterable[str]) -> tuple[str, ...]:
    """Say which texts differ in case or space alone; they are probably one option."""
    groups: dict[str, list[str]] = {}
    for text in texts:
        groups.setdefault(" ".join(text.split()).casefold(), []).append(text)
    return tuple(
        "one option in several spellings: " + ", ".join(map(repr, group))
        for group in groups.values()
        if len(group) > 1
    )


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV file as text, with its headings as they are, even where two are the same.

    Raises:
        InputError: it is no CSV file of text.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise InputError(f"no CSV file ({error})", file=path) from None
    if len(rows) < 2 or "\x00" in text:
        raise InputError("no table of answers below one row of headings", file=path)
    width = len(rows[0])
    cells = [[*row, *[""] * (width - len(row))][:width] for row in rows[1:]]
    return pd.DataFrame(cells, columns=rows[0], dtype="str")
