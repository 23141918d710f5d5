"""Draft a codebook from a LimeSurvey structure (.lss) or archive (.lsa)."""

from __future__ import annotations

import html
import io
import re
import zipfile
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from mlsec_survey.base.errors import InputError
from mlsec_survey.instrument.drafting.draft import (
    Draft,
    DraftItem,
    DraftOption,
    is_none,
    missing_kind,
)

_LARGEST = 50_000_000
# LimeSurvey's letters; those with answers of their own bring them along.
_TYPES = {
    **dict.fromkeys("L!O", "single"),
    **dict.fromkeys("YG5", "single"),
    **dict.fromkeys("F1HABCE", "array"),
    **dict.fromkeys("MP", "multiple"),
    **dict.fromkeys("STU", "text"),
    "Q": "text",
    "N": "number",
    "K": "number",
    "D": "date",
    "R": "ranking",
}
_OWN_OPTIONS = {
    "Y": (("Y", "Yes"), ("N", "No")),
    "G": (("F", "Female"), ("M", "Male")),
    "5": tuple((str(n), str(n)) for n in range(1, 6)),
    "A": tuple((str(n), str(n)) for n in range(1, 6)),
    "B": tuple((str(n), str(n)) for n in range(1, 11)),
    "C": (("Y", "Yes"), ("N", "No"), ("U", "Uncertain")),
    "E": (("I", "Increase"), ("S", "Same"), ("D", "Decrease")),
}

Record = dict[str, str]


def draft_from_limesurvey(content: bytes, name: str) -> Draft:
    """Return what a structure or archive tells.

    Args:
        content: of the file.
        name: of the file, for the draft and for messages.

    Raises:
        InputError: it is neither, or its XML is not allowed.
    """
    if content.startswith(b"PK"):
        content = _structure_of(content, name)
    try:
        document = defusedxml.ElementTree.fromstring(content, forbid_dtd=True, forbid_entities=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise InputError(
            f"no LimeSurvey structure: its XML is malformed or not allowed ({error})",
            file=name,
            remedy="Export the survey again: Tools > Export > Survey structure (.lss).",
        ) from None
    if document.findtext("LimeSurveyDocType") != "Survey":
        raise InputError(
            "this XML is no LimeSurvey survey structure",
            file=name,
            remedy="Export the survey: Tools > Export > Survey structure (.lss).",
        )
    try:
        return _draft(document, name)
    except (KeyError, ValueError) as error:
        raise InputError(
            f"a part of this survey structure is missing or damaged ({error})",
            file=name,
            remedy="Export the survey again: Tools > Export > Survey structure (.lss).",
        ) from None


def _structure_of(content: bytes, name: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = [part for part in archive.infolist() if part.filename.endswith(".lss")]
            if len(parts) == 1 and parts[0].file_size <= _LARGEST:
                return archive.read(parts[0])
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError):
        pass
    raise InputError(
        "this archive holds no LimeSurvey structure",
        file=name,
        remedy="Export the survey archive again, or its structure (.lss).",
    )


def _draft(document: Element, name: str) -> Draft:
    base, languages = _languages(document)
    texts = _texts(document, base)
    groups = sorted(
        _table(document, "groups"), key=lambda group: int(group.get("group_order") or 0)
    )
    pages = {gid: at for at, gid in enumerate(dict.fromkeys(g["gid"] for g in groups), start=1)}
    titles = {
        pages[gid]: title for gid, title in texts["group_name"].items() if gid in pages and title
    }
    attributes: dict[str, dict[str, str]] = {}
    for row in _table(document, "question_attributes"):
        attributes.setdefault(row["qid"], {})[row["attribute"]] = row.get("value", "")
    questions = _in_language(_table(document, "questions"), base)
    parts = _in_language(_table(document, "subquestions"), base)
    answers = _in_language(_table(document, "answers"), base)
    items, left_out = [], []
    for row in sorted(questions, key=lambda q: (pages[q["gid"]], int(q["question_order"]))):
        label = texts["question"].get(row["qid"]) or row["title"]
        if row["type"] not in _TYPES:
            left_out.append(f"{row['title']} ({label}), of LimeSurvey's type {row['type']!r}")
            continue
        items.append(
            _item(row, pages[row["gid"]], label, parts, answers, texts, attributes.get(row["qid"]))
        )
    return Draft(name, tuple(items), titles, languages, tuple(left_out))


def _item(
    row: Record,
    page: int,
    label: str,
    parts: list[Record],
    answers: list[Record],
    texts: dict[str, dict[str, str]],
    attributes: dict[str, str] | None,
) -> DraftItem:
    settings = attributes or {}
    rows = tuple(
        DraftOption(part["title"], texts["question"].get(part["qid"]) or part["title"])
        for part in sorted(parts, key=lambda p: int(p["question_order"]))
        if part["parent_qid"] == row["qid"]
    )
    own = _OWN_OPTIONS.get(row["type"])
    options = tuple(
        DraftOption(answer["code"], texts["answer"].get(answer["aid"]) or answer["code"])
        for answer in sorted(answers, key=lambda a: int(a.get("sortorder") or 0))
        if answer["qid"] == row["qid"]
    )
    if own is not None:
        options = tuple(DraftOption(code, text) for code, text in own)
    kind = _TYPES[row["type"]]
    notes = []
    if kind == "ranking":
        rows, options = options, ()
    exclusive = {code for code in settings.get("exclude_all_others", "").split(";") if code}
    if kind == "multiple":
        likely = {r.code for r in rows if is_none(r.label) or missing_kind(r.label)}
        if likely - exclusive:
            notes.append(
                f"{', '.join(sorted(likely - exclusive))} can be ticked beside other boxes"
            )
        exclusive |= likely
    relevance = row.get("relevance", "1").strip()
    if relevance not in {"", "1"}:
        notes.append(f"shown only if {' '.join(relevance.split())} (write it as shown_if)")
    filtered = {p["relevance"] for p in parts if p["parent_qid"] == row["qid"]} - {"", "1"}
    if filtered:
        notes.append("rows are shown under a condition of their own (write it as shown_if)")
    other = row.get("other") == "Y"
    if other and kind == "multiple":
        notes.append("it has a field other, which a checklist of the codebook has not")
        other = False
    return DraftItem(
        row["title"],
        kind,
        label,
        page,
        options if kind in {"single", "array"} else (),
        rows,
        other,
        exclusive=frozenset(exclusive),
        notes=tuple(notes),
    )


def _languages(document: Element) -> tuple[str, tuple[str, ...]]:
    settings = _table(document, "surveys")
    base = settings[0].get("language", "en") if settings else "en"
    more = settings[0].get("additional_languages", "").split() if settings else []
    return base, (base, *more)


def _texts(document: Element, language: str) -> dict[str, dict[str, str]]:
    """Return names of groups, words of questions and of answers, each by its id."""
    found: dict[str, dict[str, str]] = {"group_name": {}, "question": {}, "answer": {}}
    sources = (
        ("groups", "gid", "group_name"),
        ("group_l10ns", "gid", "group_name"),
        ("questions", "qid", "question"),
        ("subquestions", "qid", "question"),
        ("question_l10ns", "qid", "question"),
        ("answers", "aid", "answer"),
        ("answer_l10ns", "aid", "answer"),
    )
    for table, key, column in sources:
        for row in _in_language(_table(document, table), language):
            if row.get(column):
                found[column][row.get(key, "")] = _plain(row[column])
    return found


def _in_language(rows: list[Record], language: str) -> list[Record]:
    return [row for row in rows if row.get("language", language) in {language, ""}]


def _table(document: Element, name: str) -> list[Record]:
    return list(_rows(document, name))


def _rows(document: Element, name: str) -> Iterator[Record]:
    table = document.find(name)
    rows = None if table is None else table.find("rows")
    for number, row in enumerate(rows if rows is not None else (), start=1):
        record = {cell.tag: cell.text or "" for cell in row}
        if name == "answers":
            # Before version 4 answers had no number of their own.
            record.setdefault("aid", str(number))
        yield record


def _plain(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())
