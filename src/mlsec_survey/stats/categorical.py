"""Groups and binary outcomes: contingency tables, Fisher's exact test, trends in a share.

Functions that end in `_on_tables` run a test on each table of a stack (counts of shape (…, r, c));
the others take two Series (aligned by index, respondents who lack one are left out) and return a
`TestResult`. Where these take `rng`, the p-value comes from random permutations if no enumeration
is possible.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats
from scipy.stats import contingency

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats import logistic
from mlsec_survey.stats.design import noncentral_interval, safe_exp
from mlsec_survey.stats.exact import EXACT_UP_TO, SumDistribution, TrendDesign, sum_distribution
from mlsec_survey.stats.pairs import check_confidence
from mlsec_survey.stats.result import TestResult
from mlsec_survey.stats.tables import (
    RESAMPLES,
    SLACK,
    CrossTable,
    TableTest,
    cross_table,
    every_table,
    monte_carlo_note,
    permutation_p,
    result_from_p,
    result_from_z,
    scores_of,
)

Floats = NDArray[np.float64]
# Cochran's (1954) least expected count, here for the noncentral interval of Cramér's V.
LEAST_EXPECTED = 1.0


# ── Independence ──────────────────────────────────────────────────────────────────────────────────


def chi_square(tables: ArrayLike) -> tuple[Floats, Floats]:
    """Return Pearson's chi-square, without continuity correction, and its degrees of freedom.

    Rows and columns without respondents do not count.

    >>> statistic, df = chi_square([[10, 20], [20, 10]])
    >>> round(float(statistic), 4), float(df)
    (6.6667, 1.0)
    """
    t = np.asarray(tables, dtype=np.float64)
    rows, columns = t.sum(-1, keepdims=True), t.sum(-2, keepdims=True)
    expected = rows * columns / np.maximum(t.sum(axis=(-2, -1)), 1)[..., None, None]
    cells = np.divide((t - expected) ** 2, expected, out=np.zeros_like(t), where=expected > 0)
    df = ((rows > 0).sum((-2, -1)) - 1.0) * ((columns > 0).sum((-2, -1)) - 1.0)
    return cells.sum(axis=(-2, -1)), df


def corrected_cramers_v(tables: ArrayLike) -> Floats:
    """Return Cramér's V corrected for bias (Bergsma 2013, doi:10.1016/j.jkss.2012.10.002).

    >>> round(float(corrected_cramers_v([[10, 20], [20, 10]])), 4)
    0.3095
    """
    t = np.asarray(tables, dtype=np.float64)
    n = t.sum(axis=(-2, -1))
    r, c = (t.sum(-1) > 0).sum(-1), (t.sum(-2) > 0).sum(-1)
    statistic, df = chi_square(t)
    with np.errstate(divide="ignore", invalid="ignore"):
        phi2 = np.maximum(statistic / n - df / (n - 1), 0)
        smaller = np.minimum(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1))
        return np.asarray(np.sqrt(phi2 / (smaller - 1)))


def contingency_on_tables(
    tables: ArrayLike,
    scores: ArrayLike | None = None,
    values: ArrayLike | None = None,
    trials: float | None = None,
) -> TableTest:
    """Test independence by (n - 1)/n of chi-square, which under permutation averages its df.

    >>> contingency_on_tables([[20, 10], [10, 20]]).p.round(4).tolist()
    0.0105
    """
    t = np.asarray(tables, dtype=float)
    n = t.sum((-2, -1))
    statistic, df = chi_square(t)
    statistic = (n - 1) / n * statistic
    p = np.where(df > 0, special.chdtrc(np.maximum(df, 1), statistic), np.nan)
    return result_from_p(statistic, p, np.ones_like(p), df=df)


def contingency_permutation(
    outcome: pd.Series,
    predictor: pd.Series,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
    ordering: Literal["chi_square", "probability"] = "chi_square",
) -> TestResult:
    """Test two categorical variables for association, exactly or by Monte Carlo permutation.

    Full enumeration of the tables with the observed margins when there are at most 50,000;
    otherwise `resamples` random permutations. The estimate is Cramér's V with the bias correction
    of Bergsma; its interval inverts the noncentral chi-square (Smithson 2003).

    Where an expected count is below 1 that interval covers too rarely (down to 69 % of samples of
    139 with 2 % of one outcome in 8 uneven groups). There the interval is all that Cramér's V can
    be, 0 to 1. The p-value is exact either way. scripts/check_error_rates.py has the simulation.

    >>> result = contingency_permutation(
    ...     pd.Series(list("aabbbb")), pd.Series(list("xxxyyy"))
    ... )
    >>> round(result.p, 4), round(result.estimate, 4)
    (0.4, 0.6124)

    Args:
        outcome, predictor: any categories.
        confidence: level of the interval.
        rng: needed when the tables are too many to enumerate.
        resamples: number of permutations; 0 leaves the p-value out.
        ordering: what makes a table extreme: its chi-square, or its probability
            (Fisher–Freeman–Halton).

    Raises:
        AnalysisError: a variable is constant.
        ValueError: `rng` is needed and None.
    """
    check_confidence(confidence)
    table = cross_table(outcome, predictor, outcome_ordered=False, predictor_ordered=False).counts
    n, smaller_side = int(table.sum()), min(table.shape)
    expected = contingency.expected_freq(table)
    statistic, df = (float(value) for value in chi_square(table))
    p = math.nan
    notes: tuple[str, ...] = ()
    if resamples:

        def extremeness(drawn: Floats) -> Floats:
            if ordering == "probability":
                return np.asarray(special.gammaln(drawn + 1).sum(axis=(1, 2)))
            return np.asarray(((drawn - expected) ** 2 / expected).sum(axis=(1, 2)))

        every = every_table(table)
        if every is not None:
            observed = float(extremeness(table[None].astype(float))[0])
            log_probability = -special.gammaln(every + 1).sum(axis=(1, 2))
            weights = np.exp(log_probability - log_probability.max())
            extreme = extremeness(every) >= observed - SLACK * max(1.0, abs(observed))
            p = min(1.0, float(weights[extreme].sum() / weights.sum()))
            notes = (f"exact p-value over {len(every):,} tables",)
        elif rng is None:
            raise ValueError("the tables are too many to enumerate: a generator is needed")
        else:
            p = permutation_p(extremeness, table, rng, resamples)
            notes = (monte_carlo_note(resamples),)
    if ordering == "probability":
        notes += ("tables ordered by probability (Fisher–Freeman–Halton)",)
    if expected.min() < LEAST_EXPECTED:
        low, high = 0.0, 1.0
        notes += (
            f"no interval: the smallest expected count, {expected.min():.1g}, is below "
            f"{LEAST_EXPECTED:g}, where the usual one covers too rarely",
        )
    else:
        low, high = (
            min(1.0, math.sqrt(value / (n * (smaller_side - 1))))
            for value in noncentral_interval(statistic, int(df), confidence)
        )
        notes += ("interval by inverting the noncentral chi-square",)
    if (expected < 5).any():
        notes += (f"{int((expected < 5).sum())} of {table.size} expected counts are below 5",)
    return TestResult(
        method="permutation test of a contingency table",
        effect="Cramér's V",
        estimate=float(np.nan_to_num(corrected_cramers_v(table))),
        low=low,
        high=high,
        n=n,
        statistic=statistic,
        p=p,
        confidence=confidence,
        notes=notes,
        extra={
            "df": df,
            "smallest_expected": float(expected.min()),
            "smaller_side": float(smaller_side),
            "cramers_v_uncorrected": float(contingency.association(table, method="cramer")),
            "asymptotic_p": float(stats.chi2.sf(statistic, df)),
        },
    )


# ── Two by two ────────────────────────────────────────────────────────────────────────────────────


def fisher_on_tables(
    tables: ArrayLike,
    scores: ArrayLike | None = None,
    values: ArrayLike | None = None,
    trials: float | None = None,
) -> TableTest:
    """Test each 2 × 2 table by Fisher's exact test, by the tables that are no more likely.

    Distinct tables are computed once. The statistic is the sample odds ratio.

    >>> fisher_on_tables([[8, 2], [1, 5]]).p.round(4).tolist()
    0.035
    """
    t = np.asarray(tables, dtype=np.int64)
    stack, which = np.unique(t.reshape(-1, 4), axis=0, return_inverse=True)
    p = np.array([stats.fisher_exact(cells.reshape(2, 2)).pvalue for cells in stack])
    a, b, c, d = np.moveaxis(t.reshape(*t.shape[:-2], 4), -1, 0).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = (a * d) / (b * c)
    return result_from_p(odds, p[which].reshape(t.shape[:-2]), a * d - b * c)


def fisher_exact(
    outcome: pd.Series, predictor: pd.Series, *, confidence: float = 0.95
) -> TestResult:
    """Test a binary outcome against a binary predictor by Fisher's exact test.

    The estimate is the conditional maximum-likelihood odds ratio with the exact interval of
    Cornfield; the p-value adds up all tables no more probable than the observed one. Both as in
    R's `fisher.test`; they are not inverses of each other. The test is conservative: at n = 139 and
    a rare outcome its size is well below the nominal level. `extra` holds the sample odds ratio and
    the four cells.

    >>> result = fisher_exact(pd.Series([1, 1, 1, 0, 0, 0]), pd.Series([1, 1, 0, 1, 0, 0]))
    >>> round(result.p, 4)
    1.0

    Raises:
        AnalysisError: a variable is constant or not binary.
    """
    check_confidence(confidence)
    table = _binary_outcome(cross_table(outcome, predictor))
    if len(table.rows) != 2:
        raise AnalysisError("the predictor must have two values")
    found = contingency.odds_ratio(table.counts, kind="conditional")
    interval = found.confidence_interval(confidence)
    (neither, outcome_only), (predictor_only, both) = table.counts.tolist()
    crossed = outcome_only * predictor_only
    return TestResult(
        method="Fisher's exact test",
        effect="odds ratio",
        estimate=float(found.statistic),
        low=float(interval.low),
        high=float(interval.high),
        n=table.n,
        p=float(stats.fisher_exact(table.counts).pvalue),
        confidence=confidence,
        null=1.0,
        notes=(
            "conditional maximum-likelihood odds ratio, exact interval",
            "the p-value adds up tables no more probable, so it is no inverse of the interval",
        ),
        extra={
            "both": both,
            "outcome_only": outcome_only,
            "predictor_only": predictor_only,
            "neither": neither,
            "sample_odds_ratio": both * neither / crossed if crossed else math.inf,
        },
    )


# ── A share along ordered levels ──────────────────────────────────────────────────────────────────


def trend_deviates(tables: ArrayLike, scores: ArrayLike | None = None) -> Floats:
    """Return the Cochran–Armitage z of tables with two columns, rows in order.

    Armitage (1955, doi:10.2307/3001775) with the variance under fixed margins, n - 1 instead of n,
    as in R's coin::independence_test; z² is (n - 1) r².

    >>> round(float(trend_deviates([[20, 5], [15, 10], [10, 15]])), 4)
    2.8674
    """
    t = np.asarray(tables, dtype=np.float64)
    s = scores_of(scores, t.shape[-2])
    rows, n, ones = t.sum(-1), t.sum(axis=(-2, -1)), t[..., 1].sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (rows * s).sum(-1) / n
        centred = (t[..., 1] * s).sum(-1) - ones * mean
        squares = (rows * (s - mean[..., None]) ** 2).sum(-1)
        return np.asarray(centred / np.sqrt(ones * (n - ones) / (n * (n - 1)) * squares))


def trend_score_on_tables(
    tables: ArrayLike,
    scores: ArrayLike | None = None,
    values: ArrayLike | None = None,
    trials: float | None = None,
) -> TableTest:
    """Test a trend by its normal approximation, without enumeration.

    >>> trend_score_on_tables([[9, 1], [7, 3], [4, 6]]).p.round(4).tolist()
    0.0197
    """
    return result_from_z(trend_deviates(tables, scores))


def trend_on_tables(
    tables: ArrayLike,
    scores: ArrayLike | None = None,
    values: ArrayLike | None = None,
    trials: float | None = None,
) -> TableTest:
    """Test a trend exactly, as `trend_permutation`, where all tables have the same row sums.

    Elsewhere, and with more than 1,000 respondents or too fine scores, by the normal approximation
    with the variance under permutation.

    >>> trend_on_tables([[9, 1], [7, 3], [4, 6]]).p.round(4).tolist()
    0.0327
    """
    t = np.asarray(tables, dtype=float)
    s = scores_of(scores, t.shape[-2])
    z = trend_deviates(t, s)
    stack = t.reshape(-1, *t.shape[-2:])
    rows = stack.sum(-1)
    design = None
    if len(stack) and (rows == rows[0]).all():
        occupied = rows[0] > 0
        design = TrendDesign.of(rows[0][occupied].astype(np.int64), s[occupied])
    if design is None:
        return result_from_z(z)
    cases = stack[..., 1].sum(-1).astype(np.int64)
    sums = np.rint(stack[:, occupied, 1] @ np.asarray(design[0].steps)).astype(np.int64)
    p = design[0].p_values()[cases, sums].reshape(z.shape)
    return result_from_p(z, np.where(np.isnan(z), np.nan, p), z)


def trend_distribution(table: CrossTable) -> tuple[SumDistribution | None, float]:
    """Return the permutation distribution of the cases' sum of scores, and the observed sum.

    >>> from mlsec_survey.stats.tables import cross_table
    >>> table = cross_table(pd.Series([0, 0, 1, 1]), pd.Series([0, 1, 1, 2]))
    >>> distribution, observed = trend_distribution(table)
    >>> observed
    3.0

    Args:
        table: rows are ordered levels, columns the outcome 0 and 1.

    Raises:
        AnalysisError: the outcome has other values.
    """
    cases = _binary_outcome(table).counts[:, 1]
    found = sum_distribution(table.rows, table.counts.sum(1), int(cases.sum()))
    return found, float(cases @ table.rows)


def trend_permutation(
    outcome: pd.Series,
    predictor: pd.Series,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
) -> TestResult:
    """Test a binary outcome for a trend over an ordered predictor, by permutation.

    The Cochran–Armitage statistic, referred to its exact permutation distribution given both
    margins. The estimate is the odds ratio per step (exact conditional logistic regression: Cox
    1970; Mehta & Patel 1995) with the interval that inverts the exact tail probabilities; it is
    infinite or zero when the data are separated, and the interval is then one-sided. The p-value
    is twice the smaller tail: it is below alpha exactly if the interval at 1 - alpha excludes 1.
    `statistic` is the Cochran–Armitage z; `extra` has its normal p-value, and the share of
    permutations at least as far from the mean in either direction (`distance_p`).

    Conservative: at n = 139 and a rare outcome the interval covers more often than it says. With
    more than 1,000 respondents, or scores too fine to enumerate, the p-value is Monte Carlo and the
    odds ratio that of Firth-penalised logistic regression.

    >>> answers = pd.Series([0, 0, 0, 1, 0, 1, 1, 1])
    >>> result = trend_permutation(answers, pd.Series([1, 1, 2, 2, 3, 3, 4, 4]))
    >>> round(result.p, 4), round(result.statistic, 4)
    (0.1429, 1.7748)

    Args:
        outcome: binary.
        predictor: ordered categories (a step is one category) or numbers (a step is one unit).
        confidence: level of the interval.
        rng: for the Monte Carlo p-value.
        resamples: number of permutations in that case; 0 leaves the p-value out.

    Raises:
        AnalysisError: a variable is constant, the outcome not binary, the predictor unordered.
        ValueError: permutations are needed and `rng` is None.
    """
    check_confidence(confidence)
    table = cross_table(outcome, predictor)
    _binary_outcome(table)
    z = float(trend_deviates(table.counts, table.rows))
    extra = {
        "cases": float(table.counts[:, 1].sum()),
        "asymptotic_p": float(2 * stats.norm.sf(abs(z))),
    }
    exact, observed = trend_distribution(table)
    if exact is not None:
        slope, low, high = exact.fit(observed, confidence)
        p = exact.central_p(observed)
        extra["distance_p"] = exact.distance_p(observed)
        notes: tuple[str, ...] = ("exact p-value and interval; conditional odds ratio per step",)
        if not math.isfinite(slope):
            notes += ("the outcome is separated: the odds ratio has no finite estimate",)
    else:
        fit = logistic.firth_on_counts(table, confidence)
        slope, low, high = fit.slope, fit.low, fit.high
        why = (
            f"more than {EXACT_UP_TO:,} respondents"
            if table.n > EXACT_UP_TO
            else "scores too fine to enumerate"
        )
        notes = (f"{why}: odds ratio and interval from Firth-penalised logistic regression",)
        p = math.nan
        if resamples:
            if rng is None:
                raise ValueError("not to be enumerated: a generator is needed")
            p = permutation_p(
                lambda drawn: np.abs(trend_deviates(drawn, table.rows)),
                table.counts,
                rng,
                resamples,
            )
            notes = (monte_carlo_note(resamples), *notes)
    return TestResult(
        method="Cochran–Armitage trend test by permutation",
        effect="odds ratio",
        estimate=safe_exp(slope),
        low=safe_exp(low),
        high=safe_exp(high),
        n=table.n,
        statistic=z,
        p=p,
        confidence=confidence,
        null=1.0,
        notes=notes,
        extra=extra,
    )


@dataclass(frozen=True, slots=True)
class ExactPower:
    """What a design shows at a true effect, over all samples that it can give.

    Attributes:
        power: chance of a significant result.
        type_s: chance that a significant result has the wrong sign.
        type_m: mean factor by which significant estimates exceed the true effect.
    """

    power: float
    type_s: float
    type_m: float


def trend_power(
    counts: NDArray[np.int64],
    scores: Floats,
    prevalence: float,
    slope: float,
    alpha: float,
    *,
    errors: bool = False,
) -> ExactPower | None:
    """Return the exact power of the trend test, and its errors of sign and size.

    >>> found = trend_power(np.array([30, 30, 30]), np.arange(3.0), 0.3, 0.8, 0.05)
    >>> round(found.power, 4)
    0.7379

    Args:
        counts: respondents at each level.
        scores: of the levels.
        prevalence: share of cases over all respondents.
        slope: log odds ratio per unit of the scores.
        alpha: level of the test.
        errors: also compute the errors, from Firth's estimates (finite in every sample).

    Returns:
        None where the samples are too many to enumerate (more than 1,000 respondents).
    """
    found = TrendDesign.of(counts, scores)
    if found is None:
        return None
    design, unit = found
    rejected = design.p_values() <= alpha * (1 + 1e-9)
    chances = np.where(rejected, design.chances(prevalence, slope * unit), 0.0)
    power = float(chances.sum())
    if not errors or slope == 0:
        return ExactPower(power, math.nan, math.nan)
    cases, sums = np.nonzero(chances > 1e-9)
    weight = chances[cases, sums]
    # Firth's likelihood depends on no more than the cases and the sum of their steps, so any counts
    # with these two will do.
    n, steps = np.asarray(counts, dtype=float), np.asarray(design.steps, dtype=float)
    away = steps - n @ steps / n.sum()
    lean = (sums - cases * (n @ steps) / n.sum()) / (n @ away**2)
    shared = n * (cases[:, None] / n.sum() + lean[:, None] * away)
    matrix = np.column_stack([np.ones(len(n)), away])
    fit = logistic.firth_fit(matrix, shared, np.broadcast_to(n, shared.shape))
    estimates = fit.coefficients[:, 1] / unit
    wrong = float(weight[np.sign(estimates) != np.sign(slope)].sum() / weight.sum())
    exaggeration = float(weight @ np.abs(estimates) / weight.sum()) / abs(slope)
    return ExactPower(power, wrong, exaggeration)


def _binary_outcome(table: CrossTable) -> CrossTable:
    if table.columns.tolist() != [0.0, 1.0]:
        raise AnalysisError("the outcome must be coded as two values, 0 and 1")
    return table
