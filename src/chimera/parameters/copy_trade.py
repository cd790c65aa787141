"""What copy trading goes by: the rules of the two styles, and which of a copied wallet's buys are copied."""

from typing import Literal

import msgspec

from chimera.domain.bounds import Bps, Count, CountOrOff, GainBps, Lamports, Millis, Seconds, SecondsOrOff


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
    positions_per_token_max: Count = 1
    intent_ttl_ms: Millis = 5_000
