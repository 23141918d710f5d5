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
# # 06 · What it means for regulation and audit
#
# **Question.** Which claims does the evidence carry, and what can a regulator or an auditor do with
# them?
#
# A survey is cited in sentences, and sentences lose what they rest on. This notebook takes the
# claims that the publication makes in public, puts beside each the numbers that this run computed
# for it, grades it by a rule fixed in `data/claims.yml`, and says what may and may not be
# concluded. It computes no new statistic: every number comes from the notebook that published it.

# %% tags=["parameters"]
export = "auto"

# %%
from mlsec_survey.project import open_project
from mlsec_survey.study import claims
from mlsec_survey.study.literature import load_facts

project = open_project("06_implications", export=export)
pub = project.publisher()
project.describe()

# %% [markdown]
# ## The ledger
#
# Read a row from left to right: what was claimed and how this project knows of the claim, what kind
# of evidence stands behind it, what this run computed, how far that carries the claim as a
# statement about the sample, and what follows or does not follow from it *if* it is carried.

# %%
facts = load_facts(project.root / "data/published/facts.csv")
ledger = claims.load_claims(project.root / "data/claims.yml", facts)
numbers = claims.published_numbers(
    project.published(
        "01_cleaning", "02_sample", "03_attack_relevance", "04_hypotheses", "05_robustness"
    )
)
pub.number("n_claims", len(ledger.claims), basis="published", description="claims in the ledger")

# %%
table = claims.ledger_table(ledger, facts, numbers)
pub.table(
    "claim_ledger",
    table,
    caption="Claim ledger: what is claimed in public, what this run adds, and what may be "
    "concluded from a claim that is carried.",
    columns={
        "claim": "Claim",
        "rests_on": "Rests on",
        "this_run": "In this run",
        "strength": "Strength",
        "may": "May be concluded",
        "may_not": "May not be concluded",
    },
    wrap={
        "claim": 0.17,
        "rests_on": 0.1,
        "this_run": 0.19,
        "strength": 0.1,
        "may": 0.17,
        "may_not": 0.19,
    },
    note="Claims in the words of this project, after the publication's abstract. Strength: grade "
    "by the checks in data/claims.yml, in brackets how many of them hold.",
    width="page",
)
pub.number(
    "ledger_reading",
    claims.describe_ledger(table, ledger),
    description="grades in this run",
)

# %% [markdown]
# ## Questions for an auditor
#
# Each claim leads to one question that can be answered for a single organisation, whatever the
# survey found elsewhere. The question is the usable part: its answer does not depend on whether the
# respondents stand for anybody else.

# %%
audiences = claims.audience_table(ledger)
pub.table(
    "audit_questions",
    audiences,
    caption="One question per claim for an audit, and what to ask to see.",
    columns={"label": "Claim", "audit": "Question", "evidence": "Ask to see"},
    wrap={"label": 0.17, "audit": 0.39, "evidence": 0.37},
    basis="published",
)

# %%
pub.table(
    "implications_by_audience",
    audiences,
    caption="What follows from each claim for those who make rules and for those who do research.",
    columns={"label": "Claim", "regulator": "Regulator", "researcher": "Researcher"},
    wrap={"label": 0.17, "regulator": 0.37, "researcher": 0.37},
    basis="published",
    keep=True,
)

# %% [markdown]
# ## What goes in
#
# Claims and the rule of grading are in `data/claims.yml`, published facts in
# `data/published/facts.csv`, numbers in the records of notebooks 01 to 05. A claim that names a
# fact or a number that does not exist stops the run.

# %% [markdown]
# ## The rule
#
# Strength is not a matter of taste here. Each claim names, before any answer is read, the checks
# that a run has to pass; the grade is the first of the following that applies.

# %%
pub.table(
    "grade_rule",
    claims.grade_table(ledger),
    caption=ledger.rule,
    columns={"label": "Grade", "when": "Applies when", "meaning": "Meaning"},
    basis="published",
    keep=True,
)

# %%
checks = claims.check_table(ledger, numbers)
pub.table(
    "claim_checks",
    checks,
    caption="Every check of the ledger: the number it reads, the bound, and whether it holds.",
    columns={
        "claim": "Claim",
        "check": "Check",
        "value": "Value",
        "condition": "Bound",
        "holds": "Holds",
    },
    wrap={"claim": 0.2, "check": 0.36},
    keep=True,
)
pub.number(
    "checks_made", len(checks), description="checks in the ledger", unit="checks", basis="published"
)
pub.number(
    "checks_held",
    int((checks["holds"] == "yes").sum()),
    unit="checks",
    description="checks of the ledger that hold in this run",
)

# %% [markdown]
# ## Published counts next to this run's
#
# The publication's raw answers are not public, so only the counts that it or others state can be
# set beside counts of this run.

# %%
comparisons = claims.comparison_table(ledger, facts, numbers)
pub.table(
    "published_beside_run",
    comparisons,
    caption="Counts stated in public, and the same counts in this run.",
    columns={
        "fact": "What was counted",
        "published": "Published",
        "known": "How it is known",
        "this_run": "In this run",
    },
    wrap={"fact": 0.3, "published": 0.18, "known": 0.2, "this_run": 0.15},
    source="data/published/facts.csv, which names the source of each fact",
    keep=True,
)
pub.number(
    "comparison_reading",
    claims.describe_comparison(comparisons, synthetic=project.manifest.is_synthetic),
    description="comparison of counts",
    keep=True,
)
pub.close()

# %% [markdown]
# ## What this does not show
#
# A grade speaks of one sample and one set of checks. It does not say that a claim is true of
# industry at large: respondents chose to answer, and nobody knows who did not. Checks can be chosen
# too weak or too strong; they stand in a file of their own so that a reader can change one and run
# again. No duty and no threshold follows from the ledger alone.
