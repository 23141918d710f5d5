"""The parameters of notebooks: type, range, meaning and default, as notebooks/pipeline.yml says.

The runner, batches, plain papermill and JupyterLab all check values here, so that a wrong one is
refused with the same words whichever way it comes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mlsec_survey.base.errors import InputError

PIPELINE = Path("notebooks") / "pipeline.yml"
# What a value is, by type, in words and as it is written in a notebook's cell.
_WORDS = {
    "integer": "a whole number in plain digits,",
    "file": "a file of the project",
    "folder": "a folder of the project",
    "address": "an address such as tcp://HOST:PORT",
    "name": "a name",
    "names": "a list of names",
}
ANNOTATIONS = {"integer": "int", "names": "list"}
_KEYS = {"type", "default", "meaning", "minimum", "maximum", "also", "how"}
_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]*)")
_ADDRESS = re.compile(r"(tcp|tls)://[^\s/:]+:[0-9]+|inproc://\S+")


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    Attributes:
        name: as notebooks spell it.
        type: one of `integer`, `file`, `folder`, `address`, `name`, `names`.
        default: what it is unless somebody says otherwise; None stands for nothing.
        meaning: what it is for, in a line.
        minimum: smallest value of an integer.
        maximum: largest value of an integer.
        also: words with a meaning of their own, beside values of the type.
        how: whether it says how to compute and changes no result.
    """

    name: str
    type: str
    default: Any
    meaning: str
    minimum: int | None = None
    maximum: int | None = None
    also: tuple[str, ...] = ()
    how: bool = False

    @property
    def words(self) -> str:
        """What values it takes, in words."""
        words = _WORDS[self.type]
        if self.minimum is not None:
            words += f" from {self.minimum:,}"
        if self.maximum is not None:
            words += f" to {self.maximum:,}"
        return " or ".join([words, *self.also, *(["nothing"] if self.default is None else [])])

    @property
    def cell_line(self) -> str:
        """The line that gives it its default in a notebook's cell of parameters."""
        annotation = ANNOTATIONS.get(self.type, "str")
        default = f'"{self.default}"' if isinstance(self.default, str) else repr(self.default)
        return f"{self.name}: {annotation} = {default}  # {self.meaning}"

    def check(self, value: Any, *, root: Path | None = None) -> Any:
        """Return a value if the parameter takes it.

        Args:
            value: as Python or YAML reads it.
            root: folder of the project, to look for files and folders in; None does not look.

        Raises:
            InputError: says what the parameter takes.
        """
        if (value is None and self.default is None) or value in self.also:
            return value
        fits = {
            "integer": isinstance(value, int) and not isinstance(value, bool),
            "names": isinstance(value, list) and all(isinstance(name, str) for name in value),
            "address": isinstance(value, str) and bool(_ADDRESS.fullmatch(value)),
        }.get(self.type, isinstance(value, str) and value.strip() != "")
        if not fits:
            raise self._refuse(value)
        if self.minimum is not None and value < self.minimum:
            raise self._refuse(value)
        if self.maximum is not None and value > self.maximum:
            raise self._refuse(value)
        if root is not None and self.type in ("file", "folder"):
            path = root / value
            if not (path.is_file() if self.type == "file" else path.is_dir()):
                raise InputError(
                    f"parameter {self.name}: there is no such {self.type}",
                    value=value,
                    remedy="give its path below the project's folder, such as data/raw/wave2.csv",
                )
        return value

    def read(self, text: str, *, root: Path | None = None) -> Any:
        """Return the value that a text from a command line stands for, checked.

        Raises:
            InputError: as for `check`.
        """
        text = text.strip()
        if self.default is None and text in ("", "null"):
            return None
        if self.type == "integer":
            if not _INTEGER.fullmatch(text):
                raise self._refuse(text)
            return self.check(int(text))
        value = [name.strip() for name in text.split(",")] if self.type == "names" else text
        return self.check(value, root=root)

    def _refuse(self, value: Any) -> InputError:
        return InputError(
            f"parameter {self.name} does not take this value",
            value=value,
            remedy=f"give {self.words}",
        )


@dataclass(frozen=True)
class Schema:
    """All parameters, by name, in order."""

    parameters: Mapping[str, Parameter]

    @property
    def defaults(self) -> dict[str, Any]:
        """The default of each parameter."""
        return {name: parameter.default for name, parameter in self.parameters.items()}

    def find(self, name: str, among: Iterable[str] | None = None) -> Parameter:
        """Return the parameter of a name.

        Args:
            name: as somebody spelt it.
            among: the names that are meant; default all.

        Raises:
            InputError: there is none; names the nearest.
        """
        known = [*(self.parameters if among is None else among)]
        if name in known:
            return self.parameters[name]
        close = get_close_matches(name, known, n=1)
        raise InputError(
            f"there is no parameter {name!r}",
            remedy=f"Did you mean {close[0]}?" if close else "use one of " + ", ".join(known),
        )


def read_schema(entries: Any) -> Schema:
    """Return the schema that the section `parameters` of a pipeline describes.

    Raises:
        InputError: names the entry that is wrong.
    """

    def wrong(name: Any, problem: str) -> InputError:
        return InputError(
            f"parameters.{name}: {problem}", file=PIPELINE, remedy="see the comments in that file"
        )

    found: dict[str, Parameter] = {}
    for name, fields in (entries or {}).items():
        if not isinstance(fields, dict) or not {"type", "meaning"} <= set(fields):
            raise wrong(name, "needs `type`, `default` and `meaning`")
        if set(fields) - _KEYS:
            raise wrong(name, f"has unknown entries {sorted(set(fields) - _KEYS)}")
        if fields["type"] not in _WORDS:
            raise wrong(name, f"type {fields['type']!r} is none of {', '.join(_WORDS)}")
        fields = {"default": None, **fields, "also": tuple(fields.get("also") or ())}
        found[name] = Parameter(name, **fields)
        found[name].check(found[name].default)
    return Schema(found)
