"""Brings what others pay: prices of the pools traded and tips that landed, now and then, beside the hot path.

What does not come stays as it was until it is stale, and then counts as unknown. No rule lives here.
"""

import asyncio
import contextlib

from chimera.domain.errors import OutsideError
from chimera.execution.costs import Costs
from chimera.execution.prices import ANYWHERE
from chimera.observe import Observer
from chimera.ports.chain import BlockEngine, FeeSource
from chimera.ports.runtime import Clock


class CostsRole:
    def __init__(
        self,
        *,
        costs: Costs,
        fees: FeeSource,
        engine: BlockEngine | None,
        prices_every_s: float,
        tips_every_s: float,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self._costs, self._fees, self._engine = costs, fees, engine
        self._prices_every_s, self._tips_every_s = prices_every_s, tips_every_s
        self._clock, self._observer = clock, observer

    async def watch_prices(self) -> None:
        while True:
            await self.ask_prices()
            await asyncio.sleep(self._prices_every_s)

    async def watch_tips(self) -> None:
        while True:
            await self.ask_tips()
            await asyncio.sleep(self._tips_every_s)

    async def ask_prices(self) -> None:
        """One question for the chain as a whole and one for each pool that is worth it."""
        prices = self._costs.prices
        for where in (ANYWHERE, *prices.watched):
            with contextlib.suppress(OutsideError):  # each call's failure is observed where it is made
                samples = await self._fees.priority_fees([where] if where else [])
                prices.see(where, samples, self._clock.now_ms())
        prices.forget_stale(self._clock.now_ms())

    async def ask_tips(self) -> None:
        if self._engine is None:
            return
        try:
            self._costs.tips.see(await self._engine.tip_floor(), self._clock.now_ms())
        except OutsideError as error:
            self._observer.rpc_failed(endpoint="block engine", method="tip_floor", error=str(error))
        self._costs.tips.forget_stale(self._clock.now_ms())
