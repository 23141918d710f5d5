"""Neighbouring studies side by side: how many each looked at, and what so many can say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import Field

from mlsec_survey.base.yaml_input import Entry, Sequence, read_yaml, validate
from mlsec_survey.instrument.entries import Text
from mlsec_survey.stats.proportions import wilson
from mlsec_survey.study.literature import HOW_KNOWN, PublishedFacts

# Shares of one half have the widest interval, so that no share is known less well at a size.
HALF = "a half, at this size"
SUPPOSED = "no count known; a half is supposed"
COUNTED = "published count"


class Counted(Entry):
    """What a study counted among those that it looked at."""

    fact: Text
    what: Text


class Neighbour(Entry):
    """A study, whom or what it looked at, and the published facts with its numbers."""

    study: Text
    looked_at: Text
    n: Text
    counted: Counted | None = None


class Neighbours(Entry):
    """The studies; build them with `load_neighbours`."""

    version: Literal[1]
    studies: Annotated[Sequence[Neighbour], Field(min_length=1)]


def load_neighbours(path: Path, facts: PublishedFacts) -> Neighbours:
    """Read the studies and check that every number is a published fact that may be used.

    Raises:
        InputError: a fact does not exist, states no number, or is known at third hand only.
    """
    found = validate(read_yaml(path), Neighbours)
    for entry in found.studies:
        facts.number(entry.n)
        if entry.counted is not None:
            facts.number(entry.counted.fact)
    return found


def neighbour_table(
    neighbours: Neighbours, facts: PublishedFacts, *, confidence: float
) -> pd.DataFrame:
    """Return the studies with what their size can say of a share.

    Args:
        neighbours: the studies.
        facts: where their numbers stand.
        confidence: level of the intervals.

    Returns:
        One row per study: study, looked_at, kind (`HALF` where no count is published), counted (in
        words, or that none is known), n, count (missing without one), estimate, low, high (Wilson;
        of one half without a count), source, how_known (in words, of the number that is known
        less well).
    """
    rows = []
    for entry in neighbours.studies:
        known = [facts.fact(entry.n)]
        n, count = int(known[0].number), None
        if entry.counted is not None:
            known.append(facts.fact(entry.counted.fact))
            count = int(known[1].number)
        cases = n / 2 if count is None else count
        low, high = wilson(cases, n, confidence)
        weakest = next((fact for fact in known if fact.relayed), known[-1])
        rows.append(
            {
                "study": entry.study,
                "looked_at": entry.looked_at,
                "kind": HALF if count is None else COUNTED,
                "counted": SUPPOSED if entry.counted is None else entry.counted.what,
                "n": n,
                "count": count,
                "estimate": cases / n,
                "low": float(low),
                "high": float(high),
                "source": weakest.source,
                "how_known": HOW_KNOWN[weakest.how_known],
            }
        )
    return pd.DataFrame(rows).astype({"count": "Int64"})
