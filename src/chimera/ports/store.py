"""The journal to append to and the tables folded from it."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from chimera.domain.messages import Entry, Fact


class Journal(Protocol):
    """Append-only, one writer. The hot path waits for nothing else."""

    def append(self, fact: Fact) -> Entry:
        """Numbers and buffers a fact; returns at once. Listeners hear of it in order."""
        ...

    async def durable(self, seq: int) -> None:
        """Returns once everything up to `seq` is on disk; concurrent callers share one fsync.

        Raises InvariantBroken when the disk refuses (full, read-only): nothing may be sent after that.
        """
        ...

    def read(self, from_seq: int = 1) -> Iterator[Entry]:
        """Entries in order, from disk and buffer."""
        ...


class Tables(Protocol):
    """The SQL side: folded, never waited for by the hot path."""

    def last_seq(self) -> int:
        """The last entry folded, 0 when empty."""
        ...

    def fold(self, entries: Sequence[Entry]) -> None:
        """Applies entries in one transaction; entries already folded change nothing."""
        ...
