"""What the design could have shown: power, error of sign and size, weight of evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mlsec_survey.figures.style import (
    BLUE,
    COLUMN,
    FAINT,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PAGE,
    PINK,
    cell_text,
    new_figure,
    value_label,
    wrapped,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINES = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PINK, ":"), (GREY, "-"), (INK, "--"))


def draw_power_curves(
    power: pd.DataFrame,
    *,
    panel: str,
    line: str,
    x: str,
    labels: Mapping[str, str],
    mark: float | None = None,
) -> Figure:
    """Draw power against `x`, one panel per value of `panel`, one line per value of `line`.

    Args:
        power: columns `panel`, `line`, `x` and power (0 to 1).
        panel: column that makes the panels.
        line: column that makes the lines.
        x: column on the horizontal axis.
        labels: axis label for `x`; and for `line` the word before its value.
        mark: value of `x` to point out, such as the study's n.
    """
    names = list(dict.fromkeys(power[panel]))
    columns = min(len(names), 4)
    rows = -(-len(names) // columns)
    figure = new_figure(PAGE if len(names) > 1 else COLUMN, 0.4 + 1.45 * rows)
    grid = figure.subplots(rows, columns, sharex=False, sharey=True, squeeze=False)
    values = list(dict.fromkeys(power[line]))
    for axes, name in zip(grid.flat, names, strict=False):
        part = power[power[panel] == name]
        for value, (colour, style) in zip(values, _LINES, strict=False):
            points = part[part[line] == value].sort_values(x)
            axes.plot(points[x], 100 * points["power"], color=colour, ls=style)
        _target(axes)
        if mark is not None:
            axes.axvline(mark, color=INK, lw=0.6)
            value_label(axes, mark, 6, f"{mark:g}")
        axes.set_title("\n".join(wrapped([str(name)], 96 // columns)))
        axes.set_xlabel(labels[x])
    for axes in list(grid.flat)[len(names) :]:
        axes.remove()
    grid[0, 0].set_ylabel("power, %")
    handles = [
        grid[0, 0].plot([], [], color=colour, ls=style, label=f"{labels[line]}{value}")[0]
        for value, (colour, style) in zip(values, _LINES, strict=False)
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(values), 6))
    return figure


def draw_trend_power(power: pd.DataFrame) -> Figure:
    """Draw power for a trend against prevalence, one panel per sample size, one line per effect.

    Args:
        power: columns n, prevalence, odds_ratio (per step of size) and power.
    """
    sizes = sorted(power["n"].unique())
    ratios = sorted(power["odds_ratio"].unique())
    figure = new_figure(COLUMN, 2.0)
    grid = figure.subplots(1, len(sizes), sharey=True, squeeze=False)[0]
    for axes, n in zip(grid, sizes, strict=True):
        part = power[power["n"] == n]
        for ratio, (colour, style) in zip(ratios, _LINES, strict=False):
            points = part[part["odds_ratio"] == ratio].sort_values("prevalence")
            axes.plot(
                100 * points["prevalence"],
                100 * points["power"],
                color=colour,
                ls=style,
                label=f"{ratio:g}",
            )
        _target(axes)
        axes.set_title(f"n = {n}")
        axes.set_xlabel("with exposure, %")
    grid[0].set_ylabel("power, %")
    handles, names = grid[0].get_legend_handles_labels()
    figure.legend(
        handles,
        names,
        loc="outside upper center",
        ncols=len(ratios),
        title="odds ratio per step of size",
        title_fontsize=6.5,
    )
    return figure


def draw_power_grid(power: pd.DataFrame) -> Figure:
    """Draw power for a trend as a table of cells, prevalence by odds ratio, one panel per n.

    Args:
        power: columns n, prevalence, odds_ratio (per step of size) and power.
    """
    sizes = sorted(power["n"].unique())
    grids = [
        power[power["n"] == n].pivot(index="odds_ratio", columns="prevalence", values="power")
        for n in sizes
    ]
    rows, columns = grids[0].shape
    figure = new_figure(PAGE if len(sizes) > 1 else COLUMN, 0.62 + 0.2 * rows)
    panels = figure.subplots(1, len(sizes), sharey=True, squeeze=False)[0]
    for axes, n, table in zip(panels, sizes, grids, strict=True):
        table = table.sort_index(ascending=False)
        axes.imshow(table.to_numpy(), cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
        for y in range(rows):
            for x in range(columns):
                value = float(table.iloc[y, x])
                cell_text(
                    axes,
                    x,
                    y,
                    f"{100 * value:.0f}",
                    fontsize=6.3,
                    color="white" if value > 0.62 else INK,
                    fontweight="bold" if value >= 0.8 else "normal",
                )
        axes.set_xticks(range(columns), [f"{100 * p:g}" for p in table.columns])
        axes.set_yticks(range(rows), [f"{ratio:g}" for ratio in table.index])
        axes.set_title(f"n = {n}")
        axes.set_xlabel("respondents with exposure, %")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    panels[0].set_ylabel("odds ratio\nper step")
    return figure


def draw_error_rates(errors: pd.DataFrame) -> Figure:
    """Draw the chance of a wrong sign and the exaggeration among significant results.

    Args:
        errors: columns hypothesis (label), effect (true effect as a multiple of the SESOI), power,
            type_s (share of wrong signs among significant results) and type_m (mean exaggeration).
    """
    figure = new_figure(COLUMN, 2.1)
    left, right = figure.subplots(1, 2)
    for name, (colour, style) in zip(dict.fromkeys(errors["hypothesis"]), _LINES, strict=False):
        part = errors[errors["hypothesis"] == name].sort_values("effect")
        left.plot(part["effect"], 100 * part["type_s"], color=colour, ls=style, label=name)
        right.plot(part["effect"], part["type_m"], color=colour, ls=style)
    left.set_title("wrong sign, %")
    right.set_title("exaggeration, factor")
    right.axhline(1, color=INK, lw=0.6)
    for axes in (left, right):
        axes.set_xlabel("true effect, multiple\nof the smallest of interest")
        axes.grid(color=FAINT)
    left.set_ylim(bottom=0)
    figure.legend(loc="outside upper center", ncols=4)
    return figure


def draw_bayes_sensitivity(curves: pd.DataFrame) -> Figure:
    """Draw the Bayes factor for the null against the width of the prior, one line per hypothesis.

    Args:
        curves: columns hypothesis (label), scale (prior width) and bf01 (evidence for the null).
    """
    figure = new_figure(COLUMN, 2.2)
    axes = figure.add_subplot()
    axes.axhspan(1 / 3, 3, color=FAINT, alpha=0.6, lw=0)
    for name, (colour, style) in zip(dict.fromkeys(curves["hypothesis"]), _LINES, strict=False):
        part = curves[curves["hypothesis"] == name].sort_values("scale")
        axes.plot(part["scale"], part["bf01"], color=colour, ls=style, label=name)
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    low, high = min(low, 0.3), max(high, 3.4)
    axes.set_ylim(low, high)
    ticks = [t for t in (0.001, 0.01, 0.03, 0.1, 1 / 3, 1, 3, 10, 30, 100) if low <= t <= high]
    axes.set_yticks(ticks, ["1/3" if t == 1 / 3 else f"{t:g}" for t in ticks])
    axes.set_yticks([], minor=True)
    axes.axhline(1, color=INK, lw=0.6)
    axes.set_xlabel("width of the prior on the effect")
    axes.text(
        0.98,
        1.12,
        "grey: little evidence either way",
        transform=axes.get_yaxis_transform(),
        ha="right",
        va="bottom",
        fontsize=6,
        color=GREY,
    )
    axes.set_ylabel("Bayes factor for no effect")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def _target(axes: Axes) -> None:
    axes.axhline(80, color=GREY, lw=0.6, ls=":")
    axes.set_ylim(0, 102)
    axes.set_yticks(np.arange(0, 101, 20))
    axes.grid(axis="y", color=FAINT)
