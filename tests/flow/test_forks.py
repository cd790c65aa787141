"""A running desk on a chain that undoes what had been confirmed: the books follow it, and nothing is signed twice."""

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
from tests.flow.test_failover import Here, active_wallet

from chimera.adapters.journal_segments import verify
from chimera.audit.replay import replay
from chimera.demo.processes import Child
from chimera.demo.stage import Stage
from chimera.domain.messages import (
    LegExpired,
    LegFinalized,
    LegLanded,
    LegRebooked,
    LegSigned,
    LegUndone,
    TradeMoved,
)
from chimera.domain.trade import TradeState
from chimera.portfolio import Ledger

SEED = 7

# confirmed lags by 2 slots here, finality by 32


class Quiet(Stage):
    """No world trades beside us."""

    async def _child(self, name: str, arguments: list[str], environ: Mapping[str, str]) -> Child:
        if name == "world":
            return Here({})  # type: ignore[return-value]
        return await super()._child(name, arguments, environ)


@asynccontextmanager
async def bought(folder: Path) -> AsyncIterator[RunningDesk]:
    """A desk with one confirmed buy, whose slot is not final; books and chain are compared at the end."""
    stage = Quiet(seed=SEED, port=0, data_dir=folder, environ=os.environ)
    async with stage:
        child, url = await stage.desk()
        desk = RunningDesk(stage, child, url)
        await _admin(stage, "slots", {"duration_ms": 60})
        await _until_slot(stage, 45)  # what the stage was set with is final
        await _admin(stage, "slots", {"duration_ms": 200})
        said = await desk.signal(wallet_address=active_wallet())
        assert said.status == 200, said.text
        await soon(lambda: desk.facts(LegLanded))
        yield desk
        await desk.child.stop()
        lamports, tokens = await stage.holdings()
    ledger = Ledger()
    for entry in desk.journal():
        ledger.apply(entry)
    held = {mint: amount for mint, amount in ledger.tokens.items() if amount}
    assert (ledger.lamports, held) == (lamports, tokens)
    assert verify(desk.folder / "journal").ok
    assert replay(desk.journal()).differences == ()


@pytest.mark.slow
@pytest.mark.parametrize("rebroadcast", [True, False])
async def test_a_fork_below_confirmed_is_noticed_and_the_same_transaction_lands_again(
    tmp_path: Path, rebroadcast: bool
) -> None:
    async with bought(tmp_path) as desk:
        first = desk.facts(LegLanded)[0].fill
        if not rebroadcast:
            # and the next desk reconciles at once, before it can know that a fork was the cause
            os.kill(desk.child.pid, signal.SIGKILL)
            await desk.child.wait()
        now = (await _admin(desk.stage, "slots"))["slot"]
        wish = {"slots": now - first.slot, "requeue": rebroadcast}
        assert first.slot in (await _admin(desk.stage, "fork", wish))["dead"]
        if not rebroadcast:
            desk.child, desk.url = await desk.stage.desk()
        if rebroadcast:  # the cluster itself has put it into another slot
            (moved,) = await soon(lambda: desk.facts(LegRebooked))
            again = moved.fill
        else:
            await soon(lambda: len(desk.facts(LegLanded)) == 2)
            assert [fact.slot for fact in desk.facts(LegUndone)] == [first.slot]
            again = desk.facts(LegLanded)[1].fill
        assert again.signature == first.signature
        assert again.slot > now
        sold = await desk.signal(strategy="EXIT", action="SELL", wallet_address=active_wallet())
        assert sold.status == 200, sold.text
        await soon(lambda: len(desk.facts(LegFinalized)) == 2)
        assert len(desk.facts(LegSigned)) == 2  # the buy and the sale, each once


@pytest.mark.slow
async def test_a_fork_that_takes_the_blockhash_too_leaves_no_position_behind(tmp_path: Path) -> None:
    async with bought(tmp_path) as desk:
        await _admin(desk.stage, "fork", {"slots": 31, "requeue": True})
        await _admin(desk.stage, "slots", {"duration_ms": 60})  # a blockhash's minute in ten seconds
        await soon(lambda: desk.facts(LegExpired), within_s=60)
        assert len(desk.facts(LegUndone)) == 1
        assert (len(desk.facts(LegSigned)), len(desk.facts(LegLanded))) == (1, 1)
        (moved, *_) = reversed(desk.facts(TradeMoved))
        assert moved.after is TradeState.FAILED
        with sqlite3.connect(desk.folder / "chimera.db") as tables:
            for table in ("positions", "fills"):
                assert tables.execute(f"SELECT COUNT(*) FROM {table}").fetchone() == (0,)


async def _until_slot(stage: Stage, wanted: int) -> None:
    async with asyncio.timeout(60):
        while (await _admin(stage, "slots"))["slot"] < wanted:
            await asyncio.sleep(0.2)


async def _admin(stage: Stage, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    url = f"{stage.endpoints['admin']}/{path}"
    verb = "GET" if body is None else "POST"
    async with aiohttp.ClientSession() as session, session.request(verb, url, json=body) as answer:
        assert answer.ok, await answer.text()
        told: dict[str, Any] = await answer.json()
        return told
