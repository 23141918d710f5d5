"""Text with separators, read fast and strictly: what every tool's CSV has in common.

Apache Arrow reads the cells, since it is fast and tells a cell without anything (NULL) from one
with two quotation marks and nothing between (empty). It forgives marks in the middle of a cell and
does not say where a row is too short; so the marks are checked beforehand, and whatever Arrow
refuses is read again by the slow tokeniser below, which names row and column.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.yaml_input import more
from mlsec_survey.responses.readers.table import Table, categories

LARGEST_FILE = 4_000_000_000
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
# Enough for the header and the first record of any survey.
_FIRST_PART = 4_000_000
_BLOCK = 1 << 22
AGAIN = "Export the responses again from the survey tool, and use the file as it comes."


@dataclass(frozen=True, slots=True)
class Record:
    """One record: the line it starts on, its cells (None is NULL), where the next one begins."""

    line: int
    cells: list[str | None]
    end: int


@dataclass(frozen=True, slots=True)
class Layout:
    """How the text is written: separator, header, and where in the bytes the header ends."""

    separator: str
    header: list[str | None]
    header_end: int
    next_line: int
    settings: tuple[str, ...]


def decoded(
    data: bytes, path: Path, encoding: str | None = None
) -> tuple[bytes, int, tuple[str, ...]]:
    """Return the text as UTF-8, where it begins after byte-order marks, and what was found.

    Raises:
        InputError: the file is empty, damaged, or in an encoding that it does not declare.
    """
    found: list[str] = []
    if encoding is not None:
        try:
            data = data.decode(encoding).encode()
        except (UnicodeDecodeError, LookupError) as error:
            raise InputError(
                f"the file cannot be read as {encoding} ({error})",
                file=path,
                remedy="Correct encoding in the manifest, or leave it out.",
            ) from None
        found.append(f"encoded as {encoding}")
    elif data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            data = data.decode("utf-16").encode()
        except UnicodeDecodeError:
            raise InputError(
                "the file begins as UTF-16 and is not", file=path, row=1, remedy=AGAIN
            ) from None
        found.append("encoded as UTF-16")
    marks = 0
    while data.startswith(codecs.BOM_UTF8, marks * len(codecs.BOM_UTF8)):
        marks += 1
    if marks > 1:
        found.append(f"{marks} byte-order marks")
    start = marks * len(codecs.BOM_UTF8)
    _refuse_empty(data, start, path)
    # Arrow checks the rest of a large file.
    _refuse_other_encodings(data[:_FIRST_PART], path, whole=len(data) <= _FIRST_PART)
    nothing = data.find(b"\0")
    if nothing >= 0:
        raise InputError(
            "control character U+0000 in the file: it is damaged, or no text at all",
            file=path,
            row=_lines(data, nothing) + 1,
            remedy=AGAIN,
        )
    return data, start, tuple(found)


def _refuse_other_encodings(data: bytes, path: Path, *, whole: bool = True) -> None:
    """Raise an InputError at the first byte that is not UTF-8; what is not whole may end midway."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=whole)
    except UnicodeDecodeError as error:
        raise InputError(
            f"not valid UTF-8 at byte {error.start} (0x{data[error.start]:02x})",
            file=path,
            row=_lines(data, error.start) + 1,
            remedy="Export again with the character set UTF-8 and use the file as it comes. If "
            "only a copy that a spreadsheet saved is left, write encoding: windows-1252 (or what "
            "it is) under reading in the manifest.",
        ) from None


def _refuse_empty(data: bytes, start: int, path: Path) -> None:
    """Raise an InputError where nothing but blanks and line ends follows."""
    if re.compile(rb"[^ \t\r\n]").search(data, start) is None:
        raise InputError(
            "the file is empty",
            file=path,
            remedy="Export the responses again; the first line must hold the headings.",
        )


def _lines(data: bytes, end: int | None = None, start: int = 0) -> int:
    """Return the number of line ends between two places."""
    feeds, returns = data.count(b"\n", start, end), data.count(b"\r", start, end)
    return feeds + returns - data.count(b"\r\n", start, end)


def laid_out(data: bytes, path: Path, separator: str | None = None, start: int = 0) -> Layout:
    """Find the separator and read the header of text in UTF-8 without byte-order mark.

    Args:
        data: the text.
        path: for messages.
        separator: if known; else the one that splits the header and the first record into the same
            number of cells, and into most.

    Raises:
        InputError: there is no header, or none that can be read.
    """
    settings: list[str] = []
    line = 1
    said = _SAID.match(data, start)
    if said:
        separator = separator or said.group(1).decode("latin-1")
        start = said.end()
        line = 2
        _refuse_empty(data, start, path)
        settings.append("a line that names the separator")
    text = data[start : start + _FIRST_PART].decode("utf-8", errors="ignore")
    best: tuple[int, int, str, list[Record]] | None = None
    refused: list[InputError] = []
    for candidate in [separator] if separator else SEPARATORS:
        try:
            first = _first_two(text, candidate, path, line)
        except InputError as error:
            refused.append(error)
            continue
        if not first:
            continue
        size = len(first[0].cells)
        same = len(first) == 2 and len(first[1].cells) == size and size > 1
        rank = (int(same), size, candidate, first)
        if best is None or rank[:2] > best[:2]:
            best = rank
    if best is None:
        raise refused[0]
    _, _, chosen, first = best
    settings.insert(0, f"separated by {SEPARATORS.get(chosen, repr(chosen))}")
    header = text[: first[0].end].encode()
    next_line = line + _lines(header)
    return Layout(chosen, first[0].cells, start + len(header), next_line, tuple(settings))


_SAID = re.compile(rb'"?sep=(.)"?(?:\r\n|\n|\r)', re.IGNORECASE)


def _first_two(text: str, separator: str, path: Path, line: int) -> list[Record]:
    found: list[Record] = []
    try:
        for record in tokenised(text, separator, path, line=line):
            found.append(record)
            if len(found) == 2:
                break
    except InputError:
        # In the second record: it is reported when all of the text is read.
        if not found:
            raise
    return found


def first_records(data: bytes, count: int) -> list[list[str]]:
    """Return the cells of the first records of text with separators; none if it is no such text."""
    start = data[:_FIRST_PART]
    if len(start) < len(data):
        start = start[: start.rfind(b"\n")]
    path = Path("-")
    try:
        body, begin, _ = decoded(start, path)
        layout = laid_out(body, path, None, begin)
    except InputError:
        return []
    found = [[(cell or "").strip() for cell in layout.header]]
    text = body[layout.header_end :].decode("utf-8")
    try:
        for record in tokenised(text, layout.separator, path):
            if len(found) == count:
                break
            found.append([(cell or "").strip() for cell in record.cells])
    except InputError:
        pass
    return found


_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
_BREAK = re.compile(r"\r\n|\n|\r")


def tokenised(
    text: str, separator: str, path: Path, *, line: int = 1, headings: list[str] | None = None
) -> Iterator[Record]:
    """Split text into records, slowly and strictly.

    Args:
        text: whole records.
        separator: between cells.
        path, headings: for messages.
        line: number of the first line.

    Yields:
        Records with at least one cell; lines without anything are passed over.

    Raises:
        InputError: a quoted cell is never closed, or a quotation mark stands within a cell.
    """
    plain = re.compile(rf'[^"\r\n{re.escape(separator)}]*')
    cells: list[str | None] = []
    position, start_line, end = 0, line, len(text)

    def heading() -> str | None:
        return headings[len(cells)] if headings and len(cells) < len(headings) else None

    while position < end:
        if text[position] == '"':
            match = _QUOTED.match(text, position)
            if match is None:
                raise InputError(
                    "a quoted cell is never closed",
                    file=path,
                    row=line,
                    column=heading(),
                    value=text[position + 1 : position + 60],
                    remedy="The file was probably cut off. " + AGAIN,
                )
            content: str | None = _BREAK.sub("\n", match.group(1).replace('""', '"'))
            line += str(content).count("\n")
        else:
            match = plain.match(text, position)
            assert match is not None  # the pattern matches the empty string
            content = match.group() or None
        position = match.end()
        if position < end and text[position] not in f"{separator}\r\n":
            raise InputError(
                "a quotation mark stands in the middle of a cell",
                file=path,
                row=line,
                column=heading(),
                value=text[position : position + 40].split("\n")[0],
                remedy="The file was probably written by another program. " + AGAIN,
            )
        cells.append(content)
        if position < end and text[position] == separator:
            position += 1
            if position < end and text[position] not in "\r\n":
                continue
            cells.append(None)
        if position < end:
            gap = _BREAK.match(text, position)
            assert gap is not None
            position = gap.end()
        line += 1
        if cells != [None]:
            yield Record(start_line, cells, position)
        cells = []
        start_line = line


def read_delimited(
    data: bytes,
    path: Path,
    *,
    null: str,
    separator: str | None = None,
    encoding: str | None = None,
    skip: int = 0,
) -> Table:
    """Read text with separators into a table.

    Args:
        data: bytes of the file.
        path: for messages.
        null: what a missing cell means, as in `Table`.
        separator, encoding: if the manifest names them.
        skip: records between the header and the first response; each becomes a text in `questions`.

    Raises:
        InputError: the text is empty, wrongly encoded, cut off or malformed.
    """
    data, start, settings = decoded(data, path, encoding)
    layout = laid_out(data, path, separator, start)
    headings = [(cell or "").strip() for cell in layout.header]
    while len(headings) > 1 and not headings[-1]:
        headings.pop()
    start, line = layout.header_end, layout.next_line
    questions: dict[int, str] = {}
    if skip:
        text = data[start : start + _FIRST_PART].decode("utf-8", errors="ignore")
        end = 0
        for _, record in zip(
            range(skip), tokenised(text, layout.separator, path, line=line), strict=False
        ):
            end = record.end
            if not questions:
                questions = {at: (cell or "").strip() for at, cell in enumerate(record.cells)}
        skipped = text[:end].encode()
        start, line = start + len(skipped), line + _lines(skipped)
    cells = _read_cells(data, start, layout.separator, headings, line, path)
    if cells is None:
        _refuse_other_encodings(data, path)
        cells = _read_slowly(data[start:], layout.separator, headings, line, path)
    return Table(
        tuple(headings),
        cells,
        null,
        questions=questions,
        settings=(*settings, *layout.settings),
    )


def _read_cells(
    data: bytes, start: int, separator: str, headings: list[str], line: int, path: Path
) -> pd.DataFrame | None:
    """Read all cells with Arrow; None if the text is not what Arrow and we both understand."""
    if re.compile(rb"[^\r\n]").search(data, start) is None:
        return pd.DataFrame(
            {at: categories([]) for at in range(len(headings))},
            index=pd.Index([], dtype="int64", name="line"),
        )
    if _stray_mark(data, start, separator):
        return None
    # A separator after the last cell of each record says nothing.
    text = data[start : start + _FIRST_PART].decode("utf-8", errors="ignore")
    width = max(len(headings), len(_first_two(text, separator, path, line)[0].cells))
    names = [str(at) for at in range(width)]
    kind = pa.dictionary(pa.int32(), pa.string())
    try:
        table = pa.csv.read_csv(
            pa.BufferReader(memoryview(data)[start:]),
            read_options=pa.csv.ReadOptions(column_names=names, block_size=_BLOCK),
            parse_options=pa.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(names, kind),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    table = table.unify_dictionaries()
    count = table.num_rows
    breaks = np.zeros(count, dtype=np.int64)
    columns: dict[int, pd.Categorical] = {}
    for at, name in enumerate(names):
        column = table.column(name).combine_chunks()
        table = table.remove_column(0)
        codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        distinct = column.dictionary
        within = _breaks_in(distinct)
        if within.any():
            breaks += np.append(within, 0)[codes]
            distinct = pa.compute.replace_substring_regex(distinct, "\r\n|\r", "\n")
        if at < len(headings):
            columns[at] = _as_categorical(codes, distinct.to_pandas())
        elif distinct.to_pylist() not in ([], [""]):
            return None
    lines = line + np.arange(count) + np.concatenate([[0], np.cumsum(breaks)[:-1]])
    ends, last = int(lines[-1] + breaks[-1] - line), len(data) - _line_ends(data)
    if data.count(b"\n", start, last) != ends and _lines(data, last, start) != ends:
        # Lines without anything stand between records; only the slow way counts them.
        return None
    return pd.DataFrame(columns, index=pd.Index(lines, name="line"), copy=False)


def _breaks_in(texts: pa.Array) -> np.ndarray:
    """Return the number of line ends in each text."""
    count = pa.compute.count_substring
    found = pa.compute.subtract(
        pa.compute.add(count(texts, "\n"), count(texts, "\r")), count(texts, "\r\n")
    )
    return found.to_numpy(zero_copy_only=False)


def _line_ends(body: bytes) -> int:
    """Return how many bytes of line ends stand at the end."""
    tail = body[-4096:]
    return len(tail) - len(tail.rstrip(b"\r\n"))


def _as_categorical(codes: np.ndarray, distinct: pd.Series) -> pd.Categorical[Any]:
    if not distinct.is_unique:
        places, kept = pd.factorize(distinct)
        codes, distinct = np.append(places, -1)[codes], pd.Series(kept)
    dtype = pd.CategoricalDtype(pd.Index(distinct, dtype="str"))
    return pd.Categorical.from_codes(codes, dtype=dtype, validate=False)


def _read_slowly(
    body: bytes, separator: str, headings: list[str], line: int, path: Path
) -> pd.DataFrame:
    text = body.decode("utf-8")
    records = list(tokenised(text, separator, path, line=line, headings=headings))
    width = len(headings)
    for record in records:
        # A separator after the last cell of each record says nothing.
        while len(record.cells) > width and record.cells[-1] in (None, ""):
            record.cells.pop()
    wrong = [record for record in records if len(record.cells) != width]
    if wrong:
        few = len(wrong[0].cells) < width
        raise InputError(
            f"the row has {len(wrong[0].cells)} cells, the header {width}{more(len(wrong) - 1)}",
            file=path,
            row=wrong[0].line,
            column=headings[len(wrong[0].cells)] if few else None,
            remedy=("The row is cut off. " if few else "A separator stands outside the quotes. ")
            + AGAIN,
        )
    columns = {at: categories([record.cells[at] for record in records]) for at in range(width)}
    return pd.DataFrame(columns, index=pd.Index([r.line for r in records], name="line"))


def _stray_mark(data: bytes, begin: int, separator: str) -> bool:
    """Say whether a quotation mark stands where none can: not at an end of a cell, not doubled."""
    delimiter = np.zeros(256, dtype=bool)
    delimiter[list(f"{separator}\r\n".encode("latin-1"))] = True
    text = np.frombuffer(data, dtype=np.uint8, offset=begin)
    for start in range(0, len(text), _BLOCK):
        # Runs of marks that a border of blocks cuts are seen whole in one of them.
        end = min(len(text), start + _BLOCK)
        while end < len(text) and text[end] == 34:
            end += 1
        block = text[max(0, start - 1) : end + 1]
        marks = np.concatenate([[False], block == 34, [False]])
        edges = np.flatnonzero(marks[1:] != marks[:-1])
        first, last = edges[::2], edges[1::2]
        inner = (first > 0) & (last < len(block)) & ((last - first) % 2 == 1)
        before, after = block[first[inner] - 1], block[last[inner]]
        if np.any(~delimiter[before] & ~delimiter[after]):
            return True
    return False
