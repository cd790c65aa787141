"""Idempotency keys: a mutation that is sent again, because its answer got lost, is answered again and not done again.

Keys belong to a caller, a method and a path, for a day; what was answered is kept over a restart. Between a deed and
its keeping a crash may come: then the house's own states decide (a position that is sold is not sold twice). Logins
are left out: their answers hold secrets.
"""

import asyncio
import re
from collections import OrderedDict
from contextlib import suppress
from hashlib import sha256

import msgspec

from chimera.control.envelope import App, Message, Receive, Scope, Send
from chimera.control.wire import Header, Problem
from chimera.domain.errors import OutsideError
from chimera.ports.answers import Answers, KeptAnswer
from chimera.ports.runtime import Clock

METHODS = frozenset({"POST", "PUT", "DELETE", "PATCH"})
LEFT_OUT = ("/api/v1/auth/", "/api/v1/webhook")
KEEP_NS = 86_400_000_000_000
KEEP_MS = KEEP_NS // 1_000_000
KEPT_MAX = 2_000
BODY_BYTES_MAX = 65_536  # of an answer that is kept; a mutation's are small
NOT_KEPT = frozenset({401, 403, 408, 413, 429})
"""The caller's to mend, and then the same key means the same wish."""
_KEY = re.compile(rb"[\x21-\x7e]{1,128}")


class Kept(msgspec.Struct):
    fingerprint: bytes
    at_ns: int
    done: "asyncio.Event"
    status: int = 0
    headers: tuple[Header, ...] = ()
    body: bytes = b""


class Idempotent:
    def __init__(self, app: App, clock: Clock, answers: Answers | None = None) -> None:
        self._app, self._clock, self._answers = app, clock, answers
        self._kept: OrderedDict[bytes, Kept] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = _key(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        if not _KEY.fullmatch(key):
            raise Problem(400, "Idempotency-Key is 1 to 128 printable characters.")
        body = await _whole(receive)
        name, fingerprint = _name(scope, key), sha256(body).digest()
        self._forget()
        known = self._kept.get(name)
        if known is not None:
            await self._again(known, fingerprint, send)
            return
        kept = self._kept[name] = Kept(fingerprint, self._clock.monotonic_ns(), asyncio.Event())
        try:
            former = await self._former(name)
            if former is not None:
                kept.fingerprint, kept.status, kept.body = former.fingerprint, former.status, former.body
                kept.headers = ((b"content-type", former.kind.encode()),)
                kept.done.set()
                await self._again(kept, fingerprint, send)
                return
            await self._app(scope, _told(body, receive), _recording(kept, send))
            await self._keep(name, kept)
        finally:
            if not kept.status or kept.status >= 500 or kept.status in NOT_KEPT or kept.body is _TOO_LONG:
                kept.status = 0
                self._kept.pop(name, None)
            kept.done.set()

    async def _again(self, known: Kept, fingerprint: bytes, send: Send) -> None:
        if known.fingerprint != fingerprint:
            raise Problem(
                422, "This Idempotency-Key was used for another body.", code="IDEMPOTENCY_KEY_REUSED"
            )
        await known.done.wait()
        if not known.status:
            raise Problem(409, "The first call with this key was not done; send it again.", code="CONFLICT")
        headers = [*known.headers, (b"idempotency-replayed", b"true")]
        await send({"type": "http.response.start", "status": known.status, "headers": headers})
        await send({"type": "http.response.body", "body": known.body})

    async def _former(self, name: bytes) -> KeptAnswer | None:
        """What a former run of this process answered, within the day."""
        if self._answers is None:
            return None
        try:
            found = await asyncio.to_thread(self._answers.find, name)
        except OutsideError:
            return None  # a disk that fails takes the right to a repetition, and no command
        fresh = found is not None and found.at_ms >= self._clock.now_ms() - KEEP_MS
        return found if fresh else None

    async def _keep(self, name: bytes, kept: Kept) -> None:
        worth = (
            kept.status and kept.status < 500 and kept.status not in NOT_KEPT and kept.body is not _TOO_LONG
        )
        if self._answers is None or not worth:
            return
        now = self._clock.now_ms()
        kind = next((value for key, value in kept.headers if key.lower() == b"content-type"), b"")
        answer = KeptAnswer(kept.fingerprint, now, kept.status, kind.decode("latin-1"), kept.body)
        with suppress(OutsideError):
            await asyncio.to_thread(self._answers.keep, name, answer, forget_before_ms=now - KEEP_MS)

    def _forget(self) -> None:
        oldest_ns = self._clock.monotonic_ns() - KEEP_NS
        while self._kept:
            name, first = next(iter(self._kept.items()))
            if first.at_ns >= oldest_ns and len(self._kept) < KEPT_MAX:
                return
            del self._kept[name]


_TOO_LONG = b"\x00"


def _key(scope: Scope) -> bytes | None:
    if scope["type"] != "http" or scope["method"] not in METHODS or scope["path"].startswith(LEFT_OUT):
        return None
    return next((value for name, value in scope["headers"] if name == b"idempotency-key"), None)


def _name(scope: Scope, key: bytes) -> bytes:
    """Whose, for what: two callers never meet, even with the same key."""
    caller = b"\n".join(value for name, value in scope["headers"] if name == b"authorization")
    parts = (caller, scope["method"].encode(), scope["path"].encode(), scope["query_string"], key)
    return sha256(b"".join(sha256(part).digest() for part in parts)).digest()


async def _whole(receive: Receive) -> bytes:
    """The request's body; the envelope around us bounds its size and its time."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Problem(400, "The request ended before its body.")
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _told(body: bytes, receive: Receive) -> Receive:
    told = False

    async def once() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


def _recording(kept: Kept, send: Send) -> Send:
    async def record(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept.status, kept.headers = message["status"], tuple(message["headers"])
        elif message["type"] == "http.response.body" and kept.body is not _TOO_LONG:
            kept.body += message.get("body", b"")
            if len(kept.body) > BODY_BYTES_MAX:
                kept.body = _TOO_LONG
        await send(message)

    return record
