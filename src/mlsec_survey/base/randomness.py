"""Random generators, one for each purpose."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: int, *purpose: str) -> np.random.Generator:
    """Return a random generator for one purpose, independent of those for other purposes.

    A notebook draws each quantity from a generator of its own, so that adding a quantity changes
    no other.
    """
    return np.random.default_rng(seed_sequence(seed, *purpose))


def seed_sequence(seed: int, *purpose: str) -> np.random.SeedSequence:
    """Return the seed sequence of one purpose; its words are hashed into the entropy."""
    words = [int.from_bytes(hashlib.sha256(w.encode()).digest()[:4], "big") for w in purpose]
    return np.random.SeedSequence([seed, *words])
