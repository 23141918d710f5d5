"""The stand-in as files: raw export in LimeSurvey's layout, its manifest, the coders' sheets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pandas as pd

from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.manifest import Generator, Manifest, manifest_text
from mlsec_survey.standin.coding import adjudication_csv, draw_sheets, sheet_csv
from mlsec_survey.standin.parameters import StandinParameters, StandinTexts
from mlsec_survey.standin.responses import Response, draw_responses

GENERATOR_VERSION = "1.0.0"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def draw_files(
    codebook: Codebook,
    parameters: StandinParameters,
    texts: StandinTexts,
    parameter_files: Iterable[Path],
    seed: int,
    name: str = "standin",
) -> dict[str, bytes]:
    """Draw the stand-in and return the bytes of each file.

    Args:
        codebook, parameters, texts: what is asked, how it is drawn, what people write.
        parameter_files: files whose content went into the draw; their joint hash is recorded.
        seed: of every draw.
        name: of the export, without the ending.

    Returns:
        Bytes by path below the data folder: `raw/NAME.csv`, its manifest, and under `coding` the
        sheets `coder_a.csv`, `coder_b.csv` and `adjudication.csv`.
    """
    responses = draw_responses(codebook, parameters, texts, seed)
    export = export_csv(responses, codebook)
    digest = hashlib.sha256()
    for path in parameter_files:
        digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    manifest = Manifest(
        version=1,
        synthetic=True,
        title="Synthetic stand-in for the raw answers; drawn by a model, given by nobody",
        format="limesurvey-csv",
        rows=len(responses),
        sha256=hashlib.sha256(export).hexdigest(),
        generator=Generator(
            name="scripts/make_standin.py",
            version=GENERATOR_VERSION,
            seed=seed,
            parameters_sha256=digest.hexdigest(),
        ),
        note="Nothing in this file is evidence of anything. It has the size and the directions of "
        "association that the publication's abstract states, so that the analysis can be run.",
    )
    sheets = draw_sheets(responses, parameters, texts, seed)
    return {
        f"raw/{name}.csv": export,
        f"raw/{name}.manifest.yml": manifest_text(manifest).encode(),
        "coding/coder_a.csv": sheet_csv(sheets.coder_a),
        "coding/coder_b.csv": sheet_csv(sheets.coder_b),
        "coding/adjudication.csv": adjudication_csv(sheets.adjudicated),
    }


def export_csv(responses: Iterable[Response], codebook: Codebook) -> bytes:
    """Return responses as LimeSurvey exports them: byte-order mark, quotes, NULL without quotes."""
    lines = [",".join(_quoted(name) for name in codebook.columns())]
    for response in responses:
        cells = _cells(response, codebook)
        lines.append(",".join(_quoted(cells.get(name)) for name in codebook.columns()))
    # The tool ends the file with a blank line.
    return _BYTE_ORDER_MARK + "\r\n".join([*lines, "", ""]).encode()


def twin_csv(twin: pd.DataFrame) -> bytes:
    """Return a table of cells in the same layout; what is missing is NULL."""
    lines = [",".join(_quoted(str(name)) for name in twin.columns)]
    for row in twin.itertuples(index=False, name=None):
        lines.append(",".join(_quoted(None if pd.isna(cell) else str(cell)) for cell in row))
    return _BYTE_ORDER_MARK + "\r\n".join([*lines, "", ""]).encode()


def _cells(response: Response, codebook: Codebook) -> dict[str, str | None]:
    person = response.person
    seen = person.page_seconds[: person.last_page]
    spent = sum(seen)
    last_action = person.started + timedelta(seconds=int(spent + person.pause_seconds))
    cells: dict[str, str | None] = dict(person.answers)
    cells |= {
        "id": str(response.number),
        "submitdate": str(last_action) if person.submitted else None,
        "lastpage": str(person.last_page),
        "startlanguage": person.language,
        "seed": str(response.seed),
        "token": person.token,
        "startdate": str(person.started),
        "datestamp": str(last_action),
        "refurl": person.referrer,
        "interviewtime": f"{spent:.2f}",
    }
    for page, seconds in enumerate(seen, start=1):
        cells[f"{codebook.timing_columns.prefix}{page}"] = f"{seconds:.2f}"
    return cells


def _quoted(cell: str | None) -> str:
    return "" if cell is None else '"' + cell.replace('"', '""') + '"'
