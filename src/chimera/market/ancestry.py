"""Which slots are known and how they hang together: holes, repetitions, and forks that nobody votes for any more.

Folds slot statuses alone. Must not know what happened in a slot.
"""

from collections import OrderedDict

import msgspec

from chimera.domain.chain import FeedGap, GapClosed, SlotStatus, SlotUpdate
from chimera.domain.ids import Slot

SLOTS_REMEMBERED = 1_024  # several times what a server replays


class Seen(msgspec.Struct, frozen=True):
    """What one status said."""

    new: bool
    dead: tuple[int, ...] = ()
    """Slots that it undoes: itself, or those that a confirmed one was not built on."""
    gap: FeedGap | None = None
    closed: tuple[GapClosed, ...] = ()


class _Known(msgspec.Struct):
    parent: int | None = None
    statuses: set[SlotStatus] = msgspec.field(default_factory=set)


class _Hole(msgspec.Struct):
    """Slots missing below `child`; `awaited` is the one that would hang it to the rest, or lead on to it."""

    first: int
    last: int
    awaited: int
    child: int


class Ancestry:
    def __init__(self) -> None:
        self.last = 0
        """The highest processed slot that has not died; 0 before the first."""
        self._floor = 0
        """Everything below counts as known: it was before our time, or so long ago that it is forgotten."""
        self._slots: OrderedDict[int, _Known] = OrderedDict()
        self._holes: list[_Hole] = []
        self._settled = 0
        """The highest confirmed slot whose competitors have been dealt with."""
        self._broken = ""

    @property
    def oldest(self) -> int:
        """Nothing older is remembered or can be replayed."""
        return max(self._floor, self.last - SLOTS_REMEMBERED)

    @property
    def incomplete(self) -> bool:
        return bool(self._holes)

    def resume_from(self, earlier: int) -> int | None:
        """The first missing slot, else `earlier` slots before the last one; None before the first."""
        if not self.last:
            return None
        first = min((hole.first for hole in self._holes), default=self.last - earlier)
        return max(self._floor, min(first, self.last - earlier))

    def is_dead(self, slot: int) -> bool:
        known = self._slots.get(slot)
        return known is not None and SlotStatus.DEAD in known.statuses

    def break_off(self, cause: str) -> None:
        """What comes next does not join up with what is known; the next processed slot closes all holes unfilled."""
        self._broken = cause

    def see(self, update: SlotUpdate) -> Seen:
        """Folds a status."""
        known = self._slots.get(update.slot)
        if known is None:
            known = self._slots[update.slot] = _Known()
            if len(self._slots) > SLOTS_REMEMBERED:
                oldest, _ = self._slots.popitem(last=False)
                self._floor = max(self._floor, oldest + 1)
        known.parent = update.parent if update.parent is not None else known.parent
        if update.status in known.statuses:
            return Seen(new=False, closed=self._passed_by(update))
        known.statuses.add(update.status)
        match update.status:
            case SlotStatus.DEAD:
                return Seen(new=True, dead=(update.slot,), closed=self._die(update.slot))
            case SlotStatus.PROCESSED:
                return self._processed(update.slot, known)
            case _:
                return Seen(new=True, dead=self._abandoned(update.slot))

    def _processed(self, slot: int, known: _Known) -> Seen:
        if SlotStatus.DEAD in known.statuses:
            return Seen(new=True)
        before, self.last = self.last, max(self.last, slot)
        if not before and not self._broken:
            self._floor = slot
            return Seen(new=True)
        if self._broken:
            # the stream began in the middle of this slot, so it is not whole either
            cause, self._broken, self._floor = self._broken, "", slot + 1
            first = min([before + 1 if before else slot, *(hole.first for hole in self._holes)])
            self._holes.clear()
            gap = FeedGap(Slot(min(first, slot)), Slot(slot), cause)
            return Seen(new=True, gap=gap, closed=(GapClosed(gap.first_slot, gap.last_slot, filled=False),))
        joined = known.parent is None or self._joins(known.parent)
        waiting = [hole for hole in self._holes if hole.awaited == slot]
        if joined or known.parent is None:
            self._holes = [hole for hole in self._holes if hole.awaited != slot]
            return Seen(new=True, closed=tuple(_closed(hole, filled=True) for hole in waiting))
        if waiting:
            for hole in waiting:
                hole.awaited = known.parent
            return Seen(new=True)
        first = 1 + max((s for s in self._slots if s < known.parent and self._joins(s)), default=self._floor)
        hole = _Hole(first=first, last=known.parent, awaited=known.parent, child=slot)
        self._holes.append(hole)
        gap = FeedGap(Slot(hole.first), Slot(hole.last), "slots missing on the stream")
        return Seen(new=True, gap=gap)

    def _joins(self, slot: int) -> bool:
        known = self._slots.get(slot)
        return slot < self._floor or (known is not None and SlotStatus.PROCESSED in known.statuses)

    def _passed_by(self, update: SlotUpdate) -> tuple[GapClosed, ...]:
        """A replay has reached the slot above a hole without filling it: it never will."""
        if update.status is not SlotStatus.PROCESSED:
            return ()
        lost = [hole for hole in self._holes if hole.child == update.slot]
        self._holes = [hole for hole in self._holes if hole.child != update.slot]
        return tuple(_closed(hole, filled=False) for hole in lost)

    def _die(self, slot: int) -> tuple[GapClosed, ...]:
        if slot == self.last:
            alive = (s for s in self._slots if s < slot and self._joins(s) and not self.is_dead(s))
            self.last = max(alive, default=slot)
        # what a dead slot was built on is of no interest
        gone = [hole for hole in self._holes if hole.child == slot]
        self._holes = [hole for hole in self._holes if hole.child != slot]
        return tuple(_closed(hole, filled=True) for hole in gone)

    def _abandoned(self, confirmed: int) -> tuple[int, ...]:
        """Processed slots since the last settled one that `confirmed` was not built on; they count as dead.

        A cluster says DEAD only of slots that fail to replay; a fork that lost the vote just ends.
        """
        if confirmed <= self._settled:
            return ()
        line: set[int] = set()
        judged_from = self._settled
        at: int | None = confirmed
        while at is not None and at > self._settled:
            known = self._slots.get(at)
            if known is None or SlotStatus.PROCESSED not in known.statuses:
                if at >= self._floor:
                    return ()  # the line is not known down to the last settled slot; a later one will tell
                judged_from = min(line, default=confirmed)  # what was before the break, nobody can say
                break
            line.add(at)
            at = known.parent
        lost = sorted(
            slot
            for slot, known in self._slots.items()
            if judged_from < slot < confirmed
            and slot not in line
            and SlotStatus.PROCESSED in known.statuses
            and SlotStatus.DEAD not in known.statuses
        )
        self._settled = confirmed
        for slot in lost:
            self._slots[slot].statuses.add(SlotStatus.DEAD)
        return tuple(lost)


def _closed(hole: _Hole, *, filled: bool) -> GapClosed:
    return GapClosed(Slot(hole.first), Slot(hole.last), filled=filled)
