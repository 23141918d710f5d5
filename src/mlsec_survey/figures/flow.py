"""The flow from exported rows to analysed respondents, in the manner of CONSORT and STROBE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlsec_survey.base.formatting import counted
from mlsec_survey.figures.style import (
    BLUE,
    GREY,
    INK,
    SMALL,
    entries,
    house_style,
    new_figure,
    wrap,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW = 0.34
_TRUNK = 0.22
_ARROW = {"arrowstyle": "-|>", "color": GREY, "lw": 0.9, "shrinkA": 0, "shrinkB": 0}


@house_style()
def draw_exclusion_flow(flow: pd.DataFrame) -> Figure:
    """Draw the exclusions from top to bottom, what remains on the left, who leaves on the right.

    Args:
        flow: as `exclusions.apply_exclusions` returns it: one row per exclusion in order, with
            columns step (from 1), label, excluded, remaining and limit (not empty where the export
            cannot tell how many); a row of step 0 for the export itself may come first.
    """
    steps = flow[flow["step"] > 0]
    start = int(flow["remaining"].iloc[0] + flow["excluded"].iloc[0])
    end = len(steps) + 1
    figure = new_figure("narrow", _ROW * (end + 1) + 0.1)
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(end + 0.55, -0.55)
    _box(axes, 0, f"Rows in the export\nn = {start}", INK)
    axes.annotate("", xy=(_TRUNK, end - 0.5), xytext=(_TRUNK, 0.45), arrowprops=_ARROW)
    for row, step in enumerate(entries(steps), start=1):
        axes.annotate("", xy=(0.44, row), xytext=(_TRUNK, row), arrowprops=_ARROW)
        if row < len(steps):
            remaining = f"{int(step.remaining)}"
            style: dict[str, Any] = {"ha": "right", "va": "center", "color": GREY}
            axes.text(_TRUNK - 0.02, row + 0.5, remaining, fontsize=SMALL, **style)
        box = {"boxstyle": "square,pad=0.3", "facecolor": "#F4F4F4", "edgecolor": GREY, "lw": 0.5}
        # The number stands whatever becomes of the label.
        count = f": {_count(step)}"
        *above, last = wrap(step.label, 32, lines=2) or [""]
        words = "\n".join([*above, last + count])
        axes.text(0.455, row, words, va="center", fontsize=SMALL, bbox=box)
    _box(axes, end, f"Analysed respondents\nn = {int(flow['remaining'].iloc[-1])}", BLUE)
    return figure


def _count(step: Any) -> str:
    """Return how many a step excluded, as far as the export tells."""
    if not getattr(step, "limit", ""):
        return f"n = {int(step.excluded)}"
    return f"n ≥ {int(step.excluded)}" if step.excluded else "not known"


def _box(axes: Axes, y: float, text: str, colour: str) -> None:
    box = {"boxstyle": "square,pad=0.4", "facecolor": "white", "edgecolor": colour, "lw": 0.9}
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontweight": "bold", "color": colour}
    axes.text(_TRUNK, y, text, bbox=box, **style)


def describe_exclusion_flow(flow: pd.DataFrame) -> str:
    """Say in one sentence who was excluded, from the flow of `exclusions.apply_exclusions`."""
    start = int(flow["remaining"].iloc[0] + flow["excluded"].iloc[0])
    end = int(flow["remaining"].iloc[-1])
    parts = [
        f"{row['label'][:1].lower()}{row['label'][1:]} {row['excluded']}"
        for _, row in flow.iterrows()
        if row["excluded"]
    ]
    reasons = f" ({', '.join(parts)})" if parts else ""
    limits = [limit for limit in dict.fromkeys(flow.get("limit", ())) if limit]
    excluded = f"Excluded: {start - end} of {counted(start, 'exported response')}{reasons}; "
    return " ".join([excluded + f"analysed: {counted(end, 'respondent')}.", *limits])
