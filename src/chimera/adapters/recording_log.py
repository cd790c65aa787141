"""The segment of a recording that is still being written: frames of rows, each whole or not there.

A Parquet file has its index at its end, so a killed process would leave nothing readable. Therefore records are
first appended here, and a segment that is full becomes Parquet elsewhere (`recording_seal`). A frame: CHR1, length
and CRC-32 of what follows (both little-endian u32), then MessagePack under zstd. The first frame is the head.
"""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import zstandard

from chimera.adapters.recording_rows import WHO, Row, frame_body
from chimera.domain.errors import Garbled
from chimera.domain.record import SCHEMA_VERSION, Maker

MAGIC = b"CHR1"
HEAD_SIZE = 12
FRAME_BYTES_MAX = 256 * 1024 * 1024  # a frame that claims more is damage
LEVEL = 1  # written once more, harder, when the segment is sealed


class Headless(Garbled):
    """The process died before it had written its first frame: there is nothing to read."""


class SegmentHead(msgspec.Struct, frozen=True):
    """Who wrote it: the part of each record's header that is the same for all."""

    first_seq: int
    maker: Maker
    schema_version: int = SCHEMA_VERSION


class LogWriter:
    """Appends to one open segment. Calls block: give it a thread. Raises OSError as the disk does."""

    def __init__(self, path: Path, head: SegmentHead) -> None:
        self.path = path
        self.bytes = 0
        """On disk."""
        self._file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._compressor = zstandard.ZstdCompressor(level=LEVEL)
        self._append(msgspec.msgpack.encode(head))

    def write(self, rows: list[bytes]) -> None:
        """One frame; after it a kill of this process loses none of these rows."""
        if rows:
            self._append(frame_body(rows))

    def close(self) -> None:
        """On disk for good."""
        try:
            os.fsync(self._file)
        finally:
            os.close(self._file)

    def abandon(self) -> None:
        """After a failed write: what was whole before it stays."""
        os.close(self._file)

    def _append(self, plain: bytes) -> None:
        body = self._compressor.compress(plain)
        frame = memoryview(
            MAGIC + len(body).to_bytes(4, "little") + zlib.crc32(body).to_bytes(4, "little") + body
        )
        size = len(frame)
        while frame:
            frame = frame[os.write(self._file, frame) :]
        self.bytes += size


def read_log(path: Path) -> tuple[SegmentHead, Iterator[list[Row]]]:
    """(who wrote it, its rows a frame at a time); a frame that is cut off at the end was never whole, and ends it.

    Raises Garbled for damage before the end, Headless for an empty one, FileNotFoundError where it was sealed
    meanwhile.
    """
    frames = _frames(path)
    first = next(frames, None)
    if first is None:
        raise Headless(WHO, f"{path.name}: not even its head was written")
    head = msgspec.msgpack.decode(first, type=SegmentHead)
    if head.schema_version != SCHEMA_VERSION:
        raise Garbled(WHO, f"{path.name}: version {head.schema_version}, and we read {SCHEMA_VERSION}")
    decoder = msgspec.msgpack.Decoder(list[Row])
    return head, (decoder.decode(plain) for plain in frames)


def _frames(path: Path) -> Iterator[bytes]:
    unpack = zstandard.ZstdDecompressor()
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        while True:
            at = file.tell()
            head = file.read(HEAD_SIZE)
            length = int.from_bytes(head[4:8], "little")
            if len(head) < HEAD_SIZE or at + HEAD_SIZE + length > size and head[:4] == MAGIC:
                return
            body = file.read(length) if length <= FRAME_BYTES_MAX else b""
            if head[:4] != MAGIC or zlib.crc32(body) != int.from_bytes(head[8:12], "little"):
                if not any(head) and not any(file.read()):
                    return  # blocks that a power cut left empty
                raise Garbled(WHO, f"{path.name}: damaged at byte {at}")
            yield unpack.decompress(body, max_output_size=FRAME_BYTES_MAX)
