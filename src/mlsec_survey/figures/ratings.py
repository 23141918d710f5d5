"""Ratings of several items: diverging bars, mean ranks, pairs, and measures side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import seaborn as sns
from matplotlib.patches import Patch, Rectangle

from mlsec_survey.base.formatting import NOT_ESTIMABLE, as_text, interval_text, listed, percent_text
from mlsec_survey.figures.absence import NOTHING, draw_absence
from mlsec_survey.figures.style import (
    BLUE,
    DIVERGING,
    GREEN,
    GREY,
    INK,
    ORANGE,
    SMALL,
    Width,
    cell_text,
    entries,
    folded,
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
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

# Where the counts stand beside the bars, as parts of the width of these.
_SIDE = ((0.11, "n", "n"), (0.27, "dont_know", "don't\nknow"), (0.49, "no_answer", "no\nanswer"))


@house_style()
def draw_ratings(
    panels: Sequence[tuple[str, pd.DataFrame]], options: Sequence[Sequence[str]]
) -> Figure:
    """Draw diverging stacked bars, centred on the middle of the scale, one panel below another.

    Those who gave no rating are counted at the side and are no part of the bars.

    Args:
        panels: title and table per item; a table has one row per sub-question with columns label,
            share_1 … share_k (of those who rated), n (who rated), dont_know and no_answer (counts).
        options: labels of the k response options per item, lowest first.
    """
    # A panel has no row where nothing may be shown of any.
    drawn = [(panel, names) for panel, names in zip(panels, options, strict=True) if len(panel[1])]
    if not drawn:
        return draw_absence()
    panels, options = [panel for panel, _ in drawn], [names for _, names in drawn]
    labels = [wrapped(list(table["label"]), 15) for _, table in panels]
    heights = [0.95 + pitch(rows) * len(rows) for rows in labels]
    figure = new_figure("narrow", sum(heights))
    grid = figure.subplots(len(panels), 1, height_ratios=heights, squeeze=False)[:, 0]
    for axes, (title, table), rows, names in zip(grid, panels, labels, options, strict=True):
        colours = _option_colours(len(names))
        reach = _diverging_bars(axes, 100 * _option_shares(table), colours)
        for part, column, head in _SIDE:
            x = reach + 2 * reach * part
            for y, count in enumerate(table[column]):
                cell_text(axes, x, y, f"{int(count)}", ha="right")
            axes.text(x, -0.6, head, ha="right", va="bottom", fontsize=SMALL, color=GREY)
        row_axes(axes, rows)
        axes.axvline(0, color=INK, lw=0.5, zorder=0.5)
        axes.set_xlim(-reach, 2 * reach)
        ticks = range(-reach, reach + 1, 25)
        axes.set_xticks(ticks, [f"{abs(tick)}" for tick in ticks])
        axes.set_xlabel("% of those who rated", x=1 / 3, ha="center")
        axes.spines["bottom"].set_bounds(-reach, reach)
        axes.set_title(folded(title, 26), pad=12)
        key = [
            Patch(color=colour, label=name)
            for colour, name in zip(colours, wrapped(names, 12), strict=True)
        ]
        axes.legend(
            handles=key,
            loc="upper center",
            bbox_to_anchor=(0.4, 0),
            # Below the axis and its label.
            borderaxespad=4.4,
            ncols=min(len(key), 5),
            handlelength=0.8,
            columnspacing=0.7,
            handletextpad=0.3,
        )
    return figure


def _option_shares(table: pd.DataFrame) -> NDArray[np.float64]:
    """Return the shares, rows × options."""
    names = [name for name in table.columns if str(name).startswith("share_")]
    return table[names].to_numpy(dtype=float)


def _option_colours(count: int) -> list[tuple[float, float, float]]:
    return list(sns.blend_palette(DIVERGING, count))


def _diverging_bars(axes: Axes, shares: NDArray[np.float64], colours: Sequence[tuple]) -> int:
    """Draw shares, rows × options in per cent, the middle of the scale at zero.

    Returns:
        How far the bars reach to either side, in steps of 25 per cent.
    """
    half, odd = divmod(shares.shape[1], 2)
    left = -shares[:, :half].sum(axis=1) - (shares[:, half] / 2 if odd else 0)
    rows = np.arange(len(shares))
    ends = np.abs([left, left + shares.sum(axis=1)])
    # Of a sub-question that nobody rated there are no shares.
    furthest = np.max(ends, where=~np.isnan(ends), initial=1)
    reach = 25 * math.ceil((furthest - 1e-9) / 25)
    for part, colour in zip(shares.T, colours, strict=True):
        axes.barh(rows, part, left=left, height=0.74, color=colour, edgecolor="white", lw=0.4)
        light = "white" if np.dot(colour, (0.2126, 0.7152, 0.0722)) < 0.45 else INK
        for y in np.flatnonzero(part >= 0.13 * reach).tolist():
            cell_text(axes, left[y] + part[y] / 2, y, f"{part[y]:.0f}", color=light)
        left = left + part
    return reach


def describe_ratings(panels: Sequence[tuple[str, pd.DataFrame]]) -> str:
    """Describe `draw_ratings`: which sub-question is rated highest and lowest, per item."""
    rated = [(title, table[table["n"] > 0]) for title, table in panels]
    rated = [(title, table) for title, table in rated if len(table)]
    sentences = ["Diverging stacked bars." if rated else NOTHING]
    for title, table in rated:
        top = _option_shares(table)[:, -2:].sum(axis=1)
        most, least = int(top.argmax()), int(top.argmin())
        low, high = int(table["n"].min()), int(table["n"].max())
        sentences.append(
            f"{title}: {table['label'].iloc[most]} has the largest share in the two highest "
            f"options ({percent_text(float(top[most]))}), {table['label'].iloc[least]} the "
            f"smallest ({percent_text(float(top[least]))}); "
            f"{low if low == high else f'{low} to {high}'} respondents rated each."
        )
    return " ".join(sentences)


@house_style()
def draw_ranking(ranks: pd.DataFrame) -> Figure:
    """Draw mean ranks with intervals, first on top, and top-two-box shares beside them.

    Args:
        ranks: one row per item with columns label, mean_rank, low, high (1 = highest),
            share, share_low, share_high (of ratings in the two highest options) and n.
    """
    if not ranks["mean_rank"].notna().any():
        return draw_absence()
    table = ranks.sort_values("mean_rank", kind="stable")
    labels = wrapped(list(table["label"]), 16)
    figure = new_figure("narrow", 0.75 + pitch(labels) * len(table))
    left, right = figure.subplots(1, 2, sharey=True)
    ys = np.arange(len(table))
    interval_rows(left, ys, table, ("mean_rank", "low", "high"))
    shares = ("share", "share_low", "share_high")
    interval_rows(right, ys, table, shares, marker="s", colour=ORANGE, factor=100)
    for y, entry in enumerate(entries(table)):
        value_label(left, entry.high, y, f"{entry.mean_rank:.2f}")
        value_label(right, 100 * entry.share_high, y, f"{100 * entry.share:.0f} %")
        if not np.isfinite(entry.mean_rank):
            left.text(
                0.5,
                y,
                NOT_ESTIMABLE,
                transform=left.get_yaxis_transform(),
                color=GREY,
                fontsize=SMALL,
                ha="center",
                va="center",
            )
    row_axes(left, labels)
    right.spines["left"].set_visible(False)
    right.tick_params(axis="y", length=0)
    middle = (table["mean_rank"].notna().sum() + 1) / 2
    furthest = max(abs(table["low"].min() - middle), abs(table["high"].max() - middle))
    left.set_xlim(middle - 1.1 * furthest, middle + 1.8 * furthest)
    left.axvline(middle, color=GREY, lw=0.6, ls=":")
    left.set_xlabel("mean rank\n(1 = most relevant)")
    right.set_xlim(0, 100 * float(table["share_high"].max()) * 1.4)
    right.set_xlabel(f"top two options, %\n({_n_text(table['n'])})")
    for axes in (left, right):
        axes.grid(axis="x")
    return figure


def describe_ranking(ranks: pd.DataFrame) -> str:
    """Describe `draw_ranking`: the order by mean rank, and whether the first stands apart."""
    table = ranks[ranks["mean_rank"].notna()].sort_values("mean_rank", kind="stable")
    if table.empty:
        return NOTHING
    order = [f"{e.label} {e.mean_rank:.2f}" for e in entries(table)]
    sentence = f"Mean ranks, most relevant first: {listed(order)}."
    without = list(ranks.loc[ranks["mean_rank"].isna(), "label"])
    if without:
        sentence += f" Not estimable: {listed(without)}."
    if len(table) < 2:
        return sentence
    first, second = table.iloc[0], table.iloc[1]
    apart = float(first["high"]) < float(second["low"])
    relation = "lies wholly before" if apart else "overlaps with"
    return (
        f"{sentence} The interval of {first['label']} "
        f"({interval_text(float(first['low']), float(first['high']))}) {relation} that of "
        f"{second['label']}."
    )


@house_style()
def draw_pairwise(pairs: pd.DataFrame, *, alpha: float = 0.05) -> Figure:
    """Draw a triangle of rank-biserial correlations, the item of the row against the column's.

    Bold with a frame: adjusted p below `alpha`. Positive: the item of the row is rated higher.

    Args:
        pairs: one row per pair with columns first, second (labels), effect (rank-biserial
            correlation, positive when `first` is rated higher) and p_adjusted.
        alpha: level at which a pair counts as told apart.
    """
    if pairs.empty:
        return draw_absence()
    rows = list(dict.fromkeys(pairs["first"]))
    columns = list(dict.fromkeys(pairs["second"]))
    labels = wrapped(rows, 16)
    effects = pairs.pivot(index="first", columns="second", values="effect").loc[rows, columns]
    figure = new_figure("narrow", 0.95 + pitch(labels, 0.25) * len(rows))
    axes = figure.add_subplot()
    # Orange for lower, blue for higher; half as strong, so that numbers are read on them.
    colours = sns.blend_palette(["#EAAF8A", "white", "#80B8D8"], as_cmap=True)
    sns.heatmap(effects, ax=axes, cmap=colours, vmin=-1, vmax=1, cbar=False)
    for pair in entries(pairs):
        x, y = columns.index(pair.second), rows.index(pair.first)
        clear = pair.p_adjusted < alpha
        if clear:
            frame = Rectangle((x + 0.05, y + 0.07), 0.9, 0.86, fill=False, edgecolor=INK, lw=0.8)
            axes.add_patch(frame)
        # Nobody who rated both sees a difference: no correlation, and no colour.
        text = f"{pair.effect:+.2f}".replace("-", "−") if np.isfinite(pair.effect) else "–"
        cell_text(axes, x + 0.5, y + 0.5, text, fontweight="bold" if clear else "normal")
    axes.set_xticks(np.arange(len(columns)) + 0.5, wrapped(columns, 11), rotation=0)
    axes.set_yticks(np.arange(len(rows)) + 0.5, labels, rotation=0)
    axes.tick_params(length=0)
    note = f"positive: the row's is rated higher\nframed: p < {alpha:g}, adjusted by Holm's method"
    axes.set(xlabel=note, ylabel="")
    axes.xaxis.label.set(color=GREY, fontsize=SMALL)
    return figure


def describe_pairwise(pairs: pd.DataFrame, *, alpha: float = 0.05) -> str:
    """Describe `draw_pairwise`: how many pairs are told apart, and the largest difference."""
    if not pairs["effect"].notna().any():
        return NOTHING
    clear = int((pairs["p_adjusted"] < alpha).sum())
    largest = pairs.sort_values("effect", key=abs, ascending=False, kind="stable").iloc[0]
    higher, lower = largest["first"], largest["second"]
    if largest["effect"] < 0:
        higher, lower = lower, higher
    return (
        f"{clear} of {len(pairs)} pairs differ with a Holm-adjusted p below {alpha:g}. The largest "
        f"difference: {higher} is rated above {lower} (rank-biserial correlation "
        f"{as_text(abs(float(largest['effect'])), 2)})."
    )


@house_style()
def draw_item_profile(profile: pd.DataFrame, *, width: Width = "wide") -> Figure:
    """Draw several measures of each item in one row per item, one panel per measure.

    The panels share one scale, so that lengths compare between them; the highest value of each
    panel is bold.

    Args:
        profile: one row per item and measure with columns label, measure, estimate, low, high
            (shares) and n; measures in order of appearance.
        width: panels stand side by side, or narrow one below another.
    """
    if not profile["estimate"].notna().any():
        return draw_absence()
    items = list(dict.fromkeys(profile["label"]))
    measures = list(profile.groupby("measure", sort=False))
    labels = wrapped(items, 22)
    panel = 0.62 + pitch(labels) * len(items)
    side_by_side = width == "wide"
    figure = new_figure(width, panel if side_by_side else panel * len(measures))
    shape = (1, len(measures)) if side_by_side else (len(measures), 1)
    grid = figure.subplots(*shape, sharey=True, sharex=side_by_side, squeeze=False).ravel()
    for axes, (measure, part), colour in zip(grid, measures, (ORANGE, BLUE, GREEN), strict=False):
        part = part.set_index("label").loc[items]
        shares = (100 * part["estimate"]).round()
        ys = np.arange(len(part))
        axes.barh(ys, 100 * part["estimate"], height=0.62, color=colour, alpha=0.28)
        interval_rows(axes, ys, part, ("estimate", "low", "high"), colour=colour, factor=100)
        for y, (entry, share) in enumerate(zip(entries(part), shares, strict=True)):
            # Values that read alike are set alike.
            weight = "bold" if share == shares.max() else "normal"
            value_label(axes, 100 * entry.high, y, f"{share:.0f} %", fontweight=weight)
        axes.set_xlabel(f"% of respondents ({_n_text(part['n'])})")
        axes.set_title(folded(measure, 40))
        axes.grid(axis="x")
        row_axes(axes, labels)
        axes.set_xlim(0, min(120, 100 * float(profile["high"].max()) * 1.25))
    return figure


def describe_item_profile(profile: pd.DataFrame) -> str:
    """Describe `draw_item_profile`: per measure the highest and the lowest item."""
    sentences = [] if len(profile) else [NOTHING]
    for measure, part in profile.groupby("measure", sort=False):
        part = part.dropna(subset="estimate").sort_values(
            "estimate", ascending=False, kind="stable"
        )
        if part.empty:
            sentences.append(f"{measure}: {NOT_ESTIMABLE}.")
            continue
        most, least = part.iloc[0], part.iloc[-1]
        sentences.append(
            f"{measure}: highest for {most['label']} ({percent_text(float(most['estimate']))}), "
            f"lowest for {least['label']} ({percent_text(float(least['estimate']))})."
        )
    return " ".join(sentences)


def _n_text(n: pd.Series) -> str:
    low, high = int(n.min()), int(n.max())
    return f"n = {low}" if low == high else f"n = {low} to {high}"
