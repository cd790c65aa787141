"""The journal on disk: segments of lines in one folder, one writer, durable by group fsync.

It implements `ports.store.Journal` and knows nothing of what the facts mean.

`durable` syncs in the event loop's own thread. On the house's disks that takes 0.1 ms, and handing it to a
thread costs half as much again for each caller (measured: `benchmarks/journal_append.py`). When a sync was slow
the next ones go to a thread, where the hop is small against the wait and the loop stays free.

When the disk refuses, the journal is closed for good: after a failed fsync the kernel may have thrown the
bytes away, so trying again could report as durable what is lost. Every waiter and every later append gets
InvariantBroken, and the process must stop (exit code JOURNAL_FAILED). What was not durable by then may or may not
be there at the next start; nobody was told that it is.
"""

import asyncio
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chimera.adapters.journal_segments import (
    LOCK,
    Repair,
    open_segment,
    recover,
    segment_name,
    segments,
    walk,
)
from chimera.audit.journal import GENESIS, LINE_BYTES_MAX, seal
from chimera.domain.errors import ConfigError, InvariantBroken
from chimera.domain.messages import Entry, Fact
from chimera.ports.runtime import Clock

JOURNAL_FAILED = 74
"""Exit code of a process that lost its journal (EX_IOERR of sysexits.h)."""
SEGMENT_BYTES = 64 * 1024 * 1024
SLOW_SYNC_S = 0.005  # one Geyser message burst; a loop that stands longer falls behind the market
INLINE_AFTER = 20  # quick syncs in a row before the loop trusts the disk again
LAZY_S = 0.05  # facts that nobody waits for reach the disk within this time
BUFFER_BYTES_MAX = 16 * 1024 * 1024  # only reachable without a loop; then append flushes by itself

Listener = Callable[[Entry], None]


class JournalFile:
    """The one writer. Open it with `JournalFile.open`, use it from one thread, close it at the end."""

    def __init__(
        self,
        folder: Path,
        *,
        lock: int,
        descriptor: int,
        size: int,
        last: tuple[int, str],
        clock: Clock,
        run_id: str,
        segment_bytes: int,
    ) -> None:
        self.folder = folder
        self._lock, self._descriptor, self._size = lock, descriptor, size
        self._clock, self._run_id, self._segment_bytes = clock, run_id, segment_bytes
        self._seq, self._hash = last
        self._written_seq = self._durable_seq = self._seq
        self._buffer: list[tuple[Entry, bytes]] = []
        self._buffered_bytes = 0
        self._listeners: list[Listener] = []
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._broken: str | None = None
        self._flushing = False
        """A flush is scheduled or running."""
        self._lazy: asyncio.TimerHandle | None = None
        self._quick_syncs = INLINE_AFTER
        self._thread: ThreadPoolExecutor | None = None

    @classmethod
    def open(
        cls, folder: Path, *, clock: Clock, run_id: str, segment_bytes: int = SEGMENT_BYTES
    ) -> tuple["JournalFile", Repair | None]:
        """The journal in `folder`, ready to append to, and what had to be cut off.

        Raises ConfigError where it is in use, not writable or damaged before its torn tail.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(
                f"journal: cannot use {folder}: {error.strerror}; choose another data_dir"
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise ConfigError(
                f"journal: {folder} is in use by another chimera process; stop it or choose another data_dir"
            ) from None
        try:
            chain, repair = recover(folder, at_ms=clock.now_ms())
            names = segments(folder)
            descriptor = open_segment(names[-1] if names else folder / segment_name(1))
            os.fdatasync(
                descriptor
            )  # what a killed process had written but not synced is built upon from here on
        except OSError as error:
            os.close(lock)
            raise ConfigError(f"journal: cannot open {folder}: {error.strerror}") from None
        except ConfigError:
            os.close(lock)
            raise
        journal = cls(
            folder,
            lock=lock,
            descriptor=descriptor,
            size=os.fstat(descriptor).st_size,
            last=(chain.next_seq - 1, chain.previous),
            clock=clock,
            run_id=run_id,
            segment_bytes=segment_bytes,
        )
        return journal, repair

    @property
    def run_id(self) -> str:
        """Of this run: the same in every record that it leaves."""
        return self._run_id

    @property
    def last_seq(self) -> int:
        """Of the last fact appended, durable or not."""
        return self._seq

    @property
    def durable_seq(self) -> int:
        return self._durable_seq

    @property
    def last_hash(self) -> str:
        return self._hash

    @property
    def broken(self) -> str | None:
        """Why nothing can be appended any more, or None."""
        return self._broken

    def listen(self, listener: Listener) -> None:
        """Calls `listener` with each entry, in order, inside `append`, before it is durable.

        It must return at once, and neither raise nor append. Whoever acts outside the house waits for
        `durable` first.
        """
        self._listeners.append(listener)

    def append(self, fact: Fact) -> Entry:
        """The numbered entry, buffered; raises InvariantBroken once the disk has refused."""
        if self._broken is not None:
            raise InvariantBroken(self._broken)
        entry = Entry(seq=self._seq + 1, at_ms=self._clock.now_ms(), run_id=self._run_id, fact=fact)
        digest, line = seal(self._hash, entry)
        if len(line) > LINE_BYTES_MAX:
            raise InvariantBroken(f"journal: a fact of {len(line)} bytes; {LINE_BYTES_MAX} is the most")
        self._seq, self._hash = entry.seq, digest
        self._buffer.append((entry, line))
        self._buffered_bytes += len(line)
        if self._buffered_bytes > BUFFER_BYTES_MAX:
            self.sync()
        elif self._lazy is None and not self._flushing:
            self._flush_later()
        for listener in self._listeners:
            listener(entry)
        return entry

    async def durable(self, seq: int) -> None:
        """Returns once everything up to `seq` is on disk; raises InvariantBroken when the disk refuses."""
        if self._broken is not None:
            raise InvariantBroken(self._broken)
        if seq <= self._durable_seq:
            return
        if seq > self._seq:
            raise InvariantBroken(f"journal: asked to wait for entry {seq}, but the last one is {self._seq}")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiters.append((seq, done))
        if not self._flushing:
            # At the end of this turn of the loop: whoever else is ready appends and waits first.
            self._flushing = True
            loop.call_soon(self._flush, loop)
        await done

    def sync(self) -> None:
        """Makes everything durable now, in this thread, for callers without a loop; raises InvariantBroken."""
        if self._broken is not None:
            raise InvariantBroken(self._broken)
        if self._thread is not None:
            self._thread.submit(int).result()  # behind a sync that is still running on the segment
        try:
            self._write()
            os.fdatasync(self._descriptor)
        except OSError as error:
            self._fail(error)
            raise InvariantBroken(self._broken) from None
        self._durable_seq = self._written_seq
        self._wake()

    def close(self) -> None:
        """Syncs, and lets the folder go; harmless when repeated or broken."""
        if self._lock < 0:
            return
        if self._lazy is not None:
            self._lazy.cancel()
        try:
            if self._broken is None:
                self.sync()
        finally:
            if self._thread is not None:
                self._thread.shutdown(wait=True)
            self._broken = self._broken or "journal: closed"
            os.close(self._descriptor)
            os.close(self._lock)
            self._lock = -1

    def read(self, from_seq: int = 1) -> Iterator[Entry]:
        """Entries from `from_seq` up to the last one at the time of the call, from disk and buffer.

        Raises InvariantBroken at a line that does not fit its chain.
        """
        until, waiting = self._written_seq, [entry for entry, _ in self._buffer]
        return self._read(from_seq, until, waiting)

    def hash_at(self, seq: int) -> str | None:
        """The hash of an entry's line, or None where there is no such entry."""
        if seq == 0:
            return GENESIS
        if seq == self._seq:
            return self._hash
        if seq > self._seq:
            return None
        if seq > self._written_seq:
            self.sync()
        for entry, digest in walk(self.folder, seq):
            if entry.seq == seq:
                return digest
        return None

    def _read(self, from_seq: int, until: int, waiting: list[Entry]) -> Iterator[Entry]:
        if from_seq <= until:
            for entry, _ in walk(self.folder, from_seq):
                if entry.seq > until:
                    break
                yield entry
        yield from (entry for entry in waiting if entry.seq >= from_seq)

    # flushing

    def _flush_later(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # no loop: the caller syncs or closes
        self._lazy = loop.call_later(LAZY_S, self._flush_lazily, loop)

    def _flush_lazily(self, loop: asyncio.AbstractEventLoop) -> None:
        self._lazy = None
        if not self._flushing and self._broken is None and self._durable_seq < self._seq:
            self._flushing = True
            self._flush(loop)

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        """One group: everything buffered goes out in one write and one sync."""
        if self._broken is not None:
            return
        try:
            self._write()
        except OSError as error:
            self._fail(error)
            return
        if self._quick_syncs >= INLINE_AFTER:
            self._synced(loop, _timed_sync(self._descriptor), self._written_seq)
        else:
            self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="journal")
            until = self._written_seq
            pending = loop.run_in_executor(self._thread, _timed_sync, self._descriptor)
            pending.add_done_callback(lambda done: self._synced(loop, done.result(), until))

    def _synced(self, loop: asyncio.AbstractEventLoop, outcome: float | OSError, until: int) -> None:
        if isinstance(outcome, OSError):
            self._fail(outcome)
            return
        self._quick_syncs = self._quick_syncs + 1 if outcome < SLOW_SYNC_S else 0
        self._durable_seq = max(until, self._durable_seq)
        self._wake()
        self._flushing = bool(self._waiters)
        if self._flushing:
            loop.call_soon(self._flush, loop)
        elif self._buffer and self._lazy is None:
            self._flush_later()

    def _wake(self) -> None:
        still = []
        for seq, done in self._waiters:
            if seq > self._durable_seq:
                still.append((seq, done))
            elif not done.done():
                done.set_result(None)
        self._waiters = still

    def _write(self) -> None:
        """Hands the buffer to the kernel; raises OSError, the file then ends after the last whole group."""
        if not self._buffer:
            return
        if self._size >= self._segment_bytes:
            self._roll()
        data = b"".join(line for _, line in self._buffer)
        try:
            written = 0
            while written < len(data):
                written += os.write(self._descriptor, data[written:] if written else data)
        except OSError:
            os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(data)
        self._written_seq = self._buffer[-1][0].seq
        self._buffer, self._buffered_bytes = [], 0

    def _roll(self) -> None:
        """A new segment, named after the first entry in it; the old one is synced first."""
        fresh = open_segment(self.folder / segment_name(self._buffer[0][0].seq))
        try:
            os.fdatasync(self._descriptor)
        except OSError:
            os.close(fresh)
            raise
        old, self._descriptor, self._size = self._descriptor, fresh, 0
        os.close(old)

    def _fail(self, error: OSError) -> None:
        self._broken = (
            f"journal: the disk refuses ({error.strerror}) in {self.folder}; nothing after entry "
            f"{self._durable_seq} is recorded. Make room or repair the disk, then start again"
        )
        waiters, self._waiters = self._waiters, []
        for _, done in waiters:
            if not done.done():
                done.set_exception(InvariantBroken(self._broken))


def _timed_sync(descriptor: int) -> float | OSError:
    """Seconds that the sync took, or why it failed: a value, since it crosses threads."""
    started = time.perf_counter()
    try:
        os.fdatasync(descriptor)
    except OSError as error:
        return error
    return time.perf_counter() - started
