"""Stand-ins for clock and journal that do what the real ones promise, in memory.

For tests and benchmarks of one room; a whole house is tested on the embedded chain.
"""

from collections.abc import Callable, Iterator

from chimera.domain.errors import InvariantBroken
from chimera.domain.messages import Entry, Fact
from chimera.ports.runtime import Clock


class StandingClock:
    """Stands at a time until it is put forward."""

    def __init__(self, at_ms: int = 1_790_000_000_000) -> None:
        self._at_ms, self._elapsed_ms = at_ms, 0

    def now_ms(self) -> int:
        return self._at_ms + self._elapsed_ms

    def monotonic_ns(self) -> int:
        return self._elapsed_ms * 1_000_000

    def forward(self, by_ms: int) -> None:
        """Raises ValueError for a step backwards: clocks of ours never do that."""
        if by_ms < 0:
            raise ValueError("a clock does not go backwards")
        self._elapsed_ms += by_ms


class MemoryJournal:
    """A journal whose disk is a list. `break_disk` makes it refuse, as a full disk does."""

    def __init__(self, clock: Clock, *, run_id: str = "test") -> None:
        self._clock, self._run_id = clock, run_id
        self._entries: list[Entry] = []
        self._broken = ""
        self.durable_seq = 0
        """Everything up to here was asked to be on disk."""
        self.listeners: list[Callable[[Entry], None]] = []

    def append(self, fact: Fact) -> Entry:
        entry = Entry(seq=len(self._entries) + 1, at_ms=self._clock.now_ms(), run_id=self._run_id, fact=fact)
        self._entries.append(entry)
        for listener in self.listeners:
            listener(entry)
        return entry

    async def durable(self, seq: int) -> None:
        if self._broken:
            raise InvariantBroken(self._broken)
        if seq > len(self._entries):
            raise InvariantBroken(f"entry {seq} was never appended")
        self.durable_seq = max(self.durable_seq, seq)

    def read(self, from_seq: int = 1) -> Iterator[Entry]:
        return iter(self._entries[max(from_seq, 1) - 1 :])

    def facts(self) -> list[Fact]:
        """What was appended, without numbers and times."""
        return [entry.fact for entry in self._entries]

    def break_disk(self, cause: str = "no space left on device") -> None:
        self._broken = cause
