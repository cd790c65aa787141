"""The queue of signals as loops use it: put never blocks, get waits for the next in order of priority."""

import asyncio
from collections import deque

from chimera.domain.intent import Signal
from chimera.execution.queue import CAPACITY, PrioritySignals


class SignalInbox:
    """`ports.runtime.SignalQueue` with somebody waiting at the other end; any number of getters."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._signals = PrioritySignals(capacity)
        self._getters: deque[asyncio.Future[None]] = deque()

    @property
    def depth(self) -> int:
        return self._signals.depth

    @property
    def capacity(self) -> int:
        return self._signals.capacity

    def put(self, signal: Signal) -> None:
        self._signals.put(signal)
        self._wake()

    async def get(self) -> Signal:
        """The next signal. A cancelled getter loses nothing: it takes only once it runs."""
        while (signal := self._signals.take()) is None:
            getter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._getters.append(getter)
            try:
                await getter
            except asyncio.CancelledError:
                if getter.done() and not getter.cancelled():
                    self._wake()  # the call that came for us goes to the next one
                raise
            finally:
                if getter in self._getters:
                    self._getters.remove(getter)
        return signal

    def _wake(self) -> None:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return
