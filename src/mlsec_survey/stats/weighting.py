"""Weights that bring a sample to assumed margins, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special, stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.result import TestResult

Floats = NDArray[np.float64]


def rake(groups: pd.DataFrame, margins: Mapping[str, Mapping[Any, float]]) -> pd.Series:
    """Weight respondents so that each variable has the margin that is assumed of the population.

    Iterative proportional fitting (Deming and Stephan 1940, doi:10.1214/aoms/1177731829).

    >>> groups = pd.DataFrame({"size": ["small", "small", "small", "large"]})
    >>> rake(groups, {"size": {"small": 0.5, "large": 0.5}}).round(3).tolist()
    [0.667, 0.667, 0.667, 2.0]

    Args:
        groups: respondents × variables.
        margins: share of each group, by variable.

    Returns:
        Weights with mean 1; missing for respondents without one of the variables.

    Raises:
        AnalysisError: a group with a share has no respondent, a respondent is in a group without
            a share, or no weights fulfil all margins at once.
    """
    known = groups[list(margins)].dropna()
    weights = pd.Series(1.0, index=known.index)
    targets = {}
    for name, shares in margins.items():
        target = pd.Series(shares, dtype=float)
        if set(known[name].unique()) != set(target.index[target > 0]):
            raise AnalysisError(f"the groups of {name!r} with respondents and with a share differ")
        targets[name] = target * len(known) / target.sum()
    for _ in range(1000):
        furthest = 0.0
        for name, target in targets.items():
            totals = weights.groupby(known[name].to_numpy(), sort=False).sum()
            factor = known[name].map(target / totals).astype(float)
            furthest = max(furthest, float((factor - 1).abs().max()))
            weights = weights * factor
        if furthest < 1e-12:
            return weights.reindex(groups.index)
    raise AnalysisError("no weights fulfil all margins at once")


def effective_n(weights: pd.Series) -> float:
    """Return the size of an unweighted sample whose mean is as precise (Kish 1965).

    >>> effective_n(pd.Series([1.0, 1.0, 2.0]))
    2.6666666666666665
    """
    given = weights.dropna()
    return float(given.sum() ** 2 / (given**2).sum())


def weighted_mean(
    values: pd.Series, weights: pd.Series, *, share: bool = False, confidence: float = 0.95
) -> TestResult:
    """Estimate a mean, or a share, under weights; interval by linearisation.

    >>> values, weights = pd.Series([1.0, 2.0, 3.0, 6.0]), pd.Series([1.0, 1.0, 1.0, 2.0])
    >>> round(weighted_mean(values, weights).estimate, 3)
    3.6

    Args:
        values: numbers; missing ones are left out.
        weights: of the same respondents; those without one are left out.
        share: values are 0 and 1; the interval is that of the logit, so that it stays between them.
        confidence: level of the interval, from t with the effective n. Where all values are the
            same there is none.

    Raises:
        AnalysisError: fewer than two respondents have both.
    """
    data = pd.DataFrame({"y": values, "w": weights}).astype("float64").dropna()
    n = len(data)
    if n < 2:
        raise AnalysisError("a weighted mean needs two respondents")
    y, w = data["y"].to_numpy(), data["w"].to_numpy()
    mean = float(np.average(y, weights=w))
    error = math.sqrt(n / (n - 1) * float((w**2 * (y - mean) ** 2).sum())) / float(w.sum())
    effective = effective_n(data["w"])
    quantile = float(stats.t.ppf((1 + confidence) / 2, max(1.0, effective - 1)))
    reach = quantile * error if error > 0 else math.nan
    ends = mean + np.array([-reach, reach])
    if share and error > 0:
        reach /= mean * (1 - mean)
        ends = special.expit(special.logit(mean) + np.array([-reach, reach]))
    return TestResult(
        method="weighted share, linearised logit" if share else "weighted mean, linearised",
        effect="share" if share else "mean",
        estimate=mean,
        low=float(ends[0]),
        high=float(ends[1]),
        n=n,
        confidence=confidence,
        extra={"effective_n": effective},
    )


def weighted_rank_z(x: Floats, y: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return weighted rank correlations and their z for many sets of weights.

    Midranks of the whole sample; z from the slope of standardised ranks with a variance that is
    robust to weights and unequal spread (White 1980).

    >>> x = np.array([1.0, 2.0, 3.0, 4.0])
    >>> r, _ = weighted_rank_z(x, x[[1, 0, 2, 3]], np.ones((1, 4)))
    >>> r.round(3).tolist()
    [0.8]

    Args:
        x, y: n values each, without gaps, not all the same.
        weights: sets × n, positive.
    """
    ranks = np.column_stack([stats.rankdata(x), stats.rankdata(y)]).T
    total = weights.sum(axis=1, keepdims=True)
    a, b = (r - (weights @ r)[:, None] / total for r in ranks)
    spread_a, spread_b = (weights * a**2).sum(axis=1), (weights * b**2).sum(axis=1)
    product = (weights * a * b).sum(axis=1)
    slope = product / spread_a
    left = b - slope[:, None] * a
    error = np.sqrt((weights**2 * a**2 * left**2).sum(axis=1)) / spread_a
    return product / np.sqrt(spread_a * spread_b), slope / error
