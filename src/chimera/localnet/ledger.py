"""The embedded chain's memory: blocks and the transactions in them, with their full metadata.

It knows nothing of accounts' present state or of commitments; it forgets the oldest blocks beyond its limit,
as a node without a long-term store does, and whatever a fork undid.
"""

from collections import deque
from collections.abc import Iterator, Sequence

import msgspec
from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import InnerInstruction


class TokenBalance(msgspec.Struct, frozen=True):
    account_index: int
    mint: Pubkey
    owner: Pubkey
    program: Pubkey
    amount: int
    decimals: int


class TransactionError(msgspec.Struct, frozen=True):
    """Why a transaction failed, in the two forms that a node gives it."""

    json: object
    """As JSON-RPC says it: a string, or an object such as {"InstructionError": [0, {"Custom": 1}]}."""
    bincode: bytes
    """As Geyser says it."""


class TransactionRecord(msgspec.Struct, frozen=True):
    """An executed transaction, failed ones included: it is in a block and its fee was charged."""

    signature: Signature
    slot: int
    index: int
    """Its place in the slot, from 0."""
    wire: bytes
    transaction: VersionedTransaction
    keys: tuple[Pubkey, ...]
    """Static keys, then the loaded writable, then the loaded read-only ones; the fee payer first."""
    loaded_writable: tuple[Pubkey, ...]
    loaded_readonly: tuple[Pubkey, ...]
    error: TransactionError | None
    fee: int
    pre_balances: tuple[int, ...]
    post_balances: tuple[int, ...]
    pre_token_balances: tuple[TokenBalance, ...]
    post_token_balances: tuple[TokenBalance, ...]
    inner: tuple[tuple[int, tuple[InnerInstruction, ...]], ...]
    """(index of the outer instruction, what it called); outer instructions that called nothing are left out."""
    logs: tuple[str, ...]
    compute_units: int
    return_program: Pubkey | None
    return_data: bytes
    bundle_id: str | None = None


class Block(msgspec.Struct, frozen=True):
    slot: int
    parent: int
    height: int
    blockhash: Hash
    previous_blockhash: Hash
    time: int
    """Unix seconds."""
    transactions: tuple[TransactionRecord, ...]


class Ledger:
    """Blocks by slot, transactions by signature and by address."""

    def __init__(self, *, transactions_max: int) -> None:
        self._transactions_max = transactions_max
        self._by_signature: dict[Signature, TransactionRecord] = {}
        self._by_address: dict[Pubkey, deque[TransactionRecord]] = {}
        self._blocks: dict[int, Block] = {}
        self.transactions_total = 0

    @property
    def first_slot(self) -> int:
        """The oldest block still known."""
        return next(iter(self._blocks), 0)

    def add(self, record: TransactionRecord) -> None:
        self._by_signature[record.signature] = record
        for key in dict.fromkeys(record.keys):
            known = self._by_address.get(key)
            if known is None:
                known = self._by_address[key] = deque()
            known.append(record)
        self.transactions_total += 1

    def seal(self, block: Block) -> None:
        """Keeps the block, and forgets the oldest ones beyond the limit."""
        self._blocks[block.slot] = block
        while len(self._by_signature) > self._transactions_max and len(self._blocks) > 1:
            oldest = self._blocks.pop(next(iter(self._blocks)))
            for record in oldest.transactions:
                self._forget(record)

    def undo(self, slot: int, records: Sequence[TransactionRecord]) -> None:
        """Forgets a slot that died in a fork, the newest transaction first."""
        self._blocks.pop(slot, None)
        for record in reversed(records):
            self._forget(record)
            self.transactions_total -= 1

    def transaction(self, signature: Signature) -> TransactionRecord | None:
        return self._by_signature.get(signature)

    def block(self, slot: int) -> Block | None:
        return self._blocks.get(slot)

    def blocks(self, first: int, last: int) -> list[int]:
        """Slots with a block, both ends included, ascending."""
        return [slot for slot in self._blocks if first <= slot <= last]

    def newest_first(self, address: Pubkey) -> Iterator[TransactionRecord]:
        """Transactions that mention the address."""
        return reversed(self._by_address.get(address, deque()))

    def _forget(self, record: TransactionRecord) -> None:
        self._by_signature.pop(record.signature, None)
        for key in dict.fromkeys(record.keys):
            known = self._by_address.get(key)
            if known is None:
                continue
            # Only ever the oldest (eviction) or the newest (fork) one goes, so an end of the deque has it.
            if known and known[0] is record:
                known.popleft()
            elif known and known[-1] is record:
                known.pop()
            if not known:
                del self._by_address[key]
