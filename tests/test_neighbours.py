"""Neighbouring studies: numbers from published facts alone, intervals as statsmodels has them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from mlsec_survey.base.errors import InputError
from mlsec_survey.study.literature import load_facts
from mlsec_survey.study.neighbours import COUNTED, HALF, load_neighbours, neighbour_table

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "data/published/neighbours.yml"
FACTS = load_facts(ROOT / "data/published/facts.csv")


def test_sizes_and_counts_are_the_published_ones_with_their_intervals() -> None:
    table = neighbour_table(load_neighbours(FILE, FACTS), FACTS, confidence=0.9)
    for row in table.itertuples():
        cases = row.n / 2 if pd.isna(row.count) else row.count
        assert row.kind == (HALF if pd.isna(row.count) else COUNTED)
        expected = proportion_confint(cases, row.n, 0.1, "wilson")
        assert (row.low, row.high) == pytest.approx(expected)
        assert row.estimate == pytest.approx(cases / row.n)
    assert FACTS.number("tifs2023.n") in table["n"].tolist()
    # Nobody who reads a row alone takes the half for a result.
    assert set(table.loc[table["count"].isna(), "counted"]) == {
        "no count known; a half is supposed"
    }
    # The interval of a half is the widest there is at a size.
    halves = table[table["kind"] == HALF].sort_values("n")
    assert (halves["high"] - halves["low"]).is_monotonic_decreasing


def test_what_is_relayed_says_so() -> None:
    table = neighbour_table(load_neighbours(FILE, FACTS), FACTS, confidence=0.95)
    known = table.set_index("study")["how_known"]
    assert "relayed" in known["Apruzzese et al. 2023"]
    assert "abstract" in known["Kumar et al. 2020"]


@pytest.mark.parametrize(
    ("fact", "message"),
    [
        ("nobody.n", "no published fact"),
        ("tifs2023.evasion", "third hand"),
        ("mink2023.title", "no published fact"),
        ("boenisch2021.awareness", "no number"),
    ],
)
def test_what_is_no_usable_number_is_refused(fact: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "neighbours.yml"
    path.write_text(FILE.read_text(encoding="utf-8").replace("mink2023.n", fact), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_neighbours(path, FACTS)
