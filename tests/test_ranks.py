"""Ranks within respondents against R, a published example, closed forms and simulation."""

import itertools
import json
import math
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats import ranks
from mlsec_survey.stats.bootstrap import resampled_weights

R = json.loads((Path(__file__).parent / "oracle" / "ranks.json").read_text())
RATINGS = pd.DataFrame(R["ratings"], dtype=float)
GAPS = pd.DataFrame(R["gaps"], dtype=float)
CLOSE = {"rel": 1e-8, "abs": 1e-10}


def rng(seed=1):
    return np.random.default_rng(seed)


def simulated(generator, n, spread, k=6, missing=0.0):
    """Ratings from 1 to 5 with a common level per respondent and a lean per object."""
    level = generator.normal(size=(n, 1))
    x = 3 + spread * np.linspace(-1, 1, k) + level + generator.normal(size=(n, k))
    table = np.clip(np.rint(x), 1, 5)
    table[generator.random((n, k)) < missing] = math.nan
    return pd.DataFrame(table)


def test_friedman_agrees_with_r():
    result = ranks.friedman(RATINGS, rng=rng())
    want = R["friedman"]
    assert result.n == 60 and result.extra["df"] == 5
    assert result.statistic == pytest.approx(want["statistic"], **CLOSE)
    assert result.p == pytest.approx(want["p"], **CLOSE)
    assert result.estimate == pytest.approx(want["w"], **CLOSE)
    assert result.estimate == pytest.approx(want["rstatix_w"], **CLOSE)
    assert result.low < result.estimate < result.high


def test_friedman_uses_complete_respondents_and_says_how_many():
    complete = GAPS.dropna()
    result = ranks.friedman(GAPS, rng=rng())
    assert result.n == len(complete) < 60
    assert result.extra["n_any"] == 60
    assert result.estimate == ranks.friedman(complete, rng=rng()).estimate


def test_few_respondents_get_a_permutation_p_value():
    few = pd.DataFrame(R["few"]["ratings"], dtype=float).iloc[:3, :3]
    result = ranks.friedman(few, rng=rng(), resamples=20_000)
    table = few.rank(axis=1).to_numpy()
    orders = np.array(list(product(*[list(permutations(row)) for row in table])))
    sums = orders.sum(axis=1)
    spread = ((sums - sums.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    observed = table.sum(axis=0)
    exact = (spread >= ((observed - observed.mean()) ** 2).sum() - 1e-9).mean()
    assert result.p == pytest.approx(exact, abs=0.012)
    assert "permutations" in " ".join(result.notes)


def test_agreement_is_the_mean_rank_correlation_of_two_respondents():
    untied = pd.DataFrame(R["few"]["ratings"], dtype=float)
    result = ranks.friedman(untied, rng=rng(), resamples=50)
    assert result.statistic == pytest.approx(R["few"]["statistic"], **CLOSE)
    between = untied.T.corr("spearman").to_numpy()
    assert result.extra["agreement"] == pytest.approx(between[np.triu_indices(7, 1)].mean())


@pytest.mark.slow
def test_interval_of_w_covers_the_agreement_in_the_population():
    generator = rng(4)
    population = ranks.friedman(simulated(generator, 100_000, 0.5), rng=rng(), resamples=1)
    covered = 0
    for _ in range(200):
        result = ranks.friedman(simulated(generator, 80, 0.5), rng=generator, resamples=300)
        covered += result.low <= population.estimate <= result.high
    assert 0.90 <= covered / 200 <= 0.985


@pytest.mark.slow
def test_detectable_w_is_found_with_about_80_percent_power():
    generator = rng(5)
    n = 100
    least = ranks.friedman(simulated(generator, n, 0), rng=rng(), resamples=2).extra["detectable"]
    spreads = np.linspace(0.1, 0.5, 9)
    populations = [
        ranks.friedman(simulated(generator, 20_000, s), rng=rng(), resamples=1).extra["agreement"]
        for s in spreads
    ]
    spread = float(np.interp(least, populations, spreads))
    found = [
        ranks.friedman(simulated(generator, n, spread), rng=generator, resamples=2).p < 0.05
        for _ in range(300)
    ]
    assert np.mean(found) == pytest.approx(0.8, abs=0.08)


# Skillings and Mack (1981), table 1: times of assembling a product by four methods, as the help
# page of R's package Skillings.Mack 1.10 quotes them. Its function gives 15.493049, p = 0.001440.
ASSEMBLY = pd.DataFrame(
    [
        [3.2, 4.1, 3.8, 4.2],
        [3.1, 3.9, 3.4, 4.0],
        [4.3, 3.5, 4.6, 4.8],
        [3.5, 3.6, 3.9, 4.0],
        [3.6, 4.2, 3.7, 3.9],
        [4.5, 4.7, 3.7, None],
        [None, 4.2, 3.4, None],
        [4.3, 4.6, 4.4, 4.9],
        [3.5, None, 3.7, 3.9],
    ],
    dtype=float,
)


def test_skillings_mack_gives_the_published_value():
    result = ranks.skillings_mack(ASSEMBLY, rng=rng())
    assert result.statistic == pytest.approx(15.493049, abs=1e-6)
    assert result.p == pytest.approx(0.001440, abs=1e-6)
    assert result.extra["statistic_without_tie_correction"] == pytest.approx(15.493, abs=5e-4)
    assert (result.n, result.extra["ratings"]) == (9, 32)


def test_skillings_mack_is_friedman_when_nobody_skipped():
    friedman = ranks.friedman(RATINGS, rng=rng())
    result = ranks.skillings_mack(RATINGS, rng=rng())
    assert result.statistic == pytest.approx(friedman.statistic, **CLOSE)
    assert result.estimate == pytest.approx(friedman.estimate, **CLOSE)
    assert result.p == pytest.approx(friedman.p, **CLOSE)
    assert (result.low, result.high) == pytest.approx((friedman.low, friedman.high), abs=0.02)


@pytest.mark.parametrize("missing", [0.0, 0.25])
@pytest.mark.slow
def test_skillings_mack_holds_its_level_with_ties_and_gaps(missing):
    generator = rng(6)
    p = [
        ranks.skillings_mack(
            simulated(generator, 40, 0, missing=missing), rng=generator, resamples=2
        ).p
        for _ in range(2000)
    ]
    # Three standard errors of 2000 replicates; 500 are too few to tell a size of 0.05 from 0.08.
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.015)


def test_skillings_mack_is_undefined_for_objects_never_rated_together():
    apart = pd.DataFrame([[1, 2, None, None], [None, None, 3, 1], [2, 1, None, None]], dtype=float)
    result = ranks.skillings_mack(apart, rng=rng())
    assert math.isnan(result.estimate) and math.isnan(result.p) and result.n == 3
    assert "nobody rated together" in result.notes[0]


def test_mean_ranks_are_plain_means_when_nobody_skipped():
    result = ranks.mean_ranks(RATINGS, rng=rng())
    plain = RATINGS.rank(axis=1, ascending=False).mean()
    np.testing.assert_allclose(result["mean_rank"], plain, rtol=1e-12)
    assert (result["n"] == 60).all()
    assert result["first_share"].sum() == pytest.approx(1)
    # Where nobody skipped, the bootstrap interval is close to mean ± 1.96 standard errors.
    reach = 1.96 * RATINGS.rank(axis=1, ascending=False).std(ddof=0) / math.sqrt(60)
    np.testing.assert_allclose(result["low"], plain - reach, atol=0.06)
    np.testing.assert_allclose(result["high"], plain + reach, atol=0.06)


def test_mean_ranks_with_gaps_stay_right_where_skipping_is_by_chance():
    generator = rng(7)
    whole = simulated(generator, 30_000, 0.6)
    holes = whole.mask(generator.random(whole.shape) < [0.5, 0.1, 0.0, 0.3, 0.0, 0.4])
    with_gaps = ranks.mean_ranks(holes, rng=rng(), resamples=10)
    without = ranks.mean_ranks(whole, rng=rng(), resamples=10)
    np.testing.assert_allclose(with_gaps["mean_rank"], without["mean_rank"], atol=0.04)
    assert with_gaps["mean_rank"].sum() == pytest.approx(6 * 7 / 2)


def test_pairs_agree_with_r():
    table = ranks.pairwise_signed_rank(GAPS, rng=rng(), zeros="wilcoxon")
    for got, want in zip(table.itertuples(), R["pairs"], strict=True):
        assert got.n == want["n"] == got.higher + got.equal + got.lower
        assert got.statistic == pytest.approx(want["statistic"], **CLOSE)
        assert got.effect == pytest.approx(want["effect"], **CLOSE)
        assert got.exact and got.p == pytest.approx(want["exact_p"], **CLOSE)
        assert got.low <= got.effect <= got.high
    np.testing.assert_allclose(table["p_adjusted"], R["adjusted"], rtol=1e-8)


def test_pairs_beyond_enumeration_agree_with_r(monkeypatch):
    monkeypatch.setattr(ranks, "_EXACT_PAIRS", 0)
    table = ranks.pairwise_signed_rank(GAPS, rng=rng(), resamples=2, zeros="wilcoxon")
    np.testing.assert_allclose(table["p"], [want["normal_p"] for want in R["pairs"]], rtol=1e-8)
    assert not table["exact"].any()


def test_pratts_zeros_agree_with_scipy_and_with_all_signs(monkeypatch):
    few = pd.DataFrame({"a": [1.0, 2, 3, 3, 5, 4, 2, 1], "b": [1.0, 1, 3, 1, 2, 5, 2, 3]})
    difference = (few["a"] - few["b"]).to_numpy()
    every = stats.rankdata(np.abs(difference))
    order, positive = every[difference != 0], every[difference > 0].sum()
    sums = [np.array(signs) @ order for signs in itertools.product((0, 1), repeat=len(order))]
    lower, upper = np.mean(np.array(sums) <= positive), np.mean(np.array(sums) >= positive)
    table = ranks.pairwise_signed_rank(few, rng=rng())
    assert table["statistic"][0] == positive
    assert table["p"][0] == pytest.approx(min(1.0, 2 * min(lower, upper)))
    monkeypatch.setattr(ranks, "_EXACT_PAIRS", 0)
    table = ranks.pairwise_signed_rank(GAPS, rng=rng(), resamples=2)
    for row in table.itertuples():
        pair = GAPS[[row.first, row.second]].dropna()
        want = stats.wilcoxon(
            pair[row.first] - pair[row.second], zero_method="pratt", method="asymptotic"
        )
        assert row.p == pytest.approx(want.pvalue, rel=1e-8)


def test_untied_differences_agree_with_r():
    difference = np.array(R["untied"]["differences"])
    table = ranks.pairwise_signed_rank(
        pd.DataFrame({"a": difference, "b": np.zeros(len(difference))}), rng=rng()
    )
    assert table["statistic"][0] == R["untied"]["statistic"]
    assert table["p"][0] == pytest.approx(R["untied"]["p"], **CLOSE)


def test_pairs_that_all_point_one_way_or_nowhere():
    one_way = pd.DataFrame({"a": [5, 4, 5, 4, 5.0], "b": [1, 2, 3, 3, 2.0], "c": [1, 2, 3, 3, 2.0]})
    table = ranks.pairwise_signed_rank(one_way, rng=rng())
    assert table["effect"][0] == table["high"][0] == 1.0
    assert table["low"][0] == pytest.approx(2 * 0.025 ** (1 / 5) - 1)
    assert table["p"][0] == pytest.approx(2 / 2**5)
    assert table["equal"][2] == 5 and math.isnan(table["effect"][2]) and math.isnan(table["p"][2])
    # A pair without a test does not count in Holm's correction: two tests are left.
    assert table["p_adjusted"][0] == pytest.approx(2 * 2 / 2**5)


@pytest.mark.slow
def test_rank_biserial_interval_covers():
    generator = rng(8)
    big = simulated(generator, 200_000, 0.3, k=2)
    truth = ranks.pairwise_signed_rank(big, rng=rng(), resamples=2)["effect"][0]
    covered = 0
    for _ in range(300):
        table = ranks.pairwise_signed_rank(
            simulated(generator, 100, 0.3, k=2), rng=generator, resamples=300
        )
        covered += table["low"][0] <= truth <= table["high"][0]
    assert 0.91 <= covered / 300 <= 0.985


def test_patterns_hold_all_respondents_whatever_the_coding():
    patterns = ranks.rating_patterns(GAPS)
    rebuilt = np.repeat(patterns.ratings, patterns.counts, axis=0)
    order = np.lexsort(np.nan_to_num(rebuilt).T)
    want = np.nan_to_num(GAPS.to_numpy())
    np.testing.assert_array_equal(np.nan_to_num(rebuilt)[order], want[np.lexsort(want.T)])
    # Too many levels for one whole number per row.
    fine = pd.DataFrame(rng().normal(size=(500, 12)))
    assert ranks.rating_patterns(fine).n == 500


@pytest.mark.slow
def test_resampling_patterns_is_resampling_respondents():
    """Moments of the drawn counts are those of a multinomial, in both ways of drawing them."""
    for patterns in (4, 30_000):
        counts = np.full(patterns, 5)
        drawn = np.concatenate(list(resampled_weights(counts, 40, rng())))
        assert (drawn.sum(axis=1) == counts.sum()).all()
        assert drawn[:, : patterns // 2].sum(axis=1).mean() == pytest.approx(
            counts.sum() / 2, rel=0.05
        )
        variance = 5 * (1 - 1 / patterns)
        if patterns > 4:
            assert drawn.var() == pytest.approx(variance, rel=0.02)


def test_ties_share_ranks_and_gaps_stay():
    got = ranks.row_ranks(np.array([[5, 3, 3, math.nan, 1]]))
    np.testing.assert_array_equal(got, [[1, 2.5, 2.5, math.nan, 4]])
    np.testing.assert_array_equal(
        ranks.row_ranks(-RATINGS.to_numpy()), stats.rankdata(RATINGS, axis=1)
    )


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (pd.DataFrame({"a": [None, None], "b": [None, None]}, dtype=float), "0 rated all 2"),
        (pd.DataFrame({"a": [1.0, None], "b": [None, 2.0]}), "0 rated all 2"),
        (pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 2.0]}), "nobody rated two differently"),
    ],
)
def test_a_comparison_that_ratings_do_not_allow_is_undefined_and_says_why(table, why):
    for test in (ranks.friedman, ranks.skillings_mack):
        result = test(table, rng=rng())
        assert np.isnan([result.estimate, result.low, result.high, result.p]).all()
        assert result.extra["df"] == 1
    assert why in ranks.friedman(table, rng=rng()).notes[0]
    with pytest.raises(AnalysisError, match="two rated objects"):
        ranks.friedman(table[["a"]], rng=rng())


def test_the_mean_rank_of_an_object_that_nobody_rated_is_unknown_and_no_other():
    rated = RATINGS.iloc[:, :3]
    unrated = rated.assign(nobody=math.nan)
    alone, beside = (ranks.mean_ranks(table, rng=rng()) for table in (rated, unrated))
    pd.testing.assert_frame_equal(alone, beside.iloc[:3], check_index_type=False)
    assert beside.iloc[3].drop("n").isna().all() and beside["n"].iloc[3] == 0
    # Both are rated, but never by the same respondent.
    apart = pd.DataFrame([[1, 2, None], [3, None, 2], [2, 1, None]], dtype=float)
    assert ranks.mean_ranks(apart, rng=rng())["mean_rank"].isna().tolist() == [False, True, True]
    nothing = ranks.mean_ranks(unrated * math.nan, rng=rng())
    assert nothing.drop(columns="n").isna().all(axis=None) and (nothing["n"] == 0).all()
