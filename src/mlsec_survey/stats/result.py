"""The one shape in which every estimate and every test reports its result."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TestResult:
    """An effect size with its interval and the test that goes with it.

    Attributes:
        method: name of the test or estimator as a statistician would cite it.
        effect: name of the effect size that `estimate` is on ("Kendall's tau-b", "odds ratio").
        estimate, low, high: the effect size and its interval at `confidence`; NaN when undefined.
        n: respondents used.
        statistic: the test statistic; NaN when the test has none (an exact test by enumeration).
        p: two-sided p-value unless `notes` says otherwise; NaN for estimates without a test.
        confidence: level of the interval, 0.95 unless stated.
        null: the value of `estimate` under the null hypothesis.
        notes: what a reader has to know: corrections, fallbacks, resamples, warnings.
        extra: further named quantities (degrees of freedom, dispersion, group sizes).
    """

    __test__ = False

    method: str
    effect: str
    estimate: float
    low: float
    high: float
    n: int
    statistic: float = math.nan
    p: float = math.nan
    confidence: float = 0.95
    null: float = 0.0
    notes: tuple[str, ...] = ()
    extra: dict[str, float] = field(default_factory=dict)
