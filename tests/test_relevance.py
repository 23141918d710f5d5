"""Tables and sentences on relevance, from responses made up so that the right answer is known."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlsec_survey.analysis import ratings
from mlsec_survey.base.locations import find_root
from mlsec_survey.instrument.codebook_file import load_codebook
from mlsec_survey.stats import rank_tests, ranks
from mlsec_survey.stats.ordinal_repeated import parallel_check, repeated_ordinal
from mlsec_survey.study import attacks
from mlsec_survey.study.attacks import _all_attacks, _one_attack, _Predictor

BOOK = load_codebook(find_root() / "data" / "codebook.yml")
ITEMS = ("relevance", "concern", "familiarity", "occurrence")
LABELS = [part.label for part in BOOK.subquestions("relevance")]
PARTS = [part.id for part in BOOK.subquestions("relevance")]
NAMES = dict(zip(PARTS, LABELS, strict=True))
RUNS = 60


def rng(seed=1):
    return np.random.default_rng(seed)


def drawn(generator, n, lean=0.8, within=0.0, between=0.0):
    """Relevance that leans by attack and follows what is known; familiarity; whole answers."""
    k = len(PARTS)
    known = generator.integers(0, 3, (n, k)).astype(float)
    level = between * (known.mean(axis=1, keepdims=True) - 1) * math.sqrt(k)
    beyond = within * (known - known.mean(axis=1, keepdims=True))
    x = 3 + lean * np.linspace(1, -1, k) + level + beyond + generator.normal(size=(n, k))
    return np.clip(np.rint(x), 1, 5), known


def with_gaps(generator, values):
    return np.where(generator.random(values.shape) < 0.08, np.nan, values)


def made_up(generator, n=150):
    """Responses and missing kinds as the cleaning notebook writes them."""
    relevant, known = drawn(generator, n)
    values = {
        "relevance": relevant,
        "concern": np.clip(relevant + generator.integers(-1, 2, relevant.shape), 1, 5),
        "familiarity": known,
        "occurrence": (generator.random(relevant.shape) < 0.15).astype(float),
    }
    responses, missing = {}, {}
    for item in ITEMS:
        answers = with_gaps(generator, values[item])
        for column, variable in enumerate(part.name for part in BOOK.parts(item).values()):
            one = pd.Series(answers[:, column])
            words = one.map({0.0: "no", 1.0: "yes"})
            responses[variable] = words if item == "occurrence" else one.astype("Int64")
            missing[variable] = np.where(one.isna(), "dont_know", "answered")
    return pd.DataFrame(responses), pd.DataFrame(missing)


RESPONSES, MISSING = made_up(rng())
ATTACKS = ratings.grid_values(RESPONSES, BOOK, "relevance")


def ranking():
    return ratings.ranking(RESPONSES, MISSING, BOOK, "relevance", rng=rng(), resamples=300)


def test_ranking_is_in_order_and_shares_are_of_those_who_rated():
    table = ranking()
    assert table["label"].tolist()[0] == LABELS[0] and table["label"].tolist()[-1] == LABELS[-1]
    assert table["mean_rank"].is_monotonic_increasing
    for row in table.itertuples():
        answers = ATTACKS[row.part].dropna()
        assert (row.n, row.count) == (len(answers), int((answers >= 4).sum()))
        interval = stats.binomtest(row.count, row.n).proportion_ci(method="wilson")
        assert (row.share_low, row.share_high) == pytest.approx((interval.low, interval.high))


def test_profile_has_one_row_per_attack_and_measure_in_one_order():
    table = attacks.attack_profile(RESPONSES, MISSING, BOOK, order=PARTS)
    assert len(table) == 3 * len(LABELS) and table["measure"].nunique() == 3
    orders = table.groupby("measure", sort=False)["label"].apply(list)
    assert all(order == orders.iloc[-1] for order in orders)
    assert orders.iloc[0] == LABELS
    met = table[table["measure"] == table["measure"].iloc[0]].set_index("label")
    reports = RESPONSES[BOOK.parts("occurrence")[PARTS[0]].name]
    assert met.loc[LABELS[0], "count"] == int((reports == "yes").sum())
    assert met.loc[LABELS[0], "n"] == int(reports.notna().sum())
    backwards = attacks.attack_profile(RESPONSES, MISSING, BOOK, order=PARTS[::-1])
    assert backwards["label"].tolist()[: len(LABELS)] == LABELS[::-1]


def test_tests_say_how_many_respondents_each_used():
    results = [
        ranks.friedman(ATTACKS, rng=rng(), resamples=50),
        ranks.skillings_mack(ATTACKS, rng=rng(), resamples=50),
        repeated_ordinal(ATTACKS).difference,
    ]
    table = ratings.tests_table(results)
    assert table["n"].tolist() == [len(ATTACKS.dropna()), 150, 150]
    assert table["df"].tolist() == ["5", "5", "5, 145"]
    assert table["detectable"].notna().tolist() == [True, True, False]
    pairs = ranks.pairwise_signed_rank(ATTACKS, rng=rng(), resamples=50)
    words = ratings.describe_difference(results, ratings.pairs_table(pairs, NAMES), parts="attacks")
    clear = int((pairs["p_adjusted"] < 0.05).sum())
    assert words.startswith("all 3 tests find a difference") and f"{clear} of 15 pairs" in words
    assert ratings.pairs_table(pairs, NAMES)["pair"].iloc[0] == f"{LABELS[0]} – {LABELS[1]}"


def test_words_follow_the_numbers():
    nothing = pd.DataFrame(
        {"first": ["a", "a", "b"], "second": ["b", "c", "c"], "p_adjusted": [0.2, math.nan, 1.0]}
    )
    flat = replace(ranks.friedman(ATTACKS, rng=rng(), resamples=50), p=0.4)
    words = ratings.describe_difference([flat], nothing, parts="services")
    assert words.startswith("no test finds a difference at 0.05 (n = ")
    assert words.endswith("); no pair of services is told apart")
    every = ratings.describe_difference([flat], nothing.assign(p_adjusted=0.01), parts="services")
    assert every.endswith("every pair of services is told apart")
    table = ranking()
    assert table["label"].iloc[0] in ratings.describe_order(table)
    table.loc[0, ["low", "high"]] = [1.0, 1.1]
    assert "apart from that of the second" in ratings.describe_order(table)
    table.loc[0, ["low", "high"]] = [1.0, 6.0]
    assert "overlaps with that of the second" in ratings.describe_order(table)


def test_model_table_shows_odds_ratios_and_their_thresholds():
    model, check = repeated_ordinal(ATTACKS), parallel_check(ATTACKS)
    table = ratings.model_table(model, check, NAMES)
    assert np.log(table["estimate"]).sum() == pytest.approx(0, abs=1e-9)
    assert table["estimate"].is_monotonic_decreasing
    shown = [name for name in table if name.startswith("at_least_")]
    assert shown == [f"at_least_{value:g}" for value in check.thresholds]
    row = table.iloc[0]
    share = (check.thresholds[0] <= ATTACKS).where(ATTACKS.notna()).mean()
    log_odds = np.log(share.astype(float) / (1 - share.astype(float)))
    want = math.exp(log_odds[row["part"]] - log_odds.mean())
    assert row[shown[0]] == pytest.approx(want)
    without = ratings.model_table(model, None, NAMES)
    assert not [name for name in without if "least" in name]
    assert "not testable" in ratings.describe_assumption(None)
    assert ratings.checked_parallel(ATTACKS.head(12)) is None
    assert ("no proof" in ratings.describe_assumption(check)) == (check.p >= 0.05)


def split_association(seed, *, complete=False, **settings):
    """Log odds ratios within and between respondents, and whether their intervals hold 1."""
    generator = rng(seed)
    rated, known = drawn(generator, 139, **settings)
    rated = pd.DataFrame(with_gaps(generator, rated))
    known = pd.DataFrame(known if complete else with_gaps(generator, known))
    rows = _all_attacks(rated, _Predictor("known", known, False), 0.95, 0.05, 0.8)
    return [(math.log(row["estimate"]), row["low"] < 1 < row["high"]) for row in rows]


@pytest.mark.parametrize(("within", "between"), [(0.8, 0.0), (0.0, 0.8)])
@pytest.mark.slow
def test_association_within_respondents_is_told_from_that_between(within, between):
    """The one that is there is found; the other is neither biased nor found too often."""
    runs = np.array(
        [
            split_association(seed, within=within, between=between, complete=True)
            for seed in range(RUNS)
        ],
        dtype=float,
    )
    strong, absent = (0, 1) if within else (1, 0)
    assert not runs[:, strong, 1].any() and runs[:, strong, 0].min() > 0
    # Three standard errors, of the mean and of a coverage of 0.95.
    error = runs[:, absent, 0].std() / math.sqrt(len(runs))
    assert abs(runs[:, absent, 0].mean()) < 3 * error
    assert runs[:, absent, 1].mean() >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / RUNS)


@pytest.mark.slow
def test_gaps_in_a_predictor_leave_the_row_within_respondents_right():
    """What `relevance_by_exposure` says of gaps: only the row between respondents is affected."""
    runs = np.array([split_association(seed, between=0.8) for seed in range(RUNS)], dtype=float)
    error = runs[:, 0, 0].std() / math.sqrt(len(runs))
    assert abs(runs[:, 0, 0].mean()) < 3 * error
    leaning = np.array([split_association(seed, within=0.8) for seed in range(RUNS)], dtype=float)
    assert 0 < leaning[:, 1, 0].mean() < 0.2 * leaning[:, 0, 0].mean()


def test_each_attack_is_tested_with_those_who_answered_both():
    table = attacks.relevance_by_exposure(RESPONSES, BOOK, rng=rng(), resamples=99)
    assert len(table) == 2 * (len(LABELS) + 2)
    first = table.iloc[0]
    rating = RESPONSES[BOOK.parts("relevance")[PARTS[0]].name]
    met = RESPONSES[BOOK.parts("occurrence")[PARTS[0]].name]
    both = rating.notna() & met.notna()
    assert (first["n"], first["exposed"]) == (int(both.sum()), int((met[both] == "yes").sum()))
    have, lack = (rating[both & (met == answer)].astype(float) for answer in ("yes", "no"))
    u = stats.mannwhitneyu(have, lack).statistic
    assert first["estimate"] == pytest.approx(u / len(have) / len(lack))
    singles = table[table["effect"] != "odds ratio"]
    want = stats.false_discovery_control(singles["p"])
    np.testing.assert_allclose(singles["p_adjusted"], want)
    assert table.loc[table["effect"] == "odds ratio", "p_adjusted"].isna().all()


def test_detectable_superiority_is_found_with_80_percent_power():
    """Normal ratings, 40 of 140 exposed, shifted to the probability that is said to be found."""
    generator = rng(5)
    m, n = 40, 140
    row = _one_attack(
        pd.Series(generator.normal(size=n)),
        pd.Series(np.arange(n) < m, dtype=float),
        True,
        rng=rng(),
        resamples=99,
        confidence=0.95,
        alpha=0.05,
        power=0.8,
    )
    shift = math.sqrt(2) * stats.norm.ppf(row["detectable"])
    have = generator.normal(shift, size=(4000, m))
    lack = generator.normal(size=(4000, n - m))
    p = stats.mannwhitneyu(have, lack, axis=1, method="asymptotic").pvalue
    assert np.mean(p < 0.05) == pytest.approx(0.8, abs=0.03)


def test_an_attack_that_nobody_met_is_not_estimable_and_breaks_nothing():
    responses = RESPONSES.copy()
    for variable in (part.name for part in BOOK.parts("occurrence").values()):
        responses[variable] = "no"
    table = attacks.relevance_by_exposure(responses, BOOK, rng=rng(), resamples=99)
    met = table[table["predictor"] == BOOK.item("occurrence").label]
    assert met["estimate"].isna().all() and met["p_adjusted"].isna().all()
    words = attacks.describe_exposure(table)
    assert f"nothing is said of {len(LABELS)} attacks" in words
    assert "within respondents not estimable" in words


def test_a_handful_of_exposed_gets_an_interval_that_does_not_rest_on_its_variance():
    """Three who all answered alike have no variance: an interval from it is far too short."""
    rating = pd.Series([1.0, 1, 1] + [1.0, 3, 4, 5, 3, 2] * 19)
    met = pd.Series([1.0] * 3 + [0.0] * 114)
    row = _one_attack(
        rating, met, True, rng=rng(), resamples=99, confidence=0.95, alpha=0.05, power=0.8
    )
    plain = rank_tests.mann_whitney(rating, met)
    assert row["low"] < plain.low < row["estimate"] < plain.high < row["high"]
    assert row["high"] - row["low"] > 2 * (plain.high - plain.low)


def exposure_rows(**changes):
    """A table of `relevance_by_exposure` with one attack, and the two rows over all attacks."""
    one = {
        "predictor": "Occurrence", "label": "Theft", "n": 120, "exposed": 40,
        "effect": "probability of superiority", "estimate": 0.7, "low": 0.6, "high": 0.8,
        "p": 0.001, "p_adjusted": 0.006, "detectable": 0.65, "null": 0.5,
    }  # fmt: skip
    model = {"effect": "odds ratio", "exposed": pd.NA, "p_adjusted": math.nan, "null": 1.0}
    rows = [one | changes] + [
        one | model | {"label": name, "estimate": 1.4, "low": 1.1, "high": 1.8}
        for name in ("All, within respondents", "All, between respondents")
    ]
    return pd.DataFrame(rows).astype({"exposed": "Int64"})


def test_the_sentence_on_exposure_says_which_way_and_on_how_many():
    up = attacks.describe_exposure(exposure_rows())
    assert "goes with higher relevance of Theft (probability of superiority 0.70" in up
    assert "n = 120" in up
    down = attacks.describe_exposure(exposure_rows(estimate=0.3, low=0.2, high=0.4))
    assert "goes with lower relevance of Theft" in down and "higher" not in down


def test_the_sentence_on_exposure_keeps_silent_about_few_and_finds_nothing_where_nothing_is():
    for few in ({"exposed": 3}, {"exposed": 117}, {"n": 4, "exposed": 2}):
        words = attacks.describe_exposure(exposure_rows(**few))
        assert "of no attack can it be told" in words and "none of" not in words
        assert "Theft" not in words and "nothing is said of 1 attack that few" in words
    nothing = attacks.describe_exposure(exposure_rows(p_adjusted=0.4))
    assert "Theft" not in nothing and "goes with none of 1 attack that can be told of" in nothing
    some = attacks.describe_exposure(
        pd.concat([exposure_rows(), exposure_rows(label="Copy", p_adjusted=0.4).head(1)])
    )
    assert "n = 120), and with no other of 2 attacks that can be told of" in some
    assert "Copy" not in some
    every = attacks.describe_exposure(exposure_rows())
    assert "n = 120): all of 1 attack that can be told of" in every
