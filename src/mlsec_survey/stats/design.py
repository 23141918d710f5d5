"""Design matrices from survey variables, and the shape in which regression models report."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import pandas as pd
from scipy import optimize, stats

from ..errors import AnalysisError
from .pairs import FloatArray, as_groups, as_scores
from .result import TestResult


@dataclass(frozen=True, slots=True)
class Design:
    """Columns of a linear predictor, without an intercept.

    Attributes:
        matrix: n × p.
        columns: a name for each column: the variable, or "variable: group" for a group
            compared with the variable's first group.
        terms: the columns (by position) that belong to each variable.
    """

    matrix: FloatArray
    columns: tuple[str, ...]
    terms: dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class ModelResult:
    """A regression model: one result per term, and one for all terms together.

    Attributes:
        method: the model.
        n: respondents used.
        terms: effect and test of each variable given the others.
        joint: test of all variables at once.
        coefficients: one row per column of the design: estimate, se, low, high, on the scale of
            the linear predictor.
        notes: what a reader has to know.
        extra: named quantities of the whole model.
    """

    method: str
    n: int
    terms: dict[str, TestResult]
    joint: TestResult
    coefficients: pd.DataFrame
    notes: tuple[str, ...] = ()
    extra: dict[str, float] = field(default_factory=dict)


def complete_rows(
    outcome: pd.Series, predictors: pd.DataFrame | pd.Series
) -> tuple[pd.Series, pd.DataFrame]:
    """Align an outcome with predictors by index and keep the respondents with all of them.

    Raises:
        AnalysisError: fewer than three respondents have all variables.
        ValueError: an index or the columns have duplicates.
    """
    if isinstance(predictors, pd.Series):
        name = "predictor" if predictors.name is None else predictors.name
        predictors = predictors.to_frame(name)
    if not (outcome.index.is_unique and predictors.index.is_unique):
        raise ValueError("the index must name each respondent once")
    if not predictors.columns.is_unique:
        raise ValueError("each predictor must be named once")
    index = outcome.index.intersection(predictors.index, sort=False)
    outcome, predictors = outcome.loc[index], predictors.loc[index]
    complete = outcome.notna().to_numpy() & predictors.notna().all(axis=1).to_numpy()
    if complete.sum() < 3:
        raise AnalysisError(f"{complete.sum()} respondents have all variables; three are needed")
    return outcome[complete], predictors[complete]


def design(predictors: pd.DataFrame) -> Design:
    """Code predictors: ordered ones as scores (one column), unordered ones as indicators.

    Raises:
        AnalysisError: a predictor is constant, or columns depend on each other linearly.
    """
    blocks: list[FloatArray] = []
    columns: list[str] = []
    terms: dict[str, tuple[int, ...]] = {}
    for name in predictors.columns:
        values = cast(pd.Series, predictors[name])
        if is_ordered(values):
            block, names = as_scores(values)[:, None], [str(name)]
        else:
            groups, labels = as_groups(values)
            block = np.eye(len(labels))[groups][:, 1:]
            names = [f"{name}: {label}" for label in labels[1:]]
        terms[str(name)] = tuple(range(len(columns), len(columns) + len(names)))
        columns += names
        blocks.append(block)
    matrix = np.column_stack(blocks)
    with_intercept = np.column_stack([np.ones(len(matrix)), matrix])
    if np.linalg.matrix_rank(with_intercept) < with_intercept.shape[1]:
        raise AnalysisError(
            f"the predictors {', '.join(terms)} cannot be told apart in {len(matrix)} respondents"
        )
    return Design(matrix, tuple(columns), terms)


def is_ordered(values: pd.Series) -> bool:
    """Tell whether a variable is numeric, binary or an ordered category."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return bool(values.dtype.ordered)
    if pd.api.types.is_bool_dtype(values.dtype) or pd.api.types.is_numeric_dtype(values.dtype):
        return True
    try:
        as_scores(values)
    except AnalysisError:
        return False
    return True


def effect_size_w(
    statistic: float, df: int, n: int, confidence: float
) -> tuple[float, float, float]:
    """Turn a chi-square statistic into Cohen's w with a noncentral chi-square interval.

    The estimate is corrected for bias: sqrt(max(0, statistic - df) / n). Source: Cohen (1988),
    ch. 7; Smithson (2003).
    """
    low, high = noncentral_interval(statistic, df, confidence)
    return math.sqrt(max(0.0, statistic - df) / n), math.sqrt(low / n), math.sqrt(high / n)


def noncentral_interval(statistic: float, df: int, confidence: float) -> tuple[float, float]:
    """Interval for the noncentrality of a chi-square statistic; 0 where no value fits."""

    def bound(level: float) -> float:
        def gap(noncentrality: float) -> float:
            if noncentrality <= 0:
                return float(stats.chi2.cdf(statistic, df)) - level
            return float(stats.ncx2.cdf(statistic, df, noncentrality)) - level

        if gap(0.0) <= 0:
            return 0.0
        top = max(1.0, statistic)
        while gap(top) > 0:
            top *= 2
        return float(optimize.brentq(gap, 0.0, top, xtol=1e-12))

    return bound((1 + confidence) / 2), bound((1 - confidence) / 2)


def safe_exp(value: float) -> float:
    """Return e^value, infinite instead of an overflow."""
    return math.inf if value > 700 else math.exp(value)
