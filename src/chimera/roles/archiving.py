"""Has decisions of long ago moved out of the tables, whole days at a time; tries again when it failed."""

import asyncio
from typing import Protocol

from chimera.domain.errors import OutsideError
from chimera.observe import Observer
from chimera.ports.runtime import Clock

LOOK_EVERY_S = 3_600.0
FIRST_AFTER_S = 60.0  # a start has better things to do
DAY_MS = 86_400_000


class Archive(Protocol):
    def move(self, *, before_ms: int) -> int:
        """How many rows left; may take long, and raises OutsideError."""


class ArchivingRole:
    def __init__(self, archive: Archive, *, keep_days: int, clock: Clock, observer: Observer) -> None:
        self._archive, self._keep_days = archive, keep_days
        self._clock, self._observer = clock, observer

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.sleep(FIRST_AFTER_S)
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Moves what is due: everything before a whole day that is long enough ago."""
        before_ms = (self._clock.now_ms() // DAY_MS - self._keep_days) * DAY_MS
        try:
            moved = await asyncio.to_thread(self._archive.move, before_ms=before_ms)
        except OutsideError as error:
            self._observer.told("archive failed", cause=str(error))
            return
        if moved:
            self._observer.told("decisions archived", rows=moved, before_ms=before_ms)
