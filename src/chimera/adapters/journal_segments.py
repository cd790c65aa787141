"""The journal's files, read: segments in order, walked, verified, and cut clean after a crash.

Nothing here appends: that is `adapters.journal_file`, the one writer.
"""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from chimera.audit.journal import GENESIS, HASH_LENGTH, LINE_BYTES_MAX, BadLine, Chain, Verdict, verify_lines
from chimera.domain.errors import ConfigError, InvariantBroken
from chimera.domain.messages import Entry

LOCK = "lock"
"""The file that a writer locks; never removed, since another may have it open."""


class Repair(msgspec.Struct, frozen=True):
    """What was cut off at start: the remains of a write that a crash interrupted."""

    segment: Path
    offset: int
    bytes_cut: int
    kept_in: Path

    def __str__(self) -> str:
        return (
            f"journal: {self.bytes_cut} bytes of an interrupted write cut from {self.segment.name} "
            f"at byte {self.offset}, kept in {self.kept_in.name}"
        )


def verify(folder: Path, *, anchor: tuple[int, str] | None = None) -> Verdict:
    """The verdict on a journal's folder; reads only. Of one that is being written, up to its last whole line.

    Raises ConfigError where there is no journal.
    """
    names = segments(folder)
    if not names:
        raise ConfigError(f"journal: there is none in {folder}")
    open_ended = names[-1] if in_use(folder) else None
    lines = ((path.name, _whole_lines(path) if path == open_ended else _lines(path)) for path in names)
    return verify_lines(lines, anchor=anchor)


def in_use(folder: Path) -> bool:
    """Whether a process holds the journal open for writing."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def read_folder(folder: Path, from_seq: int = 1) -> Iterator[Entry]:
    """Entries of a journal that this process does not write; ends before a line that is still being written.

    Raises InvariantBroken at a line that does not fit its chain.
    """
    return (entry for entry, _ in walk(folder, from_seq))


def segments(folder: Path) -> list[Path]:
    """The segment files, oldest first."""
    return sorted(folder.glob("[0-9]*.jsonl"))


def segment_name(first_seq: int) -> str:
    return f"{first_seq:020d}.jsonl"  # as many digits as a u64 has: names sort as numbers do


def open_segment(path: Path) -> int:
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)  # else a new file's name may be gone after a power cut, with all its entries
    finally:
        os.close(folder)
    return descriptor


def _whole_lines(path: Path) -> Iterator[bytes]:
    return (line for line in _lines(path) if line.endswith(b"\n"))


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while line := file.readline(LINE_BYTES_MAX):
            yield line


def walk(folder: Path, from_seq: int) -> Iterator[tuple[Entry, str]]:
    """(entry, its hash) from `from_seq` on, each line checked against the one before it.

    The first line of the first segment read must be taken at its word where it is not the journal's first.
    """
    names = segments(folder)
    while len(names) > 1 and int(names[1].stem) <= from_seq:
        names.pop(0)
    chain: Chain | None = None
    for path in names:
        first = int(path.stem)
        if chain is None:
            chain = Chain(_hash_before(folder, first), first)
        for line in _lines(path):
            if not line.endswith(b"\n") and path == names[-1]:
                return
            try:
                entry = chain.follow(line)
            except BadLine as error:
                raise InvariantBroken(f"journal: entry {chain.next_seq} in {path.name}: {error}") from None
            if entry.seq >= from_seq:
                yield entry, chain.previous


def _hash_before(folder: Path, first_seq: int) -> str:
    """The hash that the segment starting at `first_seq` builds on: that of the last line before it."""
    previous = GENESIS
    for path in segments(folder):
        if int(path.stem) >= first_seq:
            break
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LINE_BYTES_MAX))
            last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
        previous = last[:HASH_LENGTH].decode("ascii", "replace")
    return previous


def recover(folder: Path, *, at_ms: int) -> tuple[Chain, Repair | None]:
    """Where the chain ends, after cutting off what a crash left unfinished.

    Only a tail that was never whole is cut: one without its LF, or one with the zeros of a block that never
    reached the disk, and nothing whole behind it. Anything else is damage to what was once durable, and a
    journal that is damaged refuses to start.
    """
    names = segments(folder)
    if not names:
        return Chain(), None
    path = names[-1]
    first = int(path.stem)
    chain, offset = Chain(_hash_before(folder, first), first), 0
    for line in _lines(path):
        try:
            chain.follow(line)
        except BadLine as error:
            rest = path.read_bytes()[offset:]
            if not _torn(rest):
                raise ConfigError(
                    f"journal: entry {chain.next_seq} in {path} at byte {offset} is damaged: {error}. "
                    "Run `chimera journal verify`, and restore the folder from a backup"
                ) from None
            return chain, _cut(path, offset, rest, at_ms)
        offset += len(line)
    return chain, None


def _torn(rest: bytes) -> bool:
    _line, ending, behind = rest.partition(b"\n")
    if not ending:
        return True
    return b"\0" in rest and b"\n" not in behind.rstrip(b"\0")


def _cut(path: Path, offset: int, rest: bytes, at_ms: int) -> Repair:
    kept = path.with_name(f"journal.torn-{at_ms}")
    kept.write_bytes(rest)
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.ftruncate(descriptor, offset)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return Repair(segment=path, offset=offset, bytes_cut=len(rest), kept_in=kept)
