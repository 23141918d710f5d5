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
# # 04 · Hypotheses on exposure, defences and threat perception
#
# **Question.** Do exposure, defences and threat perception go with the organisation, with exposure
# and with prior knowledge?
#
# The publication reports that no predictor of threat exposure was found on the organisational
# level, that the amount of defences depends on exposure or on the expected likelihood to become a
# target, and that prior knowledge influences threat perception. This notebook tests statements of
# this form on the answers at hand. What is tested, and how, is fixed in `data/analysis_plan.yml`;
# nothing below names a hypothesis by hand, and a further one is one more entry there. A hypothesis
# is written as *outcome ~ predictor*. All associations are between answers given at one point in
# time; none of them is shown to be a cause.

# %% tags=["parameters"]
export: str = "auto"  # raw export; auto is data/raw/export.* if there, else the stand-in
codebook: str = "data/codebook.yml"  # what was asked
plan: str = "data/analysis_plan.yml"  # what is tested
seed: int = 20230308  # of every random draw; a whole number from 0
resamples: int = 2000  # bootstrap and permutation resamples; at least 20

# %%
import pandas as pd

from mlsec_survey import figures
from mlsec_survey.analysis import hypotheses as hyp
from mlsec_survey.analysis import measurement as meas
from mlsec_survey.analysis import null_results
from mlsec_survey.analysis import representation as stand_for
from mlsec_survey.base.formatting import percent_text
from mlsec_survey.project import open_project

project = open_project("04_hypotheses", globals())
pub, book, the_plan = project.publisher(), project.codebook, project.plan
responses, missing = project.read("responses"), project.read("missing_kinds")
data = hyp.analysis_data(responses, book, hyp.plan_variables(the_plan))
level, power = the_plan.level, percent_text(the_plan.power)
project.describe()

# %% [markdown]
# ## What is tested
#
# The plan is a file. Its digest changes whenever its content does, so that results can be matched
# to the plan behind them. For each hypothesis the plan names a smallest effect of interest, with a
# reason: below it an association would not change what anybody does. That is a judgement, and
# others may judge otherwise; the tables give intervals, so that readers can apply their own.

# %%
pub.number("plan_digest", the_plan.digest[:12], "digest of the analysis plan", basis="design")
pub.table(
    "plan_table",
    hyp.plan_table(the_plan),
    "id label:hypothesis direction test sesoi reason:sesoi_reason",
    caption="The analysis plan: hypotheses, tests and smallest effects of interest.",
    sections="family_label",
    note=the_plan.note,
    basis="design",
)

# %% [markdown]
# ## Confirmatory results
#
# Each test uses the respondents who gave both answers; *missing* says how many did not. The
# p-values are two-sided, exact or from permutations where answers are sparse, and adjusted by Holm
# within each family: a hypothesis counts as found by its adjusted p-value alone. The intervals are
# those of each hypothesis by itself, so an interval can exclude no effect where the adjusted
# p-value does not. Cramér's V gets an interval only where every expected count is at least 1: in
# sparser tables it would cover too rarely, as the simulation in notebook 05 shows. A grey band in
# the figure marks effects too small to be of interest: an interval inside the band speaks against
# an effect of interest, one that includes both the null and effects beyond the band decides
# nothing.

# %%
permutations = 50 * resamples - 1
confirmatory = hyp.run_plan(
    the_plan, data, book, kind="confirmatory", seed=seed, resamples=permutations
)

# %%
pub.table(
    "confirmatory_results",
    confirmatory.table,
    "id label:hypothesis n missing effect estimate low high p p_adjusted",
    caption="Confirmatory hypotheses. "
    f"{hyp.describe_results(confirmatory.table, alpha=the_plan.alpha)}",
    sections="family_label",
    note=f"Low and high: ends of the {level} interval of each hypothesis alone, not adjusted. "
    "Adjusted p: Holm within the family. "
    f"{hyp.describe_monte_carlo(permutations, the_plan.alpha)} "
    f"{null_results.describe_sparse_tables(confirmatory)}",
)

# %%
forest = hyp.forest_table(confirmatory.table)
levels = {"confidence": the_plan.confidence, "alpha": the_plan.alpha}
pub.figure(
    "hypotheses_forest",
    figures.draw_forest(forest, **levels),
    caption=f"Effects of all confirmatory hypotheses with {level} intervals, each by itself and "
    "not adjusted. Grey bands: effects too small to be of interest. Blue circles: found, by the p "
    "that is adjusted within the family.",
    alt=figures.describe_forest(forest, **levels),
    data=forest,
    narrow=figures.draw_forest(forest, **levels, width="narrow"),
)

# %% [markdown]
# The next table says which method was used for each hypothesis, and what to keep in mind about it.

# %%
pub.table(
    "confirmatory_methods",
    confirmatory.table,
    "id label:hypothesis method statistic notes",
    caption="How each confirmatory hypothesis was tested: method, test statistic, and notes on "
    "p-value and interval.",
)

# %% [markdown]
# ## Several hypotheses at once
#
# Among many tests some come out significant by chance. Holm's procedure bounds the chance of any
# false finding in a family, however the tests depend on each other. Westfall and Young's permutes
# all outcomes together, so that it takes that dependence into account and loses less power; the
# smallest of its p-values tests the family as a whole. Where the two disagree, a finding depends on
# the method. From a limited number of permutations small Westfall–Young values cannot be told from
# one another; the note says how small they can get.

# %%
joint = hyp.joint_permutations(5 * resamples - 1, len(data))
pub.table(
    "multiplicity",
    hyp.multiplicity_table(the_plan, data, confirmatory, seed=seed, resamples=joint),
    "id label:hypothesis p p_holm p_westfall_young p_family",
    caption="Confirmatory p-values: unadjusted, adjusted by Holm, and by joint permutation "
    "(Westfall and Young) for each hypothesis and for its family as a whole.",
    note=hyp.describe_westfall_young(joint, the_plan),
    sections="family_label",
)

# %% [markdown]
# ## Exposure and the organisation
#
# The predictors describe one and the same organisation and may go together, as when a large
# organisation has a large team. The joint model asks what each adds given the others. With few
# respondents per predictor ordinary logistic regression overstates effects or has no finite
# estimate, so Firth's penalised likelihood is used. The model illustrates the family and is no
# further test of it.

# %%
exposure = hyp.hypotheses_on(the_plan, "tifs2023.exposure_null")
models = hyp.joint_models_of(the_plan, exposure)
if models:
    pub.table(
        "exposure_joint_model",
        hyp.joint_model_table(models, data, book, confidence=the_plan.confidence),
        "label:predictor n effect estimate low high statistic p",
        caption="Joint model of exposure: all organisational predictors at once.",
        note="Odds ratio per step, given the other predictors; respondents with all of them. "
        "p-values and intervals are not adjusted.",
    )

# %% [markdown]
# ### Reading a null
#
# That a test found nothing can mean that there is nothing, or that the sample was too small to show
# it. Four columns help to tell these apart.
#
# - *Detectable*: how large must a true effect be for the test to find it with the power that the
#   plan names? It is computed from the margins alone, not from the effect that was observed, and
#   at the level at which Holm's method judges the smallest p-value of the family; beside it stands
#   what an uncorrected test would find.
# - *p equivalence*: do the data speak against every effect of interest? Small when the effect is
#   estimated well within the range of effects too small to matter. It is adjusted by Holm, as the
#   tests of no effect are: one rule holds for findings and for their absence.
# - *Bayes factor*: how many times more probable are the answers if the effect is smaller than the
#   smallest one of interest than if it is at least that large? Between 1/3 and 3 it says little.
# - *Reading*: "no effect of interest" if equivalence is shown; "open" if neither it nor an effect
#   is, both after correction.

# %%
readings = null_results.null_readings(
    exposure, confirmatory, data, book, alpha=the_plan.alpha, power=the_plan.power
)

# %%
pub.table(
    "exposure_equivalence",
    readings,
    "id predictor n effect estimate low high sesoi_high p_equivalence p_equivalence_adjusted "
    "verdict",
    caption="Equivalence tests: which effects on exposure the data rule out, after correction.",
    note="Low and high: simultaneous intervals, at "
    f"{percent_text(1 - 2 * the_plan.alpha / max(1, len(exposure)))} each. Adjusted p and "
    f"reading: Holm. {null_results.describe_sparse_tables(confirmatory)}",
)

# %%
if len(readings):
    pub.table(
        "exposure_evidence",
        readings,
        "id predictor effect detectable detectable_low detectable_uncorrected bf01 bf01_cauchy "
        "evidence",
        caption="Smallest detectable effects on exposure, and Bayes factors for effects smaller "
        "than that of interest.",
        note=f"Detectable: found with {power} power at Holm's first step, upwards and downwards; "
        "uncorrected: upwards, without correction. Bayes factor: normal prior whose standard "
        "deviation is the smallest effect of interest, cut there into both hypotheses; beside it "
        "a Cauchy prior of the same scale.",
    )

# %% [markdown]
# A Bayes factor depends on how large effects are expected to be. The curve shows this dependence
# instead of one number: a wide prior expects effects far beyond the smallest of interest, whose
# absence counts against them; a narrow one expects them just beyond it, where they are hard to
# tell from those within. Over many groups a wide prior expects differences among all of them, which
# makes the curve steeper. A conclusion that changes along the curve is one about the prior.

# %%
curves = null_results.bayes_curves(exposure, confirmatory, data)
if len(curves):
    pub.figure(
        "exposure_bayes_sensitivity",
        figures.draw_bayes_sensitivity(curves),
        caption="Bayes factor for an effect on exposure smaller than that of interest against a "
        "larger one, by the width of the prior in multiples of the smallest effect of interest.",
        alt=figures.describe_bayes_sensitivity(curves),
        data=curves,
    )

# %% [markdown]
# The last entry below sums this up in words that are computed from the tables. The comparison with
# a later, larger study, which is reported to find exposure rising with the size of the company, is
# in notebook 05.

# %%
pub.number(
    "exposure_smallest_detectable_or",
    null_results.detectable_text(readings, "odds ratio") or "not examined by this plan",
    f"smallest odds ratio of exposure per step found with {power} power after correction, "
    "over predictors",
)
found = hyp.found_numbers("exposure", exposure, confirmatory, "exposure", alpha=the_plan.alpha)

# %%
pub.numbers(found, "What is found on exposure")
pub.number(
    "exposure_open",
    null_results.left_open(exposure, readings, alpha=the_plan.alpha),
    "predictors of exposure left open: neither an effect nor its absence shown",
    unit=f"of {len(exposure)}",
)

# %%
sentence = null_results.sentence_on(
    exposure,
    readings,
    data,
    book,
    synthetic=project.manifest.synthetic,
    alpha=the_plan.alpha,
    power=the_plan.power,
)

# %%
pub.number(
    "exposure_null_sentence",
    sentence,
    "what the results on exposure and the organisation amount to",
)

# %% [markdown]
# ## Defences
#
# The figure shows the mean number of implemented defences at each level of the predictor, which an
# effect size hides: whether the number rises steadily, in one jump, or only at an end. Sparse
# levels are joined with a neighbour.

# %%
defences = hyp.hypotheses_on(the_plan, "tifs2023.defences")
panels = hyp.dose_response_panels(defences, data, book, confidence=the_plan.confidence)
outcome = book.label(defences[0].outcome).lower() if defences else "number of defences"
pub.figure(
    "defences_dose_response",
    figures.draw_dose_response(panels, outcome),
    caption=f"Mean {outcome} with {level} interval by level of each predictor.",
    alt=figures.describe_dose_response(panels, outcome),
    data=hyp.panel_table(panels),
)

# %% [markdown]
# The number of ticked defences is a count with an upper limit, the length of the list. Models for
# counts without limit (Poisson, negative binomial) predict more defences than there are when
# counts are high, and the variance that they expect is wrong near the limit. The model is chosen
# by the dispersion and the limit, not by its result; the others stand below it for comparison.

# %%
count_models = hyp.count_model_table(defences, data, book, confidence=the_plan.confidence)
if len(count_models):
    pub.table(
        "defences_count_models",
        count_models,
        "id model chosen n effect estimate low high p dispersion",
        caption="Count models of the number of defences, the chosen one first.",
        note=hyp.describe_count_models(count_models),
    )

# %% [markdown]
# Exposure and expected likelihood go together, so each may only stand in for the other. The joint
# model asks what each adds given the other; it illustrates the family and is no further test.

# %%
models = hyp.joint_models_of(the_plan, defences)
if models:
    pub.table(
        "defences_joint_model",
        hyp.joint_model_table(models, data, book, confidence=the_plan.confidence),
        "label:predictor n effect estimate low high statistic p",
        caption="Joint model of the number of defences: each predictor given the others.",
        note="Ratio per step, given the other predictors; p-values and intervals are not adjusted.",
    )

# %%
found = hyp.found_numbers("defences", defences, confirmatory, "defences", alpha=the_plan.alpha)
pub.numbers(found, "What is found on defences")
pub.number(
    "defences_exposure_effect",
    hyp.effect_on(defences, confirmatory, book, "threat exposure"),
    "effect of exposure on the number of defences",
)

# %%
pub.number(
    "defences_likelihood_effect",
    hyp.effect_on(defences, confirmatory, book, "threat perception"),
    "effect of the expected likelihood on the number of defences",
)

# %% [markdown]
# ## Do the ratings measure one thing or several?
#
# Two hypotheses with one predictor are two findings only if their outcomes are two things. Concern
# and relevance are grids of ratings about the same attacks by the same person, so that has to be
# asked of the answers before findings are counted. Everything here rests on polychoric
# correlations: those of the continuous variables that would lie behind the options if these cut a
# normal distribution into pieces. Each uses all who rated both items. Ordinal alpha and omega are
# the reliability of the sum of these variables, not of the mean of the ratings itself, which
# notebook 01 gives.

# %%
perception = hyp.hypotheses_on(the_plan, "tifs2023.knowledge")
grids = meas.grids_of(perception, book)
measured = meas.measure(responses, grids)
at_level = {"confidence": the_plan.confidence}

# %%
if grids:
    pub.table(
        "measurement_reliability",
        meas.reliability_table(measured, **at_level),
        "scale measure n value low high",
        caption="Reliability of the ratings on each grid, from polychoric correlations.",
        note=f"Low and high: {level} interval, by the delta method.",
    )

# %%
pub.table(
    "measurement_models",
    meas.model_fit_table(measured),
    "model n chi_square df p cfi rmsea srmr",
    caption="Factor models of all ratings: one thing behind them, or one per grid.",
    note="Weighted least squares with robust fit (WLSMV). Same part correlated: two ratings of "
    "the same attack may share more than the factors say. A small p speaks against a model; "
    "that of none is adjusted.",
)

# %% [markdown]
# If a model with one factor fits as well as one with a factor per grid, the grids are not two
# measures. The correlation of the factors says it in one number: only where its whole interval lies
# below 0.9 are they told apart, and only then do their hypotheses count separately below (Rönkkö
# and Cho 2022). An interval that passes 1 says that one factor is enough. The heterotrait–monotrait
# ratio (HTMT) asks the same without a model: do ratings from different grids go together as much as
# ratings from one grid do?

# %%
pub.table(
    "measurement_discriminant",
    meas.discriminant_table(measured, **at_level),
    "pair:grids measure n value low high",
    caption="Do two grids measure two things? Factor correlation and heterotrait–monotrait "
    "ratio; near 1, they do not.",
    note=f"Low and high: {level} interval.",
)
if grids:
    pub.table(
        "measurement_loadings",
        meas.loadings_table(measured, book),
        "label:item one_factor own_factor",
        caption="Loadings of the ratings on one factor for all, and on one per grid.",
        sections="grid:grids",
        note="Two ratings of the same attack may share more than the factors say.",
    )

# %% [markdown]
# The next table takes one grid out of the other: is anything left of the association with prior
# knowledge among people who are alike in the other ratings? What both grids share may be threat
# perception itself or a habit of choosing high options; to take it out removes either. The last
# asks whether an item works alike for people of different knowledge or language who rate the rest
# of its grid alike.

# %%
partialled = meas.partialled_table(perception, measured, data, book, **at_level)
functioning = meas.functioning_table(perception, measured, responses, book, **at_level)
if len(partialled):
    pub.table(
        "measurement_partialled",
        partialled,
        "id label:hypothesis control n alone estimate:partial low high p p_adjusted",
        caption="Rank correlation with the predictor, alone and given the other grid.",
        note=f"Low and high: {level} interval, not adjusted. Adjusted p: Holm over these rows.",
    )

# %%
if len(functioning):
    pub.table(
        "measurement_functioning",
        functioning,
        "label:item n estimate:odds_ratio low high p p_adjusted",
        caption="Does an item work alike for different people? Odds ratio of a higher rating "
        "among those who rate the rest of the grid alike.",
        sections="group",
        note="Per step of the group. p: likelihood-ratio test of any difference, also one that "
        f"depends on the rest. Low and high: {level} interval, not adjusted; adjusted p: Holm over "
        "all rows.",
    )

# %%
read_as = meas.describe_measurement(measured, partialled, **at_level)
pub.number("perception_measurement", read_as, "whether the outcomes are one thing or several")
left = meas.describe_partialled(partialled, alpha=the_plan.alpha)
pub.number("perception_partialled", left, "what is left of each association given the other grid")
works = meas.describe_functioning(functioning, alpha=the_plan.alpha)
pub.number("perception_functioning", works, "whether items work alike for different people")

# %% [markdown]
# ## Threat perception and prior knowledge
#
# Proportional-odds regression describes an ordered outcome by one odds ratio that holds at every
# threshold ("more than slightly concerned", "more than moderately", …). Brant's test asks whether
# one is enough. Where it speaks against that, the odds ratio at each threshold follows, from a
# partial proportional-odds model. That Brant's test finds nothing is no proof of the assumption in
# a sample of this size.

# %%
odds = hyp.proportional_odds_table(
    perception, data, book, alpha=the_plan.alpha, confidence=the_plan.confidence
)

# %%
if len(odds):
    pub.table(
        "perception_proportional_odds",
        odds,
        "id label:hypothesis n estimate:odds_ratio low high p brant brant_thresholds brant_df "
        "brant_p reading",
        caption="Odds ratio of a higher rating per step of the predictor, and Brant's test.",
        note="Thresholds: those that Brant's test compares after levels with few "
        "answers were merged; the odds ratio uses all levels. p and p (Brant) are not adjusted.",
    )

# %% [markdown]
# Prior knowledge comes with security knowledge and with experience. The joint models ask what it
# adds given both; they illustrate the family and are no further tests.

# %%
models = hyp.joint_models_of(the_plan, perception)
if models:
    pub.table(
        "perception_joint_models",
        hyp.joint_model_table(models, data, book, confidence=the_plan.confidence),
        "label:predictor n effect estimate low high statistic p",
        caption="Joint models of threat perception: each predictor given the others.",
        sections="title:hypothesis",
        note="Odds ratio of a higher rating per step, given the other predictors; p-values and "
        "intervals are not adjusted.",
    )

# %%
found = hyp.found_numbers(
    "perception", perception, confirmatory, "threat perception", alpha=the_plan.alpha
)
once = meas.counted_once(
    "perception", perception, confirmatory, measured, "threat perception",
    alpha=the_plan.alpha, **at_level,
)  # fmt: skip
pub.numbers(pd.concat([found, once]), "What is found on threat perception")
pub.number(
    "perception_knowledge_effect",
    hyp.effect_on(perception, confirmatory, book, "prior knowledge"),
    "effect of prior knowledge" + (f" ({perception[0].label})" if perception else ""),
)

# %% [markdown]
# ## Exploration
#
# These hypotheses were not predicted. They are listed apart and adjusted by Benjamini and
# Hochberg's method, which bounds the expected share of false findings among those reported, not the
# chance of any. Whatever stands out here is a reason for a new study, not a result of this one.

# %%
exploratory = hyp.run_plan(the_plan, data, book, kind="exploratory", seed=seed, resamples=resamples)
pub.table(
    "exploratory_results",
    exploratory.table,
    "id label:hypothesis n missing effect estimate low high p p_adjusted",
    caption="Exploratory hypotheses, adjusted across all of them.",
    note=f"Low and high: ends of the {level} interval of each hypothesis alone, not adjusted. "
    f"Adjusted p: Benjamini–Hochberg. {hyp.describe_monte_carlo(resamples, the_plan.alpha)} "
    f"{null_results.describe_sparse_tables(exploratory)}",
)

# %% [markdown]
# ## Missing answers
#
# Nobody can see why an answer is missing, so each confirmatory hypothesis is run under several
# handlings. Complete cases assume that what is missing does not depend on the outcome given the
# predictor; *don't know* as lowest or highest level bounds what not knowing might mean; as a
# separate level it is an answer of its own (another test, with another effect size); multiple
# imputation assumes that respondents alike in all other answers would have answered alike. An
# estimate that moves across these rows depends on something that the data cannot tell.

# %%
handling = hyp.missing_handling_table(
    the_plan, data, responses, missing, book, seed=seed, resamples=resamples
)
pub.table(
    "missing_data_handling",
    handling,
    "handling n effect estimate low high p",
    caption="Confirmatory hypotheses under each handling of missing answers.",
    sections="title:hypothesis",
    note="p-values and intervals are not adjusted; permutations are fewer than in the main "
    f"table ({resamples:,}). {hyp.IMPUTATIONS} imputations by chained equations, pooled by "
    "Rubin's rules; their p is a large-sample one. Cramér's V is pooled without an interval. Don't "
    "know is handled where it is an option of a single item and somebody chose it. No interval of "
    "Cramér's V: the table is too sparse for one that covers as often as it says. Unknown as none, "
    "as met: unknown exposure counts as 0, or as 1. Occurrence is imputed attack by attack.",
)

# %% [markdown]
# How far results hold under all of these, in numbers that the claim ledger reads.

# %%
for key, hypotheses, about in (
    ("exposure", exposure, "exposure"),
    ("defences", defences, "defences"),
    ("perception", perception, "threat perception"),
):
    held = hyp.handling_numbers(key, hypotheses, handling, about)
    pub.numbers(held, f"Under all handlings: {about}")

# %% [markdown]
# ## If the sample stands for another population
#
# No list of practitioners exists, so no weights are right. The other way round can be computed: how
# far would the population have to differ from the sample before a reading changes? For each
# hypothesis and each characteristic of respondents, the share of each option is moved through the
# population; the table gives the option and the share nearest to the sample's at which the rank
# correlation is found where it was not, or no longer found where it was. No entry: at no share.

# %%
characteristics = stand_for.population_characteristics(book, responses)
tipping = stand_for.tipping_table(
    the_plan.of_kind("confirmatory"),
    confirmatory,
    responses,
    data,
    characteristics,
    book,
    alpha=the_plan.alpha,
)

# %%
if len(tipping):
    pub.table(
        "tipping_points",
        tipping,
        "characteristic option:moved n share tipping found:reading",
        caption="Tipping points: how far a margin of the population would have to differ for a "
        "reading to change, one characteristic at a time.",
        sections="title:hypothesis",
        note="Rank correlation with weights, at the level that the correction leaves to the "
        "hypothesis. Share: of the sample. Options with few respondents are not moved.",
    )
first = stand_for.describe_tipping(tipping)
pub.number("tipping_reading", first, "readings and the margins of the population")

# %% [markdown]
# Somebody who supposes certain margins can see what follows from them. Those in
# `data/assumed_margins.yml` are suppositions, chosen to be simple or extreme; none is a statistic.
# Weights cost precision: the effective n is the size of an unweighted sample that would know as
# much.

# %%
assumed = stand_for.load_margins(project.root / "data/assumed_margins.yml", book)
outcomes = list(dict.fromkeys(h.outcome for h in the_plan.of_kind("confirmatory")))
raked = stand_for.raked_table(
    assumed, responses, data, outcomes, book, confidence=the_plan.confidence
)

# %%
if assumed:
    pub.table(
        "assumed_margins",
        stand_for.margins_table(assumed, book),
        "margins assumed reason",
        caption="Assumed margins of the population. None is known; each is a supposition.",
        basis="design",
    )
    pub.table(
        "raked_outcomes",
        raked,
        "margins n effective_n mean low high",
        caption="Each outcome if the population had the assumed margins (raking).",
        sections="label:quantity",
        note=f"Low and high: {level} interval, not adjusted, of a share by its logit. "
        "Mean: of exposure the share.",
    )

# %% [markdown]
# Several respondents may work for one organisation, and nobody asked. Their answers would resemble
# each other, so that the sample tells as much as a smaller one. A design effect of two means half
# as many. The table corrects each family again under each design effect.

# %%
clustered = stand_for.design_effect_table(confirmatory, alpha=the_plan.alpha)
pub.table(
    "design_effects",
    clustered,
    "id label:hypothesis n effective_n deff_* lost_at",
    caption="Adjusted p if several respondents belong to one organisation, by design effect.",
    note="Adjusted p: Holm within the family. Effective n: at the largest design effect. Lost at: "
    "smallest of these design effects at which what was found is no longer found.",
)
stays = stand_for.describe_design_effects(clustered, alpha=the_plan.alpha)
pub.number("design_effect_reading", stays, "findings by design effect")

# %%
pub.close()

# %% [markdown]
# ## What this does not show
#
# - *Causes.* Exposure and defences were asked at the same time. Those who look for attacks may
#   find more of them, and those who defend themselves may look more closely.
# - *Independence of the answers about one person.* Knowledge, concern and expectation are ratings
#   by one person in one sitting; a habit of choosing high options links them without any other
#   reason.
# - *Exposure itself.* An attack that nobody noticed counts as none where somebody says *no*, and
#   whether one is noticed may well depend on the organisation. Where it is not known, the tests of
#   exposure leave the respondent out; *missing answers* above shows what that might hide.
# - *Other organisations.* Respondents chose to take part. Intervals cover chance in drawing people
#   like them, not the way in which they were found.
# - *Other choices.* Results under other exclusions, codings and tests are in notebook 05.
