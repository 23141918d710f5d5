"""Draw a synthetic twin of a private export, to be shared with a compendium.

    python scripts/make_twin.py                         of data/raw/export.*, to data/raw/twin.csv
    python scripts/make_twin.py --export FILE --out DIR --seed 7

The twin has the export's layout, filters and exclusions, and the margins that may be told; what
goes with what is not in it, nor anybody's words. Its manifest says that it is synthetic. Look at it
before you share it: `git add -f data/raw/twin.csv data/raw/twin.manifest.yml`.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from mlsec_survey.base.errors import CompendiumError
from mlsec_survey.base.files import keep_or_compare
from mlsec_survey.base.locations import resolve_export
from mlsec_survey.base.randomness import generator
from mlsec_survey.instrument.codebook_file import load_codebook
from mlsec_survey.instrument.manifest import Generator, Manifest, manifest_text
from mlsec_survey.responses.readers import read_export
from mlsec_survey.standin.files import twin_csv
from mlsec_survey.standin.twin import draw_twin

ROOT = Path(__file__).resolve().parents[1]
VERSION = "1.0.0"


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Draw the twin; return 0, or 2 on bad input."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--export", type=Path, help="default: data/raw/export.*")
    parser.add_argument("--codebook", type=Path, default=root / "data" / "codebook.yml")
    parser.add_argument("--out", type=Path, default=root / "data" / "raw", help="folder")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    try:
        book = load_codebook(options.codebook)
        raw = read_export(options.export or resolve_export(root, "auto"), book)
        twin = draw_twin(raw.frame, book, generator(options.seed, "twin"))
    except CompendiumError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    export = twin_csv(twin)
    manifest = Manifest(
        version=1,
        synthetic=True,
        title="Synthetic twin of a private export; drawn from its safe margins, given by nobody",
        format="limesurvey-csv",
        rows=len(twin),
        sha256=hashlib.sha256(export).hexdigest(),
        generator=Generator(
            name="scripts/make_twin.py",
            version=VERSION,
            seed=options.seed,
            parameters_sha256=hashlib.sha256(options.codebook.read_bytes()).hexdigest(),
        ),
        note="Margins follow the export where enough respondents stand behind them; associations "
        "do not. Nothing in this file is evidence of anything.",
    )
    files = {"twin.csv": export, "twin.manifest.yml": manifest_text(manifest).encode()}
    return keep_or_compare(files, options.out, check=False, source="the export's margins give")


if __name__ == "__main__":
    sys.exit(main())
