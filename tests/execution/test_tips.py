"""What is offered to the block engine: percentile, floor, ceiling, share of the trade, cold start, own history."""

import pytest

from chimera.domain.ids import IntentId, TradeId
from chimera.domain.intent import Style
from chimera.domain.messages import Entry, LegLanded
from chimera.domain.trade import LegRef
from chimera.domain.units import Lamports
from chimera.execution.tips import (
    COLD_TRADES,
    DAY_MS,
    HISTORY,
    TIP_LAMPORTS_MIN,
    TipBook,
    TipPolicy,
    at_percentile,
)
from chimera.ports.chain import TipFloor
from chimera.testing.builders import fill

SOL = 10**9
FLOOR = 1_000_000
LEG = LegRef("leg", IntentId("i"), TradeId("t"))


def market(*lamports: int) -> TipFloor:
    return TipFloor(*(Lamports(one) for one in lamports))


BUSY = market(1_000_000, 3_000_000, 5_000_000, 9_000_000, 20_000_000, 3_000_000)


def warm(*tips: int, policy: TipPolicy | None = None, at_ms: int = 1_000) -> TipBook:
    """A book with landed tips; with ten of the floor's before them, so that it is not cold."""
    book = TipBook(policy or TipPolicy())
    for tip in (*[FLOOR] * COLD_TRADES, *tips):
        book.apply(Entry(1, at_ms, "r", LegLanded(LEG, fill(tip_lamports=tip))))
    return book


def spear(book: TipBook, trade_lamports: int = SOL) -> int:
    return book.tip(Style.SPEAR, trade_lamports=trade_lamports)


def test_spear_pays_the_percentile_of_what_landed_and_shield_and_exits_pay_the_floor() -> None:
    book = warm()
    book.see(BUSY, 1_000)
    assert spear(book) == 3_000_000
    assert book.tip(Style.SHIELD, trade_lamports=SOL) == FLOOR
    assert book.tip(Style.EXIT, trade_lamports=SOL) == FLOOR


def test_spear_never_pays_less_than_the_floor() -> None:
    book = warm()
    book.see(market(*[2_000] * 6), 1_000)
    assert spear(book) == FLOOR


def test_nobody_pays_more_than_the_ceiling() -> None:
    book = warm(policy=TipPolicy(percentile=99))
    book.see(BUSY, 1_000)
    assert spear(book, 100 * SOL) == 10_000_000


def test_a_tip_is_at_most_its_share_of_the_trade_rounded_down_and_never_below_what_is_looked_at() -> None:
    book = warm()
    book.see(BUSY, 1_000)
    assert spear(book, 20_000_009) == 2_000_000
    assert book.tip(Style.SHIELD, trade_lamports=5_000_019) == 500_001
    assert spear(book, 9) == TIP_LAMPORTS_MIN


def test_the_first_ten_trades_of_spear_offer_twice_the_floor() -> None:
    book = TipBook(TipPolicy())
    for _ in range(COLD_TRADES):
        assert spear(book) == 2 * FLOOR
        assert book.tip(Style.SHIELD, trade_lamports=SOL) == FLOOR
        book.apply(Entry(1, 1_000, "r", LegLanded(LEG, fill(tip_lamports=FLOOR))))
    assert spear(book) == FLOOR


def test_cold_or_not_a_dear_market_is_paid() -> None:
    book = TipBook(TipPolicy())
    book.see(BUSY, 1_000)
    assert spear(book) == 3_000_000
    book.see(market(*[1_000] * 6), 1_000)
    assert spear(book) == 2 * FLOOR


def test_legs_without_a_tip_are_no_bundles_and_warm_nothing() -> None:
    book = TipBook(TipPolicy())
    for _ in range(99):
        book.apply(Entry(1, 1_000, "r", LegLanded(LEG, fill())))
    assert (book.landed, spear(book)) == (0, 2 * FLOOR)


def test_where_the_engine_tells_nothing_our_own_landed_tips_count() -> None:
    book = warm(*[4_000_000] * 20)
    assert spear(book) == 4_000_000
    book.see(BUSY, 1_000)
    assert spear(book) == 3_000_000
    book.forget_stale(1_000 + 60_001)
    assert spear(book) == 4_000_000


def test_only_the_last_hundred_count() -> None:
    assert spear(warm(*[4_000_000] * HISTORY, *[2_000_000] * (HISTORY // 2))) == 2_000_000


def test_after_a_week_our_own_tips_are_forgotten_but_we_are_not_cold_again() -> None:
    book = warm(*[4_000_000] * 20)
    book.forget_stale(1_000 + 7 * DAY_MS)
    assert spear(book) == 4_000_000
    book.forget_stale(1_001 + 7 * DAY_MS)
    assert spear(book) == FLOOR


def test_a_restart_knows_the_history_from_the_journal_alone() -> None:
    entries = [Entry(1, 1_000, "r", LegLanded(LEG, fill(tip_lamports=4_000_000))) for _ in range(COLD_TRADES)]
    books = [TipBook(TipPolicy()) for _ in range(2)]
    for book in books:
        for entry in entries:
            book.apply(entry)
    assert {spear(book) for book in books} == {4_000_000}


@pytest.mark.parametrize(
    ("percent", "lamports"),
    [(0, 1_000_000), (25, 1_000_000), (50, 3_000_000), (51, 3_080_000), (90, 8_000_000), (99, 20_000_000), (100, 20_000_000)],
)  # fmt: skip
def test_percentiles_between_the_told_ones_lie_on_a_straight_line(percent: int, lamports: int) -> None:
    assert at_percentile(BUSY, percent) == lamports


def test_a_percentile_is_rounded_up() -> None:
    assert at_percentile(market(1, 2, 2, 2, 2, 2), 26) == 2
