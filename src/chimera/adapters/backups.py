"""Copies of the books: tables and journal of one moment, with their sums, made beside a running desk.

A backup is a folder named after its time: `chimera.db` (by VACUUM INTO, so it is one snapshot), `journal/` up to its
last whole line, `archive/` with what left the tables long ago, and `SHA256SUMS`, which `sha256sum -c` reads as well.
It is written under another name and renamed when all of it is on disk, so that what has a backup's name is whole.
Journal and archive are copied after the tables: the one holds all that they hold, the other gets a row before they
lose it. No key is in it: the vault is looked after by whoever owns it.

Knows files; when a backup is due is `roles.backup`'s business.
"""

import gzip
import hashlib
import io
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from chimera.adapters.journal_segments import in_use, segments, verify
from chimera.adapters.store_check import check_database
from chimera.adapters.store_engine import DRIVER
from chimera.domain.errors import ConfigError, Unreachable

TABLES = "chimera.db"
ARCHIVE = "archive"
SUMS = "SHA256SUMS"
STAMP = "%Y%m%dT%H%M%SZ"
UNFINISHED = ".unfinished"
GZIP_FROM_BYTES = 100 * 1024 * 1024
BLOCK = 1024 * 1024
DAY_MS = 86_400_000
WHO = "backup"


class Backup(msgspec.Struct, frozen=True):
    folder: Path
    at_ms: int
    """When it was begun; the books may hold a little more."""
    bytes: int
    files: int


class Checked(msgspec.Struct, frozen=True):
    """What a backup turned out to be."""

    backup: Backup
    entries: int
    """Of the journal, its chain unbroken."""
    tables: str


class BackupFolder:
    """Where the copies of one desk's books lie; `roles.backup.Copies`."""

    def __init__(self, data: Path, into: Path, *, keep_days: int, archive: Path | None = None) -> None:
        self._data, self._into, self._keep_days, self._archive = data, into, keep_days, archive

    def newest_ms(self) -> int | None:
        known = backups(self._into)
        return known[-1].at_ms if known else None

    def make(self, *, at_ms: int) -> str:
        made = make_backup(self._data, self._into, at_ms=at_ms, archive=self._archive)
        gone = prune(self._into, older_than_ms=at_ms - self._keep_days * DAY_MS)
        return f"{made.folder}: {made.files} files, {made.bytes} bytes; {len(gone)} old ones removed"


def make_backup(data: Path, into: Path, *, at_ms: int, archive: Path | None = None) -> Backup:
    """A new backup of the books in `data`, checked as `check_backup` does before it gets its name.

    `archive`: where it lies, if not in `data`.

    Raises Unreachable where a disk or the database refuses, or what was written is not what was read; ConfigError
    where there are no books.
    """
    if not (data / TABLES).exists() or not segments(data / "journal"):
        raise ConfigError(f"backup: there are no books in {data}")
    final = into / datetime.fromtimestamp(at_ms / 1000, UTC).strftime(STAMP)
    making = final.with_name(final.name + UNFINISHED)
    try:
        into.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        (making / "journal").mkdir(mode=0o700)
        _copy_tables(data / TABLES, making / TABLES)
        for segment in segments(data / "journal"):
            _copy_lines(segment, making / "journal" / segment.name)
        _copy_archive(archive or data / ARCHIVE, making / ARCHIVE)
        check_database(making / TABLES, write_ahead=False)
        _write_sums(making)
        check_backup(making)
        making.rename(final)
        _sync(into)
    except OSError as error:
        raise Unreachable(WHO, f"{error.filename or final}: {error.strerror}") from None
    return _described(final)


def backups(into: Path) -> list[Backup]:
    """The whole ones, oldest first."""
    return [_described(folder) for folder in sorted(into.glob("*T*Z")) if (folder / SUMS).exists()]


def check_backup(folder: Path) -> Checked:
    """The backup, if every file is what was written, the tables are sound and the journal's chain is unbroken.

    Raises ConfigError where it is no backup, Unreachable where it is damaged, with the file's name.
    """
    for name, wanted in _sums(folder).items():
        try:
            found = _sum(folder / name)
        except FileNotFoundError:
            raise Unreachable(WHO, f"{folder / name} is missing") from None
        if found != wanted:
            raise Unreachable(WHO, f"{folder / name} is not what was written: its SHA-256 differs")
    packed, tables = folder / f"{TABLES}.gz", folder / TABLES
    told = (
        f"packed, {packed.stat().st_size} bytes"
        if packed.exists()
        else check_database(tables, write_ahead=False)
    )
    verdict = verify(folder / "journal")
    if not verdict.ok:
        raise Unreachable(WHO, f"{folder / 'journal'}: the chain is broken: {verdict.what}")
    return Checked(_described(folder), verdict.entries, told)


def restore_backup(folder: Path, data: Path) -> Checked:
    """Puts the books of a backup into `data`, which must hold none, and says what they are.

    Raises ConfigError where there are books or a desk already, Unreachable for a damaged backup or a disk that
    refuses; then nothing is left behind.
    """
    checked = check_backup(folder)
    if (data / "journal").exists() and in_use(data / "journal"):
        raise ConfigError(f"restore: a desk runs on {data}; stop it first")
    if any(data.glob(f"{TABLES}*")) or (data / "journal").exists() or (data / ARCHIVE).exists():
        raise ConfigError(
            f"restore: there are books in {data}; move chimera.db*, journal/ and archive/ away first, "
            "they are not overwritten"
        )
    made = data / "journal"
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        made.mkdir(mode=0o700)
        for segment in segments(folder / "journal"):
            _copy(segment, made / segment.name)
        _copy_archive(folder / ARCHIVE, data / ARCHIVE)
        packed = folder / f"{TABLES}.gz"
        unpacked = data / f"{TABLES}{UNFINISHED}"
        with cast(BinaryIO, gzip.open(packed)) if packed.exists() else (folder / TABLES).open("rb") as source:
            _write(source, unpacked)
        told = check_database(unpacked, write_ahead=False)
        unpacked.rename(data / TABLES)
        _sync(data)
    except (OSError, Unreachable) as error:
        shutil.rmtree(made, ignore_errors=True)
        shutil.rmtree(data / ARCHIVE, ignore_errors=True)
        (data / f"{TABLES}{UNFINISHED}").unlink(missing_ok=True)
        what = error.what if isinstance(error, Unreachable) else f"{error.filename}: {error.strerror}"
        raise Unreachable("restore", what) from None
    return msgspec.structs.replace(checked, tables=told)


def prune(into: Path, *, older_than_ms: int) -> list[Path]:
    """Removes the backups from before that time, never the newest one; returns what went."""
    old = [one for one in backups(into)[:-1] if one.at_ms < older_than_ms]
    for one in old:
        shutil.rmtree(one.folder)
    return [one.folder for one in old]


def _copy_tables(source: Path, target: Path) -> None:
    try:
        connection = DRIVER.connect(f"file:{source}?mode=ro", uri=True, timeout=5.0)
        try:
            connection.execute("VACUUM INTO ?", (str(target),))
        finally:
            connection.close()
    except DRIVER.Error as error:
        raise Unreachable(WHO, f"{source}: {error}") from None
    target.chmod(0o600)
    _sync(target)


def _copy_lines(source: Path, target: Path) -> None:
    """The segment as far as it is whole: its writer may be in the middle of a line."""
    with source.open("rb") as file:
        left = file.seek(0, os.SEEK_END)
        while left > 0:
            start = max(0, left - BLOCK)
            file.seek(start)
            if (place := file.read(left - start).rfind(b"\n")) >= 0:
                left = start + place + 1
                break
            left = start
        file.seek(0)
        _write(file, target, most=left)


def _copy_archive(source: Path, target: Path) -> None:
    """Its files, where there are any; what is being written has another ending."""
    files = sorted(source.glob("*.parquet"))
    if files:
        target.mkdir(mode=0o700)
        for file in files:
            _copy(file, target / file.name)
        _sync(target)


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as file:
        _write(file, target)


def _write(source: BinaryIO, target: Path, *, most: int | None = None) -> None:
    with os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as copy:
        while block := source.read(BLOCK if most is None else min(BLOCK, most)):
            copy.write(block)
            most = None if most is None else most - len(block)
        copy.flush()
        os.fsync(copy.fileno())


def _write_sums(folder: Path) -> None:
    """Packs large tables, then writes one line a file, as `sha256sum` does."""
    tables = folder / TABLES
    if tables.stat().st_size > GZIP_FROM_BYTES:
        with tables.open("rb") as plain, gzip.open(folder / f"{TABLES}.gz", "wb", compresslevel=6) as packed:
            shutil.copyfileobj(plain, packed, BLOCK)
        _sync(folder / f"{TABLES}.gz")
        tables.unlink()
    text = "".join(f"{_sum(path)}  {path.relative_to(folder)}\n" for path in _files(folder))
    _write(io.BytesIO(text.encode()), folder / SUMS)
    for each in (folder / "journal", folder):
        _sync(each)


def _sums(folder: Path) -> dict[str, str]:
    try:
        lines = (folder / SUMS).read_text("utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"{folder} is no backup: {SUMS}: {error.strerror}") from None
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    strays = [name for name in sums if not name or ".." in Path(name).parts or Path(name).is_absolute()]
    if strays or not sums:
        raise Unreachable(WHO, f"{folder / SUMS} is damaged")
    return sums


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != SUMS)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _described(folder: Path) -> Backup:
    name = folder.name.removesuffix(UNFINISHED)
    try:
        at = datetime.strptime(name, STAMP).replace(tzinfo=UTC)
    except ValueError:
        raise ConfigError(f"{folder} is no backup: its name is no time such as 20261121T030000Z") from None
    sizes = [path.stat().st_size for path in _files(folder)]
    return Backup(folder, int(at.timestamp() * 1000), sum(sizes), len(sizes))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
