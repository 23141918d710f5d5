"""Corrections for multiplicity against R, an exact enumeration, and a simulated error rate."""

import dataclasses
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats import categorical, multiplicity, rank_tests
from mlsec_survey.stats.multiplicity import (
    Tested,
    benjamini_hochberg,
    holm,
    step_down_max_t,
    step_down_min_p,
    westfall_young,
)
from mlsec_survey.stats.tables import TableTest, score_correlation
from mlsec_survey.stats.tests import TESTS

R = json.loads((Path(__file__).parent / "oracle" / "tables.json").read_text())
CLOSE = {"rel": 1e-8, "abs": 1e-12}


def test_holm_and_benjamini_hochberg_agree_with_r() -> None:
    adjust = R["adjust"]
    assert holm(adjust["p"]) == pytest.approx(adjust["holm"], **CLOSE)
    assert benjamini_hochberg(adjust["p"]) == pytest.approx(adjust["bh"], **CLOSE)


def test_benjamini_hochberg_agrees_with_scipy() -> None:
    p = np.random.default_rng(1).beta(0.5, 2, size=37)
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p), **CLOSE)


@pytest.mark.slow
def test_holm_agrees_with_statsmodels() -> None:
    for size in (1, 2, 40):
        p = np.random.default_rng(size).beta(0.5, 2, size=size).round(2)
        assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], **CLOSE)


def test_a_missing_p_value_stays_missing_and_does_not_count() -> None:
    for function, name in ((holm, "holm"), (benjamini_hochberg, "bh")):
        got = function([0.02, math.nan, 0.01])
        want = [math.nan if v == "NA" else v for v in R["adjust"]["with_missing"][name]]
        assert got == pytest.approx(want, nan_ok=True, **CLOSE)
    assert np.isnan(holm([math.nan])).all()


def test_impossible_p_values_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.2, 1.2])


def every_assignment() -> tuple[np.ndarray, np.ndarray]:
    """Statistics of the small example under all distinct group labels; the observed one apart."""
    joint = R["joint"]
    outcomes = np.array([joint["a"], joint["b"]], dtype=float)
    chosen = [set(c) for c in itertools.combinations(range(7), 3)]
    observed_at = chosen.index({k for k, g in enumerate(joint["g"]) if g})
    t = np.array(
        [
            [abs(np.corrcoef([float(k in c) for k in range(7)], o)[0, 1]) for o in outcomes]
            for c in chosen
        ]
    )
    return t[observed_at], np.delete(t, observed_at, axis=0)


def test_step_down_max_t_is_exact_over_all_permutations() -> None:
    observed, others = every_assignment()
    raw, adjusted = step_down_max_t(observed, others)
    assert raw == pytest.approx(R["joint"]["raw"], **CLOSE)
    assert adjusted == pytest.approx(R["joint"]["adjusted"], **CLOSE)


def test_step_down_min_p_is_westfall_and_youngs_algorithm() -> None:
    observed, others = every_assignment()
    raw, adjusted = step_down_min_p(observed, others)
    t = np.vstack([observed, others])
    p = np.array([[(t[:, k] >= row[k] - 1e-12).mean() for k in range(2)] for row in t])
    first, second = np.argsort(p[0])
    smallest = np.mean(p.min(1) <= p[0, first] + 1e-12)
    assert raw == pytest.approx(p[0])
    assert adjusted[first] == pytest.approx(smallest)
    assert adjusted[second] == pytest.approx(max(smallest, np.mean(p[:, second] <= p[0, second])))


def test_joint_permutation_agrees_with_coins_step_down(monkeypatch: pytest.MonkeyPatch) -> None:
    def correlation(t: np.ndarray, s: np.ndarray, v: np.ndarray, _: float | None) -> TableTest:
        r = score_correlation(t, s, v)
        return TableTest(r, r, r)

    linear = dataclasses.replace(TESTS["spearman"], key="linear", score=correlation)
    monkeypatch.setitem(TESTS, "linear", linear)
    joint = R["joint"]
    data = pd.DataFrame({name: joint[name] for name in ("a", "b", "g")})
    family = [Tested(name, name, "g", "linear") for name in ("a", "b")]
    table = westfall_young(
        data, family, rng=np.random.default_rng(5), resamples=40_000, method="max_t"
    )
    # Monte Carlo error of both, three standard errors.
    assert table["p_adjusted"].to_numpy() == pytest.approx(joint["coin"], abs=0.009)
    assert table["p_adjusted"].to_numpy() == pytest.approx(joint["adjusted"], abs=0.008)
    assert table["p"].to_numpy() == pytest.approx(joint["raw"], abs=0.008)


def test_equal_hypotheses_cost_nothing_and_holm_pays_for_them() -> None:
    rng = np.random.default_rng(6)
    x = pd.Series(rng.integers(0, 5, 60))
    data = pd.DataFrame({"x": x, "y": x + rng.integers(0, 6, 60)})
    data["copy"] = data["y"]
    family = [Tested(name, name, "x", "kendall_tau_b") for name in ("y", "copy")]
    table = westfall_young(data, family, rng=rng, resamples=999)
    assert table["p_adjusted"].tolist() == table["p"].tolist()


@pytest.mark.slow
def test_raw_p_values_are_those_of_the_single_tests() -> None:
    rng = np.random.default_rng(7)
    n = 90
    data = pd.DataFrame(
        {
            "x": rng.integers(0, 4, n),
            "rare": (rng.random(n) < 0.2).astype(int),
            "count": rng.integers(0, 7, n),
        }
    )
    data["count"] += data["x"] // 2
    family = [
        Tested("trend", "rare", "x", "trend_permutation"),
        Tested("tau", "count", "x", "kendall_tau_b"),
        Tested("superiority", "count", "rare", "brunner_munzel"),
        Tested("groups", "count", "x", "kruskal_permutation"),
    ]
    table = westfall_young(data, family, rng=rng, resamples=20_000).set_index("label")
    single = {
        "trend": categorical.trend_permutation(data["rare"], data["x"]).p,
        "tau": rank_tests.kendall_tau_b(data["count"], data["x"], rng=rng).p,
        "superiority": rank_tests.brunner_munzel(data["count"], data["rare"], rng=rng).p,
        "groups": rank_tests.kruskal_permutation(data["count"], data["x"], rng=rng).p,
    }
    for label, p in single.items():
        error = 4 * math.sqrt(p * (1 - p) * (1 / 20_000 + 1 / 9_999)) + 1e-4
        assert table.loc[label, "p"] == pytest.approx(p, abs=error), label
    assert (table["p_adjusted"] >= table["p"] - 1e-12).all()


@pytest.mark.slow
def test_familywise_error_is_held_and_less_is_given_away_than_by_holm() -> None:
    """Three correlated null outcomes, 400 data sets: error rate at 5 %, within 3 errors."""
    rng = np.random.default_rng(8)
    runs, rejected, holm_rejected = 400, 0, 0
    family = [Tested(name, name, "x", "spearman") for name in "abc"]
    for _ in range(runs):
        common = rng.normal(size=40)
        data = pd.DataFrame({c: np.round(common + 0.3 * rng.normal(size=40), 0) for c in "abc"})
        data["x"] = rng.integers(0, 5, 40)
        table = westfall_young(data, family, rng=rng, resamples=199)
        rejected += (table["p_adjusted"] <= 0.05).any()
        holm_rejected += (holm(table["p"]) <= 0.05).any()
    assert rejected / runs == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / runs))
    assert holm_rejected < rejected


def test_respondents_with_a_missing_answer_are_left_out_of_their_test_only() -> None:
    rng = np.random.default_rng(9)
    data = pd.DataFrame(rng.integers(0, 4, (50, 3)), columns=["x", "y", "z"]).astype(float)
    data.loc[:9, "y"] = np.nan
    family = [Tested("y", "y", "x", "kendall_tau_b"), Tested("z", "z", "x", "kendall_tau_b")]
    table = westfall_young(data, family, rng=rng, resamples=99)
    assert table["n"].tolist() == [40, 50]
    want = abs(rank_tests.kendall_tau_b(data["y"], data["x"]).statistic)
    assert table["statistic"].iloc[0] == pytest.approx(want)


def test_what_cannot_be_tested_is_refused() -> None:
    data = pd.DataFrame({"x": [0, 1, 2, 1], "same": [1, 1, 1, 1], "y": [0, 1, 2, 2]})
    rng = np.random.default_rng(1)
    with pytest.raises(AnalysisError, match="same for all"):
        westfall_young(data, [Tested("a", "same", "x", "kendall_tau_b")], rng=rng)
    with pytest.raises(AnalysisError, match="two values"):
        westfall_young(data, [Tested("a", "y", "x", "trend_permutation")], rng=rng)
    with pytest.raises(AnalysisError, match="without hypotheses"):
        westfall_young(data, [], rng=rng)


def test_blocks_of_permutations_leave_results_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """101 permutations at once, in blocks of 7 with a rest of 3, and one by one."""
    rng = np.random.default_rng(4)
    data = pd.DataFrame({"y": rng.integers(0, 4, 60), "x": rng.integers(0, 3, 60)}, dtype=float)
    data.loc[::9, "y"] = np.nan
    family = [Tested("a", "y", "x", "kendall_tau_b"), Tested("b", "x", "y", "kendall_tau_b")]
    tables = []
    for least in (101, 7, 1):
        monkeypatch.setattr(multiplicity, "_CELLS_AT_ONCE", 1)
        monkeypatch.setattr(multiplicity, "_LEAST_AT_ONCE", least)
        drawn = np.random.default_rng(8)
        tables.append(westfall_young(data, family, rng=drawn, resamples=101))
    assert 0 < tables[0]["p_adjusted"].min() < 1
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0], check_exact=True)
