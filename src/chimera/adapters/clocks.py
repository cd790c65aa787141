"""Clocks: the wall's, and one that is moved by hand."""

import time


class WallClock:
    """The machine's own time."""

    def now_ms(self) -> int:
        """Unix milliseconds; may jump when the machine's clock is set."""
        return time.time_ns() // 1_000_000

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()


class SteppedClock:
    """Time that stands still until it is moved: for replays, backtests and tests."""

    def __init__(self, now_ms: int = 0) -> None:
        self._now_ms = now_ms
        self._elapsed_ns = 0

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic_ns(self) -> int:
        """Nanoseconds since it was made."""
        return self._elapsed_ns

    def advance(self, by_ms: int) -> None:
        """Moves both times on; raises ValueError for a step back."""
        if by_ms < 0:
            raise ValueError(f"time does not go back: {by_ms} ms")
        self._now_ms += by_ms
        self._elapsed_ns += by_ms * 1_000_000

    def advance_to(self, at_ms: int) -> None:
        """Moves on to a moment; one that has passed already changes nothing."""
        self.advance(max(0, at_ms - self._now_ms))
