"""How results leave a notebook: as a figure, a table or a number, each with an anchor and a record.

A figure goes to figures/KEY.{pdf,png}, a table to paper/generated/tables/KEY.{tex,csv}, and
everything that a notebook publishes to paper/generated/records/NOTEBOOK.json, from which
`assemble` makes the paper's macros. All of it has the same bytes on every run. Each call also
shows its result in the notebook, with an anchor (num-KEY, tab-KEY, fig-KEY) that the paper links
to; outside of a notebook nothing is shown.

Importing this module is cheap: the runner takes `assemble` from here.
"""

from __future__ import annotations

import base64
import html
import json
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.formatting import as_text, interval_text, p_text, percent_text, significant
from mlsec_survey.base.synthetic import SYNTHETIC_SHORT
from mlsec_survey.base.text_safety import safe_csv
from mlsec_survey.report.basis import Basis, basis_label
from mlsec_survey.report.latex import latex_tabular
from mlsec_survey.report.macros import assemble

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from mlsec_survey.instrument.manifest import Manifest

__all__ = [
    "Publisher",
    "as_text",
    "assemble",
    "interval_text",
    "p_text",
    "percent_text",
    "significant",
]

_KEY = re.compile(r"[a-z][a-z0-9_]*")
_DPI = 200
SUPPRESSED = "(s)"
MISSING = "–"
_SHORT = 60
_NO_ROWS = "nothing to show"
_SUPPRESSION_NOTE = (
    f"{SUPPRESSED}: a count below 5, or one that would reveal it, and what is computed from it."
)

Format = Callable[[Any], str] | int | str
Width = Literal["column", "page"]


@dataclass
class Publisher:
    """Writes what one notebook publishes; make it with `Publisher.open`.

    Attributes:
        notebook: name of the notebook, which is also the name of its page and its record.
        output: folder below which everything is written.
        synthetic: whether the answers are synthetic; decides on every label.
        strict: whether a key published twice is an error and the record is written by `close`
            alone. So it is when the runner executes the notebook; by hand a cell may be run again,
            or be the last.
    """

    notebook: str
    output: Path
    synthetic: bool
    strict: bool = False
    _published: dict[str, dict[str, Any]] = field(default_factory=dict)
    _earlier: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def open(
        cls,
        notebook: str,
        *,
        manifest: Manifest,
        output: Path | None = None,
        project: Path | None = None,
    ) -> Publisher:
        """Return a publisher for `notebook`; the manifest of the export decides on the label.

        Args:
            notebook: its name without ending, such as "02_sample".
            manifest: of the raw export.
            output: where to write; default MLSEC_OUTPUT (set by the runner), else the project.
            project: the project's folder; default MLSEC_PROJECT, else the nearest one above.
        """
        if output is None:
            output = _output_folder(project)
        publisher = cls(
            notebook,
            Path(output),
            manifest.is_synthetic,
            strict=bool(os.environ.get("MLSEC_NOTEBOOK")),
            _published={"numbers": {}, "tables": {}, "figures": {}},
        )
        publisher._earlier = publisher._read_earlier()
        return publisher

    @property
    def record_path(self) -> Path:
        """Where the record of this notebook stands."""
        return self.output / "paper" / "generated" / "records" / f"{self.notebook}.json"

    def number(
        self,
        key: str,
        value: float | int | str,
        *,
        description: str,
        unit: str = "",
        digits: int | str = 0,
        basis: Basis = "responses",
        keep: bool = False,
        show: bool = True,
    ) -> None:
        r"""Publish one number under `key`; the paper uses it as `\result{key}`.

        Args:
            key: lower-case letters, digits and underscores; no other notebook may use it.
            value: the number, or a ready text such as "1.2 to 3.4".
            description: what the number is, in a few words.
            unit: what it counts or measures, for readers of the notebook and of the record.
            digits: decimals, or significant digits as "2s".
            basis: what it rests on.
            keep: the notebook's readers are its audience, the paper need not use it.
            show: say it in the notebook; without, only the anchor is there.

        Raises:
            InputError: the key is malformed, or published before by this run of the notebook.
        """
        if not isinstance(value, str):
            value = int(value) if isinstance(value, Integral) else float(value)
        text = as_text(value, digits)
        stored: float | int | str = significant(value) if isinstance(value, float) else value
        if isinstance(stored, float) and not math.isfinite(stored):
            stored = text
        self._add(
            "numbers",
            key,
            {
                "value": stored,
                "text": text,
                "unit": unit,
                "description": description,
                "basis": basis,
                "keep": keep,
            },
        )
        # The page's banner and every caption say it in full; beside a number few words have to do.
        label = basis_label(basis, self.synthetic) if self._label(basis) else ""
        if not show:
            _display({"text/html": f'<a id="num-{key}"></a>', "text/plain": ""})
            return
        sentence = f"{description[:1].upper()}{description[1:]}"
        mark = f' <small class="synthetic">[{html.escape(label)}]</small>' if label else ""
        # What the sentence names already is not said again after the number.
        told = unit.lower() in sentence.lower().split()
        with_unit = text if told else f"{text} {unit}".strip()
        # Words that a run computed are a sentence, a number is to be seen at once.
        shown = html.escape(with_unit)
        shown = f"<b>{shown}</b>" if len(with_unit) <= _SHORT else f"<span>{shown}</span>"
        _display(
            {
                "text/html": f'<p class="number tex2jax_ignore" id="num-{key}">'
                f"{html.escape(sentence)}: {shown}{mark}</p>",
                "text/plain": f"{sentence}: {with_unit}" + (f" [{label}]" if label else ""),
            }
        )

    def table(
        self,
        key: str,
        table: pd.DataFrame,
        *,
        caption: str,
        columns: Mapping[str, str] | None = None,
        formats: Mapping[str, Format] | None = None,
        digits: int | str = 2,
        basis: Basis = "responses",
        source: str | None = None,
        note: str | None = None,
        width: Width = "column",
        wrap: Mapping[str, float] | None = None,
        counts: Sequence[str] = (),
        group: str | Sequence[str] | None = None,
        sections: str | None = None,
        halves: bool = False,
        csv: pd.DataFrame | None = None,
        keep: bool = False,
    ) -> None:
        r"""Publish a table; the paper uses it as `\resulttable{key}`.

        Args:
            key: as for `number`.
            table: one row per row of the table; the index is left out. Without rows, one row says
                that there is nothing to show.
            caption: what the table shows, one or two sentences.
            columns: the columns to show, in order, with their headings; default all, as named.
            formats: per column a function to text, or digits as in `number`.
            digits: default digits of columns of floats.
            basis: what it rests on.
            source: where published facts come from, said below the table.
            note: what a reader has to know to read it.
            width: one or both columns of the paper.
            wrap: per column the share of the line width at which the paper wraps it.
            counts: columns of counts of respondents. With real data, counts below 5 and those that
                would reveal them are suppressed, with all fractional numbers of their rows.
            group: column, or columns, that name the groups within which counts add up.
            sections: column whose value stands as a heading above the rows that share it; need not
                be among `columns`.
            halves: the paper sets a long table as two side by side, parted between sections.
            csv: what the CSV file holds instead, if that is more than what is shown; not with
                `counts`, since nothing is suppressed in it.
            keep: as for `number`.

        Raises:
            InputError: as for `number`.
            KeyError: a column is not in the table.
            ValueError: `csv` and `counts` are both given.
        """
        if csv is not None and counts:
            raise ValueError(f"table {key!r} has counts to suppress, so its CSV is what is shown")
        headings = dict(columns or {str(name): _heading(name) for name in table.columns})
        suppressed = False
        if counts and not self.synthetic:
            table, suppressed = _suppress(table, counts, group)
        if suppressed:
            note = f"{note} {_SUPPRESSION_NOTE}" if note else _SUPPRESSION_NOTE
        if source:
            note = f"{note} Source: {source}." if note else f"Source: {source}."
        cells = {
            name: [_cell(value, (formats or {}).get(name, digits)) for value in table[name]]
            for name in headings
        }
        rows = [list(row) for row in zip(*cells.values(), strict=True)]
        if not rows:
            # A key that the paper uses stays, and says that there is nothing.
            rows = [[_NO_ROWS, *[""] * (len(headings) - 1)]]
        numeric = [_flush_right(table[name]) for name in headings]
        parts = _section_starts(table[sections]) if sections else {}
        note = note.strip() if note else None
        entry = {"caption": caption, "note": note, "basis": basis, "keep": keep, "width": width}
        self._add("tables", key, entry)
        folder = self.output / "paper" / "generated" / "tables"
        header = list(headings.values())
        wraps = [(wrap or {}).get(name) for name in headings]
        cut = _middle(parts, len(rows)) if halves else len(rows)
        tabular = latex_tabular(header, rows[:cut], numeric, wrap=wraps, sections=parts)
        if cut < len(rows):
            below = {start - cut: heading for start, heading in parts.items() if start >= cut}
            right = latex_tabular(header, rows[cut:], numeric, wrap=wraps, sections=below)
            tabular = "\\hfill\n".join(
                half.replace(r"\begin{tabular}", r"\begin{tabular}[t]") for half in (tabular, right)
            )
        comment = f"% Data basis: {basis_label(basis, self.synthetic)}.\n"
        csv_names = [sections, *headings] if sections and sections not in headings else [*headings]
        _write(folder / f"{key}.tex", (comment + tabular).encode())
        if csv is not None:
            table, csv_names = csv, [*csv]
        _write(folder / f"{key}.csv", self._csv(table, csv_names, basis))
        caption_html = self._caption("table", key, entry)
        _display(
            {
                "text/html": f"{caption_html}\n{_table_html(header, rows, numeric, parts)}",
                "text/plain": _plain_table(header, rows, parts),
            }
        )

    def figure(
        self,
        key: str,
        figure: Figure,
        *,
        caption: str,
        alt: str,
        basis: Basis = "responses",
        source: str | None = None,
        width: Width = "column",
        keep: bool = False,
    ) -> None:
        r"""Publish a figure; the paper uses it as `\resultfigure{key}`.

        Args:
            key: as for `number`.
            figure: drawn at its printed size; it gets the label for synthetic data, or the source
                of published facts, on a strip of its own.
            caption: what is drawn and how to read it.
            alt: the finding in words, computed from the data, for those who cannot see it.
            basis: what it rests on.
            source: where published facts come from.
            width: one or both columns of the paper.
            keep: as for `number`.

        Raises:
            InputError: as for `number`.
        """
        from mlsec_survey.figures.style import add_label, add_source, figure_files

        label = self._label(basis)
        if label:
            add_label(figure, label)
            alt = f"{label}. {alt}"
        if source:
            add_source(figure, f"Source: {source}")
        alt = " ".join(alt.split())
        entry = {"caption": caption, "alt": alt, "basis": basis, "keep": keep, "width": width}
        self._add("figures", key, entry)
        folder = self.output / "figures"
        files = figure_files(figure, alt, _DPI)
        for ending, content in files.items():
            _write(folder / f"{key}.{ending}", content)
        # Twice the printed size suits a screen; the picture has enough pixels for it.
        width_on_screen = round(figure.get_size_inches()[0] * 110)
        _display(
            {"image/png": base64.b64encode(files["png"]).decode(), "text/plain": alt},
            {"image/png": {"alt": alt, "width": width_on_screen}},
        )
        _display({"text/html": self._caption("figure", key, entry), "text/plain": caption})

    def close(self) -> None:
        """Write the record for good: keys that this run did not publish are no longer in it."""
        self._earlier = {}
        self._save()

    def _add(self, kind: str, key: str, entry: dict[str, Any]) -> None:
        if not _KEY.fullmatch(key):
            raise InputError(
                f"{key!r} is no key for a published result",
                remedy="use lower-case letters, digits and underscores, starting with a letter",
            )
        if self.strict and key in self._published[kind]:
            raise InputError(
                f"notebook {self.notebook} publishes the {kind[:-1]} {key!r} twice",
                remedy="give one of the two another key",
            )
        self._published[kind][key] = entry
        # By hand a cell may be the last that is run; under the runner `close` is.
        if not self.strict:
            self._save()

    def _save(self) -> None:
        results = {
            kind: self._earlier.get(kind, {}) | entries for kind, entries in self._published.items()
        }
        record = {"notebook": self.notebook, "synthetic": self.synthetic} | results
        text = json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
        _write(self.record_path, (text + "\n").encode())

    def _read_earlier(self) -> dict[str, dict[str, Any]]:
        """Return what an earlier run published, so that running one cell by hand loses nothing."""
        try:
            record = json.loads(self.record_path.read_text(encoding="utf-8"))
            if record["synthetic"] != self.synthetic:
                return {}
            return {kind: dict(record[kind]) for kind in self._published}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _label(self, basis: Basis) -> str:
        return SYNTHETIC_SHORT if self.synthetic and basis == "responses" else ""

    def _caption(self, kind: str, key: str, entry: Mapping[str, Any]) -> str:
        anchor = f"{'fig' if kind == 'figure' else 'tab'}-{key}"
        label = self._label(entry["basis"])
        mark = f'<b class="synthetic">{html.escape(label)}.</b> ' if label else ""
        note = f"<br><small>{html.escape(entry['note'])}</small>" if entry.get("note") else ""
        text = f"{mark}{html.escape(entry['caption'])}{note}"
        return f'<p class="caption {kind} tex2jax_ignore" id="{anchor}">{text}</p>'

    def _csv(self, table: pd.DataFrame, names: list[str], basis: Basis) -> bytes:
        label = basis_label(basis, self.synthetic)
        columns = ([_csv_cell(value) for value in table[name]] for name in names)
        rows = zip([label] * len(table), *columns, strict=True)
        return safe_csv(["data_basis", *names], rows).encode()


def _output_folder(project: Path | None) -> Path:
    given = os.environ.get("MLSEC_OUTPUT")
    if given:
        return Path(given)
    if project is not None:
        return Path(project)
    from mlsec_survey.base.locations import find_root

    return find_root()


def _suppress(
    table: pd.DataFrame, counts: Sequence[str], group: str | Sequence[str] | None
) -> tuple[pd.DataFrame, bool]:
    """Return the table with a mark for each number to hide, and whether there was any."""
    import pandas as pd

    from mlsec_survey.report.disclosure import suppress_small_cells

    result = table.copy()
    fractions = [name for name in table.columns if pd.api.types.is_float_dtype(table[name])]
    hidden_rows = pd.Series(False, index=table.index)
    for name in counts:
        hidden = suppress_small_cells(table, name, group)[name].isna() & table[name].notna()
        result[name] = result[name].astype(object).mask(hidden, SUPPRESSED)
        hidden_rows |= hidden
    for name in fractions:
        if name not in counts:
            result[name] = result[name].astype(object).mask(hidden_rows, SUPPRESSED)
    return result, bool(hidden_rows.any())


def _heading(name: object) -> str:
    text = str(name).replace("_", " ")
    return text[:1].upper() + text[1:]


def _flush_right(column: pd.Series) -> bool:
    import pandas as pd

    kind = pd.api.types
    if kind.is_bool_dtype(column):
        return False
    return kind.is_numeric_dtype(column) or (
        kind.is_object_dtype(column)
        and all(v is pd.NA or isinstance(v, Real) or v in (None, SUPPRESSED) for v in column)
    )


def _cell(value: Any, form: Format) -> str:
    import pandas as pd

    if isinstance(value, str):
        return value if value == SUPPRESSED else _apply(form, _one_line(value))
    missing = value is None or bool(pd.isna(value))
    if missing:
        return MISSING
    if callable(form):
        return form(value)
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return as_text(int(value), 0)
    if isinstance(value, Real):
        return as_text(float(value), form)
    return str(value)


def _one_line(text: str) -> str:
    """Return the text in one line; spaces at which it must not be broken stay."""
    return re.sub(r"[ \t\r\n\f\v]+", " ", text).strip(" ")


def _apply(form: Format, text: str) -> str:
    return form(text) if callable(form) else text


def _csv_cell(value: Any) -> Any:
    import pandas as pd

    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, Real) and not isinstance(value, Integral | bool):
        return "" if math.isnan(value) else significant(float(value))
    return value


def _section_starts(column: pd.Series) -> dict[int, str]:
    """Return the heading of each run of equal values by the number of its first row."""
    values = [_one_line(str(value)) for value in column]
    return {i: v for i, v in enumerate(values) if i == 0 or v != values[i - 1]}


def _middle(sections: Mapping[int, str], rows: int) -> int:
    """Return the row at which to part a table so that its halves are as even as sections allow."""

    def unevenness(start: int) -> int:
        headings_left = sum(other < start for other in sections)
        return abs(2 * (start + headings_left) - (rows + len(sections)))

    return min((start for start in sections if start), key=unevenness, default=rows)


def _table_html(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    numeric: Sequence[bool],
    sections: Mapping[int, str],
) -> str:
    def line(tag: str, cells: Sequence[str], scope: str = "") -> str:
        # A number is never broken from its unit; a heading may be.
        right = "text-align:right" + (";white-space:nowrap" if tag == "td" else "")
        parts = [
            f'<{tag}{scope} style="{right if flush else "text-align:left"}">'
            f"{html.escape(cell)}</{tag}>"
            for cell, flush in zip(cells, numeric, strict=True)
        ]
        if tag == "td" and not numeric[0] and cells[0]:
            # Says to whom each number of the row belongs when the table is read out.
            head = 'scope="row" style="text-align:left;font-weight:normal"'
            parts[0] = f"<th {head}>{html.escape(cells[0])}</th>"
        return f"<tr>{''.join(parts)}</tr>"

    def above(number: int) -> str:
        if number not in sections:
            return ""
        span = f'colspan="{len(header)}" scope="rowgroup" style="text-align:left;font-weight:600"'
        part = "</tbody><tbody>\n" if number else ""
        return f'{part}<tr class="section"><th {span}>{html.escape(sections[number])}</th></tr>\n'

    body = "\n".join(above(number) + line("td", row) for number, row in enumerate(rows))
    head = line("th", header, ' scope="col"')
    return (
        '<div class="table tex2jax_ignore"><table>\n'
        f"<thead>{head}</thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def _plain_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], sections: Mapping[int, str]
) -> str:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = []
    for number, row in enumerate((header, *rows), start=-1):
        if number in sections:
            lines.append(f"{sections[number]}:")
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _display(data: dict[str, str], metadata: dict[str, Any] | None = None) -> None:
    """Show `data` in the notebook; does nothing where no notebook is."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return
    if get_ipython() is None:
        return
    from IPython.display import display

    display(data, raw=True, metadata=metadata or {})


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
