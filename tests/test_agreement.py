"""Agreement of coders and counts of codes: against R, published examples and closed forms."""

from __future__ import annotations

import json
from pathlib import Path

import krippendorff
import numpy as np
import pandas as pd
import pytest

from mlsec_survey.stats import agreement as ag
from mlsec_survey.stats import contingency as ct

ORACLE = json.loads((Path(__file__).parent / "oracle" / "agreement.json").read_text())
DATA = ORACLE["data"]
NAN = None


# Krippendorff (2011), Computing Krippendorff's Alpha-Reliability: four observers, twelve units.
# Stated there: nominal 0.743, ordinal 0.815, interval 0.849.
FOUR = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
    [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
]
# The computational example with three coders and fifteen units that the documentation of the
# package krippendorff and Wikipedia's article on alpha share: nominal 0.691, ordinal 0.807,
# interval 0.811.
THREE = [
    [NAN, NAN, NAN, NAN, NAN, 3, 4, 1, 2, 1, 1, 3, 3, NAN, 3],
    [1, NAN, 2, 1, 3, 3, 4, 3, NAN, NAN, NAN, NAN, NAN, NAN, NAN],
    [NAN, NAN, 2, 1, 3, 4, 4, NAN, 2, 1, 1, 3, 3, NAN, 4],
]


def ordinal(values: list[int], counts: np.ndarray) -> np.ndarray:
    """Krippendorff's ordinal difference, which depends on the margins of pairable units."""
    margins = counts[counts.sum(axis=1) >= 2].sum(axis=0)
    order = np.argsort(values)
    below = dict(zip(np.asarray(values)[order], np.cumsum(margins[order]), strict=True))
    size = dict(zip(values, margins, strict=True))
    return np.array(
        [
            [
                (below[max(a, b)] - below[min(a, b)] + size[min(a, b)] - (size[a] + size[b]) / 2)
                ** 2
                if a != b
                else 0.0
                for b in values
            ]
            for a in values
        ]
    )


@pytest.mark.parametrize(
    ("ratings", "nominal", "ranked", "interval"),
    [(FOUR, 0.743, 0.815, 0.849), (THREE, 0.691, 0.807, 0.811)],
)
def test_alpha_gives_the_published_values(ratings, nominal, ranked, interval) -> None:
    values, counts = ag.value_counts(ratings)
    one = np.ones((1, len(counts)))
    for delta, expected in (
        (ag.distance_matrix(values, ag.nominal_distance), nominal),
        (ordinal(values, counts), ranked),
        (ag.distance_matrix(values, lambda a, b: (a - b) ** 2), interval),
    ):
        assert ag.krippendorff_alpha(counts, delta) == pytest.approx(expected, abs=5e-4)
        again = ag.resampled_alpha(counts, delta, np.arange(len(counts)), one)[0]
        assert again == pytest.approx(ag.krippendorff_alpha(counts, delta), abs=1e-12)


def test_weighting_a_unit_is_repeating_it() -> None:
    values, counts = ag.value_counts(FOUR)
    delta = ag.distance_matrix(values, ag.nominal_distance)
    weights = np.array([2, 0, 1, 3, 1, 1, 0, 1, 1, 2, 1, 1])
    repeated = np.repeat(counts, weights, axis=0)
    weighted = ag.resampled_alpha(counts, delta, np.arange(12), weights[None])[0]
    expected = krippendorff.alpha(value_counts=repeated, level_of_measurement="nominal")
    assert weighted == pytest.approx(expected, abs=1e-12)


def test_alpha_is_undefined_without_variation() -> None:
    assert np.isnan(ag.krippendorff_alpha([[2, 0], [2, 0]], 1 - np.eye(2)))
    assert np.isnan(ag.krippendorff_alpha([[1, 0], [0, 1]], 1 - np.eye(2)))
    none = ag.resampled_alpha([[2, 0], [2, 0]], 1 - np.eye(2), [0, 1], np.ones((1, 2)))
    assert np.isnan(none[0])


def test_masi_follows_its_definition() -> None:
    a, ab, bc, abc, d = (frozenset(x) for x in ("a", "ab", "bc", "abc", "d"))
    none: frozenset[str] = frozenset()
    assert ag.masi_distance(ab, ab) == 0
    assert ag.masi_distance(a, ab) == pytest.approx(1 - 1 / 2 * 2 / 3)
    assert ag.masi_distance(abc, bc) == pytest.approx(1 - 2 / 3 * 2 / 3)
    assert ag.masi_distance(ab, bc) == pytest.approx(1 - 1 / 3 * 1 / 3)
    assert ag.masi_distance(ab, d) == 1
    assert ag.masi_distance(none, a) == ag.masi_distance(a, none) == 1
    assert ag.masi_distance(none, none) == 0
    assert ag.jaccard_distance(ab, bc) == pytest.approx(2 / 3)
    assert ag.jaccard_distance(none, a) == 1
    assert ag.jaccard_distance(none, none) == 0


def test_alpha_of_sets_by_its_definition() -> None:
    """Observed over expected disagreement, summed pair by pair without a coincidence matrix."""
    rng = np.random.default_rng(4)
    sets = [frozenset(np.array(list("abc"))[rng.random(3) < 0.5]) for _ in range(60)]
    first, second = (
        sets[:30],
        [s if rng.random() < 0.7 else t for s, t in zip(sets[:30], sets[30:], strict=True)],
    )
    pooled = [*first, *second]
    observed = np.mean([ag.masi_distance(a, b) for a, b in zip(first, second, strict=True)])
    expected = np.mean(
        [
            ag.masi_distance(a, b)
            for i, a in enumerate(pooled)
            for j, b in enumerate(pooled)
            if i != j
        ]
    )
    found = ag.set_agreement(
        first, second, list("abc"), range(30), resamples=50, rng=np.random.default_rng(1)
    )
    assert found["alpha_masi"].estimate == pytest.approx(1 - observed / expected, abs=1e-12)
    assert found["exact"].estimate == np.mean([a == b for a, b in zip(first, second, strict=True)])
    for result in found.values():
        assert result.low <= result.estimate <= result.high
        assert (result.n, result.extra["units"]) == (30, 30)


def coded(*names: str) -> pd.DataFrame:
    return pd.DataFrame({f"c{k}": np.array(DATA[name], dtype=bool) for k, name in enumerate(names)})


def test_kappa_is_that_of_r() -> None:
    found = ag.code_agreement(
        coded("first", "rare"),
        coded("second", "rare_second"),
        np.arange(240) // 3,
        resamples=300,
        rng=np.random.default_rng(1),
    )
    for code, name in (("c0", "kappa"), ("c1", "kappa_rare")):
        assert found.loc[code, "kappa"] == pytest.approx(ORACLE[name]["kappa"], abs=1e-12)
        assert found.loc[code, "agreement"] == pytest.approx(ORACLE[name]["agreement"], abs=1e-12)
        assert (
            found.loc[code, "kappa_low"] < found.loc[code, "kappa"] < found.loc[code, "kappa_high"]
        )
    many = pd.crosstab(pd.Series(DATA["many_first"]), pd.Series(DATA["many_second"]))
    assert ag.cohen_kappa(many) == pytest.approx(ORACLE["kappa_many"], abs=1e-12)
    first = found.loc["c0"]
    assert (first["first"], first["second"]) == (sum(DATA["first"]), sum(DATA["second"]))
    # With two coders alpha is Scott's pi with a correction of 1/(2 units).
    given = (first["first"] + first["second"]) / 480
    pi = 1 - (1 - first["agreement"]) / (2 * given * (1 - given))
    assert first["alpha"] == pytest.approx(1 - (1 - pi) * 479 / 480, abs=1e-12)


def test_a_code_that_nobody_gave_has_no_agreement() -> None:
    nothing = pd.DataFrame({"x": [False] * 6, "y": [True, False] * 3})
    found = ag.code_agreement(
        nothing, nothing, range(6), resamples=20, rng=np.random.default_rng(1)
    )
    assert found.loc["x", ["kappa", "alpha", "kappa_low", "alpha_high"]].isna().all()
    assert found.loc["x", "undefined"] == 1
    assert found.loc["y", "kappa"] == 1


def test_pooled_kappa_averages_agreement_first() -> None:
    cells = np.array([[[20, 5], [10, 65]], [[1, 2], [3, 94]]], dtype=float)
    observed = np.mean([0.85, 0.95])
    expected = np.mean([0.25 * 0.3 + 0.75 * 0.7, 0.03 * 0.04 + 0.97 * 0.96])
    assert ag.pooled_kappa(cells) == pytest.approx((observed - expected) / (1 - expected))
    assert ag.pooled_kappa(cells[:1]) == pytest.approx(ag.cohen_kappa(cells[0]))


@pytest.mark.slow
def test_bootstrap_interval_covers_with_clustered_answers() -> None:
    """Answers of one respondent share how hard they are to code; kappa's interval still covers."""
    rng = np.random.default_rng(11)
    people, each = 120, 3
    given, hard, easy = 0.3, 0.25, 0.05

    def wave(n: int) -> tuple[np.ndarray, np.ndarray]:
        truth = np.repeat(rng.random(n) < given, each) ^ (rng.random(n * each) < 0.1)
        error = np.repeat(np.where(rng.random(n) < 0.4, hard, easy), each)
        return truth ^ (rng.random(n * each) < error), truth ^ (rng.random(n * each) < error)

    a, b = wave(200_000)
    target = float(ag.cohen_kappa(pd.crosstab(a, b)))
    covered = 0
    for _ in range(200):
        a, b = wave(people)
        found = ag.code_agreement(
            pd.DataFrame({"c": a}),
            pd.DataFrame({"c": b}),
            np.repeat(np.arange(people), each),
            resamples=300,
            rng=rng,
        ).loc["c"]
        covered += found["kappa_low"] <= target <= found["kappa_high"]
    # In 1,000 samples 0.943; resampling answers instead of respondents would give 0.913.
    assert 0.91 <= covered / 200 <= 0.99


def test_a_group_without_an_answer_counts_nothing() -> None:
    codes = coded("first")
    counts, _ = ct.counts_by_group(codes, DATA["attack"], list("abcde"))
    assert counts.loc["c0"].sum() == sum(DATA["first"])
    more, sizes = ct.counts_by_group(codes, DATA["attack"], list("abcdef"))
    assert (sizes["f"], more.loc["c0", "f"]) == (0, 0)


def test_pairs_are_those_of_r() -> None:
    table = ct.pair_counts(coded("first", "either"))
    both = sum(a and b for a, b in zip(DATA["first"], DATA["either"], strict=True))
    row = table.iloc[0]
    assert (row["first"], row["second"], row["count"]) == ("c0", "c1", both)
    assert row["expected"] == pytest.approx(ORACLE["pair_expected"], abs=1e-12)
    assert row["residual"] == pytest.approx(ORACLE["pair_stdres"], abs=1e-12)


def test_exchanging_within_clusters_has_its_closed_form() -> None:
    """One code on one of two answers of each of m respondents: the count is Binomial(m, 1/2)."""
    m, hits = 12, 11
    codes = pd.DataFrame(
        {"c": [k < hits if g == 0 else k >= hits for k in range(m) for g in (0, 1)]}
    )
    found = ct.within_cluster_test(
        codes,
        ["x", "y"] * m,
        np.repeat(np.arange(m), 2),
        ["x", "y"],
        resamples=20_000,
        rng=np.random.default_rng(2),
    )
    exact = 2 * (1 + m) / 2**m
    assert list(found["count"]) == [11, 1]
    assert found["expected"].to_numpy() == pytest.approx([6, 6], abs=0.05)
    assert found["z"].to_numpy() == pytest.approx(np.array([5, -5]) / np.sqrt(m / 4), abs=0.06)
    assert found["p"].to_numpy() == pytest.approx(exact, abs=0.0025)
    # Both cells say the same, so there is nothing to adjust for.
    assert found["p_adjusted"].to_numpy() == pytest.approx(exact, abs=0.0025)


def test_habits_of_respondents_are_no_association() -> None:
    """Who names a code names it everywhere: nothing to exchange, however uneven the groups are."""
    person = np.repeat(np.arange(40), 3)
    habit = pd.DataFrame({"c": person < 15})
    found = ct.within_cluster_test(
        habit,
        ["x", "y", "z"] * 40,
        person,
        ["x", "y", "z"],
        resamples=200,
        rng=np.random.default_rng(3),
    )
    assert found["z"].isna().all()
    assert found["p_adjusted"].isna().all()


@pytest.mark.slow
def test_familywise_error_of_the_exchange_test() -> None:
    """Codes given by habit and chance alone: some cell is significant in about 5 % of samples."""
    rng = np.random.default_rng(5)
    person = np.repeat(np.arange(50), 4)
    false = 0
    for _ in range(150):
        habits = np.repeat(rng.beta(1, 3, (50, 5)), 4, axis=0)
        codes = pd.DataFrame(rng.random(habits.shape) < habits)
        found = ct.within_cluster_test(
            codes, list("abcd") * 50, person, list("abcd"), resamples=199, rng=rng
        )
        false += (found["p_adjusted"] <= 0.05).any()
    assert false / 150 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)
    assert false >= 1


def test_evenness_runs_from_one_group_to_all() -> None:
    counts = pd.DataFrame({"a": [5, 4, 0, 2], "b": [10, 0, 0, 2]}, index=list("wxyz"))
    even = ct.evenness(counts, pd.Series({"a": 10, "b": 20}))
    assert even["w"] == pytest.approx(1)
    assert even["x"] == 0
    assert np.isnan(even["y"])
    share = np.array([2 / 3, 1 / 3])
    assert even["z"] == pytest.approx(-(share * np.log(share)).sum() / np.log(2))
    codes = pd.DataFrame({"c": [True, False, True, True, False, True] * 5})
    found = ct.evenness_interval(
        codes,
        ["a", "b"] * 15,
        np.repeat(np.arange(15), 2),
        ["a", "b"],
        resamples=200,
        rng=np.random.default_rng(1),
    ).loc["c"]
    assert found["low"] <= found["estimate"] <= found["high"] <= 1


def test_intersections_count_every_unit_once() -> None:
    codes = pd.DataFrame(
        {"a": [1, 1, 1, 0, 0, 0], "b": [1, 1, 0, 1, 0, 1], "c": [0, 0, 0, 1, 0, 0]}, dtype=bool
    )
    table, others = ct.intersections(codes, most=2)
    assert list(table["codes"]) == [("a", "b"), ("a",)]
    assert list(table["count"]) == [2, 1]
    assert list(table["carrying"]) == [2, 3]
    assert others == 2
    full, none = ct.intersections(codes, most=9)
    assert (full["count"].sum(), none) == (5, 0)
