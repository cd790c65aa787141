"""One process reads the chain, others have its pools: the loops of the giver and of those who follow.

The giver writes a pool's newest state when it changed, many changes at once; what was not taken is written again.
A follower begins with the last state of every pool and never asks a node. Neither holds a rule.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import msgspec

from chimera.domain.errors import Unreachable
from chimera.domain.ids import Address, Slot
from chimera.domain.market import (
    MarketGap,
    PoolCreated,
    PoolQuarantined,
    PoolReleased,
    PoolUpdated,
    SlotAdvanced,
    TokenMintInfo,
)
from chimera.domain.snapshot import PoolSnapshot
from chimera.market.snapshots import adopt, snapshot_of
from chimera.market.view import MarketView
from chimera.observe import Observer
from chimera.ports.bus import Bus
from chimera.ports.pool_cache import PoolCache
from chimera.ports.runtime import Clock
from chimera.roles.topics import MARKET, MARKET_CAPACITY

EVERY_S = 0.01  # a fifth of the age that a quote may have
DOUBTS_EVERY_S = 0.5  # how often doubts are compared, which come without an event
AGAIN_S = 0.5
POOLS_A_WRITE = 512
POOLS_A_BREATH = 2_000  # pools compared before the loop lets others in
AWAY = "the market process was away"
MISSING = "it was not on the chain when the market process started"
KEPT_WITHIN_S = 30.0  # fifty thousand pools take some seconds


class PoolGiver:
    """Beside the market role; its view keeps raw accounts."""

    def __init__(
        self, *, view: MarketView, cache: PoolCache, bus: Bus, clock: Clock, observer: Observer
    ) -> None:
        self._view, self._cache, self._clock, self._observer = view, cache, clock, observer
        self._bus = bus
        self._events = bus.subscribe(MARKET, capacity=MARKET_CAPACITY)
        self._lost = 0
        self._changed: dict[Address, None] = {}
        self._doubts: dict[Address, str | None] = {}

    async def remember(self) -> int:
        """The newest slot that followers have a pool of, from whoever gave before us; call it before anything else.

        Of some venues only transactions tell what a pool trades, and those of a former run are over: what the
        cache knows of that is told to the view. Else such a pool would go on trading unseen, and followers would
        believe its last state for days.
        """
        last = 0
        mints: dict[Address, Address] = {}
        async for snapshot in self._kept():
            last = max(last, snapshot.slot)
            if snapshot.mint is not None:
                mints[snapshot.pool] = snapshot.mint
        self._view.tell_mints(mints, self._clock.now_ms())
        return last

    async def doubt_the_missing(self) -> None:
        """Whatever the cache has and the chain's accounts did not give is held in doubt; call it once all are known."""
        missing: list[PoolSnapshot] = []
        async for snapshot in self._kept():
            pool = self._view.pools.get(snapshot.pool)
            if (pool is None or not pool.complete) and snapshot.doubtful is None:
                missing.append(msgspec.structs.replace(snapshot, doubtful=MISSING))
        if missing:
            self._observer.told("pools that nobody sees any more", pools=len(missing))
            await self._cache.write(missing)
            # one that has come up meanwhile is given anew, after ours
            self._changed |= {kept.pool: None for kept in missing if kept.pool in self._view.pools}

    async def _kept(self) -> AsyncIterator[PoolSnapshot]:
        """The last snapshot of every pool; what cannot be had is told, and must do without."""
        following = self._cache.follow()
        try:
            async with asyncio.timeout(KEPT_WITHIN_S):
                async for snapshot in following:
                    if snapshot is None:
                        return
                    yield snapshot
        except (Unreachable, TimeoutError) as error:
            self._observer.told("pool cache not read", cause=str(error) or "too slow")
        finally:
            if isinstance(following, AsyncGenerator):
                await following.aclose()

    def tell_absence(self, last_slot: int) -> None:
        """Tells what nobody saw between that slot and now: who counts trades or builds bars must know."""
        if last_slot and self._view.slot > last_slot + 1:
            first, last = Slot(last_slot + 1), Slot(self._view.slot)
            self._observer.feed_gap(first_slot=first, last_slot=last, cause=AWAY)
            self._bus.publish(MARKET, MarketGap(first, last, AWAY, self._clock.now_ms()))

    async def run(self) -> None:
        """Writes until cancelled."""
        await self._open()
        loops = [asyncio.create_task(work) for work in (self._listen(), self._write(), self._compare())]
        try:
            await asyncio.gather(*loops)
        finally:
            for loop in loops:
                loop.cancel()

    async def _open(self) -> None:
        while True:
            try:
                await self._cache.open()
            except Unreachable as error:
                self._observer.told("pool cache waits", cause=str(error))
                await asyncio.sleep(AGAIN_S)
            else:
                self._changed |= dict.fromkeys(self._view.pools)
                return

    async def _listen(self) -> None:
        async for event in self._events:
            if isinstance(event, PoolCreated | PoolUpdated):
                self._changed[event.pool.address] = None
            elif isinstance(event, PoolQuarantined | PoolReleased):
                self._changed[event.pool] = None
            if self._events.dropped > self._lost:  # something of which we do not know what: all of it
                self._lost = self._events.dropped
                self._changed |= dict.fromkeys(self._view.pools)

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            if not self._changed:
                continue
            taken = list(self._changed)[:POOLS_A_WRITE]
            for address in taken:
                del self._changed[address]
            now = self._clock.now_ms()
            found = [snapshot_of(self._view, address, at_ms=now) for address in taken]
            failed = await self._cache.write([snapshot for snapshot in found if snapshot is not None])
            if failed:
                self._observer.told("pool cache does not take", pools=len(failed))
                self._changed |= dict.fromkeys(failed)
                await asyncio.sleep(AGAIN_S)

    async def _compare(self) -> None:
        while True:
            for number, (address, pool) in enumerate(list(self._view.pools.items())):
                if self._doubts.get(address) != pool.doubtful:
                    self._doubts[address] = pool.doubtful
                    self._changed[address] = None
                if number % POOLS_A_BREATH == POOLS_A_BREATH - 1:
                    await asyncio.sleep(0)
            await asyncio.sleep(DOUBTS_EVERY_S)


class PoolFollower:
    """In a process without a stream of its own."""

    def __init__(
        self, *, view: MarketView, cache: PoolCache, bus: Bus, clock: Clock, observer: Observer
    ) -> None:
        self._view, self._cache, self._clock, self._observer = view, cache, clock, observer
        self._slots = bus.subscribe(MARKET, capacity=MARKET_CAPACITY)
        self.ready = asyncio.Event()
        """Set once the last state of every pool has been read."""
        self.adopted = 0

    async def run(self) -> None:
        """Follows until cancelled; a lost cache is begun again from the last state of every pool."""
        slots = asyncio.create_task(self._follow_slots())
        try:
            while True:
                try:
                    async for snapshot in self._cache.follow():
                        self._take(snapshot)
                except Unreachable as error:
                    self._observer.told("pool cache lost", cause=str(error))
                await asyncio.sleep(AGAIN_S)
        finally:
            slots.cancel()

    def _take(self, snapshot: PoolSnapshot | None) -> None:
        if snapshot is None:
            self.ready.set()
            return
        self.adopted += 1
        adopt(self._view, snapshot, self._clock.now_ms())  # its events come over the bus, from the giver

    async def _follow_slots(self) -> None:
        async for event in self._slots:
            if isinstance(event, SlotAdvanced) and event.slot > self._view.slot:
                self._view.see_slot(event.slot, self._clock.now_ms())
            elif isinstance(event, TokenMintInfo):
                self._view.mints[event.token.mint] = event.token
