"""Is an effect too small to be of interest? Equivalence tests by inverting intervals.

A wide interval that includes no effect says little; one that lies inside the range of effects too
small to matter says that there is no effect worth the name. The test is two one-sided tests at
level α, which is the same as asking whether the interval at confidence 1 - 2α lies inside that
range (Schuirmann 1987, doi:10.1007/BF01068419). It works for every method with an interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from scipy import optimize

Interval = Callable[[float], tuple[float, float]]
"""Returns the interval of an effect at a confidence level."""

Verdict = Literal["no effect of interest", "effect of interest", "effect of unclear size", "open"]
_SMALLEST = 1e-10


@dataclass(frozen=True, slots=True)
class EquivalenceTest:
    """What an interval says about a range of effects too small to be of interest.

    Attributes:
        low_bound, high_bound: the range; infinite where there is no bound.
        alpha: level of each one-sided test.
        low, high: interval at confidence 1 - 2·alpha.
        p: of the equivalence test, the larger of the two one-sided p-values; it is small when the
            data speak against every effect of interest.
        verdict: "no effect of interest", if the interval lies inside the range; "effect of
            interest", if the interval at confidence 1 - alpha lies outside of it; "effect of
            unclear size", if that interval excludes the null only; else "open".
    """

    low_bound: float
    high_bound: float
    alpha: float
    low: float
    high: float
    p: float
    verdict: Verdict


def equivalence_test(
    interval: Interval,
    low_bound: float,
    high_bound: float,
    *,
    null: float,
    alpha: float = 0.05,
) -> EquivalenceTest:
    """Test whether an effect lies between two bounds.

    >>> test = equivalence_test(lambda level: (-0.2 * level, 0.2 * level), -0.5, 0.5, null=0.0)
    >>> test.verdict
    'no effect of interest'

    Args:
        interval: gives the effect's two-sided, equal-tailed interval at any confidence.
        low_bound, high_bound: smallest effects of interest on either side, on the effect's scale.
            A bound that is the null itself (for an effect that has no sign) is no bound.
        null: value of the effect that means none.
        alpha: level.

    Raises:
        ValueError: the null does not lie between the bounds.
    """
    if not low_bound <= null <= high_bound or low_bound == high_bound:
        raise ValueError("the null must lie between the bounds")
    lower = -math.inf if low_bound == null else low_bound
    upper = math.inf if high_bound == null else high_bound
    low, high = interval(1 - 2 * alpha)
    wide_low, wide_high = interval(1 - alpha)
    p = max(
        one_sided_p(interval, lower, above=True),
        one_sided_p(interval, upper, above=False),
    )
    verdict: Verdict = "open"
    if lower < low and high < upper:
        verdict = "no effect of interest"
    elif wide_high < lower or wide_low > upper:
        verdict = "effect of interest"
    elif wide_low > null or wide_high < null:
        verdict = "effect of unclear size"
    return EquivalenceTest(lower, upper, alpha, low, high, p, verdict)


def one_sided_p(interval: Interval, bound: float, *, above: bool) -> float:
    """Return the p-value for an effect beyond a bound: the level whose interval just excludes it.

    >>> from statistics import NormalDist
    >>> def interval(confidence):  # of an estimate of 1 with standard error 0.5
    ...     reach = 0.5 * NormalDist().inv_cdf((1 + confidence) / 2)
    ...     return 1 - reach, 1 + reach
    ...
    >>> round(one_sided_p(interval, 0.0, above=True), 4)
    0.0228

    Args:
        interval: two-sided, equal-tailed, at any confidence.
        bound: of the null hypothesis.
        above: the alternative is an effect above the bound, else below it.

    Exact where the interval is; where the estimate lies on the null hypothesis' side the p-value
    is taken as one minus that of the opposite alternative.
    """
    if math.isinf(bound):
        return 0.0
    end, other = (0, 1) if above else (1, 0)
    sign = 1.0 if above else -1.0

    def gap(log_alpha: float, side: int = end) -> float:
        distance = sign * (interval(1 - 2 * math.exp(log_alpha))[side] - bound)
        return min(max(distance, -1e300), 1e300)

    tightest, widest = math.log(0.5 - 1e-9), math.log(_SMALLEST)
    if gap(widest) > 0:
        return _SMALLEST
    if gap(tightest) > 0:
        return math.exp(float(optimize.brentq(gap, widest, tightest, xtol=1e-9)))
    # The estimate itself lies beyond the bound: ask the opposite question.
    if gap(tightest, other) >= 0:
        return 0.5
    if gap(widest, other) < 0:
        return 1.0
    return 1 - math.exp(float(optimize.brentq(gap, widest, tightest, args=(other,), xtol=1e-9)))
