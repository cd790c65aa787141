"""What may be asked of the running house: halt, resume, reset, exit. Each needs a reason and leaves a record."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from chimera.control.answers import answer, described, read_body, takes
from chimera.control.auth import Doorkeeper, Role
from chimera.control.context import context
from chimera.control.schemas import Accepted, Because, BreakerReset, KillBody, KillState
from chimera.control.wire import Problem
from chimera.domain.commands import Answer, Command, ExitPosition, Kill, ResetBreaker, ResetKill
from chimera.domain.ids import TradeId
from chimera.ports.store import KeyHolder

SCOPES = ("halt_all", "halt_buys")
REASON_LENGTH_MAX = 500
STATUS = {"UNKNOWN": 404, "NOT_ACTIVE": 409, "VALIDATION_FAILED": 400, "UNSUPPORTED": 501}
RESETS = (ResetBreaker, ResetKill)


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
        status = {
            **around.deps.config.get("rpc_status", {}),
            "active": rpc.endpoint,
            "fallback_triggered": rpc.endpoint != "primary",
        }
        return answer({**around.deps.config, "rpc_status": status})

    @routes.post(
        "/config/circuit-breaker/reset",
        responses=described(BreakerReset),
        openapi_extra=takes(Because),
        summary="Close the loss breaker by hand",
    )
    async def reset_breaker(request: Request, holder: admin) -> Response:
        cause = await _cause(request)
        await doorkeeper.demand_second_factor(request, holder)
        done = await _perform(request, ResetBreaker(cause=cause, by=holder.identifier))
        return answer(
            BreakerReset(
                success=True,
                message=done.message or "The loss breaker is closed.",
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
        cause = _reason(body.reason)
        await _perform(request, Kill(scope=body.scope, cause=cause, by=holder.identifier))
        return answer(KillState(active=True, scope=body.scope))

    @routes.post(
        "/kill/reset", responses=described(KillState), openapi_extra=takes(Because), summary="Trade again"
    )
    async def reset_kill(request: Request, holder: admin) -> Response:
        cause = await _cause(request)
        await doorkeeper.demand_second_factor(request, holder)
        await _perform(request, ResetKill(cause=cause, by=holder.identifier))
        return answer(KillState(active=False, scope=None))

    @routes.post(
        "/positions/{uuid}/exit",
        responses=described(Accepted, status=202, text="The exit is under way"),
        openapi_extra=takes(Because),
        status_code=202,
        summary="Sell a position now",
    )
    async def exit_position(request: Request, uuid: str, holder: operator) -> Response:
        cause = await _cause(request)
        await _perform(request, ExitPosition(trade_id=TradeId(uuid), cause=cause, by=holder.identifier))
        return answer(Accepted(), status=202)

    return routes


async def _cause(request: Request) -> str:
    return _reason((await read_body(request, Because)).reason)


def _reason(text: str) -> str:
    """One printable line: it ends up in the journal, in logs and on screens."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    if not line:
        raise Problem(400, "Say why: reason must not be empty.", code="INVALID_BODY")
    return line[:REASON_LENGTH_MAX]


async def _perform(request: Request, command: Command) -> Answer:
    """What became of a command; a Problem where it was refused."""
    around = context(request)
    done = await around.deps.commands.perform(command)
    around.deps.observer.command_performed(
        command=type(command).__name__, by=command.by, ok=done.ok, code=done.code
    )
    if not done.ok:
        details = {"before": done.before} if done.before else {}
        idle = done.code == "NOT_ACTIVE" and isinstance(command, RESETS)  # nothing to reset: a wrong request
        status = 400 if idle else STATUS.get(done.code, 409)
        raise Problem(status, done.message or done.code, code=done.code, details=details)
    return done
