"""Execution results out of the journal: each outcome of a leg with all that it cost and what it settled.

Folds every entry from the first on, since profit depends on what was paid before.
"""

from chimera.domain.intent import TradeIntent
from chimera.domain.messages import (
    Entry,
    IntentEmitted,
    LegDropped,
    LegExpired,
    LegLanded,
    LegReverted,
    LegUndone,
)
from chimera.domain.result import ExecutionResult
from chimera.domain.trade import LegRef
from chimera.portfolio import Ledger


class Results:
    def __init__(self) -> None:
        self._ledger = Ledger()
        self._intents: dict[str, TradeIntent] = {}

    def fold(self, entry: Entry) -> ExecutionResult | None:
        """What the entry says came of a leg, or None."""
        before = self._ledger.realised_lamports
        self._ledger.apply(entry)
        realised = self._ledger.realised_lamports - before
        match entry.fact:
            case IntentEmitted(intent):
                self._intents[intent.id] = intent
                return None
            case LegLanded(leg, fill):
                return self._result(
                    entry,
                    leg,
                    "landed",
                    signature=fill.signature,
                    slot=fill.slot,
                    tokens=fill.token_delta,
                    decimals=fill.decimals,
                    swap_lamports=fill.swap_lamports,
                    fee_lamports=fill.fee_lamports,
                    tip_lamports=fill.tip_lamports,
                    rent_lamports=fill.rent_lamports,
                    lamports_delta=fill.lamports_delta,
                    realised_lamports=realised,
                )
            case LegReverted(leg, signature, slot, error, delta):
                return self._result(
                    entry,
                    leg,
                    "reverted",
                    signature=signature,
                    slot=slot,
                    fee_lamports=-delta,
                    lamports_delta=delta,
                    realised_lamports=realised,
                    cause=error,
                )
            case LegUndone(leg, signature, slot, cause):
                return self._result(
                    entry,
                    leg,
                    "undone",
                    signature=signature,
                    slot=slot,
                    realised_lamports=realised,
                    cause=cause,
                )
            case LegExpired(leg, signature):
                cause = "its last valid block height passed"
                return self._result(entry, leg, "expired", signature=signature, slot=None, cause=cause)
            case LegDropped(leg, refusal):
                return self._result(entry, leg, "dropped", signature=None, slot=None, cause=str(refusal))
            case _:
                return None

    def _result(self, entry: Entry, leg: LegRef, outcome: str, **told: object) -> ExecutionResult:
        intent = self._intents.get(leg.intent_id)
        return ExecutionResult(
            seq=entry.seq,
            at_ms=entry.at_ms,
            outcome=outcome,
            trade_id=leg.trade_id,
            intent_id=leg.intent_id,
            leg_id=leg.leg_id,
            strategy=intent.source if intent else "",
            side=intent.side if intent else None,
            mint=intent.mint if intent else None,
            symbol=intent.symbol if intent else "",
            **told,  # type: ignore[arg-type]
        )
