"""The smallest effect that a test finds with given power, at the margins that a sample has.

What a null result is worth depends on what could have been seen. Everything here needs the two
margins only (how many respondents at each level of the predictor, and of the outcome), not who gave
which pair of answers; so it is not the fallacy of computing power at the observed effect.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize, special, stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.exact import TrendDesign
from mlsec_survey.stats.pairs import FloatArray, as_groups, as_scores, complete_pairs
from mlsec_survey.stats.rank_tests import (
    brunner_munzel_on_tables,
    kendall_on_tables,
    superiority,
    tau_b_standard_error,
)
from mlsec_survey.stats.tables import cross_table, scores_of

_LARGEST_LOG_RATIO = 8.0


@dataclass(frozen=True, slots=True)
class Detectable:
    """The smallest effect found with the given power.

    Attributes:
        effect: name of the effect size.
        value: in the direction of an increase (or the size, for an effect without sign); infinite
            if no effect reaches the power.
        decrease: the same in the other direction; NaN for an effect without sign.
        power, alpha: what was asked for.
        n: respondents.
        method: how it was computed.
    """

    effect: str
    value: float
    decrease: float
    power: float
    alpha: float
    n: int
    method: str


def _smallest(missing: Callable[[float], float], sign: float) -> float:
    """Return e^(sign·size) at the smallest size that is not missing; powers grow with size."""
    outer = 0.25
    while missing(outer) < 0:
        outer *= 2
        if outer > _LARGEST_LOG_RATIO:
            return math.inf if sign > 0 else 0.0
    start = outer / 2 if outer > 0.25 else 0.0
    return math.exp(sign * float(optimize.brentq(missing, start, outer, xtol=1e-7)))


# Two ordered variables: the expected table under proportional odds


@lru_cache(maxsize=4096)
def chances_per_level(
    rows: tuple[float, ...], outcome: tuple[float, ...], scores: tuple[float, ...], slope: float
) -> FloatArray:
    """Return the chances (r × c) of the outcome's levels per level of the predictor.

    A cumulative logit model with one log odds ratio `slope` per unit of the scores, its thresholds
    set so that the outcome's margin is kept.

    >>> chances_per_level((0.5, 0.5), (0.5, 0.5), (0.0, 1.0), 2.0).round(4).tolist()
    [[0.7311, 0.2689], [0.2689, 0.7311]]

    Args:
        rows: shares of the predictor's levels.
        outcome: shares of the outcome's levels.
        scores: of the predictor's levels.
        slope: log odds ratio of a higher outcome per unit.
    """
    weight, x = np.asarray(rows)[:, None], slope * (np.asarray(scores) - np.mean(scores))[:, None]
    wanted = np.cumsum(outcome)[:-1]
    # Newton's steps for each threshold, halving its bracket where a step would leave it.
    low, high = special.logit(wanted) + x.min(), special.logit(wanted) + x.max()
    middle = (low + high) / 2
    for _ in range(100):
        upper = special.expit(middle - x)
        excess = (weight * upper).sum(0) - wanted
        low, high = np.where(excess < 0, middle, low), np.where(excess < 0, high, middle)
        step = excess / np.maximum((weight * upper * (1 - upper)).sum(0), 1e-300)
        newton = middle - step
        middle = np.where((low <= newton) & (newton <= high), newton, (low + high) / 2)
        if np.abs(step).max() < 1e-12:
            break
    upper = special.expit(middle - x)
    cumulative = np.hstack([np.zeros((len(x), 1)), upper, np.ones((len(x), 1))])
    return np.maximum(np.diff(cumulative, axis=1), 0.0)


def expected_table(
    rows: npt.ArrayLike, columns: npt.ArrayLike, slope: float, scores: npt.ArrayLike | None = None
) -> FloatArray:
    """Return the expected counts of a table with these margins under proportional odds.

    >>> expected_table([10, 10], [12, 8], 0.0).round(6).tolist()
    [[6.0, 4.0], [6.0, 4.0]]

    Args:
        rows: respondents per level of the predictor.
        columns: respondents per level of the outcome.
        slope: log odds ratio of a higher outcome per unit of the row's score.
        scores: of the rows; default 0, 1, 2, …
    """
    r, c = np.asarray(rows, dtype=float), np.asarray(columns, dtype=float)
    shares, outcome = tuple((r / r.sum()).tolist()), tuple((c / c.sum()).tolist())
    chances = chances_per_level(shares, outcome, tuple(scores_of(scores, len(r)).tolist()), slope)
    return np.asarray(r[:, None] * chances)


def kendall_power(table: npt.ArrayLike, alpha: float = 0.05) -> float:
    """Return the power of the tau-b test when this is the expected table.

    Normal approximation with the standard error under the null for the test and the one under
    the alternative for the estimate.

    >>> round(kendall_power([[20, 10], [10, 20]]), 3)
    0.74
    """
    test = kendall_on_tables(table)
    assert test.effect is not None
    tau, z = float(test.effect), float(test.z)
    critical = float(stats.norm.ppf(1 - alpha / 2))
    if abs(z) < 1e-9:
        return alpha
    ratio = tau / z / float(tau_b_standard_error(table))
    return float(
        stats.norm.sf(critical * ratio - z * ratio) + stats.norm.cdf(-(critical + z) * ratio)
    )


def brunner_munzel_power(table: npt.ArrayLike, alpha: float = 0.05) -> float:
    """Return the power of the Brunner–Munzel test when this is the expected table of two rows.

    >>> round(brunner_munzel_power([[20, 10], [10, 20]]), 3)
    0.755
    """
    test = brunner_munzel_on_tables(table)
    assert test.df is not None
    t, df = float(test.statistic), float(test.df)
    critical = float(stats.t.ppf(1 - alpha / 2, df))
    return float(stats.norm.sf(critical - t) + stats.norm.cdf(-critical - t))


# By the margins of two variables: only they are used, among the respondents with both


def trend(
    outcome: pd.Series, predictor: pd.Series, *, power: float = 0.8, alpha: float = 0.05
) -> Detectable:
    """Return the smallest odds ratio per step of a binary outcome, by the exact trend test.

    >>> met, size = pd.Series([0, 0, 0, 1] * 25), pd.Series(np.repeat([1, 2, 3, 4], 25))
    >>> round(trend(met, size).value, 2)
    1.87

    Raises:
        AnalysisError: a variable is constant.
    """
    table = cross_table(outcome, predictor)
    found = TrendDesign.of(table.counts.sum(1), table.rows)
    if found is None:
        return proportional_odds(outcome, predictor, power=power, alpha=alpha)
    (design, unit), prevalence = found, float(table.counts[:, -1].sum()) / table.n

    def effect(sign: float) -> float:
        def missing(size: float) -> float:
            return design.power(prevalence, sign * size * unit, alpha) - power

        return _smallest(missing, sign)

    return Detectable(
        "odds ratio",
        effect(1.0),
        effect(-1.0),
        power,
        alpha,
        table.n,
        "exact power of the permutation test for trend",
    )


def contingency(
    outcome: pd.Series, predictor: pd.Series, *, power: float = 0.8, alpha: float = 0.05
) -> Detectable:
    """Return the smallest Cramér's V between two sets of groups, by the noncentral chi-square.

    >>> met, field = pd.Series([0, 0, 0, 1] * 25), pd.Series(np.repeat(list("abcd"), 25))
    >>> round(contingency(met, field).value, 2)
    0.33

    Raises:
        AnalysisError: a variable is constant.
    """
    outcome, predictor = complete_pairs(outcome, predictor)
    r, c = len(as_groups(predictor)[1]), len(as_groups(outcome)[1])
    scale = len(outcome) * (min(r, c) - 1)
    size = math.sqrt(_noncentrality((r - 1) * (c - 1), power, alpha) / scale)
    return _of_groups("Cramér's V", size, power, alpha, len(outcome))


def kruskal(
    outcome: pd.Series, predictor: pd.Series, *, power: float = 0.8, alpha: float = 0.05
) -> Detectable:
    """Return the smallest eta squared of ranks between groups, by the noncentral chi-square.

    >>> concern, field = pd.Series([1, 2, 3, 4] * 25), pd.Series(np.repeat(list("abcd"), 25))
    >>> round(kruskal(concern, field).value, 3)
    0.11

    Raises:
        AnalysisError: a variable is constant.
    """
    outcome, predictor = complete_pairs(outcome, predictor)
    df, n = len(as_groups(predictor)[1]) - 1, len(outcome)
    size = _noncentrality(df, power, alpha) / (n - 1)
    return _of_groups("eta squared of the ranks", size, power, alpha, n)


def _noncentrality(df: int, power: float, alpha: float) -> float:
    return float(special.chndtrinc(special.chdtri(df, alpha), df, 1 - power))


def _of_groups(effect: str, size: float, power: float, alpha: float, n: int) -> Detectable:
    # Neither measure can exceed 1: what would have to cannot be detected.
    value = size if size <= 1 else math.inf
    return Detectable(effect, value, math.nan, power, alpha, n, "noncentral chi-square")


def kendall(
    outcome: pd.Series, predictor: pd.Series, *, power: float = 0.8, alpha: float = 0.05
) -> Detectable:
    """Return the smallest tau-b, for effects of proportional odds.

    >>> concern, size = pd.Series([1, 2, 3, 4] * 25), pd.Series(np.repeat([1, 2, 3, 4], 25))
    >>> round(kendall(concern, size).value, 2)
    0.23

    Raises:
        AnalysisError: a variable is constant or has no order.
    """
    outcome, predictor = complete_pairs(outcome, predictor)
    return _ranks("Kendall's tau-b", as_scores(outcome), as_scores(predictor), power, alpha)


def two_groups(
    outcome: pd.Series, predictor: pd.Series, *, power: float = 0.8, alpha: float = 0.05
) -> Detectable:
    """Return the smallest probability of superiority, for effects of proportional odds.

    >>> concern, met = pd.Series([1, 2, 3, 4] * 25), pd.Series(np.repeat([0, 1], 50))
    >>> round(two_groups(concern, met).value, 2)
    0.65

    Raises:
        AnalysisError: a variable is constant, has no order, or neither has two values.
    """
    outcome, predictor = complete_pairs(outcome, predictor)
    left, right = as_scores(outcome), as_scores(predictor)
    if len(np.unique(right)) != 2:
        left, right = right, left
    if len(np.unique(right)) != 2:
        raise AnalysisError("neither variable has two values, so there are no two groups")
    return _ranks("probability of superiority", left, right, power, alpha)


def _ranks(
    name: str, left: FloatArray, right: FloatArray, power: float, alpha: float
) -> Detectable:
    levels, rows = np.unique(right, return_counts=True)
    columns = np.unique(left, return_counts=True)[1]
    scores = (levels - levels.mean()) / levels.std()
    in_groups = name == "probability of superiority"
    power_of = brunner_munzel_power if in_groups else kendall_power

    def effect(sign: float) -> float:
        def missing(size: float) -> float:
            return power_of(expected_table(rows, columns, sign * size, scores), alpha) - power

        found = _smallest(missing, sign)
        if found in (0.0, math.inf):
            return found
        table = expected_table(rows, columns, math.log(found), scores)
        if in_groups:
            return float(superiority(table))
        tau = kendall_on_tables(table).effect
        assert tau is not None
        return float(tau)

    return Detectable(
        name,
        effect(1.0),
        effect(-1.0),
        power,
        alpha,
        len(left),
        "expected table under proportional odds, large-sample power",
    )


def proportional_odds(
    outcome: pd.Series, predictor: pd.Series, *, power: float = 0.8, alpha: float = 0.05
) -> Detectable:
    """Return the smallest odds ratio of proportional odds per step of the predictor.

    Whitehead (1993, doi:10.1002/sim.4780122404), for a predictor of any number of levels.

    >>> concern, met = pd.Series([1, 2, 3, 4] * 25), pd.Series(np.repeat([0, 1], 50))
    >>> round(proportional_odds(concern, met).value, 1)
    2.7

    Raises:
        AnalysisError: a variable is constant or has no order.
    """
    outcome, predictor = complete_pairs(outcome, predictor)
    levels = np.unique(as_scores(outcome), return_counts=True)[1]
    x = as_scores(predictor)
    n = len(x)
    information = n * float(x.var()) * (1 - float(((levels / n) ** 3).sum())) / 3
    distance = float(stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power)) / math.sqrt(information)
    return Detectable(
        "odds ratio",
        math.exp(distance),
        math.exp(-distance),
        power,
        alpha,
        n,
        "Whitehead's formula for proportional odds",
    )
