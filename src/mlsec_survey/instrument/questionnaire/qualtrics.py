"""The questionnaire as Qualtrics imports it: the Advanced Format, and what has to be set by hand.

The Advanced Format holds questions, answers and their numbers, and no logic; conditions, exclusive
boxes and limits are listed for whoever sets the survey up.

Source: "Preparing an Advanced Format TXT File" in Qualtrics' documentation of imports.
"""

from __future__ import annotations

from html import escape

from mlsec_survey.base.errors import InputError
from mlsec_survey.instrument.questionnaire.form import Choice, Condition, Form, Question

# Numbers of the answers that are none; above those of any set of answers.
_FIRST_MISSING = 98

_TYPES = {
    ("single", False): "MC:SingleAnswer:Vertical",
    ("array", True): "Matrix",
    ("multiple", True): "MC:MultipleAnswer:Vertical",
    ("text", False): "TE:Essay",
    ("text", True): "TE:Form",
    ("number", False): "TE:SingleLine",
    ("number", True): "TE:Form",
    ("date", False): "TE:SingleLine",
    ("ranking", True): "RO",
}


def advanced_format(form: Form, language: str) -> str:
    """Return the questionnaire in one language in Qualtrics' Advanced Format."""
    survey = form.wordings[language].survey
    lines = ["[[AdvancedFormat]]", "", "[[Block:Welcome]]", "", "[[Question:DB]]", "[[ID:WELCOME]]"]
    notice = form.wordings[language].notice
    lines += [_text(survey.title), "<br>", _text(notice), "<br>", _text(survey.welcome), ""]
    for page in form.pages:
        lines += [f"[[Block:{page.number} {_text(page.title[language])}]]", ""]
        for question in page.questions:
            lines += [*_question(question, language, form.wordings[language].words.other), ""]
    return "\n".join(lines)


def by_hand(form: Form, language: str) -> str:
    """Return what has to be set in Qualtrics after the import, question by question, as text."""
    wording = form.wordings[language]
    lines = [
        f"{wording.survey.title}: what to set in Qualtrics after importing the questionnaire",
        wording.notice,
        "",
        "Survey options: back button on, save and continue on, anonymise responses off; prevent",
        "multiple submissions where no invitation codes are used.",
        f"End of survey: {wording.survey.end}",
        f"Custom end for those who are screened out: {wording.survey.ended_early}",
        "Export: CSV, numeric values, with multi-value fields split into columns.",
        "",
    ]
    # A condition that a page has holds for all that follow.
    first = {condition: page for page in reversed(form.pages) for condition in page.conditions}
    for condition, page in first.items():
        met = _condition(form, condition, language)
        lines.append(f"Survey flow: from block {page.number} on only if {met}; else the custom end")
    for question in form.questions():
        lines += [f"{question.code}: {rule}" for rule in _rules(form, question, language)]
    return "\n".join(lines) + "\n"


def numbers(question: Question) -> dict[str, int]:
    """Return the number that Qualtrics exports for each answer of a question, by code.

    An answer whose value is a number keeps it; others are numbered from 1, and the answers that
    are none from 98.
    """
    found: dict[str, int] = {}
    missing = _FIRST_MISSING
    for place, answer in enumerate(question.answers, start=1):
        if answer.value is None:
            found[answer.code], missing = missing, missing + 1
        else:
            found[answer.code] = answer.value if isinstance(answer.value, int) else place
    return found


def export_codes(form: Form) -> list[tuple[str, str, str, str]]:
    """Return what Qualtrics' columns and numbers stand for.

    Returns:
        Rows of Qualtrics' column, its number (empty for any), the column of the codebook, its code
        (empty for what was written).
    """
    rows = []
    for question in form.questions():
        if not question.rows:
            rows += _cells(question, question.code, question.code)
            if question.other:
                place = len(question.answers) + 1
                rows.append((f"{question.code}_{place}_TEXT", "", f"{question.code}[other]", ""))
        for place, row in enumerate(question.rows, start=1):
            names = f"{question.code}_{place}", f"{question.code}[{row.code}]"
            if question.type == "multiple":
                rows.append((names[0], "1", names[1], "Y"))
            elif question.type == "ranking":
                # A column per thing with its place, where the codebook has a column per place.
                places = range(1, len(question.rows) + 1)
                rows += [(names[0], str(p), f"{question.code}[{p}]", row.code) for p in places]
            else:
                rows += _cells(question, *names)
    return rows


def _cells(question: Question, column: str, name: str) -> list[tuple[str, str, str, str]]:
    if not question.answers:
        return [(column, "", name, "")]
    codes = [(str(number), code) for code, number in numbers(question).items()]
    if question.other:
        codes.append((str(len(question.answers) + 1), "-oth-"))
    return [(column, number, name, code) for number, code in codes]


def _question(question: Question, language: str, other: str) -> list[str]:
    kind = _TYPES.get((question.type, bool(question.rows)))
    if kind is None:
        raise InputError(
            f"no question of Qualtrics is of the type {question.type!r}",
            value=question.item,
            remedy="Ask the item in another way, or leave it out of the questionnaire.",
        )
    lines = [f"[[Question:{kind}]]", f"[[ID:{question.code}]]", _text(question.words[language])]
    if question.help[language]:
        lines += ["<br>", f"<em>{_text(question.help[language])}</em>"]
    if question.rows:
        lines += _listed("Choice", dict(enumerate(question.rows, start=1)), language)
    if question.answers:
        by_number = {numbers(question)[answer.code]: answer for answer in question.answers}
        heading = "Answer" if question.rows else "Choice"
        lines += _listed(heading, by_number, language)
        if question.other:
            lines += [f"[[Choice:{len(question.answers) + 1}]]", f"{_text(other)} [[TextEntry]]"]
    return lines


def _listed(heading: str, choices: dict[int, Choice], language: str) -> list[str]:
    lines = [f"[[Advanced{heading}s]]"]
    for number, choice in choices.items():
        lines += [f"[[{heading}:{number}]]", _text(choice.words[language])]
    return lines


def _text(text: str) -> str:
    """Return text for a line of the format: HTML is escaped, brackets cannot become a tag."""
    return escape(" ".join(text.split()), quote=False).replace("[[", "[ [")


def _rules(form: Form, question: Question, language: str) -> list[str]:
    rules = []
    if question.required:
        rules.append("force a response")
    if question.shown_if is not None:
        rules.append(f"display logic: {_condition(form, question.shown_if, language)}")
    for row in question.rows:
        if row.shown_if is not None:
            condition = _condition(form, row.shown_if, language)
            rules.append(f"row “{row.words[language]}”, display logic: {condition}")
    exclusive = [row.words[language] for row in question.rows if row.exclusive]
    if exclusive:
        rules.append("make these choices exclusive: " + ", ".join(f"“{e}”" for e in exclusive))
    if question.random_order:
        rules.append("randomise the order of the statements")
    if question.type == "date":
        rules.append("validate the content as a date, year-month-day")
    if question.type == "number":
        limits = question.range
        low, high = (limits.minimum, limits.maximum) if limits else (None, None)
        ends = [f"from {low:g}"] if low is not None else []
        ends += [f"to {high:g}"] if high is not None else []
        rules.append(" ".join(["validate the content as a number", *ends]))
    if question.limit is not None:
        field = "the text of the last choice" if question.other else "each text"
        rules.append(f"limit {field} to {question.limit} characters")
    return rules


def _condition(form: Form, condition: Condition, language: str) -> str:
    asked = form.question(condition.question)
    words = {answer.code: answer.words[language] for answer in asked.answers}
    # The boxes of a checklist have no answers of their own.
    chosen = " or ".join(f"“{words.get(code, 'selected')}”" for code in condition.codes)
    rows = {row.code: row.words[language] for row in asked.rows}
    where = (
        condition.question if condition.row is None else f"{asked.code}, “{rows[condition.row]}”,"
    )
    return f"{where} is {chosen}"
