"""Statistics on stacks of count tables against R, SciPy, and the functions on single variables."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlsec_survey.stats import categorical, rank_tests, tables

R = json.loads((Path(__file__).parent / "oracle" / "tables.json").read_text())
DATA = {name: np.array(values) for name, values in R["data"].items()}
CLOSE = {"rel": 1e-8, "abs": 1e-10}


def table(rows: str, columns: str) -> np.ndarray:
    return tables.cross_table(pd.Series(DATA[columns]), pd.Series(DATA[rows])).counts


def test_tables_count_who_gave_which_pair() -> None:
    counted = table("size", "defences")
    assert counted.tolist() == pd.crosstab(DATA["size"], DATA["defences"]).to_numpy().tolist()
    stack = tables.count_tables(np.array([0, 1, 1]), np.array([[0, 1, 1], [1, 1, 0]]), 2, 2)
    assert stack.tolist() == [[[1, 0], [0, 2]], [[0, 1], [1, 1]]]


def test_kendall_agrees_with_r() -> None:
    test = rank_tests.kendall_on_tables(table("likelihood", "defences"))
    assert float(test.z) == pytest.approx(R["kendall"]["z"], **CLOSE)
    assert float(test.p) == pytest.approx(R["kendall"]["p"], **CLOSE)
    assert float(test.effect) == pytest.approx(R["kendall"]["tau"], **CLOSE)


def test_standard_error_of_tau_b_agrees_with_a_numerical_delta_method() -> None:
    for rows, columns in (("likelihood", "defences"), ("size", "exposed"), ("size", "defences")):
        counted = table(rows, columns).astype(float)
        n, share = counted.sum(), counted / counted.sum()

        def tau(weights: np.ndarray, n: float = n) -> float:
            return float(rank_tests.kendall_on_tables(1e6 * weights).effect)

        gradient = np.zeros_like(share)
        for cell in np.ndindex(*share.shape):
            step = np.zeros_like(share)
            step[cell] = 1e-5
            gradient[cell] = (tau(share + step) - tau(np.maximum(share - step, 0))) / (
                2e-5 if share[cell] >= 1e-5 else 1e-5
            )
        variance = (share * gradient**2).sum() - (share * gradient).sum() ** 2
        want = np.sqrt(variance / n)
        assert float(rank_tests.tau_b_standard_error(counted)) == pytest.approx(want, rel=1e-3)


def test_trend_agrees_with_coin_and_with_prop_trend_test() -> None:
    test = categorical.trend_score_on_tables(table("size", "exposed"))
    # coin takes the first factor level as reference, so the sign is turned.
    assert -float(test.statistic) == pytest.approx(R["trend"]["z"], **CLOSE)
    assert float(test.p) == pytest.approx(R["trend"]["p"], **CLOSE)
    n = len(DATA["size"])
    # Base R divides by n where fixed margins give n - 1.
    armitage = float(test.statistic) ** 2 * n / (n - 1)
    assert armitage == pytest.approx(R["armitage"]["chi_square"], **CLOSE)
    assert stats.chi2.sf(armitage, 1) == pytest.approx(R["armitage"]["p"], **CLOSE)


def test_rank_sum_kruskal_and_chi_square_agree_with_r() -> None:
    rank_sum = rank_tests.mann_whitney_on_tables(table("exposed", "defences"))
    assert float(rank_sum.statistic) == pytest.approx(R["wilcoxon"]["u"], **CLOSE)
    assert float(rank_sum.p) == pytest.approx(R["wilcoxon"]["p"], **CLOSE)
    kruskal = rank_tests.kruskal_on_tables(table("size", "defences"))
    assert float(kruskal.statistic) == pytest.approx(R["kruskal"]["h"], **CLOSE)
    assert float(kruskal.p) == pytest.approx(R["kruskal"]["p"], **CLOSE)
    statistic, df = categorical.chi_square(table("size", "exposed"))
    assert float(statistic) == pytest.approx(R["chi_square"]["statistic"], **CLOSE)
    assert stats.chi2.sf(statistic, df) == pytest.approx(R["chi_square"]["p"], **CLOSE)


def test_fisher_agrees_with_r() -> None:
    stack = np.array([case["table"] for case in R["fisher"]])
    want = [case["p"] for case in R["fisher"]]
    assert categorical.fisher_on_tables(stack).p == pytest.approx(want, rel=1e-7)
    first = stack[0]
    odds = first[0, 0] * first[1, 1] / (first[0, 1] * first[1, 0])
    assert float(categorical.fisher_on_tables(stack).statistic[0]) == pytest.approx(odds)


@pytest.mark.slow
def test_fisher_agrees_with_scipy_on_every_small_table() -> None:
    cells = np.array(np.meshgrid(*[range(5)] * 4)).reshape(4, -1).T.reshape(-1, 2, 2)
    cells = cells[(cells.sum(1).min(1) > 0) & (cells.sum(2).min(1) > 0)]
    got = categorical.fisher_on_tables(cells).p
    want = [stats.fisher_exact(cell).pvalue for cell in cells]
    assert got == pytest.approx(want, rel=1e-9)


def test_brunner_munzel_agrees_with_scipy_table_by_table() -> None:
    rng = np.random.default_rng(4)
    stack = rng.integers(1, 6, size=(20, 2, 5))
    test = rank_tests.brunner_munzel_on_tables(stack)
    levels = np.arange(5)
    for k, counted in enumerate(stack):
        first, second = (np.repeat(levels, row) for row in counted)
        want = stats.brunnermunzel(first, second)
        # SciPy's statistic is positive when the second sample is larger.
        assert test.statistic[k] == pytest.approx(want.statistic, **CLOSE)
        assert test.p[k] == pytest.approx(want.pvalue, **CLOSE)
        pairs = np.sign(np.subtract.outer(second, first))
        assert test.effect[k] == pytest.approx(pairs.mean() / 2)


def test_scipy_agrees_with_the_tests_of_ordered_variables() -> None:
    y, x, groups = DATA["defences"], DATA["likelihood"], DATA["exposed"]
    kendall = rank_tests.kendall_on_tables(table("likelihood", "defences"))
    want = stats.kendalltau(y, x, method="asymptotic")
    assert float(kendall.effect) == pytest.approx(want.statistic, **CLOSE)
    assert float(kendall.p) == pytest.approx(want.pvalue, **CLOSE)
    spearman = rank_tests.spearman_on_tables(table("likelihood", "defences"))
    want = stats.spearmanr(y, x)
    assert float(spearman.effect) == pytest.approx(want.statistic, **CLOSE)
    assert float(spearman.p) == pytest.approx(want.pvalue, rel=1e-7)
    first, second = y[groups == 0], y[groups == 1]
    rank_sum = rank_tests.mann_whitney_on_tables(table("exposed", "defences"))
    want = stats.mannwhitneyu(second, first, method="asymptotic")
    assert float(rank_sum.statistic) == pytest.approx(want.statistic, **CLOSE)
    assert float(rank_sum.p) == pytest.approx(want.pvalue, **CLOSE)
    kruskal = rank_tests.kruskal_on_tables(table("likelihood", "defences"))
    want = stats.kruskal(*(y[x == level] for level in np.unique(x)))
    assert float(kruskal.statistic) == pytest.approx(want.statistic, **CLOSE)


def test_random_tables_have_the_margins_and_the_right_distribution() -> None:
    rows, columns = np.array([3, 2]), np.array([2, 2, 1])
    drawn = tables.tables_with_margins(rows, columns, 40_000, np.random.default_rng(2))
    assert (drawn.sum(2) == rows).all() and (drawn.sum(1) == columns).all()
    exact = {}
    for a in range(3):
        for b in range(3):
            c = 3 - a - b
            if 0 <= c <= 1:
                # Multivariate hypergeometric: ways to fill the first row.
                ways = [1, 2, 1][a] * [1, 2, 1][b] * 1
                exact[(a, b, c)] = ways / 10
    assert sum(exact.values()) == 1
    for first_row, probability in exact.items():
        share = (drawn[:, 0] == first_row).all(1).mean()
        assert share == pytest.approx(probability, abs=4 * np.sqrt(0.25 / 40_000))


@pytest.mark.parametrize("total", [0, 7, 255, 256])
def test_random_rows_are_multinomial(total: int) -> None:
    size, chances = 40_001, np.array([1e-3, 0.249, 0.0, 0.35, 0.4])
    uniform = np.full(5, 0.2)
    drawn = tables.tables_with_rows(
        [total, 3], [chances, uniform], size, np.random.default_rng(total)
    )
    assert drawn.shape == (size, 2, 5) and (drawn.sum(2) == [total, 3]).all()
    assert (drawn >= 0).all() and (drawn[:, 0, 2] == 0).all()
    for row, n, share in ((0, total, chances), (1, 3, uniform)):
        want = n * (np.diag(share) - np.outer(share, share))
        error = 5 * np.sqrt(np.diag(want).max() / size)
        assert drawn[:, row].mean(0) == pytest.approx(n * share, abs=error)
        assert np.cov(drawn[:, row].T) == pytest.approx(want, abs=0.03 * np.diag(want).max())
    assert abs(np.corrcoef(drawn[:, 1, 0], np.arange(size))[0, 1]) < 0.02
    # Whole distribution of a count that is often 0.
    rare = np.bincount(drawn[:, 0, 0], minlength=3)[:3] / size
    assert rare == pytest.approx(stats.binom.pmf([0, 1, 2], total, 1e-3), abs=0.01)


def test_concordance_counts_pairs_of_respondents() -> None:
    drawn = np.random.default_rng(5).integers(0, 4, (2, 3, 4, 6))
    for at in np.ndindex(2, 3):
        rows, columns = np.repeat(np.indices((4, 6)).reshape(2, -1), drawn[at].ravel(), axis=1)
        signs = np.sign(rows - rows[:, None]) * np.sign(columns - columns[:, None])
        assert tables.concordance(drawn)[at] == signs.sum() / 2
        assert tables.concordance(drawn[at]) == signs.sum() / 2


def test_permuted_tables_are_permutations_of_the_answers() -> None:
    counted = table("size", "exposed")
    drawn = np.concatenate(list(tables.permuted_tables(counted, 3_000, np.random.default_rng(3))))
    assert (drawn.sum(2) == counted.sum(1)).all() and (drawn.sum(1) == counted.sum(0)).all()
    z = categorical.trend_deviates(drawn)
    # Under permutation the statistic has mean 0 and variance 1 exactly.
    assert z.mean() == pytest.approx(0, abs=4 / np.sqrt(3_000))
    assert z.var() == pytest.approx(1, abs=0.12)


def test_tables_are_permuted_alike_by_drawing_and_by_moving_respondents(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = np.array([[6, 3, 1], [2, 5, 4]])
    shares = []
    for cost in (0.01, 1_000):
        monkeypatch.setattr(tables, "_RESPONDENTS_PER_CELL", cost)
        blocks = tables.permuted_tables(counted, 40_000, np.random.default_rng(8))
        drawn = np.concatenate(list(blocks))[:, 0, 0]
        shares.append(np.bincount(drawn, minlength=9) / 40_000)
    want = stats.hypergeom.pmf(np.arange(9), 21, 8, 10)
    assert shares[0] == pytest.approx(want, abs=0.011)
    assert shares[1] == pytest.approx(want, abs=0.011)


def test_a_constant_variable_gives_no_statistic_and_no_warning() -> None:
    constant = np.array([[3, 4], [0, 0]])
    assert np.isnan(float(rank_tests.kendall_on_tables(constant).statistic))
    assert np.isnan(float(categorical.trend_deviates(constant)))
