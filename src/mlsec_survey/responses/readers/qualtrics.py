"""Qualtrics' CSV: three rows of headings, or two in its legacy format; numbers or texts."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

from mlsec_survey.base.formatting import counted
from mlsec_survey.instrument.manifest import Reading
from mlsec_survey.responses.readers.delimited import first_records, read_delimited
from mlsec_survey.responses.readers.headings import Vocabulary, words
from mlsec_survey.responses.readers.registry import Recognition, register
from mlsec_survey.responses.readers.table import Table, categories, replaced

_PEOPLE = "what is known of those invited is personal data"
_PLACE = "network addresses and places are personal data"
_LEGACY = {
    "V1": "ResponseId",
    "V2": "ResponseSet",
    "V3": "RecipientName",
    "V4": "ExternalReference",
    "V5": "RecipientEmail",
    "V6": "IPAddress",
    "V7": "Status",
    "V8": "StartDate",
    "V9": "EndDate",
    "V10": "Finished",
}
# What stands for a question that was seen and left empty, if the export is asked to say so.
_SEEN = "-99"
_DONE = {"1", "true", "wahr"}
_NORMAL = {"0", "ip address", "imported", "4", "ip adresse"}


class Qualtrics:
    """Responses exported as CSV from Qualtrics, with numeric values or choice texts."""

    format = "qualtrics-csv"
    title = "Qualtrics CSV"
    better = (
        "In Qualtrics choose Data & Analysis > Export & Import > Export Data > CSV: all fields, "
        "numeric values; under more options recode seen but unanswered questions as -99 and split "
        "multi-value fields into columns; export responses in progress too."
    )
    vocabulary = Vocabulary(
        paradata={
            "StartDate": "startdate",
            "EndDate": "datestamp",
            "Duration (in seconds)": "interviewtime",
            "UserLanguage": "startlanguage",
            "Q_Language": "startlanguage",
            "ExternalReference": "token",
            "ExternalDataReference": "token",
        },
        personal={
            **{
                words(name): _PEOPLE
                for name in (
                    "RecipientLastName", "RecipientFirstName", "RecipientEmail", "RecipientName",
                )
            },
            **{
                words(name): _PLACE
                for name in ("IPAddress", "LocationLatitude", "LocationLongitude")
            },
        },
        ignored={
            words(name): "what Qualtrics says of the record itself"
            for name in (
                "ResponseId", "ResponseSet", "Status", "Progress", "Finished", "RecordedDate",
                "DistributionChannel", "Q_RecaptchaScore", "Q_RelevantIDDuplicate", "Q_URL",
            )
        },
        item_time=re.compile(r"(\w+?)_(?:First Click|Last Click|Page Submit|Click Count)"),
    )  # fmt: skip

    def recognise(self, data: bytes) -> Recognition:
        """See `Reader`."""
        rows = first_records(data, 3)
        if len(rows) == 3 and any('"ImportId"' in (cell or "") for cell in rows[2][:3]):
            return Recognition(1.0, "a third row of import ids")
        if len(rows) >= 2 and {"V1", "V8", "V9", "V10"} <= set(rows[0]):
            return Recognition(0.9, "columns V1 to V10 of the legacy format")
        return Recognition(0.0, "no row of import ids")

    def read(self, data: bytes, path: Path, reading: Reading) -> Table:
        """See `Reader`."""
        rows = first_records(data, 3)
        new = len(rows) == 3 and any('"ImportId"' in (cell or "") for cell in rows[2][:3])
        table = read_delimited(
            data,
            path,
            null="never",
            separator=reading.separator,
            encoding=reading.encoding,
            skip=2 if new else 1,
        )
        headings = tuple(_LEGACY.get(name, name) for name in table.headings)
        table = replace(table, headings=headings)
        return replace(_told_apart(_completed(table), new), numbering="numbers")


def _completed(table: Table) -> Table:
    """Add the date of submission, which Qualtrics gives as an end and a flag."""
    place = {name: at for at, name in enumerate(table.headings)}
    cells = table.cells.copy(deep=False)
    headings = list(table.headings)
    notes = list(table.notes)
    if "Status" in place:
        status = cells[place["Status"]].astype("str").str.casefold()
        odd = int((~status.isin([*_NORMAL, ""]) & status.notna()).sum())
        if odd:
            notes.append(
                "by Qualtrics' own status previews, tests or spam, counted unless an item says who "
                f"they are: {counted(odd, 'response')}"
            )
    for name in ("UserLanguage", "Q_Language"):
        if name in place:
            cells[place[name]] = replaced(cells[place[name]], lambda value: value.lower()[:2])
    if "Finished" in place and "EndDate" in place and "submitdate" not in place:
        done = cells[place["Finished"]].astype("str").str.casefold().isin(_DONE)
        ends = cells[place["EndDate"]].astype("str").where(done, "").fillna("")
        cells[len(headings)] = pd.Series(categories(ends.tolist()), index=cells.index)
        headings.append("submitdate")
    return replace(table, cells=cells, headings=tuple(headings), notes=tuple(notes))


def _told_apart(table: Table, new: bool) -> Table:
    """Read -99 as seen and left empty, if the file has it; what is empty then was not shown."""
    cells = table.cells.copy(deep=False)
    seen = False
    for at in cells.columns:
        seen = seen or bool((cells[at] == _SEEN).any())
    kind = "three rows of headings" if new else "legacy format"
    if not seen:
        return replace(table, settings=(*table.settings, kind))
    for at in cells.columns:
        cells[at] = replaced(
            cells[at], lambda value: "" if value == _SEEN else (None if value == "" else value)
        )
    settings = (*table.settings, kind, "-99 for seen and left empty")
    return replace(table, cells=cells, null="always", settings=settings)


register(Qualtrics())
