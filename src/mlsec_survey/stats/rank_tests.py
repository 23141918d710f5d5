"""Ordered variables: how far they rise together, and which of several groups has more.

Functions that end in `_on_tables` run a test on each table of a stack (counts of shape (…, r, c));
the others take two Series (aligned by index, respondents who lack one are left out) and return a
`TestResult`. Where these take `rng`, the p-value comes from random permutations if a generator is
given, and from a large-sample approximation if not. A single table is a stack of one: SciPy's
functions for two samples are the check of both (tests/test_tables.py), since they take no stacks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.design import noncentral_interval
from mlsec_survey.stats.exact import sum_distribution
from mlsec_survey.stats.pairs import check_confidence
from mlsec_survey.stats.result import TestResult
from mlsec_survey.stats.tables import (
    RESAMPLES,
    CrossTable,
    TableTest,
    concordance,
    concordance_per_cell,
    cross_table,
    midranks,
    monte_carlo_note,
    permutation_p,
    result_from_p,
    result_from_z,
    score_correlation,
    t_deviate,
    two_rows,
)

Floats = NDArray[np.float64]
_Given = ArrayLike | None


# ── Two ordered variables ─────────────────────────────────────────────────────────────────────────


def kendall_on_tables(
    tables: ArrayLike, scores: _Given = None, values: _Given = None, trials: float | None = None
) -> TableTest:
    """Test tau-b of each table by the normal approximation that allows for ties in both variables.

    Kendall (1970), Rank Correlation Methods, chapters 3 and 4; the p-value is that of
    scipy.stats.kendalltau(method="asymptotic"). NaN for a constant variable.

    >>> round(float(kendall_on_tables([[5, 2], [1, 4]]).effect), 4)
    0.5071
    """
    t = np.asarray(tables, dtype=np.float64)
    s, n = concordance(t), t.sum(axis=(-2, -1))

    def ties(margin: Floats) -> tuple[Floats, Floats, Floats]:
        pairs = margin * (margin - 1)
        triples = (pairs * (margin - 2)).sum(-1)
        return pairs.sum(-1), triples, (pairs * (2 * margin + 5)).sum(-1)

    (r2, r3, r5), (c2, c3, c5) = ties(t.sum(-1)), ties(t.sum(-2))
    pairs = n * (n - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (pairs * (2 * n + 5) - r5 - c5) / 18 + r2 * c2 / (2 * pairs)
        variance += np.where(n > 2, r3 * c3 / (9 * pairs * np.maximum(n - 2, 1)), 0)
        return result_from_z(s / np.sqrt(variance), 2 * s / np.sqrt((pairs - r2) * (pairs - c2)))


def jonckheere_on_tables(
    tables: ArrayLike, scores: _Given = None, values: _Given = None, trials: float | None = None
) -> TableTest:
    """Test a trend over the rows, with half of Somers' d as effect; the test is Kendall's.

    >>> jonckheere_on_tables([[5, 2], [3, 3], [1, 4]]).p.round(4).tolist()
    0.0912
    """
    test = kendall_on_tables(tables)
    effect, se = _somers_d(np.asarray(tables, dtype=float))
    return TableTest(test.z, test.p, test.z, effect / 2, se=se / 2)


def tau_b_standard_error(tables: ArrayLike) -> Floats:
    """Return the asymptotic standard error of tau-b under multinomial sampling, not under the null.

    Delta method after Goodman and Kruskal (1972) and Brown and Benedetti (1977, JASA 72:309).

    >>> round(float(tau_b_standard_error([[5, 2], [1, 4]])), 4)
    0.2451
    """
    t = np.asarray(tables, dtype=np.float64)
    n = t.sum(axis=(-2, -1), keepdims=True)
    p = t / n
    rows, columns = p.sum(-1, keepdims=True), p.sum(-2, keepdims=True)
    difference = concordance_per_cell(p)
    d_rows = 1 - (rows**2).sum(-2, keepdims=True)
    d_columns = 1 - (columns**2).sum(-1, keepdims=True)
    w = np.sqrt(d_rows * d_columns)
    tau = (p * difference).sum(axis=(-2, -1), keepdims=True) / w
    phi = 2 * w * difference + tau * (rows * d_columns + columns * d_rows)
    mean = (p * phi).sum(axis=(-2, -1), keepdims=True)
    variance = (p * phi**2).sum(axis=(-2, -1), keepdims=True) - mean**2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt(np.maximum(variance, 0) / n) / w**2)[..., 0, 0]


def _somers_d(t: Floats) -> tuple[Floats, Floats]:
    """Return Somers' d of the columns on the rows, and its standard error (delta method)."""
    n, rows = t.sum((-2, -1)), t.sum(-1)
    difference = concordance_per_cell(t)
    s2 = (t * difference).sum((-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        untied = n**2 - (rows**2).sum(-1)
        per_cell = (
            untied[..., None, None] * difference
            - s2[..., None, None] * (n[..., None] - rows)[..., None]
        )
        return s2 / untied, 2 / untied**2 * np.sqrt((t * per_cell**2).sum((-2, -1)))


def kendall_tau_b(
    outcome: pd.Series,
    predictor: pd.Series,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
) -> TestResult:
    """Measure and test monotone association by Kendall's tau-b.

    The interval uses the standard error that does not assume independence, on Fisher's z scale.
    The p-value is normal with the variance for ties in both variables (no continuity correction,
    as R's `cor.test(exact = FALSE)`), or by permutation when `rng` is given.

    The interval runs short of its level when one variable has very few respondents in one of two
    values; `extra` holds the standard error for other uses.

    >>> x = pd.Series([1, 2, 3, 4, 5])
    >>> round(kendall_tau_b(pd.Series([2, 1, 3, 5, 4]), x).estimate, 4)
    0.6

    Raises:
        AnalysisError: a variable is constant or has no order.
    """
    check_confidence(confidence)
    table = cross_table(outcome, predictor)
    test, se = kendall_on_tables(table.counts), float(tau_b_standard_error(table.counts))
    assert test.effect is not None
    tau = float(test.effect)
    p, notes = _concordance_p(table, float(test.p), rng, resamples)
    low, high = _fisher_interval(tau, se, confidence)
    return TestResult(
        method="Kendall's tau-b",
        effect="Kendall's tau-b",
        estimate=tau,
        low=low,
        high=high,
        n=table.n,
        statistic=float(test.z),
        p=p,
        confidence=confidence,
        notes=(*notes, "interval on Fisher's z scale"),
        extra={"se": se, "asymptotic_p": float(test.p)},
    )


def jonckheere(
    outcome: pd.Series,
    predictor: pd.Series,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
) -> TestResult:
    """Test an ordered outcome for a trend over ordered groups: Jonckheere–Terpstra.

    The estimate is the probability of superiority over all pairs of respondents from different
    groups: that the one from the higher group has the higher outcome, ties half. It is
    (1 + Somers' d) / 2, and its interval comes from Somers' d on Fisher's z scale. `statistic` is
    the standardised J with the variance for ties, the same as Kendall's z; `extra` holds J, and
    Somers' d with its standard error.

    >>> groups = pd.Series([1, 1, 2, 2, 3, 3])
    >>> jonckheere(pd.Series([1, 2, 2, 3, 3, 4]), groups).extra["j"]
    11.0

    Raises:
        AnalysisError: a variable is constant or has no order.
    """
    check_confidence(confidence)
    table = cross_table(outcome, predictor)
    test = jonckheere_on_tables(table.counts)
    assert test.effect is not None and test.se is not None
    d, se = 2 * float(test.effect), 2 * float(test.se)
    p, notes = _concordance_p(table, float(test.p), rng, resamples)
    low, high = _fisher_interval(d, se, confidence)
    pairs = (table.n**2 - float((table.counts.sum(1) ** 2).sum())) / 2
    return TestResult(
        method="Jonckheere–Terpstra test",
        effect="probability of superiority",
        estimate=(1 + d) / 2,
        low=(1 + low) / 2,
        high=(1 + high) / 2,
        n=table.n,
        statistic=float(test.z),
        p=p,
        confidence=confidence,
        null=0.5,
        notes=(*notes, "over pairs of respondents from different groups"),
        extra={
            "j": pairs * (1 + d) / 2,
            "groups": float(len(table.rows)),
            "somers_d": d,
            "se_somers_d": se,
            "asymptotic_p": float(test.p),
        },
    )


def _concordance_p(
    table: CrossTable, large_sample: float, rng: np.random.Generator | None, resamples: int
) -> tuple[float, tuple[str, ...]]:
    """P-value of |S|; tau-b and J are monotone in S when the margins are fixed."""
    if rng is None:
        return large_sample, ("normal approximation",)
    p = permutation_p(lambda drawn: np.abs(concordance(drawn)), table.counts, rng, resamples)
    return p, (monte_carlo_note(resamples),)


def _fisher_interval(estimate: float, se: float, confidence: float) -> tuple[float, float]:
    if not math.isfinite(estimate) or abs(estimate) >= 1:
        return estimate, estimate
    half = float(stats.norm.ppf((1 + confidence) / 2)) * se / (1 - estimate**2)
    centre = math.atanh(estimate)
    return math.tanh(centre - half), math.tanh(centre + half)


def spearman_on_tables(
    tables: ArrayLike, scores: _Given = None, values: _Given = None, trials: float | None = None
) -> TableTest:
    """Test the rank correlation of each table by its t on n - 2 degrees of freedom.

    >>> spearman_on_tables([[5, 2], [3, 3], [1, 4]]).statistic.round(3).tolist()
    0.41
    """
    t = np.asarray(tables, dtype=float)
    rho = score_correlation(t, (), (), ranks=True)
    z = t_deviate(rho, t.sum((-2, -1)) - 2)
    return TableTest(z, 2 * special.ndtr(-np.abs(z)), rho, rho)


def spearman(
    outcome: pd.Series,
    predictor: pd.Series,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
) -> TestResult:
    """Measure and test monotone association by Spearman's rank correlation.

    Interval on Fisher's z scale with the standard error of Bonett & Wright (2000, Psychometrika
    65:23); p-value from t on n - 2 degrees of freedom, or by permutation when `rng` is given.

    >>> x = pd.Series([1, 2, 3, 4, 5])
    >>> round(spearman(pd.Series([2, 1, 3, 5, 4]), x).estimate, 4)
    0.8

    Raises:
        AnalysisError: a variable is constant or has no order, or n is below 4.
    """
    check_confidence(confidence)
    table = cross_table(outcome, predictor)
    n = table.n
    if n < 4:
        raise AnalysisError(f"{n} respondents are too few for a rank correlation")
    rho = min(1.0, max(-1.0, float(score_correlation(table.counts, (), (), ranks=True))))
    t = rho * math.sqrt((n - 2) / (1 - rho**2)) if abs(rho) < 1 else math.copysign(math.inf, rho)
    p = large_sample = float(2 * stats.t.sf(abs(t), n - 2))
    note = "t approximation"
    if rng is not None:
        note = monte_carlo_note(resamples)
        p = permutation_p(
            lambda drawn: np.abs(score_correlation(drawn, (), (), ranks=True)),
            table.counts,
            rng,
            resamples,
        )
    se = math.sqrt((1 + rho**2 / 2) / (n - 3))
    low, high = _fisher_interval(rho, se * (1 - rho**2), confidence)
    return TestResult(
        method="Spearman's rank correlation",
        effect="Spearman's rho",
        estimate=rho,
        low=low,
        high=high,
        n=n,
        statistic=t,
        p=p,
        confidence=confidence,
        notes=(note, "interval on Fisher's z scale (Bonett–Wright)"),
        extra={"asymptotic_p": large_sample},
    )


# ── Two groups ────────────────────────────────────────────────────────────────────────────────────


def superiority(tables: ArrayLike) -> Floats:
    """Return P(outcome in row 1 > row 0) + half the ties, for tables with two rows.

    >>> float(superiority([[2, 0], [0, 2]]))
    1.0
    """
    t = np.asarray(tables, dtype=np.float64)
    n = t.sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(0.5 + concordance(t) / (2 * n[..., 0] * n[..., 1]))


def mann_whitney_on_tables(
    tables: ArrayLike, scores: _Given = None, values: _Given = None, trials: float | None = None
) -> TableTest:
    """Test two groups by ranks: normal approximation, corrected for ties and continuity.

    The same as scipy.stats.mannwhitneyu(method="asymptotic"). The statistic is U of the second.

    >>> mann_whitney_on_tables([[5, 2, 1], [1, 3, 4]]).p.round(4).tolist()
    0.0451
    """
    t = two_rows(np.asarray(tables, dtype=np.float64))
    n0, n1 = np.moveaxis(t.sum(-1), -1, 0)
    ties, n = t.sum(-2), n0 + n1
    gap = concordance(t) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = n0 * n1 / 12 * ((n + 1) - (ties**3 - ties).sum(-1) / (n * (n - 1)))
        p = np.clip(2 * special.ndtr(-(np.abs(gap) - 0.5) / np.sqrt(variance)), 0, 1)
        return result_from_p(gap + n0 * n1 / 2, p, gap, gap / (n0 * n1))


def brunner_munzel_on_tables(
    tables: ArrayLike, scores: _Given = None, values: _Given = None, trials: float | None = None
) -> TableTest:
    """Test two groups by the probability of superiority, whatever their variances.

    Brunner and Munzel (2000, Biometrical J. 42:17), the same as scipy.stats.brunnermunzel with the
    t distribution, with the sign turned so that a positive statistic means larger outcomes in the
    second group. Where the groups do not overlap the statistic is infinite.

    >>> brunner_munzel_on_tables([[5, 2, 1], [1, 3, 4]]).p.round(4).tolist()
    0.0251
    """
    t = two_rows(np.asarray(tables, dtype=np.float64))
    n = t.sum(-1)
    n0, n1 = np.moveaxis(n, -1, 0)
    columns = t.sum(-2)
    mid_all = np.cumsum(columns, -1) - columns / 2
    mid_within = np.cumsum(t, -1) - t / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        # Placement of each value: its rank among all less its rank within its own row.
        place = mid_all[..., None, :] - mid_within
        mean = (t * place).sum(-1) / n
        squares = (t * (place - mean[..., None]) ** 2).sum(-1) / (n - 1)
        v0, v1 = squares[..., 0] / (n0 * n1**2), squares[..., 1] / (n1 * n0**2)
        effect = superiority(t) - 0.5
        # Rounding leaves crumbs where the placements are all the same.
        se = np.where(v0 + v1 < 1e-20, 0.0, np.sqrt(v0 + v1))
        statistic = effect / se
        df = (v0 + v1) ** 2 / (v0**2 / (n0 - 1) + v1**2 / (n1 - 1))
        separated = np.minimum(1.0, 2 / special.comb(n0 + n1, n1))
        p = np.where(se == 0, separated, 2 * special.stdtr(df, -np.abs(statistic)))
        p = np.where(np.isnan(statistic), np.nan, p)
    return result_from_p(statistic, p, statistic, effect, df, se)


def mann_whitney(
    outcome: pd.Series,
    predictor: pd.Series,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
) -> TestResult:
    """Test an ordered variable between two groups: Wilcoxon–Mann–Whitney with exact p-value.

    The permutation distribution of the midrank sum is enumerated, ties included, up to 1,000
    respondents. The estimate is the probability that a respondent of the second group (predictor
    true) has the higher outcome, ties counting half, with the Brunner–Munzel interval on the logit
    scale; the test itself is of equal distributions, so interval and test need not agree. `extra`
    holds U of the second group, the rank-biserial correlation, the Hodges–Lehmann shift and the
    normal p-value.

    If the outcome is the binary one and the predictor is not, their roles are exchanged; the
    estimate then is the probability that a respondent with the outcome has the higher predictor.

    >>> result = mann_whitney(pd.Series([1, 2, 3, 4]), pd.Series([0, 0, 1, 1]))
    >>> round(result.p, 4), result.statistic
    (0.3333, 4.0)

    Args:
        outcome: ordered; or binary, with an ordered predictor.
        predictor: binary; or ordered, with a binary outcome.
        confidence: level of the interval.
        rng: for Monte Carlo where the ranks are too many to enumerate.
        resamples: number of permutations in that case.

    Raises:
        AnalysisError: a variable is constant, neither is binary, or the other has no order.
    """
    table, notes = _two_groups(outcome, predictor, confidence)
    ranks, second = midranks(table.counts.sum(0)), table.counts[1]
    n, m = table.n, int(second.sum())
    observed, centre = float(second @ ranks), m * (n + 1) / 2
    variance = m * (n - m) / (n - 1) * float(table.counts.sum(0) @ (ranks - (n + 1) / 2) ** 2) / n
    z = (observed - centre) / math.sqrt(variance)
    large_sample = float(2 * stats.norm.sf(abs(z)))
    exact = sum_distribution(ranks, table.counts.sum(0), m)
    if exact is not None:
        p, note = exact.distance_p(observed), "exact permutation p-value"
    elif rng is None:
        p, note = large_sample, "normal approximation"
    else:
        p = permutation_p(lambda drawn: np.abs(concordance(drawn)), table.counts, rng, resamples)
        note = f"too many to enumerate: {monte_carlo_note(resamples)}"
    effect = _superiority_interval(table, confidence)
    shifts = np.subtract.outer(table.columns, table.columns)
    weights = np.multiply.outer(second, table.counts[0])
    return TestResult(
        method="Wilcoxon–Mann–Whitney test",
        effect="probability of superiority",
        estimate=effect.estimate,
        low=effect.low,
        high=effect.high,
        n=n,
        statistic=observed - m * (m + 1) / 2,
        p=p,
        confidence=confidence,
        null=0.5,
        notes=(*notes, note),
        extra={
            "n_first": float(n - m),
            "n_second": float(m),
            "z": z,
            "rank_biserial": 2 * effect.estimate - 1,
            "hodges_lehmann": _weighted_median(shifts.ravel(), weights.ravel()),
            "asymptotic_p": large_sample,
        },
    )


def _weighted_median(values: Floats, weights: NDArray[np.int64]) -> float:
    order = np.argsort(values, kind="stable")
    values, upto = values[order], np.cumsum(weights[order])
    half = upto[-1] / 2
    at = int(np.searchsorted(upto, half))
    beyond = int(np.searchsorted(upto, half, side="right"))
    return float((values[at] + values[beyond]) / 2)


def brunner_munzel(
    outcome: pd.Series,
    predictor: pd.Series,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
) -> TestResult:
    """Test whether one group tends to higher values, whatever the shapes and variances.

    Brunner & Munzel (2000, Biometrical J. 42:17), with ties. The estimate is the probability of
    superiority of the second group (predictor true), P(X < Y) + P(X = Y)/2. The p-value is that
    of the t approximation, or of the studentised permutation test (Neubert & Brunner 2007,
    CSDA 51:5192) when `rng` is given. The t approximation is liberal when a group has fewer than
    about ten respondents, which is the case for rare exposures; use the permutation test there.

    The interval is on the logit scale, so within 0 and 1. When the groups do not overlap the
    variance estimate is 0: the p-value is then that of the exact permutation test and the interval
    is Newcombe's (2006, Stat. Med. 25:559, method 5).

    Roles are exchanged as in `mann_whitney` if only the outcome is binary.

    >>> result = brunner_munzel(pd.Series([1, 2, 3, 2, 4, 5]), pd.Series([0, 0, 0, 1, 1, 1]))
    >>> round(result.estimate, 4)
    0.8333

    Args:
        outcome: ordered; or binary, with an ordered predictor.
        predictor: binary; or ordered, with a binary outcome.
        confidence: level of the interval.
        rng: for the studentised permutation test; None gives the t approximation.
        resamples: number of permutations.

    Raises:
        AnalysisError: a variable is constant, neither is binary, the other has no order, or a
            group has fewer than two respondents.
    """
    table, notes = _two_groups(outcome, predictor, confidence)
    effect, test = _superiority_interval(table, confidence), brunner_munzel_on_tables(table.counts)
    n_first, n_second = table.counts.sum(1).tolist()
    p = large_sample = float(test.p)
    if effect.se == 0:
        large_sample = math.nan
        notes += ("the groups do not overlap: exact permutation p-value, Newcombe interval",)
    else:
        if rng is None:
            notes += ("t approximation",)
        else:
            p = permutation_p(
                lambda drawn: np.nan_to_num(
                    np.abs(brunner_munzel_on_tables(drawn).statistic), posinf=math.inf
                ),
                table.counts,
                rng,
                resamples,
            )
            notes += (f"studentised, {monte_carlo_note(resamples)}",)
        notes += ("interval on the logit scale",)
    if min(n_first, n_second) < 10:
        notes += (
            f"the smaller group has {min(n_first, n_second)} respondents: "
            "the interval is approximate",
        )
    return TestResult(
        method="Brunner–Munzel test",
        effect="probability of superiority",
        estimate=effect.estimate,
        low=effect.low,
        high=effect.high,
        n=table.n,
        statistic=float(test.statistic),
        p=p,
        confidence=confidence,
        null=0.5,
        notes=notes,
        extra={
            "df": effect.df,
            "se": effect.se,
            "n_first": float(n_first),
            "n_second": float(n_second),
            "asymptotic_p": large_sample,
        },
    )


@dataclass(frozen=True, slots=True)
class _Superiority:
    estimate: float
    low: float
    high: float
    se: float
    df: float


def _superiority_interval(table: CrossTable, confidence: float) -> _Superiority:
    n_first, n_second = (int(size) for size in table.counts.sum(1))
    if min(n_first, n_second) < 2:
        raise AnalysisError("a group has fewer than two respondents")
    test = brunner_munzel_on_tables(table.counts)
    assert test.effect is not None and test.se is not None and test.df is not None
    estimate, se, df = 0.5 + float(test.effect), float(test.se), float(test.df)
    if se == 0:
        estimate = float(round(estimate))
        low, high = newcombe_superiority_interval(estimate, n_first, n_second, confidence)
        return _Superiority(estimate, low, high, 0.0, math.nan)
    half = float(stats.t.ppf((1 + confidence) / 2, df)) * se / (estimate * (1 - estimate))
    centre = float(special.logit(estimate))
    low, high = float(special.expit(centre - half)), float(special.expit(centre + half))
    return _Superiority(estimate, low, high, se, df)


def newcombe_superiority_interval(
    estimate: float, n_first: int, n_second: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval for the probability of superiority that holds when the groups do not overlap.

    Newcombe (2006, Stat. Med. 25:559), method 5: a score-type interval with the variance of
    Hanley & McNeil (1982) and the mean of the group sizes.

    >>> low, high = newcombe_superiority_interval(1.0, 10, 10)
    >>> round(low, 4), high
    (0.8002, 1.0)
    """
    z = float(stats.norm.ppf((1 + confidence) / 2))
    extra = (n_first + n_second) / 2 - 1

    def gap(theta: float) -> float:
        inflation = 1 + extra * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        # As a ratio, because the difference has a spurious root at 0 and at 1.
        ratio = (estimate - theta) ** 2 / (theta * (1 - theta) * inflation)
        return ratio * n_first * n_second - z**2

    edge = 1e-12
    low = 0.0 if estimate <= 0 else float(optimize.brentq(gap, edge, estimate - edge, xtol=1e-15))
    high = (
        1.0 if estimate >= 1 else float(optimize.brentq(gap, estimate + edge, 1 - edge, xtol=1e-15))
    )
    return low, high


def _two_groups(
    outcome: pd.Series, predictor: pd.Series, confidence: float
) -> tuple[CrossTable, tuple[str, ...]]:
    """Return a table whose two rows are the groups."""
    check_confidence(confidence)
    table = cross_table(outcome, predictor)
    if table.rows.tolist() == [0.0, 1.0]:
        return table, ()
    if table.columns.tolist() == [0.0, 1.0]:
        turned = CrossTable(table.counts.T, table.columns, table.rows)
        return turned, ("groups are formed by the outcome",)
    raise AnalysisError("neither variable has two values, so there are no two groups to compare")


# ── Several groups ────────────────────────────────────────────────────────────────────────────────


def kruskal_on_tables(
    tables: ArrayLike, scores: _Given = None, values: _Given = None, trials: float | None = None
) -> TableTest:
    """Test the rows of each table by their mean ranks: Kruskal–Wallis H, corrected for ties.

    >>> kruskal_on_tables([[5, 2], [3, 3], [1, 4]]).statistic.round(3).tolist()
    2.914
    """
    t = np.asarray(tables, dtype=np.float64)
    rows, columns, n = t.sum(-1), t.sum(-2), t.sum(axis=(-2, -1))
    centred = midranks(columns) - (n[..., None] + 1) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        sums = (t * centred[..., None, :]).sum(-1)
        between = np.where(rows > 0, sums**2 / rows, 0).sum(-1)
        h = (n - 1) * between / (columns * centred**2).sum(-1)
        df = (rows > 0).sum(-1) - 1.0
        p = special.chdtrc(df, h)
    return result_from_p(h, p, np.ones_like(h), df=df)


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

    >>> groups = pd.Series(list("aabbcc"))
    >>> round(kruskal_permutation(pd.Series([1, 2, 3, 4, 5, 6]), groups).statistic, 4)
    4.5714

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
    table = cross_table(outcome, predictor, predictor_ordered=False)
    test = kruskal_on_tables(table.counts)
    n, k, h = table.n, len(table.rows), float(test.statistic)
    p, note = float(test.p), "chi-square approximation"
    if rng is not None:
        p = permutation_p(
            lambda drawn: kruskal_on_tables(drawn).statistic, table.counts, rng, resamples
        )
        note = monte_carlo_note(resamples)
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
        notes=(note, "interval by inverting the noncentral chi-square, approximate"),
        extra={
            "df": float(k - 1),
            "epsilon_squared": h / (n - 1),
            "asymptotic_p": float(test.p),
        },
    )
