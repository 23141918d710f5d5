"""Resampling respondents: counts of how often each is drawn, and intervals from the draws."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]
# Cells of a block of resampled weights, to stay in the cache; no matter for the result.
_BLOCK = 50_000
# Resamples in a block, however many respondents: what sums over them reads its table once a block.
_AT_LEAST = 8
# Respondents per pattern up to which drawing them one by one is faster than drawing counts.
_FEW_ALIKE = 8


def resampled_weights(
    weights: ArrayLike, resamples: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Yield blocks of how often each pattern is drawn, shape (resamples in the block, patterns).

    >>> blocks = resampled_weights([30, 10], 5, np.random.default_rng(1))
    >>> sum(block.sum(axis=1).tolist() == [40] * len(block) for block in blocks)
    1

    Args:
        weights: respondents per distinct pattern of answers. Resampling respondents is drawing
            these counts from a multinomial distribution, whatever the number of respondents.
        resamples: in all.
        rng: source of randomness.
    """
    counts = np.asarray(weights, dtype=np.int64)
    total, patterns = int(counts.sum()), len(counts)
    one_by_one = total <= _FEW_ALIKE * patterns
    respondents = np.repeat(np.arange(patterns), counts)
    block = max(_AT_LEAST, _BLOCK // max(patterns, total if one_by_one else 1))
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        if one_by_one:
            drawn = respondents[rng.integers(total, size=(size, total))]
            drawn += patterns * np.arange(size)[:, None]
            yield np.bincount(drawn.ravel(), minlength=size * patterns).reshape(size, patterns)
        else:
            yield rng.multinomial(total, counts / total, size=size)


def percentile_interval(draws: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return the percentile interval along the first axis; draws that are NaN are left out.

    NaN where all draws are.

    >>> low, high = percentile_interval(np.arange(101.0), 0.9)
    >>> round(float(low), 6), round(float(high), 6)
    (5.0, 95.0)
    """
    tail = (1 - confidence) / 2
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
        low, high = np.nanquantile(np.asarray(draws, dtype=float), [tail, 1 - tail], axis=0)
    return low, high


def bca_interval(
    draws: ArrayLike, estimate: float, jackknife: ArrayLike, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the bias-corrected and accelerated interval (Efron 1987, doi:10.2307/2289144).

    >>> sample = np.arange(1.0, 21.0)
    >>> rng = np.random.default_rng(1)
    >>> draws = rng.choice(sample, (2000, 20)).mean(axis=1)
    >>> left_out = (sample.sum() - sample) / 19
    >>> low, high = bca_interval(draws, 10.5, left_out)
    >>> 7 < low < 10.5 < high < 14
    True

    Args:
        draws: resampled values of the statistic.
        estimate: its value in the sample.
        jackknife: its values with each respondent left out in turn.
        confidence: level.
    """
    values = np.asarray(draws, dtype=float)
    values = values[np.isfinite(values)]
    below = ((values < estimate).sum() + 0.5 * (values == estimate).sum()) / len(values)
    if not 0 < below < 1:
        low, high = percentile_interval(values, confidence)
        return float(low), float(high)
    shift = special.ndtri(below)
    left_out = np.asarray(jackknife, dtype=float)
    deviation = left_out.mean() - left_out
    cubed = (deviation**2).sum() ** 1.5
    acceleration = 0.0 if cubed == 0 else float((deviation**3).sum() / (6 * cubed))
    z = special.ndtri([(1 - confidence) / 2, (1 + confidence) / 2])
    adjusted = special.ndtr(shift + (shift + z) / (1 - acceleration * (shift + z)))
    low, high = np.quantile(values, adjusted)
    return float(low), float(high)


def bootstrap_proportions(
    answers: pd.DataFrame, resamples: int, rng: np.random.Generator, confidence: float = 0.95
) -> pd.DataFrame:
    """Return shares of ones with bootstrap intervals for a table of 0/1 answers.

    Each share is resampled from its own binomial distribution, which is what resampling respondents
    gives for one share at a time. NaN is left out; n is given.

    >>> answers = pd.DataFrame({"met": [1.0] * 10 + [0.0] * 30})
    >>> found = bootstrap_proportions(answers, 999, np.random.default_rng(1))
    >>> found[["n", "estimate"]].to_numpy().tolist()
    [[40.0, 0.25]]

    Args:
        answers: respondents × items of 0, 1 or NaN.
        resamples: bootstrap resamples.
        rng: source of randomness.
        confidence: level of the percentile interval.
    """
    count, n = answers.sum().to_numpy(dtype=float), answers.count().to_numpy()
    share = np.divide(count, n, out=np.full(len(n), np.nan), where=n > 0)
    draws = rng.binomial(n, np.nan_to_num(share), size=(resamples, len(n))) / np.maximum(n, 1)
    low, high = percentile_interval(draws, confidence)
    return pd.DataFrame(
        {"count": count.astype(int), "n": n, "estimate": share, "low": low, "high": high},
        index=answers.columns,
    )
