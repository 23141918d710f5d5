"""Regression of counts: Poisson, quasi-Poisson, negative binomial, and counts with an upper limit.

The number of ticked answers in a checklist is bounded by the length of the list. Poisson and
negative-binomial models know no bound, so they suit counts well below it; a count out of k has a
quasi-binomial model instead. `choose_count_model` says which one fits a set of counts, and why.

The models are statsmodels' GLM; what is added is the dispersion of the negative binomial by maximum
likelihood with profile intervals, and one fit of a trend to thousands of tables at once.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats
from statsmodels.genmod import families
from statsmodels.genmod.generalized_linear_model import GLM

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.design import (
    Design,
    ModelResult,
    complete_rows,
    design,
    model_result,
    profile_bounds,
)
from mlsec_survey.stats.pairs import as_scores, check_confidence
from mlsec_survey.stats.result import TestResult
from mlsec_survey.stats.tables import TableTest, result_from_p, scores_of

Floats = NDArray[np.float64]
ModelName = Literal["poisson", "quasi_poisson", "negative_binomial", "quasi_binomial"]
_LABELS: dict[ModelName, str] = {
    "poisson": "Poisson regression",
    "quasi_poisson": "quasi-Poisson regression",
    "negative_binomial": "negative-binomial regression",
    "quasi_binomial": "quasi-binomial regression",
}
# Log ratio per standard deviation of a predictor beyond which there is no maximum to be found.
_FAR = 8.0


@dataclass(frozen=True, slots=True)
class CountFit:
    """A fitted model of counts.

    Attributes:
        coefficients: intercept first.
        covariance: of the coefficients; with the Pearson dispersion for a quasi model.
        means: fitted mean of each respondent's count.
        log_likelihood: of the counts; for a quasi model that of its parent family.
        alpha: negative-binomial dispersion, variance = mean + alpha·mean²; 0 is Poisson.
        dispersion: Pearson chi-square over its degrees of freedom.
    """

    coefficients: Floats
    covariance: Floats
    means: Floats
    log_likelihood: float
    alpha: float
    dispersion: float


def count_fit(
    counts: Floats,
    matrix: Floats,
    *,
    trials: float | None = None,
    alpha: float = 0.0,
    quasi: bool = False,
    offset: Floats | None = None,
) -> CountFit:
    """Fit a log-linear (or, with `trials`, logistic) model of counts by statsmodels' GLM.

    >>> groups = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 1.0]])
    >>> fit = count_fit(np.array([1.0, 2.0, 4.0, 5.0]), groups)
    >>> fit.means.round(4).tolist()
    [1.5, 1.5, 4.5, 4.5]

    Args:
        counts: n counts.
        matrix: n × p, intercept included.
        trials: largest possible count; makes the model binomial with a logit link.
        alpha: fixed negative-binomial dispersion.
        quasi: multiply the covariance by the Pearson dispersion.
        offset: added to the linear predictor.

    Raises:
        AnalysisError: the maximum is at infinity, or was not found.
    """
    # Shares weighted by their trials, so that the Pearson dispersion counts trials.
    endog = counts if trials is None else counts / trials
    weights = None if trials is None else np.full(len(counts), trials)
    family = families.Binomial() if trials is not None else families.Poisson()
    if alpha > 0:
        family = families.NegativeBinomial(alpha=alpha)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = GLM(endog, matrix, family=family, offset=offset, var_weights=weights).fit(
                maxiter=200, tol=1e-11, tol_criterion="params", scale="X2" if quasi else None
            )
    except (np.linalg.LinAlgError, ValueError, FloatingPointError):
        fit = None
    far = fit is not None and (np.abs(fit.params) * matrix.std(axis=0) > _FAR).any()
    if fit is None or far or not fit.converged or not np.isfinite(fit.params).all():
        raise AnalysisError(
            "the count model has no finite estimate: a group may have no counts at all"
        )
    return CountFit(
        coefficients=np.asarray(fit.params, dtype=float),
        covariance=np.asarray(fit.cov_params(), dtype=float),
        means=np.asarray(fit.mu, dtype=float) * (1 if trials is None else trials),
        log_likelihood=float(fit.llf_scaled(scale=1.0)),
        alpha=alpha,
        dispersion=float(fit.pearson_chi2 / fit.df_resid),
    )


def negative_binomial_fit(
    counts: Floats, matrix: Floats, *, offset: Floats | None = None, near: float | None = None
) -> CountFit:
    """Fit the NB2 model with its dispersion by maximum likelihood (as MASS::glm.nb).

    The dispersion is 0, the model Poisson, when the counts are not overdispersed.

    >>> counts, matrix = np.array([0.0, 1, 1, 9, 0, 2, 12, 3]), np.ones((8, 1))
    >>> round(negative_binomial_fit(counts, matrix).alpha, 2)
    1.39

    Args:
        counts, matrix, offset: as for `count_fit`.
        near: a guess of the dispersion to begin at.
    """
    poisson = count_fit(counts, matrix, offset=offset)
    excess = float(((counts - poisson.means) ** 2 - counts).sum())
    if excess <= 0:
        return poisson

    def slope(log_size: float) -> float:
        size = math.exp(log_size)
        means = count_fit(counts, matrix, alpha=1 / size, offset=offset).means
        digammas = special.digamma(counts + size) - special.digamma(size)
        rest = (means - counts) / (means + size) - np.log1p(means / size)
        return float((digammas + rest).sum())

    # Moments give a guess; a short bracket around it is widened until it holds the root.
    guess = near if near else excess / float((poisson.means**2).sum())
    low = high = -math.log(guess)
    width = 0.1
    while slope(low) < 0:
        high, low, width = low, low - width, 2 * width
        if low < -30:
            raise AnalysisError("the negative-binomial dispersion could not be estimated")
    while slope(high) > 0:
        low, high, width = high, high + width, 2 * width
        if high > 14:
            return poisson
    # Room at the ends, because a guess may be the root up to rounding.
    root = optimize.brentq(slope, low - 1e-5, high + 1e-5, xtol=1e-11, rtol=1e-13)
    return count_fit(counts, matrix, alpha=math.exp(-root), offset=offset)


def poisson(outcome: pd.Series, predictor: pd.Series, *, confidence: float = 0.95) -> TestResult:
    """Regress a count on one predictor by Poisson regression.

    The estimate is the incidence-rate ratio per step of an ordered predictor, with profile
    likelihood interval and likelihood-ratio test. Both are wrong when the variance is not the
    mean: `extra` holds the Pearson dispersion (1 if Poisson) and its p-value, and a note says so.

    >>> defences, likelihood = pd.Series([1, 2, 2, 4, 5, 7]), pd.Series([1, 1, 2, 2, 3, 3])
    >>> round(poisson(defences, likelihood).estimate, 3)
    2.0

    Raises:
        AnalysisError: a variable is constant, or the outcome is not a count.
    """
    return _first(count_model(outcome, predictor, model="poisson", confidence=confidence))


def quasi_poisson(
    outcome: pd.Series, predictor: pd.Series, *, confidence: float = 0.95
) -> TestResult:
    """Regress a count on one predictor, with a variance proportional to the mean.

    Incidence-rate ratio per step; interval and p-value (Wald) from t with the Pearson dispersion,
    which may also be below 1 (Wedderburn 1974; R's `glm(family = quasipoisson)`).

    >>> defences, likelihood = pd.Series([1, 2, 2, 4, 5, 7]), pd.Series([1, 1, 2, 2, 3, 3])
    >>> round(quasi_poisson(defences, likelihood).estimate, 3)
    2.0

    Raises:
        AnalysisError: a variable is constant, or the outcome is not a count.
    """
    return _first(count_model(outcome, predictor, model="quasi_poisson", confidence=confidence))


def negative_binomial(
    outcome: pd.Series, predictor: pd.Series, *, confidence: float = 0.95
) -> TestResult:
    """Regress a count on one predictor by negative-binomial regression (NB2).

    Incidence-rate ratio per step with profile likelihood interval (dispersion estimated anew at
    every value) and likelihood-ratio test. Without overdispersion it is Poisson regression, which
    is conservative for underdispersed counts; a note says so.

    >>> defences, likelihood = pd.Series([0, 2, 1, 8, 3, 14]), pd.Series([1, 1, 2, 2, 3, 3])
    >>> round(negative_binomial(defences, likelihood).estimate, 2)
    2.71

    Raises:
        AnalysisError: a variable is constant, or the outcome is not a count.
    """
    return _first(count_model(outcome, predictor, model="negative_binomial", confidence=confidence))


def quasi_binomial(
    outcome: pd.Series,
    predictor: pd.Series,
    *,
    trials: int | None = None,
    confidence: float = 0.95,
) -> TestResult:
    """Regress a count out of `trials` on one predictor, with a free dispersion.

    The estimate is the odds ratio per step, of each item being ticked; interval and p-value (Wald)
    from t with the Pearson dispersion (R's `glm(family = quasibinomial)`).

    >>> defences, likelihood = pd.Series([1, 2, 2, 4, 5, 7]), pd.Series([1, 1, 2, 2, 3, 3])
    >>> round(quasi_binomial(defences, likelihood, trials=9).estimate, 3)
    3.24

    Args:
        outcome: counts from 0 to `trials`.
        predictor: as elsewhere.
        trials: items in the checklist; may be left out for a binary outcome (1).
        confidence: level of the interval.

    Raises:
        AnalysisError: a variable is constant, or a count exceeds `trials`.
        ValueError: `trials` is needed and None.
    """
    return _first(
        count_model(
            outcome, predictor, model="quasi_binomial", trials=trials, confidence=confidence
        )
    )


def _first(model: ModelResult) -> TestResult:
    return next(iter(model.terms.values()))


def count_model(
    outcome: pd.Series,
    predictors: pd.DataFrame | pd.Series,
    *,
    model: ModelName,
    trials: int | None = None,
    confidence: float = 0.95,
) -> ModelResult:
    """Regress a count on several predictors at once.

    >>> defences = pd.Series([1, 2, 2, 4, 5, 7, 3, 6])
    >>> predictors = pd.DataFrame({"likelihood": [1, 1, 2, 2, 3, 3, 1, 3], "size": [1, 2] * 4})
    >>> found = count_model(defences, predictors, model="quasi_poisson")
    >>> {name: round(result.estimate, 2) for name, result in found.terms.items()}
    {'likelihood': 1.68, 'size': 1.35}

    Args:
        outcome: whole numbers from 0.
        predictors: one column each; ordered ones enter by their scores, others as indicators.
        model: "poisson", "quasi_poisson", "negative_binomial" or "quasi_binomial".
        trials: largest possible count, for "quasi_binomial".
        confidence: level of all intervals.

    Returns:
        One result per predictor (a ratio, or Cohen's w for unordered groups), and the joint
        test. `extra` holds `dispersion` (Pearson chi-square over its degrees of freedom),
        `dispersion_p` (two-sided, against 1), and for the negative binomial `alpha`. Tests and
        intervals are Wald's t or F in a quasi model, of the likelihood ratio else.

    Raises:
        AnalysisError: see the functions for one predictor.
        ValueError: `trials` is missing or out of place.
    """
    check_confidence(confidence)
    counts, coded, limit = _prepared(outcome, predictors, model, trials)
    n, p = len(counts), coded.matrix.shape[1]
    free = n - p - 1
    if free < 1:
        raise AnalysisError(f"{n} respondents are too few for {p} predictors")
    matrix = np.column_stack([np.ones(n), coded.matrix])
    quasi = model in ("quasi_poisson", "quasi_binomial")
    parent = count_fit(counts, matrix, trials=limit, quasi=quasi)
    fit = negative_binomial_fit(counts, matrix) if model == "negative_binomial" else parent
    tails = stats.chi2.cdf(parent.dispersion * free, free)
    extra = {
        "dispersion": parent.dispersion,
        "dispersion_p": float(min(1.0, 2 * min(tails, 1 - tails))),
    }
    if model == "negative_binomial":
        extra["alpha"] = fit.alpha
    if quasi:
        estimate, se = fit.coefficients[1:], np.sqrt(np.diag(fit.covariance))[1:]
        half = float(stats.t.ppf((1 + confidence) / 2, free)) * se
        rows = list(zip(estimate, se, estimate - half, estimate + half, strict=True))
    else:
        rows = _profiles(counts, matrix, fit, model, confidence)
    coefficients = pd.DataFrame(rows, coded.columns, ["estimate", "se", "low", "high"])

    def test(columns: Sequence[int]) -> tuple[float, float, float]:
        held = [column + 1 for column in columns]
        if quasi:
            estimate = fit.coefficients[held]
            within = fit.covariance[np.ix_(held, held)]
            chi_square = float(estimate @ np.linalg.solve(within, estimate))
            if len(held) == 1:
                t = math.copysign(math.sqrt(chi_square), float(estimate[0]))
                return t, float(2 * stats.t.sf(abs(t), free)), chi_square
            f = chi_square / len(held)
            return f, float(stats.f.sf(f, len(held), free)), chi_square
        null = _refit(counts, np.delete(matrix, held, axis=1), model, near=fit.alpha)
        ratio = max(0.0, 2 * (fit.log_likelihood - null.log_likelihood))
        return ratio, float(stats.chi2.sf(ratio, len(held))), ratio

    return model_result(
        coded,
        coefficients,
        test,
        method=_LABELS[model],
        effect="odds ratio" if model == "quasi_binomial" else "incidence-rate ratio",
        n=n,
        confidence=confidence,
        notes=_dispersion_notes(model, fit, extra["dispersion"], extra["dispersion_p"]),
        extra=extra,
        model_extra={
            "intercept": float(fit.coefficients[0]),
            "log_likelihood": fit.log_likelihood,
        },
    )


poisson_model = partial(count_model, model="poisson")
quasi_poisson_model = partial(count_model, model="quasi_poisson")
negative_binomial_model = partial(count_model, model="negative_binomial")
quasi_binomial_model = partial(count_model, model="quasi_binomial")


@dataclass(frozen=True, slots=True)
class CountChoice:
    """Which model of counts fits, and why.

    Attributes:
        model: name that `count_model` takes.
        reason: one sentence, with the numbers that decided.
        dispersion: Pearson dispersion of the Poisson model.
        overdispersion_p: likelihood-ratio test of the negative binomial against Poisson.
        at_limit: share of respondents with the largest possible count; NaN without a limit.
    """

    model: ModelName
    reason: str
    dispersion: float
    overdispersion_p: float
    at_limit: float


def choose_count_model(
    outcome: pd.Series, predictors: pd.DataFrame | pd.Series, *, trials: int | None = None
) -> CountChoice:
    """Choose a model for counts by their limit and their dispersion, not by its p-values.

    A count whose fitted means reach a third of the possible, or that sits at the limit in more than
    2 % of respondents, is modelled as a share of it (quasi-binomial): the upper bound squeezes
    the variance there. Otherwise overdispersed counts (likelihood-ratio test of alpha = 0, with
    the halved p-value that belongs to a test at the boundary, below 0.05) take the negative
    binomial, and all others quasi-Poisson, which allows for underdispersion as well.

    >>> choose_count_model(pd.Series([0, 1, 1, 2, 0, 3, 1, 2]), pd.Series([1, 2] * 4)).model
    'quasi_poisson'
    """
    counts, coded, limit = _prepared(
        outcome, predictors, "poisson" if trials is None else "quasi_binomial", trials
    )
    matrix = np.column_stack([np.ones(len(counts)), coded.matrix])
    poisson_fit = count_fit(counts, matrix)
    dispersion = poisson_fit.dispersion
    negative = negative_binomial_fit(counts, matrix)
    ratio = max(0.0, 2 * (negative.log_likelihood - poisson_fit.log_likelihood))
    over_p = 1.0 if ratio == 0 else float(stats.chi2.sf(ratio, 1)) / 2
    at_limit = math.nan if limit is None else float((counts == limit).mean())
    if limit is not None:
        top = float(poisson_fit.means.max()) / limit
        if top >= 1 / 3 or at_limit > 0.02:
            return CountChoice(
                "quasi_binomial",
                f"of {limit:g} possible, fitted means reach {100 * top:.0f} % and "
                f"{100 * at_limit:.0f} % of respondents are at the limit, so the count is modelled "
                "as a share",
                dispersion,
                over_p,
                at_limit,
            )
    if over_p < 0.05:
        return CountChoice(
            "negative_binomial",
            f"the counts are overdispersed (dispersion {dispersion:.2f}, "
            f"likelihood-ratio p = {over_p:.3g}) and far from any limit",
            dispersion,
            over_p,
            at_limit,
        )
    return CountChoice(
        "quasi_poisson",
        f"there is no clear overdispersion (dispersion {dispersion:.2f}, "
        f"likelihood-ratio p = {over_p:.3g}), and quasi-Poisson allows for either kind",
        dispersion,
        over_p,
        at_limit,
    )


def _prepared(
    outcome: pd.Series,
    predictors: pd.DataFrame | pd.Series,
    model: ModelName,
    trials: int | None,
) -> tuple[Floats, Design, float | None]:
    left, right = complete_rows(outcome, predictors)
    counts = as_scores(left)
    if (counts < 0).any() or (counts != np.round(counts)).any():
        raise AnalysisError("the outcome is not a count: it has negative or broken numbers")
    if model != "quasi_binomial":
        return counts, design(right), None
    if trials is None:
        if counts.max() > 1:
            raise ValueError("a count needs its largest possible value, `trials`")
        trials = 1
    if counts.max() > trials:
        raise AnalysisError(f"a count of {counts.max():g} exceeds the {trials} possible")
    return counts, design(right), float(trials)


def _refit(
    counts: Floats,
    matrix: Floats,
    model: ModelName,
    offset: Floats | None = None,
    near: float | None = None,
) -> CountFit:
    if model == "negative_binomial":
        return negative_binomial_fit(counts, matrix, offset=offset, near=near)
    return count_fit(counts, matrix, offset=offset)


def _profiles(
    counts: Floats, matrix: Floats, fit: CountFit, model: ModelName, confidence: float
) -> list[tuple[float, float, float, float]]:
    """Return estimate, standard error and profile interval of each coefficient."""
    drop = float(stats.chi2.ppf(confidence, 1)) / 2
    rows = []
    for column in range(1, matrix.shape[1]):
        others = np.delete(matrix, column, axis=1)
        estimate = float(fit.coefficients[column])
        se = math.sqrt(float(fit.covariance[column, column]))

        def gap(value: float, column: int = column, others: Floats = others) -> float:
            held = _refit(counts, others, model, value * matrix[:, column], fit.alpha)
            return held.log_likelihood - fit.log_likelihood + drop

        rows.append((estimate, se, *profile_bounds(gap, estimate, se)))
    return rows


def _dispersion_notes(
    model: ModelName, fit: CountFit, dispersion: float, p: float
) -> tuple[str, ...]:
    about = f"Pearson dispersion {dispersion:.2f}"
    if model in ("quasi_poisson", "quasi_binomial"):
        return (f"Wald t test and interval with {about}",)
    notes: tuple[str, ...] = ("profile likelihood interval, likelihood-ratio test",)
    if model == "negative_binomial" and fit.alpha == 0:
        return (*notes, f"no overdispersion ({about}): the same as Poisson regression")
    if model == "poisson" and p < 0.05:
        kind = "over" if dispersion > 1 else "under"
        notes += (f"the counts are {kind}dispersed ({about}): interval and p do not hold",)
    return notes


def quasi_binomial_on_tables(
    tables: ArrayLike,
    scores: ArrayLike | None = None,
    values: ArrayLike | None = None,
    trials: float | None = None,
) -> TableTest:
    """Fit a quasi-Poisson (with `trials`: quasi-binomial) trend to each table of counts.

    Wald t test with the Pearson dispersion on n - 2 degrees of freedom, as
    `counts.quasi_poisson` and `counts.quasi_binomial`.

    >>> tables = [[6, 3, 1], [2, 4, 4]]  # columns: a count of 0, 1, 2
    >>> quasi_binomial_on_tables(tables, trials=2).p.round(3).tolist()
    0.073

    Args:
        tables: columns are the values of the count.
        scores: of the rows; default 0, 1, ….
        values: the count that each column stands for; default 0, 1, ….
        trials: largest possible count.
    """
    shape = np.shape(tables)
    t = np.asarray(tables, dtype=float).reshape(-1, *shape[-2:])
    s, v = scores_of(scores, shape[-2]), scores_of(values, shape[-1])
    centre = s.mean()
    s = s - centre
    n, total = t.sum(-1), (t * v).sum(-1)
    grand = total.sum(-1) / n.sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        a = np.log(grand) if trials is None else special.logit(grand / trials)
        b = np.zeros(len(t))
        for _ in range(60):
            linear = a[:, None] + b[:, None] * s
            if trials is None:
                mean = np.exp(np.minimum(linear, 50))
                weight = n * mean
            else:
                mean = trials * special.expit(linear)
                weight = n * mean * (1 - mean / trials)
            residual = total - n * mean
            u0, u1 = residual.sum(-1), (residual * s).sum(-1)
            i00, i01, i11 = weight.sum(-1), (weight * s).sum(-1), (weight * s**2).sum(-1)
            determinant = i00 * i11 - i01**2
            step0, step1 = (i11 * u0 - i01 * u1) / determinant, (i00 * u1 - i01 * u0) / determinant
            scale = np.minimum(1.0, 1.0 / np.maximum(np.maximum(abs(step0), abs(step1)), 1e-300))
            a, b = a + step0 * scale, b + step1 * scale
            if np.nanmax(np.abs(step1), initial=0) < 1e-11:
                break
        variance = mean if trials is None else mean * (1 - mean / trials)
        df = n.sum(-1) - 2
        deviations = (v - mean[..., None]) ** 2 / variance[..., None]
        dispersion = (t * deviations).sum((1, 2)) / df
        statistic = b / np.sqrt(dispersion * i00 / determinant)
    slope, statistic, free = (part.reshape(shape[:-2]) for part in (b, statistic, df))
    p = 2 * special.stdtr(free, -np.abs(statistic))
    return result_from_p(statistic, p, slope, slope, free)


def quasi_poisson_on_tables(
    tables: ArrayLike,
    scores: ArrayLike | None = None,
    values: ArrayLike | None = None,
    trials: float | None = None,
) -> TableTest:
    """Fit a quasi-Poisson trend to each table of counts; see `quasi_binomial_on_tables`.

    >>> quasi_poisson_on_tables([[6, 3, 1], [2, 4, 4]]).p.round(3).tolist()
    0.075
    """
    return quasi_binomial_on_tables(tables, scores, values)
