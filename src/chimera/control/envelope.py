"""What every HTTP answer passes through: ids, headers, limits on size and time, one line in the log."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from chimera.control.wire import JSON, SECURITY, Header, Problem, RequestIds
from chimera.observe import Observer, bind

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

REQUEST_TIMEOUT_S = 15
LABEL_HEADER = b"x-chimera-mode"


class Envelope:
    """Wraps an ASGI application; WebSockets and lifespan pass untouched."""

    def __init__(
        self,
        app: App,
        *,
        observer: Observer,
        ids: RequestIds,
        body_bytes_max: int,
        label: str = "",
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> None:
        """`label`: what `/health` calls the desk, told with every answer, so that no paper money passes for real."""
        self._app, self._observer, self._ids = app, observer, ids
        self._body_bytes_max, self._timeout_s = body_bytes_max, timeout_s
        self._always = (*SECURITY, (LABEL_HEADER, label.encode())) if label else SECURITY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = self._ids.of(scope["headers"])
        exchange = _Exchange(scope, receive, send, request_id, self._body_bytes_max, self._always)
        started_ns = time.perf_counter_ns()
        with bind(request_id=request_id):
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._app(scope, exchange.receive, exchange.send)
            except Problem as problem:
                await exchange.refuse(problem)
            except TimeoutError:
                await exchange.refuse(Problem(503, "This took too long and was given up.", code="TIMEOUT"))
            finally:
                route = scope.get("route")
                self._observer.request_served(
                    method=scope["method"],
                    route=getattr(route, "path", "") or "other",
                    status=exchange.status,
                    took_us=(time.perf_counter_ns() - started_ns) // 1_000,
                    request_id=request_id,
                )


class _Exchange:
    """One request and its answer on their way."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        request_id: str,
        body_bytes_max: int,
        always: Sequence[Header],
    ) -> None:
        self._scope, self._receive, self._send, self._always = scope, receive, send, always
        self._request_id, self._body_bytes_max = request_id, body_bytes_max
        self._received = 0
        self.status = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._received += len(message.get("body", b""))
        if self._received > self._body_bytes_max:
            raise Problem(413, f"A body has at most {self._body_bytes_max} bytes.")
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers: list[Header] = list(message["headers"])
            present = {name.lower() for name, _ in headers}
            headers += [header for header in self._always if header[0] not in present]
            headers.append((b"x-request-id", self._request_id.encode()))
            rate = self._scope.get("state", {}).get("rate_headers", {})
            headers += [
                (name.encode(), value.encode())
                for name, value in rate.items()
                if name.encode() not in present
            ]
            if self._scope["path"].startswith("/api/") and b"cache-control" not in present:
                headers.append((b"cache-control", b"no-store"))
            message = {**message, "headers": headers}
        await self._send(message)

    async def refuse(self, problem: Problem) -> None:
        """Sends the problem as the answer, unless one has begun already: then the connection just ends."""
        if self.status:
            return
        body = problem.body()
        extra = [(name.encode(), value.encode()) for name, value in problem.headers.items()]
        await self.send(
            {
                "type": "http.response.start",
                "status": problem.status,
                "headers": [JSON, (b"content-length", b"%d" % len(body)), *extra],
            }
        )
        await self.send({"type": "http.response.body", "body": body})
