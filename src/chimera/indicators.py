"""Technical indicators, one value at a time: each `update` costs the same however long the series is.

They answer what TA-Lib's batch functions answer for the same values (tests hold them against it), None where TA-Lib
has no answer yet. Floats: an indicator suggests, it never decides an amount. Must not know where values come from.
"""

from collections import deque
from typing import NamedTuple

# TA-Lib seeds an exponential average with the plain one of the first `period` values; so does this file.


class Ema:
    """Exponential moving average with the weight 2 / (period + 1)."""

    __slots__ = ("_count", "_sum", "_weight", "period", "value")

    def __init__(self, period: int) -> None:
        self.period = _at_least(period, 1)
        self._weight = 2.0 / (period + 1)
        self._count, self._sum = 0, 0.0
        self.value: float | None = None

    def update(self, value: float) -> float | None:
        if self.value is not None:
            self.value += self._weight * (value - self.value)
        else:
            self._count += 1
            self._sum += value
            if self._count == self.period:
                self.value = self._sum / self.period
        return self.value


class Sma:
    """Mean of the last `period` values."""

    __slots__ = ("_last", "_sum", "period", "value")

    def __init__(self, period: int) -> None:
        self.period = _at_least(period, 1)
        self._last: deque[float] = deque(maxlen=period)
        self._sum = 0.0
        self.value: float | None = None

    def update(self, value: float) -> float | None:
        last = self._last
        if len(last) == self.period:
            self._sum -= last[0]
        last.append(value)
        self._sum += value
        if len(last) == self.period:
            self.value = self._sum / self.period
        return self.value


class Rsi:
    """Wilder's relative strength index, 0 to 100; 50 where nothing moved is TA-Lib's 0."""

    __slots__ = ("_before", "_count", "_gain", "_loss", "period", "value")

    def __init__(self, period: int = 14) -> None:
        self.period = _at_least(period, 2)
        self._before: float | None = None
        self._count, self._gain, self._loss = 0, 0.0, 0.0
        self.value: float | None = None

    def update(self, value: float) -> float | None:
        before, self._before = self._before, value
        if before is None:
            return None
        step = value - before
        gain, loss = (step, 0.0) if step > 0 else (0.0, -step)
        if self._count < self.period:
            self._count += 1
            self._gain += gain
            self._loss += loss
            if self._count < self.period:
                return None
            self._gain /= self.period
            self._loss /= self.period
        else:
            self._gain += (gain - self._gain) / self.period
            self._loss += (loss - self._loss) / self.period
        moved = self._gain + self._loss
        self.value = 100.0 * self._gain / moved if moved else 0.0
        return self.value


class MacdValue(NamedTuple):
    macd: float
    signal: float
    histogram: float


class Macd:
    """Fast less slow exponential average, and the exponential average of that."""

    __slots__ = ("_fast", "_seen", "_signal", "_slow", "_wait", "value")

    def __init__(self, fast: int = 12, slow: int = 26, signal: int = 9) -> None:
        if fast >= slow:
            raise ValueError(f"the fast period {fast} is not below the slow one {slow}")
        self._fast, self._slow, self._signal = Ema(fast), Ema(slow), Ema(signal)
        self._wait, self._seen = slow - fast, 0
        self.value: MacdValue | None = None

    def update(self, value: float) -> MacdValue | None:
        self._seen += 1
        # both averages have their first answer at the same value, so the fast one begins later
        fast = self._fast.update(value) if self._seen > self._wait else None
        slow = self._slow.update(value)
        if fast is None or slow is None:
            return None
        macd = fast - slow
        signal = self._signal.update(macd)
        if signal is not None:
            self.value = MacdValue(macd, signal, macd - signal)
        return self.value


class Atr:
    """Wilder's average true range; takes high, low and close of a bar."""

    __slots__ = ("_close", "_count", "_sum", "period", "value")

    def __init__(self, period: int = 14) -> None:
        self.period = _at_least(period, 1)
        self._close: float | None = None
        self._count, self._sum = 0, 0.0
        self.value: float | None = None

    def update(self, high: float, low: float, close: float) -> float | None:
        before, self._close = self._close, close
        if before is None:
            return None
        spread = max(high - low, abs(high - before), abs(low - before))
        if self.value is not None:
            self.value += (spread - self.value) / self.period
        else:
            self._count += 1
            self._sum += spread
            if self._count == self.period:
                self.value = self._sum / self.period
        return self.value


class Band(NamedTuple):
    upper: float
    middle: float
    lower: float


class Bollinger:
    """Mean of the last `period` values, and so many of their (population) standard deviations around it.

    The two sums are of differences to the first value: prices are near each other and their squares are not, so
    what is subtracted at the end would otherwise be all rounding.
    """

    __slots__ = ("_last", "_origin", "_squares", "_sum", "_updates", "period", "value", "widths")

    def __init__(self, period: int = 20, widths: float = 2.0) -> None:
        self.period, self.widths = _at_least(period, 2), widths
        self._last: deque[float] = deque(maxlen=period)
        self._origin, self._sum, self._squares, self._updates = 0.0, 0.0, 0.0, 0
        self.value: Band | None = None

    def update(self, value: float) -> Band | None:
        last = self._last
        if len(last) == self.period:
            gone = last[0] - self._origin
            self._sum -= gone
            self._squares -= gone * gone
        last.append(value)
        self._updates += 1
        if self._updates % self.period == 1:
            # summed anew once a period: an origin near the values, and no rounding is carried on for ever
            self._origin = value
            self._sum = sum(one - value for one in last)
            self._squares = sum((one - value) ** 2 for one in last)
        else:
            step = value - self._origin
            self._sum += step
            self._squares += step * step
        if len(last) == self.period:
            off = self._sum / self.period
            spread = max(self._squares / self.period - off * off, 0.0) ** 0.5 * self.widths
            middle = self._origin + off
            self.value = Band(middle + spread, middle, middle - spread)
        return self.value


class Vwap:
    """Mean price weighted by volume over the last `period` bars; None while nothing was traded in them."""

    __slots__ = ("_last", "_value", "_volume", "period")

    def __init__(self, period: int) -> None:
        self.period = _at_least(period, 1)
        self._last: deque[tuple[float, float]] = deque(maxlen=period)
        self._value = self._volume = 0.0

    def update(self, price: float, volume: float) -> float | None:
        last = self._last
        if len(last) == self.period:
            worth, amount = last[0]
            self._value -= worth
            self._volume -= amount
        last.append((price * volume, volume))
        self._value += price * volume
        self._volume += volume
        return self.value

    @property
    def value(self) -> float | None:
        return self._value / self._volume if len(self._last) == self.period and self._volume > 0 else None


def _at_least(period: int, least: int) -> int:
    if period < least:
        raise ValueError(f"a period of {period}; at least {least}")
    return period
