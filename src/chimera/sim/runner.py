"""One run over yesterday's market: record by record, through the same engine, gate and desk as every other day.

A stepped clock, a chain that was, a journal in memory. Nothing is read ahead: each record is folded, then thought
about, then acted upon, and the next one is not asked for before. No rule of trading lives here.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import get_args

import msgspec

from chimera.domain.errors import InvariantBroken
from chimera.domain.ids import Slot
from chimera.domain.intent import Signal, TradeIntent
from chimera.domain.market import SlotAdvanced, Trade
from chimera.domain.messages import (
    CapitalMoved,
    Entry,
    Fact,
    SignalAccepted,
    SignalDropped,
    StrategyDecided,
    StrategyMoved,
    TradeMoved,
)
from chimera.domain.recording import RawItem, Recorded
from chimera.engine import Engine
from chimera.execution.books import Books
from chimera.execution.desk import Desk
from chimera.execution.effects import Arrived, Effect, Ticked
from chimera.market.replay import MarketReplay
from chimera.ports.strategy import Context, Strangers, StrategyEvent, Wallets
from chimera.risk.admission import Admission
from chimera.risk.watcher import WalletWatcher
from chimera.sim.chain import SimulatedChain
from chimera.sim.result import EquityPoint

RAW = get_args(RawItem)
SAMPLE_SLOTS = 10  # between two points of the equity line: some four seconds
STEPS_MAX = 10_000  # effects that one event may cause: more is a loop that feeds itself


class SteppedClock:
    """Stands where the newest record put it; never goes back."""

    def __init__(self) -> None:
        self._at_ms = 0

    def now_ms(self) -> int:
        return self._at_ms

    def monotonic_ns(self) -> int:
        return self._at_ms * 1_000_000

    def step(self, at_ms: int) -> None:
        self._at_ms = max(self._at_ms, at_ms)


class Parts(msgspec.Struct, frozen=True):
    """What is run; plugged together by the wiring, which alone knows the settings."""

    clock: SteppedClock
    replay: MarketReplay
    engine: Engine
    desk: Desk
    books: Books
    chain: SimulatedChain
    record: Callable[[Fact], Entry]
    """Appends to the journal and folds; `Runner.hear` is among its listeners."""
    admission: Admission
    watcher: WalletWatcher | None
    wallets: Wallets = Strangers()


class Runner:
    def __init__(self, parts: Parts, *, trades_from_ms: int = 0) -> None:
        """Before `trades_from_ms` the market is folded and nobody trades on it."""
        self._parts, self._from_ms = parts, trades_from_ms
        self._moved: deque[TradeMoved] = deque()
        self._opened = False
        self._sampled: Slot = Slot(0)
        self.events = 0
        self.first_ms = self.last_ms = 0
        self.equity: list[EquityPoint] = []

    def hear(self, entry: Entry) -> None:
        """A listener of the journal: moves are told to strategies, as the bus does."""
        if isinstance(entry.fact, TradeMoved):
            self._moved.append(entry.fact)

    def run(self, records: Iterable[Recorded]) -> None:
        """All of them, in order; may be called again with what follows."""
        parts, from_ms = self._parts, self._from_ms
        step, fold, event_of = parts.clock.step, parts.replay.process, self._event
        impact = parts.chain.impact
        for record in records:
            item, at_ms = record.item, record.at_ms
            step(at_ms)
            if not isinstance(item, RAW):
                continue  # an event that was decoded then: what we decode ourselves counts
            for told in (item,) if impact.idle else impact.remembered(item):
                events = fold(told, at_ms)
                if events and at_ms >= from_ms:
                    for event in events:
                        event_of(event)

    def finish(self) -> None:
        """Takes the last point of the line."""
        if self._opened:
            self._sample()

    # one event

    def _event(self, event: StrategyEvent) -> None:
        self.events += 1
        now_ms = self._parts.clock.now_ms()
        self.first_ms, self.last_ms = self.first_ms or now_ms, now_ms
        if not self._opened:
            self._open()
        if isinstance(event, Trade):
            self._watch(event)
        self._think(event)
        if isinstance(event, SlotAdvanced):
            self._slot()
            if event.slot >= self._sampled + SAMPLE_SLOTS:
                self._sample()

    def _open(self) -> None:
        """The first fact: what there is to trade with."""
        self._opened = True
        parts = self._parts
        parts.record(CapitalMoved(parts.chain.lamports, parts.replay.view.slot, "opening balance"))
        parts.books.kill_switch.ready = True

    def _watch(self, trade: Trade) -> None:
        """A copied wallet's swap, through the same door as live."""
        parts = self._parts
        signal = parts.watcher.signal(trade) if parts.watcher else None
        if signal is None:
            return
        verdict = parts.admission.admit_seen(signal, queue_depth=0)
        if isinstance(verdict, Signal):
            parts.record(SignalAccepted(signal=verdict))
            self._think(verdict)
        elif verdict is not None:
            parts.record(verdict)

    def _think(self, event: StrategyEvent) -> None:
        parts = self._parts
        view, now_ms = parts.replay.view, parts.clock.now_ms()
        context = Context(
            now_ms=now_ms, books=parts.books.ledger, prices=view, market=view, wallets=parts.wallets
        )
        for wanted in parts.engine.process(event, context):
            match wanted:
                case TradeIntent():
                    self._perform(parts.desk.process(Arrived(wanted), now_ms))
                case SignalDropped() | StrategyDecided() | StrategyMoved():
                    parts.record(wanted)
        while self._moved:
            self._think(self._moved.popleft())

    def _slot(self) -> None:
        """A slot was processed: what was sent may have landed, and time has passed for the desk."""
        parts = self._parts
        now_ms = parts.clock.now_ms()
        parts.chain.advance(now_ms)
        parts.desk.blockhash = parts.chain.blockhash()
        watched = parts.desk.watched()
        if watched:
            self._perform(parts.desk.process(parts.chain.statuses(watched), now_ms))
        self._perform(parts.desk.process(Ticked(), now_ms))
        while self._moved:
            self._think(self._moved.popleft())

    def _perform(self, effects: list[Effect]) -> None:
        parts = self._parts
        now_ms = parts.clock.now_ms()
        waiting = deque(effects)
        for _ in range(STEPS_MAX):
            if not waiting:
                return
            waiting += parts.desk.process(parts.chain.perform(waiting.popleft()), now_ms)
        raise InvariantBroken(f"one event caused more than {STEPS_MAX} steps: the desk feeds itself")

    def _sample(self) -> None:
        parts = self._parts
        view = parts.replay.view
        self._sampled = view.slot
        paid = {position.mint: position.paid_lamports for position in parts.books.ledger.open_positions}
        exposure = 0
        for mint, tokens in parts.chain.tokens.items():
            # of the chain's own holdings: the ledger hears of a fill only once it is confirmed
            value = view.value_lamports(mint, tokens) if tokens else 0
            exposure += paid.get(mint, 0) if value is None else value
        self.equity.append(EquityPoint(parts.clock.now_ms(), parts.chain.lamports + exposure, exposure))
