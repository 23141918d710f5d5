"""The explorer: released counts of every item by every grouping, on one page that works alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlsec_survey.analysis.exploration import (
    EVERYBODY,
    ListedAnswers,
    cross_counts,
    explorable,
    groupings,
)
from mlsec_survey.base.formatting import SMALLEST_COUNT
from mlsec_survey.instrument.codebook import load_codebook
from mlsec_survey.report.basis import basis_label
from mlsec_survey.report.disclosure import suppress_cross_table
from mlsec_survey.runner.outputs.pages import json_in_page, render_template, write_page


def render_explorer(
    responses: str, missing: str, codebook: str, output: str, entry: dict[str, Any]
) -> None:
    """Render the page on which readers choose item, grouping and denominator.

    Args:
        responses: path of the analysis file.
        missing: path of the kinds of missing answer.
        codebook: path of the codebook.
        output: path of the page to write.
        entry: as for `pages.render_page`.
    """
    import pandas as pd

    book = load_codebook(Path(codebook))
    items = explorable(pd.read_parquet(responses), pd.read_parquet(missing), book)
    released = released_counts(items, groupings(items, book), suppress=not entry["synthetic"])
    released["status"] = basis_label("responses", entry["synthetic"])
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
    hidden = suppress_cross_table(counts, item.answered, SMALLEST_COUNT)
    return {
        "counts": [
            [None if secret else int(count) for count, secret in zip(row, mask, strict=True)]
            for row, mask in zip(counts, hidden, strict=True)
        ],
        "n": [[None if 0 < n < SMALLEST_COUNT else n for n in row] for row in totals],
    }
