"""Ratings of attacks: diverging stacked bars, mean ranks, and all answers on an attack together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mlsec_survey.figures.style import (
    BLUE,
    COLUMN,
    DIVERGING,
    FAINT,
    GREEN,
    GREY,
    INK,
    ORANGE,
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
    from matplotlib.container import BarContainer
    from matplotlib.figure import Figure
    from numpy.typing import NDArray


_SHARES = [f"share_{k}" for k in range(1, 6)]
_SIDE = ((116, "n", "n"), (143, "dont_know", "don't\nknow"), (178, "no_answer", "no\nanswer"))


def draw_ratings(
    panels: Sequence[tuple[str, pd.DataFrame]], options: Sequence[Sequence[str]]
) -> Figure:
    """Draw diverging stacked bars, centred on the middle option, side by side for several items.

    Those who gave no rating are counted at the side and are no part of the bars.

    Args:
        panels: title and table per item; a table has one row per sub-question with columns label,
            share_1 … share_5 (of those who rated), n (who rated), dont_know and no_answer (counts).
        options: labels of the five response options per item, lowest first.
    """
    rows = max(len(table) for _, table in panels)
    figure = new_figure(PAGE if len(panels) > 1 else COLUMN, 0.95 + 0.22 * rows)
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, table), names in zip(grid, panels, options, strict=True):
        handles = _diverging_bars(axes, 100 * table[_SHARES].to_numpy(dtype=float))
        for x, column, head in _SIDE:
            for y, count in enumerate(table[column]):
                cell_text(axes, x, y, f"{int(count)}", ha="right")
            axes.text(x, -0.58, head, ha="right", va="bottom", fontsize=5.6, color=GREY)
        row_axes(axes, list(table["label"]), 14)
        axes.set_ylim(len(table) - 0.5, -0.5)
        axes.axvline(0, color=INK, lw=0.5, zorder=0.5)
        axes.set_xlim(-100, 180)
        axes.set_xticks([-100, -50, 0, 50, 100], ["100", "50", "0", "50", "100"])
        axes.set_xlabel("% of those who rated", x=100 / 280)
        axes.spines["bottom"].set_bounds(-100, 100)
        axes.set_title(title, pad=10)
        axes.legend(
            handles,
            wrapped(names, 11),
            loc="upper center",
            bbox_to_anchor=(0.45, -0.22 * 6 / rows),
            ncols=5,
            fontsize=5.8,
            handlelength=0.9,
            columnspacing=0.8,
            handletextpad=0.3,
        )
    return figure


def _diverging_bars(axes: Axes, shares: NDArray[np.float64]) -> list[BarContainer]:
    """Draw shares, rows × options in per cent, and return the bars of each option."""
    left = -(shares[:, 0] + shares[:, 1] + shares[:, 2] / 2)
    rows = np.arange(len(shares))
    bars = []
    for part, colour in zip(shares.T, DIVERGING, strict=True):
        bars.append(
            axes.barh(rows, part, left=left, height=0.72, color=colour, edgecolor="white", lw=0.4)
        )
        light = "white" if colour in (DIVERGING[0], DIVERGING[-1]) else INK
        for y in np.flatnonzero(part >= 9).tolist():
            cell_text(axes, left[y] + part[y] / 2, y, f"{part[y]:.0f}", color=light)
        left = left + part
    return bars


def draw_ranking(ranks: pd.DataFrame) -> Figure:
    """Draw mean ranks with intervals, most relevant on top, and top-two-box shares beside them.

    Args:
        ranks: one row per attack with columns label, mean_rank, low, high (1 = most relevant),
            share, share_low, share_high (of ratings in the two highest options) and n.
    """
    table = ranks.sort_values("mean_rank", kind="stable")
    figure = new_figure(COLUMN, 0.75 + 0.22 * len(table))
    left, right = figure.subplots(1, 2, sharey=True)
    ys = np.arange(len(table))
    segments(left, (table["low"], table["high"]), (ys, ys), color=BLUE)
    left.plot(table["mean_rank"], ys, "o", color=BLUE, ms=3.4)
    ends = (100 * table["share_low"], 100 * table["share_high"])
    segments(right, ends, (ys, ys), color=ORANGE)
    right.plot(100 * table["share"], ys, "s", color=ORANGE, ms=3.2)
    for y, entry in enumerate(entries(table)):
        value_label(left, entry.high, y, f"{entry.mean_rank:.2f}")
        value_label(right, 100 * entry.share_high, y, f"{100 * entry.share:.0f} %")
    row_axes(left, list(table["label"]), 16)
    right.spines["left"].set_visible(False)
    middle = (len(table) + 1) / 2
    furthest = max(abs(table["low"].min() - middle), abs(table["high"].max() - middle))
    left.set_xlim(middle - 1.1 * furthest, middle + 1.6 * furthest)
    left.axvline(middle, color=GREY, lw=0.6, ls=":")
    left.set_xlabel("mean rank\n(1 = most relevant)")
    right.set_xlim(0, 100 * float(table["share_high"].max()) * 1.4)
    right.set_xlabel(f"top two options, %\n({_n_text(table['n'])})")
    for axes in (left, right):
        axes.grid(axis="x")
    return figure


def draw_attack_profile(profile: pd.DataFrame) -> Figure:
    """Draw occurrence, concern and relevance of each attack side by side in one row per attack.

    The panels share one scale, so that lengths compare between them; the highest value of each
    panel is bold.

    Args:
        profile: one row per attack and measure with columns label, measure, estimate, low, high
            (shares) and n; measures in order of appearance.
    """
    labels = list(dict.fromkeys(profile["label"]))
    measures = list(dict.fromkeys(profile["measure"]))
    figure = new_figure(PAGE, 0.62 + 0.22 * len(labels))
    grid = figure.subplots(1, len(measures), sharey=True, sharex=True)
    for axes, measure, colour in zip(grid, measures, (ORANGE, BLUE, GREEN, GREY), strict=False):
        part = profile[profile["measure"] == measure].set_index("label").loc[labels]
        largest = float(part["estimate"].max())
        ys, estimates = np.arange(len(part)), 100 * part["estimate"]
        axes.barh(ys, estimates, height=0.62, color=colour, alpha=0.28)
        segments(axes, (100 * part["low"], 100 * part["high"]), (ys, ys), color=colour)
        axes.plot(estimates, ys, "o", color=colour, ms=3.2)
        for y, entry in enumerate(entries(part)):
            # Values that read alike are set alike.
            highest = round(100 * entry.estimate) == round(100 * largest)
            weight = "bold" if highest else "normal"
            value_label(
                axes, 100 * entry.high, y, f"{100 * entry.estimate:.0f} %", fontweight=weight
            )
        axes.set_xlabel(f"% of respondents ({_n_text(part['n'])})")
        axes.set_title(measure)
        axes.grid(axis="x", color=FAINT)
        axes.spines["left"].set_visible(False)
    row_axes(grid[0], labels)
    grid[0].set_xlim(0, min(118, 100 * float(profile["high"].max()) * 1.2))
    return figure


def _n_text(n: pd.Series) -> str:
    low, high = int(n.min()), int(n.max())
    return f"n = {low}" if low == high else f"n = {low} to {high}"
