"""Puts a stream of chain facts in order: what is new passes, what was seen is counted, what is missing is named.

Must not know venues or strategies. Its two rules: every item that comes in goes out or into `dropped`;
a hole in the slots becomes a FeedGap before anything after it passes.
"""

from collections import OrderedDict

from chimera.domain.chain import AccountUpdate, FeedGap, FeedItem, SlotStatus, SlotUpdate, TransactionUpdate
from chimera.domain.ids import Address, Signature, Slot

SIGNATURES_REMEMBERED = 50_000  # a reconnect replays at most some 150 slots
SLOTS_REMEMBERED = 512


class Sequencer:
    """Folds the feed's items one by one."""

    def __init__(self) -> None:
        self.last_slot: Slot = Slot(0)
        """The highest processed slot seen."""
        self.received = 0
        self.passed = 0
        self.dropped: dict[str, int] = {
            "duplicate_account": 0,
            "duplicate_transaction": 0,
            "duplicate_slot": 0,
        }
        self.gaps = 0
        self._writes: dict[Address, tuple[int, int]] = {}
        self._signatures: OrderedDict[Signature, None] = OrderedDict()
        self._slots: OrderedDict[int, SlotStatus] = OrderedDict()

    def process(self, item: FeedItem) -> list[FeedItem]:
        """What may go on: the item, preceded by a FeedGap where slots are missing; nothing for a repetition."""
        self.received += 1
        match item:
            case AccountUpdate():
                return self._account(item)
            case TransactionUpdate():
                return self._transaction(item)
            case SlotUpdate():
                return self._slot(item)
            case FeedGap():
                self.gaps += 1
                return self._pass(item)
            case _:
                return self._pass(item)

    def _account(self, item: AccountUpdate) -> list[FeedItem]:
        version = (item.slot, item.write_version)
        known = self._writes.get(item.account.address)
        if known is not None and version <= known:
            return self._drop("duplicate_account")
        self._writes[item.account.address] = version
        return self._pass(item)

    def _transaction(self, item: TransactionUpdate) -> list[FeedItem]:
        if item.signature in self._signatures:
            return self._drop("duplicate_transaction")
        self._signatures[item.signature] = None
        if len(self._signatures) > SIGNATURES_REMEMBERED:
            self._signatures.popitem(last=False)
        return self._pass(item)

    def _slot(self, item: SlotUpdate) -> list[FeedItem]:
        if self._slots.get(item.slot) is item.status:
            return self._drop("duplicate_slot")
        self._slots[item.slot] = item.status
        if len(self._slots) > SLOTS_REMEMBERED:
            self._slots.popitem(last=False)
        if item.status is SlotStatus.DEAD:
            self._forget_from(item.slot)
            return self._pass(item)
        ahead: list[FeedItem] = []
        if item.slot > self.last_slot:
            parent = item.parent if item.parent is not None else self.last_slot
            if self.last_slot and parent > self.last_slot:
                self.gaps += 1
                ahead = [FeedGap(Slot(self.last_slot + 1), Slot(parent), "slots missing on the stream")]
            self.last_slot = item.slot
        return [*ahead, *self._pass(item)]

    def _forget_from(self, slot: int) -> None:
        """After a fork the same slots come again with other contents: what was seen of them no longer counts."""
        self._writes = {address: seen for address, seen in self._writes.items() if seen[0] < slot}
        self.last_slot = Slot(min(self.last_slot, slot - 1))

    def _pass(self, item: FeedItem) -> list[FeedItem]:
        self.passed += 1
        return [item]

    def _drop(self, why: str) -> list[FeedItem]:
        self.dropped[why] += 1
        return []
