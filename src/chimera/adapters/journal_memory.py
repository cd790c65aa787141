"""A journal in memory, chained like the one on disk: what a backtest writes, and what its hash is taken of."""

from collections.abc import Callable, Iterator

from chimera.audit.journal import GENESIS, seal
from chimera.domain.messages import Entry, Fact
from chimera.ports.runtime import Clock


class ChainedMemoryJournal:
    """`ports.store.Journal`, durable for as long as the process lives."""

    def __init__(self, clock: Clock, *, run_id: str) -> None:
        self._clock, self._run_id = clock, run_id
        self._entries: list[Entry] = []
        self._listeners: list[Callable[[Entry], None]] = []
        self.hash = GENESIS
        """Of the last line: the same facts at the same times give the same."""

    def append(self, fact: Fact) -> Entry:
        entry = Entry(len(self._entries) + 1, self._clock.now_ms(), self._run_id, fact)
        self._entries.append(entry)
        self.hash, _ = seal(self.hash, entry)
        for listener in self._listeners:
            listener(entry)
        return entry

    def listen(self, listener: Callable[[Entry], None]) -> None:
        """Calls it for each later entry, in order."""
        self._listeners.append(listener)

    async def durable(self, seq: int) -> None:
        """At once: nothing outlives this process, and nothing of it is sent anywhere."""

    def read(self, from_seq: int = 1) -> Iterator[Entry]:
        return iter(self._entries[max(from_seq, 1) - 1 :])
