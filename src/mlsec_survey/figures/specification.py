"""The specification curve: all estimates in order, and below which choices made each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mlsec_survey.figures.absence import draw_absence
from mlsec_survey.figures.style import BLUE, FAINT, GREY, INK, ORANGE, PAGE, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike


def _segments(
    axes: Axes, x: tuple[ArrayLike, ArrayLike], y: tuple[ArrayLike, ArrayLike], **style: Any
) -> None:
    """Draw a line from (x₁, y₁) to (x₂, y₂) for each specification, all of them as one path."""
    ends = np.broadcast_arrays(*x, *y)
    gap = np.full(len(ends[0]), np.nan)
    across, up = np.stack([*ends[:2], gap], axis=1), np.stack([*ends[2:], gap], axis=1)
    axes.plot(across.ravel(), up.ravel(), solid_capstyle="butt", **style)


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
    rows = [
        (column, option)
        for column in choices
        for option in dict.fromkeys(curve[column].sort_values())
    ]
    figure = new_figure(PAGE, 1.35 + 0.118 * (len(rows) + len(choices)))
    top, below = figure.subplots(
        2, 1, sharex=True, gridspec_kw={"height_ratios": [1.25, 0.118 * (len(rows) + len(choices))]}
    )
    x = table.index.to_numpy()
    clear = (table["p"] < alpha).to_numpy()
    _segments(top, (x, x), (table["low"], table["high"]), color=FAINT, lw=0.5)
    for found, colour in ((~clear, GREY), (clear, BLUE)):
        estimate = table["estimate"][found]
        _segments(top, (x[found] - 0.5, x[found] + 0.5), (estimate, estimate), color=colour, lw=1.4)
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
    ticks, names = [], []
    y = 0.0
    previous = None
    for column, option in rows:
        y += 1.0 if column == previous else 2.0
        if column != previous:
            below.text(
                -0.005 * len(table),
                y - 1.0,
                choices[column],
                ha="right",
                va="center",
                fontsize=5.8,
                fontweight="bold",
            )
        previous = column
        chosen = (table[column] == option).to_numpy()
        _segments(below, (x[chosen], x[chosen]), ([y - 0.3], [y + 0.3]), color=BLUE, lw=0.45)
        ticks.append(y)
        names.append(str(option).replace("_", " "))
    below.set_yticks(ticks, names, fontsize=5.6)
    below.set_ylim(y + 0.8, 0.2)
    below.tick_params(length=0)
    below.spines["left"].set_visible(False)
    below.set_xlim(-0.01 * len(table), 1.01 * len(table))
    below.set_xlabel("specifications, ordered by estimate")
    return figure
