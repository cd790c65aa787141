"""The house loses its primary node, or its block engine: Shield trades on, Spear waits, and it comes back by itself.

A real desk in its own process. The chain runs in ours, so that it can have a second front as the fallback node:
faults of the admin port strike the first front alone.
"""

import asyncio
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.flow.running_desk import RunningDesk, soon

from chimera.demo.processes import Child
from chimera.demo.stage import Stage
from chimera.domain.ids import WSOL
from chimera.domain.intent import Side
from chimera.domain.messages import ConfigChanged, LegLanded, LegPlanned, LegSent
from chimera.localnet.genesis import genesis
from chimera.localnet.node import Node, NodeOptions
from chimera.localnet.rpc import RpcFront
from chimera.localnet.rpc_http import RpcHttp, RpcHttpOptions
from chimera.localnet.traders import roster

SEED = 7
PROBE_S = 4


class Here:
    """What the stage takes for a process: it is in ours."""

    def __init__(self, said: dict[str, str]) -> None:
        self._said = said

    async def first_line(self) -> dict[str, Any]:
        return dict(self._said)


class TwoFronts(Stage):
    """A stage whose chain has a second RPC front, which no fault strikes; no world trades beside us."""

    fallback = ""

    async def _child(self, name: str, arguments: list[str], environ: Mapping[str, str]) -> Child:
        if name == "chain":
            return await self._chain_here()  # type: ignore[return-value]
        if name == "world":
            return Here({})  # type: ignore[return-value]
        return await super()._child(name, arguments, environ)

    async def _chain_here(self) -> Here:
        options = NodeOptions(
            slot_ms=200, rpc_port=0, ws_port=0, geyser_port=0, jito_port=0, admin_port=0, seed=self.seed
        )
        node = await self._stack.enter_async_context(Node(options, genesis=genesis(self.seed).accounts))
        spare = RpcHttp(RpcFront(node.chain), RpcHttpOptions(port=0))
        self.fallback = f"http://127.0.0.1:{await spare.start()}"
        self._stack.push_async_callback(spare.stop)
        slots = asyncio.create_task(node.clock.run())
        self._stack.callback(slots.cancel)
        return Here(node.endpoints)

    def _settings(self) -> dict[str, Any]:
        settings = super()._settings()
        settings["rpc"] |= {"fallback_url": self.fallback, "probe_s": PROBE_S}
        settings["jito"] |= {"poll_s": 1}
        return settings


class Story:
    def __init__(self, stage: TwoFronts, desk: RunningDesk) -> None:
        self.stage, self.desk = stage, desk

    async def fault(self, **wish: Any) -> None:
        await self._admin("POST", json=wish)

    async def heal(self) -> None:
        await self._admin("DELETE")

    async def struck(self) -> list[str]:
        """Methods of the first front that a fault befell, in order."""
        return [str(one["method"]) for one in (await self._admin("GET"))["injected"]]

    async def _admin(self, verb: str, **sent: Any) -> Any:
        url = f"{self.stage.endpoints['admin']}/faults"
        async with aiohttp.ClientSession() as session, session.request(verb, url, **sent) as answer:
            assert answer.ok, await answer.text()
            return await answer.json()

    def switches(self) -> list[ConfigChanged]:
        return [fact for fact in self.desk.facts(ConfigChanged) if fact.key == "rpc.active"]

    async def rpc_status(self) -> dict[str, Any]:
        said = await self.desk.ask("GET", "/api/v1/config")
        return said.json["rpc_status"]  # type: ignore[no-any-return]

    async def told(self, active: str) -> dict[str, Any]:
        """The screens' word, once they say what the journal says."""
        async with asyncio.timeout(60):
            while (status := await self.rpc_status())["active"] != active:
                await asyncio.sleep(0.1)
        return status

    async def buys(self, token: str, wallet: str) -> LegLanded:
        """A Shield signal that lands on the chain."""
        before = len(self.landed())
        said = await self.desk.signal(token=token, wallet_address=wallet)
        assert said.status == 200, said.text
        await soon(lambda: len(self.landed()) > before)
        return self.landed()[-1]

    def landed(self) -> list[LegLanded]:
        return [fact for fact in self.desk.facts(LegLanded) if fact.fill.side is Side.BUY]

    def lane(self, landed: LegLanded) -> str:
        return next(str(fact.lane) for fact in self.desk.facts(LegSent) if fact.leg == landed.leg)

    async def audit_rows(self) -> list[tuple[str, str, str]]:
        with sqlite3.connect(self.desk.folder / "chimera.db") as tables:
            query = (
                "SELECT key, old_value, new_value FROM config_audit WHERE key = 'rpc.active' ORDER BY rowid"
            )
            return tables.execute(query).fetchall()


@asynccontextmanager
async def story(folder: Path, **environ: str) -> AsyncIterator[Story]:
    stage = TwoFronts(seed=SEED, port=0, data_dir=folder, environ=os.environ | environ)
    async with stage:
        child, url = await stage.desk()
        yield Story(stage, RunningDesk(stage, child, url))


def active_wallet() -> str:
    return next(str(wallet.address) for wallet in roster(SEED) if wallet.status == "ACTIVE")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wish", "who"),
    [
        ({"kind": "server_error", "status": 503}, "the primary failed 3 times in a row"),
        ({"kind": "jito_down"}, "the block engine failed 3 times in a row"),
    ],
)
async def test_the_house_goes_to_its_fallback_and_comes_back(
    tmp_path: Path, wish: dict[str, Any], who: str
) -> None:
    wallet = active_wallet()
    async with story(tmp_path) as told:
        desk = told.desk
        assert await told.rpc_status() | {"primary": "", "fallback": ""} == {
            "primary": "", "fallback": "", "active": "primary", "fallback_triggered": False,
        }  # fmt: skip
        first = await told.buys("BONK", wallet)
        assert (told.lane(first), first.fill.tip_lamports) == ("bundle", 1_000_000)  # Shield offers the floor

        await told.fault(**wish)
        (away,) = await soon(told.switches)
        assert (away.old, away.new, away.by) == ("primary", "fallback", "house")
        assert away.cause.startswith(who)
        status = await told.told("fallback")
        assert status["fallback_triggered"] is True
        health = (await desk.ask("GET", "/api/v1/health")).json
        assert (health["status"], health["rpc"]["endpoint"]) == ("degraded", "fallback")

        refused = await desk.signal(strategy="SPEAR", token="KITE", wallet_address=wallet)
        assert refused.json["reason"] == "STRATEGY_DISABLED"
        second = await told.buys("KITE", wallet)
        assert (told.lane(second), second.fill.tip_lamports) == ("fallback", 0)
        left = await desk.signal(strategy="EXIT", action="SELL", token="BONK", wallet_address=wallet)
        assert left.status == 200, left.text
        await soon(lambda: [fact for fact in desk.facts(LegLanded) if fact.fill.side is Side.SELL])

        await told.heal()
        await soon(lambda: len(told.switches()) == 2)
        assert (told.switches()[1].old, told.switches()[1].new) == ("fallback", "primary")
        assert (await told.told("primary"))["fallback_triggered"] is False
        spear = await desk.signal(strategy="SPEAR", token="BONK", wallet_address=wallet, amount_sol=0.2)
        assert spear.status == 200, spear.text
        await soon(lambda: len(told.landed()) == 3)
        assert told.lane(told.landed()[2]) == "bundle"
        assert told.landed()[2].fill.tip_lamports == 2_000_000  # cold: twice the floor
        # the first leg of a route asks for the default, the next for what simulation taught, not below the floor
        asked: dict[tuple[str, ...], list[int]] = {}
        for plan in desk.facts(LegPlanned):
            route = (str(plan.hops[0].input_mint == WSOL), *(hop.venue for hop in plan.hops))
            asked.setdefault(route, []).append(plan.compute_units)
        assert {units[0] for units in asked.values()} == {180_000}
        assert {later for units in asked.values() for later in units[1:]} == {100_000}
        rows = [("rpc.active", "primary", "fallback"), ("rpc.active", "fallback", "primary")]
        async with asyncio.timeout(60):
            while await told.audit_rows() != rows:
                await asyncio.sleep(0.1)


@pytest.mark.slow
async def test_a_house_whose_primary_is_dead_starts_on_its_fallback_and_trades_shield(tmp_path: Path) -> None:
    wallet = active_wallet()
    async with story(tmp_path, CHIMERA_RPC__PRIMARY_URL="http://127.0.0.1:9", CHIMERA_JITO__URL="") as told:
        (away,) = await soon(told.switches)
        assert away.new == "fallback"
        assert told.lane(await told.buys("BONK", wallet)) == "fallback"
        assert (await told.told("fallback"))["primary"] == "http://127.0.0.1:9"


@pytest.mark.slow
async def test_a_desk_killed_while_away_is_still_away_and_returns_once_the_primary_is_well(
    tmp_path: Path,
) -> None:
    async with story(tmp_path, CHIMERA_RPC__PROBE_S="3600") as told:
        await told.fault(kind="server_error")
        await soon(told.switches)
        for healed in (False, True):
            os.kill(told.desk.child.pid, signal.SIGKILL)
            await told.desk.child.wait()
            if healed:
                await told.heal()
            told.desk.child, told.desk.url = await told.stage.desk()
            await told.told("primary" if healed else "fallback")
            assert len(told.switches()) == (2 if healed else 1)
