"""Rows as functions of facts: a trade's rows depend on that trade's entries and on nothing else.

So rows can be written again at any time, one entry later or all at once, and are the same. No SQL here.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from chimera.audit.reconcile import agrees, within_epsilon
from chimera.audit.sentences import levels_text, sentence
from chimera.domain.discrepancy import Discrepancy, Mismatch
from chimera.domain.ids import WSOL, Address, SignalId, TradeId
from chimera.domain.intent import Side, Signal, Source, Style, TradeIntent
from chimera.domain.messages import (
    BreakerMoved,
    ConfigChanged,
    DeadLetterHandled,
    DiscrepancyResolved,
    Entry,
    ExitRecovered,
    Fact,
    IntentEmitted,
    IntentRefused,
    KillSwitchMoved,
    LegDropped,
    LegExpired,
    LegLanded,
    LegPlanned,
    LegRebooked,
    LegReverted,
    LegSigned,
    LegUndone,
    LevelsSet,
    PortfolioChanged,
    PositionsReconciled,
    Reconciled,
    SignalAccepted,
    SignalDropped,
    SignalRefused,
    StrategyMoved,
    TradeMoved,
    UpkeepSigned,
)
from chimera.domain.risk import Reason
from chimera.domain.trade import Fill, LegRef, Position, TradeState
from chimera.portfolio import Ledger
from chimera.ports.store import (
    ConfigAuditRow,
    DeadLetterRow,
    FillRow,
    PositionRow,
    ReconciliationRow,
    TradeRow,
)


class TradeRows(msgspec.Struct, frozen=True):
    """Everything that the tables say of one round trip."""

    first_seq: int
    trade: TradeRow
    position: PositionRow | None
    fills: tuple[FillRow, ...]
    realised: tuple[tuple[int, int, int], ...]
    """(seq, at_ms, lamports) of each entry that changed the realised profit."""


def trade_of(fact: Fact) -> TradeId | None:
    """The round trip whose rows this fact changes."""
    match fact:
        case SignalAccepted(signal):
            return TradeId(signal.id) if signal.side is Side.BUY else None
        case SignalDropped():
            return TradeId(fact.signal_id)
        case IntentEmitted(intent):
            return intent.trade_id
        case _:
            leg = getattr(fact, "leg", None)
            trade_id: TradeId | None = (
                leg.trade_id if isinstance(leg, LegRef) else getattr(fact, "trade_id", None)
            )
            return trade_id


def slim(entry: Entry) -> Entry:
    """The entry without the bytes of its transaction, which only the journal keeps."""
    if isinstance(entry.fact, LegSigned | UpkeepSigned):
        return msgspec.structs.replace(entry, fact=msgspec.structs.replace(entry.fact, transaction=b""))
    return entry


def trade_rows(entries: Sequence[Entry]) -> TradeRows | None:
    """The rows of one round trip from all its entries, oldest first; None while nothing opens one."""
    story = _Story()
    for entry in entries:
        story.add(entry)
    return story.rows()


class _Story:
    """One round trip, read from its beginning."""

    def __init__(self) -> None:
        self.books = Ledger()
        self.signal: Signal | None = None
        self.opening: TradeIntent | None = None
        self.entries: list[Entry] = []
        self.fills: list[FillRow] = []
        self.realised: list[tuple[int, int, int]] = []
        self.fell = False
        """Declined or refused before any state was recorded."""
        self.error: str | None = None
        self.exit_reason: str | None = None
        self.lost = False
        """A transaction reverted."""
        self.worth_lamports = 0
        """Of a swap: what it paid with would have fetched."""

    def add(self, entry: Entry) -> None:
        before = self.books.realised_lamports
        self.books.apply(entry)
        self.entries.append(entry)
        change = self.books.realised_lamports - before
        if change:
            self.realised.append((entry.seq, entry.at_ms, change))
        match entry.fact:
            case SignalAccepted(signal):
                self.signal = self.signal or signal
            case SignalDropped():
                self.fell, self.error = True, str(entry.fact.refusal)
            case IntentEmitted(intent):
                if intent.side is not Side.SELL:
                    self.opening = self.opening or intent
                else:
                    self.exit_reason = intent.reason
            case IntentRefused():
                self.fell, self.error = True, str(entry.fact.refusal)
            case LegPlanned():
                self.worth_lamports = entry.fact.worth_lamports
            case LegDropped():
                self.error = str(entry.fact.refusal)
            case LegReverted():
                self.error, self.lost = entry.fact.error, True
            case LegExpired():
                self.error = sentence(entry.fact)
            case LegLanded(leg, fill):
                self.error = None
                self.fills.append(self._fill_row(leg, fill))
            case LegRebooked(leg, fill):
                row = self._fill_row(leg, fill)
                self.fills = [row if one.leg_id == leg.leg_id else one for one in self.fills]
            case LegUndone(leg):
                self.error = sentence(entry.fact)
                self.fills = [fill for fill in self.fills if fill.leg_id != leg.leg_id]

    def rows(self) -> TradeRows | None:
        if self.opening is not None:
            intent = self.opening
            amount = self.worth_lamports if intent.side is Side.SWAP else intent.amount
            return self._rows(intent, intent.trade_id, intent.signal_id, intent.style, amount)
        if self.signal is not None:
            signal = self.signal
            return self._rows(signal, TradeId(signal.id), signal.id, signal.strategy, signal.amount_lamports)
        return None

    def _fill_row(self, leg: LegRef, fill: Fill) -> FillRow:
        intent = self.books.intents.get(leg.intent_id)
        return _fill_row(leg, fill, pay_mint=None if intent is None else intent.pay_mint)

    def _rows(
        self,
        opens: Signal | TradeIntent,
        trade_id: TradeId,
        signal_id: SignalId | None,
        style: Style,
        amount_lamports: int,
    ) -> TradeRows:
        position = self.books.positions.get(trade_id)
        sold = any(fill.side is not Side.BUY for fill in self.fills)
        sunk = self.books.fees_lamports if position is None else 0
        first, last = self.entries[0], self.entries[-1]
        trade = TradeRow(
            trade_uuid=trade_id,
            signal_id=signal_id,
            wallet_address=opens.wallet,
            token_address=opens.mint,
            token_symbol=opens.symbol,
            strategy=style,
            side=opens.side,
            status=self._status(trade_id),
            amount_lamports=amount_lamports,
            spent_lamports=position.cost_lamports if position else sunk,
            received_lamports=position.received_lamports if position else 0,
            fees_lamports=self.books.fees_lamports,
            tips_lamports=self.books.tips_lamports,
            rent_lamports=self.books.rent_lamports,
            realised_lamports=self.books.realised_lamports
            if sold or (self.lost and position is None)
            else None,
            entry_signature=position.entry_signature if position else None,
            exit_signature=position.exit_signature if position else None,
            retry_count=self.books.retries.get(trade_id, 0),
            error_message=self.error,
            exit_reason=self.exit_reason,
            created_at_ms=first.at_ms,
            updated_at_ms=last.at_ms,
        )
        return TradeRows(
            first_seq=first.seq,
            trade=trade,
            # what a swap moves is no position of anybody's
            position=self._position_row(position, trade.status)
            if position is not None and opens.side is not Side.SWAP
            else None,
            fills=tuple(self.fills),
            realised=tuple(self.realised),
        )

    def _status(self, trade_id: TradeId) -> TradeState:
        moved = [entry.fact.after for entry in self.entries if isinstance(entry.fact, TradeMoved)]
        if moved:
            return moved[-1]
        if trade_id in self.books.positions:
            return TradeState.ACTIVE if self.books.positions[trade_id].open else TradeState.CLOSED
        return TradeState.FAILED if self.fell else TradeState.PENDING

    def _position_row(self, position: Position, status: TradeState) -> PositionRow:
        state = "ACTIVE" if status is not TradeState.EXITING else "EXITING"
        return PositionRow(
            trade_uuid=position.trade_id,
            wallet_address=position.wallet,
            token_address=position.mint,
            token_symbol=position.symbol,
            strategy=position.style,
            state=state if position.open else "CLOSED",
            token_amount=position.tokens,
            tokens_bought=position.tokens_bought,
            entry_lamports=position.cost_lamports,
            received_lamports=position.received_lamports,
            realised_lamports=position.realised_lamports,
            opened_at_ms=position.opened_at_ms,
            closed_at_ms=position.closed_at_ms,
            entry_signature=position.entry_signature,
            exit_signature=position.exit_signature,
            exit_reason=self.exit_reason,
        )


def _fill_row(leg: LegRef, fill: Fill, *, pay_mint: Address | None) -> FillRow:
    given, taken = _exchanged(fill, pay_mint)
    return FillRow(
        leg_id=leg.leg_id,
        trade_uuid=leg.trade_id,
        side=fill.side,
        signature=fill.signature,
        slot=fill.slot,
        input_mint=given[0],
        output_mint=taken[0],
        amount_in=given[1],
        amount_out=taken[1],
        fee_lamports=fill.fee_lamports,
        tip_lamports=fill.tip_lamports,
        rent_lamports=fill.rent_lamports,
        at_ms=fill.at_ms,
    )


def _exchanged(fill: Fill, pay_mint: Address | None) -> tuple[tuple[Address, int], tuple[Address, int]]:
    """(what was given, what was got), each with its amount.

    Of a cycle only what SOL out is beyond SOL in is known from the wallet.
    """
    sol, token = fill.swap_lamports, fill.token_delta
    match fill.side:
        case Side.BUY:
            return (WSOL, sol), (fill.mint, token)
        case Side.SELL:
            return (fill.mint, -token), (WSOL, sol)
        case Side.CYCLE:
            return (WSOL, max(-sol, 0)), (WSOL, max(sol, 0))
        case Side.SWAP:
            paid = pay_mint or WSOL
            return (paid, -dict(fill.other_tokens).get(paid, 0)), (fill.mint, token)


def dead_letter(entry: Entry, opening: TradeIntent | None = None) -> DeadLetterRow | None:
    """The dead letter of an entry: a refused signal kept for a person, or a trade without retries left."""
    match entry.fact:
        case SignalRefused(dead_letter=True) as refused:
            shed = refused.refusal.reason is Reason.LOAD_SHED
            return DeadLetterRow(
                seq=entry.seq,
                trade_uuid=refused.signal_id,
                payload=refused.payload,
                reason=str(Reason.QUEUE_FULL if shed else refused.refusal.reason),  # SPEC QU-02
                error_details=str(refused.refusal),
                source_ip=refused.source_ip,
                retry_count=0,
                can_retry=refused.refusal.reason in {Reason.QUEUE_FULL, Reason.LOAD_SHED}
                and refused.source == Source.WEBHOOK,  # what the stream brought is worth nothing later
                received_at_ms=entry.at_ms,
                processed_at_ms=None,
            )
        case TradeMoved(after=TradeState.DEAD_LETTER) as moved:
            return DeadLetterRow(
                seq=entry.seq,
                trade_uuid=moved.trade_id,
                payload="" if opening is None else msgspec.json.encode(opening).decode(),
                reason="MAX_RETRIES",
                error_details=moved.cause,
                source_ip="",
                retry_count=moved.retry,
                can_retry=True,
                received_at_ms=entry.at_ms,
                processed_at_ms=None,
            )
        case _:
            return None


def config_audit(entry: Entry) -> ConfigAuditRow | None:
    """The audit row of a change that somebody or something made; a wallet's old status is the reader's to add."""
    fact = entry.fact
    match fact:
        case ConfigChanged():
            key, old, new = fact.key, fact.old, fact.new
        case BreakerMoved():
            key, old, new = f"breaker.{fact.breaker}", fact.before, fact.after
        case StrategyMoved():
            key, old, new = f"strategy.{fact.strategy}", fact.before, fact.after
        case PortfolioChanged(portfolio):
            # what is in it is its owner's to see; the journal has it
            key, old, new = f"portfolio.{portfolio.id}", "", "closed" if portfolio.closed else "open"
        case KillSwitchMoved():
            key, old, new = "kill_switch", "", fact.scope if fact.active else "inactive"
        case DeadLetterHandled():
            key, old, new = f"dead_letter.{fact.letter}", "", fact.outcome
        case LevelsSet(trade_id, levels):
            key, old, new = f"levels.{trade_id}", "", levels_text(levels)
        case ExitRecovered(trade_id, after, _, cause):
            return _audited(
                entry, f"position.{trade_id}", str(TradeState.EXITING), str(after), cause, "house"
            )
        case DiscrepancyResolved(found, part, note, by):
            return _audited(entry, f"reconciliation.{found}-{part}", "unresolved", "resolved", note, by)
        case _:
            return None
    return _audited(entry, key, old, new, fact.cause, fact.by)


def _audited(entry: Entry, key: str, old: str, new: str, cause: str, by: str) -> ConfigAuditRow:
    return ConfigAuditRow(
        seq=entry.seq,
        key=key,
        old_value=old,
        new_value=new,
        changed_by=by,
        change_reason=cause,
        changed_at_ms=entry.at_ms,
    )


def reconciliation_rows(entry: Entry) -> tuple[ReconciliationRow, ...]:
    """What a reconciliation found to differ; nothing where books and chain agree."""
    fact = entry.fact
    if isinstance(fact, PositionsReconciled):
        return tuple(_found(entry, part, one) for part, one in enumerate(fact.found))
    if isinstance(fact, ExitRecovered) and fact.after is TradeState.CLOSED:
        return (_closed_after_all(entry, fact),)
    if not isinstance(fact, Reconciled) or agrees(fact):
        return ()
    found = [("", fact.expected_lamports, fact.actual_lamports)] * (
        fact.expected_lamports != fact.actual_lamports
    )
    found += list(fact.token_differences)
    return tuple(
        _reconciliation(
            entry,
            part,
            trade_uuid=None,
            mint=mint,
            expected_state="HELD" if expected else "NONE",
            actual_on_chain="HELD" if actual else "NONE",
            discrepancy=str(Mismatch.AMOUNT if expected and actual else Mismatch.STATE),
            signature=None,
            expected=expected,
            actual=actual,
            resolved_by=within_epsilon(expected, actual, sol=not mint),
        )
        for part, (mint, expected, actual) in enumerate(found)
    )


def _closed_after_all(entry: Entry, fact: ExitRecovered) -> ReconciliationRow:
    """An exit that hung and had landed: the books were behind the chain, and resolved it themselves."""
    return _reconciliation(
        entry,
        0,
        trade_uuid=fact.trade_id,
        mint="",
        expected_state=str(TradeState.EXITING),
        actual_on_chain=str(TradeState.CLOSED),
        discrepancy=str(Mismatch.STATE),
        signature=None,
        expected=0,
        actual=0,
        resolved_by="auto:exit_recovered",
    )


def _found(entry: Entry, part: int, found: Discrepancy) -> ReconciliationRow:
    return _reconciliation(
        entry,
        part,
        trade_uuid=found.trade_id,
        mint=found.mint or "",
        expected_state=found.expected_state,
        actual_on_chain=found.actual_state,
        discrepancy=str(found.kind),
        signature=found.signature,
        expected=found.expected,
        actual=found.actual,
        resolved_by=found.rule or None,
    )


def _reconciliation(entry: Entry, part: int, *, resolved_by: str | None, **fields: Any) -> ReconciliationRow:
    return ReconciliationRow(
        seq=entry.seq,
        part=part,
        resolved_at_ms=entry.at_ms if resolved_by else None,
        resolved_by=resolved_by,
        notes="",
        created_at_ms=entry.at_ms,
        **fields,
    )
