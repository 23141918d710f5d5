"""One reader per kind of file, behind a registry: recognise, read, explain.

`read_export` is what the rest of the project uses; it knows nothing of the tool. A new tool is one
module that registers a `Reader`.
"""

from mlsec_survey.responses.readers import (
    limesurvey,
    limesurvey_archive,
    limesurvey_json,
    limesurvey_vv,
    parquet,
    plain_csv,
    qualtrics,
    sosci,
    spss,
    workbook,
)
from mlsec_survey.responses.readers.export import Limit, RawExport
from mlsec_survey.responses.readers.reading import Examination, examine, read_export
from mlsec_survey.responses.readers.registry import READERS

__all__ = [
    "READERS",
    "Examination",
    "Limit",
    "RawExport",
    "examine",
    "limesurvey",
    "limesurvey_archive",
    "limesurvey_json",
    "limesurvey_vv",
    "parquet",
    "plain_csv",
    "qualtrics",
    "read_export",
    "sosci",
    "spss",
    "workbook",
]
