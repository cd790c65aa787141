"""The `Feed` port over a Yellowstone Geyser stream: one merged subscription on one gRPC connection.

Keeps the stream honest and nothing else: it answers pings, sends its own, and gives up on a connection that
has fallen silent. It does not reconnect, does not look for gaps and does not remember slots: the caller does,
who also knows from which slot to go on.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import suppress
from typing import Protocol, TypeVar, cast
from urllib.parse import urlsplit

import grpc
from google.protobuf.message import Message

from chimera.adapters.geyser_wire import WHO, item, request
from chimera.domain.chain import FeedItem
from chimera.domain.errors import ConfigError, Garbled, OutsideError, RateLimited, Rejected, Unreachable
from chimera.ports.chain import Subscription
from chimera.proto import geyser_pb2 as pb
from chimera.proto.service import GET_VERSION, SUBSCRIBE, SUBSCRIBE_REPLAY_INFO, Method

Question = TypeVar("Question", bound=Message)
Answer = TypeVar("Answer", bound=Message)

MESSAGE_BYTES_MAX = 64 * 1024 * 1024  # an account holds at most 10 MiB, a full block meta some more
CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    # By default every channel to the same address shares one back-off, which grows to two minutes.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_reconnect_backoff_ms", 1000),
)
REJECTIONS = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.UNIMPLEMENTED,
}


class GeyserFeed:
    """A `Feed`. One running subscription at a time: a second `subscribe` takes the connection over."""

    def __init__(
        self,
        endpoint: str,
        *,
        x_token: str | None = None,
        silence_s: float = 2.0,
        connect_s: float = 5.0,
        ping_every_s: float = 0.5,
    ) -> None:
        """`endpoint`: http://host:port in clear, https://host[:port] with TLS. Raises ConfigError otherwise.

        silence_s: no message for so long, although we asked for a pong every `ping_every_s`, is a dead stream.
        connect_s: the same for the first message, which includes connecting.
        """
        self._target, self._secure = _target(endpoint)
        self._metadata = (("x-token", x_token),) if x_token else ()
        self._silence_s, self._connect_s, self._ping_every_s = silence_s, connect_s, ping_every_s
        self._stream: _Stream | None = None

    async def subscribe(
        self, wanted: Subscription, *, from_slot: int | None = None
    ) -> AsyncGenerator[FeedItem, None]:
        """Items as they arrive, until cancelled or closed.

        Raises Unreachable when the stream ends, breaks or falls silent, RateLimited, Rejected (too old a
        `from_slot`, a filter or token that they do not like), Garbled for what cannot be read.
        """
        async with self._channel() as channel:
            call = _subscribe_call(channel, self._metadata)
            stream = self._stream = _Stream(call, ping_every_s=self._ping_every_s)
            try:
                stream.open(request(wanted, from_slot=from_slot))
                stream.watch(silence_s=self._silence_s, connect_s=self._connect_s)
                while True:
                    found = item(await stream.read())
                    if isinstance(found, pb.SubscribeUpdate):
                        if found.HasField("ping"):
                            stream.answer_ping()
                    elif found is not None:
                        yield found
            finally:
                if self._stream is stream:
                    self._stream = None
                await stream.close()

    async def change(self, wanted: Subscription) -> None:
        """Replaces the wish on the running stream, without a gap; raises Unreachable where none runs."""
        if self._stream is None:
            raise Unreachable(WHO, "no stream is running")
        await self._stream.write(request(wanted))

    async def first_available_slot(self) -> int | None:
        """The oldest slot that `from_slot` may name; None where the server keeps nothing."""
        answer = await self._ask(SUBSCRIBE_REPLAY_INFO, pb.SubscribeReplayInfoRequest())
        return answer.first_available if answer.HasField("first_available") else None

    async def version(self) -> str:
        """What the server says of itself."""
        return (await self._ask(GET_VERSION, pb.GetVersionRequest())).version

    async def _ask(self, method: Method[Question, Answer], question: Question) -> Answer:
        async with self._channel() as channel:
            call = channel.unary_unary(
                method.path,
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.response.FromString,
            )
            try:
                answer = await call(question, timeout=self._connect_s, metadata=self._metadata)
            except grpc.aio.AioRpcError as error:
                raise _outside(error) from error
            return cast(Answer, answer)

    def _channel(self) -> grpc.aio.Channel:
        # A channel a stream: a fresh one has no back-off from the last failure, and no half-open socket.
        if self._secure:
            return grpc.aio.secure_channel(
                self._target, grpc.ssl_channel_credentials(), options=CHANNEL_OPTIONS
            )
        return grpc.aio.insecure_channel(self._target, options=CHANNEL_OPTIONS)


class _Call(Protocol):
    """What we need of grpc.aio's stream call: messages out, raw bytes in."""

    async def read(self) -> object: ...

    async def write(self, request: pb.SubscribeRequest) -> None: ...

    def cancel(self) -> bool: ...


class _Stream:
    """A running call with one writer at a time and a watchdog."""

    def __init__(self, call: _Call, *, ping_every_s: float) -> None:
        self._call = call
        self._ping_every_s = ping_every_s
        self._writing = asyncio.Lock()
        self._waiting_since: float | None = None
        """Since when `read` waits for a message; None while the caller is busy with the last one."""
        self._heard = False
        self._dead: str | None = None
        self._pings = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self, wish: pb.SubscribeRequest) -> None:
        """Sends the first request, in the background: where that fails or hangs, `read` says so."""
        self._waiting_since = asyncio.get_running_loop().time()
        self._spawn(self._write_quietly(wish), "geyser-open")

    def watch(self, *, silence_s: float, connect_s: float) -> None:
        self._spawn(self._watch(silence_s=silence_s, connect_s=connect_s), "geyser-watchdog")

    async def read(self) -> bytes:
        """The next message's bytes; raises OutsideError children where the stream ended or was given up."""
        self._waiting_since = asyncio.get_running_loop().time()
        try:
            message = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise _outside(error) from error
        except asyncio.CancelledError:
            # A cancelled call looks like our own cancellation, which has to go on.
            if _is_cancelled():
                raise
            raise Unreachable(WHO, self._dead or "the call was cancelled") from None
        self._waiting_since = None
        if not isinstance(message, bytes):
            raise Unreachable(WHO, "the stream ended")
        self._heard = True
        return message

    async def write(self, wish: pb.SubscribeRequest) -> None:
        """Shielded: grpc cancels the whole call where a write in it is cancelled."""
        task = self._spawn(self._write(wish), "geyser-write")
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            raise Unreachable(WHO, self._dead or "the stream has just ended") from None

    def answer_ping(self) -> None:
        """Tells the server that we live, which is what it asks with its own ping."""
        self._spawn(self._write_quietly(self._next_ping()), "geyser-ping")

    async def close(self) -> None:
        self._call.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _write(self, wish: pb.SubscribeRequest) -> None:
        async with self._writing:
            try:
                await self._call.write(wish)
            except grpc.aio.AioRpcError as error:
                raise _outside(error) from error
            except (asyncio.InvalidStateError, grpc.aio.UsageError) as error:
                raise Unreachable(WHO, "the stream has just ended") from error

    async def _watch(self, *, silence_s: float, connect_s: float) -> None:
        loop = asyncio.get_running_loop()
        ping: asyncio.Task[None] | None = None
        while True:
            # Sleep first: a ping that meets a refusal on its way makes grpc lose the refusal's reason.
            await asyncio.sleep(self._ping_every_s)
            # A write hangs where the connection does, so it must not hold up the watching.
            if ping is None or ping.done():
                ping = self._spawn(self._write_quietly(self._next_ping()), "geyser-ping")
            limit = silence_s if self._heard else connect_s
            if self._waiting_since is not None and loop.time() - self._waiting_since > limit:
                self._dead = f"silent for more than {limit:g} s"
                self._call.cancel()
                return

    async def _write_quietly(self, wish: pb.SubscribeRequest) -> None:
        with suppress(OutsideError):  # the reader learns of the same end, and why
            await self._write(wish)

    def _next_ping(self) -> pb.SubscribeRequest:
        self._pings += 1
        return pb.SubscribeRequest(ping=pb.SubscribeRequestPing(id=self._pings))

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _subscribe_call(channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...]) -> _Call:
    # Without a deserialiser the bytes come through, so that we tell unreadable ones from a broken connection.
    method = channel.stream_stream(SUBSCRIBE.path, SUBSCRIBE.request.SerializeToString, None)
    return cast(_Call, method(None, metadata=metadata))


def _outside(error: grpc.aio.AioRpcError) -> OutsideError:
    code, details = error.code(), error.details() or ""
    what = f"{code.name}: {details}"
    if code in REJECTIONS:
        return Rejected(WHO, what, code=code.value[0])
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return RateLimited(WHO, what)
    if code is grpc.StatusCode.DATA_LOSS:
        return Garbled(WHO, what)
    return Unreachable(WHO, what)


def _target(endpoint: str) -> tuple[str, bool]:
    """(host:port, whether with TLS)."""
    url = urlsplit(endpoint)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ConfigError(
            f"Geyser endpoint must be http://host:port or https://host[:port], not {endpoint!r}"
        )
    secure = url.scheme == "https"
    port = url.port or (443 if secure else 10000)
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return f"{host}:{port}", secure
