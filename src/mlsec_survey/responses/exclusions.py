"""Who is in the sample, by the exclusions of the codebook, and who else could have been."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import ExcludeEarlyExit, ExcludeEquals, ExcludeRepeated
from mlsec_survey.responses.cells import as_numbers
from mlsec_survey.responses.missing import missing_kinds
from mlsec_survey.responses.quality import quality_flags
from mlsec_survey.responses.readers import RawExport
from mlsec_survey.responses.recode import recode
from mlsec_survey.responses.scales import derive_scales


def exclusion_reasons(raw: RawExport, codebook: Codebook) -> pd.Series:
    """Return the first exclusion that applies to each response.

    Returns:
        Series indexed as `raw.frame`, category with the ids of the exclusions in their order;
        missing for responses that are kept.
    """
    frame = raw.frame
    reasons = pd.Series(pd.NA, index=frame.index, dtype="object")
    for rule in codebook.exclusions:
        open_rows = frame[reasons.isna()]
        reasons[open_rows.index[_excluded(open_rows, rule, codebook)]] = rule.id
    dtype = pd.CategoricalDtype([rule.id for rule in codebook.exclusions])
    return reasons.astype(dtype).rename("exclusion")


def _excluded(
    frame: pd.DataFrame,
    rule: ExcludeEquals | ExcludeEarlyExit | ExcludeRepeated,
    codebook: Codebook,
) -> np.ndarray:
    if isinstance(rule, ExcludeEarlyExit):
        return (as_numbers(frame["lastpage"]).fillna(0) < rule.value).to_numpy()
    if isinstance(rule, ExcludeRepeated):
        # Response numbers rise with the time of start, whatever the order of the rows.
        in_order = frame.loc[as_numbers(frame["id"]).sort_values(kind="stable").index, rule.column]
        given = in_order.notna() & (in_order.str.strip() != "")
        repeated = in_order.where(given).duplicated(keep=rule.keep) & given
        return repeated.reindex(frame.index).to_numpy()
    item = codebook.item(rule.item)
    code = next(o.code for o in codebook.options(item) if o.value == rule.value)
    equal = (frame[item.code] == code).to_numpy()
    return equal if rule.rule == "equals" else ~equal


def apply_exclusions(raw: RawExport, codebook: Codebook) -> tuple[RawExport, pd.DataFrame]:
    """Apply the exclusions in the order of the codebook.

    Args:
        raw: export as read.
        codebook: names the exclusions; a response counts under the first that applies.

    Returns:
        The export with the kept responses only, and the flow: one row per exclusion with columns
        step (from 1), id, label, reason, excluded and remaining.

    Raises:
        AnalysisError: no response remains.
    """
    reasons = exclusion_reasons(raw, codebook)
    remaining = len(raw.frame)
    rows: list[dict[str, object]] = []
    for step, rule in enumerate(codebook.exclusions, start=1):
        excluded = int((reasons == rule.id).sum())
        remaining -= excluded
        rows.append(
            {
                "step": step,
                "id": rule.id,
                "label": rule.label,
                "reason": rule.reason,
                "excluded": excluded,
                "remaining": remaining,
            }
        )
    if remaining == 0:
        raise AnalysisError(f"all {len(raw.frame)} responses in {raw.path.name} are excluded")
    columns = ["step", "id", "label", "reason", "excluded", "remaining"]
    return raw.where(reasons.isna()), pd.DataFrame(rows, columns=columns)


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
