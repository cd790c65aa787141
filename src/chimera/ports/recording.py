"""How recordings are written, and read: in order, a little at a time, faster than they came.

A reader who begins at the first record, or at a snapshot, folds the raw items with `market.replay.MarketReplay` and
has the view that the live process had. Beside them stand the events that it decoded then.
"""

from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import msgspec

from chimera.domain.chain import SlotStatus, SlotUpdate
from chimera.domain.ids import Slot
from chimera.domain.market import MarketEvent
from chimera.domain.recording import Observed, Recorded, RecordingBroken


class Wanted(StrEnum):
    """What is read; what is not wanted is not even decoded."""

    ALL = "all"
    RAW = "raw"
    """Accounts, transactions, slots, blocks, gaps, snapshots."""
    EVENTS = "events"
    """Decoded market events, as they were published."""


class Snapshot(msgspec.Struct, frozen=True):
    """Where a reader may begin."""

    first_seq: int
    last_seq: int
    from_ms: int
    to_ms: int
    """From here on the market is known whole."""


class RecordingInfo(msgspec.Struct, frozen=True):
    """What there is, without reading it all."""

    records: int
    first_seq: int
    last_seq: int
    first_ms: int
    last_ms: int
    first_slot: int | None
    last_slot: int | None
    bytes: int
    """On disk."""
    snapshots: tuple[Snapshot, ...]
    whole: bool
    """Whether every record from the first to the last is there; if not, a RecordingBroken is read in their place."""


class RecordingReader(Protocol):
    """Holds a few thousand records in memory at a time, however long the recording is."""

    def info(self) -> RecordingInfo:
        """Raises ConfigError where there is no recording."""
        ...

    def read(
        self,
        *,
        wanted: Wanted = Wanted.ALL,
        from_ms: int | None = None,
        to_ms: int | None = None,
        kinds: Collection[str] = (),
    ) -> Iterator[Recorded]:
        """Records in the order in which they were made; both ends included.

        With `from_ms`, raw records begin earlier: at the last snapshot that was complete by then, or at the first
        record where there is none. Whoever trades on them begins at `from_ms` and folds what comes before.
        `kinds` are names of types, none: all. A hole in the numbering is read as a RecordingBroken, whatever is
        asked for. Raises ConfigError where there is no recording, Garbled where a record cannot be read.
        """
        ...


class Written(msgspec.Struct, frozen=True):
    """What became of some rows."""

    records: int
    bytes: int
    """On disk."""
    full: bool
    """Whether the segment is to be rotated."""


class RecordingSink(Protocol):
    """Where records go. `encode` is quick; `append`, `rotate`, `retain` and `close` block and want a thread."""

    unsealed: list[Path]
    """Segments that an earlier run, or a failing disk, left open; whoever seals one takes it from here."""
    resumes: RecordingBroken | None
    """What the first record must say, where there are earlier ones."""

    def encode(self, message: Observed | MarketEvent) -> bytes:
        """A numbered row, to be appended in the order of encoding."""
        ...

    def append(self, rows: list[bytes], *, at_ms: int) -> Written:
        """Safe from a kill of this process afterwards. Raises Unreachable: these rows are gone, the next may do."""
        ...

    def rotate(self) -> Path | None:
        """Ends the segment; None where there is none. Raises Unreachable."""
        ...

    async def seal(self, path: Path) -> None:
        """Turns an ended segment into its final form, in another process. Raises Unreachable; it stays readable."""
        ...

    def retain(self, *, at_ms: int) -> list[Path]:
        """Removes what is too old or too much, oldest first, and says what."""
        ...

    def close(self) -> Path | None:
        """Ends the segment and leaves the folder to others."""
        ...


class SlotRecords(msgspec.Struct, frozen=True):
    """What was received until a slot was told to be processed; what came late stands in a later one."""

    slot: Slot
    at_ms: int
    """When it was told."""
    records: tuple[Recorded, ...]
    """In order; the slot's own status is the last raw one, the SlotAdvanced it made may follow."""


def by_slot(records: Iterable[Recorded]) -> Iterator[SlotRecords]:
    """The records cut after each processed slot; those after the last one are left out, since they are not whole."""
    waiting: list[Recorded] = []
    ended: Recorded | None = None
    for record in records:
        item = record.item
        if ended is not None and type(item).__module__ != MARKET_EVENTS:
            yield _cut(ended, waiting)
            waiting, ended = [], None
        waiting.append(record)
        if isinstance(item, SlotUpdate) and item.status is SlotStatus.PROCESSED:
            ended = record
    if ended is not None:
        yield _cut(ended, waiting)


MARKET_EVENTS = "chimera.domain.market"  # where decoded events live: they follow the item that made them


def _cut(ended: Recorded, waiting: list[Recorded]) -> SlotRecords:
    assert isinstance(ended.item, SlotUpdate)  # noqa: S101 - by_slot's own doing
    return SlotRecords(ended.item.slot, ended.at_ms, tuple(waiting))
