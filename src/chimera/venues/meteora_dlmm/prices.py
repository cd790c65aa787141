"""DLMM's prices and fees: numbers that follow from a pair's parameters alone, each step rounded as the program rounds.

Source: `math/` and `extensions/lb_pair.rs` of MeteoraAg/dlmm-sdk's `commons`, and the program itself, which stores
a bin's price when it is first touched; only untouched bins need `bin_price`.
"""

from functools import lru_cache

import msgspec

from chimera.onchain.curves import ceil_div

SCALE = 64  # prices are Q64.64
BIN_ID_MAX = 443_636  # beyond it, a price at the smallest step leaves u64
EXPONENT_BITS = 19  # which that number has
U128_MAX = 2**128 - 1

FEE_ONE = 1_000_000_000  # fee rates are billionths
FEE_RATE_MAX = 100_000_000  # 10 %
BPS = 10_000
VARIABLE_FEE_SCALE = 100_000_000_000


@lru_cache(16_384)
def bin_price(bin_id: int, bin_step: int) -> int | None:
    """(1 + bin_step / 10,000) ** bin_id times 2**64; None where the program's powers leave their 128 bits.

    The program raises the inverse, which stays below one, and inverts at the end: the rounding is that of this way.
    """
    power, exponent = (1 << SCALE) + (bin_step << SCALE) // BPS, abs(bin_id)
    if exponent >> EXPONENT_BITS:
        return None
    if bin_id == 0:
        return 1 << SCALE
    power = U128_MAX // power
    result = 1 << SCALE
    while exponent:
        if exponent & 1:
            result = result * power >> SCALE
        power = power * power >> SCALE
        exponent >>= 1
    if result == 0:
        return None
    return result if bin_id < 0 else U128_MAX // result


class Rates(msgspec.Struct, frozen=True):
    """What the fees of a pair's bins are made of, in one direction's one swap."""

    base_factor: int
    bin_step: int
    power_factor: int
    variable_control: int
    volatility_reference: int
    volatility_max: int
    index_reference: int

    def at(self, bin_id: int) -> int:
        """Billionths that a swap pays in this bin: a fixed part, and one that grows with the way from the reference."""
        fixed: int = self.base_factor * self.bin_step * 10 * 10**self.power_factor
        volatility = self.volatility_reference + abs(self.index_reference - bin_id) * BPS
        square = (min(volatility, self.volatility_max) * self.bin_step) ** 2
        moving = ceil_div(self.variable_control * square, VARIABLE_FEE_SCALE)
        return min(fixed + moving, FEE_RATE_MAX)


def fee_in(amount: int, rate: int) -> int:
    """The fee contained in `amount`, rounded up."""
    return ceil_div(amount * rate, FEE_ONE)


def fee_on_top(amount: int, rate: int) -> int:
    """What must be added so that `amount` is left after the fee, rounded up."""
    return ceil_div(amount * rate, FEE_ONE - rate)
