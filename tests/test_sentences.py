"""Computed sentences where the sign is turned, groups are tiny, or nothing is found."""

import dataclasses
import math
import re

import numpy as np
import pandas as pd
import pytest

from mlsec_survey.analysis import ratings
from mlsec_survey.analysis.hypotheses import describe_results, effect_text
from mlsec_survey.analysis.multiverse import describe_robustness
from mlsec_survey.analysis.null_results import null_sentence
from mlsec_survey.analysis.ratings import describe_order
from mlsec_survey.analysis.sample import nonresponse_summary
from mlsec_survey.base.formatting import SMALLEST_COUNT, count_words, hypothesis_text
from mlsec_survey.stats.result import TestResult
from mlsec_survey.study.incidents import describe_confirmed


def test_the_spread_of_levels_says_how_sure_and_on_how_many() -> None:
    rng = np.random.default_rng(2)
    level = 2 * rng.normal(size=(80, 1)) + rng.logistic(size=(80, 3))
    said = ratings.describe_spread(ratings.fitted_mixed(pd.DataFrame(np.digitize(level, (-1, 1)))))
    assert re.match(r"standard deviation \d\.\d\d log odds \(\d\.\d\d to \d", said)
    assert said.endswith("(n = 80)") and "p < 0.001 against one level of all" in said
    alike = pd.DataFrame({"a": [1.0, 2.0] * 20, "b": [2.0, 1.0] * 20})
    assert ratings.fitted_mixed(alike) is None
    assert ratings.describe_spread(None).startswith("not estimable")
    assert ratings.mixed_table(None, None, {}).empty


def results(**changes: object) -> pd.DataFrame:
    row: dict[str, object] = {
        "id": "H1", "family": "F", "label": "a ~ b", "n": 86, "effect": "Kendall's tau-b",
        "estimate": 0.3, "null": 0.0, "p": 0.001, "p_adjusted": 0.002,
    }  # fmt: skip
    return pd.DataFrame([row | changes])


def test_results_say_which_way_and_on_how_many() -> None:
    assert "(a by b (H1): positive, n = 86)" in describe_results(results())
    assert "(a by b (H1): negative, n = 86)" in describe_results(results(estimate=-0.3))
    unsigned = describe_results(results(effect="Cramér's V"))
    assert "(a by b (H1): n = 86)" in unsigned
    nothing = describe_results(results(p_adjusted=0.5))
    assert "0 of 1" in nothing and "H1" not in nothing


def test_hypotheses_have_names_in_sentences() -> None:
    assert hypothesis_text("E3", "Exposure ~ maturity") == "exposure by maturity (E3)"
    assert hypothesis_text("E4", "ML team ~ NLP use") == "ML team by NLP use (E4)"
    assert hypothesis_text("J", "A") == "A (J)"


def test_curves_say_which_way_they_lie() -> None:
    row: dict[str, object] = {
        "hypothesis": "H1", "label": "Concern ~ size", "specifications": 40, "median": 0.3,
        "predicted": 1.0, "p_median": 0.01,
    }  # fmt: skip
    said = [
        describe_robustness(pd.DataFrame([row | change]), 0.05)
        for change in (
            {},
            {"median": -0.3, "predicted": 0.0},
            {"predicted": math.nan},
            {"p_median": 0.05},
        )
    ]
    beyond = "40 specifications; the median lies beyond chance (adjusted p < 0.05) for "
    assert said[0] == f"{beyond}concern by size (H1), positive"
    assert said[1] == f"{beyond}concern by size (H1), negative"
    assert said[2] == f"{beyond}concern by size (H1)"
    assert said[3] == "40 specifications; within what chance gives for concern by size (H1)"
    assert "could be examined" in describe_robustness(pd.DataFrame([row]).head(0), 0.05)


def test_an_effect_carries_its_n() -> None:
    result = TestResult(
        method="m", effect="odds ratio", estimate=0.5, low=0.3, high=0.8, n=57, null=1.0
    )
    assert effect_text(result) == "odds ratio 0.50 (95 % interval 0.30 to 0.80; n = 57)"
    open_ = dataclasses.replace(result, effect="Cramér's V", low=0.0, high=1.0)
    assert effect_text(open_) == "Cramér's V 0.50 (no interval; n = 57)"


@pytest.mark.parametrize("estimate", [1.8, 0.4])
def test_the_sentence_on_nulls_gives_the_effect_that_is_found(estimate: float) -> None:
    readings = pd.DataFrame(
        {
            "predictor": ["Size", "Field"],
            "effect": ["odds ratio", "odds ratio"],
            "estimate": [estimate, 1.0],
            "n": [80, 81],
            "p_adjusted": [0.01, 0.9],
            "p_equivalence": [0.9, 0.5],
            "verdict": ["found", "open"],
            "detectable": [1.7, 1.8],
            "detectable_uncorrected": [1.6, 1.7],
        }
    )
    words = null_sentence(readings, "exposure", n=86, cases=36)
    assert f"size (odds ratio {estimate:.2f}, n = 80)" in words


def incidents(confirmed: float, doubted: float = 0) -> pd.DataFrame:
    return pd.DataFrame(
        [{"attack": "theft", "label": "Theft", "confirmed": confirmed, "doubted": doubted, "n": 90}]
    )


def test_few_cases_are_not_counted_out() -> None:
    few = describe_confirmed(incidents(3, 2), "theft")
    assert few == "coding confirms fewer than 5 cases of theft among 90 respondents"
    none = describe_confirmed(incidents(0), "theft")
    assert none == "coding confirms no case of theft among 90 respondents"
    many = describe_confirmed(incidents(12, 2), "theft")
    assert "coding confirms 12 cases" in many and "fewer than 5 of them" in many
    assert "not yet coded" in describe_confirmed(incidents(math.nan), "theft")


def test_small_counts_have_one_limit() -> None:
    assert [count_words(n) for n in (0, 1, SMALLEST_COUNT - 1, SMALLEST_COUNT)] == [
        "0",
        "fewer than 5",
        "fewer than 5",
        "5",
    ]


def test_the_order_says_how_many_rated() -> None:
    ranking = pd.DataFrame(
        {
            "label": ["A", "B"],
            "mean_rank": [1.2, 1.8],
            "low": [1.0, 1.6],
            "high": [1.4, 2.0],
            "first_share": [0.99, 0.01],
            "n": [70, 65],
        }
    )
    words = describe_order(ranking)
    assert words.startswith("A first") and "70 ratings" in words and "65 ratings" in words
    turned = describe_order(ranking.assign(label=["B", "A"]))
    assert turned.startswith("B first")


def test_an_answer_from_everybody_is_a_substantive_one() -> None:
    """Whoever chose "prefer not to say" has left nothing empty, and has not answered either."""
    table = pd.DataFrame(
        {
            "label": ["Role", "Size"],
            "answered": [8, 10],
            "prefer_not": [2, 0],
            "n": [10, 10],
            "count": [0, 0],
            "estimate": [0.0, 0.0],
        }
    )
    words = nonresponse_summary(table)
    assert "2 were left empty by nobody" in words and "and 1 have a substantive answer" in words
    assert nonresponse_summary(table.assign(n=0)) == "no question was shown to anybody"
