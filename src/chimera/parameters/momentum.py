"""What momentum goes by.

Defaults are IronCrab's (SPEC MO-05, MO-06, MO-08), except the size: docs/momentum.md says why.
"""

import msgspec

from chimera.domain.bounds import Bps, Count, GainBps, Lamports, MinuteMillis, Seconds


class MomentumParams(msgspec.Struct, frozen=True, kw_only=True):
    """Follows tokens that others begin to buy: a probe first, the rest if it rises."""

    size_lamports: Lamports = 100_000_000
    probe_bps: Bps = 2_500
    """Share of the size that is bought first."""
    scale_in_s: Seconds = 30
    """How long after the probe the rest may follow."""
    scale_in_gain_bps: GainBps = 200
    """Gain of the probe at which it does."""
    positions_max: Count = 4
    boundary_slots: Count = 1_000
    """Younger than this, or still on a bonding curve: EARLY."""
    token_age_s_min: Seconds = 60
    early_liquidity_lamports_min: Lamports = 3_000_000_000
    liquidity_lamports_min: Lamports = 10_000_000_000
    """Of the SOL side of its deepest pool, ESTABLISHED."""
    early_slippage_bps_max: Bps = 500
    slippage_bps_max: Bps = 200
    exit_slippage_bps_max: Bps = 1_000
    holders_min: Count = 8
    """Of a young token; shares of fewer say nothing."""
    top_holder_bps_max: Bps = 3_500
    top_holders_bps_max: Bps = 6_000
    """Of the three largest together."""
    repeaters_bps_max: Bps = 500
    """Share of wallets that trade four times and more within two minutes."""
    repeaters_traders_min: Count = 20
    """With fewer wallets that share says nothing."""
    creator_sold_bps: Bps = 9_500
    """From here on its creator counts as sold out."""
    community_takeover: bool = True
    """Whether a token whose creator has sold out may still be bought."""
    creator_window_s: Seconds = 90
    dump_lamports: Lamports = 20_000_000_000
    """Sold within the creator's window: a dump."""
    dump_wait_s: Seconds = 30
    dump_window_s: Seconds = 10
    dump_buy_bps_min: Bps = 5_500
    dump_inflow_lamports_min: Lamports = 1_000_000_000
    """A dump counts as overcome after the wait, once the last seconds show these two."""
    pull_window_s: Seconds = 60
    pull_bps_max: Bps = 3_000
    """Loss of a pool's SOL in that window that no trades explain."""
    buyers_min: Count = 3
    """Different wallets within two minutes."""
    trades_per_100_s_min: Count = 2
    dominance_bps_max: Bps = 4_500
    """Share of the volume that one wallet trades."""
    inflow_lamports_min: Lamports = 500_000_000
    """Bought less sold within a minute."""
    small_trades_bps_max: Bps = 8_500
    """Share of trades below 0.01 SOL."""
    early_buy_bps_min: Bps = 6_000
    early_rise_bps_min: GainBps = 300
    """Within 30 s."""
    breakout_bars: Count = 12
    """Bars of 15 s whose high is to be broken."""
    breakout_bps_min: GainBps = 50
    volume_factor_percent: Count = 200
    """Volume of the last 15 s against the mean of those bars."""
    stop_loss_bps: Bps = 1_500
    trailing_from_bps: GainBps = 1_000
    trailing_distance_bps: Bps = 2_000
    take_profit_bps: GainBps = 10_000
    hold_s_max: Seconds = 300
    exit_buy_bps_min: Bps = 4_000
    """Share of buys within 30 s below which it sells."""
    exit_trades_min: Count = 5
    progress_bps_max: Bps = 9_800
    """Of a bonding curve: not bought from here on, and sold."""
    check_every_ms: MinuteMillis = 1_000
    """How often one token is looked at, at the most."""
    rejected_s: Seconds = 60
    """How long it is left alone once it was rejected or sold."""
    intent_ttl_ms: MinuteMillis = 5_000
