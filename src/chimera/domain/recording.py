"""What a recording holds beside the decoded events: everything by which the market view was changed, in its order.

Whoever folds these items again with the same venues (`market.replay`) has the same view and the same events.
"""

import msgspec

from chimera.domain.chain import FeedItem
from chimera.domain.ids import Slot
from chimera.domain.market import MarketEvent
from chimera.domain.snapshot import PoolSnapshot
from chimera.domain.token import TokenInfo


class Bootstrapped(msgspec.Struct, frozen=True, tag=True):
    """All pools have been read from a node; the stream goes on from here."""

    slot: Slot


class SnapshotBegan(msgspec.Struct, frozen=True, tag=True):
    """The whole market follows, a pool at a time, between items of the stream: a reader may begin here."""

    slot: Slot
    """The newest processed slot."""
    slot_at_ms: int


class MintSnapshot(msgspec.Struct, frozen=True, tag=True):
    token: TokenInfo


class PoolReread(msgspec.Struct, frozen=True, tag=True):
    """A pool in doubt was read anew from a node, and is now this."""

    snapshot: PoolSnapshot
    doubts: tuple[str, ...]
    """Of the stream, those that are left."""


class SnapshotEnded(msgspec.Struct, frozen=True, tag=True):
    """From here on a reader who began with this snapshot knows the market whole."""

    slot: Slot
    pools: int
    mints: int


class RecordingBroken(msgspec.Struct, frozen=True, tag=True):
    """Something is missing before this: the recorder was away, could not keep up, or records are gone."""

    cause: str
    lost: int | None = None
    """How many records; None where nobody knows."""


RawItem = (
    FeedItem
    | PoolSnapshot
    | PoolReread
    | Bootstrapped
    | SnapshotBegan
    | MintSnapshot
    | SnapshotEnded
    | RecordingBroken
)
"""What the stream brought and the sequencer let pass, what a node answered (`write_version` 0), and the marks
between which the whole market stands."""


class Observed(msgspec.Struct, frozen=True):
    """An item at the moment at which it was folded."""

    item: RawItem
    at_ms: int


class Recorded(msgspec.Struct, frozen=True):
    """One record as it is read back."""

    seq: int
    """Counts all records of a recording, over restarts; a step larger than one means that some are gone."""
    at_ms: int
    item: RawItem | MarketEvent
