"""Codebooks drafted from other surveys: nothing lost on the way, what nobody knows is marked."""

from __future__ import annotations

import json
import re
import runpy
import zipfile
from pathlib import Path

import pandas as pd
import pyreadstat
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsec_survey.base.errors import InputError
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.codebook_file import load_codebook
from mlsec_survey.instrument.drafting.draft import (
    Draft,
    codebook_text,
    grade,
    identifier,
    looks_ordered,
    missing_kind,
)
from mlsec_survey.instrument.drafting.limesurvey import draft_from_limesurvey
from mlsec_survey.instrument.drafting.qualtrics import draft_from_qualtrics
from mlsec_survey.instrument.drafting.tables import draft_from_spss, draft_from_table, read_table
from mlsec_survey.responses.readers import read_export
from mlsec_survey.responses.recode import recode

ROOT = Path(__file__).resolve().parent.parent


def mended(draft: Draft, folder: Path) -> Codebook:
    """Return the codebook of a draft, with every TODO replaced by the guess that stands with it."""
    text = codebook_text(draft)
    text = re.sub(r"measure: TODO (\w+), .*", r"measure: \1", text)
    text = re.sub(r"wording_note: TODO .*", "wording_note: drafted", text)
    text = re.sub(r'"TODO[^"]*"', '"decided"', text)
    path = folder / "codebook.yml"
    path.write_text(text, encoding="utf-8")
    return load_codebook(path)


@pytest.fixture(scope="module")
def structure(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the questionnaire of this project as LimeSurvey's own structure file."""
    folder = tmp_path_factory.mktemp("survey")
    main = runpy.run_path(str(ROOT / "scripts/make_survey.py"))["main"]
    assert main(["--out", str(folder), "--no-pdf"]) == 0
    return (folder / "limesurvey.lss").read_bytes()


@pytest.mark.slow
def test_a_questionnaire_comes_back_as_the_codebook_that_made_it(
    structure, tmp_path, codebook
) -> None:
    draft = draft_from_limesurvey(structure, "limesurvey.lss")
    found = mended(draft, tmp_path)
    answers = {"single", "other", "array", "multiple", "exclusive", "text"}

    def columns(book: Codebook) -> list[tuple[str, str, int]]:
        return [(c.name, c.kind, c.page) for c in book.column_specs if c.kind in answers]

    assert columns(found) == columns(codebook)
    by_code = {item.code: item for item in found.items}
    for item in codebook.items:
        other = by_code[item.code]
        assert (other.type, other.other, other.missing) == (item.type, item.other, item.missing)
        assert other.construct_ == draft.page_titles[item.page]
        assert found.exclusive_codes(other) == codebook.exclusive_codes(item)
        codes = [
            [option.code for option in b.options(i)] for b, i in ((found, other), (codebook, item))
        ]
        assert codes[0] == codes[1]
    # What only an expression says is handed on to whoever mends the draft.
    text = codebook_text(draft)
    assert "CHECK: rows are shown under a condition of their own" in text
    assert found.missing.dont_know.code == "DK"


def test_the_archive_gives_what_its_structure_gives(structure, tmp_path) -> None:
    path = tmp_path / "survey.lsa"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("survey_111111.lss", structure)
        archive.writestr("survey_111111_tokens.lst", "participants: never read")
    draft = draft_from_limesurvey(path.read_bytes(), "limesurvey.lss")
    assert draft == draft_from_limesurvey(structure, "limesurvey.lss")


def test_a_draft_is_refused_until_everything_is_decided(structure, tmp_path) -> None:
    path = tmp_path / "codebook.yml"
    path.write_text(codebook_text(draft_from_limesurvey(structure, "x.lss")), encoding="utf-8")
    with pytest.raises(InputError, match="this has still to be decided") as error:
        load_codebook(path)
    assert error.value.file == path
    assert error.value.row
    assert str(error.value.value).startswith("TODO")
    assert re.search(r"and \d+ more", str(error.value))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"<document><LimeSurveyDocType>Question</LimeSurveyDocType></document>",
            "is no LimeSurvey",
        ),
        (b"<document><unclosed>", "malformed or not allowed"),
        (
            b'<!DOCTYPE d [<!ENTITY a "b">]><document><LimeSurveyDocType>&a;</LimeSurveyDocType>'
            b"</document>",
            "malformed or not allowed",
        ),
        (b"PK\x03\x04 but no archive", "holds no LimeSurvey structure"),
        (b"", "malformed or not allowed"),
    ],
)
def test_what_is_no_structure_is_named(content, message) -> None:
    with pytest.raises(InputError, match=message) as error:
        draft_from_limesurvey(content, "file.lss")
    assert error.value.remedy


def test_structures_of_older_versions_are_read() -> None:
    """Before version 4 words stood in the tables of questions and answers, once per language."""

    def table(name: str, *rows: dict[str, str]) -> str:
        cells = "".join(
            "<row>" + "".join(f"<{k}>{v}</{k}>" for k, v in row.items()) + "</row>" for row in rows
        )
        return f"<{name}><rows>{cells}</rows></{name}>"

    def words(row: dict[str, str], **texts: str) -> list[dict[str, str]]:
        (column,) = texts
        en, de = texts[column].split("|")
        return [row | {"language": "en", column: en}, row | {"language": "de", column: de}]

    question = {"qid": "7", "gid": "3", "type": "L", "title": "Q1", "other": "N"}
    question |= {"question_order": "1", "relevance": "1"}
    content = "<document><LimeSurveyDocType>Survey</LimeSurveyDocType>"
    content += table("surveys", {"language": "en", "additional_languages": "de"})
    content += table("groups", *words({"gid": "3", "group_order": "1"}, group_name="Work|Arbeit"))
    content += table("questions", *words(question, question="Which?|Welche?"))
    answers = []
    for order, (code, text) in enumerate((("A1", "One|Eins"), ("A2", "Two|Zwei"))):
        row = {"qid": "7", "code": code, "sortorder": str(order)}
        answers += words(row, answer=text)
    content += table("answers", *answers) + "</document>"
    draft = draft_from_limesurvey(content.encode(), "old.lss")
    (item,) = draft.items
    assert (item.label, item.page, draft.page_titles) == ("Which?", 1, {1: "Work"})
    assert [(o.code, o.label) for o in item.options] == [("A1", "One"), ("A2", "Two")]
    assert draft.languages == ("en", "de")


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_files_are_refused_or_drafted_and_never_crash(data) -> None:
    survey = json.dumps(qsf()).encode()
    start = data.draw(st.integers(0, len(survey) - 1))
    end = data.draw(st.integers(start, min(len(survey), start + 80)))
    filler = data.draw(st.sampled_from([b"", b"null", b"0", b'""', b"[]", b"{}"]))
    damaged = survey[:start] + filler + survey[end:]
    try:
        codebook_text(draft_from_qualtrics(damaged, "survey.qsf"))
    except InputError as error:
        assert error.remedy


@given(st.data())
@settings(max_examples=60, deadline=None)
@pytest.mark.slow
def test_damaged_structures_are_refused_or_drafted_and_never_crash(structure, data) -> None:
    lines = structure.splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    count = data.draw(st.integers(1, 4))
    try:
        codebook_text(draft_from_limesurvey(b"\n".join(lines[:at] + lines[at + count :]), "x.lss"))
    except InputError as error:
        assert error.remedy


def qsf() -> dict:
    def question(number: str, tag: str, **payload: object) -> dict:
        text = f"<b>Words of {tag}</b>"
        payload = {"QuestionText": text, "DataExportTag": tag, "QuestionID": number} | payload
        return {"Element": "SQ", "PrimaryAttribute": number, "Payload": payload}

    def shown(*labels: str) -> dict:
        return {str(n): {"Display": label} for n, label in enumerate(labels, start=1)}

    agreement = shown("Disagree", "Neutral", "Agree", "Don&#39;t know")
    blocks = [
        {
            "Type": "Default",
            "Description": "Work",
            "BlockElements": [
                {"Type": "Question", "QuestionID": "QID1"},
                {"Type": "Page Break"},
                {"Type": "Question", "QuestionID": "QID2"},
            ],
        },
        {
            "Type": "Standard",
            "Description": "Views",
            "BlockElements": [{"Type": "Question", "QuestionID": f"QID{n}"} for n in (3, 4, 5, 6)],
        },
        {"Type": "Trash", "BlockElements": [{"Type": "Question", "QuestionID": "QID9"}]},
    ]
    return {
        "SurveyEntry": {"SurveyLanguage": "EN"},
        "SurveyElements": [
            {"Element": "BL", "Payload": blocks},
            question(
                "QID1",
                "ROLE",
                QuestionType="MC",
                Selector="SAVR",
                Choices=shown("Engineer", "Manager", "Other, namely"),
                ChoiceOrder=["2", "1", "3"],
                RecodeValues={"1": "10", "2": "20", "3": "30"},
            ),
            question(
                "QID2",
                "TOOLS",
                QuestionType="MC",
                Selector="MAVR",
                Choices=shown("Saw", "Hammer", "None of these"),
            ),
            question(
                "QID3",
                "VIEW",
                QuestionType="Matrix",
                Selector="Likert",
                SubSelector="SingleAnswer",
                Choices=shown("First row", "Second row"),
                Answers=agreement,
            ),
            question("QID4", "Q 4", QuestionType="TE", Selector="ESTB", DisplayLogic={"0": {}}),
            question("QID5", "MAP", QuestionType="HeatMap"),
            question("QID6", "RANK", QuestionType="RO", Choices=shown("Red", "Blue")),
            question("QID9", "GONE", QuestionType="TE"),
        ],
    }


def test_a_survey_of_qualtrics_is_drafted() -> None:
    draft = draft_from_qualtrics(json.dumps(qsf()).encode(), "survey.qsf")
    items = {item.code: item for item in draft.items}
    assert [(i.code, i.type, i.page) for i in draft.items] == [
        ("ROLE", "single", 1),
        ("TOOLS", "multiple", 2),
        ("VIEW", "array", 3),
        ("Q4", "text", 3),
        ("RANK", "ranking", 3),
    ]
    assert [(o.code, o.label) for o in items["ROLE"].options] == [
        ("20", "Manager"),
        ("10", "Engineer"),
        ("30", "Other, namely"),
    ]
    assert items["ROLE"].other
    assert items["ROLE"].label == "Words of ROLE"
    assert items["TOOLS"].exclusive == {"3"}
    assert [row.code for row in items["VIEW"].rows] == ["1", "2"]
    assert any("display logic" in note for note in items["Q4"].notes)
    assert any("'Q 4' is no code" in note for note in items["Q4"].notes)
    assert draft.page_titles == {1: "Work", 2: "Work", 3: "Views"}
    left = " ".join(draft.left_out)
    assert "HeatMap" in left
    assert "GONE" in left
    content = yaml.safe_load(codebook_text(draft))
    sets = content["option_sets"]
    assert sets["view_answers"]["measure"].startswith("TODO ordinal")
    assert [o["label"] for o in sets["view_answers"]["options"]] == ["Disagree", "Neutral", "Agree"]
    assert content["missing"]["dont_know"]["code"] == "4"
    assert [o["value"] for o in sets["role_answers"]["options"]] == ["manager", "engineer"]


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"SurveyElements": 3}', b"\xff"])
def test_what_is_no_survey_of_qualtrics_is_named(content) -> None:
    with pytest.raises(InputError, match="no survey file of Qualtrics"):
        draft_from_qualtrics(content, "survey.qsf")


def test_labels_and_levels_of_spss_are_taken_over(tmp_path) -> None:
    path = tmp_path / "answers.sav"
    frame = pd.DataFrame(
        {"sat": [1.0, 2.0], "branch": [1.0, 2.0], "age": [30.0, 40.0], "why": ["a", "b"]}
    )
    pyreadstat.write_sav(
        frame,
        str(path),
        column_labels={"sat": "How satisfied are you?"},
        variable_value_labels={
            "sat": {1.0: "Little", 2.0: "Some", 3.0: "Much", 9.0: "Don't know"},
            "branch": {1.0: "North", 2.0: "South", 3.0: "East"},
        },
        variable_measure={"sat": "ordinal", "branch": "nominal"},
    )
    draft = draft_from_spss(path)
    kinds = {item.code: (item.type, item.measure) for item in draft.items}
    assert kinds == {
        "sat": ("single", "ordinal"),
        "branch": ("single", "nominal"),
        "age": ("number", None),
        "why": ("text", None),
    }
    content = yaml.safe_load(codebook_text(draft))
    assert content["option_sets"]["sat_answers"]["measure"] == "ordinal"
    assert [o["value"] for o in content["option_sets"]["sat_answers"]["options"]] == [1, 2, 3]
    assert content["items"][0]["label"] == "How satisfied are you?"
    assert content["items"][0]["missing"] == ["dont_know"]
    (tmp_path / "broken.sav").write_bytes(b"not SPSS")
    with pytest.raises(InputError, match="no SPSS file"):
        draft_from_spss(tmp_path / "broken.sav")


CSV = """\
Ant;Bee;Nope, no animal (yet);Other;Q2_1;Q2_2;Use;Note;;Other;Many
Ant;;;;Very useful;Not at all useful;Never;some words here;;x y z;"Red, Green"
;Bee;;Wasp;Slightly useful;Very useful;Often;other words;;;"Red, Blue"
;;Nope, no animal (yet);;Very useful;Slightly useful;often ;and more;;;"Green, Blue"
Ant;Bee;;;Don't know;Very useful;Never;;;again;"Red, Green, Blue"
"""


def test_a_table_is_drafted_from_headings_and_values(tmp_path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text(CSV, encoding="cp1252")
    draft, names = draft_from_table(read_table(path), path.name)
    by_code = {item.code: item for item in draft.items}
    assert [(item.code, item.type) for item in draft.items] == [
        ("C001", "multiple"),
        ("Other", "text"),
        ("Q2", "array"),
        ("Use", "single"),
        ("Note", "text"),
        ("C010", "text"),
        ("Many", "text"),
    ]
    assert [row.label for row in by_code["C001"].rows] == ["Ant", "Bee", "Nope, no animal (yet)"]
    assert by_code["C001"].exclusive == {"B03"}
    assert [o.label for o in by_code["Q2"].options] == [
        *("Not at all useful", "Slightly useful", "Very useful", "Don't know")
    ]
    assert any("'Often', 'often'" in note for note in by_code["Use"].notes)
    assert any("several answers stand in one cell" in note for note in by_code["Many"].notes)
    assert draft.left_out == ("column 9 (no heading), which is empty",)
    assert names[0] == (1, "Ant", "C001[B01]")
    assert (5, "Q2_1", "Q2[1]") in names
    # The two headings "Other" are two columns.
    assert [column for _, heading, column in names if heading == "Other"] == ["Other", "C010"]
    book = mended(draft, tmp_path)
    columns = [c.name for c in book.column_specs if c.kind not in {"paradata", "timing"}]
    assert columns == [column for _, _, column in names]


@pytest.mark.parametrize(
    ("labels", "ordered"),
    [
        (["Never", "Rarely", "Often"], True),
        (["1–9 employees", "10–49 employees", "50 or more"], True),
        (["Software", "Finance", "Health"], False),
        (["Yes", "No"], False),
    ],
)
def test_graded_answers_are_told_from_names(labels, ordered) -> None:
    assert looks_ordered(labels) is ordered


def test_grades_rise() -> None:
    for scale in (
        ["Never", "Very Rarely", "Rarely", "Occasionally", "Frequently", "Very Frequently"],
        ["Unacceptable", "Somewhat Unacceptable", "Neutral", "Somewhat Acceptable", "Acceptable"],
        ["Not at all", "Slightly", "Moderately", "Very", "Extremely"],
        ["Strongly disagree", "Disagree", "Neutral", "Agree", "Strongly agree"],
        ["Less than 1 year", "1 to 2 years", "3 to 5 years", "More than 5 years"],
        ["Sehr unwahrscheinlich", "Unwahrscheinlich", "Neutral", "Wahrscheinlich"],
    ):
        places = [grade(label) for label in scale]
        assert None not in places, scale
        assert places == sorted(set(places)), scale  # type: ignore[type-var]


def test_words_become_identifiers_and_kinds_of_missing() -> None:
    assert identifier("Größe, in m²") == "grosse_in_m2"
    assert identifier("5 Dinge", ["x_5_dinge"]) == "x_5_dinge_2"
    assert missing_kind("Weiß nicht") == missing_kind("Unsure / Don't Know") == "dont_know"
    assert missing_kind("I'd rather not say") == "prefer_not"
    assert missing_kind("Knowledge of it") is None


def test_answers_under_the_draft_s_names_are_read(tmp_path, capsys) -> None:
    """From a table with doubled headings to recoded answers, by the draft and the reader alone."""
    main = runpy.run_path(str(ROOT / "scripts/draft_codebook.py"))["main"]
    path = tmp_path / "wave.csv"
    path.write_text(CSV, encoding="cp1252")
    assert main([str(path)]) == 0
    columns = tmp_path / "wave.codebook.yml.columns.csv"
    assert main([str(path), "--columns", str(columns)]) == 0
    draft, names = draft_from_table(read_table(path), path.name)
    book = mended(draft, tmp_path)
    answers = tmp_path / "wave.answers.csv"
    header = answers.read_text(encoding="utf-8").splitlines()[0].split(",")
    assert header == [column for _, _, column in names]
    manifest = {"version": 1, "synthetic": False, "title": "Another survey"}
    (tmp_path / "wave.answers.manifest.yml").write_text(yaml.safe_dump(manifest), encoding="utf-8")
    responses = recode(read_export(answers, book), book)
    assert responses["c001__ant"].tolist() == ["yes", "no", "no", "yes"]
    assert responses["q2__q2_1"].tolist()[:3] == [3, 2, 3]
    assert responses["q2__q2_1"].isna().tolist() == [False, False, False, True]
    assert responses["note"].tolist()[:3] == ["some words here", "other words", "and more"]
    columns.write_text("position,heading,column\n99,Ant,C001\n", encoding="utf-8")
    assert main([str(path), "--columns", str(columns), "--out", str(tmp_path / "x.csv")]) == 2
    assert "row 2, column 'position'" in capsys.readouterr().err


def test_the_script_writes_a_draft_and_overwrites_nothing(tmp_path, capsys) -> None:
    main = runpy.run_path(str(ROOT / "scripts/draft_codebook.py"))["main"]
    path = tmp_path / "answers.csv"
    path.write_text(CSV, encoding="utf-8")
    assert main([str(path)]) == 0
    assert "to decide (TODO): " in capsys.readouterr().out
    assert (tmp_path / "answers.codebook.yml").is_file()
    assert (tmp_path / "answers.codebook.yml.columns.csv").is_file()
    assert main([str(path)]) == 2
    assert "there already" in capsys.readouterr().err
    assert main([str(tmp_path / "answers.docx")]) == 2
    (tmp_path / "answers.docx").write_bytes(b"")
    assert main([str(tmp_path / "answers.docx")]) == 2
    assert "no codebook can be drafted" in capsys.readouterr().err
