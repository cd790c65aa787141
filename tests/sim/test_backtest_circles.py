"""Arbitrage over a generated world: gaps are closed at a profit after all costs, and nothing is locked up or left."""

from functools import cache

from chimera.adapters.journal_memory import ChainedMemoryJournal
from chimera.domain.intent import Side
from chimera.domain.messages import IntentEmitted, LegLanded
from chimera.sim.result import Result
from chimera.wiring.backtest import Wish, backtest


@cache
def ran() -> tuple[Result, ChainedMemoryJournal]:
    return backtest(Wish(strategies=("arbitrage",), data="world:7:1", changed={"arbitrage.live": "true"}))


def test_gaps_are_closed_at_a_profit_after_costs() -> None:
    result, journal = ran()
    wanted = [entry.fact.intent for entry in journal.read() if isinstance(entry.fact, IntentEmitted)]
    fills = [entry.fact.fill for entry in journal.read() if isinstance(entry.fact, LegLanded)]
    assert wanted and {intent.side for intent in wanted} == {Side.CYCLE}
    assert len(fills) > 5
    assert all(fill.lamports_delta >= 10_000_000 for fill in fills), (
        "each by the bound that it was planned with"
    )
    assert result.end_lamports == result.start_lamports + sum(fill.lamports_delta for fill in fills)


def test_a_circle_locks_nothing_up_and_leaves_nothing() -> None:
    _, journal = ran()
    for entry in journal.read():
        if isinstance(entry.fact, LegLanded):
            fill = entry.fact.fill
            assert (fill.token_delta, fill.rent_lamports, fill.other_tokens) == (0, 0, ())


def test_every_trip_is_closed_in_the_report() -> None:
    result, _ = ran()
    assert result.trips == result.closed
    assert all(trip.profit_lamports > 0 for trip in result.trips)
