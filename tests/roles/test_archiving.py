"""Whole days that are long enough ago are moved, and a failure is told and costs nothing else."""

from io import StringIO

from prometheus_client import CollectorRegistry

from chimera.domain.errors import Unreachable
from chimera.observe import Observer, Redactor, make_log
from chimera.roles.archiving import DAY_MS, ArchivingRole
from chimera.testing.fakes import StandingClock


class ToldArchive:
    def __init__(self) -> None:
        self.asked: list[int] = []
        self.trouble: Exception | None = None

    def move(self, *, before_ms: int) -> int:
        self.asked.append(before_ms)
        if self.trouble is not None:
            raise self.trouble
        return 3


async def test_it_moves_whole_days_and_survives_a_disk_that_refuses() -> None:
    archive, clock, log = ToldArchive(), StandingClock(), StringIO()
    observer = Observer(
        make_log(level="debug", json=True, redactor=Redactor(()), stream=log), CollectorRegistry()
    )
    role = ArchivingRole(archive, keep_days=90, clock=clock, observer=observer)
    await role.look()
    (before,) = archive.asked
    assert before % DAY_MS == 0
    assert clock.now_ms() - 91 * DAY_MS < before <= clock.now_ms() - 90 * DAY_MS
    archive.trouble = Unreachable("archive", "no room left")
    await role.look()
    assert "decisions archived" in log.getvalue() and "no room left" in log.getvalue()
