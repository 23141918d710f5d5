"""Excel's .xlsx, from a survey tool or saved by people: the first sheet, as it shows."""

from __future__ import annotations

import io
import zipfile
from itertools import islice
from pathlib import Path

import openpyxl
import pandas as pd
from openpyxl.utils.exceptions import InvalidFileException

from mlsec_survey.base.errors import InputError
from mlsec_survey.instrument.manifest import Reading
from mlsec_survey.responses.readers.headings import Vocabulary
from mlsec_survey.responses.readers.limesurvey import VOCABULARY, unmasked
from mlsec_survey.responses.readers.limesurvey_archive import refuse_bombs
from mlsec_survey.responses.readers.registry import Recognition, register
from mlsec_survey.responses.readers.spss import as_text
from mlsec_survey.responses.readers.table import Table, categories


class Workbook:
    """A workbook with headings in the first row of its first sheet."""

    format = "excel"
    title = "Excel workbook"
    better = (
        "Export CSV from the survey tool and use the file as it comes: a workbook does not tell "
        "what was not shown from what was left empty, and rewrites dates and numbers."
    )
    vocabulary: Vocabulary = VOCABULARY

    def recognise(self, data: bytes) -> Recognition:
        """See `Reader`."""
        if not data.startswith(b"PK"):
            return Recognition(0.0, "no zip archive")
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                known = "xl/workbook.xml" in archive.namelist()
        except (zipfile.BadZipFile, OSError, ValueError):
            known = False
        return Recognition(1.0 if known else 0.0, "a zip archive with a workbook in it")

    def read(self, data: bytes, path: Path, reading: Reading) -> Table:
        """See `Reader`."""
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                refuse_bombs(archive.infolist(), path)
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            sheet = book.worksheets[0]
            rows = [[as_text(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
        except (
            zipfile.BadZipFile, InvalidFileException, OSError, KeyError, ValueError, EOFError,
            IndexError, TypeError, AttributeError, SyntaxError,
        ) as error:  # fmt: skip
            raise InputError(
                f"the workbook is damaged or cannot be read ({type(error).__name__})",
                file=path,
                remedy=self.better,
            ) from None
        while rows and not any(rows[-1]):
            rows.pop()
        if not rows:
            raise InputError("the first sheet is empty", file=path, remedy=self.better)
        headings = [(cell or "").strip() for cell in rows[0]]
        while len(headings) > 1 and not headings[-1]:
            headings.pop()
        width = len(headings)
        body = [[*row, *[None] * width][:width] for row in islice(rows, 1, None)]
        cells = {at: categories([row[at] for row in body]) for at in range(width)}
        index = pd.RangeIndex(2, len(body) + 2, name="line")
        sheets = len(book.worksheets)
        notes = () if sheets == 1 else (f"only the first of {sheets} sheets was read",)
        return unmasked(
            Table(tuple(headings), pd.DataFrame(cells, index=index), "never", notes=notes)
        )


register(Workbook())
