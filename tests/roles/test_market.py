"""The market plane on a real embedded chain: what is cut, forked or torn off is healed, and nothing is lost in silence."""

import asyncio
import contextlib
import io
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from solders.pubkey import Pubkey

from chimera.adapters.bus_local import LocalBus
from chimera.adapters.clocks import WallClock
from chimera.adapters.geyser import GeyserFeed
from chimera.adapters.rpc import RpcChain, RpcOptions
from chimera.domain.chain import Account, AccountUpdate
from chimera.domain.ids import Address, Slot
from chimera.domain.live import MarketSeen
from chimera.domain.market import MarketGap, Trade
from chimera.domain.messages import Noted
from chimera.domain.pool import QuoteRequest, SwapKind
from chimera.localnet.events import AccountWritten, BlockSealed, SlotChanged, TransactionExecuted
from chimera.localnet.faults import FaultKind, FaultWish
from chimera.localnet.genesis import genesis
from chimera.localnet.intercept import FaultDecision
from chimera.localnet.node import Node, NodeOptions
from chimera.localnet.world_runner import run_world
from chimera.market.view import MarketView
from chimera.observe import Observer, Redactor, make_log
from chimera.plugins import venues
from chimera.roles.market import MarketRole
from chimera.roles.topics import LIVE, MARKET
from chimera.testing.builders import address

SEED = 7
SLOT_MS = 50
WITHIN_S = 30.0


class Landed:
    """A chain listener that remembers which transactions succeeded."""

    def __init__(self) -> None:
        self.signatures: dict[str, None] = {}

    def account_written(self, event: AccountWritten) -> None: ...

    def transaction_executed(self, event: TransactionExecuted) -> None:
        if event.record.error is None:
            self.signatures[str(event.record.signature)] = None

    def block_sealed(self, event: BlockSealed) -> None: ...

    def slot_changed(self, event: SlotChanged) -> None: ...


class Plane:
    """A node with its world, and a market role on it, all in this process."""

    def __init__(self, node: Node, rpc: RpcChain) -> None:
        self.node, self.rpc, self.bus, self.clock = node, rpc, LocalBus(), WallClock()
        self.view = MarketView(venues())
        self.noted: list[Noted] = []
        self.events = self.bus.subscribe(MARKET, capacity=1_000_000)
        self.live = self.bus.subscribe(LIVE, capacity=1_000_000)
        log = make_log(level="ERROR", json=True, redactor=Redactor(), stream=io.StringIO())
        self.observer = Observer(log, CollectorRegistry())
        self.landed = Landed()
        node.chain.listeners.add(self.landed)
        self.asked: list[str] = []
        self.role = MarketRole(
            feed=GeyserFeed(node.endpoints["geyser"]),
            chain=rpc,
            view=self.view,
            bus=self.bus,
            clock=self.clock,
            observer=self.observer,
            wallet=address("nobody"),
            record=self.noted.append,
        )

    def seen(self) -> MarketSeen:
        """The newest report."""
        self.role._publish_health()
        return list(self.live._waiting)[-1]

    def trades(self) -> list[Trade]:
        return [event for event in self.events._waiting if isinstance(event, Trade)]

    async def until(self, met: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not met():
            assert time.monotonic() < deadline, f"not within {WITHIN_S} s: {what}"
            await asyncio.sleep(0.02)

    async def expected_trades(self) -> set[tuple[str, int]]:
        """(signature, position) of every swap that the chain executed, read by RPC one by one."""
        found: set[tuple[str, int]] = set()
        for signature in self.landed.signatures:
            transaction = await self.rpc.transaction(signature)
            if transaction is None:  # of a fork that is no more
                continue
            programs = {call.program for call in transaction.instructions}
            for venue in self.view.venues.values():
                if venue.program in programs:
                    swaps = venue.decode_transaction(transaction)
                    found |= {(swap.signature, swap.position) for swap in swaps}
        return found

    def differences(self) -> list[str]:
        """Pools whose reserves are not what the chain's accounts say now."""
        true = MarketView(venues())
        for _ in range(2):
            for known in {*self.view.pools, *self.view.addresses}:
                raw = self.node.chain.bank.account(Pubkey.from_string(known))
                if raw is not None:
                    account = Account(known, Address(str(raw.owner)), raw.lamports, bytes(raw.data))
                    true.apply(AccountUpdate(account, Slot(1), 0), 0)
        return [
            f"{pool.header.venue} {where}: {ours} is {theirs}"
            for where, pool in self.view.pools.items()
            if (ours := pool.venue.reserves(pool.state))
            != (theirs := pool.venue.reserves(true.pools[where].state))
        ]


@asynccontextmanager
async def running(*, world: bool = True, **options: Any) -> AsyncIterator[Plane]:
    node_options = NodeOptions(
        slot_ms=SLOT_MS, rpc_port=0, ws_port=0, geyser_port=0, jito_port=0, admin_port=0, **options
    )
    async with contextlib.AsyncExitStack() as stack:
        node = await stack.enter_async_context(Node(node_options, genesis=genesis(SEED).accounts))
        rpc = await stack.enter_async_context(
            RpcChain(node.endpoints["rpc"], who="chain", options=RpcOptions(requests_per_second_max=10_000))
        )
        plane = Plane(node, rpc)
        tasks = [asyncio.create_task(node.clock.run()), asyncio.create_task(plane.role.run())]
        stack.push_async_callback(_stop, tasks)
        async with asyncio.timeout(WITHIN_S):
            await plane.role.ready.wait()
        if world:
            tasks.append(asyncio.create_task(run_world(SEED, node.endpoints["rpc"], tick_ms=SLOT_MS)))
        plane.world = tasks[2:]  # type: ignore[attr-defined]
        yield plane


async def _stop(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def settled(plane: Plane) -> None:
    """The world stands still and the plane has heard all of it."""
    await _stop(plane.world)  # type: ignore[attr-defined]
    slot = plane.node.chain.slot
    await plane.until(lambda: plane.view.slot > slot + 3, "the plane is up to date")
    await plane.until(lambda: not any(p.doubtful for p in plane.view.pools.values()), "no doubt is left")


async def test_thirty_cuts_of_the_stream_lose_no_trade_and_leave_the_chains_own_state() -> None:
    async with running() as plane:
        plane.node.faults.add(FaultWish(kind=FaultKind.GEYSER_DISCONNECT, rate=0.25, times=30))
        cuts = plane.node.faults.counts
        await plane.until(lambda: cuts[FaultKind.GEYSER_DISCONNECT] >= 30, "thirty cuts")
        await settled(plane)
        trades = plane.trades()
        found = [(trade.swap.signature, trade.swap.position) for trade in trades]
        expected = await plane.expected_trades()
        assert len(expected) > 100
        assert set(found) == expected
        assert len(found) == len(expected), "a trade was told twice"
        slots = [trade.swap.slot for trade in trades]
        assert slots == sorted(slots)
        assert plane.differences() == []
        seen = plane.seen()
        assert (seen.gaps, seen.pools_quarantined) == (0, 0)
        assert seen.dropped["duplicate_transaction"] > 0, "the replays overlapped with what was known"
        assert seen.received == seen.passed + seen.held + sum(seen.dropped.values())
        assert seen.transactions >= len(expected)
