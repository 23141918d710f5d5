"""The coding scheme: codes for free text, their themes, and where their borders run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from mlsec_survey.base.yaml_input import Entry, Sequence, near, read_yaml, validate
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import Identifier, Origin, Text

if TYPE_CHECKING:
    import pandas as pd

# What a coder writes where no code applies; an empty cell is not coded yet.
NONE_APPLIES = "none"


class Theme(Entry):
    """A group of codes; `concern` says whether they name something that is feared."""

    id: Identifier
    label: Text
    concern: bool


class Code(Entry):
    """One code: what it stands for, and where its border to other codes runs."""

    id: Identifier
    label: Text
    field: Identifier
    theme: Identifier
    basis: Origin
    definition: Text
    include: Text
    exclude: Text
    example: Text


class CodingScheme(Entry):
    """The codes for free text; build it with `load_coding_scheme`."""

    version: Literal[1]
    note: Text
    themes: Annotated[Sequence[Theme], Field(min_length=1)]
    codes: Annotated[Sequence[Code], Field(min_length=1)]

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The coded fields, in the order of the code book."""
        return tuple(dict.fromkeys(code.field for code in self.codes))

    def of_field(self, field: str) -> tuple[Code, ...]:
        """Return the codes of one field, in order."""
        return tuple(code for code in self.codes if code.field == field)

    def labels(self, field: str | None = None) -> dict[str, str]:
        """Return the label of each code, of one field or of all, in order."""
        return {c.id: c.label for c in self.codes if field is None or c.field == field}

    def concerns(self, field: str) -> tuple[str, ...]:
        """Return the codes of a field that name a concern, unlike reasons against one."""
        feared = {theme.id for theme in self.themes if theme.concern}
        return tuple(c.id for c in self.codes if c.field == field and c.theme in feared)

    def table(self) -> pd.DataFrame:
        """Return the code book for display, one row per code.

        Columns: code (label), theme (label), definition, include, exclude, example, basis.
        """
        import pandas as pd

        themes = {theme.id: theme.label for theme in self.themes}
        rows = [
            {
                "code": code.label,
                "theme": themes[code.theme],
                "definition": code.definition,
                "include": code.include,
                "exclude": self._named(code.exclude),
                "example": code.example,
                "basis": code.basis,
            }
            for code in self.codes
        ]
        return pd.DataFrame(rows)

    def _named(self, rule: str) -> str:
        """Return a rule with the labels of the codes that it points to instead of their ids."""
        for code in sorted(self.codes, key=lambda c: -len(c.id)):
            for end in (")", ","):
                rule = rule.replace(f"({code.id}{end}", f"({code.label}{end}")
                rule = rule.replace(f", {code.id}{end}", f", {code.label}{end}")
        return rule


def load_coding_scheme(
    path: Path | str, codebook: Codebook, *, needed: Mapping[str, tuple[str, ...]] | None = None
) -> CodingScheme:
    """Read the code book for free text.

    Args:
        path: YAML file in the layout of `data/concern_codes.yml`.
        codebook: defines the fields that can be coded: items of free text.
        needed: codes by field that a later count rests on, and that have to be there.

    Raises:
        InputError: names the entry that does not fit.
    """
    document = read_yaml(path)
    book = validate(document, CodingScheme)
    fields = [item.id for item in codebook.items if item.type == "text"]
    themes = {theme.id for theme in book.themes}
    for name in ("id", "label"):
        for part, entries in (("themes", book.themes), ("codes", book.codes)):
            seen: set[str] = set()
            for position, entry in enumerate(entries):
                value = getattr(entry, name)
                if value in seen:
                    raise document.error(
                        (part, position, name),
                        "this occurs twice",
                        value=value,
                        remedy=f"Give one of the two another {name}.",
                    )
                seen.add(value)
    for position, code in enumerate(book.codes):
        if code.id == NONE_APPLIES:
            raise document.error(
                ("codes", position, "id"),
                "coders write this word where no code applies",
                value=code.id,
                remedy="Give the code another id.",
            )
        for key, value, known in (("field", code.field, fields), ("theme", code.theme, themes)):
            if value not in known:
                raise document.error(
                    ("codes", position, key), "unknown name", value=value, remedy=near(value, known)
                )
    for field, codes in (needed or {}).items():
        for code_id in codes:
            if code_id not in book.labels(field):
                raise document.error(
                    ("codes",),
                    f"there is no code {code_id!r} of the field {field!r}",
                    remedy="Add it: a count of the analysis rests on it.",
                )
    return book
