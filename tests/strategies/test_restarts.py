"""What strategies know beside the books is found again in the facts of former runs."""

from typing import Any

from tests.strategies import test_momentum as momentum
from tests.strategies import test_reentry as reentry

from chimera.domain.highs import TELL_EVERY_MS, Highs
from chimera.domain.ids import TradeId
from chimera.domain.intent import Side, TradeIntent
from chimera.domain.market import SlotAdvanced
from chimera.domain.messages import Entry, Fact, IntentEmitted, StrategyDecided, TradeMoved
from chimera.domain.trade import TradeState
from chimera.engine import Engine
from chimera.strategies.momentum import Momentum, State
from chimera.strategies.momentum.policy import Code
from chimera.strategies.reentry import Reentry


def entries(at_ms: int, *facts: Fact) -> list[Entry]:
    return [Entry(number, at_ms, "run", fact) for number, fact in enumerate(facts, 1)]


def opened(intent: TradeIntent) -> tuple[Fact, Fact]:
    moved = TradeMoved(intent.trade_id, TradeState.EXECUTING, TradeState.ACTIVE, "landed")
    return IntentEmitted(intent), moved


def again(house: Any, past: list[Entry]) -> Any:
    """The same house with a strategy that has just started."""
    house.strategy = type(house.strategy)(house.strategy.params)
    house.strategy.recall(past)
    house.engine = Engine([house.strategy])
    return house


# the best value


def test_the_word_of_a_best_value_is_left_now_and_then_and_scaled_to_what_is_held() -> None:
    house = momentum.holding()
    (position,) = house.open_positions
    highs = Highs("momentum")
    first = highs.word(position, 2_000, 1)
    assert first is not None
    assert highs.word(position, 3_000, TELL_EVERY_MS) is None, "too soon"
    assert highs.word(position, 2_004, TELL_EVERY_MS + 1) is None, "hardly more"
    assert highs.word(position, 2_005, TELL_EVERY_MS + 1) is not None
    found = Highs("momentum")
    found.recall(first)
    house.positions[position.trade_id] = half = type(position)(
        **{name: getattr(position, name) for name in position.__struct_fields__} | {"tokens": 500}
    )
    assert found.recalled(half) == 1_000
    assert found.recalled(half) == 0, "taken up once"
    other = Highs("reentry")
    other.recall(first)
    assert other.recalled(half) == 0, "another strategy's"


def test_momentum_trails_from_the_best_of_the_run_before() -> None:
    house = momentum.House(scale_in_gain_bps=9_999_999)
    probe = house.surge()
    house.landed(probe)
    house.gain(3_000)
    (best,) = house.tick()
    assert isinstance(best, StrategyDecided)
    house = again(house, entries(house.now, *opened(probe), best))
    house.gain(400)
    momentum.leaves(house, Code.EXIT_TRAILING)


def test_re_entry_trails_from_the_best_of_the_run_before() -> None:
    house = reentry.House()
    intent = house.enter()
    house.landed(intent)
    stop = house.strategy.held[intent.trade_id].stop_bps
    (first,) = house.at(stop)
    house.sold(first)
    (position,) = house.open_positions
    house.value = position.paid_lamports * (10_000 + stop * 3 // 2) // 10_000
    house.now += 2_500
    (best,) = house.send(SlotAdvanced(house.slot, house.now))
    assert isinstance(best, StrategyDecided)
    house = again(house, entries(house.now, *opened(intent), best))
    (rest,) = house.at(0)
    assert rest.reason.startswith("EXIT_TRAILING")


# states


def test_momentum_scales_in_once_more_where_the_probe_is_of_the_run_before() -> None:
    house = momentum.House()
    probe = house.surge()
    house.landed(probe)
    house = again(house, entries(house.now, *opened(probe)))
    house.trade()  # what is traded now is all that the new run knows of the market
    house.gain(250)
    (more,) = house.tick()
    assert (more.side, more.trade_id) == (Side.BUY, probe.trade_id)


def test_momentum_does_not_scale_in_twice_over_a_restart() -> None:
    house = momentum.House()
    probe = house.surge()
    house.landed(probe)
    house.gain(250)
    (more,) = house.tick()
    house.landed(more, tokens=2_900)
    grown = TradeMoved(more.trade_id, TradeState.ACTIVE, TradeState.ACTIVE, "landed")
    house = again(house, entries(house.now, *opened(probe), IntentEmitted(more), grown))
    assert house.state is State.POSITION_OPEN_FULL
    house.gain(250)
    assert not house.tick()


def test_momentum_goes_on_leaving_alone_what_it_rejected_or_sold() -> None:
    for last in (
        TradeMoved(TradeId(""), TradeState.EXITING, TradeState.CLOSED, "sold"),
        StrategyDecided("momentum", momentum.MINT, "REJECT", Code.REJECT_DOMINANCE, "one wallet"),
    ):
        house = momentum.House()
        probe = house.surge()
        if isinstance(last, TradeMoved):
            last = TradeMoved(probe.trade_id, last.before, last.after, last.cause)
        before = again(house, entries(house.now, *opened(probe), last))
        assert before.state is State.REJECTED
        until = before.strategy.candidates[momentum.MINT].until_ms
        assert until == house.now + house.strategy.params.rejected_s * 1_000


def test_momentum_does_not_buy_a_probe_again_that_is_still_under_way() -> None:
    house = momentum.House()
    probe = house.surge()
    house.states[probe.trade_id] = TradeState.EXECUTING
    house = again(house, entries(house.now, IntentEmitted(probe)))
    assert house.state is State.PROBE_BUY_PENDING
    assert not [one for _ in range(130) for one in house.trade(rise=20) if isinstance(one, TradeIntent)]


def test_re_entry_goes_on_with_the_cooldown_of_a_token_that_it_sold() -> None:
    house = reentry.House()
    intent = house.enter()
    closed = TradeMoved(intent.trade_id, TradeState.EXITING, TradeState.CLOSED, "sold")
    fresh = Reentry(house.strategy.params)
    fresh.recall(entries(5_000, *opened(intent), closed))
    assert fresh._free_ms == {reentry.MINT: 5_000 + fresh.params.cooldown_s * 1_000}


def test_momentum_is_one_that_remembers() -> None:
    assert callable(Momentum.recall)
