"""Everything behind a key: roles, shapes, filters, commands, pages and what errors look like."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from chimera.control.server import bind
from chimera.domain.commands import Answer, ExitPosition, Kill, ResetBreaker, ResetKill
from chimera.domain.errors import ConfigError, Unreachable
from chimera.domain.ids import WSOL, Address, Signature, Slot, TradeId
from chimera.domain.intent import Side, Style
from chimera.domain.live import DeskSeen, FundsSeen, MarketSeen
from chimera.domain.messages import CapitalMoved
from chimera.domain.trade import TradeState
from chimera.domain.wallet import WalletStatus
from chimera.ports.store import DecisionRow, FillRow, PositionRow, TradeRow, WalletRow

READS = (
    "/api/v1/whoami",
    "/api/v1/overview",
    "/api/v1/positions",
    "/api/v1/trades",
    "/api/v1/wallets",
    "/api/v1/decisions",
    "/api/v1/config",
)
MUTATIONS = (
    ("/api/v1/kill", {"mode": "halt_all", "reason": "drill"}, "operator"),
    ("/api/v1/kill/reset", {"reason": "over"}, "admin"),
    ("/api/v1/config/circuit-breaker/reset", {"reason": "seen"}, "admin"),
    ("/api/v1/positions/t1/exit", {"reason": "enough"}, "operator"),
)
U64 = 2**64 - 1


async def test_health_for_balancers_needs_no_key(house: Any) -> None:
    answer = await house.get("/health", key=None)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", READS)
async def test_reading_needs_a_key_and_any_role_will_do(house: Any, path: str) -> None:
    without = await house.get(path, key=None)
    assert (without.status_code, without.json()["error"]) == (401, "UNAUTHENTICATED")
    assert without.headers["www-authenticate"] == "Bearer"
    assert (await house.get(path, key="wrong")).status_code == 401
    for key in ("readonly-key", "operator-key", "admin-key"):
        assert (await house.get(path, key=key)).status_code == 200


@pytest.mark.parametrize(("path", "body", "needed"), MUTATIONS)
async def test_each_command_needs_its_role(house: Any, path: str, body: dict[str, str], needed: str) -> None:
    allowed = {"operator": ("operator", "admin"), "admin": ("admin",)}[needed]
    assert (await house.post(path, body, key=None)).status_code == 401
    for role in ("readonly", "operator", "admin"):
        answer = await house.post(path, body, key=f"{role}-key")
        assert (answer.status_code in {200, 202}) == (role in allowed), role
        if role not in allowed:
            assert (answer.status_code, answer.json()["error"]) == (403, "FORBIDDEN")
    assert len(house.commands.asked) == len(allowed)


async def test_a_command_says_who_and_why(house: Any) -> None:
    await house.post("/api/v1/kill", {"mode": "halt_buys", "reason": "rug\nseen\x00"}, key="operator-key")
    assert house.commands.asked == [Kill(scope="halt_buys", cause="rug seen", by="operator-1")]


async def test_commands_answer_as_documented(house: Any) -> None:
    killed = await house.post("/api/v1/kill", {"mode": "halt_all", "reason": "drill"})
    assert killed.json() == {"active": True, "mode": "halt_all"}
    resumed = await house.post("/api/v1/kill/reset", {"reason": "over"})
    assert resumed.json() == {"active": False, "mode": None}
    reset = await house.post("/api/v1/config/circuit-breaker/reset", {"reason": "seen"})
    assert reset.json()["success"] is True
    assert (reset.json()["previous_state"], reset.json()["new_state"]) == ("OPEN", "CLOSED")
    left = await house.post("/api/v1/positions/t1/exit", {"reason": "enough"})
    assert (left.status_code, left.json()) == (202, {"status": "accepted"})
    kinds = [type(command) for command in house.commands.asked]
    assert kinds == [Kill, ResetKill, ResetBreaker, ExitPosition]


@pytest.mark.parametrize(("code", "status"), [("UNKNOWN", 404), ("NOT_ACTIVE", 409), ("UNSUPPORTED", 501)])
async def test_a_command_that_cannot_be_done_says_why(house: Any, code: str, status: int) -> None:
    house.commands.answer = Answer(ok=False, code=code, message="no such thing")
    answer = await house.post("/api/v1/positions/t1/exit", {"reason": "enough"})
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert answer.json()["message"] == "no such thing"


@pytest.mark.parametrize("path", ["/api/v1/config/circuit-breaker/reset", "/api/v1/kill/reset"])
async def test_a_reset_of_what_is_not_tripped_is_a_wrong_request(house: Any, path: str) -> None:
    house.commands.answer = Answer(ok=False, code="NOT_ACTIVE", message="the loss breaker is closed")
    answer = await house.post(path, {"reason": "seen"})
    assert (answer.status_code, answer.json()["error"]) == (400, "NOT_ACTIVE")


@pytest.mark.parametrize(
    "body",
    [{}, {"reason": ""}, {"reason": " \n"}, {"reason": 5}, {"reason": "x", "extra": 1}, [], "x"],
)
async def test_a_command_without_a_reason_is_not_done(house: Any, body: Any) -> None:
    answer = await house.post("/api/v1/kill/reset", body)
    assert (answer.status_code, answer.json()["error"]) == (400, "INVALID_BODY")
    assert house.commands.asked == []


async def test_a_kill_of_an_unknown_kind_is_not_done(house: Any) -> None:
    answer = await house.post("/api/v1/kill", {"mode": "halt_some", "reason": "x"})
    assert answer.status_code == 400
    assert house.commands.asked == []


async def test_whoami_tells_the_role(house: Any) -> None:
    assert (await house.get("/api/v1/whoami", key="operator-key")).json() == {
        "identifier": "operator-1",
        "role": "operator",
    }


async def test_positions_are_amounts_in_text_with_unknown_prices_null(house: Any) -> None:
    house.reader.position_rows = [position_row("t1", "ACTIVE"), position_row("t2", "CLOSED")]
    page = (await house.get("/api/v1/positions?state=ACTIVE")).json()
    assert (page["total"], page["limit"], page["offset"]) == (1, 100, 0)
    (position,) = page["items"]
    assert position["token_amount"] == str(U64)
    assert position["decimals"] == 5
    assert position["value_lamports"] is position["unrealised_pnl_bps"] is position["price_age_slots"] is None
    one = await house.get("/api/v1/positions/t2")
    assert one.json()["state"] == "CLOSED"
    missing = await house.get("/api/v1/positions/t3")
    assert (missing.status_code, missing.json()["error"]) == (404, "NOT_FOUND")


async def test_trades_pass_their_filters_on_and_show_their_fills(house: Any) -> None:
    house.reader.trade_rows, house.reader.fill_rows = [trade_row("t1")], [fill_row("t1")]
    page = (await house.get("/api/v1/trades?from=5&to=9&status=CLOSED&strategy=SPEAR&limit=10")).json()
    assert page["items"][0]["realised_pnl_lamports"] == "-7"
    _, asked = house.reader.asked[-1]
    assert asked == {
        "from_ms": 5,
        "to_ms": 9,
        "status": "CLOSED",
        "strategy": "SPEAR",
        "limit": 10,
        "offset": 0,
    }
    detail = (await house.get("/api/v1/trades/t1")).json()
    assert detail["fills"][0]["amount_in"] == str(U64)
    assert set(detail) == set(page["items"][0]) | {"fills"}
    assert (await house.get("/api/v1/trades/nope")).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/positions?state=OPEN",
        "/api/v1/trades?limit=1001",
        "/api/v1/trades?limit=0",
        "/api/v1/trades?limit=x",
        "/api/v1/trades?from=-1",
        "/api/v1/trades?status=DONE",
        "/api/v1/wallets?status=GOOD",
        "/api/v1/decisions?outcome=maybe",
        "/api/v1/decisions?before=1%27%20OR%201=1",
    ],
)
async def test_a_wrong_parameter_is_named(house: Any, path: str) -> None:
    answer = await house.get(path)
    assert (answer.status_code, answer.json()["error"]) == (400, "BAD_REQUEST")
    assert answer.json()["details"]
    assert house.reader.asked == []


async def test_wallets_and_decisions_have_the_documented_shape(house: Any) -> None:
    house.reader.wallet_rows = [wallet_row()]
    house.reader.decision_rows = [decision_row(9), decision_row(7), decision_row(4)]
    (wallet,) = (await house.get("/api/v1/wallets")).json()["items"]
    assert (wallet["pnl_lamports"], wallet["last_trade_at"]) == ("12", 5)
    first = (await house.get("/api/v1/decisions?limit=2")).json()
    assert ([row["seq"] for row in first["items"]], first["next_before"]) == ([9, 7], 7)
    assert set(first["items"][0]) == {
        "seq", "at", "kind", "id", "trade_uuid", "outcome", "reason", "limit", "observed", "token_symbol",
        "token_address", "wallet_address", "strategy", "side", "text",
    }  # fmt: skip
    rest = (await house.get("/api/v1/decisions?limit=2&before=7")).json()
    assert ([row["seq"] for row in rest["items"]], rest["next_before"]) == ([4], None)


async def test_config_shows_the_rules_and_which_endpoint_serves(house: Any) -> None:
    config = (await house.get("/api/v1/config")).json()
    assert config["circuit_breakers"]["max_loss_24h_usd"] == 500
    assert config["rpc_status"] == {
        "primary": "http://127.0.0.1:1",
        "active": "primary",
        "fallback_triggered": False,
    }


async def test_health_judges_what_the_planes_say_and_how_long_ago(house: Any) -> None:
    async def status() -> str:
        await _settled(house)
        return (await house.get("/api/v1/health", key=None)).json()["status"]  # type: ignore[no-any-return]

    assert await status() == "unhealthy", "nobody has reported yet"
    now = house.clock.now_ms()
    house.stream.queue.put_nowait(market_seen(now))
    house.stream.queue.put_nowait(desk_seen(now))
    assert await status() == "healthy"
    house.stream.queue.put_nowait(desk_seen(now, rpc_endpoint="fallback"))
    assert await status() == "degraded"
    house.stream.queue.put_nowait(desk_seen(now - 10_000))
    assert await status() == "unhealthy", "the desk has fallen silent"
    health = (await house.get("/api/v1/health", key=None)).json()
    assert (health["mode"], health["dev_mode"]) == ("localnet", False)
    assert health["rpc"] == {"status": "healthy", "latency_ms": 1.2, "endpoint": "primary"}
    assert health["market"]["slot"] == 123
    assert health["kill_switch"] == {"active": False, "mode": None, "reason": None}
    assert health["circuit_breaker"]["state"] == "CLOSED"


async def test_health_can_be_kept_from_strangers(house_type: Any, tmp_path: Path) -> None:
    house = house_type(tmp_path)
    server = await house.start(public_health=False)
    assert (await house.get("/api/v1/health", key=None)).json() == {"status": "unhealthy"}
    assert "market" in (await house.get("/api/v1/health")).json()
    await house.stop(server)


async def test_the_overview_counts_in_text(house: Any) -> None:
    house.journal.append(CapitalMoved(lamports=U64, slot=Slot(1), cause="opening balance"))
    house.stream.queue.put_nowait(
        FundsSeen(
            lamports=U64,
            slot=Slot(1),
            sol_micro_usd=150_000_000,
            ledger_matches_chain=True,
            at_ms=house.clock.now_ms(),
        )
    )
    await _settled(house)
    overview = (await house.get("/api/v1/overview")).json()
    assert overview["balance_lamports"] == overview["equity_lamports"] == str(U64)
    assert overview["equity_usd_micro"] == str(U64 * 150_000_000 // 1_000_000_000)
    assert overview["ledger_matches_chain"] is True
    assert len(overview["equity_history"]) == 1
    assert "equity_point" not in overview


async def test_metrics_are_for_this_machine_and_name_what_was_asked(house: Any) -> None:
    await house.signal()
    await house.get("/api/v1/positions/some-id")
    told = (await house.get("/metrics", key=None)).text
    assert 'chimera_signals_total{outcome="accepted",source="webhook"} 1.0' in told
    assert 'route="/api/v1/positions/{uuid}"' in told
    assert "some-id" not in told


async def test_the_documentation_needs_no_network(house: Any) -> None:
    page = (await house.get("/docs", key=None)).text
    assert "http" not in page.replace("http-equiv", "")
    for path in ("/docs/assets/swagger-ui-bundle.js", "/docs/assets/swagger-ui.css", "/docs/start.js"):
        assert path.encode() in page.encode()
        assert (await house.get(path, key=None)).status_code == 200
    document = (await house.get("/openapi.json", key=None)).json()
    assert {"/api/v1/webhook", *READS, *(path for path, _, _ in MUTATIONS if "t1" not in path)} <= set(
        document["paths"]
    )
    assert document["paths"]["/health"]["get"]["security"] == []
    assert document["paths"]["/api/v1/overview"]["get"].get("security", document["security"]) == [
        {"bearer": []}
    ]
    references = _references(document)
    assert references
    for reference in references:
        assert reference.rsplit("/", 1)[1] in document["components"]["schemas"], reference


async def test_unknown_addresses_and_methods_are_problems_too(house: Any) -> None:
    missing = await house.get("/api/v1/nothing")
    assert (missing.status_code, missing.json()["error"]) == (404, "NOT_FOUND")
    wrong = await house.http.delete("/api/v1/positions", headers={"Authorization": "Bearer admin-key"})
    assert (wrong.status_code, wrong.json()["error"]) == (405, "METHOD_NOT_ALLOWED")
    large = await house.post("/api/v1/kill", {"mode": "halt_all", "reason": "x" * 70_000})
    assert (large.status_code, large.json()["error"]) == (413, "BODY_TOO_LARGE")


async def test_what_breaks_inside_shows_no_trace_outside(house: Any) -> None:
    house.reader.trouble = Unreachable("database", "disk I/O error at /secret/place")
    away = await house.get("/api/v1/positions")
    assert (away.status_code, away.json()["error"]) == (503, "UNAVAILABLE")
    house.reader.trouble = ZeroDivisionError("secret detail")
    broken = await house.get("/api/v1/positions")
    assert (broken.status_code, broken.json()["error"]) == (500, "INTERNAL")
    for answer in (away, broken):
        assert "secret" not in answer.text
        assert "Traceback" not in answer.text
    assert "ZeroDivisionError" in house.log(), "the log does have it"
    house.reader.trouble = None
    assert (await house.get("/api/v1/positions")).status_code == 200


async def test_too_many_calls_of_a_key_are_told_to_wait(house_type: Any, tmp_path: Path) -> None:
    house = house_type(tmp_path)
    server = await house.start(calls_per_minute=3)
    answers = [await house.get("/api/v1/whoami") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert (await house.get("/api/v1/whoami", key="admin-key")).status_code == 200
    await house.stop(server)


async def test_whoever_guesses_keys_is_stopped(house: Any) -> None:
    answers = [await house.get("/api/v1/whoami", key=f"guess-{number}") for number in range(31)]
    assert answers[29].status_code == 401
    assert answers[30].status_code == 429


async def test_long_answers_are_compressed(house: Any) -> None:
    house.reader.trade_rows = [trade_row(f"t{number}") for number in range(50)]
    answer = await house.get("/api/v1/trades")
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.json()["items"]) == 50


async def test_an_unbuilt_dashboard_says_what_to_do(house: Any) -> None:
    answer = await house.get("/", key=None)
    assert answer.status_code == 503
    assert "make setup" in answer.text


async def test_the_dashboard_answers_for_every_address_inside_it(house: Any) -> None:
    static = house.deps.static
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<title>Chimera</title>")
    (static / "assets" / "app-1a2b.js").write_text("let a")
    (static.parent / "outside.txt").write_text("not yours")
    for path in ("/", "/trades", "/trades/some-uuid"):
        page = await house.get(path, key=None)
        assert (page.status_code, page.text) == (200, "<title>Chimera</title>")
        assert page.headers["cache-control"] == "no-cache"
    script = await house.get("/assets/app-1a2b.js", key=None)
    assert "immutable" in script.headers["cache-control"]
    assert (await house.get("/assets/missing.js", key=None)).status_code == 404
    for path in (
        "/../outside.txt",
        "/%2e%2e/outside.txt",
        "/assets/..%2f..%2foutside.txt",
        "/..%5coutside.txt",
    ):
        answer = await house.get(path, key=None)
        assert "not yours" not in answer.text


async def test_a_busy_port_is_a_clear_word() -> None:
    taken = bind("127.0.0.1", 0)
    port = taken.getsockname()[1]
    with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}.*--port"):
        bind("127.0.0.1", port)
    taken.close()
    with pytest.raises(ConfigError, match="cannot listen"):
        bind("127.0.0.1", 70_000)


async def _settled(house: Any) -> None:
    """Until the replica has heard everything that was pushed."""
    deadline = asyncio.get_running_loop().time() + 5
    while not house.stream.queue.empty() and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.01)


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(_references(inner) for inner in node.values()))
    if isinstance(node, list):
        return set().union(*(_references(inner) for inner in node))
    return set()


def market_seen(at_ms: int) -> MarketSeen:
    return MarketSeen(
        slot=Slot(123), slot_at_ms=at_ms, feed="connected", gaps=0, pools=14, pools_fresh=14, at_ms=at_ms
    )


def desk_seen(at_ms: int, *, rpc_endpoint: str = "primary") -> DeskSeen:
    return DeskSeen(
        queue_depth=0,
        in_flight=0,
        rpc_status="healthy",
        rpc_latency_us=1_200,
        rpc_endpoint=rpc_endpoint,
        breaker_state="CLOSED",
        breaker_cause=None,
        breaker_until_ms=None,
        kill_active=False,
        kill_scope="",
        kill_cause="",
        at_ms=at_ms,
    )


def position_row(uuid: str, state: str) -> PositionRow:
    return PositionRow(
        trade_uuid=TradeId(uuid),
        wallet_address=None,
        token_address=Address("mint"),
        token_symbol="BONK",
        strategy=Style.SHIELD,
        state=state,
        token_amount=U64,
        tokens_bought=U64,
        entry_lamports=5,
        received_lamports=0,
        realised_lamports=0,
        opened_at_ms=1,
        closed_at_ms=None,
        entry_signature=Signature("sig"),
        exit_signature=None,
        exit_reason=None,
    )


def trade_row(uuid: str) -> TradeRow:
    return TradeRow(
        trade_uuid=TradeId(uuid),
        signal_id=uuid,
        wallet_address=Address("w"),
        token_address=Address("mint"),
        token_symbol="BONK",
        strategy=Style.SPEAR,
        side=Side.BUY,
        status=TradeState.CLOSED,
        amount_lamports=100,
        spent_lamports=110,
        received_lamports=103,
        fees_lamports=10,
        tips_lamports=0,
        rent_lamports=0,
        realised_lamports=-7,
        entry_signature=Signature("a"),
        exit_signature=Signature("b"),
        retry_count=0,
        error_message=None,
        exit_reason="stop loss",
        created_at_ms=1,
        updated_at_ms=2,
    )


def fill_row(uuid: str) -> FillRow:
    return FillRow(
        leg_id="leg",
        trade_uuid=TradeId(uuid),
        side=Side.SELL,
        signature=Signature("b"),
        slot=Slot(4),
        input_mint=Address("mint"),
        output_mint=WSOL,
        amount_in=U64,
        amount_out=103,
        fee_lamports=5,
        tip_lamports=0,
        rent_lamports=0,
        at_ms=2,
    )


def wallet_row() -> WalletRow:
    return WalletRow(
        address=Address("w"),
        status=WalletStatus.ACTIVE,
        strategy=Style.SHIELD,
        wqs_score=80,
        notes="",
        copied=3,
        pnl_lamports=12,
        last_trade_at_ms=5,
        updated_at_ms=5,
    )


def decision_row(seq: int) -> DecisionRow:
    return DecisionRow(
        seq=seq,
        at_ms=seq,
        kind="signal",
        id="s",
        trade_uuid=None,
        outcome="refused",
        reason="UNKNOWN_WALLET",
        limit="",
        observed="",
        token_symbol="BONK",
        token_address="mint",
        wallet_address="w",
        strategy="SHIELD",
        side="BUY",
        text="No.",
    )
