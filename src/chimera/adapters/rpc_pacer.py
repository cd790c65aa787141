"""Keeps us under a node's request limit, and lets what matters go first.

A bucket of tokens that refills evenly. Urgent calls (sends, status reads) may empty it; ordinary ones leave a
reserve for the urgent, and wait behind them. Knows nothing of HTTP or of what the calls are.
"""

import asyncio
import heapq
from collections.abc import Callable
from enum import IntEnum

WAITING_MAX = 512  # beyond this the caller asks for more than a node will ever give him


class Urgency(IntEnum):
    URGENT = 0
    ORDINARY = 1


class Pacer:
    def __init__(self, *, per_second: float, monotonic: Callable[[], float]) -> None:
        """At most `per_second` admissions a second in the long run, half a second's worth at once."""
        self._per_second = per_second
        self._burst = max(2.0, per_second / 2)
        self._reserve = self._burst / 4
        self._monotonic = monotonic
        self._tokens = self._burst
        self._filled_at = monotonic()
        self._waiting: list[tuple[Urgency, int, asyncio.Future[None]]] = []
        self._arrivals = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def admit(self, urgency: Urgency, *, wait_s_max: float) -> bool:
        """Whether the call may go; False where its turn did not come in time or too many wait already."""
        self._refill()
        ahead = any(place[0] <= urgency for place in self._waiting)
        if not ahead and self._take(urgency):
            return True
        if len(self._waiting) >= WAITING_MAX:
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._arrivals += 1
        entry = (urgency, self._arrivals, turn)
        heapq.heappush(self._waiting, entry)
        self._wake_later()
        try:
            async with asyncio.timeout(wait_s_max):
                await turn
        except TimeoutError:
            self._leave(entry)
            return False
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._tokens += 1  # its token was dealt but will not be used
            self._leave(entry)
            raise
        return True

    def _take(self, urgency: Urgency) -> bool:
        needed = 1.0 if urgency is Urgency.URGENT else 1.0 + self._reserve
        if self._tokens < needed:
            return False
        self._tokens -= 1
        return True

    def _refill(self) -> None:
        now = self._monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._per_second)
        self._filled_at = now

    def _leave(self, entry: tuple[Urgency, int, asyncio.Future[None]]) -> None:
        if entry in self._waiting:
            self._waiting.remove(entry)
            heapq.heapify(self._waiting)

    def _wake_later(self) -> None:
        if self._timer is None and self._waiting:
            self._timer = asyncio.get_running_loop().call_later(1 / self._per_second, self._deal)

    def _deal(self) -> None:
        self._timer = None
        self._refill()
        while self._waiting:
            urgency, _, turn = self._waiting[0]
            if turn.done():
                heapq.heappop(self._waiting)
            elif self._take(urgency):
                heapq.heappop(self._waiting)
                turn.set_result(None)
            else:
                break
        self._wake_later()
