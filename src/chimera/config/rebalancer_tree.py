"""The rebalancer's section of the settings."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from chimera.config.secret import Secret
from chimera.domain.bounds import Bps, Seconds, Usd

Url = Annotated[str, Meta(pattern=r"^(|(https?|wss?)://[^\s/?#]+[^\s]*)$")]


class Rebalancer(msgspec.Struct, frozen=True, kw_only=True):
    """Swaps towards what a quantitative engine's most trusted trader holds."""

    enabled: bool = False
    trades: bool = False
    """Whether the desk is asked for the swaps; without it they are only proposed."""
    url: Url = "http://127.0.0.1:9900"
    """Of the engine: `chimera quant`."""
    key: Secret = msgspec.field(default_factory=Secret)
    profile: Literal["conservative", "balanced", "aggressive"] = "conservative"
    """Trust that a trader needs: above 95, 90 or 85."""
    cycle_s: Seconds = 300
    run_s_max: Seconds = 240
    """A cycle that takes longer is broken off."""
    ranking_s_max: Seconds = 90_000
    """Older rankings are not followed."""
    band_bps: Bps = 100
    """A difference above this share of everything is acted on,"""
    band_usd: Usd = 1
    """or one above this."""
    trade_usd_min: Usd = 1
    trades_max: Annotated[int, Meta(ge=1, le=100)] = 10
    """Of one cycle."""
    slippage_bps: Bps = 100
    """How far a swap may stay behind its quote, price impact included; below `risk.slippage_bps_max`."""
    ttl_s: Annotated[int, Meta(ge=1, le=3_600)] = 120
    """How long a swap may wait for its turn at the desk: those that share a token go one after the other."""
