"""Round trips and counts, folded from a run's journal: the report's rows. Must not know how it was run."""

from collections import Counter

import msgspec

from chimera.domain.intent import Side, TradeIntent
from chimera.domain.messages import (
    Entry,
    IntentEmitted,
    IntentRefused,
    LegDropped,
    LegExpired,
    LegLanded,
    LegReverted,
    SignalDropped,
    SignalRefused,
    TradeMoved,
)
from chimera.domain.trade import TradeState
from chimera.sim.result import Counts, RoundTrip


class _Trip(msgspec.Struct):
    opened_by: TradeIntent
    opened_at_ms: int
    closed_at_ms: int | None = None
    spent: int = 0
    received: int = 0
    fee: int = 0
    tip: int = 0
    rent: int = 0
    impact: int = 0
    profit: int = 0
    exit: str = ""


class Trips:
    """Feed it every entry, in order."""

    def __init__(self, impact_of_leg: dict[str, int]) -> None:
        self._impact = impact_of_leg
        self._intents: dict[str, TradeIntent] = {}
        self._trips: dict[str, _Trip] = {}
        self._count: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()

    def fold(self, entry: Entry) -> None:
        match entry.fact:
            case IntentEmitted(intent):
                self._intents[intent.id] = intent
                self._count["emitted"] += 1
            case IntentRefused(_, _, refusal):
                self._count["refused"] += 1
                self.refusals[refusal.reason] += 1
            case SignalRefused(refusal=refusal) | SignalDropped(refusal=refusal):
                self.refusals[refusal.reason] += 1
            case LegDropped(_, refusal):
                self._count["dropped"] += 1
                self.refusals[refusal.reason] += 1
            case LegExpired():
                self._count["expired"] += 1
            case LegReverted(leg, lamports_delta=lamports):
                self._count["reverted"] += 1
                trip = self._trip(self._intents[leg.intent_id], entry.at_ms)
                trip.fee -= lamports
                trip.profit += lamports
            case LegLanded():
                self._landed(entry.fact, entry.at_ms)
            case TradeMoved(trade_id, after=TradeState.CLOSED) if trade_id in self._trips:
                self._trips[trade_id].closed_at_ms = entry.at_ms
            case _:
                pass

    def counts(self, events: int) -> Counts:
        return Counts(events=events, **self._count)

    def trips(self) -> tuple[RoundTrip, ...]:
        """Those of which anything reached the chain, in order of opening."""
        return tuple(
            RoundTrip(
                trade_id=trade_id,
                strategy=trip.opened_by.source,
                mint=trip.opened_by.mint,
                symbol=trip.opened_by.symbol,
                opened_at_ms=trip.opened_at_ms,
                closed_at_ms=trip.closed_at_ms,
                spent_lamports=trip.spent,
                received_lamports=trip.received,
                fee_lamports=trip.fee,
                tip_lamports=trip.tip,
                rent_lamports=trip.rent,
                impact_lamports=trip.impact,
                profit_lamports=trip.profit,
                entry=trip.opened_by.reason,
                exit=trip.exit,
                regime=_regime(trip.opened_by.reason),
            )
            for trade_id, trip in self._trips.items()
        )

    def _trip(self, intent: TradeIntent, at_ms: int) -> _Trip:
        trip = self._trips.get(intent.trade_id)
        if trip is None:
            trip = self._trips[intent.trade_id] = _Trip(intent, at_ms)
        return trip

    def _landed(self, landed: LegLanded, at_ms: int) -> None:
        self._count["landed"] += 1
        fill, intent = landed.fill, self._intents[landed.leg.intent_id]
        trip = self._trip(intent, at_ms)
        if fill.side is Side.BUY:
            trip.spent += fill.swap_lamports
        else:
            trip.received += fill.swap_lamports
            trip.exit = intent.reason
        trip.fee += fill.fee_lamports
        trip.tip += fill.tip_lamports
        trip.rent += fill.rent_lamports
        trip.impact += self._impact.get(landed.leg.leg_id, 0)
        trip.profit += fill.lamports_delta


def _regime(reason: str) -> str:
    """Momentum names its regime first; others have none."""
    word = reason.partition(" ")[0].strip(":,")
    return word if word in {"EARLY", "ESTABLISHED"} else ""
