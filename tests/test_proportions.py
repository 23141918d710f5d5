"""Shares and their intervals against R, Newcombe's published examples and closed forms."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlsec_survey.stats.proportions import (
    clopper_pearson,
    none_observed_bound,
    wilson,
)

R = json.loads((Path(__file__).parent / "oracle" / "proportions.json").read_text())
SHARES = pd.DataFrame(R["shares"])


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_intervals_agree_with_r(confidence: float) -> None:
    """Against prop.test(correct = FALSE) and binom.test."""
    cases = SHARES[SHARES["confidence"] == confidence]
    assert len(cases) == 10
    for name, function in (("wilson", wilson), ("exact", clopper_pearson)):
        low, high = function(cases["count"], cases["n"], confidence)
        np.testing.assert_allclose(low, cases[f"{name}_low"], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(high, cases[f"{name}_high"], rtol=1e-9, atol=1e-12)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_intervals_hold_the_share_and_mirror(case: tuple[int, int]) -> None:
    count, n = case
    for function in (wilson, clopper_pearson):
        low, high = (float(end) for end in function(count, n))
        assert 0 <= low <= count / n <= high <= 1
        other_low, other_high = (float(end) for end in function(n - count, n))
        assert (other_low, other_high) == pytest.approx((1 - high, 1 - low), abs=1e-12)
        wider_low, wider_high = function(count, n, 0.99)
        assert wider_low <= low
        assert wider_high >= high


def coverage(low: np.ndarray, high: np.ndarray, shares: np.ndarray, n: int) -> np.ndarray:
    """Return the exact probability that the interval of a binomial count holds each true share."""
    counts = np.arange(n + 1)
    law = stats.binom.pmf(counts[:, None], n, shares)
    return (law * ((low[:, None] <= shares) & (shares <= high[:, None]))).sum(axis=0)


@pytest.mark.parametrize("n", [30, 139])
def test_coverage(n: int) -> None:
    """Clopper and Pearson never cover too rarely; Wilson covers as promised on average."""
    shares = np.linspace(0.005, 0.995, 397)
    counts = np.arange(n + 1)
    exact = coverage(*clopper_pearson(counts, n), shares, n)
    score = coverage(*wilson(counts, n), shares, n)
    assert exact.min() >= 0.95
    assert exact.mean() > score.mean() + 0.005
    assert score.mean() == pytest.approx(0.95, abs=0.006)
    assert score.min() > 0.83


@pytest.mark.parametrize("n", [10, 139, 3000])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_bound_when_none_is_observed(n: int, confidence: float) -> None:
    bound = none_observed_bound(n, confidence)
    assert stats.binom.pmf(0, n, bound) == pytest.approx(1 - confidence)
    # The exact interval at twice the tail ends at the same share.
    assert float(clopper_pearson(0, n, 2 * confidence - 1)[1]) == pytest.approx(bound)


def test_rule_of_three() -> None:
    assert 139 * none_observed_bound(139) == pytest.approx(3, rel=0.02)
    assert math.isnan(none_observed_bound(0))


def test_nobody_asked_is_no_share() -> None:
    for function in (wilson, clopper_pearson):
        low, high = function([0, 3], [0, 10])
        assert np.isnan([low[0], high[0]]).all()
        assert not np.isnan([low[1], high[1]]).any()


@pytest.mark.parametrize(("count", "n"), [(-1, 5), (6, 5)])
def test_impossible_counts_are_refused(count: int, n: int) -> None:
    for function in (wilson, clopper_pearson):
        with pytest.raises(ValueError, match="negative or larger"):
            function(count, n)
