"""One step of a swap: at one fee and one liquidity, from one price towards another.

Every division rounds as the program's does, which is against the trader. None is wherever the program fails: an
overflow, a division by zero, a price out of bounds. Knows numbers only: no ticks, no accounts.
Source: whirlpool `math/swap_math.rs` and `math/token_math.rs`.
"""

from typing import Final

from chimera.domain.units import U64_MAX
from chimera.venues.orca_whirlpool.ticks import MAX_SQRT_PRICE, MIN_SQRT_PRICE

FEE_ONE: Final = 1_000_000  # fee rates are millionths
TOO_MUCH: Final = (
    U64_MAX + 1
)  # an amount beyond u64, which only means "not within reach" while a target is tried
WORD = 64
U128_MAX: Final = 2**128 - 1
SHIFTABLE: Final = 2**192  # what still fits 256 bits once moved up by a word

Step = tuple[int, int, int, int]
"""(price reached, amount in without fee, amount out, fee)"""


def delta_a(price_0: int, price_1: int, liquidity: int, *, up: bool) -> int | None:
    """Token a between two prices: liquidity * difference / product; TOO_MUCH beyond u64."""
    product = liquidity * abs(price_1 - price_0)
    if product >= SHIFTABLE:
        return None
    numerator, denominator = product << WORD, price_0 * price_1
    amount = -(-numerator // denominator) if up else numerator // denominator
    return amount if amount <= U64_MAX else TOO_MUCH


def delta_b(price_0: int, price_1: int, liquidity: int, *, up: bool) -> int | None:
    """Token b between two prices: liquidity * difference; TOO_MUCH beyond u64."""
    product = liquidity * abs(price_1 - price_0)
    if product > U128_MAX:
        return TOO_MUCH
    amount = -(-product >> WORD) if up else product >> WORD
    return amount if amount <= U64_MAX else TOO_MUCH


def swap_step(
    remaining: int, fee_rate: int, liquidity: int, price: int, target: int, *, exact_in: bool, a_to_b: bool
) -> Step | None:
    """What of `remaining` is swapped on the way to `target`, and where the price stops.

    Exact in: `remaining` includes the fee; a step that does not reach its target takes all of it, and what the
    rounded price does not need is fee. Exact out: `remaining` is what is still to come out.
    """
    if a_to_b:
        delta_in, delta_out = delta_a, delta_b
    else:
        delta_in, delta_out = delta_b, delta_a
    if exact_in:
        whole = delta_in(price, target, liquidity, up=True)
        usable = remaining * (FEE_ONE - fee_rate) // FEE_ONE
    else:
        whole = delta_out(price, target, liquidity, up=False)
        usable = remaining
    if whole is None:
        return None
    if whole <= usable:
        reached = target
    else:
        move = _price_from_a if exact_in == a_to_b else _price_from_b
        moved = move(price, liquidity, usable, added=exact_in)
        if moved is None:
            return None
        reached = moved
    # Rounding can lead to the target although not all of it was affordable; the program then counts the whole.
    known = whole if reached == target and whole != TOO_MUCH else None
    if exact_in:
        amount_in = delta_in(price, reached, liquidity, up=True) if known is None else known
        amount_out = delta_out(price, reached, liquidity, up=False)
    else:
        amount_in = delta_in(price, reached, liquidity, up=True)
        amount_out = delta_out(price, reached, liquidity, up=False) if known is None else known
    if amount_in is None or amount_out is None or amount_in == TOO_MUCH or amount_out == TOO_MUCH:
        return None
    if not exact_in:
        amount_out = min(amount_out, remaining)
    rest_is_fee = exact_in and reached != target
    fee = remaining - amount_in if rest_is_fee else -(-amount_in * fee_rate // (FEE_ONE - fee_rate))
    return (reached, amount_in, amount_out, fee) if 0 <= fee <= U64_MAX else None


def _price_from_a(price: int, liquidity: int, amount: int, *, added: bool) -> int | None:
    """The price after `amount` of a has come or gone, rounded up."""
    if amount == 0:
        return price
    product, held = price * amount, liquidity << WORD
    numerator = liquidity * price
    if numerator >= SHIFTABLE or (not added and held <= product):
        return None
    denominator = held + product if added else held - product
    reached = -(-(numerator << WORD) // denominator)
    return reached if MIN_SQRT_PRICE <= reached <= MAX_SQRT_PRICE else None


def _price_from_b(price: int, liquidity: int, amount: int, *, added: bool) -> int | None:
    """The price after `amount` of b has come or gone, rounded down."""
    if liquidity == 0:
        return None
    if added:
        reached = price + (amount << WORD) // liquidity
        return reached if reached <= U128_MAX else None
    reached = price - -(-(amount << WORD) // liquidity)
    return reached if reached >= 0 else None
