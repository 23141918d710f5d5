"""Cumulative-logit regression: proportional odds, its assumption, and the partial fallback.

logit P(Y <= j) = a_j - x·b, as in McCullagh (1980), MASS::polr and ordinal::clm: e^b above 1 means
higher outcomes. Fitted by Newton's method on the exact likelihood, because statsmodels'
`OrderedModel` stops short of the agreement with R that is asked for here and cannot let single
coefficients vary by threshold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy import special, stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.design import (
    Design,
    ModelResult,
    complete_rows,
    design,
    joint_result,
    term_result,
)
from mlsec_survey.stats.pairs import BoolArray, FloatArray, IntArray, as_scores, check_confidence
from mlsec_survey.stats.result import TestResult

_METHOD = "proportional-odds regression"
# Log odds per standard deviation of a predictor beyond which there is no maximum to be found.
_FAR = 8.0


@dataclass(frozen=True, slots=True)
class OrdinalFit:
    """A maximum of the likelihood of a cumulative-logit model.

    Attributes:
        thresholds: a_j, one per level but the last.
        coefficients: b, or for a coefficient that varies by threshold one entry per threshold.
        covariance: inverse of the observed information, thresholds first.
        log_likelihood: at the maximum.
    """

    thresholds: FloatArray
    coefficients: FloatArray
    covariance: FloatArray
    log_likelihood: float


def ordinal_fit(
    levels: IntArray,
    matrix: FloatArray,
    *,
    varying: Sequence[int] = (),
    offset: FloatArray | None = None,
    start: OrdinalFit | None = None,
    counts: IntArray | None = None,
) -> OrdinalFit:
    """Maximise the likelihood of a (partial) proportional-odds model.

    Args:
        levels: outcome of n respondents, 0 to k - 1, each level occurring.
        matrix: n × p, without an intercept; p may be 0.
        varying: columns whose coefficient may differ between thresholds (partial proportional
            odds, Peterson & Harrell 1990). Their coefficients come after the others, one
            threshold after another within a column.
        offset: added to x·b.
        start: a fit of the same shape to begin at.
        counts: how often each row occurs; once by default.

    Raises:
        AnalysisError: the maximum is at infinity (the predictors separate the levels) or was not
            found.
    """
    k = int(levels.max()) + 1
    fixed = [c for c in range(matrix.shape[1]) if c not in set(varying)]
    likelihood = _Likelihood.of(levels, matrix, varying=varying, offset=offset, counts=counts)
    times, evaluate = likelihood.times, likelihood.evaluate
    n = int(times.sum())
    if start is None:
        share = np.cumsum(np.bincount(levels, weights=times, minlength=k))[:-1] / n
        slopes = np.zeros(likelihood.upper.shape[1] - (k - 1))
        theta = np.concatenate([special.logit(share), slopes])
    else:
        theta = np.concatenate([start.thresholds, start.coefficients])
    scale = matrix.std(axis=0)
    spread = np.concatenate([scale[fixed], np.repeat(scale[list(varying)], k - 1)])
    value, gradient, information = evaluate(theta)
    for _ in range(200):
        if (np.abs(theta[k - 1 :]) * spread > _FAR).any():
            raise AnalysisError("the predictors separate the outcome: the odds ratio is infinite")
        if np.abs(gradient).max() < 1e-10 * n:
            break
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            raise AnalysisError("the ordinal model is not identified by these data") from None
        if step @ gradient < 0:
            step = gradient / float(np.abs(np.diag(information)).max())
        for _ in range(60):
            trial = evaluate(theta + step)
            if trial[0] >= value - 1e-12 * abs(value):
                break
            step = step / 2
        theta = theta + step
        finished = np.abs(step).max() < 1e-13 * max(1.0, float(np.abs(theta).max()))
        value, gradient, information = trial
        if finished:
            break
    else:
        raise AnalysisError("the likelihood of the ordinal model did not converge")
    covariance = np.asarray(np.linalg.pinv(information, hermitian=True), dtype=float)
    return OrdinalFit(theta[: k - 1], theta[k - 1 :], covariance, value)


@dataclass(frozen=True, slots=True)
class _Likelihood:
    """The likelihood of a cumulative-logit model, thresholds first among its parameters.

    Attributes:
        upper, lower: rows of the design for the threshold above, and below, each row's level.
        top, bottom: whether the row has the highest, or lowest, level.
        add: offset of each row.
        times: how often each row occurs.
    """

    upper: FloatArray
    lower: FloatArray
    top: BoolArray
    bottom: BoolArray
    add: FloatArray
    times: FloatArray

    @classmethod
    def of(
        cls,
        levels: IntArray,
        matrix: FloatArray,
        *,
        varying: Sequence[int] = (),
        offset: FloatArray | None = None,
        counts: IntArray | None = None,
    ) -> _Likelihood:
        """Prepare it; arguments as for `ordinal_fit`."""
        n, k = len(levels), int(levels.max()) + 1
        fixed = [c for c in range(matrix.shape[1]) if c not in set(varying)]

        def rows(threshold: IntArray) -> FloatArray:
            inside = (threshold >= 0) & (threshold < k - 1)
            chosen = np.zeros((n, k - 1))
            chosen[np.flatnonzero(inside), threshold[inside]] = 1.0
            parts = [chosen, -matrix[:, fixed] * inside[:, None]]
            parts += [-chosen * matrix[:, [column]] for column in varying]
            return np.hstack(parts)

        add = np.zeros(n) if offset is None else offset
        times = np.ones(n) if counts is None else counts.astype(float)
        return cls(rows(levels), rows(levels - 1), levels == k - 1, levels == 0, add, times)

    def evaluate(self, at: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return log-likelihood, its gradient, and the observed information."""
        high = np.where(self.top, math.inf, self.upper @ at - self.add)
        low = np.where(self.bottom, -math.inf, self.lower @ at - self.add)
        below_high, above_high = special.expit(high), special.expit(-high)
        below_low, above_low = special.expit(low), special.expit(-low)
        # The difference on the side where it does not cancel.
        probability = np.where(low > 0, above_low - above_high, below_high - below_low)
        if (probability <= 0).any():
            return -math.inf, np.zeros_like(at), np.eye(len(at))
        pull_high = below_high * above_high / probability
        pull_low = below_low * above_low / probability
        pull = pull_high[:, None] * self.upper - pull_low[:, None] * self.lower
        bend_high = self.times * pull_high * (above_high - below_high)
        bend_low = self.times * pull_low * (above_low - below_low)
        weighted = self.times[:, None] * pull
        hessian = (self.upper * bend_high[:, None]).T @ self.upper
        hessian -= (self.lower * bend_low[:, None]).T @ self.lower
        value = float(self.times @ np.log(probability))
        return value, weighted.sum(0), weighted.T @ pull - hessian


def proportional_odds(
    outcome: pd.Series, predictor: pd.Series, *, confidence: float = 0.95
) -> TestResult:
    """Regress an ordered outcome on one predictor by the proportional-odds model.

    For an ordered or binary predictor the estimate is the odds ratio of a higher outcome per step
    of the predictor, with profile-likelihood interval and likelihood-ratio test; for unordered
    groups the joint test with Cohen's w. An outcome measured on a fine scale is used by its order
    (Liu et al. 2017, Stat. Med. 36:4316). `extra` holds the Brant test of the assumption (`brant`,
    `brant_df`, `brant_p`); a small p is noted, and `partial_proportional_odds` is then the model
    to look at.

    Raises:
        AnalysisError: a variable is constant, the outcome has no order, or the predictor
            separates the levels of the outcome.
    """
    model = proportional_odds_model(outcome, predictor, confidence=confidence)
    return next(iter(model.terms.values()))


def proportional_odds_model(
    outcome: pd.Series, predictors: pd.DataFrame | pd.Series, *, confidence: float = 0.95
) -> ModelResult:
    """Regress an ordered outcome on several predictors by the proportional-odds model.

    Args:
        outcome: ordered categories or numbers; levels that nobody chose are left out.
        predictors: one column each; ordered ones enter by their scores, others as indicators.
        confidence: level of all intervals.

    Raises:
        AnalysisError: as for `proportional_odds`, or the predictors depend on each other.
    """
    check_confidence(confidence)
    levels, coded = _prepared(outcome, predictors)
    n, matrix = len(levels), coded.matrix
    k = int(levels.max()) + 1
    fit = ordinal_fit(levels, matrix)
    drop = float(stats.chi2.ppf(confidence, 1)) / 2
    likelihood = _Likelihood.of(levels, matrix)
    rows = []
    for column in range(matrix.shape[1]):
        estimate = float(fit.coefficients[column])
        se = math.sqrt(float(fit.covariance[k - 1 + column, k - 1 + column]))
        low, high = (_profile_bound(likelihood, fit, column, drop, side) for side in (-1, 1))
        rows.append((estimate, se, low, high))
    coefficients = pd.DataFrame(
        rows, index=coded.columns, columns=["estimate", "se", "low", "high"]
    )
    notes: tuple[str, ...] = ("profile likelihood interval, likelihood-ratio test",)
    extra = {"levels": float(k)}
    checks = _assumption(levels, coded)
    if checks is None:
        notes += ("the proportional-odds assumption could not be tested",)
    else:
        extra.update(brant=checks.statistic, brant_df=float(checks.df), brant_p=checks.p)
        notes += (f"Brant test of proportional odds: p = {checks.p:.3f}",)

    @cache
    def test(columns: tuple[int, ...]) -> tuple[float, float]:
        null = ordinal_fit(levels, np.delete(matrix, columns, axis=1))
        ratio = max(0.0, 2 * (fit.log_likelihood - null.log_likelihood))
        return ratio, float(stats.chi2.sf(ratio, len(columns)))

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
            n=n,
            confidence=confidence,
            notes=notes,
            extra=extra,
        )
    ratio, p = test(tuple(range(matrix.shape[1])))
    joint = joint_result(
        ratio,
        matrix.shape[1],
        method=f"{_METHOD}, joint test",
        p=p,
        n=n,
        confidence=confidence,
        notes=("likelihood-ratio test of all predictors",),
        extra=extra,
    )
    return ModelResult(
        method=_METHOD,
        n=n,
        terms=terms,
        joint=joint,
        coefficients=coefficients,
        notes=notes,
        extra={
            **extra,
            "log_likelihood": fit.log_likelihood,
            **{f"threshold {j + 1}": float(a) for j, a in enumerate(fit.thresholds)},
        },
    )


def _profile_bound(
    likelihood: _Likelihood, fit: OrdinalFit, column: int, drop: float, side: int
) -> float:
    """Find where the profile log-likelihood of a coefficient is `drop` below its maximum.

    Newton's method on the likelihood's height and the gradient of all other parameters together
    (Venzon & Moolgavkar 1988, Appl. Stat. 37:87), so that no value on the way is profiled.

    Args:
        likelihood: of the model, in which no coefficient varies by threshold.
        fit: its maximum.
        column: of the coefficient.
        drop: in log-likelihood.
        side: -1 below the estimate, 1 above.

    Raises:
        AnalysisError: there is no such place to be found.
    """
    at = len(fit.thresholds) + column
    peak = np.concatenate([fit.thresholds, fit.coefficients])
    # To where it would be if the likelihood were normal.
    theta = peak + side * math.sqrt(2 * drop / fit.covariance[at, at]) * fit.covariance[at]
    for _ in range(50):
        value, gradient, information = likelihood.evaluate(theta)
        if not math.isfinite(value):
            # Outside of where every answer has a chance: half the way back.
            theta = (theta + peak) / 2
            continue
        slopes, missing = -information, -gradient
        slopes[at], missing[at] = gradient, fit.log_likelihood - drop - value
        try:
            step = np.linalg.solve(slopes, missing)
        except np.linalg.LinAlgError:
            break
        theta = theta + step
        if np.abs(step).max() < 1e-9 * max(1.0, float(np.abs(theta).max())):
            if side * (theta[at] - peak[at]) <= 0:
                break
            return float(theta[at])
    raise AnalysisError("the profile likelihood of the ordinal model could not be inverted")


@dataclass(frozen=True, slots=True)
class ParallelTest:
    """A test that coefficients are the same at every threshold.

    Attributes:
        statistic: chi-square.
        df: degrees of freedom.
        p: large: no evidence against proportional odds, which is not evidence for it.
        by_term: the same test for each predictor alone: name → (statistic, df, p).
        levels: levels of the outcome after merging sparse ones.
    """

    statistic: float
    df: int
    p: float
    by_term: dict[str, tuple[float, int, float]]
    levels: int


def brant_test(
    outcome: pd.Series, predictors: pd.DataFrame | pd.Series, *, least: int = 10
) -> ParallelTest:
    """Test proportional odds by comparing the logistic regressions at every threshold.

    Brant (1990, Biometrics 46:1171): a Wald test that the coefficients of the k - 1 binary
    regressions are equal. It is liberal in small samples, so adjacent levels are merged until
    each has `least` respondents; the model itself is not merged.

    Raises:
        AnalysisError: fewer than three levels are left, or a threshold is separated, so that the
            test is not defined.
    """
    levels, coded = _prepared(outcome, predictors)
    return _brant(_merged(levels, least), coded)


def parallel_likelihood_test(
    outcome: pd.Series,
    predictors: pd.DataFrame | pd.Series,
    *,
    varying: Sequence[str] | None = None,
    least: int = 10,
) -> ParallelTest:
    """Test proportional odds by the likelihood ratio against coefficients that vary by threshold.

    Args:
        outcome: ordered.
        predictors: as in the model.
        varying: predictors that vary in the larger model; all by default.
        least: adjacent levels are merged until each has this many respondents.

    Raises:
        AnalysisError: fewer than three levels are left, or the larger model has no maximum.
    """
    levels, coded = _prepared(outcome, predictors)
    levels = _merged(levels, least)
    k = int(levels.max()) + 1
    if k < 3:
        raise AnalysisError("fewer than three levels are left: there is nothing to compare")
    parallel = ordinal_fit(levels, coded.matrix)

    def against(names: Sequence[str]) -> tuple[float, int, float]:
        columns = [column for name in names for column in coded.terms[name]]
        larger = ordinal_fit(levels, coded.matrix, varying=columns)
        ratio = max(0.0, 2 * (larger.log_likelihood - parallel.log_likelihood))
        df = len(columns) * (k - 2)
        return ratio, df, float(stats.chi2.sf(ratio, df))

    names = list(coded.terms if varying is None else varying)
    statistic, df, p = against(names)
    return ParallelTest(statistic, df, p, {name: against([name]) for name in names}, k)


def partial_proportional_odds(
    outcome: pd.Series,
    predictors: pd.DataFrame | pd.Series,
    *,
    varying: Sequence[str],
    confidence: float = 0.95,
    least: int = 10,
) -> ModelResult:
    """Fit a model in which some predictors have one odds ratio per threshold.

    The fallback where `brant_test` speaks against proportional odds for those predictors
    (Peterson & Harrell 1990, Appl. Stat. 39:205). Adjacent levels are merged until each has
    `least` respondents, or the thresholds' coefficients could not be estimated.

    Returns:
        `coefficients` has one row per threshold for a varying predictor, "name (above level j)"
        with j counted from 1 among the merged levels, with Wald intervals. The terms' tests are
        likelihood-ratio tests of all coefficients of a predictor.

    Raises:
        AnalysisError: the model has no maximum in these data.
        ValueError: a name in `varying` is not a predictor.
    """
    check_confidence(confidence)
    levels, coded = _prepared(outcome, predictors)
    levels = _merged(levels, least)
    k, n = int(levels.max()) + 1, len(levels)
    unknown = [name for name in varying if name not in coded.terms]
    if unknown:
        raise ValueError(f"not among the predictors: {', '.join(unknown)}")
    free = [column for name in varying for column in coded.terms[name]]
    fixed = [column for column in range(len(coded.columns)) if column not in free]
    fit = ordinal_fit(levels, coded.matrix, varying=free)
    names = [coded.columns[column] for column in fixed]
    names += [f"{coded.columns[column]} (above level {j})" for column in free for j in range(1, k)]
    se = np.sqrt(np.diag(fit.covariance)[k - 1 :])
    reach = float(stats.norm.ppf((1 + confidence) / 2)) * se
    coefficients = pd.DataFrame(
        {
            "estimate": fit.coefficients,
            "se": se,
            "low": fit.coefficients - reach,
            "high": fit.coefficients + reach,
        },
        index=names,
    )
    method = "partial proportional-odds regression"
    shared: tuple[str, ...] = ("likelihood-ratio test, Wald intervals",)
    if k < len(np.unique(_prepared(outcome, predictors)[0])):
        shared += (f"levels merged to {k}, so that each has at least {least} respondents",)

    def test(columns: Sequence[int]) -> tuple[float, int, float]:
        kept = [column for column in range(len(coded.columns)) if column not in columns]
        null = ordinal_fit(
            levels, coded.matrix[:, kept], varying=[kept.index(c) for c in free if c in kept]
        )
        ratio = max(0.0, 2 * (fit.log_likelihood - null.log_likelihood))
        df = sum(k - 1 if column in free else 1 for column in columns)
        return ratio, df, float(stats.chi2.sf(ratio, df))

    terms = {}
    for name, columns in coded.terms.items():
        ratio, df, p = test(columns)
        if df == 1:
            row = coefficients.loc[[coded.columns[columns[0]]]]
            single = Design(coded.matrix[:, list(columns)], (name,), {name: (0,)})
            terms[name] = term_result(
                single,
                name,
                row,
                method=method,
                effect="odds ratio",
                statistic=ratio,
                p=p,
                n=n,
                confidence=confidence,
                notes=shared,
            )
        else:
            terms[name] = joint_result(
                ratio, df, method=method, p=p, n=n, confidence=confidence, notes=shared
            )
    ratio, df, p = test(range(len(coded.columns)))
    return ModelResult(
        method=method,
        n=n,
        terms=terms,
        joint=joint_result(
            ratio,
            df,
            method=f"{method}, joint test",
            p=p,
            n=n,
            confidence=confidence,
            notes=shared,
        ),
        coefficients=coefficients,
        notes=shared,
        extra={"levels": float(k), "log_likelihood": fit.log_likelihood},
    )


def _prepared(outcome: pd.Series, predictors: pd.DataFrame | pd.Series) -> tuple[IntArray, Design]:
    left, right = complete_rows(outcome, predictors)
    _, levels = np.unique(as_scores(left), return_inverse=True)
    return levels.astype(np.int64), design(right)


def _merged(levels: IntArray, least: int) -> IntArray:
    """Merge each sparse level with its smaller neighbour, until all have `least` respondents."""
    groups = [[level] for level in range(int(levels.max()) + 1)]
    sizes = np.bincount(levels).tolist()
    while len(groups) > 1 and min(sizes) < least:
        at = sizes.index(min(sizes))
        beside = [place for place in (at - 1, at + 1) if 0 <= place < len(groups)]
        into = min(beside, key=lambda place: sizes[place])
        first, second = sorted((at, into))
        groups[first] += groups.pop(second)
        sizes[first] += sizes.pop(second)
    place = {level: position for position, group in enumerate(groups) for level in group}
    return np.array([place[level] for level in levels.tolist()], dtype=np.int64)


def _assumption(levels: IntArray, coded: Design) -> ParallelTest | None:
    try:
        return _brant(_merged(levels, 10), coded)
    except AnalysisError:
        return None


def _brant(levels: IntArray, coded: Design) -> ParallelTest:
    k, p = int(levels.max()) + 1, coded.matrix.shape[1]
    if k < 3:
        raise AnalysisError("fewer than three levels are left: there is nothing to compare")
    matrix = np.column_stack([np.ones(len(levels)), coded.matrix])
    slopes, above, bread = [], [], []
    for j in range(k - 1):
        binary = (levels <= j).astype(np.int64)
        # A cumulative logit of two levels is logistic regression of the upper one.
        fit = ordinal_fit(1 - binary, coded.matrix)
        chance = special.expit(coded.matrix @ fit.coefficients - fit.thresholds[0])
        weight = chance * (1 - chance)
        slopes.append(fit.coefficients)
        above.append(chance)
        bread.append(np.linalg.inv((matrix * weight[:, None]).T @ matrix))
    covariance = np.zeros(((k - 1) * p, (k - 1) * p))
    for j in range(k - 1):
        for m in range(j, k - 1):
            # Being above the higher threshold implies being above the lower one.
            shared = above[m] * (1 - above[j])
            block = bread[j] @ ((matrix * shared[:, None]).T @ matrix) @ bread[m]
            covariance[j * p : (j + 1) * p, m * p : (m + 1) * p] = block[1:, 1:]
            covariance[m * p : (m + 1) * p, j * p : (j + 1) * p] = block[1:, 1:].T
    stacked = np.concatenate(slopes)

    def wald(columns: Sequence[int]) -> tuple[float, int, float]:
        contrasts = np.zeros(((k - 2) * len(columns), (k - 1) * p))
        for j in range(1, k - 1):
            for row, column in enumerate(columns):
                contrasts[(j - 1) * len(columns) + row, column] = 1.0
                contrasts[(j - 1) * len(columns) + row, j * p + column] = -1.0
        difference = contrasts @ stacked
        spread = contrasts @ covariance @ contrasts.T
        statistic = float(difference @ np.linalg.solve(spread, difference))
        df = len(contrasts)
        return statistic, df, float(stats.chi2.sf(statistic, df))

    statistic, df, p_value = wald(range(p))
    by_term = {name: wald(columns) for name, columns in coded.terms.items()}
    return ParallelTest(statistic, df, p_value, by_term, k)
