"""Exact distributions of sums of scores: permutation, conditional likelihood, power of a trend.

How many respondents have an outcome, and the sum of their scores, is all that logistic regression
on the scores depends on. The joint distribution of the two is computed once, by multiplying the
generating functions of the levels (Streitberg & Röhmel 1986; Mehta, Patel & Senchaudhuri 1988), and
serves the exact tests of one table and of many, exact intervals and exact power alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.tables import SLACK

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Up to so many respondents every subset of them has a probability that a float can hold (2^-1000 is
# above 1e-302). Beyond, approximations are good and enumeration is slow.
EXACT_UP_TO = 1_000
# Sums beyond which, and steps of the convolution beyond which, nothing is enumerated.
_MOST_SUMS = 60_000
_MOST_STEPS = 2e9


@lru_cache(maxsize=8)
def joint_distribution(
    counts: tuple[int, ...], steps: tuple[int, ...], chances: tuple[float, ...], most: int
) -> Floats:
    """Return the chances of each number of cases (rows, to `most`) and sum of their steps.

    >>> joint_distribution((1, 1), (0, 1), (0.5, 0.5), 2).round(6).tolist()
    [[0.25, 0.0], [0.25, 0.25], [0.0, 0.25]]

    Args:
        counts: respondents per level.
        steps: whole-number score of each level, from 0.
        chances: of being a case, per level.
        most: cases to look at.
    """
    widest = int(np.sort(np.repeat(steps, counts))[::-1][:most].sum())
    mass = np.zeros((most + 1, widest + 1))
    mass[0, 0] = 1.0
    seen = largest = 0
    for count, step, chance in zip(counts, steps, chances, strict=True):
        binomial = stats.binom.pmf(np.arange(min(count, most) + 1), count, chance)
        new = np.zeros_like(mass)
        for taken, weight in enumerate(binomial):
            shift, rows = taken * step, min(seen, most - taken) + 1
            span = min(largest, widest - shift) + 1
            if span <= 0:
                break
            new[taken : taken + rows, shift : shift + span] += weight * mass[:rows, :span]
        seen = min(seen + count, most)
        largest = min(largest + min(count, most) * step, widest)
        mass = new
    return mass


@dataclass(frozen=True, slots=True)
class SumDistribution:
    """Permutation distribution of a sum of scores over a fixed number of respondents.

    Attributes:
        sums: possible values in increasing order, in the units of the scores.
        log_weight: natural logarithm of the probability of each, up to a constant.
    """

    sums: Floats
    log_weight: Floats

    def tilted(self, slope: float) -> Floats:
        """Return the probability of each sum when each score unit multiplies the odds by e^slope.

        The conditional likelihood of logistic regression given the number of outcomes
        (Cox 1970, Analysis of Binary Data, ch. 4).
        """
        logits = self.log_weight + slope * self.sums
        weights = np.exp(logits - logits.max())
        return weights / weights.sum()

    def distance_p(self, observed: float) -> float:
        """Return the share of permutations at least as far from the mean as a sum, either way."""
        probability = self.tilted(0.0)
        centre = float(probability @ self.sums)
        far = abs(observed - centre)
        away = np.abs(self.sums - centre)
        return min(1.0, float(probability[away >= far - SLACK * max(1.0, far)].sum()))

    def central_p(self, observed: float) -> float:
        """Return twice the smaller tail, the p-value that belongs to the exact interval."""
        probability = self.tilted(0.0)
        at = int(np.argmin(np.abs(self.sums - observed)))
        return min(1.0, 2 * float(min(probability[: at + 1].sum(), probability[at:].sum())))

    def log_likelihood(self, observed: float) -> Callable[[Floats], Floats]:
        """Return the conditional log-likelihood of the log odds ratio per unit, given a sum."""
        away = self.sums - observed

        def log_likelihood(slopes: Floats) -> Floats:
            exponents = self.log_weight + np.multiply.outer(np.asarray(slopes, float), away)
            return -np.asarray(special.logsumexp(exponents, axis=-1))

        return log_likelihood

    def fit(self, observed: float, confidence: float) -> tuple[float, float, float]:
        """Return the conditional maximum-likelihood slope and its exact, tail-inverting interval.

        Infinite where the data are separated: the sum is the smallest or largest there can be.
        """
        probability = self.tilted(0.0)
        centre = float(probability @ self.sums)
        unit = math.sqrt(float(probability @ (self.sums - centre) ** 2))
        scaled = SumDistribution((self.sums - centre) / unit, self.log_weight)
        at = int(np.argmin(np.abs(self.sums - observed)))
        tail = (1 - confidence) / 2

        def solve(function: Callable[[float], float]) -> float:
            far = 1.0
            while function(-far) * function(far) > 0:
                far *= 2
                if far > 1e6:
                    raise AnalysisError("the conditional likelihood could not be inverted")
            return float(optimize.brentq(function, -far, far, xtol=1e-13, rtol=1e-14)) / unit

        lowest, highest = at == 0, at == len(self.sums) - 1
        if lowest or highest:
            slope = -math.inf if lowest else math.inf
        else:
            slope = solve(lambda b: float(scaled.tilted(b) @ scaled.sums) - scaled.sums[at])
        low = high = slope
        if not lowest:
            low = solve(lambda b: float(scaled.tilted(b)[at:].sum()) - tail)
        if not highest:
            high = solve(lambda b: float(scaled.tilted(b)[: at + 1].sum()) - tail)
        return slope, low, high


def sum_distribution(levels: Floats, counts: Integers, size: int) -> SumDistribution | None:
    """Enumerate the distribution of the sum of the scores of `size` respondents drawn at random.

    >>> found = sum_distribution(np.array([0.0, 1.0]), np.array([2, 2]), 2)
    >>> found.sums.tolist(), (np.exp(found.log_weight - found.log_weight[0])).round(6).tolist()
    ([0.0, 1.0, 2.0], [1.0, 4.0, 1.0])

    Args:
        levels: distinct scores, increasing; any reals with a small common denominator.
        counts: respondents with each.
        size: how many respondents are drawn, 1 to n - 1.

    Returns:
        The distribution, or None with more than 1,000 respondents, or scores that have no common
        grid coarse enough to enumerate.
    """
    n = int(counts.sum())
    grid = _integer_grid(levels) if n <= EXACT_UP_TO else None
    if grid is None:
        return None
    steps, unit = grid
    drawn = min(size, n - size)
    widest = int(np.sort(np.repeat(steps, counts))[::-1][:drawn].sum())
    if widest >= _MOST_SUMS or float(n) * drawn * widest > _MOST_STEPS:
        return None
    chances = (drawn / n,) * len(levels)
    numbers = tuple(counts.tolist())
    mass = joint_distribution(numbers, tuple(steps.tolist()), chances, drawn)[drawn]
    possible = np.flatnonzero(mass > 0)
    sums = possible * unit + drawn * levels[0]
    log_weight = np.log(mass[possible])
    if drawn != size:
        sums, log_weight = (float(counts @ levels) - sums)[::-1], log_weight[::-1]
    return SumDistribution(sums, log_weight)


def _integer_grid(levels: Floats, largest_denominator: int = 120) -> tuple[Integers, float] | None:
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
class TrendDesign:
    """Respondents per level of an ordered predictor, before a binary outcome is known.

    Attributes:
        counts: respondents at each level, 1,000 or fewer in all.
        steps: whole-number score of each level, from 0.
    """

    counts: tuple[int, ...]
    steps: tuple[int, ...]

    @staticmethod
    def of(counts: Integers, scores: Floats) -> tuple[TrendDesign, float] | None:
        """Return the design and the unit of its steps, or None where it cannot be enumerated."""
        n = int(counts.sum())
        grid = _integer_grid(scores) if n <= EXACT_UP_TO else None
        if grid is None or float(n) ** 2 * int(counts @ grid[0]) > _MOST_STEPS:
            return None
        steps = tuple(grid[0].tolist())
        return TrendDesign(tuple(int(count) for count in counts), steps), grid[1]

    @property
    def n(self) -> int:
        """Number of respondents."""
        return sum(self.counts)

    def p_values(self) -> Floats:
        """Return the exact p-value for each number of cases (rows) and sum of steps (columns).

        Twice the smaller tail of the permutation distribution; 1 where there is nothing to test.
        """
        return _trend_mass_and_p(self)[1]

    def log_ways(self) -> Floats:
        """Return the logarithm of in how many ways each number of cases and sum comes about."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(_trend_mass_and_p(self)[0]) + self.n * math.log(2))

    def chances(self, prevalence: float, slope: float) -> Floats:
        """Return the probability of each number of cases and sum of steps.

        Under logistic regression on the steps, with the intercept that gives the prevalence over
        all respondents. It weighs samples by no more than their cases and sum of steps.

        Args:
            prevalence: share of cases.
            slope: log odds ratio per step.
        """
        steps, counts = np.asarray(self.steps, dtype=float), np.asarray(self.counts, dtype=float)

        def excess(intercept: float) -> float:
            return float(counts @ special.expit(intercept + slope * steps)) / self.n - prevalence

        far = 40.0 + abs(slope) * float(steps.max())
        intercept = float(optimize.brentq(excess, -far, far, xtol=1e-12))
        none = -float(counts @ np.logaddexp(0, intercept + slope * steps))
        log_ways = self.log_ways()
        cases, sums = np.ogrid[: log_ways.shape[0], : log_ways.shape[1]]
        return np.asarray(np.exp(log_ways + intercept * cases + slope * sums + none))

    def power(self, prevalence: float, slope: float, alpha: float = 0.05) -> float:
        """Return the exact power of the test at a prevalence and a log odds ratio per step."""
        rejected = self.p_values() <= alpha * (1 + 1e-9)
        return float(self.chances(prevalence, slope)[rejected].sum())


@lru_cache(maxsize=16)
def _trend_mass_and_p(design: TrendDesign) -> tuple[Floats, Floats]:
    fair = (0.5,) * len(design.counts)
    mass = joint_distribution(design.counts, design.steps, fair, design.n)
    total = mass.sum(1, keepdims=True)
    lower = np.cumsum(mass, 1) / total
    upper = np.cumsum(mass[:, ::-1], 1)[:, ::-1] / total
    p = np.minimum(1.0, 2 * np.minimum(lower, upper))
    # Sums that cannot come about are no result of the test.
    p[(mass == 0) | (np.arange(len(mass)) % design.n == 0)[:, None]] = 1.0
    return mass, p
