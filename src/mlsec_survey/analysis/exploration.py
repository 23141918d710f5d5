"""Any item by any grouping: counts, shares and intervals of what a reader chooses to look at.

The explorer among the pages and notebook 08 rest on the same functions. Looking is not testing:
whoever looks at many tables sees differences that are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import ANSWERED
from mlsec_survey.instrument.plan import AnalysisPlan, Hypothesis
from mlsec_survey.instrument.variables import Variable
from mlsec_survey.stats.proportions import wilson
from mlsec_survey.stats.result import TestResult
from mlsec_survey.stats.tests import TESTS, Test

# More values than this make no table.
_MOST = 12
_NOT_ABOUT_PEOPLE = frozenset({"paradata", "screening"})
_NO_VALUE = "no value"
EVERYBODY = "All respondents"
Denominator = Literal["answered", "all"]


@dataclass(frozen=True, slots=True)
class ListedAnswers:
    """The answers to one variable as positions in a list of what can be answered.

    Attributes:
        name, label, construct: of the variable.
        answers: labels of the response options, then of the kinds of missing answer.
        kinds: of the same length: "answered", or the kind of missing.
        codes: one position per respondent.
    """

    name: str
    label: str
    construct: str
    answers: tuple[str, ...]
    kinds: tuple[str, ...]
    # Not in the representation, which a saved notebook can hold.
    codes: NDArray[np.int64] = field(repr=False)

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Which answers are substantive."""
        return np.array([kind == ANSWERED for kind in self.kinds])

    @property
    def varies(self) -> bool:
        """Whether at least two substantive answers occur."""
        return len(set(self.codes[self.answered[self.codes]])) > 1


def listed_answers(
    variable: Variable, responses: pd.DataFrame, missing: pd.DataFrame, codebook: Codebook
) -> ListedAnswers | None:
    """Return a variable's answers in the order of its options, with the missing ones by kind.

    Args:
        variable: of the codebook.
        responses: recoded responses.
        missing: kinds of missing answer of the same responses.
        codebook: labels of the kinds of missing.

    Returns:
        The answers; None where they cannot be listed (free text, many numbers).
    """
    values = responses[variable.name]
    if variable.is_text:
        return None
    labels: dict[object, str]
    if variable.options:
        labels = {}
        for option in variable.options:
            # Options that count as the same value are one answer.
            labels[option.value] = (
                f"{labels[option.value]} / {option.label}"
                if option.value in labels
                else option.label
            )
    elif variable.measure == "binary":
        labels = {0.0: "no", 1.0: "yes"}
    elif variable.measure == "count" and 0 < len(variable.levels) <= _MOST:
        labels = {level: f"{level:g}" for level in variable.levels}
    else:
        return None
    kinds: dict[str, str]
    if variable.derived is None:
        kinds = {kind: entry.label for kind, entry in codebook.missing.items()}
        absent = missing[variable.name].astype(object)
    else:
        kinds = {_NO_VALUE: _NO_VALUE.capitalize()}
        absent = pd.Series(_NO_VALUE, index=values.index, dtype=object)
    places = {value: at for at, value in enumerate(labels)}
    codes = values.astype(object).map(places).astype("Float64").to_numpy(dtype=float, na_value=-1)
    for at, kind in enumerate(kinds, start=len(labels)):
        codes[(codes < 0) & (absent == kind).to_numpy()] = at
    occurring = [kind for at, kind in enumerate(kinds, start=len(labels)) if (codes == at).any()]
    kept = [*range(len(labels)), *(len(labels) + list(kinds).index(kind) for kind in occurring)]
    return ListedAnswers(
        variable.name,
        variable.label,
        variable.construct,
        (*labels.values(), *(kinds[kind] for kind in occurring)),
        (*(ANSWERED for _ in labels), *occurring),
        np.searchsorted(kept, codes).astype(np.int64),
    )


def explorable(
    responses: pd.DataFrame, missing: pd.DataFrame, codebook: Codebook
) -> tuple[ListedAnswers, ...]:
    """Return every variable that a table can show and that varies, in the codebook's order."""
    found = [
        listed_answers(variable, responses, missing, codebook)
        for variable in codebook.variables()
        if variable.construct not in _NOT_ABOUT_PEOPLE
    ]
    return tuple(entry for entry in found if entry is not None and entry.varies)


def groupings(items: Sequence[ListedAnswers], codebook: Codebook) -> tuple[ListedAnswers, ...]:
    """Return those of `items` by which respondents can be grouped: questions that stand alone.

    These are single items and 0/1 scales; rows of a grid would be one grouping per row.
    """
    return tuple(
        entry
        for entry in items
        if (variable := codebook.variable(entry.name)).part is None
        and (variable.derived is None or variable.measure == "binary")
    )


def cross_counts(item: ListedAnswers, by: ListedAnswers | None = None) -> NDArray[np.int64]:
    """Count answers to an item within groups.

    Args:
        item: what is counted.
        by: what respondents are grouped by; None takes them all together.

    Returns:
        Groups × answers; the groups are the answers to `by`, missing ones among them.
    """
    groups = 1 if by is None else len(by.answers)
    at = item.codes if by is None else by.codes * len(item.answers) + item.codes
    return np.bincount(at, minlength=groups * len(item.answers)).reshape(groups, -1)


def cross_table(
    item: ListedAnswers,
    by: ListedAnswers | None = None,
    *,
    of: Denominator = "answered",
    confidence: float = 0.95,
    hidden: NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """Return answers by group with shares and Wilson's intervals.

    Args:
        item: what is counted.
        by: what respondents are grouped by.
        of: the denominator: those of the group who gave a substantive answer, or the whole group.
        confidence: level of the intervals.
        hidden: groups × answers, counts that must not be shown.

    Returns:
        One row per answer and group: answer, group, count (missing where hidden), n, estimate, low,
        high. Kinds of missing answer are among the answers where the whole group is the
        denominator. Groups without anybody are left out.
    """
    counts = cross_counts(item, by)
    shown = np.ones(len(item.answers), dtype=bool) if of == "all" else item.answered
    n = counts[:, shown].sum(axis=1)
    rows = []
    for at in np.flatnonzero(shown):
        for group in np.flatnonzero(counts.sum(axis=1)):
            count, total = int(counts[group, at]), int(n[group])
            low, high = wilson(count, total, confidence)
            known = hidden is None or not hidden[group, at]
            rows.append(
                {
                    "answer": item.answers[at],
                    "group": EVERYBODY if by is None else by.answers[group],
                    "count": count if known else pd.NA,
                    "n": total,
                    "estimate": count / total if known and total else np.nan,
                    "low": float(low) if known else np.nan,
                    "high": float(high) if known else np.nan,
                }
            )
    return pd.DataFrame(rows).astype({"count": "Int64"})


def fitting_tests(outcome: Variable, predictor: Variable) -> tuple[Test, ...]:
    """Return the tests that fit two variables, by their levels of measurement."""
    if outcome.name == predictor.name or outcome.is_text or predictor.is_text:
        return ()
    counted = outcome.largest_count is not None
    return tuple(
        test
        for test in TESTS.values()
        if test.takes(outcome.measure, predictor.measure, counted=counted)
    )


def usual_sesoi(plan: AnalysisPlan, test: Test) -> Hypothesis | None:
    """Return the plan's first hypothesis whose smallest effect of interest has a test's measure.

    For a pair that the plan does not name, this is what the plan holds to be of interest elsewhere.
    """
    return next((h for h in plan.hypotheses if h.sesoi.measure.key == test.effect.key), None)


def explore_pair(
    outcome: Variable,
    predictor: Variable,
    test: Test,
    data: pd.DataFrame,
    *,
    rng: np.random.Generator,
    resamples: int = 999,
    confidence: float = 0.95,
) -> TestResult:
    """Run a test that no plan asked for; the result is exploratory.

    Args:
        outcome, predictor: variables that the test fits.
        test: one of `fitting_tests`.
        data: as `hypotheses.analysis_data` returns it.
        rng: for permutations.
        resamples: permutations.
        confidence: level of the interval.

    Raises:
        AnalysisError: it cannot be computed on these answers.
    """
    return test.run(
        data[outcome.name],
        data[predictor.name],
        rng=rng,
        resamples=resamples,
        confidence=confidence,
        trials=outcome.largest_count,
    )
