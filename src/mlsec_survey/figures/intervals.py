"""Shares with their intervals, each labelled with its count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from mlsec_survey.base.formatting import interval_text, percent_text
from mlsec_survey.figures.absence import NOTHING, draw_absence
from mlsec_survey.figures.style import (
    LINES,
    MARKERS,
    entries,
    house_style,
    interval_rows,
    new_figure,
    pitch,
    row_axes,
    value_label,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@house_style()
def draw_intervals(
    table: pd.DataFrame, *, row: str, series: str | None = None, axis: str
) -> Figure:
    """Draw one row per category, in it one point with interval per series.

    Args:
        table: columns `row`, optionally `series`, and estimate, low, high (shares), count, n; a
            share that nobody counted has no count.
        row: column whose values are the rows, drawn in order of appearance.
        series: column whose values are told apart by colour, marker and a key.
        axis: label of the horizontal axis.
    """
    if table.empty:
        return draw_absence()
    rows = list(dict.fromkeys(table[row]))
    groups: list[Any] = [("", table)] if series is None else list(table.groupby(series, sort=False))
    labels = wrapped(rows, 22)
    step = 0.62 / len(groups)
    height = pitch(labels, 0.24 * max(1, 0.62 * len(groups))) * len(rows)
    figure = new_figure("narrow", 0.5 + height)
    axes = figure.add_subplot()
    key = []
    for position, (name, part) in enumerate(groups):
        colour, marker = LINES[position % len(LINES)][0], MARKERS[position % len(MARKERS)]
        offset = (position - (len(groups) - 1) / 2) * step
        ys = np.array([rows.index(value) + offset for value in part[row]])
        names = ("estimate", "low", "high")
        interval_rows(axes, ys, part, names, marker=marker, colour=colour, factor=100)
        for y, entry in zip(ys, entries(part), strict=True):
            value_label(axes, 100 * entry.high, y, _counted(entry, "/"))
        key.append(Line2D([], [], marker=marker, color=colour, ms=3.4, lw=1.3, label=str(name)))
    row_axes(axes, labels)
    largest = 100 * float(table["high"].max())
    axes.set_xlim(left=-0.5, right=min(largest * 1.25 + 0.5, 122))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    axes.set_xlabel(axis)
    axes.grid(axis="x")
    if series is not None:
        figure.legend(handles=key, loc="outside upper center", ncols=min(len(key), 3))
    return figure


def describe_intervals(
    table: pd.DataFrame, *, row: str, series: str | None = None, confidence: float = 0.95
) -> str:
    """Describe `draw_intervals`: each share with count and interval, largest first."""
    if table.empty:
        return NOTHING
    parts = []
    groups: list[Any] = [("", table)] if series is None else list(table.groupby(series, sort=False))
    for name, part in groups:
        values = [
            f"{getattr(entry, row)} {_counted(entry, ' of ')}, "
            f"{percent_text(entry.estimate)} "
            f"({interval_text(entry.low, entry.high, 0, percent=True)})"
            for entry in entries(part.sort_values("estimate", ascending=False, kind="stable"))
        ]
        parts.append((f"{name}: " if name else "") + "; ".join(values))
    return f"Shares with {100 * confidence:g} % intervals. " + ". ".join(parts) + "."


def _counted(entry: Any, between: str) -> str:
    """Return count and n in words, n alone where nothing was counted."""
    if pd.isna(entry.count):
        return f"n = {int(entry.n)}"
    return f"{int(entry.count)}{between}{int(entry.n)}"
