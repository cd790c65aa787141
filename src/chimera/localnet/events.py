"""What the embedded chain tells the fronts that listen: WebSocket subscriptions, Geyser, the block engine.

Every event is told synchronously while the chain is at work, in the order in which things happened, at
`processed`. A listener that serves a higher commitment waits for the `SlotChanged` of that slot and reads the
slot's contents from `EmbeddedChain.slot_state`. Listeners must be quick and must not call back into `submit`.
"""

from enum import StrEnum
from typing import Protocol

import msgspec
from solders.account import Account
from solders.pubkey import Pubkey
from solders.signature import Signature

from chimera.localnet.ledger import Block, TransactionRecord


class SlotPhase(StrEnum):
    CREATED = "created"
    """The slot began: transactions execute into it from now on."""
    PROCESSED = "processed"
    """Its block is sealed."""
    CONFIRMED = "confirmed"
    FINALIZED = "finalized"
    DEAD = "dead"
    """A fork left it behind; whatever it held is undone."""


class AccountWritten(msgspec.Struct, frozen=True):
    pubkey: Pubkey
    account: Account | None
    """None: the account is gone (a node tells it as zero lamports of the system program)."""
    slot: int
    write_version: int
    """Grows with every write of the whole chain, never repeats."""
    signature: Signature | None
    """The transaction that wrote it; None for a write by the chain itself."""


class TransactionExecuted(msgspec.Struct, frozen=True):
    record: TransactionRecord


class SlotChanged(msgspec.Struct, frozen=True):
    slot: int
    parent: int
    phase: SlotPhase


class BlockSealed(msgspec.Struct, frozen=True):
    block: Block


class ChainListener(Protocol):
    """Something that wants to hear of everything. Account writes come before their transaction."""

    def account_written(self, event: AccountWritten) -> None: ...

    def transaction_executed(self, event: TransactionExecuted) -> None: ...

    def block_sealed(self, event: BlockSealed) -> None: ...

    def slot_changed(self, event: SlotChanged) -> None: ...


class ChainEvents:
    """The list of listeners. Not a queue: who needs one brings it, with its own limit."""

    def __init__(self) -> None:
        self._listeners: tuple[ChainListener, ...] = ()

    def add(self, listener: ChainListener) -> None:
        self._listeners = (*self._listeners, listener)

    def remove(self, listener: ChainListener) -> None:
        self._listeners = tuple(known for known in self._listeners if known is not listener)

    def account_written(self, event: AccountWritten) -> None:
        for listener in self._listeners:
            listener.account_written(event)

    def transaction_executed(self, event: TransactionExecuted) -> None:
        for listener in self._listeners:
            listener.transaction_executed(event)

    def block_sealed(self, event: BlockSealed) -> None:
        for listener in self._listeners:
            listener.block_sealed(event)

    def slot_changed(self, event: SlotChanged) -> None:
        for listener in self._listeners:
            listener.slot_changed(event)
