"""From an export to the analysed respondents in one step, for whoever needs no more than these."""

from __future__ import annotations

import pandas as pd

from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.responses.exclusions import apply_exclusions
from mlsec_survey.responses.missing import missing_kinds
from mlsec_survey.responses.readers import RawExport
from mlsec_survey.responses.recode import recode
from mlsec_survey.responses.scales import derive_scales, nothing_ticked


def cleaned(raw: RawExport, codebook: Codebook) -> tuple[pd.DataFrame, pd.Series | None]:
    """Return the analysed respondents, and the invitation code of each.

    As notebook 01 writes them, but that a checklist with nothing ticked has "no" in each box where
    the codebook takes it for none.

    Args:
        raw: the export as read.
        codebook: exclusions, options and scales; its paradata name the invitation code.

    Returns:
        One row per analysed respondent, scales included; the codes in the same order, None where
        the export has none.
    """
    kept, _ = apply_exclusions(raw, codebook)
    missing = missing_kinds(kept, codebook)
    responses = derive_scales(recode(kept, codebook, missing), missing, codebook)
    for item in codebook.items:
        if item.nothing_ticked is not None and item.nothing_ticked.means == "none":
            blank = nothing_ticked(missing, codebook, item.id)
            for part in codebook.parts(item.id).values():
                responses[part.name] = responses[part.name].mask(blank, "no")
    column = next((p.column for p in codebook.paradata if p.variable == "invitation"), None)
    if column is None or column not in kept.frame:
        return responses, None
    codes = kept.frame[column].astype(object).reset_index(drop=True)
    return responses, codes.where(codes.notna() & (codes.astype(str).str.strip() != ""))
