"""What may be shown of few respondents: hidden cells, sentences, numbers."""

from __future__ import annotations

import itertools
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsec_survey.base.formatting import SUPPRESSED
from mlsec_survey.report.columns import Column, load_columns
from mlsec_survey.report.disclosure import (
    few_told,
    hidden_cells,
    masked,
    safe_number,
    safe_text,
)
from project_files import recorded_tables

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = load_columns(ROOT / "data" / "columns.yml")


def hidden(table: pd.DataFrame, words: str, section: str | None = None) -> pd.DataFrame:
    above = COLUMNS.named(section, table.columns)[0] if section else None
    return hidden_cells(table, COLUMNS.named(words, table.columns), above)


def of_options(counts: list[int], groups: list[str] | None = None) -> list[int | None]:
    """Return the counts of one item's options as they are shown, by section."""
    table = pd.DataFrame({"option": list("abcdefgh")[: len(counts)], "count": counts})
    table["heading"] = groups or ["x"] * len(counts)
    mask = hidden(table, "option count heading", "heading")["count"]
    return [None if secret else count for count, secret in zip(counts, mask, strict=True)]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([10, 20, 30], [10, 20, 30]),
        ([3, 20, 30], [None, None, 30]),
        ([3, 4, 30], [None, None, 30]),
        ([1, 2, 30, 9], [None, None, 30, None]),
        ([0, 20, 30], [0, 20, 30]),
        ([3, 0, 30], [None, 0, None]),
        ([3, 0], [None, None]),
        ([3], [None]),
        ([4, 9, 9], [None, None, 9]),
    ],
)
def test_small_counts_and_what_reveals_them(counts: list[int], expected: list[int | None]) -> None:
    assert of_options(counts) == expected


def test_sections_are_protected_on_their_own_and_what_is_missing_stays_so() -> None:
    assert of_options([3, 20, 30, 40], ["a", "a", "b", "b"]) == [None, None, 30, 40]
    table = pd.DataFrame({"option": list("abcd"), "count": pd.array([3, None, 9, 8], "Int64")})
    assert hidden(table, "option count")["count"].tolist() == [True, False, False, True]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(0, 12), min_size=2, max_size=5))
@pytest.mark.slow
def test_an_attacker_with_the_total_cannot_pin_a_small_count(counts: list[int]) -> None:
    shown = of_options(counts)
    unknown = [at for at, value in enumerate(shown) if value is None]
    assert all(value is None or value == 0 or value >= 5 for value in shown)
    small = [at for at in unknown if 0 < counts[at] < 5]
    if not small:
        return
    rest = sum(counts) - sum(value for value in shown if value is not None)
    worlds = [
        world
        for world in itertools.product(range(rest + 1), repeat=len(unknown))
        if sum(world) == rest
    ]
    for at in small:
        assert len({world[unknown.index(at)] for world in worlds}) >= 2
    assert len(unknown) >= 2


def test_what_is_computed_from_a_hidden_count_is_hidden_with_it() -> None:
    table = pd.DataFrame(
        {
            "label": ["a", "b", "c", "d"],
            "count": [60, 3, 136, 50],
            "n": [139, 139, 139, 4],
            "estimate": [0.4, 0.02, 0.98, 0.5],
            "dont_know": [2, 7, 8, 9],
        }
    )
    mask = hidden(table, "label count n estimate:share dont_know")
    # Row c: all but three did; row d rests on four respondents.
    assert mask["count"].tolist() == [False, True, True, True]
    assert mask["estimate"].tolist() == [False, True, True, True]
    assert mask["n"].tolist() == [False, False, False, True]
    assert mask["dont_know"].tolist() == [True, False, False, True]
    shown = masked(table, mask)
    assert shown["count"].tolist() == [60, SUPPRESSED, SUPPRESSED, SUPPRESSED]
    assert table["count"].tolist() == [60, 3, 136, 50]


def test_parts_of_a_row_sums_of_rows_and_nested_counts() -> None:
    answers = pd.DataFrame({"count_yes": [3, 20], "count_no": [120, 60], "count_unsure": [9, 50]})
    mask = hidden(answers, "count_yes count_no count_unsure")
    assert mask.to_numpy().tolist() == [[True, False, True], [False, False, False]]
    reports = pd.DataFrame(
        {
            "label": ["x"] * 3 + ["y"] * 3,
            "report_label": ["happened", "suspected", "either"] * 2,
            "count": [3, 20, 23, 10, 20, 30],
        }
    )
    mask = hidden(reports, "report_label:report count label:attack", "label:attack")
    assert mask["count"].tolist() == [True, True, False, False, False, False]
    cases = pd.DataFrame({"reported": [20], "described": [18], "confirmed": [10], "doubted": [0]})
    mask = hidden(cases, "reported described confirmed doubted")
    assert mask.to_numpy().tolist() == [[False, True, False, False]]


def test_the_parts_of_a_section_add_up_to_a_total_that_another_table_gives() -> None:
    table = pd.DataFrame(
        {
            "code": ["safety"] * 4 + ["money"] * 4,
            "label": ["a", "b", "c", "d"] * 2,
            "count": [12, 1, 2, 9, 12, 0, 20, 9],
        }
    )
    mask = hidden(table, "code label:each_attack count", "code")
    assert mask["count"].tolist() == [False, True, True, True] + [False] * 4


def test_known_and_opposite_tell_of_one_another() -> None:
    exposed = pd.DataFrame({"count": [3, 36], "against": [83, 50], "n": [86, 86]})
    mask = hidden(exposed, "count:exposed against n:known_n")
    assert mask.loc[0, ["count", "against"]].all()
    assert not mask.loc[1].any()


def recorded() -> list[tuple[str, list[Column], pd.DataFrame]]:
    found = []
    for name, table in recorded_tables():
        shown = pd.read_csv(ROOT / f"paper/generated/tables/{name}.csv")
        words = " ".join(f"{c['name']}:{c['entry']}" for c in table["columns"])
        columns = [c for c in COLUMNS.named(words, shown.columns) if c.name in shown]
        if table["basis"] not in ("published", "design"):
            found.append((name, list(columns), shown))
    return found


def test_counts_that_add_up_in_a_published_table_are_said_to() -> None:
    """Where one column is the sum of others, a count that is hidden could be had by subtraction."""
    sums = set()
    for name, columns, table in recorded():
        counted = [c for c in columns if c.role in ("count", "aside", "base", "absent")]
        values = table[[c.name for c in counted]].apply(pd.to_numeric, errors="coerce")
        for total in counted:
            others = [c for c in counted if c is not total and values[c.name].gt(0).any()]
            for parts in (p for k in (2, 3, 4) for p in itertools.combinations(others, k)):
                added = values[[c.name for c in parts]].sum(axis=1, skipna=False)
                known = added.notna() & values[total.name].notna()
                if known.sum() < 2 or (added != values[total.name])[known].any():
                    continue
                sums.add(name)
                secret = [c for c in parts if c.role in ("count", "aside", "absent")]
                assert len({c.part_of for c in secret} - {""}) == 1 < len(secret), (name, parts)
    assert sums >= {"exposure", "relevance_pairs"}


def test_the_value_of_one_respondent_is_never_shown() -> None:
    table = pd.DataFrame({"n": [139], "median": [4.0], "maximum": [12]})
    assert hidden(table, "n median maximum").to_numpy().tolist() == [[False, False, True]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("3 respondents said so.", ["3 respondents"]),
        ("Three chief security officers agree.", ["Three chief security officers"]),
        ("three chief security officers agree", ["three chief security officers"]),
        ("Evasion 3 of 139, poisoning 20 of 139.", ["3 of 139, poisoning 20 of 139"]),
        ("136 of 139 respondents agree", ["136 of 139 respondents agree"]),
        ("Happened: 4/139", ["4/139"]),
        ("4 of 13 hypotheses; 12 of 72 cells; 1 of 5 predictors", []),
        ("7 of 16 expected counts are below 5", []),
        ("30 of 139 respondents", []),
        ("0 of 139 respondents", []),
        ("one respondent can have several flags", []),
        ("2 % (1 to 6 %)", ["2 %"]),
        ("26 % (19 to 34 %) at a 99 % interval", []),
        ("99 % agree", ["99 %"]),
        ("in 2020 and 1/2,001", []),
    ],
)
def test_small_counts_in_words_are_found(text: str, found: list[str]) -> None:
    assert few_told(text, 139) == found


def test_a_sentence_goes_as_a_whole_and_the_others_stay() -> None:
    text = "20 respondents met it. Of these 2 managers did not know. Median 4."
    assert safe_text(text, 139) == f"20 respondents met it. {SUPPRESSED} Median 4."
    assert safe_text("Mean rank 2.59 (2.39 to 2.79)", 139) == "Mean rank 2.59 (2.39 to 2.79)"


def test_numbers_are_counts_of_people_unless_their_unit_says_otherwise() -> None:
    assert safe_number(3, "respondents", ()) == SUPPRESSED
    assert safe_number(3, "", ()) == SUPPRESSED
    assert safe_number(3, "hypotheses", ()) == 3
    assert safe_number(0, "respondents", ()) == 0
    assert safe_number(0.02, "", (3, 139)) == SUPPRESSED
    assert safe_number("1 % (0 to 5 %)", "", (2,)) == SUPPRESSED
    assert safe_number(0.54, "", (20, 139)) == 0.54


def test_a_range_in_a_label_is_no_count() -> None:
    assert few_told("1–2 people") == []
    assert few_told("2 people") == ["2 people"]
