"""GET /api/v1/ws: the live stream. Opens for everybody, tells only those with a key."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Annotated, Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from chimera.control.auth import Doorkeeper
from chimera.control.frames import wire_of
from chimera.control.stream import ALL_TOPICS, Client, Stream
from chimera.control.wire import Problem
from chimera.domain.errors import OutsideError
from chimera.observe import Observer
from chimera.ports.store import KeyHolder

AUTH_TIMEOUT_S = 5
AFTER_DIGITS_MAX = 16
CLOSE_TIMEOUT_S = 30
UNAUTHENTICATED, SLOW, FULL, WRONG_TOPIC = 4401, 4408, 1013, 4400


class _Hello(msgspec.Struct, tag_field="type", tag="auth"):
    """The first message of a client that keeps its key out of the address, or wants a part, or was here before."""

    token: str
    topics: tuple[str, ...] = ()
    """Of positions, trades, decisions, overview and health; none named: all of them."""
    stream: str = ""
    """As a snapshot told it."""
    after: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    """The number of the last message that was heard of that stream."""


def live_route(
    stream: Stream, doorkeeper: Doorkeeper, observer: Observer, *, asked_again_s: float = 10.0
) -> Callable[[WebSocket], Awaitable[None]]:
    async def live(websocket: WebSocket) -> None:
        await websocket.accept()  # close codes reach the page only after the handshake
        try:
            hello = await _hello(websocket)
            holder = None if hello is None else await _holder(websocket, doorkeeper, hello.token)
            if hello is None or holder is None:
                await websocket.close(UNAUTHENTICATED, "send a valid API key or token")
                return
            key, topics = hello.token, frozenset(hello.topics) or ALL_TOPICS
            if not topics <= ALL_TOPICS:
                await websocket.close(WRONG_TOPIC, f"topics are {', '.join(sorted(ALL_TOPICS))}")
                return
            after = -1 if hello.after is None else hello.after
            async with stream.client(
                holder.identifier, wire_of(websocket.scope), topics=topics, stream=hello.stream, after=after
            ) as client:
                if client is None:
                    await websocket.close(FULL, "too many clients")
                    return
                over = _until_over(websocket, doorkeeper, key, every_s=asked_again_s)
                await _serve(websocket, client, observer, over)
        except WebSocketDisconnect:
            return

    return live


async def _hello(websocket: WebSocket) -> _Hello | None:
    """Who it is and what it wants: in the address, or else in its first message."""
    asked = websocket.query_params
    if (key := asked.get("token")) is not None:
        after = asked.get("after", "")
        return _Hello(
            token=key,
            topics=tuple(topic for topic in asked.get("topics", "").split(",") if topic),
            stream=asked.get("stream", ""),
            after=int(after)
            if after.isascii() and after.isdigit() and len(after) < AFTER_DIGITS_MAX
            else None,
        )
    try:
        async with asyncio.timeout(AUTH_TIMEOUT_S):
            return msgspec.json.decode(await websocket.receive_text(), type=_Hello)
    except (TimeoutError, msgspec.DecodeError, KeyError, RecursionError):
        return None


async def _holder(websocket: WebSocket, doorkeeper: Doorkeeper, key: str) -> KeyHolder | None:
    address = websocket.client.host if websocket.client else ""
    try:
        return await doorkeeper.holder(key, address=address)
    except Problem:
        return None


async def _until_over(websocket: WebSocket, doorkeeper: Doorkeeper, key: str, *, every_s: float) -> None:
    """Returns once the key or token is no good any more: a stream does not outlive what opened it."""
    while True:
        await asyncio.sleep(every_s)
        with suppress(OutsideError):  # tables that do not answer are no reason to blind a screen
            if await _holder(websocket, doorkeeper, key) is None:
                return


async def _serve(
    websocket: WebSocket, client: Client, observer: Observer, over: Coroutine[Any, Any, None]
) -> None:
    """Waits until the client leaves, falls too far behind, or loses his right to listen."""
    ending = asyncio.create_task(over)
    leaving = asyncio.create_task(_drain(websocket))
    slow = asyncio.create_task(client.slow.wait())
    try:
        await asyncio.wait((leaving, slow, ending), return_when=asyncio.FIRST_COMPLETED)
        expired = ending.done()
    finally:
        for task in (leaving, slow, ending):
            task.cancel()
        await asyncio.gather(leaving, slow, ending, return_exceptions=True)
    if expired:
        await websocket.close(UNAUTHENTICATED, "your key or token is over")
        return
    if client.slow.is_set():
        observer.client_dropped(cause="slow", identifier=client.identifier)
        with suppress(TimeoutError):  # the word waits behind what he has not read; the ping ends the rest
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await websocket.close(SLOW, "too slow: connect again for a new snapshot")


async def _drain(websocket: WebSocket) -> None:
    """Reads and ignores, so that a close is noticed; nothing is asked over this stream."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
