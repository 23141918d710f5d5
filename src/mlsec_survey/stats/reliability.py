"""How far the items of a rating scale move together."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.bootstrap import bca_interval, resampled_weights
from mlsec_survey.stats.result import TestResult

Floats = NDArray[np.float64]


def cronbach_alpha(items: pd.DataFrame, *, confidence: float = 0.95) -> TestResult:
    """Cronbach's alpha with Feldt's interval; respondents with a missing item are left out.

    >>> items = pd.DataFrame({"a": [1, 2, 3, 4], "b": [2, 2, 4, 4], "c": [1, 3, 3, 5]})
    >>> round(cronbach_alpha(items).estimate, 4)
    0.9333

    Sources: Cronbach (1951, doi:10.1007/BF02310555); Feldt (1965, doi:10.1007/BF02289499).

    Args:
        items: respondents × items, numeric.
        confidence: level of the interval.

    Raises:
        AnalysisError: fewer than two items or two complete respondents.
    """
    complete = items.dropna().astype(float)
    n, k = complete.shape
    if k < 2 or n < 2:
        raise AnalysisError("alpha needs at least two items and two complete respondents")
    total = complete.sum(axis=1).var(ddof=1)
    alpha = k / (k - 1) * (1 - complete.var(ddof=1).sum() / total) if total > 0 else np.nan
    tail = (1 - confidence) / 2
    df_1, df_2 = n - 1, (n - 1) * (k - 1)
    low = 1 - (1 - alpha) * special.fdtri(df_1, df_2, 1 - tail)
    high = 1 - (1 - alpha) * special.fdtri(df_1, df_2, tail)
    return TestResult(
        method="Cronbach's alpha, Feldt's interval",
        effect="Cronbach's alpha",
        estimate=float(alpha),
        low=float(low),
        high=float(high),
        n=n,
        confidence=confidence,
        notes=("respondents with a missing item left out",),
        extra={"items": k},
    )


def pairwise_alpha(items: pd.DataFrame) -> float:
    """Return Cronbach's alpha from covariances of all who answered both items of a pair.

    Uses every respondent who answered two items or more, where `cronbach_alpha` needs all items.
    With complete answers the two are the same. NaN where a pair has fewer than two respondents.

    >>> items = pd.DataFrame({"a": [1, 2, 3, 4], "b": [2, 2, 4, 4], "c": [1, 3, 3, np.nan]})
    >>> round(pairwise_alpha(items), 3)
    0.871

    Args:
        items: respondents × items, numeric.
    """
    covariance = items.astype(float).cov(min_periods=2).to_numpy()
    k, total = len(covariance), covariance.sum()
    if k < 2 or not np.isfinite(total) or total <= 0:
        return math.nan
    return float(k / (k - 1) * (1 - np.trace(covariance) / total))


def alpha_bootstrap(
    items: pd.DataFrame, rng: np.random.Generator, *, resamples: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the bootstrap interval (BCa) of Cronbach's alpha, which assumes no distribution.

    Feldt's interval assumes normal items with equal covariances, which ratings in five steps do
    not have. Neither is exact: for 139 respondents with ratings near the ceiling, 95 % intervals
    covered alpha in 93 % of simulated samples, Feldt's in 92 % (tests/test_reliability.py).

    >>> items = pd.DataFrame({"a": [1, 2, 3, 4] * 5, "b": [2, 2, 4, 4] * 5, "c": [1, 3, 2, 5] * 5})
    >>> low, high = alpha_bootstrap(items, np.random.default_rng(1), resamples=199)
    >>> 0.5 < low < high < 1
    True

    Args:
        items: respondents × items, numeric; respondents with a missing item are left out.
        rng: source of randomness.
        resamples: bootstrap resamples of respondents.
        confidence: level of the interval.

    Returns:
        Both ends; NaN with fewer than three complete respondents, or where alpha has no value when
        one of them is left out, so that there is nothing to correct by.
    """
    ratings = items.dropna().to_numpy(dtype=float)
    n = len(ratings)
    if n < 3:
        return math.nan, math.nan
    columns = np.column_stack([ratings, ratings.sum(axis=1)])
    squares = columns**2
    blocks = resampled_weights(np.ones(n), resamples, rng)
    draws = [_alpha(weights @ squares / n, weights @ columns / n) for weights in blocks]
    # Each respondent left out in turn: all less that one, so that work grows with respondents.
    left_out = _alpha(
        (squares.sum(axis=0) - squares) / (n - 1), (columns.sum(axis=0) - columns) / (n - 1)
    )
    if np.isnan(left_out).any():
        return math.nan, math.nan
    (estimate,) = _alpha(squares.mean(axis=0, keepdims=True), columns.mean(axis=0, keepdims=True))
    return bca_interval(np.concatenate(draws), float(estimate), left_out, confidence)


def _alpha(squares: Floats, means: Floats) -> Floats:
    """Return alpha for each row of mean squares and means; NaN where the sums do not vary.

    Args:
        squares, means: of the items and, last, of their sum.
    """
    k = means.shape[1] - 1
    # Alpha is a ratio of variances, so the divisor of the variances cancels.
    variances = squares - means**2
    total = variances[:, k]
    ratio = np.divide(
        variances[:, :k].sum(axis=1), total, out=np.full(len(total), np.nan), where=total > 1e-12
    )
    return k / (k - 1) * (1 - ratio)


def item_rest_correlations(items: pd.DataFrame) -> pd.Series:
    """Return each item's correlation with the sum of the others, over complete respondents.

    >>> items = pd.DataFrame({"a": [1, 2, 3, 4], "b": [2, 2, 4, 4], "c": [1, 3, 3, 5]})
    >>> item_rest_correlations(items).round(3).tolist()
    [1.0, 0.8, 0.857]
    """
    complete = items.dropna().astype(float)
    total = complete.sum(axis=1)
    return pd.Series(
        {name: complete[name].corr(total - complete[name]) for name in complete.columns}
    )
