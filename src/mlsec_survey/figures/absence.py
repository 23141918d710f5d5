"""A figure in the place of one that there is nothing for, so that its key and its reason stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlsec_survey.figures.style import COLUMN, GREY, new_figure, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NO_REASONS = "Nothing to draw: no reason carries a code, or they are not yet coded."
NOTHING = "Nothing to draw: not examined by this plan, or not testable on these answers."


def draw_absence(words: str = NOTHING) -> Figure:
    """Say in the place of a figure why there is none."""
    figure = new_figure(COLUMN, 0.6)
    axes = figure.subplots()
    axes.set_axis_off()
    text = "\n".join(wrapped([words], 60))
    axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=7, color=GREY)
    return figure
