"""Untrusted text on its way out: what a spreadsheet, a terminal or a reader must not execute."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")

# Control characters other than tab, line feed and carriage return.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")

# Marks that reorder or hide text on display without changing what a program reads.
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")


def escape_spreadsheet(value: object) -> object:
    """Return text so that a spreadsheet shows it and does not run it; other values unchanged.

    Text that starts as a formula does (=, +, -, @, tab, carriage return, or the full-width forms of
    these) gets an apostrophe in front, as OWASP advises against CSV injection
    (https://owasp.org/www-community/attacks/CSV_Injection). Line breaks become spaces, so that no
    part of the text can start a cell of its own.
    """
    if not isinstance(value, str):
        return value
    flat = re.sub(r"[\r\n]+", " ", value)
    risky = value.lstrip().startswith(_FORMULA_STARTS) or value.startswith(("\t", "\r"))
    return f"'{flat}" if risky else flat


def safe_csv(header: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    """Return a table as CSV in which a spreadsheet finds nothing to run; lines end with LF."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(map(escape_spreadsheet, header))
    writer.writerows(map(escape_spreadsheet, row) for row in rows)
    return lines.getvalue()


def tidy(text: str) -> str:
    """Return text without control and invisible characters, with single spaces between words."""
    return " ".join(_INVISIBLE.sub("", CONTROL_CHARACTERS.sub(" ", text)).split())
