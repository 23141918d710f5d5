"""Measures of effect: what is no effect, on which scale they are about normal, how they are said.

One entry of `EFFECTS` adds a measure; plan, tables, figures, pooling, equivalence tests, Bayes
factors and design analysis read all that they need to know about it here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mlsec_survey.stats import categorical, counts, logistic, ordinal, rank_tests
from mlsec_survey.stats.result import TestResult
from mlsec_survey.stats.tables import TableTest, score_correlation, two_rows

Floats = NDArray[np.float64]
OnTables = Callable[[Floats, Floats, Floats, float | None], Floats]
"""Counts (…, r, c), row scores, column values and largest count to one distance per table."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A transformation that makes the sampling distribution of an effect size about normal."""

    name: str
    forward: Callable[[float], float]
    back: Callable[[float], float]


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


def _atanh(value: float) -> float:
    return math.atanh(value) if abs(value) < 1 else math.copysign(math.inf, value)


IDENTITY = Scale("identity", float, float)
LOG = Scale("log", _log, lambda value: math.inf if value > 700 else math.exp(value))
LOGIT = Scale("logit", lambda v: float(special.logit(v)), lambda v: float(special.expit(v)))
FISHER_Z = Scale("Fisher's z", _atanh, math.tanh)


@dataclass(frozen=True, slots=True)
class EffectSize:
    """A measure of effect.

    Attributes:
        key: as an analysis plan names it.
        name: as readers know it, and as `TestResult.effect` names it.
        null: its value where there is no effect.
        low, high: the values that it can take.
        scale: on which its estimates are about normal; None for a measure without a sign.
        up, down: what a value above, and below, the null says; without a sign both are the same.
        on_tables: the estimate per table of counts as its distance from the null (of a ratio its
            logarithm); None where no design analysis is made in it, nor a smallest effect stated.
        noncentrality: for a measure without a sign, the noncentrality of the chi-square statistic
            of a result at a value of the effect.
    """

    key: str
    name: str
    null: float
    low: float
    high: float
    scale: Scale | None
    up: str
    down: str
    on_tables: OnTables | None = None
    noncentrality: Callable[[float, TestResult], float] | None = None

    @property
    def signed(self) -> bool:
        """Whether the effect has a direction."""
        return self.scale is not None

    @property
    def is_ratio(self) -> bool:
        """Whether effects multiply, so that distances are logarithms."""
        return self.scale is LOG

    def distance(self, value: float) -> float:
        """Return how far a value is from no effect, on the scale on which effects add up."""
        return math.log(value / self.null) if self.is_ratio else value - self.null

    def at(self, distance: float) -> float:
        """Return the value at a distance from no effect, as `distance` measures it."""
        return self.null * math.exp(distance) if self.is_ratio else self.null + distance

    def too_small(self, smallest: float) -> tuple[float, float]:
        """Return the range of effects nearer to none than the smallest one of interest."""
        if not self.signed:
            return self.null, smallest
        return self.at(-self.distance(smallest)), smallest

    def direction(self, value: float) -> str:
        """Say in words what a value tells, by its side of the null."""
        return self.up if value >= self.null else self.down


def _superiority(t: Floats, s: Floats, v: Floats, trials: float | None) -> Floats:
    return rank_tests.superiority(two_rows(t)) - 0.5


def _odds_ratio(t: Floats, s: Floats, v: Floats, trials: float | None) -> Floats:
    if t.shape[-1] == 2:
        return _effect(logistic.firth_on_tables(t, s))
    return _effect(ordinal.cumulative_logit_slopes(t, s))


def _effect(test: TableTest) -> Floats:
    assert test.effect is not None
    return test.effect


_CORRELATION = ("rises with the predictor", "falls with the predictor")
_GROUPS = ("differs between groups", "differs between groups")

EFFECTS: dict[str, EffectSize] = {
    effect.key: effect
    for effect in (
        EffectSize(
            "odds_ratio",
            "odds ratio",
            1.0,
            0.0,
            math.inf,
            LOG,
            "higher odds",
            "lower odds",
            _odds_ratio,
        ),
        EffectSize(
            "incidence_rate_ratio",
            "incidence-rate ratio",
            1.0,
            0.0,
            math.inf,
            LOG,
            "higher counts",
            "lower counts",
            lambda t, s, v, trials: _effect(counts.quasi_poisson_on_tables(t, s, v)),
        ),
        EffectSize(
            "probability_of_superiority",
            "probability of superiority",
            0.5,
            0.0,
            1.0,
            LOGIT,
            "higher values",
            "lower values",
            _superiority,
        ),
        EffectSize(
            "tau_b",
            "Kendall's tau-b",
            0.0,
            -1.0,
            1.0,
            FISHER_Z,
            *_CORRELATION,
            lambda t, s, v, trials: _effect(rank_tests.kendall_on_tables(t)),
        ),
        EffectSize(
            "spearman_rho",
            "Spearman's rho",
            0.0,
            -1.0,
            1.0,
            FISHER_Z,
            *_CORRELATION,
            lambda t, s, v, trials: score_correlation(t, s, v, ranks=True),
        ),
        EffectSize("somers_d", "Somers' d", 0.0, -1.0, 1.0, FISHER_Z, *_CORRELATION),
        EffectSize(
            "cramers_v",
            "Cramér's V",
            0.0,
            0.0,
            1.0,
            None,
            *_GROUPS,
            lambda t, s, v, trials: categorical.corrected_cramers_v(t),
            # V² is chi-square / (n (k - 1)), with k the smaller side of the table.
            lambda value, result: value**2 * result.n * (result.extra["smaller_side"] - 1),
        ),
        EffectSize("eta_squared", "eta squared of the ranks", 0.0, 0.0, 1.0, None, *_GROUPS),
        EffectSize("cohens_w", "Cohen's w", 0.0, 0.0, math.inf, None, *_GROUPS),
    )
}


def told_interval(effect: str, low: float, high: float) -> tuple[float, float]:
    """Return an interval as readers are shown it: none where it holds every value there is.

    >>> told_interval("Cramér's V", 0.0, 1.0), told_interval("Cramér's V", 0.0, 0.4)
    ((nan, nan), (0.0, 0.4))

    Args:
        effect: name of the measure; the interval of one that is not registered is always shown.
        low, high: ends of the interval.
    """
    measure = effect_named(effect)
    if measure is not None and low <= measure.low and high >= measure.high:
        return math.nan, math.nan
    return low, high


def effect_named(name: str, effects: Mapping[str, EffectSize] = EFFECTS) -> EffectSize | None:
    """Return the measure that a result calls by this name; None for one that is not registered.

    >>> effect_named("odds ratio").too_small(2.0)
    (0.5, 2.0)
    """
    return next((effect for effect in effects.values() if effect.name == name), None)
