"""Firth's logistic regression against R, logistf's published output, closed forms, a package."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from firthmodels import FirthLogisticRegression
from scipy import stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.logistic import firth_fit, firth_logistic, firth_logistic_model

R = json.loads((Path(__file__).parent / "oracle" / "logistic.json").read_text())
DATA = pd.DataFrame(R["data"])
DATA["group"] = DATA["industry"].map({0: "a", 1: "b", 2: "c"})
CLOSE = {"rel": 1e-8, "abs": 1e-8}


def check_columns(model, want):
    assert len(model.coefficients) == len(want["columns"])
    for (_, row), column in zip(model.coefficients.iterrows(), want["columns"], strict=True):
        for name in ("estimate", "se", "low", "high"):
            assert row[name] == pytest.approx(column[name], **CLOSE), name
    assert model.extra["intercept"] == pytest.approx(want["intercept"], **CLOSE)
    assert model.extra["penalised_log_likelihood"] == pytest.approx(want["loglik"], **CLOSE)
    assert model.joint.statistic == pytest.approx(want["joint"], **CLOSE)


def test_one_predictor_agrees_with_r():
    model = firth_logistic_model(DATA.rare, DATA["size"])
    check_columns(model, R["single"])
    result = firth_logistic(DATA.rare, DATA["size"])
    want = R["single"]["columns"][0]
    assert result.estimate == pytest.approx(math.exp(want["estimate"]), **CLOSE)
    assert result.low == pytest.approx(math.exp(want["low"]), **CLOSE)
    assert result.high == pytest.approx(math.exp(want["high"]), **CLOSE)
    assert result.statistic == pytest.approx(want["statistic"], **CLOSE)
    assert result.p == pytest.approx(stats.chi2.sf(want["statistic"], 1), **CLOSE)
    assert (result.null, result.n, result.extra["cases"]) == (1.0, 139, DATA.rare.sum())


def test_several_predictors_agree_with_r():
    model = firth_logistic_model(DATA.rare, DATA[["size", "maturity", "group"]])
    check_columns(model, R["several"])
    assert list(model.coefficients.index) == ["size", "maturity", "group: b", "group: c"]
    group = model.terms["group"]
    assert group.statistic == pytest.approx(R["industry_given_others"], **CLOSE)
    assert group.p == pytest.approx(stats.chi2.sf(group.statistic, 2), **CLOSE)
    assert group.effect == "Cohen's w" and group.extra["df"] == 2
    for k, name in enumerate(("size", "maturity")):
        want = R["several"]["columns"][k]["statistic"]
        assert model.terms[name].statistic == pytest.approx(want, **CLOSE)


def test_separated_data_agree_with_r():
    result = firth_logistic(DATA.separated, DATA.level)
    want = R["separated"]["columns"][0]
    assert math.log(result.estimate) == pytest.approx(want["estimate"], **CLOSE)
    assert math.log(result.low) == pytest.approx(want["low"], **CLOSE)
    assert math.log(result.high) == pytest.approx(want["high"], rel=1e-6)
    assert result.extra["separated"] == 1
    assert any("separated" in note for note in result.notes)
    assert firth_logistic(DATA.rare, DATA["size"]).extra["separated"] == 0


def test_endometrial_data_agree_with_logistf():
    # What R's logistf 1.24 gives for the data of Heinze & Schemper (2002), to its own tolerance
    # of 1e-5; the paper's table 4 has the same values to two decimals (2.93, 0.61 to 7.85).
    data = pd.DataFrame(R["endometrial"]["data"])
    model = firth_logistic_model(data.HG, data[["NV", "PI", "EH"]])
    check_columns(model, R["endometrial"]["fit"])
    np.testing.assert_allclose(
        model.coefficients["estimate"], [2.92927330, -0.03475175, -2.60416387], rtol=2e-5
    )
    np.testing.assert_allclose(
        model.coefficients[["low", "high"]],
        [[0.6097244, 7.85463171], [-0.1244587, 0.04045547], [-4.3651832, -1.23272106]],
        rtol=2e-5,
    )
    assert model.extra["separated"] == 1


def test_a_two_by_two_table_is_the_table_with_a_half_added():
    for table in ([[12, 3], [5, 9]], [[20, 0], [7, 4]], [[40, 1], [30, 0]]):
        a, b, c, d = (value for row in table for value in row)
        outcome = pd.Series([0] * a + [1] * b + [0] * c + [1] * d)
        predictor = pd.Series([0] * (a + b) + [1] * (c + d))
        result = firth_logistic(outcome, predictor)
        half = (a + 0.5) * (d + 0.5) / ((b + 0.5) * (c + 0.5))
        assert result.estimate == pytest.approx(half, rel=1e-9)


@pytest.mark.slow
def test_agrees_with_the_package():
    predictors = pd.get_dummies(DATA[["size", "maturity", "group"]], columns=["group"]).astype(
        float
    )
    predictors = predictors.drop(columns="group_a")
    package = FirthLogisticRegression(gtol=1e-10, xtol=1e-10, max_iter=500)
    package.fit(predictors.to_numpy(), DATA.rare.to_numpy()).lrt()
    model = firth_logistic_model(DATA.rare, DATA[["size", "maturity", "group"]])
    np.testing.assert_allclose(model.coefficients["estimate"], package.coef_, rtol=1e-7)
    assert model.terms["size"].p == pytest.approx(package.lrt_pvalues_[0], rel=1e-7)


def test_an_unordered_predictor_of_two_groups_has_an_odds_ratio():
    named = DATA["exposed"] if "exposed" in DATA else (DATA["maturity"] > 1)
    words = named.map({True: "yes", False: "no"})
    assert firth_logistic(DATA.rare, words).estimate == pytest.approx(
        firth_logistic(DATA.rare, named).estimate, rel=1e-12
    )


def test_fixed_coefficients_stay():
    matrix = np.column_stack([np.ones(len(DATA)), DATA["size"].to_numpy(float)])
    start = np.array([[0.0, 0.7]])
    y, one = DATA.rare.to_numpy(float), np.ones(len(DATA))
    fit = firth_fit(matrix, y, one, fixed=(1,), start=start)
    assert fit.coefficients[0, 1] == 0.7
    step = 1e-4
    around = [
        firth_fit(
            matrix,
            y,
            one,
            fixed=(0, 1),
            start=fit.coefficients + np.array([move, 0]),
        ).log_likelihood
        for move in (-step, step)
    ]
    assert fit.log_likelihood > max(around)


def test_missing_values_and_bad_input():
    gaps = DATA.copy().astype({"size": float})
    gaps.loc[[3, 8], "size"] = np.nan
    model = firth_logistic_model(gaps.rare, gaps[["size", "maturity"]])
    assert model.n == 137
    with pytest.raises(AnalysisError, match="told apart"):
        firth_logistic_model(DATA.rare, pd.DataFrame({"a": DATA["size"], "b": 2 * DATA["size"]}))
    with pytest.raises(AnalysisError, match="two values"):
        firth_logistic(DATA["size"], DATA["maturity"])
    with pytest.raises(AnalysisError, match="same for all"):
        firth_logistic(DATA.rare, DATA["size"] * 0)


@pytest.mark.slow
def test_the_level_is_kept_at_a_prevalence_of_a_tenth():
    rng = np.random.default_rng(11)
    size = rng.integers(0, 5, 139).astype(float)
    matrix = np.column_stack([np.ones(139), size])
    rejected = covered = 0
    runs = 400
    for _ in range(runs):
        y = (rng.random(139) < 0.1).astype(float)
        fit = firth_fit(matrix, y, np.ones(139))
        start = fit.coefficients * np.array([[1.0, 0.0]])
        null = firth_fit(matrix, y, np.ones(139), fixed=(1,), start=start)
        rejected += 2 * float(fit.log_likelihood[0] - null.log_likelihood[0]) > stats.chi2.ppf(
            0.95, 1
        )
        covered += abs(fit.coefficients[0, 1]) < 1
    assert abs(rejected / runs - 0.05) < 4 * math.sqrt(0.05 * 0.95 / runs)
    assert covered > 0.9 * runs


@pytest.mark.parametrize("few", [1, 2, 7])
def test_a_row_with_one_respondent_converges_to_the_closed_form(few: int) -> None:
    # In a saturated model the penalty is half an answer of either kind in each row.
    matrix = np.array([[1.0, -0.5], [1.0, 0.5]])
    for first, second in itertools.product(range(few + 1), range(6)):
        fit = firth_fit(matrix, [[first, second]], [[few, 5]])
        odds = np.log([(first + 0.5) / (few - first + 0.5), (second + 0.5) / (5 - second + 0.5)])
        np.testing.assert_allclose(fit.coefficients[0], [odds.mean(), odds[1] - odds[0]], atol=1e-8)


@pytest.mark.slow
def test_a_profile_with_several_maxima_has_bounds_around_the_estimate() -> None:
    predictors = pd.DataFrame(
        [[1, 3, 1, 2], [2, 1, 2, 4], [3, 4, 3, 3], [4, 4, 3, 2], [5, 3, 2, 2], [5, 5, 3, 4]],
        columns=list("abcd"),
    )
    model = firth_logistic_model(pd.Series([1, 0, 0, 0, 0, 1]), predictors)
    found = model.coefficients
    assert (found["low"] < found["estimate"]).all() and (found["estimate"] < found["high"]).all()


@pytest.mark.slow
def test_samples_of_a_handful_find_a_maximum() -> None:
    rng = np.random.default_rng(5)
    for _ in range(300):
        levels = int(rng.integers(2, 6))
        matrix = np.column_stack([np.ones(levels), np.arange(levels)])
        n = rng.integers(1, 4, levels)
        fit = firth_fit(matrix, [rng.integers(0, n + 1)], [n])
        assert np.isfinite(fit.coefficients).all()
