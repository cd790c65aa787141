"""What the sniper remembers: launches as they were seen, creators by what they did, sources by what they earned.

All of it is folded from market events and from the sniper's own words in the journal, and all of it is bounded. Must
not judge.
"""

from collections import OrderedDict, deque
from typing import TypeVar

import msgspec

from chimera.domain.ids import Address, Slot
from chimera.domain.pool import PoolHeader, Swap

LAUNCHES_MAX = 5_000  # followed at once; the oldest go
HOLDERS_MAX = 2_000  # of one launch: more than a curve ever has while it is worth sniping
CREATORS_MAX = 20_000
HOUR_MS = 3_600_000

K = TypeVar("K")
V = TypeVar("V")


class Launch(msgspec.Struct):
    """One coin from its first transaction on."""

    mint: Address
    slot: Slot
    at_ms: int
    pool: PoolHeader | None = None
    creator: Address | None = None
    holdings: dict[Address, int] = {}
    early: dict[Address, int] = {}
    """Bought in the launch's own slots, by wallet; the creator, who may be known later, among them."""
    buyers: set[Address] = set()
    sold_by: dict[Address, int] = {}
    bought_by: dict[Address, int] = {}
    held_lamports: int = 0
    looked_ms: int = 0
    over: bool = False
    """Refused for good, bought, or let go."""
    counted: bool = False
    """Among its creator's launches."""
    dumped: bool = False
    """Told of its creator."""

    def fold(self, swap: Swap, *, bought: bool, worth: int, launch_slots: int) -> None:
        """One trade, ours left out by the caller's filter."""
        user = swap.user
        if bought:
            tokens = swap.amount_out
            self.held_lamports += worth
            self.slot = min(self.slot, swap.slot)
            if swap.slot - self.slot < launch_slots:
                self.early[user] = self.early.get(user, 0) + tokens
            elif len(self.buyers) < HOLDERS_MAX:
                self.buyers.add(user)
            if user in self.bought_by or len(self.bought_by) < HOLDERS_MAX:
                self.bought_by[user] = self.bought_by.get(user, 0) + tokens
                self.holdings[user] = self.holdings.get(user, 0) + tokens
        else:
            self.held_lamports -= worth
            if user in self.sold_by or len(self.sold_by) < HOLDERS_MAX:
                self.sold_by[user] = self.sold_by.get(user, 0) + swap.amount_in
            left = self.holdings.get(user, 0) - swap.amount_in
            if left > 0:
                self.holdings[user] = left
            else:
                self.holdings.pop(user, None)

    @property
    def creator_bought(self) -> int:
        return self.bought_by.get(self.creator, 0) if self.creator is not None else 0

    @property
    def creator_sold(self) -> int:
        return self.sold_by.get(self.creator, 0) if self.creator is not None else 0

    @property
    def bundle_bought(self) -> int:
        return sum(tokens for user, tokens in self.early.items() if user != self.creator)

    @property
    def crowd(self) -> int:
        """Wallets that bought after the launch's own slots, and are neither its creator nor his bundle."""
        return len(self.buyers - self.early.keys() - {self.creator})


class Creator(msgspec.Struct):
    launches: deque[int]
    """Times of the last ones."""
    blame: str = ""
    """The first thing that speaks against him."""


class Source(msgspec.Struct):
    """What one launchpad has earned."""

    closed: int = 0
    won: int = 0
    lamports: int = 0
    losses_in_row: int = 0
    paused_until_ms: int = 0


class Result(msgspec.Struct, frozen=True):
    """A source's account as it is left in the journal; lamports as text, since they may be large."""

    source: str
    closed: int
    won: int
    lamports: str
    losses_in_row: int
    paused_until_ms: int
    free_ms: int
    """When the cooldown of this one is over; 0 where it earned."""


class Blame(msgspec.Struct, frozen=True):
    """What speaks against a creator, as it is left in the journal."""

    creator: Address
    blame: str


class Creators:
    """Everybody who was seen to launch, by what he did."""

    def __init__(self) -> None:
        self._known: OrderedDict[Address, Creator] = OrderedDict()

    def launched(self, creator: Address, at_ms: int) -> None:
        self._of(creator).launches.append(at_ms)

    def blame(self, creator: Address, why: str) -> bool:
        """Whether that is new of him."""
        found = self._of(creator)
        if found.blame:
            return False
        found.blame = why
        return True

    def blame_of(self, creator: Address) -> str:
        found = self._known.get(creator)
        return found.blame if found is not None else ""

    def launches_of(self, creator: Address, now_ms: int) -> int:
        """Within the last hour, the current one included."""
        found = self._known.get(creator)
        return sum(now_ms - at_ms < HOUR_MS for at_ms in found.launches) if found is not None else 0

    def _of(self, creator: Address) -> Creator:
        found = self._known.get(creator)
        if found is None:
            found = self._known[creator] = Creator(deque(maxlen=100))
            if len(self._known) > CREATORS_MAX:
                self._forget()
        else:
            self._known.move_to_end(creator)
        return found

    def _forget(self) -> None:
        """The longest unseen goes, of whom nothing bad is known; else the longest unseen."""
        for number, (creator, one) in enumerate(self._known.items()):
            if not one.blame:
                del self._known[creator]
                return
            if number > 100:
                break
        self._known.popitem(last=False)


def bounded(kept: OrderedDict[K, V], key: K, value: V, most: int) -> V:
    """Keeps it; the oldest goes where there are more than so many."""
    kept[key] = value
    if len(kept) > most:
        kept.popitem(last=False)
    return value
