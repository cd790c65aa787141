"""A journal that lasts as long as its process, chained like the one on disk: what a backtest writes and is hashed by.

Lines wait in memory and, beyond some megabytes, in a temporary file without a name: a day has millions of them.
"""

from collections.abc import Callable, Iterator
from tempfile import SpooledTemporaryFile

import msgspec

from chimera.audit.journal import GENESIS, seal
from chimera.domain.messages import Entry, Fact
from chimera.ports.runtime import Clock

IN_MEMORY_BYTES = 16 * 2**20
HASH_AND_SPACE = 65  # what a line begins with


class ChainedMemoryJournal:
    """`ports.store.Journal`, durable for as long as the process lives."""

    def __init__(self, clock: Clock, *, run_id: str) -> None:
        self._clock, self._run_id = clock, run_id
        self._lines = SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - gone with the journal
        self._count = 0
        self._listeners: list[Callable[[Entry], None]] = []
        self.hash = GENESIS
        """Of the last line: the same facts at the same times give the same."""

    def append(self, fact: Fact) -> Entry:
        self._count += 1
        entry = Entry(self._count, self._clock.now_ms(), self._run_id, fact)
        self.hash, line = seal(self.hash, entry)
        self._lines.write(line)
        for listener in self._listeners:
            listener(entry)
        return entry

    def listen(self, listener: Callable[[Entry], None]) -> None:
        """Calls it for each later entry, in order."""
        self._listeners.append(listener)

    async def durable(self, seq: int) -> None:
        """At once: nothing outlives this process, and nothing of it is sent anywhere."""

    def read(self, from_seq: int = 1) -> Iterator[Entry]:
        """Those that were written when it began."""
        decode = msgspec.json.Decoder(Entry).decode
        for at, line in enumerate(self.lines(), start=1):
            if at >= from_seq:
                yield decode(line)

    def lines(self) -> Iterator[bytes]:
        """The same as JSON, each with its line's end."""
        end, at = self._lines.tell(), 0
        while at < end:
            self._lines.seek(at)
            line = self._lines.readline()
            at += len(line)
            self._lines.seek(end)  # somebody may append between two
            yield line[HASH_AND_SPACE:]
