"""The questionnaire on paper, as a page and as LaTeX, for ethics boards and pretests.

Paper cannot hide a question, so filters become instructions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mlsec_survey.instrument.questionnaire.form import Condition, Form, Question

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class PaperQuestion:
    """One question as paper shows it.

    Attributes:
        question: what is asked.
        layout: `answers` to tick, a `grid` of rows and answers, `boxes` to tick, `fields` to write
            in row by row, or one `field`.
        instructions: in order.
    """

    question: Question
    layout: str
    instructions: tuple[str, ...]


def form_html(form: Form, language: str) -> str:
    """Return the form as one page that needs nothing else."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("form.html.j2").render(_context(form, language))


def form_tex(form: Form, language: str, escape: Callable[[str], str]) -> str:
    """Return the form as LaTeX.

    Args:
        form: the questionnaire.
        language: which of its languages.
        escape: makes text safe for LaTeX.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: escape(value) if isinstance(value, str) else value,
    )
    return environment.get_template("form.tex.j2").render(_context(form, language))


def _context(form: Form, language: str) -> dict[str, object]:
    pages = [
        (page, [_on_paper(form, question, language) for question in page.questions])
        for page in form.pages
    ]
    gates = {page.number: _gate(form, page.number, language) for page in form.pages}
    return {
        "form": form,
        "language": language,
        "wording": form.wordings[language],
        "pages": pages,
        "gates": gates,
    }


def _gate(form: Form, number: int, language: str) -> list[str]:
    """Return who goes on after a page: conditions that the next page has and this one has not."""
    following = [page for page in form.pages if page.number == number + 1]
    here = form.pages[number - 1].conditions
    template = form.wordings[language].paper.go_on_if
    return [
        _filled(form, condition, language, template)
        for page in following
        for condition in page.conditions
        if condition not in here
    ]


def _on_paper(form: Form, question: Question, language: str) -> PaperQuestion:
    paper = form.wordings[language].paper
    layouts = {
        "single": ("answers", paper.choose_one),
        "array": ("grid", paper.choose_per_row),
        "multiple": ("boxes", paper.choose_several),
        "number": ("fields" if question.rows else "field", paper.number),
        "date": ("field", paper.date),
        "ranking": ("fields", paper.rank),
        "text": (("fields", paper.write_per_row) if question.rows else ("field", paper.write)),
    }
    layout, instruction = layouts[question.type]
    conditions = [row.shown_if for row in question.rows if row.shown_if is not None]
    instructions = []
    if question.shown_if is not None:
        instructions.append(
            _filter(form, question.shown_if, language, paper.only_if, paper.only_unless)
        )
    elif conditions:
        instructions.append(
            _filter(form, conditions[0], language, paper.only_if_row, paper.only_unless_row)
        )
    return PaperQuestion(question, layout, (*instructions, instruction))


def _filter(form: Form, condition: Condition, language: str, only_if: str, unless: str) -> str:
    """Return a filter in words: which answers open the question, or the fewer that do not."""
    asked = form.question(condition.question)
    closing = tuple(a.code for a in asked.answers if a.code not in condition.codes)
    if 0 < len(closing) < len(condition.codes):
        closed = Condition(condition.question, condition.row, closing)
        return _filled(form, closed, language, unless)
    return _filled(form, condition, language, only_if)


def _filled(form: Form, condition: Condition, language: str, template: str) -> str:
    asked = form.question(condition.question)
    words = [answer.words[language] for answer in asked.answers if answer.code in condition.codes]
    words = words or [form.wordings[language].paper.ticked]
    before, _, after = template.partition("{answers}")
    # Several answers stand in quotation marks of their own, as the template has them.
    between = f"{after[:1]} {form.wordings[language].paper.or_} {before[-1:]}"
    return template.replace("{answers}", between.join(words)).replace("{number}", str(asked.number))
