"""Cumulative-logit regression in which each respondent has a level of ratings of her own.

The model logit P(Y <= level | u) = a_level - b_object - u with u ~ N(0, sigma²) speaks of one and
the same respondent, where `ordinal_repeated` speaks of the population: its odds ratios lie further
from 1 the more respondents differ in their level (Hedeker and Gibbons 1994, doi:10.2307/2533433).
It assumes a shape of that difference, and skipping may depend on ratings that were given.

The likelihood is integrated by Gauss and Hermite's quadrature. Without predictors a respondent's
rating of an object has few possible probabilities, so that work grows with respondents × nodes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, special, stats
from statsmodels.tools.numdiff import approx_fprime

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.ordinal import ordinal_fit
from mlsec_survey.stats.ordinal_repeated import against_average, estimates
from mlsec_survey.stats.pairs import FloatArray, check_confidence
from mlsec_survey.stats.result import TestResult

METHOD = "cumulative-logit model, random level of respondents"
# Variance of the logistic distribution, of which the levels' variance is a share.
_LOGISTIC = math.pi**2 / 3


@dataclass(frozen=True, slots=True)
class MixedOrdinal:
    """A fitted model of several ratings per respondent, with a random level of each respondent.

    Attributes:
        n: respondents with at least one rating.
        objects: one row per rated object: ratings (count), estimate (log odds of a higher rating
            against the average of the objects, by the same respondent), se, low, high, p.
        spread: standard deviation of respondents' levels in log odds, with the likelihood-ratio
            test that all have one level (half of chi-square's p, since 0 is the least); extra has
            intraclass, the share of variance that lies between respondents.
        thresholds: a_level for the average object.
        coefficients: of thresholds, of all objects but the first, and the spread.
        log_likelihood: at the maximum.
    """

    n: int
    objects: pd.DataFrame
    spread: TestResult
    thresholds: FloatArray
    coefficients: FloatArray
    log_likelihood: float


def mixed_ordinal(
    ratings: pd.DataFrame, *, nodes: int = 41, confidence: float = 0.95
) -> MixedOrdinal:
    """Regress ratings on what is rated, with a normal level of each respondent.

    >>> rng = np.random.default_rng(1)
    >>> level = rng.normal(size=(80, 1))
    >>> ratings = pd.DataFrame(level + [0, 1] + rng.logistic(size=(80, 2)), columns=["a", "b"])
    >>> fit = mixed_ordinal(ratings.apply(np.digitize, bins=[-1, 1]))
    >>> fit.n, bool(fit.objects.loc["b", "estimate"] > fit.objects.loc["a", "estimate"])
    (80, True)

    Args:
        ratings: respondents × objects of ordered values, missing where skipped.
        nodes: of the quadrature.
        confidence: level of the intervals (normal; of the spread on its logarithm).

    Raises:
        AnalysisError: fewer than two levels or objects, an object without ratings or with all
            ratings at one end, or no maximum (respondents do not differ at all, or without bound).
    """
    check_confidence(confidence)
    data = _Data.of(ratings, nodes)
    q, k = data.levels - 1, data.objects
    # All respondents of one level: where the search begins, and what it is compared with.
    alike = ordinal_fit(data.counts()[None], np.eye(k)[:, 1:])
    cuts = alike.thresholds[0]
    start = np.concatenate([cuts[:1], np.log(np.diff(cuts)), alike.coefficients[0], [0.0]])
    found = optimize.minimize(
        data.loss, start, jac=True, method="BFGS", options={"gtol": 1e-7, "maxiter": 500}
    )
    theta = data.natural(found.x)
    log_likelihood = -float(found.fun) * data.n
    if theta[-1] < 1e-3 or theta[-1] > 50 or np.abs(theta[:-1]).max() > 50:
        raise AnalysisError("the model with a random level has no maximum")
    hessian = approx_fprime(theta, lambda at: data.negative(at)[1], centered=True)
    covariance = np.linalg.inv((hessian + hessian.T) / 2)
    if not (np.diag(covariance) > 0).all():
        raise AnalysisError("the model with a random level has no maximum")
    deviation = against_average(k, q, len(theta))
    between = deviation @ covariance @ deviation.T
    objects = estimates(deviation @ theta, between, math.inf, confidence)
    objects.index = ratings.columns
    objects.insert(0, "ratings", ratings.count().astype(int))
    quantile = float(stats.norm.ppf((1 + confidence) / 2))
    statistic = max(0.0, 2 * (log_likelihood - float(alike.log_likelihood[0])))
    sigma = float(theta[-1])
    factor = math.exp(quantile * math.sqrt(covariance[-1, -1]) / sigma)
    return MixedOrdinal(
        n=data.n,
        objects=objects,
        spread=TestResult(
            method=METHOD,
            effect="standard deviation of log odds",
            estimate=sigma,
            low=sigma / factor,
            high=sigma * factor,
            n=data.n,
            statistic=statistic,
            p=float(stats.chi2.sf(statistic, 1)) / 2,
            confidence=confidence,
            notes=("likelihood-ratio test, half of chi-square's p",),
            extra={"intraclass": sigma**2 / (sigma**2 + _LOGISTIC)},
        ),
        thresholds=theta[:q] - theta[q : q + k - 1].sum() / k,
        coefficients=theta,
        log_likelihood=log_likelihood,
    )


@dataclass(frozen=True, slots=True)
class _Data:
    """Which rating each respondent gave each object, and the nodes of the quadrature.

    Attributes:
        given: respondents × (objects × levels), 1 where the rating was given.
        nodes, log_weights: of the standard normal distribution.
    """

    given: FloatArray
    nodes: FloatArray
    log_weights: FloatArray
    objects: int
    levels: int
    n: int

    @classmethod
    def of(cls, ratings: pd.DataFrame, nodes: int) -> _Data:
        values = ratings.to_numpy(dtype=float, na_value=math.nan)
        values = values[~np.isnan(values).all(axis=1)]
        scale = np.unique(values[~np.isnan(values)])
        if len(scale) < 2 or values.shape[1] < 2:
            raise AnalysisError("a model of ratings needs two objects and two levels")
        given = (values[:, :, None] == scale).astype(float)
        counts = given.sum(axis=0)
        total = counts.sum(axis=1)
        if (counts[:, 0] == total).any() or (counts[:, -1] == total).any():
            raise AnalysisError("an object has no ratings, or all of them at one end")
        places, weights = special.roots_hermitenorm(nodes)
        return cls(
            given=given.reshape(len(values), -1),
            nodes=places,
            log_weights=np.log(weights / weights.sum()),
            objects=values.shape[1],
            levels=len(scale),
            n=len(values),
        )

    def counts(self) -> FloatArray:
        """Return how often each object was given each rating: objects × levels."""
        return np.asarray(self.given.sum(axis=0).reshape(self.objects, self.levels))

    def natural(self, at: FloatArray) -> FloatArray:
        """Return thresholds, objects and spread from the first, log steps, objects, log spread."""
        q = self.levels - 1
        cuts = at[0] + np.concatenate([[0.0], np.cumsum(np.exp(at[1:q]))])
        return np.concatenate([cuts, at[q:-1], np.exp(at[-1:])])

    def loss(self, at: FloatArray) -> tuple[float, FloatArray]:
        """Return `negative` per respondent, and its gradient, in what `natural` takes."""
        q = self.levels - 1
        theta = self.natural(at)
        value, inner = self.negative(theta)
        steps = np.cumsum(inner[:q][::-1])[::-1]
        slope = np.concatenate(
            [steps[:1], steps[1:] * np.exp(at[1:q]), inner[q:-1], inner[-1:] * theta[-1]]
        )
        return value / self.n, slope / self.n

    def _cells(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return probabilities of objects × levels × nodes, densities at their upper, lower end."""
        q = self.levels - 1
        shift = np.concatenate([[0.0], theta[q:-1]])[:, None] + theta[-1] * self.nodes
        cuts = np.concatenate([[-math.inf], theta[:q], [math.inf]])
        below = special.expit(cuts[None, :, None] - shift[:, None, :])
        density = below * (1 - below)
        # As a difference of the smaller tails, so that far ones keep their digits.
        above = special.expit(shift[:, None, :] - cuts[None, :, None])
        upper = below[:, 1:] < above[:, 1:]
        probability = np.where(upper, below[:, 1:] - below[:, :-1], above[:, :-1] - above[:, 1:])
        return np.maximum(probability, 1e-300), density[:, 1:], density[:, :-1]

    def negative(self, theta: FloatArray) -> tuple[float, FloatArray]:
        """Return the negative log likelihood, and its gradient by the ratings at each node."""
        probability, high, low = self._cells(theta)
        logs = np.log(probability).reshape(self.objects * self.levels, -1)
        joint = self.given @ logs + self.log_weights
        total = special.logsumexp(joint, axis=1, keepdims=True)
        expected = self.given.T @ np.exp(joint - total)
        expected = expected.reshape(probability.shape) / probability
        cuts = (expected[:, :-1] * high[:, :-1] - expected[:, 1:] * low[:, 1:]).sum(axis=(0, 2))
        shift = -(expected * (high - low)).sum(axis=1)
        gradient = np.concatenate(
            [cuts, shift.sum(axis=1)[1:], [float((shift * self.nodes).sum())]]
        )
        return -float(total.sum()), -gradient
