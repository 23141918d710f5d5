"""The code book and the coders' sheets: read strictly, one error each, and counted as they say."""

from __future__ import annotations

import runpy
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml

from mlsec_survey import figures
from mlsec_survey.analysis import coded_answers
from mlsec_survey.base.errors import InputError
from mlsec_survey.base.randomness import generator
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.coding_scheme import CodingScheme, load_coding_scheme
from mlsec_survey.responses.coding import Coding, load_coding
from mlsec_survey.responses.exclusions import apply_exclusions
from mlsec_survey.responses.readers import read_export
from mlsec_survey.responses.recode import recode
from mlsec_survey.study.incidents import NEEDED, confirmed_incidents

DATA = Path(__file__).parent.parent / "data"
Change = Callable[[Path], None]


@pytest.fixture(scope="module")
def responses(codebook: Codebook) -> pd.DataFrame:
    kept, _ = apply_exclusions(read_export(DATA / "raw/standin.csv", codebook), codebook)
    return recode(kept, codebook)


@pytest.fixture(scope="module")
def scheme(codebook: Codebook) -> CodingScheme:
    return load_coding_scheme(DATA / "concern_codes.yml", codebook)


@pytest.fixture(scope="module")
def coding(scheme, responses, codebook) -> Coding:
    return load_coding(DATA / "coding", scheme, responses, codebook)


def test_the_scheme_defines_what_the_abstract_names(scheme) -> None:
    published = {code.id for code in scheme.codes if code.basis == "published"}
    assert published == {"unreliable_decisions", "business_leakage", "introduced_bias"}
    assert published <= set(scheme.concerns("why"))
    assert not {"not_exposed", "no_incentive", "controlled"} & set(scheme.concerns("why"))
    table = scheme.table()
    assert len(table) == len(scheme.codes)
    # Rules point to other codes by their labels, not by ids that a reader does not see.
    assert not table[["include", "exclude"]].apply(lambda c: c.str.contains("_")).any(axis=None)


@pytest.mark.slow
def test_every_answer_is_coded_and_every_difference_decided(coding, responses, codebook) -> None:
    written = sum(
        int(responses[f"{field}__{attack}"].notna().sum())
        for field in ("why", "incident")
        for attack in codebook.part_labels("attacks")
    )
    units = coding.units
    assert len(units) == written
    differ = units["coder_a"] != units["coder_b"]
    assert set(units["decided"]) == {"coders agree", "adjudication"}
    assert (units["decided"].eq("adjudication") == differ).all()
    assert (units.loc[~differ, "final"] == units.loc[~differ, "coder_a"]).all()
    assert (units["reason"] != "").eq(differ).all()


def test_three_evasion_incidents_remain_of_which_two_are_doubted(
    coding, responses, codebook
) -> None:
    counts = confirmed_incidents(coding, responses, codebook).set_index("attack")
    assert counts.loc["evasion", "confirmed"] == 3
    assert counts.loc["evasion", "doubted"] == 2
    assert list(counts.index) == list(codebook.part_labels("attacks"))
    assert (counts["confirmed"] <= counts["described"]).all()
    assert (counts["described"] <= counts["reported"]).all()
    yes = responses["occurrence__evasion"].isin(["yes", "suspected"]).sum()
    assert counts.loc["evasion", "reported"] == yes


def first_row(path: Path, change: Callable[[str], str]) -> None:
    lines = path.read_text().splitlines()
    lines[1] = change(lines[1])
    path.write_text("\n".join(lines) + "\n")


def in_sheet(change: Callable[[str], str]) -> Change:
    return lambda folder: first_row(folder / "coder_b.csv", change)


def in_decisions(change: Callable[[str], str]) -> Change:
    return lambda folder: first_row(folder / "adjudication.csv", change)


def drop(name: str, row: int) -> Change:
    def change(folder: Path) -> None:
        lines = (folder / name).read_text().splitlines()
        (folder / name).write_text("\n".join(lines[: row - 1] + lines[row:]) + "\n")

    return change


def repeat(name: str) -> Change:
    def change(folder: Path) -> None:
        lines = (folder / name).read_text().splitlines()
        (folder / name).write_text("\n".join([*lines, lines[1]]) + "\n")

    return change


def header(text: str) -> Change:
    def change(folder: Path) -> None:
        lines = (folder / "coder_b.csv").read_text().splitlines()
        (folder / "coder_b.csv").write_text("\n".join([text, *lines[1:]]) + "\n")

    return change


# The first row of both sheets and of the adjudication is an incident of respondent 11.
START = "11,model_stealing,incident"


@pytest.mark.parametrize(
    ("change", "name", "row", "column", "value"),
    [
        (
            in_sheet(lambda r: r.replace("11,", "99999,", 1)),
            "coder_b.csv",
            2,
            "respondent_id",
            "99999",
        ),
        (in_sheet(lambda r: r.replace("11,", "x,", 1)), "coder_b.csv", 2, "respondent_id", "x"),
        (in_sheet(lambda r: r.replace("11,", "²,", 1)), "coder_b.csv", 2, "respondent_id", "²"),
        (
            in_sheet(lambda r: r.replace("model_stealing", "theft")),
            "coder_b.csv",
            2,
            "subquestion",
            "theft",
        ),
        (in_sheet(lambda r: r.replace("incident,", "story,")), "coder_b.csv", 2, "field", "story"),
        (in_sheet(lambda r: START + ",privacy"), "coder_b.csv", 2, "codes", "privacy"),
        (
            in_sheet(lambda r: r + "|incident_confirmed"),
            "coder_b.csv",
            2,
            "codes",
            "none|incident_confirmed",
        ),
        (
            in_sheet(lambda r: START + ",incident_confirmd"),
            "coder_b.csv",
            2,
            "codes",
            "incident_confirmd",
        ),
        (
            in_sheet(lambda r: START + ",incident_doubted|incident_doubted"),
            "coder_b.csv",
            2,
            "codes",
            "incident_doubted|incident_doubted",
        ),
        (in_sheet(lambda r: START + ",incident_doubted|"), "coder_b.csv", 2, "codes", ""),
        (in_sheet(lambda r: r + ",more"), "coder_b.csv", 2, None, None),
        (
            in_sheet(lambda r: r.replace("model_stealing", "backdoor")),
            "coder_b.csv",
            2,
            "respondent_id",
            "11 backdoor incident",
        ),
        (repeat("coder_b.csv"), "coder_b.csv", 357, "respondent_id", "11 model_stealing incident"),
        (
            header("respondent_id,subquestion,field"),
            "coder_b.csv",
            1,
            None,
            "respondent_id,subquestion,field",
        ),
        (
            in_sheet(lambda r: START + ",incident_confirmed"),
            "adjudication.csv",
            2,
            "respondent_id",
            "11 model_stealing incident",
        ),
        (
            in_decisions(lambda r: START + ",none,"),
            "adjudication.csv",
            2,
            "reason",
            "11 model_stealing incident",
        ),
        (
            in_decisions(lambda r: START + ",,It is plain."),
            "adjudication.csv",
            2,
            "codes",
            "11 model_stealing incident",
        ),
    ],
)
@pytest.mark.slow
def test_bad_sheets_name_the_place(
    tmp_path, scheme, responses, codebook, change, name, row, column, value
) -> None:
    shutil.copytree(DATA / "coding", tmp_path / "coding")
    for sheet in ("coder_a.csv", "coder_b.csv", "adjudication.csv"):
        assert (tmp_path / "coding" / sheet).read_text().splitlines()[1].startswith(START)
    change(tmp_path / "coding")
    with pytest.raises(InputError) as error:
        load_coding(tmp_path / "coding", scheme, responses, codebook)
    found = error.value
    assert found.file is not None
    assert (found.file.name, found.row, found.column, found.value) == (name, row, column, value)
    assert found.remedy


def test_a_sheet_that_is_no_csv_is_named(tmp_path, scheme, responses, codebook) -> None:
    (tmp_path / "coder_a.csv").write_text('respondent_id,subquestion,field,codes\n11,"evasion\n')
    with pytest.raises(InputError, match="not valid CSV"):
        load_coding(tmp_path, scheme, responses, codebook)
    (tmp_path / "coder_a.csv").unlink()
    (tmp_path / "coder_a.xlsx").write_bytes(b"PK")
    with pytest.raises(InputError, match="a workbook in the place of a coder's sheet"):
        load_coding(tmp_path, scheme, responses, codebook)


@pytest.fixture
def sheets(tmp_path: Path) -> Path:
    shutil.copytree(DATA / "coding", tmp_path / "coding")
    return tmp_path / "coding"


def edited(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    change(table).to_csv(path, index=False, lineterminator="\n")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.slow
def test_sheets_that_a_spreadsheet_saved_are_read(
    sheets, coding, scheme, responses, codebook, encoding, separator
) -> None:
    for path in sheets.glob("*.csv"):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        table["codes"] = table["codes"].str.replace("none", "None")
        table.insert(0, "Notizen", "später prüfen, ob „das“ stimmt")
        text = table.to_csv(index=False, sep=separator, lineterminator="\r\n")
        blank = separator * (len(table.columns) - 1) + "\r\n"
        text = text.replace("\r\n", "\r\n" + blank, 2) + blank
        path.write_bytes(text.encode(encoding, errors="replace"))
    found = load_coding(sheets, scheme, responses, codebook)
    pd.testing.assert_frame_equal(found.units, coding.units)


def test_uncoded_partly_coded_and_coded_are_told_apart(sheets, scheme, responses, codebook) -> None:
    def state(folder: Path | None) -> tuple[str, str]:
        found = load_coding(folder, scheme, responses, codebook)
        return found.state("why"), found.state("incident")

    assert state(sheets) == ("coded", "coded")
    assert state(None) == state(sheets / "nowhere") == ("uncoded", "uncoded")
    # What one coder has not filled in yet waits, and holds up its own field alone.
    edited(sheets / "coder_b.csv", lambda t: t.assign(codes=t["codes"].where(t.index != 1, "")))
    found = load_coding(sheets, scheme, responses, codebook)
    assert (found.state("why"), found.state("incident")) == ("partly coded", "coded")
    assert found.of_field("why").empty
    assert len(found.of_coders("why", *found.coders)) == (found.units["field"] == "why").sum() - 1
    assert "1 wait for" in found.describe("why")
    assert found.known("why", 3) == "not yet coded"
    assert found.known("incident", 3) == 3
    for name in ("coder_a", "coder_b"):
        edited(sheets / f"{name}.csv", lambda t: t.assign(codes=""))
    (sheets / "adjudication.csv").unlink()
    assert state(sheets) == ("uncoded", "uncoded")
    assert "not yet coded" in load_coding(sheets, scheme, responses, codebook).describe("why")


def test_no_incident_is_counted_from_sheets_that_nobody_filled(
    sheets, scheme, responses, codebook
) -> None:
    for name in ("coder_a", "coder_b"):
        edited(sheets / f"{name}.csv", lambda t: t.assign(codes=""))
    found = load_coding(sheets, scheme, responses, codebook)
    counts = confirmed_incidents(found, responses, codebook)
    assert counts["confirmed"].isna().all()
    assert counts["doubted"].isna().all()
    assert counts["described"].sum() > 0
    # Coded, and none applies: that is a count of none.
    for name in ("coder_a", "coder_b"):
        edited(sheets / f"{name}.csv", lambda t: t.assign(codes="none"))
    (sheets / "adjudication.csv").unlink()
    found = load_coding(sheets, scheme, responses, codebook)
    assert (confirmed_incidents(found, responses, codebook)["confirmed"] == 0).all()


def test_one_coder_is_enough_and_agreement_unknown(sheets, scheme, responses, codebook) -> None:
    (sheets / "coder_b.csv").unlink()
    (sheets / "adjudication.csv").unlink()
    found = load_coding(sheets, scheme, responses, codebook)
    assert found.state("why") == "coded"
    assert set(found.units["decided"]) == {"one coder"}
    by_code, overall = coded_answers.agreement(found, resamples=50, rng=generator(1, "agreement"))
    assert by_code.empty
    least = coded_answers.least_agreement(overall, "why")
    assert all(pd.isna(value) for value in least.values())
    counted = coded_answers.count_codes(found, "why", resamples=50, rng=generator(1, "counts"))
    across = coded_answers.cross_cutting(found, "why")
    assert "one coder read each reason" in coded_answers.describe_concerns(
        found, "why", "attacks", least, counted, across
    )


@pytest.mark.slow
def test_three_coders_are_compared_in_pairs(sheets, coding, scheme, responses, codebook) -> None:
    """A third coder who copies the first adds a pair that agrees fully, and no decision changes."""
    shutil.copy(sheets / "coder_a.csv", sheets / "coder_c.csv")
    found = load_coding(sheets, scheme, responses, codebook)
    assert found.coders == ("coder_a", "coder_b", "coder_c")
    assert found.units["final"].tolist() == coding.units["final"].tolist()
    _, overall = coded_answers.agreement(found, resamples=50, rng=generator(1, "agreement"))
    alpha = overall[(overall["key"] == "alpha_masi") & (overall["field"] == "why")]
    assert alpha.set_index("coders").loc["A and C", "estimate"] == 1
    of_two = coded_answers.agreement(coding, resamples=50, rng=generator(1, "agreement"))[1]
    least, only = (coded_answers.least_agreement(o, "why")["alpha"] for o in (overall, of_two))
    assert least == pytest.approx(only)
    assert least < 1


def test_a_second_coder_of_a_part_decides_nothing_about_the_rest(
    sheets, scheme, responses, codebook
) -> None:
    edited(sheets / "coder_b.csv", lambda t: t.iloc[:60])
    first, second = (
        pd.read_csv(sheets / f"coder_{name}.csv", dtype=str)[
            ["respondent_id", "subquestion", "field"]
        ]
        for name in "ab"
    )
    asked = set(map(tuple, second.to_numpy()))
    edited(
        sheets / "adjudication.csv",
        lambda t: t[[tuple(row) in asked for row in t.iloc[:, :3].to_numpy()]],
    )
    found = load_coding(sheets, scheme, responses, codebook)
    counts = found.units["decided"].value_counts()
    assert counts["one coder"] == len(first) - 60
    assert found.state("why") == found.state("incident") == "coded"
    trail = coded_answers.adjudication_trail(found)
    assert trail["answers"].sum() == len(first)
    assert "no other coder was asked" in set(trail["reason"])


def test_a_reason_that_quotes_an_answer_is_refused(sheets, scheme, responses, codebook) -> None:
    table = pd.read_csv(sheets / "adjudication.csv", dtype=str, keep_default_na=False)
    row = table[table["field"] == "why"].iloc[0]
    number = int(row["respondent_id"])
    responses_by_id = responses.set_index("respondent_id")
    own = responses_by_id.loc[number, f"why__{row['subquestion']}"]
    words = own.split()
    assert len(words) > 6
    others = responses[responses["respondent_id"] != number][f"why__{row['subquestion']}"].dropna()
    other = next(text for text in others if len(text.split()) > 7 and text != own)

    def refused(reason: str) -> bool:
        changed = table.copy()
        changed.loc[row.name, "reason"] = reason
        changed.to_csv(sheets / "adjudication.csv", index=False)
        try:
            load_coding(sheets, scheme, responses, codebook)
        except InputError as error:
            assert error.problem == "the reason quotes an answer, and reasons are published"
            # The message names the place and does not repeat the words.
            assert own not in str(error)
            assert error.column == "reason"
            return True
        return False

    assert refused(own)
    assert refused("Since it says: " + " ".join(words[1:6]).upper())
    assert refused(f"The word “{words[2].strip('.,')}” decides.")
    assert refused("As in another answer, " + " ".join(other.split()[:7]))
    assert not refused("The border to the neighbouring code decides, as its rule says.")
    assert not refused("Both coders' readings hold; they don't exclude one another.")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("id: privacy", "id: safety", "this occurs twice"),
        ("id: privacy", "id: none", "coders write this word where no code applies"),
        ("label: Privacy of persons", "label: Safety of persons", "this occurs twice"),
        ("field: why", "field: because", "unknown name"),
        ("theme: exposure", "theme: exposur", "unknown name"),
        ("id: incident_confirmed", "id: incident_real", "no code 'incident_confirmed'"),
        ("definition: Money is lost.", "meaning: Money is lost.", "meaning"),
        ("concern: true", "concern: yes please", "concern"),
    ],
)
def test_bad_schemes_name_the_entry(tmp_path, codebook, old, new, message) -> None:
    text = (DATA / "concern_codes.yml").read_text()
    assert old in text
    (tmp_path / "codes.yml").write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as error:
        load_coding_scheme(tmp_path / "codes.yml", codebook, needed=NEEDED)
    assert error.value.row


def test_agreement_tables_hold_every_code(coding, scheme) -> None:
    rng = generator(1, "agreement")
    by_code, overall = coded_answers.agreement(coding, resamples=200, rng=rng)
    assert set(by_code["code"]) == set(scheme.labels().values())
    assert (by_code["both"] <= by_code[["first", "second"]].min(axis=1)).all()
    assert set(by_code["coders"]) == {"A and B"}
    assert overall["estimate"].between(overall["low"], overall["high"]).all()
    again, _ = coded_answers.agreement(coding, resamples=200, rng=generator(1, "agreement"))
    pd.testing.assert_frame_equal(by_code, again)


def test_disagreements_are_counted_without_any_text(coding) -> None:
    table = coded_answers.disagreements(coding)
    assert set(table.columns) == {
        *("kind", "code", "other", "answers", "code_stands", "other_stands")
    }
    differ = coding.units[coding.units["coder_a"] != coding.units["coder_b"]]
    codes = stands = pairs = 0
    for a, b, final in zip(differ["coder_a"], differ["coder_b"], differ["final"], strict=True):
        codes += len(a ^ b)
        stands += len((a ^ b) & final)
        pairs += len(a - b) == len(b - a) == 1
    both = table["kind"] == "one read as the other"
    assert table.loc[both, "answers"].sum() == pairs
    assert table["answers"].sum() + pairs == codes
    assert table["code_stands"].sum() + table["other_stands"].sum() == stands
    assert not table.duplicated(["code", "other"]).any()
    assert (table.loc[~both, "other"] == "").all()


def test_codes_are_counted_by_attack(coding, scheme, codebook) -> None:
    found = coded_answers.count_codes(coding, "why", resamples=300, rng=generator(1, "counts"))
    units = coding.of_field("why")
    assert list(found.counts.columns) == list(codebook.part_labels("attacks").values())
    assert found.replies.sum() == len(units)
    assert found.counts.to_numpy().sum() == units["final"].map(len).sum()
    cells = found.cells
    assert cells["share"].between(cells["low"], cells["high"]).all()
    one = cells[(cells["code"] == "Safety of persons") & (cells["label"] == "Evasion")].iloc[0]
    here = units[units["subquestion"] == "evasion"]["final"]
    assert (one["count"], one["replies"]) == (sum("safety" in c for c in here), len(here))
    assert found.counts.loc["Safety of persons", "Evasion"] == one["count"]
    assert found.firm.loc["Safety of persons", "Evasion"] == (one["p_adjusted"] <= 0.05)
    assert found.firm.to_numpy().sum() == (cells["p_adjusted"] <= 0.05).sum()
    spread = found.spread.set_index("code")
    safety = units[["safety" in codes for codes in units["final"]]]
    assert spread.loc["Safety of persons", "respondents"] == safety["respondent_id"].nunique()
    assert spread.loc["Safety of persons", "parts"] == safety["subquestion"].nunique()
    text = figures.describe_codes_by_item(found.counts, found.deviates, found.replies, found.firm)
    more = int((found.firm & (found.deviates > 0)).sum().sum())
    assert f"after correction for their number {more} cells count more" in text


def test_combinations_count_every_reason_with_a_code(coding) -> None:
    together = coded_answers.codes_together(coding, "why", most=5)
    listed, others, sets = together.combinations, together.others, together.by_code
    units = coding.of_field("why")
    assert listed["count"].sum() + others == (units["final"].map(len) > 0).sum()
    assert sets.sum() == units["final"].map(len).sum()
    both = sum({"safety", "unreliable_decisions"} <= codes for codes in units["final"])
    pairs = together.pairs
    row = pairs[
        (pairs["first"] == "Unreliable decisions") & (pairs["second"] == "Safety of persons")
    ]
    assert row["count"].tolist() == [both]


def test_cross_cutting_counts_respondents(coding, scheme) -> None:
    result = coded_answers.cross_cutting(coding, "why")
    units = coding.of_field("why")
    several = same = 0
    for _, answers in units.groupby("respondent_id"):
        concerns = set(scheme.concerns("why"))
        named = [code for codes in answers["final"] for code in codes if code in concerns]
        attacks = sum(bool(codes & concerns) for codes in answers["final"])
        several += attacks >= 2
        same += len(named) > len(set(named))
    assert (result["count"], result["n"]) == (same, several)
    assert result["low"] <= result["estimate"] <= result["high"]


def test_the_most_named_concerns_count_each_respondent_once(coding, scheme) -> None:
    people: dict[str, set[object]] = {code: set() for code in scheme.concerns("why")}
    units = coding.of_field("why")
    for person, codes in zip(units["respondent_id"], units["final"], strict=True):
        for code in codes & set(scheme.concerns("why")):
            people[code].add(person)
    table = coded_answers.most_named(coding, "why", most=2)
    assert table["count"].tolist() == sorted(map(len, people.values()), reverse=True)[:2]
    assert set(table["n"]) == {units["respondent_id"].nunique()}
    assert len(coded_answers.most_named(coding, "why", most=99)) == len(scheme.concerns("why"))


@pytest.mark.parametrize(
    ("estimate", "low", "start", "end"),
    [
        (0.9, 0.85, "at least 0.800", "Krippendorff's convention"),
        (0.8, 0.7, "at least 0.800", "enough for tentative conclusions by the convention"),
        (0.7, 0.5, "at least 0.667", "not enough even for tentative conclusions by the convention"),
        (0.6, 0.5, "below 0.667", "by the convention"),
        (float("nan"), 0.5, "not estimable", "not estimable"),
    ],
)
def test_alpha_is_read_by_the_convention(estimate, low, start, end) -> None:
    text = coded_answers.alpha_reading(estimate, low)
    assert text.startswith(start)
    assert text.endswith(end)
    assert (";" in text) == (estimate >= 0.667 and low < 0.8)


def run_script(*arguments: object) -> int:
    script = runpy.run_path(str(DATA.parent / "scripts/coding_sheets.py"))
    return script["main"]([str(argument) for argument in arguments])


@pytest.mark.slow
def test_sheets_for_coders_lead_to_a_coding(
    tmp_path, coding, scheme, responses, codebook, capsys
) -> None:
    """Blank sheets, filled as the stand-in's, ask for just the decisions that the stand-in has."""
    export = "data/raw/standin.csv"
    arguments = ["--export", export, "--folder", tmp_path, "--pages", tmp_path / "pages"]
    assert run_script("blank", *arguments) == 0
    blank = pd.read_csv(tmp_path / "coder_a.csv")
    assert list(map(tuple, blank.iloc[:, :3].to_numpy())) == list(
        map(tuple, coding.units[["respondent_id", "subquestion", "field"]].to_numpy())
    )
    assert blank["codes"].isna().all()
    answers = (tmp_path / "answers.csv").read_text()
    # Hostile text is in the stand-in; a spreadsheet must not run it.
    assert not any(line.split(",", 3)[3].startswith("=") for line in answers.splitlines())
    assert run_script("blank", *arguments) == 2
    assert "there already" in capsys.readouterr().err

    for sheet in ("coder_a.csv", "coder_b.csv"):
        shutil.copy(DATA / "coding" / sheet, tmp_path / sheet)
    assert run_script("differences", "--export", export, "--folder", tmp_path) == 0
    asked = pd.read_csv(tmp_path / "adjudication.csv")
    differ = coding.units[coding.units["decided"] == "adjudication"]
    assert asked["respondent_id"].tolist() == differ["respondent_id"].tolist()
    # Nothing is decided yet, which is no error and no final code either.
    waiting = load_coding(tmp_path, scheme, responses, codebook)
    assert waiting.state("why") == waiting.state("incident") == "partly coded"
    assert waiting.units["final"].isna().sum() == len(differ)
    shutil.copy(DATA / "coding" / "adjudication.csv", tmp_path)
    found = load_coding(tmp_path, scheme, responses, codebook)
    pd.testing.assert_frame_equal(found.units, coding.units)


@pytest.mark.slow
def test_words_of_real_people_are_not_written_where_they_could_be_committed(
    tmp_path, capsys
) -> None:
    export = tmp_path / "export.csv"
    shutil.copy(DATA / "raw/standin.csv", export)
    manifest = yaml.safe_load((DATA / "raw/standin.manifest.yml").read_text(encoding="utf-8"))
    del manifest["generator"], manifest["note"]
    manifest |= {"synthetic": False, "title": "Export of the survey"}
    (tmp_path / "export.manifest.yml").write_text(yaml.safe_dump(manifest), encoding="utf-8")
    tracked = DATA / "coding" / "people"
    assert run_script("blank", "--export", export, "--folder", tracked) == 2
    assert "could be committed" in capsys.readouterr().err
    assert not tracked.exists()
    arguments = ["--folder", tmp_path / "sheets", "--pages", tmp_path]
    assert run_script("blank", "--export", export, *arguments) == 0
    assert (tmp_path / "sheets" / "answers.csv").is_file()
