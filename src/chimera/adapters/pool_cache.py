"""The last state of every pool, kept in NATS JetStream for whoever starts later.

Stream POOL_CACHE: file storage, seven days, one message a subject (`ironcrab.pool_cache.{pool}`), rollup. A reader
gets the last message of each subject and then what follows. Of a write that was not acknowledged nothing is known:
it is made again, with whatever is newest then.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

import msgspec
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, Header, StorageType, StreamConfig
from nats.js.errors import APIError

from chimera.adapters.bus_nats import open_record
from chimera.adapters.bus_seal import BusSeal
from chimera.domain.errors import Garbled, Unreachable
from chimera.domain.ids import Address
from chimera.domain.record import Maker, Record, record
from chimera.domain.snapshot import PoolSnapshot

STREAM = "POOL_CACHE"
SUBJECT = "ironcrab.pool_cache"
KEPT_S = 7 * 86_400
AT_ONCE = 64  # writes under way
SILENCE_S = 1.0
WHO = "pool cache"


class _Read(Record, frozen=True, kw_only=True):
    payload: PoolSnapshot


class PoolCache:
    """`prefix` is put before stream and subject, for several houses on one server."""

    def __init__(
        self,
        client: Callable[[], Client],
        *,
        maker: Maker,
        now_ms: Callable[[], int],
        prefix: str = "",
        seal: BusSeal | None = None,
    ) -> None:
        self._client, self._maker, self._now_ms = client, maker, now_ms
        self.stream = f"{prefix.replace('.', '_')}{STREAM}"
        self._subject = f"{prefix}{SUBJECT}"
        self._decoder = msgspec.json.Decoder(_Read)
        self.written = 0
        self.garbled = 0
        self._seal = seal
        self.unsealed = 0
        """Snapshots that somebody else put there; the pool is then as good as unknown."""

    async def open(self) -> None:
        """Makes the stream, or brings it to these settings; raises Unreachable."""
        config = StreamConfig(
            name=self.stream,
            subjects=[f"{self._subject}.*"],
            storage=StorageType.FILE,
            max_age=KEPT_S,
            max_msgs_per_subject=1,
            allow_rollup_hdrs=True,
        )
        js = self._client().jetstream()
        try:
            try:
                await js.add_stream(config)
            except APIError:  # there already, with other settings
                await js.update_stream(config)
        except (NatsError, OSError) as error:
            raise Unreachable(WHO, f"{type(error).__name__}: {error}") from None

    async def write(self, snapshots: Iterable[PoolSnapshot]) -> set[Address]:
        """Replaces the pools' messages; returns those of which nobody knows whether that happened."""
        gate = asyncio.Semaphore(AT_ONCE)
        failed: set[Address] = set()

        async def one(snapshot: PoolSnapshot) -> None:
            subject = f"{self._subject}.{snapshot.pool}"
            data = msgspec.json.encode(record(snapshot, self._maker, at_ms=self._now_ms()))
            headers = {} if self._seal is None else self._seal.headers(subject, data)
            async with gate:
                try:
                    await (
                        self._client()
                        .jetstream(timeout=2)
                        .publish(subject, data, headers={Header.ROLLUP: "sub", **headers})
                    )
                    self.written += 1
                except (NatsError, NatsTimeout, OSError):
                    failed.add(snapshot.pool)

        await asyncio.gather(*(one(snapshot) for snapshot in snapshots))
        return failed

    async def follow(self) -> AsyncIterator[PoolSnapshot | None]:
        """The last snapshot of every pool, then None once, then every new one. Raises Unreachable."""
        js = self._client().jetstream()
        try:
            subscription = await js.subscribe(
                f"{self._subject}.*",
                stream=self.stream,
                config=ConsumerConfig(
                    deliver_policy=DeliverPolicy.LAST_PER_SUBJECT, ack_policy=AckPolicy.NONE
                ),
                pending_msgs_limit=-1,
            )
            try:
                info = await subscription.consumer_info()
                waiting = (info.num_pending or 0) + (info.delivered.consumer_seq if info.delivered else 0)
                if not waiting:
                    yield None
                while True:
                    try:
                        message = await subscription.next_msg(timeout=SILENCE_S)
                    except NatsTimeout:
                        await subscription.consumer_info()  # gone with the server that had it: begin again
                        continue
                    waiting -= 1
                    sealed = self._seal is None or self._seal.genuine(
                        message.subject, message.data, message.headers
                    )
                    self.unsealed += not sealed
                    try:
                        if sealed:
                            yield open_record(self._decoder, message.data).payload
                    except Garbled:
                        self.garbled += 1
                    if waiting == 0:
                        yield None
            finally:
                await subscription.unsubscribe()
        except (NatsError, OSError) as error:
            raise Unreachable(WHO, f"{type(error).__name__}: {error}") from None
