"""What a chain says, before any venue has read it: accounts, transactions, slots."""

from enum import StrEnum

import msgspec

from chimera.domain.ids import Address, Signature, Slot


class Commitment(StrEnum):
    PROCESSED = "processed"
    CONFIRMED = "confirmed"
    FINALIZED = "finalized"


class SlotStatus(StrEnum):
    PROCESSED = "processed"
    CONFIRMED = "confirmed"
    FINALIZED = "finalized"
    DEAD = "dead"


class Account(msgspec.Struct, frozen=True):
    """One account's state."""

    address: Address
    owner: Address
    lamports: int
    data: bytes


class AccountUpdate(msgspec.Struct, frozen=True, tag=True):
    account: Account
    slot: Slot
    write_version: int
    """Orders writes within a slot; 0 for what was read by RPC."""
    signature: Signature | None = None
    """The transaction that wrote it."""


class Instruction(msgspec.Struct, frozen=True):
    """An executed instruction, accounts resolved."""

    program: Address
    accounts: tuple[Address, ...]
    data: bytes
    depth: int = 0
    """0 for what the transaction itself says, 1 and more for inner instructions."""


class TokenBalance(msgspec.Struct, frozen=True):
    account: Address
    mint: Address
    owner: Address
    amount: int
    decimals: int


class TransactionUpdate(msgspec.Struct, frozen=True, tag=True):
    """An executed transaction with its metadata; `error` is None where it succeeded."""

    signature: Signature
    slot: Slot
    index: int
    accounts: tuple[Address, ...]
    """Static keys, then the loaded writable, then the loaded read-only ones; the fee payer first."""
    instructions: tuple[Instruction, ...]
    """In order of execution: each outer one followed by its inner ones."""
    fee_lamports: int
    pre_lamports: tuple[int, ...]
    post_lamports: tuple[int, ...]
    pre_tokens: tuple[TokenBalance, ...]
    post_tokens: tuple[TokenBalance, ...]
    logs: tuple[str, ...]
    compute_units: int
    error: str | None = None
    block_time: int | None = None

    @property
    def fee_payer(self) -> Address:
        return self.accounts[0]


class SlotUpdate(msgspec.Struct, frozen=True, tag=True):
    slot: Slot
    parent: Slot | None
    status: SlotStatus


class BlockUpdate(msgspec.Struct, frozen=True, tag=True):
    """Block metadata."""

    slot: Slot
    blockhash: str
    block_height: int
    block_time: int
    transactions: int = 0


class FeedGap(msgspec.Struct, frozen=True, tag=True):
    """Slots of which something may be missing; both ends included."""

    first_slot: Slot
    last_slot: Slot
    cause: str


class GapClosed(msgspec.Struct, frozen=True, tag=True):
    """What became of a FeedGap: its slots have come after all (`filled`), or cannot be had any more."""

    first_slot: Slot
    last_slot: Slot
    filled: bool


FeedItem = AccountUpdate | TransactionUpdate | SlotUpdate | BlockUpdate | FeedGap | GapClosed


class AccountMeta(msgspec.Struct, frozen=True):
    address: Address
    is_signer: bool
    is_writable: bool


class InstructionCall(msgspec.Struct, frozen=True):
    """An instruction to be sent."""

    program: Address
    accounts: tuple[AccountMeta, ...]
    data: bytes


class Blockhash(msgspec.Struct, frozen=True):
    blockhash: str
    last_valid_block_height: int
    slot: Slot


class Simulation(msgspec.Struct, frozen=True):
    """What a transaction would do; `error` is None where it would succeed."""

    slot: Slot
    error: str | None
    logs: tuple[str, ...]
    compute_units: int
    accounts: tuple[Account | None, ...] = ()
    """State after it, of the accounts that were asked for, in that order."""


class SignatureStatus(msgspec.Struct, frozen=True):
    """What a node knows of a signature; `error` must be read before `commitment` means anything."""

    slot: Slot
    commitment: Commitment
    error: str | None
    confirmations: int | None = None
    """Blocks on top of its own; None once it is rooted, or where the node does not count."""


class SignatureSeen(msgspec.Struct, frozen=True):
    """A transaction in an address's history, without its contents."""

    signature: Signature
    slot: Slot
    error: str | None
