"""The flow from exported rows to analysed respondents, in the manner of CONSORT and STROBE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlsec_survey.figures.style import BLUE, COLUMN, GREY, INK, entries, new_figure, wrapped

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW = 0.34
_TRUNK = 0.22


def draw_exclusion_flow(flow: pd.DataFrame) -> Figure:
    """Draw the exclusions from top to bottom, what remains on the left, who leaves on the right.

    Args:
        flow: as `exclusions.apply_exclusions` returns it: one row per exclusion in order, with
            columns step (from 1), label, excluded and remaining; a row of step 0 for the export
            itself may come first.
    """
    steps = flow[flow["step"] > 0]
    start = int(flow["remaining"].iloc[0] + flow["excluded"].iloc[0])
    end = len(steps) + 1
    figure = new_figure(COLUMN, _ROW * (end + 1) + 0.1)
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(end + 0.55, -0.55)
    _box(axes, 0, f"Rows in the export\nn = {start}", INK)
    axes.annotate(
        "",
        xy=(_TRUNK, end - 0.5),
        xytext=(_TRUNK, 0.45),
        arrowprops={"arrowstyle": "-|>", "color": GREY, "lw": 0.9, "shrinkA": 0, "shrinkB": 0},
    )
    for row, step in enumerate(entries(steps), start=1):
        axes.annotate(
            "",
            xy=(0.46, row),
            xytext=(_TRUNK, row),
            arrowprops={"arrowstyle": "-|>", "color": GREY, "lw": 0.9, "shrinkA": 0, "shrinkB": 0},
        )
        if row < len(steps):
            axes.text(
                _TRUNK - 0.02, row + 0.5, f"{int(step.remaining)}", fontsize=6, color=GREY,
                ha="right", va="center",
            )  # fmt: skip
        axes.text(
            0.475,
            row,
            "\n".join(wrapped([f"{step.label}: n = {int(step.excluded)}"], 40)),
            va="center",
            fontsize=6.5,
            bbox={
                "boxstyle": "square,pad=0.35",
                "facecolor": "#F4F4F4",
                "edgecolor": GREY,
                "lw": 0.5,
            },
        )
    _box(axes, end, f"Analysed respondents\nn = {int(flow['remaining'].iloc[-1])}", BLUE)
    return figure


def _box(axes: Axes, y: float, text: str, colour: str) -> None:
    axes.text(
        _TRUNK,
        y,
        text,
        ha="center",
        va="center",
        fontsize=7,
        fontweight="bold",
        color=colour,
        bbox={"boxstyle": "square,pad=0.4", "facecolor": "white", "edgecolor": colour, "lw": 0.9},
    )
