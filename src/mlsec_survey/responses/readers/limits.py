"""What an export cannot tell, said plainly; and how the survey was shown."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsec_survey.instrument.codebook import Codebook, Column
from mlsec_survey.responses.cells import is_filled
from mlsec_survey.responses.readers.answers import Boxes
from mlsec_survey.responses.readers.checks import NO_DATE
from mlsec_survey.responses.readers.export import Limit, Steps


def furthest_item(frame: pd.DataFrame, codebook: Codebook) -> np.ndarray:
    """Return for each response the place (from 1) of the last item with an answer; 0 if none."""
    place = {item.id: at for at, item in enumerate(codebook.items, start=1)}
    furthest = np.zeros(len(frame), dtype=np.int64)
    for column in _item_columns(codebook):
        assert column.item is not None
        shown = np.where(is_filled(frame[column.name]), place[column.item.id], 0)
        furthest = np.maximum(furthest, shown)
    return furthest


def _item_columns(codebook: Codebook) -> list[Column]:
    return [column for column in codebook.column_specs if column.item is not None]


def shown_by(frame: pd.DataFrame, codebook: Codebook, said: str | None) -> Steps | None:
    """Find out how the survey was shown, which decides what the last page means.

    Args:
        frame: canonical columns.
        codebook: pages and their items.
        said: what the manifest or the file says; it decides.

    Returns:
        `groups` if the last page counts the codebook's pages, `questions` if it counts questions,
        `one_page` if there was one page only; None if the responses do not show which.
    """
    if said in ("groups", "questions", "one_page"):
        return said  # type: ignore[return-value]
    last = _last_page(frame)
    if np.isnan(last).all():
        return None
    top = int(np.nanmax(last))
    if top > codebook.pages:
        return "questions"
    page_of = np.array([0, *(item.page for item in codebook.items)])
    answered = page_of[furthest_item(frame, codebook)]
    known = ~np.isnan(last)
    beyond = answered[known] > last[known]
    if top <= 1 and beyond.any():
        return "one_page"
    if beyond.any():
        return None
    if codebook.pages == 1:
        return "groups"
    # Who was shown one question at a time is on page 2 of the codebook at a later step than 2.
    done = is_filled(frame["submitdate"])[known] & (last[known] == codebook.pages)
    in_step = (answered[known] == last[known]) & (last[known] > 1)
    return "groups" if done.any() or in_step.any() else None


def _last_page(frame: pd.DataFrame) -> np.ndarray:
    cells = frame["lastpage"]
    return pd.to_numeric(cells.where(cells != ""), errors="coerce").to_numpy(
        dtype=float, na_value=np.nan
    )


def limits_of(
    frame: pd.DataFrame,
    codebook: Codebook,
    marks_null: bool,
    boxes: Boxes,
    style: str,
    present: set[str],
) -> tuple[Limit, ...]:
    """Return what an export cannot tell.

    Args:
        frame: canonical columns.
        codebook: says which columns there can be.
        marks_null: whether the file tells what was not shown.
        boxes: how boxes are written.
        style: how answers are written.
        present: columns of the codebook that are in the file.
    """
    limits: list[Limit] = []
    if not marks_null and any(item.page > 1 or item.shown_if for item in codebook.items):
        limits.append(
            Limit(
                "null",
                "The export does not tell what was not shown from what was left empty; that is "
                "inferred from how far each respondent came and from the filters.",
                "LimeSurvey's survey archive (.lsa) tells.",
            )
        )
    times = [entry.column for entry in codebook.paradata if entry.variable == "duration_seconds"]
    if times and not any(is_filled(frame[name]).any() for name in times):
        limits.append(
            Limit(
                "time",
                "The export holds no timings: how long anybody took is not known, and nobody can "
                "be flagged as too fast.",
                "Export with timings, or the survey archive (.lsa).",
            )
        )
    dates = [entry.column for entry in codebook.paradata if entry.kind == "datetime"]
    real = [bool((is_filled(frame[name]) & (frame[name] != NO_DATE)).any()) for name in dates]
    if not all(real):
        limits.append(
            Limit(
                "dates",
                "The survey kept no dates"
                if not any(real)
                else "The export lacks "
                + ", ".join(
                    entry.label.lower()
                    for entry, known in zip(
                        (e for e in codebook.paradata if e.kind == "datetime"), real, strict=True
                    )
                    if not known
                ),
                "Switch on date stamps before fieldwork; a running survey cannot add them.",
            )
        )
    for column in sorted({rule.column for rule in codebook.exclusions if rule.rule == "repeated"}):
        if not is_filled(frame[column]).any():
            limits.append(
                Limit(
                    "repeats",
                    "The export holds no invitation codes: a person who answered twice cannot be "
                    "found and counts twice.",
                    "Export with the column of access codes; an anonymous survey has none.",
                )
            )
    limits += _completion_limits(frame, present)
    if "startlanguage" not in present:
        limits.append(
            Limit(
                "language",
                "The export does not tell in which language anybody answered.",
                "Export with the column of the start language.",
            )
        )
    if (
        boxes.unticked is not None
        and any(
            {"Y", "N"} <= {option.code for option in codebook.options(item)}
            for item in codebook.items
            if item.type == "single"
        )
        and style == "codes"
    ):
        limits.append(
            Limit(
                "no",
                "With N converted, LimeSurvey writes an unanswered yes/no question as no.",
                "Export without conversion of Y and N.",
            )
        )
    return tuple(limits)


def _completion_limits(frame: pd.DataFrame, present: set[str]) -> list[Limit]:
    everybody = "Export again with completion state all responses."
    found: list[Limit] = []
    if "submitdate" not in present:
        found.append(
            Limit(
                "submitted",
                "The export does not tell which responses were submitted.",
                "Export with the column of the date of submission.",
            )
        )
    elif len(frame):
        done = is_filled(frame["submitdate"])
        if done.all():
            found.append(
                Limit(
                    "unsubmitted",
                    "The export holds submitted responses only: who opened the survey, declined or "
                    "left early is not in it, cannot be counted, and may have answered enough to "
                    "be analysed.",
                    everybody,
                )
            )
        elif not done.any():
            found.append(
                Limit(
                    "submitted",
                    "The export holds no submitted response: those who finished are missing, or "
                    "nobody did.",
                    everybody,
                )
            )
    if "lastpage" not in present or not is_filled(frame["lastpage"]).any():
        found.append(
            Limit(
                "last_page",
                "The export does not tell which page was seen last; how far anybody came follows "
                "from the answers.",
                "Export with the column of the last page.",
            )
        )
    return found
