"""The loop of reactions: entries and market events in, intents on the bus; what cannot work is told once."""

import asyncio
from typing import Any

from prometheus_client import CollectorRegistry

from chimera.adapters.bus_local import LocalBus
from chimera.domain.ids import IntentId, Slot, TradeId
from chimera.domain.market import SlotAdvanced
from chimera.domain.messages import Entry, LegDropped, Noted
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import LegRef
from chimera.execution.mev.workers import Kind
from chimera.observe import Observer, Redactor, make_log
from chimera.roles.mev import WAITING_MAX, MevRole
from chimera.roles.topics import INTENTS, MARKET
from chimera.testing.builders import intent
from chimera.testing.fakes import StandingClock

DROPPED = LegDropped(LegRef("leg", IntentId("i"), TradeId("t")), Refusal(Reason.SIMULATION_FAILED))


class Workers:
    """Wants one thing for everything that it hears."""

    working = frozenset({Kind.BACKRUN})

    @property
    def refused(self) -> dict[Kind, str]:
        return {Kind.LIQUIDATION: "nothing to liquidate"}

    def on_entry(self, entry: Entry, now_ms: int) -> list[Any]:
        return [intent(id=IntentId(f"entry {entry.seq}"))]

    def on_market(self, event: Any, now_ms: int) -> list[Any]:
        return [intent(id=IntentId(f"slot {event.slot}"))]


class Observed(Observer):
    def __init__(self) -> None:
        super().__init__(make_log(level="error", json=True, redactor=Redactor()), CollectorRegistry())
        self.said: list[tuple[str, dict[str, Any]]] = []

    def told(self, event: str, **fields: Any) -> None:
        self.said.append((event, fields))


async def test_what_the_workers_want_reaches_the_desk_like_any_other_intent() -> None:
    bus, observer = LocalBus(), Observed()
    wanted = bus.subscribe(INTENTS, capacity=10)
    role = MevRole(workers=Workers(), bus=bus, clock=StandingClock(), observer=observer)  # type: ignore[arg-type]
    loop = asyncio.create_task(role.run())
    role.heard(Entry(1, 0, "run", Noted("not its business")))
    role.heard(Entry(2, 0, "run", DROPPED))
    assert (await asyncio.wait_for(wanted.get(), 5)).id == "entry 2"
    bus.publish(MARKET, SlotAdvanced(Slot(9), 0))
    assert (await asyncio.wait_for(wanted.get(), 5)).id == "slot 9"
    assert observer.said == [("worker stays off", {"worker": "liquidation", "cause": "nothing to liquidate"})]
    loop.cancel()


async def test_the_journals_writer_never_waits_and_what_is_lost_is_counted() -> None:
    role = MevRole(workers=Workers(), bus=LocalBus(), clock=StandingClock(), observer=Observed())  # type: ignore[arg-type]
    for seq in range(WAITING_MAX + 3):
        role.heard(Entry(seq, 0, "run", DROPPED))
    assert role.lost == 3
