"""What to offer the block engine for a bundle: by what landed lately, within floor, ceiling and a share of the trade.

What others paid is told by the engine; what we paid is folded from the journal, so that it survives a restart.
A bundle is never certain to land, whatever it offers.
"""

from collections import deque

import msgspec

from chimera.domain.intent import Style
from chimera.domain.messages import Entry, LegLanded
from chimera.domain.units import mul_div_ceil, mul_div_floor
from chimera.execution.prices import percentile
from chimera.ports.chain import TipFloor

TIP_LAMPORTS_MIN = 1_000  # the block engine's own minimum (docs.jito.wtf); less is not looked at
DAY_MS = 86_400_000
HISTORY = 100  # of our own landed bundles
HISTORY_MS_MAX = 7 * DAY_MS
COLD_TRADES = 10  # until so many landed we know too little, and offer twice the floor
STALE_MS = 60_000  # what the engine told counts no longer than this


class TipPolicy(msgspec.Struct, frozen=True):
    floor_lamports: int = 1_000_000
    ceiling_lamports: int = 10_000_000
    percentile: int = 50
    """Of tips that landed."""
    trade_percent_max: int = 10
    """The most of the trade's own amount that a tip may be."""


class TipBook:
    def __init__(self, policy: TipPolicy) -> None:
        self._policy = policy
        self._own: deque[tuple[int, int]] = deque(maxlen=HISTORY)
        self._landed = 0
        self._market: tuple[int, int] | None = None

    @property
    def landed(self) -> int:
        """How many of our tips landed, ever."""
        return self._landed

    def apply(self, entry: Entry) -> None:
        """A landed tip of ours is remembered; what is older than a week is forgotten."""
        if not isinstance(entry.fact, LegLanded) or entry.fact.fill.tip_lamports <= 0:
            return
        self._own.append((entry.at_ms, entry.fact.fill.tip_lamports))
        self._landed += 1
        self.forget_stale(entry.at_ms)

    def see(self, floor: TipFloor, at_ms: int) -> None:
        """What the engine says landed lately."""
        self._market = at_percentile(floor, self._policy.percentile), at_ms

    def forget_stale(self, now_ms: int) -> None:
        while self._own and now_ms - self._own[0][0] > HISTORY_MS_MAX:
            self._own.popleft()
        if self._market is not None and now_ms - self._market[1] > STALE_MS:
            self._market = None

    def tip(self, style: Style, *, trade_lamports: int) -> int:
        """Lamports to offer. Spear pays what landed lately, at least the floor; all else pays the floor.

        Never above the ceiling, nor above the policy's share of the trade, rounded down; but at least what the
        engine looks at.
        """
        policy = self._policy
        wanted = max(policy.floor_lamports, self._usual()) if style is Style.SPEAR else policy.floor_lamports
        share = mul_div_floor(trade_lamports, policy.trade_percent_max, 100)
        return max(min(wanted, policy.ceiling_lamports, share), TIP_LAMPORTS_MIN)

    def _usual(self) -> int:
        """The percentile of what landed: the market's where it is fresh, else our own; while cold at least 2x floor."""
        cold = 2 * self._policy.floor_lamports if self._landed < COLD_TRADES else 0
        if self._market is not None:
            return max(self._market[0], cold)
        if cold or len(self._own) < COLD_TRADES:
            return cold  # too few to say anything of
        return percentile([tip for _, tip in self._own], self._policy.percentile)


def at_percentile(floor: TipFloor, percent: int) -> int:
    """The tip at any percentile, between the told ones on a straight line; rounded up, too low a tip buys nothing."""
    told = (
        (25, floor.p25_lamports),
        (50, floor.p50_lamports),
        (75, floor.p75_lamports),
        (95, floor.p95_lamports),
        (99, floor.p99_lamports),
    )
    low_at, low = told[0]
    for high_at, high in told:
        if percent <= high_at:
            step = max(high_at - low_at, 1)
            return low + mul_div_ceil(high - low, max(percent - low_at, 0), step)
        low_at, low = high_at, high
    return low
