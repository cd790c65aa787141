"""Sections of strategies in the settings: their parameters with units, ranges and defaults, said once more.

A strategy file knows its parameters without knowing settings; a test holds the two against each other.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Bps = Annotated[int, Meta(ge=0, le=10_000)]
GainBps = Annotated[int, Meta(ge=0, le=10_000_000)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Lamports = Annotated[int, Meta(ge=0, le=2**63 - 1)]
CountOrOff = Annotated[int, Meta(ge=0, le=1_000_000)]
Seconds = Annotated[int, Meta(ge=1, le=31_536_000)]
Text = Annotated[str, Meta(max_length=100_000)]


class OwnStrategies(msgspec.Struct, frozen=True, kw_only=True):
    """Strategies of your own: `chimera strategy new`."""

    folder: str = ""
    """Where their files lie, one a strategy; empty: none."""
    own: dict[str, dict[str, Any]] = {}
    """Their parameters, by name: `enabled`, `share_percent`, and what each knows itself. Read at start."""


class Momentum(msgspec.Struct, frozen=True, kw_only=True):
    """Follows tokens that others begin to buy: a probe first, the rest if it rises."""

    enabled: bool = False
    share_percent: Percent = 20
    """Of the equity: what it may hold at the most."""
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
    check_every_ms: Annotated[int, Meta(ge=1, le=60_000)] = 1_000
    """How often one token is looked at, at the most."""
    rejected_s: Seconds = 60
    """How long it is left alone once it was rejected or sold."""
    intent_ttl_ms: Annotated[int, Meta(ge=1, le=60_000)] = 5_000


class Reentry(msgspec.Struct, frozen=True, kw_only=True):
    """Enters tokens again that moved before: on a breakout or after a shake-out, with volume."""

    enabled: bool = False
    share_percent: Percent = 20
    """Of the equity: what it may hold at the most."""
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


class Sniper(msgspec.Struct, frozen=True, kw_only=True):
    """Buys launches on bonding curves that nothing speaks against and that others confirm."""

    enabled: bool = False
    share_percent: Percent = 10
    """Of the equity: what it may hold at the most."""
    analysis_ms: Annotated[int, Meta(ge=0, le=2_000)] = 1_600
    """After a launch its first report is drawn; before, a coin may be refused and not bought."""
    confirm_s_max: Seconds = 60
    """A launch that nobody has confirmed by then is let go."""
    check_every_ms: Annotated[int, Meta(ge=1, le=60_000)] = 200
    """How often one launch is looked at, at the most."""
    blacklist: Text = ""
    """Mints and creators that are never bought, with commas or spaces between."""
    liquidity_lamports_min: Lamports = 10_000_000_000
    """SOL that buyers have left in the curve, as far as they were seen."""
    buyers_min: Count = 8
    """Different wallets, those of the launch itself apart."""
    buy_bps_min: Bps = 6_000
    """Share of buys in the last ten seconds."""
    inflow_lamports_min: Lamports = 500_000_000
    """Bought less sold in the last ten seconds."""
    creator_bps_max: Bps = 500
    """Of the supply: what its creator has bought."""
    bundle_bps_max: Bps = 500
    """Of the supply: what others bought in the launch's own slots."""
    bundle_slots: Annotated[int, Meta(ge=1, le=20)] = 2
    """Slots that count as the launch's own."""
    holder_bps_max: Bps = 700
    """Of the supply: what one wallet holds."""
    holders_bps_max: Bps = 1_600
    """What the three largest hold together."""
    creator_sold_bps_max: Bps = 0
    """Share of what its creator bought that he may have sold again; above it nothing is bought, and all is sold."""
    creator_dump_bps: Bps = 5_000
    """From here on a creator has dumped a coin, and none of his is bought any more."""
    creator_window_s: Seconds = 600
    """How long after a launch that is held against him."""
    creator_launches_max: Count = 3
    """Of one creator within an hour."""
    progress_bps_max: Bps = 9_500
    """Of the curve: not bought from here on, and sold."""
    round_trip_bps_max: Bps = 1_500
    """What a quoted purchase and its sale at once may lose, fees and both impacts included."""
    risk_max: Annotated[int, Meta(ge=0, le=100)] = 60
    """Riskier launches are refused; see docs/sniper.md for what makes risk."""
    size_lamports_max: Lamports = 1_000_000_000
    """Of a launch without risk; half of it at risk 50."""
    size_lamports_min: Lamports = 50_000_000
    positions_max: Count = 2
    cooldown_s: Seconds = 60
    """After a loss, before anything is bought again."""
    losses_in_row_max: Count = 3
    """Of one source; then it is paused."""
    pause_s: Seconds = 1_800
    stop_loss_bps: Bps = 1_500
    take_profit_bps: GainBps = 5_000
    trailing_from_bps: GainBps = 1_500
    trailing_distance_bps: Bps = 1_200
    hold_s_max: Seconds = 120
    slippage_bps_max: Bps = 500
    exit_slippage_bps_max: Bps = 1_500
    intent_ttl_ms: Annotated[int, Meta(ge=1, le=60_000)] = 2_000


class CopyChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Which of a copied wallet's buys are copied, and how large; 0 switches a rule off."""

    sizing: Literal["percent", "fixed"] = "percent"
    """percent: the style's `copy_bps` of what the wallet spends; fixed: `fixed_lamports` each time."""
    fixed_lamports: Lamports = 100_000_000
    trader_lamports_min: Lamports = 0
    """What the wallet must have spent itself: smaller buys are tests or bait."""
    trader_lamports_max: Lamports = 0
    """Larger ones move the price before we come."""
    first_buy_only: bool = False
    """Copy a wallet's first buy of a token, and none that adds to it."""
    rebuys_max: CountOrOff = 0
    """Copies of one wallet in one token within `rebuy_window_s`."""
    rebuy_window_s: Seconds = 86_400
    wallet_budget_lamports: Lamports = 0
    """What may lie in copies of one wallet at a time."""
    wallet_losses_max: CountOrOff = 0
    """Losing copies in a row after which a wallet is left alone."""
    wallet_pause_s: Seconds = 86_400
