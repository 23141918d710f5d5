"""Text and tables for LaTeX: everything escaped, nothing that pdfTeX cannot set."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence

_SPECIALS = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "–": "--",
    "—": "---",
    "’": "'",
    "‘": "`",
    "“": "``",
    "”": "''",
    "„": r"\quotedblbase{}",
    "‚": r"\quotesinglbase{}",
    "«": r"\guillemotleft{}",
    "»": r"\guillemotright{}",
    "…": r"\dots{}",
    "·": r"$\cdot$",
    "×": r"$\times$",
    "−": r"$-$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "≠": r"$\neq$",
    "≈": r"$\approx$",
    "→": r"$\rightarrow$",
    "±": r"$\pm$",
    "α": r"$\alpha$",
    "κ": r"$\kappa$",
    "τ": r"$\tau$",
    "χ": r"$\chi$",
    "φ": r"$\phi$",
    "ε": r"$\varepsilon$",
    "²": r"\textsuperscript{2}",
    "\u00a0": "~",
    "\u202f": r"\,",
    "\u2009": r"\,",
    "§": r"\S{}",
    "•": r"\textbullet{}",
    "✓": r"$\checkmark$",
}

# What the T1 encoding has without further packages: Latin letters with their accents.
_T1_LETTERS = frozenset(
    "äöüÄÖÜßàáâãåæçèéêëìíîïñòóôõøùúûýÿÀÁÂÃÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕØÙÚÛÝăąćčďđęěğłńňőœŕřśşšťţůűźżžŁŠŽ"
)


def escape_latex(text: object) -> str:
    """Return text that LaTeX sets as it stands.

    LaTeX's special characters are escaped, common typographic ones translated, accented letters of
    the T1 encoding kept, other letters reduced to their base letter where they have one, and what
    remains (emoji, other scripts) set as a box with the character's code point, so that nothing
    disappears silently. Line breaks become spaces.
    """
    return "".join(_escaped(c) for c in unicodedata.normalize("NFC", " ".join(str(text).split())))


def _escaped(character: str) -> str:
    if character in _SPECIALS:
        return _SPECIALS[character]
    if " " <= character < "\x7f" or character in _T1_LETTERS:
        return character
    base = unicodedata.normalize("NFKD", character)[0]
    if base != character and " " <= base < "\x7f":
        return _SPECIALS.get(base, base)
    if unicodedata.category(character)[0] == "C" and character != "\u200d":
        return ""
    return rf"\fbox{{\tiny U+{ord(character):04X}}}"


def latex_tabular(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    numeric: Sequence[bool],
    *,
    wrap: Sequence[float | None] | None = None,
    letters: Sequence[int] | None = None,
    sections: Mapping[int, str] | None = None,
) -> str:
    r"""Return a `tabular` in booktabs style; all cells are escaped here.

    Args:
        header: column headings.
        rows: cells as text, one sequence per row.
        numeric: per column whether it is set flush right.
        wrap: per column the share of the line width to wrap text at, or None for no wrapping.
        letters: per column how many letters of its heading stand in a line; default all.
        sections: heading to set above the row of that number, over all columns; rows are then
            indented below their heading.
    """
    widths = wrap or [None] * len(header)
    columns = "".join(
        rf">{{\raggedright\arraybackslash}}p{{{width:.2f}\linewidth}}" if width else "lr"[right]
        for width, right in zip(widths, numeric, strict=True)
    )
    lines = [rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}", r"\toprule"]
    room = letters or [len(cell) for cell in header]
    headings = map(_heading, header, room, numeric)
    lines.append(" & ".join(headings) + r" \\")
    lines.append(r"\midrule")
    for number, row in enumerate(rows):
        if sections and number in sections:
            heading = rf"\textit{{{escape_latex(sections[number])}}}"
            lines.append(rf"\multicolumn{{{len(header)}}}{{@{{}}l@{{}}}}{{{heading}}} \\")
        indent = r"\enspace " if sections else ""
        set_cells = [
            _breakable(cell) if width else escape_latex(cell)
            for cell, width in zip(row, widths, strict=True)
        ]
        lines.append(indent + " & ".join(set_cells) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    return "\n".join(lines) + "\n"


def _breakable(text: str) -> str:
    """Return text in which a long word without hyphens, such as an address, may end a line."""
    words = [
        re.sub(r"([/.:])(?=\w)", r"\1\\allowbreak{}", escape_latex(word))
        if len(word) > _LONG_WORD
        else escape_latex(word)
        for word in text.split()
    ]
    return " ".join(words)


def _heading(text: str, letters: int, right: bool) -> str:
    """Return a heading in as many lines as it needs, ending where the column ends."""
    parts = textwrap.wrap(text, max(1, letters), break_long_words=False, break_on_hyphens=False)
    if len(parts) < 2:
        return escape_latex(text)
    stacked = r"\\".join(escape_latex(part) for part in parts)
    return rf"\shortstack[{'lr'[right]}]{{{stacked}}}"


# How many letters a line of the paper takes at the size of its tables, in one column and in both,
# and how many of them lie between two columns of a table.
_COLUMN_LETTERS, _PAGE_LETTERS, _BETWEEN = 62, 132, 2
# Text from this length on is wrapped where the table would else be too wide.
_LONG = 26
# A word of more letters may be parted where an address has its parts.
_LONG_WORD = 16
# Lines that a heading takes at most where its column is narrower.
_HEADING_LINES = 3
# A table this long is set as two side by side, where they fit.
_TALL = 36


def latex_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    numeric: Sequence[bool],
    sections: Mapping[int, str],
) -> tuple[bool, str]:
    r"""Return whether a table spans both columns of the paper, and its `tabular`.

    Headings longer than their column are set in lines where that makes the table fit. What is too
    wide for one column spans both; what is too wide for both has its long texts wrapped; what is
    tall and narrow is parted between two sections and set side by side.

    Args:
        header: column headings.
        rows: cells as text, one sequence per row.
        numeric: per column whether it is set flush right.
        sections: heading to set above the row of that number.
    """
    between = _BETWEEN * (len(header) - 1)
    cells = [max(map(len, column), default=0) for column in zip(*rows, strict=True)]
    cells = cells or [0] * len(header)
    widths = [max(len(title), cell) for title, cell in zip(header, cells, strict=True)]
    natural = sum(widths) + between
    letters = [max(_narrowest(title), cell) for title, cell in zip(header, cells, strict=True)]
    if natural > _COLUMN_LETTERS and (
        sum(letters) + between <= _COLUMN_LETTERS or natural > _PAGE_LETTERS
    ):
        widths, natural = letters, sum(letters) + between
    tall = len(rows) + len(sections) > _TALL and len(sections) > 1
    if tall and 2 * natural <= _PAGE_LETTERS:
        cut = _middle(sections, len(rows))
        left = latex_tabular(header, rows[:cut], numeric, letters=widths, sections=sections)
        below = {start - cut: text for start, text in sections.items() if start >= cut}
        right = latex_tabular(header, rows[cut:], numeric, letters=widths, sections=below)
        return True, "\\hfill\n".join(
            half.replace(r"\begin{tabular}", r"\begin{tabular}[t]") for half in (left, right)
        )
    wide = natural > _COLUMN_LETTERS
    wrap = None
    if natural > _PAGE_LETTERS:
        wrap = _wraps(header, rows, widths, numeric)
        widths = [
            width if share is None else round(share * _PAGE_LETTERS)
            for width, share in zip(widths, wrap, strict=True)
        ]
    return wide, latex_tabular(header, rows, numeric, wrap=wrap, letters=widths, sections=sections)


def _narrowest(heading: str) -> int:
    """Return how many letters a line needs for a heading to take few lines and keep its words."""
    longest = max(map(len, heading.split()), default=0)
    for letters in range(longest, len(heading)):
        if len(textwrap.wrap(heading, letters, break_long_words=False)) <= _HEADING_LINES:
            return letters
    return len(heading)


def _wraps(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    widths: Sequence[int],
    numeric: Sequence[bool],
) -> list[float | None]:
    """Return the share of the line that each long text gets: the more text, the more."""
    long = [not right and width >= _LONG for width, right in zip(widths, numeric, strict=True)]
    taken = sum(width for width, wrapped in zip(widths, long, strict=True) if not wrapped)
    room = 1 - (taken + _BETWEEN * (len(widths) - 1)) / _PAGE_LETTERS
    # A text twice as long gets less than twice the room, so that short ones keep whole words.
    text = [sum(map(len, column)) ** 0.6 for column in zip(header, *rows, strict=True)]
    total = sum(size for size, wrapped in zip(text, long, strict=True) if wrapped)
    return [
        max(0.08, room * size / total) if wrapped else None
        for size, wrapped in zip(text, long, strict=True)
    ]


def _middle(sections: Mapping[int, str], rows: int) -> int:
    """Return the row at which to part a table so that its halves are as even as sections allow."""

    def unevenness(start: int) -> int:
        headings_left = sum(other < start for other in sections)
        return abs(2 * (start + headings_left) - (rows + len(sections)))

    return min((start for start in sections if start), key=unevenness)
