"""The trades server: flat tables for Grafana, out of the flat files alone."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from chimera.adapters.trade_logs import TradeLogFiles, TradeLogReader
from chimera.control.server import ControlServer, bind
from chimera.control.trades_server import TradesServer
from chimera.domain.errors import ConfigError
from chimera.domain.ids import Signature
from chimera.domain.intent import Side
from chimera.domain.messages import IntentApproved, IntentEmitted, IntentRefused, LegLanded
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import LegRef
from chimera.testing.builders import AT_MS, fill, intent
from chimera.testing.fakes import MemoryJournal, StandingClock

DAY_MS = 86_400_000


def story(folder: Path) -> StandingClock:
    """Three legs in two runs, the first two a day before the third."""
    clock = StandingClock()
    journal = MemoryJournal(clock, run_id="run1")
    buy, sell = intent(), intent(id="sell", side=Side.SELL, amount=1_000_000)
    journal.append(IntentEmitted(buy))
    journal.append(IntentApproved(buy.id, buy.trade_id, ("size",)))
    journal.append(LegLanded(LegRef("leg1", buy.id, buy.trade_id), fill()))
    journal.append(IntentRefused(buy.id, buy.trade_id, Refusal(Reason.QUEUE_FULL, "9", "10")))
    clock.forward(DAY_MS + 1)
    journal._run_id = "run2"
    journal.append(IntentEmitted(sell))
    bought = fill()
    sold = fill(
        side=Side.SELL, signature=Signature("sold"), token_delta=-bought.token_delta, swap_lamports=2 * 10**9,
        lamports_delta=2 * 10**9 - 5_000, fee_lamports=5_000, tip_lamports=0, rent_lamports=0,
    )  # fmt: skip
    journal.append(LegLanded(LegRef("leg2", sell.id, sell.trade_id), sold))
    files = TradeLogFiles(folder, component="execution-engine", build="t", keep_days=0, journal=journal)
    files.fold(list(journal.read()))
    return clock


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    clock = story(tmp_path)
    app = TradesServer(TradeLogReader(tmp_path), clock).app()
    async with ControlServer(app, bind("127.0.0.1", 0)) as server:
        yield server.url


async def ask(url: str, path: str) -> tuple[int, object]:
    async with aiohttp.ClientSession() as session, session.get(url + path) as answer:
        assert answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(await answer.read())


async def test_trades_are_an_array_of_flat_objects_the_oldest_first(url: str) -> None:
    status, rows = await ask(url, "/trades")
    assert status == 200
    assert [row["side"] for row in rows] == ["BUY", "SELL"]
    assert not any(isinstance(value, dict | list) for row in rows for value in row.values())
    bought, sold = rows
    meant = fill()
    assert (bought["signature"], bought["slot"]) == (meant.signature, meant.slot)
    assert bought["tokens"] == str(meant.token_delta)
    assert bought["fee_sol"] == meant.fee_lamports / 10**9
    assert bought["time"].endswith("Z")
    profit = 2 * 10**9 - 5_000 + meant.lamports_delta
    assert sold["pnl_lamports"] == str(profit)
    assert sold["pnl_sol"] == profit / 10**9


async def test_the_newest_few_a_run_and_times_as_numbers(url: str) -> None:
    _, rows = await ask(url, "/trades?limit=1")
    assert [row["signature"] for row in rows] == ["sold"]
    _, rows = await ask(url, "/trades?mode=run")
    assert [row["run_id"] for row in rows] == ["run2"]
    _, rows = await ask(url, "/trades?run=run1&time_mode=unix_ms")
    assert [(row["run_id"], row["time"]) for row in rows] == [("run1", AT_MS)]
    assert await ask(url, "/trades?run=nobody") == (200, [])


async def test_decisions_and_the_profit_of_the_last_day(url: str) -> None:
    _, rows = await ask(url, "/decisions")
    assert [row["decision"] for row in rows] == ["IntentApproved", "IntentRefused"]
    assert (rows[1]["reason"], rows[1]["limit"], rows[1]["observed"]) == ("QUEUE_FULL", "9", "10")
    _, (row,) = await ask(url, "/pnl_24h")
    assert (row["landed"], row["settled"]) == (1, 1)
    assert row["pnl_lamports"] == str(2 * 10**9 - 5_000 + fill().lamports_delta)
    status, health = await ask(url, "/health")
    assert (status, health["status"]) == (200, "ok")


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=10001", "limit=x", "limit=-1", "mode=all", "time_mode=local", "sort=up", "limit=²"],
)
async def test_a_question_that_makes_no_sense_is_told_what_there_is(url: str, query: str) -> None:
    status, said = await ask(url, f"/trades?{query}")
    assert status == 400
    assert isinstance(said, dict) and said["error"]


async def test_without_any_file_the_tables_are_empty(tmp_path: Path) -> None:
    app = TradesServer(TradeLogReader(tmp_path / "none"), StandingClock()).app()
    async with ControlServer(app, bind("127.0.0.1", 0)) as server:
        assert await ask(server.url, "/trades") == (200, [])
        assert await ask(server.url, "/decisions?mode=run") == (200, [])
        _, (row,) = await ask(server.url, "/pnl_24h")
        assert row["pnl_sol"] == 0
        with pytest.raises(ConfigError, match=r"trade_logs\.port"):
            bind("127.0.0.1", server.port, setting="trade_logs.port")
