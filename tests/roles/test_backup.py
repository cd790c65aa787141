"""The daily copy: at its hour, made up for when slept through, once a day, and loud when it fails."""

import asyncio
import io

import pytest
from prometheus_client import CollectorRegistry

from chimera.domain.errors import Unreachable
from chimera.observe import Observer, Redactor, make_log
from chimera.roles import backup
from chimera.roles.backup import BackupRole
from chimera.testing.fakes import StandingClock

DAY, HOUR = 86_400_000, 3_600_000
MIDNIGHT = 20_000 * DAY


class Copies:
    def __init__(self, newest_ms: int | None = None) -> None:
        self.made: list[int] = []
        self.newest, self.broken = newest_ms, False

    def newest_ms(self) -> int | None:
        return self.newest

    def make(self, *, at_ms: int) -> str:
        if self.broken:
            raise Unreachable("backup", "no space left")
        self.made.append(at_ms)
        self.newest = at_ms
        return "made"


def role(copies: Copies, clock: StandingClock) -> tuple[BackupRole, CollectorRegistry]:
    registry = CollectorRegistry()
    log = make_log(level="ERROR", json=True, redactor=Redactor(), stream=io.StringIO())
    return BackupRole(copies, hour_utc=3, clock=clock, observer=Observer(log, registry)), registry


async def test_a_copy_is_made_at_three_and_once_a_day() -> None:
    clock, copies = StandingClock(MIDNIGHT), Copies()
    keeper, registry = role(copies, clock)
    for _ in range(2 * 24 * 60):
        await keeper.look()
        clock.forward(60_000)
    assert copies.made == [MIDNIGHT + 3 * HOUR, MIDNIGHT + DAY + 3 * HOUR]
    assert registry.get_sample_value("chimera_backup_last_timestamp_seconds") == copies.made[-1] / 1_000


async def test_an_hour_slept_through_is_made_up_for_at_start() -> None:
    copies = Copies(newest_ms=MIDNIGHT - 2 * DAY + 3 * HOUR)
    keeper, _ = role(copies, StandingClock(MIDNIGHT + HOUR))
    await keeper.look()
    assert copies.made == [MIDNIGHT + HOUR]


async def test_a_failure_is_counted_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    copies = Copies(newest_ms=MIDNIGHT - DAY)
    copies.broken = True
    keeper, registry = role(copies, StandingClock(MIDNIGHT + 4 * HOUR))
    monkeypatch.setattr(backup, "AGAIN_AFTER_S", 0.0)
    keeping = asyncio.create_task(keeper.run())
    while not registry.get_sample_value("chimera_backup_failures_total"):
        await asyncio.sleep(0)
    copies.broken = False
    while not copies.made:
        await asyncio.sleep(0)
    keeping.cancel()
    assert copies.made == [MIDNIGHT + 4 * HOUR]
