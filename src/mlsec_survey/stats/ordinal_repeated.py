"""Cumulative-logit regression where one respondent gives several ratings.

The marginal model logit P(Y <= level) = a_level - x·b is fitted by the estimating equations of
independent ratings; the covariance of the estimates is the sandwich with respondents as clusters
(Liang and Zeger 1986, doi:10.1093/biomet/73.1.13; for ordinal data Lipsitz, Kim and Zhao 1994,
doi:10.1002/sim.4780131106). So the coefficients speak of the population of respondents, and no
shape of dependence between a respondent's ratings is assumed. What is assumed is that skipping does
not depend on ratings, and that coefficients are the same at every threshold, which
`parallel_check` tests.

Ratings are reduced to distinct rows, and a respondent's part of the covariance is a sum over her
rows: work and memory grow with respondents × ratings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special, stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.ordinal import ordinal_fit
from mlsec_survey.stats.pairs import FloatArray, IntArray, check_confidence
from mlsec_survey.stats.result import TestResult

METHOD = "cumulative-logit model, respondents as clusters"


@dataclass(frozen=True, slots=True)
class RepeatedOrdinal:
    """A fitted model of several ratings per respondent.

    Attributes:
        n: respondents with at least one rating used.
        ratings: ratings used.
        objects: one row per rated object: ratings (count), estimate (log odds of a higher rating
            against the average of the objects), se, low, high, p (of no difference from it).
        predictors: one row per predictor: estimate (log odds ratio), se, low, high, p.
        difference: joint test that all objects are rated alike.
        thresholds: a_level, where x is 0 and the object is the average one.
        coefficients: of thresholds, of all objects but the first (against the first), predictors.
        covariance: of `coefficients`, with the factor n/(n - 1).
        naive: the covariance that independent ratings would have.
        notes: what a reader has to know.
    """

    n: int
    ratings: int
    objects: pd.DataFrame
    predictors: pd.DataFrame
    difference: TestResult
    thresholds: FloatArray
    coefficients: FloatArray
    covariance: FloatArray
    naive: FloatArray
    notes: tuple[str, ...]


def repeated_ordinal(
    ratings: pd.DataFrame,
    predictors: Mapping[str, pd.DataFrame] | None = None,
    *,
    confidence: float = 0.95,
) -> RepeatedOrdinal:
    """Regress ratings on what is rated, and on predictors of each rating.

    >>> ratings = pd.DataFrame({"a": [1, 2, 1, 2, 3, 1], "b": [2, 3, 3, 1, 3, 2]})
    >>> fit = repeated_ordinal(ratings)
    >>> fit.n
    6

    Args:
        ratings: respondents × objects of ordered values, missing where skipped.
        predictors: per name a table of the shape of `ratings` with a number per rating; a rating
            counts only if it has all of them.
        confidence: level of the intervals, which use Student's t with n - 1 degrees of freedom.

    Returns:
        The fitted model. Its joint test is Wald's on the F distribution of Hotelling's T².

    Raises:
        AnalysisError: fewer than two levels occur, an object has no ratings, the model has no
            maximum, or there are not more respondents than coefficients.
    """
    check_confidence(confidence)
    extra = {} if predictors is None else dict(predictors)
    cells = _Cells.of(ratings, extra)
    k, p, levels = cells.objects, len(extra), cells.levels
    rows, row = np.unique(cells.matrix(), axis=0, return_inverse=True)
    counted = np.zeros((len(rows), levels))
    np.add.at(counted, (row, cells.level), cells.counts)
    fit = ordinal_fit(counted[None], rows)
    thresholds, slopes = fit.thresholds[0], fit.coefficients[0]
    naive = fit.covariance[0]
    covariance = _sandwich(thresholds, slopes, naive, cells)
    n = cells.n
    q = levels - 1
    size = q + k - 1 + p
    if n <= size:
        raise AnalysisError(f"{n} respondents are too few for a model of {size} coefficients")
    deviation = against_average(k, q, size)
    theta = np.concatenate([thresholds, slopes])
    between_objects = deviation @ covariance @ deviation.T
    objects = estimates(deviation @ theta, between_objects, n - 1, confidence)
    objects.index = ratings.columns
    objects.insert(0, "ratings", np.bincount(cells.object, weights=cells.counts, minlength=k))
    objects["ratings"] = objects["ratings"].astype(int)
    chosen = slice(q + k - 1, size)
    table = estimates(theta[chosen], covariance[chosen, chosen], n - 1, confidence)
    table.index = pd.Index(list(extra), name="predictor")
    between = slice(q, q + k - 1)
    wald, f, p_value = _hotelling(theta[between], covariance[between, between], n)
    log_odds = objects["estimate"].to_numpy()
    deviation_size = math.sqrt(float(np.mean(log_odds**2)))
    # Delta method for the root mean square of the deviations.
    gradient = log_odds @ deviation / (k * deviation_size) if deviation_size else np.zeros(size)
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1))
    half *= math.sqrt(float(gradient @ covariance @ gradient))
    notes = ("sandwich covariance with respondents as clusters",)
    return RepeatedOrdinal(
        n=n,
        ratings=int(cells.counts.sum()),
        objects=objects,
        predictors=table,
        difference=TestResult(
            method=METHOD,
            effect="standard deviation of log odds",
            estimate=deviation_size,
            low=max(0.0, deviation_size - half),
            high=deviation_size + half,
            n=n,
            statistic=f,
            p=p_value,
            confidence=confidence,
            notes=(
                *notes,
                "F test of Hotelling's form; interval of the spread by the delta method",
            ),
            extra={"df": float(k - 1), "df_residual": float(n - k + 1), "wald": wald},
        ),
        thresholds=thresholds - theta[between].sum() / k,
        coefficients=theta,
        covariance=covariance,
        naive=naive,
        notes=notes,
    )


@dataclass(frozen=True, slots=True)
class ParallelCheck:
    """Whether the objects differ alike at every threshold of the scale.

    Attributes:
        statistic: F of the Wald test that they do.
        df, df_residual: its degrees of freedom.
        p: large: no evidence against, which is not evidence for it.
        n: respondents used.
        thresholds: the values at which it was compared; sparse ones are left out.
        by_threshold: one row per object and threshold: object, at_least (value), estimate (log odds
            of a rating at or above it, against the average of the objects), low, high.
    """

    statistic: float
    df: int
    df_residual: int
    p: float
    n: int
    thresholds: tuple[float, ...]
    by_threshold: pd.DataFrame


def parallel_check(
    ratings: pd.DataFrame, *, least: int = 5, confidence: float = 0.95
) -> ParallelCheck:
    """Test proportional odds between the rated objects, with respondents as clusters.

    Brant's (1990, Biometrics 46:1171) comparison of the binary regressions at each threshold, with
    the sandwich covariance over respondents in the place of that of independent ratings. A
    threshold counts if every object has at least `least` ratings on either side of it.

    >>> rng = np.random.default_rng(1)
    >>> ratings = pd.DataFrame(rng.integers(1, 5, (60, 2)), columns=["a", "b"])
    >>> parallel_check(ratings).df
    2

    Raises:
        AnalysisError: fewer than two thresholds are left, so that there is nothing to compare, or
            there are too few respondents for the test.
    """
    check_confidence(confidence)
    values = ratings.to_numpy(dtype=float, na_value=math.nan)
    given = ~np.isnan(values)
    cuts = _usable_cuts(values, least)
    if len(cuts) < 2:
        raise AnalysisError("fewer than two thresholds are left: there is nothing to compare")
    k = values.shape[1]
    n = int(given.any(axis=1).sum())
    above = values[:, None, :] >= np.array(cuts)[:, None]
    rated = given.sum(axis=0)
    share = (above & given[:, None, :]).sum(axis=0) / rated
    # What each respondent adds to the estimated log odds, by the delta method.
    influence = np.where(given[:, None, :], above - share, 0.0) / (rated * share * (1 - share))
    influence = influence.reshape(len(values), -1)
    covariance = influence.T @ influence * n / (n - 1)
    log_odds = special.logit(share).ravel()
    centred = np.kron(np.eye(len(cuts)), np.eye(k) - 1 / k)
    deviations = estimates(centred @ log_odds, centred @ covariance @ centred.T, n - 1, confidence)
    by_threshold = deviations[["estimate", "low", "high"]].assign(
        object=list(ratings.columns) * len(cuts), at_least=np.repeat(cuts, k)
    )
    within = np.column_stack([-np.ones((k - 1, 1)), np.eye(k - 1)])
    against_first = np.column_stack([-np.ones((len(cuts) - 1, 1)), np.eye(len(cuts) - 1)])
    contrast = np.kron(against_first, within)
    if n <= len(contrast):
        raise AnalysisError(f"{n} respondents are too few to test {len(contrast)} contrasts")
    _, f, p = _hotelling(contrast @ log_odds, contrast @ covariance @ contrast.T, n)
    return ParallelCheck(
        statistic=f,
        df=len(contrast),
        df_residual=n - len(contrast),
        p=p,
        n=n,
        thresholds=tuple(cuts),
        by_threshold=by_threshold[["object", "at_least", "estimate", "low", "high"]],
    )


@dataclass(frozen=True, slots=True)
class _Cells:
    """Distinct combinations of object, predictors and level, and which each respondent has.

    Attributes:
        object, level, values, counts: per distinct combination; `values` are the predictors.
        respondent, cell: per rating: the respondent's number and the combination's.
    """

    object: IntArray
    level: IntArray
    values: FloatArray
    counts: IntArray
    respondent: IntArray
    cell: IntArray
    objects: int
    levels: int
    n: int

    @classmethod
    def of(cls, ratings: pd.DataFrame, predictors: Mapping[str, pd.DataFrame]) -> _Cells:
        y = ratings.to_numpy(dtype=float, na_value=math.nan)
        tables = [table.to_numpy(dtype=float, na_value=math.nan) for table in predictors.values()]
        if any(table.shape != y.shape for table in tables):
            raise ValueError("each predictor needs one value per rating")
        used = ~np.isnan(y)
        for table in tables:
            used &= ~np.isnan(table)
        if not used.any(axis=0).all():
            raise AnalysisError("nobody rated one of the objects")
        rows, objects = np.nonzero(used)
        columns = [objects.astype(float), y[used], *(table[used] for table in tables)]
        key = np.zeros(len(rows), dtype=np.int64)
        scales: list[FloatArray] = []
        for column in columns:
            scale, place = np.unique(column, return_inverse=True)
            key = key * len(scale) + place
            scales.append(scale)
        if math.prod(len(scale) for scale in scales) >= 2**62:
            raise AnalysisError("the predictors take too many values together")
        keys, cell, counts = np.unique(key, return_inverse=True, return_counts=True)
        parts = []
        for scale in reversed(scales):
            parts.append(keys % len(scale))
            keys = keys // len(scale)
        codes = parts[::-1]
        if len(scales[1]) < 2:
            raise AnalysisError("all ratings are the same")
        people, respondent = np.unique(rows, return_inverse=True)
        return cls(
            object=codes[0],
            level=codes[1],
            values=np.column_stack(
                [np.zeros((len(counts), 0))]
                + [scale[code] for scale, code in zip(scales[2:], codes[2:], strict=True)]
            ),
            counts=counts.astype(np.int64),
            respondent=respondent,
            cell=cell,
            objects=y.shape[1],
            levels=len(scales[1]),
            n=len(people),
        )

    def matrix(self) -> FloatArray:
        """Return indicators of all objects but the first, then the predictors."""
        return np.column_stack(
            [self.object[:, None] == np.arange(1, self.objects), self.values]
        ).astype(float)


def _sandwich(
    thresholds: FloatArray, slopes: FloatArray, naive: FloatArray, cells: _Cells
) -> FloatArray:
    """Return the covariance with respondents as clusters, from that of independent ratings."""
    q = cells.levels - 1
    matrix = cells.matrix()
    linear = matrix @ slopes
    cuts = np.concatenate([[-math.inf], thresholds, [math.inf]])
    high, low = (
        special.expit(cuts[cells.level + 1] - linear),
        special.expit(cuts[cells.level] - linear),
    )
    f_high, f_low = high * (1 - high), low * (1 - low)
    probability = high - low
    score = np.zeros((len(linear), q + matrix.shape[1]))
    rows = np.arange(len(linear))
    inner = cells.level < q
    score[rows[inner], cells.level[inner]] += (f_high / probability)[inner]
    inner = cells.level > 0
    score[rows[inner], cells.level[inner] - 1] -= (f_low / probability)[inner]
    score[:, q:] = -((f_high - f_low) / probability)[:, None] * matrix
    per_respondent = np.column_stack(
        [
            np.bincount(cells.respondent, weights=column[cells.cell], minlength=cells.n)
            for column in score.T
        ]
    )
    meat = per_respondent.T @ per_respondent
    return np.asarray(naive @ meat @ naive * cells.n / (cells.n - 1))


def against_average(objects: int, before: int, size: int) -> FloatArray:
    """Return what makes deviations from the average object of a model's coefficients.

    >>> against_average(3, 0, 2).round(3).tolist()
    [[-0.333, -0.333], [0.667, -0.333], [-0.333, 0.667]]

    Args:
        objects: how many; the first one is 0 in the fit and has no coefficient.
        before: coefficients that stand before those of the objects.
        size: coefficients in all.

    Returns:
        Objects × coefficients.
    """
    deviation = np.zeros((objects, size))
    deviation[1:, before : before + objects - 1] = np.eye(objects - 1)
    return np.asarray(deviation - deviation.mean(axis=0))


def estimates(
    values: FloatArray, covariance: FloatArray, df: float, confidence: float
) -> pd.DataFrame:
    """Return coefficients with their errors, intervals and tests of no effect.

    >>> table = estimates(np.array([1.0]), np.array([[0.25]]), np.inf, 0.95)
    >>> table.round(3).to_numpy().tolist()
    [[1.0, 0.5, 0.02, 1.98, 0.046]]

    Args:
        values, covariance: of the coefficients.
        df: degrees of freedom of Student's t; infinite for the normal distribution.
        confidence: level of the intervals.

    Returns:
        One row per coefficient: estimate, se, low, high, p.
    """
    se = np.sqrt(np.diag(covariance))
    half = float(stats.t.ppf((1 + confidence) / 2, df)) * se
    return pd.DataFrame(
        {
            "estimate": values,
            "se": se,
            "low": values - half,
            "high": values + half,
            "p": 2 * stats.t.sf(np.abs(values) / se, df),
        }
    )


def _hotelling(values: FloatArray, covariance: FloatArray, n: int) -> tuple[float, float, float]:
    """Return Wald's statistic, its F in the form of Hotelling's T², and the p-value."""
    df = len(values)
    wald = float(values @ np.linalg.solve(covariance, values))
    f = wald * (n - df) / (df * (n - 1))
    return wald, f, float(stats.f.sf(f, df, n - df))


def _usable_cuts(values: FloatArray, least: int) -> list[float]:
    """Return the values at which every object has `least` ratings on either side."""
    levels = np.unique(values[~np.isnan(values)])[1:]
    return [
        float(cut)
        for cut in levels
        if min((values >= cut).sum(axis=0).min(), (values < cut).sum(axis=0).min()) >= least
    ]
