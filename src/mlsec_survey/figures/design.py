"""What the design could have shown: power, error of sign and size, weight of evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import seaborn as sns
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from mlsec_survey.base.formatting import as_text, interval_text, listed, percent_text
from mlsec_survey.figures.absence import NOTHING, draw_absence
from mlsec_survey.figures.style import (
    FAINT,
    GREY,
    INK,
    LINES,
    SMALL,
    Width,
    cell_text,
    house_style,
    line_key,
    new_figure,
    value_label,
    wrapped,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def _lines(axes: Axes, table: pd.DataFrame, x: str, y: str, by: str, names: Sequence[Any]) -> None:
    """Draw `y` against `x`, a line for each value of column `by` in the order of `names`."""
    looks = dict(zip(names, LINES, strict=False))
    for name, (colour, style) in looks.items():
        part = table[table[by] == name]
        sns.lineplot(
            part, x=x, y=y, color=colour, linestyle=style, estimator=None, legend=False, ax=axes
        )


@house_style()
def draw_power_curves(
    power: pd.DataFrame,
    *,
    panel: str,
    line: str,
    x: str,
    labels: Mapping[str, str],
    mark: float | None = None,
    width: Width = "wide",
) -> Figure:
    """Draw power against `x`, one panel per value of `panel`, one line per value of `line`.

    Args:
        power: columns `panel`, `line`, `x` and power (0 to 1).
        panel: column that makes the panels.
        line: column that makes the lines.
        x: column on the horizontal axis.
        labels: axis label for `x`; and for `line` the word before its value.
        mark: value of `x` to point out, such as the study's n.
        width: four panels in a row, or narrow two.
    """
    if power.empty:
        return draw_absence()
    names, values = (list(dict.fromkeys(power[column])) for column in (panel, line))
    columns = min(len(names), 4 if width == "wide" else 2)
    rows = -(-len(names) // columns)
    titles = wrapped(names, (96 if width == "wide" else 48) // columns)
    lines = max(title.count("\n") for title in titles)
    figure = new_figure(width, 0.5 + (1.4 + 0.12 * lines) * rows)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    percent = power.assign(power=100 * power["power"])
    for axes, name, title in zip(grid.flat, names, titles, strict=False):
        _lines(axes, percent[percent[panel] == name], x, "power", line, values)
        axes.axhline(80, color=GREY, lw=0.6, ls=":")
        axes.set_ylim(0, 102)
        axes.set_yticks(np.arange(0, 101, 20))
        axes.grid(axis="y")
        if mark is not None:
            axes.axvline(mark, color=INK, lw=0.6)
            value_label(axes, mark, 7, f"{mark:g}")
        axes.set_title(title)
        axes.set(xlabel=labels[x], ylabel="power, %")
        axes.label_outer(remove_inner_ticks=False)
        axes.tick_params(labelbottom=True)
    for axes in list(grid.flat)[len(names) :]:
        axes.remove()
    key = line_key([f"{labels[line]}{value}" for value in values])
    figure.legend(
        handles=key, loc="outside upper center", ncols=min(len(key), 6 if width == "wide" else 2)
    )
    return figure


def describe_power_curves(
    power: pd.DataFrame, *, panel: str, line: str, x: str, labels: Mapping[str, str], mark: float
) -> str:
    """Describe `draw_power_curves`: the power of each line at the marked value of `x`."""
    if power.empty:
        return NOTHING
    sentences = []
    for name in dict.fromkeys(power[panel]):
        part = power[(power[panel] == name) & (power[x] == mark)]
        values = [
            f"{percent_text(float(p))} at {labels[line]}{value}"
            for value, p in zip(part[line], part["power"], strict=True)
        ]
        sentences.append(f"{name}: power {listed(values)}.")
    return f"At {labels[x]} = {mark:g}. " + " ".join(sentences)


@house_style()
def draw_power_grid(power: pd.DataFrame, *, target: float = 0.8, width: Width = "wide") -> Figure:
    """Draw power for a trend as a table of cells, prevalence by odds ratio, one panel per n.

    Args:
        power: columns n, prevalence, odds_ratio (per step of size) and power.
        target: power from which on a cell is bold.
        width: panels stand side by side, or narrow one below another.
    """
    if power.empty:
        return draw_absence()
    panels = list(power.groupby("n"))
    rows = power["odds_ratio"].nunique()
    side_by_side = width == "wide"
    panel = 0.62 + 0.2 * rows
    figure = new_figure(width, panel if side_by_side else panel * len(panels))
    shape = (1, len(panels)) if side_by_side else (len(panels), 1)
    grid = figure.subplots(*shape, sharey=True, squeeze=False).ravel()
    for axes, (n, part) in zip(grid, panels, strict=True):
        table = part.pivot(index="odds_ratio", columns="prevalence", values="power")
        table = table.sort_index(ascending=False)
        sns.heatmap(table, ax=axes, cmap="Blues", vmin=0, vmax=1.15, cbar=False)
        for (i, j), value in np.ndenumerate(table.to_numpy(dtype=float)):
            weight = "bold" if value >= target else "normal"
            colour = "white" if value > 0.62 else INK
            text = f"{100 * value:.0f}"
            cell_text(axes, j + 0.5, i + 0.5, text, color=colour, fontweight=weight)
        heads = [f"{100 * share:g}" for share in table.columns]
        axes.set_xticks(np.arange(len(heads)) + 0.5, heads, rotation=0)
        axes.set_yticks(np.arange(rows) + 0.5, [f"{ratio:g}" for ratio in table.index], rotation=0)
        axes.set_title(f"n = {n}: power, %")
        axes.tick_params(length=0)
        axes.set(xlabel="respondents with exposure, %", ylabel="odds ratio\nper step")
        if side_by_side:
            axes.label_outer()
    return figure


def describe_power_grid(power: pd.DataFrame, *, target: float = 0.8) -> str:
    """Describe `draw_power_grid`: where the power first suffices."""
    if power.empty:
        return NOTHING
    sentences = []
    for n, part in power.groupby("n"):
        reached = []
        for ratio, row in part.groupby("odds_ratio"):
            enough = row.loc[row["power"] >= target, "prevalence"]
            least = f"from {percent_text(float(enough.min()), '2s')}" if len(enough) else "at none"
            reached.append(f"{ratio:g} {least}")
        sentences.append(f"n = {n}: {listed(reached)}.")
    return (
        f"Odds ratio per step of size that is found with {percent_text(target)} power, and from "
        "which share of respondents with exposure. " + " ".join(sentences)
    )


@house_style()
def draw_error_rates(errors: pd.DataFrame) -> Figure:
    """Draw the chance of a wrong sign and the exaggeration among significant results.

    Args:
        errors: columns hypothesis (label), effect (true effect as a multiple of the SESOI), power,
            type_s (share of wrong signs among significant results) and type_m (mean exaggeration).
    """
    if errors.empty:
        return draw_absence()
    names = list(dict.fromkeys(errors["hypothesis"]))
    key = line_key(wrapped(names, 34))
    figure = new_figure("narrow", 2.1 + 0.12 * (len(key) // 2))
    left, right = figure.subplots(1, 2)
    percent = errors.assign(type_s=100 * errors["type_s"])
    _lines(left, percent, "effect", "type_s", "hypothesis", names)
    _lines(right, percent, "effect", "type_m", "hypothesis", names)
    left.set_title("wrong sign, %")
    right.set_title("exaggeration, factor")
    right.axhline(1, color=INK, lw=0.6)
    for axes in (left, right):
        axes.set(xlabel="true effect, multiple\nof the smallest of interest", ylabel="")
        axes.grid()
    left.set_ylim(bottom=0)
    figure.legend(handles=key, loc="outside upper center", ncols=2)
    return figure


def describe_error_rates(errors: pd.DataFrame) -> str:
    """Describe `draw_error_rates`: both error rates at the effect nearest to the SESOI."""
    if errors.empty:
        return NOTHING
    sentences = []
    for name, part in errors.groupby("hypothesis", sort=False):
        at = part.iloc[int((part["effect"] - 1).abs().to_numpy().argmin())]
        sentences.append(
            f"{name}: wrong sign {percent_text(float(at['type_s']), '2s')}, "
            f"exaggeration {as_text(float(at['type_m']), 1)}-fold."
        )
    return (
        "Among significant results when the true effect is the smallest of interest. "
        + " ".join(sentences)
    )


@house_style()
def draw_bayes_sensitivity(curves: pd.DataFrame) -> Figure:
    """Draw the Bayes factor for the null against the width of the prior, one line per hypothesis.

    Args:
        curves: columns hypothesis (label), scale (prior width) and bf01 (evidence for the null).
    """
    if curves.empty:
        return draw_absence()
    names = list(dict.fromkeys(curves["hypothesis"]))
    key = line_key(wrapped(names, 34))
    figure = new_figure("narrow", 2.1 + 0.12 * (len(key) // 2))
    axes = figure.add_subplot()
    axes.axhspan(1 / 3, 3, color=FAINT, alpha=0.6, lw=0)
    _lines(axes, curves, "scale", "bf01", "hypothesis", names)
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.3), max(high, 3.4))
    axes.yaxis.set_major_locator(FixedLocator([0.001, 0.01, 0.03, 0.1, 1 / 3, 1, 3, 10, 30, 100]))
    third = FuncFormatter(lambda y, _: "1/3" if round(3 * y, 6) == 1 else f"{y:g}")
    axes.yaxis.set_major_formatter(third)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.axhline(1, color=INK, lw=0.6)
    note: dict[str, Any] = {"ha": "right", "va": "bottom", "fontsize": SMALL, "color": GREY}
    words = "grey: little evidence either way"
    axes.text(0.98, 0.36, words, transform=axes.get_yaxis_transform(), **note)
    axes.set(xlabel="width of the prior on the effect", ylabel="Bayes factor for no effect")
    figure.legend(handles=key, loc="outside upper center", ncols=2)
    return figure


def describe_bayes_sensitivity(curves: pd.DataFrame) -> str:
    """Describe `draw_bayes_sensitivity`: the range of the Bayes factor over the priors."""
    if curves.empty:
        return NOTHING
    parts = [
        f"{name} {interval_text(float(part['bf01'].min()), float(part['bf01'].max()), '2s')}"
        for name, part in curves.groupby("hypothesis", sort=False)
    ]
    return (
        f"Bayes factor for no effect, over prior widths from {curves['scale'].min():.2g} to "
        f"{curves['scale'].max():.2g}: {listed(parts)}."
    )
