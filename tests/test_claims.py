"""The claim ledger: read strictly, graded by the rule in data, joined to facts and numbers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mlsec_survey.base.errors import InputError
from mlsec_survey.project import open_project
from mlsec_survey.study import claims
from mlsec_survey.study.literature import load_facts
from project_files import load_script

ROOT = Path(__file__).resolve().parents[1]
LEDGER = ROOT / "data" / "claims.yml"


@pytest.fixture(scope="module")
def facts():
    return load_facts(ROOT / "data/published/facts.csv")


@pytest.fixture(scope="module")
def ledger(facts):
    return claims.load_claims(LEDGER, facts)


def numbers_of(ledger: claims.Ledger, **values: object) -> dict[str, claims.Number]:
    """Publish every number that the ledger names: `values`, and 1 for the others."""
    keys = {key for claim in ledger.claims for key in claim.numbers}
    keys |= {check.number for claim in ledger.claims for check in claim.checks}
    keys |= {comparison.number for comparison in ledger.comparisons}
    entries = {
        key: {
            "value": values.get(key, 1),
            "text": f"{values.get(key, 1)}",
            "unit": "units",
            "description": f"what {key} is",
        }
        for key in keys
    }
    return claims.published_numbers([{"notebook": "02_sample", "numbers": entries}])


def changed(tmp_path: Path, change) -> Path:
    """Write the committed ledger after `change` was made to its content."""
    content = yaml.safe_load(LEDGER.read_text(encoding="utf-8"))
    change(content)
    path = tmp_path / "claims.yml"
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


# The committed ledger
def test_every_claim_says_what_may_not_be_concluded_and_asks_one_question(ledger) -> None:
    assert len(ledger.claims) >= 6
    for claim in ledger.claims:
        assert claim.may != claim.may_not
        assert claim.audit.count("?") == 1
    assert {claim.fact for claim in ledger.claims} >= {
        f"tifs2023.{name}"
        for name in ("attacks_wild", "exposure_null", "defences", "concerns", "knowledge")
    }


# Checks and grades
@pytest.mark.parametrize(
    ("bound", "below", "at", "above"),
    [
        ("at_least", False, True, True),
        ("at_most", True, True, False),
        ("above", False, False, True),
        ("below", True, False, False),
    ],
)
def test_bounds(bound: str, below: bool, at: bool, above: bool) -> None:
    check = claims.Check.model_validate({"says": "s", "number": "n", bound: 0.5})
    assert [check.holds(value) for value in (0.49, 0.5, 0.51)] == [below, at, above]
    assert check.holds(None) is None
    assert check.holds(math.inf) is above
    assert check.condition.endswith("0.5")


@pytest.mark.parametrize("bounds", [{}, {"at_least": 1, "below": 2}])
def test_a_check_has_exactly_one_bound(bounds: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        claims.Check.model_validate({"says": "s", "number": "n", **bounds})


@given(outcomes=st.lists(st.sampled_from([True, False, None]), max_size=5))
@pytest.mark.slow
def test_the_grade_follows_from_the_outcomes_alone(outcomes: list[bool | None]) -> None:
    ledger = claims.load_claims(LEDGER, load_facts(ROOT / "data/published/facts.csv"))
    if not outcomes:
        expected = "no_checks"
    elif None in outcomes:
        expected = "any_open"
    else:
        share = sum(map(bool, outcomes)) / len(outcomes)
        expected = {1.0: "all_hold", 0.0: "none_holds"}.get(share, "some_hold")
    assert ledger.grade(outcomes).when == expected
    assert ledger.grade(reversed(outcomes)).when == expected


def test_a_number_without_a_value_leaves_its_check_open(ledger) -> None:
    for text, value in [("not estimable", None), ("∞", math.inf), ("−∞", -math.inf)]:
        numbers = claims.published_numbers(
            [
                {
                    "notebook": "n",
                    "numbers": {"k": {"value": text, "text": text, "unit": "", "description": "d"}},
                }
            ]
        )
        assert numbers["k"].value == value


# The join
def test_the_ledger_shows_the_numbers_of_the_run_and_grades_by_them(ledger, facts) -> None:
    claim = next(claim for claim in ledger.claims if claim.id == "attacks_occur")
    keys = [check.number for check in claim.checks]
    whole = dict.fromkeys(keys, 1)
    for values, grade in [
        (whole, "carried (3\u00a0of\u00a03\u00a0checks)"),
        (whole | {keys[0]: 0}, "in part (2\u00a0of\u00a03\u00a0checks)"),
        (dict.fromkeys(keys, 0), "not carried (0\u00a0of\u00a03\u00a0checks)"),
        (whole | {keys[0]: "not estimable"}, "open (2\u00a0of\u00a03\u00a0checks)"),
    ]:
        numbers = numbers_of(ledger, **values)
        row = claims.ledger_table(ledger, facts, numbers).set_index("id").loc[claim.id]
        assert row["strength"] == grade
        assert row["this_run"].count(";") == len(claim.numbers) - 1
        checks = claims.check_table(ledger, numbers).set_index("number")
        expected = {1: "yes", 0: "no"}.get(values[keys[0]], "open")
        assert checks.loc[keys[0], "holds"] == expected


def test_a_sentence_stands_only_where_each_check_that_it_needs_holds(ledger, facts) -> None:
    for claim in (claim for claim in ledger.claims if claim.checks):
        every = {check.number: 1 if check.holds(1) else 0 for check in claim.checks}
        assert all(check.holds(every[check.number]) for check in claim.checks)
        for check in claim.checks:
            for value in (0 if check.holds(1) else 1e9, "not estimable"):
                numbers = numbers_of(ledger, **(every | {check.number: value}))
                row = claims.ledger_table(ledger, facts, numbers).set_index("id").loc[claim.id]
                assert row["may"] == (claims.NOTHING if check.needed else claim.may)
                assert row["may_not"] == claim.may_not


def test_a_claim_whose_sentence_stands_on_no_check_is_refused(tmp_path: Path, facts) -> None:
    def nothing_needed(content: dict) -> None:
        for check in content["claims"][0]["checks"]:
            check.pop("needed", None)

    with pytest.raises(InputError, match="no check is needed"):
        claims.load_claims(changed(tmp_path, nothing_needed), facts)


def test_the_same_is_asked_of_all_claims_that_are_checked(ledger) -> None:
    """A bound that is not the estimate alone, other choices, and reliability where it applies."""
    asked = {claim.id: [check.number for check in claim.checks] for claim in ledger.claims}
    for name in ("exposure", "defences", "perception"):
        numbers = [number for checks in asked.values() for number in checks]
        assert f"{name}_specifications" in numbers
        assert {f"{name}_held", f"{name}_held_any"} & set(numbers)
    for checks in asked.values():
        assert not checks or len(checks) >= 3
    for claim, reliability in (
        ("attacks_occur", "incident_alpha_low"),
        ("concerns", "concern_alpha_low"),
        ("knowledge", "scale_alpha_low"),
    ):
        assert reliability in asked[claim]


def test_a_number_that_nobody_published_stops_with_its_key(ledger, facts) -> None:
    numbers = numbers_of(ledger)
    for key in ("concern_alpha", "concern_alpha_low"):
        numbers[key.replace("alpha", "alfa")] = numbers.pop(key)
    for make in (
        lambda: claims.ledger_table(ledger, facts, numbers),
        lambda: claims.check_table(ledger, numbers),
    ):
        with pytest.raises(InputError, match=r"'concern_alpha\w*'(.|\n)*concern_alfa"):
            make()


def test_a_bound_cannot_be_set_to_words(ledger, facts) -> None:
    numbers = numbers_of(ledger, undoubted_share_low="2 % (1 to 6 %)")
    with pytest.raises(InputError, match="published as text"):
        claims.check_table(ledger, numbers)


def test_counts_are_compared_by_value_and_marked_when_relayed(ledger, facts) -> None:
    other = claims.Comparison(fact="aaai2024.participants", number="evasion_confirmed")
    both = ledger.model_copy(update={"comparisons": (*ledger.comparisons, other)})
    numbers = numbers_of(both, n_respondents=139, evasion_confirmed=2)
    table = claims.comparison_table(both, facts, numbers)
    assert table["same"].tolist() == ["yes", "no"]
    assert table["published"].str.startswith(("139 ", "271 ")).tolist() == [True, True]
    assert "relayed" in table["known"].iloc[1]
    hidden = claims.Comparison(fact="tifs2023.evasion", number="evasion_confirmed")
    with pytest.raises(InputError, match="third hand"):
        claims.comparison_table(
            ledger.model_copy(update={"comparisons": (hidden,)}), facts, numbers
        )
    synthetic = claims.describe_comparison(table, synthetic=True)
    assert "stand-in" in synthetic
    assert "stand-in" not in claims.describe_comparison(table, synthetic=False)


def test_the_description_names_each_claim_once_under_its_grade(ledger, facts) -> None:
    table = claims.ledger_table(ledger, facts, numbers_of(ledger, evasion_confirmed=0))
    text = claims.describe_ledger(table, ledger)
    for claim in ledger.claims:
        assert text.count(f"“{claim.label}”") == 1
    assert f"of {len(ledger.claims)} claims" in text
    # What this run carries is said first, what no number can carry last.
    labels = {grade.when: grade.label for grade in ledger.grades}
    order = ("all_hold", "some_hold", "none_holds", "any_open", "no_checks")
    said = [text.find(f"{labels[when]}: ") for when in order]
    assert [at for at in said if at >= 0] == sorted(at for at in said if at >= 0)


# Errors
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["claims"][0].update(fact="tifs2023.attack_wild"), "no such published fact"),
        (lambda c: c["claims"][1].update(id=c["claims"][0]["id"]), "occurs twice"),
        (lambda c: c["comparisons"][0].update(fact="nobody.n"), "no such published fact"),
        (lambda c: c["grades"].pop(), "no grade applies when none_holds"),
        (lambda c: c["claims"][0].update(audit="Look at the log."), "audit"),
        (lambda c: c["claims"][0].update(strength="strong"), "strength"),
        (lambda c: c["claims"][0]["checks"][0].update(below=3), "exactly one"),
        (lambda c: c["claims"][0].update(numbers=["Bad Key"]), "numbers"),
        (lambda c: c.update(claims=[]), "claims"),
    ],
)
@pytest.mark.slow
def test_a_bad_ledger_names_entry_and_line(tmp_path: Path, facts, change, message: str) -> None:
    path = changed(tmp_path, change)
    with pytest.raises(InputError, match=message) as raised:
        claims.load_claims(path, facts)
    assert raised.value.row is not None
    assert raised.value.exit_status == 2


def test_published_records_are_read_from_the_run(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("MLSEC_PROJECT", str(ROOT))
    monkeypatch.setenv("MLSEC_RUN", str(tmp_path))
    project = open_project("06_implications", {"export": "auto"})
    with pytest.raises(InputError, match="04_hypotheses"):
        project.published("04_hypotheses")
    folder = tmp_path / "paper" / "generated" / "records"
    folder.mkdir(parents=True)
    (folder / "04_hypotheses.json").write_text('{"notebook": "04_hypotheses"}')
    assert project.published("04_hypotheses") == [{"notebook": "04_hypotheses"}]


@pytest.mark.slow
def test_the_simulated_grades_make_the_checks_that_the_ledger_makes() -> None:
    """The committed table is of the checks of today: one sample per claim is graded again."""
    rates = claims.grading_rates(ROOT / "data/simulation/grades.csv").set_index(["claim", "truth"])
    simulation = load_script("check_grading")
    study = simulation.the_study()
    data = simulation.hyp.analysis_data(study.responses, study.codebook)
    nothing = simulation.TRUTHS[0]
    for key, claim_id in simulation.KEYS.items():
        claim = next(entry for entry in study.ledger.claims if entry.id == claim_id)
        entries = simulation.hyp.hypotheses_on(study.plan, claim.fact)
        weights = simulation.weights_of(simulation.pair_scores(study, entries, data), 0.0)
        moved = simulation.outcome_columns(study, entries)
        condition = simulation.Condition(key, claim, nothing, entries, moved, weights)
        _, grade, checks = simulation.one_grade(
            (key, 1), np.random.default_rng(1), study=study, conditions={key: condition}
        )
        assert checks == rates.loc[(claim.label, nothing), "checks_simulated"]
        assert grade in {entry.id for entry in study.ledger.grades}
    assert (rates["simulations"] >= 200).all()
