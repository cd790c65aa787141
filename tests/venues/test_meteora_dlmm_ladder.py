"""DLMM's arithmetic: the ladder against a plain walk from bin to bin, and what must hold for any pool."""

from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.venues.dlmm_states import NOW, X, Y, held, pool

from chimera.domain.ids import TOKEN_2022_PROGRAM, Address
from chimera.domain.pool import Moment, Quote, QuoteRequest, SwapKind
from chimera.domain.risk import Refusal
from chimera.onchain.layouts import TransferFee, TransferFees
from chimera.venues.meteora_dlmm import VENUE, quoting
from chimera.venues.meteora_dlmm.book import CALM, DECAYING, FRESH, Book, DlmmPool, ladder
from chimera.venues.meteora_dlmm.ladder import Fault, Trade
from chimera.venues.meteora_dlmm.layout import Bin, Extension, Mint
from chimera.venues.meteora_dlmm.prices import BIN_ID_MAX, Rates, bin_price

U64 = 2**64 - 1
ONE = 10**9
NOTHING_FARTHER = Extension(9, exists=False, above=0, below=0)


# prices and rates


def test_prices_are_the_programs_powers() -> None:
    # stored by the real program in bins of pairs of these steps
    assert bin_price(0, 25) == 1 << 64
    assert bin_price(1, 10) == 18465190817783261167
    assert bin_price(-1, 10) == 18428315757951600016
    assert bin_price(BIN_ID_MAX, 1) is not None
    assert bin_price(-(2**19), 1) is None
    assert bin_price(200_000, 400) is None  # its inverse is less than 2**-64


def rates(**changes: int) -> Rates:
    fields = {"base_factor": 10_000, "bin_step": 10, "power_factor": 0, "variable_control": 40_000,
              "volatility_reference": 0, "volatility_max": 350_000, "index_reference": 0}  # fmt: skip
    return Rates(**(fields | changes))


def test_the_fee_grows_with_the_way_up_to_what_the_pair_and_the_program_allow() -> None:
    assert rates().at(0) == 1_000_000  # 0.1 %
    assert rates().at(5) == rates().at(-5) == 1_000_000 + 100_000  # 40,000 * (5 * 10,000 * 10)**2 / 10**11
    assert rates().at(35) == rates().at(36) == 1_000_000 + 4_900_000
    assert rates(power_factor=1).at(0) == 10_000_000
    assert rates(base_factor=65_535, bin_step=400).at(0) == 100_000_000  # not 26 %
    assert rates(volatility_reference=10_000).at(0) == rates().at(1)
    assert rates(variable_control=1).at(1) == 1_000_000 + 1  # rounded up


@pytest.mark.parametrize(
    ("elapsed", "rate"),
    [
        (-100, 1_000_000 + 4_000 * 64),  # a clock behind the last swap's
        (0, 1_000_000 + 4_000 * 64),  # reference 4, three bins from there, and one of its own
        (29, 1_000_000 + 4_000 * 64),
        (30, 1_000_000 + 4_000 * 36),  # half of the 10 that had accumulated, and one of its own
        (599, 1_000_000 + 4_000 * 36),
        (600, 1_000_000 + 4_000),
        (10**6, 1_000_000 + 4_000),
    ],
)
def test_volatility_is_kept_then_halved_then_forgotten(elapsed: int, rate: int) -> None:
    made = pool(
        [held(-1, y=10**12)],
        volatility_accumulator=100_000,
        volatility_reference=40_000,
        index_reference=3,
        last_update_timestamp=NOW.unix_timestamp - elapsed,
    )
    answer = VENUE.quote(made, QuoteRequest(X, SwapKind.EXACT_IN, ONE), NOW)
    assert isinstance(answer, Quote)
    assert answer.fee_in == rate


# limit orders


def test_orders_are_filled_after_the_market_makers_the_begun_ones_first() -> None:
    made = held(0, x=5, y=100, processed=30, waiting=50)
    assert layers(made, X) == ((100, 100), (30, 30), (50, 50))
    assert layers(made, Y) == ((5, 5),)  # these orders sell Y
    selling_x = msgspec.structs.replace(made, orders_sell_x=True)
    assert layers(selling_x, X) == ((100, 100),)
    assert layers(selling_x, Y) == ((5, 5), (30, 30), (50, 50))
    assert layers(made, X, function_type=1) == ((100, 100),)
    assert layers(made, X, has_rewards=True) == ((100, 100),)  # undetermined, but it farms
    assert layers(made, X, function_type=2, has_rewards=True) == ((100, 100), (30, 30), (50, 50))


def layers(found: Bin, mint: Address, **changes: Any) -> tuple[tuple[int, int], ...]:
    way = ladder(pool([found], **changes), x_to_y=mint == X, age=CALM)
    assert way is not None
    way.exact_in(1)
    return way.steps[0].layers


def test_an_exact_output_across_layers_fails_where_the_program_fails() -> None:
    # price 1.001: 1,000 y cost 999.0 x each time, rounded up to 1,000 per layer but to 1,999 for both together
    found = held(1, y=1_000, waiting=1_000)
    way = ladder(pool([found], active_id=1, base_factor=0, variable_fee_control=0), x_to_y=True, age=CALM)
    assert way is not None
    assert way.exact_out(1_999) is Fault.PROGRAM_FAILS  # 1,998 x buy 1,000 and 999
    assert way.exact_out(900) == Trade(900, 900, 0, 1)
    assert way.exact_out(2_000) == Trade(2_000, 2_000, 0, 1)  # all of it is no partial fill


# against a plain walk


amounts = st.one_of(st.integers(0, 50), st.integers(0, 10**6), st.integers(0, 10**12), st.integers(0, 2**62))
sizes = st.one_of(st.integers(1, 100), st.integers(1, 10**7), st.integers(1, 10**13), st.integers(1, U64))


@st.composite
def pools(draw: Any) -> DlmmPool:
    step = draw(st.sampled_from((1, 2, 10, 25, 100, 400)))
    active = draw(st.integers(-600, 600))
    where = draw(st.lists(st.integers(-160, 160), unique=True, max_size=12))
    bins = []
    for away in where:
        orders = draw(st.booleans())
        bins.append(
            held(
                active + away,
                x=draw(amounts) if away >= 0 else 0,
                y=draw(amounts) if away <= 0 else 0,
                step=step,
                processed=draw(amounts) if orders else 0,
                waiting=draw(amounts) if orders else 0,
                sell_x=away > 0 or (away == 0 and draw(st.booleans())),
            )
        )
    return pool(
        bins,
        extension=NOTHING_FARTHER,
        active_id=active,
        bin_step=step,
        base_factor=draw(st.sampled_from((0, 1, 5_000, 20_000, 65_535))),
        base_fee_power_factor=draw(st.sampled_from((0, 0, 1, 3))),
        variable_fee_control=draw(st.sampled_from((0, 7_500, 2_000_000))),
        function_type=draw(st.integers(0, 2)),
        collect_fee_mode=draw(st.integers(0, 1)),
        has_rewards=draw(st.booleans()),
        volatility_accumulator=draw(st.integers(0, 350_000)),
        volatility_reference=draw(st.integers(0, 350_000)),
        index_reference=active + draw(st.integers(-50, 50)),
        last_update_timestamp=NOW.unix_timestamp - draw(st.sampled_from((0, 29, 30, 599, 600))),
    )


class Fails(Exception):
    """The program would."""


def cast(value: int) -> int:
    if value > U64:
        raise Fails
    return value


def up(a: int, b: int) -> int:
    return -(-a // b)


class Walk:
    """A swap from bin to bin, as the program makes it: no totals, no searching."""

    def __init__(self, made: DlmmPool, *, x_to_y: bool, age: int) -> None:
        self.made, self.x_to_y = made, x_to_y
        state = made.state
        self.on_input = not (state.collect_fee_mode == 1 and x_to_y)
        self.reference, self.index = 0, state.active_id
        if age == FRESH:
            self.reference, self.index = state.volatility_reference, state.index_reference
        elif age == DECAYING:
            self.reference = state.volatility_accumulator * state.reduction_factor // 10_000
        every = [found for array in made.arrays for found in array.bins]
        self.bins = [
            b for b in every if (b.bin_id <= state.active_id if x_to_y else b.bin_id >= state.active_id)
        ]
        self.bins.sort(key=lambda found: found.bin_id, reverse=x_to_y)

    def rate(self, bin_id: int) -> int:
        state = self.made.state
        volatility = min(self.reference + 10_000 * abs(self.index - bin_id), state.max_volatility_accumulator)
        base = state.base_factor * state.bin_step * 10 * 10**state.base_fee_power_factor
        moving = up(state.variable_fee_control * (volatility * state.bin_step) ** 2, 10**11)
        return min(base + moving, 10**8)

    def cost(self, amount: int, price: int) -> int:
        return cast(up(amount << 64, price) if self.x_to_y else up(amount * price, 1 << 64))

    def worth(self, amount: int, price: int) -> int:
        return amount * price >> 64 if self.x_to_y else (amount << 64) // price

    def layers(self, found: Bin) -> list[int]:
        own = found.y if self.x_to_y else found.x
        fills = self.made.state.fills_orders and found.orders_sell_x != self.x_to_y
        return [own, found.processed, found.waiting] if fills else [own, 0, 0]

    def spend_in(self, found: Bin, amount: int) -> tuple[int, int]:
        """(spent, received) at one bin."""
        rate = self.rate(found.bin_id)
        left = net = amount - up(amount * rate, ONE) if self.on_input else amount
        out = 0
        for there in self.layers(found):
            if left and there:
                cost = self.cost(there, found.price)
                out += there if left >= cost else self.worth(left, found.price)
                left = max(0, left - cost)
        if left:
            used = net - left
            amount = cast(used + up(used * rate, ONE - rate)) if self.on_input else used
        return amount, out if self.on_input else out - up(out * rate, ONE)

    def spend(self, amount: int) -> tuple[int, int]:
        left, received = amount, 0
        for found in self.bins:
            if left and cast(sum(self.layers(found))):
                spent, out = self.spend_in(found, left)
                left, received = left - spent, received + out
        if left:
            raise Fails
        return amount, received

    def buy(self, amount: int) -> tuple[int, int]:
        left, paid = amount, 0
        for found in self.bins:
            there = cast(sum(self.layers(found)))
            if not left or not there:
                continue
            rate = self.rate(found.bin_id)
            gross = left if self.on_input else cast(left + up(left * rate, ONE - rate))
            if gross >= there:
                cost, out = self.spend_in(found, U64)
            else:
                cost = self.cost(gross, found.price)
                if self.on_input:
                    cost = cast(cost + up(cost * rate, ONE - rate))
                cost, out = self.spend_in(found, cost)
                if out < left:
                    raise Fails
            left, paid = left - min(out, left), cast(paid + cost)
        if left:
            raise Fails
        return paid, amount


@settings(max_examples=400)
@given(pools(), st.booleans(), st.booleans(), sizes, st.lists(sizes, max_size=3))
def test_a_ladder_answers_what_a_walk_through_all_bins_answers(
    made: DlmmPool, x_to_y: bool, exact_in: bool, size: int, asked_before: list[int]
) -> None:
    for age in (FRESH, DECAYING, CALM):
        way = ladder(made, x_to_y=x_to_y, age=age)
        assert way is not None
        for other in asked_before:
            way.exact_in(other)
        walk = Walk(made, x_to_y=x_to_y, age=age)
        try:
            expected: tuple[int, int] | None = walk.spend(size) if exact_in else walk.buy(size)
        except Fails:
            expected = None
        found = way.exact_in(size) if exact_in else way.exact_out(size)
        assert (None if isinstance(found, Fault) else (found.amount_in, found.amount_out)) == expected


# what must hold for any pool


fees = st.one_of(
    st.just(None),
    st.builds(TransferFee, epoch=st.just(0), maximum=st.integers(0, U64), bps=st.integers(0, 9_999)),
)


@st.composite
def taxed(draw: Any) -> DlmmPool:
    made = draw(pools())
    fee_x, fee_y = draw(fees), draw(fees)
    state = msgspec.structs.replace(
        made.state,
        program_x=made.state.program_x if fee_x is None else TOKEN_2022_PROGRAM,
        program_y=made.state.program_y if fee_y is None else TOKEN_2022_PROGRAM,
    )
    mints = [
        None if fee is None else Mint(9, TransferFees(fee, fee), has_hook=False) for fee in (fee_x, fee_y)
    ]
    return msgspec.structs.replace(made, state=state, mint_x=mints[0], mint_y=mints[1], book=Book())


def quote(made: DlmmPool, mint: Address, kind: SwapKind, size: int) -> Quote | None:
    answer = VENUE.quote(made, QuoteRequest(mint, kind, size), NOW)
    return answer if isinstance(answer, Quote) else None


side = st.sampled_from((X, Y))


@given(taxed(), side, sizes, sizes)
def test_more_in_never_gives_less_out(made: DlmmPool, mint: Address, one: int, other: int) -> None:
    small, large = (quote(made, mint, SwapKind.EXACT_IN, size) for size in sorted((one, other)))
    if small is not None and large is not None:
        assert small.amount_out <= large.amount_out


@given(taxed(), side, sizes, sizes)
def test_more_out_never_costs_less_in(made: DlmmPool, mint: Address, one: int, other: int) -> None:
    small, large = (quote(made, mint, SwapKind.EXACT_OUT, size) for size in sorted((one, other)))
    if small is not None and large is not None:
        assert small.amount_in <= large.amount_in


@given(taxed(), side, sizes)
def test_paying_what_an_exact_output_costs_brings_at_least_that(
    made: DlmmPool, mint: Address, size: int
) -> None:
    exact = quote(made, mint, SwapKind.EXACT_OUT, size)
    assume(exact is not None)
    assert exact is not None
    again = quote(made, mint, SwapKind.EXACT_IN, exact.amount_in)
    assert again is not None and again.amount_out >= size


@given(taxed(), side, sizes)
def test_an_exact_output_never_gives_more_than_the_same_input_would(
    made: DlmmPool, mint: Address, size: int
) -> None:
    bought = quote(made, mint, SwapKind.EXACT_IN, size)
    assume(bought is not None)
    assert bought is not None
    exact = quote(made, mint, SwapKind.EXACT_OUT, bought.amount_out)
    if exact is not None:
        again = quote(made, mint, SwapKind.EXACT_IN, exact.amount_in)
        assert again is not None and again.amount_out >= bought.amount_out


@given(taxed(), side, sizes, st.sampled_from(list(SwapKind)))
def test_no_swap_is_better_than_the_best_price_on_its_way_and_impact_is_never_negative(
    made: DlmmPool, mint: Address, size: int, kind: SwapKind
) -> None:
    found = quote(made, mint, kind, size)
    assume(found is not None)
    assert found is not None
    price = bin_price(made.state.active_id, made.state.bin_step)
    assert price is not None
    if mint == X:
        assert found.amount_out << 64 <= found.amount_in * price
    else:
        assert found.amount_out * price <= found.amount_in << 64
    assert 0 <= found.price_impact_bps <= 10_000
    assert 0 <= found.fee_in <= found.amount_in and found.fee_out >= 0
    assert 0 < found.amount_in <= U64 and 0 < found.amount_out <= U64


@given(
    taxed(), side, st.integers(-(2**70), 2**70), st.sampled_from(list(SwapKind)), st.integers(-(2**40), 2**40)
)
def test_any_amount_at_any_moment_is_a_quote_or_a_refusal(
    made: DlmmPool, mint: Address, size: int, kind: SwapKind, second: int
) -> None:
    moment = Moment(second, NOW.slot, NOW.epoch)
    answer = quoting.quote(made, QuoteRequest(mint, kind, size), moment)
    assert isinstance(answer, Quote | Refusal)
    if not 0 < size <= U64:
        assert isinstance(answer, Refusal)
