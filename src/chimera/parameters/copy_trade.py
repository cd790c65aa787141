"""What copy trading goes by: the rules of the two styles, and which of a copied wallet's buys are copied."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from chimera.domain.bounds import (
    Bps,
    Count,
    CountOrOff,
    GainBps,
    Lamports,
    Millis,
    Percent,
    Seconds,
    SecondsOrOff,
    Usd,
)


class StyleRules(msgspec.Struct, frozen=True, kw_only=True):
    """Rules of one style. Gains and losses in bps of the price paid; 0 switches a rule off."""

    copy_bps: Bps = 10_000
    """Share of the signal's amount that is bought."""
    size_lamports_min: Lamports = 10_000_000
    """Smaller copies are not worth their fees and are declined."""
    size_lamports_max: Lamports = 2_000_000_000
    stop_loss_bps: Bps = 800
    first_target_bps: GainBps = 500
    first_target_sell_bps: Bps = 3_300
    """Share of the holding that the first target sells."""
    trailing_from_bps: GainBps = 250
    """Gain at which the trailing stop begins."""
    trailing_distance_bps: Bps = 200
    """Fall from the best value that sells."""
    time_exit_s: SecondsOrOff = 86_400
    slippage_bps_max: Bps = 300
    exit_slippage_bps_max: Bps = 1_000


class CopyChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Which of a copied wallet's buys are copied, and how large; 0 switches a rule off."""

    sizing: Literal["percent", "fixed", "scaled"] = "percent"
    """percent: the style's `copy_bps` of what the wallet spends; fixed: `fixed_lamports`; scaled: by its record."""
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


class CopyQuality(msgspec.Struct, frozen=True, kw_only=True):
    """How good a signal must be (SPEC ST-08); 0 switches a rule off."""

    percent_min: Percent = 40
    """Of wallet score 40, consensus 30, liquidity 20, age 10; asked of wallets that have a score."""
    liquidity_usd: Usd = 50_000
    """Liquidity of the token that earns its whole share; less earns less."""
    age_s: Seconds = 86_400
    """Age of the token, as far as it was seen, that earns its whole share."""
    consensus_wallets: Annotated[int, Meta(ge=2, le=100)] = 2
    """So many wallets that buy a token within `consensus_s` agree,"""
    consensus_s: Seconds = 300
    cluster_wallets: Annotated[int, Meta(ge=2, le=100)] = 3
    """and so do so many within `cluster_s`."""
    cluster_s: Seconds = 43_200
    proven_samples: CountOrOff = 10
    """From so many closed copies on, a wallet alone is copied only while their gain is no chance,"""
    proven_t_milli: Annotated[int, Meta(ge=0, le=10_000)] = 1_645
    """that is while their t statistic is above this many thousandths."""


class CopySizing(msgspec.Struct, frozen=True, kw_only=True):
    """`sizing: scaled` (SPEC ST-10)."""

    base_lamports: Lamports = 500_000_000
    lamports_min: Lamports = 250_000_000
    lamports_max: Lamports = 2_000_000_000
    consensus_percent: Count = 200
    """Of it where wallets agree,"""
    off_hours_percent: Count = 75
    """and in the off-hours."""
    off_hours_from: Annotated[int, Meta(ge=0, le=23)] = 22
    """First hour of them, UTC,"""
    off_hours_to: Annotated[int, Meta(ge=0, le=23)] = 6
    """and the first one after them; equal: none."""
    thin_trades: CountOrOff = 10
    """A wallet with fewer closed copies gets as much less."""
    kelly_trades: CountOrOff = 15
    """From so many on, the size is a part of what Kelly's rule says of them; without an edge it is nothing."""
    kelly_percent: Percent = 25


class CopyTradeParams(msgspec.Struct, frozen=True, kw_only=True):
    """Copies what proven wallets do: Shield with strict stops, Spear with room to run."""

    shield: StyleRules = StyleRules()
    spear: StyleRules = StyleRules(
        stop_loss_bps=1_500,
        first_target_bps=10_000,
        trailing_from_bps=2_000,
        trailing_distance_bps=2_000,
        slippage_bps_max=500,
        exit_slippage_bps_max=1_500,
    )
    copy_sells: bool = True
    """Sell when the copied wallet sells, in its proportion."""
    sell_whole: bool = False
    """Where the copied wallet sells a part, sell all of ours."""
    choice: CopyChoice = CopyChoice()
    quality: CopyQuality = CopyQuality()
    scaled: CopySizing = CopySizing()
    positions_per_token_max: Count = 1
    intent_ttl_ms: Millis = 5_000
