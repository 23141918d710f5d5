"""All pairs of attacks compared within respondents, in one compact triangle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlsec_survey.figures.style import (
    BLUE,
    COLUMN,
    GREY,
    INK,
    ORANGE,
    cell_text,
    entries,
    new_figure,
    row_labels,
    wrapped,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def draw_pairwise(pairs: pd.DataFrame, *, alpha: float = 0.05) -> Figure:
    """Draw a triangle of rank-biserial correlations, the attack of the row against the column's.

    Bold with a frame: adjusted p below `alpha`. Positive: the attack of the row is rated higher.

    Args:
        pairs: one row per pair with columns first, second (labels), effect (rank-biserial
            correlation, positive when `first` is rated higher) and p_adjusted.
        alpha: level at which a pair counts as told apart.
    """
    rows = list(dict.fromkeys(pairs["first"]))
    columns = list(dict.fromkeys(pairs["second"]))
    figure = new_figure(COLUMN, 0.75 + 0.25 * len(rows))
    axes = figure.add_subplot()
    for pair in entries(pairs):
        x, y = columns.index(pair.second), rows.index(pair.first)
        clear = pair.p_adjusted < alpha
        # Nobody who rated both sees a difference: no correlation, and no colour.
        known = np.isfinite(pair.effect)
        strength = min(abs(float(pair.effect)), 1) if known else 0.0
        colour = BLUE if pair.effect > 0 else ORANGE
        xs = [x - 0.46, x + 0.46, x + 0.46, x - 0.46, x - 0.46]
        ys = [y - 0.44, y - 0.44, y + 0.44, y + 0.44, y - 0.44]
        axes.fill(xs, ys, facecolor=colour, alpha=0.55 * strength, lw=0)
        if clear:
            axes.plot(xs, ys, color=INK, lw=0.8)
        cell_text(
            axes,
            x,
            y,
            f"{pair.effect:+.2f}".replace("-", "−") if known else "–",
            fontsize=6.2,
            fontweight="bold" if clear else "normal",
        )
    axes.set_xticks(range(len(columns)), wrapped(columns, 11), fontsize=6)
    row_labels(axes, range(len(rows)), wrapped(rows, 20), fontsize=6.3)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.text(
        -0.45,
        len(rows) - 0.55,
        f"framed: Holm-adjusted p < {alpha:g}",
        fontsize=6,
        color=GREY,
        va="bottom",
    )
    return figure
