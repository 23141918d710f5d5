"""Every bad export gives one clear error: file, row, column, value, and what to do."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from limesurvey_rows import Rows, as_csv, table, write_with_manifest
from mlsec_survey.base.errors import InputError
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.codebook_file import load_codebook
from mlsec_survey.instrument.manifest import load_manifest, manifest_path
from mlsec_survey.instrument.plan import load_plan
from mlsec_survey.responses.readers import RawExport, read_export

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
STANDIN = ROOT / "data" / "raw" / "standin.csv"

Reader = Callable[[bytes], RawExport]


@pytest.fixture
def rows(codebook: Codebook) -> Rows:
    return table(codebook)


@pytest.fixture
def read(tmp_path: Path, codebook: Codebook) -> Reader:
    def reader(content: bytes, count: int = 2) -> RawExport:
        path = write_with_manifest(tmp_path / "export.csv", content, count)
        return read_export(path, codebook)

    return reader


def refused(read: Reader, content: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        read(content)
    error = caught.value
    assert error.exit_status == 2
    assert error.file is not None
    assert error.file.name in {"export.csv", "export.manifest.yml"}
    assert error.remedy
    assert str(error.file) in str(error)
    assert error.remedy in str(error)
    assert len(str(error).splitlines()) <= 3
    return error


def put(rows: Rows, line: int, column: str, value: str | None) -> None:
    rows[line - 1][rows[0].index(column)] = value


def test_the_table_itself_is_good(read: Reader, rows: Rows) -> None:
    export = read(as_csv(rows))
    assert list(export.frame.index) == [2, 3]
    assert list(export.frame["id"]) == ["7", "9"]


@pytest.mark.parametrize(
    ("column", "value", "problem", "remedy"),
    [
        ("ROLE", "A9", "no such response code", "A1, A2, A3, A4, A5, A6, -oth-, PN"),
        ("ROLE", "a1", "no such response code", "'role'"),
        ("ROLE", "DK", "no such response code", "'role'"),
        ("CON[EVA]", "PN", "no such response code", "A1, A2, A3, A4, A5, DK"),
        ("CON[EVA]", "6", "no such response code", "'concern'"),
        ("CON[EVA]", "=1+1", "no such response code", "'concern'"),
        ("DEF[D03]", "7", "no such response code", "Y when ticked"),
        ("DEF[NONE]", "N", "no such response code", "Y when ticked"),
        ("CONSENT", "yes", "no such response code", "Y, N"),
        ("startlanguage", "fr", "the codebook has no such language", "en, de"),
        ("startlanguage", "", "the cell is empty", "Every response"),
        ("id", "", "the cell is empty", "Every response"),
        ("id", "7.5", "not a whole number", "whole number"),
        ("id", "seven", "not a whole number", "whole number"),
        ("id", "٣", "not a whole number", "whole number"),
        ("lastpage", "p. 8", "not a whole number", "whole number"),
        ("interviewtime", "12,5", "not a number", "number of at least 0"),
        ("interviewtime", "-3", "not a number of at least 0", "at least 0"),
        ("interviewtime", "nan", "not a number", "at least 0"),
        ("interviewtime", "1e400", "not a number", "at least 0"),
        ("groupTime3", "fast", "not a number", "at least 0"),
        ("startdate", "2022-02-30 10:00:00", "not a date and time that exists", "YYYY-MM-DD"),
        ("startdate", "03.02.2022 10:00", "not a date and time that exists", "YYYY-MM-DD"),
        ("datestamp", "2022-02-03 24:00:01", "not a date and time that exists", "YYYY-MM-DD"),
        ("submitdate", "1022-02-03 10:00:00", "not a date and time that exists", "YYYY-MM-DD"),
        ("WHY[EVA]", "x" * 65_536, "more than 65,535 characters", "Export the responses again"),
    ],
)
def test_bad_cells(
    read: Reader, rows: Rows, column: str, value: str, problem: str, remedy: str
) -> None:
    put(rows, 3, column, value)
    error = refused(read, as_csv(rows))
    assert (error.row, error.column, error.value) == (3, column, value)
    assert problem in error.problem
    assert remedy in str(error.remedy)
    assert f"row 3, column {column!r}" in str(error)
    assert len(str(error)) < 700


def test_one_error_for_many_bad_cells(read: Reader, rows: Rows) -> None:
    put(rows, 3, "ROLE", "B1")
    put(rows, 2, "EDU", "B2")
    put(rows, 3, "CON[POI]", "B3")
    error = refused(read, as_csv(rows))
    assert (error.row, error.column, error.value) == (2, "EDU", "B2")
    assert "(and 2 more like it)" in error.problem


def test_duplicated_id(read: Reader, rows: Rows) -> None:
    put(rows, 3, "id", "7")
    error = refused(read, as_csv(rows))
    assert (error.row, error.column, error.value) == (3, "id", "7")
    assert "row 2" in error.problem


def test_rows_count_lines_of_the_file_not_records(read: Reader, rows: Rows) -> None:
    put(rows, 2, "COMMENT", "one\ntwo\r\nthree")
    put(rows, 3, "ROLE", "B1")
    assert refused(read, as_csv(rows)).row == 5


def test_missing_column(read: Reader, rows: Rows) -> None:
    at = rows[0].index("CON[EVA]")
    error = refused(read, as_csv([row[:at] + row[at + 1 :] for row in rows]))
    assert (error.row, error.column) == (1, "CON[EVA]")
    assert "missing" in error.problem


def test_missing_columns_are_counted_and_listed(read: Reader, rows: Rows) -> None:
    keep = [at for at, name in enumerate(rows[0]) if not str(name).startswith("CON[")]
    error = refused(read, as_csv([[row[at] for at in keep] for row in rows]))
    assert "(and 5 more like it)" in error.problem
    assert "CON[INV]" in str(error.remedy)


def test_renamed_column(read: Reader, rows: Rows) -> None:
    rows[0][rows[0].index("CON[EVA]")] = "CON[EVAS]"
    error = refused(read, as_csv(rows))
    assert error.column == "CON[EVA]"
    assert "'CON[EVAS]'" in str(error.remedy)


def test_unknown_column(read: Reader, rows: Rows) -> None:
    error = refused(read, as_csv([[*row, name] for row, name in zip(rows, "Zab", strict=True)]))
    assert (error.row, error.column) == (1, "Z")
    assert "ipaddr" in str(error.remedy)


def test_personal_columns_are_dropped(read: Reader, rows: Rows) -> None:
    names: list[str | None] = ["ipaddr", "attribute_1", "ROLETime"]
    wider = [[*row, *(names if at == 0 else ["a", "b", "c"])] for at, row in enumerate(rows)]
    export = read(as_csv(wider))
    assert set(export.ignored) == set(names)
    assert not set(names) & set(export.frame.columns)


def test_doubled_column(read: Reader, rows: Rows) -> None:
    error = refused(read, as_csv([[*row, row[9]] for row in rows]))
    assert (error.row, error.column) == (1, "CONSENT")
    assert "twice" in error.problem


def test_headings_that_nobody_knows(read: Reader, rows: Rows) -> None:
    rows[0] = ["id", "submitdate", *(f"Question {at}" for at in range(2, len(rows[0])))]
    error = refused(read, as_csv(rows))
    assert error.row == 1
    assert "none of the headings is an item" in error.problem
    assert "question code" in str(error.remedy)


def test_page_timings_that_fit_no_page_are_left_out_and_said(read: Reader, rows: Rows) -> None:
    export = read(as_csv([row[:-1] for row in rows]))
    assert export.frame["groupTime1"].isna().all()
    assert any("7 of 7 page timings" in note for note in export.notes)
    assert "groupTime7" in export.ignored


def test_truncated_row(read: Reader, rows: Rows) -> None:
    error = refused(read, as_csv([rows[0], rows[1], rows[2][:30]]))
    assert (error.row, error.column) == (3, rows[0][30])
    assert f"30 cells, the header {len(rows[0])}" in error.problem
    assert "cut off" in str(error.remedy)


def test_too_many_cells(read: Reader, rows: Rows) -> None:
    error = refused(read, as_csv([rows[0], [*rows[1], "x"], rows[2]]))
    assert error.row == 2
    assert "outside the quotes" in str(error.remedy)


def test_file_cut_off_inside_a_quoted_cell(read: Reader, rows: Rows) -> None:
    put(rows, 3, "WHY[EVA]", "half a sentence")
    content = as_csv(rows)
    error = refused(read, content[: content.index(b"half a") + 8])
    assert (error.row, error.column) == (3, "WHY[EVA]")
    assert "never closed" in error.problem


def test_quote_in_the_middle_of_a_cell(read: Reader, rows: Rows) -> None:
    put(rows, 2, "WHY[EVA]", "MARK")
    error = refused(read, as_csv(rows).replace(b'"MARK"', b'a "MARK" b'))
    assert (error.row, error.column) == (2, "WHY[EVA]")
    error = refused(read, as_csv(rows).replace(b'"MARK"', b'"MARK" b'))
    assert (error.row, error.column) == (2, "WHY[EVA]")


@pytest.mark.parametrize(
    "content", [b"", b"\xef\xbb\xbf", b"\r\n\r\n", b" \n", b"sep=;\n", b'"sep=,"\r\n \n']
)
def test_empty_file(read: Reader, content: bytes) -> None:
    assert "the file is empty" in refused(read, content).problem


def test_header_only(read: Reader, rows: Rows) -> None:
    error = refused(read, as_csv(rows[:1]))
    assert "no responses" in error.problem
    assert "Export again" in str(error.remedy)


def test_wrong_encoding(read: Reader, rows: Rows) -> None:
    put(rows, 3, "COMMENT", "Übung")
    content = as_csv(rows).replace("Ü".encode(), b"\xdc")
    error = refused(read, content)
    assert error.row == 3
    assert f"byte {content.index(0xDC)} (0xdc)" in error.problem
    assert "UTF-8" in str(error.remedy)


def test_utf16(read: Reader, rows: Rows) -> None:
    put(rows, 3, "COMMENT", "Übung")
    text = as_csv(rows).decode("utf-8-sig")
    assert read(text.encode("utf-16")).frame.at[3, "COMMENT"] == "Übung"
    assert "begins as UTF-16" in refused(read, text.encode("utf-16")[:-1]).problem


def test_windows_1252_where_the_manifest_says_so(
    tmp_path: Path, codebook: Codebook, rows: Rows
) -> None:
    put(rows, 3, "COMMENT", "Übung – 5 €")
    content = as_csv(rows).decode("utf-8-sig").encode("windows-1252")
    reading = {"encoding": "windows-1252"}
    path = write_with_manifest(tmp_path / "export.csv", content, 2, reading=reading)
    assert read_export(path, codebook).frame.at[3, "COMMENT"] == "Übung – 5 €"


def test_nothing_but_text_holds_a_null_character(read: Reader, rows: Rows) -> None:
    put(rows, 3, "COMMENT", "a\x00b")
    error = refused(read, as_csv(rows))
    assert error.row == 3
    assert "U+0000" in error.problem


@pytest.mark.parametrize("character", ["\x07", "\x1b", "\x7f", "\x9b"])
def test_control_characters(read: Reader, rows: Rows, character: str) -> None:
    put(rows, 3, "COMMENT", f"a{character}b{character}")
    export = read(as_csv(rows))
    assert export.frame.at[3, "COMMENT"] == f"a{character}b{character}"
    assert any("1 answer in own words" in note for note in export.notes)
    put(rows, 3, "ROLE", f"A1{character}")
    assert character not in str(refused(read, as_csv(rows)))


def test_terminal_escapes_in_values_are_shown_harmlessly(read: Reader, rows: Rows) -> None:
    put(rows, 2, "ROLE", "A1\u202e")
    assert "\u202e" not in str(refused(read, as_csv(rows)))


def test_no_export_and_no_manifest(tmp_path: Path, codebook: Codebook, rows: Rows) -> None:
    path = tmp_path / "export.csv"
    with pytest.raises(InputError, match="no such export"):
        read_export(path, codebook)
    path.write_bytes(as_csv(rows))
    with pytest.raises(InputError) as caught:
        read_export(path, codebook)
    error = caught.value
    assert error.file == tmp_path / "export.manifest.yml"
    example = str(error.remedy).split("\n", 1)[1]
    lines = [line.removeprefix("    ") for line in example.splitlines()]
    error.file.write_text("\n".join(lines).replace("123", "2"), encoding="utf-8")
    assert len(read_export(path, codebook).frame) == 2


def test_changed_export(tmp_path: Path, codebook: Codebook, rows: Rows) -> None:
    path = write_with_manifest(tmp_path / "export.csv", as_csv(rows), 2)
    changed = as_csv(rows) + b"\r\n"
    path.write_bytes(changed)
    with pytest.raises(InputError) as caught:
        read_export(path, codebook)
    assert caught.value.file == tmp_path / "export.manifest.yml"
    assert caught.value.row == 6
    assert hashlib.sha256(changed).hexdigest() in str(caught.value.remedy)


def test_wrong_row_count(tmp_path: Path, codebook: Codebook, rows: Rows) -> None:
    path = write_with_manifest(tmp_path / "export.csv", as_csv(rows), 3)
    with pytest.raises(InputError, match="2 responses, its manifest says 3"):
        read_export(path, codebook)


@pytest.mark.parametrize(
    ("old", "new", "row", "part"),
    [
        ("synthetic: false", "synthetic: maybe", 2, "synthetic"),
        ("synthetic: false", "synthetic: true", 2, "how it was drawn"),
        ("rows: 2", "rows: two", 5, "rows"),
        ("rows: 2", "rows: 2\nrows: 2", 6, "twice"),
        ("format: limesurvey-csv", "format: xlsx", 4, "limesurvey-csv"),
        ("title:", "titel:", 3, "Did you mean 'title'?"),
    ],
)
def test_bad_manifests(
    tmp_path: Path,
    codebook: Codebook,
    rows: Rows,
    old: str,
    new: str,
    row: int | None,
    part: str,
) -> None:
    path = write_with_manifest(tmp_path / "export.csv", as_csv(rows), 2)
    manifest = manifest_path(path)
    manifest.write_text(manifest.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(InputError) as caught:
        load_manifest(path)
    assert part in str(caught.value)
    assert caught.value.file == manifest
    if row is not None:
        assert caught.value.row == row


def test_real_export_with_generator_is_refused(tmp_path: Path, rows: Rows) -> None:
    generator = {"name": "x", "version": "1", "seed": 1, "parameters_sha256": "0" * 64}
    path = write_with_manifest(tmp_path / "export.csv", as_csv(rows), 2, generator=generator)
    with pytest.raises(InputError, match="is synthetic"):
        load_manifest(path)


def test_oversized_file(
    tmp_path: Path, codebook: Codebook, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlsec_survey.responses.readers.reading.LARGEST_FILE", 1000)
    path = write_with_manifest(tmp_path / "export.csv", as_csv(rows), 2)
    with pytest.raises(InputError, match="more than the 1,000 allowed"):
        read_export(path, codebook)


def test_every_truncation_of_a_good_file_is_an_input_error_or_shorter(
    tmp_path: Path, codebook: Codebook
) -> None:
    content = STANDIN.read_bytes()
    for end in range(0, len(content), 7919):
        path = write_with_manifest(tmp_path / "export.csv", content[:end], 212)
        with pytest.raises(InputError) as caught:
            read_export(path, codebook)
        assert caught.value.remedy


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Return content with a few bytes changed, dropped or put in."""
    result = bytearray(content)
    pieces = [
        b'"',
        b",",
        b"\r\n",
        b";",
        b"\x00",
        b"\xff",
        b"=",
        b'""',
        b"\xef\xbb\xbf",
        b"A9",
        b"\t",
    ]
    for _ in range(rng.randint(1, 4)):
        at, kind = rng.randrange(len(result)), rng.random()
        if kind < 0.35:
            result[at:at] = rng.choice(pieces)
        elif kind < 0.7:
            del result[at : at + rng.randint(1, 30)]
        else:
            result[at] = rng.randrange(256)
    return bytes(result)


def test_damaged_exports_are_refused_or_read_never_a_crash(
    tmp_path: Path, codebook: Codebook, rows: Rows
) -> None:
    rng = random.Random(1)
    refusals = 0
    for _ in range(400):
        content = damaged(as_csv(rows), rng)
        path = write_with_manifest(tmp_path / "export.csv", content, 2)
        try:
            export = read_export(path, codebook)
        except InputError as error:
            refusals += 1
            assert error.remedy
            assert error.file is not None
            assert len(str(error)) < 1000
        else:
            assert export.frame.shape == (2, len(codebook.columns()))
    assert refusals > 300


@pytest.mark.parametrize("name", ["codebook.yml", "analysis_plan.yml"])
def test_damaged_yaml_is_refused_or_read_never_a_crash(
    tmp_path: Path, codebook: Codebook, name: str
) -> None:
    rng = random.Random(2)
    original = (ROOT / "data" / name).read_bytes()
    refusals = 0
    for _ in range(150):
        path = tmp_path / name
        path.write_bytes(damaged(original, rng))
        try:
            load_codebook(path) if name == "codebook.yml" else load_plan(path, codebook)
        except InputError as error:
            refusals += 1
            assert error.file == path
    assert refusals > 100
