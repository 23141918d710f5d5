"""Incidents that respondents report: which of them the coding confirms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mlsec_survey.analysis.sample import share_text
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.coding_scheme import CONFIRMED, DOUBTED, INCIDENT
from mlsec_survey.instrument.entries import PARTS
from mlsec_survey.responses.coding import NOT_CODED, Coding

if TYPE_CHECKING:
    import pandas as pd

NAN = float("nan")


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
        doubted (of the confirmed, intent doubted by the respondent); the last two are NaN as long
        as the descriptions are not coded. Respondents who report an attack and describe nothing can
        be neither confirmed nor ruled out.
    """
    import pandas as pd

    described = coding.units[coding.units["field"] == INCIDENT]["subquestion"].value_counts()
    units, codes = coding.of_field(INCIDENT), coding.indicators(INCIDENT)
    known = coding.state(INCIDENT) == "coded"
    shown = codebook.item(INCIDENT).shown_if
    rows = []
    for attack, label in coding.labels[INCIDENT].items():
        here = codes[(units["subquestion"] == attack).to_numpy()]
        reported = int(described.get(attack, 0))
        if shown is not None:
            answers = responses[f"{shown.item}{PARTS}{attack}"].astype(object)
            reported = int(answers.isin(shown.values).sum())
        doubted = here[CONFIRMED] & here[DOUBTED]
        rows.append(
            {
                "attack": attack,
                "label": label,
                "reported": reported,
                "described": int(described.get(attack, 0)),
                "confirmed": int(here[CONFIRMED].sum()) if known else NAN,
                "doubted": int(doubted.sum()) if known else NAN,
            }
        )
    return pd.DataFrame(rows)


def describe_confirmed(incidents: pd.DataFrame, attack: str) -> str:
    """Say how many incidents of an attack the coding confirms, or that it is not done.

    Args:
        incidents: as `analysis.sample.incidents_beside_published` returns it.
        attack: whose row is described.
    """
    row = incidents[incidents["attack"] == attack].iloc[0]
    name = row["label"].lower()
    if math.isnan(row["confirmed"]):
        return (
            f"what respondents wrote about {name} is {NOT_CODED}, so no case is confirmed, nor any "
            "ruled out"
        )
    share = share_text(int(row["confirmed"]), int(row["n"]))
    return (
        f"coding confirms {int(row['confirmed'])} cases of {name} (of respondents: {share}), in "
        f"{int(row['doubted'])} of which the respondents doubt the intent"
    )
