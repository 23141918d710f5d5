"""Coded free text: two coders' sheets and their adjudication, checked against the answers.

A *unit* is one answer in own words of one respondent about one attack in one field (`why` or
`incident`). A unit can carry several codes, or none.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.yaml_input import near
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.coding_scheme import CodingScheme
from mlsec_survey.instrument.entries import PARTS, RESPONDENT

if TYPE_CHECKING:
    import pandas as pd

CODERS = ("coder_a", "coder_b")
FINAL = "final"

_SHEET = ("respondent_id", "attack", "field", "codes")
_ADJUDICATION = (*_SHEET, "reason")
_SEPARATOR = "|"

Unit = tuple[int, str, str]
Codes = frozenset[str]


@dataclass(frozen=True)
class Coding:
    """What two coders gave each unit, and what stands after adjudication.

    Attributes:
        scheme: the codes.
        units: one row per unit in the order of respondents, attacks and fields, with columns
            respondent_id, attack, field, coder_a, coder_b, final (frozensets of code ids),
            adjudicated (whether the coders differed) and reason (of the decision, else empty).
        labels: label of each attack.
    """

    scheme: CodingScheme
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
                for code in self.scheme.of_field(field)
            },
            index=given.index,
            dtype=bool,
        )


def load_coding(
    folder: Path | str, scheme: CodingScheme, responses: pd.DataFrame, codebook: Codebook
) -> Coding:
    """Read two coders' sheets and the adjudication, and check that they cover the answers.

    Args:
        folder: holds `coder_a.csv`, `coder_b.csv` (columns respondent_id, attack, field, codes) and
            `adjudication.csv` (the same and reason); codes are separated by `|`.
        scheme: the codes allowed.
        responses: analysed responses as notebook 01 writes them; the coded answers are theirs.
        codebook: defines attacks and variables.

    Raises:
        InputError: a file is missing or not UTF-8; a row has an unknown respondent, attack, field
            or code, repeats a code or a unit, or codes an answer that nobody gave; an answer has no
            row; coders differ and there is no decision; there is a decision where they agree.
    """
    import pandas as pd

    folder = Path(folder)
    answers = list(answers_in_own_words(scheme, responses, codebook))
    first, second = sheets = load_sheets(folder, scheme, responses, codebook)
    respondents = {int(number) for number in responses[RESPONDENT]}
    path = folder / "adjudication.csv"
    decided = _read_rows(path, _ADJUDICATION, scheme, respondents, codebook)
    differ = [unit for unit in answers if first[unit] != second[unit]]
    _EVERY_DIFFERENCE.check(path, decided, differ)
    final = {unit: decided[unit][0] if unit in decided else first[unit] for unit in answers}
    units = pd.DataFrame(
        {
            RESPONDENT: [unit[0] for unit in answers],
            "attack": [unit[1] for unit in answers],
            "field": [unit[2] for unit in answers],
            **{
                coder: [sheet[unit] for unit in answers]
                for coder, sheet in zip(CODERS, sheets, strict=True)
            },
            FINAL: [final[unit] for unit in answers],
            "adjudicated": [unit in decided for unit in answers],
            "reason": [decided[unit][1] if unit in decided else "" for unit in answers],
        }
    )
    return Coding(scheme, units, codebook.attacks)


def load_sheets(
    folder: Path | str, scheme: CodingScheme, responses: pd.DataFrame, codebook: Codebook
) -> tuple[dict[Unit, Codes], dict[Unit, Codes]]:
    """Read the two coders' sheets alone, as before adjudication.

    Args and errors are those of `load_coding`.

    Returns:
        The codes of each unit by the first and by the second coder.
    """
    answers = list(answers_in_own_words(scheme, responses, codebook))
    respondents = {int(number) for number in responses[RESPONDENT]}
    sheets = []
    for coder in CODERS:
        path = Path(folder) / f"{coder}.csv"
        rows = _read_rows(path, _SHEET, scheme, respondents, codebook)
        _EVERY_ANSWER.check(path, rows, answers)
        sheets.append({unit: codes for unit, (codes, _, _) in rows.items()})
    return sheets[0], sheets[1]


def answers_in_own_words(
    scheme: CodingScheme, responses: pd.DataFrame, codebook: Codebook
) -> dict[Unit, str]:
    """Return the text of each answer that is to be coded, by respondent, attack and field."""
    texts = {
        (attack, field): responses[f"{field}{PARTS}{attack}"].astype(object).to_numpy()
        for attack in codebook.attacks
        for field in scheme.fields
    }
    return {
        (int(number), attack, field): text
        for position, number in enumerate(responses[RESPONDENT])
        for (attack, field), column in texts.items()
        if isinstance(text := column[position], str) and text.strip()
    }


def _read_rows(
    path: Path,
    columns: tuple[str, ...],
    scheme: CodingScheme,
    respondents: set[int],
    codebook: Codebook,
) -> dict[Unit, tuple[Codes, str, int]]:
    """Return codes, reason and row number by unit."""
    rows: dict[Unit, tuple[Codes, str, int]] = {}
    for row, cells in _csv_rows(path, columns):
        number = _respondent(path, row, cells["respondent_id"], respondents)
        for column, known in (("attack", codebook.attacks), ("field", scheme.fields)):
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
        codes = _codes(path, row, cells["codes"], scheme.labels(cells["field"]))
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


@dataclass(frozen=True)
class _Cover:
    """The answers that a sheet has to have a row for, and what to say of others."""

    stray: str
    stray_remedy: str
    lacking: str
    lacking_remedy: str

    def check(
        self, path: Path, rows: Mapping[Unit, tuple[Codes, str, int]], wanted: list[Unit]
    ) -> None:
        """Raise InputError for the first row that is not wanted, or the first that is missing."""
        expected = set(wanted)
        for unit, (_, _, row) in rows.items():
            if unit not in expected:
                raise InputError(
                    self.stray,
                    file=path,
                    row=row,
                    column="respondent_id",
                    value=_shown(unit),
                    remedy=self.stray_remedy,
                )
        missing = [unit for unit in wanted if unit not in rows]
        if missing:
            raise InputError(
                f"{len(missing)} of {len(wanted)} {self.lacking}, this first",
                file=path,
                column="respondent_id",
                value=_shown(missing[0]),
                remedy=self.lacking_remedy,
            )


_EVERY_ANSWER = _Cover(
    stray="there is no such answer in the export",
    stray_remedy="Remove the row, or check attack and field.",
    lacking="answers have no row",
    lacking_remedy="Add a row for each answer in own words; leave `codes` empty if none applies.",
)
_EVERY_DIFFERENCE = _Cover(
    stray="the coders do not differ here",
    stray_remedy="Remove the row: where coders agree, their codes stand.",
    lacking="differences have no decision",
    lacking_remedy="Add a row with the final codes and the reason.",
)


def _shown(unit: Unit) -> str:
    return " ".join(map(str, unit))
