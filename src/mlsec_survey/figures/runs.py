"""The same results across several runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlsec_survey.base.formatting import interval_text
from mlsec_survey.figures.absence import NOTHING, draw_absence
from mlsec_survey.figures.style import (
    BLUE,
    INK,
    Width,
    house_style,
    interval_rows,
    new_figure,
    row_axes,
    wrapped,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@house_style()
def draw_runs(results: pd.DataFrame, *, width: Width = "wide") -> Figure:
    """Draw each result's estimate and interval across runs, one panel per result.

    Args:
        results: columns result (label), run, estimate, low, high and null (NaN for none).
        width: three panels in a row, or narrow one.
    """
    if results.empty:
        return draw_absence()
    names, runs = (list(dict.fromkeys(results[column])) for column in ("result", "run"))
    columns = min(3 if width == "wide" else 1, len(names))
    rows = -(-len(names) // columns)
    titles = wrapped(names, 38 if width == "wide" else 56)
    lines = max(title.count("\n") for title in titles)
    figure = new_figure(width, (0.45 + 0.13 * (len(runs) + lines)) * rows + 0.2)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    places = np.arange(len(runs))
    for axes, name, title in zip(grid.flat, names, titles, strict=False):
        part = results[results["result"] == name].set_index("run").reindex(runs)
        edges = _edges(part)
        # An end at infinity is drawn to the edge, with an arrow.
        ends = part[["low", "high"]].astype(float)
        interval_rows(axes, places, part.assign(**ends.clip(*edges)), ("estimate", "low", "high"))
        for end, edge, marker in zip(ends.to_numpy().T, edges, "<>", strict=True):
            infinite = places[np.isinf(end)]
            axes.plot(np.full(infinite.size, edge), infinite, marker, color=BLUE, ms=2.8)
        for null in part["null"].dropna().head(1):
            axes.axvline(float(null), color=INK, lw=0.6)
        row_axes(axes, wrapped(runs, 20, lines=1))
        axes.set_title(title, fontsize=7)
        axes.grid(axis="x")
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


def describe_runs(results: pd.DataFrame) -> str:
    """Describe `draw_runs`: how far each estimate moves across runs."""
    if results.empty:
        return NOTHING
    parts = []
    for name, part in results.groupby("result", sort=False):
        low, high = float(part["estimate"].min()), float(part["estimate"].max())
        parts.append(f"{name} {interval_text(low, high, '2s')}")
    runs = results["run"].nunique()
    return f"Estimates across {runs} runs range, per result: {'; '.join(parts)}."
