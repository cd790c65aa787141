"""The contract suite of strategies: ours keep it, and every promise, when broken, is told."""

import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Annotated, Any, ClassVar

import msgspec
import pytest

from chimera import plugins
from chimera.domain.ids import WSOL, IntentId, TradeId, derived_id
from chimera.domain.intent import Origin, Side, Style, TradeIntent
from chimera.domain.market import SlotAdvanced, Trade
from chimera.domain.messages import StrategyDecided
from chimera.market.features import FeatureExtractor
from chimera.ports.strategy import Context
from chimera.testing.contracts import check_strategy
from chimera.testing.scenes import MadeMarket

EVENTS = 6_000


def scene(another: bool) -> Any:
    return MadeMarket(FeatureExtractor(), events=EVENTS, future=1 if another else 0)  # type: ignore[arg-type]


class Params(msgspec.Struct, frozen=True):
    size_lamports: Annotated[int, msgspec.Meta(ge=1, le=10**12)] = 1_000


class Honest:
    """Buys once in a while and sells soon after."""

    name = "honest"
    params_type: Any = Params
    changes: ClassVar[dict[str, Any]] = {}

    def __init__(self, params: Any = None) -> None:
        self.params = params or self.params_type()
        self.held: set[TradeId] = set()

    def on_event(self, event: Any, context: Context) -> Sequence[Any]:
        made: list[Any] = []
        if isinstance(event, SlotAdvanced):
            for position in context.books.open_positions:
                made.append(
                    self.intent(position.mint, position.trade_id, Side.SELL, position.tokens, context)
                )
                self.held.discard(position.trade_id)
        elif isinstance(event, Trade) and event.swap.slot % 40 == 0 and not self.held:
            trade_id = TradeId(derived_id(self.name, str(context.now_ms), event.swap.signature))
            self.held.add(trade_id)
            mint = event.swap.output_mint if event.swap.input_mint == WSOL else event.swap.input_mint
            made.append(self.intent(mint, trade_id, Side.BUY, self.size(), context))
        return made

    def size(self) -> int:
        return int(self.params.size_lamports)

    def intent(self, mint: Any, trade_id: TradeId, side: Side, amount: int, context: Context) -> TradeIntent:
        made = TradeIntent(
            id=IntentId(derived_id(trade_id, side, str(context.now_ms))), trade_id=trade_id, signal_id=None,
            source="honest", origin=Origin.STRATEGY_A, style=Style.SPEAR, side=side, mint=mint, symbol="",
            amount=amount, slippage_bps_max=100, created_at_ms=context.now_ms, ttl_ms=1_000, reason="because",
        )  # fmt: skip
        return msgspec.structs.replace(made, **self.changes) if side is Side.BUY else made

    def levels(self, position: Any) -> tuple[None, None]:
        return None, None


def with_changes(**changes: Any) -> Callable[[], Any]:
    return type("Odd", (Honest,), {"changes": changes, "__module__": __name__})


def test_an_honest_strategy_passes_and_its_rehearsal_is_told() -> None:
    rehearsal = check_strategy(Honest, scene)
    sides = [one.output.side for one in rehearsal.said]  # type: ignore[union-attr]
    assert sides.count(Side.BUY) > 5
    assert rehearsal.index == EVENTS


@pytest.mark.parametrize("name", sorted(plugins.strategies()))
def test_our_own_strategies_keep_the_contract(name: str) -> None:
    factory: Any = plugins.strategies()[name]
    rehearsal = check_strategy(lambda: factory(factory.params_type()), scene, bounded=False)
    assert rehearsal.said, f"{name} said nothing at all in this market"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"source": "other"}, "signed by another"),
        ({"id": IntentId("same")}, "an id that was used before"),
        ({"amount": 0}, "of nothing"),
        ({"slippage_bps_max": 10_000}, "without a limit"),
        ({"ttl_ms": 0}, "without an expiry"),
        ({"ttl_ms": 10**9}, "without an expiry"),
        ({"created_at_ms": 5}, "at another time than now"),
        ({"reason": ""}, "without a reason"),
    ],
)
def test_an_intent_without_what_it_must_have_is_told(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        check_strategy(with_changes(**changes), scene)


def test_chance_is_told() -> None:
    drawn = iter(range(10**9))

    class Chancy(Honest):
        def size(self) -> int:
            return next(drawn) + 1

    with pytest.raises(AssertionError, match="the same story twice"):
        check_strategy(Chancy, scene)


def test_looking_ahead_is_told() -> None:
    class Peeking(Honest):
        """Reaches through the context into the story that is still to come."""

        def size(self) -> int:
            return self.seen

        def on_event(self, event: Any, context: Context) -> Sequence[Any]:
            self.seen = 2 if context.market._future else 1  # type: ignore[attr-defined]
            return super().on_event(event, context)

    with pytest.raises(AssertionError, match="looks ahead"):
        check_strategy(Peeking, scene)


def test_state_that_grows_with_every_event_is_told() -> None:
    class Hoarding(Honest):
        def __init__(self, params: Any = None) -> None:
            super().__init__(params)
            self.all: list[Any] = []

        def on_event(self, event: Any, context: Context) -> Sequence[Any]:
            self.all.append(context.now_ms)
            return super().on_event(event, context)

    with pytest.raises(AssertionError, match="grows for ever"):
        check_strategy(Hoarding, scene)


class Loose(msgspec.Struct, frozen=True):
    size_lamports: int = 5


class Movable(msgspec.Struct):
    size_lamports: Annotated[int, msgspec.Meta(ge=1, le=9)] = 5


class Bare(msgspec.Struct, frozen=True):
    size_lamports: Annotated[int, msgspec.Meta(ge=1, le=9)]


@pytest.mark.parametrize(
    ("kind", "told"),
    [(None, "no `params_type`"), (Loose, "no range"), (Movable, "frozen"), (Bare, "no default")],
)
def test_parameters_without_types_ranges_or_defaults_are_told(kind: Any, told: str) -> None:
    class Odd(Honest):
        params_type = kind

        def __init__(self) -> None:
            self.params, self.held = Params(), set()

    with pytest.raises(AssertionError, match=told):
        check_strategy(Odd, scene)


@pytest.mark.parametrize(
    ("line", "told"),
    [("import time", "imports time"), ("from random import random", "random"), ("open('x')", "opens a file")],
)
def test_a_clock_chance_or_a_file_is_told(line: str, told: str, tmp_path: Any) -> None:
    file = tmp_path / "sensing.py"
    file.write_text(f"def never():\n    {line}\n")
    module = ModuleType("sensing")
    module.__file__ = str(file)
    sys.modules["sensing"] = module
    try:
        odd = type("Odd", (Honest,), {"__module__": "sensing"})
        with pytest.raises(AssertionError, match=told):
            check_strategy(odd, scene)
    finally:
        del sys.modules["sensing"]


def test_what_is_no_output_is_told() -> None:
    class Odd(Honest):
        def on_event(self, event: Any, context: Context) -> Sequence[Any]:
            return ["buy!"]

    with pytest.raises(AssertionError, match="returned a str"):
        check_strategy(Odd, scene)


def test_a_word_signed_by_another_is_told() -> None:
    class Odd(Honest):
        def on_event(self, event: Any, context: Context) -> Sequence[Any]:
            return [StrategyDecided("other", TradeId("m"), "WAIT", "WAIT_X")]  # type: ignore[arg-type]

    with pytest.raises(AssertionError, match="signed by another"):
        check_strategy(Odd, scene)
