"""Regression of counts: Poisson, quasi-Poisson, negative binomial, and counts with an upper limit.

The number of ticked answers in a checklist is bounded by the length of the list. Poisson and
negative-binomial models know no bound, so they suit counts well below it; a count out of k has a
quasi-binomial model instead. `choose_count_model` says which one fits a set of counts, and why.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.design import (
    Design,
    ModelResult,
    complete_rows,
    design,
    joint_result,
    profile_bounds,
    term_result,
)
from mlsec_survey.stats.pairs import FloatArray, as_scores, check_confidence
from mlsec_survey.stats.result import TestResult

ModelName = Literal["poisson", "quasi_poisson", "negative_binomial", "quasi_binomial"]
_RATIO = "incidence-rate ratio"
# Log ratio per standard deviation of a predictor beyond which there is no maximum to be found.
_FAR = 8.0


@dataclass(frozen=True, slots=True)
class CountFit:
    """A fitted model of counts.

    Attributes:
        coefficients: intercept first.
        covariance: inverse Fisher information, not multiplied by any dispersion.
        means: fitted mean of each respondent's count.
        log_likelihood: of the counts; for a quasi model that of its parent family.
        alpha: negative-binomial dispersion, variance = mean + alpha·mean²; 0 is Poisson.
    """

    coefficients: FloatArray
    covariance: FloatArray
    means: FloatArray
    log_likelihood: float
    alpha: float = 0.0


def count_fit(
    counts: FloatArray,
    matrix: FloatArray,
    *,
    trials: float | None = None,
    alpha: float = 0.0,
    offset: FloatArray | None = None,
    start: FloatArray | None = None,
) -> CountFit:
    """Fit a log-linear (or, with `trials`, logistic) model of counts by Fisher scoring.

    Args:
        counts: n counts.
        matrix: n × p, intercept included.
        trials: largest possible count; makes the model binomial with a logit link.
        alpha: fixed negative-binomial dispersion.
        offset: added to the linear predictor.
        start: coefficients to begin at.

    Raises:
        AnalysisError: the maximum is at infinity, or was not found.
    """
    add = np.zeros(len(counts)) if offset is None else offset
    if start is None:
        mean = float(counts.mean())
        coefficients = np.zeros(matrix.shape[1])
        share = math.log(mean) if trials is None else float(special.logit(mean / trials))
        coefficients[0] = share - float(add.mean())
    else:
        coefficients = start.copy()

    def evaluate(at: FloatArray) -> tuple[float, FloatArray, FloatArray, FloatArray]:
        linear = matrix @ at + add
        if trials is None:
            means = np.asarray(np.exp(np.minimum(linear, 50.0)), dtype=float)
            weight = means / (1 + alpha * means)
            residual = (counts - means) / (1 + alpha * means)
        else:
            chance = special.expit(linear)
            means = np.asarray(trials * chance, dtype=float)
            weight = means * (1 - chance)
            residual = counts - means
        value = _log_likelihood(counts, means, trials, alpha)
        return value, means, matrix.T @ residual, (matrix * weight[:, None]).T @ matrix

    spread = matrix.std(axis=0)
    value, means, score, information = evaluate(coefficients)
    for _ in range(200):
        if (np.abs(coefficients) * spread > _FAR).any():
            break
        if np.abs(score).max(initial=0.0) < 1e-11 * max(1.0, float(counts.sum())):
            return CountFit(coefficients, _inverse(information), means, value, alpha)
        try:
            step = np.linalg.solve(information, score)
        except np.linalg.LinAlgError:
            break
        for _ in range(50):
            trial = evaluate(coefficients + step)
            if trial[0] >= value - 1e-12 * abs(value):
                break
            step = step / 2
        coefficients = coefficients + step
        value, means, score, information = trial
        if np.abs(step).max() < 1e-14 * max(1.0, float(np.abs(coefficients).max())):
            return CountFit(coefficients, _inverse(information), means, value, alpha)
    raise AnalysisError("the count model has no finite estimate: a group may have no counts at all")


def _inverse(information: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.inv(information), dtype=float)


def _log_likelihood(
    counts: FloatArray, means: FloatArray, trials: float | None, alpha: float
) -> float:
    if trials is not None:
        chance = means / trials
        terms = special.xlogy(counts, chance) + special.xlog1py(trials - counts, -chance)
        choose = (
            special.gammaln(trials + 1)
            - special.gammaln(counts + 1)
            - special.gammaln(trials - counts + 1)
        )
        return float((terms + choose).sum())
    if alpha == 0:
        return float((special.xlogy(counts, means) - means - special.gammaln(counts + 1)).sum())
    size = 1 / alpha
    # betaln keeps the difference of two nearly equal log-gammas exact when size is large.
    choose = -special.betaln(size, counts + 1) - np.log(size + counts)
    return float(
        (
            choose
            - (counts + size) * np.log1p(alpha * means)
            + special.xlogy(counts, alpha * means)
        ).sum()
    )


def negative_binomial_fit(
    counts: FloatArray,
    matrix: FloatArray,
    *,
    offset: FloatArray | None = None,
    near: float | None = None,
) -> CountFit:
    """Fit the NB2 model with its dispersion by maximum likelihood (as MASS::glm.nb).

    The dispersion is 0, the model Poisson, when the counts are not overdispersed. `near` is a
    guess of the dispersion to begin at.
    """
    poisson = count_fit(counts, matrix, offset=offset)
    excess = float(((counts - poisson.means) ** 2 - counts).sum())
    if excess <= 0:
        return poisson
    last = poisson.coefficients

    def slope(log_size: float) -> float:
        nonlocal last
        size = math.exp(log_size)
        fit = count_fit(counts, matrix, alpha=1 / size, offset=offset, start=last)
        last, means = fit.coefficients, fit.means
        return float(
            (
                special.digamma(counts + size)
                - special.digamma(size)
                - np.log1p(means / size)
                + (means - counts) / (means + size)
            ).sum()
        )

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
    root = optimize.brentq(slope, low - 1e-5, high + 1e-5, xtol=1e-12, rtol=1e-14)
    return count_fit(counts, matrix, alpha=math.exp(-root), offset=offset, start=last)


def poisson(outcome: pd.Series, predictor: pd.Series, *, confidence: float = 0.95) -> TestResult:
    """Regress a count on one predictor by Poisson regression.

    The estimate is the incidence-rate ratio per step of an ordered predictor, with profile
    likelihood interval and likelihood-ratio test. Both are wrong when the variance is not the
    mean: `extra` holds the Pearson dispersion (1 if Poisson) and its p-value, and a note says so.

    Raises:
        AnalysisError: a variable is constant, or the outcome is not a count.
    """
    return _first(count_model(outcome, predictor, model="poisson", confidence=confidence))


def quasi_poisson(
    outcome: pd.Series, predictor: pd.Series, *, confidence: float = 0.95
) -> TestResult:
    """Regress a count on one predictor, with a variance proportional to the mean.

    Incidence-rate ratio per step; interval and p-value from t with the Pearson dispersion, which
    may also be below 1 (Wedderburn 1974; R's `glm(family = quasipoisson)`).

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

    The estimate is the odds ratio per step, of each item being ticked; interval and p-value from
    t with the Pearson dispersion (R's `glm(family = quasibinomial)`).

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

    Args:
        outcome: whole numbers from 0.
        predictors: one column each; ordered ones enter by their scores, others as indicators.
        model: "poisson", "quasi_poisson", "negative_binomial" or "quasi_binomial".
        trials: largest possible count, for "quasi_binomial".
        confidence: level of all intervals.

    Returns:
        One result per predictor (a ratio, or Cohen's w for unordered groups), and the joint
        test. `extra` holds `dispersion` (Pearson chi-square over its degrees of freedom),
        `dispersion_p` (two-sided, against 1), and for the negative binomial `alpha`.

    Raises:
        AnalysisError: see the functions for one predictor.
        ValueError: `trials` is missing or out of place.
    """
    check_confidence(confidence)
    counts, coded, limit = _prepared(outcome, predictors, model, trials)
    n, p = len(counts), coded.matrix.shape[1]
    if n <= p + 1:
        raise AnalysisError(f"{n} respondents are too few for {p} predictors")
    matrix = np.column_stack([np.ones(n), coded.matrix])
    if model == "negative_binomial":
        fit = negative_binomial_fit(counts, matrix)
    else:
        fit = count_fit(counts, matrix, trials=limit)
    parent = fit if model != "negative_binomial" else count_fit(counts, matrix)
    dispersion, dispersion_p = _dispersion(counts, parent, limit)
    extra = {"dispersion": dispersion, "dispersion_p": dispersion_p}
    if model == "negative_binomial":
        extra["alpha"] = fit.alpha
    method = {
        "poisson": "Poisson regression",
        "quasi_poisson": "quasi-Poisson regression",
        "negative_binomial": "negative-binomial regression",
        "quasi_binomial": "quasi-binomial regression",
    }[model]
    notes = _dispersion_notes(model, fit, dispersion, dispersion_p)
    quasi = model in ("quasi_poisson", "quasi_binomial")
    coefficients = (
        _wald(coded, fit, dispersion, n - p - 1, confidence)
        if quasi
        else _profiles(counts, matrix, coded, fit, model, confidence)
    )
    free = n - p - 1

    def test(columns: Sequence[int]) -> tuple[float, float, float]:
        """Statistic, p-value, and the statistic on the chi-square scale."""
        held = [column + 1 for column in columns]
        if quasi:
            estimate = fit.coefficients[held]
            spread = fit.covariance[np.ix_(held, held)] * dispersion
            chi_square = float(estimate @ np.linalg.solve(spread, estimate))
            if len(held) == 1:
                t = math.copysign(math.sqrt(chi_square), float(estimate[0]))
                return t, float(2 * stats.t.sf(abs(t), free)), chi_square
            f = chi_square / len(held)
            return f, float(stats.f.sf(f, len(held), free)), chi_square
        null = _refit(counts, np.delete(matrix, held, axis=1), model, near=fit.alpha)
        ratio = max(0.0, 2 * (fit.log_likelihood - null.log_likelihood))
        return ratio, float(stats.chi2.sf(ratio, len(held))), ratio

    effect = "odds ratio" if model == "quasi_binomial" else _RATIO
    terms = {}
    for name, columns in coded.terms.items():
        statistic, p_value, chi_square = test(columns)
        terms[name] = term_result(
            coded,
            name,
            coefficients,
            method=method,
            effect=effect,
            statistic=statistic,
            p=p_value,
            n=n,
            confidence=confidence,
            notes=notes,
            extra=extra,
            chi_square=chi_square,
        )
    statistic, p_value, chi_square = test(range(p))
    return ModelResult(
        method=method,
        n=n,
        terms=terms,
        joint=joint_result(
            chi_square,
            p,
            method=f"{method}, joint test",
            p=p_value,
            n=n,
            confidence=confidence,
            notes=notes,
            extra=extra,
            statistic=statistic,
        ),
        coefficients=coefficients,
        notes=notes,
        extra={
            **extra,
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
    """
    counts, coded, limit = _prepared(
        outcome, predictors, "poisson" if trials is None else "quasi_binomial", trials
    )
    matrix = np.column_stack([np.ones(len(counts)), coded.matrix])
    poisson_fit = count_fit(counts, matrix)
    dispersion, _ = _dispersion(counts, poisson_fit, None)
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
) -> tuple[FloatArray, Design, float | None]:
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
    counts: FloatArray,
    matrix: FloatArray,
    model: ModelName,
    offset: FloatArray | None = None,
    near: float | None = None,
) -> CountFit:
    if model == "negative_binomial":
        return negative_binomial_fit(counts, matrix, offset=offset, near=near)
    return count_fit(counts, matrix, offset=offset)


def _profiles(
    counts: FloatArray,
    matrix: FloatArray,
    coded: Design,
    fit: CountFit,
    model: ModelName,
    confidence: float,
) -> pd.DataFrame:
    drop = float(stats.chi2.ppf(confidence, 1)) / 2
    rows = []
    for column in range(1, matrix.shape[1]):
        estimate = float(fit.coefficients[column])
        se = math.sqrt(float(fit.covariance[column, column]))

        def gap(value: float, column: int = column) -> float:
            others = np.delete(matrix, column, axis=1)
            held = _refit(counts, others, model, value * matrix[:, column], fit.alpha)
            return held.log_likelihood - fit.log_likelihood + drop

        rows.append((estimate, se, *profile_bounds(gap, estimate, se)))
    return pd.DataFrame(rows, index=coded.columns, columns=["estimate", "se", "low", "high"])


def _wald(
    coded: Design, fit: CountFit, dispersion: float, df: int, confidence: float
) -> pd.DataFrame:
    estimate = fit.coefficients[1:]
    se = np.sqrt(np.diag(fit.covariance)[1:] * dispersion)
    reach = float(stats.t.ppf((1 + confidence) / 2, df)) * se
    return pd.DataFrame(
        {"estimate": estimate, "se": se, "low": estimate - reach, "high": estimate + reach},
        index=coded.columns,
    )


def _dispersion(counts: FloatArray, fit: CountFit, limit: float | None) -> tuple[float, float]:
    variance = fit.means if limit is None else fit.means * (1 - fit.means / limit)
    pearson = float(((counts - fit.means) ** 2 / variance).sum())
    df = len(counts) - len(fit.coefficients)
    tails = (float(stats.chi2.sf(pearson, df)), float(stats.chi2.cdf(pearson, df)))
    return pearson / df, min(1.0, 2 * min(tails))


def _dispersion_notes(
    model: ModelName, fit: CountFit, dispersion: float, p: float
) -> tuple[str, ...]:
    about = f"Pearson dispersion {dispersion:.2f}"
    if model in ("quasi_poisson", "quasi_binomial"):
        return (f"t interval and test with {about}",)
    notes: tuple[str, ...] = ("profile likelihood interval, likelihood-ratio test",)
    if model == "negative_binomial" and fit.alpha == 0:
        return (*notes, f"no overdispersion ({about}): the same as Poisson regression")
    if model == "poisson" and p < 0.05:
        kind = "over" if dispersion > 1 else "under"
        notes += (f"the counts are {kind}dispersed ({about}): interval and p do not hold",)
    return notes
