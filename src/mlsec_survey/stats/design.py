"""Design matrices from survey variables, and the shape in which regression models report."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import cast

import numpy as np
import pandas as pd
from scipy import optimize, special

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.pairs import FloatArray, as_groups, as_scores
from mlsec_survey.stats.result import TestResult


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

    >>> outcome = pd.Series([1.0, 2.0, np.nan, 4.0])
    >>> kept, predictors = complete_rows(outcome, pd.DataFrame({"x": [1, 2, 3, 4]}))
    >>> kept.tolist(), predictors["x"].tolist()
    ([1.0, 2.0, 4.0], [1, 2, 4])

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
    if not outcome.index.equals(predictors.index):
        index = outcome.index.intersection(predictors.index, sort=False)
        outcome, predictors = outcome.loc[index], predictors.loc[index]
    complete = outcome.notna().to_numpy() & predictors.notna().all(axis=1).to_numpy()
    if complete.sum() < 3:
        raise AnalysisError(f"{complete.sum()} respondents have all variables; three are needed")
    if complete.all():
        return outcome, predictors
    return outcome[complete], predictors[complete]


def design(predictors: pd.DataFrame) -> Design:
    """Code predictors: ordered ones as scores (one column), unordered ones as indicators.

    >>> coded = design(pd.DataFrame({"size": [1, 2, 3, 4], "field": ["a", "b", "c", "a"]}))
    >>> coded.matrix.shape
    (4, 3)

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


def model_result(
    coded: Design,
    coefficients: pd.DataFrame,
    test: Callable[[Sequence[int]], tuple[float, float, float]],
    *,
    method: str,
    effect: str,
    n: int,
    confidence: float,
    notes: tuple[str, ...] = (),
    joint_notes: tuple[str, ...] | None = None,
    extra: Mapping[str, float] | None = None,
    model_extra: Mapping[str, float] | None = None,
) -> ModelResult:
    """Report a model whose coefficients are logarithms of ratios: its terms, and all at once.

    A term with one column is reported as a ratio with its interval. One with several has no one
    ratio: it is reported as Cohen's w, and the ratio of each group in `extra`.

    >>> coded = design(pd.DataFrame({"size": [1, 2, 3, 4]}))
    >>> row = {"estimate": 0.7, "se": 0.3, "low": 0.1, "high": 1.3}
    >>> found = model_result(
    ...     coded, pd.DataFrame([row]), lambda columns: (5.4, 0.02, 5.4),
    ...     method="logistic regression", effect="odds ratio", n=90, confidence=0.95,
    ... )
    >>> round(found.terms["size"].estimate, 2)
    2.01

    Args:
        coded: the design, without the intercept.
        coefficients: as in `ModelResult`.
        test: of the coefficients of these columns: statistic, p-value, and the statistic on the
            chi-square scale.
        method: name of the model.
        effect: name of the ratio, "odds ratio" or "incidence-rate ratio".
        n: respondents used.
        confidence: level of the intervals.
        notes: for each term and the model.
        joint_notes: for the joint test; the same unless given.
        extra: for each term, the joint test and the model.
        model_extra: for the model alone.
    """
    handed = dict(extra or {})
    terms = {}
    for name, columns in coded.terms.items():
        statistic, p, chi_square = test(columns)
        if len(columns) == 1:
            estimate, se, low, high = (float(v) for v in coefficients.iloc[columns[0]])
            terms[name] = TestResult(
                method=method,
                effect=effect,
                estimate=safe_exp(estimate),
                low=safe_exp(low),
                high=safe_exp(high),
                n=n,
                statistic=statistic,
                p=p,
                confidence=confidence,
                null=1.0,
                notes=notes,
                extra={"df": 1.0, **handed, "coefficient": estimate, "se": se},
            )
            continue
        ratios = {
            f"{effect}, {coded.columns[k]}": safe_exp(float(coefficients["estimate"].iloc[k]))
            for k in columns
        }
        terms[name] = joint_result(
            chi_square,
            len(columns),
            method=method,
            p=p,
            n=n,
            confidence=confidence,
            notes=notes,
            extra={**handed, **ratios},
            statistic=statistic,
        )
    everything = range(len(coded.columns))
    statistic, p, chi_square = test(everything)
    joint = joint_result(
        chi_square,
        len(everything),
        method=f"{method}, joint test",
        p=p,
        n=n,
        confidence=confidence,
        notes=notes if joint_notes is None else joint_notes,
        extra=handed,
        statistic=statistic,
    )
    return ModelResult(
        method, n, terms, joint, coefficients, notes, {**handed, **(model_extra or {})}
    )


def joint_result(
    chi_square: float,
    df: int,
    *,
    method: str,
    p: float,
    n: int,
    confidence: float,
    notes: tuple[str, ...] = (),
    extra: Mapping[str, float] | None = None,
    statistic: float | None = None,
) -> TestResult:
    """Report a test of several coefficients at once, with Cohen's w as effect size.

    >>> found = joint_result(9.0, 2, method="Wald", p=0.011, n=100, confidence=0.95)
    >>> found.effect, round(found.estimate, 3)
    ("Cohen's w", 0.265)
    """
    w, low, high = effect_size_w(chi_square, df, n, confidence)
    return TestResult(
        method=method,
        effect="Cohen's w",
        estimate=w,
        low=low,
        high=high,
        n=n,
        statistic=chi_square if statistic is None else statistic,
        p=p,
        confidence=confidence,
        notes=(*notes, "interval of w by inverting the noncentral chi-square"),
        extra={"df": float(df), **(extra or {})},
    )


def profile_bounds(
    gap: Callable[[float], float], estimate: float, se: float
) -> tuple[float, float]:
    """Find where a profile likelihood has fallen below its limit, on both sides of the estimate.

    >>> low, high = profile_bounds(lambda value: 1.92 - (value - 1) ** 2 / 2, 1.0, 1.0)
    >>> round(low, 2), round(high, 2)
    (-0.96, 2.96)

    Args:
        gap: profile log-likelihood at a value of the coefficient, minus the limit; it is
            positive at the estimate.
        estimate: of the coefficient.
        se: a step to search by.

    Returns:
        The two roots; infinite where `gap` stays positive within 40 standard errors.
    """

    # With a handful of respondents a profile can have several maxima, and which is found depends on
    # where the search began. Each value counts once, the estimate's from where it was found.
    gap = cache(gap)
    gap(estimate)

    def bound(direction: int) -> float:
        inner, outer = 0.0, 2.0 * se
        while gap(estimate + direction * outer) > 0:
            inner, outer = outer, outer * 1.5
            if outer > 40 * se:
                return direction * math.inf
        ends = (estimate + direction * inner, estimate + direction * outer)
        return float(optimize.brentq(gap, *ends, xtol=1e-11, rtol=1e-13))

    return bound(-1), bound(1)


def is_ordered(values: pd.Series) -> bool:
    """Tell whether a variable is numeric, binary or an ordered category.

    >>> is_ordered(pd.Series([1, 2, 3])), is_ordered(pd.Series(["bank", "health"]))
    (True, False)
    """
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

    >>> [round(value, 3) for value in effect_size_w(9.0, 2, 100, 0.95)]
    [0.265, 0.07, 0.483]
    """
    low, high = noncentral_interval(statistic, df, confidence)
    return math.sqrt(max(0.0, statistic - df) / n), math.sqrt(low / n), math.sqrt(high / n)


def noncentral_interval(statistic: float, df: int, confidence: float) -> tuple[float, float]:
    """Return the interval for the noncentrality of a chi-square statistic; 0 where no value fits.

    >>> low, high = noncentral_interval(12.0, 2, 0.95)
    >>> round(low, 3), round(high, 3)
    (1.604, 28.166)

    Raises:
        AnalysisError: the statistic is not finite, or has no degrees of freedom.
    """
    if df < 1 or not math.isfinite(statistic):
        raise AnalysisError(f"a chi-square of {statistic:g} on {df} degrees of freedom has no size")

    # None fits where even no effect makes a statistic this large improbable enough.
    low, high = (
        0.0 if level >= special.chdtr(df, statistic) else special.chndtrinc(statistic, df, level)
        for level in ((1 + confidence) / 2, (1 - confidence) / 2)
    )
    return float(low), float(high)


def safe_exp(value: float) -> float:
    """Return e^value, infinite instead of an overflow.

    >>> safe_exp(0.0), safe_exp(1e6)
    (1.0, inf)
    """
    return math.inf if value > 700 else math.exp(value)
