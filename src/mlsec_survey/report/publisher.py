"""How results leave a notebook: as a figure, a table or a number, each with an anchor and a record.

**Files.** A figure goes to figures/KEY.{pdf,svg,png}, what small screens show instead of a wide one
to figures/KEY.narrow.svg, and what it plots to figures/KEY.csv; a table to
paper/generated/tables/KEY.{tex,csv}; and all that a notebook publishes to
paper/generated/records/NOTEBOOK.json, from which `macros.assemble` makes the paper's macros and the
data dictionary. Same inputs give the same bytes.

**HTML**, for whoever builds pages from it. Each result is one element with the class `result`:

- a number: `<p class="result number" id="num-KEY">`; several at once stand in one
  `<details class="numbers">`;
- a table: `<div class="result table" id="tab-KEY">` with one `<table>` (`<caption>`, `<thead>`, a
  `<tbody>` for each section, headings of rows and columns as `<th scope>`, cells of numbers with
  the class `number`) and, if there is one, `<p class="note">`;
- a figure: `<figure class="result" id="fig-KEY">` with `<img>` and `<figcaption>`.

Each carries `data-kind` (number, table, figure), `data-key`, `data-basis` (responses, published,
design), `data-notebook`, and tables and figures `data-csv`, the path of their values below the
run's folder. The label of synthetic data is `.synthetic` within it. Whether the paper uses a result
is not in it, since a notebook does not depend on the paper's text: `macros.uses_in` tells.

In the notebook itself a figure is two outputs, the picture and its caption, since JupyterLab and
GitHub show no pictures inside of HTML; `html.join_figures` turns each pair into the element above.

Importing this module is cheap.
"""

from __future__ import annotations

import base64
import itertools
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.files import write_whole
from mlsec_survey.base.formatting import SUPPRESSED, as_text, significant
from mlsec_survey.base.synthetic import SYNTHETIC_SHORT
from mlsec_survey.base.text_safety import safe_csv
from mlsec_survey.report import disclosure
from mlsec_survey.report.basis import Basis, basis_label
from mlsec_survey.report.columns import FORMATS, Column, Columns
from mlsec_survey.report.html import render
from mlsec_survey.report.latex import latex_table
from mlsec_survey.report.macros import FIGURES, TABLES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_KEY = re.compile(r"[a-z][a-z0-9_]*")
# Figures wider than this many inches span both columns of the paper.
_COLUMN = 3.6
WITHHELD = f"Withheld: it would tell counts of fewer than {disclosure.THRESHOLD} respondents."
MISSING = "–"
_SHORT = 60
_NO_ROWS = "nothing to show"


@dataclass
class Publisher:
    """Writes what one notebook publishes; make it with `Publisher.open`.

    Attributes:
        notebook: name of the notebook, which is also the name of its page and its record.
        output: folder below which everything is written.
        synthetic: whether the answers are synthetic; decides on every label.
        columns: what the columns of tables are.
        respondents: how many there are, if that is known yet.
        strict: whether a key published twice is an error and the record is written by `close`
            alone. So it is when the runner executes the notebook; by hand a cell may be run again,
            or be the last.
    """

    notebook: str
    output: Path
    synthetic: bool
    columns: Columns
    respondents: int | None = None
    strict: bool = False
    _published: dict[str, dict[str, Any]] = field(default_factory=dict)
    _earlier: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def open(
        cls,
        notebook: str,
        *,
        synthetic: bool,
        output: Path,
        columns: Columns,
        respondents: int | None = None,
    ) -> Publisher:
        """Return a publisher for `notebook`, such as "02_sample"; the rest is as in the class."""
        publisher = cls(
            notebook,
            output,
            synthetic,
            columns,
            respondents,
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
        description: str,
        *,
        unit: str = "",
        digits: int | str = 0,
        counts: Sequence[float] = (),
        basis: Basis = "responses",
    ) -> None:
        r"""Publish one number under `key`; the paper uses it as `\result{key}`.

        Args:
            key: lower-case letters, digits and underscores; no other notebook may use it.
            value: the number, or a ready text such as "1.2 to 3.4".
            description: what the number is, in a few words.
            unit: what it counts or measures.
            digits: decimals, or significant digits as "2s".
            counts: of respondents that it tells or rests on, if it does not say them itself.
            basis: what it rests on.

        Raises:
            InputError: the key is malformed, or published before by this run of the notebook.
        """
        page, plain = self._number(key, value, description, unit, digits, counts, basis)
        _display({"text/html": page, "text/plain": plain})

    def numbers(self, table: pd.DataFrame, title: str, *, basis: Basis = "responses") -> None:
        """Publish many numbers at once, shown folded under a title.

        Args:
            table: one row per number: key, value, description, and if need be unit, digits and
                counts; as for `number`.
            title: what they are.
            basis: what they rest on.

        Raises:
            InputError: as for `number`.
        """
        shown = [
            self._number(
                row["key"],
                row["value"],
                row["description"],
                row.get("unit", ""),
                row.get("digits", 0),
                row.get("counts", ()),
                basis,
            )
            for row in table.to_dict("records")
        ]
        _display(
            {
                "text/html": render("numbers", title=title, numbers=[page for page, _ in shown]),
                "text/plain": "\n".join(plain for _, plain in shown),
            }
        )

    def table(
        self,
        key: str,
        table: pd.DataFrame,
        columns: str | None = None,
        *,
        caption: str,
        note: str = "",
        sections: str | None = None,
        basis: Basis = "responses",
        data: pd.DataFrame | None = None,
    ) -> None:
        r"""Publish a table; the paper uses it as `\resulttable{key}`.

        Args:
            key: as for `number`.
            table: one row per row of the table; the index is left out. Without rows, one row says
                that there is nothing to show.
            columns: the columns to show, in order, as `report.columns` says; default all.
            caption: what the table shows, one or two sentences.
            note: what a reader has to know to read it.
            sections: column, in the same words, whose value stands as a heading above the rows
                that share it; need not be among `columns`.
            basis: what it rests on.
            data: rows for the CSV file, if these are more than what is shown.

        Raises:
            InputError: as for `number`, or the registry lacks a column.
            KeyError: a column is not in the table.
        """
        shown = self.columns.named(columns or " ".join(table.columns), table.columns)
        above = self.columns.named(sections, table.columns)[0] if sections else None
        note = " ".join(note.split())
        names = [column.name for column in shown]
        kept = [above, *shown] if above and above.name not in names else shown
        if self._protects(basis):
            table, hidden = self._protected(table, kept, above)
            if data is not None:
                data, more = self._protected(data, self._columns_of(data, kept), None)
                hidden |= more
            caption, note = (
                disclosure.safe_text(caption, self.respondents),
                disclosure.safe_text(note, self.respondents),
            )
            note = f"{note} {disclosure.NOTE}".strip() if hidden else note
        header = [column.heading for column in shown]
        cells = [[_cell(value, column) for value in table[column.name]] for column in shown]
        # A key that the paper uses stays, and says that there is nothing.
        rows = [list(row) for row in zip(*cells, strict=True)] or [
            [_NO_ROWS, *[""] * (len(header) - 1)]
        ]
        numeric = [_flush_right(table[column.name]) for column in shown]
        starts = _section_starts(table[above.name]) if above else {}
        wide, tabular = latex_table(header, rows, numeric, starts)
        # Without `data` the file holds what is shown, with the sections as a column.
        saved = table[[column.name for column in kept]] if data is None else data
        entry = {
            "caption": caption,
            "note": note,
            "basis": basis,
            "width": "page" if wide else "column",
            "columns": [column.described() for column in self._columns_of(saved, kept)],
        }
        self._add("tables", key, entry)
        comment = f"% Data basis: {basis_label(basis, self.synthetic)}.\n"
        write_whole(self.output / TABLES / f"{key}.tex", (comment + tabular).encode())
        write_whole(self.output / TABLES / f"{key}.csv", self._csv(saved, basis))
        page = render(
            "table",
            **self._attributes(key, basis),
            csv=(TABLES / f"{key}.csv").as_posix(),
            caption=caption,
            note=note,
            columns=[
                {"heading": text, "numeric": right}
                for text, right in zip(header, numeric, strict=True)
            ],
            sections=_parted(rows, starts),
        )
        _display({"text/html": page, "text/plain": _plain_table(header, rows, starts)})

    def figure(
        self,
        key: str,
        figure: Figure,
        *,
        caption: str,
        alt: str,
        basis: Basis = "responses",
        source: str | None = None,
        data: pd.DataFrame | None = None,
        narrow: Figure | None = None,
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
            data: what is plotted, for the CSV file beside the figure; its columns are named as in
                the registry. Without it nobody can say which counts a figure tells, so answers
                that are not synthetic need it; `released` gives what may be plotted of them.
            narrow: the same figure for small screens, if it is drawn wide.

        Raises:
            InputError: as for `number`, the registry lacks a column, or a text has letters that no
                font can draw.
        """
        from mlsec_survey.figures.absence import draw_absence
        from mlsec_survey.figures.style import figure_files

        if self._protects(basis):
            told = data is None or self._hidden(data).any(axis=None)
            figure = draw_absence(WITHHELD) if told else figure
            narrow = None if told else narrow
            data = None if told else data
            alt = WITHHELD if told else disclosure.safe_text(alt, self.respondents)
            caption = disclosure.safe_text(caption, self.respondents)
        wide = figure.get_size_inches()[0] > _COLUMN
        label = self._label(basis)
        if label:
            alt = f"{label}. {alt}"
        alt = " ".join(alt.split())
        entry: dict[str, Any] = {
            "caption": caption,
            "alt": alt,
            "basis": basis,
            "width": "page" if wide else "column",
        }
        attributes = self._attributes(key, basis)
        if data is not None:
            entry["columns"] = [column.described() for column in self._columns_of(data)]
            attributes["csv"] = (FIGURES / f"{key}.csv").as_posix()
        self._add("figures", key, entry)
        origin = f"Source: {source}" if source else ""
        files = figure_files(figure, alt, narrow=narrow, label=label, source=origin)
        for ending, content in files.items():
            write_whole(self.output / FIGURES / f"{key}.{ending}", content)
        if data is not None:
            write_whole(self.output / FIGURES / f"{key}.csv", self._csv(data, basis))
        # Twice the printed size suits a screen; the picture has enough pixels for it.
        width_on_screen = round(figure.get_size_inches()[0] * 110)
        attributes["caption"] = caption
        _display(
            {"image/png": base64.b64encode(files["png"]).decode(), "text/plain": alt},
            {"image/png": {"alt": alt, "width": width_on_screen}, "result": attributes},
        )
        _display(
            {"text/html": render("caption", **attributes), "text/plain": caption},
            {"caption_of": key},
        )

    @property
    def smallest_count(self) -> int:
        """The smallest count of respondents that may be shown."""
        return 1 if self.synthetic else disclosure.THRESHOLD

    def released(
        self, table: pd.DataFrame, columns: str | None = None, sections: str | None = None
    ) -> pd.DataFrame:
        """Return the rows of a table that may be shown, for figures; of synthetic answers all.

        Args:
            table: what a figure is to plot.
            columns: what its columns are, as for `table`; default what the registry says of their
                names.
            sections: column whose equal values stand together, as for `table`.
        """
        if self.synthetic:
            return table
        known = self.columns.named(columns, table.columns) if columns else self._columns_of(table)
        above = self.columns.named(sections, table.columns)[0] if sections else None
        hidden = disclosure.hidden_cells(table, known, above)
        return table[~hidden.any(axis=1)].reset_index(drop=True)

    def close(self) -> None:
        """Write the record for good: keys that this run did not publish are no longer in it."""
        self._earlier = {}
        self._save()

    def _number(
        self,
        key: str,
        value: Any,
        description: str,
        unit: str,
        digits: int | str,
        counts: Sequence[float],
        basis: Basis,
    ) -> tuple[str, str]:
        """Record a number; return how it is shown, as HTML and as text."""
        if not isinstance(value, str):
            value = int(value) if isinstance(value, Integral) else float(value)
        if self._protects(basis):
            value = disclosure.safe_number(value, unit, counts, self.respondents)
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
            },
        )
        sentence = f"{description[:1].upper()}{description[1:]}"
        # What the sentence names already is not said again after the number.
        named = unit.lower() in sentence.lower().split()
        with_unit = text if named else f"{text} {unit}".strip()
        # The page's banner and every caption say it in full; beside a number few words have to do.
        label = basis_label(basis, self.synthetic) if self._label(basis) else ""
        attributes = self._attributes(key, basis) | {"label": label}
        # Words that a run computed are a sentence, a number is to be seen at once.
        short = len(with_unit) <= _SHORT
        page = render("number", **attributes, sentence=sentence, text=with_unit, short=short)
        return page, f"{sentence}: {with_unit}" + (f" [{label}]" if label else "")

    def _attributes(self, key: str, basis: Basis) -> dict[str, str]:
        """Return what the templates need to know about every result."""
        return {
            "key": key,
            "basis": basis,
            "notebook": self.notebook,
            "label": self._label(basis),
        }

    def _columns_of(self, table: pd.DataFrame, shown: Sequence[Column] = ()) -> list[Column]:
        """Return what the columns of a table are: as shown, else as the registry has their name."""
        known = {column.name: column for column in shown}
        return [
            known.get(name) or self.columns.named(name, table.columns)[0]
            for name in map(str, table.columns)
        ]

    def _protects(self, basis: Basis) -> bool:
        return basis == "responses" and not self.synthetic

    def _hidden(self, table: pd.DataFrame) -> pd.DataFrame:
        return disclosure.hidden_cells(table, self._columns_of(table))

    def _protected(
        self, table: pd.DataFrame, columns: Sequence[Column], section: Column | None
    ) -> tuple[pd.DataFrame, bool]:
        """Return a table with marks for what is hidden, in words too, and whether there is any."""
        import pandas as pd

        hidden = disclosure.hidden_cells(table, columns, section)
        result = disclosure.masked(table, hidden)
        for name in hidden.columns:
            if not pd.api.types.is_numeric_dtype(result[name]):
                result[name] = [
                    disclosure.safe_text(value, self.respondents)
                    if isinstance(value, str)
                    else value
                    for value in result[name]
                ]
        return result, bool(hidden.any(axis=None))

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
        write_whole(self.record_path, (text + "\n").encode())

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

    def _csv(self, table: pd.DataFrame, basis: Basis) -> bytes:
        label = basis_label(basis, self.synthetic)
        columns = ([_csv_cell(value) for value in table[name]] for name in table)
        rows = zip([label] * len(table), *columns, strict=True)
        return safe_csv(["data_basis", *table.columns], rows).encode()


def _flush_right(column: pd.Series) -> bool:
    import pandas as pd

    kind = pd.api.types
    if kind.is_bool_dtype(column):
        return False
    return kind.is_numeric_dtype(column) or (
        kind.is_object_dtype(column)
        and all(v is pd.NA or isinstance(v, Real) or v in (None, SUPPRESSED) for v in column)
    )


def _cell(value: Any, column: Column) -> str:
    import pandas as pd

    form = FORMATS[column.format]
    if isinstance(value, str):
        return _one_line(value)
    if value is None or bool(pd.isna(value)):
        return MISSING
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return "yes" if value else "no"
    if callable(form):
        return form(value)
    if isinstance(value, Integral):
        return as_text(int(value), 0)
    if isinstance(value, Real):
        return as_text(float(value), form)
    return str(value)


def _one_line(text: str) -> str:
    """Return the text in one line; spaces at which it must not be broken stay."""
    return re.sub(r"[ \t\r\n\f\v]+", " ", text).strip(" ")


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


def _parted(rows: Sequence[Sequence[str]], starts: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return the rows by section, each with its heading; without sections, as one without."""
    edges = [*(starts or [0]), len(rows)]
    return [
        {"heading": starts.get(start), "rows": rows[start:end]}
        for start, end in itertools.pairwise(edges)
    ]


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
