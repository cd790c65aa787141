"""Momentum: each reason reached, EARLY stricter than ESTABLISHED, a probe before the whole, and every way out."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.domain.features import PRICE_UNITS, Window
from chimera.domain.ids import WSOL, Address, Signature, Slot, TradeId
from chimera.domain.intent import Side, Style, TradeIntent
from chimera.domain.market import PoolCreated, PoolUpdated, SlotAdvanced, Trade
from chimera.domain.messages import StrategyDecided, TradeMoved
from chimera.domain.pool import PoolHeader, Swap
from chimera.domain.trade import Levels, Position, TradeState
from chimera.engine import Engine
from chimera.parameters.momentum import MomentumParams as Params
from chimera.ports.strategy import Context
from chimera.strategies.momentum import Momentum, State
from chimera.strategies.momentum.policy import Code, Picture, Regime, judge, regime

MINT, POOL = Address("mint"), Address("pool")
SOL = 10**9


def window(**changes: Any) -> Window:
    made = Window(
        span_ms=60_000, trades=40, buys=30, buy_lamports=20 * SOL, sell_lamports=5 * SOL, buyers=20, traders=25,
        largest_lamports=2 * SOL, small_trades=4, repeaters=0, high=110, low=95, first_price=100, last_price=110,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def picture(**changes: Any) -> Picture:
    """An established token that breaks out on volume: what both policies buy."""
    made = Picture(
        age_ms=3_600_000, age_slots=9_000, progress_bps=None, doubtful="", liquidity_lamports=50 * SOL, pulled_bps=0,
        last_30_s=window(), last_60_s=window(), last_120_s=window(), last_dump=window(), creator_window=window(),
        dump_age_ms=None, creator_sold_bps=None, holders=40, holdings_top=(900, 800, 700), bars_high=100, bars_lamports=5 * SOL,
        last_15_s=window(),
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


EARLY = {"age_slots": 200, "age_ms": 80_000}
P = Params()


@pytest.mark.parametrize("how", [{}, EARLY, {"progress_bps": 4_000}])
def test_a_sound_token_that_others_buy_is_bought_in_both_regimes(how: dict[str, Any]) -> None:
    assert judge(picture(**how), P) is None


@pytest.mark.parametrize(
    ("code", "how"),
    [
        (Code.REJECT_POOL_DOUBTFUL, {"doubtful": "a gap"}),
        (Code.WAIT_DATA, {"last_120_s": window(whole=False)}),
        (Code.WAIT_AGE, {"age_ms": 59_999, "age_slots": 100}),
        (Code.REJECT_LIQUIDITY_PULLED, {"pulled_bps": 3_001}),
        (Code.WAIT_LIQUIDITY, {"liquidity_lamports": 10 * SOL - 1}),
        (Code.WAIT_LIQUIDITY, {**EARLY, "liquidity_lamports": 3 * SOL - 1}),
        (Code.REJECT_GRADUATING, {"progress_bps": 9_800}),
        (Code.WAIT_CREATOR_SELLING, {**EARLY, "creator_sold_bps": 100}),
        (Code.WAIT_DUMP_RECOVERY, {**EARLY, "dump_age_ms": 29_999}),
        (Code.WAIT_DUMP_RECOVERY, {**EARLY, "dump_age_ms": 30_000, "last_dump": window(buys=21)}),
        (
            Code.WAIT_DUMP_RECOVERY,
            {**EARLY, "dump_age_ms": 30_000, "last_dump": window(buy_lamports=5 * SOL)},
        ),
        (Code.WAIT_BUYERS, {"last_120_s": window(buyers=2)}),
        (Code.WAIT_TRADES, {"last_120_s": window(trades=2, buys=2, buyers=3)}),
        (Code.WAIT_INFLOW, {"last_60_s": window(buy_lamports=5 * SOL + 499_999_999)}),
        (Code.REJECT_DOMINANCE, {"last_120_s": window(largest_lamports=12 * SOL)}),
        (Code.REJECT_SMALL_TRADES, {"last_120_s": window(small_trades=35)}),
        (Code.REJECT_REPEATERS, {"last_120_s": window(repeaters=2)}),
        (Code.WAIT_HOLDERS, {**EARLY, "holders": 7}),
        (Code.REJECT_TOP_HOLDER, {**EARLY, "holdings_top": (3_501,)}),
        (Code.REJECT_TOP_HOLDERS, {**EARLY, "holdings_top": (2_100, 2_000, 1_901)}),
        (Code.WAIT_MOMENTUM, {**EARLY, "last_60_s": window(buys=23)}),
        (Code.WAIT_MOMENTUM, {**EARLY, "last_30_s": window(last_price=102)}),
        (Code.WAIT_DATA, {"bars_high": None}),
        (Code.WAIT_BREAKOUT, {"bars_high": 110}),
        (Code.WAIT_VOLUME, {"bars_lamports": 13 * SOL}),
    ],
)
def test_each_reason_not_to_buy(code: Code, how: dict[str, Any]) -> None:
    word = judge(picture(**how), P)
    assert word is not None
    assert word.code is code
    assert word.detail


def test_a_token_whose_creator_has_sold_out_is_the_community_s_if_that_is_allowed() -> None:
    sold = picture(**EARLY, creator_sold_bps=9_500)
    assert judge(sold, P) is None
    word = judge(sold, msgspec.structs.replace(P, community_takeover=False))
    assert word is not None
    assert word.code is Code.REJECT_CREATOR_SOLD


def test_a_dump_that_was_bought_up_again_is_overcome() -> None:
    assert judge(picture(**EARLY, dump_age_ms=30_000), P) is None


@given(st.integers(0, 5_000), st.one_of(st.none(), st.integers(0, 10_000)))
def test_the_regime_is_a_function_of_age_and_curve_alone(slots: int, progress: int | None) -> None:
    one = picture(age_slots=slots, progress_bps=progress)
    other = picture(
        age_slots=slots, progress_bps=progress, liquidity_lamports=1, holdings_top=(9_000,), pulled_bps=99
    )
    expected = Regime.EARLY if progress is not None or slots < 1_000 else Regime.ESTABLISHED
    assert regime(one, P) == regime(one, P) == regime(other, P) == expected


SAFETY = {code for code in Code if code.verdict == "REJECT"} | {
    Code.WAIT_CREATOR_SELLING,
    Code.WAIT_DUMP_RECOVERY,
}

WINDOWS = st.builds(
    window, trades=st.integers(1, 60), buys=st.integers(0, 60), buyers=st.integers(0, 30), traders=st.integers(1, 60),
    largest_lamports=st.integers(0, 30 * SOL), small_trades=st.integers(0, 60), repeaters=st.integers(0, 5),
    buy_lamports=st.integers(0, 40 * SOL),
)  # fmt: skip


@given(
    st.builds(
        picture, age_ms=st.integers(0, 200_000), liquidity_lamports=st.integers(10 * SOL, 60 * SOL),
        pulled_bps=st.integers(0, 6_000), last_60_s=WINDOWS, last_120_s=WINDOWS, last_dump=WINDOWS,
        dump_age_ms=st.one_of(st.none(), st.integers(0, 90_000)),
        creator_sold_bps=st.one_of(st.none(), st.integers(0, 10_000)),
        holdings_top=st.lists(st.integers(0, 5_000), max_size=3).map(tuple),
    )
)  # fmt: skip
def test_whatever_is_unsafe_for_an_established_token_is_unsafe_for_an_early_one(base: Picture) -> None:
    old = judge(msgspec.structs.replace(base, age_slots=5_000), P)
    young = judge(msgspec.structs.replace(base, age_slots=10), P)
    if old is not None and old.code in SAFETY:
        assert young is not None
        # EARLY may stop at a reason of its own before it comes to that one, but never buys
    if young is None:
        assert old is None or old.code not in SAFETY


class House:
    """Books and prices by hand, features by the real extractor, momentum in a real engine."""

    def __init__(self, **params: Any) -> None:
        self.strategy = Momentum(msgspec.structs.replace(P, token_age_s_min=1, **params))
        self.engine = Engine([self.strategy])
        self.positions: dict[TradeId, Position] = {}
        self.states: dict[TradeId, TradeState] = {}
        self.under_way = False
        self.now, self.slot = 1_000_000, Slot(100)
        self.value: int | None = None
        self.progress: int | None = None
        self.price = 1_000
        self.users = 0
        header = PoolHeader("v", POOL, MINT, WSOL)
        self.send(PoolCreated(header, self.slot, self.now))
        self.reserve(60 * SOL)

    # what strategies read

    @property
    def open_positions(self) -> list[Position]:
        return [one for one in self.positions.values() if one.open]

    def position_of(self, wallet: Address | None, mint: Address) -> Position | None:
        return None

    def busy(self, trade_id: TradeId) -> bool:
        return self.under_way

    def value_lamports(self, mint: Address, tokens: int) -> int | None:
        return self.value

    def sol_micro_usd(self) -> int | None:
        return None

    def pools_of(self, mint: Address) -> list[Any]:
        return [self]

    def pools_between(self, one: Address, other: Address) -> list[Any]:
        return [self]

    doubtful = None

    @property
    def progress_bps(self) -> int | None:
        return self.progress

    # what happens

    def send(self, event: Any) -> list[Any]:
        return self.engine.process(event, Context(self.now, self, self, self))

    def reserve(self, sol: int) -> None:
        self.send(PoolUpdated(PoolHeader("v", POOL, MINT, WSOL), 10**15, sol, self.slot, self.now))

    def trade(
        self, side: Side = Side.BUY, *, sol: int = SOL // 2, user: str = "", rise: int = 0
    ) -> list[Any]:
        self.users += 1
        self.now += 1_000
        self.slot = Slot(self.slot + 2)
        self.price += rise
        tokens = sol * PRICE_UNITS // self.price
        ways = (WSOL, MINT, sol, tokens) if side is Side.BUY else (MINT, WSOL, tokens, sol)
        name = Address(user or f"user{self.users}")
        swap = Swap("v", POOL, name, *ways, Signature(f"s{self.users}"), self.slot, 0)
        return self.send(Trade(swap, self.now))

    def surge(self) -> TradeIntent:
        """Buyers come until it buys its probe."""
        for _ in range(40):
            for made in self.trade(rise=20):
                if isinstance(made, TradeIntent):
                    return made
        raise AssertionError("it never bought")

    def landed(self, intent: TradeIntent, *, tokens: int = 1_000) -> None:
        known = self.positions.get(intent.trade_id)
        before = TradeState.EXECUTING if known is None else TradeState.ACTIVE
        made = Position(
            trade_id=intent.trade_id, mint=MINT, symbol="", style=intent.style, wallet=None, tokens=tokens,
            tokens_bought=tokens, cost_lamports=intent.amount, received_lamports=0, swapped_lamports=intent.amount,
            opened_at_ms=self.now, opened_slot=self.slot, entry_signature=Signature("e"), strategy="momentum",
        )  # fmt: skip
        if known is not None:
            made = msgspec.structs.replace(
                known, tokens=known.tokens + tokens, tokens_bought=known.tokens_bought + tokens,
                swapped_lamports=known.swapped_lamports + intent.amount,
            )  # fmt: skip
        self.positions[intent.trade_id] = made
        self.states[intent.trade_id] = TradeState.ACTIVE
        self.value = made.paid_lamports
        self.send(TradeMoved(intent.trade_id, before, TradeState.ACTIVE, "landed"))

    def tick(self, after_ms: int = 400) -> list[Any]:
        self.now += after_ms
        self.slot = Slot(self.slot + 1)
        return self.send(SlotAdvanced(self.slot, self.now))

    @property
    def state(self) -> State:
        return self.strategy.candidates[MINT].state

    def gain(self, bps: int) -> None:
        (position,) = self.open_positions
        self.value = position.paid_lamports * (10_000 + bps) // 10_000


def holding(**params: Any) -> House:
    house = House(**params)
    house.landed(house.surge())
    return house


def leaves(house: House, code: Code, *, after_ms: int = 400) -> None:
    (intent,) = house.tick(after_ms)
    assert isinstance(intent, TradeIntent)
    assert (intent.side, intent.style) == (Side.SELL, Style.EXIT)
    assert intent.reason.startswith(f"{code}: ")
    assert intent.amount == house.open_positions[0].tokens


def test_states_from_discovery_through_a_probe_to_the_full_position_and_out() -> None:
    house = House()
    assert house.trade(), "the first look says why it waits"
    assert house.state is State.VALIDATION
    probe = house.surge()
    assert (probe.amount, probe.style, probe.slippage_bps_max) == (P.size_lamports // 4, Style.SPEAR, 500)
    assert house.state is State.PROBE_BUY_PENDING
    assert not house.trade(rise=20), "one probe at a time"
    house.landed(probe)
    assert house.state is State.POSITION_OPEN_PROBE
    assert not house.tick()
    house.gain(250)
    (more,) = house.tick()
    assert isinstance(more, TradeIntent)
    assert (more.side, more.trade_id, more.amount) == (Side.BUY, probe.trade_id, P.size_lamports * 3 // 4)
    assert house.state is State.SCALE_IN_PENDING
    house.landed(more, tokens=2_900)
    assert house.state is State.POSITION_OPEN_FULL
    house.gain(500)
    assert not house.tick()
    house.send(TradeMoved(probe.trade_id, TradeState.EXITING, TradeState.CLOSED, "sold"))
    house.positions.clear()
    assert house.state is State.REJECTED
    assert not house.trade(rise=20), "left alone for a while"


def test_a_probe_that_does_not_rise_in_time_stays_a_probe() -> None:
    house = holding()
    house.now += 30_001
    house.gain(250)
    assert not house.tick()
    assert house.state is State.POSITION_OPEN_PROBE


def test_a_scale_in_that_comes_to_nothing_may_be_tried_once_more() -> None:
    house = holding()
    house.gain(250)
    for left in (1, 0):
        (more,) = house.tick()
        house.send(TradeMoved(more.trade_id, TradeState.ACTIVE, TradeState.ACTIVE, "adding was refused"))
        assert house.state is State.POSITION_OPEN_PROBE
        assert bool(left) is (house.strategy.candidates[MINT].scale_ins < 2)
    assert not house.tick()


def test_it_leaves_at_a_loss_of_15_percent() -> None:
    house = holding()
    house.gain(-1_499)
    assert not house.tick()
    house.gain(-1_500)
    leaves(house, Code.EXIT_STOP)
    assert not house.tick(), "not asked again in every slot"
    assert house.tick(2_000)


def test_it_leaves_when_it_fell_20_percent_from_a_best_above_10() -> None:
    house = holding(scale_in_gain_bps=9_999_999)
    house.gain(3_000)
    (best,) = house.tick()
    assert (best.code, best.data["lamports"]) == ("best_value", str(house.value)), (
        "found again after a restart"
    )
    house.gain(403)
    assert not house.tick()
    house.gain(400)
    leaves(house, Code.EXIT_TRAILING)


def test_a_larger_holding_is_no_rise() -> None:
    house = holding()
    house.gain(250)
    (more,) = house.tick()
    house.landed(more, tokens=2_900)
    assert not house.tick()
    found = house.strategy.candidates[MINT]
    assert found.best_value == house.value


def test_it_takes_its_profit_at_twice_the_price() -> None:
    house = holding(scale_in_gain_bps=9_999_999)
    house.gain(10_000)
    leaves(house, Code.EXIT_TAKE_PROFIT)


def test_it_leaves_after_five_minutes_even_unpriced() -> None:
    house = holding()
    house.value = None
    house.now += 299_000
    assert not house.tick(100)
    leaves(house, Code.EXIT_TIME, after_ms=1_000)


def test_it_leaves_when_most_trades_are_sales() -> None:
    house = holding()
    house.now += 30_000
    for _ in range(4):
        house.trade(Side.SELL, sol=SOL // 10)
    assert not house.tick()
    house.trade(Side.SELL, sol=SOL // 10)
    leaves(house, Code.EXIT_BUY_RATIO)


def test_it_leaves_before_its_curve_is_full_and_never_enters_there() -> None:
    house = holding()
    house.progress = 9_799
    assert not house.tick()
    house.progress = 9_800
    leaves(house, Code.EXIT_GRADUATING)


def test_it_leaves_when_liquidity_goes_that_nobody_sold() -> None:
    house = holding()
    house.reserve(41 * SOL)
    leaves(house, Code.EXIT_LIQUIDITY_PULLED)
    calm = holding()
    for _ in range(25):
        calm.trade(Side.SELL, sol=SOL)
    calm.now += 31_000  # the sales are old enough for the ratio, and young enough to explain the reserve
    calm.reserve(41 * SOL)
    assert not calm.tick()


def test_levels_set_by_hand_stand_in_for_its_stop_and_the_engine_keeps_them() -> None:
    house = holding()
    (position,) = house.open_positions
    by_hand = msgspec.structs.replace(position, levels=Levels(stop_bps=-3_000, target_bps=None))
    house.positions[position.trade_id] = by_hand
    house.gain(-2_000)
    assert not house.tick()
    house.gain(-3_000)
    (sale,) = house.tick()
    assert isinstance(sale, TradeIntent)
    assert sale.source == "caretaker"


def test_no_more_positions_than_allowed() -> None:
    house = House(positions_max=1)
    house.landed(house.surge())
    other = house.strategy.candidates.pop(MINT)
    house.strategy.candidates[Address("elsewhere")] = other
    said = [made for _ in range(5) for made in house.trade(rise=40)]
    assert Code.WAIT_POSITIONS in {made.code for made in said if isinstance(made, StrategyDecided)}
    assert not any(isinstance(made, TradeIntent) for made in said)


def test_what_it_waits_for_is_on_record_with_regime_and_figures_and_only_now_and_then() -> None:
    house = House()
    said = [made for _ in range(6) for made in house.trade()]
    assert [type(made) for made in said] == [StrategyDecided] * 2
    assert {made.verdict for made in said} == {"WAIT"}
    assert [made.code for made in said] == [Code.WAIT_BUYERS, Code.WAIT_HOLDERS]
    assert said[0].data["regime"] == "EARLY"


def test_a_failed_entry_that_is_tried_again_becomes_a_position() -> None:
    house = House()
    probe = house.surge()
    house.states[probe.trade_id] = TradeState.FAILED
    house.send(TradeMoved(probe.trade_id, TradeState.EXECUTING, TradeState.FAILED, "slippage"))
    assert house.state is State.REJECTED
    house.send(TradeMoved(probe.trade_id, TradeState.FAILED, TradeState.RETRY, "again"))
    house.landed(probe)
    assert house.state is State.POSITION_OPEN_PROBE


def test_a_probe_that_nobody_took_is_forgotten() -> None:
    house = House()
    house.engine.paused = ("momentum",)
    for _ in range(40):
        house.trade(rise=20)
    assert house.state is State.PROBE_BUY_PENDING
    house.engine.paused = ()
    house.now += 61_000
    for _ in range(3):
        house.trade(rise=20)
    assert (
        house.state is not State.PROBE_BUY_PENDING
        or house.strategy.candidates[MINT].looked_ms > house.now - 5_000
    )


def test_after_a_restart_its_positions_are_guarded_as_before() -> None:
    house = holding()
    house.strategy = Momentum(house.strategy.params)
    house.engine = Engine([house.strategy])
    assert not house.tick()
    assert house.state is State.POSITION_OPEN_FULL
    house.gain(-1_500)
    leaves(house, Code.EXIT_STOP)


def test_a_token_that_traded_before_we_looked_waits_until_windows_are_whole() -> None:
    house = House()
    house.strategy = Momentum(house.strategy.params)
    house.engine = Engine([house.strategy])
    house.reserve(60 * SOL)
    codes = [
        said.code for _ in range(118) for said in house.trade(rise=20) if isinstance(said, StrategyDecided)
    ]
    assert set(codes) == {Code.WAIT_WARMING_UP}
    assert house.surge()


def test_every_code_is_of_the_three_kinds() -> None:
    assert {code.verdict for code in Code} == {"WAIT", "REJECT", "EXIT"}
