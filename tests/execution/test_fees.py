"""What a leg may cost: bounds for entries and exits, limits learned from simulations, prices of the pools traded."""

from typing import Any

import pytest

from chimera.domain.ids import USDC, WSOL, IntentId, Slot, TradeId
from chimera.domain.intent import Style
from chimera.domain.messages import Entry, Fact, LegDropped, LegPlanned, LegSimulated
from chimera.domain.pool import Quote
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import Hop, LegRef
from chimera.execution.compute import SAMPLES, RouteKind
from chimera.execution.costs import Costs
from chimera.execution.fees import FeePolicy, Fees, budget, cu_price
from chimera.execution.prices import ANYWHERE, POOLS_WATCHED, PriceBook, PricePolicy, percentile
from chimera.testing.builders import BONK, address

POLICY = FeePolicy()
POOL, OTHER = address("pool"), address("other pool")
BUY = RouteKind(buying=True, venues=("raydium_cpmm",))


def hop(pool: str = POOL, venue: str = "raydium_cpmm", *, buying: bool = True) -> Hop:
    source, target = (WSOL, BONK) if buying else (BONK, WSOL)
    return Hop(venue, pool, source, target, 100, 100)  # type: ignore[arg-type]


class Story:
    """Legs as the journal tells them."""

    def __init__(self, costs: Costs) -> None:
        self.costs, self.legs = costs, 0

    def tell(self, fact: Fact) -> None:
        self.costs.apply(Entry(1, 1_000, "r", fact))

    def simulated(self, units: int, *, hops: tuple[Hop, ...] = (hop(),), error: str | None = None) -> None:
        self.legs += 1
        leg = LegRef(f"leg{self.legs}", IntentId("i"), TradeId("t"))
        limit = self.costs.compute.limit(
            RouteKind(hops[0].input_mint == WSOL, tuple(one.venue for one in hops))
        )
        self.tell(LegPlanned(leg, hops, 100, 100, 90, Slot(1), limit, 1, 0))
        self.tell(LegSimulated(leg, error, units, Slot(1)))
        if error:
            self.tell(LegDropped(leg, Refusal(Reason.SIMULATION_FAILED)))


# price


def test_where_nothing_is_known_of_the_market_the_policys_price_is_paid_and_exits_pay_more() -> None:
    assert cu_price(Style.SHIELD, None, POLICY) == 10_000
    assert cu_price(Style.EXIT, None, POLICY) == 50_000


@pytest.mark.parametrize(
    ("style", "market", "paid"),
    [
        (Style.SPEAR, 0, 10_000),
        (Style.SPEAR, 123_456, 123_456),
        (Style.SHIELD, 10**9, 1_000_000),
        (Style.EXIT, 20_000, 50_000),
        (Style.EXIT, 123_456, 246_912),
        (Style.EXIT, 10**9, 5_000_000),
    ],
)
def test_the_markets_price_counts_between_floor_and_ceiling(style: Style, market: int, paid: int) -> None:
    assert cu_price(style, market, POLICY) == paid


def test_an_entry_that_costs_too_much_is_refused_and_an_exit_pays_what_it_may() -> None:
    wanted: dict[str, Any] = {
        "compute_units": 1_000_000,
        "market_price": 10**9,
        "tip_lamports": 4_500_000,
        "policy": POLICY,
    }
    refused = budget(Style.SPEAR, **wanted)
    assert refused == Refusal(Reason.FEES_ABOVE_LIMIT, limit="5000000", observed="5505000")
    paid = budget(Style.EXIT, **wanted)
    assert isinstance(paid, Fees)
    assert paid.total_lamports <= POLICY.fee_lamports_max < paid.total_lamports + 2
    assert paid.tip_lamports == 4_500_000


def test_the_percentile_is_the_nearest_rank() -> None:
    assert [percentile([4, 1, 3, 2], percent) for percent in (0, 25, 26, 50, 75, 100)] == [1, 1, 2, 2, 3, 4]


def test_the_dearest_pool_of_a_route_sets_the_price_and_an_unknown_one_costs_what_the_chain_does() -> None:
    book = PriceBook(PricePolicy(percentile=50))
    assert book.price([POOL]) is None
    book.see(ANYWHERE, [7, 7, 7], 1_000)
    book.see(POOL, [1, 5, 9], 1_000)
    assert book.price([POOL]) == 5
    assert book.price([POOL, OTHER]) == 7
    book.see(OTHER, [100], 1_000)
    assert book.price([POOL, OTHER]) == 100


def test_stale_prices_are_unknown_prices() -> None:
    book = PriceBook(PricePolicy(stale_ms=60_000))
    book.see(POOL, [9], 1_000)
    book.see(POOL, [], 50_000)  # an empty answer is no news
    book.forget_stale(61_000)
    assert book.price([POOL]) == 9
    book.forget_stale(61_001)
    assert book.price([POOL]) is None


def test_pools_of_the_latest_plans_are_watched_and_the_oldest_forgotten() -> None:
    costs = Costs()
    story = Story(costs)
    for number in range(POOLS_WATCHED + 2):
        story.simulated(1_000, hops=(hop(f"pool {number}"),))
    story.simulated(1_000, hops=(hop("pool 4"),))
    watched = costs.prices.watched
    assert len(watched) == POOLS_WATCHED
    assert watched[:2] == ("pool 4", f"pool {POOLS_WATCHED + 1}")
    assert "pool 0" not in watched


# compute units


def test_before_the_first_simulation_a_route_gets_the_default_of_its_length() -> None:
    compute = Costs().compute
    assert compute.limit(BUY) == 180_000
    assert compute.limit(RouteKind(buying=True, venues=("a", "b"))) == 300_000
    assert compute.limit(RouteKind(buying=True, venues=("a",) * 40)) == 1_400_000


def test_the_limit_is_what_simulations_took_and_fifteen_percent_rounded_up() -> None:
    story = Story(Costs())
    story.simulated(123_457)
    assert story.costs.compute.limit(BUY) == 141_976  # 141975.55


def test_the_most_of_the_last_simulations_counts_and_old_ones_are_forgotten() -> None:
    story = Story(Costs())
    story.simulated(150_000)
    story.simulated(100_000)
    assert story.costs.compute.limit(BUY) == 172_500
    for _ in range(SAMPLES):
        story.simulated(100_000)
    assert story.costs.compute.limit(BUY) == 115_000


def test_small_programs_do_not_pull_the_limit_below_the_floor() -> None:
    story = Story(Costs())
    story.simulated(21_000)
    assert story.costs.compute.limit(BUY) == 100_000
    story.simulated(21_000, hops=(hop(), hop(OTHER, "pumpswap")))
    assert story.costs.compute.limit(RouteKind(buying=True, venues=("raydium_cpmm", "pumpswap"))) == 160_000


def test_buys_and_sells_and_other_venues_learn_apart() -> None:
    story = Story(Costs())
    story.simulated(300_000, hops=(hop(buying=False),))
    assert story.costs.compute.limit(RouteKind(buying=False, venues=("raydium_cpmm",))) == 345_000
    assert story.costs.compute.limit(BUY) == 180_000
    assert story.costs.compute.limit(RouteKind(buying=False, venues=("pumpswap",))) == 180_000


def test_a_simulation_that_ran_out_of_units_doubles_the_next_limit_until_one_succeeds() -> None:
    story = Story(Costs())
    story.simulated(180_000, error="ProgramFailedToComplete")
    assert story.costs.compute.limit(BUY) == 360_000
    for _ in range(5):
        story.simulated(story.costs.compute.limit(BUY), error="ProgramFailedToComplete")
    assert story.costs.compute.limit(BUY) == 1_400_000
    story.simulated(250_000)
    assert story.costs.compute.limit(BUY) == 287_500


def test_other_failures_and_nodes_that_do_not_tell_teach_nothing() -> None:
    story = Story(Costs())
    story.simulated(60_000, error="Custom(6005)")
    story.simulated(0)
    assert story.costs.compute.limit(BUY) == 180_000


def test_a_restart_folds_the_same_limits_from_the_same_journal() -> None:
    entries: list[Entry] = []
    story = Story(Costs())
    story.tell = lambda fact: entries.append(Entry(1, 1, "r", fact)) or story.costs.apply(entries[-1])  # type: ignore[method-assign,func-returns-value]
    story.simulated(123_457)
    again = Costs()
    for entry in entries:
        again.apply(entry)
    assert again.compute.limit(BUY) == story.costs.compute.limit(BUY) == 141_976
    assert again.prices.watched == (POOL,)


def quote(source: str, target: str, *, amount_in: int, amount_out: int, pool: str = POOL) -> Quote:
    given = {
        "venue": "raydium_cpmm", "pool": pool, "input_mint": source, "output_mint": target,
        "amount_in": amount_in, "amount_out": amount_out,
    }  # fmt: skip
    rest = {name: 0 for name in Quote.__struct_fields__ if name not in given}
    return Quote(**given, **rest)  # type: ignore[arg-type]


def test_all_of_it_comes_together_in_one_place() -> None:
    costs = Costs()
    Story(costs).simulated(150_000)
    costs.prices.see(POOL, [30_000], 1_000)
    buy = [quote(WSOL, USDC, amount_in=10**9, amount_out=1), quote(USDC, BONK, amount_in=1, amount_out=9)]
    assert costs.of(Style.SHIELD, buy[:1], bundle=False) == Fees(172_500, 30_000, 0)
    spear = costs.of(Style.SPEAR, buy, bundle=True)
    assert spear == Fees(300_000, 30_000, 2_000_000)
    sell = [quote(BONK, WSOL, amount_in=5, amount_out=8_000_000)]
    assert costs.of(Style.EXIT, sell, bundle=True) == Fees(180_000, 60_000, 800_000)
