"""What a start must put right before the desk goes on: read off the books alone, nothing else is remembered."""

from collections.abc import Iterator

from chimera.domain.ids import TradeId
from chimera.domain.intent import Side, TradeIntent
from chimera.domain.trade import TradeState
from chimera.execution.lifecycle import Happened
from chimera.portfolio import Ledger


def unsettled(ledger: Ledger) -> Iterator[tuple[TradeId, Happened]]:
    """Round trips whose last move was not written down, with what had happened to them."""
    for trade_id, state in list(ledger.states.items()):
        if ledger.busy(trade_id):
            continue
        position = ledger.positions.get(trade_id)
        if state is TradeState.EXECUTING:
            at_once = Happened.SWAP_LANDED if ledger.swapped(trade_id) else Happened.CYCLE_LANDED
            landed = Happened.ENTRY_LANDED if position and position.open else at_once
            yield trade_id, landed if position else Happened.ENTRY_LOST
        elif state is TradeState.EXITING and position is not None:
            yield trade_id, Happened.EXIT_LOST if position.open else Happened.EXIT_LANDED
        elif state is TradeState.RETRY:
            yield trade_id, Happened.REFUSED


def unanswered(ledger: Ledger) -> Iterator[tuple[TradeIntent, Happened | None]]:
    """Intents without an outcome, with the move that makes them fit to be reviewed again."""
    answered_by_leg = {leg.ref.intent_id for leg in ledger.legs.values()}
    for intent in list(ledger.intents.values()):
        if intent.id in ledger.outcome_of or intent.id in answered_by_leg:
            continue
        state = ledger.states.get(intent.trade_id)
        if intent.side is not Side.SELL and state is TradeState.PENDING:
            yield intent, Happened.VALIDATED
        elif intent.side is not Side.SELL and state is TradeState.FAILED:
            yield intent, Happened.RETRIED
        else:
            yield intent, None
