"""Shares with their intervals, each labelled with its count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from mlsec_survey.figures.style import (
    BLUE,
    COLUMN,
    GREEN,
    GREY,
    ORANGE,
    entries,
    new_figure,
    row_axes,
    segments,
    value_label,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_SERIES = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "D"), (GREY, "^"))


def draw_intervals(
    table: pd.DataFrame,
    *,
    row: str,
    series: str | None = None,
    axis: str,
    height: float | None = None,
    width: float = COLUMN,
) -> Figure:
    """Draw one row per category, in it one point with interval per series.

    Args:
        table: columns `row`, optionally `series`, and estimate, low, high (shares), count, n.
        row: column whose values are the rows, drawn in order of appearance.
        series: column whose values are told apart by colour, marker and a direct label.
        axis: label of the horizontal axis.
        height: inches; default by the number of rows.
        width: inches.
    """
    rows = list(dict.fromkeys(table[row]))
    names = [None] if series is None else list(dict.fromkeys(table[series]))
    step = 0.62 / max(len(names), 1)
    figure = new_figure(width, height or 0.5 + 0.24 * len(rows) * max(1, 0.62 * len(names)))
    axes = figure.add_subplot()
    for position, name in enumerate(names):
        colour, marker = _SERIES[position % len(_SERIES)]
        part = table if name is None else table[table[series] == name]
        offset = (position - (len(names) - 1) / 2) * step
        ys = np.array([rows.index(value) + offset for value in part[row]])
        segments(axes, (100 * part["low"], 100 * part["high"]), (ys, ys), color=colour, lw=1.3)
        axes.plot(100 * part["estimate"], ys, marker, color=colour, ms=3.4, clip_on=False)
        for y, entry in zip(ys, entries(part), strict=True):
            value_label(axes, 100 * entry.high, y, f"{int(entry.count)}/{int(entry.n)}")
    row_axes(axes, [str(name) for name in rows])
    largest = 100 * float(table["high"].max())
    axes.set_xlim(left=0, right=min(largest * 1.22 + 0.5, 120))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    axes.set_xlabel(axis)
    axes.grid(axis="x")
    if series is not None:
        handles = [
            axes.plot([], [], marker=marker, color=colour, ms=3.4, lw=1.3, label=str(name))[0]
            for name, (colour, marker) in zip(names, _SERIES, strict=False)
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=len(names))
    return figure
