"""Regression and rank tests on stacks of count tables, so that simulations cost seconds.

As in `tables`, counts have shape (…, r, c): rows are the levels of the predictor, columns the
ordered levels of the outcome. `signed_test` runs any test of the analysis plan that a table is
enough for, and reports it as a normal deviate with the sign of the effect.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from . import tables as table_tests

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
    """

    z: Floats
    p: Floats
    statistic: Floats


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
    """
    t = _stack(tables)
    n, cases = t.sum(-1), t[..., 1]
    s = _scores(scores, t.shape[1])
    s = s - s.mean()
    constant = ((n > 0).sum(-1) < 2) | (cases.sum(-1) == 0) | (cases.sum(-1) == n.sum(-1))
    n = np.where(constant[:, None], 1.0, n)
    cases = np.where(constant[:, None], 0.5, cases)
    # With the slope held at 0 the penalty is the log of p(1 - p), up to a constant.
    share = (cases.sum(-1) + 1) / (n.sum(-1) + 2)
    intercept, slope = special.logit(share), np.zeros(len(t))
    null = _firth_value(n, cases, s, intercept, slope)[0]
    value = null
    for _ in range(60):
        _, a, b, (i00, i01, i11), probability, weight = _firth_value(n, cases, s, intercept, slope)
        determinant = i00 * i11 - i01**2
        leverage = (
            weight[:, :]
            * (i11[:, None] - 2 * s * i01[:, None] + s**2 * i00[:, None])
            / determinant[:, None]
        )
        residual = cases - n * probability + n * leverage * (0.5 - probability)
        u0, u1 = residual.sum(-1), (residual * s).sum(-1)
        step0, step1 = (i11 * u0 - i01 * u1) / determinant, (i00 * u1 - i01 * u0) / determinant
        scale = np.minimum(1.0, 2.0 / np.maximum(np.maximum(abs(step0), abs(step1)), 1e-300))
        step0, step1 = step0 * scale, step1 * scale
        for _ in range(8):
            reached = _firth_value(n, cases, s, a + step0, b + step1)[0]
            worse = reached < value - 1e-9 * abs(value)
            if not worse.any():
                break
            step0, step1 = np.where(worse, step0 / 2, step0), np.where(worse, step1 / 2, step1)
        intercept, slope, value = a + step0, b + step1, reached
        if max(np.abs(step0).max(initial=0), np.abs(step1).max(initial=0)) < 1e-9:
            break
    ratio = np.maximum(0.0, 2 * (value - null))
    statistic = np.where(constant, np.nan, np.sign(slope) * np.sqrt(ratio))
    p = 2 * special.ndtr(-np.abs(statistic))
    shape = np.shape(tables)[:-2]
    slope = np.where(constant, np.nan, slope)
    return Slopes(slope.reshape(shape), statistic.reshape(shape), p.reshape(shape))


def _firth_value(n: Floats, cases: Floats, s: Floats, a: Floats, b: Floats) -> tuple:
    linear = a[:, None] + b[:, None] * s
    probability = special.expit(linear)
    weight = probability * special.expit(-linear)
    wn = weight * n
    i00, i01, i11 = wn.sum(-1), (wn * s).sum(-1), (wn * s**2).sum(-1)
    value = (cases * linear - n * np.logaddexp(0, linear)).sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = value + 0.5 * np.log(np.maximum(i00 * i11 - i01**2, 1e-300))
    return value, a, b, (i00, i01, i11), probability, weight


def cumulative_logit_slopes(tables: ArrayLike, scores: ArrayLike | None = None) -> Slopes:
    """Fit a proportional-odds model with one slope to each table, by Fisher scoring.

    Likelihood-ratio test. A positive slope is the log odds ratio of a higher outcome per unit of
    the row scores (McCullagh 1980, doi:10.1111/j.2517-6161.1980.tb01109.x). A level of the outcome
    that nobody chose adds nothing to the likelihood; it gets a thousandth of an answer.
    """
    t = _stack(tables)
    s = _scores(scores, t.shape[1])
    s = s - s.mean()
    used = t.sum(axis=(0, 1)) > 0
    t = t[:, :, used]
    rows, levels = t.shape[1:]
    empty = t.sum(1, keepdims=True) == 0
    t = np.where(empty, 0.001 / rows, t)
    n = t.sum(-1)
    share = np.cumsum(t.sum(1), -1)[:, :-1] / n.sum(-1, keepdims=True)
    alpha, slope = special.logit(share), np.zeros(len(t))
    free = levels - 1
    value = null = _cumulative_value(t, s, alpha, slope)
    for _ in range(50):
        linear = alpha[:, None, :] - (slope[:, None] * s)[:, :, None]
        upper = special.expit(linear)
        density = upper * special.expit(-linear)
        cumulative = np.concatenate(
            [np.zeros((*upper.shape[:2], 1)), upper, np.ones((*upper.shape[:2], 1))], axis=-1
        )
        pi = np.maximum(np.diff(cumulative, axis=-1), 1e-300)
        # d pi_j / d alpha_k is f_k for j = k and -f_k for j = k + 1.
        ratio = t / pi
        u_alpha = (density * (ratio[..., :-1] - ratio[..., 1:])).sum(1)
        padded = np.concatenate(
            [np.zeros((*density.shape[:2], 1)), density, np.zeros((*density.shape[:2], 1))], -1
        )
        d_slope = -s[None, :, None] * np.diff(padded, axis=-1)
        u_slope = (ratio * d_slope).sum((1, 2))
        inverse = n[..., None] / pi
        information = np.zeros((len(t), free + 1, free + 1))
        at = np.arange(free)
        information[:, at, at] = (density**2 * (inverse[..., :-1] + inverse[..., 1:])).sum(1)
        if free > 1:
            off = -(density[..., :-1] * density[..., 1:] * inverse[..., 1:-1]).sum(1)
            information[:, at[:-1], at[1:]] = information[:, at[1:], at[:-1]] = off
        weighted = inverse * d_slope
        cross = (density * (weighted[..., :-1] - weighted[..., 1:])).sum(1)
        information[:, :free, free] = information[:, free, :free] = cross
        information[:, free, free] = (weighted * d_slope).sum((1, 2))
        score = np.concatenate([u_alpha, u_slope[:, None]], axis=1)
        step = np.linalg.solve(information, score[..., None])[..., 0]
        step *= np.minimum(1.0, 2.0 / np.maximum(np.abs(step).max(1), 1e-300))[:, None]
        for _ in range(12):
            reached = _cumulative_value(t, s, alpha + step[:, :free], slope + step[:, free])
            worse = ~(reached >= value - 1e-9 * np.abs(value))
            if not worse.any():
                break
            step = np.where(worse[:, None], step / 2, step)
        alpha, slope, value = alpha + step[:, :free], slope + step[:, free], reached
        # Scoring gains more than a digit with each step, so the next would not matter.
        if np.abs(step).max(initial=0) < 1e-8:
            break
    statistic = np.sign(slope) * np.sqrt(np.maximum(0.0, 2 * (value - null)))
    shape = np.shape(tables)[:-2]
    p = 2 * special.ndtr(-np.abs(statistic))
    return Slopes(slope.reshape(shape), statistic.reshape(shape), p.reshape(shape))


def _cumulative_value(t: Floats, s: Floats, alpha: Floats, slope: Floats) -> Floats:
    upper = special.expit(alpha[:, None, :] - (slope[:, None] * s)[:, :, None])
    ends = np.zeros((*upper.shape[:2], 1))
    pi = np.diff(np.concatenate([ends, upper, ends + 1], axis=-1), axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(t > 0, t * np.log(pi), 0.0).sum((1, 2)))


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


def trend_p(tables: ArrayLike, scores: ArrayLike | None = None) -> Floats:
    """Return the permutation p-value of the Cochran–Armitage trend test per table.

    Exact, as `association.trend_permutation`, where the rows have the same sums in the whole stack
    and at most 40 respondents have the rarer outcome; the normal approximation with the permutation
    variance elsewhere. The enumeration multiplies generating functions (Streitberg and Röhmel
    1986). Scores must be whole numbers to be enumerated.
    """
    t = _stack(tables)
    s = _scores(scores, t.shape[1])
    p = np.asarray(table_tests.trend(t, s).p, dtype=float)
    rows = t.sum(-1)
    whole = np.rint(s)
    if len(t) and np.allclose(whole, s) and (rows == rows[0]).all():
        cases, n = t[..., 1].sum(-1), float(rows[0].sum())
        flipped = cases > n / 2
        few = np.minimum(cases, n - cases)
        exact = (few > 0) & (few <= _ENUMERATE_UP_TO)
        if exact.any():
            steps = (whole - whole.min()).astype(np.int64)
            law = trend_law(rows[0].astype(np.int64), steps, int(few[exact].max()))
            rarer = np.where(flipped[:, None], t[..., 0], t[..., 1])
            sums = (rarer * steps).sum(-1).astype(np.int64)
            p[exact] = law[few[exact].astype(np.int64), sums[exact]]
    return p.reshape(np.shape(tables)[:-2])


def trend_law(rows: NDArray[np.int64], steps: NDArray[np.int64], most: int) -> Floats:
    """Return p-values of the exact trend test by number of cases (0 to `most`) and sum of steps."""
    reach = most * int(steps.max())
    weight = np.zeros((most + 1, reach + 1))
    weight[0, 0] = 1.0
    for n, step in zip(rows.tolist(), steps.tolist(), strict=True):
        grown = np.zeros_like(weight)
        for k in range(min(n, most) + 1):
            ways = float(special.comb(n, k))
            shift = k * step
            grown[k:, shift:] += ways * weight[: most + 1 - k, : reach + 1 - shift]
        weight = grown
    mean = float((rows * steps).sum() / rows.sum())
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


def signed_test(
    name: str,
    tables: ArrayLike,
    scores: ArrayLike | None = None,
    values: ArrayLike | None = None,
    *,
    trials: float | None = None,
) -> SignedTest:
    """Run a test of the analysis plan on each table.

    Args:
        name: a name of `TABLE_TESTS`, or of `STANDS_IN` for the test that stands in for it.
        tables: counts (…, r, c).
        scores: of the rows; default 0, 1, ….
        values: of the columns; default 0, 1, ….
        trials: largest possible count, for "quasi_binomial".

    Notes:
        A contingency test uses (n - 1)/n of Pearson's chi-square, whose mean under permutation is
        its degrees of freedom. Proportional odds of more than 12 levels are tested by the score.

    Raises:
        KeyError: the test needs more than a table.
    """
    t = np.asarray(tables, dtype=float)
    row_scores, column_values = _scores(scores, t.shape[-2]), _scores(values, t.shape[-1])
    return TABLE_TESTS[STANDS_IN.get(name, name)](t, row_scores, column_values, trials)


def _from_p(statistic: Floats, p: Floats, sign: Floats) -> SignedTest:
    return SignedTest(np.sign(sign) * -special.ndtri(np.clip(p, 1e-300, 1) / 2), p, statistic)


def _trend(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    z = table_tests.trend(t, s).statistic
    return _from_p(z, trend_p(t, s), z)


def _kendall(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    result = table_tests.kendall_tau_b(t)
    return SignedTest(result.statistic, result.p, result.statistic)


def _two_rows(t: Floats) -> Floats:
    """Return tables whose two rows are the groups, whichever variable forms them."""
    return t if t.shape[-2] == 2 else np.swapaxes(t, -1, -2)


def _mann_whitney(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    result = table_tests.mann_whitney(_two_rows(t))
    return _from_p(result.statistic, result.p, result.effect - 0.5)


def _brunner_munzel(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    result = table_tests.brunner_munzel(_two_rows(t))
    return _from_p(result.statistic, result.p, result.statistic)


def _spearman(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    r = score_correlation(t, s, v, ranks=True)
    statistic, p = correlation_test(r, t.sum((-2, -1)))
    return _from_p(statistic, p, r)


def _linear(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    r = score_correlation(t, s, v)
    statistic, p = correlation_test(r, t.sum((-2, -1)))
    return _from_p(statistic, p, r)


def _firth(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    fit = firth_slopes(t, s)
    return SignedTest(fit.statistic, fit.p, fit.statistic)


def _proportional_odds(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    if t.shape[-1] <= _FIT_UP_TO:
        fit = cumulative_logit_slopes(t, s)
        return SignedTest(fit.statistic, fit.p, fit.statistic)
    z = proportional_odds_score(t, s)
    return SignedTest(z, 2 * special.ndtr(-np.abs(z)), z)


def _quasi(t: Floats, s: Floats, v: Floats, trials: float | None) -> SignedTest:
    fit = quasi_likelihood_slopes(t, s, v, trials=trials)
    return _from_p(fit.statistic, fit.p, fit.slope)


def _quasi_poisson(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    return _quasi(t, s, v, None)


def _contingency(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    n = t.sum((-2, -1))
    statistic = (n - 1) / n * table_tests.chi_square(t).statistic
    df = ((t.sum(-1) > 0).sum(-1) - 1) * ((t.sum(-2) > 0).sum(-1) - 1)
    p = np.where(df > 0, special.chdtrc(np.maximum(df, 1), statistic), np.nan)
    return _from_p(statistic, p, np.ones_like(p))


def _kruskal(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    result = table_tests.kruskal(t)
    return _from_p(result.statistic, result.p, np.ones_like(result.p))


def _fisher(t: Floats, s: Floats, v: Floats, _: float | None) -> SignedTest:
    result = table_tests.fisher_exact(t)
    gap = t[..., 0, 0] * t[..., 1, 1] - t[..., 0, 1] * t[..., 1, 0]
    return _from_p(result.statistic, result.p, gap)


TABLE_TESTS: dict[str, Callable[[Floats, Floats, Floats, float | None], SignedTest]] = {
    "trend_permutation": _trend,
    "contingency_permutation": _contingency,
    "kruskal_permutation": _kruskal,
    "firth_logistic": _firth,
    "kendall_tau_b": _kendall,
    "jonckheere": _kendall,
    "spearman": _spearman,
    "brunner_munzel": _brunner_munzel,
    "mann_whitney": _mann_whitney,
    "proportional_odds": _proportional_odds,
    "quasi_poisson": _quasi_poisson,
    "quasi_binomial": _quasi,
    "fisher_exact": _fisher,
    "linear_model": _linear,
}

# Count models whose slope has the same score. Their quasi-Poisson counterpart stands in for them:
# it needs no dispersion fitted to each table and keeps its level whatever the dispersion is.
STANDS_IN: dict[str, str] = {"negative_binomial": "quasi_poisson", "poisson": "quasi_poisson"}


def _stack(tables: ArrayLike) -> Floats:
    t = np.asarray(tables, dtype=float)
    return t.reshape(-1, *t.shape[-2:])


def _scores(scores: ArrayLike | None, size: int) -> Floats:
    return np.arange(size, dtype=float) if scores is None else np.asarray(scores, dtype=float)
