"""Tables count what they say they count, and suppression cannot be undone by subtraction."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlsec_survey.analysis.sample import (
    answer_counts,
    binary_scales,
    checklist_table,
    checklists_together,
    count_scales,
    describe_nothing_ticked,
    flag_counts,
    item_nonresponse,
    items_about,
    missing_kind_counts,
    nonresponse_summary,
    rating_distribution,
    share_text,
    table_one,
)
from mlsec_survey.figures import describe_exclusion_flow
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.responses.exclusions import apply_exclusions
from mlsec_survey.responses.missing import missing_kinds
from mlsec_survey.responses.quality import quality_flags
from mlsec_survey.responses.readers import RawExport, read_export
from mlsec_survey.responses.recode import recode
from mlsec_survey.responses.scales import derive_scales
from mlsec_survey.study.attacks import occurrence_table
from mlsec_survey.study.incidents import incident_shares, reports_and_confirmed

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def kept(codebook: Codebook) -> RawExport:
    raw = read_export(ROOT / "data" / "raw" / "standin.csv", codebook)
    return apply_exclusions(raw, codebook)[0]


@pytest.fixture(scope="module")
def missing(kept: RawExport, codebook: Codebook) -> pd.DataFrame:
    return missing_kinds(kept, codebook)


@pytest.fixture(scope="module")
def responses(kept: RawExport, missing: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    table = derive_scales(recode(kept, codebook), missing, codebook)
    return table.join(quality_flags(table, codebook))


def made(
    codebook: Codebook, variable: str, values: list[object], kinds: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    ordinal = codebook.variable(variable).measure == "ordinal"
    series = pd.Series(values, dtype="Int64" if ordinal else "object")
    return pd.DataFrame({variable: series}), pd.DataFrame({variable: kinds})


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_intervals_are_those_of_newcombes_examples(
    codebook: Codebook, count: int, n: int, low: float, high: float
) -> None:
    """Newcombe 1998, Statistics in Medicine 17, table I, method 3 (Wilson's score)."""
    values: list[object] = ["social"] * count + ["event"] * (n - count)
    table = table_one(*made(codebook, "channel", values, ["answered"] * n), codebook, ["channel"])
    row = table[table["option"] == "Social media"].iloc[0]
    assert (row["count"], row["n"]) == (count, n)
    assert round(row["low"], 4) == low
    assert round(row["high"], 4) == high


def test_table_one_counts_options_and_missing_kinds(codebook: Codebook) -> None:
    values: list[object] = [5, 5, 1, None, None, None]
    kinds = ["answered"] * 3 + ["dont_know", "dont_know", "not_answered"]
    table = table_one(*made(codebook, "org_size", values, kinds), codebook, ["org_size"])
    assert table["option"].tolist() == [
        "1–9 employees",
        "10–49 employees",
        "50–249 employees",
        "250–999 employees",
        "1000 employees or more",
        "Not answered",
        "Don't know",
    ]
    assert table["count"].tolist() == [1, 0, 0, 0, 2, 1, 2]
    assert table["n"].tolist() == [3] * 5 + [6] * 2
    assert table["estimate"].iloc[4] == pytest.approx(2 / 3)


@pytest.mark.slow
def test_table_one_adds_up(
    responses: pd.DataFrame, missing: pd.DataFrame, codebook: Codebook
) -> None:
    items = ["role", "experience", "education", "org_size", "industry", "maturity", "channel"]
    table = table_one(responses, missing, codebook, items)
    assert list(dict.fromkeys(table["variable"])) == items
    assert (table.groupby("variable")["count"].sum() == len(responses)).all()
    assert ((table["low"] <= table["estimate"]) & (table["estimate"] <= table["high"])).all()


def test_item_nonresponse_is_of_those_who_were_shown(
    missing: pd.DataFrame, codebook: Codebook
) -> None:
    table = item_nonresponse(missing, codebook).set_index("variable")
    kinds = ["answered", "not_answered", "dont_know", "prefer_not", "not_shown"]
    assert (table[kinds].sum(axis=1) == len(missing)).all()
    assert (table["n"] == len(missing) - table["not_shown"]).all()
    row = table.loc["why__evasion"]
    assert row["not_shown"] > 0
    assert row["estimate"] == pytest.approx(row["not_answered"] / row["n"])
    assert table.at["consent", "estimate"] == 0


def test_missing_kinds_in_cells(missing: pd.DataFrame, codebook: Codebook) -> None:
    table = missing_kind_counts(missing, codebook).set_index("item")
    assert table.at["concern", "cells"] == 6 * len(missing)
    assert table.at["role", "cells"] == len(missing)
    assert (table.drop(columns=["label", "cells"]).sum(axis=1) == table["cells"]).all()


def test_flags(responses: pd.DataFrame, codebook: Codebook) -> None:
    table = flag_counts(responses, codebook).set_index("flag")
    assert table.at["speeder", "count"] == responses["speeder"].sum()
    assert table.at["any", "count"] <= table["count"].iloc[:-1].sum()
    assert table.at["any", "share"] == table.at["any", "count"] / len(responses)


def test_occurrence_counts_substantive_answers_only(codebook: Codebook) -> None:
    names = {key: part.name for key, part in codebook.parts("occurrence").items()}
    values = ["yes", "suspected", "suspected", "no", None, None, None]
    kinds = ["answered"] * 4 + ["dont_know", "prefer_not", "not_answered"]
    responses = pd.DataFrame(dict.fromkeys(names.values(), values))
    missing = pd.DataFrame(dict.fromkeys(names.values(), kinds))
    table = occurrence_table(responses, missing, codebook)
    evasion = table[table["subquestion"] == "evasion"].set_index("report")
    assert evasion["count"].to_dict() == {"yes": 1, "suspected": 2, "either": 3}
    assert set(evasion["n"]) == {4}
    assert evasion.at["either", "estimate"] == 0.75
    assert evasion.iloc[0][["dont_know", "prefer_not", "no_answer"]].tolist() == [1, 1, 1]
    assert list(dict.fromkeys(table["label"])) == list(codebook.part_labels("attacks").values())


def test_rating_distribution(codebook: Codebook) -> None:
    names = {key: part.name for key, part in codebook.parts("concern").items()}
    values = pd.Series([1, 4, 4, 5, None, None], dtype="Int64")
    kinds = ["answered"] * 4 + ["dont_know", "not_answered"]
    responses = pd.DataFrame(dict.fromkeys(names.values(), values))
    missing = pd.DataFrame(dict.fromkeys(names.values(), kinds))
    responses[names["backdoor"]] = pd.Series([None] * 6, dtype="Int64")
    table = rating_distribution(responses, missing, codebook, "concern").set_index("subquestion")
    row = table.loc["evasion"]
    assert [row[f"count_{value}"] for value in range(1, 6)] == [1, 0, 0, 2, 1]
    assert row["share_4"] == 0.5
    assert (row["count"], row["n"], row["estimate"]) == (3, 4, 0.75)
    assert (row["median"], row["mean"]) == (4, 3.5)
    assert (row["dont_know"], row["no_answer"]) == (1, 1)
    assert table.at["backdoor", "n"] == 0
    assert math.isnan(table.at["backdoor", "estimate"])
    with pytest.raises(ValueError, match="not ordinal"):
        rating_distribution(responses, missing, codebook, "occurrence")


def test_checklist_in_both_readings_of_nothing_ticked(
    responses: pd.DataFrame, missing: pd.DataFrame, codebook: Codebook
) -> None:
    table = checklist_table(responses, missing, codebook, "defence")
    assert table["count"].sum() == responses["defence_count"].sum()
    assert set(table["n"]) == {responses["defence_count"].notna().sum()}
    assert set(table["ticked_n"]) == {responses["defence_count_answered"].notna().sum()}
    blank = int((missing["defence__monitoring"] == "not_answered").sum())
    assert blank > 0 and (table["listed_n"] == table["ticked_n"] + blank).all()
    assert table["ticked_share"].tolist() == (table["count"] / table["ticked_n"]).tolist()
    words = describe_nothing_ticked(missing, codebook, ["defence"])
    assert f"{blank} ticked nothing, which counts as none of them" in words
    assert describe_nothing_ticked(missing.head(0), codebook, ["defence"]).startswith("nobody")


def test_flow_in_words() -> None:
    flow = pd.DataFrame(
        {
            "label": ["No consent", "Test", "Duplicate"],
            "excluded": [2, 0, 1],
            "remaining": [8, 8, 7],
        }
    )
    assert describe_exclusion_flow(flow) == (
        "Excluded: 3 of 10 exported responses (no consent 2, duplicate 1); analysed: 7 respondents."
    )


def test_options_that_exclude_are_no_rows_of_table_one(codebook: Codebook) -> None:
    table = table_one(*made(codebook, "channel", ["event"], ["answered"]), codebook, ["channel"])
    assert "Test by the team" not in table["option"].tolist()
    assert table["heading"].unique().tolist() == ["Recruitment channel (n = 1)"]


def test_items_about_constructs_keep_the_order_of_the_questionnaire(codebook: Codebook) -> None:
    assert items_about(codebook, "organisation", "respondent") == [
        "role",
        "experience",
        "education",
        "org_size",
        "industry",
        "maturity",
        "team_size",
        "security_practice",
    ]
    assert items_about(codebook, "nothing") == []


def test_questions_leave_out_texts_screening_and_repeated_boxes(
    missing: pd.DataFrame, codebook: Codebook
) -> None:
    every = item_nonresponse(missing, codebook)
    table = item_nonresponse(missing, codebook, questions=True)
    assert not set(table["measure"]) & {"text"}
    assert "consent" not in table["item"].tolist()
    checklists = {item.id for item in codebook.items if item.type == "multiple"}
    once = table[table["item"].isin(checklists)]
    assert once["item"].tolist() == sorted(checklists)
    assert once["label"].tolist() == [codebook.label(item) for item in once["item"]]
    assert once["count"].tolist() == [
        every[every["item"] == item]["count"].unique().item() for item in once["item"]
    ]
    text = nonresponse_summary(table)
    everybody = int((table["answered"] == table["n"]).sum())
    assert text.startswith(
        f"of {len(table)} questions {int((table['count'] == 0).sum())} were left"
    )
    assert f"and {everybody} have a substantive answer from everybody" in text
    assert table.loc[table["estimate"].idxmax(), "label"] in text


def test_all_answers_on_occurrence_and_the_bounds(codebook: Codebook) -> None:
    values = {
        variable: ["no"] * 10
        for variable in (part.name for part in codebook.parts("occurrence").values())
    }
    kinds = {name: ["answered"] * 10 for name in values}
    first = next(iter(values))
    values[first] = ["yes", "suspected", *["no"] * 4, None, None, None, None]
    kinds[first] = ["answered"] * 6 + ["dont_know", "dont_know", "prefer_not", "not_answered"]
    table = answer_counts(
        pd.DataFrame(values),
        pd.DataFrame(kinds),
        codebook,
        "occurrence",
        values=("yes", "suspected"),
    )
    row = table.iloc[0]
    assert [row[f"count_{value}"] for value in ("yes", "suspected", "no")] == [1, 1, 4]
    assert (row["dont_know"], row["prefer_not"], row["no_answer"]) == (2, 1, 1)
    assert (row["count"], row["n"], row["estimate"]) == (2, 9, pytest.approx(2 / 9))
    assert (row["bound_low"], row["bound_high"]) == (0.2, 0.6)
    assert (table["bound_low"].iloc[1], table["bound_high"].iloc[1]) == (0, 0)


def incidents() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "attack": ["evasion", "poisoning", "unheard_of"],
            "label": ["Evasion", "Poisoning", "Unheard of"],
            "reported": [9, 4, 2],
            "described": [8, 4, 1],
            "confirmed": [3, 0, 1],
            "doubted": [2, 0, 0],
        }
    )


def test_incidents_are_shares_of_all_respondents() -> None:
    table = incident_shares(incidents(), 200).set_index("attack")
    assert table.at["evasion", "estimate"] == 3 / 200
    assert table.at["evasion", "exact_high"] > table.at["evasion", "high"]
    assert table["none_bound"].notna().tolist() == [False, True, False]
    assert 200 * table.at["poisoning", "none_bound"] == pytest.approx(3, abs=0.05)
    assert table.at["poisoning", "exact_low"] == 0


def test_reports_and_confirmed_keep_their_own_denominators(
    responses: pd.DataFrame, missing: pd.DataFrame, codebook: Codebook
) -> None:
    occurrence = occurrence_table(responses, missing, codebook)
    coded = incident_shares(incidents(), len(responses))
    table = reports_and_confirmed(occurrence, coded, confirmed="Coded")
    assert list(dict.fromkeys(table["kind"])) == ["It happened", "It was suspected", "Coded"]
    assert len(table) == 2 * len(codebook.part_labels("attacks")) + 3
    assert table[table["kind"] == "Coded"]["count"].tolist() == [3, 0, 1]
    assert set(table[table["kind"] == "Coded"]["n"]) == {len(responses)}
    assert not table.isna().any().any()


def test_binary_scales_count_the_unknown_apart(responses: pd.DataFrame, codebook: Codebook) -> None:
    answers = responses.assign(
        exposure=pd.array([1, 0, None] + [0] * (len(responses) - 3), "Int64")
    )
    table = binary_scales(answers, codebook).set_index("scale")
    row = table.loc["exposure"]
    assert (row["count"], row["n"], row["unknown"]) == (1, len(responses) - 1, 1)
    assert set(table.index) == {s.id for s in codebook.scales if s.measure == "binary"}


def test_count_scales_summarise_and_their_interval_is_that_of_a_large_sample(
    responses: pd.DataFrame, codebook: Codebook
) -> None:
    n = len(responses)
    counts = pd.array([0, 1, 2, 3, 4, 5, 6] * (n // 7) + [None] * (n % 7), "Int64")
    answers = responses.assign(defence_count=counts)
    rng = np.random.default_rng(1)
    table = count_scales(answers, codebook, "defences", rng, resamples=4000).set_index("scale")
    row = table.loc["defence_count"]
    used = 7 * (n // 7)
    assert (row["n"], row["unknown"], row["none"]) == (used, n % 7, n // 7)
    assert (row["quartile_1"], row["median"], row["quartile_3"], row["maximum"]) == (1, 3, 5, 6)
    # A symmetric law of variance 4: the interval is the normal one.
    half = 1.96 * 2 / math.sqrt(used)
    assert row["mean"] == 3
    assert row["mean_low"] == pytest.approx(3 - half, abs=0.04)
    assert row["mean_high"] == pytest.approx(3 + half, abs=0.04)


def test_checklists_stand_together(
    responses: pd.DataFrame, missing: pd.DataFrame, codebook: Codebook
) -> None:
    table = checklists_together(responses, missing, codebook, ["defence", "planned"])
    assert table["list"].unique().tolist() == ["Implemented defence", "Planned defence"]
    alone = checklist_table(responses, missing, codebook, "planned")
    assert table[table["list"] == "Planned defence"]["count"].tolist() == alone["count"].tolist()


def test_share_as_readers_see_it() -> None:
    assert share_text(81, 263) == "31 % (26 to 37 %)"
    assert share_text(0, 0).startswith("not estimable")
