"""A Geyser subscription compiled into something that can be asked: which of its filters want this?

Semantics as in Yellowstone's plugin: fields of one filter are all required, members of a list are alternatives,
an empty list is no condition. Knows messages and events, no stream. What the embedded chain does not serve
(entries, compressed key sets) is refused by name instead of being overlooked.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

import msgspec
from solders.account import Account
from solders.pubkey import Pubkey
from solders.signature import Signature

from chimera.domain.chain import Commitment
from chimera.localnet.encode_bytes import base58_decode
from chimera.localnet.events import AccountWritten, SlotPhase
from chimera.localnet.ledger import TransactionRecord
from chimera.proto import geyser_pb2 as pb

NAME_LENGTH_MAX = 128  # Yellowstone's own limits, this one and the next three
STATE_FILTERS_MAX = 4
MEMCMP_BYTES_MAX = 128
SYSTEM = Pubkey.default()

COMMITMENTS: dict[int, Commitment] = {
    pb.PROCESSED: Commitment.PROCESSED,
    pb.CONFIRMED: Commitment.CONFIRMED,
    pb.FINALIZED: Commitment.FINALIZED,
}
REPORTED = {SlotPhase.PROCESSED, SlotPhase.CONFIRMED, SlotPhase.FINALIZED}
"""Without interslot updates nothing else is told."""


class FilterError(ValueError):
    """A request that cannot be served; the message says why."""


class DataSlice(msgspec.Struct, frozen=True):
    offset: int
    length: int


class AccountFilter(msgspec.Struct, frozen=True):
    accounts: frozenset[Pubkey]
    owners: frozenset[Pubkey]
    by_transaction: bool | None
    """Whether it must have been written by a transaction; None: no matter."""
    conditions: tuple[Callable[[bytes, int], bool], ...]
    """Each of (data, lamports)."""

    def wants(
        self, key: Pubkey, owner: Pubkey, data: bytes, lamports: int, signature: Signature | None
    ) -> bool:
        if self.accounts and key not in self.accounts:
            return False
        if self.owners and owner not in self.owners:
            return False
        if self.by_transaction is not None and self.by_transaction != (signature is not None):
            return False
        return all(condition(data, lamports) for condition in self.conditions)


class SlotFilter(msgspec.Struct, frozen=True):
    by_commitment: bool
    interslot: bool


class TransactionFilter(msgspec.Struct, frozen=True):
    vote: bool | None
    failed: bool | None
    signature: Signature | None
    include: frozenset[Pubkey]
    exclude: frozenset[Pubkey]
    required: frozenset[Pubkey]
    owners: int | None
    """Which token owners count as mentioned: TokenAccountExpansionControlFlag, or None for none."""

    def wants(self, record: TransactionRecord) -> bool:
        if self.vote:  # nobody votes on the embedded chain
            return False
        if self.failed is not None and self.failed != (record.error is not None):
            return False
        if self.signature is not None and self.signature != record.signature:
            return False
        if not (self.include or self.exclude or self.required):
            return True
        mentioned = set(record.keys)
        if self.owners is not None:
            mentioned |= _token_owners(record, changed_only=self.owners == pb.BALANCE_CHANGED)
        return (
            self.required <= mentioned
            and (not self.include or not self.include.isdisjoint(mentioned))
            and self.exclude.isdisjoint(mentioned)
        )


class BlockFilter(msgspec.Struct, frozen=True):
    include: frozenset[Pubkey]
    with_transactions: bool
    with_accounts: bool


class Filter:
    """One request's filters, by name. Made by `compile_filter`."""

    def __init__(
        self,
        *,
        commitment: Commitment,
        accounts: Mapping[str, AccountFilter],
        slots: Mapping[str, SlotFilter],
        transactions: Mapping[str, TransactionFilter],
        statuses: Mapping[str, TransactionFilter],
        blocks: Mapping[str, BlockFilter],
        blocks_meta: Sequence[str],
        slices: tuple[DataSlice, ...],
    ) -> None:
        self.commitment = commitment
        self.slices = slices
        """Of account data; empty: the whole of it."""
        self.blocks = blocks
        self.blocks_meta = tuple(blocks_meta)
        self._accounts = tuple(accounts.items())
        self._slots = tuple(slots.items())
        self._transactions = tuple(transactions.items())
        self._statuses = tuple(statuses.items())
        # Most writes concern nobody: two set look-ups say so before any filter is asked.
        everything = any(not one.accounts and not one.owners for one in accounts.values())
        self._known_accounts = frozenset[Pubkey]().union(*(one.accounts for one in accounts.values()))
        self._known_owners = frozenset[Pubkey]().union(*(one.owners for one in accounts.values()))
        self._every_account = everything

    def accounts(self, event: AccountWritten) -> tuple[str, ...]:
        """Names of the filters that want this write."""
        account = event.account
        owner = SYSTEM if account is None else account.owner
        if not (self._every_account or event.pubkey in self._known_accounts or owner in self._known_owners):
            return ()
        data, lamports = (b"", 0) if account is None else (account.data, account.lamports)
        return tuple(
            name
            for name, one in self._accounts
            if one.wants(event.pubkey, owner, data, lamports, event.signature)
        )

    def slots(self, phase: SlotPhase) -> tuple[str, ...]:
        return tuple(
            name
            for name, one in self._slots
            if (not one.by_commitment or phase.value == self.commitment.value)
            and (one.interslot or phase in REPORTED)
        )

    def transactions(self, record: TransactionRecord) -> tuple[str, ...]:
        return tuple(name for name, one in self._transactions if one.wants(record))

    def statuses(self, record: TransactionRecord) -> tuple[str, ...]:
        return tuple(name for name, one in self._statuses if one.wants(record))


def compile_filter(request: pb.SubscribeRequest) -> Filter:
    """The request's filters; raises FilterError for one that is wrong or not served here."""
    if request.entry:
        raise FilterError("entries are not served by the embedded chain")
    for names in (request.accounts, request.slots, request.transactions, request.transactions_status):
        _check_names(names)
    _check_names(request.blocks)
    _check_names(request.blocks_meta)
    commitment = COMMITMENTS.get(request.commitment)
    if commitment is None:
        raise FilterError(f"failed to create CommitmentLevel from {request.commitment}")
    return Filter(
        commitment=commitment,
        accounts={name: _account_filter(one) for name, one in request.accounts.items()},
        slots={
            name: SlotFilter(one.filter_by_commitment, one.interslot_updates)
            for name, one in request.slots.items()
        },
        transactions={name: _transaction_filter(one) for name, one in request.transactions.items()},
        statuses={name: _transaction_filter(one) for name, one in request.transactions_status.items()},
        blocks={name: _block_filter(one) for name, one in request.blocks.items()},
        blocks_meta=list(request.blocks_meta),
        slices=_slices(request.accounts_data_slice),
    )


def _account_filter(one: pb.SubscribeRequestFilterAccounts) -> AccountFilter:
    if one.HasField("cuckoo_accounts_filter"):
        raise FilterError("cuckoo_accounts_filter is not served by the embedded chain; list the accounts")
    if len(one.filters) > STATE_FILTERS_MAX:
        raise FilterError(f"Too many filters provided; max {STATE_FILTERS_MAX}")
    if sum(state.WhichOneof("filter") == "datasize" for state in one.filters) > 1:
        raise FilterError("datasize used more than once")
    return AccountFilter(
        accounts=_keys(one.account),
        owners=_keys(one.owner),
        by_transaction=one.nonempty_txn_signature if one.HasField("nonempty_txn_signature") else None,
        conditions=tuple(_condition(state) for state in one.filters),
    )


def _condition(state: pb.SubscribeRequestFilterAccountsFilter) -> Callable[[bytes, int], bool]:
    match state.WhichOneof("filter"):
        case "memcmp":
            start, wanted = state.memcmp.offset, _memcmp_bytes(state.memcmp)
            end = start + len(wanted)
            return lambda data, lamports: data[start:end] == wanted
        case "datasize":
            size = state.datasize
            return lambda data, lamports: len(data) == size
        case "token_account_state":
            if not state.token_account_state:
                raise FilterError("token_account_state only allowed to be true")
            return lambda data, lamports: is_token_account(data)
        case "lamports":
            return _lamports_condition(state.lamports)
        case _:
            raise FilterError("filter should be defined")


def _lamports_condition(
    one: pb.SubscribeRequestFilterAccountsFilterLamports,
) -> Callable[[bytes, int], bool]:
    match one.WhichOneof("cmp"):
        case "eq":
            return lambda data, lamports: lamports == one.eq
        case "ne":
            return lambda data, lamports: lamports != one.ne
        case "lt":
            return lambda data, lamports: lamports < one.lt
        case "gt":
            return lambda data, lamports: lamports > one.gt
        case _:
            raise FilterError("cmp for lamports should be defined")


def _memcmp_bytes(one: pb.SubscribeRequestFilterAccountsFilterMemcmp) -> bytes:
    match one.WhichOneof("data"):
        case "bytes":
            wanted = one.bytes
        case "base58":
            try:
                wanted = base58_decode(one.base58)
            except ValueError:
                raise FilterError("invalid base58") from None
        case "base64":
            try:
                wanted = base64.b64decode(one.base64, validate=True)
            except binascii.Error:
                raise FilterError("invalid base64") from None
        case _:
            raise FilterError("data for memcmp should be defined")
    if len(wanted) > MEMCMP_BYTES_MAX:
        raise FilterError("data too large")
    return wanted


def _transaction_filter(one: pb.SubscribeRequestFilterTransactions) -> TransactionFilter:
    if one.HasField("cuckoo_account_include"):
        raise FilterError("cuckoo_account_include is not served by the embedded chain; list the accounts")
    signature = None
    if one.HasField("signature"):
        try:
            signature = Signature.from_string(one.signature)
        except ValueError as error:
            raise FilterError(f"invalid signature {one.signature!r}: {error}") from None
    return TransactionFilter(
        vote=one.vote if one.HasField("vote") else None,
        failed=one.failed if one.HasField("failed") else None,
        signature=signature,
        include=_keys(one.account_include),
        exclude=_keys(one.account_exclude),
        required=_keys(one.account_required),
        owners=one.token_accounts if one.HasField("token_accounts") else None,
    )


def _block_filter(one: pb.SubscribeRequestFilterBlocks) -> BlockFilter:
    if one.HasField("cuckoo_account_include"):
        raise FilterError("cuckoo_account_include is not served by the embedded chain; list the accounts")
    if one.include_entries:
        raise FilterError("`include_entries` is not allowed")
    return BlockFilter(
        include=_keys(one.account_include),
        with_transactions=one.include_transactions or not one.HasField("include_transactions"),
        with_accounts=one.include_accounts,
    )


def _slices(wanted: Iterable[pb.SubscribeRequestAccountsDataSlice]) -> tuple[DataSlice, ...]:
    slices = tuple(DataSlice(one.offset, one.length) for one in wanted)
    for before, after in pairwise(slices):
        if after.offset < before.offset:
            raise FilterError("failed to create filter: data slices out of order")
        if after.offset < before.offset + before.length:
            raise FilterError("failed to create filter: data slices overlapped")
    return slices


def is_token_account(data: bytes) -> bool:
    """Whether SPL Token or Token-2022 would take it for an initialised token account."""
    # Token-2022 marks longer accounts at 165 with 2; 355 bytes is a multisig. State 0 at 108: uninitialised.
    long = len(data) > 165 and len(data) != 355 and data[165] == 2
    return (len(data) == 165 or long) and data[108] != 0


def _token_owners(record: TransactionRecord, *, changed_only: bool) -> set[Pubkey]:
    before = {balance.account_index: balance for balance in record.pre_token_balances}
    after = {balance.account_index: balance for balance in record.post_token_balances}
    found: set[Pubkey] = set()
    for place in before.keys() | after.keys():
        old, new = before.get(place), after.get(place)
        if changed_only and old is not None and new is not None and old.amount == new.amount:
            continue
        if changed_only and old is None and new is not None and new.amount == 0:
            continue
        found |= {balance.owner for balance in (old, new) if balance is not None}
    return found


def _keys(texts: Iterable[str]) -> frozenset[Pubkey]:
    try:
        return frozenset(Pubkey.from_string(text) for text in texts)
    except ValueError as error:
        raise FilterError(f"invalid public key: {error}") from None


def _check_names(named: Iterable[str]) -> None:
    for name in named:
        if len(name) > NAME_LENGTH_MAX:
            raise FilterError(
                f"oversized filter name (max allowed size {NAME_LENGTH_MAX}), found {len(name)}"
            )


def sliced(account: Account, slices: tuple[DataSlice, ...]) -> bytes:
    """The account's data, or the wanted slices of it one behind the other; what lies beyond the end is left out."""
    data = account.data
    if not slices:
        return data
    return b"".join(data[one.offset : one.offset + one.length] for one in slices)
