"""Coded concerns: how often each stands behind each attack, and which occur together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlsec_survey.figures.absence import NO_REASONS, draw_absence
from mlsec_survey.figures.style import (
    BLUE,
    COLUMN,
    FAINT,
    GREY,
    INK,
    PAGE,
    cell_text,
    new_figure,
    row_labels,
    segments,
    wrapped,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def draw_code_by_attack(
    counts: pd.DataFrame,
    residuals: pd.DataFrame,
    replies: pd.Series,
    firm: pd.DataFrame | None = None,
) -> Figure:
    """Draw a table of counts shaded by share of reasons; marked residuals stand out from chance.

    Args:
        counts: codes (rows, labels as index) × attacks (columns, labels): reasons with the code.
        residuals: adjusted standardised residuals of the same shape.
        replies: coded reasons per attack, same columns; the denominators.
        firm: of the same shape, true where a cell also departs from chance after correction for the
            number of cells; such cells get a full mark, other marked ones a hollow one.
    """
    if counts.empty:
        return draw_absence(NO_REASONS)
    figure = new_figure(PAGE, (0.84 if firm is None else 0.96) + 0.2 * len(counts))
    axes = figure.add_subplot()
    shares = counts / replies
    axes.imshow(
        shares.to_numpy(),
        cmap="Blues",
        vmin=0,
        vmax=max(0.5, float(np.nanmax(shares.to_numpy(dtype=float)))),
        aspect="auto",
    )
    beyond = residuals.to_numpy(dtype=float)
    numbers, parts = counts.to_numpy(dtype=int), shares.to_numpy(dtype=float)
    for i in range(len(counts)):
        for j in range(counts.shape[1]):
            residual = beyond[i, j]
            full = firm is None or bool(firm.to_numpy()[i, j])
            up, down = (" ▲", " ▼") if full else (" △", " ▽")
            mark = up if residual > 1.96 else down if residual < -1.96 else ""
            cell_text(
                axes,
                j,
                i,
                f"{numbers[i, j]}{mark}",
                fontsize=6.5,
                color="white" if parts[i, j] > 0.34 else INK,
                fontweight="bold" if mark and full else "normal",
            )
    heads = [f"{name}\n{int(n)} reasons" for name, n in zip(counts.columns, replies, strict=True)]
    axes.set_xticks(range(counts.shape[1]), heads, fontsize=6)
    axes.xaxis.tick_top()
    row_labels(axes, range(len(counts)), wrapped(list(counts.index), 38))
    marks = "▲ ▼" if firm is None else "△ ▽"
    corrected = "" if firm is None else ";\n▲ ▼ also after correction for the number of cells"
    axes.set_xlabel(
        "counts of reasons; shade: share of the attack's reasons\n"
        f"{marks} more or fewer than independence expects (adjusted residual beyond ±1.96)"
        f"{corrected}",
        fontsize=6,
        color=GREY,
    )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def draw_intersections(sets: pd.Series, intersections: pd.DataFrame) -> Figure:
    """Draw which codes occur together in a reason: one column per combination, its count on top.

    Args:
        sets: reasons with each code; index is the code's label.
        intersections: one row per combination, most frequent first, with columns `codes` (tuple of
            labels from `sets`) and count.
    """
    if intersections.empty:
        return draw_absence(NO_REASONS)
    order = sets.sort_values(ascending=False, kind="stable")
    labels = list(order.index)
    figure = new_figure(
        COLUMN if len(intersections) <= 12 else PAGE, 0.95 + 0.19 * len(labels) + 0.2
    )
    top, below = figure.subplots(
        2, 1, sharex=True, gridspec_kw={"height_ratios": [0.85, 0.19 * len(labels)]}
    )
    combinations = np.arange(len(intersections))
    bars = top.bar(combinations, intersections["count"], width=0.6, color=BLUE)
    top.bar_label(bars, fmt="%d", padding=1.5, fontsize=6)
    # Codes × combinations.
    members = np.array([[code in codes for codes in intersections["codes"]] for code in labels])
    first = members.argmax(axis=0)
    last = len(labels) - 1 - members[::-1].argmax(axis=0)
    segments(below, (combinations, combinations), (first, last), color=INK, lw=1)
    for which, colour in ((~members, FAINT), (members, INK)):
        rows, columns = np.nonzero(which)
        below.plot(columns, rows, "o", ms=3.6, color=colour)
    top.set_ylabel("reasons")
    top.spines["bottom"].set_visible(False)
    top.tick_params(axis="x", length=0, labelbottom=False)
    top.margins(y=0.2)
    ticks = [f"{label} ({int(n)})" for label, n in order.items()]
    row_labels(below, range(len(labels)), ticks, fontsize=6)
    below.set_ylim(len(labels) - 0.5, -0.5)
    below.tick_params(length=0, labelbottom=False)
    below.spines[:].set_visible(False)
    for y in range(0, len(labels), 2):
        below.axhspan(y - 0.5, y + 0.5, color=GREY, alpha=0.07, lw=0)
    return figure
