"""The bus between processes: NATS, with the in-process bus inside.

Who publishes and subscribes in the same process hears at once, as ever; the same message goes out with its header
(`domain.record`), and what others publish comes in without it. Publishing never waits: what NATS does not take in
time waits in a bounded queue, the oldest goes first and is counted. Each topic has a subscription and a limit of
its own, so market data cannot hold up intents, which have a stream and a consumer of their own besides. Core NATS
keeps nothing: who is away misses what is said meanwhile, and state comes from the pool cache
(`adapters.pool_cache`) and the journal. With a seal, whatever bears none of the house's own is not heard; old tools'
subjects bear none, and may stop trading only (`roles.remote_desk`).
"""

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec
import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from chimera.adapters.bus_local import LocalBus, Subscription
from chimera.adapters.bus_seal import BusSeal
from chimera.adapters.kept_topic import KeptTopic
from chimera.domain.errors import ConfigError, Garbled, Unreachable
from chimera.domain.record import SCHEMA_VERSION, Maker, Record, record
from chimera.observe import Observer
from chimera.ports.runtime import Clock

WHO = "nats"
OUTGOING_MAX = 50_000
"""Messages that wait for NATS: some ten seconds of a busy stream while it restarts."""
PENDING_BYTES = (
    64 * 1024 * 1024
)  # of one subscription, in the client; beyond, the newest are lost, and counted
RECONNECT_S = 0.25
OWN_MAX = 10_000  # of the last seconds: what a stream gives back comes at once
CONNECT_S = 5.0
TOLD_EVERY = 1_000  # messages without a seal are told of once, and then by the thousand


class NatsBus:
    """A `Bus`; an async context. `types` says what is on each topic that leaves the process."""

    def __init__(
        self,
        url: str,
        *,
        types: Mapping[str, Any],
        maker: Maker,
        clock: Clock,
        observer: Observer,
        prefix: str = "",
        kept: Mapping[str, str] | None = None,
        plain: Mapping[str, Callable[[bytes], object]] | None = None,
        seal: BusSeal | None = None,
    ) -> None:
        """`prefix` is put before every subject, for several houses on one server.

        `kept` names the stream that keeps a topic for a while (`adapters.kept_topic`). `plain` says how to read
        topics that come without our header; nothing goes out on those. `seal`: None hears everybody.
        """
        self._url, self._prefix, self._maker = url, prefix, maker
        self._clock, self._observer = clock, observer
        self._local = LocalBus()
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {
            topic: msgspec.json.Decoder(_record_of(kind)) for topic, kind in types.items()
        }
        self._encoder = msgspec.json.Encoder()
        self._kept, self._plain = dict(kept or {}), dict(plain or {})
        self._seal = seal
        self._own: OrderedDict[str, None] = OrderedDict()
        """Ids of what we said on kept topics: a stream gives that back to us too."""
        self._ready: list[asyncio.Event] = []
        self._outgoing: deque[tuple[str, object]] = deque()
        self._new, self._drained = asyncio.Event(), asyncio.Event()
        self._drained.set()
        self._client: Client | None = None
        self._heard: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._listening: list[asyncio.Task[None]] = []
        self.dropped: dict[str, int] = {}
        """By topic: messages that never left, at the queue's limit."""
        self.garbled = 0
        self.unsealed = 0
        """Messages of somebody else, not heard."""

    @property
    def client(self) -> Client:
        """The connection, for what is kept there (the pool cache)."""
        if self._client is None:
            raise Unreachable(WHO, "not connected yet")
        return self._client

    async def __aenter__(self) -> Self:
        """Connects; raises ConfigError where no server answers. Later losses are survived."""
        try:
            # without an end of its own, the client would look for its first server for ever
            async with asyncio.timeout(CONNECT_S):
                self._client = await nats.connect(
                    self._url,
                    name=self._maker.component,
                    no_echo=True,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=RECONNECT_S,
                    connect_timeout=2,
                    allow_reconnect=True,
                    error_cb=self._failed,
                    disconnected_cb=self._moved("disconnected"),
                    reconnected_cb=self._moved("connected"),
                )
        except (NatsError, OSError, TimeoutError) as error:
            where = urlsplit(self._url).netloc.rpartition("@")[2]  # without its user
            raise ConfigError(f"nats.url: no server at {where}: {error}") from None
        self._tasks.append(asyncio.create_task(self._send(), name="nats sender"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in (*self._tasks, *self._listening):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._listening, return_exceptions=True)
        if self._client is not None:
            with contextlib.suppress(NatsError, OSError, TimeoutError):
                await self._client.flush(timeout=1)
            with contextlib.suppress(NatsError, OSError, TimeoutError):
                await self._client.close()

    def publish(self, topic: str, message: object) -> None:
        self._local.publish(topic, message)
        if topic not in self._decoders:
            return
        if len(self._outgoing) >= OUTGOING_MAX:
            lost, _ = self._outgoing.popleft()
            self.dropped[lost] = self.dropped.get(lost, 0) + 1
        self._outgoing.append((topic, message))
        self._drained.clear()
        self._new.set()

    def subscribe(self, *topics: str, capacity: int, refuse: bool = False) -> Subscription[Any]:
        for topic in topics:
            if topic in self._heard or topic not in {*self._decoders, *self._plain}:
                continue
            self._heard.add(topic)
            if topic in self._kept:
                self._ready.append(ready := asyncio.Event())
                self._tasks.append(asyncio.create_task(self._hear_kept(topic, ready), name=f"nats {topic}"))
            else:
                self._listening.append(asyncio.create_task(self._hear(topic), name=f"nats {topic}"))
        return self._local.subscribe(*topics, capacity=capacity, refuse=refuse)

    def unsubscribe(self, subscription: Subscription[Any]) -> None:
        self._local.unsubscribe(subscription)

    def depths(self) -> dict[str, tuple[int, int]]:
        waiting: dict[str, int] = {}
        for topic, _ in self._outgoing:
            waiting[topic] = waiting.get(topic, 0) + 1
        found = self._local.depths()
        for topic in {*waiting, *self.dropped}:
            depth, dropped = found.get(topic, (0, 0))
            found[topic] = (depth + waiting.get(topic, 0), dropped + self.dropped.get(topic, 0))
        return found

    async def settled(self) -> None:
        """Returns when the server has every subscription and everything published so far has left."""
        await self._drained.wait()
        await asyncio.gather(*(task for task in self._listening if not task.done()))
        await asyncio.gather(*(ready.wait() for ready in self._ready))
        await self.client.flush()

    def subject(self, topic: str) -> str:
        return f"{self._prefix}{topic}"

    async def _send(self) -> None:
        while True:
            await self._new.wait()
            self._new.clear()
            while self._outgoing:
                if not self.client.is_connected:
                    await asyncio.sleep(RECONNECT_S)
                    continue
                topic, message = self._outgoing[0]
                made = record(message, self._maker, at_ms=self._clock.now_ms())
                if topic in self._kept:
                    self._remember(made.event_id)
                subject, data = self.subject(topic), self._encoder.encode(made)
                headers = {} if self._seal is None else self._seal.headers(subject, data)
                try:
                    await self.client.publish(
                        subject, data, headers={"Nats-Msg-Id": made.event_id, **headers}
                    )
                except (NatsError, OSError) as error:
                    self._observer.told("nats does not take", topic=topic, cause=str(error))
                    await asyncio.sleep(RECONNECT_S)
                    continue
                if self._outgoing and self._outgoing[0][1] is message:
                    self._outgoing.popleft()
            self._drained.set()

    def _take(self, topic: str, message: Msg) -> None:
        data = message.data
        if not self._ours(topic, message):
            return
        try:
            if topic in self._plain:
                self._local.publish(topic, self._plain[topic](data))
                return
            found = open_record(self._decoders[topic], data)
        except Garbled as error:
            self.garbled += 1
            self._observer.told("garbled message", topic=topic, cause=str(error))
            return
        if found.event_id not in self._own:
            self._local.publish(topic, found.payload)

    def _ours(self, topic: str, message: Msg) -> bool:
        if self._seal is None or topic in self._plain:
            return True
        if self._seal.genuine(self.subject(topic), message.data, message.headers):
            return True
        self.unsealed += 1
        if self.unsealed % TOLD_EVERY == 1:
            self._observer.told("message without our seal", topic=topic, count=self.unsealed)
        return False

    def _remember(self, event_id: str) -> None:
        self._own[event_id] = None
        if len(self._own) > OWN_MAX:
            self._own.popitem(last=False)

    async def _hear_kept(self, topic: str, ready: asyncio.Event) -> None:
        """Its own consumer, from now on; after a loss it goes on where it stood."""
        following = KeptTopic(lambda: self.client, stream=self._kept[topic], subject=self.subject(topic))
        while True:
            try:
                async for message in following.follow(ready):
                    self._take(topic, message)
            except Unreachable as error:
                self._observer.told("nats does not listen", topic=topic, cause=str(error))
            await asyncio.sleep(RECONNECT_S)

    async def _hear(self, topic: str) -> None:
        async def heard(message: Msg) -> None:
            self._take(topic, message)

        while True:
            try:
                await self.client.subscribe(
                    self.subject(topic), cb=heard, pending_msgs_limit=-1, pending_bytes_limit=PENDING_BYTES
                )
            except (NatsError, OSError) as error:
                self._observer.told("nats does not listen", topic=topic, cause=str(error))
                await asyncio.sleep(RECONNECT_S)
            else:
                return

    async def _failed(self, error: Exception) -> None:
        self._observer.told("nats error", cause=f"{type(error).__name__}: {error}")

    def _moved(self, state: str) -> Callable[[], Any]:
        async def moved() -> None:
            self._observer.told("nats moved", state=state)

        return moved


def _record_of(kind: Any) -> Any:
    """The type of a record whose payload is of that kind."""
    return msgspec.defstruct("Read", [("payload", kind)], bases=(Record,), frozen=True, kw_only=True)


def open_record(decoder: "msgspec.json.Decoder[Any]", data: bytes) -> Any:
    """The record; raises Garbled for what is none, and for a version that we do not know."""
    try:
        found = decoder.decode(data)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise Garbled(WHO, str(error)) from None
    if found.schema_version != SCHEMA_VERSION:
        raise Garbled(WHO, f"schema version {found.schema_version}; we know {SCHEMA_VERSION}")
    return found
