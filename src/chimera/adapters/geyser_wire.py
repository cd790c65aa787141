"""Translates between the house's chain facts and Geyser's messages, both ways and without any I/O.

Knows field numbers and domain values; no connection, no clock. Written for the hot path: addresses are cached
as text, since the same few thousand come again and again.
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import chain

from google.protobuf.message import DecodeError as ProtobufError
from solders.pubkey import Pubkey
from solders.signature import Signature as SolanaSignature

from chimera.domain.chain import (
    Account,
    AccountUpdate,
    BlockUpdate,
    Commitment,
    FeedItem,
    Instruction,
    SlotStatus,
    SlotUpdate,
    TokenBalance,
    TransactionUpdate,
)
from chimera.domain.errors import Garbled
from chimera.domain.ids import Address, Signature, Slot
from chimera.ports.chain import Subscription
from chimera.proto import geyser_pb2 as pb
from chimera.proto import solana_storage_pb2 as storage
from chimera.proto.transaction_error import error_text

WHO = "geyser"
ADDRESSES_CACHED = 32_768  # about 4 MB; a busy mainnet subscription mentions some ten thousand an hour

COMMITMENTS = {
    Commitment.PROCESSED: pb.PROCESSED,
    Commitment.CONFIRMED: pb.CONFIRMED,
    Commitment.FINALIZED: pb.FINALIZED,
}
SLOT_STATUSES = {
    pb.SLOT_PROCESSED: SlotStatus.PROCESSED,
    pb.SLOT_CONFIRMED: SlotStatus.CONFIRMED,
    pb.SLOT_FINALIZED: SlotStatus.FINALIZED,
    pb.SLOT_DEAD: SlotStatus.DEAD,
}


def item(message: bytes) -> FeedItem | pb.SubscribeUpdate | None:
    """The chain fact in a message; the message itself where it is a ping or pong; None for what we don't use.

    Raises Garbled for bytes that are no message, keys of a wrong length, and indexes that point nowhere.
    """
    try:
        update = pb.SubscribeUpdate.FromString(message)
        kind = update.WhichOneof("update_oneof")
        if kind in ("ping", "pong"):
            return update
        read = _READERS.get(kind or "")
        return None if read is None else read(update)
    except (ProtobufError, ValueError, IndexError) as error:
        raise Garbled(WHO, f"a message of {len(message)} bytes cannot be read: {error}") from error


def request(wanted: Subscription, *, from_slot: int | None = None) -> pb.SubscribeRequest:
    """The subscription that asks for all of `wanted`, and for slots and block metadata, which always come."""
    made = pb.SubscribeRequest(commitment=COMMITMENTS[wanted.commitment])
    if from_slot is not None:
        made.from_slot = from_slot
    # Interslot updates are what brings the dead slots.
    made.slots["slots"].CopyFrom(
        pb.SubscribeRequestFilterSlots(filter_by_commitment=False, interslot_updates=True)
    )
    made.blocks_meta["blocks"].SetInParent()
    if wanted.addresses:
        made.accounts["addresses"].account.extend(wanted.addresses)
    # Owners without further conditions share one filter: providers limit how many there may be.
    plain = [wish.owner for wish in wanted.accounts if wish.data_size is None and not wish.memcmp]
    if plain:
        made.accounts["owners"].owner.extend(dict.fromkeys(plain))
    narrowed = [wish for wish in wanted.accounts if wish.data_size is not None or wish.memcmp]
    for number, wish in enumerate(narrowed):
        one = made.accounts[f"owner-{number}"]
        one.owner.append(wish.owner)
        if wish.data_size is not None:
            one.filters.add(datasize=wish.data_size)
        for offset, data in wish.memcmp:
            one.filters.add().memcmp.CopyFrom(
                pb.SubscribeRequestFilterAccountsFilterMemcmp(offset=offset, bytes=data)
            )
    if wanted.transactions:
        made.transactions["transactions"].account_include.extend(wanted.transactions)
        made.transactions["transactions"].vote = False
    return made


@lru_cache(maxsize=ADDRESSES_CACHED)
def address(key: bytes) -> Address:
    """Base58 text of 32 bytes; raises ValueError for another length."""
    # `Pubkey.from_bytes` would panic, which no `except Exception` catches.
    return Address(str(Pubkey(key)))


def signature(data: bytes) -> Signature:
    """Base58 text of 64 bytes; raises ValueError for another length. Not cached: each comes a few times only."""
    return Signature(str(SolanaSignature.from_bytes(data)))


def _account(update: pb.SubscribeUpdate) -> AccountUpdate:
    info = update.account.account
    return AccountUpdate(
        account=Account(
            address=address(info.pubkey), owner=address(info.owner), lamports=info.lamports, data=info.data
        ),
        slot=Slot(update.account.slot),
        write_version=info.write_version,
        signature=signature(info.txn_signature) if info.txn_signature else None,
    )


def _slot(update: pb.SubscribeUpdate) -> SlotUpdate | None:
    status = SLOT_STATUSES.get(update.slot.status)
    if status is None:
        return None
    parent = Slot(update.slot.parent) if update.slot.HasField("parent") else None
    return SlotUpdate(slot=Slot(update.slot.slot), parent=parent, status=status)


def _block(update: pb.SubscribeUpdate) -> BlockUpdate:
    block = update.block_meta
    return BlockUpdate(
        slot=Slot(block.slot),
        blockhash=block.blockhash,
        block_height=block.block_height.block_height,
        block_time=block.block_time.timestamp,
        transactions=block.executed_transaction_count,
    )


def _transaction(update: pb.SubscribeUpdate) -> TransactionUpdate:
    info = update.transaction.transaction
    message, meta = info.transaction.message, info.meta
    keys = tuple(
        address(key)
        for key in chain(message.account_keys, meta.loaded_writable_addresses, meta.loaded_readonly_addresses)
    )
    return TransactionUpdate(
        signature=signature(info.signature),
        slot=Slot(update.transaction.slot),
        index=info.index,
        accounts=keys,
        instructions=_instructions(message, meta, keys),
        fee_lamports=meta.fee,
        pre_lamports=tuple(meta.pre_balances),
        post_lamports=tuple(meta.post_balances),
        pre_tokens=tuple(_token_balance(balance, keys) for balance in meta.pre_token_balances),
        post_tokens=tuple(_token_balance(balance, keys) for balance in meta.post_token_balances),
        logs=tuple(meta.log_messages),
        compute_units=meta.compute_units_consumed,
        error=error_text(meta.err.err) if meta.HasField("err") else None,
    )


def _instructions(
    message: storage.Message, meta: storage.TransactionStatusMeta, keys: tuple[Address, ...]
) -> tuple[Instruction, ...]:
    """In order of execution: the runtime lists what an outer instruction called, depth first, by its index."""
    inner = {called.index: called.instructions for called in meta.inner_instructions}
    made = []
    for index, outer in enumerate(message.instructions):
        made.append(_instruction(outer, keys, depth=0))
        for called in inner.get(index, ()):
            # Recorded since 1.14.6; older records do not say how deep, only that it is below the top.
            depth = called.stack_height - 1 if called.HasField("stack_height") else 1
            made.append(_instruction(called, keys, depth=depth))
    return tuple(made)


def _instruction(
    called: storage.CompiledInstruction | storage.InnerInstruction, keys: tuple[Address, ...], *, depth: int
) -> Instruction:
    return Instruction(
        program=keys[called.program_id_index],
        accounts=tuple([keys[index] for index in called.accounts]),
        data=called.data,
        depth=depth,
    )


def _token_balance(balance: storage.TokenBalance, keys: tuple[Address, ...]) -> TokenBalance:
    return TokenBalance(
        account=keys[balance.account_index],
        mint=Address(balance.mint),
        owner=Address(balance.owner),
        amount=int(balance.ui_token_amount.amount),
        decimals=balance.ui_token_amount.decimals,
    )


_READERS: dict[str, Callable[[pb.SubscribeUpdate], FeedItem | None]] = {
    "account": _account,
    "transaction": _transaction,
    "slot": _slot,
    "block_meta": _block,
}
