"""The release check: what of a run rests on people may leave the folder that git ignores.

Everything that a run wrote for readers is looked through with one set of rules: records, tables,
figures, macros, executed notebooks and pages, the explorer among them. What `disclosure` hides when
results are published is checked here anew from the files, so that an edited file, an output that
nobody published, or what two results tell together is found too. ACRO (Ritchie and others) and
ehrQL's output checking work in the same way: rules first, then a person who decides.
"""

from __future__ import annotations

import io
import itertools
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from numbers import Real
from pathlib import Path
from typing import Any

import pandas as pd

from mlsec_survey.base.formatting import SUPPRESSED
from mlsec_survey.base.identifiers import identifiers
from mlsec_survey.report.columns import Column, Columns
from mlsec_survey.report.disclosure import (
    PEOPLE,
    THRESHOLD,
    few_told,
    hidden_cells,
    safe_number,
)
from mlsec_survey.report.html import render
from mlsec_survey.report.macros import FIGURES, TABLES, data_dictionary, macros, read_records

RECORDS = Path("paper") / "generated" / "records"
# What a passed release copies into the tracked places, below the run's folder and the project's.
RELEASED = ("figures", "paper/generated", "html")
REPORT = Path("release")

RULES: Mapping[str, tuple[str, str]] = {
    "threshold": (
        f"counts of 1 to {THRESHOLD - 1} respondents are not shown",
        "publish it through the publisher, which hides it, or merge categories",
    ),
    "complement": (
        "a hidden count must not be found by subtraction, within a result or from another",
        "hide a further count, or leave one of the two results out",
    ),
    "differencing": (
        f"two results must not differ by 1 to {THRESHOLD - 1} respondents",
        "use the same respondents in both, or leave one of the two out",
    ),
    "dominance": (
        f"no value may be that of a single respondent, or rest on fewer than {THRESHOLD} of them",
        "show a quantile instead of an extreme, or leave the value out",
    ),
    "identifier": (
        "no mail or network address, no link, no telephone number and no name of an invited person",
        "take it out where it comes from; never edit the raw data",
    ),
    "quotation": (
        "no words of a respondent, nor so many in a row that they could be recognised",
        "say it in other words",
    ),
    "unpublished": (
        "only what was published as a result, with the counts behind it, can be checked",
        "publish it as a number, table or figure, or take it out",
    ),
    "unequal": (
        "macros, pages and dictionary say what the records say",
        "run again, so that they are made from the records",
    ),
}


@dataclass(frozen=True, order=True)
class Finding:
    """Something that must not leave.

    Attributes:
        where: file below the run's folder, and the place in it.
        rule: which one, a key of `RULES`.
        what: in words, without the secret itself where the rule is about words.
    """

    where: str
    rule: str
    what: str

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return RULES[self.rule][1]


@dataclass(frozen=True)
class Secrets:
    """What outputs must not hold.

    Attributes:
        answers: in respondents' own words.
        names: of invited persons, each as it could be written.
        links: addresses that the project's own sources name, which are no secret.
        public: texts of the project itself, such as a code book's examples; who uses their words
            quotes no respondent.
    """

    answers: Sequence[str] = ()
    names: Sequence[str] = ()
    links: frozenset[str] = frozenset()
    public: Sequence[str] = ()


# ── Words ─────────────────────────────────────────────────────────────────────────────────────────

# So many words in a row that an output shares with an answer are a quotation; a shorter answer
# counts as a whole, from three words on.
_QUOTED, _SHORTEST = 6, 3
_WORD = re.compile(r"[^\W_]+")


class Quotations:
    """Finds words of respondents in other texts."""

    def __init__(self, answers: Iterable[str], public: Iterable[str] = ()) -> None:
        self._grams: set[tuple[str, ...]] = set()
        self._sizes: set[int] = set()
        for answer in answers:
            words = _words(answer)
            size = min(len(words), _QUOTED)
            if size >= _SHORTEST:
                self._sizes.add(size)
                # A short answer is quoted as a whole, of a long one any part.
                last = len(words) - size + 1
                self._grams |= {tuple(words[at : at + size]) for at in range(last)}
        for text in public:
            words = _words(text)
            for size in self._sizes:
                self._grams -= {tuple(words[at : at + size]) for at in range(len(words))}

    def of(self, text: str) -> str | None:
        """Return the first quotation in a text, or None."""
        words = _words(text)
        for size in sorted(self._sizes):
            for at in range(len(words) - size + 1):
                if tuple(words[at : at + size]) in self._grams:
                    return " ".join(words[at : at + size])
        return None


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


# ── Files ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class _Run:
    """What the checks of one run share."""

    folder: Path
    columns: Columns
    secrets: Secrets
    records: Mapping[str, Mapping[str, Any]]
    n: int | None
    findings: set[Finding] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.quotations = Quotations(self.secrets.answers, self.secrets.public)

    def find(self, where: str, rule: str, what: str) -> None:
        self.findings.add(Finding(where, rule, what))

    def words(self, where: str, text: str, *, counts: bool = False) -> None:
        """Look through a text for identifiers and quotations, and for small counts."""
        for kind, _ in identifiers(text, self.secrets.names, self.secrets.links):
            self.find(where, "identifier", f"a {kind}")
        if self.quotations.of(text) is not None:
            self.find(where, "quotation", "words that stand in an answer")
        if counts:
            for told in few_told(text, self.n):
                self.find(where, "threshold", f"“{told}”")

    def of_kind(self, kind: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Yield notebook, key and entry of every result of a kind."""
        for notebook, record in self.records.items():
            for key, entry in record[kind].items():
                yield notebook, key, entry

    def rests_on_people(self, kind: str, key: str) -> bool:
        """Return whether a result rests on answers; what nobody published may."""
        bases = [entry["basis"] for _, other, entry in self.of_kind(kind) if other == key]
        return not bases or "responses" in bases


def check(run: Path, columns: Columns, secrets: Secrets) -> list[Finding]:
    """Look through all that a run wrote for readers.

    Args:
        run: its folder.
        columns: the registry of columns.
        secrets: what must not be found.

    Returns:
        What must not leave, sorted; empty if the run may be released.

    Raises:
        InputError: a record cannot be read.
    """
    records = read_records((run / RECORDS).glob("*.json"))
    numbers = {
        key: entry for record in records.values() for key, entry in record["numbers"].items()
    }
    n = numbers.get("n_respondents", {}).get("value")
    state = _Run(run, columns, secrets, records, n if isinstance(n, int) else None)
    cells: dict[frozenset[str], list[_Cell]] = {}
    _check_records(state)
    for where, key, entry in _files_of(state):
        for cell in _check_values(state, where, key, entry):
            cells.setdefault(cell.about, []).append(cell)
    _check_tex(state)
    _check_notebooks(state)
    for path in sorted((run / "html").glob("*.html")):
        for cell in _check_page(state, path):
            cells.setdefault(cell.about, []).append(cell)
    _check_together(state, cells)
    return sorted(state.findings)


def _check_records(state: _Run) -> None:
    for notebook, key, entry in state.of_kind("numbers"):
        where = f"{(RECORDS / notebook).as_posix()}.json, number {key}"
        state.words(where, entry["text"])
        if entry["basis"] != "responses":
            continue
        value, unit = entry["value"], entry["unit"]
        if isinstance(value, float) and value.is_integer() and unit in PEOPLE - {""}:
            value = int(value)
        if safe_number(value, unit, (), state.n) != value:
            state.find(where, "threshold", f"“{entry['description']}” tells a small count")
    for kind, fields in (("tables", ("caption", "note")), ("figures", ("caption", "alt"))):
        for notebook, key, entry in state.of_kind(kind):
            where = f"{(RECORDS / notebook).as_posix()}.json, {kind[:-1]} {key}"
            for name in fields:
                state.words(where, entry[name], counts=entry["basis"] == "responses")


def _files_of(state: _Run) -> Iterator[tuple[Path, str, Mapping[str, Any]]]:
    """Yield each published CSV file with key and entry, and find files that nobody published."""
    for kind, folder in (("tables", TABLES), ("figures", FIGURES)):
        entries = {key: entry for _, key, entry in state.of_kind(kind)}
        for path in sorted((state.folder / folder).glob("*")):
            key = path.name.split(".")[0].removesuffix("_narrow")
            if key not in entries:
                place = path.relative_to(state.folder).as_posix()
                state.find(place, "unpublished", "a file that no notebook published")
                if path.suffix in (".csv", ".tex", ".svg"):
                    state.words(place, path.read_text(encoding="utf-8", errors="replace"))
            elif path.suffix == ".csv":
                yield path, key, entries[key]
        for key, entry in entries.items():
            withheld = "Withheld" in entry.get("alt", "")
            without = kind == "figures" and "columns" not in entry and not withheld
            if without and entry["basis"] == "responses":
                place = (folder / f"{key}.png").as_posix()
                state.find(place, "unpublished", "a figure of answers without its plotted values")


@dataclass(frozen=True)
class _Cell:
    """A count that readers see, or see hidden.

    Attributes:
        about: what it is about, as a set of labels that does not depend on the table's shape.
        count: None where it is hidden.
        n: what it is out of, if the row says so.
        where: file and place.
    """

    about: frozenset[str]
    count: float | None
    n: float | None
    where: str


def _check_values(state: _Run, path: Path, key: str, entry: Mapping[str, Any]) -> Iterator[_Cell]:
    place = path.relative_to(state.folder).as_posix()
    text = path.read_text(encoding="utf-8")
    state.words(place, text)
    if entry["basis"] != "responses":
        return
    table = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    columns = []
    for described in entry.get("columns", ()):
        if described["name"] in table:
            columns.append(state.columns.column(described["name"], described["entry"]))
    known = {column.name for column in columns} | {"data_basis"}
    for name in table.columns.difference(list(known)):
        state.find(place, "unpublished", f"column {name!r} was not published")
    yield from _check_table(state, place, table, columns)


def _check_table(
    state: _Run, place: str, table: pd.DataFrame, columns: Sequence[Column]
) -> Iterator[_Cell]:
    """Check the cells of a table; `table` holds texts, hidden counts as marks."""
    numbers = table.copy()
    for column in columns:
        cleaned = table[column.name].str.replace(",", "").str.replace("−", "-")
        parsed = pd.to_numeric(cleaned, errors="coerce")
        numbers[column.name] = parsed if parsed.notna().any() else table[column.name]
    hidden = hidden_cells(numbers, columns)
    for column in columns:
        for at in hidden.index[hidden[column.name]]:
            value = numbers[column.name][at]
            small = isinstance(value, Real) and 0 < float(value) < THRESHOLD
            rule = "complement"
            if column.role == "extreme" or (column.role == "base" and small):
                rule = "dominance"
            elif column.role and small:
                rule = "threshold"
            what = f"{column.heading or column.name} in {_row_words(table, columns, at)}"
            state.find(place, rule, what)
    for column in columns:
        if not pd.api.types.is_numeric_dtype(numbers[column.name]):
            for at, text in table[column.name].items():
                for told in () if _is_number(text) else few_told(text, state.n):
                    state.find(f"{place}, row {int(str(at)) + 1}", "threshold", f"“{told}”")
    # A single hidden count of a row whose total is known is found by subtraction.
    parts: dict[str, list[str]] = {}
    for column in columns:
        if column.part_of:
            parts.setdefault(column.part_of, []).append(column.name)
    for names in parts.values():
        for at in table.index:
            marked = [name for name in names if table[name][at] == SUPPRESSED]
            if len(names) > 1 and len(marked) == 1:
                state.find(place, "complement", f"{marked[0]} hidden alone in its row")
    for at in table.index:
        labels = [
            _label(table[c.name][at])
            for c in columns
            if c.role == "" and c.format == "2" and not _is_number(table[c.name][at])
        ]
        n = next((_float(table[c.name][at]) for c in columns if c.entry == "n"), None)
        for column in columns:
            if column.role != "count":
                continue
            # One label alone, such as an attack's, stands for many things that are counted.
            option = [_label(column.heading)] if column.part_of == "answer" else []
            about = frozenset(filter(None, [*labels[:3], *option]))
            text = table[column.name][at]
            named = len(about) > 1 and column.entry.startswith("count") and "{}" not in about
            if named and (text == SUPPRESSED or _float(text) is not None):
                yield _Cell(about, _float(text), n, place)


def _row_words(table: pd.DataFrame, columns: Sequence[Column], at: Any) -> str:
    texts = [table[c.name][at] for c in columns if not _is_number(table[c.name][at])]
    return " · ".join(dict.fromkeys(filter(None, texts)))[:80] or f"row {at + 1}"


def _label(text: str) -> str:
    """Return a label without what differs between results: case, size, the item before a colon."""
    short = re.sub(r"\s*\(n = [\d,]+\)", "", text).replace("_", " ").strip().lower()
    return short.rsplit(": ", 1)[-1]


def _float(text: str) -> float | None:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


def _is_number(text: str) -> bool:
    """Return whether a cell is a number, and be it "< 0.001" or "> 99 %"."""
    return text in ("", SUPPRESSED) or _float(text.strip("<> %").replace("−", "-")) is not None


def _check_together(state: _Run, cells: Mapping[frozenset[str], list[_Cell]]) -> None:
    """Check what results tell together about one and the same count."""
    for about, seen in cells.items():
        if len({cell.where for cell in seen}) < 2:
            continue
        shown = [(cell, cell.count) for cell in seen if cell.count is not None]
        name = " · ".join(sorted(about))
        for cell in seen:
            if cell.count is None and shown:
                elsewhere = shown[0][0].where
                what = f"{name} is hidden here, shown in {elsewhere}"
                state.find(cell.where, "complement", what)
        for (one, first), (other, second) in itertools.combinations(shown, 2):
            if one.where != other.where and 0 < abs(first - second) < THRESHOLD:
                what = f"{name} differs by a small count in {other.where}"
                state.find(one.where, "differencing", what)


# ── Macros, notebooks, pages ──────────────────────────────────────────────────────────────────────


def _check_tex(state: _Run) -> None:
    generated = state.folder / "paper" / "generated"
    for name, expected in (
        ("numbers.tex", macros(state.records)),
        ("data_dictionary.csv", data_dictionary(state.records)),
    ):
        path = generated / name
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        place = path.relative_to(state.folder).as_posix()
        state.words(place, _without_links(text))
        known = set(expected.splitlines())
        for row, line in enumerate(text.splitlines(), start=1):
            if line not in known:
                state.find(f"{place}, line {row}", "unequal", "not what the records give")
    for path in sorted((generated / "tables").glob("*.tex")):
        entries = {key: entry for _, key, entry in state.of_kind("tables")}
        if path.stem in entries and entries[path.stem]["basis"] == "responses":
            place = path.relative_to(state.folder).as_posix()
            text = path.read_text(encoding="utf-8")
            state.words(place, text)
            for part in text.split(r"\begin{tabular}")[1:]:
                rows = [
                    [_plain_tex(cell) for cell in line.removesuffix(r"\\").split(" & ")]
                    for line in part.splitlines()
                    if line.endswith(r"\\") and r"\multicolumn" not in line
                ]
                _check_shown(state, place, path.stem, rows)


def _plain_tex(cell: str) -> str:
    text = cell.replace(r"\enspace ", "").replace("$-$", "−").replace("--", "–").strip()
    return re.sub(r"\\([&%$#_{}])", r"\1", text)


def _without_links(text: str) -> str:
    return re.sub(r"\{FEFF[0-9A-F]+\}", "", text)


def _check_shown(state: _Run, place: str, key: str, rows: Sequence[Sequence[str]]) -> None:
    """Check a table as readers see it, the first row being its headings."""
    entry = next((e for _, other, e in state.of_kind("tables") if other == key), None)
    if entry is None or not rows:
        return
    by_heading = {described["heading"]: described for described in entry["columns"]}
    header = list(rows[0])
    if len(set(header)) != len(header):
        header = [
            f"{text} {at}" if header.count(text) > 1 else text for at, text in enumerate(header)
        ]
    table = pd.DataFrame(
        [row for row in rows[1:] if len(row) == len(header)], columns=header, dtype=str
    )
    columns = [
        state.columns.column(name, by_heading[heading]["entry"])
        for name, heading in zip(header, rows[0], strict=True)
        if heading in by_heading
    ]
    list(_check_table(state, place, table, columns))


class _Page(HTMLParser):
    """Collects the words of a page outside of scripts, and its results."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.data: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.unknown_tables = 0
        self.numbers: dict[str, str] = {}
        self.captions: list[tuple[str, str]] = []
        self.alternatives: list[tuple[str, str]] = []
        self._quiet: str | None = None
        self._key: str | None = None
        self._kind: str | None = None
        self._cell: list[str] | None = None
        self._caption: list[str] | None = None
        self._number: tuple[str, list[str]] | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag in ("script", "style"):
            self._quiet = "json" if named.get("type") == "application/json" else "code"
        if "data-key" in named and "data-kind" in named:
            self._key, self._kind = named["data-key"], named["data-kind"]
            if self._kind == "number":
                self._number = (self._key, [])
        if tag == "img":
            self.alternatives.append((self._key or "", named.get("alt", "")))
        if tag == "table":
            if self._kind == "table" and self._key:
                self.tables.setdefault(self._key, [])
            elif "highlighttable" not in named.get("class", ""):
                self.unknown_tables += 1
                self._key = None
        if tag == "tr" and self._kind == "table" and self._key in self.tables:
            self.tables[self._key].append([])
        if tag in ("td", "th"):
            self._cell = []
        if tag in ("caption", "figcaption"):
            self._caption = []

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._quiet = None
        if tag in ("td", "th") and self._cell is not None:
            rows = self.tables.get(self._key or "", [])
            if self._kind == "table" and rows:
                rows[-1].append("".join(self._cell).strip())
            self._cell = None
        if tag in ("caption", "figcaption") and self._caption is not None:
            self.captions.append((self._key or "", " ".join("".join(self._caption).split())))
            self._caption = None
        if tag == "p" and self._number is not None:
            self.numbers[self._number[0]] = " ".join("".join(self._number[1]).split())
            self._number = None

    def handle_data(self, data: str) -> None:
        if self._quiet == "json":
            self.data.append(data)
        if self._quiet is not None:
            return
        self.text.append(data)
        for place in (self._cell, self._caption, self._number[1] if self._number else None):
            if place is not None:
                place.append(data)


def _check_notebooks(state: _Run) -> None:
    for path in sorted((state.folder / "notebooks").glob("*.ipynb")):
        place = path.relative_to(state.folder).as_posix()
        try:
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        except (ValueError, KeyError):
            state.find(place, "unpublished", "not readable as a notebook")
            continue
        for number, cell in enumerate(cells, start=1):
            where = f"{place}, cell {number}"
            state.words(where, "".join(cell.get("source", [])))
            for output in cell.get("outputs", []):
                _check_output(state, where, output)


def _check_output(state: _Run, where: str, output: Mapping[str, Any]) -> None:
    data = {kind: "".join(text) for kind, text in output.get("data", {}).items()}
    shown = output.get("metadata", {})
    keys = {
        kind: {key for _, key, _ in state.of_kind(kind)}
        for kind in ("numbers", "tables", "figures")
    }
    for kind in ("text/plain", "text/html", "text/markdown"):
        state.words(where, _text_of(data.get(kind, "")))
    if output.get("output_type") not in ("display_data", "execute_result"):
        text = "".join(output.get("text", []))
        if text.strip() or output.get("output_type") == "error":
            state.words(where, text, counts=True)
            state.find(where, "unpublished", "printed text")
        return
    if "result" in shown:
        if shown["result"]["key"] not in keys["figures"]:
            state.find(where, "unpublished", "a figure that is in no record")
        people = state.rests_on_people("figures", shown["result"]["key"])
        state.words(where, shown.get("image/png", {}).get("alt", ""), counts=people)
        return
    if "caption_of" in shown:
        return
    html = data.get("text/html", "")
    # What a notebook reads and writes, and that a run is one of its own: no result.
    place = re.match(r'\s*<(div|p|details) class="place\b', html)
    if place and "data-kind" not in html and "<table" not in html:
        state.words(where, _text_of(html), counts=True)
        return
    page = _Page(html)
    published = set(page.tables) <= keys["tables"] and set(page.numbers) <= keys["numbers"]
    if not (page.tables or page.numbers) or not published or page.unknown_tables:
        state.find(where, "unpublished", "an output that is no published result")
    _check_results(state, where, page)


def _text_of(html: str) -> str:
    return " ".join(_Page(html).text) if "<" in html else html


def _check_results(state: _Run, where: str, page: _Page) -> None:
    numbers = {key: entry for _, key, entry in state.of_kind("numbers")}
    for key, text in page.numbers.items():
        entry = numbers.get(key)
        if entry is None or entry["text"] not in text:
            state.find(where, "unequal", f"number {key} is not what a record says")
            continue
        # The record is checked on its own; what a page says beside it is not in it.
        rest = text.replace(entry["text"], "", 1)
        for told in few_told(rest, state.n) if entry["basis"] == "responses" else ():
            if told not in entry["description"] and told not in entry["unit"]:
                state.find(where, "threshold", f"“{told}”")
    for key, rows in page.tables.items():
        if state.rests_on_people("tables", key):
            _check_shown(state, where, key, rows)


def _check_page(state: _Run, path: Path) -> Iterator[_Cell]:
    place = path.relative_to(state.folder).as_posix()
    page = _Page(path.read_text(encoding="utf-8"))
    state.words(place, " ".join(page.text))
    for key, alternative in page.alternatives:
        state.words(place, alternative, counts=state.rests_on_people("figures", key))
    for key, caption in page.captions:
        people = state.rests_on_people("tables", key) and state.rests_on_people("figures", key)
        state.words(place, caption, counts=people)
    _check_results(state, place, page)
    for text in page.data:
        try:
            content = json.loads(text)
        except ValueError:
            state.find(place, "unpublished", "data that cannot be read")
            continue
        state.words(place, text)
        if isinstance(content, dict) and "tables" in content and "items" in content:
            yield from _check_explorer(state, place, content)


def _check_explorer(state: _Run, place: str, content: Mapping[str, Any]) -> Iterator[_Cell]:
    """Check the counts that the explorer holds."""
    alone: Counter[frozenset[str]] = Counter()
    seen: list[_Cell] = []
    for item in content["items"]:
        answered = int(item["answered"])
        for grouping, table in content["tables"].get(item["id"], {}).items():
            where = f"{place}, {item['label']}" + (f" by {grouping}" if grouping else "")
            for counts, totals in zip(table["counts"], table["n"], strict=True):
                for count in (*counts, *totals):
                    if count is not None and 0 < count < THRESHOLD:
                        state.find(where, "threshold", "a small count")
                # Where it is a secret how many answered, a row adds up only as a whole.
                by_kind = totals[1] is not None or not grouping
                parts = [counts[:answered], counts[answered:]] if by_kind else [counts]
                for part in parts if totals[0] is not None else []:
                    if part.count(None) == 1 and len(part) > 1:
                        state.find(where, "complement", "a count is hidden alone in its row")
            if not grouping:
                for answer, count in zip(item["answers"], table["counts"][0], strict=True):
                    about = frozenset({_label(item["label"]), _label(answer)})
                    alone[about] += 1
                    seen.append(_Cell(about, count, None, where))
    # Where two items have the same labels, nothing says which of them a table is about.
    yield from (cell for cell in seen if alone[cell.about] == 1)


# ── Report and copy ───────────────────────────────────────────────────────────────────────────────


def report(run: Path, findings: Sequence[Finding]) -> Path:
    """Write the report of a check for the person who decides, as JSON and as a page.

    Returns:
        Path of the page.
    """
    rows = [
        {"where": f.where, "rule": f.rule, "what": f.what, "remedy": f.remedy} for f in findings
    ]
    rules = {name: {"says": says, "remedy": remedy} for name, (says, remedy) in RULES.items()}
    folder = run / REPORT
    folder.mkdir(parents=True, exist_ok=True)
    content = {"passed": not findings, "rules": rules, "findings": rows}
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    (folder / "report.json").write_text(text, encoding="utf-8")
    page = folder / "report.html"
    page.write_text(render("release", findings=rows, rules=rules) + "\n", encoding="utf-8")
    return page


def copy_released(run: Path, root: Path) -> list[str]:
    """Copy what a passed run wrote into the places that git tracks; return the copied folders."""
    for name in RELEASED:
        if (run / name).is_dir():
            # Nothing of an earlier run stays beside it; pages stand among others.
            if name != "html":
                shutil.rmtree(root / name, ignore_errors=True)
            shutil.copytree(run / name, root / name, dirs_exist_ok=True)
    for path in sorted((run / "notebooks").glob("*.ipynb")):
        shutil.copy(path, root / "notebooks" / path.name)
    pdf = Path("paper") / "main.pdf"
    if (run / pdf).is_file():
        shutil.copy(run / pdf, root / pdf)
    return [*RELEASED, "notebooks"]
