"""Resampling against the laws it draws from, R's boot package, closed forms and coverage."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from mlsec_survey.stats import bootstrap
from mlsec_survey.stats.bootstrap import (
    bca_interval,
    bootstrap_proportions,
    percentile_interval,
    resampled_weights,
)

R = json.loads((Path(__file__).parent / "oracle" / "proportions.json").read_text())["bootstrap"]
X = np.array(R["x"])
DRAWS = np.array(R["draws"])
LEFT_OUT = (X.sum() - X) / (len(X) - 1)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("few_alike", "cells"), [(0, 4), (8, 20)], ids=["counts", "one by one"])
def test_weights_are_those_of_drawing_respondents(
    monkeypatch: pytest.MonkeyPatch, few_alike: int, cells: int
) -> None:
    """Mean and covariance of a multinomial; blocks together have as many rows as resamples."""
    monkeypatch.setattr(bootstrap, "_FEW_ALIKE", few_alike)
    monkeypatch.setattr(bootstrap, "_BLOCK", cells * 1000)
    counts = np.array([1, 4, 0, 15])
    blocks = list(resampled_weights(counts, 20_500, rng()))
    assert [len(block) for block in blocks] == [1000] * 20 + [500]
    weights = np.concatenate(blocks)
    n, shares = counts.sum(), counts / counts.sum()
    assert (weights.sum(axis=1) == n).all()
    assert (weights[:, 2] == 0).all()
    np.testing.assert_allclose(weights.mean(axis=0), counts, atol=0.06)
    wanted = n * (np.diag(shares) - np.outer(shares, shares))
    np.testing.assert_allclose(np.cov(weights.T), wanted, atol=0.12)


def test_same_seed_same_draws() -> None:
    first, second = (np.concatenate(list(resampled_weights([3, 5], 50, rng(9)))) for _ in range(2))
    assert (first == second).all()


def test_percentiles_go_by_column_and_skip_what_is_undefined() -> None:
    draws = np.column_stack([np.arange(101.0), 10 * np.arange(101.0)])
    low, high = percentile_interval(draws, 0.9)
    assert low.tolist() == pytest.approx([5, 50])
    assert high.tolist() == pytest.approx([95, 950])
    draws[:50, 0] = np.nan
    assert percentile_interval(draws, 0.9)[0][0] == pytest.approx(52.5)


@pytest.mark.parametrize("case", R["bca"], ids=lambda case: f"{case['confidence']}")
def test_bca_agrees_with_r_on_the_same_draws(case: dict[str, float]) -> None:
    """boot.ci interpolates between order statistics in another way: at most one of them apart."""
    got = bca_interval(DRAWS, X.mean(), LEFT_OUT, case["confidence"])
    ordered = np.sort(DRAWS)
    for ours, theirs, percentile in zip(
        got,
        (case["low"], case["high"]),
        (case["percentile_low"], case["percentile_high"]),
        strict=True,
    ):
        between = np.searchsorted(ordered, sorted((ours, theirs)))
        assert between[1] - between[0] <= 1
        # The correction is no small change here, so that a percentile interval would not pass.
        assert abs(ours - percentile) > 5 * abs(ours - theirs)


def test_bca_without_skewness_is_the_percentile_interval() -> None:
    draws = np.concatenate([np.arange(-500.0, 0), np.arange(1.0, 501)])
    symmetric = np.array([-1.0, 0, 1])
    assert bca_interval(draws, 0, symmetric) == pytest.approx(
        [float(end) for end in percentile_interval(draws)]
    )


def test_bca_where_the_correction_is_not_defined() -> None:
    draws = np.arange(100.0)
    for estimate in (-5.0, 200.0):
        got = bca_interval(draws, estimate, np.arange(5.0))
        assert got == pytest.approx([float(end) for end in percentile_interval(draws)])
    # All alike, and draws without a value.
    assert bca_interval([2.0, np.nan, 2.0, 2.0], 2.0, [2.0] * 5) == (2.0, 2.0)


def test_bca_of_a_skewed_mean_covers_better_than_percentiles() -> None:
    generator = rng(5)
    n, samples, resamples = 25, 500, 600
    covered = {"bca": 0, "percentile": 0}
    for _ in range(samples):
        x = generator.exponential(size=n) ** 1.5
        weights = np.concatenate(list(resampled_weights(np.ones(n), resamples, generator)))
        draws, truth = weights @ x / n, special.gamma(2.5)
        low, high = bca_interval(draws, x.mean(), (x.sum() - x) / (n - 1))
        covered["bca"] += low <= truth <= high
        low_p, high_p = percentile_interval(draws)
        covered["percentile"] += bool(low_p <= truth <= high_p)
    assert covered["bca"] > covered["percentile"]
    assert covered["bca"] / samples > 0.85


def test_shares_have_the_percentiles_of_their_binomial_law() -> None:
    counts, n = [3, 60, 139, 0], 139
    answers = pd.DataFrame({f"v{k}": [1.0] * k + [0.0] * (n - k) for k in counts})
    answers["gaps"] = [1.0] * 20 + [0.0] * 20 + [np.nan] * (n - 40)
    answers["none"] = np.nan
    table = bootstrap_proportions(answers, 40_000, rng(3))
    assert table["count"].tolist() == [*counts, 20, 0]
    assert table["n"].tolist() == [n] * 4 + [40, 0]
    assert table.loc["gaps", "estimate"] == 0.5
    assert table.loc["v0", ["low", "high"]].tolist() == [0, 0]
    assert table.loc["v139", ["low", "high"]].tolist() == [1, 1]
    assert np.isnan(table.loc["none", "estimate"])
    for name in ("v3", "v60", "gaps"):
        row = table.loc[name]
        law = stats.binom(row["n"], row["estimate"])
        for end, tail in (("low", 0.025), ("high", 0.975)):
            assert row[end] * row["n"] == pytest.approx(law.ppf(tail), abs=1.01)
