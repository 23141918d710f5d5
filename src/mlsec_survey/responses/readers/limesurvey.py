"""What LimeSurvey writes: its CSV in every setting of the export form.

The form's settings change headings (code, code and text, text, ExpressionScript code), answers
(codes or texts), separator, boxes (Y, or what "convert Y to" and "convert N to" say), marks before
what begins as a formula, and which columns there are at all. The writer is LimeSurvey's
`application/helpers/admin/export/Writer.php` and `CsvWriter.php`; what it really wrote, version
6.4.2, was compared with what people had entered. Some versions write a question that was not shown
(NULL) as a cell without quotation marks, others as an empty one; columns of timings have such cells
in all of them, so that only cells of answers tell.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from mlsec_survey.instrument.manifest import Reading
from mlsec_survey.responses.readers.delimited import first_records, read_delimited
from mlsec_survey.responses.readers.headings import Vocabulary, words
from mlsec_survey.responses.readers.registry import Recognition, register
from mlsec_survey.responses.readers.table import Table, replaced

_PEOPLE = "what is known of those invited is personal data"
_ADDRESS = "network addresses are personal data"

VOCABULARY = Vocabulary(
    paradata={
        # In the words of the English and the German interface.
        "Response ID": "id",
        "Antwort ID": "id",
        "Antwort-ID": "id",
        "Date submitted": "submitdate",
        "Datum Abgeschickt": "submitdate",
        "Last page": "lastpage",
        "Letzte Seite": "lastpage",
        "Start language": "startlanguage",
        "Start-Sprache": "startlanguage",
        "Startsprache": "startlanguage",
        "Seed": "seed",
        "Zufallsstartwert": "seed",
        "Access code": "token",
        "Token": "token",
        "Zugangscode": "token",
        "Zugangsschlüssel": "token",
        "Date started": "startdate",
        "Datum gestartet": "startdate",
        "Datum Start": "startdate",
        "Date last action": "datestamp",
        "Datum letzte Aktivität": "datestamp",
        "Datum der letzten Aktivität": "datestamp",
        "Referrer URL": "refurl",
        "Weiterleitungs-URL": "refurl",
        "Verweis-URL": "refurl",
        "Total time": "interviewtime",
        "Gesamtzeit": "interviewtime",
    },
    personal={
        **{
            words(name): _PEOPLE
            for name in (
                "participant_id",
                "tid",
                "firstname",
                "lastname",
                "email",
                "emailstatus",
                "language",
                "blacklisted",
                "sent",
                "remindersent",
                "remindercount",
                "completed",
                "usesleft",
                "validfrom",
                "validuntil",
                "mpid",
                "First name",
                "Last name",
                "Email address",
                "Email status",
                "Vorname",
                "Nachname",
                "E-Mail-Adresse",
            )
        },
        **{words(name): _ADDRESS for name in ("ipaddr", "IP address", "IP-Adresse")},
    },
    personal_pattern=re.compile(r"attribute_\d+"),
    page_time=re.compile(r"(?i:groupTime)\d+|(?:Group time|Gruppenzeit)\s*:.*"),
    item_time=re.compile(r"(?:Question time|Fragenzeit|Fragezeit)\s*:\s*(\w+)|(\w+)Time"),
)


class LimeSurveyCsv:
    """Responses exported as CSV, from the form or through RemoteControl."""

    format = "limesurvey-csv"
    title = "LimeSurvey CSV"
    better = (
        "In LimeSurvey choose Responses > Export > Export responses: completion state all "
        "responses, headings as question code, answers as answer codes, no conversion of Y and N, "
        "with timings. Better still is Export > Survey archive (.lsa), which also tells what was "
        "not shown."
    )
    vocabulary = VOCABULARY

    def recognise(self, data: bytes) -> Recognition:
        """See `Reader`."""
        headings = next(iter(first_records(data, 1)), [])
        known = {words(name) for name in VOCABULARY.paradata} | {
            "id",
            "submitdate",
            "lastpage",
            "startlanguage",
            "seed",
            "token",
            "startdate",
            "datestamp",
            "refurl",
            "interviewtime",
        }
        found = [
            heading
            for heading in headings
            if words(heading) in known or words(re.split(r"\W", heading)[0]) in known
        ]
        first = words(headings[0]) if headings else ""
        if len(found) >= 3 or (found and first in {"id", "response id", "antwort id"}):
            return Recognition(min(0.9, 0.5 + len(found) / 20), f"headings such as {found[0]}")
        return Recognition(0.0, "no column that LimeSurvey writes about each response")

    def read(self, data: bytes, path: Path, reading: Reading) -> Table:
        """See `Reader`."""
        table = read_delimited(
            data, path, null="maybe", separator=reading.separator, encoding=reading.encoding
        )
        return unmasked(table)


def unmasked(table: Table) -> Table:
    """Take away the apostrophe that "quote equations" puts before what begins as a formula.

    It is taken away only if no cell of the file begins with an equals sign, since a file that has
    one was written with the setting off, and the apostrophe is then the respondent's own.
    """
    distinct = {at: table.cells[at].cat.categories.str for at in table.cells.columns}
    masked = [at for at, texts in distinct.items() if texts.startswith("'=").any()]
    if not masked or any(texts.startswith("=").any() for texts in distinct.values()):
        return table
    count = 0
    cells = table.cells.copy(deep=False)
    for at in masked:
        starts = cells[at].cat.categories.str.startswith("'=")
        count += int(starts[cells[at].cat.codes[cells[at].cat.codes >= 0]].sum())
        cells[at] = replaced(cells[at], lambda value: value[1:] if value[:2] == "'=" else value)
    one = count == 1
    note = (
        f"the apostrophe that LimeSurvey put before {count} answer{'' if one else 's'} beginning "
        f"with = was taken away (setting quote equations)"
    )
    return replace(table, cells=cells, notes=(*table.notes, note))


register(LimeSurveyCsv())
