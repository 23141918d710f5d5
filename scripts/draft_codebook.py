"""Draft a codebook for another survey from what its survey tool exports.

    .lss, .lsa   LimeSurvey: Tools > Export > Survey structure, or Survey archive
    .qsf         Qualtrics: Tools > Import/Export > Export survey
    .sav, .zsav  SPSS, with labels of variables and values
    .csv         a table of answers; headings and answers are all there is to go by

What the file cannot tell is marked TODO, and the loader refuses a codebook in which one is left;
what was guessed is marked CHECK. For a CSV file NAME.columns.csv says which column of the file is
which of the codebook; mend it together with the draft. `--columns` then writes FILE.answers.csv,
the same answers under those names, which is read like any other export even where headings were
doubled or said nothing. Nothing is overwritten.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from mlsec_survey.base.errors import CompendiumError, InputError  # noqa: E402
from mlsec_survey.base.files import keep_or_compare  # noqa: E402
from mlsec_survey.base.text_safety import safe_csv  # noqa: E402
from mlsec_survey.instrument.drafting.draft import codebook_text  # noqa: E402
from mlsec_survey.instrument.drafting.limesurvey import draft_from_limesurvey  # noqa: E402
from mlsec_survey.instrument.drafting.qualtrics import draft_from_qualtrics  # noqa: E402
from mlsec_survey.instrument.drafting.tables import (  # noqa: E402
    draft_from_spss,
    draft_from_table,
    read_table,
)


def main(arguments: list[str] | None = None) -> int:
    """Run the script; return 0 if the draft is written, 2 on bad input."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--out", type=Path, help="the codebook to write (default: FILE.codebook.yml beside it)"
    )
    parser.add_argument(
        "--columns", type=Path, help="write no draft, but the answers under the names in this file"
    )
    options = parser.parse_args(arguments)
    ending = ".answers.csv" if options.columns else ".codebook.yml"
    target: Path = options.out or options.file.with_suffix(ending)
    try:
        if options.columns:
            files = {target.name: renamed(options.file, options.columns)}
        else:
            files = drafted(options.file, target.name)
        for name in files:
            if (target.parent / name).exists():
                raise InputError(
                    "the file is there already",
                    file=target.parent / name,
                    remedy="Move it away, or name another file with --out.",
                )
    except CompendiumError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    keep_or_compare(files, target.parent, check=False, source="the file tells")
    if options.columns:
        return 0
    text = files[target.name].decode()
    print(f"to decide (TODO): {text.count('TODO') - 1}, to look at (CHECK): {text.count('CHECK:')}")
    return 0


def drafted(path: Path, name: str) -> dict[str, bytes]:
    """Return the files to write: the codebook `name`, and for a CSV file its columns."""
    if not path.is_file():
        raise InputError("there is no such file", file=path, remedy="Check the path.")
    kind = path.suffix.lower()
    if kind in {".lss", ".lsa"}:
        draft = draft_from_limesurvey(path.read_bytes(), path.name)
    elif kind == ".qsf":
        draft = draft_from_qualtrics(path.read_bytes(), path.name)
    elif kind in {".sav", ".zsav"}:
        draft = draft_from_spss(path)
    elif kind == ".csv":
        draft, columns = draft_from_table(read_table(path), path.name)
        table = safe_csv(["position", "heading", "column"], columns)
        return {name: codebook_text(draft).encode(), f"{name}.columns.csv": table.encode()}
    else:
        raise InputError(
            "no codebook can be drafted from such a file",
            file=path,
            remedy="Use .lss, .lsa, .qsf, .sav or .csv; --help says where they come from.",
        )
    return {name: codebook_text(draft).encode()}


def renamed(path: Path, columns: Path) -> bytes:
    """Return the answers of a CSV file under the names that `columns` gives its columns."""
    frame, table = read_table(path), read_table(columns)
    if not {"position", "column"} <= set(table.columns):
        raise InputError(
            "no list of columns",
            file=columns,
            remedy="Name the file that came with the draft; it has columns position and column.",
        )
    places = []
    for row, cell in enumerate(table["position"], start=2):
        if not cell.isdecimal() or not 1 <= int(cell) <= frame.shape[1]:
            raise InputError(
                f"{path.name} has no column of this position",
                file=columns,
                row=row,
                column="position",
                value=cell,
                remedy=f"It has the positions 1 to {frame.shape[1]}.",
            )
        places.append(int(cell) - 1)
    # Answers stay as they are: this file is for the reader, not for a spreadsheet.
    text = frame.iloc[:, places].set_axis(list(table["column"]), axis=1)
    return text.to_csv(index=False, lineterminator="\n").encode()


if __name__ == "__main__":
    sys.exit(main())
