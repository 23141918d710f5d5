r"""From the notebooks' records to the macros that the paper uses.

The paper writes `\result{key}`, `\resulttable{key}` and `\resultfigure{key}`; this module writes
the file that defines them and refuses keys that do not match. It imports nothing heavy, since the
runner calls it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.files import write_whole
from mlsec_survey.base.synthetic import SYNTHETIC_LONG, SYNTHETIC_SHORT
from mlsec_survey.base.text_safety import safe_csv
from mlsec_survey.report.latex import escape_latex

_USE = re.compile(r"\\result(?P<kind>table|figure|)\s*(?:\[[^]]*\])?\s*\{(?P<key>[^}]*)\}")
# Where values are written, below a run's folder.
TABLES = Path("paper") / "generated" / "tables"
FIGURES = Path("figures")
_KINDS = {"": "numbers", "table": "tables", "figure": "figures"}


@dataclass(frozen=True)
class Use:
    """One place in the paper that uses a published result."""

    kind: str
    key: str
    file: Path
    row: int


def read_records(paths: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """Return the notebooks' records by notebook.

    Raises:
        InputError: a record is no valid JSON, or two notebooks publish the same key.
    """
    records: dict[str, dict[str, Any]] = {}
    owner: dict[tuple[str, str], str] = {}
    for path in sorted(paths):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            kinds = {kind: record[kind] for kind in _KINDS.values()}
            name = record["notebook"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"cannot be read as a record of published results ({error})",
                file=path.name,
                remedy="run the notebook of that name again with --force",
            ) from None
        records[name] = record
        for kind, entries in kinds.items():
            for key in entries:
                other = owner.setdefault((kind, key), name)
                if other != name:
                    raise InputError(
                        f"{kind[:-1]} {key!r} is published by {other} and by {name}",
                        remedy="give one of the two another key",
                    )
    return records


def uses_in(paper_root: Path) -> Iterator[Use]:
    """Yield every use of a published result in the paper's sources, generated files left out."""
    for path in sorted(paper_root.rglob("*.tex")):
        name = path.relative_to(paper_root)
        if name.parts[0] == "generated":
            continue
        for row, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            for match in _USE.finditer(re.sub(r"(?<!\\)%.*", "", line)):
                yield Use(_KINDS[match["kind"]], match["key"], Path("paper") / name, row)


def check_uses(records: Mapping[str, Mapping[str, Any]], uses: Iterable[Use]) -> None:
    """Check that the paper uses published keys only.

    Raises:
        InputError: names the place of the first use of an unknown key.
    """
    for use in uses:
        if not any(use.key in record[use.kind] for record in records.values()):
            raise InputError(
                f"no notebook publishes the {use.kind[:-1]} {use.key!r}",
                file=use.file,
                row=use.row,
                value=use.key,
                remedy="publish it in a notebook, also when a plan leaves nothing to show, or "
                "correct the key",
            )


# The pages as the paper beside them sees them.
BESIDE = "../html/"


def macros(records: Mapping[str, Mapping[str, Any]], pages: str = BESIDE) -> str:
    r"""Return the LaTeX definitions of all published results, with links to the web pages.

    Args:
        records: of all notebooks.
        pages: address of the folder of web pages; ends with a slash.

    paper/sections/publishing.tex says what `\defineresult`, `\definetable` and `\definefigure` do.
    """
    synthetic = any(record["synthetic"] for record in records.values())
    lines = [
        "% Written from the notebooks' records; do not edit.",
        r"\newif\ifsynthetic",
        r"\synthetictrue" if synthetic else r"\syntheticfalse",
        rf"\newcommand{{\syntheticlabel}}{{{escape_latex(SYNTHETIC_SHORT)}}}",
        rf"\newcommand{{\syntheticstatement}}{{{escape_latex(SYNTHETIC_LONG)}}}",
    ]
    for notebook, record in sorted(records.items()):
        page = f"{pages}{notebook}.html"
        for key, entry in sorted(record["numbers"].items()):
            link = rf"{page}\#num-{key}"
            lines.append(rf"\defineresult{{{key}}}{{{escape_latex(entry['text'])}}}{{{link}}}")
        for key, entry in sorted(record["tables"].items()):
            marked = record["synthetic"] and entry["basis"] == "responses"
            notes = [entry["note"] or "", f"{SYNTHETIC_SHORT}." if marked else ""]
            note = escape_latex(" ".join(text for text in notes if text))
            lines.append(
                rf"\definetable{{{key}}}{{{entry['width']}}}{{{_caption(entry, marked)}}}"
                rf"{{{page}\#tab-{key}}}{{{note}}}"
            )
        for key, entry in sorted(record["figures"].items()):
            marked = record["synthetic"] and entry["basis"] == "responses"
            lines.append(
                rf"\definefigure{{{key}}}{{{entry['width']}}}{{{_caption(entry, marked)}}}"
                rf"{{{page}\#fig-{key}}}{{{_pdf_text(entry['alt'])}}}"
            )
    return "\n".join(lines) + "\n"


def _caption(entry: Mapping[str, Any], marked: bool) -> str:
    return (r"\syntheticmark{} " if marked else "") + escape_latex(entry["caption"])


def _pdf_text(text: str) -> str:
    """Return text as the digits of a hexadecimal PDF string in UTF-16 with byte-order mark."""
    return "FEFF" + text.encode("utf-16-be").hex().upper()


def data_dictionary(records: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what every column of every published CSV file is, as CSV.

    Columns: file (below the run's folder), column, heading, meaning, unit, basis.
    """
    rows = []
    for _, record in sorted(records.items()):
        for kind, folder in (("tables", TABLES), ("figures", FIGURES)):
            for key, entry in sorted(record[kind].items()):
                file = (folder / f"{key}.csv").as_posix()
                rows += [
                    (file, c["name"], c["heading"], c["meaning"], c["unit"], entry["basis"])
                    for c in entry.get("columns", ())
                ]
    return safe_csv(["file", "column", "heading", "meaning", "unit", "basis"], rows)


def assemble(
    records: Sequence[Path], paper_root: Path, out_dir: Path, *, pages: str = BESIDE
) -> None:
    """Check the paper against the records; write numbers.tex and the data dictionary to `out_dir`.

    Args:
        records: one JSON file per notebook, as `Publisher` writes them.
        paper_root: folder of the paper's sources; its subfolder `generated` is left out.
        out_dir: folder to write to, made when it is not there.
        pages: address of the folder of web pages, where the links of the paper lead.

    Raises:
        InputError: a key published twice, or used and not published.
    """
    by_notebook = read_records(records)
    check_uses(by_notebook, uses_in(paper_root))
    out_dir.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("numbers.tex", macros(by_notebook, pages)),
        ("data_dictionary.csv", data_dictionary(by_notebook)),
    ):
        write_whole(out_dir / name, text.encode())
