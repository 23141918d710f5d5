"""Derived scales follow their rules exactly, including when too few answers are there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.responses.missing import KIND_DTYPE
from mlsec_survey.responses.scales import derive_scales, scale_reliability

ROOT = Path(__file__).resolve().parent.parent
ATTACKS = 6


def tables(codebook: Codebook, **answers: list[list[object]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return responses and kinds of missing with the given rows of grids, the rest missing."""
    n = len(next(iter(answers.values())))
    responses: dict[str, object] = {"respondent_id": range(1, n + 1)}
    kinds: dict[str, object] = {"respondent_id": range(1, n + 1)}
    for item in ("concern", "relevance", "familiarity", "occurrence", "defence", "planned"):
        for at, variable in enumerate(part.name for part in codebook.parts(item).values()):
            rows = answers.get(item)
            values = [None] * n if rows is None else [row[at] for row in rows]
            ordinal = codebook.variable(variable).measure == "ordinal"
            responses[variable] = pd.Series(values, dtype="Int64" if ordinal else "object")
            kinds[variable] = pd.Categorical(
                ["not_answered" if value is None else "answered" for value in values],
                dtype=KIND_DTYPE,
            )
    return pd.DataFrame(responses), pd.DataFrame(kinds)


def scale(codebook: Codebook, name: str, **answers: list[list[object]]) -> list[object]:
    derived = derive_scales(*tables(codebook, **answers), codebook)[name]
    return [None if pd.isna(value) else value for value in derived]


def test_mean_needs_four_of_six(codebook: Codebook) -> None:
    rows: list[list[object]] = [
        [1, 2, 3, 4, 5, 5],
        [1, None, None, 4, 5, 5],
        [1, None, None, None, 5, 5],
        [None] * ATTACKS,
    ]
    values = scale(codebook, "concern_scale", concern=rows)
    assert values == [pytest.approx(20 / 6), pytest.approx(3.75), None, None]
    derived = derive_scales(*tables(codebook, concern=rows), codebook)
    assert derived["concern_scale"].dtype == np.float64


def test_count_of_known_attacks_needs_all(codebook: Codebook) -> None:
    rows: list[list[object]] = [[0, 1, 2, 0, 1, 2], [0] * 6, [2, 2, 2, 2, 2, None]]
    assert scale(codebook, "familiarity_scale", familiarity=rows) == [4, 0, None]


def test_exposure_with_and_without_suspicion(codebook: Codebook) -> None:
    rows: list[list[object]] = [
        ["no"] * 6,
        ["no", "suspected", "no", None, "no", "no"],
        ["yes", None, None, None, None, None],
        ["no", None, None, None, None, None],
        [None] * 6,
        ["suspected", None, None, None, None, None],
    ]
    # A report settles it; without one, only a "no" to each attack does.
    assert scale(codebook, "exposure", occurrence=rows) == [0, 1, 1, None, None, 1]
    assert scale(codebook, "exposure_reported", occurrence=rows) == [0, 1, 1, 0, None, 1]
    assert scale(codebook, "exposure_strict", occurrence=rows) == [0, None, 1, None, None, None]
    assert scale(codebook, "exposure_count", occurrence=rows) == [0, None, None, None, None, None]


def test_number_of_defences(codebook: Codebook) -> None:
    rows: list[list[object]] = [["yes"] * 3 + ["no"] * 7, ["no"] * 10, [None] * 10]
    assert scale(codebook, "defence_count", defence=rows) == [3, 0, 0]
    assert scale(codebook, "defence_count_answered", defence=rows) == [3, 0, None]
    derived = derive_scales(*tables(codebook, defence=rows), codebook)
    assert str(derived["defence_count"].dtype) == "Int64"


def test_any_index_and_mismatched_respondents(codebook: Codebook) -> None:
    responses, kinds = tables(codebook, concern=[[1, 1, 1, 1, 1, 1], [5, 5, 5, 5, 5, 5]])
    shifted = responses.set_axis([7, 3])
    derived = derive_scales(shifted, kinds, codebook)
    assert derived.loc[[7, 3], "concern_scale"].tolist() == [1, 5]
    with pytest.raises(ValueError, match="same respondents"):
        derive_scales(responses.iloc[::-1], kinds, codebook)


def test_reliability_is_that_of_the_complete_answers(codebook: Codebook) -> None:
    rng = np.random.default_rng(3)
    common = rng.normal(size=(80, 1))
    ratings = np.clip(np.round(3 + common + rng.normal(size=(80, 6))), 1, 5).astype(int)
    rows: list[list[object]] = ratings.tolist()
    rows[0][2] = None
    responses = derive_scales(*tables(codebook, concern=rows, relevance=rows), codebook)
    table = scale_reliability(responses, codebook, rng, resamples=500).set_index("scale")
    assert list(table.index) == ["concern_scale", "relevance_scale"]
    complete = ratings[1:]
    variances = complete.var(axis=0, ddof=1).sum()
    alpha = 6 / 5 * (1 - variances / complete.sum(axis=1).var(ddof=1))
    row = table.loc["concern_scale"]
    assert row["n"] == 79
    assert row["alpha"] == pytest.approx(alpha, abs=1e-12)
    assert row["low"] < row["alpha"] < row["high"]
    assert row["bootstrap_low"] < row["alpha"] < row["bootstrap_high"]
    rest = [
        np.corrcoef(complete[:, k], np.delete(complete, k, 1).sum(axis=1))[0, 1] for k in range(6)
    ]
    assert row["weakest"] == pytest.approx(min(rest), abs=1e-12)
