"""Where the last state of every pool is kept for processes that start later."""

from collections.abc import AsyncIterator, Iterable
from typing import Protocol

from chimera.domain.ids import Address
from chimera.domain.snapshot import PoolSnapshot


class PoolCache(Protocol):
    async def open(self) -> None:
        """Makes it ready to be written to; raises Unreachable."""
        ...

    async def write(self, snapshots: Iterable[PoolSnapshot]) -> set[Address]:
        """Replaces what is kept of these pools; returns those of which nobody knows whether that happened."""
        ...

    def follow(self) -> AsyncIterator[PoolSnapshot | None]:
        """The last snapshot of every pool, then None once, then every new one. Raises Unreachable."""
        ...
