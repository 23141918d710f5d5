"""Tables of any size: independence, groups with an ordered outcome."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd
from scipy import special, stats

from mlsec_survey.stats.association.resampling import (
    RESAMPLES,
    SLACK,
    cross_tabulated,
    monte_carlo_p,
    percentile_interval,
    permuted,
)
from mlsec_survey.stats.design import noncentral_interval
from mlsec_survey.stats.pairs import (
    FloatArray,
    IntArray,
    as_groups,
    as_scores,
    check_confidence,
    complete_pairs,
)
from mlsec_survey.stats.result import TestResult
from mlsec_survey.stats.tables import corrected_cramers_v

_MOST_TABLES = 50_000
# Cochran's (1954) least expected count, here for the noncentral interval of Cramér's V.
LEAST_EXPECTED = 1.0


def contingency_permutation(
    outcome: pd.Series,
    predictor: pd.Series,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
    ordering: Literal["chi_square", "probability"] = "chi_square",
    interval: Literal["noncentral", "bootstrap"] = "noncentral",
) -> TestResult:
    """Test two categorical variables for association, exactly or by Monte Carlo permutation.

    Full enumeration of the tables with the observed margins when there are at most 50,000;
    otherwise `resamples` random permutations. The estimate is Cramér's V with the bias correction
    of Bergsma (2013, J. Korean Stat. Soc. 42:323); the interval inverts the noncentral
    chi-square (Smithson 2003) or is a percentile bootstrap over respondents.

    Where an expected count is below 1 the noncentral interval covers too rarely (down to 69 % of
    samples of 139 with 2 % of one outcome in 8 uneven groups), and so does the bootstrap in tables
    that are less sparse. There the interval is all that Cramér's V can be, 0 to 1. The p-value is
    exact either way. scripts/check_error_rates.py has the simulation.

    Args:
        outcome: any categories.
        predictor: any categories.
        confidence: level of the interval.
        rng: needed when the tables are too many to enumerate, and for the bootstrap.
        resamples: number of permutations, and of bootstrap samples; 0 leaves the p-value out.
        ordering: what makes a table extreme: its chi-square, or its probability
            (Fisher–Freeman–Halton).
        interval: how to make the interval.

    Raises:
        AnalysisError: a variable is constant.
        ValueError: `rng` is needed and None.
    """
    check_confidence(confidence)
    left, right = complete_pairs(outcome, predictor)
    (rows, row_labels), (columns, column_labels) = as_groups(left), as_groups(right)
    table = cross_tabulated(rows[None, :], columns, len(row_labels), len(column_labels))[0]
    n = len(rows)
    expected = np.outer(table.sum(1), table.sum(0)) / n
    chi_square = float(((table - expected) ** 2 / expected).sum())

    def extremeness(tables: FloatArray) -> FloatArray:
        if ordering == "probability":
            return special.gammaln(tables + 1).sum(axis=(1, 2))
        return ((tables - expected) ** 2 / expected).sum(axis=(1, 2))

    p = math.nan
    notes: tuple[str, ...] = ()
    if resamples:
        p, notes = _independence_p(rows, columns, table, extremeness, rng, resamples)
    if ordering == "probability":
        notes += ("tables ordered by probability (Fisher–Freeman–Halton)",)
    if interval == "noncentral":
        if expected.min() < LEAST_EXPECTED:
            low, high = 0.0, 1.0
            notes += (
                f"no interval: the smallest expected count, {expected.min():.1g}, is below "
                f"{LEAST_EXPECTED:g}, where the usual one covers too rarely; 0 to 1 stands for it",
            )
        else:
            low, high = noncentral_interval(chi_square, degrees_of_freedom(table), confidence)
            scale = n * (min(table.shape) - 1)
            low, high = (min(1.0, math.sqrt(value / scale)) for value in (low, high))
            notes += ("interval by inverting the noncentral chi-square",)
    else:
        if rng is None:
            raise ValueError("the bootstrap needs a generator")
        resampled = rng.multinomial(n, (table / n).ravel(), size=resamples)
        values = _corrected_v(resampled.reshape(resamples, *table.shape).astype(float))
        low, high = percentile_interval(values, confidence)
        notes += (f"percentile bootstrap interval from {resamples} samples",)
    if (expected < 5).any():
        notes += (f"{int((expected < 5).sum())} of {table.size} expected counts are below 5",)
    return TestResult(
        method="permutation test of a contingency table",
        effect="Cramér's V",
        estimate=float(_corrected_v(table[None])[0]),
        low=low,
        high=high,
        n=n,
        statistic=chi_square,
        p=p,
        confidence=confidence,
        notes=notes,
        extra={
            "df": float(degrees_of_freedom(table)),
            "smallest_expected": float(expected.min()),
            "smaller_side": float(min(table.shape)),
            "cramers_v_uncorrected": math.sqrt(chi_square / (n * (min(table.shape) - 1))),
            "asymptotic_p": float(stats.chi2.sf(chi_square, degrees_of_freedom(table))),
        },
    )


def _independence_p(
    rows: IntArray,
    columns: IntArray,
    table: FloatArray,
    extremeness: Callable[[FloatArray], FloatArray],
    rng: np.random.Generator | None,
    resamples: int,
) -> tuple[float, tuple[str, ...]]:
    observed = float(extremeness(table[None])[0])
    enumerated = tables_with_margins(table)
    if enumerated is not None:
        log_probability = -special.gammaln(enumerated + 1).sum(axis=(1, 2))
        weights = np.exp(log_probability - log_probability.max())
        extreme = extremeness(enumerated) >= observed - SLACK * max(1.0, abs(observed))
        p = min(1.0, float(weights[extreme].sum() / weights.sum()))
        return p, (f"exact p-value over {len(enumerated)} tables",)
    if rng is None:
        raise ValueError("the tables are too many to enumerate: a generator is needed")
    drawn = np.concatenate(
        [
            extremeness(cross_tabulated(block, columns, *table.shape))
            for block in permuted(rows, rng, resamples, cells=max(len(rows), table.size))
        ]
    )
    return monte_carlo_p(drawn, observed), (f"Monte Carlo p-value from {resamples} permutations",)


def _corrected_v(tables: FloatArray) -> FloatArray:
    """Return the bias-corrected V of each table, 0 where a table has but one row or column."""
    return np.nan_to_num(corrected_cramers_v(tables))


def kruskal_permutation(
    outcome: pd.Series,
    predictor: pd.Series,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
) -> TestResult:
    """Test an ordered outcome for differences between groups: Kruskal–Wallis by permutation.

    H is corrected for ties. The estimate is eta squared of the ranks, (H - k + 1) / (n - k),
    not below 0 (Cohen 2008, as rstatix computes it); its interval inverts the noncentral
    chi-square and is approximate. `extra` holds rank epsilon squared, H / (n - 1) (Tomczak &
    Tomczak 2014), and the chi-square p-value.

    Args:
        outcome: ordered categories or numbers.
        predictor: any groups.
        confidence: level of the interval.
        rng: for the permutations; None gives the chi-square p-value.
        resamples: number of permutations.

    Raises:
        AnalysisError: a variable is constant, or the outcome has no order.
    """
    check_confidence(confidence)
    left, right = complete_pairs(outcome, predictor)
    ranks = stats.rankdata(as_scores(left))
    groups, labels = as_groups(right)
    n, k = len(ranks), len(labels)
    member = np.eye(k)[groups]
    sizes = member.sum(0)
    centred = ranks - ranks.mean()
    scale = (n - 1) / float((centred**2).sum())
    h = scale * float(((centred @ member) ** 2 / sizes).sum())
    chi_p = float(stats.chi2.sf(h, k - 1))
    if rng is None:
        p = chi_p
        notes: tuple[str, ...] = ("chi-square approximation",)
    else:
        drawn = np.concatenate(
            [
                scale * ((block @ member) ** 2 / sizes).sum(1)
                for block in permuted(centred, rng, resamples)
            ]
        )
        p = monte_carlo_p(drawn, h)
        notes = (f"Monte Carlo p-value from {resamples} permutations",)
    low, high = noncentral_interval(h, k - 1, confidence)
    eta = max(0.0, (h - k + 1) / (n - k)) if n > k else math.nan
    return TestResult(
        method="Kruskal–Wallis test",
        effect="eta squared of the ranks",
        estimate=eta,
        low=min(1.0, low / (n - 1)),
        high=max(eta, min(1.0, high / (n - 1))),
        n=n,
        statistic=h,
        p=p,
        confidence=confidence,
        notes=(*notes, "interval by inverting the noncentral chi-square, approximate"),
        extra={"df": float(k - 1), "epsilon_squared": h / (n - 1), "asymptotic_p": chi_p},
    )


def tables_with_margins(table: FloatArray) -> FloatArray | None:
    """List all tables with the margins of this one, or None when there are too many."""
    if table.shape[0] == 2 < table.shape[1]:
        # With two columns one split is all that there is to choose.
        turned = tables_with_margins(table.T)
        return None if turned is None else turned.swapaxes(1, 2)
    rows = table.sum(1).astype(np.int64)
    columns = table.sum(0).astype(np.int64)
    if len(columns) == 2 and _number_of_splits(int(columns[0]), rows) > _MOST_TABLES:
        return None
    # Each state is a list of columns filled so far and what is left of the row margins.
    filled = np.zeros((1, len(rows), 0), dtype=np.int64)
    left = rows[None, :]
    for column in columns[:-1]:
        if len(filled) * _number_of_splits(int(column), rows) > 20 * _MOST_TABLES:
            return None
        choices = _splits(int(column), rows)
        remainder = left[:, None, :] - choices[None, :, :]
        fits = (remainder >= 0).all(2)
        at, choice = np.nonzero(fits)
        filled = np.concatenate([filled[at], choices[choice][:, :, None]], axis=2)
        left = remainder[at, choice]
        if len(filled) > _MOST_TABLES:
            return None
    return np.concatenate([filled, left[:, :, None]], axis=2).astype(float)


def _number_of_splits(total: int, most: IntArray) -> float:
    """Count what `_splits` lists, by the product of the rows' generating functions."""
    ways = np.ones(1)
    for bound in most:
        ways = np.convolve(ways, np.ones(bound + 1))[: total + 1]
    return float(ways[total])


def _splits(total: int, most: IntArray) -> IntArray:
    """List the ways to split a column total over rows with at most `most` in each."""
    parts = np.zeros((1, 0), dtype=np.int64)
    rest = np.array([total])
    for row, bound in enumerate(most.tolist()):
        # What is left has to fit into the rows below.
        left = rest[:, None] - np.arange(min(total, bound) + 1)
        at, taken = np.nonzero((left >= 0) & (left <= most[row + 1 :].sum()))
        parts = np.concatenate([parts[at], taken[:, None]], axis=1)
        rest = left[at, taken]
    return parts


def degrees_of_freedom(table: FloatArray) -> int:
    """Return those of independence in a table."""
    return (table.shape[0] - 1) * (table.shape[1] - 1)
