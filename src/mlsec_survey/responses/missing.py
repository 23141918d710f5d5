"""In which way an answer is missing: left empty, not shown, don't know, prefer not to say."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import ANSWERED, OTHER_VALUE, RESPONDENT, Item
from mlsec_survey.responses.cells import as_numbers, is_null, plain_cells
from mlsec_survey.responses.readers import RawExport

KINDS = (ANSWERED, "not_answered", "not_shown", "dont_know", "prefer_not")
KIND_DTYPE = pd.CategoricalDtype(list(KINDS))
IS_ANSWERED, _NOT_ANSWERED, _NOT_SHOWN = (
    KINDS.index(k) for k in (ANSWERED, "not_answered", "not_shown")
)


def missing_kinds(kept: RawExport, codebook: Codebook) -> pd.DataFrame:
    """Say of every answer whether it is there, and if not, why not.

    Args:
        kept: responses to describe.
        codebook: defines the codes of missing answers, pages and filters.

    Returns:
        One row per response in the order of the export: `respondent_id`, then every variable of
        the codebook as a category of answered, not_answered, not_shown, dont_know and prefer_not.

    Notes:
        In an export that does not tell NULL from empty, a cell counts as not shown if its page was
        not reached or its filter not met. A checklist with nothing ticked, not even "none of
        these", counts as not answered, and so does what a ranking gives no place. The text of the
        option other is not shown to those who did not choose it.
    """
    cells = plain_cells(kept.frame)
    found: dict[str, np.ndarray] = {}
    reached = as_numbers(kept.frame["lastpage"]).fillna(0).to_numpy()
    for item in codebook.items:
        shown = _shown(cells, codebook, item, reached)
        if item.type == "multiple":
            kinds = _checklist_kinds(cells, codebook, item, shown, kept.marks_null)
            found |= dict.fromkeys((v.name for v in codebook.variables(item)), kinds)
            continue
        if item.type == "ranking":
            found |= _ranking_kinds(cells, codebook, item, shown[item.id], kept.marks_null)
            continue
        codes = codebook.missing_codes(item)
        for column in codebook.columns_of(item):
            values = cells[column.name]
            blank = np.array([value is None or not value.strip() for value in values], dtype=bool)
            kinds = np.where(blank, _NOT_ANSWERED, IS_ANSWERED)
            if column.kind in {"single", "array"}:
                for code, kind in codes.items():
                    if code != "":
                        kinds[values == code] = KINDS.index(kind)
            not_shown = ~shown[column.variable]
            if kept.marks_null:
                not_shown |= is_null(values)
            kinds[blank & not_shown] = _NOT_SHOWN
            found[column.variable] = kinds
    columns: dict[str, object] = {RESPONDENT: as_numbers(kept.frame["id"], "int64").to_numpy()}
    for name, kind_codes in found.items():
        columns[name] = pd.Categorical.from_codes(kind_codes, dtype=KIND_DTYPE)
    return pd.DataFrame(columns)


def _shown(
    cells: Mapping[str, np.ndarray], codebook: Codebook, item: Item, reached: np.ndarray
) -> dict[str, np.ndarray]:
    """Return by variable which responses can have been shown the item."""
    on_page = reached >= item.page
    result: dict[str, np.ndarray] = {}
    for column in codebook.columns_of(item):
        shown = on_page
        if column.kind == "other":
            other = next(o.code for o in codebook.options(item) if o.value == OTHER_VALUE)
            shown = shown & (cells[item.code] == other)
        if item.shown_if is not None:
            filter_item = codebook.item(item.shown_if.item)
            name = filter_item.code
            if filter_item.subquestions is not None and column.subquestion is not None:
                name = f"{name}[{column.subquestion.code}]"
            passing = {
                option.code
                for option in codebook.options(filter_item)
                if option.value in item.shown_if.values
            }
            shown = shown & np.array([value in passing for value in cells[name]], dtype=bool)
        result[column.variable] = shown
    return result


def _checklist_kinds(
    cells: Mapping[str, np.ndarray],
    codebook: Codebook,
    item: Item,
    shown: Mapping[str, np.ndarray],
    marks_null: bool,
) -> np.ndarray:
    boxes = codebook.columns_of(item)
    kinds = np.full(len(cells[boxes[0].name]), _NOT_ANSWERED)
    exclusive = codebook.exclusive_codes(item)
    for code, meaning in exclusive.items():
        ticked = cells[f"{item.code}[{code}]"] == "Y"
        kinds[ticked] = IS_ANSWERED if meaning == "none" else KINDS.index(meaning)
    # A ticked box outweighs an exclusive one, which the tool lets nobody tick together.
    kinds[np.any([cells[box.name] == "Y" for box in boxes], axis=0)] = IS_ANSWERED
    names = [box.name for box in boxes] + [f"{item.code}[{code}]" for code in exclusive]
    absent = codebook.missing.not_shown.code
    empty = [is_null(cells[name]) if marks_null else cells[name] == absent for name in names]
    never = ~shown[boxes[0].variable] | np.all(empty, axis=0)
    kinds[never & (kinds == _NOT_ANSWERED)] = _NOT_SHOWN
    return kinds


def _ranking_kinds(
    cells: Mapping[str, np.ndarray],
    codebook: Codebook,
    item: Item,
    shown: np.ndarray,
    marks_null: bool,
) -> dict[str, np.ndarray]:
    places = places_of(cells, codebook, item)
    names = [column.name for column in codebook.columns_of(item)]
    absent = codebook.missing.not_shown.code
    empty = [is_null(cells[name]) if marks_null else cells[name] == absent for name in names]
    never = ~shown | np.all(empty, axis=0)
    kinds = np.where(np.isnan(places), _NOT_ANSWERED, IS_ANSWERED)
    kinds[never[:, None] & (kinds == _NOT_ANSWERED)] = _NOT_SHOWN
    return {v.name: kinds[:, at] for at, v in enumerate(codebook.variables(item))}


def places_of(cells: Mapping[str, np.ndarray], codebook: Codebook, item: Item) -> np.ndarray:
    """Return the place that each response gives to each thing of a ranking, NaN where none.

    Returns:
        Responses × things in the order of the codebook; 1 is the first place.
    """
    columns = codebook.columns_of(item)
    chosen = np.column_stack([cells[column.name] for column in columns])
    places = np.full((len(chosen), len(codebook.subquestions(item))), np.nan)
    for at, entry in enumerate(codebook.subquestions(item)):
        here = chosen == entry.code
        ranked = here.any(axis=1)
        places[ranked, at] = here[ranked].argmax(axis=1) + 1
    return places
