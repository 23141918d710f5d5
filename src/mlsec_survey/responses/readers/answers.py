"""From answers as a survey tool writes them to the codes of the codebook, never silently."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlsec_survey.instrument.codebook import OTHER_CODE, Codebook, Column, Item
from mlsec_survey.instrument.questionnaire.wording import Wording
from mlsec_survey.responses.readers.headings import words
from mlsec_survey.responses.readers.table import replaced

# How tools write a ticked and an unticked box, and yes and no. LimeSurvey's form proposes 1 and 2.
_TICKED = ("Y", "1", "Yes", "Ja", "Oui", "Sí", "Si", "True", "Checked", "Selected", "x")
_UNTICKED = ("N", "2", "0", "No", "Nein", "Non", "False", "Unchecked", "Not selected")
_WORDS_TICKED = {words(word) for word in _TICKED}
_WORDS_UNTICKED = {words(word) for word in _UNTICKED if words(word)}


@dataclass(frozen=True, slots=True)
class Boxes:
    """How a file writes boxes of checklists.

    Attributes:
        ticked, unticked: the words, None where the file has none; an unticked box is then empty.
        refused: words that occur and cannot be told to be the one or the other.
    """

    ticked: str | None
    unticked: str | None
    refused: frozenset[str] = frozenset()

    @property
    def converted(self) -> bool:
        """Whether another word than Y and an empty cell is used."""
        return self.ticked not in {None, "Y"} or self.unticked is not None


@dataclass(frozen=True, slots=True)
class Dictionary:
    """What the answers of an item can be called.

    Attributes:
        codes: the codes of options and of missing answers.
        labels: code by words of a label.
        numbers: code by the value of an option, as a number or word. As in this project's own
            questionnaire for Qualtrics, options whose values are words are numbered from 1,
            answers that are none from 98, and the option other comes last.
        positions: code by number, counting options and chosen missing answers from 1.
    """

    codes: frozenset[str]
    labels: Mapping[str, str]
    numbers: Mapping[str, str]
    positions: Mapping[str, str]


# Number of the first answer that is none; above those of any set of options.
_FIRST_MISSING = 98


def dictionary(codebook: Codebook, item: Item, wordings: Sequence[Wording] = ()) -> Dictionary:
    """Return what the answers of an item with options can be called.

    Args:
        codebook: codes and labels.
        item: of type single or array.
        wordings: of the questionnaire, where they are at hand.
    """
    labels: dict[str, str] = {}
    order: list[str] = []
    for option in codebook.options(item):
        labels[words(option.label)] = option.code
        order.append(option.code)
        if option.code == OTHER_CODE:
            labels.update({words(text): OTHER_CODE for text in ("Other", "Sonstiges", "-oth-")})
    for name in item.missing:
        kind = getattr(codebook.missing, name)
        labels[words(kind.label)] = kind.code
        order.append(kind.code)
    for kind in (codebook.missing.not_answered, codebook.missing.not_shown):
        labels.setdefault(words(kind.label), kind.code)
        if kind.code:
            labels.setdefault(words(kind.code), kind.code)
    for wording in wordings:
        for code, text in wording.options.get(item.options or "", {}).items():
            labels[words(text)] = code
        for name in item.missing:
            labels[words(getattr(wording.words, name))] = getattr(codebook.missing, name).code
        if item.other:
            labels[words(wording.words.other)] = OTHER_CODE
    codes = frozenset(order) | frozenset(codebook.missing_codes(item))
    positions = {str(number): code for number, code in enumerate(order, start=1)}
    return Dictionary(codes, labels, _numbers(codebook, item), positions)


def _numbers(codebook: Codebook, item: Item) -> dict[str, str]:
    found: dict[str, str] = {}
    for place, option in enumerate(codebook.options(item), start=1):
        if option.code == OTHER_CODE:
            found[str(place + len(item.missing))] = OTHER_CODE
        else:
            found[str(option.value if isinstance(option.value, int) else place)] = option.code
        found.setdefault(str(option.value), option.code)
    for number, name in enumerate(item.missing, start=_FIRST_MISSING):
        found[str(number)] = getattr(codebook.missing, name).code
    return found


def coded(column: Column) -> bool:
    """Say whether the codebook lists the codes of a column other than a box."""
    return column.kind in {"single", "array"}


def boxes_of(columns: Mapping[str, pd.Series], checklists: Sequence[Sequence[str]]) -> Boxes:
    """Find out how the file writes a ticked and an unticked box.

    One setting holds for a whole file: one word for ticked, and either one word for unticked or
    empty cells. Where there is a word for unticked, a checklist that was shown has no empty box, so
    that a checklist with both shows a word that does not belong there.

    Args:
        columns: cells by column of the codebook.
        checklists: the boxes of each checklist that are in the file.
    """
    found: set[str] = set()
    for name in (name for boxes in checklists for name in boxes):
        cells = columns[name].cat
        present = cells.categories[sorted(set(cells.codes[cells.codes >= 0]))]
        found |= {str(value) for value in present if str(value).strip()}
    yes = _one([word for word in found if words(word) in _WORDS_TICKED], "Y")
    no = _one([word for word in found if words(word) in _WORDS_UNTICKED], None)
    if no is not None:
        for boxes in checklists:
            blank = np.array([_is_blank(columns[name]) for name in boxes])
            if np.any(blank.any(axis=0) & ~blank.all(axis=0)):
                no = None
                break
    return Boxes(yes, no, frozenset(word for word in found if word not in {yes, no}))


def ticked_by_label(cells: pd.Series, texts: Collection[str]) -> pd.Series:
    """Return a box as Y where its own label stands in it, as some tools write a ticked box."""
    return replaced(cells, lambda value: "Y" if value and words(value) in texts else value)


def _is_blank(cells: pd.Series) -> np.ndarray:
    """Say which cells are empty; one that was NULL is neither empty nor filled."""
    at = cells.cat.categories.get_indexer(pd.Index([""]))[0]
    return (cells.cat.codes == at).to_numpy() if at >= 0 else np.zeros(len(cells), dtype=bool)


def _one(found: list[str], preferred: str | None) -> str | None:
    if preferred in found:
        return preferred
    return found[0] if len(found) == 1 else None


def answer_style(
    columns: Mapping[str, pd.Series],
    specs: Mapping[str, Column],
    dictionaries: Mapping[str, Dictionary],
    labelled: Mapping[str, Mapping[str, str]],
    numbering: str | None = None,
) -> str:
    """Say whether answers are written as codes, labels, values, or numbers of their position.

    Args:
        columns: cells by column of the codebook.
        specs: the columns of the codebook by name.
        dictionaries: by item.
        labelled: labels that the file carries, by column and value.
        numbering: what numbers are, where the tool is known to use one kind.
    """
    # In this order if they fit equally well.
    hits = {"codes": 0, "labels": 0, "numbers": 0, "positions": 0}
    for name, cells in columns.items():
        spec = specs[name]
        if not coded(spec):
            continue
        assert spec.item is not None
        known = dictionaries[spec.item.id]
        own = labelled.get(name, {})
        for value in cells.cat.categories:
            text = str(value)
            if not text.strip():
                continue
            hits["codes"] += text in known.codes
            hits["labels"] += words(own.get(text, text)) in known.labels
            hits["numbers"] += _number(text) in known.numbers
            hits["positions"] += _number(text) in known.positions
    best = max(hits, key=lambda style: hits[style])
    if best in {"numbers", "positions"} and numbering is not None:
        return numbering
    return best


def ambiguous_numbers(
    columns: Mapping[str, pd.Series],
    specs: Mapping[str, Column],
    dictionaries: Mapping[str, Dictionary],
) -> str | None:
    """Return a column whose numbers may be values or positions; None if they are not in doubt."""
    doubtful: str | None = None
    for name, cells in columns.items():
        spec = specs[name]
        if not coded(spec) or spec.item is None:
            continue
        known = dictionaries[spec.item.id]
        for value in map(_number, map(str, cells.cat.categories)):
            if not value.strip():
                continue
            one, other = known.numbers.get(value), known.positions.get(value)
            if one is None or other is None:
                # Only one of the two fits, so that the file has told which it is.
                return None
            if one != other:
                doubtful = doubtful or name
    return doubtful


def _number(text: str) -> str:
    return text.removesuffix(".0") if re.fullmatch(r"\d{1,3}\.0", text) else text


def to_codes(
    cells: pd.Series,
    spec: Column,
    style: str,
    boxes: Boxes,
    known: Dictionary | None,
    labels: Mapping[str, str],
) -> pd.Series:
    """Return the cells of a column with options as codes; what has no code stays as it is."""
    if spec.kind in {"multiple", "exclusive"}:
        if not boxes.converted:
            return cells
        change = {boxes.ticked: "Y", boxes.unticked: ""}
        return replaced(cells, lambda value: change.get(value, value))
    if known is None:
        return cells
    yes_or_no = {"Y", "N"} <= known.codes

    def code(value: str) -> str:
        if not value.strip():
            return value
        if style == "labels":
            return known.labels.get(words(labels.get(value, value)), value)
        if style == "numbers":
            return known.numbers.get(_number(value), value)
        if style == "positions":
            return known.positions.get(_number(value), value)
        if value not in known.codes and yes_or_no and boxes.converted:
            return {boxes.ticked: "Y", boxes.unticked: "N"}.get(value, value)
        return value

    return replaced(cells, code)


def fits_item(cells: pd.Series, spec: Column, known: Dictionary | None) -> bool:
    """Say whether all answers of a column can be answers to an item, in whatever style."""
    values = [str(value) for value in cells.cat.categories if str(value).strip()]
    if spec.kind in {"multiple", "exclusive"}:
        return all(words(value) in _WORDS_TICKED | _WORDS_UNTICKED for value in values)
    if known is None:
        return True
    return (
        all(value in known.codes for value in values)
        or all(words(value) in known.labels for value in values)
        or all(_number(value) in known.numbers for value in values)
        or all(_number(value) in known.positions for value in values)
    )
