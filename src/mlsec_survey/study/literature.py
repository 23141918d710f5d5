"""What the literature states in public, one fact per row, each with its source and how it is known.

The analysis of answers never reads these facts as data; they stand beside its results, and design
arithmetic takes counts from them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic import ValidationError as PydanticError

from mlsec_survey.base.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

HowKnown = Literal[
    "abstract", "title page", "listing", "introduction", "counted", "relayed", "third hand"
]

# What a reader has to know of each way of knowing.
HOW_KNOWN: dict[HowKnown, str] = {
    "abstract": "stated in the publication's abstract",
    "title page": "stated on the publication's title page",
    "listing": "stated in the archive's listing",
    "introduction": "stated in the publication's introduction",
    "counted": "counted by this project in public data",
    "relayed": "relayed by a third party, not checked at the source",
    "third hand": "stated only by somebody who says they had not read the publication",
}

_COLUMNS = ("key", "fact", "value", "unit", "source", "how_known")

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_EmptyIsNone = BeforeValidator(lambda value: None if value == "" else value)


class Fact(BaseModel):
    """One public statement.

    Attributes:
        key: the publication and the fact, such as "tifs2023.n".
        fact: the statement in this project's words; with a value it reads "VALUE FACT".
        value: the number that it states, if any.
        unit: what the number counts; present exactly when there is a value.
        source: where it stands.
        how_known: how this project knows it; a key of `HOW_KNOWN`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(\.[a-z0-9_]+)+$")]
    fact: _Text
    value: Annotated[float | None, Field(allow_inf_nan=False), _EmptyIsNone]
    unit: Annotated[_Text | None, _EmptyIsNone]
    source: _Text
    how_known: HowKnown

    @property
    def number(self) -> float | int:
        """The value; a whole one as int.

        Raises:
            InputError: the fact states no number, or is known at third hand only.
        """
        if self.third_hand:
            raise InputError(
                f"the published fact {self.key!r} is known at third hand only and is no input",
                remedy="read it at its source, and set how_known in data/published/facts.csv",
            )
        if self.value is None:
            raise InputError(f"the published fact {self.key!r} states no number")
        return int(self.value) if self.value.is_integer() else self.value

    @property
    def relayed(self) -> bool:
        """Whether it must be marked as relayed wherever it is used."""
        return self.how_known == "relayed"

    @property
    def third_hand(self) -> bool:
        """Whether it may stand in one place with a warning, and nowhere else."""
        return self.how_known == "third hand"

    @property
    def result_key(self) -> str:
        """The key under which its number is published for the paper, such as "fact_tifs2023_n"."""
        return "fact_" + self.key.replace(".", "_")

    @property
    def citation(self) -> str:
        """Source and, where it matters, how it is known; for captions and source lines."""
        return f"{self.source} ({HOW_KNOWN[self.how_known]})"

    @property
    def sentence(self) -> str:
        """The statement with its number and the mark of how it is known."""
        number = "" if self.value is None else f"{self.value:,g}{'' if self.unit != '%' else ' %'} "
        mark = f" [{self.how_known}]" if self.relayed or self.third_hand else ""
        text = f"{number}{self.fact}{mark}."
        return text[:1].upper() + text[1:]


class PublishedFacts(Mapping[str, Fact]):
    """The facts by key, in the order of the file."""

    def __init__(self, facts: Iterable[Fact], file: Path) -> None:
        self._facts = {fact.key: fact for fact in facts}
        self._file = file

    def __getitem__(self, key: str) -> Fact:
        """Return the fact; see `fact` for an error that a user can act on."""
        return self._facts[key]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys."""
        return iter(self._facts)

    def __len__(self) -> int:
        """Return the number of facts."""
        return len(self._facts)

    def fact(self, key: str) -> Fact:
        """Return one fact.

        Raises:
            InputError: there is none of that key; names the nearest ones.
        """
        if key not in self._facts:
            near = get_close_matches(key, self._facts, n=3) or list(self._facts)[:3]
            raise InputError(
                "there is no published fact of this key",
                file=self._file,
                value=key,
                remedy=f"add a row, or use one of its keys, such as {', '.join(near)}",
            )
        return self._facts[key]

    def number(self, key: str) -> float | int:
        """Return the number that a fact states."""
        return self.fact(key).number

    def table(self, keys: Iterable[str] | None = None, *, third_hand: bool = False) -> pd.DataFrame:
        """Return facts for display: key, fact (with its number), source, how_known (in words).

        Args:
            keys: which facts; by default all of the kind.
            third_hand: those known at third hand only, which stand apart, or all others.
        """
        import pandas as pd

        chosen = [self.fact(key) for key in (self._facts if keys is None else keys)]
        chosen = [fact for fact in chosen if fact.third_hand == third_hand]
        return pd.DataFrame(
            {
                "key": [fact.key for fact in chosen],
                "fact": [fact.sentence for fact in chosen],
                "source": [fact.source for fact in chosen],
                "how_known": [HOW_KNOWN[fact.how_known] for fact in chosen],
            }
        )

    def numbers(self) -> pd.DataFrame:
        """Return the facts that state a number and may be used: key, value, description, unit."""
        import pandas as pd

        return pd.DataFrame(
            {
                "key": fact.result_key,
                "value": fact.number,
                "description": fact.fact,
                "unit": fact.unit,
            }
            for fact in self._facts.values()
            if fact.value is not None and not fact.third_hand
        )


def load_facts(path: Path | str) -> PublishedFacts:
    """Read the facts.

    Args:
        path: CSV with the columns key, fact, value, unit, source and how_known; UTF-8.

    Raises:
        InputError: the file is missing or not UTF-8, a column is missing, a row has too many or
            too few cells, a cell is not allowed, or a key occurs twice.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(
            "there is no such file", file=path, remedy="restore it from the repository"
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"not UTF-8 at byte {error.start}", file=path, remedy="save the file as UTF-8"
        ) from None
    reader = csv.reader(io.StringIO(text, newline=""))
    header = next(reader, [])
    if tuple(header) != _COLUMNS:
        raise InputError(
            "the columns are not those of a list of facts",
            file=path,
            row=1,
            value=",".join(header),
            remedy=f"use the heading {','.join(_COLUMNS)}",
        )
    facts: dict[str, Fact] = {}
    for cells in reader:
        row = reader.line_num
        fact = _fact(cells, path, row)
        if fact.key in facts:
            raise InputError(
                "this key occurs twice",
                file=path,
                row=row,
                column="key",
                value=fact.key,
                remedy="give one of the two another key",
            )
        facts[fact.key] = fact
    return PublishedFacts(facts.values(), path)


def _fact(cells: list[str], path: Path, row: int) -> Fact:
    if len(cells) != len(_COLUMNS):
        raise InputError(
            f"{len(cells)} cells instead of {len(_COLUMNS)}",
            file=path,
            row=row,
            remedy="put text with commas between double quotes",
        )
    try:
        fact = Fact.model_validate(dict(zip(_COLUMNS, cells, strict=True)))
    except PydanticError as error:
        first = error.errors()[0]
        column = str(first["loc"][0])
        allowed = f"; allowed: {', '.join(HOW_KNOWN)}" if column == "how_known" else ""
        raise InputError(
            f"{first['msg'][:1].lower()}{first['msg'][1:]}",
            file=path,
            row=row,
            column=column,
            value=cells[_COLUMNS.index(column)],
            remedy=f"correct this cell{allowed}",
        ) from None
    if (fact.value is None) != (fact.unit is None):
        raise InputError(
            "a value needs a unit, and a unit a value",
            file=path,
            row=row,
            column="unit",
            value=cells[_COLUMNS.index("unit")],
            remedy="fill in both, or neither",
        )
    return fact
