"""Reading of YAML files that people write: strict, bounded, with the line of every entry."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Strict, ValidationError

from mlsec_survey.base.errors import InputError

LARGEST_FILE = 2_000_000
DEEPEST_NESTING = 30
# How a drafted file marks what somebody has to decide.
OPEN = "TODO"

# YAML 1.1 takes 010 for eight and 1:30 for ninety.
_PLAIN_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]*)")

Location = tuple[str | int, ...]
T = TypeVar("T")

# The model is strict so that YAML 1.1's readings of plain words (yes, no, on, 1.0) never slip in as
# another type; a list in the file is nevertheless what a tuple in the model is written as.
Sequence = Annotated[tuple[T, ...], Strict(False)]


class Entry(BaseModel):
    """Base of everything read from YAML: immutable, no unknown keys, no silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=False)


ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """Content of one YAML file with the line on which each entry starts.

    Attributes:
        path: the file.
        content: plain Python data.
        lines: line number (the first line is 1) of each entry, by its keys and positions.
    """

    path: Path
    content: Any
    lines: Mapping[Location, int]

    def line(self, location: Iterable[object]) -> int | None:
        """Return the line of the entry at `location`, or of the nearest entry that encloses it."""
        known = tuple(key for key in location if isinstance(key, str | int))
        while known:
            if known in self.lines:
                return self.lines[known]
            known = known[:-1]
        return None

    def entry(self, location: Iterable[object]) -> str:
        """Return a readable name of the entry at `location`, such as `items[12] 'relevance'`."""
        node: Any = self.content
        text = ""
        name: str | None = None
        for key in location:
            if isinstance(node, list) and isinstance(key, int) and key < len(node):
                node = node[key]
                text += f"[{key}]"
            elif isinstance(node, dict) and key in node:
                node = node[key]
                text += f"{'.' if text else ''}{key}"
            elif isinstance(key, str) and isinstance(node, dict):
                text += f"{'.' if text else ''}{key}"
                break
            else:
                continue
            if isinstance(node, dict):
                label = node.get("id", node.get("column"))
                if isinstance(label, str):
                    name = label
        return text if name is None else f"{text} {name!r}"

    def error(self, location: Iterable[object], problem: str, **details: Any) -> InputError:
        """Build the error for the entry at `location`."""
        location = tuple(location)
        named = self.entry(location)
        return InputError(
            f"{named}: {problem}" if named else problem,
            file=self.path,
            row=self.line(location),
            **details,
        )


def read_yaml(path: Path | str) -> YamlDocument:
    """Read one YAML document without tags, aliases, merge keys or repeated keys.

    Args:
        path: the file; UTF-8, at most 2 MB.

    Raises:
        InputError: the file is missing, too large, no UTF-8, no valid YAML, repeats a key, or uses
            an alias (which could make a small file expand without bound).
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            "there is no such file", file=path, remedy="Check the path; names are case-sensitive."
        ) from None
    except OSError as error:
        raise InputError(f"the file cannot be read ({error.strerror})", file=path) from None
    if len(raw) > LARGEST_FILE:
        raise InputError(
            f"the file has {len(raw):,} bytes, more than the {LARGEST_FILE:,} allowed here",
            file=path,
            remedy="Check that this is the file you meant.",
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"not valid UTF-8 at byte {error.start}",
            file=path,
            row=raw.count(b"\n", 0, error.start) + 1,
            remedy="Save the file as UTF-8.",
        ) from None
    loader_class = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader = None
    try:
        loader = loader_class(text)
        node = loader.get_single_node()
        if node is None:
            raise InputError("the file is empty", file=path, remedy="Restore its content.")
        lines: dict[Location, int] = {}
        _walk(node, (), lines, set(), path)
        content = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise InputError(
            f"not valid YAML: {error.problem or error.context}",
            file=path,
            row=None if mark is None else mark.line + 1,
            remedy="Check indentation, quotes and brackets around that line.",
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"not valid YAML: {error}", file=path) from None
    finally:
        if loader is not None:
            loader.dispose()
    return YamlDocument(path, content, lines)


def _walk(
    node: yaml.Node, location: Location, lines: dict[Location, int], seen: set[int], path: Path
) -> None:
    line = node.start_mark.line + 1
    if id(node) in seen:
        raise InputError(
            "anchors and aliases (&, *) are not allowed",
            file=path,
            row=line,
            remedy="Write the value out.",
        )
    if len(location) > DEEPEST_NESTING:
        raise InputError("nested too deeply", file=path, row=line)
    seen.add(id(node))
    lines.setdefault(location, line)
    if isinstance(node, yaml.MappingNode):
        first_line: dict[object, int] = {}
        for key_node, value_node in node.value:
            key_line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise InputError("a key must be a plain word", file=path, row=key_line)
            key = key_node.value
            if key in first_line:
                raise InputError(
                    f"the key {key!r} appears twice (first on line {first_line[key]})",
                    file=path,
                    row=key_line,
                    remedy="Keep one of the two; YAML would silently keep the last.",
                )
            if key_node.tag != "tag:yaml.org,2002:str":
                raise InputError(
                    f"the key {key!r} is not read as text",
                    file=path,
                    row=key_line,
                    remedy="Put the key in quotes.",
                )
            first_line[key] = key_line
            lines[(*location, key)] = key_line
            _walk(value_node, (*location, key), lines, seen, path)
    elif isinstance(node, yaml.ScalarNode):
        if node.tag == "tag:yaml.org,2002:int" and not _PLAIN_INTEGER.fullmatch(node.value):
            raise InputError(
                "a number that YAML reads in another way than it is written",
                file=path,
                row=line,
                value=node.value,
                remedy="Write it in plain decimal digits, without a zero in front, or quote it.",
            )
    elif isinstance(node, yaml.SequenceNode):
        for position, child in enumerate(node.value):
            _walk(child, (*location, position), lines, seen, path)


def validate(document: YamlDocument, model: type[ModelT]) -> ModelT:
    """Turn the content of a YAML document into a model.

    Raises:
        InputError: names the first entry that does not fit, and how many more there are.
    """
    try:
        return model.model_validate(document.content)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        # A misspelt key shows up twice, as unknown and as missing; the unknown one says more.
        unknown = [entry for entry in problems if entry["type"] == "extra_forbidden"]
        first = (unknown or problems)[0]
        value = first.get("input")
        plain = value if isinstance(value, str | int | float | bool) else None
        remedy = None
        if first["type"] == "extra_forbidden":
            parent, key = first["loc"][:-1], str(first["loc"][-1])
            wanted = [
                str(entry["loc"][-1])
                for entry in problems
                if entry["type"] == "missing" and entry["loc"][:-1] == parent
            ]
            close = difflib.get_close_matches(key, wanted, n=1)
            remedy = f"Did you mean {close[0]!r}?" if close else "Correct the key or remove it."
        elif first["type"] == "missing":
            remedy = "Add the key."
        elif first["type"].endswith("_type") and isinstance(value, bool):
            remedy = "YAML reads plain yes, no, on, off, true and false as truth values; quote it."
        raise document.error(
            first["loc"],
            _plain_problem(first["msg"]) + more(len(problems) - 1),
            value=plain,
            remedy=remedy,
        ) from None


def refuse_open(document: YamlDocument) -> None:
    """Refuse a draft in which something is still to be decided.

    Raises:
        InputError: a text begins with TODO; the first one, and how many more there are.
    """
    found = list(_open_places(document.content, ()))
    if found:
        location, text = found[0]
        raise document.error(
            location,
            f"this has still to be decided{more(len(found) - 1)}",
            value=text,
            remedy=f"Put what holds for your survey in the place of each {OPEN}.",
        )


def _open_places(content: object, location: Location) -> Iterator[tuple[Location, str]]:
    if isinstance(content, str) and content.startswith(OPEN):
        yield location, content
    elif isinstance(content, Mapping):
        for key, value in content.items():
            yield from _open_places(value, (*location, key))
    elif isinstance(content, list):
        for at, value in enumerate(content):
            yield from _open_places(value, (*location, at))


def _plain_problem(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def more(count: int) -> str:
    """Return the words that say how many further problems of the same kind there are."""
    return f" (and {count} more like it)" if count > 0 else ""


def near(word: str, known: Iterable[str], most: int = 3) -> str:
    """Return a hint naming the known words closest to `word`, or all of them when they are few."""
    candidates = sorted(set(known))
    close = difflib.get_close_matches(word, candidates, n=most, cutoff=0.6)
    if close:
        return "Did you mean " + " or ".join(repr(name) for name in close) + "?"
    if not candidates:
        return "There is none to choose from."
    shown = ", ".join(candidates[:12])
    return f"Known: {shown}{', …' if len(candidates) > 12 else ''}."
