"""Logistic regression with Firth's penalty, which stays finite in sparse and separated data.

Written here rather than taken from the package `firthmodels`, whose results agree (see the
tests): that package has no test of several coefficients at once, its search for profile limits
can fail to converge, and importing it loads scikit-learn, which takes seconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.design import (
    ModelResult,
    complete_rows,
    design,
    joint_result,
    profile_bounds,
    term_result,
)
from mlsec_survey.stats.pairs import BoolArray, FloatArray, as_binary, check_confidence
from mlsec_survey.stats.result import TestResult

_METHOD = "Firth-penalised logistic regression"


@dataclass(frozen=True, slots=True)
class FirthFit:
    """A maximum of the penalised likelihood, possibly with coefficients held fixed.

    Attributes:
        coefficients: one per column of the design.
        covariance: inverse of the Fisher information at the maximum.
        log_likelihood: penalised log-likelihood, l(b) + log|I(b)| / 2.
        iterations: Newton steps taken.
    """

    coefficients: FloatArray
    covariance: FloatArray
    log_likelihood: float
    iterations: int


def firth_fit(
    matrix: FloatArray,
    outcome: FloatArray | BoolArray,
    *,
    fixed: Sequence[int] = (),
    start: FloatArray | None = None,
) -> FirthFit:
    """Maximise the likelihood penalised by Jeffreys' prior (Firth 1993, Biometrika 80:27).

    Args:
        matrix: n × p design, intercept included.
        outcome: n values 0 or 1.
        fixed: columns whose coefficients stay as in `start`. The penalty keeps the information
            matrix of all columns, as a likelihood-ratio test needs (Heinze & Schemper 2002).
        start: coefficients to begin with, 0 by default.

    Raises:
        AnalysisError: the design is singular, or the maximum was not found.
    """
    y = np.asarray(outcome, dtype=float)
    free = np.setdiff1d(np.arange(matrix.shape[1]), np.asarray(fixed, dtype=int))
    coefficients = np.zeros(matrix.shape[1]) if start is None else start.astype(float).copy()
    value, score, covariance = _penalised(matrix, y, coefficients)
    for iteration in range(300):
        gradient = score[free]
        if not len(free) or np.abs(gradient).max() < 1e-10 * max(1.0, len(y) / 10):
            return FirthFit(coefficients, covariance, value, iteration)
        information = np.linalg.inv(covariance)[np.ix_(free, free)]
        step = np.linalg.solve(information, gradient)
        step /= max(1.0, float(np.abs(step).max()) / 5.0)
        for _ in range(40):
            trial = coefficients.copy()
            trial[free] += step
            reached = _penalised(matrix, y, trial)
            # Near the maximum the gain drowns in rounding; the gradient decides there.
            if reached[0] >= value - 1e-12 * abs(value):
                break
            step /= 2
        if np.abs(step).max() < 1e-13 * max(1.0, float(np.abs(coefficients).max())):
            return FirthFit(trial, reached[2], reached[0], iteration + 1)
        coefficients, (value, score, covariance) = trial, reached
    raise AnalysisError("the penalised likelihood did not converge")


def _penalised(
    matrix: FloatArray, y: FloatArray, coefficients: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Penalised log-likelihood, its score, and the inverse information."""
    linear = matrix @ coefficients
    probability = special.expit(linear)
    weight = probability * special.expit(-linear)
    information = (matrix * weight[:, None]).T @ matrix
    sign, log_determinant = np.linalg.slogdet(information)
    if sign <= 0 or not math.isfinite(log_determinant):
        # Coefficients far out: the weights vanish; any finite step back is an improvement.
        return -math.inf, np.zeros(matrix.shape[1]), np.eye(matrix.shape[1])
    covariance = np.linalg.inv(information)
    leverage = weight * np.einsum("ij,jk,ik->i", matrix, covariance, matrix)
    log_likelihood = float(-np.logaddexp(0.0, np.where(y == 1, -linear, linear)).sum())
    score = matrix.T @ (y - probability + leverage * (0.5 - probability))
    return log_likelihood + float(log_determinant) / 2, score, covariance


def profile_interval(
    matrix: FloatArray,
    outcome: FloatArray | BoolArray,
    fit: FirthFit,
    column: int,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Interval of one coefficient from the profile of the penalised likelihood.

    Heinze & Schemper (2002, Stat. Med. 21:2409). A bound that the profile never reaches, within
    40 standard errors, is infinite.
    """
    drop = float(stats.chi2.ppf(confidence, 1)) / 2
    last = fit.coefficients

    def gap(value: float) -> float:
        nonlocal last
        start = last.copy()
        start[column] = value
        profiled = firth_fit(matrix, outcome, fixed=(column,), start=start)
        last = profiled.coefficients
        return profiled.log_likelihood - fit.log_likelihood + drop

    se = math.sqrt(float(fit.covariance[column, column]))
    return profile_bounds(gap, float(fit.coefficients[column]), se)


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

    Raises:
        AnalysisError: a variable is constant, or the outcome not binary.
    """
    model = firth_logistic_model(outcome, predictor, confidence=confidence)
    return next(iter(model.terms.values()))


def firth_logistic_model(
    outcome: pd.Series, predictors: pd.DataFrame | pd.Series, *, confidence: float = 0.95
) -> ModelResult:
    """Regress a binary outcome on several predictors at once with Firth's penalty.

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
    matrix = np.column_stack([np.ones(len(y)), coded.matrix])
    fit = firth_fit(matrix, y)
    rows = [
        (
            float(fit.coefficients[k + 1]),
            math.sqrt(float(fit.covariance[k + 1, k + 1])),
            *profile_interval(matrix, y, fit, k + 1, confidence),
        )
        for k in range(len(coded.columns))
    ]
    coefficients = pd.DataFrame(
        rows, index=coded.columns, columns=["estimate", "se", "low", "high"]
    )
    notes: tuple[str, ...] = (
        "profile penalised likelihood interval, penalised likelihood-ratio test",
    )
    counts = {"cases": float(y.sum()), "separated": float(_separated(matrix, y))}
    if counts["separated"]:
        notes += ("the outcome is separated: ordinary logistic regression has no finite estimate",)
    if y.sum() < 5 or len(y) - y.sum() < 5:
        notes += ("fewer than five respondents with one outcome: interval and p are approximate",)

    def test(columns: Sequence[int]) -> tuple[float, float]:
        start = fit.coefficients.copy()
        held = [k + 1 for k in columns]
        start[held] = 0.0
        null = firth_fit(matrix, y, fixed=held, start=start)
        ratio = max(0.0, 2 * (fit.log_likelihood - null.log_likelihood))
        return ratio, float(stats.chi2.sf(ratio, len(held)))

    terms = {}
    for name, columns in coded.terms.items():
        ratio, p = test(columns)
        terms[name] = term_result(
            coded,
            name,
            coefficients,
            method=_METHOD,
            effect="odds ratio",
            statistic=ratio,
            p=p,
            n=len(y),
            confidence=confidence,
            notes=notes,
            extra=counts,
        )
    everything = tuple(range(len(coded.columns)))
    ratio, p = test(everything)
    joint = joint_result(
        ratio,
        len(everything),
        method=f"{_METHOD}, joint test",
        p=p,
        n=len(y),
        confidence=confidence,
        notes=("penalised likelihood-ratio test of all predictors",),
        extra=counts,
    )
    return ModelResult(
        method=_METHOD,
        n=len(y),
        terms=terms,
        joint=joint,
        coefficients=coefficients,
        notes=notes,
        extra={
            "intercept": float(fit.coefficients[0]),
            "penalised_log_likelihood": fit.log_likelihood,
            **counts,
        },
    )


def _separated(matrix: FloatArray, y: FloatArray) -> bool:
    """Tell whether a linear predictor splits the outcomes, fully or with ties at 0.

    A linear programme decides (Konis 2007): with signs s = ±1 by outcome, is there a direction
    with s·x·b ≥ 0 everywhere and > 0 somewhere?
    """
    signed = matrix * np.where(y == 1, 1.0, -1.0)[:, None]
    found = optimize.linprog(
        -signed.sum(0), A_ub=-signed, b_ub=np.zeros(len(y)), bounds=(-1, 1), method="highs"
    )
    return bool(found.status == 0 and -found.fun > 1e-7)
