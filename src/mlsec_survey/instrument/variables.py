"""The variables of a survey: what an analysis can be about, whether asked for or derived.

A variable is one part of an item (a question, a row of a grid, a box of a checklist) or a scale
that is derived from several. Analyses ask the codebook for a variable and its properties, and need
not know which of the two it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mlsec_survey.instrument.entries import (
    AnyScale,
    CountScale,
    Item,
    MeanScale,
    Measure,
    MissingKindId,
    Option,
    Subquestion,
)


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of the processed answers; ask the codebook for it.

    Attributes:
        name: column of the processed files.
        label: such as `Concern: Theft`.
        measure: level of measurement; a nominal variable with two options counts as binary.
        construct: what it is meant to measure.
        item: the item that it is an answer to, or is derived from.
        part: the row of a grid or box of a checklist, None for an item without parts and for a
            scale.
        options: response options in order; none for free text and for scales.
        missing: the ways in which an answer can be missing; none for a scale, which is missing
            where too few of its parts are answered.
        minimum, maximum: ends of the range of its numbers; None where it has none.
        derived: the rule by which it is derived; None for an answer.
        parts: names of the variables that it is derived from; none for an answer.
        other: whether it holds the words of those who chose the option other.
    """

    name: str
    label: str
    measure: Measure
    construct: str
    item: Item
    part: Subquestion | None = None
    options: tuple[Option, ...] = ()
    missing: tuple[MissingKindId, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    derived: MeanScale | CountScale | AnyScale | None = field(default=None, repr=False)
    parts: tuple[str, ...] = ()
    other: bool = False

    @property
    def is_text(self) -> bool:
        """Whether it holds free text, which can be read and coded but not computed with."""
        return self.measure == "text"

    @property
    def is_measured(self) -> bool:
        """Whether an analysis can compute with it, unlike free text and dates."""
        return self.measure not in ("date", "text")

    @property
    def is_ordered(self) -> bool:
        """Whether an analysis can compute with it and its values have an order."""
        return self.is_measured and self.measure != "nominal"

    @property
    def short_label(self) -> str:
        """The label of its part alone, such as `Theft`; the whole label where it has no part."""
        return self.label if self.part is None else self.part.label

    @property
    def largest_count(self) -> int | None:
        """The largest value of a count with a known upper end; None for any other variable."""
        return int(self.maximum) if self.measure == "count" and self.maximum is not None else None

    @property
    def positive(self) -> int | str:
        """The value of a binary answer that counts as 1: "yes", or the first of its options."""
        values = [option.value for option in self.options]
        return "yes" if "yes" in values else values[0]

    @property
    def level_labels(self) -> dict[float, str]:
        """Words for the numbers that stand for its values in an analysis; empty without words."""
        if self.measure == "binary":
            return {0.0: "no", 1.0: "yes"}
        return {
            float(option.value): option.label
            for option in self.options
            if isinstance(option.value, int)
        }

    @property
    def levels(self) -> tuple[float, ...]:
        """All numbers that it can take in an analysis, rising; for groups their positions.

        Empty where they cannot be listed: free text, dates, and numbers that are not whole or lack
        an end.
        """
        if not self.is_measured:
            return ()
        if self.measure == "binary":
            return (0.0, 1.0)
        if self.measure == "nominal":
            return tuple(float(k) for k in range(max(2, len(self.options))))
        if self.options:
            return tuple(sorted({float(option.value) for option in self.options}))
        if self.minimum is None or self.maximum is None:
            return ()
        if self.item.number is not None and not self.item.number.whole:
            return ()
        steps = round(self.maximum - self.minimum)
        if isinstance(self.derived, MeanScale):
            steps = round((self.maximum - self.minimum) * len(self.parts))
        return tuple(np.linspace(self.minimum, self.maximum, steps + 1).tolist())
