"""All that is to be said of an export before it is analysed, in one report.

It is made without a manifest, from two test answers as well as from a whole survey, and holds no
answer: numbers and names of columns, and of what does not fit the values concerned.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.base.formatting import counted
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.manifest import Manifest, Reading
from mlsec_survey.instrument.questionnaire.wording import Wording
from mlsec_survey.responses.cells import as_numbers, is_filled
from mlsec_survey.responses.contradictions import contradictions, described
from mlsec_survey.responses.exclusions import apply_exclusions
from mlsec_survey.responses.missing import missing_kinds
from mlsec_survey.responses.readers.checks import NO_DATE
from mlsec_survey.responses.readers.export import RawExport
from mlsec_survey.responses.readers.reading import Examination, as_export, examine

_TEMPLATES = Path(__file__).parent / "templates"
# What in an answer can lead to a person; only counted, never shown.
_TRACES = {
    "a mail address": re.compile(r"[\w.+-]+@[\w-]+\.\w"),
    "a web address": re.compile(r"https?://|www\.", re.IGNORECASE),
    "a telephone number": re.compile(r"\+?\d[\d ()/.-]{7,}\d"),
}


@dataclass(frozen=True)
class Section:
    """One part of the report: a heading and rows of what and how it is."""

    heading: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ProblemRow:
    """One thing that would stop a run."""

    where: str
    problem: str
    count: int
    remedy: str


@dataclass(frozen=True)
class ExportReport:
    """What is to be said of an export.

    Attributes:
        name: of the file.
        sha256: of its bytes.
        records: responses in it.
        format: of the reader that knows it.
        problems: what would stop a run, all of it.
        sections: what else there is to know.
    """

    name: str
    sha256: str
    records: int
    format: str
    problems: tuple[ProblemRow, ...]
    sections: tuple[Section, ...]

    def as_text(self) -> str:
        """Return the report as plain text."""
        count = len(self.problems)
        lines = [f"{self.name}: {self.verdict}"]
        for number, problem in enumerate(self.problems, start=1):
            times = f" ({problem.count} times)" if problem.count > 1 else ""
            lines += [
                f"{number:>3} of {count}  {problem.where}{problem.problem}{times}",
                f"            What to do: {problem.remedy}",
            ]
        for section in self.sections:
            lines += ["", section.heading]
            lines += [f"  {what}: {said}" for what, said in section.rows]
        return "\n".join(lines) + "\n"

    def as_json(self) -> str:
        """Return the report as JSON."""
        content = {
            "file": self.name,
            "sha256": self.sha256,
            "responses": self.records,
            "format": self.format,
            "fits": not self.problems,
            "problems": [vars(problem) for problem in self.problems],
            **{
                section.heading: [{"what": what, "said": said} for what, said in section.rows]
                for section in self.sections
            },
        }
        return json.dumps(content, ensure_ascii=False, indent=1) + "\n"

    def as_html(self) -> str:
        """Return the report as one page without a network; every text is escaped."""
        environment = Environment(
            loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined
        )
        return environment.get_template("export_report.html.j2").render(report=self) + "\n"

    @property
    def verdict(self) -> str:
        """Whether the export fits, in one sentence."""
        if not self.problems:
            return f"fits the codebook; {counted(self.records, 'response')}."
        count = len(self.problems)
        return f"{'one thing stops' if count == 1 else f'{count} things stop'} a run."


def report_on(
    path: Path,
    data: bytes,
    codebook: Codebook,
    wordings: Sequence[Wording] = (),
    manifest: Manifest | None = None,
) -> ExportReport:
    """Examine an export and say all that there is to say.

    Args:
        path: of the file.
        data: its bytes.
        codebook: what was asked.
        wordings: of the questionnaire, where they are at hand.
        manifest: if there is one; what it says of the file is taken into account.
    """
    reading = Reading() if manifest is None else manifest.reading
    format = None if manifest is None else manifest.format
    found = examine(data, path, codebook, reading, format, wordings)
    problems = [
        ProblemRow(
            _where(problem.error.row, problem.error.column, problem.error.value),
            problem.error.problem,
            problem.count,
            problem.error.remedy or "",
        )
        for problem in found.problems
    ]
    raw = as_export(found, manifest or Manifest(version=1, synthetic=False, title=path.name))
    sections = [_columns(found, codebook)] if found.matched else []
    if found.records and len(found.frame.columns):
        sections = [
            _section("What it is", described(raw).itertuples(index=False)),
            *sections,
        ]
        if not found.problems:
            sections += [
                Section("Who would be analysed", tuple(_flow(raw, codebook))),
                Section("Missing answers", tuple(_missing(raw, codebook))),
                Section("Times", tuple(_times(raw, codebook))),
                Section("Contradictions", tuple(_contradictions(raw, codebook))),
                Section("Answers in own words", tuple(_texts(raw, codebook))),
            ]
        sections.append(Section("What can point to a person", tuple(_identifiers(raw, codebook))))
    if found.better:
        sections.append(Section("A better file", (("What to click", found.better),)))
    return ExportReport(
        path.name,
        hashlib.sha256(data).hexdigest(),
        found.records,
        found.format,
        tuple(problems),
        tuple(sections),
    )


def proposed_manifest(report: ExportReport, title: str, reading: Reading) -> Manifest:
    """Return the manifest of an export, with its true number of responses and hash."""
    return Manifest(
        version=1,
        synthetic=False,
        title=title,
        format=report.format,  # type: ignore[arg-type]
        rows=report.records,
        sha256=report.sha256,
        reading=reading,
    )


def _where(row: int | None, column: str | None, value: object) -> str:
    said = [
        text
        for text, known in (
            (f"row {row}", row is not None),
            (f"column {column!r}", column is not None),
            (f"value {str(value)[:60]!r}", value is not None),
        )
        if known
    ]
    return ", ".join(said) + ": " if said else ""


def _section(heading: str, rows: object) -> Section:
    return Section(heading, tuple((str(a), str(b)) for a, b in rows))  # type: ignore[attr-defined]


def _columns(found: Examination, codebook: Codebook) -> Section:
    known = codebook.columns()
    absent = [name for name in known if name not in found.matched]
    items = {column.name for column in codebook.column_specs if column.item is not None}
    lacking = [name for name in absent if name in items]
    other = [name for name in absent if name not in items]
    rows = [("Of the codebook", f"{len(found.matched)} of {len(known)} columns are in the file")]
    if lacking:
        rows.append(("Items that are missing", ", ".join(lacking)))
    if other:
        rows.append(("Not in the file, and not needed", ", ".join(other)))
    return Section("Columns", tuple(rows))


def _flow(raw: RawExport, codebook: Codebook) -> Iterator[tuple[str, str]]:
    try:
        kept, flow = apply_exclusions(raw, codebook)
    except AnalysisError as error:
        yield "Nobody", str(error)
        return
    yield "Responses in the file", str(len(raw))
    for step in flow.to_dict("records"):
        yield step["label"], f"{step['excluded']} left out. {step['limit']}".removesuffix(". ")
    yield "Analysed", str(len(kept))


def _missing(raw: RawExport, codebook: Codebook) -> Iterator[tuple[str, str]]:
    yield (
        "Not shown and left empty",
        "told apart by the file"
        if raw.marks_null
        else "not told apart by the file; inferred from how far each respondent came and filters",
    )
    kinds = missing_kinds(raw, codebook).drop(columns="respondent_id")
    labels = {name: kind.label for name, kind in codebook.missing.items()}
    counts = kinds.apply(lambda cells: cells.astype("str").value_counts()).sum(axis=1)
    for name, label in labels.items():
        yield label, f"{int(counts.get(name, 0))} of {kinds.size} cells"


def _times(raw: RawExport, codebook: Codebook) -> Iterator[tuple[str, str]]:
    for entry in codebook.paradata:
        cells = raw.frame[entry.column]
        if entry.kind == "datetime":
            given = cells[is_filled(cells) & (cells != NO_DATE).to_numpy()]
            said = f"{given.min()} to {given.max()}" if len(given) else "not in the file"
            yield entry.label, f"{said} ({len(given)} of {len(raw)})"
        elif entry.variable == "duration_seconds":
            seconds = as_numbers(cells, "float64").dropna()
            told = f"{len(seconds)} of {len(raw)}"
            middle = f"median {seconds.median():.0f}, " if len(seconds) else ""
            yield entry.label, f"{middle}known of {told}"


def _contradictions(raw: RawExport, codebook: Codebook) -> Iterator[tuple[str, str]]:
    for row in contradictions(raw, codebook).to_dict("records"):
        first = f", the first in row {row['first_row']}" if row["responses"] else ""
        yield (
            row["contradiction"],
            f"{counted(row['responses'], 'response')}{first} ({row['treated']})",
        )


def _texts(raw: RawExport, codebook: Codebook) -> Iterator[tuple[str, str]]:
    for column in codebook.column_specs:
        if column.kind not in {"text", "other"}:
            continue
        cells = raw.frame[column.name]
        given = cells[is_filled(cells)]
        if not len(given):
            continue
        traces = [
            f"{int(given.str.contains(pattern).sum())} with {what}"
            for what, pattern in _TRACES.items()
            if given.str.contains(pattern).any()
        ]
        longest = int(np.max(given.str.len()))
        yield (
            column.name,
            ", ".join(
                [f"{counted(len(given), 'answer')}, the longest of {longest} characters", *traces]
            ),
        )


def _identifiers(raw: RawExport, codebook: Codebook) -> Iterator[tuple[str, str]]:
    personal = [name for name, why in raw.ignored.items() if "personal" in why]
    yield "Never read", ", ".join(personal) or "nothing of the kind is in the file"
    kept = [e.column for e in codebook.paradata if e.identifying]
    kept = [name for name in kept if is_filled(raw.frame[name]).any()]
    yield "Read, and in no file that is passed on", ", ".join(kept) or "none"
    items = [item.code for item in codebook.items if item.identifying]
    yield "Can point to a person together", ", ".join(items) or "none"
