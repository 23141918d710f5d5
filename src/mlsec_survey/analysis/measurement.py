"""What grids of ratings measure: reliability, how many things, and whether items work alike.

Two hypotheses with one predictor are two findings only if their outcomes are two things. Whether
they are is a question to the answers, put here before the hypotheses are counted. Everything rests
on polychoric correlations, so that five options count as an order and not as a scale.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from mlsec_survey.analysis.hypotheses import PlanResults, found_among
from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.base.formatting import as_text, hypothesis_text, interval_text, listed, p_text
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import MeanScale
from mlsec_survey.instrument.plan import Hypothesis
from mlsec_survey.stats.factors import FactorFit, factor_model, omega, omega_gradient
from mlsec_survey.stats.multiplicity import holm
from mlsec_survey.stats.partial import item_functioning, partial_spearman
from mlsec_survey.stats.polychoric import (
    POSITIVE,
    SHORT_OF_ONE,
    Polychoric,
    heterotrait_monotrait,
    ordinal_alpha,
    polychoric,
    summarised,
)

# Factors whose correlation may reach this are not told apart (Rönkkö and Cho 2022,
# doi:10.1177/1094428120968614: from 0.9 on a problem, from 1 on a severe one).
LIMIT = 0.9
# Respondents that a group needs before items are compared between groups.
LEAST = 10


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid of ratings whose mean is an outcome.

    Attributes:
        item: id of the item.
        scale: name of the mean.
        label: of the item.
        parts: name of the variable by id of the part.
    """

    item: str
    scale: str
    label: str
    parts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Measurement:
    """Correlations of all ratings of some grids, and factor models of them.

    Attributes:
        grids: two or more with parts in common.
        correlations: of all ratings; None where they cannot be estimated.
        models: by name; those that cannot be fitted are left out.
        separate: the model whose factor correlations decide, None where none could be fitted.
        problem: why something could not be estimated; empty if all was.
    """

    grids: tuple[Grid, ...]
    correlations: Polychoric | None = None
    models: dict[str, FactorFit] = field(default_factory=dict)
    separate: FactorFit | None = None
    problem: str = ""


def grids_of(hypotheses: Sequence[Hypothesis], codebook: Codebook) -> tuple[Grid, ...]:
    """Return the grids of which a mean is the outcome of a hypothesis, if there are several."""
    grids: dict[str, Grid] = {}
    for entry in hypotheses:
        outcome = codebook.variable(entry.outcome)
        if isinstance(outcome.derived, MeanScale) and outcome.item.id not in grids:
            parts = {part: v.name for part, v in codebook.parts(outcome.item).items()}
            label = codebook.label(outcome.item.id)
            grids[outcome.item.id] = Grid(outcome.item.id, outcome.name, label, parts)
    return tuple(grids.values()) if len(grids) > 1 else ()


def measure(responses: pd.DataFrame, grids: Sequence[Grid]) -> Measurement:
    """Estimate the correlations of all ratings and fit one factor and one factor per grid.

    Each of the two comes without and with what two ratings of the same part share beyond their
    factors: who has a view of one part has it in both grids.

    Args:
        responses: the analysis file of notebook 01.
        grids: as `grids_of` returns them.
    """
    names = [name for grid in grids for name in grid.parts.values()]
    try:
        correlations = polychoric(responses[names])
    except AnalysisError as error:
        return Measurement(tuple(grids), problem=str(error))
    place = {name: at for at, name in enumerate(names)}
    same = [
        (place[one.parts[part]], place[other.parts[part]])
        for one, other in combinations(grids, 2)
        for part in one.parts
        if part in other.parts
    ]
    per_grid = [at for at, grid in enumerate(grids) for _ in grid.parts]
    asked = {
        "one factor": ([0] * len(names), ()),
        "one factor per grid": (per_grid, ()),
        "one factor, same part correlated": ([0] * len(names), same),
        "one factor per grid, same part correlated": (per_grid, same),
    }
    models, problem = {}, ""
    for name, (factors, residuals) in asked.items():
        try:
            models[name] = factor_model(correlations, factors, residuals)
        except AnalysisError as error:
            problem = f"{name}: {error}"
    separate = [models[name] for name in reversed(asked) if name in models and "grid" in name]
    return Measurement(
        tuple(grids), correlations, models, separate[0] if separate else None, problem
    )


def reliability_table(measured: Measurement, *, confidence: float = 0.95) -> pd.DataFrame:
    """Return ordinal alpha and omega of each grid.

    Returns:
        One row per grid and measure: scale (label of the grid), measure, items, n, value, low,
        high. Empty where nothing could be estimated.
    """
    rows = []
    reach = float(stats.norm.ppf((1 + confidence) / 2))
    for grid in measured.grids:
        if measured.correlations is None:
            break
        own = measured.correlations.among(list(grid.parts.values()))
        about = {"scale": grid.label, "items": len(grid.parts), "n": own.n}
        alpha = summarised(own, ordinal_alpha, confidence=confidence, scale=SHORT_OF_ONE)
        rows.append({
            **about, "measure": "ordinal alpha",
            "value": alpha.estimate, "low": alpha.low, "high": alpha.high,
        })  # fmt: skip
        try:
            fit = factor_model(own, [0] * len(grid.parts))
        except AnalysisError:
            continue
        value = omega(fit.loadings)
        k = len(fit.loadings)
        error = float(np.linalg.norm(fit.influence[:, :k] @ omega_gradient(fit.loadings)))
        # In the logarithm of what is missing to 1, as for alpha.
        width = reach * error / (1 - value)
        rows.append({
            **about, "measure": "ordinal omega", "value": value,
            "low": 1 - (1 - value) * math.exp(width), "high": 1 - (1 - value) * math.exp(-width),
        })  # fmt: skip
    columns = ["scale", "items", "n", "measure", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def model_fit_table(measured: Measurement) -> pd.DataFrame:
    """Return the fit of each factor model: model, n, chi_square, df, p, cfi, rmsea, srmr."""
    rows = [
        {
            "model": name,
            "n": fit.n,
            "chi_square": fit.chi_square,
            "df": fit.df,
            "p": fit.p,
            "cfi": fit.cfi,
            "rmsea": fit.rmsea,
            "srmr": fit.srmr,
        }
        for name, fit in measured.models.items()
    ]
    columns = ["model", "n", "chi_square", "df", "p", "cfi", "rmsea", "srmr"]
    return pd.DataFrame(rows, columns=columns)


def loadings_table(measured: Measurement, codebook: Codebook) -> pd.DataFrame:
    """Return the loading of each rating on one factor of all, and on that of its grid.

    Returns:
        One row per rating: label, grid, n (who rated it and another), one_factor, own_factor.
    """
    one = measured.models.get("one factor, same part correlated")
    own = measured.separate
    if one is None or own is None or measured.correlations is None:
        return pd.DataFrame(columns=["grid", "label", "one_factor", "own_factor"])
    names = [(grid, name) for grid in measured.grids for name in grid.parts.values()]
    return pd.DataFrame({
        "grid": [grid.label for grid, _ in names],
        "label": [codebook.variable(name).short_label for _, name in names],
        "one_factor": one.loadings,
        "own_factor": own.loadings,
    })  # fmt: skip


def discriminant_table(measured: Measurement, *, confidence: float = 0.95) -> pd.DataFrame:
    """Return how far each two grids measure two things.

    Returns:
        Per two grids: pair, measure (factor correlation with and without what ratings of the same
        part share; heterotrait–monotrait ratio over all pairs and over those of different parts),
        n, value, low, high. The interval of a factor correlation may pass 1, which says that one
        factor is enough.
    """
    rows: list[dict[str, object]] = []
    if measured.correlations is None:
        return pd.DataFrame(rows, columns=["pair", "measure", "n", "value", "low", "high"])
    reach = float(stats.norm.ppf((1 + confidence) / 2))
    starts = np.cumsum([0, *(len(grid.parts) for grid in measured.grids)])
    for a, b in combinations(range(len(measured.grids)), 2):
        one, other = measured.grids[a], measured.grids[b]
        about = {"pair": f"{one.label} and {other.label}", "n": measured.correlations.n}
        for name, fit in measured.models.items():
            if "per grid" in name:
                value, error = fit.correlations[a, b], fit.correlation_errors[a, b]
                ends = {"low": value - reach * error, "high": value + reach * error}
                shared = name.removeprefix("one factor per grid")
                rows.append({**about, "measure": f"factor correlation{shared}", "value": value,
                             **ends})  # fmt: skip
        first, second = (np.arange(starts[at], starts[at + 1]) for at in (a, b))
        apart = np.array([[p != q for q in other.parts] for p in one.parts])
        for label, counted in (("all pairs", np.ones_like(apart)), ("different parts", apart)):
            try:
                ratio = summarised(
                    measured.correlations,
                    partial(heterotrait_monotrait, first=first, second=second, apart=counted),
                    confidence=confidence,
                    scale=POSITIVE,
                )
            except (AnalysisError, ValueError):
                continue
            rows.append({
                **about, "measure": f"HTMT, {label}",
                "value": ratio.estimate, "low": ratio.low, "high": ratio.high,
            })  # fmt: skip
    return pd.DataFrame(rows, columns=["pair", "measure", "n", "value", "low", "high"])


def partialled_table(
    hypotheses: Sequence[Hypothesis],
    measured: Measurement,
    data: pd.DataFrame,
    codebook: Codebook,
    *,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return what is left of each hypothesis on one grid when another grid is given.

    Returns:
        One row per hypothesis and other grid: id, label, control (label of the given scale), n,
        alone (rank correlation of the same respondents without it), estimate, low, high, p,
        p_adjusted (Holm over the rows).
    """
    scales = {grid.scale: grid for grid in measured.grids}
    rows = []
    for entry in hypotheses:
        for other in scales:
            if entry.outcome not in scales or entry.outcome == other:
                continue
            try:
                result = partial_spearman(
                    data[entry.outcome],
                    data[entry.predictor],
                    data[[other]],
                    confidence=confidence,
                )
            except AnalysisError:
                continue
            rows.append({
                "id": entry.id, "label": entry.label, "control": codebook.label(other),
                "n": result.n, "alone": result.extra["alone"], "estimate": result.estimate,
                "low": result.low, "high": result.high, "p": result.p,
            })  # fmt: skip
    columns = ["id", "label", "control", "n", "alone", "estimate", "low", "high", "p"]
    table = pd.DataFrame(rows, columns=columns)
    table["p_adjusted"] = holm(table["p"].to_numpy(dtype=float))
    return table


def functioning_table(
    hypotheses: Sequence[Hypothesis],
    measured: Measurement,
    responses: pd.DataFrame,
    codebook: Codebook,
    *,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Test whether ratings work alike for those who rate the rest of the grid alike.

    Groups are the predictors of the hypotheses on these grids, and what the survey tool notes of
    two kinds, such as two languages. A group with fewer than ten respondents is not compared.

    Returns:
        One row per group and rating: group, label, n, estimate (odds ratio), low, high, p,
        p_adjusted (Holm over all rows).
    """
    scales = {grid.scale for grid in measured.grids}
    names = dict.fromkeys(entry.predictor for entry in hypotheses if entry.outcome in scales)
    groups = {codebook.label(name): responses[name] for name in names}
    for entry in codebook.paradata:
        if entry.kind == "category" and entry.variable in responses:
            values = responses[entry.variable]
            sizes = values.value_counts()
            sizes = sizes[sizes > 0]
            if len(sizes) == 2 and sizes.min() >= LEAST:
                first = sorted(map(str, sizes.index))[0]
                seen = (values.astype(str) != first).astype("float64").where(values.notna())
                groups[f"{entry.label} ({' or '.join(sorted(map(str, sizes.index)))})"] = seen
    rows = []
    for group, values in groups.items():
        for grid in measured.grids:
            ratings = responses[list(grid.parts.values())].astype("Float64").astype("float64")
            for name in grid.parts.values():
                others = ratings.drop(columns=name)
                rest = others.mean(axis=1).where(others.notna().sum(axis=1) * 2 >= others.shape[1])
                try:
                    result = item_functioning(
                        ratings[name], rest, values.astype("Float64"), confidence=confidence
                    )
                except AnalysisError:
                    continue
                rows.append({
                    "group": group, "label": codebook.label(name), "n": result.n,
                    "estimate": result.estimate, "low": result.low, "high": result.high,
                    "p": result.p,
                })  # fmt: skip
    columns = ["group", "label", "n", "estimate", "low", "high", "p"]
    table = pd.DataFrame(rows, columns=columns)
    table["p_adjusted"] = holm(table["p"].to_numpy(dtype=float))
    return table


# What counts as one


def constructs(measured: Measurement, *, confidence: float = 0.95) -> dict[str, int]:
    """Return the construct that each scale counts under; two that are not told apart share one.

    They are told apart when the interval of their factor correlation lies below 0.9. Where no
    model could be fitted nothing is known, and each scale counts by itself.
    """
    number = {grid.scale: at for at, grid in enumerate(measured.grids)}
    if measured.separate is None:
        return number
    reach = float(stats.norm.ppf((1 + confidence) / 2))
    fit = measured.separate
    for a, b in combinations(range(len(measured.grids)), 2):
        if fit.correlations[a, b] + reach * fit.correlation_errors[a, b] >= LIMIT:
            one, other = (number[measured.grids[at].scale] for at in (a, b))
            number = {scale: one if at == other else at for scale, at in number.items()}
    return number


def counted_once(
    key: str,
    hypotheses: Sequence[Hypothesis],
    results: PlanResults,
    measured: Measurement,
    about: str,
    *,
    alpha: float,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return how many findings there are when outcomes that are not told apart count as one.

    Hypotheses with one predictor and one construct as outcome are one; it is found if any of them
    is.

    Args:
        key: start of the key.
        hypotheses: that belong together.
        results: of the plan.
        measured: tells which outcomes are one construct.
        about: what the hypotheses are about.
        alpha: familywise level.
        confidence: of the interval of factor correlations.

    Returns:
        key, value, description, unit, one row, for publishing.
    """
    number = constructs(measured, confidence=confidence)
    together: dict[tuple[str, object], list[Hypothesis]] = {}
    for entry in hypotheses:
        same = (entry.predictor, number.get(entry.outcome, entry.outcome))
        together.setdefault(same, []).append(entry)
    found = [found_among(group, results, alpha=alpha) for group in together.values()]
    known = [value > 0 for value in found if not math.isnan(value)]
    return pd.DataFrame([{
        "key": f"{key}_found_distinct",
        "value": float(sum(known)) if known else math.nan,
        "description": f"findings on {about} as predicted, outcomes that are not told apart "
        "counted once",
        "unit": f"of {len(together)}",
    }])  # fmt: skip


def describe_measurement(
    measured: Measurement, partialled: pd.DataFrame, *, confidence: float = 0.95
) -> str:
    """Say whether the grids are one thing or several, and what that makes of the hypotheses."""
    if len(measured.grids) < 2:
        return "not examined: the plan has no two grids of ratings as outcomes"
    if measured.separate is None or measured.correlations is None:
        return f"could not be estimated: {measured.problem}"
    reach = float(stats.norm.ppf((1 + confidence) / 2))
    number, fit = constructs(measured, confidence=confidence), measured.separate
    parts = []
    for a, b in combinations(range(len(measured.grids)), 2):
        one, other = measured.grids[a], measured.grids[b]
        value, half = fit.correlations[a, b], reach * fit.correlation_errors[a, b]
        pair = f"{one.label.lower()} and {other.label.lower()}"
        range_ = interval_text(value - half, value + half)
        known = f"factor correlation {as_text(value, 2)}, {range_}, n = {fit.n}"
        if number[one.scale] != number[other.scale]:
            parts.append(f"{pair} are told apart ({known}) and count as two")
            continue
        rows = partialled.drop_duplicates("id").to_dict("records") if len(partialled) else []
        named = [hypothesis_text(row["id"], row["label"]) for row in rows]
        what = f": {listed(named)} make one finding at most" if len(named) > 1 else ""
        parts.append(f"{pair} are not told apart ({known}) and count as one{what}")
    return "; ".join(parts)


def describe_partialled(table: pd.DataFrame, *, alpha: float) -> str:
    """Say what is left of each association when the other grid is given, which way, on how many."""
    parts = []
    for row in table.to_dict("records"):
        kept = row["p_adjusted"] < alpha
        way = "positive" if row["estimate"] > 0 else "negative"
        left = f"a {way} association is left" if kept else "no association is shown to be left"
        name = hypothesis_text(row["id"], row["label"])
        parts.append(
            f"{name} given {row['control'].lower()} (n = {row['n']}): {left}, rho "
            f"{as_text(row['estimate'], 2)} ({interval_text(row['low'], row['high'])}) instead of "
            f"{as_text(row['alone'], 2)}, adjusted p {p_text(row['p_adjusted'])}"
        )
    return "; ".join(parts) or "not examined"


def describe_functioning(table: pd.DataFrame, *, alpha: float) -> str:
    """Say which ratings work otherwise in which group, after correction, and on how many."""
    if table.empty:
        return "not examined"
    found = table[table["p_adjusted"] < alpha]
    tested = f"{len(table)} tests, corrected together"
    if found.empty:
        rows = f"n = {table['n'].min()} to {table['n'].max()}"
        return f"no item is shown to work otherwise in any group ({tested}; {rows})"
    parts = [
        f"“{row['label']}” by “{row['group']}” ("
        f"{'higher' if row['estimate'] > 1 else 'lower'} ratings than the rest of the grid lets "
        f"expect, odds ratio {as_text(row['estimate'], 2)}, n = {row['n']})"
        for row in found.to_dict("records")
    ]
    return f"works otherwise: {listed(parts)}, of {tested}"
