"""Permutations, cross-tabulations and the p-value that is valid for a sample of permutations."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from mlsec_survey.stats.pairs import FloatArray, IntArray

RESAMPLES = 9_999
SLACK = 1e-9
# Blocks that stay in the cache of a processor.
_CELLS_AT_ONCE = 40_000


def permuted(
    values: FloatArray | IntArray,
    rng: np.random.Generator,
    resamples: int,
    cells: int | None = None,
) -> Iterator[np.ndarray]:
    """Yield blocks of independently shuffled copies, one per row, within a bound of memory."""
    block = max(1, _CELLS_AT_ONCE // (cells or len(values)))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        yield rng.permuted(np.broadcast_to(values, (rows, len(values))), axis=1)


def cross_tabulated(rows: IntArray, columns: IntArray, r: int, c: int) -> FloatArray:
    """Cross-tabulate each row of a B × n array of row codes with n column codes (B × r × c)."""
    cell = np.arange(len(rows))[:, None] * (r * c) + rows * c + columns
    counts = np.bincount(cell.ravel(), minlength=len(rows) * r * c)
    return counts.reshape(len(rows), r, c).astype(float)


def percentile_interval(values: FloatArray, confidence: float) -> tuple[float, float]:
    """Return the percentile interval of resampled values."""
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def monte_carlo_p(drawn: FloatArray, observed: float) -> float:
    """Return (b + 1) / (B + 1), with b of B drawn values at least as large as the observed."""
    slack = SLACK * max(1.0, abs(observed)) if math.isfinite(observed) else 0.0
    return (1 + int((drawn >= observed - slack).sum())) / (1 + len(drawn))
