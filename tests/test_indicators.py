"""Incremental indicators answer what TA-Lib's batch functions answer, value by value, from the first to the last."""

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import numpy as np
import pytest

from chimera.indicators import Atr, Bollinger, Ema, Macd, Rsi, Sma, Vwap

talib = pytest.importorskip("talib", reason="TA-Lib is a development extra")


def walk(seed: int, length: int = 400, *, start: float = 100.0) -> list[float]:
    rng = Random(seed)
    value, made = start, []
    for _ in range(length):
        value = max(value * (1 + rng.gauss(0, 0.02)), 1e-9)
        made.append(value)
    return made


SERIES = {
    "calm": walk(1),
    "tiny prices": walk(2, start=2.8e-8),
    "large prices": walk(3, start=1e15),
    "flat": [5.0] * 120,
    "steps": [float(n % 7) + 1 for n in range(200)],
    "short": walk(4, 12),
    "a jump": [1.0] * 60 + [1e6] * 60,
}


def same(ours: Iterable[float | None], theirs: Any, *, absolute: float = 0.0) -> None:
    for at, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        if np.isnan(other):
            assert mine is None, f"an answer at {at} where there is none yet"
        else:
            assert mine is not None, f"no answer at {at}"
            assert mine == pytest.approx(other, rel=1e-9, abs=absolute), at


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("period", [2, 5, 14, 30])
@pytest.mark.parametrize(("make", "batch"), [(Ema, "EMA"), (Sma, "SMA"), (Rsi, "RSI")])
def test_averages_and_strength_are_talib_s(
    name: str, period: int, make: Callable[[int], Any], batch: str
) -> None:
    series = SERIES[name]
    one = make(period)
    theirs = getattr(talib, batch)(np.array(series), timeperiod=period)
    same(
        [one.update(value) for value in series],
        theirs,
        absolute=1e-9 * max(series) if batch != "RSI" else 1e-7,
    )


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("periods", [(12, 26, 9), (3, 8, 2)])
def test_macd_is_talib_s(name: str, periods: tuple[int, int, int]) -> None:
    series = SERIES[name]
    one = Macd(*periods)
    ours = [one.update(value) for value in series]
    theirs = talib.MACD(np.array(series), *periods)
    for part in range(3):
        same(
            [None if made is None else made[part] for made in ours], theirs[part], absolute=1e-9 * max(series)
        )


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("period", [2, 14])
def test_average_true_range_is_talib_s(name: str, period: int) -> None:
    close = SERIES[name]
    rng = Random(9)
    high = [value * (1 + rng.random() * 0.05) for value in close]
    low = [value * (1 - rng.random() * 0.05) for value in close]
    one = Atr(period)
    ours = [one.update(*bar) for bar in zip(high, low, close, strict=True)]
    same(ours, talib.ATR(*(np.array(side) for side in (high, low, close)), timeperiod=period))


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("period", [2, 5, 20])
def test_bollinger_bands_are_talib_s(name: str, period: int) -> None:
    series = SERIES[name]
    one = Bollinger(period, 2.0)
    ours = [one.update(value) for value in series]
    theirs = talib.BBANDS(np.array(series), timeperiod=period, nbdevup=2.0, nbdevdn=2.0)
    # TA-Lib squares the values themselves and so loses half their digits where they hardly differ
    for part in range(3):
        same(
            [None if made is None else made[part] for made in ours], theirs[part], absolute=1e-6 * max(series)
        )


def test_bollinger_bands_are_exact_where_values_hardly_differ() -> None:
    series = [1e9 + n % 3 for n in range(100)]
    one = Bollinger(3, 1.0)
    for value in series:
        one.update(value)
    assert one.value is not None
    assert one.value.middle == pytest.approx(1e9 + 1, rel=1e-15)
    assert one.value.upper - one.value.middle == pytest.approx((2 / 3) ** 0.5, rel=1e-6)


@pytest.mark.parametrize("period", [1, 3, 10])
def test_vwap_is_the_weighted_mean_of_its_bars(period: int) -> None:
    rng = Random(5)
    bars = [(rng.uniform(1, 2), rng.choice([0.0, 1.0, 5.5])) for _ in range(200)]
    one = Vwap(period)
    for end, (price, volume) in enumerate(bars, 1):
        made, last = one.update(price, volume), bars[max(end - period, 0) : end]
        total = sum(v for _, v in last)
        if end < period or total <= 0:
            assert made is None
        else:
            assert made == pytest.approx(sum(p * v for p, v in last) / total, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    "make", [lambda: Ema(0), lambda: Rsi(1), lambda: Bollinger(1), lambda: Macd(5, 5), lambda: Vwap(0)]
)
def test_a_period_that_means_nothing_is_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match="period"):
        make()
