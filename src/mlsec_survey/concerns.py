"""Coded free text: the code book, two coders' sheets, their adjudication, and what was found.

A *unit* is one answer in own words of one respondent about one attack in one field (`why` or
`incident`). A unit can carry several codes, or none.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from .codebook import PARTS, RESPONDENT, Basis, Codebook, Identifier, Text
from .errors import InputError
from .yaml_input import Entry, Sequence, near, read_yaml, validate

if TYPE_CHECKING:
    import pandas as pd

CODERS = ("coder_a", "coder_b")
FINAL = "final"
WHY, INCIDENT = "why", "incident"
# The two codes that the count of incidents rests on; the code book has to define them.
CONFIRMED, DOUBTED = "incident_confirmed", "incident_doubted"

_SHEET = ("respondent_id", "attack", "field", "codes")
_ADJUDICATION = (*_SHEET, "reason")
_SEPARATOR = "|"

Unit = tuple[int, str, str]
Codes = frozenset[str]


class Theme(Entry):
    """A group of codes; `concern` says whether they name something that is feared."""

    id: Identifier
    label: Text
    concern: bool


class Code(Entry):
    """One code: what it stands for, and where its border to other codes runs."""

    id: Identifier
    label: Text
    field: Identifier
    theme: Identifier
    basis: Basis
    definition: Text
    include: Text
    exclude: Text
    example: Text


class CodeBook(Entry):
    """The codes for free text; build it with `load_code_book`."""

    version: Literal[1]
    note: Text
    themes: Annotated[Sequence[Theme], Field(min_length=1)]
    codes: Annotated[Sequence[Code], Field(min_length=1)]

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The coded fields, in the order of the code book."""
        return tuple(dict.fromkeys(code.field for code in self.codes))

    def of_field(self, field: str) -> tuple[Code, ...]:
        """Return the codes of one field, in order."""
        return tuple(code for code in self.codes if code.field == field)

    def labels(self, field: str | None = None) -> dict[str, str]:
        """Return the label of each code, of one field or of all, in order."""
        return {c.id: c.label for c in self.codes if field is None or c.field == field}

    @cached_property
    def concerns(self) -> tuple[str, ...]:
        """The codes of the reasons given that name a concern, unlike reasons against one."""
        feared = {theme.id for theme in self.themes if theme.concern}
        return tuple(c.id for c in self.codes if c.field == WHY and c.theme in feared)

    def table(self) -> pd.DataFrame:
        """Return the code book for display, one row per code.

        Columns: code (label), theme (label), definition, include, exclude, example, basis.
        """
        import pandas as pd

        themes = {theme.id: theme.label for theme in self.themes}
        rows = [
            {
                "code": code.label,
                "theme": themes[code.theme],
                "definition": code.definition,
                "include": code.include,
                "exclude": self._named(code.exclude),
                "example": code.example,
                "basis": code.basis,
            }
            for code in self.codes
        ]
        return pd.DataFrame(rows)

    def _named(self, rule: str) -> str:
        """Return a rule with the labels of the codes that it points to instead of their ids."""
        for code in sorted(self.codes, key=lambda c: -len(c.id)):
            for end in (")", ","):
                rule = rule.replace(f"({code.id}{end}", f"({code.label}{end}")
                rule = rule.replace(f", {code.id}{end}", f", {code.label}{end}")
        return rule


@dataclass(frozen=True)
class Coding:
    """What two coders gave each unit, and what stands after adjudication.

    Attributes:
        code_book: the codes.
        units: one row per unit in the order of respondents, attacks and fields, with columns
            respondent_id, attack, field, coder_a, coder_b, final (frozensets of code ids),
            adjudicated (whether the coders differed) and reason (of the decision, else empty).
        labels: label of each attack.
    """

    code_book: CodeBook
    units: pd.DataFrame
    labels: Mapping[str, str]

    def of_field(self, field: str) -> pd.DataFrame:
        """Return the units of one field."""
        return self.units[self.units["field"] == field].reset_index(drop=True)

    def indicators(self, field: str, source: str = FINAL) -> pd.DataFrame:
        """Return units × codes of one field: whether `source` (a coder, or final) gave the code."""
        import pandas as pd

        given = self.of_field(field)[source]
        return pd.DataFrame(
            {
                code.id: [code.id in codes for codes in given]
                for code in self.code_book.of_field(field)
            },
            index=given.index,
            dtype=bool,
        )


def load_code_book(path: Path | str, codebook: Codebook) -> CodeBook:
    """Read the code book for free text.

    Args:
        path: YAML file in the layout of `data/concern_codes.yml`.
        codebook: defines the fields that can be coded: items of free text about each attack.

    Raises:
        InputError: names the entry that does not fit.
    """
    document = read_yaml(path)
    book = validate(document, CodeBook)
    fields = [
        item.id for item in codebook.items if item.type == "text" and item.subquestions is not None
    ]
    themes = {theme.id for theme in book.themes}
    for name in ("id", "label"):
        for part, entries in (("themes", book.themes), ("codes", book.codes)):
            seen: set[str] = set()
            for position, entry in enumerate(entries):
                value = getattr(entry, name)
                if value in seen:
                    raise document.error(
                        (part, position, name),
                        "this occurs twice",
                        value=value,
                        remedy=f"Give one of the two another {name}.",
                    )
                seen.add(value)
    for position, code in enumerate(book.codes):
        for key, value, known in (("field", code.field, fields), ("theme", code.theme, themes)):
            if value not in known:
                raise document.error(
                    ("codes", position, key), "unknown name", value=value, remedy=near(value, known)
                )
    incident = set(book.labels(INCIDENT))
    for code_id in (CONFIRMED, DOUBTED):
        if code_id not in incident:
            raise document.error(
                ("codes",),
                f"there is no code {code_id!r} of the field {INCIDENT!r}",
                remedy="Add it: the count of incidents rests on it.",
            )
    return book


def load_coding(
    folder: Path | str, code_book: CodeBook, responses: pd.DataFrame, codebook: Codebook
) -> Coding:
    """Read two coders' sheets and the adjudication, and check that they cover the answers.

    Args:
        folder: holds `coder_a.csv`, `coder_b.csv` (columns respondent_id, attack, field, codes) and
            `adjudication.csv` (the same and reason); codes are separated by `|`.
        code_book: the codes allowed.
        responses: analysed responses as notebook 01 writes them; the coded answers are theirs.
        codebook: defines attacks and variables.

    Raises:
        InputError: a file is missing or not UTF-8; a row has an unknown respondent, attack, field
            or code, repeats a code or a unit, or codes an answer that nobody gave; an answer has no
            row; coders differ and there is no decision; there is a decision where they agree.
    """
    import pandas as pd

    folder = Path(folder)
    answers = _answers(code_book, responses, codebook)
    respondents = {int(number) for number in responses[RESPONDENT]}
    sheets: dict[str, dict[Unit, Codes]] = {}
    for coder in CODERS:
        path = folder / f"{coder}.csv"
        rows = _read_rows(path, _SHEET, code_book, respondents, codebook)
        sheets[coder] = {unit: codes for unit, (codes, _, _) in rows.items()}
        _check_cover(path, rows, answers)
    first, second = (sheets[coder] for coder in CODERS)
    path = folder / "adjudication.csv"
    decided = _read_rows(path, _ADJUDICATION, code_book, respondents, codebook)
    differ = [unit for unit in answers if first[unit] != second[unit]]
    _check_decisions(path, decided, differ)
    final = {unit: decided[unit][0] if unit in decided else first[unit] for unit in answers}
    units = pd.DataFrame(
        {
            RESPONDENT: [unit[0] for unit in answers],
            "attack": [unit[1] for unit in answers],
            "field": [unit[2] for unit in answers],
            **{coder: [sheets[coder][unit] for unit in answers] for coder in CODERS},
            FINAL: [final[unit] for unit in answers],
            "adjudicated": [unit in decided for unit in answers],
            "reason": [decided[unit][1] if unit in decided else "" for unit in answers],
        }
    )
    return Coding(code_book, units, codebook.attacks)


def _answers(code_book: CodeBook, responses: pd.DataFrame, codebook: Codebook) -> list[Unit]:
    """Return the units that the respondents' answers make, by respondent, attack and field."""
    columns = {
        (attack, field): responses[f"{field}{PARTS}{attack}"]
        for attack in codebook.attacks
        for field in code_book.fields
    }
    given = {
        key: (column.notna() & (column.astype("str").str.strip() != "")).to_numpy()
        for key, column in columns.items()
    }
    return [
        (int(number), attack, field)
        for position, number in enumerate(responses[RESPONDENT])
        for (attack, field), present in given.items()
        if present[position]
    ]


def _read_rows(
    path: Path,
    columns: tuple[str, ...],
    code_book: CodeBook,
    respondents: set[int],
    codebook: Codebook,
) -> dict[Unit, tuple[Codes, str, int]]:
    """Return codes, reason and row number by unit."""
    rows: dict[Unit, tuple[Codes, str, int]] = {}
    for row, cells in _csv_rows(path, columns):
        number = _respondent(path, row, cells["respondent_id"], respondents)
        for column, known in (("attack", codebook.attacks), ("field", code_book.fields)):
            if cells[column] not in known:
                raise InputError(
                    f"unknown {column}",
                    file=path,
                    row=row,
                    column=column,
                    value=cells[column],
                    remedy=near(cells[column], known),
                )
        unit = (number, cells["attack"], cells["field"])
        if unit in rows:
            raise InputError(
                f"this answer is coded twice (first in row {rows[unit][2]})",
                file=path,
                row=row,
                column="respondent_id",
                value=_shown(unit),
                remedy="Keep one of the two rows.",
            )
        codes = _codes(path, row, cells["codes"], code_book.labels(cells["field"]))
        reason = cells.get("reason", "").strip()
        if "reason" in columns and not reason:
            raise InputError(
                "the decision has no reason",
                file=path,
                row=row,
                column="reason",
                value=_shown(unit),
                remedy="Say in a sentence why these codes stand.",
            )
        rows[unit] = (codes, reason, row)
    return rows


def _csv_rows(path: Path, columns: tuple[str, ...]) -> Iterable[tuple[int, dict[str, str]]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(
            "there is no such file",
            file=path,
            remedy="Put the coders' sheets and the adjudication there; data/coding/README.md "
            "describes them.",
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"not UTF-8 at byte {error.start}", file=path, remedy="Save the file as UTF-8."
        ) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if tuple(header) != columns:
            raise InputError(
                "the columns are not those of this sheet",
                file=path,
                row=1,
                value=",".join(header),
                remedy=f"Use the heading {','.join(columns)}.",
            )
        for cells in reader:
            if len(cells) != len(columns):
                raise InputError(
                    f"{len(cells)} cells instead of {len(columns)}",
                    file=path,
                    row=reader.line_num,
                    remedy="Put text with commas between double quotes.",
                )
            yield reader.line_num, dict(zip(columns, cells, strict=True))
    except csv.Error as error:
        raise InputError(
            f"not valid CSV: {error}",
            file=path,
            row=reader.line_num,
            remedy="Check the quotes around that line.",
        ) from None


def _respondent(path: Path, row: int, cell: str, respondents: set[int]) -> int:
    if cell.isascii() and cell.isdigit() and len(cell) < 19 and int(cell) in respondents:
        return int(cell)
    raise InputError(
        "no analysed respondent has this number",
        file=path,
        row=row,
        column="respondent_id",
        value=cell,
        remedy="Use response numbers of the export at hand. Sheets made for another export do not "
        "fit; the parameter `coding` names another folder.",
    )


def _codes(path: Path, row: int, cell: str, known: Mapping[str, str]) -> Codes:
    if not cell.strip():
        return frozenset()
    given = [code.strip() for code in cell.split(_SEPARATOR)]
    for code in given:
        if code not in known:
            raise InputError(
                "the field has no such code",
                file=path,
                row=row,
                column="codes",
                value=code,
                remedy=near(code, known),
            )
    if len(set(given)) < len(given):
        raise InputError(
            "a code is given twice",
            file=path,
            row=row,
            column="codes",
            value=cell,
            remedy="Name each code once.",
        )
    return frozenset(given)


def _check_cover(
    path: Path, rows: Mapping[Unit, tuple[Codes, str, int]], answers: list[Unit]
) -> None:
    expected = set(answers)
    for unit, (_, _, row) in rows.items():
        if unit not in expected:
            raise InputError(
                "there is no such answer in the export",
                file=path,
                row=row,
                column="respondent_id",
                value=_shown(unit),
                remedy="Remove the row, or check attack and field.",
            )
    missing = [unit for unit in answers if unit not in rows]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(answers)} answers have no row, this first",
            file=path,
            column="respondent_id",
            value=_shown(missing[0]),
            remedy="Add a row for each answer in own words; leave `codes` empty where none applies.",
        )


def _check_decisions(
    path: Path, decided: Mapping[Unit, tuple[Codes, str, int]], differ: list[Unit]
) -> None:
    expected = set(differ)
    for unit, (_, _, row) in decided.items():
        if unit not in expected:
            raise InputError(
                "the coders do not differ here",
                file=path,
                row=row,
                column="respondent_id",
                value=_shown(unit),
                remedy="Remove the row: where coders agree, their codes stand.",
            )
    missing = [unit for unit in differ if unit not in decided]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(differ)} differences have no decision, this first",
            file=path,
            column="respondent_id",
            value=_shown(missing[0]),
            remedy="Add a row with the final codes and the reason.",
        )


def _shown(unit: Unit) -> str:
    return " ".join(map(str, unit))


def confirmed_incidents(
    coding: Coding, responses: pd.DataFrame, codebook: Codebook
) -> pd.DataFrame:
    """Count per attack the incidents that are reported, described, and confirmed by the coding.

    Args:
        coding: adjudicated coding of the incident descriptions.
        responses: the analysed responses.
        codebook: says which answers open the field for a description.

    Returns:
        One row per attack in the order of the questionnaire with columns attack, label, reported
        (respondents whose answer opens the field: it happened or was suspected), described (of
        these, with a description), confirmed (description fits the attack, on a model in use) and
        doubted (of the confirmed, intent doubted by the respondent). Respondents who report an
        attack and describe nothing can be neither confirmed nor ruled out.
    """
    import pandas as pd

    units = coding.of_field(INCIDENT)
    codes = coding.indicators(INCIDENT)
    shown = codebook.item(INCIDENT).shown_if
    rows = []
    for attack, label in codebook.attacks.items():
        here = codes[(units["attack"] == attack).to_numpy()]
        reported = len(here)
        if shown is not None:
            answers = responses[f"{shown.item}{PARTS}{attack}"].astype(object)
            reported = int(answers.isin(shown.values).sum())
        rows.append(
            {
                "attack": attack,
                "label": label,
                "reported": reported,
                "described": len(here),
                "confirmed": int(here[CONFIRMED].sum()),
                "doubted": int((here[CONFIRMED] & here[DOUBTED]).sum()),
            }
        )
    return pd.DataFrame(rows)
