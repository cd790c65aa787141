"""What a running desk says of itself over HTTP."""

from typing import Any

import aiohttp
import msgspec

from chimera.domain.errors import Garbled, Unreachable

WHO = "desk"


async def ask_health(url: str, *, timeout_s: float = 2.0) -> dict[str, Any]:
    """The answer of /api/v1/health; raises Unreachable where nobody answers, Garbled for nonsense."""
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{url}/api/v1/health") as response,
        ):
            said = msgspec.json.decode(await response.read())
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Unreachable(WHO, f"{url}: {error}") from None
    except msgspec.DecodeError as error:
        raise Garbled(WHO, f"{url}: {error}") from None
    if not isinstance(said, dict):
        raise Garbled(WHO, f"{url}: no object")
    return said
