"""How far tokens move together, as it is told: shown to people, never journalled as such."""

import msgspec

from chimera.domain.ids import Address


class Correlations(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    mints: tuple[Address, ...]
    """wSOL, last, stands for SOL's price in dollars; the others are priced in SOL."""
    bps: tuple[tuple[int | None, ...], ...]
    """Row by row, each mint with each; None: not enough data."""
    returns: tuple[int, ...]
    """How many of the window each has."""
    bar_ms: int
    window_bars: int
    returns_min: int
    """Fewer that a pair has in common are not enough."""
    at_ms: int
