"""Shares with intervals: one sample, two samples, several categories, and none observed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]


def wilson(count: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return Wilson's score interval; NaN where n is 0.

    Wilson (1927, doi:10.1080/01621459.1927.10502953).
    """
    x, m = _checked(count, n)
    z = special.ndtri(0.5 + confidence / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = (x + z**2 / 2) / (m + z**2)
        half = z / (m + z**2) * np.sqrt(x * (m - x) / m + z**2 / 4)
    low, high = np.maximum(centre - half, 0), np.minimum(centre + half, 1)
    # At the ends the exact bound is the end itself; rounding must not move it.
    return np.where(x == 0, np.where(m > 0, 0.0, np.nan), low), np.where(
        (x == m) & (m > 0), 1.0, high
    )


def clopper_pearson(
    count: ArrayLike, n: ArrayLike, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Return the exact interval of Clopper and Pearson (1934, doi:10.1093/biomet/26.4.404)."""
    x, m = _checked(count, n)
    tail = (1 - confidence) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(x > 0, special.betaincinv(x, m - x + 1, tail), 0.0)
        high = np.where(x < m, special.betainccinv(x + 1, m - x, tail), 1.0)
    return np.where(m > 0, low, np.nan), np.where(m > 0, high, np.nan)


def none_observed_bound(n: int, confidence: float = 0.95) -> float:
    """Return the largest share that is compatible with no case among n: about 3/n at 95 %.

    Hanley and Lippman-Hand (1983, doi:10.1001/jama.1983.03330370053031), in its exact form.
    """
    if n <= 0:
        return float("nan")
    return float(1 - (1 - confidence) ** (1 / n))


def newcombe_difference(
    count_1: int, n_1: int, count_2: int, n_2: int, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Return the difference of two independent shares (first less second) with its interval.

    The two Wilson intervals combined: Newcombe (1998), method 10,
    doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.
    """
    p_1, p_2 = count_1 / n_1, count_2 / n_2
    (low_1,), (high_1,) = wilson([count_1], [n_1], confidence)
    (low_2,), (high_2,) = wilson([count_2], [n_2], confidence)
    difference = p_1 - p_2
    low = difference - np.hypot(p_1 - low_1, high_2 - p_2)
    high = difference + np.hypot(high_1 - p_1, p_2 - low_2)
    return difference, float(low), float(high)


def proportion_table(
    counts: pd.Series, n: pd.Series | int, *, method: str = "wilson", confidence: float = 0.95
) -> pd.DataFrame:
    """Return shares with intervals, indexed as `counts`: count, n, estimate, low, high, method.

    Raises:
        ValueError: the method is neither "wilson" nor "clopper_pearson".
    """
    functions = {"wilson": wilson, "clopper_pearson": clopper_pearson}
    if method not in functions:
        raise ValueError(f"{method!r} is no method; use one of {', '.join(functions)}")
    x = counts.to_numpy(dtype=float)
    m = np.broadcast_to(np.asarray(n, dtype=float), x.shape)
    low, high = functions[method](x, m, confidence)
    with np.errstate(invalid="ignore"):
        estimate = x / m
    return pd.DataFrame(
        {
            "count": x.astype(int),
            "n": m.astype(int),
            "estimate": estimate,
            "low": low,
            "high": high,
            "method": method,
        },
        index=counts.index,
    )


def _checked(count: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    x, m = np.broadcast_arrays(np.asarray(count, dtype=float), np.asarray(n, dtype=float))
    if np.any(x < 0) or np.any(x > m):
        raise ValueError("a count is negative or larger than its n")
    return x, m
