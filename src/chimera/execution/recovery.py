"""What a start must put right before the desk goes on: read off the books alone, nothing else is remembered."""

from collections.abc import Iterator

from chimera.domain.ids import TradeId
from chimera.domain.intent import Side, TradeIntent
from chimera.domain.trade import TradeState
from chimera.execution.lifecycle import Happened
from chimera.portfolio import Ledger


def unsettled(ledger: Ledger) -> Iterator[tuple[TradeId, Happened]]:
    """Round trips whose last move was not written down, with what had happened to them."""
    for leg in list(ledger.legs.values()):
        trade_id = leg.ref.trade_id
        happened = _undone(leg.side, ledger.states.get(trade_id), held=trade_id in ledger.positions)
        if happened is not None:
            yield trade_id, happened
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
        elif state is TradeState.CLOSED and position is not None and position.open:
            yield trade_id, Happened.REOPENED
        elif state is TradeState.RETRY:
            yield trade_id, Happened.REFUSED


def _undone(side: Side, state: TradeState | None, *, held: bool) -> Happened | None:
    """What a fork had done to a leg that is under way while its round trip rests; a leg of ours moves it first."""
    match side, state:
        case Side.BUY, TradeState.FAILED | TradeState.RETRY | TradeState.DEAD_LETTER:
            return Happened.ENTRY_UNDONE
        case Side.BUY, TradeState.ACTIVE if not held:  # else something is added to it
            return Happened.ENTRY_UNDONE
        case Side.SELL, TradeState.ACTIVE | TradeState.CLOSED:
            return Happened.EXIT_UNDONE
        case Side.CYCLE, TradeState.FAILED | TradeState.CLOSED:
            return Happened.CYCLE_UNDONE
        case Side.SWAP, TradeState.FAILED | TradeState.CLOSED:
            return Happened.SWAP_UNDONE
        case _:
            return None


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
