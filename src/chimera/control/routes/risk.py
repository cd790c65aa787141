"""What may be asked of the running house: halt, resume, reset, exit. Each needs a reason and leaves a record."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from chimera.control.answers import answer, described, read_body, takes
from chimera.control.auth import Doorkeeper, Role
from chimera.control.breakers import BreakersTold, ResetBody
from chimera.control.context import context
from chimera.control.correlation import CorrelationTold, correlation_told
from chimera.control.orders import cause_of, perform, printable
from chimera.control.schemas import (
    Accepted,
    Because,
    BreakerReset,
    ExitBody,
    KillBody,
    KillState,
    LevelsBody,
)
from chimera.control.wire import Problem
from chimera.domain.commands import ExitPosition, Kill, ResetBreaker, ResetKill, SetLevels
from chimera.domain.ids import TradeId
from chimera.domain.trade import Levels
from chimera.ports.store import KeyHolder

SCOPES = ("halt_all", "halt_buys")


def risk_routes(doorkeeper: Doorkeeper) -> APIRouter:
    routes = APIRouter(prefix="/api/v1", tags=["risk"])
    readonly = Depends(doorkeeper.needs(Role.READONLY))
    operator = Annotated[KeyHolder, Depends(doorkeeper.needs(Role.OPERATOR))]
    admin = Annotated[KeyHolder, Depends(doorkeeper.needs(Role.ADMIN))]

    @routes.get(
        "/config",
        dependencies=[readonly],
        responses=described(dict[str, Any]),
        summary="The limits and rules in force, without secrets",
    )
    async def config(request: Request) -> Response:
        around = context(request)
        rpc = around.judge.health(around.deps.clock.now_ms()).rpc
        now = around.deps.config()
        status = {
            **now.get("rpc_status", {}),
            "active": rpc.endpoint,
            "fallback_triggered": rpc.endpoint != "primary",
        }
        return answer({**now, "rpc_status": status})

    @routes.get(
        "/risk/breakers",
        dependencies=[readonly],
        responses=described(BreakersTold),
        summary="Every breaker: its state, what it counted, its limits, and its last moves",
    )
    async def breakers(request: Request) -> Response:
        replica = context(request).stream.replica
        return answer(replica.breakers.told(replica.desk))

    @routes.get(
        "/risk/correlation",
        dependencies=[readonly],
        responses=described(CorrelationTold),
        summary="How far held tokens, and SOL in dollars, move together; null where there is not enough data",
    )
    async def correlation(request: Request) -> Response:
        around = context(request)
        return answer(correlation_told(around.stream.replica.correlations))

    @routes.post(
        "/config/circuit-breaker/reset",
        responses=described(BreakerReset),
        openapi_extra=takes(ResetBody),
        summary="Close a breaker by hand; the loss breaker where none is named",
    )
    async def reset_breaker(request: Request, holder: admin) -> Response:
        body = await read_body(request, ResetBody)
        cause = printable(body.reason)
        await doorkeeper.demand_second_factor(request, holder)
        wish = ResetBreaker(cause=cause, by=holder.identifier, breaker=body.breaker)
        done = await perform(request, wish)
        return answer(
            BreakerReset(
                success=True,
                message=done.message or f"The {body.breaker} breaker is closed.",
                previous_state=done.before,
                new_state=done.after,
            )
        )

    @routes.post(
        "/kill",
        responses=described(KillState),
        openapi_extra=takes(KillBody),
        summary="Stop trading, or only buying, now",
    )
    async def kill(request: Request, holder: operator) -> Response:
        body = await read_body(request, KillBody)
        if body.scope not in SCOPES:
            raise Problem(400, f"mode is one of {', '.join(SCOPES)}.", code="INVALID_BODY")
        cause = printable(body.reason)
        await perform(request, Kill(scope=body.scope, cause=cause, by=holder.identifier))
        return answer(KillState(active=True, scope=body.scope))

    @routes.post(
        "/kill/reset", responses=described(KillState), openapi_extra=takes(Because), summary="Trade again"
    )
    async def reset_kill(request: Request, holder: admin) -> Response:
        cause = await cause_of(request)
        await doorkeeper.demand_second_factor(request, holder)
        await perform(request, ResetKill(cause=cause, by=holder.identifier))
        return answer(KillState(active=False, scope=None))

    @routes.post(
        "/positions/{uuid}/exit",
        responses=described(Accepted, status=202, text="The exit is under way"),
        openapi_extra=takes(ExitBody),
        status_code=202,
        summary="Sell a position, or a part of it, now",
    )
    async def exit_position(request: Request, uuid: str, holder: operator) -> Response:
        body = await read_body(request, ExitBody)
        wish = ExitPosition(
            trade_id=TradeId(uuid),
            cause=printable(body.reason),
            by=holder.identifier,
            fraction_bps=body.fraction_bps,
        )
        await perform(request, wish)
        return answer(Accepted(), status=202)

    @routes.put(
        "/positions/{uuid}/levels",
        responses=described(Accepted),
        openapi_extra=takes(LevelsBody),
        summary="Move a position's stop and target; neither of them gives it back to its strategy's rules",
    )
    async def set_levels(request: Request, uuid: str, holder: operator) -> Response:
        body = await read_body(request, LevelsBody)
        handed_back = body.stop_bps is None and body.target_bps is None
        levels = None if handed_back else Levels(body.stop_bps, body.target_bps)
        wish = SetLevels(
            trade_id=TradeId(uuid), levels=levels, cause=printable(body.reason), by=holder.identifier
        )
        await perform(request, wish)
        return answer(Accepted(status="in force"))

    return routes
