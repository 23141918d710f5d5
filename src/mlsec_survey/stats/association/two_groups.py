"""An ordered variable in two groups: which group tends to the higher values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.association.conditional import exact_p, sum_distribution, sums_mean
from mlsec_survey.stats.association.resampling import (
    RESAMPLES,
    cross_tabulated,
    monte_carlo_p,
    permuted,
)
from mlsec_survey.stats.pairs import (
    BoolArray,
    FloatArray,
    as_binary,
    as_scores,
    check_confidence,
    complete_pairs,
    is_binary,
)
from mlsec_survey.stats.result import TestResult


def mann_whitney(
    outcome: pd.Series,
    predictor: pd.Series,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
) -> TestResult:
    """Test an ordered variable between two groups: Wilcoxon–Mann–Whitney with exact p-value.

    The permutation distribution of the midrank sum is enumerated, ties included. The estimate
    is the probability that a respondent of the second group (predictor true) has the higher
    outcome, ties counting half, with the Brunner–Munzel interval on the logit scale; the test
    itself is of equal distributions, so interval and test need not agree. `extra` holds U of the
    second group, the rank-biserial correlation, the Hodges–Lehmann shift and the normal p-value.

    If the outcome is the binary one and the predictor is not, their roles are exchanged; the
    estimate then is the probability that a respondent with the outcome has the higher predictor.

    Args:
        outcome: ordered; or binary, with an ordered predictor.
        predictor: binary; or ordered, with a binary outcome.
        confidence: level of the interval.
        rng: for Monte Carlo in the rare case that the ranks are too many to enumerate.
        resamples: number of permutations in that case.

    Raises:
        AnalysisError: a variable is constant, neither is binary, or the other has no order.
    """
    scores, second, notes = _two_groups(outcome, predictor, confidence)
    ranks = stats.rankdata(scores)
    n, m = len(ranks), int(second.sum())
    observed = float(ranks[second].sum())
    variance = m * (n - m) / (n - 1) * float(ranks.var())
    z = (observed - sums_mean(ranks, m)) / math.sqrt(variance)
    law = sum_distribution(ranks, m)
    if law is not None:
        p = exact_p(law, observed)
        notes += ("exact permutation p-value",)
    elif rng is None:
        p = float(2 * stats.norm.sf(abs(z)))
        notes += ("normal approximation",)
    else:
        sums = np.concatenate([block[:, :m].sum(1) for block in permuted(ranks, rng, resamples)])
        p = monte_carlo_p(np.abs(sums - sums_mean(ranks, m)), abs(z) * math.sqrt(variance))
        notes += (f"Monte Carlo p-value from {resamples} permutations",)
    effect = _relative_effect(scores, second)
    low, high = effect.interval(confidence)
    shifts = np.subtract.outer(scores[second], scores[~second])
    return TestResult(
        method="Wilcoxon–Mann–Whitney test",
        effect="probability of superiority",
        estimate=effect.estimate,
        low=low,
        high=high,
        n=n,
        statistic=observed - m * (m + 1) / 2,
        p=p,
        confidence=confidence,
        null=0.5,
        notes=notes,
        extra={
            "n_first": float(n - m),
            "n_second": float(m),
            "z": z,
            "rank_biserial": 2 * effect.estimate - 1,
            "hodges_lehmann": float(np.median(shifts)),
            "asymptotic_p": float(2 * stats.norm.sf(abs(z))),
        },
    )


def brunner_munzel(
    outcome: pd.Series,
    predictor: pd.Series,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
    interval: Literal["logit", "t"] = "logit",
) -> TestResult:
    """Test whether one group tends to higher values, whatever the shapes and variances.

    Brunner & Munzel (2000, Biometrical J. 42:17), with ties. The estimate is the probability of
    superiority of the second group (predictor true), P(X < Y) + P(X = Y)/2. The p-value is that
    of the t approximation, or of the studentised permutation test (Neubert & Brunner 2007,
    CSDA 51:5192) when `rng` is given. The t approximation is liberal when a group has fewer than
    about ten respondents, which is the case for rare exposures; use the permutation test there.

    The interval is on the logit scale, so within 0 and 1, or the plain t interval. When the
    groups do not overlap the variance estimate is 0: the p-value is then that of the exact
    permutation test and the interval is Newcombe's (2006, Stat. Med. 25:559, method 5).

    Roles are exchanged as in `mann_whitney` if only the outcome is binary.

    Args:
        outcome: ordered; or binary, with an ordered predictor.
        predictor: binary; or ordered, with a binary outcome.
        confidence: level of the interval.
        rng: for the studentised permutation test; None gives the t approximation.
        resamples: number of permutations.
        interval: scale of the interval.

    Raises:
        AnalysisError: a variable is constant, neither is binary, the other has no order, or a
            group has fewer than two respondents.
    """
    scores, second, notes = _two_groups(outcome, predictor, confidence)
    effect = _relative_effect(scores, second)
    low, high = effect.interval(confidence, scale=interval)
    t_p = float(2 * stats.t.sf(abs(effect.statistic), effect.df))
    if effect.separated:
        p = min(1.0, 2 / special.comb(len(scores), effect.n_second))
        t_p = math.nan
        notes += ("the groups do not overlap: exact permutation p-value, Newcombe interval",)
    elif rng is None:
        p = t_p
        notes += ("t approximation",)
    else:
        p = _studentised_p(scores, effect, rng, resamples)
        notes += (f"studentised permutation p-value from {resamples} permutations",)
    if interval == "logit" and not effect.separated:
        notes += ("interval on the logit scale",)
    if min(effect.n_first, effect.n_second) < 10:
        notes += (
            f"the smaller group has {min(effect.n_first, effect.n_second)} respondents: "
            "the interval is approximate",
        )
    return TestResult(
        method="Brunner–Munzel test",
        effect="probability of superiority",
        estimate=effect.estimate,
        low=low,
        high=high,
        n=len(scores),
        statistic=effect.statistic,
        p=p,
        confidence=confidence,
        null=0.5,
        notes=notes,
        extra={
            "df": effect.df,
            "se": effect.se,
            "n_first": float(effect.n_first),
            "n_second": float(effect.n_second),
            "asymptotic_p": t_p,
        },
    )


@dataclass(frozen=True, slots=True)
class _RelativeEffect:
    estimate: float
    se: float
    df: float
    n_first: int
    n_second: int

    @property
    def separated(self) -> bool:
        return self.se == 0.0

    @property
    def statistic(self) -> float:
        if self.separated:
            return math.copysign(math.inf, self.estimate - 0.5)
        return (self.estimate - 0.5) / self.se

    def interval(
        self, confidence: float, scale: Literal["logit", "t"] = "logit"
    ) -> tuple[float, float]:
        if self.separated:
            return newcombe_superiority_interval(
                self.estimate, self.n_first, self.n_second, confidence
            )
        reach = float(stats.t.ppf((1 + confidence) / 2, self.df)) * self.se
        if scale == "t":
            return max(0.0, self.estimate - reach), min(1.0, self.estimate + reach)
        reach /= self.estimate * (1 - self.estimate)
        centre = float(special.logit(self.estimate))
        return float(special.expit(centre - reach)), float(special.expit(centre + reach))


def _relative_effect(scores: FloatArray, second: BoolArray) -> _RelativeEffect:
    first_n, second_n = int((~second).sum()), int(second.sum())
    if min(first_n, second_n) < 2:
        raise AnalysisError("a group has fewer than two respondents")
    ranks = stats.rankdata(scores)
    # Placements: how many of the other group lie below each respondent, ties half.
    placed_first = ranks[~second] - stats.rankdata(scores[~second])
    placed_second = ranks[second] - stats.rankdata(scores[second])
    estimate = float(placed_second.mean()) / first_n
    parts = (
        float(placed_first.var(ddof=1)) / (second_n**2 * first_n),
        float(placed_second.var(ddof=1)) / (first_n**2 * second_n),
    )
    variance = sum(parts)
    # Rounding leaves crumbs where the placements are all the same.
    if variance < 1e-20:
        return _RelativeEffect(round(estimate), 0.0, math.nan, first_n, second_n)
    df = variance**2 / (parts[0] ** 2 / (first_n - 1) + parts[1] ** 2 / (second_n - 1))
    return _RelativeEffect(estimate, math.sqrt(variance), df, first_n, second_n)


def _studentised_p(
    scores: FloatArray, effect: _RelativeEffect, rng: np.random.Generator, resamples: int
) -> float:
    """Permutation p of |T|, all permutations at once through the counts at each level."""
    _, level = np.unique(scores, return_inverse=True)
    levels = int(level.max()) + 1
    total = np.bincount(level, minlength=levels).astype(float)
    m, n = effect.n_second, len(scores)
    member = np.zeros(n, dtype=np.int64)
    member[:m] = 1
    statistics = []
    for block in permuted(level.astype(np.int64), rng, resamples, cells=max(n, 4 * levels)):
        second = cross_tabulated(block, member, levels, 2)[:, :, 1]
        first = total - second
        below_second = np.cumsum(first, 1) - first / 2
        below_first = np.cumsum(second, 1) - second / 2
        p_second = (second * below_second).sum(1) / m
        p_first = (first * below_first).sum(1) / (n - m)
        v_second = (second * (below_second - p_second[:, None]) ** 2).sum(1) / (m - 1)
        v_first = (first * (below_first - p_first[:, None]) ** 2).sum(1) / (n - m - 1)
        variance = v_first / (m**2 * (n - m)) + v_second / ((n - m) ** 2 * m)
        with np.errstate(divide="ignore"):
            statistics.append(
                np.where(
                    variance > 1e-20,
                    np.abs(p_second / (n - m) - 0.5) / np.sqrt(np.maximum(variance, 1e-40)),
                    math.inf,
                )
            )
    return monte_carlo_p(np.concatenate(statistics), abs(effect.statistic))


def newcombe_superiority_interval(
    estimate: float, n_first: int, n_second: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval for the probability of superiority that holds when the groups do not overlap.

    Newcombe (2006, Stat. Med. 25:559), method 5: a score-type interval with the variance of
    Hanley & McNeil (1982) and the mean of the group sizes.
    """
    z = float(stats.norm.ppf((1 + confidence) / 2))
    extra = (n_first + n_second) / 2 - 1

    def gap(theta: float) -> float:
        spread = 1 + extra * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        # As a ratio, because the difference has a spurious root at 0 and at 1.
        ratio = (estimate - theta) ** 2 / (theta * (1 - theta) * spread)
        return ratio * n_first * n_second - z**2

    edge = 1e-12
    low = 0.0 if estimate <= 0 else float(optimize.brentq(gap, edge, estimate - edge, xtol=1e-15))
    high = (
        1.0 if estimate >= 1 else float(optimize.brentq(gap, estimate + edge, 1 - edge, xtol=1e-15))
    )
    return low, high


def _two_groups(
    outcome: pd.Series, predictor: pd.Series, confidence: float
) -> tuple[FloatArray, BoolArray, tuple[str, ...]]:
    check_confidence(confidence)
    left, right = complete_pairs(outcome, predictor)
    if is_binary(right):
        return as_scores(left), as_binary(right), ()
    if is_binary(left):
        return as_scores(right), as_binary(left), ("groups are formed by the outcome",)
    as_scores(left), as_scores(right)
    raise AnalysisError("neither variable has two values, so there are no two groups to compare")
