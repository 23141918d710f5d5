"""One set of answers, written as every tool writes it in every setting, is read as the same."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import export_writers as write
from limesurvey_rows import Rows
from mlsec_survey.analysis.sample import flag_counts
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.manifest import Manifest, Reading
from mlsec_survey.instrument.questionnaire.form import Form, build_form
from mlsec_survey.instrument.questionnaire.qualtrics import export_codes
from mlsec_survey.instrument.questionnaire.wording import load_fielding, load_wording
from mlsec_survey.responses import readers
from mlsec_survey.responses.contradictions import contradictions
from mlsec_survey.responses.exclusions import apply_exclusions
from mlsec_survey.responses.missing import missing_kinds
from mlsec_survey.responses.quality import quality_flags
from mlsec_survey.responses.readers import READERS, Examination, RawExport, examine
from mlsec_survey.responses.readers.answers import dictionary
from mlsec_survey.responses.readers.limesurvey_archive import read_structure
from mlsec_survey.responses.readers.reading import as_export
from mlsec_survey.responses.readers.structure import Structure
from mlsec_survey.responses.recode import recode
from mlsec_survey.responses.scales import derive_scales

pytestmark = pytest.mark.slow

MANIFEST = Manifest(version=1, synthetic=False, title="Responses for a test")


@pytest.fixture(scope="module")
def form(root: Path, codebook: Codebook) -> Form:
    fielding = load_fielding(root / "data" / "questionnaire.yml", codebook)
    wordings = [
        load_wording(root / "data" / "wording" / f"{language}.yml", codebook, fielding)
        for language in fielding.languages
    ]
    return build_form(codebook, wordings, fielding)


@pytest.fixture(scope="module")
def rows(root: Path) -> Rows:
    """Two dozen of the stand-in's responses, with texts that begin as formulas among them."""
    text = (root / "data" / "raw" / "standin.csv").read_text(encoding="utf-8-sig")
    records = [line for line in csv.reader(io.StringIO(text, newline="")) if line]
    kept = [records[0], *(row for row in records[1:60] if "\n" not in "".join(row))]
    place = {name: at for at, name in enumerate(kept[0])}
    table: Rows = [list(kept[0])]
    for row in kept[1:26]:
        # What a page that was not reached holds is NULL, and so are the times of such pages.
        last = int(row[place["lastpage"]])
        pages = {name: int(name[9:]) for name in place if name.startswith("groupTime")}
        cells: list[str | None] = list(row)
        for name, page in pages.items():
            if page > last:
                cells[place[name]] = None
        table.append(cells)
    table[2][place["COMMENT"]] = "=1+1"
    table[3][place["COMMENT"]] = "Köln; “quoted”, with a comma"
    return table


def nulls_as_inferred(rows: Rows, codebook: Codebook) -> Rows:
    """Return rows in which NULL stands where pages and filters imply it."""
    place = {str(name): at for at, name in enumerate(rows[0])}
    kinds = missing_kinds(
        read(write.limesurvey_csv(rows, codebook, null=False), codebook), codebook
    )
    result: Rows = [list(rows[0])]
    for number, row in enumerate(rows[1:]):
        cells = list(row)
        for item in codebook.items:
            names = [c.name for c in codebook.column_specs if c.item is item]
            for variable, name in zip(codebook.variables(item), names, strict=False):
                hidden = kinds.iloc[number][variable.name] == "not_shown"
                if item.type == "multiple":
                    if hidden:
                        for box in names:
                            cells[place[box]] = None
                elif hidden:
                    cells[place[name]] = None
        result.append(cells)
    return result


def looked_at(
    content: bytes, codebook: Codebook, reading: Reading | None = None, path: Path | None = None
) -> Examination:
    return examine(content, path or Path("export.csv"), codebook, reading)


def read(
    content: bytes, codebook: Codebook, reading: Reading | None = None, path: Path | None = None
) -> RawExport:
    found = looked_at(content, codebook, reading, path)
    assert not found.problems, str(found.problems[0].error)
    return as_export(found, MANIFEST)


def processed(raw: RawExport, codebook: Codebook, without: tuple[str, ...] = ()) -> bytes:
    """Return the bytes of responses.parquet, as notebook 01 writes it."""
    kept, _ = apply_exclusions(raw, codebook)
    missing = missing_kinds(kept, codebook)
    responses = derive_scales(recode(kept, codebook, missing), missing, codebook)
    responses = responses.join(quality_flags(responses, codebook))
    stream = io.BytesIO()
    table = pa.Table.from_pandas(responses.drop(columns=list(without)), preserve_index=False)
    pq.write_table(table, stream)
    return stream.getvalue()


@pytest.fixture(scope="module")
def answers(rows: Rows, codebook: Codebook) -> Rows:
    return nulls_as_inferred(rows, codebook)


@pytest.fixture(scope="module")
def expected(answers: Rows, codebook: Codebook) -> bytes:
    return processed(read(write.limesurvey_csv(answers, codebook), codebook), codebook)


SETTINGS: dict[str, dict[str, object]] = {
    "as it is": {},
    "NULL not told": {"null": False},
    "code and text": {"headings": "codetext"},
    "full text": {"headings": "full"},
    "full text with underscores": {"headings": "underscores"},
    "ExpressionScript": {"headings": "em"},
    "through R": {"headings": "R"},
    "through a database": {"headings": "lower", "null": False},
    "full answers": {"answers": "full", "null": False},
    "the form's defaults": {"headings": "full", "answers": "full", "mask": True, "null": False},
    "semicolons": {"separator": ";"},
    "tabs": {"separator": "\t"},
    "no byte-order mark": {"marks": 0},
    "two byte-order marks": {"marks": 2},
    "line with the separator": {"separator": ";", "sep_line": True},
    "quote equations": {"mask": True},
    "converted to 1 and 2": {"convert": ("1", "2")},
    "converted, NULL not told": {"convert": ("1", "2"), "null": False},
    "only Y converted": {"convert": ("1", "")},
    "only N converted": {"convert": ("Y", "2"), "null": False},
    "converted to words": {"convert": ("Ja", "Nein"), "null": False},
    "decimal comma": {"separator": ";", "decimal": ","},
    "separator at the end": {"trailing": True},
    "other columns": {"extra": True},
    "saved by a spreadsheet": {"quoted": False, "null": False, "separator": ";", "decimal": ","},
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_limesurvey_in_every_setting(
    setting: str, answers: Rows, expected: bytes, codebook: Codebook
) -> None:
    content = write.limesurvey_csv(answers, codebook, **SETTINGS[setting])  # type: ignore[arg-type]
    raw = read(content, codebook)
    assert raw.source.startswith("LimeSurvey CSV")
    assert processed(raw, codebook) == expected
    if setting == "other columns":
        reasons = " ".join(raw.ignored.values())
        for word in ("personal", "files", "empty", "network", "question"):
            assert word in reasons


Maker = Callable[[Rows, Codebook, Form], bytes]
OTHERS: dict[str, tuple[str, Maker]] = {
    "archive": (
        "limesurvey-archive",
        lambda rows, codebook, form: write.limesurvey_archive(
            rows, form, lambda lss: read_structure(io.BytesIO(lss))
        ),
    ),
    "json": ("limesurvey-json", lambda rows, codebook, form: write.limesurvey_json(rows)),
    "base64": (
        "limesurvey-json",
        lambda rows, codebook, form: write.in_base64(
            write.limesurvey_csv(rows, codebook), rpc=False
        ),
    ),
    "base64 in lines": (
        "limesurvey-json",
        lambda rows, codebook, form: write.in_base64(
            write.limesurvey_csv(rows, codebook), rpc=False, lines=True
        ),
    ),
    "base64 in JSON-RPC": (
        "limesurvey-json",
        lambda rows, codebook, form: write.in_base64(write.limesurvey_json(rows), rpc=True),
    ),
    "Qualtrics, numbers": (
        "qualtrics-csv",
        lambda rows, codebook, form: write.qualtrics_csv(rows, form),
    ),
    "Qualtrics, legacy": (
        "qualtrics-csv",
        lambda rows, codebook, form: write.qualtrics_csv(rows, form, legacy=True),
    ),
    "Excel": ("excel", lambda rows, codebook, form: write.excel(rows)),
    "labels": ("labelled-csv", lambda rows, codebook, form: write.labelled_csv(rows, codebook)),
    "Parquet": ("parquet", lambda rows, codebook, form: write.parquet(rows)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_every_other_format(
    name: str, answers: Rows, expected: bytes, codebook: Codebook, form: Form
) -> None:
    format, make = OTHERS[name]
    found = looked_at(make(answers, codebook, form), codebook)
    assert not found.problems, str(found.problems[0].error)
    assert found.format == format
    assert found.source.startswith(READERS[format].title)
    assert processed(as_export(found, MANIFEST), codebook) == expected


def test_qualtrics_texts_tell_the_same(
    answers: Rows, expected: bytes, codebook: Codebook, form: Form
) -> None:
    content = write.qualtrics_csv(answers, form, texts=True)
    wordings = list(form.wordings.values())
    found = examine(content, Path("export.csv"), codebook, None, None, wordings)
    assert not found.problems, str(found.problems[0].error)
    assert "answers as full texts" in found.source
    assert processed(as_export(found, MANIFEST), codebook) == expected
    # Without the wording nobody can know what the texts mean.
    assert looked_at(content, codebook).problems


def test_limesurvey_in_the_words_of_the_questionnaire(
    answers: Rows, expected: bytes, codebook: Codebook, form: Form
) -> None:
    german = {
        (question.code, answer.code): answer.words["de"]
        for question in form.questions()
        for answer in question.answers
    }
    content = write.limesurvey_csv(answers, codebook, answers="full", null=False, words=german)
    wordings = list(form.wordings.values())
    found = examine(content, Path("export.csv"), codebook, None, None, wordings)
    assert not found.problems, str(found.problems[0].error)
    assert processed(as_export(found, MANIFEST), codebook) == expected
    assert looked_at(content, codebook).problems


def test_sosci_with_its_variables_named_in_the_manifest(
    answers: Rows, expected: bytes, codebook: Codebook
) -> None:
    content, columns = write.sosci_csv(answers, codebook)
    raw = read(content, codebook, Reading(columns=columns))
    assert raw.source.startswith("SoSci Survey CSV")
    assert processed(raw, codebook) == expected
    unnamed = looked_at(content, codebook).problems[0].error
    assert "reading, columns" in str(unnamed.remedy)


def test_spss_with_value_labels_and_user_missing_values(
    answers: Rows, expected: bytes, codebook: Codebook, tmp_path: Path
) -> None:
    path = tmp_path / "export.sav"
    content = write.spss_sav(answers, codebook, path)
    raw = read(content, codebook, path=path)
    assert raw.source.startswith("SPSS")
    assert any("missing" in note for note in raw.notes)
    assert processed(raw, codebook) == expected


def test_vv_tells_all_but_times(answers: Rows, codebook: Codebook) -> None:
    raw = read(write.limesurvey_vv(answers, codebook), codebook)
    assert raw.source.startswith("LimeSurvey VV") and raw.marks_null
    assert [limit.key for limit in raw.limits] == ["time"]
    times = [n for n in answers[0] if str(n).startswith("groupTime")] + ["interviewtime"]
    place = [at for at, name in enumerate(answers[0]) if name in times]
    untimed = [list(answers[0])]
    untimed += [[None if at in place else c for at, c in enumerate(row)] for row in answers[1:]]
    csv_file = read(write.limesurvey_csv(untimed, codebook), codebook)
    assert processed(raw, codebook) == processed(csv_file, codebook)


def test_numbers_of_qualtrics_are_those_of_the_questionnaire(
    codebook: Codebook, form: Form
) -> None:
    items = {item.code: item for item in codebook.items}
    compared = 0
    for _, number, name, code in export_codes(form):
        item = items[name.split("[")[0]]
        if number and item.type in {"single", "array"}:
            assert dictionary(codebook, item).numbers[number] == code
            compared += 1
    assert compared > 100


# What each setting and each accident does to the analysis: the right result, or a plain statement.


def change(rows: Rows, number: int, **cells: str | None) -> Rows:
    """Return rows with cells of one response changed; `_` in a name stands for its brackets."""
    place = {str(name).replace("[", "_").rstrip("]"): at for at, name in enumerate(rows[0])}
    changed: Rows = [list(row) for row in rows]
    for name, text in cells.items():
        changed[number][place[name]] = text
    return changed


def without(rows: Rows, *names: str) -> Rows:
    kept = [at for at, name in enumerate(rows[0]) if not str(name).startswith(names)]
    return [[row[at] for at in kept] for row in rows]


def keys(raw: RawExport) -> set[str]:
    return {limit.key for limit in raw.limits}


def test_submitted_only_is_said_in_the_flow(answers: Rows, codebook: Codebook) -> None:
    done = answers[0].index("submitdate")
    raw = read(write.limesurvey_csv([r for r in answers if r[done]], codebook), codebook)
    assert keys(raw) == {"unsubmitted"}
    _, flow = apply_exclusions(raw, codebook)
    said = flow.set_index("id")["limit"]
    assert "submitted responses only" in said["partial"]
    assert "submitted responses only" in said["no_consent"]
    assert said["duplicate"] == ""
    nobody = [answers[0], *(row for row in answers[1:] if not row[done])]
    assert "submitted" in keys(read(write.limesurvey_csv(nobody, codebook), codebook))


def test_no_timings_and_no_invitation_codes_are_said(answers: Rows, codebook: Codebook) -> None:
    bare = without(answers, "interviewtime", "groupTime", "token")
    raw = read(write.limesurvey_csv(bare, codebook), codebook)
    assert keys(raw) == {"time", "repeats"}
    kept, flow = apply_exclusions(raw, codebook)
    assert "counts twice" in flow.set_index("id").at["duplicate", "limit"]
    missing = missing_kinds(kept, codebook)
    flags = flag_counts(with_flags(kept, codebook, missing), codebook).set_index("flag")
    assert flags.at["speeder", "n"] == 0


def with_flags(kept: RawExport, codebook: Codebook, missing: pd.DataFrame) -> pd.DataFrame:
    responses = derive_scales(recode(kept, codebook, missing), missing, codebook)
    return responses.join(quality_flags(responses, codebook))


def test_timing_columns_do_not_tell_null_from_empty(answers: Rows, codebook: Codebook) -> None:
    # Times that were never taken are NULL in any export of LimeSurvey.
    raw = read(write.limesurvey_csv(answers, codebook, null=False), codebook)
    assert b",," in write.limesurvey_csv(answers, codebook, null=False)
    assert not raw.marks_null and keys(raw) == {"null"}


def test_an_apostrophe_of_the_respondents_own_stays(answers: Rows, codebook: Codebook) -> None:
    own = change(change(answers, 4, COMMENT="'=1"), 5, COMMENT="=2")
    frame = read(write.limesurvey_csv(own, codebook), codebook).frame
    assert {"'=1", "=2"} <= set(frame["COMMENT"])


def test_anonymous_surveys_have_no_date(answers: Rows, codebook: Codebook) -> None:
    done = answers[0].index("submitdate")
    undated = [list(row) for row in without(answers, "startdate", "datestamp", "token")]
    for row in undated[1:]:
        row[done] = "1980-01-01 00:00:00" if row[done] else None
    raw = read(write.limesurvey_csv(undated, codebook), codebook)
    assert {"dates", "repeats"} <= keys(raw)
    kept, _ = apply_exclusions(raw, codebook)
    assert recode(kept, codebook)["submitted"].isna().all()
    expected, _ = apply_exclusions(
        read(write.limesurvey_csv(without(answers, "token"), codebook), codebook), codebook
    )
    assert list(kept.frame["id"]) == list(expected.frame["id"])


def test_007_and_7_are_one_number(answers: Rows, codebook: Codebook) -> None:
    number = str(answers[1][0])
    doubled = change(answers, 3, id=f"00{number}")
    problem = looked_at(write.limesurvey_csv(doubled, codebook), codebook).problems[0]
    assert "the same number" in problem.error.problem and problem.error.column == "id"


@pytest.mark.parametrize("null", [True, False])
def test_question_by_question_and_all_on_one_page(
    null: bool, answers: Rows, codebook: Codebook
) -> None:
    last, done = answers[0].index("lastpage"), answers[0].index("submitdate")
    by_page, _ = apply_exclusions(
        read(write.limesurvey_csv(answers, codebook, null=null), codebook), codebook
    )
    ids = set(by_page.frame["id"])
    items = codebook.items
    for steps in ("questions", "one_page"):
        shown: Rows = [list(row) for row in answers]
        for row in shown[1:]:
            page = int(str(row[last]))
            count = sum(item.page <= page for item in items)
            row[last] = "1" if steps == "one_page" else str(len(items) if row[done] else count)
        raw = read(write.limesurvey_csv(shown, codebook, null=null), codebook)
        assert raw.steps == steps
        kept, _ = apply_exclusions(raw, codebook)
        assert set(kept.frame["id"]) == ids


def test_contradictions_are_counted_and_nothing_is_put_right(
    answers: Rows, codebook: Codebook
) -> None:
    odd = change(answers, 6, ROLE="A1", ROLE_other="Head of all", startdate="2031-01-01 00:00:00")
    odd = change(odd, 7, DEF_NONE="Y", DEF_D01="Y")
    raw = read(write.limesurvey_csv(odd, codebook), codebook)
    assert raw.frame["ROLE[other]"].iloc[5] == "Head of all"
    table = contradictions(raw, codebook).set_index("contradiction")["responses"]
    before = contradictions(read(write.limesurvey_csv(answers, codebook), codebook), codebook)
    rise = table - before.set_index("contradiction")["responses"]
    assert rise["Text of other without the option other"] == 1
    assert rise["A box that excludes all others, beside others"] == 1
    assert rise["Start after submission (time zones, clock changes)"] == 1


STRANGERS = {
    "a web page": b"<!DOCTYPE html><html><head><title>Survey login</title></head></html>",
    "No permission": b'{"status":"No permission"}',
    "zip archive": None,
    "old version of Excel": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "PDF": b"%PDF-1.5 ...",
    "gzip": b"\x1f\x8b\x08\x00",
    "picture": b"\x89PNG\r\n\x1a\n",
    "Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "structure of a Qualtrics survey": b'{"SurveyEntry": {}, "SurveyElements": []}',
    "one part of a LimeSurvey archive": b"<?xml version='1.0'?><document>"
    b"<LimeSurveyDocType>Survey</LimeSurveyDocType></document>",
    "damaged or cut off": b'{"responses": [{"id": "1"',
    "web page": b"<table border='1'><tr><td>id</td></tr></table>",
    "format of another program": b"ARROW1\x00\x00",
    "not valid UTF-8": "id;Größe\n1;2\n".encode("cp1252"),
    "U+0000": b"name\tsize\n1\x00\t2\n",
}


@pytest.mark.parametrize("name", STRANGERS)
def test_a_file_that_is_something_else_is_named(name: str, codebook: Codebook) -> None:
    content = STRANGERS[name]
    if content is None:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("photo.png", "x")
        content = stream.getvalue()
    (problem,) = looked_at(content, codebook).problems
    assert name in str(problem.error)
    assert problem.error.remedy


def test_a_workbook_named_csv_is_read_as_what_it_is(answers: Rows, codebook: Codebook) -> None:
    assert read(write.excel(answers), codebook, path=Path("answers.csv")).source.startswith("Excel")


def hostile(kind: str, rows: Rows, form: Form) -> bytes:
    good = write.limesurvey_archive(rows, form, lambda lss: read_structure(io.BytesIO(lss)))
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(good)) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            content = old.read(name)
            if name.endswith(".lsr"):
                if kind == "entities":
                    head = b'<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
                    content = head + content
                elif kind == "bomb":
                    content += b" " * 30_000_000
                elif kind == "broken":
                    content = content[: len(content) // 2]
                elif kind == "absent":
                    continue
            new.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("entities", "not allowed"),
        ("bomb", "no export needs"),
        ("broken", "malformed"),
        ("absent", "never active"),
    ],
)
def test_hostile_archives(
    kind: str, said: str, answers: Rows, codebook: Codebook, form: Form
) -> None:
    (problem,) = looked_at(hostile(kind, answers, form), codebook).problems
    assert said in str(problem.error)


def test_an_archive_says_where_the_survey_differs_from_the_codebook(
    answers: Rows, codebook: Codebook, form: Form
) -> None:
    def reader(lss: bytes) -> Structure:
        return read_structure(io.BytesIO(lss))

    same = read(write.limesurvey_archive(answers, form, reader), codebook)
    assert same.notes == ()
    changes = {"<savetimings>Y<": "<savetimings>N<", "<code>A6<": "<code>A9<"}
    other = write.limesurvey_archive(answers, form, reader, **changes)
    notes = " ".join(looked_at(other, codebook).notes)
    assert "timings are not kept" in notes
    assert "offers A9, which the codebook lacks" in notes


def test_no_message_asks_to_edit_the_file() -> None:
    words = ("remove the column", "correct the cell", "edit the file", "delete the row", "shorten")
    folder = Path(str(readers.__file__)).parent
    for path in folder.glob("*.py"):
        text = path.read_text(encoding="utf-8").lower()
        for word in words:
            assert word not in text, (path.name, word)
