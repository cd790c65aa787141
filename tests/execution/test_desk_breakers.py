"""Breakers at the desk: what goes wrong there refuses the next buys by name, lets exits pass, and comes back by itself."""

from tests.execution.test_desk import House, bought, landed

from chimera.domain.ids import IntentId, TradeId
from chimera.domain.intent import Side, Style, TradeIntent
from chimera.domain.messages import BreakerMoved, IntentApproved, IntentRefused
from chimera.domain.risk import Reason, Refusal
from chimera.execution.effects import Arrived, Simulate, Ticked, TransactionSeen
from chimera.risk.breakers import BreakerKind, BreakerPolicy
from chimera.risk.checks import RiskLimits
from chimera.risk.failures import DEFAULTS, Breakers
from chimera.testing.builders import BONK, address, intent

SPEAR = BreakerPolicy(
    failures_max=0, window_ms=86_400_000, in_row_max=4, recovery_ms=1_800_000, trials=1, successes=1
)
OVER = Refusal(Reason.SLIPPAGE, limit="100 bps", observed="400 bps price impact")


def house_with_breakers() -> House:
    house = House()
    house.books.breakers = Breakers({**DEFAULTS, BreakerKind.SPEAR_LOSSES: SPEAR})
    return house


def other(house: House, name: str, **changes: object) -> TradeIntent:
    """A buy of a round trip of its own."""
    return intent(id=IntentId(name), trade_id=TradeId(f"trade {name}"), created_at_ms=house.now, **changes)


def slip(house: House, times: int) -> None:
    house.planner.refusal = OVER
    for _ in range(times):
        house.now += 1
        house.effects(Arrived(other(house, f"slips {house.now}")))
    house.planner.refusal = None
    house.effects(Ticked())


def later(house: House, ms: int) -> None:
    house.now += ms
    house.desk._view.see_slot(house.desk._view.slot, house.now)
    house.effects(Ticked())


def trip(house: House, name: str, *, gains: bool, style: Style) -> None:
    """A whole round trip."""
    buy = other(house, name, style=style)
    send = house.to_signed(buy, f"in {name}")
    house.seen(f"in {name}")
    house.effects(
        TransactionSeen(send.leg_id, landed(Side.BUY, f"in {name}", lamports=-100_005_000, tokens=1_000))
    )
    sell = other(house, f"x{name}", side=Side.SELL, style=Style.EXIT, amount=1_000)
    send = house.to_signed(_of(sell, buy), f"out {name}")
    house.seen(f"out {name}")
    back = 150_000_000 if gains else 99_000_000
    house.effects(TransactionSeen(send.leg_id, landed(Side.SELL, f"out {name}", lamports=back, tokens=1_000)))
    house.effects(Ticked())


def _of(sell: TradeIntent, buy: TradeIntent) -> TradeIntent:
    return intent(
        id=sell.id, trade_id=buy.trade_id, side=Side.SELL, style=Style.EXIT, amount=1_000,
        created_at_ms=sell.created_at_ms,
    )  # fmt: skip


def last_refusal(house: House) -> Refusal:
    refusal: Refusal = house.facts(IntentRefused)[-1].refusal
    return refusal


def test_estimates_over_the_limit_open_the_slippage_breaker_which_refuses_buys_and_lets_exits_pass() -> None:
    house = house_with_breakers()
    bought(house)
    slip(house, 3)
    assert house.facts(BreakerMoved) == []
    slip(house, 1)
    (moved,) = house.facts(BreakerMoved)
    assert (moved.breaker, moved.after, moved.by) == ("slippage", "OPEN", "slippage_breaker")
    house.effects(Arrived(other(house, "next")))
    assert last_refusal(house) == Refusal(Reason.SLIPPAGE_BREAKER, observed="4 failures in a row, limit 4")
    sell = intent(id=IntentId("x"), side=Side.SELL, style=Style.EXIT, amount=1_000)
    (simulate,) = house.effects(Arrived(sell))
    assert isinstance(simulate, Simulate)


def test_it_half_opens_after_45_minutes_and_three_fills_close_it() -> None:
    house = house_with_breakers()
    slip(house, 4)
    later(house, 45 * 60_000)
    assert [moved.after for moved in house.facts(BreakerMoved)] == ["OPEN", "HALF_OPEN"]
    trip(house, "a", gains=True, style=Style.SHIELD)
    trip(house, "b", gains=True, style=Style.SHIELD)
    assert [moved.after for moved in house.facts(BreakerMoved)] == ["OPEN", "HALF_OPEN", "CLOSED"]


def test_an_open_breaker_survives_a_restart() -> None:
    house = house_with_breakers()
    slip(house, 4)
    again = House(house.entries)
    again.now = house.now
    again.books.breakers = Breakers(DEFAULTS)
    for entry in house.entries:
        again.books.breakers.apply(entry, again.books.ledger.intents.get)
    again.effects(Arrived(other(again, "next")))
    assert last_refusal(again).reason is Reason.SLIPPAGE_BREAKER


def test_four_losses_of_spear_in_a_row_switch_spear_off_and_shield_buys_on() -> None:
    house = house_with_breakers()
    for name in "abc":
        trip(house, name, gains=False, style=Style.SPEAR)
    trip(house, "d", gains=True, style=Style.SHIELD)
    trip(house, "e", gains=False, style=Style.SPEAR)
    (moved,) = house.facts(BreakerMoved)
    assert (moved.breaker, moved.after) == ("spear_losses", "OPEN")
    assert house.books.breaker.review() is None, "the loss breaker saw a gain in between"
    house.effects(Arrived(other(house, "spear", style=Style.SPEAR)))
    refusal = last_refusal(house)
    assert refusal.reason is Reason.STRATEGY_DISABLED
    assert refusal.observed == "Spear's losses: 4 losses in a row, limit 4"
    house.effects(Arrived(other(house, "shield")))
    assert house.facts(IntentApproved)[-1].intent_id == "shield"


def test_spear_trades_on_trial_after_its_time_and_a_gain_lets_it_go_on() -> None:
    house = house_with_breakers()
    for name in "abcd":
        trip(house, name, gains=False, style=Style.SPEAR)
    later(house, 1_800_000)
    trip(house, "e", gains=True, style=Style.SPEAR)
    assert [moved.after for moved in house.facts(BreakerMoved)] == ["OPEN", "HALF_OPEN", "CLOSED"]


def test_a_buy_that_moves_with_what_is_held_is_bounded_by_what_both_would_bind() -> None:
    house = house_with_breakers()
    bought(house)
    house.desk._gate.limits = RiskLimits(cluster_bps=100)
    alike = other(house, "alike", mint=address("alike"), correlations=((BONK, 9_000),))
    house.effects(Arrived(alike))
    refusal = last_refusal(house)
    assert refusal.reason is Reason.CORRELATED
    assert refusal.observed == "0.200005 SOL with 1 held that do"
    apart = other(house, "apart", mint=address("apart"), correlations=((BONK, 1_000),))
    house.effects(Arrived(apart))
    assert last_refusal(house).reason is not Reason.CORRELATED
