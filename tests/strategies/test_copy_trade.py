"""What is bought for a signal, and which rule sells it."""

from typing import Any

import msgspec
import pytest

from chimera.domain.ids import Address, SignalId, Signature, Slot, TradeId
from chimera.domain.intent import Side, Signal, Source, Style, TradeIntent
from chimera.domain.market import SlotAdvanced
from chimera.domain.messages import (
    Entry,
    Fact,
    IntentEmitted,
    SignalAccepted,
    SignalDropped,
    StrategyDecided,
    TradeMoved,
)
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import Levels, Position, TradeState
from chimera.parameters.copy_trade import CopyTradeParams, StyleRules
from chimera.ports.strategy import Context
from chimera.strategies.copy_trade import CopyTrade

MINT = Address("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263")
WALLET = Address("7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU")
TRADE = TradeId("s1")
PAID = 1_000_000


class House:
    """The books and prices that a strategy may read, set by hand."""

    def __init__(self) -> None:
        self.positions: dict[TradeId, Position] = {}
        self.states: dict[TradeId, TradeState] = {}
        self.under_way: set[TradeId] = set()
        self.value: int | None = PAID
        self.now_ms = 10_000
        self.told: list[StrategyDecided] = []
        self.strategy = CopyTrade(
            CopyTradeParams(shield=StyleRules(size_lamports_min=10, time_exit_s=100), intent_ttl_ms=5_000)
        )

    @property
    def open_positions(self) -> list[Position]:
        return [position for position in self.positions.values() if position.open]

    def position_of(self, wallet: Address | None, mint: Address) -> Position | None:
        return next((p for p in self.open_positions if p.mint == mint and wallet in (None, p.wallet)), None)

    def busy(self, trade_id: TradeId) -> bool:
        return trade_id in self.under_way

    def value_lamports(self, mint: Address, tokens: int) -> int | None:
        return self.value

    def sol_micro_usd(self) -> int | None:
        return None

    def on(self, event: Any) -> list[Any]:
        return list(self.strategy.on_event(event, Context(self.now_ms, self, self)))

    def hold(self, tokens: int = 1_000) -> None:
        self.positions[TRADE] = Position(
            trade_id=TRADE, mint=MINT, symbol="BONK", style=Style.SHIELD, wallet=WALLET, tokens=tokens,
            tokens_bought=1_000, cost_lamports=PAID + 5_000, received_lamports=0, swapped_lamports=PAID,
            opened_at_ms=10_000, opened_slot=Slot(1), entry_signature=Signature("e"),
        )  # fmt: skip
        self.states[TRADE] = TradeState.ACTIVE

    def tick(self, value: int | None, after_ms: int = 400) -> list[TradeIntent]:
        self.value = value
        self.now_ms += after_ms
        wanted = self.on(SlotAdvanced(Slot(2), self.now_ms))
        self.told += [one for one in wanted if isinstance(one, StrategyDecided)]
        return [one for one in wanted if not isinstance(one, StrategyDecided)]


def signal(side: Side = Side.BUY, **changes: Any) -> Signal:
    base = Signal(
        id=SignalId("s1"), source=Source.WATCHER, strategy=Style.SHIELD, side=side, mint=MINT, symbol="BONK",
        amount_lamports=100, wallet=WALLET, at_ms=1,
    )  # fmt: skip
    return msgspec.structs.replace(base, **changes)


def test_a_buy_signal_becomes_one_intent_that_carries_its_limits() -> None:
    house = House()
    (intent,) = house.on(signal())
    assert isinstance(intent, TradeIntent)
    assert (intent.side, intent.amount, intent.trade_id, intent.wallet) == (Side.BUY, 100, "s1", WALLET)
    assert intent.slippage_bps_max == 300
    assert not intent.expired(house.now_ms + 4_999)
    assert intent.expired(house.now_ms + 5_000)


def test_the_same_signal_makes_the_same_intent_id() -> None:
    assert House().on(signal())[0].id == House().on(signal())[0].id


@pytest.mark.parametrize(("amount", "bought"), [(10, 10), (2_000_000_001, 2_000_000_000)])
def test_the_size_follows_the_signal_up_to_the_maximum(amount: int, bought: int) -> None:
    assert House().on(signal(amount_lamports=amount))[0].amount == bought


def test_a_copy_below_the_minimum_is_declined() -> None:
    (dropped,) = House().on(signal(amount_lamports=9))
    assert isinstance(dropped, SignalDropped)
    assert dropped.refusal.reason is Reason.POSITION_SIZE_ZERO


def test_a_second_buy_of_a_token_is_declined_while_the_first_is_under_way_or_open() -> None:
    house = House()
    house.on(signal())
    (dropped,) = house.on(signal(id=SignalId("s2")))
    assert dropped.refusal.reason is Reason.POSITION_OPEN
    house.on(TradeMoved(TRADE, TradeState.QUEUED, TradeState.FAILED, "refused"))
    assert isinstance(house.on(signal(id=SignalId("s3")))[0], TradeIntent)


def test_a_copied_sell_sells_the_same_share() -> None:
    house = House()
    house.hold()
    (intent,) = house.on(signal(Side.SELL, fraction_bps=2_501))
    assert (intent.side, intent.amount, intent.style) == (Side.SELL, 251, Style.EXIT)


def test_a_sell_of_something_that_is_not_held_is_declined() -> None:
    assert House().on(signal(Side.SELL))[0].refusal.reason is Reason.NO_ACTIVE_POSITION


def test_a_sell_that_overtakes_its_buy_is_carried_out_once_it_is_open() -> None:
    house = House()
    house.on(signal())
    assert house.on(signal(Side.SELL, id=SignalId("s9")))[0].refusal.reason is Reason.DEFERRED
    house.hold()
    (intent,) = house.on(TradeMoved(TRADE, TradeState.EXECUTING, TradeState.ACTIVE, "landed"))
    assert (intent.side, intent.amount) == (Side.SELL, 1_000)


def test_the_stop_loss_sells_everything_at_its_limit_and_not_before() -> None:
    house = House()
    house.hold()
    assert house.tick(920_100) == []
    (intent,) = house.tick(920_000)
    assert (intent.amount, intent.reason) == (1_000, "stop-loss: -800 bps, limit -800")


def test_the_first_target_sells_its_share_once() -> None:
    house = House()
    house.hold()
    (intent,) = house.tick(1_050_000)
    assert (intent.amount, intent.reason) == (330, "first target: +500 bps")
    house.hold(tokens=670)
    assert house.tick(703_500, after_ms=5_000) == []


def test_the_trailing_stop_sells_after_a_fall_from_the_best_value() -> None:
    house = House()
    house.hold()
    assert house.tick(1_040_000) == []
    assert house.tick(1_019_304) == []
    (intent,) = house.tick(1_019_200)
    assert intent.amount == 1_000
    assert intent.reason.startswith("trailing stop: 200 bps below its best")


def test_time_sells_even_where_the_price_is_unknown() -> None:
    house = House()
    house.hold()
    assert house.tick(None) == []
    (intent,) = house.tick(None, after_ms=100_000)
    assert intent.reason == "held for 100 s"


def test_an_exit_under_way_is_not_asked_for_again_and_a_lost_one_is_after_a_pause() -> None:
    house = House()
    house.hold()
    assert len(house.tick(1)) == 1
    house.under_way.add(TRADE)
    assert house.tick(1, after_ms=60_000) == []
    house.under_way.clear()
    (again,) = house.tick(1)
    assert house.tick(1, after_ms=1_999) == []
    (third,) = house.tick(1, after_ms=1)
    assert again.id != third.id


def test_levels_tell_where_it_would_sell() -> None:
    house = House()
    house.hold()
    assert house.strategy.levels(house.positions[TRADE]) == (920_000, 1_050_000)
    house.tick(1_045_000)
    assert house.strategy.levels(house.positions[TRADE])[0] == 1_045_000 * 98 // 100


def by_hand(house: House, stop_bps: int | None, target_bps: int | None) -> None:
    levels = Levels(stop_bps, target_bps)
    house.positions[TRADE] = msgspec.structs.replace(house.positions[TRADE], levels=levels)


@pytest.mark.parametrize(("stop", "target", "value"), [(-300, None, 970_000), (None, 400, 1_040_000)])
def test_levels_set_by_hand_sell_all_of_it(stop: int | None, target: int | None, value: int) -> None:
    house = House()
    house.hold()
    by_hand(house, stop, target)
    assert house.tick(PAID) == []
    (intent,) = house.tick(value)
    assert (intent.side, intent.amount) == (Side.SELL, 1_000)
    assert "by hand" in intent.reason


def test_levels_set_by_hand_stand_in_for_the_strategys_own_but_not_for_its_time_exit() -> None:
    house = House()
    house.hold()
    by_hand(house, -5_000, None)
    for value in (PAID * 4 // 5, PAID * 2, PAID):  # its own stop, its first target, its trailing stop
        assert house.tick(value, after_ms=3_000) == []
    assert house.strategy.levels(house.positions[TRADE]) == (PAID // 2, None)
    (intent,) = house.tick(PAID, after_ms=100_000)
    assert "held for" in intent.reason


def test_levels_set_by_hand_move_with_what_is_left_of_the_position() -> None:
    house = House()
    house.hold(tokens=500)
    by_hand(house, -1_000, 1_000)
    assert house.strategy.levels(house.positions[TRADE]) == (450_000, 550_000)


# what a restart must know


def restarted(*facts: Fact) -> House:
    """A house whose former run left these facts."""
    house = House()
    house.strategy.recall([Entry(seq, 1, "run", fact) for seq, fact in enumerate(facts, 1)])
    return house


def entered() -> list[Fact]:
    (intent,) = House().on(signal())
    return [SignalAccepted(signal()), IntentEmitted(intent)]


LEAVE = signal(Side.SELL, id=SignalId("s9"), fraction_bps=10_000)
DEFERRED = [SignalAccepted(LEAVE), SignalDropped(LEAVE.id, Refusal(Reason.DEFERRED))]
ACTIVE = TradeMoved(TRADE, TradeState.EXECUTING, TradeState.ACTIVE, "landed")
FAILED = TradeMoved(TRADE, TradeState.EXECUTING, TradeState.FAILED, "expired")
RETRIED = TradeMoved(TRADE, TradeState.RETRY, TradeState.EXECUTING, "again")


def test_a_sale_that_waited_for_its_buy_survives_a_restart() -> None:
    house = restarted(*entered(), *DEFERRED)
    house.hold()
    (intent,) = house.on(ACTIVE)
    assert (intent.side, intent.amount, intent.signal_id) == (Side.SELL, 1_000, "s9")


def test_a_sale_whose_buy_landed_just_before_the_restart_is_done_at_once() -> None:
    house = restarted(*entered(), *DEFERRED, ACTIVE)
    house.hold()
    assert [intent.signal_id for intent in house.tick(PAID)] == ["s9"]


def test_a_sale_that_was_asked_for_before_the_restart_is_not_asked_for_again() -> None:
    house = restarted(*entered(), *DEFERRED)
    house.hold()
    (sale,) = house.on(ACTIVE)
    again = restarted(*entered(), *DEFERRED, ACTIVE, IntentEmitted(sale))
    again.hold()
    assert again.on(ACTIVE) == again.tick(PAID) == []


def test_a_sale_during_another_leg_waits_for_it_instead_of_being_lost() -> None:
    house = House()
    house.hold()
    house.under_way.add(TRADE)
    (dropped,) = house.on(LEAVE)
    assert dropped.refusal.reason is Reason.DEFERRED
    house.under_way.clear()
    (intent,) = house.on(TradeMoved(TRADE, TradeState.EXITING, TradeState.ACTIVE, "part landed"))
    assert (intent.amount, intent.signal_id) == (1_000, "s9")


def test_a_sale_goes_on_waiting_while_its_failed_entry_is_tried_again() -> None:
    house = House()
    house.on(signal())
    house.on(FAILED)
    (dropped,) = house.on(LEAVE)
    assert dropped.refusal.reason is Reason.DEFERRED
    house.on(RETRIED)
    house.hold()
    assert [intent.signal_id for intent in house.on(ACTIVE)] == ["s9"]


def test_the_best_value_survives_a_restart_so_that_the_trailing_stop_does_not_start_anew() -> None:
    house = House()
    house.strategy.params = msgspec.structs.replace(
        house.strategy.params,
        shield=msgspec.structs.replace(house.strategy.params.shield, first_target_bps=0),
    )
    house.hold()
    house.tick(PAID * 104 // 100)
    (told,) = house.told
    again = restarted(told)
    again.strategy.params = house.strategy.params
    again.hold()
    (intent,) = again.tick(PAID * 101 // 100)
    assert "trailing stop" in intent.reason
    fresh = House()
    fresh.strategy.params = house.strategy.params
    fresh.hold()
    assert fresh.tick(PAID * 101 // 100) == []


def test_a_best_value_is_told_once_the_trailing_stop_hangs_on_it_and_not_with_every_price() -> None:
    house = House()
    house.strategy.params = msgspec.structs.replace(
        house.strategy.params,
        shield=msgspec.structs.replace(house.strategy.params.shield, first_target_bps=0),
    )
    house.hold()
    for value in range(PAID, PAID * 11 // 10, 1_000):
        house.tick(value)
    assert 1 <= len(house.told) <= 3
    assert house.told[0].code == "best_value"
