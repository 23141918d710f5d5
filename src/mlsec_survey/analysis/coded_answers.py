"""Coded answers: how far coders agree, which codes were given, about what, and together."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlsec_survey.base.formatting import (
    NOT_ESTIMABLE,
    SMALLEST_COUNT,
    as_text,
    count_words,
    interval_text,
)
from mlsec_survey.instrument.entries import RESPONDENT
from mlsec_survey.responses.coding import FINAL, NOT_CODED, Coding, Decided, indicators

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_RELIABLE, _TENTATIVE = 0.8, 0.667
_GROUNDS: dict[Decided, str] = {
    "coders agree": "the same codes from each coder",
    "one coder": "no other coder was asked",
    "adjudication": "",
    "open": "no final codes yet",
}
_INTERVALS = ["kappa", "kappa_low", "kappa_high", "alpha", "alpha_low", "alpha_high", "undefined"]
_BY_CODE = ["field", "coders", "code", "units", "first", "second", "both", "agreement", *_INTERVALS]
_OVERALL = ["field", "coders", "key", "measure", "estimate", "low", "high", "units", "respondents"]
_COUNTED = ["code", "part", "label", "count", "replies", "share", "low", "high"]
_CELLS = [*_COUNTED, "expected", "z", "p", "p_adjusted"]
_EVENNESS = ["evenness", "evenness_low", "evenness_high"]
_SPREAD = ["code", "theme", "concern", "answers", "respondents", "parts", *_EVENNESS]


def agreement(
    coding: Coding, *, resamples: int, rng: np.random.Generator, confidence: float = 0.95
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return how far coders agree before adjudication, per code and over whole code sets.

    Args:
        coding: the sheets; each pair of coders is compared on the answers that both coded.
        resamples: bootstrap resamples of respondents.
        rng: source of randomness.
        confidence: level of the intervals.

    Returns:
        Per code: field, coders (of the pair), code (label), units (answers), first, second, both
        (answers with the code), agreement, kappa, kappa_low, kappa_high, alpha, alpha_low,
        alpha_high, undefined (see `stats.agreement.code_agreement`). Overall: field, coders, key,
        measure, estimate, low, high, units, respondents. Both are without rows where no two coders
        coded the same answer.
    """
    import pandas as pd

    from mlsec_survey.stats.agreement import code_agreement, set_agreement

    tables, rows = [], []
    for field in coding.scheme.fields:
        labels = coding.scheme.labels(field)
        for first, second in itertools.combinations(coding.coders, 2):
            units = coding.of_coders(field, first, second)
            if units.empty:
                continue
            pair = f"{coder_name(first)} and {coder_name(second)}"
            one, other = (indicators(units[c], coding.scheme, field) for c in (first, second))
            drawn: dict[str, Any] = {"resamples": resamples, "rng": rng, "confidence": confidence}
            table = code_agreement(one, other, units[RESPONDENT], **drawn)
            table.insert(0, "code", [labels[code] for code in table.index])
            table.insert(0, "coders", pair)
            table.insert(0, "field", field)
            tables.append(table)
            results = set_agreement(
                list(units[first]),
                list(units[second]),
                list(labels),
                units[RESPONDENT],
                **drawn,
            )
            rows += [
                {
                    "field": field,
                    "coders": pair,
                    "key": key,
                    "measure": result.method,
                    "estimate": result.estimate,
                    "low": result.low,
                    "high": result.high,
                    "units": int(result.extra["units"]),
                    "respondents": result.n,
                }
                for key, result in results.items()
            ]
    if not tables:
        return pd.DataFrame(columns=_BY_CODE), pd.DataFrame(columns=_OVERALL)
    return pd.concat(tables, ignore_index=True), pd.DataFrame(rows)


def coder_name(sheet: str) -> str:
    """Return a coder's name from that of the sheet: A for coder_a."""
    return sheet.removeprefix("coder_").upper()


def least_agreement(overall: pd.DataFrame, field: str) -> dict[str, float]:
    """Return alpha and pooled kappa of the pair of coders that agrees least on a field.

    Args:
        overall: as `agreement` returns it.
        field: the coded field.

    Returns:
        alpha, alpha_low, alpha_high (Krippendorff's, MASI distance) and kappa (pooled); all NaN
        without two coders.
    """
    rows = overall[overall["field"] == field]
    alphas = rows[rows["key"] == "alpha_masi"].dropna(subset="estimate")
    if alphas.empty:
        return dict.fromkeys(("alpha", "alpha_low", "alpha_high", "kappa"), float("nan"))
    least = alphas.sort_values("estimate", kind="stable").iloc[0]
    of_pair = rows[rows["coders"] == least["coders"]].set_index("key")
    return {
        "alpha": float(least["estimate"]),
        "alpha_low": float(least["low"]),
        "alpha_high": float(least["high"]),
        "kappa": float(of_pair.loc["kappa_pooled", "estimate"]),
    }


def alpha_reading(estimate: float, low: float) -> str:
    """Say what Krippendorff's convention makes of an alpha, and whether its interval agrees.

    Source: Krippendorff (2019), Content Analysis, 4th ed., chapter 12: rely on 0.800 and above,
    draw tentative conclusions from 0.667. These bounds are a convention.
    """

    def grade(value: float) -> str:
        if value >= _RELIABLE:
            return f"at least {_RELIABLE:.3f}, reliable by Krippendorff's convention"
        if value >= _TENTATIVE:
            return f"at least {_TENTATIVE:.3f}, enough for tentative conclusions by the convention"
        return (
            f"below {_TENTATIVE:.3f}, not enough even for tentative conclusions by the convention"
        )

    if math.isnan(estimate):
        return "not estimable"
    if math.isnan(low) or grade(low) == grade(estimate):
        return grade(estimate)
    return f"{grade(estimate)}; the lower end of its interval is {grade(low)}"


def range_text(by_code: pd.DataFrame, field: str) -> str:
    """Return the lowest and the highest kappa of the codes of a field, from `agreement`."""
    kappas = by_code.loc[by_code["field"] == field, "kappa"].dropna()
    return interval_text(kappas.min(), kappas.max()) if len(kappas) else NOT_ESTIMABLE


def disagreements(coding: Coding) -> pd.DataFrame:
    """Count what coders differ about, pair by pair, and what stood; no text, no respondent.

    A code that only one coder gave is paired with one that only the other gave where there is just
    one on each side (one was read as the other); otherwise it counts as seen by one coder only.

    Returns:
        One row per kind and pair of codes, most frequent first in each kind: kind, code, other
        (labels in the order of the code book; other is empty for codes seen by one coder only),
        answers, code_stands and other_stands (answers in which the final codes hold it).
    """
    import pandas as pd

    labels = coding.scheme.labels()
    order = list(labels)
    found: dict[tuple[str, ...], list[int]] = {}
    differ = coding.units[coding.units["decided"] == "adjudication"]
    pairs = [
        (a, b, final)
        for first, second in itertools.combinations(coding.coders, 2)
        for a, b, final in zip(differ[first], differ[second], differ[FINAL], strict=True)
        if a is not None and b is not None
    ]
    for a, b, final in pairs:
        paired = len(a - b) == len(b - a) == 1
        groups = [a ^ b] if paired else [{code} for code in a ^ b]
        for group in groups:
            pair = tuple(sorted(group, key=order.index))
            counts = found.setdefault(pair, [0, 0, 0])
            counts[0] += 1
            for position, code in enumerate(pair, start=1):
                counts[position] += code in final
    rows = [
        {
            "kind": "one read as the other" if len(pair) == 2 else "seen by one coder only",
            "code": labels[pair[0]],
            "other": labels[pair[1]] if len(pair) == 2 else "",
            "answers": answers,
            "code_stands": first,
            "other_stands": second if len(pair) == 2 else None,
        }
        for pair, (answers, first, second) in sorted(
            found.items(),
            key=lambda entry: (-len(entry[0]), -entry[1][0], [order.index(c) for c in entry[0]]),
        )
    ]
    columns = ["kind", "code", "other", "answers", "code_stands", "other_stands"]
    return pd.DataFrame(rows, columns=columns).astype({"other_stands": "Int64"})


def adjudication_trail(coding: Coding) -> pd.DataFrame:
    """Return how the final codes came about: field, decided, reason, answers.

    Answers on which the coders agree come first in each field, then those that one coder alone
    coded, each reason given for a decision, and what is still open.
    """
    import pandas as pd

    rows: list[tuple[str, str, str, int]] = []
    for field in coding.scheme.fields:
        units = coding.units[coding.units["field"] == field]
        counts = units["decided"].value_counts()
        for decided, ground in _GROUNDS.items():
            if decided == "adjudication":
                reasons = Counter(units.loc[units["decided"] == decided, "reason"])
                for reason, count in sorted(reasons.items(), key=lambda row: (-row[1], row[0])):
                    rows.append((field, decided, reason, count))
            elif decided == "coders agree" or decided in counts:
                rows.append((field, decided, ground, int(counts.get(decided, 0))))
    return pd.DataFrame(rows, columns=["field", "decided", "reason", "answers"])


@dataclass(frozen=True)
class CodeCounts:
    """Final codes of one field, by part of its item.

    Attributes:
        counts: codes × parts (labels), answers with the code.
        replies: coded answers about each part; the denominators.
        deviates: of the same shape, how far a count lies from what chance would give; in its
            standard deviations.
        firm: of the same shape, whether the adjusted p-value is at most the level.
        cells: one row per code and part: code (label), part (id), label, count, replies, share,
            low, high (Wilson), expected, z (the deviate), p and p_adjusted (see
            `stats.contingency.within_cluster_test`).
        spread: one row per code: code, theme, concern, answers, respondents, parts (with the
            code), evenness, evenness_low, evenness_high.
    """

    counts: pd.DataFrame
    replies: pd.Series
    deviates: pd.DataFrame
    firm: pd.DataFrame
    cells: pd.DataFrame
    spread: pd.DataFrame


def count_codes(
    coding: Coding,
    field: str,
    *,
    resamples: int,
    rng: np.random.Generator,
    confidence: float = 0.95,
    alpha: float = 0.05,
) -> CodeCounts:
    """Count final codes of a field by part of its item, with intervals and what chance would give.

    Args:
        coding: adjudicated coding.
        field: coded item of free text.
        resamples: exchanges of parts within respondents, and resamples of respondents.
        rng: source of randomness.
        confidence: level of the intervals.
        alpha: familywise level at which a cell departs from chance.

    Returns:
        The counts; all tables are empty where there are no answers, or they are not yet coded.
    """
    import pandas as pd

    from mlsec_survey.stats import contingency
    from mlsec_survey.stats.proportions import wilson

    book, units, codes = coding.scheme, coding.of_field(field), coding.indicators(field)
    labels, parts = book.labels(field), dict(coding.labels[field])
    order = list(parts)
    if units.empty:
        nothing, none = pd.DataFrame(), pd.Series(dtype="int64")
        cells, spread = pd.DataFrame(columns=_CELLS), pd.DataFrame(columns=_SPREAD)
        return CodeCounts(nothing, none, nothing, nothing, cells, spread)
    counts, replies = contingency.counts_by_group(codes, units["subquestion"], order)
    cells = contingency.within_cluster_test(
        codes, units["subquestion"], units[RESPONDENT], order, resamples=resamples, rng=rng
    )
    firm = cells["p_adjusted"].to_numpy().reshape(counts.shape) <= alpha
    deviates = cells["z"].to_numpy().reshape(counts.shape)
    cells["replies"] = replies[cells["group"]].to_numpy()
    cells["share"] = cells["count"] / cells["replies"].where(cells["replies"] > 0)
    cells["low"], cells["high"] = wilson(cells["count"], cells["replies"], confidence)
    cells["part"] = cells["group"]
    cells["label"] = cells["group"].map(parts)
    cells["code"] = cells["code"].map(labels)
    cells = cells[_CELLS]
    even = contingency.evenness_interval(
        codes,
        units["subquestion"],
        units[RESPONDENT],
        order,
        resamples=resamples,
        rng=rng,
        confidence=confidence,
    )
    people = codes.groupby(units[RESPONDENT].to_numpy()).any().sum()
    concerns = book.concerns(field)
    themes = {theme.id: theme.label for theme in book.themes}
    spread = counts.gt(0).sum(axis=1).rename("parts").to_frame()
    spread = spread.assign(
        code=[labels[code] for code in counts.index],
        theme=[themes[code.theme] for code in book.of_field(field)],
        concern=[code in concerns for code in counts.index],
        answers=counts.sum(axis=1),
        respondents=people,
        evenness=even["estimate"],
        evenness_low=even["low"],
        evenness_high=even["high"],
    )
    spread = spread[_SPREAD]
    return CodeCounts(
        counts.rename(index=labels, columns=parts),
        replies.rename(index=parts),
        pd.DataFrame(deviates, index=list(labels.values()), columns=list(parts.values())),
        pd.DataFrame(firm, index=list(labels.values()), columns=list(parts.values())),
        cells,
        spread.reset_index(drop=True),
    )


@dataclass(frozen=True)
class CodesTogether:
    """Which codes stand together in one answer.

    Attributes:
        by_code: answers with each code (label).
        combinations: the most frequent ones, as `contingency.intersections` returns them.
        others: answers that have another combination.
        pairs: first, second (labels), count, expected (if the two were independent), residual.
    """

    by_code: pd.Series
    combinations: pd.DataFrame
    others: int
    pairs: pd.DataFrame


def codes_together(coding: Coding, field: str, *, most: int = 16) -> CodesTogether:
    """Count which codes occur together in one answer.

    Args:
        coding: adjudicated coding.
        field: coded item of free text.
        most: combinations to list at most.
    """
    from mlsec_survey.stats import contingency

    codes = coding.indicators(field).rename(columns=coding.scheme.labels(field))
    listed, others = contingency.intersections(codes, most=most)
    return CodesTogether(codes.sum(), listed, others, contingency.pair_counts(codes))


def most_named(
    coding: Coding, field: str, *, most: int = 3, confidence: float = 0.95
) -> pd.DataFrame:
    """Return the concerns that most respondents name, about any part of the item.

    Args:
        coding: adjudicated coding.
        field: coded item of free text.
        most: concerns to return at most; ties stand in the order of the coding scheme.
        confidence: level of Wilson's interval.

    Returns:
        One row per concern, most named first: label, count (respondents), n (respondents with a
        coded answer), estimate, low, high.
    """
    from mlsec_survey.stats.proportions import wilson

    units, scheme = coding.of_field(field), coding.scheme
    concerns = list(scheme.concerns(field))
    people = units[RESPONDENT].to_numpy()
    named = coding.indicators(field)[concerns].groupby(people).any().sum()
    top = named.sort_values(ascending=False, kind="stable").head(most)
    n = len(set(people))
    table = top.rename("count").to_frame().assign(n=n)
    table.insert(0, "label", [scheme.labels(field)[code] for code in top.index])
    table["estimate"] = table["count"] / n if n else float("nan")
    table["low"], table["high"] = wilson(table["count"].to_numpy(), n, confidence)
    return table.reset_index(drop=True)


def reliable_codes(coding: Coding, field: str, by_code: pd.DataFrame) -> tuple[str, ...]:
    """Return the codes of a field that coders apply alike enough for tentative conclusions.

    The rule by which codes are dropped: of each pair of coders, Krippendorff's alpha of the code is
    at least 0.667. A code that no pair could be compared on is not among them.

    Args:
        coding: the sheets.
        field: coded item of free text.
        by_code: of `agreement`.
    """
    rows = by_code[by_code["field"] == field]
    least = rows.groupby("code")["alpha"].agg(lambda alphas: alphas.min(skipna=False))
    labels = coding.scheme.labels(field)
    return tuple(code for code, label in labels.items() if least.get(label, 0.0) >= _TENTATIVE)


def cross_cutting(
    coding: Coding,
    field: str,
    *,
    codes: Sequence[str] | None = None,
    confidence: float = 0.95,
) -> dict[str, float]:
    """Return the share of respondents who name one concern about at least two parts of an item.

    Among respondents who name a concern (a code whose theme is one) about at least two parts; the
    others could not name the same twice.

    Args:
        coding: adjudicated coding.
        field: coded item of free text.
        codes: concerns to count, by default all.
        confidence: level of the interval.

    Returns:
        count, n, estimate, low, high (Wilson); NaN where n is 0.
    """
    from mlsec_survey.stats.proportions import wilson

    units, concerns = coding.of_field(field), list(coding.scheme.concerns(field))
    if codes is not None:
        concerns = [code for code in concerns if code in codes]
    named = coding.indicators(field)[concerns]
    people = units[RESPONDENT].to_numpy()
    with_concern = named.any(axis=1).groupby(people).sum()
    repeated = (named.groupby(people).sum() >= 2).any(axis=1)
    able = with_concern >= 2
    count, n = int((repeated & able).sum()), int(able.sum())
    (low,), (high,) = wilson([count], [n], confidence)
    estimate = count / n if n else float("nan")
    return {"count": count, "n": n, "estimate": estimate, "low": float(low), "high": float(high)}


def describe_concerns(
    coding: Coding,
    field: str,
    parts: str,
    least: Mapping[str, float],
    counted: CodeCounts,
    across: Mapping[str, float],
) -> str:
    """Say what the coded reasons show, or that they are not yet coded, in one sentence.

    Args:
        coding: says how far it has come.
        field: coded item of free text.
        parts: what the parts of the item are, such as "services".
        least: from `least_agreement`.
        counted: from `count_codes`.
        across: from `cross_cutting`.
    """
    if coding.state(field) != "coded":
        return f"the reasons are {NOT_CODED}, so nothing is said about what stands behind ratings"
    if math.isnan(least["alpha"]):
        agreed = "one coder read each reason, so that agreement is unknown"
    else:
        interval = interval_text(least["alpha_low"], least["alpha_high"])
        agreed = (
            f"before adjudication coders agree on sets of codes with α = "
            f"{as_text(least['alpha'], 2)} ({interval}), which is "
            f"{alpha_reading(least['alpha'], least['alpha_low'])}"
        )
    beyond = f"{int(counted.firm.to_numpy().sum())} of {counted.counts.size}"
    named = (
        f"{count_words(int(across['n']))} name concerns for several {parts}"
        if 0 < across["n"] < SMALLEST_COUNT
        else f"nobody names concerns for several {parts}"
        if not across["n"]
        else f"{count_words(int(across['count']))} of {int(across['n'])} respondents who name "
        f"concerns for several {parts} name one and the same for more than one"
    )
    return (
        f"{agreed}; when {parts} are exchanged within respondents, {beyond} cells of codes by "
        f"{parts} depart from chance at a familywise level; {named}"
    )
