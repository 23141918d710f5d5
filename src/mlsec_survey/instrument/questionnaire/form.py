"""The questionnaire as one object: pages of questions with their words, codes and filters.

Everything that is written for a survey tool or for paper is written from a `Form`, so that all of
it asks the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlsec_survey.base.errors import InputError
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import Item, NumberRange
from mlsec_survey.instrument.questionnaire.wording import Fielding, Wording

# Words by language.
Words = Mapping[str, str]

# Survey tools take no longer code for an answer, a row or a box.
LONGEST_CODE = 5


@dataclass(frozen=True)
class Condition:
    """That a question, or one row of it, was answered with one of these codes.

    Attributes:
        question: code of the question.
        row: code of the row; None for a question without rows.
        codes: the answers that meet the condition.
    """

    question: str
    row: str | None
    codes: tuple[str, ...]


@dataclass(frozen=True)
class Choice:
    """One answer to tick, one row of a grid or one box of a checklist.

    Attributes:
        code: in the data.
        words: as read, by language.
        value: of an answer in the analysis; None for rows, boxes and missing answers.
        shown_if: condition of a row; None if it is always shown.
        exclusive: of a box, whether it rules out all others.
    """

    code: str
    words: Words
    value: int | str | None = None
    shown_if: Condition | None = None
    exclusive: bool = False


@dataclass(frozen=True)
class Question:
    """One question, grid, checklist or field.

    Attributes:
        number: position in the questionnaire, from 1.
        item: id in the codebook.
        code, type: as in the codebook.
        words, help: as read, by language; `help` is empty where there is none.
        answers: to choose from, with those for missing answers last; none for own words.
        rows: of a grid or of several fields, or the boxes of a checklist.
        other: whether there is a field beside an option of that name.
        required: whether it cannot be skipped.
        random_order: whether rows appear in random order.
        limit: longest text in characters, of the answer or of the field `other`; None for none.
        shown_if: condition of the whole question; None if it is always shown.
        range: of a number, as far as it is limited.
    """

    number: int
    item: str
    code: str
    type: str
    words: Words
    help: Words
    answers: tuple[Choice, ...]
    rows: tuple[Choice, ...]
    other: bool
    required: bool
    random_order: bool
    limit: int | None
    shown_if: Condition | None
    range: NumberRange | None = None


@dataclass(frozen=True)
class Page:
    """One page: its number from 1, its title by language, its questions, what has to be met."""

    number: int
    title: Words
    questions: tuple[Question, ...]
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Form:
    """The whole questionnaire; `wordings` by language, the base language first."""

    pages: tuple[Page, ...]
    wordings: Mapping[str, Wording]

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages, the base language first."""
        return tuple(self.wordings)

    def questions(self) -> tuple[Question, ...]:
        """Return all questions in order."""
        return tuple(question for page in self.pages for question in page.questions)

    def question(self, code: str) -> Question:
        """Return the question with this code."""
        return next(question for question in self.questions() if question.code == code)


def build_form(codebook: Codebook, wordings: Sequence[Wording], fielding: Fielding) -> Form:
    """Put codebook, wording and fielding together.

    Args:
        codebook: what is asked.
        wordings: in which words, one per language of `fielding`, in that order.
        fielding: how it is put.

    Raises:
        InputError: a code is longer than survey tools take, or a file is not in its language.
    """
    languages = [wording.language for wording in wordings]
    if languages != list(fielding.languages):
        raise InputError(
            "the wording files are not in the languages of the questionnaire",
            value=", ".join(languages),
            remedy="Each file names its language: " + ", ".join(fielding.languages) + ".",
        )
    _refuse_long_codes(codebook)
    by_language = {wording.language: wording for wording in wordings}
    gates = {gate.item: gate for gate in fielding.go_on_if}
    pages = []
    number = 0
    passed: tuple[Condition, ...] = ()
    for page in range(1, codebook.pages + 1):
        questions = []
        for item in codebook.items:
            if item.page == page:
                number += 1
                questions.append(_question(codebook, by_language, fielding, item, number))
        title = {name: wording.pages[page - 1] for name, wording in by_language.items()}
        pages.append(Page(page, title, tuple(questions), passed))
        passed += tuple(
            Condition(question.code, None, _codes(codebook, question.item, [gate.value]))
            for question in questions
            if (gate := gates.get(question.item)) is not None
        )
    return Form(tuple(pages), by_language)


def _question(
    codebook: Codebook,
    wordings: Mapping[str, Wording],
    fielding: Fielding,
    item: Item,
    number: int,
) -> Question:
    words = {name: wording.items[item.id].text for name, wording in wordings.items()}
    helps = {name: wording.items[item.id].help or "" for name, wording in wordings.items()}
    whole = None
    if item.shown_if is not None and item.subquestions is None:
        whole = _condition(codebook, item, None)
    required = any(gate.item == item.id for gate in fielding.go_on_if)
    return Question(
        number=number,
        item=item.id,
        code=item.code,
        type=item.type,
        words=words,
        help=helps,
        answers=_answers(codebook, wordings, item),
        rows=_rows(codebook, wordings, item),
        other=item.other,
        required=required,
        random_order=item.id in fielding.random_order,
        limit=fielding.text_limits.get("other" if item.other else item.id),
        shown_if=whole,
        range=item.number,
    )


def _answers(codebook: Codebook, wordings: Mapping[str, Wording], item: Item) -> tuple[Choice, ...]:
    if item.options is None:
        return ()
    options = [
        Choice(
            option.code,
            {name: w.options[item.options][option.code] for name, w in wordings.items()},
            option.value,
        )
        for option in codebook.option_sets[item.options].options
    ]
    return (*options, *_missing(codebook, wordings, item))


def _missing(
    codebook: Codebook, wordings: Mapping[str, Wording], item: Item, *, exclusive: bool = False
) -> tuple[Choice, ...]:
    return tuple(
        Choice(
            getattr(codebook.missing, kind).code,
            {name: getattr(wording.words, kind) for name, wording in wordings.items()},
            exclusive=exclusive,
        )
        for kind in item.missing
    )


def _rows(codebook: Codebook, wordings: Mapping[str, Wording], item: Item) -> tuple[Choice, ...]:
    if item.subquestions is None:
        return ()
    rows = [
        Choice(
            entry.code,
            {name: w.subquestions[item.subquestions][entry.id] for name, w in wordings.items()},
            shown_if=_condition(codebook, item, entry.code),
        )
        for entry in codebook.subquestions(item)
    ]
    if item.type != "multiple":
        return tuple(rows)
    if item.none is not None:
        words = {name: wording.items[item.id].none or "" for name, wording in wordings.items()}
        rows.append(Choice(item.none.code, words, exclusive=True))
    return (*rows, *_missing(codebook, wordings, item, exclusive=True))


def _condition(codebook: Codebook, item: Item, row: str | None) -> Condition | None:
    if item.shown_if is None:
        return None
    other = codebook.item(item.shown_if.item)
    codes = _codes(codebook, other.id, item.shown_if.values)
    return Condition(other.code, row if other.subquestions is not None else None, codes)


def _codes(codebook: Codebook, item: str, values: Sequence[int | str]) -> tuple[str, ...]:
    return tuple(option.code for option in codebook.options(item) if option.value in values)


def _refuse_long_codes(codebook: Codebook) -> None:
    codes = [
        (f"the row {entry.id!r}", entry.code)
        for entries in codebook.subquestion_sets.values()
        for entry in entries
    ]
    codes += [
        (f"the box {item.none.label!r}", item.none.code)
        for item in codebook.items
        if item.none is not None
    ]
    for what, code in codes:
        if len(code) > LONGEST_CODE:
            raise InputError(
                f"the code of {what} is longer than {LONGEST_CODE} letters and digits, which "
                "survey tools do not take",
                value=code,
                remedy="Shorten the code in the codebook.",
            )
