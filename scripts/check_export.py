"""Say all that is right and wrong with an export, before any manifest exists.

What the file is and how it was made, which columns matched, are missing or unknown, which answers
the codebook does not allow, what can be told of missing answers and times, who would be left out,
what contradicts itself, what can point to a person. Run it on two test answers before fieldwork.

    python scripts/check_export.py data/raw/export.csv
    python scripts/check_export.py data/raw/export.lsa --html check.html --json check.json
    python scripts/check_export.py data/raw/export.csv --manifest --title "Autumn wave"

Ends with status 0 if the export fits, 2 if something stops a run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from mlsec_survey.base.errors import CompendiumError, InputError  # noqa: E402
from mlsec_survey.base.yaml_input import read_yaml, validate  # noqa: E402
from mlsec_survey.instrument.codebook_file import load_codebook  # noqa: E402
from mlsec_survey.instrument.manifest import (  # noqa: E402
    Manifest,
    Reading,
    manifest_path,
    manifest_text,
)
from mlsec_survey.instrument.questionnaire.wording import load_wordings  # noqa: E402
from mlsec_survey.responses.export_report import proposed_manifest, report_on  # noqa: E402
from mlsec_survey.responses.readers.reading import file_bytes  # noqa: E402


def main(arguments: list[str] | None = None) -> int:
    """Run the script; return 0 if the export fits, 2 if something stops a run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="the export, as the survey tool wrote it")
    parser.add_argument("--codebook", type=Path, default=ROOT / "data" / "codebook.yml")
    parser.add_argument("--html", type=Path, help="write the report as a page, too")
    parser.add_argument("--json", type=Path, help="write the report as JSON, too")
    parser.add_argument("--manifest", action="store_true", help="write the manifest beside it")
    parser.add_argument("--title", default="", help="one line for readers, in the manifest")
    options = parser.parse_args(arguments)
    try:
        return _check(options)
    except CompendiumError as error:
        print(error, file=sys.stderr)
        return error.exit_status


def _check(options: argparse.Namespace) -> int:
    if not options.file.is_file():
        raise InputError(
            "there is no such file", file=options.file, remedy="Check the path of the export."
        )
    codebook = load_codebook(options.codebook)
    beside = manifest_path(options.file)
    manifest = validate(read_yaml(beside), Manifest) if beside.is_file() else None
    wordings = load_wordings(ROOT / "data", codebook)
    report = report_on(options.file, file_bytes(options.file), codebook, wordings, manifest)
    print(report.as_text(), end="")
    if options.html is not None:
        options.html.write_text(report.as_html(), encoding="utf-8")
    if options.json is not None:
        options.json.write_text(report.as_json(), encoding="utf-8")
    if options.manifest:
        if manifest is not None:
            raise InputError(
                "there is a manifest already",
                file=beside,
                remedy="Correct it by hand, or move it away and run this again.",
            )
        if not report.records:
            raise InputError(
                "no manifest is written for a file that cannot be read", file=options.file
            )
        title = options.title or f"Responses of the survey, from {options.file.name}"
        content = manifest_text(proposed_manifest(report, title, Reading()))
        beside.write_text(content, encoding="utf-8")
        print(f"\n{beside} is written")
    return 2 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
