"""Missing answers: complete cases, "don't know" as an answer, and multiple imputation.

Which handling is right cannot be seen in the data, so a notebook shows several side by side. What
they assume: complete cases, that whether an answer is missing does not depend on the outcome given
the predictors; "don't know" as a level, that not knowing is itself an answer; multiple imputation,
that among respondents alike in all other columns missing answers are like given ones (missing at
random).

The chained equations are written here because no maintained Python package fits: statsmodels' MICE
takes numeric columns only, so that an industry cannot be imputed, and pools the coefficients of one
regression model, without the degrees of freedom of Barnard and Rubin (1999) that a sample of 139
needs; what is pooled here is Kendall's tau-b or an exact odds ratio. scikit-learn's
IterativeImputer is experimental and does not pool. R's mice is the reference: its imputations are
compared with these, and its pooling with `stats.pooling`, in tests/test_imputation.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import linalg, optimize, special

from .errors import AnalysisError
from .stats.pooling import pool_results
from .stats.result import TestResult

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Handled:
    """Data after one way of dealing with missing answers.

    Attributes:
        data: one row per respondent left.
        note: what was done, with the numbers of respondents or answers concerned.
    """

    data: pd.DataFrame
    note: str


def complete_cases(data: pd.DataFrame, columns: Sequence[str] | None = None) -> Handled:
    """Keep the respondents that answered all of the columns (default: all columns of the data).

    Raises:
        AnalysisError: nobody did.
    """
    names = list(data.columns) if columns is None else list(columns)
    kept = data[data[names].notna().all(axis=1)]
    if kept.empty:
        raise AnalysisError(f"no respondent answered all of {', '.join(names)}")
    return Handled(kept, f"{len(kept)} of {len(data)} respondents answered all {len(names)} items")


def dont_know_as_answer(
    data: pd.DataFrame,
    dont_know: pd.DataFrame,
    columns: Sequence[str] | None = None,
    *,
    place: Literal["separate", "lowest", "highest"] = "separate",
    label: str = "don't know",
) -> Handled:
    """Turn "don't know" from a missing value into a level of its own.

    Args:
        data: answers; "don't know" is missing in them, like every other kind of missing value.
        dont_know: boolean, same index and (at least) the same columns: where a respondent chose
            "don't know".
        columns: columns to recode, by default all that both frames have.
        place: `"separate"` makes the column nominal with one more level, for tests of groups.
            `"lowest"` and `"highest"` put it one step beyond the given answers of an ordered
            column, which keeps tests of order applicable: two bounds for what not knowing may mean.
        label: name of the level in a nominal column.

    Raises:
        AnalysisError: an unordered column cannot take `place="lowest"` or `"highest"`.
    """
    names = [c for c in data.columns if c in dont_know] if columns is None else list(columns)
    result = data.copy()
    recoded = 0
    for name in names:
        here = dont_know.loc[data.index, name].fillna(False).astype(bool)
        if (here & data[name].notna()).any():
            raise AnalysisError(f"{name} has both an answer and a {label!r} for a respondent")
        recoded += int(here.sum())
        result[name] = (
            _with_level(data[name], here, label)
            if place == "separate"
            else _beyond(data[name], here, place, label)
        )
    where = "as a level of its own" if place == "separate" else f"as the {place} level"
    return Handled(result, f"{recoded} answers {label!r} in {len(names)} items counted {where}")


def _with_level(values: pd.Series, here: pd.Series, label: str) -> pd.Series:
    if isinstance(values.dtype, pd.CategoricalDtype):
        levels = [str(level) for level in values.cat.categories]
    else:
        levels = [str(level) for level in sorted(values.dropna().unique())]
    words = values.astype("object").map(str, na_action="ignore")
    dtype = pd.CategoricalDtype([*levels, label] if here.any() else levels, ordered=False)
    return words.where(~here, label).astype(dtype)


def _beyond(
    values: pd.Series, here: pd.Series, place: Literal["lowest", "highest"], label: str
) -> pd.Series:
    if isinstance(values.dtype, pd.CategoricalDtype) and values.dtype.ordered:
        levels = list(values.cat.categories)
        levels = [label, *levels] if place == "lowest" else [*levels, label]
        words = values.astype("object").where(~here, label)
        return words.astype(pd.CategoricalDtype(levels, ordered=True))
    if not pd.api.types.is_numeric_dtype(values.dtype):
        raise AnalysisError(f"{values.name} has no order; count {label!r} as a separate level")
    given = np.sort(values.dropna().unique().astype(float))
    step = float(np.diff(given).min()) if len(given) > 1 else 1.0
    beyond = given[0] - step if place == "lowest" else given[-1] + step
    if pd.api.types.is_integer_dtype(values.dtype):
        return values.mask(here, round(beyond))
    return values.mask(here, beyond)


@dataclass(frozen=True, slots=True)
class Imputations:
    """Completed copies of a data set.

    Attributes:
        datasets: m frames like the original, with the missing answers filled.
        filled: answers filled per column.
        trace: mean of the filled answers by column, iteration and imputation (of a nominal column:
            the share of its first level), to judge whether the chains have settled.
        note: how the imputations were made.
    """

    datasets: tuple[pd.DataFrame, ...]
    filled: pd.Series
    trace: pd.DataFrame
    note: str

    def scale_reduction(self) -> pd.Series:
        """Return Gelman and Rubin's potential scale reduction per column over the second half.

        Values well above 1.1 say that the chains have not mixed and more iterations are needed.
        Source: Gelman and Rubin (1992, doi:10.1214/ss/1177011136). NaN with one imputation, or
        where fewer than four iterations were run.
        """
        result = {}
        for column, rows in self.trace.groupby("column", sort=False):
            values = rows.pivot(index="iteration", columns="imputation", values="mean").to_numpy()
            values = values[len(values) // 2 :]
            length, chains = values.shape
            if chains < 2 or length < 2:
                result[column] = math.nan
                continue
            within = values.var(axis=0, ddof=1).mean()
            between = values.mean(axis=0).var(ddof=1)
            result[column] = (
                math.sqrt((length - 1) / length + between / within) if within > 0 else math.nan
            )
        return pd.Series(result, name="scale_reduction", dtype=float)


def impute(
    data: pd.DataFrame,
    *,
    rng: np.random.Generator,
    imputations: int = 20,
    iterations: int = 10,
    donors: int = 5,
    keep_missing: pd.DataFrame | None = None,
) -> Imputations:
    """Fill missing answers several times by chained equations.

    Each incomplete column in turn is predicted from all others. Ordered columns (numbers,
    booleans, ordered categories) take the answer of one of the `donors` respondents with the
    closest prediction, where the prediction for the missing answer uses coefficients drawn from
    their posterior (predictive mean matching, type 1); a filled answer is thus always one that
    somebody gave. Nominal columns are drawn from a multinomial logistic model fitted to a bootstrap
    sample with a weak ridge penalty.

    Args:
        data: the columns of the analysis, its outcome included, and whatever predicts them or
            their being missing. With n respondents keep it well below n/5 columns. Scales are
            derived after imputing their items.
        rng: source of randomness; each imputation gets a stream of its own.
        imputations: completed data sets, about one per percent of incomplete respondents (White,
            Royston and Wood 2011, doi:10.1002/sim.4067).
        iterations: rounds over the columns.
        donors: respondents to choose from.
        keep_missing: boolean, where an answer does not exist (item not shown): not filled.

    Raises:
        AnalysisError: a column has fewer than two distinct answers, or fewer answers than donors.

    Sources: van Buuren (2018), Flexible Imputation of Missing Data, chapters 3 and 4, algorithms
    3.1 and 3.3; the same choices as R's mice for "pmm". Predictive mean matching cannot reach
    beyond the given answers, and at n = 139 with more than about 30 % missing its intervals are
    slightly too short.
    """
    if imputations < 1 or iterations < 1 or donors < 1:
        raise ValueError("imputations, iterations and donors must be at least 1")
    columns = [_column(data[name], donors) for name in data.columns]
    incomplete = sorted((c for c in columns if c.missing.any()), key=lambda c: c.missing.sum())
    completed, traces = [], []
    for number, stream in enumerate(rng.spawn(imputations)):
        sources = {c.name: _any_answer(c, stream) for c in incomplete}
        blocks = {c.name: _block(c, sources.get(c.name)) for c in columns}
        for iteration in range(iterations):
            for column in incomplete:
                others = [blocks[c.name] for c in columns if c.name != column.name]
                design = np.column_stack([np.ones(len(data)), *others])
                source = (
                    _matched(column, design, donors, stream)
                    if column.levels is None
                    else _drawn_level(column, design, stream)
                )
                sources[column.name] = source
                blocks[column.name] = _block(column, source)
                filled = column.values[source[column.missing]]
                mean = filled.mean() if column.levels is None else (filled == 0).mean()
                traces.append((column.name, iteration, number, float(mean)))
        frame = data.copy()
        for column in incomplete:
            taken = data[column.name].take(sources[column.name]).set_axis(data.index)
            if keep_missing is not None and column.name in keep_missing:
                absent = keep_missing.loc[data.index, column.name].fillna(False).astype(bool)
                taken = taken.mask(absent & data[column.name].isna())
            frame[column.name] = taken
        completed.append(frame)
    filled_counts = pd.Series(
        {name: int(data[name].isna().sum() - completed[0][name].isna().sum()) for name in data},
        name="filled",
        dtype="int64",
    )
    note = (
        f"{imputations} imputations by chained equations, {iterations} iterations, predictive mean "
        f"matching with {donors} donors; {int(filled_counts.sum())} answers filled"
    )
    trace = pd.DataFrame(traces, columns=["column", "iteration", "imputation", "mean"])
    return Imputations(tuple(completed), filled_counts, trace, note)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column as numbers: scores, or positions of `levels` if nominal; NaN where missing."""

    name: str
    values: FloatArray
    missing: BoolArray
    levels: int | None


def _column(values: pd.Series, donors: int) -> _Column:
    name = str(values.name)
    missing = values.isna().to_numpy(dtype=bool)
    levels: int | None = None
    if isinstance(values.dtype, pd.CategoricalDtype) and values.dtype.ordered:
        numbers = values.cat.codes.to_numpy().astype(float)
    elif pd.api.types.is_numeric_dtype(values.dtype):
        numbers = values.to_numpy(dtype=float, na_value=np.nan)
    else:
        codes, found = pd.factorize(values, sort=True)
        numbers, levels = codes.astype(float), len(found)
    numbers = np.where(missing, np.nan, numbers)
    answers = numbers[~missing]
    if missing.any():
        if len(np.unique(answers)) < 2:
            raise AnalysisError(f"{name} cannot be imputed: fewer than two distinct answers")
        if len(answers) < donors:
            raise AnalysisError(f"{name} cannot be imputed: {len(answers)} answers, too few")
    return _Column(name, numbers, missing, levels)


def _any_answer(column: _Column, rng: np.random.Generator) -> IntArray:
    """Return for each respondent whose answer to take: their own, or anybody's if missing."""
    source = np.arange(len(column.values))
    given = np.flatnonzero(~column.missing)
    source[column.missing] = rng.choice(given, size=int(column.missing.sum()))
    return source


def _block(column: _Column, source: IntArray | None) -> FloatArray:
    """Return the column as predictors of others: a standard score, or indicators of its levels."""
    values = column.values if source is None else column.values[source]
    if column.levels is not None:
        return np.eye(column.levels)[values.astype(np.int64)][:, 1:]
    spread = values.std()
    return ((values - values.mean()) / (spread if spread > 0 else 1.0))[:, None]


def _matched(
    column: _Column, design: FloatArray, donors: int, rng: np.random.Generator
) -> IntArray:
    given = np.flatnonzero(~column.missing)
    x, y = design[given], column.values[given]
    gram = x.T @ x
    covariance = linalg.inv(gram + 1e-5 * np.diag(np.diag(gram)) + 1e-12 * np.eye(len(gram)))
    coefficients = covariance @ (x.T @ y)
    residual = y - x @ coefficients
    scatter = math.sqrt(
        float(residual @ residual) / rng.chisquare(max(len(given) - design.shape[1], 1))
    )
    root = linalg.cholesky((covariance + covariance.T) / 2, lower=True)
    drawn = coefficients + scatter * (root @ rng.standard_normal(len(coefficients)))
    predicted = x @ coefficients
    wanted = design[column.missing] @ drawn
    # Noise far below any real difference picks at random among equally close donors.
    distance = np.abs(predicted[None, :] - wanted[:, None])
    distance += rng.random(distance.shape) * 1e-9 * (float(np.ptp(predicted)) + 1e-12)
    nearest = np.argpartition(distance, min(donors, len(given)) - 1, axis=1)[:, :donors]
    pick = rng.integers(nearest.shape[1], size=len(nearest))
    source = np.arange(len(column.values))
    source[column.missing] = given[nearest[np.arange(len(nearest)), pick]]
    return source


def _drawn_level(column: _Column, design: FloatArray, rng: np.random.Generator) -> IntArray:
    assert column.levels is not None
    given = np.flatnonzero(~column.missing)
    sample = rng.choice(given, size=len(given))
    weights = _multinomial_logit(
        design[sample], column.values[sample].astype(np.int64), column.levels
    )
    chances = special.softmax(design[column.missing] @ weights, axis=1)
    position = (chances.cumsum(axis=1) < rng.random((len(chances), 1))).sum(axis=1)
    source = np.arange(len(column.values))
    holders = [given[column.values[given] == level] for level in range(column.levels)]
    source[column.missing] = [
        rng.choice(holders[min(level, column.levels - 1)]) for level in position
    ]
    return source


def _multinomial_logit(
    design: FloatArray, level: IntArray, levels: int, ridge: float = 0.01
) -> FloatArray:
    """Return (columns, levels) weights of a multinomial logistic model.

    A penalty on all slopes and half an answer shared among the levels keep them finite when a
    level is separated or absent from the sample.
    """
    wanted = np.eye(levels)[level]
    prior = 0.5 / levels

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        weights = flat.reshape(design.shape[1], levels)
        # Written out: the general function costs more than all the rest in tables this small.
        linear = design @ weights
        linear -= linear.max(axis=1, keepdims=True)
        log_chances = linear - np.log(np.exp(linear).sum(axis=1, keepdims=True))
        constant = weights[0] - weights[0].max()
        constant -= np.log(np.exp(constant).sum())
        value = -(wanted * log_chances).sum() - prior * constant.sum()
        value += ridge / 2 * (weights[1:] ** 2).sum()
        gradient = design.T @ (np.exp(log_chances) - wanted)
        gradient[0] += 0.5 * np.exp(constant) - prior
        gradient[1:] += ridge * weights[1:]
        return float(value), gradient.ravel()

    start = np.zeros(design.shape[1] * levels)
    found = optimize.minimize(
        loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200, "ftol": 1e-8}
    )
    return np.asarray(found.x).reshape(design.shape[1], levels)


def under_each_handling(
    data: pd.DataFrame,
    analyse: Callable[[pd.DataFrame], TestResult],
    *,
    rng: np.random.Generator,
    dont_know: pd.DataFrame | None = None,
    keep_missing: pd.DataFrame | None = None,
    imputations: int = 20,
    analyse_groups: Callable[[pd.DataFrame], TestResult] | None = None,
    completed: Imputations | None = None,
    analyse_completed: Callable[[pd.DataFrame], TestResult] | None = None,
    impute_missing: bool = True,
) -> dict[str, TestResult]:
    """Run one analysis under every handling of missing answers.

    Args:
        data: columns of the analysis and auxiliary columns for the imputation.
        analyse: takes a frame like `data`; leaves out respondents with missing answers.
        rng: source of randomness of the imputation.
        dont_know, keep_missing: as in `dont_know_as_answer` and `impute`.
        imputations: completed data sets.
        analyse_groups: analysis for "don't know" as a nominal level; left out if None.
        completed: imputations of these data made before, so that several analyses share them.
        analyse_completed: analysis of a completed data set, default `analyse`; pooling replaces its
            p-value, so that it need not be resampled.
        impute_missing: False leaves multiple imputation out.

    Returns:
        Results by handling: complete cases; don't know as lowest and as highest level (columns
        with an order and more than two levels) and as separate level; multiple imputation. A
        handling that has nothing to handle is left out.
    """
    results = {"complete cases": analyse(data)}
    if dont_know is not None:
        ordered = [str(c) for c in data if c in dont_know and _can_grow(data[c], dont_know[c])]
        if ordered:
            places: tuple[Literal["lowest", "highest"], ...] = ("lowest", "highest")
            for place in places:
                handled = dont_know_as_answer(data, dont_know, ordered, place=place)
                results[f"don't know as {place} level"] = analyse(handled.data)
        if analyse_groups is not None:
            handled = dont_know_as_answer(data, dont_know)
            results["don't know as separate level"] = analyse_groups(handled.data)
    if impute_missing and data.isna().any(axis=None):
        if completed is None:
            completed = impute(data, rng=rng, imputations=imputations, keep_missing=keep_missing)
        pooled = analyse if analyse_completed is None else analyse_completed
        results["multiple imputation"] = pool_results(
            [pooled(frame) for frame in completed.datasets]
        )
    return results


def _can_grow(values: pd.Series, dont_know: pd.Series) -> bool:
    """Tell whether "don't know" occurs and can be put beyond the levels of an ordered column."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        ordered = bool(values.dtype.ordered)
    else:
        ordered = pd.api.types.is_numeric_dtype(values.dtype)
    return ordered and bool(dont_know.any()) and values.nunique() > 2
