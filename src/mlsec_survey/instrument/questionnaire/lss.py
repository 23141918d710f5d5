"""The questionnaire as a LimeSurvey structure file (.lss), from the rows of the tab-separated one.

Source: the structure that LimeSurvey 6.4 (database version 620) exports.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from mlsec_survey.instrument.questionnaire.limesurvey import ATTRIBUTES, Row

DATABASE_VERSION = "620"

_THEMES = {
    "L": "listradio",
    "F": "arrays/array",
    "M": "multiplechoice",
    "Q": "multipleshorttext",
    "T": "longfreetext",
    "N": "numerical",
    "K": "multiplenumeric",
    "R": "ranking",
    "D": "date",
}
_FLAGS = ("other", "mandatory", "encrypted")

Record = dict[str, str]


def structure_lss(rows: list[Row]) -> bytes:
    """Return a structure as XML.

    Args:
        rows: as `limesurvey.structure_rows` returns them; ids are given in the order of the rows.
    """
    settings = {row["name"]: row["text"] for row in rows if row["class"] == "S"}
    languages = [settings["language"], *settings["additional_languages"].split()]
    tables = _tables(rows, settings["sid"], languages)
    survey = {name: text for name, text in settings.items() if name != "active"}
    document = Element("document")
    SubElement(document, "LimeSurveyDocType").text = "Survey"
    SubElement(document, "DBVersion").text = DATABASE_VERSION
    known = SubElement(document, "languages")
    for language in languages:
        SubElement(known, "language").text = language
    for name, records in tables.items():
        _add_table(document, name, records)
    _add_table(document, "surveys", [survey])
    words: dict[str, Record] = {language: {} for language in languages}
    for row in rows:
        if row["class"] == "SL":
            words[row["language"]][row["name"]] = row["text"]
    _add_table(document, "surveys_languagesettings", words.values())
    indent(document, space=" ")
    return tostring(document, encoding="UTF-8", xml_declaration=True) + b"\n"


def _tables(rows: list[Row], survey: str, languages: list[str]) -> dict[str, list[Record]]:
    names = ("answers", "answer_l10ns", "groups", "group_l10ns", "questions", "subquestions")
    tables: dict[str, list[Record]] = {
        name: [] for name in (*names, "question_l10ns", "question_attributes")
    }
    translated = {
        language: [row for row in rows if row.get("language") == language and row["class"] != "SL"]
        for language in languages
    }
    answer_ids, text_ids = count(1), count(1)
    group = question = kind = ""
    rows_so_far = answers_so_far = 0
    for same in zip(*translated.values(), strict=True):
        row = same[0]
        texts = list(zip(languages, same, strict=True))
        if row["class"] == "G":
            group = row["id"]
            tables["groups"].append(
                {
                    "gid": group,
                    "sid": survey,
                    "group_order": row["id"],
                    "randomization_group": "",
                    "grelevance": row["relevance"],
                }
            )
            tables["group_l10ns"] += [
                {
                    "id": str(next(text_ids)),
                    "gid": group,
                    "group_name": one["name"],
                    "description": "",
                    "language": language,
                }
                for language, one in texts
            ]
        elif row["class"] in {"Q", "SQ"}:
            asked = row["class"] == "Q"
            if asked:
                question, kind, rows_so_far, answers_so_far = row["id"], row["type/scale"], 0, 0
            else:
                rows_so_far += 1
            parent, place = ("0", row["id"]) if asked else (question, str(rows_so_far))
            tables["questions" if asked else "subquestions"].append(
                {
                    "qid": row["id"],
                    "parent_qid": parent,
                    "sid": survey,
                    "gid": group,
                    "type": kind,
                    "title": row["name"],
                    "preg": "",
                    **{flag: row.get(flag, "N") for flag in _FLAGS},
                    "question_order": place,
                    "scale_id": "0",
                    "same_default": "0",
                    "relevance": row["relevance"],
                    "question_theme_name": _THEMES[kind] if asked else "",
                    "modulename": "",
                    "same_script": "0",
                }
            )
            tables["question_l10ns"] += [
                {
                    "id": str(next(text_ids)),
                    "qid": row["id"],
                    "question": one["text"],
                    "help": one.get("help", ""),
                    "script": "",
                    "language": language,
                }
                for language, one in texts
            ]
            tables["question_attributes"] += _attributes(texts, row)
        elif row["class"] == "A":
            number = str(next(answer_ids))
            answers_so_far += 1
            tables["answers"].append(
                {
                    "aid": number,
                    "qid": question,
                    "code": row["name"],
                    "sortorder": str(answers_so_far),
                    "assessment_value": "0",
                    "scale_id": row["type/scale"],
                }
            )
            tables["answer_l10ns"] += [
                {
                    "id": str(next(text_ids)),
                    "aid": number,
                    "answer": one["text"],
                    "language": language,
                }
                for language, one in texts
            ]
    return tables


def _attributes(texts: list[tuple[str, Row]], row: Row) -> list[Record]:
    """Return the attributes that are set; the words of one of them differ by language."""
    found = []
    for name in ATTRIBUTES:
        if name == "other_replace_text":
            found += [(name, one.get(name, ""), language) for language, one in texts]
        else:
            found.append((name, row.get(name, ""), ""))
    return [
        {"qid": row["id"], "attribute": name, "value": value, "language": language}
        for name, value, language in found
        if value
    ]


def _add_table(document: Element, name: str, records: Iterable[Mapping[str, str]]) -> None:
    records = list(records)
    table = SubElement(document, name)
    fields = SubElement(table, "fields")
    for field in records[0] if records else ():
        SubElement(fields, "fieldname").text = field
    rows = SubElement(table, "rows")
    for record in records:
        row = SubElement(rows, "row")
        for field, value in record.items():
            SubElement(row, field).text = value
