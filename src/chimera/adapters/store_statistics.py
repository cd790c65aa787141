"""Sums and searches over the tables: `ports.screens.Statistics` by SQL, values always as parameters."""

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Engine, Row, Select, case, func, select, union

from chimera.adapters.archive import SqlArchive
from chimera.adapters.store_engine import reading
from chimera.adapters.store_reader import decision_of, fill_of, trade_of, valued_fills
from chimera.adapters.store_schema import decisions, fills, positions, realised, trades
from chimera.audit.narrator import SHOWN
from chimera.domain.messages import Entry, UpkeepLanded
from chimera.ports.screens import Count, DecisionFilter, RoundTrip, StrategyStatistics
from chimera.ports.store import DecisionRow, FillRow

ROWS_MAX = 1_000
COUNTS_MAX = 500

_ENTRY = msgspec.json.Decoder(Entry)


class SqlStatistics:
    def __init__(self, engine: Engine, *, archive: SqlArchive | None = None) -> None:
        """`archive`: where decisions of long ago are."""
        self._engine, self._archive = engine, archive

    def decisions(self, wanted: DecisionFilter) -> tuple[DecisionRow, ...]:
        table = decisions.c
        where: list[ColumnElement[bool]] = [table.kind.in_(sorted(SHOWN))]
        for name in ("kind", "outcome", "reason", "token_address", "wallet_address", "strategy", "intent_id"):
            value = getattr(wanted, name)
            if value is not None:
                where.append(table[name] == value)
        if wanted.since_ms is not None:
            where.append(table.at_ms >= wanted.since_ms)
        if wanted.until_ms is not None:
            where.append(table.at_ms <= wanted.until_ms)
        if wanted.before is not None:
            where.append(table.seq < wanted.before)
        chosen = select(decisions).where(*where).order_by(table.seq.desc())
        rows = self._all(chosen.limit(max(1, min(wanted.limit, ROWS_MAX))))
        found = tuple(decision_of(row) for row in rows)
        return found if self._archive is None else self._archive.completed(found, wanted)

    def counts(self, *, since_ms: int) -> tuple[Count, ...]:
        table, number = decisions.c, func.count().label("number")
        chosen = (
            select(table.outcome, table.reason, number)
            .where(table.kind.in_(sorted(SHOWN)), table.at_ms >= since_ms)
            .group_by(table.outcome, table.reason)
            .order_by(number.desc(), table.outcome, table.reason)
            .limit(COUNTS_MAX)
        )
        return tuple(Count(row.outcome, row.reason, row.number) for row in self._all(chosen))

    def realised_lamports(self, *, from_ms: int, to_ms: int) -> int:
        total = func.coalesce(func.sum(realised.c.lamports), 0)
        chosen = select(total).where(realised.c.at_ms >= from_ms, realised.c.at_ms < to_ms)
        return int(self._all(chosen)[0][0])

    def strategy(self, name: str, *, since_ms: int) -> StrategyStatistics:
        table, profit = positions.c, positions.c.realized_net_pnl_lamports
        chosen = select(
            func.count(),
            func.coalesce(func.sum(case((profit > 0, 1), else_=0)), 0),
            func.coalesce(func.sum(case((profit < 0, 1), else_=0)), 0),
            func.coalesce(func.sum(profit), 0),
            func.coalesce(func.sum(table.entry_amount_lamports), 0),
        ).where(table.strategy == name, table.state == "CLOSED", table.closed_at_ms >= since_ms)
        trades, wins, losses, total, spent = self._all(chosen)[0]
        return StrategyStatistics(
            trades=trades, wins=wins, losses=losses, profit_lamports=total, spent_lamports=spent
        )

    def sold(self, *, from_ms: int, to_ms: int, most: int) -> tuple[RoundTrip, ...]:
        window = (fills.c.side != "BUY", fills.c.at_ms >= from_ms, fills.c.at_ms < to_ms)
        attempts = select(realised.c.trade_uuid).where(
            realised.c.at_ms >= from_ms,
            realised.c.at_ms < to_ms,
            realised.c.trade_uuid.not_in(select(fills.c.trade_uuid)),
        )
        wanted = union(select(fills.c.trade_uuid).where(*window), attempts).limit(most)
        chosen = select(trades).where(trades.c.trade_uuid.in_(wanted)).order_by(trades.c.id)
        theirs = valued_fills().where(fills.c.trade_uuid.in_(wanted)).order_by(fills.c.slot, fills.c.at_ms)
        by_trade: dict[str, list[FillRow]] = {}
        for row in self._all(theirs):
            by_trade.setdefault(row.trade_uuid, []).append(fill_of(row))
        return tuple(
            RoundTrip(trade_of(row), tuple(by_trade.get(row.trade_uuid, ()))) for row in self._all(chosen)
        )

    def chores(self, *, from_ms: int, to_ms: int, most: int) -> tuple[Entry, ...]:
        chosen = select(decisions.c.entry).where(
            decisions.c.fact == UpkeepLanded.__name__,
            decisions.c.at_ms >= from_ms,
            decisions.c.at_ms < to_ms,
        )
        rows = self._all(chosen.order_by(decisions.c.seq).limit(most))
        return tuple(_ENTRY.decode(row.entry) for row in rows)

    def _all(self, statement: Select[*tuple[Any, ...]]) -> list[Row[*tuple[Any, ...]]]:
        with reading(self._engine) as connection:
            return list(connection.execute(statement).all())
