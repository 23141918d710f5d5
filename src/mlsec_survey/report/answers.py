"""The answers that readers meet first: sentences of a data file, filled with published numbers.

`data/answers.yml` says which questions come first and in which words; what they are filled with
comes from the notebooks' records, so that a run with other answers gives other sentences.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from mlsec_survey.base.yaml_input import Entry, Sequence, read_yaml, validate
from mlsec_survey.report.basis import basis_label

_PLACE = re.compile(r"\{([a-z][a-z0-9_]*)(\.unit)?\}")
_MARKS = {"tables": "tab", "figures": "fig", "numbers": "num"}
NOT_COMPUTED = "Not computed in this run."


class Question(Entry):
    """A question as the file asks it, with the sentences that answer it.

    Attributes:
        answer, interval, n: text in which {key} stands for a published number, {key.unit} for its
            unit.
        result: the published table, figure or number whose cell computed it.
        readme: whether the README carries it too.
    """

    id: str
    question: str
    answer: str
    interval: str = ""
    n: str
    result: str
    readme: bool = False


class Link(Entry):
    """A link from the first page."""

    text: str
    href: str


class WayIn(Entry):
    """Where to begin for one kind of reader."""

    id: str
    title: str
    text: str
    links: Annotated[Sequence[Link], Field(min_length=1)]


class AnswersFile(Entry):
    """What `data/answers.yml` holds; `on_pages` are asked on the page of their notebook alone."""

    version: int
    figure: str
    questions: Annotated[Sequence[Question], Field(min_length=1)]
    without_answers: Sequence[Question] = ()
    on_pages: Sequence[Question] = ()
    ways: Sequence[WayIn] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """One question with its computed answer.

    Attributes:
        answer: a sentence with its numbers.
        interval: how sure it is, in words; may be empty.
        n: how many respondents it rests on.
        status: what it rests on, such as "synthetic stand-in" or "published facts".
        notebook, anchor: the page and the place on it where it was computed; empty where this run
            does not compute it.
    """

    id: str
    question: str
    answer: str
    interval: str
    n: str
    status: str
    notebook: str
    anchor: str
    readme: bool


@dataclass(frozen=True, slots=True)
class FirstPage:
    """What the first page opens with.

    Attributes:
        answers: what was computed from answers.
        without_answers: what is true whatever the answers are.
        figure: key of the figure beside the answers.
        figure_notebook: the notebook that draws it; empty where none does.
    """

    answers: tuple[Answer, ...]
    without_answers: tuple[Answer, ...]
    ways: tuple[WayIn, ...]
    figure: str
    figure_notebook: str


def load_answers(path: Path, records: Mapping[str, Mapping[str, Any]]) -> FirstPage:
    """Read the questions and fill in what the notebooks published.

    A question whose numbers this run does not publish (free text that nobody has coded yet, say) is
    kept and says so.

    Args:
        path: the file.
        records: the notebooks' records by notebook, as `macros.read_records` returns them.

    Raises:
        InputError: the file has the wrong shape.
    """
    content = validate(read_yaml(path), AnswersFile)
    return FirstPage(
        tuple(_filled(entry, records) for entry in content.questions),
        tuple(_filled(entry, records) for entry in content.without_answers),
        content.ways,
        content.figure,
        _find(content.figure, ("figures",), records)[1],
    )


def answers_of(path: Path, notebook: str, record: Mapping[str, Any]) -> tuple[Answer, ...]:
    """Return the answers that a notebook computes by itself, for the top of its page.

    Args:
        path: the file.
        notebook: its name.
        record: what it published.

    Raises:
        InputError: the file has the wrong shape.
    """
    content = validate(read_yaml(path), AnswersFile)
    asked = (*content.questions, *content.without_answers, *content.on_pages)
    filled = (_filled(entry, {notebook: record}) for entry in asked)
    return tuple(answer for answer in filled if answer.notebook)


def _filled(entry: Question, records: Mapping[str, Mapping[str, Any]]) -> Answer:
    def fill(text: str) -> str:
        def value(place: re.Match[str]) -> str:
            number = _find(place[1], ("numbers",), records)[2]
            return str(number["unit"] if place[2] else number["text"])

        text = " ".join(_PLACE.sub(value, text).split())
        # A number is never broken from its per cent.
        return (text[:1].upper() + text[1:]).replace(" %", "\N{NO-BREAK SPACE}%")

    kind, notebook, result = _find(entry.result, tuple(_MARKS), records)
    keys = _PLACE.findall(f"{entry.answer} {entry.interval} {entry.n}")
    known = bool(notebook) and all(_find(key, ("numbers",), records)[1] for key, _ in keys)
    return Answer(
        id=entry.id,
        question=entry.question,
        answer=fill(entry.answer) if known else NOT_COMPUTED,
        interval=fill(entry.interval) if known else "",
        n=fill(entry.n) if known else "",
        status=basis_label(result["basis"], records[notebook]["synthetic"]) if known else "",
        notebook=notebook if known else "",
        anchor=f"{_MARKS[kind]}-{entry.result}" if known else "",
        readme=entry.readme,
    )


def _find(
    key: str, kinds: tuple[str, ...], records: Mapping[str, Mapping[str, Any]]
) -> tuple[str, str, Mapping[str, Any]]:
    """Return kind, notebook and entry of a published result; empty where there is none."""
    for kind in kinds:
        for notebook, record in records.items():
            if key in record[kind]:
                return kind, notebook, record[kind][key]
    return "", "", {}
