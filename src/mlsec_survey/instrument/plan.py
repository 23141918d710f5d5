"""The analysis plan: every hypothesis with its test, as data checked against the codebook.

Adding a hypothesis is one entry in `data/analysis_plan.yml`; no code names one.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from mlsec_survey.base.formatting import percent_text
from mlsec_survey.base.yaml_input import Entry, Location, Sequence, more, near, read_yaml, validate
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import Text
from mlsec_survey.instrument.variables import Variable
from mlsec_survey.stats.effects import EFFECTS, EffectSize
from mlsec_survey.stats.tests import TESTS

PlanId = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{0,7}$")]


class Family(Entry):
    """Hypotheses that are tested, and adjusted for multiplicity, together."""

    id: PlanId
    label: Text
    kind: Literal["confirmatory", "exploratory"]
    adjust: Literal["holm", "benjamini_hochberg"]
    published: Text | None
    fact: Text | None


class SmallestEffect(Entry):
    """The smallest effect size of interest, and why it is that."""

    effect: str
    value: float
    reason: Text

    @property
    def measure(self) -> EffectSize:
        """The measure of effect that it is stated in."""
        return EFFECTS[self.effect]

    @property
    def bounds(self) -> tuple[float, float]:
        """The range of effects that are too small to be of interest."""
        return self.measure.too_small(self.value)


class Hypothesis(Entry):
    """One statement about two variables, and how it is tested."""

    id: PlanId
    family: PlanId
    label: Text
    outcome: str
    predictor: str
    direction: Literal["either", "positive", "negative"]
    test: str
    alternatives: Sequence[str] = ()
    sesoi: SmallestEffect


class JointModel(Entry):
    """A model of one outcome on several predictors at once."""

    id: PlanId
    family: PlanId
    label: Text
    outcome: str
    predictors: Annotated[Sequence[str], Field(min_length=2)]
    model: str


class AnalysisPlan(Entry):
    """Everything that is tested; build it with `load_plan`."""

    version: Literal[1]
    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    power: Annotated[float, Field(gt=0.5, lt=1)] = 0.8
    note: Text
    families: Annotated[Sequence[Family], Field(min_length=1)]
    hypotheses: Annotated[Sequence[Hypothesis], Field(min_length=1)]
    joint_models: Sequence[JointModel] = ()

    @property
    def level(self) -> str:
        """The level of confidence as readers see it, such as "95 %"."""
        return percent_text(self.confidence, 0 if self.confidence * 100 % 1 == 0 else 1)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content; comments, layout and the order of keys do not change it."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()

    def family(self, family_id: str) -> Family:
        """Return the family with this id; KeyError names near matches."""
        for family in self.families:
            if family.id == family_id:
                return family
        known = [family.id for family in self.families]
        raise KeyError(f"no family {family_id!r}. {near(family_id, known)}")

    def hypothesis(self, hypothesis_id: str) -> Hypothesis:
        """Return the hypothesis with this id; KeyError names near matches."""
        for hypothesis in self.hypotheses:
            if hypothesis.id == hypothesis_id:
                return hypothesis
        known = [hypothesis.id for hypothesis in self.hypotheses]
        raise KeyError(f"no hypothesis {hypothesis_id!r}. {near(hypothesis_id, known)}")

    def of_family(self, family_id: str) -> tuple[Hypothesis, ...]:
        """Return the hypotheses of one family, in the order of the plan."""
        return tuple(entry for entry in self.hypotheses if entry.family == family_id)

    def of_kind(self, kind: Literal["confirmatory", "exploratory"]) -> tuple[Hypothesis, ...]:
        """Return the hypotheses of all families of one kind, in the order of the plan."""
        families = {family.id for family in self.families if family.kind == kind}
        return tuple(entry for entry in self.hypotheses if entry.family in families)


def load_plan(path: Path | str, codebook: Codebook) -> AnalysisPlan:
    """Read an analysis plan and check it against the codebook.

    Args:
        path: YAML file in the layout of `data/analysis_plan.yml`.
        codebook: defines the variables and scales that the plan may name.

    Raises:
        InputError: an entry has the wrong shape, repeats an id, names an unknown variable, family
            or test, or a test does not fit what it is to be used on.
    """
    document = read_yaml(Path(path))
    plan = validate(document, AnalysisPlan)
    problems = list(_problems(plan, codebook))
    if problems:
        location, problem, value, remedy = problems[0]
        raise document.error(
            location, problem + more(len(problems) - 1), value=value, remedy=remedy
        )
    return plan


Problem = tuple[Location, str, object, str | None]


def _problems(plan: AnalysisPlan, codebook: Codebook) -> Iterator[Problem]:
    families = {family.id: family for family in plan.families}
    known = {variable.name: variable for variable in codebook.variables()}
    usable = [name for name, variable in known.items() if variable.is_measured]
    seen: set[str] = set()
    entries: list[tuple[Location, Family | Hypothesis | JointModel]] = [
        *((("families", at), family) for at, family in enumerate(plan.families)),
        *((("hypotheses", at), entry) for at, entry in enumerate(plan.hypotheses)),
        *((("joint_models", at), entry) for at, entry in enumerate(plan.joint_models)),
    ]
    if not plan.of_kind("confirmatory"):
        yield (
            ("hypotheses",),
            "no hypothesis is confirmatory",
            None,
            "Predict something in advance, or there is nothing whose power or robustness to study.",
        )
    for here, entry in entries:
        if entry.id in seen:
            yield (*here, "id"), "the id is already used", entry.id, "Every id must be unique."
        seen.add(entry.id)
        if isinstance(entry, Family):
            if not any(hypothesis.family == entry.id for hypothesis in plan.hypotheses):
                yield here, "the family has no hypothesis", entry.id, "Remove it, or add one."
            if (entry.kind == "exploratory") != (entry.adjust == "benjamini_hochberg"):
                yield (
                    (*here, "adjust"),
                    f"{entry.kind} families are not adjusted this way",
                    entry.adjust,
                    "Use holm for confirmatory and benjamini_hochberg for exploratory families.",
                )
            continue
        if entry.family not in families:
            yield (
                (*here, "family"),
                "there is no such family",
                entry.family,
                near(entry.family, families),
            )
        named: list[tuple[Location, str]] = [((*here, "outcome"), entry.outcome)]
        if isinstance(entry, Hypothesis):
            named.append(((*here, "predictor"), entry.predictor))
        else:
            named += [((*here, "predictors", at), name) for at, name in enumerate(entry.predictors)]
        unknown = False
        for location, name in named:
            if name not in usable:
                unknown = True
                yield (
                    location,
                    "free text and dates cannot be tested"
                    if name in known
                    else "the codebook has no such variable or scale",
                    name,
                    near(name, usable),
                )
        names = [name for _, name in named]
        if len(set(names)) < len(names):
            yield here, "a variable is named twice", None, "Name each variable once."
        if unknown:
            continue
        if isinstance(entry, Hypothesis):
            yield from _fit_problems(entry, known, here)
            yield from _effect_problems(entry, here)
        else:
            yield from _model_problems(entry, known, here)


def _model_problems(
    entry: JointModel, known: Mapping[str, Variable], here: Location
) -> Iterator[Problem]:
    outcome = known[entry.outcome].measure
    models = [key for key, test in TESTS.items() if test.model is not None]
    if entry.model not in models:
        yield (*here, "model"), "there is no such model", entry.model, near(entry.model, models)
    elif not TESTS[entry.model].takes_outcome(outcome):
        yield (
            (*here, "model"),
            f"it does not fit the outcome {entry.outcome!r}, which is {outcome}",
            entry.model,
            "Choose another model.",
        )


def _fit_problems(
    entry: Hypothesis, known: Mapping[str, Variable], here: Location
) -> Iterator[Problem]:
    outcome, predictor = known[entry.outcome].measure, known[entry.predictor].measure

    # A binomial count needs a known number of trials.
    counted = outcome != "count" or known[entry.outcome].largest_count is not None

    possible = [
        key for key, test in TESTS.items() if test.takes(outcome, predictor, counted=counted)
    ]
    tests: list[tuple[Location, str]] = [((*here, "test"), entry.test)]
    tests += [((*here, "alternatives", at), test) for at, test in enumerate(entry.alternatives)]
    seen: set[str] = set()
    for location, test in tests:
        if test in seen:
            yield location, "the test is named twice", test, "Name each test once."
        seen.add(test)
        if test not in TESTS:
            yield location, "there is no such test", test, near(test, TESTS)
        elif test not in possible:
            yield (
                location,
                f"the test does not fit the outcome {entry.outcome!r} ({outcome}) and the "
                f"predictor {entry.predictor!r} ({predictor})",
                test,
                f"Tests that fit: {', '.join(possible)}.",
            )
    if predictor == "nominal" and entry.direction != "either":
        yield (
            (*here, "direction"),
            f"the predictor {entry.predictor!r} has no order, so the effect has no direction",
            entry.direction,
            "Set direction to either.",
        )


def _effect_problems(entry: Hypothesis, here: Location) -> Iterator[Problem]:
    key, value = entry.sesoi.effect, entry.sesoi.value
    usable = [name for name, effect in EFFECTS.items() if effect.on_tables is not None]
    if key not in usable:
        yield (*here, "sesoi", "effect"), "there is no such effect size", key, near(key, usable)
        return
    effect = EFFECTS[key]
    if not effect.null < value < effect.high:
        upper = "" if math.isinf(effect.high) else f" and below {effect.high:g}"
        yield (
            (*here, "sesoi", "value"),
            f"a smallest effect of interest given as {key} must lie above {effect.null:g}{upper}",
            value,
            "State the size of an increase; the direction is given by `direction`.",
        )
