"""Health, identity, metrics and the API's own documentation."""

from importlib.resources import files
from ipaddress import ip_address
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.staticfiles import StaticFiles

from chimera.control.answers import answer, described
from chimera.control.auth import Doorkeeper, Role
from chimera.control.context import context
from chimera.control.schemas import Health, Identity
from chimera.control.wire import Problem
from chimera.ports.store import KeyHolder

OPEN: dict[str, Any] = {"security": []}
"""What the documentation says of routes that need no key."""


def system_routes(doorkeeper: Doorkeeper) -> APIRouter:
    routes = APIRouter(tags=["system"])
    anyone = Annotated[KeyHolder, Depends(doorkeeper.needs(Role.READONLY))]

    @routes.get("/health", openapi_extra=OPEN, summary="Whether the process answers; for load balancers")
    async def alive() -> Response:
        return answer({"status": "ok"})

    @routes.get(
        "/api/v1/health", openapi_extra=OPEN, responses=described(Health), summary="How every plane is"
    )
    async def health(request: Request) -> Response:
        around = context(request)
        caller = await around.doorkeeper.caller(request)
        now = around.judge.health(around.deps.clock.now_ms())
        if caller is None and not around.deps.public_health:
            return answer({"status": now.status})
        return answer(now)

    @routes.get("/api/v1/whoami", responses=described(Identity), summary="Whose key this is")
    async def whoami(holder: anyone) -> Response:
        return answer(Identity(identifier=holder.identifier, role=holder.role))

    @routes.get("/metrics", openapi_extra=OPEN, summary="Prometheus metrics, for this machine only")
    async def metrics(request: Request) -> Response:
        if not _local(request):
            raise Problem(403, "Metrics are served to this machine only.")
        registry = context(request).deps.observer.registry
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return routes


def _local(request: Request) -> bool:
    if request.client is None:
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False


DOCS_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Chimera API</title>
<link rel="icon" href="/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
DOCS_START = """window.addEventListener("load", () => {
  SwaggerUIBundle({url: "/openapi.json", dom_id: "#docs", deepLinking: true, persistAuthorization: false});
});
"""
DOCS_POLICY = {
    # Swagger UI styles its elements from JavaScript and carries its icons as data
    "content-security-policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
}


def docs_routes() -> APIRouter:
    """The API's documentation from files of this machine: it opens without a network."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/docs")
    async def docs() -> Response:
        return HTMLResponse(DOCS_PAGE, headers=DOCS_POLICY)

    @routes.get("/docs/start.js")
    async def start() -> Response:
        return Response(DOCS_START, media_type="text/javascript")

    routes.mount("/docs/assets", StaticFiles(directory=str(files("fastapi_swagger") / "resources")))
    return routes
