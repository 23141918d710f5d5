"""Quantities derived from several sub-questions, by the rules of the codebook."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import ANSWERED, RESPONDENT, AnyScale, CountScale, MeanScale
from mlsec_survey.instrument.variables import Variable


def derive_scales(
    responses: pd.DataFrame, missing: pd.DataFrame, codebook: Codebook
) -> pd.DataFrame:
    """Derive the scales of the codebook.

    Args:
        responses: recoded responses.
        missing: kinds of missing answer of the same responses in the same order.
        codebook: defines the scales.

    Returns:
        The responses with one more column per scale: float64 for means, Int64 for counts and for
        0/1. A scale is missing where fewer sub-questions than its minimum were
        answered (for a 0/1 scale: where none speaks for it and too few speak against it).

    Raises:
        ValueError: the two tables are not of the same respondents.
    """
    if (
        not responses[RESPONDENT]
        .reset_index(drop=True)
        .equals(missing[RESPONDENT].reset_index(drop=True))
    ):
        raise ValueError("responses and missing are not of the same respondents in the same order")
    scales: dict[str, object] = {}
    for scale in codebook.scales:
        names = list(codebook.variable(scale.id).parts)
        answered = np.column_stack([(missing[name] == ANSWERED).to_numpy() for name in names])
        enough = answered.sum(axis=1) >= scale.minimum
        if isinstance(scale, MeanScale):
            answers = responses[names].to_numpy(dtype=float, na_value=np.nan)
            sums, given = np.nansum(answers, axis=1), (~np.isnan(answers)).sum(axis=1)
            scales[scale.id] = np.where(enough, sums / np.maximum(given, 1), np.nan)
        elif isinstance(scale, CountScale):
            if _means_none(scale, codebook):
                enough = enough | nothing_ticked(missing, codebook, scale.item)
            scales[scale.id] = _whole(_count(responses, names, scale.values), enough)
        else:
            assert isinstance(scale, AnyScale)
            speaks_for = _count(responses, names, scale.values) > 0
            against = _count(responses, names, scale.against) >= scale.minimum
            scales[scale.id] = _whole(speaks_for, speaks_for | against)
    return responses.join(pd.DataFrame(scales, index=responses.index))


def _means_none(scale: CountScale, codebook: Codebook) -> bool:
    rule = codebook.item(scale.item).nothing_ticked
    default = "missing" if rule is None else rule.means
    return (scale.nothing_ticked or default) == "none"


def nothing_ticked(missing: pd.DataFrame, codebook: Codebook, item: str) -> NDArray[np.bool_]:
    """Return who was shown a checklist and ticked nothing, not even that none applies.

    Args:
        missing: kinds of missing answer.
        codebook: the boxes.
        item: id of the checklist.
    """
    parts = codebook.parts(item).values()
    if codebook.item(item).type != "multiple":
        return np.zeros(len(missing), dtype=bool)
    return np.all([missing[part.name] == "not_answered" for part in parts], axis=0)


def part_indicators(responses: pd.DataFrame, variable: Variable) -> pd.DataFrame:
    """Say of each part of a 0/1 scale whether it speaks for 1 or against it.

    Args:
        responses: recoded responses.
        variable: a scale of the rule any.

    Returns:
        Respondents × parts, named as the variables of the parts: 1.0 with one of the values of the
        scale, 0.0 with one that speaks against it, NaN where neither is known.
    """
    scale = variable.derived
    assert isinstance(scale, AnyScale)
    found = {}
    for name in variable.parts:
        speaks_for = _is_one_of(responses[name], scale.values)
        known = speaks_for | _is_one_of(responses[name], scale.against)
        found[name] = np.where(known, speaks_for.astype(float), np.nan)
    return pd.DataFrame(found, index=responses.index)


def _count(
    responses: pd.DataFrame, names: Sequence[str], values: Sequence[int | str]
) -> NDArray[np.int64]:
    """Count the sub-questions that each respondent answered with one of these values."""
    return np.sum([_is_one_of(responses[name], values) for name in names], axis=0, dtype=np.int64)


def _is_one_of(answers: pd.Series, values: Sequence[int | str]) -> NDArray[np.bool_]:
    if not isinstance(answers.dtype, pd.CategoricalDtype):
        return answers.isin(list(values)).to_numpy(dtype=bool)
    # By option and not by answer; the code of a missing one picks the False at the end.
    chosen = [option in values for option in answers.cat.categories]
    return np.array([*chosen, False])[answers.cat.codes]


def _whole(values: np.ndarray, known: NDArray[np.bool_]) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(values.astype(np.int64), ~known)


_RELIABILITY = [
    "scale",
    "label",
    "parts",
    "n",
    "scale_n",
    "alpha_pairwise",
    "alpha",
    "low",
    "high",
    "bootstrap_low",
    "bootstrap_high",
    "weakest",
    "mean_correlation",
]


def scale_reliability(
    responses: pd.DataFrame,
    codebook: Codebook,
    rng: np.random.Generator,
    *,
    resamples: int,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Say how reliable each mean scale is; counts over checklists claim no common cause.

    Args:
        responses: recoded responses.
        codebook: defines the scales.
        rng: source of randomness.
        resamples: bootstrap resamples of respondents.
        confidence: level of the intervals of alpha.

    Returns:
        One row per mean scale: scale, label, parts (sub-questions), n (respondents who answered
        all of them), scale_n (with a value of the scale), alpha_pairwise (from all who answered
        both parts of a pair), alpha of those with all parts, with low and high (Feldt's interval)
        and bootstrap_low and bootstrap_high (BCa), weakest, the smallest correlation of a
        sub-question with the sum of the others, and mean_correlation, the mean correlation between
        two sub-questions. NaN where too few answered for a value.
    """
    from mlsec_survey.stats.reliability import (
        alpha_bootstrap,
        cronbach_alpha,
        item_rest_correlations,
        pairwise_alpha,
    )

    rows = []
    for scale in codebook.scales:
        if not isinstance(scale, MeanScale):
            continue
        names = list(codebook.variable(scale.id).parts)
        complete = responses[names].dropna().astype("float64")
        row = {
            "scale": scale.id,
            "label": scale.label,
            "parts": len(names),
            "n": len(complete),
            "scale_n": int(responses[scale.id].notna().sum()),
            "alpha_pairwise": pairwise_alpha(responses[names].astype("Float64").astype("float64")),
        }
        try:
            result = cronbach_alpha(complete, confidence=confidence)
        except AnalysisError:
            rows.append(row)
            continue
        low, high = alpha_bootstrap(complete, rng, resamples=resamples, confidence=confidence)
        between = complete.corr().to_numpy()[np.triu_indices(len(names), 1)]
        rows.append(
            row
            | {
                "alpha": result.estimate,
                "low": result.low,
                "high": result.high,
                "bootstrap_low": low,
                "bootstrap_high": high,
                "weakest": float(item_rest_correlations(complete).min()),
                "mean_correlation": float(between.mean()),
            }
        )
    return pd.DataFrame(rows, columns=_RELIABILITY)
