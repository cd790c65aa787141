"""What a SOL costs, asked of somebody's HTTP service; any that answers JSON with the price at a known place.

As `https://api.coingecko.com/api/v3/simple/price?ids=solana&vs_currencies=usd` with the field `solana.usd`. For the
record alone: whatever goes wrong is an unknown price. It never logs the address, which may hold a key.
"""

from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from chimera.domain.units import MICRO_USD
from chimera.observe import Observer

TIMEOUT_S = 5.0
ANSWER_BYTES_MAX = 65_536
USD_MAX = Decimal(1_000_000)  # of one SOL: beyond it somebody means another unit

_DECODER = msgspec.json.Decoder(float_hook=Decimal)


class PriceOracle:
    """Implements `ports.prices.SolPrice`."""

    def __init__(self, url: str, *, field: str, observer: Observer, timeout_s: float = TIMEOUT_S) -> None:
        self._url, self._path, self._observer = url, field.split("."), observer
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self.source = urlsplit(url).hostname or "oracle"

    async def micro_usd(self) -> int | None:
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout) as session,
                session.get(self._url, allow_redirects=False) as response,
            ):
                body = await response.content.read(ANSWER_BYTES_MAX + 1)
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return self._unknown(type(error).__name__)
        if status != 200 or len(body) > ANSWER_BYTES_MAX:
            return self._unknown(f"status {status}, {len(body)} bytes")
        price = _at(body, self._path)
        return self._unknown("no price at the field") if price is None else price

    def _unknown(self, why: str) -> int | None:
        self._observer.told("price oracle does not answer", host=self.source, why=why)
        return None


def _at(body: bytes, path: list[str]) -> int | None:
    """Micro dollars, rounded down; None where there is no positive number."""
    try:
        found: Any = _DECODER.decode(body)
        for step in path:
            found = found[int(step)] if isinstance(found, list) else found[step]
        dollars = Decimal(str(found)) if not isinstance(found, bool) else Decimal(0)
    except (msgspec.DecodeError, KeyError, IndexError, TypeError, ValueError, InvalidOperation):
        return None
    if not dollars.is_finite() or not 0 < dollars < USD_MAX:
        return None
    return int(dollars * MICRO_USD) or None
