"""A journal decided again, honestly and under other rules."""

import msgspec
import pytest
from tests.risk.test_gate import seen

from chimera.audit.replay import replay
from chimera.domain.errors import ConfigError
from chimera.domain.ids import IntentId, Slot, TradeId
from chimera.domain.intent import Style
from chimera.domain.messages import (
    CapitalMoved,
    Entry,
    Fact,
    IntentApproved,
    IntentEmitted,
    IntentRefused,
    Reconciled,
    RunStarted,
    TradeMoved,
)
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import TradeState
from chimera.risk.checks import RiskLimits
from chimera.risk.gate import Gate
from chimera.testing.builders import AT_MS, address, intent

LIMITS = RiskLimits(open_positions_max=4)


def journal(*facts: Fact) -> list[Entry]:
    opening = (
        RunStarted("r", "b", address("us"), msgspec.to_builtins(LIMITS)),
        CapitalMoved(10**10, Slot(1), "o"),
    )
    return [Entry(seq, AT_MS, "r", fact) for seq, fact in enumerate((*opening, *facts), 1)]


def decided(name: str, **changes: object) -> list[Fact]:
    """An intent and what the gate really said to it."""
    wanted = intent(id=IntentId(name), trade_id=TradeId(name), style=Style.SHIELD)
    circumstances = msgspec.structs.replace(seen(**changes), now_ms=AT_MS, slot_at_ms=AT_MS)
    outcome = Gate(LIMITS).review(wanted, circumstances)
    if isinstance(outcome, Refusal):
        return [IntentEmitted(wanted), IntentRefused(wanted.id, wanted.trade_id, outcome, circumstances)]
    return [IntentEmitted(wanted), IntentApproved(wanted.id, wanted.trade_id, outcome.checks, circumstances)]


def test_an_honest_journal_comes_out_the_same() -> None:
    done = replay(
        journal(*decided("a"), *decided("b", open_positions=4), *decided("c", liquidity_micro_usd=1))
    )
    assert (done.decisions, done.differences) == (3, ())


def test_a_changed_limit_shows_exactly_the_decisions_that_it_changes() -> None:
    entries = journal(
        *decided("a", open_positions=2), *decided("b", open_positions=3), *decided("c", open_positions=4)
    )
    tighter = replay(entries, changes={"open_positions_max": "3"})
    assert [(one.id, one.journal) for one in tighter.differences] == [("b", "approved")]
    looser = replay(entries, changes={"open_positions_max": "5"})
    assert [(one.id, one.journal, one.replay) for one in looser.differences] == [
        ("c", "RISK_MAX_OPEN_POSITIONS", "approved")
    ]


def test_a_decision_that_its_record_does_not_bear_out_is_found() -> None:
    emitted, approved = decided("a")
    assert isinstance(approved, IntentApproved)
    forged = IntentRefused(approved.intent_id, approved.trade_id, Refusal(Reason.LIQUIDITY), approved.seen)
    (difference,) = replay(journal(emitted, forged)).differences
    assert (difference.what, difference.journal, difference.replay) == (
        "decision",
        "LIQUIDITY_BELOW_MINIMUM",
        "approved",
    )


def test_a_move_outside_of_the_table_and_a_wrong_balance_are_found() -> None:
    moved = TradeMoved(TradeId("t"), TradeState.PENDING, TradeState.ACTIVE, "")
    kinds = [one.what for one in replay(journal(moved, Reconciled(Slot(2), 5, 5))).differences]
    assert kinds == ["move", "balance"]


@pytest.mark.parametrize("changes", [{"nonsense": 1}, {"open_positions_max": "many"}, {"tokens": 1}])
def test_a_limit_that_does_not_exist_or_fit_is_told(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        replay(journal(), changes=changes)
