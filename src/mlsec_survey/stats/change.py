"""Change between two occasions, of shares and of ordered answers, in others or in the same."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportion_confint,
    test_proportions_2indep,
)

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.ranks import pairwise_signed_rank
from mlsec_survey.stats.result import TestResult


def change_of_share(first: pd.Series, second: pd.Series, *, confidence: float = 0.95) -> TestResult:
    """Compare a share between two independent samples.

    >>> change_of_share(pd.Series([0, 0, 1, 0]), pd.Series([1, 1, 0, 1])).estimate
    0.5

    Args:
        first, second: 0 and 1, one per respondent; missing is left out.
        confidence: level of the interval.

    Returns:
        The share of the second less that of the first, with Newcombe's hybrid score interval (1998,
        doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I) and the score test
        of Miettinen and Nurminen (1985, doi:10.1002/sim.4780040211), both by statsmodels.
    """
    (k1, n1), (k2, n2) = ((int(s.dropna().sum()), int(s.notna().sum())) for s in (first, second))
    if min(n1, n2) == 0:
        raise AnalysisError("nobody answered on one of the two occasions")
    low, high = confint_proportions_2indep(
        k2, n2, k1, n1, compare="diff", method="newcomb", alpha=1 - confidence
    )
    statistic, p = math.nan, 1.0
    if 0 < k1 + k2 < n1 + n2:
        found = test_proportions_2indep(k2, n2, k1, n1, compare="diff", method="score")
        statistic, p = float(found.statistic), float(found.pvalue)
    return TestResult(
        method="score test of two independent shares",
        effect="difference of shares",
        estimate=k2 / n2 - k1 / n1,
        low=float(low),
        high=float(high),
        n=n1 + n2,
        statistic=statistic,
        p=p,
        confidence=confidence,
        null=0.0,
    )


def change_within(first: pd.Series, second: pd.Series, *, confidence: float = 0.95) -> TestResult:
    """Compare a binary answer of the same respondents between two occasions (McNemar).

    >>> found = change_within(pd.Series([0, 0, 0, 1, 1]), pd.Series([1, 1, 0, 0, 1]))
    >>> round(found.estimate, 6)
    2.0

    Args:
        first, second: 0 and 1, one per respondent, aligned; pairs with a missing one are left out.
        confidence: level of the interval.

    Returns:
        The odds of a change to yes against one to no, with the exact interval that belongs to the
        exact test: Clopper and Pearson's of the share of changes that go to yes (statsmodels).
        Infinite or 0 where all go one way. `n` are the pairs; `extra` has how many went up and
        down.
    """
    both = first.notna() & second.notna()
    a, b = first[both].to_numpy(dtype=int), second[both].to_numpy(dtype=int)
    if not len(a):
        raise AnalysisError("nobody answered on both occasions")
    up, down = int(((a == 0) & (b == 1)).sum()), int(((a == 1) & (b == 0)).sum())
    estimate, low, high, p = math.nan, 0.0, math.inf, 1.0
    if up + down:
        low_share, high_share = proportion_confint(up, up + down, 1 - confidence, "beta")
        estimate, low, high = (_odds(share) for share in (up / (up + down), low_share, high_share))
        p = float(mcnemar(np.array([[0, up], [down, 0]]), exact=True).pvalue)
    return TestResult(
        method="McNemar's exact test",
        effect="odds of a change to yes",
        estimate=estimate,
        low=low,
        high=high,
        n=len(a),
        p=p,
        confidence=confidence,
        null=1.0,
        extra={"up": up, "down": down},
    )


def _odds(share: float) -> float:
    return math.inf if share >= 1 else share / (1 - share)


def change_of_ranks_within(
    first: pd.Series,
    second: pd.Series,
    *,
    rng: np.random.Generator,
    resamples: int,
    confidence: float = 0.95,
) -> TestResult:
    """Compare an ordered answer of the same respondents between two occasions (Wilcoxon, Pratt).

    >>> once, again = pd.Series([1, 2, 3, 4, 1, 2]), pd.Series([2, 3, 4, 5, 2, 2])
    >>> change_of_ranks_within(once, again, rng=np.random.default_rng(1), resamples=99).estimate
    1.0

    Args:
        first, second: numbers, one per respondent, aligned; pairs with a missing one are left out.
        rng, resamples: of the bootstrap interval.
        confidence: its level.

    Returns:
        The matched-pairs rank-biserial correlation: above 0 where answers rose.
    """
    both = first.notna() & second.notna()
    if not both.any():
        raise AnalysisError("nobody answered on both occasions")
    pair = pd.DataFrame({"second": second[both], "first": first[both]})
    (row,) = pairwise_signed_rank(
        pair, rng=rng, resamples=resamples, confidence=confidence
    ).to_dict("records")
    return TestResult(
        method="Wilcoxon's signed-rank test (Pratt)",
        effect="rank-biserial correlation",
        estimate=float(row["effect"]),
        low=float(row["low"]),
        high=float(row["high"]),
        n=int(both.sum()),
        p=1.0 if math.isnan(row["p"]) else float(row["p"]),
        confidence=confidence,
        null=0.0,
    )
