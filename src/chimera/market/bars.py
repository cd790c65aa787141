"""Trades made into bars: by time, by number of trades, by volume. A bar is told when it is over, never before.

Where nothing traded there is no bar: a flat one would claim a price that nobody paid.
"""

from collections import deque

from chimera.domain.features import Bar, BarKind


class Bars:
    """The last bars of one token; `add` a trade, or `advance` to a time without one."""

    def __init__(self, kind: BarKind, size: int, *, keep: int = 300) -> None:
        """`size` in milliseconds, trades or lamports. Raises ValueError for one below 1."""
        if size < 1:
            raise ValueError(f"a bar of {size}")
        self.kind, self.size = kind, size
        self.closed: deque[Bar] = deque(maxlen=keep)
        self.count = 0
        """Closed so far, those that are forgotten included."""
        self._start = 0
        self._trades = 0
        self._open = self._high = self._low = self._close = 0
        self._lamports = self._bought = self._tokens = self._last_ms = 0

    def add(self, at_ms: int, *, price: int, lamports: int, tokens: int, bought: bool) -> Bar | None:
        """The bar that this trade ends, if any. A trade belongs to one bar; it is never split."""
        ended = self.advance(at_ms)
        if not self._trades:
            self._start = at_ms - at_ms % self.size if self.kind is BarKind.TIME else at_ms
            self._open = self._high = self._low = price
        elif price > self._high:
            self._high = price
        elif price < self._low:
            self._low = price
        self._close, self._last_ms = price, at_ms
        self._trades += 1
        self._lamports += lamports
        self._tokens += tokens
        if bought:
            self._bought += lamports
        full = (self.kind is BarKind.TRADES and self._trades >= self.size) or (
            self.kind is BarKind.VOLUME and self._lamports >= self.size
        )
        return self._end(at_ms) if full else ended

    def advance(self, now_ms: int) -> Bar | None:
        """The time bar that is over by now; others end with a trade alone."""
        if self.kind is not BarKind.TIME or not self._trades or now_ms < self._start + self.size:
            return None
        return self._end(self._start + self.size)

    @property
    def current(self) -> Bar | None:
        """The one under way."""
        return self._made(self._last_ms) if self._trades else None

    def _end(self, end_ms: int) -> Bar:
        bar = self._made(end_ms)
        self.closed.append(bar)
        self.count += 1
        self._trades = self._lamports = self._bought = self._tokens = 0
        return bar

    def _made(self, end_ms: int) -> Bar:
        return Bar(
            start_ms=self._start,
            end_ms=end_ms,
            open=self._open,
            high=self._high,
            low=self._low,
            close=self._close,
            lamports=self._lamports,
            buy_lamports=self._bought,
            tokens=self._tokens,
            trades=self._trades,
        )
