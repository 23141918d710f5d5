"""Effects of all hypotheses with their intervals, and the shape behind one of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from mlsec_survey.base.formatting import as_text, interval_text, listed
from mlsec_survey.figures.absence import NOTHING, draw_absence
from mlsec_survey.figures.style import (
    BLUE,
    FAINT,
    GREY,
    INK,
    SMALL,
    Width,
    cell_text,
    entries,
    folded,
    house_style,
    new_figure,
    row_axes,
    value_label,
    wrapped,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TICKS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 50)
# Where the columns beside a wide plot end, and their headings.
_COLUMNS = ((0.40, "effect [{level:g} % interval]"), (0.50, "n"), (0.71, "p"), (0.99, "adjusted p"))


@house_style()
def draw_forest(
    effects: pd.DataFrame,
    *,
    confidence: float = 0.95,
    alpha: float = 0.05,
    width: Width = "wide",
) -> Figure:
    """Draw one panel per effect size, one row per hypothesis, with n, p and adjusted p.

    A blue circle marks what is found after correction, a grey diamond what is not; grey bands are
    the effects too small to be of interest. Intervals are not corrected, and the figure says so.

    Args:
        effects: columns label, effect (name of the effect size), estimate, low, high, null, n,
            p_adjusted, p_text, p_adjusted_text, sesoi_low, sesoi_high (range without interest; NaN
            for none). Without rows the figure says that there are none.
        confidence: level of the intervals.
        alpha: level at which an adjusted p counts as found.
        width: wide, numbers stand in columns beside the plot; narrow, label and numbers stand above
            and below each interval.
    """
    if effects.empty:
        return draw_absence()
    narrow = width == "narrow"
    panels = list(effects.groupby("effect", sort=False))
    row, head = (0.46, 0.6) if narrow else (0.19, 0.38)
    heights = [row * len(part) + head for _, part in panels]
    figure = new_figure(width, sum(heights) + 0.25)
    options: dict[str, Any] = {"height_ratios": heights, "squeeze": False}
    if narrow:
        grid = figure.subplots(len(panels), 1, **options)
    else:
        grid = figure.subplots(len(panels), 2, width_ratios=(1.5, 1.25), **options)
    for row_of_axes, (name, part) in zip(grid, panels, strict=True):
        axes = row_of_axes[0]
        null = float(part["null"].iloc[0])
        # Of ratios, and of them alone, the null is 1; they multiply.
        log = null == 1
        limits = _limits(part, log)
        for y, entry in enumerate(entries(part)):
            _interval(axes, y, entry, limits, alpha, 0.16 if narrow else 0.42)
        if narrow:
            _texts_around(axes, part)
            rows = np.arange(len(part))
            axes.vlines(np.full(len(part), null), rows - 0.16, rows + 0.16, color=INK, lw=0.7)
        else:
            axes.axvline(null, color=INK, lw=0.7)
            row_axes(axes, wrapped(list(part["label"]), 60, lines=1))
            _columns(row_of_axes[1], axes, part)
        if log:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(FixedLocator(_TICKS))
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.xaxis.set_minor_locator(NullLocator())
        axes.set_title(name)
        if not narrow:
            axes.grid(axis="x")
    if not narrow:
        for x, words in _COLUMNS:
            words = words.format(level=100 * confidence)
            grid[0, 1].text(x, -0.62, words, ha="right", va="bottom", fontsize=SMALL, color=GREY)
    note = (
        f"blue circle: adjusted p < {alpha:g}; {100 * confidence:g} % intervals are not adjusted; "
        "grey: too small to be of interest"
    )
    words = folded(note, 56 if narrow else 66)
    grid[-1, 0].set_xlabel(words, fontsize=SMALL, color=GREY)
    return figure


def _interval(
    axes: Axes, y: int, entry: Any, limits: tuple[float, float], alpha: float, band: float
) -> None:
    """Draw a row: range without interest, interval, estimate."""
    if np.isfinite(entry.sesoi_low) and np.isfinite(entry.sesoi_high):
        edges = [y - band, y + band]
        axes.fill_betweenx(edges, entry.sesoi_low, entry.sesoi_high, color=FAINT, lw=0)
    found = entry.p_adjusted < alpha
    colour = BLUE if found else GREY
    # An end at infinity (or at zero on a log scale) is drawn to the edge, with an arrow.
    low, high = np.clip([entry.low, entry.high], *limits)
    axes.plot([low, high], [y, y], color=colour, lw=1.4)
    for end, edge, marker in ((entry.low, limits[0], "<"), (entry.high, limits[1], ">")):
        if end < limits[0] or end > limits[1]:
            axes.plot(edge, y, marker, color=colour, ms=3.4)
    axes.plot(entry.estimate, y, "o" if found else "D", color=colour, ms=3.4)


def _effect_text(entry: Any) -> str:
    if math.isnan(entry.low):
        return f"{as_text(entry.estimate, 2)} [–]"
    return f"{as_text(entry.estimate, 2)} [{as_text(entry.low, 2)}, {as_text(entry.high, 2)}]"


def _columns(side: Axes, axes: Axes, part: pd.DataFrame) -> None:
    """Write numbers in columns beside their rows."""
    side.set_axis_off()
    side.set_xlim(0, 1)
    side.set_ylim(axes.get_ylim())
    for y, entry in enumerate(entries(part)):
        cells = (_effect_text(entry), f"{int(entry.n)}", entry.p_text, entry.p_adjusted_text)
        for (x, _), text in zip(_COLUMNS, cells, strict=True):
            cell_text(side, x, y, text, ha="right")


def _texts_around(axes: Axes, part: pd.DataFrame) -> None:
    """Write each row's label above and its numbers below its interval."""
    row_axes(axes, [""] * len(part))
    style: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "fontsize": SMALL}
    for y, entry in enumerate(entries(part)):
        axes.text(0, y - 0.2, folded(entry.label, 62, lines=1), va="bottom", **style)
        words = f"{_effect_text(entry)}, n {int(entry.n)}, p {entry.p_text or '–'}, "
        words += f"adjusted {entry.p_adjusted_text or '–'}"
        axes.text(0, y + 0.2, words, va="top", color=GREY, **style)


def _limits(part: pd.DataFrame, log: bool) -> tuple[float, float]:
    """Return the range to draw: all finite ends, on a log scale within 50-fold of the null."""
    ends = part[["estimate", "low", "high", "null"]].to_numpy(dtype=float)
    null = float(part["null"].iloc[0])
    near = np.isfinite(ends) & ((ends > null / 50) & (ends < null * 50) | (not log))
    low, high = float(ends[near].min()), float(ends[near].max())
    # Room for the arrow of an end that is further away.
    if (ends > high).any():
        high = 1.5 * high if log else high + 0.1 * (high - low)
    if (ends < low).any():
        low = low / 1.5 if log else low - 0.1 * (high - low)
    return low, high


def describe_forest(effects: pd.DataFrame, *, confidence: float = 0.95, alpha: float = 0.05) -> str:
    """Describe `draw_forest`: what is found after correction, and all estimates."""
    if effects.empty:
        return NOTHING
    found = list(effects.loc[effects["p_adjusted"] < alpha, "label"])
    parts = [
        f"{e.label}, {e.effect} {as_text(float(e.estimate), 2)} "
        f"({'no interval' if math.isnan(e.low) else interval_text(float(e.low), float(e.high))})"
        for e in entries(effects)
    ]
    verdict = (
        f"The adjusted p is below {alpha:g} for {listed(found)}."
        if found
        else f"No adjusted p is below {alpha:g}."
    )
    return (
        f"{verdict} Estimates with {100 * confidence:g} % intervals, which are not adjusted: "
        f"{'; '.join(parts)}."
    )


@house_style()
def draw_dose_response(panels: Sequence[tuple[str, str, pd.DataFrame]], outcome: str) -> Figure:
    """Draw the mean outcome with its interval for each level of a predictor, n below each level.

    Args:
        panels: title, axis label and table per predictor; a table has one row per level with
            columns label, mean, low, high and n.
        outcome: label of the vertical axis.
    """
    if not panels:
        return draw_absence()
    widths = [len(table) + 0.5 for _, _, table in panels]
    figure = new_figure("narrow", 2.4)
    grid = figure.subplots(1, len(panels), sharey=True, width_ratios=widths, squeeze=False)[0]
    for axes, (title, label, table), share in zip(grid, panels, widths, strict=True):
        xs = np.arange(len(table))
        axes.vlines(xs, table["low"], table["high"], color=BLUE, lw=1.3)
        axes.plot(xs, table["mean"], "o", color=BLUE, ms=3.8)
        for x, entry in enumerate(entries(table)):
            value_label(axes, x, entry.mean, f"{entry.mean:.1f}")
        counts = [f"{int(n)}" for n in table["n"]]
        counts[0] = f"n = {counts[0]}"
        names = wrapped(list(table["label"]), 8)
        heads = [f"{name}\n{count}" for name, count in zip(names, counts, strict=True)]
        axes.set_xticks(xs, heads)
        axes.set_xlim(-0.6, len(table) - 0.25)
        axes.set_title(folded(title, max(int(44 * share / sum(widths)), 12)))
        axes.set_xlabel(folded(label, max(int(46 * share / sum(widths)), 12)))
        axes.grid(axis="y")
    grid[0].set_ylabel(outcome)
    grid[0].set_ylim(bottom=min(0, *(float(table["low"].min()) for _, _, table in panels)))
    figure.align_xlabels(list(grid))
    return figure


def describe_dose_response(panels: Sequence[tuple[str, str, pd.DataFrame]], outcome: str) -> str:
    """Describe `draw_dose_response`: the mean outcome per level."""
    if not panels:
        return NOTHING
    sentences = []
    for title, _, table in panels:
        values = [
            f"{' '.join(str(e.label).split())} {as_text(float(e.mean), 1)} (n = {int(e.n)})"
            for e in entries(table)
        ]
        sentences.append(f"{title}: {listed(values)}.")
    return f"Mean {outcome} by level. " + " ".join(sentences)
