"""Quality, proof and size of copies: each rule by itself, exact to its threshold, told by name when it declines."""

from typing import Any

import msgspec
import pytest
from tests.strategies.test_copy_choice import MINT, SOL, WALLET, House

from chimera.domain.features import TokenSeen
from chimera.domain.ids import Address, SignalId, Slot, TradeId
from chimera.domain.intent import Side, Signal, Source, Style, TradeIntent
from chimera.domain.messages import Entry, IntentEmitted, SignalAccepted, TradeMoved
from chimera.domain.risk import Reason
from chimera.domain.trade import TradeState
from chimera.domain.wallet import Wallet, WalletStatus
from chimera.parameters.copy_trade import CopyQuality, CopySizing
from chimera.ports.strategy import Context, Deserted, Featureless
from chimera.strategies.copy_trade import CopyTrade
from chimera.strategies.copy_trade.memory import Memory, Record
from chimera.strategies.copy_trade.quality import Seen, score_percent, unproven
from chimera.strategies.copy_trade.sizing import kelly_bps, off_hours, scaled_lamports

RULES, SIZING = CopyQuality(), CopySizing()
BOB, EVE = Address("bob"), Address("eve")
NOON = 12 * 3_600_000
WHOLE = Seen(wallet_score=100, agree=True, liquidity_micro_usd=50_000 * 10**6, age_ms=86_400_000)


class Market(Deserted):
    def __init__(self, micro_usd: int | None) -> None:
        self.micro_usd = micro_usd

    def liquidity_micro_usd(self, mint: Address) -> int | None:
        return self.micro_usd


class Aged(Featureless):
    def __init__(self, first_ms: int) -> None:
        self.first_ms = first_ms

    def token(self, mint: Address) -> TokenSeen | None:
        return TokenSeen(mint, self.first_ms, Slot(1), 1, 1, 1, None, 0, 0, 0, ())


class Scored(House):
    """A house that knows the wallet's score, the token's liquidity and its age."""

    def __init__(
        self, score: int | None = 50, *, usd: int = 50_000, quality: Any = RULES, **choice: Any
    ) -> None:
        super().__init__(**choice)
        self.now = NOON + 86_400_000 * 30
        self.score, self.market, self.features = score, Market(usd * 10**6), Aged(self.now - 86_400_000)
        self.strategy.params = msgspec.structs.replace(self.strategy.params, quality=quality)
        self.equity_at_cost_lamports = 100 * SOL

    def get(self, address: Address) -> Wallet | None:
        return None if self.score is None else Wallet(address, WalletStatus.ACTIVE, wqs_score=self.score)

    def on(self, event: Any) -> list[Any]:
        context = Context(self.now, self, self, self.market, self.features, self)
        return list(self.strategy.on_event(event, context))


# quality


def test_the_score_weighs_wallet_agreement_liquidity_and_age_at_40_30_20_and_10() -> None:
    nothing = Seen(wallet_score=0, agree=False, liquidity_micro_usd=0, age_ms=0)
    assert score_percent(WHOLE, RULES) == 100
    assert score_percent(nothing, RULES) == 0
    alone = {
        "wallet_score": (100, 40), "agree": (True, 30), "liquidity_micro_usd": (50_000 * 10**6, 20),
        "age_ms": (86_400_000, 10),
    }  # fmt: skip
    for field, (value, percent) in alone.items():
        assert score_percent(msgspec.structs.replace(nothing, **{field: value}), RULES) == percent, field
    assert score_percent(msgspec.structs.replace(nothing, liquidity_micro_usd=25_000 * 10**6), RULES) == 10


def test_what_is_unknown_of_a_token_earns_nothing() -> None:
    unknown = msgspec.structs.replace(WHOLE, liquidity_micro_usd=None, age_ms=None)
    assert score_percent(unknown, RULES) == 70


@pytest.mark.parametrize(
    ("score", "usd", "copied"),
    [(25, 50_000, True), (24, 50_000, False), (75, 0, True), (70, 0, False), (None, 0, True)],
)
def test_a_signal_below_forty_of_a_hundred_is_declined_where_the_wallet_has_a_score(
    score: int | None, usd: int, copied: bool
) -> None:
    made = Scored(score, usd=usd).buys()
    assert isinstance(made, TradeIntent) if copied else made is Reason.SIGNAL_QUALITY


def test_a_second_wallet_within_five_minutes_lifts_a_signal_and_one_after_them_does_not() -> None:
    for later_ms, copied in ((300_000, True), (300_001, False)):
        house = Scored(24, usd=0)
        assert house.buys() is Reason.SIGNAL_QUALITY
        house.now += later_ms
        made = house.buys(wallet=BOB)
        assert isinstance(made, TradeIntent) if copied else made is Reason.SIGNAL_QUALITY


def test_the_same_wallet_twice_is_no_agreement() -> None:
    house = Scored(24, usd=0)
    assert house.buys() is Reason.SIGNAL_QUALITY
    assert house.buys() is Reason.SIGNAL_QUALITY


def test_three_wallets_within_twelve_hours_agree_too() -> None:
    for later_ms, copied in ((6 * 3_600_000, True), (6 * 3_600_000 + 1, False)):
        house = Scored(24, usd=0)
        house.buys()
        house.now += later_ms
        assert house.buys(wallet=BOB) is Reason.SIGNAL_QUALITY
        house.now += later_ms
        made = house.buys(wallet=EVE)
        assert isinstance(made, TradeIntent) if copied else made is Reason.SIGNAL_QUALITY


# proof


def record(*returns_bps: int) -> Record:
    """Of copies that cost 1 SOL each."""
    house, made = House(), Memory()
    house.holds()
    held = house.positions[TradeId("held")]
    for bps in returns_bps:
        gone = msgspec.structs.replace(held, tokens=0, received_lamports=SOL + bps * SOL // 10_000)
        made.closed(gone, 1, 0)
    return made.record(WALLET)


def test_a_wallet_alone_must_have_gained_more_than_chance_would_from_ten_copies_on() -> None:
    # ten returns of mean 100 and deviation s have t = 100 * sqrt(10) / s: 1.645 at s = 192.2
    near = [100 + sign * 182 for sign in (1, -1)] * 5  # s = 182 * sqrt(10/9) = 191.8
    far = [100 + sign * 183 for sign in (1, -1)] * 5  # s = 192.9
    assert unproven(record(*near), RULES, agree=False) is None
    refusal = unproven(record(*far), RULES, agree=False)
    assert refusal is not None
    assert refusal.reason is Reason.UNPROVEN_WALLET
    assert unproven(record(*far), RULES, agree=True) is None, "others buy it too"
    assert unproven(record(*far[:9]), RULES, agree=False) is None, "nine copies say nothing yet"
    assert unproven(record(*[-5] * 10), RULES, agree=False) is not None
    assert unproven(record(*[5] * 10), RULES, agree=False) is None


def test_a_wallet_that_was_lucky_before_is_dropped_once_its_copies_say_so() -> None:
    house = House()
    for number in range(10):
        house.closes(house.buys(), gain=-1 if number % 2 else 1)
    assert house.buys() is Reason.UNPROVEN_WALLET
    assert isinstance(house.buys(wallet=BOB), TradeIntent)
    assert isinstance(house.buys(), TradeIntent), "another one bought it a moment ago"


def test_wallets_whose_copies_look_like_chance_lend_each_other_no_weight() -> None:
    house = House()
    for wallet in (WALLET, BOB):
        for number in range(10):
            house.closes(house.buys(wallet=wallet, mint=Address(wallet)), gain=-1 if number % 2 else 1)
    assert house.buys() is Reason.UNPROVEN_WALLET
    assert house.buys(wallet=BOB) is Reason.UNPROVEN_WALLET
    assert isinstance(house.buys(wallet=EVE), TradeIntent)
    assert isinstance(house.buys(wallet=BOB), TradeIntent), "one of whom nothing bad is known agrees"


def test_what_came_of_copies_is_found_again_in_the_books_after_a_restart() -> None:
    house = House(wallet_losses_max=3, wallet_pause_s=100)
    for _ in range(10):
        house.closes(house.buys(), gain=-1)
        house.now += 100_000
    again = House()
    again.positions = house.positions
    assert again.buys() is Reason.UNPROVEN_WALLET
    paused = House(wallet_losses_max=3, wallet_pause_s=100)
    paused.positions = {
        name: msgspec.structs.replace(one, closed_at_ms=paused.now - 50_000)
        for name, one in list(house.positions.items())[:3]
    }
    assert paused.buys() is Reason.WALLET_NOT_ACTIVE


def test_who_bought_what_and_what_was_copied_is_found_again_in_the_facts() -> None:
    def signal(name: str, wallet: Address) -> Signal:
        return Signal(SignalId(name), Source.WATCHER, Style.SHIELD, Side.BUY, MINT, "", SOL, wallet, 1)

    house = House(first_buy_only=True, rebuys_max=1)
    made = house.buys()
    assert isinstance(made, TradeIntent)
    past = [
        Entry(1, house.now, "run", SignalAccepted(signal("s1", WALLET))),
        Entry(2, house.now, "run", IntentEmitted(made)),
        Entry(3, house.now, "run", TradeMoved(made.trade_id, TradeState.ACTIVE, TradeState.CLOSED, "sold")),
    ]
    again = House(first_buy_only=True)
    again.strategy.recall(past)
    again.number = 1
    assert again.buys() is Reason.POSITION_OPEN, "it is not its first buy"
    same = House(first_buy_only=True)
    same.strategy.recall(past[:1])
    assert isinstance(same.buys(), TradeIntent), "the very signal, heard again after a restart"
    rebuy = House(rebuys_max=1)
    rebuy.strategy.recall(past)
    rebuy.number = 1
    assert rebuy.buys() is Reason.POSITION_OPEN
    agreeing = Scored(24, usd=0)
    agreeing.strategy.recall([Entry(1, agreeing.now, "run", SignalAccepted(signal("s9", BOB)))])
    assert isinstance(agreeing.buys(), TradeIntent), "another one bought it before the restart"


# size


def size(record: Record, *, agree: bool = False, now_ms: int = NOON, equity: int = 100 * SOL) -> int:
    return scaled_lamports(SIZING, record, equity_lamports=equity, agree=agree, now_ms=now_ms)


def test_the_base_grows_with_agreement_and_shrinks_in_the_off_hours() -> None:
    ten = record(*[100] * 10)
    assert size(ten) == SOL // 2
    assert size(ten, agree=True) == SOL
    assert size(ten, now_ms=23 * 3_600_000) == SOL * 3 // 8
    assert size(ten, agree=True, now_ms=23 * 3_600_000) == SOL * 3 // 4


@pytest.mark.parametrize(("hour", "off"), [(21, False), (22, True), (0, True), (5, True), (6, False)])
def test_off_hours_reach_over_midnight(hour: int, off: bool) -> None:
    assert off_hours(SIZING, hour * 3_600_000) is off
    assert not off_hours(msgspec.structs.replace(SIZING, off_hours_to=22), hour * 3_600_000)


def test_below_ten_copies_a_wallet_gets_as_much_less_and_never_less_than_the_least() -> None:
    assert size(record(*[100] * 9)) == SOL * 9 // 20
    assert size(record(*[100] * 8), agree=True) == SOL * 8 // 10
    assert size(record()) == size(record(*[100] * 3)) == SOL // 4


def test_from_fifteen_copies_on_the_size_is_a_quarter_of_kelly_s() -> None:
    # 9 of 15 won 200 each and 6 lost 100 each: p = 0.6, r = 2, p - (1-p)/r = 0.4; a quarter of it is a tenth
    proven = record(*[200] * 9, *[-100] * 6)
    assert kelly_bps(proven) == 4_000
    assert size(proven, equity=10 * SOL) == SOL
    assert size(proven, equity=100 * SOL) == 2 * SOL, "bounded"
    assert size(record(*[200] * 9, *[-100] * 5), equity=10 * SOL) == SOL // 2, "fourteen are too few"
    assert size(record(*[100] * 9, *[-150] * 6)) == 0, "nothing to win"
    assert kelly_bps(record(*[-1] * 15)) == 0


def test_a_copier_that_scales_buys_by_the_record_and_declines_what_has_no_edge() -> None:
    house = Scored(None, sizing="scaled", quality=CopyQuality(proven_samples=0))
    made = house.buys(3)
    assert isinstance(made, TradeIntent)
    assert made.amount == SOL // 4
    for _ in range(15):
        house.closes(house.buys(), gain=-1)
    assert house.buys() is Reason.POSITION_SIZE_ZERO


def test_a_strategy_type_that_is_built_from_the_settings_has_these_rules() -> None:
    assert CopyTrade.params_type().quality.percent_min == 40
    assert CopyTrade.params_type().scaled.kelly_trades == 15
