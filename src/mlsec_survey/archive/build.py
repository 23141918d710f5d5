"""The archive as a whole: the project's files, and what describes them for others."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pandas as pd
import yaml

from mlsec_survey.archive import contents
from mlsec_survey.archive.crate import crate_metadata
from mlsec_survey.archive.datapackage import RESPONSES, data_package, responses_csv
from mlsec_survey.archive.ddi import ddi_codebook
from mlsec_survey.archive.preregistration import preregistration
from mlsec_survey.archive.results import NotebookRun, notebook_runs
from mlsec_survey.base.errors import InputError
from mlsec_survey.base.yaml_input import read_yaml
from mlsec_survey.instrument.codebook_file import load_codebook
from mlsec_survey.instrument.manifest import load_manifest
from mlsec_survey.instrument.plan import load_plan

CRATE = "ro-crate-metadata.json"
# Made from the others, so made anew each time.
DESCRIPTIONS = {
    CRATE: "RO-Crate: what is here, and what made it from what",
    "datapackage.json": "Data Package: tables and the meaning of their columns",
    "ddi-codebook.xml": "DDI-Codebook 2.5: the study and its variables",
    "codecheck.yml": "CODECHECK: the outputs that a rerun has to give",
    "preregistration.md": "The analysis plan as a preregistration",
    RESPONSES: "Analysed responses, without free text",
    contents.CHECKSUMS: "SHA-256 of every other file",
}


def archive_files(root: Path, export: Path) -> dict[str, bytes]:
    """Return the content of every file of the archive by name.

    Rows of respondents are in it only if they are synthetic.

    Args:
        root: the project's folder, with the outputs of a run in it.
        export: the raw export that the run read.

    Raises:
        InputError: the outputs of a run are not there, or the outputs in place rest on private
            answers.
    """
    manifest = load_manifest(export)
    codebook = load_codebook(root / "data/codebook.yml")
    plan = load_plan(root / "data/analysis_plan.yml", codebook)
    citation = read_yaml(root / "CITATION.cff").content
    files = {
        path.as_posix(): (root / path).read_bytes()
        for path in contents.project_files(root)
        if path.as_posix() not in DESCRIPTIONS
    }
    runs = notebook_runs(root, export)
    if not runs:
        raise InputError(
            "no outputs of a run", file=root / "paper/generated/records", remedy="run make first"
        )
    # Outputs that are not in the archive are not promised by it.
    runs = [
        replace(run, wrote={name: what for name, what in run.wrote.items() if name in files})
        for run in runs
    ]
    processed = root / "data/processed"
    if manifest.is_synthetic and (processed / "responses.parquet").is_file():
        files[RESPONSES] = responses_csv(
            pd.read_parquet(processed / "responses.parquet"),
            pd.read_parquet(processed / "missing_kinds.parquet"),
            codebook,
        )
    files["preregistration.md"] = preregistration(plan, codebook).encode()
    files["ddi-codebook.xml"] = ddi_codebook(codebook, citation, synthetic=manifest.is_synthetic)
    package = data_package(
        "mlsec-survey-compendium",
        citation["title"],
        codebook,
        runs,
        files,
        synthetic=manifest.is_synthetic,
    )
    files["datapackage.json"] = (json.dumps(package, indent=1, ensure_ascii=False) + "\n").encode()
    files["codecheck.yml"] = codecheck(runs, citation).encode()
    described = DESCRIPTIONS | {name: what for run in runs for name, what in run.wrote.items()}
    files[CRATE] = crate_metadata(files, runs, citation, described)
    files[contents.CHECKSUMS] = contents.checksums(files)
    return files


def codecheck(runs: list[NotebookRun], citation: dict[str, object]) -> str:
    """Return `codecheck.yml` (https://codecheck.org.uk): each output that a rerun has to give."""
    references = citation["references"]
    assert isinstance(references, list)
    paper = references[0]
    described = {
        "version": "https://codecheck.org.uk/spec/config/1.0/",
        "paper": {
            "title": paper["title"],
            "authors": [
                {"name": f"{author['given-names']} {author['family-names']}"}
                for author in paper["authors"]
            ],
            "reference": f"https://doi.org/{paper['doi']}",
        },
        "summary": "Outputs of this compendium, not of the original authors. Rerun: make verify.",
        "manifest": [
            {"file": name, "comment": what} for run in runs for name, what in run.wrote.items()
        ],
    }
    return yaml.safe_dump(described, allow_unicode=True, sort_keys=False, width=100)


def build_archive(root: Path, export: Path, target: Path) -> str:
    """Write the archive and return its SHA-256; two builds of one state give the same."""
    files = archive_files(root, export)
    executable = {name for name in files if os.access(root / name, os.X_OK)}
    contents.write_zip(files, executable, target, target.stem)
    return contents.digest(target.read_bytes())
