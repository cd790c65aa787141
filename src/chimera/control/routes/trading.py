"""What the house has done and holds: overview, positions, trades, wallets, decisions and their reasons."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from chimera.audit.why import explain
from chimera.control.answers import answer, described
from chimera.control.auth import Doorkeeper, Role
from chimera.control.context import Context, caught_up, context
from chimera.control.schemas import (
    Decisions,
    Marks,
    Overview,
    Page,
    Position,
    Trade,
    TradeDetail,
    Wallet,
    Why,
    decision_of,
    position_of,
    trade_detail_of,
    trade_of,
    wallet_of,
    why_of,
)
from chimera.control.wire import Problem
from chimera.domain.ids import TradeId
from chimera.domain.intent import Style
from chimera.domain.trade import TradeState
from chimera.domain.wallet import WalletStatus
from chimera.ports.store import PositionRow

Limit = Annotated[int, Query(ge=1, le=1_000)]
Offset = Annotated[int, Query(ge=0, le=10_000_000)]
Moment = Annotated[int | None, Query(ge=0, le=2**53)]
POSITION_STATES = ("ACTIVE", "EXITING", "CLOSED")
OUTCOMES = ("accepted", "refused", "approved", "confirmed", "failed", "closed", "info")


def trading_routes(doorkeeper: Doorkeeper) -> APIRouter:
    routes = APIRouter(
        prefix="/api/v1", tags=["trading"], dependencies=[Depends(doorkeeper.needs(Role.READONLY))]
    )

    @routes.get("/overview", responses=described(Overview), summary="The numbers of the first screen")
    async def overview(request: Request) -> Response:
        around = context(request)
        return answer(around.stream.replica.overview(around.deps.clock.now_ms(), history=True))

    @routes.get("/positions", responses=described(Page[Position]), summary="Positions, newest first")
    async def positions(
        request: Request, state: str | None = None, limit: Limit = 100, offset: Offset = 0
    ) -> Response:
        around = context(request)
        _one_of("state", state, POSITION_STATES)
        page = await asyncio.to_thread(around.deps.reader.positions, state=state, limit=limit, offset=offset)
        items = [_position(around, row) for row in page.items]
        return answer(Page(items=items, total=page.total, limit=limit, offset=offset))

    @routes.get("/positions/{uuid}", responses=described(Position), summary="One position")
    async def position(request: Request, uuid: str) -> Response:
        around = context(request)
        live = around.stream.replica.position(TradeId(uuid))
        if live is not None:
            return answer(live)
        row = await asyncio.to_thread(around.deps.reader.position, uuid)
        if row is None:
            raise Problem(404, "There is no position of this id.")
        return answer(_position(around, row))

    @routes.get(
        "/positions/{uuid}/marks",
        responses=described(Marks),
        summary="What a position would have fetched since this process began to watch it, for a chart",
    )
    async def marks(request: Request, uuid: str) -> Response:
        points = context(request).stream.replica.curves.of(TradeId(uuid))
        return answer(Marks([(at, str(value), str(tokens)) for at, value, tokens in points]))

    @routes.get("/trades", responses=described(Page[Trade]), summary="Round trips, newest first")
    async def trades(
        request: Request,
        from_ms: Annotated[int | None, Query(alias="from", ge=0, le=2**53)] = None,
        to_ms: Annotated[int | None, Query(alias="to", ge=0, le=2**53)] = None,
        status: str | None = None,
        strategy: str | None = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> Response:
        _one_of("status", status, tuple(TradeState))
        _one_of("strategy", strategy, tuple(Style))
        page = await asyncio.to_thread(
            context(request).deps.reader.trades,
            from_ms=from_ms,
            to_ms=to_ms,
            status=status,
            strategy=strategy,
            limit=limit,
            offset=offset,
        )
        items = [trade_of(row) for row in page.items]
        return answer(Page(items=items, total=page.total, limit=limit, offset=offset))

    @routes.get("/trades/{uuid}", responses=described(TradeDetail), summary="One round trip and its fills")
    async def trade(request: Request, uuid: str) -> Response:
        reader = context(request).deps.reader
        row = await asyncio.to_thread(reader.trade, uuid)
        if row is None:
            raise Problem(404, "There is no trade of this id.")
        return answer(trade_detail_of(row, await asyncio.to_thread(reader.fills, uuid)))

    @routes.get("/wallets", responses=described(Page[Wallet]), summary="Wallets that may be copied")
    async def wallets(
        request: Request, status: str | None = None, limit: Limit = 100, offset: Offset = 0
    ) -> Response:
        _one_of("status", status, tuple(WalletStatus))
        reader = context(request).deps.reader
        page = await asyncio.to_thread(reader.wallets, status=status, limit=limit, offset=offset)
        items = [wallet_of(row) for row in page.items]
        return answer(Page(items=items, total=page.total, limit=limit, offset=offset))

    @routes.get(
        "/decisions", responses=described(Decisions), summary="What was decided and why, newest first"
    )
    async def decisions(
        request: Request, limit: Limit = 50, before: Moment = None, outcome: str | None = None
    ) -> Response:
        _one_of("outcome", outcome, OUTCOMES)
        reader = context(request).deps.reader
        rows = await asyncio.to_thread(reader.decisions, before=before, outcome=outcome, limit=limit)
        more = rows[-1].seq if len(rows) == limit else None
        return answer(Decisions(items=[decision_of(row) for row in rows], next_before=more))

    @routes.get("/why/{wanted}", responses=described(Why), summary="The chain of decisions behind something")
    async def why(request: Request, wanted: str) -> Response:
        """Of a signal, intent, leg, trade, transaction or mint; the first 8 characters of an id suffice."""
        around = context(request)
        await caught_up(around)
        entries = await asyncio.to_thread(around.deps.reader.entries_about, wanted)
        found = await asyncio.to_thread(explain, entries, wanted)
        if not found.found and found.candidates:
            raise Problem(
                409,
                "This begins several ids; give more of it.",
                code="AMBIGUOUS",
                details={"candidates": list(found.candidates)},
            )
        return answer(why_of(found))

    return routes


def _position(around: Context, row: PositionRow) -> Position:
    """The newest that is known: the tables may be a moment behind what was heard live."""
    live = around.stream.replica.position(row.trade_uuid)
    return live or position_of(row, None, around.deps.decimals(row.token_address))


def _one_of(name: str, value: str | None, known: tuple[str, ...]) -> None:
    if value is not None and value not in known:
        raise Problem(
            400,
            f"{name} is one of {', '.join(known)}.",
            details={"parameter": name, "given": value[:64]},
        )
