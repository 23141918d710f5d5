"""Exploring by hand, in a notebook: choose, and see at once; nothing is published.

The controls are ipywidgets', which the extra `lab` installs; what they show comes from
`analysis.exploration`, as on the explorer's page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlsec_survey.analysis import exploration
from mlsec_survey.analysis.hypotheses import analysis_data, effect_text
from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.base.formatting import SUPPRESSED, as_text, p_text
from mlsec_survey.base.randomness import generator
from mlsec_survey.base.synthetic import SYNTHETIC_SHORT
from mlsec_survey.report.disclosure import suppress_cross_table

if TYPE_CHECKING:
    import ipywidgets
    import pandas as pd
    from pandas.io.formats.style import Styler

    from mlsec_survey.instrument.plan import AnalysisPlan
    from mlsec_survey.instrument.variables import Variable
    from mlsec_survey.project import Project
    from mlsec_survey.stats.tests import Test

_NOBODY = "nobody: all respondents together"


def tables(project: Project) -> ipywidgets.VBox:
    """Return controls that choose item, grouping and denominator, above the table and its chart.

    Args:
        project: opened with a plan; notebook 01 has been run.
    """
    import ipywidgets

    items = exploration.explorable(
        project.read("responses"), project.read("missing_kinds"), project.codebook
    )
    by = exploration.groupings(items, project.codebook)
    chosen = {
        "item": ipywidgets.Dropdown(options=[(i.label, i) for i in items], description="Item"),
        "by": ipywidgets.Dropdown(
            options=[(_NOBODY, None), *((i.label, i) for i in by)], description="Grouped by"
        ),
        "of": ipywidgets.Dropdown(
            options=[("those who answered", "answered"), ("everybody", "all")],
            description="Shares of",
        ),
    }

    def show(item: exploration.ListedAnswers, by: Any, of: exploration.Denominator) -> None:
        from IPython.display import display

        table = table_shown(project, item, None if by is item else by, of)
        display(_drawn(project, table), _styled(table))

    return ipywidgets.VBox([*chosen.values(), ipywidgets.interactive_output(show, chosen)])


def table_shown(
    project: Project,
    item: exploration.ListedAnswers,
    by: exploration.ListedAnswers | None,
    of: exploration.Denominator,
) -> pd.DataFrame:
    """Return the chosen table, as `exploration.cross_table`, with what may not be shown hidden."""
    hidden = None
    if not project.manifest.is_synthetic:
        hidden, _ = suppress_cross_table(exploration.cross_counts(item, by), item.answered)
    return exploration.cross_table(
        item, by, of=of, confidence=project.plan.confidence, hidden=hidden
    )


def tests(project: Project, *, seed: int, resamples: int) -> ipywidgets.VBox:
    """Return controls that choose outcome, predictor and a test that fits, above its result.

    Args:
        project: opened with a plan; notebook 01 has been run.
        seed: of the permutations.
        resamples: permutations.
    """
    import ipywidgets

    data = analysis_data(project.read("responses"), project.codebook)
    usable = [
        (variable.label, variable)
        for variable in project.codebook.variables()
        if not variable.is_text and data[variable.name].nunique() > 1
    ]
    outcome = ipywidgets.Dropdown(options=usable, description="Outcome")
    predictor = ipywidgets.Dropdown(options=usable, index=1, description="Predictor")
    test = ipywidgets.Dropdown(description="Test")

    def fit(_: object = None) -> None:
        fitting = exploration.fitting_tests(outcome.value, predictor.value)
        test.options = [(one.label, one) for one in fitting]

    outcome.observe(fit, "value")
    predictor.observe(fit, "value")
    fit()

    def show(outcome: Variable, predictor: Variable, test: Test | None) -> None:
        rng = generator(seed, "exploration")
        print(
            pair_in_words(
                outcome, predictor, test, data, project.plan, rng=rng, resamples=resamples
            )
        )

    chosen = {"outcome": outcome, "predictor": predictor, "test": test}
    return ipywidgets.VBox([*chosen.values(), ipywidgets.interactive_output(show, chosen)])


def pair_in_words(
    outcome: Variable,
    predictor: Variable,
    test: Test | None,
    data: pd.DataFrame,
    plan: AnalysisPlan,
    **options: Any,
) -> str:
    """Say what a test that no plan asked for gives, marked as exploratory.

    Args:
        outcome, predictor: variables.
        test: one that fits them, or None.
        data: as `hypotheses.analysis_data` returns it.
        plan: its smallest effects of interest are the yardstick, its level that of the interval.
        options: `rng` and `resamples`, for `exploration.explore_pair`.
    """
    if test is None or test not in exploration.fitting_tests(outcome, predictor):
        return "No test of the plans fits these two."
    try:
        result = exploration.explore_pair(
            outcome, predictor, test, data, confidence=plan.confidence, **options
        )
    except AnalysisError as error:
        return f"Cannot be computed: {error}"
    sesoi = exploration.usual_sesoi(plan, test)
    yardstick = (
        f"Smallest effect of interest elsewhere in the plan: {as_text(sesoi.sesoi.value, '3s')} "
        f"({sesoi.sesoi.reason})."
        if sesoi
        else "The plan states no smallest effect of interest in this measure."
    )
    p = p_text(result.p)
    return (
        f"EXPLORATORY: not planned, not adjusted for other looks.\n"
        f"{outcome.label} ~ {predictor.label}: {effect_text(result)}"
        f"{f', p {p}' if p else ''}; {result.method}.\n{yardstick}"
    )


def _drawn(project: Project, table: pd.DataFrame) -> Any:
    from IPython.display import SVG

    from mlsec_survey.figures import draw_intervals
    from mlsec_survey.figures.style import figure_files

    known = table.dropna(subset=["estimate"])
    series = "group" if table["group"].nunique() > 1 else None
    figure = draw_intervals(known, row="answer", series=series, axis="% (count/n)")
    label = SYNTHETIC_SHORT if project.manifest.is_synthetic else ""
    return SVG(figure_files(figure, "Shares with intervals.", label=label)["svg"])


def _styled(table: pd.DataFrame) -> Styler:
    shares: dict[Any, Any] = dict.fromkeys(["estimate", "low", "high"], "{:.1%}")
    return table.style.hide(axis="index").format(shares, na_rep=SUPPRESSED, escape="html")
