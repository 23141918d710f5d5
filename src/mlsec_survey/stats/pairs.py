"""Two variables made ready for a test: aligned, complete, read at their level of measurement."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlsec_survey.base.errors import AnalysisError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def complete_pairs(outcome: pd.Series, predictor: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Align two variables by index and keep the respondents with both.

    >>> met, size = pd.Series([1, np.nan, 3, 4]), pd.Series([5, 6, np.nan, 8])
    >>> outcome, predictor = complete_pairs(met, size)
    >>> outcome.tolist(), predictor.tolist()
    ([1.0, 4.0], [5.0, 8.0])

    Raises:
        AnalysisError: fewer than two respondents have both.
        ValueError: an index has duplicates, so that alignment is ambiguous.
    """
    if not (outcome.index.is_unique and predictor.index.is_unique):
        raise ValueError("the index must name each respondent once")
    if not outcome.index.equals(predictor.index):
        index = outcome.index.intersection(predictor.index, sort=False)
        outcome, predictor = outcome.loc[index], predictor.loc[index]
    complete = ~(pd.isna(outcome.array) | pd.isna(predictor.array))
    if complete.sum() < 2:
        raise AnalysisError(f"{complete.sum()} respondents have both variables; two are needed")
    if complete.all():
        return outcome, predictor
    return outcome[complete], predictor[complete]


def as_scores(values: pd.Series) -> FloatArray:
    """Read an ordered variable as numbers: ordered categories count from 0, numbers stay.

    Categories that nobody chose keep their place, so that a step always means one option.

    >>> options = pd.CategoricalDtype(["low", "middle", "high"], ordered=True)
    >>> as_scores(pd.Series(["low", "high"], dtype=options)).tolist()
    [0.0, 2.0]

    Raises:
        AnalysisError: the variable is constant, infinite, or has no order.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        if not values.dtype.ordered:
            raise AnalysisError(f"{_name(values)} has no order, which this test needs")
        scores = values.cat.codes.to_numpy().astype(float)
    elif pd.api.types.is_bool_dtype(values.dtype) or pd.api.types.is_numeric_dtype(values.dtype):
        scores = values.to_numpy(dtype=float)
    else:
        try:
            scores = np.array([float(_plain_number(value)) for value in values])
        except TypeError:
            raise AnalysisError(f"{_name(values)} has no order, which this test needs") from None
    if not np.isfinite(scores).all():
        raise AnalysisError(f"{_name(values)} has infinite or missing values")
    if np.ptp(scores) == 0:
        raise AnalysisError(f"{_name(values)} is the same for all {len(scores)} respondents")
    return scores


def as_binary(values: pd.Series) -> BoolArray:
    """Read a variable of two values as true (1, True, or the second ordered category) or false.

    >>> as_binary(pd.Series([0, 1, 1])).tolist()
    [False, True, True]

    Raises:
        AnalysisError: the variable is constant, or not coded as two ordered values.
    """
    scores = as_scores(values)
    if not np.isin(scores, (0.0, 1.0)).all():
        raise AnalysisError(f"{_name(values)} must be coded as two values, 0 and 1")
    return scores == 1.0


def as_groups(values: pd.Series) -> tuple[IntArray, list[object]]:
    """Number the groups that occur: in category order if there is one, else sorted.

    >>> group, labels = as_groups(pd.Series(["health", "bank", "health"]))
    >>> group.tolist(), labels
    ([1, 0, 1], ['bank', 'health'])

    Returns:
        The group of each respondent, counted from 0, and the label of each group.

    Raises:
        AnalysisError: everybody is in one group.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        used = values.cat.remove_unused_categories()
        codes, labels = used.cat.codes.to_numpy().astype(np.int64), list(used.cat.categories)
    else:
        raw, uniques = pd.factorize(values, sort=True)
        codes, labels = raw.astype(np.int64), list(uniques)
    if len(labels) < 2:
        raise AnalysisError(f"{_name(values)} is the same for all {len(codes)} respondents")
    return codes, labels


def check_confidence(confidence: float) -> None:
    """Raise ValueError unless the confidence level lies strictly between 0 and 1.

    >>> check_confidence(0.95)
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")


def _plain_number(value: object) -> float:
    if isinstance(value, bool | int | float | np.bool_ | np.number):
        return float(value)
    raise TypeError


def _name(values: pd.Series) -> str:
    return "the variable" if values.name is None else f"the variable {values.name!r}"
