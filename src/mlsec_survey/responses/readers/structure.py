"""The questionnaire that an archive carries, and where it differs from the codebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlsec_survey.instrument.codebook import OTHER_CODE, Codebook

# LimeSurvey's letters for question types, by what the codebook calls them.
_TYPES = {
    "single": set("L!OYGI5"),
    "array": set("FABCEH1"),
    "multiple": set("MP"),
    "text": set("STUQND"),
}
_NO_ANSWER = {
    "X": "a text display, which asks nothing",
    "*": "an equation, which the survey computes",
    "|": "files that people sent in are not analysed",
}


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a survey in LimeSurvey.

    Attributes:
        code, type, qid, field: its code, letter of its type, number, and column of the database.
        page: place of its group, from 1.
        other: whether it has the option other.
        relevance, page_relevance: conditions under which it and its group are shown.
        parts: code and number of each sub-question.
        options: codes of the answer options.
        exclusive: codes of boxes that exclude all others.
    """

    code: str
    type: str
    qid: str
    field: str
    page: int
    other: bool
    relevance: str
    page_relevance: str
    parts: tuple[tuple[str, str], ...]
    options: tuple[str, ...]
    exclusive: frozenset[str]

    @property
    def no_answer(self) -> str | None:
        """Why the question holds no answer to analyse; None if it does."""
        return _NO_ANSWER.get(self.type)


@dataclass(frozen=True, slots=True)
class Structure:
    """A survey's settings and questions."""

    settings: Mapping[str, str]
    questions: tuple[Question, ...]

    def fields(self) -> dict[str, str]:
        """Return the heading of each column of the database, in old and in new names."""
        found: dict[str, str] = {}
        for question in self.questions:
            code, new = question.code, f"Q{question.qid}"
            for field in (question.field, new):
                found[field] = code
                found[f"{field}other"] = found[f"{field}_Cother"] = f"{code}[other]"
                found[f"{field}comment"] = found[f"{field}_Ccomment"] = f"{code}[comment]"
                found[f"{field}_filecount"] = found[f"{field}_Cfilecount"] = f"{code}[filecount]"
            for part, number in question.parts:
                heading = f"{code}[{part}]"
                found[f"{question.field}{part}"] = found[f"{new}_S{number}"] = heading
                found[f"{question.field}{part}comment"] = f"{code}[{part}comment]"
        return found

    def timing_fields(self) -> dict[str, str]:
        """Return the heading of each column of timings, as LimeSurvey's CSV writes it."""
        found = {"interviewtime": "interviewtime"}
        for question in self.questions:
            group = question.field.rpartition("X")[0]
            found[f"{group}time"] = f"groupTime{question.page}"
            found[f"{question.field}time"] = f"{question.code}Time"
        return found


def differences(structure: Structure, codebook: Codebook) -> Iterator[str]:
    """Say where a survey differs from the codebook, one sentence each."""
    questions = {question.code: question for question in structure.questions}
    for item in codebook.items:
        question = questions.get(item.code)
        if question is None:
            continue
        if question.no_answer is None and question.type not in _TYPES.get(item.type, set()):
            yield (
                f"the question {item.code} has LimeSurvey's type {question.type!r}, which is none "
                f"of type {item.type} in the codebook"
            )
        if question.page != item.page:
            yield (
                f"the question {item.code} stands on page {question.page} of the survey and on "
                f"page {item.page} of the codebook"
            )
        if item.options is not None and question.options:
            known = {option.code for option in codebook.options(item)} - {OTHER_CODE}
            known |= set(codebook.missing_codes(item)) - {""}
            strange = [code for code in question.options if code not in known]
            if strange:
                listed = ", ".join(strange)
                yield f"the question {item.code} offers {listed}, which the codebook lacks"
            offered = {option.code for option in codebook.options(item)} - {OTHER_CODE}
            absent = sorted(offered - set(question.options))
            if absent:
                yield f"the question {item.code} does not offer {', '.join(absent)}"
        if item.other and not question.other:
            yield f"the question {item.code} has no option other"
        if item.shown_if is not None and question.relevance.strip() in {"", "1"}:
            filtered = all(number for _, number in question.parts)
            if not filtered or not question.parts:
                yield f"the question {item.code} is shown to all; the codebook has a filter"
        lacking = set(codebook.exclusive_codes(item)) - question.exclusive
        if item.type == "multiple" and lacking:
            yield (
                f"in the question {item.code} {', '.join(sorted(lacking))} can be ticked together "
                "with other boxes"
            )
    settings = structure.settings
    for name, wanted, meaning in (
        ("savetimings", "Y", "timings are not kept"),
        ("datestamp", "Y", "dates are not kept"),
        ("anonymized", "N", "answers are anonymous, so that repeated answers cannot be found"),
    ):
        if settings.get(name, wanted) not in {wanted, "I"}:
            yield f"in the survey's settings {meaning}"
