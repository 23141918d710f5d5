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
# # 09 · Several waves of the survey
#
# **Question.** What changed from one wave to the next, in whom, and what hold all of them together?
#
# A file lists the waves, each with its export and with what is different in its questionnaire
# (`data/waves/README.md`). Every wave is cleaned by the same rules. This notebook is no part of the
# usual run: `python scripts/run_all.py --waves FILE` executes it.

# %% tags=["parameters"]
waves: str = None  # file that lists the waves of the survey
codebook: str = "data/codebook.yml"  # what was asked
plan: str = "data/analysis_plan.yml"  # what is tested
seed: int = 20230308  # of every random draw; a whole number from 0
resamples: int = 2000  # bootstrap and permutation resamples; at least 20

# %%
from mlsec_survey.analysis import waves as several
from mlsec_survey.analysis.hypotheses import plan_variables
from mlsec_survey.project import open_project
from mlsec_survey.several_waves import read_waves

project = open_project("09_waves", globals())
asked, synthetic, linked = read_waves(project, waves)
pub = project.publisher(synthetic=synthetic, respondents=sum(len(w.responses) for w in asked))
confidence, alpha, level = project.plan.confidence, project.plan.alpha, project.plan.level

# %% [markdown]
# ## The waves
#
# Respondents of a panel answer more than once, and their invitation code tells who is who; in a
# repeated cross-section every wave asks others. Which it is, the file of waves says: nothing in an
# export could.

# %%
pub.table(
    "wave_sizes",
    several.size_table(asked),
    "wave n again",
    caption="The waves, and how many of each answered the first one too.",
    note="" if linked else "Codes do not link these waves: nobody is known to be the same.",
)

# %% [markdown]
# What a wave did not ask is compared with nothing. What it asked in other words is compared and
# marked, since a change of words changes answers too.

# %%
items = several.item_table(asked)
if len(items):
    pub.table(
        "wave_items",
        items,
        "item wave status:wave_status difference",
        caption="Items that are not the same in every wave.",
        basis="published",
    )

# %% [markdown]
# ## What changed
#
# Each later wave is set against the first. Between different people a share is compared by the
# score test and an ordered answer by the probability that an answer of the later wave is higher.
# In the same people it is their changes that count: those who went up against those who went down.
# The two answer different questions. A sample can change because people changed their minds, or
# because other people answered.

# %%
variables = several.with_checklists(plan_variables(project.plan), asked)
readings = {}
for wave in asked[1:]:
    changes = several.change_table(
        asked[0], wave, variables, seed=seed, resamples=resamples, confidence=confidence
    )
    readings[wave.label] = several.describe_changes(changes, alpha=alpha)
    pub.table(
        f"changes_{asked.index(wave) + 1}",
        changes,
        "label:quantity wording n_first n_second count_first count_second value_first "
        "value_second effect estimate low high p p_adjusted",
        caption=f"From “{asked[0].label}” to “{wave.label}”.",
        sections="comparison",
        note=f"Low and high: {level} interval, not adjusted. Adjusted p: Holm within each "
        "comparison. Variables without an order are left out.",
    )

# %%
for at, (label, reading) in enumerate(readings.items(), start=2):
    pub.number(f"changes_{at}_reading", reading, f"what changed up to “{label}”")

# %% [markdown]
# ## All waves together
#
# Pooling takes the waves for samples of one population. The last two columns say how far single
# waves lie apart; where that is far, the pooled share is the share of nobody. Who answered more
# than one wave counts once, with the latest answer.

# %%
pooled = several.pooled_table(asked, variables, confidence=confidence)
if len(pooled):
    pub.table(
        "pooled",
        pooled,
        "label:quantity count n estimate:share low high lowest:lowest_share highest:highest_share",
        caption="Shares over all waves.",
        note=f"Low and high: ends of Wilson's {level} interval of the share.",
    )
pub.close()

# %% [markdown]
# ## What this does not show
#
# Why anything changed. Waves differ in who answers, in what happened meanwhile and in how often
# people have thought about the questions before; respondents who come back are not those who do
# not. A change between two waves is no trend.
