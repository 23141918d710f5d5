"""What is known of another survey's questions, and the codebook that it gives, as YAML to mend."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mlsec_survey.base.yaml_input import OPEN
from mlsec_survey.instrument.entries import OTHER_VALUE

# Words by which an answer that is none, or a box that rules out all others, is recognised.
_DONT_KNOW = re.compile(
    r"don.?t know|unsure|not sure|no opinion|can.?t say|wei(ß|ss) (es )?nicht", re.IGNORECASE
)
_PREFER_NOT = re.compile(
    r"prefer not|rather not|no answer|decline to|keine angabe|nicht sagen", re.IGNORECASE
)
_NONE = re.compile(r"^(none|nope|nothing|no,|not |keine|nichts)", re.IGNORECASE)
_OTHER = re.compile(r"^(other|sonstige|andere)\b", re.IGNORECASE)

# Words of graded answers with their place among all grades; the first that fits counts.
_GRADES = (
    (r"not at all|\bnever|\bnie\b|überhaupt nicht|strongly disagree|(very|extremely|sehr) un", 0.0),
    (r"(somewhat|slightly|rather|eher) (un|dis)", 2.5),
    (r"very rarely|sehr selten", 1.0),
    (r"\bun\w|disagree", 1.5),
    (r"rarely|selten|hardly|slightly|etwas|a little", 2.0),
    (r"occasionally|sometimes|manchmal|neutral|neither|moderate|mäßig|\beven\b", 5.0),
    (r"somewhat|rather|\beher\b", 6.0),
    (
        r"strongly|extremely|always|immer|äußerst|highly|very (frequently|often)|sehr (oft|häufig)",
        9.0,
    ),
    (r"\bvery\b|\bsehr\b", 8.0),
    (r"frequently|often|oft\b|häufig|usually|\bagree|acceptable|comfortable|likely", 7.0),
    (r"important|wichtig|wahrscheinlich", 7.0),
)


_MISSING = {
    "not_answered": ("Not answered", "the item was shown and left empty"),
    "not_shown": ("Not shown", "a filter or an early exit kept the item from being shown"),
    "dont_know": ("Don't know", "the respondent chose the option don't know"),
    "prefer_not": ("Prefer not to say", "the respondent chose not to say"),
}
_NEEDED: dict[str, object] = {"required": True}
_PARADATA: tuple[tuple[str, str, str, str, dict[str, object]], ...] = (
    ("id", "respondent_id", "integer", "Response number", {"required": True, "unique": True}),
    ("submitdate", "submitted", "datetime", "Time of submission", _NEEDED),
    ("lastpage", "last_page", "integer", "Last page seen", _NEEDED),
    ("startlanguage", "language", "category", "Language", _NEEDED),
    ("startdate", "started", "datetime", "Time of start", _NEEDED),
    ("datestamp", "last_action", "datetime", "Time of last action", _NEEDED),
    (
        "interviewtime",
        "duration_seconds",
        "number",
        "Seconds spent on all pages",
        {"minimum": 0, "position": "after"},
    ),
)


@dataclass(frozen=True)
class DraftOption:
    """One answer: its code in the data and its label; `value` is its number where one is known."""

    code: str
    label: str
    value: int | None = None


@dataclass(frozen=True)
class DraftItem:
    """One question as far as a file tells.

    Attributes:
        code: in the data.
        type: as in the codebook.
        label: its words, or the heading of its column.
        page: from 1.
        options, rows: in order; rows are sub-questions or boxes.
        other: whether there is a field beside an option of that name.
        measure: nominal or ordinal where the file says so.
        exclusive: codes of boxes that rule out all others.
        notes: what whoever mends the draft should know.
    """

    code: str
    type: str
    label: str
    page: int = 1
    options: tuple[DraftOption, ...] = ()
    rows: tuple[DraftOption, ...] = ()
    other: bool = False
    measure: str | None = None
    exclusive: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Draft:
    """All that a file tells of a survey.

    Attributes:
        source: what it was drafted from.
        items: in order.
        page_titles: by page; a first guess at constructs.
        languages: of the survey.
        left_out: what the file has and a codebook has not, a sentence each.
        paradata: whether the survey tool writes times, pages and languages into every export.
    """

    source: str
    items: tuple[DraftItem, ...]
    page_titles: dict[int, str]
    languages: tuple[str, ...] = ("en",)
    left_out: tuple[str, ...] = ()
    paradata: bool = True


def identifier(text: str, taken: Iterable[str] = (), longest: int = 40) -> str:
    """Return text as an identifier of lower-case words, unlike any in `taken`."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    plain = plain.encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:longest].strip("_")
    words = words if words[:1].isalpha() else f"x_{words}".strip("_")
    found, number = words, 2
    while found in set(taken):
        found, number = f"{words}_{number}", number + 1
    return found


def missing_kind(label: str) -> str | None:
    """Return the kind of missing answer that an option's label names, or None."""
    if _PREFER_NOT.search(label):
        return "prefer_not"
    return "dont_know" if _DONT_KNOW.search(label) else None


def is_none(label: str) -> bool:
    """Return whether a box says that none of the others applies."""
    return bool(_NONE.search(label))


def is_other(label: str) -> bool:
    """Return whether an option stands for any other answer."""
    return bool(_OTHER.search(label))


def grade(label: str) -> float | None:
    """Return where an answer stands on a graded scale, as a number to sort by; None if nowhere."""
    number = re.search(r"\d+", label.replace(",", ""))
    if number:
        below = re.search(r"less|under|below|unter|weniger|<", label, re.IGNORECASE)
        above = re.search(r"more|over|above|über|mehr|>|\+", label, re.IGNORECASE)
        return float(number[0]) + (0.5 if above else -0.5 if below else 0.0)
    for pattern, place in _GRADES:
        if re.search(pattern, label, re.IGNORECASE):
            return place
    return None


def looks_ordered(labels: Sequence[str]) -> bool:
    """Return whether most labels are grades of something."""
    graded = sum(grade(label) is not None for label in labels)
    return len(labels) > 2 and graded >= 0.75 * len(labels)


def codebook_text(draft: Draft) -> str:
    """Return the draft as the text of a codebook, with a TODO wherever somebody has to decide."""
    return "\n".join(_lines(draft)) + "\n"


def _text(value: object) -> str:
    """Return a value as YAML that cannot be read as anything else."""
    return json.dumps(value, ensure_ascii=False)


def _flow(**entry: object) -> str:
    """Return an entry of YAML on one line."""
    return "{" + ", ".join(f"{key}: {_text(value)}" for key, value in entry.items()) + "}"


def _lines(draft: Draft) -> Iterator[str]:
    yield f"# Codebook drafted by scripts/draft_codebook.py from {draft.source}."
    yield "#"
    yield f"# Replace every {OPEN} (the loader refuses them), look at every CHECK, and then write"
    yield "# exclusions, scales and quality flags, which no file of a survey tool knows."
    for sentence in draft.left_out:
        yield f"# Left out: {sentence}"
    yield "version: 1"
    yield f"wording_note: {OPEN} say whose wording the labels are, and where they may be quoted"
    yield ""
    codes, labels, notes = _missing_codes(draft)
    yield from (f"# CHECK: {note}" for note in notes)
    yield "missing:"
    for missing, (usual, meaning) in _MISSING.items():
        said = labels.get(missing, usual)
        yield f"  {missing}: {_flow(code=codes[missing], label=said, meaning=meaning)}"
    yield ""
    yield "# What LimeSurvey writes of itself, and what other exports are read into."
    yield "paradata:"
    for column, variable, kind, label, needed in _PARADATA:
        entry: dict[str, object] = {"column": column, "variable": variable, "kind": kind}
        if kind == "category":
            entry["values"] = list(draft.languages)
        more = dict(needed)
        if column != "id" and not draft.paradata:
            more.pop("required", None)
        yield f"  - {_flow(**entry, label=label, **more)}"
    yield f"pages: {max((item.page for item in draft.items), default=1)}"
    yield "timing_columns: {prefix: groupTime, kind: number, minimum: 0}"
    yield ""
    sets = _Sets()
    taken = [variable for _, variable, *_ in _PARADATA]
    bodies = []
    for item in draft.items:
        taken.append(identifier(item.code, taken))
        bodies.append(_item(item, taken[-1], draft, sets))
    yield "option_sets:" if sets.options else "option_sets: {}"
    for name, item in sets.options.items():
        yield from _option_set(name, item)
    yield ""
    yield "subquestion_sets:" if sets.rows else "subquestion_sets: {}"
    for name, item in sets.rows.items():
        yield f"  {name}:"
        ids: list[str] = []
        for row in item.rows:
            if row.code not in item.exclusive:
                ids.append(identifier(row.label, ids))
                words = {"label": row.label, "about": row.label, "basis": "published"}
                yield f"    - {_flow(id=ids[-1], code=row.code, **words)}"
    yield ""
    yield "items:"
    for body in bodies:
        yield from body
    yield ""
    yield "scales: []"
    yield "exclusions: []"
    yield "quality_flags: []"


class _Sets:
    """Option sets and sub-question sets; items whose sets are the same share one."""

    def __init__(self) -> None:
        self.options: dict[str, DraftItem] = {}
        self.rows: dict[str, DraftItem] = {}

    def name_of_options(self, item: DraftItem) -> str:
        """Return the name of the set of this item's options, made where there is none yet."""
        for name, other in self.options.items():
            if (other.options, other.measure) == (item.options, item.measure):
                return name
        return self._add(self.options, item, "answers")

    def name_of_rows(self, item: DraftItem) -> str:
        """Return the name of the set of this item's rows, made where there is none yet."""
        for name, other in self.rows.items():
            if (other.rows, other.exclusive) == (item.rows, item.exclusive):
                return name
        return self._add(self.rows, item, "rows")

    def _add(self, sets: dict[str, DraftItem], item: DraftItem, ending: str) -> str:
        name = identifier(f"{item.code}_{ending}", sets)
        sets[name] = item
        return name


def _substantive(item: DraftItem) -> list[DraftOption]:
    """Return the options that are answers, in the order of their grades where they have some."""
    return [
        option
        for option in item.options
        if missing_kind(option.label) is None and not (item.other and is_other(option.label))
    ]


def _option_set(name: str, item: DraftItem) -> Iterator[str]:
    options = _substantive(item)
    labels = [option.label for option in options]
    measure = item.measure or ("ordinal" if looks_ordered(labels) else "nominal")
    yield f"  {name}:"
    if item.measure is not None or len(options) == 2:
        yield f"    measure: {measure if len(options) > 2 else 'nominal'}"
        measure = measure if len(options) > 2 else "nominal"
    else:
        yield f"    measure: {OPEN} {measure}, guessed from the labels; check their order too"
    yield "    options:"
    known = [option.value for option in options]
    numbered = measure == "ordinal" and None not in known and sorted(known) == known  # type: ignore[type-var]
    words: list[str] = []
    for place, option in enumerate(options, start=1):
        value: object = option.value if numbered else place
        if measure == "nominal":
            words.append(identifier(option.label, [*words, OTHER_VALUE]))
            value = words[-1]
        yield f"      - {_flow(code=option.code, value=value, label=option.label)}"


def _item(item: DraftItem, name: str, draft: Draft, sets: _Sets) -> list[str]:
    entry: dict[str, object] = {
        "id": name,
        "code": item.code,
        "type": item.type,
        "label": item.label,
        "about": item.label,
        "construct": draft.page_titles.get(item.page) or OPEN,
        "basis": "published",
        "page": item.page,
    }
    if item.type in {"single", "array"}:
        entry["options"] = sets.name_of_options(item)
    if item.rows:
        entry["subquestions"] = sets.name_of_rows(item)
    if item.other:
        entry["other"] = True
    boxes = [row for row in item.rows if row.code in item.exclusive]
    kinds = [missing_kind(option.label) for option in (*item.options, *boxes)]
    missing = [kind for kind in ("dont_know", "prefer_not") if kind in kinds]
    if missing:
        entry["missing"] = missing
    for box in boxes:
        if missing_kind(box.label) is None and "none" not in entry:
            entry["none"] = {"code": box.code, "label": box.label}
    return [*(f"  # CHECK: {note}" for note in item.notes), f"  - {_flow(**entry)}"]


def _missing_codes(draft: Draft) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Return code and label of the chosen kinds of missing answer, and where there are several."""
    codes = {"not_answered": "", "not_shown": "N/A", "dont_know": "DK", "prefer_not": "PN"}
    labels: dict[str, str] = {}
    notes = []
    for kind in ("dont_know", "prefer_not"):
        options = [
            option
            for item in draft.items
            for option in (
                *item.options,
                *(row for row in item.rows if row.code in item.exclusive),
            )
            if missing_kind(option.label) == kind
        ]
        for name, found, chosen in (
            ("code", Counter(option.code for option in options), codes),
            ("label", Counter(option.label for option in options), labels),
        ):
            if found:
                chosen[kind] = found.most_common(1)[0][0]
            if len(found) > 1:
                others = ", ".join(sorted(set(found) - {chosen[kind]}))
                notes.append(
                    f"{kind} has more than one {name} in this survey ({chosen[kind]}, {others}), "
                    "and one in a codebook"
                )
    return codes, labels, notes
