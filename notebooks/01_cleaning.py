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
# # 01 · From the raw export to the analysis file
#
# **Question.** Who is in the sample, who was left out and why, and what does each variable hold?
#
# A survey tool exports more rows than there are respondents: tests by the team, people who did not
# agree or do not belong to the population, people who left early, people who came twice. This
# notebook checks the export against the codebook, applies the exclusions in a fixed order, keeps
# apart the different ways in which an answer can be missing, and derives the scales. All rules
# stand in `data/codebook.yml`; nothing here decides anything about a single respondent.

# %% tags=["parameters"]
export = "auto"
codebook = "data/codebook.yml"
seed = 20230308
resamples = 2000

# %%
from mlsec_survey import cleaning, descriptives, scales
from mlsec_survey.export import read_export
from mlsec_survey.figures import draw_exclusion_flow
from mlsec_survey.project import open_project

project = open_project("01_cleaning", export=export, codebook=codebook)
pub = project.publisher()
project.describe()

# %% [markdown]
# ## What was exported
#
# The export is read as text first. A heading that the codebook does not know, an answer code that
# an item does not have, a truncated row or a wrong encoding stops the run here with one message.

# %%
raw = read_export(project.export_path, project.codebook)
pub.number("n_raw", len(raw.frame), unit="rows", description="rows of the raw export")

# %% [markdown]
# ## Who was left out
#
# Each response is counted under the first rule that excludes it. The rules concern eligibility,
# consent, completeness and repetition only. Fast or monotonous answering is flagged further down
# and never excludes anyone here; notebook 05 shows what would change if it did.

# %%
kept, flow = cleaning.apply_exclusions(raw, project.codebook)
pub.figure(
    "exclusion_flow",
    draw_exclusion_flow(flow),
    caption="Flow from exported rows to the analysed sample, in the order of the exclusions.",
    alt=descriptives.describe_flow(flow),
    width="column",
)
pub.number("n_respondents", len(kept), unit="respondents", description="analysed respondents")
pub.number("n_excluded", int(flow["excluded"].sum()), unit="rows", description="excluded rows")

# %% [markdown]
# The publication analyses 139 practitioners (stated in its abstract). The stand-in is made so that
# just as many remain; with a real export the count is whatever the export holds.

# %% [markdown]
# ## What is missing, and in which way
#
# *Not answered*, *not shown*, *don't know* and *prefer not to say* mean different things. A
# respondent who does not know whether an attack happened is no respondent without an attack. The
# analysis file therefore has a twin of the same shape that says for each cell what kind it is.

# %%
responses = cleaning.recode(kept, project.codebook)
missing = cleaning.missing_kinds(kept, project.codebook)
responses = scales.derive_scales(responses, missing, project.codebook)
responses = responses.join(cleaning.quality_flags(responses, project.codebook))
pub.table(
    "missing_kinds",
    descriptives.missing_kind_counts(missing, project.codebook),
    caption="Kinds of missing answers per item, in cells (respondents × sub-questions).",
    keep=True,
)

# %% [markdown]
# ## Scales and their reliability
#
# Mean concern and mean relevance summarise six ratings each. Cronbach's alpha says how far the six
# move together; it does not say that they measure one thing. Counts of defences or attacks are
# sums over a checklist and are no reflective scales, so no reliability is claimed for them.

# %%
reliability = scales.scale_reliability(responses, project.codebook)
pub.table(
    "scale_reliability",
    reliability,
    caption="Reliability of the rating scales: Cronbach's alpha with 95 % interval.",
    columns={
        "label": "Scale",
        "parts": "Ratings",
        "n": "n",
        "alpha": "Alpha",
        "low": "Low",
        "high": "High",
        "mean_correlation": "Mean correlation",
    },
    note="n: respondents who gave every rating.",
)

# %% [markdown]
# ## How carefully people answered

# %%
pub.table(
    "quality_flags",
    descriptives.flag_counts(responses, project.codebook),
    caption="Quality flags. They are kept as columns and exclude nobody in the main analysis.",
    keep=True,
)

# %% [markdown]
# ## What is written
#
# The analysis file, its twin of missing kinds, a labelled CSV without free text, a list of
# variables, the flow, and the wider set of candidates (with the reason that excluded each), which
# the specification curve of notebook 05 draws on.

# %%
project.write("responses.parquet", responses)
project.write("missing_kinds.parquet", missing)
project.write("responses_labelled.csv", cleaning.labelled(responses, project.codebook))
project.write("variables.csv", cleaning.variable_list(project.codebook))
project.write("exclusion_flow.csv", flow)
project.write("candidates.parquet", cleaning.candidates(raw, project.codebook))
pub.close()

# %% [markdown]
# ## What this does not show
#
# That an answer passes these checks says that it is well-formed, not that it is true. Exclusions
# by completeness assume that those who left early would not have answered very differently; item
# non-response in notebook 02 and the specification curve in notebook 05 probe that, and cannot
# settle it.
