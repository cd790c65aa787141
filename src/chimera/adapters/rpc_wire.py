"""What a node's JSON-RPC answers look like, and how they become the house's own values.

Shapes of the wire only (one struct per answer, unknown fields ignored); no I/O, no limits, no retries.
Sources: https://solana.com/docs/rpc and the answers of Agave 3.x.
"""

import base64
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec

from chimera.domain.chain import (
    Account,
    Commitment,
    Instruction,
    SignatureStatus,
    TokenBalance,
    TransactionUpdate,
)
from chimera.domain.ids import Address, Signature, Slot
from chimera.onchain.keys import base58_decode

T = TypeVar("T")


class RpcError(msgspec.Struct, frozen=True):
    code: int
    message: str = ""
    data: Any = None


class Envelope(msgspec.Struct, Generic[T], frozen=True):
    """Either a result or an error; a result of null is a result."""

    result: T | msgspec.UnsetType | None = msgspec.UNSET
    error: RpcError | None = None


class Context(msgspec.Struct, frozen=True):
    slot: int


class InContext(msgspec.Struct, Generic[T], frozen=True):
    context: Context
    value: T


class WireAccount(msgspec.Struct, frozen=True):
    lamports: int
    owner: Address
    data: tuple[str, str]
    """(text, encoding); asked for in base64 only."""


class KeyedAccount(msgspec.Struct, frozen=True):
    pubkey: Address
    account: WireAccount


class WireBlockhash(msgspec.Struct, frozen=True, rename="camel"):
    blockhash: str
    last_valid_block_height: int


class WireSimulation(msgspec.Struct, frozen=True, rename="camel"):
    err: Any = None
    logs: list[str] | None = None
    units_consumed: int | None = None
    accounts: list[WireAccount | None] | None = None


class WirePrice(msgspec.Struct, frozen=True, rename="camel"):
    """Micro-lamports a compute unit, in one slot."""

    prioritization_fee: int


class WireStatus(msgspec.Struct, frozen=True, rename="camel"):
    slot: int
    err: Any = None
    confirmation_status: Commitment | None = None
    confirmations: int | None = None


class WireSignature(msgspec.Struct, frozen=True):
    """A line of getSignaturesForAddress."""

    signature: Signature
    slot: int
    err: Any = None


class WireInstruction(msgspec.Struct, frozen=True, rename="camel"):
    program_id_index: int
    accounts: list[int]
    data: str
    stack_height: int | None = None


class WireInner(msgspec.Struct, frozen=True):
    index: int
    instructions: list[WireInstruction]


class WireTokenAmount(msgspec.Struct, frozen=True):
    amount: str
    decimals: int


class WireTokenBalance(msgspec.Struct, frozen=True, rename="camel"):
    account_index: int
    mint: Address
    ui_token_amount: WireTokenAmount
    owner: Address | None = None


class LoadedAddresses(msgspec.Struct, frozen=True):
    writable: list[Address] = []
    readonly: list[Address] = []


class WireMeta(msgspec.Struct, frozen=True, rename="camel"):
    fee: int
    pre_balances: list[int]
    post_balances: list[int]
    err: Any = None
    inner_instructions: list[WireInner] | None = None
    pre_token_balances: list[WireTokenBalance] | None = None
    post_token_balances: list[WireTokenBalance] | None = None
    log_messages: list[str] | None = None
    loaded_addresses: LoadedAddresses | None = None
    compute_units_consumed: int | None = None


class WireMessage(msgspec.Struct, frozen=True, rename="camel"):
    account_keys: list[Address]
    instructions: list[WireInstruction]


class WireSigned(msgspec.Struct, frozen=True):
    signatures: list[Signature]
    message: WireMessage


class WireTransaction(msgspec.Struct, frozen=True, rename="camel"):
    slot: int
    transaction: WireSigned
    meta: WireMeta | None = None
    block_time: int | None = None
    transaction_index: int | None = None
    """Newer nodes only."""


def error_text(err: object) -> str | None:
    """Compact JSON of a transaction's error, as the Geyser side writes it; None for success."""
    return None if err is None else msgspec.json.encode(err).decode()


def account_from(address: Address, wire: WireAccount) -> Account:
    """Raises ValueError where the data is not the base64 that was asked for."""
    text, encoding = wire.data
    if encoding != "base64":
        raise ValueError(f"account data in {encoding}")
    return Account(address, wire.owner, wire.lamports, base64.b64decode(text, validate=True))


def status_from(wire: WireStatus) -> SignatureStatus:
    """Nodes from before 1.5 leave the commitment out; null confirmations then mean final."""
    commitment = wire.confirmation_status
    if commitment is None:
        commitment = Commitment.FINALIZED if wire.confirmations is None else Commitment.PROCESSED
    return SignatureStatus(Slot(wire.slot), commitment, error_text(wire.err), wire.confirmations)


def transaction_from(wire: WireTransaction) -> TransactionUpdate | None:
    """The transaction as the stream would have shown it; None where the node gives no metadata.

    Inner instructions follow their outer one. Raises IndexError or ValueError for places that do not exist.
    """
    meta = wire.meta
    if meta is None:
        return None
    message = wire.transaction.message
    loaded = meta.loaded_addresses or LoadedAddresses()
    keys = (*message.account_keys, *loaded.writable, *loaded.readonly)
    inner = {group.index: group.instructions for group in meta.inner_instructions or ()}
    instructions = []
    for index, outer in enumerate(message.instructions):
        instructions.append(_instruction(outer, keys, depth=0))
        for call in inner.get(index, ()):
            # The height counts from 1 for what the transaction itself says; old nodes leave it out.
            instructions.append(_instruction(call, keys, depth=(call.stack_height or 2) - 1))
    return TransactionUpdate(
        signature=wire.transaction.signatures[0],
        slot=Slot(wire.slot),
        index=wire.transaction_index or 0,
        accounts=keys,
        instructions=tuple(instructions),
        fee_lamports=meta.fee,
        pre_lamports=tuple(meta.pre_balances),
        post_lamports=tuple(meta.post_balances),
        pre_tokens=_token_balances(meta.pre_token_balances, keys),
        post_tokens=_token_balances(meta.post_token_balances, keys),
        logs=tuple(meta.log_messages or ()),
        compute_units=meta.compute_units_consumed or 0,
        error=error_text(meta.err),
        block_time=wire.block_time,
    )


def _instruction(wire: WireInstruction, keys: Sequence[Address], *, depth: int) -> Instruction:
    return Instruction(
        program=keys[wire.program_id_index],
        accounts=tuple(keys[place] for place in wire.accounts),
        data=base58_decode(wire.data),
        depth=depth,
    )


def _token_balances(
    wires: list[WireTokenBalance] | None, keys: Sequence[Address]
) -> tuple[TokenBalance, ...]:
    return tuple(
        TokenBalance(
            account=keys[wire.account_index],
            mint=wire.mint,
            owner=wire.owner or Address(""),
            amount=int(wire.ui_token_amount.amount),
            decimals=wire.ui_token_amount.decimals,
        )
        for wire in wires or ()
    )
