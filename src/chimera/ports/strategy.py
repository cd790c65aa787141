"""What a strategy is: a synchronous function of events that says what it wants, within a typed set of parameters.

It sees the market and the books, never a chain, a key or a clock; time comes with the context.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from chimera.domain.ids import Address, TradeId
from chimera.domain.intent import Signal, TradeIntent
from chimera.domain.market import MarketEvent
from chimera.domain.messages import SignalDropped, TradeMoved
from chimera.domain.trade import Position, TradeState

StrategyEvent = MarketEvent | Signal | TradeMoved
"""What may wake a strategy: the market moved, somebody signalled, one of its round trips changed state."""

StrategyOutput = TradeIntent | SignalDropped
"""An intent, or the reason why a signal came to nothing. Every signal ends in one of the two."""


class Books(Protocol):
    """What a strategy may read of the ledger."""

    @property
    def open_positions(self) -> list[Position]: ...

    @property
    def positions(self) -> dict[TradeId, Position]: ...

    @property
    def states(self) -> dict[TradeId, TradeState]: ...

    def position_of(self, wallet: Address | None, mint: Address) -> Position | None: ...

    def busy(self, trade_id: TradeId) -> bool: ...


class Prices(Protocol):
    """What a strategy may read of the market."""

    def value_lamports(self, mint: Address, tokens: int) -> int | None:
        """What a holding would fetch now; None when unknown, which is never 0."""
        ...

    def sol_micro_usd(self) -> int | None: ...


class Context(msgspec.Struct, frozen=True):
    """The world at the event's time."""

    now_ms: int
    books: Books
    prices: Prices


class Strategy(Protocol):
    """One file in `strategies` ends with `STRATEGY = ...`, a factory of these."""

    name: str

    def on_event(self, event: StrategyEvent, context: Context) -> Sequence[StrategyOutput]: ...

    def levels(self, position: Position) -> tuple[int | None, int | None]:
        """(value at which it stops, value at which it takes profit), lamports; None where it has no such rule."""
        ...
