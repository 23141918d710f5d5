"""Handling of missing answers against R's mice (tests/oracle/imputation.R) and simulation."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

from mlsec_survey.analysis import missing_answers
from mlsec_survey.analysis.missing_answers import (
    _multinomial_logit,
    dont_know_as_answer,
    impute,
    under_each_handling,
)
from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.pooling import pool, pool_chi_square, pool_results
from mlsec_survey.stats.rank_tests import kendall_tau_b
from mlsec_survey.stats.result import TestResult

R = json.loads((Path(__file__).parent / "oracle" / "imputation.json").read_text())
CLOSE = {"rel": 1e-10, "abs": 1e-12}


@pytest.fixture
def survey():
    return pd.DataFrame(R["survey"]["data"], dtype="Float64").astype("Int64")


@pytest.mark.parametrize(("key", "df_complete"), [("large", math.inf), ("small", 137)])
def test_rubins_rules_agree_with_mice(key, df_complete):
    given = R["scalar"]
    pooled = pool(given["estimates"], given["errors"], df_complete=df_complete)
    for name, want in given[key].items():
        assert getattr(pooled, name) == pytest.approx(want, **CLOSE), name


def test_pooling_without_variation_between_imputations():
    pooled = pool([0.3, 0.3], [0.1, 0.1])
    assert pooled.df == math.inf and pooled.relative_increase == 0
    assert pooled.high == pytest.approx(0.3 + stats.norm.ppf(0.975) * 0.1, **CLOSE)


def test_pooled_chi_squares_agree_with_r():
    d2 = R["d2"]
    chi = pool_chi_square(d2["d"], d2["df1"])
    assert chi.statistic == pytest.approx(d2["statistic"], **CLOSE)
    assert chi.df == pytest.approx((3, d2["df"]), **CLOSE)
    assert chi.p == pytest.approx(d2["p"], **CLOSE)


def slope(frame, columns=("know", "size")):
    """Least-squares coefficients of concern, with standard errors."""
    frame = frame.dropna().astype(float)
    x = np.column_stack([np.ones(len(frame)), *(frame[c] for c in columns)])
    y = frame["concern"].to_numpy()
    covariance = np.linalg.inv(x.T @ x)
    b = covariance @ x.T @ y
    residual = y - x @ b
    return b, np.sqrt(np.diag(covariance) * (residual @ residual) / (len(y) - len(b)))


@pytest.mark.slow
def test_imputation_agrees_with_mice(survey):
    want = R["survey"]
    done = impute(survey, rng=np.random.default_rng(5), imputations=150)
    assert slope(survey)[0] == pytest.approx(want["complete"], rel=1e-10)
    fits = [slope(frame) for frame in done.datasets]
    means = [frame["know"].mean() for frame in done.datasets]
    # Monte Carlo error of a mean over m imputations whose means spread by s is s / sqrt(m).
    error = want["know_spread"] * math.sqrt(1 / 150 + 1 / 400)
    assert abs(np.mean(means) - want["know_mean"]) < 4 * error
    for k in range(3):
        pooled = pool([b[k] for b, _ in fits], [se[k] for _, se in fits], df_complete=136)
        between = np.std([b[k] for b, _ in fits], ddof=1)
        error = between * math.sqrt(1 / 150 + 1 / 400)
        assert abs(pooled.estimate - want["estimate"][k]) < 4 * error
        assert pooled.standard_error == pytest.approx(want["standard_error"][k], rel=0.04)


def test_only_missing_answers_change_and_types_stay(survey):
    survey = survey.assign(
        role=pd.Categorical(np.where(survey["size"].fillna(1) > 3, "security", "data scientist")),
        team=pd.Categorical(
            survey["size"].astype("object").map({1: "small", 2: "small", 3: "some"}).fillna("many"),
            categories=["none", "small", "some", "many"],
            ordered=True,
        ),
        spare=pd.Series(np.linspace(0, 1, len(survey)), index=survey.index),
    ).set_index(np.arange(len(survey)) * 3 + 7)
    gaps = survey.copy()
    gaps.iloc[::9, 3] = np.nan
    gaps.iloc[1::11, 4] = np.nan
    gaps.iloc[2::13, 5] = np.nan
    done = impute(gaps, rng=np.random.default_rng(1), imputations=3, iterations=3)
    assert len(done.datasets) == 3
    for frame in done.datasets:
        assert frame.index.equals(gaps.index)
        assert list(frame.dtypes) == list(gaps.dtypes)
        assert not frame.isna().any(axis=None)
        for name in gaps:
            given = gaps[name].notna()
            pd.testing.assert_series_equal(frame.loc[given, name], gaps.loc[given, name])
            assert set(frame[name]) <= set(gaps[name].dropna())
    assert done.filled.to_dict() == gaps.isna().sum().to_dict()
    assert not done.datasets[0].equals(done.datasets[1])
    again = impute(gaps, rng=np.random.default_rng(1), imputations=3, iterations=3)
    pd.testing.assert_frame_equal(done.datasets[2], again.datasets[2])


def test_an_answer_that_does_not_exist_is_not_filled(survey):
    hidden = survey.isna()
    hidden.loc[hidden.index % 2 == 1] = False
    done = impute(
        survey, rng=np.random.default_rng(2), imputations=2, iterations=2, keep_missing=hidden
    )
    for frame in done.datasets:
        pd.testing.assert_frame_equal(frame.isna(), hidden)
    assert done.filled.sum() == survey.isna().sum().sum() - hidden.sum().sum()


def test_chains_settle(survey):
    done = impute(survey, rng=np.random.default_rng(3), imputations=20, iterations=20)
    assert (done.scale_reduction().dropna() < 1.2).all()
    assert set(done.scale_reduction().index) == {"size", "know"}


def test_nominal_columns_keep_their_relation():
    # Levels that follow the other column closely: a filled level must do so as well.
    rng = np.random.default_rng(4)
    x = rng.integers(0, 3, 400)
    group = np.where(rng.random(400) < 0.9, x, rng.integers(0, 3, 400))
    names = ["a", "b", "c"]
    data = pd.DataFrame(
        {
            "x": pd.Categorical.from_codes(x, names),
            "group": pd.Categorical.from_codes(group, names),
        }
    )
    gaps = data.copy()
    lost = rng.random(400) < 0.3
    gaps.loc[lost, "group"] = np.nan
    done = impute(gaps, rng=rng, imputations=20, iterations=2)
    agree = np.mean([(f["group"] == f["x"])[lost].mean() for f in done.datasets])
    expected = np.mean((group == x)[~lost])
    assert agree == pytest.approx(expected, abs=0.04)


def test_multinomial_weights_maximise_the_penalised_likelihood():
    """The plain definition, sample by sample, by a general optimiser; one sample lacks a level."""
    rng = np.random.default_rng(7)
    n, columns, levels, ridge = 40, 3, 4, 0.01
    design = np.concatenate([np.ones((3, n, 1)), rng.normal(size=(3, n, columns - 1))], axis=2)
    level = np.minimum(rng.integers(0, levels, n), levels - 1)
    times = rng.multinomial(n, np.full(n, 1 / n), size=3)
    times[1, level == 2] = 0
    times[2] = level == (design[2, :, 1] > 0) * 3  # separated by one column
    found = _multinomial_logit(design, level, times, levels)
    for k in range(3):

        def loss(flat, k=k):
            weights = flat.reshape(columns, levels)
            fit = special.log_softmax(design[k] @ weights, axis=1)[np.arange(n), level]
            half = special.log_softmax(weights[0]).mean() / 2
            return -(times[k] * fit).sum() - half + ridge / 2 * (weights[1:] ** 2).sum()

        best = optimize.minimize(loss, np.zeros(columns * levels), tol=1e-10).x
        want = special.softmax(design[k] @ best.reshape(columns, levels), axis=1)
        assert special.softmax(design[k] @ found[k], axis=1) == pytest.approx(want, abs=2e-4)


def test_models_in_chunks_draw_what_they_draw_at_once(monkeypatch):
    """Five samples at once, in twos with one left over, and one by one, of a nominal item."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=80)
    group = np.where(x + rng.normal(size=80) > 0, "b", rng.choice(["a", "c"], 80))
    data = pd.DataFrame({"x": x, "group": pd.Categorical(group)})
    data.loc[rng.random(80) < 0.25, "group"] = np.nan
    answered = int(data["group"].notna().sum())
    # The design of `group` has a constant and x.
    drawn = []
    for values in (10**9, 2 * answered * 2**2, 1):
        monkeypatch.setattr(missing_answers, "_VALUES_AT_ONCE", values)
        done = impute(data, rng=np.random.default_rng(9), imputations=5, iterations=2)
        drawn.append([frame["group"].tolist() for frame in done.datasets])
    assert drawn[0] == drawn[1] == drawn[2]
    assert len({tuple(groups) for groups in drawn[0]}) > 1


@pytest.mark.slow
def test_intervals_cover_where_complete_cases_are_biased():
    # Answers on knowledge go missing where concern is high. The mean of knowledge is biased in
    # complete cases; multiple imputation covers it.
    rng = np.random.default_rng(6)
    runs, covered, covered_cc = 150, 0, 0
    for _ in range(runs):
        concern = rng.normal(size=139)
        know = np.round(2 + 0.8 * concern + rng.normal(size=139), 1)
        lost = rng.random(139) < stats.norm.cdf(-0.6 + 0.9 * concern)
        data = pd.DataFrame({"know": np.where(lost, np.nan, know), "concern": concern})
        done = impute(data, rng=rng, imputations=8, iterations=1)
        means = [f["know"].mean() for f in done.datasets]
        errors = [f["know"].sem() for f in done.datasets]
        pooled = pool(means, errors, df_complete=138)
        covered += pooled.low <= 2 <= pooled.high
        cc = data["know"].dropna()
        covered_cc += abs(cc.mean() - 2) <= stats.t.ppf(0.975, len(cc) - 1) * cc.sem()
    assert covered / runs > 0.88
    assert covered_cc / runs < 0.5


def test_dont_know_as_a_level():
    data = pd.DataFrame(
        {
            "know": pd.array([1, pd.NA, 4, pd.NA], dtype="Int64"),
            "role": pd.Categorical(["b", np.nan, "a", "b"], categories=["b", "a"]),
            "size": pd.Categorical(["s", "m", np.nan, "s"], ["s", "m", "l"], ordered=True),
            "mean": [0.5, np.nan, 2.0, 1.5],
        }
    )
    unknown = pd.DataFrame(
        {
            "know": [False, True, False, False],
            "role": [False, True, False, False],
            "size": [False, False, True, False],
            "mean": [False, True, False, False],
        }
    )
    apart = dont_know_as_answer(data, unknown)
    assert apart.data["know"].tolist()[:3] == ["1", "don't know", "4"]
    assert apart.data["know"].isna().tolist() == [False, False, False, True]
    assert list(apart.data["role"].cat.categories) == ["b", "a", "don't know"]
    assert not apart.data["size"].cat.ordered
    assert "4 answers" in apart.note
    low = dont_know_as_answer(data, unknown, ["know", "size", "mean"], place="lowest").data
    assert low["know"].tolist()[:3] == [1, -2, 4]
    assert low["mean"].tolist() == [0.5, 0.0, 2.0, 1.5]
    assert low["size"].tolist() == ["s", "m", "don't know", "s"]
    assert low["size"].cat.codes.tolist() == [1, 2, 0, 1]
    high = dont_know_as_answer(data, unknown, ["size"], place="highest").data
    assert high["size"].cat.codes.tolist() == [0, 1, 3, 0]
    with pytest.raises(AnalysisError, match="no order"):
        dont_know_as_answer(data, unknown, ["role"], place="lowest")
    with pytest.raises(AnalysisError, match="both an answer"):
        dont_know_as_answer(data, ~unknown)


def result(estimate, low, high, effect="odds ratio", null=1.0, **more):
    return TestResult("a method", effect, estimate, low, high, 139, null=null, **more)


def test_pooled_results_are_pooled_on_their_scale():
    z = stats.norm.ppf(0.975)
    logs, errors = np.log([1.5, 1.8, 1.2]), np.array([0.3, 0.35, 0.28])
    results = [
        result(math.exp(b), math.exp(b - z * s), math.exp(b + z * s), notes=("same", str(b)))
        for b, s in zip(logs, errors, strict=True)
    ]
    want = pool(logs, errors, df_complete=137)
    got = pool_results(results)
    assert got.estimate == pytest.approx(math.exp(want.estimate), **CLOSE)
    assert (got.low, got.high) == pytest.approx((math.exp(want.low), math.exp(want.high)), **CLOSE)
    assert got.p == pytest.approx(want.p, **CLOSE)
    assert got.null == 1.0 and got.n == 139
    assert got.notes[0] == "same" and len(got.notes) == 2
    with pytest.raises(AnalysisError, match="finite"):
        pool_results([results[0], result(math.inf, 1, math.inf)])
    with pytest.raises(ValueError, match="one method"):
        pool_results([results[0], result(1, 0.5, 2, effect="other")])


def test_effects_without_a_scale_pool_their_chi_square():
    results = [
        result(v, 0, 1, "Cramér's V", 0.0, statistic=d, extra={"df": 3.0})
        for v, d in zip([0.1, 0.2, 0.15, 0.2, 0.1], R["d2"]["d"], strict=True)
    ]
    got = pool_results(results)
    assert got.estimate == pytest.approx(0.15)
    assert math.isnan(got.low)
    assert got.p == pytest.approx(R["d2"]["p"], **CLOSE)


def test_side_by_side(survey):
    unknown = survey.isna() & (np.arange(len(survey)) % 2 == 0)[:, None]

    def analyse(frame):
        return kendall_tau_b(frame["concern"], frame["know"])

    results = under_each_handling(
        survey, analyse, rng=np.random.default_rng(8), dont_know=unknown, imputations=5
    )
    assert list(results) == [
        "complete cases",
        "don't know as lowest level",
        "don't know as highest level",
        "multiple imputation",
    ]
    ns = [r.n for r in results.values()]
    assert ns[0] < ns[1] == ns[2] < ns[3] == 139
    # High concern goes with missing knowledge here, so counting it as low must lower tau.
    assert results["don't know as lowest level"].estimate < results["complete cases"].estimate
    assert results["multiple imputation"].extra["missing_information"] > 0
    whole = survey.dropna()
    assert list(under_each_handling(whole, analyse, rng=np.random.default_rng(8))) == [
        "complete cases"
    ]


@pytest.mark.parametrize(
    ("column", "message"),
    [([1.0, 1.0, np.nan, 1.0], "two distinct"), ([1.0, 2.0, np.nan, np.nan], "too few")],
)
def test_columns_that_cannot_be_imputed(column, message):
    data = pd.DataFrame({"a": column, "b": [1.0, 2.0, 3.0, 4.0]})
    with pytest.raises(AnalysisError, match=message):
        impute(data, rng=np.random.default_rng(0), donors=3)
