"""Checklists of reporting: every pointer leads somewhere, and nothing is left without an answer."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mlsec_survey.base.errors import InputError
from mlsec_survey.study.reporting import (
    checklist_table,
    describe_reporting,
    in_words,
    load_reporting,
)

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "data" / "reporting.yml"
LISTS = load_reporting(FILE).checklists
POINTERS = sorted({where for one in LISTS for item in one.items for where in item.where})


def test_the_lists_are_complete() -> None:
    cross, cherries = LISTS
    assert [cross.label, cherries.label] == ["CROSS", "CHERRIES"]
    # 40 items in 19 numbers (Sharma et al. 2021), 30 items (Eysenbach 2004).
    numbers = [re.sub(r"\D", "", item.item) for item in cross.items]
    assert len(numbers) == 40 and list(dict.fromkeys(numbers)) == [str(n) for n in range(1, 20)]
    assert [item.item for item in cherries.items] == [str(n) for n in range(1, 31)]


@pytest.mark.parametrize("pointer", POINTERS)
def test_every_pointer_leads_somewhere(pointer: str) -> None:
    if pointer.startswith("paper:"):
        sources = "".join(path.read_text() for path in (ROOT / "paper" / "sections").glob("*.tex"))
        assert rf"\label{{sec:{pointer.removeprefix('paper:')}}}" in sources
    elif "#" in pointer:
        notebook, _, key = pointer.partition("#")
        record = ROOT / "paper" / "generated" / "records" / f"{notebook}.json"
        published = json.loads(record.read_text(encoding="utf-8"))
        assert any(key in published[kind] for kind in ("tables", "figures", "numbers"))
    else:
        assert (ROOT / pointer).is_file()


def test_a_table_says_where_or_what_is_missing() -> None:
    table = checklist_table(LISTS[0]).set_index("checklist_item")
    assert table["answered"].str.len().min() > 0
    assert table.loc["11c", "answered_status"] == "fielding team"
    assert table.loc["6b", "answered_status"] == "partly here"
    assert "not known" in table.loc["6b", "answered"]
    assert in_words("02_sample#table_one") == "notebook 02, table one"


def test_the_sentence_counts_every_item() -> None:
    for one, part in zip(LISTS, describe_reporting(load_reporting(FILE)).split("; "), strict=True):
        counts = [int(number) for number in re.findall(r"\d+", part)]
        assert counts[1] == len(one.items) == counts[0] + counts[2] + counts[3]


def test_an_item_without_an_answer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "reporting.yml"
    text = FILE.read_text(encoding="utf-8")
    path.write_text(text.replace(", fielding: who paid}", "}"), encoding="utf-8")
    with pytest.raises(InputError, match="needs where, fielding or not_known"):
        load_reporting(path)
