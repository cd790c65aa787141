"""A person parks a strategy and lets it go on: journalled, and once."""

from chimera.domain.commands import Answer, Kill, ParkStrategy, ResumeStrategy
from chimera.domain.messages import StrategyMoved
from chimera.roles.parking import ParkingRole
from chimera.testing.fakes import MemoryJournal, StandingClock


def parking() -> tuple[ParkingRole, MemoryJournal]:
    journal = MemoryJournal(StandingClock())
    role = ParkingRole(strategies=["momentum"], journal=journal)
    journal.listeners.append(role.fold)
    return role, journal


async def test_parking_and_resuming_are_facts_with_who_and_why() -> None:
    role, journal = parking()
    assert (await role.perform(ParkStrategy("momentum", "odd", "ops"))).ok
    assert journal.facts() == [StrategyMoved("momentum", "RUNNING", "PARKED", "odd", "ops")]
    assert journal.durable_seq == 1
    again = await role.perform(ParkStrategy("momentum", "odd", "ops"))
    assert (again.ok, again.code) == (False, "NOT_ACTIVE")
    done = await role.perform(ResumeStrategy("momentum", "fixed", "ops"))
    assert done == Answer(ok=True, message="momentum is RUNNING", before="PARKED", after="RUNNING")
    assert not role.parked


async def test_a_strategy_that_the_engine_parked_can_be_resumed_and_an_unknown_one_cannot() -> None:
    role, journal = parking()
    journal.append(StrategyMoved("momentum", "RUNNING", "PARKED", "ValueError: 0", "engine"))
    assert (await role.perform(ResumeStrategy("nobody", "x", "ops"))).code == "UNKNOWN"
    assert (await role.perform(ResumeStrategy("momentum", "x", "ops"))).ok
    assert (await role.perform(Kill("halt_all", "x", "ops"))).code == "UNSUPPORTED"
