"""What a family of hypotheses without an effect does and does not say.

Four readings stand side by side, because each alone misleads: the corrected test, the smallest
effect that the sample could have shown, the test against effects of interest, and the Bayes factor
over a range of priors. One rule of correction holds for the first three: findings and equivalence
after Holm within the family, detectable effects at Holm's first step. `null_sentence` puts them
into one sentence that somebody can quote.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from mlsec_survey.analysis.hypotheses import PlanResults, run_hypothesis, sesoi_bounds
from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.base.formatting import (
    as_text,
    hypothesis_text,
    listed,
    p_text,
)
from mlsec_survey.base.synthetic import SYNTHETIC_SHORT
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.plan import Hypothesis
from mlsec_survey.stats import bayes_factor as bayes
from mlsec_survey.stats.categorical import LEAST_EXPECTED
from mlsec_survey.stats.effects import effect_named, told_interval
from mlsec_survey.stats.equivalence import EquivalenceTest, Interval, Verdict, equivalence_test
from mlsec_survey.stats.multiplicity import holm
from mlsec_survey.stats.result import TestResult
from mlsec_survey.stats.tests import TESTS

# Widths of the prior, in multiples of the smallest effect of interest.
PRIOR_WIDTHS = tuple(float(width) for width in np.geomspace(0.25, 3.0, 12).round(4))


def interval_of(hypothesis: Hypothesis, data: pd.DataFrame, codebook: Codebook) -> Interval:
    """Return the interval of a hypothesis' effect, by its primary test, at any confidence."""

    def interval(confidence: float) -> tuple[float, float]:
        result = run_hypothesis(hypothesis, data, codebook, resamples=0, confidence=confidence)
        return result.low, result.high

    return interval


def equivalence_of(
    hypothesis: Hypothesis,
    result: TestResult,
    data: pd.DataFrame,
    codebook: Codebook,
    *,
    alpha: float,
) -> EquivalenceTest | None:
    """Test a hypothesis' effect against its smallest effect of interest, at a level of its own.

    Returns:
        The test, or None when the plan states that effect on another scale than the test's.
    """
    low, high = sesoi_bounds(hypothesis, result)
    if math.isnan(low):
        return None
    interval = interval_of(hypothesis, data, codebook)
    return equivalence_test(interval, low, high, null=result.null, alpha=alpha)


def log_likelihood_of(
    hypothesis: Hypothesis, result: TestResult, data: pd.DataFrame
) -> bayes.LogLikelihood | None:
    """Return the log-likelihood of a hypothesis' effect, measured from the null.

    The exact conditional likelihood of the log odds ratio for a trend test; else the normal one on
    the scale where the effect is about normal (log, logit, Fisher's z), with the standard error
    that its interval implies. None for an effect without sign.
    """
    exact = TESTS[hypothesis.test].log_likelihood
    if exact is not None:
        try:
            return exact(data[hypothesis.outcome], data[hypothesis.predictor])
        except AnalysisError:
            pass
    measure = effect_named(result.effect)
    if measure is None or measure.scale is None:
        return None
    scale = measure.scale.forward
    ends = [scale(value) for value in (result.low, result.estimate, result.high)]
    if not np.isfinite(ends).all():
        return None
    error = (ends[2] - ends[0]) / 2 / float(stats.norm.ppf((1 + result.confidence) / 2))
    return bayes.normal_log_likelihood(ends[1] - scale(result.null), error) if error > 0 else None


def _bayes_factor(
    hypothesis: Hypothesis,
    result: TestResult,
    likelihood: bayes.LogLikelihood | None,
    width: float,
    prior: bayes.Prior = "normal",
) -> float:
    measure = hypothesis.sesoi.measure
    if result.effect != measure.name:
        return math.nan
    if likelihood is not None and measure.scale is not None:
        scale = measure.scale.forward
        size = abs(scale(hypothesis.sesoi.value) - scale(result.null))
        return bayes.bayes_factor(likelihood, width * size, bound=size, prior=prior)
    # With smaller expected counts the statistic is no noncentral chi-square, which this rests on.
    dense = result.extra.get("smallest_expected", 0.0) >= LEAST_EXPECTED
    typical = width * hypothesis.sesoi.value
    # There is no prior wider than the largest effect that there can be.
    if measure.noncentrality and prior == "normal" and dense and 0 < typical <= measure.high:
        mean, bound = (
            measure.noncentrality(value, result) for value in (typical, hypothesis.sesoi.value)
        )
        df = int(result.extra["df"])
        return bayes.chi_square_bayes_factor(result.statistic, df, mean, bound=bound)
    return math.nan


def bayes_curves(
    hypotheses: Sequence[Hypothesis],
    results: PlanResults,
    data: pd.DataFrame,
    *,
    widths: Sequence[float] = PRIOR_WIDTHS,
) -> pd.DataFrame:
    """Compute Bayes factors for no effect over prior widths, for `draw_bayes_sensitivity`.

    Returns:
        One row per hypothesis and width: hypothesis (id and the label's part on the predictor),
        scale (width in multiples of the smallest effect of interest), bf01.
    """
    rows = []
    for entry in hypotheses:
        result = results.results.get(entry.id)
        if result is None:
            continue
        name = f"{entry.id} {entry.label.rpartition('~')[2].strip()}"
        likelihood = log_likelihood_of(entry, result, data)
        rows += [
            {
                "hypothesis": name,
                "scale": width,
                "bf01": _bayes_factor(entry, result, likelihood, width),
            }
            for width in widths
        ]
    table = pd.DataFrame(rows, columns=["hypothesis", "scale", "bf01"])
    return table[table["bf01"].notna()].reset_index(drop=True)


def null_readings(
    hypotheses: Sequence[Hypothesis],
    results: PlanResults,
    data: pd.DataFrame,
    codebook: Codebook,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
) -> pd.DataFrame:
    """Set side by side what each hypothesis' data rule out, could have shown, and favour.

    Args:
        hypotheses: all of one family.
        results: of the plan's confirmatory hypotheses.
        data: as `analysis_data` returns it.
        codebook: of the data.
        alpha: level of the family: of its tests after Holm, and of its equivalence tests after
            Holm.
        power: chance with which the smallest detectable effect is found.

    Returns:
        One row per hypothesis that could be tested: id, label, predictor, n, effect, estimate,
        low and high (simultaneous: at confidence 1 - 2·alpha/m for m hypotheses), sesoi_low,
        sesoi_high, p_equivalence, p_equivalence_adjusted (Holm), verdict (after Holm), detectable
        and detectable_low (upwards and downwards, at alpha/m), detectable_uncorrected (upwards, at
        alpha), bf01 (effects smaller than that of interest against larger ones, by a normal prior
        as wide as that size), bf01_cauchy (the same width, heavier tails), evidence, p_adjusted.
    """
    adjusted = results.table.set_index("id")["p_adjusted"]
    level = alpha / max(1, len(hypotheses))
    rows, tests = [], []
    for entry in hypotheses:
        result = results.results.get(entry.id)
        if result is None:
            continue
        row: dict[str, object] = {
            "id": entry.id,
            "label": entry.label,
            "predictor": codebook.label(entry.predictor),
            "n": result.n,
            "effect": result.effect,
            "estimate": result.estimate,
            "p_adjusted": float(adjusted[entry.id]),
        }
        equivalence = equivalence_of(entry, result, data, codebook, alpha=level)
        tests.append(equivalence)
        if equivalence is not None:
            bounds = sesoi_bounds(entry, result)
            low, high = told_interval(result.effect, equivalence.low, equivalence.high)
            row |= {
                "low": low,
                "high": high,
                "sesoi_low": bounds[0],
                "sesoi_high": bounds[1],
                "p_equivalence": equivalence.p,
            }
        outcome, predictor, test = data[entry.outcome], data[entry.predictor], TESTS[entry.test]
        try:
            found = test.detects(outcome, predictor, power=power, alpha=level)
            plain = test.detects(outcome, predictor, power=power, alpha=alpha)
        except AnalysisError:
            pass
        else:
            row |= {"detectable": found.value, "detectable_low": found.decrease}
            row |= {"detectable_uncorrected": plain.value}
        likelihood = log_likelihood_of(entry, result, data)
        bf01 = row["bf01"] = _bayes_factor(entry, result, likelihood, 1.0)
        row["bf01_cauchy"] = _bayes_factor(entry, result, likelihood, 1.0, "cauchy")
        row["evidence"] = "" if math.isnan(bf01) else bayes.evidence_in_words(bf01)
        rows.append(row)
    table = pd.DataFrame(rows, columns=_READING)
    table["p_equivalence_adjusted"] = holm(table["p_equivalence"].to_numpy(dtype=float))
    table["verdict"] = [
        None if test is None else _verdict(test, equivalent < alpha, adjusted < alpha)
        for test, equivalent, adjusted in zip(
            tests, table["p_equivalence_adjusted"], table["p_adjusted"], strict=True
        )
    ]
    return table


def _verdict(test: EquivalenceTest, equivalent: bool, found: bool) -> Verdict:
    """Say what both tests amount to after correction; the interval tells a size only if found."""
    if equivalent:
        return "no effect of interest"
    if not found:
        return "open"
    return test.verdict if test.verdict == "effect of interest" else "effect of unclear size"


_READING = [
    "id",
    "label",
    "predictor",
    "n",
    "effect",
    "estimate",
    "low",
    "high",
    "sesoi_low",
    "sesoi_high",
    "p_equivalence",
    "p_equivalence_adjusted",
    "verdict",
    "detectable",
    "detectable_low",
    "detectable_uncorrected",
    "bf01",
    "bf01_cauchy",
    "evidence",
    "p_adjusted",
]


def left_open(
    hypotheses: Sequence[Hypothesis], readings: pd.DataFrame, *, alpha: float = 0.05
) -> float:
    """Count the hypotheses of which neither an effect nor the absence of one of interest is shown.

    One that could not be tested is open too.

    Args:
        hypotheses: of one family.
        readings: of these, from `null_readings`.
        alpha: level of the adjusted p-values.

    Returns:
        The count; NaN without hypotheses, since nothing was examined then.
    """
    if not hypotheses:
        return math.nan
    undecided = readings["verdict"].isna() | (readings["verdict"] == "open")
    closed = set(readings.loc[~undecided | (readings["p_adjusted"] < alpha), "id"])
    return float(sum(entry.id not in closed for entry in hypotheses))


def describe_sparse_tables(results: PlanResults) -> str:
    """Name the hypotheses whose table is too sparse for an interval of Cramér's V; "" if none."""
    labels = results.table.set_index("id")["label"]
    sparse = [
        hypothesis_text(name, labels[name])
        for name, result in results.results.items()
        if result.extra.get("smallest_expected", math.inf) < LEAST_EXPECTED
    ]
    if not sparse:
        return ""
    return (
        f"For {listed(sparse)} an expected count is below {LEAST_EXPECTED:g}, where no interval of "
        "Cramér's V covers as often as it says: none is given."
    )


def detectable_text(readings: pd.DataFrame, effect: str, column: str = "detectable") -> str:
    """Say the smallest detectable effects of one kind as a range, "1.6 to 1.9"; "" if none."""
    values = readings.loc[readings["effect"] == effect, column].dropna()
    if not len(values):
        return ""
    low, high = (as_text(float(value), "2s") for value in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


def null_sentence(
    readings: pd.DataFrame,
    outcome: str,
    *,
    n: int,
    cases: int | None = None,
    alpha: float = 0.05,
    power: float = 0.8,
    synthetic: bool = False,
    untested: Sequence[str] = (),
) -> str:
    """Say in one sentence what a family of tests shows and what it leaves open.

    Args:
        readings: from `null_readings`.
        outcome: what was to be explained, in words.
        n: respondents whose outcome is known.
        cases: how many of them have the outcome, if it is binary.
        alpha, power: as there.
        synthetic: the answers are synthetic; the sentence then says so first, wherever it is
            quoted.
        untested: predictors that could not be tested.
    """
    tested = readings[readings["p_adjusted"].notna()]
    prefix = f"{SYNTHETIC_SHORT}. " if synthetic else ""
    if tested.empty:
        return f"{prefix}No hypothesis on {outcome} could be tested on these answers."
    who = f"Among {n} respondents" + ("" if cases is None else f", {cases} with {outcome}")
    smallest = p_text(float(tested["p_adjusted"].min()))
    p_words = f"smallest adjusted p {smallest if smallest[0] in '<>' else f'= {smallest}'}"
    clear = tested["p_adjusted"] < alpha
    found = tested[clear]
    without = [_in_sentence(str(name)) for name in tested.loc[~clear, "predictor"]]
    with_effect = [
        f"{_in_sentence(str(row['predictor']))} ({row['effect']} {as_text(row['estimate'], 2)}, "
        f"n = {row['n']})"
        for row in found.to_dict("records")
    ]
    if not with_effect:
        start = f"no association of {outcome} with {_either(without)} was found ({p_words})"
    else:
        start = f"an association of {outcome} with {listed(with_effect)} was found ({p_words})"
        start += f" and none with {_either(without)}" if without else ""
    parts = [f"{who}, {start}"]
    rest = tested[~clear]
    if len(rest):
        ruled_out = int((rest["verdict"] == "no effect of interest").sum())
        alone = int((rest["p_equivalence"] < alpha).sum())
        share = (
            f"{ruled_out or 'none'} of {'these' if found.empty else 'the'} {len(rest)} predictors"
        )
        share += "" if found.empty else " without a finding"
        share += f" (one test at a time for {alone})" if alone > ruled_out else ""
        parts.append(
            f"effects of the size of interest are ruled out, after correction, for {share}"
        )
    limits = _detectable_in_words(rest, f"at least {as_text(100 * power, 0)} %")
    if limits:
        parts.append(f"{limits}, so this is no proof that there is none")
    if untested:
        names = listed([_in_sentence(name) for name in untested])
        parts.append(f"{names} could not be tested on these answers")
    return f"{prefix}{'; '.join(parts)}."


def sentence_on(
    hypotheses: Sequence[Hypothesis],
    readings: pd.DataFrame,
    data: pd.DataFrame,
    codebook: Codebook,
    *,
    synthetic: bool,
    alpha: float = 0.05,
    power: float = 0.8,
) -> str:
    """Return `null_sentence` for hypotheses on one outcome, as the answers at hand give it."""
    if not hypotheses:
        return "not examined by this plan"
    name = hypotheses[0].outcome
    given = data[name].dropna()
    binary = codebook.variable(name).measure == "binary"
    return null_sentence(
        readings,
        _in_sentence(codebook.label(name)),
        n=len(given),
        cases=int((given == 1).sum()) if binary else None,
        alpha=alpha,
        power=power,
        synthetic=synthetic,
        untested=[
            codebook.label(entry.predictor)
            for entry in hypotheses
            if entry.id not in set(readings["id"])
        ],
    )


def _detectable_in_words(readings: pd.DataFrame, chance: str) -> str:
    """Say from which size on effects of each kind would have been found with this chance."""
    within, before, beyond = [], [], []
    for effect in dict.fromkeys(str(name) for name in readings["effect"]):
        some = readings[readings["effect"] == effect]
        finite = some[np.isfinite(some["detectable"])]
        words = detectable_text(finite, effect)
        if words:
            article = "an" if effect[0].lower() in "aeiou" else "a"
            step = " per step" if effect.endswith("ratio") else ""
            within.append(f"{article} {effect}{step} of {words}")
            before.append(detectable_text(finite, effect, "detectable_uncorrected"))
        beyond += [str(name) for name in some.loc[np.isinf(some["detectable"]), "predictor"]]
    parts = []
    if within:
        parts.append(
            f"only from {listed(within)} upwards was the chance to find one, after correction, "
            f"{chance} (before it from {listed(before)})"
        )
    if beyond:
        names = _either([_in_sentence(name) for name in beyond])
        parts.append(
            f"for {names} no effect, however large, had a chance of {chance} to be found after "
            "correction"
        )
    return "; ".join(parts)


def _in_sentence(label: str) -> str:
    """Return a label as it stands within a sentence: small initial, unless it is an acronym."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def _either(names: Sequence[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
