"""The market folded from records: cut by slot, and in doubt where the recording lacks something."""

from chimera.domain.chain import FeedGap, GapClosed, SlotStatus, SlotUpdate
from chimera.domain.ids import Slot
from chimera.domain.market import MarketGap, SlotAdvanced
from chimera.domain.recording import Bootstrapped, Recorded, RecordingBroken, SnapshotBegan, SnapshotEnded
from chimera.market.replay import MarketReplay
from chimera.plugins import venues
from chimera.ports.recording import by_slot


def processed(slot: int) -> SlotUpdate:
    return SlotUpdate(Slot(slot), Slot(slot - 1), SlotStatus.PROCESSED)


def test_records_are_cut_after_each_processed_slot_with_the_event_that_it_made() -> None:
    items = [
        processed(1), SlotAdvanced(Slot(1), 10),
        SlotUpdate(Slot(1), None, SlotStatus.CONFIRMED), processed(2), SlotAdvanced(Slot(2), 20),
        SlotUpdate(Slot(2), None, SlotStatus.CONFIRMED),
    ]  # fmt: skip
    records = [Recorded(seq, seq * 10, item) for seq, item in enumerate(items, 1)]
    cut = list(by_slot(records))
    assert [(part.slot, [record.seq for record in part.records]) for part in cut] == [
        (1, [1, 2]),
        (2, [3, 4, 5]),
    ]
    assert [part.at_ms for part in cut] == [10, 40]


def test_slots_and_gaps_are_told_as_the_live_plane_tells_them() -> None:
    replay = MarketReplay(venues())
    assert not replay.in_step
    assert replay.process(Bootstrapped(Slot(5)), 1) == []
    assert replay.in_step
    assert replay.process(processed(5), 2) == [], "read already"
    assert replay.process(processed(6), 3) == [SlotAdvanced(Slot(6), 3)]
    assert replay.process(FeedGap(Slot(7), Slot(8), "a hole"), 4) == [
        MarketGap(Slot(7), Slot(8), "a hole", 4)
    ]
    assert replay.process(GapClosed(Slot(7), Slot(8), filled=True), 5) == []


def test_after_a_break_it_is_in_step_again_once_a_snapshot_is_whole() -> None:
    replay = MarketReplay(venues())
    replay.process(Bootstrapped(Slot(5)), 1)
    replay.process(RecordingBroken("the recorder was away"), 2)
    assert not replay.in_step
    replay.process(Bootstrapped(Slot(80)), 2)
    assert not replay.in_step, "a second run's own start does not settle what the first left in doubt"
    replay.process(SnapshotBegan(Slot(90), 3), 3)
    assert not replay.in_step
    replay.process(SnapshotEnded(Slot(90), 0, 0), 4)
    assert replay.in_step
    assert replay.view.slot == 90
