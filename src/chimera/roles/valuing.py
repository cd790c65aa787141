"""Puts down what a SOL cost in dollars when a trade of ours landed, for tax lots; decides nothing.

A price that is not known, or that would be asked long after the trade, is not put down: unknown stays unknown.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from chimera.domain.messages import Entry, FillValued, LegLanded
from chimera.observe import Observer
from chimera.ports.prices import SolPrice
from chimera.ports.runtime import Clock
from chimera.ports.store import Journal

LATE_MS = (
    300_000  # a SOL moves a percent in that time on a wild day; after a longer absence nobody knows any more
)
WAITING_MAX = 1_000


class PoolPrice:
    """By the deepest pool of SOL and USDC that the house sees."""

    source = "pool"

    def __init__(self, micro_usd: Callable[[], int | None]) -> None:
        self._micro_usd = micro_usd

    async def micro_usd(self) -> int | None:
        return self._micro_usd()


class ValuingRole:
    def __init__(self, *, price: SolPrice, journal: Journal, clock: Clock, observer: Observer) -> None:
        self._price, self._journal, self._clock, self._observer = price, journal, clock, observer
        self._waiting: deque[Entry] = deque(maxlen=WAITING_MAX)
        self._heard = asyncio.Event()

    def hear(self, entry: Entry) -> None:
        """In the journal's order, from the start on: what landed in a former run was valued there or never."""
        if isinstance(entry.fact, LegLanded):
            self._waiting.append(entry)
            self._heard.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._heard.wait()
            self._heard.clear()
            await self.value_waiting()

    async def value_waiting(self) -> None:
        """One price for all that landed since it was asked last."""
        landed = [entry for entry in self._waiting if isinstance(entry.fact, LegLanded)]
        self._waiting.clear()
        price = await self._price.micro_usd()
        now_ms = self._clock.now_ms()
        for entry in landed:
            if not isinstance(entry.fact, LegLanded):
                continue
            leg, fill = entry.fact.leg, entry.fact.fill
            if price is None or price <= 0 or now_ms - min(fill.at_ms, entry.at_ms) > LATE_MS:
                self._observer.told("fill without a dollar value", leg=leg.leg_id, source=self._price.source)
                continue
            self._journal.append(FillValued(leg.leg_id, fill.signature, price, self._price.source))
