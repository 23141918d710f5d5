"""Bayes factors against R's BayesFactor, R's own integration, and closed forms."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.bayes_factor import (
    bayes_factor,
    chi_square_bayes_factor,
    conditional_log_likelihood,
    evidence_in_words,
    normal_log_likelihood,
)

R = json.loads((Path(__file__).parent / "oracle" / "bayes_factor.json").read_text())


def normal_bayes_factor(estimate: float, standard_error: float, scale: float) -> float:
    """Return BF01 for a normal estimate and a normal prior, in closed form (Savage–Dickey).

    The ratio of the posterior to the prior density at no effect (Dickey 1971).
    """
    ratio = (scale / standard_error) ** 2
    z = estimate / standard_error
    return math.sqrt(1 + ratio) * math.exp(-(z**2) / 2 * ratio / (1 + ratio))


@pytest.mark.parametrize(
    "case", R["conditional"]["cases"], ids=lambda c: f"{c['prior']}-{c['scale']}"
)
def test_exact_conditional_likelihood_agrees_with_r(case: dict) -> None:
    data = R["conditional"]
    likelihood = conditional_log_likelihood(pd.Series(data["y"]), pd.Series(data["x"]))
    got = bayes_factor(likelihood, case["scale"], prior=case["prior"])
    assert got == pytest.approx(case["bf01"], rel=1e-8)


@pytest.mark.parametrize("case", R["jzs"], ids=lambda c: f"{c['scale']:.2f}")
def test_t_likelihood_with_cauchy_prior_agrees_with_ttestbf(case: dict) -> None:
    t, (first, second) = R["t"]["value"], R["t"]["n"]
    root = math.sqrt(first * second / (first + second))

    def likelihood(effects: np.ndarray) -> np.ndarray:
        # Beyond this the noncentral t density is zero to any precision, and SciPy's not reliable.
        inside = np.abs(effects * root) < 30
        value = stats.nct.logpdf(t, first + second - 2, np.where(inside, effects * root, 0.0))
        return np.where(inside, value, -1e4)

    # The package integrates numerically and states its error to some 1e-5 or better.
    got = bayes_factor(likelihood, case["scale"], prior="cauchy")
    assert got == pytest.approx(case["bf01"], rel=2e-6)


@pytest.mark.parametrize("scale", [0.01, 0.2, 1.0, 30.0])
@pytest.mark.parametrize("estimate", [0.0, 0.4, -1.5, 6.0])
def test_normal_prior_agrees_with_savage_and_dickey(estimate: float, scale: float) -> None:
    error = 0.3
    got = bayes_factor(normal_log_likelihood(estimate, error), scale)
    assert got == pytest.approx(normal_bayes_factor(estimate, error, scale), rel=1e-8)
    # The ratio of posterior to prior density at no effect.
    variance = 1 / (1 / error**2 + 1 / scale**2)
    posterior = stats.norm(variance * estimate / error**2, math.sqrt(variance)).pdf(0)
    assert got == pytest.approx(posterior / stats.norm(0, scale).pdf(0), rel=1e-6)


@pytest.mark.parametrize("scale", [0.15, 0.4, 2.0])
@pytest.mark.parametrize("estimate", [0.0, 0.3, -1.5])
def test_interval_null_is_the_ratio_of_posterior_to_prior_odds(
    estimate: float, scale: float
) -> None:
    error, bound = 0.25, 0.4
    got = bayes_factor(normal_log_likelihood(estimate, error), scale, bound=bound)
    variance = 1 / (1 / error**2 + 1 / scale**2)
    posterior = stats.norm(variance * estimate / error**2, math.sqrt(variance))

    def odds(distribution) -> float:
        outside = distribution.sf(bound) + distribution.cdf(-bound)
        return (distribution.cdf(bound) - distribution.cdf(-bound)) / outside

    assert got == pytest.approx(odds(posterior) / odds(stats.norm(0, scale)), rel=1e-9)


def test_interval_null_with_a_cauchy_prior_agrees_with_quadrature() -> None:
    def product(effect: float) -> float:
        return math.exp(-(((effect - 0.2) / 0.3) ** 2) / 2) * stats.cauchy.pdf(effect, 0, 0.5)

    inside = integrate.quad(product, -0.4, 0.4)[0]
    outside = integrate.quad(product, 0.4, 10)[0] + integrate.quad(product, -10, -0.4)[0]
    share = 2 / math.pi * math.atan(0.8)
    want = inside / share / (outside / (1 - share))
    got = bayes_factor(normal_log_likelihood(0.2, 0.3), 0.5, bound=0.4, prior="cauchy")
    assert got == pytest.approx(want, rel=1e-8)


def test_interval_null_of_a_chi_square_is_that_of_a_normal_estimate() -> None:
    for z in (0.2, 1.5, 3.0):
        want = bayes_factor(normal_log_likelihood(z, 1.0), 2.0, bound=1.0)
        assert chi_square_bayes_factor(z**2, 1, 4.0, bound=1.0) == pytest.approx(want, rel=1e-6)
    near = chi_square_bayes_factor(2.0, 3, 9.0, bound=1e-4)
    assert near == pytest.approx(chi_square_bayes_factor(2.0, 3, 9.0), rel=1e-3)


def test_a_flat_likelihood_says_nothing() -> None:
    for prior in ("normal", "cauchy"):
        got = bayes_factor(lambda effects: np.zeros(len(effects)), 0.7, prior=prior)
        assert got == pytest.approx(1, rel=1e-8)


def test_separated_answers_have_a_finite_bayes_factor() -> None:
    cases, scores = pd.Series([0] * 10 + [1] * 4), pd.Series([0] * 5 + [1] * 5 + [2] * 4)
    likelihood = conditional_log_likelihood(cases, scores)
    wide = [bayes_factor(likelihood, s, prior="cauchy") for s in (0.5, 5.0, 500.0)]
    # Half of the prior speaks for the observed order, however wide it is; the other half against.
    assert all(0 < value < 0.2 for value in wide)
    possible = math.comb(14, 4)
    assert wide[-1] == pytest.approx(2 / possible, rel=0.02)


def test_wide_priors_favour_the_null_when_the_estimate_is_near_it() -> None:
    curve = [bayes_factor(normal_log_likelihood(0.05, 0.2), scale) for scale in (0.1, 0.5, 2.0)]
    assert curve == sorted(curve)


@pytest.mark.parametrize(("statistic", "df", "noncentrality"), [(8.2, 7, 11.8), (25.0, 3, 4.0)])
def test_chi_square_agrees_with_integration_over_the_noncentrality(
    statistic: float, df: int, noncentrality: float
) -> None:
    prior = stats.gamma(df / 2, scale=2 * noncentrality / df)
    assert prior.mean() == pytest.approx(noncentrality)
    marginal, _ = integrate.quad(
        lambda mean: stats.ncx2.pdf(statistic, df, mean) * prior.pdf(mean), 0, np.inf, epsrel=1e-10
    )
    want = stats.chi2.pdf(statistic, df) / marginal
    assert chi_square_bayes_factor(statistic, df, noncentrality) == pytest.approx(want, rel=1e-6)


def test_chi_square_with_one_degree_of_freedom_is_the_normal_bayes_factor() -> None:
    got = chi_square_bayes_factor(1.7**2, 1, (0.8 / 0.3) ** 2)
    assert got == pytest.approx(normal_bayes_factor(1.7 * 0.3, 0.3, 0.8), rel=1e-12)
    with pytest.raises(ValueError, match="positive"):
        chi_square_bayes_factor(1.0, 1, 0.0)


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("statistic", "df", "noncentrality"),
    [(10.0, 3, 9.0), (900.0, 3, 1250.0), (1200.0, 5, 1250.0), (12000.0, 3, 12510.0)],
)
def test_an_interval_null_agrees_with_sums_however_narrow_the_peak(
    statistic: float, df: int, noncentrality: float
) -> None:
    """The noncentralities are those of ten, a thousand and ten thousand respondents."""
    scale = noncentrality / df
    ends = (0, noncentrality, noncentrality + 60 * scale + 10 * statistic)
    averages = []
    for low, high in itertools.pairwise(ends):
        mean = np.linspace(low, high, 400_001)
        prior = stats.chi2.pdf(mean, df, scale=scale)
        likelihood = stats.ncx2.pdf(statistic, df, mean)
        averages.append(np.trapezoid(prior * likelihood, mean) / np.trapezoid(prior, mean))
    got = chi_square_bayes_factor(statistic, df, noncentrality, bound=noncentrality)
    assert got == pytest.approx(averages[0] / averages[1], rel=1e-4)


def test_scales_must_be_positive_and_scores_enumerable() -> None:
    with pytest.raises(ValueError, match="positive"):
        bayes_factor(normal_log_likelihood(0, 1), 0.0)
    fine = pd.Series(np.random.default_rng(1).normal(size=40))
    with pytest.raises(AnalysisError, match="too fine"):
        conditional_log_likelihood(pd.Series([0, 1] * 20), fine)


def test_words() -> None:
    assert evidence_in_words(1.5) == evidence_in_words(1 / 2.9) == "little evidence either way"
    assert evidence_in_words(4) == "moderate evidence for no effect of interest"
    assert evidence_in_words(1 / 20) == "strong evidence for one of interest"
