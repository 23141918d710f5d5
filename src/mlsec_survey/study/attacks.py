"""The attacks that the survey asks about: who met them, and what goes with their relevance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats as distributions

from mlsec_survey.analysis.coded_answers import (
    alpha_reading,
    cross_cutting,
    least_agreement,
    most_named,
    range_text,
    reliable_codes,
)
from mlsec_survey.analysis.ratings import grid_values, option_names
from mlsec_survey.analysis.sample import missing_counts, rating_distribution, share_row, share_text
from mlsec_survey.base.errors import AnalysisError, InputError
from mlsec_survey.base.formatting import (
    NOT_ESTIMABLE,
    SMALLEST_COUNT,
    as_text,
    counted,
    interval_text,
    listed,
    p_text,
    percent_text,
)
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import AnyScale
from mlsec_survey.responses.coding import Coding
from mlsec_survey.stats import rank_tests
from mlsec_survey.stats.multiplicity import benjamini_hochberg
from mlsec_survey.stats.ordinal_repeated import repeated_ordinal
from mlsec_survey.stats.result import TestResult

# The sub-questions of the codebook that are attacks, and the field with the reasons for a rating.
ATTACKS = "attacks"
WHY = "why"

# Respondents beyond which permutations add nothing to the large-sample p-value.
_MANY = 2000
# Size of the smaller group below which an interval does not rest on its variance.
_SMALL_GROUP = 10


def attack_labels(codebook: Codebook) -> dict[str, str]:
    """Return the label of each attack by its id, in the order of the questionnaire.

    Raises:
        InputError: the codebook has no set of attacks.
    """
    if ATTACKS not in codebook.subquestion_sets:
        raise InputError(
            f"the codebook has no set `{ATTACKS}` of sub-questions",
            remedy=f"list the attacks that the survey asks about under subquestion_sets.{ATTACKS}",
        )
    return codebook.part_labels(ATTACKS)


def occurrence_table(
    responses: pd.DataFrame,
    missing: pd.DataFrame,
    codebook: Codebook,
    *,
    item: str = "occurrence",
    values: Sequence[str] = ("yes", "suspected"),
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Tabulate how many report each attack: as having happened, as suspected, as either.

    Args:
        responses: recoded responses.
        missing: kinds of missing answer of the same responses.
        codebook: order and labels of the attacks.
        item: id of a nominal grid.
        values: the answers that count as a report; each gets rows of its own, then all together.
        confidence: level of the intervals.

    Returns:
        One row per sub-question and report: subquestion, label, report (a value, or "either"),
        report_label, count, n (who gave a substantive answer), estimate, low, high, dont_know,
        prefer_not and no_answer (counts).
    """
    option_labels = {option.value: option.label for option in codebook.options(item)}
    reports: list[tuple[str, str, tuple[str, ...]]] = [
        (value, option_labels[value], (value,)) for value in values
    ]
    reports.append(("either", "Either", tuple(values)))
    rows = []
    for entry, variable in codebook.parts(item).items():
        answers = responses[variable.name]
        n = int(answers.notna().sum())
        for report, report_label, members in reports:
            count = int(answers.isin(members).sum())
            rows.append(
                {
                    "subquestion": entry,
                    "label": variable.short_label,
                    "report": report,
                    "report_label": report_label,
                    **share_row(count, n, confidence),
                    **missing_counts(missing[variable.name]),
                }
            )
    return pd.DataFrame(rows)


def attack_profile(
    responses: pd.DataFrame,
    missing: pd.DataFrame,
    codebook: Codebook,
    *,
    order: Sequence[str],
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Put occurrence, concern and relevance of each attack in one table.

    Args:
        responses: recoded responses.
        missing: kinds of missing answer of the same responses.
        codebook: attacks and options; its scale `exposure` says which answers report an attack.
        order: ids of the attacks in the order wanted.
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
    columns = ["label", "measure", "count", "n", "estimate", "low", "high"]
    parts = [
        part.assign(measure=measure).set_index("subquestion").loc[list(order)][columns]
        for measure, part in measures.items()
    ]
    return pd.concat(parts, ignore_index=True)


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
    power: float = 0.8,
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
        alpha, power: at which `detectable` is found, without correction.

    Returns:
        One row per predictor and attack, then per predictor the two of the model: predictor, label,
        n (with both answers; of the model respondents), exposed (who met it; NA for familiarity),
        effect, estimate, low, high, p, p_adjusted, detectable, null. What cannot be estimated
        (nobody or one person met the attack) is NaN.
    """
    ratings = grid_values(responses, codebook, item)
    scale = _exposure(codebook)
    reports = grid_values(responses, codebook, scale.item)
    known = reports.isin([*scale.values, *scale.against])
    met = reports.isin(scale.values).astype(float).where(known)
    predictors = (
        _Predictor(codebook.item(scale.item).label, met, binary=True),
        _Predictor(
            codebook.item("familiarity").label,
            grid_values(responses, codebook, "familiarity").astype(float),
            binary=False,
        ),
    )
    rows = []
    for predictor in predictors:
        for attack, label in attack_labels(codebook).items():
            row = _one_attack(
                ratings[attack].astype(float),
                predictor.values[attack],
                predictor.binary,
                rng=rng,
                resamples=resamples,
                confidence=confidence,
                alpha=alpha,
                power=power,
            )
            rows.append({"predictor": predictor.name, "label": label, **row})
    table = pd.DataFrame(rows)
    table["p_adjusted"] = benjamini_hochberg(table["p"])
    pooled = [
        row
        for predictor in predictors
        for row in _all_attacks(ratings.astype(float), predictor, confidence, alpha, power)
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
    power: float,
) -> dict[str, object]:
    both = rating.notna() & value.notna()
    n = int(both.sum())
    exposed = int((value[both] == 1).sum()) if binary else pd.NA
    reach = float(distributions.norm.isf(alpha / 2) + distributions.norm.ppf(power))
    try:
        result = _association(rating, value, binary, n, rng, resamples, confidence)
    except AnalysisError:
        name = "probability of superiority" if binary else "Kendall's tau-b"
        blank = dict.fromkeys(("estimate", "low", "high", "p", "detectable"), math.nan)
        return {"n": n, "exposed": exposed, "effect": name, **blank, "null": math.nan}
    # Standard error if there is no association, without ties; with ties it is a little smaller.
    m = result.extra.get("n_second", math.nan)
    if binary:
        spread = math.sqrt((n + 1) / (12 * m * (n - m)))
    else:
        spread = math.sqrt(2 * (2 * n + 5) / (9 * n * (n - 1)))
    low, high = result.low, result.high
    if binary and min(m, n - m) < _SMALL_GROUP:
        # The variance of a handful of ratings says little; this interval does not rest on it.
        low, high = rank_tests.newcombe_superiority_interval(
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
        return rank_tests.kendall_tau_b(
            rating,
            value,
            confidence=confidence,
            rng=rng if n <= _MANY else None,
            resamples=resamples,
        )
    if n <= _MANY:
        return rank_tests.mann_whitney(
            rating, value, confidence=confidence, rng=rng, resamples=resamples
        )
    return rank_tests.brunner_munzel(rating, value, confidence=confidence)


def _all_attacks(
    ratings: pd.DataFrame, predictor: _Predictor, confidence: float, alpha: float, power: float
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
        blank = dict.fromkeys(
            ("estimate", "low", "high", "p", "p_adjusted", "detectable"), math.nan
        )
        n = int(used.any(axis=1).sum())
        return [{**shared, "label": name, "n": n, **blank, "null": math.nan} for name in names]
    reach = float(distributions.norm.isf(alpha / 2) + distributions.norm.ppf(power))
    return [
        {
            **shared,
            "label": name,
            "n": model.n,
            "estimate": math.exp(row["estimate"]),
            "low": math.exp(row["low"]),
            "high": math.exp(row["high"]),
            "p": row["p"],
            "p_adjusted": math.nan,
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


def describe_exposure(table: pd.DataFrame, *, alpha: float = 0.05) -> str:
    """Say per predictor with which attacks' relevance it goes and which way, and over all of them.

    An attack that fewer respondents met than a sentence may name is not named, whatever its test
    says.

    Args:
        table: of `relevance_by_exposure`.
        alpha: level of the adjusted p-values.
    """
    sentences = []
    for predictor, part in table.groupby("predictor", sort=False):
        attacks = part[part["effect"] != "odds ratio"]
        few = attacks.apply(_few, axis=1).astype(bool)
        told = attacks[~few & attacks["p"].notna()]
        found = [
            f"{_way(row)} relevance of {row['label']} ({_estimate(row)})"
            for row in told[told["p_adjusted"] < alpha].to_dict("records")
        ]
        known = f"{counted(len(told), 'attack')} that can be told of"
        if told.empty:
            sentence = f"{predictor}: of no attack can it be told"
        elif not found:
            sentence = f"{predictor} goes with none of {known}"
        elif len(found) < len(told):
            sentence = f"{predictor} goes with {listed(found)}, and with no other of {known}"
        else:
            sentence = f"{predictor} goes with {listed(found)}: all of {known}"
        if few.any():
            unsaid = counted(int(few.sum()), "attack")
            sentence += f"; nothing is said of {unsaid} that few or nearly all met"
        lost = int((~few & attacks["p"].isna()).sum())
        sentence += f"; {lost} not estimable" if lost else ""
        for row in part[part["effect"] == "odds ratio"].to_dict("records"):
            where = str(row["label"]).removeprefix("All, ")
            unknown = math.isnan(row["estimate"])
            sentence += f"; {where} " + ("not estimable" if unknown else _estimate(row))
        sentences.append(sentence)
    return ". ".join(sentences)


def _few(row: Mapping[Any, Any]) -> bool:
    """Say whether fewer than a sentence may name met the attack, did not, or rated it at all."""
    groups = [row["n"]]
    if not pd.isna(row["exposed"]):
        groups += [row["exposed"], row["n"] - row["exposed"]]
    return bool(min(groups) < SMALLEST_COUNT)


def _way(row: Mapping[Any, Any]) -> str:
    return "higher" if row["estimate"] > row["null"] else "lower"


def _estimate(row: Mapping[Any, Any]) -> str:
    """Say an effect with its interval and n."""
    interval = interval_text(row["low"], row["high"])
    return f"{row['effect']} {as_text(row['estimate'], 2)}, {interval}, n = {int(row['n'])}"


def first_place(ranking: pd.DataFrame) -> pd.DataFrame:
    """Return which attack leads, and how many rate it high: key, value, description.

    Args:
        ranking: of attacks, as `analysis.ratings.ranking` returns it.
    """
    first = ranking.iloc[0]
    # Nothing is ordered where nobody rated two attacks.
    leads = first["label"] if pd.notna(first["mean_rank"]) else NOT_ESTIMABLE
    high = interval_text(first["share_low"], first["share_high"], 0, percent=True)
    rows = [
        ("most_relevant_attack", leads, "attack with the lowest mean rank"),
        (
            "most_relevant_share",
            f"{percent_text(first['share'])} ({high})",
            f"share of {first['n']} ratings of it in the two highest options",
        ),
    ]
    return pd.DataFrame(rows, columns=["key", "value", "description"])


def friedman_numbers(result: TestResult) -> pd.DataFrame:
    """Return Friedman's test over attacks for publishing: key, value, description, unit, digits."""
    rated = f"of {int(result.extra['n_any'])} respondents with any rating"
    interval = interval_text(result.low, result.high)
    rows = [
        ("friedman_w", result.estimate, "Kendall's W", "", 2),
        ("friedman_w_interval", interval, "interval of Kendall's W", "", 0),
        ("friedman_p", p_text(result.p), "Friedman's test, p", "", 0),
        ("friedman_n", result.n, "rated all attacks", rated, 0),
    ]
    return pd.DataFrame(rows, columns=["key", "value", "description", "unit", "digits"])


def agreement_numbers(least: Mapping[str, float], by_code: pd.DataFrame) -> pd.DataFrame:
    """Return the agreement on reasons for publishing: key, value, description, digits.

    Args:
        least: from `least_agreement`.
        by_code: from `agreement`.
    """
    rows = [
        (
            "concern_alpha",
            least["alpha"],
            "Krippendorff's alpha of the coded reasons (MASI distance)",
            2,
        ),
        (
            "concern_alpha_interval",
            interval_text(least["alpha_low"], least["alpha_high"]),
            "interval of this alpha",
            0,
        ),
        (
            "concern_alpha_reading",
            alpha_reading(least["alpha"], least["alpha_low"]),
            "reading of this alpha",
            0,
        ),
        (
            "concern_kappa_pooled",
            least["kappa"],
            "Cohen's kappa of the coded reasons, pooled over codes",
            2,
        ),
        (
            "concern_kappa_range",
            range_text(by_code, WHY),
            "Cohen's kappa of single codes of reasons, lowest to highest",
            0,
        ),
    ]
    return pd.DataFrame(rows, columns=["key", "value", "description", "digits"])


def coding_checks(
    coding: Coding, overall: pd.DataFrame, by_code: pd.DataFrame, *, confidence: float
) -> pd.DataFrame:
    """Return what the claim ledger asks of the coding: key, value, description, digits.

    Args:
        coding: adjudicated coding.
        overall, by_code: from `agreement`.
        confidence: level of the intervals.
    """
    rows: list[tuple[str, object, str, int]] = []
    for key, field in (("concern", WHY), ("incident", "incident")):
        low = least_agreement(overall, field)["alpha_low"]
        what = f"lower end of the interval of Krippendorff's alpha of the field {field}"
        rows.append((f"{key}_alpha_low", low, what, 2))
    reliable = reliable_codes(coding, WHY, by_code)
    for key, codes, which in (
        ("cross_cutting_concern_low", None, "any concern"),
        ("cross_cutting_reliable_low", reliable, "a concern that coders apply reliably"),
    ):
        across = cross_cutting(coding, WHY, codes=codes, confidence=confidence)
        what = f"lower end of the interval of the share who name {which} for several attacks"
        rows.append((key, coding.known(WHY, across["low"]), what, 2))
    rows.append(
        (
            "concern_codes_reliable",
            len(reliable),
            f"codes of reasons, of {len(coding.scheme.labels(WHY))}, that coders apply reliably",
            0,
        )
    )
    return pd.DataFrame(rows, columns=["key", "value", "description", "digits"])


def concern_numbers(coding: Coding, *, confidence: float) -> pd.DataFrame:
    """Return who names which concerns for publishing: key, value, description, unit, counts.

    Args:
        coding: adjudicated coding.
        confidence: level of the intervals.
    """
    named = most_named(coding, WHY, confidence=confidence)
    across = cross_cutting(coding, WHY, confidence=confidence)
    first = "; ".join(
        f"{row['label'][:1].lower()}{row['label'][1:]} "
        f"{share_text(row['count'], row['n'], confidence=confidence)}"
        for row in named.to_dict("records")
    )
    share = share_text(int(across["count"]), int(across["n"]), confidence=confidence)
    rows = [
        (
            "concerns_most_named",
            coding.known(WHY, first or "none"),
            "concerns that most respondents name as a reason, for any attack",
            "",
            tuple(named["count"]),
        ),
        (
            "concerns_named_n",
            coding.known(WHY, int(named["n"].max()) if len(named) else 0),
            "respondents with a coded reason",
            "respondents",
            (),
        ),
        (
            "cross_cutting_concern_share",
            coding.known(WHY, share),
            "respondents who name one concern for several attacks, of those who name concerns for "
            "several",
            "",
            (across["count"], across["n"]),
        ),
        (
            "cross_cutting_concern_count",
            coding.known(WHY, across["count"]),
            "respondents who name one concern for several attacks",
            "respondents",
            (),
        ),
        (
            "cross_cutting_concern_n",
            coding.known(WHY, across["n"]),
            "respondents who name concerns for several attacks",
            "respondents",
            (),
        ),
    ]
    return pd.DataFrame(rows, columns=["key", "value", "description", "unit", "counts"])
