"""What arbitrage goes by."""

from typing import Annotated

import msgspec
from msgspec import Meta

from chimera.domain.bounds import Bps, Count, GainBps, Lamports, Millis


class ArbitrageParams(msgspec.Struct, frozen=True, kw_only=True):
    """SOL through two or three pools and back in one transaction, where their prices differ enough."""

    live: bool = False
    """Whether it asks for trades; else it only says what it would have asked for."""
    spread_bps_min: Bps = 50
    """Between two pools' prices, fees paid; below, nothing is sized."""
    spread_bps_min_long: Bps = 10
    """The same for circles over three pools."""
    profit_lamports_min: Lamports = 10_000_000
    """After all costs."""
    size_lamports_max: Lamports = 1_000_000_000
    probe_lamports: Annotated[int, Meta(ge=1_000_000, le=10**12)] = 50_000_000
    """Prices are compared at this size, and nothing smaller is sent."""
    costs_lamports: Lamports = 50_000
    """Base and priority fee that a circle is expected to cost."""
    tip_lamports: Lamports = 1_000_000
    """What its bundle is expected to cost besides."""
    slippage_bps_max: Bps = 100
    cooldown_ms: Millis = 5_000
    """After one, before the next through the same token."""
    intent_ttl_ms: Millis = 1_000
    quote_age_slots_max: Count = 300
    """Some 120 s: a pool that nobody wrote for longer is not believed."""
    slot_delta_max: Annotated[int, Meta(ge=0, le=1_000)] = 2
    """How far the change that woke it may lie behind the market."""
    rate_max: Annotated[int, Meta(ge=1, le=1_000_000)] = 10
    """SOL out for one in: a circle that pays more is a wrong price, not a gain."""
    roi_bps_max: GainBps = 50_000
    reconsider_ms: Millis = 2_000
    """Before a circle that did not pay is sized again without its rate being better."""
