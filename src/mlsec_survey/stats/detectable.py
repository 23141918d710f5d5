"""The smallest effect that a test finds with given power, at the margins that a sample has.

What a null result is worth depends on what could have been seen. Everything here needs the two
margins only (how many respondents at each level of the predictor, and of the outcome), not who gave
which pair of answers; so it is not the fallacy of computing power at the observed effect.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize, special, stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats import tables
from mlsec_survey.stats.pairs import FloatArray, IntArray, as_groups, as_scores, complete_pairs

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


# A binary outcome along ordered levels: exact


@dataclass(frozen=True)
class TrendDesign:
    """Respondents per level of an ordered predictor, before a binary outcome is known.

    Attributes:
        counts: respondents at each level.
        steps: whole-number score of each level; default 0, 1, 2, …
        alpha: level of the two-sided exact permutation test for trend.
    """

    counts: tuple[int, ...]
    steps: tuple[int, ...] | None = None
    alpha: float = 0.05

    @property
    def n(self) -> int:
        """Number of respondents."""
        return sum(self.counts)

    @cached_property
    def _scores(self) -> npt.NDArray[np.int64]:
        steps = range(len(self.counts)) if self.steps is None else self.steps
        return np.asarray(steps, dtype=np.int64) - min(steps)

    @cached_property
    def _fair(self) -> FloatArray:
        """Probability of each number of outcomes (rows) and sum of scores (columns) at even odds.

        That is, up to a factor, in how many ways each comes about.
        """
        counts = np.asarray(self.counts)
        widest = int(counts @ self._scores)
        mass = np.zeros((self.n + 1, widest + 1))
        mass[0, 0] = 1.0
        seen = reach = 0
        for count, step in zip(counts, self._scores, strict=True):
            binomial = stats.binom.pmf(np.arange(count + 1), count, 0.5)
            new = np.zeros_like(mass)
            for k, weight in enumerate(binomial):
                new[k : k + seen + 1, k * step : k * step + reach + 1] += (
                    weight * mass[: seen + 1, : reach + 1]
                )
            seen, reach = seen + int(count), reach + int(count * step)
            mass = new
        return mass

    @cached_property
    def _rejected(self) -> tuple[IntArray, IntArray, FloatArray]:
        """Numbers of outcomes and sums of scores that the exact test rejects; log of their ways."""
        mass = self._fair
        sums = np.arange(mass.shape[1])
        rejected = np.zeros(mass.shape, dtype=bool)
        for outcomes in range(1, self.n):
            law = mass[outcomes] / mass[outcomes].sum()
            away = np.rint(np.abs(sums - law @ sums) * 1e9)
            order = np.argsort(-away, kind="stable")
            tail = np.cumsum(law[order])
            # All sums equally far out share the p-value of the last of them.
            _, first, of = np.unique(-away[order], return_index=True, return_inverse=True)
            ends = np.append(first[1:], len(order)) - 1
            rejected[outcomes, order] = tail[ends][of] <= self.alpha * (1 + 1e-9)
        numbers, totals = np.nonzero(rejected & (mass > 0))
        return numbers, totals, np.log(mass[numbers, totals]) + self.n * math.log(2)

    def power(self, prevalence: float, odds_ratio: float) -> float:
        """Return the exact power at a prevalence of the outcome and an odds ratio per step.

        The outcome follows logistic regression on the scores, with the intercept that gives the
        prevalence over all respondents; every sample is weighed with its probability.
        """
        slope = math.log(odds_ratio)
        weights = np.asarray(self.counts) / self.n

        def excess(intercept: float) -> float:
            return float(weights @ special.expit(intercept + slope * self._scores)) - prevalence

        far = 40.0 + abs(slope) * float(self._scores.max())
        intercept = float(optimize.brentq(excess, -far, far, xtol=1e-12))
        # Logistic regression weighs samples by no more than their outcomes and sum of scores.
        outcomes, sums, log_ways = self._rejected
        none = -float(self.counts @ np.logaddexp(0, intercept + slope * self._scores))
        return float(np.exp(log_ways + intercept * outcomes + slope * sums + none).sum())

    def smallest_odds_ratio(
        self, prevalence: float, *, power: float = 0.8, increase: bool = True
    ) -> float:
        """Return the odds ratio per step nearest to 1 that is found with this power.

        Infinite (or 0, for a decrease) when no odds ratio up to e^8 is.
        """
        sign = 1.0 if increase else -1.0

        def missing(size: float) -> float:
            return self.power(prevalence, math.exp(sign * size)) - power

        return _smallest(missing, sign)


def _smallest(missing: Callable[[float], float], sign: float) -> float:
    """Return e^(sign·size) at the smallest size that is not missing; powers grow with size."""
    reach = 0.25
    while missing(reach) < 0:
        reach *= 2
        if reach > _LARGEST_LOG_RATIO:
            return math.inf if sign > 0 else 0.0
    start = reach / 2 if reach > 0.25 else 0.0
    return math.exp(sign * float(optimize.brentq(missing, start, reach, xtol=1e-7)))


# Two ordered variables: the expected table under proportional odds


def expected_table(
    rows: npt.ArrayLike, columns: npt.ArrayLike, slope: float, scores: npt.ArrayLike | None = None
) -> FloatArray:
    """Return the expected counts of a table with these margins under proportional odds.

    Args:
        rows: respondents per level of the predictor.
        columns: respondents per level of the outcome.
        slope: log odds ratio of a higher outcome per unit of the row's score.
        scores: of the rows; default 0, 1, 2, …
    """
    r, c = np.asarray(rows, dtype=float), np.asarray(columns, dtype=float)
    x = np.arange(len(r)) if scores is None else np.asarray(scores, dtype=float)
    weights, below = r / r.sum(), np.cumsum(c)[:-1] / c.sum()
    far = 40.0 + abs(slope) * float(np.abs(x).max())
    low, high = np.full(len(below), -far), np.full(len(below), far)
    for _ in range(80):
        middle = (low + high) / 2
        share = weights @ special.expit(middle[None, :] - slope * x[:, None])
        low, high = np.where(share < below, middle, low), np.where(share < below, high, middle)
    cumulative = special.expit(low[None, :] - slope * x[:, None])
    edges = np.column_stack([np.zeros(len(r)), cumulative, np.ones(len(r))])
    return np.asarray(r[:, None] * np.diff(edges, axis=1))


def kendall_power(table: npt.ArrayLike, alpha: float = 0.05) -> float:
    """Return the power of the tau-b test when this is the expected table.

    Normal approximation with the standard error under the null for the test and the one under
    the alternative for the estimate.
    """
    test = tables.kendall_tau_b(table)
    tau, z = float(test.effect), float(test.statistic)
    critical = float(stats.norm.ppf(1 - alpha / 2))
    if abs(z) < 1e-9:
        return alpha
    ratio = tau / z / float(tables.tau_b_standard_error(table))
    return float(
        stats.norm.sf(critical * ratio - z * ratio) + stats.norm.cdf(-(critical + z) * ratio)
    )


def brunner_munzel_power(table: npt.ArrayLike, alpha: float = 0.05) -> float:
    """Return the power of the Brunner–Munzel test when this is the expected table of two rows."""
    test = tables.brunner_munzel(table)
    t, df = float(test.statistic), float(test.df)
    critical = float(stats.t.ppf(1 - alpha / 2, df))
    return float(stats.norm.sf(critical - t) + stats.norm.cdf(-critical - t))


# By the margins of two variables: only they are used, among the respondents with both


def trend(
    outcome: pd.Series, predictor: pd.Series, *, power: float = 0.8, alpha: float = 0.05
) -> Detectable:
    """Return the smallest odds ratio per step of a binary outcome, by the exact trend test.

    Raises:
        AnalysisError: a variable is constant.
    """
    outcome, predictor = complete_pairs(outcome, predictor)
    cases, scores = as_scores(outcome), as_scores(predictor)
    levels, counts = np.unique(scores, return_counts=True)
    if not (levels == np.rint(levels)).all() or counts @ (levels - levels[0]) > 20_000:
        return proportional_odds(outcome, predictor, power=power, alpha=alpha)
    steps = tuple(int(level) for level in levels)
    design = TrendDesign(tuple(counts.tolist()), steps, alpha)
    prevalence = float((cases == cases.max()).mean())
    return Detectable(
        "odds ratio",
        design.smallest_odds_ratio(prevalence, power=power),
        design.smallest_odds_ratio(prevalence, power=power, increase=False),
        power,
        alpha,
        design.n,
        "exact power of the permutation test for trend",
    )


def contingency(
    outcome: pd.Series, predictor: pd.Series, *, power: float = 0.8, alpha: float = 0.05
) -> Detectable:
    """Return the smallest Cramér's V between two sets of groups, by the noncentral chi-square.

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
    # Neither measure can exceed 1: what would have to is out of reach.
    value = size if size <= 1 else math.inf
    return Detectable(effect, value, math.nan, power, alpha, n, "noncentral chi-square")


def kendall(
    outcome: pd.Series, predictor: pd.Series, *, power: float = 0.8, alpha: float = 0.05
) -> Detectable:
    """Return the smallest tau-b, for effects of proportional odds.

    Raises:
        AnalysisError: a variable is constant or has no order.
    """
    outcome, predictor = complete_pairs(outcome, predictor)
    return _ranks("Kendall's tau-b", as_scores(outcome), as_scores(predictor), power, alpha)


def two_groups(
    outcome: pd.Series, predictor: pd.Series, *, power: float = 0.8, alpha: float = 0.05
) -> Detectable:
    """Return the smallest probability of superiority, for effects of proportional odds.

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
        return float(tables.superiority(table) if in_groups else tables.kendall_tau_b(table).effect)

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

    Raises:
        AnalysisError: a variable is constant or has no order.
    """
    outcome, predictor = complete_pairs(outcome, predictor)
    levels = np.unique(as_scores(outcome), return_counts=True)[1]
    x = as_scores(predictor)
    n = len(x)
    information = n * float(x.var()) * (1 - float(((levels / n) ** 3).sum())) / 3
    reach = float(stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power)) / math.sqrt(information)
    return Detectable(
        "odds ratio",
        math.exp(reach),
        math.exp(-reach),
        power,
        alpha,
        n,
        "Whitehead's formula for proportional odds",
    )
