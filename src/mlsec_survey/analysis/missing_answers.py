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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.pooling import pool_results
from mlsec_survey.stats.result import TestResult

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

# Squares and products of predictors that a model holds at once: a bound of memory.
_VALUES_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class Handled:
    """Data after one way of dealing with missing answers.

    Attributes:
        data: one row per respondent left.
        note: what was done, with the numbers of respondents or answers concerned.
    """

    data: pd.DataFrame
    note: str


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
        rng: source of randomness.
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
    # All chains run side by side: a step is one operation on arrays (imputations × …).
    sources = {c.name: _any_answer(c, imputations, rng) for c in incomplete}
    own = np.broadcast_to(np.arange(len(data)), (imputations, len(data)))
    blocks = {c.name: _block(c, sources.get(c.name, own)) for c in columns}
    constant = np.ones((*own.shape, 1))
    means = np.empty((iterations, len(incomplete), imputations))
    for iteration in range(iterations):
        for at, column in enumerate(incomplete):
            others = [blocks[c.name] for c in columns if c.name != column.name]
            design = np.concatenate([constant, *others], axis=-1)
            source = (
                _matched(column, design, donors, rng)
                if column.levels is None
                else _drawn_level(column, design, rng)
            )
            sources[column.name] = source
            blocks[column.name] = _block(column, source)
            filled = column.values[source[:, column.missing]]
            means[iteration, at] = (filled if column.levels is None else filled == 0).mean(axis=1)
    completed = [
        _completed(data, {name: source[number] for name, source in sources.items()}, keep_missing)
        for number in range(imputations)
    ]
    filled_counts = pd.Series(
        {name: int(data[name].isna().sum() - completed[0][name].isna().sum()) for name in data},
        name="filled",
        dtype="int64",
    )
    note = (
        f"{imputations} imputations by chained equations, {iterations} iterations, predictive mean "
        f"matching with {donors} donors; {int(filled_counts.sum())} answers filled"
    )
    names = [column.name for column in incomplete]
    axes = [range(iterations), names, range(imputations)]
    index = pd.MultiIndex.from_product(axes, names=["iteration", "column", "imputation"])
    trace = pd.Series(means.ravel(), index, name="mean").reset_index()
    return Imputations(tuple(completed), filled_counts, trace, note)


def impute_by_parts(
    data: pd.DataFrame,
    parts: Mapping[str, pd.DataFrame],
    *,
    rng: np.random.Generator,
    imputations: int = 20,
    iterations: int = 10,
) -> Imputations:
    """Impute 0/1 quantities part by part, and derive them anew in every completed data set.

    Whether any of several things was met is known of who met one and unknown of who does not know
    of all others. Imputed as a whole, its unknown values would be drawn from respondents all of
    whose parts are known; imputed by parts, what a respondent did answer counts.

    Args:
        data: as for `impute`.
        parts: by column of the data the indicators of its parts (1, 0 or NaN), same respondents;
            the column is 1 where any part is. A part that nobody or everybody known has cannot be
            imputed and is taken as not met where unknown.
        rng, imputations, iterations: as for `impute`.

    Raises:
        AnalysisError: as for `impute`.
    """
    indicators = {
        f"{name} {part}": values[part]
        for name, values in parts.items()
        for part in values
        if values[part].nunique() > 1
    }
    frame = data.drop(columns=list(parts)).assign(**indicators)
    completed = impute(frame, rng=rng, imputations=imputations, iterations=iterations)

    def derived(filled: pd.DataFrame) -> pd.DataFrame:
        met = {}
        for name, values in parts.items():
            own = [f"{name} {part}" for part in values if f"{name} {part}" in filled]
            met[name] = (filled[own].eq(1).any(axis=1) | values.eq(1).any(axis=1)).astype(float)
        return filled.assign(**met)[list(data.columns)]

    datasets = tuple(derived(filled) for filled in completed.datasets)
    return replace(completed, datasets=datasets)


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


def _completed(
    data: pd.DataFrame, sources: dict[str, IntArray], keep_missing: pd.DataFrame | None
) -> pd.DataFrame:
    """Return the data with each column taken from the respondents that `sources` names."""
    filled = {}
    for name in data:
        values = data[name].array
        if str(name) in sources:
            taken = values.take(sources[str(name)])
            if keep_missing is not None and name in keep_missing:
                absent = keep_missing[name].loc[data.index].fillna(False).to_numpy(dtype=bool)
                taken[absent & values.isna()] = values.dtype.na_value
            values = taken
        filled[name] = values
    return pd.DataFrame(filled, index=data.index)


def _any_answer(column: _Column, imputations: int, rng: np.random.Generator) -> IntArray:
    """Return for each respondent whose answer to take: their own, or anybody's if missing."""
    given = np.flatnonzero(~column.missing)
    return _sources(column, rng.choice(given, size=(imputations, int(column.missing.sum()))))


def _sources(column: _Column, taken: IntArray) -> IntArray:
    """Return whose answer each respondent has, given those for who lacks one (imputations × …)."""
    source = np.tile(np.arange(len(column.values)), (len(taken), 1))
    source[:, column.missing] = taken
    return source


def _block(column: _Column, source: IntArray) -> FloatArray:
    """Return the column as predictors of others: a standard score, or indicators of its levels."""
    values = column.values[source]
    if column.levels is not None:
        return np.eye(column.levels)[values.astype(np.int64)][..., 1:]
    spread = values.std(axis=1, keepdims=True)
    centred = values - values.mean(axis=1, keepdims=True)
    return (centred / np.where(spread > 0, spread, 1.0))[..., None]


def _matched(
    column: _Column, design: FloatArray, donors: int, rng: np.random.Generator
) -> IntArray:
    given = np.flatnonzero(~column.missing)
    x, y = design[:, given], column.values[given]
    size = design.shape[-1]
    across = np.swapaxes(x, 1, 2)
    gram = across @ x
    covariance = np.linalg.inv(gram + np.eye(size) * (1e-5 * gram + 1e-12))
    coefficients = (covariance @ (across @ y)[..., None])[..., 0]
    predicted = (x @ coefficients[..., None])[..., 0]
    residual = ((y - predicted) ** 2).sum(axis=1)
    scatter = np.sqrt(residual / rng.chisquare(max(len(given) - size, 1), size=len(x)))
    root = np.linalg.cholesky((covariance + np.swapaxes(covariance, 1, 2)) / 2)
    noise = root @ rng.standard_normal((*coefficients.shape, 1))
    drawn = coefficients[..., None] + scatter[:, None, None] * noise
    wanted = (design[:, column.missing] @ drawn)[..., 0]
    picked = [_near(p, w, donors, rng) for p, w in zip(predicted, wanted, strict=True)]
    return _sources(column, given[np.array(picked)])


def _near(
    predicted: FloatArray, wanted: FloatArray, donors: int, rng: np.random.Generator
) -> IntArray:
    """Return for each wanted value one of the donors nearest to it, at random.

    Among sorted donors the nearest stand side by side, so that cost grows with respondents and not
    with their square. Where more donors than that are equally near, it is one of all of these.
    """
    # Equal predictions stand in random order.
    order = rng.permutation(len(predicted))
    order = order[np.argsort(predicted[order], kind="stable")]
    values, count = predicted[order], min(donors, len(predicted))
    start = np.searchsorted(values, wanted) - count
    window = np.clip(start[:, None] + np.arange(2 * count), 0, len(values) - 1)
    distance = np.abs(values[window] - wanted[:, None])
    # A place that the clipping repeats counts once.
    distance[:, 1:][window[:, 1:] == window[:, :-1]] = np.inf
    nearest = np.argsort(distance, axis=1, kind="stable")
    pick = nearest[np.arange(len(wanted)), rng.integers(count, size=len(wanted))]
    at = window[np.arange(len(wanted)), pick]
    closest = values[window[np.arange(len(wanted)), nearest[:, 0]]]
    low, high = np.searchsorted(values, closest), np.searchsorted(values, closest, side="right")
    alike = low + (rng.random(len(wanted)) * (high - low)).astype(np.int64)
    return order[np.where(high - low >= count, alike, at)]


def _drawn_level(column: _Column, design: FloatArray, rng: np.random.Generator) -> IntArray:
    assert column.levels is not None
    given = np.flatnonzero(~column.missing)
    level = column.values[given].astype(np.int64)
    times = rng.multinomial(len(given), np.full(len(given), 1 / len(given)), size=len(design))
    together = max(1, _VALUES_AT_ONCE // (len(given) * design.shape[2] ** 2))
    weights = np.concatenate(
        [
            _multinomial_logit(
                design[at : at + together, given], level, times[at : at + together], column.levels
            )
            for at in range(0, len(design), together)
        ]
    )
    chances = special.softmax(design[:, column.missing] @ weights, axis=2)
    position = (chances.cumsum(axis=2) < rng.random((*chances.shape[:2], 1))).sum(axis=2)
    position = np.minimum(position, column.levels - 1)
    # One of the holders of the level at random, by their place among all sorted by level.
    holders, count = np.argsort(level, kind="stable"), np.bincount(level, minlength=column.levels)
    place = (np.cumsum(count) - count)[position] + rng.integers(count[position])
    return _sources(column, given[holders[place]])


def _multinomial_logit(
    design: FloatArray, level: IntArray, times: IntArray, levels: int, ridge: float = 0.01
) -> FloatArray:
    """Fit multinomial logistic models to several samples by Newton's method.

    A penalty on all slopes and half an answer shared among the levels keep the weights finite when
    a level is separated or absent from a sample.

    Args:
        design: samples × respondents × columns, the first of them constant.
        level: of each respondent.
        times: how often each respondent is in a sample, samples × respondents.
        levels: their number.
        ridge: factor of half the squared slopes in the penalty, where they add up to 0 over levels.

    Returns:
        Weights (samples × columns × levels); those of the last level are 0.
    """
    samples, _, columns = design.shape
    free = levels - 1
    # Half an answer is half of one more respondent, whose columns but the first are 0.
    x = np.concatenate([design, np.tile(np.eye(1, columns), (samples, 1, 1))], axis=1)
    wanted = np.vstack([np.eye(levels)[level], np.full(levels, 1 / levels)])
    times = np.column_stack([times, np.full(samples, 0.5)])[..., None]
    squares = (x[..., None] * x[..., None, :]).reshape(samples, -1, columns**2)
    slopes = np.diag(np.append(0.0, np.full(columns - 1, ridge)))
    penalty = np.kron(np.eye(free) - 1 / levels, slopes)

    def chances_and_value(weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        linear = np.zeros((len(x), x.shape[1], levels))
        linear[..., :free] = x @ np.swapaxes(weights.reshape(-1, free, columns), 1, 2)
        linear -= linear.max(axis=2, keepdims=True)
        chances = np.exp(linear)
        total = chances.sum(axis=2, keepdims=True)
        value = (times * (wanted * (linear - np.log(total)))).sum(axis=(1, 2))
        return chances / total, value - ((weights @ penalty) * weights).sum(axis=1) / 2

    weights = np.zeros((samples, free * columns))
    active, current = np.arange(samples), weights
    chances, value = chances_and_value(current)
    for _ in range(50):
        residual = (times * (wanted - chances))[..., :free]
        gradient = (np.swapaxes(residual, 1, 2) @ x).reshape(len(x), -1) - current @ penalty
        chance = chances[..., :free]
        spread = chance[..., None] * (np.eye(free) - chance[..., None, :]) * times[..., None]
        information = np.swapaxes(spread.reshape(*chance.shape[:2], -1), 1, 2) @ squares
        information = information.reshape(-1, free, free, columns, columns).swapaxes(2, 3)
        information = information.reshape(len(x), free * columns, -1) + penalty
        step = np.linalg.solve(information, gradient[..., None])[..., 0]
        gain = (step * gradient).sum(axis=1)
        for _ in range(30):
            chances, reached = chances_and_value(current + step)
            worse = reached < value - 1e-9 * np.abs(value)
            if not worse.any():
                break
            step[worse] /= 2
        weights[active] = current + step
        # A step that would gain so little leaves next to nothing to the following ones.
        more = gain > 1e-4
        if not more.any():
            full = np.zeros((samples, columns, levels))
            full[..., :free] = np.swapaxes(weights.reshape(samples, free, columns), 1, 2)
            return full
        active, value, chances = active[more], reached[more], chances[more]
        current, x, squares, times = weights[active], x[more], squares[more], times[more]
    raise AnalysisError("the model of a nominal column did not converge")


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
