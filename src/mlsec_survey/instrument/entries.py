"""What a codebook is made of: items, response options, scales, exclusions, quality flags.

Each class is one kind of entry of `data/codebook.yml`; `codebook.py` puts them together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from mlsec_survey.base.yaml_input import Entry, Sequence

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")]
# LimeSurvey allows letters and digits in question codes, and five characters in answer codes.
QuestionCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9]{0,19}$")]
# A row or box may be a mere number, as in other survey tools.
RowCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,20}$")]
OptionCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,5}$")]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]

Origin = Literal["published", "reconstructed"]
MissingKindId = Literal["not_answered", "not_shown", "dont_know", "prefer_not"]
ChosenMissing = Literal["dont_know", "prefer_not"]
ItemType = Literal["single", "array", "multiple", "number", "date", "ranking", "text"]
Measure = Literal["nominal", "ordinal", "binary", "count", "interval", "date", "text"]

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
    code: RowCode
    label: Text
    about: Text
    basis: Origin


class ShownIf(Entry):
    """Condition under which an item is shown: another item has one of the values."""

    item: Identifier
    values: Annotated[Sequence[int | str], Field(min_length=1)]


class NoneOption(Entry):
    """The box of a checklist that says: none of these."""

    code: QuestionCode
    label: Text


NothingTicked = Literal["missing", "none"]


class NothingTickedRule(Entry):
    """What it means for shares and counts that nothing is ticked, not even "none of these".

    Whether an answer was given is not decided here: such a list stays marked as left empty.
    """

    means: NothingTicked
    reason: Text


class NumberRange(Entry):
    """What a numeric answer can be: from and to which number, and whether it is whole."""

    minimum: float | None = None
    maximum: float | None = None
    whole: bool = False
    unit: Text | None = None


class Item(Entry):
    """One question, grid of questions, checklist, ranking, or field for a number, date or text."""

    id: Identifier
    code: QuestionCode
    type: ItemType
    label: Text
    about: Text
    construct_: Text = Field(alias="construct")
    basis: Origin
    page: Annotated[int, Field(ge=1)]
    options: str | None = None
    subquestions: str | None = None
    other: bool = False
    missing: Sequence[ChosenMissing] = ()
    identifying: bool = False
    shown_if: ShownIf | None = None
    none: NoneOption | None = None
    nothing_ticked: NothingTickedRule | None = None
    number: NumberRange | None = None


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
    # Of a checklist: what nothing ticked means; by default what it means for the item.
    nothing_ticked: NothingTicked | None = None


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


class ExcludeOpenedOnly(_Exclusion):
    """Exclude a response without a single answer: the survey was opened and no more."""

    rule: Literal["nothing_answered"]


class ExcludeNotReached(_Exclusion):
    """Exclude a response that ended before an item, however the survey was cut into pages."""

    rule: Literal["not_reached"]
    item: Identifier


class ExcludeRepeated(_Exclusion):
    """Exclude all but one of the responses with the same non-empty entry in `column`.

    A submitted response is kept before one that was not submitted; among equals the first (or
    last) is kept.
    """

    rule: Literal["repeated"]
    column: Text
    keep: Literal["first", "last"]


Exclusion = Annotated[
    ExcludeEquals | ExcludeOpenedOnly | ExcludeNotReached | ExcludeRepeated,
    Field(discriminator="rule"),
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
