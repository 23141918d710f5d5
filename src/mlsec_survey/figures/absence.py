"""A figure in the place of one that there is nothing for, so that its key and its reason stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlsec_survey.figures.style import GREY, folded, house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NO_REASONS = "Nothing to draw: no reason carries a code, or they are not yet coded."
NOTHING = "Nothing to draw: not examined by this plan, or not testable on these answers."


@house_style()
def draw_absence(words: str = NOTHING) -> Figure:
    """Say in the place of a figure why there is none."""
    figure = new_figure("narrow", 0.6)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.text(0.5, 0.5, folded(words, 56), ha="center", va="center", color=GREY)
    return figure
