"""Copies of the books: whole while a desk writes, checked to the byte, and put back as they were."""

import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from chimera.adapters import backups as module
from chimera.adapters.backups import (
    BackupFolder,
    backups,
    check_backup,
    make_backup,
    prune,
    restore_backup,
)
from chimera.adapters.clocks import SteppedClock
from chimera.adapters.journal_file import JournalFile
from chimera.adapters.journal_segments import read_folder, segments
from chimera.adapters.store import SqlTables, catch_up
from chimera.adapters.store_engine import open_engine
from chimera.domain.errors import ConfigError, Unreachable
from chimera.domain.messages import Noted
from chimera.testing.stories import entries

DAY_MS = 86_400_000
THREE = 1_763_694_000_000  # 2025-11-21T03:00:00Z
NAME = "20251121T030000Z"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The books of a desk that has stopped."""
    folder = tmp_path / "data"
    journal = opened(folder)
    for entry in entries(3):
        journal.append(entry.fact)
        journal.sync()
    engine = open_engine(folder / "chimera.db")
    catch_up(SqlTables(engine), journal)
    engine.dispose()
    journal.close()
    return folder


def opened(folder: Path) -> JournalFile:
    journal, _ = JournalFile.open(
        folder / "journal", clock=SteppedClock(5), run_id="run", segment_bytes=4_000
    )
    return journal


def test_what_is_restored_is_what_was_there_and_a_desk_can_open_it(data: Path, tmp_path: Path) -> None:
    made = make_backup(data, tmp_path / "backups", at_ms=THREE)
    assert made.folder.name == NAME and made.at_ms == THREE
    assert len(segments(data / "journal")) > 1, "the journal of one segment shows too little"
    before = list(read_folder(data / "journal"))
    found = restore_backup(made.folder, tmp_path / "again")
    assert list(read_folder(tmp_path / "again" / "journal")) == before
    assert found.entries == len(before) and "sound" in found.tables
    journal, engine = opened(tmp_path / "again"), open_engine(tmp_path / "again" / "chimera.db")
    assert catch_up(SqlTables(engine), journal) == 0, "the tables had to be folded anew"
    engine.dispose()
    journal.close()


def test_what_left_the_tables_is_copied_and_comes_back_and_half_a_file_does_not(
    data: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "elsewhere"
    archive.mkdir()
    (archive / "decisions-2025-01-01.parquet").write_bytes(b"a day")
    (archive / "decisions-2025-01-02.part").write_bytes(b"half a")
    made = make_backup(data, tmp_path / "backups", at_ms=THREE, archive=archive)
    restore_backup(made.folder, tmp_path / "again")
    found = {path.name: path.read_bytes() for path in (tmp_path / "again" / "archive").iterdir()}
    assert found == {"decisions-2025-01-01.parquet": b"a day"}
    (made.folder / "archive" / "decisions-2025-01-01.parquet").write_bytes(b"a dax")
    with pytest.raises(Unreachable, match="decisions-2025-01-01"):
        check_backup(made.folder)


def test_the_sums_are_those_that_sha256sum_knows(data: Path, tmp_path: Path) -> None:
    made = make_backup(data, tmp_path / "backups", at_ms=THREE)
    tool = shutil.which("sha256sum")
    if tool is None:
        pytest.skip("sha256sum is not installed")
    subprocess.run(
        [tool, "--check", "--strict", "SHA256SUMS"], cwd=made.folder, check=True, capture_output=True
    )


def test_a_copy_beside_a_writing_desk_is_whole(data: Path, tmp_path: Path) -> None:
    journal, engine = opened(data), open_engine(data / "chimera.db")
    tables, stop = SqlTables(engine), threading.Event()

    def write() -> None:
        while not stop.is_set():
            for number in range(20):
                journal.append(Noted(f"n{number}"))
            journal.sync()
            catch_up(tables, journal)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = [make_backup(data, tmp_path / "backups", at_ms=THREE + number * 1_000) for number in range(5)]
    finally:
        stop.set()
        writer.join()
    engine.dispose()
    journal.close()
    for number, one in enumerate(made):
        assert restore_backup(one.folder, tmp_path / f"again{number}").entries > 0
        again = opened(tmp_path / f"again{number}")
        engine = open_engine(tmp_path / f"again{number}" / "chimera.db")
        assert SqlTables(engine).last_seq() <= again.last_seq, "the tables know more than the journal"
        catch_up(SqlTables(engine), again)
        engine.dispose()
        again.close()


def test_a_line_that_is_being_written_is_left_out(data: Path, tmp_path: Path) -> None:
    last = segments(data / "journal")[-1]
    whole = last.read_bytes()
    last.write_bytes(whole + b"half a li")
    made = make_backup(data, tmp_path / "backups", at_ms=THREE)
    assert (made.folder / "journal" / last.name).read_bytes() == whole


@pytest.mark.parametrize("which", ["chimera.db", "journal", "SHA256SUMS", "gone"])
def test_every_damage_is_found_and_such_a_copy_is_not_restored(
    data: Path, tmp_path: Path, which: str
) -> None:
    folder = make_backup(data, tmp_path / "backups", at_ms=THREE).folder
    file = next((folder / "journal").iterdir()) if which in ("journal", "gone") else folder / which
    if which == "gone":
        file.unlink()
    else:
        damaged = bytearray(file.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        file.write_bytes(damaged)
    with pytest.raises((Unreachable, ConfigError)):
        check_backup(folder)
    with pytest.raises((Unreachable, ConfigError)):
        restore_backup(folder, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_tables_that_are_damaged_do_not_become_a_backup(data: Path, tmp_path: Path) -> None:
    database = bytearray((data / "chimera.db").read_bytes())
    for place in range(len(database) // 2, len(database), 512):
        database[place] ^= 0xFF
    (data / "chimera.db").write_bytes(database)
    with pytest.raises(Unreachable):
        make_backup(data, tmp_path / "backups", at_ms=THREE)
    assert backups(tmp_path / "backups") == []


def test_books_are_never_overwritten(data: Path, tmp_path: Path) -> None:
    folder = make_backup(data, tmp_path / "backups", at_ms=THREE).folder
    with pytest.raises(ConfigError, match="are not overwritten"):
        restore_backup(folder, data)
    journal = opened(data)
    with pytest.raises(ConfigError, match="a desk runs"):
        restore_backup(folder, data)
    journal.close()
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / "chimera.db-wal").write_bytes(b"of another database")
    with pytest.raises(ConfigError, match="are not overwritten"):
        restore_backup(folder, tmp_path / "left")


def test_large_tables_are_packed_and_come_back(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GZIP_FROM_BYTES", 1_000)
    made = make_backup(data, tmp_path / "backups", at_ms=THREE)
    assert sorted(path.name for path in made.folder.iterdir()) == ["SHA256SUMS", "chimera.db.gz", "journal"]
    assert "sound" in restore_backup(made.folder, tmp_path / "again").tables


def test_copies_of_the_last_days_stay_and_the_newest_always(data: Path, tmp_path: Path) -> None:
    folder = BackupFolder(data, tmp_path / "backups", keep_days=7)
    for day in range(10):
        folder.make(at_ms=THREE + day * DAY_MS)
    assert [one.at_ms for one in backups(tmp_path / "backups")] == [
        THREE + day * DAY_MS for day in range(2, 10)
    ]
    assert folder.newest_ms() == THREE + 9 * DAY_MS
    assert len(prune(tmp_path / "backups", older_than_ms=THREE + 99 * DAY_MS)) == 7
    assert folder.newest_ms() == THREE + 9 * DAY_MS


def test_what_a_crash_left_unfinished_is_no_backup_and_is_made_anew(data: Path, tmp_path: Path) -> None:
    into = tmp_path / "backups"
    (into / f"{NAME}.unfinished" / "journal").mkdir(parents=True)
    (into / f"{NAME}.unfinished" / "chimera.db").write_bytes(b"half")
    assert backups(into) == []
    make_backup(data, into, at_ms=THREE)
    assert [path.name for path in into.iterdir()] == [NAME]


def test_a_folder_without_books_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there are no books"):
        make_backup(tmp_path, tmp_path / "backups", at_ms=THREE)
    with pytest.raises(ConfigError, match="is no backup"):
        check_backup(tmp_path)
