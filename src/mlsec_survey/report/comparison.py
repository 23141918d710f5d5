"""The same results across runs: which move, how far, and which readings they would change.

A run is read from what its notebooks published: records and tables. Nothing is computed anew.
"""

from __future__ import annotations

import ast
import csv
import html
import json
import math
import re
import textwrap
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlsec_survey.base.errors import AnalysisError, InputError
from mlsec_survey.base.formatting import as_text, interval_text
from mlsec_survey.base.syntax import parsed
from mlsec_survey.base.yaml_input import near, read_yaml
from mlsec_survey.report.macros import TABLES

DEFAULT_RUN = "default"
_RECORDS = Path("paper") / "generated" / "records"
_INTERVAL = ("estimate", "low", "high")
# Height of a panel of `draw_runs` in inches, without and per run, and what a page holds.
_PANEL, _PER_RUN, _PAGE = 0.42, 0.13, 8.6
_COLUMNS, _MOST_ROWS = 3, 6
_ID = 4
_SIZE = re.compile(r"\s*\(n = [\d,]+\)")
_INJECTED = re.compile(r'"injected-parameters"\s*\].*?"source":\s*', re.DOTALL)

_ESTIMATES = ["table", "result", "run", "n", *_INTERVAL, "null", "p"]
_NUMBERS = ["notebook", "key", "description", "unit", "reference", "smallest", "largest"]
_NUMBERS += ["different", "absent"]
_MOVED = ["table", "result", *_INTERVAL, "smallest", "largest", "shift", "changed", "reading"]

SAME = "the same in all runs"
INTERVAL = "only interval or p-value differ"
WITHIN = "stays within the interval"
BEYOND = "leaves the interval"
BARE = "moves, and the reference has no interval"
VERDICT = "interval and null value change sides"
SIDE = "estimate changes sides of the null value"
PARTLY = "not estimated in every run"


@dataclass(frozen=True)
class RunResults:
    """What one run published.

    Attributes:
        name: of the run; `default` is the project itself.
        synthetic: whether any of it rests on synthetic answers.
        parameters: those that the run changed.
        numbers: by key; each has notebook, description, unit, value (NaN for texts) and text.
        tables: with estimates and intervals, by key; rows of texts by column, as published. Facts
            from elsewhere are left out, and so are tables without rows.
    """

    name: str
    synthetic: bool
    parameters: Mapping[str, Any]
    numbers: Mapping[str, Mapping[str, Any]]
    tables: Mapping[str, Sequence[Mapping[str, str]]]


# ── Reading ───────────────────────────────────────────────────────────────────────────────────────


def find_runs(root: Path) -> list[str]:
    """Return the names of all runs that have published results: the project itself, then others."""
    notebooks = _notebooks(root)
    found = [DEFAULT_RUN] if _records(root, notebooks) else []
    folders = sorted((root / "runs").glob("*"), key=lambda folder: _natural(folder.name))
    return found + [folder.name for folder in folders if _records(folder, notebooks)]


def read_runs(
    root: Path, names: Sequence[str] | None = None, reference: str | None = None
) -> list[RunResults]:
    """Return what runs published, the reference first.

    Args:
        root: folder of the project.
        names: of the runs; default all that there are.
        reference: the run that others are compared with; default the first one.

    Raises:
        InputError: a run has no results, or there are fewer than two runs.
    """
    known = find_runs(root)
    chosen = list(dict.fromkeys(names if names is not None else known))
    if reference is not None:
        chosen = [reference, *(name for name in chosen if name != reference)]
    for name in chosen:
        if name not in known:
            raise InputError(
                f"run {name!r} has no published results",
                value=name,
                remedy=f"run it first: --run {name}. {near(name, known)}",
            )
    if len(chosen) < 2:
        raise InputError(
            f"a comparison takes at least two runs, here {'is one' if chosen else 'is none'}",
            remedy="make more: run_all.py --run NAME --set seed=7, or run_all.py --batch FILE.yml",
        )
    notebooks = _notebooks(root)
    return [read_run(root, name, notebooks) for name in chosen]


def read_run(root: Path, name: str, notebooks: Sequence[str]) -> RunResults:
    """Return what the named notebooks of one run published.

    Raises:
        InputError: a record or a table cannot be read.
    """
    folder = root if name == DEFAULT_RUN else root / "runs" / name
    numbers: dict[str, dict[str, Any]] = {}
    tables: dict[str, list[dict[str, str]]] = {}
    parameters: dict[str, Any] = {}
    synthetic = False
    for path in _records(folder, notebooks):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            synthetic |= bool(record["synthetic"])
            for key, entry in record["numbers"].items():
                if entry["basis"] != "published":
                    numbers[key] = _number(record["notebook"], entry)
            for key, entry in record["tables"].items():
                if entry["basis"] != "published" and (
                    rows := _rows(folder / TABLES / f"{key}.csv")
                ):
                    tables[key] = rows
        except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
            raise InputError(
                f"run {name!r} cannot be read: {error}",
                file=path.name,
                remedy="run it again with --force",
            ) from None
        parameters |= _injected(folder / "notebooks" / f"{path.stem}.ipynb")
    return RunResults(name, synthetic, parameters, numbers, tables)


def _rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table that has estimates with intervals; of others none."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, restval="")
        return list(reader) if set(_INTERVAL) <= set(reader.fieldnames or ()) else []


def _number(notebook: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    value = entry["value"]
    return {
        "notebook": notebook,
        "description": entry["description"],
        "unit": entry["unit"],
        "value": math.nan if isinstance(value, str) else float(value),
        "text": entry["text"],
    }


def _notebooks(root: Path) -> list[str]:
    entries = read_yaml(root / "notebooks" / "pipeline.yml").content["notebooks"]
    return [name for name, e in entries.items() if e.get("kind", "analysis") == "analysis"]


def _records(folder: Path, notebooks: Sequence[str]) -> list[Path]:
    paths = [folder / _RECORDS / f"{name}.json" for name in notebooks]
    return [path for path in paths if path.is_file()]


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts `seed-2` before `seed-10`."""
    words = "".join(c if c.isdigit() else f" {c} " for c in name).split()
    joined: list[str] = []
    for word in words:
        if joined and word.isdigit() == joined[-1].isdigit():
            joined[-1] += word
        else:
            joined.append(word)
    return [(0, int(w), "") if w.isdigit() else (1, 0, w) for w in joined]


def _injected(notebook: Path) -> dict[str, Any]:
    """Return the parameters that the runner put into an executed notebook."""
    try:
        text = notebook.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return {}
    # Most of a notebook are its outputs. They are not decoded: the cell is among the first.
    cell = _INJECTED.search(text)
    if cell is None:
        return {}
    source = "".join(json.JSONDecoder().raw_decode(text, cell.end())[0])
    found: dict[str, Any] = {}
    for node in parsed(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = ast.literal_eval(node.value)
    return found


# ── Comparing ─────────────────────────────────────────────────────────────────────────────────────


def parameter_table(runs: Sequence[RunResults]) -> pd.DataFrame:
    """Return what each run changed.

    Returns:
        One row per run: run, parameters (as text; "defaults" for none), answers ("synthetic" or
        "as exported").
    """
    return pd.DataFrame(
        {
            "run": run.name,
            "parameters": ", ".join(f"{key} = {value}" for key, value in run.parameters.items())
            or "defaults",
            "answers": "synthetic" if run.synthetic else "as exported",
        }
        for run in runs
    )


def estimates(runs: Sequence[RunResults]) -> pd.DataFrame:
    """Return every published estimate with its interval, for each run.

    Results are known by the texts of their rows: those of a table's text columns, from the left,
    that set its rows apart, and what follows if that is but an id; "(n = 134)" in a text is no part
    of the name. A table counts if it has the columns estimate, low and high.

    Returns:
        One row per table, result and run: table, result, run, n, estimate, low, high, null (value
        without an effect; NaN where there is none, as for shares) and p.
    """
    rows = []
    for key in dict.fromkeys(key for run in runs for key in run.tables):
        tables = {run.name: run.tables[key] for run in runs if key in run.tables}
        columns = _naming_columns(list(tables.values()))
        for name, table in tables.items():
            for result, row in zip(_names(table, columns), table, strict=True):
                values = [_value(row.get(column, "")) for column in ("n", *_INTERVAL)]
                rows.append((key, result, name, *values, _null(row), _value(row.get("p", ""))))
    return pd.DataFrame(rows, columns=_ESTIMATES)


def _naming_columns(tables: Sequence[Sequence[Mapping[str, str]]]) -> list[str]:
    first = list(tables[0][0])
    texts = [
        name
        for name in first[: first.index("estimate")]
        if name != "data_basis" and all(name in t[0] and _is_text(t, name) for t in tables)
    ]
    chosen: list[str] = []
    for name in texts:
        chosen.append(name)
        if _apart(tables, chosen):
            break
    for name in list(chosen):
        others = [other for other in chosen if other != name]
        if _apart(tables, others):
            chosen = others
    if len(chosen) == 1 and all(len(row[chosen[0]]) <= _ID for t in tables for row in t):
        # Ids alone tell readers too little.
        chosen += texts[texts.index(chosen[0]) + 1 :][:1]
    telling = [
        name for name in chosen if any(len({row[name] for row in t} - {""}) > 1 for t in tables)
    ]
    return telling or chosen[:1]


def _is_text(table: Sequence[Mapping[str, str]], column: str) -> bool:
    """Return whether a column holds anything but numbers, yes or no (True, False) and gaps."""
    return any(
        row[column] not in ("", "True", "False") and math.isnan(_value(row[column]))
        for row in table
    )


def _apart(tables: Sequence[Sequence[Mapping[str, str]]], columns: list[str]) -> bool:
    """Return whether the columns set the rows of each table apart."""
    return bool(columns) and all(
        len({tuple(row[name] for name in columns) for row in table}) == len(table)
        for table in tables
    )


def _names(table: Sequence[Mapping[str, str]], columns: Sequence[str]) -> list[str]:
    seen: Counter[str] = Counter()
    names = []
    for row in table:
        name = " · ".join(filter(None, (_SIZE.sub("", row[column]) for column in columns)))
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def _value(text: str) -> float:
    """Return a cell as a number; NaN for what is none, such as a suppressed one."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _null(row: Mapping[str, str]) -> float:
    """Return the null value that a row tells, or that goes with the name of its effect size."""
    told = _value(row.get("null", ""))
    effect = row.get("effect", "").lower()
    if not effect or not math.isnan(told):
        return told
    return 0.5 if "superiority" in effect else 1.0 if "ratio" in effect else 0.0


def estimate_changes(results: pd.DataFrame) -> pd.DataFrame:
    """Compare each result with the reference, which is the first run in the table.

    Args:
        results: as `estimates` returns them.

    Returns:
        One row per result: table, result, runs (that estimate it), estimate, low, high, null (of
        the reference), smallest, largest (estimate), shift (largest distance from the reference's
        estimate in half-widths of its interval), changed (runs whose estimate, interval or p-value
        is not the reference's), outside (runs whose estimate is outside of the reference's
        interval), sides (runs whose estimate is on the other side of the null value), verdicts
        (runs whose interval holds the null value and the reference's does not, or the other way
        round), reading (the most serious of these, in words).
    """
    which = results.groupby(["table", "result"], sort=False).ngroup().to_numpy()
    run, runs = pd.factorize(results["run"])
    found = results[["table", "result"]].drop_duplicates(ignore_index=True)

    def by_run(column: str) -> np.ndarray:
        """Return a column as one row per result and one column per run, the reference first."""
        values = np.full((len(found), len(runs)), np.nan)
        values[which, run] = results[column]
        return values

    estimate, low, high, null, p = map(by_run, (*_INTERVAL, "null", "p"))
    base, base_low, base_high = (values[:, :1] for values in (estimate, low, high))
    missing = np.isnan(estimate)
    differs = np.logical_or.reduce([_differs(values) for values in (estimate, low, high, p)])
    held = (low <= null) & (null <= high)
    decided = ~np.isnan(null) & ~np.isnan(low) & ~np.isnan(high)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = (base_high - base_low) / 2
        measurable = np.isfinite(half) & (half > 0)
        shift = np.where(measurable, np.abs(estimate - base) / half, np.nan)
        away = estimate - null
        outside = (estimate < base_low) | (estimate > base_high)
        sides = away * away[:, :1] < 0
    verdicts = decided & decided[:, :1] & (held != held[:, :1])
    readings = {
        SAME: ~differs.any(axis=1),
        VERDICT: verdicts.any(axis=1),
        SIDE: sides.any(axis=1),
        PARTLY: missing.any(axis=1),
        INTERVAL: (estimate == base).all(axis=1),
        BEYOND: outside.any(axis=1),
        BARE: (np.isnan(base_low) | np.isnan(base_high))[:, 0],
    }
    return found.assign(
        runs=(~missing).sum(axis=1),
        estimate=base[:, 0],
        low=base_low[:, 0],
        high=base_high[:, 0],
        null=null[:, 0],
        smallest=np.fmin.reduce(estimate, axis=1),
        largest=np.fmax.reduce(estimate, axis=1),
        shift=np.fmax.reduce(shift, axis=1),
        changed=differs.sum(axis=1),
        outside=outside.sum(axis=1),
        sides=sides.sum(axis=1),
        verdicts=verdicts.sum(axis=1),
        reading=np.select(list(readings.values()), list(readings), WITHIN),
    )


def _differs(values: np.ndarray) -> np.ndarray:
    """Return where values are not those of the first column; two that are missing are alike."""
    base = values[:, :1]
    return (values != base) & ~(np.isnan(values) & np.isnan(base))


def number_changes(runs: Sequence[RunResults]) -> pd.DataFrame:
    """Return the published numbers that are not the same in all runs.

    Returns:
        One row per number: notebook, key, description, unit, reference (its text in the first run;
        empty if that has none), smallest, largest (over runs; NaN for texts), different (runs that
        publish another text than the first), absent (runs that do not publish it).
    """
    rows = []
    for key in dict.fromkeys(key for run in runs for key in run.numbers):
        entries = [run.numbers[key] for run in runs if key in run.numbers]
        reference = runs[0].numbers[key]["text"] if key in runs[0].numbers else ""
        different = sum(entry["text"] != reference for entry in entries)
        absent = len(runs) - len(entries)
        if different or absent:
            values = [v for entry in entries if not math.isnan(v := entry["value"])]
            rows.append(
                {
                    "notebook": entries[0]["notebook"],
                    "key": key,
                    "description": entries[0]["description"],
                    "unit": entries[0]["unit"],
                    "reference": reference,
                    "smallest": min(values, default=math.nan),
                    "largest": max(values, default=math.nan),
                    "different": different,
                    "absent": absent,
                }
            )
    return pd.DataFrame(rows, columns=_NUMBERS)


# ── Showing ───────────────────────────────────────────────────────────────────────────────────────


def moved(changes: pd.DataFrame) -> pd.DataFrame:
    """Return the results that are not the same in all runs, in few columns for readers.

    Args:
        changes: as `estimate_changes` returns them.

    Returns:
        Columns table (in words), result, estimate, low, high, smallest, largest, shift, changed,
        reading (with the number of runs that it is about).
    """
    part = changes[changes["reading"] != SAME]
    told = [_told(change) for change in part.to_dict("records")]
    return part.assign(table=part["table"].str.replace("_", " "), reading=told)[_MOVED]


def _told(change: Mapping[Hashable, Any]) -> str:
    """Return the reading of a row of `estimate_changes` with the number of runs it is about."""
    reading = str(change["reading"])
    counted = {BEYOND: "outside", SIDE: "sides", VERDICT: "verdicts"}.get(reading)
    if counted is None:
        return reading
    count = change[counted]
    return f"{reading} in {count} {'run' if count == 1 else 'runs'}"


def drawn(results: pd.DataFrame, changes: pd.DataFrame) -> pd.DataFrame:
    """Choose what `draw_runs` draws on one page.

    Results that are not the same in all runs come first, among them tests of hypotheses, and among
    these the ones that move most.

    Args:
        results: as `estimates` returns them.
        changes: as `estimate_changes` returns them.

    Returns:
        Columns result (wrapped), run, estimate, low, high, null, for at most forty runs.

    Raises:
        AnalysisError: no result is estimated in the reference.
    """
    runs = list(dict.fromkeys(results["run"]))[:40]
    rows = max(1, min(_MOST_ROWS, int(_PAGE / (_PANEL + _PER_RUN * len(runs)))))
    order = changes[changes["estimate"].notna()].assign(
        moves=lambda table: table["reading"] != SAME, test=lambda table: table["null"].notna()
    )
    order = order.sort_values(["moves", "test", "shift"], ascending=False, kind="stable")
    chosen = order.head(rows * _COLUMNS)[["table", "result"]]
    if chosen.empty:
        raise AnalysisError("no result with an interval is there to be compared")
    part = chosen.merge(results[results["run"].isin(runs)], on=["table", "result"], how="left")
    titles = {
        pair: _title(*pair, repeated=(chosen["result"] == pair[1]).sum() > 1)
        for pair in chosen.itertuples(index=False, name=None)
    }
    part["result"] = [titles[pair] for pair in zip(part["table"], part["result"], strict=True)]
    return part[["result", "run", "estimate", "low", "high", "null"]]


def _title(table: str, result: str, *, repeated: bool) -> str:
    text = f"{result} ({table.replace('_', ' ')})" if repeated else result
    return "\n".join(textwrap.wrap(text, 40, max_lines=2, placeholder=" …"))


def describe_changes(runs: Sequence[RunResults], changes: pd.DataFrame) -> str:
    """Say in one paragraph what the comparison shows."""
    others = len(runs) - 1
    counts = changes["reading"].value_counts()
    synthetic = sum(run.synthetic for run in runs)
    if synthetic == len(runs):
        basis = "All of them rest on synthetic answers"
    elif synthetic:
        basis = f"{synthetic} of {len(runs)} runs rest on synthetic answers"
    else:
        basis = "None of them rests on synthetic answers"
    parts = [
        f"{others} {'run is' if others == 1 else 'runs are'} compared with `{runs[0].name}`. "
        f"{basis}. {len(changes)} results have an interval."
    ]
    words = {
        SAME: "{} are the same in all runs to the last published digit",
        INTERVAL: "of {} only the interval or the p-value differs",
        WITHIN: "{} move, but no estimate leaves the reference's interval",
        BARE: "{} move, and the reference has no interval for them",
        BEYOND: "{} have an estimate outside of the reference's interval in some run",
        SIDE: "{} have an estimate on the other side of the null value in some run",
        VERDICT: "of {} the interval holds the null value in some runs and not in others",
        PARTLY: "{} are not estimated in every run",
    }
    told = [text.format(counts[name]) for name, text in words.items() if counts.get(name)]
    if told:
        parts.append(f"Of these, {'; '.join(told)}.")
    moved = changes[changes["shift"] > 0]
    if len(moved):
        most = moved.sort_values("shift", ascending=False, kind="stable").iloc[0]
        where = f"{html.escape(most['result'])}” ({most['table'].replace('_', ' ')})"
        parts.append(
            f"The largest shift is that of “{where}: "
            f"{as_text(most['estimate'], '3s')} in the reference, "
            f"{interval_text(most['smallest'], most['largest'], '3s')} over all runs, "
            f"{as_text(most['shift'], '2s')} half-widths of the reference's interval."
        )
    return " ".join(parts)
