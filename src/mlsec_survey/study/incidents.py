"""Incidents that respondents report: which of them the coding confirms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.coding_scheme import CONFIRMED, DOUBTED, INCIDENT
from mlsec_survey.instrument.entries import PARTS
from mlsec_survey.responses.coding import Coding

if TYPE_CHECKING:
    import pandas as pd


def confirmed_incidents(
    coding: Coding, responses: pd.DataFrame, codebook: Codebook
) -> pd.DataFrame:
    """Count per attack the incidents that are reported, described, and confirmed by the coding.

    Args:
        coding: adjudicated coding of the incident descriptions.
        responses: the analysed responses.
        codebook: says which answers open the field for a description.

    Returns:
        One row per attack in the order of the questionnaire with columns attack, label, reported
        (respondents whose answer opens the field: it happened or was suspected), described (of
        these, with a description), confirmed (description fits the attack, on a model in use) and
        doubted (of the confirmed, intent doubted by the respondent). Respondents who report an
        attack and describe nothing can be neither confirmed nor ruled out.
    """
    import pandas as pd

    units = coding.of_field(INCIDENT)
    codes = coding.indicators(INCIDENT)
    shown = codebook.item(INCIDENT).shown_if
    rows = []
    for attack, label in codebook.attacks.items():
        here = codes[(units["attack"] == attack).to_numpy()]
        reported = len(here)
        if shown is not None:
            answers = responses[f"{shown.item}{PARTS}{attack}"].astype(object)
            reported = int(answers.isin(shown.values).sum())
        rows.append(
            {
                "attack": attack,
                "label": label,
                "reported": reported,
                "described": len(here),
                "confirmed": int(here[CONFIRMED].sum()),
                "doubted": int((here[CONFIRMED] & here[DOUBTED]).sum()),
            }
        )
    return pd.DataFrame(rows)
