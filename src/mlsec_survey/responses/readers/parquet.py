"""Parquet files: a table that another program saved, with the headings of the export."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from mlsec_survey.base.errors import InputError
from mlsec_survey.instrument.manifest import Reading
from mlsec_survey.responses.readers.headings import Vocabulary
from mlsec_survey.responses.readers.limesurvey import VOCABULARY
from mlsec_survey.responses.readers.registry import Recognition, register
from mlsec_survey.responses.readers.spss import as_text
from mlsec_survey.responses.readers.table import Table, categories


class Parquet:
    """A Parquet file."""

    format = "parquet"
    title = "Parquet file"
    better = "Use the file that the survey tool itself exported, as it comes."
    vocabulary: Vocabulary = VOCABULARY

    def recognise(self, data: bytes) -> Recognition:
        """See `Reader`."""
        known = data[:4] == b"PAR1" and data[-4:] == b"PAR1"
        return Recognition(1.0 if known else 0.0, "the first and last four bytes")

    def read(self, data: bytes, path: Path, reading: Reading) -> Table:
        """See `Reader`."""
        try:
            table = pa.parquet.read_table(pa.BufferReader(data))
        except (pa.ArrowInvalid, OSError, pa.ArrowNotImplementedError) as error:
            raise InputError(
                f"the Parquet file is damaged or cannot be read ({type(error).__name__})",
                file=path,
                remedy=self.better,
            ) from None
        cells = {
            at: categories([as_text(value) for value in column.to_pylist()])
            for at, column in enumerate(table.columns)
        }
        index = pd.RangeIndex(1, table.num_rows + 1, name="response")
        return Table(tuple(table.column_names), pd.DataFrame(cells, index=index), "maybe")


register(Parquet())
