"""Signs of careless answering: flags that exclude nobody."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import DiffersFlag, NoVariationFlag, SpeedFlag


def quality_flags(
    responses: pd.DataFrame, codebook: Codebook, reference: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Flag responses of doubtful quality; nothing is excluded by a flag.

    Args:
        responses: recoded responses, as `recode` returns them.
        codebook: defines the flags.
        reference: responses whose median time a speed flag is measured by; default `responses`.

    Returns:
        One row per response, indexed as `responses`: one bool column per flag, and
        `quality_flags`, their number. A speed flag is False where the time is unknown; a check
        left unanswered counts as failed; no variation means that at least half the cells of each
        grid are answered and all with one option.
    """
    flags: dict[str, pd.Series] = {}
    for flag in codebook.quality_flags:
        if isinstance(flag, SpeedFlag):
            median = (responses if reference is None else reference)["duration_seconds"].median()
            flagged = responses["duration_seconds"] < flag.value * median
        elif isinstance(flag, NoVariationFlag):
            flagged = _straight(responses, codebook, flag)
        else:
            assert isinstance(flag, DiffersFlag)
            flagged = (responses[flag.item] != flag.value).fillna(True)
        flags[flag.id] = flagged.astype(bool)
    result = pd.DataFrame(flags, index=responses.index)
    return result.assign(quality_flags=result.sum(axis=1).astype("int64"))


def _straight(responses: pd.DataFrame, codebook: Codebook, flag: NoVariationFlag) -> pd.Series:
    grids = [[part.name for part in codebook.parts(item).values()] for item in flag.items]
    enough = pd.Series(True, index=responses.index)
    for names in grids:
        enough &= 2 * responses[names].notna().sum(axis=1) >= len(names)
    cells = responses[[name for names in grids for name in names]]
    answers = cells.to_numpy(dtype=float, na_value=np.nan)
    return enough & (np.fmin.reduce(answers, axis=1) == np.fmax.reduce(answers, axis=1))
