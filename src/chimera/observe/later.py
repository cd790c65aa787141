"""Observing a moment later: log lines and metrics of journalled facts do not stand in a trade's way.

What is handed over is in the journal already, so a crash loses a line of the log and no fact.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context

from chimera.domain.messages import Entry

LATER_S = 0.005  # some five times what a signal needs to become signed bytes
AT_ONCE = 16  # some 0.2 ms; the next ones after a breath, so that nobody waits for a long tale
BREATH_S = 0.001
WAITING_MAX = 10_000  # then all are observed at once, whoever waits


class Later:
    """A journal listener that passes entries on, in order, in a later turn of the loop; at once where there is none."""

    def __init__(self, hear: Callable[[Entry], None]) -> None:
        self._hear = hear
        self._waiting: deque[Entry] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self, entry: Entry) -> None:
        self._waiting.append(entry)
        if self._timer is not None and len(self._waiting) < WAITING_MAX:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.drain()
            return
        if len(self._waiting) >= WAITING_MAX:
            self.drain()
        else:
            self._timer = loop.call_later(LATER_S, self._some, loop, context=Context())
            # an empty context: the request that happens to be served now is not that of every line

    def _some(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        for _ in range(min(AT_ONCE, len(self._waiting))):
            self._hear(self._waiting.popleft())
        if self._waiting:
            self._timer = loop.call_later(BREATH_S, self._some, loop, context=Context())

    def drain(self) -> None:
        """Passes on whatever waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            self._hear(self._waiting.popleft())
