"""`chimera run --roles market` as users start it: another process follows its pools, whoever is killed in between."""

import asyncio
import contextlib
import io
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from solders.pubkey import Pubkey
from tests.nats_server import NatsServer

from chimera.adapters.bus_nats import NatsBus
from chimera.adapters.clocks import WallClock
from chimera.adapters.pool_cache import PoolCache
from chimera.domain.chain import Account, AccountUpdate
from chimera.domain.ids import Address, Slot
from chimera.domain.live import LiveMessage, MarketSeen
from chimera.domain.market import MarketEvent, Trade
from chimera.domain.record import Maker
from chimera.localnet.genesis import genesis
from chimera.localnet.node import Node, NodeOptions
from chimera.localnet.world_runner import run_world
from chimera.market.view import MarketView
from chimera.observe import Observer, Redactor, make_log
from chimera.plugins import venues
from chimera.roles.pool_sharing import PoolFollower
from chimera.roles.topics import LIVE, MARKET

WITHIN_S = 40.0


class Child:
    """The process under test."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.environ = {"PATH": os.environ["PATH"], "CHIMERA_DATA_DIR": str(folder), **settings}
        self.folder, self.said = folder, {}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "chimera", "run", "--roles", "market",
            env=self.environ, cwd=self.folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), WITHIN_S)
        assert line, f"it ended with {await self._process.wait()}"
        self.said = json.loads(line)

    async def end(self) -> int:
        """Asks it to stop, and says how it did."""
        assert self._process is not None
        self._process.terminate()
        return await asyncio.wait_for(self._process.wait(), WITHIN_S)

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


async def until(met: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not met():
        assert time.monotonic() < deadline, f"not within {WITHIN_S} s: {what}"
        await asyncio.sleep(0.05)


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    options = NodeOptions(slot_ms=100, rpc_port=0, ws_port=0, geyser_port=0, jito_port=0, admin_port=0)
    async with Node(options, genesis=genesis(7).accounts) as running:
        tasks = [
            asyncio.create_task(running.clock.run()),
            asyncio.create_task(run_world(7, running.endpoints["rpc"], tick_ms=200)),
        ]
        yield running
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def as_the_chain(view: MarketView, node: Node) -> bool:
    """Whether every pool's reserves are what the chain's accounts say now."""
    true = MarketView(venues())
    known_mints = {where: pool.header.mint_a for where, pool in view.pools.items()}
    true.tell_mints(known_mints, 0)  # no account of a bonding curve tells its mint
    for _ in range(2):
        for where in {*view.pools, *view.addresses}:
            raw = node.chain.bank.account(Pubkey.from_string(where))
            if raw is not None:
                account = Account(where, Address(str(raw.owner)), raw.lamports, bytes(raw.data))
                true.apply(AccountUpdate(account, Slot(1), 0), 0)
    return bool(view.pools) and all(
        pool.venue.reserves(pool.state) == pool.venue.reserves(true.pools[where].state)
        for where, pool in view.pools.items()
    )


@pytest.mark.slow
async def test_a_follower_has_the_chains_pools_through_kills_of_market_and_nats(
    node: Node, tmp_path: Path
) -> None:
    server = NatsServer(tmp_path)
    await server.start()
    (tmp_path / "data").mkdir()
    child = Child(
        tmp_path / "data",
        CHIMERA_NATS__URL=server.url,
        CHIMERA_NATS__METRICS_PORT="0",
        CHIMERA_RPC__PRIMARY_URL=node.endpoints["rpc"],
        CHIMERA_RPC__RATE_PER_S="1000",
        CHIMERA_GEYSER__URL=node.endpoints["geyser"],
    )
    maker = Maker(component="execution-engine", build="t", run_id="r")
    log = make_log(level="ERROR", json=True, redactor=Redactor(), stream=io.StringIO())
    observer = Observer(log, CollectorRegistry())
    types: dict[str, Any] = {MARKET: MarketEvent, LIVE: LiveMessage}
    try:
        await child.start()
        async with NatsBus(server.url, types=types, maker=maker, clock=WallClock(), observer=observer) as bus:
            events, live = bus.subscribe(MARKET, capacity=100_000), bus.subscribe(LIVE, capacity=1_000)
            view, clock = MarketView(venues()), WallClock()
            cache = PoolCache(lambda: bus.client, maker=maker, now_ms=clock.now_ms)
            follower = PoolFollower(view=view, cache=cache, bus=bus, clock=clock, observer=observer)
            following = asyncio.create_task(follower.run())
            await asyncio.wait_for(follower.ready.wait(), WITHIN_S)
            await until(lambda: as_the_chain(view, node), "the follower has the chain's pools")
            await until(
                lambda: any(isinstance(event, Trade) for event in events._waiting), "trades are heard"
            )
            await until(
                lambda: any(isinstance(message, MarketSeen) for message in live._waiting), "it says how it is"
            )
            async with aiohttp.ClientSession() as session, session.get(child.said["metrics"]) as answer:
                metrics = await answer.text()
            assert 'chimera_feed_items_total{fate="passed"}' in metrics
            assert "chimera_feed_items_received_total" in metrics

            await child.kill()
            slot = view.slot
            await child.start()
            await until(lambda: view.slot > slot + 3, "the market process is heard again")
            await until(lambda: as_the_chain(view, node), "and its pools are the chain's")

            server.kill()
            await asyncio.sleep(0.5)
            await server.start()
            slot = view.slot
            await until(lambda: view.slot > slot + 3, "the bus carries again")
            await until(lambda: as_the_chain(view, node), "and nothing of the pools is lost")
            assert await child.end() == 0
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
    finally:
        await child.kill()
        server.kill()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "nats.url"),
        (
            {"CHIMERA_NATS__URL": "nats://127.0.0.1:1", "CHIMERA_SECURITY__VAULT_PASSPHRASE": "x" * 12},
            "must not be able to",
        ),
    ],
)
async def test_a_market_process_without_a_bus_or_with_a_key_refuses_to_start(
    tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chimera", "run", "--roles", "market",
        env={"PATH": os.environ["PATH"], "CHIMERA_DATA_DIR": str(tmp_path), **settings}, cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, stderr = await asyncio.wait_for(process.communicate(), WITHIN_S)
    assert process.returncode == 2
    assert said in stderr.decode()
