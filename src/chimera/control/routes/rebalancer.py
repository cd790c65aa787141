"""The rebalancer: what its last cycles came to, what it holds beside its target, and what became of each swap."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from chimera.audit.rebalances import SwapState
from chimera.audit.swap_lots import swap_lots
from chimera.control.answers import answer, described
from chimera.control.auth import Doorkeeper, Role
from chimera.control.context import context
from chimera.control.exports import Table, attachment
from chimera.control.rebalancer_schemas import RebalancerState, RebalancerSwap, lot_told, state_of, swap_told
from chimera.control.schemas import Page
from chimera.control.wire import Problem
from chimera.domain.messages import Entry

Limit = Annotated[int, Query(ge=1, le=500)]
Offset = Annotated[int, Query(ge=0, le=10_000)]
LOTS_MAX = 100_000


def rebalancer_routes(doorkeeper: Doorkeeper) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/rebalancer", tags=["rebalancer"])
    readonly = Depends(doorkeeper.needs(Role.READONLY))

    @routes.get(
        "",
        dependencies=[readonly],
        responses=described(RebalancerState),
        summary="Whom it follows, what is held beside what is wanted, and its last cycles",
    )
    async def state(request: Request) -> Response:
        return answer(state_of(context(request).stream.replica.rebalances))

    @routes.get(
        "/swaps",
        dependencies=[readonly],
        responses=described(Page[RebalancerSwap]),
        summary="Its swaps, the latest first: proposed, asked for, and what became of each",
    )
    async def swaps(
        request: Request, *, status: SwapState | None = None, limit: Limit = 100, offset: Offset = 0
    ) -> Response:
        known = context(request).stream.replica.rebalances.swaps.values()
        found = [one for one in reversed(known) if status in (None, one.state)]
        page = [swap_told(one) for one in found[offset : offset + limit]]
        return answer(Page(page, len(found), limit, offset))

    @routes.get(
        "/lots",
        responses=attachment("csv", "json"),
        dependencies=[readonly],
        summary="Its final swaps as sales: what the sold tokens had cost, what they were worth, and the gain",
    )
    async def lots(
        request: Request,
        format: str = "csv",  # noqa: A002 - the query's name
        from_ms: Annotated[int | None, Query(alias="from", ge=0, le=2**53)] = None,
        to_ms: Annotated[int | None, Query(alias="to", ge=0, le=2**53)] = None,
    ) -> Response:
        """`from` and `to` are about the sale. Read from the journal's beginning, since costs come from there."""
        history = context(request).deps.history
        return await asyncio.to_thread(
            _lots_file, history, from_ms or 0, 2**53 if to_ms is None else to_ms, format
        )

    return routes


def _lots_file(history: Callable[[int], Iterator[Entry]], first: int, last: int, kind: str) -> Response:
    found = (lot for lot in swap_lots(history(1)) if first <= lot.disposed_at_ms <= last)
    rows = [lot_told(lot) for lot in islice(found, LOTS_MAX + 1)]
    if len(rows) > LOTS_MAX:
        raise Problem(400, f"That is more than {LOTS_MAX} rows; ask for less by from and to.")
    return Table("swap-lots", rows).response(kind, known=("csv", "json"))
