"""AMM V4's arithmetic: what a swap costs and gives, every step rounded as the program rounds it.

None is wherever the program refuses, panics or would overflow. Knows amounts and rates; no accounts, no addresses.
Source: raydium-amm `process_swap_base_in`, `process_swap_base_out` and `math.rs`.
"""

from typing import NamedTuple

from chimera.domain.units import U64_MAX


class Trade(NamedTuple):
    """A swap, computed; a tuple since it lives for microseconds on the hot path."""

    amount_in: int
    amount_out: int
    traded_in: int
    """What the curve sees: the fee off."""


def exact_in(
    amount_in: int, reserve_in: int, reserve_out: int, fee_numerator: int, fee_denominator: int
) -> Trade | None:
    """The trade that spends `amount_in`: fee rounded up, output rounded down."""
    if fee_denominator == 0 or reserve_in < 0 or reserve_out <= 0:
        return None
    traded_in = amount_in - -(-amount_in * fee_numerator // fee_denominator)
    if traded_in <= 0:
        return None
    amount_out = traded_in * reserve_out // (reserve_in + traded_in)
    # An output of everything happens where the other side is empty; the program wants something to be left.
    return Trade(amount_in, amount_out, traded_in) if 0 < amount_out < reserve_out else None


def exact_out(
    amount_out: int, reserve_in: int, reserve_out: int, fee_numerator: int, fee_denominator: int
) -> Trade | None:
    """The trade that brings `amount_out`: rounded up twice, once by the curve and once by the fee."""
    if fee_numerator >= fee_denominator or reserve_in < 0 or not 0 < amount_out < reserve_out:
        return None
    traded_in = -(-reserve_in * amount_out // (reserve_out - amount_out))
    amount_in = -(-traded_in * fee_denominator // (fee_denominator - fee_numerator))
    return Trade(amount_in, amount_out, traded_in) if 0 < amount_in <= U64_MAX else None
