"""Write the citable archive `dist/NAME-VERSION.zip`, or verify an unpacked one by a rerun.

`make archive` and `make verify` call it.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from mlsec_survey.archive.build import build_archive  # noqa: E402
from mlsec_survey.archive.results import notebook_runs  # noqa: E402
from mlsec_survey.archive.verify import receipt_text, verify  # noqa: E402
from mlsec_survey.base.errors import CompendiumError  # noqa: E402
from mlsec_survey.base.yaml_input import read_yaml  # noqa: E402

EXPORT = ROOT / "data/raw/standin.csv"
RECEIPT = ROOT / "dist/receipt.json"


def main() -> int:
    """Build or verify, and return the exit status: 1 when a rerun gives something else."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verify", action="store_true", help="rerun an unpacked archive, compare")
    parser.add_argument("--target", type=Path, help="the zip file to write")
    given = parser.parse_args()
    try:
        if given.verify:
            return _verified()
        version = read_yaml(ROOT / "CITATION.cff").content["version"]
        target = given.target or ROOT / "dist" / f"mlsec-survey-compendium-{version}.zip"
        digest = build_archive(ROOT, EXPORT, target)
    except CompendiumError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    print(f"{target}: {target.stat().st_size:,} bytes, sha256 {digest}")
    return 0


def _verified() -> int:
    receipt = verify(ROOT, notebook_runs(ROOT, EXPORT))
    RECEIPT.parent.mkdir(exist_ok=True)
    RECEIPT.write_text(json.dumps(receipt, indent=1) + "\n", encoding="utf-8")
    print(receipt_text(receipt))
    print(f"receipt: {RECEIPT.relative_to(ROOT)}")
    same = all(entry["is"] == "same" for entry in receipt["outputs"].values())
    return 0 if same and not receipt["status"] and not receipt["changed_inputs"] else 1


if __name__ == "__main__":
    sys.exit(main())
