"""Puts a stream of chain facts in order: what is new passes, what was seen is counted, what is missing is named.

Must not know venues or strategies. Its rules: every item that comes in goes out, waits, or is in `dropped` by
name (`received == passed + held + dropped`); a hole in the chain of slots becomes a FeedGap before anything after
it passes, and a GapClosed once its slots have come, or will not.

Accounts pass at once, newest write first: a price may not wait. Transactions pass in slot order: those of a slot
wait while an older slot is still being filled, for HOLD_BACK_SLOTS or HELD_MAX of them at the most.
"""

from collections import OrderedDict, defaultdict

from chimera.domain.chain import (
    AccountUpdate,
    FeedItem,
    GapClosed,
    SlotStatus,
    SlotUpdate,
    TransactionUpdate,
)
from chimera.domain.ids import Address, Signature, Slot
from chimera.market.ancestry import Ancestry

SIGNATURES_REMEMBERED = 50_000  # a reconnect replays at most some 150 slots
WRITES_REMEMBERED = 400_000  # beyond, those go that no replay can bring again
HOLD_BACK_SLOTS = (
    2  # what a slot still lacks when two later ones are under way is not coming in order any more
)
HELD_MAX = 4_096


class Sequencer:
    """Folds the feed's items one by one."""

    def __init__(self) -> None:
        self.received = 0
        self.passed = 0
        self.dropped: dict[str, int] = {
            "duplicate_account": 0,
            "stale_account": 0,
            "duplicate_transaction": 0,
            "duplicate_slot": 0,
            "dead_slot": 0,
        }
        self.held = 0
        """Transactions that wait for an older slot."""
        self.late = 0
        """Transactions that passed after a later slot had begun: backfill, mostly."""
        self.released_early = 0
        """Of those that waited, how many passed since the limit was reached."""
        self.gaps = 0
        self.gaps_filled = 0
        self._slots = Ancestry()
        self._writes: dict[Address, tuple[int, int]] = {}
        self._writes_max = WRITES_REMEMBERED
        self._signatures: OrderedDict[Signature, int] = OrderedDict()
        self._filling = 0
        """The slot whose transactions pass as they come."""
        self._waiting: dict[int, list[TransactionUpdate]] = defaultdict(list)

    @property
    def last_slot(self) -> Slot:
        """The highest processed slot that has not died."""
        return Slot(self._slots.last)

    @property
    def resume_slot(self) -> int | None:
        """Where a new subscription must begin so that nothing is missed: before any hole, and a little earlier
        than the newest slot, which may not have been whole. None before the first slot.
        """
        return self._slots.resume_from(HOLD_BACK_SLOTS)

    @property
    def incomplete(self) -> bool:
        """Whether slots are missing that a replay may still bring."""
        return self._slots.incomplete

    def is_dead(self, slot: int) -> bool:
        """Whether the slot was undone."""
        return self._slots.is_dead(slot)

    def process(self, item: FeedItem) -> list[FeedItem]:
        """What may go on now, in order; nothing for what is known or waits."""
        self.received += 1
        match item:
            case AccountUpdate():
                return self._account(item)
            case TransactionUpdate():
                return self._transaction(item)
            case SlotUpdate():
                return self._slot(item)
            case _:
                return self._pass(item)  # blocks

    def begin_anew(self, cause: str) -> None:
        """The slots since the last one cannot be had: the next one is taken as it comes, after a gap that says so."""
        self._slots.break_off(cause)

    def _account(self, item: AccountUpdate) -> list[FeedItem]:
        if self._slots.is_dead(item.slot):
            return self._drop("dead_slot")
        version = (item.slot, item.write_version)
        known = self._writes.get(item.account.address)
        if known is not None and version <= known:
            return self._drop("duplicate_account" if version == known else "stale_account")
        self._writes[item.account.address] = version
        if len(self._writes) > self._writes_max:
            self._forget_old_writes()
        return self._pass(item)

    def _transaction(self, item: TransactionUpdate) -> list[FeedItem]:
        if item.signature in self._signatures:
            return self._drop("duplicate_transaction")
        if self._slots.is_dead(item.slot):
            return self._drop("dead_slot")
        self._signatures[item.signature] = item.slot
        if len(self._signatures) > SIGNATURES_REMEMBERED:
            self._signatures.popitem(last=False)
        if item.slot < self._filling:
            self.late += 1
        elif item.slot > self._filling:
            if self._filling > self.last_slot:  # the slot before is not whole yet
                return self._hold(item)
            self._filling = item.slot
        return self._pass(item)

    def _hold(self, item: TransactionUpdate) -> list[FeedItem]:
        self._waiting[item.slot].append(item)
        self.held += 1
        if self.held <= HELD_MAX and item.slot - self._filling <= HOLD_BACK_SLOTS:
            return []
        released = self._release()
        self.released_early += len(released)
        return released

    def _release(self) -> list[FeedItem]:
        """The oldest slot that waits is the one being filled from here on."""
        if not self._waiting:
            return []
        self._filling = min(self._waiting)
        found: list[FeedItem] = [*self._waiting.pop(self._filling)]
        self.held -= len(found)
        self.passed += len(found)
        return found

    def _slot(self, item: SlotUpdate) -> list[FeedItem]:
        seen = self._slots.see(item)
        if not seen.new:
            return [*self._drop("duplicate_slot"), *self._closed(seen.closed)]
        out: list[FeedItem] = []
        for dead in seen.dead:
            self._forget(dead)
            if dead != item.slot:  # abandoned without a word: we say it in the stream's stead
                out.append(SlotUpdate(Slot(dead), None, SlotStatus.DEAD))
        if seen.gap is not None:
            self.gaps += 1
            out.append(seen.gap)
        if item.status is SlotStatus.PROCESSED:
            # what waits from this slot and before precedes the word that it is whole
            while self._waiting and min(self._waiting) <= item.slot:
                out += self._release()
        out += self._pass(item)
        if self._waiting and self._filling <= self.last_slot:
            out += self._release()
        return [*out, *self._closed(seen.closed)]

    def _closed(self, closed: tuple[GapClosed, ...]) -> list[FeedItem]:
        self.gaps_filled += sum(gap.filled for gap in closed)
        return list(closed)

    def _forget(self, dead: int) -> None:
        """What an undone slot brought may come again in another one."""
        self._writes = {address: seen for address, seen in self._writes.items() if seen[0] != dead}
        for signature in [found for found, slot in self._signatures.items() if slot == dead]:
            del self._signatures[signature]
        self._filling = min(self._filling, self.last_slot)
        waited = self._waiting.pop(dead, [])
        self.held -= len(waited)
        self.dropped["dead_slot"] += len(waited)

    def _forget_old_writes(self) -> None:
        """Older than any replay reaches: a repetition of them would find newer state in its way."""
        oldest = self._slots.oldest
        self._writes = {address: seen for address, seen in self._writes.items() if seen[0] >= oldest}
        self._writes_max = max(WRITES_REMEMBERED, 2 * len(self._writes))

    def _pass(self, item: FeedItem) -> list[FeedItem]:
        self.passed += 1
        return [item]

    def _drop(self, why: str) -> list[FeedItem]:
        self.dropped[why] += 1
        return []
