"""A binary outcome: two by two, and along an ordered predictor."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy import stats

from mlsec_survey.stats.association.conditional import (
    bounded_exp,
    conditional_fit,
    exact_p,
    sum_distribution,
    sums_mean,
)
from mlsec_survey.stats.association.resampling import RESAMPLES, monte_carlo_p, permuted
from mlsec_survey.stats.pairs import as_binary, as_scores, check_confidence, complete_pairs
from mlsec_survey.stats.result import TestResult


def fisher_exact(
    outcome: pd.Series, predictor: pd.Series, *, confidence: float = 0.95
) -> TestResult:
    """Test a binary outcome against a binary predictor by Fisher's exact test.

    The estimate is the conditional maximum-likelihood odds ratio with the exact interval of
    Cornfield; the p-value adds up all tables no more probable than the observed one. Both as in
    R's `fisher.test`. The test is conservative: at n = 139 and a rare outcome its size is well
    below the nominal level. `extra` holds the sample odds ratio and the four cells.

    Raises:
        AnalysisError: a variable is constant or not binary.
    """
    check_confidence(confidence)
    left, right = complete_pairs(outcome, predictor)
    cases, exposed = as_binary(left), as_binary(right)
    law = sum_distribution(exposed.astype(float), int(cases.sum()))
    if law is None:
        raise AssertionError("two scores always have a common grid")
    observed = float((cases & exposed).sum())
    fit = conditional_fit(law, observed, confidence)
    probability = law.tilted(0.0)
    at = int(np.argmin(np.abs(law.sums - observed)))
    p = float(probability[probability <= probability[at] * (1 + 1e-7)].sum())
    cells = {
        "both": int((cases & exposed).sum()),
        "outcome_only": int((cases & ~exposed).sum()),
        "predictor_only": int((~cases & exposed).sum()),
        "neither": int((~cases & ~exposed).sum()),
    }
    crossed = cells["outcome_only"] * cells["predictor_only"]
    sample = cells["both"] * cells["neither"] / crossed if crossed else math.inf
    return TestResult(
        method="Fisher's exact test",
        effect="odds ratio",
        estimate=bounded_exp(fit.slope),
        low=bounded_exp(fit.low),
        high=bounded_exp(fit.high),
        n=len(cases),
        p=min(1.0, p),
        confidence=confidence,
        null=1.0,
        notes=("conditional maximum-likelihood odds ratio, exact interval",),
        extra={**cells, "sample_odds_ratio": sample},
    )


def trend_permutation(
    outcome: pd.Series,
    predictor: pd.Series,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
) -> TestResult:
    """Test a binary outcome for a trend over an ordered predictor, by permutation.

    The Cochran–Armitage statistic, referred to its exact permutation distribution given both
    margins. The estimate is the odds ratio per step (exact conditional logistic regression: Cox
    1970; Mehta & Patel 1995) with the interval that inverts the exact tail probabilities; it is
    infinite or zero when the data are separated, and the interval is then one-sided. `statistic`
    is the Cochran–Armitage z with the hypergeometric variance (its square is (n - 1) r²).

    Conservative: at n = 139 and a rare outcome the interval covers more often than it says.

    Args:
        outcome: binary.
        predictor: ordered categories (a step is one category) or numbers (a step is one unit).
        confidence: level of the interval.
        rng: needed only if the scores are too fine to enumerate; then the p-value is Monte Carlo
            and the odds ratio comes from Firth-penalised logistic regression.
        resamples: number of Monte Carlo permutations in that case; 0 leaves the p-value out.

    Raises:
        AnalysisError: a variable is constant, the outcome not binary, the predictor unordered.
        ValueError: permutations are needed and `rng` is None.
    """
    check_confidence(confidence)
    left, right = complete_pairs(outcome, predictor)
    cases, scores = as_binary(left), as_scores(right)
    n, size = len(cases), int(cases.sum())
    observed = float(scores[cases].sum())
    variance = size * (n - size) / (n - 1) * float(scores.var())
    z = (observed - size * float(scores.mean())) / math.sqrt(variance)
    law = sum_distribution(scores, size)
    extra = {"cases": float(size), "asymptotic_p": float(2 * stats.norm.sf(abs(z)))}
    if law is None:
        from mlsec_survey.stats.logistic import firth_logistic

        model = firth_logistic(left, right, confidence=confidence)
        estimate, low, high, p = model.estimate, model.low, model.high, math.nan
        notes: tuple[str, ...] = (
            "odds ratio and interval from Firth-penalised logistic regression",
        )
        if resamples:
            if rng is None:
                raise ValueError("these scores are too fine to enumerate: a generator is needed")
            sums = np.concatenate(
                [block @ scores for block in permuted(cases.astype(float), rng, resamples)]
            )
            p = monte_carlo_p(np.abs(sums - sums_mean(scores, size)), abs(z) * math.sqrt(variance))
            notes = (f"Monte Carlo p-value from {resamples} permutations", *notes)
    else:
        fit = conditional_fit(law, observed, confidence)
        p = exact_p(law, observed)
        estimate, low, high = bounded_exp(fit.slope), bounded_exp(fit.low), bounded_exp(fit.high)
        notes = ("exact permutation p-value; exact conditional odds ratio per step",)
        if not math.isfinite(fit.slope):
            notes += ("the outcome is separated: the odds ratio has no finite estimate",)
    return TestResult(
        method="Cochran–Armitage trend test by permutation",
        effect="odds ratio",
        estimate=estimate,
        low=low,
        high=high,
        n=n,
        statistic=z,
        p=p,
        confidence=confidence,
        null=1.0,
        notes=notes,
        extra=extra,
    )
