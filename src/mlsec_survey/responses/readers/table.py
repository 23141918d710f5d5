"""What a file holds before the codebook is asked: headings, and cells as plain strings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from mlsec_survey.responses.readers.structure import Structure


@dataclass(frozen=True, slots=True)
class Table:
    """The cells of an export as its survey tool wrote them.

    Attributes:
        headings: of the columns, as in the file.
        cells: one column per heading, numbered from 0 in their order, of categories that are plain
            strings; missing where the file says NULL. The index is the line (or record) on which a
            response starts, as an editor shows it.
        null: what a missing cell means: `always` (the file writes NULL for what was not shown),
            `maybe` (it does if both missing and empty cells occur among the answers), or `never`.
        questions: by place, the text of the question that stands beside the heading, if any.
        labels: by place, the label of each code in that column, if the file carries labels.
        types: by heading, what a question is that holds no answer to analyse (such as an equation).
        settings: what is known of how the file was made, in words for readers.
        notes: what was put right on reading, one sentence each.
        steps: how the survey was shown: `groups`, `questions`, `one_page`, or None if not known.
        structure: the questionnaire, if the file carries it.
        boxes: words for a ticked and an unticked box, where the tool always uses the same.
        numbering: what the tool's numbers for answers are: `numbers` (values of options) or
            `positions`, as `answers.Dictionary` has them; None if that is not known.
    """

    headings: tuple[str, ...]
    cells: pd.DataFrame
    null: str
    questions: Mapping[int, str] = field(default_factory=dict)
    labels: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    steps: str | None = None
    structure: Structure | None = None
    boxes: tuple[str, str] | None = None
    numbering: str | None = None


def categories(values: Sequence[str | None]) -> pd.Categorical[Any]:
    """Return strings (None where NULL) as categories in the order of first appearance."""
    codes, distinct = pd.factorize(np.array(values, dtype=object))
    return pd.Categorical.from_codes(
        codes, dtype=pd.CategoricalDtype(pd.Index(distinct, dtype="str"))
    )


def replaced(cells: pd.Series, change: Callable[[str], str | None]) -> pd.Series:
    """Return categorical cells with each distinct string changed; None stands for NULL."""
    old = cells.cat.categories.tolist()
    new = [change(value) for value in old]
    if new == old:
        return cells
    codes, distinct = pd.factorize(np.array(new, dtype=object))
    # One place more, so that the code -1 of a missing cell stays -1.
    moved = np.append(codes, -1)[cells.cat.codes.to_numpy()]
    dtype = pd.CategoricalDtype(pd.Index(distinct, dtype="str"))
    values = pd.Categorical.from_codes(moved, dtype=dtype)
    return pd.Series(values, index=cells.index, name=cells.name)


def without_null(cells: pd.Series) -> pd.Series:
    """Return categorical cells with every missing one empty."""
    if not cells.isna().any():
        return cells
    if "" not in cells.cat.categories:
        cells = cells.cat.add_categories([""])
    return cells.fillna("")
