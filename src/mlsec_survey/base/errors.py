"""Errors that a user can act on: what is wrong, where, and what to do about it."""

from __future__ import annotations

from pathlib import Path


class CompendiumError(Exception):
    """Base of all errors that the compendium raises on purpose."""

    exit_status = 1


class InputError(CompendiumError):
    """An input that cannot be used; names file, row, column, value and remedy.

    `row` counts the lines of the file as an editor shows them (the header is line 1).
    """

    exit_status = 2

    def __init__(
        self,
        problem: str,
        *,
        file: Path | str | None = None,
        row: int | None = None,
        column: str | None = None,
        value: object = None,
        remedy: str | None = None,
    ) -> None:
        self.problem = problem
        self.file = None if file is None else Path(file)
        self.row = row
        self.column = column
        self.value = value
        self.remedy = remedy
        super().__init__(self._message())

    def _message(self) -> str:
        where = [
            text
            for text, present in (
                (f"{self.file}", self.file is not None),
                (f"row {self.row}", self.row is not None),
                (f"column {self.column!r}", self.column is not None),
                (f"value {_shown(self.value)}", self.value is not None),
            )
            if present
        ]
        message = self.problem if not where else f"{', '.join(where)}: {self.problem}"
        return message if self.remedy is None else f"{message}\n  What to do: {self.remedy}"


class AnalysisError(CompendiumError):
    """An analysis that cannot be done with the data at hand, although the input is valid."""


def _shown(value: object, longest: int = 80) -> str:
    """Show an untrusted value on one line, without control characters, at most `longest` long."""
    text = repr(value) if isinstance(value, str) else repr(str(value))
    return text if len(text) <= longest else text[: longest - 1] + "…"
