"""Signals enter where the journal is, and are answered where strategies think: the loops of both ends.

A signal is offered again until it is answered, and answered again where it was answered before, so that it ends in
exactly one intent or one reason whoever is killed in between. Buys wait half a minute, sales as long as it takes.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator

from chimera.domain.errors import InvariantBroken
from chimera.domain.ids import SignalId
from chimera.domain.intent import Side, Signal, TradeIntent
from chimera.domain.market import Trade
from chimera.domain.messages import Entry, Fact, IntentEmitted, SignalDropped
from chimera.domain.risk import Reason, Refusal
from chimera.observe import Observer
from chimera.ports.apart import OFFERED, FactOffered
from chimera.ports.bus import Bus, Subscription
from chimera.ports.ingress import TradeWatch
from chimera.ports.runtime import Clock
from chimera.ports.store import Journal
from chimera.roles.inbox import SignalInbox
from chimera.roles.ingress import REQUEUE_AGE_MS_MAX
from chimera.roles.room import Room
from chimera.roles.topics import (
    FACTS,
    FACTS_CAPACITY,
    INTENTS,
    MARKET,
    MARKET_CAPACITY,
    SIGNALS,
    SIGNALS_CAPACITY,
)

LOOK_EVERY_S = 0.25
OFFER_AGAIN_MS = (1_000, 2_000, 4_000, 8_000)  # the last holds from then on
NOBODY_MS = 1_000
"""A process whose strategies do not take a signal says so at once; another one may still want it."""
ANSWERS_KEPT = 10_000


class _Offer:
    def __init__(self, signal: Signal, now_ms: int) -> None:
        self.signal, self.since_ms = signal, now_ms
        self.times = 1
        self.again_ms = now_ms + OFFER_AGAIN_MS[0]
        self.declined: tuple[int, SignalDropped] | None = None
        """(when it counts, what a process said that does not take it)."""


class SignalGiver:
    """Beside ingress and journal: offers signals as the desk has room, and writes down what others ask it to."""

    def __init__(
        self,
        *,
        queue: SignalInbox,
        room: Room,
        concurrency: int,
        ingress: TradeWatch,
        journal: Journal,
        bus: Bus,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self._queue, self._room, self._ingress, self._journal = queue, room, ingress, journal
        self._bus, self._clock, self._observer = bus, clock, observer
        self._offers: dict[SignalId, _Offer] = {}
        self._places = Room(concurrency, lambda: len(self._offers))
        self._facts = bus.subscribe(FACTS, capacity=FACTS_CAPACITY)
        self._market = bus.subscribe(MARKET, capacity=MARKET_CAPACITY)

    @property
    def unanswered(self) -> int:
        return len(self._offers)

    def fold(self, entry: Entry) -> None:
        """For the journal's listeners: what was answered is not offered again."""
        match entry.fact:
            case IntentEmitted(intent) if intent.signal_id is not None:
                self._offers.pop(intent.signal_id, None)
            case SignalDropped(signal_id):
                self._offers.pop(signal_id, None)
            case _:
                return
        self._places.changed()

    async def give(self) -> None:
        """EXIT before SHIELD before SPEAR; a signal leaves the queue only when desk and offers have room."""
        while True:
            await self._room.wait()
            await self._places.wait()
            signal = await self._queue.get()
            self._observer.queue_depth(self._queue.depth)
            self._offers[signal.id] = _Offer(signal, self._clock.now_ms())
            self._bus.publish(SIGNALS, signal)

    async def look_after(self) -> None:
        """Offers again, lets what nobody wants go, and gives up buys whose time has passed."""
        while True:
            now = self._clock.now_ms()
            for offer in list(self._offers.values()):
                self._look(offer, now)
            await asyncio.sleep(LOOK_EVERY_S)

    async def write_down(self) -> None:
        async for offered in self._facts:
            if not isinstance(offered, FactOffered) or not isinstance(offered.fact, OFFERED):
                self._observer.told("fact not taken", kind=type(offered).__name__)
            elif isinstance(offered.fact, SignalDropped):
                self._dropped(offered.fact)
            else:
                self._journal.append(offered.fact)

    async def watch_market(self) -> None:
        """Copied wallets' own trades enter here too, as in one process."""
        async for event in self._market:
            if isinstance(event, Trade):
                await self._ingress.watch(event)

    def _dropped(self, fact: SignalDropped) -> None:
        offer = self._offers.get(fact.signal_id)
        if offer is None:
            return  # answered before
        if fact.refusal.reason is Reason.STRATEGY_DISABLED:
            if offer.declined is None:
                offer.declined = (self._clock.now_ms() + NOBODY_MS, fact)
            return
        self._journal.append(fact)

    def _look(self, offer: _Offer, now: int) -> None:
        signal = offer.signal
        waited = now - offer.since_ms
        if offer.declined is not None and now >= offer.declined[0]:
            self._journal.append(offer.declined[1])
        elif signal.side is Side.BUY and waited > REQUEUE_AGE_MS_MAX:
            observed = f"no strategy answered within {waited} ms"
            refusal = Refusal(Reason.TTL_EXPIRED, limit=f"{REQUEUE_AGE_MS_MAX} ms", observed=observed)
            self._journal.append(SignalDropped(signal.id, refusal))
        elif now >= offer.again_ms:
            offer.again_ms = now + OFFER_AGAIN_MS[min(offer.times, len(OFFER_AGAIN_MS) - 1)]
            offer.times += 1
            self._observer.told("signal offered again", signal_id=signal.id, times=offer.times)
            self._bus.publish(SIGNALS, signal)


class SignalTaker:
    """Beside the strategies, whose bus it is: it remembers their answers on the way out."""

    def __init__(self, *, queue: SignalInbox, bus: Bus) -> None:
        self._queue, self._bus = queue, bus
        self._signals = bus.subscribe(SIGNALS, capacity=SIGNALS_CAPACITY)
        self._answers: OrderedDict[SignalId, TradeIntent | FactOffered | None] = OrderedDict()
        """None: taken, and not answered yet."""
        self.answered_again = 0

    async def take(self) -> None:
        async for signal in self._signals:
            if not isinstance(signal, Signal):
                continue
            if signal.id not in self._answers:
                self._keep(signal.id, None)
                self._queue.put(signal)
                continue
            answer = self._answers[signal.id]
            if answer is not None:
                self.answered_again += 1
                self._bus.publish(INTENTS if isinstance(answer, TradeIntent) else FACTS, answer)

    # `ports.bus.Bus`, for the strategies' loop

    def publish(self, topic: str, message: object) -> None:
        match message:
            case TradeIntent(signal_id=signal_id) if signal_id is not None:
                self._keep(signal_id, message)
            case FactOffered(_, SignalDropped(signal_id)):
                self._keep(signal_id, message)
            case _:
                pass
        self._bus.publish(topic, message)

    def subscribe(self, *topics: str, capacity: int, refuse: bool = False) -> Subscription:
        return self._bus.subscribe(*topics, capacity=capacity, refuse=refuse)

    def depths(self) -> dict[str, tuple[int, int]]:
        return self._bus.depths()

    def _keep(self, signal_id: SignalId, answer: TradeIntent | FactOffered | None) -> None:
        self._answers[signal_id] = answer
        if len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)


class FactOfferer:
    """`ports.store.Journal` for a process that has none: facts go to the one that does."""

    def __init__(self, *, bus: Bus, clock: Clock, component: str, run_id: str) -> None:
        self._bus, self._clock, self._component, self._run_id = bus, clock, component, run_id

    def append(self, fact: Fact) -> Entry:
        """Offers it. What comes back bears no number: it is not written down yet."""
        if not isinstance(fact, OFFERED):
            raise InvariantBroken(f"{type(fact).__name__} is not for {self._component} to write down")
        self._bus.publish(FACTS, FactOffered(self._component, fact))
        return Entry(0, self._clock.now_ms(), self._run_id, fact)

    async def durable(self, seq: int) -> None:
        """Nothing here is: whoever needs that must be where the journal is."""

    def read(self, from_seq: int = 1) -> Iterator[Entry]:  # noqa: ARG002 - as the port has it
        raise InvariantBroken("this process has no journal to read")


class NoWatch:
    """`ports.ingress.TradeWatch` where another process watches."""

    async def watch(self, trade: Trade) -> None:  # noqa: ARG002 - as the port has it
        return None
