"""Who is calling and what he may do: API keys and login tokens with roles, and how often."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum

from fastapi import Request

from chimera.control.sessions import Sessions
from chimera.control.tokens import TOKEN_LENGTH_MAX, looks_like_token
from chimera.control.wire import Problem
from chimera.domain.rate import RateLimits, RateView
from chimera.ports.runtime import Clock
from chimera.ports.store import KeyHolder, Keys

MINUTE_NS = 60_000_000_000
FAILURES_PER_MINUTE = 30  # wrong keys from one address; a key has 256 bits, this only spares the log
KEY_LENGTH_MAX = 256


class Role(IntEnum):
    READONLY = 1
    OPERATOR = 2
    ADMIN = 3


class Doorkeeper:
    """Checks keys and rates. A dependency of every route under /api/v1 that is not public."""

    def __init__(
        self, keys: Keys, clock: Clock, *, calls_per_minute: int, sessions: Sessions | None = None
    ) -> None:
        self._keys, self._clock, self._sessions = keys, clock, sessions
        self._calls = RateLimits(count=calls_per_minute, window_ns=MINUTE_NS)
        self._failures = RateLimits(count=FAILURES_PER_MINUTE, window_ns=MINUTE_NS)

    def needs(self, role: Role) -> Callable[[Request], Awaitable[KeyHolder]]:
        """A dependency that gives the caller, or refuses: 401 who are you, 403 you may not, 429 too often."""

        async def check(request: Request) -> KeyHolder:
            holder = await self.caller(request)
            if holder is None:
                raise Problem(
                    401,
                    "Send an API key: Authorization: Bearer KEY.",
                    headers={"www-authenticate": "Bearer"},
                )
            if Role[holder.role.upper()] < role:
                raise Problem(403, f"This needs the role {role.name.lower()}; the key has {holder.role}.")
            return holder

        return check

    async def caller(self, request: Request) -> KeyHolder | None:
        """The holder of the request's key; None without one, 401 for a wrong one."""
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        address = _address(request)
        if not kind:
            self._count(request, f"address {address}")
            return None
        holder = await self.holder(key.strip(), address=address) if kind.lower() == "bearer" else None
        if holder is None:
            raise Problem(
                401, "The API key or token is not known, or over.", headers={"www-authenticate": "Bearer"}
            )
        self._count(request, f"key {holder.identifier}")
        return holder

    async def holder(self, key: str, *, address: str) -> KeyHolder | None:
        """Who a key belongs to; refuses addresses that keep guessing."""
        now_ns = self._clock.monotonic_ns()
        failures = self._failures.of(address)
        if failures.view(now_ns).remaining == 0:
            raise Problem(429, "Too many wrong keys from this address.", headers={"retry-after": "60"})
        known = None
        if self._sessions is not None and looks_like_token(key) and len(key) <= TOKEN_LENGTH_MAX:
            known = await self._sessions.holder(key)
        elif key and len(key) <= KEY_LENGTH_MAX and key.isascii():
            known = await asyncio.to_thread(self._keys.lookup, key)
        if known is None or known.role.upper() not in Role.__members__:
            failures.take(now_ns)
            return None
        return known

    async def counted(self, request: Request) -> None:
        """A dependency for routes that need no key: their callers are counted by address."""
        self._count(request, f"address {_address(request)}")

    @contextmanager
    def guessing(self, request: Request) -> Iterator[None]:
        """Around a proof: an address whose proofs keep failing waits, as with wrong keys."""
        now_ns = self._clock.monotonic_ns()
        failures = self._failures.of(_address(request))
        if failures.view(now_ns).remaining == 0:
            raise Problem(429, "Too many wrong proofs from this address.", headers={"retry-after": "60"})
        try:
            yield
        except Problem as problem:
            if problem.status in {401, 404}:
                failures.take(now_ns)
            raise

    async def demand_second_factor(self, request: Request, holder: KeyHolder) -> None:
        """Protected actions ask for it; passes for somebody who has none enrolled."""
        if self._sessions is not None:
            await self._sessions.demand(holder, request.headers.get("x-step-up", ""))

    def _count(self, request: Request, who: str) -> None:
        now_ns = self._clock.monotonic_ns()
        limit = self._calls.of(who)
        let_in, view = limit.take(now_ns), limit.view(now_ns)
        headers = rate_headers(view, now_ms=self._clock.now_ms())
        request.state.rate_headers = headers
        if not let_in:
            wait_s = max(1, -(-view.wait_ns // 1_000_000_000))
            raise Problem(429, "Too many calls; slow down.", headers={**headers, "retry-after": str(wait_s)})


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def rate_headers(view: RateView, *, now_ms: int) -> dict[str, str]:
    """X-RateLimit headers; the reset is unix seconds, rounded up."""
    return {
        "x-ratelimit-limit": str(view.limit),
        "x-ratelimit-remaining": str(view.remaining),
        "x-ratelimit-reset": str((now_ms + view.wait_ns // 1_000_000 + 999) // 1_000),
    }
