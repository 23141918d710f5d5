"""Who took part how, and whether that goes with the answers: a look at nonresponse from within.

Nobody knows the answers of those who did not take part. Those who came late, over another channel,
in another language or without an invitation, and those who left early, are nearer to them than the
rest (Groves and Peytcheva 2008, doi:10.1093/poq/nfn011, on what such comparisons can show).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.base.formatting import as_text, listed
from mlsec_survey.base.randomness import generator
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.responses.readers import RawExport
from mlsec_survey.stats.effects import told_interval
from mlsec_survey.stats.multiplicity import holm
from mlsec_survey.stats.tests import TESTS

# Respondents that a group needs before it is compared.
LEAST = 10


def ways_of_taking_part(
    responses: pd.DataFrame,
    codebook: Codebook,
    items: Sequence[str] = (),
    given: Mapping[str, pd.Series] | None = None,
) -> dict[str, pd.Series]:
    """Return the groups that respondents fall into by how they took part.

    Args:
        responses: recoded responses.
        codebook: says what the survey tool notes.
        items: further items to group by, such as the channel; those that there are count.
        given: further groups of two kinds, as true and false, by label.

    Returns:
        Group of each respondent by label of the comparison: late against early (by the median of
        the first time that is noted), every category of the survey tool, and the above. A group
        with fewer than ten respondents is left out, a comparison of fewer than two groups too.
    """
    found: dict[str, pd.Series] = {}
    times = [
        entry.variable
        for entry in codebook.paradata
        if entry.kind == "datetime" and entry.variable in responses
    ]
    if times:
        first = responses[times].min(axis=1)
        late = first > first.median()
        found["Late or early"] = late.map({True: "late", False: "early"}).where(first.notna())
    for entry in codebook.paradata:
        if entry.kind == "category" and entry.variable in responses:
            found[entry.label] = responses[entry.variable].astype(object)
    for name in items:
        if name in responses:
            labels = {option.value: option.label for option in codebook.options(name)}
            found[codebook.label(name)] = responses[name].astype(object).map(labels)
    for label, values in (given or {}).items():
        found[label] = values.map({True: "yes", False: "no"})
    return {
        label: groups for label, values in found.items() if (groups := _large(values)) is not None
    }


def _large(values: pd.Series) -> pd.Series | None:
    sizes = values.value_counts()
    large = list(sizes.index[sizes >= LEAST])
    return values.where(values.isin(large)) if len(large) > 1 else None


def noted(kept: RawExport, codebook: Codebook) -> dict[str, pd.Series]:
    """Return what the survey tool noted of some respondents only and the analysis may not hold.

    Args:
        kept: the analysed responses of the export.
        codebook: says which columns identify people, such as invitation codes.

    Returns:
        Whether there is an entry, per respondent in the order of the analysis file, by label.
    """
    found = {}
    for entry in codebook.paradata:
        if entry.identifying and entry.column in kept.frame:
            cells = kept.frame[entry.column].reset_index(drop=True)
            found[entry.label] = cells.fillna("").astype(str).str.strip() != ""
    return found


def left_early(candidates: pd.DataFrame, codebook: Codebook) -> dict[str, pd.Series]:
    """Return who of all candidates left before the end, as one comparison if enough did.

    Args:
        candidates: of notebook 01, with the column `exclusion`.
        codebook: says which exclusions are of those who left early.
    """
    reason = candidates["exclusion"].astype(object)
    early = reason.isin([rule.id for rule in codebook.exclusions if rule.rule == "not_reached"])
    groups = _large(early.map({True: "left early", False: "complete"}).where(early | reason.isna()))
    return {} if groups is None else {"Left early or complete": groups}


def compare_groups(
    groups: Mapping[str, pd.Series],
    data: pd.DataFrame,
    codebook: Codebook,
    *,
    seed: int,
    resamples: int,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compare answers between groups of respondents, one comparison corrected by itself.

    Two groups: Mann and Whitney's test for an ordered variable (probability that the second group
    answers higher), an exact trend test for a binary one (odds ratio). More groups: Kruskal and
    Wallis's. Groups against groups: chi-square by permutation.

    Args:
        groups: of the respondents, by label of the comparison.
        data: variables as `hypotheses.analysis_data` returns them.
        codebook: labels and levels of measurement.
        seed: of permutations.
        resamples: permutations.
        confidence: level of the intervals.

    Returns:
        One row per comparison and variable: comparison (with what is compared and how many there
        are), label, n, effect, estimate, low, high, p, p_adjusted (Holm within the comparison). A
        variable that cannot be compared, or that fewer than ten of a group answered, is left out.
    """
    rows = []
    for comparison, values in groups.items():
        names = sorted(values.dropna().unique())
        title = f"{comparison}: {listed([f'{n} ({int((values == n).sum())})' for n in names])}"
        codes = pd.Series(pd.Categorical(values, names, ordered=False), index=values.index)
        for name in data:
            if codes[data[name].notna()].value_counts().min() < LEAST:
                continue
            variable = codebook.variable(str(name))
            predictor, test = codes, _test(variable.measure, len(names))
            if test in ("mann_whitney", "trend_permutation"):
                predictor = codes.cat.codes.astype("float64").where(values.notna())
            try:
                result = TESTS[test].run(
                    data[name],
                    predictor,
                    rng=generator(seed, "taking part", comparison, str(name)),
                    resamples=resamples,
                    confidence=confidence,
                )
            except AnalysisError:
                continue
            low, high = told_interval(result.effect, result.low, result.high)
            rows.append({
                "comparison": title, "label": variable.label, "n": result.n,
                "effect": result.effect, "estimate": result.estimate, "low": low,
                "high": high, "null": result.null, "p": result.p,
                "second": names[-1] if len(names) == 2 else "",
            })  # fmt: skip
    columns = [
        "comparison",
        "label",
        "n",
        "effect",
        "estimate",
        "low",
        "high",
        "null",
        "p",
        "second",
    ]
    table = pd.DataFrame(rows, columns=columns)
    table["p_adjusted"] = np.nan
    for _, here in table.groupby("comparison", sort=False).groups.items():
        table.loc[here, "p_adjusted"] = holm(table.loc[here, "p"].to_numpy(dtype=float))
    return table


def _test(measure: str, groups: int) -> str:
    if measure == "nominal" or (measure == "binary" and groups > 2):
        return "contingency_permutation"
    if groups > 2:
        return "kruskal_permutation"
    return "trend_permutation" if measure == "binary" else "mann_whitney"


def describe_comparisons(table: pd.DataFrame, *, alpha: float) -> str:
    """Say for each comparison which variables differ after correction, which way, on how many."""
    parts = []
    for title, part in table.groupby("comparison", sort=False):
        name = str(title).partition(":")[0].lower()
        found = part[part["p_adjusted"] < alpha].to_dict("records")
        if not found:
            n = f"n = {part['n'].min()} to {part['n'].max()}"
            parts.append(f"{name}: none of {len(part)} variables is shown to differ ({n})")
            continue
        each = []
        for row in found:
            way = f" (n = {row['n']})"
            if row["second"] and row["effect"] in ("probability of superiority", "odds ratio"):
                side = "higher" if row["estimate"] > row["null"] else "lower"
                way = f" ({side} for {row['second']}, n = {row['n']})"
            each.append(f"“{row['label']}”{way}")
        parts.append(f"{name}: {len(found)} of {len(part)} variables differ, {listed(each)}")
    return "; ".join(parts) or "no two groups are large enough to compare"


# Who says don't know


def dont_know_counts(missing: pd.DataFrame, codebook: Codebook) -> tuple[pd.Series, int]:
    """Count each respondent's don't knows among the questions that everybody could answer so.

    Args:
        missing: kinds of missing answer.
        codebook: says which questions offer don't know; a checklist is one question.

    Returns:
        The count per respondent, and the number of questions.
    """
    names = []
    for item in codebook.items:
        variables = [v for v in codebook.variables(item) if "dont_know" in v.missing]
        names += [v.name for v in (variables[:1] if item.type == "multiple" else variables)]
    asked = [n for n in names if n in missing and not (missing[n] == "not_shown").any()]
    return (missing[asked] == "dont_know").sum(axis=1).astype("float64"), len(asked)


def dont_know_table(
    counts: pd.Series,
    questions: int,
    predictors: pd.DataFrame,
    labels: Mapping[str, str],
    *,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Model who says don't know: quasi-binomial regression on all predictors at once.

    Args:
        counts: of don't knows, per respondent.
        questions: out of how many.
        predictors: ordered variables as numbers, a column each.
        labels: of the predictors.
        confidence: level of the intervals.

    Returns:
        One row per predictor: label, n, effect, estimate (odds ratio of a don't know per step, the
        others given), low, high, p, p_adjusted (Holm over the rows). Empty where the model cannot
        be fitted.
    """
    columns = ["label", "n", "effect", "estimate", "low", "high", "p"]
    try:
        fit = TESTS["quasi_binomial"].run_model(
            counts, predictors, confidence=confidence, trials=questions
        )
    except (AnalysisError, ValueError):
        return pd.DataFrame(columns=[*columns, "p_adjusted"])
    rows = [
        [labels[name], r.n, r.effect, r.estimate, *told_interval(r.effect, r.low, r.high), r.p]
        for name, r in fit.terms.items()
    ]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(p_adjusted=holm(table["p"].to_numpy(dtype=float)))


def describe_dont_know(table: pd.DataFrame, *, alpha: float) -> str:
    """Say with what don't know goes after correction, which way, and on how many it rests."""
    if table.empty:
        return "not examined"
    n = int(table["n"].iloc[0])
    found = [
        f"“{row['label']}” ({'more' if row['estimate'] > 1 else 'less'} often per step, "
        f"odds ratio {as_text(row['estimate'], 2)})"
        for row in table[table["p_adjusted"] < alpha].to_dict("records")
    ]
    if not found:
        return f"no predictor of don't know is found among {len(table)} (n = {n})"
    return f"don't know goes with {listed(found)}, of {len(table)} predictors (n = {n})"
