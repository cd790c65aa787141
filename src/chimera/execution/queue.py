"""Where admitted signals wait: EXIT before SHIELD before SPEAR, first come first served within a class.

Knows no time and never waits; `roles.inbox` wakes whoever wants the next one.
"""

from collections import deque

from chimera.domain.errors import InvariantBroken
from chimera.domain.intent import RANKS, Signal, Style

CAPACITY = 1_000  # SPEC QU-01


class SignalQueueFull(InvariantBroken):
    """Admission let in more than there was room for."""


class PrioritySignals:
    """A bounded queue of signals in classes."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._classes: tuple[deque[Signal], ...] = tuple(deque() for _ in Style)
        self._depth = 0

    @property
    def depth(self) -> int:
        return self._depth

    @property
    def capacity(self) -> int:
        return self._capacity

    def put(self, signal: Signal) -> None:
        """Enters a signal; raises SignalQueueFull where admission did not look at `depth` first."""
        if self._depth >= self._capacity:
            raise SignalQueueFull(f"more than {self._capacity} signals wait")
        self._classes[RANKS[signal.strategy]].append(signal)
        self._depth += 1

    def take(self) -> Signal | None:
        """The next signal, or None where nothing waits."""
        for waiting in self._classes:
            if waiting:
                self._depth -= 1
                return waiting.popleft()
        return None
