"""Folds the journal into the tables, behind everybody's back: nobody waits for it, and it may fall behind.

When the database fails it says so and tries again; trading goes on, and nothing is lost, since the journal has it.
"""

import asyncio
from collections.abc import Iterator
from itertools import islice

from chimera.domain.errors import OutsideError
from chimera.domain.messages import Entry
from chimera.observe import Observer
from chimera.ports.bus import Bus
from chimera.ports.store import History, Tables
from chimera.roles.topics import TRADES, TRADES_CAPACITY

BATCH = 512  # entries a transaction of the database
EVERY_S = 0.05
RETRY_S = 2.0


class RecorderRole:
    def __init__(self, *, journal: History, tables: Tables, bus: Bus, observer: Observer) -> None:
        self._journal, self._tables, self._observer = journal, tables, observer
        self._new = bus.subscribe(TRADES, capacity=TRADES_CAPACITY)
        self.folded_seq = 0
        self.cause = ""
        """Why the database is behind, or empty."""

    async def run(self) -> None:
        """Catches up from the journal, then follows; after a failure or a loss it catches up again."""
        while True:
            try:
                await self._catch_up()
                await self._follow()
            except OutsideError as error:
                self.cause = str(error)
                self._observer.told("tables behind", cause=str(error))
                await asyncio.sleep(RETRY_S)

    async def drain(self) -> None:
        """Folds everything that the journal holds now."""
        await self._catch_up()

    async def _catch_up(self) -> None:
        self.folded_seq = await asyncio.to_thread(self._tables.last_seq)
        reading = self._journal.read(self.folded_seq + 1)
        while batch := _take(reading, BATCH):
            await self._fold(batch)

    async def _follow(self) -> None:
        while True:
            batch = [await self._new.get()]
            await asyncio.sleep(EVERY_S)
            while self._new.depth and len(batch) < BATCH:
                batch.append(await self._new.get())
            entries = [entry for entry in batch if isinstance(entry, Entry) and entry.seq > self.folded_seq]
            if entries and entries[0].seq != self.folded_seq + 1:
                await self._catch_up()
            elif entries:
                await self._fold(entries)

    async def _fold(self, entries: list[Entry]) -> None:
        await asyncio.to_thread(self._tables.fold, entries)
        self.folded_seq, self.cause = entries[-1].seq, ""


def _take(entries: Iterator[Entry], count: int) -> list[Entry]:
    return list(islice(entries, count))
