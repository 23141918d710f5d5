"""What the columns of published tables are: heading, format, unit and meaning, from one registry.

data/columns.yml is the registry. A table names its columns in a line of words such as

    label:service count n estimate:share low high

Each word is a column of the table. After a colon stands the entry of the registry that says what
the column is here; without one, the entry has the column's own name. A word that ends in `_*`
stands for all columns that begin so, one per response option: `count_*:occurrence` are the columns
count_yes, count_no, … in the order of the item `occurrence`, headed by its options' labels. Named
alone, such a column is headed by its option's value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.formatting import p_text, percent_text
from mlsec_survey.base.yaml_input import Entry, near, read_yaml, validate

if TYPE_CHECKING:
    import pandas as pd

FORMATS: Mapping[str, Callable[[Any], str] | int | str] = {
    "0": 0,
    "1": 1,
    "2": 2,
    "3": 3,
    "2s": "2s",
    "3s": "3s",
    "4s": "4s",
    "p": p_text,
    "percent": percent_text,
    "percent 1": lambda share: percent_text(share, 1),
    "as it is": str,
}
_AS_ESTIMATE = "as its estimate"
_ANY = "_*"


class _Column(Entry):
    heading: str
    meaning: str
    unit: str = ""
    format: Literal[
        "0", "1", "2", "3", "2s", "3s", "4s", "p", "percent", "percent 1", "as it is",
        "as its estimate",
    ] = "2"  # fmt: skip
    role: Literal["", "count", "aside", "base", "absent", "extreme"] = ""
    part_of: str = ""
    within: str = ""
    rows: Literal["", "parts", "sums"] = ""


class _Registry(Entry):
    columns: dict[str, _Column]


@dataclass(frozen=True)
class Column:
    """One column of a published table.

    Attributes:
        name: in the table and in its CSV file.
        heading: what readers see above it.
        meaning: what it holds, for the data dictionary.
        unit: of its values; empty for text and for numbers without a unit.
        format: how numbers in it are written, a key of `FORMATS`.
        entry: its name in the registry.
        role, part_of, within, rows: how small counts in it are protected, as data/columns.yml says.
    """

    name: str
    heading: str
    meaning: str
    unit: str
    format: str
    entry: str
    role: str = ""
    part_of: str = ""
    within: str = ""
    rows: str = ""

    def described(self) -> dict[str, str]:
        """Return what a record and the data dictionary say about the column."""
        return {
            "name": self.name,
            "heading": self.heading,
            "meaning": self.meaning,
            "unit": self.unit,
            "entry": self.entry,
        }


@dataclass(frozen=True)
class Columns:
    """The registry.

    Attributes:
        path: where it was read.
        entries: what each name means; `_*` at the end of a name stands for a response option.
        option_labels: returns the labels of an item's response options by value.
    """

    path: Path
    entries: Mapping[str, Column]
    option_labels: Callable[[str], Mapping[str, str]]

    def named(self, words: str, table: Iterable[object]) -> list[Column]:
        """Return the columns that a line of words names.

        Args:
            words: as the module's docstring says.
            table: names of the columns that the table has.

        Raises:
            KeyError: the table has no such column.
            InputError: the registry has no such entry.
        """
        present = [str(name) for name in table]
        found: list[Column] = []
        estimate: Column | None = None
        for word in words.split():
            name, _, entry = word.partition(":")
            columns = (
                self._by_option(name, entry, present)
                if name.endswith(_ANY)
                else [self.column(name, entry or name)]
            )
            for column in columns:
                if column.name not in present:
                    raise KeyError(f"no column {column.name!r} among {', '.join(present)}")
                if column.format == _AS_ESTIMATE:
                    # The ends of an interval are written as what they belong to.
                    column = replace(
                        column,
                        format=estimate.format if estimate else "2",
                        unit=column.unit or (estimate.unit if estimate else ""),
                    )
                elif column.format != "0":
                    estimate = column
                found.append(column)
        return found

    def table(self) -> pd.DataFrame:
        """Return the registry as a table: column, heading, meaning, unit."""
        import pandas as pd

        described = [entry.described() for entry in self.entries.values()]
        return pd.DataFrame(described).rename(columns={"name": "column"}).drop(columns="entry")

    def column(self, name: str, entry: str) -> Column:
        """Return what an entry of the registry says, for the column of that name.

        Raises:
            InputError: the registry has no such entry.
        """
        if entry in self.entries:
            return replace(self.entries[entry], name=name)
        start, _, value = entry.rpartition("_")
        if f"{start}{_ANY}" in self.entries:
            return self._about(f"{start}{_ANY}", name, value)
        raise InputError(
            f"the registry of columns has no entry {entry!r}",
            file=self.path,
            value=entry,
            remedy=f"describe the column there. {near(entry, self.entries)}",
        )

    def _by_option(self, pattern: str, item: str, present: list[str]) -> list[Column]:
        start = pattern.removesuffix("*")
        labels = self.option_labels(item) if item else {}
        values = [name.removeprefix(start) for name in present if name.startswith(start)]
        return [
            self._about(pattern, f"{start}{value}", labels.get(value, value))
            for value in sorted(values, key=[*labels, *values].index)
        ]

    def _about(self, pattern: str, name: str, label: str) -> Column:
        """Return the column of one option, as the pattern describes columns of its kind."""
        general = self.column(name, pattern)
        return replace(
            general,
            heading=_filled(general.heading, label),
            meaning=_filled(general.meaning, label),
        )


def _filled(text: str, label: str) -> str:
    return text.replace("{}", label if text.startswith("{}") else f"{label[:1].lower()}{label[1:]}")


def no_options(item: str) -> Mapping[str, str]:
    """Return no labels; for tables that name no item."""
    return {}


def load_columns(
    path: Path, option_labels: Callable[[str], Mapping[str, str]] = no_options
) -> Columns:
    """Read the registry of columns.

    Args:
        path: data/columns.yml.
        option_labels: returns the labels of an item's response options by value.

    Raises:
        InputError: the file is missing or malformed.
    """
    registry = validate(read_yaml(path), _Registry)
    entries = {
        name: Column(name=name, entry=name, **entry.model_dump())
        for name, entry in registry.columns.items()
    }
    return Columns(path, entries, option_labels)
