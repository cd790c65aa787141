"""The tables of a trade's life."""

import pytest

from chimera.domain.trade import LegState, TradeState
from chimera.execution.lifecycle import LEG_TRANSITIONS, TRANSITIONS, Happened, advance, leg_may, of_a_buy


def test_every_state_that_is_documented_can_be_reached() -> None:
    assert {*TRANSITIONS.values(), TradeState.PENDING} == set(TradeState)


def test_a_trade_becomes_active_only_by_landing() -> None:
    ways = {pair for pair, after in TRANSITIONS.items() if after is TradeState.ACTIVE is not pair[0]}
    assert ways == {
        (TradeState.EXECUTING, Happened.ENTRY_LANDED),
        (TradeState.EXITING, Happened.EXIT_LOST),
        (TradeState.EXITING, Happened.PART_LANDED),
        (TradeState.CLOSED, Happened.REOPENED),
    }


UNDONE = {Happened.ENTRY_UNDONE, Happened.EXIT_UNDONE, Happened.CYCLE_UNDONE, Happened.SWAP_UNDONE}


@pytest.mark.parametrize("happened", sorted(set(Happened) - UNDONE - {Happened.REOPENED}))
def test_only_a_fork_moves_what_was_final(happened: Happened) -> None:
    assert advance(TradeState.CLOSED, happened) is None
    assert advance(TradeState.DEAD_LETTER, happened) is None


def test_what_a_fork_undid_is_under_way_again_and_never_further() -> None:
    ways = {after for (_, happened), after in TRANSITIONS.items() if happened in UNDONE}
    assert ways == {TradeState.EXECUTING, TradeState.EXITING}


def test_an_open_trade_stays_as_it_is_whatever_becomes_of_a_second_buy() -> None:
    for happened in (Happened.REFUSED, Happened.ENTRY_LANDED, Happened.ENTRY_LOST):
        meant = of_a_buy(TradeState.ACTIVE, happened)
        assert meant is not None
        assert advance(TradeState.ACTIVE, meant) is TradeState.ACTIVE
        assert of_a_buy(TradeState.EXECUTING, happened) is happened
    assert of_a_buy(TradeState.ACTIVE, Happened.APPROVED) is None


def test_an_unlisted_pair_is_a_late_answer() -> None:
    assert advance(TradeState.PENDING, Happened.ENTRY_LANDED) is None


def test_a_leg_is_never_sent_unsigned_and_leaves_a_final_state_only_by_a_fork() -> None:
    assert not leg_may(LegState.SIMULATED, LegState.SENT)
    assert not leg_may(LegState.PLANNED, LegState.SIGNED)
    for final in (LegState.EXPIRED, LegState.DROPPED):
        assert LEG_TRANSITIONS[final] == frozenset()
    for on_chain in (LegState.LANDED, LegState.REVERTED):
        assert LEG_TRANSITIONS[on_chain] == {LegState.SENT}
