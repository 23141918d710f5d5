"""Quantities derived from several sub-questions, by the rules of the codebook."""

from __future__ import annotations

import pandas as pd

from .codebook import ANSWERED, RESPONDENT, AnyScale, Codebook, CountScale, MeanScale


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
    scales: dict[str, pd.Series] = {}
    for scale in codebook.scales:
        names = list(codebook.rating_variables(scale.item).values())
        answers = responses[names]
        answered = (missing[names] == ANSWERED).set_axis(responses.index)
        enough = answered.sum(axis=1) >= scale.minimum
        if isinstance(scale, MeanScale):
            mean = answers.astype("Float64").mean(axis=1, skipna=True)
            scales[scale.id] = mean.where(enough).astype("float64")
        elif isinstance(scale, CountScale):
            count = answers.isin(list(scale.values)).sum(axis=1)
            scales[scale.id] = count.astype("Int64").where(enough)
        else:
            assert isinstance(scale, AnyScale)
            speaks_for = answers.isin(list(scale.values)).any(axis=1)
            against = answers.isin(list(scale.against)).sum(axis=1) >= scale.minimum
            scales[scale.id] = speaks_for.astype("Int64").where(speaks_for | against)
    return responses.join(pd.DataFrame(scales, index=responses.index))
