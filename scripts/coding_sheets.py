"""Write what coders need for the answers in own words of a real export, in two steps.

`blank` writes answers.csv (the text to read), an empty sheet per coder (coder_a.csv, …) and
html/coding.html, a page to code in that works from disk and asks for no network. Each coder codes
alone, in the page or in the column `codes` of one sheet: codes of data/concern_codes.yml, separated
by `|`, or `none` where none applies. An empty cell is not coded yet; a coder who is to code a part
only gets a sheet with the other rows removed. `differences` then writes differences.csv (text and
codings of each answer on which coders differ) and adjudication.csv, in which somebody decides each
with a reason; the page opens differences.csv as well. `page` writes the page alone.

The text can give away who wrote it: keep answers.csv and differences.csv out of any repository, and
delete them when coding is done. Git ignores the default folder; the page holds no answer. No sheet
is overwritten.
"""

from __future__ import annotations

import argparse
import csv
import io
import string
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from mlsec_survey.base.errors import CompendiumError, InputError  # noqa: E402
from mlsec_survey.base.files import keep_or_compare  # noqa: E402
from mlsec_survey.base.locations import DROPPED_IN_CODING, resolve_export  # noqa: E402
from mlsec_survey.base.text_safety import escape_spreadsheet  # noqa: E402
from mlsec_survey.instrument.codebook import Codebook  # noqa: E402
from mlsec_survey.instrument.codebook_file import load_codebook  # noqa: E402
from mlsec_survey.instrument.coding_scheme import CodingScheme, load_coding_scheme  # noqa: E402
from mlsec_survey.instrument.questionnaire.wording import load_wordings  # noqa: E402
from mlsec_survey.responses.coding import (  # noqa: E402
    ADJUDICATION_COLUMNS,
    SHEET_COLUMNS,
    answers_in_own_words,
    codes_text,
    differences,
    load_sheets,
)
from mlsec_survey.responses.coding_page import coding_page  # noqa: E402
from mlsec_survey.responses.exclusions import apply_exclusions  # noqa: E402
from mlsec_survey.responses.readers import read_export  # noqa: E402
from mlsec_survey.responses.recode import recode  # noqa: E402


def main(arguments: list[str] | None = None) -> int:
    """Run the script; return 0 if the files are written, 2 on bad input."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=["blank", "differences", "page"])
    parser.add_argument("--export", default="auto", help="path of the export (default: auto)")
    parser.add_argument(
        "--folder",
        type=Path,
        default=ROOT / "data" / "coding" / "export",
        help="where the sheets are (default: data/coding/export)",
    )
    parser.add_argument(
        "--coders", type=int, default=2, choices=range(1, 10), help="how many sheets (default: 2)"
    )
    parser.add_argument("--pages", type=Path, default=ROOT / "html", help="default: html")
    options = parser.parse_args(arguments)
    folder: Path = options.folder
    try:
        codebook = load_codebook(ROOT / "data" / "codebook.yml")
        scheme = load_coding_scheme(ROOT / "data" / "concern_codes.yml", codebook)
        files = {} if options.step == "page" else _sheets(options, scheme, codebook)
        for name in files:
            if (folder / name).exists():
                raise InputError(
                    "the file is there already",
                    file=folder / name,
                    remedy="Move it away, or name another --folder.",
                )
    except CompendiumError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    if options.step != "differences":
        page = {"coding.html": coding_page(scheme, codebook).encode()}
        keep_or_compare(page, options.pages, check=False, source="the coding scheme says")
    for name, rows in files.items():
        folder.mkdir(parents=True, exist_ok=True)
        stream = io.StringIO(newline="")
        csv.writer(stream, lineterminator="\n").writerows(rows)
        (folder / name).write_text(stream.getvalue(), encoding="utf-8", newline="")
        print(f"{folder / name}: {len(rows) - 1} answers")
    if options.step == "differences":
        print("then: make, which takes the sheets in data/coding/export for data/raw/export.*")
    return 0


Table = list[list[object]]


def _sheets(
    options: argparse.Namespace, scheme: CodingScheme, codebook: Codebook
) -> dict[str, Table]:
    wordings = load_wordings(ROOT / "data", codebook)
    raw = read_export(resolve_export(ROOT, options.export), codebook, wordings)
    if not raw.is_synthetic:
        _refuse_tracked(options.folder)
    kept, _ = apply_exclusions(raw, codebook)
    responses = recode(kept, codebook)
    texts = answers_in_own_words(scheme, responses, codebook)
    heading = [*SHEET_COLUMNS[:-1]]
    if options.step == "blank":
        blank: Table = [[*SHEET_COLUMNS], *([*unit, ""] for unit in texts)]
        reading: Table = [
            [*heading, "answer"],
            *([*unit, escape_spreadsheet(text)] for unit, text in texts.items()),
        ]
        names = [f"coder_{letter}.csv" for letter in string.ascii_lowercase[: options.coders]]
        return {"answers.csv": reading} | dict.fromkeys(names, blank)
    sheets = load_sheets(options.folder, scheme, responses, codebook)
    differ = differences(sheets)
    given = [
        [*unit, *(codes_text(sheet.get(unit), scheme) for sheet in sheets.values())]
        for unit in differ
    ]
    return {
        "differences.csv": [
            [*heading, *sheets, "answer"],
            *([*row, escape_spreadsheet(texts[u])] for row, u in zip(given, differ, strict=True)),
        ],
        "adjudication.csv": [[*ADJUDICATION_COLUMNS], *([*unit, "", ""] for unit in differ)],
    }


def _refuse_tracked(folder: Path) -> None:
    """Refuse to write people's words where they could be committed."""
    place = folder.resolve()
    if place.is_relative_to(ROOT) and not place.is_relative_to(ROOT / DROPPED_IN_CODING):
        raise InputError(
            "what people wrote must not stand where it could be committed",
            file=folder,
            remedy=f"Name a folder below {DROPPED_IN_CODING}, which git ignores, or one outside of "
            "the project.",
        )


if __name__ == "__main__":
    sys.exit(main())
