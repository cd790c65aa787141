"""Re-entry: breakouts and shake-outs on several timeframes, size by risk, profits taken in stages."""

from typing import Any

import msgspec
import pytest

from chimera.domain.features import PRICE_UNITS, Bar
from chimera.domain.ids import WSOL, Address, IntentId, Signature, Slot, TradeId
from chimera.domain.intent import Origin, Side, Style, TradeIntent
from chimera.domain.market import PoolUpdated, SlotAdvanced, Trade
from chimera.domain.messages import Entry, IntentEmitted, StrategyDecided, TradeMoved
from chimera.domain.pool import PoolHeader, Swap
from chimera.domain.trade import Position, TradeState
from chimera.engine import Engine
from chimera.indicators import Rsi
from chimera.parameters.reentry import ReentryParams as Params
from chimera.ports.strategy import Context
from chimera.strategies.reentry import Held, Reentry
from chimera.strategies.reentry.setups import Code, Setup, Word, read, size_lamports, stop_bps

MINT, POOL = Address("mint"), Address("pool")
SOL = 10**9
P = Params()
UNIT = 10**6


def bar(close: int, *, lamports: int = SOL, spread: int = UNIT // 500) -> Bar:
    return Bar(0, 15_000, close, close + spread, close - spread, close, lamports, lamports, 1, 5)


def swings(count: int = 30) -> list[int]:
    """Up and down by a fifth, so that it has moved and is neither overbought nor oversold."""
    return [UNIT + (UNIT // 10) * (1 if n % 2 else -1) for n in range(count)]


def fast(closes: list[int], *, volume: int = 4 * SOL) -> list[Bar]:
    return [*(bar(close) for close in closes[:-1]), bar(closes[-1], lamports=volume)]


SLOW = [bar(UNIT) for _ in range(6)]


def test_a_break_above_the_range_on_three_times_the_volume_is_entered() -> None:
    entry = read(fast([*swings(), UNIT * 12 // 10]), SLOW, P)
    assert isinstance(entry, Setup)
    assert entry.kind == "breakout"
    assert P.stop_bps_min <= entry.stop_bps <= P.stop_bps_max


def shaken_out() -> list[int]:
    """High, then sold off for many bars, below the support at last, and back above it."""
    fall = [UNIT * (140 - n) // 100 for n in range(25)]
    return [*fall, *(UNIT * part // 100 for part in (112, 110, 109)), UNIT * 119 // 100]


def test_a_return_after_a_shake_out_is_entered_though_it_breaks_no_high() -> None:
    closes = shaken_out()
    strength = Rsi(14)
    for close in closes[:-1]:
        strength.update(close)
    assert strength.value is not None
    assert strength.value <= 30
    entry = read(fast(closes), SLOW, P)
    assert isinstance(entry, Setup)
    assert entry.kind == "shake-out"


@pytest.mark.parametrize(
    ("code", "closes", "volume", "slow"),
    [
        (Code.WAIT_BARS, [*swings(14), UNIT * 12 // 10], 4 * SOL, SLOW),
        (Code.WAIT_BARS, [*swings(), UNIT * 12 // 10], 4 * SOL, SLOW[:3]),
        (Code.WAIT_MOMENTUM, [UNIT] * 30 + [UNIT * 12 // 10], 4 * SOL, SLOW),
        (Code.WAIT_BREAKOUT, [*swings(), UNIT], 4 * SOL, SLOW),
        (Code.WAIT_VOLUME, [*swings(), UNIT * 12 // 10], 3 * SOL - 1, SLOW),
        (Code.WAIT_TREND, [*swings(), UNIT * 12 // 10], 4 * SOL, [bar(UNIT * 2)] * 6),
        (Code.REJECT_OVERBOUGHT, [UNIT * (100 + n) // 100 for n in range(30)] + [UNIT * 2], 4 * SOL, SLOW),
    ],
)
def test_each_reason_not_to_enter(code: Code, closes: list[int], volume: int, slow: list[Bar]) -> None:
    word = read(fast(closes, volume=volume), slow, P)
    assert isinstance(word, Word)
    assert word.code is code
    assert word.detail


def test_a_stop_that_allows_less_than_the_least_size_is_no_trade() -> None:
    params = msgspec.structs.replace(P, risk_lamports=1_000_000)
    word = read(fast([*swings(), UNIT * 12 // 10]), SLOW, params)
    assert isinstance(word, Word)
    assert word.code is Code.REJECT_SIZE


def test_the_size_loses_the_same_wherever_the_stop_is() -> None:
    for stop in (400, 800, 1_500):
        assert size_lamports(stop, P) * stop // 10_000 <= P.risk_lamports
        assert size_lamports(stop, P) * stop // 10_000 >= P.risk_lamports - 1
    assert size_lamports(1, P) == P.size_lamports_max
    calm, wild = [bar(UNIT, spread=UNIT // 100)] * 30, [bar(UNIT, spread=UNIT // 25)] * 30
    assert stop_bps(calm, P) == 400
    assert stop_bps(wild, P) == P.stop_bps_max


def test_nothing_after_the_last_bar_and_little_before_matters() -> None:
    closes = [*swings(60), UNIT * 12 // 10]
    assert read(fast(closes), SLOW, P) == read(fast(closes)[-60:], SLOW, P)


class House:
    """Books and prices by hand; bars by the real extractor out of trades."""

    def __init__(self, **params: Any) -> None:
        # one trade a bar is no crowd: what is asked of one has tests of its own
        self.strategy = Reentry(msgspec.structs.replace(P, **{"buyers_min": 3, **params}))
        self.engine = Engine([self.strategy])
        self.positions: dict[TradeId, Position] = {}
        self.states: dict[TradeId, TradeState] = {}
        self.under_way = False
        self.now, self.slot, self.number = 1_500_000, Slot(100), 0
        self.value: int | None = None
        self.doubtful: str | None = None
        self.progress_bps = None
        self.reserve(60 * SOL)

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

    def send(self, event: Any) -> list[Any]:
        return self.engine.process(event, Context(self.now, self, self, self))

    def reserve(self, sol: int) -> None:
        self.send(PoolUpdated(PoolHeader("v", POOL, MINT, WSOL), 10**15, sol, self.slot, self.now))

    def trade(self, price: int, sol: int = SOL) -> list[Any]:
        self.number += 1
        swap = Swap(
            "v", POOL, Address(f"user{self.number}"), WSOL, MINT, sol, sol * PRICE_UNITS // price,
            Signature(f"s{self.number}"), self.slot, 0,
        )  # fmt: skip
        return self.send(Trade(swap, self.now))

    def walk(self, closes: list[int], *, volume: int = 4 * SOL) -> list[Any]:
        """One trade a bar; the last one comes with volume, and one more closes its bar."""
        said: list[Any] = []
        for number, close in enumerate(closes):
            self.now += 15_000
            said += self.trade(close, volume if number == len(closes) - 1 else SOL)
        self.now += 15_000
        return [*said, *self.trade(closes[-1])]

    def enter(self) -> TradeIntent:
        (intent,) = [one for one in self.walk([*swings(40), UNIT * 12 // 10]) if isinstance(one, TradeIntent)]
        return intent

    def landed(self, intent: TradeIntent) -> None:
        self.positions[intent.trade_id] = Position(
            trade_id=intent.trade_id, mint=MINT, symbol="", style=intent.style, wallet=None, tokens=9_000,
            tokens_bought=9_000, cost_lamports=intent.amount, received_lamports=0, swapped_lamports=intent.amount,
            opened_at_ms=self.now, opened_slot=self.slot, entry_signature=Signature("e"), strategy="reentry",
        )  # fmt: skip
        self.states[intent.trade_id] = TradeState.ACTIVE
        self.value = intent.amount
        self.send(TradeMoved(intent.trade_id, TradeState.EXECUTING, TradeState.ACTIVE, "landed"))

    def at(self, gain_bps: int, after_ms: int = 2_500) -> list[Any]:
        """A slot in which what is held is worth that much more than was paid for it."""
        (position,) = self.open_positions
        self.value = -(-position.paid_lamports * (10_000 + gain_bps) // 10_000)
        self.now += after_ms
        said = self.send(SlotAdvanced(self.slot, self.now))
        return [one for one in said if isinstance(one, TradeIntent)]  # words of a best value apart

    def sold(self, intent: TradeIntent) -> None:
        (position,) = self.open_positions
        left = position.tokens - intent.amount
        self.positions[position.trade_id] = msgspec.structs.replace(position, tokens=left)


def holding(**params: Any) -> tuple[House, int]:
    """(a house that holds, its stop in bps)"""
    house = House(**params)
    intent = house.enter()
    house.landed(intent)
    return house, house.strategy.held[intent.trade_id].stop_bps


def test_a_breakout_seen_in_trades_becomes_one_intent_sized_by_its_stop() -> None:
    house = House()
    intent = house.enter()
    stop = house.strategy.held[intent.trade_id].stop_bps
    assert (intent.side, intent.source) == (Side.BUY, "reentry")
    assert intent.amount == size_lamports(stop, P)
    assert intent.slippage_bps_max == 300
    assert "breakout" in intent.reason


def test_the_gain_is_taken_in_stages_and_the_rest_trails() -> None:
    house, stop = holding()
    assert not house.at(stop - 1)
    (first,) = house.at(stop)
    assert (first.amount, first.reason.split(":")[0]) == (2_970, Code.EXIT_FIRST_STAGE)
    house.sold(first)
    assert not house.at(stop)
    (second,) = house.at(2 * stop)
    assert (second.amount, second.reason.split(":")[0]) == (3_015, Code.EXIT_SECOND_STAGE)
    house.sold(second)
    assert not house.at(3 * stop)
    (rest,) = house.at(stop)
    assert (rest.amount, rest.reason.split(":")[0]) == (3_015, Code.EXIT_TRAILING)


def test_a_stage_that_was_asked_for_and_lost_is_asked_for_again_and_not_the_next_one() -> None:
    house, stop = holding()
    (first,) = house.at(stop)
    assert not house.at(stop, after_ms=100)
    (again,) = house.at(stop)
    assert (again.amount, again.id == first.id) == (first.amount, False)


def test_the_stop_sells_everything() -> None:
    house, stop = holding()
    assert not house.at(1 - stop)
    (out,) = house.at(-stop)
    assert (out.amount, out.reason.split(":")[0]) == (9_000, Code.EXIT_STOP)


def test_what_leads_nowhere_is_sold_after_half_an_hour_even_unpriced() -> None:
    house, _ = holding()
    house.value, house.now = None, house.now + 1_800_000
    (out,) = house.send(SlotAdvanced(house.slot, house.now))
    assert out.reason.startswith(Code.EXIT_TIME)


def test_levels_shown_are_the_stop_and_the_next_stage() -> None:
    house, stop = holding()
    (position,) = house.open_positions
    paid = position.paid_lamports
    assert house.strategy.levels(position) == (
        paid * (10_000 - stop) // 10_000,
        -(-paid * (10_000 + stop) // 10_000),
    )


def test_a_token_is_entered_once_and_left_alone_after_it_closed() -> None:
    house = House()
    intent = house.enter()
    house.states[intent.trade_id] = TradeState.QUEUED
    again = house.walk([*swings(40), UNIT * 13 // 10])
    assert not any(isinstance(one, TradeIntent) for one in again), "its first entry is on its way"
    house.states[intent.trade_id] = TradeState.CLOSED
    house.send(TradeMoved(intent.trade_id, TradeState.EXITING, TradeState.CLOSED, "sold"))
    quiet = house.now
    house.trade(UNIT)
    assert house.strategy._free_ms[MINT] == quiet + P.cooldown_s * 1_000


def test_too_many_positions_a_shallow_pool_and_a_doubtful_one_are_told() -> None:
    for params, change, code in (
        ({"positions_max": 1}, "held", Code.WAIT_POSITIONS),
        ({}, "shallow", Code.WAIT_LIQUIDITY),
        ({}, "doubt", Code.REJECT_POOL_DOUBTFUL),
    ):
        house = House(**params)
        if change == "held":
            other = TradeId("other")
            house.states[other] = TradeState.ACTIVE
            house.strategy.held[other] = Held(Address("elsewhere"), 300, 0)
        elif change == "shallow":
            house.reserve(9 * SOL)
        else:
            house.doubtful = "a gap"
        said = house.walk([*swings(40), UNIT * 12 // 10])
        assert code in {one.code for one in said if isinstance(one, StrategyDecided)}
        assert not any(isinstance(one, TradeIntent) for one in said)


def test_after_a_restart_positions_are_guarded_with_the_widest_stop_and_stages_are_read_off_the_books() -> (
    None
):
    house, stop = holding()
    (first,) = house.at(stop)
    house.sold(first)
    house.strategy = Reentry(P)
    house.engine = Engine([house.strategy])
    assert not house.at(0)
    (one,) = house.strategy.held.values()
    assert (one.stop_bps, one.stage) == (P.stop_bps_max, 1)
    (out,) = house.at(-P.stop_bps_max)
    assert out.reason.startswith(Code.EXIT_STOP)


def test_a_restart_finds_the_stops_of_what_is_open_in_the_journal_and_forgets_what_closed() -> None:
    house, stop = holding()
    (trade_id,) = house.strategy.held
    entered = TradeIntent(
        IntentId("i"), trade_id, None, "reentry", Origin.STRATEGY_A, Style.SPEAR, Side.BUY, MINT, "", 1, 1,
        5, 5, "because", expected_edge_bps=stop,
    )  # fmt: skip
    other = msgspec.structs.replace(entered, id=IntentId("j"), trade_id=TradeId("gone"))
    strange = msgspec.structs.replace(entered, id=IntentId("k"), trade_id=TradeId("k"), source="momentum")
    facts = [IntentEmitted(entered), IntentEmitted(other), IntentEmitted(strange)]
    closed = TradeMoved(TradeId("gone"), TradeState.EXITING, TradeState.CLOSED, "sold")
    again = Reentry(P)
    again.recall(Entry(n, n, "r", fact) for n, fact in enumerate([*facts, closed]))
    assert {one: held.stop_bps for one, held in again.held.items()} == {trade_id: stop}
