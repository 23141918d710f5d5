"""The tests that an analysis plan can name, each with everything that the project asks of it.

One entry of `TESTS` adds a test: which variables it takes, how it runs on two of them and on
stacks of tables, the effect that it estimates, the smallest effect that it detects. Nothing else
holds a list of tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.stats import categorical, counts, detectable, logistic, ordinal, rank_tests
from mlsec_survey.stats.bayes_factor import LogLikelihood, conditional_log_likelihood
from mlsec_survey.stats.categorical import ExactPower
from mlsec_survey.stats.design import ModelResult
from mlsec_survey.stats.detectable import Detectable
from mlsec_survey.stats.effects import EFFECTS, EffectSize
from mlsec_survey.stats.result import TestResult
from mlsec_survey.stats.tables import RESAMPLES, TableTest, scores_of

Floats = NDArray[np.float64]
Measure = Literal["binary", "nominal", "ordinal", "count", "interval", "date", "text"]
Measures = frozenset[Measure]
OnTables = Callable[[Floats, Floats, Floats, float | None], TableTest]
"""Counts (…, r, c), row scores, column values and largest count to one test per table."""

BINARY: Measures = frozenset({"binary"})
COUNT: Measures = frozenset({"count"})
GRADED: Measures = frozenset({"count", "interval", "ordinal"})
ORDERED: Measures = GRADED | BINARY
GROUPS: Measures = frozenset({"binary", "ordinal", "nominal"})
ANY: Measures = ORDERED | GROUPS


@dataclass(frozen=True, slots=True)
class Test:
    """A test of one outcome against one predictor.

    Attributes:
        key: as an analysis plan names it.
        label: as readers know it.
        effect: what it estimates.
        fits: the outcomes and the predictors that it takes; one pair per way to use it.
        on_two: runs it on two variables; called with outcome, predictor and `confidence`, and with
            `rng` and `resamples`, or `trials`, where the next two say so.
        resampled: its p-value can come from random permutations.
        counts_trials: the outcome is a count out of a known number of trials.
        on_tables: runs it on each table of a stack; None for a test of plans that no design
            analysis, joint permutation or specification curve can contain.
        score: a quicker test of the same null on tables, for permutations and specification
            curves, which need its deviate only; None where `on_tables` is quick enough.
        on_tables_label: what `on_tables` runs, where it is another test of the same null.
        orderless: the rows of its tables need no order.
        smallest_detectable: smallest effect found with given power at the margins of two variables;
            called with outcome, predictor, power and alpha. None where there is no formula.
        exact_power: exact power and errors of sign and size of an outcome of two values along
            ordered levels; called as `categorical.trend_power`. None where power is simulated.
        log_likelihood: exact log-likelihood of the effect, on its scale measured from the null,
            made from outcome and predictor. None where that of a normal estimate serves.
        model: fits it to several predictors at once; called with outcome, predictors and
            `confidence`, and with `trials` if `counts_trials`. None for a test of two variables.
    """

    __test__: ClassVar[bool] = False

    key: str
    label: str
    effect: EffectSize
    fits: tuple[tuple[Measures, Measures], ...]
    on_two: Callable[..., TestResult]
    resampled: bool = False
    counts_trials: bool = False
    on_tables: OnTables | None = None
    score: OnTables | None = None
    on_tables_label: str = ""
    orderless: bool = False
    smallest_detectable: Callable[..., Detectable] | None = None
    exact_power: Callable[..., ExactPower | None] | None = None
    log_likelihood: Callable[[pd.Series, pd.Series], LogLikelihood] | None = None
    model: Callable[..., ModelResult] | None = None

    def takes(self, outcome: Measure, predictor: Measure, *, counted: bool) -> bool:
        """Tell whether it fits two levels of measurement.

        Args:
            outcome, predictor: levels of measurement.
            counted: the outcome, if a count, is one out of a known number.
        """
        if self.counts_trials and outcome == "count" and not counted:
            return False
        return any(outcome in left and predictor in right for left, right in self.fits)

    def takes_outcome(self, outcome: Measure) -> bool:
        """Tell whether it fits an outcome, whatever the predictor."""
        return any(outcome in left for left, _ in self.fits)

    @property
    def needs_two_groups(self) -> bool:
        """Whether one of the two variables has to have two values."""
        return all(BINARY in pair for pair in self.fits)

    def run(
        self,
        outcome: pd.Series,
        predictor: pd.Series,
        *,
        confidence: float = 0.95,
        rng: np.random.Generator | None = None,
        resamples: int = RESAMPLES,
        trials: int | None = None,
    ) -> TestResult:
        """Run it on two variables.

        Args:
            outcome, predictor: aligned by index; respondents who lack one of them are left out.
            confidence: level of the interval.
            rng: for permutations; None gives the large-sample p-value where there is one.
            resamples: number of permutations; 0, without `rng`, leaves the p-value out where there
                is no large-sample one.
            trials: largest possible count.

        Raises:
            AnalysisError: it cannot be computed on these answers (a constant variable, say).
            ValueError: it needs `rng` and has none.
        """
        options: dict[str, object] = {"confidence": confidence}
        if self.resampled:
            options |= {"rng": rng, "resamples": resamples}
        if self.counts_trials:
            options |= {"trials": trials}
        return self.on_two(outcome, predictor, **options)

    def run_model(
        self,
        outcome: pd.Series,
        predictors: pd.DataFrame,
        *,
        confidence: float = 0.95,
        trials: int | None = None,
    ) -> ModelResult:
        """Fit it to several predictors at once; `trials` is 1 unless given.

        Raises:
            AnalysisError: it is no model, or cannot be fitted to these answers.
        """
        if self.model is None:
            raise AnalysisError(f"{self.label} is no model of several predictors")
        options: dict[str, object] = {"confidence": confidence}
        if self.counts_trials:
            options |= {"trials": trials or 1}
        return self.model(outcome, predictors, **options)

    def on_stack(
        self,
        tables: ArrayLike,
        scores: ArrayLike | None = None,
        values: ArrayLike | None = None,
        *,
        trials: float | None = None,
        quick: bool = False,
    ) -> TableTest:
        """Run it on each table of a stack.

        Args:
            tables: counts (…, r, c): rows are levels of the predictor, columns of the outcome.
            scores: of the rows; default 0, 1, ….
            values: of the columns; default 0, 1, ….
            trials: largest possible count.
            quick: by the score, if there is one.

        Raises:
            AnalysisError: it needs more than a table.
        """
        function = (self.score if quick else None) or self.on_tables
        if function is None:
            raise AnalysisError(f"{self.label} cannot be run on tables of counts")
        t = np.asarray(tables, dtype=float)
        s, v = scores_of(scores, t.shape[-2]), scores_of(values, t.shape[-1])
        return function(t, s, v, trials)

    def detects(
        self, outcome: pd.Series, predictor: pd.Series, *, power: float = 0.8, alpha: float = 0.05
    ) -> Detectable:
        """Return the smallest effect found with this power, at the margins of two variables.

        Raises:
            AnalysisError: a variable is constant, or there is no formula.
        """
        if self.smallest_detectable is None:
            raise AnalysisError(f"there is no formula for the smallest effect of {self.label}")
        return self.smallest_detectable(outcome, predictor, power=power, alpha=alpha)


_TWO_GROUPS = ((ORDERED, BINARY), (BINARY, ORDERED))

TESTS: dict[str, Test] = {
    test.key: test
    for test in (
        Test(
            "trend_permutation",
            "Cochran–Armitage trend (permutation)",
            EFFECTS["odds_ratio"],
            ((BINARY, GRADED),),
            categorical.trend_permutation,
            resampled=True,
            on_tables=categorical.trend_on_tables,
            score=categorical.trend_score_on_tables,
            smallest_detectable=detectable.trend,
            exact_power=categorical.trend_power,
            log_likelihood=conditional_log_likelihood,
        ),
        Test(
            "contingency_permutation",
            "chi-square (permutation)",
            EFFECTS["cramers_v"],
            ((GROUPS, GROUPS),),
            categorical.contingency_permutation,
            resampled=True,
            on_tables=categorical.contingency_on_tables,
            orderless=True,
            smallest_detectable=detectable.contingency,
        ),
        Test(
            "kruskal_permutation",
            "Kruskal–Wallis (permutation)",
            EFFECTS["eta_squared"],
            ((ORDERED, GROUPS),),
            rank_tests.kruskal_permutation,
            resampled=True,
            on_tables=rank_tests.kruskal_on_tables,
            orderless=True,
            smallest_detectable=detectable.kruskal,
        ),
        Test(
            "firth_logistic",
            "Firth logistic regression",
            EFFECTS["odds_ratio"],
            ((BINARY, ANY),),
            logistic.firth_logistic,
            on_tables=logistic.firth_on_tables,
            smallest_detectable=detectable.trend,
            model=logistic.firth_logistic_model,
        ),
        Test(
            "kendall_tau_b",
            "Kendall's tau-b",
            EFFECTS["tau_b"],
            ((ORDERED, ORDERED),),
            rank_tests.kendall_tau_b,
            resampled=True,
            on_tables=rank_tests.kendall_on_tables,
            smallest_detectable=detectable.kendall,
        ),
        Test(
            "spearman",
            "Spearman's rho",
            EFFECTS["spearman_rho"],
            ((ORDERED, ORDERED),),
            rank_tests.spearman,
            resampled=True,
            on_tables=rank_tests.spearman_on_tables,
        ),
        Test(
            "brunner_munzel",
            "Brunner–Munzel",
            EFFECTS["probability_of_superiority"],
            _TWO_GROUPS,
            rank_tests.brunner_munzel,
            resampled=True,
            on_tables=rank_tests.brunner_munzel_on_tables,
            smallest_detectable=detectable.two_groups,
        ),
        Test(
            "mann_whitney",
            "Mann–Whitney",
            EFFECTS["probability_of_superiority"],
            _TWO_GROUPS,
            rank_tests.mann_whitney,
            resampled=True,
            on_tables=rank_tests.mann_whitney_on_tables,
            smallest_detectable=detectable.two_groups,
        ),
        Test(
            "jonckheere",
            "Jonckheere–Terpstra",
            EFFECTS["probability_of_superiority"],
            ((ORDERED, frozenset({"ordinal", "count"})),),
            rank_tests.jonckheere,
            resampled=True,
            on_tables=rank_tests.jonckheere_on_tables,
            # The same statistic, so that it counts once beside tau-b.
            score=rank_tests.kendall_on_tables,
        ),
        Test(
            "proportional_odds",
            "proportional odds",
            EFFECTS["odds_ratio"],
            ((GRADED, ANY),),
            ordinal.proportional_odds,
            on_tables=ordinal.proportional_odds_on_tables,
            score=ordinal.proportional_odds_score,
            smallest_detectable=detectable.proportional_odds,
            model=ordinal.proportional_odds_model,
        ),
        # Count models whose slope has the same score. The quasi-Poisson one stands in for them on
        # tables: it needs no dispersion fitted to each table, and keeps its level whatever that is.
        Test(
            "negative_binomial",
            "negative-binomial regression",
            EFFECTS["incidence_rate_ratio"],
            ((COUNT, ANY),),
            counts.negative_binomial,
            on_tables=counts.quasi_poisson_on_tables,
            on_tables_label="quasi-Poisson regression",
            model=counts.negative_binomial_model,
        ),
        Test(
            "quasi_poisson",
            "quasi-Poisson regression",
            EFFECTS["incidence_rate_ratio"],
            ((COUNT, ANY),),
            counts.quasi_poisson,
            on_tables=counts.quasi_poisson_on_tables,
            model=counts.quasi_poisson_model,
        ),
        Test(
            "quasi_binomial",
            "quasi-binomial regression",
            EFFECTS["odds_ratio"],
            ((COUNT | BINARY, ANY),),
            counts.quasi_binomial,
            counts_trials=True,
            on_tables=counts.quasi_binomial_on_tables,
            model=counts.quasi_binomial_model,
        ),
        Test(
            "poisson",
            "Poisson regression",
            EFFECTS["incidence_rate_ratio"],
            ((COUNT, ANY),),
            counts.poisson,
            on_tables=counts.quasi_poisson_on_tables,
            on_tables_label="quasi-Poisson regression",
            model=counts.poisson_model,
        ),
        Test(
            "fisher_exact",
            "Fisher's exact test",
            EFFECTS["odds_ratio"],
            ((BINARY, BINARY),),
            categorical.fisher_exact,
            on_tables=categorical.fisher_on_tables,
            smallest_detectable=detectable.trend,
        ),
    )
}


def for_groups(test: Test) -> Test:
    """Return the test to use on tables whose rows have no order.

    A model of groups has no one slope; groups are then compared by their mean ranks, which is a
    test of the same null hypothesis.

    >>> for_groups(TESTS["proportional_odds"]).label
    'Kruskal–Wallis (permutation)'
    """
    return test if test.orderless else TESTS["kruskal_permutation"]
