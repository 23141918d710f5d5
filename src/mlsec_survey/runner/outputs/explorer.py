"""The explorer: released counts of every item by every grouping, on one page that works alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mlsec_survey.analysis.exploration import (
    EVERYBODY,
    ListedAnswers,
    cross_counts,
    explorable,
    groupings,
)
from mlsec_survey.base.formatting import SMALLEST_COUNT
from mlsec_survey.instrument.codebook_file import load_codebook
from mlsec_survey.instrument.plan import load_plan
from mlsec_survey.report.basis import basis_label
from mlsec_survey.report.disclosure import suppress_cross_table
from mlsec_survey.runner.outputs.pages import json_in_page, render_template, write_page


def render_explorer(
    responses: str, missing: str, codebook: str, plan: str, output: str, entry: dict[str, Any]
) -> None:
    """Render the page on which readers choose item, grouping and denominator.

    Args:
        responses: path of the analysis file.
        missing: path of the kinds of missing answer.
        codebook: path of the codebook.
        plan: path of the analysis plan, which sets the level of intervals.
        output: path of the page to write.
        entry: as for `pages.render_page`.
    """
    import pandas as pd

    book = load_codebook(Path(codebook))
    items = explorable(pd.read_parquet(responses), pd.read_parquet(missing), book)
    released = released_counts(items, groupings(items, book), suppress=not entry["synthetic"])
    confidence = load_plan(Path(plan), book).confidence
    released |= {
        "status": basis_label("responses", entry["synthetic"]),
        "level": f"{100 * confidence:g} %",
        "z": float(stats.norm.ppf((1 + confidence) / 2)),
    }
    body = render_template("explore", released=released, data=json_in_page(released))
    write_page(output, entry, body, [])


def released_counts(
    items: tuple[ListedAnswers, ...], by: tuple[ListedAnswers, ...], *, suppress: bool
) -> dict[str, Any]:
    """Return what the explorer holds: counts by item and grouping, no row of anybody.

    Args:
        items: what can be looked at.
        by: what respondents can be grouped by.
        suppress: hide small counts, and what would reveal them, as tables do.

    Returns:
        `threshold`, `items` and `groupings` with their labels, and `tables` by item and grouping
        ("" for everybody): `counts` (groups × answers, None where hidden) and `n` (per group all
        respondents and those who answered, None where hidden).
    """
    everybody = {"id": "", "label": "Nobody: all respondents together", "groups": [EVERYBODY]}
    return {
        "threshold": SMALLEST_COUNT,
        "respondents": len(items[0].codes) if items else 0,
        "items": [
            {
                "id": item.name,
                "label": item.label,
                "construct": item.construct,
                "answers": item.answers,
                "answered": int(item.answered.sum()),
            }
            for item in items
        ],
        "groupings": [
            everybody,
            *({"id": one.name, "label": one.label, "groups": one.answers} for one in by),
        ],
        "tables": {
            item.name: {
                "" if one is None else one.name: _table(item, one, suppress)
                for one in (None, *by)
                if one is not item
            }
            for item in items
        },
    }


def _table(item: ListedAnswers, by: ListedAnswers | None, suppress: bool) -> dict[str, Any]:
    counts = cross_counts(item, by)
    totals = [[int(row.sum()), int(row[item.answered].sum())] for row in counts]
    if not suppress:
        return {"counts": counts.tolist(), "n": totals}
    hidden, few = suppress_cross_table(counts, item.answered)
    return {"counts": _known(counts.tolist(), hidden), "n": _known(totals, few)}


def _known(values: list[list[int]], hidden: NDArray[np.bool_]) -> list[list[int | None]]:
    return [
        [None if secret else value for value, secret in zip(row, mask, strict=True)]
        for row, mask in zip(values, hidden, strict=True)
    ]
