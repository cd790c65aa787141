"""How rooms tell each other what happened. Publish never waits; each subscriber chooses its limit."""

from collections.abc import AsyncIterator
from typing import Any, Protocol


class Subscription(Protocol):
    dropped: int
    """Messages lost at the limit, by the subscriber's own choice."""

    @property
    def depth(self) -> int: ...

    async def get(self) -> Any: ...

    def __aiter__(self) -> AsyncIterator[Any]: ...


class Bus(Protocol):
    def publish(self, topic: str, message: object) -> None: ...

    def depths(self) -> dict[str, tuple[int, int]]:
        """(waiting, dropped so far) by topic, summed over subscribers."""
        ...

    def subscribe(self, *topics: str, capacity: int, refuse: bool = False) -> Subscription:
        """One queue for all the topics, in order of publishing.

        At the limit the oldest goes and is counted, or, with `refuse`, publishing raises InvariantBroken: for
        messages whose silent loss is worse than stopping.
        """
        ...
