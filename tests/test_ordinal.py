"""Cumulative-logit regression against R: ordinal::clm, MASS::polr, VGAM::vglm, Brant's formulas."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats
from statsmodels.miscmodels.ordinal_model import OrderedModel

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats import ordinal
from mlsec_survey.stats.logistic import firth_logistic
from mlsec_survey.stats.ordinal import _Rows

R = json.loads((Path(__file__).parent / "oracle" / "ordinal.json").read_text())
DATA = pd.DataFrame(R["data"])
CLOSE = {"rel": 1e-8, "abs": 1e-8}
SEVERAL = ["knowledge", "tenure", "group"]


def check_against(model, want):
    columns = {name: np.atleast_1d(want[name]) for name in ("estimate", "se", "low", "high")}
    for name, values in columns.items():
        np.testing.assert_allclose(model.coefficients[name], values, rtol=1e-8, atol=1e-8)
    thresholds = [model.extra[f"threshold {j}"] for j in range(1, 5)]
    np.testing.assert_allclose(thresholds, want["thresholds"], rtol=1e-8, atol=1e-8)
    assert model.extra["log_likelihood"] == pytest.approx(want["loglik"], **CLOSE)
    assert model.joint.statistic == pytest.approx(want["joint"], **CLOSE)
    for result, statistic in zip(model.terms.values(), want["terms"], strict=True):
        assert result.statistic == pytest.approx(statistic, **CLOSE)
        assert result.p == pytest.approx(stats.chi2.sf(statistic, result.extra["df"]), **CLOSE)


def test_one_predictor_agrees_with_clm():
    check_against(ordinal.proportional_odds_model(DATA.likelihood, DATA.knowledge), R["single"])
    result = ordinal.proportional_odds(DATA.likelihood, DATA.knowledge)
    assert result.effect == "odds ratio" and result.null == 1.0 and result.n == 139
    assert result.estimate == pytest.approx(math.exp(R["single"]["estimate"]), **CLOSE)
    assert result.low == pytest.approx(math.exp(R["single"]["low"]), **CLOSE)
    assert result.high == pytest.approx(math.exp(R["single"]["high"]), **CLOSE)


def test_several_predictors_agree_with_clm_and_polr():
    model = ordinal.proportional_odds_model(DATA.likelihood, DATA[SEVERAL])
    check_against(model, R["several"])
    # polr stops earlier, at about 1e-5.
    np.testing.assert_allclose(model.coefficients["estimate"], R["polr"]["estimate"], atol=1e-5)
    np.testing.assert_allclose(model.coefficients["se"], R["polr"]["se"], rtol=1e-5)
    assert model.terms["group"].effect == "Cohen's w"
    assert model.terms["group"].extra["odds ratio, group: b"] == pytest.approx(
        math.exp(R["several"]["estimate"][2]), **CLOSE
    )


@pytest.mark.slow
def test_statsmodels_ordered_model_agrees():
    model = ordinal.proportional_odds_model(DATA.likelihood, DATA[["knowledge", "tenure"]])
    fit = OrderedModel(DATA.likelihood, DATA[["knowledge", "tenure"]], distr="logit").fit(
        method="newton", disp=False, tol=1e-12
    )
    assert model.extra["log_likelihood"] == pytest.approx(fit.llf, rel=1e-10)
    np.testing.assert_allclose(model.coefficients["estimate"], fit.params[:2], rtol=1e-6)
    # It differentiates numerically for its standard errors.
    np.testing.assert_allclose(model.coefficients["se"], fit.bse[:2], rtol=1e-4)


def test_two_levels_are_logistic_regression():
    high = (DATA.likelihood >= 3).astype(int)
    result = ordinal.proportional_odds(high, DATA.knowledge)
    x, y = DATA.knowledge.to_numpy(float), high.to_numpy(float)
    # The score equations of logistic regression, at the reported slope.
    threshold = ordinal.proportional_odds_model(high, DATA.knowledge).extra["threshold 1"]
    chance = special.expit(math.log(result.estimate) * x - threshold)
    assert (y - chance).sum() == pytest.approx(0, abs=1e-8)
    assert (x * (y - chance)).sum() == pytest.approx(0, abs=1e-8)
    assert firth_logistic(high, DATA.knowledge).estimate < result.estimate


def test_reversing_the_outcome_inverts_the_odds_ratio():
    straight = ordinal.proportional_odds(DATA.likelihood, DATA.knowledge)
    turned = ordinal.proportional_odds(6 - DATA.likelihood, DATA.knowledge)
    assert turned.estimate == pytest.approx(1 / straight.estimate, rel=1e-9)
    assert turned.low == pytest.approx(1 / straight.high, rel=1e-8)
    assert turned.p == pytest.approx(straight.p, rel=1e-8)


@pytest.mark.slow
def test_levels_nobody_chose_and_fine_scales_count_by_their_order():
    gaps = DATA.likelihood.map({1: 1, 2: 2, 3: 7, 4: 8, 5: 30})
    assert ordinal.proportional_odds(gaps, DATA.knowledge).estimate == pytest.approx(
        ordinal.proportional_odds(DATA.likelihood, DATA.knowledge).estimate, rel=1e-12
    )
    fine = DATA.likelihood + DATA.tenure / 10
    result = ordinal.proportional_odds(fine, DATA.knowledge)
    assert result.extra["levels"] == fine.nunique() > 60
    assert 1.2 < result.low < result.estimate < result.high < 4


def test_brant_test_agrees_with_r():
    test = ordinal.brant_test(DATA.crossing, DATA[["knowledge", "tenure"]])
    for want, (statistic, df) in (
        (R["brant"]["all"], (test.statistic, test.df)),
        (R["brant"]["first"], test.by_term["knowledge"][:2]),
    ):
        assert statistic == pytest.approx(want["statistic"], **CLOSE)
        assert df == want["df"]
    assert test.p == pytest.approx(stats.chi2.sf(test.statistic, 4), **CLOSE)


def test_partial_proportional_odds_agrees_with_vgam():
    model = ordinal.partial_proportional_odds(
        DATA.crossing, DATA[["knowledge", "tenure"]], varying=["knowledge"]
    )
    assert model.extra["log_likelihood"] == pytest.approx(R["vgam"]["partial"], rel=1e-10)
    want = R["vgam"]["coefficients"]
    mine = model.coefficients["estimate"]
    assert mine["tenure"] == pytest.approx(want["tenure"], abs=1e-7)
    for j in (1, 2, 3):
        assert mine[f"knowledge (above level {j})"] == pytest.approx(
            want[f"knowledge:{j}"], abs=1e-7
        )
        # VGAM takes the expected information where this takes the observed one.
        assert model.coefficients["se"][f"knowledge (above level {j})"] == pytest.approx(
            R["vgam"]["se"][f"knowledge:{j}"], rel=0.05
        )
    assert model.terms["knowledge"].extra["df"] == 3
    likelihood_ratio = 2 * (R["vgam"]["partial"] - model.extra["log_likelihood"])
    assert likelihood_ratio == pytest.approx(0, abs=1e-6)


def test_a_broken_assumption_is_found_and_the_fallback_shows_it():
    rng = np.random.default_rng(3)
    x = pd.Series(rng.integers(0, 2, 600))
    y = pd.Series(np.where(x == 1, rng.choice([0, 3], 600), rng.choice([1, 2], 600)))
    mixed = y.where(pd.Series(rng.random(600) < 0.7), pd.Series(rng.integers(0, 4, 600)))
    test = ordinal.brant_test(mixed, x)
    assert test.p < 1e-10
    result = ordinal.proportional_odds(mixed, x)
    assert result.extra["brant_p"] == test.p
    assert any("Brant" in note for note in result.notes)
    model = ordinal.partial_proportional_odds(mixed, x, varying=["predictor"])
    slopes = model.coefficients["estimate"]
    assert slopes["predictor (above level 1)"] < -0.5 < 0.5 < slopes["predictor (above level 3)"]


@pytest.mark.slow
def test_brant_test_keeps_its_level_under_proportional_odds():
    rng = np.random.default_rng(4)
    x = rng.integers(0, 5, 139)
    rejected = 0
    for _ in range(200):
        latent = 0.4 * x + rng.logistic(size=139)
        y = np.digitize(latent, [-0.5, 0.5, 1.5, 2.5])
        rejected += ordinal.brant_test(pd.Series(y), pd.Series(x)).p < 0.05
    assert 0.005 <= rejected / 200 <= 0.11


def test_sparse_levels_are_merged_into_the_smaller_neighbour():
    outcome = pd.Series(np.repeat([0, 1, 2, 3, 4], [30, 3, 12, 40, 5]))
    rows = _Rows.of(outcome, pd.Series(np.arange(90) % 4))
    assert rows.merged(10).table.sum(0).tolist() == [30, 15, 45]
    assert rows.merged(1).table.sum(0).tolist() == [30, 3, 12, 40, 5]


@pytest.mark.slow
def test_profile_interval_covers_at_the_size_of_the_survey():
    rng = np.random.default_rng(5)
    x = pd.Series(rng.integers(0, 5, 139))
    covered = 0
    for _ in range(150):
        latent = 0.3 * x + rng.logistic(size=139)
        y = pd.Series(np.digitize(latent, [-1, 0.5, 1.5, 3]))
        result = ordinal.proportional_odds(y, x)
        covered += result.low <= math.exp(0.3) <= result.high
    assert covered / 150 > 0.95 - 4 * math.sqrt(0.05 * 0.95 / 150)


def test_data_without_a_finite_estimate_are_refused():
    outcome = pd.Series([0] * 10 + [1] * 10 + [2] * 10)
    with pytest.raises(AnalysisError, match="separate"):
        ordinal.proportional_odds(outcome, pd.Series([0.0] * 10 + [1.0] * 20))
    with pytest.raises(AnalysisError, match="fewer than three"):
        ordinal.brant_test(pd.Series([0, 1] * 20), pd.Series([0, 1, 1, 0] * 10))
    with pytest.raises(ValueError, match="not among"):
        ordinal.partial_proportional_odds(DATA.crossing, DATA[["tenure"]], varying=["age"])
    with pytest.raises(AnalysisError, match="no order"):
        ordinal.proportional_odds(DATA.group, DATA.knowledge)


@pytest.mark.slow
def test_profile_bounds_are_where_the_profiled_likelihood_has_dropped():
    rng = np.random.default_rng(6)
    for n in (12, 25, 60, 139):
        predictors = pd.DataFrame({"a": rng.integers(0, 4, n), "b": rng.exponential(2, n)})
        latent = predictors["a"] - 0.3 * predictors["b"] + rng.logistic(size=n)
        outcome = pd.Series(pd.qcut(latent, 4, labels=False))
        model = ordinal.proportional_odds_model(outcome, predictors, confidence=0.9)
        for name, other in (("a", "b"), ("b", "a")):
            row = model.coefficients.loc[name]
            assert row["low"] < row["estimate"] < row["high"]
            for end in ("low", "high"):
                shift = row[end] * predictors[name].to_numpy(float)
                x, y = predictors[other].to_numpy(float), outcome.to_numpy()

                def loss(at, x=x, y=y, shift=shift):
                    inner = at[0] + np.cumsum(np.append(0, np.exp(at[1:3])))
                    cuts = np.concatenate([[-np.inf], inner, [np.inf]])
                    linear = at[3] * x + shift
                    chance = special.expit(cuts[y + 1] - linear) - special.expit(cuts[y] - linear)
                    return -np.log(np.maximum(chance, 1e-300)).sum()

                start = np.array([-1.0, 0.0, 0.0, 0.0])
                for _ in range(3):
                    held = optimize.minimize(loss, start, method="Nelder-Mead", options={
                        "xatol": 1e-9, "fatol": 1e-11, "maxiter": 8000, "maxfev": 8000,
                    })  # fmt: skip
                    start = held.x
                drop = model.extra["log_likelihood"] + held.fun
                assert drop == pytest.approx(stats.chi2.ppf(0.9, 1) / 2, abs=1e-6)
