"""Polychoric correlations, factor models, partial associations, and how findings are counted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlsec_survey.analysis import hypotheses as hyp
from mlsec_survey.analysis import measurement as meas
from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.plan import load_plan
from mlsec_survey.stats.factors import factor_model
from mlsec_survey.stats.partial import item_functioning, partial_spearman
from mlsec_survey.stats.polychoric import (
    POSITIVE,
    SHORT_OF_ONE,
    bivariate_normal_cdf,
    heterotrait_monotrait,
    ordinal_alpha,
    polychoric,
    summarised,
)

ROOT = Path(__file__).resolve().parent.parent
ORACLE = json.loads((ROOT / "tests/oracle/measurement.json").read_text("utf-8"))
DATA, GAPS = pd.DataFrame(ORACLE["data"]), pd.DataFrame(ORACLE["gaps"])
FIRST, SECOND = np.arange(3), np.arange(3, 6)
TWO = [0, 0, 0, 1, 1, 1]
MODELS = {
    "one": ([0] * 6, ()),
    "two": (TWO, ()),
    "shared": (TWO, [(0, 3), (1, 4), (2, 5)]),
}


def test_bivariate_normal_agrees_with_scipy() -> None:
    rng = np.random.default_rng(1)
    for r in (-0.95, -0.5, 0.0, 0.3, 0.8, 0.95):
        x, y = rng.normal(size=2)
        expected = stats.multivariate_normal([0, 0], [[1, r], [r, 1]]).cdf([x, y])
        assert bivariate_normal_cdf(x, y, r) == pytest.approx(expected, abs=1e-9)
    assert bivariate_normal_cdf(10, 0.3, 0.7) == pytest.approx(stats.norm.cdf(0.3), abs=1e-12)


@pytest.mark.parametrize(("data", "key"), [(DATA, "complete"), (GAPS, "pairwise")])
def test_polychoric_correlations_and_their_errors_agree_with_lavaan(
    data: pd.DataFrame, key: str
) -> None:
    found, known = polychoric(data), ORACLE[key]
    expected = {
        (a, b): (value, error)
        for a, b, value, error in zip(
            known["lhs"], known["rhs"], known["est"], known["se"], strict=True
        )
    }
    errors = np.sqrt(np.diag(found.covariance))
    assert len(found.pairs) == len(expected) == 15
    for at, (i, j) in enumerate(found.pairs):
        value, error = expected[found.items[i], found.items[j]]
        assert found.values[at] == pytest.approx(value, abs=1e-8)
        assert errors[at] == pytest.approx(error, rel=1e-8)


def test_correlations_reliability_and_ratio_agree_with_psych() -> None:
    found = polychoric(DATA)
    np.testing.assert_allclose(found.matrix, ORACLE["psych"], atol=3e-5)
    own = found.among(["a1", "a2", "a3"]).matrix
    assert ordinal_alpha(own) == pytest.approx(ORACLE["psych_alpha"], abs=3e-6)
    ratio = heterotrait_monotrait(found.matrix, FIRST, SECOND)
    assert ratio == pytest.approx(ORACLE["htmt"], abs=5e-6)
    apart = heterotrait_monotrait(found.matrix, FIRST, SECOND, apart=~np.eye(3, dtype=bool))
    assert apart == pytest.approx(ORACLE["htmt_apart"], abs=5e-6)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("data", "key"), [(DATA, "models"), (GAPS, "models_gaps")])
def test_factor_models_agree_with_lavaan(data: pd.DataFrame, key: str, name: str) -> None:
    fit, known = factor_model(polychoric(data), *MODELS[name]), ORACLE[key][name]
    np.testing.assert_allclose(fit.loadings, known["loadings"], atol=1e-6)
    np.testing.assert_allclose(fit.loading_errors, known["loading_errors"], rtol=1e-6)
    assert fit.df == known["df"]
    for measure in ("chi_square", "p", "cfi", "rmsea", "srmr", "n"):
        assert getattr(fit, measure) == pytest.approx(known[measure], rel=1e-6, abs=1e-9), measure
    if name != "one":
        assert fit.correlations[0, 1] == pytest.approx(known["phi"], abs=1e-6)
        assert fit.correlation_errors[0, 1] == pytest.approx(known["phi_error"], rel=1e-6)
    if name == "shared":
        np.testing.assert_allclose(fit.residuals, known["shared"], atol=1e-6)


def test_a_model_with_too_many_parameters_is_refused() -> None:
    with pytest.raises(AnalysisError, match="as many parameters"):
        factor_model(polychoric(DATA[["a1", "a2", "a3"]]), [0, 0, 0])


def test_correlations_that_cannot_be_estimated_are_refused() -> None:
    with pytest.raises(AnalysisError, match="same for all"):
        polychoric(DATA.assign(a1=1))
    with pytest.raises(AnalysisError, match="ten respondents"):
        polychoric(DATA.head(9))
    with pytest.raises(AnalysisError, match="±1"):
        polychoric(pd.DataFrame({"a": [1, 2, 3] * 9, "b": [1, 2, 3] * 9}))


def _ratings(
    rng: np.random.Generator, n: int, correlation: float, items: int = 6
) -> tuple[pd.DataFrame, pd.Series]:
    """Draw two grids of ratings on factors that correlate, and what their first factor rests on."""
    first = rng.normal(size=n)
    second = correlation * first + np.sqrt(1 - correlation**2) * rng.normal(size=n)
    both = np.repeat(np.column_stack([first, second]), items, axis=1)
    latent = 0.75 * both + np.sqrt(1 - 0.75**2) * rng.normal(size=both.shape)
    names = [f"{grid}{k}" for grid in "ab" for k in range(items)]
    codes = np.digitize(latent, [-1.3, -0.4, 0.4, 1.3]) + 1
    return pd.DataFrame(codes, columns=names), pd.Series(first)


@pytest.mark.slow
def test_intervals_cover_and_the_test_of_fit_keeps_its_level() -> None:
    rng, draws = np.random.default_rng(2), 150
    covered, rejected = np.zeros(3), 0
    loading, k = 0.75, 3
    reliability = k * loading**2 / (k * loading**2 + 1 - loading**2)
    for _ in range(draws):
        data, _ = _ratings(rng, 139, 0.8, items=k)
        found = polychoric(data)
        fit = factor_model(found, [0] * k + [1] * k)
        rejected += fit.p < 0.05
        value, reach = fit.correlations[0, 1], 1.96 * fit.correlation_errors[0, 1]
        covered[0] += abs(value - 0.8) <= reach
        alpha = summarised(found.among(list(data)[:k]), ordinal_alpha, scale=SHORT_OF_ONE)
        covered[1] += alpha.low <= reliability <= alpha.high
        places = (np.arange(k), np.arange(k, 2 * k))
        ratio = summarised(found, lambda m, p=places: heterotrait_monotrait(m, *p), scale=POSITIVE)
        covered[2] += ratio.low <= 0.8 <= ratio.high
    # Three standard errors of simulation are 5.3 points.
    assert (covered / draws > 0.95 - 0.055).all(), covered / draws
    assert rejected / draws < 0.05 + 0.055


def test_partial_correlation_agrees_with_r_and_its_interval_with_its_test() -> None:
    result = partial_spearman(DATA["a1"], DATA["b1"], DATA[["a3"]])
    assert result.estimate == pytest.approx(ORACLE["partial"]["rho"], abs=1e-12)
    at_p = partial_spearman(DATA["a1"], DATA["b1"], DATA[["a3"]], confidence=1 - result.p)
    assert at_p.low == pytest.approx(0, abs=1e-9)
    # Student's t, as R has it, on the same estimate.
    assert result.p == pytest.approx(ORACLE["partial"]["p"], abs=0.01)
    turned = partial_spearman(-DATA["a1"], DATA["b1"], DATA[["a3"]])
    assert turned.estimate == pytest.approx(-result.estimate)
    with pytest.raises(AnalysisError, match="depends on the others"):
        partial_spearman(DATA["a1"], DATA["b1"], DATA[["b1"]])


@pytest.mark.slow
def test_partial_correlation_keeps_its_level() -> None:
    rng, draws = np.random.default_rng(3), 1000
    found = 0
    for _ in range(draws):
        common = rng.normal(size=130)
        x, y = (common + rng.normal(size=130) for _ in range(2))
        given = pd.DataFrame({"given": common})
        found += partial_spearman(pd.Series(x), pd.Series(np.round(y)), given).p < 0.05
    assert found / draws == pytest.approx(0.05, abs=0.021)


def test_item_functioning_agrees_with_polr() -> None:
    group = pd.Series(ORACLE["group"], dtype=float)
    for known in ORACLE["dif"]:
        item = known["item"]
        grid = [name for name in DATA if name[0] == item[0] and name != item]
        result = item_functioning(DATA[item], DATA[grid].mean(axis=1), group)
        assert np.log(result.estimate) == pytest.approx(known["log_odds"], abs=1e-4)
        half = np.log(result.high / result.low) / (2 * stats.norm.ppf(0.975))
        assert half == pytest.approx(known["se"], rel=1e-3)
        assert result.statistic == pytest.approx(known["total"], abs=1e-5)
        assert result.extra["uniform_p"] == pytest.approx(
            stats.chi2.sf(known["uniform"], 1), abs=1e-5
        )


@pytest.mark.slow
def test_item_functioning_finds_what_is_there_and_keeps_its_level() -> None:
    rng, draws = np.random.default_rng(4), 200
    found = np.zeros(2)
    for _ in range(draws):
        data, _ = _ratings(rng, 139, 0.8)
        group = pd.Series(rng.integers(0, 2, 139), dtype=float)
        rest = data[["a1", "a2", "a3", "a4", "a5"]].mean(axis=1)
        found[0] += item_functioning(data["a0"], rest, group).p < 0.05
        moved = (data["a0"] + group).clip(upper=5)
        found[1] += item_functioning(moved, rest, group).p < 0.05
    assert found[0] / draws == pytest.approx(0.05, abs=0.047)
    assert found[1] / draws > 0.9


@pytest.mark.slow
def test_grids_come_from_the_plan_and_count_as_the_answers_say(codebook: Codebook) -> None:
    plan = load_plan(ROOT / "data" / "analysis_plan.yml", codebook)
    hypotheses = hyp.hypotheses_on(plan, "tifs2023.knowledge")
    grids = meas.grids_of(hypotheses, codebook)
    assert [grid.scale for grid in grids] == ["concern_scale", "relevance_scale"]
    assert meas.grids_of(hyp.hypotheses_on(plan, "tifs2023.defences"), codebook) == ()
    names = [name for grid in grids for name in grid.parts.values()]
    table = pd.DataFrame({
        "id": [h.id for h in plan.hypotheses], "p_adjusted": 0.01, "estimate": 0.3, "null": 0.0,
    })  # fmt: skip
    results = hyp.PlanResults(table, {})
    for correlation, distinct, words in (
        (0.3, 3, "are told apart"),
        (1.0, 2, "are not told apart"),
    ):
        data, _ = _ratings(np.random.default_rng(5), 200, correlation)
        measured = meas.measure(data.set_axis(names, axis=1), grids)
        once = meas.counted_once("k", hypotheses, results, measured, "perception", alpha=0.05)
        assert once["value"].item() == distinct
        assert once["unit"].item() == f"of {distinct}"
        partialled = pd.DataFrame({"id": ["K1", "K2"], "label": ["C ~ k", "R ~ k"]})
        sentence = meas.describe_measurement(measured, partialled)
        assert words in sentence and "n = 200" in sentence
        assert ("one finding at most" in sentence) == (distinct == 2)
        assert len(meas.discriminant_table(measured)) == 4
        assert (meas.reliability_table(measured)["value"] > 0.7).all()


def test_what_cannot_be_estimated_is_said_and_counts_by_itself(codebook: Codebook) -> None:
    plan = load_plan(ROOT / "data" / "analysis_plan.yml", codebook)
    hypotheses = hyp.hypotheses_on(plan, "tifs2023.knowledge")
    grids = meas.grids_of(hypotheses, codebook)
    names = [name for grid in grids for name in grid.parts.values()]
    measured = meas.measure(pd.DataFrame(3, index=range(40), columns=names), grids)
    assert meas.describe_measurement(measured, pd.DataFrame()).startswith("could not be estimated")
    assert len(set(meas.constructs(measured).values())) == 2
    for table in (
        meas.reliability_table(measured),
        meas.model_fit_table(measured),
        meas.discriminant_table(measured),
        meas.loadings_table(measured, codebook),
    ):
        assert table.empty
    nothing = meas.measure(pd.DataFrame(), ())
    assert meas.describe_measurement(nothing, pd.DataFrame()).startswith("not examined")


def test_sentences_follow_sign_and_correction() -> None:
    row = {
        "id": "K1",
        "label": "Mean concern ~ knowledge",
        "control": "Mean relevance",
        "n": 130,
        "alone": 0.5,
    }
    up = {**row, "estimate": 0.3, "low": 0.1, "high": 0.5, "p_adjusted": 0.01}
    down = {**row, "estimate": -0.3, "low": -0.5, "high": -0.1, "p_adjusted": 0.01}
    lost = {**row, "estimate": 0.1, "low": -0.1, "high": 0.3, "p_adjusted": 0.3}
    said = [meas.describe_partialled(pd.DataFrame([r]), alpha=0.05) for r in (up, down, lost)]
    assert all("mean concern by knowledge (K1) given" in words for words in said)
    assert "a positive association is left" in said[0]
    assert "a negative association is left" in said[1]
    assert "no association is shown to be left" in said[2]
    item = {"label": "Concern: A", "group": "Knowledge", "n": 120, "estimate": 2.0}
    higher = meas.describe_functioning(pd.DataFrame([{**item, "p_adjusted": 0.01}]), alpha=0.05)
    assert "higher ratings" in higher and "n = 120" in higher
    lower = {**item, "estimate": 0.5, "p_adjusted": 0.01}
    assert "lower ratings" in meas.describe_functioning(pd.DataFrame([lower]), alpha=0.05)
    none = meas.describe_functioning(pd.DataFrame([{**item, "p_adjusted": 0.5}]), alpha=0.05)
    assert none.startswith("no item")
