"""Logistic regression with Firth's penalty, which stays finite in sparse and separated data.

Fitted here, on counts of any number of samples at once, because power, permutations and
specification curves need thousands of fits, and one table is a stack of one. The package
`firthmodels` is the check (tests/test_logistic.py): it fits one sample at a time, has no test of
several coefficients at once, and takes seconds to import.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.design import (
    ModelResult,
    complete_rows,
    design,
    model_result,
    profile_bounds,
)
from mlsec_survey.stats.pairs import as_binary, check_confidence
from mlsec_survey.stats.result import TestResult
from mlsec_survey.stats.tables import CrossTable, TableTest, result_from_z, scores_of

Floats = NDArray[np.float64]
_METHOD = "Firth-penalised logistic regression"


@dataclass(frozen=True, slots=True)
class FirthFit:
    """Maxima of the penalised likelihood of N samples, possibly with coefficients held fixed.

    Attributes:
        coefficients: N × p.
        covariance: N × p × p, inverse of the Fisher information at the maximum.
        log_likelihood: N; penalised, l(b) + log|I(b)| / 2.
    """

    coefficients: Floats
    covariance: Floats
    log_likelihood: Floats


def firth_fit(
    matrix: Floats,
    cases: ArrayLike,
    n: ArrayLike,
    *,
    fixed: Sequence[int] = (),
    start: Floats | None = None,
) -> FirthFit:
    """Maximise the likelihood penalised by Jeffreys' prior (Firth 1993, Biometrika 80:27).

    >>> design_matrix = np.array([[1.0, 0.0], [1.0, 1.0]])
    >>> fit = firth_fit(design_matrix, [[0, 3]], [[4, 4]])
    >>> fit.coefficients.round(4).tolist()
    [[-2.1972, 3.0445]]

    Args:
        matrix: r × p design of the rows, intercept included.
        cases: N × r: respondents with the outcome.
        n: N × r: respondents.
        fixed: columns whose coefficients stay as in `start`. The penalty keeps the information
            matrix of all columns, as a likelihood-ratio test needs (Heinze & Schemper 2002).
        start: N × p coefficients to begin with, 0 by default.

    Raises:
        AnalysisError: a design is singular, or a maximum was not found.
    """
    y, m = (np.atleast_2d(np.asarray(values, dtype=float)) for values in (cases, n))
    at = np.zeros((len(y), matrix.shape[1])) if start is None else start.astype(float).copy()
    free = np.setdiff1d(np.arange(matrix.shape[1]), np.asarray(fixed, dtype=int))
    value, score, covariance, curvature = _penalised(matrix, y, m, at)
    if not np.isfinite(value).all():
        raise AnalysisError("the predictors cannot be told apart: the design is singular")
    close = 1e-10 * np.maximum(1.0, m.sum(1) / 10)
    for _ in range(300):
        active = np.flatnonzero((np.abs(score[:, free]) > close[:, None]).any(1))
        if not len(active):
            return FirthFit(at, covariance, value)
        step = np.linalg.solve(
            curvature[active][:, free[:, None], free], score[active][:, free, None]
        )[..., 0]
        step /= np.maximum(1.0, np.abs(step).max(1, keepdims=True) / 5.0)
        for _ in range(40):
            trial = at[active].copy()
            trial[:, free] += step
            reached = _penalised(matrix, y[active], m[active], trial)
            # Near the maximum the gain drowns in rounding; the gradient decides there.
            worse = ~(reached[0] >= value[active] - 1e-12 * np.abs(value[active]))
            if not worse.any():
                break
            step[worse] /= 2
        at[active] = trial
        value[active], score[active], covariance[active], curvature[active] = reached
        # A step that is lost in rounding is the last one.
        lost = np.abs(step).max(1) < 1e-13 * np.maximum(1.0, np.abs(trial).max(1))
        close[active[lost]] = math.inf
    raise AnalysisError("the penalised likelihood did not converge")


def _penalised(
    matrix: Floats, y: Floats, m: Floats, at: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Penalised log-likelihood, its score, inverse information and curvature, of each sample.

    The curvature is the information of the answers and the penalty's pseudo-answers together, one
    per leverage. Steps by the information of the answers alone go too far where respondents are
    few: with one in a row of a saturated model twice as far as they should, for ever to and fro.
    """
    linear = at @ matrix.T
    probability = special.expit(linear)
    weight = m * probability * special.expit(-linear)
    squares = matrix[:, :, None] * matrix[:, None, :]
    size = matrix.shape[1]
    information = (weight @ squares.reshape(len(matrix), -1)).reshape(-1, size, size)
    sign, log_determinant = np.linalg.slogdet(information)
    good = (sign > 0) & np.isfinite(log_determinant)
    # Coefficients far out: the weights vanish; any finite step back is an improvement.
    covariance = np.linalg.inv(np.where(good[:, None, None], information, np.eye(size)))
    leverage = weight * np.einsum("rj,njk,rk->nr", matrix, covariance, matrix)
    value = -(y * np.logaddexp(0, -linear) + (m - y) * np.logaddexp(0, linear)).sum(1)
    score = (y - m * probability + leverage * (0.5 - probability)) @ matrix
    value = np.where(good, value + log_determinant / 2, -np.inf)
    pseudo = leverage * probability * special.expit(-linear)
    curvature = ((weight + pseudo) @ squares.reshape(len(matrix), -1)).reshape(-1, size, size)
    return value, np.where(good[:, None], score, 0.0), covariance, curvature


def firth_on_tables(
    tables: ArrayLike,
    scores: ArrayLike | None = None,
    values: ArrayLike | None = None,
    trials: float | None = None,
) -> TableTest:
    """Fit a slope to each table with two columns, and test it by the penalised likelihood ratio.

    The statistic is the signed root of the ratio, with the null profile of Heinze and Schemper
    (2002, doi:10.1002/sim.1047). Tables with the same number of cases and the same sum of their
    scores are fitted once if the rows have the same sums in the whole stack, since the likelihood
    depends on nothing else. NaN where a variable is constant.

    >>> firth_on_tables([[9, 1], [7, 3], [4, 6]]).effect.round(3).tolist()
    1.156
    """
    t = np.asarray(tables, dtype=float)
    stack = t.reshape(-1, *t.shape[-2:])
    n, cases = stack.sum(-1), stack[..., 1]
    s = scores_of(scores, t.shape[-2])
    constant = ((n > 0).sum(-1) < 2) | (cases.sum(-1) == 0) | (cases.sum(-1) == n.sum(-1))
    which = np.arange(len(stack))
    if len(stack) > 1 and (n == n[0]).all():
        totals = cases.sum(-1) + 1j * (cases @ s)
        _, first, which = np.unique(totals, return_index=True, return_inverse=True)
        n, cases, constant = n[first], cases[first], constant[first]
    slope = np.full(len(n), np.nan)
    statistic = slope.copy()
    some = ~constant
    if some.any():
        matrix = np.column_stack([np.ones(len(s)), s - s.mean()])
        fit = firth_fit(matrix, cases[some], n[some])
        # With the slope held at 0 the penalty is the log of p(1 - p), up to a constant.
        start = np.zeros_like(fit.coefficients)
        start[:, 0] = special.logit((cases[some].sum(1) + 1) / (n[some].sum(1) + 2))
        null = _penalised(matrix, cases[some], n[some], start)[0]
        slope[some] = fit.coefficients[:, 1]
        ratio = np.maximum(0.0, 2 * (fit.log_likelihood - null))
        statistic[some] = np.sign(slope[some]) * np.sqrt(ratio)
    shape = t.shape[:-2]
    return result_from_z(statistic[which].reshape(shape), slope[which].reshape(shape))


@dataclass(frozen=True, slots=True)
class Slope:
    """A log odds ratio per step with its profile interval."""

    slope: float
    low: float
    high: float


def firth_on_counts(table: CrossTable, confidence: float = 0.95) -> Slope:
    """Fit the slope of a binary outcome on the rows of a table, whatever its number of respondents.

    >>> from mlsec_survey.stats.tables import cross_table
    >>> met, size = pd.Series([0, 0, 1, 0, 1, 1]), pd.Series([1, 1, 1, 2, 2, 3])
    >>> round(firth_on_counts(cross_table(met, size)).slope, 2)
    0.87

    Args:
        table: columns are the outcome 0 and 1.
        confidence: level of the profile interval.
    """
    matrix = np.column_stack([np.ones(len(table.rows)), table.rows])
    n, cases = table.counts.sum(1).astype(float), table.counts[:, 1].astype(float)
    fit = firth_fit(matrix, cases, n)
    low, high = profile_interval(matrix, cases, n, fit, 1, confidence)
    return Slope(float(fit.coefficients[0, 1]), low, high)


def profile_interval(
    matrix: Floats,
    cases: Floats,
    n: Floats,
    fit: FirthFit,
    column: int,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Return the interval of one coefficient from the profile of the penalised likelihood.

    Heinze & Schemper (2002, Stat. Med. 21:2409). A bound that the profile never reaches, within
    40 standard errors, is infinite.

    >>> matrix = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])  # intercept and size
    >>> cases, n = np.array([1.0, 3.0, 6.0]), np.array([10.0, 10.0, 10.0])
    >>> fit = firth_fit(matrix, cases, n)
    >>> low, high = profile_interval(matrix, cases, n, fit, 1)
    >>> round(low, 2), round(high, 2)
    (0.17, 2.37)

    Args:
        matrix, cases, n: of one sample, as for `firth_fit`.
        fit: of that sample.
        column: of the coefficient.
        confidence: level.
    """
    drop = float(stats.chi2.ppf(confidence, 1)) / 2
    last = fit.coefficients

    def gap(value: float) -> float:
        nonlocal last
        start = last.copy()
        start[:, column] = value
        profiled = firth_fit(matrix, cases, n, fixed=(column,), start=start)
        last = profiled.coefficients
        return float(profiled.log_likelihood[0] - fit.log_likelihood[0]) + drop

    se = math.sqrt(float(fit.covariance[0, column, column]))
    return profile_bounds(gap, float(fit.coefficients[0, column]), se)


def firth_logistic(
    outcome: pd.Series, predictor: pd.Series, *, confidence: float = 0.95
) -> TestResult:
    """Regress a binary outcome on one predictor with Firth's penalty.

    For an ordered or binary predictor the estimate is the odds ratio per step (category or
    unit), with the profile-penalised-likelihood interval and the penalised likelihood-ratio
    test. For unordered groups it is the joint test, with Cohen's w from its statistic as effect
    size and the odds ratio of each group against the first one in `extra`.

    The estimate is shrunk towards 1, slightly, when the outcome is rare; the test keeps its
    level only approximately with fewer than about five outcomes.

    >>> y, x = pd.Series([0, 0, 0, 1, 0, 1, 1, 1]), pd.Series([1, 1, 2, 2, 3, 3, 4, 4])
    >>> result = firth_logistic(y, x)
    >>> round(result.estimate, 3), round(result.p, 4)
    (3.06, 0.0839)

    Raises:
        AnalysisError: a variable is constant, or the outcome not binary.
    """
    model = firth_logistic_model(outcome, predictor, confidence=confidence)
    return next(iter(model.terms.values()))


def firth_logistic_model(
    outcome: pd.Series, predictors: pd.DataFrame | pd.Series, *, confidence: float = 0.95
) -> ModelResult:
    """Regress a binary outcome on several predictors at once with Firth's penalty.

    >>> met = pd.Series([0, 0, 1, 0, 1, 1, 0, 1])
    >>> predictors = pd.DataFrame({"size": [1, 1, 1, 2, 2, 3, 2, 3], "maturity": [1, 2] * 4})
    >>> found = firth_logistic_model(met, predictors)
    >>> {name: round(result.estimate, 2) for name, result in found.terms.items()}
    {'size': 3.42, 'maturity': 0.4}

    Args:
        outcome: binary.
        predictors: one column per predictor; ordered ones enter by their scores (linear in the
            log odds), unordered ones as indicators against the first group.
        confidence: level of all intervals.

    Returns:
        One `TestResult` per predictor, as in `firth_logistic`, and the joint test.

    Raises:
        AnalysisError: a variable is constant, the outcome not binary, or the predictors are
            linearly dependent.
    """
    check_confidence(confidence)
    left, right = complete_rows(outcome, predictors)
    y, coded = as_binary(left).astype(float), design(right)
    # Respondents alike in all predictors are one row with its counts.
    rows, which = np.unique(coded.matrix, axis=0, return_inverse=True)
    matrix = np.column_stack([np.ones(len(rows)), rows])
    n = np.bincount(which).astype(float)
    cases = np.bincount(which, weights=y).astype(float)
    fit = firth_fit(matrix, cases, n)
    estimates, errors = fit.coefficients[0], np.sqrt(np.diag(fit.covariance[0]))
    coefficients = pd.DataFrame(
        [
            (estimates[k], errors[k], *profile_interval(matrix, cases, n, fit, k, confidence))
            for k in range(1, matrix.shape[1])
        ],
        index=coded.columns,
        columns=["estimate", "se", "low", "high"],
    )
    notes: tuple[str, ...] = (
        "profile penalised likelihood interval, penalised likelihood-ratio test",
    )
    counts = {"cases": float(y.sum()), "separated": float(_separated(matrix, cases, n))}
    if counts["separated"]:
        notes += ("the outcome is separated: ordinary logistic regression has no finite estimate",)
    if y.sum() < 5 or len(y) - y.sum() < 5:
        notes += ("fewer than five respondents with one outcome: interval and p are approximate",)

    def test(columns: Sequence[int]) -> tuple[float, float, float]:
        held = [k + 1 for k in columns]
        start = fit.coefficients.copy()
        start[:, held] = 0.0
        null = firth_fit(matrix, cases, n, fixed=held, start=start)
        ratio = max(0.0, 2 * float(fit.log_likelihood[0] - null.log_likelihood[0]))
        return ratio, float(stats.chi2.sf(ratio, len(held))), ratio

    return model_result(
        coded,
        coefficients,
        test,
        method=_METHOD,
        effect="odds ratio",
        n=len(y),
        confidence=confidence,
        notes=notes,
        joint_notes=("penalised likelihood-ratio test of all predictors",),
        extra=counts,
        model_extra={
            "intercept": float(estimates[0]),
            "penalised_log_likelihood": float(fit.log_likelihood[0]),
        },
    )


def _separated(matrix: Floats, cases: Floats, n: Floats) -> bool:
    """Tell whether a linear predictor splits the outcomes, fully or with ties at 0.

    A linear programme decides (Konis 2007): with signs s = ±1 by outcome, is there a direction
    with s·x·b ≥ 0 everywhere and > 0 somewhere?
    """
    signed = np.vstack([matrix[cases > 0], -matrix[cases < n]])
    found = optimize.linprog(
        -signed.sum(0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1, 1), method="highs"
    )
    return bool(found.status == 0 and -found.fun > 1e-7)
