"""What a design can show: power, smallest detectable effect, errors of sign and size, replication.

No answers are needed. Each hypothesis of the plan becomes a design: its test, and the shares with
which respondents are taken to use the options of its two variables. Samples are drawn from the
cumulative logit model with these shares and a common odds ratio per step, whose slope is set so
that the effect size named in the plan has the wanted value. A sample is a small table of counts,
and all tests run on whole stacks of tables.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field
from scipy import optimize, special, stats

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.base.formatting import as_text
from mlsec_survey.base.yaml_input import Entry, Sequence, near, read_yaml, validate
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import Text
from mlsec_survey.instrument.plan import AnalysisPlan, Hypothesis
from mlsec_survey.stats.categorical import ExactPower
from mlsec_survey.stats.detectable import chances_per_level
from mlsec_survey.stats.effects import EFFECTS, EffectSize
from mlsec_survey.stats.tables import TableTest, tables_with_rows
from mlsec_survey.stats.tests import TESTS, for_groups

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0, le=20)]
Shape = Literal["even", "bell"]

_ERRORS = ("type_s", "type_m")


# ── Assumptions ───────────────────────────────────────────────────────────────────────────────────


class GridCell(Entry):
    """One cell of a grid of powers of a trend test."""

    prevalence: Share
    odds_ratio: Annotated[float, Field(gt=1)]


class TrendGrid(Entry):
    """A grid over which the power of a trend over an ordinal predictor is computed."""

    predictor: str
    prevalences: Annotated[Sequence[Share], Field(min_length=1)]
    odds_ratios: Annotated[Sequence[Annotated[float, Field(gt=1)]], Field(min_length=1)]
    at: GridCell


class DesignAssumptions(Entry):
    """What a design analysis without answers has to assume; build it with `load_assumptions`."""

    version: Literal[1]
    note: Text
    prevalence: Share
    shares: dict[str, Sequence[Share]]
    shapes: dict[Literal["nominal", "ordinal", "count", "interval"], Shape]
    sample_sizes: Annotated[Sequence[Annotated[int, Field(ge=10, le=100_000)]], Field(min_length=1)]
    curve_multiples: Annotated[Sequence[Positive], Field(min_length=1, max_length=6)]
    multiples: Annotated[Sequence[Positive], Field(min_length=3)]
    replication_powers: Annotated[Sequence[Share], Field(min_length=1)]
    trend_grids: dict[str, TrendGrid] = Field(default_factory=dict)


def load_assumptions(path: Path | str, codebook: Codebook) -> DesignAssumptions:
    """Read the assumptions of the design analysis and check them against the codebook.

    Raises:
        InputError: an entry has the wrong shape, names no variable, or shares do not add up to 1.
    """
    document = read_yaml(Path(path))
    assumptions = validate(document, DesignAssumptions)
    known = {variable.name: variable for variable in codebook.variables()}
    ordinal = [name for name, variable in known.items() if variable.measure == "ordinal"]
    for name, grid in assumptions.trend_grids.items():
        if grid.predictor not in ordinal:
            raise document.error(
                ("trend_grids", name, "predictor"),
                "the codebook has no ordinal variable of this name",
                value=grid.predictor,
                remedy=near(grid.predictor, ordinal),
            )
    for name, shares in assumptions.shares.items():
        if name not in known:
            raise document.error(
                ("shares", name), "the codebook has no such variable", remedy=near(name, known)
            )
        levels = len(known[name].levels)
        if len(shares) != levels or not math.isclose(sum(shares), 1, abs_tol=1e-6):
            raise document.error(
                ("shares", name),
                f"{levels} shares that add up to 1 are needed",
                remedy="List the share of each option, in the order of the codebook.",
            )
    return assumptions


@dataclass(frozen=True, slots=True)
class Margin:
    """How respondents use the levels of one variable.

    Attributes:
        shares: per level, adding up to 1.
        values: the number that each level stands for; for groups their position.
        ordered: whether the levels have an order.
        limit: largest possible value of a count over a checklist.
    """

    shares: tuple[float, ...]
    values: tuple[float, ...]
    ordered: bool = True
    limit: float | None = None


def assumed_margin(variable: str, codebook: Codebook, assumptions: DesignAssumptions) -> Margin:
    """Return how the levels of a variable are used when no answers are known."""
    known = codebook.variable(variable)
    levels, measure = known.levels, known.measure
    if variable in assumptions.shares:
        shares = assumptions.shares[variable]
    elif measure == "binary":
        shares = (1 - assumptions.prevalence, assumptions.prevalence)
    elif measure == "date" or measure == "text" or not levels:
        raise AnalysisError(f"{variable} has no list of values, so no power can be computed")
    else:
        shares = _shape(assumptions.shapes.get(measure, "even"), len(levels))
    return Margin(shares, levels, known.is_ordered, known.largest_count)


def _shape(shape: Shape, levels: int) -> tuple[float, ...]:
    if shape == "even":
        return (1 / levels,) * levels
    return tuple(stats.binom.pmf(np.arange(levels), levels - 1, 0.5).tolist())


# ── Designs ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Design:
    """A test of one hypothesis, and the margins of its two variables.

    Attributes:
        test: key of the primary test in the plan.
        effect: key of the effect size in which the smallest effect of interest is stated.
        smallest: the smallest effect size of interest.
        outcome, predictor: their margins.
        sign: -1 if the plan predicts a decrease, else 1.
        tests: hypotheses that are corrected together; the level of each is alpha over this number.
    """

    test: str
    effect: str
    smallest: float
    outcome: Margin
    predictor: Margin
    sign: int = 1
    tests: int = 1

    @property
    def measure(self) -> EffectSize:
        """The measure of effect in which the smallest effect of interest is stated."""
        return EFFECTS[self.effect]

    @property
    def smallest_distance(self) -> float:
        """The smallest effect of interest as its distance from none, with the predicted sign."""
        return self.sign * self.measure.distance(self.smallest)


def plan_designs(
    plan: AnalysisPlan, hypotheses: Iterable[Hypothesis], margin: Callable[[str], Margin]
) -> dict[str, Design]:
    """Return the design of each hypothesis by its id; `margin` gives that of a variable."""
    return {
        entry.id: Design(
            test=entry.test,
            effect=entry.sesoi.effect,
            smallest=entry.sesoi.value,
            outcome=margin(entry.outcome),
            predictor=margin(entry.predictor),
            sign=-1 if entry.direction == "negative" else 1,
            tests=len(plan.of_family(entry.family)),
        )
        for entry in hypotheses
    }


def assumed_designs(
    plan: AnalysisPlan,
    codebook: Codebook,
    assumptions: DesignAssumptions,
    kind: Literal["confirmatory", "exploratory"] = "confirmatory",
) -> dict[str, Design]:
    """Return the designs of all hypotheses of one kind under the assumed margins."""
    return plan_designs(
        plan, plan.of_kind(kind), lambda name: assumed_margin(name, codebook, assumptions)
    )


def distinct_designs(designs: Mapping[str, Design]) -> dict[Design, tuple[str, ...]]:
    """Return each different design with the ids of its hypotheses, which share every result."""
    found: dict[Design, tuple[str, ...]] = {}
    for name, design in designs.items():
        found[design] = (*found.get(design, ()), name)
    return found


def population(design: Design, slope: float, row_shares: Floats | None = None) -> Floats:
    """Return the chances (r × c) of the outcome's levels per level of the predictor.

    A cumulative logit model with one log odds ratio `slope` per step of the predictor, which keeps
    the outcome's margin. Groups without order are spread evenly.
    """
    rows = design.predictor.shares if row_shares is None else tuple(row_shares.tolist())
    return chances_per_level(rows, design.outcome.shares, _steps(design.predictor), slope)


def _steps(margin: Margin) -> tuple[float, ...]:
    values = margin.values
    # Groups are spread over the same distance as five ordered options.
    return values if margin.ordered else tuple(np.linspace(0, 4, len(values)).tolist())


def estimates(design: Design, tables: Floats | Counts) -> Floats:
    """Return the estimated effect size per table, as its distance from no effect.

    By the test itself, if it estimates what the smallest effect of interest is stated in.
    """
    test = TESTS[design.test]
    if test.effect is design.measure and design.predictor.ordered:
        found = _tested(design, tables).effect
        if found is not None:
            return found
    on_tables = design.measure.on_tables
    assert on_tables is not None, "a plan states no smallest effect in such a measure"
    return on_tables(
        np.asarray(tables, dtype=float),
        np.asarray(_steps(design.predictor)),
        np.asarray(design.outcome.values),
        design.outcome.limit,
    )


@lru_cache(maxsize=4096)
def slope_for(design: Design, multiple: float = 1.0) -> float:
    """Return the slope at which the effect is `multiple` times the smallest one of interest.

    Raises:
        AnalysisError: no slope reaches that effect with these margins.
    """
    wanted = multiple * abs(design.smallest_distance)
    rows = np.asarray(design.predictor.shares)[:, None]

    def gap(slope: float) -> float:
        # Many respondents: the estimate is then the effect in the population.
        tables = 1e9 * rows * population(design, design.sign * slope)
        return design.sign * float(estimates(design, tables)) - wanted

    # In the measure of the model that samples are drawn from there is nothing to solve.
    if design.measure.is_ratio and abs(gap(wanted)) < 1e-5 * wanted:
        return design.sign * wanted
    high = 0.25
    while gap(high) < 0:
        high *= 2
        if high > 64:
            raise AnalysisError(
                f"a {design.measure.name} of "
                f"{as_text(design.measure.at(design.sign * wanted), 2)} cannot be had "
                "with these shares"
            )
    return design.sign * float(optimize.brentq(gap, 0.0, high, xtol=1e-6))


def allocate(shares: Iterable[float], n: int) -> Counts:
    """Return n respondents divided by shares, by largest remainders."""
    exact = np.asarray(list(shares)) * n
    counts = np.floor(exact).astype(np.int64)
    order = np.argsort(-(exact - counts), kind="stable")
    counts[order[: n - int(counts.sum())]] += 1
    return counts


def simulate(
    design: Design, slope: float, n: int, simulations: int, rng: np.random.Generator
) -> Counts:
    """Return tables (simulations × r × c) of samples with fixed numbers at each predictor level."""
    rows = allocate(design.predictor.shares, n)
    chances = population(design, slope, rows / n)
    chances = chances / chances.sum(1, keepdims=True)
    return tables_with_rows(rows, chances, simulations, rng)


def p_values(design: Design, tables: Floats | Counts) -> Floats:
    """Return the p-value of the design's test per table; 1 where a variable is constant."""
    return np.nan_to_num(_tested(design, tables).p, nan=1.0)


def _tested(design: Design, tables: Floats | Counts) -> TableTest:
    test = TESTS[design.test]
    return (test if design.predictor.ordered else for_groups(test)).on_stack(
        tables, _steps(design.predictor), design.outcome.values, trials=design.outcome.limit
    )


# ── Power ─────────────────────────────────────────────────────────────────────────────────────────

Task = tuple[Design, int, tuple[float, ...]]
Runner = Callable[..., list]

# Simulations at the smallest effect of interest, whose power is printed, per simulation elsewhere.
_MORE = 20


@dataclass(frozen=True, slots=True)
class _Point:
    """Power at one effect: under correction and without, with errors and its Monte Carlo error."""

    power: float
    power_uncorrected: float
    type_s: float
    type_m: float
    se: float
    distance: float


def _power_task(
    task: Task, rng: np.random.Generator, *, simulations: int, alpha: float, errors: bool
) -> list[_Point]:
    """Return the power at each multiple of the smallest effect of interest."""
    design, n, multiples = task
    points = []
    for multiple in multiples:
        distance = multiple * design.smallest_distance
        try:
            slope = slope_for(design, multiple)
        except AnalysisError:
            points.append(_Point(*(math.nan,) * 5, distance=distance))
            continue
        exact = _exact_power(design, n, slope, alpha, errors=errors)
        if exact is not None:
            points.append(_Point(*exact, 0.0, distance))
            continue
        size = simulations * (_MORE if errors and multiple == 1 else 1)
        tables = simulate(design, slope, n, size, rng)
        p = p_values(design, tables)
        clear = p < alpha / design.tests
        type_s = type_m = math.nan
        if errors and clear.any():
            found = estimates(design, tables[clear])
            type_m = float(np.mean(np.abs(found)) / abs(distance))
            if design.measure.signed:
                type_s = float(np.mean(np.sign(found) != np.sign(distance)))
        power = float(clear.mean())
        se = math.sqrt(power * (1 - power) / size)
        points.append(_Point(power, float((p < alpha).mean()), type_s, type_m, se, distance))
    return points


def _exact_power(
    design: Design, n: int, slope: float, alpha: float, *, errors: bool = False
) -> tuple[float, float, float, float] | None:
    """Return exact power with correction and without, and errors; None where it is simulated."""
    corrected = _exact_at(design, n, slope, alpha / design.tests, errors=errors)
    plain = _exact_at(design, n, slope, alpha)
    if corrected is None or plain is None:
        return None
    return corrected.power, plain.power, corrected.type_s, corrected.type_m


def _exact_at(
    design: Design, n: int, slope: float, level: float, *, errors: bool = False
) -> ExactPower | None:
    """Return exact power at one level; None where it is simulated."""
    of_test = TESTS[design.test].exact_power
    if of_test is None or not design.predictor.ordered or len(design.outcome.shares) != 2:
        return None
    rows = allocate(design.predictor.shares, n)
    used = rows > 0
    scores = np.asarray(design.predictor.values)[used]
    return of_test(rows[used], scores, design.outcome.shares[1], slope, level, errors=errors)


def power_table(
    designs: Mapping[str, Design],
    *,
    sizes: Iterable[int],
    multiples: Iterable[float],
    simulations: int,
    alpha: float,
    run: Runner,
    errors: bool = True,
) -> pd.DataFrame:
    """Compute power over sample sizes and effects, with errors of sign and size.

    Exact for trend tests up to 1,000 respondents, else by simulation.

    Args:
        designs: by hypothesis id; equal designs are computed once.
        sizes: numbers of respondents.
        multiples: effects as multiples of the smallest effect size of interest.
        simulations: samples per point; twenty times as many at the smallest effect of interest if
            errors are asked for.
        alpha: level of the family; each of its m tests is at alpha / m, the first step of Holm.
        run: does seeded tasks: called with a function (task, generator) and a list of tasks.
        errors: also estimate the effects, for errors of sign and size.

    Returns:
        One row per design, size and multiple: hypothesis (ids of the hypotheses with this design,
        joined), effect (multiple), value (the effect size itself), n, power (at alpha / m),
        power_uncorrected (at alpha), se (Monte Carlo standard error, 0 where exact), type_s (share
        of wrong signs among significant results; NaN without a sign) and type_m (mean exaggeration
        among significant results; Gelman and Carlin 2014, doi:10.1177/1745691614551642), both at
        alpha / m. NaN where the margins do not allow the effect.
    """
    distinct = distinct_designs(designs)
    steps = tuple(multiples)
    tasks: list[Task] = [(design, int(n), steps) for design in distinct for n in sizes]
    found = run(partial(_power_task, simulations=simulations, alpha=alpha, errors=errors), tasks)
    return pd.DataFrame(
        {
            "hypothesis": ", ".join(distinct[design]),
            "effect": multiple,
            "value": design.measure.at(point.distance),
            "n": n,
            "power": point.power,
            "power_uncorrected": point.power_uncorrected,
            "se": point.se,
            "type_s": point.type_s,
            "type_m": point.type_m,
        }
        for (design, n, _), points in zip(tasks, found, strict=True)
        for multiple, point in zip(steps, points, strict=True)
    )


def detectable(
    designs: Mapping[str, Design], power: pd.DataFrame, *, target: float = 0.8, alpha: float = 0.05
) -> pd.DataFrame:
    """Return the smallest effect that is found with the target power, corrected and not.

    Args:
        designs: by hypothesis id.
        power: of `power_table` at one sample size, several multiples.
        target: power to reach.
        alpha: as there.

    Returns:
        One row per design: hypothesis, multiple and multiple_uncorrected (of the smallest effect of
        interest): solved exactly where power is exact, else from a probit regression of power on
        the effect around the target; NaN if no effect in the table reaches the target.
    """
    rows = []
    names = {", ".join(ids): design for design, ids in distinct_designs(designs).items()}
    for name, part in power.groupby("hypothesis", sort=False):
        design, n = names[str(name)], int(part["n"].iloc[0])
        row: dict[str, object] = {"hypothesis": name}
        for at, suffix in enumerate(("", "_uncorrected")):
            values = part[f"power{suffix}"]
            multiple = _probit_inverse(part["effect"], values, target)
            if math.isfinite(multiple) and (part["se"] == 0).all():

                def missing(multiple: float, at: int = at, n: int = n, d: Design = design) -> float:
                    exact = _exact_power(d, n, slope_for(d, multiple), alpha)
                    assert exact is not None
                    return exact[at] - target

                multiple = float(optimize.brentq(missing, 1e-3, part["effect"].max(), xtol=1e-6))
            row[f"multiple{suffix}"] = multiple
        rows.append(row)
    return pd.DataFrame(rows)


def _probit_inverse(x: pd.Series | Floats, power: pd.Series | Floats, target: float) -> float:
    """Return x at which a probit regression of power, local to the target, reaches it."""
    x, p = np.asarray(x, dtype=float), np.asarray(power, dtype=float)
    known = np.isfinite(p)
    x, p = x[known], p[known]
    if not len(p) or p.max() < target or (p.min() >= target and x.min() == x.max()):
        return math.nan
    inner = np.clip(p, 0.001, 0.999)
    probit, goal = stats.norm.ppf(inner), float(stats.norm.ppf(target))
    # Variance of a probit by the delta method; points far from the target say little about it.
    weight = stats.norm.pdf(probit) ** 2 / (inner * (1 - inner)) * np.exp(-((probit - goal) ** 2))
    weight[(p <= 0.001) | (p >= 0.999)] = 1e-9
    slope, intercept = np.polyfit(x, probit, 1, w=np.sqrt(weight))
    return float((goal - intercept) / slope) if slope > 0 else math.nan


def _replication_task(
    design: Design,
    rng: np.random.Generator,
    *,
    simulations: int,
    alpha: float,
    powers: tuple[float, ...],
    start: int,
    most: int = 20_000,
) -> list[float]:
    """Return per power the n that reaches it at the smallest effect of interest."""
    slope, level = slope_for(design), alpha / design.tests
    critical = float(stats.norm.isf(level / 2))

    def power(n: int, size: int = simulations) -> float:
        exact = _exact_at(design, n, slope, level)
        if exact is not None:
            return exact.power
        return float((p_values(design, simulate(design, slope, n, size, rng)) < level).mean())

    def needed(target: float, n: int) -> float:
        # The deviate that has to be expected for a power grows with the square root of n.
        wanted = critical + float(stats.norm.ppf(target))
        for _ in range(6):
            reached = float(np.clip(power(n), 0.07, 0.995))
            factor = (wanted / (critical + float(stats.norm.ppf(reached)))) ** 2
            n = int(np.clip(round(n * min(factor, 8.0)), 10, most))
            if n >= most:
                return math.nan
            if abs(reached - target) < 0.05:
                break
        if _exact_at(design, n, slope, level) is not None:
            # Power rises in a saw-tooth: the first n from which on it stays there for a while.
            first, last = max(10, int(0.9 * n)), int(1.1 * n) + 9
            short = (k for k in range(last, first - 1, -1) if power(k) < target)
            return float(next(short, first - 1) + 1)
        sizes = sorted({max(10, round(n * factor)) for factor in (0.9, 1.0, 1.1)})
        found = np.array([power(size, 4 * simulations) for size in sizes])
        root = _probit_inverse(np.sqrt(sizes), found, target)
        # To tens: the digit after that is not certain.
        return 10 * math.ceil(root**2 / 10) if math.isfinite(root) else math.nan

    return [needed(target, start) for target in powers]


def replication_table(
    designs: Mapping[str, Design],
    *,
    powers: Iterable[float],
    simulations: int,
    alpha: float,
    start: int,
    run: Runner,
) -> pd.DataFrame:
    """Return the number of respondents that a replication would need, under correction.

    Args:
        designs: by hypothesis id.
        powers: power to be reached at the smallest effect size of interest.
        simulations: samples per tried size.
        alpha: level of the family; each of its m tests is at alpha / m.
        start: first size to try.
        run: as in `power_table`.

    Returns:
        One row per design: hypothesis, effect (words), value (smallest effect of interest), and
        n_POWER for each power in per cent; NaN above 20,000. For trend tests the exact number; else
        from a probit regression of simulated power on the square root of n, rounded up to tens.
    """
    distinct, goals = distinct_designs(designs), tuple(powers)
    task = partial(
        _replication_task, simulations=simulations, alpha=alpha, powers=goals, start=start
    )
    found = run(task, list(distinct))
    return pd.DataFrame(
        {
            "hypothesis": ", ".join(names),
            "effect": design.measure.name,
            "value": design.smallest,
            **{f"n_{round(100 * goal)}": n for goal, n in zip(goals, sizes, strict=True)},
        }
        for (design, names), sizes in zip(distinct.items(), found, strict=True)
    )


def respondents_needed(replication: pd.DataFrame, hypotheses: Iterable[str], power: float) -> float:
    """Return the respondents with which each of several hypotheses would be found with that power.

    Args:
        replication: of `replication_table`.
        hypotheses: their ids.
        power: one of the powers of the table.

    Returns:
        The largest number of the hypotheses' rows; NaN where one of them is above the table's end.
    """
    wanted = set(hypotheses)
    rows = [bool(wanted & set(ids.split(", "))) for ids in replication["hypothesis"]]
    return float(replication.loc[rows, f"n_{round(100 * power)}"].max(skipna=False))


def trend_power(
    predictor: Margin,
    *,
    sizes: Iterable[int],
    prevalences: Iterable[float],
    odds_ratios: Iterable[float],
    simulations: int,
    alpha: float,
    run: Runner,
    tests: int = 1,
) -> pd.DataFrame:
    """Return the power of the exact trend test over prevalences and odds ratios per step.

    Args:
        predictor: how its levels are used.
        sizes, prevalences, odds_ratios: the grid.
        simulations: samples per cell where more than 1,000 respondents rule out enumeration.
        alpha: level of the family.
        run: as in `power_table`.
        tests: hypotheses that are corrected together.

    Returns:
        Columns n, prevalence, odds_ratio, power (at alpha / tests), power_uncorrected (at alpha)
        and se (Monte Carlo standard error, 0 where exact).
    """
    cells = [(int(n), p) for n in sizes for p in prevalences]
    ratios = tuple(odds_ratios)
    tasks: list[Task] = []
    for n, prevalence in cells:
        outcome = Margin((1 - prevalence, prevalence), (0.0, 1.0))
        design = Design("trend_permutation", "odds_ratio", math.e, outcome, predictor, tests=tests)
        tasks.append((design, n, tuple(math.log(ratio) for ratio in ratios)))
    found = run(partial(_power_task, simulations=simulations, alpha=alpha, errors=False), tasks)
    return pd.DataFrame(
        {
            "n": n,
            "prevalence": prevalence,
            "odds_ratio": ratio,
            "power": point.power,
            "power_uncorrected": point.power_uncorrected,
            "se": point.se,
        }
        for (n, prevalence), points in zip(cells, found, strict=True)
        for ratio, point in zip(ratios, points, strict=True)
    )


def design_summary(
    designs: Mapping[str, Design], power: pd.DataFrame, found: pd.DataFrame
) -> pd.DataFrame:
    """Join what the design shows per hypothesis into one table.

    Args:
        designs: by hypothesis id.
        power: of `power_table` at one n, with the multiple 1 among the effects.
        found: of `detectable`.

    Returns:
        One row per hypothesis id: hypothesis, test, effect (words), smallest (effect of interest),
        power, power_uncorrected and se at it, detectable and detectable_uncorrected (effect size
        with the target power), type_s, type_m at the smallest effect of interest.
    """
    at_one = power[np.isclose(power["effect"], 1.0)].set_index("hypothesis")
    multiples = found.set_index("hypothesis")
    rows = []
    for design, names in distinct_designs(designs).items():
        key = ", ".join(names)
        line = at_one.loc[key, ["power", "power_uncorrected", "se", *_ERRORS]].to_dict()
        for suffix in ("", "_uncorrected"):
            multiple = float(multiples[f"multiple{suffix}"][key])
            distance = multiple * design.smallest_distance
            line[f"detectable{suffix}"] = design.measure.at(distance)
        test = TESTS[design.test]
        named = {
            "test": test.on_tables_label or test.label,
            "effect": design.measure.name,
            "smallest": design.smallest,
        }
        rows += [{"hypothesis": name, **named, **line} for name in names]
    order = {name: at for at, name in enumerate(designs)}
    return (
        pd.DataFrame(rows)
        .sort_values("hypothesis", key=lambda s: s.map(order))
        .reset_index(drop=True)
    )


def named(table: pd.DataFrame, plan: AnalysisPlan) -> pd.DataFrame:
    """Return a table whose hypotheses have their names, since "E1" alone tells a reader nothing.

    Args:
        table: its column hypothesis holds ids, several separated by commas.
        plan: the analysis plan.
    """
    names = {entry.id: f"{entry.id} {entry.label}" for entry in plan.hypotheses}
    return table.assign(
        hypothesis=["; ".join(names[one] for one in ids.split(", ")) for ids in table["hypothesis"]]
    )


def design_labels(designs: Mapping[str, Design], plan: AnalysisPlan) -> dict[str, str]:
    """Return for each joined id in a table of this module a label with the first hypothesis."""
    labels = {}
    for names in distinct_designs(designs).values():
        also = f" (also {', '.join(names[1:])})" if len(names) > 1 else ""
        labels[", ".join(names)] = f"{names[0]} {plan.hypothesis(names[0]).label}{also}"
    return labels


def at_cell(grid: pd.DataFrame, n: int, cell: GridCell, column: str = "power") -> float:
    """Return the power in the cell of the grid that is nearest to `cell`, at `n`."""
    part = grid[grid["n"] == n]
    far = (np.log(part["odds_ratio"]) - math.log(cell.odds_ratio)).abs() + (
        special.logit(part["prevalence"]) - float(special.logit(cell.prevalence))
    ).abs()
    return float(part[column].iloc[int(far.to_numpy().argmin())])


def power_curves(
    curves: pd.DataFrame, at_n: pd.DataFrame, multiples: Sequence[float]
) -> pd.DataFrame:
    """Return power over sample sizes with the points at one of them taken from another table.

    So that one quantity has one number in figures and tables.

    Args:
        curves: of `power_table` at several sizes.
        at_n: of `power_table` at one more size, for `multiples` and perhaps other effects.
        multiples: effects of the curves.
    """
    shown = at_n[at_n["effect"].isin(list(multiples))]
    order = list(dict.fromkeys(curves["hypothesis"]))
    joined = pd.concat([curves, shown], ignore_index=True)
    place = joined["hypothesis"].map(order.index)
    return joined.iloc[np.lexsort((joined["effect"], joined["n"], place))].reset_index(drop=True)


def error_curves(power: pd.DataFrame, most: int = 6, largest: float = 2.0) -> pd.DataFrame:
    """Return the rows of a power table that `draw_error_rates` can show.

    Designs whose effect has a sign, with power that is at least 1 % so that some results are
    significant, for effects up to `largest` times the smallest of interest; the first `most`
    designs, which is what a figure can tell apart.
    """
    shown = power["type_s"].notna() & (power["power"] >= 0.01) & (power["effect"] <= largest)
    part = power[shown]
    names = list(dict.fromkeys(part["hypothesis"]))[:most]
    return part[part["hypothesis"].isin(names)].reset_index(drop=True)
