"""The slot clock: calls `advance_slot` at a steady pace, which can be changed, stopped and resumed."""

import asyncio
from collections.abc import Callable

LAG_MAX_SLOTS = 5  # after a stall longer than that the clock does not hurry to catch up, it begins anew


class SlotClock:
    def __init__(self, advance: Callable[[], None], *, duration_ms: int) -> None:
        self._advance = advance
        self._duration_ms = duration_ms
        self._paused = False
        self._changed = asyncio.Event()
        self.late_seconds_max = 0.0
        """The longest that a tick came after its time, since the start: what the loop was held up by."""

    @property
    def duration_ms(self) -> int:
        return self._duration_ms

    @property
    def paused(self) -> bool:
        return self._paused

    def set_duration_ms(self, duration_ms: int) -> None:
        self._duration_ms = duration_ms
        self._changed.set()

    def pause(self) -> None:
        self._paused = True
        self._changed.set()

    def resume(self) -> None:
        self._paused = False
        self._changed.set()

    async def run(self) -> None:
        """Ticks until cancelled. Ticks are due at fixed times, so that small delays do not add up."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._duration_ms / 1000
        while True:
            self._changed.clear()
            wait = None if self._paused else max(0.0, due - loop.time())
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
                due = loop.time() + self._duration_ms / 1000
                continue
            except TimeoutError:
                pass
            self.late_seconds_max = max(self.late_seconds_max, loop.time() - due)
            self._advance()
            due += self._duration_ms / 1000
            if loop.time() - due > LAG_MAX_SLOTS * self._duration_ms / 1000:
                due = loop.time() + self._duration_ms / 1000
