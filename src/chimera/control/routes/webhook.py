"""POST /api/v1/webhook as a bare ASGI application: the one hot route, so no framework stands in its way.

Reads bytes and headers, asks the ingress, writes the answer. Holds no rule about signals.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from chimera.control.refusals import message_of, status_of
from chimera.control.wire import JSON, SECURITY, Header, Problem, RequestIds, encode
from chimera.domain.errors import InvariantBroken
from chimera.domain.risk import Reason
from chimera.ports.ingress import Ingress, WebhookAnswer, WebhookRequest
from chimera.ports.runtime import Clock

PATH = "/api/v1/webhook"
BODY_TIMEOUT_S = 10  # a sender that stops in the middle does not hold a connection for ever

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Webhook:
    """The route. `body_bytes_max` is refused with 413 before the rest is read."""

    def __init__(self, ingress: Ingress, *, clock: Clock, body_bytes_max: int, ids: RequestIds) -> None:
        self._ingress, self._clock, self._body_bytes_max, self._ids = ingress, clock, body_bytes_max, ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = self._ids.of(scope["headers"])
        try:
            headers = _read_headers(scope["headers"])
            body = await self._body(scope, headers, receive)
            answer = await self._ingress.receive(
                WebhookRequest(
                    body=body,
                    signature=headers.get(b"x-signature"),
                    timestamp=headers.get(b"x-timestamp"),
                    source_ip=scope["client"][0] if scope.get("client") else "",
                    request_id=request_id,
                )
            )
        except Problem as problem:
            rejected = {
                "status": "rejected",
                "trade_uuid": None,
                "reason": problem.code,
                "message": problem.message,
            }
            extra = [(name.encode(), value.encode()) for name, value in problem.headers.items()]
            await _respond(send, problem.status, encode(rejected), request_id, extra)
            return
        except InvariantBroken:
            # the journal said no: nothing is promised, and whoever runs the house stops it
            rejected = {
                "status": "rejected",
                "trade_uuid": None,
                "reason": Reason.NOT_READY,
                "message": "The signal could not be made durable; nothing was done. Send it again later.",
            }
            await _respond(send, 503, encode(rejected), request_id, ())
            return
        await self._answer(send, answer, request_id)

    async def _body(self, scope: Scope, headers: dict[bytes, str], receive: Receive) -> bytes:
        if scope["method"] != "POST":
            raise Problem(405, "Signals are sent with POST.", headers={"allow": "POST"})
        kind = headers.get(b"content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Problem(415, "Content-Type must be application/json.")
        declared = headers.get(b"content-length", "")
        if declared.isdigit() and int(declared[:12]) > self._body_bytes_max:
            raise self._too_large()
        parts: list[bytes] = []
        size, more = 0, True
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                while more and size <= self._body_bytes_max:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Problem(400, "The connection ended before the body did.")
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    more = message.get("more_body", False)
        except TimeoutError:
            raise Problem(408, f"The body did not arrive within {BODY_TIMEOUT_S} s.") from None
        if size > self._body_bytes_max:
            raise self._too_large()
        return b"".join(parts)

    def _too_large(self) -> Problem:
        return Problem(
            413, f"A signal has at most {self._body_bytes_max} bytes.", headers={"connection": "close"}
        )

    async def _answer(self, send: Send, answer: WebhookAnswer, request_id: str) -> None:
        reset = (self._clock.now_ms() + answer.rate_wait_ms + 999) // 1_000
        headers: list[Header] = [
            (b"x-ratelimit-limit", b"%d" % answer.rate_limit),
            (b"x-ratelimit-remaining", b"%d" % answer.rate_remaining),
            (b"x-ratelimit-reset", b"%d" % reset),
        ]
        if answer.refusal is None:
            body = encode({"status": "accepted", "trade_uuid": answer.signal_id})
            await _respond(send, 200, body, request_id, headers)
            return
        status = status_of(answer.refusal)
        if status in {429, 503}:
            wait_s = -(-answer.rate_wait_ms // 1_000) if status == 429 else 5
            headers.append((b"retry-after", b"%d" % max(1, wait_s)))
        if status == 401:
            headers.append((b"www-authenticate", b"HMAC-SHA256"))
        body = encode(
            {
                "status": "rejected",
                "trade_uuid": answer.signal_id,
                "reason": answer.refusal.reason,
                "message": message_of(answer.refusal),
            }
        )
        await _respond(send, status, body, request_id, headers)


WANTED = frozenset({b"x-signature", b"x-timestamp", b"content-type", b"content-length"})


def _read_headers(headers: Iterable[Header]) -> dict[bytes, str]:
    """The headers that matter. One given twice is an attempt to be read two ways: refused."""
    found: dict[bytes, str] = {}
    for name, value in headers:
        if name in WANTED:
            if name in found:
                raise Problem(400, f"Header {name.decode()} was sent twice.", code="DUPLICATE_HEADER")
            found[name] = value.decode("latin-1")
    return found


async def _respond(send: Send, status: int, body: bytes, request_id: str, headers: Iterable[Header]) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                JSON,
                (b"content-length", b"%d" % len(body)),
                (b"x-request-id", request_id.encode()),
                *SECURITY,
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
