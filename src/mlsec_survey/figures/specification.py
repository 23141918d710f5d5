"""The specification curve: all estimates in order, and below which choices made each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mlsec_survey.figures.absence import draw_absence
from mlsec_survey.figures.style import (
    BLUE,
    FAINT,
    GREY,
    INK,
    ORANGE,
    PAGE,
    new_figure,
    row_labels,
    segments,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def draw_specification_curve(
    curve: pd.DataFrame, choices: Mapping[str, str], effect: str, *, alpha: float = 0.05
) -> Figure:
    """Draw the curve with its dashboard.

    Args:
        curve: one row per specification with columns estimate, low, high, p, and one per choice.
            Without rows the figure says that there are none.
        choices: column of each choice → its label.
        effect: label of the common effect scale.
        alpha: p-values below it are marked.
    """
    if curve.empty:
        return draw_absence()
    table = curve.sort_values("estimate", kind="stable").reset_index(drop=True)
    options = {column: sorted(curve[column].unique()) for column in choices}
    height = 0.118 * (len(choices) + sum(map(len, options.values())))
    figure = new_figure(PAGE, 1.35 + height)
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=[1.25, height])
    x = table.index.to_numpy()
    clear = (table["p"] < alpha).to_numpy()
    butt: dict[str, Any] = {"solid_capstyle": "butt"}
    segments(top, (x, x), (table["low"], table["high"]), color=FAINT, lw=0.5, **butt)
    for found, colour in ((~clear, GREY), (clear, BLUE)):
        estimate = table["estimate"][found]
        ends = (x[found] - 0.5, x[found] + 0.5)
        segments(top, ends, (estimate, estimate), color=colour, lw=1.4, **butt)
    top.axhline(0, color=INK, lw=0.6)
    median = float(table["estimate"].median())
    top.axhline(median, color=ORANGE, lw=0.8, ls="--")
    top.annotate(
        f"median {median:.2f}",
        (0, median),  # at this end the estimates lie below the line
        xycoords=("axes fraction", "data"),
        xytext=(2, 2),
        textcoords="offset points",
        ha="left",
        fontsize=6,
        color=ORANGE,
    )
    top.set_ylabel(effect)
    top.set_title(f"{len(table):,} specifications; {int(clear.sum()):,} with p < {alpha:g} (blue)")
    heights, names = [], []
    marks = np.full((len(choices), len(table)), np.nan)
    y = 0.0
    for row, (column, label) in enumerate(choices.items()):
        y += 1.0
        below.text(
            -0.005 * len(table), y, label, ha="right", va="center", fontsize=5.8, fontweight="bold"
        )
        chosen = table[column].to_numpy()
        for option in options[column]:
            y += 1.0
            marks[row, chosen == option] = y
            heights.append(y)
            names.append(str(option).replace("_", " "))
    across, up = np.tile(x, len(choices)), marks.ravel()
    segments(below, (across, across), (up - 0.3, up + 0.3), color=BLUE, lw=0.45, **butt)
    row_labels(below, heights, names, fontsize=5.6)
    below.set_ylim(y + 0.8, 0.2)
    below.tick_params(length=0)
    below.spines["left"].set_visible(False)
    below.set_xlim(-0.01 * len(table), 1.01 * len(table))
    below.set_xlabel("specifications, ordered by estimate")
    return figure
