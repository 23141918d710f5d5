"""Tables that describe the sample and its answers: counts, shares with intervals, what is missing.

Shares are of those who answered unless a table says otherwise, and carry Wilson's score interval
(Wilson 1927, doi:10.1080/01621459.1927.10502953) as SciPy computes it. Columns are named alike
throughout: count of n gives estimate, with low and high.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from .codebook import ANSWERED, Codebook

NAN = math.nan


def _share(count: int, n: int, confidence: float) -> dict[str, object]:
    if n == 0:
        return {"count": count, "n": n, "estimate": NAN, "low": NAN, "high": NAN}
    interval = binomtest(count, n).proportion_ci(confidence, method="wilson")
    return {
        "count": count,
        "n": n,
        "estimate": count / n,
        "low": float(interval.low),
        "high": float(interval.high),
    }


def table_one(
    responses: pd.DataFrame,
    missing: pd.DataFrame,
    codebook: Codebook,
    items: Sequence[str],
    *,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Describe the sample by one option per row, as the first table of a study does.

    Args:
        responses: recoded responses.
        missing: kinds of missing answer of the same responses.
        codebook: order and labels of the options.
        items: ids of items of type single.
        confidence: level of the intervals.

    Returns:
        Per item one row per option in its order, then one row per kind of missing answer that
        occurs: variable, label, option, kind ("answered" or the kind of missing), count, n,
        estimate, low, high. Options are shares of those who answered; kinds of missing are shares
        of all respondents.
    """
    rows: list[dict[str, object]] = []
    for item_id in items:
        label = codebook.label(item_id)
        answers = responses[item_id]
        answered = int(answers.notna().sum())
        for option in codebook.options(item_id):
            count = int((answers == option.value).sum())
            rows.append(
                {
                    "variable": item_id,
                    "label": label,
                    "option": option.label,
                    "kind": ANSWERED,
                    **_share(count, answered, confidence),
                }
            )
        for kind, entry in codebook.missing.items():
            count = int((missing[item_id] == kind).sum())
            if count:
                rows.append(
                    {
                        "variable": item_id,
                        "label": label,
                        "option": entry.label,
                        "kind": kind,
                        **_share(count, len(missing), confidence),
                    }
                )
    return pd.DataFrame(rows)


def item_nonresponse(
    missing: pd.DataFrame, codebook: Codebook, *, confidence: float = 0.95
) -> pd.DataFrame:
    """Say for every variable how many were shown it, and how many of these did not answer.

    Args:
        missing: kinds of missing answer.
        codebook: labels and pages.
        confidence: level of the intervals.

    Returns:
        One row per variable of the codebook: variable, item, label, page, measure, answered,
        not_answered, dont_know, prefer_not, not_shown (counts), and item non-response: count (left
        empty) of n (shown), estimate, low, high.
    """
    rows = []
    for variable in codebook.variables():
        column = codebook.column(variable)
        assert column.item is not None
        counts = _kind_counts(missing[variable], codebook)
        shown = len(missing) - counts["not_shown"]
        rows.append(
            {
                "variable": variable,
                "item": column.item.id,
                "label": codebook.label(variable),
                "page": column.page,
                "measure": codebook.measure(variable),
                **counts,
                **_share(counts["not_answered"], shown, confidence),
            }
        )
    return pd.DataFrame(rows)


def missing_kind_counts(missing: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Count the kinds of missing answers per item, in cells (respondents × sub-questions).

    Returns:
        One row per item: item, label, cells, answered, not_answered, not_shown, dont_know,
        prefer_not. The text of the option other is left out.
    """
    rows = []
    for item in codebook.items:
        variables = [
            name for name in codebook.variables(item) if codebook.column(name).kind != "other"
        ]
        counts = [_kind_counts(missing[name], codebook) for name in variables]
        total = {kind: sum(count[kind] for count in counts) for kind in counts[0]}
        rows.append(
            {
                "item": item.id,
                "label": item.label,
                "cells": len(missing) * len(variables),
                **total,
            }
        )
    return pd.DataFrame(rows)


def _kind_counts(kinds: pd.Series, codebook: Codebook) -> dict[str, int]:
    names = [ANSWERED, *(kind for kind, _ in codebook.missing.items())]
    return {name: int((kinds == name).sum()) for name in names}


def flag_counts(responses: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Count the respondents with each quality flag.

    Args:
        responses: with the columns of `cleaning.quality_flags`.
        codebook: labels and reasons.

    Returns:
        One row per flag and one for any of them: flag, label, reason, count, n, share.
    """
    n = len(responses)
    rows: list[dict[str, object]] = [
        {
            "flag": flag.id,
            "label": flag.label,
            "reason": flag.reason,
            "count": int(responses[flag.id].sum()),
            "n": n,
        }
        for flag in codebook.quality_flags
    ]
    rows.append(
        {
            "flag": "any",
            "label": "Any of these",
            "reason": "",
            "count": int((responses["quality_flags"] > 0).sum()),
            "n": n,
        }
    )
    table = pd.DataFrame(rows)
    return table.assign(share=table["count"] / table["n"])


def occurrence_table(
    responses: pd.DataFrame,
    missing: pd.DataFrame,
    codebook: Codebook,
    *,
    item: str = "occurrence",
    values: Sequence[str] = ("yes", "suspected"),
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Tabulate how many report each attack: as having happened, as suspected, as either.

    Args:
        responses: recoded responses.
        missing: kinds of missing answer of the same responses.
        codebook: order and labels of the attacks.
        item: id of a nominal grid.
        values: the answers that count as a report; each gets rows of its own, then all together.
        confidence: level of the intervals.

    Returns:
        One row per sub-question and report: subquestion, label, report (a value, or "either"),
        report_label, count, n (who gave a substantive answer), estimate, low, high, dont_know,
        prefer_not and no_answer (counts).
    """
    option_labels = {option.value: option.label for option in codebook.options(item)}
    reports: list[tuple[str, str, tuple[str, ...]]] = [
        (value, option_labels[value], (value,)) for value in values
    ]
    reports.append(("either", "Either", tuple(values)))
    rows = []
    for entry, variable in codebook.rating_variables(item).items():
        answers = responses[variable]
        n = int(answers.notna().sum())
        for report, report_label, members in reports:
            count = int(answers.isin(members).sum())
            rows.append(
                {
                    "subquestion": entry,
                    "label": _part_label(codebook, variable),
                    "report": report,
                    "report_label": report_label,
                    **_share(count, n, confidence),
                    **_missing_counts(missing[variable]),
                }
            )
    return pd.DataFrame(rows)


def rating_distribution(
    responses: pd.DataFrame,
    missing: pd.DataFrame,
    codebook: Codebook,
    item: str,
    *,
    top: int = 2,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Tabulate the ratings of each sub-question of an ordinal grid.

    Args:
        responses: recoded responses.
        missing: kinds of missing answer of the same responses.
        codebook: order of sub-questions and options.
        item: id of an ordinal grid.
        top: number of highest options that make up the top box.
        confidence: level of the interval.

    Returns:
        One row per sub-question: subquestion, label, n (who rated), count_K and share_K per value
        K, median and mean of the values, the top box as count of n with estimate, low and high,
        then dont_know, prefer_not and no_answer (counts).

    Raises:
        ValueError: the item is not ordinal.
    """
    values = [option.value for option in codebook.options(item)]
    if not all(isinstance(value, int) for value in values):
        raise ValueError(f"the item {item!r} is not ordinal")
    rows = []
    for entry, variable in codebook.rating_variables(item).items():
        ratings = responses[variable].dropna().astype("int64")
        n = len(ratings)
        counts = {value: int((ratings == value).sum()) for value in values}
        row: dict[str, object] = {
            "subquestion": entry,
            "label": _part_label(codebook, variable),
            **{f"count_{value}": count for value, count in counts.items()},
            **{f"share_{value}": count / n if n else NAN for value, count in counts.items()},
            "median": float(ratings.median()) if n else NAN,
            "mean": float(ratings.mean()) if n else NAN,
        }
        row |= _share(sum(counts[value] for value in values[-top:]), n, confidence)
        rows.append(row | _missing_counts(missing[variable]))
    return pd.DataFrame(rows)


def checklist_table(
    responses: pd.DataFrame, codebook: Codebook, item: str, *, confidence: float = 0.95
) -> pd.DataFrame:
    """Tabulate how many ticked each box of a checklist.

    Returns:
        One row per box in its order: subquestion, label, count, n (who answered the checklist),
        estimate, low, high.
    """
    rows = []
    for entry, variable in codebook.rating_variables(item).items():
        answers = responses[variable]
        rows.append(
            {
                "subquestion": entry,
                "label": _part_label(codebook, variable),
                **_share(int((answers == "yes").sum()), int(answers.notna().sum()), confidence),
            }
        )
    return pd.DataFrame(rows)


def _missing_counts(kinds: pd.Series) -> dict[str, int]:
    return {
        "dont_know": int((kinds == "dont_know").sum()),
        "prefer_not": int((kinds == "prefer_not").sum()),
        "no_answer": int(kinds.isin(["not_answered", "not_shown"]).sum()),
    }


def _part_label(codebook: Codebook, variable: str) -> str:
    part = codebook.column(variable).subquestion
    return codebook.label(variable) if part is None else part.label


def suppress_small_cells(
    table: pd.DataFrame, count: str, group: str | Sequence[str] | None = None, threshold: int = 5
) -> pd.DataFrame:
    """Hide small counts of a table, and as many more as it takes to keep them hidden.

    Counts from 1 to `threshold` - 1 are hidden (primary suppression). Within a group, whose total a
    reader can know, the smallest further counts are hidden until at least two counts are hidden and
    they add up to at least `threshold`, so that subtraction tells neither (complementary
    suppression; see Hundepool et al. 2012, Statistical Disclosure Control, chapter 4). A count of
    zero is shown unless it is needed for that.

    Args:
        table: one row per count.
        count: column of counts; missing ones are left alone.
        group: column, or columns, within which counts add up to a total; None for the whole table.
        threshold: smallest count that may be shown.

    Returns:
        A copy of the table whose column `count` is Int64, missing where hidden.

    Raises:
        ValueError: a count is negative or not whole.
    """
    counts = pd.to_numeric(table[count])
    known = counts.notna().to_numpy()
    whole = counts.to_numpy(dtype="float64", na_value=0.0)
    if (whole < 0).any() or (whole != np.floor(whole)).any():
        raise ValueError(f"the column {count!r} does not hold counts")
    hidden = np.zeros(len(table), dtype=bool)
    for positions in _groups(table, group):
        cells = np.array([at for at in positions if known[at]], dtype=int)
        small = [at for at in cells if 0 < whole[at] < threshold]
        if not small:
            continue
        chosen = list(small)
        # Stable order, so that the same table always hides the same cells.
        further = sorted(
            (at for at in cells if at not in small), key=lambda at: (whole[at] == 0, whole[at], at)
        )
        while further and (len(chosen) < 2 or whole[chosen].sum() < threshold):
            chosen.append(further.pop(0))
        hidden[chosen] = True
    result = table.copy()
    result[count] = counts.astype("Int64").mask(hidden)
    return result


def _groups(table: pd.DataFrame, group: str | Sequence[str] | None) -> list[np.ndarray]:
    if group is None:
        return [np.arange(len(table))]
    by = [group] if isinstance(group, str) else list(group)
    numbers = table.groupby(by, sort=False, dropna=False).ngroup().to_numpy()
    return [np.flatnonzero(numbers == number) for number in np.unique(numbers)]


def describe_flow(flow: pd.DataFrame) -> str:
    """Say in one sentence who was excluded, from the flow of `cleaning.apply_exclusions`."""
    start = int(flow["remaining"].iloc[0] + flow["excluded"].iloc[0])
    end = int(flow["remaining"].iloc[-1])
    parts = [
        f"{row['label'][:1].lower()}{row['label'][1:]} {row['excluded']}"
        for _, row in flow.iterrows()
        if row["excluded"]
    ]
    reasons = f" ({', '.join(parts)})" if parts else ""
    return (
        f"Of {start} exported responses {start - end} were excluded{reasons}; "
        f"{end} respondents are analysed."
    )
