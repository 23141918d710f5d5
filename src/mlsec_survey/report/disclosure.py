"""What a result may show of few respondents: one rule for tables, figures, numbers and words.

A count of respondents, or of what they gave, from 1 to below the threshold is hidden (primary
suppression), and as many more as it takes to keep it from being found by subtraction within its
row, its section, or from the count that holds it (complementary suppression; Hundepool and others
2012, Statistical Disclosure Control, chapter 4). What is computed from a hidden count is hidden
with it, and so is the value of a single respondent. A sentence that tells such a count goes as a
whole. The registry of columns says which columns are counts, and of what.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlsec_survey.base.formatting import SMALLEST_COUNT, SUPPRESSED
from mlsec_survey.report.columns import Column

THRESHOLD = SMALLEST_COUNT
NOTE = (
    f"{SUPPRESSED}: a count below {THRESHOLD}, or one that would reveal it, and what is computed "
    "from it."
)
# Units of numbers that count people or what they gave; a whole number without a unit is taken to.
PEOPLE = frozenset(["", "respondents", "answers", "ratings", "reasons", "rows", "incidents"])

_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4}
_NUMBER = r"(?P<number>\d[\d,]*|one|two|three|four)"
# "3 of 139 respondents", "3/139", "3 respondents".
_OF = re.compile(
    rf"\b{_NUMBER}(?: of (?:the |all |these )?|/)(?P<total>\d[\d,]*)(?P<after>[^.;]{{0,40}})",
    re.IGNORECASE,
)
_THINGS = re.compile(
    rf"(?<![\d.,/–-])\b{_NUMBER} (?P<after>(?:[a-z-]+ ){{0,2}}?[a-z-]+s|people|men|women)\b",
    re.IGNORECASE,
)
# "2 %", but neither the ends of an interval nor its level.
_SHARE = re.compile(
    r"(?<![\d.,])(?<!to )(?P<share>\d+(?:\.\d+)?) %(?! (?:interval|bootstrap|confidence))"
)
# Things that are no people and nothing that people gave; whatever else is counted may be.
_NO_PEOPLE = re.compile(
    r"\b(?:hypothes[ei]s|predictors?|tests?|pairs?|cells?|codes?|attacks?|items?|thresholds?|checks?"
    r"|claims?|runs?|options?|categor(?:y|ies)|specifications?|expected|intervals?|resamples?"
    r"|samples?|methods?|variables?|scales?|columns?|imputations?|coders?|times|points?|percentage"
    r"|steps?|levels?|decimals?|digits?|years?|pages?|studies|things?|ways|kinds?|concerns?|draws"
    r"|permutations?|panels?|rates|designs?|curves?|forms|families|priors?|bounds?|ends|lines?"
    r"|words|parts|readings?|groups?|units|sheets|questions?|defences?|sets|models?|corrections?|odds|counts"
    r"|stands|means|holds|is|has|was|does|less|across|versus|plus|its|this|thus|as|us)\b"
)


def hidden_cells(
    table: pd.DataFrame,
    columns: Sequence[Column],
    section: Column | None = None,
    threshold: int = THRESHOLD,
) -> pd.DataFrame:
    """Return which cells of a table have to be hidden.

    Args:
        table: one row per row of the table.
        columns: what its columns are; others are left alone.
        section: column whose equal values stand together.
        threshold: smallest count that may be shown.

    Returns:
        Rows × named columns, True where hidden.
    """
    rows = len(table)
    values = {c.name: _numbers(table[c.name]) for c in columns}
    hidden = {c.name: np.zeros(rows, dtype=bool) for c in columns}
    counts = [c for c in columns if c.role in ("count", "aside")]

    def few(numbers: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return (numbers > 0) & (numbers < threshold)

    for column in counts:
        hidden[column.name] |= few(values[column.name])
        if column.within in values:
            hidden[column.name] |= few(values[column.within] - values[column.name])
    for column in columns:
        if column.role == "extreme":
            hidden[column.name] |= ~np.isnan(values[column.name])
    lines = list(_lines(table, columns, section))
    settled = False
    while not settled:
        settled = True
        for cells in lines:
            known = [(name, at) for name, at in cells if not np.isnan(values[name][at])]
            chosen = [(name, at) for name, at in known if hidden[name][at]]
            further = sorted(
                (cell for cell in known if cell not in chosen),
                # Stable order, so that the same table always hides the same cells.
                key=lambda cell: (values[cell[0]][cell[1]] == 0, values[cell[0]][cell[1]], cell[1]),
            )
            while chosen and further and _guessable([values[n][a] for n, a in chosen], threshold):
                name, at = further.pop(0)
                chosen.append((name, at))
                hidden[name][at] = True
                settled = False
    told = np.zeros(rows, dtype=bool)
    thin = np.zeros(rows, dtype=bool)
    for column in columns:
        if column.role == "count":
            told |= hidden[column.name]
        if column.role == "base" and not column.part_of:
            thin |= few(values[column.name])
    for column in columns:
        numeric = pd.api.types.is_numeric_dtype(table[column.name])
        if column.role == "" and numeric:
            hidden[column.name] |= (told | thin) & ~np.isnan(values[column.name])
        elif column.role:
            hidden[column.name] |= thin & ~np.isnan(values[column.name])
    return pd.DataFrame(hidden, index=table.index)


def _lines(
    table: pd.DataFrame, columns: Sequence[Column], section: Column | None
) -> Iterator[list[tuple[str, int]]]:
    """Yield the cells whose counts add up to a total that a reader can know."""
    parts: dict[str, list[str]] = {}
    for column in columns:
        if column.part_of:
            parts.setdefault(column.part_of, []).append(column.name)
    for names in parts.values():
        if len(names) > 1:
            for at in range(len(table)):
                yield [(name, at) for name in names]
    kinds = {column.rows for column in columns} - {""}
    if not kinds:
        return
    groups = (
        table.groupby(section.name, sort=False, dropna=False).ngroup().to_numpy()
        if section
        else np.zeros(len(table), dtype=int)
    )
    for column in columns:
        if column.role != "count" or column.part_of:
            continue
        for group in np.unique(groups):
            members = [int(at) for at in np.flatnonzero(groups == group)]
            if "sums" in kinds:
                members = members[:-1] or members
            yield [(column.name, at) for at in members]


def _guessable(hidden: Sequence[float] | NDArray[np.int64], threshold: int) -> bool:
    """Whether subtraction from a known total tells the hidden counts, or that they are small."""
    return len(hidden) < 2 or sum(hidden) < threshold


def suppress_cross_table(
    counts: NDArray[np.int64], answered: NDArray[np.bool_], threshold: int = THRESHOLD
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say which counts and totals of a cross-table to hide.

    Totals that a reader can know are those of each group (all answers, and substantive answers
    alone unless few of the group have none) and, from the table without groups, those of each
    answer. In each such line the rule of `hidden_cells` holds: small counts are hidden, and as
    many more as it takes to have at least two hidden that add up to at least `threshold`, or all
    of the line.

    Args:
        counts: groups × answers.
        answered: which answers are substantive; the others are kinds of missing answer.
        threshold: smallest count that may be shown.

    Returns:
        Groups × answers, True where hidden; and groups × 2, the same of the totals of all answers
        and of substantive answers.
    """
    hidden = (counts > 0) & (counts < threshold)
    totals = np.column_stack([counts.sum(axis=1), counts[:, answered].sum(axis=1)])
    few = (totals > 0) & (totals < threshold)
    rest = totals[:, 0] - totals[:, 1]
    few[:, 1] |= (rest > 0) & (rest < threshold)
    places = np.arange(counts.size).reshape(counts.shape)
    # Of everybody the tables tell how many answered; of a group that may be a secret.
    alone = len(counts) == 1
    lines = [] if alone else list(places)
    for row, secret in zip(places, few[:, 1], strict=True):
        lines += [] if secret and not alone else [row[answered], row[~answered]]
    if not alone:
        lines += list(places.T)
    flat, whole = hidden.ravel(), counts.ravel()
    settled = False
    while not settled:
        settled = True
        for line in lines:
            chosen = line[flat[line]]
            # Stable order, so that the same table always hides the same cells.
            further = sorted(line[~flat[line]], key=lambda at: (whole[at] == 0, whole[at], at))
            while len(chosen) and further and _guessable(whole[chosen], threshold):
                chosen = np.append(chosen, further.pop(0))
                settled = False
            flat[chosen] = True
    return flat.reshape(counts.shape), few


def _numbers(column: pd.Series) -> np.ndarray:
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)


def masked(table: pd.DataFrame, hidden: pd.DataFrame) -> pd.DataFrame:
    """Return the table with a mark in place of each hidden cell."""
    result = table.copy()
    for name in hidden.columns[hidden.any()]:
        result[name] = result[name].astype(object).mask(hidden[name], SUPPRESSED)
    return result


def few_told(text: str, n: int | None = None, threshold: int = THRESHOLD) -> list[str]:
    """Return the parts of a text that tell a count of respondents below the threshold.

    Found are counts with what they count ("3 respondents", "two engineers"), out of a total ("3 of
    139", "136/139", of which the rest is a count too), and shares of so few ("2 %"). Counts of
    things that are no people, such as hypotheses, are not.

    Args:
        text: to look through.
        n: respondents there are; without it nothing is known about shares.
        threshold: smallest count that may be told.
    """
    found = []
    # Blanks at which a line is not broken are blanks.
    text = re.sub(r"[^\S\n]", " ", text)
    for match in _OF.finditer(text):
        if not _NO_PEOPLE.search(" ".join(match["after"].split()[:3])):
            part, total = _value(match["number"]), _value(match["total"])
            known = part <= total and (n is None or total <= n)
            if known and any(0 < count < threshold for count in (part, total - part)):
                found.append(match[0].strip())
    for match in _THINGS.finditer(text):
        count = _value(match["number"])
        if (
            0 < count < threshold
            and match["number"].lower() != "one"
            and not _NO_PEOPLE.search(match["after"])
        ):
            found.append(match[0].strip())
    for match in _SHARE.finditer(text):
        share = (n or 0) * float(match["share"]) / 100
        if n and any(0 < part < threshold - 0.5 for part in (share, n - share)):
            found.append(match[0].strip())
    return found


def _value(number: str) -> int:
    return _WORDS.get(number.lower()) or int(number.replace(",", ""))


def safe_text(text: str, n: int | None = None, threshold: int = THRESHOLD) -> str:
    """Return a text in which each sentence that tells a small count is replaced by a mark."""
    if not few_told(text, n, threshold):
        return text
    sentences = re.split(r"(?<=[.;!?])\s+", text)
    return " ".join(
        SUPPRESSED if few_told(sentence, n, threshold) else sentence for sentence in sentences
    )


def safe_number(
    value: float | int | str,
    unit: str,
    counts: Sequence[float],
    n: int | None = None,
    threshold: int = THRESHOLD,
) -> float | int | str:
    """Return a number, or a mark if it tells a small count or rests on one.

    Args:
        value: the number, or words.
        unit: of it; a whole number without one is taken to count respondents.
        counts: the counts behind it, if any.
        n: respondents there are.
        threshold: smallest count that may be shown.
    """
    if any(0 < count < threshold for count in counts):
        return SUPPRESSED
    if isinstance(value, str):
        return safe_text(value, n, threshold)
    small = isinstance(value, int) and unit in PEOPLE and 0 < abs(value) < threshold
    return SUPPRESSED if small else value
