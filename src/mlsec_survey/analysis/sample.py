"""Tables that describe the sample and its answers: counts, shares with intervals, what is missing.

Shares are of those who answered unless a table says otherwise, and carry Wilson's score interval
(Wilson 1927, doi:10.1080/01621459.1927.10502953). Columns are named alike throughout: count of n
gives estimate, with low and high.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from mlsec_survey.base.formatting import interval_text, percent_text
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import ANSWERED, ExcludeEquals, SpeedFlag
from mlsec_survey.responses.scales import nothing_ticked
from mlsec_survey.stats.bootstrap import bca_interval, resampled_weights
from mlsec_survey.stats.proportions import clopper_pearson, none_observed_bound, wilson

NAN = math.nan


def share_row(count: int, n: int, confidence: float) -> dict[str, object]:
    """Return a share as columns of a table: count, n, estimate, low, high (Wilson)."""
    low, high = wilson(count, n, confidence)
    return {
        "count": count,
        "n": n,
        "estimate": count / n if n else NAN,
        "low": float(low),
        "high": float(high),
    }


def share_text(count: int, n: int, *, confidence: float = 0.95) -> str:
    """Return a share as readers see it, such as "12 % (8 to 19 %)", with Wilson's interval."""
    low, high = wilson(count, n, confidence)
    interval = interval_text(float(low), float(high), 0, percent=True)
    return f"{percent_text(count / n if n else NAN)} ({interval})"


def share_numbers(shares: pd.DataFrame, *, confidence: float) -> pd.DataFrame:
    """Return 0/1 quantities and what they are out of, for publishing.

    Args:
        shares: as `binary_scales` returns them.
        confidence: level of the intervals.

    Returns:
        key, value, description, counts (behind the value), digits.
    """
    rows: list[tuple[str, object, str, tuple[int, ...], int]] = []
    for row in shares.to_dict("records"):
        scale, label = row["scale"], row["label"]
        within = f"{label[:1].lower()}{label[1:]}"
        counts = (row["count"], row["n"] - row["count"], row["n"])
        share = share_text(row["count"], row["n"], confidence=confidence)
        bounds = interval_text(row["bound_low"], row["bound_high"], 0, percent=True)
        known, unknown = f"for whom {within} is known", f"for whom {within} is unknown"
        whole, least = f"{label} among all", "each unknown counted as none"
        rows += [
            (f"{scale}_share", share, f"{label}, of those for whom it is known", counts, 0),
            (f"{scale}_n", row["n"], f"respondents {known}", (), 0),
            (f"{scale}_unknown", row["unknown"], f"respondents {unknown}", (), 0),
            (f"{scale}_bounds", bounds, f"{whole}, whatever the unknown ones are", counts, 0),
            (f"{scale}_outer_low", row["outer_low"], f"{whole}: lower end, {least}", counts, 3),
        ]
    return pd.DataFrame(rows, columns=["key", "value", "description", "counts", "digits"])


def intervals_of_counts(n: int, counts: Sequence[int], *, confidence: float) -> pd.DataFrame:
    """Return what a count among n respondents says of the share that they were drawn from.

    Returns:
        One row per count: count, n, estimate, the Wilson interval (low, high) and the interval of
        Clopper and Pearson (exact_low, exact_high); where the count is 0, exact_high is the
        one-sided bound that the rule of three approximates.
    """
    table = pd.DataFrame([share_row(count, n, confidence) for count in counts])
    exact = clopper_pearson(table["count"], table["n"], confidence)
    table["exact_low"], table["exact_high"] = exact
    table.loc[table["count"] == 0, "exact_high"] = none_observed_bound(n, confidence)
    return table


def items_about(codebook: Codebook, *constructs: str) -> list[str]:
    """Return the ids of the single-choice items on the given constructs, in their order."""
    return [
        item.id
        for item in codebook.items
        if item.type == "single" and item.construct_ in constructs
    ]


def wilson_note(level: str) -> str:
    """Return what the columns low and high of a table of shares are, at a level such as "95 %"."""
    return f"Low and high: ends of Wilson's {level} interval of the share."


def _ruled_out(codebook: Codebook, item_id: str) -> set[object]:
    """Return the options whose choice excludes a response; no analysed respondent can have one."""
    return {
        rule.value
        for rule in codebook.exclusions
        if isinstance(rule, ExcludeEquals) and rule.rule == "equals" and rule.item == item_id
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
        occurs: variable, label, heading (the label with the number of those who answered), option,
        kind ("answered" or the kind of missing), count, n, estimate, low, high. Options are shares
        of those who answered; kinds of missing are shares of all respondents. An option that an
        exclusion rules out is left out.
    """
    rows: list[dict[str, object]] = []
    for item_id in items:
        label = codebook.label(item_id)
        answers = responses[item_id]
        answered = int(answers.notna().sum())
        heading = f"{label} (n = {answered})"
        ruled_out = _ruled_out(codebook, item_id)
        for option in codebook.options(item_id):
            if option.value in ruled_out:
                continue
            count = int((answers == option.value).sum())
            rows.append(
                {
                    "variable": item_id,
                    "label": label,
                    "heading": heading,
                    "option": option.label,
                    "kind": ANSWERED,
                    **share_row(count, answered, confidence),
                }
            )
        for kind, entry in codebook.missing.items():
            count = int((missing[item_id] == kind).sum())
            if count:
                rows.append(
                    {
                        "variable": item_id,
                        "label": label,
                        "heading": heading,
                        "option": entry.label,
                        "kind": kind,
                        **share_row(count, len(missing), confidence),
                    }
                )
    return pd.DataFrame(rows)


def item_nonresponse(
    missing: pd.DataFrame,
    codebook: Codebook,
    *,
    questions: bool = False,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Say for every variable how many were shown it, and how many of these did not answer.

    Args:
        missing: kinds of missing answer.
        codebook: labels and pages.
        questions: only what everybody was to answer and could leave empty: no answers in own words,
            no item whose answer decided on inclusion, and a checklist, which is one question, once.
        confidence: level of the intervals.

    Returns:
        One row per variable of the codebook: variable, item, construct, label, page, measure,
        answered, not_answered, dont_know, prefer_not, not_shown (counts), and item non-response:
        count (left empty) of n (shown), estimate, low, high.
    """
    rows = []
    decided = {rule.item for rule in codebook.exclusions if isinstance(rule, ExcludeEquals)}
    for variable in codebook.variables():
        item = variable.item
        checklist = item.type == "multiple"
        if variable.derived is not None or (
            questions
            and (
                variable.is_text
                or (item.id in decided and item.construct_ == "screening")
                or (checklist and variable != codebook.variables(item)[0])
            )
        ):
            continue
        counts = _kind_counts(missing[variable.name], codebook)
        shown = len(missing) - counts["not_shown"]
        rows.append(
            {
                "variable": variable.name,
                "item": item.id,
                "construct": item.construct_.capitalize(),
                "label": item.label if questions and checklist else variable.label,
                "page": item.page,
                "measure": variable.measure,
                **counts,
                **share_row(counts["not_answered"], shown, confidence),
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
        variables = [variable for variable in codebook.variables(item) if not variable.other]
        counts = [_kind_counts(missing[variable.name], codebook) for variable in variables]
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
    counted = Counter(kinds.to_numpy(dtype=object))
    return {name: counted[name] for name in names}


def flag_counts(responses: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Count the respondents with each quality flag.

    Args:
        responses: with the columns of `quality.quality_flags`.
        codebook: labels and reasons.

    Returns:
        One row per flag and one for any of them: flag, label, reason, count, n (of whom it can be
        told: for speed, those whose time is known) and share.
    """
    n = len(responses)
    timed = int(responses["duration_seconds"].notna().sum())
    rows: list[dict[str, object]] = [
        {
            "flag": flag.id,
            "label": flag.label,
            "reason": flag.reason,
            "count": int(responses[flag.id].sum()),
            "n": timed if isinstance(flag, SpeedFlag) else n,
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
    return table.assign(share=table["count"] / table["n"].where(table["n"] > 0))


def answer_counts(
    responses: pd.DataFrame,
    missing: pd.DataFrame,
    codebook: Codebook,
    item: str,
    *,
    values: Sequence[str],
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Count all answers to each sub-question of a nominal grid, with don't know among them.

    Args:
        responses: recoded responses.
        missing: kinds of missing answer of the same responses.
        codebook: order and labels of sub-questions and options.
        item: id of a nominal grid.
        values: the answers that count as a report, for the bounds.
        confidence: level of the interval.

    Returns:
        One row per sub-question: subquestion, label, count_VALUE per option, dont_know, prefer_not
        and no_answer (counts); the share that does not know as count of n (who chose any answer)
        with estimate, low and high; and bound_low and bound_high, the smallest and largest share of
        reports among all respondents that the unknown answers allow: if none of those who gave no
        substantive answer, or all of them, had made a report (Manski 1989, doi:10.2307/145818).
    """
    rows = []
    for entry, variable in codebook.parts(item).items():
        answers = responses[variable.name]
        counts = {o.value: int((answers == o.value).sum()) for o in codebook.options(item)}
        absent = missing_counts(missing[variable.name])
        reports, n = int(answers.isin(list(values)).sum()), len(answers)
        chosen = n - absent["no_answer"]
        rows.append(
            {
                "subquestion": entry,
                "label": variable.short_label,
                **{f"count_{value}": count for value, count in counts.items()},
                **absent,
                **share_row(absent["dont_know"], chosen, confidence),
                "bound_low": reports / n if n else NAN,
                "bound_high": (reports + sum(absent.values())) / n if n else NAN,
            }
        )
    return pd.DataFrame(rows)


def nonresponse_summary(nonresponse: pd.DataFrame) -> str:
    """Say in a clause how item non-response spreads, from `item_nonresponse`."""
    rows = nonresponse[nonresponse["n"] > 0]
    if rows.empty:
        return "no question was shown to anybody"
    shares = rows["estimate"]
    worst = rows.iloc[int(shares.to_numpy().argmax())]
    filled, complete = int((shares == 0).sum()), int((rows["answered"] == rows["n"]).sum())
    return (
        f"of {len(rows)} questions {filled} were left empty by nobody who was shown them, and "
        f"{complete} have a substantive answer from everybody; the median question is left empty "
        f"by {percent_text(float(shares.median()), 1)} of those who were shown it, the most by "
        f"{percent_text(float(worst['estimate']), 1)} ({worst['label']})"
    )


def binary_scales(
    responses: pd.DataFrame, codebook: Codebook, *, confidence: float = 0.95
) -> pd.DataFrame:
    """Tabulate the derived 0/1 quantities, such as whether any of several things was met.

    Returns:
        One row per scale of the rule any: scale, label, count (of 1), against (of 0), unknown
        (neither), n (for whom it is known) with estimate, low, high; bound_low and bound_high, the
        smallest and largest share among all respondents that the unknown ones allow (Manski 1989,
        doi:10.2307/145818); and outer_low and outer_high, the lower end of the interval of the one
        and the upper end of that of the other.
    """
    rows = []
    for scale in codebook.scales:
        if scale.measure != "binary":
            continue
        values = responses[scale.id].dropna()
        count, known, n = int(values.sum()), len(values), len(responses)
        least, most = (share_row(k, n, confidence) for k in (count, count + n - known))
        rows.append(
            {
                "scale": scale.id,
                "label": scale.label,
                **share_row(count, known, confidence),
                "against": known - count,
                "unknown": n - known,
                "bound_low": least["estimate"],
                "bound_high": most["estimate"],
                "outer_low": least["low"],
                "outer_high": most["high"],
            }
        )
    return pd.DataFrame(rows)


def count_scales(
    responses: pd.DataFrame,
    codebook: Codebook,
    construct: str,
    rng: np.random.Generator,
    *,
    resamples: int,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Summarise the derived counts on one construct, such as numbers of defences.

    The mean carries a bootstrap interval (BCa), since counts are bounded and skewed.

    Args:
        responses: with derived scales.
        codebook: defines the scales.
        construct: which scales of measure count to summarise.
        rng: source of randomness.
        resamples: bootstrap resamples of respondents.
        confidence: level of the interval.

    Returns:
        One row per scale: scale, label, n (with a value), unknown (without), none (respondents who
        count 0), quartile_1, median, quartile_3, maximum, mean, mean_low and mean_high.
    """
    rows = []
    for scale in codebook.scales:
        if scale.measure != "count" or scale.construct_ != construct:
            continue
        values = responses[scale.id].dropna().to_numpy(dtype=float)
        quartiles = np.quantile(values, [0.25, 0.5, 0.75]) if len(values) else [NAN] * 3
        low, high = _mean_interval(values, rng, resamples, confidence)
        rows.append(
            {
                "scale": scale.id,
                "label": scale.label,
                "n": len(values),
                "unknown": len(responses) - len(values),
                "none": int((values == 0).sum()),
                **dict(zip(("quartile_1", "median", "quartile_3"), quartiles, strict=True)),
                "maximum": values.max() if len(values) else NAN,
                "mean": values.mean() if len(values) else NAN,
                "mean_low": low,
                "mean_high": high,
            }
        )
    return pd.DataFrame(rows)


def _mean_interval(
    values: np.ndarray, rng: np.random.Generator, resamples: int, confidence: float
) -> tuple[float, float]:
    n = len(values)
    if n < 2:
        return NAN, NAN
    patterns, weights = np.unique(values, return_counts=True)
    blocks = [block @ patterns / n for block in resampled_weights(weights, resamples, rng)]
    left_out = (values.sum() - values) / (n - 1)
    return bca_interval(np.concatenate(blocks), float(values.mean()), left_out, confidence)


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
    for entry, variable in codebook.parts(item).items():
        ratings = responses[variable.name].dropna().astype("int64")
        n = len(ratings)
        counts = {value: int((ratings == value).sum()) for value in values}
        row: dict[str, object] = {
            "subquestion": entry,
            "label": variable.short_label,
            **{f"count_{value}": count for value, count in counts.items()},
            **{f"share_{value}": count / n if n else NAN for value, count in counts.items()},
            "median": float(ratings.median()) if n else NAN,
            "mean": float(ratings.mean()) if n else NAN,
        }
        row |= share_row(sum(counts[value] for value in values[-top:]), n, confidence)
        rows.append(row | missing_counts(missing[variable.name]))
    return pd.DataFrame(rows)


def number_table(
    responses: pd.DataFrame,
    missing: pd.DataFrame,
    codebook: Codebook,
    rng: np.random.Generator,
    *,
    resamples: int,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Summarise the items that ask for a number.

    Args:
        responses: recoded responses.
        missing: kinds of missing answer of the same responses.
        codebook: which items those are.
        rng: source of randomness.
        resamples: bootstrap resamples of respondents, for the interval of the mean (BCa).
        confidence: level of the interval.

    Returns:
        One row per variable: variable, label, unit, n (who gave a number), minimum, quartile_1,
        median, quartile_3, maximum, mean, mean_low, mean_high, then dont_know, prefer_not and
        no_answer (counts).
    """
    rows = []
    for variable in codebook.variables():
        if variable.derived is not None or variable.item.type != "number":
            continue
        values = responses[variable.name].dropna().to_numpy(dtype=float)
        unit = None if variable.item.number is None else variable.item.number.unit
        points = np.quantile(values, [0, 0.25, 0.5, 0.75, 1]) if len(values) else [NAN] * 5
        names = ("minimum", "quartile_1", "median", "quartile_3", "maximum")
        low, high = _mean_interval(values, rng, resamples, confidence)
        rows.append(
            {
                "variable": variable.name,
                "label": variable.label,
                "unit": unit or "",
                "n": len(values),
                **dict(zip(names, points, strict=True)),
                "mean": values.mean() if len(values) else NAN,
                "mean_low": low,
                "mean_high": high,
                **missing_counts(missing[variable.name]),
            }
        )
    return pd.DataFrame(rows)


def date_table(responses: pd.DataFrame, missing: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Summarise the items that ask for a date by the years of its quartiles, which name no day.

    Returns:
        One row per variable: variable, label, n (who gave a date), quartile_1, median and
        quartile_3 (years that somebody gave; NaN without any), then dont_know, prefer_not and
        no_answer (counts).
    """
    rows = []
    for variable in codebook.variables():
        if variable.measure != "date":
            continue
        years = responses[variable.name].dropna().dt.year
        points = years.quantile([0.25, 0.5, 0.75], interpolation="lower")
        rows.append(
            {
                "variable": variable.name,
                "label": variable.label,
                "n": len(years),
                **dict(zip(("quartile_1", "median", "quartile_3"), points, strict=True)),
                **missing_counts(missing[variable.name]),
            }
        )
    return pd.DataFrame(rows)


def places_table(
    responses: pd.DataFrame,
    missing: pd.DataFrame,
    codebook: Codebook,
    item: str,
    *,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Tabulate at which place respondents put each thing of a ranking.

    Args:
        responses: recoded responses.
        missing: kinds of missing answer of the same responses.
        codebook: what is ranked.
        item: id of an item of type ranking.
        confidence: level of the interval.

    Returns:
        One row per thing: subquestion, label, placed (who gave it a place), median place, and those
        who put it first as count of n (who ranked anything) with estimate, low and high (Wilson),
        then dont_know, prefer_not and no_answer (counts).
    """
    parts = codebook.parts(item)
    ranked = int(responses[[part.name for part in parts.values()]].notna().any(axis=1).sum())
    rows = []
    for entry, variable in parts.items():
        places = responses[variable.name].dropna().astype("int64")
        rows.append(
            {
                "subquestion": entry,
                "label": variable.short_label,
                "placed": len(places),
                "median": float(places.median()) if len(places) else NAN,
                **share_row(int((places == 1).sum()), ranked, confidence),
                **missing_counts(missing[variable.name]),
            }
        )
    return pd.DataFrame(rows)


def checklist_table(
    responses: pd.DataFrame,
    missing: pd.DataFrame,
    codebook: Codebook,
    item: str,
    *,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Tabulate how many ticked each box of a checklist, in both readings of nothing ticked.

    Args:
        responses: recoded responses.
        missing: kinds of missing answer of the same responses.
        codebook: the boxes, and what nothing ticked means (see `NothingTickedRule`).
        item: id of a checklist.
        confidence: level of the interval.

    Returns:
        One row per box in its order: subquestion, label, count, n with estimate, low, high in the
        reading of the codebook; then ticked_n (who ticked anything, "none of these" included) with
        ticked_share, and listed_n (these and who ticked nothing) with listed_share.
    """
    blank = int(nothing_ticked(missing, codebook, item).sum())
    rule = codebook.item(item).nothing_ticked
    rows = []
    for entry, variable in codebook.parts(item).items():
        answers = responses[variable.name]
        count, ticked = int((answers == "yes").sum()), int(answers.notna().sum())
        listed = ticked + blank
        n = listed if rule is not None and rule.means == "none" else ticked
        rows.append(
            {
                "subquestion": entry,
                "label": variable.short_label,
                **share_row(count, n, confidence),
                "ticked_n": ticked,
                "ticked_share": count / ticked if ticked else NAN,
                "listed_n": listed,
                "listed_share": count / listed if listed else NAN,
            }
        )
    return pd.DataFrame(rows)


def checklists_together(
    responses: pd.DataFrame,
    missing: pd.DataFrame,
    codebook: Codebook,
    items: Sequence[str],
    *,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Stack several checklists over the same boxes: `checklist_table` of each, named in `list`."""
    tables = [
        checklist_table(responses, missing, codebook, item, confidence=confidence).assign(
            list=codebook.label(item)
        )
        for item in items
    ]
    return pd.concat(tables, ignore_index=True)


def describe_nothing_ticked(missing: pd.DataFrame, codebook: Codebook, items: Sequence[str]) -> str:
    """Say in a sentence how many ticked nothing, what it is taken to mean, and why."""
    clauses = []
    for item in items:
        blank, rule = int(nothing_ticked(missing, codebook, item).sum()), codebook.item(item)
        if rule.nothing_ticked is None or not blank:
            continue
        means = {"none": "none of them", "missing": "no answer"}[rule.nothing_ticked.means]
        clauses.append(
            f"{rule.label}: {blank} ticked nothing, which counts as {means} "
            f"({rule.nothing_ticked.reason})"
        )
    return "; ".join(clauses) or "nobody left such a list without a tick"


def missing_counts(kinds: pd.Series) -> dict[str, int]:
    """Count those who did not know, preferred not to say, or gave no answer at all."""
    return {
        "dont_know": int((kinds == "dont_know").sum()),
        "prefer_not": int((kinds == "prefer_not").sum()),
        "no_answer": int(kinds.isin(["not_answered", "not_shown"]).sum()),
    }
