"""Draw the synthetic stand-in for the raw answers, byte for byte the same from the same seed.

Without options it writes data/raw/standin.csv, its manifest and the coders' sheets in data/coding.
`--check` compares instead of writing. `--seed` and `--out` draw another wave into another folder,
for instance to run a batch over many waves.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from mlsec_survey.base.errors import CompendiumError, InputError  # noqa: E402
from mlsec_survey.base.files import keep_or_compare  # noqa: E402
from mlsec_survey.instrument.codebook_file import load_codebook  # noqa: E402
from mlsec_survey.standin.files import draw_files  # noqa: E402
from mlsec_survey.standin.parameters import load_parameters, load_texts  # noqa: E402


def main(arguments: list[str] | None = None) -> int:
    """Run the script; return 0 if all is as drawn, 1 if a check fails, 2 on bad input."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--check", action="store_true", help="compare with the files, write nothing"
    )
    parser.add_argument("--seed", type=int, help="seed instead of the one in data/standin.yml")
    parser.add_argument("--out", type=Path, help="folder to write to instead of data")
    parser.add_argument("--name", default="standin", help="name of the export (default: standin)")
    parser.add_argument(
        "--respondents", type=int, help="respondents left after exclusions, instead of 139"
    )
    options = parser.parse_args(arguments)
    try:
        files = _drawn(options)
    except CompendiumError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    folder: Path = options.out or ROOT / "data"
    return keep_or_compare(files, folder, check=options.check, source="the parameters draw")


def _drawn(options: argparse.Namespace) -> dict[str, bytes]:
    data = ROOT / "data"
    codebook = load_codebook(data / "codebook.yml")
    parameters = load_parameters(data / "standin.yml", codebook)
    texts = load_texts(data / "standin_texts.yml", codebook)
    if options.respondents is not None:
        parameters = parameters.resized(options.respondents)
    if options.seed is not None and options.seed < 0:
        raise InputError("a seed is a whole number from 0", value=options.seed)
    return draw_files(
        codebook,
        parameters,
        texts,
        [data / "standin.yml", data / "standin_texts.yml"],
        parameters.seed if options.seed is None else options.seed,
        options.name,
    )


if __name__ == "__main__":
    sys.exit(main())
