"""Tables and sentences on a grid of ratings: the order of its parts, tests and model of them.

Everything is computed from the recoded responses and the codebook, which says what the parts, the
options and their labels are. The statistics are those of `stats.ranks` and
`stats.ordinal_repeated`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from mlsec_survey.analysis.sample import rating_distribution
from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.base.formatting import (
    NOT_ESTIMABLE,
    as_text,
    interval_text,
    listed,
    p_text,
    percent_text,
)
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.stats.multiplicity import holm
from mlsec_survey.stats.ordinal_mixed import MixedOrdinal, mixed_ordinal
from mlsec_survey.stats.ordinal_repeated import (
    ParallelCheck,
    RepeatedOrdinal,
    parallel_check,
    repeated_ordinal,
)
from mlsec_survey.stats.ranks import mean_ranks
from mlsec_survey.stats.result import TestResult

NAN = math.nan


def grid_values(responses: pd.DataFrame, codebook: Codebook, item: str) -> pd.DataFrame:
    """Return the answers to a grid: respondents × its parts, columns named by the id of the part.

    Raises:
        KeyError: the codebook has no such item.
    """
    parts = codebook.parts(item)
    table = responses[[variable.name for variable in parts.values()]].copy()
    return table.set_axis(list(parts), axis=1)


def option_names(codebook: Codebook, item: str, *, top: int = 2) -> str:
    """Return the highest options of an ordinal item in words, such as "Very relevant or more"."""
    return f"{codebook.options(item)[-top].label} or more"


def ranking(
    responses: pd.DataFrame,
    missing: pd.DataFrame,
    codebook: Codebook,
    item: str,
    *,
    rng: np.random.Generator,
    resamples: int,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Rank the parts of a grid by their mean rank within respondents, beside high ratings.

    Args:
        responses: recoded responses.
        missing: kinds of missing answer of the same responses.
        codebook: parts and options.
        item: id of an ordinal grid.
        rng: for the bootstrap of mean ranks.
        resamples: bootstrap resamples.
        confidence: level of all intervals.

    Returns:
        One row per part, lowest mean rank (rated highest) first: part, label, mean_rank, low, high,
        first_share (of resamples in which it ranks first), count, n (ratings in the two highest
        options, and ratings), share, share_low, share_high (Wilson).
    """
    ranks = mean_ranks(
        grid_values(responses, codebook, item),
        rng=rng,
        resamples=resamples,
        confidence=confidence,
    )
    rated = rating_distribution(responses, missing, codebook, item, confidence=confidence)
    rated = rated.set_index("subquestion")[["label", "count", "n", "estimate", "low", "high"]]
    rated.columns = pd.Index(["label", "count", "n", "share", "share_low", "share_high"])
    table = ranks.drop(columns="n").join(rated).rename_axis("part").reset_index()
    return table.sort_values("mean_rank", kind="stable", ignore_index=True)


def tests_table(results: Sequence[TestResult]) -> pd.DataFrame:
    """List tests of one question side by side.

    Returns:
        One row per test: method, n, effect, estimate, low, high, statistic, df (text; of an F test
        both), p, detectable (the effect that would have been found with 80 % power; NaN if
        unknown).
    """
    rows = []
    for result in results:
        df = f"{result.extra['df']:.0f}"
        if "df_residual" in result.extra:
            df += f", {result.extra['df_residual']:.0f}"
        rows.append(
            {
                "method": result.method,
                "n": result.n,
                "effect": result.effect,
                "estimate": result.estimate,
                "low": result.low,
                "high": result.high,
                "statistic": result.statistic,
                "df": df,
                "p": result.p,
                "detectable": result.extra.get("detectable", NAN),
            }
        )
    return pd.DataFrame(rows)


def describe_undefined(results: Sequence[TestResult]) -> str:
    """Say which tests these ratings do not allow, and why; nothing if they allow all."""
    lost = [f"{r.method}: {listed(r.notes)}" for r in results if math.isnan(r.estimate)]
    return f" Not estimable: {'; '.join(lost)}." if lost else ""


def pairs_table(pairs: pd.DataFrame, labels: Mapping[str, str]) -> pd.DataFrame:
    """Return the pairs of `stats.ranks.pairwise_signed_rank` with labels, each pair in one column.

    Args:
        pairs: with the ids of two parts of a grid as first and second.
        labels: of the parts.
    """
    first, second = pairs["first"].map(labels), pairs["second"].map(labels)
    return pairs.assign(first=first, second=second, pair=first + " – " + second)


def fitted_model(ratings: pd.DataFrame, *, confidence: float = 0.95) -> RepeatedOrdinal | None:
    """Fit `repeated_ordinal`; None where there are too few respondents or ratings for it."""
    try:
        return repeated_ordinal(ratings, confidence=confidence)
    except AnalysisError:
        return None


def checked_parallel(ratings: pd.DataFrame) -> ParallelCheck | None:
    """Check the model's assumption by `parallel_check`; None where the ratings are too sparse."""
    try:
        return parallel_check(ratings)
    except AnalysisError:
        return None


def fitted_mixed(ratings: pd.DataFrame, *, confidence: float = 0.95) -> MixedOrdinal | None:
    """Fit `mixed_ordinal`; None where respondents do not differ in level, or ratings are few."""
    try:
        return mixed_ordinal(ratings, confidence=confidence)
    except AnalysisError:
        return None


def model_table(
    model: RepeatedOrdinal | None, check: ParallelCheck | None, labels: Mapping[str, str]
) -> pd.DataFrame:
    """List the odds of a higher rating of each part of a grid against the average part.

    Args:
        model: of the ratings alone; None if it could not be fitted, which gives no rows.
        check: of its assumption; None if it could not be made.
        labels: of the parts.

    Returns:
        One row per part, highest odds first: part, label, ratings, estimate, low, high (odds
        ratios), p, p_adjusted (Holm), and per threshold of the check at_least_V, the odds ratio of
        a rating of at least V.
    """
    if model is None:
        return pd.DataFrame(
            columns=["part", "label", "ratings", "estimate", "low", "high", "p_adjusted"]
        )
    table = _odds_table(model.objects, labels)
    if check is not None:
        for value, part in check.by_threshold.groupby("at_least"):
            odds = np.exp(part.set_index("object")["estimate"])
            table[f"at_least_{value:g}"] = table["part"].map(odds)
    return table


def _odds_table(objects: pd.DataFrame, labels: Mapping[str, str]) -> pd.DataFrame:
    """Return the rated objects of a model with their odds ratios, highest first."""
    table = objects.drop(columns="se").rename_axis("part").reset_index()
    table.insert(1, "label", table["part"].map(labels))
    for name in ("estimate", "low", "high"):
        table[name] = np.exp(table[name])
    table["p_adjusted"] = holm(table["p"])
    return table.sort_values("estimate", ascending=False, kind="stable", ignore_index=True)


def mixed_table(
    mixed: MixedOrdinal | None, model: RepeatedOrdinal | None, labels: Mapping[str, str]
) -> pd.DataFrame:
    """List the odds of a higher rating by one and the same respondent, beside those of all.

    Args:
        mixed: with a random level of respondents; None if it could not be fitted: no rows.
        model: of the population of respondents; None if it could not be fitted.
        labels: of the parts.

    Returns:
        One row per part, highest odds first: part, label, ratings, estimate, low, high (odds
        ratios against the average part), p_adjusted (Holm), population (odds ratio of `model`).
    """
    columns = ["part", "label", "ratings", "estimate", "low", "high", "p_adjusted", "population"]
    if mixed is None:
        return pd.DataFrame(columns=columns)
    table = _odds_table(mixed.objects, labels)
    marginal = {} if model is None else np.exp(model.objects["estimate"]).to_dict()
    table["population"] = table["part"].map(marginal).astype(float)
    return table[columns]


def describe_spread(mixed: MixedOrdinal | None) -> str:
    """Say how far respondents differ in the level of all their ratings, by `mixed_ordinal`."""
    if mixed is None:
        return f"{NOT_ESTIMABLE}: respondents do not differ in level, or too few gave ratings"
    spread = mixed.spread
    return (
        f"standard deviation {as_text(spread.estimate, 2)} log odds "
        f"({interval_text(spread.low, spread.high)}), p {_p_words(spread.p)} against one level of "
        f"all; {percent_text(spread.extra['intraclass'])} of the variance lies between respondents "
        f"(n = {mixed.n})"
    )


def describe_order(ranking: pd.DataFrame) -> str:
    """Say what ranks first and last, how firmly the first does, and what has no mean rank."""
    ranked = ranking[ranking["mean_rank"].notna()]
    unranked = list(ranking.loc[ranking["mean_rank"].isna(), "label"])
    if len(ranked) < 2:
        return f"{NOT_ESTIMABLE}: nobody rated two of these that were rated together"
    first, second, last = ranked.iloc[0], ranked.iloc[1], ranked.iloc[-1]
    if first["low"] <= second["high"] and first["high"] >= second["low"]:
        relation = "its interval overlaps with that of the second"
    else:
        relation = "its interval is apart from that of the second"
    return (
        f"{first['label']} first (mean rank {as_text(first['mean_rank'], 2)}, "
        f"{interval_text(first['low'], first['high'])}, {int(first['n'])} ratings; {relation}, "
        f"{second['label']}; first in {percent_text(first['first_share'])} of resamples), "
        f"{last['label']} last ({as_text(last['mean_rank'], 2)}, "
        f"{interval_text(last['low'], last['high'])}, {int(last['n'])} ratings)"
        + (f"; no mean rank for {listed(unranked)}, rated by nobody together" if unranked else "")
    )


def describe_difference(
    results: Sequence[TestResult], pairs: pd.DataFrame, *, parts: str, alpha: float = 0.05
) -> str:
    """Say whether the tests tell the parts of a grid apart, and which pairs they do not.

    Args:
        results: of the tests.
        pairs: of `pairs_table`.
        parts: what the parts are, such as "services".
        alpha: level of each test.
    """
    results = [result for result in results if not math.isnan(result.p)]
    if not results:
        return f"{NOT_ESTIMABLE}: too few {parts} were rated by the same respondents"
    found = [result.method for result in results if result.p < alpha]
    if not found:
        verdict = f"no test finds a difference at {alpha:g}"
    elif len(found) == len(results):
        verdict = f"all {len(results)} tests find a difference at {alpha:g}"
    else:
        verdict = f"a difference at {alpha:g} only by: {listed(found)}"
    sizes = [result.n for result in results]
    verdict += f" (n = {min(sizes)}"
    verdict += ")" if min(sizes) == max(sizes) else f" to {max(sizes)})"
    alike = pairs[~(pairs["p_adjusted"] < alpha)]
    if alike.empty:
        rest = f"every pair of {parts} is told apart"
    elif len(alike) == len(pairs):
        rest = f"no pair of {parts} is told apart"
    else:
        names = [f"{pair.first} and {pair.second}" for pair in alike.itertuples()]
        some = names if len(names) <= 6 else [*names[:6], f"{len(names) - 6} more"]
        rest = (
            f"{len(pairs) - len(alike)} of {len(pairs)} pairs are told apart; not so "
            f"{'; '.join(some)}"
        )
    return f"{verdict}; {rest}"


def describe_assumption(check: ParallelCheck | None, *, alpha: float = 0.05) -> str:
    """Say what the check of proportional odds found, and what follows for reading the model."""
    if check is None:
        return "not testable: too few ratings on either side of all thresholds but one"
    result = (
        f"F = {as_text(check.statistic, 2)} on {check.df} and {check.df_residual} degrees of "
        f"freedom, p {_p_words(check.p)}, at {len(check.thresholds)} thresholds"
    )
    if check.p < alpha:
        return f"{result}: the odds ratios differ between thresholds, so read them per threshold"
    return (
        f"{result}: no evidence against one odds ratio for all thresholds, which is no proof of it"
    )


def _p_words(p: float) -> str:
    text = p_text(p)
    return text if text.startswith(("<", ">")) else f"= {text}"
