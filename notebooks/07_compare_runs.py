# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 07 · The same results across runs
#
# **Question.** What changes when data, seed, plan or another setting changes?
#
# A run is one pass of the notebooks over one export with one set of parameters. This notebook puts
# the published results of several runs side by side. A batch executes it when its runs are done;
# opened by hand it takes all runs that are there. It computes no result anew.
#
# `runs` lists names of runs (`default` is the project itself, the others are folders below
# `runs/`), `reference` the one that the others are compared with; without it that is the first.

# %% tags=["parameters"]
runs: list = None  # names of the runs to compare; None takes all there are
reference: str = None  # run that others are compared with; None takes the first

# %%
from IPython.display import Markdown

from mlsec_survey.figures import describe_runs, draw_runs
from mlsec_survey.project import open_project
from mlsec_survey.report import comparison

project = open_project("07_compare_runs", globals())
compared = comparison.read_runs(project.root, runs, reference)
pub = project.publisher(synthetic=any(run.synthetic for run in compared))
results = comparison.estimates(compared)
changes = comparison.estimate_changes(results)

# %% [markdown]
# ## The runs and what is particular to each

# %%
pub.table(
    "compared_runs",
    comparison.parameter_table(compared),
    "run parameters answers:run_answers",
    caption="Runs that are compared; the first one is the reference.",
)

# %% [markdown]
# ## What moves
#
# Two runs that differ in the seed only should differ by no more than Monte Carlo error; if an
# interval then changes sides, the number of resamples is too small for that result. Runs over
# different exports differ by sampling too, and by whatever else is different about the respondents.

# %%
Markdown(comparison.describe_changes(compared, changes))

# %%
shown = comparison.drawn(results, changes)
pub.figure(
    "runs_compared",
    draw_runs(shown),
    caption="Estimates and intervals, one panel per result and one row per run. Results that are "
    "not the same in all runs come first, tests of hypotheses before others, and then by how far "
    "they move. A vertical line is the value without an effect.",
    alt=describe_runs(shown),
    data=shown,
    narrow=draw_runs(shown, width="narrow"),
)

# %% [markdown]
# ## Every result with an interval that is not the same
#
# The reference's estimate and interval stand beside the smallest and the largest estimate of all
# runs. A shift is the largest distance between a run's estimate and the reference's, in half-widths
# of the reference's interval: below 1 the estimate stays within that interval. Then comes the
# number of runs in which estimate, interval or p-value is not the reference's, and the most serious
# change: an estimate outside of the reference's interval, one on the other side of the value
# without an effect, or an interval that holds this value where the reference's does not, or the
# other way round. The CSV file of this table also holds the results that are the same in all runs.

# %%
pub.table(
    "results_across_runs",
    comparison.moved(changes),
    "result estimate:reference low high smallest largest shift changed reading:what_changes",
    caption="Results that are not the same in all runs, by the table that they are published in: "
    "the reference with its interval, the range over all runs, and what changes.",
    sections="table",
    data=changes.drop(columns="null"),
)

# %% [markdown]
# ## Every other number that is not the same
#
# Numbers without an interval of their own: counts, statistics, p-values, and sentences that were
# computed. A number that one run publishes and another does not (since it has another plan, say) is
# counted as absent.

# %%
numbers = comparison.number_changes(compared)
pub.table(
    "numbers_across_runs",
    numbers,
    "description:number reference:reference_text unit smallest largest different absent",
    caption="Published numbers that differ between runs, by the notebook that publishes them.",
    sections="notebook",
    data=numbers,
)

# %%
pub.close()

# %% [markdown]
# ## What this does not show
#
# That a result is stable across seeds says that it has been computed with enough resamples, and
# nothing about the answers. That it is stable across plans or codings says that these choices do
# not matter for it, and not that other choices would not. Many runs over many results will show
# some change by chance; the comparison describes and tests nothing.
