"""Subscriptions on the embedded chain: who wants to hear what, and at which commitment.

Listens to the chain. What is wanted at `processed` is told with the event itself; what is wanted at a higher
commitment is told when the slot gets there, from the slot's contents. Knows no socket: each subscription brings
a `tell` that takes the notification's result and must neither wait nor raise.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from solders.account import Account
from solders.pubkey import Pubkey
from solders.signature import Signature

from chimera.domain.chain import Commitment
from chimera.localnet.chain import EmbeddedChain
from chimera.localnet.encode_account import DataSlice, DataTooLong, encode_account
from chimera.localnet.events import AccountWritten, BlockSealed, SlotChanged, SlotPhase, TransactionExecuted
from chimera.localnet.ledger import TransactionRecord
from chimera.localnet.rpc_accounts import Filter, matches

Tell = Callable[[object], None]
_K = TypeVar("_K")
_W = TypeVar("_W")

_LEVEL = {SlotPhase.CONFIRMED: Commitment.CONFIRMED, SlotPhase.FINALIZED: Commitment.FINALIZED}
_RANK = {Commitment.PROCESSED: 0, Commitment.CONFIRMED: 1, Commitment.FINALIZED: 2}
_GONE = Account(0, b"", Pubkey.default())


class AccountWish(msgspec.Struct, frozen=True, eq=False):
    key: Pubkey
    """The account, or the program whose accounts are meant."""
    commitment: Commitment
    encoding: str
    data_slice: DataSlice | None
    filters: Sequence[Filter]
    tell: Tell


class SignatureWish(msgspec.Struct, frozen=True, eq=False):
    signature: Signature
    commitment: Commitment
    tell_received: bool
    tell: Tell
    done: Callable[[], None]
    """Called once the last notification is out: a node forgets the subscription then."""


class LogsWish(msgspec.Struct, frozen=True, eq=False):
    mentions: Pubkey | None
    """None: all transactions."""
    commitment: Commitment
    tell: Tell


class SlotWish(msgspec.Struct, frozen=True, eq=False):
    roots: bool
    """Only newly final slots, as rootSubscribe wants."""
    tell: Tell


class Subscriptions:
    def __init__(self, chain: EmbeddedChain) -> None:
        self._chain = chain
        self._accounts: defaultdict[Commitment, dict[Pubkey, list[AccountWish]]] = defaultdict(dict)
        self._programs: defaultdict[Commitment, dict[Pubkey, list[AccountWish]]] = defaultdict(dict)
        self._signatures: dict[Signature, list[SignatureWish]] = {}
        self._logs: defaultdict[Commitment, list[LogsWish]] = defaultdict(list)
        self._slots: list[SlotWish] = []
        chain.listeners.add(self)

    def close(self) -> None:
        self._chain.listeners.remove(self)

    def add_account(self, wish: AccountWish) -> Callable[[], None]:
        """Takes the wish in; gives what takes it back."""
        return _insert(self._accounts[wish.commitment], wish.key, wish)

    def add_program(self, wish: AccountWish) -> Callable[[], None]:
        return _insert(self._programs[wish.commitment], wish.key, wish)

    def add_signature(self, wish: SignatureWish) -> Callable[[], None]:
        return _insert(self._signatures, wish.signature, wish)

    def add_logs(self, wish: LogsWish) -> Callable[[], None]:
        wishes = self._logs[wish.commitment]
        wishes.append(wish)
        return lambda: wishes.remove(wish) if wish in wishes else None

    def add_slots(self, wish: SlotWish) -> Callable[[], None]:
        self._slots.append(wish)
        return lambda: self._slots.remove(wish) if wish in self._slots else None

    def catch_up(self, wish: SignatureWish) -> None:
        """Tells at once of a transaction that is where the subscriber wants it already."""
        record = self._chain.ledger.transaction(wish.signature)
        if record is None:
            return
        reached = self._chain.commitment_of(record.slot)
        if _RANK[reached] >= _RANK[wish.commitment]:
            self._tell_status(wish, record)
        elif wish.tell_received:
            wish.tell(_in_context(record.slot, "receivedSignature"))

    # what the chain says

    def account_written(self, event: AccountWritten) -> None:
        self._tell_account(event, Commitment.PROCESSED)

    def transaction_executed(self, event: TransactionExecuted) -> None:
        record = event.record
        self._tell_logs(record, Commitment.PROCESSED)
        for wish in tuple(self._signatures.get(record.signature, ())):
            if wish.commitment is Commitment.PROCESSED:
                self._tell_status(wish, record)
            elif wish.tell_received:
                wish.tell(_in_context(record.slot, "receivedSignature"))

    def block_sealed(self, event: BlockSealed) -> None:
        """Nothing is told of a block as such: blockSubscribe is not served."""

    def slot_changed(self, event: SlotChanged) -> None:
        if event.phase is SlotPhase.CREATED:
            for slot_wish in tuple(self._slots):
                if not slot_wish.roots:
                    slot_wish.tell({"parent": event.parent, "root": self._chain.root, "slot": event.slot})
            return
        level = _LEVEL.get(event.phase)
        state = self._chain.slot_state(event.slot)
        if level is None or state is None:
            return
        if self._accounts[level] or self._programs[level]:
            for written in state.written.values():
                self._tell_account(written, level)
        for record in state.transactions:
            if self._logs[level]:
                self._tell_logs(record, level)
            for wish in tuple(self._signatures.get(record.signature, ())):
                if wish.commitment is level:
                    self._tell_status(wish, record)
        if level is Commitment.FINALIZED:
            for slot_wish in tuple(self._slots):
                if slot_wish.roots:
                    slot_wish.tell(event.slot)

    def _tell_account(self, event: AccountWritten, level: Commitment) -> None:
        account = event.account or _GONE
        for wish in tuple(self._accounts[level].get(event.pubkey, ())):
            wish.tell(_in_context(event.slot, self._shown(account, wish)))
        for wish in tuple(self._programs[level].get(account.owner, ())):
            if event.account is not None and matches(wish.filters, account):
                shown = {"pubkey": str(event.pubkey), "account": self._shown(account, wish)}
                wish.tell(_in_context(event.slot, shown))

    def _tell_logs(self, record: TransactionRecord, level: Commitment) -> None:
        wishes = [w for w in self._logs[level] if w.mentions is None or w.mentions in record.keys]
        if not wishes:
            return
        error = record.error.json if record.error else None
        value = {"signature": str(record.signature), "err": error, "logs": record.logs}
        for wish in wishes:
            wish.tell(_in_context(record.slot, value))

    def _tell_status(self, wish: SignatureWish, record: TransactionRecord) -> None:
        wish.tell(_in_context(record.slot, {"err": record.error.json if record.error else None}))
        wish.done()

    def _shown(self, account: Account, wish: AccountWish) -> object:
        read = self._chain.bank.account
        try:
            return encode_account(account, encoding=wish.encoding, data_slice=wish.data_slice, read=read)
        except DataTooLong:
            shown = encode_account(account, encoding="base64", data_slice=wish.data_slice, read=read)
            # There is nobody to refuse any more; these are the words that a node puts in the data's place.
            text = "error: data too large for bs58 encoding"
            return {**shown, "data": text if wish.encoding == "binary" else [text, "base58"]}


def _insert(wishes: dict[_K, list[_W]], key: _K, wish: _W) -> Callable[[], None]:
    wishes.setdefault(key, []).append(wish)

    def take_back() -> None:
        known = wishes.get(key, [])
        if wish in known:
            known.remove(wish)
        if not known:
            wishes.pop(key, None)

    return take_back


def _in_context(slot: int, value: object) -> dict[str, object]:
    return {"context": {"slot": slot}, "value": value}
