"""A house in motion: every loop started in order, watched, and stopped so that books and chain agree."""

import asyncio
import contextlib
from collections.abc import Callable

from chimera.control.server import ControlServer, bind
from chimera.domain.errors import InvariantBroken, OutsideError
from chimera.wiring.analytics import analytics
from chimera.wiring.house import House
from chimera.wiring.motion import READY_WITHIN_S, Loops, close_desk, open_books, settle, start_desk
from chimera.wiring.outside import tls_files
from chimera.wiring.rebalancing import rebalancing


async def run(house: House, *, stop: asyncio.Event, started: Callable[[int], None]) -> None:
    """Runs every loop until `stop`; `started` hears the port once the door is open.

    The first loop that fails stops the house: what it was goes to the log and out as the exception.
    """
    api = house.settings.api
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(_close, house)
        server = await stack.enter_async_context(
            ControlServer(house.app, bind(api.host, api.port), tls=tls_files(house.settings))
        )
        loops = Loops()
        stack.push_async_callback(loops.cancel)
        if house.recording is not None:
            stack.push_async_callback(house.recording.close)
            loops.start("recording", house.recording.run(house.market.ready))
        loops.start("market", house.market.run())
        loops.start("market health", house.market.report())
        loops.start("recorder", house.recorder.run())
        told = analytics(house.settings, journal=house.journal, bus=house.bus, observer=house.observer)
        if told is not None:
            loops.start("analytics", told.run())
        if house.archiving is not None:
            loops.start("archive", house.archiving.run())
        if house.trade_logs is not None:
            loops.start("trade logs", house.trade_logs.run())
        await loops.first_of(house.market.ready.wait(), READY_WITHIN_S)
        await loops.first_of(open_books(house.desk, house.clock, house.observer), None)
        start_desk(loops, house.desk, house.settings)
        loops.start("trades", house.strategy.follow_trades())
        loops.start("market events", house.strategy.follow_market())
        loops.start("signals", house.strategy.follow_signals())
        loops.start("marks", house.strategy.mark())
        if house.settings.rebalancer.enabled:
            rebalancer = rebalancing(
                house.desk,
                settings=house.settings,
                view=house.view,
                bus=house.bus,
                clock=house.clock,
                observer=house.observer,
            )
            loops.start("rebalancing", (await stack.enter_async_context(rebalancer)).run())
        started(server.port)
        await loops.first_of(stop.wait(), None)
        await settle(house.desk)


async def _close(house: House) -> None:
    """Journal first, then what is folded from it, then the connections."""
    with contextlib.suppress(InvariantBroken):
        await house.journal.durable(house.journal.last_seq)
    with contextlib.suppress(OutsideError):
        await house.recorder.drain()
        if house.trade_logs is not None:
            await house.trade_logs.drain()
    await close_desk(house.desk, house.observer)
    house.tables.close()
