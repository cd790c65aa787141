"""A desk on paper, on the embedded chain: it trades with the world's wallets, and the chain never hears of it."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from tests.flow.running_desk import RunningDesk, soon

from chimera.adapters.journal_segments import read_folder
from chimera.adapters.rpc import RpcChain
from chimera.demo.processes import Child
from chimera.demo.stage import PASSPHRASE_VARIABLE, Stage
from chimera.domain.errors import ConfigError
from chimera.domain.messages import CapitalMoved, Entry, LegLanded, LegSigned, Reconciled, TradeMoved
from chimera.domain.trade import TradeState

SOL = 10**9
CAPITAL = 7 * SOL
WITHIN_S = 90.0


class Ear:
    """Between a desk and an endpoint: passes everything on, and counts what was asked for."""

    def __init__(self, behind: str) -> None:
        self._behind, self.asked, self.url = behind.rstrip("/"), list[str](), ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Ear"]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        async with aiohttp.ClientSession() as self._session:
            runner = web.AppRunner(app)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            try:
                yield self
            finally:
                await runner.cleanup()

    async def _pass_on(self, request: web.Request) -> web.Response:
        body = await request.read()
        if body:
            said = json.loads(body)
            self.asked += [call["method"] for call in (said if isinstance(said, list) else [said])]
        async with self._session.request(
            request.method,
            self._behind + request.path_qs,
            data=body,
            headers={"Content-Type": "application/json"},
        ) as answer:
            return web.Response(
                status=answer.status, body=await answer.read(), content_type="application/json"
            )


class PaperStage(Stage):
    """Nobody gives the wallet anything, and the desk is started on paper, without the vault's passphrase."""

    extra: Mapping[str, str] = {}

    async def _fund(self, rpc: RpcChain) -> None:
        endpoints = dict(self.endpoints)
        self.node = await self._stack.enter_async_context(Ear(endpoints["rpc"]).listening())
        self.engine = await self._stack.enter_async_context(Ear(endpoints["jito"]).listening())

    async def _child(self, name: str, arguments: list[str], environ: Mapping[str, str]) -> Child:
        if name == "desk":
            arguments = [*arguments, "--paper", "--capital", "7", "--landing", "dropped_bps=100"]
            environ = {key: value for key, value in environ.items() if key != PASSPHRASE_VARIABLE}
            environ = {**environ, **self.extra}
        return await super()._child(name, arguments, environ)

    def _settings(self) -> dict[str, Any]:
        settings = super()._settings()
        settings["rpc"]["primary_url"], settings["jito"]["url"] = self.node.url, self.engine.url
        settings["copy_trade"] = {
            style: {**settings["copy_trade"][style], "time_exit_s": 6} for style in ("shield", "spear")
        }
        return settings


class PaperDesk(RunningDesk):
    @property
    def books(self) -> Path:
        return self.folder / "paper"

    def journal(self) -> list[Entry]:
        return list(read_folder(self.books / "journal"))

    def landed(self) -> list[dict[str, Any]]:
        """The chain's own record, without its first line."""
        return [json.loads(line) for line in (self.books / "chain.jsonl").read_text().splitlines()][1:]

    def closed(self) -> list[TradeMoved]:
        return [fact for fact in self.facts(TradeMoved) if fact.after is TradeState.CLOSED]


@asynccontextmanager
async def paper_stage(folder: Path) -> AsyncIterator[PaperStage]:
    async with PaperStage(seed=7, port=0, data_dir=folder, environ=os.environ) as stage:
        yield stage


async def agrees(desk: PaperDesk) -> dict[str, Any]:
    """The overview once books and simulated chain were compared and found equal."""
    async with asyncio.timeout(60):
        while True:
            overview = (await desk.ask("GET", "/api/v1/overview")).json
            if overview["ledger_matches_chain"]:
                return overview
            await asyncio.sleep(0.3)


async def test_a_desk_on_paper_trades_round_trips_of_which_the_chain_never_hears(tmp_path: Path) -> None:
    async with paper_stage(tmp_path) as stage:
        child, url = await stage.desk()
        desk = PaperDesk(stage, child, url)
        health = await desk.ask("GET", "/api/v1/health")
        assert health.json["mode"] == health.headers["x-chimera-mode"] == "paper"
        assert 'target_info{mode="paper"} 1.0' in (await desk.ask("GET", "/metrics")).text
        await soon(lambda: len(desk.closed()) >= 2, within_s=WITHIN_S)
        assert {line["mode"] for line in desk.log()} == {"paper"}

        # a kill in the middle: what landed is known, what was on its way is taken up
        os.kill(child.pid, 9)
        await child.wait()
        before = desk.journal()
        child, url = await stage.desk()
        desk = PaperDesk(stage, child, url)
        assert desk.journal()[: len(before)] == before
        closed = len(desk.closed())
        await soon(lambda: len(desk.closed()) > closed, within_s=WITHIN_S)
        overview = await agrees(desk)
        assert all(
            fact.expected_lamports == fact.actual_lamports and not fact.token_differences
            for fact in desk.facts(Reconciled)
        )

        # the books, opened once, and the chain's own record tell the same
        (opening,) = desk.facts(CapitalMoved)
        assert opening.lamports == CAPITAL
        fills = desk.facts(LegLanded)
        landed = {line["signature"] for line in desk.landed()}
        assert (
            {fact.fill.signature for fact in fills} <= landed <= {f.signature for f in desk.facts(LegSigned)}
        )
        assert 0 < int(overview["balance_lamports"]) != CAPITAL

        # nothing was ever sent, and the chain does not know the wallet
        told = {"sendTransaction", "sendBundle", "simulateTransaction", "simulateBundle"}
        assert "getMultipleAccounts" in stage.node.asked and not told & {
            *stage.node.asked,
            *stage.engine.asked,
        }
        (wallet,) = {line["accounts"][0] for line in desk.landed()}
        async with RpcChain(stage.endpoints["rpc"]) as rpc:
            assert await rpc.accounts([wallet]) == ((await rpc.accounts([wallet]))[0], (None,))
            assert await rpc.signatures_of(wallet, after_slot=0) == ()
        await desk.child.stop()


async def test_a_desk_on_paper_with_a_key_within_reach_refuses_to_start(tmp_path: Path) -> None:
    async with paper_stage(tmp_path) as stage:
        stage.extra = {PASSPHRASE_VARIABLE: stage._passphrase}
        with pytest.raises(ConfigError, match="must not be able to"):
            await stage.desk()
        assert not (stage.folder / "paper").exists()
