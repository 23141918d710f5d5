"""The analysis plan: every hypothesis with its test, as data checked against the codebook.

Adding a hypothesis is one entry in `data/analysis_plan.yml`; no code names one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints

from mlsec_survey.base.yaml_input import Entry, Location, Sequence, more, near, read_yaml, validate
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import Measure, Text
from mlsec_survey.instrument.variables import Variable

TestName = Literal[
    "trend_permutation",
    "contingency_permutation",
    "kruskal_permutation",
    "firth_logistic",
    "kendall_tau_b",
    "spearman",
    "brunner_munzel",
    "mann_whitney",
    "jonckheere",
    "proportional_odds",
    "negative_binomial",
    "quasi_poisson",
    "quasi_binomial",
    "poisson",
    "fisher_exact",
]
# How readers know them. The last two are no test of a plan: the specification curve runs them.
TEST_NAMES: Mapping[str, str] = {
    "trend_permutation": "Cochran–Armitage trend (permutation)",
    "contingency_permutation": "chi-square (permutation)",
    "kruskal_permutation": "Kruskal–Wallis (permutation)",
    "firth_logistic": "Firth logistic regression",
    "kendall_tau_b": "Kendall's tau-b",
    "spearman": "Spearman's rho",
    "brunner_munzel": "Brunner–Munzel",
    "mann_whitney": "Mann–Whitney",
    "jonckheere": "Jonckheere–Terpstra",
    "proportional_odds": "proportional odds",
    "negative_binomial": "negative-binomial regression",
    "quasi_poisson": "quasi-Poisson regression",
    "quasi_binomial": "quasi-binomial regression",
    "poisson": "Poisson regression",
    "fisher_exact": "Fisher's exact test",
    "linear_model": "linear regression",
    "rank_model": "regression on ranks",
}
EffectName = Literal[
    "odds_ratio", "cramers_v", "probability_of_superiority", "tau_b", "incidence_rate_ratio"
]
PlanId = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{0,7}$")]

_ORDERED: frozenset[Measure] = frozenset({"binary", "count", "interval", "ordinal"})
_GRADED: frozenset[Measure] = frozenset({"count", "interval", "ordinal"})
_GROUPS: frozenset[Measure] = frozenset({"binary", "ordinal", "nominal"})
_ANY: frozenset[Measure] = frozenset({"binary", "count", "interval", "ordinal", "nominal"})
_BINARY: frozenset[Measure] = frozenset({"binary"})
_COUNT: frozenset[Measure] = frozenset({"count"})

# Which outcomes and which predictors each test can take: one pair of sets per way to use it.
_FITS: dict[TestName, tuple[tuple[frozenset[Measure], frozenset[Measure]], ...]] = {
    "trend_permutation": ((_BINARY, _GRADED),),
    "contingency_permutation": ((_GROUPS, _GROUPS),),
    "kruskal_permutation": ((_ORDERED, _GROUPS),),
    "firth_logistic": ((_BINARY, _ANY),),
    "kendall_tau_b": ((_ORDERED, _ORDERED),),
    "spearman": ((_ORDERED, _ORDERED),),
    "brunner_munzel": ((_ORDERED, _BINARY), (_BINARY, _ORDERED)),
    "mann_whitney": ((_ORDERED, _BINARY), (_BINARY, _ORDERED)),
    "jonckheere": ((_ORDERED, frozenset({"ordinal", "count"})),),
    "proportional_odds": ((_GRADED, _ANY),),
    "negative_binomial": ((_COUNT, _ANY),),
    "quasi_poisson": ((_COUNT, _ANY),),
    "quasi_binomial": ((_COUNT | _BINARY, _ANY),),
    "poisson": ((_COUNT, _ANY),),
    "fisher_exact": ((_BINARY, _BINARY),),
}
_MODELS: dict[str, frozenset[Measure]] = {
    "firth_logistic": _BINARY,
    "proportional_odds": _GRADED,
    "negative_binomial": _COUNT,
    "quasi_poisson": _COUNT,
    "quasi_binomial": _COUNT | _BINARY,
    "poisson": _COUNT,
}


def test_fits(test: TestName, outcome: Measure, predictor: Measure, *, counted: bool) -> bool:
    """Tell whether a test can take two levels of measurement.

    `counted` says that the outcome, if a count, is one out of a known number, as a count scale is.
    """
    if not any(outcome in left and predictor in right for left, right in _FITS[test]):
        return False
    return not (test == "quasi_binomial" and outcome == "count" and not counted)


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

    effect: EffectName
    value: float
    reason: Text


class Hypothesis(Entry):
    """One statement about two variables, and how it is tested."""

    id: PlanId
    family: PlanId
    label: Text
    outcome: str
    predictor: str
    direction: Literal["either", "positive", "negative"]
    test: TestName
    alternatives: Sequence[TestName] = ()
    sesoi: SmallestEffect


class JointModel(Entry):
    """A model of one outcome on several predictors at once."""

    id: PlanId
    family: PlanId
    label: Text
    outcome: str
    predictors: Annotated[Sequence[str], Field(min_length=2)]
    model: Literal[
        "firth_logistic",
        "proportional_odds",
        "negative_binomial",
        "quasi_poisson",
        "quasi_binomial",
        "poisson",
    ]


class AnalysisPlan(Entry):
    """Everything that is tested; build it with `load_plan`."""

    version: Literal[1]
    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    note: Text
    families: Annotated[Sequence[Family], Field(min_length=1)]
    hypotheses: Annotated[Sequence[Hypothesis], Field(min_length=1)]
    joint_models: Sequence[JointModel] = ()

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
    usable = [name for name, variable in known.items() if not variable.is_text]
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
                    "free text cannot be tested"
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
        elif known[entry.outcome].measure not in _MODELS[entry.model]:
            yield (
                (*here, "model"),
                f"it does not fit the outcome {entry.outcome!r}, which is "
                f"{known[entry.outcome].measure}",
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
        test for test in get_args(TestName) if test_fits(test, outcome, predictor, counted=counted)
    ]
    tests: list[tuple[Location, TestName]] = [((*here, "test"), entry.test)]
    tests += [((*here, "alternatives", at), test) for at, test in enumerate(entry.alternatives)]
    seen: set[str] = set()
    for location, test in tests:
        if test in seen:
            yield location, "the test is named twice", test, "Name each test once."
        seen.add(test)
        if test not in possible:
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
    effect, value = entry.sesoi.effect, entry.sesoi.value
    allowed = {
        "odds_ratio": (1.0, float("inf"), "above 1 (state the odds ratio of an increase)"),
        "incidence_rate_ratio": (1.0, float("inf"), "above 1 (state the ratio of an increase)"),
        "cramers_v": (0.0, 1.0, "between 0 and 1"),
        "tau_b": (0.0, 1.0, "between 0 and 1"),
        "probability_of_superiority": (0.5, 1.0, "between 0.5 and 1"),
    }
    low, high, words = allowed[effect]
    if not low < value < high:
        yield (
            (*here, "sesoi", "value"),
            f"a smallest effect of interest given as {effect} must lie {words}",
            value,
            "State its size; the direction is given by `direction`.",
        )
