"""Any other text with separators: headings and answers by the codebook's names, labels or codes."""

from __future__ import annotations

from pathlib import Path

from mlsec_survey.instrument.manifest import Reading
from mlsec_survey.responses.readers.delimited import first_records, read_delimited
from mlsec_survey.responses.readers.headings import Vocabulary
from mlsec_survey.responses.readers.limesurvey import VOCABULARY
from mlsec_survey.responses.readers.registry import Recognition, register
from mlsec_survey.responses.readers.table import Table


class PlainCsv:
    """CSV of a tool that no other reader knows, or that people wrote, with labels or codes."""

    format = "labelled-csv"
    title = "CSV"
    better = (
        "Headings are codes, names or labels of the codebook, answers its codes or labels. If the "
        "survey tool has an export of its own, use that as it comes."
    )
    vocabulary: Vocabulary = VOCABULARY

    def recognise(self, data: bytes) -> Recognition:
        """See `Reader`."""
        rows = first_records(data, 2)
        if len(rows) == 2 and len(rows[0]) == len(rows[1]) > 1:
            return Recognition(0.1, "text with separators")
        if rows and len(rows[0]) > 1:
            return Recognition(0.05, "text with separators")
        return Recognition(0.0, "no text with separators")

    def read(self, data: bytes, path: Path, reading: Reading) -> Table:
        """See `Reader`."""
        return read_delimited(
            data, path, null="maybe", separator=reading.separator, encoding=reading.encoding
        )


register(PlainCsv())
