"""Portfolios: each person's own, an admin's all. What a caller may not see is as if it were not there."""

import asyncio
import secrets
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from chimera.control.answers import answer, described, read_body, takes
from chimera.control.auth import Doorkeeper, Role
from chimera.control.context import Context, caught_up, context
from chimera.control.orders import perform, printable
from chimera.control.portfolio_schemas import (
    Holding,
    Holdings,
    NewPortfolio,
    PortfolioBody,
    PortfolioHistory,
    PortfolioState,
    PortfolioTold,
    PortfolioTrade,
    holding_of,
    state_of,
    told,
)
from chimera.control.schemas import Page, position_of, trade_of
from chimera.control.wire import Problem
from chimera.domain.allotment import Allotment, Portfolio, part_of
from chimera.domain.commands import KeepPortfolio
from chimera.ports.portfolios import PortfolioRow, Portfolios
from chimera.ports.store import KeyHolder

Id = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]
Limit = Annotated[int, Query(ge=1, le=1_000)]
Offset = Annotated[int, Query(ge=0, le=10_000_000)]
PATH = "/{portfolio_id}"
POINTS_MAX = 1_000


def portfolio_routes(doorkeeper: Doorkeeper, portfolios: Portfolios) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/portfolios", tags=["portfolios"])
    reader = Annotated[KeyHolder, Depends(doorkeeper.needs(Role.READONLY))]
    operator = Annotated[KeyHolder, Depends(doorkeeper.needs(Role.OPERATOR))]

    async def seen(portfolio_id: str, holder: KeyHolder) -> PortfolioRow:
        row = await asyncio.to_thread(portfolios.one, portfolio_id)
        if row is None or not (_admin(holder) or row.portfolio.owner == holder.identifier):
            raise Problem(404, "There is no portfolio of this id.")
        return row

    @routes.get(
        "", responses=described(Page[PortfolioTold]), summary="The caller's portfolios; an admin's: all"
    )
    async def listed(
        holder: reader,
        owner: Annotated[str | None, Query(max_length=80)] = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> Response:
        whose = owner if _admin(holder) else holder.identifier
        page = await asyncio.to_thread(portfolios.all, owner=whose, limit=limit, offset=offset)
        return answer(Page([told(row) for row in page.items], page.total, limit, offset))

    @routes.post(
        "",
        responses=described(PortfolioTold, status=201, text="Opened"),
        openapi_extra=takes(NewPortfolio),
        status_code=201,
        summary="Open a portfolio: shares of strategies or copied wallets, from the next round trip on",
    )
    async def opened(request: Request, holder: operator) -> Response:
        body = await read_body(request, NewPortfolio)
        wanted = _wanted(secrets.token_hex(8), body.owner or holder.identifier, body)
        return answer(await _kept(request, portfolios, wanted, body.reason, holder, new=True), status=201)

    @routes.get(
        PATH,
        responses=described(PortfolioState),
        summary="One portfolio: allotments, holdings' worth, profit and loss",
    )
    async def state(request: Request, portfolio_id: Id, holder: reader) -> Response:
        row = await seen(portfolio_id, holder)
        around = context(request)
        standing = await asyncio.to_thread(
            portfolios.standing, portfolio_id, now_ms=around.deps.clock.now_ms()
        )
        return answer(state_of(row, standing, await _holdings(around, portfolios, portfolio_id)))

    @routes.put(
        PATH,
        responses=described(PortfolioTold),
        openapi_extra=takes(PortfolioBody),
        summary="Rename it, or allot otherwise from the next round trip on",
    )
    async def altered(request: Request, portfolio_id: Id, holder: operator) -> Response:
        known = await seen(portfolio_id, holder)
        body = await read_body(request, PortfolioBody)
        wanted = _wanted(portfolio_id, known.portfolio.owner, body)
        return answer(await _kept(request, portfolios, wanted, body.reason, holder))

    @routes.delete(
        PATH,
        responses=described(PortfolioTold),
        summary="Close it: it is given nothing more, and keeps what it was given",
    )
    async def closed(
        request: Request,
        portfolio_id: Id,
        holder: operator,
        reason: Annotated[str, Query(min_length=1, max_length=2_000)],
    ) -> Response:
        known = await seen(portfolio_id, holder)
        wanted = msgspec.structs.replace(known.portfolio, closed=True)
        return answer(await _kept(request, portfolios, wanted, reason, holder))

    @routes.get(PATH + "/positions", responses=described(Holdings), summary="Its parts of open positions")
    async def held(request: Request, portfolio_id: Id, holder: reader) -> Response:
        await seen(portfolio_id, holder)
        return answer(Holdings(await _holdings(context(request), portfolios, portfolio_id)))

    @routes.get(
        PATH + "/trades",
        responses=described(Page[PortfolioTrade]),
        summary="Round trips that it has a share of",
    )
    async def trades(portfolio_id: Id, holder: reader, limit: Limit = 100, offset: Offset = 0) -> Response:
        await seen(portfolio_id, holder)
        page = await asyncio.to_thread(portfolios.trades, portfolio_id, limit=limit, offset=offset)
        items = []
        for one in page.items:
            profit = one.trade.realised_lamports
            part = None if profit is None else str(part_of(profit, one.share_bps))
            trade = trade_of(one.trade)
            items.append(PortfolioTrade(share_bps=one.share_bps, realised_pnl_lamports=part, trade=trade))
        return answer(Page(items, page.total, limit, offset))

    @routes.get(
        PATH + "/history", responses=described(PortfolioHistory), summary="Its realised profit over time"
    )
    async def history(
        portfolio_id: Id, holder: reader, limit: Annotated[int, Query(ge=1, le=POINTS_MAX)] = 500
    ) -> Response:
        await seen(portfolio_id, holder)
        points = await asyncio.to_thread(portfolios.history, portfolio_id, limit=limit)
        return answer(PortfolioHistory([(at, str(lamports)) for at, lamports in points]))

    return routes


def _admin(holder: KeyHolder) -> bool:
    return Role[holder.role.upper()] is Role.ADMIN


def _wanted(portfolio_id: str, owner: str, body: PortfolioBody) -> Portfolio:
    allotments = tuple(Allotment(one.by, one.of, one.share_bps) for one in body.allotments)
    return Portfolio(id=portfolio_id, owner=owner, name=printable(body.name), allotments=allotments)


async def _kept(
    request: Request,
    portfolios: Portfolios,
    wanted: Portfolio,
    reason: str,
    holder: KeyHolder,
    *,
    new: bool = False,
) -> PortfolioTold:
    """As the tables have it afterwards; where they are behind, as it was journalled."""
    command = KeepPortfolio(wanted, printable(reason), holder.identifier, new=new, anyones=_admin(holder))
    await perform(request, command)
    around = context(request)
    await caught_up(
        around, until=lambda: (row := portfolios.one(wanted.id)) is not None and row.portfolio == wanted
    )
    row = await asyncio.to_thread(portfolios.one, wanted.id)
    if row is None:
        now = around.deps.clock.now_ms()
        row = PortfolioRow(portfolio=wanted, created_at_ms=now, updated_at_ms=now)
    return told(msgspec.structs.replace(row, portfolio=wanted))


async def _holdings(around: Context, portfolios: Portfolios, portfolio_id: str) -> list[Holding]:
    shared = await asyncio.to_thread(portfolios.positions, portfolio_id)
    found = []
    for one in shared:
        row = one.position
        whole = around.stream.replica.position(row.trade_uuid) or position_of(
            row, None, around.deps.decimals(row.token_address)
        )
        found.append(holding_of(one, whole))
    return found
