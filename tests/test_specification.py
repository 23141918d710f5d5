"""Specification curves against direct calls of each test; inference by simulation of the null."""

import itertools
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.multitest import multipletests

from mlsec_survey.analysis import hypotheses, multiverse
from mlsec_survey.analysis.multiverse import _partial
from mlsec_survey.base.errors import AnalysisError, InputError
from mlsec_survey.instrument.plan import load_plan
from mlsec_survey.responses.exclusions import apply_exclusions, candidates
from mlsec_survey.responses.missing import missing_kinds
from mlsec_survey.responses.readers import read_export
from mlsec_survey.stats import rank_tests
from mlsec_survey.stats.tables import t_deviate
from mlsec_survey.stats.tests import TESTS

ROOT = Path(__file__).resolve().parents[1]


def run(function, tasks):
    return [function(task, np.random.default_rng([3, k])) for k, task in enumerate(tasks)]


@pytest.fixture(scope="module")
def plan(codebook):
    return load_plan(ROOT / "data/analysis_plan.yml", codebook)


@pytest.fixture(scope="module")
def choices(codebook):
    return multiverse.load_specifications(ROOT / "data/specifications.yml", codebook)


@pytest.fixture(scope="module")
def answers(codebook):
    raw = read_export(ROOT / "data/raw/standin.csv", codebook)
    kept, _ = apply_exclusions(raw, codebook)
    return candidates(raw, codebook), missing_kinds(kept, codebook)


@pytest.fixture(scope="module")
def curves(plan, answers, codebook, choices):
    spaces = {
        entry.id: multiverse.specification_space(entry, *answers, codebook, choices)
        for entry in plan.hypotheses
    }
    return {key: (space, multiverse.specification_curve(space)) for key, space in spaces.items()}


def at(curve, **chosen):
    wanted = {
        "exclusions": "as planned", "missing": "complete cases", "outcome": "as planned",
        "predictor": "as planned", "covariates": "none",
    } | chosen  # fmt: skip
    for column, value in wanted.items():
        curve = curve[curve[column] == value]
    return curve.set_index("test")


LARGE_SAMPLE = {  # tests whose large-sample p-value a curve uses, by the name it shows
    "Kendall's tau-b": "kendall_tau_b",
    "Spearman's rho": "spearman",
    "Brunner–Munzel": "brunner_munzel",
    "Firth logistic regression": "firth_logistic",
    "quasi-Poisson regression": "quasi_poisson",
    "quasi-binomial regression": "quasi_binomial",
}


@pytest.mark.slow
def test_planned_specifications_are_direct_calls(curves, plan, answers, codebook):
    candidates, _ = answers
    kept = candidates[candidates["exclusion"].isna()]
    data = hypotheses.analysis_data(kept, codebook)
    checked = set()
    for key, (_, curve) in curves.items():
        entry = plan.hypothesis(key)
        for name, row in at(curve).iterrows():
            if name not in LARGE_SAMPLE:
                continue
            result = TESTS[LARGE_SAMPLE[name]].run(
                data[entry.outcome], data[entry.predictor],
                trials=codebook.variable(entry.outcome).largest_count,
            )  # fmt: skip
            assert row["n"] == result.n, (key, name)
            assert row["p"] == pytest.approx(result.p, rel=1e-7, abs=1e-10), (key, name)
            sign = np.sign(result.estimate - result.null)
            r = sign * stats.norm.isf(result.p / 2) / math.sqrt(result.n - 1)
            assert row["estimate"] == pytest.approx(r, rel=1e-6, abs=1e-9), (key, name)
            checked.add(name)
    assert checked == set(LARGE_SAMPLE)


def test_correlations_of_score_tests_are_correlations(curves, plan, answers, codebook):
    candidates, _ = answers
    data = hypotheses.analysis_data(candidates[candidates["exclusion"].isna()], codebook)
    pair = data[["exposure", "org_size"]].dropna()
    r = np.corrcoef(pair["exposure"], pair["org_size"])[0, 1]
    row = at(curves["E1"][1])
    assert row.loc["Cochran–Armitage trend", "estimate"] == pytest.approx(r, rel=1e-9)
    assert row.loc["linear regression", "estimate"] == pytest.approx(r, rel=1e-9)
    assert row.loc["linear regression", "p"] == pytest.approx(stats.pearsonr(*pair.T.to_numpy())[1])
    pair = data[["target_likelihood", "prior_knowledge"]].dropna()
    ranks = stats.rankdata(pair["target_likelihood"])
    share = pair["target_likelihood"].value_counts(normalize=True)
    inflate = (ranks.var() * 12 / len(pair) ** 2) / (1 - (share**3).sum())
    z = math.sqrt(len(pair)) * np.corrcoef(pair["prior_knowledge"], ranks)[0, 1]
    got = at(curves["K3"][1]).loc["proportional odds", "z"]
    assert got == pytest.approx(z * math.sqrt(inflate), rel=1e-9)
    # The score test is close to the likelihood ratio of the fitted model.
    fitted = TESTS["proportional_odds"].run(data["target_likelihood"], data["prior_knowledge"])
    assert got == pytest.approx(stats.norm.isf(fitted.p / 2), abs=0.3)


def test_covariates_make_partial_correlations(curves, answers, codebook):
    candidates, _ = answers
    kept = candidates[candidates["exclusion"].isna()]
    names = ["exposure", "org_size", "experience", "education"]
    data = hypotheses.analysis_data(kept, codebook)[names].dropna()
    fit = sm.OLS(data["exposure"], sm.add_constant(data[names[1:]])).fit()
    row = at(curves["E1"][1], covariates="person").loc["linear regression"]
    t, df = fit.tvalues["org_size"], fit.df_resid
    assert row["n"] == len(data)
    assert row["p"] == pytest.approx(fit.pvalues["org_size"], rel=1e-8)
    assert row["estimate"] == pytest.approx(t / math.sqrt(t**2 + df), rel=1e-8)
    # Size is tested, so the set of the organisation adjusts for maturity alone.
    columns = ["exposure", "org_size", "maturity"]
    data = hypotheses.analysis_data(kept, codebook)[columns].dropna()
    fit = sm.OLS(data["exposure"], sm.add_constant(data[columns[1:]])).fit()
    row = at(curves["E1"][1], covariates="organisation").loc["linear regression"]
    assert row["p"] == pytest.approx(fit.pvalues["org_size"], rel=1e-8)


def test_groups_without_order_have_a_corrected_w(curves, answers, codebook):
    candidates, _ = answers
    data = hypotheses.analysis_data(candidates[candidates["exclusion"].isna()], codebook)
    pair = data[["exposure", "industry"]].dropna()
    table = pd.crosstab(pair["industry"], pair["exposure"])
    table = table[table.sum(axis=1) > 0].to_numpy()
    n = table.sum()
    chi = stats.chi2_contingency(table, correction=False)
    w = math.sqrt(max(0, (n - 1) / n * chi.statistic - chi.dof) / n)
    row = at(curves["E2"][1]).loc["chi-square"]
    assert row["estimate"] == pytest.approx(w, abs=1e-9)
    assert row["p"] == pytest.approx(stats.chi2.sf((n - 1) / n * chi.statistic, chi.dof), rel=1e-7)
    assert (curves["E2"][1]["low"] >= 0).all()


@pytest.mark.parametrize(
    ("label", "lift", "drop"),
    [
        ("with incomplete", ["partial"], []),
        ("with duplicates", ["duplicate"], []),
        ("no speeders", [], ["speeder"]),
        ("no quality flag", [], ["speeder", "straight_liner", "failed_attention"]),
    ],
)
def test_exclusions_and_flags_choose_respondents(curves, answers, codebook, label, lift, drop):
    candidates, _ = answers
    rows = candidates["exclusion"].isna() | candidates["exclusion"].isin(lift)
    for flag in drop:
        rows &= ~candidates[flag]
    data = hypotheses.analysis_data(candidates[rows], codebook)
    want = rank_tests.kendall_tau_b(data["exposure"], data["org_size"])
    got = at(curves["E1"][1], exclusions=label)
    assert got.loc["Kendall's tau-b", "n"] == want.n
    assert got.loc["Kendall's tau-b", "p"] == pytest.approx(want.p, rel=1e-9)


def test_dont_know_and_gaps_are_placed_where_the_choice_says(curves, answers, codebook):
    candidates, missing = answers
    kept = candidates[candidates["exclusion"].isna()].reset_index(drop=True)
    unsure = missing["org_size"].eq("dont_know").to_numpy()
    assert unsure.any()
    data = hypotheses.analysis_data(kept, codebook)
    for label, value in (("don't know = lowest", 0.0), ("don't know = highest", 6.0)):
        size = data["org_size"].mask(unsure, value)
        want = rank_tests.kendall_tau_b(data["exposure"], size)
        got = at(curves["E1"][1], missing=label).loc["Kendall's tau-b"]
        assert (got["n"], got["p"]) == (want.n, pytest.approx(want.p, rel=1e-9))
    size = data["org_size"].fillna(
        np.sort(data["org_size"].dropna())[(data["org_size"].count() - 1) // 2]
    )
    want = rank_tests.kendall_tau_b(data["exposure"].fillna(data["exposure"].mode()[0]), size)
    got = at(curves["E1"][1], missing="median filled in").loc["Kendall's tau-b"]
    assert (got["n"], got["p"]) == (len(kept), pytest.approx(want.p, rel=1e-9))


def test_codings_are_what_they_say(curves, answers, codebook):
    candidates, _ = answers
    kept = candidates[candidates["exclusion"].isna()]
    data = hypotheses.analysis_data(kept, codebook)
    items = data[[part.name for part in codebook.parts("concern").values()]]
    enough = items.notna().sum(axis=1) >= 4
    for label, outcome in (
        ("item median", items.median(axis=1).where(enough)),
        ("top two", (items >= 4).sum(axis=1).where(enough)),
    ):
        want = rank_tests.kendall_tau_b(outcome, data["prior_knowledge"])
        got = at(curves["K1"][1], outcome=label).loc["Kendall's tau-b"]
        assert (got["n"], got["p"]) == (want.n, pytest.approx(want.p, rel=1e-9)), label
    size = data["org_size"].dropna()
    cut = min(sorted(size.unique())[1:], key=lambda value: abs((size >= value).mean() - 0.5))
    split = (data["org_size"] >= cut).astype(float).where(data["org_size"].notna())
    want = rank_tests.kendall_tau_b(data["exposure"], split)
    got = at(curves["E1"][1], predictor="split").loc["Kendall's tau-b"]
    assert (got["n"], got["p"]) == (want.n, pytest.approx(want.p, rel=1e-9))
    happened = rank_tests.kendall_tau_b(data["exposure_strict"], data["org_size"])
    got = at(curves["E1"][1], outcome="Threat exposure (happened)").loc["Kendall's tau-b"]
    assert got["p"] == pytest.approx(happened.p, rel=1e-9)


def test_each_data_set_and_test_is_counted_once(curves):
    for key, (space, curve) in curves.items():
        assert len(curve) == len(space.specifications) == len(set(space.specifications))
        assert not curve.duplicated(list(multiverse.CHOICES)).any(), key
        same = curve.duplicated(
            ["estimate", "p", "n", "test", "covariates", "outcome", "predictor"]
        )
        assert same.mean() < 0.5, key
        assert np.isfinite(curve[["estimate", "low", "high", "p"]].to_numpy()).all()
    assert len(curves["E1"][1]) > 300 and len(curves["K3"][1]) > 300


def test_dealing_is_rerunning_on_exchanged_outcomes(curves, plan, answers, codebook, choices):
    """One permutation gives what the curve gives with the outcome exchanged by hand."""
    candidates, missing = answers
    entry = plan.hypothesis("D2")
    space, _ = curves["D2"]
    order = multiverse.permute_outcomes(space.strata, 3, np.random.default_rng(5))
    for row in order:
        assert (candidates["exclusion"].cat.codes.to_numpy()[row] == space.strata).all()
    effects = multiverse.run_specifications(space, order)
    permuted = candidates.copy()
    for name in ("defence_count", "defence_count_answered"):
        permuted[name] = candidates[name].to_numpy()[order[1]]
    again = multiverse.specification_space(entry, permuted, missing, codebook, choices)
    curve = multiverse.specification_curve(again)
    # Codings that depend on the sample (split) and filled-in gaps move along with the outcome.
    plain = [
        (spec.exclusion, space.outcomes[spec.outcome].label, space.predictors[spec.predictor].label,
         space.outcomes[spec.outcome].missing, spec.test, spec.covariates)
        for spec in space.specifications
    ]  # fmt: skip
    found = {key: effects.r[k, 1] for k, key in enumerate(plain)}
    compared = 0
    for spec, r in zip(again.specifications, curve["estimate"], strict=True):
        key = (spec.exclusion, again.outcomes[spec.outcome].label,
               again.predictors[spec.predictor].label, again.outcomes[spec.outcome].missing,
               spec.test, spec.covariates)  # fmt: skip
        if key in found and key[3] != "filled":
            assert found[key] == pytest.approx(r, abs=1e-8), key
            compared += 1
    assert compared > 100


@pytest.mark.slow
def test_inference_keeps_its_level_under_the_null(plan, codebook, choices):
    few = choices.model_copy(
        update={
            "exclusions": tuple(
                entry.model_copy(update={"lift": ()}) for entry in choices.exclusions[::3]
            ),
            "missing": choices.missing[:1],
            "codings": choices.codings | {"count": ("steps",)},
            "models": (),
            "measures": {},
        }
    )
    entry = plan.hypothesis("D2")
    rng = np.random.default_rng(11)
    n, spaces = 80, []
    for k in range(160):
        size = rng.integers(1, 6, n)
        frame = pd.DataFrame(
            {
                "respondent_id": np.arange(n),
                "target_likelihood": rng.integers(1, 6, n),
                "defence_count": rng.binomial(10, rng.beta(2, 3, n)),
                "org_size": size,
                "maturity": np.clip(size + rng.integers(-1, 2, n), 1, 5),
                "experience": rng.integers(1, 6, n),
                "education": rng.integers(1, 5, n),
                "speeder": rng.random(n) < 0.2,
                "exclusion": pd.Categorical([None] * n, categories=["partial"]),
            }
        )
        kinds = pd.DataFrame({"respondent_id": np.arange(n)})
        named = entry.model_copy(update={"id": f"H{k}"})
        spaces.append(multiverse.specification_space(named, frame, kinds, codebook, few))
    result = multiverse.infer(spaces, permutations=59, alpha=0.05, run=run)
    table, found = result.table, list(result.curves.values())
    for column in ("p_unadjusted_median", "p_unadjusted_share", "p_unadjusted_stouffer"):
        rate = (table[column] <= 0.05).mean()
        assert rate < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 160), column
    for column in (
        "p_unadjusted_median",
        "p_unadjusted_stouffer",
    ):  # not conservative either: uniform under the null
        assert stats.kstest(table[column], "uniform").pvalue > 0.001
    # All of one family: Holm's correction stands beside them.
    assert table["p_median"].to_numpy() == pytest.approx(
        multipletests(table["p_unadjusted_median"], method="holm")[1]
    )
    single = np.mean([(curve["p"] < 0.05).mean() for curve in found])
    assert single == pytest.approx(0.05, abs=0.025)


def test_a_strong_effect_is_found(curves):
    space, curve = curves["K1"]
    result = multiverse.infer([space], permutations=49, alpha=0.05, run=run)
    table = result.table
    pd.testing.assert_frame_equal(result.curves["K1"], curve)
    assert table["p_median"][0] == pytest.approx(1 / 50)
    assert table["predicted"][0] == 1
    assert table["median"][0] == pytest.approx(curve["estimate"].median())


def test_a_negative_prediction_counts_the_other_side(curves):
    space, curve = curves["K1"]
    turned = multiverse.SpecificationSpace(
        **{name: getattr(space, name) for name in space.__slots__} | {"sign": -1}
    )
    table = multiverse.infer([turned], permutations=19, alpha=0.05, run=run).table
    assert table["predicted"][0] == 0 and table["significant"][0] == 0
    assert table["median"][0] == pytest.approx(curve["estimate"].median())
    assert table["p_share"][0] == 1


def plain_effect(space, spec, row):
    """One specification under one permutation, from respondents one by one."""
    outcome, predictor = space.outcomes[spec.outcome], space.predictors[spec.predictor]
    covariates = space.covariates[spec.covariates][1]
    permuted = outcome.codes[row]
    rows = space.exclusions[spec.exclusion][1] & (permuted >= 0) & (predictor.codes >= 0)
    if spec.test not in ("linear_model", "rank_model"):
        table = pd.crosstab(predictor.levels[predictor.codes[rows]], outcome.levels[permuted[rows]])
        test = TESTS[spec.test]
        found = test.on_stack(table, table.index, table.columns, trials=outcome.limit, quick=True)
        return rows.sum(), np.nan_to_num(found.z)
    rows &= np.isfinite(covariates).all(1)
    by = "ranks" if spec.test == "rank_model" else "levels"
    y, x = getattr(outcome, by)[permuted[rows]], getattr(predictor, by)[predictor.codes[rows]]
    fit = sm.OLS(y, np.column_stack([x, np.ones(len(x)), covariates[rows]])).fit()
    return rows.sum(), np.sign(fit.tvalues[0]) * stats.norm.isf(fit.pvalues[0] / 2)


@pytest.mark.slow
def test_specifications_run_together_are_those_run_one_by_one(curves):
    rng = np.random.default_rng(11)
    tests = set()
    for space, _ in curves.values():
        order = multiverse.permute_outcomes(space.strata, 4, rng)
        effects = multiverse.run_specifications(space, order)
        for at in rng.choice(len(space.specifications), 40, replace=False):
            spec, b = space.specifications[at], int(rng.integers(len(order)))
            n, z = plain_effect(space, spec, order[b])
            assert effects.n[at, b] == n, spec
            assert effects.z[at, b] == pytest.approx(z, rel=1e-6, abs=1e-6), spec
            tests.add(spec.test)
    assert len(tests) >= 10


def test_hypotheses_prepared_together_are_those_prepared_one_by_one(
    curves, plan, answers, codebook, choices
):
    spaces = multiverse.specification_spaces(plan.hypotheses, *answers, codebook, choices)
    assert [space.hypothesis.id for space in spaces] == list(curves)
    for space in spaces:
        alone, _ = curves[space.hypothesis.id]
        assert space.specifications == alone.specifications
        for here, there in zip(
            space.outcomes + space.predictors, alone.outcomes + alone.predictors, strict=True
        ):
            assert here.label == there.label and (here.codes == there.codes).all()


def test_covariates_that_repeat_one_another_count_once_in_the_fit():
    rng = np.random.default_rng(12)
    n, permutations = 60, 3
    x, y = rng.normal(size=(1, 1, n)), rng.normal(size=(1, n, 1, permutations))
    covariate, known = rng.normal(size=(n, 1)), np.ones((n, permutations))
    everybody = np.ones((1, n), dtype=bool)
    once = _partial(x, y, known, covariate, everybody)[1]
    twice = _partial(x, y, known, np.hstack([covariate] * 2), everybody)[1]
    assert twice == pytest.approx(once, rel=1e-9)
    # What the covariates explain altogether has no effect left.
    assert (_partial(x, y, known, x[0].T, everybody)[1] == 0).all()


@pytest.mark.parametrize(("df", "close"), [(6, 1e-3), (20, 1e-6), (60, 1e-9), (137, 1e-9)])
def test_the_deviate_of_a_correlation_has_the_p_value_of_its_t_test(df, close):
    r = np.linspace(-0.75, 0.75, 61)
    t = np.abs(r) * np.sqrt(df / (1 - r**2))
    exact = np.sign(r) * stats.norm.isf(stats.t.sf(t, df))
    assert t_deviate(r, np.array(df)) == pytest.approx(exact, rel=close, abs=1e-12)


def test_a_constant_variable_has_no_curve(plan, answers, codebook, choices):
    candidates, missing = answers
    threes = pd.array([3] * len(candidates), dtype="Int64")
    same = candidates.assign(defence_count=threes, defence_count_answered=threes)
    with pytest.raises(AnalysisError, match="D2"):
        multiverse.specification_space(plan.hypothesis("D2"), same, missing, codebook, choices)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("lift: [partial]", "lift: [screened_out]", "liftable"),
        ("drop: [speeder]}", "drop: [speeders]}", "speeder"),
        (", exposure_strict]", ", exposure_strickt]", "exposure_strict"),
        ("variables: [experience, education]", "variables: [industry]", "order"),
        ("label: with duplicates", "label: with incomplete", "already used"),
        ("rule: median", "rule: mean", "median"),
    ],
)
def test_choices_are_checked(codebook, tmp_path, old, new, match):
    text = (ROOT / "data/specifications.yml").read_text()
    assert old in text
    path = tmp_path / "specifications.yml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=match):
        multiverse.load_specifications(path, codebook)


def test_all_options_of_the_file_occur(curves, choices):
    seen = pd.concat([curve for _, curve in curves.values()])
    for column, labels in (
        ("exclusions", [entry.label for entry in choices.exclusions]),
        ("missing", [entry.label for entry in choices.missing]),
        ("covariates", [entry.label for entry in choices.covariates]),
    ):
        assert set(seen[column]) == set(labels)
    codings = {
        c for c in itertools.chain(*choices.codings.values()) if c not in ("steps", "groups")
    }
    words = {word for label in {*seen["outcome"], *seen["predictor"]} for word in label.split(", ")}
    assert {coding.replace("_", " ") for coding in codings} <= words
