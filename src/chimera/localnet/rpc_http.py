"""The HTTP server in front of the JSON-RPC methods, with a node's manners: POST of JSON, 50 kB, CORS, /health."""

import msgspec
from aiohttp import web

from chimera.domain.errors import ConfigError
from chimera.localnet.rpc import Interrupted, RpcFront

BODY_BYTES_MAX = 50 * 1024  # MAX_REQUEST_BODY_SIZE of a node
_CORS = {"Access-Control-Allow-Origin": "*", "Vary": "origin"}


class RpcHttpOptions(msgspec.Struct, frozen=True):
    host: str = "127.0.0.1"
    port: int = 8899
    """0 takes a free one."""


class RpcHttp:
    def __init__(self, front: RpcFront, options: RpcHttpOptions) -> None:
        self._front, self._options = front, options
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        """The port. Raises ConfigError where it is taken."""
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_route("*", "/{path:.*}", self._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._options.host, self._options.port).start()
        except OSError as error:
            await runner.cleanup()
            raise ConfigError(f"JSON-RPC port {self._options.port} cannot be used: {error}") from None
        self._runner = runner
        return int(runner.addresses[0][1])

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.method == "OPTIONS":
            allowed = {
                "Access-Control-Allow-Methods": "POST, OPTIONS",
                "Access-Control-Allow-Headers": request.headers.get("Access-Control-Request-Headers", "*"),
            }
            return web.Response(headers=_CORS | allowed)
        if request.method == "GET" and request.path == "/health":
            return web.Response(text="ok", headers=_CORS)
        if request.method != "POST":
            text = "Used HTTP Method is not allowed. POST or OPTIONS is required\n"
            return web.Response(status=405, text=text, headers=_CORS)
        if request.content_type != "application/json":
            text = "Supplied content type is not allowed. Content-Type: application/json is required\n"
            return web.Response(status=415, text=text, headers=_CORS)
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return web.Response(status=413, text="Request body is too large\n", headers=_CORS)
        try:
            answer = await self._front.answer(body)
        except Interrupted as interrupted:
            return _interrupted(request, interrupted)
        return web.Response(body=answer, content_type="application/json", headers=_CORS)


def _interrupted(request: web.Request, interrupted: Interrupted) -> web.StreamResponse:
    decision = interrupted.decision
    if decision.http_status is not None and not decision.drop:
        headers = dict(_CORS)
        if decision.retry_after_seconds is not None:
            headers["Retry-After"] = str(decision.retry_after_seconds)
        reason = "Too many requests" if decision.http_status == 429 else "Service unavailable"
        error = {"jsonrpc": "2.0", "error": {"code": decision.http_status, "message": reason}, "id": None}
        return web.json_response(error, status=decision.http_status, headers=headers)
    if request.transport is not None:
        request.transport.close()
    return web.Response(status=503)  # never seen: the connection is gone
