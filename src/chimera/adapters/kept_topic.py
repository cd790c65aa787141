"""A topic that NATS keeps for a minute, for a consumer of its own: intents.

Who starts hears only what is new. Who was cut off, or whose server died, goes on after the last message heard, so
that a short outage costs no intent; what is older than its own time limit is refused by whoever takes it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, BadRequestError

from chimera.domain.errors import Unreachable

KEPT_S = 60.0  # far beyond any intent's time to live
MESSAGES_MAX = 10_000
SILENCE_S = 1.0
WHO = "kept topic"


class KeptTopic:
    def __init__(self, client: Callable[[], Client], *, stream: str, subject: str) -> None:
        self._client, self._stream, self._subject = client, stream, subject
        self._last = 0
        """Number of the last message heard; 0 before the first."""

    async def open(self) -> None:
        """Makes the stream; raises Unreachable."""
        config = StreamConfig(
            name=self._stream,
            subjects=[self._subject],
            storage=StorageType.FILE,
            max_age=KEPT_S,
            max_msgs=MESSAGES_MAX,
        )
        js = self._client().jetstream()
        try:
            try:
                await js.add_stream(config)
            except BadRequestError:  # there already, with other settings
                await js.update_stream(config)
        except (NatsError, OSError) as error:
            raise Unreachable(WHO, f"{type(error).__name__}: {error}") from None

    async def follow(self, ready: asyncio.Event) -> AsyncIterator[Msg]:
        """Every message from now on, or from where the last following ended; sets `ready`. Raises Unreachable."""
        await self.open()
        js = self._client().jetstream()
        try:
            subscription = await js.subscribe(
                self._subject, stream=self._stream, config=await self._begin(), pending_msgs_limit=-1
            )
            ready.set()
            try:
                while True:
                    try:
                        message = await subscription.next_msg(timeout=SILENCE_S)
                    except NatsTimeout:
                        await subscription.consumer_info()  # gone with the server that had it: begin again
                        continue
                    number = message.metadata.sequence.stream
                    if number <= self._last:
                        continue  # a killed server brings the consumer back as it was some time before
                    self._last = number
                    yield message
            finally:
                await subscription.unsubscribe()
        except (NatsError, APIError, OSError) as error:
            raise Unreachable(WHO, f"{type(error).__name__}: {error}") from None

    async def _begin(self) -> ConsumerConfig:
        state = (await self._client().jetstream().stream_info(self._stream)).state
        if not self._last:
            # what is there now is somebody else's past; remembered, so that a cut before the first message
            # does not skip one
            self._last = state.last_seq
            return ConsumerConfig(deliver_policy=DeliverPolicy.NEW, ack_policy=AckPolicy.NONE)
        if state.last_seq < self._last:  # another stream than before: it has nothing that we heard
            self._last = 0
        return ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self._last + 1,
            ack_policy=AckPolicy.NONE,
        )
