"""The codebook: every item, response option, missing code, derived scale and exclusion, as data.

A codebook is read once with `load_codebook` and from then on is the only place that labels, the
order of options, missing codes, scales and exclusions come from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints

from mlsec_survey.base.yaml_input import Entry, Location, Sequence, more, near, read_yaml, validate

if TYPE_CHECKING:
    import pandas as pd

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")]
# LimeSurvey allows letters and digits in question codes, and five characters in answer codes.
QuestionCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9]{0,19}$")]
OptionCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,5}$")]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]

Basis = Literal["published", "reconstructed"]
MissingKindId = Literal["not_answered", "not_shown", "dont_know", "prefer_not"]
ChosenMissing = Literal["dont_know", "prefer_not"]
ItemType = Literal["single", "array", "multiple", "text"]
ColumnKind = Literal[
    "paradata", "single", "other", "array", "multiple", "exclusive", "text", "timing"
]
Measure = Literal["nominal", "ordinal", "binary", "count", "interval", "text"]

# Names that the processed files share.
RESPONDENT = "respondent_id"
ANSWERED = "answered"

OTHER_CODE = "-oth-"
OTHER_VALUE = "other"
PARTS = "__"


class MissingKind(Entry):
    """One way in which an answer can be missing, and the code that stands for it."""

    code: str
    label: Text
    meaning: Text


class MissingCodes(Entry):
    """The four kinds of missing answer that are never mixed up."""

    not_answered: MissingKind
    not_shown: MissingKind
    dont_know: MissingKind
    prefer_not: MissingKind

    def items(self) -> Iterator[tuple[MissingKindId, MissingKind]]:
        """Yield id and definition of each kind, in the order of the codebook."""
        yield "not_answered", self.not_answered
        yield "not_shown", self.not_shown
        yield "dont_know", self.dont_know
        yield "prefer_not", self.prefer_not


class Paradata(Entry):
    """A column that the survey tool writes about the response itself."""

    column: Text
    variable: Identifier
    kind: Literal["integer", "number", "datetime", "category", "text"]
    label: Text
    required: bool = False
    unique: bool = False
    values: Sequence[str] = ()
    minimum: float | None = None
    identifying: bool = False
    position: Literal["before", "after"] = "before"


class IgnoredColumns(Entry):
    """Columns of an export that are dropped on reading, by the start of their name."""

    prefix: Text
    reason: Text


class TimingColumns(Entry):
    """The columns that hold the seconds spent on each page."""

    prefix: Text
    kind: Literal["number"]
    minimum: float = 0


class Option(Entry):
    """One response option: its code in the export, its value in the analysis, its label."""

    code: OptionCode
    value: int | str
    label: Text


class OptionSet(Entry):
    """Response options that one or more items share, in order."""

    measure: Literal["nominal", "ordinal"]
    options: Annotated[Sequence[Option], Field(min_length=2)]


class Subquestion(Entry):
    """One row of a grid, or one box of a checklist."""

    id: Identifier
    code: QuestionCode
    label: Text
    about: Text
    basis: Basis


class ShownIf(Entry):
    """Condition under which an item is shown: another item has one of the values."""

    item: Identifier
    values: Annotated[Sequence[int | str], Field(min_length=1)]


class NoneOption(Entry):
    """The box of a checklist that says: none of these."""

    code: QuestionCode
    label: Text


class Item(Entry):
    """One question, grid of questions, checklist or field for free text."""

    id: Identifier
    code: QuestionCode
    type: ItemType
    label: Text
    about: Text
    construct_: Text = Field(alias="construct")
    basis: Basis
    page: Annotated[int, Field(ge=1)]
    options: str | None = None
    subquestions: str | None = None
    other: bool = False
    missing: Sequence[ChosenMissing] = ()
    identifying: bool = False
    shown_if: ShownIf | None = None
    none: NoneOption | None = None


class _Scale(Entry):
    id: Identifier
    label: Text
    item: Identifier
    minimum: Annotated[int, Field(ge=1)]
    construct_: Text = Field(alias="construct")
    low: float
    high: float


class MeanScale(_Scale):
    """Mean of the answered sub-questions of an ordinal item."""

    rule: Literal["mean"]
    measure: Literal["interval"]


class CountScale(_Scale):
    """Number of sub-questions answered with one of `values`."""

    rule: Literal["count"]
    measure: Literal["count"]
    values: Annotated[Sequence[int | str], Field(min_length=1)]


class AnyScale(_Scale):
    """1 if any sub-question has one of `values`; 0 if none has and enough are in `against`."""

    rule: Literal["any"]
    measure: Literal["binary"]
    values: Annotated[Sequence[int | str], Field(min_length=1)]
    against: Annotated[Sequence[int | str], Field(min_length=1)]


Scale = Annotated[MeanScale | CountScale | AnyScale, Field(discriminator="rule")]


class _Exclusion(Entry):
    id: Identifier
    reason: Text
    label: Text
    # Whether a sensitivity analysis may lift the exclusion; never so where consent is missing.
    liftable: bool = False


class ExcludeEquals(_Exclusion):
    """Exclude a response whose item has the value, or has not (an unanswered item has not)."""

    rule: Literal["equals", "not_equals"]
    item: Identifier
    value: int | str


class ExcludeEarlyExit(_Exclusion):
    """Exclude a response that ended before page `value`."""

    rule: Literal["last_page_below"]
    value: Annotated[int, Field(ge=1)]


class ExcludeRepeated(_Exclusion):
    """Exclude later (or earlier) responses with the same non-empty entry in `column`."""

    rule: Literal["repeated"]
    column: Text
    keep: Literal["first", "last"]


Exclusion = Annotated[
    ExcludeEquals | ExcludeEarlyExit | ExcludeRepeated, Field(discriminator="rule")
]


class _Flag(Entry):
    id: Identifier
    label: Text
    reason: Text


class SpeedFlag(_Flag):
    """Faster than a share of the median duration."""

    rule: Literal["faster_than_share_of_median"]
    value: Annotated[float, Field(gt=0, lt=1)]


class NoVariationFlag(_Flag):
    """The same option throughout all the grids named."""

    rule: Literal["no_variation"]
    items: Annotated[Sequence[Identifier], Field(min_length=1)]


class DiffersFlag(_Flag):
    """The item has not the value that was asked for."""

    rule: Literal["differs_from"]
    item: Identifier
    value: int | str


QualityFlag = Annotated[SpeedFlag | NoVariationFlag | DiffersFlag, Field(discriminator="rule")]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the raw export.

    Attributes:
        name: heading, for instance `CON[EVA]`.
        kind: what the cells hold.
        variable: the processed variable that the column feeds; for an exclusive box of a checklist
            (none of these, don't know) the id of the item.
        item: the item, None for paradata and timings.
        subquestion: the row of the grid or the box of the checklist.
        paradata: the description of a column of paradata.
        page: page of a timing column or of the item; 0 for paradata.
        required: whether an export without the column is refused.
    """

    name: str
    kind: ColumnKind
    variable: str
    item: Item | None = None
    subquestion: Subquestion | None = None
    paradata: Paradata | None = None
    page: int = 0
    required: bool = True


class Codebook(Entry):
    """All that is known about the items of the survey; build it with `load_codebook`."""

    version: Literal[1]
    wording_note: Text
    missing: MissingCodes
    paradata: Annotated[Sequence[Paradata], Field(min_length=1)]
    ignored_columns: Sequence[IgnoredColumns] = ()
    pages: Annotated[int, Field(ge=1, le=100)]
    timing_columns: TimingColumns
    option_sets: dict[str, OptionSet]
    subquestion_sets: dict[str, Annotated[Sequence[Subquestion], Field(min_length=1)]]
    items: Annotated[Sequence[Item], Field(min_length=1)]
    scales: Sequence[Scale] = ()
    exclusions: Sequence[Exclusion] = ()
    quality_flags: Sequence[QualityFlag] = ()

    @cached_property
    def _items_by_id(self) -> dict[str, Item]:
        return {item.id: item for item in self.items}

    @cached_property
    def _scales_by_id(self) -> dict[str, MeanScale | CountScale | AnyScale]:
        return {scale.id: scale for scale in self.scales}

    @cached_property
    def _variable_columns(self) -> dict[str, Column]:
        kinds = {"single", "other", "array", "multiple", "text"}
        return {column.variable: column for column in self.column_specs if column.kind in kinds}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content, whatever the layout and comments of the file."""
        content = self.model_dump(mode="json", by_alias=True)
        return hashlib.sha256(
            json.dumps(content, sort_keys=True, ensure_ascii=False).encode()
        ).hexdigest()

    def item(self, item_id: str) -> Item:
        """Return the item with this id.

        Raises:
            KeyError: no item has the id; the message names near matches.
        """
        try:
            return self._items_by_id[item_id]
        except KeyError:
            raise KeyError(f"no item {item_id!r}. {near(item_id, self._items_by_id)}") from None

    def scale(self, scale_id: str) -> MeanScale | CountScale | AnyScale:
        """Return the derived scale with this id; KeyError names near matches."""
        try:
            return self._scales_by_id[scale_id]
        except KeyError:
            raise KeyError(f"no scale {scale_id!r}. {near(scale_id, self._scales_by_id)}") from None

    def subquestions(self, item: Item | str) -> tuple[Subquestion, ...]:
        """Return the sub-questions of an item in order; none for an item without any."""
        item = self._resolved(item)
        return () if item.subquestions is None else self.subquestion_sets[item.subquestions]

    def options(self, item: Item | str) -> tuple[Option, ...]:
        """Return the response options of an item in order, `other` last; none for free text.

        A checklist has the two options that a box can have: ticked (yes) and not ticked (no).
        """
        item = self._resolved(item)
        if item.type == "multiple":
            return (
                Option(code="Y", value="yes", label="Yes"),
                Option(code="N", value="no", label="No"),
            )
        if item.options is None:
            return ()
        options = self.option_sets[item.options].options
        if item.other:
            other = Option.model_construct(code=OTHER_CODE, value=OTHER_VALUE, label="Other")
            options = (*options, other)
        return options

    def measure(self, variable: str) -> Measure:
        """Return the level of measurement of a variable or scale.

        A nominal variable with two options counts as binary.
        """
        if variable in self._scales_by_id:
            return self._scales_by_id[variable].measure
        column = self._column_of(variable)
        item = column.item
        assert item is not None
        if column.kind in {"other", "text"}:
            return "text"
        if column.kind == "multiple":
            return "binary"
        assert item.options is not None
        measure = self.option_sets[item.options].measure
        if measure == "nominal" and len(self.options(item)) == 2:
            return "binary"
        return measure

    @cached_property
    def attacks(self) -> dict[str, str]:
        """Label of each attack by its id, in the order of the questionnaire."""
        return {entry.id: entry.label for entry in self.subquestion_sets["attacks"]}

    @cached_property
    def column_specs(self) -> tuple[Column, ...]:
        """Every column of the export, in the order in which LimeSurvey writes them."""
        before = [entry for entry in self.paradata if entry.position == "before"]
        after = [entry for entry in self.paradata if entry.position == "after"]
        return (
            *(_paradata_column(entry) for entry in before),
            *(column for item in self.items for column in self._item_columns(item)),
            *(_paradata_column(entry) for entry in after),
            *(
                Column(
                    name=f"{self.timing_columns.prefix}{page}",
                    kind="timing",
                    variable=f"page_seconds_{page}",
                    page=page,
                    required=False,
                )
                for page in range(1, self.pages + 1)
            ),
        )

    def columns(self) -> list[str]:
        """Return the headings of the export, in order."""
        return [column.name for column in self.column_specs]

    def variables(self, item: Item | str | None = None) -> list[str]:
        """Return the names of the processed variables, of one item or of all, in order.

        An item without sub-questions gives `item`, one with sub-questions `item__subquestion`, and
        an item with the option other also gives the text variable `item__other`.
        """
        if item is None:
            return list(self._variable_columns)
        item = self._resolved(item)
        return [
            name
            for name, column in self._variable_columns.items()
            if column.item is not None and column.item.id == item.id
        ]

    def rating_variables(self, item: Item | str) -> dict[str, str]:
        """Return the variable of each sub-question of an item, by sub-question id, in order."""
        item = self._resolved(item)
        return {entry.id: f"{item.id}{PARTS}{entry.id}" for entry in self.subquestions(item)}

    def column(self, variable: str) -> Column:
        """Return the column of the export that a processed variable comes from."""
        return self._column_of(variable)

    def label(self, variable: str) -> str:
        """Return the label of a variable, scale, flag or item, such as `Concern: Evasion`."""
        if variable in self._scales_by_id:
            return self._scales_by_id[variable].label
        for flag in self.quality_flags:
            if flag.id == variable:
                return flag.label
        for entry in self.paradata:
            if entry.variable == variable:
                return entry.label
        if variable not in self._variable_columns and variable in self._items_by_id:
            return self._items_by_id[variable].label
        column = self._column_of(variable)
        assert column.item is not None
        if column.kind == "other":
            return f"{column.item.label}: other, in own words"
        if column.subquestion is None:
            return column.item.label
        return f"{column.item.label}: {column.subquestion.label}"

    def ordered_dtype(self, item: Item | str) -> pd.CategoricalDtype:
        """Return the pandas type whose categories are the option labels in order.

        It is ordered if and only if the item is ordinal.
        """
        import pandas as pd

        item = self._resolved(item)
        labels = [option.label for option in self.options(item)]
        ordinal = item.options is not None and self.option_sets[item.options].measure == "ordinal"
        return pd.CategoricalDtype(labels, ordered=ordinal)

    def missing_codes(self, item: Item | str) -> dict[str, MissingKindId]:
        """Return the kind of missing answer that each code means for this item."""
        item = self._resolved(item)
        allowed = {"not_answered", "not_shown", *item.missing}
        return {kind.code: name for name, kind in self.missing.items() if name in allowed}

    def _resolved(self, item: Item | str) -> Item:
        return self.item(item) if isinstance(item, str) else item

    def _column_of(self, variable: str) -> Column:
        try:
            return self._variable_columns[variable]
        except KeyError:
            known = [*self._variable_columns, *self._scales_by_id]
            raise KeyError(f"no variable {variable!r}. {near(variable, known)}") from None

    def _item_columns(self, item: Item) -> Iterator[Column]:
        entries = self.subquestions(item)
        if not entries:
            kind: ColumnKind = "text" if item.type == "text" else "single"
            yield Column(item.code, kind, item.id, item=item, page=item.page)
            if item.other:
                yield Column(
                    f"{item.code}[other]",
                    "other",
                    f"{item.id}{PARTS}other",
                    item=item,
                    page=item.page,
                )
            return
        kinds: dict[str, ColumnKind] = {"array": "array", "multiple": "multiple", "text": "text"}
        for entry in entries:
            yield Column(
                f"{item.code}[{entry.code}]",
                kinds[item.type],
                f"{item.id}{PARTS}{entry.id}",
                item=item,
                subquestion=entry,
                page=item.page,
            )
        for code in self.exclusive_codes(item):
            name = f"{item.code}[{code}]"
            yield Column(name, "exclusive", item.id, item=item, page=item.page)

    def exclusive_codes(self, item: Item) -> dict[str, Literal["none", "dont_know", "prefer_not"]]:
        """Return what each exclusive box of a checklist means, by its code; empty for others."""
        if item.type != "multiple":
            return {}
        codes: dict[str, Literal["none", "dont_know", "prefer_not"]] = {}
        if item.none is not None:
            codes[item.none.code] = "none"
        chosen = {"dont_know": self.missing.dont_know, "prefer_not": self.missing.prefer_not}
        codes.update({chosen[name].code: name for name in item.missing})
        return codes


def _paradata_column(entry: Paradata) -> Column:
    return Column(entry.column, "paradata", entry.variable, paradata=entry, required=entry.required)


def load_codebook(path: Path | str) -> Codebook:
    """Read and check a codebook.

    Args:
        path: YAML file in the layout of `data/codebook.yml`.

    Raises:
        InputError: an entry has the wrong shape, repeats an id or code, or refers to something that
            is not there; the message names the entry and its line.
    """
    document = read_yaml(Path(path))
    codebook = validate(document, Codebook)
    # Each check relies on what the checks before it made sure of.
    for check in (
        _missing_problems,
        _option_problems,
        _item_problems,
        _rule_problems,
        _name_problems,
    ):
        problems = list(check(codebook))
        if problems:
            location, problem, remedy = problems[0]
            raise document.error(location, problem + more(len(problems) - 1), remedy=remedy)
    return codebook


Problem = tuple[Location, str, str | None]


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
    if "attacks" not in codebook.subquestion_sets:
        yield (
            ("subquestion_sets",),
            "there is no set `attacks`",
            "List the attacks that the survey asks about under subquestion_sets.attacks.",
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
        if other.subquestions is not None and other.subquestions != item.subquestions:
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
    if item.type in {"array", "multiple"} and item.subquestions is None:
        yield here, f"an item of type {item.type} needs subquestions", "Name a sub-question set."
    if item.type == "single" and item.subquestions is not None:
        yield (
            (*here, "subquestions"),
            "an item of type single has no sub-questions",
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
    if item.none is not None and item.type != "multiple":
        yield (*here, "none"), "only a checklist can have none of these", "Remove the key."
    if item.type == "multiple" and item.subquestions in codebook.subquestion_sets:
        exclusive = codebook.exclusive_codes(item)
        boxes = {entry.code for entry in codebook.subquestion_sets[item.subquestions]}
        for code in sorted(boxes & set(exclusive)):
            yield here, f"the code {code!r} is both a box and an exclusive box", "Rename one."
    if item.type == "text" and item.missing:
        yield (
            (*here, "missing"),
            "free text has no codes for missing answers",
            "Remove the key; an empty field is not answered.",
        )


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
        elif isinstance(rule, ExcludeEarlyExit) and rule.value > codebook.pages:
            yield (*here, "value"), f"page {rule.value} does not exist", None
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
