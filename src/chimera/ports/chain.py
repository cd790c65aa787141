"""The chain as the house meets it: a feed of what happened, and a node to ask and to send through."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

import msgspec

from chimera.domain.chain import (
    Account,
    Blockhash,
    Commitment,
    FeedItem,
    SignatureSeen,
    SignatureStatus,
    Simulation,
    TransactionUpdate,
)
from chimera.domain.errors import Unreachable
from chimera.domain.ids import Address, Signature
from chimera.domain.units import Lamports
from chimera.ports.venue import AccountFilter


class Subscription(msgspec.Struct, frozen=True):
    """One merged wish: everything that the house wants streamed."""

    accounts: tuple[AccountFilter, ...] = ()
    addresses: tuple[Address, ...] = ()
    """Single accounts beside the filters."""
    transactions: tuple[Address, ...] = ()
    """Transactions that mention any of these; failed ones included, votes not."""
    commitment: Commitment = Commitment.PROCESSED


class Feed(Protocol):
    """A stream of chain facts. Slots and block metadata always come along."""

    def subscribe(self, wanted: Subscription, *, from_slot: int | None = None) -> AsyncIterator[FeedItem]:
        """Items as they arrive, until cancelled.

        Raises Unreachable when the stream ends or falls silent for longer than the feed's limit,
        Rejected when `from_slot` is too old, Garbled for what cannot be read.
        """
        ...

    async def change(self, wanted: Subscription) -> None:
        """Replaces the wish on the running stream, without a gap."""
        ...


class Chain(Protocol):
    """A node. Every call raises OutsideError children; a time-out is Unreachable, which means: unknown."""

    async def accounts(
        self, addresses: Sequence[Address], *, commitment: Commitment = Commitment.PROCESSED
    ) -> tuple[int, tuple[Account | None, ...]]:
        """(slot, accounts in the order asked for; None where there is none)."""
        ...

    async def program_accounts(self, wanted: AccountFilter) -> tuple[int, tuple[Account, ...]]:
        """(slot, matching accounts): bootstrap only, never in steady operation."""
        ...

    async def token_accounts(self, owner: Address) -> tuple[int, tuple[Account, ...]]:
        """(slot, token accounts of both token programs that `owner` owns)."""
        ...

    async def slot(self, *, commitment: Commitment = Commitment.PROCESSED) -> int: ...

    async def block_height(self, *, commitment: Commitment = Commitment.CONFIRMED) -> int: ...

    async def latest_blockhash(self) -> Blockhash: ...

    async def simulate(self, transaction: bytes, *, accounts: Sequence[Address] = ()) -> Simulation:
        """Runs it on the node's processed state, signatures unchecked, blockhash replaced."""
        ...

    async def send(self, transaction: bytes) -> Signature:
        """Hands the bytes over. Unreachable says nothing about whether they will land."""
        ...

    async def statuses(self, signatures: Sequence[Signature]) -> tuple[SignatureStatus | None, ...]:
        """None where the node does not know it; where that is not sure of all of them, raises PartlyKnown."""
        ...

    async def transaction(self, signature: Signature) -> TransactionUpdate | None:
        """The confirmed transaction with its metadata, or None while there is none."""
        ...

    async def signatures_of(
        self, address: Address, *, after_slot: int, pages_max: int = 20
    ) -> tuple[SignatureSeen, ...]:
        """Confirmed transactions that mention an address, in slots above `after_slot`, oldest first.

        Raises Garbled where there are more than so many pages of 1,000: then the answer would have a hole.
        """
        ...

    async def rent_exempt_minimum(self, size: int) -> int: ...


class PartlyKnown(Unreachable):
    """Some statuses were read, and of the others it is unknown whether the chain has them."""

    def __init__(self, who: str, what: str, known: Mapping[Signature, SignatureStatus]) -> None:
        super().__init__(who, what)
        self.known = known


class FeeSource(Protocol):
    async def priority_fees(self, written: Sequence[Address]) -> tuple[int, ...]:
        """The least micro-lamports a compute unit that landed, slot by slot, writing all of these accounts."""
        ...


class TipFloor(msgspec.Struct, frozen=True):
    """Tips that landed lately, by percentile. Rounded up to whole lamports: too low a tip buys nothing."""

    p25_lamports: Lamports
    p50_lamports: Lamports
    p75_lamports: Lamports
    p95_lamports: Lamports
    p99_lamports: Lamports
    ema_p50_lamports: Lamports


class BlockEngine(Protocol):
    """What a block engine answers beside taking bundles."""

    async def tip_accounts(self) -> tuple[Address, ...]: ...

    async def tip_floor(self) -> TipFloor: ...


class BundleLane(Protocol):
    """A block engine that lands all of a bundle or nothing."""

    async def send_bundle(self, transactions: Sequence[bytes]) -> str:
        """The bundle's id, which is no signature and says nothing about landing."""
        ...
