"""Jupiter's swap API as a RouteService: routes through markets that we do not speak ourselves.

Each call goes once, within a deadline and a rate of our own; after a 429 nothing leaves until their time is over.
Must not know pools, plans or trades, signs nothing, and never logs a URL or key.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp
import msgspec

from chimera.adapters import jupiter_wire as wire
from chimera.adapters.jupiter_wire import WHO
from chimera.adapters.rpc_pacer import Pacer, Urgency
from chimera.domain.errors import ConfigError, Garbled, RateLimited, Rejected, Unreachable
from chimera.domain.ids import Address
from chimera.domain.risk import Reason, Refusal
from chimera.domain.units import U64_MAX
from chimera.ports.services import RouteCalls, RouteQuote, RouteRequest

ANSWER_BYTES_MAX = 512 * 1024  # the longest recorded has a tenth of it
RETRY_AFTER_S, RETRY_AFTER_S_MAX = 1.0, 60.0
TOO_MANY = 429
TOLD_MAX = 200  # of their words in ours


class JupiterOptions(msgspec.Struct, frozen=True):
    timeout_s: float = 1.5
    """Of a call, the wait for our own limiter included: a route that comes later serves nobody."""
    requests_per_second_max: float = 1.0
    """What the free tier allows."""
    slots_behind_max: int = 5
    """How far behind the asker's newest slot a quote's state may be."""
    quote_age_s_max: float = 2.0
    """From the question on; instructions for older quotes are not asked for."""
    accounts_max: int = 40
    """Of the swap instruction: a transaction has 64 locks and 1,232 bytes, and ours adds its own."""


class JupiterRoutes:
    def __init__(
        self,
        url: str = "https://api.jup.ag/swap/v1",
        *,
        api_key: str | None = None,
        options: JupiterOptions | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`url`: with the path before `/quote`. Raises ConfigError where it is none."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError("Jupiter's url must be http://host[:port]/path or https://host[:port]/path")
        self._url = url.rstrip("/")
        self._headers = {"Content-Type": "application/json"} | ({"x-api-key": api_key} if api_key else {})
        self._options = options or JupiterOptions()
        self._monotonic = monotonic
        self._pacer = Pacer(per_second=self._options.requests_per_second_max, monotonic=monotonic)
        self._closed_until_s = 0.0
        self._session: aiohttp.ClientSession | None = None

    async def quote(self, request: RouteRequest) -> RouteQuote | Refusal:
        if not (0 < request.amount <= U64_MAX and 0 <= request.slippage_bps <= wire.BPS):
            raise ValueError(f"no question: {request.amount} with {request.slippage_bps} bps of slippage")
        asked_at_s = self._monotonic()
        query = wire.query(request, accounts_max=self._options.accounts_max)
        answer = await self._ask("quote", "GET", Urgency.ORDINARY, query=query)
        if isinstance(answer, Refusal):
            return answer
        quote = wire.read_quote(answer, request, asked_at_s=asked_at_s)
        behind = request.at_slot - quote.slot
        if behind > self._options.slots_behind_max:
            limit = f"{self._options.slots_behind_max} slots"
            return Refusal(Reason.STALE_DATA, limit=limit, observed=f"Jupiter is {behind} slots behind")
        return quote

    async def calls(self, quote: RouteQuote, *, user: Address) -> RouteCalls | Refusal:
        age_s = self._monotonic() - quote.asked_at_s
        if age_s > self._options.quote_age_s_max:
            limit = f"{self._options.quote_age_s_max:.1f} s"
            return Refusal(Reason.STALE_DATA, limit=limit, observed=f"a quote of {age_s:.1f} s ago")
        body = wire.question(quote, user=user)
        answer = await self._ask("swap-instructions", "POST", Urgency.URGENT, body=body)
        return answer if isinstance(answer, Refusal) else wire.read_calls(answer, quote, user=user)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # -- inside ---------------------------------------------------------------------------------------------

    async def _ask(
        self,
        path: str,
        verb: str,
        urgency: Urgency,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> bytes | Refusal:
        """The answer's bytes, or that there is no such route."""
        began = self._monotonic()
        closed_s = self._closed_until_s - began
        if closed_s > 0:
            raise RateLimited(WHO, f"{path}: they asked for quiet", closed_s)
        if not await self._pacer.admit(urgency, wait_s_max=self._options.timeout_s):
            # Nothing has left the house, so this is no unknown.
            raise RateLimited(WHO, f"{path}: our own limit", 1 / self._options.requests_per_second_max)
        left_s = max(0.001, self._options.timeout_s - (self._monotonic() - began))
        status, headers, answer = await self._exchange(path, verb, query, body, left_s)
        if status == TOO_MANY:
            wait_s = _retry_after(headers)
            self._closed_until_s = self._monotonic() + wait_s
            raise RateLimited(WHO, f"{path}: HTTP 429", wait_s)
        if status >= 500:
            raise Unreachable(WHO, f"{path}: HTTP {status}")
        if 200 <= status < 300:
            return answer
        told = wire.read_error(answer)
        text = (told.error or told.message)[:TOLD_MAX]
        if told.error_code in wire.NO_ROUTE:
            return Refusal(Reason.QUOTE_UNAVAILABLE, observed=f"Jupiter: {told.error_code}")
        raise Rejected(WHO, f"{path}: HTTP {status} {told.error_code} {text}".rstrip(), status)

    async def _exchange(
        self, path: str, verb: str, query: Mapping[str, str] | None, body: bytes | None, timeout_s: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers)
        try:
            async with (
                asyncio.timeout(timeout_s),
                # A redirect could take the key to another house.
                self._session.request(
                    verb, f"{self._url}/{path}", params=query, data=body, allow_redirects=False
                ) as response,
            ):
                answer = bytearray()
                async for part in response.content.iter_any():
                    answer += part
                    if len(answer) > ANSWER_BYTES_MAX:
                        raise Garbled(WHO, f"{path}: an answer of more than {ANSWER_BYTES_MAX} bytes")
                return response.status, response.headers, bytes(answer)
        except TimeoutError:
            raise Unreachable(WHO, f"{path}: no answer within {timeout_s:.1f} s") from None
        except (aiohttp.ClientError, OSError) as error:
            # The class says enough; the text of some holds the URL.
            raise Unreachable(WHO, f"{path}: {type(error).__name__}") from None


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds; the date form of the header, and nonsense, are answered with the default."""
    try:
        asked = float(headers.get("Retry-After", RETRY_AFTER_S))
    except ValueError:
        return RETRY_AFTER_S
    return min(asked, RETRY_AFTER_S_MAX) if asked > 0 else RETRY_AFTER_S
