"""A strategy that does not come back is broken off, and only ever it."""

import time
from collections.abc import Sequence
from typing import Any

import pytest

from chimera.domain.ids import Slot
from chimera.domain.market import SlotAdvanced
from chimera.domain.messages import StrategyMoved
from chimera.engine import Engine, StrategyStalled
from chimera.market.view import MarketView
from chimera.ports.strategy import Context
from chimera.roles.watchdog import Watchdog

SLOT = SlotAdvanced(Slot(1), 1)
CONTEXT = Context(now_ms=1, books=None, prices=MarketView({}))  # type: ignore[arg-type]


class Hanging:
    name = "hanging"

    def on_event(self, event: Any, context: Context) -> Sequence[Any]:
        while True:
            try:
                sum(range(100))
            except Exception:  # noqa: BLE001 - as people write it
                self.name = "hurt"

    def levels(self, position: Any) -> tuple[None, None]:
        return None, None


class Brief(Hanging):
    name = "brief"

    def on_event(self, event: Any, context: Context) -> Sequence[Any]:
        end = time.monotonic() + 0.02
        while time.monotonic() < end:
            pass
        return ()


class Quiet:
    """Books of a house that holds nothing."""

    open_positions: tuple[()] = ()


def test_a_strategy_that_hangs_is_parked_and_the_next_one_is_asked() -> None:
    engine = Engine([Hanging(), Brief()])
    watchdog = Watchdog(engine.pulse, processor_s_max=0.2)
    watchdog.start()
    try:
        context = Context(now_ms=1, books=Quiet(), prices=MarketView({}))  # type: ignore[arg-type]
        (moved,) = engine.process(SLOT, context)
        assert isinstance(moved, StrategyMoved)
        assert (moved.strategy, moved.cause) == ("hanging", "it did not come back")
        assert engine.process(SLOT, context) == []
        assert "brief" not in engine.parked
    finally:
        watchdog.stop()


def test_calls_that_end_just_as_they_are_aimed_at_hit_nobody_else() -> None:
    """With a limit of nothing every look fires; whatever is hit is hit inside its own call."""
    engine = Engine([Brief()])
    watchdog = Watchdog(engine.pulse, processor_s_max=0.0)
    watchdog.start()
    context = Context(now_ms=1, books=Quiet(), prices=MarketView({}))  # type: ignore[arg-type]
    try:
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            engine.process(SLOT, context)
            engine.resume("brief", "again", "test")
    except StrategyStalled:
        pytest.fail("the exception came out of the engine")
    finally:
        watchdog.stop()
