"""Figures: each function takes tidy tables and returns a drawn figure; none reads or writes."""

from mlsec_survey.figures.absence import draw_absence
from mlsec_survey.figures.concerns import draw_code_by_attack, draw_intersections
from mlsec_survey.figures.describe import (
    describe_attack_profile,
    describe_bayes_sensitivity,
    describe_code_by_attack,
    describe_documented_against_ranking,
    describe_dose_response,
    describe_error_rates,
    describe_forest,
    describe_incidents_by_year,
    describe_intersections,
    describe_intervals,
    describe_pairwise,
    describe_power_curves,
    describe_ranking,
    describe_ratings,
    describe_runs,
    describe_specification_curve,
    describe_trend_power,
)
from mlsec_survey.figures.design import (
    draw_bayes_sensitivity,
    draw_error_rates,
    draw_power_curves,
    draw_power_grid,
    draw_trend_power,
)
from mlsec_survey.figures.flow import draw_exclusion_flow
from mlsec_survey.figures.forest import draw_dose_response, draw_forest
from mlsec_survey.figures.incidents import draw_documented_against_ranking, draw_incidents_by_year
from mlsec_survey.figures.intervals import draw_intervals
from mlsec_survey.figures.pairwise import draw_pairwise
from mlsec_survey.figures.ratings import draw_attack_profile, draw_ranking, draw_ratings
from mlsec_survey.figures.runs import draw_runs
from mlsec_survey.figures.specification import draw_specification_curve

__all__ = [
    "describe_attack_profile",
    "describe_bayes_sensitivity",
    "describe_code_by_attack",
    "describe_documented_against_ranking",
    "describe_dose_response",
    "describe_error_rates",
    "describe_forest",
    "describe_incidents_by_year",
    "describe_intersections",
    "describe_intervals",
    "describe_pairwise",
    "describe_power_curves",
    "describe_ranking",
    "describe_ratings",
    "describe_runs",
    "describe_specification_curve",
    "describe_trend_power",
    "draw_absence",
    "draw_attack_profile",
    "draw_bayes_sensitivity",
    "draw_code_by_attack",
    "draw_documented_against_ranking",
    "draw_dose_response",
    "draw_error_rates",
    "draw_exclusion_flow",
    "draw_forest",
    "draw_incidents_by_year",
    "draw_intersections",
    "draw_intervals",
    "draw_pairwise",
    "draw_power_curves",
    "draw_power_grid",
    "draw_ranking",
    "draw_ratings",
    "draw_runs",
    "draw_specification_curve",
    "draw_trend_power",
]
