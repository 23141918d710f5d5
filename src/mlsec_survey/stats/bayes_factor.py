"""Bayes factors for effects too small to matter against those that matter, by width of the prior.

A Bayes factor BF01 of 4 says that the answers are four times as probable if the effect is smaller
than the smallest one of interest as if it is at least that large. A prior centred at no effect is
cut at that size: what lies inside is the (interval) null hypothesis, what lies outside is its
alternative (Morey and Rouder 2011, doi:10.1037/a0024377). So no part of the alternative describes
effects that nobody cares about. How the prior falls off beyond still matters, so Bayes factors are
given as a curve over its width. With an interval of width 0 the null is the point of no effect.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd
from scipy import integrate, optimize, special, stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.categorical import trend_distribution
from mlsec_survey.stats.design import safe_exp
from mlsec_survey.stats.pairs import FloatArray
from mlsec_survey.stats.tables import cross_table

Prior = Literal["normal", "cauchy"]
LogLikelihood = Callable[[FloatArray], FloatArray]
"""Log-likelihood of an effect, up to a constant, at (k,) values; 0 is the null."""


def log_prior(effects: FloatArray, scale: float, prior: Prior = "normal") -> FloatArray:
    """Return the log density of a prior centred at no effect: normal with SD `scale`, or Cauchy.

    >>> log_prior(np.array([0.0, 1.0]), 0.5).round(3).tolist()
    [-0.226, -2.226]
    """
    z = effects / scale
    if prior == "normal":
        return np.asarray(-(z**2) / 2 - math.log(scale * math.sqrt(2 * math.pi)))
    return np.asarray(-np.log1p(z**2) - math.log(math.pi * scale))


def bayes_factor(
    log_likelihood: LogLikelihood, scale: float, *, bound: float = 0.0, prior: Prior = "normal"
) -> float:
    """Return the Bayes factor for effects within a bound against those beyond it, BF01.

    >>> likelihood = normal_log_likelihood(0.0, 0.2)
    >>> round(bayes_factor(likelihood, 0.4), 3), round(bayes_factor(likelihood, 0.4, bound=0.4), 2)
    (2.236, 17.87)

    Args:
        log_likelihood: of the effect, on a scale where 0 is none (the log of a ratio).
        scale: standard deviation of the normal prior, or scale of the Cauchy prior.
        bound: smallest effect of interest on that scale; at 0 the null is the point 0 and the
            alternative the whole prior.
        prior: its shape; Cauchy puts more on large effects.

    The marginal likelihoods are integrated by the double-exponential rule (Takahasi & Mori 1974),
    around the mode or up to the bound, to about ten digits.

    Raises:
        ValueError: the scale is not positive, or the bound negative.
    """
    if not scale > 0 or bound < 0:
        raise ValueError("the prior's scale must be positive, and the bound not negative")

    def log_product(effects: FloatArray) -> FloatArray:
        with np.errstate(over="ignore"):
            return log_likelihood(effects) + log_prior(effects, scale, prior)

    mode, width = _mode(log_product, scale)
    t = np.linspace(-4.0, 4.0, 401)
    step = t[1] - t[0]
    inner = np.pi / 2 * np.sinh(t)
    if bound == 0:
        at = mode + width * np.sinh(inner)
        log_step = np.log(width * np.cosh(inner) * np.pi / 2 * np.cosh(t) * step)
        log_marginal = float(special.logsumexp(log_product(at) + log_step))
        return safe_exp(float(log_likelihood(np.zeros(1))[0]) - log_marginal)

    def log_integral(low: float, high: float) -> float:
        # Split at the mode, so that each part has its peak at an end, where the rule is dense.
        ends = sorted({low, high, *(at for at in (mode,) if low < at < high)})
        parts = []
        for left, right in itertools.pairwise(ends):
            half = (right - left) / 2
            at = (left + right) / 2 + half * np.tanh(inner)
            weight = half * np.pi / 2 * np.cosh(t) / np.cosh(inner) ** 2 * step
            parts.append(special.logsumexp(log_product(at), b=weight))
        return float(special.logsumexp(parts))

    def log_tail(sign: float) -> float:
        # From the bound on, by the rule for half a line, at the scale of what is integrated.
        peak = max(0.0, sign * mode - bound)
        near = log_integral(*sorted((sign * bound, sign * (bound + peak)))) if peak > 0 else -np.inf
        size = max(width, 1e-3 * scale)
        beyond = size * np.exp(np.pi / 2 * np.sinh(t))
        weight = beyond * np.pi / 2 * np.cosh(t) * step
        far = special.logsumexp(log_product(sign * (bound + peak + beyond)), b=weight)
        return float(np.logaddexp(near, far))

    inside = log_integral(-bound, bound)
    outside = float(np.logaddexp(log_tail(1.0), log_tail(-1.0)))
    # Each side by the prior's share of it, so that only the answers speak.
    z = bound / scale
    if prior == "normal":
        log_within = math.log(math.erf(z / math.sqrt(2)))
        log_beyond = math.log(2) + float(special.log_ndtr(-z))
    else:
        log_within, log_beyond = (math.log(2 / math.pi * math.atan(side)) for side in (z, 1 / z))
    return safe_exp(inside - log_within - outside + log_beyond)


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
    """Return the log-likelihood of a normal estimate.

    >>> likelihood = normal_log_likelihood(0.4, 0.2)
    >>> (likelihood(np.array([0.4])) > likelihood(np.array([0.0]))).tolist()
    [True]
    """

    def log_likelihood(effects: FloatArray) -> FloatArray:
        return np.asarray(-(((effects - estimate) / standard_error) ** 2) / 2)

    return log_likelihood


def conditional_log_likelihood(outcome: pd.Series, predictor: pd.Series) -> LogLikelihood:
    """Return the exact conditional log-likelihood of the log odds ratio per step.

    The likelihood of logistic regression given both margins, the same from which
    `trend_permutation` has its estimate and interval; it stays proper in sparse data.

    >>> met, size = pd.Series([0, 0, 1, 0, 1, 1]), pd.Series([1, 1, 1, 2, 2, 3])
    >>> likelihood = conditional_log_likelihood(met, size)
    >>> (likelihood(np.array([1.0])) > likelihood(np.array([-1.0]))).tolist()
    [True]

    Raises:
        AnalysisError: a variable is constant, the outcome not binary, or the scores too fine.
    """
    exact, observed = trend_distribution(cross_table(outcome, predictor))
    if exact is None:
        raise AnalysisError("too many respondents, or scores too fine, for the exact likelihood")
    return exact.log_likelihood(observed)


def chi_square_bayes_factor(
    statistic: float, df: int, noncentrality: float, *, bound: float = 0.0
) -> float:
    """Return BF01 for a chi-square statistic: noncentralities up to a bound against those above.

    The noncentrality is spread as the sum of `df` squared normal effects, with this mean; for one
    degree of freedom that is a normal estimate and a normal prior. Johnson (2005,
    doi:10.1111/j.1467-9868.2005.00521.x).

    >>> round(chi_square_bayes_factor(2.0, 3, 9.0), 3)
    3.779

    Args:
        statistic: chi-square.
        df: its degrees of freedom.
        noncentrality: mean under the prior; n·V² (k - 1) for Cramér's V of a table whose smaller
            side is k.
        bound: noncentrality at the smallest effect of interest; 0 for the null of no effect.

    Returns:
        NaN where the prior has nothing beyond the bound that a float could hold.

    Raises:
        ValueError: the noncentrality is not positive.
    """
    if not noncentrality > 0:
        raise ValueError("the mean noncentrality must be positive")
    ratio = noncentrality / df
    if bound == 0:
        return math.exp(df / 2 * math.log1p(ratio) - statistic / 2 * ratio / (1 + ratio))
    # Over the prior's probability, so that both parts are averages of the likelihood.
    beyond = float(special.chdtrc(df, bound / ratio))

    def likelihood(share: float) -> float:
        return float(stats.ncx2.pdf(statistic, df, ratio * float(special.chdtri(df, share))))

    def average(low: float, high: float) -> float:
        # With many respondents the likelihood is a narrow peak at the statistic.
        peak, spread = max(0.0, statistic - df), 2 * math.sqrt(max(statistic, 1.0))
        near = special.chdtrc(df, np.maximum(0, peak + spread * np.arange(-4, 5, 2)) / ratio)
        points = [at for at in near if low < at < high]
        return float(
            integrate.quad(likelihood, low, high, points=points or None, limit=200, epsabs=0)[0]
        ) / (high - low)

    if beyond == 0:
        return math.nan
    inside, outside = average(beyond, 1), average(0, beyond)
    return float(inside / outside) if outside > 0 else math.inf


def evidence_in_words(bf01: float) -> str:
    """Say what a Bayes factor amounts to, in the grades of Jeffreys with neutral words.

    >>> evidence_in_words(4.0)
    'moderate evidence for no effect of interest'
    """
    strength, sides = (
        (bf01, "for no effect of interest") if bf01 >= 1 else (1 / bf01, "for one of interest")
    )
    if strength < 3:
        return "little evidence either way"
    grade = "moderate" if strength < 10 else "strong"
    return f"{grade} evidence {sides}"
