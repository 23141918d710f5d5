"""The claim ledger: what the publication states, what a run adds to it, what may be concluded.

`data/claims.yml` holds claims, checks and the rule of grading; this module reads it and joins it to
the published facts and to the numbers that the notebooks of a run published. No judgement about a
result stands in code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import Field, StringConstraints, model_validator

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.formatting import NOT_ESTIMABLE, SUPPRESSED, as_text
from mlsec_survey.base.yaml_input import Entry, Sequence, near, read_yaml, validate
from mlsec_survey.instrument.entries import Text
from mlsec_survey.responses.coding import NOT_CODED
from mlsec_survey.study.literature import HOW_KNOWN, PublishedFacts

if TYPE_CHECKING:
    import pandas as pd

Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
# What a grade asks of the checks, the strongest first.
When = Literal["all_hold", "some_hold", "none_holds", "any_open", "no_checks"]
_WHEN: tuple[When, ...] = get_args(When)
Bound = Annotated[float, Field(strict=False, allow_inf_nan=False)]

# What stands in place of a sentence that is not true of a run.
NOTHING = "nothing from this run"

BOUNDS = {"at_least": "≥", "at_most": "≤", "above": ">", "below": "<"}

# How `formatting.as_text` writes what a record cannot hold as a number.
_INFINITE = {"∞": float("inf"), "−∞": float("-inf")}


class Check(Entry):
    """One condition that a run meets or does not meet.

    Attributes:
        says: the condition in words.
        number: key of a published number.
        needed: whether what may be concluded would be false where this check does not hold.
        at_least, at_most, above, below: the bound; exactly one of them.
    """

    says: Text
    number: Key
    needed: bool = False
    at_least: Bound | None = None
    at_most: Bound | None = None
    above: Bound | None = None
    below: Bound | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> Check:
        if len(self._bounds()) != 1:
            raise ValueError(f"give exactly one of {', '.join(BOUNDS)}")
        return self

    def _bounds(self) -> dict[str, float]:
        values = {name: getattr(self, name) for name in BOUNDS}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def condition(self) -> str:
        """The bound as readers see it, such as "≥ 0.8", on one line."""
        ((name, value),) = self._bounds().items()
        return f"{BOUNDS[name]}\u00a0{value:g}"

    def holds(self, value: float | None) -> bool | None:
        """Return whether a value meets the bound; None where there is no value."""
        if value is None:
            return None
        ((name, bound),) = self._bounds().items()
        return {
            "at_least": value >= bound,
            "at_most": value <= bound,
            "above": value > bound,
            "below": value < bound,
        }[name]


class Grade(Entry):
    """One grade of strength, and when it applies."""

    id: Key
    label: Text
    when: When
    meaning: Text


class Claim(Entry):
    """One claim of the publication.

    Attributes:
        label: the claim in two or three words.
        claim: the claim in one sentence.
        fact: key of the published fact that states it.
        rests_on: the kind of evidence behind it.
        numbers: published numbers that a reader should see next to it.
        checks: what a run has to show.
        may, may_not: what may and what may not be concluded.
        regulator, audit, researcher: what follows for each; `audit` is a question.
        evidence: what an auditor would ask to see.
    """

    id: Key
    label: Text
    claim: Text
    fact: Text
    rests_on: Text
    numbers: Sequence[Key]
    checks: Sequence[Check]
    may: Text
    may_not: Text
    regulator: Text
    audit: Annotated[Text, StringConstraints(pattern=r"\?$")]
    evidence: Text
    researcher: Text


class Comparison(Entry):
    """A published count and the number of a run that counts the same."""

    fact: Text
    number: Key


class Ledger(Entry):
    """Claims, the rule by which a run is graded, and counts to compare."""

    version: Literal[1]
    rule: Text
    grades: Sequence[Grade]
    claims: Annotated[Sequence[Claim], Field(min_length=1)]
    comparisons: Sequence[Comparison]

    def grade(self, outcomes: Iterable[bool | None]) -> Grade:
        """Return the first grade that applies to the outcomes of a claim's checks."""
        met = list(outcomes)
        applies: dict[str, bool] = {
            "no_checks": not met,
            "any_open": None in met,
            "all_hold": all(met),
            "some_hold": any(met),
            "none_holds": not any(met),
        }
        return next(grade for grade in self.grades if applies[grade.when])


@dataclass(frozen=True)
class Number:
    """A number that a notebook published: as readers see it, and as a value if it has one."""

    key: str
    text: str
    value: float | None
    unit: str
    description: str
    notebook: str

    @property
    def with_unit(self) -> str:
        """Text and unit."""
        return f"{self.text} {self.unit}".strip()

    @property
    def is_text(self) -> bool:
        """Whether it was published as words, which no bound can be set to."""
        return self.value is None and self.text not in (NOT_ESTIMABLE, NOT_CODED, SUPPRESSED)


def load_claims(path: Path | str, facts: PublishedFacts) -> Ledger:
    """Read the ledger.

    Args:
        path: YAML file.
        facts: the published facts that claims and comparisons name.

    Raises:
        InputError: the file is malformed, a claim occurs twice, a fact does not exist, some outcome
            of checks has no grade, or what may be concluded rests on none of a claim's checks.
    """
    document = read_yaml(path)
    ledger = validate(document, Ledger)
    seen: set[str] = set()
    for position, claim in enumerate(ledger.claims):
        if claim.id in seen:
            raise document.error(
                ("claims", position, "id"),
                "this id occurs twice",
                value=claim.id,
                remedy="Give one of the two claims another id.",
            )
        if claim.checks and not any(check.needed for check in claim.checks):
            raise document.error(
                ("claims", position, "checks"),
                "no check is needed for what may be concluded",
                value=claim.may,
                remedy="Write needed: true at each check without which the sentence is false.",
            )
        seen.add(claim.id)
    named = [(("claims", at, "fact"), claim.fact) for at, claim in enumerate(ledger.claims)]
    named += [(("comparisons", at, "fact"), c.fact) for at, c in enumerate(ledger.comparisons)]
    for location, fact in named:
        if fact not in facts:
            raise document.error(
                location, "there is no such published fact", value=fact, remedy=near(fact, facts)
            )
    absent = {*_WHEN} - {grade.when for grade in ledger.grades}
    if absent:
        raise document.error(
            ("grades",),
            f"no grade applies when {sorted(absent)[0]}",
            remedy="Add a grade for each outcome.",
        )
    return ledger


def published_numbers(records: Iterable[Mapping[str, Any]]) -> dict[str, Number]:
    """Return the numbers of the notebooks' records by key."""
    return {
        key: Number(
            key,
            entry["text"],
            _value(entry["value"]),
            entry["unit"],
            entry["description"],
            record["notebook"],
        )
        for record in records
        for key, entry in sorted(record["numbers"].items())
    }


def _value(value: object) -> float | None:
    if isinstance(value, str):
        return _INFINITE.get(value)
    return float(value)  # type: ignore[arg-type]


def _number(numbers: Mapping[str, Number], key: str, place: str) -> Number:
    if key not in numbers:
        raise InputError(
            f"{place} names the number {key!r}, which no notebook of this run published",
            value=key,
            remedy=f"Publish it, or correct the key. {near(key, numbers)}",
        )
    return numbers[key]


def _checked(numbers: Mapping[str, Number], check: Check, claim: Claim) -> Number:
    number = _number(numbers, check.number, f"a check of the claim {claim.id!r}")
    if number.is_text:
        raise InputError(
            f"a check of the claim {claim.id!r} sets a bound to {number.key!r}, which was "
            "published as text",
            value=number.text,
            remedy="publish the number itself, or check another one",
        )
    return number


def check_table(ledger: Ledger, numbers: Mapping[str, Number]) -> pd.DataFrame:
    """Return every check with its outcome in the run.

    Returns:
        One row per check: claim (its label), check (in words), number (key), value (as text),
        condition, holds ("yes", "no" or "open").

    Raises:
        InputError: no notebook published a number that a check needs, or it is a text.
    """
    import pandas as pd

    rows = []
    for claim in ledger.claims:
        for check in claim.checks:
            number = _checked(numbers, check, claim)
            holds = check.holds(number.value)
            rows.append(
                {
                    "claim": claim.label,
                    "check": check.says,
                    "number": number.key,
                    "value": number.text,
                    "condition": check.condition,
                    "holds": "open" if holds is None else "yes" if holds else "no",
                }
            )
    columns = ["claim", "check", "number", "value", "condition", "holds"]
    return pd.DataFrame(rows, columns=columns)


def ledger_table(
    ledger: Ledger, facts: PublishedFacts, numbers: Mapping[str, Number]
) -> pd.DataFrame:
    """Return the claims with what this run adds to each.

    Returns:
        One row per claim: id, label, claim, known (how it is known), rests_on, this_run (its
        numbers as text), grade (id), strength ("in part (2 of 3 checks)"), may (the sentence, or
        that there is none where a check that it stands on does not hold), may_not.

    Raises:
        InputError: no notebook published a number that a claim names.
    """
    import pandas as pd

    rows = []
    for claim in ledger.claims:
        shown = [_number(numbers, key, f"the claim {claim.id!r}") for key in claim.numbers]
        outcomes = [check.holds(_checked(numbers, check, claim).value) for check in claim.checks]
        rows.append(
            {
                "id": claim.id,
                "label": claim.label,
                "claim": claim.claim,
                "known": HOW_KNOWN[facts.fact(claim.fact).how_known],
                "rests_on": claim.rests_on,
                "this_run": "; ".join(f"{n.description}: {n.with_unit}" for n in shown),
                "grade": ledger.grade(outcomes).id,
                "strength": strength(ledger.grade(outcomes), outcomes),
                "may": claim.may if may_be_concluded(claim, outcomes) else NOTHING,
                "may_not": claim.may_not,
            }
        )
    return pd.DataFrame(rows)


def may_be_concluded(claim: Claim, outcomes: list[bool | None]) -> bool:
    """Return whether the sentence of a claim is true of a run.

    Args:
        claim: its sentence stands on the checks that are needed for it; a claim without any check
            is an argument, which no run makes false.
        outcomes: of the claim's checks, in their order; None where one cannot be made.
    """
    return all(met for check, met in zip(claim.checks, outcomes, strict=True) if check.needed)


def strength(grade: Grade, outcomes: list[bool | None]) -> str:
    """Return a grade with the number of checks that hold, such as "in part (2 of 3 checks)"."""
    if not outcomes:
        return grade.label
    return f"{grade.label} ({sum(map(bool, outcomes))}\u00a0of\u00a0{len(outcomes)}\u00a0checks)"


def audience_table(ledger: Ledger) -> pd.DataFrame:
    """Return what follows from each claim: label, regulator, audit, evidence, researcher."""
    import pandas as pd

    names = ["label", "regulator", "audit", "evidence", "researcher"]
    return pd.DataFrame([{name: getattr(claim, name) for name in names} for claim in ledger.claims])


def grade_table(ledger: Ledger) -> pd.DataFrame:
    """Return the rule of grading in its order: label, when (in words), meaning."""
    import pandas as pd

    words: dict[When, str] = {
        "no_checks": "the claim has no checks",
        "any_open": "a check cannot be made",
        "all_hold": "all checks hold",
        "some_hold": "some checks hold",
        "none_holds": "no check holds",
    }
    return pd.DataFrame(
        [
            {"label": grade.label, "when": words[grade.when], "meaning": grade.meaning}
            for grade in ledger.grades
        ]
    )


def grading_rates(path: Path | str) -> pd.DataFrame:
    """Return how often each grade is given in simulated samples, for display.

    Args:
        path: data/simulation/grades.csv, as scripts/check_grading.py writes it.

    Returns:
        One row per claim and truth: claim, truth, open, in_part, carried, not_carried (shares of
        the simulated samples), simulations, checks_simulated.
    """
    import pandas as pd

    drawn = pd.read_csv(path)
    drawn["share"] = drawn["count"] / drawn["simulations"]
    drawn["grade"] = drawn["grade"].str.replace(" ", "_")
    by = ["claim", "truth", "simulations", "checks_simulated"]
    table = drawn.set_index([*by, "grade"])["share"].unstack("grade", sort=False).reset_index()
    return table.rename_axis(columns=None)


def comparison_table(
    ledger: Ledger, facts: PublishedFacts, numbers: Mapping[str, Number]
) -> pd.DataFrame:
    """Return published counts next to those of the run.

    Returns:
        One row per comparison: fact (in words), published (with unit), known (how it is known),
        source, this_run (text), same ("yes" or "no").

    Raises:
        InputError: a fact states no number, or no notebook published the other one.
    """
    import pandas as pd

    rows = []
    for comparison in ledger.comparisons:
        fact = facts.fact(comparison.fact)
        number = _number(numbers, comparison.number, f"the comparison with {fact.key!r}")
        rows.append(
            {
                "fact": fact.fact,
                "published": f"{as_text(fact.number, 0)} {fact.unit}",
                "known": HOW_KNOWN[fact.how_known],
                "source": fact.source,
                "this_run": number.with_unit,
                "same": "yes" if number.value == fact.number else "no",
            }
        )
    return pd.DataFrame(rows)


def describe_ledger(table: pd.DataFrame, ledger: Ledger) -> str:
    """Say how many claims got which grade, and which ones, from `ledger_table`."""
    parts = []
    for grade in sorted(ledger.grades, key=lambda grade: _WHEN.index(grade.when)):
        labels = list(table.loc[table["grade"] == grade.id, "label"])
        if labels:
            names = ", ".join(f"“{label}”" for label in labels)
            parts.append(f"{grade.label}: {len(labels)} ({names})")
    return f"of {len(table)} claims – {'; '.join(parts)}"


def describe_comparison(table: pd.DataFrame, *, synthetic: bool) -> str:
    """Say how many counts agree and what that means, from `comparison_table`."""
    same = int((table["same"] == "yes").sum())
    found = f"{same} of {len(table)} counts are the same as the published ones"
    if synthetic:
        return f"{found}; the stand-in was made to have the published counts, so that says nothing"
    return (
        f"{found}; agreement says that the analysis counts as the publication does, a difference "
        "calls for a look at exclusions and at the coding of free text"
    )
