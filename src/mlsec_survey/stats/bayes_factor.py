"""Bayes factors for the null against a spread of effects, and how they depend on that spread.

A Bayes factor BF01 of 4 says that the answers are four times as probable if there is no effect as
if there is one of the kind that the prior describes. It always belongs to that prior, so it is
given as a curve over prior widths.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd
from scipy import optimize, special

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.categorical import trend_distribution
from mlsec_survey.stats.pairs import FloatArray
from mlsec_survey.stats.tables import cross_table

Prior = Literal["normal", "cauchy"]
LogLikelihood = Callable[[FloatArray], FloatArray]
"""Log-likelihood of an effect, up to a constant, at (k,) values; 0 is the null."""


def log_prior(effects: FloatArray, scale: float, prior: Prior = "normal") -> FloatArray:
    """Return the log density of a prior centred at no effect: normal with SD `scale`, or Cauchy."""
    z = effects / scale
    if prior == "normal":
        return np.asarray(-(z**2) / 2 - math.log(scale * math.sqrt(2 * math.pi)))
    return np.asarray(-np.log1p(z**2) - math.log(math.pi * scale))


def bayes_factor(log_likelihood: LogLikelihood, scale: float, *, prior: Prior = "normal") -> float:
    """Return the Bayes factor for no effect against effects spread by a prior, BF01.

    Args:
        log_likelihood: of the effect, on a scale where 0 is none (the log of a ratio).
        scale: standard deviation of the normal prior, or scale of the Cauchy prior.
        prior: its shape; Cauchy puts more on large effects.

    The marginal likelihood is integrated by the double-exponential rule around its mode
    (Takahasi & Mori 1974), to about ten digits.

    Raises:
        ValueError: the scale is not positive.
    """
    if not scale > 0:
        raise ValueError("the prior's scale must be positive")

    def log_product(effects: FloatArray) -> FloatArray:
        with np.errstate(over="ignore"):
            return log_likelihood(effects) + log_prior(effects, scale, prior)

    mode, width = _mode(log_product, scale)
    t = np.linspace(-4.0, 4.0, 401)
    inner = np.pi / 2 * np.sinh(t)
    at = mode + width * np.sinh(inner)
    log_step = np.log(width * np.cosh(inner) * np.pi / 2 * np.cosh(t) * (t[1] - t[0]))
    log_marginal = float(special.logsumexp(log_product(at) + log_step))
    return math.exp(float(log_likelihood(np.zeros(1))[0]) - log_marginal)


def _mode(log_product: LogLikelihood, scale: float) -> tuple[float, float]:
    """Find the highest point of a density, and the distance over which it falls by a half."""
    grid = scale * np.sinh(np.linspace(-9.0, 9.0, 361))
    heights = log_product(grid)
    best = int(np.argmax(heights))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    found = optimize.minimize_scalar(
        lambda b: -float(log_product(np.array([b]))[0]), bounds=(low, high), method="bounded"
    )
    mode = float(found.x)
    top = float(log_product(np.array([mode]))[0])
    widths = scale * np.geomspace(1e-5, 1e3, 120)
    fallen = np.minimum(log_product(mode + widths), log_product(mode - widths)) < top - 0.5
    return mode, float(widths[int(np.argmax(fallen))]) if fallen.any() else scale


def normal_log_likelihood(estimate: float, standard_error: float) -> LogLikelihood:
    """Return the log-likelihood of a normal estimate."""

    def log_likelihood(effects: FloatArray) -> FloatArray:
        return np.asarray(-(((effects - estimate) / standard_error) ** 2) / 2)

    return log_likelihood


def normal_bayes_factor(estimate: float, standard_error: float, scale: float) -> float:
    """Return BF01 for a normal estimate and a normal prior, in closed form (Savage–Dickey).

    The ratio of the posterior to the prior density at no effect (Dickey 1971).
    """
    ratio = (scale / standard_error) ** 2
    z = estimate / standard_error
    return math.sqrt(1 + ratio) * math.exp(-(z**2) / 2 * ratio / (1 + ratio))


def conditional_log_likelihood(outcome: pd.Series, predictor: pd.Series) -> LogLikelihood:
    """Return the exact conditional log-likelihood of the log odds ratio per step.

    The likelihood of logistic regression given both margins, the same from which
    `trend_permutation` has its estimate and interval; it stays proper in sparse data.

    Raises:
        AnalysisError: a variable is constant, the outcome not binary, or the scores too fine.
    """
    exact, observed = trend_distribution(cross_table(outcome, predictor))
    if exact is None:
        raise AnalysisError("too many respondents, or scores too fine, for the exact likelihood")
    return exact.log_likelihood(observed)


def chi_square_bayes_factor(statistic: float, df: int, noncentrality: float) -> float:
    """Return BF01 for a chi-square statistic against effects spread around a noncentrality.

    Under no effect the statistic is chi-square; under an effect its noncentrality is spread as the
    sum of `df` squared normal effects, with this mean. For one degree of freedom it is the Bayes
    factor of a normal estimate and a normal prior. Johnson (2005,
    doi:10.1111/j.1467-9868.2005.00521.x).

    Args:
        statistic: chi-square.
        df: its degrees of freedom.
        noncentrality: mean under the prior; n·V² (k - 1) for Cramér's V of a table whose smaller
            side is k.

    Raises:
        ValueError: the noncentrality is not positive.
    """
    if not noncentrality > 0:
        raise ValueError("the mean noncentrality must be positive")
    ratio = noncentrality / df
    return math.exp(df / 2 * math.log1p(ratio) - statistic / 2 * ratio / (1 + ratio))


def evidence_in_words(bf01: float) -> str:
    """Say what a Bayes factor amounts to, in the grades of Jeffreys with neutral words."""
    strength, sides = (bf01, "for no effect") if bf01 >= 1 else (1 / bf01, "for an effect")
    if strength < 3:
        return "little evidence either way"
    grade = "moderate" if strength < 10 else "strong"
    return f"{grade} evidence {sides}"
