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
# # 03 · What practitioners fear, per attack, and why
#
# **Question.** Which attacks matter to respondents' work, which concerns stand behind that, and how
# does it compare with documented incidents?

# %% tags=["parameters"]
export = "auto"
codebook = "data/codebook.yml"
coding = "data/coding"
seed = 20230308
resamples = 2000

# %%
from mlsec_survey.project import open_project

project = open_project("03_attack_relevance", export=export, codebook=codebook)
pub = project.publisher()
responses = project.read("responses")
missing = project.read("missing_kinds")
project.describe()

# %% [markdown]
# ## 1 How relevant is each attack

# %%
# section 1

# %% [markdown]
# ## 2 Do attacks differ within respondents

# %%
# section 2

# %% [markdown]
# ## 3 The model and its assumption

# %%
# section 3

# %% [markdown]
# ## 4 Occurrence, concern and relevance together

# %%
# section 4

# %% [markdown]
# ## 5 Why: concerns in free text

# %%
# section 5

# %% [markdown]
# ## 6 Complex concerns

# %%
# section 6

# %% [markdown]
# ## 7 The outside view

# %%
# section 7

# %%
pub.close()

# %% [markdown]
# ## What this does not show
