"""The manifest beside a raw export: what the file is, and whether it is synthetic.

`is_synthetic` is the one fact that decides whether outputs carry the stand-in label.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.yaml_input import Entry, Sequence, YamlDocument, read_yaml, validate
from mlsec_survey.instrument.entries import Text

Format = Literal[
    "limesurvey-csv",
    "limesurvey-archive",
    "limesurvey-vv",
    "limesurvey-json",
    "qualtrics-csv",
    "sosci-csv",
    "spss",
    "excel",
    "parquet",
    "labelled-csv",
]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Generator(Entry):
    """The program that drew a synthetic export."""

    name: Text
    version: Text
    seed: Annotated[int, Field(ge=0)]
    parameters_sha256: Sha256


class Reading(Entry):
    """What a file does not say about itself; every entry can be left out.

    Attributes:
        encoding: such as windows-1252, if the file is not UTF-8.
        separator: of the cells, if it is not found.
        columns: column of the codebook by heading, where the heading is not understood.
        ignore: headings that are left out on purpose.
        ticked, unticked: words for a ticked and an unticked box, if they are not understood.
        shown: how the survey was shown: a group or a question at a time, or all on one page.
    """

    encoding: Text | None = None
    separator: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = None
    columns: dict[str, Text] = Field(default_factory=dict)
    ignore: Sequence[str] = ()
    ticked: Text | None = None
    unticked: Text | None = None
    shown: Literal["groups", "questions", "one_page"] | None = None


class Manifest(Entry):
    """What a raw export is.

    Attributes:
        synthetic: whether the responses were drawn by a model instead of given by people.
        title: one line for readers.
        format: the layout of the file; recognised by its content if left out.
        rows: number of responses in the file; not checked if left out.
        sha256: hash of the file's bytes; without it a changed export is not noticed.
        generator: how it was drawn, if synthetic.
        note: what else a reader has to know.
        reading: what the file does not say about itself.
    """

    version: Literal[1]
    synthetic: bool
    title: Text
    format: Format | None = None
    rows: Annotated[int, Field(ge=1)] | None = None
    sha256: Sha256 | None = None
    generator: Generator | None = None
    note: Text | None = None
    reading: Reading = Field(default_factory=Reading)

    @property
    def is_synthetic(self) -> bool:
        """Whether outputs must carry the stand-in label."""
        return self.synthetic


def manifest_path(export_path: Path | str) -> Path:
    """Return where the manifest of an export stands: `NAME.manifest.yml` beside `NAME.csv`."""
    path = Path(export_path)
    return path.with_name(f"{path.stem}.manifest.yml")


def may_be_tracked(export_path: Path) -> bool:
    """Return whether results of an export may stand where git tracks them: if it is synthetic.

    What cannot be read as a manifest says nothing of the kind; the notebooks will say what is
    wrong with it.
    """
    try:
        return load_manifest(export_path).is_synthetic
    except InputError:
        return False


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def load_manifest(export_path: Path | str) -> Manifest:
    """Read the manifest of an export and check that it speaks of these very bytes.

    Args:
        export_path: the export.

    Raises:
        InputError: the export or its manifest is missing, the manifest is malformed, or the hash
            differs; a missing manifest is answered with the text of one to complete.
    """
    export_path = Path(export_path)
    if not export_path.is_file():
        raise InputError(
            "there is no such export",
            file=export_path,
            remedy="Check the path, or put the survey tool's export of the responses there.",
        )
    path = manifest_path(export_path)
    if not path.is_file():
        raise InputError(
            f"the export {export_path.name} has no manifest beside it",
            file=path,
            remedy="Run scripts/check_export.py on the export with --manifest, which writes it; or "
            f"write this file, with true or false for synthetic:\n{_example(export_path)}",
        )
    document = read_yaml(path)
    manifest = validate(document, Manifest)
    _check(document, manifest, export_path)
    return manifest


def _check(document: YamlDocument, manifest: Manifest, export_path: Path) -> None:
    actual = file_sha256(export_path) if manifest.sha256 is not None else None
    if manifest.sha256 != actual:
        raise document.error(
            ("sha256",),
            f"the export {export_path.name} is not the file that this manifest describes",
            value=manifest.sha256,
            remedy=f"If the export changed on purpose, set sha256 to {actual}; "
            "otherwise restore the export.",
        )
    if manifest.synthetic and manifest.generator is None:
        raise document.error(
            ("synthetic",),
            "a synthetic export must say how it was drawn",
            remedy="Add generator with name, version, seed and parameters_sha256.",
        )
    if manifest.synthetic and manifest.sha256 is None:
        raise document.error(
            ("synthetic",),
            "a synthetic export must be told from any other by its hash",
            remedy=f"Set sha256 to {file_sha256(export_path)}.",
        )
    if not manifest.synthetic and manifest.generator is not None:
        raise document.error(
            ("generator",),
            "an export drawn by a generator is synthetic",
            remedy="Set synthetic to true, or remove generator if people gave these responses.",
        )


def _example(export_path: Path) -> str:
    return (
        "    version: 1\n"
        "    synthetic: false\n"
        "    title: Responses of the survey, exported on YYYY-MM-DD\n"
        f'    sha256: "{file_sha256(export_path)}"'
    )


def manifest_text(manifest: Manifest) -> str:
    """Return the YAML text of a manifest; the same manifest always gives the same bytes."""
    lines = [
        f"version: {manifest.version}",
        f"synthetic: {'true' if manifest.synthetic else 'false'}",
        f"title: {_quoted(manifest.title)}",
    ]
    if manifest.format is not None:
        lines.append(f"format: {manifest.format}")
    if manifest.rows is not None:
        lines.append(f"rows: {manifest.rows}")
    if manifest.sha256 is not None:
        lines.append(f"sha256: {_quoted(manifest.sha256)}")
    if manifest.generator is not None:
        lines += [
            "generator:",
            f"  name: {_quoted(manifest.generator.name)}",
            f"  version: {_quoted(manifest.generator.version)}",
            f"  seed: {manifest.generator.seed}",
            f"  parameters_sha256: {_quoted(manifest.generator.parameters_sha256)}",
        ]
    if manifest.note is not None:
        lines.append(f"note: {_quoted(manifest.note)}")
    given = manifest.reading.model_dump(exclude_defaults=True)
    if given:
        lines.append("reading:")
    for key, value in given.items():
        if isinstance(value, dict):
            lines.append(f"  {key}:")
            lines += [f"    {_quoted(name)}: {_quoted(to)}" for name, to in value.items()]
        elif isinstance(value, tuple | list):
            lines.append(f"  {key}: [{', '.join(_quoted(entry) for entry in value)}]")
        else:
            lines.append(f"  {key}: {_quoted(str(value))}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\t", "\\t") + '"'
