"""Time, randomness and the bus, which decisions are given and never take."""

from collections.abc import AsyncIterator
from typing import Protocol

from chimera.domain.commands import Answer, Command
from chimera.domain.intent import Signal
from chimera.domain.live import LiveMessage
from chimera.domain.messages import Entry


class Clock(Protocol):
    def now_ms(self) -> int:
        """Unix milliseconds."""
        ...

    def monotonic_ns(self) -> int: ...


class Rng(Protocol):
    def randrange(self, stop: int, /) -> int: ...


class SignalQueue(Protocol):
    """Where admitted signals wait; EXIT before SHIELD before SPEAR, first come first served within a class."""

    @property
    def depth(self) -> int: ...

    def put(self, signal: Signal) -> None:
        """Enters a signal that admission has let in; never blocks."""
        ...


class Commands(Protocol):
    """How operators reach the running house."""

    async def perform(self, command: Command) -> Answer: ...


class LiveStream(Protocol):
    """What the control plane folds: journal entries and live messages, in order."""

    def follow(self) -> AsyncIterator[Entry | LiveMessage]: ...
