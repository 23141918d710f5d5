"""LimeSurvey's VV export: text with tabs, question texts above question codes, NULL kept."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from mlsec_survey.base.errors import InputError
from mlsec_survey.instrument.manifest import Reading
from mlsec_survey.responses.readers.delimited import decoded, laid_out, read_delimited
from mlsec_survey.responses.readers.limesurvey import VOCABULARY
from mlsec_survey.responses.readers.registry import Recognition, register
from mlsec_survey.responses.readers.table import Table, replaced, without_null

_NOT_SHOWN = "{question_not_shown}"
# What LimeSurvey's application/helpers/export_helper.php writes for characters that tabs and
# lines leave no room for.
_MARKS = {"{cr}": "\r", "{newline}": "\n", "{tab}": "\t", "{quote}": '"', "{lbrace}": "{"}
_MARK = re.compile("|".join(re.escape(mark) for mark in _MARKS))


def _plain(value: str) -> str | None:
    if value == _NOT_SHOWN:
        return None
    text = _MARK.sub(lambda match: _MARKS[match.group()], value)
    return text.replace("\r\n", "\n").replace("\r", "\n")


class LimeSurveyVv:
    """Responses exported as a VV survey file, which LimeSurvey itself can import again."""

    format = "limesurvey-vv"
    title = "LimeSurvey VV"
    better = "In LimeSurvey choose Export > Survey archive (.lsa), which has the timings too."
    vocabulary = VOCABULARY

    def recognise(self, data: bytes) -> Recognition:
        """See `Reader`."""
        start = data[:4_000_000]
        lines = start.split(b"\n", 2)
        if len(lines) < 2 or lines[0].count(b"\t") < 2:
            return Recognition(0.0, "no text with tabs")
        codes = {cell.strip(b'"\r') for cell in lines[1].split(b"\t")}
        if {b"id", b"submitdate", b"lastpage"} <= codes:
            return Recognition(1.0, "question texts above question codes, with tabs")
        if _NOT_SHOWN.encode() in start:
            return Recognition(0.8, f"cells with {_NOT_SHOWN}")
        return Recognition(0.0, "the second line holds no column that LimeSurvey writes")

    def read(self, data: bytes, path: Path, reading: Reading) -> Table:
        """See `Reader`."""
        body, start, settings = decoded(data, path, reading.encoding)
        texts = laid_out(body, path, "\t", start)
        below = body[texts.header_end :]
        if not below.strip():
            raise InputError("the file has no question codes", file=path, remedy=self.better)
        table = read_delimited(below, path, null="always", separator="\t")
        cells = table.cells.copy(deep=False)
        for at in cells.columns:
            cells[at] = replaced(without_null(cells[at]), _plain)
        cells.index = cells.index + (texts.next_line - 1)
        return replace(table, cells=cells, settings=(*settings, "what was not shown is marked"))


register(LimeSurveyVv())
