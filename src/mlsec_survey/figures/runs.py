"""The same results across several runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlsec_survey.figures.style import BLUE, FAINT, INK, PAGE, entries, new_figure, row_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def draw_runs(results: pd.DataFrame) -> Figure:
    """Draw each result's estimate and interval across runs, one panel per result.

    Args:
        results: columns result (label), run, estimate, low, high and null (NaN for none).
    """
    names = list(dict.fromkeys(results["result"]))
    runs = list(dict.fromkeys(results["run"]))
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure = new_figure(PAGE, (0.42 + 0.13 * len(runs)) * rows + 0.2)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes, name in zip(grid.flat, names, strict=False):
        part = results[results["result"] == name].set_index("run").reindex(runs)
        edges = _edges(part)
        for y, entry in enumerate(entries(part)):
            axes.plot(np.clip([entry.low, entry.high], *edges), [y, y], color=BLUE)
            axes.plot(entry.estimate, y, "o", color=BLUE, ms=2.8)
            # An end at infinity is drawn to the edge, with an arrow.
            for end, edge, marker in zip((entry.low, entry.high), edges, "<>", strict=True):
                if np.isinf(end):
                    axes.plot(edge, y, marker, color=BLUE, ms=2.8)
        for null in part["null"].dropna().head(1):
            axes.axvline(float(null), color=INK, lw=0.6)
        row_axes(axes, runs)
        axes.set_title(name, fontsize=6.5)
        axes.grid(axis="x", color=FAINT)
    for axes in list(grid.flat)[len(names) :]:
        axes.set_axis_off()
    return figure


def _edges(part: pd.DataFrame) -> tuple[float, float]:
    """Return where intervals without an end stop: a little beyond all finite values."""
    values = part[["estimate", "low", "high", "null"]].to_numpy(dtype=float)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    margin = 0.25 * float(np.ptp(finite)) or 1.0
    return float(finite.min()) - margin, float(finite.max()) + margin
