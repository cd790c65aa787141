"""Square-root prices of ticks and ticks of square-root prices, to the last bit as the program has them.

A price is a u128 with 64 fractional bits: sqrt(b per a) * 2**64. The program multiplies rounded powers of
sqrt(1.0001), one a bit of the tick, so only the same powers in the same order give its prices.
Source: whirlpool `math/tick_math.rs`; the powers are its constants.
"""

from functools import lru_cache
from typing import Final

MIN_TICK: Final = -443_636
MAX_TICK: Final = 443_636
MIN_SQRT_PRICE: Final = 4_295_048_016
MAX_SQRT_PRICE: Final = 79_226_673_515_401_279_992_447_579_055

# sqrt(1.0001) ** (2 ** bit), with 96 fractional bits, for ticks above zero
_UP: Final = (
    79232123823359799118286999567, 79236085330515764027303304731, 79244008939048815603706035061,
    79259858533276714757314932305, 79291567232598584799939703904, 79355022692464371645785046466,
    79482085999252804386437311141, 79736823300114093921829183326, 80248749790819932309965073892,
    81282483887344747381513967011, 83390072131320151908154831281, 87770609709833776024991924138,
    97234110755111693312479820773, 119332217159966728226237229890, 179736315981702064433883588727,
    407748233172238350107850275304, 2098478828474011932436660412517, 55581415166113811149459800483533,
    38992368544603139932233054999993551,
)  # fmt: skip
# the same with a negative exponent and 64 fractional bits, for ticks below zero
_DOWN: Final = (
    18445821805675392311, 18444899583751176498, 18443055278223354162, 18439367220385604838, 18431993317065449817,
    18417254355718160513, 18387811781193591352, 18329067761203520168, 18212142134806087854, 17980523815641551639,
    17526086738831147013, 16651378430235024244, 15030750278693429944, 12247334978882834399, 8131365268884726200,
    3584323654723342297, 696457651847595233, 26294789957452057, 37481735321082,
)  # fmt: skip

# tick_of's approximation of a logarithm: 2**64 / log2(sqrt(1.0001)) with 32 bits, and how far it may be off
_LOG_B_2_X32: Final = 59_543_866_431_248
_LOG_BITS: Final = 14
_ERROR_BELOW_X64: Final = 184_467_440_737_095_516
_ERROR_ABOVE_X64: Final = 15_793_534_762_490_258_745


@lru_cache(65_536)
def sqrt_price_of(tick: int) -> int:
    """The square-root price at the tick's lower edge; for ticks from MIN_TICK to MAX_TICK."""
    distance, bit = abs(tick), 0
    if tick >= 0:
        ratio = 1 << 96
        while distance:
            if distance & 1:
                # Bit 0 is a starting value there, not a factor; 2**96 * x >> 96 is the same x.
                ratio = ratio * _UP[bit] >> 96
            distance, bit = distance >> 1, bit + 1
        return ratio >> 32
    ratio = 1 << 64
    while distance:
        if distance & 1:
            ratio = ratio * _DOWN[bit] >> 64
        distance, bit = distance >> 1, bit + 1
    return ratio


def tick_of(sqrt_price: int) -> int:
    """The highest tick whose price is not above `sqrt_price`, for prices from MIN to MAX_SQRT_PRICE."""
    top = sqrt_price.bit_length() - 1
    r = sqrt_price >> (top - 63) if top >= 63 else sqrt_price << (63 - top)
    fraction_x64, bit = 0, 1 << 63
    for _ in range(_LOG_BITS):
        r *= r
        above_two = r >> 127
        r >>= 63 + above_two
        fraction_x64 += bit * above_two
        bit >>= 1
    log_x64 = ((top - 64 << 32) + (fraction_x64 >> 32)) * _LOG_B_2_X32
    low, high = log_x64 - _ERROR_BELOW_X64 >> 64, log_x64 + _ERROR_ABOVE_X64 >> 64
    return high if low == high or sqrt_price_of(high) <= sqrt_price else low
