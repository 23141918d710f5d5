"""The questionnaire: complete in every language, the same everywhere, and what the cleaning infers.

Filters are taken from the written structure, evaluated by themselves on the stand-in's answers, and
compared with what the cleaning concludes from the codebook.
"""

from __future__ import annotations

import csv
import hashlib
import html
import io
import json
import re
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import defusedxml.ElementTree
import pandas as pd
import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe

from browser import DESK, PHONE, launched, needs_browser, opened
from mlsec_survey.base.errors import InputError
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.codebook_file import load_codebook
from mlsec_survey.instrument.drafting.limesurvey import draft_from_limesurvey
from mlsec_survey.instrument.questionnaire import limesurvey, lss, paper, qualtrics
from mlsec_survey.instrument.questionnaire.form import Form, build_form
from mlsec_survey.instrument.questionnaire.wording import load_fielding, load_wording
from mlsec_survey.report.latex import escape_latex
from mlsec_survey.responses.exclusions import apply_exclusions
from mlsec_survey.responses.missing import missing_kinds
from mlsec_survey.responses.readers import read_export
from mlsec_survey.responses.readers.limesurvey_archive import read_structure
from mlsec_survey.responses.readers.structure import differences
from mlsec_survey.responses.recode import recode

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"


@pytest.fixture(scope="module")
def codebook() -> Codebook:
    return load_codebook(DATA / "codebook.yml")


def form_from(folder: Path, codebook: Codebook) -> Form:
    fielding = load_fielding(folder / "questionnaire.yml", codebook)
    wordings = [
        load_wording(folder / "wording" / f"{name}.yml", codebook, fielding)
        for name in fielding.languages
    ]
    return build_form(codebook, wordings, fielding)


@pytest.fixture(scope="module")
def form(codebook: Codebook) -> Form:
    return form_from(DATA, codebook)


def written(text: str) -> list[dict[str, str]]:
    """Return the rows of a tab-separated structure as a reader of the file finds them."""
    return list(csv.DictReader(io.StringIO(text), delimiter="\t"))


@pytest.fixture(scope="module")
def structure(form: Form) -> list[dict[str, str]]:
    return written(limesurvey.structure_txt(form))


def test_the_predicted_header_is_the_codebook_s(structure, codebook) -> None:
    assert limesurvey.predicted_header(structure) == codebook.columns()


def holds(expression: str, cells: dict[str, str | None]) -> bool:
    """Evaluate an expression of LimeSurvey that compares answers with codes."""
    if expression == "1":
        return True
    known = re.sub(
        r"(\w+)\.NAOK",
        lambda found: repr(cells.get(re.sub(r"^([A-Z]+)_(\w+)$", r"\1[\2]", found[1])) or ""),
        expression,
    )
    assert re.fullmatch(r"""[\s()='"\w-]*""", known), known
    return bool(eval(known))


@pytest.mark.slow
def test_filters_say_what_the_cleaning_infers(structure, codebook) -> None:
    """What is blank is `not_shown` if a filter of the file hides it or its page was not reached."""
    kept, _ = apply_exclusions(read_export(DATA / "raw/standin.csv", codebook), codebook)
    kinds = missing_kinds(kept, codebook).set_index("respondent_id")
    variable = {column.name: column.variable for column in codebook.column_specs}
    rows = [row for row in structure if row["language"] == "en"]
    compared = hidden = 0
    for record in kept.frame.astype(object).where(kept.frame.notna(), None).to_dict("records"):
        page: dict[str, str] = {}
        question: dict[str, str] = {}
        for row in rows:
            if row["class"] == "G":
                page = row
            elif row["class"] == "Q":
                question = row
            if row["class"] not in {"Q", "SQ"} or question["type/scale"] == "M":
                continue
            parts = {r["name"] for r in rows_of(rows, question)}
            if row["class"] == "Q" and parts:
                continue
            name = question["name"] if row is question else f"{question['name']}[{row['name']}]"
            cell = record[name]
            if cell is not None and cell.strip():
                continue
            relevant = all(
                holds(r["relevance"], record) for r in (page, question, row) if r["relevance"]
            )
            seen = int(page["id"]) <= int(record["lastpage"])
            kind = kinds.loc[int(record["id"]), variable[name]]
            assert (kind == "not_shown") == (not (relevant and seen)), (record["id"], name)
            compared += 1
            hidden += not relevant
    assert compared > 1000
    assert hidden > 500


def rows_of(rows: list[dict[str, str]], question: dict[str, str]) -> list[dict[str, str]]:
    start = rows.index(question) + 1
    found = []
    for row in rows[start:]:
        if row["class"] in {"Q", "G"}:
            break
        if row["class"] == "SQ":
            found.append(row)
    return found


def test_who_is_screened_out_sees_no_further_page(structure, codebook) -> None:
    """The pages close for just those whom the exclusions on consent and screening leave out."""
    raw = read_export(DATA / "raw/standin.csv", codebook).frame
    pages = [r for r in structure if r["class"] == "G" and r["language"] == "en"]
    out = ~(raw["CONSENT"].eq("Y") & raw["SCREEN"].eq("Y"))
    assert out.any()
    for record, excluded in zip(raw.to_dict("records"), out, strict=True):
        shown = [holds(page["relevance"], record) for page in pages]
        assert shown == [True] + [not excluded] * (len(pages) - 1)
    ends = [row["text"] for row in structure if row["name"] == "surveyls_endtext"]
    assert all(end.startswith("{if(") and "CONSENT.NAOK" in end for end in ends)


def test_settings_that_the_analysis_rests_on(structure) -> None:
    settings = {row["name"]: row["text"] for row in structure if row["class"] == "S"}
    wanted = {"anonymized": "N", "datestamp": "Y", "savetimings": "Y", "format": "G"}
    assert wanted.items() <= settings.items()
    assert settings["ipaddr"] == "N"
    questions = {r["name"]: r for r in structure if r["class"] == "Q" and r["language"] == "en"}
    assert questions["DEF"]["exclude_all_others"] == "NONE;DK;PN"
    mandatory = {name for name, row in questions.items() if row["mandatory"] == "Y"}
    assert mandatory == {"CONSENT", "SCREEN"}
    assert questions["CON"]["random_order"] == "1"
    assert questions["DEF"]["random_order"] == ""
    assert questions["WHY"]["maximum_chars"] == "1000"


def test_codes_are_what_survey_tools_take(structure) -> None:
    for row in structure:
        if row["class"] in {"A", "SQ"}:
            assert re.fullmatch(r"[A-Za-z0-9]{1,5}", row["name"]), row
        elif row["class"] == "Q":
            assert re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,19}", row["name"])


def test_languages_differ_in_words_alone(structure) -> None:
    words = {"text", "help", "language", "other_replace_text"}
    by_language = {}
    for language in ("en", "de"):
        rows = [r for r in structure if r["language"] == language and r["class"] != "SL"]
        by_language[language] = rows
        assert all(row["text"] or row["class"] == "G" for row in rows)
    for english, german in zip(*by_language.values(), strict=True):
        same = set(english) - words - ({"name"} if english["class"] == "G" else set())
        assert {k: english[k] for k in same} == {k: german[k] for k in same}
        if english["class"] == "Q":
            assert english["text"] != german["text"]


def test_the_xml_structure_holds_the_same(form, structure) -> None:
    document = defusedxml.ElementTree.fromstring(lss.structure_lss(limesurvey.structure_rows(form)))
    tables = {
        table.tag: [{cell.tag: cell.text or "" for cell in row} for row in rows]
        for table in document
        if (rows := table.find("rows")) is not None
    }
    english = [row for row in structure if row["language"] == "en"]
    for table, kind in (("groups", "G"), ("questions", "Q"), ("subquestions", "SQ")):
        assert len(tables[table]) == sum(row["class"] == kind for row in english), table
    assert len(tables["answers"]) == sum(row["class"] == "A" for row in english)
    asked = {row["name"]: row for row in english if row["class"] == "Q"}
    by_id = {row["qid"]: row for row in tables["questions"]}
    for row in tables["questions"]:
        source = asked[row["title"]]
        assert (row["type"], row["other"], row["mandatory"], row["relevance"]) == tuple(
            source[key] for key in ("type/scale", "other", "mandatory", "relevance")
        )
    for row in tables["subquestions"]:
        source = next(
            r
            for r in rows_of(english, asked[by_id[row["parent_qid"]]["title"]])
            if r["name"] == row["title"]
        )
        assert row["relevance"] == source["relevance"]
    texts = {(row["qid"], row["language"]): row["question"] for row in tables["question_l10ns"]}
    assert len(texts) == 2 * (len(tables["questions"]) + len(tables["subquestions"]))
    assert texts["1", "en"] == asked["CONSENT"]["text"]
    ids = [row["id"] for name in tables for row in tables[name] if "l10ns" in name]
    assert len(ids) == len(set(ids))
    attributes = {
        (by_id[row["qid"]]["title"], row["attribute"]): row["value"]
        for row in tables["question_attributes"]
    }
    assert attributes["PLAN", "exclude_all_others"] == "NONE;DK;PN"
    settings = {row["name"]: row["text"] for row in structure if row["class"] == "S"}
    (survey,) = tables["surveys"]
    assert survey == {name: text for name, text in settings.items() if name != "active"}


def test_nothing_is_presented_as_the_original(form) -> None:
    rows = limesurvey.structure_rows(form)
    for language, wording in form.wordings.items():
        products = {
            "limesurvey.txt": limesurvey.structure_txt(form),
            "limesurvey.lss": lss.structure_lss(rows).decode(),
            "qualtrics": qualtrics.advanced_format(form, language),
            "by hand": qualtrics.by_hand(form, language),
            "page": paper.form_html(form, language),
            "tex": paper.form_tex(form, language, escape_latex),
        }
        for name, text in products.items():
            notice = escape_latex(wording.notice) if name == "tex" else wording.notice
            assert notice in text, (language, name)
            assert "original" in wording.notice.lower()


def test_every_word_is_on_paper_and_in_the_import_of_qualtrics(form) -> None:
    for language in form.languages:
        page = paper.form_html(form, language)
        imported = qualtrics.advanced_format(form, language)
        assert f'<html lang="{language}">' in page
        for question in form.questions():
            for choice in (question, *question.answers, *question.rows):
                assert choice.words[language] in page.replace("&#39;", "'"), choice
                assert choice.words[language] in imported, choice


def test_filters_on_paper_name_the_question_that_opens_them(form) -> None:
    english = paper.form_html(form, "en")
    assert (
        "rows for which you answered “It happened” or “It was suspected” in question 16" in english
    )
    # Five answers open it and one does not: the one is said.
    assert "leave out the rows for which you answered “Don&#39;t know” or nothing" in english
    assert "go on only if you answered “Yes” to question 1." in english
    german = paper.form_html(form, "de")
    assert "in Frage 16 „Er ist vorgekommen“ oder „Es gab einen Verdacht“" in german


def test_numbers_of_qualtrics_lead_back_to_every_column(form, codebook) -> None:
    rows = qualtrics.export_codes(form)
    asked = [c.name for c in codebook.column_specs if c.kind not in {"paradata", "timing"}]
    assert list(dict.fromkeys(name for _, _, name, _ in rows)) == asked
    keys = [(column, number) for column, number, _, _ in rows]
    assert len(keys) == len(set(keys))
    for column in codebook.column_specs:
        codes = {code for _, _, name, code in rows if name == column.name}
        if column.kind in {"single", "array"} and column.item is not None:
            missing = {codebook.missing.dont_know.code, codebook.missing.prefer_not.code}
            options = {option.code for option in codebook.options(column.item)}
            assert options <= codes <= options | missing


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(
    ("change", "message", "place"),
    [
        (lambda w: w["items"].pop("why"), "there are no words for 'why'", "items"),
        (lambda w: w["options"]["role"].pop("A4"), "there are no words for 'A4'", "options.role"),
        (lambda w: w["options"].pop("role"), "there are no words for 'role'", "options"),
        (
            lambda w: w["subquestions"]["attacks"].pop("evasion"),
            "there are no words for 'evasion'",
            "subquestions.attacks",
        ),
        (lambda w: w["pages"].pop(), "there are no words for '8'", "pages"),
        (lambda w: w["items"]["defence"].pop("none"), "no words for 'none'", "items.defence"),
        (
            lambda w: w["items"].update(shoe={"text": "Shoe?"}),
            "the codebook has no 'shoe'",
            "items",
        ),
        (lambda w: w["options"]["role"].update(A9="Cook"), "no 'A9'", "options.role"),
        (lambda w: w["words"].pop("other"), "field required", "words"),
        (
            lambda w: w["items"]["why"].update(text="Why, {name}?"),
            "nothing stands for these braces",
            "items.why",
        ),
        (
            lambda w: w["survey"].update(welcome="Hello {if(1, 'a', 'b')}"),
            "nothing stands for these braces",
            "survey.welcome",
        ),
    ],
)
@pytest.mark.slow
def test_wording_that_does_not_cover_the_codebook_is_one_error(
    tmp_path, codebook, language, change: Change, message, place
) -> None:
    shutil.copytree(DATA / "wording", tmp_path / "wording")
    shutil.copy(DATA / "questionnaire.yml", tmp_path)
    path = tmp_path / "wording" / f"{language}.yml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(message)) as error:
        form_from(tmp_path, codebook)
    assert error.value.file == path
    assert place in str(error.value)
    assert error.value.remedy


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f["go_on_if"][0].update(item="consnt"), "no item 'consnt'"),
        (lambda f: f["go_on_if"][0].update(value="perhaps"), "not an option of a single-choice"),
        (lambda f: f["random_order"].append("defence"), "has no rows that could be shuffled"),
        (lambda f: f["text_limits"].update(role=10), "no item 'role' in own words"),
    ],
)
def test_a_fielding_that_does_not_fit_the_codebook_is_refused(
    tmp_path, codebook, change: Change, message
) -> None:
    content = yaml.safe_load((DATA / "questionnaire.yml").read_text(encoding="utf-8"))
    change(content)
    path = tmp_path / "questionnaire.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(message)):
        load_fielding(path, codebook)


def test_hostile_words_stay_words(tmp_path, codebook) -> None:
    """What a wording file holds cannot become markup of a page, of LaTeX or of an import."""
    shutil.copytree(DATA / "wording", tmp_path / "wording")
    shutil.copy(DATA / "questionnaire.yml", tmp_path)
    hostile = r"<script>alert(1)</script> \input x [[PageBreak]] 5 % & more	tab"
    for language in ("en", "de"):
        path = tmp_path / "wording" / f"{language}.yml"
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        content["items"]["why"]["text"] = hostile
        path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    form = form_from(tmp_path, codebook)
    assert "<script" not in paper.form_html(form, "en")
    assert r"\input" not in paper.form_tex(form, "en", escape_latex)
    imported = qualtrics.advanced_format(form, "en")
    assert "<script" not in imported
    assert "[[PageBreak]]" not in imported
    rows = written(limesurvey.structure_txt(form))
    text = next(row for row in rows if row["name"] == "WHY")["text"]
    assert html.unescape(text) == hostile
    assert "<" not in text


def test_make_survey_writes_all_files_twice_the_same(tmp_path, capsys) -> None:
    main = runpy.run_path(str(ROOT / "scripts/make_survey.py"))["main"]
    for name in ("first", "second"):
        assert main(["--out", str(tmp_path / name), "--no-pdf"]) == 0
    assert "still to fill in: [institution]" in capsys.readouterr().out
    first, second = (
        {p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in ("first", "second")
    )
    assert first == second
    assert first["limesurvey.txt"].startswith(b"\xef\xbb\xbf")
    assert {"limesurvey.lss", "qualtrics_de.txt", "form_en.html"} <= set(first)
    empty = tmp_path / "none.yml"
    empty.write_text("version: 1\n", encoding="utf-8")
    assert main(["--fielding", str(empty), "--out", str(tmp_path / "third"), "--no-pdf"]) == 2
    assert not (tmp_path / "third").exists()


@pytest.mark.skipif(shutil.which("latexmk") is None, reason="needs TeX")
@pytest.mark.slow
def test_the_form_on_paper_is_set(form) -> None:
    form_pdf = runpy.run_path(str(ROOT / "scripts/make_survey.py"))["form_pdf"]
    content = form_pdf(form, "de")
    assert content.startswith(b"%PDF")
    assert content == form_pdf(form, "de")


def test_a_long_code_is_refused_before_a_survey_tool_cuts_it(codebook) -> None:
    entries = list(codebook.subquestion_sets["defences"])
    entries[0] = entries[0].model_copy(update={"code": "DEFENCE"})
    changed = codebook.model_copy(
        update={"subquestion_sets": codebook.subquestion_sets | {"defences": tuple(entries)}}
    )
    with pytest.raises(InputError, match="longer than 5 letters and digits"):
        form_from(DATA, changed)


def test_codes_of_qualtrics_are_a_table(form) -> None:
    table = pd.DataFrame(qualtrics.export_codes(form), columns=["q", "number", "column", "code"])
    row = table[(table["q"] == "OCC_1") & (table["number"] == "98")].iloc[0]
    assert (row["column"], row["code"]) == ("OCC[EVA]", "DK")


def more_items() -> str:
    """Return items of the types that the shipped codebook does not use, as lines of its file."""
    kinds = {
        "staff": {"type": "number", "number": {"minimum": 0, "maximum": 900, "whole": True}},
        "hours": {
            "type": "number",
            "subquestions": "defences",
            "shown_if": {"item": "defence", "values": ["yes"]},
        },
        "since": {"type": "date"},
        "order": {"type": "ranking", "subquestions": "attacks"},
    }
    shared = {"construct": "organisation", "basis": "reconstructed", "page": 8}
    entries = [
        {"id": name, "code": name.upper(), "label": name, "about": name, **shared, **kind}
        for name, kind in kinds.items()
    ]
    return "".join(f"  - {json.dumps(entry)}\n" for entry in entries)


def test_numbers_dates_rankings_and_filters_by_a_box(tmp_path) -> None:
    """Types that this survey does not use: the header is still the codebook's, in every format."""
    shutil.copytree(DATA / "wording", tmp_path / "wording")
    shutil.copy(DATA / "questionnaire.yml", tmp_path)
    text = (DATA / "codebook.yml").read_text(encoding="utf-8")
    end = text.index("\n# Quantities that notebook 01 derives")
    (tmp_path / "codebook.yml").write_text(text[:end] + more_items() + text[end:], encoding="utf-8")
    codebook = load_codebook(tmp_path / "codebook.yml")
    for language in ("en", "de"):
        path = tmp_path / "wording" / f"{language}.yml"
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for name in ("staff", "hours", "since", "order"):
            content["items"][name] = {"text": f"Question about {name}?"}
        path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    form = form_from(tmp_path, codebook)
    rows = written(limesurvey.structure_txt(form))
    assert limesurvey.predicted_header(rows) == codebook.columns()
    asked = {row["name"]: row for row in rows if row["class"] == "Q" and row["language"] == "en"}
    types = {name: asked[name]["type/scale"] for name in ("STAFF", "HOURS", "SINCE", "ORDER")}
    assert types == {"STAFF": "N", "HOURS": "K", "SINCE": "D", "ORDER": "R"}
    limits = ("min_num_value_n", "max_num_value_n", "num_value_int_only")
    assert [asked["STAFF"][name] for name in limits] == ["0", "900", "1"]
    (first, *_) = rows_of([r for r in rows if r["language"] == "en"], asked["HOURS"])
    assert first["relevance"] == '(DEF_D01.NAOK == "Y")'
    page = paper.form_html(form, "en")
    assert "only the rows for which you answered “ticked” in question 22" in page
    assert "Question about since?" in page
    imported = qualtrics.advanced_format(form, "en")
    assert "[[Question:RO]]" in imported
    assert "STAFF: validate the content as a number from 0 to 900" in qualtrics.by_hand(form, "en")
    columns = {name for _, _, name, _ in qualtrics.export_codes(form)}
    assert {f"ORDER[{place}]" for place in range(1, 7)} <= columns
    draft = draft_from_limesurvey(lss.structure_lss(limesurvey.structure_rows(form)), "more.lss")
    kinds = {item.code: item.type for item in draft.items}
    assert [kinds[n] for n in types] == ["number", "number", "date", "ranking"]


@pytest.mark.browser
@needs_browser
@pytest.mark.parametrize("language", ["en", "de"])
def test_the_form_as_a_page_is_accessible_at_any_width(form, tmp_path, language) -> None:
    path = tmp_path / "form.html"
    path.write_text(paper.form_html(form, language), encoding="utf-8")
    with launched() as browser:
        for size in (PHONE, DESK):
            for colours in ("light", "dark"):
                with opened(browser, path, size=size, scheme=colours) as page:
                    width = page.evaluate("document.documentElement.scrollWidth")
                    assert width <= size[0], (size, colours)
                    found = Axe().run(page)
                    assert found.violations_count == 0, found.generate_report()


@pytest.mark.slow
def test_answers_given_in_qualtrics_come_out_the_same(form, codebook, tmp_path) -> None:
    """The stand-in's answers, written in the numbers of the import, are read as what they are."""
    raw = read_export(DATA / "raw/standin.csv", codebook)
    frame = raw.frame.astype("object").fillna("")
    columns = pd.DataFrame(qualtrics.export_codes(form), columns=["q", "number", "column", "code"])
    answers = {
        "StartDate": frame["startdate"],
        "EndDate": frame["datestamp"],
        "Finished": frame["submitdate"].map(lambda cell: "1" if cell else "0"),
        "ResponseId": "R_" + frame["id"],
        "UserLanguage": frame["startlanguage"].str.upper(),
    }
    for name, part in columns.groupby("q", sort=False):
        (column,) = part["column"].unique()
        numbers = dict(zip(part["code"], part["number"], strict=True))
        # What was written in own words has no number.
        answers[name] = frame[column] if "" in numbers else frame[column].map(numbers).fillna("")
    table = pd.DataFrame(answers)
    path = tmp_path / "export.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table.columns)
        writer.writerow([f"words of {name}" for name in table.columns])
        writer.writerow([json.dumps({"ImportId": name}) for name in table.columns])
        writer.writerows(table.to_numpy().tolist())
    manifest = {
        "version": 1,
        "synthetic": False,
        "title": "Answers in Qualtrics",
        "format": "qualtrics-csv",
        "rows": len(table),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    (tmp_path / "export.manifest.yml").write_text(yaml.safe_dump(manifest), encoding="utf-8")
    wanted = recode(raw, codebook)
    found = recode(read_export(path, codebook), codebook)
    names = [v.name for v in codebook.variables() if v.name in wanted]
    assert len(names) > 70
    pd.testing.assert_frame_equal(found[names], wanted[names], check_index_type=False)


def test_the_reader_of_archives_finds_nothing_that_differs(form, codebook) -> None:
    """The structure that is imported is, to the reader of its archive, the codebook's survey."""
    content = lss.structure_lss(limesurvey.structure_rows(form))
    structure = read_structure(io.BytesIO(content))
    assert list(differences(structure, codebook)) == []
    assert [question.code for question in structure.questions] == [i.code for i in codebook.items]
