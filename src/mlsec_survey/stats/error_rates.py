"""Whether tests and intervals hold what they promise: error rates and coverage by simulation.

A test at level alpha may reject a true null hypothesis in a share alpha of samples; an interval at
95 % has to cover the true value in 95 % of them. Both are promises for many respondents or many
cases, and are checked here at the sizes and shares of the study at hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.base.formatting import percent_text
from mlsec_survey.stats.result import TestResult

Floats = NDArray[np.float64]
Interval = Callable[[ArrayLike, ArrayLike], tuple[Floats, Floats]]
Procedure = Callable[[pd.Series, pd.Series], TestResult]

# A method falls short when its rate is beyond these bounds by more than two Monte Carlo standard
# errors: a fifth above the level, or a percentage point of coverage below.
LARGEST_ERROR = 1.2
SMALLEST_COVERAGE = 0.01
# How the method column ends for a test that is run as the hypotheses are, with its interval.
AS_USED = ", as in notebook 04"


def share_with_error(hits: ArrayLike) -> tuple[float, float]:
    """Return a simulated share and its Monte Carlo standard error.

    The error is at least that of one hit, so that a share of 0 or 1 is not taken for certain.

    >>> share, error = share_with_error([True] * 5 + [False] * 95)
    >>> round(share, 2), round(error, 4)
    (0.05, 0.0218)
    """
    values = np.asarray(hits, dtype=float)
    m = len(values)
    share = float(values.mean())
    inner = min(max(share, 1 / (m + 1)), m / (m + 1))
    return share, math.sqrt(inner * (1 - inner) / m)


def respondents(
    table: NDArray[np.int64], row_values: ArrayLike, column_values: ArrayLike, *, ordered: bool
) -> tuple[pd.Series, pd.Series]:
    """Return outcome and predictor of the respondents that a table (r × c) counts.

    Without an order the predictor is a category.

    >>> outcome, predictor = respondents(np.array([[1, 2], [0, 1]]), [0, 1], [0, 1], ordered=True)
    >>> outcome.tolist(), predictor.tolist()
    ([0, 1, 1, 1], [0, 0, 0, 1])
    """
    rows, columns = (
        np.repeat(np.broadcast_to(values, table.shape).ravel(), table.ravel())
        for values in (np.asarray(row_values)[:, None], np.asarray(column_values)[None, :])
    )
    predictor = pd.Series(rows, name="predictor")
    if not ordered:
        predictor = predictor.map("group {:.0f}".format).astype("category")
    return pd.Series(columns, name="outcome"), predictor


def procedure_rates(
    samples: list[tuple[pd.Series, pd.Series]], procedure: Procedure, true: float, alpha: float
) -> dict[str, tuple[float, float]]:
    """Run a procedure on simulated samples and count how often it rejects and covers.

    >>> from mlsec_survey.stats.rank_tests import kendall_tau_b
    >>> rng = np.random.default_rng(1)
    >>> samples = [(pd.Series(rng.permutation(30)), pd.Series(range(30))) for _ in range(50)]
    >>> rates = procedure_rates(samples, kendall_tau_b, 0.0, 0.05)
    >>> rates["covered"][0] > 0.8, rates["failed"][0]
    (True, 0.0)

    Args:
        samples: outcome and predictor of each sample.
        procedure: returns a test result.
        true: effect size in the population.
        alpha: level of the test.

    Returns:
        Share with its Monte Carlo standard error of: `rejected`, p below alpha; `covered`, the true
        value lies in the interval; `failed`, the procedure gave no result, which counts as not
        rejected and is left out of the coverage.
    """
    rejected, covered, failed = [], [], []
    for outcome, predictor in samples:
        try:
            result = procedure(outcome, predictor)
        except AnalysisError:
            rejected.append(False)
            failed.append(True)
            continue
        failed.append(False)
        rejected.append(result.p < alpha)
        # Bounds are met up to rounding: an interval that ends at the true value covers it.
        slack = 1e-9 * max(1.0, abs(true))
        covered.append(result.low - slack <= true <= result.high + slack)
    rates = {"rejected": share_with_error(rejected), "failed": share_with_error(failed)}
    rates["covered"] = share_with_error(covered) if covered else (math.nan, math.nan)
    return rates


def exact_coverage(interval: Interval, n: int, share: float) -> float:
    """Return the coverage of an interval for a share by enumerating all counts.

    >>> from mlsec_survey.stats.proportions import wilson
    >>> round(exact_coverage(wilson, 20, 0.5), 3)
    0.959
    """
    counts = np.arange(n + 1)
    low, high = interval(counts, np.full(n + 1, n))
    inside = (low <= share + 1e-12) & (high >= share - 1e-12)
    return float(stats.binom.pmf(counts, n, share)[inside].sum())


def holds(table: pd.DataFrame) -> pd.Series:
    """Tell for each row of a table of rates whether the method holds what it promises.

    >>> rates = {"rate": [0.94, 0.90], "se": 0.003}
    >>> holds(pd.DataFrame({"quantity": "coverage", "nominal": 0.95, **rates})).tolist()
    [True, False]

    Args:
        table: columns quantity ("type I error" or "coverage"), nominal, rate and se.

    Returns:
        False where the error rate is more than a fifth above its level, or the coverage more than a
        percentage point below, by more than two Monte Carlo standard errors. A test that rejects
        too rarely, or an interval that is too wide, errs on the safe side and holds.
    """
    error = table["quantity"] == "type I error"
    liberal = table["rate"] - 2 * table["se"] > LARGEST_ERROR * table["nominal"]
    narrow = table["rate"] + 2 * table["se"] < table["nominal"] - SMALLEST_COVERAGE
    return ~(liberal.where(error, narrow))


def summarise_rates(table: pd.DataFrame) -> pd.DataFrame:
    """Return the worst rates of each method over all conditions.

    >>> table = pd.DataFrame([
    ...     {"test": "tau-b", "method": "permuted", "form": "test", "quantity": "type I error",
    ...      "prevalence": 0.3, "effect": 0.0, "nominal": 0.05, "rate": 0.052, "se": 0.002,
    ...      "simulations": 10_000}
    ... ])
    >>> summarise_rates(table)[["error", "error_at", "holds"]].to_numpy().tolist()
    [[0.052, 0.3, True]]

    Args:
        table: one row per condition: test, method, form, quantity, prevalence, effect, nominal,
            rate, se, simulations.

    Returns:
        One row per method and form: test, method, form, error and error_at (largest type I error
        and the share of 1 there), coverage and coverage_at (smallest), error_holds and
        coverage_holds (True where there is no such rate), and holds (both).
    """
    checked = table.assign(holds=holds(table))
    rows = []
    for (test, method, form), part in checked.groupby(["test", "method", "form"], sort=False):
        row: dict[str, object] = {"test": test, "method": method, "form": form}
        for quantity, name, worst in (
            ("type I error", "error", "max"),
            ("coverage", "coverage", "min"),
        ):
            some = part[part["quantity"] == quantity]
            row[name], row[f"{name}_at"], row[f"{name}_holds"] = math.nan, math.nan, True
            if len(some):
                rates = some["rate"].to_numpy(dtype=float)
                at = int(rates.argmax() if worst == "max" else rates.argmin())
                row[name], row[f"{name}_at"] = float(rates[at]), float(some["prevalence"].iloc[at])
                row[f"{name}_holds"] = bool(some["holds"].all())
        row["holds"] = bool(part["holds"].all())
        rows.append(row)
    return pd.DataFrame(rows)


def describe_rates(summary: pd.DataFrame, primary: Iterable[str]) -> str:
    """Say in words whether the primary tests hold what they promise, and which methods do not.

    >>> row = {"test": "tau-b", "method": f"tau-b{AS_USED}", "form": "test", "error": 0.05}
    >>> row |= {"error_at": 0.3, "error_holds": True, "coverage_holds": True, "holds": True}
    >>> describe_rates(pd.DataFrame([row]), ["tau-b"])
    'every primary method that was checked holds what it promises'

    Args:
        summary: of `summarise_rates`.
        primary: names of the plan's primary tests.
    """
    names = list(dict.fromkeys(primary))
    used = summary[summary["method"].str.endswith(AS_USED) & summary["test"].isin(names)]
    short = [
        f"the {what} of {row['method'].removesuffix(AS_USED)} ({row['form']}), {number} "
        f"{percent_text(row[name], 1)}"
        + (f" at a share of {percent_text(row[f'{name}_at'])}" if row[f"{name}_at"] > 0 else "")
        for row in used.to_dict("records")
        for name, what, number in (
            ("error", "p-value", "type I error"),
            ("coverage", "interval", "coverage"),
        )
        if not row[f"{name}_holds"]
    ]
    if short:
        parts = [f"of the primary methods falls short: {'; '.join(short)}; the others hold"]
    else:
        parts = ["every primary method that was checked holds what it promises"]
    others = summary[~summary["holds"] & ~summary.index.isin(used.index)]
    if len(others):
        methods = ", ".join(dict.fromkeys(others["method"]))
        parts.append(f"not primary, and short of it somewhere: {methods}")
    unchecked = [name for name in names if name not in set(used["test"])]
    if unchecked:
        parts.append(f"not checked: {', '.join(unchecked)}")
    return "; ".join(parts)


def describe_basis(table: pd.DataFrame) -> str:
    """Say how the rates were obtained: simulations, seed and the largest Monte Carlo error.

    >>> rates = {"simulations": [5000, 10_000], "se": [0.003, 0.002], "seed": 7}
    >>> describe_basis(pd.DataFrame(rates)).partition(";")[0]
    '5,000 to 10,000 simulated samples per condition, seed 7'
    """
    simulated = table[table["simulations"] > 0]
    if simulated.empty:
        return "By enumeration."
    return (
        f"{int(simulated['simulations'].min()):,} to {int(simulated['simulations'].max()):,} "
        f"simulated samples per condition, seed {int(simulated['seed'].iloc[0])}; Monte Carlo "
        f"standard error at most {100 * float(simulated['se'].max()):.1f} points. A sample in "
        "which a variable is constant counts as not rejected and is left out of the coverage. "
        "Intervals of a share: by enumeration."
    )
