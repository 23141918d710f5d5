"""Incidents that respondents report: which of them the coding confirms."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from mlsec_survey.analysis.sample import share_text
from mlsec_survey.base.formatting import SMALLEST_COUNT, count_words
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import PARTS, RESPONDENT
from mlsec_survey.responses.coding import NOT_CODED, Coding
from mlsec_survey.stats.proportions import clopper_pearson, none_observed_bound, wilson

# The field with descriptions of incidents, and the two codes that their count rests on; the coding
# scheme has to define them.
INCIDENT = "incident"
CONFIRMED, DOUBTED = "incident_confirmed", "incident_doubted"
NEEDED = {INCIDENT: (CONFIRMED, DOUBTED)}


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
                "confirmed": int(here[CONFIRMED].sum()) if known else math.nan,
                "doubted": int(doubted.sum()) if known else math.nan,
            }
        )
    return pd.DataFrame(rows)


def describe_confirmed(incidents: pd.DataFrame, attack: str, *, confidence: float = 0.95) -> str:
    """Say how many incidents of an attack the coding confirms, or that it is not done.

    Args:
        incidents: as `incident_shares` returns it.
        attack: whose row is described.
        confidence: level of the interval.
    """
    row = incidents[incidents["attack"] == attack].iloc[0]
    name = row["label"].lower()
    if math.isnan(row["confirmed"]):
        return (
            f"what respondents wrote about {name} is {NOT_CODED}, so no case is confirmed, nor any "
            "ruled out"
        )
    confirmed, n = int(row["confirmed"]), int(row["n"])
    if confirmed == 0:
        return f"coding confirms no case of {name} among {n} respondents"
    if confirmed < SMALLEST_COUNT:
        return f"coding confirms {count_words(confirmed)} cases of {name} among {n} respondents"
    share = share_text(confirmed, n, confidence=confidence)
    return (
        f"coding confirms {confirmed} cases of {name} among {n} respondents, {share}; in "
        f"{count_words(int(row['doubted']))} of them the respondents doubt the intent"
    )


def incident_shares(incidents: pd.DataFrame, n: int, *, confidence: float = 0.95) -> pd.DataFrame:
    """Give the confirmed incidents of each attack as shares of all respondents.

    Args:
        incidents: as `confirmed_incidents` returns them.
        n: analysed respondents, the denominator of the shares.
        confidence: level of all intervals.

    Returns:
        The rows of `incidents` with n, estimate, low and high (Wilson), exact_low and exact_high
        (Clopper and Pearson), and none_bound (upper bound where none is confirmed, else NaN).
    """
    result = incidents.copy()
    confirmed = incidents["confirmed"].to_numpy()
    result["n"] = n
    result["estimate"] = confirmed / n if n else math.nan
    result["low"], result["high"] = wilson(confirmed, n, confidence)
    result["exact_low"], result["exact_high"] = clopper_pearson(confirmed, n, confidence)
    result["none_bound"] = np.where(confirmed == 0, none_observed_bound(n, confidence), math.nan)
    return result


def reports_and_confirmed(
    occurrence: pd.DataFrame, incidents: pd.DataFrame, *, confirmed: str = "Confirmed in coding"
) -> pd.DataFrame:
    """Stack reports and confirmed incidents for one figure.

    Args:
        occurrence: as `occurrence_table` returns it; the rows "either" are left out.
        incidents: as `incident_shares` returns it; not yet coded ones are left out.
        confirmed: name of the series of confirmed incidents.

    Returns:
        Columns label, kind (the report's label, or `confirmed`), count, n, estimate, low,
        high.
    """
    columns = ["label", "kind", "count", "n", "estimate", "low", "high"]
    reports = occurrence[occurrence["report"] != "either"].rename(columns={"report_label": "kind"})
    coded = incidents.rename(columns={"confirmed": "count"}).assign(kind=confirmed)
    coded = coded.dropna(subset="count")
    return pd.concat([reports[columns], coded[columns]], ignore_index=True)


def undoubted_numbers(coding: Coding, n: int, *, confidence: float) -> pd.DataFrame:
    """Return who describes an attack that nobody doubts: key, value, description, digits.

    Args:
        coding: adjudicated coding of the descriptions.
        n: analysed respondents.
        confidence: level of the exact interval (Clopper and Pearson).
    """
    units, codes = coding.of_field(INCIDENT), coding.indicators(INCIDENT)
    plain = (codes[CONFIRMED] & ~codes[DOUBTED]).to_numpy()
    people = int(units.loc[plain, RESPONDENT].nunique())
    low, _ = clopper_pearson([people], [n], confidence)
    what = "respondents with a confirmed incident of any attack whose intent is not doubted"
    rows = [
        ("undoubted_cases", coding.known(INCIDENT, people), what, 0),
        (
            "undoubted_share_low",
            coding.known(INCIDENT, float(low[0]) if n else math.nan),
            f"lower end of the exact interval of the share of {what}",
            3,
        ),
    ]
    return pd.DataFrame(rows, columns=["key", "value", "description", "digits"])


def incident_numbers(incidents: pd.DataFrame, coding: Coding, *, confidence: float) -> pd.DataFrame:
    """Return the counts of incidents for publishing: key, value, description, counts.

    Args:
        incidents: as `incident_shares` returns it.
        coding: says whether the descriptions are coded at all.
        confidence: level of the intervals.
    """
    import pandas as pd

    rows: list[tuple[str, object, str, tuple[float, ...]]] = []
    for row in incidents.to_dict("records"):
        attack, what = row["attack"], f"{row['label']}, confirmed in coding"
        share = share_text(row["confirmed"], row["n"], confidence=confidence)
        reading = describe_confirmed(incidents, attack, confidence=confidence)
        confirmed, doubted = (row["confirmed"],), (row["doubted"],)
        in_doubt = f"{what}, intent doubted"
        rows += [
            (f"{attack}_confirmed", coding.known(INCIDENT, row["confirmed"]), what, confirmed),
            (f"{attack}_confirmed_share", coding.known(INCIDENT, share), what, confirmed),
            (f"{attack}_confirmed_reading", reading, what, confirmed + doubted),
            (f"{attack}_doubted", coding.known(INCIDENT, row["doubted"]), in_doubt, doubted),
        ]
    return pd.DataFrame(rows, columns=["key", "value", "description", "counts"])
