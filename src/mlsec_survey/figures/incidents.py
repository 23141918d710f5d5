"""What is documented about attacks on deployed models, beside what respondents say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlsec_survey.figures.style import (
    COLUMN,
    FAINT,
    GREY,
    INK,
    ORANGE,
    cell_text,
    entries,
    new_figure,
    row_axes,
    segments,
    value_label,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


_EXERCISE = "#8CBEDB"


def draw_incidents_by_year(by_year: pd.DataFrame) -> Figure:
    """Draw documented incidents and exercises per year, counts on the bars.

    Args:
        by_year: one row per year with columns year, incident and exercise (counts).
    """
    figure = new_figure(COLUMN, 1.9)
    axes = figure.add_subplot()
    xs, incident, exercise = range(len(by_year)), by_year["incident"], by_year["exercise"]
    handles = [
        axes.bar(xs, incident, color=ORANGE, width=0.7),
        axes.bar(xs, exercise, bottom=incident, color=_EXERCISE, width=0.7),
    ]
    for x, entry in enumerate(entries(by_year)):
        if entry.incident:
            cell_text(axes, x, entry.incident / 2, f"{int(entry.incident)}", color="white")
        if entry.exercise:
            cell_text(axes, x, entry.incident + entry.exercise / 2, f"{int(entry.exercise)}")
    axes.set_xticks(range(len(by_year)), [str(int(year)) for year in by_year["year"]])
    axes.set_ylabel("case studies")
    axes.legend(handles, ["incidents", "exercises"], loc="upper left")
    axes.margins(y=0.12)
    return figure


def draw_documented_against_ranking(table: pd.DataFrame) -> Figure:
    """Draw for each attack its documented cases and, beside them, its rank by relevance.

    Args:
        table: one row per attack with columns label, incident, exercise (counts), mean_rank, low
            and high.
    """
    table = table.sort_values("mean_rank", kind="stable")
    figure = new_figure(COLUMN, 0.85 + 0.22 * len(table))
    left, right = figure.subplots(1, 2, sharey=True)
    ys, incident, exercise = np.arange(len(table)), table["incident"], table["exercise"]
    segments(left, (table["low"], table["high"]), (ys, ys), color=GREY)
    left.plot(table["mean_rank"], ys, "o", color=INK, ms=3.4)
    handles = [
        right.barh(ys, incident, color=ORANGE, height=0.62),
        right.barh(ys, exercise, left=incident, color=_EXERCISE, height=0.62),
    ]
    for y, entry in enumerate(entries(table)):
        total = entry.incident + entry.exercise
        value_label(right, total, y, f"{int(entry.incident)} + {int(entry.exercise)}")
    row_axes(left, list(table["label"]), 16)
    right.spines["left"].set_visible(False)
    left.set_xlabel("mean rank by relevance\n(1 = most relevant)", fontsize=6.5)
    left.margins(x=0.12)
    right.set_xlabel("documented case studies", fontsize=6.5)
    right.set_xlim(0, 1.4 * float((incident + exercise).max()) + 0.5)
    figure.legend(handles, ["incidents", "+ exercises"], loc="outside upper right", ncols=2)
    for axes in (left, right):
        axes.grid(axis="x", color=FAINT)
    return figure
