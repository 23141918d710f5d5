"""The checks of error rates: against known cases, and on methods that are known to fall short."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.instrument.codebook_file import load_codebook
from mlsec_survey.instrument.plan import load_plan
from mlsec_survey.stats import error_rates, proportions
from mlsec_survey.stats.result import TestResult
from mlsec_survey.stats.tests import TESTS

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "data/simulation/error_rates.csv"


def wald(count, n):
    share = count / n
    half = 1.96 * np.sqrt(share * (1 - share) / n)
    return share - half, share + half


def test_exact_coverage_is_that_of_simulation():
    rng = np.random.default_rng(1)
    counts = rng.binomial(139, 0.05, 400_000)
    low, high = proportions.wilson(counts, np.full(len(counts), 139))
    simulated = ((low <= 0.05) & (high >= 0.05)).mean()
    found = error_rates.exact_coverage(proportions.wilson, 139, 0.05)
    assert found == pytest.approx(simulated, abs=0.0015)


def test_known_properties_of_intervals_for_a_share():
    """Clopper–Pearson never falls below its level; Wald's interval does (Brown et al. 2001)."""
    for share in (0.02, 0.05, 0.1, 0.25, 0.5):
        assert error_rates.exact_coverage(proportions.clopper_pearson, 139, share) >= 0.95
    assert error_rates.exact_coverage(wald, 139, 0.01) < 0.95 - 0.1
    everything = lambda count, n: (np.zeros(len(count)), np.ones(len(count)))  # noqa: E731
    assert error_rates.exact_coverage(everything, 139, 0.3) == pytest.approx(1)


@pytest.mark.slow
def test_rates_of_a_procedure_are_counted():
    rng = np.random.default_rng(2)
    samples = [(pd.Series(rng.normal(0.2, 1, 50)), pd.Series(np.zeros(50))) for _ in range(3000)]

    def t_test(outcome, _):
        mean, se = outcome.mean(), outcome.std() / math.sqrt(len(outcome))
        reach = stats.t.ppf(0.975, len(outcome) - 1) * se
        p = 2 * stats.t.sf(abs(mean / se), len(outcome) - 1)
        return TestResult("t", "mean", mean, mean - reach, mean + reach, len(outcome), p=p)

    found = error_rates.procedure_rates(samples, t_test, true=0.2, alpha=0.05)
    assert found["covered"][0] == pytest.approx(0.95, abs=0.013)
    power = stats.nct.sf(stats.t.ppf(0.975, 49), 49, 0.2 * math.sqrt(50))
    assert found["rejected"][0] == pytest.approx(power, abs=0.03)
    assert found["failed"][0] == 0
    assert found["rejected"][1] == pytest.approx(math.sqrt(power * (1 - power) / 3000), rel=0.1)
    wrong = error_rates.procedure_rates(samples, t_test, true=0.6, alpha=0.05)
    assert wrong["covered"][0] < 0.5


def test_procedures_that_fail_do_not_reject_or_cover():
    def fails(outcome, predictor):
        raise AnalysisError("constant")

    sample = (pd.Series([1.0]), pd.Series([1.0]))
    found = error_rates.procedure_rates([sample] * 4, fails, true=0, alpha=0.05)
    assert found["failed"][0] == 1 and found["rejected"][0] == 0
    assert math.isnan(found["covered"][0])


def test_respondents_are_those_of_the_table():
    table = np.array([[2, 0, 1], [0, 3, 0]])
    outcome, predictor = error_rates.respondents(table, [1, 5], [0, 1, 2], ordered=True)
    assert (pd.crosstab(predictor, outcome).to_numpy() == table).all()
    assert set(predictor) == {1, 5}
    _, groups = error_rates.respondents(table, [1, 5], [0, 1, 2], ordered=False)
    assert isinstance(groups.dtype, pd.CategoricalDtype) and not groups.cat.ordered


@pytest.mark.parametrize(
    ("quantity", "nominal", "rate", "se", "good"),
    [
        ("type I error", 0.05, 0.001, 0.001, True),
        ("type I error", 0.05, 0.062, 0.002, True),
        ("type I error", 0.05, 0.07, 0.002, False),
        ("type I error", 0.05, 0.07, 0.02, True),
        ("coverage", 0.95, 0.999, 0.001, True),
        ("coverage", 0.95, 0.935, 0.001, False),
        ("coverage", 0.95, 0.935, 0.004, True),
    ],
)
def test_falling_short_is_beyond_chance_and_on_the_unsafe_side(quantity, nominal, rate, se, good):
    row = pd.DataFrame({"quantity": [quantity], "nominal": [nominal], "rate": [rate], "se": [se]})
    assert error_rates.holds(row).tolist() == [good]


def test_a_liberal_test_is_found_out():
    """Brunner–Munzel's t approximation with three respondents in a group rejects too often."""
    rng = np.random.default_rng(3)
    rows = [rng.multinomial(m, [1 / 11] * 11, size=4000) for m in (136, 3)]
    p = TESTS["brunner_munzel"].on_stack(np.stack(rows, axis=1)).p
    rate, se = error_rates.share_with_error(np.nan_to_num(p, nan=1) < 0.05)
    row = {"quantity": ["type I error"], "nominal": [0.05], "rate": [rate], "se": [se]}
    assert not error_rates.holds(pd.DataFrame(row))[0]


def test_share_with_error_never_claims_certainty():
    assert error_rates.share_with_error([0] * 100)[1] == pytest.approx(0.0099, abs=0.001)
    assert error_rates.share_with_error([True, False] * 50) == pytest.approx((0.5, 0.05))


def test_the_summary_takes_the_worst_of_each_method():
    table = pd.DataFrame(
        [
            ("t", "T", "f", "type I error", 0.02, 0.05, 0.08, 0.001),
            ("t", "T", "f", "type I error", 0.25, 0.05, 0.05, 0.001),
            ("t", "T", "f", "coverage", 0.02, 0.95, 0.95, 0.001),
            ("t", "T", "f", "coverage", 0.5, 0.95, 0.945, 0.001),
            ("u", "U", "f", "coverage", math.nan, 0.95, 0.99, 0.001),
        ],
        columns=["test", "method", "form", "quantity", "prevalence", "nominal", "rate", "se"],
    )
    found = error_rates.summarise_rates(table).set_index("test")
    assert tuple(found.loc["t", ["error", "error_at", "coverage", "coverage_at"]]) == (
        0.08, 0.02, 0.945, 0.5,
    )  # fmt: skip
    assert not found.loc["t", "holds"] and found.loc["u", "holds"]
    assert math.isnan(found.loc["u", "error"])


@pytest.fixture(scope="module")
def committed():
    return pd.read_csv(TABLE)


def test_the_committed_table_covers_every_primary_test(committed):
    codebook = load_codebook(ROOT / "data/codebook.yml")
    plan = load_plan(ROOT / "data/analysis_plan.yml", codebook)
    used = committed[committed["method"].str.endswith("as in notebook 04")]
    for entry in plan.of_kind("confirmatory"):
        rows = used[used["test"] == entry.test]
        assert {"type I error", "coverage"} <= set(rows["quantity"]), entry.id
    assert (committed["n"] == 139).all()
    exact = committed["simulations"] == 0
    expected = np.sqrt(committed["rate"] * (1 - committed["rate"]) / committed["simulations"])
    inner = ~exact & committed["rate"].between(0.01, 0.99)
    # Samples in which a variable is constant are left out of the coverage.
    assert committed.loc[inner, "se"].to_numpy() == pytest.approx(
        expected[inner].to_numpy(), rel=0.06
    )


@pytest.mark.slow
def test_the_committed_table_is_reproduced_in_part(committed):
    """A row that needs no procedure is simulated again with other numbers."""
    shares = committed[committed["test"] == "share"]
    for row in shares.itertuples():
        interval = proportions.wilson if "Wilson" in row.method else proportions.clopper_pearson
        want = error_rates.exact_coverage(interval, 139, row.prevalence)
        assert row.rate == pytest.approx(want, abs=1e-5)
    row = committed[
        (committed["method"] == "Kendall's tau-b, as in notebook 04")
        & (committed["quantity"] == "coverage")
        & (committed["form"] == "11 levels ~ 5 levels")
        & (committed["effect"] == 0)
    ].iloc[0]
    rng = np.random.default_rng(4)
    shape = stats.binom.pmf(np.arange(11), 10, 0.5)
    samples = []
    for _ in range(600):
        table = np.stack([rng.multinomial(m, shape) for m in (28, 28, 28, 28, 27)])
        samples.append(error_rates.respondents(table, range(5), range(11), ordered=True))
    found = error_rates.procedure_rates(
        samples, lambda y, x: TESTS["kendall_tau_b"].run(y, x), true=0.0, alpha=0.05
    )
    assert row["rate"] == pytest.approx(found["covered"][0], abs=0.04)


def test_the_reading_names_what_falls_short():
    rows = [
        ("t", "T, as in notebook 04", "type I error", 0.05),
        ("t", "T, as in notebook 04", "coverage", 0.95),
        ("t", "T, large-sample p", "type I error", 0.09),
    ]
    table = pd.DataFrame(rows, columns=["test", "method", "quantity", "rate"]).assign(
        form="f", prevalence=0.02, se=0.001, nominal=[0.05, 0.95, 0.05]
    )
    text = error_rates.describe_rates(error_rates.summarise_rates(table), ["t"])
    assert "every primary" in text and "T, large-sample p" in text
    table["rate"] = [0.05, 0.88, 0.05]
    text = error_rates.describe_rates(error_rates.summarise_rates(table), ["t", "u"])
    assert "the interval of T (f), coverage 88.0 % at a share of 2 %" in text
    assert "p-value" not in text and "not checked: u" in text
