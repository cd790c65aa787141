"""The journal on disk: durable when it says so, one writer, clean after a crash, closed after a failure."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from chimera.adapters import journal_file
from chimera.adapters.clocks import SteppedClock
from chimera.adapters.journal_file import JournalFile
from chimera.adapters.journal_segments import read_folder, recover, segments, verify
from chimera.domain.errors import ConfigError, InvariantBroken
from chimera.domain.messages import Entry, Noted
from chimera.ports.store import Journal


def opened(folder: Path, **more: int) -> JournalFile:
    journal, _ = JournalFile.open(folder, clock=SteppedClock(1_000), run_id="run", **more)
    as_port: Journal = journal
    assert as_port is journal
    return journal


def fill(folder: Path, count: int, **more: int) -> None:
    journal = opened(folder, **more)
    for number in range(count):
        journal.append(Noted(what=f"n{number}"))
        journal.sync()
    journal.close()


async def test_what_is_durable_is_in_the_file(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    entry = journal.append(Noted(what="one"))
    await journal.durable(entry.seq)
    assert journal.durable_seq == 1
    assert segments(tmp_path)[0].read_bytes().count(b"\n") == 1
    journal.close()


async def test_entries_are_numbered_stamped_and_chained_across_restarts(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    journal = opened(tmp_path)
    assert journal.append(Noted(what="next")) == Entry(
        seq=4, at_ms=1_000, run_id="run", fact=Noted(what="next")
    )
    journal.close()
    verdict = verify(tmp_path)
    assert verdict.ok and verdict.entries == 4 and verdict.last_hash == journal.last_hash


async def test_callers_of_one_moment_share_one_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs = 0
    real = os.fdatasync

    def counted(descriptor: int) -> None:
        nonlocal syncs
        syncs += 1
        real(descriptor)

    journal = opened(tmp_path)
    monkeypatch.setattr(journal_file.os, "fdatasync", counted)

    async def one(number: int) -> None:
        await journal.durable(journal.append(Noted(what=str(number))).seq)

    await asyncio.gather(*(one(number) for number in range(50)))
    assert syncs == 1 and journal.durable_seq == 50
    journal.close()


async def test_a_slow_disk_is_waited_for_in_a_thread_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_file, "SLOW_SYNC_S", 0.0)
    journal = opened(tmp_path, segment_bytes=2_000)
    for number in range(60):
        await journal.durable(journal.append(Noted(what=str(number))).seq)
        if number % 7 == 0:
            journal.append(Noted(what="unwaited"))
            journal.sync()
    assert journal._thread is not None
    journal.close()
    assert verify(tmp_path).entries == 69


async def test_facts_that_nobody_waits_for_reach_the_disk_by_themselves(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append(Noted(what="lonely"))
    async with asyncio.timeout(5):
        while journal.durable_seq < 1:
            await asyncio.sleep(0.005)
    journal.close()


async def test_reading_gives_disk_and_buffer_in_order_from_any_point(tmp_path: Path) -> None:
    fill(tmp_path, 20, segment_bytes=700)
    assert len(segments(tmp_path)) > 3
    journal = opened(tmp_path, segment_bytes=700)
    for number in range(3):
        journal.append(Noted(what=f"buffered{number}"))
    for start in (1, 2, 9, 20, 21, 23, 24):
        assert [entry.seq for entry in journal.read(start)] == list(range(start, 24))
    unread = journal.read(22)
    journal.append(Noted(what="after the call"))
    journal.sync()
    assert [entry.seq for entry in unread] == [22, 23]
    assert journal.hash_at(24) == journal.last_hash and journal.hash_at(25) is None
    assert journal.hash_at(7) is not None
    journal.close()
    assert verify(tmp_path).entries == 24


async def test_listeners_hear_every_entry_in_order(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    heard: list[int] = []
    journal.listen(lambda entry: heard.append(entry.seq))
    for _ in range(5):
        journal.append(Noted(what="x"))
    assert heard == [1, 2, 3, 4, 5]
    journal.close()


def test_a_second_writer_is_refused_until_the_first_has_closed(tmp_path: Path) -> None:
    first = opened(tmp_path)
    with pytest.raises(ConfigError, match="in use by another"):
        opened(tmp_path)
    first.close()
    first.close()
    opened(tmp_path).close()


def test_after_closing_nothing_is_appended(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.close()
    with pytest.raises(InvariantBroken, match="closed"):
        journal.append(Noted(what="x"))


@pytest.mark.parametrize("keep", [1, 30, 64, 65, 66, 100])
def test_a_torn_tail_is_cut_kept_and_told_of(tmp_path: Path, keep: int) -> None:
    fill(tmp_path, 3)
    path = segments(tmp_path)[0]
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]) + lines[2][:keep])
    journal, repair = JournalFile.open(tmp_path, clock=SteppedClock(77), run_id="again")
    assert repair is not None and repair.bytes_cut == keep and "cut from" in str(repair)
    assert (tmp_path / "journal.torn-77").read_bytes() == lines[2][:keep]
    assert journal.append(Noted(what="goes on")).seq == 3
    journal.close()
    assert verify(tmp_path).ok and verify(tmp_path).entries == 3


def test_zeros_of_a_block_that_never_reached_the_disk_are_cut(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    path = segments(tmp_path)[0]
    path.write_bytes(path.read_bytes() + b"\0" * 4096)
    assert not verify(tmp_path).ok
    journal, repair = JournalFile.open(tmp_path, clock=SteppedClock(1), run_id="r")
    assert repair is not None and repair.bytes_cut == 4096
    journal.close()
    assert verify(tmp_path).entries == 2


def test_damage_before_the_end_refuses_to_start_and_changes_nothing(tmp_path: Path) -> None:
    fill(tmp_path, 4)
    path = segments(tmp_path)[0]
    data = bytearray(path.read_bytes())
    for position in (len(data) // 2, len(data) - 5):
        changed = bytearray(data)
        changed[position] ^= 1
        path.write_bytes(changed)
        with pytest.raises(ConfigError, match="damaged") as told:
            opened(tmp_path)
        assert "chimera journal verify" in str(told.value)
        assert path.read_bytes() == changed
        assert not verify(tmp_path).ok
        with pytest.raises(InvariantBroken):
            list(read_folder(tmp_path))


def test_a_changed_byte_in_an_older_segment_is_found_with_its_place(tmp_path: Path) -> None:
    fill(tmp_path, 20, segment_bytes=700)
    path = segments(tmp_path)[1]
    data = bytearray(path.read_bytes())
    first_line = data.index(b"\n") + 1
    data[first_line + 70] ^= 1
    path.write_bytes(data)
    verdict = verify(tmp_path)
    assert (verdict.ok, verdict.segment, verdict.offset) == (False, path.name, first_line)
    assert verdict.first_bad_seq == int(path.stem) + 1


def test_a_missing_journal_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is none"):
        verify(tmp_path)
    assert recover(tmp_path, at_ms=0)[0].next_seq == 1


def test_a_line_still_being_written_is_no_damage_while_its_writer_runs(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append(Noted(what="whole"))
    journal.sync()
    with segments(tmp_path)[0].open("ab") as file:
        file.write(b"half a li")
    assert verify(tmp_path).ok and [entry.seq for entry in read_folder(tmp_path)] == [1]
    journal.close()
    assert not verify(tmp_path).ok


async def test_a_failed_sync_reaches_every_waiter_and_closes_the_journal_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened(tmp_path)

    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(journal_file.os, "fdatasync", broken)
    waits = [journal.durable(journal.append(Noted(what=str(n))).seq) for n in range(3)]
    outcomes = await asyncio.gather(*waits, return_exceptions=True)
    assert all(isinstance(outcome, InvariantBroken) for outcome in outcomes)
    monkeypatch.undo()
    with pytest.raises(InvariantBroken, match="the disk refuses"):
        journal.append(Noted(what="no more"))
    with pytest.raises(InvariantBroken):
        await journal.durable(1)
    assert journal.durable_seq == 0 and journal.broken
    journal.close()


def test_a_full_disk_stops_the_writer_with_a_clear_message_and_a_whole_journal(tmp_path: Path) -> None:
    """The limit on file size makes the kernel itself refuse, halfway through a write, as a full disk does."""
    script = textwrap.dedent(
        """
        import asyncio, resource, sys
        from pathlib import Path
        from chimera.adapters.clocks import WallClock
        from chimera.adapters.journal_file import JOURNAL_FAILED, JournalFile
        from chimera.domain.errors import InvariantBroken
        from chimera.domain.messages import Noted
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
        async def main():
            journal, _ = JournalFile.open(Path(sys.argv[1]), clock=WallClock(), run_id="r")
            try:
                while True:
                    await journal.durable(journal.append(Noted(what="x" * 200)).seq)
            except InvariantBroken as error:
                print(journal.durable_seq, error)
                journal.close()
                sys.exit(JOURNAL_FAILED)
        asyncio.run(main())
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 74, done.stderr
    durable, _, message = done.stdout.partition(" ")
    assert "the disk refuses" in message and "Make room" in message
    assert verify(tmp_path).entries == int(durable) > 5
    opened(tmp_path).close()


def test_everything_told_to_be_durable_survives_a_kill(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import asyncio, sys
        from pathlib import Path
        from chimera.adapters.clocks import WallClock
        from chimera.adapters.journal_file import JournalFile
        from chimera.domain.messages import Noted
        async def one(journal, number):
            while True:
                entry = journal.append(Noted(what="x" * (number * 97 % 3000)))
                await journal.durable(entry.seq)
                sys.stdout.write(f"{entry.seq}\\n"); sys.stdout.flush()
        async def main():
            journal, _ = JournalFile.open(Path(sys.argv[1]), clock=WallClock(), run_id="r", segment_bytes=50_000)
            await asyncio.gather(*(one(journal, number) for number in range(5)))
        asyncio.run(main())
        """
    )
    told = 0
    for round_number in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        for _ in range(40 + round_number * 31):
            told = max(told, int(child.stdout.readline()))
        child.send_signal(signal.SIGKILL)
        told = max([told, *(int(line) for line in child.stdout.read().split("\n")[:-1])])
        child.wait()
        child.stdout.close()
        journal = opened(tmp_path, segment_bytes=50_000)
        assert journal.last_seq >= told
        journal.close()
    assert verify(tmp_path).ok
