"""Round trips as people see them live: folded from journal entries, beside the house's own ledger.

Money and states come from `portfolio.Ledger`; this adds what only people want: reasons, signatures, times.
"""

from collections import deque

import msgspec

from chimera.domain.ids import Signature, TradeId
from chimera.domain.intent import Side, TradeIntent
from chimera.domain.messages import (
    Entry,
    IntentEmitted,
    IntentRefused,
    LegDropped,
    LegExpired,
    LegLanded,
    LegReverted,
    TradeMoved,
)
from chimera.domain.trade import Fill, TradeState
from chimera.portfolio import Ledger
from chimera.ports.store import PositionRow, TradeRow

DAY_MS = 86_400_000


class Story(msgspec.Struct):
    """What is told of one round trip beside its money."""

    intent: TradeIntent
    """The one that opened it."""
    created_at_ms: int
    updated_at_ms: int
    fees_lamports: int = 0
    tips_lamports: int = 0
    rent_lamports: int = 0
    sunk_lamports: int = 0
    """Fees of reverted transactions."""
    realised_lamports: int = 0
    exit_signature: Signature | None = None
    error_message: str | None = None
    exit_reason: str | None = None
    ended: bool = False


class Trades:
    """Fold entries with `apply`, each after the ledger has heard of it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.stories: dict[TradeId, Story] = {}
        self.realised_lamports = 0
        self.wins = self.losses = self.closed = 0
        self.last_trade_at_ms: int | None = None
        self._steps: deque[tuple[int, int]] = deque()
        """(when, how much) of what was realised in the last day."""

    def apply(self, entry: Entry) -> TradeId | None:
        """Folds an entry; returns the round trip that it changed."""
        match entry.fact:
            case IntentEmitted(intent):
                return self._intended(intent, entry.at_ms)
            case IntentRefused(_, trade_id, refusal):
                return self._told(trade_id, entry.at_ms, error=str(refusal))
            case LegDropped(leg, refusal):
                return self._told(leg.trade_id, entry.at_ms, error=str(refusal))
            case LegExpired(leg):
                return self._told(leg.trade_id, entry.at_ms, error="expired before it landed")
            case LegReverted(leg):
                return self._reverted(leg.trade_id, entry.fact, entry.at_ms)
            case LegLanded(leg, fill):
                return self._landed(leg.trade_id, fill, entry.at_ms)
            case TradeMoved() as fact:
                return self._moved(fact, entry.at_ms)
            case _:
                return None

    def realised_since(self, at_ms: int) -> int:
        """Lamports realised since then; the window never exceeds a day, and time only goes forward."""
        while self._steps and self._steps[0][0] < at_ms:
            self._steps.popleft()
        return sum(change for _, change in self._steps)

    def trade(self, trade_id: TradeId) -> TradeRow | None:
        story = self.stories.get(trade_id)
        if story is None:
            return None
        position, intent = self.ledger.positions.get(trade_id), story.intent
        spent = position.cost_lamports if position else story.sunk_lamports
        touched = position is not None and (position.exit_signature is not None or not position.open)
        return TradeRow(
            trade_uuid=trade_id,
            signal_id=intent.signal_id,
            wallet_address=intent.wallet,
            token_address=intent.mint,
            token_symbol=intent.symbol,
            strategy=intent.style,
            side=intent.side,
            status=self.ledger.states.get(trade_id, TradeState.PENDING),
            amount_lamports=intent.amount,
            spent_lamports=spent,
            received_lamports=position.received_lamports if position else 0,
            fees_lamports=story.fees_lamports,
            tips_lamports=story.tips_lamports,
            rent_lamports=story.rent_lamports,
            realised_lamports=story.realised_lamports if touched or story.sunk_lamports else None,
            entry_signature=position.entry_signature if position else None,
            exit_signature=story.exit_signature,
            retry_count=self.ledger.retries.get(trade_id, 0),
            error_message=story.error_message,
            exit_reason=story.exit_reason,
            created_at_ms=story.created_at_ms,
            updated_at_ms=story.updated_at_ms,
        )

    def position(self, trade_id: TradeId) -> PositionRow | None:
        position, story = self.ledger.positions.get(trade_id), self.stories.get(trade_id)
        if position is None or story is None:
            return None
        exiting = self.ledger.states.get(trade_id) is TradeState.EXITING
        return PositionRow(
            trade_uuid=trade_id,
            wallet_address=position.wallet,
            token_address=position.mint,
            token_symbol=position.symbol,
            strategy=position.style,
            state="CLOSED" if not position.open else "EXITING" if exiting else "ACTIVE",
            token_amount=position.tokens,
            tokens_bought=position.tokens_bought,
            entry_lamports=position.cost_lamports,
            received_lamports=position.received_lamports,
            realised_lamports=position.realised_lamports,
            opened_at_ms=position.opened_at_ms,
            closed_at_ms=position.closed_at_ms,
            entry_signature=position.entry_signature,
            exit_signature=position.exit_signature,
            exit_reason=story.exit_reason,
        )

    def open_positions(self) -> list[PositionRow]:
        """Newest first."""
        rows = [self.position(position.trade_id) for position in reversed(self.ledger.open_positions)]
        return [row for row in rows if row is not None]

    def _intended(self, intent: TradeIntent, at_ms: int) -> TradeId:
        story = self.stories.get(intent.trade_id)
        if story is None:
            story = self.stories[intent.trade_id] = Story(
                intent=intent, created_at_ms=at_ms, updated_at_ms=at_ms
            )
        story.updated_at_ms = at_ms
        if intent.side is Side.SELL:
            story.exit_reason = intent.reason
        return intent.trade_id

    def _told(self, trade_id: TradeId, at_ms: int, *, error: str) -> TradeId | None:
        story = self.stories.get(trade_id)
        if story is None:
            return None
        story.error_message, story.updated_at_ms = error, at_ms
        return trade_id

    def _reverted(self, trade_id: TradeId, fact: LegReverted, at_ms: int) -> TradeId | None:
        story = self.stories.get(trade_id)
        if story is not None:
            story.fees_lamports -= fact.lamports_delta
            story.sunk_lamports -= fact.lamports_delta
            self._realise(trade_id, story, at_ms)
        return self._told(trade_id, at_ms, error=f"reverted on chain: {fact.error}")

    def _landed(self, trade_id: TradeId, fill: Fill, at_ms: int) -> TradeId | None:
        story = self.stories.get(trade_id)
        if story is None:
            return None
        story.fees_lamports += fill.fee_lamports
        story.tips_lamports += fill.tip_lamports
        story.rent_lamports += fill.rent_lamports
        story.error_message, story.updated_at_ms = None, at_ms
        if fill.side is Side.SELL:
            story.exit_signature = fill.signature
        self.last_trade_at_ms = fill.at_ms
        self._realise(trade_id, story, at_ms)
        return trade_id

    def _realise(self, trade_id: TradeId, story: Story, at_ms: int) -> None:
        """Books the change of what this round trip has brought in so far."""
        position = self.ledger.positions.get(trade_id)
        now = position.realised_lamports if position else -story.sunk_lamports
        if now != story.realised_lamports:
            self._steps.append((at_ms, now - story.realised_lamports))
            self.realised_lamports += now - story.realised_lamports
            story.realised_lamports = now

    def _moved(self, fact: TradeMoved, at_ms: int) -> TradeId | None:
        story = self.stories.get(fact.trade_id)
        if story is None:
            return None
        story.updated_at_ms = at_ms
        if fact.after is TradeState.CLOSED and not story.ended:
            story.ended = True
            self.closed += 1
            self.wins += story.realised_lamports > 0
            self.losses += story.realised_lamports < 0
        return fact.trade_id
