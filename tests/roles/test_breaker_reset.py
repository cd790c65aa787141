"""Closing a breaker by hand: by its name, once, with who and why on record."""

from tests.roles.test_execution_lanes import House

from chimera.domain.commands import ResetBreaker
from chimera.domain.messages import BreakerMoved, Entry
from chimera.risk.failures import DEFAULTS, Breakers


def asked(breaker: str) -> ResetBreaker:
    return ResetBreaker(cause="seen", by="ann", breaker=breaker)


async def test_a_breaker_is_closed_by_its_name_and_a_closed_or_unknown_one_is_told() -> None:
    house = House()
    books = house.role._books
    books.breakers = Breakers(DEFAULTS)
    books.fold(Entry(1, 1, "r", BreakerMoved("slippage", "CLOSED", "OPEN", "4 in a row", "slippage_breaker")))
    done = await house.role.perform(asked("slippage"))
    assert (done.ok, done.before, done.after) == (True, "OPEN", "CLOSED")
    (entry,) = house.role._journal.read()
    assert entry.fact == BreakerMoved("slippage", "OPEN", "CLOSED", "seen", "ann")
    books.fold(entry)
    assert (await house.role.perform(asked("slippage"))).code == "NOT_ACTIVE"
    assert (await house.role.perform(asked("loss"))).code == "NOT_ACTIVE"
    assert (await house.role.perform(asked("weather"))).code == "UNKNOWN"
