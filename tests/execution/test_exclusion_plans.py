"""Which pool a trade takes where sales fail on the best one: another for an exit, none for a buy."""

from functools import lru_cache

from chimera.domain.chain import Account, AccountUpdate, Blockhash
from chimera.domain.failure import Failure
from chimera.domain.ids import WSOL, Address, IntentId, Signature, Slot, TradeId
from chimera.domain.intent import Side, Style, TradeIntent
from chimera.domain.messages import Entry, LegPlanned, LegReverted
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import Hop, LegRef
from chimera.execution.costs import Costs
from chimera.execution.planner import Plan, Planner
from chimera.localnet.genesis import genesis
from chimera.market.view import MarketView
from chimera.plugins import venues
from chimera.risk.exclusion import PoolExclusions
from chimera.risk.gate import Approved
from chimera.testing.builders import AT_MS, address, intent


@lru_cache(1)
def market() -> MarketView:
    """The world's pools as they stand at genesis."""
    view = MarketView(venues())
    view.see_slot(Slot(5), AT_MS)
    for _ in range(2):
        for one in genesis(7).accounts:
            read = Account(one.address, one.owner, one.lamports, bytes(one.data))
            view.apply(AccountUpdate(read, Slot(5), 0), AT_MS)
    return view


def token(pools: int) -> Address:
    """Of the world's, the first with so many pools against SOL (or more, where two are asked for)."""
    found = {one.mint: len(market().pools_between(one.mint, WSOL)) for one in genesis(7).tokens}
    return next(mint for mint, count in found.items() if count == pools or count > pools > 1)


class Stage:
    def __init__(self) -> None:
        self.exclusions, self.seq = PoolExclusions(), 0
        self.planner = Planner(market(), wallet=address("desk"), costs=Costs(), exclusions=self.exclusions)

    def plan(self, wanted: TradeIntent) -> Plan | Refusal:
        return self.planner.plan(
            Approved(wanted, ()), blockhash=Blockhash("1" * 32, 100, 5), bundle=False, close=False
        )

    def fail(self, pool: Address, mint: Address) -> None:
        for _ in range(3):
            self.seq += 1
            leg = LegRef(f"leg{self.seq}", IntentId("i"), TradeId("t"))
            hop = Hop("x", pool, mint, WSOL, 1, 1)
            for fact in (
                LegPlanned(leg, (hop,), 1, 1, 1, Slot(1), 1, 1, 0),
                LegReverted(leg, Signature("s"), Slot(1), "Custom(1)", -1, Failure.TRANSACTION),
            ):
                self.exclusions.apply(Entry(self.seq, AT_MS, "run", fact))


def sale(mint: Address) -> TradeIntent:
    return intent(side=Side.SELL, style=Style.EXIT, mint=mint, amount=10**6, slippage_bps_max=500)


def pools_of(plan: Plan | Refusal) -> set[Address]:
    assert not isinstance(plan, Refusal), plan
    return {hop.pool for hop in plan.hops}


def test_a_sale_takes_the_pool_that_gives_most_and_another_once_sales_fail_there() -> None:
    mint, stage = token(2), Stage()
    best = stage.plan(sale(mint))
    assert not isinstance(best, Refusal)
    first = best.hops[0].pool
    stage.fail(first, mint)
    other = stage.plan(sale(mint))
    assert first not in pools_of(other)
    assert not isinstance(other, Refusal) and other.expected_out <= best.expected_out


def test_an_exit_that_has_no_other_way_goes_on_trying() -> None:
    mint, stage = token(2), Stage()
    for pool in market().pools_of(mint):
        stage.fail(pool.header.address, mint)
    assert pools_of(stage.plan(sale(mint)))


def test_nothing_is_bought_where_it_could_not_be_sold() -> None:
    mint, stage = token(2), Stage()
    for pool in market().pools_of(mint):
        stage.fail(pool.header.address, mint)
    refused = stage.plan(intent(mint=mint, amount=10**7))
    assert isinstance(refused, Refusal) and refused.reason is Reason.POOL_DISABLED
    assert refused.observed.endswith("3 sales failed on it within 120 s")
