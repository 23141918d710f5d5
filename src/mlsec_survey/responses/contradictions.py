"""What cannot both be true in a response: counted and reported, never put right."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mlsec_survey.base.formatting import counted
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import OTHER_VALUE
from mlsec_survey.responses.cells import as_numbers, is_filled, is_one_of
from mlsec_survey.responses.progress import progress
from mlsec_survey.responses.readers import RawExport
from mlsec_survey.responses.readers.checks import NO_DATE


def contradictions(raw: RawExport, codebook: Codebook) -> pd.DataFrame:
    """Count the responses that contradict themselves, by what contradicts what.

    Args:
        raw: export as read; nothing in it is changed.
        codebook: options, filters and pages.

    Returns:
        One row per contradiction that the export allows to look for: contradiction (in words),
        treated (how the analysis reads it), responses (how many), and first_row (line of the file
        on which the first starts; missing if there is none).
    """
    rows: list[dict[str, object]] = []
    for what, treated, found in _looked_for(raw, codebook):
        at = np.flatnonzero(found)
        rows.append(
            {
                "contradiction": what,
                "treated": treated,
                "responses": len(at),
                "first_row": int(raw.frame.index[at[0]]) if len(at) else pd.NA,
            }
        )
    columns = ["contradiction", "treated", "responses", "first_row"]
    return pd.DataFrame(rows, columns=columns).astype({"first_row": "Int64"})


def _looked_for(raw: RawExport, codebook: Codebook) -> Iterator[tuple[str, str, np.ndarray]]:
    frame = raw.frame
    yield (
        "Text of other without the option other",
        "the option that was chosen counts, and the text is kept",
        _text_without_option(frame, codebook),
    )
    yield (
        "A box that excludes all others, beside others",
        "the other boxes count",
        _exclusive_beside_others(frame, codebook),
    )
    yield (
        "An answer behind a filter that hides the item",
        "the answer is kept",
        _answer_behind_filter(frame, codebook),
    )
    if raw.steps == "groups":
        came = progress(raw, codebook)
        page = np.array([0, *(item.page for item in codebook.items)])[came.furthest]
        yield (
            "An answer on a page after the last one seen",
            "the answer is kept",
            (page > came.last_page) & came.answered,
        )
    times = {name: _times(frame[name]) for name in ("startdate", "datestamp", "submitdate")}
    if times["startdate"].notna().any():
        for name, words in (("submitdate", "submission"), ("datestamp", "the last action")):
            if times[name].notna().any():
                yield (
                    f"Start after {words} (time zones, clock changes)",
                    "times of day are not used; durations come from timings",
                    (times["startdate"] > times[name]).to_numpy(),
                )
    duration = next((e for e in codebook.paradata if e.variable == "duration_seconds"), None)
    if duration is not None and times["startdate"].notna().any():
        seconds = as_numbers(frame[duration.column], "float64")
        passed = (times["datestamp"] - times["startdate"]).dt.total_seconds()
        yield (
            "More seconds on the pages than between start and last action",
            "the seconds on the pages count",
            # A second of rounding, and one for the page that is being sent.
            (seconds > passed + 2).to_numpy() & (passed >= 0).to_numpy(),
        )


def _times(cells: pd.Series) -> pd.Series:
    return pd.to_datetime(cells.where(~cells.isin(["", NO_DATE])), format="%Y-%m-%d %H:%M:%S")


def _text_without_option(frame: pd.DataFrame, codebook: Codebook) -> np.ndarray:
    found = np.zeros(len(frame), dtype=bool)
    for column in codebook.column_specs:
        if column.kind == "other":
            item = column.item
            assert item is not None
            other = next(o.code for o in codebook.options(item) if o.value == OTHER_VALUE)
            found |= is_filled(frame[column.name]) & ~is_one_of(frame[item.code], [other])
    return found


def _exclusive_beside_others(frame: pd.DataFrame, codebook: Codebook) -> np.ndarray:
    found = np.zeros(len(frame), dtype=bool)
    for item in codebook.items:
        exclusive = [f"{item.code}[{code}]" for code in codebook.exclusive_codes(item)]
        if item.type == "multiple" and exclusive:
            names = [column.name for column in codebook.columns_of(item)] + exclusive
            ticked = {name: is_one_of(frame[name], "Y") for name in names}
            count = np.sum(list(ticked.values()), axis=0)
            found |= np.logical_or.reduce([ticked[name] for name in exclusive]) & (count > 1)
    return found


def _answer_behind_filter(frame: pd.DataFrame, codebook: Codebook) -> np.ndarray:
    found = np.zeros(len(frame), dtype=bool)
    for item in codebook.items:
        if item.shown_if is None:
            continue
        asked = codebook.item(item.shown_if.item)
        passing = {o.code for o in codebook.options(asked) if o.value in item.shown_if.values}
        for column in codebook.columns_of(item):
            name = asked.code
            if asked.subquestions is not None and column.subquestion is not None:
                name = f"{name}[{column.subquestion.code}]"
            found |= is_filled(frame[column.name]) & ~is_one_of(frame[name], passing)
    return found


def described(raw: RawExport) -> pd.DataFrame:
    """Say what an export is, what was put right on reading it, and what it cannot tell.

    Returns:
        One row per finding: aspect and finding, both in words.
    """
    shown = {
        "groups": "page by page",
        "questions": "one question at a time",
        "one_page": "all on one page",
        None: "not known; how far anybody came follows from the answers",
    }
    found = [("What it is", raw.source), ("How the survey was shown", shown[raw.steps])]
    reasons = dict.fromkeys(raw.ignored.values())
    for reason in reasons:
        names = [name for name, why in raw.ignored.items() if why == reason]
        listed = ", ".join(name[:40] for name in names[:4]) + (", …" if len(names) > 4 else "")
        found.append(("Left out", f"{listed}: {reason}"))
    found += [("Put right or concluded", note) for note in raw.notes]
    found += [("Cannot tell", f"{limit.what} {limit.remedy}") for limit in raw.limits]
    if not raw.limits:
        found.append(("Cannot tell", "Nothing that the analysis asks for is missing."))
    return pd.DataFrame(found, columns=["aspect", "finding"])


def in_one_line(raw: RawExport, analysed: int) -> str:
    """Return which export was read, how many were analysed, and what it cannot tell, for a line."""
    words = {
        "null": "what was not shown",
        "time": "how long people took",
        "dates": "dates",
        "repeats": "who answered twice",
        "unsubmitted": "who did not submit",
        "submitted": "who submitted",
        "last_page": "the last page seen",
        "language": "the language",
        "no": "no from not answered in yes/no questions",
    }
    tool = raw.source.split(":")[0]
    line = f"{raw.path.name} ({tool}), {counted(len(raw), 'response')}, {analysed} analysed"
    if raw.limits:
        line += "; cannot tell " + ", ".join(words[limit.key] for limit in raw.limits)
    return line
