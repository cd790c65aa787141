"""The router held against brute force on small random markets, and against its own bounds on large ones."""

from collections.abc import Iterator, Sequence
from itertools import pairwise, permutations, product

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as draw

from chimera.domain.ids import USDC, WSOL, Address, Slot
from chimera.domain.pool import Moment, Quote, QuoteRequest, SwapKind
from chimera.domain.risk import Reason, Refusal
from chimera.execution import router
from chimera.execution.route import Route, orders
from chimera.execution.router import best_route
from chimera.execution.splits import PARTS, split
from chimera.market.view import MarketView
from chimera.ports.venue import Venue
from chimera.testing.builders import AT_MS, address
from chimera.testing.products import VENUE, Product, Products, update
from chimera.testing.products import product as pool_of

TOKEN, HUB = address("a token"), address("a hub of its own")
MINTS = (WSOL, USDC, TOKEN, HUB)
PAIRS = [(one, other) for place, one in enumerate(MINTS) for other in MINTS[place + 1 :]]


def market(pools: Sequence[Product], venue: Venue[Product] = VENUE) -> MarketView:
    view = MarketView({"products": venue})  # type: ignore[dict-item]
    view.see_slot(Slot(5), AT_MS)
    for pool in pools:
        view.apply(update(pool), AT_MS)
    return view


def search(view: MarketView, amount: int, *, swaps_max: int = 4) -> Route | Refusal:
    return best_route(
        view, input_mint=WSOL, output_mint=TOKEN, amount=amount, doubtful=False, swaps_max=swaps_max
    )


reserves = draw.integers(10**6, 10**12)
a_pool = draw.builds(
    lambda pair, x, y, fee, label: pool_of(f"{label}", pair, (x, y), fee_bps=fee),
    draw.sampled_from(PAIRS), reserves, reserves, draw.sampled_from([0, 1, 25, 100]), draw.integers(0, 10**9),
)  # fmt: skip
markets = draw.lists(a_pool, min_size=1, max_size=8, unique_by=lambda pool: pool.address)
amounts = draw.integers(1, 10**11)


def every_way(pools: Sequence[Product]) -> Iterator[tuple[Product, ...]]:
    """All chains of one to three pools between the two ends that visit no mint twice."""
    for length in (1, 2, 3):
        for between in permutations([mint for mint in MINTS if mint not in (WSOL, TOKEN)], length - 1):
            stops = (WSOL, *between, TOKEN)
            yield from product(*(
                [pool for pool in pools if {pool.mint_a, pool.mint_b} == {one, other}]
                for one, other in pairwise(stops)
            ))  # fmt: skip


def through(way: Sequence[Product], amount: int) -> int:
    mint = WSOL
    for pool in way:
        quote = VENUE.quote(pool, QuoteRequest(mint, SwapKind.EXACT_IN, amount), Moment(0, Slot(5), 0))
        if isinstance(quote, Refusal):
            return 0
        mint, amount = quote.output_mint, quote.amount_out
    return amount


@settings(max_examples=300, deadline=None)
@given(markets, amounts)
def test_no_chain_of_pools_gives_more_than_the_route_found(pools: list[Product], amount: int) -> None:
    best = max((through(way, amount) for way in every_way(pools)), default=0)
    found = search(market(pools), amount)
    if not best:
        # pools side by side may still take what none takes alone
        assert isinstance(found, Refusal) or len(found.quotes) > len(found.stages)
        return
    assert isinstance(found, Route)
    assert found.amount_out >= best
    if len(found.quotes) == len(found.stages):
        assert found.amount_out == best


@settings(max_examples=200, deadline=None)
@given(markets, amounts)
def test_every_stage_spends_exactly_what_the_one_before_gives(pools: list[Product], amount: int) -> None:
    view = market(pools)
    found = search(view, amount)
    if isinstance(found, Refusal):
        return
    assert found.amount_in == amount
    for before, after in pairwise(found.stages):
        assert sum(quote.amount_out for quote in before) == sum(quote.amount_in for quote in after)
    for quote in found.quotes:
        asked = QuoteRequest(quote.input_mint, SwapKind.EXACT_IN, quote.amount_in)
        assert view.pools[quote.pool].quote(asked, view.moment()) == quote, "exactly what the pool says"
    assert len({quote.pool for quote in found.quotes}) == len(found.quotes), "no pool is priced twice"


@settings(max_examples=150, deadline=None)
@given(draw.lists(draw.tuples(reserves, reserves), min_size=2, max_size=3), draw.integers(PARTS, 10**11))
def test_no_division_into_equal_parts_gives_more_than_the_split(
    sizes: list[tuple[int, int]], amount: int
) -> None:
    pools = [pool_of(str(place), (WSOL, TOKEN), size) for place, size in enumerate(sizes)]

    def ask(pool: Product, part: int) -> Quote | None:
        quote = VENUE.quote(pool, QuoteRequest(WSOL, SwapKind.EXACT_IN, part), Moment(0, Slot(5), 0))
        return None if isinstance(quote, Refusal) else quote

    def out(pool: Product, part: int) -> int:
        quote = ask(pool, part) if part else None
        return 0 if quote is None else quote.amount_out

    part, rest = divmod(amount, PARTS)
    best = 0
    for shares in product(range(PARTS + 1), repeat=len(pools)):
        if sum(shares) == PARTS:
            for favoured, share in enumerate(shares):
                if share:  # whoever takes the rest
                    best = max(best, sum(
                        out(pool, part * shares[place] + (rest if place == favoured else 0))
                        for place, pool in enumerate(pools)
                    ))  # fmt: skip
    alone = max(out(pool, amount) for pool in pools)
    found = split(pools, amount, ask, alone=alone, pools_max=3)
    given = alone if found is None else sum(quote.amount_out for quote in found)
    if found is None:
        assert best <= alone * 10_005 // 10_000 + 2 + PARTS, "not worth a swap more"
    else:
        # rounding makes outputs uneven by one unit a step; a rest placed elsewhere is worth less than a unit of price
        slack = PARTS + 2 + max(rest * y // x + 1 for x, y in sizes)
        assert given >= best - slack
        assert sum(quote.amount_in for quote in found) == amount


@settings(max_examples=100, deadline=None)
@given(markets, amounts, draw.booleans())
def test_not_dividing_where_no_price_could_pay_for_it_changes_no_route(
    pools: list[Product], amount: int, crowded: bool
) -> None:
    """The plain twin tries to divide every route that it finds."""
    if crowded:  # all of one pair, so that there is always something to divide
        pools = [msgspec.structs.replace(pool, mint_a=WSOL, mint_b=TOKEN) for pool in pools]
    view = market(pools)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            router._Search, "gains", lambda self, route, *, swaps_max: len(route.quotes) < swaps_max
        )
        plain = search(view, amount)
    assert search(view, amount) == plain


def test_pools_are_not_divided_among_where_the_best_barely_moves_its_price() -> None:
    asked: list[int] = []

    class Counted(Products):
        def quote(self, pool: Product, request: QuoteRequest, moment: Moment) -> Quote | Refusal:
            asked.append(request.amount)
            return super().quote(pool, request, moment)

    view = market([pool_of(str(n), (WSOL, TOKEN), (10**12, 10**12)) for n in range(3)], Counted())
    assert isinstance(search(view, 10**8), Route)
    assert asked == [10**8] * 3, "each pool once, for all of it"
    asked.clear()
    assert len(search(view, 10**11).quotes) == 3  # type: ignore[union-attr]


def test_a_large_trade_is_divided_over_two_pools_of_its_pair() -> None:
    deep = pool_of("deep", (WSOL, TOKEN), (3 * 10**12, 3 * 10**12))
    other = pool_of("other", (WSOL, TOKEN), (10**12, 10**12))
    view = market([deep, other])
    found, narrow = search(view, 4 * 10**11), search(view, 4 * 10**11, swaps_max=1)
    assert isinstance(found, Route)
    assert isinstance(narrow, Route)
    assert [quote.pool for quote in found.stages[0]] == [deep.address, other.address]
    # the ideal is in proportion to the reserves
    assert [quote.amount_in for quote in found.stages[0]] == [3 * 10**11, 10**11]
    assert found.amount_out > narrow.amount_out
    assert len(narrow.quotes) == 1


def test_a_small_trade_is_not_divided() -> None:
    view = market([pool_of(str(n), (WSOL, TOKEN), (10**12, 10**12)) for n in range(3)])
    found = search(view, 10**6)
    assert isinstance(found, Route)
    assert len(found.quotes) == 1, "a second swap would cost more than it brings"


def test_what_no_pool_takes_alone_is_taken_by_several_together() -> None:
    class Shallow(Products):
        def quote(self, pool: Product, request: QuoteRequest, moment: Moment) -> Quote | Refusal:
            if request.amount > 60:
                return Refusal(Reason.AMOUNT_OUT_OF_RANGE, observed="its ticks end")
            return super().quote(pool, request, moment)

    view = market([pool_of(str(n), (WSOL, TOKEN), (10**3, 10**9), fee_bps=0) for n in range(2)], Shallow())
    found = search(view, 96)
    assert isinstance(found, Route)
    assert [quote.amount_in for quote in found.stages[0]] == [48, 48]
    assert isinstance(search(view, 96, swaps_max=1), Refusal)


def test_limits_add_up_and_every_stage_spends_what_is_sure() -> None:
    pools = [
        pool_of("there", (WSOL, USDC), (10**12, 15 * 10**10)), pool_of("there too", (WSOL, USDC), (10**12, 15 * 10**10)),
        pool_of("on", (USDC, TOKEN), (10**11, 10**13)), pool_of("on too", (USDC, TOKEN), (10**11, 10**13)),
    ]  # fmt: skip
    found = search(market(pools), 10**11)
    assert isinstance(found, Route)
    assert [len(stage) for stage in found.stages] == [2, 2]
    written = list(orders(found, minimum_out=found.amount_out * 97 // 100, inner_slippage_bps=30))
    first, second = written[:2], written[2:]
    assert sum(order.amount for order in first) == 10**11
    assert sum(order.limit for order in first) == sum(order.amount for order in second)
    assert sum(order.limit for order in first) == sum(o.quote.amount_out for o in first) * 9_970 // 10_000
    assert sum(order.limit for order in second) == found.amount_out * 97 // 100


def test_the_work_of_a_search_is_bounded_however_many_pools_there_are() -> None:
    hubs = [address(f"hub {n}") for n in range(30)]
    pools = [pool_of(f"{n} {hub} in", (WSOL, hub), (10**9 + n, 10**9)) for hub in hubs for n in range(12)]
    pools += [pool_of(f"{n} {hub} out", (hub, TOKEN), (10**9 + n, 10**9)) for hub in hubs for n in range(12)]
    asked: list[Address] = []

    class Counted(Products):
        def quote(self, pool: Product, request: QuoteRequest, moment: Moment) -> Quote | Refusal:
            asked.append(pool.address)
            return super().quote(pool, request, moment)

    view = market(pools, Counted())
    assert isinstance(search(view, 10**8), Route)
    assert 0 < len(asked) <= router.QUOTES_MAX


def test_a_third_pool_is_looked_for_only_where_the_shorter_ways_are_dear() -> None:
    shallow = pool_of("shallow", (WSOL, TOKEN), (10**9, 10**9))
    long = [
        pool_of("1", (WSOL, USDC), (10**13, 10**13)), pool_of("2", (USDC, HUB), (10**13, 10**13)),
        pool_of("3", (HUB, TOKEN), (10**13, 10**13)),
    ]  # fmt: skip
    view = market([shallow, *long])

    def stages(amount: int) -> int:
        found = best_route(
            view, input_mint=WSOL, output_mint=TOKEN, amount=amount, doubtful=False, dear_bps=100
        )
        assert isinstance(found, Route)
        return len(found.stages)

    assert stages(10**6) == 1
    assert stages(10**8) == 3
    assert len(search(market(long), 10**6).stages) == 3, "where there is no other way it is always looked for"  # type: ignore[union-attr]
