"""Write what two coders need for the answers in own words of a real export, in two steps.

`blank` writes answers.csv (the text to read) and two empty sheets, coder_a.csv and coder_b.csv:
each coder fills the column `codes` of one sheet, alone. `differences` then writes differences.csv
(text and both codings of each answer on which they differ) and adjudication.csv, in which somebody
decides each with a reason. Codes stand in data/concern_codes.yml, separated by `|`; empty means
that none applies.

The text can give away who wrote it: keep answers.csv and differences.csv out of any repository, and
delete them when coding is done. Git ignores the default folder. Nothing is overwritten.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from mlsec_survey.base.errors import CompendiumError, InputError  # noqa: E402
from mlsec_survey.base.text_safety import escape_spreadsheet  # noqa: E402
from mlsec_survey.instrument.codebook import load_codebook  # noqa: E402
from mlsec_survey.instrument.coding_scheme import load_coding_scheme  # noqa: E402
from mlsec_survey.project import resolve_export  # noqa: E402
from mlsec_survey.responses.coding import answers_in_own_words, load_sheets  # noqa: E402
from mlsec_survey.responses.exclusions import apply_exclusions  # noqa: E402
from mlsec_survey.responses.readers.limesurvey import read_export  # noqa: E402
from mlsec_survey.responses.recode import recode  # noqa: E402


def main(arguments: list[str] | None = None) -> int:
    """Run the script; return 0 if the files are written, 2 on bad input."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=["blank", "differences"])
    parser.add_argument("--export", default="auto", help="path of the export (default: auto)")
    parser.add_argument(
        "--folder",
        type=Path,
        default=ROOT / "data" / "coding" / "export",
        help="where the sheets are (default: data/coding/export)",
    )
    options = parser.parse_args(arguments)
    try:
        files = _sheets(options.step, options.export, options.folder)
        for name in files:
            if (options.folder / name).exists():
                raise InputError(
                    "the file is there already",
                    file=options.folder / name,
                    remedy="Move it away, or name another --folder.",
                )
    except CompendiumError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        stream = io.StringIO(newline="")
        csv.writer(stream, lineterminator="\n").writerows(rows)
        (options.folder / name).write_text(stream.getvalue(), encoding="utf-8", newline="")
        print(f"{options.folder / name}: {len(rows) - 1} answers")
    if options.step == "differences":
        print("then: make, which takes the sheets in data/coding/export for data/raw/export.csv")
    return 0


def _sheets(step: str, export: str, folder: Path) -> dict[str, list[list[object]]]:
    codebook = load_codebook(ROOT / "data" / "codebook.yml")
    book = load_coding_scheme(ROOT / "data" / "concern_codes.yml", codebook)
    raw = read_export(resolve_export(ROOT, export), codebook)
    kept, _ = apply_exclusions(raw, codebook)
    responses = recode(kept, codebook)
    texts = answers_in_own_words(book, responses, codebook)
    if step == "blank":
        blank: list[list[object]] = [
            ["respondent_id", "attack", "field", "codes"],
            *([*unit, ""] for unit in texts),
        ]
        reading: list[list[object]] = [
            ["respondent_id", "attack", "field", "answer"],
            *([*unit, escape_spreadsheet(text)] for unit, text in texts.items()),
        ]
        return {"answers.csv": reading, "coder_a.csv": blank, "coder_b.csv": blank}
    first, second = load_sheets(folder, book, responses, codebook)
    differ = [unit for unit in texts if first[unit] != second[unit]]
    order = list(book.labels())
    given = [
        [*unit, *("|".join(sorted(s[unit], key=order.index)) for s in (first, second))]
        for unit in differ
    ]
    return {
        "differences.csv": [
            ["respondent_id", "attack", "field", "coder_a", "coder_b", "answer"],
            *([*row, escape_spreadsheet(texts[u])] for row, u in zip(given, differ, strict=True)),
        ],
        "adjudication.csv": [
            ["respondent_id", "attack", "field", "codes", "reason"],
            *([*unit, "", ""] for unit in differ),
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
