"""The plan is run as it is written: dispatch, corrections, joint models, nulls, missing answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from mlsec_survey.analysis import hypotheses as hyp
from mlsec_survey.analysis import null_results
from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.base.synthetic import SYNTHETIC_SHORT
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.plan import AnalysisPlan, load_plan
from mlsec_survey.stats import categorical, counts, logistic, ordinal, rank_tests
from mlsec_survey.stats.bayes_factor import bayes_factor, conditional_log_likelihood
from mlsec_survey.stats.multiplicity import benjamini_hochberg, holm
from mlsec_survey.stats.tests import TESTS

ROOT = Path(__file__).resolve().parent.parent
SEED, RESAMPLES = 11, 299


@pytest.fixture(scope="module")
def plan(codebook: Codebook) -> AnalysisPlan:
    return load_plan(ROOT / "data" / "analysis_plan.yml", codebook)


@pytest.fixture
def changed_plan(tmp_path: Path, codebook: Codebook) -> Callable[..., AnalysisPlan]:
    def load(change: Callable[[dict[str, Any]], None]) -> AnalysisPlan:
        content = yaml.safe_load((ROOT / "data/analysis_plan.yml").read_text(encoding="utf-8"))
        change(content)
        path = tmp_path / "plan.yml"
        path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
        return load_plan(path, codebook)

    return load


@pytest.fixture(scope="module")
def responses(codebook: Codebook) -> pd.DataFrame:
    """Answers with two effects built in: defences go with exposure, concern with knowledge."""
    rng = np.random.default_rng(1)
    n = 139
    frame = pd.DataFrame(
        {
            "exposure": (rng.random(n) < 0.26).astype(int),
            "org_size": rng.integers(1, 6, n),
            "maturity": rng.integers(1, 6, n),
            "team_size": rng.integers(1, 5, n),
            "security_practice": rng.integers(1, 5, n),
            "industry": pd.Categorical(rng.choice(["software", "finance", "health"], n)),
            "role": pd.Categorical(rng.choice(["research", "security", "management"], n)),
            "experience": rng.integers(1, 6, n),
            "prior_knowledge": rng.integers(0, 5, n),
            "security_knowledge": rng.integers(0, 5, n),
            "target_likelihood": rng.integers(1, 6, n),
            "defence__monitoring": pd.Categorical(rng.choice(["yes", "no"], n)),
        }
    )
    first, *others = (part.name for part in codebook.parts("occurrence").values())
    frame[first] = frame["exposure"].map({0: "no", 1: "yes"})
    for name in others:
        frame[name] = "no"
    frame["defence_count"] = rng.binomial(10, 0.3 + 0.25 * frame["exposure"])
    noise = rng.normal(0, 0.5, (2, n))
    for name, extra in zip(("concern_scale", "relevance_scale"), noise, strict=True):
        frame[name] = np.clip(np.round((2 + frame["prior_knowledge"] / 3 + extra) * 6) / 6, 1, 5)
    integers = frame.select_dtypes("integer").columns
    frame[list(integers)] = frame[list(integers)].astype("Int64")
    frame.loc[:5, "org_size"] = pd.NA
    frame.loc[3:9, "target_likelihood"] = pd.NA
    return frame


@pytest.fixture(scope="module")
def data(responses: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    return hyp.analysis_data(responses, codebook, list(responses))


@pytest.fixture(scope="module")
def confirmatory(plan: AnalysisPlan, data: pd.DataFrame, codebook: Codebook) -> hyp.PlanResults:
    return hyp.run_plan(plan, data, codebook, kind="confirmatory", seed=SEED, resamples=RESAMPLES)


# Variables and tests


def test_variables_take_the_form_that_tests_need(
    responses: pd.DataFrame, data: pd.DataFrame
) -> None:
    assert data["org_size"].dtype == "float64" and data["org_size"].isna().sum() == 6
    assert not data["industry"].cat.ordered
    ticked = responses["defence__monitoring"] == "yes"
    assert data["defence__monitoring"].tolist() == ticked.astype(float).tolist()


def test_a_name_runs_its_own_function(data: pd.DataFrame) -> None:
    rare, size = data["exposure"], data["org_size"]
    defences, concern = data["defence_count"], data["concern_scale"]
    knowledge = data["prior_knowledge"]
    rng = np.random.default_rng
    pairs = {
        "trend_permutation": (rare, size, categorical.trend_permutation(rare, size)),
        "firth_logistic": (rare, size, logistic.firth_logistic(rare, size)),
        "fisher_exact": (
            rare,
            data["defence__monitoring"],
            categorical.fisher_exact(rare, data["defence__monitoring"]),
        ),
        "brunner_munzel": (
            defences,
            rare,
            rank_tests.brunner_munzel(defences, rare, rng=rng(3), resamples=99),
        ),
        "kendall_tau_b": (
            concern,
            knowledge,
            rank_tests.kendall_tau_b(concern, knowledge, rng=rng(3), resamples=99),
        ),
        "proportional_odds": (concern, knowledge, ordinal.proportional_odds(concern, knowledge)),
        "quasi_binomial": (
            defences,
            rare,
            counts.quasi_binomial(defences, rare, trials=10),
        ),
        "quasi_poisson": (defences, rare, counts.quasi_poisson(defences, rare)),
    }
    for name, (outcome, predictor, want) in pairs.items():
        got = TESTS[name].run(outcome, predictor, rng=rng(3), resamples=99, trials=10)
        assert (got.estimate, got.p, got.method) == (want.estimate, want.p, want.method), name


# The whole plan


def test_confirmatory_and_exploratory_never_share_a_table(
    plan: AnalysisPlan, data: pd.DataFrame, codebook: Codebook, confirmatory: hyp.PlanResults
) -> None:
    exploratory = hyp.run_plan(
        plan, data, codebook, kind="exploratory", seed=SEED, resamples=RESAMPLES
    )
    assert list(confirmatory.table["id"]) == [h.id for h in plan.of_kind("confirmatory")]
    assert list(exploratory.table["id"]) == [h.id for h in plan.of_kind("exploratory")]
    p = exploratory.table["p"].to_numpy()
    assert exploratory.table["p_adjusted"].to_numpy() == pytest.approx(benjamini_hochberg(p))


def test_holm_works_within_each_family(confirmatory: hyp.PlanResults) -> None:
    for _, part in confirmatory.table.groupby("family"):
        assert part["p_adjusted"].to_numpy() == pytest.approx(holm(part["p"].to_numpy()))
    table = confirmatory.table.set_index("id")
    assert table.loc["D1", "p_adjusted"] < 0.05 and table.loc["K1", "p_adjusted"] < 0.05
    assert table.loc["E1", "missing"] == 6 and table.loc["E1", "n"] == 133


def test_a_further_hypothesis_is_one_entry_and_changes_no_other(
    changed_plan: Callable[..., AnalysisPlan],
    data: pd.DataFrame,
    codebook: Codebook,
    confirmatory: hyp.PlanResults,
) -> None:
    entry = {
        "id": "D9",
        "family": "D",
        "label": "Number of defences ~ security knowledge",
        "outcome": "defence_count",
        "predictor": "security_knowledge",
        "direction": "positive",
        "test": "spearman",
        "sesoi": {"effect": "tau_b", "value": 0.15, "reason": "as elsewhere"},
    }
    larger = changed_plan(lambda content: content["hypotheses"].append(entry))
    results = hyp.run_plan(
        larger, data, codebook, kind="confirmatory", seed=SEED, resamples=RESAMPLES
    )
    assert results.table["id"].iloc[-1] == "D9"
    assert results.results["D9"].effect == "Spearman's rho"
    # The plan states tau-b, the test gives rho: there is no range to compare with.
    assert math.isnan(results.table["sesoi_low"].iloc[-1])
    before = confirmatory.table.set_index("id")["p"]
    assert results.table.set_index("id")["p"].loc[before.index].tolist() == before.tolist()


@pytest.mark.slow
def test_what_cannot_be_tested_is_said_and_not_counted(
    plan: AnalysisPlan, data: pd.DataFrame, codebook: Codebook
) -> None:
    constant = data.assign(exposure=0.0)
    results = hyp.run_plan(
        plan, constant, codebook, kind="confirmatory", seed=SEED, resamples=RESAMPLES
    )
    table = results.table.set_index("id")
    assert "same for all" in table.loc["E1", "notes"] and math.isnan(table.loc["E1", "p"])
    assert table.loc["D2", "p_adjusted"] == table.loc["D2", "p"]
    assert "E1" not in results.results
    assert len(hyp.forest_table(results.table)) == 4
    multiplicity = hyp.multiplicity_table(plan, constant, results, seed=SEED, resamples=99)
    assert multiplicity.set_index("id").loc["E1":"E5", "p_westfall_young"].isna().all()
    readings = null_results.null_readings(plan.of_family("E"), results, constant, codebook)
    assert readings.empty
    sentence = null_results.sentence_on(
        plan.of_family("E"), readings, constant, codebook, synthetic=False
    )
    assert sentence == "No hypothesis on threat exposure could be tested on these answers."
    joint = hyp.joint_model_table(plan.joint_models, constant, codebook)
    of_exposure = joint[joint["model"].isin(["EJ", "DJ"])]
    assert of_exposure["notes"].str.startswith("not fitted").all()
    handling = hyp.missing_handling_table(
        plan,
        constant,
        responses,
        pd.DataFrame(index=constant.index),
        codebook,
        seed=SEED,
        imputations=2,
    )
    assert handling.loc[handling["id"] == "E1", "notes"].str.startswith("not compared").all()


def test_westfall_young_stands_beside_holm(
    plan: AnalysisPlan, data: pd.DataFrame, confirmatory: hyp.PlanResults
) -> None:
    table = hyp.multiplicity_table(plan, data, confirmatory, seed=SEED, resamples=RESAMPLES)
    assert table["p_holm"].tolist() == confirmatory.table["p_adjusted"].tolist()
    for _, part in table.groupby("family"):
        assert (part["p_family"] == part["p_westfall_young"].min()).all()
    by_id = table.set_index("id")
    assert by_id.loc["D1", "p_westfall_young"] < 0.05 < by_id.loc["E1", "p_westfall_young"]


def test_joint_model_reports_each_predictor_and_all(
    plan: AnalysisPlan, data: pd.DataFrame, codebook: Codebook
) -> None:
    table = hyp.joint_model_table(plan.joint_models[:1], data, codebook)
    fit = logistic.firth_logistic_model(
        data["exposure"], data[list(plan.joint_models[0].predictors)]
    )
    assert list(table["label"][:2]) == ["Organisation size", "Maturity of ML use"]
    assert table["label"].iloc[-1] == "All predictors at once"
    assert table["p"].iloc[-1] == fit.joint.p and table["n"].eq(fit.n).all()
    assert table["estimate"].iloc[0] == fit.terms["org_size"].estimate


def test_words_for_effects_and_absent_families(
    plan: AnalysisPlan, codebook: Codebook, confirmatory: hyp.PlanResults
) -> None:
    on = hyp.hypotheses_on(plan, "tifs2023.defences")
    assert [h.id for h in on] == ["D1", "D2"]
    d1 = confirmatory.results["D1"]
    text = hyp.effect_on(on, confirmatory, codebook, "threat exposure")
    assert text == (
        f"probability of superiority {d1.estimate:.2f} "
        f"(95 % interval {d1.low:.2f} to {d1.high:.2f}; n = {d1.n})"
    )
    assert hyp.effect_on([], confirmatory, codebook, "x") == "not examined by this plan"
    assert hyp.hypotheses_on(plan, "no.such_fact") == []


# Shapes behind an effect


def test_means_by_level_join_sparse_levels() -> None:
    predictor = pd.Series([1.0] * 6 + [2.0] * 3 + [3.0] * 8 + [4.0] * 2)
    outcome = pd.Series(np.arange(19.0))
    table = hyp.mean_by_level(outcome, predictor, {1: "a", 2: "b", 3: "c", 4: "d"})
    assert list(table["label"]) == ["a – b", "c – d"]
    assert list(table["n"]) == [9, 10]
    assert table["mean"].tolist() == [4.0, 13.5]
    # t interval of nine numbers 0 … 8: 4 ± 2.306 · 2.739 / 3
    assert table["low"].iloc[0] == pytest.approx(4 - 2.306004 * math.sqrt(7.5) / 3, rel=1e-6)


def test_count_models_say_which_was_chosen_and_why(
    plan: AnalysisPlan, data: pd.DataFrame, codebook: Codebook
) -> None:
    table = hyp.count_model_table(plan.of_family("D"), data, codebook, confidence=0.95)
    first = table.groupby("id").first()
    assert (first["chosen"] == "yes").all() and (
        first["model"] == "quasi-binomial regression"
    ).all()
    assert first["notes"].str.contains("of 10 possible").all()
    want = counts.quasi_binomial(data["defence_count"], data["exposure"], trials=10)
    assert first.loc["D1", "estimate"] == want.estimate
    words = hyp.describe_count_models(table)
    assert words.count("of 10 possible") == 2 and "overdispersion" not in words
    assert hyp.count_model_table(plan.of_family("E"), data, codebook, confidence=0.95).empty


def test_proportional_odds_falls_back_where_the_assumption_fails(
    plan: AnalysisPlan, data: pd.DataFrame, codebook: Codebook
) -> None:
    k3 = plan.hypothesis("K3")
    rng = np.random.default_rng(5)
    knowledge = rng.integers(0, 5, 400).astype(float)
    # Knowledge splits the low levels and says nothing about the high ones.
    low = rng.random(400) < 1 / (1 + np.exp(-2 + 1.5 * knowledge))
    rating = np.where(low, rng.integers(1, 3, 400), rng.integers(3, 6, 400)).astype(float)
    wrong = pd.DataFrame({"target_likelihood": rating, "prior_knowledge": knowledge})
    table = hyp.proportional_odds_table([k3], wrong, codebook)
    assert table["reading"].iloc[0] == "the odds ratio changes with the threshold"
    assert table["reading"].iloc[1] == "above merged level 1" and len(table) > 3
    partial = ordinal.partial_proportional_odds(
        wrong["target_likelihood"], wrong["prior_knowledge"], varying=["prior_knowledge"]
    )
    assert table["estimate"].iloc[1] == pytest.approx(
        math.exp(partial.coefficients["estimate"].iloc[0])
    )
    holds = hyp.proportional_odds_table(plan.of_family("K"), data, codebook)
    assert list(holds["id"].unique()) == ["K1", "K2", "K3"]


# Nulls


@pytest.mark.slow
def test_readings_put_four_answers_side_by_side(
    plan: AnalysisPlan, data: pd.DataFrame, codebook: Codebook, confirmatory: hyp.PlanResults
) -> None:
    readings = null_results.null_readings(plan.of_family("E"), confirmatory, data, codebook)
    e1 = readings.set_index("id").loc["E1"]
    narrow = categorical.trend_permutation(
        data["exposure"], data["org_size"], confidence=1 - 2 * 0.05 / 5
    )
    assert (e1["low"], e1["high"]) == (narrow.low, narrow.high)
    # One rule: equivalence is judged after Holm, as findings are.
    adjusted = holm(readings["p_equivalence"].to_numpy())
    assert readings["p_equivalence_adjusted"].to_numpy() == pytest.approx(adjusted)
    shown = readings["p_equivalence_adjusted"] < 0.05
    assert ((readings["verdict"] == "no effect of interest") == shown).all()
    # At the first step the simultaneous interval decides the same.
    inside = narrow.low > 1 / 1.5 and narrow.high < 1.5
    assert inside == (e1["p_equivalence"] < 0.05 / 5)
    found = TESTS["trend_permutation"].detects(data["exposure"], data["org_size"], alpha=0.01)
    assert e1["detectable"] == found.value
    plain = TESTS["trend_permutation"].detects(data["exposure"], data["org_size"])
    assert e1["detectable_uncorrected"] == plain.value < found.value
    likelihood = conditional_log_likelihood(data["exposure"], data["org_size"])
    assert e1["bf01"] == bayes_factor(likelihood, math.log(1.5), bound=math.log(1.5))
    e2 = readings.set_index("id").loc["E2"]
    assert e2["bf01"] > 0 and math.isnan(e2["bf01_cauchy"]) and e2["low"] >= 0


@pytest.mark.slow
def test_bayes_curves_pass_through_the_factor_of_the_table(
    plan: AnalysisPlan, data: pd.DataFrame, codebook: Codebook, confirmatory: hyp.PlanResults
) -> None:
    family = plan.of_family("E")
    curves = null_results.bayes_curves(family, confirmatory, data, widths=(0.25, 1.0, 3.0))
    assert curves["hypothesis"].iloc[0] == "E1 organisation size"
    readings = null_results.null_readings(family, confirmatory, data, codebook)
    at_one = curves.loc[curves["scale"] == 1.0, "bf01"].to_numpy()
    assert at_one == pytest.approx(readings["bf01"].to_numpy())
    assert np.isfinite(curves["bf01"]).all()


READINGS = pd.DataFrame(
    {
        "predictor": ["Organisation size", "ML team size", "Industry"],
        "effect": ["odds ratio", "odds ratio", "Cramér's V"],
        "verdict": ["no effect of interest", "open", "open"],
        "p_equivalence": [0.001, 0.03, 0.2],
        "detectable": [1.61, 1.86, 0.33],
        "detectable_uncorrected": [1.51, 1.66, 0.28],
        "p_adjusted": [1.0, 0.7, 0.4],
        "estimate": [1.1, 0.9, 0.1],
        "n": [134, 133, 131],
    }
)


def test_the_sentence_claims_neither_too_much_nor_too_little() -> None:
    sentence = null_results.null_sentence(READINGS, "threat exposure", n=139, cases=36)
    assert sentence == (
        "Among 139 respondents, 36 with threat exposure, no association of threat exposure with "
        "organisation size, ML team size or industry was found (smallest adjusted p = 0.400); "
        "effects of the size of interest are ruled out, after correction, for 1 of these 3 "
        "predictors (one test at a time for 2); only from an odds ratio per step of 1.6 to 1.9 and "
        "a Cramér's V of 0.33 upwards was the chance to find one, after correction, at least 80 % "
        "(before it from 1.5 to 1.7 and 0.28), so this is no proof that there is none."
    )


def test_the_sentence_does_not_hide_a_finding() -> None:
    some = READINGS.assign(p_adjusted=[0.001, 0.7, 0.4])
    sentence = null_results.null_sentence(some, "threat exposure", n=139)
    assert "of threat exposure with organisation size (odds ratio 1.10, n = 134) was" in sentence
    assert "and none with ML team size or industry" in sentence
    assert "for none of the 2 predictors without a finding (one test at a time for 1)" in sentence
    every = null_results.null_sentence(READINGS.assign(p_adjusted=0.01), "threat exposure", n=139)
    assert "no proof" not in every and "none with" not in every


def test_the_sentence_says_what_no_sample_like_this_one_could_have_shown() -> None:
    mixed = READINGS.assign(detectable=[1.61, math.inf, math.inf])
    sentence = null_results.null_sentence(mixed, "threat exposure", n=30)
    assert "∞" not in sentence
    assert (
        "only from an odds ratio per step of 1.6 upwards was the chance to find one, after "
        "correction, at least 80 % (before it from 1.5); for ML team size or industry no effect, "
        "however large, had a chance of at least 80 % to be found after correction, so this is no "
        "proof that there is none."
    ) in sentence
    none = null_results.null_sentence(READINGS.assign(detectable=math.inf), "threat exposure", n=12)
    assert "however large" in none and "only from" not in none


def test_the_sentence_names_what_could_not_be_tested() -> None:
    sentence = null_results.null_sentence(READINGS, "exposure", n=12, untested=["Industry", "Role"])
    assert sentence.endswith("; industry and role could not be tested on these answers.")


def test_what_is_left_open_counts_what_could_not_be_tested(plan: AnalysisPlan) -> None:
    entries = plan.of_family("E")
    readings = READINGS.assign(id=["E1", "E4", "E2"])
    assert null_results.left_open(entries, readings) == len(entries) - 1
    found = readings.assign(p_adjusted=[1.0, 0.01, 0.4])
    assert null_results.left_open(entries, found) == len(entries) - 2
    assert math.isnan(null_results.left_open([], readings))


def test_a_sparse_table_leaves_equivalence_and_evidence_open(
    plan: AnalysisPlan, data: pd.DataFrame, codebook: Codebook
) -> None:
    rare = data.assign(exposure=(np.arange(len(data)) < 3).astype(float))
    results = hyp.run_plan(plan, rare, codebook, kind="confirmatory", seed=SEED, resamples=99)
    e2 = results.results["E2"]
    assert (e2.low, e2.high) == (0.0, 1.0) and e2.p <= 1
    shown = results.table.set_index("id").loc["E2"]
    assert math.isnan(shown["low"]) and math.isnan(shown["high"])
    row = (
        null_results.null_readings(plan.of_family("E"), results, rare, codebook)
        .set_index("id")
        .loc["E2"]
    )
    assert row["verdict"] == "open" and row["p_equivalence"] > 0.05 and math.isnan(row["bf01"])
    words = null_results.describe_sparse_tables(results)
    assert words.startswith("For exposure by industry (E2) an expected count is below 1")


def test_a_quoted_sentence_carries_the_stand_in_label() -> None:
    sentence = null_results.null_sentence(READINGS, "threat exposure", n=139, synthetic=True)
    assert sentence.startswith(SYNTHETIC_SHORT)


# Missing answers


def test_each_handling_of_missing_answers_is_run(
    plan: AnalysisPlan,
    data: pd.DataFrame,
    responses: pd.DataFrame,
    codebook: Codebook,
    confirmatory: hyp.PlanResults,
) -> None:
    missing = pd.DataFrame("answered", index=data.index, columns=data.columns)
    missing.loc[:3, "org_size"] = "dont_know"
    missing.loc[4:5, "org_size"] = "prefer_not"
    missing.loc[3:9, "target_likelihood"] = "dont_know"
    table = hyp.missing_handling_table(
        plan,
        data,
        responses,
        missing,
        codebook,
        seed=SEED,
        resamples=RESAMPLES,
        imputations=3,
        iterations=2,
    )
    size = table[table["id"] == "E1"].set_index("handling")
    assert list(size.index) == [
        "complete cases",
        "don't know as lowest level",
        "don't know as highest level",
        "don't know as separate level",
        "multiple imputation",
    ]
    assert list(size["n"]) == [133, 137, 137, 137, 139]
    assert size.loc["complete cases", "p"] == confirmatory.results["E1"].p
    lowest = data["org_size"].mask(missing["org_size"] == "dont_know", 0.0)
    want = categorical.trend_permutation(data["exposure"], lowest)
    assert size.loc["don't know as lowest level", "estimate"] == pytest.approx(want.estimate)
    assert size.loc["don't know as separate level", "effect"] == "Cramér's V"
    # Nothing is missing: there is nothing to handle.
    assert list(table.loc[table["id"] == "D1", "handling"]) == ["complete cases"]


def test_an_unknown_variable_is_no_analysis_error(data: pd.DataFrame) -> None:
    with pytest.raises(AnalysisError, match="same for all"):
        TESTS["kendall_tau_b"].run(data["exposure"] * 0, data["org_size"])


def test_found_counts_adjusted_p_values_in_the_predicted_direction(
    plan: AnalysisPlan, codebook: Codebook
) -> None:
    entries = [entry for entry in plan.hypotheses if entry.id in ("D1", "D2", "E1", "K1")]
    table = pd.DataFrame(
        {
            "id": ["E1", "D1", "D2", "K1"],
            "p_adjusted": [0.01, 0.01, 0.01, 0.2],
            "estimate": [0.5, 0.7, -0.3, 0.4],
            "null": [1.0, 0.5, 0.0, 0.0],
        }
    )
    results = hyp.PlanResults(table, {})
    assert hyp.found_among(entries, results) == 2  # D2 points the other way, K1 is not significant
    assert hyp.found_among(entries, results, alpha=0.005) == 0
    table["p_adjusted"] = math.nan
    assert math.isnan(hyp.found_among(entries, results))  # nothing was tested: nothing looked for
    assert math.isnan(hyp.found_among([], results))


def test_respondents_of_several_hypotheses_are_a_range(plan, data, codebook) -> None:
    entries = plan.of_kind("confirmatory")
    results = hyp.run_plan(plan, data, codebook, kind="confirmatory", seed=1, resamples=49)
    n = results.table["n"]
    assert hyp.respondents_in(entries, results) == f"{n.min()} to {n.max()}"
    assert hyp.respondents_in(entries[:1], results) == str(n.iloc[0])
    assert hyp.respondents_in([], results) == "not examined by this plan"


@pytest.mark.slow
def test_unknown_exposure_is_imputed_by_parts_and_bounded(
    plan: AnalysisPlan, responses: pd.DataFrame, codebook: Codebook
) -> None:
    """Twenty without a report do not know of one attack, which leaves their exposure unknown."""
    names = [part.name for part in codebook.parts("occurrence").values()]
    answers, unsure = responses.copy(), responses.index[responses["exposure"] == 0][:20]
    answers.loc[unsure, names[-1]] = np.nan
    # Somebody met that attack, so that it can be imputed.
    met = responses.index[responses["exposure"] == 1][:5]
    answers.loc[met, names[-1]] = "yes"
    answers["exposure"] = responses["exposure"].mask(responses.index.isin(unsure))
    data = hyp.analysis_data(answers, codebook, hyp.plan_variables(plan))
    missing = pd.DataFrame("answered", index=data.index, columns=data.columns)
    table = hyp.missing_handling_table(
        plan, data, answers, missing, codebook, seed=SEED, resamples=99, imputations=5, iterations=2
    )
    rows = table[table["id"] == "D1"].set_index("handling")
    assert list(rows.index) == [
        "complete cases",
        "multiple imputation",
        "unknown as none",
        "unknown as met",
    ]
    n = len(data)
    assert list(rows["n"]) == [n - 20, n, n, n]
    filled = data.assign(exposure=data["exposure"].fillna(1.0))
    want = hyp.run_hypothesis(plan.hypothesis("D1"), filled, codebook)
    assert rows.loc["unknown as met", "estimate"] == pytest.approx(want.estimate)
    between = sorted(rows.loc[["unknown as none", "unknown as met"], "estimate"])
    imputed = rows.loc["multiple imputation", "estimate"]
    assert between[0] - 1e-9 <= imputed <= between[1] + 1e-9


def test_joint_permutations_are_fewer_only_where_respondents_are_many() -> None:
    assert hyp.joint_permutations(9_999, 139) == 9_999
    assert hyp.joint_permutations(9_999, 0) == 9_999
    assert 999 < hyp.joint_permutations(9_999, 13_900) < 9_999
    assert hyp.joint_permutations(9_999, 1_000_000) == 999
    assert hyp.joint_permutations(99, 1_000_000) == 99
