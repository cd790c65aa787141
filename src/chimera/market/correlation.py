"""How far tokens move together: rolling correlation of their bars' returns, pair by pair, and with SOL's in dollars.

From the bars of the one feature extractor, closed ones alone, over the last WINDOW_BARS. A return counts for a pair
where both have two bars in a row at the same times: where nothing traded there is no price, and none is made up.
With fewer than RETURNS_MIN of them, or where one did not move at all, there is no figure. Floats live here alone;
what leaves is bps, rounded up, since more is the careful side. Must not know what is done about it.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from chimera.domain.correlation import Correlations
from chimera.domain.features import Bar, BarKind
from chimera.domain.ids import WSOL, Address
from chimera.domain.units import BPS
from chimera.market.bars import Bars
from chimera.market.features import FeatureExtractor

BAR_MS = 15_000
WINDOW_BARS = 60  # a quarter of an hour, as far as features reach back when they are asked for the first time
RETURNS_MIN = 20  # even of so many, chance alone makes 0.38 one time in ten
MINTS_MAX = 50  # told of at a time; more positions are not held
SOL_EVERY_MS = 1_000


class CorrelationBook:
    """Asks the extractor for bars when it is asked; keeps only SOL's own, which no trade of a token tells."""

    def __init__(self, features: FeatureExtractor) -> None:
        self._features = features
        self._sol = Bars(BarKind.TIME, BAR_MS, keep=WINDOW_BARS + 1)
        self._sol_ms = 0

    def see_sol(self, sol_micro_usd: Callable[[], int | None], now_ms: int) -> None:
        """What a SOL costs now, looked at once a second."""
        if now_ms - self._sol_ms < SOL_EVERY_MS:
            return
        self._sol_ms = now_ms
        price = sol_micro_usd()
        if price:
            self._sol.add(now_ms, price=price, lamports=0, tokens=0, bought=True)

    def with_each(
        self, mint: Address, others: Iterable[Address], now_ms: int
    ) -> tuple[tuple[Address, int], ...]:
        """(other, bps) for every other mint of which it can be said."""
        mine = self._returns(mint, now_ms)
        pairs = ((other, correlation_bps(mine, self._returns(other, now_ms))) for other in others)
        return tuple((other, bps) for other, bps in pairs if bps is not None)

    def seen(self, mints: Sequence[Address], now_ms: int) -> Correlations:
        """The whole matrix, SOL last; None where there is not enough data."""
        shown = (*sorted(set(mints) - {WSOL})[:MINTS_MAX], WSOL)
        returns = [self._returns(mint, now_ms) for mint in shown]
        rows = tuple(
            tuple(
                BPS if one is other and len(one) >= RETURNS_MIN else correlation_bps(one, other)
                for other in returns
            )
            for one in returns
        )
        return Correlations(
            mints=shown,
            bps=rows,
            returns=tuple(len(one) for one in returns),
            bar_ms=BAR_MS,
            window_bars=WINDOW_BARS,
            returns_min=RETURNS_MIN,
            at_ms=now_ms,
        )

    def _returns(self, mint: Address, now_ms: int) -> dict[int, float]:
        if mint == WSOL:
            self._sol.advance(now_ms)
            return log_returns(self._sol.closed, now_ms)
        return log_returns(self._features.bars(mint, BAR_MS, now_ms), now_ms)


def log_returns(bars: Iterable[Bar], now_ms: int) -> dict[int, float]:
    """By the bar's start: the logarithm of its close over the close before; only where the two follow each other."""
    oldest = now_ms - (WINDOW_BARS + 1) * BAR_MS
    found: dict[int, float] = {}
    before: Bar | None = None
    for bar in bars:
        if bar.start_ms < oldest or not bar.close:
            continue
        if before is not None and bar.start_ms - before.start_ms == BAR_MS:
            found[bar.start_ms] = float(np.log(bar.close / before.close))
        before = bar
    return found


def correlation_bps(one: dict[int, float], other: dict[int, float]) -> int | None:
    """Pearson's correlation over the times that both know, in bps, rounded up; None: not enough data."""
    times = sorted(one.keys() & other.keys())
    if len(times) < RETURNS_MIN:
        return None
    x: NDArray[np.float64] = np.array([one[time] for time in times])
    y: NDArray[np.float64] = np.array([other[time] for time in times])
    if not x.std() or not y.std():
        return None
    found = float(np.corrcoef(x, y)[0, 1])
    return max(-BPS, min(BPS, int(np.ceil(found * BPS))))
