"""From response codes to values for analysis, and from values to labels for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from mlsec_survey.base.text_safety import escape_spreadsheet, tidy
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import RESPONDENT, Item, Option
from mlsec_survey.instrument.variables import Variable
from mlsec_survey.responses.cells import as_numbers, looked_up
from mlsec_survey.responses.missing import IS_ANSWERED, missing_kinds, places_of
from mlsec_survey.responses.private import nearly_unique
from mlsec_survey.responses.readers import RawExport
from mlsec_survey.responses.readers.checks import NO_DATE


def recode(kept: RawExport, codebook: Codebook, kinds: pd.DataFrame | None = None) -> pd.DataFrame:
    """Turn response codes into values for analysis.

    Args:
        kept: responses to recode; any rows of an export.
        codebook: defines values and their order.
        kinds: of missing answer of these responses, from `missing_kinds`, if at hand.

    Returns:
        One row per response in the order of the export, with a plain index: `respondent_id`
        (int64), then every variable of the codebook. Ordinal variables are Int64 with the values of
        the codebook, or with places in a ranking; nominal ones and checklist boxes are categories
        of the option values in their order; numbers are Int64 if whole and float64 otherwise; dates
        are datetime64; texts are strings, tidied of control characters and surplus space. Then the
        paradata: submitted, started and last_action as datetime64, last_page as Int64, language as
        category, duration_seconds and page_seconds_N as float64. Identifying paradata (invitation,
        referrer) are left out. A missing answer of whatever kind is NA.
    """
    if kinds is None:
        kinds = missing_kinds(kept, codebook)
    columns: dict[str, object] = {RESPONDENT: as_numbers(kept.frame["id"], "int64").to_numpy()}
    for item in codebook.items:
        if item.type == "ranking":
            places = places_of(kept.frame, codebook, item)
            for at, variable in enumerate(codebook.variables(item)):
                columns[variable.name] = pd.Series(places[:, at]).astype("Int64")
            continue
        for column in codebook.columns_of(item):
            name, cells = column.variable, kept.frame[column.name]
            answered = kinds[name].cat.codes.to_numpy() == IS_ANSWERED
            if column.kind in {"text", "other"}:
                columns[name] = _texts(cells, answered)
            elif column.kind in {"number", "date"}:
                columns[name] = _measured(cells.reset_index(drop=True).where(answered), item)
            elif item.type == "multiple":
                # What is not ticked is "no", whether the cell is empty or NULL.
                codes = looked_up(cells, lambda value: 0 if value == "Y" else 1, 1)
                columns[name] = _options(np.where(answered, codes, -1), codebook.options(item))
            else:
                options = codebook.options(item)
                place = {option.code: at for at, option in enumerate(options)}
                codes = looked_up(cells, partial(_place, place), -1)
                codes = np.where(answered, codes, -1)
                if codebook.variable(name).measure == "ordinal":
                    columns[name] = _ordinal(codes, options)
                else:
                    columns[name] = _options(codes, options)
    columns.update(_paradata(kept.frame.reset_index(drop=True), codebook))
    return pd.DataFrame(columns)


def _texts(cells: pd.Series, answered: np.ndarray) -> pd.Series:
    """Return answers in own words, tidied; each distinct text once."""
    texts = cells.astype("category")
    tidied = pd.array([tidy(str(text)) or None for text in texts.cat.categories], dtype="str")
    codes = np.where(answered, texts.cat.codes.to_numpy(), -1)
    return pd.Series(tidied.take(codes, allow_fill=True))


def _measured(cells: pd.Series, item: Item) -> pd.Series:
    if item.type == "date":
        return pd.to_datetime(cells, format="ISO8601").astype("datetime64[ms]")
    whole = item.number is not None and item.number.whole
    return pd.to_numeric(cells).astype("Int64" if whole else "float64")


def _place(places: Mapping[str, int], code: str) -> int:
    return places.get(code, -1)


def _ordinal(codes: np.ndarray, options: Sequence[Option]) -> pd.Series:
    values = np.array([*(int(option.value) for option in options), 0])
    return pd.Series(pd.arrays.IntegerArray(values[codes], codes < 0))


def _options(codes: np.ndarray, options: Sequence[Option]) -> pd.Series:
    dtype = pd.CategoricalDtype([str(option.value) for option in options])
    return pd.Series(pd.Categorical.from_codes(codes, dtype=dtype))


def _paradata(frame: pd.DataFrame, codebook: Codebook) -> Iterator[tuple[str, pd.Series]]:
    for column in codebook.column_specs:
        entry = column.paradata
        cells = frame[column.name]
        if column.kind == "timing":
            yield column.variable, as_numbers(cells, "float64")
        elif entry is None or entry.variable == RESPONDENT or entry.identifying:
            continue
        elif entry.kind == "datetime":
            # The date of a survey without date stamps says that somebody submitted, and not when.
            filled = cells.where(~cells.isin(["", NO_DATE]))
            yield (
                entry.variable,
                pd.to_datetime(filled, format="%Y-%m-%d %H:%M:%S").astype("datetime64[ms]"),
            )
        elif entry.kind == "integer":
            yield entry.variable, as_numbers(cells)
        elif entry.kind == "number":
            yield entry.variable, as_numbers(cells, "float64")
        elif entry.kind == "category":
            yield entry.variable, cells.astype(pd.CategoricalDtype(list(entry.values)))
        else:
            yield entry.variable, cells.where(cells != "")


def variable_list(codebook: Codebook) -> pd.DataFrame:
    """Describe every variable of the analysis file, scales and flags included.

    Returns:
        One row per variable: variable, label, measure, construct, about, basis, values (as text),
        missing (kinds that can occur), page, identifying, source (column of the export or rule).
    """
    rows = [_described(variable, codebook) for variable in codebook.variables()]
    for flag in codebook.quality_flags:
        rows.append(
            {
                "variable": flag.id,
                "label": flag.label,
                "measure": "binary",
                "construct": "quality",
                "about": flag.reason,
                "basis": "reconstructed",
                "values": "True; False",
                "missing": "",
                "page": 0,
                "identifying": False,
                "source": flag.rule,
            }
        )
    return pd.DataFrame(rows)


def _described(variable: Variable, codebook: Codebook) -> dict[str, object]:
    item, part, scale = variable.item, variable.part, variable.derived
    row: dict[str, object] = {
        "variable": variable.name,
        "label": variable.label,
        "measure": variable.measure,
        "construct": variable.construct,
    }
    if scale is not None:
        return row | {
            "about": f"{scale.rule} over {item.label.lower()}",
            "basis": item.basis,
            "values": f"{scale.low:g} to {scale.high:g}",
            "missing": f"fewer than {scale.minimum} answers",
            "page": item.page,
            "identifying": False,
            "source": f"{scale.rule} of {item.id}",
        }
    return row | {
        "about": item.about if part is None else f"{item.about}: {part.about}",
        "basis": item.basis,
        "values": _values(variable),
        "missing": ", ".join(variable.missing),
        "page": item.page,
        "identifying": item.identifying or variable.is_text,
        "source": " ".join(column.name for column in codebook.columns_of(item))
        if item.type == "ranking"
        else codebook.column(variable.name).name,
    }


def _values(variable: Variable) -> str:
    if variable.options or variable.item.number is None:
        return "; ".join(f"{option.value} = {option.label}" for option in variable.options)
    low, high, unit = variable.minimum, variable.maximum, variable.item.number.unit
    words = "a number" if low is None else f"from {low:g}"
    words += "" if high is None else f" to {high:g}"
    return words if unit is None else f"{words} {unit}"


def labelled(
    responses: pd.DataFrame, codebook: Codebook, *, texts: bool = False, identifying: bool = False
) -> pd.DataFrame:
    """Return responses with option labels in place of values, for people and other programs.

    Args:
        responses: recoded responses; columns that the codebook does not know stay as they are.
        codebook: defines labels.
        texts: keep free text, escaped against execution by a spreadsheet; dropped otherwise.
        identifying: keep what can point to a person together with other columns: the items that the
            codebook marks so, the response number, dates and times, and every column in which most
            values occur once, such as seeds and timings; dropped otherwise.

    Returns:
        One row per response. Without response numbers rows are in the order of their answers, so
        that the order of the export does not lead back to them.
    """
    dated = {entry.variable for entry in codebook.paradata if entry.kind == "datetime"}
    private = set() if identifying else {RESPONDENT, *dated}
    result: dict[str, object] = {}
    answers = {v.name: v for v in codebook.variables() if v.derived is None}
    for name in responses.columns:
        values = responses[name]
        if name in private:
            continue
        variable = answers.get(str(name))
        if variable is None:
            result[name] = values
            continue
        if variable.item.identifying and not identifying:
            continue
        if variable.measure == "date":
            if identifying:
                result[name] = values
            continue
        if variable.is_text:
            if texts:
                result[name] = values.map(escape_spreadsheet, na_action="ignore")
            continue
        options = variable.options
        if not options:
            result[name] = values
            continue
        dtype = pd.CategoricalDtype(
            [option.label for option in options], ordered=variable.measure == "ordinal"
        )
        codes = pd.Index([option.value for option in options]).get_indexer(pd.Index(values))
        result[name] = pd.Categorical.from_codes(codes, dtype=dtype)
    table = pd.DataFrame(result, index=responses.index)
    if identifying or not len(table.columns):
        return table
    table = table.drop(columns=nearly_unique(table))
    return table.sort_values(list(table.columns), ignore_index=True)
