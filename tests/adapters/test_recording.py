"""Recordings on disk: what was written is read back, whatever was killed in between, and what is missing is told."""

import asyncio
import os
from pathlib import Path

import msgspec
import pytest

from chimera.adapters.recording_folder import RecordingFolder, segments, verify_segment
from chimera.adapters.recording_rows import Row, RowEncoder
from chimera.adapters.recording_seal import seal
from chimera.adapters.recording_writer import RecordingLimits, RecordingWriter
from chimera.domain.chain import Account, AccountUpdate, SlotStatus, SlotUpdate
from chimera.domain.errors import ConfigError, Garbled, Unreachable
from chimera.domain.ids import SYSTEM_PROGRAM, Slot
from chimera.domain.market import SlotAdvanced
from chimera.domain.record import Maker
from chimera.domain.recording import (
    Bootstrapped,
    Observed,
    RecordingBroken,
    SnapshotBegan,
    SnapshotEnded,
)
from chimera.ports.recording import Wanted
from chimera.testing.builders import address

MAKER = Maker(component="market-data", build="t", run_id="r")
LIMITS = RecordingLimits(
    segment_records=1_000, segment_bytes=1 << 30, segment_ms=1 << 40, keep_bytes=0, keep_days=0
)
AT = 1_790_000_000_000


def account(number: int) -> Observed:
    written = Account(
        address(f"a{number % 50}"), SYSTEM_PROGRAM, 2**63 + number, bytes(number % 256 for _ in range(100))
    )
    return Observed(AccountUpdate(written, Slot(number // 10), number + 1), AT + number)


def write(folder: Path, messages: list, *, limits: RecordingLimits = LIMITS, sealed: bool = True) -> None:
    writer = RecordingWriter(folder, maker=MAKER, limits=limits)
    if writer.resumes is not None:
        writer.append([writer.encode(Observed(writer.resumes, messages[0].at_ms))], at_ms=messages[0].at_ms)
    for start in range(0, len(messages), 100):
        part = messages[start : start + 100]
        if writer.append([writer.encode(each) for each in part], at_ms=part[-1].at_ms).full:
            _seal(writer.rotate(), sealed=sealed)
    _seal(writer.close(), sealed=sealed)


def _seal(path: Path | None, *, sealed: bool) -> None:
    if sealed and path is not None:
        seal(path)


@pytest.mark.parametrize("sealed", [True, False])
def test_what_was_written_is_read_back_in_order_sealed_or_open(tmp_path: Path, sealed: bool) -> None:
    messages: list = []
    for number in range(2_500):
        messages.append(account(number))
        if number % 10 == 9:
            slot = SlotUpdate(Slot(number // 10), None, SlotStatus.PROCESSED)
            messages += [Observed(slot, AT + number), SlotAdvanced(Slot(number // 10), AT + number)]
    write(tmp_path, messages, sealed=sealed)
    folder = RecordingFolder(tmp_path)
    read = list(folder.read())
    assert [record.seq for record in read] == list(range(1, len(messages) + 1))
    assert [(r.item, r.at_ms) for r in read] == [
        (message.item if isinstance(message, Observed) else message, message.at_ms) for message in messages
    ]
    assert {path.suffix for path in segments(tmp_path)} == {".parquet" if sealed else ".open"}
    info = folder.info()
    assert (info.records, info.first_ms, info.last_ms, info.whole) == (3_000, AT, AT + 2_499, True)
    assert (info.first_slot, info.last_slot) == (0, 249)
    for path in segments(tmp_path):
        verify_segment(path)


def test_only_what_is_wanted_is_read(tmp_path: Path) -> None:
    write(tmp_path, [account(0), SlotAdvanced(Slot(1), AT + 1), account(2), SlotAdvanced(Slot(2), AT + 3)])
    folder = RecordingFolder(tmp_path)
    assert [record.seq for record in folder.read(wanted=Wanted.EVENTS)] == [2, 4]
    assert [record.seq for record in folder.read(wanted=Wanted.RAW)] == [1, 3]
    assert [record.seq for record in folder.read(wanted=Wanted.EVENTS, from_ms=AT + 2)] == [4]
    assert [record.seq for record in folder.read(to_ms=AT + 1)] == [1, 2]


def test_a_reader_in_the_middle_begins_at_the_last_snapshot_that_was_whole_by_then(tmp_path: Path) -> None:
    def began(at: int) -> Observed:
        return Observed(SnapshotBegan(Slot(1), at), AT + at)

    def ended(at: int) -> Observed:
        return Observed(SnapshotEnded(Slot(1), 0, 0), AT + at)

    items = [
        Observed(Bootstrapped(Slot(1)), AT), account(1),
        began(100), account(110), ended(120), account(130),
        began(200), Observed(RecordingBroken("slow", 3), AT + 210), ended(220), account(230),
        began(300), account(310), ended(320), account(330),
    ]  # fmt: skip
    write(tmp_path, items)
    folder = RecordingFolder(tmp_path)
    firsts = {
        at: next(iter(folder.read(from_ms=AT + at))).seq for at in (0, 119, 120, 199, 225, 319, 320, 10_000)
    }
    # the second snapshot has a hole in it, so it is nobody's beginning
    assert firsts == {0: 1, 119: 1, 120: 3, 199: 3, 225: 3, 319: 3, 320: 11, 10_000: 11}
    assert not folder.info().whole


def test_numbers_go_on_over_restarts_and_the_pause_is_told(tmp_path: Path) -> None:
    write(tmp_path, [account(n) for n in range(30)])
    write(tmp_path, [account(n) for n in range(1_000, 1_010)], sealed=False)
    read = list(RecordingFolder(tmp_path).read())
    assert [record.seq for record in read] == list(range(1, 42))
    assert read[30].item == RecordingBroken(f"nothing was recorded since {AT + 29} ms")


def test_a_killed_writer_leaves_every_whole_frame_and_the_next_one_goes_on(tmp_path: Path) -> None:
    write(tmp_path, [account(n) for n in range(300)], sealed=False)
    (left,) = segments(tmp_path)
    whole = left.read_bytes()
    for cut in (len(whole) - 1, len(whole) // 2, 5):
        left.write_bytes(whole[:cut])
        found = [record.seq for record in RecordingFolder(tmp_path).read()]
        assert found == list(range(1, len(found) + 1)) and len(found) in {0, 100, 200}
    left.write_bytes(whole[:-1])
    write(tmp_path, [account(n) for n in range(400, 410)])
    seal(left)
    items = [record.item for record in RecordingFolder(tmp_path).read()]
    assert len(items) == 200 + 1 + 10
    assert isinstance(items[200], RecordingBroken)


def test_a_missing_segment_is_read_as_a_break_with_its_number_of_records(tmp_path: Path) -> None:
    limits = RecordingLimits(
        segment_records=100, segment_bytes=1 << 30, segment_ms=1 << 40, keep_bytes=0, keep_days=0
    )
    write(tmp_path, [account(n) for n in range(300)], limits=limits)
    segments(tmp_path)[1].unlink()
    read = list(RecordingFolder(tmp_path).read())
    assert [r.seq for r in read] == [*range(1, 101), 101, *range(201, 301)]
    assert read[100].item == RecordingBroken("records are missing", 100)
    assert not RecordingFolder(tmp_path).info().whole


def test_changed_records_are_found_out(tmp_path: Path) -> None:
    write(tmp_path, [account(n) for n in range(300)], sealed=False)
    (path,) = segments(tmp_path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(Garbled, match="damaged at byte"):
        verify_segment(path)
    with pytest.raises(ConfigError, match="damaged"):
        RecordingWriter(tmp_path, maker=MAKER, limits=LIMITS)


def test_a_sealed_segment_that_is_not_ours_or_not_whole_is_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path, [account(n) for n in range(300)])
    (path,) = segments(tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(Garbled, match=path.name):
        list(RecordingFolder(tmp_path).read())
    path.write_bytes(b"no Parquet")
    with pytest.raises(Garbled, match=path.name):
        verify_segment(path)
    with pytest.raises(ConfigError, match="no recording in"):
        RecordingFolder(tmp_path / "elsewhere")


def test_two_writers_do_not_share_a_folder(tmp_path: Path) -> None:
    first = RecordingWriter(tmp_path, maker=MAKER, limits=LIMITS)
    with pytest.raises(ConfigError, match="another process records"):
        RecordingWriter(tmp_path, maker=MAKER, limits=LIMITS)
    first.close()
    RecordingWriter(tmp_path, maker=MAKER, limits=LIMITS).close()


def test_the_oldest_segments_go_when_there_are_too_many_bytes_or_days(tmp_path: Path) -> None:
    limits = RecordingLimits(
        segment_records=100, segment_bytes=1 << 30, segment_ms=1 << 40, keep_bytes=0, keep_days=0
    )
    write(tmp_path, [account(n) for n in range(500)], limits=limits)
    before = segments(tmp_path)
    size = sum(path.stat().st_size for path in before[2:])
    few = RecordingLimits(segment_records=100, segment_bytes=1, segment_ms=1, keep_bytes=size, keep_days=7)
    writer = RecordingWriter(tmp_path, maker=MAKER, limits=few)
    now = int(before[0].stat().st_mtime * 1_000)
    assert writer.retain(at_ms=now) == before[:2]
    assert writer.retain(at_ms=now) == []
    assert writer.retain(at_ms=now + 8 * 86_400_000) == before[2:]
    writer.close()


async def test_sealing_happens_in_another_process_that_gets_no_environment(tmp_path: Path) -> None:
    write(tmp_path, [account(n) for n in range(300)], sealed=False)
    writer = RecordingWriter(tmp_path, maker=MAKER, limits=LIMITS)
    (path,) = writer.unsealed
    async with asyncio.timeout(30):
        await writer.seal(path)
    writer.close()
    assert [found.suffix for found in segments(tmp_path)] == [".parquet"]
    assert not path.exists()
    assert len(list(RecordingFolder(tmp_path).read())) == 300


def test_the_same_event_has_the_same_id_in_every_recording() -> None:
    one, _ = RowEncoder(MAKER, 1).encode(SlotAdvanced(Slot(7), AT))
    other, _ = RowEncoder(MAKER, 99).encode(SlotAdvanced(Slot(7), AT + 5))
    assert one.event_id == other.event_id
    assert (one.kind, one.source, one.slot) == ("SlotAdvanced", "geyser", 7)


@pytest.mark.parametrize("sealed", [True, False])
def test_a_record_that_cannot_be_read_is_told_by_its_number(tmp_path: Path, sealed: bool) -> None:
    writer = RecordingWriter(tmp_path, maker=MAKER, limits=LIMITS)
    rows = [writer.encode(account(n)) for n in range(3)]
    junk = Row(4, AT, None, "AccountUpdate", "geyser", None, None, b"\x81\xa4type\xa4What")
    writer.append([*rows, msgspec.msgpack.encode(junk)], at_ms=AT)
    _seal(writer.close(), sealed=sealed)
    with pytest.raises(Garbled, match="record 4 cannot be read"):
        list(RecordingFolder(tmp_path).read(wanted=Wanted.RAW))
    with pytest.raises(Garbled, match="record 4 cannot be read"):
        [verify_segment(path) for path in segments(tmp_path)]


def test_a_snapshot_with_a_segment_missing_in_it_is_nobodys_beginning(tmp_path: Path) -> None:
    limits = RecordingLimits(
        segment_records=1, segment_bytes=1 << 30, segment_ms=1 << 40, keep_bytes=0, keep_days=0
    )
    items = [
        account(0),
        Observed(SnapshotBegan(Slot(1), AT + 1), AT + 1),
        *[account(n) for n in range(2, 250)],
        Observed(SnapshotEnded(Slot(1), 0, 0), AT + 250),
    ]
    write(tmp_path, items, limits=limits)
    assert [snapshot.first_seq for snapshot in RecordingFolder(tmp_path).info().snapshots] == [2]
    _, middle, _ = segments(tmp_path)
    middle.unlink()
    assert RecordingFolder(tmp_path).info().snapshots == ()
    assert next(iter(RecordingFolder(tmp_path).read(from_ms=AT + 300))).seq == 1


def test_a_disk_that_is_nearly_full_is_left_to_the_journal(tmp_path: Path) -> None:
    disk = os.statvfs(tmp_path)
    free = disk.f_bavail * disk.f_frsize
    writer = RecordingWriter(tmp_path, maker=MAKER, limits=LIMITS)
    writer.append([writer.encode(account(1))], at_ms=AT)
    writer._limits = msgspec.structs.replace(LIMITS, free_bytes_min=10 * free)
    with pytest.raises(Unreachable, match="bytes are left on the disk"):
        writer.append([writer.encode(account(2)), writer.encode(account(3))], at_ms=AT)
    writer._limits = LIMITS
    broken = Observed(RecordingBroken("disk", 2), AT)
    writer.append([writer.encode(broken), writer.encode(account(4))], at_ms=AT)
    writer.close()
    found = [(record.seq, type(record.item).__name__) for record in RecordingFolder(tmp_path).read()]
    # the numbers of what was lost are missing, and what says so stands behind them
    assert found == [
        (1, "AccountUpdate"), (2, "RecordingBroken"), (4, "RecordingBroken"), (5, "AccountUpdate"),
    ]  # fmt: skip
