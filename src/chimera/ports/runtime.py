"""Time, randomness and ids, which decisions are given and never take."""

from typing import Protocol


class Clock(Protocol):
    def now_ms(self) -> int:
        """Unix milliseconds."""
        ...

    def monotonic_ns(self) -> int: ...


class Rng(Protocol):
    def randrange(self, stop: int) -> int: ...
