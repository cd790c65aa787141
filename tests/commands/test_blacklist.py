"""`chimera blacklist`: read, changed and refused through the desk's API; the setting reaches the running strategy."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from chimera.commands import blacklist
from chimera.config import load
from chimera.domain.errors import ConfigError, Rejected
from chimera.domain.ids import WSOL
from chimera.domain.messages import ConfigChanged, Entry
from chimera.testing.stories import address
from chimera.wiring import rules
from chimera.wiring.steering import LiveSettings

ANN, BOB = address("ann"), address("bob")


class Desk:
    """Answers like the desk: `GET /config/settings` and `PUT /config` with the version that it knows."""

    def __init__(self) -> None:
        self.value, self.version = "", 3
        self.bodies: list[Any] = []
        app = web.Application()
        app.router.add_get("/api/v1/config/settings", self.settings)
        app.router.add_put("/api/v1/config", self.change)
        self.server = TestServer(app)

    async def settings(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer key"
        items = [{"key": "other", "value": 1}, {"key": "sniper.blacklist", "value": self.value}]
        return web.json_response({"version": self.version, "items": items})

    async def change(self, request: web.Request) -> web.Response:
        body = json.loads(await request.text())
        self.bodies.append(body)
        if body["version"] != self.version:
            return web.json_response({"message": "a newer one"}, status=409)
        self.value, self.version = body["changes"]["sniper.blacklist"], self.version + 1
        return web.json_response({"success": True, "version": self.version, "message": ""})


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIMERA_API_KEY", "key")


@pytest.mark.usefixtures("key")
async def test_addresses_are_added_and_taken_off_with_a_cause_and_the_version_they_were_read_at() -> None:
    desk = Desk()
    async with desk.server:
        url = str(desk.server.make_url(""))
        for one in (ANN, BOB, BOB):
            await blacklist._change(url, "rugged me", lambda known, one=one: [*known, one])  # type: ignore[misc]
        assert await blacklist._read(url) == ([ANN, BOB], 5)
        told = await blacklist._change(url, "forgiven", lambda known: [one for one in known if one != ANN])
    assert told == "1 on the list"
    assert [(body["version"], body["reason"]) for body in desk.bodies] == [
        (3, "rugged me"),
        (4, "rugged me"),
        (5, "forgiven"),
    ]
    assert desk.value == BOB


@pytest.mark.usefixtures("key")
async def test_a_change_that_somebody_forestalled_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    async with desk.server:
        url = str(desk.server.make_url(""))

        async def stale(_: str) -> tuple[list[str], int]:
            return [], 2

        monkeypatch.setattr(blacklist, "_read", stale)
        with pytest.raises(Rejected, match="a newer one"):
            await blacklist._change(url, "late", lambda known: [*known, ANN])
    assert desk.value == ""


def test_what_is_no_address_and_a_missing_key_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHIMERA_API_KEY", raising=False)
    app = blacklist.blacklist_commands(lambda make: asyncio.run(make(asyncio.Event())))
    add = next(one.callback for one in app.registered_commands if one.name == "add")
    assert add is not None
    with pytest.raises(ConfigError, match="is no address"):
        add("nonsense", because="x")
    with pytest.raises(ConfigError, match="CHIMERA_API_KEY"):
        add(WSOL, because="x", url="http://127.0.0.1:1")


def test_the_running_sniper_takes_the_changed_list_from_the_journal(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("sniper: {enabled: true}")
    settings = load([file], {"CHIMERA_SECURITY__WEBHOOK_SECRET": "5f" * 32})
    (sniper,) = [one for one in rules.built_strategies(settings) if one.name == "sniper"]
    live = LiveSettings(settings)
    live.on_change(lambda now: rules.tune([sniper], now))
    (planned,) = live.plan({"sniper.blacklist": ANN})
    fact = ConfigChanged(planned.key, planned.old, planned.new, "rugged me", "ann")
    live.fold(Entry(1, 0, "run", fact))
    live.adopt()
    assert sniper.params.blacklist == ANN  # type: ignore[attr-defined]
