"""The `Feed` port over a Yellowstone Geyser stream: one merged subscription on one connection.

Keeps the stream honest and nothing else: it answers pings, sends its own, and gives up on a connection that
has fallen silent. It does not reconnect, does not look for gaps and does not remember slots: the caller does,
who also knows from which slot to go on.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import TypeVar
from urllib.parse import urlsplit

from google.protobuf.message import DecodeError as ProtobufError
from google.protobuf.message import Message

from chimera.adapters.geyser_wire import WHO, item, request
from chimera.adapters.grpc_call import GrpcCall, open_call
from chimera.domain.chain import FeedItem
from chimera.domain.errors import ConfigError, Garbled, OutsideError, Unreachable
from chimera.ports.chain import Subscription
from chimera.proto import geyser_pb2 as pb
from chimera.proto.service import GET_VERSION, SUBSCRIBE, SUBSCRIBE_REPLAY_INFO, Method

Question = TypeVar("Question", bound=Message)
Answer = TypeVar("Answer", bound=Message)

BREATH = 64  # items in a row before other tasks get their turn: half a millisecond of decoding


class GeyserFeed:
    """A `Feed`. `change` speaks to the subscription that was begun last."""

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
        connect_s: the same for the connection, and for the first message on it.
        """
        self._host, self._port, self._secure = _target(endpoint)
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
        stream = _Stream(await self._open(SUBSCRIBE.path))
        self._stream = stream
        stream.write(request(wanted, from_slot=from_slot))
        watchdog = asyncio.create_task(
            stream.watch(silence_s=self._silence_s, connect_s=self._connect_s, every_s=self._ping_every_s),
            name="geyser-watchdog",
        )
        given = 0
        try:
            while True:
                found = item(await stream.read())
                if isinstance(found, pb.SubscribeUpdate):
                    if found.HasField("ping"):
                        stream.ping()
                elif found is not None:
                    yield found
                    given += 1
                    if given % BREATH == 0:
                        await asyncio.sleep(0)
        finally:
            if self._stream is stream:
                self._stream = None
            stream.call.end(Unreachable(WHO, "the subscription was given up"))
            watchdog.cancel()
            with suppress(asyncio.CancelledError):
                await watchdog

    async def change(self, wanted: Subscription) -> None:
        """Replaces the wish on the running stream, without a gap; raises Unreachable where none runs."""
        if self._stream is None:
            raise Unreachable(WHO, "no stream is running")
        self._stream.write(request(wanted))

    async def first_available_slot(self) -> int | None:
        """The oldest slot that `from_slot` may name; None where the server keeps nothing."""
        answer = await self._ask(SUBSCRIBE_REPLAY_INFO, pb.SubscribeReplayInfoRequest())
        return answer.first_available if answer.HasField("first_available") else None

    async def version(self) -> str:
        """What the server says of itself."""
        return (await self._ask(GET_VERSION, pb.GetVersionRequest())).version

    async def _ask(self, method: Method[Question, Answer], question: Question) -> Answer:
        call = await self._open(method.path)
        try:
            call.write(question.SerializeToString(), last=True)
            async with asyncio.timeout(self._connect_s):
                return method.response.FromString(await call.read())
        except TimeoutError:
            raise Unreachable(WHO, f"{method.name}: no answer within {self._connect_s:g} s") from None
        except ProtobufError as error:
            raise Garbled(WHO, f"{method.name}: {error}") from error
        finally:
            call.end(Unreachable(WHO, "answered"))

    async def _open(self, path: str) -> GrpcCall:
        return await open_call(
            WHO,
            host=self._host,
            port=self._port,
            secure=self._secure,
            path=path,
            metadata=self._metadata,
            connect_s=self._connect_s,
        )


class _Stream:
    """A running subscription, and since when it has said nothing."""

    def __init__(self, call: GrpcCall) -> None:
        self.call = call
        self._pings = 0
        self._heard = False
        self._waiting_since: float | None = asyncio.get_running_loop().time()
        """None while the caller is busy with the last message: that is no silence of theirs."""

    async def read(self) -> bytes:
        self._waiting_since = asyncio.get_running_loop().time()
        message = await self.call.read()
        self._waiting_since = None
        self._heard = True
        return message

    def write(self, wish: pb.SubscribeRequest) -> None:
        self.call.write(wish.SerializeToString())

    def ping(self) -> None:
        """Asks for a pong, which also tells the server that we live. One at a time, where they take nothing."""
        if not self.call.backlog:
            self._pings += 1
            self.write(pb.SubscribeRequest(ping=pb.SubscribeRequestPing(id=self._pings)))

    async def watch(self, *, silence_s: float, connect_s: float, every_s: float) -> None:
        """Pings, and ends the call where nothing comes back."""
        loop = asyncio.get_running_loop()
        with suppress(OutsideError):  # the reader is told of the same end, and why
            while True:
                self.ping()
                await asyncio.sleep(every_s)
                limit = silence_s if self._heard else connect_s
                if self._waiting_since is not None and loop.time() - self._waiting_since > limit:
                    self.call.end(Unreachable(WHO, f"silent for more than {limit:g} s"))


def _target(endpoint: str) -> tuple[str, int, bool]:
    """(host, port, whether with TLS)."""
    url = urlsplit(endpoint)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ConfigError(
            f"Geyser endpoint must be http://host:port or https://host[:port], not {endpoint!r}"
        )
    secure = url.scheme == "https"
    return url.hostname, url.port or (443 if secure else 10000), secure
