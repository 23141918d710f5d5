"""What was not touched in an export comes out the same, or the run stops with status 2.

`MLSEC_CASES=10000` in the environment tries so many mutations; the tests try a few.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import export_writers as write
from limesurvey_rows import Rows
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.codebook_file import load_codebook
from mlsec_survey.responses.readers import Examination, examine

pytestmark = pytest.mark.slow

CASES = int(os.environ.get("MLSEC_CASES", "40"))
ROOT = Path(__file__).resolve().parents[1]
QUIET = settings(
    max_examples=CASES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

SETTINGS: list[dict[str, object]] = [
    {},
    {"null": False},
    {"headings": "codetext", "separator": ";"},
    {"headings": "em", "separator": "\t", "null": False},
    {"headings": "full", "answers": "full", "null": False},
    {"convert": ("1", "2"), "null": False},
    {"marks": 2, "separator": ";", "sep_line": True, "decimal": ","},
    {"extra": True, "trailing": True},
    {"quoted": False, "null": False},
]
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(["", "Y", "N", "A1", "A9", "DK", "1", "2", "007", "12,5", "N/A", "-oth-"]),
    st.sampled_from(['"', '""', '",', "\n", "\r\n", ";", "'x", "None", "1980-01-01 00:00:00"]),
).filter(lambda text: not text.startswith("="))


# A short questionnaire, with an item of each type, so that many cases can be tried.
ITEMS = {"consent", "screening", "role", "familiarity", "defence", "comment"}


@pytest.fixture(scope="module")
def codebook(tmp_path_factory: pytest.TempPathFactory) -> Codebook:
    content = yaml.safe_load((ROOT / "data" / "codebook.yml").read_text(encoding="utf-8"))
    content["items"] = [item for item in content["items"] if item["id"] in ITEMS]
    for name in content["subquestion_sets"]:
        content["subquestion_sets"][name] = content["subquestion_sets"][name][:2]
    content["scales"], content["quality_flags"] = [], []
    content["exclusions"] = [rule for rule in content["exclusions"] if rule["id"] == "no_consent"]
    path = tmp_path_factory.mktemp("short") / "codebook.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return load_codebook(path)


@pytest.fixture(scope="module")
def rows(codebook: Codebook) -> Rows:
    """A few responses of the stand-in that have seen all pages, and some that have not."""
    text = (ROOT / "data" / "raw" / "standin.csv").read_bytes().decode("utf-8-sig")
    records = [line for line in csv.reader(io.StringIO(text, newline="")) if line]
    place = {name: at for at, name in enumerate(records[0])}
    table: Rows = [list(codebook.columns())]
    for row in records[20:28]:
        last = int(row[place["lastpage"]])
        cells: list[str | None] = [
            None if spec.page > last else row[place[spec.name]] for spec in codebook.column_specs
        ]
        table.append(cells)
    return table


def read(content: bytes, codebook: Codebook) -> Examination:
    """Examine an export; whatever it is, nothing but problems may come of it."""
    found = examine(content, Path("export.csv"), codebook)
    for problem in found.problems:
        assert problem.error.exit_status == 2
        assert problem.error.remedy
    return found


def same(found: Examination, before: pd.DataFrame, *, but: tuple[str, str] | None = None) -> None:
    """Check that all responses that were there are as they were, but for one cell."""
    frame = found.frame.astype("str").fillna("").set_index("id", drop=False)
    old = before.loc[[number for number in before.index if number in frame.index]]
    new = frame.loc[old.index, old.columns]
    if but is not None and but[0] in old.index and but[1] in old.columns:
        old, new = old.copy(), new.copy()
        old.at[but] = new.at[but] = ""
    pd.testing.assert_frame_equal(new, old, check_names=False)


BEFORE: dict[bytes, pd.DataFrame] = {}


def as_read(content: bytes, codebook: Codebook) -> pd.DataFrame:
    """Return the cells of a good export by response; the same export is read once."""
    if content not in BEFORE:
        found = read(content, codebook)
        assert not found.problems, str(found.problems[0].error)
        BEFORE[content] = found.frame.astype("str").fillna("").set_index("id", drop=False)
    return BEFORE[content]


Data = st.DataObject


@QUIET
@given(st.data(), st.sampled_from(SETTINGS))
def test_one_cell_is_another(
    codebook: Codebook, rows: Rows, data: Data, setting: dict[str, object]
) -> None:
    before = as_read(write.limesurvey_csv(rows, codebook, **setting), codebook)  # type: ignore[arg-type]
    at = data.draw(st.integers(1, len(rows) - 1))
    place = data.draw(st.integers(0, len(rows[0]) - 1))
    text = data.draw(st.none() | TEXTS)
    changed: Rows = [list(row) for row in rows]
    name = str(rows[0][place])
    if setting.get("answers") == "full" and name != "COMMENT":
        return
    changed[at][place] = text
    found = read(write.limesurvey_csv(changed, codebook, **setting), codebook)  # type: ignore[arg-type]
    if found.problems:
        return
    same(found, before, but=(str(rows[at][0]), name))
    cell = found.frame.iloc[at - 1][name]
    if name == "COMMENT" and setting.get("quoted") is not False:
        written = (text or "").replace("\r\n", "\n").replace("\r", "\n")
        assert ("" if pd.isna(cell) else cell) == written


@QUIET
@given(st.data(), st.sampled_from(SETTINGS))
def test_rows_and_columns_are_moved_doubled_renamed_or_lost(
    codebook: Codebook, rows: Rows, data: Data, setting: dict[str, object]
) -> None:
    before = as_read(write.limesurvey_csv(rows, codebook, **setting), codebook)  # type: ignore[arg-type]
    changed: Rows = [list(row) for row in rows]
    kind = data.draw(
        st.sampled_from(["swap rows", "drop row", "double row", "swap", "drop", "double"])
    )
    one, two = (data.draw(st.integers(1, len(rows) - 1)) for _ in range(2))
    left, right = (data.draw(st.integers(0, len(rows[0]) - 1)) for _ in range(2))
    if kind == "swap rows":
        changed[one], changed[two] = changed[two], changed[one]
    elif kind == "drop row":
        del changed[one]
    elif kind == "double row":
        changed.append(list(changed[one]))
    elif kind == "swap" and setting.get("headings") != "full":
        for row in changed:
            row[left], row[right] = row[right], row[left]
    elif kind == "drop":
        for row in changed:
            del row[left]
    elif kind == "double":
        for row in changed:
            row.append(row[left])
    found = read(write.limesurvey_csv(changed, codebook, **setting), codebook)  # type: ignore[arg-type]
    if kind == "double row":
        assert found.problems
    elif kind == "double":
        # One page timing more than pages: none can be placed, and that is said.
        timing = str(rows[0][left]).startswith("groupTime")
        assert found.problems or (timing and any("page timings" in note for note in found.notes))
    if found.problems or kind == "double":
        return
    lost = {str(rows[0][left])} if kind == "drop" else set()
    times = {name for name in before.columns if str(name).startswith("groupTime")}
    if lost & times or kind == "swap":
        # Page timings are numbered by their order; without one of them none can be placed.
        lost |= times
    same(found, before.drop(columns=[name for name in lost if name in before.columns]))


@QUIET
@given(st.data(), st.sampled_from(SETTINGS))
def test_bytes_are_changed_lost_or_added(
    codebook: Codebook, rows: Rows, data: Data, setting: dict[str, object]
) -> None:
    content = write.limesurvey_csv(rows, codebook, **setting)  # type: ignore[arg-type]
    before = as_read(content, codebook)
    at = data.draw(st.integers(0, len(content) - 1))
    byte = bytes([data.draw(st.integers(0, 255))])
    kind = data.draw(st.sampled_from(["change", "lose", "add", "cut"]))
    changed = {
        "change": content[:at] + byte + content[at + 1 :],
        "lose": content[:at] + content[at + 1 :],
        "add": content[:at] + byte + content[at:],
        "cut": content[:at],
    }[kind]
    found = read(changed, codebook)
    if found.problems:
        return
    # The response whose bytes were touched may be another, and if a line end was, its neighbour.
    line = content.count(b"\r\n", 0, at) - (1 if setting.get("sep_line") else 0)
    if line <= 0:
        return
    touched = {str(rows[number][0]) for number in (line, line + 1) if 0 < number < len(rows)}
    same(found, before.drop(index=[number for number in before.index if number in touched]))


WAYS: dict[str, Callable[[bytes], bytes]] = {
    "UTF-16": lambda content: content.decode("utf-8-sig").encode("utf-16"),
    "Windows-1252": lambda content: content.decode("utf-8-sig").encode("cp1252", "replace"),
    "Latin-1 twice": lambda content: content.decode("latin-1").encode("utf-8"),
    "lines of old Macs": lambda content: content.replace(b"\r\n", b"\r"),
    "lines of Unix": lambda content: content.replace(b"\r\n", b"\n"),
    "blank lines": lambda content: content.replace(b"\r\n", b"\r\n\r\n"),
    "half of it": lambda content: content[: len(content) // 2],
    "twice": lambda content: content + content,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("at", range(len(SETTINGS)))
def test_the_whole_file_is_written_again(way: str, at: int, codebook: Codebook, rows: Rows) -> None:
    content = write.limesurvey_csv(rows, codebook, **SETTINGS[at])  # type: ignore[arg-type]
    before = as_read(content, codebook)
    found = read(WAYS[way](content), codebook)
    if way in {"UTF-16", "lines of old Macs", "lines of Unix", "blank lines"}:
        assert not found.problems, str(found.problems[0].error)
    if way == "twice":
        assert found.problems
    if found.problems or way == "Latin-1 twice":
        return
    same(found, before)
