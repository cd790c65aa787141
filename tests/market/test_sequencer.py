"""What the sequencer lets pass, holds, counts and names."""

import random

import pytest

from chimera.domain.chain import (
    Account,
    AccountUpdate,
    FeedGap,
    FeedItem,
    GapClosed,
    SlotStatus,
    SlotUpdate,
    TransactionUpdate,
)
from chimera.domain.ids import SYSTEM_PROGRAM, Address, Signature, Slot
from chimera.market import sequencer as sequencing
from chimera.market.sequencer import Sequencer


def written(address: str, slot: int, version: int) -> AccountUpdate:
    return AccountUpdate(Account(Address(address), SYSTEM_PROGRAM, 1, b""), Slot(slot), version)


def told(slot: int, parent: int | None, status: SlotStatus = SlotStatus.PROCESSED) -> SlotUpdate:
    return SlotUpdate(Slot(slot), Slot(parent) if parent is not None else None, status)


def executed(signature: str, slot: int) -> TransactionUpdate:
    return TransactionUpdate(
        signature=Signature(signature),
        slot=Slot(slot),
        index=0,
        accounts=(),
        instructions=(),
        fee_lamports=0,
        pre_lamports=(),
        post_lamports=(),
        pre_tokens=(),
        post_tokens=(),
        logs=(),
        compute_units=0,
    )


def balanced(sequencer: Sequencer) -> bool:
    return sequencer.received == sequencer.passed + sequencer.held + sum(sequencer.dropped.values())


def fed(sequencer: Sequencer, *items: FeedItem) -> list[FeedItem]:
    return [passed for item in items for passed in sequencer.process(item)]


def test_a_repeated_or_older_write_is_dropped_and_counted_by_name() -> None:
    sequencer = Sequencer()
    assert sequencer.process(written("a", 5, 2)) != []
    assert sequencer.process(written("a", 5, 2)) == []
    assert sequencer.process(written("a", 5, 1)) == []
    assert sequencer.process(written("a", 6, 1)) != []
    assert (sequencer.dropped["duplicate_account"], sequencer.dropped["stale_account"]) == (1, 1)
    assert balanced(sequencer)


def test_what_a_node_read_gives_way_to_what_the_stream_brought_in_the_same_slot() -> None:
    sequencer = Sequencer()
    sequencer.process(written("a", 5, 7))
    assert sequencer.process(written("a", 5, 0)) == []
    assert sequencer.process(written("a", 6, 0)) != []


def test_a_hole_in_the_slots_is_named_before_the_slot_after_it() -> None:
    sequencer = Sequencer()
    sequencer.process(told(10, 9))
    assert sequencer.process(told(14, 13)) == [
        FeedGap(Slot(11), Slot(13), "slots missing on the stream"),
        told(14, 13),
    ]
    assert (sequencer.gaps, sequencer.incomplete, sequencer.resume_slot) == (1, True, 11)


def test_a_skipped_slot_is_no_hole() -> None:
    sequencer = Sequencer()
    sequencer.process(told(10, 9))
    assert sequencer.process(told(13, 10)) == [told(13, 10)]
    assert (sequencer.gaps, sequencer.incomplete) == (0, False)


def test_a_replay_that_brings_the_missing_slots_closes_the_hole() -> None:
    sequencer = Sequencer()
    fed(sequencer, told(10, 9), executed("x", 11), told(14, 13))
    passed = fed(sequencer, executed("x", 11), executed("y", 11), told(11, 10), executed("z", 13))
    assert passed == [executed("y", 11), told(11, 10), executed("z", 13)]
    assert sequencer.process(told(13, 11)) == [told(13, 11), GapClosed(Slot(11), Slot(13), filled=True)]
    assert (sequencer.incomplete, sequencer.gaps_filled) == (False, 1)
    assert balanced(sequencer)


def test_a_replay_without_the_missing_slots_closes_the_hole_unfilled() -> None:
    sequencer = Sequencer()
    fed(sequencer, told(10, 9), told(14, 13))
    assert fed(sequencer, told(10, 9), told(14, 13)) == [GapClosed(Slot(11), Slot(13), filled=False)]
    assert not sequencer.incomplete
    assert sequencer.resume_slot == 12


def test_a_stream_that_cannot_be_resumed_begins_anew_after_a_gap_that_says_so() -> None:
    sequencer = Sequencer()
    fed(sequencer, told(10, 9), told(14, 13))
    sequencer.begin_anew("from_slot is too old")
    assert sequencer.process(told(400, 399)) == [
        FeedGap(Slot(11), Slot(400), "from_slot is too old"),
        told(400, 399),
        GapClosed(Slot(11), Slot(400), filled=False),
    ]
    assert fed(sequencer, told(401, 400)) == [told(401, 400)]
    assert not sequencer.incomplete


def test_after_a_fork_the_same_account_and_transaction_may_come_again() -> None:
    sequencer = Sequencer()
    fed(sequencer, told(10, 9), executed("x", 11), written("a", 11, 7))
    fed(sequencer, told(11, 10), told(11, 10, SlotStatus.DEAD))
    assert sequencer.last_slot == 10
    again = [executed("x", 12), written("a", 12, 3), told(12, 10)]
    assert fed(sequencer, *again) == again


def test_what_a_dead_slot_still_brings_is_dropped_by_name() -> None:
    sequencer = Sequencer()
    fed(sequencer, told(10, 9), told(11, 10, SlotStatus.DEAD))
    assert fed(sequencer, executed("x", 11), written("a", 11, 7)) == []
    assert sequencer.dropped["dead_slot"] == 2


def test_a_fork_that_nobody_declares_dead_dies_when_its_rival_is_confirmed() -> None:
    sequencer = Sequencer()
    fed(sequencer, told(10, 9), told(10, 9, SlotStatus.CONFIRMED))
    fed(sequencer, told(11, 10), written("a", 11, 7), told(12, 10), told(13, 12))
    passed = sequencer.process(told(13, 12, SlotStatus.CONFIRMED))
    assert passed == [SlotUpdate(Slot(11), None, SlotStatus.DEAD), told(13, 12, SlotStatus.CONFIRMED)]
    assert sequencer.last_slot == 13
    assert sequencer.process(written("a", 12, 1)) != []


def test_slots_before_a_break_are_not_taken_for_a_lost_fork() -> None:
    sequencer = Sequencer()
    fed(sequencer, told(10, 9), told(11, 10), told(10, 9, SlotStatus.CONFIRMED))
    sequencer.begin_anew("from_slot is too old")
    fed(sequencer, told(400, 399), told(401, 400))
    confirmed = told(401, 400, SlotStatus.CONFIRMED)
    assert sequencer.process(confirmed) == [confirmed]


def test_transactions_of_a_slot_wait_until_the_one_before_is_whole() -> None:
    sequencer = Sequencer()
    early, late = executed("n", 12), executed("l", 11)
    assert fed(sequencer, told(10, 9), executed("x", 11), early) == [told(10, 9), executed("x", 11)]
    assert (sequencer.held, sequencer.process(late)) == (1, [late])
    assert fed(sequencer, told(11, 10)) == [told(11, 10), early]
    assert (sequencer.held, sequencer.late) == (0, 0)
    assert balanced(sequencer)


def test_waiting_ends_where_a_slot_does_not_become_whole_in_time() -> None:
    sequencer = Sequencer()
    fed(sequencer, told(10, 9), executed("x", 11), executed("y", 12), executed("z", 13))
    assert sequencer.held == 2
    assert sequencer.process(executed("w", 14)) == [executed("y", 12)]
    assert (sequencer.released_early, sequencer.held) == (1, 2)
    assert balanced(sequencer)


def test_waiting_is_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencing, "HELD_MAX", 3)
    sequencer = Sequencer()
    fed(sequencer, told(10, 9), executed("x", 11))
    passed = fed(sequencer, *(executed(f"t{number}", 12) for number in range(9)))
    assert len(passed) == 9
    assert balanced(sequencer)


def test_what_is_remembered_of_accounts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencing, "WRITES_REMEMBERED", 100)
    sequencer = Sequencer()
    sequencer._writes_max = 100
    for slot in range(1, 3_000):
        fed(sequencer, told(slot, slot - 1), written(f"a{slot}", slot, slot))
    assert len(sequencer._writes) <= 2_100


def test_any_stream_with_cuts_and_repetitions_keeps_every_transaction_once_and_in_slot_order() -> None:
    chance = random.Random(3)
    stream: list[FeedItem] = []
    for slot in range(1, 121):
        if slot % 7:  # some slots are skipped
            stream += [executed(f"s{slot}-{number}", slot) for number in range(chance.randrange(4))]
            stream.append(told(slot, slot - 1 if (slot - 1) % 7 else slot - 2))
    for _ in range(40):
        sequencer, passed, at = Sequencer(), [], 0
        while at < len(stream):
            until = min(len(stream), at + chance.randrange(1, 60))
            passed += fed(sequencer, *stream[at:until])
            at = until
            resume = sequencer.resume_slot
            if at < len(stream) and resume is not None:  # cut: a replay repeats whole slots
                at = next(place for place, item in enumerate(stream) if _slot_of(item) >= resume)
        found = [item.signature for item in passed if isinstance(item, TransactionUpdate)]
        assert found == [item.signature for item in stream if isinstance(item, TransactionUpdate)]
        assert (sequencer.gaps, sequencer.held) == (0, 0)
        assert balanced(sequencer)


def _slot_of(item: FeedItem) -> int:
    assert isinstance(item, TransactionUpdate | SlotUpdate)
    return item.slot
