"""The embedded chain on disk: what came in, in its order, so that a chain that was killed goes on as the same one.

A ledger like a validator's own: not what the accounts are, but the transactions that made them so, the times of the
slots, and the forks. Whoever runs it again over the same genesis has the same chain, to the byte. One record is one
write to the file, made before it changes anything: `kill -9` loses nothing, a power cut may lose the
last seconds. It knows nothing of how the chain executes what it keeps.
"""

import errno
import fcntl
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from chimera.domain.errors import ConfigError

MAGIC = b"chimera chain 1\n"
HEAD = 8  # of a record: its length and its CRC-32, both u32, little-endian
RECORD_BYTES_MAX = 1 << 20


class Began(msgspec.Struct, frozen=True, tag="began", array_like=True):
    """What a chain must begin with to be the one in the file."""

    genesis_digest: bytes
    """SHA-256 over everything that existed before the first block."""
    identity: bytes
    unix_seconds: int
    """At slot 0."""
    clock_offset_s: float
    """What the chain's time is ahead of the machine's."""
    confirmed_lag_slots: int
    finalized_lag_slots: int


class Came(msgspec.Struct, frozen=True, tag="came", array_like=True):
    """A transaction for the slot in progress, whatever became of it."""

    wire: bytes
    bundle_id: str | None = None


class BundleCame(msgspec.Struct, frozen=True, tag="bundle", array_like=True):
    """All or nothing."""

    wires: tuple[bytes, ...]


class SlotEnded(msgspec.Struct, frozen=True, tag="slot", array_like=True):
    blockhash: bytes
    """Of the slot that ended."""
    time: int
    """Unix seconds of the slot that began then."""


class RolledBack(msgspec.Struct, frozen=True, tag="back", array_like=True):
    """A fork. What it submitted again follows as `Came`."""

    slots: int
    time: int


Kept = Came | BundleCame | SlotEnded | RolledBack
_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(Began | Kept).decode


class ChainFile:
    """One chain's file, held by one process; close it, or let the process end."""

    def __init__(self, path: Path) -> None:
        """Makes it where there is none. Raises ConfigError where it can't be used, or another chain runs on it."""
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(f"--keep: cannot use {path}: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise ConfigError(
                f"--keep: another chain runs on {path}; stop it, or name another file"
            ) from None
        self._length = os.fstat(self._file).st_size

    def close(self) -> None:
        os.close(self._file)

    def began(self) -> Began | None:
        """How the chain in it began; None: it is new. Raises ConfigError for a file that is something else."""
        if self._length == 0:
            return None
        first = next(self._records(), None)
        if not isinstance(first, Began):
            raise ConfigError(f"--keep: {self._path} is no chain's file; name another one")
        return first

    def begin(self, began: Began) -> None:
        """Writes a new chain's first record."""
        self._write(MAGIC)
        self.keep(began)

    def rest(self) -> Iterator[Kept]:
        """Everything since the beginning; when it is at its end, the remains of an interrupted write are cut off."""
        for record in self._records():
            if not isinstance(record, Began):
                yield record

    def keep(self, record: Began | Kept) -> None:
        """Appends it. Raises OSError where the disk does not take it: then it must not happen."""
        body = _ENCODE(record)
        self._write(len(body).to_bytes(4, "little") + zlib.crc32(body).to_bytes(4, "little") + body)

    def _write(self, data: bytes) -> None:
        written = os.write(self._file, data)
        if written != len(data):
            os.ftruncate(self._file, self._length)
            raise OSError(errno.ENOSPC, "only a part of a record was written", str(self._path))
        self._length += len(data)

    def _records(self) -> Iterator[Began | Kept]:
        with self._path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise ConfigError(f"--keep: {self._path} is no chain's file; name another one")
            whole = file.tell()
            while len(head := file.read(HEAD)) == HEAD:
                length, check = int.from_bytes(head[:4], "little"), int.from_bytes(head[4:], "little")
                body = file.read(length) if length <= RECORD_BYTES_MAX else b""
                if len(body) != length or zlib.crc32(body) != check:
                    break
                whole = file.tell()
                yield _DECODE(body)
        if whole < self._length:
            os.ftruncate(self._file, whole)
            self._length = whole
