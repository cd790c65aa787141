"""A record as it lies in a file: the documented header, then what it says, decoded or raw.

Decoded events are JSON, for whoever opens the file with another tool; raw items are MessagePack, since they are
mostly bytes and only we read them. Must not know files.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from chimera.domain.chain import (
    AccountUpdate,
    BlockUpdate,
    FeedGap,
    GapClosed,
    SlotUpdate,
    TransactionUpdate,
)
from chimera.domain.errors import Garbled
from chimera.domain.market import MarketEvent
from chimera.domain.record import Maker, Record, record
from chimera.domain.recording import Observed, RawItem, Recorded

WHO = "recording"
SNAPSHOT_BEGAN, SNAPSHOT_ENDED, BROKEN = "SnapshotBegan", "SnapshotEnded", "RecordingBroken"
MARKS = frozenset({SNAPSHOT_BEGAN, SNAPSHOT_ENDED, BROKEN, "Bootstrapped"})
"""Kinds that a reader must find without reading everything."""
FROM_STREAM = SlotUpdate | BlockUpdate | TransactionUpdate | FeedGap | GapClosed


class Row(msgspec.Struct, frozen=True, array_like=True):
    seq: int
    at_ms: int
    slot: int | None
    kind: str
    source: str
    event_id: str | None
    """Of decoded events; raw items are told apart by what they say."""
    event: str | None
    raw: bytes | None


class RowEncoder:
    """Numbers records from `next_seq` on."""

    def __init__(self, maker: Maker, next_seq: int) -> None:
        self._maker, self.next_seq = maker, next_seq
        self._json, self._pack = msgspec.json.Encoder(), msgspec.msgpack.Encoder()

    def encode(self, message: Observed | MarketEvent) -> tuple[Row, bytes]:
        """The row, and its bytes; the number is taken."""
        row = self._row(message)
        self.next_seq += 1
        return row, self._pack.encode(row)

    def _row(self, message: Observed | MarketEvent) -> Row:
        if not isinstance(message, Observed):
            head: Record = record(message, self._maker, at_ms=message.at_ms)
            said = self._json.encode(message).decode()
            return Row(
                self.next_seq, message.at_ms, head.slot, head.kind, head.source, head.event_id, said, None
            )
        item = message.item
        return Row(
            seq=self.next_seq,
            at_ms=message.at_ms,
            slot=getattr(item, "slot", None),
            kind=type(item).__name__,
            source=self._source(item),
            event_id=None,
            event=None,
            raw=self._pack.encode(item),
        )

    def _source(self, item: RawItem) -> str:
        if isinstance(item, AccountUpdate):
            return "geyser" if item.write_version else "rpc"
        return "geyser" if isinstance(item, FROM_STREAM) else self._maker.component


def frame_body(rows: list[bytes]) -> bytes:
    """Encoded rows as one MessagePack array (array 32: 0xdd, then the count, big-endian)."""
    return b"\xdd" + len(rows).to_bytes(4, "big") + b"".join(rows)


def _decoder() -> tuple[Callable[[bytes], RawItem], Callable[[str], MarketEvent]]:
    raw: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(RawItem)
    event: msgspec.json.Decoder[Any] = msgspec.json.Decoder(MarketEvent)
    return raw.decode, event.decode


READ_RAW, READ_EVENT = _decoder()


def recorded(seq: int, at_ms: int, event: str | None, raw: bytes | None) -> Recorded:
    """The record of a row; raises Garbled."""
    try:
        if raw is not None:
            return Recorded(seq, at_ms, READ_RAW(raw))
        if event is not None:
            return Recorded(seq, at_ms, READ_EVENT(event))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Garbled(WHO, f"record {seq} cannot be read: {error}") from None
    raise Garbled(WHO, f"record {seq} says nothing")
