"""Rank and contingency statistics on stacks of count tables, vectorised over the stack.

Survey answers have few levels, so a sample of any size is a small table of counts: rows are the
ordered levels of the predictor (or the two groups), columns the ordered levels of the outcome. All
functions take counts of shape (…, r, c) and return one value per table, shape (…). Permutation
tests, simulations and bootstraps are then a matter of making many tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TableTests:
    """One test per table.

    Attributes:
        statistic: the test statistic.
        p: two-sided p-value.
        effect: the effect size that goes with the test.
    """

    statistic: Floats
    p: Floats
    effect: Floats


def level_codes(values: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.generic]]:
    """Return each value's position among the sorted distinct values, and these values."""
    levels, codes = np.unique(np.asarray(values), return_inverse=True)
    return codes.astype(np.int64), levels


def count_tables(row_codes: NDArray[np.int64], column_codes: NDArray[np.int64]) -> Counts:
    """Return tables of counts from codes of shape (n,) or (B, n); stack has B tables.

    Either argument may be (n,) and is then shared by the stack.
    """
    rows, columns = np.broadcast_arrays(np.atleast_2d(row_codes), np.atleast_2d(column_codes))
    r, c = int(rows.max()) + 1, int(columns.max()) + 1
    offset = np.arange(len(rows))[:, None] * (r * c)
    flat = np.bincount((offset + rows * c + columns).ravel(), minlength=len(rows) * r * c)
    return flat.reshape(len(rows), r, c)


def permuted_tables(
    row_codes: NDArray[np.int64],
    column_codes: NDArray[np.int64],
    resamples: int,
    rng: np.random.Generator,
) -> Counts:
    """Return `resamples` tables in which the columns are permuted against the rows.

    Tables with fixed margins are drawn directly (Patefield 1981, doi:10.2307/2346669, through
    SciPy), which gives the distribution that permuting respondents gives.
    """
    table = count_tables(row_codes, column_codes)[0]
    return tables_with_margins(table.sum(axis=1), table.sum(axis=0), resamples, rng)


def tables_with_margins(
    row_sums: ArrayLike, column_sums: ArrayLike, size: int, rng: np.random.Generator
) -> Counts:
    """Return `size` random tables with the given margins under independence."""
    rows, columns = np.asarray(row_sums, dtype=np.int64), np.asarray(column_sums, dtype=np.int64)
    if len(rows) < 2 or len(columns) < 2:
        table = np.outer(rows, columns) // max(int(rows.sum()), 1)
        return np.broadcast_to(table, (size, *table.shape)).copy()
    # Row by row: each row takes a multivariate hypergeometric share of what the columns have left.
    left = np.broadcast_to(columns, (size, len(columns))).copy()
    out = np.empty((size, len(rows), len(columns)), dtype=np.int64)
    for i, total in enumerate(rows[:-1]):
        drawn = _hypergeometric_rows(left, int(total), rng)
        out[:, i] = drawn
        left -= drawn
    out[:, -1] = left
    return out


def tables_with_rows(
    row_sums: ArrayLike, chances: ArrayLike, size: int, rng: np.random.Generator
) -> Counts:
    """Return `size` random tables whose rows are multinomial.

    Args:
        row_sums: respondents in each row.
        chances: of the columns, per row (r × c), adding up to 1.
        size: number of tables.
        rng: source of the draws.

    Returns:
        Counts (size × r × c). In memory the tables' index comes last, so that operations on the
        stack run along it.
    """
    shares = np.asarray(chances, dtype=np.float64)
    counts = np.empty((*shares.shape, size), dtype=np.int64)
    for row, total, share in zip(counts, np.asarray(row_sums).tolist(), shares, strict=True):
        row[...] = _multinomial(int(total), share, size, rng)
    return np.moveaxis(counts, -1, 0)


def _multinomial(total: int, chances: Floats, size: int, rng: np.random.Generator) -> NDArray:
    """Return multinomial counts (c × size)."""
    columns = len(chances)
    # Few respondents are drawn one by one, from 32 random bits each: comparing them with the limits
    # of the columns takes less time than a binomial draw per column. Counts then fit into a byte.
    if total > min(255, 60 * (columns - 1)):
        return rng.multinomial(total, chances, size=size).T
    bits = rng.bit_generator.random_raw((total * size + 1) // 2).view(np.uint32)
    drawn = bits[: total * size].reshape(total, size)
    limits = np.minimum(np.rint(np.cumsum(chances)[:-1] * 2.0**32), 2.0**32 - 1).astype(np.uint32)
    below = np.zeros((columns + 1, size), dtype=np.uint8)
    for limit, count in zip(limits, below[1:], strict=False):
        np.add.reduce((drawn < limit).view(np.uint8), axis=0, dtype=np.uint8, out=count)
    below[-1] = total
    return np.diff(below, axis=0)


def _hypergeometric_rows(left: Counts, total: int, rng: np.random.Generator) -> Counts:
    size, columns = left.shape
    drawn = np.zeros_like(left)
    remaining = np.full(size, total, dtype=np.int64)
    beyond = left.sum(axis=1)
    for j in range(columns - 1):
        beyond = beyond - left[:, j]
        drawn[:, j] = rng.hypergeometric(left[:, j], beyond, remaining)
        remaining = remaining - drawn[:, j]
    drawn[:, -1] = remaining
    return drawn


def concordance(tables: ArrayLike) -> Floats:
    """Return concordant minus discordant pairs (Kendall's S)."""
    t = np.asarray(tables, dtype=np.float64)
    r, c = t.shape[-2:]
    # With the tables last, sums over cells are sums of long rows, and one matrix product compares
    # all pairs of columns.
    last = np.ascontiguousarray(np.moveaxis(t.reshape(-1, r, c), 0, -1))
    below = np.zeros(last.shape[1:])
    s = np.zeros(last.shape[-1])
    order = np.sign(np.arange(c) - np.arange(c)[:, None]).astype(np.float64)
    for row, following in zip(last[-2::-1], last[:0:-1], strict=True):
        below += following
        s += (row * (order @ below)).sum(0)
    return s.reshape(t.shape[:-2])


def kendall_tau_b(tables: ArrayLike) -> TableTests:
    """Kendall's tau-b with the asymptotic test that allows for ties.

    Formulas: Kendall (1970), Rank Correlation Methods, chapters 3 and 4; the p-value is that of
    scipy.stats.kendalltau(method="asymptotic"). Effect and p are NaN for a constant variable.
    """
    t = np.asarray(tables, dtype=np.float64)
    s = concordance(t)
    n = t.sum(axis=(-2, -1))
    rows, columns = t.sum(axis=-1), t.sum(axis=-2)
    pairs = n * (n - 1) / 2
    tied_rows = (rows * (rows - 1)).sum(-1) / 2
    tied_columns = (columns * (columns - 1)).sum(-1) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        tau = s / np.sqrt((pairs - tied_rows) * (pairs - tied_columns))
        m = n * (n - 1.0)
        v0, v_rows, v_columns = (
            m * (2 * n + 5),
            (rows * (rows - 1) * (2 * rows + 5)).sum(-1),
            (columns * (columns - 1) * (2 * columns + 5)).sum(-1),
        )
        third_rows = (rows * (rows - 1) * (rows - 2)).sum(-1)
        third_columns = (columns * (columns - 1) * (columns - 2)).sum(-1)
        variance = (
            (v0 - v_rows - v_columns) / 18
            + 2 * tied_rows * tied_columns / m
            + third_rows * third_columns / (9 * m * (n - 2))
        )
        z = s / np.sqrt(variance)
    return TableTests(z, 2 * special.ndtr(-np.abs(z)), tau)


def tau_b_standard_error(tables: ArrayLike) -> Floats:
    """Return the asymptotic standard error of tau-b under multinomial sampling, not under the null.

    Delta method after Goodman and Kruskal (1972) as given by Agresti (2010), Analysis of Ordinal
    Categorical Data, section 7.1; the ASE1 of common statistical packages.
    """
    t = np.asarray(tables, dtype=np.float64)
    n = t.sum(axis=(-2, -1), keepdims=True)
    p = t / n
    rows, columns = p.sum(-1, keepdims=True), p.sum(-2, keepdims=True)
    difference = _concordant_minus_discordant(p)
    pi = (p * difference).sum(axis=(-2, -1), keepdims=True)
    d_rows, d_columns = (
        1 - (rows**2).sum(-2, keepdims=True),
        1 - (columns**2).sum(-1, keepdims=True),
    )
    w = np.sqrt(d_rows * d_columns)
    tau = pi / w
    phi = 2 * w * difference + tau * (rows * d_columns + columns * d_rows)
    mean = (p * phi).sum(axis=(-2, -1), keepdims=True)
    variance = (p * phi**2).sum(axis=(-2, -1), keepdims=True) - mean**2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt(np.maximum(variance, 0) / n) / w**2)[..., 0, 0]


def _concordant_minus_discordant(p: Floats) -> Floats:
    """Return per cell the mass of concordant cells minus that of discordant ones."""
    total = np.cumsum(np.cumsum(p, axis=-2), axis=-1)
    padded = np.pad(total, [(0, 0)] * (p.ndim - 2) + [(1, 0), (1, 0)])
    upper_left = padded[..., :-1, :-1]
    upper = padded[..., :-1, -1:]
    left = padded[..., -1:, :-1]
    whole = padded[..., -1:, -1:]
    through_row, through_column = padded[..., 1:, -1:], padded[..., -1:, 1:]
    upper_right = upper - padded[..., :-1, 1:]
    lower_left = left - padded[..., 1:, :-1]
    lower_right = whole - through_row - through_column + padded[..., 1:, 1:]
    return np.asarray(upper_left + lower_right - upper_right - lower_left)


def two_rows(tables: Floats) -> Floats:
    """Return tables whose two rows are the groups, whichever variable forms them."""
    return tables if tables.shape[-2] == 2 else np.swapaxes(tables, -1, -2)


def superiority(tables: ArrayLike) -> Floats:
    """Return P(outcome in row 1 > row 0) + half the ties, for tables with two rows."""
    t = np.asarray(tables, dtype=np.float64)
    n = t.sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 0.5 + concordance(t) / (2 * n[..., 0] * n[..., 1])


def mann_whitney(tables: ArrayLike) -> TableTests:
    """Mann–Whitney test of two rows: normal approximation, ties and continuity corrected.

    The same as scipy.stats.mannwhitneyu(method="asymptotic"). Effect: probability of superiority
    of the second row.
    """
    t = np.asarray(tables, dtype=np.float64)
    n = t.sum(-1)
    n0, n1 = n[..., 0], n[..., 1]
    u = concordance(t) / 2 + n0 * n1 / 2
    total = n0 + n1
    ties = t.sum(-2)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = n0 * n1 / 12 * ((total + 1) - (ties**3 - ties).sum(-1) / (total * (total - 1)))
        larger = np.maximum(u, n0 * n1 - u)
        z = (larger - n0 * n1 / 2 - 0.5) / np.sqrt(variance)
        p = np.clip(2 * special.ndtr(-z), 0, 1)
    return TableTests(u, p, u / (n0 * n1))


@dataclass(frozen=True, slots=True)
class BrunnerMunzel(TableTests):
    """Brunner–Munzel test per table, with degrees of freedom and the effect's standard error."""

    df: Floats
    standard_error: Floats


def brunner_munzel(tables: ArrayLike) -> BrunnerMunzel:
    """Brunner–Munzel test of two rows (doi:10.1002/(SICI)1521-4036(200001)42:1<17::AID-BIMJ17>3.0.CO;2-U).

    The same as scipy.stats.brunnermunzel with the t distribution, with the sign turned so that a
    positive statistic means larger outcomes in the second row. Effect: probability of superiority.
    """  # noqa: E501
    t = np.asarray(tables, dtype=np.float64)
    n = t.sum(-1)
    n0, n1 = n[..., 0], n[..., 1]
    total = n0 + n1
    columns = t.sum(-2)
    mid_all = np.cumsum(columns, -1) - columns / 2
    mid_within = np.cumsum(t, -1) - t / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        # Placement of each value: its rank among all less its rank within its own row.
        place = mid_all[..., None, :] - mid_within
        mean = (t * place).sum(-1) / n
        spread = (t * (place - mean[..., None]) ** 2).sum(-1) / (n - 1)
        s0, s1 = spread[..., 0], spread[..., 1]
        p_hat = superiority(t)
        pooled = n0 * s0 + n1 * s1
        statistic = n0 * n1 * (p_hat - 0.5) * total / (total * np.sqrt(pooled))
        df = pooled**2 / ((n0 * s0) ** 2 / (n0 - 1) + (n1 * s1) ** 2 / (n1 - 1))
        standard_error = np.sqrt(s0 / (n0 * n1**2) + s1 / (n1 * n0**2))
        p = 2 * special.stdtr(df, -np.abs(statistic))
    return BrunnerMunzel(statistic, p, p_hat, df, standard_error)


def chi_square(tables: ArrayLike) -> TableTests:
    """Pearson's chi-square test without continuity correction; effect: Cramér's V."""
    t = np.asarray(tables, dtype=np.float64)
    rows, columns = t.sum(-1, keepdims=True), t.sum(-2, keepdims=True)
    n = t.sum(axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = rows * columns / n[..., None, None]
        cells = np.where(expected > 0, (t - expected) ** 2 / expected, 0)
        statistic = cells.sum(axis=(-2, -1))
        r, c = (rows[..., 0] > 0).sum(-1), (columns[..., 0, :] > 0).sum(-1)
        effect = np.sqrt(statistic / (n * (np.minimum(r, c) - 1)))
    return TableTests(statistic, special.chdtrc((r - 1) * (c - 1), statistic), effect)


def corrected_cramers_v(tables: ArrayLike) -> Floats:
    """Return Cramér's V corrected for bias (Bergsma 2013, doi:10.1016/j.jkss.2012.10.002)."""
    t = np.asarray(tables, dtype=np.float64)
    n = t.sum(axis=(-2, -1))
    r, c = (t.sum(-1) > 0).sum(-1), (t.sum(-2) > 0).sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        phi2 = np.maximum(chi_square(t).statistic / n - (r - 1) * (c - 1) / (n - 1), 0)
        r_c, c_c = r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)
        return np.sqrt(phi2 / (np.minimum(r_c, c_c) - 1))


def trend(tables: ArrayLike, scores: ArrayLike | None = None) -> TableTests:
    """Cochran–Armitage test for trend: two columns, rows in order.

    The statistic is z (Armitage 1955, doi:10.2307/3001775) with the variance under fixed margins,
    n − 1 instead of n, as in R's coin::independence_test; effect: the point-biserial correlation.
    """
    t = np.asarray(tables, dtype=np.float64)
    s = np.arange(t.shape[-2], dtype=np.float64) if scores is None else np.asarray(scores, float)
    rows, n = t.sum(-1), t.sum(axis=(-2, -1))
    ones = t[..., 1].sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (rows * s).sum(-1) / n
        centred = (t[..., 1] * s).sum(-1) - ones * mean
        spread = (rows * (s - mean[..., None]) ** 2).sum(-1)
        variance = ones * (n - ones) / (n * (n - 1)) * spread
        z = centred / np.sqrt(variance)
        effect = z / np.sqrt(n - 1)
    return TableTests(z, 2 * special.ndtr(-np.abs(z)), effect)


def kruskal(tables: ArrayLike) -> TableTests:
    """Kruskal–Wallis test of the rows, tie-corrected; effect: epsilon squared."""
    t = np.asarray(tables, dtype=np.float64)
    rows, columns, n = t.sum(-1), t.sum(-2), t.sum(axis=(-2, -1))
    mid = np.cumsum(columns, -1) - columns / 2 + 0.5
    with np.errstate(divide="ignore", invalid="ignore"):
        sums = (t * mid[..., None, :]).sum(-1)
        terms = np.where(rows > 0, sums**2 / rows, 0).sum(-1)
        h = 12 / (n * (n + 1)) * terms - 3 * (n + 1)
        h = h / (1 - (columns**3 - columns).sum(-1) / (n**3 - n))
        k = (rows > 0).sum(-1)
    return TableTests(h, special.chdtrc(k - 1, h), h / (n - 1))


def fisher_exact(tables: ArrayLike) -> TableTests:
    """Fisher's exact test of 2×2 tables, two-sided by the tables that are no more likely.

    The same as scipy.stats.fisher_exact. Distinct tables are computed once, tables with the same
    margins together. Statistic and effect: the sample odds ratio.
    """
    t = np.asarray(tables, dtype=np.int64)
    stack = t.reshape(-1, 4)
    a, b, c, d = stack.T
    base = int(stack.sum(axis=1).max(initial=0)) + 1
    keys = ((a * base + b) * base + c) * base + d
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    p_unique = _fisher_p(stack[first])
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = (a * d) / (b * c)
    shape = t.shape[:-2]
    return TableTests(odds.reshape(shape), p_unique[inverse].reshape(shape), odds.reshape(shape))


def _fisher_p(tables: Counts) -> Floats:
    a, b, c, d = tables.T
    row, column, n = a + b, a + c, a + b + c + d
    base = int(n.max(initial=0)) + 1
    _, first, group = np.unique(
        (row * base + column) * base + n, return_index=True, return_inverse=True
    )
    out = np.empty(len(tables))
    order = np.argsort(group, kind="stable")
    edges = np.searchsorted(group[order], np.arange(len(first) + 1))
    for g, i in enumerate(first):
        members = order[edges[g] : edges[g + 1]]
        low, high = max(0, int(row[i] + column[i] - n[i])), int(min(row[i], column[i]))
        k = np.arange(low, high + 1)
        log_p = _log_hypergeometric(k, int(row[i]), int(column[i]), int(n[i]))
        mass = np.exp(log_p)
        ordered = np.sort(mass)
        cumulative = np.concatenate([[0.0], np.cumsum(ordered)])
        observed = mass[a[members] - low] * (1 + 1e-14)
        # A relative tolerance for ties between tables that are equally likely in exact arithmetic.
        found = np.searchsorted(ordered, observed * (1 + 1e-11), side="right")
        out[members] = np.minimum(cumulative[found], 1.0)
    return out


def _log_hypergeometric(k: NDArray[np.int64], row: int, column: int, n: int) -> Floats:
    def log_choose(total: int, part: NDArray[np.int64] | int) -> Floats:
        return np.asarray(
            special.gammaln(total + 1)
            - special.gammaln(np.asarray(part) + 1)
            - special.gammaln(total - np.asarray(part) + 1)
        )

    return log_choose(row, k) + log_choose(n - row, column - k) - log_choose(n, column)
