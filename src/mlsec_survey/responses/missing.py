"""In which way an answer is missing: left empty, not shown, don't know, prefer not to say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import numpy as np
import pandas as pd

from mlsec_survey.instrument.codebook import Codebook, Column
from mlsec_survey.instrument.entries import ANSWERED, OTHER_VALUE, RESPONDENT, Item
from mlsec_survey.responses.cells import as_numbers, is_one_of, looked_up
from mlsec_survey.responses.progress import progress
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
        In an export that does not tell NULL from empty, a cell counts as not shown if its item was
        not reached (see `progress.Progress`) or its filter not met. A checklist with nothing
        ticked, not even "none of these", counts as not answered, and so does what a ranking gives
        no place. The text of the option other is not shown to those who did not choose it.
    """
    frame = kept.frame
    found: dict[str, np.ndarray] = {}
    came = progress(kept, codebook)
    for item in codebook.items:
        shown = _shown(frame, codebook, item, came.reached(item))
        if item.type == "multiple":
            kinds = _checklist_kinds(frame, codebook, item, shown, kept.marks_null)
            found |= dict.fromkeys((v.name for v in codebook.variables(item)), kinds)
            continue
        if item.type == "ranking":
            found |= _ranking_kinds(frame, codebook, item, shown[item.id], kept.marks_null)
            continue
        codes = codebook.missing_codes(item)
        for column in codebook.columns_of(item):
            said = codes if column.kind in {"single", "array"} else {}
            kinds = looked_up(frame[column.name], partial(_kind_of, said), _NOT_ANSWERED)
            not_shown = ~shown[column.variable]
            if kept.marks_null:
                not_shown |= frame[column.name].isna().to_numpy()
            kinds[(kinds == _NOT_ANSWERED) & not_shown] = _NOT_SHOWN
            found[column.variable] = kinds
    columns: dict[str, object] = {RESPONDENT: as_numbers(kept.frame["id"], "int64").to_numpy()}
    for name, kind_codes in found.items():
        columns[name] = pd.Categorical.from_codes(kind_codes, dtype=KIND_DTYPE)
    return pd.DataFrame(columns)


def _kind_of(codes: Mapping[str, str], value: str) -> int:
    """Return the kind that a cell stands for, as a place in `KINDS`."""
    if not value.strip():
        return _NOT_ANSWERED
    return KINDS.index(codes.get(value, ANSWERED))


def _shown(
    frame: pd.DataFrame, codebook: Codebook, item: Item, reached: np.ndarray
) -> dict[str, np.ndarray]:
    """Return by variable which responses can have been shown the item."""
    result: dict[str, np.ndarray] = {}
    for column in codebook.columns_of(item):
        shown = reached
        if column.kind == "other":
            other = next(o.code for o in codebook.options(item) if o.value == OTHER_VALUE)
            shown = shown & is_one_of(frame[item.code], [other])
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
            shown = shown & is_one_of(frame[name], passing)
        result[column.variable] = shown
    return result


def _checklist_kinds(
    frame: pd.DataFrame,
    codebook: Codebook,
    item: Item,
    shown: Mapping[str, np.ndarray],
    marks_null: bool,
) -> np.ndarray:
    boxes = codebook.columns_of(item)
    kinds = np.full(len(frame), _NOT_ANSWERED)
    exclusive = codebook.exclusive_codes(item)
    for code, meaning in exclusive.items():
        ticked = is_one_of(frame[f"{item.code}[{code}]"], "Y")
        kinds[ticked] = IS_ANSWERED if meaning == "none" else KINDS.index(meaning)
    # A ticked box outweighs an exclusive one, which the tool lets nobody tick together.
    ticked_boxes = [is_one_of(frame[box.name], "Y") for box in boxes]
    kinds[np.logical_or.reduce(ticked_boxes)] = IS_ANSWERED
    every = [c for c in codebook.column_specs if c.item is item]
    never = ~shown[boxes[0].variable] | _all_absent(frame, every, codebook, marks_null)
    kinds[never & (kinds == _NOT_ANSWERED)] = _NOT_SHOWN
    return kinds


def _ranking_kinds(
    frame: pd.DataFrame, codebook: Codebook, item: Item, shown: np.ndarray, marks_null: bool
) -> dict[str, np.ndarray]:
    places = places_of(frame, codebook, item)
    never = ~shown | _all_absent(frame, codebook.columns_of(item), codebook, marks_null)
    kinds = np.where(np.isnan(places), _NOT_ANSWERED, IS_ANSWERED)
    kinds[never[:, None] & (kinds == _NOT_ANSWERED)] = _NOT_SHOWN
    return {v.name: kinds[:, at] for at, v in enumerate(codebook.variables(item))}


def places_of(frame: pd.DataFrame, codebook: Codebook, item: Item) -> np.ndarray:
    """Return the place that each response gives to each thing of a ranking, NaN where none.

    Returns:
        Responses × things in the order of the codebook; 1 is the first place.
    """
    columns = codebook.columns_of(item)
    places = np.full((len(frame), len(codebook.subquestions(item))), np.nan)
    for at, entry in enumerate(codebook.subquestions(item)):
        here = np.column_stack([is_one_of(frame[column.name], [entry.code]) for column in columns])
        ranked = here.any(axis=1)
        places[ranked, at] = here[ranked].argmax(axis=1) + 1
    return places


def _all_absent(
    frame: pd.DataFrame, columns: Iterable[Column], codebook: Codebook, marks_null: bool
) -> np.ndarray:
    """Return which responses were shown none of the columns, as the export itself says."""
    absent = codebook.missing.not_shown.code
    return np.logical_and.reduce(
        [
            frame[column.name].isna().to_numpy()
            if marks_null
            else is_one_of(frame[column.name], [absent])
            for column in columns
        ]
    )
