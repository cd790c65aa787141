"""Reconciliation of positions: each documented discrepancy found, small ones let pass by name, nothing invented."""

from typing import Any

import msgspec
import pytest

from chimera.audit.positions import Claim, Evidence, Fills, Findings, claims, due_ms, examine
from chimera.domain.chain import Commitment, SignatureStatus, TokenBalance, TransactionUpdate
from chimera.domain.discrepancy import Discrepancy, Mismatch, read_mismatch
from chimera.domain.ids import Signature, Slot, TradeId
from chimera.domain.messages import (
    DiscrepancyResolved,
    Entry,
    LegLanded,
    PositionsReconciled,
    Reconciled,
    TradeMoved,
)
from chimera.domain.trade import Fill, LegRef, Position, TradeState
from chimera.portfolio import Ledger
from chimera.testing.builders import AT_MS, BONK, address, fill
from chimera.testing.stories import entries

WALLET, TOKENS = address("desk"), address("our BONK account")
TRADE, ENTRY = TradeId("trade"), Signature("entry")
BOUGHT = fill(signature=ENTRY)
HELD = BOUGHT.token_delta


def position() -> Position:
    ledger = Ledger()
    for entry in entries(1):
        ledger.apply(entry)
    some = next(iter(ledger.positions.values()))
    return msgspec.structs.replace(some, trade_id=TRADE, mint=BONK, tokens=HELD, tokens_bought=HELD)


def claim(**changes: Any) -> Claim:
    made = Claim(
        position=position(), state=TradeState.ACTIVE, fills=(BOUGHT,), tokens_of_mint=HELD, under_way=False
    )
    return msgspec.structs.replace(made, **changes)


def seen(of: Fill = BOUGHT, *, tokens: int = 0, lamports: int = 0, **changes: Any) -> TransactionUpdate:
    """The transaction of a fill, with so much more on chain than the books say."""
    made = TransactionUpdate(
        signature=of.signature, slot=of.slot, index=0, accounts=(WALLET, TOKENS), instructions=(),
        fee_lamports=of.fee_lamports, pre_lamports=(10**10, 0), compute_units=1, logs=(),
        post_lamports=(10**10 + of.lamports_delta + lamports, 0),
        pre_tokens=(TokenBalance(TOKENS, of.mint, WALLET, 0, 5),),
        post_tokens=(TokenBalance(TOKENS, of.mint, WALLET, of.token_delta + tokens, 5),),
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def status(slot: int = 1_000, error: str | None = None) -> SignatureStatus:
    return SignatureStatus(Slot(slot), Commitment.FINALIZED, error)


def evidence(transaction: TransactionUpdate | None = None, **changes: Any) -> Evidence:
    made = Evidence(
        slot=2_000,
        statuses={ENTRY: status()},
        transactions={ENTRY: transaction or seen()},
        tokens={BONK: HELD},
    )
    return msgspec.structs.replace(made, **changes)


def found(claimed: Claim, shown: Evidence) -> tuple[Discrepancy, ...]:
    return examine([claimed], shown, wallet=WALLET, tip_accounts=frozenset())


def test_a_position_as_the_chain_has_it_is_no_discrepancy() -> None:
    assert found(claim(), evidence()) == ()


def test_a_transaction_that_the_chain_does_not_know_is_missing() -> None:
    (one,) = found(claim(), evidence(statuses={ENTRY: None}, transactions={ENTRY: None}))
    assert (one.kind, one.signature, one.rule) == (Mismatch.MISSING, ENTRY, "")
    assert one.kind == "MISSING_TRANSACTION" and read_mismatch("MISSING_TX") is one.kind


def test_a_transaction_whose_metadata_a_node_no_longer_has_is_not_missing() -> None:
    assert found(claim(), evidence(transactions={ENTRY: None})) == ()


@pytest.mark.parametrize(
    ("transaction", "word"),
    [
        (seen(error="slippage"), "FAILED"),
        (seen(accounts=(address("somebody"), TOKENS)), "PAID BY"),
        (seen(tokens=-HELD), "MOVED NOTHING"),
    ],
)
def test_a_transaction_that_is_not_what_the_books_say_is_a_signature_mismatch(
    transaction: TransactionUpdate, word: str
) -> None:
    (one,) = found(claim(), evidence(transaction))
    assert one.kind is Mismatch.SIGNATURE and one.actual_state.startswith(word) and not one.rule


@pytest.mark.parametrize(
    ("off", "rule"),
    [(100_000, "auto:absolute"), (-100_000, "auto:absolute"), (100_001, ""), (-5_000_000, "")],
)
def test_lamports_off_by_no_more_than_a_ten_thousandth_of_a_sol_pass_by_name(off: int, rule: str) -> None:
    (one,) = found(claim(), evidence(seen(lamports=off)))
    assert (one.kind, one.mint, one.rule) == (Mismatch.AMOUNT, None, rule)
    assert one.expected - one.actual == off  # a buy: more lamports left means that less was paid


@pytest.mark.parametrize(
    ("off", "rule"), [(HELD // 10_000 - 1, "auto:relative"), (HELD // 10_000, ""), (-HELD // 2, "")]
)
def test_tokens_off_by_less_than_a_ten_thousandth_pass_by_name(off: int, rule: str) -> None:
    (one,) = found(claim(), evidence(tokens={BONK: HELD + off}))
    assert (one.kind, one.mint, one.rule) == (Mismatch.AMOUNT, BONK, rule)
    assert (one.expected, one.actual) == (HELD, HELD + off)


@pytest.mark.parametrize(
    ("state", "tokens", "actual"),
    [
        (TradeState.ACTIVE, 0, "CLOSED"),
        (TradeState.EXITING, 0, "CLOSED"),
        (TradeState.EXITING, HELD, "ACTIVE"),
    ],
)
def test_a_state_that_the_chain_contradicts_is_a_state_mismatch(
    state: TradeState, tokens: int, actual: str
) -> None:
    (one,) = found(claim(state=state), evidence(tokens={BONK: tokens}))
    assert (one.kind, one.expected_state, one.actual_state) == (Mismatch.STATE, state, actual)


def test_what_is_under_way_is_left_to_the_desk_until_it_is_stuck() -> None:
    leg = Signature("exit")
    leaving = claim(state=TradeState.EXITING, under_way=True, leg_signature=leg)
    for statuses, count in (
        ({leg: None}, 0),
        ({leg: status(slot=1_900)}, 0),  # a moment ago: the desk is about to read it
        ({leg: status(slot=1_500)}, 1),
    ):
        shown = evidence(statuses={ENTRY: status(), **statuses}, tokens={})
        assert len(found(leaving, shown)) == count
    (one,) = found(leaving, evidence(statuses={ENTRY: status(), leg: status(slot=1_500)}, tokens={}))
    assert (one.kind, one.expected_state, one.actual_state) == (Mismatch.STATE, "EXITING", "CLOSED")


def test_two_positions_in_one_token_tell_a_wrong_amount_once() -> None:
    both = [claim(tokens_of_mint=2 * HELD), claim(tokens_of_mint=2 * HELD)]
    shown = evidence(tokens={BONK: 3 * HELD})
    assert len(examine(both, shown, wallet=WALLET, tip_accounts=frozenset())) == 1


@pytest.mark.parametrize("seed", range(6))
def test_only_active_and_exiting_positions_are_looked_at(seed: int) -> None:
    ledger, fills = Ledger(), Fills()
    for entry in entries(seed, trades=12):
        ledger.apply(entry)
        fills.apply(entry)
    made = claims(ledger, fills)
    assert {one.state for one in made} <= {TradeState.ACTIVE, TradeState.EXITING}
    assert {one.position.trade_id for one in made} == {
        trade
        for trade in ledger.positions
        if ledger.states.get(trade) in (TradeState.ACTIVE, TradeState.EXITING)
    }
    for one in made:
        assert sum(part.token_delta for part in one.fills) == one.position.tokens


def test_fills_of_a_closed_round_trip_are_let_go() -> None:
    fills = Fills()
    fills.apply(Entry(1, AT_MS, "r", LegLanded(LegRef("l", "i", TRADE), BOUGHT)))  # type: ignore[arg-type]
    assert fills.of(TRADE) == (BOUGHT,)
    fills.apply(Entry(2, AT_MS, "r", TradeMoved(TRADE, TradeState.EXITING, TradeState.CLOSED, "")))
    assert fills.of(TRADE) == ()


def test_what_was_found_before_is_not_found_anew_until_a_person_resolved_it() -> None:
    findings = Findings()
    one = Discrepancy(
        kind=Mismatch.MISSING, trade_id=TRADE, mint=None, expected_state="BOUGHT", actual_state="UNKNOWN",
        expected=5, actual=0, signature=ENTRY,
    )  # fmt: skip
    passed = msgspec.structs.replace(one, kind=Mismatch.AMOUNT, rule="auto:absolute")
    assert findings.sort_out([one, passed]) == ((one, passed), 0)
    findings.apply(Entry(7, AT_MS, "r", PositionsReconciled(Slot(1), 1, (passed, one), "daily")))
    assert findings.last_run_ms == AT_MS and list(findings.unresolved) == [(7, 1)]
    assert findings.sort_out([one]) == ((), 1)
    findings.apply(Entry(8, AT_MS, "r", DiscrepancyResolved(7, 1, "looked at it", "ops")))
    assert not findings.unresolved and findings.sort_out([one]) == ((one,), 0)


def test_the_daily_run_is_due_at_the_next_four_o_clock_after_the_last_one() -> None:
    day, hour = 86_400_000, 3_600_000
    start = 20_000 * day
    assert due_ms(None, hour_utc=4) == 0
    assert due_ms(start, hour_utc=4) == start + 4 * hour
    assert due_ms(start + 4 * hour - 1, hour_utc=4) == start + 4 * hour
    assert due_ms(start + 4 * hour, hour_utc=4) == start + day + 4 * hour
    assert due_ms(start + 23 * hour, hour_utc=4) == start + day + 4 * hour


def test_a_wallet_that_differs_waits_for_a_person_or_until_it_agrees_again() -> None:
    findings = Findings()
    findings.apply(Entry(3, AT_MS, "r", Reconciled(Slot(1), 10**9, 10**8, ((BONK, 0, 7),))))
    assert set(findings.unresolved) == {(3, 0), (3, 1)}
    findings.apply(Entry(4, AT_MS, "r", DiscrepancyResolved(3, 1, "a gift", "ops")))
    assert set(findings.unresolved) == {(3, 0)}
    findings.apply(Entry(5, AT_MS, "r", Reconciled(Slot(2), 10**8, 10**8)))
    assert not findings.unresolved
