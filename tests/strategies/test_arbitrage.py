"""Arbitrage: gaps become one intent with its figures or a word in the shadow, and everything else a named no."""

from collections.abc import Sequence
from typing import Any

import msgspec

from chimera.domain.ids import USDC, WSOL, Address, Slot
from chimera.domain.intent import Origin, Side, TradeIntent
from chimera.domain.market import PoolUpdated, SlotAdvanced
from chimera.domain.messages import StrategyDecided, TradeMoved
from chimera.domain.trade import TradeState
from chimera.market.view import MarketView
from chimera.parameters.arbitrage import ArbitrageParams as Params
from chimera.portfolio import Ledger
from chimera.ports.strategy import Context, StrategyOutput
from chimera.strategies import arbitrage
from chimera.strategies.arbitrage import Arbitrage
from chimera.testing.builders import AT_MS, address
from chimera.testing.products import VENUE, Product, product, update

SOL = 10**9
TOKEN, OTHER = address("a token"), address("another token")
CHEAP = product("cheap", (WSOL, TOKEN), (1_000 * SOL, 1_050 * 10**12))
DEAR = product("dear", (WSOL, TOKEN), (1_000 * SOL, 1_000 * 10**12))


class Stage:
    """The strategy, a market and a clock."""

    def __init__(self, *pools: Product, **changes: Any) -> None:
        self.strategy = Arbitrage(Params(**{"live": True, **changes}))
        self.view = MarketView({"products": VENUE})  # type: ignore[dict-item]
        self.now, self.slot = AT_MS, 5
        self.view.see_slot(Slot(5), AT_MS)
        self.said: list[StrategyOutput] = []
        for pool in pools:
            self.change(pool)

    def change(self, pool: Product, *, slots_ago: int = 0) -> list[StrategyOutput]:
        """The pool's new state reaches the view, and the strategy hears of it."""
        said: list[StrategyOutput] = []
        for event in self.view.apply(update(pool, slot=self.slot - slots_ago), self.now):
            said += self.tell(event)
        self.said += said
        return said

    def tell(self, event: Any) -> Sequence[StrategyOutput]:
        context = Context(self.now, Ledger(), self.view, self.view)
        return self.strategy.on_event(event, context)

    def pass_time(self, ms: int, slots: int) -> None:
        self.now, self.slot = self.now + ms, self.slot + slots
        self.view.see_slot(Slot(self.slot), self.now)

    def codes(self) -> list[tuple[str, str]]:
        return [(one.verdict, one.code) for one in self.said if isinstance(one, StrategyDecided)]

    def intents(self) -> list[TradeIntent]:
        return [one for one in self.said if isinstance(one, TradeIntent)]


def test_a_gap_between_two_pools_becomes_one_circle_with_its_expected_value_and_return() -> None:
    stage = Stage(CHEAP, DEAR)
    (wanted,) = stage.intents()
    assert wanted.side is Side.CYCLE
    assert wanted.origin is Origin.STRATEGY_A
    assert wanted.parent is None, "type A reacts to the market, not to a transaction"
    assert wanted.pools == (CHEAP.address, DEAR.address), "bought where it is cheap, sold where it is dear"
    assert wanted.expected_profit_lamports >= wanted.profit_lamports_min == 10_000_000
    assert wanted.expected_edge_bps == wanted.expected_profit_lamports * 10_000 // wanted.amount
    assert 0 < wanted.amount <= SOL
    assert (wanted.ttl_ms, wanted.slippage_bps_max, wanted.urgency) == (1_000, 100, 2)


def test_the_profit_that_it_names_is_what_the_pools_give_less_all_costs() -> None:
    (wanted,) = Stage(CHEAP, DEAR).intents()
    first = wanted.amount * 9_975 // 10_000
    tokens = first * CHEAP.reserve_b // (CHEAP.reserve_a + first)
    second = tokens - -(-tokens * 25 // 10_000)
    back = second * DEAR.reserve_a // (DEAR.reserve_b + second)
    assert abs(wanted.expected_profit_lamports - (back - wanted.amount - 1_050_000)) <= 2


def test_in_the_shadow_it_says_what_it_would_have_done_and_asks_for_nothing() -> None:
    stage = Stage(CHEAP, DEAR, live=False)
    assert stage.intents() == []
    (said,) = [one for one in stage.said if isinstance(one, StrategyDecided)]
    assert (said.verdict, said.code, said.mint) == ("SHADOW", "profitable", TOKEN)
    assert int(said.data["profit_lamports"]) >= 10_000_000
    assert said.data["pools"] == [CHEAP.address, DEAR.address]
    assert Params().live is False, "and that is the default"


def test_a_circle_over_three_pools_by_way_of_dollars_is_found_from_each_of_its_pools() -> None:
    bank = product("bank", (WSOL, USDC), (100_000 * SOL, 15_000_000 * 10**6))
    on = product("on", (USDC, TOKEN), (150_000 * 10**6, 1_100 * 10**12))
    home = product("home", (TOKEN, WSOL), (1_000 * 10**12, 1_000 * SOL))
    for last in (bank, on, home):
        others = [pool for pool in (bank, on, home) if pool is not last]
        (wanted,) = Stage(*others, last).intents()
        assert wanted.pools == (bank.address, on.address, home.address)
        assert wanted.mint == TOKEN, "dollars are the bridge, and do not rest after it"


def test_equal_prices_say_nothing_at_all() -> None:
    assert Stage(DEAR, msgspec.structs.replace(DEAR, address=address("same"))).said == []


def test_after_a_circle_its_token_rests() -> None:
    stage = Stage(CHEAP, DEAR)
    stage.tell(TradeMoved(stage.intents()[0].trade_id, TradeState.EXECUTING, TradeState.CLOSED, ""))
    stage.pass_time(4_999, 1)
    stage.change(msgspec.structs.replace(CHEAP, reserve_a=CHEAP.reserve_a + 1))
    assert stage.codes() == [("WAIT", "cooldown")]
    stage.pass_time(1, 0)
    stage.change(msgspec.structs.replace(CHEAP, reserve_a=CHEAP.reserve_a + 2))
    assert len(stage.intents()) == 2
    assert len({wanted.id for wanted in stage.intents()}) == 2


def test_a_pool_of_a_circle_under_way_is_left_alone_until_that_has_ended() -> None:
    stage = Stage(CHEAP, DEAR, cooldown_ms=1)
    stage.pass_time(10, 0)
    moved = msgspec.structs.replace(CHEAP, reserve_a=CHEAP.reserve_a + 1)
    stage.change(moved)
    assert stage.codes() == [("WAIT", "in_flight")]
    stage.tell(TradeMoved(stage.intents()[0].trade_id, TradeState.EXECUTING, TradeState.FAILED, ""))
    stage.change(msgspec.structs.replace(CHEAP, reserve_a=CHEAP.reserve_a + 2))
    assert len(stage.intents()) == 2


def test_a_gap_that_costs_more_than_it_brings_is_rejected_once_and_looked_at_again_when_it_grows() -> None:
    near = product("near", (WSOL, TOKEN), (1_000 * SOL, 1_012 * 10**12))
    stage = Stage(near, DEAR)
    assert stage.codes() == [("REJECT", "round_trip_unprofitable")]
    stage.change(msgspec.structs.replace(near, reserve_a=near.reserve_a + 1))
    assert len(stage.said) == 1, "the same again is not worth a word"
    stage.change(CHEAP)
    assert len(stage.intents()) == 1


def test_a_pool_in_doubt_gives_no_quote_to_compare() -> None:
    worse = product("worse", (WSOL, TOKEN), (CHEAP.reserve_a * 1_001 // 1_000, CHEAP.reserve_b))
    stage = Stage(CHEAP, worse)
    stage.view.pools[CHEAP.address].drift["pool"] = "it looks strange"
    stage.change(DEAR)
    assert stage.codes() == [("REJECT", "incompatible_quote_kind")]


def test_a_pool_that_nobody_wrote_for_long_is_not_believed() -> None:
    stage = Stage(CHEAP)
    stage.pass_time(120_400, 301)
    stage.change(DEAR)
    assert stage.codes() == [("REJECT", "quote_stale")]


def test_a_change_that_lies_behind_the_market_is_not_compared_with_it() -> None:
    stage = Stage(CHEAP)
    stage.pass_time(1_200, 3)
    stage.change(DEAR, slots_ago=3)
    assert stage.codes() == [("REJECT", "slot_delta_exceeded")]


def test_what_had_to_wait_is_looked_at_again_though_nothing_changes() -> None:
    stage = Stage(CHEAP)
    stage.pass_time(1_200, 3)
    stage.change(DEAR, slots_ago=3)
    stage.pass_time(400, 1)
    (wanted,) = stage.tell(SlotAdvanced(Slot(stage.slot), stage.now))
    assert isinstance(wanted, TradeIntent)
    stage.tell(TradeMoved(wanted.trade_id, TradeState.EXECUTING, TradeState.FAILED, "lost to somebody"))
    stage.change(msgspec.structs.replace(CHEAP, reserve_a=CHEAP.reserve_a + 1))
    stage.pass_time(4_999, 2)
    assert stage.tell(SlotAdvanced(Slot(stage.slot), stage.now)) == [], "its token rests"
    stage.pass_time(1, 0)
    assert len(stage.tell(SlotAdvanced(Slot(stage.slot), stage.now))) == 1
    assert stage.tell(SlotAdvanced(Slot(stage.slot), stage.now)) == []


def test_a_price_that_is_too_good_is_a_wrong_price() -> None:
    absurd = product("absurd", (WSOL, TOKEN), (1_000 * SOL, 20_000 * 10**12))
    assert Stage(absurd, DEAR).codes() == [("REJECT", "rate_out_of_bounds")]
    assert Stage(absurd, DEAR, rate_max=100, roi_bps_max=1_000).codes() == [("REJECT", "roi_out_of_bounds")]


def test_parameters_changed_while_it_runs_hold_from_the_next_change_on() -> None:
    stage = Stage(CHEAP, profit_lamports_min=SOL)
    stage.change(DEAR)
    assert stage.codes() == [("REJECT", "round_trip_unprofitable")]
    stage.strategy.params = Params(live=True)
    stage.pass_time(2_000, 0)
    stage.change(msgspec.structs.replace(DEAR, reserve_a=DEAR.reserve_a + 1))
    assert len(stage.intents()) == 1


def test_what_it_remembers_is_bounded() -> None:
    stage = Stage(cooldown_ms=1, live=False)
    for number in range(40):
        mint = address(f"mint {number}")
        stage.change(product(f"a {number}", (WSOL, mint), (1_000 * SOL, 1_050 * 10**12)))
        stage.change(product(f"b {number}", (WSOL, mint), (1_000 * SOL, 1_000 * 10**12)))
    assert len(stage.strategy._not_before) == 40 <= arbitrage.REMEMBERED_MAX
    for key in range(arbitrage.REMEMBERED_MAX + 10):
        arbitrage._remember(stage.strategy._not_before, Address(str(key)), key)
    assert len(stage.strategy._not_before) == arbitrage.REMEMBERED_MAX


def test_a_pool_that_the_market_does_not_list_says_nothing() -> None:
    stage = Stage()
    header = VENUE.header(CHEAP)
    assert stage.tell(PoolUpdated(header, 1, 1, Slot(5), AT_MS)) == []
