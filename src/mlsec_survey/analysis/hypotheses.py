"""Runs the analysis plan on the answers: every hypothesis, every joint model, every correction.

The plan names tests and variables; this module finds the function for each test and the right form
for each variable. A further hypothesis is one more entry of the plan and no further code. Results
of confirmatory and of exploratory families come in separate tables, by separate calls.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from mlsec_survey.analysis.missing_answers import impute_by_parts, under_each_handling
from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.base.formatting import (
    as_text,
    hypothesis_text,
    interval_text,
    listed,
    p_text,
)
from mlsec_survey.base.randomness import generator
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import AnyScale
from mlsec_survey.instrument.plan import AnalysisPlan, Family, Hypothesis, JointModel
from mlsec_survey.responses.scales import part_indicators
from mlsec_survey.stats import counts, ordinal
from mlsec_survey.stats.design import ModelResult
from mlsec_survey.stats.effects import EFFECTS, told_interval
from mlsec_survey.stats.multiplicity import Tested, benjamini_hochberg, holm, westfall_young
from mlsec_survey.stats.pairs import as_scores, complete_pairs
from mlsec_survey.stats.result import TestResult
from mlsec_survey.stats.tables import RESAMPLES
from mlsec_survey.stats.tests import TESTS

# Completed data sets of each multiple imputation.
IMPUTATIONS = 20

Kind = Literal["confirmatory", "exploratory"]

# From the analysis file to what a test takes


def analysis_data(
    responses: pd.DataFrame, codebook: Codebook, names: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return variables in the form that the tests take, one row per respondent.

    Args:
        responses: the analysis file of notebook 01.
        codebook: tells the level of measurement of each variable.
        names: variables and scales; by default all of the codebook that are no free text.

    Returns:
        Ordinal, count and interval variables as numbers; binary ones as 0 and 1 (1 is "yes", or
        the first of two options); nominal ones as categories without order. Missing stays missing.
    """
    if names is None:
        names = [variable.name for variable in codebook.variables() if variable.is_measured]
    columns: dict[str, pd.Series] = {}
    for name in dict.fromkeys(names):
        values, variable = responses[name], codebook.variable(name)
        if variable.measure == "nominal":
            columns[name] = values.astype("category").cat.as_unordered()
        elif variable.measure == "binary" and not pd.api.types.is_numeric_dtype(values.dtype):
            columns[name] = (values == variable.positive).astype("float64").where(values.notna())
        else:
            columns[name] = values.astype("Float64").astype("float64")
    return pd.DataFrame(columns, index=responses.index)


def plan_variables(plan: AnalysisPlan, kind: Kind | None = None) -> list[str]:
    """Return every variable and scale that the plan's hypotheses and joint models name, once."""
    entries = plan.hypotheses if kind is None else plan.of_kind(kind)
    families = {entry.family for entry in entries}
    names = [name for entry in entries for name in (entry.outcome, entry.predictor)]
    for model in plan.joint_models:
        if model.family in families:
            names += [model.outcome, *model.predictors]
    return list(dict.fromkeys(names))


# One test


def run_hypothesis(
    hypothesis: Hypothesis,
    data: pd.DataFrame,
    codebook: Codebook,
    *,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
    test: str | None = None,
) -> TestResult:
    """Run a hypothesis by its primary test, or by `test`, on the respondents with both answers."""
    return TESTS[test or hypothesis.test].run(
        data[hypothesis.outcome],
        data[hypothesis.predictor],
        rng=rng,
        resamples=resamples,
        confidence=confidence,
        trials=codebook.variable(hypothesis.outcome).largest_count,
    )


def sesoi_bounds(hypothesis: Hypothesis, result: TestResult) -> tuple[float, float]:
    """Return the range of effects that are too small to be of interest, on the result's scale.

    NaN at both ends when the plan states the smallest effect of interest in another measure.
    """
    if result.effect != hypothesis.sesoi.measure.name:
        return math.nan, math.nan
    return hypothesis.sesoi.bounds


# The whole plan


@dataclass(frozen=True, slots=True)
class PlanResults:
    """Results of all hypotheses of one kind.

    Attributes:
        table: one row per hypothesis: id, family, label, direction, n, missing (respondents
            without one of the two answers), effect, estimate, low, high, null, statistic, p,
            p_adjusted, sesoi_low, sesoi_high, method, notes, family_label.
        results: the test result by id of the hypothesis; those that could not be tested are left
            out here and have a note in the table.
    """

    table: pd.DataFrame
    results: dict[str, TestResult]

    def of_family(self, family: str) -> pd.DataFrame:
        """Return the rows of one family."""
        return self.table[self.table["family"] == family].reset_index(drop=True)


def run_plan(
    plan: AnalysisPlan,
    data: pd.DataFrame,
    codebook: Codebook,
    *,
    kind: Kind,
    seed: int,
    resamples: int = RESAMPLES,
) -> PlanResults:
    """Run all hypotheses of one kind and adjust their p-values.

    Confirmatory families are adjusted by Holm within each family; exploratory hypotheses by
    Benjamini–Hochberg, all together. Each hypothesis has random numbers of its own, so that one
    more entry in the plan changes no other unadjusted result.

    Args:
        plan: the analysis plan.
        data: as `analysis_data` returns it.
        codebook: of the data.
        kind: which hypotheses; the two kinds never share a table.
        seed: of the permutations.
        resamples: permutations per test.
    """
    rows, results = [], {}
    for entry in plan.of_kind(kind):
        try:
            result = run_hypothesis(
                entry,
                data,
                codebook,
                rng=generator(seed, "hypothesis", entry.id),
                resamples=resamples,
                confidence=plan.confidence,
            )
            results[entry.id] = result
            bounds = sesoi_bounds(entry, result)
        except AnalysisError as error:
            result, bounds = _not_tested(entry, data, error), (math.nan, math.nan)
        rows.append(
            {
                "id": entry.id,
                "family": entry.family,
                "label": entry.label,
                "direction": entry.direction,
                "missing": len(data) - result.n,
                "null": result.null,
                "sesoi_low": bounds[0],
                "sesoi_high": bounds[1],
                **_fields(result),
            }
        )
    table = pd.DataFrame(rows, columns=_COLUMNS)
    table["p_adjusted"] = _adjusted(table, plan, kind)
    table["family_label"] = table["family"].map({f.id: family_title(f) for f in plan.families})
    return PlanResults(table, results)


_COLUMNS = [
    "id",
    "family",
    "label",
    "direction",
    "n",
    "missing",
    "effect",
    "estimate",
    "low",
    "high",
    "null",
    "statistic",
    "p",
    "p_adjusted",
    "sesoi_low",
    "sesoi_high",
    "method",
    "notes",
]


def _not_tested(entry: Hypothesis, data: pd.DataFrame, error: AnalysisError) -> TestResult:
    both = data[[entry.outcome, entry.predictor]].notna().all(axis=1)
    return TestResult(
        method=TESTS[entry.test].label,
        effect=entry.sesoi.measure.name,
        estimate=math.nan,
        low=math.nan,
        high=math.nan,
        n=int(both.sum()),
        notes=(f"not tested: {error}",),
    )


def _adjusted(table: pd.DataFrame, plan: AnalysisPlan, kind: Kind) -> pd.Series:
    if kind == "exploratory":
        return pd.Series(benjamini_hochberg(table["p"].to_numpy(dtype=float)), index=table.index)
    adjusted = pd.Series(math.nan, index=table.index)
    for _, part in table.groupby("family", sort=False):
        adjusted.loc[part.index] = holm(part["p"].to_numpy(dtype=float))
    return adjusted


# Outcomes that joint permutations of a family exchange, at most; and permutations, at least.
_JOINT_OUTCOMES, _LEAST_JOINT = 30_000_000, 999


def joint_permutations(resamples: int, respondents: int) -> int:
    """Return how many joint permutations a family gets: fewer above some thousand respondents.

    Args:
        resamples: wanted.
        respondents: whose outcomes each permutation exchanges.
    """
    return min(resamples, max(_LEAST_JOINT, _JOINT_OUTCOMES // max(1, respondents)))


def multiplicity_table(
    plan: AnalysisPlan,
    data: pd.DataFrame,
    confirmatory: PlanResults,
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Set side by side the p-values of each confirmatory family: raw, Holm, Westfall–Young.

    Westfall–Young permutes all outcomes of a family together, so that it knows how the tests
    depend on each other; its statistic for a regression model is the score statistic.
    `describe_westfall_young` says how small its p-values can be.

    Returns:
        One row per hypothesis: id, family, family_label, label, p, p_holm, p_westfall_young, and
        p_family, the joint test of the family (the smallest of its Westfall–Young p-values).
    """
    table = confirmatory.table[["id", "family", "family_label", "label", "p"]].copy()
    table["p_holm"] = confirmatory.table["p_adjusted"]
    table["p_westfall_young"] = math.nan
    table["p_family"] = math.nan
    for family in dict.fromkeys(table["family"]):
        members = [h for h in plan.of_family(family) if h.id in confirmatory.results]
        if not members:
            continue
        joint = westfall_young(
            data,
            [Tested(h.id, h.outcome, h.predictor, h.test) for h in members],
            rng=generator(seed, "westfall_young", family),
            resamples=resamples,
        ).set_index("label")
        here = table["family"] == family
        table.loc[here, "p_westfall_young"] = table.loc[here, "id"].map(joint["p_adjusted"])
        table.loc[here, "p_family"] = float(joint["p_adjusted"].min())
    return table


# Joint models


def run_joint_model(
    model: JointModel, data: pd.DataFrame, codebook: Codebook, *, confidence: float = 0.95
) -> ModelResult:
    """Fit a joint model of the plan on the respondents with all its variables.

    Raises:
        AnalysisError: it cannot be fitted to these answers.
    """
    return TESTS[model.model].run_model(
        data[model.outcome],
        data[list(model.predictors)],
        confidence=confidence,
        trials=codebook.variable(model.outcome).largest_count,
    )


def joint_model_table(
    models: Sequence[JointModel],
    data: pd.DataFrame,
    codebook: Codebook,
    *,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Fit joint models and tabulate them: each predictor given the others, then all at once.

    Returns:
        Per model one row per predictor and one for the joint test: model (id), title (of the
        model), label, n, effect, estimate, low, high, statistic, p, method, notes. A
        model that cannot be fitted is one row with a note.
    """
    rows: list[dict[str, object]] = []
    for model in models:
        named: dict[str, object] = {"model": model.id, "title": f"{model.id}  {model.label}"}
        try:
            fit = run_joint_model(model, data, codebook, confidence=confidence)
        except AnalysisError as error:
            rows.append({**named, "label": model.label, "notes": f"not fitted: {error}"})
            continue
        terms = {codebook.label(name): term for name, term in fit.terms.items()}
        for label, result in [*terms.items(), ("All predictors at once", fit.joint)]:
            rows.append({**named, "label": label, **_fields(result)})
    names = ["model", "title", "label", *_RESULT_FIELDS]
    return pd.DataFrame(rows, columns=names)


_RESULT_FIELDS = ("n", "effect", "estimate", "low", "high", "statistic", "p", "method", "notes")


def _fields(result: TestResult) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(result, name) for name in _RESULT_FIELDS}
    low, high = told_interval(result.effect, result.low, result.high)
    return values | {"low": low, "high": high, "notes": "; ".join(result.notes)}


# Tables for readers


def family_title(family: Family) -> str:
    """Return a family as a heading: label, kind and how its p-values are adjusted."""
    adjusted = {"holm": "Holm", "benjamini_hochberg": "Benjamini–Hochberg"}[family.adjust]
    return f"{family.id}  {family.label} ({family.kind}, {adjusted})"


def plan_table(plan: AnalysisPlan) -> pd.DataFrame:
    """Show the plan: one row per hypothesis with its test and its smallest effect of interest.

    Returns:
        Columns id, family, family_label, kind, label, direction, test, alternatives, sesoi (effect
        and value), reason.
    """
    families = {family.id: family for family in plan.families}
    return pd.DataFrame(
        {
            "id": entry.id,
            "family": entry.family,
            "family_label": family_title(families[entry.family]),
            "kind": families[entry.family].kind,
            "label": entry.label,
            "direction": entry.direction,
            "test": TESTS[entry.test].label,
            "alternatives": ", ".join(TESTS[name].label for name in entry.alternatives),
            "sesoi": f"{entry.sesoi.measure.name} {as_text(entry.sesoi.value, '2s')}",
            "reason": entry.sesoi.reason,
        }
        for entry in plan.hypotheses
    )


def forest_table(table: pd.DataFrame) -> pd.DataFrame:
    """Turn a results table into what `draw_forest` takes; rows without an estimate are left out."""
    drawn = table[table["estimate"].notna()].copy()
    drawn["label"] = drawn["id"] + "  " + drawn["label"]
    drawn["p_text"] = drawn["p"].map(p_text)
    drawn["p_adjusted_text"] = drawn["p_adjusted"].map(p_text)
    return drawn.reset_index(drop=True)


def effect_text(result: TestResult) -> str:
    """Say an effect with interval and n: "odds ratio 1.2 (95 % interval 0.9 to 1.6; n = 134)"."""
    if math.isnan(result.estimate):
        return "not estimable"
    low, high = told_interval(result.effect, result.low, result.high)
    level = as_text(100 * result.confidence, "3s").rstrip("0").rstrip(".")
    told = (
        f"{level} % interval {interval_text(low, high)}" if not math.isnan(low) else "no interval"
    )
    return f"{result.effect} {as_text(result.estimate, 2)} ({told}; n = {result.n})"


def hypotheses_on(plan: AnalysisPlan, fact: str) -> list[Hypothesis]:
    """Return the hypotheses of the confirmatory families that examine this published fact."""
    families = {f.id for f in plan.families if f.fact == fact and f.kind == "confirmatory"}
    return [entry for entry in plan.hypotheses if entry.family in families]


def joint_models_of(plan: AnalysisPlan, hypotheses: Sequence[Hypothesis]) -> list[JointModel]:
    """Return the plan's joint models of the families that these hypotheses belong to."""
    families = {entry.family for entry in hypotheses}
    return [model for model in plan.joint_models if model.family in families]


def effect_on(
    hypotheses: Sequence[Hypothesis],
    results: PlanResults,
    codebook: Codebook,
    construct: str,
) -> str:
    """Say the effect of the first hypothesis whose predictor belongs to a construct.

    Args:
        hypotheses: those to look through, in order.
        results: of the plan.
        codebook: names the construct of each variable and scale.
        construct: such as "prior knowledge".
    """
    for entry in hypotheses:
        if codebook.variable(entry.predictor).construct == construct:
            result = results.results.get(entry.id)
            return "could not be tested" if result is None else effect_text(result)
    return "not examined by this plan"


def found_among(
    hypotheses: Sequence[Hypothesis], results: PlanResults, *, alpha: float = 0.05
) -> float:
    """Count the hypotheses with an adjusted p below the level and an effect as they predict.

    Args:
        hypotheses: those to look at; one that could not be tested counts as not found.
        results: of the plan.
        alpha: the level.

    Returns:
        The count; NaN when there are no hypotheses or none could be tested, since nothing was
        looked for then.
    """
    rows = results.table.set_index("id")
    if not rows.loc[[entry.id for entry in hypotheses], "p_adjusted"].notna().any():
        return math.nan
    found = 0
    for entry in hypotheses:
        row = rows.loc[entry.id]
        side = {"positive": 1, "negative": -1}.get(entry.direction, 0)
        as_predicted = side == 0 or side * (row["estimate"] - row["null"]) > 0
        found += bool(row["p_adjusted"] < alpha and as_predicted)
    return float(found)


def respondents_in(hypotheses: Sequence[Hypothesis], results: PlanResults) -> str:
    """Say how many respondents the hypotheses rest on: "131", or "131 to 134" where they differ.

    Args:
        hypotheses: those to look at.
        results: of the plan.
    """
    n = results.table.set_index("id").loc[[entry.id for entry in hypotheses], "n"]
    if n.empty:
        return "not examined by this plan"
    low, high = int(n.min()), int(n.max())
    return f"{low}" if low == high else f"{low} to {high}"


def found_numbers(
    key: str, hypotheses: Sequence[Hypothesis], results: PlanResults, about: str, *, alpha: float
) -> pd.DataFrame:
    """Return how many hypotheses are found, and on how many respondents they rest, for publishing.

    Args:
        key: start of the keys.
        hypotheses: that belong together.
        results: of the plan.
        about: what they are about.
        alpha: familywise level.

    Returns:
        key, value, description, unit.
    """
    rows = [
        (
            f"{key}_tested_n",
            respondents_in(hypotheses, results),
            f"respondents in the tests of {about}",
            "respondents",
        ),
        (
            f"{key}_found",
            found_among(hypotheses, results, alpha=alpha),
            f"hypotheses on {about} found as predicted",
            f"of {len(hypotheses)}",
        ),
    ]
    return pd.DataFrame(rows, columns=["key", "value", "description", "unit"])


def describe_results(table: pd.DataFrame, *, alpha: float = 0.05) -> str:
    """Say per family how many adjusted p-values are below the level, for which, and which way."""
    sentences = []
    for family, part in table.groupby("family", sort=False):
        found = [
            f"{hypothesis_text(row['id'], row['label'])}: {_way(row)}n = {row['n']}"
            for row in part[part["p_adjusted"] < alpha].to_dict("records")
        ]
        which = f" ({'; '.join(found)})" if found else ""
        sentences.append(
            f"Family {family}: {len(found)} of {len(part)} hypotheses with an adjusted p below "
            f"{alpha:g}{which}."
        )
    return " ".join(sentences)


def _way(row: Mapping[Any, Any]) -> str:
    """Say the sign of an effect in words that end in a comma; nothing for one without a sign."""
    measure = next((effect for effect in EFFECTS.values() if effect.name == row["effect"]), None)
    if measure is None or not measure.signed:
        return ""
    return "positive, " if row["estimate"] > row["null"] else "negative, "


def describe_monte_carlo(resamples: int, alpha: float) -> str:
    """Say how exact p-values from permutations are: the least one, and the error near the level."""
    error = math.sqrt(alpha * (1 - alpha) / resamples)
    return (
        f"p-values from {resamples:,} permutations, where the method says so: none can be below "
        f"1/{resamples + 1:,}, and one near {alpha:g} has a Monte Carlo standard error of "
        f"{as_text(error, '1s')}."
    )


def describe_westfall_young(resamples: int, plan: AnalysisPlan) -> str:
    """Say how small an adjusted p-value of the joint permutation can be, by family.

    Each hypothesis' p-value is at least 1/(B + 1) in B permutations, and so can it be in m of them
    at once, one per hypothesis: the smallest adjusted p-value of m hypotheses is up to m/(B + 1).
    """
    sizes = {
        family.id: len(plan.of_family(family.id))
        for family in plan.families
        if family.kind == "confirmatory"
    }
    floors = listed([f"{m}/{resamples + 1:,} in family {name}" for name, m in sizes.items()])
    return (
        f"Westfall–Young from {resamples:,} joint permutations: the smallest value that it can "
        f"give a hypothesis is about {floors}, so that small ones cannot be compared."
    )


# What lies behind an effect


def mean_by_level(
    outcome: pd.Series,
    predictor: pd.Series,
    labels: Mapping[float, str] | None = None,
    *,
    confidence: float = 0.95,
    least: int = 5,
) -> pd.DataFrame:
    """Tabulate the mean outcome at each level of an ordered predictor, with a t interval.

    A level with fewer than `least` respondents is joined with its smaller neighbour: its mean
    would say little about anybody else, and too much about the few in it.

    Args:
        outcome: numbers.
        predictor: ordered.
        labels: words for the predictor's values.
        confidence: level of the interval.
        least: respondents that a level must have.

    Returns:
        One row per level: label, mean, low, high, n.
    """
    left, right = complete_pairs(outcome, predictor)
    scores, values = as_scores(right), left.to_numpy(dtype=float)
    groups = [[level] for level in np.unique(scores).tolist()]
    sizes = [int((scores == group[0]).sum()) for group in groups]
    while len(groups) > 1 and min(sizes) < least:
        at = sizes.index(min(sizes))
        beside = [place for place in (at - 1, at + 1) if 0 <= place < len(groups)]
        first, second = sorted((at, min(beside, key=lambda place: sizes[place])))
        groups[first] += groups.pop(second)
        sizes[first] += sizes.pop(second)
    rows = []
    for group, n in zip(groups, sizes, strict=True):
        part = values[np.isin(scores, group)]
        mean = float(part.mean())
        se = float(part.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
        half_width = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * se if n > 1 else math.nan
        words = [(labels or {}).get(level, f"{level:g}") for level in (group[0], group[-1])]
        label = words[0] if len(group) == 1 else f"{words[0]} – {words[1]}"
        rows.append(
            {
                "label": label,
                "mean": mean,
                "low": mean - half_width,
                "high": mean + half_width,
                "n": n,
            }
        )
    return pd.DataFrame(rows)


def dose_response_panels(
    hypotheses: Sequence[Hypothesis], data: pd.DataFrame, codebook: Codebook, **options: float
) -> list[tuple[str, str, pd.DataFrame]]:
    """Return one panel for `draw_dose_response` per hypothesis whose predictor has an order."""
    panels = []
    for entry in hypotheses:
        if not codebook.variable(entry.predictor).is_ordered:
            continue
        try:
            table = mean_by_level(
                data[entry.outcome],
                data[entry.predictor],
                codebook.variable(entry.predictor).level_labels,
                confidence=options.get("confidence", 0.95),
            )
        except AnalysisError:
            continue
        panels.append((entry.id, codebook.label(entry.predictor).lower(), table))
    return panels


def panel_table(panels: Sequence[tuple[str, str, pd.DataFrame]]) -> pd.DataFrame:
    """Return the panels of `dose_response_panels` as one table.

    Columns: panel, label, mean, low, high, n.
    """
    columns = ["panel", "label", "mean", "low", "high", "n"]
    tables = [table.assign(panel=title)[columns] for title, _, table in panels]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def count_model_table(
    hypotheses: Sequence[Hypothesis], data: pd.DataFrame, codebook: Codebook, *, confidence: float
) -> pd.DataFrame:
    """Fit count models to each hypothesis whose outcome is a count, and say which one fits.

    Returns:
        One row per hypothesis and model (the one that `choose_count_model` picks comes first):
        id, label, model, chosen, n, effect, estimate, low, high, p, dispersion, notes (why it
        was chosen, or what the fit says about itself).
    """
    rows: list[dict[str, object]] = []
    for entry in hypotheses:
        if codebook.variable(entry.outcome).measure != "count":
            continue
        trials = codebook.variable(entry.outcome).largest_count
        outcome, predictor = data[entry.outcome], data[entry.predictor]
        try:
            choice = counts.choose_count_model(outcome, predictor, trials=trials)
        except AnalysisError as error:
            rows.append({"id": entry.id, "label": entry.label, "notes": f"not fitted: {error}"})
            continue
        names = ["quasi_binomial", "negative_binomial", "quasi_poisson"]
        for name in sorted(names, key=lambda model: model != choice.model):
            if name == "quasi_binomial" and trials is None:
                continue
            chosen = name == choice.model
            try:
                result = TESTS[name].run(outcome, predictor, confidence=confidence, trials=trials)
            except AnalysisError as error:
                rows.append(
                    {
                        "id": entry.id,
                        "label": entry.label,
                        "model": TESTS[name].label,
                        "chosen": "yes" if chosen else "no",
                        "notes": f"not fitted: {error}",
                    }
                )
                continue
            rows.append(
                {
                    "id": entry.id,
                    "label": entry.label,
                    "model": TESTS[name].label,
                    "chosen": "yes" if chosen else "no",
                    **_fields(result),
                    "dispersion": result.extra.get("dispersion", math.nan),
                    "notes": choice.reason if chosen else "; ".join(result.notes),
                }
            )
    names = ["id", "label", "model", "chosen", "n", "effect", "estimate", "low", "high", "p"]
    return pd.DataFrame(rows, columns=[*names, "dispersion", "notes"])


def describe_count_models(table: pd.DataFrame) -> str:
    """Say for each hypothesis why its count model was chosen."""
    chosen = table[(table["chosen"] == "yes") | table["model"].isna()]
    named = (
        f"{hypothesis_text(row['id'], row['label'])}: {row['notes']}."
        for row in chosen.to_dict("records")
    )
    return " ".join(name[0].upper() + name[1:] for name in named)


def proportional_odds_table(
    hypotheses: Sequence[Hypothesis],
    data: pd.DataFrame,
    codebook: Codebook,
    *,
    alpha: float = 0.05,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Fit proportional-odds models, test their assumption, and fall back to partial ones.

    Args:
        hypotheses: those with an ordinal, count or interval outcome are modelled.
        data: as `analysis_data` returns it.
        codebook: of the data.
        alpha: level of Brant's test, below which the odds ratios per threshold are given too.
        confidence: level of the intervals.

    Returns:
        One row per hypothesis, and below it one per threshold where the assumption fails: id,
        label, n, estimate (odds ratio of a higher outcome per step), low, high, p, brant,
        brant_thresholds (of the outcome with sparse levels merged), brant_df, brant_p, reading.
    """
    rows: list[dict[str, object]] = []
    for entry in hypotheses:
        if codebook.variable(entry.outcome).measure not in ("ordinal", "count", "interval"):
            continue
        outcome, predictor = data[entry.outcome], data[entry.predictor]
        named = {"id": entry.id, "label": entry.label}
        try:
            result = ordinal.proportional_odds(outcome, predictor, confidence=confidence)
        except AnalysisError as error:
            rows.append({**named, "reading": f"not fitted: {error}"})
            continue
        brant_p = result.extra.get("brant_p", math.nan)
        row = {**named, **_fields(result), "brant_p": brant_p}
        row |= {name: result.extra.get(name, math.nan) for name in _BRANT}
        if math.isnan(brant_p):
            rows.append({**row, "reading": "assumption not testable"})
        elif brant_p >= alpha:
            rows.append({**row, "reading": "no evidence against one odds ratio"})
        else:
            rows.append({**row, "reading": "the odds ratio changes with the threshold"})
            rows += _by_threshold(named, outcome, predictor, confidence)
    names = ["id", "label", "n", "effect", "estimate", "low", "high", "p"]
    return pd.DataFrame(rows, columns=[*names, *_BRANT, "brant_p", "reading"])


_BRANT = ("brant", "brant_thresholds", "brant_df")


def _by_threshold(
    named: Mapping[str, object], outcome: pd.Series, predictor: pd.Series, confidence: float
) -> list[dict[str, object]]:
    try:
        partial = ordinal.partial_proportional_odds(
            outcome, predictor, varying=[str(predictor.name)], confidence=confidence
        )
    except AnalysisError as error:
        return [{**named, "reading": f"no odds ratios per threshold: {error}"}]
    rows = []
    for at, (_, fit) in enumerate(partial.coefficients.iterrows(), start=1):
        low, estimate, high = (math.exp(fit[name]) for name in ("low", "estimate", "high"))
        rows.append(
            {
                **named,
                "n": partial.n,
                "effect": "odds ratio",
                "estimate": estimate,
                "low": low,
                "high": high,
                "reading": f"above merged level {at}",
            }
        )
    return rows


# Missing answers


def missing_handling_table(
    plan: AnalysisPlan,
    data: pd.DataFrame,
    responses: pd.DataFrame,
    missing: pd.DataFrame,
    codebook: Codebook,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    imputations: int = IMPUTATIONS,
    iterations: int = 5,
) -> pd.DataFrame:
    """Run each confirmatory hypothesis under every handling of missing answers.

    Args:
        plan: the analysis plan.
        data: as `analysis_data` returns it; the columns of the confirmatory families impute one
            another. A 0/1 scale is imputed part by part, other scales as such.
        responses: recoded responses, for the parts of 0/1 scales.
        missing: kinds of missing answer, same respondents in the same order.
        codebook: of the data.
        seed: of permutations and imputations.
        resamples: permutations per test.
        imputations: completed data sets.
        iterations: rounds of the imputation over the columns.

    Returns:
        One row per hypothesis and handling: id, label, title (both), handling, n, effect, estimate,
        low, high, statistic, p, method, notes.
        Don't know counts as an answer only where it is one option of a single item. Where a 0/1
        scale is unknown, it counts as 0 in one handling and as 1 in another, which bound it.
    """
    entries = plan.of_kind("confirmatory")
    names = plan_variables(plan, "confirmatory")
    kinds = missing.set_axis(data.index)
    # What nobody answered, or all alike, cannot be imputed and has nothing to compare.
    frame = data[[name for name in names if data[name].nunique() > 1]]
    unknown = pd.DataFrame(
        {name: kinds[name] == "dont_know" for name in names if name in kinds}, index=data.index
    )
    any_of = {
        name: part_indicators(responses, codebook.variable(name)).set_axis(data.index)
        for name in map(str, frame)
        if isinstance(codebook.variable(name).derived, AnyScale)
    }
    completed, not_imputed = None, ""
    try:
        completed = impute_by_parts(
            frame,
            any_of,
            rng=generator(seed, "imputation"),
            imputations=imputations,
            iterations=iterations,
        )
    except AnalysisError as error:
        not_imputed = f"not imputed: {error}"
    rows: list[dict[str, object]] = []
    for entry in entries:
        pair = [entry.outcome, entry.predictor]
        if not set(pair) <= set(frame.columns):
            note = "not compared: a variable is the same for all respondents"
            rows.append({"id": entry.id, "label": entry.label, "notes": note})
            continue
        concerned = [name for name in pair if name in unknown and unknown[name].any()]
        run = _Analysis(entry, codebook, seed, resamples, plan.confidence)
        try:
            handled = under_each_handling(
                frame[pair],
                run.as_planned,
                impute_missing=not not_imputed,
                rng=generator(seed, "imputation", entry.id),
                dont_know=unknown[concerned] if concerned else None,
                analyse_groups=run.by_groups if concerned else None,
                completed=completed,
                analyse_completed=run.unresampled,
            )
        except AnalysisError as error:
            rows.append({"id": entry.id, "label": entry.label, "notes": f"not compared: {error}"})
            continue
        handled = dict(handled) | _bounds(frame[pair], any_of, run)
        for handling, result in handled.items():
            rows.append(
                {"id": entry.id, "label": entry.label, "handling": handling, **_fields(result)}
            )
        if not_imputed and frame[pair].isna().any(axis=None):
            named = {"id": entry.id, "label": entry.label, "handling": "multiple imputation"}
            rows.append({**named, "notes": not_imputed})
    table = pd.DataFrame(rows, columns=["id", "label", "handling", *_RESULT_FIELDS])
    table.insert(2, "title", table["id"] + "  " + table["label"])
    return table


def handling_numbers(
    key: str, hypotheses: Sequence[Hypothesis], handling: pd.DataFrame, about: str
) -> pd.DataFrame:
    """Say how far results hold whatever becomes of missing answers, for publishing.

    A hypothesis holds under a handling if the interval excludes no effect, on the predicted side
    where one is predicted. Handlings that need another effect size are left out.

    Args:
        key: start of the keys.
        hypotheses: that belong together.
        handling: as `missing_handling_table` returns it.
        about: what they are about.

    Returns:
        key, value, description, unit, digits: the largest share of handlings under which one
        hypothesis holds, and the number of hypotheses that hold under any; NaN where nothing was
        compared.
    """
    nulls = {effect.name: effect.null for effect in EFFECTS.values()}
    shares = []
    for entry in hypotheses:
        rows = handling[(handling["id"] == entry.id) & handling["low"].notna()]
        rows = rows[rows["effect"] == rows["effect"].iloc[0]] if len(rows) else rows
        if rows.empty:
            continue
        null = nulls[str(rows["effect"].iloc[0])]
        above, below = rows["low"] > null, rows["high"] < null
        held = {"positive": above, "negative": below}.get(entry.direction, above | below)
        shares.append(float(held.mean()))
    best = max(shares) if shares else math.nan
    any_of = float(sum(share > 0 for share in shares)) if shares else math.nan
    what = "missing answers under which a hypothesis on"
    total = f"of {len(hypotheses)}"
    numbers = [
        (f"{key}_held", best, f"largest share of handlings of {what} {about} holds", "", 2),
        (
            f"{key}_held_any",
            any_of,
            f"hypotheses on {about} that hold under some handling",
            total,
            0,
        ),
    ]
    return pd.DataFrame(numbers, columns=["key", "value", "description", "unit", "digits"])


def _bounds(
    data: pd.DataFrame, any_of: Mapping[str, pd.DataFrame], run: _Analysis
) -> dict[str, TestResult]:
    """Run a hypothesis with its unknown 0/1 scales as 0, and as 1, if any is unknown."""
    concerned = [name for name in data if name in any_of and data[name].isna().any()]
    found = {}
    for word, value in (("none", 0.0), ("met", 1.0)) if concerned else ():
        filled = data.assign(**{str(name): data[name].fillna(value) for name in concerned})
        with contextlib.suppress(AnalysisError):
            found[f"unknown as {word}"] = run.as_planned(filled)
    return found


@dataclass(frozen=True, slots=True)
class _Analysis:
    """One hypothesis, ready to be run on data in which missing answers were dealt with."""

    hypothesis: Hypothesis
    codebook: Codebook
    seed: int
    resamples: int
    confidence: float

    def as_planned(self, data: pd.DataFrame) -> TestResult:
        """Run the primary test, with the same random numbers as the main analysis."""
        return run_hypothesis(
            self.hypothesis,
            data,
            self.codebook,
            rng=generator(self.seed, "hypothesis", self.hypothesis.id),
            resamples=self.resamples,
            confidence=self.confidence,
        )

    def unresampled(self, data: pd.DataFrame) -> TestResult:
        """Run the primary test for its estimate and interval; pooling makes the p-value."""
        return run_hypothesis(
            self.hypothesis, data, self.codebook, resamples=0, confidence=self.confidence
        )

    def by_groups(self, data: pd.DataFrame) -> TestResult:
        """Test a variable with one more level, outside of its order, as groups."""
        outcome, predictor = data[self.hypothesis.outcome], data[self.hypothesis.predictor]
        grouped = isinstance(outcome.dtype, pd.CategoricalDtype) or outcome.nunique() == 2
        test = TESTS["contingency_permutation" if grouped else "kruskal_permutation"]
        return test.run(
            outcome,
            predictor,
            rng=generator(self.seed, "hypothesis", self.hypothesis.id),
            resamples=self.resamples,
            confidence=self.confidence,
        )
