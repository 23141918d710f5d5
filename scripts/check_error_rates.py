"""Simulate whether the tests and intervals of the analysis plan hold what they promise.

Writes data/simulation/error_rates.csv, which notebook 05 reads. Takes some minutes; run it after a
change of a test, of the plan's tests, or of the assumptions of the design analysis:

    python scripts/check_error_rates.py [--simulations N] [--scheduler tcp://host:port]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from mlsec_survey.analysis import design_analysis  # noqa: E402
from mlsec_survey.analysis.design_analysis import Design, Margin  # noqa: E402
from mlsec_survey.instrument.codebook_file import load_codebook  # noqa: E402
from mlsec_survey.instrument.plan import load_plan  # noqa: E402
from mlsec_survey.parallel import tasks  # noqa: E402
from mlsec_survey.stats import error_rates, proportions  # noqa: E402
from mlsec_survey.stats.tests import TESTS  # noqa: E402
from mlsec_survey.study.literature import load_facts  # noqa: E402

SEED = 20230308
PREVALENCES = (0.02, 0.05, 0.1, 0.25, 0.5)
PERMUTATIONS = 499
# Shares of groups of very different sizes: each group smaller than the one before by this factor.
UNEVEN = 0.7
# Tests whose p-value on a table of counts is that of another test, or the one already checked.
NOT_ON_TABLES = ("negative_binomial", "poisson", "jonckheere", "trend_permutation")
TARGET = ROOT / "data" / "simulation" / "error_rates.csv"
COLUMNS = [
    "test", "method", "form", "quantity", "prevalence", "effect", "n", "nominal", "rate", "se",
    "simulations", "seed",
]  # fmt: skip


@dataclass(frozen=True)
class Condition:
    """One test on one kind of data.

    Attributes:
        design: test, margins and smallest effect of interest.
        prevalence: share of 1 in the binary variable; NaN if there is none.
        effect: multiple of the smallest effect of interest, 0 for the null hypothesis.
        as_used: run as notebook 04 does, with its interval; else the large-sample p alone.
    """

    design: Design
    prevalence: float
    effect: float
    as_used: bool


def main() -> int:
    """Simulate and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=3000, help="of each condition")
    parser.add_argument("--scheduler", help="address of a Dask scheduler")
    parser.add_argument("--workers", type=int, help="processes on this machine")
    options = parser.parse_args()
    codebook = load_codebook(ROOT / "data" / "codebook.yml")
    plan = load_plan(ROOT / "data" / "analysis_plan.yml", codebook)
    assumed = design_analysis.load_assumptions(ROOT / "data" / "design_assumptions.yml", codebook)
    n = int(load_facts(ROOT / "data" / "published" / "facts.csv").number("tifs2023.n"))
    designs = design_analysis.assumed_designs(plan, codebook, assumed)
    tests = {entry.id: entry.alternatives for entry in plan.of_kind("confirmatory")}
    conditions = list(dict.fromkeys(_conditions(designs, tests)))
    found = tasks.run(
        partial(_rates, n=n, simulations=options.simulations, alpha=plan.alpha),
        conditions,
        seed=SEED,
        purpose="error rates",
        scheduler=options.scheduler,
        workers=options.workers,
    )
    rows = [row for part in found for row in part]
    rows += _shares(n, plan.confidence)
    table = pd.DataFrame(rows, columns=COLUMNS)
    for name in ("rate", "se", "prevalence", "nominal"):
        table[name] = table[name].round(5)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(TARGET, index=False, lineterminator="\n")
    short = table[~error_rates.holds(table)]
    print(f"{len(table)} rates in {TARGET.relative_to(ROOT)}; {len(short)} fall short")
    if len(short):
        print(short.to_string(index=False))
    return 0


def _conditions(
    designs: Mapping[str, Design], alternatives: Mapping[str, Sequence[str]]
) -> list[Condition]:
    found = []
    for name, primary in designs.items():
        for prevalence, design in _at_prevalences(primary):
            for effect in (0.0, 1.0):
                found.append(Condition(design, prevalence, effect, as_used=True))
            for test in (design.test, *alternatives[name]):
                if test in NOT_ON_TABLES:
                    continue
                other = replace(design, test=test)
                found.append(Condition(other, prevalence, 0.0, as_used=False))
    # Last, so that one more condition changes none of the others' random numbers.
    for primary in designs.values():
        if not primary.predictor.ordered:
            for prevalence, design in _at_prevalences(_with_uneven_groups(primary)):
                found += [Condition(design, prevalence, effect, True) for effect in (0.0, 1.0)]
    return found


def _with_uneven_groups(design: Design) -> Design:
    sizes = UNEVEN ** np.arange(len(design.predictor.shares))
    shares = tuple((sizes / sizes.sum()).tolist())
    return replace(design, predictor=replace(design.predictor, shares=shares))


def _at_prevalences(design: Design) -> list[tuple[float, Design]]:
    """Return the design at each prevalence of its binary variable, if it has one."""
    if len(design.outcome.shares) == 2:
        return [(p, replace(design, outcome=_binary(design.outcome, p))) for p in PREVALENCES]
    if len(design.predictor.shares) == 2:
        return [(p, replace(design, predictor=_binary(design.predictor, p))) for p in PREVALENCES]
    return [(float("nan"), design)]


def _binary(margin: Margin, share: float) -> Margin:
    return replace(margin, shares=(1 - share, share))


def _rates(
    condition: Condition,
    rng: np.random.Generator,
    *,
    n: int,
    simulations: int,
    alpha: float,
) -> list[dict[str, object]]:
    design = condition.design
    test = TESTS[design.test].label
    row: dict[str, object] = {
        "test": design.test,
        "form": _form(design),
        "prevalence": condition.prevalence,
        "effect": condition.effect,
        "n": n,
        "seed": SEED,
    }
    if not condition.as_used:
        tables = design_analysis.simulate(design, 0.0, n, 10 * simulations, rng)
        rate, se = error_rates.share_with_error(design_analysis.p_values(design, tables) < alpha)
        label = f"{test}, large-sample p"
        error = {"quantity": "type I error", "nominal": alpha, "rate": rate, "se": se}
        return [row | error | {"method": label, "simulations": len(tables)}]
    slope = 0.0 if condition.effect == 0 else design_analysis.slope_for(design, condition.effect)
    true = design.measure.at(condition.effect * design.measure.distance(design.smallest))
    tables = design_analysis.simulate(design, slope, n, simulations, rng)
    x, y = design.predictor, design.outcome
    samples = [
        error_rates.respondents(table, x.values, y.values, ordered=x.ordered) for table in tables
    ]
    trials = None if y.limit is None else int(y.limit)
    run = partial(TESTS[design.test].run, rng=rng, resamples=PERMUTATIONS, trials=trials)
    rates = error_rates.procedure_rates(samples, run, true, alpha)
    row |= {"method": f"{test}{error_rates.AS_USED}", "simulations": simulations}
    (rate, se), found = rates["covered"], []
    found.append(row | {"quantity": "coverage", "nominal": 1 - alpha, "rate": rate, "se": se})
    if condition.effect == 0:
        rate, se = rates["rejected"]
        found.append(row | {"quantity": "type I error", "nominal": alpha, "rate": rate, "se": se})
    return found


def _form(design: Design) -> str:
    def words(margin: Margin) -> str:
        if len(margin.shares) == 2:
            return "two values"
        if margin.ordered:
            return f"{len(margin.shares)} levels"
        even = "" if max(margin.shares) < 1.5 * min(margin.shares) else "uneven "
        return f"{len(margin.shares)} {even}groups"

    return f"{words(design.outcome)} ~ {words(design.predictor)}"


def _shares(n: int, confidence: float) -> list[dict[str, object]]:
    """Return the exact coverage of the intervals for a share."""
    methods = {
        "Wilson interval": proportions.wilson,
        "Clopper–Pearson interval": proportions.clopper_pearson,
    }
    return [
        {
            "test": "share",
            "method": name,
            "form": "a share",
            "quantity": "coverage",
            "prevalence": share,
            "effect": 0.0,
            "n": n,
            "nominal": confidence,
            "rate": error_rates.exact_coverage(partial(interval, confidence=confidence), n, share),
            "se": 0.0,
            "simulations": 0,
            "seed": SEED,
        }
        for name, interval in methods.items()
        for share in PREVALENCES
    ]


if __name__ == "__main__":
    sys.exit(main())
