"""The specification curve: all estimates in order, and below which choices made each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlsec_survey.base.formatting import as_text, interval_text, percent_text
from mlsec_survey.figures.absence import NOTHING, draw_absence
from mlsec_survey.figures.style import (
    BLUE,
    FAINT,
    GREY,
    INK,
    ORANGE,
    SMALL,
    Width,
    folded,
    house_style,
    new_figure,
    row_axes,
    wrapped,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_ROW = 0.125


@house_style()
def draw_specification_curve(
    curve: pd.DataFrame,
    choices: Mapping[str, str],
    effect: str,
    *,
    alpha: float = 0.05,
    width: Width = "wide",
) -> Figure:
    """Draw the curve with its dashboard.

    Args:
        curve: one row per specification with columns estimate, low, high, p, and one per choice.
            Without rows the figure says that there are none.
        choices: column of each choice → its label.
        effect: label of the common effect scale.
        alpha: p-values below it are told apart by colour.
        width: of the figure; both have the same parts.
    """
    if curve.empty:
        return draw_absence()
    table = curve.sort_values("estimate", kind="stable").reset_index(drop=True)
    # Each choice is a heading with its options below it.
    rows: list[tuple[str, str | None, str]] = []
    for column, label in choices.items():
        rows.append((column, None, label))
        rows += [(column, option, option) for option in sorted(table[column].unique())]
    figure = new_figure(width, 1.5 + _ROW * len(rows))
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=[1.25, _ROW * len(rows)])
    clear = table["p"] < alpha
    # Points; thousands of strokes are kept as pixels, else they make files of megabytes.
    stroke = min(max(0.7 * (400 if width == "wide" else 190) / len(table), 0.3), 3)
    strokes: dict[str, Any] = {"lw": stroke, "rasterized": True}
    top.vlines(table.index, table["low"], table["high"], color=FAINT, **strokes)
    for part, colour in ((table[~clear], GREY), (table[clear], BLUE)):
        top.plot(part.index, part["estimate"], ".", color=colour, ms=2.4, mew=0, rasterized=True)
    top.axhline(0, color=INK, lw=0.6)
    median = float(table["estimate"].median())
    top.axhline(median, color=ORANGE, lw=0.8, ls="--")
    # At this end the estimates lie below the line.
    where = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    words = f"median {median:.2f}".replace("-", "−")
    top.annotate(words, (0, median), xytext=(2, 2), fontsize=SMALL, color=ORANGE, **where)
    top.set_ylabel(folded(effect, 24))
    found = f"{int(clear.sum()):,} with uncorrected p < {alpha:g} (blue)"
    gap = " " if width == "wide" else "\n"
    top.set_title(f"{len(table):,} specifications;{gap}{found}")
    for y, (column, option, _) in enumerate(rows):
        chosen = table.index[table[column] == option]
        below.vlines(chosen, y - 0.32, y + 0.32, color=BLUE, **strokes)
    longest = 34 if width == "wide" else 26
    labels = wrapped([label.replace("_", " ") for *_, label in rows], longest, lines=1)
    row_axes(below, labels)
    for label, (_, option, _) in zip(below.get_yticklabels(), rows, strict=True):
        label.set(fontweight="bold" if option is None else "normal")
    below.set_xlim(-0.01 * len(table), 1.01 * len(table))
    below.set_xlabel("specifications, ordered by estimate")
    return figure


def describe_specification_curve(curve: pd.DataFrame, *, alpha: float = 0.05) -> str:
    """Describe `draw_specification_curve`: number, median, range, sign and significance."""
    if curve.empty:
        return NOTHING
    estimate = curve["estimate"]
    positive = int((estimate > 0).sum())
    return (
        f"{len(curve):,} specifications; estimates from "
        f"{interval_text(float(estimate.min()), float(estimate.max()))}, median "
        f"{as_text(float(estimate.median()), 2)}; {positive:,} of {len(curve):,} above zero, "
        f"{percent_text(float((curve['p'] < alpha).mean()))} with an uncorrected p below {alpha:g}."
    )
