"""What a SOL cost is put down when a trade lands, and left open where nobody can say."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from chimera.domain.ids import Address, IntentId, Signature, Slot, TradeId
from chimera.domain.intent import Side
from chimera.domain.messages import FillValued, LegLanded, Noted
from chimera.domain.trade import Fill, LegRef
from chimera.observe import Observer, Redactor, make_log
from chimera.roles.valuing import LATE_MS, PoolPrice, ValuingRole
from chimera.testing.fakes import MemoryJournal, StandingClock


def landed(number: int, at_ms: int) -> LegLanded:
    fill = Fill(
        signature=Signature(f"s{number}"), slot=Slot(number), side=Side.BUY, mint=Address("m"), token_delta=1,
        lamports_delta=-1, swap_lamports=1, fee_lamports=0, tip_lamports=0, rent_lamports=0, at_ms=at_ms,
    )  # fmt: skip
    return LegLanded(LegRef(f"l{number}", IntentId("i"), TradeId("t")), fill)


def role(price: int | None) -> tuple[ValuingRole, MemoryJournal, StandingClock]:
    clock = StandingClock()
    journal = MemoryJournal(clock)
    observer = Observer(make_log(level="error", json=True, redactor=Redactor(())), CollectorRegistry())
    made = ValuingRole(price=PoolPrice(lambda: price), journal=journal, clock=clock, observer=observer)
    journal.listeners.append(made.hear)
    return made, journal, clock


async def test_every_leg_that_lands_is_valued_once_and_nothing_else_is() -> None:
    made, journal, clock = role(150_000_000)
    running = asyncio.create_task(made.run())
    journal.append(Noted("something else"))
    for number in range(3):
        journal.append(landed(number, clock.now_ms()))
    async with asyncio.timeout(10):
        while len(journal.facts()) < 7:
            await asyncio.sleep(0)
    running.cancel()
    values = [fact for fact in journal.facts() if isinstance(fact, FillValued)]
    assert values == [FillValued(f"l{n}", Signature(f"s{n}"), 150_000_000, "pool") for n in range(3)]


@pytest.mark.parametrize("price", [None, 0, -1])
async def test_an_unknown_price_leaves_the_value_open(price: int | None) -> None:
    made, journal, clock = role(price)
    journal.append(landed(1, clock.now_ms()))
    await made.value_waiting()
    assert len(journal.facts()) == 1


async def test_what_landed_long_ago_is_not_valued_at_todays_price() -> None:
    made, journal, clock = role(150_000_000)
    journal.append(landed(1, clock.now_ms() - LATE_MS - 1))
    journal.append(landed(2, clock.now_ms() - LATE_MS))
    await made.value_waiting()
    assert [fact.leg_id for fact in journal.facts() if isinstance(fact, FillValued)] == ["l2"]
