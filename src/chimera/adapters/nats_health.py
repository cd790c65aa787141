"""Asks a NATS server how it is, for `chimera doctor`: one connection, which changes nothing."""

import asyncio
import time

import nats
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from chimera.domain.errors import Unreachable

WHO = "nats"
WITHIN_S = 3.0


async def ask_nats(url: str, *, streams: tuple[str, ...]) -> tuple[float, dict[str, int | None]]:
    """(milliseconds of a round trip, messages in each stream or None where there is none yet).

    Raises Unreachable where nobody answers or JetStream is off.
    """
    try:
        async with asyncio.timeout(WITHIN_S):
            client = await nats.connect(url, allow_reconnect=False, connect_timeout=2)
            try:
                began = time.monotonic()
                await client.flush()
                took_ms = (time.monotonic() - began) * 1_000
                js = client.jetstream()
                await js.account_info()
                found: dict[str, int | None] = {}
                for stream in streams:
                    try:
                        found[stream] = (await js.stream_info(stream)).state.messages
                    except NotFoundError:
                        found[stream] = None
            finally:
                await client.close()
    except (NatsError, OSError, TimeoutError) as error:
        raise Unreachable(WHO, str(error) or type(error).__name__) from None
    return took_ms, found
