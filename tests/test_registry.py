"""A test, and a measure of effect, are one entry each: nothing else has to be told of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from mlsec_survey.analysis import design_analysis, multiverse, null_results
from mlsec_survey.analysis import hypotheses as hyp
from mlsec_survey.analysis.multiverse import _table_effects, _tests
from mlsec_survey.base.errors import AnalysisError, InputError
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.plan import AnalysisPlan, load_plan
from mlsec_survey.stats.detectable import Detectable
from mlsec_survey.stats.effects import EFFECTS, FISHER_Z, EffectSize, effect_named
from mlsec_survey.stats.pooling import pool_results
from mlsec_survey.stats.result import TestResult
from mlsec_survey.stats.tables import TableTest, score_correlation
from mlsec_survey.stats.tests import ORDERED, TESTS, Test

ROOT = Path(__file__).resolve().parent.parent


def pearson(outcome: pd.Series, predictor: pd.Series, *, confidence: float = 0.95) -> TestResult:
    both = pd.concat([outcome, predictor], axis=1).dropna()
    found = stats.pearsonr(both.iloc[:, 0], both.iloc[:, 1])
    low, high = found.confidence_interval(confidence)
    return TestResult(
        method="Pearson's correlation",
        effect="Pearson's r",
        estimate=float(found.statistic),
        low=float(low),
        high=float(high),
        n=len(both),
        statistic=float(found.statistic),
        p=float(found.pvalue),
        confidence=confidence,
    )


def on_tables(t: np.ndarray, s: np.ndarray, v: np.ndarray, trials: float | None) -> TableTest:
    r = score_correlation(t, s, v)
    z = np.arctanh(np.clip(r, -0.999999, 0.999999)) * np.sqrt(t.sum((-2, -1)) - 3)
    return TableTest(z, 2 * stats.norm.sf(np.abs(z)), z, r)


def detects(outcome: pd.Series, predictor: pd.Series, *, power: float, alpha: float) -> Detectable:
    n = int((outcome.notna() & predictor.notna()).sum())
    size = float(np.tanh((stats.norm.isf(alpha / 2) + stats.norm.ppf(power)) / np.sqrt(n - 3)))
    return Detectable("Pearson's r", size, -size, power, alpha, n, "Fisher's z")


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Test]:
    effect = EffectSize(
        "pearson_r", "Pearson's r", 0.0, -1.0, 1.0, FISHER_Z, "rises", "falls",
        lambda t, s, v, trials: score_correlation(t, s, v),
    )  # fmt: skip
    test = Test(
        "pearson", "Pearson's r", effect, ((ORDERED, ORDERED),), pearson,
        on_tables=on_tables, smallest_detectable=detects,
    )  # fmt: skip
    monkeypatch.setitem(EFFECTS, effect.key, effect)
    monkeypatch.setitem(TESTS, test.key, test)
    yield test


@pytest.fixture
def plan(registered: Test, codebook: Codebook, tmp_path: Path) -> AnalysisPlan:
    content = yaml.safe_load((ROOT / "data/analysis_plan.yml").read_text(encoding="utf-8"))
    entry = next(entry for entry in content["hypotheses"] if entry["id"] == "D2")
    entry["test"] = "pearson"
    entry["sesoi"] = {"effect": "pearson_r", "value": 0.25, "reason": "for this test"}
    path = tmp_path / "plan.yml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return load_plan(path, codebook)


@pytest.fixture
def data() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    likelihood = rng.integers(1, 6, 139).astype(float)
    return pd.DataFrame(
        {
            "target_likelihood": likelihood,
            "defence_count": rng.binomial(10, 0.25 + likelihood / 20).astype(float),
            "exposure": (rng.random(139) < 0.3).astype(float),
        }
    )


def test_a_new_test_runs_through_plan_nulls_and_tables(
    plan: AnalysisPlan, data: pd.DataFrame, codebook: Codebook
) -> None:
    entry = plan.hypothesis("D2")
    rows = hyp.plan_table(plan).set_index("id").loc["D2"]
    assert rows["test"] == "Pearson's r" and rows["sesoi"] == "Pearson's r 0.25"
    only = plan.model_copy(update={"hypotheses": plan.of_family("D")})
    results = hyp.run_plan(only, data, codebook, kind="confirmatory", seed=1, resamples=99)
    row = results.table.set_index("id").loc["D2"]
    want = stats.pearsonr(data["defence_count"], data["target_likelihood"])
    assert row["estimate"] == pytest.approx(want.statistic) and row["p"] == want.pvalue
    assert (row["sesoi_low"], row["sesoi_high"]) == (-0.25, 0.25)
    joint = hyp.multiplicity_table(only, data, results, seed=1, resamples=199).set_index("id")
    assert 0 < joint.loc["D2", "p_westfall_young"] <= 0.05
    readings = null_results.null_readings([entry], results, data, codebook)
    assert readings["verdict"].iloc[0] in ("effect of interest", "effect of unclear size")
    assert readings["detectable"].iloc[0] == pytest.approx(0.235, abs=0.01)
    assert readings["bf01"].iloc[0] < 1
    pooled = pool_results([results.results["D2"]] * 2)
    assert pooled.estimate == pytest.approx(want.statistic)


def test_a_new_test_runs_through_the_design_analysis(
    plan: AnalysisPlan, codebook: Codebook
) -> None:
    assumed = design_analysis.load_assumptions(ROOT / "data/design_assumptions.yml", codebook)
    designs = {"D2": design_analysis.assumed_designs(plan, codebook, assumed)["D2"]}
    table = design_analysis.power_table(
        designs, sizes=[139], multiples=[0.5, 1.0, 1.5], simulations=500, alpha=0.05,
        run=lambda function, tasks: [function(task, np.random.default_rng(1)) for task in tasks],
    )  # fmt: skip
    # The formula for a correlation: z is normal around √(n - 3)·atanh(r).
    expected = stats.norm.sf(1.96 - np.arctanh(0.25) * np.sqrt(136))
    assert table["power_uncorrected"].iloc[1] == pytest.approx(expected, abs=0.02)
    assert table["power"].iloc[1] < table["power_uncorrected"].iloc[1]
    summary = design_analysis.design_summary(
        designs, table, design_analysis.detectable(designs, table)
    )
    assert summary["test"].iloc[0] == summary["effect"].iloc[0] == "Pearson's r"


def test_a_new_test_is_a_choice_of_the_specification_curve(registered: Test) -> None:
    variant = multiverse.Variant(
        "as planned", "complete", np.array([0, 1, 2]), np.arange(3.0), "ordinal", None, np.ones(3)
    )
    hypothesis = type("H", (), {"test": "kendall_tau_b", "alternatives": ("pearson",)})()
    assert _tests(hypothesis, variant, variant) == ["kendall_tau_b", "pearson"]
    table = np.array([[[20.0, 10, 5], [10, 20, 10], [5, 10, 20]]])
    z, r = _table_effects("pearson", table, np.arange(3.0), np.arange(3.0), None)
    assert z[0] > 3 and r[0] == pytest.approx(z[0] / np.sqrt(109))


def test_each_entry_is_complete_and_consistent() -> None:
    for key, test in TESTS.items():
        assert test.key == key and EFFECTS[test.effect.key] is test.effect
        assert test.on_tables is not None and test.fits and test.label
    for key, effect in EFFECTS.items():
        assert effect.key == key and effect_named(effect.name) is effect
        assert effect.low <= effect.null <= effect.high
        value = effect.null + 0.2 * (min(effect.high, 2) - effect.null)
        assert effect.at(effect.distance(value)) == pytest.approx(value)
        low, high = effect.too_small(value)
        assert low <= effect.null < high
        if effect.scale is not None:
            assert effect.scale.back(effect.scale.forward(value)) == pytest.approx(value)
    assert EFFECTS["odds_ratio"].too_small(2.0) == (0.5, 2.0)
    assert EFFECTS["cramers_v"].too_small(0.3) == (0.0, 0.3)
    assert EFFECTS["probability_of_superiority"].too_small(0.6) == pytest.approx((0.4, 0.6))


def test_what_an_entry_lacks_is_said(data: pd.DataFrame) -> None:
    with pytest.raises(AnalysisError, match="no model of several"):
        TESTS["spearman"].run_model(data["defence_count"], data[["exposure"]])
    with pytest.raises(AnalysisError, match="no formula"):
        TESTS["spearman"].detects(data["defence_count"], data["exposure"])


def test_an_unknown_test_or_effect_is_refused_with_the_nearest(
    codebook: Codebook, tmp_path: Path
) -> None:
    text = (ROOT / "data/analysis_plan.yml").read_text(encoding="utf-8")
    for old, new, remedy in (
        ("test: trend_permutation", "test: trend_permutations", "trend_permutation"),
        ("effect: tau_b", "effect: tau_c", "tau_b"),
        ("model: firth_logistic", "model: firth", "firth_logistic"),
    ):
        assert old in text
        path = tmp_path / "plan.yml"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(InputError, match=remedy):
            load_plan(path, codebook)
