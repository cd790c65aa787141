"""What strategies hear of the market: decoded, ordered, integer.

How an event gets its header where it leaves the process: `domain.record`.
"""

from enum import StrEnum

import msgspec

from chimera.domain.ids import Address, Slot
from chimera.domain.pool import PoolHeader, Swap
from chimera.domain.token import TokenInfo


class EventSource(StrEnum):
    GEYSER = "geyser"
    RPC = "rpc"
    WS = "ws"


class PoolCreated(msgspec.Struct, frozen=True, tag=True):
    """A pool is known completely for the first time."""

    pool: PoolHeader
    slot: Slot
    at_ms: int
    source: EventSource = EventSource.GEYSER


class PoolUpdated(msgspec.Struct, frozen=True, tag=True):
    """A pool's tradable reserves changed."""

    pool: PoolHeader
    reserve_a: int
    reserve_b: int
    slot: Slot
    at_ms: int
    source: EventSource = EventSource.GEYSER


class Trade(msgspec.Struct, frozen=True, tag=True):
    """Somebody swapped."""

    swap: Swap
    at_ms: int


class TokenMintInfo(msgspec.Struct, frozen=True, tag=True):
    token: TokenInfo
    at_ms: int
    source: EventSource = EventSource.GEYSER


class SlotAdvanced(msgspec.Struct, frozen=True, tag=True):
    slot: Slot
    at_ms: int


class WalletBalance(msgspec.Struct, frozen=True, tag=True):
    """Our own balance of one mint; native SOL under the System Program's address, wSOL under its mint."""

    owner: Address
    mint: Address
    account: Address
    amount: int
    slot: Slot
    at_ms: int
    source: EventSource = EventSource.GEYSER


class MarketGap(msgspec.Struct, frozen=True, tag=True):
    """Something may have been missed in these slots; both ends included."""

    first_slot: Slot
    last_slot: Slot
    cause: str
    at_ms: int


class PoolQuarantined(msgspec.Struct, frozen=True, tag=True):
    """Bytes of a pool could not be read: it is not bought from until they can. Exits stay possible."""

    venue: str
    pool: Address
    role: str
    """The account's role in the pool, or `transaction`."""
    cause: str
    slot: Slot
    at_ms: int


class PoolReleased(msgspec.Struct, frozen=True, tag=True):
    """What could not be read reads well again."""

    venue: str
    pool: Address
    role: str
    slot: Slot
    at_ms: int


MarketEvent = (
    PoolCreated
    | PoolUpdated
    | Trade
    | TokenMintInfo
    | SlotAdvanced
    | WalletBalance
    | MarketGap
    | PoolQuarantined
    | PoolReleased
)
