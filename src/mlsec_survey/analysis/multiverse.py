"""Specification curves: one hypothesis under all combinations of defensible choices.

Simonsohn, Simmons and Nelson (2020, doi:10.1038/s41562-020-0912-z). The choices are data
(`data/specifications.yml`): who is in, what becomes of missing answers, how variables are coded,
which test or model, which covariates. Effects of different tests are put on one scale, the
correlation to which the test's deviate corresponds. All specifications share respondents, so their
results are no independent evidence; inference permutes the outcome among respondents and runs
the whole curve again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, StringConstraints
from scipy import special

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.base.formatting import hypothesis_text, listed
from mlsec_survey.base.yaml_input import Entry, Location, near, read_yaml, validate
from mlsec_survey.base.yaml_input import Sequence as Listed
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import RESPONDENT, MeanScale, Measure, Text
from mlsec_survey.instrument.plan import AnalysisPlan, Hypothesis
from mlsec_survey.instrument.variables import Variable
from mlsec_survey.stats.multiplicity import holm
from mlsec_survey.stats.tables import count_tables, t_deviate
from mlsec_survey.stats.tests import TESTS, for_groups

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

Coding = Literal[
    "steps",
    "split",
    "extremes_merged",
    "item_adjusted",
    "item_median",
    "top_two",
    "groups",
    "merged",
]
# Codings of a mean scale that go back to its ratings.
_OF_ITEMS = ("item_adjusted", "item_median", "top_two")
MissingRule = Literal["complete", "dont_know_lowest", "dont_know_highest", "median"]
ModelName = Literal["linear_model", "rank_model"]
_MODELS = get_args(ModelName)
_MODEL_LABELS = {"linear_model": "linear regression", "rank_model": "regression on ranks"}
_Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]

# Permutations of one task; a bound on memory, and part of what decides the random numbers.
BLOCK = 250
# Outcomes that one task, and a whole curve, give to candidates: with many respondents there are
# fewer permutations, but never fewer than tell a p-value of 0.005.
_TASK_OUTCOMES, _CURVE_OUTCOMES, _LEAST = 1_500_000, 3_000_000, 199
_SMALL_GROUP = 10
_PLAIN = "as planned"
CHOICES = {
    "exclusions": "Exclusions",
    "missing": "Missing",
    "outcome": "Outcome",
    "predictor": "Predictor",
    "test": "Test",
    "covariates": "Covariates",
}
EFFECT = "correlation (z/√(n − 1))"


# ── Choices ───────────────────────────────────────────────────────────────────────────────────────


class Exclusion(Entry):
    """Who is in: exclusions that are lifted and flags whose bearers are dropped."""

    id: _Id
    label: Text
    lift: Listed[str] = ()
    drop: Listed[str] = ()


class Missing(Entry):
    """What becomes of missing answers."""

    id: _Id
    label: Text
    rule: MissingRule


class Covariates(Entry):
    """What a model adjusts for."""

    id: _Id
    label: Text
    variables: Listed[str]


class Specifications(Entry):
    """All choices; build it with `load_specifications`."""

    version: Literal[1]
    note: Text
    exclusions: Annotated[Listed[Exclusion], Field(min_length=1)]
    missing: Annotated[Listed[Missing], Field(min_length=1)]
    codings: dict[Measure, Annotated[Listed[Coding], Field(min_length=1)]]
    measures: dict[str, Listed[str]]
    models: Listed[ModelName]
    covariates: Annotated[Listed[Covariates], Field(min_length=1)]


def load_specifications(path: Path | str, codebook: Codebook) -> Specifications:
    """Read the choices and check them against the codebook.

    Raises:
        InputError: an entry has the wrong shape or names no variable, exclusion or flag.
    """
    document = read_yaml(Path(path))
    specifications = validate(document, Specifications)
    for location, problem, value, remedy in _problems(specifications, codebook):
        raise document.error(location, problem, value=value, remedy=remedy)
    return specifications


def _problems(
    specifications: Specifications, codebook: Codebook
) -> Iterator[tuple[Location, str, str, str]]:
    liftable = [rule.id for rule in codebook.exclusions if rule.liftable]
    flags = [flag.id for flag in codebook.quality_flags]
    known = {variable.name: variable for variable in codebook.variables()}
    numbers = [name for name, variable in known.items() if variable.is_ordered]
    for at, choice in enumerate(specifications.exclusions):
        for name in choice.lift:
            if name not in liftable:
                where: Location = ("exclusions", at, "lift")
                yield (
                    where,
                    "the codebook has no such liftable exclusion",
                    name,
                    near(name, liftable),
                )
        for name in choice.drop:
            if name not in flags:
                where = ("exclusions", at, "drop")
                yield where, "the codebook has no such quality flag", name, near(name, flags)
    for name, others in specifications.measures.items():
        for other in (name, *others):
            if other not in known or not known[other].is_measured:
                where = ("measures", name)
                yield where, "the codebook has no such variable or scale", other, near(other, known)
    for at, covariates in enumerate(specifications.covariates):
        for name in covariates.variables:
            if name not in numbers:
                where = ("covariates", at, "variables")
                yield where, "no variable with an order has this name", name, near(name, numbers)
    named: list[tuple[str, Sequence[Exclusion | Missing | Covariates]]] = [
        ("exclusions", specifications.exclusions),
        ("missing", specifications.missing),
        ("covariates", specifications.covariates),
    ]
    for key, entries in named:
        for field in ("id", "label"):
            seen: set[str] = set()
            for at, entry in enumerate(entries):
                value = str(getattr(entry, field))
                if value in seen:
                    yield (key, at, field), f"the {field} is already used", value, "Rename one."
                seen.add(value)


# ── Data of one hypothesis ────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Variant:
    """One coding of one variable under one handling of missing answers.

    Attributes:
        label: measure and coding in words.
        missing: id of the handling of missing answers.
        codes: position of each candidate's value among the levels; -1 where there is none.
        levels: the values.
        measure: level of measurement after coding.
        limit: largest possible value of a count.
        ranks: per level the midrank in the planned sample, divided by its size.
    """

    label: str
    missing: str
    codes: Integers
    levels: Floats
    measure: Measure
    limit: float | None
    ranks: Floats


@dataclass(frozen=True, slots=True)
class Specification:
    """One combination of choices, by positions in a `SpecificationSpace`.

    Attributes:
        exclusion, outcome, predictor, covariates: positions.
        test: name of a test of the plan, or a model with covariates.
        adjusts: number of covariates.
    """

    exclusion: int
    outcome: int
    predictor: int
    test: str
    covariates: int
    adjusts: int


@dataclass(frozen=True, slots=True)
class SpecificationSpace:
    """Everything that the specifications of one hypothesis need.

    Attributes:
        hypothesis: the hypothesis.
        exclusions: label and members (bool per candidate) of each choice of who is in.
        missing: label per handling of missing answers, by id.
        outcomes, predictors: the variants of the two variables.
        covariates: label and columns (NaN where missing) of each set.
        strata: candidates among whom outcomes may be exchanged share a number.
        specifications: all different combinations, the planned one first.
        sign: -1 where the plan predicts a decrease.
        directed: whether the effect has a sign (the predictor has an order).
    """

    hypothesis: Hypothesis
    exclusions: tuple[tuple[str, Booleans], ...]
    missing: dict[str, str]
    outcomes: tuple[Variant, ...]
    predictors: tuple[Variant, ...]
    covariates: tuple[tuple[str, Floats], ...]
    strata: Integers
    specifications: tuple[Specification, ...]
    sign: int
    directed: bool


def specification_space(
    hypothesis: Hypothesis,
    candidates: pd.DataFrame,
    missing: pd.DataFrame,
    codebook: Codebook,
    specifications: Specifications,
) -> SpecificationSpace:
    """Prepare all specifications of one hypothesis.

    Args:
        hypothesis: an entry of the plan.
        candidates: as `exclusions.candidates` returns them, with the column exclusion.
        missing: kinds of missing answers of the kept respondents (`respondent_id` and variables).
        codebook: defines variables, scales, exclusions and flags.
        specifications: the choices.

    Raises:
        AnalysisError: no specification can be computed, since a variable is constant.
    """
    variables = (hypothesis.outcome, hypothesis.predictor)
    return _space(hypothesis, _prepared(variables, candidates, missing, codebook, specifications))


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What the specifications of several hypotheses share.

    Attributes:
        variants: of each variable.
        members: label and members of each choice of who is in.
        candidates, codebook, specifications: what both were made from.
    """

    variants: dict[str, tuple[Variant, ...]]
    members: tuple[tuple[str, Booleans], ...]
    candidates: pd.DataFrame
    codebook: Codebook
    specifications: Specifications


def _prepared(
    variables: Sequence[str],
    candidates: pd.DataFrame,
    missing: pd.DataFrame,
    codebook: Codebook,
    specifications: Specifications,
) -> _Prepared:
    kept = candidates["exclusion"].isna().to_numpy()
    kinds = missing.set_index(RESPONDENT).reindex(candidates[RESPONDENT])
    variants = {
        name: _variants(name, candidates, kinds, kept, codebook, specifications)
        for name in dict.fromkeys(variables)
    }
    members = tuple(
        (choice.label, _members(choice, candidates, kept)) for choice in specifications.exclusions
    )
    return _Prepared(variants, members, candidates, codebook, specifications)


def _space(hypothesis: Hypothesis, prepared: _Prepared) -> SpecificationSpace:
    candidates, codebook = prepared.candidates, prepared.codebook
    specifications, members = prepared.specifications, prepared.members
    outcomes = prepared.variants[hypothesis.outcome]
    predictors = prepared.variants[hypothesis.predictor]
    covariates = _covariate_sets(hypothesis, candidates, specifications)
    reason = candidates["exclusion"].cat.codes.to_numpy().astype(np.int64)
    directed = all(
        codebook.variable(name).is_ordered for name in (hypothesis.outcome, hypothesis.predictor)
    )
    found = _combinations(
        hypothesis, members, outcomes, predictors, covariates, specifications.models, directed
    )
    if not found:
        raise AnalysisError(f"{hypothesis.id}: no specification can be computed on these answers")
    return SpecificationSpace(
        hypothesis=hypothesis,
        exclusions=members,
        missing={choice.id: choice.label for choice in specifications.missing},
        outcomes=outcomes,
        predictors=predictors,
        covariates=covariates,
        strata=reason,
        specifications=found,
        sign=-1 if hypothesis.direction == "negative" else 1,
        directed=directed,
    )


def _members(choice: Exclusion, candidates: pd.DataFrame, kept: Booleans) -> Booleans:
    members = kept | candidates["exclusion"].isin(list(choice.lift)).to_numpy()
    for flag in choice.drop:
        members = members & ~candidates[flag].to_numpy(dtype=bool)
    return members


def _covariate_sets(
    hypothesis: Hypothesis, candidates: pd.DataFrame, specifications: Specifications
) -> tuple[tuple[str, Floats], ...]:
    sets: list[tuple[str, Floats]] = []
    seen: set[tuple[str, ...]] = set()
    for choice in specifications.covariates:
        names = tuple(
            name
            for name in choice.variables
            if name not in (hypothesis.outcome, hypothesis.predictor)
        )
        if names in seen:
            continue
        seen.add(names)
        matrix: Floats = np.empty((len(candidates), len(names)))
        for at, name in enumerate(names):
            column = candidates[name].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
            matrix[:, at] = column - np.nanmean(column)
        sets.append((choice.label, matrix))
    return tuple(sets)


def _variants(
    variable: str,
    candidates: pd.DataFrame,
    kinds: pd.DataFrame,
    kept: Booleans,
    codebook: Codebook,
    specifications: Specifications,
) -> tuple[Variant, ...]:
    found = []
    names = (variable, *specifications.measures.get(variable, ()))
    for name in names:
        meant = codebook.variable(name)
        measure = meant.measure
        label = "" if name == variable else meant.label
        for coding in specifications.codings.get(measure, ("steps",)):
            if coding in _OF_ITEMS and not isinstance(meant.derived, MeanScale):
                continue
            plain = coding in ("steps", "groups")
            words = _PLAIN if plain else coding.replace("_", " ")
            text = f"{label}, {words}" if label and not plain else (label or words)
            numbers = _numbers(meant, candidates, coding)
            for choice in specifications.missing:
                values = _handled(numbers, meant, choice.rule, kinds, kept)
                variant = _coded(text, choice.id, values, coding, meant, kept)
                if variant is not None:
                    found.append(variant)
    return tuple(found)


def _handled(
    values: Floats,
    variable: Variable,
    rule: MissingRule,
    kinds: pd.DataFrame,
    kept: Booleans,
) -> Floats:
    """Return the numbers of a variable with its missing answers permuted with."""
    name, ordinal = variable.name, variable.measure == "ordinal"
    if rule in ("dont_know_lowest", "dont_know_highest") and ordinal and name in kinds:
        unsure = (kinds[name] == "dont_know").to_numpy()
        given = values[np.isfinite(values)]
        if unsure.any() and len(given):
            beyond = given.min() - 1 if rule == "dont_know_lowest" else given.max() + 1
            values = np.where(unsure, beyond, values)
    elif rule == "median":
        given = values[kept & np.isfinite(values)]
        gap = kept & ~np.isfinite(values)
        if name in kinds:
            gap &= (kinds[name] != "not_shown").to_numpy()
        if gap.any() and len(given):
            levels, counts = np.unique(given, return_counts=True)
            if variable.measure in ("nominal", "binary"):
                fill = levels[counts.argmax()]
            else:
                fill = np.sort(given)[(len(given) - 1) // 2]
            values = np.where(gap, fill, values)
    return values


def _numbers(variable: Variable, candidates: pd.DataFrame, coding: Coding) -> Floats:
    scale = variable.derived
    if coding in _OF_ITEMS and scale is not None:
        answers = (
            candidates[list(variable.parts)]
            .astype("Float64")
            .to_numpy(dtype=float, na_value=np.nan)
        )
        enough = np.isfinite(answers).sum(1) >= scale.minimum
        if coding == "item_adjusted":
            # Each rating less the mean of its item, so that it does not matter which were given.
            means = np.nanmean(answers, axis=0)
            value = np.full(len(answers), np.nan)
            value[enough] = np.nanmean(answers[enough] - means, axis=1) + means.mean()
            return value.round(6)
        if coding == "item_median":
            with np.errstate(all="ignore"):
                value = np.full(len(answers), np.nan)
                value[enough] = np.nanmedian(answers[enough], axis=1)
            return value
        return np.where(enough, (answers >= scale.high - 1).sum(1), np.nan)
    column = candidates[variable.name]
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy().astype(float)
        if variable.measure == "binary":
            yes = [str(level) for level in column.cat.categories].index(str(variable.positive))
            codes = np.where(codes < 0, np.nan, codes == yes)
            return np.asarray(codes, dtype=float)
        return np.where(codes < 0, np.nan, codes)
    return np.asarray(column.astype("Float64").to_numpy(dtype=float, na_value=np.nan))


def _coded(
    label: str,
    missing: str,
    values: Floats,
    coding: Coding,
    variable: Variable,
    kept: Booleans,
) -> Variant | None:
    given = values[kept & np.isfinite(values)]
    if len(given) < 3 or np.ptp(given) == 0:
        return None
    measure, largest = variable.measure, variable.largest_count
    limit = None if largest is None else float(largest)
    if coding == "split":
        # The cut that comes closest to parting the planned sample in the middle.
        cuts = np.unique(given)[1:]
        above = np.array([(given >= cut).mean() for cut in cuts])
        cut = cuts[int(np.abs(above - 0.5).argmin())]
        values = np.where(np.isfinite(values), values >= cut, np.nan)
        measure, limit = "binary", None
    elif coding == "extremes_merged":
        levels = np.unique(given)
        if len(levels) >= 5:
            values = np.where(np.isfinite(values), np.clip(values, levels[1], levels[-2]), np.nan)
    elif coding == "top_two":
        measure = "count"
        limit = float(len(variable.parts))
    elif coding == "merged":
        levels, counts = np.unique(given, return_counts=True)
        small = levels[counts < _SMALL_GROUP]
        if len(small):
            values = np.where(np.isin(values, small), small[0], values)
    known = np.isfinite(values)
    levels = np.unique(values[known])
    codes = np.where(known, np.searchsorted(levels, np.where(known, values, levels[0])), -1)
    codes = codes.astype(np.int64)
    counts = np.bincount(codes[kept & known], minlength=len(levels)).astype(float)
    if (counts > 0).sum() < 2:
        return None
    ranks = (np.cumsum(counts) - counts / 2) / counts.sum()
    return Variant(label, missing, codes, levels, measure, limit, ranks)


def _combinations(
    hypothesis: Hypothesis,
    members: Sequence[tuple[str, Booleans]],
    outcomes: Sequence[Variant],
    predictors: Sequence[Variant],
    covariates: Sequence[tuple[str, Floats]],
    models: Sequence[ModelName],
    directed: bool,
) -> tuple[Specification, ...]:
    # What can be done with each pair of variants, and the values of those who have both.
    pairs = {}
    for (o, outcome), (p, predictor) in product(enumerate(outcomes), enumerate(predictors)):
        if outcome.missing != predictor.missing:
            continue
        done = [(test, 0, 0) for test in _tests(hypothesis, outcome, predictor)]
        if directed:
            done += [
                (model, c, columns.shape[1])
                for model, (c, (_, columns)) in product(models, enumerate(covariates))
                # Without covariates the rank model is Spearman's correlation.
                if model != "rank_model" or columns.shape[1]
            ]
        both = (outcome.codes >= 0) & (predictor.codes >= 0)
        values = np.column_stack([outcome.levels[outcome.codes], predictor.levels[predictor.codes]])
        pairs[o, p] = both, values, done
    found: list[Specification] = []
    seen: set[tuple[object, ...]] = set()
    for (e, (_, inside)), ((o, p), (both, values, done)) in product(
        enumerate(members), pairs.items()
    ):
        rows = inside & both
        here = values[rows]
        if len(here) < 10 or (here == here[0]).all(0).any():
            continue
        data = here.tobytes(), rows.tobytes()
        for test, c, adjusts in done:
            if (key := (data, test, c)) not in seen:
                seen.add(key)
                found.append(Specification(e, o, p, test, c, adjusts))
    return tuple(found)


def _tests(hypothesis: Hypothesis, outcome: Variant, predictor: Variant) -> list[str]:
    """Return the plan's tests that fit the coded variables, each statistic once."""
    tests: dict[object, str] = {}
    for key in (hypothesis.test, *hypothesis.alternatives):
        test = TESTS[key]
        if predictor.measure == "nominal":
            # The plan may have a model of the groups: a test of the same hypothesis on the table.
            test = for_groups(test)
        run = test.score or test.on_tables
        counted = outcome.limit is not None
        if run and test.takes(outcome.measure, predictor.measure, counted=counted):
            tests.setdefault(run, test.key)
    return list(tests.values())


# ── Running all specifications ────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Effects:
    """Results of all specifications under each permutation of the outcome.

    Attributes:
        z: deviates with the sign of the effect, specifications × permutations.
        r: the same as correlations.
        n: respondents.
    """

    z: Floats
    r: Floats
    n: Floats


def run_specifications(space: SpecificationSpace, order: Integers) -> Effects:
    """Run all specifications for each permutation of the outcome.

    Args:
        space: of `specification_space`.
        order: permutations × candidates; row b gives candidate i the outcome of order[b, i].
    """
    shape = (len(space.specifications), len(order))
    effects = Effects(np.zeros(shape), np.zeros(shape), np.zeros(shape))
    _run_tests(space, order, effects)
    _run_models(space, order, effects)
    return effects


def _run_tests(space: SpecificationSpace, order: Integers, effects: Effects) -> None:
    """Fill in the specifications that need a table: each test once for all exclusions together."""
    wanted: dict[int, dict[int, dict[str, list[int]]]] = {}
    for at, spec in enumerate(space.specifications):
        if spec.test not in _MODELS:
            of_predictor = wanted.setdefault(spec.outcome, {}).setdefault(spec.predictor, {})
            of_predictor.setdefault(spec.test, []).append(at)
    inside = np.array([members for _, members in space.exclusions])
    exclusion = np.array([spec.exclusion for spec in space.specifications])
    # Who is in under the same exclusions is counted together.
    patterns, pattern = np.unique(inside, axis=1, return_inverse=True)
    for o, of_outcome in wanted.items():
        outcome = space.outcomes[o]
        given = outcome.codes[order]
        for p, tests in of_outcome.items():
            predictor = space.predictors[p]
            counted = _counted(given, outcome, predictor, pattern.ravel(), patterns)
            tables, scores, values = _tables(counted, outcome, predictor)
            counts = tables.sum((-2, -1))
            distinct, inverse = _distinct(tables)
            for name, positions in tests.items():
                z, r = _table_effects(name, distinct, scores, values, outcome.limit)
                here = exclusion[positions]
                effects.z[positions] = z[inverse][here]
                effects.r[positions] = r[inverse][here]
                effects.n[positions] = counts[here]


def _counted(
    given: Integers, outcome: Variant, predictor: Variant, pattern: Integers, patterns: Booleans
) -> Integers:
    """Return counts: rows × columns × exclusions × permutations.

    Args:
        given: permutations × candidates: code of the outcome that each is given, -1 for none.
        outcome: whose levels are the columns.
        predictor: whose levels are the rows.
        pattern: of exclusions, by candidate.
        patterns: exclusions × patterns: whether those of a pattern are in.
    """
    # What is missing is counted in a row and a column of its own, and left out.
    rows, columns = len(predictor.levels) + 1, len(outcome.levels) + 1
    row = pattern * rows + predictor.codes % rows
    counts = count_tables(row, given % columns, patterns.shape[1] * rows, columns)
    counts = counts.reshape(len(given), -1, rows, columns)[:, :, :-1, :-1]
    return np.einsum("ek,bkrc->rceb", patterns.astype(np.int64), counts)


def _tables(
    counts: Integers, outcome: Variant, predictor: Variant
) -> tuple[Floats, Floats, Floats]:
    """Return counts (exclusions × permutations × rows × columns) and values of both margins."""
    # Levels that nobody holds in any permutation only cost time.
    some = counts.any((1, 2, 3)), counts.any((0, 2, 3))
    # Cells apart in memory and the stack together: NumPy then sums over cells many times faster.
    cells = counts[some[0]][:, some[1]].astype(float, order="C")
    tables = np.moveaxis(cells, (0, 1), (2, 3))
    return tables, predictor.levels[some[0]], outcome.levels[some[1]]


def _distinct(tables: Floats) -> tuple[Floats, Integers]:
    """Return the different tables of a stack, and for each place in the stack which one is there.

    Larger tables are all taken as different: they seldom repeat.
    """
    shape, (rows, columns) = tables.shape[:-2], tables.shape[-2:]
    stack = tables.reshape(-1, rows, columns)
    base = float(stack.max(initial=0)) + 1
    if rows * columns * math.log2(base) >= 53:
        return stack, np.arange(len(stack)).reshape(shape)
    keys = np.einsum("kij,ij", stack, (base ** np.arange(rows * columns)).reshape(rows, columns))
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return stack[first], inverse.reshape(shape)


def _table_effects(
    key: str, tables: Floats, scores: Floats, values: Floats, limit: float | None
) -> tuple[Floats, Floats]:
    """Return the deviate of a test and the correlation that it corresponds to."""
    n = tables.sum((-2, -1))
    test = TESTS[key].on_stack(tables, scores, values, trials=limit, quick=True)
    z = np.nan_to_num(test.z)
    if TESTS[key].effect.signed or test.df is None:
        return z, z / np.sqrt(n - 1)
    # What is left of the statistic after chance has had its share (Cohen's w, corrected).
    return z, np.sqrt(np.maximum(0.0, np.nan_to_num(test.statistic) - test.df) / n)


def _run_models(space: SpecificationSpace, order: Integers, effects: Effects) -> None:
    """Fill in the specifications that are linear models.

    Variables that are coded differently but missing for the same candidates share the sums over
    respondents that do not contain them, so their models are solved together.
    """
    position: dict[tuple[object, ...], int] = {}
    together: dict[tuple[object, ...], tuple[dict[int, None], dict[int, None]]] = {}
    for at, spec in enumerate(space.specifications):
        if spec.test in _MODELS:
            o, p = spec.outcome, spec.predictor
            position[spec.test, spec.covariates, spec.exclusion, o, p] = at
            y_known, x_known = space.outcomes[o].codes >= 0, space.predictors[p].codes >= 0
            key = space.outcomes[o].missing, y_known.tobytes(), x_known.tobytes()
            outcomes, predictors = together.setdefault(key, ({}, {}))
            outcomes[o] = predictors[p] = None
    inside = np.array([members for _, members in space.exclusions])
    for outcomes, predictors in together.values():
        x = _centred([space.predictors[p] for p in predictors])
        y = _centred([space.outcomes[o] for o in outcomes])[..., order.T]
        y = np.ascontiguousarray(np.swapaxes(y, 1, 2))
        known = (space.outcomes[min(outcomes)].codes >= 0).astype(float)[order.T]
        among = inside & (space.predictors[min(predictors)].codes >= 0)
        for c, (_, covariates) in enumerate(space.covariates):
            z, r, n = _partial(x, y, known, covariates, among)
            for (m, model), (i, p), e, (j, o) in product(
                enumerate(_MODELS), enumerate(predictors), range(len(inside)), enumerate(outcomes)
            ):
                if (choices := (model, c, e, o, p)) in position:
                    at = position[choices]
                    effects.z[at], effects.r[at] = z[m, i, e, j], r[m, i, e, j]
                    effects.n[at] = n[e]


def _centred(variants: Sequence[Variant]) -> Floats:
    """Return models × variants × candidates: values or ranks, less a constant; 0 if missing."""
    found = []
    for model in _MODELS:
        for variant in variants:
            values = variant.ranks if model == "rank_model" else variant.levels
            # Code -1 picks the 0 at the end.
            found.append(np.append(values - values.mean(), 0.0)[variant.codes])
    return np.array(found).reshape(len(_MODELS), len(variants), -1)


def _partial(
    x: Floats, y: Floats, known: Floats, covariates: Floats, inside: Booleans
) -> tuple[Floats, Floats, Floats]:
    """Return deviate and partial correlation of each predictor with each outcome, and n.

    Sums over respondents for every permutation are products of matrices, since permuting outcomes
    moves their values about and changes nothing else. The covariates are then swept out of the
    sums of squares and products, one after another.

    Args:
        x: models × predictors × candidates.
        y: models × candidates × outcomes × permutations; 0 where there is none.
        known: candidates × permutations: 1 where a candidate is given outcomes.
        covariates: candidates × q.
        inside: exclusions × candidates.

    Returns:
        Deviates and correlations (models × predictors × exclusions × outcomes × permutations), and
        n (exclusions × permutations).
    """
    inside = inside & np.isfinite(covariates).all(1)
    base = np.vstack([np.ones(len(covariates)), np.nan_to_num(covariates).T])
    size = len(base)

    def sums(left: Floats, right: Floats) -> Floats:
        """Sum (models × m × candidates) times (models × candidates × …) over those inside."""
        masked = (left[:, :, None] * inside).reshape(len(left), -1, len(known))
        found = masked @ right.reshape(*right.shape[:2], -1)
        return found.reshape(len(found), left.shape[1], len(inside), *right.shape[2:])

    bb = np.array([sums((b * base)[None], known[None])[0] for b in base])
    bx = [sums(b * x, known[None])[..., None, :] for b in base]
    xx = sums(x**2, known[None])[..., None, :]
    by = [sums(b[None, None], y) for b in base]
    xy, yy = sums(x, y), sums(base[None, :1], y**2)
    n, whole = bb[0, 0].copy(), np.einsum("jj...->j...", bb).copy()
    whole_x, whole_y = xx.copy(), yy.copy()
    for j in range(size):
        inverse = _inverse(bb[j, j], whole[j])
        per, of_x, of_y = bb[j] * inverse, bx[j] * inverse[:, None], by[j] * inverse[:, None]
        xx -= of_x * bx[j]
        xy -= of_x * by[j]
        yy -= of_y * by[j]
        for i in range(j + 1, size):
            bx[i] -= of_x * bb[j, i][:, None]
            by[i] -= of_y * bb[j, i][:, None]
            bb[i, i:] -= per[i] * bb[j, i:]
    r = np.clip(xy * np.sqrt(_inverse(xx, whole_x) * _inverse(yy, whole_y)), -1, 1)
    return t_deviate(r, (n - 1 - size)[:, None]), r, n


def _inverse(rest: Floats, whole: Floats) -> Floats:
    """Return 1 over what is left of a sum of squares; 0 where nothing but rounding is left."""
    some = rest > 1e-12 * whole
    return np.divide(1.0, rest, out=np.zeros_like(rest), where=some)


# ── Curve and inference ───────────────────────────────────────────────────────────────────────────


def specification_curve(
    space: SpecificationSpace, effects: Effects | None = None, confidence: float = 0.95
) -> pd.DataFrame:
    """Return the results of all specifications on the answers as they are.

    Args:
        space: of `specification_space`.
        effects: of `run_specifications` with the outcomes where they are, if it has been run.
        confidence: level of the intervals.

    Returns:
        One row per specification: estimate (correlation), low, high (interval on Fisher's z
        scale), z, p (two-sided, large-sample), n, and the label of each choice of `CHOICES`.
        Without an order of the predictor the estimate is Cohen's w, corrected for chance, and is
        never negative.
    """
    if effects is None:
        effects = run_specifications(space, np.arange(len(space.strata))[None, :])
    specs = space.specifications
    z, r, n = effects.z[:, 0], effects.r[:, 0], effects.n[:, 0]
    half_width = special.ndtri((1 + confidence) / 2) / np.sqrt(
        n - 3 - [spec.adjusts for spec in specs]
    )
    centre = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12))
    outcomes = [space.outcomes[spec.outcome] for spec in specs]
    return pd.DataFrame(
        {
            "estimate": r,
            "low": np.maximum(-1.0 if space.directed else 0.0, np.tanh(centre - half_width)),
            "high": np.tanh(centre + half_width),
            "z": z,
            "p": 2 * special.ndtr(-np.abs(z)),
            "n": n.astype(np.int64),
            "exclusions": [space.exclusions[spec.exclusion][0] for spec in specs],
            "missing": [space.missing[outcome.missing] for outcome in outcomes],
            "outcome": [outcome.label for outcome in outcomes],
            "predictor": [space.predictors[spec.predictor].label for spec in specs],
            "test": [_test_label(spec.test) for spec in specs],
            "covariates": [space.covariates[spec.covariates][0] for spec in specs],
        }
    )


def _test_label(key: str) -> str:
    test = TESTS.get(key)
    if test is None:
        return _MODEL_LABELS[key]
    return (test.on_tables_label or test.label).removesuffix(" (permutation)")


def curve_statistics(
    space: SpecificationSpace, effects: Effects, alpha: float = 0.05
) -> dict[str, NDArray[np.float64]]:
    """Summarise curves, one per permutation: the three statistics of Simonsohn et al. (2020).

    Returns:
        median: of the correlations; share: of specifications significant in the predicted
        direction (in the more frequent one if none is predicted); stouffer: sum of the deviates
        over the square root of their number.
    """
    z, critical = space.sign * effects.z, -float(special.ndtri(alpha / 2))
    above, below = (z > critical).mean(0), (z < -critical).mean(0)
    predicted = space.hypothesis.direction != "either" or not space.directed
    return {
        "median": np.median(space.sign * effects.r, axis=0),
        "share": above if predicted else np.maximum(above, below),
        "stouffer": z.sum(0) / math.sqrt(len(z)),
    }


def permute_outcomes(strata: Integers, permutations: int, rng: np.random.Generator) -> Integers:
    """Return random orders (permutations × candidates) that exchange outcomes within strata."""
    order = np.tile(np.arange(len(strata)), (permutations, 1))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        order[:, members] = rng.permuted(order[:, members], axis=1)
    return order


def _inference_task(
    task: tuple[SpecificationSpace, int, bool], rng: np.random.Generator, *, alpha: float
) -> tuple[dict[str, Floats], Effects]:
    """Return the statistics of each permutation and, if asked for, the effects as they are."""
    space, permutations, first = task
    order = permute_outcomes(space.strata, permutations, rng)
    if first:
        order = np.vstack([np.arange(len(space.strata)), order])
    effects = run_specifications(space, order)
    here = Effects(effects.z[:, :first], effects.r[:, :first], effects.n[:, :first])
    return curve_statistics(space, effects, alpha), here


@dataclass(frozen=True, slots=True)
class Robustness:
    """All specifications of several hypotheses, and what whole curves are worth.

    Attributes:
        curves: by id of the hypothesis, as `specification_curve` returns them.
        table: one row per hypothesis: hypothesis, label, specifications, median, low, high (the
            middle 95 % of the estimates), predicted (share of estimates in the predicted direction;
            NaN where none is predicted), significant (share with p below alpha in the predicted or
            more frequent direction), p_median, p_share, p_stouffer (adjusted by Holm within the
            family), the same unadjusted (p_unadjusted_median, …), and permutations.
    """

    curves: dict[str, pd.DataFrame]
    table: pd.DataFrame

    def curve_of(self, hypothesis: Hypothesis | None) -> pd.DataFrame:
        """Return the curve of a hypothesis; without one, a curve of no specifications."""
        if hypothesis is None:
            return pd.DataFrame(columns=["estimate", "low", "high", "p", *CHOICES])
        return self.curves[hypothesis.id]

    @property
    def respondents(self) -> str:
        """The least and the most respondents that a specification uses, in words."""
        used = pd.concat([curve["n"] for curve in self.curves.values()] or [pd.Series(dtype=int)])
        return f"{used.min():,} to {used.max():,}" if len(used) else "0"


def infer(
    spaces: Sequence[SpecificationSpace],
    *,
    permutations: int,
    alpha: float,
    run: Callable[..., list],
    confidence: float = 0.95,
) -> Robustness:
    """Run all specifications, and test whole curves by permuting the outcome.

    The answers to the outcome, given or missing, are exchanged among the respondents that were
    kept, and among those excluded for one reason; everything else stays. Each curve is run again
    for every permutation. The p-values count how often chance does at least as much: of the median
    and of Stouffer's deviate in either direction, of the share as `curve_statistics` defines it.
    They are adjusted by Holm within each family, as those of the tests.

    Args:
        spaces: one per hypothesis.
        permutations: of the outcome; fewer above some thousand respondents, as the table says.
        alpha: level at which a specification counts as significant.
        run: does seeded tasks: called with a function (task, generator) and a list of tasks.
        confidence: level of the intervals of the curves.
    """
    candidates = max((len(space.strata) for space in spaces), default=1)
    permutations = min(permutations, max(_LEAST, _CURVE_OUTCOMES // candidates))
    block = min(BLOCK, max(1, _TASK_OUTCOMES // candidates))
    sizes = [min(block, permutations - start) for start in range(0, permutations, block)]
    tasks = [(space, size, at == 0) for space in spaces for at, size in enumerate(sizes)]
    found = iter(run(partial(_inference_task, alpha=alpha), tasks))
    rows, curves = [], {}
    for space in spaces:
        blocks = [next(found) for _ in sizes]
        joined = {k: np.concatenate([part[k] for part, _ in blocks]) for k in blocks[0][0]}
        seen = {key: float(values[0]) for key, values in joined.items()}
        null = {key: values[1:] for key, values in joined.items()}
        curve = specification_curve(space, blocks[0][1], confidence)
        curves[space.hypothesis.id] = curve
        directed = space.directed and space.hypothesis.direction != "either"
        low, high = curve["estimate"].quantile([0.025, 0.975])
        rows.append(
            {
                "hypothesis": space.hypothesis.id,
                "label": space.hypothesis.label,
                "specifications": len(curve),
                "median": float(curve["estimate"].median()),
                "low": float(low),
                "high": float(high),
                "predicted": (
                    float((space.sign * curve["estimate"] > 0).mean()) if directed else math.nan
                ),
                "significant": seen["share"],
                "p_unadjusted_median": _p(np.abs(null["median"]), abs(seen["median"])),
                "p_unadjusted_share": _p(null["share"], seen["share"]),
                "p_unadjusted_stouffer": _p(np.abs(null["stouffer"]), abs(seen["stouffer"])),
                "permutations": permutations,
            }
        )
    table = pd.DataFrame(rows, columns=_SUMMARY)
    families = [space.hypothesis.family for space in spaces]
    for name in ("p_median", "p_share", "p_stouffer"):
        alone = table[name.replace("p_", "p_unadjusted_")]
        table[name] = alone.groupby(families).transform(lambda p: holm(p.to_numpy(dtype=float)))
    return Robustness(curves, table)


_SUMMARY = [
    "hypothesis",
    "label",
    "specifications",
    "median",
    "low",
    "high",
    "predicted",
    "significant",
    "p_median",
    "p_share",
    "p_stouffer",
    "p_unadjusted_median",
    "p_unadjusted_share",
    "p_unadjusted_stouffer",
    "permutations",
]


def _p(null: Floats, seen: float) -> float:
    """Permutation p-value that counts the answers as they are among the permutations."""
    return float((1 + (null >= seen - 1e-12).sum()) / (1 + len(null)))


def specification_spaces(
    hypotheses: Sequence[Hypothesis],
    candidates: pd.DataFrame,
    missing: pd.DataFrame,
    codebook: Codebook,
    specifications: Specifications,
) -> list[SpecificationSpace]:
    """Prepare the specifications of several hypotheses.

    Hypotheses that these answers cannot test under any specification are left out.
    """
    variables = [name for entry in hypotheses for name in (entry.outcome, entry.predictor)]
    prepared = _prepared(variables, candidates, missing, codebook, specifications)
    found = []
    for entry in hypotheses:
        try:
            found.append(_space(entry, prepared))
        except AnalysisError:
            continue
    return found


def choices_shown(curve: pd.DataFrame) -> dict[str, str]:
    """Return the choices that vary in a curve, with their labels, for its dashboard."""
    return {name: label for name, label in CHOICES.items() if curve[name].nunique() > 1}


def curves_shown(
    plan: AnalysisPlan, spaces: Sequence[SpecificationSpace], facts: Sequence[str]
) -> dict[str, Hypothesis | None]:
    """Choose a hypothesis for the curve of each published claim and of each other family.

    Args:
        plan: says which family examines which fact.
        spaces: of the hypotheses that can be tested.
        facts: published claims whose place is kept even if the plan examines none of them.

    Returns:
        The first hypothesis that has a curve, by the fact's name without its source, or by the id
        of a family that examines none of the facts. None where there is no such hypothesis.
    """
    examined = {family.id: family.fact for family in plan.families}
    found: dict[str, Hypothesis | None] = {fact.partition(".")[2]: None for fact in facts}
    for space in spaces:
        family = space.hypothesis.family
        fact = examined[family]
        name = fact.partition(".")[2] if fact in facts and fact else family.lower()
        found[name] = found.get(name) or space.hypothesis
    return found


def claim_numbers(table: pd.DataFrame, plan: AnalysisPlan, keys: Mapping[str, str]) -> pd.DataFrame:
    """Say for each published claim how far its best curve is significant, for publishing.

    Args:
        table: of `infer`.
        plan: says which family examines which fact.
        keys: start of the key by fact.

    Returns:
        key, value, description, digits: the largest share of specifications of one hypothesis that
        are significant as predicted; NaN where none of them has a curve.
    """
    families = {family.id: family.fact for family in plan.families}
    facts = table["hypothesis"].map(lambda name: families[plan.hypothesis(str(name)).family])
    what = "largest share of significant specifications of a hypothesis on"
    rows = []
    for fact, key in keys.items():
        share = float(table.loc[facts == fact, "significant"].max())
        rows.append((f"{key}_specifications", share, f"{what} {key}", 2))
    return pd.DataFrame(rows, columns=["key", "value", "description", "digits"])


def describe_monte_carlo(table: pd.DataFrame, alpha: float) -> str:
    """Say how exact the curves' p-values are: the Monte Carlo standard error where it matters.

    Args:
        table: of `infer`.
        alpha: the level that p-values are compared with.
    """
    if table.empty:
        return "No hypothesis could be examined."
    permutations = int(table["permutations"].max())
    return (
        f"p-values from {permutations:,} permutations, adjusted by Holm within the family: before "
        f"that none can be below 1/{permutations + 1:,}, and one near {alpha:g} has a Monte Carlo "
        f"standard error of {math.sqrt(alpha * (1 - alpha) / permutations):.3f}."
    )


def describe_robustness(table: pd.DataFrame, alpha: float) -> str:
    """Say in words which whole curves lie beyond chance, which way, and how many specifications.

    The sign is said where a hypothesis has a direction, and where the median is below zero.

    Args:
        table: of `infer`.
        alpha: level that the p-value of the median is compared with.
    """
    if table.empty:
        return "no hypothesis of the plan could be examined on these answers"
    beyond, within = [], []
    for row in table.to_dict("records"):
        name = hypothesis_text(row["hypothesis"], row["label"])
        if not row["p_median"] < alpha:
            within.append(name)
        elif row["median"] < 0 or not math.isnan(row["predicted"]):
            beyond.append(f"{name}, {'negative' if row['median'] < 0 else 'positive'}")
        else:
            beyond.append(name)
    parts = []
    if beyond:
        parts.append(
            f"the median lies beyond chance (adjusted p < {alpha:g}) for {'; '.join(beyond)}"
        )
    if within:
        parts.append(f"within what chance gives for {listed(within)}")
    return f"{int(table['specifications'].sum()):,} specifications; {'; '.join(parts)}"
