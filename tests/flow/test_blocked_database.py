"""The tables are told afterwards: while their file is locked, or gone bad, the desk trades on and catches up."""

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest
from tests.flow.running_desk import payload, soon
from tests.flow.test_bookkeeping import quiet_house

from chimera.domain.intent import Side
from chimera.domain.messages import LegLanded, TradeMoved
from chimera.domain.trade import TradeState

BUSY_S = 5.0  # the tables' own busy_timeout
BLOCKED_S = 8.0


@pytest.mark.slow
async def test_a_trade_lands_and_closes_while_another_process_holds_the_database(tmp_path: Path) -> None:
    async with quiet_house(tmp_path) as (desk, _):
        holder = sqlite3.connect(desk.folder / "chimera.db", isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        blocked_at = time.monotonic()
        answered = await desk.post(payload())
        assert (answered.status, time.monotonic() - blocked_at < BUSY_S) == (200, True)
        await soon(lambda: desk.facts(LegLanded))
        assert (await desk.post(payload(strategy="EXIT", action="SELL"))).status == 200
        await soon(lambda: [f for f in desk.facts(LegLanded) if f.fill.side is Side.SELL])
        await soon(lambda: desk.facts(TradeMoved)[-1].after is TradeState.CLOSED)
        rows = holder.execute("SELECT COUNT(*) FROM fills").fetchone()[0]
        assert rows == 0  # nothing of it could be written there
        await asyncio.sleep(max(0.0, BLOCKED_S - (time.monotonic() - blocked_at)))
        assert (await desk.ask("GET", "/api/v1/health")).status == 200
        holder.execute("ROLLBACK")
        await soon(lambda: holder.execute("SELECT COUNT(*) FROM fills").fetchone()[0] == 2)
        last = desk.journal()[-1].seq
        await soon(lambda: holder.execute("SELECT last_seq FROM fold_state").fetchone()[0] >= last)
        holder.close()
