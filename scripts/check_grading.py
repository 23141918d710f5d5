"""Simulate how often the claim ledger gives each grade, with and without effects.

Writes data/simulation/grades.csv, which notebook 06 reads. Takes some minutes; run it after a
change of the checks in data/claims.yml, of the plan or of the specifications:

    python scripts/check_grading.py [--simulations N]

Samples are drawn from the shipped answers: whoever answered gives a block of outcomes and, drawn
apart from it, a block of predictors, so that nothing goes with anything. To make effects of the
smallest size of interest, pairs of blocks are drawn with weights that rise with the product of the
standardised outcome and predictor, over all hypotheses of the claim that have an order, until their
effects are that size on average. Answers within a block stay together as they are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from mlsec_survey.analysis import hypotheses as hyp  # noqa: E402
from mlsec_survey.analysis import measurement, multiverse, null_results  # noqa: E402
from mlsec_survey.base.files import write_whole  # noqa: E402
from mlsec_survey.base.randomness import generator  # noqa: E402
from mlsec_survey.base.text_safety import safe_csv  # noqa: E402
from mlsec_survey.instrument.codebook import Codebook  # noqa: E402
from mlsec_survey.instrument.codebook_file import load_codebook  # noqa: E402
from mlsec_survey.instrument.plan import AnalysisPlan, Hypothesis, load_plan  # noqa: E402
from mlsec_survey.parallel import tasks  # noqa: E402
from mlsec_survey.responses.exclusions import apply_exclusions  # noqa: E402
from mlsec_survey.responses.missing import missing_kinds  # noqa: E402
from mlsec_survey.responses.quality import quality_flags  # noqa: E402
from mlsec_survey.responses.readers import read_export  # noqa: E402
from mlsec_survey.responses.recode import recode  # noqa: E402
from mlsec_survey.responses.scales import derive_scales  # noqa: E402
from mlsec_survey.stats.effects import EFFECTS  # noqa: E402
from mlsec_survey.study.claims import Claim, Ledger, load_claims  # noqa: E402
from mlsec_survey.study.literature import load_facts  # noqa: E402

SEED = 20230308
RESAMPLES = 399
TARGET = ROOT / "data" / "simulation" / "grades.csv"
COLUMNS = ["claim", "truth", "grade", "count", "simulations", "checks_simulated", "seed"]
# Start of the keys that notebooks 04 and 05 publish, by claim.
KEYS = {"exposure": "exposure_null", "defences": "defences", "perception": "knowledge"}
TRUTHS = ("nothing is there", "effects of the smallest size of interest")


@dataclass(frozen=True)
class Study:
    """What the samples are drawn from and judged by."""

    codebook: Codebook
    plan: AnalysisPlan
    choices: multiverse.Specifications
    ledger: Ledger
    responses: pd.DataFrame
    missing: pd.DataFrame


@dataclass(frozen=True)
class Condition:
    """One claim under one truth: its hypotheses, what travels with their outcomes, and the link."""

    key: str
    claim: Claim
    truth: str
    entries: Sequence[Hypothesis]
    moved: Sequence[str]
    weights: np.ndarray


def the_study() -> Study:
    """Return the shipped answers with all that judges them."""
    codebook = load_codebook(ROOT / "data/codebook.yml")
    kept, _ = apply_exclusions(read_export(ROOT / "data/raw/standin.csv", codebook), codebook)
    missing = missing_kinds(kept, codebook)
    responses = derive_scales(recode(kept, codebook, missing), missing, codebook)
    choices = multiverse.load_specifications(ROOT / "data/specifications.yml", codebook)
    # Nobody that was excluded is drawn, so that choices which lift an exclusion change nothing.
    planned = tuple(entry for entry in choices.exclusions if not entry.lift)
    return Study(
        codebook,
        load_plan(ROOT / "data/analysis_plan.yml", codebook),
        choices.model_copy(update={"exclusions": planned}),
        load_claims(ROOT / "data/claims.yml", load_facts(ROOT / "data/published/facts.csv")),
        responses.join(quality_flags(responses, codebook)),
        missing,
    )


def outcome_columns(study: Study, entries: Sequence[Hypothesis]) -> list[str]:
    """Return the columns that travel with the outcomes: their items, parts and other measures."""
    names = {entry.outcome for entry in entries}
    for name in list(names):
        names |= set(study.choices.measures.get(name, ()))
    items = {study.codebook.variable(name).item.id for name in names}
    columns = [
        variable.name
        for variable in study.codebook.variables()
        if variable.name in names or variable.item.id in items
    ]
    return list(dict.fromkeys(columns))


def standardised(values: pd.Series) -> np.ndarray:
    """Return standard scores, 0 where an answer is missing."""
    numbers = values.astype("float64")
    return ((numbers - numbers.mean()) / numbers.std()).fillna(0.0).to_numpy()


def pair_scores(study: Study, entries: Sequence[Hypothesis], data: pd.DataFrame) -> np.ndarray:
    """Return how much each pair of an outcome and a predictor block speaks for the effects."""
    scores = np.zeros((len(data), len(data)))
    for entry in entries:
        if not study.codebook.variable(entry.predictor).is_ordered:
            continue
        sign = -1.0 if entry.direction == "negative" else 1.0
        outcome, predictor = data[entry.outcome], data[entry.predictor]
        scores += sign * np.outer(standardised(outcome), standardised(predictor))
    return scores


def weights_of(scores: np.ndarray, strength: float) -> np.ndarray:
    """Return the chance of each pair of blocks to be drawn, for a strength of the link."""
    weights = np.exp(strength * scores - (strength * scores).max())
    return (weights / weights.sum()).ravel()


def mean_multiple(study: Study, entries: Sequence[Hypothesis], data: pd.DataFrame) -> float:
    """Return the mean effect in multiples of the smallest one of interest, on a large sample."""
    multiples = []
    for entry in entries:
        if not study.codebook.variable(entry.predictor).is_ordered:
            continue
        result = hyp.run_hypothesis(entry, data, study.codebook, resamples=0)
        effect = EFFECTS[entry.sesoi.effect]
        assert effect.scale is not None
        to = effect.scale.forward
        sign = -1.0 if entry.direction == "negative" else 1.0
        distance = to(result.estimate) - to(effect.null)
        multiples.append(sign * distance / (to(entry.sesoi.value) - to(effect.null)))
    return float(np.mean(multiples))


def strength_for(study: Study, entries: Sequence[Hypothesis], data: pd.DataFrame) -> float:
    """Return the strength of the link that makes effects as large as is of interest."""
    scores = pair_scores(study, entries, data)
    outcomes = [name for name in data if name in {entry.outcome for entry in entries}]
    low, high = 0.0, 2.0
    for _ in range(9):
        middle = (low + high) / 2
        rng = generator(SEED, "strength")
        drawn = rng.choice(scores.size, 4000, p=weights_of(scores, middle))
        rows, columns = np.unravel_index(drawn, scores.shape)
        large = data.iloc[columns].reset_index(drop=True)
        large[outcomes] = data[outcomes].iloc[rows].to_numpy()
        reached = mean_multiple(study, entries, large.astype("float64", errors="ignore"))
        low, high = (low, middle) if reached > 1 else (middle, high)
    return (low + high) / 2


def sample(
    study: Study, moved: Sequence[str], weights: np.ndarray, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw responses and kinds of missing answer: predictors of one, outcomes of another."""
    n = len(study.responses)
    rows, columns = np.unravel_index(rng.choice(n * n, n, p=weights), (n, n))
    drawn = []
    for table in (study.responses, study.missing):
        whole = table.iloc[columns].reset_index(drop=True)
        for name in (name for name in moved if name in table):
            whole[name] = table[name].iloc[rows].reset_index(drop=True)
        drawn.append(whole.assign(respondent_id=np.arange(1, n + 1)))
    return drawn[0], drawn[1]


def numbers_of(
    study: Study, key: str, entries: Sequence[Hypothesis], responses: pd.DataFrame,
    missing: pd.DataFrame, seed: int,
) -> dict[str, float]:  # fmt: skip
    """Return the numbers that the checks of a claim read, for one sample."""
    plan, codebook = study.plan, study.codebook
    families = {entry.family for entry in entries}
    own = plan.model_copy(update={"hypotheses": tuple(entries), "joint_models": (),
        "families": tuple(f for f in plan.families if f.id in families)})  # fmt: skip
    data = hyp.analysis_data(responses, codebook, hyp.plan_variables(own))
    results = hyp.run_plan(own, data, codebook, kind="confirmatory", seed=seed, resamples=RESAMPLES)
    found = {f"{key}_found": hyp.found_among(entries, results, alpha=plan.alpha)}
    if grids := measurement.grids_of(entries, codebook):
        measured = measurement.measure(responses, grids)
        distinct = measurement.counted_once(
            key, entries, results, measured, key, alpha=plan.alpha, confidence=plan.confidence
        )
        found |= dict(zip(distinct["key"], distinct["value"], strict=True))
    if key == "exposure":
        readings = null_results.null_readings(entries, results, data, codebook, alpha=plan.alpha)
        found["exposure_open"] = null_results.left_open(entries, readings, alpha=plan.alpha)
    handling = hyp.missing_handling_table(
        own, data, responses, missing, codebook, seed=seed, resamples=0, imputations=5, iterations=3
    )
    held = hyp.handling_numbers(key, entries, handling, key).set_index("key")["value"]
    candidates = responses.assign(exclusion=pd.Categorical([None] * len(responses), ["partial"]))
    spaces = multiverse.specification_spaces(entries, candidates, missing, codebook, study.choices)
    shares = []
    for space in spaces:
        curve = multiverse.specification_curve(space)
        directed = space.directed and space.hypothesis.direction != "either"
        above = (curve["p"] < plan.alpha) & (space.sign * curve["estimate"] > 0)
        below = (curve["p"] < plan.alpha) & (space.sign * curve["estimate"] <= 0)
        shares.append(above.mean() if directed else max(above.mean(), below.mean()))
    found[f"{key}_specifications"] = float(max(shares)) if shares else float("nan")
    return found | {str(name): float(value) for name, value in held.items()}


def one_grade(
    part: tuple[str, int],
    rng: np.random.Generator,
    *,
    study: Study,
    conditions: dict[str, Condition],
) -> tuple[str, str, int]:
    """Grade one sample; returns the condition, the grade and the number of checks made."""
    name, number = part
    condition = conditions[name]
    responses, missing = sample(study, condition.moved, condition.weights, rng)
    numbers = numbers_of(study, condition.key, condition.entries, responses, missing, number)
    checks = [check for check in condition.claim.checks if check.number in numbers]
    own = {c.number for c in condition.claim.checks if c.number.startswith(f"{condition.key}_")}
    if own - set(numbers):
        raise SystemExit(f"{', '.join(sorted(own - set(numbers)))} is checked and not simulated")
    values = [numbers[check.number] for check in checks]
    outcomes = [
        check.holds(None if np.isnan(value) else value)
        for check, value in zip(checks, values, strict=True)
    ]
    return name, study.ledger.grade(outcomes).id, len(checks)


def all_conditions(study: Study) -> dict[str, Condition]:
    """Return what is simulated: each claim that rests on hypotheses, with and without effects."""
    found = {}
    data = hyp.analysis_data(study.responses, study.codebook)
    for key, claim_id in KEYS.items():
        claim = next(entry for entry in study.ledger.claims if entry.id == claim_id)
        entries = hyp.hypotheses_on(study.plan, claim.fact)
        moved, scores = outcome_columns(study, entries), pair_scores(study, entries, data)
        for truth, strength in zip(TRUTHS, (0.0, strength_for(study, entries, data)), strict=True):
            weights = weights_of(scores, strength)
            found[f"{key}, {truth}"] = Condition(key, claim, truth, entries, moved, weights)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Simulate and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--simulations", type=int, default=200)
    simulations = parser.parse_args(arguments).simulations
    study = the_study()
    conditions = all_conditions(study)
    found = tasks.run(
        partial(one_grade, study=study, conditions=conditions),
        [(name, number) for name in conditions for number in range(simulations)],
        seed=SEED,
        purpose="grading",
    )
    rows = []
    for name, condition in conditions.items():
        grades = [grade for of, grade, _ in found if of == name]
        checks = max(made for of, _, made in found if of == name)
        for grade in study.ledger.grades:
            if grade.when != "no_checks":
                count = grades.count(grade.id)
                start = [condition.claim.label, condition.truth, grade.label]
                rows.append([*start, count, len(grades), checks, SEED])
    write_whole(TARGET, safe_csv(COLUMNS, rows).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
