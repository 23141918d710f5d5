"""Checks of an export against the codebook: each problem is one error that could stop the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.yaml_input import more
from mlsec_survey.instrument.codebook import Codebook, Column

# The longest text that LimeSurvey's database keeps is 65,535 bytes; others allow no more.
LONGEST_CELL = 65_535
# Submission date that LimeSurvey gives to a response of a survey without date stamps.
NO_DATE = "1980-01-01 00:00:00"
_MIDNIGHT = " 00:00:00"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that stops a run.

    Attributes:
        error: the first place where it was met, with what to do.
        kind: what it is; problems of one kind are counted together.
        count: how many cells, columns or rows it concerns.
    """

    error: InputError
    kind: str
    count: int = 1


def first_problem(problems: Sequence[Problem]) -> InputError:
    """Return the error that stops a run: the first, with the number of others of its kind."""
    first = problems[0]
    same = [problem for problem in problems if problem.kind == first.kind]
    error = min((problem.error for problem in same), key=lambda error: error.row or 0)
    return InputError(
        error.problem + more(sum(problem.count for problem in same) - 1),
        file=error.file,
        row=error.row,
        column=error.column,
        value=error.value,
        remedy=error.remedy,
    )


@dataclass(frozen=True, slots=True)
class _Check:
    """What the distinct cells of one column must satisfy: name of the problem, test, remedy."""

    kind: str
    problem: str
    accepts: Callable[[pd.Series], pd.Series]
    remedy: str


# In this order problems are reported.
_KINDS = ("too long", "empty", "not a number", "impossible date", "unknown code")


def cell_problems(
    columns: Mapping[str, pd.Series], path: Path, codebook: Codebook
) -> list[Problem]:
    """Return what is wrong with cells, one problem per kind and column.

    Args:
        columns: categorical cells by column of the codebook, already in the codebook's codes.
        path: for messages.
        codebook: says which codes, numbers and dates there can be.
    """
    found: dict[str, list[Problem]] = {kind: [] for kind in _KINDS}
    for spec in codebook.column_specs:
        if spec.name not in columns:
            continue
        cells = columns[spec.name]
        codes = cells.cat.codes.to_numpy()
        distinct = pd.Series(cells.cat.categories, dtype="str")
        for check in _checks(spec, codebook):
            bad = ~check.accepts(distinct).to_numpy(dtype=bool)
            if bad.any():
                rows = np.flatnonzero(np.append(bad, False)[codes])
                if len(rows):
                    found[check.kind].append(_error(check, rows, cells, path))
        # The survey tool fills these in for everybody.
        if spec.name == "id" or (spec.paradata is not None and spec.paradata.kind == "category"):
            blank = (distinct.str.strip() == "").to_numpy(dtype=bool)
            rows = np.flatnonzero(np.append(blank, True)[codes])
            if len(rows):
                check = _Check(
                    "empty",
                    "the cell is empty",
                    pd.Series.notna,
                    "Every response has this entry. Export the responses again.",
                )
                found["empty"].append(_error(check, rows, cells, path))
    return [
        problem
        for kind in _KINDS
        for problem in sorted(found[kind], key=lambda p: p.error.row or 0)
    ]


def _error(check: _Check, rows: np.ndarray, cells: pd.Series, path: Path) -> Problem:
    row = int(rows[0])
    value = cells.iloc[row]
    error = InputError(
        check.problem,
        file=path,
        row=int(cells.index[row]),
        column=str(cells.name),
        value="" if pd.isna(value) else str(value),
        remedy=check.remedy,
    )
    return Problem(error, check.kind, len(rows))


def repeated_numbers(
    columns: Mapping[str, pd.Series], path: Path, codebook: Codebook
) -> list[Problem]:
    """Return a problem for each column whose entries must be unique and are not.

    Whole numbers are compared as numbers, so that 007 and 7 are one response number.
    """
    problems: list[Problem] = []
    for entry in codebook.paradata:
        if not entry.unique or entry.column not in columns:
            continue
        cells = columns[entry.column]
        values = cells.astype("str")
        keys = values.str.lstrip("+0") if entry.kind == "integer" else values
        given = keys.notna() & (values != "")
        again = (keys.duplicated() & given).to_numpy()
        if not again.any():
            continue
        at = int(np.flatnonzero(again)[0])
        first = int(np.flatnonzero((keys == keys.iloc[at]).to_numpy())[0])
        same = values.iloc[at] == values.iloc[first]
        error = InputError(
            f"the entry must be unique and is that of row {int(cells.index[first])} too"
            + ("" if same else f" (there {values.iloc[first]!r}, the same number)"),
            file=path,
            row=int(cells.index[at]),
            column=entry.column,
            value=str(values.iloc[at]),
            remedy="Two exports were probably joined, or a row was copied. Export the responses "
            "again, and keep each export in a file of its own.",
        )
        problems.append(Problem(error, "repeated", int(again.sum())))
    return problems


def _checks(column: Column, codebook: Codebook) -> Iterator[_Check]:
    yield _Check(
        "too long",
        f"the cell has more than {LONGEST_CELL:,} characters",
        lambda values: values.str.len() <= LONGEST_CELL,
        "A quotation mark was probably lost and the cell runs on. Export the responses again.",
    )
    if column.kind == "timing":
        yield _number_check(codebook.timing_columns.minimum, whole=False)
    elif column.kind in {"multiple", "exclusive"}:
        not_shown = codebook.missing.not_shown.code
        yield _code_check({"Y", "", not_shown}, "A box is Y when ticked and empty when not")
    elif column.kind in {"single", "array"}:
        yield _item_check(column, codebook)
    elif column.kind == "number":
        yield _number_answer_check(column)
    elif column.kind == "date":
        yield _Check(
            "impossible date",
            "not a date that exists",
            lambda values: _are_times(values.where(values.str.len() != 10, values + _MIDNIGHT)),
            "Dates are written YYYY-MM-DD; a spreadsheet has probably rewritten them. Export the "
            "responses again and use the file as it comes.",
        )
    elif column.kind == "ranking":
        assert column.item is not None
        codes = [entry.code for entry in codebook.subquestions(column.item)]
        absent = codebook.missing.not_shown.code
        yield _code_check({*codes, "", absent}, f"Codes that are ranked: {', '.join(codes)}")
    elif column.paradata is not None:
        yield from _paradata_checks(column, codebook)


def _paradata_checks(column: Column, codebook: Codebook) -> Iterable[_Check]:
    entry = column.paradata
    assert entry is not None
    if entry.kind in {"integer", "number"}:
        yield _number_check(entry.minimum, whole=entry.kind == "integer")
    elif entry.kind == "datetime":
        yield _Check(
            "impossible date",
            "not a date and time that exists",
            _are_times,
            "Dates are written YYYY-MM-DD HH:MM:SS; a spreadsheet has probably rewritten them. "
            "Export the responses again and use the file as it comes.",
        )
    elif entry.kind == "category":
        yield _Check(
            "unknown code",
            f"the codebook has no such {entry.label.lower()}",
            lambda values: values.isin({*entry.values, ""}),
            f"Known: {', '.join(entry.values)}. Add it to values of {entry.column} in the "
            "codebook.",
        )


def _item_check(column: Column, codebook: Codebook) -> _Check:
    item = column.item
    assert item is not None
    missing = codebook.missing_codes(item)
    codes = [option.code for option in codebook.options(item)]
    chosen = [code for code, kind in missing.items() if kind in {"dont_know", "prefer_not"}]
    remedy = f"Codes of the item {item.id!r}: {', '.join([*codes, *chosen])}"
    return _code_check({*codes, *missing}, remedy)


def _code_check(codes: set[str], remedy: str) -> _Check:
    return _Check(
        "unknown code",
        "the codebook has no such response code",
        lambda values: values.isin(codes),
        f"{remedy}. If the questionnaire has this option, add it to the codebook; if not, export "
        "again with answers as answer codes.",
    )


def _number_answer_check(column: Column) -> _Check:
    """Return the check of a number that was asked for; tools may write whole ones with decimals."""
    assert column.item is not None
    limits = column.item.number
    if limits is None:
        return _number_check(None, whole=False)
    return _number_check(limits.minimum, whole=limits.whole, maximum=limits.maximum, answer=True)


def _number_check(
    minimum: float | None,
    *,
    whole: bool,
    maximum: float | None = None,
    answer: bool = False,
) -> _Check:
    wanted = "a whole number" if whole else "a number"
    if minimum is not None:
        wanted += f" of at least {minimum:g}"
    if maximum is not None:
        wanted += f" of at most {maximum:g}"
    decimals = r"(\.0*)?" if answer else ""
    pattern = rf"[+-]?[0-9]{{1,15}}{decimals}" if whole else r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?"

    def accepts(values: pd.Series) -> pd.Series:
        fits = values.str.fullmatch(pattern)
        numbers = pd.to_numeric(values.where(fits)).astype(float)
        if minimum is not None:
            fits &= numbers >= minimum
        if maximum is not None:
            fits &= numbers <= maximum
        return fits | (values == "")

    return _Check(
        "not a number",
        f"not {wanted}",
        accepts,
        f"The cell must hold {wanted}. Export the responses again and use the file as it comes.",
    )


def _are_times(values: pd.Series) -> pd.Series:
    fits = values.str.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
    moments = pd.to_datetime(values.where(fits), format="%Y-%m-%d %H:%M:%S", errors="coerce")
    return moments.dt.year.between(1980, 2100) | (values == "")
