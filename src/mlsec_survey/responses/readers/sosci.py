"""SoSci Survey's CSV: names of its own, numbers for answers, -9 for what was left empty."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

from mlsec_survey.instrument.manifest import Reading
from mlsec_survey.responses.readers.delimited import first_records, read_delimited
from mlsec_survey.responses.readers.headings import Vocabulary, words
from mlsec_survey.responses.readers.registry import Recognition, register
from mlsec_survey.responses.readers.table import Table, categories, replaced

_OWN = "what SoSci Survey says of the record itself"
_LEFT_EMPTY = {"-9"}
_TESTS = {"admin", "pretest", "debug"}


class SoSci:
    """Responses downloaded as CSV from SoSci Survey."""

    format = "sosci-csv"
    title = "SoSci Survey CSV"
    better = (
        "In SoSci Survey choose Collected data > Download data > CSV: UTF-8, a second row with "
        "variable labels, unfinished interviews included, with dwell times. Name in the manifest, "
        "under reading, columns, which variable is which item."
    )
    vocabulary = Vocabulary(
        paradata={
            "CASE": "id",
            "SERIAL": "token",
            "STARTED": "startdate",
            "LASTDATA": "datestamp",
            "LANGUAGE": "startlanguage",
            "LASTPAGE": "lastpage",
            "TIME_SUM": "interviewtime",
        },
        personal={words("MAILSENT"): "what is known of those invited is personal data"},
        ignored={
            words(name): _OWN
            for name in (
                "REF", "QUESTNNR", "MODE", "FINISHED", "Q_VIEWER", "MAXPAGE", "MISSING", "MISSREL",
                "TIME_RSI", "DEG_TIME", "SCREENED",
            )
        },
        page_time=re.compile(r"TIME\d{3}"),
    )  # fmt: skip

    def recognise(self, data: bytes) -> Recognition:
        """See `Reader`."""
        rows = first_records(data, 1)
        found = {"CASE", "QUESTNNR", "MODE", "STARTED", "FINISHED", "LASTDATA"} & set(
            rows[0] if rows else ()
        )
        if len(found) >= 3:
            return Recognition(0.95, f"columns {', '.join(sorted(found))}")
        return Recognition(0.0, "none of the columns that SoSci Survey writes")

    def read(self, data: bytes, path: Path, reading: Reading) -> Table:
        """See `Reader`."""
        rows = first_records(data, 2)
        case = rows[0].index("CASE") if "CASE" in rows[0] else 0
        labels = len(rows) == 2 and not (rows[1][case] or "").strip().isdigit()
        table = read_delimited(
            data,
            path,
            null="never",
            separator=reading.separator,
            encoding=reading.encoding,
            skip=1 if labels else 0,
        )
        place = {name: at for at, name in enumerate(table.headings)}
        cells = table.cells.copy(deep=False)
        headings = list(table.headings)
        notes = list(table.notes)
        if "MODE" in place:
            tests = int(cells[place["MODE"]].astype("str").str.casefold().isin(_TESTS).sum())
            if tests:
                notes.append(
                    f"{tests} interviews are tests by SoSci Survey's own account; they count "
                    "unless an item says who they are"
                )
        if "FINISHED" in place and "LASTDATA" in place:
            done = cells[place["FINISHED"]].astype("str") == "1"
            ends = cells[place["LASTDATA"]].astype("str").where(done, "").fillna("")
            cells[len(headings)] = pd.Series(categories(ends.tolist()), index=cells.index)
            headings.append("submitdate")
        own = {at for name, at in place.items() if words(name) in _own_words(self.vocabulary)}
        answers = [at for at in range(len(table.headings)) if at not in own]
        marked = any(bool(cells[at].isin(_LEFT_EMPTY).any()) for at in answers)
        if marked:
            for at in answers:
                cells[at] = replaced(
                    cells[at],
                    lambda value: "" if value in _LEFT_EMPTY else (value or None),
                )
        settings = (*table.settings, *(["-9 for left empty"] if marked else []))
        return replace(
            table,
            cells=cells,
            headings=tuple(headings),
            notes=tuple(notes),
            null="always" if marked else "never",
            settings=settings,
            boxes=("2", "1"),
            numbering="positions",
        )


def _own_words(vocabulary: Vocabulary) -> set[str]:
    names = (*vocabulary.paradata, "FINISHED")
    return {words(name) for name in names} | set(vocabulary.ignored) | set(vocabulary.personal)


register(SoSci())
