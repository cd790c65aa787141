"""The house as numbers and files: performance, strategies, decisions counted and searched, trades exported."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from chimera.audit.lots import chore_lot, lots_of
from chimera.control.answers import answer, described, read_body, takes
from chimera.control.auth import Doorkeeper, Role
from chimera.control.context import context
from chimera.control.exports import Table, attachment, file, rows_of
from chimera.control.ledger_pdf import ROWS_MAX as PDF_ROWS_MAX
from chimera.control.ledger_pdf import ledger_pdf, lots_pdf
from chimera.control.report_schemas import (
    DecisionCount,
    DecisionQuery,
    DecisionStatistics,
    Performance,
    StrategyPerformance,
    TaxLot,
    tax_lot_of,
)
from chimera.control.schemas import Decisions, decision_of, trade_of
from chimera.control.wire import Problem
from chimera.domain.intent import Style
from chimera.domain.messages import Entry
from chimera.domain.trade import TradeState
from chimera.ports.screens import DecisionFilter, RoundTrip, Statistics

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
EXPORTED_MAX = 100_000
Moment = Annotated[int | None, Query(ge=0, le=2**53)]


def report_routes(doorkeeper: Doorkeeper, statistics: Statistics) -> APIRouter:
    routes = APIRouter(
        prefix="/api/v1", tags=["reports"], dependencies=[Depends(doorkeeper.needs(Role.READONLY))]
    )

    @routes.get(
        "/metrics/performance", responses=described(Performance), summary="Profit of a day, a week, a month"
    )
    async def performance(request: Request) -> Response:
        now = context(request).deps.clock.now_ms()
        told: dict[str, str | float | None] = {}
        for name, days in (("24h", 1), ("7d", 7), ("30d", 30)):
            span = days * DAY_MS
            profit = await asyncio.to_thread(statistics.realised_lamports, from_ms=now - span, to_ms=now + 1)
            before = await asyncio.to_thread(
                statistics.realised_lamports, from_ms=now - 2 * span, to_ms=now - span
            )
            told[f"pnl_{name}_lamports"] = str(profit)
            told[f"pnl_{name}_change_percent"] = (
                None if not before else round((profit - before) * 100 / abs(before), 2)
            )
        return answer(Performance(**told))  # type: ignore[arg-type]

    @routes.get(
        "/metrics/strategy/{strategy}",
        responses=described(StrategyPerformance),
        summary="How one style of copying does",
    )
    async def strategy(
        request: Request,
        strategy: Annotated[str, Path(pattern="^(SHIELD|SPEAR|shield|spear)$")],
        days: Annotated[int, Query(ge=1, le=3_650)] = 30,
    ) -> Response:
        name = strategy.upper()
        since = context(request).deps.clock.now_ms() - days * DAY_MS
        found = await asyncio.to_thread(statistics.strategy, name, since_ms=since)
        decided = found.wins + found.losses
        return answer(
            StrategyPerformance(
                strategy=name,
                days=days,
                trade_count=found.trades,
                wins=found.wins,
                losses=found.losses,
                win_rate=round(found.wins / decided, 4) if decided else None,
                avg_return=round(found.profit_lamports / found.spent_lamports, 6)
                if found.spent_lamports
                else None,
                total_pnl=str(found.profit_lamports),
            )
        )

    @routes.get(
        "/decisions/stats", responses=described(DecisionStatistics), summary="Decisions by outcome and reason"
    )
    async def stats(request: Request, hours: Annotated[int, Query(ge=1, le=87_600)] = 24) -> Response:
        since = context(request).deps.clock.now_ms() - hours * HOUR_MS
        found = await asyncio.to_thread(statistics.counts, since_ms=since)
        items = [DecisionCount(one.outcome, one.reason, one.count) for one in found]
        return answer(DecisionStatistics(since=since, total=sum(one.count for one in items), items=items))

    @routes.post(
        "/decisions/query",
        responses=described(Decisions),
        openapi_extra=takes(DecisionQuery),
        summary="Decisions that match, newest first",
    )
    async def query(request: Request) -> Response:
        body = await read_body(request, DecisionQuery)
        wanted = DecisionFilter(
            since_ms=body.since,
            until_ms=body.until,
            kind=body.kind,
            outcome=body.outcome,
            reason=body.reason,
            token_address=body.token_address,
            wallet_address=body.wallet_address,
            strategy=body.strategy,
            intent_id=body.intent_id,
            before=body.before,
            limit=body.limit,
        )
        rows = await asyncio.to_thread(statistics.decisions, wanted)
        more = rows[-1].seq if len(rows) == body.limit else None
        return answer(Decisions(items=[decision_of(row) for row in rows], next_before=more))

    @routes.get(
        "/trades/export",
        responses=attachment("csv", "json", "pdf"),
        summary="Round trips as a file: csv, json or pdf",
    )
    async def export(
        request: Request,
        format: str = "csv",  # noqa: A002 - the query's name
        from_ms: Annotated[int | None, Query(alias="from", ge=0, le=2**53)] = None,
        to_ms: Annotated[int | None, Query(alias="to", ge=0, le=2**53)] = None,
        status: TradeState | None = None,
        strategy: Style | None = None,
    ) -> Response:
        if format not in {"csv", "json", "pdf"}:
            raise Problem(400, "format is one of csv, json, pdf.", details={"parameter": "format"})
        deps = context(request).deps
        rows = await asyncio.to_thread(
            rows_of,
            lambda limit, offset: deps.reader.trades(
                from_ms=from_ms, to_ms=to_ms, status=status, strategy=strategy, limit=limit, offset=offset
            ),
            PDF_ROWS_MAX if format == "pdf" else EXPORTED_MAX,
        )
        trades = [trade_of(row) for row in rows]
        if format == "pdf":
            body = await asyncio.to_thread(ledger_pdf, trades, made_at_ms=deps.clock.now_ms())
            return file("trades", "pdf", body)
        return await asyncio.to_thread(Table("trades", trades).response, format, known=("csv", "json"))

    @routes.get(
        "/trades/lots",
        responses=attachment("csv", "json", "pdf"),
        summary="Tax lots: every sale against the purchases it came from, with dates, costs and gains",
    )
    async def tax_lots(
        request: Request,
        format: str = "csv",  # noqa: A002 - the query's name
        from_ms: Annotated[int | None, Query(alias="from", ge=0, le=2**53)] = None,
        to_ms: Annotated[int | None, Query(alias="to", ge=0, le=2**53)] = None,
    ) -> Response:
        """`from` and `to` are about the sale; to the end of `to`'s millisecond."""
        first, after = from_ms or 0, 2**53 if to_ms is None else to_ms + 1
        window = {"from_ms": first, "to_ms": after, "most": EXPORTED_MAX + 1}
        found = await asyncio.to_thread(statistics.sold, **window)
        chores = await asyncio.to_thread(statistics.chores, **window)
        lots = await asyncio.to_thread(_lots, found, chores, first, after)
        most = PDF_ROWS_MAX if format == "pdf" else EXPORTED_MAX
        if max(len(found), len(chores), len(lots)) > most:
            raise Problem(400, f"That is more than {most} lots; ask for less by from and to.")
        if format == "pdf":
            now = context(request).deps.clock.now_ms()
            return file("tax-lots", "pdf", await asyncio.to_thread(lots_pdf, lots, made_at_ms=now))
        return await asyncio.to_thread(Table("tax-lots", lots).response, format, known=("csv", "json", "pdf"))

    return routes


def _lots(found: tuple[RoundTrip, ...], chores: tuple[Entry, ...], first: int, after: int) -> list[TaxLot]:
    """By the date of the sale; a round trip's other sales are left out."""
    lots = [lot for one in found for lot in lots_of(one.trade, one.fills)]
    lots += [lot for entry in chores if (lot := chore_lot(entry)) is not None]
    wanted = sorted(
        (lot for lot in lots if first <= lot.disposed_at_ms < after), key=lambda lot: lot.disposed_at_ms
    )
    return [tax_lot_of(lot) for lot in wanted]
