"""How far what is held moves together, as HTTP says it."""

import msgspec

from chimera.domain.correlation import Correlations
from chimera.domain.ids import WSOL


class CorrelatedPair(msgspec.Struct, frozen=True):
    one: str
    """A mint."""
    other: str
    """A mint, or SOL for its price in dollars."""
    correlation: float | None
    """From -1 to 1, rounded up at the fourth digit; null: not enough data."""


class CorrelationTold(msgspec.Struct, frozen=True, kw_only=True):
    at_ms: int | None
    """null: nothing was told yet."""
    pairs: tuple[CorrelatedPair, ...]
    returns: dict[str, int]
    """How many returns of the window each has; a pair needs `returns_min` in common."""
    returns_min: int
    bar_ms: int
    window_bars: int


def correlation_told(seen: Correlations | None) -> CorrelationTold:
    """Each pair once, the strongest first, those without a figure last."""
    if seen is None:
        return CorrelationTold(at_ms=None, pairs=(), returns={}, returns_min=0, bar_ms=0, window_bars=0)
    names = ["SOL" if mint == WSOL else str(mint) for mint in seen.mints]
    pairs = [
        CorrelatedPair(one, other, None if bps is None else bps / 10_000)
        for place, one in enumerate(names)
        for other, bps in zip(names[place + 1 :], seen.bps[place][place + 1 :], strict=True)
    ]
    pairs.sort(key=lambda pair: -2.0 if pair.correlation is None else pair.correlation, reverse=True)
    return CorrelationTold(
        at_ms=seen.at_ms,
        pairs=tuple(pairs),
        returns=dict(zip(names, seen.returns, strict=True)),
        returns_min=seen.returns_min,
        bar_ms=seen.bar_ms,
        window_bars=seen.window_bars,
    )
