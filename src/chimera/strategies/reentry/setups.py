"""When a token that moved before is worth entering again: breakouts and shake-outs, read off closed bars.

Pure functions of two timeframes. Indicators are floats and only suggest; prices, stops and sizes are integers.
Must not know positions nor how bars are made.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from chimera.domain.features import Bar
from chimera.domain.units import BPS, change_bps, mul_div_floor
from chimera.indicators import Atr, Ema, Rsi

Bps = Annotated[int, Meta(ge=0, le=10_000)]
GainBps = Annotated[int, Meta(ge=0, le=10_000_000)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Lamports = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Seconds = Annotated[int, Meta(ge=1, le=31_536_000)]


class Params(msgspec.Struct, frozen=True):
    """Thresholds are Hydra's (SPEC RE-02); the rest is explained in docs/strategies/reentry.md."""

    fast_s: Seconds = 15
    """Length of the bars that an entry is read off."""
    slow_s: Seconds = 60
    """Length of the bars that tell the trend."""
    lookback_bars: Annotated[int, Meta(ge=5, le=200)] = 20
    """Fast bars whose range is to be broken."""
    momentum_bps_min: GainBps = 1_500
    """How much it must have moved within those bars to be looked at: the lowest low to the highest high."""
    volume_factor_percent: Count = 300
    """Volume of the bar that enters against the mean of those before."""
    rsi_bars: Annotated[int, Meta(ge=2, le=100)] = 14
    rsi_oversold: Annotated[int, Meta(ge=0, le=100)] = 30
    rsi_overbought: Annotated[int, Meta(ge=0, le=100)] = 70
    trend_bars: Annotated[int, Meta(ge=1, le=100)] = 4
    """Slow bars whose exponential mean a breakout must close above."""
    shake_out_bars: Annotated[int, Meta(ge=1, le=20)] = 4
    """How many bars a price may stay below its support and still have been shaken out."""
    liquidity_lamports_min: Lamports = 10_000_000_000
    risk_lamports: Lamports = 20_000_000
    """What is lost where the stop is hit: the size follows from it and from how far the stop is."""
    size_lamports_min: Lamports = 50_000_000
    size_lamports_max: Lamports = 500_000_000
    stop_atr_percent: Count = 200
    """Distance of the stop in average true ranges."""
    stop_bps_min: Bps = 300
    stop_bps_max: Bps = 1_500
    first_stage_percent: Count = 100
    """Gain, as a share of the stop's distance, at which the first part is sold."""
    first_stage_sell_bps: Bps = 3_300
    second_stage_percent: Count = 200
    second_stage_sell_bps: Bps = 5_000
    """Of what is left then."""
    trailing_percent: Count = 100
    """Distance of the trailing stop, as a share of the first one's, once the first part is sold."""
    hold_s_max: Seconds = 1_800
    positions_max: Count = 4
    cooldown_s: Seconds = 120
    """After one closed, before the same token again."""
    slippage_bps_max: Bps = 300
    exit_slippage_bps_max: Bps = 1_000
    intent_ttl_ms: Annotated[int, Meta(ge=1, le=60_000)] = 5_000


class Code(StrEnum):
    WAIT_BARS = "WAIT_BARS"
    WAIT_LIQUIDITY = "WAIT_LIQUIDITY"
    WAIT_MOMENTUM = "WAIT_MOMENTUM"
    WAIT_BREAKOUT = "WAIT_BREAKOUT"
    WAIT_VOLUME = "WAIT_VOLUME"
    WAIT_TREND = "WAIT_TREND"
    WAIT_POSITIONS = "WAIT_POSITIONS"
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
