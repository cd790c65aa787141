"""What a strategy is: a synchronous function of events that says what it wants, within a typed set of parameters.

It sees the market and the books, never a chain, a key or a clock; time comes with the context.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from chimera.domain.features import Bar, BarKind, TokenSeen, Window
from chimera.domain.ids import Address, Slot, TradeId
from chimera.domain.intent import Signal, TradeIntent
from chimera.domain.market import MarketEvent
from chimera.domain.messages import Entry, SignalDropped, StrategyDecided, TradeMoved
from chimera.domain.pool import Moment, PoolHeader, Quote, QuoteRequest
from chimera.domain.risk import Refusal
from chimera.domain.trade import Position, TradeState
from chimera.domain.wallet import Wallet

StrategyEvent = MarketEvent | Signal | TradeMoved
"""What may wake a strategy: the market moved, somebody signalled, one of its round trips changed state."""

StrategyOutput = TradeIntent | SignalDropped | StrategyDecided
"""An intent, the reason why a signal came to nothing (every signal ends in one of these two), or a decision
to wait, to pass or to trade in the shadow: for the record alone."""


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

    @property
    def equity_at_cost_lamports(self) -> int:
        """Money and positions, these at what they have cost."""
        ...


class Prices(Protocol):
    """What a strategy may read of the market."""

    def value_lamports(self, mint: Address, tokens: int) -> int | None:
        """What a holding would fetch now; None when unknown, which is never 0."""
        ...

    def sol_micro_usd(self) -> int | None: ...


class Listing(Protocol):
    """One pool as it is now."""

    @property
    def header(self) -> PoolHeader: ...

    @property
    def slot(self) -> int:
        """Of its newest account."""
        ...

    @property
    def doubtful(self) -> str | None:
        """Why it must not be bought from, or None."""
        ...

    @property
    def progress_bps(self) -> int | None:
        """How full its bonding curve is; None for a pool that is none."""
        ...

    @property
    def creator(self) -> Address | None:
        """Who made its coin, where the pool says so."""
        ...

    def quote(self, request: QuoteRequest, moment: Moment) -> Quote | Refusal:
        """Exact, from the accounts as they are known; asks nobody."""
        ...


class Market(Protocol):
    """Every complete pool of every venue, to be read and never changed."""

    @property
    def slot(self) -> Slot: ...

    def moment(self) -> Moment:
        """The chain's time, that quotes are made for."""
        ...

    def pools_of(self, mint: Address) -> Sequence[Listing]: ...

    def pools_between(self, one: Address, other: Address) -> Sequence[Listing]: ...

    def liquidity_micro_usd(self, mint: Address) -> int | None:
        """Of all its pools that are not in doubt; None where it is unknown."""
        ...


class Deserted:
    """A market without a pool: what a strategy sees that was given none."""

    slot = Slot(0)

    def moment(self) -> Moment:
        return Moment(unix_timestamp=0, slot=Slot(0), epoch=0)

    def pools_of(self, mint: Address) -> Sequence[Listing]:  # noqa: ARG002 - the protocol's
        return ()

    def pools_between(self, one: Address, other: Address) -> Sequence[Listing]:  # noqa: ARG002
        return ()

    def liquidity_micro_usd(self, mint: Address) -> int | None:  # noqa: ARG002
        return None


class Features(Protocol):
    """What the trades of a token tell, the same for every strategy (`market.features`)."""

    def token(self, mint: Address) -> TokenSeen | None:
        """None where nothing of it was ever seen."""
        ...

    def window(self, mint: Address, span_ms: int, now_ms: int) -> Window:
        """Costs more the more was traded in it: ask now and then, not with every trade."""
        ...

    def bars(self, mint: Address, size: int, now_ms: int, kind: BarKind = BarKind.TIME) -> Sequence[Bar]:
        """Closed ones, oldest first."""
        ...


class Featureless:
    """No token was ever traded: what a strategy sees that was given no extractor."""

    def token(self, mint: Address) -> TokenSeen | None:  # noqa: ARG002 - the protocol's
        return None

    def window(self, mint: Address, span_ms: int, now_ms: int) -> Window:  # noqa: ARG002
        return Window(span_ms, *(0,) * 13)

    def bars(
        self,
        mint: Address,  # noqa: ARG002
        size: int,  # noqa: ARG002
        now_ms: int,  # noqa: ARG002
        kind: BarKind = BarKind.TIME,  # noqa: ARG002
    ) -> Sequence[Bar]:
        return ()


class Wallets(Protocol):
    """What is known of wallets that may be copied."""

    def get(self, address: Address) -> Wallet | None:
        """None for one that nobody listed."""
        ...


class Strangers:
    """Nobody is known: what a strategy sees that was given no roster."""

    def get(self, address: Address) -> Wallet | None:  # noqa: ARG002 - the protocol's
        return None


class Context(msgspec.Struct, frozen=True):
    """The world at the event's time."""

    now_ms: int
    books: Books
    prices: Prices
    market: Market = Deserted()
    features: Features = Featureless()
    """The engine's own, whatever was given: it folds every event before a strategy hears of it."""
    wallets: Wallets = Strangers()


@runtime_checkable
class Remembers(Protocol):
    """A strategy that knows more than the books do, and finds it again in the facts of former runs."""

    def recall(self, past: Iterable[Entry]) -> None:
        """Called once, before the first event."""
        ...


class Strategy(Protocol):
    """One file in `strategies` ends with `STRATEGY = ...`, a factory of these."""

    name: str

    def on_event(self, event: StrategyEvent, context: Context) -> Sequence[StrategyOutput]: ...

    def levels(self, position: Position) -> tuple[int | None, int | None]:
        """(value at which it stops, value at which it takes profit), lamports; None where it has no such rule."""
        ...
