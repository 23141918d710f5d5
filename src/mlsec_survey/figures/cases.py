"""Documented cases of several kinds: by year, and beside the order in which respondents rank."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import seaborn as sns
from matplotlib.patches import Patch

from mlsec_survey.base.formatting import counted
from mlsec_survey.figures.absence import NOTHING, draw_absence
from mlsec_survey.figures.style import (
    INK,
    ORANGE,
    cell_text,
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

_COLOURS = (ORANGE, "#8CBEDB")


@house_style()
def draw_cases_by_year(by_year: pd.DataFrame, kinds: Mapping[str, str]) -> Figure:
    """Draw the cases of two kinds per year, stacked, counts on the bars.

    Args:
        by_year: one row per year with the column year and one of counts per kind.
        kinds: word for several cases, by the column of their kind, whose name is the word for one;
            the first kind stands below.
    """
    if by_year.empty:
        return draw_absence()
    figure = new_figure("narrow", 1.9)
    axes = figure.add_subplot()
    first, second = kinds
    counts = by_year.melt("year", [second, first], var_name="kind", value_name="cases")
    sns.histplot(
        counts, x="year", weights="cases", hue="kind", multiple="stack", discrete=True, shrink=0.7,
        palette=dict(zip(kinds, _COLOURS, strict=True)), alpha=1, edgecolor="none", legend=False,
        ax=axes,
    )  # fmt: skip
    for year, low, high in by_year[["year", first, second]].itertuples(index=False):
        if low:
            cell_text(axes, year, low / 2, f"{int(low)}", color="white")
        if high:
            cell_text(axes, year, low + high / 2, f"{int(high)}")
    axes.set_xticks(by_year["year"], [str(int(year)) for year in by_year["year"]])
    axes.set(xlabel="", ylabel="case studies")
    axes.legend(handles=_key(kinds, ""), loc="upper left")
    axes.margins(y=0.12)
    return figure


def _key(kinds: Mapping[str, str], plus: str) -> list[Patch]:
    first, second = kinds.values()
    names = (first, f"{plus}{second}")
    return [Patch(color=c, label=name) for c, name in zip(_COLOURS, names, strict=True)]


def describe_cases_by_year(by_year: pd.DataFrame, kinds: Mapping[str, str]) -> str:
    """Describe `draw_cases_by_year`: totals, span, the year with most of the first kind."""
    if by_year.empty:
        return NOTHING
    years = by_year["year"].astype(int)
    first = next(iter(kinds))
    top = by_year.iloc[int(by_year[first].to_numpy().argmax())]
    return (
        f"{_counts(by_year[list(kinds)].sum(), kinds)} from {years.min()} to {years.max()}; most "
        f"{kinds[first]} in {int(top['year'])} ({int(top[first])})."
    )


def _counts(row: pd.Series, kinds: Mapping[str, str]) -> str:
    return " and ".join(counted(int(row[kind]), kind, several) for kind, several in kinds.items())


@house_style()
def draw_cases_beside_ranking(table: pd.DataFrame, kinds: Mapping[str, str]) -> Figure:
    """Draw for each item its documented cases and, beside them, its rank by relevance.

    Args:
        table: one row per item with columns label, mean_rank, low, high and one of counts per kind.
        kinds: of cases, as `draw_cases_by_year` takes them.
    """
    if table.empty:
        return draw_absence()
    table = table.sort_values("mean_rank", kind="stable")
    labels = wrapped(list(table["label"]), 16)
    figure = new_figure("narrow", 0.85 + pitch(labels) * len(table))
    left, right = figure.subplots(1, 2, sharey=True)
    ys = np.arange(len(table))
    interval_rows(left, ys, table, ("mean_rank", "low", "high"), colour=INK)
    first, second = (table[kind] for kind in kinds)
    right.barh(ys, first, color=_COLOURS[0], height=0.62)
    right.barh(ys, second, left=first, color=_COLOURS[1], height=0.62)
    for y, (one, other) in enumerate(zip(first, second, strict=True)):
        value_label(right, one + other, y, f"{int(one)} + {int(other)}")
    row_axes(left, labels)
    right.spines["left"].set_visible(False)
    right.tick_params(axis="y", length=0)
    left.set_xlabel("mean rank by relevance\n(1 = most relevant)")
    left.margins(x=0.12)
    right.set_xlabel("documented case studies")
    right.set_xlim(0, 1.4 * float((first + second).max()) + 0.5)
    figure.legend(handles=_key(kinds, "+ "), loc="outside upper right", ncols=2)
    for axes in (left, right):
        axes.grid(axis="x")
    return figure


def describe_cases_beside_ranking(table: pd.DataFrame, kinds: Mapping[str, str]) -> str:
    """Describe `draw_cases_beside_ranking`: the cases in order of relevance."""
    if table.empty:
        return NOTHING
    ordered = table.sort_values("mean_rank", kind="stable")
    parts = [f"{row['label']} {_counts(row, kinds)}" for _, row in ordered.iterrows()]
    return f"Documented cases, most relevant first: {'; '.join(parts)}."
