"""Tables of counts, one or a stack of them: making, drawing, permuting, listing, ranking.

Survey answers have few levels, so a sample of any size is a small table of counts: rows are the
levels of the predictor (or the two groups), columns the levels of the outcome. Tests take counts of
shape (…, r, c) and return one value per table, so that the test of one sample, permutations,
simulations and specification curves are the same computation on one table or on thousands.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from mlsec_survey.stats.pairs import as_groups, as_scores, complete_pairs

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

RESAMPLES = 9_999
# Differences that are nothing but rounding, relative to the size of what is compared.
SLACK = 1e-9
# Blocks that stay in the cache of a processor.
_CELLS_AT_ONCE = 40_000
# Drawing a cell takes about as long as moving this many respondents.
_RESPONDENTS_PER_CELL = 10
_MOST_TABLES = 50_000


@dataclass(frozen=True, slots=True)
class TableTest:
    """One test per table.

    Attributes:
        z: normal deviate with the two-sided p-value of the test and the sign of the effect
            (positive: a higher outcome goes with a higher row); of a test without direction, plus.
        p: two-sided p-value; NaN where a variable is constant in the table.
        statistic: the statistic of the test itself.
        effect: estimated effect as its distance from none, on the scale on which effects add up
            (the logarithm of a ratio); None for a test that estimates nothing on tables.
        df: degrees of freedom of the statistic, where it has any.
        se: standard error of `effect`, where the test comes with one.
    """

    z: Floats
    p: Floats
    statistic: Floats
    effect: Floats | None = None
    df: Floats | None = None
    se: Floats | None = None


def result_from_z(z: Floats, effect: Floats | None = None) -> TableTest:
    """Return the tests of deviates that are their own statistics.

    >>> result_from_z(np.array([1.96])).p.round(3).tolist()
    [0.05]
    """
    return TableTest(z, 2 * special.ndtr(-np.abs(z)), z, effect)


def result_from_p(
    statistic: Floats,
    p: Floats,
    sign: Floats,
    effect: Floats | None = None,
    df: Floats | None = None,
    se: Floats | None = None,
) -> TableTest:
    """Return the tests of statistics on any scale, by their p-values and the signs of effects.

    >>> p = np.array([0.05])
    >>> result_from_p(np.array([3.84]), p, np.array([-1.0])).z.round(2).tolist()
    [-1.96]
    """
    z = np.sign(sign) * -special.ndtri(np.clip(p, 1e-300, 1) / 2)
    return TableTest(z, p, statistic, effect, df, se)


# ── Making tables ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class CrossTable:
    """Two variables of the respondents who have both.

    Attributes:
        counts: respondents (r × c) by predictor and outcome; every row and column has some.
        rows, columns: the values of predictor and outcome; positions of groups without order.
    """

    counts: Counts
    rows: Floats
    columns: Floats

    @property
    def n(self) -> int:
        """Respondents."""
        return int(self.counts.sum())


def cross_table(
    outcome: pd.Series,
    predictor: pd.Series,
    *,
    outcome_ordered: bool = True,
    predictor_ordered: bool = True,
) -> CrossTable:
    """Cross-tabulate two variables over the respondents who have both.

    >>> table = cross_table(pd.Series([1, 2, 2, 5]), pd.Series([0, 0, 1, 1]))
    >>> table.counts.tolist(), table.columns.tolist()
    ([[1, 1, 0], [0, 1, 1]], [1.0, 2.0, 5.0])

    Args:
        outcome, predictor: aligned by index.
        outcome_ordered, predictor_ordered: read the variable as ordered; else as groups.

    Raises:
        AnalysisError: a variable is constant, or lacks the order that is asked for.
    """
    left, right = complete_pairs(outcome, predictor)
    rows, row_codes = _levels(right, predictor_ordered)
    columns, column_codes = _levels(left, outcome_ordered)
    counts = count_tables(row_codes, column_codes, len(rows), len(columns))[0]
    return CrossTable(counts, rows, columns)


def _levels(values: pd.Series, ordered: bool) -> tuple[Floats, Counts]:
    if ordered:
        levels, codes = np.unique(as_scores(values), return_inverse=True)
        return levels, codes.astype(np.int64)
    codes, labels = as_groups(values)
    return np.arange(len(labels), dtype=float), codes


def count_tables(row_codes: Counts, column_codes: Counts, r: int, c: int) -> Counts:
    """Return tables (B × r × c) of codes of shape (n,) or (B, n); the shorter one is shared.

    >>> count_tables(np.array([0, 1, 1]), np.array([[0, 0, 1], [1, 1, 0]]), 2, 2).tolist()
    [[[1, 0], [1, 1]], [[0, 1], [1, 1]]]
    """
    rows, columns = np.broadcast_arrays(np.atleast_2d(row_codes), np.atleast_2d(column_codes))
    offset = np.arange(len(rows))[:, None] * (r * c)
    flat = np.bincount((offset + rows * c + columns).ravel(), minlength=len(rows) * r * c)
    return flat.reshape(len(rows), r, c)


def two_rows(tables: Floats) -> Floats:
    """Return tables whose two rows are the groups, whichever variable forms them.

    >>> two_rows(np.array([[1.0, 2], [3, 4], [5, 6]])).shape
    (2, 3)
    """
    return tables if tables.shape[-2] == 2 else np.swapaxes(tables, -1, -2)


# ── Drawing, permuting and listing tables ─────────────────────────────────────────────────────────


def permuted_tables(
    counts: ArrayLike, resamples: int, rng: np.random.Generator
) -> Iterator[Counts]:
    """Yield blocks of tables in which the columns are permuted against the rows.

    With few cells for their respondents, tables with the same margins are drawn (Patefield 1981,
    doi:10.2307/2346669); else respondents are moved. Both give the same distribution.

    >>> blocks = permuted_tables([[5, 2], [1, 4]], 10, np.random.default_rng(1))
    >>> {tuple(table.sum(axis=0)) == (6, 6) for block in blocks for table in block}
    {True}

    Args:
        counts: r × c.
        resamples: tables in all.
        rng: source of the draws.
    """
    table = np.asarray(counts, dtype=np.int64)
    (r, c), n = table.shape, int(table.sum())
    rows, columns = table.sum(1), table.sum(0)
    draw = (r - 1) * (c - 1) * _RESPONDENTS_PER_CELL < n
    row_codes, column_codes = np.repeat(np.arange(r), rows), np.repeat(np.arange(c), columns)
    block = max(1, _CELLS_AT_ONCE // (r * c if draw else max(n, r * c)))
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        if draw:
            yield tables_with_margins(rows, columns, size, rng)
        else:
            moved = rng.permuted(np.broadcast_to(column_codes, (size, n)), axis=1)
            yield count_tables(row_codes, moved, r, c)


def permutation_p(
    extremeness: Callable[[Floats], Floats],
    counts: ArrayLike,
    rng: np.random.Generator,
    resamples: int,
) -> float:
    """Return the Monte Carlo permutation p-value of a table.

    (b + 1) / (B + 1), with b of B permutations at least as extreme (Phipson & Smyth 2010), so that
    it is valid and never 0.

    >>> rng = np.random.default_rng(1)
    >>> p = permutation_p(lambda t: abs(t[..., 0, 0] - 3.5), [[7, 0], [0, 7]], rng, 999)
    >>> round(p, 3)
    0.001

    Args:
        extremeness: of each table of a stack; larger is further from what chance gives.
        counts: the observed table.
        rng: source of permutations.
        resamples: permutations B.
    """
    observed = float(extremeness(np.asarray(counts, dtype=float)[None])[0])
    slack = SLACK * max(1.0, abs(observed)) if math.isfinite(observed) else 0.0
    reached = sum(
        int((extremeness(block.astype(float)) >= observed - slack).sum())
        for block in permuted_tables(counts, resamples, rng)
    )
    return (1 + reached) / (1 + resamples)


def monte_carlo_note(resamples: int) -> str:
    """Say where a permutation p-value comes from.

    >>> monte_carlo_note(999)
    'Monte Carlo p-value from 999 permutations'
    """
    return f"Monte Carlo p-value from {resamples:,} permutations"


def tables_with_margins(
    row_sums: ArrayLike, column_sums: ArrayLike, size: int, rng: np.random.Generator
) -> Counts:
    """Return `size` random tables (size × r × c) with the given margins under independence.

    >>> tables_with_margins([5, 3], [4, 4], 10, np.random.default_rng(1)).sum(axis=2)[0].tolist()
    [5, 3]
    """
    rows, columns = np.asarray(row_sums, dtype=np.int64), np.asarray(column_sums, dtype=np.int64)
    # Row by row: each row takes a multivariate hypergeometric share of what the columns have left.
    left = np.broadcast_to(columns, (size, len(columns))).copy()
    out = np.empty((size, len(rows), len(columns)), dtype=np.int64)
    for i, total in enumerate(rows[:-1]):
        remaining, beyond = np.full(size, total), left.sum(axis=1)
        for j in range(len(columns) - 1):
            beyond = beyond - left[:, j]
            out[:, i, j] = rng.hypergeometric(left[:, j], beyond, remaining)
            remaining = remaining - out[:, i, j]
        out[:, i, -1] = remaining
        left -= out[:, i]
    out[:, -1] = left
    return out


def tables_with_rows(
    row_sums: ArrayLike, chances: ArrayLike, size: int, rng: np.random.Generator
) -> Counts:
    """Return `size` random tables whose rows are multinomial.

    >>> chances = [[0.5, 0.5], [0.2, 0.8]]
    >>> tables_with_rows([5, 3], chances, 10, np.random.default_rng(1)).sum(axis=2)[0].tolist()
    [5, 3]

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
        row[...] = rng.multinomial(int(total), share, size=size).T
    return np.moveaxis(counts, -1, 0)


def every_table(counts: ArrayLike) -> Floats | None:
    """List all tables (N × r × c) with the margins of this one; None when over 50,000.

    >>> every_table([[1, 1], [1, 1]]).tolist()
    [[[0.0, 2.0], [2.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]], [[2.0, 0.0], [0.0, 2.0]]]
    """
    table = np.asarray(counts)
    if table.shape[0] == 2 < table.shape[1]:
        # With two columns one split is all that there is to choose.
        turned = every_table(table.T)
        return None if turned is None else turned.swapaxes(1, 2)
    rows, columns = table.sum(1).astype(np.int64), table.sum(0).astype(np.int64)
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
        at, choice = np.nonzero((remainder >= 0).all(2))
        filled = np.concatenate([filled[at], choices[choice][:, :, None]], axis=2)
        left = remainder[at, choice]
        if len(filled) > _MOST_TABLES:
            return None
    return np.concatenate([filled, left[:, :, None]], axis=2).astype(float)


def _number_of_splits(total: int, most: Counts) -> float:
    """Count what `_splits` lists, by the product of the rows' generating functions."""
    ways = np.ones(1)
    for bound in most:
        # A sum of the last bound + 1 ways, as a difference of cumulative sums.
        longer = np.cumsum(np.concatenate([ways, np.zeros(bound)]))[: total + 1]
        longer[bound + 1 :] -= longer[: -bound - 1].copy() if bound + 1 < len(longer) else 0
        ways = longer
        if ways.max() > 1e12:
            return math.inf
    return float(ways[total]) if total < len(ways) else 0.0


def _splits(total: int, most: Counts) -> Counts:
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


# ── Ranks and concordance ─────────────────────────────────────────────────────────────────────────


def midranks(counts: ArrayLike) -> Floats:
    """Return the midrank of each level of a margin (…, levels).

    >>> midranks([2, 1, 3]).tolist()
    [1.5, 3.0, 5.0]
    """
    t = np.asarray(counts, dtype=float)
    return np.asarray(np.cumsum(t, -1) - t / 2 + 0.5)


def concordance(tables: ArrayLike) -> Floats:
    """Return concordant minus discordant pairs of each table (Kendall's S).

    >>> float(concordance([[2, 0], [1, 3]]))
    6.0
    """
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


def concordance_per_cell(tables: ArrayLike) -> Floats:
    """Return, for each cell (…, r, c), the respondents ordered alike less those contrary to it.

    >>> concordance_per_cell([[5, 2], [1, 4]]).tolist()
    [[4.0, -1.0], [-2.0, 5.0]]
    """
    t = np.asarray(tables, dtype=np.float64)
    above, left = (np.sign(np.subtract.outer(np.arange(k), np.arange(k))) for k in t.shape[-2:])
    return np.asarray(above.astype(float) @ (t @ left.T.astype(float)))


def score_correlation(
    tables: ArrayLike, scores: ArrayLike, values: ArrayLike, *, ranks: bool = False
) -> Floats:
    """Return the correlation of row scores with column values, or of the midranks of both.

    >>> round(float(score_correlation([[2, 1], [1, 2]], [0, 1], [0, 1])), 4)
    0.3333
    """
    t = np.asarray(tables, dtype=float)
    if ranks:
        x, y = midranks(t.sum(-1)), midranks(t.sum(-2))
    else:
        x = np.broadcast_to(np.asarray(scores, float), t.shape[:-1])
        y = np.broadcast_to(np.asarray(values, float), (*t.shape[:-2], t.shape[-1]))
    rows, columns, n = t.sum(-1), t.sum(-2), t.sum((-2, -1))
    x = x - ((rows * x).sum(-1) / n)[..., None]
    y = y - ((columns * y).sum(-1) / n)[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        cross = np.einsum("...ij,...i,...j->...", t, x, y)
        return np.asarray(cross / np.sqrt((rows * x**2).sum(-1) * (columns * y**2).sum(-1)))


def t_deviate(r: Floats, df: ArrayLike) -> Floats:
    """Return the normal deviate with the p-value of the t test of a (partial) correlation.

    Hill (1970, doi:10.1145/355598.355599): exact to four digits from 6 degrees of freedom on, to
    nine from 60 on, at a tenth of the cost of the two distribution functions.

    >>> t_deviate(np.array([0.5]), 30).round(2).tolist()
    [2.91]
    """
    a = np.asarray(df, dtype=float) - 0.5
    b = 48 * a**2
    w = -a * np.log1p(-np.minimum(r**2, 1 - 1e-12))
    tail = (((4 * w + 33) * w + 240) * w + 855) / (10 * b * (b + 0.8 * w**2 + 100))
    return np.asarray(np.sign(r) * np.sqrt(w) * (1 + (w + 3) / b - tail))


def scores_of(given: ArrayLike | None, size: int) -> Floats:
    """Return scores of rows or values of columns: as given, or 0, 1, ….

    >>> scores_of(None, 3).tolist(), scores_of([1, 2, 4], 3).tolist()
    ([0.0, 1.0, 2.0], [1.0, 2.0, 4.0])
    """
    return np.arange(size, dtype=float) if given is None else np.asarray(given, dtype=float)
