"""No strategy can starve or break another: what the engine lets through, in which order, and whom it parks."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from chimera.domain.errors import InvariantBroken
from chimera.domain.ids import WSOL, Address, IntentId, SignalId, Signature, Slot, TradeId
from chimera.domain.intent import Origin, Side, Signal, Source, Style, TradeIntent
from chimera.domain.market import SlotAdvanced, Trade
from chimera.domain.messages import SignalDropped, StrategyDecided, StrategyMoved
from chimera.domain.pool import Swap
from chimera.domain.risk import Reason
from chimera.domain.trade import Levels, Position, TradeState
from chimera.engine import PARKED, RUNNING, Engine, EngineLimits
from chimera.ports.strategy import Context, StrategyEvent

MINT = Address("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263")
SLOT = SlotAdvanced(Slot(5), 1_000)


class Scripted:
    """A strategy that does what it is told."""

    minds_levels = False

    def __init__(self, name: str, *wanted: Any, raises: BaseException | None = None) -> None:
        self.name, self.wanted, self.raises, self.calls = name, wanted, raises, 0

    def on_event(self, event: StrategyEvent, context: Context) -> Sequence[Any]:
        self.calls += 1
        if self.raises is not None:
            raise self.raises
        return self.wanted

    def levels(self, position: Position) -> tuple[int | None, int | None]:
        return 7, 9


class Books:
    """Books and prices set by hand."""

    def __init__(self, *positions: Position, value: int | None = 1_000) -> None:
        self.positions = {position.trade_id: position for position in positions}
        self.states = dict.fromkeys(self.positions, TradeState.ACTIVE)
        self.value, self.under_way = value, False

    @property
    def open_positions(self) -> list[Position]:
        return list(self.positions.values())

    def position_of(self, wallet: Address | None, mint: Address) -> Position | None:
        return None

    def busy(self, trade_id: TradeId) -> bool:
        return self.under_way

    def value_lamports(self, mint: Address, tokens: int) -> int | None:
        return self.value

    def sol_micro_usd(self) -> int | None:
        return None

    def at(self, now_ms: int) -> Context:
        return Context(now_ms, self, self)


def intent(source: str = "one", number: int = 1, **changes: Any) -> TradeIntent:
    made = TradeIntent(
        id=IntentId(f"{source}{number}"), trade_id=TradeId(f"{source}{number}"), signal_id=None, source=source,
        origin=Origin.STRATEGY_A, style=Style.SPEAR, side=Side.BUY, mint=MINT, symbol="BONK", amount=1_000,
        slippage_bps_max=300, created_at_ms=0, ttl_ms=60_000, reason="because",
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def position(strategy: str, **changes: Any) -> Position:
    made = Position(
        trade_id=TradeId("t1"), mint=MINT, symbol="BONK", style=Style.SPEAR, wallet=None, tokens=100,
        tokens_bought=100, cost_lamports=1_010, received_lamports=0, swapped_lamports=1_000, opened_at_ms=0,
        opened_slot=Slot(1), entry_signature=Signature("e"), strategy=strategy,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def signal(side: Side = Side.BUY, trade_id: TradeId | None = None) -> Signal:
    return Signal(
        SignalId("s1"),
        Source.OPERATOR,
        Style.SHIELD,
        side,
        MINT,
        "BONK",
        100,
        Address("w"),
        1,
        trade_id=trade_id,
    )


EMPTY = Books()


class Odd(Exception):
    """What no list of exception types would have thought of."""


@pytest.mark.parametrize("fault", [ValueError("0"), Odd("mine"), RecursionError(), SystemError("c")])
def test_a_strategy_that_raises_is_parked_and_reported_and_the_others_go_on(fault: Exception) -> None:
    bad, good = Scripted("bad", raises=fault), Scripted("good", intent("good"))
    engine = Engine([bad, good])
    first = engine.process(SLOT, EMPTY.at(1_000))
    assert first[0] == StrategyMoved("bad", RUNNING, PARKED, f"{type(fault).__name__}: {fault}", "engine")
    assert first[1] == good.wanted[0]
    assert engine.process(SLOT, EMPTY.at(1_001)) == [good.wanted[0]]
    assert (bad.calls, good.calls) == (1, 2)


def test_a_broken_invariant_stops_the_house_and_not_the_strategy() -> None:
    engine = Engine([Scripted("bad", raises=InvariantBroken("books"))])
    with pytest.raises(InvariantBroken):
        engine.process(SLOT, EMPTY.at(1_000))
    assert not engine.parked


def test_a_generator_that_fails_on_its_way_parks_its_strategy() -> None:
    class Lazy(Scripted):
        def on_event(self, event: StrategyEvent, context: Context) -> Any:
            yield intent("lazy")
            raise KeyError("later")

    engine = Engine([Lazy("lazy")])
    (moved,) = engine.process(SLOT, EMPTY.at(1_000))
    assert isinstance(moved, StrategyMoved)
    assert "KeyError" in moved.cause


def test_a_flood_at_once_is_stopped_even_where_it_has_no_end() -> None:
    class Endless(Scripted):
        def on_event(self, event: StrategyEvent, context: Context) -> Any:
            while True:
                yield intent("endless")

    (moved,) = Engine([Endless("endless")]).process(SLOT, EMPTY.at(1_000))
    assert isinstance(moved, StrategyMoved)
    assert "more than 100 things" in moved.cause


def test_a_flood_over_time_is_parked_and_what_lies_back_a_minute_is_forgotten() -> None:
    limits = EngineLimits(intents_a_minute_max=3)
    wanted = intent(ttl_ms=200_000)
    slow, fast = (Engine([Scripted("one", wanted)], limits=limits) for _ in range(2))
    for times in range(5):
        assert slow.process(SLOT, EMPTY.at(times * 20_000)) == [wanted]
    for now in range(3):
        fast.process(SLOT, EMPTY.at(now))
    assert isinstance(fast.process(SLOT, EMPTY.at(4))[0], StrategyMoved)


def test_answers_to_signals_are_no_flood_since_admission_bounds_them() -> None:
    engine = Engine(
        [Scripted("one", intent(signal_id=SignalId("s1")))], limits=EngineLimits(intents_a_minute_max=1)
    )
    for _ in range(3):
        assert engine.process(signal(), EMPTY.at(1)) == [intent(signal_id=SignalId("s1"))]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"source": "other"}, "signs as other"),
        ({"ttl_ms": 0}, "time to live"),
        ({"created_at_ms": -70_000}, "time to live"),
        ({"slippage_bps_max": 10_000}, "without a limit"),
        ({"slippage_bps_max": -1}, "without a limit"),
        ({"trade_id": TradeId("t1")}, "position of two"),
    ],
)
def test_a_strategy_that_breaks_its_contract_is_parked(wrong: dict[str, Any], why: str) -> None:
    engine = Engine([Scripted("one", intent(**wrong)), Scripted("two")])
    (moved,) = engine.process(SLOT, Books(position("two")).at(1))
    assert isinstance(moved, StrategyMoved)
    assert why in moved.cause


def test_what_is_no_output_parks_its_strategy() -> None:
    (moved,) = Engine([Scripted("one", "buy!")]).process(SLOT, EMPTY.at(1))
    assert isinstance(moved, StrategyMoved)
    assert "str" in moved.cause


def test_intents_of_all_strategies_are_ranked_together_exits_first() -> None:
    small = intent("one", 1, expected_edge_bps=100)
    large = intent("two", 1, expected_edge_bps=300)
    urgent = intent("two", 2, expected_edge_bps=200, urgency=1)
    leave = intent("one", 2, side=Side.SELL)
    engine = Engine([Scripted("one", small, leave), Scripted("two", large, urgent)])
    assert engine.process(SLOT, EMPTY.at(1)) == [leave, urgent, large, small]


def test_a_paused_strategy_sells_and_does_not_buy() -> None:
    engine = Engine([Scripted("one", intent(), intent(number=2, side=Side.SELL))])
    engine.paused = ("one",)
    said, leave = engine.process(SLOT, EMPTY.at(1))
    assert isinstance(said, StrategyDecided)
    assert said.code == Reason.STRATEGY_DISABLED
    assert leave == intent(number=2, side=Side.SELL)


def test_a_parked_strategy_goes_on_once_a_person_lets_it() -> None:
    bad = Scripted("bad", raises=ValueError())
    engine = Engine([bad])
    engine.process(SLOT, EMPTY.at(1))
    bad.raises = None
    assert engine.resume("bad", "fixed", "ops") == StrategyMoved("bad", PARKED, RUNNING, "fixed", "ops")
    engine.process(SLOT, EMPTY.at(2))
    assert bad.calls == 2
    assert engine.resume("bad", "again", "ops") is None
    assert engine.park("nobody", "x") is None


def test_the_same_word_on_the_same_mint_is_kept_once_in_a_while() -> None:
    engine = Engine([Scripted("one", StrategyDecided("one", MINT, "WAIT", "WAIT_TRADES"))])
    said = [len(engine.process(SLOT, EMPTY.at(now))) for now in (0, 29_999, 30_000, 31_000)]
    assert said == [1, 0, 1, 0]


def test_words_about_many_mints_are_kept_up_to_a_limit_a_minute() -> None:
    strategy = Scripted("one")
    engine = Engine([strategy], limits=EngineLimits(decisions_a_minute_max=2))
    kept = 0
    for number in range(5):
        strategy.wanted = (StrategyDecided("one", Address(f"m{number}"), "WAIT", "WAIT_TRADES"),)
        kept += len(engine.process(SLOT, EMPTY.at(number)))
    assert kept == 2


def test_a_strategy_that_takes_most_of_the_processor_is_parked() -> None:
    spent = [0]

    class Heavy(Scripted):
        def on_event(self, event: StrategyEvent, context: Context) -> Sequence[Any]:
            self.calls += 1
            spent[0] += 100_000_000
            return ()

    heavy, light = Heavy("heavy"), Scripted("light")
    engine = Engine([heavy, light], spent_ns=lambda: spent[0])
    told = [one for now in range(0, 9_000, 100) for one in engine.process(SLOT, EMPTY.at(now))]
    assert [type(one) for one in told] == [StrategyMoved]
    assert heavy.calls == 61  # 6.1 of 10 seconds
    assert light.calls == 90


def test_a_signal_that_nobody_takes_is_dropped_with_the_reason() -> None:
    engine = Engine([Scripted("bad", raises=ValueError("x"))])
    moved, dropped = engine.process(signal(), EMPTY.at(1))
    assert isinstance(moved, StrategyMoved)
    assert isinstance(dropped, SignalDropped)
    assert "bad is parked" in dropped.refusal.observed


def test_an_unrelated_intent_is_no_answer_to_a_signal() -> None:
    made = Engine([Scripted("one", intent())]).process(signal(), EMPTY.at(1))
    assert {type(one) for one in made} == {TradeIntent, SignalDropped}


def test_of_two_answers_to_a_signal_the_intent_counts() -> None:
    no = SignalDropped(SignalId("s1"), Engine([]).process(signal(), EMPTY.at(1))[0].refusal)  # type: ignore[union-attr]
    yes = intent("two", signal_id=SignalId("s1"))
    assert Engine([Scripted("one", no), Scripted("two", yes)]).process(signal(), EMPTY.at(1)) == [yes]


def test_an_operators_sale_is_performed_whatever_the_strategy_does() -> None:
    engine = Engine([Scripted("one")])
    (sale,) = engine.process(signal(Side.SELL, TradeId("t1")), Books(position("one")).at(1))
    assert isinstance(sale, TradeIntent)
    assert (sale.side, sale.amount, sale.signal_id, sale.source) == (Side.SELL, 100, "s1", "caretaker")
    books = Books(position("one"))
    books.under_way = True
    (dropped,) = engine.process(signal(Side.SELL, TradeId("t1")), books.at(1))
    assert isinstance(dropped, SignalDropped)
    assert dropped.refusal.reason is Reason.DUPLICATE_INTENT


@pytest.mark.parametrize(("value", "sold"), [(851, 0), (850, 1), (None, 0)])
def test_a_position_whose_strategy_does_not_run_keeps_a_stop(value: int | None, sold: int) -> None:
    made = Engine([Scripted("other")]).process(SLOT, Books(position("gone"), value=value).at(1))
    assert len(made) == sold
    assert not Engine([Scripted("gone")]).process(SLOT, Books(position("gone"), value=value).at(1))


def test_a_position_whose_strategy_does_not_run_is_sold_after_a_day_even_unpriced() -> None:
    books = Books(position("gone"), value=None)
    engine = Engine([])
    assert not engine.process(SLOT, books.at(86_399_999))
    (sale,) = engine.process(SLOT, books.at(86_400_000))
    assert isinstance(sale, TradeIntent)
    assert not engine.process(SLOT, books.at(86_401_000)), "asked again too soon"
    assert engine.process(SLOT, books.at(86_402_000))


def test_levels_set_by_hand_hold_for_every_strategy_that_does_not_see_to_them_itself() -> None:
    held = position("one", levels=Levels(stop_bps=-500, target_bps=None))
    books = Books(held, value=940)
    (sale,) = Engine([Scripted("one")]).process(SLOT, books.at(1))
    assert isinstance(sale, TradeIntent)
    assert "by hand" in sale.reason
    minding = Scripted("one")
    minding.minds_levels = True
    assert not Engine([minding]).process(SLOT, books.at(1))


def test_levels_are_told_by_the_position_s_own_strategy() -> None:
    engine = Engine([Scripted("one")])
    assert engine.levels(position("one")) == (7, 9)
    assert engine.levels(position("gone")) == (850, None)


def test_what_another_process_runs_is_left_to_it() -> None:
    engine = Engine([Scripted("one")], elsewhere={"two"})
    fallen = Books(position("two"), value=1)
    assert not engine.process(SLOT, fallen.at(1))
    assert not engine.process(signal(Side.SELL, TradeId("t1")), fallen.at(2))
    assert not engine.process(signal(), EMPTY.at(3))
    assert engine.process(signal(Side.SELL, TradeId("t1")), Books(position("one")).at(4))


def test_a_buy_says_how_far_its_token_moves_with_what_is_held_where_that_is_limited() -> None:
    other, bar = Address("other"), 15_000
    lying = intent(correlations=((other, -10_000),), ttl_ms=10**9)
    for asked, expected in [(True, ((other, 10_000),)), (False, ())]:
        engine = Engine([Scripted("one", lying)], limits=EngineLimits(correlate=asked))
        for place in range(30):
            for mint in (MINT, other):
                swap = Swap(
                    "v", Address("p"), Address("u"), WSOL, mint, 1_000 + place**2, 10**12, Signature("s"), Slot(1), 0
                )  # fmt: skip
                engine.process(Trade(swap, place * bar), EMPTY.at(place * bar))
        (wanted,) = engine.process(SLOT, Books(position("two", mint=other)).at(30 * bar))
        assert isinstance(wanted, TradeIntent)
        assert wanted.correlations == expected
