"""Bars: each trade in exactly one, none told before it is over."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.domain.features import Bar, BarKind
from chimera.market.bars import Bars

TRADES = st.lists(
    st.tuples(
        st.integers(0, 4_000),
        st.integers(1, 10**6),
        st.integers(1, 10**9),
        st.integers(1, 10**9),
        st.booleans(),
    ),
    max_size=80,
)
"""(milliseconds since the one before, price, lamports, tokens, whether it bought)"""


def fed(
    bars: Bars, trades: list[tuple[int, int, int, int, bool]]
) -> tuple[list[Bar], list[tuple[int, int, int, int, bool]]]:
    """All bars, the one under way included, and the trades with their times."""
    now, timed = 1_000_000, []
    for step, price, lamports, tokens, bought in trades:
        now += step
        timed.append((now, price, lamports, tokens, bought))
        bars.add(now, price=price, lamports=lamports, tokens=tokens, bought=bought)
    current = bars.current
    return [*bars.closed, *([current] if current else [])], timed


@given(TRADES, st.sampled_from([(BarKind.TIME, 1_000), (BarKind.TRADES, 3), (BarKind.VOLUME, 10**9)]))
def test_every_trade_is_in_exactly_one_bar_of_which_all_is_true(trades, kind) -> None:  # type: ignore[no-untyped-def]
    made, timed = fed(Bars(*kind), trades)
    assert sum(bar.trades for bar in made) == len(timed)
    at = 0
    for bar in made:
        inside = timed[at : at + bar.trades]
        at += bar.trades
        prices = [price for _, price, *_ in inside]
        assert (bar.open, bar.high, bar.low, bar.close) == (prices[0], max(prices), min(prices), prices[-1])
        assert bar.lamports == sum(lamports for _, _, lamports, _, _ in inside)
        assert bar.tokens == sum(tokens for _, _, _, tokens, _ in inside)
        assert bar.buy_lamports == sum(lamports for _, _, lamports, _, bought in inside if bought)
        assert bar.start_ms <= inside[0][0]
    assert all(one.end_ms <= other.start_ms for one, other in pairwise(made) if kind[0] is BarKind.TIME)


def test_time_bars_begin_at_round_times_and_leave_out_times_without_trades() -> None:
    made, _ = fed(
        Bars(BarKind.TIME, 1_000), [(0, 5, 1, 1, True), (3_400, 6, 1, 1, True), (100, 7, 1, 1, False)]
    )
    assert [(bar.start_ms, bar.close) for bar in made] == [(1_000_000, 5), (1_003_000, 7)]


def test_a_time_bar_is_over_once_its_time_is_though_nothing_traded_since() -> None:
    bars = Bars(BarKind.TIME, 1_000)
    bars.add(1_000_400, price=5, lamports=1, tokens=1, bought=True)
    assert bars.advance(1_000_999) is None
    assert not bars.closed
    ended = bars.advance(1_001_000)
    assert ended is not None
    assert (ended.start_ms, ended.end_ms) == (1_000_000, 1_001_000)
    assert bars.current is None


def test_bars_of_trades_and_volume_end_with_the_trade_that_fills_them() -> None:
    trades, volume = Bars(BarKind.TRADES, 2), Bars(BarKind.VOLUME, 10)
    ended = [trades.add(n, price=1, lamports=1, tokens=1, bought=True) for n in range(4)]
    assert [bar is not None for bar in ended] == [False, True, False, True]
    assert volume.add(1, price=1, lamports=9, tokens=1, bought=True) is None
    over = volume.add(2, price=1, lamports=25, tokens=1, bought=True)
    assert over is not None
    assert over.lamports == 34, "a trade is never split"


def test_only_so_many_bars_are_kept_and_all_are_counted() -> None:
    bars = Bars(BarKind.TRADES, 1, keep=5)
    for n in range(12):
        bars.add(n, price=n + 1, lamports=1, tokens=1, bought=True)
    assert (len(bars.closed), bars.count, bars.closed[0].close) == (5, 12, 8)


def test_a_bar_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="a bar of 0"):
        Bars(BarKind.TIME, 0)
