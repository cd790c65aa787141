"""The control plane as one ASGI application: the webhook bare, everything else through FastAPI.

Speaks in messages and rows only; it holds no rule about trading and no key to sign with.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from chimera import __version__
from chimera.control import house_metrics, schemas
from chimera.control.answers import components, takes
from chimera.control.auth import Doorkeeper
from chimera.control.conditional import Conditional
from chimera.control.context import Context
from chimera.control.deps import ControlDeps
from chimera.control.envelope import App, Envelope, Receive, Scope, Send
from chimera.control.health import Judge
from chimera.control.idempotency import Idempotent
from chimera.control.pages import Dashboard
from chimera.control.replica import Replica
from chimera.control.routes import webhook
from chimera.control.routes.auth import auth_routes
from chimera.control.routes.incidents import incident_routes
from chimera.control.routes.live import live_route
from chimera.control.routes.markets import market_routes
from chimera.control.routes.operations import operation_routes
from chimera.control.routes.portfolios import portfolio_routes
from chimera.control.routes.rebalancer import rebalancer_routes
from chimera.control.routes.reports import report_routes
from chimera.control.routes.risk import risk_routes
from chimera.control.routes.steering import steering_routes
from chimera.control.routes.system import docs_routes, system_routes
from chimera.control.routes.trading import trading_routes
from chimera.control.routes.wallets import wallet_routes
from chimera.control.sessions import Sessions
from chimera.control.stream import Stream
from chimera.control.wire import Problem, RequestIds
from chimera.domain.errors import ChimeraError, OutsideError
from chimera.ports.store import Reader

DATABASE_ASKED_EVERY_S = 5
INTEGRITY_ASKED_EVERY = 60  # of those: reading a whole database is not for every five seconds


def create_app(deps: ControlDeps) -> App:
    """The application; its lifespan runs the live stream. Serve it with `chimera.control.server`."""
    replica = Replica(decimals=deps.decimals)
    judge = Judge(
        replica,
        label=deps.label,
        dev=deps.dev,
        started_ms=deps.clock.now_ms(),
        journal_trouble=deps.journal_trouble,
    )
    stream = Stream(
        replica,
        live=deps.stream,
        history=deps.history,
        health=lambda: judge.health(deps.clock.now_ms()),
        clock=deps.clock,
        observer=deps.observer,
    )
    house_metrics.register(deps.observer.registry, replica, deps.clock.now_ms)
    sessions = Sessions(deps.identity, deps.clock) if deps.identity is not None else None
    doorkeeper = Doorkeeper(deps.keys, deps.clock, calls_per_minute=deps.calls_per_minute, sessions=sessions)
    ids = RequestIds()
    api = _api(Context(deps=deps, stream=stream, judge=judge, doorkeeper=doorkeeper), sessions)
    wrapped = Envelope(
        GZipMiddleware(Conditional(Idempotent(api, deps.clock, deps.answers)), minimum_size=1_024),
        observer=deps.observer,
        ids=ids,
        body_bytes_max=deps.body_bytes_max,
        label=deps.label,
    )
    hot = webhook.Webhook(deps.ingress, clock=deps.clock, body_bytes_max=deps.body_bytes_max, ids=ids)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == webhook.PATH:
            await hot(scope, receive, send)
        else:
            await wrapped(scope, receive, send)

    return application


def _api(context: Context, sessions: Sessions | None) -> FastAPI:
    deps, stream, doorkeeper = context.deps, context.stream, context.doorkeeper

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loops = (
            asyncio.create_task(stream.run(), name="live stream"),
            asyncio.create_task(_watch_database(context), name="database watch"),
        )
        for loop in loops:
            loop.add_done_callback(partial(_ended, context))
        try:
            yield
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)

    api = FastAPI(
        title="Chimera",
        version=__version__,
        summary="Automated trading on Solana: what it does, why, and how to stop it.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    api.state.context = context
    api.include_router(system_routes(doorkeeper))
    if deps.statistics is not None:  # before the others: /trades/export is not a trade's id
        api.include_router(report_routes(doorkeeper, deps.statistics))
    api.include_router(trading_routes(doorkeeper))
    api.include_router(risk_routes(doorkeeper))
    api.include_router(incident_routes(doorkeeper))
    api.include_router(wallet_routes(doorkeeper))
    api.include_router(rebalancer_routes(doorkeeper))
    if deps.portfolios is not None:
        api.include_router(portfolio_routes(doorkeeper, deps.portfolios))
    if deps.screens is not None:
        api.include_router(market_routes(doorkeeper, deps.screens, deps.configuration))
    if deps.resources is not None:
        api.include_router(operation_routes(doorkeeper, deps.resources))
    if deps.configuration is not None:
        api.include_router(steering_routes(doorkeeper, deps.configuration))
    if sessions is not None:
        api.include_router(auth_routes(doorkeeper, sessions))
    api.include_router(docs_routes())
    live = live_route(stream, doorkeeper, deps.observer, asked_again_s=deps.keys_asked_again_s)
    api.add_api_websocket_route("/api/v1/ws", live)
    api.router.redirect_slashes = False
    api.router.default = Dashboard(deps.static)  # not a mount: that would swallow every 405
    _speak_in_problems(api, deps)
    api.openapi = lambda: _documented(api)  # type: ignore[method-assign]
    return api


def _ended(context: Context, loop: "asyncio.Task[None]") -> None:
    """A screen that has gone blind must say so; trading goes on without it."""
    if not loop.cancelled():
        error = loop.exception() or RuntimeError("it ended by itself")
        context.judge.blind = f"{loop.get_name()}: {type(error).__name__}"
        context.deps.observer.role_failed(role="control", error=error)


async def _watch_database(context: Context) -> None:
    """Asks the tables how they are, away from every request."""
    asked = 0
    while True:
        try:
            behind = context.stream.replica.seq - await asyncio.to_thread(context.deps.reader.last_seq)
            status = context.judge.database
            if asked % INTEGRITY_ASKED_EVERY == 0:
                status = await asyncio.to_thread(_asked, context.deps.reader)
            context.judge.database = schemas.DatabaseHealth(
                status=status.status, message=status.message, behind_records=max(0, behind)
            )
            asked += 1
        except OutsideError as error:
            asked = 0
            context.judge.database = schemas.DatabaseHealth(
                status="unhealthy", message=str(error), behind_records=0
            )
        await asyncio.sleep(DATABASE_ASKED_EVERY_S)


def _asked(reader: Reader) -> schemas.DatabaseHealth:
    integrity = reader.check().get("integrity", "ok")
    healthy = integrity == "ok"
    return schemas.DatabaseHealth(
        status="healthy" if healthy else "unhealthy",
        message="" if healthy else integrity[:200],
        behind_records=0,
    )


def _speak_in_problems(api: FastAPI, deps: ControlDeps) -> None:
    """Every refusal has the same shape, whoever made it; a caller never sees a trace."""

    async def refused(_: Request, error: Exception) -> Response:
        problem = _problem(error)
        if problem.status >= 500:
            deps.observer.role_failed(role="control", error=error)
        return Response(problem.body(), problem.status, problem.headers, media_type="application/json")

    for kind in (Problem, HTTPException, RequestValidationError, ChimeraError, Exception):
        api.add_exception_handler(kind, refused)


def _problem(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case HTTPException():
            told = {404: "There is nothing here.", 405: "This address does not take that method."}
            message = told.get(error.status_code, str(error.detail))
            return Problem(error.status_code, message, headers=error.headers)
        case RequestValidationError():
            wrong = {".".join(str(part) for part in one["loc"][1:]): one["msg"] for one in error.errors()}
            return Problem(400, "A parameter is not what it should be.", details=wrong)
        case ChimeraError():
            return Problem(503, "A part of the house does not answer; try again shortly.")
        case _:
            return Problem(500, "Something failed on our side; the log has the details.")


def _documented(api: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, once: FastAPI's routes, our types, and the webhook that FastAPI does not see."""
    if api.openapi_schema is not None:
        return api.openapi_schema
    document = get_openapi(title=api.title, version=api.version, summary=api.summary, routes=api.routes)
    parts = document.setdefault("components", {})
    parts.setdefault("schemas", {}).update(components())
    parts["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"bearer": []}]
    rejected = takes(schemas.WebhookReply)["requestBody"]["content"]
    responses = {
        str(status): {"description": text, "content": rejected}
        for status, text in (
            (200, "Accepted and durable"),
            (400, "Not JSON, or not a signal"),
            (401, "Signature or timestamp wrong"),
            (409, "A duplicate"),
            (413, "Too large"),
            (415, "Not application/json"),
            (422, "Understood and not wanted: token, wallet or allocation"),
            (429, "More than 100 a second"),
            (503, "Halted, breaker open or queue full"),
        )
    }
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop(
                "422", None
            )  # FastAPI's own; ours is 400, in the one shape of problems
    header = {"in": "header", "required": True, "schema": {"type": "string"}}
    document["paths"][webhook.PATH] = {
        "post": {
            "tags": ["signals"],
            "summary": "Send a signed signal",
            "security": [],
            "parameters": [
                {
                    **header,
                    "name": "X-Signature",
                    "description": "hex of HMAC-SHA256(secret, timestamp + body)",
                },
                {**header, "name": "X-Timestamp", "description": "unix seconds, at most 5 minutes off"},
            ],
            **takes(schemas.WebhookBody),
            "responses": responses,
        }
    }
    api.openapi_schema = document
    return document
