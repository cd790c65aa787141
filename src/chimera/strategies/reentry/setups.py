"""When a token that moved before is worth entering again: breakouts and shake-outs, read off closed bars.

Pure functions of two timeframes. Indicators are floats and only suggest; prices, stops and sizes are integers.
Must not know positions nor how bars are made.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from chimera.domain.features import Bar
from chimera.domain.units import BPS, change_bps, mul_div_floor
from chimera.indicators import Atr, Ema, Rsi
from chimera.parameters.reentry import ReentryParams as Params


class Code(StrEnum):
    """Every reason that re-entry gives."""

    WAIT_BARS = "WAIT_BARS"
    WAIT_LIQUIDITY = "WAIT_LIQUIDITY"
    WAIT_MOMENTUM = "WAIT_MOMENTUM"
    WAIT_BREAKOUT = "WAIT_BREAKOUT"
    WAIT_VOLUME = "WAIT_VOLUME"
    WAIT_TREND = "WAIT_TREND"
    WAIT_AGE = "WAIT_AGE"
    WAIT_BUYERS = "WAIT_BUYERS"
    WAIT_DEMAND = "WAIT_DEMAND"
    WAIT_POSITIONS = "WAIT_POSITIONS"
    REJECT_TOP_HOLDERS = "REJECT_TOP_HOLDERS"
    REJECT_REPEATERS = "REJECT_REPEATERS"
    REJECT_OVERBOUGHT = "REJECT_OVERBOUGHT"
    REJECT_POOL_DOUBTFUL = "REJECT_POOL_DOUBTFUL"
    REJECT_SIZE = "REJECT_SIZE"
    EXIT_STOP = "EXIT_STOP"
    EXIT_FIRST_STAGE = "EXIT_FIRST_STAGE"
    EXIT_SECOND_STAGE = "EXIT_SECOND_STAGE"
    EXIT_TRAILING = "EXIT_TRAILING"
    EXIT_TIME = "EXIT_TIME"

    @property
    def verdict(self) -> str:
        return self.value.partition("_")[0]


class Word(msgspec.Struct, frozen=True):
    """Why not, or why out."""

    code: Code
    detail: str


class Setup(msgspec.Struct, frozen=True):
    kind: str
    """breakout or shake-out."""
    stop_bps: int
    size_lamports: int
    edge_bps: int
    detail: str


def read(fast: Sequence[Bar], slow: Sequence[Bar], params: Params) -> Setup | Word:
    """What the closed bars say now; the newest one is the bar that enters."""
    needed = max(params.lookback_bars, params.rsi_bars + 1) + 1
    if len(fast) < needed or len(slow) < params.trend_bars:
        return Word(
            Code.WAIT_BARS, f"{len(fast)} bars of {params.fast_s} s, {len(slow)} of {params.slow_s} s"
        )
    last, before = fast[-1], list(fast)[-params.lookback_bars - 1 : -1]
    high, low = max(bar.high for bar in before), min(bar.low for bar in before)
    moved = change_bps(high, low) if low else 0
    if moved < params.momentum_bps_min:
        return Word(Code.WAIT_MOMENTUM, f"moved {moved} bps, at least {params.momentum_bps_min}")
    shaken = shake_out(fast, params)
    if last.close <= high and not shaken:
        return Word(Code.WAIT_BREAKOUT, f"closed at {last.close}, to break {high}")
    mean = sum(bar.lamports for bar in before) // len(before)
    if last.lamports * 100 < mean * params.volume_factor_percent:
        seen = last.lamports * 100 // mean if mean else 0
        return Word(
            Code.WAIT_VOLUME, f"{seen} % of the usual volume, at least {params.volume_factor_percent}"
        )
    if not shaken:
        strength = rsi_of(list(fast)[:-1], params.rsi_bars)
        if strength is not None and strength >= params.rsi_overbought:
            # others have been buying it all along: whoever breaks out now sells to us
            return Word(Code.REJECT_OVERBOUGHT, f"strength {strength:.0f}, below {params.rsi_overbought}")
        trend = Ema(params.trend_bars)
        for bar in slow:
            trend.update(bar.close)
        if trend.value is None or last.close < trend.value:
            return Word(Code.WAIT_TREND, f"below the mean of {params.trend_bars} bars of {params.slow_s} s")
    stop = stop_bps(fast, params)
    size = size_lamports(stop, params)
    if size < params.size_lamports_min:
        return Word(Code.REJECT_SIZE, f"a stop {stop} bps away allows {size} lamports")
    kind = "shake-out" if shaken else "breakout"
    told = f"{kind} at {last.close}, range {low} to {high}, stop {stop} bps"
    return Setup(kind, stop, size, edge_bps=stop, detail=told)


def shake_out(fast: Sequence[Bar], params: Params) -> bool:
    """Fell below its support for a few bars, sold out as its strength says, and is back above."""
    bars = list(fast)
    recent, before = (
        bars[-params.shake_out_bars - 1 : -1],
        bars[: -params.shake_out_bars - 1][-params.lookback_bars :],
    )
    if not recent or not before:
        return False
    support = min(bar.low for bar in before)
    below = [bar for bar in recent if bar.close < support]
    weak = rsi_of(bars[:-1], params.rsi_bars)
    return bool(below) and bars[-1].close > support and weak is not None and weak <= params.rsi_oversold


def rsi_of(bars: Sequence[Bar], period: int) -> float | None:
    """Relative strength of the closes; None where there are too few."""
    made = Rsi(period)
    for bar in bars:
        made.update(bar.close)
    return made.value


def stop_bps(fast: Sequence[Bar], params: Params) -> int:
    """So many average true ranges below the last close, within bounds, rounded up."""
    made = Atr(min(params.rsi_bars, len(fast) - 1))
    for bar in fast:
        made.update(bar.high, bar.low, bar.close)
    close = fast[-1].close
    ranges = int((made.value or 0.0) * params.stop_atr_percent) // 100
    wanted = -(-ranges * BPS // close) if close else params.stop_bps_max
    return min(max(wanted, params.stop_bps_min), params.stop_bps_max)


def size_lamports(stop: int, params: Params) -> int:
    """What loses `risk_lamports` at the stop, within bounds, rounded down: a nervous token is bought less of."""
    return min(mul_div_floor(params.risk_lamports, BPS, max(stop, 1)), params.size_lamports_max)
