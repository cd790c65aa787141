"""The line of a position's value: bounded, and never without its beginning."""

from itertools import pairwise

from chimera.control.curves import LINES_MAX, POINTS_MAX, STEP_MS, Curves
from chimera.domain.ids import TradeId
from chimera.domain.live import PositionMarked

TRADE = TradeId("t1")


def mark(at_ms: int, value: int | None = 10, *, trade: str = TRADE, tokens: int = 5) -> PositionMarked:
    return PositionMarked(TradeId(trade), value, 1, None, None, at_ms, tokens=tokens)


def test_a_long_hold_keeps_its_beginning_and_its_end_in_bounds() -> None:
    curves = Curves()
    for second in range(10_000):
        curves.add(mark(second * STEP_MS, second + 1))
    points = curves.of(TRADE)
    assert len(points) <= POINTS_MAX
    assert points[0] == (0, 1, 5)
    assert points[-1].at_ms > 9_900 * STEP_MS
    steps = {b.at_ms - a.at_ms for a, b in pairwise(points)}
    assert len(steps) == 1


def test_a_mark_without_a_price_is_no_point() -> None:
    curves = Curves()
    curves.add(mark(0, None))
    curves.add(mark(0, 10, tokens=0))
    assert curves.of(TRADE) == ()


def test_marks_too_close_together_are_one_point() -> None:
    curves = Curves()
    for at_ms in (0, STEP_MS - 1, STEP_MS):
        curves.add(mark(at_ms))
    assert [point.at_ms for point in curves.of(TRADE)] == [0, STEP_MS]


def test_the_oldest_line_makes_room() -> None:
    curves = Curves()
    for number in range(LINES_MAX + 1):
        curves.add(mark(0, trade=f"t{number}"))
    assert curves.of(TradeId("t0")) == ()
    assert curves.of(TradeId(f"t{LINES_MAX}")) != ()
