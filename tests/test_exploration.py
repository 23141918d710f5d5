"""Exploration: counts of any item by any grouping, what is hidden of them, tests on the spot."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mlsec_survey import explore
from mlsec_survey.analysis import exploration
from mlsec_survey.analysis.hypotheses import analysis_data
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.codebook_file import load_codebook
from mlsec_survey.instrument.plan import load_plan
from mlsec_survey.report.disclosure import suppress_cross_table
from mlsec_survey.runner.outputs.explorer import released_counts
from mlsec_survey.stats.proportions import wilson
from mlsec_survey.stats.tests import TESTS

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def codebook() -> Codebook:
    return load_codebook(ROOT / "data" / "codebook.yml")


@pytest.fixture(scope="module")
def answers(codebook: Codebook) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Made-up answers of 60 respondents to all items, some of them missing."""
    rng = np.random.default_rng(5)
    columns, kinds = {}, {}
    for variable in codebook.variables():
        levels: list[object] = [option.value for option in variable.options]
        if variable.derived is not None:
            levels = list(variable.levels)
        values = pd.Series(rng.choice(np.array(levels or ["text"], dtype=object), 60), dtype=object)
        absent = rng.random(60) < 0.1
        values = values.mask(absent, pd.NA)
        columns[variable.name] = values if variable.derived is None else values.astype("Float64")
        kind = np.where(absent, rng.choice(["not_answered", "dont_know"], 60), "answered")
        kinds[variable.name] = pd.Series(kind, dtype="category")
    return pd.DataFrame(columns), pd.DataFrame(kinds)


def test_counts_are_those_of_a_cross_tabulation(
    answers: tuple[pd.DataFrame, pd.DataFrame], codebook: Codebook
) -> None:
    responses, missing = answers
    items = {entry.name: entry for entry in exploration.explorable(responses, missing, codebook)}
    item, by = items["concern__evasion"], items["org_size"]
    counts = exploration.cross_counts(item, by)
    size = codebook.variable("org_size")
    for row, option in enumerate(size.options):
        group = responses["org_size"] == option.value
        for column, answer in enumerate(codebook.variable("concern__evasion").options):
            both = group & (responses["concern__evasion"] == answer.value)
            assert counts[row, column] == int(both.sum())
    assert counts.sum() == len(responses)
    dont_know = item.answers.index(codebook.missing.dont_know.label)
    assert counts[:, dont_know].sum() == int((missing["concern__evasion"] == "dont_know").sum())


def test_shares_are_of_the_chosen_denominator(
    answers: tuple[pd.DataFrame, pd.DataFrame], codebook: Codebook
) -> None:
    responses, missing = answers
    items = {entry.name: entry for entry in exploration.explorable(responses, missing, codebook)}
    item = items["maturity"]
    answered = exploration.cross_table(item)
    everybody = exploration.cross_table(item, of="all")
    assert set(answered["n"]) == {int((missing["maturity"] == "answered").sum())}
    assert set(everybody["n"]) == {len(responses)}
    assert answered["count"].sum() == answered["n"].iloc[0]
    assert everybody["count"].sum() == len(responses)
    low, high = wilson(answered["count"].to_numpy(dtype=int), answered["n"].to_numpy())
    np.testing.assert_allclose(answered["low"], low)
    np.testing.assert_allclose(answered["high"], high)


def test_what_no_table_can_show_is_left_out(
    answers: tuple[pd.DataFrame, pd.DataFrame], codebook: Codebook
) -> None:
    items = exploration.explorable(*answers, codebook)
    names = {entry.name for entry in items}
    assert not names & {"comment", "role__other", "concern_scale", "consent", "attention"}
    assert {"role", "occurrence__evasion", "defence_count", "exposure"} <= names
    by = {entry.name for entry in exploration.groupings(items, codebook)}
    assert {"role", "exposure", "org_size"} <= by
    assert not by & {"occurrence__evasion", "defence_count"}


@given(
    arrays(np.int64, st.tuples(st.integers(1, 5), st.integers(2, 6)), elements=st.integers(0, 12)),
    st.data(),
)
@settings(max_examples=200, deadline=None)
@pytest.mark.slow
def test_no_hidden_count_follows_from_a_total(counts: np.ndarray, data: st.DataObject) -> None:
    answered = np.array(
        data.draw(st.lists(st.booleans(), min_size=counts.shape[1], max_size=counts.shape[1]))
    )
    hidden, few = suppress_cross_table(counts, answered)
    assert not ((counts > 0) & (counts < 5) & ~hidden).any()
    # Of everybody the tables tell how many answered, so that a row adds up in its two parts.
    alone = len(counts) == 1
    lines = [] if alone else list(zip(counts, hidden, strict=True))
    totals = np.column_stack([counts.sum(axis=1), counts[:, answered].sum(axis=1)])
    rest = totals[:, 0] - totals[:, 1]
    assert not ((totals > 0) & (totals < 5) & ~few).any()
    assert not ((rest > 0) & (rest < 5) & ~few[:, 1]).any()
    for row, mask, secret in zip(counts, hidden, few[:, 1], strict=True):
        parts = [(row[kind], mask[kind]) for kind in (answered, ~answered)]
        lines += [] if secret and not alone else parts
    if not alone:
        lines += list(zip(counts.T, hidden.T, strict=True))
    for line, mask in lines:
        secret = line[mask]
        assert not len(secret) or mask.all() or (len(secret) > 1 and secret.sum() >= 5)
    if not ((counts > 0) & (counts < 5)).any():
        assert not hidden.any()


@pytest.mark.slow
def test_released_counts_of_real_answers_hold_no_small_count(
    answers: tuple[pd.DataFrame, pd.DataFrame], codebook: Codebook
) -> None:
    items = exploration.explorable(*answers, codebook)
    by = exploration.groupings(items, codebook)
    shown = released_counts(items, by, suppress=False)
    released = released_counts(items, by, suppress=True)
    hidden = 0
    for item, tables in released["tables"].items():
        for grouping, table in tables.items():
            full = shown["tables"][item][grouping]
            for row, whole in zip(table["counts"], full["counts"], strict=True):
                assert [c if c is not None else w for c, w in zip(row, whole, strict=True)] == whole
                assert not any(count is not None and 0 < count < 5 for count in row)
                hidden += sum(count is None for count in row)
            assert not any(n is not None and 0 < n < 5 for row in table["n"] for n in row)
    assert hidden > 0
    assert all(item not in tables for item, tables in released["tables"].items())


def test_a_pair_is_tested_by_what_fits_it(
    answers: tuple[pd.DataFrame, pd.DataFrame], codebook: Codebook
) -> None:
    responses, _ = answers
    outcome, predictor = codebook.variable("defence_count"), codebook.variable("target_likelihood")
    tests = exploration.fitting_tests(outcome, predictor)
    assert TESTS["kendall_tau_b"] in tests
    assert TESTS["contingency_permutation"] not in tests
    assert exploration.fitting_tests(outcome, outcome) == ()
    assert exploration.fitting_tests(codebook.variable("comment"), predictor) == ()
    data = analysis_data(responses, codebook)
    options = {"rng": np.random.default_rng(1), "resamples": 99}
    result = exploration.explore_pair(outcome, predictor, TESTS["kendall_tau_b"], data, **options)
    planned = TESTS["kendall_tau_b"].run(
        data["defence_count"],
        data["target_likelihood"],
        rng=np.random.default_rng(1),
        resamples=99,
    )
    assert (result.estimate, result.p, result.n) == (planned.estimate, planned.p, planned.n)


def test_the_smallest_effect_of_interest_comes_from_the_plan(codebook: Codebook) -> None:
    plan = load_plan(ROOT / "data" / "analysis_plan.yml", codebook)
    found = exploration.usual_sesoi(plan, TESTS["kendall_tau_b"])
    assert found is not None
    assert found.sesoi.measure.key == "tau_b"


@pytest.mark.parametrize("synthetic", [True, False])
@pytest.mark.slow
def test_the_notebook_shows_what_is_chosen(
    answers: tuple[pd.DataFrame, pd.DataFrame],
    codebook: Codebook,
    synthetic: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    responses, missing = answers
    plan = load_plan(ROOT / "data" / "analysis_plan.yml", codebook)
    project: Any = SimpleNamespace(
        read={"responses": responses, "missing_kinds": missing}.__getitem__,
        codebook=codebook,
        plan=plan,
        manifest=SimpleNamespace(is_synthetic=synthetic),
    )
    item, by, of, _ = explore.tables(project).children
    assert [label for label, _ in item.options][:2] == ["Role", "Experience with ML"]
    assert "array" not in repr(item)
    assert by.value is None
    assert of.value == "answered"
    chosen = {entry.name: entry for _, entry in item.options}
    table = explore.table_shown(project, chosen["org_size"], chosen["role"], "all")
    assert bool(table["count"].isna().any()) is not synthetic
    assert not ((table["count"] > 0) & (table["count"] < 5)).any() or synthetic

    outcome, predictor, test, _ = explore.tests(project, seed=1, resamples=99).children
    variables = {variable.name: variable for _, variable in outcome.options}
    outcome.value, predictor.value = variables["defence_count"], variables["target_likelihood"]
    assert "Kendall's tau-b" in [label for label, _ in test.options]
    test.value = TESTS["kendall_tau_b"]
    text = explore.pair_in_words(
        outcome.value,
        predictor.value,
        test.value,
        analysis_data(responses, codebook),
        plan,
        rng=np.random.default_rng(1),
        resamples=99,
    )
    assert text.startswith("EXPLORATORY")
    assert re.search(r"Kendall's tau-b −?0\.\d\d \(95 % interval .*; n = \d+\), p \d", text)
    assert "Smallest effect of interest elsewhere in the plan: 0.15" in text
    predictor.value = outcome.value
    assert test.options == ()
    capsys.readouterr()


def test_exploring_publishes_nothing() -> None:
    source = (ROOT / "notebooks" / "08_explore.py").read_text(encoding="utf-8")
    assert "publisher" not in source
    assert "08_explore" not in (ROOT / "notebooks" / "pipeline.yml").read_text(encoding="utf-8")
