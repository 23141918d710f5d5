"""Regression and rank tests on stacks of count tables, so that simulations cost seconds.

As in `tables`, counts have shape (…, r, c): rows are the levels of the predictor, columns the
ordered levels of the outcome. Each test of the registry (`stats.tests`) has a function here that
runs it on all tables of a stack, and reports it as a normal deviate with the sign of the effect.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from mlsec_survey.stats import tables as table_tests

Floats = NDArray[np.float64]

# Up to this many cases the trend test enumerates its permutation distribution; beyond, the normal
# approximation with the permutation variance is as good.
_ENUMERATE_UP_TO = 40
# Up to this many outcome levels a proportional-odds model is fitted; beyond, its score test serves.
_FIT_UP_TO = 12


@dataclass(frozen=True, slots=True)
class SignedTest:
    """One test per table.

    Attributes:
        z: normal deviate with the two-sided p-value of the test and the sign of the effect
            (positive: a higher outcome goes with a higher row); of a test without direction, plus.
        p: two-sided p-value; NaN where a variable is constant in the table.
        statistic: the statistic of the test itself.
        effect: the effect size that the test comes with, 0 for none: a slope, tau-b, or the
            probability of superiority less a half; None for a test that estimates nothing.
        df: degrees of freedom of a chi-square statistic without direction; None for a test with
            one.
    """

    z: Floats
    p: Floats
    statistic: Floats
    effect: Floats | None = None
    df: Floats | None = None


@dataclass(frozen=True, slots=True)
class Slopes:
    """One regression slope per table.

    Attributes:
        slope: per unit of the row scores, on the scale of the linear predictor.
        statistic: signed square root of the likelihood ratio, or t of a quasi-likelihood model.
        p: two-sided p-value.
    """

    slope: Floats
    statistic: Floats
    p: Floats


def firth_slopes(tables: ArrayLike, scores: ArrayLike | None = None) -> Slopes:
    """Fit a Firth-penalised logistic regression to each table with two columns.

    Penalised likelihood-ratio test with the null profile of Heinze and Schemper (2002,
    doi:10.1002/sim.1047): the same as `logistic.firth_logistic`. NaN where a variable is constant.
    Tables with the same number of cases and the same sum of their scores are fitted once if the
    rows have the same sums in the whole stack, since the likelihood depends on nothing else.
    """
    t = _stack(tables)
    n, cases = t.sum(-1), t[..., 1]
    s = _scores(scores, t.shape[1])
    if len(t) > 1 and (n == n[0]).all():
        totals = cases.sum(-1) + 1j * (cases @ s)
        _, first, which = np.unique(totals, return_index=True, return_inverse=True)
        n, cases = n[first], cases[first]
    else:
        which = np.arange(len(t))
    slope, statistic = _firth_fit(n, cases, s - s.mean())
    shape = np.shape(tables)[:-2]
    slope, statistic = slope[which].reshape(shape), statistic[which].reshape(shape)
    return Slopes(slope, statistic, 2 * special.ndtr(-np.abs(statistic)))


def _firth_fit(n: Floats, cases: Floats, s: Floats) -> tuple[Floats, Floats]:
    """Return slope and signed root of the penalised likelihood ratio per table (N × r)."""
    constant = ((n > 0).sum(-1) < 2) | (cases.sum(-1) == 0) | (cases.sum(-1) == n.sum(-1))
    # From here on the tables come last, so that each operation runs along all of them.
    n = np.where(constant, 1.0, n.T)
    cases = np.where(constant, 0.5, cases.T)
    # With the slope held at 0 the penalty is the log of p(1 - p), up to a constant.
    fitted = np.stack([special.logit((cases.sum(0) + 1) / (n.sum(0) + 2)), np.zeros(n.shape[1])])
    null, step = _firth_step(n, cases, s, fitted)
    reached = null.copy()
    active, at, value = np.arange(n.shape[1]), fitted.copy(), null
    for _ in range(60):
        step *= np.minimum(1.0, 2.0 / np.maximum(np.abs(step).max(0), 1e-300))
        for _ in range(8):
            now, following = _firth_step(n, cases, s, at + step)
            worse = now < value - 1e-9 * np.abs(value)
            if not worse.any():
                break
            step = np.where(worse, step / 2, step)
        fitted[:, active], reached[active] = at + step, now
        more = np.abs(step).max(0) >= 1e-7
        if not more.any():
            break
        active, at, value, step = active[more], (at + step)[:, more], now[more], following[:, more]
        n, cases = n[:, more], cases[:, more]
    statistic = np.sign(fitted[1]) * np.sqrt(np.maximum(0.0, 2 * (reached - null)))
    return np.where(constant, np.nan, fitted[1]), np.where(constant, np.nan, statistic)


def _firth_step(n: Floats, cases: Floats, s: Floats, at: Floats) -> tuple[Floats, Floats]:
    """Return penalised log-likelihood and scoring step, for intercepts and slopes (2 × N)."""
    powers = np.stack([s**0, s, s**2])
    linear = powers[:2].T @ at
    odds = np.exp(-np.abs(linear))
    smaller = odds / (1 + odds)
    weight = smaller / (1 + odds)
    probability = np.where(linear < 0, smaller, 1 - smaller)
    i00, i01, i11 = powers @ (weight * n)
    determinant = np.maximum(i00 * i11 - i01**2, 1e-300)
    # log(1 + exp(linear)) without overflow
    softplus = np.maximum(linear, 0) + np.log1p(odds)
    value = (cases * linear - n * softplus).sum(0) + 0.5 * np.log(determinant)
    leverage = weight * (powers.T @ (np.stack([i11, -2 * i01, i00]) / determinant))
    residual = cases - n * (probability + leverage * (probability - 0.5))
    u0, u1 = powers[:2] @ residual
    return value, np.stack([i11 * u0 - i01 * u1, i00 * u1 - i01 * u0]) / determinant


def cumulative_logit_slopes(tables: ArrayLike, scores: ArrayLike | None = None) -> Slopes:
    """Fit a proportional-odds model with one slope to each table, by Newton's method.

    Likelihood-ratio test. A positive slope is the log odds ratio of a higher outcome per unit of
    the row scores (McCullagh 1980, doi:10.1111/j.2517-6161.1980.tb01109.x). A level of the outcome
    that nobody chose adds nothing to the likelihood; it gets a thousandth of an answer. NaN where a
    variable is constant.

    Notes:
        The log-likelihood is concave (Pratt 1981, doi:10.1080/01621459.1981.10477613). Lest they
        overshoot, steps change thresholds and linear predictors by at most 1 and narrow no level by
        more than half. A table is done after a step that would gain less than 1e-6, since what is
        left then is about the square of that.
    """
    t = _stack(tables)
    s = _scores(scores, t.shape[1])
    s = s - s.mean()
    constant = ((t.sum(-1) > 0).sum(-1) < 2) | ((t.sum(-2) > 0).sum(-1) < 2)
    # From here on the tables come last, so that each operation runs along all of them.
    t = np.where(constant, 1.0, np.moveaxis(t, 0, -1))
    t = t[:, t.sum((0, 2)) > 0]
    t = np.where(t.sum(0) == 0, 0.001 / len(t), t)
    answers = t.sum(0)
    share = answers / answers.sum(0)
    alpha = special.logit(np.cumsum(share, axis=0)[:-1])
    slope = np.zeros(t.shape[-1])
    active, left = np.arange(t.shape[-1]), t
    for _ in range(50):
        step_alpha, step_slope, gain = _cumulative_step(left, s, alpha[:, active], slope[active])
        alpha[:, active] += step_alpha
        slope[active] += step_slope
        more = gain >= 1e-6
        if not more.any():
            break
        active, left = active[more], left[..., more]
    null = (answers * np.log(share)).sum(0)
    value = (t * np.log(_cumulative_chances(s, alpha, slope)[0])).sum((0, 1))
    statistic = np.sign(slope) * np.sqrt(np.maximum(0.0, 2 * (value - null)))
    slope[constant] = statistic[constant] = np.nan
    shape = np.shape(tables)[:-2]
    p = 2 * special.ndtr(-np.abs(statistic))
    return Slopes(slope.reshape(shape), statistic.reshape(shape), p.reshape(shape))


def _cumulative_chances(s: Floats, alpha: Floats, slope: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the levels' chances (r × c × N), and chances below and above each threshold."""
    odds = np.exp(-s[:, None] * slope)[:, None] * np.exp(alpha)
    above = 1 / (1 + odds)
    below = odds * above
    chances = np.empty((len(s), len(alpha) + 1, len(slope)))
    chances[:, 0], chances[:, -1] = below[:, 0], above[:, -1]
    np.subtract(below[:, 1:], below[:, :-1], out=chances[:, 1:-1])
    return np.maximum(chances, 1e-300, out=chances), below, above


def _cumulative_step(
    t: Floats, s: Floats, alpha: Floats, slope: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return Newton's step of thresholds and slope, and twice what it would gain in likelihood."""
    chances, below, above = _cumulative_chances(s, alpha, slope)
    density = below * above
    ratio = t / chances
    # First and second derivatives by the linear predictor of each row and threshold; of second
    # derivatives only those of the same and of neighbouring thresholds differ from 0.
    first = density * (ratio[:, :-1] - ratio[:, 1:])
    ratio /= chances
    same = density**2 * (ratio[:, :-1] + ratio[:, 1:]) - (above - below) * first
    beside = -density[:, :-1] * density[:, 1:] * ratio[:, 1:-1]
    across = same.copy()
    across[:, 1:] += beside
    across[:, :-1] += beside
    # Solve the equations: tridiagonal in the thresholds, bordered by the slope. `right` holds the
    # thresholds' first derivatives and the border.
    border = -np.tensordot(s, across, 1)
    corner = np.tensordot(s**2, across, 1).sum(0)
    right = np.stack([first.sum(0), border], axis=1)
    u_slope = -np.tensordot(s, first, 1).sum(0)
    u_alpha = right[:, 0].copy()
    diagonal, off = same.sum(0), beside.sum(0)
    for k in range(1, len(diagonal)):
        factor = off[k - 1] / diagonal[k - 1]
        diagonal[k] -= factor * off[k - 1]
        right[k] -= factor * right[k - 1]
    right[-1] /= diagonal[-1]
    for k in range(len(diagonal) - 2, -1, -1):
        right[k] = (right[k] - off[k] * right[k + 1]) / diagonal[k]
    free, moved = right[:, 0], right[:, 1]
    step_slope = (u_slope - (border * free).sum(0)) / (corner - (border * moved).sum(0))
    step_alpha = free - moved * step_slope
    gain = (u_alpha * step_alpha).sum(0) + u_slope * step_slope
    widest = np.abs(step_alpha).max(0) + np.abs(s).max() * np.abs(step_slope)
    narrowed = (-np.diff(step_alpha, axis=0) / np.diff(alpha, axis=0)).max(0, initial=0)
    scale = 1 / np.maximum(1.0, np.maximum(widest, 2 * narrowed))
    return step_alpha * scale, step_slope * scale, gain


def quasi_likelihood_slopes(
    tables: ArrayLike,
    scores: ArrayLike | None = None,
    values: ArrayLike | None = None,
    *,
    trials: float | None = None,
) -> Slopes:
    """Fit a quasi-Poisson (with `trials`: quasi-binomial) trend to each table of counts.

    Wald t test with the Pearson dispersion on n - 2 degrees of freedom, as
    `counts.quasi_poisson` and `counts.quasi_binomial`.

    Args:
        tables: columns are the values of the count.
        scores: of the rows; default 0, 1, ….
        values: the count that each column stands for; default 0, 1, ….
        trials: largest possible count.
    """
    t = _stack(tables)
    s, v = _scores(scores, t.shape[1]), _scores(values, t.shape[2])
    centre = s.mean()
    s = s - centre
    n, total = t.sum(-1), (t * v).sum(-1)
    grand = total.sum(-1) / n.sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        a = np.log(grand) if trials is None else special.logit(grand / trials)
        b = np.zeros(len(t))
        for _ in range(60):
            linear = a[:, None] + b[:, None] * s
            if trials is None:
                mean = np.exp(np.minimum(linear, 50))
                weight = n * mean
            else:
                mean = trials * special.expit(linear)
                weight = n * mean * (1 - mean / trials)
            residual = total - n * mean
            u0, u1 = residual.sum(-1), (residual * s).sum(-1)
            i00, i01, i11 = weight.sum(-1), (weight * s).sum(-1), (weight * s**2).sum(-1)
            determinant = i00 * i11 - i01**2
            step0, step1 = (i11 * u0 - i01 * u1) / determinant, (i00 * u1 - i01 * u0) / determinant
            scale = np.minimum(1.0, 1.0 / np.maximum(np.maximum(abs(step0), abs(step1)), 1e-300))
            a, b = a + step0 * scale, b + step1 * scale
            if np.nanmax(np.abs(step1), initial=0) < 1e-11:
                break
        variance = mean if trials is None else mean * (1 - mean / trials)
        df = n.sum(-1) - 2
        deviations = (v - mean[..., None]) ** 2 / variance[..., None]
        dispersion = (t * deviations).sum((1, 2)) / df
        statistic = b / np.sqrt(dispersion * i00 / determinant)
    shape = np.shape(tables)[:-2]
    p = 2 * special.stdtr(df, -np.abs(statistic))
    return Slopes(b.reshape(shape), statistic.reshape(shape), p.reshape(shape))


def score_correlation(
    tables: ArrayLike, scores: ArrayLike, values: ArrayLike, *, ranks: bool = False
) -> Floats:
    """Return the correlation of row scores with column values, or of the midranks of both."""
    t = np.asarray(tables, dtype=float)
    if ranks:
        x, y = _midranks(t.sum(-1)), _midranks(t.sum(-2))
    else:
        x = np.broadcast_to(np.asarray(scores, float), t.shape[:-1])
        y = np.broadcast_to(np.asarray(values, float), (*t.shape[:-2], t.shape[-1]))
    rows, columns, n = t.sum(-1), t.sum(-2), t.sum((-2, -1))
    x = x - ((rows * x).sum(-1) / n)[..., None]
    y = y - ((columns * y).sum(-1) / n)[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        cross = np.einsum("...ij,...i,...j->...", t, x, y)
        return np.asarray(cross / np.sqrt((rows * x**2).sum(-1) * (columns * y**2).sum(-1)))


def proportional_odds_score(tables: ArrayLike, scores: ArrayLike | None = None) -> Floats:
    """Return the score test of no effect in the proportional-odds model, as a deviate per table.

    McCullagh (1980, doi:10.1111/j.2517-6161.1980.tb01109.x): a linear trend of the outcome's
    midranks over the row scores. It needs no fit, and any number of outcome levels.
    """
    t = np.asarray(tables, dtype=float)
    s = _scores(scores, t.shape[-2])
    rows, columns, n = t.sum(-1), t.sum(-2), t.sum((-2, -1))
    share = columns / n[..., None]
    ridits = np.cumsum(share, -1) - share / 2
    x = s - ((rows * s).sum(-1) / n)[..., None]
    score = 2 * np.einsum("...ij,...i,...j->...", t, x, ridits - 0.5)
    variance = (1 - (share**3).sum(-1)) / 3 * (rows * x**2).sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(score / np.sqrt(variance))


def _midranks(counts: Floats) -> Floats:
    return np.asarray(np.cumsum(counts, -1) - counts / 2 + 0.5)


def correlation_test(r: Floats, n: ArrayLike, covariates: int = 0) -> tuple[Floats, Floats]:
    """Return t and its two-sided p-value of a (partial) correlation."""
    df = np.asarray(n, dtype=float) - 2 - covariates
    with np.errstate(divide="ignore", invalid="ignore"):
        t = r * np.sqrt(df / np.maximum(1 - r**2, 1e-300))
    return t, 2 * special.stdtr(df, -np.abs(t))


@lru_cache(maxsize=64)
def trend_law(rows: tuple[int, ...], steps: tuple[int, ...]) -> Floats:
    """Return p-values of the exact trend test by number of cases (0 to 40) and sum of steps.

    By multiplying generating functions (Streitberg and Röhmel 1986).
    """
    most = min(_ENUMERATE_UP_TO, sum(rows))
    reach = most * max(steps)
    weight = np.zeros((most + 1, reach + 1))
    weight[0, 0] = 1.0
    for n, step in zip(rows, steps, strict=True):
        grown = np.zeros_like(weight)
        for k in range(min(n, most) + 1):
            shift = k * step
            grown[k:, shift:] += math.comb(n, k) * weight[: most + 1 - k, : reach + 1 - shift]
        weight = grown
    mean = np.dot(rows, steps) / sum(rows)
    p = np.ones_like(weight)
    sums = np.arange(reach + 1)
    for m in range(1, most + 1):
        probability = weight[m] / weight[m].sum()
        # Whole multiples of 1e-6 so that two sums equally far from the mean count as tied.
        away = np.rint(np.abs(sums - m * mean) * 1e6)
        order = np.argsort(-away, kind="stable")
        cumulative = np.cumsum(probability[order])
        last = np.searchsorted(-away[order], -away, side="right") - 1
        p[m] = np.minimum(cumulative[last], 1.0)
    return p


def _from_p(
    statistic: Floats,
    p: Floats,
    sign: Floats,
    effect: Floats | None = None,
    df: Floats | None = None,
) -> SignedTest:
    z = np.sign(sign) * -special.ndtri(np.clip(p, 1e-300, 1) / 2)
    return SignedTest(z, p, statistic, effect, df)


def trend(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    """Test a trend as `association.trend_permutation`: by enumeration where that is feasible.

    It is where scores are whole numbers, the rows have the same sums in the whole stack and at most
    40 respondents have the rarer outcome. Elsewhere: the normal approximation with the variance
    under permutation.
    """
    normal = table_tests.trend(t, s)
    p, stack = np.ravel(normal.p), _stack(t)
    rows, whole = stack.sum(-1), np.rint(s)
    if len(stack) and np.allclose(whole, s) and (rows == rows[0]).all():
        cases, n = stack[..., 1].sum(-1), rows[0].sum()
        steps = whole - whole.min()
        rarer = np.where(cases[:, None] > n / 2, stack[..., 0], stack[..., 1])
        few = np.minimum(cases, n - cases)
        exact = (few > 0) & (few <= _ENUMERATE_UP_TO)
        if exact.any():
            law = trend_law(tuple(rows[0].astype(int).tolist()), tuple(steps.astype(int).tolist()))
            p[exact] = law[few[exact].astype(int), (rarer @ steps)[exact].astype(int)]
    return _from_p(normal.statistic, p.reshape(t.shape[:-2]), normal.statistic)


def trend_score(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    """Test a trend by its normal approximation, without enumeration."""
    z = table_tests.trend(t, s).statistic
    return SignedTest(z, 2 * special.ndtr(-np.abs(z)), z)


def proportional_odds_deviate(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    """Test proportional odds by the score, without a fit."""
    z = proportional_odds_score(t, s)
    return SignedTest(z, 2 * special.ndtr(-np.abs(z)), z)


def spearman_deviate(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    """Test a rank correlation by the quick deviate of its t."""
    r = score_correlation(t, s, v, ranks=True)
    z = t_deviate(r, t.sum((-2, -1)) - 2)
    return SignedTest(z, 2 * special.ndtr(-np.abs(z)), r, r)


def t_deviate(r: Floats, df: ArrayLike) -> Floats:
    """Return the normal deviate with the p-value of the t test of a (partial) correlation.

    Hill (1970, doi:10.1145/355598.355599): exact to four digits from 6 degrees of freedom on, to
    nine from 60 on, at a tenth of the cost of the two distribution functions.
    """
    a = np.asarray(df, dtype=float) - 0.5
    b = 48 * a**2
    w = -a * np.log1p(-np.minimum(r**2, 1 - 1e-12))
    u = np.sign(r) * np.sqrt(w)
    return np.asarray(
        u
        * (
            1
            + (w + 3) / b
            - (((4 * w + 33) * w + 240) * w + 855) / (10 * b * (b + 0.8 * w**2 + 100))
        )
    )


def kendall(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    """Test a monotone association by Kendall's S."""
    result = table_tests.kendall_tau_b(t)
    return SignedTest(result.statistic, result.p, result.statistic, result.effect)


def jonckheere(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    """Test a trend over groups by Kendall's S, with the superiority over pairs of groups."""
    result = table_tests.kendall_tau_b(t)
    rows, n = t.sum(-1), t.sum((-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        effect = table_tests.concordance(t) / (n**2 - (rows**2).sum(-1))
    return SignedTest(result.statistic, result.p, result.statistic, effect)


def mann_whitney(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    """Test two groups by the rank sum."""
    result = table_tests.mann_whitney(table_tests.two_rows(t))
    return _from_p(result.statistic, result.p, result.effect - 0.5, result.effect - 0.5)


def brunner_munzel(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    """Test two groups by the probability of superiority."""
    result = table_tests.brunner_munzel(table_tests.two_rows(t))
    return _from_p(result.statistic, result.p, result.statistic, result.effect - 0.5)


def spearman(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    """Test a rank correlation by its t."""
    r = score_correlation(t, s, v, ranks=True)
    statistic, p = correlation_test(r, t.sum((-2, -1)))
    return _from_p(statistic, p, r)


def firth(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    """Test the slope of a Firth-penalised logistic regression."""
    fit = firth_slopes(t, s)
    return SignedTest(fit.statistic, fit.p, fit.statistic, fit.slope)


def proportional_odds(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    """Test the slope of a proportional-odds model, beyond 12 levels by its score."""
    if t.shape[-1] <= _FIT_UP_TO:
        fit = cumulative_logit_slopes(t, s)
        return SignedTest(fit.statistic, fit.p, fit.statistic, fit.slope)
    return proportional_odds_deviate(t, s, v, None)


def quasi_binomial(t: Floats, s: Floats, v: Floats, trials: float | None) -> SignedTest:
    """Test the slope of a quasi-likelihood model: of counts out of `trials`, if that is given."""
    fit = quasi_likelihood_slopes(t, s, v, trials=trials)
    return _from_p(fit.statistic, fit.p, fit.slope, fit.slope)


def quasi_poisson(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    """Test the slope of a quasi-Poisson model."""
    return quasi_binomial(t, s, v, None)


def contingency(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    """Test independence by (n - 1)/n of Pearson's chi-square, which by chance averages its df."""
    n = t.sum((-2, -1))
    statistic = (n - 1) / n * table_tests.chi_square(t).statistic
    df = ((t.sum(-1) > 0).sum(-1) - 1) * ((t.sum(-2) > 0).sum(-1) - 1)
    p = np.where(df > 0, special.chdtrc(np.maximum(df, 1), statistic), np.nan)
    return _from_p(statistic, p, np.ones_like(p), df=df)


def kruskal(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    """Test groups by their mean ranks."""
    result = table_tests.kruskal(t)
    df = (t.sum(-1) > 0).sum(-1) - 1
    return _from_p(result.statistic, result.p, np.ones_like(result.p), df=df)


def fisher(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    """Test a 2 × 2 table by Fisher's exact test."""
    result = table_tests.fisher_exact(t)
    gap = t[..., 0, 0] * t[..., 1, 1] - t[..., 0, 1] * t[..., 1, 0]
    return _from_p(result.statistic, result.p, gap)


def _stack(tables: ArrayLike) -> Floats:
    t = np.asarray(tables, dtype=float)
    return t.reshape(-1, *t.shape[-2:])


def _scores(scores: ArrayLike | None, size: int) -> Floats:
    return np.arange(size, dtype=float) if scores is None else np.asarray(scores, dtype=float)
