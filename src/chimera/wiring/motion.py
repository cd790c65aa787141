"""How parts move: loops that are watched, and the desk's own loops in their order. The same in one process or many."""

import asyncio
import contextlib
from collections.abc import Awaitable, Coroutine
from typing import Any

from chimera.adapters.clocks import WallClock
from chimera.config import Settings
from chimera.domain.errors import ConfigError, InvariantBroken, OutsideError
from chimera.observe import Observer
from chimera.wiring.desk import DeskParts
from chimera.wiring.memory import keep_for_good

READY_WITHIN_S = 30.0
ASK_AGAIN_S = 0.5
JOURNAL_ASKED_EVERY_S = 0.1
SETTLE_WITHIN_S = 20.0  # at the end: legs that were sent get this long to land, chores to become final


class Loops:
    """The running loops: none of them ends by itself, so the first that does stops the process."""

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


def start_desk(loops: Loops, desk: DeskParts, settings: Settings) -> None:
    """Everything that signs or feeds what signs; the books must be open."""
    keep_for_good()  # the books are open: what is folded by now stays
    if desk.paper is not None:
        loops.start("paper chain", desk.paper.run())
    if desk.cluster is not None:
        loops.start("cluster", desk.cluster.run())
    loops.start("intents", desk.execution.follow_intents())
    loops.start("tick", desk.execution.tick())
    loops.start("blockhash", desk.execution.keep_blockhash())
    loops.start("warm connections", desk.chain.keep_warm())
    loops.start("failover", desk.failover.watch())
    loops.start("block engine", desk.failover.watch_engine())
    loops.start("prices", desk.costs.watch_prices())
    loops.start("tips", desk.costs.watch_tips())
    loops.start("lookup tables", desk.tables.keep())
    loops.start("reactions", desk.mev.run())
    loops.start("wallets", desk.wallets.run())
    loops.start("upkeep", desk.execution.keep_house(every_s=settings.upkeep.every_s))
    loops.start("capital", desk.papers.capital.run())
    if desk.valuing is not None:
        loops.start("values", desk.valuing.run())
    loops.start("reconciliation", desk.papers.reconciler.run())
    if desk.backup is not None:
        loops.start("backups", desk.backup.run())
    loops.start("funds", desk.execution.watch_funds())
    loops.start("failures", _until_failed(desk.execution.failed))
    loops.start("journal", _until_broken(desk))


async def open_books(desk: DeskParts, clock: WallClock, observer: Observer) -> None:
    """A node that is briefly away does not keep the desk from its positions; one that stays away ends the start."""
    ends_ns = clock.monotonic_ns() + int(READY_WITHIN_S * 1e9)
    while True:
        try:
            if desk.cluster is not None:
                await desk.cluster.look()
            await desk.execution.open_books()
        except OutsideError as error:
            observer.told("books wait for the node", cause=str(error))
            if clock.monotonic_ns() > ends_ns:
                raise
        else:
            return
        await asyncio.sleep(ASK_AGAIN_S)


async def settle(desk: DeskParts) -> None:
    """Stops new trades and gives those under way time to land, so that books and chain agree at the end."""
    desk.books.kill_switch.ready = False
    for _ in range(int(SETTLE_WITHIN_S / 0.1)):
        if not desk.execution.in_flight:
            break
        await asyncio.sleep(0.1)


async def close_desk(desk: DeskParts, observer: Observer) -> None:
    """Everything that was appended is on disk, then connections and folder are let go."""
    with contextlib.suppress(InvariantBroken):
        await desk.journal.durable(desk.journal.last_seq)
    await desk.chain.close()
    if desk.bundles is not None:
        await desk.bundles.close()
    if desk.routes is not None:
        await desk.routes.close()
    observer.heard_later.drain()
    desk.journal.close()


async def _until_failed(failed: "asyncio.Future[None]") -> None:
    await failed


async def _until_broken(desk: DeskParts) -> None:
    """A desk that can record nothing stops, whether or not anybody was waiting for the disk."""
    while True:
        if (cause := desk.journal.broken) is not None:
            raise InvariantBroken(cause)
        await asyncio.sleep(JOURNAL_ASKED_EVERY_S)
