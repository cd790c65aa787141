"""A strategy played through a scene, with books that fill whatever it asks for at the last price.

For contracts and for looking at what a strategy would say; not for results: nothing costs anything here. Must not
know where a scene comes from.
"""

from collections import deque
from collections.abc import Iterator
from typing import Protocol

import msgspec

from chimera.domain.features import PRICE_UNITS
from chimera.domain.ids import Address, Signature, Slot, TradeId
from chimera.domain.intent import Side, TradeIntent
from chimera.domain.messages import TradeMoved
from chimera.domain.trade import Position, TradeState
from chimera.ports.strategy import (
    Context,
    Features,
    Market,
    Prices,
    Strategy,
    StrategyEvent,
    StrategyOutput,
)


class Scene(Protocol):
    """Events with their times, and the market as it is after each of them."""

    @property
    def prices(self) -> Prices: ...

    @property
    def market(self) -> Market: ...

    @property
    def features(self) -> Features: ...

    @property
    def common(self) -> int:
        """So many events are the same whichever future follows."""
        ...

    def __iter__(self) -> Iterator[tuple[int, StrategyEvent]]:
        """(time, event); prices, market and features are those of the event."""
        ...


class Said(msgspec.Struct, frozen=True):
    """One output, and after which event."""

    index: int
    now_ms: int
    output: StrategyOutput


class Rehearsal:
    """`run` once. Also the books that the strategy reads."""

    def __init__(self, strategy: Strategy, scene: Scene) -> None:
        self._strategy, self._scene = strategy, scene
        self.positions: dict[TradeId, Position] = {}
        self.states: dict[TradeId, TradeState] = {}
        self.said: list[Said] = []
        self.index = 0

    @property
    def open_positions(self) -> list[Position]:
        return [one for one in self.positions.values() if one.open]

    def position_of(self, wallet: Address | None, mint: Address) -> Position | None:
        return next((p for p in self.open_positions if p.mint == mint and wallet in {None, p.wallet}), None)

    def busy(self, trade_id: TradeId) -> bool:  # noqa: ARG002 - nothing takes time here
        return False

    equity_at_cost_lamports = 20 * 10**9

    def run(self) -> Iterator[int]:
        """Plays the scene; hands out the number of each event once it was played."""
        for now_ms, event in self._scene:
            waiting: deque[StrategyEvent] = deque([event])
            heard = 0
            while waiting and heard < 1_000:  # a strategy that answers each answer with a new wish
                heard += 1
                waiting += self._hear(waiting.popleft(), now_ms)
            self.index += 1
            yield self.index

    def _hear(self, event: StrategyEvent, now_ms: int) -> list[TradeMoved]:
        scene = self._scene
        context = Context(now_ms, self, scene.prices, scene.market, scene.features)
        moved: list[TradeMoved] = []
        for output in self._strategy.on_event(event, context):
            self.said.append(Said(self.index, now_ms, output))
            if isinstance(output, TradeIntent):
                moved += self._fill(output, now_ms)
        return moved

    def _fill(self, intent: TradeIntent, now_ms: int) -> list[TradeMoved]:
        known = self.positions.get(intent.trade_id)
        seen = self._scene.features.token(intent.mint)
        before = self.states.get(intent.trade_id, TradeState.QUEUED)
        if intent.side is Side.BUY and seen is not None and seen.price and intent.amount > 0:
            tokens = max(intent.amount * PRICE_UNITS // seen.price, 1)
            self.positions[intent.trade_id] = self._bought(intent, known, tokens, now_ms)
            self.states[intent.trade_id] = TradeState.ACTIVE
        elif intent.side is Side.SELL and known is not None and 0 < intent.amount <= known.tokens:
            left = known.tokens - intent.amount
            self.states[intent.trade_id] = TradeState.ACTIVE if left else TradeState.CLOSED
            if left:
                self.positions[intent.trade_id] = msgspec.structs.replace(known, tokens=left)
            else:
                del self.positions[intent.trade_id]
        else:
            self.states.setdefault(intent.trade_id, TradeState.FAILED)
        after = self.states[intent.trade_id]
        if after is TradeState.CLOSED:
            del self.states[intent.trade_id]
        return [TradeMoved(intent.trade_id, before, after, "rehearsed")]

    def _bought(self, intent: TradeIntent, known: Position | None, tokens: int, now_ms: int) -> Position:
        if known is not None:
            return msgspec.structs.replace(
                known,
                tokens=known.tokens + tokens,
                tokens_bought=known.tokens_bought + tokens,
                cost_lamports=known.cost_lamports + intent.amount,
                swapped_lamports=known.swapped_lamports + intent.amount,
            )
        return Position(
            trade_id=intent.trade_id,
            mint=intent.mint,
            symbol=intent.symbol,
            style=intent.style,
            wallet=intent.wallet,
            tokens=tokens,
            tokens_bought=tokens,
            cost_lamports=intent.amount,
            received_lamports=0,
            swapped_lamports=intent.amount,
            opened_at_ms=now_ms,
            opened_slot=Slot(0),
            entry_signature=Signature(""),
            strategy=intent.source,
        )
