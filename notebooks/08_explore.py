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
# # 08 · Explore the answers
#
# **Question.** What else is in the answers?
#
# This notebook is for looking around, in JupyterLab or on Binder. It is no part of a run, publishes
# nothing, and its results go into no page and no paper. Run it from the top, after 01, then choose.
#
# **Looking is not testing.** Whoever looks at many tables and tries many tests finds differences
# that are chance. What stands out here is a reason to plan a study, no result of this one.

# %% tags=["parameters"]
export = "auto"
codebook = "data/codebook.yml"
plan = "data/analysis_plan.yml"
seed = 20230308
resamples = 2000

# %%
from mlsec_survey import explore
from mlsec_survey.project import open_project

project = open_project("08_explore", export=export, codebook=codebook, plan=plan)

# %% [markdown]
# ## Any item by any grouping
#
# Choose an item, what to group respondents by, and whom shares are of. With real answers, counts
# that could point to a person are hidden by the same rules as in published tables. The same can be
# done without Python on the page `html/explore.html`.

# %%
explore.tables(project)

# %% [markdown]
# ## Any outcome against any predictor
#
# Only tests that fit the two variables are offered. The result comes with its interval and with the
# smallest effect that the plan holds to be of interest elsewhere in the same measure. It is marked
# as *exploratory*, since no plan asked for it and nothing corrects for what else was tried.

# %%
explore.tests(project, seed=seed, resamples=resamples)

# %% [markdown]
# ## What this does not show
#
# Neither causes, nor what other respondents would have answered, nor whether a difference would be
# found again. For hypotheses that were fixed beforehand see notebook 04.
