"""How much may be under way at once: whoever brings more waits here."""

import asyncio
from collections.abc import Callable


class Room:
    """Full while `taken()` has reached the capacity; the owner says `changed` whenever it may have sunk."""

    def __init__(self, capacity: int, taken: Callable[[], int]) -> None:
        self._capacity, self._taken = capacity, taken
        self._freed = asyncio.Event()

    async def wait(self) -> None:
        """Returns once there is room."""
        while self._taken() >= self._capacity:
            self._freed.clear()
            await self._freed.wait()

    def changed(self) -> None:
        if self._taken() < self._capacity:
            self._freed.set()
