"""Markets and strategies: pools with their prices and doubts, what is known of a token, who trades by which rules."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from chimera.control.answers import answer, described, takes
from chimera.control.auth import Doorkeeper, Role
from chimera.control.orders import cause_of, perform
from chimera.control.report_schemas import Markets, Strategies
from chimera.control.schemas import Accepted, Because
from chimera.control.steering_schemas import ADDRESS, ConfigAnswer
from chimera.control.wire import Problem
from chimera.domain.commands import ChangeConfig, ParkStrategy, ReleasePool, ResumeStrategy
from chimera.domain.ids import Address
from chimera.ports.configuration import Configuration
from chimera.ports.screens import Screens, TokenSeen
from chimera.ports.store import KeyHolder

Limit = Annotated[int, Query(ge=1, le=1_000)]
Offset = Annotated[int, Query(ge=0, le=10_000_000)]
Mint = Annotated[str | None, Query(pattern=ADDRESS)]
ACTIONS = {"pause": False, "start": True}


def market_routes(doorkeeper: Doorkeeper, screens: Screens, configuration: Configuration | None) -> APIRouter:
    routes = APIRouter(prefix="/api/v1", tags=["markets"])
    readonly = Depends(doorkeeper.needs(Role.READONLY))
    operator = Annotated[KeyHolder, Depends(doorkeeper.needs(Role.OPERATOR))]

    @routes.get(
        "/markets",
        dependencies=[readonly],
        responses=described(Markets),
        summary="Pools with prices, ages and why one is in doubt",
    )
    async def markets(
        *,
        venue: Annotated[str | None, Query(max_length=64)] = None,
        mint: Mint = None,
        doubtful: bool | None = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> Response:
        page = screens.pools(venue=venue, mint=mint, doubtful=doubtful, limit=limit, offset=offset)
        return answer(Markets(items=page.items, total=page.total, limit=limit, offset=offset))

    @routes.get(
        "/markets/tokens/{mint}",
        dependencies=[readonly],
        responses=described(TokenSeen),
        summary="A token's safety report: authorities, extensions, liquidity, the last simulated buy and sell",
    )
    async def token(mint: Annotated[str, Path(pattern=ADDRESS)]) -> Response:
        found = screens.token(mint)
        if found is None:
            raise Problem(404, "No mint of this address has been seen.")
        return answer(found)

    @routes.post(
        "/markets/{pool}/release",
        responses=described(Accepted),
        openapi_extra=takes(Because),
        summary="Let buys go on where a transaction that could not be read put a pool in doubt",
    )
    async def release(
        request: Request, pool: Annotated[str, Path(pattern=ADDRESS)], holder: operator
    ) -> Response:
        cause = await cause_of(request)
        await perform(request, ReleasePool(pool=Address(pool), cause=cause, by=holder.identifier))
        return answer(Accepted(status="released"))

    @routes.get(
        "/strategies",
        dependencies=[readonly],
        responses=described(Strategies),
        summary="Strategies, their parameters, and whether they may buy",
    )
    async def strategies() -> Response:
        return answer(Strategies(screens.strategies()))

    @routes.post(
        "/strategies/{name}/{action}",
        responses=described(ConfigAnswer),
        openapi_extra=takes(Because),
        summary="Pause a strategy (it sells and does not buy) and start it again; park it (left out) and resume it",
    )
    async def steer(
        request: Request,
        name: Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,63}$")],
        action: Annotated[str, Path(pattern="^(pause|start|park|resume)$")],
        holder: operator,
    ) -> Response:
        cause = await cause_of(request)
        if name not in {one.name for one in screens.strategies()}:
            raise Problem(404, "There is no strategy of this name.")
        if action not in ACTIONS:
            ordered = ParkStrategy if action == "park" else ResumeStrategy
            told = ordered(strategy=name, cause=cause, by=holder.identifier)
            done = await perform(request, told)
            return answer(ConfigAnswer(success=True, version=0, message=done.message))
        own = f"strategies.own.{name}.enabled"
        known = configuration.settings() if configuration is not None else ()
        key = own if any(one.key == own for one in known) else f"{name}.enabled"
        changes = {key: ACTIONS[action]}
        done = await perform(request, ChangeConfig(changes=changes, cause=cause, by=holder.identifier))
        return answer(ConfigAnswer(success=True, version=int(done.after or 0), message=done.message))

    return routes
