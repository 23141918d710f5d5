"""Two ordered variables: how far they rise and fall together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.association.resampling import (
    RESAMPLES,
    cross_tabulated,
    monte_carlo_p,
    permuted,
)
from mlsec_survey.stats.pairs import FloatArray, as_scores, check_confidence, complete_pairs
from mlsec_survey.stats.result import TestResult


@dataclass(frozen=True, slots=True)
class Concordance:
    """Counts of pairs of respondents by order, and what the measures are made of.

    Attributes:
        concordant, discordant: pairs ordered alike, or contrary, in both variables.
        untied_rows, untied_columns: pairs that differ in the row variable, in the column variable.
        n: respondents.
        tau_b, gamma, somers_d: the measures; `somers_d` takes rows as the dependent variable.
        se_tau_b, se_gamma, se_somers_d: their standard errors, not assuming independence.
    """

    concordant: float
    discordant: float
    untied_rows: float
    untied_columns: float
    n: int
    tau_b: float
    se_tau_b: float
    gamma: float
    se_gamma: float
    somers_d: float
    se_somers_d: float


def concordance(table: FloatArray) -> Concordance:
    """Measure ordinal association in a table of counts with ordered rows and columns.

    Standard errors by the delta method for multinomial sampling: Goodman & Kruskal (1972,
    JASA 67:415), Brown & Benedetti (1977, JASA 72:309).

    Raises:
        AnalysisError: only one row or column is occupied.
    """
    table = np.asarray(table, dtype=float)
    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    if min(table.shape) < 2:
        raise AnalysisError("ordinal association needs two values of each variable")
    n = float(table.sum())
    alike, contrary = _pairs_per_cell(table)
    p, q = float((table * alike).sum()), float((table * contrary).sum())
    rows, columns = table.sum(1), table.sum(0)
    w_r, w_c = n**2 - float((rows**2).sum()), n**2 - float((columns**2).sum())
    d = alike - contrary
    w = math.sqrt(w_r * w_c)
    tau = (p - q) / w
    v = rows[:, None] * w_c + columns[None, :] * w_r
    inner = float((table * (2 * w * d + tau * v) ** 2).sum())
    se_tau = math.sqrt(max(0.0, inner - n**3 * tau**2 * (w_r + w_c) ** 2)) / w**2
    untied = p + q
    gamma = (p - q) / untied if untied else math.nan
    se_gamma = (
        4 / untied**2 * math.sqrt(float((table * (q * alike - p * contrary) ** 2).sum()))
        if untied
        else math.nan
    )
    # Rows depend on columns: pairs tied in the column variable say nothing.
    somers = (p - q) / w_c
    se_somers = (
        2
        / w_c**2
        * math.sqrt(float((table * (w_c * d - (p - q) * (n - columns[None, :])) ** 2).sum()))
    )
    return Concordance(
        p / 2, q / 2, w_r / 2, w_c / 2, int(n), tau, se_tau, gamma, se_gamma, somers, se_somers
    )


def _pairs_per_cell(table: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Count, for each cell of a table, the respondents in cells ordered alike and contrary."""
    difference = _alike_less_contrary(table)
    # Everybody outside the cell's own row and column is ordered one way or the other.
    outside = table.sum() - table.sum(1)[:, None] - table.sum(0) + table
    return (outside + difference) / 2, (outside - difference) / 2


def _alike_less_contrary(tables: FloatArray) -> FloatArray:
    """Return the pairs ordered alike less those contrary, for each cell of tables (…, r, c)."""
    r, c = tables.shape[-2:]
    above, left = (np.sign(np.subtract.outer(np.arange(k), np.arange(k))) for k in (r, c))
    return np.asarray(above.astype(float) @ (tables @ left.T.astype(float)))


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

    Raises:
        AnalysisError: a variable is constant or has no order.
    """
    table, n = _ordered_table(outcome, predictor, confidence)
    measures = concordance(table)
    z, asymptotic_p = _kendall_z(table)
    p, notes = _ordinal_p(table, asymptotic_p, rng, resamples)
    low, high = _fisher_interval(measures.tau_b, measures.se_tau_b, confidence)
    return TestResult(
        method="Kendall's tau-b",
        effect="Kendall's tau-b",
        estimate=measures.tau_b,
        low=low,
        high=high,
        n=n,
        statistic=z,
        p=p,
        confidence=confidence,
        notes=(*notes, "interval on Fisher's z scale"),
        extra={
            "se": measures.se_tau_b,
            "gamma": measures.gamma,
            "se_gamma": measures.se_gamma,
            "somers_d": measures.somers_d,
            "se_somers_d": measures.se_somers_d,
            "concordant": measures.concordant,
            "discordant": measures.discordant,
            "asymptotic_p": asymptotic_p,
        },
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
    the standardised J with the variance for ties, the same as Kendall's z; `extra` holds J.

    Raises:
        AnalysisError: a variable is constant or has no order.
    """
    table, n = _ordered_table(outcome, predictor, confidence)
    measures = concordance(table)
    z, asymptotic_p = _kendall_z(table)
    p, notes = _ordinal_p(table, asymptotic_p, rng, resamples)
    low, high = _fisher_interval(measures.somers_d, measures.se_somers_d, confidence)
    compared = measures.untied_columns
    return TestResult(
        method="Jonckheere–Terpstra test",
        effect="probability of superiority",
        estimate=(1 + measures.somers_d) / 2,
        low=(1 + low) / 2,
        high=(1 + high) / 2,
        n=n,
        statistic=z,
        p=p,
        confidence=confidence,
        null=0.5,
        notes=(*notes, "over pairs of respondents from different groups"),
        extra={
            "j": (compared + measures.concordant - measures.discordant) / 2,
            "groups": float(table.shape[1]),
            "asymptotic_p": asymptotic_p,
        },
    )


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

    Raises:
        AnalysisError: a variable is constant or has no order, or n is below 4.
    """
    check_confidence(confidence)
    left, right = complete_pairs(outcome, predictor)
    x, y = (stats.rankdata(as_scores(values)) for values in (right, left))
    n = len(x)
    if n < 4:
        raise AnalysisError(f"{n} respondents are too few for a rank correlation")
    x, y = ((ranks - ranks.mean()) / math.sqrt(ranks.var() * n) for ranks in (x, y))
    rho = min(1.0, max(-1.0, float(x @ y)))
    t = rho * math.sqrt((n - 2) / (1 - rho**2)) if abs(rho) < 1 else math.copysign(math.inf, rho)
    asymptotic_p = float(2 * stats.t.sf(abs(t), n - 2))
    if rng is None:
        p, notes = asymptotic_p, ("t approximation",)
    else:
        drawn = np.concatenate([block @ x for block in permuted(y, rng, resamples)])
        p = monte_carlo_p(np.abs(drawn), abs(rho))
        notes = (f"Monte Carlo p-value from {resamples} permutations",)
    low = high = rho
    if abs(rho) < 1:
        reach = float(stats.norm.ppf((1 + confidence) / 2)) * math.sqrt((1 + rho**2 / 2) / (n - 3))
        low, high = math.tanh(math.atanh(rho) - reach), math.tanh(math.atanh(rho) + reach)
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
        notes=(*notes, "interval on Fisher's z scale (Bonett–Wright)"),
        extra={"asymptotic_p": asymptotic_p},
    )


def goodman_kruskal_gamma(
    outcome: pd.Series, predictor: pd.Series, *, confidence: float = 0.95
) -> TestResult:
    """Measure monotone association by Goodman and Kruskal's gamma, which ignores tied pairs.

    Interval on Fisher's z scale; the p-value is that of Kendall's tau-b, which tests the same
    null hypothesis with a variance that holds under it.

    Raises:
        AnalysisError: a variable is constant or has no order.
    """
    name = "Goodman and Kruskal's gamma"
    table, n = _ordered_table(outcome, predictor, confidence)
    measures = concordance(table)
    return _pair_measure(name, measures.gamma, measures.se_gamma, table, n, confidence)


def somers_d(outcome: pd.Series, predictor: pd.Series, *, confidence: float = 0.95) -> TestResult:
    """Measure how far an ordered outcome follows an ordered predictor, by Somers' d.

    Pairs tied in the predictor are left out, pairs tied in the outcome are not (Somers 1962).

    Raises:
        AnalysisError: a variable is constant or has no order.
    """
    table, n = _ordered_table(outcome, predictor, confidence)
    measures = concordance(table)
    return _pair_measure("Somers' d", measures.somers_d, measures.se_somers_d, table, n, confidence)


def _pair_measure(
    name: str, estimate: float, se: float, table: FloatArray, n: int, confidence: float
) -> TestResult:
    z, p = _kendall_z(table)
    low, high = _fisher_interval(estimate, se, confidence)
    return TestResult(
        method=name,
        effect=name,
        estimate=estimate,
        low=low,
        high=high,
        n=n,
        statistic=z,
        p=p,
        confidence=confidence,
        extra={"se": se},
    )


def _ordered_table(
    outcome: pd.Series, predictor: pd.Series, confidence: float
) -> tuple[FloatArray, int]:
    check_confidence(confidence)
    left, right = complete_pairs(outcome, predictor)
    _, rows = np.unique(as_scores(left), return_inverse=True)
    _, columns = np.unique(as_scores(right), return_inverse=True)
    table = cross_tabulated(rows[None, :], columns, int(rows.max()) + 1, int(columns.max()) + 1)[0]
    return table, len(rows)


def _kendall_z(table: FloatArray) -> tuple[float, float]:
    """Standardise S with its permutation variance for ties (Kendall 1970, ch. 4)."""
    rows, columns, n = table.sum(1), table.sum(0), float(table.sum())
    s = float((table * _alike_less_contrary(table)).sum()) / 2

    def moment(values: FloatArray, power: int) -> float:
        if power == 1:
            return float((values * (values - 1) * (2 * values + 5)).sum())
        if power == 2:
            return float((values * (values - 1)).sum())
        return float((values * (values - 1) * (values - 2)).sum())

    variance = (n * (n - 1) * (2 * n + 5) - moment(rows, 1) - moment(columns, 1)) / 18
    variance += moment(rows, 2) * moment(columns, 2) / (2 * n * (n - 1))
    if n > 2:
        variance += moment(rows, 3) * moment(columns, 3) / (9 * n * (n - 1) * (n - 2))
    z = s / math.sqrt(variance)
    return z, float(2 * stats.norm.sf(abs(z)))


def _ordinal_p(
    table: FloatArray, asymptotic_p: float, rng: np.random.Generator | None, resamples: int
) -> tuple[float, tuple[str, ...]]:
    """P-value of |S|; tau-b, gamma and J are monotone in S when the margins are fixed."""
    if rng is None:
        return asymptotic_p, ("normal approximation",)
    rows = np.repeat(np.arange(table.shape[0]), table.sum(1).astype(np.int64))
    columns = np.repeat(np.arange(table.shape[1]), table.sum(0).astype(np.int64))

    def sums(tables: FloatArray) -> FloatArray:
        return np.abs((tables * _alike_less_contrary(tables)).sum((1, 2)))

    observed = float(sums(table[None])[0])
    blocks = permuted(rows, rng, resamples, cells=max(len(rows), 4 * table.size))
    drawn = np.concatenate(
        [sums(cross_tabulated(block, columns, *table.shape)) for block in blocks]
    )
    return (
        monte_carlo_p(drawn, observed),
        (f"Monte Carlo p-value from {resamples} permutations",),
    )


def _fisher_interval(estimate: float, se: float, confidence: float) -> tuple[float, float]:
    if not math.isfinite(estimate) or abs(estimate) >= 1:
        return estimate, estimate
    reach = float(stats.norm.ppf((1 + confidence) / 2)) * se / (1 - estimate**2)
    centre = math.atanh(estimate)
    return math.tanh(centre - reach), math.tanh(centre + reach)
