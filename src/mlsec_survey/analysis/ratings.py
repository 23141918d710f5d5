"""Tables and sentences on the relevance of attacks: ranking, tests, model, and what goes with it.

Everything is computed from the recoded responses and the codebook, which says what the attacks,
the options and their labels are. The statistics are those of `stats.ranks` and
`stats.ordinal_repeated`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats as distributions

from mlsec_survey.analysis.sample import occurrence_table, rating_distribution
from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.base.formatting import as_text, interval_text, listed, p_text, percent_text
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import AnyScale
from mlsec_survey.stats import association
from mlsec_survey.stats.multiplicity import benjamini_hochberg, holm
from mlsec_survey.stats.ordinal_repeated import (
    ParallelCheck,
    RepeatedOrdinal,
    parallel_check,
    repeated_ordinal,
)
from mlsec_survey.stats.ranks import POWER, mean_ranks
from mlsec_survey.stats.result import TestResult

NAN = math.nan
# Respondents beyond which permutations add nothing to the large-sample p-value.
_MANY = 2000
# Size of the smaller group below which an interval does not rest on its variance.
_SMALL_GROUP = 10


def attack_values(responses: pd.DataFrame, codebook: Codebook, item: str) -> pd.DataFrame:
    """Return the answers to a grid on attacks: respondents × attacks, columns named by label.

    Raises:
        KeyError: the codebook has no such item.
    """
    labels = {part.id: part.label for part in codebook.subquestions(item)}
    table = responses[[variable.name for variable in codebook.parts(item).values()]].copy()
    table.columns = pd.Index(list(labels.values()))
    return table


def option_names(codebook: Codebook, item: str, *, top: int = 2) -> str:
    """Return the highest options of an ordinal item in words, such as "Very relevant or more"."""
    return f"{codebook.options(item)[-top].label} or more"


def attack_ranking(
    responses: pd.DataFrame,
    missing: pd.DataFrame,
    codebook: Codebook,
    *,
    rng: np.random.Generator,
    resamples: int,
    item: str = "relevance",
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Rank attacks by their mean rank within respondents, beside the share of high ratings.

    Args:
        responses: recoded responses.
        missing: kinds of missing answer of the same responses.
        codebook: attacks and options.
        rng: for the bootstrap of mean ranks.
        resamples: bootstrap resamples.
        item: id of an ordinal grid on attacks.
        confidence: level of all intervals.

    Returns:
        One row per attack, lowest mean rank (most relevant) first: label, mean_rank, low, high,
        first_share (of resamples in which it ranks first), count, n (ratings in the two highest
        options, and ratings), share, share_low, share_high (Wilson).
    """
    ranks = mean_ranks(
        attack_values(responses, codebook, item),
        rng=rng,
        resamples=resamples,
        confidence=confidence,
    )
    rated = rating_distribution(responses, missing, codebook, item, confidence=confidence)
    rated = rated.set_index("label")[["count", "n", "estimate", "low", "high"]]
    rated.columns = pd.Index(["count", "n", "share", "share_low", "share_high"])
    table = ranks.drop(columns="n").join(rated).rename_axis("label").reset_index()
    return table.sort_values("mean_rank", kind="stable", ignore_index=True)


def attack_profile(
    responses: pd.DataFrame,
    missing: pd.DataFrame,
    codebook: Codebook,
    *,
    order: Sequence[str] | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Put occurrence, concern and relevance of each attack in one table.

    Args:
        responses: recoded responses.
        missing: kinds of missing answer of the same responses.
        codebook: attacks and options; its scale `exposure` says which answers report an attack.
        order: labels of the attacks in the order wanted; by relevance if not given.
        confidence: level of the intervals (Wilson).

    Returns:
        One row per attack and measure: label, measure, count, n (with a substantive answer),
        estimate, low, high.
    """
    scale = _exposure(codebook)
    names = {option.value: option.label for option in codebook.options(scale.item)}
    met = occurrence_table(
        responses,
        missing,
        codebook,
        item=scale.item,
        values=[str(value) for value in scale.values],
        confidence=confidence,
    ).query("report == 'either'")
    measures = {_either([names[value] for value in scale.values]): met}
    for item in ("concern", "relevance"):
        rated = rating_distribution(responses, missing, codebook, item, confidence=confidence)
        measures[option_names(codebook, item)] = rated
    if order is None:
        order = list(rated.sort_values("estimate", ascending=False, kind="stable")["label"])
    columns = ["label", "measure", "count", "n", "estimate", "low", "high"]
    parts = [
        part.assign(measure=measure).set_index("label").loc[list(order)].reset_index()[columns]
        for measure, part in measures.items()
    ]
    return pd.concat(parts, ignore_index=True)


def tests_table(results: Sequence[TestResult]) -> pd.DataFrame:
    """List tests of one question side by side.

    Returns:
        One row per test: method, n, effect, estimate, low, high, statistic, df (text; of an F test
        both), p, detectable (the effect that would have been found with 80 % power; NaN if
        unknown).
    """
    rows = []
    for result in results:
        df = f"{result.extra['df']:.0f}"
        if "df_residual" in result.extra:
            df += f", {result.extra['df_residual']:.0f}"
        rows.append(
            {
                "method": result.method,
                "n": result.n,
                "effect": result.effect,
                "estimate": result.estimate,
                "low": result.low,
                "high": result.high,
                "statistic": result.statistic,
                "df": df,
                "p": result.p,
                "detectable": result.extra.get("detectable", NAN),
            }
        )
    return pd.DataFrame(rows)


def pairs_table(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs of `stats.ranks.pairwise_signed_rank` with each pair named in one column."""
    return pairs.assign(pair=pairs["first"] + " – " + pairs["second"])


def fitted_model(ratings: pd.DataFrame) -> RepeatedOrdinal | None:
    """Fit `repeated_ordinal`; None where there are too few respondents or ratings for it."""
    try:
        return repeated_ordinal(ratings)
    except AnalysisError:
        return None


def checked_parallel(ratings: pd.DataFrame) -> ParallelCheck | None:
    """Check the model's assumption by `parallel_check`; None where the ratings are too sparse."""
    try:
        return parallel_check(ratings)
    except AnalysisError:
        return None


def model_table(model: RepeatedOrdinal | None, check: ParallelCheck | None) -> pd.DataFrame:
    """List each attack's odds of a higher rating against the average attack.

    Args:
        model: of ratings on attacks alone; None if it could not be fitted, which gives no rows.
        check: of its assumption; None if it could not be made.

    Returns:
        One row per attack, highest odds first: label, ratings, estimate, low, high (odds ratios),
        p, p_adjusted (Holm), and per threshold of the check at_least_V, the odds ratio of a rating
        of at least V.
    """
    if model is None:
        return pd.DataFrame(columns=["label", "ratings", "estimate", "low", "high", "p_adjusted"])
    table = model.objects.rename_axis("label").reset_index()
    for name in ("estimate", "low", "high"):
        table[name] = np.exp(table[name])
    table["p_adjusted"] = holm(table["p"])
    if check is not None:
        for value, part in check.by_threshold.groupby("at_least"):
            odds = np.exp(part.set_index("object")["estimate"])
            table[f"at_least_{value:g}"] = table["label"].map(odds)
    return table.drop(columns="se").sort_values(
        "estimate", ascending=False, kind="stable", ignore_index=True
    )


@dataclass(frozen=True, slots=True)
class _Predictor:
    """What a respondent's rating of an attack is set against."""

    name: str
    values: pd.DataFrame
    binary: bool


def relevance_by_exposure(
    responses: pd.DataFrame,
    codebook: Codebook,
    *,
    rng: np.random.Generator,
    resamples: int,
    item: str = "relevance",
    confidence: float = 0.95,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Relate the relevance of each attack to having met it and to knowing it.

    Per attack, whether it was met or suspected is set against its rating by the probability of
    superiority (Wilcoxon–Mann–Whitney, exact; with fewer than ten who met it Newcombe's interval,
    Stat. Med. 2006, 25:559, method 5), and familiarity by Kendall's tau-b (permutation).
    Benjamini–Hochberg corrects over all of these. Over all attacks, the cumulative-logit model of
    `stats.ordinal_repeated` with a term per attack splits each association: between respondents
    (the mean of the predictor over the attacks for which it is known) and within them (what an
    attack has beyond that mean), so that a respondent who rates everything high does not pass for
    an association. Where a predictor has gaps, its mean is known less well and the row between
    respondents leans towards the row within them (in simulations with 8 % of gaps by about a
    tenth); the row within respondents is not affected.

    Args:
        responses: recoded responses; answers "don't know" and the like are missing and drop out.
        codebook: its scale `exposure` says which answers count as met; item `familiarity` is the
            other predictor.
        rng: for permutations.
        resamples: permutations.
        item: id of the ordinal grid that is rated.
        confidence: level of the intervals.
        alpha: level at which `detectable` is found with 80 % power, without correction.

    Returns:
        One row per predictor and attack, then per predictor the two of the model: predictor, label,
        n (with both answers; of the model respondents), exposed (who met it; NA for familiarity),
        effect, estimate, low, high, p, p_adjusted, detectable, null. What cannot be estimated
        (nobody or one person met the attack) is NaN.
    """
    ratings = attack_values(responses, codebook, item)
    scale = _exposure(codebook)
    reports = attack_values(responses, codebook, scale.item)
    known = reports.isin([*scale.values, *scale.against])
    met = reports.isin(scale.values).astype(float).where(known)
    predictors = (
        _Predictor(codebook.item(scale.item).label, met, binary=True),
        _Predictor(
            codebook.item("familiarity").label,
            attack_values(responses, codebook, "familiarity").astype(float),
            binary=False,
        ),
    )
    rows = []
    for predictor in predictors:
        for label in ratings:
            row = _one_attack(
                ratings[label].astype(float),
                predictor.values[label],
                predictor.binary,
                rng=rng,
                resamples=resamples,
                confidence=confidence,
                alpha=alpha,
            )
            rows.append({"predictor": predictor.name, "label": label, **row})
    table = pd.DataFrame(rows)
    table["p_adjusted"] = benjamini_hochberg(table["p"])
    pooled = [
        row
        for predictor in predictors
        for row in _all_attacks(ratings.astype(float), predictor, confidence, alpha)
    ]
    whole = pd.concat([table, pd.DataFrame(pooled)], ignore_index=True)
    whole["exposed"] = whole["exposed"].astype("Int64")
    place = {predictor.name: at for at, predictor in enumerate(predictors)}
    return whole.sort_values(
        "predictor", key=lambda column: column.map(place), kind="stable", ignore_index=True
    )


def _one_attack(
    rating: pd.Series,
    value: pd.Series,
    binary: bool,
    *,
    rng: np.random.Generator,
    resamples: int,
    confidence: float,
    alpha: float,
) -> dict[str, object]:
    both = rating.notna() & value.notna()
    n = int(both.sum())
    exposed = int((value[both] == 1).sum()) if binary else pd.NA
    reach = float(distributions.norm.isf(alpha / 2) + distributions.norm.ppf(POWER))
    try:
        result = _association(rating, value, binary, n, rng, resamples, confidence)
    except AnalysisError:
        name = "probability of superiority" if binary else "Kendall's tau-b"
        blank = dict.fromkeys(("estimate", "low", "high", "p", "detectable"), NAN)
        return {"n": n, "exposed": exposed, "effect": name, **blank, "null": NAN}
    # Standard error if there is no association, without ties; with ties it is a little smaller.
    m = result.extra.get("n_second", NAN)
    if binary:
        spread = math.sqrt((n + 1) / (12 * m * (n - m)))
    else:
        spread = math.sqrt(2 * (2 * n + 5) / (9 * n * (n - 1)))
    low, high = result.low, result.high
    if binary and min(m, n - m) < _SMALL_GROUP:
        # The variance of a handful of ratings says little; this interval does not rest on it.
        low, high = association.newcombe_superiority_interval(
            result.estimate, int(n - m), int(m), confidence
        )
    return {
        "n": n,
        "exposed": exposed,
        "effect": result.effect,
        "estimate": result.estimate,
        "low": low,
        "high": high,
        "p": result.p,
        "detectable": min(1.0, result.null + reach * spread),
        "null": result.null,
    }


def _association(
    rating: pd.Series,
    value: pd.Series,
    binary: bool,
    n: int,
    rng: np.random.Generator,
    resamples: int,
    confidence: float,
) -> TestResult:
    if not binary:
        return association.kendall_tau_b(
            rating,
            value,
            confidence=confidence,
            rng=rng if n <= _MANY else None,
            resamples=resamples,
        )
    if n <= _MANY:
        return association.mann_whitney(
            rating, value, confidence=confidence, rng=rng, resamples=resamples
        )
    return association.brunner_munzel(rating, value, confidence=confidence)


def _all_attacks(
    ratings: pd.DataFrame, predictor: _Predictor, confidence: float, alpha: float
) -> list[dict[str, object]]:
    """Return the model's association between and within respondents, over all attacks."""
    # Over all attacks for which the predictor is known, rated or not: over the rated ones alone the
    # mean would vary with what was skipped, and within-respondent association show as between.
    values = predictor.values
    own = np.broadcast_to(values.mean(axis=1).to_numpy()[:, None], values.shape)
    between = pd.DataFrame(own, index=values.index, columns=values.columns)
    used = ratings.notna() & values.notna()
    names = {"All, within respondents": values - between, "All, between respondents": between}
    shared = {"predictor": predictor.name, "exposed": pd.NA, "effect": "odds ratio"}
    try:
        model = repeated_ordinal(ratings, names, confidence=confidence)
    except (AnalysisError, np.linalg.LinAlgError):
        blank = dict.fromkeys(("estimate", "low", "high", "p", "p_adjusted", "detectable"), NAN)
        n = int(used.any(axis=1).sum())
        return [{**shared, "label": name, "n": n, **blank, "null": NAN} for name in names]
    reach = float(distributions.norm.isf(alpha / 2) + distributions.norm.ppf(POWER))
    return [
        {
            **shared,
            "label": name,
            "n": model.n,
            "estimate": math.exp(row["estimate"]),
            "low": math.exp(row["low"]),
            "high": math.exp(row["high"]),
            "p": row["p"],
            "p_adjusted": NAN,
            "detectable": math.exp(reach * row["se"]),
            "null": 1.0,
        }
        for name, row in model.predictors.iterrows()
    ]


def _exposure(codebook: Codebook) -> AnyScale:
    scale = codebook.variable("exposure").derived
    if not isinstance(scale, AnyScale):
        raise AnalysisError("the scale `exposure` must say which answers report an attack")
    return scale


def _either(labels: Sequence[str]) -> str:
    first, *rest = labels
    return " or ".join([first, *(f"{label[:1].lower()}{label[1:]}" for label in rest)])


def describe_order(ranking: pd.DataFrame) -> str:
    """Say which attack ranks first and last, and how firmly the first does."""
    first, second, last = ranking.iloc[0], ranking.iloc[1], ranking.iloc[-1]
    if first["low"] <= second["high"] and first["high"] >= second["low"]:
        relation = "its interval overlaps with that of the second"
    else:
        relation = "its interval is apart from that of the second"
    return (
        f"{first['label']} first (mean rank {as_text(first['mean_rank'], 2)}, "
        f"{interval_text(first['low'], first['high'])}; {relation}, {second['label']}; first in "
        f"{percent_text(first['first_share'])} of resamples), {last['label']} last "
        f"({as_text(last['mean_rank'], 2)}, {interval_text(last['low'], last['high'])})"
    )


def describe_difference(
    results: Sequence[TestResult], pairs: pd.DataFrame, *, alpha: float = 0.05
) -> str:
    """Say whether the tests tell the attacks apart, and which pairs they do not."""
    found = [result.method for result in results if result.p < alpha]
    if not found:
        verdict = f"no test finds a difference at {alpha:g}"
    elif len(found) == len(results):
        verdict = f"all {len(results)} tests find a difference at {alpha:g}"
    else:
        verdict = f"a difference at {alpha:g} only by: {listed(found)}"
    alike = pairs[~(pairs["p_adjusted"] < alpha)]
    if alike.empty:
        rest = "every pair of attacks is told apart"
    elif len(alike) == len(pairs):
        rest = "no pair of attacks is told apart"
    else:
        names = [f"{pair.first} and {pair.second}" for pair in alike.itertuples()]
        some = names if len(names) <= 6 else [*names[:6], f"{len(names) - 6} more"]
        rest = (
            f"{len(pairs) - len(alike)} of {len(pairs)} pairs are told apart; not so "
            f"{'; '.join(some)}"
        )
    return f"{verdict}; {rest}"


def describe_assumption(check: ParallelCheck | None, *, alpha: float = 0.05) -> str:
    """Say what the check of proportional odds found, and what follows for reading the model."""
    if check is None:
        return "not testable: too few ratings on either side of all thresholds but one"
    result = (
        f"F = {as_text(check.statistic, 2)} on {check.df} and {check.df_residual} degrees of "
        f"freedom, p {_p_words(check.p)}, at {len(check.thresholds)} thresholds"
    )
    if check.p < alpha:
        return f"{result}: the odds ratios differ between thresholds, so read them per threshold"
    return f"{result}: no evidence against one odds ratio per attack, which is no proof of it"


def describe_exposure(table: pd.DataFrame, *, alpha: float = 0.05) -> str:
    """Say per predictor for which attacks it goes with relevance, and over all of them."""
    sentences = []
    for predictor, part in table.groupby("predictor", sort=False):
        attacks = part[part["effect"] != "odds ratio"]
        clear = attacks.loc[attacks["p_adjusted"] < alpha, "label"]
        unknown = int(attacks["p"].isna().sum())
        words = listed(list(clear)) if len(clear) else "none"
        if unknown:
            words += f" ({unknown} not estimable)"
        sentence = f"{predictor} goes with relevance for {words} of {len(attacks)} attacks"
        if len(clear):
            count = f"{len(clear)} of {len(attacks)} attacks"
            sentence = f"{predictor} goes with relevance for {words}, {count}"
        for _, row in part[part["effect"] == "odds ratio"].iterrows():
            where = str(row["label"]).removeprefix("All, ")
            if math.isnan(row["estimate"]):
                sentence += f"; {where} not estimable"
            else:
                sentence += (
                    f"; {where} odds ratio {as_text(row['estimate'], 2)} "
                    f"({interval_text(row['low'], row['high'])})"
                )
        sentences.append(sentence)
    return ". ".join(sentences)


def _p_words(p: float) -> str:
    text = p_text(p)
    return text if text.startswith(("<", ">")) else f"= {text}"
