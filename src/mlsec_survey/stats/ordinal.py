"""Cumulative-logit regression: proportional odds, its assumption, and the partial fallback.

logit P(Y <= j) = a_j - x·b, as in McCullagh (1980), MASS::polr and ordinal::clm: e^b above 1 means
higher outcomes. Fitted here by Newton's method on the exact likelihood, on tables of any number of
samples at once. statsmodels' `OrderedModel` is the check (tests/test_ordinal.py): it fits one
sample at a time, differentiates numerically, which ends short of the agreement with R that is
asked for, and cannot let single coefficients vary by threshold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.design import (
    Design,
    ModelResult,
    complete_rows,
    design,
    joint_result,
    model_result,
)
from mlsec_survey.stats.pairs import as_scores, check_confidence
from mlsec_survey.stats.result import TestResult
from mlsec_survey.stats.tables import TableTest, midranks, result_from_z, scores_of

Floats = NDArray[np.float64]
_METHOD = "proportional-odds regression"
# Log odds per standard deviation of a predictor beyond which there is no maximum to be found.
_FAR = 8.0
# Up to this many outcome levels a model is fitted to each table; beyond, its score test serves.
_FIT_UP_TO = 12
# Respondents that a level needs for the comparison of thresholds.
LEAST = 10


@dataclass(frozen=True, slots=True)
class OrdinalFit:
    """Maxima of the likelihood of a cumulative-logit model for N samples.

    Attributes:
        thresholds: N × (k - 1), one per level but the last.
        coefficients: N × p, or for a coefficient that varies by threshold one entry per threshold.
        covariance: N × q × q, inverse of the observed information, thresholds first.
        log_likelihood: N.
    """

    thresholds: Floats
    coefficients: Floats
    covariance: Floats
    log_likelihood: Floats


def ordinal_fit(
    tables: ArrayLike,
    matrix: Floats,
    *,
    varying: Sequence[int] = (),
    sparse: bool = False,
) -> OrdinalFit:
    """Maximise the likelihood of a (partial) proportional-odds model.

    >>> fit = ordinal_fit([[[10, 5, 5], [5, 5, 10]]], np.array([[0.0], [1.0]]))
    >>> round(float(fit.coefficients[0, 0]), 4)
    1.0986

    Args:
        tables: N × r × k counts: rows of the design by level of the outcome, each level occurring.
        matrix: r × p, without an intercept; p may be 0.
        varying: columns whose coefficient may differ between thresholds (partial proportional
            odds, Peterson & Harrell 1990). Their coefficients come after the others, one
            threshold after another within a column.
        sparse: some samples may be separated: stop where less than 1e-7 is to be gained, instead
            of raising an error.

    Raises:
        AnalysisError: the maximum is at infinity (the predictors separate the levels) or was not
            found.
    """
    likelihood = _Likelihood.of(np.asarray(tables, dtype=float), matrix, varying)
    k, n = likelihood.levels, likelihood.times.sum(1)
    totals = np.asarray(tables, dtype=float).sum(1)
    theta = np.zeros((len(totals), likelihood.upper.shape[1]))
    theta[:, : k - 1] = special.logit(np.cumsum(totals, 1)[:, :-1] / totals.sum(1, keepdims=True))
    scale = matrix.std(axis=0)
    fixed = [c for c in range(matrix.shape[1]) if c not in set(varying)]
    units = np.concatenate([scale[fixed], np.repeat(scale[list(varying)], k - 1)])
    value, gradient, information = likelihood.evaluate(theta)
    close = 1e-10 * n
    for _ in range(200):
        if not sparse and (np.abs(theta[:, k - 1 :]) * units > _FAR).any():
            raise AnalysisError("the predictors separate the outcome: the odds ratio is infinite")
        active = np.flatnonzero(np.abs(gradient).max(1, initial=0) > close)
        if not len(active):
            covariance = np.asarray(np.linalg.pinv(information, hermitian=True), dtype=float)
            return OrdinalFit(theta[:, : k - 1], theta[:, k - 1 :], covariance, value)
        try:
            step = np.linalg.solve(information[active], gradient[active][..., None])[..., 0]
        except np.linalg.LinAlgError:
            raise AnalysisError("the ordinal model is not identified by these data") from None
        gain = (step * gradient[active]).sum(1)
        uphill = gain < 0
        steepest = np.abs(np.diagonal(information[active], axis1=1, axis2=2)).max(1)
        step[uphill] = (gradient[active] / steepest[:, None])[uphill]
        for _ in range(60):
            reached = likelihood.evaluate(theta[active] + step, active)
            worse = ~(reached[0] >= value[active] - 1e-12 * np.abs(value[active]))
            if not worse.any():
                break
            step[worse] /= 2
        theta[active] += step
        value[active], gradient[active], information[active] = reached
        largest = np.maximum(1.0, np.abs(theta[active]).max(1))
        done = np.abs(step).max(1) < 1e-13 * largest
        if sparse:
            done |= np.abs(gain) < 1e-7
        close[active[done]] = math.inf
    raise AnalysisError("the likelihood of the ordinal model did not converge")


@dataclass(frozen=True, slots=True)
class _Likelihood:
    """The likelihood of a cumulative-logit model, thresholds first among its parameters.

    Attributes:
        upper, lower: rows of the design for the threshold above, and below, each cell's level.
        top, bottom: whether the cell has the highest, or lowest, level.
        times: N × cells, how often each cell occurs.
        levels: of the outcome.
    """

    upper: Floats
    lower: Floats
    top: NDArray[np.bool_]
    bottom: NDArray[np.bool_]
    times: Floats
    levels: int

    @classmethod
    def of(cls, tables: Floats, matrix: Floats, varying: Sequence[int] = ()) -> _Likelihood:
        """Prepare it from the cells that occur in any sample; arguments as for `ordinal_fit`."""
        k = tables.shape[2]
        row, level = np.nonzero(tables.any(0))
        x = matrix[row]
        fixed = [c for c in range(matrix.shape[1]) if c not in set(varying)]

        def rows(threshold: NDArray[np.int64]) -> Floats:
            inside = (threshold >= 0) & (threshold < k - 1)
            chosen = np.zeros((len(row), k - 1))
            chosen[np.flatnonzero(inside), threshold[inside]] = 1.0
            parts = [chosen, -x[:, fixed] * inside[:, None]]
            return np.hstack(parts + [-chosen * x[:, [column]] for column in varying])

        times = tables[:, row, level]
        return cls(rows(level), rows(level - 1), level == k - 1, level == 0, times, k)

    def evaluate(
        self, at: Floats, samples: NDArray[np.int64] | slice = slice(None)
    ) -> tuple[Floats, Floats, Floats]:
        """Return log-likelihood, its gradient, and the observed information, of some samples."""
        times = self.times[samples]
        high = np.where(self.top, math.inf, at @ self.upper.T)
        low = np.where(self.bottom, -math.inf, at @ self.lower.T)
        below_high, above_high = special.expit(high), special.expit(-high)
        below_low, above_low = special.expit(low), special.expit(-low)
        # The difference on the side where it does not cancel.
        probability = np.where(low > 0, above_low - above_high, below_high - below_low)
        possible = (probability > 0).all(1)
        probability = np.where(possible[:, None], probability, 1.0)
        pull_high = below_high * above_high / probability
        pull_low = below_low * above_low / probability
        gradient = (times * pull_high) @ self.upper - (times * pull_low) @ self.lower
        u, v = self.upper, self.lower
        cells, q = u.shape
        products = [
            (x[:, :, None] * y[:, None, :]).reshape(cells, -1) for x, y in ((u, u), (v, v), (u, v))
        ]
        of_high = times * pull_high * (pull_high - above_high + below_high)
        of_low = times * pull_low * (pull_low + above_low - below_low)
        of_both = (times * pull_high * pull_low) @ products[2]
        information = (of_high @ products[0] + of_low @ products[1] - of_both).reshape(-1, q, q)
        information -= np.swapaxes(of_both.reshape(-1, q, q), 1, 2)
        value = np.where(possible, (times * np.log(probability)).sum(1), -math.inf)
        eye = np.eye(q)
        return (
            value,
            np.where(possible[:, None], gradient, 0.0),
            np.where(possible[:, None, None], information, eye),
        )


def cumulative_logit_slopes(tables: ArrayLike, scores: ArrayLike | None = None) -> TableTest:
    """Fit a proportional-odds model with one slope to each table; test by the likelihood ratio.

    A positive slope is the log odds ratio of a higher outcome per unit of the row scores. A level
    of the outcome that nobody chose adds nothing to the likelihood; it gets a thousandth of an
    answer. NaN where a variable is constant. The statistic is the signed root of the ratio.

    >>> fit = cumulative_logit_slopes([[10, 5, 5], [5, 5, 10]])
    >>> round(float(fit.effect), 4), round(float(fit.p), 4)
    (1.0986, 0.0653)
    """
    t = np.asarray(tables, dtype=float)
    stack = t.reshape(-1, *t.shape[-2:])
    s = scores_of(scores, t.shape[-2])
    constant = ((stack.sum(-1) > 0).sum(-1) < 2) | ((stack.sum(-2) > 0).sum(-1) < 2)
    slope = np.full(len(stack), np.nan)
    statistic = slope.copy()
    if not constant.all():
        some = stack[~constant]
        some = some[:, :, some.sum((0, 1)) > 0]
        some = np.where(some.sum(1, keepdims=True) == 0, 0.001 / len(s), some)
        fit = ordinal_fit(some, (s - s.mean())[:, None], sparse=True)
        totals = some.sum(1)
        null = special.xlogy(totals, totals / totals.sum(1, keepdims=True)).sum(1)
        slope[~constant] = fit.coefficients[:, 0]
        ratio = np.maximum(0.0, 2 * (fit.log_likelihood - null))
        statistic[~constant] = np.sign(fit.coefficients[:, 0]) * np.sqrt(ratio)
    shape = t.shape[:-2]
    return result_from_z(statistic.reshape(shape), slope.reshape(shape))


def proportional_odds_score(
    tables: ArrayLike,
    scores: ArrayLike | None = None,
    values: ArrayLike | None = None,
    trials: float | None = None,
) -> TableTest:
    """Test the absence of an effect in the proportional-odds model by its score, without a fit.

    McCullagh (1980, doi:10.1111/j.2517-6161.1980.tb01109.x): a linear trend of the outcome's
    midranks over the row scores. It takes any number of outcome levels.

    >>> proportional_odds_score([[9, 5, 1], [4, 6, 5]]).p.round(4).tolist()
    0.0327
    """
    t = np.asarray(tables, dtype=float)
    s = scores_of(scores, t.shape[-2])
    rows, columns, n = t.sum(-1), t.sum(-2), t.sum((-2, -1))[..., None]
    share, ridits = columns / n, (midranks(columns) - 0.5) / n
    x = s - (rows * s).sum(-1, keepdims=True) / n
    score = 2 * np.einsum("...ij,...i,...j->...", t, x, ridits - 0.5)
    variance = (1 - (share**3).sum(-1)) / 3 * (rows * x**2).sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return result_from_z(np.asarray(score / np.sqrt(variance)))


def proportional_odds_on_tables(
    tables: ArrayLike,
    scores: ArrayLike | None = None,
    values: ArrayLike | None = None,
    trials: float | None = None,
) -> TableTest:
    """Test the slope of a proportional-odds model, beyond 12 levels by its score.

    >>> proportional_odds_on_tables([[9, 5, 1], [4, 6, 5]]).effect.round(3).tolist()
    1.554
    """
    if np.shape(tables)[-1] <= _FIT_UP_TO:
        return cumulative_logit_slopes(tables, scores)
    return proportional_odds_score(tables, scores)


def proportional_odds(
    outcome: pd.Series, predictor: pd.Series, *, confidence: float = 0.95
) -> TestResult:
    """Regress an ordered outcome on one predictor by the proportional-odds model.

    For an ordered or binary predictor the estimate is the odds ratio of a higher outcome per step
    of the predictor, with profile-likelihood interval and likelihood-ratio test; for unordered
    groups the joint test with Cohen's w. An outcome measured on a fine scale is used by its order
    (Liu et al. 2017, Stat. Med. 36:4316). `extra` holds the Brant test of the assumption (`brant`,
    `brant_df`, `brant_p`) and how many thresholds it compares (`brant_thresholds`); a small p is
    noted, and `partial_proportional_odds` is then the model to look at.

    >>> y = pd.Series([1, 1, 2, 2, 3, 3, 1, 2, 3, 3])
    >>> round(proportional_odds(y, pd.Series([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])).p, 4)
    0.2341

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

    >>> concern = pd.Series([1, 2, 1, 3, 2, 3, 1, 3, 2, 2, 3, 1])
    >>> knowledge = [1, 1, 2, 3, 2, 3, 1, 2, 3, 1, 1, 3]
    >>> predictors = pd.DataFrame({"knowledge": knowledge, "size": [1, 2] * 6})
    >>> found = proportional_odds_model(concern, predictors)
    >>> {name: round(result.estimate, 1) for name, result in found.terms.items()}
    {'knowledge': 1.8, 'size': 5.2}

    Args:
        outcome: ordered categories or numbers; levels that nobody chose are left out.
        predictors: one column each; ordered ones enter by their scores, others as indicators.
        confidence: level of all intervals.

    Raises:
        AnalysisError: as for `proportional_odds`, or the predictors depend on each other.
    """
    check_confidence(confidence)
    data = _Rows.of(outcome, predictors)
    n, k, matrix = data.n, data.table.shape[1], data.matrix
    fit = ordinal_fit(data.table[None], matrix)
    drop = float(stats.chi2.ppf(confidence, 1)) / 2
    likelihood = _Likelihood.of(data.table[None], matrix)
    rows = []
    for column in range(matrix.shape[1]):
        se = math.sqrt(float(fit.covariance[0, k - 1 + column, k - 1 + column]))
        ends = (_profile_bound(likelihood, fit, column, drop, side) for side in (-1, 1))
        rows.append((float(fit.coefficients[0, column]), se, *ends))
    coefficients = pd.DataFrame(
        rows, index=data.coded.columns, columns=["estimate", "se", "low", "high"]
    )
    notes: tuple[str, ...] = ("profile likelihood interval, likelihood-ratio test",)
    extra = {"levels": float(k)}
    try:
        check = _brant(data.merged(LEAST))
    except AnalysisError:
        notes += ("the proportional-odds assumption could not be tested",)
    else:
        extra |= {"brant": check.statistic, "brant_df": float(check.df), "brant_p": check.p}
        extra |= {"brant_thresholds": float(check.levels - 1)}
        notes += (
            f"Brant test of proportional odds over {check.levels - 1} of {k - 1} thresholds: "
            f"p = {check.p:.3f}",
        )

    @cache
    def likelihood_ratio(columns: tuple[int, ...]) -> float:
        null = ordinal_fit(data.table[None], np.delete(matrix, columns, axis=1))
        return max(0.0, 2 * float(fit.log_likelihood[0] - null.log_likelihood[0]))

    def test(columns: Sequence[int]) -> tuple[float, float, float]:
        ratio = likelihood_ratio(tuple(columns))
        return ratio, float(stats.chi2.sf(ratio, len(columns))), ratio

    return model_result(
        data.coded,
        coefficients,
        test,
        method=_METHOD,
        effect="odds ratio",
        n=n,
        confidence=confidence,
        notes=notes,
        joint_notes=("likelihood-ratio test of all predictors",),
        extra=extra,
        model_extra={
            "log_likelihood": float(fit.log_likelihood[0]),
            **{f"threshold {j + 1}": float(a) for j, a in enumerate(fit.thresholds[0])},
        },
    )


def _profile_bound(
    likelihood: _Likelihood, fit: OrdinalFit, column: int, drop: float, side: int
) -> float:
    """Find where the profile log-likelihood of a coefficient is `drop` below its maximum.

    Newton's method on the likelihood's height and the gradient of all other parameters together
    (Venzon & Moolgavkar 1988, Appl. Stat. 37:87), so that no value on the way is profiled.

    Args:
        likelihood: of one sample, in a model in which no coefficient varies by threshold.
        fit: its maximum.
        column: of the coefficient.
        drop: in log-likelihood.
        side: -1 below the estimate, 1 above.

    Raises:
        AnalysisError: there is no such place to be found.
    """
    at = fit.thresholds.shape[1] + column
    peak = np.concatenate([fit.thresholds[0], fit.coefficients[0]])
    covariance, wanted = fit.covariance[0], float(fit.log_likelihood[0]) - drop
    # To where it would be if the likelihood were normal.
    theta = peak + side * math.sqrt(2 * drop / covariance[at, at]) * covariance[at]
    for _ in range(50):
        value, gradient, information = (part[0] for part in likelihood.evaluate(theta[None]))
        if not math.isfinite(value):
            # Outside of where every answer has a chance: half the way back.
            theta = (theta + peak) / 2
            continue
        slopes, missing = -information, -gradient
        slopes[at], missing[at] = gradient, wanted - value
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
    outcome: pd.Series, predictors: pd.DataFrame | pd.Series, *, least: int = LEAST
) -> ParallelTest:
    """Test proportional odds by comparing the logistic regressions at every threshold.

    Brant (1990, Biometrics 46:1171): a Wald test that the coefficients of the k - 1 binary
    regressions are equal. It is liberal in small samples, so adjacent levels are merged until
    each has `least` respondents; the model itself is not merged.

    >>> rng = np.random.default_rng(1)
    >>> knowledge = pd.Series(rng.integers(1, 4, 120))
    >>> concern = pd.Series(np.digitize(knowledge + rng.logistic(size=120), [1, 3]))
    >>> found = brant_test(concern, knowledge)
    >>> found.p > 0.05
    True

    Raises:
        AnalysisError: fewer than three levels are left, or a threshold is separated, so that the
            test is not defined.
    """
    return _brant(_Rows.of(outcome, predictors).merged(least))


def partial_proportional_odds(
    outcome: pd.Series,
    predictors: pd.DataFrame | pd.Series,
    *,
    varying: Sequence[str],
    confidence: float = 0.95,
    least: int = LEAST,
) -> ModelResult:
    """Regress an ordered outcome, with effects of the named predictors that vary by threshold.

    The fallback where `brant_test` speaks against proportional odds for those predictors
    (Peterson & Harrell 1990, Appl. Stat. 39:205). Adjacent levels are merged until each has
    `least` respondents, or the thresholds' coefficients could not be estimated.

    >>> rng = np.random.default_rng(1)
    >>> knowledge = pd.DataFrame({"knowledge": rng.integers(1, 4, 120)})
    >>> concern = pd.Series(np.digitize(knowledge["knowledge"] + rng.logistic(size=120), [1, 3]))
    >>> found = partial_proportional_odds(concern, knowledge, varying=["knowledge"])
    >>> found.coefficients.index.tolist()
    ['knowledge (above level 1)', 'knowledge (above level 2)']

    Args:
        outcome, predictors: as for `proportional_odds_model`.
        varying: names of predictors.
        confidence: level of the Wald intervals.
        least: respondents that a level must have.

    Returns:
        `coefficients` has one row per threshold for a varying predictor, "name (above level j)"
        with j counted from 1 among the merged levels. The terms' tests are likelihood-ratio tests
        of all coefficients of a predictor, with Cohen's w.

    Raises:
        AnalysisError: the model has no maximum in these data.
        ValueError: a name in `varying` is not a predictor.
    """
    check_confidence(confidence)
    whole = _Rows.of(outcome, predictors)
    data, coded = whole.merged(least), whole.coded
    k, n = data.table.shape[1], data.n
    unknown = [name for name in varying if name not in coded.terms]
    if unknown:
        raise ValueError(f"not among the predictors: {', '.join(unknown)}")
    free = [column for name in varying for column in coded.terms[name]]
    fixed = [column for column in range(len(coded.columns)) if column not in free]
    fit = ordinal_fit(data.table[None], data.matrix, varying=free)
    names = [coded.columns[column] for column in fixed]
    names += [f"{coded.columns[column]} (above level {j})" for column in free for j in range(1, k)]
    estimate, se = fit.coefficients[0], np.sqrt(np.diag(fit.covariance[0])[k - 1 :])
    half = float(stats.norm.ppf((1 + confidence) / 2)) * se
    coefficients = pd.DataFrame(
        {"estimate": estimate, "se": se, "low": estimate - half, "high": estimate + half},
        index=names,
    )
    method = "partial proportional-odds regression"
    shared: tuple[str, ...] = ("likelihood-ratio test, Wald intervals",)
    if k < whole.table.shape[1]:
        shared += (f"levels merged to {k}, so that each has at least {least} respondents",)

    def test(columns: Sequence[int], method: str) -> TestResult:
        kept = [column for column in range(len(coded.columns)) if column not in columns]
        null = ordinal_fit(
            data.table[None],
            data.matrix[:, kept],
            varying=[kept.index(column) for column in free if column in kept],
        )
        ratio = max(0.0, 2 * float(fit.log_likelihood[0] - null.log_likelihood[0]))
        df = sum(k - 1 if column in free else 1 for column in columns)
        p = float(stats.chi2.sf(ratio, df))
        return joint_result(ratio, df, method=method, p=p, n=n, confidence=confidence, notes=shared)

    return ModelResult(
        method=method,
        n=n,
        terms={name: test(columns, method) for name, columns in coded.terms.items()},
        joint=test(range(len(coded.columns)), f"{method}, joint test"),
        coefficients=coefficients,
        notes=shared,
        extra={"levels": float(k), "log_likelihood": float(fit.log_likelihood[0])},
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """Respondents counted by their predictors and the level of their outcome.

    Attributes:
        table: r × k counts, every level occurring.
        matrix: r × p, distinct rows of the design.
        coded: the design of all respondents.
    """

    table: Floats
    matrix: Floats
    coded: Design

    @property
    def n(self) -> int:
        return int(self.table.sum())

    @classmethod
    def of(cls, outcome: pd.Series, predictors: pd.DataFrame | pd.Series) -> _Rows:
        left, right = complete_rows(outcome, predictors)
        _, levels = np.unique(as_scores(left), return_inverse=True)
        coded = design(right)
        matrix, which = np.unique(coded.matrix, axis=0, return_inverse=True)
        table = np.zeros((len(matrix), int(levels.max()) + 1))
        np.add.at(table, (which, levels), 1.0)
        return cls(table, matrix, coded)

    def merged(self, least: int) -> _Rows:
        """Merge each sparse level with its smaller neighbour, until all have `least`."""
        columns = list(self.table.T)
        while len(columns) > 1 and min(column.sum() for column in columns) < least:
            sizes = [float(column.sum()) for column in columns]
            at = sizes.index(min(sizes))
            beside = [place for place in (at - 1, at + 1) if 0 <= place < len(columns)]
            first, second = sorted((at, min(beside, key=lambda place: sizes[place])))
            columns[first] = columns[first] + columns.pop(second)
        return _Rows(np.column_stack(columns), self.matrix, self.coded)


def _brant(data: _Rows) -> ParallelTest:
    table, k, p = data.table, data.table.shape[1], data.matrix.shape[1]
    if k < 3:
        raise AnalysisError("fewer than three levels are left: there is nothing to compare")
    n, matrix = table.sum(1), np.column_stack([np.ones(len(table)), data.matrix])
    slopes, above, bread = [], [], []
    for j in range(1, k):
        # A cumulative logit of two levels is logistic regression of the upper one.
        binary = np.column_stack([table[:, :j].sum(1), table[:, j:].sum(1)])
        fit = ordinal_fit(binary[None], data.matrix)
        chance = special.expit(data.matrix @ fit.coefficients[0] - fit.thresholds[0, 0])
        slopes.append(fit.coefficients[0])
        above.append(chance)
        weight = n * chance * (1 - chance)
        bread.append(np.linalg.inv((matrix * weight[:, None]).T @ matrix))
    covariance = np.zeros(((k - 1) * p, (k - 1) * p))
    for j in range(k - 1):
        for m in range(j, k - 1):
            # Being above the higher threshold implies being above the lower one.
            shared = n * above[m] * (1 - above[j])
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
        variance = contrasts @ covariance @ contrasts.T
        statistic = float(difference @ np.linalg.solve(variance, difference))
        return statistic, len(contrasts), float(stats.chi2.sf(statistic, len(contrasts)))

    statistic, df, p_value = wald(range(p))
    by_term = {name: wald(columns) for name, columns in data.coded.terms.items()}
    return ParallelTest(statistic, df, p_value, by_term, k)
