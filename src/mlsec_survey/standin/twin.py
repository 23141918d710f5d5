"""A synthetic twin of a private export: same layout, filters and margins, no answer of anybody.

Every column is drawn on its own from its margin, after margins were made safe: a value that fewer
respondents than the threshold gave is left out, and the number of the others follows their counts.
How far people came, and which of them the exclusions leave out, is drawn together, from the safe
margin of that pattern, so that the twin loses as many rows as the export. What goes with what among
the answers is not kept; own words, times, invitations and numbers are made up. The twin shows that
an analysis runs. It is no evidence of anything, and its manifest says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from mlsec_survey.instrument.codebook import Codebook, Column
from mlsec_survey.instrument.entries import OTHER_VALUE, ExcludeEquals, Item

# Values that fewer respondents gave are in no margin of the twin.
THRESHOLD = 5
WORDS = "Synthetic text in the place of an answer."
_FIRST = datetime(2000, 1, 1, 9)


def draw_twin(frame: pd.DataFrame, codebook: Codebook, rng: np.random.Generator) -> pd.DataFrame:
    """Draw a twin of an export.

    Args:
        frame: the export as read: one column of strings per column of the codebook; NaN where the
            tool wrote NULL, empty where an answer was left out.
        codebook: defines columns, pages, filters and exclusions.
        rng: source of randomness.

    Returns:
        A table of the same columns and number of rows.
    """
    cells = frame.astype(object).where(frame.notna(), None).reset_index(drop=True)
    status = _status(cells, codebook, rng)
    decided = [str(name) for name in status if name not in ("submitted", "lastpage")]
    twin = pd.DataFrame(None, index=status.index, columns=cells.columns, dtype=object)
    for name in decided:
        twin[name] = status[name]
    pages = pd.to_numeric(status["lastpage"], errors="coerce")
    # Without a last page nothing says how far anybody came.
    reached = (pages.fillna(0) if pages.notna().any() else pages.fillna(codebook.pages)).to_numpy()
    for item in codebook.items:
        for column, shown in _shown(twin, codebook, item, reached):
            if column.name in decided or column.name not in cells:
                continue
            given = cells[column.name]
            asked = given.notna()
            if column.kind in ("text", "other"):
                answers = (given[asked] != "").map({True: WORDS, False: ""})
            else:
                answers = given[asked]
            twin.loc[shown, column.name] = _drawn(answers, int(shown.sum()), rng)
        _keep_allowed(twin, codebook, item)
    for column in codebook.column_specs:
        if column.item is None and column.name in cells:
            made = _paradata(column, cells, status, reached, rng)
            twin[column.name] = pd.Series(made, index=twin.index, dtype=object)
    return twin


def _status(cells: pd.DataFrame, codebook: Codebook, rng: np.random.Generator) -> pd.DataFrame:
    """Return what the exclusions look at: decisive answers, last page, whether submitted.

    Which rules a response meets, whether it came to the last page and whether it was submitted is
    drawn together; the very answer and page are then drawn among the responses of that kind.
    """
    rules = [rule for rule in codebook.exclusions if isinstance(rule, ExcludeEquals)]
    codes = {
        codebook.item(rule.item).code: {
            option.code for option in codebook.options(rule.item) if option.value == rule.value
        }
        for rule in rules
    }
    names = [name for name in codes if name in cells]
    kind = pd.DataFrame({name: cells[name].isin(codes[name]) for name in names})
    last = pd.to_numeric(cells["lastpage"], errors="coerce")
    kind["whole"] = last.isna() | (last >= codebook.pages)
    kind["submitted"] = cells["submitdate"].map(bool)
    keys = kind.apply(tuple, axis=1)
    drawn = pd.DataFrame(list(_drawn(keys, len(cells), rng)), columns=kind.columns)
    status = pd.DataFrame(index=drawn.index)
    status["submitted"] = drawn["submitted"]
    for name, same in [*((name, name) for name in names), ("lastpage", "whole")]:
        status[name] = None
        for value in (True, False):
            rows = (drawn[same] == value).to_numpy()
            given = cells.loc[kind[same] == value, name].dropna()
            status.loc[rows, name] = _drawn(given, int(rows.sum()), rng)
    return status


def _drawn(answers: pd.Series, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return values in random order, as often as their safe margin says; all empty without one."""
    counts = answers.value_counts()
    safe = counts[counts >= THRESHOLD].sort_index(key=lambda index: index.map(str))
    if safe.empty:
        return np.full(size, "", dtype=object)
    share = safe.to_numpy() / safe.sum() * size
    times = np.floor(share).astype(int)
    rest = np.argsort(-(share - times), kind="stable")[: size - int(times.sum())]
    times[rest] += 1
    values = np.empty(size, dtype=object)
    pairs = zip(safe.index, times, strict=True)
    values[:] = [value for value, count in pairs for _ in range(count)]
    return values[rng.permutation(size)]


def _shown(
    twin: pd.DataFrame, codebook: Codebook, item: Item, reached: np.ndarray
) -> Iterator[tuple[Column, np.ndarray]]:
    """Yield each column of an item with the rows of the twin that are shown it."""
    for column in codebook.columns_of(item):
        shown = reached >= item.page
        if column.kind == "other":
            other = next(o.code for o in codebook.options(item) if o.value == OTHER_VALUE)
            shown = shown & (twin[item.code] == other).to_numpy()
        if item.shown_if is not None:
            asked = codebook.item(item.shown_if.item)
            name = asked.code
            if asked.subquestions is not None and column.subquestion is not None:
                name = f"{name}[{column.subquestion.code}]"
            passing = {o.code for o in codebook.options(asked) if o.value in item.shown_if.values}
            shown = shown & twin[name].isin(passing).to_numpy()
        yield column, shown


def _keep_allowed(twin: pd.DataFrame, codebook: Codebook, item: Item) -> None:
    """Untick boxes that another excludes; empty what a ranking repeats, and what comes after."""
    if item.type == "ranking":
        names = [column.name for column in codebook.columns_of(item) if column.name in twin]
        for at in twin.index:
            places = [place for place in twin.loc[at, names] if place]
            unique = list(dict.fromkeys(places))
            if twin.loc[at, names].notna().any():
                twin.loc[at, names] = [*unique, *[""] * (len(names) - len(unique))]
    exclusive = codebook.exclusive_codes(item) if item.type == "multiple" else {}
    names = [column.name for column in codebook.columns_of(item) if column.name in twin]
    for code in exclusive:
        alone = f"{item.code}[{code}]"
        if alone in twin:
            others = [name for name in names if name != alone and not name.endswith("other]")]
            ticked = (twin[alone] == "Y").to_numpy()
            for name in others:
                twin.loc[ticked & twin[name].notna().to_numpy(), name] = ""


def _paradata(
    column: Column,
    cells: pd.DataFrame,
    status: pd.DataFrame,
    reached: np.ndarray,
    rng: np.random.Generator,
) -> list[object]:
    """Return made-up paradata that contradict neither one another nor how far a row came."""
    rows, name = range(len(status)), column.name
    if name == "lastpage":
        return list(status[name])
    if name == "submitdate":
        return [_time(row, 30) if status["submitted"][row] else None for row in rows]
    if column.kind == "timing":
        return [_seconds(rng) if reached[row] >= column.page else None for row in rows]
    kind = column.paradata.kind if column.paradata is not None else "text"
    if column.paradata is not None and column.paradata.variable == "respondent_id":
        return [str(row + 1) for row in rows]
    if kind == "datetime":
        return [_time(row, 0 if "start" in name else 30) for row in rows]
    if kind == "category":
        return list(_drawn(cells[name].dropna(), len(status), rng))
    if kind == "number":
        return [_seconds(rng) for _ in rows]
    if kind == "integer":
        return [str(int(rng.integers(1, 1_000_000_000))) for _ in rows]
    return ["" for _ in rows]


def _time(row: int, minutes: int) -> str:
    return str(_FIRST + timedelta(hours=row, minutes=minutes))


def _seconds(rng: np.random.Generator) -> str:
    return f"{rng.uniform(20, 200):.2f}"
