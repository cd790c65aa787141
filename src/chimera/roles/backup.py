"""Has the books copied every day at its hour, and is loud when that fails.

What is due is worked out from the newest copy that is there, so that an hour slept through is made up for. The copying
itself is done in a thread: nobody who trades waits for it.
"""

import asyncio
from typing import Protocol

from chimera.audit.positions import due_ms
from chimera.domain.errors import ChimeraError
from chimera.observe import Observer
from chimera.ports.runtime import Clock

ASK_EVERY_S = 30.0
AGAIN_AFTER_S = 600.0  # after a failure


class Copies(Protocol):
    """Where copies lie. Both may take long, and raise ChimeraError or OSError."""

    def newest_ms(self) -> int | None:
        """When the newest one was made."""

    def make(self, *, at_ms: int) -> str:
        """Makes one, lets old ones go, and says what was done."""


class BackupRole:
    def __init__(self, copies: Copies, *, hour_utc: int, clock: Clock, observer: Observer) -> None:
        self._copies, self._hour_utc = copies, hour_utc
        self._clock, self._observer = clock, observer
        self._began_ms = clock.now_ms()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look()
                wait_s = ASK_EVERY_S
            except (ChimeraError, OSError) as error:
                self._observer.backup_failed(error=str(error))
                wait_s = AGAIN_AFTER_S
            await asyncio.sleep(wait_s)

    async def look(self) -> None:
        """Has a copy made if one is due; the first is due at the first such hour after the start.

        Raises ChimeraError or OSError where that can't be.
        """
        newest_ms = await asyncio.to_thread(self._copies.newest_ms)
        now_ms = self._clock.now_ms()
        since_ms = self._began_ms if newest_ms is None else newest_ms
        if now_ms >= due_ms(since_ms, hour_utc=self._hour_utc):
            told = await asyncio.to_thread(self._copies.make, at_ms=now_ms)
            self._observer.told("backup made", backup=told)
            newest_ms = now_ms
        if newest_ms is not None:
            self._observer.backup_known(at_ms=newest_ms)
