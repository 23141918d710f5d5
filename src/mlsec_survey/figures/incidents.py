"""What is documented about attacks on deployed models, beside what respondents say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlsec_survey.figures.style import (
    COLUMN,
    FAINT,
    GREY,
    INK,
    ORANGE,
    entries,
    new_figure,
    row_axes,
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
    for x, entry in enumerate(entries(by_year)):
        axes.bar(x, entry.incident, color=ORANGE, width=0.7)
        axes.bar(x, entry.exercise, bottom=entry.incident, color=_EXERCISE, width=0.7)
        if entry.incident:
            axes.text(
                x,
                entry.incident / 2,
                f"{int(entry.incident)}",
                ha="center",
                va="center",
                fontsize=6,
                color="white",
            )
        if entry.exercise:
            middle = entry.incident + entry.exercise / 2
            axes.text(x, middle, f"{int(entry.exercise)}", ha="center", va="center", fontsize=6)
    axes.set_xticks(range(len(by_year)), [str(int(year)) for year in by_year["year"]])
    axes.set_ylabel("case studies")
    handles = [axes.bar(0, 0, color=ORANGE), axes.bar(0, 0, color=_EXERCISE)]
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
    for y, entry in enumerate(entries(table)):
        left.plot([entry.low, entry.high], [y, y], color=GREY)
        left.plot(entry.mean_rank, y, "o", color=INK, ms=3.4)
        right.barh(y, entry.incident, color=ORANGE, height=0.62)
        right.barh(y, entry.exercise, left=entry.incident, color=_EXERCISE, height=0.62)
        total = entry.incident + entry.exercise
        value_label(right, total, y, f"{int(entry.incident)} + {int(entry.exercise)}")
    row_axes(left, list(table["label"]), 16)
    right.tick_params(axis="y", length=0)
    right.spines["left"].set_visible(False)
    left.set_xlabel("mean rank by relevance\n(1 = most relevant)", fontsize=6.5)
    left.margins(x=0.12)
    right.set_xlabel("documented case studies", fontsize=6.5)
    right.set_xlim(0, 1.4 * float((table["incident"] + table["exercise"]).max()) + 0.5)
    handles = [right.barh([0], [0], color=colour) for colour in (ORANGE, _EXERCISE)]
    figure.legend(handles, ["incidents", "+ exercises"], loc="outside upper right", ncols=2)
    for axes in (left, right):
        axes.grid(axis="x", color=FAINT)
    return figure
