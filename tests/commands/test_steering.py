"""`chimera positions` and `close`: rows as the API's own schema has them, and exactly the position that was meant."""

import json
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from chimera.commands import steering
from chimera.control.schemas import Position
from chimera.domain.errors import ConfigError, Rejected


def position(uuid: str, symbol: str, *, value: str | None = "1500000000", state: str = "ACTIVE") -> Position:
    return Position(
        trade_uuid=uuid,
        wallet_address="",
        token_address="mint",
        token_symbol=symbol,
        strategy="SHIELD",
        state=state,
        token_amount="5",
        decimals=6,
        entry_lamports="1000000000",
        value_lamports=value,
        unrealised_pnl_lamports=None if value is None else "500000000",
        unrealised_pnl_bps=None,
        price_age_slots=1,
        realised_pnl_lamports="-250000000",
        stop_lamports=None,
        target_lamports=None,
        paid_lamports=None,
        levels=None,
        opened_at=0,
        closed_at=None,
        entry_signature="",
        exit_signature=None,
        exit_reason=None,
    )


class Desk:
    def __init__(self, *held: Position) -> None:
        self.held = held
        self.exits: list[tuple[str, Any]] = []
        self.factor = False
        app = web.Application()
        app.router.add_get("/api/v1/positions", self.positions)
        app.router.add_post("/api/v1/positions/{uuid}/exit", self.exit)
        app.router.add_post("/api/v1/kill/reset", self.reset)
        self.server = TestServer(app)

    async def positions(self, request: web.Request) -> web.Response:
        wanted = request.query.get("state")
        items = [msgspec.to_builtins(one) for one in self.held if wanted in (None, one.state)]
        return web.json_response({"items": items, "total": len(items)})

    async def exit(self, request: web.Request) -> web.Response:
        self.exits.append((request.match_info["uuid"], json.loads(await request.text())))
        return web.json_response({"status": "accepted"}, status=202)

    async def reset(self, _: web.Request) -> web.Response:
        said = "Show your second factor first" if self.factor else "Trading is not halted."
        return web.json_response({"message": said}, status=403 if self.factor else 409)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIMERA_API_KEY", "key")


def test_a_row_tells_cost_worth_and_profit_and_never_zero_for_unknown() -> None:
    (known, unknown, closed) = (
        steering._position(msgspec.to_builtins(one))
        for one in (
            position("a1", "KITE"),
            position("a2", "KITE", value=None),
            position("a3", "KITE", value=None, state="CLOSED"),
        )
    )
    assert known.split()[:8] == ["a1", "KITE", "SHIELD", "ACTIVE", "cost", "1", "worth", "1.5"]
    assert known.endswith("0.5") and unknown.split().count("unknown") == 2
    assert closed.endswith("-0.25")


async def test_the_beginning_of_an_id_is_enough_where_one_begins_so() -> None:
    desk = Desk(position("a1-11", "KITE"), position("a2-22", "MOSS"), position("b3", "OLD", state="CLOSED"))
    async with desk.server:
        url = str(desk.server.make_url(""))
        assert await steering._close(url, "a2", "why", 50) == ["a2-22  MOSS: 50 % is being sold"]
        for wrong, told in (
            ("a", "2 positions begin so"),
            ("b3", "no open position"),
            ("", "no open position"),
        ):
            with pytest.raises(ConfigError, match=told):
                await steering._close(url, wrong, "why", 100)
    assert desk.exits == [("a2-22", {"reason": "why", "fraction_bps": 5_000})]


async def test_all_is_everything_that_is_open_and_says_when_that_is_nothing() -> None:
    desk = Desk(position("a1", "KITE"), position("a2", "MOSS"), position("b3", "OLD", state="CLOSED"))
    async with desk.server:
        await steering._close(str(desk.server.make_url("")), "all", "flat", 100)
    assert [uuid for uuid, _ in desk.exits] == ["a1", "a2"]
    empty = Desk()
    async with empty.server:
        assert await steering._close(str(empty.server.make_url("")), "all", "flat", 100) == [
            "nothing is held"
        ]


async def test_a_second_factor_is_sent_to_the_dashboard_and_other_refusals_are_told_as_they_are() -> None:
    desk = Desk()
    async with desk.server:
        url = str(desk.server.make_url(""))
        with pytest.raises(Rejected, match="Trading is not halted"):
            await steering._resume(url, "why")
        desk.factor = True
        with pytest.raises(ConfigError, match="on the dashboard's Risk screen"):
            await steering._resume(url, "why")
