"""Effects of all hypotheses with their intervals, and the shape behind one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlsec_survey.base.formatting import as_text
from mlsec_survey.figures.absence import draw_absence
from mlsec_survey.figures.style import (
    BLUE,
    COLUMN,
    FAINT,
    GREY,
    INK,
    PAGE,
    cell_text,
    entries,
    new_figure,
    row_axes,
    segments,
    value_label,
    wrapped,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOG_EFFECTS = ("odds ratio", "rate ratio")


_TICKS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20)
_COLUMNS = (
    (0.43, "effect [{level:g} % interval]"),
    (0.55, "n"),
    (0.76, "p"),
    (0.99, "adjusted p"),
)


def draw_forest(effects: pd.DataFrame, *, confidence: float = 0.95) -> Figure:
    """Draw one panel per effect size, one row per hypothesis, with n, p and adjusted p beside it.

    A full blue circle marks an interval that excludes the null; grey bands are the effects too
    small to be of interest.

    Args:
        effects: columns label, effect (name of the effect size), estimate, low, high, null, n,
            p_text, p_adjusted_text, sesoi_low, sesoi_high (range without interest; NaN for none).
            Without rows the figure says that there are none.
        confidence: level of the intervals.
    """
    if effects.empty:
        return draw_absence()
    names = list(dict.fromkeys(effects["effect"]))
    heights = [int((effects["effect"] == name).sum()) + 1.35 for name in names]
    figure = new_figure(PAGE, 0.19 * sum(heights) + 0.13 * len(names) + 0.1)
    grid = figure.subplots(
        len(names), 2, squeeze=False, height_ratios=heights, width_ratios=(1.5, 1.25)
    )
    for (axes, side), name in zip(grid, names, strict=True):
        part = effects[effects["effect"] == name].reset_index(drop=True)
        log = any(word in name.lower() for word in _LOG_EFFECTS)
        limits = _limits(part, log)
        for y, entry in enumerate(entries(part)):
            if np.isfinite(entry.sesoi_low) and np.isfinite(entry.sesoi_high):
                axes.fill_betweenx(
                    [y - 0.42, y + 0.42], entry.sesoi_low, entry.sesoi_high, color=FAINT, lw=0
                )
            clear = entry.low > entry.null or entry.high < entry.null
            colour = BLUE if clear else GREY
            # An end at infinity (or at zero on a log scale) is drawn to the edge, with an arrow.
            low, high = np.clip([entry.low, entry.high], *limits)
            axes.plot([low, high], [y, y], color=colour, lw=1.4)
            for end, marker in ((entry.low, "<"), (entry.high, ">")):
                if not limits[0] <= end <= limits[1]:
                    edge = limits[0] if marker == "<" else limits[1]
                    axes.plot(edge, y, marker, color=colour, ms=3.4)
            axes.plot(entry.estimate, y, "o" if clear else "D", color=colour, ms=3.4)
            cells = (
                f"{as_text(entry.estimate, 2)} [{as_text(entry.low, 2)}, {as_text(entry.high, 2)}]",
                f"{int(entry.n)}",
                entry.p_text,
                entry.p_adjusted_text,
            )
            for (x, _), text in zip(_COLUMNS, cells, strict=True):
                cell_text(side, x, y, text, ha="right", fontsize=6.5)
        axes.axvline(float(part["null"].iloc[0]), color=INK, lw=0.7)
        row_axes(axes, list(part["label"]), 60)
        side.set_axis_off()
        side.set_xlim(0, 1)
        side.set_ylim(axes.get_ylim())
        if log:
            _log_ticks(axes)
        axes.set_title(name)
        axes.grid(axis="x", color=FAINT)
    for x, head in _COLUMNS:
        words = head.format(level=100 * confidence)
        grid[0, 1].text(x, -0.62, words, ha="right", va="bottom", fontsize=6, color=GREY)
    return figure


def _limits(part: pd.DataFrame, log: bool) -> tuple[float, float]:
    """Return the range to draw: all finite ends, on a log scale within 50-fold of the null."""
    values = part[["estimate", "low", "high", "null"]].to_numpy(dtype=float)
    values = values[np.isfinite(values)]
    if not log:
        return float(values.min()), float(values.max())
    null = float(part["null"].iloc[0])
    inside = values[(values > null / 50) & (values < null * 50)]
    return float(inside.min()), float(inside.max())


def _log_ticks(axes: Axes) -> None:
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    inside = [tick for tick in _TICKS if low <= tick <= high]
    axes.set_xticks(inside, [f"{tick:g}" for tick in inside])
    axes.set_xticks([], minor=True)


def draw_dose_response(panels: list[tuple[str, str, pd.DataFrame]], outcome: str) -> Figure:
    """Draw the mean outcome with its interval for each level of a predictor, n below each level.

    Args:
        panels: title, axis label and table per predictor; a table has one row per level with
            columns label, mean, low, high and n.
        outcome: label of the vertical axis.
    """
    if not panels:
        return draw_absence()
    widths = [len(table) + 0.5 for _, _, table in panels]
    figure = new_figure(COLUMN, 2.2)
    grid = figure.subplots(1, len(panels), sharey=True, width_ratios=widths, squeeze=False)[0]
    for axes, (title, label, table), share in zip(grid, panels, widths, strict=True):
        xs = np.arange(len(table))
        segments(axes, (xs, xs), (table["low"], table["high"]), color=BLUE)
        axes.plot(xs, table["mean"], "o", color=BLUE, ms=3.8)
        for x, entry in enumerate(entries(table)):
            value_label(axes, x, entry.mean, f"{entry.mean:.1f}")
            n = f"n = {int(entry.n)}" if x == 0 else f"{int(entry.n)}"
            axes.annotate(
                n,
                (x, 0),
                xycoords=("data", "axes fraction"),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                fontsize=5.8,
                color=GREY,
            )
        names = wrapped([str(name) for name in table["label"]], 8)
        axes.set_xticks(range(len(table)), names, fontsize=5.8)
        axes.set_xlim(-0.6, len(table) - 0.25)
        axes.set_title(title)
        axes.set_xlabel("\n".join(wrapped([label], int(46 * share / sum(widths)))), fontsize=6.5)
        axes.grid(axis="y")
    grid[0].set_ylabel(outcome)
    grid[0].set_ylim(bottom=min(0, *(float(table["low"].min()) for _, _, table in panels)))
    figure.align_xlabels(list(grid))
    return figure
