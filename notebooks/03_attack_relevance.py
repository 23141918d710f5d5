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
# **Question.** Which attacks matter to respondents' work, which concerns stand behind that, and
# how does it compare with documented incidents?
#
# Respondents rated each attack for its relevance to their own work, and said why in their own
# words. The ratings come first: how high each attack is rated, whether the differences between
# attacks are more than chance, and whether they go with having met an attack or knowing it. The
# words come after that. They say what a rating cannot: what people are afraid of losing. At the
# end stand documented incidents, a view from outside that knows nothing of the respondents.
#
# One respondent rates all attacks. Somebody who finds everything relevant rates everything high,
# so attacks are compared within respondents throughout.

# %% tags=["parameters"]
export = "auto"
codebook = "data/codebook.yml"
coding = "data/coding"
seed = 20230308
resamples = 2000

# %%
from mlsec_survey import descriptives, figures, relevance
from mlsec_survey.project import generator, open_project
from mlsec_survey.publish import interval_text, p_text, percent_text
from mlsec_survey.stats import ordinal_repeated, ranks

project = open_project("03_attack_relevance", export=export, codebook=codebook)
pub, book = project.publisher(), project.codebook
responses, missing = project.read("responses"), project.read("missing_kinds")
project.describe()

# %% [markdown]
# ## 1 How relevant is each attack

#
# The bars are centred on the middle option, so that a bar which reaches further to the right is
# rated higher. Those who answered *don't know* or nothing are counted beside it: they are no part
# of the percentages, and an attack that many cannot judge is a result in itself.

# %%
rated = descriptives.rating_distribution(responses, missing, book, "relevance")
panel = [(book.label("relevance"), rated)]
pub.figure(
    "relevance_ratings",
    figures.draw_ratings(panel, [[option.label for option in book.options("relevance")]]),
    caption="Relevance of each attack to the respondent's work: shares of the five options, with "
    "the numbers of those who rated it, do not know, or left it empty.",
    alt=figures.describe_ratings(panel),
    keep=True,
)

# %% [markdown]
# Two summaries stand side by side below. The *mean rank* puts each respondent's ratings in order
# and averages that: it ignores how high somebody rates in general. It uses everybody who rated at
# least two attacks, pair by pair, so that a skipped attack costs no respondent. The *share of the
# two highest options* asks how many find the attack relevant at all. An attack can lead in one
# and not in the other.

# %%
ranking = relevance.attack_ranking(
    responses, missing, book, rng=generator(seed, "mean ranks"), resamples=resamples
)
pub.figure(
    "relevance_ranking",
    figures.draw_ranking(ranking),
    caption="Mean rank of each attack within respondents (bootstrap intervals over respondents), "
    "and share of ratings in the two highest options (Wilson intervals); intervals at 95 %. "
    "Dotted: the mean rank of all attacks if none stood out.",
    alt=figures.describe_ranking(ranking),
    keep=True,
)
pub.number(
    "relevance_order",
    relevance.describe_order(ranking),
    description="order by mean rank",
    keep=True,
)

# %%
first = ranking.iloc[0]
pub.number(
    "most_relevant_attack",
    first["label"],
    description="attack with the lowest mean rank",
    keep=True,
)
pub.number(
    "most_relevant_share",
    f"{percent_text(first['share'])} "
    f"({interval_text(first['share_low'], first['share_high'], 0, percent=True)})",
    description=f"share of {first['n']} ratings of it in the two highest options",
    keep=True,
)

# %% [markdown]
# Read the first place with its interval. Where the intervals of two attacks overlap widely,
# another sample of the same people might have put them the other way round; the share of
# resamples in which the attack comes first says how often that happened here.

# %% [markdown]
# ## 2 Do attacks differ within respondents

#
# Three tests of one question, since each pays for its strength. *Friedman's* is the best known
# and needs respondents who rated every attack. *Skillings and Mack's* is the same test for all
# who rated at least two. The *model* uses every rating and is the subject of section 3. Kendall's
# W says how far respondents share one order: 0 if they have nothing in common, 1 if all rank
# alike.

# %%
attacks = relevance.attack_values(responses, book, "relevance")
friedman = ranks.friedman(attacks, rng=generator(seed, "friedman"), resamples=resamples)
skillings_mack = ranks.skillings_mack(
    attacks, rng=generator(seed, "skillings mack"), resamples=resamples
)
model = ordinal_repeated.repeated_ordinal(attacks)
tests = [friedman, skillings_mack, model.difference]
pub.table(
    "relevance_tests",
    relevance.tests_table(tests),
    caption="Do attacks differ in relevance within respondents? Three tests, with the respondents "
    "that each can use.",
    columns=relevance.TEST_HEADINGS,
    formats={"p": p_text, "detectable": 3},
    note="Low and high: 95 % interval. Detectable: the effect that this number of respondents "
    "would have shown with 80 % power at 0.05.",
    width="page",
    keep=True,
)

# %%
pub.number("friedman_w", friedman.estimate, digits=2, description="Kendall's W", keep=True)
pub.number(
    "friedman_w_interval",
    interval_text(friedman.low, friedman.high),
    description="95 % interval of Kendall's W",
    keep=True,
)
pub.number("friedman_p", p_text(friedman.p), description="p of Friedman's test", keep=True)
pub.number(
    "friedman_n",
    friedman.n,
    unit=f"of {int(friedman.extra['n_any'])} respondents with any rating",
    description="rated all attacks",
    keep=True,
)

# %% [markdown]
# A small p-value says that not all attacks are alike; it does not say which. For that, each pair
# is compared by Wilcoxon's signed-rank test among those who rated both, corrected by Holm over
# all pairs. The number is the matched-pairs rank-biserial correlation: +1 if everybody who sees a
# difference rates the attack of the row higher, −1 if everybody rates it lower, 0 if the two
# balance. Those who rate both alike do not enter it, so a large number can rest on few.

# %%
pairs = ranks.pairwise_signed_rank(
    attacks[ranking["label"]], rng=generator(seed, "pairs"), resamples=resamples
)
pub.figure(
    "relevance_pairwise",
    figures.draw_pairwise(pairs),
    caption="Each pair of attacks compared within respondents: rank-biserial correlation, positive "
    "if the attack of the row is rated higher. Attacks in the order of their mean rank.",
    alt=figures.describe_pairwise(pairs),
    keep=True,
)
pub.table(
    "relevance_pairs",
    pairs,
    caption="Each pair of attacks: how many rate the first higher, both alike, or the second "
    "higher, and the rank-biserial correlation with its 95 % interval.",
    columns=relevance.PAIR_HEADINGS,
    formats={"p_adjusted": p_text},
    note="Adjusted p: exact signed-rank test where enumerable, Holm over all pairs. Detectable: "
    "the correlation found with 80 % power at the strictest step of the correction.",
    width="page",
    keep=True,
)

# %%
pub.number(
    "relevance_differences",
    relevance.describe_difference(tests, pairs),
    description="what the tests tell apart",
    keep=True,
)

# %% [markdown]
# A pair that is not told apart has not been shown to be equal: look at its interval and at what
# could have been detected.

# %% [markdown]
# ## 3 The model and its assumption

#
# The model says by what factor the odds of a higher rating differ between an attack and the
# average of all attacks. It lets every respondent have ratings that resemble each other, in any
# way: the intervals come from a sandwich estimate that counts respondents, not ratings. It
# assumes two things. Skipping an attack must not depend on the rating that was withheld, which
# the data cannot show. And one odds ratio must hold at every step of the scale (proportional
# odds), which can be tested.

# %%
check = relevance.checked_parallel(attacks)
effects = relevance.model_table(model, check)
pub.table(
    "relevance_model",
    effects,
    caption="Odds of a higher rating of relevance, against the average attack, from a "
    "cumulative-logit model with respondents as clusters; then the same at single thresholds of "
    "the scale.",
    columns=relevance.model_headings(effects, book),
    formats={"p_adjusted": p_text},
    note="Low and high: 95 % interval. Adjusted p: Holm. Above 1: rated higher than the average "
    "attack. Thresholds with fewer than five ratings of an attack on one side are left out.",
    width="page",
    keep=True,
)
pub.number(
    "relevance_assumption",
    relevance.describe_assumption(check),
    description="test of proportional odds",
    keep=True,
)

# %% [markdown]
# The last columns are the assumption made visible: in each row they should be about the same, and
# about the odds ratio of the model. Where they part, the single number averages over a real
# difference, and the columns are what to read.

# %% [markdown]
# ## 4 Occurrence, concern and relevance together

#
# One row per attack: how many met or suspected it, how many are very concerned, how many find it
# very relevant. The panels share one scale, so that lengths compare across. What is far more
# often feared than met shows as a short bar beside long ones.

# %%
profile = relevance.attack_profile(responses, missing, book, order=list(ranking["label"]))
pub.figure(
    "attack_profile",
    figures.draw_attack_profile(profile),
    caption="Occurrence, concern and relevance of each attack, of those with a substantive answer, "
    "with 95 % intervals. Attacks in the order of their mean rank of relevance.",
    alt=figures.describe_attack_profile(profile),
    width="page",
    keep=True,
)

# %% [markdown]
# Does having met an attack, or knowing it, go with its relevance? Two different questions hide in
# that. *Between* respondents: do people who know more attacks rate attacks higher in general?
# *Within*: does one and the same respondent rate those attacks higher that she knows better than
# others? Only the second is about the attack. The rows of single attacks mix the two; the model
# over all attacks separates them.

# %%
by_exposure = relevance.relevance_by_exposure(
    responses, book, rng=generator(seed, "relevance by exposure"), resamples=resamples
)
pub.table(
    "relevance_by_exposure",
    by_exposure,
    caption="Relevance of an attack against having met or suspected it, and against familiarity "
    "with it.",
    columns=relevance.EXPOSURE_HEADINGS,
    formats={"p": p_text, "p_adjusted": p_text},
    sections="predictor",
    note="Met: respondents who met or suspected the attack. Low and high: 95 % interval. "
    "Probability of superiority: 0.5 is no association; Kendall's tau-b: 0; odds ratio: 1, per "
    "step. Adjusted p: Benjamini–Hochberg over single attacks. Detectable: what would have been "
    "found with 80 % power at 0.05 before correction.",
    width="page",
    counts=["exposed"],
    group="predictor",
    keep=True,
)
pub.number(
    "relevance_exposure_reading",
    relevance.describe_exposure(by_exposure),
    description="in words",
    keep=True,
)

# %% [markdown]
# Few respondents met any one attack, so these rows can show only strong associations: compare
# *detectable* with the estimate before reading anything into a large p-value. And a small one is
# no cause. Whoever works with an attack in mind may look for it, find it, and find it relevant.

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
#
# Relevance is what respondents say it is. A high rating does not make an attack likely or
# harmful, and a low one does not make it rare. Whoever does not know an attack can hardly rate
# it, and those who skipped it may think otherwise than those who did not. The intervals speak of
# chance in drawing respondents like these; they say nothing about practitioners who would never
# have come to the survey. All answers were given at one time, and by people who may have talked
# to each other.
