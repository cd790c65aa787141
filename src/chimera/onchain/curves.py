"""Integer arithmetic as the programs do it: constant product, proportional fees, Token-2022 transfer fees.

Every function names its rounding, and the default is the program's own: against the trader. Amounts are base units.
None stands for a number that the program could not hold or divide: the caller refuses.
Must not know any venue's layout. Plain products and quotients live in `domain.units`.
"""

from math import isqrt

from chimera.domain.units import BPS, U64_MAX, mul_div_ceil, mul_div_floor

__all__ = [
    "ceil_div",
    "fee_ceil",
    "gross_of_net",
    "impact_bps",
    "in_given_out",
    "isqrt",
    "mul_div_ceil",
    "mul_div_floor",
    "out_given_in",
    "transfer_fee",
    "transfer_fee_inverse",
    "u64",
]


def u64(value: int) -> int | None:
    """The value where a u64 holds it."""
    return value if 0 <= value <= U64_MAX else None


def ceil_div(a: int, b: int) -> int:
    """a/b rounded up; raises ZeroDivisionError where b is 0."""
    return -(-a // b)


def out_given_in(amount_in: int, *, reserve_in: int, reserve_out: int) -> int:
    """What leaves an x*y=k pool for `amount_in`, rounded down. Raises ZeroDivisionError for 0 into an empty side."""
    return amount_in * reserve_out // (reserve_in + amount_in)


def in_given_out(amount_out: int, *, reserve_in: int, reserve_out: int) -> int | None:
    """What must enter an x*y=k pool for `amount_out`, rounded up; None where the pool holds no more than that."""
    if amount_out >= reserve_out:
        return None
    return ceil_div(reserve_in * amount_out, reserve_out - amount_out)


def fee_ceil(amount: int, rate: int, *, one: int) -> int:
    """The share `rate`/`one` of an amount, rounded up."""
    return ceil_div(amount * rate, one)


def gross_of_net(net: int, rate: int, *, one: int) -> int | None:
    """What must be paid so that `net` is left after a fee of `rate`/`one`, rounded up; None at a rate of all."""
    if rate == 0:
        return net
    return ceil_div(net * one, one - rate) if rate < one else None


def impact_bps(*, traded_in: int, traded_out: int, reserve_in: int, reserve_out: int) -> int:
    """How far out/in is from reserve_out/reserve_in, rounded up, never negative; amounts without fees."""
    at_spot = traded_in * reserve_out
    return max(0, ceil_div((at_spot - traded_out * reserve_in) * BPS, at_spot)) if at_spot else 0


def transfer_fee(amount: int, *, bps: int, maximum: int) -> int:
    """What Token-2022 withholds when `amount` is sent: rounded up, capped. Source: spl-token-2022 `TransferFee`."""
    return min(ceil_div(amount * bps, BPS), maximum)


def transfer_fee_inverse(amount: int, *, bps: int, maximum: int) -> int | None:
    """What must be sent on top so that `amount` arrives; None where the sum leaves u64 or the rate is no rate.

    At 100 % the fee is the maximum, as programs take it (spl-token-2022's `calculate_inverse_fee`).
    """
    if bps == 0 or amount == 0:
        return 0
    if bps > BPS:
        return None
    if bps == BPS:
        return maximum if amount + maximum <= U64_MAX else None
    gross = ceil_div(amount * BPS, BPS - bps)
    if gross - amount >= maximum:
        gross = amount + maximum
    return transfer_fee(gross, bps=bps, maximum=maximum) if gross <= U64_MAX else None
