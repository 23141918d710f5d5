"""LimeSurvey's survey archive (.lsa): a zip of XML with structure, responses and timings.

It is the best of LimeSurvey's exports: what was not shown is NULL and stays so, timings are in it,
and so is the questionnaire, which is compared with the codebook. The part that lists those invited
(`_tokens.lst`) is never opened. Archives are untrusted: entities and document types are refused
(defusedxml), and what unpacks to more than an export can have is not unpacked.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
import pandas as pd
from defusedxml.common import DefusedXmlException

from mlsec_survey.base.errors import InputError
from mlsec_survey.instrument.manifest import Reading
from mlsec_survey.responses.readers.limesurvey import VOCABULARY
from mlsec_survey.responses.readers.registry import Recognition, register
from mlsec_survey.responses.readers.structure import Question, Structure
from mlsec_survey.responses.readers.table import Table, categories

LARGEST_PART = 4_000_000_000
# Text packs ten to thirty times; what packs better than this was made to fill a disk.
LARGEST_RATIO = 400
_STEPS = {"G": "groups", "S": "questions", "A": "one_page"}
_AGAIN = "Export the archive again from LimeSurvey (Export > Survey archive), and use it as it is."


class LimeSurveyArchive:
    """A survey archive of an active survey."""

    format = "limesurvey-archive"
    title = "LimeSurvey survey archive"
    better = "Nothing: no other export of LimeSurvey tells as much."
    vocabulary = VOCABULARY

    def recognise(self, data: bytes) -> Recognition:
        """See `Reader`."""
        if not data.startswith(b"PK"):
            return Recognition(0.0, "no zip archive")
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                names = archive.namelist()
        except (zipfile.BadZipFile, OSError, ValueError):
            return Recognition(0.0, "a damaged zip archive")
        if any(name.endswith((".lss", ".lsr")) for name in names):
            return Recognition(1.0, "a zip archive of LimeSurvey's XML")
        return Recognition(0.0, "a zip archive without LimeSurvey's XML")

    def read(self, data: bytes, path: Path, reading: Reading) -> Table:
        """See `Reader`."""
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                return _read(archive, path)
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
            raise InputError(
                f"the archive is damaged ({type(error).__name__})", file=path, remedy=_AGAIN
            ) from None
        except (ParseError, DefusedXmlException, UnicodeDecodeError) as error:
            raise InputError(
                f"the XML in the archive is malformed or not allowed ({error})",
                file=path,
                remedy=_AGAIN + " If it stays so, export the responses as CSV.",
            ) from None


def _read(archive: zipfile.ZipFile, path: Path) -> Table:
    parts = {
        ending: _part(archive, ending, path, required)
        for ending, required in ((".lss", True), (".lsr", True), (".lsi", False))
    }
    with archive.open(parts[".lss"]) as stream:  # type: ignore[arg-type]
        structure = read_structure(stream)
    fields, rows = _rows(archive, parts[".lsr"])  # type: ignore[arg-type]
    names = {**structure.fields()}
    headings = [names.get(field, field) for field in fields]
    columns: list[list[str | None]] = [[] for _ in fields]
    place = {field: at for at, field in enumerate(fields)}
    numbers: list[str | None] = []
    for row in rows:
        for cells in columns:
            cells.append(None)
        for field, text in row.items():
            columns[place[field]][-1] = text
        numbers.append(row.get("id"))
    if parts[".lsi"] is not None:
        _add_timings(archive, parts[".lsi"], structure, numbers, headings, columns)
    index = pd.RangeIndex(1, len(numbers) + 1, name="response")
    frame = pd.DataFrame({at: categories(cells) for at, cells in enumerate(columns)}, index=index)
    return Table(
        tuple(headings),
        frame,
        "always",
        types={
            question.code: why
            for question in structure.questions
            if (why := question.no_answer) is not None
        },
        settings=("what was not shown is NULL",),
        steps=_STEPS.get(structure.settings.get("format", "")),
        structure=structure,
    )


def _part(
    archive: zipfile.ZipFile, ending: str, path: Path, required: bool
) -> zipfile.ZipInfo | None:
    found = [entry for entry in archive.infolist() if entry.filename.endswith(ending)]
    if not found and not required:
        return None
    if not found:
        holds = (
            "responses; the survey was probably never active" if ending == ".lsr" else "structure"
        )
        raise InputError(
            f"the archive holds no {holds}",
            file=path,
            remedy="Export the archive of the survey that was answered. " + _AGAIN,
        )
    if len(found) > 1:
        raise InputError(
            f"the archive holds {len(found)} parts ending in {ending}", file=path, remedy=_AGAIN
        )
    refuse_bombs(found, path)
    return found[0]


def refuse_bombs(parts: Iterable[zipfile.ZipInfo], path: Path) -> None:
    """Refuse parts of an archive that unpack to more than an export can have.

    Raises:
        InputError: a part is too large, or packed more tightly than text can be.
    """
    for part in parts:
        tight = part.file_size > LARGEST_RATIO * max(1, part.compress_size)
        if part.file_size > LARGEST_PART or (tight and part.file_size > 10_000_000):
            raise InputError(
                f"{part.filename!r} in the archive unpacks to {part.file_size:,} bytes, which no "
                "export needs",
                file=path,
                remedy="Do not unpack it; find out where the file comes from.",
            )


def _elements(stream: IO[bytes]) -> Iterator[tuple[str, Element]]:
    yield from defusedxml.ElementTree.iterparse(
        stream, events=("start", "end"), forbid_dtd=True, forbid_entities=True
    )


def _rows(
    archive: zipfile.ZipFile, part: zipfile.ZipInfo
) -> tuple[list[str], Iterator[dict[str, str]]]:
    """Return the names of the fields and, one by one, the rows; a field that is NULL is absent."""
    with archive.open(part) as stream:
        fields = [
            element.text or ""
            for event, element in _elements(stream)
            if event == "end" and element.tag == "fieldname"
        ]

    def rows() -> Iterator[dict[str, str]]:
        with archive.open(part) as stream:
            for event, element in _elements(stream):
                if event == "end" and element.tag == "row":
                    # An XML name cannot begin with a digit, so LimeSurvey puts a line before it.
                    yield {child.tag.removeprefix("_"): child.text or "" for child in element}
                    element.clear()

    return fields, rows()


def read_structure(stream: IO[bytes]) -> Structure:
    """Return the questionnaire of a structure (.lss), which an archive holds too."""
    tables: dict[str, list[dict[str, str]]] = {}
    where: list[str] = []
    for event, element in _elements(stream):
        if event == "start":
            where.append(element.tag)
            continue
        where.pop()
        if element.tag == "row" and len(where) == 3:
            row = {child.tag: child.text or "" for child in element}
            tables.setdefault(where[1], []).append(row)
            element.clear()
    settings = next(iter(tables.get("surveys", [])), {})
    order = {
        group["gid"]: number
        for number, group in enumerate(
            sorted(tables.get("groups", []), key=lambda row: int(row.get("group_order") or 0)),
            start=1,
        )
    }
    filters = {group["gid"]: group.get("grelevance", "") for group in tables.get("groups", [])}
    parts: dict[str, list[tuple[str, str]]] = {}
    for row in sorted(
        tables.get("subquestions", []), key=lambda row: int(row.get("question_order") or 0)
    ):
        parts.setdefault(row["parent_qid"], []).append((row["title"], row["qid"]))
    options: dict[str, list[str]] = {}
    for row in sorted(tables.get("answers", []), key=lambda row: int(row.get("sortorder") or 0)):
        options.setdefault(row["qid"], []).append(row["code"])
    exclusive: dict[str, str] = {
        row["qid"]: row.get("value", "")
        for row in tables.get("question_attributes", [])
        if row.get("attribute") == "exclude_all_others"
    }
    questions = [
        Question(
            code=row["title"],
            type=row.get("type", ""),
            qid=row["qid"],
            field=f"{row.get('sid', '')}X{row.get('gid', '')}X{row['qid']}",
            page=order.get(row.get("gid", ""), 0),
            other=row.get("other") == "Y",
            relevance=row.get("relevance", "1"),
            page_relevance=filters.get(row.get("gid", ""), "1"),
            parts=tuple(parts.get(row["qid"], ())),
            options=tuple(dict.fromkeys(options.get(row["qid"], ()))),
            exclusive=frozenset(exclusive.get(row["qid"], "").split(";")) - {""},
        )
        for row in tables.get("questions", [])
        if row.get("parent_qid", "0") in {"", "0"}
    ]
    return Structure(settings, tuple(questions))


def _add_timings(
    archive: zipfile.ZipFile,
    part: zipfile.ZipInfo | None,
    structure: Structure,
    numbers: list[str | None],
    headings: list[str],
    columns: list[list[str | None]],
) -> None:
    assert part is not None
    fields, rows = _rows(archive, part)
    names = structure.timing_fields()
    wanted = {field: names[field] for field in fields if field in names}
    found: dict[str | None, Mapping[str, str]] = {row.get("id"): row for row in rows}
    for field, heading in wanted.items():
        headings.append(heading)
        columns.append([found.get(number, {}).get(field) for number in numbers])


register(LimeSurveyArchive())
