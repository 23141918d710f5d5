"""An export as read: what everything after the readers works with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pandas as pd

from mlsec_survey.instrument.manifest import Manifest

Steps = Literal["groups", "questions", "one_page"]
# What an export can fail to tell. Rules and pages ask for these by name.
LimitKey = Literal[
    "null", "time", "dates", "repeats", "unsubmitted", "submitted", "last_page", "language", "no"
]


@dataclass(frozen=True, slots=True)
class Limit:
    """Something that an export cannot tell.

    Attributes:
        key: what it is about.
        what: what cannot be told, and what follows, in one sentence for readers.
        remedy: what to click to have it next time.
    """

    key: LimitKey
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class RawExport:
    """An export as read, checked against the codebook but not interpreted.

    Attributes:
        path: the file.
        frame: one row per response in the order of the file, indexed by the line (or record) on
            which it starts; one column of plain strings per column of the codebook, as categories
            where the codebook lists codes. A cell that was NULL (not shown) is missing (NaN); a
            cell left empty is "", as is every empty cell unless `marks_null`. A column that the
            export does not have is missing throughout.
        manifest: what the file is.
        marks_null: whether the file tells cells that were not shown from cells left empty.
        ignored: headings that were dropped on reading, with the reason.
        source: which tool wrote the file and with which settings, in one line.
        steps: how the survey was shown (one group, one question at a time, or all on one page);
            None if the file does not tell, and then the last page says nothing.
        limits: what the file cannot tell.
        notes: what was put right on reading, one sentence each.
    """

    path: Path
    frame: pd.DataFrame
    manifest: Manifest
    marks_null: bool
    ignored: dict[str, str]
    source: str = "LimeSurvey CSV"
    steps: Steps | None = "groups"
    limits: tuple[Limit, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_synthetic(self) -> bool:
        """Whether outputs must carry the stand-in label."""
        return self.manifest.is_synthetic

    def __len__(self) -> int:
        """Return the number of responses."""
        return len(self.frame)

    def where(self, keep: pd.Series) -> RawExport:
        """Return the export with only the responses for which `keep` is true."""
        return replace(self, frame=self.frame[keep])

    def limit(self, key: LimitKey) -> Limit | None:
        """Return the limit of this name, None if the export can tell."""
        return next((limit for limit in self.limits if limit.key == key), None)
