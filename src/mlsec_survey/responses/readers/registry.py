"""The registry of readers: one per kind of file that a survey tool writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.yaml_input import near
from mlsec_survey.instrument.manifest import Reading
from mlsec_survey.responses.readers.delimited import decoded
from mlsec_survey.responses.readers.headings import Vocabulary
from mlsec_survey.responses.readers.strangers import name_stranger
from mlsec_survey.responses.readers.table import Table


@dataclass(frozen=True, slots=True)
class Recognition:
    """How sure a reader is that a file is its own, and why.

    Attributes:
        certainty: 0 (not its own) to 1 (nothing else looks like this).
        why: what it goes by, in a few words.
    """

    certainty: float
    why: str


class Reader(Protocol):
    """What a survey tool's module provides.

    Attributes:
        format: name in manifests.
        title: what readers are told.
        better: what to click for a file that tells more, or the same without guesses.
        vocabulary: what the tool calls its own columns.
    """

    format: str
    title: str
    better: str
    vocabulary: Vocabulary

    def recognise(self, data: bytes) -> Recognition:
        """Say how sure it is that these bytes are the tool's."""
        ...

    def read(self, data: bytes, path: Path, reading: Reading) -> Table:
        """Return the cells as the tool wrote them; InputError if that cannot be done."""
        ...


READERS: dict[str, Reader] = {}


def register(reader: Reader) -> Reader:
    """Make a reader known under its format; each format has one reader."""
    if reader.format in READERS:
        raise ValueError(f"two readers for {reader.format!r}")
    READERS[reader.format] = reader
    return reader


def recognise(data: bytes, path: Path, format: str | None = None) -> tuple[Reader, Recognition]:
    """Return the reader of a file, by its content whatever its name.

    Args:
        data: bytes of the file.
        path: for messages.
        format: the format that the manifest names; it decides.

    Raises:
        InputError: no reader knows the file; the message says what the file is.
    """
    if format is not None:
        if format not in READERS:
            raise InputError(
                f"no reader for the format {format!r}",
                file=path,
                remedy=near(format, READERS),
            )
        return READERS[format], Recognition(1.0, "the manifest says so")
    stranger = name_stranger(data, path)
    if stranger is not None:
        raise stranger
    found = [(reader.recognise(data), reader) for reader in READERS.values()]
    best, reader = max(found, key=lambda pair: pair[0].certainty)
    if best.certainty <= 0:
        decoded(data, path)  # a wrong encoding and a damaged file say so themselves
        raise InputError(
            "no reader knows this file",
            file=path,
            value=data[:60].decode("utf-8", errors="replace"),
            remedy="Export the responses as CSV or, from LimeSurvey, as survey archive (.lsa); "
            "scripts/check_export.py lists what can be read.",
        )
    return reader, best
