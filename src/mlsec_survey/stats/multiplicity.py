"""Multiple hypotheses: Holm, Benjamini–Hochberg, and joint permutation by Westfall and Young.

Holm and Benjamini–Hochberg need p-values only. The joint permutation test moves all outcomes of a
family together against all predictors, so that it learns how the tests depend on each other; with
correlated predictors it loses less power than Holm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from statsmodels.stats.multitest import multipletests

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.pairs import FloatArray, IntArray, as_groups, as_scores
from mlsec_survey.stats.tables import count_tables
from mlsec_survey.stats.tests import BINARY, TESTS, Test

# Statistics that are equal in exact arithmetic can differ in the last bits.
_SLACK = 1e-9
# Blocks that stay in the cache of a processor, and the fewest permutations worth a block.
_CELLS_AT_ONCE, _LEAST_AT_ONCE = 40_000, 16


def holm(p: npt.ArrayLike) -> FloatArray:
    """Return p-values adjusted by Holm's step-down procedure, which bounds the familywise error.

    A missing p-value (NaN) stays missing and does not count, as in R's p.adjust.

    >>> holm([0.01, 0.04, np.nan, 0.03]).round(4).tolist()
    [0.03, 0.06, nan, 0.06]

    Own, since statsmodels' `multipletests` looks for garbage in all memory each time that it does
    this, which takes a fifth of a second in a notebook; it is the check.

    Source: Holm (1979), Scandinavian Journal of Statistics 6, 65–70.
    """
    values, given = _checked(p)
    order = np.argsort(values[given], kind="stable")
    steps = np.arange(len(order), 0, -1) * values[given][order]
    result = np.full(values.shape, np.nan)
    result[given] = _in_place(np.minimum(1.0, np.maximum.accumulate(steps)), order)
    return result


def benjamini_hochberg(p: npt.ArrayLike) -> FloatArray:
    """Return p-values adjusted by Benjamini and Hochberg's step-up procedure.

    Bounds the expected share of false rejections, for independent or positively dependent tests. A
    missing p-value (NaN) stays missing and does not count, as in R's p.adjust.

    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(4).tolist()
    [0.03, 0.04, 0.04]

    Source: Benjamini and Hochberg (1995, doi:10.1111/j.2517-6161.1995.tb02031.x); by statsmodels.
    """
    values, given = _checked(p)
    result = np.full(values.shape, np.nan)
    if given.any():
        result[given] = multipletests(values[given], method="fdr_bh")[1]
    return result


def _checked(p: npt.ArrayLike) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Return p-values and which of them are given; ValueError if one cannot be."""
    values = np.asarray(p, dtype=float)
    given = ~np.isnan(values)
    if ((values[given] < 0) | (values[given] > 1)).any():
        raise ValueError("p-values must lie between 0 and 1")
    return values, given


def step_down_max_t(observed: npt.ArrayLike, null: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return raw and adjusted p-values from statistics under joint permutation, by their maxima.

    Suited to statistics on one scale (all standardised); otherwise use `step_down_min_p`.

    >>> null = np.random.default_rng(1).normal(size=(999, 2))
    >>> raw, adjusted = step_down_max_t([4.0, 0.1], abs(null))
    >>> raw.round(3).tolist(), adjusted.round(3).tolist()
    ([0.001, 0.922], [0.001, 0.922])

    Args:
        observed: (m,) statistics, larger is further from the null.
        null: (B, m) the same statistics in B joint permutations, without the observed data, which
            are counted as one more permutation, so that no p-value is 0.

    Source: Westfall and Young (1993), Resampling-Based Multiple Testing, algorithm 4.1.
    """
    t = _stacked(observed, null)
    order = np.argsort(-t[0], kind="stable")
    maxima = np.maximum.accumulate(t[:, order[::-1]], axis=1)[:, ::-1]
    adjusted = (maxima >= _less(t[0, order])).mean(axis=0)
    raw = (t >= _less(t[0])).mean(axis=0)
    return raw, _in_place(np.maximum.accumulate(adjusted), order)


def step_down_min_p(observed: npt.ArrayLike, null: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return raw and adjusted p-values from statistics under joint permutation, by minimal p.

    As `step_down_max_t`, with every statistic first replaced by its p-value among its own
    permutations, so that statistics on different scales weigh the same. Needs more permutations:
    the smallest adjusted p-value is about m/(B + 1).

    >>> null = np.random.default_rng(1).normal(size=(999, 2))
    >>> raw, adjusted = step_down_min_p([4.0, 0.1], abs(null))
    >>> raw.round(3).tolist(), adjusted.round(3).tolist()
    ([0.001, 0.922], [0.002, 0.922])

    Source: Westfall and Young (1993), algorithm 2.8, as organised by Ge, Dudoit and Speed (2003,
    doi:10.1007/BF02595811).
    """
    t = _stacked(observed, null)
    rows = len(t)
    p = np.empty_like(t)
    for k in range(t.shape[1]):
        ascending = np.sort(t[:, k])
        p[:, k] = (rows - np.searchsorted(ascending, _less(t[:, k]), side="left")) / rows
    order = np.argsort(p[0], kind="stable")
    minima = np.minimum.accumulate(p[:, order[::-1]], axis=1)[:, ::-1]
    adjusted = (minima <= p[0, order] + 0.5 / rows).mean(axis=0)
    return p[0], _in_place(np.maximum.accumulate(adjusted), order)


def _stacked(observed: npt.ArrayLike, null: npt.ArrayLike) -> FloatArray:
    """Put the observed statistics above the permuted ones; an undefined one is least extreme."""
    first, rest = np.asarray(observed, dtype=float), np.asarray(null, dtype=float)
    if first.ndim != 1 or rest.ndim != 2 or rest.shape[1] != len(first):
        raise ValueError("need (m,) observed statistics and (B, m) permuted ones")
    stacked = np.vstack([first, rest])
    return np.where(np.isnan(stacked), -np.inf, stacked)


def _less(values: FloatArray) -> FloatArray:
    """Return the values less a tolerance for ties."""
    finite = np.where(np.isfinite(values), values, 0.0)
    return values - _SLACK * np.maximum(np.abs(finite), 1.0)


def _in_place(stepped: FloatArray, order: IntArray) -> FloatArray:
    result = np.empty(len(order))
    result[order] = stepped
    return result


@dataclass(frozen=True, slots=True)
class Tested:
    """One hypothesis of a family: which columns, and by which test of the registry."""

    __test__ = False

    label: str
    outcome: str
    predictor: str
    test: str


def westfall_young(
    data: pd.DataFrame,
    family: Sequence[Tested],
    *,
    rng: np.random.Generator,
    resamples: int = 9_999,
    method: Literal["min_p", "max_t"] = "min_p",
) -> pd.DataFrame:
    """Test a family of hypotheses jointly by permuting respondents (Westfall and Young).

    In each permutation every respondent's outcomes, all of them together, are given to the
    predictors of another respondent. Each hypothesis uses the respondents that then have both
    columns; a missing answer travels with its respondent. The smallest adjusted p-value is that of
    the joint null hypothesis that no outcome depends on any predictor.

    >>> data = pd.DataFrame({"concern": range(20), "knowledge": range(20), "size": [1, 2] * 10})
    >>> family = [Tested(f"by {x}", "concern", x, "kendall_tau_b") for x in ("knowledge", "size")]
    >>> rng = np.random.default_rng(1)
    >>> found = westfall_young(data, family, rng=rng, resamples=199)
    >>> found[["label", "n", "p_adjusted"]].round(3).to_numpy().tolist()
    [['by knowledge', 20, 0.01], ['by size', 20, 0.7]]

    Args:
        data: one row per respondent.
        family: the hypotheses; a column may be outcome of one and predictor of another.
        rng: source of permutations.
        resamples: permutations.
        method: `step_down_min_p`, or `step_down_max_t` if all statistics are standardised.

    Returns:
        One row per hypothesis: label, n (respondents with both columns in the data), statistic, p
        (permutation, not adjusted), p_adjusted.

    The familywise error rate is held exactly if all hypotheses are true. If only some are, it holds
    where the joint distribution of their statistics does not depend on the others being false
    (subset pivotality), which permutation of studentised statistics meets approximately; so too
    if whether an answer is missing depends on the other block.

    Raises:
        AnalysisError: an unknown test, a constant column, or one without the order it needs.
    """
    if not family:
        raise AnalysisError("a family without hypotheses cannot be tested")
    prepared = [_Prepared.of(data, tested) for tested in family]
    n = len(data)
    identity = np.arange(n)[None, :]
    observed = np.array([p.statistics(identity)[0] for p in prepared])
    widest = max(n, *(p.cells for p in prepared))
    block = max(_LEAST_AT_ONCE, _CELLS_AT_ONCE // widest)
    null = np.empty((resamples, len(prepared)))
    for start in range(0, resamples, block):
        stop = min(start + block, resamples)
        shuffled = rng.permuted(np.broadcast_to(identity, (stop - start, n)), axis=1)
        for k, hypothesis in enumerate(prepared):
            null[start:stop, k] = hypothesis.statistics(shuffled)
    adjust = step_down_min_p if method == "min_p" else step_down_max_t
    raw, adjusted = adjust(observed, null)
    return pd.DataFrame(
        {
            "label": [tested.label for tested in family],
            "n": [p.n for p in prepared],
            "statistic": observed,
            "p": raw,
            "p_adjusted": adjusted,
        }
    )


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Codes of a hypothesis' two columns, missing answers coded one beyond the last level."""

    predictor: IntArray
    outcome: IntArray
    predictor_levels: FloatArray
    outcome_levels: FloatArray
    test: Test

    @classmethod
    def of(cls, data: pd.DataFrame, tested: Tested) -> _Prepared:
        test = TESTS[tested.test]
        if test.on_tables is None:
            raise AnalysisError(f"{test.label} has no form for tables of counts")
        predictor, p_levels = _coded(data[tested.predictor], ordered=not test.orderless)
        outcome, o_levels = _coded(data[tested.outcome], ordered=not test.takes_outcome("nominal"))
        # What the test needs two values of, as a whole outcome or on one of both sides.
        binary = [len(levels) == 2 for levels in (o_levels, p_levels)]
        if all(outcomes == BINARY for outcomes, _ in test.fits) and not binary[0]:
            raise AnalysisError(f"{tested.test} of {tested.label} needs an outcome of two values")
        if test.needs_two_groups and not any(binary):
            raise AnalysisError(f"{tested.test} of {tested.label} needs a column of two values")
        return cls(predictor, outcome, p_levels, o_levels, test)

    @property
    def n(self) -> int:
        r, c = len(self.predictor_levels), len(self.outcome_levels)
        return int(((self.predictor < r) & (self.outcome < c)).sum())

    @property
    def cells(self) -> int:
        return (len(self.predictor_levels) + 1) * (len(self.outcome_levels) + 1)

    def statistics(self, rows: IntArray) -> FloatArray:
        """Return one statistic per permutation (B, n) of the respondents' outcomes."""
        r, c = len(self.predictor_levels), len(self.outcome_levels)
        answered = count_tables(self.predictor, self.outcome[rows], r + 1, c + 1)[:, :r, :c]
        found = self.test.on_stack(
            answered,
            self.predictor_levels,
            self.outcome_levels,
            trials=float(self.outcome_levels.max()),
            quick=True,
        )
        return np.abs(found.z)


def _coded(values: pd.Series, *, ordered: bool) -> tuple[IntArray, FloatArray]:
    given = values.notna().to_numpy(dtype=bool)
    if not given.any():
        raise AnalysisError(f"nobody answered {values.name!r}")
    answers = values[given]
    if ordered:
        levels, codes = np.unique(as_scores(answers), return_inverse=True)
    else:
        codes, labels = as_groups(answers)
        levels = np.arange(len(labels), dtype=float)
    result = np.full(len(values), len(levels), dtype=np.int64)
    result[given] = codes
    return result, levels
