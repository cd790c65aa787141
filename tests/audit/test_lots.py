"""Tax lots: their gains are the realised profits, and every token sold came from somewhere."""

import msgspec
import pytest

from chimera.audit.lots import ENDED, LotKind, chore_lot, lots_of
from chimera.audit.projections import trade_of, trade_rows
from chimera.domain.ids import Address, Signature, Slot, TradeId
from chimera.domain.intent import Side
from chimera.domain.trade import TradeState
from chimera.portfolio import Ledger
from chimera.ports.store import FillRow, TradeRow
from chimera.testing.stories import entries

MINT, SOL = Address("mint"), Address("sol")


def fill(
    side: Side, amount_in: int, amount_out: int, *, at_ms: int, costs: int = 0, rent: int = 0
) -> FillRow:
    return FillRow(
        leg_id=f"l{at_ms}", trade_uuid=TradeId("t"), side=side, signature=Signature(f"s{at_ms}"), slot=Slot(at_ms),
        input_mint=SOL, output_mint=MINT, amount_in=amount_in, amount_out=amount_out, fee_lamports=costs,
        tip_lamports=0, rent_lamports=rent, at_ms=at_ms,
    )  # fmt: skip


def stories(seed: int) -> list[tuple[TradeRow, tuple[FillRow, ...]]]:
    by_trade: dict[TradeId, list[object]] = {}
    for entry in entries(seed):
        trade_id = trade_of(entry.fact)
        if trade_id is not None:
            by_trade.setdefault(trade_id, []).append(entry)
    rows = [trade_rows(story) for story in by_trade.values()]  # type: ignore[arg-type]
    return [(row.trade, tuple(row.fills)) for row in rows if row is not None]


@pytest.mark.parametrize("seed", range(25))
def test_the_gains_of_a_closed_round_trip_are_its_realised_profit(seed: int) -> None:
    closed = 0
    for trade, fills in stories(seed):
        lots = lots_of(trade, fills)
        sold = sum(one.amount_in for one in fills if one.side is Side.SELL)
        assert sum(lot.tokens for lot in lots) == sold
        if trade.status is TradeState.CLOSED:
            closed += 1
            assert sum(lot.gain_lamports for lot in lots) == trade.realised_lamports
        assert all(lot.acquired_at_ms <= lot.disposed_at_ms for lot in lots)
    assert closed or seed


def closed_trade(spent: int, received: int) -> TradeRow:
    (trade, _), *_ = [one for one in stories(0) if one[0].status is TradeState.CLOSED]
    return msgspec.structs.replace(trade, spent_lamports=spent, received_lamports=received)


def test_a_sale_takes_from_the_oldest_purchase_first() -> None:
    fills = (
        fill(Side.BUY, 100, 10, at_ms=1),
        fill(Side.BUY, 300, 10, at_ms=2),
        fill(Side.SELL, 15, 600, at_ms=3),
        fill(Side.SELL, 5, 100, at_ms=4),
    )
    lots = lots_of(closed_trade(400, 700), fills)
    assert [(lot.acquired_at_ms, lot.disposed_at_ms, lot.tokens) for lot in lots] == [
        (1, 3, 10),
        (2, 3, 5),
        (2, 4, 5),
    ]
    assert [(lot.cost_lamports, lot.proceeds_lamports) for lot in lots] == [
        (100, 400),
        (150, 200),
        (150, 100),
    ]


def test_costs_are_in_and_rounding_loses_nothing() -> None:
    fills = (
        fill(Side.BUY, 1_000, 3, at_ms=1, costs=7, rent=20),
        fill(Side.SELL, 1, 500, at_ms=2, costs=5),
        fill(Side.SELL, 2, 900, at_ms=3, costs=5, rent=-20),
    )
    lots = lots_of(closed_trade(1_037, 1_420), fills)
    assert sum(lot.cost_lamports for lot in lots) == 1_027
    assert [lot.proceeds_lamports for lot in lots] == [495, 915]
    assert lots[0].cost_lamports == 343  # a third of 1,027, rounded up


def test_failed_attempts_are_borne_by_the_last_lot() -> None:
    fills = (fill(Side.BUY, 100, 10, at_ms=1), fill(Side.SELL, 10, 150, at_ms=2))
    (lot,) = lots_of(closed_trade(105, 150), fills)
    assert (lot.cost_lamports, lot.gain_lamports) == (105, 45)


def valued(one: FillRow, sol_micro_usd: int | None) -> FillRow:
    return msgspec.structs.replace(one, sol_micro_usd=sol_micro_usd)


def test_dollars_are_those_of_each_day_and_round_against_us() -> None:
    fills = (
        valued(fill(Side.BUY, 10**9 + 1, 10, at_ms=1), 100_000_000),
        valued(fill(Side.SELL, 10, 10**9 + 1, at_ms=2), 150_000_000),
    )
    (lot,) = lots_of(closed_trade(10**9 + 1, 10**9 + 1), fills)
    assert lot.gain_lamports == 0
    assert (lot.cost_micro_usd, lot.proceeds_micro_usd) == (100_000_001, 150_000_000)
    assert lot.gain_micro_usd == 49_999_999, "a SOL that became dearer is a gain in dollars"


@pytest.mark.parametrize(("bought", "sold"), [(None, 1), (1, None), (None, None)])
def test_what_nobody_put_down_is_unknown_and_never_nothing(bought: int | None, sold: int | None) -> None:
    fills = (
        valued(fill(Side.BUY, 100, 10, at_ms=1), bought),
        valued(fill(Side.SELL, 10, 150, at_ms=2), sold),
    )
    (lot,) = lots_of(closed_trade(100, 150), fills)
    assert lot.gain_micro_usd is None
    assert (lot.cost_micro_usd is None) == (bought is None)
    assert (lot.proceeds_micro_usd is None) == (sold is None)


def test_fees_and_rent_in_a_lot_are_shares_that_sum_up() -> None:
    fills = (
        fill(Side.BUY, 1_000, 3, at_ms=1, costs=7, rent=20),
        fill(Side.SELL, 1, 500, at_ms=2, costs=5),
        fill(Side.SELL, 2, 900, at_ms=3, costs=5, rent=-20),
    )
    lots = lots_of(closed_trade(1_047, 1_420), fills)
    assert sum(lot.fees_lamports for lot in lots) == 7 + 5 + 5 + 10, "the last 10 are failed attempts"
    assert sum(lot.rent_lamports for lot in lots) == 0


def test_a_cycle_is_a_lot_of_its_own_with_the_profit_of_its_round_trip() -> None:
    trade = msgspec.structs.replace(closed_trade(10_012, 10_500), realised_lamports=488)
    (lot,) = lots_of(trade, (fill(Side.CYCLE, 0, 500, at_ms=5, costs=12),))
    assert (lot.kind, lot.acquired_at_ms, lot.disposed_at_ms) == (LotKind.AT_ONCE, 5, 5)
    assert (lot.cost_lamports, lot.proceeds_lamports, lot.gain_lamports) == (10_012, 10_500, 488)
    assert lot.fees_lamports == 12


@pytest.mark.parametrize("seed", range(25))
def test_all_lots_together_are_the_ledger(seed: int) -> None:
    """Of every ended round trip, and of chores: what is open is the rest, and nothing else is."""
    books, chores, trips = Ledger(), [], stories(seed)
    for entry in entries(seed):
        books.apply(entry)
        chores += [lot] if (lot := chore_lot(entry)) is not None else []
    ended = [one for one in trips if one[0].status in ENDED]
    gains = sum(lot.gain_lamports for trade, fills in ended for lot in lots_of(trade, fills))
    assert gains == sum(trade.realised_lamports or 0 for trade, _ in ended)
    left = sum(trade.realised_lamports or 0 for trade, _ in trips if trade.status not in ENDED)
    assert gains + left == books.realised_lamports
    upkeep = -books.upkeep_fees_lamports - books.upkeep_rent_lamports + books.upkeep_swapped_lamports
    assert sum(lot.gain_lamports for lot in chores) == upkeep != 0 or not chores
