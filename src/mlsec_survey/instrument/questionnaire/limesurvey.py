"""The questionnaire as LimeSurvey imports it: its tab-separated structure.

Source: the tab-separated survey structure of LimeSurvey's manual; `lss.py` writes the same rows in
the XML that LimeSurvey itself exports.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from html import escape
from itertools import count

from mlsec_survey.base.errors import InputError
from mlsec_survey.instrument.entries import NumberRange
from mlsec_survey.instrument.questionnaire.form import Choice, Condition, Form, Page, Question

SURVEY_ID = "111111"

# What the analysis rests on comes first: names stay with answers so that invitations can be used
# once, times are kept, network addresses are not, a page is a group of questions.
SETTINGS = {
    "anonymized": "N",
    "datestamp": "Y",
    "savetimings": "Y",
    "refurl": "Y",
    "ipaddr": "N",
    "ipanonymize": "N",
    "format": "G",
    "allowprev": "Y",
    "allowsave": "Y",
    "tokenanswerspersistence": "N",
    "alloweditaftercompletion": "N",
    "shownoanswer": "Y",
    "showwelcome": "Y",
    "showprogress": "Y",
    "questionindex": "0",
    "printanswers": "N",
    "publicstatistics": "N",
    "publicgraphs": "N",
    "listpublic": "N",
    "usecookie": "N",
    "usecaptcha": "N",
    "usetokens": "N",
    "tokenlength": "15",
    "allowregister": "N",
    "autoredirect": "N",
    "assessments": "N",
    "navigationdelay": "0",
    "nokeyboard": "N",
    "showxquestions": "N",
    "showgroupinfo": "N",
    "showqnumcode": "X",
    "htmlemail": "N",
    "sendconfirmation": "N",
    "showsurveypolicynotice": "0",
    "template": "fruity",
    "active": "N",
}

_TYPES = {
    ("single", False): "L",
    ("array", True): "F",
    ("multiple", True): "M",
    ("ranking", True): "R",
    ("number", False): "N",
    ("number", True): "K",
    ("date", False): "D",
    ("text", False): "T",
    ("text", True): "Q",
}
# Types of which an export has one column.
_ONE_COLUMN = frozenset("LTND")

# Attributes of a question, in columns of their own after those that every row has. The order of
# rows has two names, of older and of newer versions; each version passes over the other.
ATTRIBUTES = (
    "exclude_all_others",
    "random_order",
    "subquestion_order",
    "maximum_chars",
    "display_rows",
    "other_replace_text",
    "min_num_value_n",
    "max_num_value_n",
    "num_value_int_only",
    "date_format",
)
COLUMNS = (
    *("id", "related_id", "class", "type/scale", "name", "relevance", "text", "help", "language"),
    *("validation", "mandatory", "encrypted", "other", "default", "same_default", "same_script"),
    *ATTRIBUTES,
)

Row = dict[str, str]


def question_type(question: Question) -> str:
    """Return LimeSurvey's letter for the type of a question.

    Raises:
        InputError: LimeSurvey has no type for such an item.
    """
    kind = _TYPES.get((question.type, bool(question.rows)))
    if kind is None:
        raise InputError(
            f"no question of LimeSurvey is of the type {question.type!r}",
            value=question.item,
            remedy="Ask the item in another way, or leave it out of the questionnaire.",
        )
    return kind


def structure_rows(form: Form) -> list[Row]:
    """Return the structure as rows of the tab-separated file, language after language."""
    base, *others = form.languages
    rows = [
        _row("S", name=name, text=value)
        for name, value in {
            "sid": SURVEY_ID,
            "language": base,
            "additional_languages": " ".join(others),
            **SETTINGS,
        }.items()
    ]
    for language, wording in form.wordings.items():
        survey = wording.survey
        texts = {
            "surveyls_survey_id": SURVEY_ID,
            "surveyls_language": language,
            "surveyls_title": survey.title,
            "surveyls_description": _html(f"{survey.description}. {wording.notice}"),
            "surveyls_welcometext": _html(survey.welcome),
            "surveyls_endtext": _farewell(form, language),
            "surveyls_dateformat": "6",
            "surveyls_numberformat": "0",
        }
        rows += [
            _row("SL", name=name, text=text, language=language) for name, text in texts.items()
        ]
    for language in form.languages:
        ids = count(1)
        for page in form.pages:
            rows += _page_rows(page, language, ids, form.wordings[language].words.other)
    return rows


def structure_txt(form: Form) -> str:
    """Return the tab-separated structure, to be saved as UTF-8 with a byte-order mark."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([row.get(column, "") for column in COLUMNS] for row in structure_rows(form))
    return stream.getvalue()


def expression(condition: Condition) -> str:
    """Return a condition as LimeSurvey's expression, such as `(OCC_EVA.NAOK == "A1")`."""
    name = condition.question if condition.row is None else f"{condition.question}_{condition.row}"
    return "(" + " or ".join(f'{name}.NAOK == "{code}"' for code in condition.codes) + ")"


def _farewell(form: Form, language: str) -> str:
    """Return the text at the end: who was screened out reads why nothing further was asked."""
    survey = form.wordings[language].survey
    conditions = " and ".join(expression(c) for c in form.pages[-1].conditions)
    end, early = (_html(text).replace("'", "’") for text in (survey.end, survey.ended_early))
    return f"{{if({conditions}, '{end}', '{early}')}}" if conditions else end


def _html(text: str) -> str:
    """Return words as LimeSurvey, which takes texts for HTML, shows them as they are."""
    return escape(text, quote=False)


def _row(kind: str, **cells: str) -> Row:
    return {"class": kind, **cells}


def _page_rows(page: Page, language: str, ids: Iterator[int], other: str) -> Iterator[Row]:
    relevance = " and ".join(expression(condition) for condition in page.conditions) or "1"
    yield _row(
        "G",
        **{"id": str(page.number), "type/scale": str(page.number)},
        name=page.title[language],
        relevance=relevance,
        language=language,
    )
    for question in page.questions:
        yield _question_row(question, language, str(next(ids)), other)
        ranked = question.type == "ranking"
        if not ranked:
            for row in question.rows:
                yield _part_row(row, language, str(next(ids)))
        for answer in question.rows if ranked else question.answers:
            yield _row(
                "A",
                **{"type/scale": "0"},
                name=answer.code,
                text=_html(answer.words[language]),
                language=language,
            )


def _question_row(question: Question, language: str, number: str, other: str) -> Row:
    limit = "" if question.limit is None else str(question.limit)
    numbers = question.range or NumberRange()
    kind = question_type(question)
    attributes = {
        "exclude_all_others": ";".join(row.code for row in question.rows if row.exclusive),
        "random_order": "1" if question.random_order else "",
        "subquestion_order": "random" if question.random_order else "",
        "maximum_chars": limit if question.type == "text" else "",
        "display_rows": "4" if question.type == "text" else "",
        "other_replace_text": other if question.other else "",
        "min_num_value_n": _number(numbers.minimum),
        "max_num_value_n": _number(numbers.maximum),
        "num_value_int_only": "1" if numbers.whole else "",
        "date_format": "yyyy-mm-dd" if kind == "D" else "",
    }
    return _row(
        "Q",
        **{"id": number, "type/scale": kind},
        name=question.code,
        relevance="1" if question.shown_if is None else expression(question.shown_if),
        text=_html(question.words[language]),
        help=_html(question.help[language]),
        language=language,
        mandatory="Y" if question.required else "N",
        encrypted="N",
        other="Y" if question.other else "N",
        same_default="0",
        **attributes,
    )


def _number(limit: float | None) -> str:
    return "" if limit is None else f"{limit:g}"


def _part_row(row: Choice, language: str, number: str) -> Row:
    return _row(
        "SQ",
        **{"id": number, "type/scale": "0"},
        name=row.code,
        relevance="1" if row.shown_if is None else expression(row.shown_if),
        text=_html(row.words[language]),
        language=language,
    )


def predicted_header(rows: list[Row]) -> list[str]:
    """Return the headings that an export of the survey has, by question code, from its structure.

    Times of single questions are left out: they stand among the times of pages, and no analysis
    uses them.

    Source: the order in which LimeSurvey 6 writes the columns of a response.
    """
    settings = {row["name"]: row["text"] for row in rows if row["class"] == "S"}
    header = ["id", "submitdate", "lastpage", "startlanguage", "seed"]
    if settings["anonymized"] == "N":
        header.append("token")
    if settings["datestamp"] == "Y":
        header += ["startdate", "datestamp"]
    header += [name for name in ("ipaddr", "refurl") if settings[name] == "Y"]
    of_base = [row for row in rows if row.get("language") == settings["language"]]
    question: Mapping[str, str] = {}
    groups = 0
    for row in of_base:
        if row["class"] == "G":
            groups += 1
        elif row["class"] == "Q":
            question = row
            if row["type/scale"] in _ONE_COLUMN:
                header.append(row["name"])
            if row["type/scale"] == "L" and row["other"] == "Y":
                header.append(f"{row['name']}[other]")
        elif row["class"] == "SQ":
            header.append(f"{question['name']}[{row['name']}]")
        elif row["class"] == "A" and question["type/scale"] == "R":
            place = sum(name.startswith(f"{question['name']}[") for name in header) + 1
            header.append(f"{question['name']}[{place}]")
    if settings["savetimings"] == "Y":
        header += ["interviewtime", *(f"groupTime{group}" for group in range(1, groups + 1))]
    return header
