"""The strategy plane's loop: signals and market events in, intents out. Signals never wait behind market data."""

import asyncio

import msgspec

from chimera.domain.intent import TradeIntent
from chimera.domain.live import PositionMarked
from chimera.domain.market import Trade
from chimera.domain.messages import Entry, SignalDropped, StrategyDecided, StrategyMoved, TradeMoved
from chimera.engine import PARKED, Engine
from chimera.market.view import MarketView
from chimera.observe import Observer
from chimera.portfolio import Ledger
from chimera.ports.bus import Bus
from chimera.ports.ingress import TradeWatch
from chimera.ports.runtime import Clock
from chimera.ports.store import Journal
from chimera.ports.strategy import Context, Strangers, StrategyEvent, Wallets
from chimera.roles.inbox import SignalInbox
from chimera.roles.room import Room
from chimera.roles.topics import INTENTS, LIVE, MARKET, MARKET_CAPACITY, TRADES, TRADES_CAPACITY
from chimera.roles.watchdog import Watchdog

EVENTS_A_BREATH = 64  # market events handled before signals and trades get their turn
MARKS_EVERY_S = 0.5
CORRELATED_EVERY_MS = 15_000  # a bar


class StrategyRole:
    def __init__(
        self,
        *,
        engine: Engine,
        queue: SignalInbox,
        ingress: TradeWatch,
        ledger: Ledger,
        view: MarketView,
        journal: Journal,
        bus: Bus,
        clock: Clock,
        observer: Observer,
        room: Room,
        wallets: Wallets = Strangers(),  # noqa: B008 - without state
    ) -> None:
        self._engine, self._queue, self._ingress = engine, queue, ingress
        self._ledger, self._view, self._journal = ledger, view, journal
        self._bus, self._clock, self._observer, self._room = bus, clock, observer, room
        self._wallets = wallets
        self._market = bus.subscribe(MARKET, capacity=MARKET_CAPACITY)
        self._trades = bus.subscribe(TRADES, capacity=TRADES_CAPACITY, refuse=True)

    async def follow_market(self) -> None:
        handled = 0
        watchdog = Watchdog(self._engine.pulse)
        watchdog.start()
        try:
            async for event in self._market:
                if isinstance(event, Trade):
                    await self._ingress.watch(event)
                self._process(event)
                handled += 1
                if handled % EVENTS_A_BREATH == 0:
                    await asyncio.sleep(0)
        finally:
            watchdog.stop()

    async def follow_trades(self) -> None:
        async for entry in self._trades:
            if not isinstance(entry, Entry):
                continue
            if isinstance(entry.fact, TradeMoved):
                # the desk moved it just now and has a leg to simulate: that goes first
                await asyncio.sleep(0)
                self._process(entry.fact)
            elif isinstance(entry.fact, StrategyMoved):
                self._moved(entry.fact)

    async def follow_signals(self) -> None:
        """EXIT before SHIELD before SPEAR; a signal leaves the queue only when the desk has room for it."""
        while True:
            await self._room.wait()
            signal = await self._queue.get()
            self._observer.queue_depth(self._queue.depth)
            self._process(signal)

    async def mark(self) -> None:
        """Says twice a second what the open positions would fetch, and now and then how far they move together."""
        correlated_ms = 0
        while True:
            if (now := self._clock.now_ms()) - correlated_ms >= CORRELATED_EVERY_MS:
                correlated_ms = now
                held = [position.mint for position in self._ledger.open_positions]
                self._bus.publish(LIVE, self._engine.correlations.seen(held, now))
            for position in self._ledger.open_positions:
                value = self._view.value_lamports(position.mint, position.tokens)
                stop, target = self._engine.levels(position)
                pools = self._view.pools_of(position.mint)
                age = self._view.slot - max((pool.slot for pool in pools), default=0) if pools else None
                self._bus.publish(
                    LIVE,
                    PositionMarked(
                        position.trade_id,
                        value,
                        age,
                        stop,
                        target,
                        self._clock.now_ms(),
                        tokens=position.tokens,
                    ),
                )
            await asyncio.sleep(MARKS_EVERY_S)

    def _process(self, event: StrategyEvent) -> None:
        context = Context(
            now_ms=self._clock.now_ms(),
            books=self._ledger,
            prices=self._view,
            market=self._view,
            wallets=self._wallets,
        )
        for wanted in self._engine.process(event, context):
            match wanted:
                case TradeIntent():
                    self._bus.publish(INTENTS, self._told(wanted))
                case SignalDropped() | StrategyDecided() | StrategyMoved():
                    self._journal.append(wanted)

    def _told(self, intent: TradeIntent) -> TradeIntent:
        """With the token program that the market knows of: whoever plans it need not look again (SPEC TP-01)."""
        known = intent.token_program or self._view.token_program(intent.mint)
        return intent if known is None else msgspec.structs.replace(intent, token_program=known)

    def _moved(self, fact: StrategyMoved) -> None:
        """A person's word; what the engine said itself comes by here too and changes nothing."""
        if fact.after == PARKED:
            self._engine.park(fact.strategy, fact.cause, fact.by)
        else:
            self._engine.resume(fact.strategy, fact.cause, fact.by)
