"""The codebook: every item, response option, missing code, derived scale and exclusion, as data.

A codebook is read once (`codebook_file.load_codebook`) and from then on is the only place that
labels, the order of options, missing codes, scales and exclusions come from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from mlsec_survey.base.yaml_input import (
    Entry,
    Sequence,
    near,
)
from mlsec_survey.instrument.entries import (
    OTHER_CODE,
    OTHER_VALUE,
    PARTS,
    Exclusion,
    IgnoredColumns,
    Item,
    Measure,
    MissingCodes,
    MissingKindId,
    NumberRange,
    Option,
    OptionSet,
    Paradata,
    QualityFlag,
    Scale,
    Subquestion,
    Text,
    TimingColumns,
)
from mlsec_survey.instrument.variables import Variable

ColumnKind = Literal[
    "paradata",
    "single",
    "other",
    "array",
    "multiple",
    "exclusive",
    "number",
    "date",
    "ranking",
    "text",
    "timing",
]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the raw export.

    Attributes:
        name: heading, for instance `CON[EVA]`.
        kind: what the cells hold.
        variable: the processed variable that the column feeds; for an exclusive box of a checklist
            (none of these, don't know) and for a place of a ranking the id of the item.
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
    def _variable_columns(self) -> dict[str, Column]:
        not_one = {"paradata", "timing", "exclusive", "ranking"}
        return {c.variable: c for c in self.column_specs if c.kind not in not_one}

    @cached_property
    def _variables(self) -> dict[str, Variable]:
        answers = (
            answer
            for item in self.items
            for answer in (self._places(item) if item.type == "ranking" else self._answers(item))
        )
        scales = (self._derived(scale) for scale in self.scales)
        return {variable.name: variable for variable in (*answers, *scales)}

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

    def part_labels(self, name: str) -> dict[str, str]:
        """Return the label of each sub-question of a set by its id; KeyError without such a set."""
        return {entry.id: entry.label for entry in self.subquestion_sets[name]}

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

    def variable(self, name: str) -> Variable:
        """Return the variable of this name, whether it is an answer or a scale.

        Raises:
            KeyError: there is none; the message names near matches.
        """
        try:
            return self._variables[name]
        except KeyError:
            raise KeyError(f"no variable {name!r}. {near(name, self._variables)}") from None

    def variables(self, item: Item | str | None = None) -> tuple[Variable, ...]:
        """Return the variables of one item, or all: the answers in order, then the scales.

        An item without sub-questions gives `item`, one with sub-questions `item__subquestion`, and
        an item with the option other also gives the text variable `item__other`.
        """
        if item is None:
            return tuple(self._variables.values())
        item = self._resolved(item)
        return tuple(
            variable
            for variable in self._variables.values()
            if variable.derived is None and variable.item.id == item.id
        )

    def parts(self, item: Item | str) -> dict[str, Variable]:
        """Return the variable of each sub-question of an item, by sub-question id, in order."""
        item = self._resolved(item)
        return {
            entry.id: self._variables[f"{item.id}{PARTS}{entry.id}"]
            for entry in self.subquestions(item)
        }

    def columns_of(self, item: Item) -> tuple[Column, ...]:
        """Return the columns of the export that hold an item's answers, but no exclusive boxes.

        There is one per variable, in the same order, or one per place of a ranking.
        """
        return tuple(c for c in self._item_columns(item) if c.kind != "exclusive")

    def column(self, variable: str) -> Column:
        """Return the one column of the export that an answer comes from.

        Raises:
            KeyError: there is none, as for scales and rankings.
        """
        return self._variable_columns[variable]

    def label(self, name: str) -> str:
        """Return the label of a variable, flag, column of paradata or item; KeyError if unknown."""
        if name in self._variables:
            return self._variables[name].label
        others: Sequence[QualityFlag | Item] = (*self.quality_flags, *self.items)
        labels = {entry.variable: entry.label for entry in self.paradata}
        labels |= {entry.id: entry.label for entry in others}
        return labels[name] if name in labels else self.variable(name).label

    def missing_codes(self, item: Item | str) -> dict[str, MissingKindId]:
        """Return the kind of missing answer that each code means for this item."""
        item = self._resolved(item)
        allowed = {"not_answered", "not_shown", *item.missing}
        return {kind.code: name for name, kind in self.missing.items() if name in allowed}

    def _resolved(self, item: Item | str) -> Item:
        return self.item(item) if isinstance(item, str) else item

    def _answers(self, item: Item) -> Iterator[Variable]:
        return (self._answer(item, column) for column in self.columns_of(item))

    def _answer(self, item: Item, column: Column) -> Variable:
        part = column.subquestion
        other = column.kind == "other"
        label = item.label if part is None else f"{item.label}: {part.label}"
        measure: Measure = "text"
        options: tuple[Option, ...] = ()
        low, high = None, None
        if column.kind == "multiple":
            measure, options = "binary", self.options(item)
        elif column.kind == "date":
            measure = "date"
        elif column.kind == "number":
            limits = item.number or NumberRange()
            low, high = limits.minimum, limits.maximum
            measure = "count" if limits.whole and low == 0 else "interval"
        elif column.kind not in {"other", "text"}:
            assert item.options is not None
            measure, options = self.option_sets[item.options].measure, self.options(item)
            if measure == "nominal" and len(options) == 2:
                measure = "binary"
        numbers = [float(option.value) for option in options if isinstance(option.value, int)]
        return Variable(
            name=column.variable,
            label=f"{label}: other, in own words" if other else label,
            measure=measure,
            construct=item.construct_,
            item=item,
            part=part,
            options=options,
            missing=("not_answered", "not_shown", *item.missing),
            minimum=min(numbers, default=low),
            maximum=max(numbers, default=high),
            other=other,
        )

    def _places(self, item: Item) -> Iterator[Variable]:
        """Yield the place of each thing that a ranking puts in order, 1 for the first."""
        entries = self.subquestions(item)
        for entry in entries:
            yield Variable(
                name=f"{item.id}{PARTS}{entry.id}",
                label=f"{item.label}: {entry.label}",
                measure="ordinal",
                construct=item.construct_,
                item=item,
                part=entry,
                missing=("not_answered", "not_shown"),
                minimum=1,
                maximum=len(entries),
            )

    def _derived(self, scale: Scale) -> Variable:
        item = self.item(scale.item)
        return Variable(
            name=scale.id,
            label=scale.label,
            measure=scale.measure,
            construct=scale.construct_,
            item=item,
            minimum=scale.low,
            maximum=scale.high,
            derived=scale,
            parts=tuple(f"{item.id}{PARTS}{entry.id}" for entry in self.subquestions(item)),
        )

    def _item_columns(self, item: Item) -> Iterator[Column]:
        entries = self.subquestions(item)
        if item.type == "ranking":
            for place in range(1, len(entries) + 1):
                name = f"{item.code}[{place}]"
                yield Column(name, "ranking", item.id, item=item, page=item.page)
            return
        if not entries:
            kind: ColumnKind = "single"
            if item.type in ("number", "date", "text"):
                kind = item.type
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
        kinds: dict[str, ColumnKind] = {
            name: name for name in ("array", "multiple", "number", "text")
        }
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
