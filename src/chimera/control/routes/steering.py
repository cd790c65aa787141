"""Settings that may change while the house runs: looked at, changed, undone."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from chimera.control.answers import answer, described, read_body, takes
from chimera.control.auth import Doorkeeper, Role
from chimera.control.orders import perform, printable
from chimera.control.steering_schemas import (
    ConfigAnswer,
    ConfigBody,
    Settings,
    UndoBody,
    setting_told,
)
from chimera.control.wire import Problem
from chimera.domain.commands import Answer, ChangeConfig, UndoConfig
from chimera.domain.errors import ConfigError
from chimera.ports.configuration import Configuration
from chimera.ports.store import KeyHolder


def steering_routes(doorkeeper: Doorkeeper, configuration: Configuration) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/config", tags=["configuration"])
    readonly = Depends(doorkeeper.needs(Role.READONLY))
    operator = Annotated[KeyHolder, Depends(doorkeeper.needs(Role.OPERATOR))]
    admin = Annotated[KeyHolder, Depends(doorkeeper.needs(Role.ADMIN))]

    @routes.get(
        "/settings",
        dependencies=[readonly],
        responses=described(Settings),
        summary="Every setting that may change at run time, with its range and who may change it",
    )
    async def settings() -> Response:
        told = tuple(setting_told(one) for one in configuration.settings())
        return answer(Settings(configuration.version, told))

    @routes.put(
        "",
        responses=described(ConfigAnswer),
        openapi_extra=takes(ConfigBody),
        summary="Change settings now: all of them or none",
    )
    async def change(request: Request, holder: operator) -> Response:
        """Limits and breakers are an admin's; one that gives more room to lose asks for his second factor."""
        body = await read_body(request, ConfigBody)
        cause = printable(body.reason)
        try:
            planned = configuration.plan(body.changes)
        except ConfigError as error:
            raise Problem(400, str(error), code="VALIDATION_FAILED") from None
        protected = sorted(one.key for one in planned if Role[one.role.upper()] is Role.ADMIN)
        if protected and Role[holder.role.upper()] < Role.ADMIN:
            raise Problem(403, f"These are an admin's to change: {', '.join(protected)}.")
        if any(one.loosens for one in planned):
            await doorkeeper.demand_second_factor(request, holder)
        done = await perform(
            request,
            ChangeConfig(changes=body.changes, cause=cause, by=holder.identifier, version=body.version),
        )
        return answer(_answered(done))

    @routes.post(
        "/undo",
        responses=described(ConfigAnswer),
        openapi_extra=takes(UndoBody),
        summary="Put back what one change changed",
    )
    async def undo(request: Request, holder: admin) -> Response:
        body = await read_body(request, UndoBody)
        cause = printable(body.reason)
        await doorkeeper.demand_second_factor(request, holder)
        done = await perform(request, UndoConfig(entry=body.seq, cause=cause, by=holder.identifier))
        return answer(_answered(done))

    return routes


def _answered(done: Answer) -> ConfigAnswer:
    return ConfigAnswer(success=True, version=int(done.after or 0), message=done.message)
