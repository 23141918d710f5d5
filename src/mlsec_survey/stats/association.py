"""Tests of association between two variables, without a model, for small and sparse data.

All functions take two Series (aligned by index, respondents with a missing value in either are
dropped, `n` counts the rest) and return a `TestResult`. Where a function takes `rng`, the p-value
comes from random permutations if a generator is given and from a large-sample approximation if
not; a permutation p-value is (b + 1) / (B + 1), with b of B permutations at least as extreme
(Phipson & Smyth 2010), so that it is valid and never 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from ..errors import AnalysisError
from .pairs import (
    BoolArray,
    FloatArray,
    IntArray,
    as_binary,
    as_groups,
    as_scores,
    check_confidence,
    complete_pairs,
    is_binary,
)
from .result import TestResult

RESAMPLES = 9_999
_CELLS_AT_ONCE = 4_000_000
_MOST_TABLES = 50_000
_MOST_SUMS = 60_000
_SLACK = 1e-9


# Exact conditional inference on a sum of scores over the respondents with the outcome


@dataclass(frozen=True, slots=True)
class SumDistribution:
    """Permutation distribution of a sum of scores over `size` of n respondents.

    Attributes:
        sums: possible values in increasing order, in the units of the scores.
        log_weight: natural logarithm of the number of subsets with each sum.
    """

    sums: FloatArray
    log_weight: FloatArray

    def tilted(self, slope: float) -> FloatArray:
        """Return the probability of each sum when each score unit multiplies the odds by e^slope.

        The conditional likelihood of logistic regression given the number of outcomes
        (Cox 1970, Analysis of Binary Data, ch. 4).
        """
        logits = self.log_weight + slope * self.sums
        weights = np.exp(logits - logits.max())
        return weights / weights.sum()


def sum_distribution(scores: FloatArray, size: int) -> SumDistribution | None:
    """Enumerate the permutation distribution of the sum of `size` of the scores, drawn at random.

    Exact, by multiplying the generating functions of the distinct scores (Streitberg & Röhmel
    1986; Mehta, Patel & Senchaudhuri 1988).

    Args:
        scores: one per respondent; any reals with a small common denominator.
        size: how many respondents are drawn, 1 to n - 1.

    Returns:
        The distribution, or None when the scores have no common grid coarse enough to enumerate.
    """
    levels, counts = np.unique(scores, return_counts=True)
    grid = _integer_grid(levels)
    if grid is None:
        return None
    steps, unit = grid
    drawn = min(size, len(scores) - size)
    widest = int(np.sort(np.repeat(steps, counts))[-drawn:].sum())
    if widest + 1 > _MOST_SUMS:
        return None
    # Row k holds the number of ways to have drawn k respondents, by their sum so far.
    ways = np.zeros((drawn + 1, widest + 1))
    ways[0, 0] = 1.0
    seen, reach = 0, 0
    for step, count in zip(steps.tolist(), counts.tolist(), strict=True):
        new = ways.copy()
        for taken in range(1, min(count, drawn) + 1):
            shift, rows = taken * step, min(seen, drawn - taken) + 1
            span = min(reach, widest - shift) + 1
            if span <= 0:
                break
            new[taken : taken + rows, shift : shift + span] += (
                special.comb(count, taken) * ways[:rows, :span]
            )
        seen = min(seen + count, drawn)
        reach = min(reach + min(count, drawn) * step, widest)
        ways = new
    possible = np.flatnonzero(ways[drawn] > 0)
    sums = possible * unit + drawn * levels[0]
    log_weight = np.log(ways[drawn][possible])
    if drawn != size:
        sums, log_weight = (scores.sum() - sums)[::-1], log_weight[::-1]
    return SumDistribution(sums, log_weight)


def _integer_grid(
    levels: FloatArray, largest_denominator: int = 120
) -> tuple[IntArray, float] | None:
    """Express levels as whole multiples of one unit above the lowest, or None if too fine."""
    denominator = 1
    for level in levels - levels[0]:
        fraction = Fraction(float(level)).limit_denominator(largest_denominator)
        if abs(float(fraction) - level) > _SLACK * max(1.0, abs(float(level))):
            return None
        denominator = math.lcm(denominator, fraction.denominator)
        if denominator > 10_000:
            return None
    steps = np.rint((levels - levels[0]) * denominator).astype(np.int64)
    common = int(np.gcd.reduce(steps))
    return steps // common, common / denominator


@dataclass(frozen=True, slots=True)
class _ConditionalFit:
    slope: float
    low: float
    high: float


def _conditional_fit(law: SumDistribution, observed: float, confidence: float) -> _ConditionalFit:
    """Conditional maximum-likelihood slope and its exact (tail-inverting) interval."""
    centre = float(law.tilted(0.0) @ law.sums)
    spread = math.sqrt(float(law.tilted(0.0) @ (law.sums - centre) ** 2))
    shifted = SumDistribution((law.sums - centre) / spread, law.log_weight)
    at = int(np.argmin(np.abs(law.sums - observed)))
    target = float(shifted.sums[at])
    tail = (1 - confidence) / 2

    def solve(function: Callable[[float], float]) -> float:
        reach = 1.0
        while function(-reach) * function(reach) > 0:
            reach *= 2
            if reach > 1e6:
                raise AnalysisError("the conditional likelihood could not be inverted")
        return float(optimize.brentq(function, -reach, reach, xtol=1e-13, rtol=1e-14)) / spread

    lowest, highest = at == 0, at == len(law.sums) - 1
    slope = (
        -math.inf
        if lowest
        else math.inf
        if highest
        else solve(lambda b: float(shifted.tilted(b) @ shifted.sums) - target)
    )
    low = -math.inf if lowest else solve(lambda b: float(shifted.tilted(b)[at:].sum()) - tail)
    high = math.inf if highest else solve(lambda b: float(shifted.tilted(b)[: at + 1].sum()) - tail)
    return _ConditionalFit(slope, low, high)


def _exact_p(law: SumDistribution, observed: float) -> float:
    """Two-sided p: the share of permutations at least as far from the mean as observed."""
    probability = law.tilted(0.0)
    away = np.abs(law.sums - float(probability @ law.sums))
    far = abs(observed - float(probability @ law.sums))
    return min(1.0, float(probability[away >= far - _SLACK * max(1.0, far)].sum()))


def _exp(value: float) -> float:
    return math.inf if value > 700 else math.exp(value)


# Two by two, and a binary outcome along an ordered predictor


def fisher_exact(
    outcome: pd.Series, predictor: pd.Series, *, confidence: float = 0.95
) -> TestResult:
    """Test a binary outcome against a binary predictor by Fisher's exact test.

    The estimate is the conditional maximum-likelihood odds ratio with the exact interval of
    Cornfield; the p-value adds up all tables no more probable than the observed one. Both as in
    R's `fisher.test`. The test is conservative: at n = 139 and a rare outcome its size is well
    below the nominal level. `extra` holds the sample odds ratio and the four cells.

    Raises:
        AnalysisError: a variable is constant or not binary.
    """
    check_confidence(confidence)
    left, right = complete_pairs(outcome, predictor)
    cases, exposed = as_binary(left), as_binary(right)
    law = sum_distribution(exposed.astype(float), int(cases.sum()))
    if law is None:
        raise AssertionError("two scores always have a common grid")
    observed = float((cases & exposed).sum())
    fit = _conditional_fit(law, observed, confidence)
    probability = law.tilted(0.0)
    at = int(np.argmin(np.abs(law.sums - observed)))
    p = float(probability[probability <= probability[at] * (1 + 1e-7)].sum())
    cells = {
        "both": int((cases & exposed).sum()),
        "outcome_only": int((cases & ~exposed).sum()),
        "predictor_only": int((~cases & exposed).sum()),
        "neither": int((~cases & ~exposed).sum()),
    }
    crossed = cells["outcome_only"] * cells["predictor_only"]
    sample = cells["both"] * cells["neither"] / crossed if crossed else math.inf
    return TestResult(
        method="Fisher's exact test",
        effect="odds ratio",
        estimate=_exp(fit.slope),
        low=_exp(fit.low),
        high=_exp(fit.high),
        n=len(cases),
        p=min(1.0, p),
        confidence=confidence,
        null=1.0,
        notes=("conditional maximum-likelihood odds ratio, exact interval",),
        extra={**cells, "sample_odds_ratio": sample},
    )


def trend_permutation(
    outcome: pd.Series,
    predictor: pd.Series,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
) -> TestResult:
    """Test a binary outcome for a trend over an ordered predictor, by permutation.

    The Cochran–Armitage statistic, referred to its exact permutation distribution given both
    margins. The estimate is the odds ratio per step (exact conditional logistic regression: Cox
    1970; Mehta & Patel 1995) with the interval that inverts the exact tail probabilities; it is
    infinite or zero when the data are separated, and the interval is then one-sided. `statistic`
    is the Cochran–Armitage z with the hypergeometric variance (its square is (n - 1) r²).

    Conservative: at n = 139 and a rare outcome the interval covers more often than it says.

    Args:
        outcome: binary.
        predictor: ordered categories (a step is one category) or numbers (a step is one unit).
        confidence: level of the interval.
        rng: needed only if the scores are too fine to enumerate; then the p-value is Monte Carlo
            and the odds ratio comes from Firth-penalised logistic regression.
        resamples: number of Monte Carlo permutations in that case.

    Raises:
        AnalysisError: a variable is constant, the outcome not binary, the predictor unordered.
        ValueError: the scores are too fine to enumerate and `rng` is None.
    """
    check_confidence(confidence)
    left, right = complete_pairs(outcome, predictor)
    cases, scores = as_binary(left), as_scores(right)
    n, size = len(cases), int(cases.sum())
    observed = float(scores[cases].sum())
    variance = size * (n - size) / (n - 1) * float(scores.var())
    z = (observed - size * float(scores.mean())) / math.sqrt(variance)
    law = sum_distribution(scores, size)
    extra = {"cases": float(size), "asymptotic_p": float(2 * stats.norm.sf(abs(z)))}
    if law is None:
        from .logistic import firth_logistic

        if rng is None:
            raise ValueError("these scores are too fine to enumerate: a generator is needed")
        sums = np.concatenate(
            [block @ scores for block in _permuted(cases.astype(float), rng, resamples)]
        )
        p = _monte_carlo_p(np.abs(sums - sums_mean(scores, size)), abs(z) * math.sqrt(variance))
        model = firth_logistic(left, right, confidence=confidence)
        estimate, low, high = model.estimate, model.low, model.high
        notes: tuple[str, ...] = (
            f"Monte Carlo p-value from {resamples} permutations",
            "odds ratio and interval from Firth-penalised logistic regression",
        )
    else:
        fit = _conditional_fit(law, observed, confidence)
        p = _exact_p(law, observed)
        estimate, low, high = _exp(fit.slope), _exp(fit.low), _exp(fit.high)
        notes = ("exact permutation p-value; exact conditional odds ratio per step",)
        if not math.isfinite(fit.slope):
            notes += ("the outcome is separated: the odds ratio has no finite estimate",)
    return TestResult(
        method="Cochran–Armitage trend test by permutation",
        effect="odds ratio",
        estimate=estimate,
        low=low,
        high=high,
        n=n,
        statistic=z,
        p=p,
        confidence=confidence,
        null=1.0,
        notes=notes,
        extra=extra,
    )


def sums_mean(scores: FloatArray, size: int) -> float:
    """Return the mean of the permutation distribution of a sum of `size` scores."""
    return size * float(scores.mean())


# Tables of any size


def contingency_permutation(
    outcome: pd.Series,
    predictor: pd.Series,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
    ordering: Literal["chi_square", "probability"] = "chi_square",
    interval: Literal["noncentral", "bootstrap"] = "noncentral",
) -> TestResult:
    """Test two categorical variables for association, exactly or by Monte Carlo permutation.

    Full enumeration of the tables with the observed margins when there are at most 50,000;
    otherwise `resamples` random permutations. The estimate is Cramér's V with the bias correction
    of Bergsma (2013, J. Korean Stat. Soc. 42:323); the interval inverts the noncentral
    chi-square (Smithson 2003) or is a percentile bootstrap over respondents.

    In sparse tables the noncentral interval is approximate; the p-value is exact either way.

    Args:
        outcome: any categories.
        predictor: any categories.
        confidence: level of the interval.
        rng: needed when the tables are too many to enumerate, and for the bootstrap.
        resamples: number of permutations, and of bootstrap samples.
        ordering: what makes a table extreme: its chi-square, or its probability
            (Fisher–Freeman–Halton).
        interval: how to make the interval.

    Raises:
        AnalysisError: a variable is constant.
        ValueError: `rng` is needed and None.
    """
    check_confidence(confidence)
    left, right = complete_pairs(outcome, predictor)
    (rows, row_labels), (columns, column_labels) = as_groups(left), as_groups(right)
    table = _tables(rows[None, :], columns, len(row_labels), len(column_labels))[0]
    n = len(rows)
    expected = np.outer(table.sum(1), table.sum(0)) / n
    chi_square = float(((table - expected) ** 2 / expected).sum())

    def extremeness(tables: FloatArray) -> FloatArray:
        if ordering == "probability":
            return special.gammaln(tables + 1).sum(axis=(1, 2))
        return ((tables - expected) ** 2 / expected).sum(axis=(1, 2))

    observed = float(extremeness(table[None])[0])
    slack = _SLACK * max(1.0, abs(observed))
    enumerated = _enumerate_tables(table)
    if enumerated is not None:
        log_probability = -special.gammaln(enumerated + 1).sum(axis=(1, 2))
        weights = np.exp(log_probability - log_probability.max())
        p = float(weights[extremeness(enumerated) >= observed - slack].sum() / weights.sum())
        notes: tuple[str, ...] = (f"exact p-value over {len(enumerated)} tables",)
    else:
        if rng is None:
            raise ValueError("the tables are too many to enumerate: a generator is needed")
        drawn = np.concatenate(
            [
                extremeness(_tables(block, columns, *table.shape))
                for block in _permuted(rows, rng, resamples, cells=max(n, table.size))
            ]
        )
        p = _monte_carlo_p(drawn, observed)
        notes = (f"Monte Carlo p-value from {resamples} permutations",)
    if ordering == "probability":
        notes += ("tables ordered by probability (Fisher–Freeman–Halton)",)
    if interval == "noncentral":
        low, high = _noncentral_interval(chi_square, _freedom(table), confidence)
        scale = n * (min(table.shape) - 1)
        low, high = (min(1.0, math.sqrt(value / scale)) for value in (low, high))
        notes += ("interval by inverting the noncentral chi-square",)
    else:
        if rng is None:
            raise ValueError("the bootstrap needs a generator")
        resampled = rng.multinomial(n, (table / n).ravel(), size=resamples)
        values = corrected_cramers_v(resampled.reshape(resamples, *table.shape).astype(float))
        low, high = _percentile(values, confidence)
        notes += (f"percentile bootstrap interval from {resamples} samples",)
    if (expected < 5).any():
        notes += (f"{int((expected < 5).sum())} of {table.size} expected counts are below 5",)
    return TestResult(
        method="permutation test of a contingency table",
        effect="Cramér's V",
        estimate=float(corrected_cramers_v(table[None])[0]),
        low=low,
        high=high,
        n=n,
        statistic=chi_square,
        p=min(1.0, p),
        confidence=confidence,
        notes=notes,
        extra={
            "df": float(_freedom(table)),
            "cramers_v_uncorrected": math.sqrt(chi_square / (n * (min(table.shape) - 1))),
            "asymptotic_p": float(stats.chi2.sf(chi_square, _freedom(table))),
        },
    )


def corrected_cramers_v(tables: FloatArray) -> FloatArray:
    """Compute the bias-corrected Cramér's V of each of B tables (B × r × c counts).

    Rows and columns that are empty in a table do not count towards its size (Bergsma 2013).
    """
    n = tables.sum(axis=(1, 2))
    rows, columns = tables.sum(axis=2), tables.sum(axis=1)
    expected = rows[:, :, None] * columns[:, None, :] / n[:, None, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        terms = np.where(expected > 0, (tables - expected) ** 2 / expected, 0.0)
    phi_squared = terms.sum(axis=(1, 2)) / n
    r, c = (rows > 0).sum(axis=1), (columns > 0).sum(axis=1)
    phi_squared = np.maximum(0.0, phi_squared - (r - 1) * (c - 1) / (n - 1))
    r_less = r - (r - 1) ** 2 / (n - 1)
    c_less = c - (c - 1) ** 2 / (n - 1)
    smaller = np.minimum(r_less, c_less) - 1
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(smaller > 0, np.sqrt(phi_squared / smaller), 0.0)


def kruskal_permutation(
    outcome: pd.Series,
    predictor: pd.Series,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
) -> TestResult:
    """Test an ordered outcome for differences between groups: Kruskal–Wallis by permutation.

    H is corrected for ties. The estimate is eta squared of the ranks, (H - k + 1) / (n - k),
    not below 0 (Cohen 2008, as rstatix computes it); its interval inverts the noncentral
    chi-square and is approximate. `extra` holds rank epsilon squared, H / (n - 1) (Tomczak &
    Tomczak 2014), and the chi-square p-value.

    Args:
        outcome: ordered categories or numbers.
        predictor: any groups.
        confidence: level of the interval.
        rng: for the permutations; None gives the chi-square p-value.
        resamples: number of permutations.

    Raises:
        AnalysisError: a variable is constant, or the outcome has no order.
    """
    check_confidence(confidence)
    left, right = complete_pairs(outcome, predictor)
    ranks = stats.rankdata(as_scores(left))
    groups, labels = as_groups(right)
    n, k = len(ranks), len(labels)
    member = np.eye(k)[groups]
    sizes = member.sum(0)
    centred = ranks - ranks.mean()
    scale = (n - 1) / float((centred**2).sum())
    h = scale * float(((centred @ member) ** 2 / sizes).sum())
    chi_p = float(stats.chi2.sf(h, k - 1))
    if rng is None:
        p = chi_p
        notes: tuple[str, ...] = ("chi-square approximation",)
    else:
        drawn = np.concatenate(
            [
                scale * ((block @ member) ** 2 / sizes).sum(1)
                for block in _permuted(centred, rng, resamples)
            ]
        )
        p = _monte_carlo_p(drawn, h)
        notes = (f"Monte Carlo p-value from {resamples} permutations",)
    low, high = _noncentral_interval(h, k - 1, confidence)
    eta = max(0.0, (h - k + 1) / (n - k)) if n > k else math.nan
    return TestResult(
        method="Kruskal–Wallis test",
        effect="eta squared of the ranks",
        estimate=eta,
        low=min(1.0, low / (n - 1)),
        high=max(eta, min(1.0, high / (n - 1))),
        n=n,
        statistic=h,
        p=p,
        confidence=confidence,
        notes=(*notes, "interval by inverting the noncentral chi-square, approximate"),
        extra={"df": float(k - 1), "epsilon_squared": h / (n - 1), "asymptotic_p": chi_p},
    )


# Two groups and an ordered variable


def mann_whitney(
    outcome: pd.Series,
    predictor: pd.Series,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
) -> TestResult:
    """Test an ordered variable between two groups: Wilcoxon–Mann–Whitney with exact p-value.

    The permutation distribution of the midrank sum is enumerated, ties included. The estimate
    is the probability that a respondent of the second group (predictor true) has the higher
    outcome, ties counting half, with the Brunner–Munzel interval on the logit scale; the test
    itself is of equal distributions, so interval and test need not agree. `extra` holds U of the
    second group, the rank-biserial correlation, the Hodges–Lehmann shift and the normal p-value.

    If the outcome is the binary one and the predictor is not, their roles are exchanged; the
    estimate then is the probability that a respondent with the outcome has the higher predictor.

    Args:
        outcome: ordered; or binary, with an ordered predictor.
        predictor: binary; or ordered, with a binary outcome.
        confidence: level of the interval.
        rng: for Monte Carlo in the rare case that the ranks are too many to enumerate.
        resamples: number of permutations in that case.

    Raises:
        AnalysisError: a variable is constant, neither is binary, or the other has no order.
    """
    scores, second, notes = _two_groups(outcome, predictor, confidence)
    ranks = stats.rankdata(scores)
    n, m = len(ranks), int(second.sum())
    observed = float(ranks[second].sum())
    variance = m * (n - m) / (n - 1) * float(ranks.var())
    z = (observed - sums_mean(ranks, m)) / math.sqrt(variance)
    law = sum_distribution(ranks, m)
    if law is not None:
        p = _exact_p(law, observed)
        notes += ("exact permutation p-value",)
    elif rng is None:
        p = float(2 * stats.norm.sf(abs(z)))
        notes += ("normal approximation",)
    else:
        sums = np.concatenate([block[:, :m].sum(1) for block in _permuted(ranks, rng, resamples)])
        p = _monte_carlo_p(np.abs(sums - sums_mean(ranks, m)), abs(z) * math.sqrt(variance))
        notes += (f"Monte Carlo p-value from {resamples} permutations",)
    effect = _relative_effect(scores, second)
    low, high = effect.interval(confidence)
    shifts = np.subtract.outer(scores[second], scores[~second])
    return TestResult(
        method="Wilcoxon–Mann–Whitney test",
        effect="probability of superiority",
        estimate=effect.estimate,
        low=low,
        high=high,
        n=n,
        statistic=observed - m * (m + 1) / 2,
        p=p,
        confidence=confidence,
        null=0.5,
        notes=notes,
        extra={
            "n_first": float(n - m),
            "n_second": float(m),
            "z": z,
            "rank_biserial": 2 * effect.estimate - 1,
            "hodges_lehmann": float(np.median(shifts)),
            "asymptotic_p": float(2 * stats.norm.sf(abs(z))),
        },
    )


def brunner_munzel(
    outcome: pd.Series,
    predictor: pd.Series,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
    interval: Literal["logit", "t"] = "logit",
) -> TestResult:
    """Test whether one group tends to higher values, whatever the shapes and variances.

    Brunner & Munzel (2000, Biometrical J. 42:17), with ties. The estimate is the probability of
    superiority of the second group (predictor true), P(X < Y) + P(X = Y)/2. The p-value is that
    of the t approximation, or of the studentised permutation test (Neubert & Brunner 2007,
    CSDA 51:5192) when `rng` is given. The t approximation is liberal when a group has fewer than
    about ten respondents, which is the case for rare exposures; use the permutation test there.

    The interval is on the logit scale, so within 0 and 1, or the plain t interval. When the
    groups do not overlap the variance estimate is 0: the p-value is then that of the exact
    permutation test and the interval is Newcombe's (2006, Stat. Med. 25:559, method 5).

    Roles are exchanged as in `mann_whitney` if only the outcome is binary.

    Args:
        outcome: ordered; or binary, with an ordered predictor.
        predictor: binary; or ordered, with a binary outcome.
        confidence: level of the interval.
        rng: for the studentised permutation test; None gives the t approximation.
        resamples: number of permutations.
        interval: scale of the interval.

    Raises:
        AnalysisError: a variable is constant, neither is binary, the other has no order, or a
            group has fewer than two respondents.
    """
    scores, second, notes = _two_groups(outcome, predictor, confidence)
    effect = _relative_effect(scores, second)
    low, high = effect.interval(confidence, scale=interval)
    t_p = float(2 * stats.t.sf(abs(effect.statistic), effect.df))
    if effect.separated:
        p = min(1.0, 2 / special.comb(len(scores), effect.n_second))
        t_p = math.nan
        notes += ("the groups do not overlap: exact permutation p-value, Newcombe interval",)
    elif rng is None:
        p = t_p
        notes += ("t approximation",)
    else:
        p = _studentised_p(scores, effect, rng, resamples)
        notes += (f"studentised permutation p-value from {resamples} permutations",)
    if interval == "logit" and not effect.separated:
        notes += ("interval on the logit scale",)
    if min(effect.n_first, effect.n_second) < 10:
        notes += (
            f"the smaller group has {min(effect.n_first, effect.n_second)} respondents: "
            "the interval is approximate",
        )
    return TestResult(
        method="Brunner–Munzel test",
        effect="probability of superiority",
        estimate=effect.estimate,
        low=low,
        high=high,
        n=len(scores),
        statistic=effect.statistic,
        p=p,
        confidence=confidence,
        null=0.5,
        notes=notes,
        extra={
            "df": effect.df,
            "se": effect.se,
            "n_first": float(effect.n_first),
            "n_second": float(effect.n_second),
            "asymptotic_p": t_p,
        },
    )


@dataclass(frozen=True, slots=True)
class _RelativeEffect:
    estimate: float
    se: float
    df: float
    n_first: int
    n_second: int

    @property
    def separated(self) -> bool:
        return self.se == 0.0

    @property
    def statistic(self) -> float:
        if self.separated:
            return math.copysign(math.inf, self.estimate - 0.5)
        return (self.estimate - 0.5) / self.se

    def interval(
        self, confidence: float, scale: Literal["logit", "t"] = "logit"
    ) -> tuple[float, float]:
        if self.separated:
            return newcombe_superiority_interval(
                self.estimate, self.n_first, self.n_second, confidence
            )
        reach = float(stats.t.ppf((1 + confidence) / 2, self.df)) * self.se
        if scale == "t":
            return max(0.0, self.estimate - reach), min(1.0, self.estimate + reach)
        reach /= self.estimate * (1 - self.estimate)
        centre = float(special.logit(self.estimate))
        return float(special.expit(centre - reach)), float(special.expit(centre + reach))


def _relative_effect(scores: FloatArray, second: BoolArray) -> _RelativeEffect:
    first_n, second_n = int((~second).sum()), int(second.sum())
    if min(first_n, second_n) < 2:
        raise AnalysisError("a group has fewer than two respondents")
    ranks = stats.rankdata(scores)
    # Placements: how many of the other group lie below each respondent, ties half.
    placed_first = ranks[~second] - stats.rankdata(scores[~second])
    placed_second = ranks[second] - stats.rankdata(scores[second])
    estimate = float(placed_second.mean()) / first_n
    parts = (
        float(placed_first.var(ddof=1)) / (second_n**2 * first_n),
        float(placed_second.var(ddof=1)) / (first_n**2 * second_n),
    )
    variance = sum(parts)
    # Rounding leaves crumbs where the placements are all the same.
    if variance < 1e-20:
        return _RelativeEffect(round(estimate), 0.0, math.nan, first_n, second_n)
    df = variance**2 / (parts[0] ** 2 / (first_n - 1) + parts[1] ** 2 / (second_n - 1))
    return _RelativeEffect(estimate, math.sqrt(variance), df, first_n, second_n)


def _studentised_p(
    scores: FloatArray, effect: _RelativeEffect, rng: np.random.Generator, resamples: int
) -> float:
    """Permutation p of |T|, all permutations at once through the counts at each level."""
    _, level = np.unique(scores, return_inverse=True)
    levels = int(level.max()) + 1
    total = np.bincount(level, minlength=levels).astype(float)
    m, n = effect.n_second, len(scores)
    member = np.zeros(n, dtype=np.int64)
    member[:m] = 1
    statistics = []
    for block in _permuted(level.astype(np.int64), rng, resamples, cells=max(n, 4 * levels)):
        second = _tables(block, member, levels, 2)[:, :, 1]
        first = total - second
        below_second = np.cumsum(first, 1) - first / 2
        below_first = np.cumsum(second, 1) - second / 2
        p_second = (second * below_second).sum(1) / m
        p_first = (first * below_first).sum(1) / (n - m)
        v_second = (second * (below_second - p_second[:, None]) ** 2).sum(1) / (m - 1)
        v_first = (first * (below_first - p_first[:, None]) ** 2).sum(1) / (n - m - 1)
        variance = v_first / (m**2 * (n - m)) + v_second / ((n - m) ** 2 * m)
        with np.errstate(divide="ignore"):
            statistics.append(
                np.where(
                    variance > 1e-20,
                    np.abs(p_second / (n - m) - 0.5) / np.sqrt(np.maximum(variance, 1e-40)),
                    math.inf,
                )
            )
    return _monte_carlo_p(np.concatenate(statistics), abs(effect.statistic))


def newcombe_superiority_interval(
    estimate: float, n_first: int, n_second: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval for the probability of superiority that holds when the groups do not overlap.

    Newcombe (2006, Stat. Med. 25:559), method 5: a score-type interval with the variance of
    Hanley & McNeil (1982) and the mean of the group sizes.
    """
    z = float(stats.norm.ppf((1 + confidence) / 2))
    extra = (n_first + n_second) / 2 - 1

    def gap(theta: float) -> float:
        spread = 1 + extra * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        # As a ratio, because the difference has a spurious root at 0 and at 1.
        ratio = (estimate - theta) ** 2 / (theta * (1 - theta) * spread)
        return ratio * n_first * n_second - z**2

    edge = 1e-12
    low = 0.0 if estimate <= 0 else float(optimize.brentq(gap, edge, estimate - edge, xtol=1e-15))
    high = (
        1.0 if estimate >= 1 else float(optimize.brentq(gap, estimate + edge, 1 - edge, xtol=1e-15))
    )
    return low, high


def _two_groups(
    outcome: pd.Series, predictor: pd.Series, confidence: float
) -> tuple[FloatArray, BoolArray, tuple[str, ...]]:
    check_confidence(confidence)
    left, right = complete_pairs(outcome, predictor)
    if is_binary(right):
        return as_scores(left), as_binary(right), ()
    if is_binary(left):
        return as_scores(right), as_binary(left), ("groups are formed by the outcome",)
    as_scores(left), as_scores(right)
    raise AnalysisError("neither variable has two values, so there are no two groups to compare")


# Two ordered variables


@dataclass(frozen=True, slots=True)
class Concordance:
    """Counts of pairs of respondents by order, and what the measures are made of.

    Attributes:
        concordant, discordant: pairs ordered alike, or contrary, in both variables.
        untied_rows, untied_columns: pairs that differ in the row variable, in the column variable.
        n: respondents.
        tau_b, gamma, somers_d: the measures; `somers_d` takes rows as the dependent variable.
        se_tau_b, se_gamma, se_somers_d: their standard errors, not assuming independence.
    """

    concordant: float
    discordant: float
    untied_rows: float
    untied_columns: float
    n: int
    tau_b: float
    se_tau_b: float
    gamma: float
    se_gamma: float
    somers_d: float
    se_somers_d: float


def concordance(table: FloatArray) -> Concordance:
    """Measure ordinal association in a table of counts with ordered rows and columns.

    Standard errors by the delta method for multinomial sampling: Goodman & Kruskal (1972,
    JASA 67:415), Brown & Benedetti (1977, JASA 72:309).

    Raises:
        AnalysisError: only one row or column is occupied.
    """
    table = np.asarray(table, dtype=float)
    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    if min(table.shape) < 2:
        raise AnalysisError("ordinal association needs two values of each variable")
    n = float(table.sum())
    alike, contrary = _pairs_per_cell(table)
    p, q = float((table * alike).sum()), float((table * contrary).sum())
    rows, columns = table.sum(1), table.sum(0)
    w_r, w_c = n**2 - float((rows**2).sum()), n**2 - float((columns**2).sum())
    d = alike - contrary
    w = math.sqrt(w_r * w_c)
    tau = (p - q) / w
    v = rows[:, None] * w_c + columns[None, :] * w_r
    inner = float((table * (2 * w * d + tau * v) ** 2).sum())
    se_tau = math.sqrt(max(0.0, inner - n**3 * tau**2 * (w_r + w_c) ** 2)) / w**2
    untied = p + q
    gamma = (p - q) / untied if untied else math.nan
    se_gamma = (
        4 / untied**2 * math.sqrt(float((table * (q * alike - p * contrary) ** 2).sum()))
        if untied
        else math.nan
    )
    # Rows depend on columns: pairs tied in the column variable say nothing.
    somers = (p - q) / w_c
    se_somers = (
        2
        / w_c**2
        * math.sqrt(float((table * (w_c * d - (p - q) * (n - columns[None, :])) ** 2).sum()))
    )
    return Concordance(
        p / 2, q / 2, w_r / 2, w_c / 2, int(n), tau, se_tau, gamma, se_gamma, somers, se_somers
    )


def _pairs_per_cell(tables: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Count, for each cell of each table, the respondents in cells ordered alike and contrary."""
    upper_left = np.zeros_like(tables)
    upper_left[..., 1:, 1:] = tables.cumsum(-2).cumsum(-1)[..., :-1, :-1]
    lower_right = np.zeros_like(tables)
    turned = tables[..., ::-1, ::-1]
    lower_right[..., :-1, :-1] = turned.cumsum(-2).cumsum(-1)[..., ::-1, ::-1][..., 1:, 1:]
    alike = upper_left + lower_right
    # Everybody outside the cell's own row and column is ordered one way or the other.
    outside = (
        tables.sum((-2, -1), keepdims=True)
        - tables.sum(-1, keepdims=True)
        - tables.sum(-2, keepdims=True)
        + tables
    )
    return alike, outside - alike


def kendall_tau_b(
    outcome: pd.Series,
    predictor: pd.Series,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
) -> TestResult:
    """Measure and test monotone association by Kendall's tau-b.

    The interval uses the standard error that does not assume independence, on Fisher's z scale.
    The p-value is normal with the variance for ties in both variables (no continuity correction,
    as R's `cor.test(exact = FALSE)`), or by permutation when `rng` is given.

    The interval runs short of its level when one variable has very few respondents in one of two
    values; `extra` holds the standard error for other uses.

    Raises:
        AnalysisError: a variable is constant or has no order.
    """
    table, n = _ordered_table(outcome, predictor, confidence)
    measures = concordance(table)
    z, asymptotic_p = _kendall_z(table)
    p, notes = _ordinal_p(table, asymptotic_p, rng, resamples)
    low, high = _fisher_interval(measures.tau_b, measures.se_tau_b, confidence)
    return TestResult(
        method="Kendall's tau-b",
        effect="Kendall's tau-b",
        estimate=measures.tau_b,
        low=low,
        high=high,
        n=n,
        statistic=z,
        p=p,
        confidence=confidence,
        notes=(*notes, "interval on Fisher's z scale"),
        extra={
            "se": measures.se_tau_b,
            "gamma": measures.gamma,
            "se_gamma": measures.se_gamma,
            "somers_d": measures.somers_d,
            "se_somers_d": measures.se_somers_d,
            "concordant": measures.concordant,
            "discordant": measures.discordant,
            "asymptotic_p": asymptotic_p,
        },
    )


def jonckheere(
    outcome: pd.Series,
    predictor: pd.Series,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
) -> TestResult:
    """Test an ordered outcome for a trend over ordered groups: Jonckheere–Terpstra.

    The estimate is the probability of superiority over all pairs of respondents from different
    groups: that the one from the higher group has the higher outcome, ties half. It is
    (1 + Somers' d) / 2, and its interval comes from Somers' d on Fisher's z scale. `statistic` is
    the standardised J with the variance for ties, the same as Kendall's z; `extra` holds J.

    Raises:
        AnalysisError: a variable is constant or has no order.
    """
    table, n = _ordered_table(outcome, predictor, confidence)
    measures = concordance(table)
    z, asymptotic_p = _kendall_z(table)
    p, notes = _ordinal_p(table, asymptotic_p, rng, resamples)
    low, high = _fisher_interval(measures.somers_d, measures.se_somers_d, confidence)
    compared = measures.untied_columns
    return TestResult(
        method="Jonckheere–Terpstra test",
        effect="probability of superiority",
        estimate=(1 + measures.somers_d) / 2,
        low=(1 + low) / 2,
        high=(1 + high) / 2,
        n=n,
        statistic=z,
        p=p,
        confidence=confidence,
        null=0.5,
        notes=(*notes, "over pairs of respondents from different groups"),
        extra={
            "j": (compared + measures.concordant - measures.discordant) / 2,
            "groups": float(table.shape[1]),
            "asymptotic_p": asymptotic_p,
        },
    )


def spearman(
    outcome: pd.Series,
    predictor: pd.Series,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
) -> TestResult:
    """Measure and test monotone association by Spearman's rank correlation.

    Interval on Fisher's z scale with the standard error of Bonett & Wright (2000, Psychometrika
    65:23); p-value from t on n - 2 degrees of freedom, or by permutation when `rng` is given.

    Raises:
        AnalysisError: a variable is constant or has no order, or n is below 4.
    """
    check_confidence(confidence)
    left, right = complete_pairs(outcome, predictor)
    x, y = (stats.rankdata(as_scores(values)) for values in (right, left))
    n = len(x)
    if n < 4:
        raise AnalysisError(f"{n} respondents are too few for a rank correlation")
    x, y = ((ranks - ranks.mean()) / math.sqrt(ranks.var() * n) for ranks in (x, y))
    rho = min(1.0, max(-1.0, float(x @ y)))
    t = rho * math.sqrt((n - 2) / (1 - rho**2)) if abs(rho) < 1 else math.copysign(math.inf, rho)
    asymptotic_p = float(2 * stats.t.sf(abs(t), n - 2))
    if rng is None:
        p, notes = asymptotic_p, ("t approximation",)
    else:
        drawn = np.concatenate([block @ x for block in _permuted(y, rng, resamples)])
        p = _monte_carlo_p(np.abs(drawn), abs(rho))
        notes = (f"Monte Carlo p-value from {resamples} permutations",)
    low = high = rho
    if abs(rho) < 1:
        reach = float(stats.norm.ppf((1 + confidence) / 2)) * math.sqrt((1 + rho**2 / 2) / (n - 3))
        low, high = math.tanh(math.atanh(rho) - reach), math.tanh(math.atanh(rho) + reach)
    return TestResult(
        method="Spearman's rank correlation",
        effect="Spearman's rho",
        estimate=rho,
        low=low,
        high=high,
        n=n,
        statistic=t,
        p=p,
        confidence=confidence,
        notes=(*notes, "interval on Fisher's z scale (Bonett–Wright)"),
        extra={"asymptotic_p": asymptotic_p},
    )


def goodman_kruskal_gamma(
    outcome: pd.Series, predictor: pd.Series, *, confidence: float = 0.95
) -> TestResult:
    """Measure monotone association by Goodman and Kruskal's gamma, which ignores tied pairs.

    Interval on Fisher's z scale; the p-value is that of Kendall's tau-b, which tests the same
    null hypothesis with a variance that holds under it.

    Raises:
        AnalysisError: a variable is constant or has no order.
    """
    table, n = _ordered_table(outcome, predictor, confidence)
    measures = concordance(table)
    z, p = _kendall_z(table)
    low, high = _fisher_interval(measures.gamma, measures.se_gamma, confidence)
    return TestResult(
        method="Goodman and Kruskal's gamma",
        effect="Goodman and Kruskal's gamma",
        estimate=measures.gamma,
        low=low,
        high=high,
        n=n,
        statistic=z,
        p=p,
        confidence=confidence,
        extra={"se": measures.se_gamma},
    )


def somers_d(outcome: pd.Series, predictor: pd.Series, *, confidence: float = 0.95) -> TestResult:
    """Measure how far an ordered outcome follows an ordered predictor, by Somers' d.

    Pairs tied in the predictor are left out, pairs tied in the outcome are not (Somers 1962).

    Raises:
        AnalysisError: a variable is constant or has no order.
    """
    table, n = _ordered_table(outcome, predictor, confidence)
    measures = concordance(table)
    z, p = _kendall_z(table)
    low, high = _fisher_interval(measures.somers_d, measures.se_somers_d, confidence)
    return TestResult(
        method="Somers' d",
        effect="Somers' d",
        estimate=measures.somers_d,
        low=low,
        high=high,
        n=n,
        statistic=z,
        p=p,
        confidence=confidence,
        extra={"se": measures.se_somers_d},
    )


def _ordered_table(
    outcome: pd.Series, predictor: pd.Series, confidence: float
) -> tuple[FloatArray, int]:
    check_confidence(confidence)
    left, right = complete_pairs(outcome, predictor)
    _, rows = np.unique(as_scores(left), return_inverse=True)
    _, columns = np.unique(as_scores(right), return_inverse=True)
    table = _tables(rows[None, :], columns, int(rows.max()) + 1, int(columns.max()) + 1)[0]
    return table, len(rows)


def _kendall_z(table: FloatArray) -> tuple[float, float]:
    """Standardise S with its permutation variance for ties (Kendall 1970, ch. 4)."""
    rows, columns, n = table.sum(1), table.sum(0), float(table.sum())
    alike, contrary = _pairs_per_cell(table)
    s = float((table * (alike - contrary)).sum()) / 2

    def moment(values: FloatArray, power: int) -> float:
        if power == 1:
            return float((values * (values - 1) * (2 * values + 5)).sum())
        if power == 2:
            return float((values * (values - 1)).sum())
        return float((values * (values - 1) * (values - 2)).sum())

    variance = (n * (n - 1) * (2 * n + 5) - moment(rows, 1) - moment(columns, 1)) / 18
    variance += moment(rows, 2) * moment(columns, 2) / (2 * n * (n - 1))
    if n > 2:
        variance += moment(rows, 3) * moment(columns, 3) / (9 * n * (n - 1) * (n - 2))
    z = s / math.sqrt(variance)
    return z, float(2 * stats.norm.sf(abs(z)))


def _ordinal_p(
    table: FloatArray, asymptotic_p: float, rng: np.random.Generator | None, resamples: int
) -> tuple[float, tuple[str, ...]]:
    """P-value of |S|; tau-b, gamma and J are monotone in S when the margins are fixed."""
    if rng is None:
        return asymptotic_p, ("normal approximation",)
    rows = np.repeat(np.arange(table.shape[0]), table.sum(1).astype(np.int64))
    columns = np.repeat(np.arange(table.shape[1]), table.sum(0).astype(np.int64))

    def sums(tables: FloatArray) -> FloatArray:
        alike, contrary = _pairs_per_cell(tables)
        return np.abs((tables * (alike - contrary)).sum((1, 2)))

    observed = float(sums(table[None])[0])
    blocks = _permuted(rows, rng, resamples, cells=max(len(rows), 4 * table.size))
    drawn = np.concatenate([sums(_tables(block, columns, *table.shape)) for block in blocks])
    return (
        _monte_carlo_p(drawn, observed),
        (f"Monte Carlo p-value from {resamples} permutations",),
    )


def _fisher_interval(estimate: float, se: float, confidence: float) -> tuple[float, float]:
    if not math.isfinite(estimate) or abs(estimate) >= 1:
        return estimate, estimate
    reach = float(stats.norm.ppf((1 + confidence) / 2)) * se / (1 - estimate**2)
    centre = math.atanh(estimate)
    return math.tanh(centre - reach), math.tanh(centre + reach)


# Shared machinery


def _permuted(
    values: FloatArray | IntArray,
    rng: np.random.Generator,
    resamples: int,
    cells: int | None = None,
) -> Iterator[np.ndarray]:
    """Yield blocks of independently shuffled copies, one per row, within a bound of memory."""
    block = max(1, _CELLS_AT_ONCE // (cells or len(values)))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        yield rng.permuted(np.broadcast_to(values, (rows, len(values))), axis=1)


def _tables(rows: IntArray, columns: IntArray, r: int, c: int) -> FloatArray:
    """Cross-tabulate each row of a B × n array of row codes with n column codes (B × r × c)."""
    cell = np.arange(len(rows))[:, None] * (r * c) + rows * c + columns
    counts = np.bincount(cell.ravel(), minlength=len(rows) * r * c)
    return counts.reshape(len(rows), r, c).astype(float)


def _enumerate_tables(table: FloatArray) -> FloatArray | None:
    """List all tables with the margins of this one, or None when there are too many."""
    rows = table.sum(1).astype(np.int64)
    columns = table.sum(0).astype(np.int64)
    # Each state is a list of columns filled so far and what is left of the row margins.
    filled = np.zeros((1, len(rows), 0), dtype=np.int64)
    left = rows[None, :]
    for column in columns[:-1]:
        choices = _splits(int(column), rows)
        if choices is None or len(filled) * len(choices) > 20 * _MOST_TABLES:
            return None
        remainder = left[:, None, :] - choices[None, :, :]
        fits = (remainder >= 0).all(2)
        at, choice = np.nonzero(fits)
        filled = np.concatenate([filled[at], choices[choice][:, :, None]], axis=2)
        left = remainder[at, choice]
        if len(filled) > _MOST_TABLES:
            return None
    return np.concatenate([filled, left[:, :, None]], axis=2).astype(float)


def _splits(total: int, most: IntArray) -> IntArray | None:
    """List the ways to split a column total over rows with at most `most` in each."""
    parts = np.zeros((1, 0), dtype=np.int64)
    for bound in most[:-1]:
        options = np.arange(min(total, int(bound)) + 1)
        if len(parts) * len(options) > 20 * _MOST_TABLES:
            return None
        grown = np.concatenate(
            [np.repeat(parts, len(options), 0), np.tile(options, len(parts))[:, None]], axis=1
        )
        parts = grown[grown.sum(1) <= total]
    rest = total - parts.sum(1)
    parts = np.concatenate([parts, rest[:, None]], axis=1)
    return parts[rest <= most[-1]]


def _freedom(table: FloatArray) -> int:
    return (table.shape[0] - 1) * (table.shape[1] - 1)


def _noncentral_interval(chi_square: float, df: int, confidence: float) -> tuple[float, float]:
    """Interval for the noncentrality of a chi-square statistic; 0 where no value fits."""

    def bound(level: float) -> float:
        def gap(noncentrality: float) -> float:
            if noncentrality <= 0:
                return float(stats.chi2.cdf(chi_square, df)) - level
            return float(stats.ncx2.cdf(chi_square, df, noncentrality)) - level

        if gap(0.0) <= 0:
            return 0.0
        top = max(1.0, chi_square)
        while gap(top) > 0:
            top *= 2
        return float(optimize.brentq(gap, 0.0, top, xtol=1e-12))

    return bound((1 + confidence) / 2), bound((1 - confidence) / 2)


def _percentile(values: FloatArray, confidence: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _monte_carlo_p(drawn: FloatArray, observed: float) -> float:
    slack = _SLACK * max(1.0, abs(observed)) if math.isfinite(observed) else 0.0
    return (1 + int((drawn >= observed - slack).sum())) / (1 + len(drawn))
