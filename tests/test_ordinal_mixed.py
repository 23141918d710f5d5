"""A random level of respondents: against ordinal::clmm, by numerical integration, by simulation."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.ordinal_mixed import mixed_ordinal
from mlsec_survey.stats.ordinal_repeated import repeated_ordinal

ORACLE = Path(__file__).parent / "oracle"
R = json.loads((ORACLE / "ordinal_mixed.json").read_text("utf-8"))
RATINGS = pd.DataFrame(json.loads((ORACLE / "ranks.json").read_text("utf-8"))["gaps"], dtype=float)
LEAN = np.linspace(-0.9, 0.9, 4)


def simulated(rng: np.random.Generator, n: int, spread: float) -> pd.DataFrame:
    latent = spread * rng.normal(size=(n, 1)) + LEAN + rng.logistic(size=(n, len(LEAN)))
    table = np.digitize(latent, (-2.0, -0.5, 1.0)) + 1.0
    table[rng.random(table.shape) < 0.1] = math.nan
    return pd.DataFrame(table)


def test_estimates_agree_with_clmm() -> None:
    model = mixed_ordinal(RATINGS)
    # R stops where its steps are below 1e-5; the likelihood here is no smaller.
    np.testing.assert_allclose(model.coefficients, [*R["coefficients"], R["sigma"]], atol=2e-5)
    assert model.log_likelihood == pytest.approx(R["log_likelihood"], abs=1e-7)
    assert model.log_likelihood >= R["log_likelihood"] - 1e-9
    assert model.spread.statistic == pytest.approx(2 * (R["log_likelihood"] - R["alone"]), abs=1e-6)
    assert model.spread.p == pytest.approx(stats.chi2.sf(model.spread.statistic, 1) / 2)
    first = RATINGS.columns[0]
    assert model.objects["estimate"].sum() == pytest.approx(0, abs=1e-9)
    against_first = model.objects["estimate"] - model.objects.loc[first, "estimate"]
    np.testing.assert_allclose(against_first.iloc[1:], R["coefficients"][4:], atol=2e-5)
    assert model.n == 60 and model.objects["ratings"].tolist() == RATINGS.count().tolist()


def test_errors_agree_with_clmm() -> None:
    model, covariance = mixed_ordinal(RATINGS), np.array(R["covariance"])
    objects = np.zeros((6, 6))
    objects[1:, 1:] = covariance[4:9, 4:9]
    centred = np.eye(6) - 1 / 6
    want = np.sqrt(np.diag(centred @ objects @ centred.T))
    np.testing.assert_allclose(model.objects["se"], want, rtol=1e-4)
    half = stats.norm.ppf(0.975) * math.sqrt(covariance[-1, -1])
    assert math.log(model.spread.high / model.spread.estimate) == pytest.approx(half, rel=1e-4)


def test_the_likelihood_is_the_integral_over_levels() -> None:
    ratings = simulated(np.random.default_rng(5), 40, 1.2)
    model = mixed_ordinal(ratings)
    q = len(model.coefficients) - len(LEAN)
    cuts = np.concatenate([[-np.inf], model.coefficients[:q], [np.inf]])
    shift = np.concatenate([[0.0], model.coefficients[q:-1]])
    sigma = model.coefficients[-1]

    def product(level: float, row: np.ndarray) -> float:
        density = float(stats.norm.pdf(level, scale=sigma))
        for value, at in zip(row, shift, strict=True):
            if not math.isnan(value):
                ends = special.expit(cuts[[int(value), int(value) - 1]] - at - level)
                density *= float(ends[0] - ends[1])
        return density

    total = 0.0
    for row in ratings.to_numpy():
        if not np.isnan(row).all():
            total += math.log(integrate.quad(product, -12, 12, args=(row,), limit=200)[0])
    assert model.log_likelihood == pytest.approx(total, abs=1e-6)


@pytest.mark.slow
def test_intervals_cover_and_effects_of_one_respondent_are_larger_than_of_all() -> None:
    rng = np.random.default_rng(11)
    spread, runs = 1.5, 120
    covered, covered_spread, larger = 0, 0, 0
    for _ in range(runs):
        ratings = simulated(rng, 139, spread)
        model = mixed_ordinal(ratings)
        last = model.objects.iloc[-1]
        covered += last["low"] <= LEAN[-1] <= last["high"]
        covered_spread += model.spread.low <= spread <= model.spread.high
        larger += last["estimate"] > repeated_ordinal(ratings).objects["estimate"].iloc[-1]
    for hits in (covered, covered_spread):
        assert stats.binomtest(int(hits), runs, 0.95).pvalue > 0.001, hits / runs
    assert larger == runs


def test_what_cannot_be_fitted_is_said() -> None:
    with pytest.raises(AnalysisError, match="two objects and two levels"):
        mixed_ordinal(pd.DataFrame({"a": [1.0, 1.0], "b": [1.0, 1.0]}))
    with pytest.raises(AnalysisError, match="at one end"):
        mixed_ordinal(pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, 1.0, math.nan]}))
    opposite = pd.DataFrame({"a": [1.0, 2.0] * 20, "b": [2.0, 1.0] * 20})
    with pytest.raises(AnalysisError, match="no maximum"):
        mixed_ordinal(opposite)
