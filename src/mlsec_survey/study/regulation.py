"""Which provisions each claim bears on, and what the evidence can and cannot say to them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import Field, StringConstraints

from mlsec_survey.base.yaml_input import Entry, Sequence, near, read_yaml, validate
from mlsec_survey.instrument.entries import Identifier, Text
from mlsec_survey.study.claims import Ledger

READ = {
    "copy": "read in a public copy",
    "listed": "parts known from a listing, text not read",
    "unread": "not read",
}
Address = Annotated[str, StringConstraints(pattern=r"^https://\S+$")]


class Source(Entry):
    """A law, standard or list, and how its text was seen."""

    id: Identifier
    title: Text
    address: Address
    read: Literal["copy", "listed", "unread"]


class Provision(Entry):
    """One provision that one claim bears on."""

    claim: Identifier
    source: Identifier
    reference: Text
    asks: Text
    can_say: Text
    cannot_say: Text


class Regulation(Entry):
    """The mapping; build it with `load_regulation`."""

    version: Literal[1]
    note: Text
    sources: Annotated[Sequence[Source], Field(min_length=1)]
    mapping: Annotated[Sequence[Provision], Field(min_length=1)]


def load_regulation(path: Path, ledger: Ledger) -> Regulation:
    """Read the mapping and check it against the ledger.

    Args:
        path: YAML file in the layout of `data/regulation.yml`.
        ledger: whose claims are mapped.

    Raises:
        InputError: an entry names no claim or no source, says what an unread text asks, a source
            is named by no entry, or a claim is not mapped.
    """
    document = read_yaml(path)
    regulation = validate(document, Regulation)
    claims = [claim.id for claim in ledger.claims]
    sources = [source.id for source in regulation.sources]
    unread = {source.id for source in regulation.sources if source.read == "unread"}
    for at, entry in enumerate(regulation.mapping):
        for key, value, known in (
            ("claim", entry.claim, claims),
            ("source", entry.source, sources),
        ):
            if value not in known:
                raise document.error(
                    ("mapping", at, key),
                    f"there is no such {key}",
                    value=value,
                    remedy=near(value, known),
                )
        if entry.source in unread and not entry.asks.startswith("Not read"):
            raise document.error(
                ("mapping", at, "asks"),
                "the text of this source was not read, so nobody can say what it asks",
                value=entry.asks,
                remedy="Write: Not read; see the text. Or say how it was read, at its source.",
            )
    for key, known, used in (
        ("sources", sources, {entry.source for entry in regulation.mapping}),
        ("mapping", claims, {entry.claim for entry in regulation.mapping}),
    ):
        for name in known:
            if name not in used:
                raise document.error(
                    (key,),
                    "no entry of the mapping names this",
                    value=name,
                    remedy="Map it, or take it out.",
                )
    return regulation


def mapping_table(
    regulation: Regulation, ledger: Ledger, strength: Mapping[str, str]
) -> pd.DataFrame:
    """Return the mapping for display, in the order of the ledger's claims.

    Args:
        regulation: the mapping.
        ledger: labels of the claims.
        strength: how far this run carries each claim, by id.

    Returns:
        One row per provision: claim (label), strength, provision (source and reference), asks,
        can_say, cannot_say, text_read.
    """
    titles = {source.id: source for source in regulation.sources}
    rows = [
        {
            "claim": claim.label,
            "strength": strength.get(claim.id, ""),
            "provision": f"{_short(titles[entry.source].title)}: {entry.reference}",
            "asks": entry.asks,
            "can_say": entry.can_say,
            "cannot_say": entry.cannot_say,
            "text_read": READ[titles[entry.source].read],
        }
        for claim in ledger.claims
        for entry in regulation.mapping
        if entry.claim == claim.id
    ]
    return pd.DataFrame(rows)


def source_table(regulation: Regulation) -> pd.DataFrame:
    """Return the sources: source (title), address, text_read, provisions (number mapped)."""
    count = pd.Series([entry.source for entry in regulation.mapping]).value_counts()
    return pd.DataFrame(
        [
            {
                "source": source.title,
                "address": source.address,
                "text_read": READ[source.read],
                "provisions": int(count[source.id]),
            }
            for source in regulation.sources
        ]
    )


def _short(title: str) -> str:
    """Return a title up to its first comma, which is the name that is used in speech."""
    return title.partition(",")[0]
