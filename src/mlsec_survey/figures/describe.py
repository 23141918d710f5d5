"""The finding of each figure in words, computed from the very table that is drawn.

Each function takes what the drawing function of the same name takes and returns the alternative
text. Nothing here judges; the sentences say which value is where.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mlsec_survey.base.formatting import as_text, interval_text, listed, percent_text
from mlsec_survey.figures.absence import NO_REASONS, NOTHING
from mlsec_survey.figures.style import entries

if TYPE_CHECKING:
    import pandas as pd


def _share(entry: object) -> str:
    estimate, low, high = (float(getattr(entry, name)) for name in ("estimate", "low", "high"))
    return f"{percent_text(estimate)} ({interval_text(low, high, 0, percent=True)})"


def describe_intervals(table: pd.DataFrame, *, row: str, series: str | None = None) -> str:
    """Describe `draw_intervals`: each share with count and interval, largest first."""
    parts = []
    names = [None] if series is None else list(dict.fromkeys(table[series]))
    for name in names:
        part = table if name is None else table[table[series] == name]
        part = part.sort_values("estimate", ascending=False, kind="stable")
        values = [
            f"{getattr(entry, row)} {int(entry.count)} of {int(entry.n)}, {_share(entry)}"
            for entry in entries(part)
        ]
        parts.append(("" if name is None else f"{name}: ") + "; ".join(values))
    return "Shares with 95 % intervals. " + ". ".join(parts) + "."


def describe_ratings(panels: Sequence[tuple[str, pd.DataFrame]]) -> str:
    """Describe `draw_ratings`: which sub-question is rated highest and lowest, per item."""
    sentences = []
    for title, table in panels:
        top = table["share_4"] + table["share_5"]
        most, least = int(top.to_numpy().argmax()), int(top.to_numpy().argmin())
        low, high = int(table["n"].min()), int(table["n"].max())
        sentences.append(
            f"{title}: {table['label'].iloc[most]} has the largest share in the two highest "
            f"options ({percent_text(float(top.iloc[most]))}), {table['label'].iloc[least]} the "
            f"smallest ({percent_text(float(top.iloc[least]))}); "
            f"{_range(low, high)} respondents rated each."
        )
    return "Diverging stacked bars. " + " ".join(sentences)


def _range(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} to {high}"


def describe_ranking(ranks: pd.DataFrame) -> str:
    """Describe `draw_ranking`: the order by mean rank, and whether the first stands apart."""
    table = ranks.sort_values("mean_rank", kind="stable")
    order = [f"{e.label} {e.mean_rank:.2f}" for e in entries(table)]
    first, second = table.iloc[0], table.iloc[1]
    apart = float(first["high"]) < float(second["low"])
    relation = "lies wholly before" if apart else "overlaps with"
    return (
        f"Mean ranks, most relevant first: {listed(order)}. The interval of {first['label']} "
        f"({interval_text(float(first['low']), float(first['high']))}) {relation} that of "
        f"{second['label']}."
    )


def describe_pairwise(pairs: pd.DataFrame, *, alpha: float = 0.05) -> str:
    """Describe `draw_pairwise`: how many pairs are told apart, and the largest difference."""
    clear = int((pairs["p_adjusted"] < alpha).sum())
    largest = pairs.iloc[int(pairs["effect"].abs().to_numpy().argmax())]
    higher, lower = largest["first"], largest["second"]
    if largest["effect"] < 0:
        higher, lower = lower, higher
    return (
        f"{clear} of {len(pairs)} pairs differ with a Holm-adjusted p below {alpha:g}. The largest "
        f"difference: {higher} is rated above {lower} (rank-biserial correlation "
        f"{as_text(abs(float(largest['effect'])), 2)})."
    )


def describe_attack_profile(profile: pd.DataFrame) -> str:
    """Describe `draw_attack_profile`: per measure the highest and the lowest attack."""
    sentences = []
    for measure in dict.fromkeys(profile["measure"]):
        part = profile[profile["measure"] == measure]
        estimates = part["estimate"].to_numpy()
        most, least = part.iloc[int(estimates.argmax())], part.iloc[int(estimates.argmin())]
        sentences.append(
            f"{measure}: highest for {most['label']} ({percent_text(float(most['estimate']))}), "
            f"lowest for {least['label']} ({percent_text(float(least['estimate']))})."
        )
    return " ".join(sentences)


def describe_code_by_attack(
    counts: pd.DataFrame,
    residuals: pd.DataFrame,
    replies: pd.Series,
    firm: pd.DataFrame | None = None,
) -> str:
    """Describe `draw_code_by_attack`: the largest cells, and how many are small or stand out."""
    if counts.empty:
        return NO_REASONS
    numbers = counts.to_numpy(dtype=int)
    order = np.argsort(-numbers, axis=None, kind="stable")[:3]
    largest = [
        f"{counts.index[i]} for {counts.columns[j]} ({numbers[i, j]})"
        for i, j in zip(*np.unravel_index(order, numbers.shape), strict=True)
    ]
    small = int((numbers < 5).sum())
    beyond = int((np.abs(residuals.to_numpy(dtype=float)) > 1.96).sum())
    corrected = "" if firm is None else f", {int(firm.to_numpy().sum())} also after correction"
    return (
        f"Counts of {len(counts)} codes in {int(replies.sum())} reasons on {counts.shape[1]} "
        f"attacks. Largest: {listed(largest)}. {small} of {counts.size} cells count fewer than "
        f"five reasons; {beyond} differ from independence by an adjusted residual beyond 1.96"
        f"{corrected}."
    )


def describe_intersections(sets: pd.Series, intersections: pd.DataFrame) -> str:
    """Describe `draw_intersections`: the most frequent code and combination."""
    if intersections.empty:
        return NO_REASONS
    order = sets.sort_values(ascending=False, kind="stable")
    several = intersections[[len(codes) > 1 for codes in intersections["codes"]]]
    sentence = f"Most frequent code: {order.index[0]}, in {int(order.iloc[0])} reasons."
    if not len(several):
        return f"{sentence} No two codes occur together."
    first = several.iloc[int(several["count"].to_numpy().argmax())]
    return (
        f"{sentence} Most frequent combination: {listed(list(first['codes']))}, "
        f"in {int(first['count'])} reasons."
    )


def describe_incidents_by_year(by_year: pd.DataFrame) -> str:
    """Describe `draw_incidents_by_year`: totals, span and the year with most incidents."""
    years = by_year["year"].astype(int)
    top = by_year.iloc[int(by_year["incident"].to_numpy().argmax())]
    return (
        f"{int(by_year['incident'].sum())} incidents and {int(by_year['exercise'].sum())} "
        f"exercises from {years.min()} to {years.max()}; most incidents in {int(top['year'])} "
        f"({int(top['incident'])})."
    )


def describe_documented_against_ranking(table: pd.DataFrame) -> str:
    """Describe `draw_documented_against_ranking`: the cases in order of relevance."""
    ordered = table.sort_values("mean_rank", kind="stable")
    parts = [
        f"{e.label} {int(e.incident)} {'incident' if e.incident == 1 else 'incidents'} and "
        f"{int(e.exercise)} {'exercise' if e.exercise == 1 else 'exercises'}"
        for e in entries(ordered)
    ]
    return f"Documented cases, most relevant attack first: {'; '.join(parts)}."


def describe_power_curves(
    power: pd.DataFrame, *, panel: str, line: str, x: str, labels: Mapping[str, str], mark: float
) -> str:
    """Describe `draw_power_curves`: the power of each line at the marked value of `x`."""
    sentences = []
    for name in dict.fromkeys(power[panel]):
        part = power[(power[panel] == name) & (power[x] == mark)]
        values = [
            f"{percent_text(float(p))} at {labels[line]}{value}"
            for value, p in zip(part[line], part["power"], strict=True)
        ]
        sentences.append(f"{name}: power {listed(values)}.")
    return f"At {labels[x]} = {mark:g}. " + " ".join(sentences)


def describe_trend_power(power: pd.DataFrame, *, target: float = 0.8) -> str:
    """Describe `draw_trend_power` and `draw_power_grid`: where the power first suffices."""
    sentences = []
    for n in sorted(power["n"].unique()):
        part = power[power["n"] == n]
        reached = []
        for ratio in sorted(part["odds_ratio"].unique()):
            enough = part[(part["odds_ratio"] == ratio) & (part["power"] >= target)]
            reached.append(
                f"{ratio:g} from {percent_text(float(enough['prevalence'].min()), '2s')}"
                if len(enough)
                else f"{ratio:g} at none"
            )
        sentences.append(f"n = {n}: {listed(reached)}.")
    return (
        f"Odds ratio per step of size that is found with {percent_text(target)} power, and from "
        "which share of respondents with exposure. " + " ".join(sentences)
    )


def describe_error_rates(errors: pd.DataFrame) -> str:
    """Describe `draw_error_rates`: both error rates at the effect nearest to the SESOI."""
    sentences = []
    for name in dict.fromkeys(errors["hypothesis"]):
        part = errors[errors["hypothesis"] == name]
        at = part.iloc[int((part["effect"] - 1).abs().to_numpy().argmin())]
        sentences.append(
            f"{name}: wrong sign {percent_text(float(at['type_s']), '2s')}, "
            f"exaggeration {as_text(float(at['type_m']), 1)}-fold."
        )
    return (
        "Among significant results when the true effect is the smallest of interest. "
        + " ".join(sentences)
    )


def describe_bayes_sensitivity(curves: pd.DataFrame) -> str:
    """Describe `draw_bayes_sensitivity`: the range of the Bayes factor over the priors."""
    parts = []
    for name in dict.fromkeys(curves["hypothesis"]):
        part = curves[curves["hypothesis"] == name]
        low, high = float(part["bf01"].min()), float(part["bf01"].max())
        parts.append(f"{name} {interval_text(low, high, '2s')}")
    return (
        f"Bayes factor for no effect, over prior widths from {curves['scale'].min():.2g} to "
        f"{curves['scale'].max():.2g}: {listed(parts)}."
    )


def describe_specification_curve(curve: pd.DataFrame, *, alpha: float = 0.05) -> str:
    """Describe `draw_specification_curve`: number, median, range, sign and significance."""
    if curve.empty:
        return NOTHING
    estimate = curve["estimate"]
    positive = float((estimate > 0).mean())
    return (
        f"{len(curve):,} specifications; estimates from "
        f"{interval_text(float(estimate.min()), float(estimate.max()))}, median "
        f"{as_text(float(estimate.median()), 2)}; {percent_text(positive)} above zero, "
        f"{percent_text(float((curve['p'] < alpha).mean()))} with p below {alpha:g}."
    )


def describe_dose_response(panels: Sequence[tuple[str, str, pd.DataFrame]], outcome: str) -> str:
    """Describe `draw_dose_response`: the mean outcome per level."""
    if not panels:
        return NOTHING
    sentences = []
    for title, _, table in panels:
        values = [
            f"{' '.join(str(e.label).split())} {as_text(float(e.mean), 1)} (n = {int(e.n)})"
            for e in entries(table)
        ]
        sentences.append(f"{title}: {listed(values)}.")
    return f"Mean {outcome} by level. " + " ".join(sentences)


def describe_forest(effects: pd.DataFrame, *, confidence: float = 0.95) -> str:
    """Describe `draw_forest`: which intervals exclude the null, and all estimates."""
    if effects.empty:
        return NOTHING
    clear = (effects["low"] > effects["null"]) | (effects["high"] < effects["null"])
    excluded = list(effects.loc[clear, "label"])
    parts = [
        f"{e.label}, {e.effect} {as_text(float(e.estimate), 2)} "
        f"({interval_text(float(e.low), float(e.high))})"
        for e in entries(effects)
    ]
    verdict = (
        f"The interval excludes no effect for {listed(excluded)}."
        if excluded
        else "No interval excludes no effect."
    )
    return f"{verdict} Estimates with {100 * confidence:g} % intervals: {'; '.join(parts)}."


def describe_runs(results: pd.DataFrame) -> str:
    """Describe `draw_runs`: how far each estimate moves across runs."""
    parts = []
    for name in dict.fromkeys(results["result"]):
        part = results.loc[results["result"] == name, "estimate"].dropna()
        low, high = (float(part.min()), float(part.max())) if len(part) else (np.nan, np.nan)
        parts.append(f"{name} {interval_text(low, high, '2s')}")
    runs = results["run"].nunique()
    return f"Estimates across {runs} runs range, per result: {'; '.join(parts)}."
