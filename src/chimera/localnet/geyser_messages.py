"""The chain's events as Geyser messages: built once each, and sent as the same bytes to every client.

A message's body and the names of the filters that let it through are serialised apart and put one behind the
other, which in protobuf is the same as serialising both together.
"""

from functools import lru_cache

from google.protobuf.timestamp_pb2 import Timestamp
from solders.message import Message as LegacyMessage
from solders.message import MessageV0
from solders.pubkey import Pubkey

from chimera.localnet.encode_token import ui_amount
from chimera.localnet.events import AccountWritten, SlotChanged, SlotPhase
from chimera.localnet.geyser_filter import BlockFilter, DataSlice, sliced
from chimera.localnet.ledger import Block, TokenBalance, TransactionRecord
from chimera.proto import geyser_pb2 as pb
from chimera.proto import solana_storage_pb2 as storage

RENT_EXEMPT_EPOCH = 2**64 - 1  # what a node shows for every account that pays no rent, which is all of them
SYSTEM = bytes(Pubkey.default())

STATUSES: dict[SlotPhase, pb.SlotStatus] = {
    SlotPhase.CREATED: pb.SLOT_CREATED_BANK,
    SlotPhase.PROCESSED: pb.SLOT_PROCESSED,
    SlotPhase.CONFIRMED: pb.SLOT_CONFIRMED,
    SlotPhase.FINALIZED: pb.SLOT_FINALIZED,
    SlotPhase.DEAD: pb.SLOT_DEAD,
}


class AccountMessage:
    """A written account, at its place among the other messages of its slot."""

    def __init__(self, event: AccountWritten, created_ns: int) -> None:
        self.event = event
        self._created_ns = created_ns
        self._bodies: dict[tuple[DataSlice, ...], bytes] = {}

    def body(self, slices: tuple[DataSlice, ...] = ()) -> bytes:
        made = self._bodies.get(slices)
        if made is None:
            account = pb.SubscribeUpdateAccount(
                account=account_info(self.event, slices), slot=self.event.slot
            )
            update = pb.SubscribeUpdate(account=account, created_at=_timestamp(self._created_ns))
            made = self._bodies[slices] = update.SerializeToString()
        return made


class TransactionMessage:
    def __init__(self, record: TransactionRecord, created_ns: int) -> None:
        self.record = record
        self._created_ns = created_ns
        self._info: pb.SubscribeUpdateTransactionInfo | None = None
        self._body: bytes | None = None

    def info(self) -> pb.SubscribeUpdateTransactionInfo:
        if self._info is None:
            self._info = transaction_info(self.record)
        return self._info

    def body(self) -> bytes:
        if self._body is None:
            told = pb.SubscribeUpdateTransaction(transaction=self.info(), slot=self.record.slot)
            update = pb.SubscribeUpdate(transaction=told, created_at=_timestamp(self._created_ns))
            self._body = update.SerializeToString()
        return self._body

    def status_body(self) -> bytes:
        record = self.record
        told = pb.SubscribeUpdateTransactionStatus(
            slot=record.slot, signature=bytes(record.signature), is_vote=False, index=record.index
        )
        if record.error is not None:
            told.err.err = record.error.bincode
        update = pb.SubscribeUpdate(transaction_status=told, created_at=_timestamp(self._created_ns))
        return update.SerializeToString()


class SlotMessage:
    def __init__(self, event: SlotChanged, created_ns: int) -> None:
        self.event = event
        told = pb.SubscribeUpdateSlot(slot=event.slot, parent=event.parent, status=STATUSES[event.phase])
        if event.phase is SlotPhase.DEAD:
            told.dead_error = "left behind by a fork"
        self._body = pb.SubscribeUpdate(slot=told, created_at=_timestamp(created_ns)).SerializeToString()

    def body(self) -> bytes:
        return self._body


class BlockMessage:
    """A sealed block, with everything that happened in it."""

    def __init__(
        self,
        block: Block,
        *,
        accounts: tuple[AccountMessage, ...],
        transactions: tuple[TransactionMessage, ...],
        created_ns: int,
    ) -> None:
        self.block = block
        self._accounts, self._transactions = accounts, transactions
        self._created_ns = created_ns
        self._meta: bytes | None = None

    def meta_body(self) -> bytes:
        if self._meta is None:
            block = self.block
            told = pb.SubscribeUpdateBlockMeta(
                slot=block.slot,
                blockhash=str(block.blockhash),
                parent_slot=block.parent,
                parent_blockhash=str(block.previous_blockhash),
                executed_transaction_count=len(block.transactions),
            )
            told.rewards.SetInParent()
            told.block_time.timestamp = block.time
            told.block_height.block_height = block.height
            update = pb.SubscribeUpdate(block_meta=told, created_at=_timestamp(self._created_ns))
            self._meta = update.SerializeToString()
        return self._meta

    def body(self, wanted: BlockFilter, slices: tuple[DataSlice, ...]) -> bytes:
        """The whole block, narrowed to what mentions the filter's accounts where it names any."""
        block, include = self.block, wanted.include
        told = pb.SubscribeUpdateBlock(
            slot=block.slot,
            blockhash=str(block.blockhash),
            parent_slot=block.parent,
            parent_blockhash=str(block.previous_blockhash),
            executed_transaction_count=len(block.transactions),
            updated_account_count=len(self._accounts),
        )
        told.rewards.SetInParent()
        told.block_time.timestamp = block.time
        told.block_height.block_height = block.height
        if wanted.with_transactions:
            told.transactions.extend(
                message.info()
                for message in self._transactions
                if not include or not include.isdisjoint(message.record.keys)
            )
        if wanted.with_accounts:
            told.accounts.extend(
                account_info(message.event, slices)
                for message in self._accounts
                if not include or message.event.pubkey in include
            )
        update = pb.SubscribeUpdate(block=told, created_at=_timestamp(self._created_ns))
        return update.SerializeToString()


Message = AccountMessage | TransactionMessage | SlotMessage | BlockMessage


@lru_cache(maxsize=1024)
def names_prefix(names: tuple[str, ...]) -> bytes:
    """The filters' names as they stand before a body."""
    return pb.SubscribeUpdate(filters=names).SerializeToString()


def account_info(event: AccountWritten, slices: tuple[DataSlice, ...]) -> pb.SubscribeUpdateAccountInfo:
    """An account that is gone is told as a node tells it: no lamports, no data, owned by the system program."""
    account = event.account
    info = pb.SubscribeUpdateAccountInfo(
        pubkey=bytes(event.pubkey),
        owner=SYSTEM if account is None else bytes(account.owner),
        rent_epoch=RENT_EXEMPT_EPOCH,
        write_version=event.write_version,
    )
    if account is not None:
        info.lamports = account.lamports
        info.executable = account.executable
        info.data = sliced(account, slices)
    if event.signature is not None:
        info.txn_signature = bytes(event.signature)
    return info


def transaction_info(record: TransactionRecord) -> pb.SubscribeUpdateTransactionInfo:
    return pb.SubscribeUpdateTransactionInfo(
        signature=bytes(record.signature),
        is_vote=False,
        transaction=_transaction(record),
        meta=_meta(record),
        index=record.index,
    )


def _transaction(record: TransactionRecord) -> storage.Transaction:
    message = record.transaction.message
    header = message.header
    told = storage.Message(
        header=storage.MessageHeader(
            num_required_signatures=header.num_required_signatures,
            num_readonly_signed_accounts=header.num_readonly_signed_accounts,
            num_readonly_unsigned_accounts=header.num_readonly_unsigned_accounts,
        ),
        account_keys=[bytes(key) for key in message.account_keys],
        recent_blockhash=bytes(message.recent_blockhash),
        instructions=[
            storage.CompiledInstruction(
                program_id_index=called.program_id_index, accounts=bytes(called.accounts), data=called.data
            )
            for called in message.instructions
        ],
        versioned=not isinstance(message, LegacyMessage),
    )
    if isinstance(message, MessageV0):
        for lookup in message.address_table_lookups:
            told.address_table_lookups.add(
                account_key=bytes(lookup.account_key),
                writable_indexes=bytes(lookup.writable_indexes),
                readonly_indexes=bytes(lookup.readonly_indexes),
            )
    signatures = [bytes(signature) for signature in record.transaction.signatures]
    return storage.Transaction(signatures=signatures, message=told)


def _meta(record: TransactionRecord) -> storage.TransactionStatusMeta:
    meta = storage.TransactionStatusMeta(
        fee=record.fee,
        pre_balances=record.pre_balances,
        post_balances=record.post_balances,
        log_messages=record.logs,
        pre_token_balances=[_token_balance(balance) for balance in record.pre_token_balances],
        post_token_balances=[_token_balance(balance) for balance in record.post_token_balances],
        loaded_writable_addresses=[bytes(key) for key in record.loaded_writable],
        loaded_readonly_addresses=[bytes(key) for key in record.loaded_readonly],
        return_data_none=record.return_program is None,
        compute_units_consumed=record.compute_units,
    )
    if record.error is not None:
        meta.err.err = record.error.bincode
    if record.return_program is not None:
        meta.return_data.program_id = bytes(record.return_program)
        meta.return_data.data = record.return_data
    for index, calls in record.inner:
        told = meta.inner_instructions.add(index=index)
        for called in calls:
            inner = called.instruction()
            told.instructions.add(
                program_id_index=inner.program_id_index,
                accounts=bytes(inner.accounts),
                data=inner.data,
                stack_height=called.stack_height(),
            )
    return meta


def _token_balance(balance: TokenBalance) -> storage.TokenBalance:
    shown = ui_amount(balance.amount, balance.decimals)
    return storage.TokenBalance(
        account_index=balance.account_index,
        mint=str(balance.mint),
        owner=str(balance.owner),
        program_id=str(balance.program),
        ui_token_amount=storage.UiTokenAmount(
            ui_amount=balance.amount / 10**balance.decimals,
            decimals=balance.decimals,
            amount=str(balance.amount),
            ui_amount_string=str(shown["uiAmountString"]),
        ),
    )


def _timestamp(ns: int) -> Timestamp:
    return Timestamp(seconds=ns // 10**9, nanos=ns % 10**9)
