"""Statistics, files, markets, operations, and answers that need not be sent or done twice."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from chimera.adapters.kept_answers import AnswerFile
from chimera.adapters.resources import MachineResources
from chimera.adapters.store import SqlTables
from chimera.adapters.store_engine import open_engine
from chimera.adapters.store_reader import SqlReader
from chimera.adapters.store_statistics import SqlStatistics
from chimera.control.exports import cell
from chimera.control.ledger_pdf import ledger_pdf
from chimera.control.schemas import trade_of
from chimera.domain.commands import Answer, ChangeConfig, Kill
from chimera.domain.messages import Entry, FillValued, LegLanded
from chimera.ports.screens import PoolSeen, StrategySeen, TokenSeen
from chimera.ports.store import Page
from chimera.testing.stories import address, entries

BONK = address("bonk")


class ToldScreens:
    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def pools(self, **asked: Any) -> Page[PoolSeen]:
        self.asked.append(asked)
        return Page((), 0)

    def token(self, mint: str) -> TokenSeen | None:
        return None

    def strategies(self) -> tuple[StrategySeen, ...]:
        return (StrategySeen(name="copy_trade", running=True, paused=False, failed=None, params={}),)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = open_engine(tmp_path_factory.mktemp("tables") / "chimera.db")
    story = entries(3)
    landed = [entry for entry in story if isinstance(entry.fact, LegLanded)]
    facts = [
        FillValued(entry.fact.leg.leg_id, entry.fact.fill.signature, 150_000_000, "pool")
        for entry in landed[1:]  # of the first nobody knows
        if isinstance(entry.fact, LegLanded)
    ]
    valued = [
        Entry(seq=len(story) + number, at_ms=story[-1].at_ms, run_id="run", fact=fact)
        for number, fact in enumerate(facts, 1)
    ]
    SqlTables(made).fold([*story, *valued])
    yield made
    made.dispose()


@pytest.fixture
async def told(house_type: type, tmp_path: Path, engine: Engine) -> AsyncIterator[Any]:
    house = house_type(tmp_path)
    house.screens = ToldScreens()
    server = await house.start(
        reader=SqlReader(engine),
        statistics=SqlStatistics(engine),
        screens=house.screens,
        resources=MachineResources(tmp_path),
    )
    yield house
    await house.stop(server)


# statistics


async def test_performance_is_the_sum_of_what_was_realised(told: Any, engine: Engine) -> None:
    answered = (await told.get("/api/v1/metrics/performance")).json()
    assert set(answered) == {
        f"pnl_{span}_{what}" for span in ("24h", "7d", "30d") for what in ("lamports", "change_percent")
    }
    far = SqlStatistics(engine).realised_lamports(from_ms=0, to_ms=2**53)
    assert far == SqlReader(engine).totals(now_ms=0).realised_lamports


async def test_a_styles_record_adds_up_with_the_positions(told: Any, engine: Engine) -> None:
    closed = list(SqlReader(engine).positions(state="CLOSED", limit=1_000).items)
    for style in ("SHIELD", "SPEAR"):
        mine = [row for row in closed if row.strategy == style]
        found = (await told.get(f"/api/v1/metrics/strategy/{style.lower()}?days=3650")).json()
        assert found["trade_count"] == len(mine)
        assert found["total_pnl"] == str(sum(row.realised_lamports for row in mine))
        assert found["wins"] == sum(row.realised_lamports > 0 for row in mine)
    assert (await told.get("/api/v1/metrics/strategy/other")).status_code == 400


async def test_decisions_are_counted_by_outcome_and_reason(told: Any) -> None:
    listed = (await told.get("/api/v1/decisions?limit=1000")).json()["items"]
    counted = (await told.get("/api/v1/decisions/stats?hours=87600")).json()
    assert counted["total"] == len(listed) > 0
    for one in counted["items"]:
        same = [row for row in listed if (row["outcome"], row["reason"]) == (one["outcome"], one["reason"])]
        assert one["count"] == len(same)


async def test_decisions_are_found_by_what_they_say(told: Any) -> None:
    listed = (await told.get("/api/v1/decisions?limit=1000")).json()["items"]
    refused = next(row for row in listed if row["outcome"] == "refused" and row["reason"])
    wanted = {"outcome": "refused", "reason": refused["reason"], "since": 0, "limit": 1_000}
    found = (await told.post("/api/v1/decisions/query", wanted, key="readonly-key")).json()["items"]
    assert found == [
        row for row in listed if (row["outcome"], row["reason"]) == ("refused", refused["reason"])
    ]
    none = await told.post("/api/v1/decisions/query", {"reason": "' OR 1=1 --"}, key="readonly-key")
    assert none.json() == {"items": [], "next_before": None}
    assert (await told.post("/api/v1/decisions/query", {"sql": "x"}, key="readonly-key")).status_code == 400


# files


async def test_the_exported_ledger_is_the_apis(told: Any) -> None:
    listed = (await told.get("/api/v1/trades?limit=1000")).json()["items"]
    as_json = await told.get("/api/v1/trades/export?format=json")
    assert as_json.json() == listed and len(listed) > 3
    as_csv = await told.get("/api/v1/trades/export?format=csv")
    assert as_csv.headers["content-disposition"] == 'attachment; filename="trades.csv"'
    rows = list(csv.DictReader(io.StringIO(as_csv.content.decode("utf-8-sig"))))
    for row, trade in zip(rows, listed, strict=True):
        assert row == {name: "" if value is None else cell(value) for name, value in trade.items()}
    closed = (await told.get("/api/v1/trades/export?format=json&status=CLOSED")).json()
    assert {trade["status"] for trade in closed} == {"CLOSED"}


async def test_tax_lots_are_dated_and_their_gains_are_the_realised_profits(told: Any) -> None:
    lots = (await told.get("/api/v1/trades/lots?format=json")).json()
    closed = (await told.get("/api/v1/trades?limit=1000&status=CLOSED")).json()["items"]
    assert closed and lots
    for trade in closed:
        theirs = [lot for lot in lots if lot["trade_uuid"] == trade["trade_uuid"]]
        gains = sum(int(lot["gain_lamports"]) for lot in theirs)
        assert gains == int(trade["realised_pnl_lamports"])
    assert [lot["disposed_at"] for lot in lots] == sorted(lot["disposed_at"] for lot in lots)
    cut = int(datetime.fromisoformat(lots[0]["disposed_at"]).timestamp() * 1_000)
    later = (await told.get(f"/api/v1/trades/lots?format=json&from={cut + 1}")).json()
    assert 0 < len(later) < len(lots) and later == [lot for lot in lots if lot in later]
    as_csv = await told.get("/api/v1/trades/lots")
    assert as_csv.headers["content-disposition"] == 'attachment; filename="tax-lots.csv"'
    rows = list(csv.DictReader(io.StringIO(as_csv.content.decode("utf-8-sig"))))
    assert [row["gain_lamports"] for row in rows] == [lot["gain_lamports"] for lot in lots]
    assert (await told.get("/api/v1/trades/lots?format=xml")).status_code == 400
    assert (await told.get("/api/v1/trades/lots", key=None)).status_code == 401


async def test_tax_lots_tell_dollars_where_they_are_known_and_leave_the_rest_open(told: Any) -> None:
    lots = (await told.get("/api/v1/trades/lots?format=json")).json()
    sales = [lot for lot in lots if lot["kind"] == "SALE"]
    known = [lot for lot in sales if lot["gain_usd"] is not None]
    assert known and len(known) < len(sales)
    for lot in known:
        cost, proceeds = Decimal(lot["cost_usd"]), Decimal(lot["proceeds_usd"])
        assert lot["sol_usd_acquired"] == lot["sol_usd_disposed"] == "150.000000"
        assert abs(cost - Decimal(lot["cost_sol"]) * 150) < Decimal("0.000001")
        assert Decimal(lot["gain_usd"]) == proceeds - cost
    assert "UPKEEP" in {lot["kind"] for lot in lots}
    rows = csv.DictReader(io.StringIO((await told.get("/api/v1/trades/lots")).content.decode("utf-8-sig")))
    assert [row["gain_usd"] for row in rows] == [lot["gain_usd"] or "" for lot in lots]
    paper = await told.get("/api/v1/trades/lots?format=pdf")
    assert paper.headers["content-disposition"] == 'attachment; filename="tax-lots.pdf"'
    assert paper.content.startswith(b"%PDF-")


async def test_the_ledger_is_a_pdf_too(told: Any) -> None:
    answered = await told.get("/api/v1/trades/export?format=pdf")
    assert answered.headers["content-type"] == "application/pdf"
    assert answered.content.startswith(b"%PDF-") and len(answered.content) > 2_000


def test_what_strangers_wrote_is_no_markup_on_paper(engine: Engine) -> None:
    import msgspec

    row = SqlReader(engine).trades(limit=1).items[0]
    evil = '#panic("x") #read("/etc/passwd") $ * _ ` <b> \\ #sys.inputs'
    trade = msgspec.structs.replace(trade_of(row), token_symbol=evil, exit_reason="#" * 200)
    assert ledger_pdf([trade], made_at_ms=0).startswith(b"%PDF-")


@pytest.mark.parametrize(
    "query", ["format=../../etc", "format=xlsx", "format=csv&status=NOPE", "format=csv&from=-1"]
)
async def test_a_file_that_there_is_not_is_a_wrong_request(told: Any, query: str) -> None:
    assert (await told.get(f"/api/v1/trades/export?{query}")).status_code == 400


# markets and strategies


async def test_pools_are_asked_for_by_venue_mint_and_doubt(told: Any) -> None:
    answered = await told.get(f"/api/v1/markets?venue=pumpswap&mint={BONK}&doubtful=true&limit=5&offset=2")
    assert answered.json() == {"items": [], "total": 0, "limit": 5, "offset": 2}
    assert told.screens.asked == [
        {"venue": "pumpswap", "mint": BONK, "doubtful": True, "limit": 5, "offset": 2}
    ]
    assert (await told.get("/api/v1/markets?mint=x")).status_code == 400
    assert (await told.get(f"/api/v1/markets/tokens/{BONK}")).status_code == 404


async def test_a_strategy_is_paused_and_started_by_an_operator(told: Any) -> None:
    told.commands.answer = Answer(ok=True, after="9")
    path = "/api/v1/strategies/copy_trade"
    assert (await told.post(f"{path}/pause", {"reason": "news"}, key="readonly-key")).status_code == 403
    paused = await told.post(f"{path}/pause", {"reason": "news"}, key="operator-key")
    started = await told.post(f"{path}/start", {"reason": "over"}, key="operator-key")
    assert (paused.json()["version"], started.status_code) == (9, 200)
    assert told.commands.asked == [
        ChangeConfig(changes={"copy_trade.enabled": on}, cause=cause, by="operator-1")
        for on, cause in ((False, "news"), (True, "over"))
    ]
    assert (await told.post("/api/v1/strategies/other/pause", {"reason": "x"})).status_code == 404
    assert (await told.post(f"{path}/explode", {"reason": "x"})).status_code == 400


# operations


async def test_the_machines_resources_are_real_numbers(told: Any) -> None:
    seen = (await told.get("/api/v1/operations/resources")).json()
    assert 0 < seen["memory_used_bytes"] < seen["memory_total_bytes"]
    assert 0 < seen["disk_free_bytes"] <= seen["disk_total_bytes"]
    assert seen["process_memory_bytes"] > 10_000_000 and seen["process_files"] > 3


async def test_health_checks_name_every_part_and_its_worst_decides(told: Any) -> None:
    found = (await told.get("/api/v1/operations/health-checks")).json()
    states = {check["name"]: check["status"] for check in found["checks"]}
    assert states.keys() == {"feed", "rpc", "journal", "trading", "screens", "database", "disk"}
    assert (states["feed"], states["database"], found["overall"]) == ("failing", "passing", "failing")


# not twice


async def test_an_answer_that_is_known_is_not_sent_again(told: Any) -> None:
    first = await told.get("/api/v1/trades")
    assert first.headers["cache-control"] == "private, no-cache"
    headers = {"Authorization": "Bearer readonly-key", "If-None-Match": first.headers["etag"]}
    again = await told.http.get("/api/v1/trades", headers=headers)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"] and "x-request-id" in again.headers
    other = await told.http.get("/api/v1/trades?limit=1", headers=headers)
    assert other.status_code == 200
    without = await told.http.get("/api/v1/trades", headers={"If-None-Match": first.headers["etag"]})
    assert without.status_code == 401, "a tag is no key"


async def test_a_mutation_with_the_same_key_is_done_once(told: Any) -> None:
    body = {"mode": "halt_all", "reason": "drill"}

    async def kill(key: str = "operator-key", sent: Any = body, idempotency: str = "k1") -> Any:
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": idempotency}
        return await told.http.post("/api/v1/kill", json=sent, headers=headers)

    first, *others = await asyncio.gather(*(kill() for _ in range(5)))
    assert {one.content for one in others} == {first.content}
    assert {one.status_code for one in (first, *others)} == {200}
    assert len(told.commands.asked) == 1
    replayed = [one.headers.get("idempotency-replayed") for one in (first, *others)]
    assert sorted(str(one) for one in replayed) == ["None", "true", "true", "true", "true"]
    reused = await kill(sent={"mode": "halt_buys", "reason": "other"})
    assert (reused.status_code, reused.json()["error"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    await kill(idempotency="k2")
    await kill(key="admin-key")
    assert [asked.by for asked in told.commands.asked if isinstance(asked, Kill)] == [
        "operator-1",
        "operator-1",
        "admin-1",
    ]


async def test_what_was_not_allowed_or_failed_may_be_tried_again_with_its_key(told: Any) -> None:
    headers = {"Authorization": "Bearer readonly-key", "Idempotency-Key": "k"}
    body = {"reason": "x"}
    for _ in range(2):
        refused = await told.http.post("/api/v1/kill/reset", json=body, headers=headers)
        assert (refused.status_code, refused.headers.get("idempotency-replayed")) == (403, None)
    admin = {**headers, "Authorization": "Bearer admin-key"}
    told.commands.answer = Answer(ok=False, code="UNREACHABLE", message="later")
    assert (await told.http.post("/api/v1/kill/reset", json=body, headers=admin)).status_code == 503
    told.commands.answer = Answer(ok=True)
    assert (await told.http.post("/api/v1/kill/reset", json=body, headers=admin)).status_code == 200


async def test_what_was_done_is_answered_again_after_a_restart_and_not_done_again(
    house_type: type, tmp_path: Path
) -> None:
    headers = {"Authorization": "Bearer operator-key", "Idempotency-Key": "k1"}
    body = {"mode": "halt_all", "reason": "drill"}
    answers = []
    for run in range(2):
        (tmp_path / str(run)).mkdir()
        house = house_type(tmp_path / str(run))
        kept = AnswerFile(tmp_path / "answers.db")
        server = await house.start(answers=kept)
        answers.append(await house.http.post("/api/v1/kill", json=body, headers=headers))
        other = await house.http.post("/api/v1/kill", json={**body, "reason": "x"}, headers=headers)
        assert (other.status_code, other.json()["error"]) == (422, "IDEMPOTENCY_KEY_REUSED")
        assert len(house.commands.asked) == (1 if run == 0 else 0)
        await house.stop(server)
        kept.close()
    first, again = answers
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("key", ["", "x" * 129, "a b"])
async def test_a_key_that_is_none_is_refused(told: Any, key: str) -> None:
    headers = {"Authorization": "Bearer admin-key", "Idempotency-Key": key}
    answered = await told.http.post("/api/v1/kill/reset", json={"reason": "x"}, headers=headers)
    assert answered.status_code == 400
    assert told.commands.asked == []


def test_numbers_stay_numbers_and_formulas_become_text() -> None:
    assert [cell(one) for one in (-5, "-5", "+1.5", None, "", True)] == ["-5", "-5", "+1.5", "", "", "True"]
    assert [cell(one) for one in ("-5a", "=1", "@x", "+", "-")] == ["'-5a", "'=1", "'@x", "'+", "'-"]
