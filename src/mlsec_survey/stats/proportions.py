"""Shares with intervals: of one sample, of several categories, and where none is observed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from statsmodels.stats.proportion import proportion_confint

Floats = NDArray[np.float64]


def wilson(count: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return Wilson's score interval; NaN where n is 0.

    >>> low, high = wilson(3, 139)
    >>> round(float(low), 4), round(float(high), 4)
    (0.0074, 0.0615)

    Wilson (1927, doi:10.1080/01621459.1927.10502953); by statsmodels.
    """
    return _interval(count, n, confidence, "wilson")


def clopper_pearson(
    count: ArrayLike, n: ArrayLike, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Return the exact interval of Clopper and Pearson (1934, doi:10.1093/biomet/26.4.404).

    >>> low, high = clopper_pearson(3, 139)
    >>> round(float(low), 4), round(float(high), 4)
    (0.0045, 0.0618)
    """
    return _interval(count, n, confidence, "beta")


def _interval(
    count: ArrayLike, n: ArrayLike, confidence: float, method: str
) -> tuple[Floats, Floats]:
    both = np.broadcast_arrays(np.asarray(count, dtype=float), np.asarray(n, dtype=float))
    x, m = (values.copy() for values in both)
    if np.any(x < 0) or np.any(x > m):
        raise ValueError("a count is negative or larger than its n")
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = proportion_confint(x, m, alpha=1 - confidence, method=method)
    # At the ends the bound is the end itself; rounding must not move it.
    low, high = np.where(x == 0, 0.0, low), np.where(x == m, 1.0, high)
    return np.where(m > 0, low, np.nan), np.where(m > 0, high, np.nan)


def none_observed_bound(n: int, confidence: float = 0.95) -> float:
    """Return the largest share that is compatible with no case among n: about 3/n at 95 %.

    >>> round(none_observed_bound(139), 4)
    0.0213

    Hanley and Lippman-Hand (1983, doi:10.1001/jama.1983.03330370053031), in its exact form.
    """
    if n <= 0:
        return float("nan")
    return float(1 - (1 - confidence) ** (1 / n))
