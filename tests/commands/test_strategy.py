"""`chimera strategy ...` as people type it: found, shown, made from the template, and checked."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from chimera.adapters.recording_seal import seal
from chimera.adapters.recording_writer import RecordingLimits, RecordingWriter
from chimera.cli import main
from chimera.commands.strategy import changed
from chimera.domain.chain import SlotStatus, SlotUpdate
from chimera.domain.errors import ConfigError
from chimera.domain.ids import Slot
from chimera.domain.record import Maker
from chimera.domain.recording import Bootstrapped, Observed
from chimera.testing.builders import AT_MS

Typed = Any


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Typed:
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> tuple[int, str, str]:
        """(exit code, standard output, standard error)."""
        monkeypatch.setattr(sys, "argv", ["chimera", "strategy", *map(str, words)])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def recorded(folder: Path, slots: int) -> Path:
    limits = RecordingLimits(
        segment_records=1_000, segment_bytes=1 << 30, segment_ms=1 << 40, keep_bytes=0, keep_days=0
    )
    writer = RecordingWriter(
        folder, maker=Maker(component="market-data", build="t", run_id="r"), limits=limits
    )
    items: list[Any] = [Bootstrapped(Slot(1))]
    items += [
        SlotUpdate(Slot(number), Slot(number - 1), SlotStatus.PROCESSED) for number in range(2, slots + 2)
    ]
    for number, item in enumerate(items):
        message = Observed(item, AT_MS + number * 400)
        writer.append([writer.encode(message)], at_ms=message.at_ms)
    sealed = writer.rotate()
    assert sealed is not None
    seal(sealed)
    writer.close()
    return folder


def test_every_strategy_is_listed_with_its_switch_and_its_share(typed: Typed) -> None:
    code, out, _ = typed("list", "--json")
    found = {one["name"]: one for one in map(json.loads, out.splitlines())}
    assert code == 0
    assert {"copy_trade", "momentum", "reentry", "arbitrage"} <= set(found)
    assert found["momentum"] == {"name": "momentum", "enabled": False, "share_percent": 20, "own": False}
    assert "momentum       off   20 % of the equity" in typed("list")[1]


def test_parameters_are_shown_by_the_keys_that_change_them_and_with_their_ranges(typed: Typed) -> None:
    _, out, _ = typed("show", "momentum")
    assert "momentum.probe_bps = 2500  # 0 to 10000; Share of the size that is bought first." in out
    assert "copy_trade.shield.stop_loss_bps = 800" in typed("show", "copy_trade")[1]
    _, out, _ = typed("show", "momentum", "--json")
    shape = json.loads(out)["schema"]["$defs"]["MomentumParams"]["properties"]["probe_bps"]
    assert (shape["minimum"], shape["maximum"]) == (0, 10_000)


def test_a_strategy_that_there_is_not_is_told_with_those_there_are(typed: Typed) -> None:
    code, _, err = typed("show", "momentun")
    assert code == 2
    assert "momentum" in err


def test_a_new_strategy_runs_is_listed_and_keeps_its_contract(typed: Typed, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    code, out, _ = typed("new", "my_dip", "--folder", folder)
    assert code == 0
    assert "check my_dip" in out
    assert "my_dip         off  100 % of the equity  your own" in typed("list", "--folder", folder)[1]
    assert "strategies.own.my_dip.stop_bps = 1000" in typed("show", "my_dip", "--folder", folder)[1]
    code, out, _ = typed("check", "my_dip", "--folder", folder, "--events", 6_000, "--json")
    found = json.loads(out)
    assert (code, found["broken"], found["events"]) == (0, "", 6_000)
    assert found["intents"] > 10, "the template should be seen to trade"


@pytest.mark.parametrize("name", ["My", "1st", "class", "a-b", "../x", "momentum"])
def test_a_name_that_cannot_be_is_refused(typed: Typed, tmp_path: Path, name: str) -> None:
    code, _, err = typed("new", name, "--folder", tmp_path / "own")
    assert code == 2
    assert name in err
    assert not (tmp_path / "own").exists()


def test_nothing_is_written_over(typed: Typed, tmp_path: Path) -> None:
    typed("new", "mine", "--folder", tmp_path)
    code, _, err = typed("new", "mine", "--folder", tmp_path)
    assert (code, "is there already" in err) == (2, True)


def test_without_a_folder_it_says_how_to_name_one(typed: Typed) -> None:
    code, _, err = typed("new", "mine")
    assert (code, "--folder" in err) == (2, True)


def test_a_broken_promise_is_told_and_the_exit_code_says_so(typed: Typed, tmp_path: Path) -> None:
    typed("new", "mine", "--folder", tmp_path)
    file = tmp_path / "mine.py"
    file.write_text(file.read_text().replace("ttl_ms=5_000", "ttl_ms=0"))
    code, out, _ = typed("check", "mine", "--folder", tmp_path, "--events", 4_000)
    assert code == 1
    assert "breaks its contract: without an expiry" in out


def test_a_file_that_does_not_load_is_told_with_what_is_wrong(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text("STRATEGY = 1 +")
    code, _, err = typed("list", "--folder", tmp_path)
    assert code == 2
    assert "odd.py" in err


def test_a_strategy_is_checked_on_a_recording(typed: Typed, tmp_path: Path) -> None:
    folder = recorded(tmp_path / "recording", 300)
    code, out, _ = typed("check", "momentum", "--recording", folder, "--json")
    found = json.loads(out)
    assert (code, found["broken"], found["events"]) == (0, "", 300)


def test_a_recording_that_is_not_there_is_told(typed: Typed, tmp_path: Path) -> None:
    code, _, err = typed("check", "momentum", "--recording", tmp_path / "none")
    assert (code, "no recording" in err) == (2, True)


class Desk:
    """Answers like the desk: `GET /config/settings` and `PUT /config` with the version that it knows."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        app = web.Application()
        app.router.add_get("/api/v1/config/settings", self.settings)
        app.router.add_put("/api/v1/config", self.change)
        self.server = TestServer(app)

    async def settings(self, _: web.Request) -> web.Response:
        values = {"momentum.hold_s_max": 300, "strategies.own.my_dip.stop_bps": 1_000}
        items = [{"key": key, "value": value} for key, value in values.items()]
        return web.json_response({"version": 3, "items": items})

    async def change(self, request: web.Request) -> web.Response:
        self.bodies.append(json.loads(await request.text()))
        return web.json_response({"success": True, "version": 4, "message": ""})


async def test_parameters_of_ours_and_of_ones_own_are_changed_on_the_running_desk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHIMERA_API_KEY", "key")
    desk = Desk()
    async with desk.server:
        url = str(desk.server.make_url(""))
        assert await changed(url, "my_dip", ["stop_bps=700"], "quiet") == "stop_bps 1000 -> 700"
        await changed(url, "momentum", ["hold_s_max=60"], "fast")
        with pytest.raises(ConfigError, match="my_dip has no parameter stop; it has stop_bps"):
            await changed(url, "my_dip", ["stop=1"], "wrong")
        with pytest.raises(ConfigError, match="runs no strategy nobody"):
            await changed(url, "nobody", ["stop=1"], "wrong")
    assert [body["changes"] for body in desk.bodies] == [
        {"strategies.own.my_dip.stop_bps": "700"},
        {"momentum.hold_s_max": "60"},
    ]
    assert {(body["version"], body["reason"]) for body in desk.bodies} == {(3, "quiet"), (3, "fast")}
