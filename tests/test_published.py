"""Published facts: read strictly, marked when relayed, and the committed ones say what they say."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from mlsec_survey.base.errors import InputError
from mlsec_survey.study.literature import HOW_KNOWN, load_facts

ROOT = Path(__file__).parent.parent
HEADER = "key,fact,value,unit,source,how_known\n"
GOOD = 'a.n,"people, asked",139,respondents,doi:1,abstract\n'


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "facts.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.fixture(scope="module")
def committed():
    return load_facts(ROOT / "data/published/facts.csv")


def test_the_study_is_described_by_its_abstract_only_where_it_can_be(committed) -> None:
    assert committed.number("tifs2023.n") == 139
    assert committed.fact("tifs2023.n").how_known == "abstract"
    assert committed.number("atlas.5.6.0") == committed.number(
        "atlas.5.6.0.incidents"
    ) + committed.number("atlas.5.6.0.exercises")


def test_what_is_known_at_third_hand_is_shown_apart_and_used_nowhere(committed) -> None:
    evasion = committed.fact("tifs2023.evasion")
    assert evasion.third_hand and "[third hand]" in evasion.sentence
    with pytest.raises(InputError, match="third hand only and is no input"):
        committed.number("tifs2023.evasion")
    assert evasion.key not in set(committed.table()["key"])
    assert evasion.key in set(committed.table(third_hand=True)["key"])
    assert evasion.result_key not in set(committed.numbers()["key"])
    hidden = {fact.result_key for fact in committed.values() if fact.third_hand}
    paper = " ".join(p.read_text() for p in (ROOT / "paper/sections").glob("*.tex"))
    assert hidden and not any(key in paper for key in hidden)
    entries = yaml.safe_load((ROOT / "data/claims.yml").read_text())
    used = {entry["fact"] for kind in ("claims", "comparisons") for entry in entries[kind]}
    assert not [key for key in used if committed.fact(key).third_hand]


def test_claims_and_plan_name_facts_that_exist(committed) -> None:
    claims = yaml.safe_load((ROOT / "data/claims.yml").read_text())["claims"]
    plan = yaml.safe_load((ROOT / "data/analysis_plan.yml").read_text())["families"]
    named = [entry["fact"] for entry in [*claims, *plan] if entry["fact"]]
    assert named
    for key in named:
        committed.fact(key)


def test_every_fact_reads_as_a_sentence_with_its_source(committed) -> None:
    table = pd.concat([committed.table(), committed.table(third_hand=True)])
    assert len(table) == len(committed) > 25
    assert table["fact"].str.match(r"^[A-Z0-9].*\.$").all()
    assert set(table["how_known"]) <= set(HOW_KNOWN.values())
    relayed = [key for key, fact in committed.items() if fact.relayed]
    assert table.set_index("key").loc[relayed, "fact"].str.contains("[relayed]", regex=False).all()


def test_values_keep_their_kind(tmp_path: Path) -> None:
    facts = load_facts(
        written(tmp_path, HEADER + GOOD + "b.x,f,1.5,%,s,counted\nb.y,f,,,s,listing\n")
    )
    assert facts.number("a.n") == 139
    assert isinstance(facts.number("a.n"), int)
    assert facts.fact("a.n").sentence == "139 people, asked."
    assert facts.fact("b.x").sentence == "1.5 % f."
    assert facts.fact("a.n").citation == "doi:1 (stated in the publication's abstract)"
    with pytest.raises(InputError, match=r"'b\.y' states no number"):
        facts.number("b.y")


def test_unknown_key_names_near_ones(tmp_path: Path) -> None:
    facts = load_facts(written(tmp_path, HEADER + GOOD))
    with pytest.raises(InputError, match=r"'a\.m'.*(?s:.*)a\.n"):
        facts.fact("a.m")


@pytest.mark.parametrize(
    ("text", "row", "column"),
    [
        ("", 1, None),
        ("key,fact\n", 1, None),
        (HEADER + "a.n,fact\n", 2, None),
        (HEADER + GOOD + "a.n,f,,,s,abstract\n", 3, "key"),
        (HEADER + GOOD + "Bad Key,f,,,s,abstract\n", 3, "key"),
        (HEADER + "a.n,f,many,people,s,abstract\n", 2, "value"),
        (HEADER + "a.n,f,nan,people,s,abstract\n", 2, "value"),
        (HEADER + "a.n,f,3,,s,abstract\n", 2, "unit"),
        (HEADER + "a.n,f,,people,s,abstract\n", 2, "unit"),
        (HEADER + "a.n, ,,,s,abstract\n", 2, "fact"),
        (HEADER + "a.n,f,,,,abstract\n", 2, "source"),
        (HEADER + "a.n,f,,,s,rumour\n", 2, "how_known"),
    ],
)
def test_bad_files_name_the_place(tmp_path: Path, text: str, row: int, column: str | None) -> None:
    with pytest.raises(InputError) as error:
        load_facts(written(tmp_path, text))
    assert (error.value.row, error.value.column) == (row, column)
    assert error.value.remedy


def test_missing_and_misencoded_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_facts(tmp_path / "none.csv")
    with pytest.raises(InputError, match="not UTF-8 at byte 37"):
        load_facts(written(tmp_path, HEADER.encode() + b"\xff"))
