"""How often something may happen: an exact sliding window over time that is passed in.

Unlike a token bucket it never lets twice the rate through where a burst meets a full bucket.
"""

from collections import OrderedDict, deque

import msgspec

SECOND_NS = 1_000_000_000


class RateView(msgspec.Struct, frozen=True):
    """What the X-RateLimit headers say."""

    limit: int
    remaining: int
    wait_ns: int
    """Until the next one is let in, or, where some remain, until the window is empty again."""


class RateLimit:
    """At most `count` in any stretch of `window_ns`."""

    def __init__(self, *, count: int, window_ns: int = SECOND_NS) -> None:
        if count < 1:
            raise ValueError("a rate limit lets at least one through")
        self._count, self._window_ns = count, window_ns
        self._granted: deque[int] = deque(maxlen=count)

    def take(self, now_ns: int) -> bool:
        """Whether one more is let in now; counts it where it is."""
        granted = self._granted
        if len(granted) == self._count and now_ns - granted[0] < self._window_ns:
            return False
        granted.append(now_ns)
        return True

    def view(self, now_ns: int) -> RateView:
        granted = self._granted
        while granted and now_ns - granted[0] >= self._window_ns:
            granted.popleft()
        remaining = self._count - len(granted)
        first = granted[0 if remaining == 0 else -1] if granted else now_ns - self._window_ns
        return RateView(
            limit=self._count, remaining=remaining, wait_ns=max(0, first + self._window_ns - now_ns)
        )


class RateLimits:
    """One limit for each of many callers; the longest silent are forgotten beyond `callers`."""

    def __init__(self, *, count: int, window_ns: int, callers: int = 4_096) -> None:
        self._count, self._window_ns, self._callers = count, window_ns, callers
        self._limits: OrderedDict[str, RateLimit] = OrderedDict()

    def of(self, caller: str) -> RateLimit:
        limit = self._limits.get(caller)
        if limit is None:
            limit = self._limits[caller] = RateLimit(count=self._count, window_ns=self._window_ns)
            if len(self._limits) > self._callers:
                self._limits.popitem(last=False)
        else:
            self._limits.move_to_end(caller)
        return limit
