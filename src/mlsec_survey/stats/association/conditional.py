"""Exact conditional inference on a sum of scores over the respondents with the outcome."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pandas as pd
from scipy import optimize, special

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.association.resampling import SLACK
from mlsec_survey.stats.pairs import FloatArray, IntArray, as_binary, as_scores, complete_pairs

_MOST_SUMS = 60_000


@dataclass(frozen=True, slots=True)
class SumDistribution:
    """Permutation distribution of a sum of scores over `size` of n respondents.

    Attributes:
        sums: possible values in increasing order, in the units of the scores.
        log_weight: natural logarithm of the number of subsets with each sum.
    """

    sums: FloatArray
    log_weight: FloatArray

    def tilted(self, slope: float) -> FloatArray:
        """Return the probability of each sum when each score unit multiplies the odds by e^slope.

        The conditional likelihood of logistic regression given the number of outcomes
        (Cox 1970, Analysis of Binary Data, ch. 4).
        """
        logits = self.log_weight + slope * self.sums
        weights = np.exp(logits - logits.max())
        return weights / weights.sum()


def sum_distribution(scores: FloatArray, size: int) -> SumDistribution | None:
    """Enumerate the permutation distribution of the sum of `size` of the scores, drawn at random.

    Exact, by multiplying the generating functions of the distinct scores (Streitberg & Röhmel
    1986; Mehta, Patel & Senchaudhuri 1988).

    Args:
        scores: one per respondent; any reals with a small common denominator.
        size: how many respondents are drawn, 1 to n - 1.

    Returns:
        The distribution, or None when the scores have no common grid coarse enough to enumerate.
    """
    levels, counts = np.unique(scores, return_counts=True)
    grid = _integer_grid(levels)
    if grid is None:
        return None
    steps, unit = grid
    drawn = min(size, len(scores) - size)
    widest = int(np.sort(np.repeat(steps, counts))[-drawn:].sum())
    if widest + 1 > _MOST_SUMS:
        return None
    # Row k holds the number of ways to have drawn k respondents, by their sum so far.
    ways = np.zeros((drawn + 1, widest + 1))
    ways[0, 0] = 1.0
    seen, reach = 0, 0
    for step, count in zip(steps.tolist(), counts.tolist(), strict=True):
        new = ways.copy()
        ways_within = special.comb(count, np.arange(min(count, drawn) + 1))
        for taken in range(1, len(ways_within)):
            shift, rows = taken * step, min(seen, drawn - taken) + 1
            span = min(reach, widest - shift) + 1
            if span <= 0:
                break
            new[taken : taken + rows, shift : shift + span] += (
                ways_within[taken] * ways[:rows, :span]
            )
        seen = min(seen + count, drawn)
        reach = min(reach + min(count, drawn) * step, widest)
        ways = new
    possible = np.flatnonzero(ways[drawn] > 0)
    sums = possible * unit + drawn * levels[0]
    log_weight = np.log(ways[drawn][possible])
    if drawn != size:
        sums, log_weight = (scores.sum() - sums)[::-1], log_weight[::-1]
    return SumDistribution(sums, log_weight)


def conditional_law(
    outcome: pd.Series, predictor: pd.Series
) -> tuple[SumDistribution | None, float]:
    """Return the law of the sum of the predictor's scores over those with the outcome, and the sum.

    The law is None where the scores are too fine for `sum_distribution`.

    Args:
        outcome: binary.
        predictor: ordered.

    Raises:
        AnalysisError: a variable is constant, the outcome not binary, the predictor unordered.
    """
    left, right = complete_pairs(outcome, predictor)
    cases, scores = as_binary(left), as_scores(right)
    return sum_distribution(scores, int(cases.sum())), float(scores[cases].sum())


def _integer_grid(
    levels: FloatArray, largest_denominator: int = 120
) -> tuple[IntArray, float] | None:
    """Express levels as whole multiples of one unit above the lowest, or None if too fine."""
    denominator = 1
    for level in levels - levels[0]:
        fraction = Fraction(float(level)).limit_denominator(largest_denominator)
        if abs(float(fraction) - level) > SLACK * max(1.0, abs(float(level))):
            return None
        denominator = math.lcm(denominator, fraction.denominator)
        if denominator > 10_000:
            return None
    steps = np.rint((levels - levels[0]) * denominator).astype(np.int64)
    common = int(np.gcd.reduce(steps))
    return steps // common, common / denominator


@dataclass(frozen=True, slots=True)
class ConditionalFit:
    """Log odds ratio per unit of score, with its exact interval."""

    slope: float
    low: float
    high: float


def conditional_fit(law: SumDistribution, observed: float, confidence: float) -> ConditionalFit:
    """Conditional maximum-likelihood slope and its exact (tail-inverting) interval."""
    centre = float(law.tilted(0.0) @ law.sums)
    spread = math.sqrt(float(law.tilted(0.0) @ (law.sums - centre) ** 2))
    shifted = SumDistribution((law.sums - centre) / spread, law.log_weight)
    at = int(np.argmin(np.abs(law.sums - observed)))
    target = float(shifted.sums[at])
    tail = (1 - confidence) / 2

    def solve(function: Callable[[float], float]) -> float:
        reach = 1.0
        while function(-reach) * function(reach) > 0:
            reach *= 2
            if reach > 1e6:
                raise AnalysisError("the conditional likelihood could not be inverted")
        return float(optimize.brentq(function, -reach, reach, xtol=1e-13, rtol=1e-14)) / spread

    lowest, highest = at == 0, at == len(law.sums) - 1
    slope = (
        -math.inf
        if lowest
        else math.inf
        if highest
        else solve(lambda b: float(shifted.tilted(b) @ shifted.sums) - target)
    )
    low = -math.inf if lowest else solve(lambda b: float(shifted.tilted(b)[at:].sum()) - tail)
    high = math.inf if highest else solve(lambda b: float(shifted.tilted(b)[: at + 1].sum()) - tail)
    return ConditionalFit(slope, low, high)


def odds_ratio_interval(
    law: SumDistribution, observed: float, confidence: float
) -> tuple[float, float]:
    """Return the exact interval of the odds ratio per unit of score (see `trend_permutation`)."""
    fit = conditional_fit(law, observed, confidence)
    return bounded_exp(fit.low), bounded_exp(fit.high)


def exact_p(law: SumDistribution, observed: float) -> float:
    """Two-sided p: the share of permutations at least as far from the mean as observed."""
    probability = law.tilted(0.0)
    away = np.abs(law.sums - float(probability @ law.sums))
    far = abs(observed - float(probability @ law.sums))
    return min(1.0, float(probability[away >= far - SLACK * max(1.0, far)].sum()))


def bounded_exp(value: float) -> float:
    """Return e to a power, infinity where it is larger than any float."""
    return math.inf if value > 700 else math.exp(value)


def sums_mean(scores: FloatArray, size: int) -> float:
    """Return the mean of the permutation distribution of a sum of `size` scores."""
    return size * float(scores.mean())
