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
# # 03 · Which attacks matter, and why
#
# **Question.** Which attacks are relevant to respondents' work, which concerns stand behind that,
# and how does it compare with documented incidents?
#
# Respondents rated each attack for its relevance to their own work, and could say why in their own
# words. The ratings come first: how high each attack is rated, whether the differences between
# attacks are more than chance, and whether they go with having met an attack or knowing it. Then
# come the reasons, which say what a rating cannot: what people fear to lose, or why they do not. At
# the end stand documented incidents, a view from outside that knows nothing of the respondents.
#
# One respondent rates all attacks. Somebody who finds everything relevant rates everything high,
# so attacks are compared within respondents throughout.

# %% tags=["parameters"]
export: str = "auto"  # raw export; auto is data/raw/export.* if there, else the stand-in
codebook: str = "data/codebook.yml"  # what was asked
plan: str = "data/analysis_plan.yml"  # what is tested
coding: str = "auto"  # coders' sheets; auto belongs to the export, none says uncoded
seed: int = 20230308  # of every random draw; a whole number from 0
resamples: int = 2000  # bootstrap and permutation resamples; at least 20

# %%
from mlsec_survey import figures
from mlsec_survey.analysis import coded_answers, ratings, sample
from mlsec_survey.base.formatting import interval_text, p_text, percent_text
from mlsec_survey.base.randomness import generator
from mlsec_survey.instrument.coding_scheme import load_coding_scheme
from mlsec_survey.project import open_project
from mlsec_survey.responses.coding import load_coding
from mlsec_survey.stats import ranks
from mlsec_survey.study import atlas, attacks
from mlsec_survey.study.attacks import WHY

project = open_project("03_attack_relevance", globals())
pub, book = project.publisher(), project.codebook
responses, missing = project.read("responses"), project.read("missing_kinds")
confidence, level, alpha = project.plan.confidence, project.plan.level, project.plan.alpha
power = project.plan.power
drawn = {"resamples": resamples, "confidence": confidence}
project.describe()

# %% [markdown]
# ## How relevant is each attack?
#
# The bars are centred on the middle option, so that a bar which reaches further to the right is
# rated higher. Those who answered *don't know* or nothing are counted beside it: they are no part
# of the percentages, and an attack that many cannot judge is a result in itself.

# %%
labels = attacks.attack_labels(book)
ranking = ratings.ranking(
    responses, missing, book, "relevance", rng=generator(seed, "mean ranks"), **drawn
)
rated = sample.rating_distribution(responses, missing, book, "relevance", confidence=confidence)
rated = pub.released(rated.set_index("subquestion").loc[ranking["part"]].reset_index())
panel = [(book.label("relevance"), rated)]

# %%
pub.figure(
    "relevance_ratings",
    figures.draw_ratings(panel, [[option.label for option in book.options("relevance")]]),
    caption="Relevance of each attack to the respondent's work: shares of the options, with "
    "the numbers of those who rated it, do not know, or left it empty. Attacks in the order of "
    "their mean rank.",
    alt=figures.describe_ratings(panel),
    data=rated,
)

# %% [markdown]
# Two summaries stand side by side below. The *mean rank* puts each respondent's ratings in order
# and averages the places; how high somebody rates in general does not enter it. It uses everybody
# who rated at least two attacks, pair by pair, so that a skipped attack costs no respondent. The
# *share of the two highest options* says how many rate the attack high. An attack can lead in one
# and not in the other.

# %%
pub.figure(
    "relevance_ranking",
    figures.draw_ranking(ranking),
    caption="Mean rank of each attack within respondents (bootstrap intervals over respondents), "
    "and share of ratings in the two highest options (Wilson intervals); intervals at "
    f"{level}. Dotted: the mean rank of all attacks if none stood out.",
    alt=figures.describe_ranking(ranking),
    data=ranking,
)

# %%
pub.number("relevance_order", ratings.describe_order(ranking), "order by mean rank")

# %%
pub.numbers(attacks.first_place(ranking), "The attack in the first place")

# %% [markdown]
# Read the first place with its interval. Where the intervals of two attacks overlap widely,
# another sample from the same population might have put them the other way round; the share of
# resamples in which the attack comes first gives an idea of how often.

# %% [markdown]
# ## Do attacks differ within respondents?
#
# Three tests answer one question, each at a price. *Friedman's* is the best known and needs
# respondents who rated every attack. *Skillings and Mack's* extends it to all who rated at least
# two. The *cumulative-logit model* uses every rating and rests on assumptions, which the next
# section looks at. Kendall's W says how far respondents share one order: 0 if their orders have
# nothing in common, 1 if all are the same.

# %%
rated_attacks = ratings.grid_values(responses, book, "relevance")
at = drawn | {"alpha": alpha, "power": power}
friedman = ranks.friedman(rated_attacks, rng=generator(seed, "friedman"), **at)
skillings_mack = ranks.skillings_mack(rated_attacks, rng=generator(seed, "skillings mack"), **at)
model = ratings.fitted_model(rated_attacks, confidence=confidence)
tests = [friedman, skillings_mack, *([model.difference] if model else [])]

# %%
pub.table(
    "relevance_tests",
    ratings.tests_table(tests),
    "method n effect:effect_size estimate low high statistic df p detectable",
    caption="Do attacks differ in relevance within respondents? Three tests, with the respondents "
    "that each can use.",
    note=f"Low and high: {level} interval. Detectable: the effect that this number of respondents "
    f"would have shown with {percent_text(power)} power at {alpha:g}."
    f"{ratings.describe_undefined(tests)}",
)

# %%
pub.numbers(attacks.friedman_numbers(friedman), "Friedman's test")

# %% [markdown]
# A small p-value says that not all attacks are alike; it does not say which. For that, each pair
# is compared by Wilcoxon's signed-rank test among those who rated both, corrected by Holm over
# all pairs. The number is the matched-pairs rank-biserial correlation: +1 if everybody who sees a
# difference rates the attack of the row higher, −1 if everybody rates it lower, 0 if the two
# balance. Those who rate both alike do not enter it, so a large number can rest on few.

# %%
pairs = ranks.pairwise_signed_rank(
    rated_attacks[ranking["part"]], rng=generator(seed, "pairs"), **at
)
pairs = ratings.pairs_table(pairs, labels)

# %%
pub.figure(
    "relevance_pairwise",
    figures.draw_pairwise(pairs, alpha=alpha),
    caption="Each pair of attacks compared within respondents: rank-biserial correlation, positive "
    "if the attack of the row is rated higher. Attacks in the order of their mean rank.",
    alt=figures.describe_pairwise(pairs, alpha=alpha),
    data=pairs.drop(columns=["higher", "equal", "lower"]),
)

# %%
pub.table(
    "relevance_pairs",
    pairs,
    "pair n higher equal lower effect:rank_biserial low high p_adjusted detectable",
    caption="Each pair of attacks: how many rate the first higher, both alike, or the second "
    "higher, and the rank-biserial correlation.",
    note=f"Low and high: {level} interval, not adjusted. Adjusted p: exact signed-rank test where "
    "enumerable, Holm over all pairs. Detectable: "
    f"the correlation found with {percent_text(power)} power at the strictest step of the "
    "correction.",
)

# %%
told_apart = ratings.describe_difference(tests, pairs, parts="attacks", alpha=alpha)
pub.number("relevance_differences", told_apart, "what the tests tell apart")

# %% [markdown]
# A pair that is not told apart has not been shown to be equal: look at its interval and at what
# could have been detected.

# %% [markdown]
# ## The model and its assumption
#
# The model says by what factor the odds of a higher rating differ between an attack and the
# average of all attacks. It lets every respondent have ratings that resemble each other, in any
# way: the intervals come from a sandwich estimate that counts respondents, not ratings. It
# assumes two things. Skipping an attack must not depend on the rating that was withheld, which
# the data cannot show. And one odds ratio must hold at every step of the scale (proportional
# odds), which can be tested.

# %%
check = ratings.checked_parallel(rated_attacks)
effects = ratings.model_table(model, check, labels)
pub.table(
    "relevance_model",
    effects,
    "label:attack ratings estimate:odds_ratio low high p_adjusted at_least_*:relevance",
    caption="Odds of a higher rating of relevance, against the average attack, from a "
    "cumulative-logit model with respondents as clusters; then the same at single thresholds of "
    "the scale.",
    note=f"Low and high: {level} interval, not adjusted. Adjusted p: Holm. Above 1: rated "
    "higher than the average attack. Thresholds with too few ratings of an attack on one side are "
    "left out.",
)
proportional = ratings.describe_assumption(check, alpha=alpha)

# %%
pub.number("relevance_assumption", proportional, "test of proportional odds")

# %% [markdown]
# The last columns are the assumption made visible: in each row they should be about the same, and
# about the odds ratio of the model. Where they part, the single number averages over a real
# difference, and the columns are what to read.

# %% [markdown]
# The model speaks of all respondents together. A second one gives each respondent a level of
# ratings of their own, normal over respondents, and speaks of one and the same respondent: its odds
# ratios lie further from 1 the more respondents differ in level. It allows that skipping depends
# on the ratings that somebody gave. Where both say the same, the order of attacks does not hang
# on which question is asked.

# %%
mixed = ratings.fitted_mixed(rated_attacks, confidence=confidence)
pub.table(
    "relevance_mixed",
    ratings.mixed_table(mixed, model, labels),
    "label:attack ratings estimate:odds_ratio low high p_adjusted population",
    caption="Odds of a higher rating of relevance by one and the same respondent, against the "
    "average attack (cumulative-logit model, random level of respondents).",
    note=f"Low and high: {level} interval, not adjusted. Adjusted p: Holm. For all: the odds "
    "ratio of the model with respondents as clusters.",
)
spread = ratings.describe_spread(mixed)
pub.number("relevance_spread", spread, "how far respondents differ in the level of their ratings")

# %% [markdown]
# ## Occurrence, concern and relevance together
#
# One row per attack: how many met or suspected it, how many are very concerned, how many find it
# very relevant. The panels share one scale, so that lengths can be compared across them. An attack
# that is feared far more often than met shows as a short bar beside long ones.

# %%
profile = attacks.attack_profile(
    responses, missing, book, order=list(ranking["part"]), confidence=confidence
)
pub.figure(
    "attack_profile",
    figures.draw_item_profile(profile),
    caption="Occurrence, concern and relevance of each attack, of those with a substantive answer, "
    f"with {level} intervals. Attacks in the order of their mean rank of relevance.",
    alt=figures.describe_item_profile(profile),
    data=profile,
    narrow=figures.draw_item_profile(profile, width="narrow"),
)

# %% [markdown]
# Does having met an attack, or knowing it, go with its relevance? That hides two questions.
# *Between* respondents: do people who know more attacks rate attacks higher in general?
# *Within*: does one and the same respondent rate higher those attacks that they know better than
# others? Only the second is about the attack. The rows of single attacks mix the two; the model
# over all attacks separates them.

# %%
by_exposure = attacks.relevance_by_exposure(
    responses, book, rng=generator(seed, "relevance by exposure"), **at
)
pub.table(
    "relevance_by_exposure",
    by_exposure,
    "label:attack n exposed:met effect:effect_size estimate low high p p_adjusted detectable",
    caption="Relevance of an attack against having met or suspected it, and against familiarity "
    "with it.",
    sections="predictor",
    note=f"Met: respondents who met or suspected the attack. Low and high: {level} interval, "
    "not adjusted. Probability of superiority: 0.5 is no association; Kendall's tau-b: 0; odds "
    "ratio: 1, per step. Adjusted p: Benjamini–Hochberg over single attacks. Detectable: what "
    f"would have been found with {percent_text(power)} power at {alpha:g} before correction. Where "
    "answers on exposure or familiarity are missing, the row between respondents leans to that "
    "within.",
)

# %%
reading = attacks.describe_exposure(by_exposure, alpha=alpha)
pub.number("relevance_exposure_reading", reading, "relevance, having met an attack and knowing it")

# %% [markdown]
# Where few respondents met an attack, its row can show only a strong association: compare
# *detectable* with the estimate before reading anything into a large p-value. And a small one shows
# no cause: whoever has an attack in mind may look for it, find it, and find it relevant.

# %% [markdown]
# ## Why: concerns in free text
#
# Ratings say how relevant an attack is, not why. After each rating respondents could give a reason
# in their own words. Coders read each reason independently and gave it any number of the concern
# codes below, or wrote that none applies; they did the same with descriptions of incidents (counted
# in notebook 02). As long as the reasons are not coded, what rests on them says so.
# The codes marked as published stand for concerns that the publication's abstract names. The rules
# and examples are this project's own, and no respondent said them. No answer is quoted here, since
# with real data a sentence can give away who wrote it.

# %%
scheme = load_coding_scheme(project.root / "data/concern_codes.yml", book)
coded = load_coding(project.coding_path, scheme, responses, book)
pub.number("concern_coding", coded.describe(WHY), "coding of reasons")

# %%
pub.table(
    "concern_code_book",
    scheme.table(),
    "code definition include exclude example basis",
    caption="Code book: the concern codes, with the rules by which they are given.",
    sections="theme",
    basis="design",
    note="Published: named in the publication's abstract. Reconstructed: this project's own.",
)

# %% [markdown]
# ### How far the coders agree
#
# Agreement is measured before adjudication. A reason can carry several codes, so agreement on the
# whole set is measured by Krippendorff's alpha with the MASI distance, which gives partial credit
# when one set contains the other or overlaps with it (Passonneau 2006). Beside it stand the Jaccard
# distance, which is milder on overlaps, exact agreement, which gives no partial credit, and Cohen's
# kappa pooled over codes (De Vries and others 2008). Intervals resample respondents, since answers
# of one respondent resemble each other. With more than two coders each pair is compared, and the
# numbers below are those of the pair that agrees least.

# %%
fields = {"field": {field: book.label(field) for field in scheme.fields}}
by_code, overall = coded_answers.agreement(coded, rng=generator(seed, "coder agreement"), **drawn)
pub.table(
    "coder_agreement_overall",
    overall.replace(fields),
    "coders measure estimate:value low high units:answers respondents",
    caption="Agreement of each two coders on whole sets of codes.",
    sections="field",
    note=f"Low and high: {level} bootstrap interval over respondents. Exact agreement is a share.",
)

# %%
least = coded_answers.least_agreement(overall, WHY)
pub.numbers(attacks.agreement_numbers(least, by_code), "Agreement on the reasons")

# %% [markdown]
# Taken one by one, codes differ in how well they can be applied. Percent agreement is high for any
# code that is rare, since the coders agree on its absence; kappa and alpha correct for that, and
# get wide intervals instead. A code with a low value needs a better rule before it carries a claim.

# %%
pub.table(
    "coder_agreement",
    by_code.replace(fields),
    "coders code first second both agreement kappa kappa_low kappa_high alpha alpha_low alpha_high",
    caption="Agreement of each two coders on each code.",
    sections="field",
    note="First, second, both: answers with the code. Kappa: Cohen's. Alpha: Krippendorff's, "
    f"nominal. Low and high: {level} bootstrap intervals over respondents; resamples without the "
    "code left out.",
)

# %% [markdown]
# ### What the coders differed about, and how it was decided
#
# Every difference is decided, with a reason. The first table says which codes were taken for one
# another, which points to rules of the code book that are too close, and which were seen by one
# coder only, which points to rules that are easily overlooked. The second is the trail from the
# sheets to one.

# %%
pub.table(
    "coder_disagreements",
    coded_answers.disagreements(coded),
    "code other:other_code answers code_stands other_stands",
    caption="Differences between the coders by codes concerned, most frequent first.",
    sections="kind",
    note="One read as the other: one code from each coder where they else agree. Stands: answers "
    "whose final codes hold it; both of two readings can stand, or neither.",
)

# %%
trail = coded_answers.adjudication_trail(coded)
pub.table(
    "coding_trail",
    trail.replace(fields),
    "decided reason:ground answers",
    caption="How the final codes came about.",
    sections="field",
)

# %% [markdown]
# ## Complex concerns
#
# From here on the final codes count. One reason can name several concerns, and one concern can
# stand behind several attacks; both are what *complex* means here.
#
# Within an attack each respondent gave at most one reason, so the share of its reasons with a code
# has an ordinary (Wilson) interval. Between attacks the reasons of one respondent are not
# independent, so chance is what remains when the attacks are exchanged among each respondent's own
# reasons: that gives the expected count, how far a count deviates from it, and the p-value, whose
# adjustment bounds the chance of any false alarm in the whole table. Respondents who gave a single
# reason have nothing to exchange and speak for no deviation.

# %%
counted = coded_answers.count_codes(
    coded, WHY, rng=generator(seed, "codes by attack"), alpha=alpha, **drawn
)
cells = (counted.counts, counted.deviates, counted.replies, counted.firm)

# %%
pub.figure(
    "concern_by_attack",
    figures.draw_codes_by_item(*cells),
    caption="Reasons with each code, by attack. Marked cells depart from chance after correction "
    f"for all {counted.counts.size} cells (adjusted p at most {alpha:g}).",
    alt=figures.describe_codes_by_item(*cells, items="attacks"),
    data=counted.cells,
    narrow=figures.draw_codes_by_item(*cells, width="narrow"),
)

# %%
pub.number(
    "concern_cells_beyond_chance",
    coded.known(WHY, f"{int(counted.firm.to_numpy().sum())} of {counted.counts.size}"),
    f"cells that depart from chance at a familywise {percent_text(alpha)}",
)

# %%
pub.table(
    "concern_counts",
    counted.cells,
    "label:each_attack count replies:of_reasons share low high expected z:deviate p_adjusted",
    caption="Reasons with each code, by attack: counts, shares, and what chance would give.",
    sections="code",
    note=f"{sample.wilson_note(level)} Expected, deviate and p are of one null: attacks are "
    "exchanged within respondents. Adjusted p: step-down maxima over the table; the intervals are "
    "not adjusted.",
)

# %% [markdown]
# ### Which concerns cut across attacks
#
# A concern that is tied to one attack calls for another answer than one that stands behind many.
# Evenness is 1 where a code makes up the same share of the reasons for every attack, and 0 where it
# occurs with one attack only. For a code with few reasons it can say little, as its interval shows;
# resampling can lose a rare cell and never adds one, so these intervals lean downwards.

# %%
pub.table(
    "concern_spread",
    counted.spread.sort_values("evenness", ascending=False, kind="stable"),
    "code theme answers:reasons respondents parts:attacks evenness evenness_low evenness_high",
    caption="How far each code spreads over attacks, most even first.",
    note="Attacks: with at least one reason that carries the code. Low and high: "
    f"{level} bootstrap interval over respondents.",
)

# %%
across = coded_answers.cross_cutting(coded, WHY, confidence=confidence)
pub.number(
    "concern_reading",
    coded_answers.describe_concerns(coded, WHY, "attacks", least, counted, across),
    "the coded reasons in words",
)
pub.numbers(attacks.concern_numbers(coded, confidence=confidence), "Who names which concerns")
asked = attacks.coding_checks(coded, overall, by_code, confidence=confidence)
pub.numbers(asked, "What the claim ledger asks of the coding")

# %% [markdown]
# ### Which concerns come together
#
# The next figure shows which codes stand together in one reason. Columns further to the right rest
# on fewer reasons: a combination that was written once or twice exists, which does not make it
# typical. Pairs are compared with what two independent codes would give. Since a reason with no
# concern at all has no pair either, that is a yardstick, not a test.

# %%
together = coded_answers.codes_together(coded, WHY)
# Beside the pairs below, a combination can tell how few reasons have these codes and further ones.
shown = pub.released(together.combinations, "codes count:exactly carrying")
totals = pub.released(together.by_code.rename_axis("codes").reset_index(name="answers"))
sets = totals.set_index("codes")["answers"]
hidden = int(together.combinations["count"].sum() - shown["count"].sum())
pub.figure(
    "concern_intersections",
    figures.draw_intersections(sets, shown),
    caption="Most frequent combinations of codes in one reason: bars count reasons, dots below "
    "name the codes; in brackets all reasons with a code. "
    f"{together.others + hidden} reasons have others.",
    alt=figures.describe_intersections(sets, shown),
    narrow=figures.draw_intersections(sets, shown, width="narrow"),
    data=shown.assign(codes=shown["codes"].map(" + ".join)).rename(columns={"count": "exactly"}),
)

# %%
pub.table(
    "concern_pairs",
    together.pairs.head(15),
    "first:code second:with_code count expected residual",
    caption="Pairs of codes in one reason, most frequent first "
    f"({min(15, len(together.pairs))} shown).",
    note="Expected: if the two codes were independent. Residual: adjusted standardised residual.",
)

# %% [markdown]
# ## The outside view: documented incidents
#
# MITRE ATLAS collects public case studies of attacks on systems with machine learning: *incidents*,
# in which somebody did harm or tried to, and *exercises*, in which researchers or red teams did it.
# Only facts are taken over: type, date and the techniques used. A small reviewed table says which
# techniques are which of the questionnaire's attacks and why; all others are out of scope by a
# rule.

# %%
outside = atlas.load_atlas(project.root / "data/published")
mapping = atlas.load_attack_map(project.root / "data/published/atlas_attack_map.yml", outside, book)
source = outside.manifest.citation
years = atlas.cases_by_year(outside)

# %%
pub.figure(
    "atlas_by_year",
    figures.draw_cases_by_year(years, atlas.KINDS),
    caption="Documented case studies by the year in which they happened.",
    alt=figures.describe_cases_by_year(years, atlas.KINDS),
    basis="published",
    source=source,
    data=years,
)

# %%
pub.numbers(atlas.case_numbers(years), "Documented cases", basis="published")

# %% [markdown]
# The last year holds only what was known when that version came out, and recent cases may not be
# written up yet; a fall at the end of the figure is no trend.

# %%
documented = atlas.cases_by_attack(outside, mapping, book)
pub.table(
    "atlas_by_attack",
    documented,
    "label:attack incident:incidents exercise:exercises first_year last_year",
    caption="Documented case studies by attack of the questionnaire.",
    basis="published",
    note=f"A case study can count for several attacks. Source: {source}.",
)

# %%
pub.table(
    "atlas_attack_map",
    atlas.attack_map_table(outside, mapping, book),
    "technique cases:case_studies fit reason:reason_or_rule",
    caption="Which ATLAS techniques are which attacks, and which are out of scope by which rule.",
    sections="attack",
    basis="published",
    note=f"{mapping.rule} Broad: can be argued about; the comparison below is repeated without. "
    f"Source: {source}.",
)

# %% [markdown]
# ### The survey's ranking beside what is documented
#
# Mean ranks use everybody who rated the relevance of at least two attacks. With as few attacks as
# the questionnaire has, a rank correlation can take few values and its permutation p-value cannot
# become small; it summarises the figure and is a weak test. Its interval comes from resampling
# respondents alone: how ATLAS selects its cases is not in it.

# %%
relevance = rated_attacks.astype("float64")
compared = atlas.compare_ranking(
    relevance, documented, rng=generator(seed, "documented ranking"), **drawn
)

# %%
pub.figure(
    "documented_against_ranking",
    figures.draw_cases_beside_ranking(compared.table, atlas.KINDS),
    caption=f"Mean rank by relevance with {level} interval, beside the numbers of documented "
    f"incidents and exercises ({source}).",
    alt=figures.describe_cases_beside_ranking(compared.table, atlas.KINDS),
    data=compared.table,
)

# %%
tau = compared.kendall
pub.number(
    "documented_rank_correlation",
    tau.estimate,
    "Kendall's tau-b of relevance and documented incidents over attacks",
    digits=2,
)

# %%
pub.number(
    "documented_rank_correlation_interval",
    interval_text(tau.low, tau.high),
    f"{level} interval of this tau-b, over respondents, with the attacks held fixed",
)
pub.number("documented_rank_p", p_text(tau.p), "p of this tau-b, over exchanges of attacks")

# %%
variants = atlas.correlation_variants(
    relevance, outside, mapping, book, rng=generator(seed, "documented variants"), **drawn
)
pub.table(
    "documented_correlations",
    variants,
    "mapped effect:effect_size estimate:value low high p respondents attacks",
    caption="Rank correlation of relevance with documented cases, by what is counted.",
    sections="counted",
    note="Positive: more relevant attacks are more often documented. p: permutation of the counts "
    f"over attacks, two-sided. Low and high: {level} interval from resampling respondents.",
)

# %% [markdown]
# **What neither source can show.** ATLAS documents what was noticed, made public and written up; an
# attack that leaves no trace (membership inference, say) or that nobody would admit is missing, and
# exercises show what researchers like to try. Respondents rate what matters to their work, whether
# or not it ever happened. A high correlation does not make either of them right: both may follow
# the same publications. A low one does not make either wrong. Neither says how often attacks occur,
# and no case on record is no evidence of no attack.

# %%
pub.close()

# %% [markdown]
# ## What this does not show
#
# Relevance is what respondents say it is. A high rating does not make an attack likely or
# harmful, and a low one does not make it rare. Whoever does not know an attack can hardly rate
# it, and those who skipped it may see it differently from those who did not. The intervals cover
# chance in drawing respondents like these; they say nothing about practitioners who would never
# have come to the survey.
