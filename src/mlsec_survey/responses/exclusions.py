"""Who is in the sample, by the exclusions of the codebook, and who else could have been."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import (
    ExcludeNotReached,
    ExcludeOpenedOnly,
    ExcludeRepeated,
    Exclusion,
)
from mlsec_survey.responses.cells import as_numbers, is_one_of
from mlsec_survey.responses.missing import missing_kinds
from mlsec_survey.responses.progress import Progress, progress
from mlsec_survey.responses.quality import quality_flags
from mlsec_survey.responses.readers import Limit, RawExport
from mlsec_survey.responses.recode import recode
from mlsec_survey.responses.scales import derive_scales


def exclusion_reasons(raw: RawExport, codebook: Codebook) -> pd.Series:
    """Return the first exclusion that applies to each response.

    Returns:
        Series indexed as `raw.frame`, category with the ids of the exclusions in their order;
        missing for responses that are kept.
    """
    came = progress(raw, codebook)
    reason = np.full(len(raw), -1)
    for place, rule in enumerate(codebook.exclusions):
        still_in = reason < 0
        reason[still_in & _excluded(raw.frame, rule, codebook, came, still_in)] = place
    dtype = pd.CategoricalDtype([rule.id for rule in codebook.exclusions])
    excluded = pd.Categorical.from_codes(reason, dtype=dtype)
    return pd.Series(excluded, index=raw.frame.index, name="exclusion")


def _excluded(
    frame: pd.DataFrame,
    rule: Exclusion,
    codebook: Codebook,
    came: Progress,
    still_in: np.ndarray,
) -> np.ndarray:
    if isinstance(rule, ExcludeOpenedOnly):
        return ~came.answered
    if isinstance(rule, ExcludeNotReached):
        return ~came.reached(codebook.item(rule.item))
    if isinstance(rule, ExcludeRepeated):
        return _repeated(frame, rule, came, still_in)
    item = codebook.item(rule.item)
    code = next(o.code for o in codebook.options(item) if o.value == rule.value)
    equal = is_one_of(frame[item.code], [code])
    return equal if rule.rule == "equals" else ~equal


def _repeated(
    frame: pd.DataFrame, rule: ExcludeRepeated, came: Progress, still_in: np.ndarray
) -> np.ndarray:
    """Return which responses give way to another one with the same entry.

    A submitted response never gives way to one that was not. Response numbers rise with the time of
    start, whatever the order of the rows.
    """
    entry = frame[rule.column].reset_index(drop=True)
    number = as_numbers(frame["id"]).to_numpy(dtype=float)
    order = np.lexsort((number if rule.keep == "first" else -number, ~came.submitted))
    in_order = entry.iloc[order]
    given = (in_order.notna() & (in_order.str.strip() != "")).to_numpy() & still_in[order]
    again = np.zeros(len(frame), dtype=bool)
    again[order] = in_order.where(given).duplicated(keep="first").to_numpy() & given
    return again


def apply_exclusions(raw: RawExport, codebook: Codebook) -> tuple[RawExport, pd.DataFrame]:
    """Apply the exclusions in the order of the codebook.

    Args:
        raw: export as read.
        codebook: names the exclusions; a response counts under the first that applies.

    Returns:
        The export with the kept responses only, and the flow: one row per exclusion with columns
        step (from 1), id, label, reason, excluded, remaining and limit (why the export cannot tell
        how many were concerned, so that `excluded` is the least number; empty if it can).

    Raises:
        AnalysisError: no response remains.
    """
    reasons = exclusion_reasons(raw, codebook)
    remaining = len(raw.frame)
    rows: list[dict[str, object]] = []
    for step, rule in enumerate(codebook.exclusions, start=1):
        excluded = int((reasons == rule.id).sum())
        remaining -= excluded
        limit = _limit(raw, rule)
        rows.append(
            {
                "step": step,
                "id": rule.id,
                "label": rule.label,
                "reason": rule.reason,
                "excluded": excluded,
                "remaining": remaining,
                "limit": "" if limit is None else limit.what,
            }
        )
    if remaining == 0:
        raise AnalysisError(f"all {len(raw.frame)} responses in {raw.path.name} are excluded")
    columns = ["step", "id", "label", "reason", "excluded", "remaining", "limit"]
    return raw.where(reasons.isna()), pd.DataFrame(rows, columns=columns)


def _limit(raw: RawExport, rule: Exclusion) -> Limit | None:
    """Return what keeps an export from telling how many a rule concerns."""
    if isinstance(rule, ExcludeRepeated):
        return raw.limit("repeats")
    # Who did not submit may have declined, or left before saying whether the rule concerns them.
    return raw.limit("unsubmitted")


def merged_steps(flow: pd.DataFrame, smallest: int) -> pd.DataFrame:
    """Return the flow with steps that leave out few responses merged, so that none of them shows.

    Args:
        flow: as `apply_exclusions` returns it.
        smallest: number of excluded rows that may be shown; 1 leaves the flow as it is.

    Returns:
        The flow; a merged step has the labels and reasons of all that it holds.
    """
    merged: list[dict[str, Any]] = []
    for row in flow.to_dict("records"):
        few = 0 < row["excluded"] < smallest
        if merged and (few or 0 < merged[-1]["excluded"] < smallest):
            last = merged[-1]
            last["label"] = f"{last['label']} / {str(row['label']).lower()}"
            last["reason"] = f"{last['reason']}; {row['reason']}"
            last["excluded"] += row["excluded"]
            last["remaining"] = row["remaining"]
        else:
            merged.append({str(key): value for key, value in row.items()})
    return pd.DataFrame(merged, columns=flow.columns)


def candidates(raw: RawExport, codebook: Codebook) -> pd.DataFrame:
    """Return the responses that a sensitivity analysis may draw on.

    Args:
        raw: export as read.
        codebook: says which exclusions may be lifted.

    Returns:
        Recoded responses with scales and quality flags, of those kept and of those excluded under
        a rule that may be lifted, and the column `exclusion` with the id of that rule (category,
        missing for those kept).
    """
    reasons = exclusion_reasons(raw, codebook)
    liftable = [rule.id for rule in codebook.exclusions if rule.liftable]
    chosen = raw.where(reasons.isna() | reasons.isin(liftable))
    kinds = missing_kinds(chosen, codebook)
    responses = derive_scales(recode(chosen, codebook, kinds), kinds, codebook)
    reason = reasons[chosen.frame.index].reset_index(drop=True)
    flags = quality_flags(responses, codebook, reference=responses[reason.isna()])
    exclusion = reason.cat.set_categories(liftable)
    return responses.join(flags).assign(exclusion=exclusion)
