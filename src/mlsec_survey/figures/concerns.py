"""Coded free answers: how often each code stands behind each item, and which occur together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import seaborn as sns

from mlsec_survey.base.formatting import listed
from mlsec_survey.figures.absence import NO_REASONS, draw_absence
from mlsec_survey.figures.style import (
    BLUE,
    FAINT,
    GREY,
    INK,
    SMALL,
    Width,
    cell_text,
    house_style,
    new_figure,
    pitch,
    row_axes,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NARROW_COMBINATIONS = 12


@house_style()
def draw_codes_by_item(
    counts: pd.DataFrame,
    deviates: pd.DataFrame,
    replies: pd.Series,
    firm: pd.DataFrame | None = None,
    *,
    width: Width = "wide",
) -> Figure:
    """Draw a table of counts shaded by share of reasons; marked cells depart from chance.

    Only what holds after correction for the number of cells is marked.

    Args:
        counts: codes (rows, labels as index) × items (columns, labels): reasons with the code.
        deviates: of the same shape; the sign says whether there are more or fewer than expected.
        replies: coded reasons per item, same columns; the denominators.
        firm: of the same shape, true where a cell departs from chance after correction; without
            it no cell is marked.
        width: narrow, the headings stand upright.
    """
    if counts.empty:
        return draw_absence(NO_REASONS)
    narrow = width == "narrow"
    labels = wrapped(list(counts.index), 20 if narrow else 40)
    figure = new_figure(width, (1.7 if narrow else 0.9) + pitch(labels) * len(counts))
    axes = figure.add_subplot()
    shares = (counts / replies).astype(float)
    largest = max(0.5, float(np.nanmax(shares)))
    sns.heatmap(shares, ax=axes, cmap="Blues", vmin=0, vmax=largest, cbar=False, linewidths=0.6)
    marked = np.zeros(counts.shape, dtype=bool) if firm is None else firm.to_numpy(dtype=bool)
    more, parts = deviates.to_numpy(dtype=float) > 0, shares.to_numpy()
    for (i, j), count in np.ndenumerate(counts.to_numpy(dtype=int)):
        mark = ("▲" if more[i, j] else "▼") if marked[i, j] else ""
        cell_text(
            axes,
            j + 0.5,
            i + 0.5,
            f"{count}{'' if narrow else ' '}{mark}".strip(),
            color="white" if parts[i, j] > 0.62 * largest else INK,
            fontweight="bold" if mark else "normal",
        )
    names = wrapped(list(counts.columns), 22 if narrow else 24)
    word = "n = {}" if narrow else "{} reasons"
    heads = [f"{name}\n{word.format(int(n))}" for name, n in zip(names, replies, strict=True)]
    upright = {"rotation": 90, "va": "bottom"} if narrow else {"rotation": 0}
    axes.set_xticks(np.arange(len(heads)) + 0.5, heads, **upright)
    axes.set_yticks(np.arange(len(labels)) + 0.5, labels, rotation=0)
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    note = ["counts of reasons; shade: share of the column's reasons"]
    if firm is not None:
        note.append("▲ ▼ more or fewer than expected, after correction for the number of cells")
    lines = "\n".join(wrapped(note, 52 if narrow else 120))
    axes.set(ylabel="")
    axes.set_xlabel(lines, fontsize=SMALL, color=GREY)
    return figure


def describe_codes_by_item(
    counts: pd.DataFrame,
    deviates: pd.DataFrame,
    replies: pd.Series,
    firm: pd.DataFrame | None = None,
    *,
    items: str = "items",
) -> str:
    """Describe `draw_codes_by_item`: the largest cells, and how many are small or stand out.

    Args:
        counts, deviates, replies, firm: as there.
        items: what the columns are, in the plural.
    """
    if counts.empty:
        return NO_REASONS
    numbers = counts.to_numpy(dtype=int)
    order = np.argsort(-numbers, axis=None, kind="stable")[:3]
    largest = [
        f"{counts.index[i]} for {counts.columns[j]} ({numbers[i, j]})"
        for i, j in zip(*np.unravel_index(order, numbers.shape), strict=True)
    ]
    sentence = (
        f"Counts of {len(counts)} codes in {int(replies.sum())} reasons on {counts.shape[1]} "
        f"{items}. Largest: {listed(largest)}. {int((numbers < 5).sum())} of {counts.size} cells "
        "count fewer than five reasons"
    )
    if firm is None:
        return f"{sentence}."
    found = firm.to_numpy(dtype=bool)
    more = int((found & (deviates.to_numpy(dtype=float) > 0)).sum())
    return (
        f"{sentence}; after correction for their number {more} cells count more reasons than "
        f"expected and {int(found.sum()) - more} fewer."
    )


@house_style()
def draw_intersections(
    sets: pd.Series, intersections: pd.DataFrame, *, width: Width = "wide"
) -> Figure:
    """Draw which codes occur together in a reason: one column per combination, its count on top.

    Args:
        sets: reasons with each code; index is the code's label.
        intersections: one row per combination, most frequent first, with columns `codes` (tuple of
            labels from `sets`) and count.
        width: narrow, only the most frequent combinations are drawn, and the figure says so.
    """
    if intersections.empty:
        return draw_absence(NO_REASONS)
    order = sets.sort_values(ascending=False, kind="stable")
    codes = list(order.index)
    drawn = intersections.head(_NARROW_COMBINATIONS) if width == "narrow" else intersections
    members = np.array([[code in chosen for chosen in drawn["codes"]] for code in codes])
    names = [f"{label} ({int(n)})" for label, n in order.items()]
    labels = wrapped(names, 26 if width == "narrow" else 60)
    height = pitch(labels, 0.19) * len(codes)
    figure = new_figure(width, 1.2 + height)
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=[0.85, height])
    places = np.arange(len(drawn))
    sns.barplot(x=places, y=drawn["count"].to_numpy(), color=BLUE, saturation=1, width=0.6, ax=top)
    for bars in top.containers:
        top.bar_label(bars, fmt="%d", padding=1.5, fontsize=SMALL)
    for y in range(0, len(codes), 2):
        below.axhspan(y - 0.5, y + 0.5, color=GREY, alpha=0.07, lw=0)
    first, last = members.argmax(axis=0), len(codes) - 1 - members[::-1].argmax(axis=0)
    below.vlines(places, first, last, color=INK, lw=1)
    for which, colour in ((~members, FAINT), (members, INK)):
        rows, columns = np.nonzero(which)
        below.plot(columns, rows, "o", ms=3.6, color=colour)
    top.set_ylabel("reasons")
    top.spines["bottom"].set_visible(False)
    top.tick_params(axis="x", length=0, labelbottom=False)
    top.margins(y=0.2)
    row_axes(below, labels)
    below.tick_params(axis="x", length=0, labelbottom=False)
    below.spines[:].set_visible(False)
    if len(drawn) < len(intersections):
        note = f"the {len(drawn)} most frequent combinations"
        below.set_xlabel(note, fontsize=SMALL, color=GREY)
    return figure


def describe_intersections(sets: pd.Series, intersections: pd.DataFrame) -> str:
    """Describe `draw_intersections`: the most frequent code and combination."""
    if intersections.empty:
        return NO_REASONS
    order = sets.sort_values(ascending=False, kind="stable")
    several = intersections[[len(codes) > 1 for codes in intersections["codes"]]]
    sentence = f"Most frequent code: {order.index[0]}, in {int(order.iloc[0])} reasons."
    if not len(several):
        return f"{sentence} No two codes occur together."
    first = several.iloc[int(several["count"].to_numpy().argmax())]
    return (
        f"{sentence} Most frequent combination: {listed(list(first['codes']))}, "
        f"in {int(first['count'])} reasons."
    )
