"""Tests of association between two variables, without a model, for small and sparse data.

All functions take two Series (aligned by index, respondents with a missing value in either are
dropped, `n` counts the rest) and return a `TestResult`. Where a function takes `rng`, the p-value
comes from random permutations if a generator is given and from a large-sample approximation if
not; a permutation p-value is (b + 1) / (B + 1), with b of B permutations at least as extreme
(Phipson & Smyth 2010), so that it is valid and never 0.
"""

from mlsec_survey.stats.association.binary import fisher_exact, trend_permutation
from mlsec_survey.stats.association.conditional import (
    SumDistribution,
    conditional_law,
    odds_ratio_interval,
    sum_distribution,
)
from mlsec_survey.stats.association.ordered import (
    Concordance,
    concordance,
    goodman_kruskal_gamma,
    jonckheere,
    kendall_tau_b,
    somers_d,
    spearman,
)
from mlsec_survey.stats.association.resampling import RESAMPLES
from mlsec_survey.stats.association.tables import contingency_permutation, kruskal_permutation
from mlsec_survey.stats.association.two_groups import (
    brunner_munzel,
    mann_whitney,
    newcombe_superiority_interval,
)

__all__ = [
    "RESAMPLES",
    "Concordance",
    "SumDistribution",
    "brunner_munzel",
    "concordance",
    "conditional_law",
    "contingency_permutation",
    "fisher_exact",
    "goodman_kruskal_gamma",
    "jonckheere",
    "kendall_tau_b",
    "kruskal_permutation",
    "mann_whitney",
    "newcombe_superiority_interval",
    "odds_ratio_interval",
    "somers_d",
    "spearman",
    "sum_distribution",
    "trend_permutation",
]
