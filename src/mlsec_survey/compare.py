"""The same results across runs: which move, how far, and which readings they would change.

A run is read from what its notebooks published: records and tables. Nothing is computed anew.
"""

from __future__ import annotations

import ast
import html
import json
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mlsec_survey.errors import AnalysisError, InputError
from mlsec_survey.formatting import as_text, interval_text
from mlsec_survey.yaml_input import near, read_yaml

if TYPE_CHECKING:
    from mlsec_survey.project import Project
    from mlsec_survey.publish import Publisher

DEFAULT_RUN = "default"
_RECORDS = Path("paper") / "generated" / "records"
_TABLES = Path("paper") / "generated" / "tables"
_INTERVAL = ("estimate", "low", "high")
# Height of a panel of `draw_runs` in inches, without and per run, and what a page holds.
_PANEL, _PER_RUN, _PAGE = 0.42, 0.13, 8.6
_COLUMNS, _MOST_ROWS = 3, 6
_ID = 4
_SIZE = r"\s*\(n = [\d,]+\)"

_ESTIMATES = ["table", "result", "run", "n", "estimate", "low", "high", "null", "p"]
_NUMBERS = ["notebook", "key", "description", "unit", "run", "value", "text"]

SAME = "the same in all runs"
INTERVAL = "only interval or p-value differ"
WITHIN = "stays within the interval"
BEYOND = "leaves the interval"
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
        numbers: columns notebook, key, description, unit, value (NaN for texts) and text.
        tables: with estimates and intervals, by key, as published; facts from elsewhere left out.
    """

    name: str
    synthetic: bool
    parameters: Mapping[str, Any]
    numbers: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]


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
    numbers: list[dict[str, Any]] = []
    tables: dict[str, pd.DataFrame] = {}
    parameters: dict[str, Any] = {}
    synthetic = False
    for path in _records(folder, notebooks):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            synthetic |= bool(record["synthetic"])
            for key, entry in record["numbers"].items():
                if entry["basis"] != "published":
                    numbers.append(_number(record["notebook"], key, entry))
            for key, entry in record["tables"].items():
                if entry["basis"] != "published":
                    table = pd.read_csv(folder / _TABLES / f"{key}.csv")
                    if set(_INTERVAL) <= set(table.columns):
                        tables[key] = table
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"run {name!r} cannot be read: {error}",
                file=path.name,
                remedy="run it again with --force",
            ) from None
        parameters |= _injected(folder / "notebooks" / f"{path.stem}.ipynb")
    frame = pd.DataFrame(numbers, columns=[c for c in _NUMBERS if c != "run"])
    return RunResults(name, synthetic, parameters, frame, tables)


def _number(notebook: str, key: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    value = entry["value"]
    return {
        "notebook": notebook,
        "key": key,
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
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError):
        return {}
    found: dict[str, Any] = {}
    for cell in cells:
        if "injected-parameters" in cell.get("metadata", {}).get("tags", []):
            for node in ast.parse("".join(cell["source"])).body:
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
    parts = []
    for key in dict.fromkeys(key for run in runs for key in run.tables):
        tables = {run.name: run.tables[key] for run in runs if key in run.tables}
        columns = _naming_columns(list(tables.values()))
        for name, table in tables.items():
            part = pd.DataFrame({"table": key, "result": _names(table, columns)})
            part["run"] = name
            for column in ("n", *_INTERVAL, "null", "p"):
                values = table.get(column, pd.Series(math.nan, index=table.index))
                part[column] = pd.to_numeric(values, errors="coerce").astype(float)
            part["null"] = part["null"].fillna(_null(table))
            parts.append(part)
    if not parts:
        return pd.DataFrame(columns=_ESTIMATES)
    return pd.concat(parts, ignore_index=True)[_ESTIMATES]


def _naming_columns(tables: Sequence[pd.DataFrame]) -> list[str]:
    first = list(tables[0].columns)
    before = first[: first.index("estimate")]
    texts = [
        name
        for name in before
        if name != "data_basis"
        and all(name in t and not pd.api.types.is_numeric_dtype(t[name]) for t in tables)
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
    if len(chosen) == 1 and all(_bare(table[chosen[0]]) for table in tables):
        chosen += texts[texts.index(chosen[0]) + 1 :][:1]
    telling = [name for name in chosen if any(table[name].nunique() > 1 for table in tables)]
    return telling or chosen[:1]


def _bare(column: pd.Series) -> bool:
    """Return whether a column holds ids only, which tell readers too little."""
    return bool(column.fillna("").astype(str).str.len().max() <= _ID)


def _apart(tables: Sequence[pd.DataFrame], columns: list[str]) -> bool:
    """Return whether the columns set the rows of each table apart."""
    return bool(columns) and not any(table.duplicated(columns).any() for table in tables)


def _names(table: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    names = pd.Series("", index=table.index)
    for column in columns:
        text = table[column].fillna("").astype(str).str.replace(_SIZE, "", regex=True)
        names = names.where(text == "", names + names.map(lambda n: " · " if n else "") + text)
    repeat = names.groupby(names).cumcount() + 1
    return names.where(repeat == 1, names + " (" + repeat.astype(str) + ")")


def _null(table: pd.DataFrame) -> pd.Series:
    """Return the null value that goes with the name of an effect size, if the table tells it."""
    unknown = pd.Series(math.nan, index=table.index)
    if "effect" not in table:
        return unknown
    effect = table["effect"].fillna("").astype(str).str.lower()
    return (
        unknown.mask(effect != "", 0.0)
        .mask(effect.str.contains("ratio"), 1.0)
        .mask(effect.str.contains("superiority"), 0.5)
    )


def estimate_changes(results: pd.DataFrame) -> pd.DataFrame:
    """Compare each result with the reference, which is the first run in the table.

    Args:
        results: as `estimates` returns them.

    Returns:
        One row per result: table, result, runs (that estimate it), estimate, low, high, null (of
        the reference), smallest, largest (estimate), shift (largest distance from the reference's
        estimate in half-widths of its interval), outside (runs whose estimate is outside of the
        reference's interval), sides (runs whose estimate is on the other side of the null value),
        verdicts (runs whose interval holds the null value and the reference's does not, or the
        other way round), reading (the most serious of these, in words).
    """
    runs = list(dict.fromkeys(results["run"]))
    rows = []
    for (table, result), part in results.groupby(["table", "result"], sort=False):
        by_run = part.set_index("run").reindex(runs)
        rows.append({"table": table, "result": result} | _changes(by_run))
    return pd.DataFrame(rows, columns=_CHANGES)


_CHANGES = [
    "table",
    "result",
    "runs",
    *_INTERVAL,
    "null",
    "smallest",
    "largest",
    "shift",
    "outside",
    "sides",
    "verdicts",
    "reading",
]


def _changes(part: pd.DataFrame) -> dict[str, Any]:
    base, estimate = part.iloc[0], part["estimate"]
    low, high, null = float(base["low"]), float(base["high"]), float(base["null"])
    distance = (estimate - base["estimate"]).abs()
    half = (high - low) / 2
    measurable = math.isfinite(half) and half > 0
    shift = float((distance / half).max()) if measurable else math.nan
    held = (part["low"] <= part["null"]) & (part["null"] <= part["high"])
    decided = part[["low", "high", "null"]].notna().all(axis=1)
    away = estimate - part["null"]
    counts = {
        "outside": int(((estimate < low) | (estimate > high)).sum()),
        "sides": int((away * float(away.iloc[0]) < 0).sum()),
        "verdicts": int((decided & (held != held.iloc[0])).sum()) if decided.iloc[0] else 0,
    }
    if all(part[name].nunique(dropna=False) == 1 for name in (*_INTERVAL, "p")):
        reading = SAME
    elif counts["verdicts"]:
        reading = VERDICT
    elif counts["sides"]:
        reading = SIDE
    elif estimate.isna().any():
        reading = PARTLY
    elif estimate.nunique() == 1:
        reading = INTERVAL
    else:
        reading = BEYOND if counts["outside"] else WITHIN
    return {
        "runs": int(estimate.notna().sum()),
        "estimate": float(base["estimate"]),
        "low": low,
        "high": high,
        "null": null,
        "smallest": float(estimate.min()),
        "largest": float(estimate.max()),
        "shift": shift,
        **counts,
        "reading": reading,
    }


def number_changes(runs: Sequence[RunResults]) -> pd.DataFrame:
    """Return the published numbers that are not the same in all runs.

    Returns:
        One row per number: notebook, key, description, unit, reference (its text in the first run;
        empty if that has none), smallest, largest (over runs; NaN for texts), different (runs that
        publish another text than the first), absent (runs that do not publish it).
    """
    columns = ["notebook", "key", "description", "unit", "reference", "smallest", "largest"]
    together = pd.concat([run.numbers.assign(run=run.name) for run in runs], ignore_index=True)
    rows = []
    for key, part in together.groupby("key", sort=False):
        texts = part.set_index("run")["text"].reindex([run.name for run in runs])
        reference = texts.iloc[0] if isinstance(texts.iloc[0], str) else ""
        different = int((texts.dropna() != reference).sum())
        absent = int(texts.isna().sum())
        if different or absent:
            first = part.iloc[0]
            rows.append(
                {
                    "notebook": first["notebook"],
                    "key": key,
                    "description": first["description"],
                    "unit": first["unit"],
                    "reference": reference,
                    "smallest": float(part["value"].min()),
                    "largest": float(part["value"].max()),
                    "different": different,
                    "absent": absent,
                }
            )
    return pd.DataFrame(rows, columns=[*columns, "different", "absent"])


# ── Showing ───────────────────────────────────────────────────────────────────────────────────────


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


def open_comparison(project: Project, runs: Sequence[RunResults]) -> Publisher:
    """Return the publisher of a comparison: labelled if any of the runs is synthetic."""
    publisher = project.publisher()
    publisher.synthetic = any(run.synthetic for run in runs)
    return publisher
