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
# consent or do not belong to the population, people who left early, people who came twice. This
# notebook checks the export against the codebook, applies the exclusions in a fixed order, keeps
# apart the different ways in which an answer can be missing, and derives the scales. All rules are
# in `data/codebook.yml`; no decision about a single respondent is made here.

# %% tags=["parameters"]
export: str = "auto"  # raw export; auto is data/raw/export.* if there, else the stand-in
codebook: str = "data/codebook.yml"  # what was asked
plan: str = "data/analysis_plan.yml"  # what is tested
seed: int = 20230308  # of every random draw; a whole number from 0
resamples: int = 2000  # bootstrap and permutation resamples; at least 20

# %%
from mlsec_survey.analysis import sample
from mlsec_survey.analysis.anonymity import anonymity
from mlsec_survey.base.randomness import generator
from mlsec_survey.figures import describe_exclusion_flow, draw_exclusion_flow
from mlsec_survey.project import open_project
from mlsec_survey.responses import contradictions, exclusions, private, quality, recode, scales
from mlsec_survey.responses.missing import missing_kinds
from mlsec_survey.study.literature import load_facts

project = open_project("01_cleaning", globals())
pub, book = project.publisher(), project.codebook
project.describe()

# %% [markdown]
# ## What was exported
#
# The export is read as text first. A heading that the codebook does not know, an answer code that
# an item does not have, a truncated row or a wrong encoding stops the run here with one message.
# The survey tool and its settings are recognised by the content of the file. Settings decide what a
# file can tell; what this one cannot tell stands in the table.

# %%
raw = project.read_export()
pub.number("n_raw", len(raw.frame), "rows of the raw export", unit="rows")
pub.table(
    "export_described",
    contradictions.described(raw),
    "aspect finding",
    caption="The export: what it is, what was left out or put right, what it cannot tell.",
)

# %% [markdown]
# Some responses contradict themselves, since browsers go back, clocks are set and people change
# their minds. None is put right: the table says how many there are and how they are read.

# %%
pub.table(
    "contradictions",
    contradictions.contradictions(raw, book),
    "contradiction treated responses",
    caption="Responses that contradict themselves, in all rows of the export.",
)

# %% [markdown]
# ## Who was left out
#
# Each response is counted under the first rule that excludes it. The rules concern eligibility,
# consent, completeness and repetition only. Fast or monotonous answering is flagged further down
# and never excludes anyone here; notebook 05 shows what would change if it did.

# %%
kept, flow = exclusions.apply_exclusions(raw, book)
shown = exclusions.merged_steps(flow, pub.smallest_count)
pub.figure(
    "exclusion_flow",
    draw_exclusion_flow(shown),
    caption="Flow from exported rows to the analysed sample, in the order of the exclusions.",
    alt=describe_exclusion_flow(shown),
    data=shown,
)

# %%
pub.number("n_respondents", len(kept), "analysed respondents", unit="respondents")
pub.number("n_excluded", int(flow["excluded"].sum()), "excluded rows", unit="rows")
pub.number("export_line", contradictions.in_one_line(raw, len(kept)), "the export in one line")

# %% [markdown]
# The publication states how many practitioners it analyses. For the study's own export a difference
# would mean that the study excluded others than these rules do. For any other data neither a match
# nor a difference says anything about the study.

# %%
published = load_facts(project.root / "data/published/facts.csv").fact("tifs2023.n")
pub.number(
    "n_less_published",
    len(kept) - int(published.number),
    f"analysed respondents less the {published.number} that the publication states",
    unit="respondents",
)

# %% [markdown]
# ## What is missing, and in which way
#
# *Left empty*, *not shown*, *don't know* and *prefer not to say* mean different things: to not know
# whether an attack happened is not the same as having had none. The analysis file therefore has a
# twin of the same shape that says for each cell which kind it is.

# %%
missing = missing_kinds(kept, book)
responses = recode.recode(kept, book, missing)
responses = scales.derive_scales(responses, missing, book)
responses = responses.join(quality.quality_flags(responses, book))

# %%
pub.table(
    "missing_kinds",
    sample.missing_kind_counts(missing, book),
    "label:item cells answered not_answered dont_know prefer_not not_shown",
    caption="Kinds of missing answers per item, in cells (respondents × sub-questions).",
)

# %% [markdown]
# ## Scales and their reliability
#
# Mean concern and mean relevance summarise the ratings of all attacks. Cronbach's alpha says how
# far these move together; it does not say that they measure one thing, and it rises with the number
# of ratings. Feldt's interval assumes normal ratings; the bootstrap interval does not. Counts of
# defences or attacks are sums over a checklist, not reflective scales, so no reliability is claimed
# for them.

# %%
reliability = scales.scale_reliability(
    responses,
    book,
    generator(seed, "reliability"),
    resamples=resamples,
    confidence=project.plan.confidence,
)

# %%
pub.table(
    "scale_reliability",
    reliability,
    "label:scale scale_n alpha_pairwise n:complete_n alpha low high bootstrap_low bootstrap_high",
    caption="Reliability of the rating scales: Cronbach's alpha with two intervals "
    f"({project.plan.level}).",
    note="The scale is used for all who gave enough ratings; their alpha is computed from pairs of "
    "ratings. The intervals are of those who gave every rating. Low, high: Feldt's; (b.): "
    "bootstrap, BCa.",
)

# %%
pub.number(
    "scale_alpha_low",
    reliability["bootstrap_low"].min(),
    "least lower end of the bootstrap intervals of alpha, over the rating scales",
    digits=2,
)

# %% [markdown]
# ## How carefully people answered
#
# Each flag is a sign of careless answering, and none is proof: some people read fast, and some hold
# the same view of all attacks. A respondent can have several flags.

# %%
pub.table(
    "quality_flags",
    sample.flag_counts(responses, book),
    "label:flag reason:flag_meaning count n share",
    caption="Quality flags. They are kept as columns and exclude nobody in the main analysis.",
)

# %% [markdown]
# ## What could single a respondent out
#
# Direct identifiers can stand in any column, also where nobody asked for them. Names are looked for
# if an invitation list is at hand in `data/raw/invited.csv`, which git ignores as it does the
# export.

# %%
names = private.invited_names(project.root)
pub.table(
    "identifiers",
    private.identifier_columns(raw.frame, book, names),
    "column kind:kind_of_identifier cells:holding treated:treatment",
    caption="Columns of the export that hold direct identifiers, and what becomes of them.",
)

# %% [markdown]
# Without a name, too, role, experience and organisation together can point to one person. The table
# says how small a group somebody finds who knows some of these answers, and how many different
# answers on occurrence it holds. A group of one is why the analysis file must not be passed on, and
# why tables of several answers at once are suppressed.

# %%
known = sample.items_about(book, "respondent", "organisation")
sensitive = [part.name for part in book.parts("occurrence").values()]
pub.table(
    "anonymity",
    anonymity(responses, known, sensitive),
    "known smallest:smallest_group alone:nobody_else diversity",
    caption=f"Groups of respondents with the same answers to {len(known)} identifying items.",
    note="Smallest group: k of k-anonymity; different answers: l of l-diversity, each at worst.",
)

# %% [markdown]
# ## What is written
#
# The analysis file, its twin of missing kinds, a list of variables, the flow, and the wider set of
# candidates (with the reason that excluded each), which the specification curve of notebook 05
# draws on. These files hold every answer and must not be passed on. The labelled CSV leaves out
# answers in the respondents' own words, dates, response numbers, all that the codebook marks as
# identifying and every column in which most values occur once, such as seeds and timings; its rows
# are in another order than the export's.

# %%
project.write("responses.parquet", responses)
project.write("missing_kinds.parquet", missing)
project.write("responses_labelled.csv", recode.labelled(responses, book))
project.write("variables.csv", recode.variable_list(book))
project.write("exclusion_flow.csv", flow)
project.write("candidates.parquet", exclusions.candidates(raw, book))
pub.close()

# %% [markdown]
# ## What this does not show
#
# That an answer passes these checks says that it is well-formed, not that it is true. Exclusions
# by completeness assume that those who left early would not have answered very differently; item
# non-response in notebook 02 and the specification curve in notebook 05 probe that, and cannot
# settle it.
