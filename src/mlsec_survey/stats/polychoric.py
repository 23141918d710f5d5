"""Correlations of the normal variables behind ordered answers, with how each respondent bears on
them.

Two steps, as in Olsson (1979, doi:10.1007/BF02296207): thresholds from the shares of each item,
then each correlation by maximum likelihood given them. The covariance of all correlations follows
from the respondents' influence on each (Muthén 1984, doi:10.1007/BF02294210), as in lavaan. None of
the libraries at hand has it: semopy and factor_analyzer stop at the estimate
(docs/statistics.md says how far they agree).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from mlsec_survey.base.errors import AnalysisError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
# Where a normal variable has all its mass below, to the last digit.
_END = 10.0
# Beyond this a correlation is at the edge: some table has an empty corner on each side.
_EDGE = 0.999


def bivariate_normal_cdf(x: ArrayLike, y: ArrayLike, correlation: ArrayLike) -> Floats:
    """Return P(X <= x, Y <= y) of standard normal variables, for arrays of any matching shapes.

    Plackett's (1954) integral over the correlation by Gauss and Legendre's rule: to 1e-12 for
    correlations to 0.9 and 1e-6 to 0.999. SciPy's `multivariate_normal.cdf` takes one correlation
    at a time and is the check.

    >>> bool(abs(bivariate_normal_cdf(0, 0, 0.5) - 1 / 3) < 1e-12)
    True
    """
    x, y, r = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (x, y, correlation)))
    half = np.arcsin(r)[..., None] / 2
    sine = np.sin(half * (1 + _NODES))
    a, b = x[..., None], y[..., None]
    heights = np.exp((2 * a * b * sine - a**2 - b**2) / (2 * (1 - sine**2)))
    area = half[..., 0] * (heights @ _WEIGHTS) / (2 * math.pi)
    return np.asarray(special.ndtr(x) * special.ndtr(y) + area)


@dataclass(frozen=True, slots=True)
class Polychoric:
    """Polychoric correlations of items.

    Attributes:
        items: their names.
        matrix: items × items.
        pairs: pairs × 2, positions of the two items of each correlation, in the order of the
            matrix above its diagonal.
        influence: respondents × pairs: by how much each respondent moves each correlation; the
            covariance of the correlations is its cross-product.
        pair_n: respondents behind each correlation.
        n: respondents with at least two of the items.
    """

    items: tuple[str, ...]
    matrix: Floats
    pairs: Integers
    influence: Floats
    pair_n: Integers
    n: int

    @property
    def values(self) -> Floats:
        """The correlations, one per pair."""
        return np.asarray(self.matrix[self.pairs[:, 0], self.pairs[:, 1]])

    @property
    def covariance(self) -> Floats:
        """Covariance of the correlations, pairs × pairs."""
        return np.asarray(self.influence.T @ self.influence)

    def among(self, items: list[str]) -> Polychoric:
        """Return the same for some of the items, in the order given."""
        at = [self.items.index(item) for item in items]
        pairs = np.array(np.triu_indices(len(at), 1), dtype=np.int64).T
        place = {frozenset(map(int, pair)): k for k, pair in enumerate(self.pairs)}
        chosen = [place[frozenset((at[i], at[j]))] for i, j in pairs]
        return Polychoric(
            tuple(items),
            self.matrix[np.ix_(at, at)],
            pairs,
            self.influence[:, chosen],
            self.pair_n[chosen],
            self.n,
        )


def polychoric(items: pd.DataFrame) -> Polychoric:
    """Estimate the polychoric correlations of ordered items, each from those who answered both.

    >>> rng = np.random.default_rng(1)
    >>> level = rng.normal(size=(500, 1))
    >>> items = pd.DataFrame(np.digitize(level + rng.normal(size=(500, 2)), [-1, 0, 1]))
    >>> found = polychoric(items).matrix[0, 1]  # 0.5 in the population
    >>> bool(abs(found - 0.5) < 0.1)
    True

    Args:
        items: respondents × items, whole numbers or ordered levels as numbers; missing where there
            is no answer. Levels that nobody chose are left out.

    Raises:
        AnalysisError: fewer than two items, an item that is the same for all, a pair that fewer
            than ten respondents answered, or a correlation at ±1.
    """
    answered = items.astype("Float64").astype("float64")
    answered = answered[answered.notna().sum(axis=1) >= 2]
    n, k = answered.shape
    if k < 2:
        raise AnalysisError("a correlation needs at least two items")
    levels = [pd.factorize(answered[name], sort=True) for name in answered]
    if any(len(values) < 2 for _, values in levels):
        raise AnalysisError("an item is the same for all who answered it")
    size = max(len(values) for _, values in levels)
    # Everything below is over pairs at once; an item with fewer levels has empty ones at its end.
    codes = np.column_stack([code for code, _ in levels])
    counts = np.array([np.bincount(c[c >= 0], minlength=size) for c in codes.T], dtype=float)
    shares = np.cumsum(counts, axis=1)[:, :-1] / counts.sum(axis=1, keepdims=True)
    inner = np.clip(special.ndtri(shares), -_END, _END)
    pairs = np.array(np.triu_indices(k, 1), dtype=np.int64).T
    first, second = codes[:, pairs[:, 0]], codes[:, pairs[:, 1]]
    both = (first >= 0) & (second >= 0)
    pair_n = both.sum(axis=0)
    if pair_n.min() < 10:
        raise AnalysisError("fewer than ten respondents answered both of two items")
    tables = np.zeros((len(pairs), size, size))
    respondent, pair = np.nonzero(both)
    np.add.at(tables, (pair, first[respondent, pair], second[respondent, pair]), 1)
    grid = _Grid.of(inner[pairs[:, 0]], inner[pairs[:, 1]])
    correlation = _maximised(tables, grid)
    matrix = np.eye(k)
    matrix[pairs[:, 0], pairs[:, 1]] = matrix[pairs[:, 1], pairs[:, 0]] = correlation

    # A respondent moves a correlation directly and through the thresholds of both items.
    probability, slope = grid.cells(correlation)
    score = np.divide(slope, probability, out=np.zeros_like(slope), where=tables > 0)
    information = (tables * score**2).sum(axis=(1, 2))
    influence = np.zeros((n, len(pairs)))
    influence[respondent, pair] = score[pair, first[respondent, pair], second[respondent, pair]]
    weight = np.divide(tables * score, probability, out=np.zeros_like(slope), where=tables > 0)
    for side, derivative in enumerate(grid.by_threshold(correlation)):
        along = weight if side == 0 else np.swapaxes(weight, 1, 2)
        pull = ((along[:, :-1] - along[:, 1:]) * derivative).sum(axis=2)
        moved = _threshold_influence(codes, shares, inner, counts.sum(axis=1))
        influence -= np.einsum("npt,pt->np", moved[:, pairs[:, side]], pull)
    # Of a sample, not of a population: the divisor that lavaan has.
    influence *= math.sqrt(n / (n - 1)) / information
    return Polychoric(tuple(map(str, answered.columns)), matrix, pairs, influence, pair_n, n)


def _threshold_influence(codes: Integers, shares: Floats, inner: Floats, n: Floats) -> Floats:
    """Return respondents × items × thresholds: by how much each respondent moves each threshold."""
    below = codes[:, :, None] <= np.arange(shares.shape[1])
    density = np.exp(-(inner**2) / 2) / math.sqrt(2 * math.pi)
    used = (shares < 1) & (shares > 0)
    scale = np.divide(1.0, density * n[:, None], out=np.zeros_like(density), where=used)
    return np.where((codes >= 0)[:, :, None], (below - shares) * scale, 0.0)


@dataclass(frozen=True, slots=True)
class _Grid:
    """Thresholds of both items of each pair, with both ends: pairs × (levels + 1)."""

    x: Floats
    y: Floats

    @classmethod
    def of(cls, first: Floats, second: Floats) -> _Grid:
        end = np.full((len(first), 1), _END)
        return cls(np.hstack([-end, first, end]), np.hstack([-end, second, end]))

    def cells(self, correlation: Floats) -> tuple[Floats, Floats]:
        """Return each cell's probability and its derivative by the correlation."""
        x, y, r = self.x[:, :, None], self.y[:, None, :], correlation[:, None, None]
        corner = bivariate_normal_cdf(x, y, r)
        rest = 1 - r**2
        density = np.exp(-(x**2 - 2 * r * x * y + y**2) / (2 * rest)) / (
            2 * math.pi * np.sqrt(rest)
        )
        probability = np.diff(np.diff(corner, axis=1), axis=2)
        # Below this it is rounding error.
        return np.maximum(probability, 1e-14), np.diff(np.diff(density, axis=1), axis=2)

    def by_threshold(self, correlation: Floats) -> tuple[Floats, Floats]:
        """Return how the cells below an inner threshold grow with it, for the two items in turn.

        Each is pairs × thresholds of the one item × levels of the other.
        """
        r = correlation[:, None, None]

        def growth(moved: Floats, other: Floats) -> Floats:
            at = moved[:, 1:-1, None]
            share = special.ndtr((other[:, None, :] - r * at) / np.sqrt(1 - r**2))
            density = np.exp(-(at**2) / 2) / math.sqrt(2 * math.pi)
            return np.asarray(density * np.diff(share, axis=2))

        return growth(self.x, self.y), growth(self.y, self.x)


def _maximised(tables: Floats, grid: _Grid) -> Floats:
    """Return the correlation of the largest likelihood of each table, by Fisher's scoring."""
    z = np.zeros(len(tables))
    for _ in range(200):
        correlation = np.tanh(z)
        probability, slope = grid.cells(correlation)
        score = (tables * slope / probability).sum(axis=(1, 2)) * (1 - correlation**2)
        expected = tables.sum(axis=(1, 2)) * (slope**2 / probability).sum(axis=(1, 2))
        step = np.clip(score / (expected * (1 - correlation**2) ** 2), -0.5, 0.5)
        z = z + step
        if np.abs(np.tanh(z)).max() > _EDGE:
            raise AnalysisError("two items go together so closely that their correlation is ±1")
        if np.abs(step).max() < 1e-11:
            return np.asarray(np.tanh(z))
    raise AnalysisError("the likelihood of a polychoric correlation did not converge")


@dataclass(frozen=True, slots=True)
class Summary:
    """A quantity computed from correlations, with its large-sample interval.

    Attributes:
        estimate, low, high: the quantity and the ends of its interval.
        n: respondents.
    """

    estimate: float
    low: float
    high: float
    n: int


def summarised(
    correlations: Polychoric,
    quantity: Callable[[Floats], float],
    *,
    confidence: float = 0.95,
    scale: tuple[Callable[[float], float], Callable[[float], float]] = (float, float),
) -> Summary:
    """Return a smooth function of the correlations with its interval by the delta method.

    >>> rng = np.random.default_rng(1)
    >>> level = rng.normal(size=(500, 1))
    >>> items = pd.DataFrame(np.digitize(level + rng.normal(size=(500, 2)), [-1, 0, 1]))
    >>> found = summarised(polychoric(items), lambda matrix: float(matrix[0, 1]))
    >>> found.low < found.estimate < found.high
    True

    Args:
        correlations: of items.
        quantity: takes the matrix of correlations.
        confidence: level of the interval.
        scale: on which the interval is symmetric, and back from it.
    """
    there, back = scale
    matrix, step = correlations.matrix, 1e-6
    gradient = np.empty(len(correlations.pairs))
    for at, (i, j) in enumerate(correlations.pairs):
        ends = []
        for side in (step, -step):
            moved = matrix.copy()
            moved[i, j] += side
            moved[j, i] += side
            ends.append(there(quantity(moved)))
        gradient[at] = (ends[0] - ends[1]) / (2 * step)
    error = float(np.linalg.norm(correlations.influence @ gradient))
    reach = float(stats.norm.ppf((1 + confidence) / 2)) * error
    estimate = quantity(matrix)
    ends = sorted([back(there(estimate) - reach), back(there(estimate) + reach)])
    return Summary(estimate, ends[0], ends[1], correlations.n)


# An interval of what cannot exceed 1 is symmetric in the logarithm of what is missing to 1.
SHORT_OF_ONE = (lambda value: math.log1p(-value), lambda value: -math.expm1(value))
POSITIVE = (math.log, math.exp)


def ordinal_alpha(matrix: Floats) -> float:
    """Return alpha of standardised items from their correlations.

    On polychoric correlations this is ordinal alpha (Zumbo, Gadermann and Zeisser 2007,
    doi:10.22237/jmasm/1177992180): the reliability of the sum of the variables behind the answers,
    not of the sum of the answers themselves.

    >>> round(ordinal_alpha(np.array([[1, 0.5], [0.5, 1]])), 4)
    0.6667
    """
    k = len(matrix)
    mean = (matrix.sum() - k) / (k * (k - 1))
    return float(k * mean / (1 + (k - 1) * mean))


def heterotrait_monotrait(
    matrix: Floats, first: Integers, second: Integers, *, apart: NDArray[np.bool_] | None = None
) -> float:
    """Return the heterotrait–monotrait ratio (HTMT) of two sets of items.

    The mean correlation between the sets, over the geometric mean of those within each; near 1 or
    above, the two measure the same (Henseler, Ringle and Sarstedt 2015,
    doi:10.1007/s11747-014-0403-8).

    >>> matrix = np.full((4, 4), 0.3)
    >>> matrix[:2, :2] = matrix[2:, 2:] = 0.6
    >>> round(float(heterotrait_monotrait(matrix, [0, 1], [2, 3])), 3)
    0.5

    Args:
        matrix: correlations of all items.
        first, second: positions of the items of each set.
        apart: items of the first set × items of the second, which pairs count; all by default.

    Raises:
        AnalysisError: the items of a set do not go together on average.
    """
    within = []
    for places in (first, second):
        block = matrix[np.ix_(places, places)]
        within.append(float(block[np.triu_indices(len(places), 1)].mean()))
    if min(within) <= 0:
        raise AnalysisError("the items of a set do not go together")
    between = matrix[np.ix_(first, second)]
    counted = between if apart is None else between[apart]
    return float(counted.mean() / math.sqrt(within[0] * within[1]))
