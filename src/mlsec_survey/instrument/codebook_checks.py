"""What a codebook must fulfil beyond the shape of its entries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mlsec_survey.base.yaml_input import Location, near
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import (
    OTHER_VALUE,
    AnyScale,
    DiffersFlag,
    ExcludeEquals,
    ExcludeNotReached,
    ExcludeRepeated,
    Item,
    MeanScale,
    NoVariationFlag,
)

Problem = tuple[Location, str, str | None]


def problems(codebook: Codebook) -> list[Problem]:
    """Return where a codebook contradicts itself, what is wrong there and what to do.

    Each check relies on what the checks before it made sure of, so the first that finds something
    ends the search.
    """
    for check in (
        _missing_problems,
        _option_problems,
        _item_problems,
        _rule_problems,
        _name_problems,
    ):
        found = list(check(codebook))
        if found:
            return found
    return []


def _missing_problems(codebook: Codebook) -> Iterator[Problem]:
    codes = [(("missing", name, "code"), kind.code) for name, kind in codebook.missing.items()]
    yield from _repeated(codes, "the code of another kind of missing answer")
    if codebook.missing.not_answered.code != "":
        yield (
            ("missing", "not_answered", "code"),
            "an item left empty is an empty cell in the export",
            'Set the code to "".',
        )
    for name in ("dont_know", "prefer_not"):
        code = getattr(codebook.missing, name).code
        if not code.isalnum() or len(code) > 5:
            yield (
                ("missing", name, "code"),
                f"{code!r} cannot be an answer code",
                "Use one to five letters or digits.",
            )


def _option_problems(codebook: Codebook) -> Iterator[Problem]:
    reserved = {kind.code for _, kind in codebook.missing.items() if kind.code}
    for name, option_set in codebook.option_sets.items():
        here: Location = ("option_sets", name, "options")
        options = list(enumerate(option_set.options))
        for key in ("code", "value", "label"):
            yield from _repeated(
                [((*here, at, key), getattr(option, key)) for at, option in options],
                f"the {key} of another option of the set",
            )
        for at, option in options:
            if option.code in reserved:
                yield (
                    (*here, at, "code"),
                    f"{option.code!r} is the code of a missing answer",
                    "Give the option another code.",
                )
            if option.value == OTHER_VALUE:
                yield (
                    (*here, at, "value"),
                    f"the value {OTHER_VALUE!r} is kept for the option other of an item",
                    "Set `other: true` on the item instead.",
                )
        values = [option.value for option in option_set.options]
        if option_set.measure == "ordinal":
            if not all(isinstance(value, int) for value in values):
                at = next(i for i, value in enumerate(values) if not isinstance(value, int))
                yield (
                    (*here, at, "value"),
                    f"an ordinal option needs a whole number as value, not {values[at]!r}",
                    "Number the options in their order.",
                )
            else:
                numbers = [int(value) for value in values]
                for at in range(1, len(numbers)):
                    if numbers[at] != numbers[at - 1] + 1 and numbers[at] != numbers[at - 1]:
                        yield (
                            (*here, at, "value"),
                            f"the values of an ordinal set must rise by one; {numbers[at]} follows "
                            f"{numbers[at - 1]}",
                            "Put the options in order and number them without a gap.",
                        )
        elif not all(isinstance(value, str) for value in values):
            at = next(i for i, value in enumerate(values) if not isinstance(value, str))
            yield (
                (*here, at, "value"),
                f"a nominal option needs a word as value, not {values[at]!r}",
                "Put the value in quotes.",
            )


def _item_problems(codebook: Codebook) -> Iterator[Problem]:
    items = list(enumerate(codebook.items))
    for name, entries in codebook.subquestion_sets.items():
        here: Location = ("subquestion_sets", name)
        for key in ("id", "code", "label"):
            yield from _repeated(
                [((*here, at, key), getattr(entry, key)) for at, entry in enumerate(entries)],
                f"the {key} of another sub-question of the set",
            )
    yield from _repeated([(("items", at, "id"), item.id) for at, item in items], "another item")
    yield from _repeated([(("items", at, "code"), item.code) for at, item in items], "another item")
    known = {item.id: item for item in codebook.items}
    for at, item in items:
        yield from _shape_problems(codebook, item, ("items", at))
        if item.page > codebook.pages:
            yield (
                ("items", at, "page"),
                f"page {item.page} does not exist",
                f"The survey has {codebook.pages} pages.",
            )
        if item.shown_if is None:
            continue
        location: Location = ("items", at, "shown_if", "item")
        if item.shown_if.item not in known:
            yield location, f"no item {item.shown_if.item!r}", near(item.shown_if.item, known)
            continue
        other = known[item.shown_if.item]
        if other.type not in {"single", "array", "multiple"}:
            yield (
                location,
                f"{other.id!r} has no response options to filter by",
                "Filter by an item of type single, array or multiple.",
            )
            continue
        by_row = other.subquestions is not None
        if by_row and (other.subquestions != item.subquestions or item.type == "ranking"):
            yield (
                location,
                f"{other.id!r} has other sub-questions than {item.id!r}",
                "A filter works row by row: both items need the same sub-questions.",
            )
        if other.page > item.page or [i.id for i in codebook.items].index(other.id) >= at:
            yield location, f"{other.id!r} is asked after {item.id!r}", "Put the filter first."
        yield from _value_problems(
            codebook, other, item.shown_if.values, ("items", at, "shown_if", "values")
        )


def _shape_problems(codebook: Codebook, item: Item, here: Location) -> Iterator[Problem]:
    if item.type in {"single", "array"}:
        if item.options is None:
            yield here, f"an item of type {item.type} needs options", "Name an option set."
        elif item.options not in codebook.option_sets:
            yield (
                (*here, "options"),
                f"no option set {item.options!r}",
                near(item.options, codebook.option_sets),
            )
    elif item.options is not None:
        yield (*here, "options"), f"an item of type {item.type} has no options", "Remove the key."
    if item.type in {"array", "multiple", "ranking"} and item.subquestions is None:
        yield here, f"an item of type {item.type} needs subquestions", "Name a sub-question set."
    if item.type in {"single", "date"} and item.subquestions is not None:
        yield (
            (*here, "subquestions"),
            f"an item of type {item.type} has no sub-questions",
            "Use type array, or remove the key.",
        )
    if item.subquestions is not None and item.subquestions not in codebook.subquestion_sets:
        yield (
            (*here, "subquestions"),
            f"no sub-question set {item.subquestions!r}",
            near(item.subquestions, codebook.subquestion_sets),
        )
    if item.other and item.type != "single":
        yield (*here, "other"), "only an item of type single can have other", "Remove the key."
    for key in ("none", "nothing_ticked"):
        if getattr(item, key) is not None and item.type != "multiple":
            yield (*here, key), f"only a checklist can have {key}", "Remove the key."
    if item.type == "multiple" and item.subquestions in codebook.subquestion_sets:
        exclusive = codebook.exclusive_codes(item)
        boxes = {entry.code for entry in codebook.subquestion_sets[item.subquestions]}
        for code in sorted(boxes & set(exclusive)):
            yield here, f"the code {code!r} is both a box and an exclusive box", "Rename one."
    if item.type in {"number", "date", "ranking", "text"} and item.missing:
        yield (
            (*here, "missing"),
            f"an item of type {item.type} has no codes for missing answers",
            "Remove the key; an empty field is not answered.",
        )
    if item.number is not None:
        low, high = item.number.minimum, item.number.maximum
        if item.type != "number":
            yield (*here, "number"), "only an item of type number has a range", "Remove the key."
        elif low is not None and high is not None and not low < high:
            yield (*here, "number", "maximum"), "the maximum must be above the minimum", None


def _value_problems(
    codebook: Codebook, item: Item, values: Iterable[int | str], here: Location
) -> Iterator[Problem]:
    if item.options is not None and item.options not in codebook.option_sets:
        return
    allowed = [option.value for option in codebook.options(item)]
    for at, value in enumerate(values):
        if value not in allowed:
            yield (
                (*here, at),
                f"{value!r} is no value of the item {item.id!r}",
                "Values: " + ", ".join(repr(option) for option in allowed) + ".",
            )


def _rule_problems(codebook: Codebook) -> Iterator[Problem]:
    known = {item.id: item for item in codebook.items}
    for at, scale in enumerate(codebook.scales):
        here: Location = ("scales", at)
        if scale.item not in known:
            yield (*here, "item"), f"no item {scale.item!r}", near(scale.item, known)
            continue
        item = known[scale.item]
        size = len(codebook.subquestion_sets.get(item.subquestions or "", ()))
        if size == 0:
            yield (*here, "item"), f"the item {item.id!r} has no sub-questions", None
            continue
        if scale.minimum > size:
            yield (
                (*here, "minimum"),
                f"{scale.minimum} answers cannot be reached",
                f"The item {item.id!r} has {size} sub-questions.",
            )
        if not scale.low < scale.high:
            yield (*here, "high"), "high must be above low", None
        if isinstance(scale, MeanScale):
            if item.options is None or codebook.option_sets[item.options].measure != "ordinal":
                yield (*here, "item"), f"a mean needs an ordinal item; {item.id!r} is not", None
            else:
                values = [option.value for option in codebook.options(item)]
                if (scale.low, scale.high) != (values[0], values[-1]):
                    yield (
                        (*here, "low"),
                        f"the mean runs from {values[0]} to {values[-1]}",
                        "Set low and high to that.",
                    )
            continue
        yield from _value_problems(codebook, item, scale.values, (*here, "values"))
        if isinstance(scale, AnyScale):
            yield from _value_problems(codebook, item, scale.against, (*here, "against"))
            both = [value for value in scale.against if value in scale.values]
            if both:
                yield (*here, "against"), f"{both[0]!r} counts both for and against", None
        elif scale.nothing_ticked is not None and item.type != "multiple":
            yield (*here, "nothing_ticked"), f"{item.id!r} is no checklist", "Remove the key."
        elif (scale.low, scale.high) != (0, size):
            yield (*here, "high"), f"the count runs from 0 to {size}", "Set low and high to that."
    paradata = [entry.column for entry in codebook.paradata]
    for at, rule in enumerate(codebook.exclusions):
        here = ("exclusions", at)
        if isinstance(rule, ExcludeEquals):
            if rule.item not in known:
                yield (*here, "item"), f"no item {rule.item!r}", near(rule.item, known)
            elif known[rule.item].type != "single":
                yield (*here, "item"), f"the item {rule.item!r} is not of type single", None
            else:
                for _, problem, remedy in _value_problems(
                    codebook, known[rule.item], [rule.value], here
                ):
                    yield (*here, "value"), problem, remedy
        elif isinstance(rule, ExcludeRepeated) and rule.column not in paradata:
            yield (*here, "column"), f"no column {rule.column!r}", near(rule.column, paradata)
        elif isinstance(rule, ExcludeNotReached) and rule.item not in known:
            yield (*here, "item"), f"no item {rule.item!r}", near(rule.item, known)
    for at, flag in enumerate(codebook.quality_flags):
        here = ("quality_flags", at)
        if isinstance(flag, NoVariationFlag):
            for position, name in enumerate(flag.items):
                if name not in known:
                    yield (*here, "items", position), f"no item {name!r}", near(name, known)
                elif known[name].type != "array":
                    yield (*here, "items", position), f"the item {name!r} is no grid", None
        elif isinstance(flag, DiffersFlag):
            if flag.item not in known:
                yield (*here, "item"), f"no item {flag.item!r}", near(flag.item, known)
            else:
                for _, problem, remedy in _value_problems(
                    codebook, known[flag.item], [flag.value], here
                ):
                    yield (*here, "value"), problem, remedy


_NEEDED_PARADATA = {
    "id": "integer",
    "submitdate": "datetime",
    "lastpage": "integer",
    "startlanguage": "category",
    "startdate": "datetime",
    "datestamp": "datetime",
}


def _name_problems(codebook: Codebook) -> Iterator[Problem]:
    kinds = {entry.column: entry.kind for entry in codebook.paradata}
    for column, kind in _NEEDED_PARADATA.items():
        if kinds.get(column) != kind:
            yield (
                ("paradata",),
                f"the column {column!r} of kind {kind} is missing",
                "LimeSurvey writes it for every response.",
            )
    for at, entry in enumerate(codebook.paradata):
        if (entry.kind == "category") != bool(entry.values):
            yield (
                ("paradata", at, "values"),
                "values belong to columns of kind category, and those need them",
                None,
            )
    named: list[tuple[Location, object]] = [
        *(
            (("paradata", at, "variable"), entry.variable)
            for at, entry in enumerate(codebook.paradata)
        ),
        *((("items", at, "id"), item.id) for at, item in enumerate(codebook.items)),
        *((("scales", at, "id"), scale.id) for at, scale in enumerate(codebook.scales)),
        *((("quality_flags", at, "id"), flag.id) for at, flag in enumerate(codebook.quality_flags)),
    ]
    yield from _repeated(named, "another variable, item, scale or flag")
    yield from _repeated(
        [(("exclusions", at, "id"), rule.id) for at, rule in enumerate(codebook.exclusions)],
        "another exclusion",
    )
    yield from _repeated(
        [(("paradata", at, "column"), entry.column) for at, entry in enumerate(codebook.paradata)],
        "another column",
    )
    names = codebook.columns()
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        yield ("items",), f"two columns of the export would be named {doubled[0]!r}", None


def _repeated(entries: Iterable[tuple[Location, object]], whose: str) -> Iterator[Problem]:
    seen: set[object] = set()
    for location, value in entries:
        if value in seen:
            yield location, f"{value!r} is already used by {whose}", "Every one must be unique."
        seen.add(value)
