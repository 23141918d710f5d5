"""Text and tables for LaTeX: everything escaped, nothing that pdfTeX cannot set."""

from __future__ import annotations

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
    sections: Mapping[int, str] | None = None,
) -> str:
    r"""Return a `tabular` in booktabs style; all cells are escaped here.

    Args:
        header: column headings.
        rows: cells as text, one sequence per row.
        numeric: per column whether it is set flush right.
        wrap: per column the share of the line width to wrap text at, or None for no wrapping.
        sections: heading to set above the row of that number, over all columns; rows are then
            indented below their heading.
    """
    widths = wrap or [None] * len(header)
    columns = "".join(
        rf">{{\raggedright\arraybackslash}}p{{{width:.2f}\linewidth}}" if width else "lr"[right]
        for width, right in zip(widths, numeric, strict=True)
    )
    lines = [rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}", r"\toprule"]
    lines.append(" & ".join(escape_latex(cell) for cell in header) + r" \\")
    lines.append(r"\midrule")
    for number, row in enumerate(rows):
        if sections and number in sections:
            heading = rf"\textit{{{escape_latex(sections[number])}}}"
            lines.append(rf"\multicolumn{{{len(header)}}}{{@{{}}l@{{}}}}{{{heading}}} \\")
        indent = r"\enspace " if sections else ""
        lines.append(indent + " & ".join(escape_latex(cell) for cell in row) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    return "\n".join(lines) + "\n"
