"""Take up facts of MITRE ATLAS: which case studies there are, of which type, with which techniques.

Reads one ATLAS.yaml (dist/ATLAS.yaml of the repository mitre-atlas/atlas-data) and writes
atlas_case_studies.csv, atlas_techniques.csv and atlas.manifest.yml to data/published. Takes ids,
types, dates and names of techniques only, no sentences. The same file gives the same bytes.
`--check` compares instead of writing. data/published/README.md says what to do after that.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from mlsec_survey.base.errors import CompendiumError  # noqa: E402
from mlsec_survey.base.files import keep_or_compare  # noqa: E402
from mlsec_survey.study.atlas import extract_facts  # noqa: E402


def main(arguments: list[str] | None = None) -> int:
    """Run the script; return 0 if all is as in the file, 1 if not, 2 on bad input."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("atlas", type=Path, help="path of an ATLAS.yaml")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "data" / "published", help="folder to write to"
    )
    parser.add_argument(
        "--check", action="store_true", help="compare with the files, write nothing"
    )
    options = parser.parse_args(arguments)
    try:
        files = extract_facts(options.atlas)
    except CompendiumError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    source = f"{options.atlas.name} gives"
    return keep_or_compare(files, options.out, check=options.check, source=source)


if __name__ == "__main__":
    sys.exit(main())
