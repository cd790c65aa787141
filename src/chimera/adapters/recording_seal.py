"""A full segment made into a Parquet file, in a process of its own so that nobody who trades waits for it.

`python -m chimera.adapters.recording_seal FILE.open` leaves FILE.parquet in its place: written beside it, then
renamed, then the open one removed. Killed at any moment, it leaves one of the two whole, and can be run again.
"""

import hashlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec
import polars as pl

from chimera.adapters.recording_log import Headless, SegmentHead, read_log
from chimera.adapters.recording_rows import MARKS, WHO, Row
from chimera.domain.errors import Garbled
from chimera.domain.record import SCHEMA_VERSION

ROW_GROUP = 8_192  # what a reader holds of raw items at a time: some 10 MB
LEVEL = 3
KEY = "chimera"
"""Of our part of a Parquet file's metadata."""
SCHEMA: dict[str, pl.DataType] = {
    "schema_version": pl.UInt16(),
    "ts_unix_ms": pl.Int64(),
    "component": pl.String(),
    "build": pl.String(),
    "run_id": pl.String(),
    "event_id": pl.String(),
    "source": pl.String(),
    "slot": pl.UInt64(),
    "kind": pl.String(),
    "seq": pl.UInt64(),
    "payload": pl.String(),
    "raw": pl.Binary(),
}
"""The record header as documented, the number of the record, the decoded event as JSON or the raw item."""


class Mark(msgspec.Struct, frozen=True):
    seq: int
    at_ms: int
    kind: str


class SegmentInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a segment, kept in its file's metadata."""

    schema_version: int = SCHEMA_VERSION
    records: int
    first_seq: int
    last_seq: int
    first_ms: int
    last_ms: int
    first_slot: int | None
    last_slot: int | None
    run_id: str
    digest: str
    """BLAKE2b over number and contents of each record, in order."""
    marks: tuple[Mark, ...]


class Tally:
    """Folds rows into what is said of their segment."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._records, self._first, self._last = 0, (0, 0), (0, 0)
        self._slots: tuple[int, int] | None = None
        self._digest = hashlib.blake2b(digest_size=16)
        self._marks: list[Mark] = []

    def add(self, seq: int, at_ms: int, slot: int | None, kind: str, contents: bytes) -> None:
        if not self._records:
            self._first = (seq, at_ms)
        self._records += 1
        self._last = (seq, at_ms)
        if slot is not None:
            low, high = self._slots or (slot, slot)
            self._slots = (min(low, slot), max(high, slot))
        self._digest.update(seq.to_bytes(8, "little") + contents)
        if kind in MARKS:
            self._marks.append(Mark(seq, at_ms, kind))

    def info(self) -> SegmentInfo | None:
        """None where there was no row."""
        if not self._records:
            return None
        return SegmentInfo(
            records=self._records,
            first_seq=self._first[0],
            last_seq=self._last[0],
            first_ms=self._first[1],
            last_ms=self._last[1],
            first_slot=self._slots[0] if self._slots else None,
            last_slot=self._slots[1] if self._slots else None,
            run_id=self._run_id,
            digest=self._digest.hexdigest(),
            marks=tuple(self._marks),
        )


def contents(row: Row) -> bytes:
    return row.raw if row.raw is not None else (row.event or "").encode()


def seal(path: Path) -> Path | None:
    """The Parquet file; None where the open one held no record, and is gone. Raises Garbled, OSError."""
    sealed = path.with_suffix(".parquet")
    if sealed.exists():  # the last attempt came as far as the renaming
        path.unlink()
        return sealed
    try:
        head, frames = read_log(path)
    except Headless:
        path.unlink()
        return None
    tally = Tally(head.maker.run_id)
    parts = [_part(rows, head, tally) for rows in frames if rows]
    info = tally.info()
    if info is None:
        path.unlink()
        return None
    beside = path.with_suffix(".part")
    pl.concat(parts).write_parquet(
        beside,
        compression="zstd",
        compression_level=LEVEL,
        row_group_size=ROW_GROUP,
        metadata={KEY: msgspec.json.encode(info).decode()},
    )
    _durable(beside)
    beside.chmod(0o600)
    beside.rename(sealed)
    _durable(path.parent)
    path.unlink()
    return sealed


def read_info(path: Path) -> SegmentInfo:
    """What a sealed segment says of itself; raises Garbled."""
    try:
        said = pl.read_parquet_metadata(path).get(KEY, "")
        info = msgspec.json.decode(said, type=SegmentInfo)
    except FileNotFoundError:
        raise
    except (pl.exceptions.PolarsError, OSError, msgspec.DecodeError) as error:
        raise Garbled(WHO, f"{path.name}: no segment of a recording: {str(error).splitlines()[0]}") from None
    if info.schema_version != SCHEMA_VERSION:
        raise Garbled(WHO, f"{path.name}: version {info.schema_version}, and we read {SCHEMA_VERSION}")
    return info


def _part(rows: Iterable[Row], head: SegmentHead, tally: Tally) -> pl.DataFrame:
    """A frame's rows as columns."""
    rows = list(rows)
    for row in rows:
        tally.add(row.seq, row.at_ms, row.slot, row.kind, contents(row))
    count = len(rows)
    # constants become runs, which cost a file nothing
    return pl.DataFrame(
        {
            "schema_version": [head.schema_version] * count,
            "ts_unix_ms": [row.at_ms for row in rows],
            "component": [head.maker.component] * count,
            "build": [head.maker.build] * count,
            "run_id": [head.maker.run_id] * count,
            "event_id": [row.event_id for row in rows],
            "source": [row.source for row in rows],
            "slot": [row.slot for row in rows],
            "kind": [row.kind for row in rows],
            "seq": [row.seq for row in rows],
            "payload": [row.event for row in rows],
            "raw": [row.raw for row in rows],
        },
        schema=SCHEMA,
    )


def _durable(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main() -> None:
    os.nice(10)
    try:
        for name in sys.argv[1:]:
            seal(Path(name))
    except (Garbled, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
