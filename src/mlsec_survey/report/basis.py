"""What a published result rests on."""

from __future__ import annotations

from typing import Literal

# What a published result rests on: the survey's answers, facts that others published, or
# arithmetic and simulation about the design that need no answers.
Basis = Literal["responses", "published", "design"]

BASIS_WORDS: dict[Basis, str] = {
    "responses": "survey responses",
    "published": "published facts",
    "design": "design analysis, no answers used",
}


def basis_label(basis: Basis, synthetic: bool) -> str:
    """Return what a table's or number's record says it rests on."""
    return "synthetic stand-in" if synthetic and basis == "responses" else BASIS_WORDS[basis]
