"""Chance that hangs on a seed alone: the same on every machine and Python, so that a seed names a day for good."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
MASK = 2**64 - 1


class Dice:
    """SplitMix64 (Steele, Lea and Flood, 2014): tiny, and good enough for bad luck. Never for secrets."""

    def __init__(self, seed: int) -> None:
        self._state = seed & MASK

    def _next(self) -> int:
        self._state = (self._state + 0x9E3779B97F4A7C15) & MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
        return mixed ^ (mixed >> 31)

    def random(self) -> float:
        """At least 0, below 1."""
        return (self._next() >> 11) / 2**53

    def randrange(self, stop: int, /) -> int:
        """At least 0, below `stop`."""
        return self._next() % stop

    def randint(self, low: int, high: int) -> int:
        """Both ends included."""
        return low + self.randrange(high - low + 1)

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * self.random()

    def choice(self, some: Sequence[T]) -> T:
        return some[self.randrange(len(some))]
