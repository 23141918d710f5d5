"""One set of answers, written as every tool writes it in every setting, is read as the same."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import export_writers as write
from limesurvey_rows import Rows
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.manifest import Manifest, Reading
from mlsec_survey.instrument.questionnaire.form import Form, build_form
from mlsec_survey.instrument.questionnaire.qualtrics import export_codes
from mlsec_survey.instrument.questionnaire.wording import load_fielding, load_wording
from mlsec_survey.responses.exclusions import apply_exclusions
from mlsec_survey.responses.missing import missing_kinds
from mlsec_survey.responses.quality import quality_flags
from mlsec_survey.responses.readers import READERS, Examination, RawExport, examine
from mlsec_survey.responses.readers.answers import dictionary
from mlsec_survey.responses.readers.limesurvey_archive import read_structure
from mlsec_survey.responses.readers.reading import as_export
from mlsec_survey.responses.recode import recode
from mlsec_survey.responses.scales import derive_scales

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
