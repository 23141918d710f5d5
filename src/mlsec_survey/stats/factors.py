"""Factor models of ordered items: fitted to their polychoric correlations, with robust fit.

Diagonally weighted least squares with the mean- and variance-adjusted test of Muthén, du Toit and
Spisic (1997) and Asparouhov and Muthén (2010), which is lavaan's WLSMV.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats.polychoric import Polychoric

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FactorFit:
    """A factor model fitted to polychoric correlations.

    Attributes:
        loadings: one per item, on the item's factor.
        loading_errors: their standard errors.
        correlations: of the factors, factors × factors.
        correlation_errors: their standard errors; 0 on the diagonal.
        residuals: correlation that two items share beyond their factors, per pair that may.
        chi_square, df, p: robust test that the model holds.
        cfi, rmsea, srmr: its fit: comparative fit, error of approximation per degree of freedom
            (both robust), and the root mean square of the residual correlations.
        influence: respondents × parameters (loadings, factor correlations, residuals).
        n: respondents.
    """

    loadings: Floats
    loading_errors: Floats
    correlations: Floats
    correlation_errors: Floats
    residuals: Floats
    chi_square: float
    df: int
    p: float
    cfi: float
    rmsea: float
    srmr: float
    influence: Floats
    n: int


def factor_model(
    items: Polychoric, factors: Sequence[int], residuals: Sequence[tuple[int, int]] = ()
) -> FactorFit:
    """Fit a model in which each item belongs to one factor.

    >>> from mlsec_survey.stats.polychoric import polychoric
    >>> rng = np.random.default_rng(1)
    >>> level = rng.normal(size=(200, 1))
    >>> items = pd.DataFrame(np.digitize(level + rng.normal(size=(200, 4)), [-1, 0, 1]))
    >>> factor_model(polychoric(items), [0, 0, 0, 0]).df
    2

    Args:
        items: polychoric correlations of the items.
        factors: number of the factor of each item, from 0.
        residuals: pairs of items (positions) that may share more than their factors say.

    Raises:
        AnalysisError: there are not more correlations than parameters, or no solution is found.
    """
    model = _Model.of(items, factors, residuals)
    values, weights = items.values, 1 / (items.influence**2).sum(axis=0)
    df = len(values) - model.size
    if df < 1:
        raise AnalysisError("the model has as many parameters as there are correlations")
    root = np.sqrt(weights)
    start = np.concatenate(
        [np.full(model.items, 0.7), np.full(model.between, 0.5), np.zeros(len(model.residuals))]
    )
    solved = optimize.least_squares(
        lambda theta: root * (values - model.implied(theta)),
        start,
        jac=lambda theta: -root[:, None] * model.slopes(theta),
        xtol=1e-14, ftol=1e-14, gtol=1e-14, max_nfev=2000,
    )  # fmt: skip
    theta = np.asarray(solved.x, dtype=float)
    slopes = model.slopes(theta)
    bread = slopes.T @ (weights[:, None] * slopes)
    if not solved.success or np.linalg.cond(bread) > 1e12:
        raise AnalysisError("the factor model is not identified by these answers")
    projection = np.linalg.solve(bread, slopes.T * weights)
    influence = items.influence @ projection.T
    errors = np.linalg.norm(influence, axis=0)
    left = values - model.implied(theta)
    chi_square = _adjusted(left, weights, items, slopes)
    # Of no correlation at all, for the comparative fit.
    baseline = _adjusted(values, weights, items, None)
    excess, worst = max(0.0, chi_square - df), max(chi_square - df, baseline - len(values), 0.0)
    k = model.items
    correlations, correlation_errors = np.eye(model.factors), np.zeros((model.factors,) * 2)
    for table, source in ((correlations, theta), (correlation_errors, errors)):
        table[model.upper] = source[k : k + model.between]
        table.T[model.upper] = table[model.upper]
    return FactorFit(
        loadings=theta[:k],
        loading_errors=errors[:k],
        correlations=correlations,
        correlation_errors=correlation_errors,
        residuals=theta[k + model.between :],
        chi_square=chi_square,
        df=df,
        p=float(stats.chi2.sf(chi_square, df)),
        cfi=1 - excess / worst if worst > 0 else 1.0,
        rmsea=math.sqrt(excess / (df * (items.n - 1))),
        srmr=float(np.sqrt((left**2).sum() / (k * (k + 1) / 2))),
        influence=influence,
        n=items.n,
    )


def omega(loadings: Floats) -> float:
    """Return omega, the share of a sum's variance that is due to the one factor of its items.

    From loadings on standardised items (McDonald 1999). On loadings behind ordered answers it is
    the reliability of the sum of the variables behind them.

    >>> round(omega(np.array([0.8, 0.8, 0.8])), 4)
    0.8421
    """
    common = loadings.sum() ** 2
    return float(common / (common + (1 - loadings**2).sum()))


def omega_gradient(loadings: Floats) -> Floats:
    """Return how omega changes with each loading.

    >>> h, at = 1e-6, np.array([0.5, 0.7])
    >>> numeric = (omega(at + [h, 0]) - omega(at - [h, 0])) / (2 * h)
    >>> bool(abs(omega_gradient(at)[0] - numeric) < 1e-8)
    True
    """
    total, rest = loadings.sum(), (1 - loadings**2).sum()
    return np.asarray(2 * total * (rest + total * loadings) / (total**2 + rest) ** 2)


@dataclass(frozen=True, slots=True)
class _Model:
    """Which parameters each correlation is made of."""

    items: int
    factors: int
    place: Integers
    pairs: Integers
    residuals: tuple[int, ...]
    upper: tuple[Integers, Integers]

    @classmethod
    def of(
        cls, items: Polychoric, factors: Sequence[int], residuals: Sequence[tuple[int, int]]
    ) -> _Model:
        place = np.asarray(factors, dtype=np.int64)
        number = {tuple(map(int, pair)): at for at, pair in enumerate(items.pairs)}
        shared = tuple(number[min(pair), max(pair)] for pair in residuals)
        several = int(place.max()) + 1
        first, second = np.triu_indices(several, 1)
        return cls(len(items.items), several, place, items.pairs, shared, (first, second))

    @property
    def between(self) -> int:
        return len(self.upper[0])

    @property
    def size(self) -> int:
        return self.items + self.between + len(self.residuals)

    def _factor_correlation(self, theta: Floats) -> Floats:
        phi = np.eye(self.factors)
        phi[self.upper] = theta[self.items : self.items + self.between]
        phi.T[self.upper] = phi[self.upper]
        return np.asarray(phi[self.place[self.pairs[:, 0]], self.place[self.pairs[:, 1]]])

    def implied(self, theta: Floats) -> Floats:
        i, j = self.pairs.T
        implied = theta[i] * theta[j] * self._factor_correlation(theta)
        implied[list(self.residuals)] += theta[self.items + self.between :]
        return np.asarray(implied)

    def slopes(self, theta: Floats) -> Floats:
        i, j = self.pairs.T
        row = np.arange(len(self.pairs))
        slopes = np.zeros((len(row), self.size))
        phi = self._factor_correlation(theta)
        slopes[row, i] = theta[j] * phi
        slopes[row, j] = theta[i] * phi
        for at, (a, b) in enumerate(zip(*self.upper, strict=True)):
            of_these = (np.minimum(self.place[i], self.place[j]) == a) & (
                np.maximum(self.place[i], self.place[j]) == b
            )
            slopes[of_these, self.items + at] = (theta[i] * theta[j])[of_these]
        for at, pair in enumerate(self.residuals):
            slopes[pair, self.items + self.between + at] = 1.0
        return slopes


def _adjusted(left: Floats, weights: Floats, items: Polychoric, slopes: Floats | None) -> float:
    """Return the weighted sum of squared residuals, scaled and shifted to a chi-square.

    Its mean and variance under the model are the trace of U·G and twice that of (U·G)², G the
    covariance of the correlations and U the weights after the parameters are projected out.
    """
    raw = float((weights * left**2).sum())
    u, df = np.diag(weights), len(left)
    if slopes is not None:
        weighted = weights[:, None] * slopes
        u = u - weighted @ np.linalg.solve(slopes.T @ weighted, weighted.T)
        df -= slopes.shape[1]
    product = u @ items.covariance
    first, second = float(np.trace(product)), float((product * product.T).sum())
    scale = math.sqrt(df / second)
    return raw * scale + df - scale * first
