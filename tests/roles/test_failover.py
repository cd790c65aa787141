"""The ears and hands of the failover: what is recorded, who is told, when somebody is asked."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from chimera.domain.errors import OutsideError, RateLimited, Unreachable
from chimera.domain.ids import Address
from chimera.domain.messages import ConfigChanged
from chimera.execution.failover import ENGINE, PRIMARY, Call, Failover, FailoverPolicy
from chimera.observe import Observer, Redactor, make_log
from chimera.ports.chain import TipFloor
from chimera.roles.failover import FailoverRole, HeardLane
from chimera.testing.fakes import MemoryJournal, StandingClock

FAILED = Call(PRIMARY, "Unreachable", what="getSlot")


class Switch:
    spear_disabled = ""


class Engine:
    def __init__(self) -> None:
        self.asked = 0
        self.error: OutsideError | None = None

    async def tip_accounts(self) -> tuple[Address, ...]:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return ()

    async def tip_floor(self) -> TipFloor:
        raise AssertionError("nobody asks that here")

    async def send_bundle(self, transactions: Any) -> str:
        await self.tip_accounts()
        return "receipt"


class House:
    def __init__(self, journal: MemoryJournal | None = None) -> None:
        self.clock = StandingClock()
        self.journal = journal or MemoryJournal(self.clock)
        self.failover = Failover(FailoverPolicy(probe_ms=60_000), fallback=True)
        for entry in self.journal.read():
            self.failover.apply(entry)
        self.journal.listeners = [self.failover.apply]
        self.desk, self.door, self.engine = Switch(), Switch(), Engine()
        self.probes = 0
        self.trouble: OutsideError | None = None
        self.role = FailoverRole(
            failover=self.failover, probe=self.probe, engine=self.engine, engine_every_s=0.01,
            switches=(self.desk, self.door), journal=self.journal, clock=self.clock,
            observer=Observer(make_log(level="error", json=True, redactor=Redactor()), CollectorRegistry()),
        )  # fmt: skip

    async def probe(self) -> None:
        self.probes += 1
        if self.trouble is not None:
            raise self.trouble

    def moved(self) -> list[tuple[str, str]]:
        return [(fact.old, fact.new) for fact in self.journal.facts() if isinstance(fact, ConfigChanged)]


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not what():
            await asyncio.sleep(0.01)


async def test_the_third_failure_is_recorded_and_spear_is_off_before_the_call_returns() -> None:
    house = House()
    for _ in range(3):
        house.role.heard(FAILED)
    assert house.moved() == [("primary", "fallback")]
    assert house.failover.node == "fallback"
    assert house.desk.spear_disabled == house.door.spear_disabled != ""


async def test_a_probe_that_passes_brings_spear_back_and_one_that_fails_waits_for_the_next() -> None:
    house = House()
    for _ in range(3):
        house.role.heard(FAILED)
    house.clock.forward(60_000)
    house.trouble = Unreachable("primary", "getHealth: HTTP 503")
    async with running(house.role.watch()):
        await until(lambda: house.probes == 1)
        house.trouble = None
        await asyncio.sleep(0.05)
        assert house.probes == 1
        house.clock.forward(60_000)
        await until(lambda: house.moved()[1:])
    assert house.moved()[1] == ("fallback", "primary")
    assert (house.desk.spear_disabled, house.door.spear_disabled) == ("", "")


async def test_a_primary_that_is_well_is_not_enough_while_the_block_engine_is_down() -> None:
    house = House()
    for _ in range(3):
        house.role.heard(Call(ENGINE, "Unreachable"))
    house.engine.error = Unreachable("jito", "HTTP 503")
    house.clock.forward(60_000)
    async with running(house.role.watch()):
        await until(lambda: house.engine.asked == 1)
        await asyncio.sleep(0.02)
    assert house.moved() == [("primary", "fallback")]


async def test_a_start_away_from_the_primary_has_spear_off_and_probes_at_once() -> None:
    before = House()
    for _ in range(3):
        before.role.heard(FAILED)
    house = House(before.journal)
    house.trouble = Unreachable("primary", "still away")
    async with running(house.role.watch()):
        await until(lambda: house.probes == 1)
        assert house.desk.spear_disabled
    assert house.moved() == [("primary", "fallback")]


async def test_who_never_left_is_never_probed() -> None:
    house = House()
    house.clock.forward(10**9)
    async with running(house.role.watch()):
        await asyncio.sleep(0.05)
    assert (house.probes, house.moved()) == (0, [])


async def test_a_reason_that_somebody_else_gave_outlives_ours_and_ours_outlives_theirs() -> None:
    house = House()
    house.desk.spear_disabled = "five losses in a row"
    for _ in range(3):
        house.role.heard(FAILED)
    assert house.desk.spear_disabled == "five losses in a row"
    house.desk.spear_disabled = ""
    house.trouble = Unreachable("primary", "still away")
    async with running(house.role.watch()):
        await until(lambda: "RPC fallback" in house.desk.spear_disabled)


async def test_an_engine_that_stops_answering_is_noticed_between_trades_and_then_left_alone() -> None:
    house = House()
    async with running(house.role.watch_engine()):
        await until(lambda: house.engine.asked >= 2)
        assert house.moved() == []
        house.engine.error = Unreachable("jito", "HTTP 503")
        await until(house.moved)
        asked = house.engine.asked
        await asyncio.sleep(0.1)
        assert house.engine.asked == asked
    assert house.moved() == [("primary", "fallback")]


@pytest.mark.parametrize(
    ("error", "counts"), [(Unreachable("jito", "x"), True), (RateLimited("jito", "x"), True), (None, False)]
)
async def test_failures_of_bundles_are_heard_and_still_raised(
    error: OutsideError | None, counts: bool
) -> None:
    house = House()
    house.engine.error = error
    lane = HeardLane(house.engine, heard=house.role.heard, clock=house.clock)
    for _ in range(3):
        if error is None:
            assert await lane.send_bundle([b"x"]) == "receipt"
        else:
            with pytest.raises(type(error)):
                await lane.send_bundle([b"x"])
    assert bool(house.moved()) is counts
