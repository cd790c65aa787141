"""The loop of the desk's own reactions: hears its journal and the stream, and hands intents to the desk. No rule here.

Beside the hot path: the journal's writer only leaves the entry here, and a full queue loses the oldest, counted.
"""

import asyncio
from collections import deque
from typing import get_args

from chimera.domain.market import MarketEvent
from chimera.domain.messages import Entry, LegDropped, LegExpired, LegLanded, LegPlanned, LegReverted
from chimera.execution.mev.workers import Kind, MevWorkers
from chimera.observe import Observer
from chimera.ports.bus import Bus
from chimera.ports.runtime import Clock
from chimera.roles.topics import INTENTS, MARKET, MARKET_CAPACITY

WAITING_MAX = 1_000
HEARD = (LegPlanned, LegLanded, LegReverted, LegExpired, LegDropped)
MARKET_EVENTS = get_args(MarketEvent)


class MevRole:
    FOLDS = frozenset(HEARD)
    """What it folds; of other facts it need not be told."""

    def __init__(self, *, workers: MevWorkers, bus: Bus, clock: Clock, observer: Observer) -> None:
        self._workers, self._bus, self._clock, self._observer = workers, bus, clock, observer
        self._entries: deque[Entry] = deque(maxlen=WAITING_MAX)
        self._more = asyncio.Event()
        self._market = (
            bus.subscribe(MARKET, capacity=MARKET_CAPACITY) if Kind.BACKRUN in workers.working else None
        )
        self.lost = 0
        """Entries that nobody came to in time."""

    def heard(self, entry: Entry) -> None:
        """A new entry of the journal; returns at once."""
        if not isinstance(entry.fact, HEARD):
            return
        self.lost += len(self._entries) == WAITING_MAX
        self._entries.append(entry)
        self._more.set()

    async def run(self) -> None:
        """Until cancelled; tells once which workers were switched on and cannot work here."""
        for kind, why in self._workers.refused.items():
            self._observer.told("worker stays off", worker=str(kind), cause=why)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_journal())
            if self._market is not None:
                group.create_task(self._follow_market())

    async def _follow_journal(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while self._entries:
                for intent in self._workers.on_entry(self._entries.popleft(), self._clock.now_ms()):
                    self._bus.publish(INTENTS, intent)

    async def _follow_market(self) -> None:
        if self._market is None:
            return
        async for event in self._market:
            if isinstance(event, MARKET_EVENTS):
                for intent in self._workers.on_market(event, self._clock.now_ms()):
                    self._bus.publish(INTENTS, intent)
