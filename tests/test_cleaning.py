"""Exclusions, recoding, kinds of missing and flags do what the codebook says, row by row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from limesurvey_rows import Rows, as_csv, table, write_with_manifest
from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.responses.exclusions import apply_exclusions, candidates, exclusion_reasons
from mlsec_survey.responses.missing import KINDS, missing_kinds
from mlsec_survey.responses.quality import quality_flags
from mlsec_survey.responses.readers import RawExport, read_export
from mlsec_survey.responses.recode import labelled, recode, variable_list
from mlsec_survey.responses.scales import derive_scales

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def standin(codebook: Codebook) -> RawExport:
    return read_export(ROOT / "data" / "raw" / "standin.csv", codebook)


Build = Callable[..., RawExport]


@pytest.fixture
def build(tmp_path: Path, codebook: Codebook) -> Build:
    """Return a function that makes an export from changes of a good response, one per row."""

    def make(*changes: dict[str, str | None], rewritten: bool = False) -> RawExport:
        header, template, _ = table(codebook)
        rows: Rows = [header]
        for number, change in enumerate(changes, start=1):
            row = list(template)
            for column, value in ({"id": str(number), "token": f"t{number}"} | change).items():
                row[header.index(column)] = value
            rows.append(row)
        content = as_csv(rows)
        if rewritten:
            content = content.replace(b'""', b"")
        path = write_with_manifest(tmp_path / "export.csv", content, len(changes))
        return read_export(path, codebook)

    return make


def through(page: int, codebook: Codebook) -> dict[str, str | None]:
    """Return the changes that make a response end after a page: later questions are NULL."""
    later = {c.name: None for c in codebook.column_specs if c.page > page}
    return {"lastpage": str(page), "submitdate": None, **later}


def test_each_exclusion_and_their_order(build: Build, codebook: Codebook) -> None:
    raw = build(
        {"CHANNEL": "TEST", "CONSENT": "N"},
        {"CONSENT": "N", **through(1, codebook)},
        {"CONSENT": "", **through(1, codebook)},
        {"SCREEN": "N", **through(1, codebook)},
        {"token": "same", **through(6, codebook)},
        {"token": "same"},
        {"token": "same"},
        {"token": ""},
        {"token": ""},
        {"lastpage": "7"},
        {**through(6, codebook), "lastpage": ""},
        {**through(0, codebook), "lastpage": None, "submitdate": None},
    )
    reasons = exclusion_reasons(raw, codebook)
    assert [None if pd.isna(reason) else reason for reason in reasons] == [
        "test_run",
        "no_consent",
        "no_consent",
        "screened_out",
        "partial",
        None,
        "duplicate",
        None,
        None,
        None,
        "partial",
        "opened_only",
    ]
    kept, flow = apply_exclusions(raw, codebook)
    assert list(kept.frame["id"]) == ["6", "8", "9", "10"]
    assert flow["excluded"].tolist() == [1, 1, 2, 1, 2, 1]
    assert flow["remaining"].tolist() == [11, 10, 8, 7, 5, 4]
    assert (flow["limit"] == "").all()
    assert len(raw) == flow["remaining"].iloc[0] + flow["excluded"].iloc[0]


def test_first_of_a_repeated_token_goes_by_response_number(
    build: Build, codebook: Codebook
) -> None:
    raw = build({"id": "9", "token": "a"}, {"id": "4", "token": "a"})
    kept, _ = apply_exclusions(raw, codebook)
    assert list(kept.frame["id"]) == ["4"]


def test_a_submitted_response_is_kept_before_one_that_was_not(
    build: Build, codebook: Codebook
) -> None:
    raw = build({"token": "a", "submitdate": None, "lastpage": "7"}, {"token": "a"}, {"token": "a"})
    kept, _ = apply_exclusions(raw, codebook)
    assert list(kept.frame["id"]) == ["2"]


def test_nothing_left_is_an_analysis_error(build: Build, codebook: Codebook) -> None:
    with pytest.raises(AnalysisError, match="all 1 responses"):
        apply_exclusions(build({"CONSENT": "N"}), codebook)


def test_values_and_types(build: Build, codebook: Codebook) -> None:
    responses = recode(
        build(
            {
                "ROLE": "-oth-",
                "ROLE[other]": "  Data \n engineer ",
                "ORGSIZE": "A5",
                "CON[EVA]": "A1",
                "CON[POI]": "DK",
                "OCC[EVA]": "A2",
                "KNOWN[EVA]": "A0",
                "DEF[D01]": "Y",
                "WHY[EVA]": "=1+1",
                "interviewtime": "99.5",
            }
        ),
        codebook,
    )
    row = responses.iloc[0]
    assert row["role"] == "other"
    assert row["role__other"] == "Data engineer"
    assert row["org_size"] == 5
    assert row["concern__evasion"] == 1
    assert pd.isna(row["concern__poisoning"])
    assert row["occurrence__evasion"] == "suspected"
    assert row["familiarity__evasion"] == 0
    assert (row["defence__input_validation"], row["defence__monitoring"]) == ("yes", "no")
    assert row["why__evasion"] == "=1+1"
    assert row["duration_seconds"] == 99.5
    assert row["submitted"] == pd.Timestamp("2022-02-03 10:20:30")
    assert str(responses["org_size"].dtype) == "Int64"
    assert list(responses["occurrence__evasion"].cat.categories) == ["yes", "suspected", "no"]
    assert list(responses["role"].cat.categories)[-1] == "other"
    assert str(responses["why__evasion"].dtype) == "str"
    assert str(responses["respondent_id"].dtype) == "int64"
    assert not {"invitation", "referrer", "token"} & set(responses.columns)


KIND_CASES: list[tuple[dict[str, str | None], str, str]] = [
    ({"ORGSIZE": "A1"}, "org_size", "answered"),
    ({"ORGSIZE": ""}, "org_size", "not_answered"),
    ({"ORGSIZE": "DK"}, "org_size", "dont_know"),
    ({"ORGSIZE": "PN"}, "org_size", "prefer_not"),
    ({"ORGSIZE": "N/A"}, "org_size", "not_shown"),
    ({"WHY[EVA]": "N/A"}, "why__evasion", "answered"),
    ({"WHY[EVA]": "   "}, "why__evasion", "not_answered"),
    ({"ROLE": "A1", "ROLE[other]": ""}, "role__other", "not_shown"),
    ({"ROLE": "-oth-", "ROLE[other]": ""}, "role__other", "not_answered"),
    ({"ROLE": "-oth-", "ROLE[other]": "x"}, "role__other", "answered"),
    ({"DEF[D02]": "Y"}, "defence__monitoring", "answered"),
    ({"DEF[NONE]": "Y"}, "defence__monitoring", "answered"),
    ({"DEF[DK]": "Y"}, "defence__monitoring", "dont_know"),
    ({"DEF[PN]": "Y"}, "defence__monitoring", "prefer_not"),
    ({"DEF[DK]": "Y", "DEF[D02]": "Y"}, "defence__monitoring", "answered"),
    ({}, "defence__monitoring", "not_answered"),
]


@pytest.mark.parametrize("rewritten", [False, True], ids=["original", "saved by a spreadsheet"])
@pytest.mark.parametrize(("change", "variable", "kind"), KIND_CASES)
def test_kinds_of_missing(
    build: Build,
    codebook: Codebook,
    change: dict[str, str | None],
    variable: str,
    kind: str,
    rewritten: bool,
) -> None:
    # The second response makes the file one that has both NULL and empty cells.
    raw = build(change, through(3, codebook), rewritten=rewritten)
    assert raw.marks_null is not rewritten
    kinds = missing_kinds(raw, codebook)
    assert kinds.at[0, variable] == kind
    responses = recode(raw, codebook)
    assert pd.isna(responses.at[0, variable]) is (kind != "answered")


@pytest.mark.parametrize("rewritten", [False, True], ids=["original", "saved by a spreadsheet"])
def test_what_was_not_shown(build: Build, codebook: Codebook, rewritten: bool) -> None:
    filtered: dict[str, str | None] = {
        "OCC[EVA]": "A3",
        "INC[EVA]": None,
        "OCC[POI]": "A1",
        "INC[POI]": "",
        "OCC[BAC]": "DK",
        "INC[BAC]": None,
        "REL[EVA]": "",
        "WHY[EVA]": None,
    }
    early = through(3, codebook)
    kinds = missing_kinds(build(filtered, early, rewritten=rewritten), codebook)
    assert kinds.loc[
        0, ["incident__evasion", "incident__poisoning", "incident__backdoor"]
    ].tolist() == [
        "not_shown",
        "not_answered",
        "not_shown",
    ]
    assert kinds.at[0, "relevance__evasion"] == "not_answered"
    assert kinds.at[0, "why__evasion"] == "not_shown"
    assert kinds.at[1, "org_size"] == "not_answered"
    for variable in ("concern__evasion", "target_likelihood", "defence__monitoring", "comment"):
        assert kinds.at[1, variable] == "not_shown"


def test_older_exports_that_write_every_empty_cell_alike(
    tmp_path: Path, codebook: Codebook
) -> None:
    rows = table(codebook)
    for column in codebook.column_specs:
        if column.page > 3:
            rows[2][rows[0].index(column.name)] = ""
    rows[2][rows[0].index("lastpage")] = "3"
    raw = read_export(write_with_manifest(tmp_path / "export.csv", as_csv(rows), 2), codebook)
    kinds = missing_kinds(raw, codebook)
    assert kinds.at[0, "comment"] == "not_answered"
    assert kinds.at[1, "comment"] == "not_shown"


def test_tables_fit_together(standin: RawExport, codebook: Codebook) -> None:
    kept, _ = apply_exclusions(standin, codebook)
    responses, kinds = recode(kept, codebook), missing_kinds(kept, codebook)
    answers = [variable.name for item in codebook.items for variable in codebook.variables(item)]
    assert list(kinds.columns) == ["respondent_id", *answers]
    assert list(responses.columns[: len(kinds.columns)]) == list(kinds.columns)
    assert responses["respondent_id"].equals(kinds["respondent_id"])
    assert list(kinds["role"].cat.categories) == list(KINDS)
    for variable in answers:
        assert responses[variable].notna().equals(kinds[variable] == "answered"), variable


def test_processed_files_survive_parquet(
    standin: RawExport, codebook: Codebook, tmp_path: Path
) -> None:
    kept, _ = apply_exclusions(standin, codebook)
    responses = recode(kept, codebook)
    responses.to_parquet(tmp_path / "responses.parquet", index=False)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "responses.parquet"), responses)


def test_excluded_responses_can_be_recoded_too(standin: RawExport, codebook: Codebook) -> None:
    responses = recode(standin, codebook)
    kinds = missing_kinds(standin, codebook)
    assert len(responses) == len(kinds) == 212
    refused = responses["consent"] == "no"
    assert (kinds.loc[refused, "concern__evasion"] == "not_shown").all()
    assert len(derive_scales(responses, kinds, codebook)) == 212


def test_candidates_have_consent_and_say_what_excluded_them(
    standin: RawExport, codebook: Codebook
) -> None:
    table = candidates(standin, codebook)
    counts = table["exclusion"].value_counts(dropna=False)
    _, flow = apply_exclusions(standin, codebook)
    excluded = flow.set_index("id")["excluded"]
    assert counts["partial"] == excluded["partial"]
    assert counts["duplicate"] == excluded["duplicate"]
    assert table["exclusion"].isna().sum() == 139
    assert len(table) == 139 + excluded["partial"] + excluded["duplicate"]
    assert (table["consent"] == "yes").all()
    assert (table["screening"] == "yes").all()
    kept, _ = apply_exclusions(standin, codebook)
    responses = derive_scales(recode(kept, codebook), missing_kinds(kept, codebook), codebook)
    responses = responses.join(quality_flags(responses, codebook))
    same = table[table["exclusion"].isna()].drop(columns="exclusion").reset_index(drop=True)
    pd.testing.assert_frame_equal(same, responses)


def flagged(responses: pd.DataFrame, codebook: Codebook, flag: str) -> list[bool]:
    return quality_flags(responses, codebook)[flag].tolist()


def test_speed_flag(build: Build, codebook: Codebook) -> None:
    times = ["900", "1000", "1100", "332", "333", ""]
    responses = recode(build(*({"interviewtime": time} for time in times)), codebook)
    # The median of the five known times is 900, and a share of it 299.7.
    assert flagged(responses, codebook, "speeder") == [False] * 6
    responses.loc[3, "duration_seconds"] = 299.0
    assert flagged(responses, codebook, "speeder") == [False] * 3 + [True, False, False]


def test_straight_lining_flag(build: Build, codebook: Codebook) -> None:
    codes = ("EVA", "POI", "BAC", "STE", "MEM", "INV")
    same = {f"{grid}[{code}]": "A3" for grid in ("CON", "REL") for code in codes}
    few = same | {f"CON[{code}]": "" for code in codes[:4]}
    half = same | {f"CON[{code}]": "" for code in codes[:3]}
    other = same | {"REL[INV]": "A4"}
    grids = same | {f"REL[{code}]": "A2" for code in codes}
    responses = recode(build(same, few, half, other, grids), codebook)
    expected = [True, False, True, False, False]
    assert flagged(responses, codebook, "straight_liner") == expected


def test_attention_flag(build: Build, codebook: Codebook) -> None:
    responses = recode(build({"ATTN": "A4"}, {"ATTN": "A1"}, {"ATTN": ""}), codebook)
    assert flagged(responses, codebook, "failed_attention") == [False, True, True]


def test_variable_list_describes_every_column(standin: RawExport, codebook: Codebook) -> None:
    kept, _ = apply_exclusions(standin, codebook)
    responses = recode(kept, codebook)
    responses = derive_scales(responses, missing_kinds(kept, codebook), codebook)
    responses = responses.join(quality_flags(responses, codebook))
    listed = variable_list(codebook).set_index("variable")
    assert listed.index.is_unique
    paradata = {entry.variable for entry in codebook.paradata}
    rest = set(responses.columns) - set(listed.index) - paradata
    assert rest == {"quality_flags", *(f"page_seconds_{page}" for page in range(1, 9))}
    assert set(listed.index) <= set(responses.columns)
    assert listed.at["concern__evasion", "values"].startswith("1 = Not at all concerned; 2 =")
    assert listed.at["concern__evasion", "source"] == "CON[EVA]"
    assert listed.at["why__evasion", "identifying"]
    assert not listed.at["concern__evasion", "identifying"]


def test_labels_and_texts(build: Build, codebook: Codebook) -> None:
    responses = recode(build({"ROLE": "A1", "CON[EVA]": "A5", "WHY[EVA]": "=1+1"}), codebook)
    public = labelled(responses, codebook)
    assert public.at[0, "concern__evasion"] == "Extremely concerned"
    assert public["concern__evasion"].cat.ordered
    assert not [name for name in public.columns if "why__" in name or name.endswith("__other")]
    assert labelled(responses, codebook, texts=True).at[0, "why__evasion"] == "'=1+1"
    assert labelled(responses, codebook, identifying=True).at[0, "role"] == "Data scientist"


def test_labelled_rows_do_not_lead_back_to_persons(standin: RawExport, codebook: Codebook) -> None:
    kept, _ = apply_exclusions(standin, codebook)
    responses = recode(kept, codebook)
    public = labelled(responses, codebook)
    marked = {item.id for item in codebook.items if item.identifying}
    assert {"role", "org_size"} <= marked
    assert not {*marked, "respondent_id", "submitted", "started", "last_action"} & {*public.columns}
    assert len(public) == len(responses)
    shuffled = responses.sample(frac=1, random_state=1).reset_index(drop=True)
    pd.testing.assert_frame_equal(labelled(shuffled, codebook), public)
