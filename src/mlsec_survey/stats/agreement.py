"""Agreement of coders: percentages, Cohen's kappa, Krippendorff's alpha for one code or for sets.

Intervals resample respondents, not answers: what one person wrote about several things is coded
with the same eyes and resembles itself. All statistics are computed from sums over respondents, so
that a resample costs one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mlsec_survey.stats.bootstrap import percentile_interval, resampled_weights
from mlsec_survey.stats.result import TestResult

Floats = NDArray[np.float64]


def nominal_distance(first: Hashable, second: Hashable) -> float:
    """Return 0 for the same value and 1 for any other.

    >>> nominal_distance("a", "a"), nominal_distance("a", "b")
    (0.0, 1.0)
    """
    return float(first != second)


def jaccard_distance(first: frozenset[str], second: frozenset[str]) -> float:
    """Return 1 less the share of common elements among all; two empty sets are the same.

    >>> jaccard_distance(frozenset("ab"), frozenset("bc"))
    0.6666666666666667
    """
    union = len(first | second)
    return 1.0 - len(first & second) / union if union else 0.0


def masi_distance(first: frozenset[str], second: frozenset[str]) -> float:
    """Return MASI, the measuring agreement on set-valued items, as a distance: 1 − J·M.

    J is the Jaccard index; M is 1 for the same sets, 2/3 if one contains the other, 1/3 if they
    overlap otherwise and 0 if they have nothing in common. Two empty sets are the same; an empty
    set and another one have nothing in common.

    >>> round(masi_distance(frozenset("ab"), frozenset("b")), 4)
    0.6667

    Source: Passonneau (2006), Measuring Agreement on Set-valued Items (MASI) for Semantic and
    Pragmatic Annotation, LREC 2006.
    """
    if first == second:
        return 0.0
    if not first & second:
        return 1.0
    monotonicity = 2 / 3 if first <= second or second <= first else 1 / 3
    return 1.0 - monotonicity * (1.0 - jaccard_distance(first, second))


def value_counts(
    ratings: Sequence[Sequence[Hashable | None]],
) -> tuple[list[Hashable], NDArray[np.int64]]:
    """Return the distinct values and how many coders gave each to each unit (units × values).

    >>> values, counts = value_counts([["a", "b", None], ["a", "a", "b"]])
    >>> values, counts.tolist()
    (['a', 'b'], [[2, 0], [1, 1], [0, 1]])

    Args:
        ratings: one sequence per coder of the same length; None where a coder gave none.
    """
    values = list(dict.fromkeys(v for coder in ratings for v in coder if v is not None))
    place = {value: position for position, value in enumerate(values)}
    counts = np.zeros((len(ratings[0]), len(values)), dtype=np.int64)
    for coder in ratings:
        for unit, value in enumerate(coder):
            if value is not None:
                counts[unit, place[value]] += 1
    return values, counts


def distance_matrix(values: Sequence[Hashable], distance: Callable[..., float]) -> Floats:
    """Return the distances of all pairs of values; a distance is the same both ways.

    >>> distance_matrix(["a", "b"], nominal_distance).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    matrix = np.zeros((len(values), len(values)))
    for (i, a), (j, b) in combinations(enumerate(values), 2):
        matrix[i, j] = matrix[j, i] = distance(a, b)
    return matrix


def krippendorff_alpha(counts: ArrayLike, distances: ArrayLike) -> float:
    """Return Krippendorff's alpha for any number of coders, missing ratings and any distance.

    NaN if no unit has two ratings or all ratings are equal: agreement beyond chance then has no
    meaning.

    >>> counts = [[2, 0], [2, 0], [0, 2], [1, 1]]  # units × values, two coders
    >>> round(krippendorff_alpha(counts, [[0, 1], [1, 0]]), 3)
    0.533

    Args:
        counts: units × values, how many coders gave the value.
        distances: values × values; what the literature calls the squared difference.

    Source: Krippendorff (2011), Computing Krippendorff's Alpha-Reliability.
    """
    everybody = np.zeros(len(np.asarray(counts)), dtype=np.int64)
    return float(resampled_alpha(counts, distances, everybody, [[1]])[0])


def resampled_alpha(
    counts: ArrayLike, distances: ArrayLike, clusters: ArrayLike, weights: ArrayLike
) -> Floats:
    """Return Krippendorff's alpha for each row of weights, where clusters of units are weighted.

    >>> counts, weights = [[2, 0], [0, 2], [1, 1]], [[1, 1, 1], [2, 1, 0]]
    >>> resampled_alpha(counts, [[0, 1], [1, 0]], [0, 1, 2], weights).round(3).tolist()
    [0.444, 1.0]

    Args:
        counts: units × values as in `krippendorff_alpha`.
        distances: values × values.
        clusters: position of each unit's cluster, from 0.
        weights: resamples × clusters, how often each is drawn.
    """
    drawn = np.asarray(weights, dtype=float)
    return _alpha_of(*_disagreement(counts, distances, clusters, drawn.shape[1]), drawn)


def _disagreement(
    counts: ArrayLike, distances: ArrayLike, clusters: ArrayLike, size: int
) -> tuple[Floats, Floats, Floats]:
    """Return what alpha needs of the units, whatever their weights.

    Returns:
        Disagreement within units by cluster, ratings by cluster and value, and the distances.
    """
    table, delta = np.asarray(counts, dtype=float), np.asarray(distances, dtype=float)
    ratings = table.sum(axis=1)
    pairable = ratings >= 2
    table, ratings = table[pairable], ratings[pairable]
    place = np.asarray(clusters)[pairable]
    within = ((table @ delta) * table).sum(axis=1) / (ratings - 1)
    per_cluster = np.zeros((size, table.shape[1]))
    np.add.at(per_cluster, place, table)
    return np.bincount(place, within, size).astype(float), per_cluster, delta


def _alpha_of(disagreement: Floats, per_cluster: Floats, delta: Floats, drawn: Floats) -> Floats:
    margins = drawn @ per_cluster
    n = margins.sum(axis=1)
    expected = ((margins @ delta) * margins).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        alpha = 1 - (n - 1) * (drawn @ disagreement) / expected
    return np.where(expected > 0, alpha, np.nan)


def cohen_kappa(cells: ArrayLike) -> Floats:
    """Return Cohen's kappa of tables of two coders; NaN where chance alone agrees fully.

    >>> round(float(cohen_kappa([[20, 5], [10, 15]])), 4)
    0.4

    Args:
        cells: (..., k, k) counts, first coder in rows.

    Source: Cohen (1960, doi:10.1177/001316446002000104).
    """
    observed, expected = _agreement(np.asarray(cells, dtype=float))
    return _beyond_chance(observed, expected)


def pooled_kappa(cells: ArrayLike) -> Floats:
    """Return one kappa for several codes, from agreement observed and expected averaged over codes.

    Unlike a mean of kappas it is not thrown about by codes that hardly occur.

    >>> pooled_kappa([[[40, 5], [5, 50]], [[90, 2], [3, 5]]]).round(3).tolist()
    0.763

    Args:
        cells: (..., codes, 2, 2) counts.

    Source: De Vries, Elliott, Kanouse and Teleki (2008, doi:10.1177/1525822X08317166).
    """
    observed, expected = _agreement(np.asarray(cells, dtype=float))
    return _beyond_chance(observed.mean(axis=-1), expected.mean(axis=-1))


def _agreement(cells: Floats) -> tuple[Floats, Floats]:
    n = cells.sum(axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = np.trace(cells, axis1=-2, axis2=-1) / n
        expected = (cells.sum(axis=-1) * cells.sum(axis=-2)).sum(axis=-1) / n**2
    return observed, expected


def _beyond_chance(observed: Floats, expected: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        kappa = (observed - expected) / (1 - expected)
    return np.where(expected < 1, kappa, np.nan)


def code_agreement(
    first: pd.DataFrame,
    second: pd.DataFrame,
    respondents: ArrayLike,
    *,
    resamples: int,
    rng: np.random.Generator,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return for each code how far two coders agree on whether it applies.

    >>> first = pd.DataFrame({"safety": [True, True, False, False, False, True]})
    >>> second = pd.DataFrame({"safety": [True, False, False, False, False, True]})
    >>> rng = np.random.default_rng(1)
    >>> found = code_agreement(first, second, [1, 1, 2, 2, 3, 3], resamples=99, rng=rng)
    >>> found[["units", "agreement", "kappa"]].round(3).to_numpy().tolist()
    [[6.0, 0.833, 0.667]]

    Args:
        first, second: units × codes, true where the coder gave the code.
        respondents: whose answer each unit is.
        resamples: bootstrap resamples of respondents.
        rng: source of randomness.
        confidence: level of the percentile intervals.

    Returns:
        Indexed by code: units, first, second and both (units with the code), agreement (share of
        units on which they agree), kappa, kappa_low, kappa_high, alpha, alpha_low, alpha_high
        (Krippendorff's, nominal) and undefined (share of resamples in which neither coder gave the
        code to anyone; they are left out of the intervals). Kappa and alpha are NaN for a code that
        nobody gave.
    """
    cells = _cells(first, second, respondents)
    total = cells.sum(axis=0)
    tables = np.concatenate(
        [_tensor(w, cells) for w in resampled_weights(np.ones(len(cells)), resamples, rng)]
    )
    kappas = cohen_kappa(tables)
    kappa_low, kappa_high = _interval(kappas, confidence)
    alpha_low, alpha_high = _interval(_binary_alpha(tables), confidence)
    observed, _ = _agreement(total)
    return pd.DataFrame(
        {
            "units": len(first),
            "first": first.sum(),
            "second": second.sum(),
            "both": (first & second).sum(),
            "agreement": observed,
            "kappa": cohen_kappa(total),
            "kappa_low": kappa_low,
            "kappa_high": kappa_high,
            "alpha": _binary_alpha(total),
            "alpha_low": alpha_low,
            "alpha_high": alpha_high,
            "undefined": np.isnan(kappas).mean(axis=0),
        },
        index=first.columns,
    )


def set_agreement(
    first: Sequence[frozenset[str]],
    second: Sequence[frozenset[str]],
    codes: Sequence[str],
    respondents: ArrayLike,
    *,
    resamples: int,
    rng: np.random.Generator,
    confidence: float = 0.95,
) -> dict[str, TestResult]:
    """Return how far two coders agree on the whole set of codes of each unit.

    >>> first = [frozenset("a"), frozenset("ab"), frozenset("b")]
    >>> second = [frozenset("a"), frozenset("a"), frozenset("b")]
    >>> rng = np.random.default_rng(1)
    >>> found = set_agreement(first, second, ["a", "b"], [1, 2, 3], resamples=99, rng=rng)
    >>> round(found["exact"].estimate, 3), round(found["alpha_masi"].estimate, 3)
    (0.667, 0.643)

    Args:
        first, second: set of codes that each coder gave each unit.
        codes: all codes that could be given.
        respondents: whose answer each unit is.
        resamples: bootstrap resamples of respondents.
        rng: source of randomness.
        confidence: level of the percentile intervals.

    Returns:
        By name: `exact` (share of units with the same set), `alpha_nominal`, `alpha_jaccard`,
        `alpha_masi` (Krippendorff's alpha with that distance) and `kappa_pooled` (over codes). `n`
        counts respondents; `extra["units"]` the answers.
    """
    values, counts = value_counts([list(first), list(second)])
    clusters, people = pd.factorize(np.asarray(respondents))
    same = np.array([a == b for a, b in zip(first, second, strict=True)], dtype=float)
    both = [pd.DataFrame({c: [c in s for s in side] for c in codes}) for side in (first, second)]
    cells = _cells(both[0], both[1], respondents)
    agreed = np.bincount(clusters, same, len(people))
    answered = np.bincount(clusters, minlength=len(people)).astype(float)
    distances = {
        name: distance_matrix(values, distance)
        for name, distance in (
            ("alpha_nominal", nominal_distance),
            ("alpha_jaccard", jaccard_distance),
            ("alpha_masi", masi_distance),
        )
    }
    # Once for all resamples, since there are the more blocks of them the more respondents.
    parts = {
        name: _disagreement(counts, delta, clusters, len(people))
        for name, delta in distances.items()
    }
    draws: dict[str, list[Floats]] = {name: [] for name in ("exact", *distances, "kappa_pooled")}
    for weights in resampled_weights(np.ones(len(people)), resamples, rng):
        draws["exact"].append((weights @ agreed) / (weights @ answered))
        for name, part in parts.items():
            draws[name].append(_alpha_of(*part, weights.astype(float)))
        draws["kappa_pooled"].append(pooled_kappa(_tensor(weights, cells)))
    estimates = {
        "exact": float(same.mean()) if len(same) else float("nan"),
        **{name: krippendorff_alpha(counts, delta) for name, delta in distances.items()},
        "kappa_pooled": float(pooled_kappa(cells.sum(axis=0))),
    }
    effects = {
        "exact": ("exact agreement of code sets", "share of answers"),
        "alpha_nominal": ("Krippendorff's alpha, code sets as nominal values", "alpha"),
        "alpha_jaccard": ("Krippendorff's alpha, Jaccard distance", "alpha"),
        "alpha_masi": ("Krippendorff's alpha, MASI distance", "alpha"),
        "kappa_pooled": ("Cohen's kappa pooled over codes", "kappa"),
    }
    results = {}
    for name, (method, effect) in effects.items():
        drawn = np.concatenate(draws[name])
        low, high = _interval(drawn, confidence)
        results[name] = TestResult(
            method=method,
            effect=effect,
            estimate=estimates[name],
            low=float(low),
            high=float(high),
            n=len(people),
            confidence=confidence,
            notes=("percentile bootstrap over respondents",),
            extra={"units": float(len(first)), "undefined": float(np.isnan(drawn).mean())},
        )
    return results


def _cells(first: pd.DataFrame, second: pd.DataFrame, respondents: ArrayLike) -> Floats:
    """Return per respondent and code the 2 × 2 table of the two coders, given first."""
    a, b = first.to_numpy(dtype=bool), second.to_numpy(dtype=bool)
    clusters, people = pd.factorize(np.asarray(respondents))
    cells = np.zeros((len(people), a.shape[1], 2, 2))
    for i, row in enumerate((a, ~a)):
        for j, column in enumerate((b, ~b)):
            np.add.at(cells[:, :, i, j], clusters, (row & column).astype(float))
    return cells


def _tensor(weights: ArrayLike, cells: Floats) -> Floats:
    drawn = np.asarray(weights, dtype=float) @ cells.reshape(len(cells), -1)
    return drawn.reshape(-1, *cells.shape[1:])


def _binary_alpha(cells: Floats) -> Floats:
    """Return nominal alpha of 2 × 2 tables (..., 2, 2) of two coders without missing ratings."""
    n = 2 * cells.sum(axis=(-2, -1))
    given = cells[..., 0, :].sum(axis=-1) + cells[..., :, 0].sum(axis=-1)
    differ = 2 * (cells[..., 0, 1] + cells[..., 1, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        alpha = 1 - (n - 1) * differ / (2 * given * (n - given))
    return np.where((given > 0) & (given < n), alpha, np.nan)


def _interval(draws: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Return the percentile interval of each column; NaN where no draw is defined."""
    defined = ~np.isnan(draws).all(axis=0)
    filled = np.where(defined, draws, 0.0)
    low, high = percentile_interval(filled, confidence)
    return np.where(defined, low, np.nan), np.where(defined, high, np.nan)
