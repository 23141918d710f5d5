"""What reports of surveys are asked to say, and where this compendium says it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import Field, model_validator

from mlsec_survey.base.yaml_input import Entry, Sequence, read_yaml, validate
from mlsec_survey.instrument.entries import Identifier, Text

_RESULT = re.compile(r"(?P<notebook>\d\d_[a-z_]+)#(?P<key>[a-z0-9_]+)")


class ReportingItem(Entry):
    """One item of a checklist; `where` and the other two can stand side by side."""

    item: Text
    topic: Text
    asks: Text
    where: Sequence[Text] = ()
    fielding: Text | None = None
    not_known: Text | None = None

    @model_validator(mode="after")
    def _says_something(self) -> ReportingItem:
        if not (self.where or self.fielding or self.not_known):
            raise ValueError("needs where, fielding or not_known")
        return self

    @property
    def answer(self) -> str:
        """Where it is said, or what is missing, in words."""
        parts = [in_words(pointer) for pointer in self.where]
        if self.fielding:
            parts.append(f"open: {self.fielding}")
        if self.not_known:
            parts.append(f"not known: {self.not_known}")
        return "; ".join(parts)

    @property
    def status(self) -> str:
        """Whether it is said here, partly, by the team that fields a survey, or not known."""
        if self.where:
            return "partly here" if self.fielding or self.not_known else "here"
        return "fielding team" if self.fielding else "not known"


class Checklist(Entry):
    """A published checklist."""

    id: Identifier
    label: Text
    title: Text
    source: Text
    items: Annotated[Sequence[ReportingItem], Field(min_length=1)]


class Reporting(Entry):
    """The checklists; build them with `load_reporting`."""

    version: Literal[1]
    checklists: Annotated[Sequence[Checklist], Field(min_length=1)]


def load_reporting(path: Path) -> Reporting:
    """Read the checklists.

    Raises:
        InputError: the file does not fit, or an item says neither where nor what is missing.
    """
    return validate(read_yaml(path), Reporting)


def in_words(pointer: str) -> str:
    """Return a pointer as a reader sees it."""
    if pointer.startswith("paper:"):
        return f"paper ({pointer.removeprefix('paper:').replace('-', ': ')})"
    match = _RESULT.fullmatch(pointer)
    if match:
        return f"notebook {match['notebook'][:2]}, {match['key'].replace('_', ' ')}"
    return pointer


def checklist_table(checklist: Checklist) -> pd.DataFrame:
    """Return a checklist for display: checklist_item, topic, asks_for, answered (where, in words),
    answered_status."""
    return pd.DataFrame(
        [
            {
                "checklist_item": entry.item,
                "topic": entry.topic,
                "asks_for": entry.asks,
                "answered": entry.answer,
                "answered_status": entry.status,
            }
            for entry in checklist.items
        ]
    )


def describe_reporting(reporting: Reporting) -> str:
    """Say of each checklist how many of its items are answered here, and by whom the others."""
    parts = []
    for checklist in reporting.checklists:
        status = [entry.status for entry in checklist.items]
        here, partly = status.count("here"), status.count("partly here")
        parts.append(
            f"{checklist.label}: {here} of {len(status)} items answered here, {partly} in part, "
            f"{len(status) - here - partly} left to whoever fields a survey"
        )
    return "; ".join(parts)
