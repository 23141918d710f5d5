"""Statistics on stacks of count tables against R, SciPy, and the functions on single variables."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlsec_survey.stats import association, tables

R = json.loads((Path(__file__).parent / "oracle" / "tables.json").read_text())
DATA = {name: np.array(values) for name, values in R["data"].items()}
CLOSE = {"rel": 1e-8, "abs": 1e-10}


def table(rows: str, columns: str) -> np.ndarray:
    return tables.count_tables(
        tables.level_codes(DATA[rows])[0], tables.level_codes(DATA[columns])[0]
    )[0]


def test_tables_count_who_gave_which_pair() -> None:
    counted = table("size", "defences")
    assert counted.tolist() == pd.crosstab(DATA["size"], DATA["defences"]).to_numpy().tolist()
    stack = tables.count_tables(np.array([0, 1, 1]), np.array([[0, 1, 1], [1, 1, 0]]))
    assert stack.tolist() == [[[1, 0], [0, 2]], [[0, 1], [1, 1]]]


def test_kendall_agrees_with_r() -> None:
    test = tables.kendall_tau_b(table("likelihood", "defences"))
    assert float(test.statistic) == pytest.approx(R["kendall"]["z"], **CLOSE)
    assert float(test.p) == pytest.approx(R["kendall"]["p"], **CLOSE)
    assert float(test.effect) == pytest.approx(R["kendall"]["tau"], **CLOSE)


def test_standard_error_of_tau_b_agrees_with_the_function_on_one_table() -> None:
    for rows, columns in (("likelihood", "defences"), ("size", "exposed"), ("size", "defences")):
        counted = table(rows, columns)
        want = association.concordance(counted.astype(float)).se_tau_b
        assert float(tables.tau_b_standard_error(counted)) == pytest.approx(want, **CLOSE)


def test_trend_agrees_with_coin_and_with_prop_trend_test() -> None:
    test = tables.trend(table("size", "exposed"))
    # coin takes the first factor level as reference, so the sign is turned.
    assert -float(test.statistic) == pytest.approx(R["trend"]["z"], **CLOSE)
    assert float(test.p) == pytest.approx(R["trend"]["p"], **CLOSE)
    n = len(DATA["size"])
    # Base R divides by n where fixed margins give n - 1.
    armitage = float(test.statistic) ** 2 * n / (n - 1)
    assert armitage == pytest.approx(R["armitage"]["chi_square"], **CLOSE)
    assert stats.chi2.sf(armitage, 1) == pytest.approx(R["armitage"]["p"], **CLOSE)


def test_rank_sum_kruskal_and_chi_square_agree_with_r() -> None:
    rank_sum = tables.mann_whitney(table("exposed", "defences"))
    assert float(rank_sum.statistic) == pytest.approx(R["wilcoxon"]["u"], **CLOSE)
    assert float(rank_sum.p) == pytest.approx(R["wilcoxon"]["p"], **CLOSE)
    kruskal = tables.kruskal(table("size", "defences"))
    assert float(kruskal.statistic) == pytest.approx(R["kruskal"]["h"], **CLOSE)
    assert float(kruskal.p) == pytest.approx(R["kruskal"]["p"], **CLOSE)
    chi_square = tables.chi_square(table("size", "exposed"))
    assert float(chi_square.statistic) == pytest.approx(R["chi_square"]["statistic"], **CLOSE)
    assert float(chi_square.p) == pytest.approx(R["chi_square"]["p"], **CLOSE)


def test_fisher_agrees_with_r() -> None:
    stack = np.array([case["table"] for case in R["fisher"]])
    want = [case["p"] for case in R["fisher"]]
    assert tables.fisher_exact(stack).p == pytest.approx(want, rel=1e-7)
    first = stack[0]
    odds = first[0, 0] * first[1, 1] / (first[0, 1] * first[1, 0])
    assert float(tables.fisher_exact(stack).effect[0]) == pytest.approx(odds)


def test_fisher_agrees_with_scipy_on_every_small_table() -> None:
    cells = np.array(np.meshgrid(*[range(5)] * 4)).reshape(4, -1).T.reshape(-1, 2, 2)
    cells = cells[(cells.sum(1).min(1) > 0) & (cells.sum(2).min(1) > 0)]
    got = tables.fisher_exact(cells).p
    want = [stats.fisher_exact(cell).pvalue for cell in cells]
    assert got == pytest.approx(want, rel=1e-9)


def test_brunner_munzel_agrees_with_scipy_table_by_table() -> None:
    rng = np.random.default_rng(4)
    stack = rng.integers(1, 6, size=(20, 2, 5))
    test = tables.brunner_munzel(stack)
    levels = np.arange(5)
    for k, counted in enumerate(stack):
        first, second = (np.repeat(levels, row) for row in counted)
        want = stats.brunnermunzel(first, second)
        # SciPy's statistic is positive when the second sample is larger.
        assert test.statistic[k] == pytest.approx(want.statistic, **CLOSE)
        assert test.p[k] == pytest.approx(want.pvalue, **CLOSE)
        pairs = np.sign(np.subtract.outer(second, first))
        assert test.effect[k] == pytest.approx(0.5 + pairs.mean() / 2)


def test_brunner_munzel_agrees_with_the_function_on_two_variables() -> None:
    want = association.brunner_munzel(pd.Series(DATA["defences"]), pd.Series(DATA["exposed"]))
    test = tables.brunner_munzel(table("exposed", "defences"))
    assert float(test.effect) == pytest.approx(want.estimate, **CLOSE)
    assert float(test.standard_error) == pytest.approx(want.extra["se"], **CLOSE)
    assert float(test.df) == pytest.approx(want.extra["df"], **CLOSE)
    assert float(test.p) == pytest.approx(want.p, **CLOSE)


def test_corrected_cramers_v_agrees_with_the_function_on_two_variables() -> None:
    want = association.contingency_permutation(
        pd.Series(DATA["exposed"]), pd.Series(DATA["size"]), rng=np.random.default_rng(1)
    )
    counted = table("size", "exposed")
    assert float(tables.corrected_cramers_v(counted)) == pytest.approx(want.estimate, **CLOSE)
    assert float(tables.chi_square(counted).effect) == pytest.approx(
        want.extra["cramers_v_uncorrected"], **CLOSE
    )


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
    rows, columns = (tables.level_codes(DATA[name])[0] for name in ("size", "exposed"))
    drawn = tables.permuted_tables(rows, columns, 3_000, np.random.default_rng(3))
    z = tables.trend(drawn).statistic
    # Under permutation the statistic has mean 0 and variance 1 exactly.
    assert z.mean() == pytest.approx(0, abs=4 / np.sqrt(3_000))
    assert z.var() == pytest.approx(1, abs=0.12)


def test_a_constant_variable_gives_no_statistic_and_no_warning() -> None:
    constant = np.array([[3, 4], [0, 0]])
    assert np.isnan(float(tables.kendall_tau_b(constant).statistic))
    assert np.isnan(float(tables.trend(constant).statistic))
