"""Design analysis against R (tests/oracle/power.R), enumeration, closed forms, known numbers."""

import json
import math
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

from mlsec_survey.analysis import design_analysis
from mlsec_survey.analysis.design_analysis import Design, Margin, _tested
from mlsec_survey.analysis.sample import intervals_of_counts
from mlsec_survey.base.errors import AnalysisError, InputError
from mlsec_survey.instrument.plan import load_plan
from mlsec_survey.stats import categorical, counts, logistic, ordinal, rank_tests
from mlsec_survey.stats.tests import TESTS

ROOT = Path(__file__).resolve().parents[1]
R = json.loads((Path(__file__).parent / "oracle" / "power.json").read_text())
SIMULATIONS = 20_000


def run(function, tasks):
    return [function(task, np.random.default_rng([7, k])) for k, task in enumerate(tasks)]


def normal_design_errors(
    effect: float, se: float, alpha: float = 0.05
) -> tuple[float, float, float]:
    """Return power, type S and type M error of an estimate that is normal around `effect`.

    Closed form of Lu, Qiu and Deng (2019, doi:10.1111/bmsp.12132) for the quantities of Gelman and
    Carlin (2014, doi:10.1177/1745691614551642); the check of the simulations.
    """
    ratio, z = abs(effect) / se, float(stats.norm.isf(alpha / 2))
    above, below = float(stats.norm.sf(z - ratio)), float(stats.norm.cdf(-z - ratio))
    power = above + below
    mean = float(stats.norm.pdf(z - ratio) + stats.norm.pdf(z + ratio)) + ratio * (above - below)
    return power, below / power, mean / (ratio * power) if ratio else math.inf


def binary(share):
    return Margin((1 - share, share), (0.0, 1.0))


def even(levels):
    return Margin((1 / levels,) * levels, tuple(float(k) for k in range(levels)))


@pytest.fixture(scope="module")
def assumptions(codebook):
    return design_analysis.load_assumptions(ROOT / "data/design_assumptions.yml", codebook)


def tables(seed, levels, outcome_levels, size=40, n=139):
    rng = np.random.default_rng(seed)
    rows = rng.multinomial(n, np.ones(levels) / levels)
    tilt = np.arange(levels)[:, None] * np.linspace(-0.15, 0.25, outcome_levels)
    chances = np.exp(tilt) / np.exp(tilt).sum(1, keepdims=True)
    return np.stack(
        [rng.multinomial(m, p, size) for m, p in zip(rows, chances, strict=True)], axis=1
    )


def respondents(table):
    x, y = (
        np.repeat(a.ravel(), table.ravel())
        for a in np.meshgrid(*map(np.arange, table.shape), indexing="ij")
    )
    return pd.Series(y), pd.Series(x)


@pytest.mark.parametrize(
    ("name", "direct", "shape"),
    [
        ("trend_permutation", categorical.trend_permutation, (5, 2)),
        ("firth_logistic", logistic.firth_logistic, (5, 2)),
        ("kendall_tau_b", rank_tests.kendall_tau_b, (5, 5)),
        ("jonckheere", rank_tests.jonckheere, (5, 5)),
        ("spearman", rank_tests.spearman, (5, 9)),
        ("brunner_munzel", rank_tests.brunner_munzel, (2, 9)),
        ("brunner_munzel", rank_tests.brunner_munzel, (5, 2)),
        ("proportional_odds", ordinal.proportional_odds, (5, 5)),
        ("quasi_poisson", counts.quasi_poisson, (5, 9)),
        ("quasi_binomial", lambda y, x: counts.quasi_binomial(y, x, trials=8), (5, 9)),
    ],
)
@pytest.mark.slow
def test_tests_on_tables_are_the_tests_on_respondents(name, direct, shape):
    stack = tables(3, *shape, size=12)
    if name == "trend_permutation":  # few enough cases to be enumerated
        stack = tables(3, *shape, size=12, n=60)
    result = TESTS[name].on_stack(stack, trials=8)
    for at, table in enumerate(stack):
        want = direct(*respondents(table))
        assert result.p[at] == pytest.approx(want.p, rel=1e-8, abs=1e-12)
        assert result.z[at] == pytest.approx(
            math.copysign(stats.norm.isf(want.p / 2), result.statistic[at]), rel=1e-6
        )


def test_slopes_are_those_of_the_models():
    for table in tables(4, 5, 2, size=5):
        fit = logistic.firth_logistic(*respondents(table))
        assert float(logistic.firth_on_tables(table).effect) == pytest.approx(
            math.log(fit.estimate), abs=1e-7
        )
    for table in tables(5, 5, 6, size=5):
        fit = ordinal.proportional_odds(*respondents(table))
        assert float(ordinal.cumulative_logit_slopes(table).effect) == pytest.approx(
            math.log(fit.estimate), abs=1e-7
        )


def test_separated_tables_stay_finite():
    table = np.array([[30, 0], [30, 0], [0, 20]])
    want = logistic.firth_logistic(*respondents(table))
    fit = logistic.firth_on_tables(table)
    assert float(fit.effect) == pytest.approx(math.log(want.estimate), rel=1e-6)
    assert float(fit.p) == pytest.approx(want.p, rel=1e-6)


@pytest.mark.parametrize("fit", [logistic.firth_on_tables, ordinal.cumulative_logit_slopes])
@pytest.mark.parametrize("n", [12, 40, 139])
@pytest.mark.slow
def test_a_table_has_the_same_slope_alone_and_in_a_stack(fit, n):
    # Few answers: some tables take many steps, others lack a level; cells of a quarter as well.
    levels = 2 if fit is logistic.firth_on_tables else 4
    drawn = tables(9, 3, levels, size=60, n=n) + (0.25 if levels > 2 else 0)
    stack = fit(drawn.reshape(6, 10, 3, levels), [0, 1, 4])
    for at, table in enumerate(drawn):
        alone = fit(table, [0, 1, 4])
        for name in ("effect", "statistic", "p"):
            got, want = getattr(stack, name)[divmod(at, 10)], getattr(alone, name)
            assert got == pytest.approx(float(want), rel=1e-7, abs=1e-9, nan_ok=True)


def test_proportional_odds_reaches_the_highest_likelihood():
    def chances(at):
        below = special.expit(at[:3] - at[3] * np.array([0.0, 1, 4])[:, None])
        return np.diff(below, axis=1, prepend=0, append=1)

    def loss(at):
        return -(table * np.log(np.maximum(chances(at), 1e-300))).sum()

    # A spread outcome, a rare level, opposite ends, and two that hardly overlap.
    for table in (
        [[9, 7, 5, 4], [6, 6, 7, 6], [4, 5, 6, 10]],
        [[90, 1, 5, 4], [60, 1, 70, 6], [40, 1, 60, 10]],
        [[30, 1, 1, 30], [1, 30, 30, 1], [30, 1, 1, 30]],
        [[50, 1, 0, 0], [2, 40, 1, 0], [0, 0, 1, 60]],
    ):
        table = np.array(table)
        fit = ordinal.cumulative_logit_slopes(table, [0, 1, 4])
        total = table.sum(0)
        start = np.append(special.logit(np.cumsum(total)[:-1] / total.sum()), 0.0)
        best = optimize.minimize(loss, start, method="Nelder-Mead", options={
            "xatol": 1e-9, "fatol": 1e-12, "maxiter": 20_000, "maxfev": 20_000,
        })  # fmt: skip
        assert float(fit.effect) == pytest.approx(best.x[3], abs=1e-5)
        assert float(fit.statistic) ** 2 == pytest.approx(2 * (loss(start) - best.fun), rel=1e-7)


def test_proportional_odds_of_a_separated_table_stay_finite():
    table = np.array([[20, 0, 0], [0, 25, 0], [0, 0, 30]])
    fit = ordinal.cumulative_logit_slopes(np.stack([table, tables(1, 3, 3, size=1)[0]]))
    share = table.sum(0) / table.sum()
    deviance = -2 * (table.sum(0) * np.log(share)).sum()  # the likelihood approaches 1
    assert fit.statistic[0] ** 2 == pytest.approx(deviance, rel=1e-6)
    assert np.isfinite([fit.effect, fit.statistic, fit.p]).all()


@pytest.mark.parametrize("fit", [logistic.firth_on_tables, ordinal.cumulative_logit_slopes])
def test_constant_variables_have_no_slope_and_leave_the_others_alone(fit):
    stack = np.array([[[5, 2], [3, 6]], [[0, 7], [0, 4]], [[5, 6], [0, 0]]])
    found = fit(stack)
    assert found.effect[0] == pytest.approx(float(fit(stack[0]).effect))
    for result in (found.effect, found.statistic, found.p):
        assert np.isnan(result[1:]).all()
    assert np.isnan(float(fit(stack[1]).p))


def test_score_test_of_proportional_odds_is_near_the_likelihood_ratio():
    stack = tables(6, 5, 12, size=200, n=400)
    fitted = TESTS["proportional_odds"].on_stack(stack).z
    wide = np.concatenate([stack, np.zeros((200, 5, 1), int)], axis=2)  # 13 levels: score test
    score = TESTS["proportional_odds"].on_stack(wide).z
    assert np.abs(fitted - score).max() < 0.15


@pytest.mark.slow
def test_contingency_test_rejects_as_often_as_the_permutation_test():
    stack = tables(8, 6, 2, size=150)
    rng = np.random.default_rng(1)
    exact = [
        categorical.contingency_permutation(
            y, x.astype(str).astype("category"), rng=rng, resamples=999
        ).p
        for y, x in map(respondents, stack)
    ]
    quick = TESTS["contingency_permutation"].on_stack(stack).p
    assert np.abs(np.asarray(exact) - quick).mean() < 0.02
    assert abs(np.mean(np.asarray(exact) < 0.05) - np.mean(quick < 0.05)) < 0.03


@pytest.mark.parametrize("slope", [0.0, 0.4, -1.3, 3.0])
def test_population_keeps_both_margins_and_the_odds_ratio(slope):
    design = Design("proportional_odds", "odds_ratio", 1.3, even(5), even(4))
    chances = design_analysis.population(design, slope)
    assert chances.sum(1) == pytest.approx(1)
    assert chances.mean(0) == pytest.approx(design.outcome.shares)
    below = np.cumsum(chances, axis=1)[:, :-1]
    odds = (1 - below) / below
    assert np.log(odds[1:] / odds[:-1]) == pytest.approx(
        slope, abs=1e-9 if abs(slope) < 2 else 1e-3
    )


@pytest.mark.parametrize(
    ("effect", "value", "outcome", "predictor"),
    [
        ("tau_b", 0.15, even(5), even(5)),
        ("probability_of_superiority", 0.6, even(9), binary(0.25)),
        ("incidence_rate_ratio", 1.2, even(11), even(5)),
        ("cramers_v", 0.3, binary(0.25), Margin((1 / 8,) * 8, tuple(range(8)), ordered=False)),
    ],
)
def test_slope_gives_the_effect_that_is_asked_for(effect, value, outcome, predictor):
    design = Design("kendall_tau_b", effect, value, outcome, predictor)
    joint = design_analysis.population(design, design_analysis.slope_for(design)) / len(
        predictor.shares
    )
    if effect == "probability_of_superiority":
        p0, p1 = design_analysis.population(design, design_analysis.slope_for(design))
        found = sum(p1[j] * (p0[:j].sum() + p0[j] / 2) for j in range(9))
    elif effect == "tau_b":
        s = sum(
            joint[i, j] * joint[k, m] * np.sign(i - k) * np.sign(j - m)
            for i, j, k, m in product(range(5), repeat=4)
        )
        found = s / 0.8  # pairs untied in either variable: 1 - 1/5
    elif effect == "cramers_v":
        expected = joint.sum(1, keepdims=True) * joint.sum(0)
        found = math.sqrt(((joint - expected) ** 2 / expected).sum())
    else:
        sample = np.rint(joint * 1e4).astype(int)
        found = counts.quasi_poisson(*respondents(sample)).estimate
    assert found == pytest.approx(value, abs=2e-3 if effect == "incidence_rate_ratio" else 1e-5)


def test_an_effect_out_of_reach_is_said_so():
    design = Design("kendall_tau_b", "tau_b", 0.9, binary(0.02), even(5))
    with pytest.raises(AnalysisError, match="cannot be had"):
        design_analysis.slope_for(design)


def test_power_of_fishers_test_is_that_of_enumeration_in_r():
    for case in R["fisher"]:
        n = case["n1"] + case["n2"]
        mean = (case["n1"] * case["p1"] + case["n2"] * case["p2"]) / n
        odds = case["p2"] / (1 - case["p2"]) * (1 - case["p1"]) / case["p1"]
        design = Design("fisher_exact", "odds_ratio", 2.0, binary(mean), binary(case["n2"] / n))
        stack = design_analysis.simulate(
            design, math.log(odds), n, SIMULATIONS, np.random.default_rng(2)
        )
        found = (design_analysis.p_values(design, stack) < 0.05).mean()
        assert found == pytest.approx(case["power"], abs=4 * math.sqrt(0.25 / SIMULATIONS))


@pytest.mark.slow
def test_power_and_sample_size_are_near_the_normal_approximation_in_r():
    for case in R["prop"]:
        odds = case["p2"] / (1 - case["p2"]) * (1 - case["p1"]) / case["p1"]
        mean = (case["p1"] + case["p2"]) / 2
        design = Design("contingency_permutation", "odds_ratio", odds, binary(mean), binary(0.5))
        table = design_analysis.power_table(
            {"H": design}, sizes=[2 * case["n"]], multiples=[1.0], simulations=SIMULATIONS,
            alpha=0.05, run=run, errors=False,
        )  # fmt: skip
        assert table["power"][0] == pytest.approx(case["power"], abs=0.015)
        size = design_analysis.replication_table(
            {"H": design}, powers=[0.8], simulations=4000, alpha=0.05, start=139, run=run
        )
        assert size["n_80"][0] == pytest.approx(2 * case["n_80"], rel=0.06)


@pytest.mark.slow
def test_power_of_the_trend_test_is_that_of_enumeration():
    rows, slope = (7, 6, 7), 0.9
    shares = tuple(m / 20 for m in rows)
    design = Design("trend_permutation", "odds_ratio", 2.0, binary(0.3), Margin(shares, (0, 1, 2)))
    chances = design_analysis.population(design, slope)[:, 1]
    total = 0.0
    for cases in product(*(range(m + 1) for m in rows)):
        if 0 < sum(cases) < 20:
            table = np.array([(m - k, k) for m, k in zip(rows, cases, strict=True)])
            if categorical.trend_permutation(*respondents(table)).p < 0.05:
                total += float(np.prod(stats.binom.pmf(cases, rows, chances)))
    stack = design_analysis.simulate(design, slope, 20, 4 * SIMULATIONS, np.random.default_rng(3))
    found = (design_analysis.p_values(design, stack) < 0.05).mean()
    assert found == pytest.approx(total, abs=4 * math.sqrt(total * (1 - total) / 80_000))


def test_respondents_for_several_hypotheses_are_those_of_the_most_demanding():
    table = pd.DataFrame({"hypothesis": ["E1, E3", "E2", "D1"], "n_80": [210.0, 220.0, math.nan]})
    assert design_analysis.respondents_needed(table, ["E3", "E2"], 0.8) == 220
    assert design_analysis.respondents_needed(table, ["E1"], 0.8) == 210
    assert math.isnan(design_analysis.respondents_needed(table, ["E1", "D1"], 0.8))


@pytest.mark.slow
def test_sample_size_is_near_noethers_formula():
    """Noether (1987, doi:10.1080/01621459.1987.10478478) for the Mann–Whitney test."""
    share, effect = 0.4, 0.62
    z = stats.norm.isf(0.025) + stats.norm.isf(0.2)
    want = z**2 / (12 * share * (1 - share) * (effect - 0.5) ** 2)
    design = Design(
        "mann_whitney", "probability_of_superiority", effect, even(40), binary(share)
    )  # fmt: skip
    found = design_analysis.replication_table(
        {"H": design}, powers=[0.8], simulations=4000, alpha=0.05, start=139, run=run
    )
    assert found["n_80"][0] == pytest.approx(want, rel=0.08)


@pytest.mark.parametrize(
    ("effect", "se", "want"),
    [
        (0.1, 3.28, (0.05010648, 0.4644228, 76.82889)),
        (2, 8.1, (0.05701294, 0.2396177, 9.571811)),
    ],
)
def test_errors_of_sign_and_size_are_those_of_gelman_and_carlin(effect, se, want):
    """Their two examples (2014, doi:10.1177/1745691614551642).

    The values are those that their R function retrodesign is reported to give, in a public thread
    of 25 October 2017 on its translation to Stata. The third is simulated there.
    """
    got = normal_design_errors(effect, se)
    assert got[0] == pytest.approx(want[0], abs=1e-7)
    assert got[1] == pytest.approx(want[1], abs=1e-6)
    assert got[2] == pytest.approx(want[2], rel=0.03)  # theirs is simulated
    draws = np.random.default_rng(0).normal(effect, se, 2_000_000)
    clear = np.abs(draws) > stats.norm.isf(0.025) * se
    assert got[2] == pytest.approx(np.abs(draws[clear]).mean() / effect, rel=0.005)


@pytest.mark.slow
def test_simulated_errors_are_those_of_a_normal_estimate():
    # Many respondents and a tiny effect: tau-b is then normal around it.
    design = Design("kendall_tau_b", "tau_b", 0.01, even(5), even(5))
    n = 3000
    table = design_analysis.power_table(
        {"H": design}, sizes=[n], multiples=[1.0, 3.0], simulations=SIMULATIONS, alpha=0.05, run=run
    )
    null = design_analysis.simulate(design, 0.0, n, SIMULATIONS, np.random.default_rng(4))
    se = float(design_analysis.estimates(design, null).std())
    for row in table.itertuples():
        want = normal_design_errors(0.01 * row.effect, se)
        assert row.power == pytest.approx(want[0], abs=0.012)
        assert row.type_s == pytest.approx(want[1], abs=0.03)
        assert row.type_m == pytest.approx(want[2], rel=0.04)


def test_detectable_effect_inverts_the_power_curve():
    effect = np.linspace(0.25, 3, 12)
    curve = stats.norm.cdf(2 * effect - 1.96)
    table = pd.DataFrame(
        {"hypothesis": "H", "effect": effect, "n": 139, "power": curve, "se": 0.01}
    ).assign(power_uncorrected=stats.norm.cdf(2 * effect - 1.5))
    designs = {"H": Design("kendall_tau_b", "tau_b", 0.15, even(5), even(5))}
    want = (stats.norm.ppf(0.8) + 1.96) / 2
    found = design_analysis.detectable(designs, table)
    assert found["multiple"][0] == pytest.approx(want, rel=1e-6)
    assert found["multiple_uncorrected"][0] == pytest.approx((stats.norm.ppf(0.8) + 1.5) / 2)
    low = design_analysis.detectable(designs, table[table["power"] < 0.5])
    assert math.isnan(low["multiple"][0])


def test_power_of_a_trend_is_exact_at_the_level_that_correction_leaves():
    design = Design("trend_permutation", "odds_ratio", 1.5, binary(0.25), even(5), tests=5)
    table = design_analysis.power_table(
        {"H": design}, sizes=[139], multiples=[1.0, 2.0], simulations=5, alpha=0.05, run=run
    )
    assert (table["se"] == 0).all() and (table["power"] < table["power_uncorrected"]).all()
    slope = math.log(1.5)
    stack = design_analysis.simulate(design, slope, 139, SIMULATIONS, np.random.default_rng(9))
    p = design_analysis.p_values(design, stack)
    error = 4 * math.sqrt(0.25 / SIMULATIONS)
    assert table["power"][0] == pytest.approx((p < 0.01).mean(), abs=error)
    assert table["power_uncorrected"][0] == pytest.approx((p < 0.05).mean(), abs=error)
    clear = logistic.firth_on_tables(stack[p < 0.01]).effect
    assert table["type_m"][0] == pytest.approx(np.abs(clear).mean() / slope, rel=0.01)
    found = design_analysis.detectable({"H": design}, table)
    multiple = float(found["multiple"][0])
    at_it = design_analysis.power_table(
        {"H": design}, sizes=[139], multiples=[multiple], simulations=5, alpha=0.05, run=run
    )
    assert at_it["power"][0] == pytest.approx(0.8, abs=1e-4)


def test_power_is_the_level_of_the_test_without_an_effect():
    design = Design("kendall_tau_b", "tau_b", 0.15, even(5), even(5))
    stack = design_analysis.simulate(design, 0.0, 139, SIMULATIONS, np.random.default_rng(5))
    assert (design_analysis.p_values(design, stack) < 0.05).mean() == pytest.approx(0.05, abs=0.006)


def test_negative_predictions_are_simulated_downwards():
    design = Design("kendall_tau_b", "tau_b", 0.2, even(5), even(5), sign=-1)
    table = design_analysis.power_table(
        {"H": design}, sizes=[139], multiples=[1.0], simulations=2000, alpha=0.05, run=run
    )
    assert table["value"][0] == pytest.approx(-0.2)
    assert table["power"][0] > 0.7 and table["type_s"][0] < 0.01


def test_every_hypothesis_of_the_plan_has_a_design(codebook, assumptions):
    plan = load_plan(ROOT / "data/analysis_plan.yml", codebook)
    for kind in ("confirmatory", "exploratory"):
        designs = design_analysis.assumed_designs(plan, codebook, assumptions, kind)
        assert list(designs) == [entry.id for entry in plan.of_kind(kind)]
        for design in designs.values():
            for margin in (design.outcome, design.predictor):
                assert sum(margin.shares) == pytest.approx(1)
                assert len(margin.shares) == len(margin.values)
    shared = design_analysis.distinct_designs({"A": design, "B": design})
    assert shared == {design: ("A", "B")}


def test_company_size_gains_power_with_n_effect_and_prevalence(codebook, assumptions):
    size = design_analysis.assumed_margin("org_size", codebook, assumptions)
    grid = design_analysis.trend_power(
        size, sizes=[139, 271], prevalences=[0.2, 0.4], odds_ratios=[1.2, 2.0],
        simulations=4000, alpha=0.05, run=run,
    ).set_index(["n", "prevalence", "odds_ratio"])["power"]  # fmt: skip
    for (n, prevalence, ratio), value in grid.items():
        variance = prevalence * (1 - prevalence) * 2  # variance of five even steps
        approx = stats.norm.cdf(math.log(ratio) * math.sqrt(n * variance) - 1.96)
        assert value == pytest.approx(approx, abs=0.12), (n, prevalence, ratio)
    assert grid[271, 0.4, 1.2] > grid[139, 0.4, 1.2] > grid[139, 0.2, 1.2]


def test_counts_have_the_intervals_of_their_formulas():
    table = intervals_of_counts(139, (0, 3), confidence=0.95).set_index("count")
    exact = stats.binomtest(3, 139).proportion_ci(method="exact")
    wilson = stats.binomtest(3, 139).proportion_ci(method="wilson")
    assert tuple(table.loc[3, ["exact_low", "exact_high"]]) == pytest.approx(tuple(exact))
    assert tuple(table.loc[3, ["low", "high"]]) == pytest.approx(tuple(wilson))
    bound = table.loc[0, "exact_high"]
    assert (1 - bound) ** 139 == pytest.approx(0.05) and bound == pytest.approx(3 / 139, rel=0.02)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("predictor: org_size", "predictor: org_sise", "org_size"),
        ("shares: {}", "shares: {exposure: [0.5, 0.6]}", "add up to 1"),
        ("shares: {}", "shares: {exposed: [0.5, 0.5]}", "no such variable"),
        ("prevalence: 0.25\n", "prevalence: 1.25\n", "less than 1"),
    ],
)
def test_assumptions_are_checked(codebook, tmp_path, old, new, match):
    text = (ROOT / "data/design_assumptions.yml").read_text()
    assert old in text
    path = tmp_path / "design.yml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=match):
        design_analysis.load_assumptions(path, codebook)


@pytest.mark.parametrize(
    ("test", "effect", "shape"),
    [
        ("kendall_tau_b", "tau_b", (5, 4)),
        ("brunner_munzel", "probability_of_superiority", (2, 6)),
        ("mann_whitney", "probability_of_superiority", (5, 2)),
        ("firth_logistic", "odds_ratio", (5, 2)),
        ("proportional_odds", "odds_ratio", (5, 4)),
        ("quasi_poisson", "incidence_rate_ratio", (4, 6)),
        ("negative_binomial", "incidence_rate_ratio", (4, 6)),
    ],
)
def test_effects_that_come_with_a_test_are_the_estimates_of_the_design(test, effect, shape):
    design = Design(test, effect, 2.0, even(shape[1]), even(shape[0]))
    assert TESTS[test].effect is design.measure
    stack = tables(11, *shape, size=30)
    found = _tested(design, stack).effect
    np.testing.assert_allclose(
        found,
        design.measure.on_tables(
            stack.astype(float), np.arange(float(shape[0])), np.arange(float(shape[1])), None
        ),
        rtol=1e-6,
        atol=1e-7,
    )


def test_hypotheses_stand_with_their_names(codebook):
    plan = load_plan(ROOT / "data/analysis_plan.yml", codebook)
    table = pd.DataFrame({"hypothesis": ["E1, E3", "D1"], "power": [0.5, 0.6]})
    named = design_analysis.named(table, plan)
    assert named["hypothesis"].tolist() == [
        f"E1 {plan.hypothesis('E1').label}; E3 {plan.hypothesis('E3').label}",
        f"D1 {plan.hypothesis('D1').label}",
    ]
    assert named["power"].tolist() == table["power"].tolist()
