"""Random draws that depend on nothing but the seed and the order in which they are asked for."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from statistics import NormalDist
from typing import TypeVar

import numpy as np

T = TypeVar("T")
_NORMAL = NormalDist()


class Draws:
    """A stream of draws for one purpose.

    Every draw is made from `Generator.random` alone, whose doubles are fixed by PCG64's bits, while
    NumPy does not promise the same stream for its other distributions from version to version
    (https://numpy.org/neps/nep-0019-rng-policy.html).
    """

    def __init__(self, seed: int, purpose: str) -> None:
        """Start the stream of `purpose`; streams of different purposes are independent."""
        sequence = np.random.SeedSequence([seed, zlib.crc32(purpose.encode())])
        self._generator = np.random.Generator(np.random.PCG64(sequence))

    def uniform(self) -> float:
        """Return a number in [0, 1)."""
        return float(self._generator.random())

    def normal(self) -> float:
        """Return a standard normal number."""
        return _NORMAL.inv_cdf(max(self.uniform(), 2.0**-53))

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return self.uniform() < probability

    def below(self, bound: int) -> int:
        """Return a whole number from 0 to `bound` - 1."""
        return int(self.uniform() * bound)

    def one(self, options: Sequence[T]) -> T:
        """Return one of the options, each as likely as any other."""
        return options[self.below(len(options))]

    def weighted(self, weights: dict[str, float]) -> str:
        """Return a key with probability proportional to its weight."""
        target = self.uniform() * sum(weights.values())
        for key, weight in weights.items():
            target -= weight
            if target < 0:
                return key
        return next(reversed(weights))

    def sample(self, options: Sequence[T], size: int) -> list[T]:
        """Return `size` different options in random order."""
        pool = list(options)
        return [pool.pop(self.below(len(pool))) for _ in range(size)]


def grade(score: float, cut_points: Sequence[float]) -> int:
    """Return how many cut points lie below the score."""
    return sum(score > point for point in cut_points)
