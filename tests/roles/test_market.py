"""The market plane on a real embedded chain: what is cut, forked or torn off is healed, and nothing is lost in silence."""

import asyncio
import contextlib
import io
import itertools
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
from chimera.domain.ids import SYSTEM_PROGRAM, Address, Slot
from chimera.domain.live import MarketSeen
from chimera.domain.market import MarketGap, Trade
from chimera.domain.messages import Noted
from chimera.domain.pool import QuoteRequest, SwapKind
from chimera.domain.risk import Refusal
from chimera.execution.router import best_route
from chimera.localnet.events import AccountWritten, BlockSealed, SlotChanged, TransactionExecuted
from chimera.localnet.faults import FaultKind, Faults, FaultWish
from chimera.localnet.genesis import genesis
from chimera.localnet.intercept import FaultDecision
from chimera.localnet.node import Node, NodeOptions
from chimera.localnet.world_runner import run_world
from chimera.market.view import MarketView
from chimera.observe import Observer, Redactor, make_log
from chimera.plugins import venues
from chimera.roles.market import MarketRole
from chimera.roles.topics import LIVE, MARKET, WALLET_BALANCES
from chimera.testing.builders import address

SEED = 7
SLOT_MS = 50
VERSIONS = itertools.count(10**12)  # above whatever the chain counts itself
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


class Leaky:
    """A feed that loses a stretch of slots on a running stream, once, without a word."""

    def __init__(self, feed: GeyserFeed, *, replays: bool) -> None:
        self._feed, self._replays = feed, replays
        self.lose: range | None = None
        self.asked: list[int | None] = []

    async def subscribe(self, wanted: Any, *, from_slot: int | None = None) -> AsyncIterator[Any]:
        self.asked.append(from_slot)
        fresh = len(self.asked) == 1
        async for item in self._feed.subscribe(wanted, from_slot=from_slot):
            if self.lose is not None and item.slot in self.lose and (fresh or not self._replays):
                continue
            yield item

    async def change(self, wanted: Any) -> None:
        await self._feed.change(wanted)


class Plane:
    """A node with its world, and a market role on it, all in this process."""

    def __init__(self, node: Node, rpc: RpcChain, feed: Any) -> None:
        self.node, self.rpc, self.bus, self.clock = node, rpc, LocalBus(), WallClock()
        self.view = MarketView(venues())
        self.noted: list[Noted] = []
        self.events = self.bus.subscribe(MARKET, capacity=1_000_000)
        self.live = self.bus.subscribe(LIVE, capacity=1_000_000)
        log = make_log(level="ERROR", json=True, redactor=Redactor(), stream=io.StringIO())
        self.observer = Observer(log, CollectorRegistry())
        self.landed = Landed()
        node.chain.listeners.add(self.landed)
        self.world: list[asyncio.Task[Any]] = []
        self.role = MarketRole(
            feed=feed,
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
        known_mints = {where: pool.header.mint_a for where, pool in self.view.pools.items()}
        true.tell_mints(known_mints, 0)  # no account of a bonding curve tells its mint
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
async def running(
    *, world: bool = True, feed: Callable[[GeyserFeed], Any] = lambda feed: feed, slot_ms: int = SLOT_MS
) -> AsyncIterator[Plane]:
    node_options = NodeOptions(
        slot_ms=slot_ms, rpc_port=0, ws_port=0, geyser_port=0, jito_port=0, admin_port=0
    )
    async with contextlib.AsyncExitStack() as stack:
        node = await stack.enter_async_context(Node(node_options, genesis=genesis(SEED).accounts))
        rpc = await stack.enter_async_context(
            RpcChain(node.endpoints["rpc"], who="chain", options=RpcOptions(requests_per_second_max=10_000))
        )
        plane = Plane(node, rpc, feed(GeyserFeed(node.endpoints["geyser"])))
        tasks = [asyncio.create_task(node.clock.run()), asyncio.create_task(plane.role.run())]
        stack.push_async_callback(_stop, tasks)
        async with asyncio.timeout(WITHIN_S):
            await plane.role.ready.wait()
        if world:
            plane.world.append(asyncio.create_task(run_world(SEED, node.endpoints["rpc"], tick_ms=slot_ms)))
            stack.push_async_callback(_stop, plane.world)
        yield plane


async def _stop(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def settled(plane: Plane) -> None:
    """The world stands still and the plane has heard all of it."""
    await _stop(plane.world)
    slot = plane.node.chain.slot
    await plane.until(lambda: plane.view.slot > slot + 3, "the plane is up to date")
    await plane.until(lambda: not any(p.doubtful for p in plane.view.pools.values()), "no doubt is left")


async def test_thirty_cuts_of_the_stream_lose_no_trade_and_leave_the_chains_own_state() -> None:
    async with running() as plane:
        reads, pools = plane.role._reads.calls, len(plane.view.pools)
        plane.node.faults.add(FaultWish(kind=FaultKind.GEYSER_DISCONNECT, rate=0.25, times=30))
        cuts = plane.node.faults.counts
        await plane.until(lambda: cuts[FaultKind.GEYSER_DISCONNECT] >= 30, "thirty cuts")
        expected = await nothing_lost(plane)
        assert expected > 100
        # The replays were enough: a node was asked for what new pools are made of, once and once more to be sure.
        assert plane.role._reads.calls - reads <= 2 * (len(plane.view.pools) - pools)
        seen = plane.seen()
        assert seen.dropped["duplicate_transaction"] > 0, "the replays overlapped with what was known"
        assert seen.transactions >= expected


async def nothing_lost(plane: Plane) -> int:
    """How many trades there were, each told once and in order; the pools are the chain's, and the counts add up."""
    await settled(plane)
    trades = plane.trades()
    found = [(trade.swap.signature, trade.swap.position) for trade in trades]
    expected = await plane.expected_trades()
    assert set(found) == expected
    assert len(found) == len(expected), "a trade was told twice"
    slots = [trade.swap.slot for trade in trades]
    assert slots == sorted(slots)
    assert plane.differences() == []
    seen = plane.seen()
    assert (seen.gaps, seen.pools_quarantined) == (0, 0)
    assert seen.received == seen.passed + seen.held + sum(seen.dropped.values())
    return len(expected)


async def test_our_own_balances_are_told_on_the_market_topic_and_on_one_of_their_own() -> None:
    async with running(world=False) as plane:
        told = plane.bus.subscribe(WALLET_BALANCES, capacity=100)
        plane.node.chain.airdrop(Pubkey.from_string(address("nobody")), 7 * 10**9)
        async with asyncio.timeout(WITHIN_S):
            balance = await told.get()
        assert (balance.owner, balance.mint, balance.amount) == (address("nobody"), SYSTEM_PROGRAM, 7 * 10**9)
        assert balance in plane.events._waiting


async def test_a_fork_is_healed_by_reading_anew_and_its_trades_are_told_again() -> None:
    async with running() as plane:
        await plane.until(lambda: len(plane.trades()) > 20, "some trades")
        plane.node.faults.add(FaultWish(kind=FaultKind.FORK, rate=0.2, times=6, slots=3))
        forks = plane.node.faults.counts
        await plane.until(lambda: forks[FaultKind.FORK] >= 6, "six forks")
        await settled(plane)
        await plane.until(lambda: plane.differences() == [], "the view equals the chain")
        found = {(trade.swap.signature, trade.swap.position) for trade in plane.trades()}
        assert await plane.expected_trades() <= found
        assert plane.role._reads.calls > 0


async def test_what_a_fork_undid_and_nobody_sends_again_is_undone_in_the_view_too() -> None:
    async with running() as plane:
        await plane.until(lambda: len(plane.trades()) > 30, "some trades")
        await _stop(plane.world)
        latest = max(trade.swap.slot for trade in plane.trades())
        depth = plane.node.chain.slot - latest + 1
        dead = plane.node.chain.roll_back(depth, requeue=False)
        assert latest in dead, "the fork took no trade with it"
        assert plane.differences() != [], "the view should be wrong for a moment"
        await plane.until(lambda: plane.role._sequencer.is_dead(latest), "the plane has heard of it")
        await plane.until(lambda: plane.differences() == [], "the view equals the chain")
        await settled(plane)
        assert plane.differences() == []


@pytest.mark.parametrize("replays", [True, False])
async def test_a_hole_on_a_running_stream_is_replayed_or_else_read_anew(replays: bool) -> None:
    leaks: list[Leaky] = []

    def leaking(feed: GeyserFeed) -> Leaky:
        leaks.append(Leaky(feed, replays=replays))
        return leaks[0]

    async with running(feed=leaking) as plane:
        leaky = leaks[0]
        await plane.until(lambda: len(plane.trades()) > 10, "some trades")
        first = plane.node.chain.slot + 2
        leaky.lose = range(first, first + 5)
        await plane.until(lambda: plane.view.slot > first + 20, "the hole is behind us")
        await settled(plane)
        assert plane.differences() == []
        gaps = [event for event in plane.events._waiting if isinstance(event, MarketGap)]
        assert (gaps[0].first_slot, gaps[0].last_slot) == (first, first + 4)
        assert leaky.asked[1] is not None and leaky.asked[1] <= first
        told = generate_latest(plane.observer.registry).decode()
        plane.seen()
        found = {(trade.swap.signature, trade.swap.position) for trade in plane.trades()}
        if replays:
            assert found == await plane.expected_trades()
            assert 'chimera_feed_gaps_closed_total{outcome="filled"} 1.0' in told
        else:
            assert found < await plane.expected_trades()
            assert 'chimera_feed_gaps_closed_total{outcome="lost"} 1.0' in told


async def test_a_stream_away_for_longer_than_the_replay_window_is_named_and_the_pools_read_anew() -> None:
    async with running() as plane:
        await plane.until(lambda: len(plane.trades()) > 10, "some trades")
        away = plane.node.faults.add(FaultWish(kind=FaultKind.GEYSER_DOWN))
        slot = plane.node.chain.slot
        await plane.until(lambda: plane.role.state == "reconnecting", "the stream is lost")
        for _ in range(160):  # more slots than Geyser replays
            plane.node.chain.advance_slot()
        plane.node.faults.clear(away.id)
        await plane.until(lambda: plane.role.state == "connected", "the stream is back")
        await settled(plane)
        gaps = [event for event in plane.events._waiting if isinstance(event, MarketGap)]
        assert gaps
        assert gaps[-1].first_slot <= slot + 2 and gaps[-1].last_slot > slot + 150
        assert plane.differences() == []


async def test_a_layout_that_nobody_knows_stops_buys_on_its_pool_until_it_is_gone() -> None:
    async with running(world=False) as plane:
        where, pool = next((a, p) for a, p in plane.view.pools.items() if p.venue.name == "raydium_cpmm")
        key = Pubkey.from_string(where)
        good = plane.node.chain.bank.account(key)
        assert good is not None
        write(plane, key, bytes(good.data)[:400])
        await plane.until(lambda: pool.doubtful is not None, "the pool is quarantined")
        assert plane.seen().pools_quarantined == 1
        assert where in plane.seen().quarantine_reasons[0]
        buy = QuoteRequest(pool.header.mint_a, SwapKind.EXACT_IN, 1_000)
        assert pool.quote(buy, plane.view.moment()), "the last good state still quotes, for exits"
        routes = best_route(
            plane.view,
            input_mint=pool.header.mint_a,
            output_mint=pool.header.mint_b,
            amount=1_000,
            doubtful=False,
        )
        assert isinstance(routes, Refusal) or all(quote.pool != where for quote in routes.quotes)
        write(plane, key, bytes(good.data))
        await plane.until(lambda: pool.doubtful is None, "the pool is released")
        assert [noted.what for noted in plane.noted] == ["pool quarantined", "pool released"]
        assert plane.seen().pools_quarantined == 0
        told = generate_latest(plane.observer.registry).decode()
        assert 'chimera_layout_drift_total{role="pool",venue="raydium_cpmm"} 1.0' in told


def write(plane: Plane, key: Pubkey, data: bytes) -> None:
    """The chain itself writes an account, as a program upgrade could."""
    chain = plane.node.chain
    known = chain.bank.account(key)
    assert known is not None
    account = type(known)(known.lamports, data, known.owner, False, known.rent_epoch)
    chain.bank.put(key, account)
    chain.listeners.account_written(AccountWritten(key, account, chain.slot, next(VERSIONS), None))


async def test_program_accounts_are_asked_for_at_the_start_and_never_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    decide = Faults.intercept

    async def counted(self: Faults, method: str) -> FaultDecision:
        asked.append(method)
        return await decide(self, method)

    monkeypatch.setattr(Faults, "intercept", counted)
    async with running() as plane:
        at_start = asked.count("getProgramAccounts")
        assert (
            0
            < at_start
            == sum(
                wanted.owner == venue.program
                for venue in plane.view.venues.values()
                for wanted in venue.prefilter.accounts
            )
        )
        plane.node.faults.add(FaultWish(kind=FaultKind.GEYSER_DISCONNECT, times=2))
        plane.node.faults.add(FaultWish(kind=FaultKind.FORK, times=1))
        await plane.until(lambda: len(plane.trades()) > 60, "a while of trading, two cuts and a fork")
        assert asked.count("getProgramAccounts") == at_start
