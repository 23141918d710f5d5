"""Which column of the codebook each heading of an export stands for, however it is written."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mlsec_survey.instrument.codebook import Codebook, Column
from mlsec_survey.instrument.questionnaire.wording import Wording
from mlsec_survey.responses.readers.table import Table

_TAG = re.compile(r"<[^<>]{1,200}>")
_NOT_WORD = re.compile(r"[\W_]+")
_CODE_AND_REST = re.compile(r"([A-Za-z][A-Za-z0-9]*(?:\[[A-Za-z0-9]+\]|_[A-Za-z0-9]+)?)(?=\W)")
_UPLOAD = re.compile(r'\s*\[\s*\{.*"(?:filename|title)"\s*:', re.DOTALL)


def words(text: str) -> str:
    """Return the words of a text without markup, marks and capitals, to compare wordings."""
    return _NOT_WORD.sub(" ", html.unescape(_TAG.sub(" ", text))).strip().casefold()


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a survey tool calls the columns that it writes about a response itself.

    Attributes:
        paradata: column of the codebook's paradata by heading, in the tool's code or in words.
        personal: headings that are personal data and are never read, with the reason.
        personal_pattern: the same as a pattern, such as `attribute_1`.
        ignored: headings of no use to the analysis, with the reason.
        duration: headings of the seconds spent on the whole survey.
        page_time: pattern of a heading that is the time spent on a page.
        item_time: pattern of a heading that is the time spent on one question; group 1 is its code.
    """

    paradata: Mapping[str, str] = field(default_factory=dict)
    personal: Mapping[str, str] = field(default_factory=dict)
    personal_pattern: re.Pattern[str] | None = None
    ignored: Mapping[str, str] = field(default_factory=dict)
    page_time: re.Pattern[str] | None = None
    item_time: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Matched:
    """Where the columns of the codebook stand in a file.

    Attributes:
        places: column of the file by name of the codebook's column.
        ignored: headings that are left out, with the reason.
        unknown: places of columns that neither codebook nor tool explains.
        doubled: places whose heading stands for a column that an earlier one stands for already.
        style: how the headings are written, in words.
        notes: what was concluded and not read, one sentence each.
    """

    places: dict[str, int]
    ignored: dict[str, str]
    unknown: list[int]
    doubled: list[int]
    style: str
    notes: list[str]


def item_texts(codebook: Codebook, wordings: Sequence[Wording]) -> dict[str, set[str]]:
    """Return the headings in words that can stand for each column of an item.

    Args:
        codebook: gives label and paraphrase of items and sub-questions.
        wordings: of the questionnaire, where they are at hand.
    """
    found: dict[str, set[str]] = {}
    for column in codebook.column_specs:
        item = column.item
        if item is None:
            continue
        stems = [item.label, f"{item.label} {item.about}"]
        parts = part_texts(column, codebook)
        texts = {words(f"{stem} {part}") for stem in stems for part in parts}
        for wording in wordings:
            if item.id in wording.items:
                said = part_texts(column, codebook, [wording])[-1]
                texts.add(words(f"{wording.items[item.id].text} {said}"))
        found[column.name] = texts
    return found


def part_texts(column: Column, codebook: Codebook, wordings: Sequence[Wording] = ()) -> list[str]:
    """Return what the part of an item that a column holds can be called; [""] for a whole item."""
    item = column.item
    assert item is not None
    if column.kind == "other":
        return ["Other", "Sonstiges", *(wording.words.other for wording in wordings)]
    if column.kind == "exclusive":
        meaning = codebook.exclusive_codes(item)[column.name.rpartition("[")[2][:-1]]
        if meaning == "none":
            assert item.none is not None
            said = [wording.items[item.id].none or "" for wording in wordings]
            return [item.none.label, *said]
        return [
            getattr(codebook.missing, meaning).label,
            *(getattr(wording.words, meaning) for wording in wordings),
        ]
    if column.kind == "ranking":
        place = column.name.rpartition("[")[2][:-1]
        return [f"Rank {place}", f"Rang {place}", f"Ranking {place}"]
    if column.subquestion is None:
        return [""]
    part = column.subquestion
    said = [
        wording.subquestions.get(item.subquestions or "", {}).get(part.id, "")
        for wording in wordings
    ]
    return [part.label, f"{part.label} {part.about}", *said]


def match_headings(
    table: Table,
    codebook: Codebook,
    vocabulary: Vocabulary,
    *,
    named: Mapping[str, str] | None = None,
    ignore: Iterable[str] = (),
    wordings: Sequence[Wording] = (),
    fits: Callable[[int, Column], bool],
) -> Matched:
    """Find the columns of the codebook in a file.

    Args:
        table: the file.
        codebook: columns and their texts.
        vocabulary: what the tool calls its own columns.
        named: column of the codebook by heading, as the manifest says.
        ignore: headings to leave out, as the manifest says.
        wordings: of the questionnaire, where they are at hand.
        fits: whether all answers at a place can be answers to a column's item.
    """
    by_code = _by_code(codebook)
    page_times = {column.name for column in codebook.column_specs if column.kind == "timing"}
    texts = item_texts(codebook, wordings)
    by_text: dict[str, list[str]] = {}
    for column, variants in texts.items():
        for variant in variants:
            by_text.setdefault(variant, []).append(column)
    paradata = {words(key): name for key, name in vocabulary.paradata.items()}
    for known in codebook.paradata:
        paradata.setdefault(words(known.column), known.column)

    # `known[eva]` and `KNOWN.EVA.`, as R and databases write KNOWN[EVA]; never two for one.
    spelled: dict[str, list[str]] = {}
    for entry in codebook.column_specs:
        if entry.kind != "timing":
            spelled.setdefault(words(entry.name), []).append(entry.name)

    def as_code(heading: str) -> str | None:
        alike = spelled.get(words(heading), [])
        return by_code.get(heading) or (alike[0] if len(alike) == 1 else None)

    def as_code_and_text(heading: str) -> str | None:
        match = _CODE_AND_REST.match(heading)
        return by_code.get(match.group(1)) if match else None

    def as_text(heading: str) -> str | None:
        candidates = by_text.get(words(heading), [])
        return candidates[0] if len(candidates) == 1 else None

    styles: dict[str, Callable[[str], str | None]] = {
        "question codes": as_code,
        "question codes and texts": as_code_and_text,
        "question texts": as_text,
    }
    score = {
        style: sum(find(heading) is not None for heading in table.headings)
        for style, find in styles.items()
    }
    style = max(score, key=lambda name: score[name])
    if table.questions:
        beside = sum(as_text(text) is not None for text in table.questions.values())
        if beside > score[style]:
            style = "names of the tool's own beside question texts"
    named = named or {}
    leave = set(ignore)
    places: dict[str, int] = {}
    ignored: dict[str, str] = {}
    unknown: list[int] = []
    doubled: list[int] = []
    pages: list[int] = []
    times: dict[int, str] = {}
    plain = style == "question codes and texts"
    for at, heading in enumerate(table.headings):
        code = heading
        if plain:
            match = _CODE_AND_REST.match(heading)
            code = match.group(1) if match else heading
        name = named.get(heading)
        if name is None and heading in leave:
            ignored[heading] = "left out as the manifest says"
            continue
        if name is None and style in styles:
            name = styles[style](heading)
        elif name is None:
            name = as_text(table.questions.get(at, ""))
        if name is None:
            name = paradata.get(words(code)) or by_code.get(code)
        if name is None and vocabulary.page_time is None and code in page_times:
            name = code
        if name is not None:
            if name in places:
                doubled.append(at)
            else:
                places[name] = at
            continue
        spaced = code.replace("_", " ")
        reason = vocabulary.personal.get(words(code)) or vocabulary.ignored.get(words(code))
        personal = vocabulary.personal_pattern
        if reason is None and personal is not None and personal.fullmatch(code):
            reason = "what is known of those invited is personal data"
        if reason is None:
            rules = codebook.ignored_columns
            reason = next((r.reason for r in rules if code.startswith(r.prefix)), None)
        if reason is not None:
            ignored[heading] = reason
        elif vocabulary.page_time is not None and vocabulary.page_time.fullmatch(spaced):
            pages.append(at)
        elif vocabulary.item_time is not None and (
            m := vocabulary.item_time.fullmatch(code) or vocabulary.item_time.fullmatch(spaced)
        ):
            times[at] = next(group for group in m.groups() if group)
            ignored[heading] = "time spent on one question"
        else:
            unknown.append(at)
    notes: list[str] = []
    if style == "question texts" and not named:
        _match_by_place(table, codebook, places, unknown, fits, notes)
    _match_pages(codebook, places, pages, times, table, ignored, notes)
    unknown = _explain_unknown(table, unknown, ignored)
    return Matched(places, ignored, unknown, doubled, style, notes)


def _by_code(codebook: Codebook) -> dict[str, str]:
    """Return the column by each way to write its code or name.

    These are `KNOWN[EVA]` and `KNOWN_EVA`, then what Qualtrics makes of the questionnaire
    (`KNOWN_1` for the first sub-question, `ROLE_8_TEXT` for the text of an option), then the names
    of variables of the analysis file and their labels. An earlier way decides.
    """
    found: dict[str, str] = {}
    columns = [column for column in codebook.column_specs if column.kind != "timing"]
    for column in columns:
        found[column.name] = column.name
    for column in columns:
        if "[" in column.name:
            found.setdefault(column.name.replace("[", "_").rstrip("]"), column.name)
    for item in codebook.items:
        parts = [c for c in columns if c.item is item and c.kind not in {"single", "other"}]
        if item.subquestions is not None:
            for place, column in enumerate(parts, start=1):
                found.setdefault(f"{item.code}_{place}", column.name)
        if item.other:
            last = len(codebook.options(item)) + len(item.missing)
            found.setdefault(f"{item.code}_{last}_TEXT", f"{item.code}[other]")
        for column in parts:
            if column.kind == "exclusive":
                code = column.name.rpartition("[")[2][:-1]
                found.setdefault(f"{item.id}__{code.lower()}", column.name)
    for column in columns:
        if column.kind not in {"exclusive", "ranking"}:
            found.setdefault(column.variable, column.name)
            if column.item is not None:
                found.setdefault(codebook.variable(column.variable).label, column.name)
    return found


def _match_by_place(
    table: Table,
    codebook: Codebook,
    places: dict[str, int],
    unknown: list[int],
    fits: Callable[[int, Column], bool],
    notes: list[str],
) -> None:
    """Take a column whose wording is not known for the one item that can stand at its place.

    That is concluded only where the neighbours on both sides are known, as many columns of the
    codebook are missing between them as the file has unknown ones there, every answer is one that
    the item allows, and most columns of the survey are known.
    """
    specs = [column for column in codebook.column_specs if column.item is not None]
    if 2 * sum(column.name in places for column in specs) < len(specs):
        return
    position = 0
    while position < len(specs):
        if specs[position].name in places:
            position += 1
            continue
        end = position
        while end < len(specs) and specs[end].name not in places:
            end += 1
        gap = specs[position:end]
        before = places.get(specs[position - 1].name) if position else None
        after = places.get(specs[end].name) if end < len(specs) else None
        start = before + 1 if before is not None else (after or 0) - len(gap)
        there = list(range(start, start + len(gap)))
        bounded = after is None or start + len(gap) == after
        pairs = list(zip(there, gap, strict=True))
        if bounded and all(at in unknown and fits(at, column) for at, column in pairs):
            for at, column in pairs:
                places[column.name] = at
                unknown.remove(at)
                notes.append(
                    f"the column headed {table.headings[at][:60]!r} was taken for {column.name}, "
                    "by its place and its answers"
                )
        position = end


def _match_pages(
    codebook: Codebook,
    places: dict[str, int],
    pages: list[int],
    times: dict[int, str],
    table: Table,
    ignored: dict[str, str],
    notes: list[str],
) -> None:
    """Say which page each page timing belongs to, by the questions that follow it or by order."""
    prefix = codebook.timing_columns.prefix
    page_of: dict[str, int] = {item.code: item.page for item in codebook.items}
    found: dict[int, int] = {}
    if len(pages) == codebook.pages:
        found = dict(enumerate(pages, start=1))
    else:
        for number, at in enumerate(pages):
            end = pages[number + 1] if number + 1 < len(pages) else len(table.headings)
            codes = [code for place, code in times.items() if at < place < end]
            within = {page_of[code] for code in codes if code in page_of}
            if len(within) == 1:
                found.setdefault(within.pop(), at)
    for page, at in found.items():
        places[f"{prefix}{page}"] = at
    left = [at for at in pages if at not in found.values()]
    for at in left:
        ignored[table.headings[at]] = "time spent on a page that the codebook does not have"
    if left:
        notes.append(
            f"{len(left)} of {len(pages)} page timings belong to no page of the codebook, which "
            f"has {codebook.pages}, and are left out"
        )


def _explain_unknown(table: Table, unknown: list[int], ignored: dict[str, str]) -> list[int]:
    """Leave out unknown columns that cannot hold an answer to analyse; return the others."""
    counts = [at for at in unknown if re.search(r"[\[_]filecount\]?", table.headings[at])]
    uploads = {re.split(r"[\[_]filecount", table.headings[at])[0] for at in counts}
    left: list[int] = []
    for at in unknown:
        heading = table.headings[at]
        values = [value for value in table.cells[at].cat.categories if value.strip()]
        base = re.split(r"[.:\s\[]", heading)[0]
        if not values:
            ignored[heading] = "empty in every response"
        elif base in table.types:
            ignored[heading] = table.types[base]
        elif at in counts or base in uploads or all(_UPLOAD.match(value) for value in values):
            ignored[heading] = "files that people sent in are not analysed"
        else:
            left.append(at)
    return left
