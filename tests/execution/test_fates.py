"""What becomes of signed legs: depth by worth, forks that undo what was booked, legs and exits that hang."""

import msgspec
import pytest
from tests.execution.test_desk import FINE, VALID_UNTIL, House, bought, landed

from chimera.domain.chain import Commitment, SignatureStatus
from chimera.domain.discrepancy import Mismatch
from chimera.domain.ids import IntentId, Signature, Slot, TradeId
from chimera.domain.intent import Side, Style, TradeIntent
from chimera.domain.messages import (
    Entry,
    ExitRecovered,
    IntentRefused,
    LegDropped,
    LegFinalized,
    LegLanded,
    LegRebooked,
    LegSigned,
    LegStuck,
    LegUndone,
    PositionsReconciled,
)
from chimera.domain.risk import Reason
from chimera.domain.trade import TradeState
from chimera.domain.units import MICRO_USD
from chimera.execution.depth import TIERS, tier_of
from chimera.execution.effects import (
    Arrived,
    ReadTransaction,
    SignedBytes,
    Simulate,
    Simulated,
    StatusesRead,
    Ticked,
    TransactionSeen,
)
from chimera.execution.exits import STUCK_MS
from chimera.execution.settling import ASK_EVERY_MS, GIVE_UP_BLOCKS, MISSING_BLOCKS, UNDO_WITHIN_BLOCKS
from chimera.execution.watch import WatchLimits
from chimera.testing.builders import BONK, intent

SOL = 10**9
PRICE = 150 * MICRO_USD
FINALIZED = SignatureStatus(Slot(9), Commitment.FINALIZED, None)


def confirmed(confirmations: int | None, slot: int = 9, error: str | None = None) -> SignatureStatus:
    return SignatureStatus(Slot(slot), Commitment.CONFIRMED, error, confirmations)


def answer(
    house: House, status: SignatureStatus | None, height: int, signature: str = "sig1"
) -> list[object]:
    """A node is asked, two seconds later."""
    house.now += ASK_EVERY_MS
    house.effects(Ticked())
    return house.effects(StatusesRead(height, {Signature(signature): status}))


def sale() -> TradeIntent:
    return intent(id=IntentId("x"), side=Side.SELL, style=Style.EXIT, amount=1_000)


def sold(house: House) -> None:
    send = house.to_signed(sale(), "sig2")
    house.seen("sig2")
    house.effects(TransactionSeen(send.leg_id, landed(Side.SELL, "sig2", lamports=120_000_000, tokens=1_000)))
    assert house.state() is TradeState.CLOSED


# depth


@pytest.mark.parametrize(
    ("sol", "confirmations", "finalized", "within_s"),
    [(70, 3, True, 300), (7, 2, False, 180), (1, 1, False, 120), (0, 1, False, 60)],
)
def test_the_more_a_leg_is_worth_the_deeper_it_must_lie(
    sol: int, confirmations: int, finalized: bool, within_s: int
) -> None:
    tier = tier_of(TIERS, sol * SOL, PRICE)
    assert (tier.confirmations, tier.finalized, tier.within_ms) == (
        confirmations,
        finalized,
        within_s * 1_000,
    )


def test_without_a_price_of_sol_it_lies_as_deep_as_it_can_without_finality() -> None:
    assert tier_of(TIERS, 1, None) == TIERS[1]


@pytest.mark.parametrize(
    ("tier", "status", "reached"),
    [
        (TIERS[0], confirmed(30), False),
        (TIERS[0], FINALIZED, True),
        (TIERS[1], confirmed(1), False),
        (TIERS[1], confirmed(2), True),
        (TIERS[1], confirmed(None), True),
        (TIERS[3], SignatureStatus(Slot(9), Commitment.PROCESSED, None, 5), False),
        (TIERS[3], SignatureStatus(Slot(9), Commitment.PROCESSED, "failed", 5), False),
    ],
)
def test_a_status_is_believed_from_its_tiers_depth_on(
    tier: object, status: SignatureStatus, reached: bool
) -> None:
    assert tier.reached(status) is reached  # type: ignore[attr-defined]


def test_a_leg_worth_a_fortune_is_read_only_once_it_is_final() -> None:
    house = House()
    house.desk._view.sol_micro_usd = lambda: 200_000 * MICRO_USD  # type: ignore[method-assign]
    house.to_signed()
    assert answer(house, confirmed(20), 100) == []
    (read,) = answer(house, FINALIZED, 101)
    assert isinstance(read, ReadTransaction)


# backoff


def test_the_same_bytes_go_out_again_at_doubling_distances() -> None:
    house = House()
    house.to_signed()
    gaps, last = [], house.now
    while len(gaps) < 5:
        house.now += 100
        if house.effects(Ticked()):
            gaps.append(house.now - last)
            last = house.now
    assert gaps == [1_200, 2_400, 4_800, 9_600, WatchLimits().resend_after_ms_max]


# forks


def test_what_is_final_is_put_on_record_and_asked_about_no_more() -> None:
    house = House()
    bought(house)
    assert house.desk.watched() == []
    answer(house, FINALIZED, 140)
    assert [fact.slot for fact in house.facts(LegFinalized)] == [Slot(9)]
    house.now += ASK_EVERY_MS
    house.effects(Ticked())
    assert house.desk.watched() == []


def test_a_confirmed_buy_that_a_fork_undid_is_unknown_again_and_booked_where_it_lands_anew() -> None:
    house = House()
    before = house.books.ledger.lamports
    bought(house)
    answer(house, None, 120)
    assert house.facts(LegUndone) == []
    effects = answer(house, None, 120 + MISSING_BLOCKS)
    assert len(house.facts(LegUndone)) == 1
    ledger = house.books.ledger
    assert (ledger.lamports, ledger.tokens[BONK], ledger.positions) == (before, 0, {})
    assert house.state() is TradeState.EXECUTING
    house.now += 1_200
    sent = [*effects, *house.effects(Ticked())]
    assert [effect.transaction for effect in sent] == [house.facts(LegSigned)[0].transaction]  # type: ignore[attr-defined]
    (read,) = answer(house, confirmed(2, slot=31), 130)
    assert isinstance(read, ReadTransaction)
    again = msgspec.structs.replace(
        landed(Side.BUY, "sig1", lamports=-100_006_000, tokens=990), slot=Slot(31)
    )
    house.effects(TransactionSeen(read.leg_id, again))
    assert house.state() is TradeState.ACTIVE
    assert (ledger.lamports, ledger.tokens[BONK]) == (before - 100_006_000, 990)
    assert len(house.facts(LegSigned)) == 1


def test_an_undone_buy_that_lands_no_more_expires_and_leaves_nothing_behind() -> None:
    house = House()
    before = house.books.ledger.lamports
    bought(house)
    answer(house, None, 120)
    answer(house, None, 120 + MISSING_BLOCKS)
    for _ in range(2):
        house.unknown("sig1", 300)
    assert house.state() is TradeState.FAILED
    assert house.books.ledger.lamports == before
    assert house.books.ledger.realised_lamports == 0


def test_the_same_signature_with_an_error_in_another_slot_is_taken_back() -> None:
    house = House()
    bought(house)
    answer(house, confirmed(1, slot=12, error="failed"), 120)
    assert [fact.slot for fact in house.facts(LegUndone)] == [Slot(9)]
    assert house.state() is TradeState.EXECUTING


@pytest.mark.parametrize("status", [confirmed(1), SignatureStatus(Slot(12), Commitment.PROCESSED, None)])
def test_a_sighting_in_between_starts_the_count_of_blocks_anew(status: SignatureStatus) -> None:
    house = House()
    bought(house)
    answer(house, None, 120)
    answer(house, status, 125)
    answer(house, None, 120 + MISSING_BLOCKS)
    assert house.facts(LegUndone) == []


def test_an_undone_exit_reopens_what_was_closed_and_then_its_entry_may_go_too() -> None:
    house = House()
    bought(house)
    before = house.books.ledger.positions[intent().trade_id]
    sold(house)
    both = {Signature("sig1"): None, Signature("sig2"): None}
    for height in (120, 120 + MISSING_BLOCKS):
        house.now += ASK_EVERY_MS
        house.effects(Ticked())
        house.effects(StatusesRead(height, both))
    assert [fact.signature for fact in house.facts(LegUndone)] == ["sig2"]
    assert house.state() is TradeState.EXITING
    assert house.books.ledger.positions[intent().trade_id] == before
    for _ in range(2):  # the sale cannot land without its buy
        house.unknown("sig2", 300)
    assert house.state() is TradeState.ACTIVE
    answer(house, None, 301)
    assert [fact.signature for fact in house.facts(LegUndone)] == ["sig2", "sig1"]
    assert (house.books.ledger.positions, house.state()) == ({}, TradeState.EXECUTING)


def test_a_revert_that_a_fork_undid_gives_its_fee_back_and_may_land_after_all() -> None:
    house = House()
    before = house.books.ledger.lamports
    house.to_signed(intent(ttl_ms=1))
    (read,) = house.seen("sig1", error="failed")
    failed = landed(Side.BUY, "sig1", lamports=-5_000, tokens=0, error="InstructionError(3)")
    house.effects(TransactionSeen(read.leg_id, failed))
    assert house.state() is TradeState.FAILED
    answer(house, None, 120)
    answer(house, None, 120 + MISSING_BLOCKS)
    assert (house.books.ledger.lamports, house.books.ledger.realised_lamports) == (before, 0)
    assert house.state() is TradeState.EXECUTING


def reverted(house: House, signature: str, side: Side = Side.BUY, tokens: int = 0) -> None:
    (read,) = house.seen(signature, error="failed")
    house.effects(
        TransactionSeen(read.leg_id, landed(side, signature, lamports=-5_000, tokens=tokens, error="E"))
    )


def test_a_reverted_entry_is_tried_again_once_no_fork_can_undo_the_revert() -> None:
    house = House()
    house.to_signed()
    reverted(house, "sig1")
    assert house.state() is TradeState.FAILED
    assert answer(house, confirmed(12, error="E"), 110) == []
    assert house.state() is TradeState.RETRY  # it waits for its turn
    final = SignatureStatus(Slot(9), Commitment.FINALIZED, "E")
    assert any(isinstance(effect, Simulate) for effect in answer(house, final, 131))


def test_a_revert_that_a_fork_undid_takes_its_replacement_out_of_the_queue() -> None:
    house = House()
    house.to_signed()
    reverted(house, "sig1")
    answer(house, None, 110)
    assert house.state() is TradeState.RETRY
    answer(house, None, 110 + MISSING_BLOCKS)
    assert [fact.signature for fact in house.facts(LegUndone)] == ["sig1"]
    assert house.state() is TradeState.EXECUTING
    (read,) = house.seen("sig1")
    house.effects(TransactionSeen(read.leg_id, landed(Side.BUY, "sig1", lamports=-100_005_000, tokens=1_000)))
    assert house.state() is TradeState.ACTIVE
    house.now += 60_000
    assert house.effects(Ticked()) == []
    assert [fact.signature for fact in house.facts(LegSigned)] == ["sig1"]


@pytest.mark.parametrize(("tokens", "at_once"), [(1_000, True), (501, True), (500, False)])
def test_an_exit_that_reverted_is_tried_again_at_once_only_where_both_cannot_land(
    tokens: int, at_once: bool
) -> None:
    house = House()
    bought(house)
    part = msgspec.structs.replace(sale(), amount=tokens)
    house.to_signed(part, "sig2")
    reverted(house, "sig2", Side.SELL, 1_000)
    again = msgspec.structs.replace(part, id=IntentId("y"))
    effects = house.effects(Arrived(again))
    assert [type(effect) for effect in effects] == [Simulate] * at_once
    if not at_once:
        final = SignatureStatus(Slot(9), Commitment.FINALIZED, "E")
        assert [type(effect) for effect in answer(house, final, 131, "sig2")] == [Simulate]


def test_nobody_buys_of_a_token_while_the_revert_of_its_sale_may_be_undone() -> None:
    house = House()
    bought(house)
    house.to_signed(sale(), "sig2")
    reverted(house, "sig2", Side.SELL, 1_000)
    other = intent(id=IntentId("other"), trade_id=TradeId("other"), ttl_ms=3_000)
    assert house.effects(Arrived(other)) == []
    house.now += 3_000
    house.effects(Ticked())
    (refused,) = house.facts(IntentRefused)
    assert refused.refusal.reason is Reason.RESOURCE_CONFLICT
    assert refused.refusal.observed == "x.1 failed in slot 9, which is not final"


def test_what_was_added_and_lands_after_its_round_trip_was_closed_opens_it_again() -> None:
    house = House()
    bought(house)
    house.to_signed(intent(id=IntentId("more")), "sig3")
    reverted(house, "sig3")
    sold(house)
    both: dict[Signature, SignatureStatus | None] = {Signature("sig2"): confirmed(9), Signature("sig3"): None}
    for height in (120, 120 + MISSING_BLOCKS):
        house.now += ASK_EVERY_MS
        house.effects(Ticked())
        house.effects(StatusesRead(height, both))
    (read,) = house.seen("sig3")
    house.effects(TransactionSeen(read.leg_id, landed(Side.BUY, "sig3", lamports=-100_005_000, tokens=500)))
    assert house.state() is TradeState.ACTIVE
    assert house.books.ledger.positions[intent().trade_id].tokens == 500


@pytest.mark.parametrize(("closed", "state"), [(False, TradeState.EXECUTING), (True, TradeState.EXITING)])
def test_a_kill_right_after_a_fork_was_noticed_leaves_no_round_trip_resting(
    closed: bool, state: TradeState
) -> None:
    house = House()
    bought(house)
    if closed:
        sold(house)
    last = "sig2" if closed else "sig1"
    answer(house, None, 120, last)
    answer(house, None, 120 + MISSING_BLOCKS, last)
    (noticed,) = [entry.seq for entry in house.entries if isinstance(entry.fact, LegUndone)]
    again = House(house.entries[:noticed])
    assert again.state() in (TradeState.ACTIVE, TradeState.CLOSED)
    again.desk.resume(again.now)
    assert again.state() is state


def test_silence_long_after_the_landing_takes_nothing_back_and_goes_to_a_person_by_name() -> None:
    house = House()
    bought(house)
    late = VALID_UNTIL + UNDO_WITHIN_BLOCKS + 1
    answer(house, None, late)
    answer(house, None, late + MISSING_BLOCKS)
    assert (house.facts(LegUndone), house.facts(PositionsReconciled)) == ([], [])
    answer(house, None, VALID_UNTIL + GIVE_UP_BLOCKS + 1)
    (told,) = house.facts(PositionsReconciled)
    assert [(one.kind, one.signature, one.rule) for one in told.found] == [(Mismatch.MISSING, "sig1", "")]
    house.now += ASK_EVERY_MS
    house.effects(Ticked())
    assert house.desk.watched() == []
    assert house.state() is TradeState.ACTIVE


@pytest.mark.parametrize("cut", range(6))
def test_a_restart_anywhere_around_a_fork_ends_with_the_same_books(cut: int) -> None:
    house = House()
    bought(house)
    answer(house, None, 120)
    answer(house, None, 120 + MISSING_BLOCKS)
    entries: list[Entry] = house.entries[: len(house.entries) - cut]
    again = House(entries)
    again.now = house.now
    again.desk.resume(again.now)
    for height in (130, 130 + MISSING_BLOCKS, 300, 301):
        answer(again, None, height)
    assert again.books.ledger.lamports == 10**10
    assert again.books.ledger.positions == {}
    assert len(again.facts(LegSigned)) == 1


# what hangs


def test_a_leg_that_nobody_can_tell_of_is_named_once_and_watched_on() -> None:
    house = House()
    house.to_signed()
    house.now += 59_999
    house.effects(Ticked())
    assert house.facts(LegStuck) == []
    house.now += 120_001
    house.effects(Ticked())
    house.effects(Ticked())
    assert [fact.waited_ms for fact in house.facts(LegStuck)] == [180_000]
    assert len(house.desk.watched()) == 1
    assert house.state() is TradeState.EXECUTING


def test_an_exit_that_hangs_signed_is_resolved_by_the_chain_with_a_record() -> None:
    house = House()
    bought(house)
    house.to_signed(sale(), "sig2")
    house.now += STUCK_MS + 5_000
    house.effects(Ticked())
    assert house.state() is TradeState.EXITING
    for _ in range(2):
        house.unknown("sig2", 300)
    assert house.state() is TradeState.ACTIVE
    house.effects(Ticked())
    (recovered,) = house.facts(ExitRecovered)
    assert (recovered.after, recovered.waited_ms) == (TradeState.ACTIVE, STUCK_MS + 5_000)
    house.effects(Ticked())
    assert len(house.facts(ExitRecovered)) == 1


def test_an_exit_that_hung_and_had_landed_is_closed_with_its_profit_and_a_record() -> None:
    house = House()
    bought(house)
    send = house.to_signed(sale(), "sig2")
    house.now += STUCK_MS
    house.effects(Ticked())
    house.seen("sig2")
    house.effects(TransactionSeen(send.leg_id, landed(Side.SELL, "sig2", lamports=120_000_000, tokens=1_000)))
    house.effects(Ticked())
    assert [fact.after for fact in house.facts(ExitRecovered)] == [TradeState.CLOSED]
    assert house.books.ledger.realised_lamports == 120_000_000 - 100_005_000


def test_an_exit_whose_simulation_never_answered_goes_back_to_active() -> None:
    house = House()
    bought(house)
    (simulate,) = house.effects(Arrived(sale()))
    assert isinstance(simulate, Simulate)
    house.now += STUCK_MS
    house.effects(Ticked())
    assert house.state() is TradeState.ACTIVE
    house.effects(Ticked())
    assert [fact.after for fact in house.facts(ExitRecovered)] == [TradeState.ACTIVE]
    assert house.effects(Simulated(simulate.leg_id, FINE)) == []
    assert house.effects(SignedBytes(simulate.leg_id, Signature("sig2"), b"late")) == []


def test_an_exit_that_hung_over_a_restart_is_on_record_too() -> None:
    house = House()
    bought(house)
    house.to_signed(sale(), "sig2")
    again = House(house.entries)
    again.now = house.now + STUCK_MS + 1
    again.desk.resume(again.now)
    for _ in range(2):
        again.unknown("sig2", 300)
    again.effects(Ticked())
    assert [fact.after for fact in again.facts(ExitRecovered)] == [TradeState.ACTIVE]


def test_landings_are_final_in_the_order_in_which_they_were_booked() -> None:
    house = House()
    bought(house)
    sold(house)
    house.now += ASK_EVERY_MS
    house.effects(Ticked())
    both = {Signature("sig1"): FINALIZED, Signature("sig2"): FINALIZED}
    house.effects(StatusesRead(200, both))
    assert {fact.signature for fact in house.facts(LegFinalized)} == {"sig1", "sig2"}
    assert house.books.ledger.settling == {}
    assert len(house.facts(LegLanded)) == 2


# classes of errors, and what follows from them


@pytest.mark.parametrize(
    ("error", "failure", "state"),
    [
        ("InsufficientFundsForFee", "trading_funds", TradeState.DEAD_LETTER),
        ("InstructionError(3, Custom(6000))", "network_failed_transaction", TradeState.FAILED),
        ("BlockhashNotFound", "network_confirmation_timeout", TradeState.FAILED),
    ],
)
def test_an_entry_is_tried_again_only_where_that_may_help(
    error: str, failure: str, state: TradeState
) -> None:
    house = House()
    (simulate,) = house.effects(Arrived(intent(ttl_ms=60_000)))
    house.effects(Simulated(simulate.leg_id, msgspec.structs.replace(FINE, error=error)))
    (dropped,) = house.facts(LegDropped)
    assert (dropped.failure, house.state()) == (failure, state)
    house.now += 400
    assert len(house.effects(Ticked())) == (state is TradeState.FAILED)


def test_a_stuck_entry_is_replaced_once_its_first_transaction_can_no_longer_land() -> None:
    house = House()
    first = house.to_signed(intent(ttl_ms=600_000))
    house.now += 180_000
    house.effects(Ticked())
    assert len(house.facts(LegStuck)) == 1
    house.unknown("sig1", 300)
    assert len(house.facts(LegSigned)) == 1
    house.unknown("sig1", 300)
    house.now += 400
    house.desk._view.see_slot(Slot(6), house.now)
    (simulate,) = house.effects(Ticked())
    (sign,) = house.effects(Simulated(simulate.leg_id, FINE))
    (second,) = house.effects(SignedBytes(sign.leg_id, Signature("sig2"), b"another"))
    assert (second.leg_id, second.transaction) != (first.leg_id, first.transaction)
    assert [fact.signature for fact in house.facts(LegSigned)] == ["sig1", "sig2"]


def test_a_purchase_that_a_fork_moved_is_booked_as_it_is_there_even_after_it_was_sold() -> None:
    house = House()
    before = house.books.ledger.lamports
    bought(house)
    sold(house)
    (read,) = answer(house, confirmed(3, slot=12), 120)
    assert isinstance(read, ReadTransaction)
    there = msgspec.structs.replace(
        landed(Side.BUY, "sig1", lamports=-99_005_000, tokens=1_007), slot=Slot(12)
    )
    house.effects(TransactionSeen(read.leg_id, there))
    ledger = house.books.ledger
    assert len(house.facts(LegRebooked)) == 1
    assert (ledger.lamports, ledger.tokens[BONK]) == (before - 99_005_000 + 120_000_000, 7)
    position = ledger.positions[intent().trade_id]
    assert (position.tokens, position.cost_lamports, position.closed_at_ms) == (7, 99_010_000, None)
    assert house.state() is TradeState.ACTIVE  # what is left is there to be sold
    answer(house, msgspec.structs.replace(FINALIZED, slot=Slot(12)), 160)
    assert [fact.slot for fact in house.facts(LegFinalized)] == [Slot(12)]


def test_an_exit_that_waited_at_a_kill_is_not_forgotten_while_a_leg_of_its_trade_is_under_way() -> None:
    house = House()
    bought(house)
    house.to_signed(sale(), "sig2")
    house.effects(Arrived(intent(id=IntentId("y"), side=Side.SELL, style=Style.EXIT, amount=1_000)))
    again = House(house.entries)
    again.now = house.now
    again.desk.resume(again.now)
    assert again.desk.in_flight == 2
    again.now += 5_000
    again.effects(Ticked())
    assert "y" in again.books.ledger.outcome_of
