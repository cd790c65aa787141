"""Portfolios in the tables: folded with everything else, and read as sums of parts.

A part of each round trip is rounded by itself, so that what a list shows sums up to what a total says. SQLite
divides towards zero; `_part` makes a floor of it, without a product that leaves 63 bits.
"""

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, and_, case, func, select
from sqlalchemy.dialects.sqlite import insert

from chimera.adapters.store_engine import reading
from chimera.adapters.store_reader import position_of, trade_of
from chimera.adapters.store_schema import decisions, portfolio_shares, portfolios, positions, realised, trades
from chimera.domain.allotment import Portfolio, part_of, shares_of
from chimera.domain.intent import Side, TradeIntent
from chimera.domain.messages import Entry, IntentEmitted, PortfolioChanged
from chimera.domain.units import BPS
from chimera.ports.portfolios import PortfolioRow, SharedPosition, SharedTrade, Standing
from chimera.ports.store import Page

DAY_MS = 86_400_000
BEYOND = BPS * BPS  # more than a remainder times a share: added, it makes the sum positive and / a floor
ROWS_MAX = 1_000

_PORTFOLIO = msgspec.json.Decoder(Portfolio)


def fold_portfolios(connection: Connection, entry: Entry) -> None:
    """Writes what an entry says of portfolios, in the journal's order: a change, or a round trip that opens."""
    match entry.fact:
        case PortfolioChanged(portfolio):
            values = {
                "id": portfolio.id,
                "owner": portfolio.owner,
                "name": portfolio.name,
                "portfolio": msgspec.json.encode(portfolio).decode(),
                "closed": portfolio.closed,
                "created_at_ms": entry.at_ms,
                "updated_at_ms": entry.at_ms,
            }
            changed = {name: value for name, value in values.items() if name not in ("id", "created_at_ms")}
            statement = insert(portfolios).values(values)
            connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed))
        case IntentEmitted(intent) if intent.side is not Side.SELL:
            _give(connection, intent, seq=entry.seq)


def _give(connection: Connection, intent: TradeIntent, *, seq: int) -> None:
    """The shares of a round trip, once: a second try is the same round trip."""
    standing = connection.execute(select(portfolios.c.portfolio).where(~portfolios.c.closed)).all()
    shares = shares_of(
        [_PORTFOLIO.decode(row.portfolio) for row in standing], strategy=intent.source, wallet=intent.wallet
    )
    if not shares:
        return
    opened = select(decisions.c.seq).where(
        decisions.c.trade_uuid == intent.trade_id,
        decisions.c.fact == IntentEmitted.__name__,
        decisions.c.seq < seq,
    )
    if connection.execute(opened.limit(1)).one_or_none() is None:
        rows = [
            {"portfolio_id": one, "trade_uuid": intent.trade_id, "share_bps": share} for one, share in shares
        ]
        connection.execute(insert(portfolio_shares), rows)


class SqlPortfolios:
    """Implements `ports.portfolios.Portfolios`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self, *, owner: str | None, limit: int, offset: int) -> Page[PortfolioRow]:
        where = [] if owner is None else [portfolios.c.owner == owner]
        newest = (portfolios.c.closed, portfolios.c.created_at_ms.desc(), portfolios.c.id)
        chosen = select(portfolios).where(*where).order_by(*newest).limit(min(limit, ROWS_MAX))
        total = self._all(select(func.count()).select_from(portfolios).where(*where))[0][0]
        return Page(tuple(map(_row, self._all(chosen.offset(offset)))), total)

    def one(self, portfolio_id: str) -> PortfolioRow | None:
        rows = self._all(select(portfolios).where(portfolios.c.id == portfolio_id))
        return _row(rows[0]) if rows else None

    def standing(self, portfolio_id: str, *, now_ms: int) -> Standing:
        mine, table, share = portfolio_shares.c.portfolio_id == portfolio_id, trades.c, _SHARE
        sums = self._all(
            select(
                func.count(),
                _sum(_cost(table.spent_lamports, share)),
                _sum(_part(table.received_lamports, share)),
                _sum(_cost(table.network_fee_lamports, share)),
                _sum(_cost(table.jito_tip_lamports, share)),
                _sum(_part(func.coalesce(table.net_pnl_lamports, 0), share)),
            )
            .join_from(portfolio_shares, trades, table.trade_uuid == portfolio_shares.c.trade_uuid)
            .where(mine)
        )[0]
        profit, closed = positions.c.realized_net_pnl_lamports, positions.c.state == "CLOSED"
        held = self._all(
            select(
                _sum(case((closed, 0), else_=1)),
                _sum(case((closed, 1), else_=0)),
                _sum(case((and_(closed, profit > 0), 1), else_=0)),
                _sum(case((and_(closed, profit < 0), 1), else_=0)),
            )
            .join_from(portfolio_shares, positions, positions.c.trade_uuid == portfolio_shares.c.trade_uuid)
            .where(mine)
        )[0]
        costs = (
            -(-one.position.entry_lamports * one.position.token_amount // one.position.tokens_bought)
            * one.share_bps
            for one in self.positions(portfolio_id)
            if one.position.tokens_bought
        )
        return Standing(
            trades=sums[0],
            spent_lamports=sums[1],
            received_lamports=sums[2],
            fees_lamports=sums[3],
            tips_lamports=sums[4],
            realised_lamports=sums[5],
            open_positions=held[0],
            closed_trades=held[1],
            wins=held[2],
            losses=held[3],
            open_cost_lamports=sum(-(-cost // BPS) for cost in costs),
            realised_24h_lamports=self._realised_since(portfolio_id, now_ms - DAY_MS),
            realised_7d_lamports=self._realised_since(portfolio_id, now_ms - 7 * DAY_MS),
            realised_30d_lamports=self._realised_since(portfolio_id, now_ms - 30 * DAY_MS),
        )

    def positions(self, portfolio_id: str) -> tuple[SharedPosition, ...]:
        chosen = (
            select(positions, _SHARE)
            .join_from(portfolio_shares, positions, positions.c.trade_uuid == portfolio_shares.c.trade_uuid)
            .where(portfolio_shares.c.portfolio_id == portfolio_id, positions.c.state != "CLOSED")
            .order_by(positions.c.opened_at_ms.desc(), positions.c.id.desc())
        )
        return tuple(SharedPosition(position_of(row), row.share_bps) for row in self._all(chosen))

    def trades(self, portfolio_id: str, *, limit: int, offset: int) -> Page[SharedTrade]:
        mine = portfolio_shares.c.portfolio_id == portfolio_id
        joined = trades.c.trade_uuid == portfolio_shares.c.trade_uuid
        chosen = (
            select(trades, _SHARE)
            .join_from(portfolio_shares, trades, joined)
            .where(mine)
            .order_by(trades.c.created_at_ms.desc(), trades.c.id.desc())
            .limit(min(limit, ROWS_MAX))
            .offset(offset)
        )
        counted = select(func.count()).join_from(portfolio_shares, trades, joined).where(mine)
        rows = tuple(SharedTrade(trade_of(row), row.share_bps) for row in self._all(chosen))
        return Page(rows, self._all(counted)[0][0])

    def history(self, portfolio_id: str, *, limit: int) -> tuple[tuple[int, int], ...]:
        so_far = func.sum(realised.c.lamports).over(
            partition_by=realised.c.trade_uuid, order_by=realised.c.seq
        )
        chosen = (
            select(realised.c.at_ms, realised.c.lamports, so_far.label("so_far"), _SHARE)
            .join_from(portfolio_shares, realised, realised.c.trade_uuid == portfolio_shares.c.trade_uuid)
            .where(portfolio_shares.c.portfolio_id == portfolio_id)
            .order_by(realised.c.seq)
        )
        total, points = 0, []
        for row in self._all(chosen):
            total += part_of(row.so_far, row.share_bps) - part_of(row.so_far - row.lamports, row.share_bps)
            points.append((row.at_ms, total))
        return tuple(points[-limit:])

    def _realised_since(self, portfolio_id: str, after_ms: int) -> int:
        """Of each round trip its part now, less its part then: so days sum up to the whole."""
        recent = select(realised.c.trade_uuid).where(realised.c.at_ms > after_ms)
        before = case((realised.c.at_ms <= after_ms, realised.c.lamports), else_=0)
        chosen = (
            select(_sum(realised.c.lamports).label("now"), _sum(before).label("before"), _SHARE)
            .join_from(portfolio_shares, realised, realised.c.trade_uuid == portfolio_shares.c.trade_uuid)
            .where(
                portfolio_shares.c.portfolio_id == portfolio_id,
                portfolio_shares.c.trade_uuid.in_(recent),
            )
            .group_by(realised.c.trade_uuid)
        )
        return sum(
            part_of(row.now, row.share_bps) - part_of(row.before, row.share_bps) for row in self._all(chosen)
        )

    def _all(self, statement: Select[*tuple[Any, ...]]) -> list[Row[*tuple[Any, ...]]]:
        with reading(self._engine) as connection:
            return list(connection.execute(statement).all())


_SHARE = portfolio_shares.c.share_bps


def _row(row: Row[*tuple[Any, ...]]) -> PortfolioRow:
    return PortfolioRow(
        portfolio=_PORTFOLIO.decode(row.portfolio),
        created_at_ms=row.created_at_ms,
        updated_at_ms=row.updated_at_ms,
    )


def _part(amount: ColumnElement[Any], share: ColumnElement[Any]) -> ColumnElement[Any]:
    """`allotment.part_of` in SQL."""
    whole, rest = amount // BPS, amount % BPS
    return whole * share + (rest * share + BEYOND) // BPS - BPS


def _cost(amount: ColumnElement[Any], share: ColumnElement[Any]) -> ColumnElement[Any]:
    """`allotment.cost_part_of` in SQL."""
    return -_part(-amount, share)


def _sum(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.coalesce(func.sum(column), 0)
