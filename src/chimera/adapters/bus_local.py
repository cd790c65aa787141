"""The bus of a house in one process: topics with bounded queues, one for each subscriber.

Intents have a topic of their own, so market data cannot starve them. What happens at a queue's limit is the
subscriber's choice: drop the oldest and count it, or refuse the newest, loudly.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from typing import Any, Generic, Protocol, TypeVar

from chimera.domain.errors import InvariantBroken

M = TypeVar("M")


class Subscription(Generic[M]):
    """One subscriber's queue; iterate it."""

    def __init__(self, topics: tuple[str, ...], capacity: int, *, refuse: bool) -> None:
        self.topics, self.capacity, self.refuse = topics, capacity, refuse
        self.dropped = 0
        self._waiting: deque[M] = deque()
        self._arrived = asyncio.Event()

    @property
    def depth(self) -> int:
        return len(self._waiting)

    def put(self, message: M) -> None:
        if len(self._waiting) >= self.capacity:
            if self.refuse:
                raise InvariantBroken(
                    f"{', '.join(self.topics)}: {self.capacity} messages wait and nobody takes them"
                )
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(message)
        self._arrived.set()

    async def get(self) -> M:
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()

    async def __aiter__(self) -> AsyncIterator[M]:
        while True:
            yield await self.get()


class LocalBus:
    """Publish never waits."""

    def __init__(self) -> None:
        self._topics: dict[str, list[Subscription[Any]]] = defaultdict(list)

    def publish(self, topic: str, message: object) -> None:
        for subscription in self._topics[topic]:
            subscription.put(message)

    def subscribe(self, *topics: str, capacity: int, refuse: bool = False) -> Subscription[Any]:
        subscription: Subscription[Any] = Subscription(topics, capacity, refuse=refuse)
        for topic in topics:
            self._topics[topic].append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription[Any]) -> None:
        for topic in subscription.topics:
            self._topics[topic].remove(subscription)

    def depths(self) -> dict[str, tuple[int, int]]:
        """(waiting, dropped so far) by topic, summed over subscribers."""
        return {
            topic: (sum(s.depth for s in found), sum(s.dropped for s in found))
            for topic, found in self._topics.items()
        }


class Leavable(Protocol):
    """A bus whose subscribers may go away again."""

    def subscribe(self, *topics: str, capacity: int, refuse: bool = False) -> Subscription[Any]: ...

    def unsubscribe(self, subscription: Subscription[Any]) -> None: ...


class BusStream:
    """`ports.runtime.LiveStream`: several topics as one, in the order in which they were published."""

    def __init__(self, bus: Leavable, *topics: str, capacity: int) -> None:
        self._bus, self._topics, self._capacity = bus, topics, capacity

    async def follow(self) -> AsyncIterator[Any]:
        subscription = self._bus.subscribe(*self._topics, capacity=self._capacity)
        try:
            while True:
                yield await subscription.get()
        finally:
            self._bus.unsubscribe(subscription)
