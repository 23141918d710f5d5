"""Coded free text: coders' sheets and their adjudication, checked against the answers.

A *unit* is one answer in own words of one respondent, in one field and about one sub-question of
it. A coder gives it one or several codes, or writes `none`: none applies. An empty cell is not
coded yet, which is something else.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.yaml_input import near
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.coding_scheme import NONE_APPLIES, CodingScheme
from mlsec_survey.instrument.entries import PARTS, RESPONDENT

if TYPE_CHECKING:
    import pandas as pd

FINAL = "final"
NOT_CODED = "not yet coded"
SHEETS = "coder_*.csv"
ADJUDICATION = "adjudication.csv"
SHEET_COLUMNS = (RESPONDENT, "subquestion", "field", "codes")
ADJUDICATION_COLUMNS = (*SHEET_COLUMNS, "reason")
SEPARATOR = "|"

State = Literal["uncoded", "partly coded", "coded"]
# How a final code came about; the last one stands for none yet.
Decided = Literal["coders agree", "one coder", "adjudication", "open"]

Unit = tuple[int, str, str]
Codes = frozenset[str]

# So many words in a row that a reason shares with an answer are a quotation.
_QUOTED_FROM_ITS_ANSWER, _QUOTED_FROM_ANOTHER = 4, 6
_BETWEEN_QUOTES = re.compile(r"[\"“”„«»]([^\"“”„«»]+)[\"“”„«»]|(?<!\w)['‘’‚]([^'‘’‚]+)['’‘](?!\w)")


@dataclass(frozen=True)
class Coding:
    """What coders gave each unit, and what stands after adjudication.

    Attributes:
        scheme: the codes.
        coders: names of the sheets, such as coder_a.
        units: one row per unit in the order of respondents, sub-questions and fields, with columns
            respondent_id, subquestion (empty for an item without any), field, one column per coder
            and final (frozensets of code ids; None where there are none yet), decided (see
            `Decided`) and reason (of an adjudication, else empty).
        labels: label of each sub-question, by field.
    """

    scheme: CodingScheme
    coders: tuple[str, ...]
    units: pd.DataFrame
    labels: Mapping[str, Mapping[str, str]]

    def state(self, field: str) -> State:
        """Say whether all answers of a field have final codes, some have codes, or none has."""
        units = self._units(field)
        if (units["decided"] != "open").all():
            return "coded"
        begun = any(units[coder].notna().any() for coder in self.coders)
        return "partly coded" if begun else "uncoded"

    def of_field(self, field: str) -> pd.DataFrame:
        """Return the units of a field; none as long as the field is not coded to the end."""
        units = self._units(field)
        return units if self.state(field) == "coded" else units.iloc[:0]

    def of_coders(self, field: str, first: str, second: str) -> pd.DataFrame:
        """Return the units of a field that both coders coded, whether decided or not."""
        units = self._units(field)
        return units[units[first].notna() & units[second].notna()].reset_index(drop=True)

    def indicators(self, field: str, source: str = FINAL) -> pd.DataFrame:
        """Return units × codes of one field: whether `source` (a coder, or final) gave the code."""
        return indicators(self.of_field(field)[source], self.scheme, field)

    def describe(self, field: str) -> str:
        """Say how far the coding of a field has come, in a clause."""
        units = self._units(field)
        n, final = len(units), int((units["decided"] != "open").sum())
        given = units[list(self.coders)].notna().sum(axis=1)
        if not n:
            return "there is no answer in own words"
        if self.state(field) == "uncoded":
            return f"{NOT_CODED}: none of {n} answers"
        several = f"{int((given > 1).sum())} of them by more than one coder"
        if self.state(field) == "coded":
            return f"{'the one answer is' if n == 1 else f'all {n} answers are'} coded, {several}"
        waiting = int(((units["decided"] == "open") & (given > 0)).sum())
        return (
            f"{NOT_CODED} to the end: {final} of {n} answers have final codes, {waiting} wait for "
            "another coder or a decision"
        )

    def known(self, field: str, value: float | str) -> float | str:
        """Return a value that rests on the coding of a field, or words that say it is not coded."""
        return value if self.state(field) == "coded" else NOT_CODED

    def _units(self, field: str) -> pd.DataFrame:
        return self.units[self.units["field"] == field].reset_index(drop=True)


def indicators(given: pd.Series, scheme: CodingScheme, field: str) -> pd.DataFrame:
    """Return units × codes of a field: whether each set of codes in `given` holds the code."""
    import pandas as pd

    return pd.DataFrame(
        {code.id: [code.id in codes for codes in given] for code in scheme.of_field(field)},
        index=given.index,
        dtype=bool,
    )


def load_coding(
    folder: Path | None, scheme: CodingScheme, responses: pd.DataFrame, codebook: Codebook
) -> Coding:
    """Read the coders' sheets and the adjudication, as far as they are there, and check them.

    Args:
        folder: holds a sheet `coder_NAME.csv` per coder, with the columns respondent_id,
            subquestion, field and codes, and `adjudication.csv` with the same and reason; other
            columns are ignored. Codes are separated by `|`. None, a missing folder or one without
            sheets: nothing is coded yet.
        scheme: the codes allowed.
        responses: analysed responses as notebook 01 writes them; the coded answers are theirs.
        codebook: defines items and sub-questions.

    Returns:
        The coding. An answer is final if every coder who coded it gave the same codes, or if they
        differ and the adjudication decides. A coder whose sheet has no row for an answer was not
        asked; one whose cell is empty has not coded it yet, and the answer waits.

    Raises:
        InputError: a row has an unknown respondent, sub-question, field or code, repeats a code or
            a unit, or codes an answer that nobody gave; there is a decision where coders agree, one
            without a reason, or one whose reason quotes an answer.
    """
    import pandas as pd

    answers = answers_in_own_words(scheme, responses, codebook)
    sheets = load_sheets(folder, scheme, responses, codebook)
    final: dict[Unit, Codes] = {}
    decided: dict[Unit, Decided] = {}
    for unit in answers:
        asked = [sheet[unit] for sheet in sheets.values() if unit in sheet]
        if asked and None not in asked and len(set(asked)) == 1:
            (final[unit],) = {codes for codes in asked if codes is not None}
            decided[unit] = "one coder" if len(asked) == 1 else "coders agree"
    reasons = {}
    if folder is not None and sheets and (folder / ADJUDICATION).is_file():
        path = folder / ADJUDICATION
        # What stands in any answer is gathered once, since there are as many reasons as answers.
        said = {
            run for text in answers.values() for run in _runs(_words(text), _QUOTED_FROM_ANOTHER)
        }
        for unit, row in _read_rows(path, ADJUDICATION_COLUMNS, scheme, answers, codebook).items():
            if unit in decided:
                raise InputError(
                    "the coders do not differ here",
                    file=path,
                    row=row.line,
                    column=RESPONDENT,
                    value=_shown(unit),
                    remedy="Remove the row: where coders agree, their codes stand.",
                )
            if row.codes is None and not row.reason:
                continue
            _check_decision(path, unit, row, answers[unit], said)
            assert row.codes is not None
            final[unit], decided[unit], reasons[unit] = row.codes, "adjudication", row.reason
    units = pd.DataFrame(
        {
            RESPONDENT: [unit[0] for unit in answers],
            "subquestion": [unit[1] for unit in answers],
            "field": [unit[2] for unit in answers],
            **{name: [sheet.get(unit) for unit in answers] for name, sheet in sheets.items()},
            FINAL: [final.get(unit) for unit in answers],
            "decided": [decided.get(unit, "open") for unit in answers],
            "reason": [reasons.get(unit, "") for unit in answers],
        }
    )
    labels = {
        field: {entry.id: entry.label for entry in codebook.subquestions(field)}
        for field in scheme.fields
    }
    return Coding(scheme, tuple(sheets), units, labels)


def load_sheets(
    folder: Path | None, scheme: CodingScheme, responses: pd.DataFrame, codebook: Codebook
) -> dict[str, dict[Unit, Codes | None]]:
    """Read the coders' sheets alone, as before adjudication.

    Args and errors are those of `load_coding`.

    Returns:
        By coder, in the order of their names, the codes of each unit that the sheet has a row for;
        None where the coder has not coded it yet.
    """
    if folder is None or not folder.is_dir():
        return {}
    paths = sorted(folder.glob(SHEETS))
    _refuse_other_files(folder, paths)
    answers = answers_in_own_words(scheme, responses, codebook)
    return {
        path.stem: {
            unit: row.codes
            for unit, row in _read_rows(path, SHEET_COLUMNS, scheme, answers, codebook).items()
        }
        for path in paths
    }


def answers_in_own_words(
    scheme: CodingScheme, responses: pd.DataFrame, codebook: Codebook
) -> dict[Unit, str]:
    """Return the text of each answer to be coded, by respondent, sub-question and field."""
    names: dict[tuple[str, str], str] = {}
    most = max((len(codebook.subquestions(field)) for field in scheme.fields), default=0)
    # Field by field within a sub-question, so that a coder reads together what belongs together.
    for place in range(max(most, 1)):
        for field in scheme.fields:
            entries = codebook.subquestions(field)
            if not entries and place == 0:
                names["", field] = field
            elif place < len(entries):
                names[entries[place].id, field] = f"{field}{PARTS}{entries[place].id}"
    texts = {key: responses[name].astype(object).to_numpy() for key, name in names.items()}
    return {
        (int(number), subquestion, field): text
        for position, number in enumerate(responses[RESPONDENT])
        for (subquestion, field), column in texts.items()
        if isinstance(text := column[position], str) and text.strip()
    }


def differences(sheets: Mapping[str, Mapping[Unit, Codes | None]]) -> list[Unit]:
    """Return the units that every coder asked has coded and on which their codes differ."""
    units = dict.fromkeys(unit for sheet in sheets.values() for unit in sheet)
    found = []
    for unit in units:
        given = [sheet[unit] for sheet in sheets.values() if unit in sheet]
        if None not in given and len(set(given)) > 1:
            found.append(unit)
    return found


def codes_text(codes: Codes | None, scheme: CodingScheme) -> str:
    """Return codes as a sheet holds them: in the scheme's order, `none`, or empty for not yet."""
    if codes is None:
        return ""
    return SEPARATOR.join(code for code in scheme.labels() if code in codes) or NONE_APPLIES


@dataclass(frozen=True)
class _Row:
    codes: Codes | None
    reason: str
    line: int


def _refuse_other_files(folder: Path, sheets: list[Path]) -> None:
    """Refuse a sheet that was saved as a workbook: its codes would be lost without a word."""
    read = {path.stem for path in sheets}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in {".xlsx", ".xls", ".ods", ".numbers"} and path.stem not in read:
            raise InputError(
                "a workbook in the place of a coder's sheet",
                file=path,
                remedy="In the spreadsheet, save the sheet as CSV too, under the same name.",
            )


def _read_rows(
    path: Path,
    columns: tuple[str, ...],
    scheme: CodingScheme,
    answers: Mapping[Unit, str],
    codebook: Codebook,
) -> dict[Unit, _Row]:
    """Return codes, reason and line by unit."""
    rows: dict[Unit, _Row] = {}
    respondents = {unit[0] for unit in answers}
    for line, cells in _csv_rows(path, columns):
        number = _respondent(path, line, cells[RESPONDENT], respondents)
        field = cells["field"]
        if field not in scheme.fields:
            raise _unknown(path, line, "field", field, scheme.fields)
        about = [entry.id for entry in codebook.subquestions(field)] or [""]
        if cells["subquestion"] not in about:
            raise _unknown(path, line, "subquestion", cells["subquestion"], about)
        unit = (number, cells["subquestion"], field)
        if unit not in answers:
            raise InputError(
                "there is no such answer in the export",
                file=path,
                row=line,
                column=RESPONDENT,
                value=_shown(unit),
                remedy="Remove the row, or check sub-question and field.",
            )
        if unit in rows:
            raise InputError(
                f"this answer is coded twice (first in row {rows[unit].line})",
                file=path,
                row=line,
                column=RESPONDENT,
                value=_shown(unit),
                remedy="Keep one of the two rows.",
            )
        codes = _codes(path, line, cells["codes"], scheme.labels(field))
        rows[unit] = _Row(codes, cells.get("reason", ""), line)
    return rows


def _check_decision(
    path: Path, unit: Unit, row: _Row, answer: str, said: Set[tuple[str, ...]]
) -> None:
    """Refuse a decision without codes or reason, and a reason that gives an answer away."""
    problem = None
    if row.codes is None:
        problem = ("codes", "a reason and no decision", f"Name the codes, or write {NONE_APPLIES}.")
    elif not row.reason:
        problem = (
            "reason",
            "the decision has no reason",
            "Say in a sentence why these codes stand.",
        )
    elif _quotes(row.reason, answer, said):
        problem = (
            "reason",
            "the reason quotes an answer, and reasons are published",
            "Say which rule of the coding scheme decides, in words of your own.",
        )
    if problem:
        column, what, remedy = problem
        raise InputError(
            what, file=path, row=row.line, column=column, value=_shown(unit), remedy=remedy
        )


def _quotes(reason: str, answer: str, said: Set[tuple[str, ...]]) -> bool:
    """Return whether a reason repeats an answer: words in a row, or what stands between quotes.

    Args:
        reason: of a decision.
        answer: that the decision is about.
        said: every run of `_QUOTED_FROM_ANOTHER` words in any answer.
    """
    words, own = _words(reason), _words(answer)
    if _share_run(words, own, _QUOTED_FROM_ITS_ANSWER):
        return True
    for double, single in _BETWEEN_QUOTES.findall(reason):
        quoted = _words(double or single)
        if quoted and not _runs(quoted, len(quoted)).isdisjoint(_runs(own, len(quoted))):
            return True
    return not _runs(words, _QUOTED_FROM_ANOTHER).isdisjoint(said)


def _share_run(reason: list[str], answer: list[str], length: int) -> bool:
    """Return whether so many words in a row, or an answer of three words, are in both."""
    length = min(length, max(len(answer), 3))
    return not _runs(reason, length).isdisjoint(_runs(answer, length))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _runs(words: list[str], length: int) -> set[tuple[str, ...]]:
    return {tuple(words[at : at + length]) for at in range(len(words) - length + 1)}


def _csv_rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and cells by column, whatever a spreadsheet made of the file.

    Comma, semicolon or tab; UTF-8, UTF-16 with a byte-order mark, or Windows-1252; blank rows and
    further columns are passed over.
    """
    text = _decoded(path)
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip().casefold() for name in next(reader, [])]
        if not set(columns) <= set(header) or any(header.count(name) > 1 for name in columns):
            raise InputError(
                "the columns are not those of this sheet",
                file=path,
                row=1,
                value=",".join(header),
                remedy=f"Use the heading {','.join(columns)}.",
            )
        places = {name: header.index(name) for name in columns}
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) <= max(places.values()) or any(map(str.strip, cells[len(header) :])):
                raise InputError(
                    f"{len(cells)} cells instead of {len(header)}",
                    file=path,
                    row=reader.line_num,
                    remedy=f"Put text that holds {delimiter!r} between double quotes.",
                )
            yield reader.line_num, {name: cells[at].strip() for name, at in places.items()}
    except csv.Error as error:
        raise InputError(
            f"not valid CSV: {error}",
            file=path,
            row=reader.line_num,
            remedy="Check the quotes around that line.",
        ) from None


def _decoded(path: Path) -> str:
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What spreadsheets write where nobody asks them for UTF-8; some of its bytes mean nothing.
        return content.decode("cp1252", errors="replace")


def _unknown(path: Path, line: int, column: str, value: str, known: object) -> InputError:
    return InputError(
        f"unknown {column}",
        file=path,
        row=line,
        column=column,
        value=value,
        remedy=near(value, known),  # type: ignore[arg-type]
    )


def _respondent(path: Path, line: int, cell: str, respondents: set[int]) -> int:
    if cell.isascii() and cell.isdigit() and len(cell) < 19 and int(cell) in respondents:
        return int(cell)
    raise InputError(
        "no analysed respondent who answered in own words has this number",
        file=path,
        row=line,
        column=RESPONDENT,
        value=cell,
        remedy="Use response numbers of the export at hand. Sheets made for another export do not "
        "fit; the parameter `coding` names another folder.",
    )


def _codes(path: Path, line: int, cell: str, known: Mapping[str, str]) -> Codes | None:
    if not cell:
        return None
    given = [code.strip().casefold() for code in re.split(r"[|,;]", cell)]
    for code in given:
        if code not in known and code != NONE_APPLIES:
            raise InputError(
                "the field has no such code",
                file=path,
                row=line,
                column="codes",
                value=code,
                remedy=near(code, [*known, NONE_APPLIES]),
            )
    if len(set(given)) < len(given) or (NONE_APPLIES in given and len(given) > 1):
        raise InputError(
            f"a code is given twice, or beside {NONE_APPLIES}",
            file=path,
            row=line,
            column="codes",
            value=cell,
            remedy=f"Name each code once, or {NONE_APPLIES} alone.",
        )
    return frozenset(given) - {NONE_APPLIES}


def _shown(unit: Unit) -> str:
    return " ".join(str(part) for part in unit if part != "")
