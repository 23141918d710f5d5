"""What is documented about attacks on deployed models, beside what respondents say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import seaborn as sns
from matplotlib.patches import Patch

from mlsec_survey.figures.absence import NOTHING, draw_absence
from mlsec_survey.figures.style import (
    INK,
    ORANGE,
    cell_text,
    entries,
    house_style,
    interval_rows,
    new_figure,
    pitch,
    row_axes,
    value_label,
    wrapped,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_COLOURS = {"incident": ORANGE, "exercise": "#8CBEDB"}


@house_style()
def draw_incidents_by_year(by_year: pd.DataFrame) -> Figure:
    """Draw documented incidents and exercises per year, counts on the bars.

    Args:
        by_year: one row per year with columns year, incident and exercise (counts).
    """
    if by_year.empty:
        return draw_absence()
    figure = new_figure("narrow", 1.9)
    axes = figure.add_subplot()
    counts = by_year.melt("year", ["exercise", "incident"], var_name="kind", value_name="cases")
    sns.histplot(
        counts, x="year", weights="cases", hue="kind", multiple="stack", discrete=True, shrink=0.7,
        palette=_COLOURS, alpha=1, edgecolor="none", legend=False, ax=axes,
    )  # fmt: skip
    for entry in entries(by_year):
        if entry.incident:
            cell_text(axes, entry.year, entry.incident / 2, f"{int(entry.incident)}", color="white")
        if entry.exercise:
            above = entry.incident + entry.exercise / 2
            cell_text(axes, entry.year, above, f"{int(entry.exercise)}")
    axes.set_xticks(by_year["year"], [str(int(year)) for year in by_year["year"]])
    axes.set(xlabel="", ylabel="case studies")
    axes.legend(handles=_key(""), loc="upper left")
    axes.margins(y=0.12)
    return figure


def _key(second: str) -> list[Patch]:
    names = (("incident", "incidents"), ("exercise", f"{second}exercises"))
    return [Patch(color=_COLOURS[kind], label=name) for kind, name in names]


def describe_incidents_by_year(by_year: pd.DataFrame) -> str:
    """Describe `draw_incidents_by_year`: totals, span and the year with most incidents."""
    if by_year.empty:
        return NOTHING
    years = by_year["year"].astype(int)
    top = by_year.iloc[int(by_year["incident"].to_numpy().argmax())]
    return (
        f"{int(by_year['incident'].sum())} incidents and {int(by_year['exercise'].sum())} "
        f"exercises from {years.min()} to {years.max()}; most incidents in {int(top['year'])} "
        f"({int(top['incident'])})."
    )


@house_style()
def draw_documented_against_ranking(table: pd.DataFrame) -> Figure:
    """Draw for each attack its documented cases and, beside them, its rank by relevance.

    Args:
        table: one row per attack with columns label, incident, exercise (counts), mean_rank, low
            and high.
    """
    if table.empty:
        return draw_absence()
    table = table.sort_values("mean_rank", kind="stable")
    labels = wrapped(list(table["label"]), 16)
    figure = new_figure("narrow", 0.85 + pitch(labels) * len(table))
    left, right = figure.subplots(1, 2, sharey=True)
    ys = np.arange(len(table))
    interval_rows(left, ys, table, ("mean_rank", "low", "high"), colour=INK)
    right.barh(ys, table["incident"], color=_COLOURS["incident"], height=0.62)
    right.barh(
        ys, table["exercise"], left=table["incident"], color=_COLOURS["exercise"], height=0.62
    )
    for y, entry in enumerate(entries(table)):
        total = entry.incident + entry.exercise
        value_label(right, total, y, f"{int(entry.incident)} + {int(entry.exercise)}")
    row_axes(left, labels)
    right.spines["left"].set_visible(False)
    right.tick_params(axis="y", length=0)
    left.set_xlabel("mean rank by relevance\n(1 = most relevant)")
    left.margins(x=0.12)
    right.set_xlabel("documented case studies")
    right.set_xlim(0, 1.4 * float((table["incident"] + table["exercise"]).max()) + 0.5)
    figure.legend(handles=_key("+ "), loc="outside upper right", ncols=2)
    for axes in (left, right):
        axes.grid(axis="x")
    return figure


def describe_documented_against_ranking(table: pd.DataFrame) -> str:
    """Describe `draw_documented_against_ranking`: the cases in order of relevance."""
    if table.empty:
        return NOTHING
    parts = [
        f"{e.label} {int(e.incident)} {'incident' if e.incident == 1 else 'incidents'} and "
        f"{int(e.exercise)} {'exercise' if e.exercise == 1 else 'exercises'}"
        for e in entries(table.sort_values("mean_rank", kind="stable"))
    ]
    return f"Documented cases, most relevant attack first: {'; '.join(parts)}."
