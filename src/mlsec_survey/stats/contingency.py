"""Codes that several can apply at once, counted by group: expectation, deviation, co-occurrence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mlsec_survey.stats.bootstrap import percentile_interval, resampled_weights
from mlsec_survey.stats.multiplicity import step_down_max_t

Floats = NDArray[np.float64]
# Blocks that stay in the cache of a processor.
_CELLS_AT_ONCE = 40_000


def counts_by_group(
    indicators: pd.DataFrame, groups: ArrayLike, order: Sequence[str]
) -> tuple[pd.DataFrame, pd.Series]:
    """Return units with each code by group (codes × groups), and all units of each group.

    >>> codes = pd.DataFrame({"safety": [True, False, True]})
    >>> counts, n = counts_by_group(codes, ["first", "first", "second"], ["first", "second"])
    >>> counts.to_numpy().tolist(), n.tolist()
    ([[1, 1]], [2, 1])

    Args:
        indicators: units × codes, true where the code applies; several can.
        groups: group of each unit.
        order: the groups, in order; a group without units stays, with 0.
    """
    labels = pd.Series(np.asarray(groups), index=indicators.index)
    index = list(order)
    n = labels.value_counts().reindex(index, fill_value=0)
    counts = indicators.astype(int).groupby(labels).sum().reindex(index, fill_value=0).T
    return counts, n


def within_cluster_test(
    indicators: pd.DataFrame,
    groups: ArrayLike,
    clusters: ArrayLike,
    order: Sequence[str],
    *,
    resamples: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Test whether codes go with groups by exchanging each cluster's units between its groups.

    One respondent writes about several groups and tends to name the same codes, so units are not
    independent. Exchanging the groups among one respondent's answers keeps who wrote about which
    groups and what they wrote; only which answer stands with which group is left to chance.
    The largest standardised deviation over all cells bounds the familywise error (step-down maxima,
    Westfall and Young 1993).

    >>> codes, order = pd.DataFrame({"safety": [True, False] * 12}), ["first", "second"]
    >>> people, rng = np.repeat(range(12), 2), np.random.default_rng(1)
    >>> found = within_cluster_test(codes, order * 12, people, order, resamples=999, rng=rng)
    >>> found[["count", "expected", "p_adjusted"]].round(3).to_numpy().tolist()
    [[12.0, 6.0, 0.001], [0.0, 6.0, 0.001]]

    Args:
        indicators: units × codes.
        groups: group of each unit; at most one unit per cluster and group.
        clusters: whose unit it is.
        order: the groups, in order.
        resamples: random exchanges.
        rng: source of randomness.

    Returns:
        One row per code and group: code, group, count, expected (mean over all exchanges), z
        (deviation in standard deviations of all exchanges; NaN if these never differ), p
        (two-sided) and p_adjusted.
    """
    codes = indicators.to_numpy(dtype=float)
    place = {group: position for position, group in enumerate(order)}
    group = np.array([place[value] for value in np.asarray(groups)], dtype=int)
    cluster, _ = pd.factorize(np.asarray(clusters))
    arranged = np.argsort(cluster, kind="stable")
    codes, group, cluster = codes[arranged], group[arranged], cluster[arranged]
    observed = _counted(group[None, :], codes, len(order))[0]
    drawn = []
    block = max(1, _CELLS_AT_ONCE // max(len(codes), 1))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        # Within a cluster all keys share the whole part, so sorting exchanges only there.
        keys = cluster + rng.random((rows, len(codes)))
        drawn.append(_counted(group[np.argsort(keys, axis=1)], codes, len(order)))
    null = np.concatenate(drawn)
    mean, deviation = _exchange_moments(codes, group, cluster, len(order))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(deviation > 0, (observed - mean) / deviation, np.nan)
        null_z = np.where(deviation > 0, (null - mean) / deviation, np.nan)
    p, adjusted = step_down_max_t(np.abs(z).ravel(), np.abs(null_z).reshape(len(null), -1))
    undefined = np.isnan(z).ravel()
    return pd.DataFrame(
        {
            "code": np.repeat(indicators.columns.to_numpy(), len(order)),
            "group": np.tile(np.asarray(order), indicators.shape[1]),
            "count": observed.ravel().astype(int),
            "expected": mean.ravel(),
            "z": z.ravel(),
            "p": np.where(undefined, np.nan, p),
            "p_adjusted": np.where(undefined, np.nan, adjusted),
        }
    )


def _exchange_moments(
    codes: Floats, group: NDArray[np.int64], cluster: NDArray[np.int64], k: int
) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of each count over all exchanges, by their closed form.

    Within a cluster the count is hypergeometric: its units with the code, drawn among its groups.
    """
    people = int(cluster.max(initial=-1)) + 1
    size = np.bincount(cluster, minlength=people).astype(float)
    given = np.zeros((people, codes.shape[1]))
    np.add.at(given, cluster, codes)
    places = np.zeros((people, k))
    np.add.at(places, (cluster, group), 1.0)
    share = given / size[:, None]
    free = places * (size[:, None] - places) / np.maximum(size[:, None] - 1, 1)
    variance = (share * (1 - share)).T @ free
    # What cannot vary must be exactly 0, whatever the last bits say.
    return share.T @ places, np.where(variance > 1e-12, np.sqrt(variance), 0.0)


def _counted(groups: NDArray[np.int64], codes: Floats, k: int) -> Floats:
    """Return (resamples, codes, groups) sums of the codes by group."""
    return np.stack([(groups == g).astype(float) @ codes for g in range(k)], axis=-1)


def evenness(counts: pd.DataFrame, n: pd.Series) -> pd.Series:
    """Return for each code how evenly its share is divided among groups: 1 even, 0 in one only.

    Shannon entropy of the code's shares in the groups, normalised to sum to 1, over the logarithm
    of the number of groups (Pielou 1966, doi:10.1016/0022-5193(66)90013-0). Shares, not counts, so
    that a group with many units does not weigh more. NaN for a code that was never given.

    >>> counts = pd.DataFrame({"first": [5, 9], "second": [5, 0]}, index=["safety", "money"])
    >>> evenness(counts, pd.Series([20, 20], index=["first", "second"])).tolist()
    [1.0, 0.0]
    """
    return pd.Series(
        _evenness(counts.to_numpy(dtype=float)[None], n.to_numpy(dtype=float)[None])[0],
        index=counts.index,
    )


def _evenness(counts: Floats, n: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(n[:, None, :] > 0, counts / n[:, None, :], 0.0)
        parts = shares / shares.sum(axis=-1, keepdims=True)
        entropy = -np.where(parts > 0, parts * np.log(parts), 0.0).sum(axis=-1)
    value = np.abs(entropy) / np.log(counts.shape[-1])
    return np.where(shares.sum(axis=-1) > 0, value, np.nan)


def evenness_interval(
    indicators: pd.DataFrame,
    groups: ArrayLike,
    clusters: ArrayLike,
    order: Sequence[str],
    *,
    resamples: int,
    rng: np.random.Generator,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return `evenness` of each code with a percentile interval over resampled clusters.

    Resampling leaves out rare cells by chance and can add none, so that the evenness of rare codes
    is biased downwards in the resamples: read the intervals of codes with few units as rough.

    >>> codes, order = pd.DataFrame({"safety": [True, True] * 10}), ["first", "second"]
    >>> rng = np.random.default_rng(1)
    >>> found = evenness_interval(codes, order * 10, range(20), order, resamples=99, rng=rng)
    >>> found["estimate"].round(3).tolist()
    [1.0]

    Returns:
        Indexed by code: estimate, low, high.
    """
    place = {group: position for position, group in enumerate(order)}
    group = np.array([place[value] for value in np.asarray(groups)], dtype=int)
    cluster, people = pd.factorize(np.asarray(clusters))
    codes = indicators.to_numpy(dtype=float)
    cells = np.zeros((len(people), codes.shape[1] + 1, len(order)))
    units = np.column_stack([codes, np.ones(len(codes))])
    for g in range(len(order)):
        np.add.at(cells[:, :, g], cluster[group == g], units[group == g])
    draws = []
    for weights in resampled_weights(np.ones(len(people)), resamples, rng):
        drawn = (weights.astype(float) @ cells.reshape(len(people), -1)).reshape(
            -1, *cells.shape[1:]
        )
        draws.append(_evenness(drawn[:, :-1], drawn[:, -1]))
    total = cells.sum(axis=0)
    estimate = _evenness(total[None, :-1], total[None, -1])[0]
    values = np.concatenate(draws)
    defined = ~np.isnan(values).all(axis=0)
    low, high = percentile_interval(np.where(defined, values, 0.0), confidence)
    return pd.DataFrame(
        {
            "estimate": estimate,
            "low": np.where(defined, low, np.nan),
            "high": np.where(defined, high, np.nan),
        },
        index=indicators.columns,
    )


def pair_counts(indicators: pd.DataFrame) -> pd.DataFrame:
    """Return for each pair of codes how often both apply to a unit, and how often chance would.

    >>> codes = pd.DataFrame({"a": [1, 1, 0, 0, 1], "b": [1, 1, 0, 0, 0]}).astype(bool)
    >>> pair_counts(codes)[["count", "expected", "residual"]].round(2).to_numpy().tolist()
    [[2.0, 1.2, 1.49]]

    Returns:
        One row per pair that occurs, most frequent first: first, second, count, expected (if the
        two were independent) and residual (adjusted standardised residual of the 2 × 2 table; NaN
        if a code applies to none or to all).
    """
    given = indicators.to_numpy(dtype=float)
    n = len(given)
    both, single = given.T @ given, given.sum(axis=0)
    i, j = np.triu_indices(len(single), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = single[i] * single[j] / n
        variance = expected * (1 - single[i] / n) * (1 - single[j] / n)
        residual = np.where(variance > 0, (both[i, j] - expected) / np.sqrt(variance), np.nan)
    names = indicators.columns.to_numpy()
    table = pd.DataFrame(
        {
            "first": names[i],
            "second": names[j],
            "count": both[i, j].astype(int),
            "expected": expected,
            "residual": residual,
        }
    )
    table = table[table["count"] > 0].sort_values("count", ascending=False, kind="stable")
    return table.reset_index(drop=True)


def intersections(indicators: pd.DataFrame, *, most: int) -> tuple[pd.DataFrame, int]:
    """Return the most frequent combinations of codes, and how many units have another one.

    >>> codes = pd.DataFrame({"a": [1, 1, 0, 1], "b": [1, 1, 1, 0]}).astype(bool)
    >>> table, others = intersections(codes, most=1)
    >>> table.to_numpy().tolist(), others
    ([[('a', 'b'), 2, 2]], 2)

    Args:
        indicators: units × codes; units without any code form no combination.
        most: combinations to return at most; of equally frequent ones the first in order of codes.

    Returns:
        One row per combination, most frequent first, with columns codes (tuple), count (units with
        these codes and no others) and carrying (with these, whatever else they have); and the
        number of units with a code whose combination is not listed.
    """
    names = list(indicators.columns)
    combinations: dict[tuple[str, ...], int] = {}
    for row in indicators.to_numpy(dtype=bool):
        codes = tuple(name for name, given in zip(names, row, strict=True) if given)
        if codes:
            combinations[codes] = combinations.get(codes, 0) + 1
    order = sorted(
        combinations.items(), key=lambda entry: (-entry[1], [names.index(c) for c in entry[0]])
    )
    listed = order[:most]
    table = pd.DataFrame({"codes": [c for c, _ in listed], "count": [k for _, k in listed]})
    table["carrying"] = [int(indicators[list(c)].all(axis=1).sum()) for c, _ in listed]
    return table, sum(count for _, count in order[most:])
