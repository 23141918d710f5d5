"""The mapping of claims to laws and standards: complete, checked, honest about what was read."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mlsec_survey.base.errors import InputError
from mlsec_survey.study import regulation
from mlsec_survey.study.claims import Ledger, load_claims
from mlsec_survey.study.literature import load_facts

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "data/regulation.yml"


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    facts = load_facts(ROOT / "data/published/facts.csv")
    return load_claims(ROOT / "data/claims.yml", facts)


@pytest.fixture(scope="module")
def rules(ledger: Ledger) -> regulation.Regulation:
    return regulation.load_regulation(FILE, ledger)


def test_every_claim_is_mapped_and_says_what_the_evidence_cannot_say(
    rules: regulation.Regulation, ledger: Ledger
) -> None:
    strength = {claim.id: f"grade of {claim.id}" for claim in ledger.claims}
    table = regulation.mapping_table(rules, ledger, strength)
    assert len(table) == len(rules.mapping)
    assert list(dict.fromkeys(table["claim"])) == [claim.label for claim in ledger.claims]
    assert table["cannot_say"].str.len().min() > 10
    first = ledger.claims[0]
    assert set(table.loc[table["claim"] == first.label, "strength"]) == {strength[first.id]}


def test_what_was_not_read_says_nothing_of_what_it_asks(tmp_path: Path, ledger: Ledger) -> None:
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    content["sources"][0]["read"] = "unread"
    path = tmp_path / "regulation.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(InputError, match="nobody can say what it asks"):
        regulation.load_regulation(path, ledger)


def test_sources_are_counted(rules: regulation.Regulation) -> None:
    table = regulation.source_table(rules)
    assert table["provisions"].sum() == len(rules.mapping)
    assert table["address"].str.startswith("https://").all()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("claim", "no_such_claim", "no such claim"),
        ("source", "ai_akt", "no such source"),
    ],
)
def test_an_unknown_name_is_refused_with_its_row(
    tmp_path: Path, ledger: Ledger, key: str, value: str, message: str
) -> None:
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    content["mapping"][3][key] = value
    path = tmp_path / "regulation.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(InputError, match=message) as raised:
        regulation.load_regulation(path, ledger)
    assert raised.value.row and raised.value.value == value


def test_a_claim_without_an_entry_is_refused(tmp_path: Path, ledger: Ledger) -> None:
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    content["mapping"] = [e for e in content["mapping"] if e["claim"] != "concerns"]
    path = tmp_path / "regulation.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(InputError, match="no entry of the mapping"):
        regulation.load_regulation(path, ledger)
