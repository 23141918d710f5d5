"""The same results across several runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlsec_survey.figures.style import BLUE, FAINT, INK, PAGE, new_figure, row_axes, segments

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
    places = np.arange(len(runs))
    for panel, (axes, name) in enumerate(zip(grid.flat, names, strict=False)):
        part = results[results["result"] == name].set_index("run").reindex(runs)
        edges = _edges(part)
        ends = part[["low", "high"]].to_numpy(dtype=float)
        low, high = np.clip(ends.T, *edges)
        segments(axes, (low, high), (places, places), color=BLUE)
        axes.plot(part["estimate"], places, "o", color=BLUE, ms=2.8)
        # An end at infinity is drawn to the edge, with an arrow.
        for end, edge, marker in zip(ends.T, edges, "<>", strict=True):
            infinite = places[np.isinf(end)]
            if infinite.size:
                axes.plot(np.full(infinite.size, edge), infinite, marker, color=BLUE, ms=2.8)
        for null in part["null"].dropna().head(1):
            axes.axvline(float(null), color=INK, lw=0.6)
        if panel % columns == 0:
            row_axes(axes, runs)
        else:
            axes.yaxis.set_visible(False)
            axes.spines["left"].set_visible(False)
        axes.set_title(name, fontsize=6.5)
        axes.grid(axis="x", color=FAINT)
    for axes in list(grid.flat)[len(names) :]:
        axes.remove()
    return figure


def _edges(part: pd.DataFrame) -> tuple[float, float]:
    """Return where intervals without an end stop: a little beyond all finite values."""
    values = part[["estimate", "low", "high", "null"]].to_numpy(dtype=float)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    margin = 0.25 * float(np.ptp(finite)) or 1.0
    return float(finite.min()) - margin, float(finite.max()) + margin
