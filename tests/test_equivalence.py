"""Equivalence tests against closed forms, tail probabilities of the exact test, and simulation."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlsec_survey.stats import categorical
from mlsec_survey.stats.equivalence import (
    Interval,
    equivalence_test,
    one_sided_p,
)
from mlsec_survey.stats.exact import sum_distribution


def normal_interval(estimate: float, standard_error: float) -> Interval:
    """Return the interval of a normal estimate as a function of the confidence."""

    def interval(confidence: float) -> tuple[float, float]:
        half_width = float(stats.norm.ppf((1 + confidence) / 2)) * standard_error
        return estimate - half_width, estimate + half_width

    return interval


@pytest.mark.parametrize("estimate", [-0.9, -0.2, 0.0, 0.31, 0.49, 0.5, 0.8])
def test_p_is_that_of_two_one_sided_z_tests(estimate: float) -> None:
    error, bound = 0.2, 0.5
    test = equivalence_test(normal_interval(estimate, error), -bound, bound, null=0)
    want = max(
        stats.norm.sf((estimate + bound) / error), stats.norm.cdf((estimate - bound) / error)
    )
    assert test.p == pytest.approx(want, rel=1e-6)
    assert (test.verdict == "no effect of interest") == (want < 0.05)
    assert test.low == pytest.approx(estimate - stats.norm.ppf(0.95) * error)


@pytest.mark.parametrize(
    ("estimate", "verdict"),
    [
        (0.1, "no effect of interest"),
        (0.35, "no effect of interest"),
        (0.36, "effect of unclear size"),
        (1.0, "effect of interest"),
        (-1.0, "effect of interest"),
    ],
)
def test_verdicts(estimate: float, verdict: str) -> None:
    # The interval at 90 % reaches 0.164 to either side, the one at 95 % 0.196.
    test = equivalence_test(normal_interval(estimate, 0.1), -0.515, 0.515, null=0)
    assert test.verdict == verdict
    assert equivalence_test(normal_interval(0.2, 0.4), -0.5, 0.5, null=0).verdict == "open"


def test_a_bound_at_the_null_is_no_bound() -> None:
    test = equivalence_test(lambda c: (0.0, 0.1 + c / 10), 0.0, 0.3, null=0.0)
    assert test.low_bound == -math.inf
    assert test.verdict == "no effect of interest"


def test_the_null_must_lie_between_the_bounds() -> None:
    with pytest.raises(ValueError, match="between the bounds"):
        equivalence_test(normal_interval(0, 1), 0.2, 0.5, null=0)


def test_p_for_an_exact_interval_is_the_exact_tail_probability() -> None:
    """The interval of the trend test inverts exact tails, so they must come back."""
    rng = np.random.default_rng(2)
    scores = pd.Series(rng.integers(0, 5, 80))
    cases = pd.Series((rng.random(80) < 0.25).astype(int))

    def interval(confidence: float) -> tuple[float, float]:
        result = categorical.trend_permutation(cases, scores, confidence=confidence)
        return result.low, result.high

    levels, held = np.unique(scores.to_numpy(float), return_counts=True)
    law = sum_distribution(levels, held, int(cases.sum()))
    assert law is not None
    at = int(np.argmin(np.abs(law.sums - float(scores[cases == 1].sum()))))
    below = float(law.tilted(math.log(1.6))[: at + 1].sum())
    above = float(law.tilted(-math.log(1.6))[at:].sum())
    assert one_sided_p(interval, 1.6, above=False) == pytest.approx(below, rel=1e-6)
    assert one_sided_p(interval, 1 / 1.6, above=True) == pytest.approx(above, rel=1e-6)


@pytest.mark.slow
def test_error_rate_at_the_bound_is_alpha() -> None:
    """True effect at the edge of the range: a false verdict in 5 % of samples."""
    error, runs = 0.13, 1_000
    estimates = np.random.default_rng(3).normal(0.5, error, size=runs)
    tests = [equivalence_test(normal_interval(e, error), -0.5, 0.5, null=0) for e in estimates]
    tolerance = 3 * math.sqrt(0.05 * 0.95 / runs)
    wrong = np.mean([test.verdict == "no effect of interest" for test in tests])
    assert wrong == pytest.approx(0.05, abs=tolerance)
    assert np.mean([test.p <= 0.05 for test in tests]) == wrong
    beyond = np.mean([test.verdict == "effect of interest" for test in tests])
    assert beyond == pytest.approx(0.025, abs=tolerance)
