"""What a swap leaves behind in a Whirlpool: its price, its tick, and the liquidity in force there.

For replays of a market with trades that were not there. The tick arrays say what liquidity lies where and no swap
changes that, so a state is its recorded one with the price moved. Knows no vaults; an adaptive fee's memory stays
as it was recorded.
"""

from typing import Final

import msgspec

from chimera.domain.chain import Account
from chimera.domain.pool import Moment
from chimera.domain.risk import Reason, Refusal
from chimera.domain.units import U64_MAX
from chimera.venues.orca_whirlpool.layout import State
from chimera.venues.orca_whirlpool.path import current_start, span
from chimera.venues.orca_whirlpool.pool import Ways, Whirlpool
from chimera.venues.orca_whirlpool.quoting import find_swap
from chimera.venues.orca_whirlpool.ticks import MAX_SQRT_PRICE, MIN_SQRT_PRICE, tick_of

LIQUIDITY_AND_PRICE: Final = slice(49, 81)
"""Of the pool's account: two u128."""
TICK: Final = slice(81, 85)


def after(pool: Whirlpool, amount: int, moment: Moment, *, a_to_b: bool) -> Whirlpool | Refusal:
    """With the price where a swap of exactly `amount` leaves it."""
    mint_in = pool.mint_a if a_to_b else pool.mint_b
    if mint_in is None or not 0 < amount <= U64_MAX:
        return Refusal(Reason.QUOTE_UNAVAILABLE, observed="its mints are not known, or no such amount")
    wanted = amount - mint_in.transfer_fees.at(moment.epoch).on(amount)
    swapped = find_swap(pool, wanted, moment, exact_in=True, a_to_b=a_to_b)
    if isinstance(swapped, Refusal):
        return swapped
    way, reached = pool.way(a_to_b=a_to_b), swapped.at_station
    if way is not None and reached and way.stations[reached - 1].price == swapped.price:
        # stopped on a tick, which is then crossed: downwards the pool stands below it
        tick = way.stations[reached - 1].tick - a_to_b
    else:
        tick = tick_of(swapped.price)
    return at_price(pool, swapped.price, tick) or Refusal(
        Reason.QUOTE_UNAVAILABLE, observed=f"unknown ticks before {tick}"
    )


def shifted(pool: Whirlpool, *, by: Whirlpool, than: Whirlpool) -> Whirlpool | None:
    """None where the ticks on the way are not known, or the price would leave its bounds."""
    moved = by.state.sqrt_price - than.state.sqrt_price
    price = pool.state.sqrt_price + moved
    if not MIN_SQRT_PRICE <= price <= MAX_SQRT_PRICE:
        return None
    if pool.state.sqrt_price == than.state.sqrt_price:
        return at_price(pool, price, by.state.tick)
    return at_price(pool, price, tick_of(price) if moved else pool.state.tick)


def at_price(pool: Whirlpool, price: int, tick: int) -> Whirlpool | None:
    """The pool there, with the liquidity that its ticks say; None where they are not known or contradict it."""
    liquidity = _liquidity_at(pool, tick)
    if liquidity is None:
        return None
    state = msgspec.structs.replace(pool.state, sqrt_price=price, tick=tick, liquidity=liquidity)
    return msgspec.structs.replace(pool, state=state, ways=Ways())


def written(account: Account, state: State) -> Account:
    data = bytearray(account.data)
    data[LIQUIDITY_AND_PRICE] = state.liquidity.to_bytes(16, "little") + state.sqrt_price.to_bytes(
        16, "little"
    )
    data[TICK] = state.tick.to_bytes(4, "little", signed=True)
    return msgspec.structs.replace(account, data=bytes(data))


def _liquidity_at(pool: Whirlpool, tick: int) -> int | None:
    """Every tick between here and there adds on the way up what it takes on the way down."""
    state = pool.state
    low, high = sorted((state.tick, tick))
    first, last = current_start(low, state.spacing), current_start(high, state.spacing)
    starts = range(first, last + 1, span(state.spacing))
    if low != high and any(start not in pool.arrays for start in starts):
        return None
    crossed = sum(
        net for start in starts for at, net in pool.arrays[start].ticks if low < at <= high
    ) if low != high else 0  # fmt: skip
    liquidity = state.liquidity + (crossed if tick > state.tick else -crossed)
    return liquidity if 0 <= liquidity < 2**128 else None
