"""Writes a recording: one folder, segments in order, numbered over restarts; old ones go by age and by size.

Encoding is the caller's to do in small bites on his own thread; whatever blocks (`append`, `rotate`, `retain`) is
for another. Nothing here seals: a full segment is handed out by its path.
"""

import asyncio
import fcntl
import os
import sys
from asyncio.subprocess import PIPE
from errno import ENOSPC
from pathlib import Path

import msgspec

from chimera.adapters.recording_folder import NAME_DIGITS, OPEN, SEALED, last_record, segments
from chimera.adapters.recording_log import LogWriter, SegmentHead
from chimera.adapters.recording_rows import WHO, RowEncoder
from chimera.domain.errors import ConfigError, Garbled, Unreachable
from chimera.domain.market import MarketEvent
from chimera.domain.record import Maker
from chimera.domain.recording import Observed, RecordingBroken
from chimera.ports.recording import Written

LOCK = "lock"
SEALER = "chimera.adapters.recording_seal"
DAY_MS = 86_400_000


class RecordingLimits(msgspec.Struct, frozen=True):
    segment_records: int
    segment_bytes: int
    """Before compression by Parquet."""
    segment_ms: int
    keep_bytes: int
    """On disk, all segments together; 0: no limit."""
    keep_days: int
    """0: no limit."""
    free_bytes_min: int = 0
    """What is left to others on the disk, the journal for one: below, nothing is recorded."""


class RecordingWriter:
    """The one writer of a folder, which is locked meanwhile."""

    def __init__(self, folder: Path, *, maker: Maker, limits: RecordingLimits) -> None:
        """Raises ConfigError where another writes there, or where what is there cannot be gone on from."""
        self._folder, self._maker, self._limits = folder, maker, limits
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(f"recording.folder: {folder}: {error.strerror}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise ConfigError(f"recording.folder: another process records in {folder}") from None
        self.unsealed = [path for path in segments(folder) if path.suffix == OPEN]
        """Left behind by an earlier run."""
        try:
            last = last_record(folder)
        except Garbled as error:
            os.close(self._lock)
            raise ConfigError(f"recording.folder: {error}; move the damaged file away") from None
        self._encoder = RowEncoder(maker, 1 if last is None else last[0] + 1)
        self.resumes = None if last is None else RecordingBroken(f"nothing was recorded since {last[1]} ms")
        """What the first record must say."""
        self._log: LogWriter | None = None
        self._next_seq = self._encoder.next_seq
        """Of the next row that is appended; those between are encoded and wait."""
        self._began_ms, self._records = 0, 0

    def encode(self, message: Observed | MarketEvent) -> bytes:
        """A numbered row, to be appended in this order."""
        return self._encoder.encode(message)[1]

    def append(self, rows: list[bytes], *, at_ms: int) -> Written:
        """Raises Unreachable for what the disk says; then the segment ends with its last whole frame."""
        if not rows:
            return Written(0, 0, full=False)
        try:
            self._leave_room()
            if self._log is None:
                first = self._next_seq
                path = self._folder / f"{first:0{NAME_DIGITS}d}{OPEN}"
                self._log = LogWriter(path, SegmentHead(first, self._maker))
                self._began_ms, self._records = at_ms, 0
            before = self._log.bytes
            self._log.write(rows)
        except OSError as error:
            broken, self._log = self._log, None
            if broken is not None:
                broken.abandon()
                self.unsealed.append(broken.path)
            raise Unreachable(WHO, f"{self._folder}: {error.strerror}") from None
        finally:
            self._next_seq += len(rows)
        self._records += len(rows)
        full = (
            self._records >= self._limits.segment_records
            or self._log.bytes >= self._limits.segment_bytes
            or at_ms - self._began_ms >= self._limits.segment_ms
        )
        return Written(len(rows), self._log.bytes - before, full=full)

    def _leave_room(self) -> None:
        disk = os.statvfs(self._folder)
        if disk.f_bavail * disk.f_frsize < self._limits.free_bytes_min:
            raise OSError(ENOSPC, f"less than {self._limits.free_bytes_min} bytes are left on the disk")

    def rotate(self) -> Path | None:
        """The segment that was ended, durable; the next record begins another."""
        log, self._log = self._log, None
        if log is None:
            return None
        try:
            log.close()
        except OSError as error:
            raise Unreachable(WHO, f"{log.path}: {error.strerror}") from None
        return log.path

    async def seal(self, path: Path) -> None:
        """In a process of its own, which gets none of our environment: it needs no secret."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", SEALER, str(path), env={"POLARS_MAX_THREADS": "1"}, stderr=PIPE
        )  # fmt: skip
        try:
            _, told = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            raise Unreachable(
                WHO, f"{path.name} was not sealed: {told.decode(errors='replace')[-500:].strip()}"
            )

    def retain(self, *, at_ms: int) -> list[Path]:
        """Removes sealed segments that are too old or too many, oldest first, and says which."""
        sealed = [path for path in segments(self._folder) if path.suffix == SEALED]
        found = [(path, path.stat()) for path in sealed]
        total = sum(stat.st_size for _, stat in found)
        gone: list[Path] = []
        for path, stat in found:
            old = self._limits.keep_days and at_ms - stat.st_mtime * 1_000 > self._limits.keep_days * DAY_MS
            if not old and not (self._limits.keep_bytes and total > self._limits.keep_bytes):
                break
            path.unlink()
            total -= stat.st_size
            gone.append(path)
        return gone

    def close(self) -> Path | None:
        """Ends the segment and lets others write."""
        try:
            return self.rotate()
        finally:
            os.close(self._lock)
