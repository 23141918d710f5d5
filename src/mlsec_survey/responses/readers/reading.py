"""From the bytes of a file to an export in the codebook's columns, or to all that is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.formatting import counted
from mlsec_survey.base.text_safety import CONTROL_CHARACTERS
from mlsec_survey.base.yaml_input import near
from mlsec_survey.instrument.codebook import Codebook, Column
from mlsec_survey.instrument.manifest import Manifest, Reading, load_manifest
from mlsec_survey.instrument.questionnaire.wording import Wording
from mlsec_survey.responses.readers.answers import (
    Boxes,
    Dictionary,
    ambiguous_numbers,
    answer_style,
    boxes_of,
    coded,
    dictionary,
    fits_item,
    ticked_by_label,
    to_codes,
)
from mlsec_survey.responses.readers.checks import (
    Problem,
    cell_problems,
    first_problem,
    repeated_numbers,
)
from mlsec_survey.responses.readers.delimited import LARGEST_FILE
from mlsec_survey.responses.readers.export import Limit, RawExport, Steps
from mlsec_survey.responses.readers.headings import Matched, match_headings, part_texts, words
from mlsec_survey.responses.readers.limits import limits_of, shown_by
from mlsec_survey.responses.readers.registry import Reader, recognise
from mlsec_survey.responses.readers.structure import differences
from mlsec_survey.responses.readers.table import Table, categories, replaced, without_null


@dataclass(frozen=True, slots=True)
class Examination:
    """All that was found out about a file; with no problem it is an export.

    Attributes:
        path: the file.
        format: of the reader that knows it; empty if none does.
        source: which tool wrote the file and with which settings, in one line.
        why: what the reader goes by.
        better: what to click for a file that tells more.
        problems: what stops a run, in the order in which a run would meet it.
        frame: the canonical columns as far as they could be made; empty if nothing could be read.
        records: number of responses.
        marks_null, steps, ignored, limits, notes: as in `RawExport`.
        matched: codebook's columns that are in the file.
    """

    path: Path
    format: str = ""
    source: str = ""
    why: str = ""
    better: str = ""
    problems: tuple[Problem, ...] = ()
    frame: pd.DataFrame = field(default_factory=pd.DataFrame)
    records: int = 0
    marks_null: bool = False
    steps: Steps | None = None
    ignored: Mapping[str, str] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    notes: tuple[str, ...] = ()
    matched: tuple[str, ...] = ()


def read_export(
    path: Path | str, codebook: Codebook, wordings: Sequence[Wording] = ()
) -> RawExport:
    """Read a survey tool's export and check every cell against the codebook.

    Args:
        path: export with its manifest beside it.
        codebook: defines the columns and the codes that may occur.
        wordings: of the questionnaire, by which headings and answers in full texts are understood.

    Raises:
        InputError: the file or manifest is missing, is none that a reader knows, is malformed,
            lacks a column, has an unknown or doubled one, or holds a cell that the codebook does
            not allow. The first problem is raised and the others are counted.
    """
    path = Path(path)
    manifest = load_manifest(path)
    found = examine(file_bytes(path), path, codebook, manifest.reading, manifest.format, wordings)
    if found.problems:
        raise first_problem(found.problems)
    if manifest.rows not in (None, found.records):
        raise InputError(
            f"the export has {found.records} responses, its manifest says {manifest.rows}",
            file=path,
            remedy="Correct rows in the manifest, or restore the export.",
        )
    return as_export(found, manifest)


def as_export(found: Examination, manifest: Manifest) -> RawExport:
    """Return what was examined as an export; it must be without problems."""
    return RawExport(
        path=found.path,
        frame=found.frame,
        manifest=manifest,
        marks_null=found.marks_null,
        ignored=dict(found.ignored),
        source=found.source,
        steps=found.steps,
        limits=found.limits,
        notes=found.notes,
    )


def file_bytes(path: Path) -> bytes:
    """Return the bytes of a file that is not too large to be an export."""
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise InputError(
            f"the file has {size:,} bytes, more than the {LARGEST_FILE:,} allowed",
            file=path,
            remedy="Check that this is the export you meant.",
        )
    return path.read_bytes()


def examine(
    data: bytes,
    path: Path,
    codebook: Codebook,
    reading: Reading | None = None,
    format: str | None = None,
    wordings: Sequence[Wording] = (),
) -> Examination:
    """Find out what a file is and all that is wrong with it.

    Args:
        data: bytes of the file.
        path: for messages.
        codebook: what was asked.
        reading: what the manifest says of the file.
        format: what the manifest says it is.
        wordings: of the questionnaire, where they are at hand.
    """
    reading = reading or Reading()
    try:
        reader, recognition = recognise(data, path, format)
    except InputError as error:
        return Examination(path, problems=(Problem(error, "file"),))
    try:
        table = reader.read(data, path, reading)
    except InputError as error:
        return Examination(
            path,
            reader.format,
            reader.title,
            recognition.why,
            reader.better,
            problems=(Problem(error, "file"),),
        )
    return _examined(table, path, codebook, reading, reader, recognition.why, wordings)


def _examined(
    table: Table,
    path: Path,
    codebook: Codebook,
    reading: Reading,
    reader: Reader,
    why: str,
    wordings: Sequence[Wording],
) -> Examination:
    specs = {column.name: column for column in codebook.column_specs}
    dictionaries = {
        item.id: dictionary(codebook, item, wordings)
        for item in codebook.items
        if item.type in {"single", "array"}
    }

    def fits(at: int, column: Column) -> bool:
        assert column.item is not None
        return fits_item(table.cells[at], column, dictionaries.get(column.item.id))

    matched = match_headings(
        table,
        codebook,
        reader.vocabulary,
        named=reading.columns,
        ignore=reading.ignore,
        wordings=wordings,
        fits=fits,
    )
    notes = [*table.notes, *matched.notes]
    if table.structure is not None:
        notes += differences(table.structure, codebook)
    problems = _heading_problems(table, matched, path, codebook, reader)
    records = len(table.cells)
    if records == 0 and not problems:
        nobody = InputError(
            "the export has a header and no responses",
            file=path,
            row=1,
            remedy="Export again, with all responses (complete and incomplete).",
        )
        problems.append(Problem(nobody, "no responses"))
    columns = {
        name: table.cells[at].rename(name) for name, at in matched.places.items() if name in specs
    }
    labels = {name: table.labels[at] for name, at in matched.places.items() if at in table.labels}
    marks_null = _tells_null(table, columns, specs)
    if not marks_null:
        columns = {name: without_null(cells) for name, cells in columns.items()}
    if "id" not in columns:
        numbers = [str(number) for number in range(1, records + 1)]
        columns["id"] = pd.Series(categories(numbers), index=table.cells.index, name="id")
        notes.append("the file numbers no responses; they are numbered in its order")
    for name, cells in columns.items():
        if specs[name].kind in {"multiple", "exclusive"}:
            texts = {words(text) for text in part_texts(specs[name], codebook, wordings)}
            columns[name] = ticked_by_label(cells, texts)
    style, boxes = _styles(columns, specs, codebook, dictionaries, labels, reading, table)
    if style in {"numbers", "positions"} and table.numbering is None:
        doubtful = ambiguous_numbers(columns, specs, dictionaries)
        if doubtful is not None:
            error = InputError(
                "the numbers can be values of the options or their positions",
                file=path,
                column=doubtful,
                remedy="Export answers as codes or as labels.",
            )
            problems.append(Problem(error, "numbers"))
    columns = {
        name: to_codes(
            cells,
            specs[name],
            style,
            boxes,
            _known(specs[name], dictionaries),
            labels.get(name, {}),
        )
        for name, cells in columns.items()
    }
    columns = _with_decimal_points(columns, specs, notes)
    notes += _text_notes(columns, specs)
    problems += cell_problems(columns, path, codebook)
    problems += repeated_numbers(columns, path, codebook)
    frame = _as_frame(columns, codebook, table.cells.index)
    steps = shown_by(frame, codebook, reading.shown or table.steps)
    settings = [f"headings as {matched.style}", *_answer_words(style, boxes), *table.settings]
    limits = limits_of(frame, codebook, marks_null, boxes, style, set(columns))
    return Examination(
        path=path,
        format=reader.format,
        source=f"{reader.title}: {', '.join(settings)}",
        why=why,
        better=reader.better,
        problems=tuple(problems),
        frame=frame,
        records=records,
        marks_null=marks_null,
        steps=steps,
        ignored=matched.ignored,
        limits=limits,
        notes=tuple(note[0].upper() + note[1:] + "." for note in notes),
        matched=tuple(name for name in specs if name in matched.places),
    )


def _known(spec: Column, dictionaries: Mapping[str, Dictionary]) -> Dictionary | None:
    return dictionaries[spec.item.id] if coded(spec) and spec.item is not None else None


def _styles(
    columns: Mapping[str, pd.Series],
    specs: Mapping[str, Column],
    codebook: Codebook,
    dictionaries: Mapping[str, Dictionary],
    labels: Mapping[str, Mapping[str, str]],
    reading: Reading,
    table: Table,
) -> tuple[str, Boxes]:
    style = answer_style(columns, specs, dictionaries, labels, table.numbering)
    checklists = [
        [
            name
            for name in columns
            if specs[name].kind in {"multiple", "exclusive"} and specs[name].item == item
        ]
        for item in codebook.items
        if item.type == "multiple"
    ]
    boxes = boxes_of(columns, [boxes for boxes in checklists if boxes])
    if table.boxes is not None:
        boxes = Boxes(*table.boxes)
    if reading.ticked is not None or reading.unticked is not None:
        boxes = Boxes(reading.ticked or boxes.ticked, reading.unticked)
    return style, boxes


def _answer_words(style: str, boxes: Boxes) -> list[str]:
    said = {
        "codes": "answers as codes",
        "labels": "answers as full texts",
        "numbers": "answers as values of the options",
        "positions": "answers as numbers of the options in their order",
    }[style]
    if not boxes.converted:
        return [said]
    written = [
        f"{word!r} for {what}"
        for word, what in ((boxes.ticked, "ticked"), (boxes.unticked, "not ticked"))
        if word is not None
    ]
    return [said, f"boxes as {' and '.join(written)}"]


def _tells_null(
    table: Table, columns: Mapping[str, pd.Series], specs: Mapping[str, Column]
) -> bool:
    if table.null != "maybe":
        return table.null == "always"
    absent = empty = False
    for name, cells in columns.items():
        # Only cells of answers tell: times and the tool's own columns may be NULL in any file.
        if specs[name].item is None:
            continue
        codes = cells.cat.codes.to_numpy()
        absent = absent or bool((codes < 0).any())
        at = cells.cat.categories.get_indexer(pd.Index([""]))[0]
        empty = empty or (at >= 0 and bool((codes == at).any()))
        if absent and empty:
            return True
    return False


_DECIMAL_COMMA = r"[+-]?[0-9]{1,15},[0-9]{1,15}"


def _with_decimal_points(
    columns: dict[str, pd.Series], specs: Mapping[str, Column], notes: list[str]
) -> dict[str, pd.Series]:
    """Write decimal points for commas if no number of the file has a point."""
    numbers = [
        name
        for name in columns
        if specs[name].kind in {"number", "timing"}
        or (specs[name].paradata is not None and specs[name].paradata.kind == "number")  # type: ignore[union-attr]
    ]
    texts = [columns[name].cat.categories.str for name in numbers]
    commas = any(text.fullmatch(_DECIMAL_COMMA).any() for text in texts)
    if not commas or any(text.contains(".", regex=False).any() for text in texts):
        return columns
    notes.append("decimal commas were read as decimal points")
    changed = {name: replaced(columns[name], lambda v: v.replace(",", ".")) for name in numbers}
    return columns | changed


def _text_notes(columns: Mapping[str, pd.Series], specs: Mapping[str, Column]) -> list[str]:
    """Say how many answers in own words hold characters that no analysis keeps."""
    count = 0
    for name, cells in columns.items():
        if specs[name].kind in {"text", "other"}:
            found = cells.cat.categories.str.contains(CONTROL_CHARACTERS.pattern)
            count += int(np.append(found, False)[cells.cat.codes.to_numpy()].sum())
    if not count:
        return []
    return [
        f"{counted(count, 'answer')} in own words hold control characters, which "
        "the analysis file leaves out"
    ]


def _as_frame(
    columns: Mapping[str, pd.Series], codebook: Codebook, index: pd.Index
) -> pd.DataFrame:
    """Return all columns of the codebook, coded ones as categories and others as strings."""
    result: dict[str, pd.Series] = {}
    for spec in codebook.column_specs:
        cells = columns.get(spec.name)
        listed = spec.kind in {"single", "array", "multiple", "exclusive", "ranking"}
        if cells is None:
            dtype = pd.CategoricalDtype(pd.Index([], dtype="str")) if listed else "str"
            cells = pd.Series(None, index=index, dtype=dtype)
        elif not listed:
            cells = cells.astype("str")
        result[spec.name] = cells
    return pd.DataFrame(result, index=index, copy=False)


def _heading_problems(
    table: Table,
    matched: Matched,
    path: Path,
    codebook: Codebook,
    reader: Reader,
) -> list[Problem]:
    headings = table.headings
    unknown = [headings[at] for at in matched.unknown]
    wanted = [
        column.name
        for column in codebook.column_specs
        if column.required and column.name != "id" and column.name not in matched.places
    ]
    items = [column.name for column in codebook.column_specs if column.item is not None]

    def error(problem: str, column: str | None, remedy: str) -> InputError:
        return InputError(problem, file=path, row=1, column=column, remedy=remedy)

    if not any(name in matched.places for name in items):
        strange = InputError(
            "none of the headings is an item of the codebook",
            file=path,
            row=1,
            value=", ".join(headings)[:80],
            remedy=f"{reader.better} For another survey name its own codebook.",
        )
        return [Problem(strange, "headings")]
    problems = [
        Problem(
            error(
                "the column appears twice in the header"
                if headings.count(headings[at]) > 1
                else "another column stands for the same item",
                headings[at],
                f"{reader.better} Or name the heading to leave out under reading, ignore in the "
                "manifest.",
            ),
            "doubled",
        )
        for at in matched.doubled
    ]
    if wanted:
        hint = near(wanted[0], unknown) if unknown else ""
        remedy = (
            (f"{hint} " if hint.startswith("Did") else "")
            + reader.better
            + " Or name the headings under reading, columns in the manifest, or correct the "
            "codebook" + (f". Missing: {_listed(wanted)}." if len(wanted) > 1 else ".")
        )
        found = error("the column is missing from the header", wanted[0], remedy)
        problems.append(Problem(found, "missing", len(wanted)))
    if unknown:
        prefixes = ", ".join(rule.prefix for rule in codebook.ignored_columns)
        remedy = (
            f"{near(unknown[0], items)} Add the item to the codebook, or name the heading under "
            "reading, ignore in the manifest"
            + (f" (unknown: {_listed(unknown)})" if len(unknown) > 1 else "")
            + f". Left out without asking: personal data ({prefixes}, …), empty columns, files."
        )
        found = error("the codebook has no such column", unknown[0], remedy)
        problems.append(Problem(found, "unknown", len(unknown)))
    return problems


def _listed(names: list[str], most: int = 8) -> str:
    shown = ", ".join(name[:60] for name in names[:most])
    return shown if len(names) <= most else f"{shown}, …"
