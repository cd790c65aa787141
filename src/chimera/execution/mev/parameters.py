"""How much more than usual to pay for a compute unit while our own legs do not land: the fee and compute worker.

Every leg that expires unlanded raises the price by half, every one that lands takes half of the raise back. Folded
from the journal, so that a restart pays what the last run paid. The policy's ceilings hold whatever it says.
"""

from chimera.domain.messages import Entry, LegExpired, LegLanded
from chimera.domain.units import BPS, mul_div_ceil

RAISED_BPS_MAX = 4 * BPS
STEP_BPS = 15_000


class FeeParameters:
    def __init__(self, *, on: bool = False) -> None:
        self.on = on
        self.level_bps = BPS
        """Of the market's price: 10,000 is that price."""

    def apply(self, entry: Entry) -> None:
        match entry.fact:
            case LegExpired():
                self.level_bps = min(mul_div_ceil(self.level_bps, STEP_BPS, BPS), RAISED_BPS_MAX)
            case LegLanded():
                self.level_bps = BPS + (self.level_bps - BPS) // 2
            case _:
                pass

    def price(self, market_price: int | None, *, floor: int) -> int | None:
        """What to take for the market's price; None where nothing is known and nothing is to be raised."""
        if not self.on or self.level_bps == BPS:
            return market_price
        return mul_div_ceil(max(market_price or 0, floor), self.level_bps, BPS)
