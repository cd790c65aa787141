"""The queue's order and its bound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.domain.ids import Address, SignalId
from chimera.domain.intent import RANKS, Side, Signal, Source, Style
from chimera.execution.queue import PrioritySignals, SignalQueueFull


def signal(style: Style, number: int = 0) -> Signal:
    return Signal(
        id=SignalId(f"{style}-{number}"),
        source=Source.WEBHOOK,
        strategy=style,
        side=Side.BUY,
        mint=Address("m"),
        symbol="M",
        amount_lamports=1,
        wallet=Address("w"),
        at_ms=number,
    )


@given(st.lists(st.sampled_from(list(Style)), max_size=60))
def test_exit_before_shield_before_spear_and_first_come_first_served_within(styles: list[Style]) -> None:
    queue = PrioritySignals()
    signals = [signal(style, number) for number, style in enumerate(styles)]
    for one in signals:
        queue.put(one)
    assert queue.depth == len(signals)
    taken = [queue.take() for _ in signals]
    assert taken == sorted(signals, key=lambda one: RANKS[one.strategy])  # sorted() keeps the order of equals
    assert (queue.take(), queue.depth) == (None, 0)


def test_a_late_exit_overtakes_whoever_waits() -> None:
    queue = PrioritySignals()
    for style in (Style.SPEAR, Style.SHIELD, Style.EXIT):
        queue.put(signal(style))
    first = queue.take()
    assert first is not None
    assert first.strategy is Style.EXIT


def test_more_than_its_capacity_does_not_fit() -> None:
    queue = PrioritySignals(capacity=2)
    queue.put(signal(Style.SPEAR, 1))
    queue.put(signal(Style.SPEAR, 2))
    with pytest.raises(SignalQueueFull):
        queue.put(signal(Style.EXIT, 3))
    assert queue.depth == 2
