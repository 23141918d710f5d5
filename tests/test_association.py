"""Association tests against R (tests/oracle/association.R), published examples, closed forms."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats import categorical, rank_tests, tables
from mlsec_survey.stats.design import noncentral_interval
from mlsec_survey.stats.exact import sum_distribution

R = json.loads((Path(__file__).parent / "oracle" / "association.json").read_text())
DATA = pd.DataFrame(R["data"])
EXACT = {"rel": 1e-8, "abs": 1e-10}


def series(values):
    return pd.Series(list(values))


# Public data: pain scores, Brunner & Munzel (2000), Biometrical Journal 42:17, and the results
# that the reference manual of R's brunnermunzel package prints for them.
PAIN_Y = [1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 1, 1]
PAIN_N = [3, 3, 4, 3, 1, 2, 3, 1, 1, 5, 4]
PAIN = series(PAIN_Y + PAIN_N)
TREATED = series([0] * len(PAIN_Y) + [1] * len(PAIN_N))


def from_table(table):
    rows, columns = [], []
    for (i, j), count in np.ndenumerate(np.asarray(table)):
        rows += [i] * count
        columns += [j] * count
    return series(rows), series(columns)


def test_fisher_agrees_with_r():
    result = categorical.fisher_exact(DATA.rare, DATA.exposed)
    want = R["fisher"]
    assert result.p == pytest.approx(want["p"], **EXACT)
    for name in ("estimate", "low", "high"):
        assert getattr(result, name) == pytest.approx(want[name], rel=1e-3)
    assert (result.null, result.n) == (1.0, 139)
    narrower = categorical.fisher_exact(DATA.rare, DATA.exposed, confidence=0.9)
    assert narrower.low == pytest.approx(R["fisher_90"]["low"], rel=1e-3)
    assert narrower.high == pytest.approx(R["fisher_90"]["high"], rel=1e-3)


def test_fisher_estimate_and_interval_solve_their_equations():
    result = categorical.fisher_exact(DATA.rare, DATA.exposed)
    table = pd.crosstab(DATA.exposed, DATA.rare).to_numpy()
    m, n, k, x = table[1].sum(), table[0].sum(), table[:, 1].sum(), table[1, 1]
    law = stats.nchypergeom_fisher
    assert law.mean(m + n, m, k, result.estimate) == pytest.approx(x, rel=1e-8)
    assert law.sf(x - 1, m + n, m, k, result.low) == pytest.approx(0.025, rel=1e-7)
    assert law.cdf(x, m + n, m, k, result.high) == pytest.approx(0.025, rel=1e-7)


def test_fisher_with_an_empty_cell_has_a_one_sided_interval():
    rows, columns = from_table([[10, 0], [5, 6]])
    result = categorical.fisher_exact(columns, rows)
    assert result.estimate == math.inf and result.high == math.inf
    assert 1 < result.low < math.inf
    assert result.p == pytest.approx(stats.fisher_exact([[10, 0], [5, 6]])[1], **EXACT)
    turned = categorical.fisher_exact(1 - columns, rows)
    assert turned.estimate == 0 and turned.low == 0
    assert turned.high == pytest.approx(1 / result.low, rel=1e-9)


@pytest.mark.parametrize(
    ("key", "outcome", "predictor"),
    [("trend", "rare", "size"), ("trend_defences", "exposed", "defences")],
)
def test_trend_agrees_with_coin(key, outcome, predictor):
    result = categorical.trend_permutation(DATA[outcome], DATA[predictor])
    assert result.extra["distance_p"] == pytest.approx(R[key]["p"], **EXACT)
    assert abs(result.statistic) == pytest.approx(abs(R[key]["z"]), **EXACT)


def test_conditional_odds_ratio_agrees_with_all_subsets():
    want = R["conditional"]
    result = categorical.trend_permutation(series(want["y"]), series(want["x"]))
    assert result.extra["distance_p"] == pytest.approx(want["p"], **EXACT)
    for name in ("estimate", "low", "high"):
        assert getattr(result, name) == pytest.approx(want[name], rel=1e-8)


@pytest.mark.parametrize("outcome", ["rare", "exposed"])
def test_p_value_and_interval_of_a_trend_are_inverses(outcome):
    result = categorical.trend_permutation(DATA[outcome], DATA["size"])
    for level, outside in ((1 - result.p * 0.999, True), (1 - result.p * 1.001, False)):
        at = categorical.trend_permutation(DATA[outcome], DATA["size"], confidence=level)
        assert (at.low > 1 or at.high < 1) is not outside
        assert min(abs(at.low - 1), abs(at.high - 1)) < 1e-3


def test_trend_over_two_levels_is_fisher():
    trend = categorical.trend_permutation(DATA.rare, DATA.exposed)
    fisher = categorical.fisher_exact(DATA.rare, DATA.exposed)
    for name in ("estimate", "low", "high"):
        assert getattr(trend, name) == pytest.approx(getattr(fisher, name), rel=1e-10)


def test_trend_does_not_depend_on_origin_and_knows_the_unit():
    first = categorical.trend_permutation(DATA.rare, DATA["size"])
    moved = categorical.trend_permutation(DATA.rare, DATA["size"] * 0.25 - 3)
    assert moved.p == pytest.approx(first.p, rel=1e-12)
    assert moved.estimate == pytest.approx(first.estimate**4, rel=1e-9)
    mirrored = categorical.trend_permutation(1 - DATA.rare, DATA["size"])
    assert mirrored.estimate == pytest.approx(1 / first.estimate, rel=1e-9)
    assert mirrored.low == pytest.approx(1 / first.high, rel=1e-9)


def test_trend_with_scores_too_fine_to_enumerate():
    rng = np.random.default_rng(5)
    predictor = DATA["size"] + pd.Series(rng.normal(0, 1e-6, len(DATA)))
    with pytest.raises(ValueError, match="generator"):
        categorical.trend_permutation(DATA.rare, predictor)
    drawn = categorical.trend_permutation(DATA.rare, predictor, rng=rng, resamples=20_000)
    exact = categorical.trend_permutation(DATA.rare, DATA["size"])
    error = math.sqrt(exact.p * (1 - exact.p) / 20_000)
    # Jitter breaks ties at the observed sum, so only roughly half of their mass counts.
    observed = abs(exact.statistic)
    assert exact.p - 0.1 < drawn.p < exact.p + 4 * error
    assert abs(drawn.statistic) == pytest.approx(observed, rel=1e-3)
    without = categorical.trend_permutation(DATA.rare, predictor, resamples=0)
    assert math.isnan(without.p) and (without.low, without.high) == (drawn.low, drawn.high)


def test_sum_distribution_against_all_subsets():
    scores = np.array([0.5, 0.5, 1.0, 2.5, 2.5, 2.5, -1.0])
    for size in range(1, 7):
        levels, held = np.unique(scores, return_counts=True)
        law = sum_distribution(levels, held, size)
        sums = [sum(subset) for subset in itertools.combinations(scores, size)]
        values, counts = np.unique(sums, return_counts=True)
        np.testing.assert_allclose(law.sums, values, atol=1e-12)
        np.testing.assert_allclose(law.tilted(0.0), counts / counts.sum(), rtol=1e-12)


def test_contingency_agrees_with_r_exactly_when_enumerated():
    small = pd.DataFrame(R["small"])
    by_probability = categorical.contingency_permutation(small.a, small.b, ordering="probability")
    assert by_probability.p == pytest.approx(R["ffh_small"], **EXACT)
    rare = categorical.contingency_permutation(DATA.rare, DATA.industry, ordering="probability")
    assert rare.p == pytest.approx(R["ffh_rare_industry"], rel=1e-7)
    by_chi = categorical.contingency_permutation(DATA.rare, DATA.industry)
    assert by_chi.statistic == pytest.approx(R["chisq_rare_industry"]["statistic"], **EXACT)
    assert by_chi.extra["asymptotic_p"] == pytest.approx(R["chisq_rare_industry"]["p"], **EXACT)


@pytest.mark.slow
def test_contingency_exact_p_by_permuting_everything():
    outcome, predictor = series([0, 0, 1, 1, 2, 2, 2]), series([0, 0, 0, 1, 1, 2, 2])
    result = categorical.contingency_permutation(outcome, predictor)
    assert "exact" in result.notes[0]

    def chi(values):
        return stats.chi2_contingency(pd.crosstab(values, predictor), correction=False)[0]

    observed = chi(outcome)
    arrangements = set(itertools.permutations(outcome))
    extreme = sum(chi(series(a)) >= observed - 1e-9 for a in arrangements)
    assert result.p == pytest.approx(extreme / len(arrangements), **EXACT)
    assert result.statistic == pytest.approx(observed, **EXACT)


def test_contingency_monte_carlo_agrees_with_enumeration(monkeypatch):
    exact = categorical.contingency_permutation(DATA.rare, DATA.industry)
    rng = np.random.default_rng(1)
    monkeypatch.setattr(tables, "_MOST_TABLES", 10)
    drawn = categorical.contingency_permutation(DATA.rare, DATA.industry, rng=rng, resamples=20_000)
    assert "Monte Carlo" in drawn.notes[0]
    assert drawn.p == pytest.approx(exact.p, abs=4 * math.sqrt(exact.p * (1 - exact.p) / 20_000))


def test_tables_with_margins_are_all_of_them_and_no_more_than_the_limit(monkeypatch):
    table = np.array([[2, 0, 1, 3], [1, 2, 2, 0.0]])
    columns = [range(int(total) + 1) for total in table.sum(0)]
    rows = [row for row in itertools.product(*columns) if sum(row) == table[0].sum()]
    listed = tables.every_table(table)
    assert sorted(tuple(map(int, one[0])) for one in listed) == sorted(rows)
    assert (listed.sum(1) == table.sum(0)).all()
    monkeypatch.setattr(tables, "_MOST_TABLES", len(rows))
    assert len(tables.every_table(table)) == len(rows)
    assert len(tables.every_table(table.T)) == len(rows)
    monkeypatch.setattr(tables, "_MOST_TABLES", len(rows) - 1)
    assert tables.every_table(table) is None


def test_without_resamples_all_but_the_p_value_is_the_same():
    large = from_table(np.full((3, 3), 40))
    with_p = categorical.contingency_permutation(*large, rng=np.random.default_rng(1), resamples=9)
    without = categorical.contingency_permutation(*large, resamples=0)
    assert math.isnan(without.p)
    for name in ("estimate", "low", "high", "statistic", "n", "extra"):
        assert getattr(without, name) == getattr(with_p, name)


def test_contingency_needs_a_generator_for_large_tables():
    with pytest.raises(ValueError, match="generator"):
        categorical.contingency_permutation(DATA.defences, DATA.industry)


def test_cramers_v_and_its_interval_agree_with_r(monkeypatch):
    # R knows no rule for sparse tables, and this one is sparse.
    monkeypatch.setattr(categorical, "LEAST_EXPECTED", 0.0)
    rng = np.random.default_rng(9)
    result = categorical.contingency_permutation(DATA.exposed, DATA.defences, rng=rng)
    want = R["cramers_v"]
    assert result.extra["cramers_v_uncorrected"] == pytest.approx(want["estimate"], **EXACT)
    assert result.low == pytest.approx(want["low"], abs=1e-4)
    assert result.high == pytest.approx(want["high"], abs=1e-4)
    assert result.estimate == pytest.approx(R["cramers_v_adjusted"], **EXACT)


def test_noncentral_interval_inverts_the_noncentral_chi_square():
    low, high = noncentral_interval(25.0, 6, 0.95)
    assert stats.ncx2.cdf(25.0, 6, low) == pytest.approx(0.975, abs=1e-10)
    assert stats.ncx2.cdf(25.0, 6, high) == pytest.approx(0.025, abs=1e-10)
    assert noncentral_interval(0.5, 6, 0.95) == (0.0, 0.0)
    for statistic, df in ((math.nan, 6), (math.inf, 6), (3.0, 0)):
        with pytest.raises(AnalysisError, match="degrees of freedom"):
            noncentral_interval(statistic, df, 0.95)


def test_a_table_too_sparse_for_an_interval_of_v_gets_one_that_says_nothing():
    enough = from_table([[10, 20], [10, 4], [3, 1]])
    result = categorical.contingency_permutation(*enough)
    assert result.extra["smallest_expected"] == pytest.approx(4 * 23 / 48)
    assert result.low < result.estimate < result.high < 1
    sparse = categorical.contingency_permutation(*from_table([[20, 20], [2, 0], [5, 1]]))
    assert sparse.extra["smallest_expected"] == pytest.approx(2 * 21 / 48)
    assert (sparse.low, sparse.high) == (0.0, 1.0)
    assert "0.9, is below 1" in " ".join(sparse.notes)


def test_kruskal_agrees_with_r():
    result = rank_tests.kruskal_permutation(DATA.defences, DATA.industry)
    want = R["kruskal"]
    assert result.statistic == pytest.approx(want["statistic"], **EXACT)
    assert result.p == pytest.approx(want["p"], **EXACT)
    assert result.estimate == pytest.approx(max(0.0, want["eta"]), **EXACT)
    assert result.extra["epsilon_squared"] == pytest.approx(want["epsilon"], **EXACT)
    assert result.low <= result.estimate <= result.high


def test_kruskal_permutation_of_two_groups_is_exact_mann_whitney():
    exact = rank_tests.mann_whitney(DATA.defences, DATA.exposed)
    drawn = rank_tests.kruskal_permutation(
        DATA.defences, DATA.exposed, rng=np.random.default_rng(3), resamples=20_000
    )
    assert drawn.p == pytest.approx(exact.p, abs=4 * math.sqrt(exact.p * (1 - exact.p) / 20_000))


def test_mann_whitney_agrees_with_r():
    result = rank_tests.mann_whitney(DATA.defences, DATA.exposed)
    want = R["mann_whitney"]
    assert result.p == pytest.approx(want["p"], **EXACT)
    assert abs(result.extra["z"]) == pytest.approx(abs(want["z"]), **EXACT)
    assert result.statistic == pytest.approx(want["u"], **EXACT)
    assert result.extra["asymptotic_p"] == pytest.approx(want["asymptotic_p"], **EXACT)
    assert result.extra["rank_biserial"] == pytest.approx(want["rank_biserial"], **EXACT)
    sizes = result.extra["n_first"] * result.extra["n_second"]
    assert result.estimate == pytest.approx(want["u"] / sizes, **EXACT)


def test_mann_whitney_without_ties_is_the_textbook_distribution():
    x, y = [1.1, 2.2, 3.3, 4.6], [2.0, 5.0, 6.0, 7.5, 9.0]
    result = rank_tests.mann_whitney(series(x + y), series([0] * 4 + [1] * 5))
    assert result.p == pytest.approx(stats.mannwhitneyu(y, x, method="exact").pvalue, **EXACT)
    shifts = sorted(b - a for a in x for b in y)
    assert result.extra["hodges_lehmann"] == pytest.approx((shifts[9] + shifts[10]) / 2)


def test_brunner_munzel_agrees_with_the_published_example():
    result = rank_tests.brunner_munzel(PAIN, TREATED)
    assert result.statistic == pytest.approx(3.1375, abs=5e-5)
    assert result.extra["df"] == pytest.approx(17.683, abs=5e-4)
    assert result.p == pytest.approx(0.005786, abs=5e-7)
    assert result.estimate == pytest.approx(0.788961, abs=5e-7)
    half = stats.t.ppf(0.975, result.extra["df"]) * result.extra["se"]
    assert result.estimate - half == pytest.approx(0.5952169, abs=5e-8)
    assert result.estimate + half == pytest.approx(0.9827052, abs=5e-8)


def test_brunner_munzel_agrees_with_scipy_on_survey_data():
    result = rank_tests.brunner_munzel(DATA.defences, DATA.exposed)
    groups = [DATA.defences[DATA.exposed == k] for k in (0, 1)]
    want = stats.brunnermunzel(*groups)
    # SciPy's sign follows the first group being the smaller.
    assert result.statistic == pytest.approx(want.statistic, **EXACT)
    assert result.p == pytest.approx(want.pvalue, **EXACT)


def test_logit_interval_is_the_t_interval_of_the_logit():
    plain = logit = rank_tests.brunner_munzel(PAIN, TREATED)
    reach = stats.t.ppf(0.975, plain.extra["df"]) * plain.extra["se"]
    reach /= plain.estimate * (1 - plain.estimate)
    centre = math.log(plain.estimate / (1 - plain.estimate))
    assert logit.low == pytest.approx(special.expit(centre - reach), **EXACT)
    assert logit.high == pytest.approx(special.expit(centre + reach), **EXACT)


@pytest.mark.slow
def test_studentised_permutation_agrees_with_the_published_example():
    # The exact permutation p-value over all 4,457,400 splits is 0.008038.
    result = rank_tests.brunner_munzel(
        PAIN, TREATED, rng=np.random.default_rng(4), resamples=200_000
    )
    assert result.p == pytest.approx(0.008038, abs=4 * math.sqrt(0.008 / 200_000))


def test_studentised_permutation_is_the_same_as_permuting_one_by_one():
    scores, groups = series([1, 1, 2, 3, 3, 4, 2]), [0, 0, 0, 1, 1, 1, 1]
    values = []
    for second in itertools.combinations(range(7), 4):
        groups = series([int(i in second) for i in range(7)])
        result = rank_tests.brunner_munzel(scores, groups)
        values.append(abs(result.statistic))
    observed = rank_tests.brunner_munzel(scores, series([0, 0, 0, 1, 1, 1, 1]))
    want = np.mean(np.array(values) >= abs(observed.statistic) - 1e-9)
    drawn = rank_tests.brunner_munzel(
        scores, series([0, 0, 0, 1, 1, 1, 1]), rng=np.random.default_rng(6), resamples=40_000
    )
    assert drawn.p == pytest.approx(want, abs=4 * math.sqrt(want * (1 - want) / 40_000))


def test_groups_that_do_not_overlap_have_an_honest_p_and_interval():
    result = rank_tests.brunner_munzel(series([1, 2, 3, 7, 8, 9, 9]), series([0] * 3 + [1] * 4))
    assert result.estimate == 1.0 and result.high == 1.0
    assert 0.3 < result.low < 0.9
    assert result.p == pytest.approx(2 / 35)
    flipped = rank_tests.brunner_munzel(series([1, 2, 3, 7, 8, 9, 9]), series([1] * 3 + [0] * 4))
    assert (flipped.estimate, flipped.low) == (0.0, 0.0)


def test_newcombe_interval_solves_its_equation():
    low, high = rank_tests.newcombe_superiority_interval(0.8, 12, 20)
    for theta in (low, high):
        spread = 1 + 15 * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        z = (0.8 - theta) / math.sqrt(theta * (1 - theta) * spread / 240)
        assert abs(z) == pytest.approx(stats.norm.ppf(0.975), rel=1e-9)


def test_roles_are_exchanged_when_only_the_outcome_is_binary():
    for test in (rank_tests.brunner_munzel, rank_tests.mann_whitney):
        straight = test(DATA.defences, DATA.exposed)
        turned = test(DATA.exposed, DATA.defences)
        assert turned.estimate == pytest.approx(straight.estimate, **EXACT)
        assert turned.p == pytest.approx(straight.p, **EXACT)
        assert "groups are formed by the outcome" in turned.notes


def test_kendall_agrees_with_r():
    for key, outcome, predictor in (
        ("kendall", "concern", "size"),
        ("kendall_binary", "defences", "exposed"),
    ):
        result = rank_tests.kendall_tau_b(DATA[outcome], DATA[predictor])
        assert result.estimate == pytest.approx(R[key]["estimate"], **EXACT)
        assert result.statistic == pytest.approx(R[key]["z"], **EXACT)
        assert result.p == pytest.approx(R[key]["p"], **EXACT)


def test_ordinal_measures_and_standard_errors_agree_with_numerical_delta_method():
    estimate, se = R["delta"]["estimate"], R["delta"]["se"]
    tau = rank_tests.kendall_tau_b(DATA.defences, DATA["size"])
    assert tau.estimate == pytest.approx(estimate["tau_b"], **EXACT)
    assert tau.extra["se"] == pytest.approx(se["tau_b"], rel=1e-6)
    somers = rank_tests.jonckheere(DATA.defences, DATA["size"]).extra
    assert somers["somers_d"] == pytest.approx(estimate["d"], **EXACT)
    assert somers["se_somers_d"] == pytest.approx(se["d"], rel=1e-6)
    assert somers["somers_d"] == pytest.approx(
        stats.somersd(DATA["size"], DATA.defences).statistic, **EXACT
    )


def test_tau_interval_is_on_fishers_scale():
    result = rank_tests.kendall_tau_b(DATA.concern, DATA["size"])
    reach = stats.norm.ppf(0.975) * result.extra["se"] / (1 - result.estimate**2)
    assert math.atanh(result.high) - math.atanh(result.estimate) == pytest.approx(reach)
    assert math.atanh(result.estimate) - math.atanh(result.low) == pytest.approx(reach)


@pytest.mark.parametrize("name", ["kendall_tau_b", "spearman", "jonckheere"])
@pytest.mark.slow
def test_permutation_p_of_rank_tests_against_all_permutations(name):
    test = getattr(rank_tests, name)
    outcome, predictor = series([1, 2, 2, 3, 1, 4, 3]), series([0, 0, 1, 1, 1, 2, 2])
    null = test(outcome, predictor).null
    observed = abs(test(outcome, predictor).estimate - null)
    arrangements = list(set(itertools.permutations(outcome)))
    far = [abs(test(series(a), predictor).estimate - null) >= observed - 1e-9 for a in arrangements]
    want = float(np.mean(far))
    drawn = test(outcome, predictor, rng=np.random.default_rng(7), resamples=40_000)
    assert drawn.p == pytest.approx(want, abs=4 * math.sqrt(want * (1 - want) / 40_000))


def test_jonckheere_counts_superior_pairs():
    groups = [DATA.defences[DATA["size"] == k].to_numpy() for k in range(5)]
    j = total = 0.0
    for low, high in itertools.combinations(groups, 2):
        j += sum((b > a) + 0.5 * (a == b) for a in low for b in high)
        total += len(low) * len(high)
    result = rank_tests.jonckheere(DATA.defences, DATA["size"])
    assert result.extra["j"] == pytest.approx(j, **EXACT)
    assert result.estimate == pytest.approx(j / total, **EXACT)
    kendall = rank_tests.kendall_tau_b(DATA.defences, DATA["size"])
    assert result.p == pytest.approx(kendall.p, **EXACT)


def test_spearman_agrees_with_r():
    result = rank_tests.spearman(DATA.concern, DATA["size"])
    assert result.estimate == pytest.approx(R["spearman"]["estimate"], **EXACT)
    assert result.p == pytest.approx(R["spearman"]["p"], **EXACT)
    reach = stats.norm.ppf(0.975) * math.sqrt((1 + result.estimate**2 / 2) / 136)
    assert math.atanh(result.high) - math.atanh(result.estimate) == pytest.approx(reach)


def test_missing_values_are_dropped_pairwise_and_the_index_aligns():
    outcome = pd.Series([1, 0, 1, None, 0, 1, 0, 1], index=list("abcdefgh"))
    predictor = pd.Series([3, 1, 2, 1, 2, None, 1, 3], index=list("abcdefgh"))
    kept = list("abcegh")
    first = rank_tests.kendall_tau_b(outcome, predictor)
    second = rank_tests.kendall_tau_b(outcome[kept], predictor[kept[::-1]])
    assert first.n == second.n == 6
    assert first.estimate == second.estimate


def test_categories_nobody_chose_keep_their_place():
    levels = pd.CategoricalDtype(["none", "some", "much"], ordered=True)
    predictor = pd.Series(["none", "much"] * 10, dtype=levels)
    outcome = series([0, 1, 0, 0, 0, 1, 1, 1, 0, 1] * 2)
    by_name = categorical.trend_permutation(outcome, predictor)
    by_step = categorical.trend_permutation(outcome, predictor.cat.codes)
    assert by_name.estimate == by_step.estimate
    assert by_name.estimate == pytest.approx(
        math.sqrt(categorical.fisher_exact(outcome, predictor == "much").estimate), rel=1e-9
    )


@pytest.mark.parametrize(
    ("outcome", "predictor", "message"),
    [
        ([1, 1, 1, 1], [1, 2, 3, 4], "same for all"),
        ([1, 2, 3, 4], ["a", "b", "c", "d"], "no order"),
        ([1, None, None, None], [1, 2, 3, 4], "two are needed"),
        ([1, 2, math.inf, 4], [1, 2, 3, 4], "infinite"),
    ],
)
def test_data_that_cannot_be_used_are_named(outcome, predictor, message):
    with pytest.raises(AnalysisError, match=message):
        rank_tests.kendall_tau_b(series(outcome), series(predictor))


def test_wrong_calls_are_refused():
    with pytest.raises(AnalysisError, match="two values"):
        rank_tests.brunner_munzel(series([1, 2, 3, 4]), series([1, 2, 3, 4]))
    with pytest.raises(AnalysisError, match="two values, 0 and 1"):
        categorical.fisher_exact(series([0, 1, 2, 1]), series([0, 1, 0, 1]))
    with pytest.raises(ValueError, match="confidence"):
        rank_tests.spearman(DATA.concern, DATA["size"], confidence=95)
    with pytest.raises(ValueError, match="once"):
        rank_tests.spearman(pd.Series([1, 2, 3], index=[0, 0, 1]), series([1, 2, 3]))


@pytest.mark.slow
def test_exact_tests_keep_their_level_at_a_low_prevalence():
    rng = np.random.default_rng(8)
    size = series(rng.integers(0, 5, 139))
    rejected = []
    for _ in range(400):
        outcome = series((rng.random(139) < 0.05).astype(int))
        if outcome.nunique() == 2:
            rejected.append(categorical.trend_permutation(outcome, size).p <= 0.05)
    assert np.mean(rejected) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)
    assert np.mean(rejected) > 0.01
