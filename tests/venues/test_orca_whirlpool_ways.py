"""Orca Whirlpool's way from tick to tick, its table of sums and its promises, against a plain loop over every place."""

from typing import Any

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from chimera.domain.ids import TOKEN_PROGRAM, Address, Slot
from chimera.domain.pool import Moment, Quote, QuoteRequest, SwapKind
from chimera.domain.risk import Reason, Refusal
from chimera.onchain.keys import address_text
from chimera.onchain.layouts import NO_TRANSFER_FEES, TransferFee, TransferFees
from chimera.venues.orca_whirlpool import VENUE
from chimera.venues.orca_whirlpool.adaptive import FeeMemory, FeeRules
from chimera.venues.orca_whirlpool.layout import Mint, Oracle, State, TickArray, Vault
from chimera.venues.orca_whirlpool.path import is_start, named_starts, span
from chimera.venues.orca_whirlpool.pool import Ways, Whirlpool
from chimera.venues.orca_whirlpool.quoting import find_trade, price_impact_bps
from chimera.venues.orca_whirlpool.step import swap_step
from chimera.venues.orca_whirlpool.ticks import (
    MAX_SQRT_PRICE,
    MAX_TICK,
    MIN_SQRT_PRICE,
    MIN_TICK,
    sqrt_price_of,
    tick_of,
)

U64 = 2**64 - 1
HELD = 2**62  # in each vault
NOW = Moment(unix_timestamp=10_000, slot=Slot(9), epoch=5)


def key(number: int) -> Address:
    return address_text(number.to_bytes(32, "big"))


POOL, MINT_A, MINT_B = key(1), key(2), key(3)
MINTS = Mint(1, TOKEN_PROGRAM, NO_TRANSFER_FEES, "")


@st.composite
def pools(draw: Any, *, adaptive: bool = False, deep: bool = False) -> Whirlpool:
    """A pool of a few positions around its price, all arrays that a swap names known or absent."""
    spacing = draw(st.sampled_from((1, 2, 64, 128, 32_896)))
    length = span(spacing)
    base = draw(st.sampled_from((0, 0, -3, 2, MIN_TICK // length, MAX_TICK // length)))
    # near an array's first and last places, or anywhere in it
    inside = draw(
        st.one_of(
            st.integers(0, spacing), st.integers(length - 2 * spacing, length - 1), st.integers(0, length - 1)
        )
    )
    tick = max(MIN_TICK, min(base * length + inside, MAX_TICK - 1))
    low_end, high_end = -(-MIN_TICK // spacing), MAX_TICK // spacing
    near = st.integers(tick // spacing - 200, tick // spacing + 200).map(
        lambda at: max(low_end, min(at, high_end))
    )
    nets: dict[int, int] = {}
    liquidity = 0
    for _ in range(draw(st.integers(0, 5))):
        lower, upper = sorted((draw(near) * spacing, draw(near) * spacing))
        size = draw(st.one_of(st.integers(1, 10**6), st.integers(10**9, 10**15)))
        if lower == upper or deep and size < 10**9:
            continue
        nets[lower] = nets.get(lower, 0) + size
        nets[upper] = nets.get(upper, 0) - size
        liquidity += size * (lower <= tick < upper)
    price = sqrt_price_of(tick)
    if draw(st.booleans()):
        price += (sqrt_price_of(tick + 1) - price) * draw(st.integers(0, 99)) // 100
    elif tick % spacing == 0 and tick > MIN_TICK and draw(st.booleans()):
        # as a swap down leaves it that ended right on a tick: crossed already
        liquidity -= nets.get(tick, 0)
        tick -= 1
    arrays = {
        start: TickArray(1, tuple(sorted((t, net) for t, net in nets.items() if start <= t < start + length)))
        for start in named_starts(tick, spacing)
        if is_start(start, spacing)
    }
    oracle = None
    if adaptive:
        group = draw(st.sampled_from([size for size in (1, 2, 64, 128) if spacing % size == 0]))
        rules = FeeRules(
            30,
            600,
            5_000,
            draw(st.sampled_from((0, 1_500, 90_000))),
            draw(st.sampled_from((0, 50_000, 350_000))),
            group,
        )
        reference = draw(st.integers(0, 3)) * rules.accumulator_max // 3
        memory = FeeMemory(
            10_000 - draw(st.sampled_from((0, 29, 100, 700, 5_000))),
            0,
            reference,
            tick // group + draw(st.integers(-50, 50)),
            rules.accumulator_max,
        )
        oracle = Oracle(5, 0, rules, memory)
    return Whirlpool(
        address=POOL,
        state=State(
            5, spacing, adaptive, draw(st.sampled_from((0, 100, 3_000, 60_000))), liquidity, price, tick,
            MINT_A, key(4), MINT_B, key(5), 0,
        ),
        vault_a=Vault(5, HELD, frozen=False), vault_b=Vault(5, HELD, frozen=False),
        mint_a=MINTS, mint_b=MINTS, oracle=oracle, arrays=arrays,
    )  # fmt: skip


amount = st.one_of(st.integers(1, 10_000), st.integers(1, 2**40), st.integers(1, U64))
side = st.sampled_from((MINT_A, MINT_B))
kind = st.sampled_from(list(SwapKind))


def ask(pool: Whirlpool, mint: Address, which: SwapKind, size: int) -> Quote | Refusal:
    return VENUE.quote(pool, QuoteRequest(mint, which, size), NOW)


# a plain loop, as the program goes


def plain_swap(pool: Whirlpool, size: int, *, exact_in: bool, a_to_b: bool) -> tuple[int, int, int] | None:
    """(in, out, what is left of the amount) of a swap at the fixed fee, place by place; None where it fails."""
    found = plain_walk(pool, size, exact_in=exact_in, a_to_b=a_to_b)
    return found[:3] if found is not None else None


def plain_walk(
    pool: Whirlpool, size: int, *, exact_in: bool, a_to_b: bool
) -> tuple[int, int, int, int, int, int] | None:
    """The same with (price, tick, liquidity) after it."""
    state = pool.state
    spacing, length = state.spacing, span(state.spacing)
    base = state.tick // length * length
    if a_to_b:
        wanted = [base, base - length, base - 2 * length]
    elif state.tick + spacing >= base + length:
        wanted = [base + length, base + 2 * length, base + 3 * length]
    else:
        wanted = [base, base + length, base + 2 * length]
    arrays = []
    for start in [start for start in wanted if is_start(start, spacing)]:
        if start not in pool.arrays:
            break
        arrays.append((start, dict(pool.arrays[start].ticks)))
    limit = MIN_SQRT_PRICE if a_to_b else MAX_SQRT_PRICE
    if not arrays or state.sqrt_price == limit:
        return None
    at, tick, price, liquidity, left, other = 0, state.tick, state.sqrt_price, state.liquidity, size, 0
    while left > 0 and price != limit:
        found = plain_search(arrays, at, tick, spacing, a_to_b=a_to_b)
        if found is None:
            return None
        array_at, next_tick = found
        next_price = sqrt_price_of(next_tick)
        target = max(limit, next_price) if a_to_b else min(limit, next_price)
        step = swap_step(left, state.fee_rate, liquidity, price, target, exact_in=exact_in, a_to_b=a_to_b)
        if step is None:
            return None
        reached, came, went, fee = step
        left -= came + fee if exact_in else went
        other += went if exact_in else came + fee
        if left < 0 or other > U64:
            return None
        if reached == next_price:
            start, ticks = arrays[array_at]
            net = ticks.get(next_tick, 0)
            liquidity += -net if a_to_b else net
            offset = (next_tick - start) // spacing
            at = array_at + (offset == (0 if a_to_b else 87))
            tick = next_tick - 1 if a_to_b else next_tick
        elif reached != price:
            tick = tick_of(reached)
        price = reached
    sums = (size - left, other) if exact_in else (other, size - left)
    return *sums, left, price, tick, liquidity


def plain_search(arrays: Any, at: int, tick: int, spacing: int, *, a_to_b: bool) -> tuple[int, int] | None:
    while at < len(arrays):
        start, ticks = arrays[at]
        place = (tick - start) // spacing + (not a_to_b)
        while 0 <= place < 88:
            if start + place * spacing in ticks:
                return at, start + place * spacing
            place += -1 if a_to_b else 1
        if a_to_b and start <= MIN_TICK:
            return at, MIN_TICK
        if not a_to_b and start + span(spacing) > MAX_TICK:
            return at, MAX_TICK
        last = start if a_to_b else start + span(spacing) - 1
        if at + 1 == len(arrays):
            return at, last
        tick = start - 1 if a_to_b else last
        at += 1
    return None


@given(pools(), amount, side, kind)
def test_the_table_and_the_way_give_what_a_search_of_every_place_gives(
    pool: Whirlpool, size: int, mint: Address, which: SwapKind
) -> None:
    exact_in = which is SwapKind.EXACT_IN
    plain = plain_swap(pool, size, exact_in=exact_in, a_to_b=mint == MINT_A)
    quote = ask(pool, mint, which, size)
    if plain is None or plain[2] or plain[0] > U64 - HELD or plain[1] > HELD:
        assert isinstance(quote, Refusal)
    else:
        assert isinstance(quote, Quote)
        assert (quote.amount_in, quote.amount_out) == plain[:2]


@given(pools(), amount, side, kind)
def test_the_fast_way_to_a_quote_tells_all_that_the_plain_one_does(
    pool: Whirlpool, size: int, mint: Address, which: SwapKind
) -> None:
    a_to_b = mint == MINT_A
    plain = find_trade(pool, size, NOW, exact_in=which is SwapKind.EXACT_IN, a_to_b=a_to_b)
    quote = ask(pool, mint, which, size)
    if isinstance(plain, Refusal) or which is SwapKind.EXACT_IN and plain.sent != size:
        assert isinstance(quote, Refusal)
    else:
        assert isinstance(quote, Quote)
        assert (quote.amount_in, quote.amount_out, quote.fee_in) == (plain.sent, plain.received, plain.fee)
        impact = price_impact_bps(plain, pool.state.sqrt_price, a_to_b=a_to_b)
        assert (quote.price_impact_bps, quote.slot) == (impact, plain.slot)


@given(pools(), amount, side, kind, st.integers(0, 2**63), st.integers(0, 2**63))
def test_the_fast_way_keeps_to_what_the_vaults_hold(
    pool: Whirlpool, size: int, mint: Address, which: SwapKind, held_a: int, held_b: int
) -> None:
    vaults = {"vault_a": Vault(5, U64 - held_a, frozen=False), "vault_b": Vault(5, held_b, frozen=False)}
    changed = msgspec.structs.replace(pool, ways=Ways(), **vaults)
    quote = ask(changed, mint, which, size)
    if isinstance(quote, Quote):
        room, held = (held_a, held_b) if mint == MINT_A else (U64 - held_b, U64 - held_a)
        assert quote.amount_in <= room and quote.amount_out <= held


@given(pools(adaptive=True), amount, side, kind)
def test_an_adaptive_fee_that_never_moves_is_a_fixed_fee(
    pool: Whirlpool, size: int, mint: Address, which: SwapKind
) -> None:
    assume(pool.oracle is not None and pool.oracle.rules is not None)
    assert pool.oracle is not None and pool.oracle.rules is not None
    still = msgspec.structs.replace(pool.oracle, rules=msgspec.structs.replace(pool.oracle.rules, control=0))
    fixed = msgspec.structs.replace(
        pool, oracle=None, state=msgspec.structs.replace(pool.state, adaptive=False)
    )
    moved, plain = (
        ask(msgspec.structs.replace(pool, oracle=still), mint, which, size),
        ask(fixed, mint, which, size),
    )
    assert moved == plain or isinstance(moved, Refusal) and isinstance(plain, Refusal)


@given(st.one_of(pools(), pools(adaptive=True)), amount, amount, side, kind)
def test_more_on_one_side_never_means_less_on_the_other(
    pool: Whirlpool, one: int, other: int, mint: Address, which: SwapKind
) -> None:
    small, large = (ask(pool, mint, which, size) for size in sorted((one, other)))
    if isinstance(small, Quote) and isinstance(large, Quote):
        # a step that ends on a tick rounds its fee once more: a base unit a step, never more
        steps = 300
        assert small.amount_in <= large.amount_in + steps * (which is SwapKind.EXACT_OUT)
        assert small.amount_out <= large.amount_out + steps * (which is SwapKind.EXACT_IN)
        assert small.price_impact_bps >= 0


# At a liquidity of a few units one unit is a large part of it, and the program's own rounding favours either side.
@given(pools(deep=True), amount, side)
def test_buying_what_a_sum_bought_never_costs_more_and_paying_it_brings_no_less(
    pool: Whirlpool, size: int, mint: Address
) -> None:
    bought = ask(pool, mint, SwapKind.EXACT_IN, size)
    assume(isinstance(bought, Quote) and bought.amount_out > 0)
    assert isinstance(bought, Quote)
    exact = ask(pool, mint, SwapKind.EXACT_OUT, bought.amount_out)
    assume(isinstance(exact, Quote))
    assert isinstance(exact, Quote)
    assert exact.amount_in <= bought.amount_in
    again = ask(pool, mint, SwapKind.EXACT_IN, exact.amount_in)
    assert isinstance(again, Quote)
    assert again.amount_out >= exact.amount_out


fees = st.builds(
    lambda maximum, bps: TransferFees(TransferFee(0, maximum, bps), TransferFee(9, 5, 1)),
    st.integers(0, U64), st.integers(0, 10_000),
)  # fmt: skip


@given(st.one_of(pools(), pools(adaptive=True)), fees, fees, amount, side, kind)
def test_with_transfer_fees_the_user_never_gets_more_than_without(
    pool: Whirlpool, fee_a: TransferFees, fee_b: TransferFees, size: int, mint: Address, which: SwapKind
) -> None:
    taxed = msgspec.structs.replace(
        pool, mint_a=Mint(1, TOKEN_PROGRAM, fee_a, ""), mint_b=Mint(1, TOKEN_PROGRAM, fee_b, "")
    )
    with_fee, without = ask(taxed, mint, which, size), ask(pool, mint, which, size)
    if isinstance(with_fee, Quote) and isinstance(without, Quote):
        if which is SwapKind.EXACT_IN:
            assert with_fee.amount_out <= without.amount_out + 300
            assert with_fee.amount_in == size
        else:
            assert with_fee.amount_in + 300 >= without.amount_in
            assert with_fee.amount_out == size


@given(pools(), st.integers(-(2**70), 2**70), side, kind)
def test_a_pool_of_which_arrays_are_unknown_answers_the_same_or_says_which_it_lacks(
    pool: Whirlpool, size: int, mint: Address, which: SwapKind
) -> None:
    base = pool.state.tick // span(pool.state.spacing) * span(pool.state.spacing)
    partly = msgspec.structs.replace(pool, arrays={base: pool.arrays[base]})
    whole, part = ask(pool, mint, which, size), ask(partly, mint, which, size)
    if isinstance(part, Quote) or part.reason is not Reason.QUOTE_UNAVAILABLE:
        assert part == whole or isinstance(part, Refusal) and isinstance(whole, Refusal)
    else:
        assert "tick_array_" in part.observed


# prices of ticks


@given(st.integers(MIN_TICK, MAX_TICK))
def test_the_tick_of_a_ticks_price_is_itself_and_of_a_bit_less_the_one_below(tick: int) -> None:
    price = sqrt_price_of(tick)
    assert tick_of(price) == tick
    if tick > MIN_TICK:
        assert tick_of(price - 1) == tick - 1
        assert sqrt_price_of(tick - 1) < price


def test_the_outermost_ticks_have_the_outermost_prices() -> None:
    assert sqrt_price_of(MIN_TICK) == MIN_SQRT_PRICE
    assert sqrt_price_of(MAX_TICK) == MAX_SQRT_PRICE
    assert sqrt_price_of(0) == 1 << 64
