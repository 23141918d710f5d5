"""Check what of a run on private answers may leave runs/, and copy it where git tracks it.

    python scripts/release.py                checks runs/export and, if it passes, copies it
    python scripts/release.py --check-only   copies nothing
    python scripts/release.py --names FILE   also looks for the names in an invitation list (CSV)

The report for an output checker is written to RUN/release/report.html and report.json. Exit status:
0 passed, 2 something must not leave.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mlsec_survey.base.errors import CompendiumError, InputError
from mlsec_survey.base.identifiers import host_of
from mlsec_survey.base.locations import COLUMNS, PRIVATE_RUN
from mlsec_survey.instrument.codebook_file import load_codebook
from mlsec_survey.report import release
from mlsec_survey.report.columns import load_columns
from mlsec_survey.responses.private import invited_names, project_links, words_of_respondents

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Check a run, write the report, copy what passed; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", default=PRIVATE_RUN, help="folder of the run (%(default)s)")
    parser.add_argument("--names", type=Path, help="invitation list: a CSV file with names")
    parser.add_argument("--root", type=Path, default=root, help=argparse.SUPPRESS)
    parser.add_argument("--check-only", action="store_true", help="copy nothing")
    options = parser.parse_args(arguments)
    root = options.root
    try:
        run = root / options.run
        if not (run / release.RECORDS).is_dir():
            raise InputError(
                "no run is there to be released", file=options.run, remedy="run `make` first"
            )
        book = load_codebook(root / "data" / "codebook.yml")
        labels = {
            item.id: {str(o.value): o.label for o in book.options(item)} for item in book.items
        }
        secrets = release.Secrets(
            words_of_respondents(run, book),
            invited_names(root, options.names),
            frozenset(map(host_of, project_links(root))),
            [path.read_text(encoding="utf-8") for path in sorted((root / "data").glob("*.yml"))],
        )
        columns = load_columns(root / COLUMNS, labels.__getitem__)
        findings = release.check(run, columns, secrets)
        page = release.report(run, findings)
    except CompendiumError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    for finding in findings[:20]:
        print(f"{finding.rule}: {finding.where}: {finding.what}\n  What to do: {finding.remedy}")
    if findings:
        print(f"not released: {len(findings)} places must change first; see {page}")
        return 2
    if options.check_only:
        print(f"passed; nothing was copied; see {page}")
        return 0
    copied = release.copy_released(run, root)
    print(f"passed, and copied to {', '.join(copied)}; look at it before you commit; see {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
