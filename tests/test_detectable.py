"""Smallest detectable effects against enumeration of all samples, simulation and textbooks."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats import categorical, rank_tests, tables
from mlsec_survey.stats.detectable import (
    brunner_munzel_power,
    expected_table,
    kendall_power,
)
from mlsec_survey.stats.exact import TrendDesign
from mlsec_survey.stats.tests import TESTS


def test_trend_power_is_exact_over_all_samples() -> None:
    """Ten respondents: run the test itself on each of the 2^10 possible outcomes."""
    counts, ratio, prevalence, alpha = (3, 4, 3), 3.0, 0.4, 0.2
    scores = pd.Series(np.repeat(np.arange(3), counts))
    low, high = -20.0, 20.0
    for _ in range(200):
        middle = (low + high) / 2
        share = special.expit(middle + math.log(ratio) * scores).mean()
        low, high = (middle, high) if share < prevalence else (low, middle)
    chance = special.expit(low + math.log(ratio) * scores.to_numpy())
    p_of: dict[tuple[int, int], float] = {}
    power = 0.0
    for outcome in itertools.product((0, 1), repeat=10):
        cases = np.array(outcome)
        if 0 < cases.sum() < 10:
            key = int(cases.sum()), int(cases @ scores)
            if key not in p_of:
                p_of[key] = categorical.trend_permutation(pd.Series(cases), scores).p
            if p_of[key] <= alpha:
                power += float(np.prod(np.where(cases, chance, 1 - chance)))
    assert power > 0.1
    design = TrendDesign(counts, (0, 1, 2))
    assert design.power(prevalence, math.log(ratio), alpha) == pytest.approx(power, abs=1e-9)


def test_trend_power_without_effect_stays_below_the_level() -> None:
    design = TrendDesign((17, 20, 42, 26, 29), (0, 1, 2, 3, 4))
    size = design.power(0.26, 0.0)
    assert 0.03 < size <= 0.05
    assert design.power(0.03, 0.0) < size


def test_the_smallest_odds_ratio_has_the_power_asked_for() -> None:
    design = TrendDesign((17, 20, 42, 26, 29), (0, 1, 2, 3, 4))
    scores = pd.Series(np.repeat(np.arange(5), design.counts))

    def detected(cases: int):
        outcome = pd.Series((np.arange(134) * 37 % 134 < cases).astype(int))
        return TESTS["trend_permutation"].detects(outcome, scores)

    found = detected(35)
    assert found.decrease < 1 < found.value
    for ratio in (found.value, found.decrease):
        assert design.power(35 / 134, math.log(ratio)) == pytest.approx(0.8, abs=1e-5)
    # Rarer outcomes need larger effects, and very rare ones are out of reach.
    assert detected(7).value > found.value
    assert detected(1).value == math.inf


def test_trend_power_agrees_with_simulation() -> None:
    counts, ratio = (30, 40, 30, 39), 1.7
    rng = np.random.default_rng(1)
    scores = np.repeat(np.arange(4), counts)
    table = expected_table(counts, [139 - 34.75, 34.75], math.log(ratio))
    chance = (table[:, 1] / np.array(counts))[scores]
    outcomes = rng.random((4_000, 139)) < chance
    drawn = tables.count_tables(scores, outcomes.astype(np.int64), 4, 2)
    share = (categorical.trend_score_on_tables(drawn).p <= 0.05).mean()
    # The simulated test is the normal approximation, so that a little more than the error is given.
    assert TrendDesign(counts, (0, 1, 2, 3)).power(0.25, math.log(ratio)) == pytest.approx(
        share, abs=0.03
    )


def test_expected_table_keeps_margins_and_odds_ratio() -> None:
    rows, columns = [20, 50, 30], [10, 25, 40, 25]
    table = expected_table(rows, columns, 0.7)
    assert table.sum(1) == pytest.approx(rows)
    assert table.sum(0) == pytest.approx(columns)
    above = 1 - np.cumsum(table, axis=1)[:, :-1] / np.array(rows)[:, None]
    steps = np.diff(special.logit(above), axis=0)
    assert steps == pytest.approx(np.full((2, 3), 0.7))


@pytest.mark.parametrize("slope", [0.0, 0.35, -0.6])
def test_power_of_rank_tests_agrees_with_simulation(slope: float) -> None:
    rng = np.random.default_rng(2)
    columns = np.array([9, 20, 31, 40, 25, 14])

    def simulated(rows: np.ndarray, test) -> tuple[np.ndarray, float]:
        table = expected_table(rows, columns, slope)
        share = table / table.sum(1, keepdims=True)
        drawn = np.stack(
            [rng.multinomial(n, s, size=4_000) for n, s in zip(rows, share, strict=True)], axis=1
        )
        return table, float((test(drawn).p <= 0.05).mean())

    table, share = simulated(np.array([12, 40, 52, 25, 10]), rank_tests.kendall_on_tables)
    assert kendall_power(table) == pytest.approx(share, abs=0.025)
    table, share = simulated(np.array([100, 39]), rank_tests.brunner_munzel_on_tables)
    assert brunner_munzel_power(table) == pytest.approx(share, abs=0.025)


def test_smallest_tau_and_superiority_have_the_power_asked_for() -> None:
    rng = np.random.default_rng(3)
    outcome = pd.Series(rng.integers(0, 8, 139))
    predictor = pd.Series(rng.integers(0, 5, 139))
    group = pd.Series((rng.random(139) < 0.3).astype(int))
    tau = TESTS["kendall_tau_b"].detects(outcome, predictor)
    assert tau.effect == "Kendall's tau-b" and 0.1 < tau.value < 0.3
    assert tau.decrease == pytest.approx(-tau.value, abs=0.02)
    # Rough check by Kendall's variance without ties: (z + z) * sqrt(2(2n + 5) / 9n(n - 1)).
    rough = (1.96 + 0.84) * math.sqrt(2 * (2 * 139 + 5) / (9 * 139 * 138))
    assert tau.value == pytest.approx(rough, rel=0.15)
    superiority = TESTS["brunner_munzel"].detects(outcome, group)
    sizes = group.value_counts()
    # Noether (1987) for groups without ties.
    noether = 0.5 + (1.96 + 0.84) * math.sqrt(140 / (12 * sizes[0] * sizes[1]))
    assert superiority.value == pytest.approx(noether, abs=0.01)
    assert superiority.decrease == pytest.approx(1 - superiority.value, abs=0.02)
    swapped = TESTS["brunner_munzel"].detects(group, outcome)
    assert swapped.value == pytest.approx(superiority.value)


def test_smallest_cramers_v_agrees_with_cohens_tables() -> None:
    """Cohen (1988), ch. 7: lambda for power 0.80 at 0.05 is 7.849 with df 1 and 9.635 with df 2."""
    for groups, noncentrality in ((2, 7.849), (3, 9.635)):
        outcome = pd.Series([0, 1] * 60)
        predictor = pd.Series(np.arange(120) % groups)
        found = TESTS["contingency_permutation"].detects(outcome, predictor)
        assert found.value == pytest.approx(math.sqrt(noncentrality / 120), rel=1e-3)
        assert math.isnan(found.decrease)
    few = pd.Series([0, 1] * 3)
    assert TESTS["contingency_permutation"].detects(few, few).value == math.inf


def test_whitehead_is_the_logistic_formula_for_two_levels() -> None:
    outcome = pd.Series([0, 1, 1, 0, 0] * 20)
    predictor = pd.Series(np.arange(100) % 4)
    found = TESTS["proportional_odds"].detects(outcome, predictor)
    information = 100 * 0.4 * 0.6 * 1.25
    reach = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert found.value == pytest.approx(math.exp(reach / math.sqrt(information)))
    assert found.decrease == pytest.approx(1 / found.value)


def test_trend_by_name_uses_the_respondents_with_both_answers() -> None:
    outcome = pd.Series([0.0, 1, 0, 0, 1, math.nan] * 20)
    predictor = pd.Series([1.0, 2, 3, 4, 5, 5] * 20)
    found = TESTS["trend_permutation"].detects(outcome, predictor)
    assert (found.n, found.effect) == (100, "odds ratio")
    design = TrendDesign((20,) * 5, (0, 1, 2, 3, 4))
    assert design.power(0.4, math.log(found.value)) == pytest.approx(0.8, abs=1e-5)


def test_tests_without_a_formula_are_named() -> None:
    with pytest.raises(AnalysisError, match="quasi-Poisson"):
        TESTS["quasi_poisson"].detects(pd.Series([0, 1, 2]), pd.Series([0, 1, 0]))
