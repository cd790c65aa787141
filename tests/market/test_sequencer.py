"""What the sequencer lets pass, counts and names."""

from chimera.domain.chain import Account, AccountUpdate, FeedGap, SlotStatus, SlotUpdate
from chimera.domain.ids import SYSTEM_PROGRAM, Address, Slot
from chimera.market.sequencer import Sequencer


def written(address: str, slot: int, version: int) -> AccountUpdate:
    return AccountUpdate(Account(Address(address), SYSTEM_PROGRAM, 1, b""), Slot(slot), version)


def processed(slot: int, parent: int | None) -> SlotUpdate:
    return SlotUpdate(Slot(slot), Slot(parent) if parent is not None else None, SlotStatus.PROCESSED)


def test_a_repeated_or_older_write_is_dropped_and_counted() -> None:
    sequencer = Sequencer()
    assert sequencer.process(written("a", 5, 2)) != []
    assert sequencer.process(written("a", 5, 2)) == []
    assert sequencer.process(written("a", 5, 1)) == []
    assert sequencer.process(written("a", 6, 1)) != []
    assert sequencer.dropped["duplicate_account"] == 2
    assert sequencer.received == sequencer.passed + sum(sequencer.dropped.values())


def test_a_hole_in_the_slots_is_named_before_the_slot_after_it() -> None:
    sequencer = Sequencer()
    sequencer.process(processed(10, 9))
    passed = sequencer.process(processed(14, 13))
    assert passed == [FeedGap(Slot(11), Slot(13), "slots missing on the stream"), processed(14, 13)]
    assert sequencer.gaps == 1


def test_a_skipped_slot_is_no_hole() -> None:
    sequencer = Sequencer()
    sequencer.process(processed(10, 9))
    assert sequencer.process(processed(13, 10)) == [processed(13, 10)]
    assert sequencer.gaps == 0


def test_after_a_fork_the_same_slots_may_be_written_again() -> None:
    sequencer = Sequencer()
    sequencer.process(processed(10, 9))
    sequencer.process(written("a", 10, 7))
    sequencer.process(SlotUpdate(Slot(10), Slot(9), SlotStatus.DEAD))
    assert sequencer.process(written("a", 10, 3)) != []
    assert sequencer.process(processed(11, 9)) == [processed(11, 9)]
