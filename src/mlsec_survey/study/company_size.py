"""Whether a survey of this size could have shown an effect of company size on exposure."""

from __future__ import annotations

import pandas as pd

from mlsec_survey.analysis.design_analysis import GridCell, at_cell
from mlsec_survey.base.formatting import percent_text


def describe_size_question(grid: pd.DataFrame, cell: GridCell, target: float) -> str:
    """Say in words what the grid shows for both sample sizes, at one cell and over all of it."""
    parts = []
    for n in sorted(grid["n"].unique()):
        share = float((grid.loc[grid["n"] == n, "power"] >= target).mean())
        parts.append(
            f"{n} respondents find it with {percent_text(at_cell(grid, int(n), cell))} power after "
            f"correction ({percent_text(at_cell(grid, int(n), cell, 'power_uncorrected'))} "
            "without), and "
            f"reach {percent_text(target)} in {percent_text(share)} of the cells"
        )
    return (
        f"At an odds ratio of {cell.odds_ratio:g} per step and {percent_text(cell.prevalence)} "
        f"with exposure, {'; '.join(parts)}"
    )
