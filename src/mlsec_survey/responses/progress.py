"""How far each respondent came, whatever way the survey was shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import Item
from mlsec_survey.responses.cells import as_numbers, is_filled
from mlsec_survey.responses.readers import RawExport


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the respondents of an export came.

    Attributes:
        answered: whether anything was answered at all.
        furthest: place (from 1) of the last item that is known to have been shown, 0 if none.
        submitted: whether the response was submitted.
        last_page: page that was seen last, as the survey tool counts; 0 where it does not tell.
        places: place of each item.
        by_page: whether the last page counts the codebook's pages.
    """

    answered: np.ndarray
    furthest: np.ndarray
    submitted: np.ndarray
    last_page: np.ndarray
    places: dict[str, int]
    by_page: bool

    def reached(self, item: Item) -> np.ndarray:
        """Return which respondents came as far as an item, whether or not a filter hid it.

        Somebody came that far who answered it or a later one. Beyond that, where the survey was
        shown page by page, the last page tells; where it was shown in another way, only a
        submitted response is known to have come to its end.
        """
        further = self.last_page >= item.page if self.by_page else self.submitted
        return (self.furthest >= self.places[item.id]) | further


def progress(raw: RawExport, codebook: Codebook) -> Progress:
    """Find out how far each respondent came.

    Args:
        raw: export; `steps` says what its last page counts.
        codebook: order and pages of the items.
    """
    frame = raw.frame
    places = {item.id: place for place, item in enumerate(codebook.items, start=1)}
    furthest = np.zeros(len(frame), dtype=np.int64)
    answered = np.zeros(len(frame), dtype=bool)
    for column in codebook.column_specs:
        if column.item is None:
            continue
        filled = is_filled(frame[column.name])
        answered |= filled
        shown = frame[column.name].notna().to_numpy() if raw.marks_null else filled
        furthest = np.maximum(furthest, np.where(shown, places[column.item.id], 0))
    last_page = as_numbers(frame["lastpage"], "float64").fillna(0).to_numpy()
    submitted = is_filled(frame["submitdate"])
    return Progress(answered, furthest, submitted, last_page, places, raw.steps == "groups")
