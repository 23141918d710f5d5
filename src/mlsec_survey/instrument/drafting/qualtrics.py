"""Draft a codebook from a Qualtrics survey file (.qsf)."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from typing import Any

from mlsec_survey.base.errors import InputError
from mlsec_survey.instrument.drafting.draft import (
    Draft,
    DraftItem,
    DraftOption,
    is_none,
    is_other,
    missing_kind,
)

_MULTIPLE = {"MAVR", "MAHR", "MACOL", "MSB"}


def draft_from_qualtrics(content: bytes, name: str) -> Draft:
    """Return what a survey file tells.

    Args:
        content: of the file.
        name: of the file, for the draft and for messages.

    Raises:
        InputError: it is no survey file of Qualtrics.
    """
    try:
        return _draft(json.loads(content.decode("utf-8-sig")), name)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError(
            "no survey file of Qualtrics",
            file=name,
            remedy="In Qualtrics: Tools > Import/Export > Export survey, which gives a .qsf file.",
        ) from None


def _draft(survey: Any, name: str) -> Draft:
    elements = [e for e in survey["SurveyElements"] if isinstance(e, dict)]
    language = str(survey["SurveyEntry"].get("SurveyLanguage") or "EN").lower()
    pages, titles = _pages(elements)
    items, left_out = [], []
    payloads = {
        payload.get("QuestionID", e.get("PrimaryAttribute")): payload
        for e in elements
        if e.get("Element") == "SQ" and isinstance(payload := e.get("Payload"), dict)
    }
    asked = [number for number in pages if number in payloads]
    for number in asked:
        payload = payloads[number]
        label = _plain(payload.get("QuestionText", ""))
        item = _item(payload, label, pages[number])
        if item is None:
            kind = payload.get("QuestionType")
            left_out.append(f"{payload.get('DataExportTag')} ({label}), of Qualtrics' type {kind}")
        else:
            items.append(item)
    left_out += [
        f"{payload.get('DataExportTag')}, which is in no block"
        for number, payload in payloads.items()
        if number not in pages
    ]
    return Draft(name, tuple(items), titles, (language[:2],), tuple(left_out))


def _pages(elements: list[dict[str, Any]]) -> tuple[dict[str, int], dict[int, str]]:
    """Return the page of each question, and the titles of pages: their block's description."""
    pages: dict[str, int] = {}
    titles: dict[int, str] = {}
    page = 0
    for element in elements:
        if element.get("Element") != "BL":
            continue
        payload = element.get("Payload") or []
        blocks = list(payload.values()) if isinstance(payload, dict) else payload
        for block in blocks:
            if block.get("Type") == "Trash":
                continue
            page += 1
            titles[page] = str(block.get("Description") or "")
            for entry in block.get("BlockElements") or []:
                if entry.get("Type") == "Page Break":
                    page += 1
                    titles[page] = str(block.get("Description") or "")
                elif entry.get("QuestionID"):
                    pages[entry["QuestionID"]] = page
    return pages, titles


def _item(payload: Mapping[str, Any], label: str, page: int) -> DraftItem | None:
    kind, selector = payload.get("QuestionType"), payload.get("Selector")
    tag = str(payload.get("DataExportTag") or payload.get("QuestionID"))
    code, notes = tag, []
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,19}", tag):
        code = re.sub(r"[^A-Za-z0-9]", "", tag)[:20] or "Q"
        notes.append(f"the export tag {tag!r} is no code; rename it to {code} in Qualtrics")
    if payload.get("DisplayLogic"):
        notes.append("display logic decides who is shown it (write it as shown_if)")
    choices = _choices(payload, "Choices", "ChoiceOrder", rows=kind == "Matrix")
    if kind == "MC" and selector in _MULTIPLE:
        exclusive = frozenset(c.code for c in choices if is_none(c.label) or missing_kind(c.label))
        return DraftItem(
            code, "multiple", label, page, rows=choices, exclusive=exclusive, notes=tuple(notes)
        )
    if kind == "MC":
        other = any(is_other(choice.label) for choice in choices)
        return DraftItem(code, "single", label, page, choices, other=other, notes=tuple(notes))
    if kind == "Matrix" and selector in {"Likert", "Bipolar"}:
        answers = _choices(payload, "Answers", "AnswerOrder", rows=False)
        if payload.get("SubSelector") == "MultipleAnswer":
            notes.append("several answers per row could be chosen, which no codebook item takes")
        return DraftItem(code, "array", label, page, answers, choices, notes=tuple(notes))
    if kind == "TE":
        rows = choices if selector == "FORM" else ()
        return DraftItem(code, "text", label, page, rows=rows, notes=tuple(notes))
    if kind == "RO":
        return DraftItem(code, "ranking", label, page, rows=choices, notes=tuple(notes))
    if kind == "Slider":
        return DraftItem(code, "number", label, page, rows=choices, notes=tuple(notes))
    return None


def _choices(
    payload: Mapping[str, Any], key: str, order: str, *, rows: bool
) -> tuple[DraftOption, ...]:
    entries = payload.get(key) or {}
    if isinstance(entries, list):
        entries = {str(at): entry for at, entry in enumerate(entries, start=1)}
    recoded = payload.get("RecodeValues") or {}
    numbers = [str(number) for number in payload.get(order) or entries]
    found = []
    for number in numbers:
        if number in entries:
            code = number if rows else str(recoded.get(number, number))
            value = int(code) if re.fullmatch(r"-?\d{1,6}", code) else None
            found.append(DraftOption(code, _plain(entries[number].get("Display", "")), value))
    return tuple(found)


def _plain(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", str(text))).split()) or "?"
