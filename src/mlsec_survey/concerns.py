"""Coded free text: the code book, two coders' sheets, their adjudication, and what was found.

A *unit* is one answer in own words of one respondent about one attack in one field (`why` or
`incident`). A unit can carry several codes, or none.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from .codebook import PARTS, RESPONDENT, Basis, Codebook, Identifier, Text
from .errors import AnalysisError, InputError
from .yaml_input import Entry, Sequence, near, read_yaml, validate

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

CODERS = ("coder_a", "coder_b")
FINAL = "final"
WHY, INCIDENT = "why", "incident"
# The two codes that the count of incidents rests on; the code book has to define them.
CONFIRMED, DOUBTED = "incident_confirmed", "incident_doubted"

_SHEET = ("respondent_id", "attack", "field", "codes")
_ADJUDICATION = (*_SHEET, "reason")
_SEPARATOR = "|"
_LEVEL = 0.05
_RELIABLE, _TENTATIVE = 0.8, 0.667

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
    answers = list(answers_in_own_words(code_book, responses, codebook))
    first, second = sheets = load_sheets(folder, code_book, responses, codebook)
    respondents = {int(number) for number in responses[RESPONDENT]}
    path = folder / "adjudication.csv"
    decided = _read_rows(path, _ADJUDICATION, code_book, respondents, codebook)
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
    return Coding(code_book, units, codebook.attacks)


def load_sheets(
    folder: Path | str, code_book: CodeBook, responses: pd.DataFrame, codebook: Codebook
) -> tuple[dict[Unit, Codes], dict[Unit, Codes]]:
    """Read the two coders' sheets alone, as before adjudication.

    Args and errors are those of `load_coding`.

    Returns:
        The codes of each unit by the first and by the second coder.
    """
    answers = list(answers_in_own_words(code_book, responses, codebook))
    respondents = {int(number) for number in responses[RESPONDENT]}
    sheets = []
    for coder in CODERS:
        path = Path(folder) / f"{coder}.csv"
        rows = _read_rows(path, _SHEET, code_book, respondents, codebook)
        _EVERY_ANSWER.check(path, rows, answers)
        sheets.append({unit: codes for unit, (codes, _, _) in rows.items()})
    return sheets[0], sheets[1]


def answers_in_own_words(
    code_book: CodeBook, responses: pd.DataFrame, codebook: Codebook
) -> dict[Unit, str]:
    """Return the text of each answer that is to be coded, by respondent, attack and field."""
    texts = {
        (attack, field): responses[f"{field}{PARTS}{attack}"].astype(object).to_numpy()
        for attack in codebook.attacks
        for field in code_book.fields
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


def agreement(
    coding: Coding, *, resamples: int, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return how far the coders agree before adjudication, per code and over whole code sets.

    Args:
        coding: both sheets.
        resamples: bootstrap resamples of respondents.
        rng: source of randomness.

    Raises:
        AnalysisError: there is no answer in own words.

    Returns:
        Per code: field, code (label), units (answers), coder_a, coder_b, both (answers with the
        code), agreement, kappa, kappa_low, kappa_high, alpha, alpha_low, alpha_high, undefined (see
        `stats.agreement.code_agreement`). Overall: field, measure, estimate, low, high, units,
        respondents.
    """
    import pandas as pd

    from .stats.agreement import code_agreement, set_agreement

    tables, rows = [], []
    for field in coding.code_book.fields:
        units = coding.of_field(field)
        if units.empty:
            continue
        labels = coding.code_book.labels(field)
        first, second = (coding.indicators(field, coder) for coder in CODERS)
        table = code_agreement(
            first, second, units[RESPONDENT], resamples=resamples, rng=rng
        ).rename(columns=dict(zip(("first", "second"), CODERS, strict=True)))
        table.insert(0, "code", [labels[code] for code in table.index])
        table.insert(0, "field", field)
        tables.append(table)
        results = set_agreement(
            list(units[CODERS[0]]),
            list(units[CODERS[1]]),
            list(labels),
            units[RESPONDENT],
            resamples=resamples,
            rng=rng,
        )
        rows += [
            {
                "field": field,
                "key": key,
                "measure": result.method,
                "estimate": result.estimate,
                "low": result.low,
                "high": result.high,
                "units": int(result.extra["units"]),
                "respondents": result.n,
            }
            for key, result in results.items()
        ]
    if not tables:
        raise AnalysisError("nobody answered in own words, so there is nothing to agree on")
    return pd.concat(tables, ignore_index=True), pd.DataFrame(rows)


def alpha_reading(estimate: float, low: float) -> str:
    """Say what Krippendorff's convention makes of an alpha, and whether its interval agrees.

    Source: Krippendorff (2019), Content Analysis, 4th ed., chapter 12: rely on 0.800 and above,
    draw tentative conclusions from 0.667. These bounds are a convention.
    """

    def grade(value: float) -> str:
        if value >= _RELIABLE:
            return f"at least {_RELIABLE:.3f}, reliable by Krippendorff's convention"
        if value >= _TENTATIVE:
            return f"at least {_TENTATIVE:.3f}, enough for tentative conclusions by the convention"
        return (
            f"below {_TENTATIVE:.3f}, not enough even for tentative conclusions by the convention"
        )

    if math.isnan(estimate):
        return "not estimable"
    if math.isnan(low) or grade(low) == grade(estimate):
        return grade(estimate)
    return f"{grade(estimate)}; the lower end of its interval is {grade(low)}"


def disagreements(coding: Coding) -> pd.DataFrame:
    """Count what the coders differ about, and what stood; no text, no respondent, no coder.

    A code that only one coder gave is paired with one that only the other gave where there is just
    one on each side (one was read as the other); otherwise it counts as seen by one coder only.

    Returns:
        One row per kind and pair of codes, most frequent first in each kind: kind, code, other
        (labels in the order of the code book; other is empty for codes seen by one coder only),
        answers, code_stands and other_stands (answers in which the final codes hold it).
    """
    import pandas as pd

    labels = coding.code_book.labels()
    order = list(labels)
    found: dict[tuple[str, ...], list[int]] = {}
    differ = coding.units[coding.units["adjudicated"]]
    for a, b, final in zip(differ[CODERS[0]], differ[CODERS[1]], differ[FINAL], strict=True):
        paired = len(a - b) == len(b - a) == 1
        groups = [a ^ b] if paired else [{code} for code in a ^ b]
        for group in groups:
            pair = tuple(sorted(group, key=order.index))
            counts = found.setdefault(pair, [0, 0, 0])
            counts[0] += 1
            for position, code in enumerate(pair, start=1):
                counts[position] += code in final
    rows = [
        {
            "kind": "one read as the other" if len(pair) == 2 else "seen by one coder only",
            "code": labels[pair[0]],
            "other": labels[pair[1]] if len(pair) == 2 else "",
            "answers": answers,
            "code_stands": first,
            "other_stands": second if len(pair) == 2 else None,
        }
        for pair, (answers, first, second) in sorted(
            found.items(),
            key=lambda entry: (-len(entry[0]), -entry[1][0], [order.index(c) for c in entry[0]]),
        )
    ]
    columns = ["kind", "code", "other", "answers", "code_stands", "other_stands"]
    return pd.DataFrame(rows, columns=columns).astype({"other_stands": "Int64"})


def adjudication_trail(coding: Coding) -> pd.DataFrame:
    """Return how the final codes came about: field, decided, reason, answers.

    Answers on which the coders agree come first in each field, then each reason given for a
    decision with the number of answers decided by it.
    """
    import pandas as pd

    rows = []
    for field in coding.code_book.fields:
        units = coding.of_field(field)
        agreed = int((~units["adjudicated"]).sum())
        rows.append((field, "both coders", "the same codes from both coders", agreed))
        reasons = units.loc[units["adjudicated"], "reason"].value_counts(sort=False)
        for reason, count in sorted(reasons.items(), key=lambda entry: (-entry[1], entry[0])):
            rows.append((field, "adjudication", reason, int(count)))
    return pd.DataFrame(rows, columns=["field", "decided", "reason", "answers"])


@dataclass(frozen=True)
class CodeCounts:
    """Final codes of the reasons given, by attack.

    Attributes:
        counts: codes × attacks (labels), answers with the code.
        replies: coded answers of each attack; the denominators.
        residuals: adjusted standardised residuals of the same shape.
        firm: of the same shape, whether the adjusted p-value is at most 0.05.
        cells: one row per code and attack: code, attack (labels), count, replies, share, low, high
            (Wilson), expected and z (see `stats.contingency.within_cluster_test`), residual, p,
            p_adjusted.
        spread: one row per code: code, theme, concern, answers, respondents, attacks (with the
            code), evenness, evenness_low, evenness_high.
    """

    counts: pd.DataFrame
    replies: pd.Series
    residuals: pd.DataFrame
    firm: pd.DataFrame
    cells: pd.DataFrame
    spread: pd.DataFrame


def count_codes(coding: Coding, *, resamples: int, rng: np.random.Generator) -> CodeCounts:
    """Count final codes of the reasons by attack, with intervals and what independence expects.

    Args:
        coding: adjudicated coding.
        resamples: exchanges of attacks within respondents, and resamples of respondents.
        rng: source of randomness.
    """
    import pandas as pd

    from .stats import contingency
    from .stats.proportions import wilson

    book, units, codes = coding.code_book, coding.of_field(WHY), coding.indicators(WHY)
    labels, attacks = book.labels(WHY), dict(coding.labels)
    order = list(attacks)
    counts, replies = contingency.counts_by_group(codes, units["attack"], order)
    residuals = contingency.adjusted_residuals(counts, replies)
    cells = contingency.within_cluster_test(
        codes, units["attack"], units[RESPONDENT], order, resamples=resamples, rng=rng
    )
    firm = cells["p_adjusted"].to_numpy().reshape(counts.shape) <= _LEVEL
    cells["replies"] = replies[cells["group"]].to_numpy()
    cells["share"] = cells["count"] / cells["replies"].where(cells["replies"] > 0)
    cells["low"], cells["high"] = wilson(cells["count"], cells["replies"])
    cells["residual"] = residuals.to_numpy().ravel()
    cells["attack"] = cells["group"].map(attacks)
    cells["code"] = cells["code"].map(labels)
    columns = ["code", "attack", "count", "replies", "share", "low", "high"]
    cells = cells[[*columns, "expected", "residual", "z", "p", "p_adjusted"]]
    even = contingency.evenness_interval(
        codes, units["attack"], units[RESPONDENT], order, resamples=resamples, rng=rng
    )
    people = codes.groupby(units[RESPONDENT].to_numpy()).any().sum()
    themes = {theme.id: theme.label for theme in book.themes}
    spread = counts.gt(0).sum(axis=1).rename("attacks").to_frame()
    spread = spread.assign(
        code=[labels[code] for code in counts.index],
        theme=[themes[code.theme] for code in book.of_field(WHY)],
        concern=[code in book.concerns for code in counts.index],
        answers=counts.sum(axis=1),
        respondents=people,
        evenness=even["estimate"],
        evenness_low=even["low"],
        evenness_high=even["high"],
    )
    order_of_columns = ["code", "theme", "concern", "answers", "respondents", "attacks"]
    spread = spread[[*order_of_columns, "evenness", "evenness_low", "evenness_high"]]
    return CodeCounts(
        counts.rename(index=labels, columns=attacks),
        replies.rename(index=attacks),
        residuals.rename(index=labels, columns=attacks),
        pd.DataFrame(firm, index=list(labels.values()), columns=list(attacks.values())),
        cells,
        spread.reset_index(drop=True),
    )


def combinations(
    coding: Coding, *, most: int = 16
) -> tuple[pd.Series, pd.DataFrame, int, pd.DataFrame]:
    """Return which codes occur together in one reason.

    Args:
        coding: adjudicated coding.
        most: combinations to list at most.

    Returns:
        Answers per code (index: label); the most frequent combinations (codes, count); how many
        answers have another combination; and pairs of codes: first, second (labels), count,
        expected (if the two were independent), residual.
    """
    from .stats import contingency

    codes = coding.indicators(WHY).rename(columns=coding.code_book.labels(WHY))
    listed, others = contingency.intersections(codes, most=most)
    return codes.sum(), listed, others, contingency.pair_counts(codes)


def cross_cutting(coding: Coding, *, confidence: float = 0.95) -> dict[str, float]:
    """Return the share of respondents who name one concern for at least two attacks.

    Among respondents who name a concern (a code whose theme is one) for at least two attacks; the
    others could not name the same twice.

    Returns:
        count, n, estimate, low, high (Wilson); NaN where n is 0.
    """
    from .stats.proportions import wilson

    units, codes = coding.of_field(WHY), coding.indicators(WHY)[list(coding.code_book.concerns)]
    people = units[RESPONDENT].to_numpy()
    with_concern = codes.any(axis=1).groupby(people).sum()
    repeated = (codes.groupby(people).sum() >= 2).any(axis=1)
    able = with_concern >= 2
    count, n = int((repeated & able).sum()), int(able.sum())
    (low,), (high,) = wilson([count], [n], confidence)
    estimate = count / n if n else float("nan")
    return {"count": count, "n": n, "estimate": estimate, "low": float(low), "high": float(high)}
