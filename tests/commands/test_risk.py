"""`chimera pools` and `chimera breakers`: asked of the desk's API as any script would, refused in its words."""

import json
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from chimera.commands import risk
from chimera.domain.errors import Rejected
from chimera.testing.builders import address

POOL = address("pool")
COUNTS = {"failures": 4, "failures_max": 8, "in_row": 4, "in_row_max": 4}


class Desk:
    def __init__(self) -> None:
        self.doubt: str | None = "3 sales failed on it within 120 s"
        self.bodies: list[Any] = []
        app = web.Application()
        app.router.add_get("/api/v1/markets", self.markets)
        app.router.add_get("/api/v1/risk/breakers", self.breakers)
        app.router.add_post("/api/v1/markets/{pool}/release", self.release)
        self.server = TestServer(app)

    async def markets(self, request: web.Request) -> web.Response:
        assert request.query["doubtful"] == "true"
        found = [{"address": POOL, "venue": "raydium_cpmm", "doubt": self.doubt}] if self.doubt else []
        return web.json_response({"items": found, "total": len(found)})

    async def breakers(self, _: web.Request) -> web.Response:
        loss = {
            "name": "loss",
            "state": "CLOSED",
            "enabled": True,
            "cause": None,
            "until_ms": None,
            "counts": None,
        }
        slippage = {**loss, "name": "slippage", "state": "OPEN", "cause": "4 in a row", "until_ms": 120_000}
        spear = {**loss, "name": "spear_losses", "counts": COUNTS}
        return web.json_response({"items": [loss, {**slippage, "counts": COUNTS}, spear], "history": []})

    async def release(self, request: web.Request) -> web.Response:
        self.bodies.append((request.match_info["pool"], json.loads(await request.text())))
        if self.doubt is None:
            return web.json_response({"message": "nothing is held against this pool"}, status=409)
        self.doubt = None
        return web.json_response({"status": "released"})


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIMERA_API_KEY", "key")


async def test_a_pool_is_shown_with_its_reason_and_released_with_a_cause_once() -> None:
    desk = Desk()
    async with desk.server:
        url = str(desk.server.make_url(""))
        assert await risk.doubtful(url, json_=False) == [
            f"{POOL}  raydium_cpmm     3 sales failed on it within 120 s"
        ]
        assert await risk.released(url, POOL, "it sells again") == f"{POOL} may be bought from again"
        with pytest.raises(Rejected, match="nothing is held against this pool"):
            await risk.released(url, POOL, "again")
        assert await risk.doubtful(url, json_=False) == ["no pool is in doubt"]
    assert desk.bodies[0] == (POOL, {"reason": "it sells again"})


async def test_breakers_are_a_line_each() -> None:
    desk = Desk()
    async with desk.server:
        lines = await risk.breakers(str(desk.server.make_url("")), json_=False, now_ms=0)
    assert lines == [
        "loss           CLOSED    ",
        "slippage       OPEN       4 of 8 failures, 4 of 4 in a row; 4 in a row; tries again in 2 min",
        "spear_losses   CLOSED     4 of 4 losses in a row",
    ]
