"""The market view folded again from what was recorded: the live process's own steps, without stream, node or bus.

It does to the view what `roles.market` did, so the same items give the same events. Balances are nobody's here.
"""

from collections import defaultdict
from collections.abc import Mapping

from chimera.domain.chain import (
    AccountUpdate,
    BlockUpdate,
    FeedGap,
    GapClosed,
    SlotStatus,
    SlotUpdate,
    TransactionUpdate,
)
from chimera.domain.ids import Address
from chimera.domain.market import MarketEvent, MarketGap, SlotAdvanced
from chimera.domain.recording import (
    Bootstrapped,
    MintSnapshot,
    PoolReread,
    RawItem,
    RecordingBroken,
    SnapshotBegan,
    SnapshotEnded,
)
from chimera.domain.snapshot import PoolSnapshot
from chimera.market.decoder import Decoder
from chimera.market.snapshots import adopt
from chimera.market.view import Doubt, MarketView
from chimera.ports.venue import Venue

BREAK = "recording: "
"""Begins the doubts that a break of the recording raised."""


class MarketReplay:
    """Folds raw records one by one; quotes come from `view`, as live."""

    def __init__(self, venues: Mapping[str, Venue[object]], *, keep_raw: bool = False) -> None:
        self.view = MarketView(venues, keep_raw=keep_raw)
        self.block: BlockUpdate | None = None
        """The newest block heard of."""
        self.in_step = False
        """Whether the view is what the live one was: from the first record on, or since a whole snapshot."""
        self._broken = False
        """Whether anything was ever missing."""
        self._unseen: dict[Address, set[Address]] = {}
        """By pool: its accounts that have not been seen since the break."""
        self._pools_of: defaultdict[Address, set[Address]] = defaultdict(set)
        self._decoder = Decoder(venues)
        self._gaps_open = 0
        self._lost = False
        self._doubts: list[Doubt] = []

    def process(self, item: RawItem, at_ms: int) -> list[MarketEvent]:
        """What strategies hear of it."""
        match item:
            case AccountUpdate():
                events = self.view.apply(item, at_ms)
                if self._unseen:
                    self._seen_again(item.account.address)
                return events
            case TransactionUpdate():
                return self._transaction(item, at_ms)
            case SlotUpdate():
                return self._slot(item, at_ms)
            case BlockUpdate():
                self.block = item
            case FeedGap(first, last, cause):
                self._gaps_open += 1
                self._doubts.append(self.view.doubt_since(0, f"gap: {cause}"))
                return [MarketGap(first, last, cause, at_ms)]
            case GapClosed():
                self._gap_closed(filled=item.filled)
            case PoolSnapshot():
                return self._snapshot(item, at_ms)
            case PoolReread():
                return self._reread(item, at_ms)
            case _:
                self._marker(item, at_ms)
        return []

    def _break(self, doubt: Doubt) -> None:
        """What is missing may have been any account's newest write."""
        for pool in doubt.pools:
            self._unseen[pool] = set(self.view.accounts_of(pool))
            for address in self._unseen[pool]:
                self._pools_of[address].add(pool)

    def _seen_again(self, address: Address) -> None:
        """A pool of which every account has been seen since the break is known again, snapshot or not."""
        for pool in self._pools_of.pop(address, ()):
            unseen = self._unseen.get(pool, set())
            unseen.discard(address)
            if not unseen and self._unseen.pop(pool, None) is not None:
                known = self.view.pools[pool]
                for number in [number for number, why in known.feed_doubts.items() if why.startswith(BREAK)]:
                    known.lift(number)

    def _transaction(self, transaction: TransactionUpdate, at_ms: int) -> list[MarketEvent]:
        decoded = self._decoder.decode(transaction, at_ms)
        events: list[MarketEvent] = []
        if decoded.mints:
            events += self.view.tell_mints(decoded.mints, at_ms)
        events += decoded.trades
        if decoded.unread is not None or self.view.quarantined:
            events += self.view.judge(decoded.trades, decoded.unread, transaction.slot, at_ms)
        return events

    def _slot(self, update: SlotUpdate, at_ms: int) -> list[MarketEvent]:
        if update.status is SlotStatus.DEAD:
            doubt = self.view.undo(update.slot)
            return [MarketGap(update.slot, update.slot, "the slot was undone", at_ms)] if doubt.pools else []
        if update.status is SlotStatus.PROCESSED and update.slot > self.view.slot:
            self.view.see_slot(update.slot, at_ms)
            return [SlotAdvanced(update.slot, at_ms)]
        return []

    def _gap_closed(self, *, filled: bool) -> None:
        """Once all gaps are closed and all were filled, nothing is in doubt; else each pool that is read anew tells."""
        self._gaps_open -= 1
        self._lost = self._lost or not filled
        if self._gaps_open > 0:
            return
        doubts, self._doubts = self._doubts, []
        lost, self._lost, self._gaps_open = self._lost, False, 0
        if not lost:
            for doubt in doubts:
                self.view.trust(doubt)

    def _snapshot(self, snapshot: PoolSnapshot, at_ms: int) -> list[MarketEvent]:
        """Only whoever is not in step needs it."""
        if self.in_step:
            return []
        events = adopt(self.view, snapshot, at_ms)
        pool = self.view.pools.get(snapshot.pool)
        if pool is not None and snapshot.doubtful is None:
            for number in list(pool.feed_doubts):
                pool.lift(number)
        return events

    def _reread(self, reread: PoolReread, at_ms: int) -> list[MarketEvent]:
        """The pool built anew, in doubt as far as the live one was."""
        snapshot = reread.snapshot
        pool = self.view.pools.get(snapshot.pool)
        if pool is None or snapshot.doubtful is None:
            events = adopt(self.view, snapshot, at_ms)
        else:
            updates = {update.account.address: update for update in snapshot.accounts}
            events = self.view.rebuild(snapshot.pool, updates, snapshot.slot, at_ms) or []
        if pool is not None:
            for number, why in list(pool.feed_doubts.items()):
                if why not in reread.doubts:
                    pool.lift(number)
        return events

    def _marker(self, item: RawItem, at_ms: int) -> None:
        match item:
            case Bootstrapped(slot):
                # after a break what was doubted stays so until its snapshot comes
                self.in_step = not self._broken
                self.view.see_slot(slot, at_ms)
            case SnapshotBegan(slot, slot_at_ms):
                if slot > self.view.slot:
                    self.view.see_slot(slot, slot_at_ms)
            case MintSnapshot(token):
                if not self.in_step:
                    self.view.mints[token.mint] = token
            case SnapshotEnded():
                self.in_step = True
            case RecordingBroken(cause):
                self.in_step, self._broken = False, True
                self._break(self.view.doubt_since(0, f"{BREAK}{cause}"))
            case _:
                pass
