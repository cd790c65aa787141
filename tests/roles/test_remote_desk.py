"""Commands and webhooks over the bus: sealed, performed once, answered again; and what old tools may say."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from chimera.adapters.bus_local import LocalBus
from chimera.domain.commands import Answer, Command, Kill, ResetKill
from chimera.domain.errors import InvariantBroken
from chimera.domain.ids import SignalId
from chimera.domain.risk import Reason
from chimera.observe import Observer, Redactor, make_log
from chimera.ports.apart import Answered, Asked, ControlRequest, Sealer, read_legacy
from chimera.ports.ingress import WebhookAnswer, WebhookRequest
from chimera.roles import remote_desk
from chimera.roles.remote_desk import DeskDoor, RemoteDesk
from chimera.roles.topics import (
    CONTROL_REQUESTS,
    CONTROL_RESPONSES,
    LEGACY_COMMANDS,
    LEGACY_KILL,
    LEGACY_RELOAD,
)
from chimera.testing.fakes import StandingClock

KILL = Kill("halt_all", "test", "somebody")


class Desk:
    """Performs everything and remembers it."""

    def __init__(self) -> None:
        self.done: list[Command] = []
        self.heard: list[WebhookRequest] = []
        self.reloads: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.broken = False

    async def perform(self, command: Command) -> Answer:
        self.done.append(command)
        await self.gate.wait()
        if self.broken:
            raise InvariantBroken("the disk refuses")
        return Answer(ok=True, message="done", before="off", after="on")

    async def receive(self, request: WebhookRequest) -> WebhookAnswer:
        self.heard.append(request)
        return WebhookAnswer(SignalId("an id"), None, 100, 99, 0)

    def reload(self, by: str) -> Answer:
        self.reloads.append(by)
        return Answer(ok=True)


class Pair:
    def __init__(self, *, secret: bytes = b"s" * 32, other: bytes = b"s" * 32) -> None:
        self.clock, self.bus, self.desk = StandingClock(), LocalBus(), Desk()
        log = make_log(level="ERROR", json=True, redactor=Redactor(), stream=io.StringIO())
        self.numbers = iter(range(1_000))
        self.sealer = Sealer(secret)
        self.requests = self.bus.subscribe(CONTROL_REQUESTS, capacity=100)
        self.responses = self.bus.subscribe(CONTROL_RESPONSES, capacity=100)
        self.remote = RemoteDesk(
            bus=self.bus, sealer=self.sealer, clock=self.clock, new_id=lambda: f"request {next(self.numbers)}"
        )
        self.door = DeskDoor(
            commands=self.desk,
            ingress=self.desk,
            reload=self.desk.reload,
            bus=self.bus,
            sealer=Sealer(other),
            clock=self.clock,
            observer=Observer(log, CollectorRegistry()),
        )


@asynccontextmanager
async def pair(**secrets: bytes) -> AsyncIterator[Pair]:
    made = Pair(**secrets)
    loops = [
        asyncio.create_task(one) for one in (made.remote.run(), made.door.run(), made.door.follow_legacy())
    ]
    try:
        yield made
    finally:
        for loop in loops:
            loop.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*loops, return_exceptions=True)


async def test_a_command_is_performed_elsewhere_and_its_answer_comes_back() -> None:
    async with pair() as two:
        answer = await two.remote.perform(KILL)
        assert answer == Answer(ok=True, message="done", before="off", after="on")
        assert two.desk.done == [KILL]


async def test_a_webhooks_bytes_arrive_unchanged_and_so_does_its_answer() -> None:
    async with pair() as two:
        request = WebhookRequest(b'{"amount": 1.10}\xff', "signature", "17", "10.0.0.1", "r")
        answer = await two.remote.receive(request)
        assert answer == WebhookAnswer(SignalId("an id"), None, 100, 99, 0)
        assert two.desk.heard == [request]


async def test_a_request_that_is_repeated_is_performed_once_and_answered_each_time() -> None:
    async with pair() as two:
        two.desk.gate.clear()
        asking = asyncio.create_task(two.remote.perform(KILL))
        request = await two.requests.get()
        two.bus.publish(CONTROL_REQUESTS, request)
        await asyncio.sleep(0.05)
        two.desk.gate.set()
        assert (await asking).ok
        two.bus.publish(CONTROL_REQUESTS, request)
        async with asyncio.timeout(5):
            responses = [await two.responses.get(), await two.responses.get()]
        assert two.desk.done == [KILL]
        assert responses[0].request_id == responses[1].request_id


async def test_without_the_houses_secret_nothing_is_asked_and_nothing_answered() -> None:
    async with pair(secret=b"a" * 32, other=b"b" * 32) as two:
        asking = asyncio.create_task(two.remote.perform(KILL))
        await asyncio.sleep(0.1)
        assert two.desk.done == []
        assert two.door.refused > 0
        # nor does a forged answer end it
        forged = Sealer(b"b" * 32).response(_answered(), request_id="request 0", at_ms=two.clock.now_ms())
        two.bus.publish(CONTROL_RESPONSES, forged)
        await asyncio.sleep(0.05)
        assert not asking.done()
        asking.cancel()


async def test_a_request_that_was_changed_or_recorded_is_refused() -> None:
    async with pair() as two:
        good = two.sealer.request(Asked(command=KILL), request_id="r", at_ms=two.clock.now_ms())
        reset = msgspec.Raw(msgspec.json.encode(Asked(command=ResetKill("x", "thief"))))
        two.bus.publish(CONTROL_REQUESTS, msgspec.structs.replace(good, asked=reset))
        two.bus.publish(CONTROL_REQUESTS, msgspec.structs.replace(good, request_id="other"))
        two.clock.forward(61_000)
        two.bus.publish(CONTROL_REQUESTS, good)
        await asyncio.sleep(0.05)
        assert (two.desk.done, two.door.refused) == ([], 3)


async def test_a_sealed_request_survives_the_wire_byte_for_byte() -> None:
    sealer = Sealer(b"s" * 32)
    made = sealer.request(Asked(command=KILL), request_id="r", at_ms=1)
    read = msgspec.json.decode(msgspec.json.encode(made), type=ControlRequest)
    assert sealer.open_request(read) == Asked(command=KILL)


async def test_silence_is_told_as_unknown_and_never_as_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_desk, "COMMAND_WITHIN_S", 0.2)
    monkeypatch.setattr(remote_desk, "WEBHOOK_WITHIN_S", 0.2)
    made = Pair()  # no loop runs: nobody hears
    answer = await made.remote.perform(KILL)
    assert (answer.ok, answer.code) == (False, "UNREACHABLE")
    assert "whether it was done is unknown" in answer.message
    refused = await made.remote.receive(WebhookRequest(b"", None, None))
    assert refused.refusal is not None
    assert refused.refusal.reason is Reason.NOT_READY


async def test_a_journal_that_refuses_is_told_to_whoever_asked() -> None:
    async with pair() as two:
        two.desk.broken = True
        answer = await two.remote.perform(KILL)
        assert (answer.ok, answer.message) == (False, "the disk refuses")


LEGACY: list[tuple[str, bytes, list[Command], int]] = [
    (LEGACY_KILL, b"", [Kill("halt_all", f"asked on {LEGACY_KILL}", "bus")], 0),
    (LEGACY_KILL, b"\xff\xfe", [Kill("halt_all", f"asked on {LEGACY_KILL}", "bus")], 0),
    (LEGACY_KILL, b'{"mode": "halt_buys", "reason": "r", "by": "b"}', [Kill("halt_buys", "r", "bus: b")], 0),
    (LEGACY_KILL, b'{"active": false}', [Kill("halt_all", f"asked on {LEGACY_KILL}", "bus")], 0),
    (LEGACY_COMMANDS, b"kill", [Kill("halt_all", f"asked on {LEGACY_COMMANDS}", "bus")], 0),
    (LEGACY_COMMANDS, b'{"command": "pause"}', [Kill("halt_buys", f"asked on {LEGACY_COMMANDS}", "bus")], 0),
    (LEGACY_COMMANDS, b'{"command": "resume"}', [], 0),
    (LEGACY_COMMANDS, b'{"command": "reset"}', [], 0),
    (LEGACY_COMMANDS, b"", [], 0),
    (LEGACY_COMMANDS, b'{"command": "reload_config"}', [], 1),
    (LEGACY_RELOAD, b"", [], 1),
]


@pytest.mark.parametrize(("subject", "data", "done", "reloads"), LEGACY)
async def test_old_subjects_stop_trading_and_never_start_it(
    subject: str, data: bytes, done: list[Any], reloads: int
) -> None:
    async with pair() as two:
        two.bus.publish(subject, read_legacy(subject, data))
        await asyncio.sleep(0.05)
        assert (two.desk.done, len(two.desk.reloads)) == (done, reloads)


def _answered() -> Answered:
    return Answered(answer=Answer(ok=True))
