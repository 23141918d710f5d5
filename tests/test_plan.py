"""The analysis plan is checked against the codebook, entry by entry."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlsec_survey.base.errors import InputError
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.plan import load_plan

ROOT = Path(__file__).resolve().parent.parent
PLAN = ROOT / "data" / "analysis_plan.yml"


@pytest.fixture
def load_changed(tmp_path: Path, codebook: Codebook) -> Callable[..., Any]:
    content = yaml.safe_load(PLAN.read_text(encoding="utf-8"))

    def load(change: Callable[[dict[str, Any]], None]) -> Any:
        changed = copy.deepcopy(content)
        change(changed)
        path = tmp_path / "plan.yml"
        path.write_text(yaml.safe_dump(changed, sort_keys=False, allow_unicode=True), "utf-8")
        return load_plan(path, codebook)

    return load


def set_in(plan: dict[str, Any], identifier: str, **values: Any) -> None:
    for part in ("families", "hypotheses", "joint_models"):
        for entry in plan[part]:
            if entry["id"] == identifier:
                entry.update(values)
                return
    raise AssertionError(identifier)


def test_families_and_kinds(codebook: Codebook) -> None:
    plan = load_plan(PLAN, codebook)
    assert [entry.id for entry in plan.of_family("D")] == ["D1", "D2"]
    confirmatory = {entry.id for entry in plan.of_kind("confirmatory")}
    exploratory = {entry.id for entry in plan.of_kind("exploratory")}
    assert confirmatory.isdisjoint(exploratory)
    assert confirmatory | exploratory == {entry.id for entry in plan.hypotheses}
    assert plan.hypothesis("K3").test == "proportional_odds"
    assert plan.family("E").adjust == "holm"


def test_a_plan_that_predicts_nothing_is_refused(load_changed: Callable[..., Any]) -> None:
    def explore_only(plan: dict[str, Any]) -> None:
        for part in ("hypotheses", "joint_models"):
            plan[part] = [entry for entry in plan[part] if entry["family"] == "X"]
        plan["families"] = [entry for entry in plan["families"] if entry["id"] == "X"]

    with pytest.raises(InputError, match="no hypothesis is confirmatory"):
        load_changed(explore_only)


def test_adding_a_hypothesis_is_one_entry(load_changed: Callable[..., Any]) -> None:
    def add(plan: dict[str, Any]) -> None:
        entry = copy.deepcopy(plan["hypotheses"][-1])
        entry.update(id="X9", predictor="channel")
        plan["hypotheses"].append(entry)

    assert load_changed(add).hypothesis("X9").predictor == "channel"


def test_digest_is_of_the_content(
    load_changed: Callable[..., Any], codebook: Codebook, tmp_path: Path
) -> None:
    original = load_plan(PLAN, codebook).digest
    assert load_changed(lambda plan: None).digest == original
    commented = tmp_path / "commented.yml"
    commented.write_text("# another comment\n" + PLAN.read_text("utf-8"), "utf-8")
    assert load_plan(commented, codebook).digest == original
    assert load_changed(lambda plan: plan.update(alpha=0.01)).digest != original
    assert load_changed(lambda plan: plan["hypotheses"].reverse()).digest != original


@pytest.mark.parametrize(
    ("identifier", "values", "parts"),
    [
        (
            "E1",
            {"predictor": "organisation_size"},
            ["'E1'", "value 'organisation_size'", "org_size"],
        ),
        ("E1", {"outcome": "exposur"}, ["'E1'", "no such variable", "'exposure'"]),
        ("E1", {"predictor": "why__evasion"}, ["'E1'", "free text"]),
        ("E1", {"predictor": "exposure"}, ["'E1'", "named twice"]),
        ("E1", {"family": "F"}, ["'E1'", "no such family", "'F'"]),
        ("E1", {"test": "t_test"}, ["'E1'", "'t_test'"]),
        ("E1", {"test": "poisson"}, ["'E1'", "does not fit the outcome 'exposure' (binary)"]),
        ("E2", {"test": "kendall_tau_b"}, ["'E2'", "(nominal)", "Tests that fit: contingency"]),
        ("D1", {"test": "fisher_exact"}, ["'D1'", "'defence_count' (count)", "brunner_munzel"]),
        ("D2", {"test": "mann_whitney"}, ["'D2'", "'target_likelihood' (ordinal)"]),
        ("K1", {"alternatives": ["negative_binomial"]}, ["'K1'", "'concern_scale' (interval)"]),
        ("K1", {"alternatives": ["kendall_tau_b"]}, ["'K1'", "named twice"]),
        ("E2", {"direction": "positive"}, ["'E2'", "'industry' has no order"]),
        ("E2", {"id": "E1"}, ["already used", "'E1'"]),
        ("E1", {"id": "e1"}, ["'e1'"]),
        ("E1", {"direction": "up"}, ["'E1'", "'up'", "'either'"]),
        (
            "E1",
            {"sesoi": {"effect": "odds_ratio", "value": 0.7, "reason": "x"}},
            ["'E1'", "above 1", "0.7"],
        ),
        (
            "D1",
            {"sesoi": {"effect": "probability_of_superiority", "value": 0.4, "reason": "x"}},
            ["'D1'", "above 0.5 and below 1"],
        ),
        ("D1", {"sesoi": {"effect": "tau_b", "value": 0.2}}, ["'D1'", "reason", "required"]),
        ("D", {"adjust": "benjamini_hochberg"}, ["families[1]", "confirmatory families"]),
        ("EJ", {"predictors": ["org_size", "industy"]}, ["'EJ'", "'industry'"]),
        ("EJ", {"model": "poisson"}, ["'EJ'", "'exposure'", "binary"]),
        ("EJ", {"family": "Q"}, ["'EJ'", "no such family"]),
        ("E1", {"note": "x"}, ["'E1'", "note"]),
    ],
)
@pytest.mark.slow
def test_errors_name_the_hypothesis(
    load_changed: Callable[..., Any],
    identifier: str,
    values: dict[str, Any],
    parts: list[str],
) -> None:
    with pytest.raises(InputError) as caught:
        load_changed(lambda plan: set_in(plan, identifier, **values))
    message = str(caught.value)
    assert "plan.yml, row " in message
    for part in parts:
        assert part in message
    assert caught.value.exit_status == 2


def test_a_family_without_hypotheses_is_refused(load_changed: Callable[..., Any]) -> None:
    def add(plan: dict[str, Any]) -> None:
        plan["families"].append({**plan["families"][0], "id": "Z"})

    with pytest.raises(InputError, match="no hypothesis"):
        load_changed(add)


def test_yes_no_items_are_binary_predictors(load_changed: Callable[..., Any]) -> None:
    def use(plan: dict[str, Any]) -> None:
        set_in(plan, "D1", predictor="defence__monitoring", outcome="concern_scale")
        set_in(plan, "D1", alternatives=["mann_whitney"])

    assert load_changed(use).hypothesis("D1").predictor == "defence__monitoring"
