"""Where the paper uses each published result, in words that a reader can find it by."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

_COMMAND = re.compile(
    r"\\(?P<command>input|section|subsection|result|resulttable|resultfigure|begin)\*?"
    r"(?:\[[^\]]*\])?\s*\{(?P<text>[^{}]*)\}"
)
_KINDS = {"result": "numbers", "resulttable": "tables", "resultfigure": "figures"}
_ROMAN = ((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))


def paper_places(main: Path) -> dict[tuple[str, str], list[str]]:
    r"""Return where the paper uses each result, such as "Table II" or "Results, Hypotheses".

    Tables and figures are counted as LaTeX counts them, in the order of the sources.

    Args:
        main: the main file; what it \input{}s is read as well, generated files are not.

    Returns:
        Places by kind (numbers, tables, figures) and key, in the order of the paper.
    """
    places: dict[tuple[str, str], list[str]] = {}
    section = subsection = ""
    counted = {"tables": 0, "figures": 0}
    for command, text in _commands(main, main.parent):
        if command == "section":
            section, subsection = text, ""
        elif command == "subsection":
            subsection = text
        elif command == "begin":
            kind = text.removesuffix("*") + "s"
            if kind in counted:
                counted[kind] += 1
        else:
            kind = _KINDS[command]
            where = ", ".join(filter(None, (section, subsection))) or "Abstract"
            if kind in counted:
                counted[kind] += 1
                name = (
                    f"Table {_roman(counted[kind])}"
                    if kind == "tables"
                    else f"Fig. {counted[kind]}"
                )
                where = f"{name} ({where})"
            found = places.setdefault((kind, text), [])
            if where not in found:
                found.append(where)
    return places


def _commands(file: Path, folder: Path) -> Sequence[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    lines = file.read_text(encoding="utf-8").splitlines()
    text = "\n".join(re.sub(r"(?<!\\)%.*", "", line) for line in lines)
    for match in _COMMAND.finditer(text):
        command, argument = match["command"], " ".join(match["text"].split())
        if command != "input":
            found.append((command, argument))
            continue
        source = (folder / argument).with_suffix(".tex")
        # publishing.tex defines the commands, generated/ is made from the records.
        if source.is_file() and source.parent.name == "sections" and source.stem != "publishing":
            found += _commands(source, folder)
    return found


def _roman(number: int) -> str:
    text = ""
    for value, letters in _ROMAN:
        while number >= value:
            text, number = text + letters, number - value
    return text
