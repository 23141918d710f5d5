"""Several waves of a survey: what can be compared, what changed, and all of them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlsec_survey.analysis.hypotheses import analysis_data
from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.base.formatting import listed
from mlsec_survey.base.randomness import generator
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.variables import Variable
from mlsec_survey.stats.change import change_of_ranks_within, change_of_share, change_within
from mlsec_survey.stats.multiplicity import holm
from mlsec_survey.stats.proportions import wilson
from mlsec_survey.stats.rank_tests import brunner_munzel

SAME, REWORDED, ADDED, DROPPED = "same", "reworded", "added", "dropped"
# Fewer answers than these on one occasion are described and not tested.
LEAST = 10


@dataclass(frozen=True, slots=True)
class AskedOnce:
    """The analysed respondents of one wave.

    Attributes:
        label: of the wave.
        codebook: of what it asked.
        reworded: what is different in the words of an item, by its id.
        responses: analysis file, one row per respondent.
        invitation: the invitation code of each row, missing without one; None where codes do not
            link waves.
    """

    label: str
    codebook: Codebook
    reworded: Mapping[str, str]
    responses: pd.DataFrame
    invitation: pd.Series | None = None


def item_table(waves: Sequence[AskedOnce]) -> pd.DataFrame:
    """Return which items the waves share, and how they differ from the first wave.

    Returns:
        One row per item that is not the same in every wave: item (label), wave, status (reworded,
        added, dropped), difference (in words).
    """
    first = waves[0]
    rows = []
    for wave in waves[1:]:
        before = {item.id: item for item in first.codebook.items}
        now = {item.id: item for item in wave.codebook.items}
        for name in dict.fromkeys([*before, *now]):
            item = now.get(name) or before[name]
            status = _status(name, first, wave)
            if status != SAME:
                words = wave.reworded.get(name, first.reworded.get(name, ""))
                rows.append(
                    {"item": item.label, "wave": wave.label, "status": status, "difference": words}
                )
    return pd.DataFrame(rows, columns=["item", "wave", "status", "difference"])


def _status(item: str, first: AskedOnce, second: AskedOnce) -> str:
    before = any(entry.id == item for entry in first.codebook.items)
    now = any(entry.id == item for entry in second.codebook.items)
    if not (before and now):
        return DROPPED if before else ADDED
    reworded = item in first.reworded or item in second.reworded
    return REWORDED if reworded or not _same_options(item, first, second) else SAME


def _same_options(item: str, first: AskedOnce, second: AskedOnce) -> bool:
    options = [
        [(option.value, option.label) for option in wave.codebook.options(item)]
        if wave.codebook.item(item).options
        else []
        for wave in (first, second)
    ]
    return options[0] == options[1]


def linked(first: AskedOnce, second: AskedOnce) -> pd.DataFrame:
    """Return the rows of the respondents who answered both waves: first, second (places).

    A code that two analysed rows of a wave share links nobody, since it does not tell which.
    """
    if first.invitation is None or second.invitation is None:
        return pd.DataFrame({"first": [], "second": []}, dtype="int64")
    places = []
    for codes in (first.invitation, second.invitation):
        given = codes.reset_index(drop=True)
        given = given[given.notna() & (given.astype(str).str.strip() != "")]
        given = given[~given.duplicated(keep=False)]
        places.append(pd.Series(given.index, index=given.to_numpy()))
    both = places[0].index.intersection(places[1].index, sort=False)
    return pd.DataFrame({"first": places[0][both].to_numpy(), "second": places[1][both].to_numpy()})


def with_checklists(names: Sequence[str], waves: Sequence[AskedOnce]) -> list[str]:
    """Return variables and every entry of the checklists that all waves have, each once."""
    entries = [
        [
            v.name
            for v in wave.codebook.variables()
            if v.item is not None and v.item.type == "multiple"
        ]
        for wave in waves
    ]
    shared = [
        name
        for name in entries[0]
        if all(name in others for others in entries)
        and waves[0].codebook.variable(name).measure == "binary"
    ]
    return list(dict.fromkeys([*names, *shared]))


def size_table(waves: Sequence[AskedOnce]) -> pd.DataFrame:
    """Return how many answered each wave: wave, n, again (who answered the first one too)."""
    return pd.DataFrame(
        {
            "wave": wave.label,
            "n": len(wave.responses),
            "again": len(linked(waves[0], wave)) if at else 0,
        }
        for at, wave in enumerate(waves)
    )


def change_table(
    first: AskedOnce,
    second: AskedOnce,
    names: Sequence[str],
    *,
    seed: int,
    resamples: int,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return the change of each variable between two waves, of all and of those in both.

    Other people, or nobody known to be the same: shares by the score test, ordered answers by
    Brunner and Munzel's (probability that an answer of the second wave is higher). The same people:
    McNemar's exact test and Wilcoxon's signed-rank test. Where some respondents answered both
    waves, the comparison of all leaves their first answers out, so that its samples are
    independent.

    Args:
        first, second: the waves.
        names: variables and scales; those that only one wave has are left out, nominal ones too.
        seed, resamples: of bootstrap intervals.
        confidence: level of the intervals.

    Returns:
        One row per variable and kind of comparison: comparison (who), label, wording (same,
        reworded), n_first, n_second, count_first, count_second (yes, of binary ones), value_first,
        value_second (share, or mean of the codes), effect, estimate, low, high, p, p_adjusted (Holm
        over the rows of a comparison).
    """
    shared = [name for name in names if _compared(name, first, second)]
    before = analysis_data(first.responses, first.codebook, shared).reset_index(drop=True)
    after = analysis_data(second.responses, second.codebook, shared).reset_index(drop=True)
    both = linked(first, second)
    once = before.loc[~before.index.isin(both["first"])]
    rows = []
    everybody = "all respondents" if both.empty else "all, those in both with their later answer"
    for name in shared:
        variable = second.codebook.variable(name)
        key = (variable, _wording(variable, first, second))
        rows.append(_independent(everybody, *key, once[name], after[name], confidence))
        if len(both) >= LEAST:
            earlier = before[name].loc[both["first"]].reset_index(drop=True)
            later = after[name].loc[both["second"]].reset_index(drop=True)
            rng = generator(seed, "waves", first.label, second.label, name)
            pair = pd.DataFrame({"first": earlier, "second": later}).dropna()
            rows.append(_dependent(*key, pair, rng, resamples, confidence))
    table = pd.DataFrame(rows, columns=_CHANGES)
    table["p_adjusted"] = np.nan
    for _, at in table.groupby("comparison", sort=False).groups.items():
        table.loc[at, "p_adjusted"] = holm(table.loc[at, "p"].to_numpy(dtype=float))
    return table.sort_values("comparison", kind="stable", ignore_index=True)


_CHANGES = [
    *("comparison", "label", "wording", "n_first", "n_second", "count_first", "count_second"),
    *("value_first", "value_second", "effect", "estimate", "low", "high", "null", "p"),
]


def _compared(name: str, first: AskedOnce, second: AskedOnce) -> bool:
    known = [{v.name for v in wave.codebook.variables()} for wave in (first, second)]
    if name not in known[0] or name not in known[1]:
        return False
    return second.codebook.variable(name).measure != "nominal"


def _wording(variable: Variable, first: AskedOnce, second: AskedOnce) -> str:
    return SAME if variable.item is None else _status(variable.item.id, first, second)


def _row(
    comparison: str, variable: Variable, wording: str, first: pd.Series, second: pd.Series
) -> dict[str, object]:
    binary = variable.measure == "binary"
    row: dict[str, object] = {
        "comparison": comparison,
        "label": variable.label,
        "wording": wording,
    }
    for which, values in (("first", first), ("second", second)):
        row[f"n_{which}"] = int(values.notna().sum())
        row[f"count_{which}"] = int(values.sum()) if binary else pd.NA
        row[f"value_{which}"] = float(values.mean())
    return row


def _independent(
    comparison: str,
    variable: Variable,
    wording: str,
    first: pd.Series,
    second: pd.Series,
    confidence: float,
) -> dict[str, object]:
    row = _row(comparison, variable, wording, first, second)
    if min(first.notna().sum(), second.notna().sum()) < LEAST:
        return row
    if variable.measure == "binary":
        result = change_of_share(first, second, confidence=confidence)
    else:
        values = pd.concat([first, second], ignore_index=True)
        later = pd.Series(np.arange(len(values)) >= len(first)).astype(float)
        try:
            result = brunner_munzel(values, later, confidence=confidence, resamples=0)
        except AnalysisError:
            return row
    return row | _of(result)


def _dependent(
    variable: Variable,
    wording: str,
    pair: pd.DataFrame,
    rng: np.random.Generator,
    resamples: int,
    confidence: float,
) -> dict[str, object]:
    first, second = pair["first"], pair["second"]
    row = _row("the same respondents", variable, wording, first, second)
    if len(pair) < LEAST:
        return row
    if variable.measure == "binary":
        return row | _of(change_within(first, second, confidence=confidence))
    result = change_of_ranks_within(
        first, second, rng=rng, resamples=resamples, confidence=confidence
    )
    return row | _of(result)


def _of(result: object) -> dict[str, object]:
    names = ("effect", "estimate", "low", "high", "null", "p")
    return {name: getattr(result, name) for name in names}


def pooled_table(
    waves: Sequence[AskedOnce], names: Sequence[str], *, confidence: float = 0.95
) -> pd.DataFrame:
    """Return binary variables of all waves together, each person once, with their latest answer.

    Pooling takes the waves for samples of one population. Reworded variables are left out, as are
    those that a wave did not ask.

    Returns:
        One row per variable: label, count, n, estimate, low, high (Wilson), lowest and highest
        (share in a single wave).
    """
    rows = []
    for name in names:
        if not all(_compared(name, waves[0], wave) for wave in waves[1:]):
            continue
        variable = waves[0].codebook.variable(name)
        if variable.measure != "binary" or any(
            _wording(variable, waves[0], wave) != SAME for wave in waves[1:]
        ):
            continue
        parts = [analysis_data(w.responses, w.codebook, [name])[name].to_numpy() for w in waves]
        latest = [part[_last_here(waves, at)] for at, part in enumerate(parts)]
        values = np.concatenate(latest)
        count, n = int(np.nansum(values)), int((~np.isnan(values)).sum())
        low, high = wilson(count, n, confidence)
        shares = [float(np.nanmean(part)) for part in parts if (~np.isnan(part)).any()]
        rows.append(
            {
                "label": variable.label,
                "count": count,
                "n": n,
                "estimate": count / n if n else np.nan,
                "low": float(low),
                "high": float(high),
                "lowest": min(shares, default=np.nan),
                "highest": max(shares, default=np.nan),
            }
        )
    columns = ["label", "count", "n", "estimate", "low", "high", "lowest", "highest"]
    return pd.DataFrame(rows, columns=columns)


def _last_here(waves: Sequence[AskedOnce], at: int) -> np.ndarray:
    """Return which respondents of a wave answered no later one."""
    last = np.ones(len(waves[at].responses), dtype=bool)
    for later in waves[at + 1 :]:
        last[linked(waves[at], later)["first"].to_numpy(dtype=int)] = False
    return last


def describe_changes(table: pd.DataFrame, *, alpha: float) -> str:
    """Say of each comparison what changed after correction, which way, on how many."""
    parts = []
    for comparison, rows in table.groupby("comparison", sort=False):
        tested = rows[rows["p"].notna()]
        found = tested[tested["p_adjusted"] < alpha]
        if tested.empty:
            parts.append(f"{comparison}: nothing could be tested")
            continue
        least, most = tested["n_second"].min(), tested["n_second"].max()
        if found.empty:
            parts.append(
                f"{comparison}: none of {len(tested)} variables is shown to have changed "
                f"(n = {least} to {most} in the later wave), which is no proof that none has"
            )
            continue
        ways = []
        for row in found.to_dict("records"):
            way = "higher" if row["estimate"] > row["null"] else "lower"
            mark = ", reworded" if row["wording"] == REWORDED else ""
            ways.append(f"{row['label']} {way} (n = {row['n_first']} and {row['n_second']}{mark})")
        parts.append(f"{comparison}: {len(found)} of {len(tested)} changed, {listed(ways)}")
    return "; ".join(parts)
