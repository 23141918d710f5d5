"""Small exports in LimeSurvey's layout, for the tests of what reads them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.manifest import Manifest, manifest_path, manifest_text

Rows = list[list[str | None]]


def write_with_manifest(path: Path, content: bytes, rows: int, **changes: object) -> Path:
    """Write an export and a manifest that fits it."""
    path.write_bytes(content)
    values: dict[str, object] = {
        "version": 1,
        "synthetic": False,
        "title": "Responses for a test",
        "format": "limesurvey-csv",
        "rows": rows,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    manifest = Manifest.model_validate(values | changes)
    manifest_path(path).write_text(manifest_text(manifest), encoding="utf-8")
    return path


def cell(text: str | None) -> str:
    return "" if text is None else '"' + text.replace('"', '""') + '"'


def as_csv(rows: Rows, separator: str = ",") -> bytes:
    lines = [separator.join(cell(text) for text in row) for row in rows]
    return b"\xef\xbb\xbf" + "\r\n".join([*lines, "", ""]).encode()


def table(codebook: Codebook) -> Rows:
    """Return a header and two complete responses (on lines 2 and 3), as cells."""
    rows: Rows = [list(codebook.columns())]
    for number in ("7", "9"):
        answers: dict[str, str | None] = {
            "id": number,
            "submitdate": "2022-02-03 10:20:30",
            "lastpage": "8",
            "startlanguage": "en",
            "seed": "123",
            "token": f"t{number}",
            "startdate": "2022-02-03 10:00:00",
            "datestamp": "2022-02-03 10:20:30",
            "refurl": "",
            "interviewtime": "1200.5",
            "CONSENT": "Y",
            "SCREEN": "Y",
            "CHANNEL": "A1",
            "ROLE": "A2",
            "ATTN": "A4",
        }
        cells: list[str | None] = []
        for column in codebook.column_specs:
            if column.kind == "timing":
                cells.append("60.25")
            elif column.kind == "array":
                cells.append("A1")
            else:
                cells.append(answers.get(column.name, ""))
        rows.append(cells)
    return rows
