"""From a pool and an amount to what the user's accounts see: transfer fees, the swap between them, and every no.

Source: whirlpool `instructions/v2/swap.rs` and the conditions of `manager/swap_manager.rs`.
"""

from typing import NamedTuple

from chimera.domain.pool import Moment
from chimera.domain.risk import Reason, Refusal
from chimera.domain.units import U64_MAX
from chimera.onchain.curves import impact_bps
from chimera.onchain.layouts import TransferFee
from chimera.venues.orca_whirlpool.adaptive import FeeCourse
from chimera.venues.orca_whirlpool.layout import Mint, Vault
from chimera.venues.orca_whirlpool.pool import Whirlpool
from chimera.venues.orca_whirlpool.swap import Swapped, swap_with_course, swap_with_table
from chimera.venues.orca_whirlpool.ticks import MAX_SQRT_PRICE, MIN_SQRT_PRICE


class Trade(NamedTuple):
    sent: int
    """What leaves the user's account; less than an exact-in amount where the price reaches its very end."""
    received: int
    """What reaches it."""
    traded_in: int
    """What moves the price: `sent` without transfer fee and pool fee."""
    traded_out: int
    """What leaves the vault."""
    fee: int
    """The pool's, in the input's base units."""
    slot: int


def find_trade(
    pool: Whirlpool, amount: int, moment: Moment, *, exact_in: bool, a_to_b: bool
) -> Trade | Refusal:
    """What the program would do with the amount now."""
    vault_a, vault_b, mint_a, mint_b = pool.vault_a, pool.vault_b, pool.mint_a, pool.mint_b
    if vault_a is None or vault_b is None or mint_a is None or mint_b is None:
        return Refusal(Reason.QUOTE_UNAVAILABLE, observed="vaults or mints are unknown")
    if not 0 < amount <= U64_MAX:
        return Refusal(Reason.AMOUNT_OUT_OF_RANGE, limit=f"1 to {U64_MAX}", observed=str(amount))
    vault_in, vault_out, mint_in, mint_out = (
        (vault_a, vault_b, mint_a, mint_b) if a_to_b else (vault_b, vault_a, mint_b, mint_a)
    )
    closed = _closed(pool, vault_in, vault_out, mint_in, mint_out, moment, a_to_b=a_to_b)
    if closed is not None:
        return closed
    fee_in = mint_in.transfer_fees.at(moment.epoch)
    fee_out = mint_out.transfer_fees.at(moment.epoch)
    if exact_in:
        wanted: int | None = amount - fee_in.on(amount) if fee_in.bps else amount
    else:
        wanted = _with_fee(fee_out, amount)
    if not wanted:  # nothing is left of it, or more than a u64
        return _out_of_range(amount)
    swapped = find_swap(pool, wanted, moment, exact_in=exact_in, a_to_b=a_to_b)
    if isinstance(swapped, Refusal):
        return swapped
    sent: int | None = amount
    if not exact_in or swapped.left:
        sent = _with_fee(fee_in, swapped.amount_in)
    received = swapped.amount_out - fee_out.on(swapped.amount_out) if fee_out.bps else swapped.amount_out
    if sent is None or swapped.amount_out > vault_out.amount or vault_in.amount + swapped.amount_in > U64_MAX:
        return _out_of_range(amount)
    return Trade(sent, received, swapped.amount_in - swapped.fee, swapped.amount_out, swapped.fee, pool.slot)


def price_impact_bps(trade: Trade, sqrt_price: int, *, a_to_b: bool) -> int:
    """How far the trade's price, fees apart, is from the pool's before it; rounded up."""
    square = sqrt_price * sqrt_price
    reserve_in, reserve_out = (1 << 128, square) if a_to_b else (square, 1 << 128)
    return impact_bps(
        traded_in=trade.traded_in, traded_out=trade.traded_out, reserve_in=reserve_in, reserve_out=reserve_out
    )


def priced_reserves(pool: Whirlpool) -> tuple[int, int] | None:
    """(a, b) whose quotient is the price and of which neither is more than its vault holds.

    The vaults' own quotient says nothing about the price here, and the reserves of a full-range pool of the same
    liquidity can be a hundred times of what there is: so those, scaled down until they are there.
    """
    vault_a, vault_b, state = pool.vault_a, pool.vault_b, pool.state
    if vault_a is None or vault_b is None:
        return None
    virtual_a = (state.liquidity << 64) // state.sqrt_price
    virtual_b = state.liquidity * state.sqrt_price >> 64
    if virtual_a <= vault_a.amount and virtual_b <= vault_b.amount:
        return virtual_a, virtual_b
    if vault_a.amount * virtual_b <= vault_b.amount * virtual_a:
        return vault_a.amount, vault_a.amount * virtual_b // virtual_a
    return vault_b.amount * virtual_a // virtual_b, vault_b.amount


def find_swap(
    pool: Whirlpool, wanted: int, moment: Moment, *, exact_in: bool, a_to_b: bool
) -> Swapped | Refusal:
    """The swap itself, without transfer fees."""
    state, way = pool.state, pool.way(a_to_b=a_to_b)
    if way is None:
        return Refusal(Reason.QUOTE_UNAVAILABLE, observed="the ticks contradict the liquidity")
    swapped: Swapped | None
    if pool.oracle is not None and pool.oracle.rules is not None and pool.oracle.memory is not None:
        try:
            course = FeeCourse(
                pool.oracle.rules, pool.oracle.memory, tick=state.tick, now=moment.unix_timestamp,
                static_rate=state.fee_rate, a_to_b=a_to_b,
            )  # fmt: skip
        except ValueError as error:
            return Refusal(Reason.QUOTE_UNAVAILABLE, observed=str(error))
        swapped = swap_with_course(way, course, state.sqrt_price, wanted, exact_in=exact_in, a_to_b=a_to_b)
    else:
        table = pool.table(way, a_to_b=a_to_b)
        swapped = swap_with_table(
            way, table, state.sqrt_price, wanted, state.fee_rate, exact_in=exact_in, a_to_b=a_to_b
        )
    if swapped is None:
        return _out_of_range(wanted)
    if way.unknown is not None and (swapped.left or swapped.at_end):
        return Refusal(Reason.QUOTE_UNAVAILABLE, observed=f"unknown: tick_array_{way.unknown}")
    if swapped.left and not (way.open_end and exact_in):
        return Refusal(
            Reason.AMOUNT_OUT_OF_RANGE,
            limit=f"{wanted - swapped.left} before the tick arrays of a swap end",
            observed=str(wanted),
        )
    return swapped


def _closed(
    pool: Whirlpool,
    vault_in: Vault,
    vault_out: Vault,
    mint_in: Mint,
    mint_out: Mint,
    moment: Moment,
    *,
    a_to_b: bool,
) -> Refusal | None:
    """Why the pool does not swap at all now, whatever the amounts; None where it does."""
    state, oracle, now = pool.state, pool.oracle, moment.unix_timestamp
    if state.adaptive and oracle is None:
        return Refusal(Reason.QUOTE_UNAVAILABLE, observed="unknown: oracle")
    if oracle is not None and now < oracle.enabled_at:
        return Refusal(Reason.POOL_DISABLED, limit=f"opens at {oracle.enabled_at}", observed=str(now))
    if now < state.rewards_at:
        return Refusal(Reason.QUOTE_UNAVAILABLE, limit=f"not before {state.rewards_at}", observed=str(now))
    if state.sqrt_price == (MIN_SQRT_PRICE if a_to_b else MAX_SQRT_PRICE):
        return Refusal(Reason.AMOUNT_OUT_OF_RANGE, observed="the price is at its very end")
    if vault_in.frozen or vault_out.frozen:
        return Refusal(Reason.POOL_DISABLED, observed="a vault is frozen")
    if mint_in.blocked or mint_out.blocked:
        return Refusal(Reason.POOL_DISABLED, observed=mint_in.blocked or mint_out.blocked)
    return None


def _with_fee(fee: TransferFee, amount: int) -> int | None:
    """What must be sent so that `amount` arrives; None beyond u64, and where the program's own check of it fails."""
    if fee.bps == 0 or amount == 0:
        return amount
    added = fee.inverse(amount)
    if added is None or amount + added > U64_MAX or fee.on(amount + added) != added:
        return None
    return amount + added


def _out_of_range(amount: int) -> Refusal:
    return Refusal(Reason.AMOUNT_OUT_OF_RANGE, observed=str(amount))
