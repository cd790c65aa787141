"""What the sniper goes by.

Liquidity, largest size and time to analyse are Hydra's (SPEC SN-03); docs/sniper.md says why the rest.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from chimera.domain.bounds import Bps, Count, GainBps, Lamports, MinuteMillis, Percent, Seconds, Text


class SniperParams(msgspec.Struct, frozen=True, kw_only=True):
    """Buys launches on bonding curves that nothing speaks against and that others confirm."""

    analysis_ms: Annotated[int, Meta(ge=0, le=2_000)] = 1_600
    """After a launch its first report is drawn; before, a coin may be refused and not bought."""
    confirm_s_max: Seconds = 60
    """A launch that nobody has confirmed by then is let go."""
    check_every_ms: MinuteMillis = 200
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
    risk_max: Percent = 60
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
    intent_ttl_ms: MinuteMillis = 2_000
