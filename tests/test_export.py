"""The reader understands what LimeSurvey writes, and what spreadsheets make of it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limesurvey_rows import Rows, as_csv, table, write_with_manifest
from mlsec_survey.base.text_safety import escape_spreadsheet, tidy
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.responses.readers import read_export
from mlsec_survey.responses.readers.delimited import read_delimited, tokenised

ROOT = Path(__file__).resolve().parent.parent
STANDIN = ROOT / "data" / "raw" / "standin.csv"


@pytest.fixture
def rows(codebook: Codebook) -> Rows:
    return table(codebook)


def test_standin_reads_as_the_csv_module_reads_it(codebook: Codebook) -> None:
    frame = read_export(STANDIN, codebook).frame
    text = STANDIN.read_bytes().decode("utf-8-sig")
    records = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    assert records[0] == list(frame.columns)
    assert [["" if pd.isna(c) else c for c in row] for row in frame.to_numpy()] == records[1:]


def test_null_and_empty_are_told_apart(tmp_path: Path, codebook: Codebook, rows: Rows) -> None:
    rows[2][rows[0].index("COMMENT")] = None
    path = write_with_manifest(tmp_path / "export.csv", as_csv(rows), 2)
    export = read_export(path, codebook)
    assert export.marks_null
    assert export.frame.at[2, "COMMENT"] == ""
    assert pd.isna(export.frame.at[3, "COMMENT"])


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.slow
def test_saved_again_by_a_spreadsheet(
    tmp_path: Path, codebook: Codebook, rows: Rows, separator: str
) -> None:
    rows[1][rows[0].index("COMMENT")] = 'with "quotes", a comma; and\na line break'
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=separator, lineterminator="\n").writerows(
        [["" if text is None else text for text in row] for row in rows]
    )
    content = stream.getvalue().encode()
    path = write_with_manifest(tmp_path / "export.csv", content, 2)
    export = read_export(path, codebook)
    assert not export.marks_null
    assert not export.frame.isna().any(axis=None)
    assert export.frame.at[2, "COMMENT"] == rows[1][rows[0].index("COMMENT")]
    assert list(export.frame.index) == [2, 4]


def test_columns_in_any_order_and_without_optional_ones(
    tmp_path: Path, codebook: Codebook, rows: Rows
) -> None:
    order = list(reversed(range(len(rows[0]))))
    optional = {"seed", "refurl", *(f"groupTime{page}" for page in range(1, 9))}
    kept = [at for at in order if rows[0][at] not in optional]
    path = write_with_manifest(
        tmp_path / "export.csv", as_csv([[row[at] for at in kept] for row in rows]), 2
    )
    frame = read_export(path, codebook).frame
    assert list(frame.columns) == codebook.columns()
    assert frame["seed"].isna().all()
    assert frame.at[2, "ROLE"] == "A2"


def test_page_timings_are_numbered_by_their_order(
    tmp_path: Path, codebook: Codebook, rows: Rows
) -> None:
    for page in range(1, 9):
        at = rows[0].index(f"groupTime{page}")
        rows[0][at] = f"groupTime{700 + page}"
        rows[1][at] = str(page)
    path = write_with_manifest(tmp_path / "export.csv", as_csv(rows), 2)
    frame = read_export(path, codebook).frame
    assert [frame.at[2, f"groupTime{page}"] for page in range(1, 9)] == list("12345678")


def test_na_typed_by_a_respondent_stays_text(
    tmp_path: Path, codebook: Codebook, rows: Rows
) -> None:
    rows[1][rows[0].index("WHY[EVA]")] = "N/A"
    path = write_with_manifest(tmp_path / "export.csv", as_csv(rows), 2)
    assert read_export(path, codebook).frame.at[2, "WHY[EVA]"] == "N/A"


# Text without what the reader refuses before it splits cells, or unifies (carriage returns).
cells = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('",;\n= '), max_size=12
)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=4))
@pytest.mark.slow
def test_both_ways_to_split_cells_agree_with_the_csv_module(body: list[list[str]]) -> None:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(["id", "ROLE", "COMMENT"])
    writer.writerows(body)
    records = list(tokenised(stream.getvalue(), ",", Path("export.csv")))[1:]
    assert [record.cells for record in records] == body
    table = read_delimited(stream.getvalue().encode(), Path("export.csv"), null="maybe")
    assert table.headings == ("id", "ROLE", "COMMENT")
    assert table.cells.astype("str").to_numpy().tolist() == body
    assert list(table.cells.index) == [record.line for record in records]
    line = 2
    for record in records:
        assert record.line == line
        line += 1 + sum(str(text).count("\n") for text in record.cells)


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        " =1",
        "\n=1",
        "＝1",
        "-",
    ],
)
def test_formulas_are_escaped(text: str) -> None:
    escaped = escape_spreadsheet(text)
    assert isinstance(escaped, str)
    assert escaped.startswith("'")
    assert "\n" not in escaped
    assert "\r" not in escaped


@pytest.mark.parametrize("value", [3, -2.5, None, True, "plain", "a=b", "x-1", ""])
def test_other_values_are_left_alone(value: object) -> None:
    assert escape_spreadsheet(value) == value


def test_tidy_drops_invisible_marks_and_surplus_space() -> None:
    assert tidy("  Data \u200b engi\u202eneer\x07 \n now ") == "Data engineer now"
    assert tidy("naïve 😀 “x”") == "naïve 😀 “x”"
