"""Figures: `draw_NAME` takes plain tables, `describe_NAME` says what the figure shows in words."""

from mlsec_survey.figures.absence import draw_absence
from mlsec_survey.figures.cases import (
    describe_cases_beside_ranking,
    describe_cases_by_year,
    draw_cases_beside_ranking,
    draw_cases_by_year,
)
from mlsec_survey.figures.concerns import (
    describe_codes_by_item,
    describe_intersections,
    draw_codes_by_item,
    draw_intersections,
)
from mlsec_survey.figures.design import (
    describe_bayes_sensitivity,
    describe_error_rates,
    describe_power_curves,
    describe_power_grid,
    draw_bayes_sensitivity,
    draw_error_rates,
    draw_power_curves,
    draw_power_grid,
)
from mlsec_survey.figures.flow import describe_exclusion_flow, draw_exclusion_flow
from mlsec_survey.figures.forest import (
    describe_dose_response,
    describe_forest,
    draw_dose_response,
    draw_forest,
)
from mlsec_survey.figures.intervals import describe_intervals, draw_intervals
from mlsec_survey.figures.ratings import (
    describe_item_profile,
    describe_pairwise,
    describe_ranking,
    describe_ratings,
    draw_item_profile,
    draw_pairwise,
    draw_ranking,
    draw_ratings,
)
from mlsec_survey.figures.runs import describe_runs, draw_runs
from mlsec_survey.figures.specification import (
    describe_specification_curve,
    draw_specification_curve,
)

__all__ = [
    "describe_bayes_sensitivity",
    "describe_cases_beside_ranking",
    "describe_cases_by_year",
    "describe_codes_by_item",
    "describe_dose_response",
    "describe_error_rates",
    "describe_exclusion_flow",
    "describe_forest",
    "describe_intersections",
    "describe_intervals",
    "describe_item_profile",
    "describe_pairwise",
    "describe_power_curves",
    "describe_power_grid",
    "describe_ranking",
    "describe_ratings",
    "describe_runs",
    "describe_specification_curve",
    "draw_absence",
    "draw_bayes_sensitivity",
    "draw_cases_beside_ranking",
    "draw_cases_by_year",
    "draw_codes_by_item",
    "draw_dose_response",
    "draw_error_rates",
    "draw_exclusion_flow",
    "draw_forest",
    "draw_intersections",
    "draw_intervals",
    "draw_item_profile",
    "draw_pairwise",
    "draw_power_curves",
    "draw_power_grid",
    "draw_ranking",
    "draw_ratings",
    "draw_runs",
    "draw_specification_curve",
]
