"""Reading the survey tool's export: LimeSurvey's CSV of responses, treated as untrusted.

The layout is that of LimeSurvey's own writer (LimeSurvey/LimeSurvey on GitHub,
`application/helpers/admin/export/CsvWriter.php` and `Writer.php`, headings as question codes and
answers as answer codes): UTF-8 with a byte-order mark; cells in double quotes, quotes inside
doubled; line breaks inside cells as LF, records ended by CRLF; a blank line at the end; parts as
`CON[EVA]`, the text of the option other as `ROLE[other]` with `-oth-` as its code; a box of a
checklist as `Y` or empty; then timings as `interviewtime` and `groupTimeN`. A question that was not
shown is NULL in the database and comes out as a cell without quotes, while a question left empty
comes out as `""` (pull requests 3651 and 3718 there). Python's `csv` module cannot tell the two
apart, hence the tokeniser below. An export saved again by a spreadsheet has lost the difference;
`missing.missing_kinds` then infers it from the last page and the filters.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.text_safety import CONTROL_CHARACTERS, escape_spreadsheet
from mlsec_survey.base.yaml_input import more, near
from mlsec_survey.instrument.codebook import Codebook, Column
from mlsec_survey.instrument.manifest import Manifest, load_manifest

LARGEST_FILE = 200_000_000
LONGEST_CELL = 20_000
SEPARATORS = (",", ";", "\t")

__all__ = ["RawExport", "escape_spreadsheet", "read_export"]


@dataclass(frozen=True, slots=True)
class RawExport:
    """An export as read, checked against the codebook but not interpreted.

    Attributes:
        path: the file.
        frame: one row per response in the order of the file, indexed by the line on which the
            record starts; one string column per column of the codebook. A cell that was NULL (not
            shown) is missing (NaN); a cell left empty is "", as is every empty cell unless
            `marks_null`.
        manifest: what the file is.
        marks_null: whether the file tells cells that were not shown from cells left empty.
        ignored: headings that were dropped on reading, with the reason.
    """

    path: Path
    frame: pd.DataFrame
    manifest: Manifest
    marks_null: bool
    ignored: dict[str, str]

    @property
    def is_synthetic(self) -> bool:
        """Whether outputs must carry the stand-in label."""
        return self.manifest.is_synthetic

    def __len__(self) -> int:
        """Return the number of responses."""
        return len(self.frame)

    def where(self, keep: pd.Series) -> RawExport:
        """Return the export with only the responses for which `keep` is true."""
        return replace(self, frame=self.frame[keep])


@dataclass(frozen=True, slots=True)
class _Record:
    line: int
    cells: list[str | None]


def read_export(path: Path | str, codebook: Codebook) -> RawExport:
    """Read a LimeSurvey CSV export and check every cell against the codebook.

    Args:
        path: CSV file with its manifest beside it.
        codebook: defines the columns and the codes that may occur.

    Raises:
        InputError: the file or manifest is missing, empty, too large, not UTF-8, malformed, lacks a
            column, has an unknown or doubled one, or holds a cell that the codebook does not allow.
            One error reports the first problem of a kind and counts the others.
    """
    path = Path(path)
    manifest = load_manifest(path)
    text = _decoded(path)
    _refuse_control_characters(text, path)
    header, records, marks_null = _tokenised(text, path, codebook)
    kept, ignored = _checked_header(header, path, codebook)
    _check_lengths(header, records, path)
    if not records:
        raise InputError(
            "the export has a header and no responses",
            file=path,
            row=1,
            remedy="Export again, with all responses (complete and incomplete).",
        )
    if len(records) != manifest.rows:
        raise InputError(
            f"the export has {len(records)} responses, its manifest says {manifest.rows}",
            file=path,
            remedy="Correct rows in the manifest, or restore the export.",
        )
    index = pd.Index([record.line for record in records], name="line")
    frame = pd.DataFrame(
        {
            name: pd.array([record.cells[at] for record in records], dtype="str")
            for name, at in kept.items()
        },
        index=index,
    )
    if not marks_null:
        frame = frame.fillna("")
    _check_cells(frame, path, codebook)
    for column in codebook.column_specs:
        if column.name not in frame.columns:
            frame[column.name] = pd.array([None] * len(frame), dtype="str")
    frame = frame[codebook.columns()]
    return RawExport(path, frame, manifest, marks_null, ignored)


def _decoded(path: Path) -> str:
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise InputError(
            f"the file has {size:,} bytes, more than the {LARGEST_FILE:,} allowed",
            file=path,
            remedy="Check that this is the export you meant; split it if it is.",
        )
    raw = path.read_bytes()
    if not raw.strip(b"\xef\xbb\xbf \t\r\n"):
        raise InputError(
            "the file is empty",
            file=path,
            remedy="Export the responses again; the first line must hold the question codes.",
        )
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(
            "the file is encoded as UTF-16",
            file=path,
            row=1,
            remedy="Export as CSV again, or save the file as UTF-8.",
        )
    body = raw.removeprefix(codecs.BOM_UTF8)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"not valid UTF-8 at byte {error.start + len(raw) - len(body)} "
            f"(0x{body[error.start]:02x})",
            file=path,
            row=body.count(b"\n", 0, error.start) + 1,
            remedy="Export again with the character set UTF-8. If a spreadsheet saved the file, "
            "choose 'CSV UTF-8' there (it was probably saved as Windows-1252).",
        ) from None


def _refuse_control_characters(text: str, path: Path) -> None:
    found = CONTROL_CHARACTERS.search(text)
    if found is None:
        return
    count = sum(1 for _ in CONTROL_CHARACTERS.finditer(text))
    raise InputError(
        f"control character U+{ord(found.group()):04X} in the file{more(count - 1)}",
        file=path,
        row=text.count("\n", 0, found.start()) + 1,
        remedy="Remove it; such characters come from damaged files or copied screens.",
    )


_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


def _tokenised(text: str, path: Path, codebook: Codebook) -> tuple[list[str], list[_Record], bool]:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    separator = _separator(text.split("\n", 1)[0], path, codebook)
    plain = re.compile(rf'[^"\n{re.escape(separator)}]*')
    records: list[_Record] = []
    cells: list[str | None] = []
    position, line, start_line, end = 0, 1, 1, len(text)
    quoted_empty = plain_empty = False
    while position < end:
        if text[position] == '"':
            match = _QUOTED.match(text, position)
            if match is None:
                raise InputError(
                    "a quoted cell is never closed",
                    file=path,
                    row=line,
                    column=_heading(records, len(cells)),
                    value=text[position + 1 : position + 60],
                    remedy="Close the quotation mark; a mark inside a cell is written twice. "
                    "The file may have been cut off.",
                )
            content = match.group(1).replace('""', '"')
            quoted_empty = quoted_empty or not content
            cells.append(content)
            line += content.count("\n")
        else:
            match = plain.match(text, position)
            assert match is not None  # the pattern matches the empty string
            content = match.group()
            plain_empty = plain_empty or not content
            cells.append(content or None)
        position = match.end()
        if position < end and text[position] == separator:
            position += 1
            if position == end:
                cells.append(None)
            elif text[position] != "\n":
                continue
            else:
                cells.append(None)
        if position < end and text[position] != "\n":
            raise InputError(
                "a quotation mark stands in the middle of a cell",
                file=path,
                row=line,
                column=_heading(records, len(cells) - 1),
                value=text[position : position + 40].split("\n")[0],
                remedy="Put the whole cell in quotes and write quotes inside it twice.",
            )
        if cells != [None]:
            records.append(_Record(start_line, cells))
        cells = []
        position += 1
        line += 1
        start_line = line
    if not records:
        raise InputError("the file is empty", file=path, remedy="Export the responses again.")
    header = [(cell or "").strip() for cell in records[0].cells]
    body = records[1:]
    marks_null = any(None in record.cells for record in body) and any(
        "" in record.cells for record in body
    )
    return header, body, marks_null


def _heading(records: Sequence[_Record], at: int) -> str | None:
    if not records or at >= len(records[0].cells):
        return None
    return records[0].cells[at]


def _separator(first_line: str, path: Path, codebook: Codebook) -> str:
    known = set(codebook.columns())
    best, found = ",", 0
    for candidate in SEPARATORS:
        names = {cell.strip().strip('"') for cell in first_line.split(candidate)}
        if len(names & known) > found:
            best, found = candidate, len(names & known)
    if found == 0:
        raise InputError(
            "the first line holds none of the question codes of the codebook",
            file=path,
            row=1,
            value=first_line,
            remedy="Export again with headings as question codes and answers as answer codes "
            "(LimeSurvey: Export responses, Headings: Question code, Answers: Answer codes).",
        )
    return best


def _checked_header(
    header: list[str], path: Path, codebook: Codebook
) -> tuple[dict[str, int], dict[str, str]]:
    positions: dict[str, int] = {}
    ignored: dict[str, str] = {}
    unknown: list[str] = []
    timings: list[tuple[str, int]] = []
    by_name = {column.name: column for column in codebook.column_specs}
    timing = re.compile(rf"{re.escape(codebook.timing_columns.prefix)}\d+")
    question_timings = {f"{item.code}Time" for item in codebook.items}
    seen: set[str] = set()
    for at, name in enumerate(header):
        if name in seen:
            raise InputError(
                "the column appears twice in the header",
                file=path,
                row=1,
                column=name,
                remedy="Remove one of the two, after checking which holds the answers.",
            )
        seen.add(name)
        if timing.fullmatch(name):
            timings.append((name, at))
        elif name in by_name:
            positions[name] = at
        elif name in question_timings:
            ignored[name] = "time spent on one question"
        else:
            reason = next(
                (rule.reason for rule in codebook.ignored_columns if name.startswith(rule.prefix)),
                None,
            )
            if reason is None:
                unknown.append(name)
            else:
                ignored[name] = reason
    missing = [
        column.name
        for column in codebook.column_specs
        if column.required and column.name not in positions
    ]
    if missing:
        hint = near(missing[0], unknown) if unknown else ""
        raise InputError(
            f"the column is missing from the header{more(len(missing) - 1)}",
            file=path,
            row=1,
            column=missing[0],
            remedy=(f"{hint} " if hint.startswith("Did") else "")
            + "Export all questions, or correct the codebook"
            + (f". Missing: {_listed(missing)}." if len(missing) > 1 else "."),
        )
    if unknown:
        prefixes = ", ".join(rule.prefix for rule in codebook.ignored_columns)
        raise InputError(
            f"the codebook has no such column{more(len(unknown) - 1)}",
            file=path,
            row=1,
            column=unknown[0],
            remedy=f"{near(unknown[0], by_name)} Add the item to the codebook or remove the column"
            + (f" (unknown: {_listed(unknown)})" if len(unknown) > 1 else "")
            + f"; only names that start with {prefixes} are dropped without asking.",
        )
    if timings:
        # LimeSurvey numbers groups by database id, so pages follow from the order of the columns.
        if len(timings) != codebook.pages:
            raise InputError(
                f"the export has {len(timings)} page timings, the survey {codebook.pages} pages",
                file=path,
                row=1,
                column=timings[-1][0],
                remedy="Export all page timings, or none, or correct pages in the codebook.",
            )
        for page, (_, at) in enumerate(timings, start=1):
            positions[f"{codebook.timing_columns.prefix}{page}"] = at
    return positions, ignored


def _listed(names: Sequence[str], most: int = 8) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown}, …"


def _check_lengths(header: list[str], records: Sequence[_Record], path: Path) -> None:
    wrong = [record for record in records if len(record.cells) != len(header)]
    if not wrong:
        return
    first = wrong[0]
    few = len(first.cells) < len(header)
    raise InputError(
        f"the row has {len(first.cells)} cells, the header {len(header)}{more(len(wrong) - 1)}",
        file=path,
        row=first.line,
        column=header[len(first.cells)] if few else None,
        remedy="The row is cut off; export again."
        if few
        else "A cell with a separator or a line break in it must be in quotes; export again.",
    )


@dataclass(frozen=True, slots=True)
class _Check:
    """What the cells of one column must satisfy: name of the problem, test, remedy."""

    kind: str
    problem: str
    accepts: Callable[[str], bool]
    remedy: str


def _check_cells(frame: pd.DataFrame, path: Path, codebook: Codebook) -> None:
    found: dict[str, list[tuple[int, str, str, _Check]]] = {}
    by_name = {column.name: column for column in codebook.column_specs}
    for name in frame.columns:
        cells = frame[name]
        distinct = cells.dropna().unique().tolist()
        for check in _checks(by_name[name], codebook):
            bad = [value for value in distinct if not check.accepts(value)]
            if not bad:
                continue
            rows = frame.index[cells.isin(bad)]
            found.setdefault(check.kind, []).extend(
                (int(row), name, str(cells.at[row]), check) for row in rows
            )
        empty_required = by_name[name].kind == "paradata" and name in {"id", "startlanguage"}
        if empty_required:
            rows = frame.index[cells.isna() | (cells == "")]
            check = _Check("empty", "the cell is empty", bool, "Every response has this entry.")
            found.setdefault("empty", []).extend((int(row), name, "", check) for row in rows)
    order = ["too long", "empty", "not a number", "impossible date", "unknown code"]
    for kind in order:
        problems = sorted(found.get(kind, ()), key=lambda entry: entry[0])
        if problems:
            row, name, value, check = problems[0]
            raise InputError(
                f"{check.problem}{more(len(problems) - 1)}",
                file=path,
                row=row,
                column=name,
                value=value,
                remedy=check.remedy,
            )
    for column in codebook.column_specs:
        if column.paradata is not None and column.paradata.unique:
            _refuse_repeats(frame[column.name], path, column.name)


def _refuse_repeats(cells: pd.Series, path: Path, name: str) -> None:
    repeated = cells[cells.duplicated()]
    if repeated.empty:
        return
    row, value = int(repeated.index[0]), str(repeated.iloc[0])
    first = int(cells.index[np.flatnonzero(cells.to_numpy() == value)[0]])
    raise InputError(
        f"the entry must be unique and is that of row {first} too{more(len(repeated) - 1)}",
        file=path,
        row=row,
        column=name,
        value=value,
        remedy="Two exports were probably joined, or a row was copied; keep one of the two.",
    )


def _checks(column: Column, codebook: Codebook) -> Iterable[_Check]:
    yield _Check(
        "too long",
        f"the cell has more than {LONGEST_CELL:,} characters",
        lambda value: len(value) <= LONGEST_CELL,
        "Check the response; shorten the text if it is genuine.",
    )
    if column.kind == "timing":
        yield _number_check(codebook.timing_columns.minimum, whole=False)
    elif column.kind in {"multiple", "exclusive"}:
        not_shown = codebook.missing.not_shown.code
        yield _code_check({"Y", "", not_shown}, "A box is Y when ticked and empty when not")
    elif column.kind in {"single", "array"}:
        assert column.item is not None
        yield _item_check(column, codebook)
    elif column.paradata is not None:
        entry = column.paradata
        if entry.kind in {"integer", "number"}:
            yield _number_check(entry.minimum, whole=entry.kind == "integer")
            if entry.column == "lastpage":
                pages = codebook.pages
                yield _Check(
                    "not a number",
                    f"the survey has {pages} pages",
                    lambda value: not _is_number(value) or float(value) <= pages,
                    "Correct pages in the codebook, or check the export.",
                )
        elif entry.kind == "datetime":
            yield _Check(
                "impossible date",
                "not a date and time that exists",
                _is_datetime,
                "Dates are written YYYY-MM-DD HH:MM:SS; a spreadsheet may have rewritten them.",
            )
        elif entry.kind == "category":
            yield _code_check({*entry.values, ""}, "Known: " + ", ".join(entry.values))


def _item_check(column: Column, codebook: Codebook) -> _Check:
    item = column.item
    assert item is not None
    missing = codebook.missing_codes(item)
    codes = [option.code for option in codebook.options(item)]
    chosen = [code for code, kind in missing.items() if kind in {"dont_know", "prefer_not"}]
    remedy = f"Codes of the item {item.id!r}: {', '.join([*codes, *chosen])}"
    return _code_check({*codes, *missing}, remedy)


def _code_check(codes: set[str], remedy: str) -> _Check:
    return _Check(
        "unknown code",
        "the codebook has no such response code",
        codes.__contains__,
        f"{remedy}. Correct the cell or add the option to the codebook.",
    )


def _number_check(minimum: float | None, *, whole: bool) -> _Check:
    words = "a whole number" if whole else "a number"
    if minimum is not None:
        words += f" of at least {minimum:g}"
    pattern = re.compile(r"[+-]?\d{1,15}" if whole else r"[+-]?\d{1,15}(\.\d{1,15})?")

    def accepts(value: str) -> bool:
        if value == "":
            return True
        if pattern.fullmatch(value) is None or not value.isascii():
            return False
        return minimum is None or float(value) >= minimum

    return _Check("not a number", f"not {words}", accepts, f"The cell must hold {words}.")


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


def _is_datetime(value: str) -> bool:
    if value == "":
        return True
    if re.fullmatch(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}", value, re.ASCII) is None:
        return False
    try:
        moment = datetime.strptime(value, "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return False
    # LimeSurvey writes 1980-01-01 as submission date of responses without date stamps.
    return 1980 <= moment.year <= 2100
