"""Signals between two processes: offered until answered, answered again, ended once, whoever was away in between."""

import asyncio
import contextlib
import io
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry

from chimera.adapters.bus_local import LocalBus
from chimera.domain.errors import InvariantBroken
from chimera.domain.ids import SignalId
from chimera.domain.intent import Side, Signal
from chimera.domain.messages import CapitalMoved, IntentEmitted, Noted, SignalDropped
from chimera.domain.risk import Reason, Refusal
from chimera.observe import Observer, Redactor, make_log
from chimera.ports.apart import FactOffered
from chimera.roles.inbox import SignalInbox
from chimera.roles.room import Room
from chimera.roles.signal_sharing import NOBODY_MS, FactOfferer, NoWatch, SignalGiver, SignalTaker
from chimera.roles.topics import FACTS, INTENTS, SIGNALS
from chimera.testing.builders import intent, signal
from chimera.testing.fakes import MemoryJournal, StandingClock

WITHIN_S = 5.0


async def until(met: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not met():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.01)


class Giving:
    """The desk's side, on a bus that a test listens to."""

    def __init__(self, *, concurrency: int = 2) -> None:
        self.clock, self.bus = StandingClock(), LocalBus()
        self.journal, self.queue = MemoryJournal(self.clock), SignalInbox()
        log = make_log(level="ERROR", json=True, redactor=Redactor(), stream=io.StringIO())
        self.offered = self.bus.subscribe(SIGNALS, capacity=100)
        self.giver = SignalGiver(
            queue=self.queue,
            room=Room(100, lambda: 0),
            concurrency=concurrency,
            ingress=NoWatch(),
            journal=self.journal,
            bus=self.bus,
            clock=self.clock,
            observer=Observer(log, CollectorRegistry()),
        )

    def record(self, fact: IntentEmitted | SignalDropped) -> None:
        self.journal.append(fact)

    def ends(self) -> list[SignalDropped]:
        return [fact for fact in self.journal.facts() if isinstance(fact, SignalDropped)]


@asynccontextmanager
async def giving(*, concurrency: int = 2) -> AsyncIterator[Giving]:
    made = Giving(concurrency=concurrency)
    giver = made.giver
    made.journal.listeners.append(giver.fold)
    loops = [asyncio.create_task(one) for one in (giver.give(), giver.look_after(), giver.write_down())]
    try:
        yield made
    finally:
        for loop in loops:
            loop.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*loops, return_exceptions=True)


def numbered(number: int, side: Side = Side.BUY) -> Signal:
    return signal(id=SignalId(f"signal {number}"), side=side)


async def test_a_signal_is_offered_again_until_it_is_answered_and_then_never_more() -> None:
    async with giving() as desk:
        desk.queue.put(numbered(1))
        assert (await desk.offered.get()).id == "signal 1"
        for _ in range(3):
            desk.clock.forward(8_000)
            await until(lambda: desk.offered.depth == 1, "offered again")
            await desk.offered.get()
        desk.record(IntentEmitted(intent(signal_id=SignalId("signal 1"))))
        assert desk.giver.unanswered == 0
        desk.clock.forward(60_000)
        await asyncio.sleep(0.6)
        assert desk.offered.depth == 0
        assert desk.ends() == []


async def test_a_buy_that_nobody_answers_ends_by_name_and_a_sale_is_offered_for_ever() -> None:
    async with giving() as desk:
        desk.queue.put(numbered(1))
        desk.queue.put(numbered(2, Side.SELL))
        await until(lambda: desk.giver.unanswered == 2, "both are offered")
        desk.clock.forward(31_000)
        await until(lambda: bool(desk.ends()), "the buy is given up")
        (dropped,) = desk.ends()
        assert (dropped.signal_id, dropped.refusal.reason) == ("signal 1", Reason.TTL_EXPIRED)
        assert "no strategy answered" in dropped.refusal.observed
        desk.clock.forward(3_600_000)
        await asyncio.sleep(0.6)
        assert desk.giver.unanswered == 1


async def test_no_more_is_offered_at_once_than_the_desk_may_have_under_way() -> None:
    async with giving(concurrency=2) as desk:
        for number in range(5):
            desk.queue.put(numbered(number))
        await until(lambda: desk.giver.unanswered == 2, "two are offered")
        await asyncio.sleep(0.1)
        assert (desk.offered.depth, desk.queue.depth) == (2, 3)
        desk.record(SignalDropped(SignalId("signal 0"), Refusal(Reason.POSITION_OPEN)))
        await until(lambda: desk.offered.depth == 3, "the next one is")


async def test_one_process_that_does_not_take_it_does_not_speak_for_another_that_does() -> None:
    async with giving() as desk:
        for number in (1, 2):
            desk.queue.put(numbered(number))
        await until(lambda: desk.giver.unanswered == 2, "both are offered")
        nobody = Refusal(Reason.STRATEGY_DISABLED, observed="no strategy takes it")
        for number in (1, 2):
            fact = SignalDropped(SignalId(f"signal {number}"), nobody)
            desk.bus.publish(FACTS, FactOffered("some strategies", fact))
        await asyncio.sleep(0.1)
        assert desk.ends() == []
        desk.record(IntentEmitted(intent(signal_id=SignalId("signal 2"))))
        desk.clock.forward(NOBODY_MS)
        await until(lambda: bool(desk.ends()), "nobody took the first")
        assert [fact.signal_id for fact in desk.ends()] == ["signal 1"]


async def test_only_facts_that_are_others_to_say_are_written_down() -> None:
    async with giving() as desk:
        capital = CapitalMoved(10**12, 1, "a gift")  # type: ignore[arg-type]
        desk.bus.publish(FACTS, FactOffered("a liar", capital))
        desk.bus.publish(FACTS, FactOffered("market-data", Noted("pool quarantined", {"pool": "x"})))
        await until(lambda: bool(desk.journal.facts()), "the note is written down")
        assert desk.journal.facts() == [Noted("pool quarantined", {"pool": "x"})]
    with pytest.raises(InvariantBroken):
        FactOfferer(bus=LocalBus(), clock=StandingClock(), component="x", run_id="r").append(capital)


async def test_a_signal_that_comes_again_gets_the_same_answer_and_is_thought_about_once() -> None:
    bus, queue = LocalBus(), SignalInbox()
    taker = SignalTaker(queue=queue, bus=bus)
    intents, facts = bus.subscribe(INTENTS, capacity=10), bus.subscribe(FACTS, capacity=10)
    loop = asyncio.create_task(taker.take())
    bus.publish(SIGNALS, numbered(1))
    bus.publish(SIGNALS, numbered(1))
    bus.publish(SIGNALS, numbered(2))
    await until(lambda: queue.depth == 2, "each is thought about once")
    answer = intent(signal_id=SignalId("signal 1"))
    taker.publish(INTENTS, answer)
    dropped = FactOffered("x", SignalDropped(SignalId("signal 2"), Refusal(Reason.POSITION_OPEN)))
    taker.publish(FACTS, dropped)
    for number in (1, 2):
        bus.publish(SIGNALS, numbered(number))
    await until(lambda: taker.answered_again == 2, "both are answered again")
    assert [await intents.get(), await intents.get()] == [answer, answer]
    assert [await facts.get(), await facts.get()] == [dropped, dropped]
    assert queue.depth == 2
    loop.cancel()
