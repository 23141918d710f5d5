"""Several ratings per respondent against ordinal::clm with sandwich, geepack, and simulation."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.ordinal_repeated import parallel_check, repeated_ordinal

ORACLE = Path(__file__).parent / "oracle"
R = json.loads((ORACLE / "ordinal_repeated.json").read_text())
RATINGS = pd.DataFrame(json.loads((ORACLE / "ranks.json").read_text())["gaps"], dtype=float)
X = pd.DataFrame(R["x"], dtype=float)
LEAN = np.linspace(-0.9, 0.9, 6)


def simulated(generator, n, lean, missing=0.1, correlation=0.4, cuts=(-2.5, -1.0, 0.5, 1.8)):
    """Ratings whose margins follow a cumulative logit; a respondent's errors are correlated."""
    common = generator.normal(size=(n, 1))
    own = generator.normal(size=(n, len(lean)))
    z = math.sqrt(correlation) * common + math.sqrt(1 - correlation) * own
    table = np.digitize(special.logit(stats.norm.cdf(z)) + lean, cuts) + 1.0
    table[generator.random(table.shape) < missing] = math.nan
    return pd.DataFrame(table)


def check(model, want):
    shrink = (model.n - 1) / model.n
    np.testing.assert_allclose(model.coefficients, want["coefficients"], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(model.naive, want["naive"], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(model.covariance * shrink, want["clustered"], rtol=1e-8, atol=1e-8)


def test_objects_agree_with_clm_and_clustered_covariance():
    model = repeated_ordinal(RATINGS)
    check(model, R["objects"])
    assert (model.n, model.ratings) == (60, int(RATINGS.notna().sum().sum()))
    assert model.objects["ratings"].tolist() == RATINGS.count().tolist()


def test_a_predictor_with_gaps_agrees_too():
    model = repeated_ordinal(RATINGS, {"x": X})
    check(model, R["both"])
    assert model.ratings == int((RATINGS.notna() & X.notna().to_numpy()).sum().sum())
    row = model.predictors.loc["x"]
    assert row["estimate"] == pytest.approx(R["both"]["coefficients"][-1])
    assert row["low"] < row["estimate"] < row["high"]


def test_two_levels_agree_with_the_estimating_equations_of_geepack():
    binary = (RATINGS >= 4).where(RATINGS.notna()).astype(float)
    model = repeated_ordinal(binary)
    want = np.array(R["binary"]["coefficients"])
    want[0] *= -1  # an intercept is a threshold of the other sign
    np.testing.assert_allclose(model.coefficients, want, rtol=1e-8)
    np.testing.assert_allclose(
        np.diag(model.covariance) * 59 / 60, np.diag(R["binary"]["clustered"]), rtol=1e-8
    )


def test_objects_are_told_against_their_average_whatever_their_order():
    model = repeated_ordinal(RATINGS)
    assert model.objects["estimate"].sum() == pytest.approx(0, abs=1e-12)
    turned = repeated_ordinal(RATINGS[RATINGS.columns[::-1]])
    np.testing.assert_allclose(
        model.objects.loc[turned.objects.index], turned.objects, rtol=1e-7, atol=1e-10
    )
    np.testing.assert_allclose(model.thresholds, turned.thresholds, rtol=1e-7)
    assert turned.difference.statistic == pytest.approx(model.difference.statistic)


def test_with_one_rating_each_it_is_the_ordinary_robust_model():
    """Clusters of one: the sandwich is that of independent respondents (HC0), here from scores."""
    generator = np.random.default_rng(2)
    one = simulated(generator, 3000, LEAN[:2], missing=0)
    keep = generator.random(3000) < 0.5
    one = one.mask(np.column_stack([keep, ~keep]))
    model = repeated_ordinal(one)
    # The model is right and respondents are independent: both covariances estimate the same.
    np.testing.assert_allclose(np.diag(model.covariance), np.diag(model.naive), rtol=0.1)


@pytest.mark.slow
def test_coefficients_are_recovered_and_intervals_cover():
    generator = np.random.default_rng(3)
    large = repeated_ordinal(simulated(generator, 100_000, LEAN))
    np.testing.assert_allclose(large.objects["estimate"], LEAN, atol=0.03)
    # Correlated ratings tell objects apart better than independent ones would.
    assert np.diag(large.covariance)[-1] < 0.8 * np.diag(large.naive)[-1]
    covered = []
    for _ in range(300):
        objects = repeated_ordinal(simulated(generator, 100, LEAN)).objects
        covered.append((objects["low"] <= LEAN) & (objects["high"] >= LEAN))
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)


@pytest.mark.slow
def test_joint_test_holds_its_level():
    generator = np.random.default_rng(4)
    p = [repeated_ordinal(simulated(generator, 60, 0 * LEAN)).difference.p for _ in range(1000)]
    # Three standard errors of 1000 replicates.
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.021)


@pytest.mark.slow
def test_parallel_check_holds_its_level_and_sees_a_breach():
    generator = np.random.default_rng(5)
    p = [parallel_check(simulated(generator, 139, LEAN)).p for _ in range(1000)]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.021)
    broken = simulated(generator, 400, LEAN)
    # The first object only ever gets the middle or the extremes moved outwards.
    broken[0] = broken[0].map(lambda value: {2: 1, 4: 5}.get(value, value))
    assert parallel_check(broken).p < 1e-4


def test_parallel_check_at_two_thresholds_and_objects_is_the_closed_form():
    """One contrast: the difference of two log odds ratios, its variance from four shares."""
    table = simulated(np.random.default_rng(6), 300, LEAN[:2], missing=0, cuts=(-0.5, 0.8))
    result = parallel_check(table)
    assert result.thresholds == (2.0, 3.0) and result.df == 1
    share = np.array([[(table[j] >= cut).mean() for j in (0, 1)] for cut in (2, 3)])
    influence = [
        ((table[j] >= cut) - share[c, j]) / (share[c, j] * (1 - share[c, j]))
        for c, cut in enumerate((2, 3))
        for j in (0, 1)
    ]
    single = influence[3] - influence[2] - influence[1] + influence[0]
    log_odds = special.logit(share)
    contrast = log_odds[1, 1] - log_odds[1, 0] - log_odds[0, 1] + log_odds[0, 0]
    assert result.statistic == pytest.approx(contrast**2 / (single.var(ddof=1) / 300))
    assert result.p == pytest.approx(stats.f.sf(result.statistic, 1, 299))


def test_sparse_thresholds_are_left_out():
    table = pd.DataFrame({"a": [1, 2, 3, 3, 2, 1] * 20, "b": [3, 3, 3, 2, 2, 1] * 20}, dtype=float)
    table.loc[0, "a"] = 5
    assert parallel_check(table).thresholds == (2.0, 3.0)
    with pytest.raises(AnalysisError, match="two thresholds"):
        parallel_check(table.clip(upper=2))


@pytest.mark.parametrize(
    ("table", "match"),
    [
        (pd.DataFrame({"a": [1.0, 1.0], "b": [1.0, 1.0]}), "the same"),
        (pd.DataFrame({"a": [1.0, 2.0], "b": [None, None]}, dtype=float), "nobody rated"),
        (pd.DataFrame({"a": [1.0, 2.0], "b": [2.0, 1.0]}), "too few"),
    ],
)
def test_what_cannot_be_fitted_is_refused(table, match):
    with pytest.raises(AnalysisError, match=match):
        repeated_ordinal(table)
