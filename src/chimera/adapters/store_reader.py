"""The tables, read: `ports.store.Reader` over SQL. It never writes and never waits for the one who does."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Engine, Row, Select, Table, and_, case, func, or_, select

from chimera.adapters.archive import SqlArchive
from chimera.adapters.store_engine import reading
from chimera.adapters.store_schema import (
    archived_facts,
    config_audit,
    dead_letter_queue,
    decisions,
    fill_values,
    fills,
    fold_state,
    positions,
    realised,
    reconciliation_log,
    trades,
    wallets,
)
from chimera.audit.narrator import SHOWN
from chimera.audit.reconcile import agrees
from chimera.audit.why import PREFIX_LENGTH_MIN
from chimera.domain.ids import Address, Signature, Slot, TradeId
from chimera.domain.intent import Side, Style
from chimera.domain.messages import Entry, PositionsReconciled, Reconciled, TokenChecked
from chimera.domain.trade import TradeState
from chimera.domain.wallet import WalletStatus
from chimera.ports.screens import DecisionFilter
from chimera.ports.store import (
    ConfigAuditRow,
    DeadLetterRow,
    DecisionRow,
    FillRow,
    Page,
    PositionRow,
    ReconciliationRow,
    ReconciliationState,
    Totals,
    TradeRow,
    WalletRow,
)

AnyRow = Row[*tuple[Any, ...]]

ROWS_MAX = 1_000
TRADES_MAX = 30  # that one question is answered with: the newest
DAY_MS = 86_400_000

_ENTRY = msgspec.json.Decoder(Entry)


class SqlReader:
    """Reads a snapshot a call; see `ports.store.Reader` for what each one gives."""

    def __init__(self, engine: Engine, *, archive: SqlArchive | None = None) -> None:
        """`archive`: where decisions of long ago are."""
        self._engine, self._archive = engine, archive

    def last_seq(self) -> int:
        return int(self._one(select(func.max(fold_state.c.last_seq)))[0] or 0)

    def positions(self, *, state: str | None = None, limit: int = 100, offset: int = 0) -> Page[PositionRow]:
        where = [] if state is None else [positions.c.state == state]
        rows, total = self._page(positions, where, (positions.c.opened_at_ms, positions.c.id), limit, offset)
        return Page(tuple(position_of(row) for row in rows), total)

    def position(self, trade_uuid: str) -> PositionRow | None:
        rows = self._all(select(positions).where(positions.c.trade_uuid == trade_uuid))
        return position_of(rows[0]) if rows else None

    def trades(
        self,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        status: str | None = None,
        strategy: str | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> Page[TradeRow]:
        where = []
        if from_ms is not None:
            where.append(trades.c.created_at_ms >= from_ms)
        if to_ms is not None:
            where.append(trades.c.created_at_ms <= to_ms)
        if status is not None:
            where.append(trades.c.status == status)
        if strategy is not None:
            where.append(trades.c.strategy == strategy)
        rows, total = self._page(trades, where, (trades.c.created_at_ms, trades.c.id), limit, offset)
        return Page(tuple(trade_of(row) for row in rows), total)

    def trade(self, trade_uuid: str) -> TradeRow | None:
        rows = self._all(select(trades).where(trades.c.trade_uuid == trade_uuid))
        return trade_of(rows[0]) if rows else None

    def fills(self, trade_uuid: str) -> tuple[FillRow, ...]:
        chosen = valued_fills().where(fills.c.trade_uuid == trade_uuid).order_by(fills.c.slot, fills.c.at_ms)
        return tuple(fill_of(row) for row in self._all(chosen))

    def wallets(
        self, *, status: str | None = None, address: str | None = None, limit: int = 100, offset: int = 0
    ) -> Page[WalletRow]:
        copied = (
            select(
                trades.c.wallet_address,
                func.count().label("copied"),
                func.coalesce(func.sum(trades.c.net_pnl_lamports), 0).label("pnl_lamports"),
                func.max(trades.c.updated_at_ms).label("last_at_ms"),
            )
            .where(trades.c.tx_signature.is_not(None))
            .group_by(trades.c.wallet_address)
            .subquery()
        )
        chosen = select(wallets, copied.c.copied, copied.c.pnl_lamports, copied.c.last_at_ms).join_from(
            wallets, copied, wallets.c.address == copied.c.wallet_address, isouter=True
        )
        counted = select(func.count()).select_from(wallets)
        where = [] if status is None else [wallets.c.status == status]
        if address is not None:
            where.append(wallets.c.address == address)
        chosen, counted = chosen.where(*where), counted.where(*where)
        newest = chosen.order_by(wallets.c.updated_at_ms.desc(), wallets.c.address)
        rows = self._all(newest.limit(_capped(limit)).offset(max(0, offset)))
        return Page(tuple(_wallet(row) for row in rows), self._one(counted)[0])

    def decisions(
        self, *, before: int | None = None, outcome: str | None = None, limit: int = 50
    ) -> tuple[DecisionRow, ...]:
        chosen = select(decisions).where(decisions.c.kind.in_(sorted(SHOWN)))
        if before is not None:
            chosen = chosen.where(decisions.c.seq < before)
        if outcome is not None:
            chosen = chosen.where(decisions.c.outcome == outcome)
        rows = self._all(chosen.order_by(decisions.c.seq.desc()).limit(_capped(limit)))
        found = tuple(decision_of(row) for row in rows)
        wanted = DecisionFilter(before=before, outcome=outcome, limit=_capped(limit))
        return found if self._archive is None else self._archive.completed(found, wanted)

    def dead_letters(self, *, limit: int = 50, offset: int = 0) -> Page[DeadLetterRow]:
        table = dead_letter_queue
        rows, total = self._page(table, [], (table.c.seq,), limit, offset)
        return Page(tuple(_dead_letter(row) for row in rows), total)

    def dead_letter(self, wanted: str) -> DeadLetterRow | None:
        table = dead_letter_queue.c
        number = wanted.isascii() and wanted.isdigit() and len(wanted) < 19  # more is no INTEGER of SQLite
        chosen = table.seq == int(wanted) if number else table.trade_uuid == wanted
        rows = self._all(select(dead_letter_queue).where(chosen).order_by(table.seq.desc()).limit(1))
        return _dead_letter(rows[0]) if rows else None

    def reconciliation(
        self, *, unresolved: bool = False, discrepancy: str | None = None, limit: int = 50, offset: int = 0
    ) -> Page[ReconciliationRow]:
        table = reconciliation_log
        where: list[ColumnElement[bool]] = [table.c.resolved_at_ms.is_(None)] if unresolved else []
        if discrepancy is not None:
            where.append(table.c.discrepancy == discrepancy)
        rows, total = self._page(table, where, (table.c.seq, table.c.part), limit, offset)
        return Page(tuple(_reconciliation(row) for row in rows), total)

    def reconciliation_state(self) -> ReconciliationState:
        log = reconciliation_log.c
        unresolved = self._one(
            select(func.count()).select_from(reconciliation_log).where(log.resolved_at_ms.is_(None))
        )[0]
        for entry in self._latest(PositionsReconciled.__name__):
            if isinstance(entry.fact, PositionsReconciled):
                return ReconciliationState(
                    unresolved=unresolved,
                    last_run_ms=entry.at_ms,
                    last_positions=entry.fact.positions,
                    last_found=len(entry.fact.found),
                    last_cause=entry.fact.cause,
                )
        return ReconciliationState(
            unresolved=unresolved, last_run_ms=None, last_positions=0, last_found=0, last_cause=""
        )

    def config_audit(self, *, limit: int = 50, offset: int = 0) -> Page[ConfigAuditRow]:
        rows, total = self._page(config_audit, [], (config_audit.c.seq,), limit, offset)
        return Page(
            tuple(
                ConfigAuditRow(
                    seq=row.seq,
                    key=row.key,
                    old_value=row.old_value,
                    new_value=row.new_value,
                    changed_by=row.changed_by,
                    change_reason=row.change_reason,
                    changed_at_ms=row.changed_at_ms,
                )
                for row in rows
            ),
            total,
        )

    def totals(self, *, now_ms: int) -> Totals:
        recent = case((realised.c.at_ms > now_ms - DAY_MS, realised.c.lamports), else_=0)
        profit = self._one(select(_sum(realised.c.lamports), _sum(recent)))
        costs = self._one(
            select(
                _sum(trades.c.network_fee_lamports),
                _sum(trades.c.jito_tip_lamports),
                _sum(trades.c.rent_lamports),
                func.max(case((trades.c.tx_signature.is_not(None), trades.c.updated_at_ms))),
            )
        )
        closed = positions.c.state == "CLOSED"
        held = self._one(
            select(
                _count(~closed),
                _count(closed),
                _count(and_(closed, positions.c.realized_net_pnl_lamports > 0)),
                _count(and_(closed, positions.c.realized_net_pnl_lamports < 0)),
            )
        )
        refused = ("SignalRefused", "SignalDropped", "IntentRefused")
        return Totals(
            realised_lamports=profit[0],
            realised_24h_lamports=profit[1],
            fees_lamports=costs[0],
            tips_lamports=costs[1],
            rent_lamports=costs[2],
            open_positions=held[0],
            closed_trades=held[1],
            wins=held[2],
            losses=held[3],
            signals=self._facts("SignalAccepted"),
            refused=sum(self._facts(name) for name in refused),
            last_trade_at_ms=costs[3],
            ledger_matches_chain=self._agrees(),
        )

    def realised_history(self, *, limit: int = 500) -> tuple[tuple[int, int], ...]:
        total = func.sum(realised.c.lamports).over(order_by=realised.c.seq)
        running = select(realised.c.seq, realised.c.at_ms, total.label("total")).subquery()
        newest = select(running).order_by(running.c.seq.desc()).limit(_capped(limit))
        return tuple((row.at_ms, row.total) for row in reversed(self._all(newest)))

    def entries_about(self, wanted: str) -> tuple[Entry, ...]:
        table = decisions.c
        columns = (
            table.trade_uuid,
            table.signal_id,
            table.intent_id,
            table.leg_id,
            table.signature,
            table.token_address,
        )
        chosen = select(table.seq, table.trade_uuid, table.signal_id, table.token_address).order_by(
            table.seq.desc()
        )
        found = self._all(chosen.where(or_(*(column == wanted for column in columns))).limit(ROWS_MAX))
        if not found and len(wanted) >= PREFIX_LENGTH_MIN:
            end = wanted + "\U0010ffff"
            begins = or_(*(and_(column >= wanted, column < end) for column in columns))
            found = self._all(chosen.where(begins).limit(ROWS_MAX))
        if not found and self._archive is not None:
            return self._archive.about(wanted)
        # Whole round trips or nothing of them: half a one cannot be told.
        by_trade = list(dict.fromkeys(row.trade_uuid for row in found if row.trade_uuid))[:TRADES_MAX]
        loose = [row for row in found if row.trade_uuid is None or row.trade_uuid in by_trade]
        legs = select(table.signal_id).where(table.trade_uuid.in_(by_trade)).distinct()
        by_signal = {row.signal_id for row in (*loose, *self._all(legs))} - {None}
        related = or_(
            table.trade_uuid.in_(by_trade),
            and_(table.trade_uuid.is_(None), table.signal_id.in_(by_signal)),
            table.seq.in_([row.seq for row in loose]),
            and_(
                table.fact == TokenChecked.__name__,
                table.token_address.in_({row.token_address for row in found} - {""}),
            ),
        )
        rows = self._all(select(table.entry).where(related).order_by(table.seq))
        return tuple(_ENTRY.decode(row.entry) for row in rows)

    def check(self) -> dict[str, str]:
        with reading(self._engine) as connection:
            told = {
                name: str(connection.exec_driver_sql(f"PRAGMA {name}").scalar())
                for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
            }
            told["integrity"] = str(connection.exec_driver_sql("PRAGMA quick_check").scalar())
            told["sqlite_version"] = str(connection.exec_driver_sql("SELECT sqlite_version()").scalar())
            return told

    def _facts(self, name: str) -> int:
        here = select(func.count()).select_from(decisions).where(decisions.c.fact == name)
        gone = select(_sum(archived_facts.c.count)).where(archived_facts.c.fact == name)
        return int(self._one(here)[0] + self._one(gone)[0])

    def _agrees(self) -> bool | None:
        for entry in self._latest(Reconciled.__name__):
            return agrees(entry.fact) if isinstance(entry.fact, Reconciled) else None
        return None

    def _latest(self, name: str) -> Iterator[Entry]:
        """The newest entry of a fact's name, or nothing."""
        wanted = select(decisions.c.entry).where(decisions.c.fact == name)
        for row in self._all(wanted.order_by(decisions.c.seq.desc()).limit(1)):
            yield _ENTRY.decode(row.entry)

    def _page(
        self,
        table: Table,
        where: list[ColumnElement[bool]],
        newest: tuple[ColumnElement[Any], ...],
        limit: int,
        offset: int,
    ) -> tuple[Sequence[AnyRow], int]:
        chosen = select(table).where(*where).order_by(*(column.desc() for column in newest))
        rows = self._all(chosen.limit(_capped(limit)).offset(max(0, offset)))
        return rows, self._one(select(func.count()).select_from(table).where(*where))[0]

    def _all(self, statement: Select[*tuple[Any, ...]]) -> Sequence[AnyRow]:
        with reading(self._engine) as connection:
            return connection.execute(statement).all()

    def _one(self, statement: Select[*tuple[Any, ...]]) -> AnyRow:
        return self._all(statement)[0]


def _capped(limit: int) -> int:
    return max(1, min(limit, ROWS_MAX))


def _sum(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.coalesce(func.sum(column), 0)


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def trade_of(row: AnyRow) -> TradeRow:
    return TradeRow(
        trade_uuid=TradeId(row.trade_uuid),
        signal_id=row.signal_id,
        wallet_address=row.wallet_address,
        token_address=Address(row.token_address),
        token_symbol=row.token_symbol,
        strategy=Style(row.strategy),
        side=Side(row.side),
        status=TradeState(row.status),
        amount_lamports=row.amount_lamports,
        spent_lamports=row.spent_lamports,
        received_lamports=row.received_lamports,
        fees_lamports=row.network_fee_lamports,
        tips_lamports=row.jito_tip_lamports,
        rent_lamports=row.rent_lamports,
        realised_lamports=row.net_pnl_lamports,
        entry_signature=row.tx_signature,
        exit_signature=row.exit_signature,
        retry_count=row.retry_count,
        error_message=row.error_message,
        exit_reason=row.exit_reason,
        created_at_ms=row.created_at_ms,
        updated_at_ms=row.updated_at_ms,
    )


def position_of(row: AnyRow) -> PositionRow:
    return PositionRow(
        trade_uuid=TradeId(row.trade_uuid),
        wallet_address=row.wallet_address,
        token_address=Address(row.token_address),
        token_symbol=row.token_symbol,
        strategy=Style(row.strategy),
        state=row.state,
        token_amount=int(row.token_amount),
        tokens_bought=int(row.tokens_bought),
        entry_lamports=row.entry_amount_lamports,
        received_lamports=row.received_lamports,
        realised_lamports=row.realized_net_pnl_lamports,
        opened_at_ms=row.opened_at_ms,
        closed_at_ms=row.closed_at_ms,
        entry_signature=Signature(row.entry_tx_signature),
        exit_signature=row.exit_tx_signature,
        exit_reason=row.exit_reason,
    )


def valued_fills() -> Select[*tuple[Any, ...]]:
    """Fills with what a SOL cost when they landed."""
    joined = fills.c.signature == fill_values.c.signature
    return select(fills, fill_values.c.sol_micro_usd).join_from(fills, fill_values, joined, isouter=True)


def fill_of(row: AnyRow) -> FillRow:
    return FillRow(
        leg_id=row.leg_id,
        trade_uuid=TradeId(row.trade_uuid),
        side=Side(row.side),
        signature=Signature(row.signature),
        slot=Slot(row.slot),
        input_mint=Address(row.input_mint),
        output_mint=Address(row.output_mint),
        amount_in=int(row.amount_in),
        amount_out=int(row.amount_out),
        fee_lamports=row.fee_lamports,
        tip_lamports=row.tip_lamports,
        rent_lamports=row.rent_lamports,
        at_ms=row.at_ms,
        sol_micro_usd=row.sol_micro_usd,
    )


def _wallet(row: AnyRow) -> WalletRow:
    return WalletRow(
        address=Address(row.address),
        status=WalletStatus(row.status),
        strategy=Style(row.strategy),
        wqs_score=row.wqs_score,
        notes=row.notes,
        copied=row.copied or 0,
        pnl_lamports=row.pnl_lamports or 0,
        last_trade_at_ms=row.last_at_ms,
        active_until_ms=row.ttl_expires_at_ms,
        updated_at_ms=row.updated_at_ms,
    )


def decision_of(row: AnyRow) -> DecisionRow:
    return DecisionRow(
        seq=row.seq,
        at_ms=row.at_ms,
        kind=row.kind,
        id=row.id,
        trade_uuid=row.trade_uuid,
        outcome=row.outcome,
        reason=row.reason,
        limit=row.limit_text,
        observed=row.observed_text,
        token_symbol=row.token_symbol,
        token_address=row.token_address,
        wallet_address=row.wallet_address,
        strategy=row.strategy,
        side=row.side,
        text=row.text,
    )


def _dead_letter(row: AnyRow) -> DeadLetterRow:
    return DeadLetterRow(
        seq=row.seq,
        trade_uuid=row.trade_uuid,
        payload=row.payload,
        reason=row.reason,
        error_details=row.error_details,
        source_ip=row.source_ip,
        retry_count=row.retry_count,
        can_retry=row.can_retry,
        received_at_ms=row.received_at_ms,
        processed_at_ms=row.processed_at_ms,
    )


def _reconciliation(row: AnyRow) -> ReconciliationRow:
    return ReconciliationRow(
        seq=row.seq,
        part=row.part,
        trade_uuid=row.trade_uuid,
        mint=row.mint,
        expected_state=row.expected_state,
        actual_on_chain=row.actual_on_chain,
        discrepancy=row.discrepancy,
        signature=row.on_chain_tx_signature,
        expected=int(row.expected_amount),
        actual=int(row.on_chain_amount),
        resolved_at_ms=row.resolved_at_ms,
        resolved_by=row.resolved_by,
        notes=row.notes,
        created_at_ms=row.created_at_ms,
    )
