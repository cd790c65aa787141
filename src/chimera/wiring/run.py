"""A house in motion: every loop started in order, watched, and stopped so that books and chain agree."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from chimera.control.server import ControlServer, bind
from chimera.domain.errors import ConfigError, InvariantBroken, OutsideError
from chimera.wiring.house import House

READY_WITHIN_S = 30.0
ASK_AGAIN_S = 0.5
JOURNAL_ASKED_EVERY_S = 0.1
SETTLE_WITHIN_S = 15.0  # at the end: legs that were sent get this long to land


async def run(house: House, *, stop: asyncio.Event, started: Callable[[int], None]) -> None:
    """Runs every loop until `stop`; `started` hears the port once the door is open.

    The first loop that fails stops the house: what it was goes to the log and out as the exception.
    """
    api = house.settings.api
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(_close, house)
        server = await stack.enter_async_context(ControlServer(house.app, bind(api.host, api.port)))
        loops = Loops()
        stack.push_async_callback(loops.cancel)
        loops.start("market", house.market.run())
        loops.start("market health", house.market.report())
        loops.start("recorder", house.recorder.run())
        await loops.first_of(house.market.ready.wait(), READY_WITHIN_S)
        await loops.first_of(_open_books(house), None)
        loops.start("intents", house.execution.follow_intents())
        loops.start("tick", house.execution.tick())
        loops.start("blockhash", house.execution.keep_blockhash())
        loops.start("warm connections", house.chain.keep_warm())
        loops.start("failover", house.failover.watch())
        loops.start("block engine", house.failover.watch_engine())
        loops.start("prices", house.costs.watch_prices())
        loops.start("tips", house.costs.watch_tips())
        loops.start("wallets", house.wallets.run())
        upkeep = house.settings.upkeep
        loops.start("upkeep", house.execution.keep_house(every_s=upkeep.every_s))
        loops.start("capital", house.papers.capital.run())
        loops.start("reconciliation", house.papers.reconciler.run())
        loops.start("funds", house.execution.watch_funds())
        loops.start("trades", house.strategy.follow_trades())
        loops.start("market events", house.strategy.follow_market())
        loops.start("signals", house.strategy.follow_signals())
        loops.start("marks", house.strategy.mark())
        loops.start("failures", _until_failed(house.execution.failed))
        loops.start("journal", _until_broken(house))
        started(server.port)
        await loops.first_of(stop.wait(), None)
        await _settle(house)


class Loops:
    """The running loops: none of them ends by itself, so the first that does stops the house."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    async def first_of(self, awaited: Awaitable[Any], timeout_s: float | None) -> None:
        """Returns when `awaited` is done; raises what a loop raised, or ConfigError when time is up."""
        waiting = asyncio.ensure_future(awaited)
        done, _ = await asyncio.wait(
            {waiting, *self._tasks}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
        )
        if waiting in done:
            waiting.result()  # what it raised, it raises here
            return
        waiting.cancel()
        for task in done:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error
            raise InvariantBroken(f"the loop {task.get_name()!r} ended by itself")
        raise ConfigError(f"no market data within {timeout_s:.0f} s; check rpc.primary_url and geyser.url")

    async def cancel(self) -> None:
        for task in reversed(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _close(house: House) -> None:
    """Journal first, then what is folded from it, then the connections."""
    with contextlib.suppress(InvariantBroken):
        await house.journal.durable(house.journal.last_seq)
    with contextlib.suppress(OutsideError):
        await house.recorder.drain()
    await house.chain.close()
    if house.bundles is not None:
        await house.bundles.close()
    house.observer.heard_later.drain()
    house.journal.close()
    house.tables.close()


async def _until_failed(failed: "asyncio.Future[None]") -> None:
    await failed


async def _open_books(house: House) -> None:
    """A node that is briefly away does not keep the desk from its positions; one that stays away ends the start."""
    ends_ns = house.clock.monotonic_ns() + int(READY_WITHIN_S * 1e9)
    while True:
        try:
            await house.execution.open_books()
        except OutsideError as error:
            house.observer.told("books wait for the node", cause=str(error))
            if house.clock.monotonic_ns() > ends_ns:
                raise
        else:
            return
        await asyncio.sleep(ASK_AGAIN_S)


async def _until_broken(house: House) -> None:
    """A house that can record nothing stops, whether or not anybody was waiting for the disk."""
    while True:
        if (cause := house.journal.broken) is not None:
            raise InvariantBroken(cause)
        await asyncio.sleep(JOURNAL_ASKED_EVERY_S)


async def _settle(house: House) -> None:
    """Stops new trades and gives those under way time to land, so that books and chain agree at the end."""
    house.books.kill_switch.ready = False
    for _ in range(int(SETTLE_WITHIN_S / 0.1)):
        if not house.execution.in_flight:
            break
        await asyncio.sleep(0.1)
