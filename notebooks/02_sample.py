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
# # 02 · Who answered, what occurred and what causes concern
#
# **Question.** Who are the respondents, which attacks did they meet, and how concerned are they?
#
# This notebook describes; it tests nothing. Shares are of those who gave an answer to the item,
# with Wilson's interval, and each stands beside its count, since in a sample of this kind a
# share means little without it. The intervals cover chance in drawing respondents like these. How
# respondents came to take part is another matter, which no interval covers.

# %% tags=["parameters"]
export: str = "auto"  # raw export; auto is data/raw/export.* if there, else the stand-in
codebook: str = "data/codebook.yml"  # what was asked
plan: str = "data/analysis_plan.yml"  # what is tested
coding: str = "auto"  # coders' sheets; auto belongs to the export, none says uncoded
seed: int = 20230308  # of every random draw; a whole number from 0
resamples: int = 2000  # bootstrap and permutation resamples; at least 20

# %%
from mlsec_survey import figures
from mlsec_survey.analysis import nonresponse as takers
from mlsec_survey.analysis import sample
from mlsec_survey.analysis.hypotheses import analysis_data, plan_variables
from mlsec_survey.base.randomness import generator
from mlsec_survey.instrument.coding_scheme import load_coding_scheme
from mlsec_survey.project import open_project
from mlsec_survey.responses import exclusions
from mlsec_survey.responses.coding import load_coding
from mlsec_survey.study import incidents as cases
from mlsec_survey.study.attacks import occurrence_table
from mlsec_survey.study.literature import load_facts

project = open_project("02_sample", globals())
pub, book = project.publisher(), project.codebook
responses, missing = project.read("responses"), project.read("missing_kinds")
facts = load_facts(project.root / "data/published/facts.csv")
confidence, level = project.plan.confidence, project.plan.level
shares = sample.wilson_note(level)
project.describe()

# %% [markdown]
# ## Who answered
#
# Role, experience, education and organisation could together point to a person. With real answers,
# small counts are suppressed in every table, and with them as many others as it takes to keep them
# from being found by subtraction.

# %%
about = [*sample.items_about(book, "respondent", "organisation"), "channel"]
pub.table(
    "table_one",
    sample.table_one(responses, missing, book, about, confidence=confidence).query(
        "kind == 'answered'"
    ),
    "option count estimate:share low high",
    caption="Respondents and their organisations. Shares are of those who answered the item.",
    sections="heading",
    note=shares,
)

# %% [markdown]
# Knowledge is what respondents say of themselves. Such ratings rank people roughly; they are no
# test of knowledge, and those who know least are not the best judges of it.

# %%
knowledge = sample.items_about(book, "prior knowledge")
pub.table(
    "prior_knowledge",
    sample.table_one(responses, missing, book, knowledge, confidence=confidence).query(
        "kind == 'answered'"
    ),
    "option count estimate:share low high",
    caption="Prior knowledge as respondents rate it themselves.",
    sections="heading",
    note=shares,
)

# %% [markdown]
# Where the questionnaire asks for numbers, dates or an order, these follow. Dates are summed up by
# their years, so that no day points to a person.

# %%
numbers = sample.number_table(
    responses,
    missing,
    book,
    generator(seed, "numbers"),
    resamples=resamples,
    confidence=confidence,
)

# %%
if len(numbers):
    pub.table(
        "number_items",
        numbers,
        "label:item unit n minimum quartile_1 median quartile_3 maximum mean mean_low mean_high",
        caption="Answers to the items that ask for a number.",
        note=f"Mean low and high: ends of its {level} bootstrap interval (BCa).",
    )

# %%
dates = sample.date_table(responses, missing, book)
if len(dates):
    pub.table(
        "date_items",
        dates,
        "label:item n quartile_1:year median:year quartile_3:year no_answer",
        caption="Answers to the items that ask for a date: years of the quartiles.",
    )
for item in book.items:
    if item.type == "ranking":
        pub.table(
            f"places_{item.id}",
            sample.places_table(responses, missing, book, item.id),
            "label:part_of_item placed median count:first_place n estimate:share low high",
            caption=f"{item.label}: who put what first, and the median place.",
            note=shares,
        )

# %% [markdown]
# ## What was left unanswered
#
# An item left empty, *don't know* and *prefer not to say* are three different things. The first can
# mean haste, the second is information in its own right, the third marks a sensitive question. Only
# the first counts as non-response here. Free text is left out, since nobody had to write any; a
# checklist is one question.

# %%
nonresponse = sample.item_nonresponse(missing, book, questions=True, confidence=confidence)
pub.number("nonresponse_spread", sample.nonresponse_summary(nonresponse), "item non-response")
pub.table(
    "item_nonresponse",
    nonresponse,
    "label:item answered dont_know prefer_not count:left_empty n:shown estimate:share high",
    caption="Item non-response: left empty among those who were shown the item.",
    sections="construct",
    note=shares,
)

# %% [markdown]
# *Don't know* has reasons of its own. The model counts, per respondent, how many of the questions
# that everybody could answer so were answered so, and asks with what that goes, each predictor
# given the others.

# %%
unknown, questions = takers.dont_know_counts(missing, book)
asked = [v for v in ("prior_knowledge", "experience", "org_size") if v in responses]
who = takers.dont_know_table(
    unknown,
    questions,
    analysis_data(responses, book, asked),
    {name: book.label(name) for name in asked},
    confidence=confidence,
)
if len(who):
    pub.table(
        "dont_know_model",
        who,
        "label:predictor n effect estimate low high p p_adjusted",
        caption=f"Who says don't know: {questions} questions, all predictors at once.",
        note="Quasi-binomial regression; odds ratio of a don't know per step. Low and high: "
        f"{level} interval, not adjusted. Adjusted p: Holm over these rows.",
    )

# %%
alpha = project.plan.alpha
reading = takers.describe_dont_know(who, alpha=alpha)
pub.number("dont_know_reading", reading, "who says don't know")

# %% [markdown]
# ## Whether it matters how people took part
#
# Nobody knows what those would have said who did not take part. Some who did are nearer to them
# than others: who came late, without an invitation or over another channel, and who left before the
# end. If these differ from the rest, those who never came may differ more; if they do not, that is
# a weak comfort, since the comparison sees large differences only. Compared are all variables of
# the analysis plan; each comparison is corrected by itself.

# %%
kept, _ = exclusions.apply_exclusions(project.read_export(), book)
groups = takers.ways_of_taking_part(responses, book, ["channel"], takers.noted(kept, book))
examined = plan_variables(project.plan)
drawn = {"seed": seed, "resamples": resamples, "confidence": confidence}
by_way = takers.compare_groups(groups, analysis_data(responses, book, examined), book, **drawn)
candidates = project.read("candidates")
left = takers.left_early(candidates, book)
early = takers.compare_groups(left, analysis_data(candidates, book, examined), book, **drawn)

# %%
columns = "label:quantity n effect estimate low high p p_adjusted"
about = (
    f"Low and high: {level} interval, not adjusted. Adjusted p: Holm within each comparison. "
    "Probability of superiority: that the group named last answers higher, ties half; odds ratio: "
    "its odds against the other. No interval of Cramér's V (–): the table is too sparse for one."
)
for key, table, what in (
    ("taking_part", by_way, "ways of taking part"),
    ("left_early", early, "who left before the end and who did not"),
):
    if len(table):
        pub.table(
            key,
            table,
            columns,
            caption=f"Answers compared between {what}.",
            sections="comparison",
            note=about,
        )

# %%
reading = takers.describe_comparisons(by_way, alpha=alpha)
pub.number("taking_part_reading", reading, "answers by way of taking part")
reading = takers.describe_comparisons(early, alpha=alpha)
pub.number("left_early_reading", reading, "answers of those who left early")

# %% [markdown]
# ## Which attacks occurred
#
# Respondents were asked for each attack whether it happened or was suspected in their work. Coders
# then read what they wrote about it and kept the incidents in which somebody acted on a model in
# use (notebook 03 shows how far the coders agree). A report without a description can be neither
# confirmed nor ruled out, so *confirmed* is what can be substantiated, not what happened. As long
# as the descriptions are not coded, nothing is confirmed and nothing is ruled out.

# %%
occurrence = occurrence_table(responses, missing, book, confidence=confidence)
scheme = load_coding_scheme(project.root / "data/concern_codes.yml", book, needed=cases.NEEDED)
coded = load_coding(project.coding_path, scheme, responses, book)
pub.number("incident_coding", coded.describe(cases.INCIDENT), "coding of incident descriptions")
incidents = cases.incident_shares(
    cases.confirmed_incidents(coded, responses, book), len(responses), confidence=confidence
)
reports = pub.released(occurrence, "report_label:report count n label:attack", "label:attack")
met = pub.released(cases.reports_and_confirmed(reports, incidents))

# %%
pub.figure(
    "occurrence_intervals",
    figures.draw_intervals(met, row="label", series="kind", axis="% (count/n beside each point)"),
    caption="Reports of each attack, of those with a substantive answer, and incidents confirmed "
    "in coding, of all respondents; with intervals at "
    f"{level}.",
    alt=figures.describe_intervals(met, row="label", series="kind", confidence=confidence),
    data=met,
)

# %%
pub.table(
    "occurrence",
    occurrence,
    "report_label:report count n estimate:share low high",
    caption="Reported occurrence of each attack among those with a substantive answer (n).",
    sections="label:attack",
    note=shares,
)

# %% [markdown]
# *Don't know* is an answer of interest here: an attack on a model can go unnoticed. The next table
# keeps it apart and shows how far the unknown answers could move the share of reports among all
# respondents: its bounds assume that none, or all, of those without a substantive answer would have
# reported the attack. Wide bounds say that the question, not chance, limits what can be known.

# %%
pub.table(
    "occurrence_answers",
    sample.answer_counts(
        responses,
        missing,
        book,
        "occurrence",
        values=("yes", "suspected"),
        confidence=confidence,
    ),
    "label:attack count_*:occurrence dont_know prefer_not no_answer n:chosen_n "
    "estimate:share_dont_know bound_low bound_high",
    caption="All answers on occurrence, and what the unknown ones leave open.",
)

# %% [markdown]
# ## Confirmed incidents

# %%
pub.table(
    "confirmed_incidents",
    incidents,
    "label:attack reported described confirmed doubted estimate:share low high",
    caption="Incidents by attack: reported, described, and confirmed in coding.",
    note=f"Share of {len(responses)} respondents. {shares}",
)

# %% [markdown]
# Where counts are small, intervals differ by method: the exact one of Clopper and Pearson holds the
# true share at least as often as its level says, Wilson's as often on average over shares. Where no
# incident is confirmed, the bound says how large the share among practitioners could be and still
# leave a fair chance to see none in a sample of this size.

# %%
pub.table(
    "incident_intervals",
    incidents,
    "label:attack confirmed n estimate:share low:wilson_low high:wilson_high "
    "exact_low exact_high none_bound",
    caption="Confirmed incidents as shares of all respondents, with two intervals and the bound.",
)

# %%
pub.numbers(
    cases.incident_numbers(incidents, coded, confidence=confidence),
    "Confirmed incidents, attack by attack",
)

# %%
pub.numbers(
    cases.undoubted_numbers(coded, len(responses), confidence=confidence),
    "Respondents with a confirmed incident that nobody doubts",
)

# %% [markdown]
# ## Exposure to any attack
#
# Exposed is who reports at least one attack that happened or was suspected; not exposed is who says
# of every attack that it did not happen. Whoever reports none and does not know of one, prefers not
# to say or left it empty, is neither: a *don't know* is no *no*. The share of those for whom
# exposure is known is therefore no share of all: it leaves out more of the unexposed, who have to
# say *no* of each attack. The bounds hold whatever the unknown ones are. Three definitions stand
# side by side, since another analyst might choose another; the first is the outcome of a family of
# hypotheses in notebook 04, and the others are choices of the specification curve in notebook 05.
# None of them is a rate of incidents among organisations: respondents chose to answer a survey on
# this very subject.

# %%
exposure = sample.binary_scales(responses, book, confidence=confidence)
pub.table(
    "exposure",
    exposure,
    "label:quantity count:exposed against unknown n:known_n estimate:share low high "
    "bound_low bound_high outer_low outer_high",
    caption="Respondents who report at least one attack: known, unknown, what that leaves open.",
    note=f"Share: of those for whom it is known. {shares} Bounds: shares of all {len(responses)} "
    f"respondents if none, or all, of the unknown are exposed; outer ends: of their {level} "
    "intervals.",
)

# %%
pub.numbers(sample.share_numbers(exposure, confidence=confidence), "The same shares, in words")

# %% [markdown]
# ## How concerned respondents are about each attack
#
# Bars are centred on the middle option, so that what lies to the right is concern above it. Those
# who gave no rating are counted at the side and are no part of the bars. Whether attacks differ
# within respondents is tested in notebook 03, for relevance.

# %%
concern = sample.rating_distribution(responses, missing, book, "concern", confidence=confidence)
drawn = pub.released(concern)
panels = [(book.label("concern"), drawn)]

# %%
pub.figure(
    "concern_ratings",
    figures.draw_ratings(panels, [[option.label for option in book.options("concern")]]),
    caption="Concern about each attack: shares of the options, centred on the middle "
    "one; n gave a rating.",
    alt=figures.describe_ratings(panels),
    data=drawn,
)

# %%
pub.table(
    "concern",
    concern,
    "label:attack count n estimate:share low high median mean dont_know no_answer",
    caption="Concern about each attack: share in the two highest options, median and mean.",
    note=shares,
)

# %% [markdown]
# ## Whether respondents expect to become a target
#
# The expected likelihood is a belief about one's own organisation. In notebook 04 it is a predictor
# of defences and an outcome of prior knowledge.

# %%
likelihood = sample.table_one(
    responses, missing, book, ["target_likelihood"], confidence=confidence
)
pub.table(
    "target_likelihood",
    likelihood,
    "option count n estimate:share low high",
    caption="Expected likelihood to become a target. Options are shares of those who answered, "
    "missing answers shares of all.",
    note=shares,
)

# %% [markdown]
# ## Defences in place and planned
#
# A tick says that a respondent knows of a defence, not that it works or is in place everywhere.
# Those who do not know what their organisation does, or prefer not to say, are left out of the
# shares (see the item non-response above). Some ticked nothing, not even *none of these*. That can
# be an answer, or none: the table gives the shares in both readings, and the codebook says which
# one counts and why. The number of defences is a sum over the checklist, no measure of security.

# %%
defences = sample.checklists_together(
    responses, missing, book, ["defence", "planned"], confidence=confidence
)
drawn = pub.released(defences)

# %%
pub.figure(
    "defences_intervals",
    figures.draw_intervals(drawn, row="label", series="list", axis="% (count/n beside each point)"),
    caption="Defences in place and planned: shares of those who answered the checklist, with "
    f"intervals at {level}.",
    alt=figures.describe_intervals(drawn, row="label", series="list", confidence=confidence),
    data=drawn,
)

# %%
pub.table(
    "defences",
    defences,
    "label:defence count n estimate:share low high ticked_share listed_share",
    caption="Defences in place and planned, in both readings of a list with nothing ticked.",
    sections="list",
    note=f"{shares} n and share: in the reading that the codebook chooses.",
)

# %%
pub.number(
    "nothing_ticked",
    sample.describe_nothing_ticked(missing, book, ["defence", "planned"]),
    "lists of defences with nothing ticked",
)

# %%
numbers = sample.count_scales(
    responses,
    book,
    "defences",
    generator(seed, "defences"),
    resamples=resamples,
    confidence=confidence,
)

# %%
pub.table(
    "defence_numbers",
    numbers,
    "label:quantity n none quartile_1 median:middle quartile_3 maximum mean mean_low mean_high",
    caption="Number of defences per respondent.",
    note=f"Mean low and high: ends of its {level} bootstrap interval (BCa).",
)
median = float(numbers.set_index("scale")["median"]["defence_count"])
pub.number("median_defences", median, "median number of implemented defences", digits="2s")

# %%
pub.close()

# %% [markdown]
# ## What this does not show
#
# - **How common attacks are.** Respondents chose to answer, remember selectively, and cannot report
#   what nobody noticed. A share of respondents is no incidence rate, and an interval around it
#   covers chance alone.
# - **Whom the sample stands for.** No list of practitioners exists from which it was drawn, so no
#   weights can mend it. The first table says who answered; it cannot say who did not.
# - **How dangerous an attack is.** Concern is a feeling about a threat, and a defence that is
#   ticked may be absent, partial or useless.
# - **That groups differ.** Comparisons stand in notebooks 03 and 04, with tests and corrections.
