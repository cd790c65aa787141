"""The tables, written: journal entries folded into SQL, one transaction a batch.

What the rows say is decided by `audit`; here they are put into place. Readers are in `store_reader`.
A batch is folded whole or not at all, and folding it again changes nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Table, and_, delete, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from chimera.adapters import store_schema as schema
from chimera.adapters.store_engine import reading, writing
from chimera.adapters.store_portfolios import fold_portfolios
from chimera.audit.journal import GENESIS
from chimera.audit.narrator import Narrator
from chimera.audit.projections import (
    TradeRows,
    config_audit,
    dead_letter,
    reconciliation_rows,
    slim,
    trade_of,
    trade_rows,
)
from chimera.audit.reconcile import agrees
from chimera.audit.sentences import About
from chimera.domain.errors import InvariantBroken
from chimera.domain.ids import TradeId
from chimera.domain.intent import TradeIntent
from chimera.domain.messages import (
    DeadLetterHandled,
    DiscrepancyResolved,
    Entry,
    FillValued,
    IntentEmitted,
    LegUndone,
    Reconciled,
    SignalDropped,
    TokenChecked,
    TradeMoved,
    WalletChanged,
)
from chimera.domain.trade import TradeState
from chimera.domain.wallet import WalletStatus
from chimera.ports.store import DecisionRow, FillRow, History, PositionRow

REBUILD_BATCH = 20_000  # the larger, the seldomer a trade is written again; nobody else writes meanwhile
BATCH = 1_000  # entries a transaction when catching up: some 50 ms, which a waiting writer bears

_ENTRY = msgspec.json.Decoder(Entry)


class SqlTables:
    """Implements `ports.store.Tables`. One instance folds; any number of readers read meanwhile."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def last_seq(self) -> int:
        return self.state()[0]

    def state(self) -> tuple[int, int, str, str]:
        """(seq, at_ms, run_id, hash) of the last entry folded; the hash is empty where it was not told."""
        with reading(self._engine) as connection:
            return _state(connection)

    def fold(self, entries: Sequence[Entry], *, last_hash: str = "") -> None:
        """Applies entries in one transaction; entries already folded change nothing.

        `last_hash` is the journal's hash of the last of them, kept as the anchor that shows a cut-off journal.
        Raises InvariantBroken where entries are missing in between, Unreachable where the database refuses.
        """
        with writing(self._engine) as connection:
            _fold(connection, entries, last_hash)

    def rebuild(self, entries: Iterable[Entry]) -> None:
        """Empties everything folded and folds all entries again, in one transaction; people and keys stay."""
        with writing(self._engine) as connection:
            for statement in schema.MUTABLE:
                connection.exec_driver_sql(statement)
            for table in (*schema.FOLDED, schema.fold_state):
                connection.execute(delete(table))
            for statement in schema.IMMUTABLE:
                connection.exec_driver_sql(statement)
            for batch in _batches(entries, REBUILD_BATCH):
                _fold(connection, batch, "")

    def close(self) -> None:
        self._engine.dispose()


def catch_up(tables: SqlTables, journal: History) -> int:
    """How many entries were folded to bring the tables up to the journal.

    They are built anew where they tell of another journal, or of entries that a crash took from it.
    """
    seq, at_ms, run_id, _ = tables.state()
    if seq:
        known = next(journal.read(seq), None)
        if known is None or (known.seq, known.at_ms, known.run_id) != (seq, at_ms, run_id):
            tables.rebuild(journal.read())
            return tables.last_seq()
    for batch in _batches(journal.read(seq + 1)):
        tables.fold(batch)
    return tables.last_seq() - seq


def _batches(entries: Iterable[Entry], size: int = BATCH) -> Iterator[list[Entry]]:
    source = iter(entries)
    while batch := list(islice(source, size)):
        yield batch


def _state(connection: Connection) -> tuple[int, int, str, str]:
    row = connection.execute(select(schema.fold_state)).one_or_none()
    return (
        (0, 0, "", GENESIS) if row is None else (row.last_seq, row.last_at_ms, row.last_run_id, row.last_hash)
    )


def _fold(connection: Connection, entries: Sequence[Entry], last_hash: str) -> None:
    last = _state(connection)[0]
    fresh = [slim(entry) for entry in entries if entry.seq > last]
    if not fresh:
        return
    for expected, entry in enumerate(fresh, last + 1):
        if entry.seq != expected:
            raise InvariantBroken(f"tables: entry {entry.seq} came where {expected} belongs")
    touched = {trade for entry in fresh if (trade := trade_of(entry.fact)) is not None}
    narrator = Narrator()
    stories: dict[TradeId, list[Entry]] = {}
    for prior in _prior(connection, fresh, touched):
        _into(stories, prior, narrator, touched)
    _name_mints(connection, narrator, fresh)
    told = [(entry, *_into(stories, entry, narrator, touched)) for entry in fresh]
    connection.execute(insert(schema.decisions), [_decision(*one) for one in told])
    for entry in fresh:
        _fold_single(connection, entry, narrator)
        fold_portfolios(connection, entry)
    _write_trades(connection, [rows for story in stories.values() if (rows := trade_rows(story)) is not None])
    end = fresh[-1]
    state = {"last_seq": end.seq, "last_at_ms": end.at_ms, "last_run_id": end.run_id, "last_hash": last_hash}
    _upsert(connection, schema.fold_state, {"id": 1, **state}, ("id",))


def _prior(connection: Connection, fresh: Sequence[Entry], touched: set[TradeId]) -> Iterator[Entry]:
    """What was folded before of the round trips and signals that the fresh entries are about."""
    signals: set[str] = set()
    for entry in fresh:
        match entry.fact:
            case SignalDropped(signal_id) | IntentEmitted(TradeIntent(signal_id=str() as signal_id)):
                signals.add(signal_id)
    decisions = schema.decisions.c
    wanted = or_(decisions.trade_uuid.in_(touched), decisions.signal_id.in_(signals))
    for row in connection.execute(select(decisions.entry).where(wanted).order_by(decisions.seq)):
        yield _ENTRY.decode(row.entry)


def _into(
    stories: dict[TradeId, list[Entry]], entry: Entry, narrator: Narrator, touched: set[TradeId]
) -> tuple[DecisionRow, About]:
    row = narrator.tell(entry)
    if row.trade_uuid in touched:
        stories.setdefault(row.trade_uuid, []).append(entry)
    return row, narrator.about(entry.fact)


def _name_mints(connection: Connection, narrator: Narrator, fresh: Sequence[Entry]) -> None:
    """A check of a token names its mint alone: the name is that of the first signal or intent about it."""
    decisions = schema.decisions.c
    for mint in sorted({entry.fact.report.mint for entry in fresh if isinstance(entry.fact, TokenChecked)}):
        known = select(decisions.token_symbol).where(
            decisions.token_address == mint, decisions.token_symbol != ""
        )
        symbol = connection.execute(known.order_by(decisions.seq).limit(1)).scalar()
        narrator.name(mint=mint, symbol=symbol or "")


def _fold_single(connection: Connection, entry: Entry, narrator: Narrator) -> None:
    """The tables with one row an entry."""
    opening = None
    match entry.fact:
        case WalletChanged():
            _write_wallet(connection, entry, entry.fact)
        case FillValued(_, signature, price, source):
            value = {"signature": signature, "sol_micro_usd": price, "source": source}
            _upsert(connection, schema.fill_values, value, ("signature",))
        case TradeMoved(after=TradeState.DEAD_LETTER):
            opening = narrator.opening(entry.fact.trade_id)
    if (audited := config_audit(entry)) is not None:
        connection.execute(insert(schema.config_audit).values(msgspec.structs.asdict(audited)))
    if (letter := dead_letter(entry, opening)) is not None:
        connection.execute(insert(schema.dead_letter_queue).values(msgspec.structs.asdict(letter)))
    for found in reconciliation_rows(entry):
        connection.execute(
            insert(schema.reconciliation_log).values(
                seq=found.seq,
                part=found.part,
                trade_uuid=found.trade_uuid,
                mint=found.mint,
                expected_state=found.expected_state,
                actual_on_chain=found.actual_on_chain,
                discrepancy=found.discrepancy,
                on_chain_tx_signature=found.signature,
                on_chain_amount=str(found.actual),
                expected_amount=str(found.expected),
                resolved_at_ms=found.resolved_at_ms,
                resolved_by=found.resolved_by,
                notes=found.notes,
                created_at_ms=found.created_at_ms,
            )
        )
    _settle(connection, entry)


def _settle(connection: Connection, entry: Entry) -> None:
    """Facts that end what earlier rows left open."""
    log, letters = schema.reconciliation_log, schema.dead_letter_queue
    match entry.fact:
        case Reconciled() as compared if agrees(compared):
            # the wallet as a whole: books and chain agree again, so that nothing of it is left to look at
            still_open = and_(log.c.trade_uuid.is_(None), log.c.resolved_at_ms.is_(None))
            values = {"resolved_at_ms": entry.at_ms, "resolved_by": "auto:agreed later"}
            connection.execute(update(log).where(still_open).values(values))
        case LegUndone(leg):
            # what still holds is written again at the end of the batch
            connection.execute(delete(schema.fills).where(schema.fills.c.leg_id == leg.leg_id))
            held = schema.positions.c.trade_uuid == leg.trade_id
            connection.execute(delete(schema.positions).where(held))
        case DiscrepancyResolved(found, part, note, by):
            one = and_(log.c.seq == found, log.c.part == part)
            values = {"resolved_at_ms": entry.at_ms, "resolved_by": by, "notes": note}
            connection.execute(update(log).where(one).values(values))
        case DeadLetterHandled(letter, outcome):
            tried = letters.c.retry_count + (0 if outcome == "discarded" else 1)
            changes: dict[str, Any] = {"retry_count": tried}
            if outcome != "refused":
                changes |= {"processed_at_ms": entry.at_ms, "can_retry": False}
            connection.execute(update(letters).where(letters.c.seq == letter).values(changes))


def _write_wallet(connection: Connection, entry: Entry, fact: WalletChanged) -> None:
    wallet = fact.wallet
    known = connection.execute(
        select(
            schema.wallets.c.status, schema.wallets.c.created_at_ms, schema.wallets.c.promoted_at_ms
        ).where(schema.wallets.c.address == wallet.address)
    ).one_or_none()
    was = "" if known is None else known.status
    promoted = entry.at_ms if wallet.status is WalletStatus.ACTIVE and was != wallet.status else None
    values = {
        "address": wallet.address,
        "status": str(wallet.status),
        "strategy": str(wallet.strategy),
        "wqs_score": wallet.wqs_score,
        "notes": wallet.notes,
        "ttl_expires_at_ms": wallet.active_until_ms,
        "promoted_at_ms": promoted or (None if known is None else known.promoted_at_ms),
        "created_at_ms": entry.at_ms if known is None else known.created_at_ms,
        "updated_at_ms": entry.at_ms,
    }
    _upsert(connection, schema.wallets, values, ("address",))
    connection.execute(
        insert(schema.config_audit).values(
            seq=entry.seq,
            key=f"wallets.{wallet.address}.status",
            old_value=was,
            new_value=str(wallet.status),
            changed_by=fact.by,
            change_reason=fact.cause,
            changed_at_ms=entry.at_ms,
        )
    )


def _decision(entry: Entry, row: DecisionRow, about: About) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "at_ms": row.at_ms,
        "fact": type(entry.fact).__name__,
        "kind": row.kind,
        "id": row.id,
        "trade_uuid": row.trade_uuid,
        "signal_id": about.signal_id,
        "intent_id": about.intent_id,
        "leg_id": about.leg_id,
        "signature": about.signature,
        "outcome": row.outcome,
        "reason": row.reason,
        "limit_text": row.limit,
        "observed_text": row.observed,
        "token_symbol": row.token_symbol,
        "token_address": row.token_address,
        "wallet_address": row.wallet_address,
        "strategy": row.strategy,
        "side": row.side,
        "text": row.text,
        "entry": msgspec.json.encode(entry).decode(),
    }


def _write_trades(connection: Connection, changed: Sequence[TradeRows]) -> None:
    _upsert_all(connection, schema.trades, [_trade(rows) for rows in changed], ("trade_uuid",))
    _upsert_all(
        connection, schema.fills, [_fill(fill) for rows in changed for fill in rows.fills], ("leg_id",)
    )
    profits = [
        {"seq": seq, "trade_uuid": rows.trade.trade_uuid, "lamports": lamports, "at_ms": at_ms}
        for rows in changed
        for seq, at_ms, lamports in rows.realised
    ]
    _upsert_all(connection, schema.realised, profits, ("seq",))
    held = [_position(rows, rows.position) for rows in changed if rows.position is not None]
    _upsert_all(connection, schema.positions, held, ("trade_uuid",))


def _trade(rows: TradeRows) -> dict[str, Any]:
    trade = rows.trade
    costs = trade.fees_lamports + trade.tips_lamports + trade.rent_lamports
    known = trade.realised_lamports is not None and _ended(trade.status)
    return {
        "id": rows.first_seq,
        "trade_uuid": trade.trade_uuid,
        "signal_id": trade.signal_id,
        "wallet_address": trade.wallet_address,
        "token_address": trade.token_address,
        "token_symbol": trade.token_symbol,
        "strategy": str(trade.strategy),
        "side": str(trade.side),
        "amount_lamports": trade.amount_lamports,
        "tx_signature": trade.entry_signature,
        "exit_signature": trade.exit_signature,
        "status": str(trade.status),
        "retry_count": trade.retry_count,
        "error_message": trade.error_message,
        "exit_reason": trade.exit_reason,
        "spent_lamports": trade.spent_lamports,
        "received_lamports": trade.received_lamports,
        "pnl_lamports": (trade.realised_lamports or 0) + costs if known else None,
        "jito_tip_lamports": trade.tips_lamports,
        "total_cost_lamports": costs,
        "network_fee_lamports": trade.fees_lamports,
        "rent_lamports": trade.rent_lamports,
        "net_pnl_lamports": trade.realised_lamports,
        "created_at_ms": trade.created_at_ms,
        "updated_at_ms": trade.updated_at_ms,
    }


def _fill(fill: FillRow) -> dict[str, Any]:
    fields = msgspec.structs.asdict(fill)
    del fields["sol_micro_usd"]  # of a table of its own: it comes later, and by another fact
    return fields | {
        "side": str(fill.side),
        "amount_in": str(fill.amount_in),
        "amount_out": str(fill.amount_out),
    }


def _position(rows: TradeRows, position: PositionRow) -> dict[str, Any]:
    return {
        "id": rows.first_seq,
        "trade_uuid": position.trade_uuid,
        "wallet_address": position.wallet_address,
        "token_address": position.token_address,
        "token_symbol": position.token_symbol,
        "strategy": str(position.strategy),
        "entry_amount_lamports": position.entry_lamports,
        "entry_tx_signature": position.entry_signature,
        "state": position.state,
        "exit_tx_signature": position.exit_signature,
        "exit_reason": position.exit_reason,
        "received_lamports": position.received_lamports,
        "realized_pnl_lamports": position.realised_lamports,
        "realized_net_pnl_lamports": position.realised_lamports,
        "token_amount": str(position.token_amount),
        "tokens_bought": str(position.tokens_bought),
        "opened_at_ms": position.opened_at_ms,
        "last_updated_ms": rows.trade.updated_at_ms,
        "closed_at_ms": position.closed_at_ms,
    }


def _ended(status: TradeState) -> bool:
    return status in {TradeState.CLOSED, TradeState.DEAD_LETTER}


def _upsert(connection: Connection, table: Table, values: dict[str, Any], key: tuple[str, ...]) -> None:
    _upsert_all(connection, table, [values], key)


def _upsert_all(
    connection: Connection, table: Table, rows: list[dict[str, Any]], key: tuple[str, ...]
) -> None:
    """Writes rows, all with the same columns, over those with the same key."""
    if not rows:
        return
    statement = insert(table)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed), rows)
