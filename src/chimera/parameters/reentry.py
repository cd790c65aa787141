"""What re-entry goes by. Thresholds are Hydra's (SPEC RE-02); the rest is explained in docs/reentry.md."""

from typing import Annotated

import msgspec
from msgspec import Meta

from chimera.domain.bounds import Bps, Count, GainBps, Lamports, MinuteMillis, Percent, Seconds


class ReentryParams(msgspec.Struct, frozen=True, kw_only=True):
    """Enters tokens again that moved before: on a breakout or after a shake-out, with volume."""

    fast_s: Seconds = 15
    """Length of the bars that an entry is read off."""
    slow_s: Seconds = 60
    """Length of the bars that tell the trend."""
    lookback_bars: Annotated[int, Meta(ge=5, le=100)] = 20
    """Fast bars whose range is to be broken."""
    momentum_bps_min: GainBps = 1_500
    """How much it must have moved within those bars to be looked at: the lowest low to the highest high."""
    volume_factor_percent: Count = 300
    """Volume of the bar that enters against the mean of those before."""
    rsi_bars: Annotated[int, Meta(ge=2, le=100)] = 14
    rsi_oversold: Percent = 30
    rsi_overbought: Percent = 70
    trend_bars: Annotated[int, Meta(ge=1, le=100)] = 4
    """Slow bars whose exponential mean a breakout must close above."""
    shake_out_bars: Annotated[int, Meta(ge=1, le=20)] = 4
    """How many bars a price may stay below its support and still have been shaken out."""
    demand_window_s: Seconds = 60
    """What is asked of the crowd behind a move is asked of the trades of so long."""
    buyers_min: Count = 10
    """Different wallets that bought."""
    demand_bps_min: Bps = 7_000
    """Share of the trades that bought: a push that is traded back at once has as many sales."""
    repeaters_bps_max: Bps = 2_000
    """Share of wallets that trade four times and more."""
    repeaters_traders_min: Count = 20
    """With fewer wallets that share says nothing."""
    top_holder_bps_max: Bps = 3_500
    """Of what was seen to be bought and not sold."""
    top_holders_bps_max: Bps = 6_000
    """Of the three largest together."""
    token_age_s_min: Seconds = 60
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
    intent_ttl_ms: MinuteMillis = 5_000
