"""A recording read back: a folder of segments as one stream, in bounded memory, also while it is being written.

Sealed segments are Parquet and are read a row group at a time; what an interrupted process left open, or what is
being written now, is read frame by frame. Must not know what the records mean.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from chimera.adapters.recording_log import Headless, read_log
from chimera.adapters.recording_rows import (
    BROKEN,
    READ_EVENT,
    READ_RAW,
    SNAPSHOT_BEGAN,
    SNAPSHOT_ENDED,
    WHO,
    Row,
    recorded,
)
from chimera.adapters.recording_seal import ROW_GROUP, Mark, SegmentInfo, Tally, contents, read_info
from chimera.domain.errors import ConfigError, Garbled
from chimera.domain.recording import Recorded, RecordingBroken
from chimera.ports.recording import RecordingInfo, Snapshot, Wanted

OPEN, SEALED = ".open", ".parquet"
NAME_DIGITS = 20  # as many as a u64 has: names sort as numbers do
DECODED_AT_ONCE = (
    32  # few enough to stay in the cache: a transaction with its metadata is some 20 kB of objects
)


def segments(folder: Path) -> list[Path]:
    """The segment files, oldest first; one that is just being sealed once, as what it was."""
    found = {path.stem: path for path in folder.glob(f"[0-9]*{OPEN}")}
    found |= {path.stem: path for path in folder.glob(f"[0-9]*{SEALED}")}
    return [found[name] for name in sorted(found)]


def recordings_below(folder: Path) -> list[Path]:
    """Folders of recordings: this one and those in it."""
    files = [path for suffix in (OPEN, SEALED) for path in folder.rglob(f"{'[0-9]' * NAME_DIGITS}{suffix}")]
    return sorted({path.parent for path in files})


def last_record(folder: Path) -> tuple[int, int] | None:
    """(number, time) of the last one; None where there is none. Raises Garbled."""
    for path in reversed(segments(folder)):
        info = segment_info(path)
        if info is not None:
            return info.last_seq, info.last_ms
    return None


def segment_info(path: Path) -> SegmentInfo | None:
    """What is in a segment; of an open one by reading it. None for one without a record. Raises Garbled."""
    if path.suffix == OPEN:
        try:
            return _tally(path)
        except FileNotFoundError:  # sealed meanwhile
            path = path.with_suffix(SEALED)
    return read_info(path)


def verify_segment(path: Path) -> SegmentInfo | None:
    """What is in a segment, after reading every record of it; raises Garbled where it is not what was written."""
    if path.suffix == OPEN:
        return _tally(path, decode=True)
    told, tally = read_info(path), Tally("")
    for frame in _parquet(path, told, ["seq", "ts_unix_ms", "slot", "kind", "payload", "raw"]):
        for seq, at_ms, slot, kind, event, raw in frame.iter_rows():
            tally.add(seq, at_ms, slot, kind, raw if raw is not None else (event or "").encode())
            recorded(seq, at_ms, event, raw)
    found = tally.info()
    if found is None or (found.records, found.digest) != (told.records, told.digest):
        raise Garbled(WHO, f"{path.name}: its records are not those that were written")
    return told


class RecordingFolder:
    """`ports.recording.RecordingReader` over a folder."""

    def __init__(self, folder: Path) -> None:
        """Raises ConfigError where there is no recording."""
        self._folder = folder
        if not segments(folder):
            raise ConfigError(f"no recording in {folder}")

    def info(self) -> RecordingInfo:
        paths = segments(self._folder)
        known = self._known(paths)
        infos = [info for _, info in known]
        if not infos:
            raise ConfigError(f"the recording in {self._folder} holds no record yet")
        slots = [slot for info in infos for slot in (info.first_slot, info.last_slot) if slot is not None]
        return RecordingInfo(
            records=sum(info.records for info in infos),
            first_seq=infos[0].first_seq,
            last_seq=infos[-1].last_seq,
            first_ms=infos[0].first_ms,
            last_ms=infos[-1].last_ms,
            first_slot=min(slots, default=None),
            last_slot=max(slots, default=None),
            bytes=sum(_size(path) for path in paths),
            snapshots=tuple(_snapshots(_marks(known))),
            whole=not any(mark.kind == BROKEN for mark in _marks(known)),
        )

    def read(
        self,
        *,
        wanted: Wanted = Wanted.ALL,
        from_ms: int | None = None,
        to_ms: int | None = None,
        kinds: Collection[str] = (),
    ) -> Iterator[Recorded]:
        known = self._known(segments(self._folder))
        first_seq = known[0][1].first_seq if known else 0
        if from_ms is not None and wanted is not Wanted.EVENTS:
            whole = [snapshot for snapshot in _snapshots(_marks(known)) if snapshot.to_ms <= from_ms]
            first_seq = whole[-1].first_seq if whole else first_seq
        return _read(known, _Wish(wanted, first_seq, frozenset(kinds), from_ms, to_ms))

    def _known(self, paths: list[Path]) -> list[tuple[Path, SegmentInfo]]:
        return [(path, info) for path in paths if (info := segment_info(path)) is not None]


class _Wish(msgspec.Struct, frozen=True):
    """Which rows of a segment."""

    wanted: Wanted
    first_seq: int
    kinds: frozenset[str]
    """Empty: all."""
    from_ms: int | None
    to_ms: int | None

    def takes(self, row: Row) -> bool:
        if row.seq < self.first_seq or (self.kinds and row.kind not in self.kinds):
            return False
        if self.to_ms is not None and row.at_ms > self.to_ms:
            return False
        if row.raw is None:
            return self.wanted is not Wanted.RAW and (self.from_ms is None or row.at_ms >= self.from_ms)
        return self.wanted is not Wanted.EVENTS

    def filters(self) -> list[pl.Expr]:
        """The same, but for the number, for a table."""
        found: list[pl.Expr] = []
        if self.wanted is not Wanted.ALL:
            found.append(pl.col("raw" if self.wanted is Wanted.RAW else "payload").is_not_null())
        if self.kinds:
            found.append(pl.col("kind").is_in(sorted(self.kinds)))
        if self.to_ms is not None:
            found.append(pl.col("ts_unix_ms") <= self.to_ms)
        if self.from_ms is not None and self.wanted is not Wanted.RAW:
            late = pl.col("ts_unix_ms") >= self.from_ms
            found.append(late if self.wanted is Wanted.EVENTS else late | pl.col("raw").is_not_null())
        return found


class _Page(msgspec.Struct, frozen=True):
    """Some rows, as columns; `events` or `raws` is empty where none of them was wanted."""

    seqs: list[int]
    times: list[int]
    events: list[str | None]
    raws: list[bytes | None]

    def records(self) -> Iterator[Recorded]:
        for start in range(0, len(self.seqs), DECODED_AT_ONCE):
            part = slice(start, start + DECODED_AT_ONCE)
            yield from map(Recorded, self.seqs[part], self.times[part], self._items(part))

    def _items(self, part: slice) -> list[Any]:
        """All at once, since a loop of ours a record would cost as much as the decoding."""
        events, raws = self.events[part], self.raws[part]
        try:
            if not events:
                return list(map(READ_RAW, raws))  # type: ignore[arg-type]
            if not raws:
                return list(map(READ_EVENT, events))  # type: ignore[arg-type]
            return [
                READ_EVENT(event) if raw is None else READ_RAW(raw)  # type: ignore[arg-type]
                for event, raw in zip(events, raws, strict=True)
            ]
        except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
            nothing = [None] * len(self.seqs[part])
            rows = zip(self.seqs[part], self.times[part], events or nothing, raws or nothing, strict=True)
            for seq, at_ms, event, raw in rows:
                recorded(seq, at_ms, event, raw)  # raises, and says which
            raise


def _read(known: list[tuple[Path, SegmentInfo]], wish: _Wish) -> Iterator[Recorded]:
    expected: int | None = None
    for path, info in known:
        if info.last_seq < wish.first_seq:
            continue
        if wish.to_ms is not None and info.first_ms > wish.to_ms:
            return
        if expected is not None and info.first_seq != expected:
            lost = info.first_seq - expected
            yield Recorded(expected, info.first_ms, RecordingBroken("records are missing", lost))
        expected = info.last_seq + 1
        for page in _pages(path, info, wish):
            yield from page.records()


def _pages(path: Path, info: SegmentInfo, wish: _Wish) -> Iterator[_Page]:
    if path.suffix == OPEN:
        try:
            _, frames = read_log(path)
            for frame in frames:
                rows = [row for row in frame if wish.takes(row)]
                yield _Page(
                    [row.seq for row in rows],
                    [row.at_ms for row in rows],
                    [] if wish.wanted is Wanted.RAW else [row.event for row in rows],
                    [] if wish.wanted is Wanted.EVENTS else [row.raw for row in rows],
                )
        except FileNotFoundError:
            path = path.with_suffix(SEALED)  # sealed since we looked
        else:
            return
    filters = wish.filters()
    columns = ["seq", "ts_unix_ms"]
    columns += [] if wish.wanted is Wanted.RAW else ["payload"]
    columns += [] if wish.wanted is Wanted.EVENTS else ["raw"]
    columns += ["kind"] if wish.kinds else []
    for part in _parquet(path, info, columns, wish.first_seq):
        table = part.filter(filters) if filters else part
        yield _Page(
            table["seq"].to_list(),
            table["ts_unix_ms"].to_list(),
            [] if wish.wanted is Wanted.RAW else table["payload"].to_list(),
            [] if wish.wanted is Wanted.EVENTS else table["raw"].to_list(),
        )


def _parquet(path: Path, info: SegmentInfo, columns: list[str], first_seq: int = 0) -> Iterator[pl.DataFrame]:
    """A row group at a time, from the one with `first_seq` on."""
    skipped = max(0, first_seq - info.first_seq)  # within a segment numbers have no holes
    try:
        scan = pl.scan_parquet(path).select(columns)
        for start in range(skipped // ROW_GROUP * ROW_GROUP, info.records, ROW_GROUP):
            skip = max(0, skipped - start)
            yield scan.slice(start + skip, ROW_GROUP - skip).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise Garbled(WHO, f"{path.name}: {str(error).splitlines()[0]}") from None


def _tally(path: Path, *, decode: bool = False) -> SegmentInfo | None:
    try:
        head, frames = read_log(path)
    except Headless:
        return None
    tally = Tally(head.maker.run_id)
    for rows in frames:
        for row in rows:
            tally.add(row.seq, row.at_ms, row.slot, row.kind, contents(row))
            if decode:
                recorded(row.seq, row.at_ms, row.event, row.raw)
    return tally.info()


def _marks(known: list[tuple[Path, SegmentInfo]]) -> list[Mark]:
    """Of all segments; where records between two are missing, that is a mark too."""
    found: list[Mark] = []
    expected: int | None = None
    for _, info in known:
        if expected is not None and info.first_seq != expected:
            found.append(Mark(expected, info.first_ms, BROKEN))
        found += info.marks
        expected = info.last_seq + 1
    return found


def _snapshots(marks: list[Mark]) -> Iterator[Snapshot]:
    """Those that are whole: begun, ended, and nothing missing between."""
    began: Mark | None = None
    for mark in marks:
        if mark.kind == SNAPSHOT_BEGAN:
            began = mark
        elif mark.kind == BROKEN:
            began = None
        elif mark.kind == SNAPSHOT_ENDED and began is not None:
            yield Snapshot(began.seq, mark.seq, began.at_ms, mark.at_ms)
            began = None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return path.with_suffix(SEALED).stat().st_size
