"""A quantitative engine over HTTP: one question, authenticated, within a deadline; what it answers is checked whole.

The key goes into one header and nowhere else; no redirect takes it to another house. Must not judge who is trusted.
"""

import asyncio
from types import TracebackType
from typing import Annotated, Self
from urllib.parse import urlsplit

import aiohttp
import msgspec
from msgspec import Meta

from chimera.domain.allocation import RankedTrader, Ranking
from chimera.domain.errors import ConfigError, DecodeError, Garbled, RateLimited, Rejected, Unreachable
from chimera.domain.ids import Address
from chimera.domain.units import BPS
from chimera.onchain.keys import address_bytes

WHO = "quantitative engine"
PATH = "/api/v1/ranking"
ANSWER_BYTES_MAX = 1024 * 1024
NEARBY = frozenset({"127.0.0.1", "::1", "localhost"})


class WireTrader(msgspec.Struct, frozen=True):
    trader: str
    trust_score: Annotated[float, Meta(ge=0, le=100)]
    allocation_bps: dict[str, Annotated[int, Meta(ge=0, le=10_000)]]


class WireRanking(msgspec.Struct, frozen=True):
    """The answer: as `control.quant_server` gives it."""

    generated_at_ms: Annotated[int, Meta(ge=0)]
    traders: Annotated[tuple[WireTrader, ...], Meta(max_length=10_000)]


class QuantClient:
    def __init__(self, url: str, *, key: str, timeout_s: float = 5.0) -> None:
        """`url`: http(s)://host[:port][/path]. Raises ConfigError where it is none, without a key, or where the key
        would cross a network in the clear.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError("rebalancer.url must be http://host[:port] or https://host[:port]")
        if parts.scheme == "http" and parts.hostname not in NEARBY:
            raise ConfigError("rebalancer.url: a key goes to another machine over https alone")
        if not key:
            raise ConfigError("rebalancer.key: set CHIMERA_REBALANCER__KEY to the engine's key")
        self._url, self._timeout_s = url.rstrip("/") + PATH, timeout_s
        self._headers = {"Authorization": f"Bearer {key}"}
        self._session: aiohttp.ClientSession | None = None

    async def ranking(self) -> Ranking:
        status, answer = await self._exchange()
        if status == 429:
            raise RateLimited(WHO, "HTTP 429")
        if status >= 500:
            raise Unreachable(WHO, f"HTTP {status}")
        if status != 200:
            raise Rejected(WHO, f"HTTP {status}", status)
        try:
            told = msgspec.json.decode(answer, type=WireRanking)
            return Ranking(told.generated_at_ms, tuple(_trader(one) for one in told.traders))
        except (msgspec.DecodeError, DecodeError, UnicodeDecodeError) as error:
            raise Garbled(WHO, str(error)) from None

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

    async def _exchange(self) -> tuple[int, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers)
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._session.get(self._url, allow_redirects=False) as response,
            ):
                answer = bytearray()
                async for part in response.content.iter_any():
                    answer += part
                    if len(answer) > ANSWER_BYTES_MAX:
                        raise Garbled(WHO, f"an answer of more than {ANSWER_BYTES_MAX} bytes")
                return response.status, bytes(answer)
        except TimeoutError:
            raise Unreachable(WHO, f"no answer within {self._timeout_s:.1f} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(WHO, type(error).__name__) from None  # the text of some holds the URL


def _trader(one: WireTrader) -> RankedTrader:
    """Raises DecodeError for what is no address, and for more than everything."""
    if sum(one.allocation_bps.values()) > BPS:
        raise DecodeError(f"{one.trader[:60]} holds more than everything")
    for address in (one.trader, *one.allocation_bps):
        address_bytes(Address(address))
    weights = {Address(mint): weight for mint, weight in one.allocation_bps.items()}
    return RankedTrader(Address(one.trader), int(one.trust_score * 100 + 1e-6), weights)
