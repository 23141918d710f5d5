"""Several ratings by each respondent compared by ranks: do they differ, which, and by how much.

Ratings come as a table of respondents × rated objects, NaN where one was skipped. Rank
1 is the highest rating, ties share their mean rank. Everything rests on how many respondents gave
each pattern of ratings, so that work and memory grow with the number of distinct patterns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from scipy import optimize, stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.bootstrap import percentile_interval, resampled_weights
from mlsec_survey.stats.multiplicity import holm
from mlsec_survey.stats.pairs import FloatArray, IntArray, check_confidence
from mlsec_survey.stats.result import TestResult

RESAMPLES = 2000
Zeros = Literal["pratt", "wilcoxon"]
# Untied pairs up to which the distribution of signed ranks is enumerated.
_EXACT_PAIRS = 300
# Respondents below which the chi-square approximation of Friedman's test is replaced.
_FEW = 30


@dataclass(frozen=True, slots=True)
class Patterns:
    """Distinct patterns of ratings and how many respondents gave each.

    Attributes:
        ratings: patterns × objects, NaN where skipped.
        counts: respondents per pattern.
    """

    ratings: FloatArray
    counts: IntArray

    @property
    def n(self) -> int:
        """Respondents."""
        return int(self.counts.sum())

    def having(self, least: int) -> Patterns:
        """Return the patterns with at least `least` ratings."""
        kept = (~np.isnan(self.ratings)).sum(axis=1) >= least
        return Patterns(self.ratings[kept], self.counts[kept])


def rating_patterns(ratings: pd.DataFrame) -> Patterns:
    """Count the distinct rows of a table of ratings.

    >>> rating_patterns(pd.DataFrame({"a": [1, 1, 2], "b": [2, 2, 1]})).counts.tolist()
    [1, 2]

    Args:
        ratings: respondents × objects of numbers, missing where skipped.

    Raises:
        AnalysisError: there are fewer than two objects.
    """
    values = ratings.to_numpy(dtype=float, na_value=math.nan)
    k = values.shape[1]
    if k < 2:
        raise AnalysisError("comparing ratings needs at least two rated objects")
    levels = np.unique(values[~np.isnan(values)])
    if (len(levels) + 1.0) ** k < 2.0**62:
        # One whole number per row: sorting numbers is much faster than sorting rows.
        codes = np.where(np.isnan(values), 0, np.searchsorted(levels, values) + 1).astype(np.int64)
        places = (len(levels) + 1) ** np.arange(k, dtype=np.int64)
        keys, counts = np.unique(codes @ places, return_counts=True)
        digits = keys[:, None] // places % (len(levels) + 1)
        return Patterns(np.concatenate([[math.nan], levels])[digits], counts.astype(np.int64))
    rows, counts = np.unique(values, axis=0, return_counts=True)
    return Patterns(rows, counts.astype(np.int64))


def row_ranks(values: FloatArray) -> FloatArray:
    """Rank each row's ratings: 1 is the highest, ties share the mean, NaN stays.

    >>> row_ranks(np.array([[5.0, 3.0, 5.0]])).tolist()
    [[1.5, 3.0, 1.5]]
    """
    ranks = np.where(np.isnan(values), math.nan, 1.0)
    for j in range(values.shape[1]):
        for other in range(values.shape[1]):
            if other != j:
                ranks[:, j] += values[:, other] > values[:, j]
                ranks[:, j] += 0.5 * (values[:, other] == values[:, j])
    return ranks


def friedman(
    ratings: pd.DataFrame,
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
    alpha: float = 0.05,
    power: float = 0.8,
) -> TestResult:
    """Test whether the objects differ within respondents: Friedman's test with Kendall's W.

    Friedman (1937, doi:10.1080/01621459.1937.10503522), corrected for ties as in R's
    `friedman.test`, on respondents who rated every object. With fewer than 30 of them the p-value
    is from permuting each respondent's ranks. W runs from 0 (no common order) to 1 (all rank
    alike); by chance alone it is about 1/n, which the interval allows for: it is the bootstrap
    interval, over respondents, of the agreement between two different respondents, which is what W
    tends to in large samples.

    >>> ratings = pd.DataFrame({"a": [3, 3, 2, 3], "b": [2, 2, 3, 2], "c": [1, 1, 1, 1]})
    >>> round(friedman(ratings, rng=np.random.default_rng(1), resamples=99).estimate, 3)
    0.812

    Args:
        ratings: respondents × objects, missing where skipped.
        rng: for the bootstrap and for permutations.
        resamples: number of each.
        confidence: level of the interval.
        alpha, power: of the test for which `extra` says what could have been detected.

    Returns:
        `extra` has df, the agreement between respondents (nW - 1)/(n - 1), Iman and Davenport's F
        with its p-value, n of those with any rating, and the W that would have been detected with
        that power. Undefined, with the reason in `notes`, if fewer than two respondents rated all,
        or none of them tells two apart.

    Raises:
        AnalysisError: there are fewer than two objects.
    """
    check_confidence(confidence)
    everybody = rating_patterns(ratings)
    k = everybody.ratings.shape[1]
    patterns = everybody.having(k)
    n = patterns.n
    undefined = partial(
        _undefined, "Friedman test", "Kendall's W", k, n, confidence, n_any=everybody.having(1).n
    )
    if n < 2:
        return undefined(f"{n} rated all {k}, and it needs two")
    deviations = row_ranks(patterns.ratings) - (k + 1) / 2
    features = np.column_stack([deviations, (deviations**2).sum(axis=1)])
    sums = patterns.counts @ features
    if sums[-1] <= 0:
        return undefined("nobody rated two differently")
    w = float((sums[:k] ** 2).sum() / (n * sums[-1]))
    statistic = n * (k - 1) * w
    drawn = _resampled_sums(patterns.counts, features, resamples, rng)
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn_w = (drawn[:, :k] ** 2).sum(axis=1) / (n * drawn[:, -1])
    low, high = _concordance_interval(drawn_w, n, confidence)
    p = asymptotic = float(stats.chi2.sf(statistic, k - 1))
    notes: tuple[str, ...] = (f"respondents who rated all {k}", _interval_note(resamples))
    if n < _FEW:
        p = _permuted_friedman(np.repeat(deviations, patterns.counts, axis=0), w, resamples, rng)
        notes += (f"p-value from {resamples} permutations within respondents",)
    else:
        notes += ("chi-square p-value, corrected for ties",)
    f = (n - 1) * w / (1 - w) if w < 1 else math.inf
    df1 = k - 1 - 2 / n
    return TestResult(
        method="Friedman test",
        effect="Kendall's W",
        estimate=w,
        low=low,
        high=high,
        n=n,
        statistic=statistic,
        p=p,
        confidence=confidence,
        notes=notes,
        extra={
            "df": float(k - 1),
            "agreement": (n * w - 1) / (n - 1),
            "f": f,
            "f_p": float(stats.f.sf(f, df1, (n - 1) * df1)),
            "asymptotic_p": asymptotic,
            "n_any": float(everybody.having(1).n),
            "detectable": _detectable_w(k - 1, n, alpha, power),
        },
    )


def skillings_mack(
    ratings: pd.DataFrame,
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
    alpha: float = 0.05,
    power: float = 0.8,
) -> TestResult:
    """Test whether the objects differ within respondents, some of whom skipped some objects.

    Skillings and Mack (1981, doi:10.1080/00401706.1981.10486261): Friedman's test for respondents
    who rated at least two objects each, weighted by √(12/(kᵢ + 1)) for kᵢ ratings. The covariance
    of the rank sums is that under permutation of each respondent's own ratings, so that ties are
    allowed for; `extra` has the statistic without that correction as well, which is the published
    one. With nobody skipping any, the test is Friedman's. It assumes that skipping does not depend
    on the rating that was withheld.

    The effect size is the statistic over Σ(kᵢ - 1), which is Kendall's W if nobody skipped any; its
    interval is made as in `friedman`. It is undefined, with the reason in `notes`, if fewer than
    two respondents rated at least two, none tells two apart, or the objects fall into groups that
    no respondent rated together.

    >>> ratings = pd.DataFrame({"a": [3, 3, 2, 3], "b": [2, np.nan, 3, 2], "c": [1, 1, 1, 1]})
    >>> round(skillings_mack(ratings, rng=np.random.default_rng(1), resamples=99).estimate, 2)
    0.81

    Raises:
        AnalysisError: there are fewer than two objects.
    """
    check_confidence(confidence)
    patterns = rating_patterns(ratings).having(2)
    k, n = patterns.ratings.shape[1], patterns.n
    method, effect = "Skillings–Mack test", "Kendall's W (skipping allowed)"
    undefined = partial(_undefined, method, effect, k, n, confidence)
    if n < 2:
        return undefined(f"{n} rated at least two, and it needs two of them")
    rated = ~np.isnan(patterns.ratings)
    if not _connected(rated):
        return undefined("they fall into groups that nobody rated together")
    sizes = rated.sum(axis=1)
    deviations = np.nan_to_num(row_ranks(patterns.ratings) - (sizes[:, None] + 1) / 2)
    weight = np.sqrt(12 / (sizes + 1))
    variances = weight**2 * (deviations**2).sum(axis=1) / (sizes - 1)
    untied = sizes.astype(float)
    upper = np.triu_indices(k)

    def covariances(variance: FloatArray) -> FloatArray:
        both = rated[:, upper[0]] & rated[:, upper[1]]
        same = upper[0] == upper[1]
        return variance[:, None] * both * (same - 1 / sizes[:, None])

    features = np.column_stack([weight[:, None] * deviations, covariances(variances)])
    steps = float(patterns.counts @ (sizes - 1.0))
    # The sums are split as: k rank sums, then the upper triangle of their covariance.
    sums = patterns.counts @ features
    if variances @ patterns.counts <= 0:
        return undefined("nobody rated two differently")
    statistic = float(_quadratic(sums[None, :], k)[0])
    published = float(
        _quadratic(np.concatenate([sums[:k], patterns.counts @ covariances(untied)])[None, :], k)[0]
    )
    with_steps = np.column_stack([features, sizes - 1.0])
    drawn = _resampled_sums(patterns.counts, with_steps, resamples, rng)
    drawn_w = _quadratic(drawn[:, :-1], k) / drawn[:, -1]
    complete_equivalent = steps / (k - 1)
    low, high = _concordance_interval(drawn_w, complete_equivalent, confidence)
    return TestResult(
        method=method,
        effect=effect,
        estimate=statistic / steps,
        low=low,
        high=high,
        n=n,
        statistic=statistic,
        p=float(stats.chi2.sf(statistic, k - 1)),
        confidence=confidence,
        notes=(
            "respondents who rated at least two",
            _interval_note(resamples),
            "chi-square p-value, corrected for ties",
        ),
        extra={
            "df": float(k - 1),
            "ratings": float(patterns.counts @ sizes),
            "statistic_without_tie_correction": published,
            "detectable": _detectable_w(k - 1, complete_equivalent, alpha, power),
        },
    )


def mean_ranks(
    ratings: pd.DataFrame,
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Estimate each object's mean rank with bootstrap intervals, using all pairs of ratings.

    The mean rank of an object is 1 plus the sum over the others of the probability that the other
    is rated higher, ties counting half. Each probability is estimated from those who rated both, so
    that respondents who skipped some objects count; if nobody did, this is the plain mean of the
    ranks. Respondents are resampled. An object that nobody rated beside another has no mean rank
    (NaN), and those of the others are among the others. Two objects that were each rated, but never
    by the same respondent, have none either.

    >>> ratings = pd.DataFrame({"a": [3, 3, 2], "b": [2, 2, 3], "c": [1, 1, 1]})
    >>> found = mean_ranks(ratings, rng=np.random.default_rng(1), resamples=99)
    >>> found["mean_rank"].round(2).tolist()
    [1.33, 1.67, 3.0]

    Returns:
        One row per column of `ratings`, in its order: mean_rank (1 = rated highest), low, high, n
        (who rated it and at least one other), first_share (of resamples in which its mean rank is
        the lowest, ties shared; of resamples in which every object with a mean rank has one).
    """
    check_confidence(confidence)
    patterns, estimates, drawn = mean_rank_draws(ratings, rng=rng, resamples=resamples)
    low, high = percentile_interval(drawn, confidence)
    ranked = ~np.isnan(estimates)
    complete = drawn[~np.isnan(drawn[:, ranked]).any(axis=1)][:, ranked]
    first_share = np.full(len(estimates), math.nan)
    if complete.size:
        leading = complete <= complete.min(axis=1, keepdims=True) + 1e-12
        first_share[ranked] = (leading / leading.sum(axis=1, keepdims=True)).mean(axis=0)
    return pd.DataFrame(
        {
            "mean_rank": estimates,
            "low": low,
            "high": high,
            "n": patterns.counts @ ~np.isnan(patterns.ratings),
            "first_share": first_share,
        },
        index=ratings.columns,
    )


def mean_rank_draws(
    ratings: pd.DataFrame, *, rng: np.random.Generator, resamples: int = RESAMPLES
) -> tuple[Patterns, FloatArray, FloatArray]:
    """Return what `mean_ranks` summarises: patterns used, mean ranks, and those of each resample.

    >>> ratings = pd.DataFrame({"a": [3, 3, 2], "b": [2, 2, 3]})
    >>> _, ranks, draws = mean_rank_draws(ratings, rng=np.random.default_rng(1), resamples=99)
    >>> ranks.round(2).tolist(), draws.shape
    ([1.33, 1.67], (99, 2))

    Returns:
        The patterns of respondents with at least two ratings, mean ranks (objects) and resampled
        mean ranks (resamples × objects); NaN as in `mean_ranks`.
    """
    patterns = rating_patterns(ratings).having(2)
    k = patterns.ratings.shape[1]
    pairs = list(combinations(range(k), 2))
    features = np.empty((len(patterns.counts), 2 * len(pairs)))
    for at, (first, second) in enumerate(pairs):
        a, b = patterns.ratings[:, first], patterns.ratings[:, second]
        both = ~np.isnan(a) & ~np.isnan(b)
        features[:, at] = both
        features[:, len(pairs) + at] = np.where(both, (b > a) + 0.5 * (b == a), 0.0)
    sums = patterns.counts @ features
    met = np.zeros(k, dtype=bool)
    for (first, second), together in zip(pairs, sums, strict=False):
        met[[first, second]] |= together > 0

    def ranks(totals: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            second_higher = totals[:, len(pairs) :] / totals[:, : len(pairs)]
        result = np.where(met, np.ones((len(totals), k)), math.nan)
        for at, (first, second) in enumerate(pairs):
            if met[first] and met[second]:
                result[:, first] += second_higher[:, at]
                result[:, second] += 1 - second_higher[:, at]
        return result

    if not patterns.n:
        return patterns, np.full(k, math.nan), np.full((resamples, k), math.nan)

    drawn = ranks(_resampled_sums(patterns.counts, features, resamples, rng))
    return patterns, ranks(sums[None, :])[0], drawn


def pairwise_signed_rank(
    ratings: pd.DataFrame,
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
    alpha: float = 0.05,
    power: float = 0.8,
    zeros: Zeros = "pratt",
) -> pd.DataFrame:
    """Compare all pairs of objects within respondents by Wilcoxon's signed-rank test.

    Each pair uses the respondents who rated both; those who rated both alike are counted in
    `equal`. They carry no information on the direction, but they do on the size of the others'
    differences: by Pratt's handling (1959, doi:10.1080/01621459.1959.10501526) they are ranked with
    all, below every difference, and then left out, so that a small difference among many ties still
    has a high rank. With "wilcoxon" they are left out before ranking, as in R's `wilcox.test`.

    The p-value is exact, ties included, up to 300 untied respondents, else normal with the variance
    for ties and no continuity correction (scipy.stats.wilcoxon takes no ties exactly). The effect
    is the matched-pairs rank-biserial correlation (Kerby 2014, doi:10.2466/11.IT.3.1): the share of
    the rank sum in favour of the first object less that in favour of the second. Its interval is a
    bootstrap over respondents; where all point one way it is the exact interval of that share.

    >>> ratings = pd.DataFrame({"a": [3, 3, 2, 4, 3], "b": [2, 1, 3, 1, 3]})
    >>> found = pairwise_signed_rank(ratings, rng=np.random.default_rng(1), resamples=99)
    >>> found[["higher", "equal", "lower"]].to_numpy().tolist()
    [[3, 1, 1]]

    Args:
        ratings: respondents × objects, missing where skipped.
        rng: for the bootstrap.
        resamples: bootstrap resamples.
        confidence: level of the intervals.
        alpha, power: for `detectable`.
        zeros: handling of those who rated both alike.

    Returns:
        One row per pair: first, second (columns of `ratings`), n, higher, equal, lower (respondents
        who rate the first so against the second), statistic (rank sum in favour of the first), p,
        effect, low, high (rank-biserial; NaN if all rate alike),
        detectable (the least effect found with that power at alpha over the number of pairs),
        exact (whether p is), p_adjusted (Holm over the pairs).
    """
    check_confidence(confidence)
    values = ratings.to_numpy(dtype=float, na_value=math.nan)
    names = list(ratings.columns)
    pairs = list(combinations(range(len(names)), 2))
    rows = []
    for first, second in pairs:
        differences = values[:, first] - values[:, second]
        steps, counts = np.unique(differences[~np.isnan(differences)], return_counts=True)
        compared = _SignedRanks.of(steps, counts.astype(np.int64), zeros)
        low, high = compared.interval(rng, resamples, confidence)
        p, exact = compared.test()
        rows.append(
            {
                "first": names[first],
                "second": names[second],
                "n": int(counts.sum()),
                "higher": int(counts[steps > 0].sum()),
                "equal": int(counts[steps == 0].sum()),
                "lower": int(counts[steps < 0].sum()),
                "statistic": compared.positive,
                "p": p,
                "effect": compared.effect,
                "low": low,
                "high": high,
                "detectable": compared.detectable(alpha / len(pairs), power),
                "exact": exact,
            }
        )
    table = pd.DataFrame(rows)
    table["p_adjusted"] = holm(table["p"])
    return table


@dataclass(frozen=True, slots=True)
class _SignedRanks:
    """Differences that are not zero, by distinct value, with how often each occurs."""

    steps: FloatArray
    counts: IntArray
    equal: int
    zeros: Zeros

    @classmethod
    def of(cls, steps: FloatArray, counts: IntArray, zeros: Zeros) -> _SignedRanks:
        moved = steps != 0
        return cls(steps[moved], counts[moved], int(counts[~moved].sum()), zeros)

    @property
    def untied(self) -> int:
        return int(self.counts.sum())

    def ranks(self, counts: IntArray, equal: IntArray | int) -> FloatArray:
        """Return the midrank of each step's size; counts (…, steps), ranks of the same shape.

        `equal` (…) counts who rated both alike; by Pratt's handling they have the lowest ranks.
        """
        sizes, at = np.unique(np.abs(self.steps), return_inverse=True)
        per_size = np.zeros((*counts.shape[:-1], len(sizes)), dtype=np.int64)
        for step, size in enumerate(at):
            per_size[..., size] += counts[..., step]
        midranks = per_size.cumsum(axis=-1) - (per_size - 1) / 2
        if self.zeros == "pratt":
            midranks = midranks + np.asarray(equal)[..., None]
        return midranks[..., at]

    def correlation(self, counts: IntArray, equal: IntArray | int) -> FloatArray:
        weighted = self.ranks(counts, equal) * counts
        with np.errstate(invalid="ignore", divide="ignore"):
            return (weighted * np.sign(self.steps)).sum(axis=-1) / weighted.sum(axis=-1)

    @property
    def positive(self) -> float:
        return float((self.ranks(self.counts, self.equal) * self.counts)[self.steps > 0].sum())

    @property
    def effect(self) -> float:
        return float(self.correlation(self.counts, self.equal)) if self.untied else math.nan

    def interval(
        self, rng: np.random.Generator, resamples: int, confidence: float
    ) -> tuple[float, float]:
        if not self.untied:
            return math.nan, math.nan
        if abs(self.effect) == 1:
            bound = 2 * ((1 - confidence) / 2) ** (1 / self.untied) - 1
            return (bound, 1.0) if self.effect > 0 else (-1.0, -bound)
        # Resampling respondents is drawing how many have each difference.
        everybody = np.append(self.counts, self.equal)
        total = int(everybody.sum())
        drawn = rng.multinomial(total, everybody / total, size=resamples)
        correlations = self.correlation(drawn[:, :-1], drawn[:, -1])
        low, high = percentile_interval(correlations, confidence)
        return float(low), float(high)

    def test(self) -> tuple[float, bool]:
        n = self.untied
        if n == 0:
            return math.nan, False
        if n <= _EXACT_PAIRS:
            return self._exact_p(), True
        ranks = self.ranks(self.counts, self.equal)
        centre = float(self.counts @ ranks) / 2
        z = (self.positive - centre) / math.sqrt(float(self.counts @ ranks**2) / 4)
        return float(2 * stats.norm.sf(abs(z))), False

    def _exact_p(self) -> float:
        """Enumerate the rank sum under random signs; ranks are doubled to be whole numbers."""
        doubled = np.rint(2 * self.ranks(self.counts, self.equal)).astype(int)
        ranks, at = np.unique(doubled, return_inverse=True)
        tied = np.bincount(at, weights=self.counts).astype(int)
        mass = np.zeros(int(ranks @ tied) + 1)
        mass[0] = 1.0
        reached = 0
        for rank, size in zip(ranks, tied, strict=True):
            chances = stats.binom.pmf(np.arange(size + 1), size, 0.5)
            longer = np.zeros_like(mass)
            for heads, chance in enumerate(chances):
                start = heads * rank
                longer[start : start + reached + 1] += chance * mass[: reached + 1]
            mass, reached = longer, reached + int(size * rank)
        observed = round(2 * self.positive)
        tail = min(float(mass[: observed + 1].sum()), float(mass[observed:].sum()))
        return min(1.0, 2 * tail)

    def detectable(self, level: float, power: float) -> float:
        if not self.untied:
            return math.nan
        ranks = self.ranks(self.counts, self.equal)
        se = math.sqrt(float(self.counts @ ranks**2)) / float(self.counts @ ranks)
        return min(1.0, float(stats.norm.isf(level / 2) + stats.norm.ppf(power)) * se)


def _resampled_sums(
    counts: IntArray, features: FloatArray, resamples: int, rng: np.random.Generator
) -> FloatArray:
    """Return sums of features over resampled respondents, (resamples, features)."""
    return np.concatenate(
        [weights @ features for weights in resampled_weights(counts, resamples, rng)]
    )


def _concordance_interval(drawn: FloatArray, n: float, confidence: float) -> tuple[float, float]:
    """Turn resampled values of W into an interval of the agreement between two respondents.

    A respondent agrees with herself, which adds 1/n to W, and a resample holds about 2 - 1/n copies
    of each respondent that agree with each other; both are taken out.
    """
    copies = 2 - 1 / n
    low, high = percentile_interval((n * drawn - copies) / (n - copies), confidence)
    return float(np.clip(low, 0, 1)), float(np.clip(high, 0, 1))


def _undefined(
    method: str, effect: str, k: int, n: int, confidence: float, why: str, **extra: float
) -> TestResult:
    """Return a comparison of k objects that these ratings do not allow, with the reason."""
    nan = math.nan
    more = {"df": float(k - 1), "detectable": nan} | extra
    return TestResult(
        method, effect, nan, nan, nan, n, confidence=confidence, notes=(why,), extra=more
    )


def _interval_note(resamples: int) -> str:
    return f"interval from {resamples} bootstrap samples of respondents"


def _detectable_w(df: int, n: float, alpha: float, power: float) -> float:
    """Return the population's W that is found with a power (noncentral chi-square)."""
    critical = stats.chi2.isf(alpha, df)
    noncentrality = optimize.brentq(
        lambda value: stats.ncx2.sf(critical, df, value) - power, 1e-6, 1e4
    )
    return min(1.0, float(noncentrality) / (n * df))


def _permuted_friedman(
    deviations: FloatArray, observed: float, resamples: int, rng: np.random.Generator
) -> float:
    shuffled = rng.permuted(
        np.broadcast_to(deviations, (resamples, *deviations.shape)), axis=2
    ).sum(axis=1)
    drawn = (shuffled**2).sum(axis=1) / (len(deviations) * (deviations**2).sum())
    return float((1 + (drawn >= observed - 1e-9).sum()) / (resamples + 1))


def _quadratic(sums: FloatArray, k: int) -> FloatArray:
    """Return A'V⁻A per row of k rank sums followed by the upper triangle of their covariance."""
    upper = np.triu_indices(k)
    covariance = np.empty((len(sums), k, k))
    covariance[:, upper[0], upper[1]] = sums[:, k:]
    covariance[:, upper[1], upper[0]] = sums[:, k:]
    inverse = np.linalg.pinv(covariance, rcond=1e-10, hermitian=True)
    return np.einsum("bi,bij,bj->b", sums[:, :k], inverse, sums[:, :k])


def _connected(rated: np.ndarray) -> bool:
    together = (rated.T.astype(np.int64) @ rated.astype(np.int64)) > 0
    linked = np.linalg.matrix_power(together.astype(np.int64), max(1, len(together) - 1))
    return bool((linked > 0).all())
