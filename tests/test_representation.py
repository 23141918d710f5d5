"""Weights, tipping points, design effects and nonresponse: against R, by construction, by sign."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlsec_survey.analysis import hypotheses as hyp
from mlsec_survey.analysis import nonresponse, representation
from mlsec_survey.base.errors import AnalysisError, InputError
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.plan import AnalysisPlan, load_plan
from mlsec_survey.responses.missing import missing_kinds
from mlsec_survey.responses.readers import read_export
from mlsec_survey.stats.weighting import effective_n, rake, weighted_mean, weighted_rank_z

ROOT = Path(__file__).resolve().parent.parent
R = json.loads((ROOT / "tests/oracle/weighting.json").read_text("utf-8"))
GROUPS = pd.DataFrame(R["groups"])
MARGINS = {"size": {"a": 0.2, "b": 0.3, "c": 0.5}, "lang": {"x": 0.4, "y": 0.6}}


@pytest.fixture(scope="module")
def plan(codebook: Codebook) -> AnalysisPlan:
    return load_plan(ROOT / "data" / "analysis_plan.yml", codebook)


def test_raking_agrees_with_loglin_and_meets_the_margins() -> None:
    weights = rake(GROUPS, MARGINS)
    np.testing.assert_allclose(weights, R["weights"], rtol=1e-9)
    assert weights.mean() == pytest.approx(1)
    for name, shares in MARGINS.items():
        got = weights.groupby(GROUPS[name]).sum() / weights.sum()
        assert got.to_dict() == pytest.approx(shares)
    assert effective_n(weights) == pytest.approx(R["effective_n"])
    gap = rake(GROUPS.assign(size=GROUPS["size"].where(GROUPS.index > 0)), MARGINS)
    assert np.isnan(gap.iloc[0]) and gap.notna().sum() == len(GROUPS) - 1


@pytest.mark.slow
def test_margins_that_the_sample_cannot_have_are_refused() -> None:
    with pytest.raises(AnalysisError, match="differ"):
        rake(GROUPS, {"size": {"a": 0.5, "b": 0.3, "c": 0.1, "d": 0.1}})
    with pytest.raises(AnalysisError, match="differ"):
        rake(GROUPS, {"size": {"a": 0.5, "b": 0.5}})
    linked = pd.DataFrame({"size": ["a", "b"] * 5, "lang": ["x", "y"] * 5})
    with pytest.raises(AnalysisError, match="all margins at once"):
        rake(linked, {"size": {"a": 0.2, "b": 0.8}, "lang": {"x": 0.6, "y": 0.4}})


def test_weighted_mean_and_rank_correlation_agree_with_r() -> None:
    weights = pd.Series(R["weights"])
    result = weighted_mean(pd.Series(R["y"]), weights)
    assert result.estimate == pytest.approx(R["mean"], rel=1e-12)
    half = stats.t.ppf(0.975, R["effective_n"] - 1) * R["error"]
    assert (result.high - result.low) / 2 == pytest.approx(half, rel=1e-9)
    share = weighted_mean(pd.Series(R["y"]) > 5, weights, share=True)
    assert [share.estimate, share.low, share.high] == pytest.approx(R["share"], rel=1e-9)
    x, y = np.array(R["x"], dtype=float), np.array(R["y"], dtype=float)
    correlation, z = weighted_rank_z(x, y, weights.to_numpy()[None])
    assert correlation[0] == pytest.approx(R["correlation"], rel=1e-9)
    assert z[0] == pytest.approx(R["z"], rel=1e-9)
    plain = weighted_rank_z(x, y, np.ones((1, len(x))))[0][0]
    assert plain == pytest.approx(stats.spearmanr(x, y).statistic, rel=1e-9)


@pytest.mark.slow
def test_the_interval_of_a_weighted_share_stays_a_share_and_covers() -> None:
    few = pd.Series([1.0] * 3 + [0.0] * 17)
    heavy = pd.Series([1.0] * 17 + [6.0] * 3)
    result = weighted_mean(few, heavy, share=True)
    assert 0 < result.low < result.estimate < result.high < 1
    assert weighted_mean(few, heavy).low < 0
    rng = np.random.default_rng(3)
    truth, covered, runs = 0.15, 0, 1000
    for _ in range(runs):
        weights = pd.Series(rng.lognormal(sigma=0.5, size=100))
        got = weighted_mean(pd.Series(rng.random(100) < truth), weights, share=True)
        covered += got.low <= truth <= got.high
    assert abs(covered / runs - 0.95) < 0.025, covered


def test_a_reading_tips_where_two_groups_disagree(codebook: Codebook, plan: AnalysisPlan) -> None:
    """Concern goes with knowledge among English answers only, not among German ones."""
    rng = np.random.default_rng(1)
    n = 200
    knowledge = rng.integers(0, 5, n).astype(float)
    english = np.arange(n) < 150
    concern = np.where(english, knowledge, 0) + rng.normal(size=n)
    data = pd.DataFrame({"concern_scale": concern, "prior_knowledge": knowledge})
    responses = pd.DataFrame({"language": np.where(english, "en", "de")})
    chosen = [entry for entry in plan.hypotheses if entry.id == "K1"]
    results = hyp.PlanResults(pd.DataFrame([{"id": "K1", "p": 0.001, "p_adjusted": 0.003}]), {})
    given = (chosen, results, responses, data, ["language"], codebook)
    table = representation.tipping_table(*given, alpha=0.05)
    row = table.iloc[0]
    assert (row["found"], row["n"]) == ("found", n)
    tipping_english = row["tipping"] if row["option"] == "en" else 1 - row["tipping"]
    assert tipping_english < 0.3
    said = representation.describe_tipping(table)
    assert "mean concern by prior knowledge (K1): found, n = 200" in said
    # Where both groups agree, no share changes the reading.
    data["concern_scale"] = knowledge + rng.normal(size=n)
    firm = representation.tipping_table(*given, alpha=0.05)
    assert firm["tipping"].isna().all()
    assert representation.describe_tipping(firm) == (
        "mean concern by prior knowledge (K1) would read the same at any share"
    )
    # A group of fewer than ten is not moved.
    responses["language"] = ["de"] * 9 + ["en"] * 191
    few = representation.tipping_table(*given, alpha=0.05).iloc[0]
    assert few["option"] == "none" and few["options"] == 0


def test_design_effects_divide_z_and_correct_again() -> None:
    table = pd.DataFrame({
        "id": ["A", "B", "C"], "family": ["F", "F", "G"], "label": "Y ~ x", "n": 100,
        "p": [0.001, 0.02, 0.2],
    })  # fmt: skip
    got = representation.design_effect_table(hyp.PlanResults(table, {}), alpha=0.05)
    assert got["deff_1"].tolist() == pytest.approx([0.002, 0.02, 0.2])
    halved = 2 * stats.norm.sf(stats.norm.isf(0.01) / np.sqrt(2))
    assert got["deff_2"].iloc[1] == pytest.approx(halved)
    assert got["effective_n"].tolist() == [50, 50, 50]
    assert np.isnan(got["lost_at"].iloc[0]) and got["lost_at"].iloc[1] == 1.5
    said = representation.describe_design_effects(got, alpha=0.05)
    assert said == "Y by x (A) stays found; Y by x (B), n = 100, is lost at 1.50"
    nothing = representation.describe_design_effects(got.tail(1), alpha=0.05)
    assert nothing.startswith("nothing is found")


def test_assumed_margins_are_checked_and_say_that_they_are_assumed(
    codebook: Codebook, tmp_path: Path
) -> None:
    shipped = (ROOT / "data" / "assumed_margins.yml").read_text("utf-8")
    loaded = representation.load_margins(ROOT / "data" / "assumed_margins.yml", codebook)
    assert len(loaded) >= 3 and "none is a\n# statistic" in shipped
    for old, new, problem in (
        ('"5": 0.04', '"5": 0.14', "add up to 1"),
        ('"5": 0.04', '"9": 0.04', "no such response option"),
    ):
        path = tmp_path / "margins.yml"
        path.write_text(shipped.replace(old, new), "utf-8")
        with pytest.raises(InputError, match=problem):
            representation.load_margins(path, codebook)
    path.write_text(shipped.replace("org_size:", "other_survey:"), "utf-8")
    assert {entry.id for entry in representation.load_margins(path, codebook)} == {"early_and_new"}


def _compared(codebook: Codebook, shift: float, second: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    late = np.arange(80 + second) >= 80
    data = pd.DataFrame({"concern_scale": np.round(rng.normal(size=len(late)) + shift * late, 2)})
    groups = {"Late or early": pd.Series(np.where(late, "late", "early"))}
    return nonresponse.compare_groups(groups, data, codebook, seed=1, resamples=199)


@pytest.mark.slow
def test_comparisons_say_which_way_and_are_silent_on_few(codebook: Codebook) -> None:
    up = nonresponse.describe_comparisons(_compared(codebook, 1.5), alpha=0.05)
    assert "“Mean concern” (higher for late, n = 140)" in up
    down = nonresponse.describe_comparisons(_compared(codebook, -1.5), alpha=0.05)
    assert "“Mean concern” (lower for late, n = 140)" in down
    none = nonresponse.describe_comparisons(_compared(codebook, 0), alpha=0.05)
    assert "none of 1 variables is shown to differ (n = 140 to 140)" in none
    assert _compared(codebook, 3, second=9).empty
    assert nonresponse.describe_comparisons(_compared(codebook, 3, second=9), alpha=0.05)


@pytest.mark.slow
def test_dont_know_is_counted_per_question_and_modelled_by_sign(codebook: Codebook) -> None:
    missing = missing_kinds(read_export(ROOT / "data/raw/standin.csv", codebook), codebook)
    counts, questions = nonresponse.dont_know_counts(missing, codebook)
    assert counts.max() <= questions and len(counts) == len(missing)
    rng = np.random.default_rng(3)
    level = pd.Series(rng.integers(0, 5, 150), dtype=float)
    for slope, word in ((0.8, "more often"), (-0.8, "less often")):
        chance = 1 / (1 + np.exp(2 - slope * (level - 2)))
        said = pd.Series(rng.binomial(20, chance), dtype=float)
        table = nonresponse.dont_know_table(
            said, 20, level.to_frame("knowledge"), {"knowledge": "Knowledge"}
        )
        assert np.log(table["estimate"].item()) == pytest.approx(slope, abs=0.15)
        assert word in nonresponse.describe_dont_know(table, alpha=0.05)
    empty = nonresponse.dont_know_table(said * 0, 20, level.to_frame("k"), {"k": "K"})
    assert nonresponse.describe_dont_know(empty, alpha=0.05) == "not examined"
