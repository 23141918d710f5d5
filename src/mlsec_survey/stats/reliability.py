"""How far the items of a rating scale move together."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from mlsec_survey.stats.result import TestResult


def cronbach_alpha(items: pd.DataFrame, *, confidence: float = 0.95) -> TestResult:
    """Cronbach's alpha with Feldt's interval; respondents with a missing item are left out.

    Sources: Cronbach (1951, doi:10.1007/BF02310555); Feldt (1965, doi:10.1007/BF02289499).

    Args:
        items: respondents × items, numeric.
        confidence: level of the interval.

    Raises:
        ValueError: fewer than two items or two complete respondents.
    """
    complete = items.dropna().astype(float)
    n, k = complete.shape
    if k < 2 or n < 2:
        raise ValueError("alpha needs at least two items and two complete respondents")
    total = complete.sum(axis=1).var(ddof=1)
    alpha = k / (k - 1) * (1 - complete.var(ddof=1).sum() / total) if total > 0 else np.nan
    tail = (1 - confidence) / 2
    df_1, df_2 = n - 1, (n - 1) * (k - 1)
    low = 1 - (1 - alpha) * stats.f.ppf(1 - tail, df_1, df_2)
    high = 1 - (1 - alpha) * stats.f.ppf(tail, df_1, df_2)
    return TestResult(
        method="Cronbach's alpha, Feldt's interval",
        effect="Cronbach's alpha",
        estimate=float(alpha),
        low=float(low),
        high=float(high),
        n=n,
        confidence=confidence,
        notes=("respondents with a missing item left out",),
        extra={"items": k},
    )


def item_rest_correlations(items: pd.DataFrame) -> pd.Series:
    """Return each item's correlation with the sum of the others, over complete respondents."""
    complete = items.dropna().astype(float)
    total = complete.sum(axis=1)
    return pd.Series(
        {name: complete[name].corr(total - complete[name]) for name in complete.columns}
    )
