"""SPSS's .sav: numbers or strings with value labels, user-missing values among them."""

from __future__ import annotations

import datetime
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pyreadstat

from mlsec_survey.base.errors import InputError
from mlsec_survey.instrument.manifest import Reading
from mlsec_survey.responses.readers.headings import Vocabulary
from mlsec_survey.responses.readers.limesurvey import VOCABULARY
from mlsec_survey.responses.readers.registry import Recognition, register
from mlsec_survey.responses.readers.table import Table, categories


class Spss:
    """A data file of SPSS, whatever survey tool or person saved it."""

    format = "spss"
    title = "SPSS data file"
    better = (
        "A file of the survey tool itself says more about the answers than one that SPSS saved: "
        "from LimeSurvey the survey archive (.lsa), from others CSV."
    )
    vocabulary: Vocabulary = VOCABULARY

    def recognise(self, data: bytes) -> Recognition:
        """See `Reader`."""
        if data[:4] in {b"$FL2", b"$FL3"}:
            return Recognition(1.0, "the first four bytes of an SPSS data file")
        return Recognition(0.0, "not an SPSS data file")

    def read(self, data: bytes, path: Path, reading: Reading) -> Table:
        """See `Reader`."""
        try:
            frame, meta = pyreadstat.read_sav(
                str(path), apply_value_formats=False, user_missing=True, encoding=reading.encoding
            )
        except (pyreadstat.ReadstatError, pyreadstat.PyreadstatError, OSError, ValueError) as error:
            raise InputError(
                f"the SPSS file is damaged or cannot be read ({error})",
                file=path,
                remedy="Save it again from SPSS, or export from the survey tool.",
            ) from None
        names = [str(name) for name in frame.columns]
        cells = pd.DataFrame(
            {at: categories([as_text(v) for v in frame[name]]) for at, name in enumerate(names)},
            index=pd.RangeIndex(1, len(frame) + 1, name="response"),
        )
        labels = {
            at: {as_text(value) or "": str(label) for value, label in given.items()}
            for at, name in enumerate(names)
            if (given := meta.variable_value_labels.get(name))
        }
        texts = {at: str(text) for at, text in enumerate(meta.column_labels) if text}
        notes: tuple[str, ...] = ()
        if meta.missing_ranges:
            notes = (
                f"{len(meta.missing_ranges)} variables have values that SPSS treats as missing; "
                "they are read by their labels",
            )
        return Table(tuple(names), cells, "never", questions=texts, labels=labels, notes=notes)


def as_text(value: Any) -> str | None:
    """Return a cell of a table of another program as text; None if there is nothing."""
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime.datetime):
        return value.replace(microsecond=0, tzinfo=None).isoformat(sep=" ")
    if isinstance(value, datetime.date):
        return f"{value.isoformat()} 00:00:00"
    return str(value).replace("\r\n", "\n").replace("\r", "\n")


register(Spss())
