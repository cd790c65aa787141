"""The window of blockhashes that a transaction may still name, on the live fork."""

from collections import deque

import msgspec
from solders.hash import Hash

WINDOW_BLOCKS = 150  # MAX_PROCESSING_AGE of a node: about a minute at 400 ms


class Known(msgspec.Struct, frozen=True):
    blockhash: Hash
    slot: int
    height: int

    @property
    def last_valid_height(self) -> int:
        return self.height + WINDOW_BLOCKS


class Blockhashes:
    """Hashes of sealed blocks. The hash of block `n` is good in blocks up to `n + 150`."""

    def __init__(self) -> None:
        self._known: deque[Known] = deque()
        self._by_hash: dict[Hash, Known] = {}

    def add(self, blockhash: Hash, *, slot: int, height: int) -> None:
        known = Known(blockhash, slot, height)
        self._known.append(known)
        self._by_hash[blockhash] = known
        # Reads at `finalized` look from further back, so the window is kept twice.
        while self._known[0].height < height - 2 * WINDOW_BLOCKS:
            del self._by_hash[self._known.popleft().blockhash]

    def undo(self, *, after_slot: int) -> None:
        """Forgets the blocks of slots that died in a fork."""
        while self._known and self._known[-1].slot > after_slot:
            del self._by_hash[self._known.pop().blockhash]

    def find(self, blockhash: Hash) -> Known | None:
        return self._by_hash.get(blockhash)

    def valid(self, blockhash: Hash, *, at_height: int, at_slot: int) -> bool:
        """Whether a block of that height, in that slot, may hold a transaction that names it."""
        known = self._by_hash.get(blockhash)
        return known is not None and known.slot <= at_slot and at_height <= known.last_valid_height

    def latest(self, *, up_to_slot: int) -> Known:
        """The newest hash at or before a slot."""
        for known in reversed(self._known):
            if known.slot <= up_to_slot:
                return known
        return self._known[0]

    def newest_first(self, count: int) -> list[tuple[int, Hash]]:
        """(slot, hash) as the SlotHashes sysvar lists them."""
        newest = [self._known[-1 - place] for place in range(min(count, len(self._known)))]
        return [(known.slot, known.blockhash) for known in newest]
