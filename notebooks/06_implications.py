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
export: str = "auto"  # raw export; auto is data/raw/export.* if there, else the stand-in

# %%
from mlsec_survey.project import open_project
from mlsec_survey.study import claims, regulation
from mlsec_survey.study import reporting as reports
from mlsec_survey.study.literature import load_facts

project = open_project("06_implications", globals())
pub = project.publisher()
project.describe()

# %% [markdown]
# ## The ledger
#
# Read a row from left to right: what was claimed and how this project knows of the claim, what kind
# of evidence stands behind it, what this run computed, how far that carries the claim as a
# statement about the sample, what may be concluded from this run, and what may not.

# %%
facts = load_facts(project.root / "data/published/facts.csv")
ledger = claims.load_claims(project.root / "data/claims.yml", facts)
numbers = claims.published_numbers(
    project.published(
        "01_cleaning", "02_sample", "03_attack_relevance", "04_hypotheses", "05_robustness"
    )
)
pub.number("n_claims", len(ledger.claims), "claims in the ledger", basis="published")

# %%
table = claims.ledger_table(ledger, facts, numbers)
pub.table(
    "claim_ledger",
    table,
    "claim rests_on this_run strength may may_not",
    caption="Claim ledger: what is claimed in public, what this run adds, and what may and may "
    "not be concluded.",
    note="Claims in the words of this project, after the publication's abstract. Strength: grade "
    "by the checks in data/claims.yml, in brackets how many of them hold.",
)

# %%
pub.number("ledger_reading", claims.describe_ledger(table, ledger), "grades in this run")

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
    "label:claim audit evidence:ask_to_see",
    caption="One question per claim for an audit, and what to ask to see.",
    basis="published",
)

# %%
pub.table(
    "implications_by_audience",
    audiences,
    "label:claim regulator researcher",
    caption="What follows from each claim for those who make rules and for those who do research.",
    basis="published",
)

# %% [markdown]
# ## What may be quoted
#
# A sentence leaves its table behind when it is quoted. So each one stands here with its numbers,
# its strength and what has to be said beside it. Where a check without which a sentence would be
# false does not hold in this run, there is nothing to quote.

# %%
pub.table(
    "quotable",
    table,
    "label:claim may:quotable this_run strength may_not",
    caption="What a regulator or an auditor may quote from this run, and what belongs beside it.",
)

# %% [markdown]
# ## Laws, standards and lists
#
# Where a reader of a law and of this survey would look: which provision each claim bears on, and
# what the evidence can and cannot say to it. It is a mapping, not legal advice, and the provisions
# are given in this project's words. Where a text was not read, the table says so and nothing more.

# %%
rules = regulation.load_regulation(project.root / "data/regulation.yml", ledger)
pub.table(
    "regulation_map",
    regulation.mapping_table(rules, ledger, dict(zip(table["id"], table["strength"], strict=True))),
    "claim strength provision asks can_say cannot_say text_read",
    caption="Provisions that the claims bear on, and what the evidence can and cannot say to them.",
    note=rules.note,
)
pub.table(
    "regulation_sources",
    regulation.source_table(rules),
    "source address text_read provisions",
    caption="The laws, standards and lists of the mapping, and how their text was seen.",
    basis="published",
)

# %% [markdown]
# ## Whether it is reported in full
#
# Two checklists say what a report of a survey should hold, one for surveys and one for those on the
# web. Much of it only those can say who ask people; what this compendium can say, it says where the
# tables point.

# %%
lists = reports.load_reporting(project.root / "data/reporting.yml")
for checklist in lists.checklists:
    pub.table(
        f"reporting_{checklist.id}",
        reports.checklist_table(checklist),
        "checklist_item topic asks_for answered:answered_where answered_status",
        caption=f"{checklist.label}, {checklist.title} ({checklist.source}), item by item.",
        note="Items in this project's words. Open: for the team that fields a survey to say.",
        basis="published",
    )
pub.number(
    "reporting_reading", reports.describe_reporting(lists), "checklists, counted", basis="published"
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
    "label:grade when meaning",
    caption=ledger.rule,
    basis="published",
)

# %% [markdown]
# A rule can be too strict or too lenient, and which it is can be tried. For the claims that rest on
# hypotheses, samples were drawn from the shipped answers with nothing going with anything, and with
# effects as large as is of interest, and each sample was graded. `scripts/check_grading.py` makes
# the table; checks that no sample changes (the power of the design, the reliability of scales) are
# not in it, so that the grades of a run can only be lower.

# %%
rates = claims.grading_rates(project.root / "data/simulation/grades.csv")
pub.table(
    "grading_rates",
    rates,
    "claim truth carried:share_carried in_part:share_in_part not_carried:share_not_carried "
    "open:share_open simulations checks_simulated",
    caption="How often samples of this size get each grade, by what is true of where they are "
    "drawn from.",
    basis="design",
)

# %%
checks = claims.check_table(ledger, numbers)
pub.table(
    "claim_checks",
    checks,
    "claim check value:check_value condition holds",
    caption="Every check of the ledger: the number it reads, the bound, and whether it holds.",
)

# %%
pub.number("checks_made", len(checks), "checks in the ledger", unit="checks", basis="published")
pub.number(
    "checks_held",
    int((checks["holds"] == "yes").sum()),
    "checks of the ledger that hold in this run",
    unit="checks",
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
    "fact:counted_fact published:published_count known:how_known this_run",
    caption="Counts stated in public, and the same counts in this run.",
    note="Source: data/published/facts.csv, which names the source of each fact.",
)

# %%
pub.number(
    "comparison_reading",
    claims.describe_comparison(comparisons, synthetic=project.manifest.is_synthetic),
    "comparison of counts",
)
pub.close()

# %% [markdown]
# ## What this does not show
#
# A grade speaks of one sample and one set of checks. It does not say that a claim is true of
# industry at large: respondents chose to answer, and nobody knows who did not. Checks can be chosen
# too weak or too strong; they stand in a file of their own so that a reader can change one and run
# again. No duty and no threshold follows from the ledger alone.
