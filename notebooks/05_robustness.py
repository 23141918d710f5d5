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
# # 05 · What such a sample can show, and how far results depend on choices
#
# **Question.** Which effects could this design have seen, and would other reasonable choices have
# led elsewhere?
#
# All parts but the last need no answers. They take the published number of respondents and the
# published counts, state what they assume about the rest, and compute; they hold whatever the
# answers are. The last part goes back to the answers and asks what other analysts might have found.

# %% tags=["parameters"]
export: str = "auto"  # raw export; auto is data/raw/export.* if there, else the stand-in
codebook: str = "data/codebook.yml"  # what was asked
plan: str = "data/analysis_plan.yml"  # what is tested
seed: int = 20230308  # of every random draw; a whole number from 0
resamples: int = 2000  # bootstrap and permutation resamples; at least 20
simulations: int = 2000  # simulated samples per point of a design analysis
scheduler: str = None  # address of a Dask scheduler; None computes here

# %%
from functools import partial

import pandas as pd

from mlsec_survey import figures
from mlsec_survey.analysis import design_analysis, multiverse
from mlsec_survey.analysis.hypotheses import hypotheses_on
from mlsec_survey.analysis.sample import intervals_of_counts
from mlsec_survey.base.formatting import interval_text, percent_text
from mlsec_survey.parallel import tasks
from mlsec_survey.project import open_project
from mlsec_survey.stats import error_rates
from mlsec_survey.study.company_size import describe_size_question
from mlsec_survey.study.literature import load_facts
from mlsec_survey.study.neighbours import load_neighbours, neighbour_table

# %%
project = open_project("05_robustness", globals())
pub = project.publisher()
the_plan = project.plan
facts = load_facts(project.root / "data/published/facts.csv")
assumed = design_analysis.load_assumptions(
    project.root / "data/design_assumptions.yml", project.codebook
)
n, later_n = facts.number("tifs2023.n"), facts.number("aaai2024.participants")
run = partial(tasks.run, seed=seed, scheduler=scheduler)
project.describe()

# %% [markdown]
# ## What a sample of the published size can show
#
# ### What a count says
#
# A handful of cases says little about a share, and how little can be computed before anybody is
# asked. Wilson's interval has the better average coverage; that of Clopper and Pearson never falls
# below its level. Where nobody reports an attack, the exact one-sided bound is given, which the
# rule of three puts at 3/n.

# %%
shares = intervals_of_counts(n, (0, 1, 2, 3, 5, 10, 20, 40), confidence=the_plan.confidence)
pub.table(
    "share_intervals",
    shares,
    "count n estimate:share low:wilson_low high:wilson_high exact_low exact_high",
    caption=f"What a count among {n} respondents says about the share in the population that they "
    "stand for, if they were drawn from it at random.",
    basis="published",
    note=f"Intervals at {the_plan.level}.",
)

# %%
pub.number("design_n", n, "respondents of the published sample", basis="published")
pub.number(
    "detectable_share_none",
    percent_text(shares["exact_high"].iloc[0], 1),
    f"largest share that is compatible, at {the_plan.level}, with no case among {n} respondents",
    basis="published",
)

# %% [markdown]
# ### The neighbours
#
# How do other studies of the subject compare in size? Where one states a count, its share stands
# with its interval; where none is known, the interval of one half says how well a study of that
# size could know a share at best. None of these drew at random from a list: interviews look for
# what there is, not for how often, and the intervals leave self-selection out.

# %%
neighbours = neighbour_table(
    load_neighbours(project.root / "data/published/neighbours.yml", facts),
    facts,
    confidence=the_plan.confidence,
)
pub.table(
    "neighbours",
    neighbours,
    "study looked_at n:looked_at_n counted:found_kind count:found_count estimate:share low high "
    "source how_known",
    caption="This study and its neighbours: how many each looked at, and what it is said to have "
    "counted.",
    basis="published",
    note=f"Low and high: ends of Wilson's {the_plan.level} interval of the share. Without a count: "
    "of a share of one half, the widest at that size.",
)

# %%
pub.figure(
    "neighbours",
    figures.draw_intervals(neighbours, row="study", series="kind", axis="% (count/n beside each)"),
    caption=f"What studies of the subject can say of a share, with intervals at {the_plan.level}: "
    "published counts, and a share of one half where no count is known.",
    alt=figures.describe_intervals(
        neighbours, row="study", series="kind", confidence=the_plan.confidence
    ),
    basis="published",
    source="data/published/facts.csv",
    data=neighbours,
)

# %% [markdown]
# ### Power of each hypothesis
#
# Each hypothesis of the plan becomes a simulated survey: respondents spread over the options as
# `data/design_assumptions.yml` says, an effect as large as a multiple of the smallest effect size
# of interest (SESOI), and the test that the plan names. A hypothesis is found when its p-value
# survives the correction for its family, so power is that at the first step of Holm's method: alpha
# over the number of hypotheses in the family. Hypotheses whose variables have the same form share a
# curve. The dotted line marks the power that the plan asks for. Trend tests have exact power, over
# all samples that there can be; the others are simulated.

# %%
designs = design_analysis.assumed_designs(project.plan, project.codebook, assumed)
labels = design_analysis.design_labels(designs, project.plan)
curves = design_analysis.power_table(
    designs,
    sizes=sorted({later_n, *assumed.sample_sizes} - {n}),
    multiples=assumed.curve_multiples,
    simulations=simulations,
    alpha=the_plan.alpha,
    errors=False,
    run=partial(run, purpose="power curves"),
)
at_n = design_analysis.power_table(
    designs,
    sizes=[n],
    multiples=assumed.multiples,
    simulations=simulations,
    alpha=the_plan.alpha,
    run=partial(run, purpose="design analysis"),
)

# %%
curves = design_analysis.power_curves(curves, at_n, assumed.curve_multiples)
curves["panel"] = curves["hypothesis"].map(labels)
axes = {"n": "respondents", "effect": "effect ÷ SESOI: "}
how = {"panel": "panel", "line": "effect", "x": "n", "labels": axes, "mark": n}

# %%
pub.figure(
    "power_curves",
    figures.draw_power_curves(curves, **how),
    caption="Power of each confirmatory hypothesis after correction (Holm's first step), by number "
    "of respondents, for effects as multiples of the smallest effect size of interest. Vertical: "
    "the published study.",
    alt=figures.describe_power_curves(curves, **how),
    basis="design",
    data=curves,
    narrow=figures.draw_power_curves(curves, **how, width="narrow"),
)

# %% [markdown]
# The table reads the same numbers the other way round: with the published number of
# respondents, how likely was an effect of the size of interest to be found, and how large must an
# effect be to be found with the power asked for? Whether a smaller effect is found is largely luck.
# Beside what holds after correction stands what an uncorrected test would have shown.

# %%
least = design_analysis.detectable(designs, at_n, target=the_plan.power, alpha=the_plan.alpha)
summary = design_analysis.design_summary(designs, at_n, least)

# %%
pub.table(
    "design_analysis",
    design_analysis.named(summary, the_plan),
    "hypothesis test effect:effect_size smallest:sesoi_value power power_uncorrected "
    "detectable:found_with_target detectable_uncorrected:found_uncorrected type_s type_m",
    caption=f"What {n} respondents can show, per confirmatory hypothesis and primary test. SESOI: "
    f"smallest effect size of interest. Target power: {percent_text(the_plan.power)}.",
    note="Wrong sign and exaggeration: share with the wrong sign, and factor by which the estimate "
    "exceeds the true effect, among significant results if the SESOI is true; –: an effect without "
    "a sign. Power, effect found and both errors: after correction, at Holm's first step. Power of "
    "trend tests is exact, that of others has a Monte Carlo standard error of at most "
    f"{100 * summary['se'].max():.2f} points.",
    basis="design",
)

# %%
pub.number(
    "power_at_sesoi",
    interval_text(summary["power"].min(), summary["power"].max(), 0, percent=True),
    f"power of {n} respondents to find the smallest effect of interest after correction, over "
    "the confirmatory hypotheses",
    basis="design",
)

# %% [markdown]
# ## Could it have shown an effect of company size?
#
# A later study is reported to find that incidents become more frequent with company size. Readers
# of a null result will ask at once: was this sample too small to show it? The answer depends on two
# numbers that are not public: how many respondents had met a threat, and how steeply their share
# rises. So the power of the exact trend test is computed over a range of both, with as many
# respondents at each size as at any other, at the level that the correction of the plan's family
# leaves to one hypothesis; uncorrected power is given for the cell that the text quotes.

# %%
size = assumed.trend_grids["company_size"]
exposure = hypotheses_on(the_plan, "tifs2023.exposure_null")
grid = design_analysis.trend_power(
    design_analysis.assumed_margin(size.predictor, project.codebook, assumed),
    sizes=[n, later_n],
    prevalences=size.prevalences,
    odds_ratios=size.odds_ratios,
    simulations=simulations,
    alpha=the_plan.alpha,
    run=partial(run, purpose="company size"),
    tests=max(1, len(exposure)),
)

# %%
pub.figure(
    "company_size_power_grid",
    figures.draw_power_grid(grid, target=the_plan.power),
    caption="Power, in %, to find exposure rising with company size after correction, by share of "
    "respondents with exposure and odds ratio per step of size; bold where it suffices. Left the "
    "published study, right the later one.",
    alt=figures.describe_power_grid(grid, target=the_plan.power),
    basis="design",
    source=facts.fact("aaai2024.participants").citation,
    data=grid,
    narrow=figures.draw_power_grid(grid, target=the_plan.power, width="narrow"),
)

# %%
here = design_analysis.at_cell(grid, n, size.at)
pub.number(
    "company_size_power",
    here,
    f"power of {n} respondents to find exposure rising with company size after correction, at an "
    f"odds ratio of {size.at.odds_ratio:g} per step and {percent_text(size.at.prevalence)} exposed",
    digits=2,
    basis="design",
)

# %%
pub.number(
    "company_size_power_uncorrected",
    design_analysis.at_cell(grid, n, size.at, "power_uncorrected"),
    "the same without correction",
    digits=2,
    basis="design",
)

# %%
pub.number(
    "company_size_reading",
    describe_size_question(grid, size.at, the_plan.power),
    "reading of the grid",
    basis="design",
)

# %% [markdown]
# A null in the first study and a trend in the later one therefore contradict one another only in
# that part of the grid where the first had the power to see what the second saw. Elsewhere both can
# be right about the same world. The later study may also have counted something else, in another
# way. The facts behind the question:

# %%
pub.table(
    "company_size_facts",
    facts.table(["tifs2023.exposure_null", "aaai2024.size", "aaai2024.participants"]),
    "fact source how_known",
    caption="What is publicly known about exposure and company size.",
    basis="published",
)

# %% [markdown]
# ## Errors of sign and size, and the size of a replication
#
# In a study with low power a significant estimate owes something to luck: since it had to pass the
# mark of significance, it tends to exaggerate the true effect, by more the lower the power, and can
# even have the wrong sign (Gelman and Carlin 2014). What follows holds for the true effects on the
# horizontal axis, not for anything that was observed.

# %%
errors = design_analysis.error_curves(at_n)
pub.figure(
    "error_rates",
    figures.draw_error_rates(errors),
    caption=f"Significant results of {n} respondents: share with the wrong sign, and factor by "
    "which they exaggerate, by true effect. Hypotheses of the same form share a line.",
    alt=figures.describe_error_rates(errors),
    basis="design",
    data=errors,
)

# %%
replication = design_analysis.replication_table(
    designs,
    powers=assumed.replication_powers,
    simulations=simulations,
    alpha=the_plan.alpha,
    start=n,
    run=partial(run, purpose="replication"),
)

# %%
pub.table(
    "replication_n",
    design_analysis.named(replication, the_plan),
    "hypothesis:hypotheses effect:effect_size value:sesoi_value n_*",
    caption="Respondents with both answers that a replication needs in order to find the smallest "
    "effect size of interest.",
    note="Found: after correction, at Holm's first step; under the assumed shares. Exact for trend "
    "tests; else simulated and rounded up to tens.",
    basis="design",
)

# %%
needed = design_analysis.respondents_needed(
    replication, [entry.id for entry in exposure], the_plan.power
)
pub.number(
    "exposure_n_needed",
    needed,
    "respondents that a null on each predictor of exposure needs, so that each effect of interest "
    f"is found with {percent_text(the_plan.power)} power after correction (the published study "
    f"has {n})",
    digits=0,
    basis="design",
)

# %% [markdown]
# With fewer, a null leaves effects of interest open, whatever the answers are. The ledger of
# notebook 06 sets this number beside the claim that no predictor was found.

# %% [markdown]
# ## Do the tests and intervals keep what they promise?
#
# A test should reject a true null as seldom as its level says, an interval cover the truth as often
# as its own. With few cases neither goes without saying. So samples of this size were drawn, with
# shares from few to half in variables of two values, at no effect and at the SESOI.
# The simulation takes minutes and is not repeated here; `scripts/check_error_rates.py` makes the
# table. A method falls short when it errs by more than a fifth of its level, or covers a percentage
# point less than it says, beyond twice the Monte Carlo error. Erring on the safe side is no fault.

# %%
rates = pd.read_csv(project.root / "data/simulation/error_rates.csv")
checked = error_rates.summarise_rates(rates)
pub.table(
    "error_rates",
    checked,
    "method form error error_at coverage coverage_at holds",
    caption=f"Largest type I error and smallest coverage of each method at n = {rates['n'].max()}, "
    "over all shares (beside each: the share at which it occurs) and effects.",
    note=error_rates.describe_basis(rates),
    basis="design",
)

# %%
pub.number(
    "error_rates_reading",
    error_rates.describe_rates(checked, [h.test for h in the_plan.of_kind("confirmatory")]),
    "reading of the table",
    basis="design",
)

# %% [markdown]
# Where a method falls short, its p-values and intervals in notebook 04 have to be read with that in
# mind, if it is used there at all. Under other shares, other sizes or answers that depend on one
# another, the same method may do worse than in the conditions that were tried. Where a group
# expects less than one case no interval of Cramér's V that was tried holds, so notebook 04 gives
# none there; here it counts as 0 to 1, which covers always and says nothing.

# %% [markdown]
# ## Would other choices have led elsewhere?
#
# Between a question and a p-value lie choices that could have been made otherwise: who is in, what
# becomes of *don't know*, how a scale is coded, which test, which covariates. The plan fixes one
# path. Here all combinations listed in `data/specifications.yml` are run for every confirmatory
# hypothesis. To be comparable, each effect is the correlation to which its test statistic
# corresponds; without an order among groups it is Cohen's w, corrected for chance.

# %%
choices = multiverse.load_specifications(project.root / "data/specifications.yml", project.codebook)
spaces = multiverse.specification_spaces(
    the_plan.of_kind("confirmatory"),
    project.read("candidates"),
    project.read("missing_kinds"),
    project.codebook,
    choices,
)
robust = multiverse.infer(
    spaces,
    permutations=max(99, resamples // 2),
    alpha=the_plan.alpha,
    run=partial(run, purpose="specification curve"),
    confidence=the_plan.confidence,
)

# %%
alpha, level = the_plan.alpha, the_plan.level
claims = ["tifs2023.exposure_null", "tifs2023.defences", "tifs2023.knowledge"]
for name, entry in multiverse.curves_shown(project.plan, spaces, claims).items():
    curve = robust.curve_of(entry)
    shown = multiverse.choices_shown(curve)
    what = f"{entry.id}, {entry.label}" if entry else "a claim that this plan does not examine"
    pub.figure(
        f"specification_curve_{name}",
        figures.draw_specification_curve(curve, shown, multiverse.EFFECT, alpha=alpha),
        caption=f"Specification curve of {what}: estimates with {level} intervals in order, and "
        "the choices behind each. The specifications share respondents, so their number is no "
        "weight of evidence.",
        alt=figures.describe_specification_curve(curve, alpha=alpha),
        narrow=figures.draw_specification_curve(
            curve, shown, multiverse.EFFECT, alpha=alpha, width="narrow"
        ),
        data=curve[["estimate", "low", "high", "p"]],
    )

# %% [markdown]
# Hundreds of specifications that agree are still one sample. To judge a whole curve, the outcome is
# permuted among the respondents, so that it goes with nothing, and the curve is run again
# (Simonsohn, Simmons and Nelson 2020). The three p-values say how often such a curve has a median,
# a share of significant specifications, or a Stouffer sum of z-values as far from the null.

# %%
pub.table(
    "specification_summary",
    robust.table,
    "label:hypothesis specifications median low:curve_low high:curve_high "
    "predicted significant p_unadjusted_median p_median p_share p_stouffer",
    caption="All specifications of each confirmatory hypothesis: median correlation, middle of "
    "the estimates (all but a fortieth at each end), share in the predicted direction, share "
    "significant, and permutation p-values of the curve.",
    note="Significant: in the predicted direction, or in the more frequent one if none is "
    "predicted (–), each specification by itself at the level of the plan. "
    f"{multiverse.describe_monte_carlo(robust.table, alpha)}",
)

# %%
pub.number(
    "specification_reading",
    multiverse.describe_robustness(robust.table, alpha),
    "reading of the table",
)
pub.number("specifications_n", robust.respondents, "respondents used by a specification")
keys = dict(zip(claims, ("exposure", "defences", "perception"), strict=True))
pub.numbers(
    multiverse.claim_numbers(robust.table, the_plan, keys), "How far choices agree, claim by claim"
)

# %%
pub.close()

# %% [markdown]
# ## What this does not show
#
# Power is a property of a design under assumptions, not of a result. A result that is not
# significant does not become evidence for its null because the power was high at some assumed
# effect; equivalence tests and Bayes factors in notebook 04 speak to that. The shares assumed here
# are even or bell-shaped for want of published ones; a sample that crowds into a few options can
# show less. And no number of respondents repairs how they were found.
