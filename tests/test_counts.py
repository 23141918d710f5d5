"""Count regressions against R: glm, MASS::glm.nb, and likelihoods maximised there."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats import counts

R = json.loads((Path(__file__).parent / "oracle" / "counts.json").read_text())
DATA = pd.DataFrame(R["data"])
PREDICTORS = DATA[["likelihood", "tenure", "group"]]
CLOSE = {"rel": 1e-8, "abs": 1e-8}


def agree(values, want, **tolerance):
    np.testing.assert_allclose(values, want, **(tolerance or {"rtol": 1e-8, "atol": 1e-9}))


def test_poisson_agrees_with_glm():
    model, want = counts.count_model(DATA.over, PREDICTORS, model="poisson"), R["poisson"]
    agree(model.coefficients["estimate"], want["estimate"])
    agree(model.coefficients["se"], want["se"])
    agree(model.coefficients.loc["likelihood", ["low", "high"]], [want["low"], want["high"]])
    agree([result.statistic for result in model.terms.values()], want["lrt"])
    assert model.extra["log_likelihood"] == pytest.approx(want["loglik"], **CLOSE)
    assert model.extra["dispersion"] == pytest.approx(want["dispersion"], **CLOSE)
    assert model.terms["group"].p == pytest.approx(stats.chi2.sf(want["lrt"][2], 2), **CLOSE)
    assert any("overdispersed" in note for note in model.notes)
    assert model.terms["likelihood"].estimate == pytest.approx(math.exp(want["estimate"][0]))


def test_quasi_poisson_agrees_with_glm():
    model = counts.count_model(DATA.over, PREDICTORS, model="quasi_poisson")
    want = R["quasi_poisson"]
    agree(model.coefficients["estimate"], want["estimate"])
    agree(model.coefficients["se"], want["se"])
    for at, name in enumerate(("likelihood", "tenure")):
        assert model.terms[name].statistic == pytest.approx(want["t"][at], **CLOSE)
        assert model.terms[name].p == pytest.approx(want["p"][at], **CLOSE)
    assert model.terms["group"].statistic == pytest.approx(want["group_f"], **CLOSE)
    assert model.terms["group"].p == pytest.approx(stats.f.sf(want["group_f"], 2, 134), **CLOSE)
    row = model.coefficients.loc["tenure"]
    assert row["high"] - row["estimate"] == pytest.approx(stats.t.ppf(0.975, 134) * row["se"])


def test_quasi_poisson_allows_for_underdispersion():
    result, want = counts.quasi_poisson(DATA.under, DATA.likelihood), R["quasi_poisson_under"]
    assert result.extra["dispersion"] == pytest.approx(want["dispersion"], **CLOSE)
    assert result.extra["dispersion"] < 1
    assert result.extra["se"] == pytest.approx(want["se"], **CLOSE)
    assert result.p == pytest.approx(want["p"], **CLOSE)


@pytest.mark.slow
def test_negative_binomial_agrees_with_r():
    model = counts.count_model(DATA.over, PREDICTORS, model="negative_binomial")
    nb, want = R["glm_nb"], R["negative_binomial"]
    agree(model.coefficients["estimate"], nb["estimate"], rtol=1e-6, atol=1e-8)
    agree(model.coefficients["se"], nb["se"], rtol=1e-6)
    assert model.extra["alpha"] == pytest.approx(nb["alpha"], rel=1e-6)
    assert model.extra["log_likelihood"] == pytest.approx(want["loglik"], rel=1e-11)
    assert model.extra["log_likelihood"] == pytest.approx(nb["loglik"], rel=1e-9)
    agree(
        model.coefficients.loc["likelihood", ["low", "high"]],
        [want["low"], want["high"]],
        rtol=1e-7,
    )
    assert model.terms["likelihood"].statistic == pytest.approx(want["lrt_likelihood"], **CLOSE)
    assert model.terms["group"].statistic == pytest.approx(want["lrt_group"], **CLOSE)
    assert model.joint.statistic == pytest.approx(want["joint"], **CLOSE)


def test_negative_binomial_without_overdispersion_is_poisson():
    negative = counts.negative_binomial(DATA.under, DATA.likelihood)
    poisson = counts.poisson(DATA.under, DATA.likelihood)
    assert negative.extra["alpha"] == 0
    assert (negative.estimate, negative.low, negative.p) == (
        poisson.estimate,
        poisson.low,
        poisson.p,
    )
    assert any("same as Poisson" in note for note in negative.notes)
    assert any("underdispersed" in note for note in poisson.notes)


def test_quasi_binomial_agrees_with_glm():
    model = counts.count_model(
        DATA.under, DATA[["likelihood", "tenure"]], model="quasi_binomial", trials=9
    )
    want = R["quasi_binomial"]
    agree(model.coefficients["estimate"], want["estimate"])
    agree(model.coefficients["se"], want["se"])
    agree([result.p for result in model.terms.values()], want["p"])
    assert model.extra["dispersion"] == pytest.approx(want["dispersion"], **CLOSE)
    assert model.terms["tenure"].effect == "odds ratio"


@pytest.mark.slow
def test_a_binary_predictor_gives_the_ratio_of_means():
    exposed = DATA.likelihood > 2
    ratio = DATA.over[exposed].mean() / DATA.over[~exposed].mean()
    for test in (counts.poisson, counts.quasi_poisson, counts.negative_binomial):
        result = test(DATA.over, exposed)
        assert result.estimate == pytest.approx(ratio, rel=1e-8)
        assert result.low < ratio < result.high
        assert result.effect == "incidence-rate ratio" and result.null == 1.0
    share = [DATA.under[exposed].mean() / 9, DATA.under[~exposed].mean() / 9]
    odds = share[0] / (1 - share[0]) / (share[1] / (1 - share[1]))
    result = counts.quasi_binomial(DATA.under, exposed, trials=9)
    assert result.estimate == pytest.approx(odds, rel=1e-8)


def test_the_choice_follows_limit_and_dispersion():
    overdispersed = counts.choose_count_model(DATA.over, PREDICTORS)
    assert overdispersed.model == "negative_binomial" and overdispersed.overdispersion_p < 0.05
    bounded = counts.choose_count_model(DATA.under, DATA.likelihood, trials=9)
    assert bounded.model == "quasi_binomial" and "share" in bounded.reason
    free = counts.choose_count_model(DATA.under, DATA.likelihood)
    assert free.model == "quasi_poisson" and free.dispersion < 1
    far = counts.choose_count_model(DATA.under, DATA.likelihood, trials=40)
    assert far.model == "quasi_poisson" and far.at_limit == 0


@pytest.mark.parametrize("name", ["quasi_poisson", "negative_binomial"])
@pytest.mark.slow
def test_overdispersed_counts_keep_the_level_and_poisson_does_not(name):
    rng = np.random.default_rng(6)
    x = pd.Series(rng.integers(0, 5, 139))
    rejected = {name: 0, "poisson": 0}
    runs = 150
    for _ in range(runs):
        y = pd.Series(rng.negative_binomial(1.5, 1.5 / (1.5 + 3), 139))
        for model in rejected:
            rejected[model] += getattr(counts, model)(y, x).p < 0.05
    assert rejected[name] / runs < 0.05 + 4 * math.sqrt(0.05 * 0.95 / runs)
    assert rejected["poisson"] / runs > 0.15


def test_bad_input_is_named():
    with pytest.raises(AnalysisError, match="not a count"):
        counts.poisson(DATA.tenure, DATA.likelihood)
    with pytest.raises(ValueError, match="largest possible"):
        counts.quasi_binomial(DATA.under, DATA.likelihood)
    with pytest.raises(AnalysisError, match="exceeds"):
        counts.quasi_binomial(DATA.under, DATA.likelihood, trials=3)
    none = pd.Series([0] * 10 + [1, 2, 3, 4, 5])
    with pytest.raises(AnalysisError, match="no finite estimate"):
        counts.quasi_poisson(none, pd.Series([0] * 10 + [1] * 5))
    binary = (DATA.under > 4).astype(int)
    assert counts.quasi_binomial(binary, DATA.likelihood).estimate > 1
