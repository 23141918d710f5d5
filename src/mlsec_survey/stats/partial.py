"""Association of two ordered variables given others, and of an item given the rest of its scale."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy import stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.ordinal import ordinal_fit
from mlsec_survey.stats.result import TestResult


def partial_spearman(
    outcome: pd.Series, predictor: pd.Series, given: pd.DataFrame, *, confidence: float = 0.95
) -> TestResult:
    """Correlate the ranks of two variables after the ranks of others are taken out of both.

    Interval and test from Fisher's z with Fieller, Hartley and Pearson's (1957) variance of rank
    correlations, 1.06 / (n - 3 - others), so that they agree with each other. `extra` holds the
    correlation of the same respondents without the others (`alone`).

    >>> outcome, predictor = pd.Series([2, 1, 4, 3, 6, 5, 8, 7]), pd.Series(range(8))
    >>> given = pd.DataFrame({"size": [1, 2, 2, 3, 1, 3, 2, 1]})
    >>> round(partial_spearman(outcome, predictor, given).estimate, 3)
    0.924

    Args:
        outcome, predictor: ordered, as numbers.
        given: further ordered variables, a column each.
        confidence: level of the interval.

    Raises:
        AnalysisError: too few respondents have all variables, or one depends on the others.
    """
    data = pd.concat([outcome, predictor, given], axis=1).astype("float64").dropna()
    n, others = len(data), given.shape[1]
    if n < others + 5:
        raise AnalysisError(f"{n} respondents have all variables; {others + 5} are needed")
    if (data.nunique() < 2).any():
        raise AnalysisError("a variable is the same for all respondents")
    correlation = np.corrcoef(data.rank().to_numpy(), rowvar=False)
    if np.linalg.cond(correlation) > 1e10:
        raise AnalysisError("a variable depends on the others")
    inverse = np.linalg.inv(correlation)
    partial = float(-inverse[0, 1] / math.sqrt(inverse[0, 0] * inverse[1, 1]))
    error = math.sqrt(1.06 / (n - 3 - others))
    z = math.atanh(partial)
    reach = float(stats.norm.ppf((1 + confidence) / 2)) * error
    return TestResult(
        method="partial rank correlation, Fisher's z",
        effect="partial Spearman's rho",
        estimate=partial,
        low=math.tanh(z - reach),
        high=math.tanh(z + reach),
        n=n,
        statistic=z / error,
        p=float(2 * stats.norm.sf(abs(z) / error)),
        confidence=confidence,
        extra={"alone": float(correlation[0, 1])},
    )


def item_functioning(
    item: pd.Series, rest: pd.Series, group: pd.Series, *, confidence: float = 0.95
) -> TestResult:
    """Test whether an item works alike for respondents who answered the rest of its scale alike.

    Ordinal logistic regression of the item on the rest (Zumbo 1999; Crane and others 2006,
    doi:10.1097/01.mlr.0000245183.28384.ed): the estimate is the odds ratio of a higher answer per
    step of the group given the rest, with Wald's interval; the test asks by likelihood ratio for
    that and for a difference that depends on the rest (`extra`: `uniform_p`, `non_uniform_p`).

    >>> rng = np.random.default_rng(1)
    >>> rest, group = pd.Series(rng.normal(size=120)), pd.Series([0, 1] * 60)
    >>> item = pd.Series(np.digitize(rest + rng.logistic(size=120), [-1, 1]))
    >>> found = item_functioning(item, rest, group)
    >>> found.low < 1 < found.high
    True

    Args:
        item: ordered, as numbers.
        rest: the matching variable, such as the mean of the other items.
        group: 0 and 1, or an ordered variable as numbers.
        confidence: level of the interval.

    Raises:
        AnalysisError: a variable does not vary, or the model cannot be fitted.
    """
    data = pd.concat([item, rest, group], axis=1, keys=["item", "rest", "group"])
    data = data.astype("float64").dropna()
    if len(data) < 10 or (data.nunique() < 2).any():
        raise AnalysisError("too few respondents, or a variable is the same for all of them")
    centred = data[["rest", "group"]] - data[["rest", "group"]].mean()
    matrix = np.column_stack([centred, centred.prod(axis=1)])
    tables = pd.get_dummies(data["item"]).to_numpy(dtype=float)[None]
    alone, uniform, both = (ordinal_fit(tables, matrix[:, :width]) for width in (1, 2, 3))
    slope = float(uniform.coefficients[0, 1])
    error = math.sqrt(float(uniform.covariance[0, -1, -1]))
    reach = float(stats.norm.ppf((1 + confidence) / 2)) * error
    heights = [float(fit.log_likelihood[0]) for fit in (alone, uniform, both)]
    total = max(0.0, 2 * (heights[2] - heights[0]))
    return TestResult(
        method="ordinal logistic regression, likelihood ratio",
        effect="odds ratio",
        estimate=math.exp(slope),
        low=math.exp(slope - reach),
        high=math.exp(slope + reach),
        n=len(data),
        statistic=total,
        p=float(stats.chi2.sf(total, 2)),
        confidence=confidence,
        null=1.0,
        extra={
            "uniform_p": float(stats.chi2.sf(max(0.0, 2 * (heights[1] - heights[0])), 1)),
            "non_uniform_p": float(stats.chi2.sf(max(0.0, 2 * (heights[2] - heights[1])), 1)),
        },
    )
