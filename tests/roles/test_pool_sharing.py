"""A market process gives its pools away; another one has them all, after a restart of any of the three."""

import asyncio
import contextlib
import io
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest
from nats.js.api import StorageType
from prometheus_client import CollectorRegistry
from tests.nats_server import NatsServer

from chimera.adapters.bus_nats import NatsBus
from chimera.adapters.clocks import WallClock
from chimera.adapters.pool_cache import PoolCache
from chimera.domain.chain import Account, AccountUpdate
from chimera.domain.ids import TOKEN_PROGRAM, WSOL, Slot
from chimera.domain.market import MarketEvent
from chimera.domain.record import Maker
from chimera.localnet.genesis import genesis
from chimera.market.view import MarketView
from chimera.observe import Observer, Redactor, make_log
from chimera.plugins import venues
from chimera.roles.pool_sharing import PoolFollower, PoolGiver
from chimera.roles.topics import MARKET
from chimera.testing.builders import address
from chimera.venues.pumpfun.layout import BONDING_CURVE, CURVE_BYTES, PROGRAM, curve_address

WITHIN_S = 40.0
WRAPPED = Account(WSOL, TOKEN_PROGRAM, 1, bytes(44) + bytes((9, 1)) + bytes(36))
ACCOUNTS = {WSOL: WRAPPED} | {
    found.address: Account(found.address, found.owner, found.lamports, bytes(found.data))
    for found in genesis(7).accounts
}


async def until(met: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not met():
        assert time.monotonic() < deadline, f"not within {WITHIN_S} s: {what}"
        await asyncio.sleep(0.02)


class Process:
    """A view with its bus, cache and loop, as one process has them."""

    def __init__(self, bus: NatsBus, *, gives: bool) -> None:
        maker = Maker(component="market-data" if gives else "execution-engine", build="t", run_id="r")
        log = make_log(level="ERROR", json=True, redactor=Redactor(), stream=io.StringIO())
        self.bus, self.clock = bus, WallClock()
        self.view = MarketView(venues(), keep_raw=gives)
        cache = PoolCache(lambda: bus.client, maker=maker, now_ms=self.clock.now_ms)
        kind = PoolGiver if gives else PoolFollower
        self.loop = kind(
            view=self.view,
            cache=cache,
            bus=bus,
            clock=self.clock,
            observer=Observer(log, CollectorRegistry()),
        )

    def fold(self, account: Account, slot: int) -> None:
        for event in self.view.apply(AccountUpdate(account, Slot(slot), slot), slot):
            self.bus.publish(MARKET, event)


@asynccontextmanager
async def process(server: NatsServer, *, gives: bool) -> AsyncIterator[Process]:
    maker = Maker(component="market-data" if gives else "execution-engine", build="t", run_id="r")
    log = make_log(level="ERROR", json=True, redactor=Redactor(), stream=io.StringIO())
    observer = Observer(log, CollectorRegistry())
    types = {MARKET: MarketEvent}
    async with NatsBus(server.url, types=types, maker=maker, clock=WallClock(), observer=observer) as bus:
        made = Process(bus, gives=gives)
        running = asyncio.create_task(made.loop.run())
        try:
            yield made
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    made = NatsServer(tmp_path)
    await made.start()
    yield made
    made.kill()


def equal(one: MarketView, other: MarketView) -> bool:
    return {a: p.state for a, p in one.pools.items()} == {a: p.state for a, p in other.pools.items()}


def a_vault(view: MarketView) -> Account:
    pool = next(found for found in view.pools.values() if found.venue.name == "raydium_cpmm")
    return ACCOUNTS[pool.venue.roles(pool.state)["vault_0"]]


def holding(vault: Account, amount: int) -> Account:
    return Account(
        vault.address, vault.owner, 1, vault.data[:64] + amount.to_bytes(8, "little") + vault.data[72:]
    )


async def test_a_process_that_starts_later_has_the_last_state_of_every_pool(server: NatsServer) -> None:
    async with process(server, gives=True) as giver:
        for slot in (5, 6):
            for account in ACCOUNTS.values():
                giver.fold(account, slot)
        vault = a_vault(giver.view)
        for number in range(50):
            giver.fold(holding(vault, 7 * 10**9 + number), 10 + number)
        async with process(server, gives=False) as first:
            await until(lambda: equal(first.view, giver.view), "the first follower has all pools")
            giver.fold(holding(vault, 5 * 10**9), 100)
            await until(lambda: equal(first.view, giver.view), "and follows")
    async with process(server, gives=False) as later:  # the giver is gone: NATS alone remembers
        await asyncio.wait_for(later.loop.ready.wait(), WITHIN_S)
        assert equal(later.view, giver.view)
        assert later.loop.adopted == len(giver.view.pools), "one message a pool"
        assert len(later.view.pools) > 5


async def test_the_stream_is_as_documented(server: NatsServer) -> None:
    async with process(server, gives=True) as giver:
        for slot in (5, 6):
            for account in ACCOUNTS.values():
                giver.fold(account, slot)
        client = await nats.connect(server.url)
        js = client.jetstream()

        async def kept() -> int:
            with contextlib.suppress(nats.js.errors.NotFoundError):
                return (await js.stream_info("POOL_CACHE")).state.messages
            return 0

        deadline = time.monotonic() + WITHIN_S
        while await kept() < len(giver.view.pools):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        config = (await js.stream_info("POOL_CACHE")).config
        assert (config.storage, config.max_msgs_per_subject) == (StorageType.FILE, 1)
        assert (config.max_age, config.allow_rollup_hdrs) == (7 * 86_400, True)
        some = next(iter(giver.view.pools))
        message = await js.get_last_msg("POOL_CACHE", f"ironcrab.pool_cache.{some}")
        assert message.headers is not None
        assert message.headers["Nats-Rollup"] == "sub"
        await client.close()


async def test_killing_nats_under_load_loses_no_pools_newest_state(server: NatsServer) -> None:
    async with process(server, gives=True) as giver, process(server, gives=False) as follower:
        for slot in (5, 6):
            for account in ACCOUNTS.values():
                giver.fold(account, slot)
        await until(lambda: equal(follower.view, giver.view), "the follower has all pools")
        vault = a_vault(giver.view)
        for number in range(200):
            giver.fold(holding(vault, 7 * 10**9 + number), 10 + number)
            if number == 60:
                server.kill()
            if number == 140:
                await server.start()
            await asyncio.sleep(0.01)
        await until(lambda: equal(follower.view, giver.view), "both agree after the restart")


async def test_a_pool_that_the_giver_doubts_is_not_bought_from_by_those_who_follow(
    server: NatsServer,
) -> None:
    async with process(server, gives=True) as giver, process(server, gives=False) as follower:
        for slot in (5, 6):
            for account in ACCOUNTS.values():
                giver.fold(account, slot)
        await until(lambda: equal(follower.view, giver.view), "the follower has all pools")
        doubt = giver.view.doubt_since(0, "gap: test")
        pools = follower.view.pools.values()
        await until(lambda: all(pool.doubtful is not None for pool in pools), "all are doubted")
        giver.view.trust(doubt)
        await until(lambda: all(pool.doubtful is None for pool in pools), "and trusted again")


MINT = address("a coin")
COIN = Account(MINT, TOKEN_PROGRAM, 1, WRAPPED.data)
RESERVES = (10**15, 30 * 10**9, 8 * 10**14, 10**9, 10**15)


def a_curve(virtual_tokens: int) -> Account:
    """Of a pump.fun coin: its account does not say which."""
    numbers = b"".join(value.to_bytes(8, "little") for value in (virtual_tokens, *RESERVES[1:]))
    data = (BONDING_CURVE + numbers).ljust(CURVE_BYTES, b"\0")
    return Account(curve_address(MINT), PROGRAM, 1, data)


async def test_what_only_transactions_tell_outlives_the_giver_that_heard_it(server: NatsServer) -> None:
    curve = a_curve(10**15)
    async with process(server, gives=False) as follower:
        async with process(server, gives=True) as first:
            first.view.tell_mints({curve.address: MINT}, 0)
            for slot in (5, 6):
                for account in (*ACCOUNTS.values(), COIN, curve):
                    first.fold(account, slot)
            await until(lambda: curve.address in follower.view.pools, "the follower has the curve")
        # it trades on while nobody gives
        async with process(server, gives=True) as second:
            assert await second.loop.remember() == 6
            for slot in (8, 9):
                for account in (*ACCOUNTS.values(), COIN, a_curve(10**15 - 7)):
                    second.fold(account, slot)
            second.loop.tell_absence(6)
            await second.loop.doubt_the_missing()
            await until(lambda: equal(follower.view, second.view), "both have the curve as it is now")
            assert curve.address in second.view.pools
            assert all(pool.doubtful is None for pool in follower.view.pools.values())


async def test_a_pool_that_the_next_giver_does_not_find_is_not_bought_from(server: NatsServer) -> None:
    async with process(server, gives=True) as first:
        for slot in (5, 6):
            for account in ACCOUNTS.values():
                first.fold(account, slot)
        lost = a_vault(first.view)
        (gone,) = [a for a in first.view.pools if lost.address in first.view.accounts_of(a)]
        async with process(server, gives=False) as early:
            await until(lambda: equal(early.view, first.view), "all are known")
    async with process(server, gives=True) as second, process(server, gives=False) as follower:
        await second.loop.remember()
        for slot in (5, 6):
            for account in ACCOUNTS.values():
                if account.address != gone:
                    second.fold(account, slot)
        await second.loop.doubt_the_missing()
        await until(
            lambda: gone in follower.view.pools and follower.view.pools[gone].doubtful is not None,
            "it is held in doubt",
        )
        assert [a for a, pool in follower.view.pools.items() if pool.doubtful] == [gone]


async def test_a_fork_that_took_the_giver_back_takes_the_followers_back_too(server: NatsServer) -> None:
    async with process(server, gives=True) as giver, process(server, gives=False) as follower:
        for slot in (5, 6):
            for account in ACCOUNTS.values():
                giver.fold(account, slot)
        vault = a_vault(giver.view)
        giver.fold(holding(vault, 9 * 10**9), 20)
        await until(lambda: equal(follower.view, giver.view), "the follower has all pools")
        doubt = giver.view.undo(20)
        (pool,) = [where for where in doubt.pools if vault.address in giver.view.accounts_of(where)]
        read = {where: ACCOUNTS[where] for where in giver.view.accounts_of(pool)}
        for event in giver.view.reread(doubt, pool, read, Slot(19), 0) or []:
            giver.bus.publish(MARKET, event)
        await until(lambda: equal(follower.view, giver.view), "the follower went back too")
