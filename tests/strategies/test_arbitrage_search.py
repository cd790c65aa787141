"""The search for circles held against brute force, and the sizing against every amount of a grid."""

from collections.abc import Sequence
from itertools import permutations, product
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as draw

from chimera.domain.ids import USDC, WSOL, Address, Slot
from chimera.domain.pool import Moment, Quote, QuoteRequest, SwapKind
from chimera.domain.risk import Refusal
from chimera.domain.sizing import STEPS, best_amount
from chimera.market.view import MarketView
from chimera.strategies.arbitrage.rates import Circle, Rates
from chimera.testing.builders import AT_MS, address
from chimera.testing.products import VENUE, Product, Products, update
from chimera.testing.products import product as pool_of

NOW = Moment(0, Slot(5), 0)
TOKEN, OTHER = address("a token"), address("another")
MINTS = (WSOL, USDC, TOKEN, OTHER)
PAIRS = [(one, other) for place, one in enumerate(MINTS) for other in MINTS[place + 1 :]]
PROBE = 10**6

reserves = draw.integers(10**11, 10**13)
a_pool = draw.builds(
    lambda pair, x, y, label: pool_of(str(label), pair, (x, y)),
    draw.sampled_from(PAIRS), reserves, reserves, draw.integers(0, 10**9),
)  # fmt: skip
markets = draw.lists(a_pool, min_size=2, max_size=9, unique_by=lambda pool: pool.address)
sound = markets.filter(
    # a probe stays a probe on any way through such pools
    lambda pools: all(pool.reserve_a < 10 * pool.reserve_b < 100 * pool.reserve_a for pool in pools)
)


def quoted(pool: Product, mint: Address, amount: int) -> int:
    quote = VENUE.quote(pool, QuoteRequest(mint, SwapKind.EXACT_IN, amount), NOW)
    return 0 if isinstance(quote, Refusal) else quote.amount_out


def known_rate(rates: Rates, source: Address, target: Address, pool: Address) -> float | None:
    pair = rates._pairs.get(source, {}).get(target)
    return None if pair is None else pair.rates.get(pool)


def probe_of(rates: Rates, mint: Address) -> int:
    return rates._asks[mint].amount if mint in rates._asks else PROBE


def brute(pools: Sequence[Product], through: Product, rates: Rates) -> dict[int, float]:
    """The best rate of all circles through one pool, by their length."""
    best: dict[int, float] = {}
    for length in (2, 3):
        for between in permutations([mint for mint in MINTS if mint != WSOL], length - 1):
            stops = (WSOL, *between, WSOL)
            steps = [(stops[n], stops[n + 1]) for n in range(length)]
            for way in product(*([p for p in pools if {p.mint_a, p.mint_b} == set(step)] for step in steps)):
                if through not in way or len(set(way)) < length:
                    continue
                rate = 1.0
                for pool, (source, target) in zip(way, steps, strict=True):
                    rate *= known_rate(rates, source, target, pool.address) or 0
                best[length] = max(best.get(length, 0), rate)
    return {length: rate for length, rate in best.items() if rate}


@settings(max_examples=200, deadline=None)
@given(markets)
def test_no_circle_through_a_changed_pool_is_better_than_those_found(pools: list[Product]) -> None:
    rates = Rates(PROBE)
    view = watched(pools, rates)
    for pool in pools:
        found: dict[int, float] = {}
        for circle in rates.circles(view.pools[pool.address]):
            assert pool.address in circle.pools
            assert len(set(circle.pools)) == len(circle.pools)
            found[len(circle.pools)] = max(found.get(len(circle.pools), 0), circle.rate)
        expected = brute(pools, pool, rates)
        assert found.keys() == expected.keys()
        assert all(abs(found[length] / rate - 1) < 1e-9 for length, rate in expected.items())


class Plain:
    """The same search without anything kept but every pool's rates: each circle is looked for anew."""

    def __init__(self, rates: Rates) -> None:
        self.rates = rates

    def of(self, source: Address, target: Address) -> dict[Address, float]:
        pair = self.rates._pairs.get(source, {}).get(target)
        return {} if pair is None else pair.rates

    def best(
        self, source: Address, target: Address, without: Address | None = None
    ) -> tuple[float, Address] | None:
        rates = self.of(source, target).items()
        return max(((rate, pool) for pool, rate in rates if pool != without), default=None)

    def circles(self, pool: Product, *, short: float, long: float) -> set[Circle]:
        found: set[Circle] = set()
        for source, target in ((pool.mint_a, pool.mint_b), (pool.mint_b, pool.mint_a)):
            rate = self.of(source, target).get(pool.address)
            if rate is None:
                continue
            through = (rate, pool.address)
            between = [mint for mint in MINTS if mint not in (WSOL, source, target)]
            ways: list[list[tuple[Address, Address, tuple[float, Address] | None]]] = []
            if source == WSOL:
                ways.append([(WSOL, target, through), (target, WSOL, self.best(target, WSOL, pool.address))])
                for m in between:
                    steps = (target, m, self.best(target, m)), (m, WSOL, self.best(m, WSOL))
                    ways.append([(WSOL, target, through), *steps])
            elif target == WSOL:
                ways.append([(WSOL, source, self.best(WSOL, source, pool.address)), (source, WSOL, through)])
                for m in between:
                    steps = (WSOL, m, self.best(WSOL, m)), (m, source, self.best(m, source))
                    ways.append([*steps, (source, WSOL, through)])
            else:
                ends = (WSOL, source, self.best(WSOL, source)), (target, WSOL, self.best(target, WSOL))
                ways.append([ends[0], (source, target, through), ends[1]])
            for way in ways:
                pays = 1.0
                for _, _, step in way:
                    pays *= 0.0 if step is None else step[0]
                if pays and pays >= (short if len(way) == 2 else long):
                    pools = tuple(step[1] for _, _, step in way if step is not None)
                    found.add(Circle(pools, tuple(mint for _, mint, _ in way[:-1]), pays))
        return found


def test_a_token_with_one_pool_is_not_asked_about_until_there_is_a_second() -> None:
    asked: list[Address] = []

    class Counted(Products):
        def quote(self, pool: Product, request: QuoteRequest, moment: Moment) -> Quote | Refusal:
            asked.append(pool.address)
            return super().quote(pool, request, moment)

    first, second = (pool_of(name, (WSOL, TOKEN), (10**12, 10**12)) for name in ("first", "second"))
    view, rates = MarketView({"products": Counted()}), Rates(PROBE)  # type: ignore[dict-item]
    view.see_slot(Slot(5), AT_MS)
    for _ in range(2):
        view.apply(update(first), AT_MS)
        rates.update(view.pools[first.address], NOW)
        assert rates.circles(view.pools[first.address]) == []
    assert asked == []
    view.apply(update(second), AT_MS)
    rates.update(view.pools[second.address], NOW)
    assert set(asked) == {first.address, second.address}
    assert len(rates.circles(view.pools[first.address])) == 2


moves = draw.lists(
    draw.tuples(draw.integers(0, 8), draw.integers(0, 10**13), draw.integers(0, 10**13)), max_size=20
)


@settings(max_examples=200, deadline=None)
@given(markets, moves, draw.sampled_from([0.0, 0.5, 1.0]))
def test_what_is_kept_of_pairs_finds_the_same_circles_to_the_bit_as_looking_anew(
    pools: list[Product], moves: list[tuple[int, int, int]], bound: float
) -> None:
    """Pools that move, run dry and come back; equals among them."""
    rates = Rates(PROBE)
    view = watched(pools, rates)
    plain = Plain(rates)
    for place, x, y in [(0, 0, 0), *moves]:
        pool = view.pools[pools[place % len(pools)].address]
        before: Any = pool.state
        pool.become(msgspec.structs.replace(before, reserve_a=max(x, 1), reserve_b=max(y, 1)), 5, 0)
        rates.update(pool, NOW)
        now: Any = pool.state
        found = rates.circles(pool, short=bound, long=bound)
        assert len(set(found)) == len(found)
        assert set(found) == plain.circles(now, short=bound, long=bound)
    for source, targets in rates._pairs.items():
        for target, pair in targets.items():
            assert (pair.best, pair.pool) == (plain.best(source, target) or (0.0, ""))


@settings(max_examples=200, deadline=None)
@given(sound)
def test_every_mint_that_sol_leads_through_has_a_probe_whatever_the_order_of_their_appearance(
    pools: list[Product],
) -> None:
    rates = Rates(PROBE)
    watched(pools, rates)
    reached, grown = {WSOL}, True
    while grown:
        more = {
            target
            for pool in pools
            for source, target in ((pool.mint_a, pool.mint_b), (pool.mint_b, pool.mint_a))
            if source in reached and quoted(pool, source, probe_of(rates, source))
        }
        grown = not more <= reached
        reached |= more
    dead_ends = {m for m in MINTS if m != WSOL and sum(m in (p.mint_a, p.mint_b) for p in pools) == 1}
    assert reached - dead_ends == set(rates._asks)
    for pool in pools:
        for source, target in ((pool.mint_a, pool.mint_b), (pool.mint_b, pool.mint_a)):
            rate = known_rate(rates, source, target, pool.address)
            assert rate is None or source in reached


def watched(pools: Sequence[Product], rates: Rates) -> MarketView:
    view = MarketView({"products": VENUE})  # type: ignore[dict-item]
    view.see_slot(Slot(5), AT_MS)
    for pool in pools:
        view.apply(update(pool), AT_MS)
        rates.update(view.pools[pool.address], NOW)
    return view


sizes = draw.tuples(draw.integers(10**9, 10**13), draw.integers(10**9, 10**13))


@settings(max_examples=200, deadline=None)
@given(sizes, sizes, draw.integers(10**5, 10**7), draw.integers(10**8, 10**11))
def test_no_amount_of_a_grid_leaves_noticeably_more_than_the_size_chosen(
    one: tuple[int, int], other: tuple[int, int], low: int, high: int
) -> None:
    first, second = pool_of("first", (WSOL, TOKEN), one), pool_of("second", (WSOL, TOKEN), other)

    def out(amount: int) -> int:
        return quoted(second, TOKEN, quoted(first, WSOL, amount))

    found = best_amount(lambda amount: out(amount) or None, low, high)
    grid = [
        (out(amount) - amount, amount)
        for amount in range(low, high, max((high - low) // 500, 1))
        if out(amount)
    ]
    if found is None:
        assert grid == []
        return
    amount, gain = found
    assert low <= amount <= high
    assert gain == out(amount) - amount, "exactly what the pools say"
    # a summit is flat: what the section misses of it is less than rounding and a thousandth of the gain
    step = max(one[0] // one[1], other[0] // other[1], 1)
    assert all(value <= gain + abs(gain) // 1_000 + 4 * step + 4 for value, _ in grid)


def test_the_number_of_quotes_is_bounded() -> None:
    asked: list[int] = []

    def out(amount: int) -> int:
        asked.append(amount)
        return amount + 5 - abs(amount - 777)

    assert best_amount(out, 1, 10**18) is not None
    assert len(asked) <= STEPS + 4, f"{len(asked)} times"


def test_amounts_that_are_refused_are_too_large() -> None:
    found = best_amount(lambda amount: None if amount > 1_000 else 2 * amount, 10, 10**6)
    assert found is not None
    assert 900 < found[0] <= 1_000
    nothing: Any = best_amount(lambda _: None, 10, 100)
    assert nothing is None
