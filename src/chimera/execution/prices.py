"""What others pay for a compute unit, by pool: samples brought from outside now and then, read on the hot path.

Fees on Solana are local: what a transaction competes for is the accounts that it writes. Knows which pools
are worth asking about, not who is asked.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence

import msgspec

from chimera.domain.ids import Address
from chimera.domain.messages import Entry, LegPlanned

POOLS_WATCHED = 8  # one question each every few seconds, out of forty a second
ANYWHERE = Address("")


class PricePolicy(msgspec.Struct, frozen=True):
    percentile: int = 75
    """Of the slots sampled; each says the least price that landed in it."""
    stale_ms: int = 60_000
    """Older samples count as unknown."""


class PriceBook:
    def __init__(self, policy: PricePolicy) -> None:
        self._policy = policy
        self._known: dict[Address, tuple[int, int]] = {}
        """(price, when) by pool; ANYWHERE for the chain as a whole."""
        self._pools: OrderedDict[Address, None] = OrderedDict()

    @property
    def watched(self) -> tuple[Address, ...]:
        """Pools of the latest plans, the newest first."""
        return tuple(reversed(self._pools))

    def apply(self, entry: Entry) -> None:
        """A planned leg makes its pools worth watching; the longest unused are forgotten."""
        if not isinstance(entry.fact, LegPlanned):
            return
        for hop in entry.fact.hops:
            self._pools[hop.pool] = None
            self._pools.move_to_end(hop.pool)
        while len(self._pools) > POOLS_WATCHED:
            forgotten, _ = self._pools.popitem(last=False)
            self._known.pop(forgotten, None)

    def see(self, where: Address, samples: Sequence[int], at_ms: int) -> None:
        """Prices in micro-lamports, slot by slot, of transactions that wrote `where`."""
        if samples:
            self._known[where] = percentile(samples, self._policy.percentile), at_ms

    def forget_stale(self, now_ms: int) -> None:
        self._known = {
            where: (price, at_ms)
            for where, (price, at_ms) in self._known.items()
            if now_ms - at_ms <= self._policy.stale_ms
        }

    def price(self, pools: Iterable[Address]) -> int | None:
        """The dearest of the pools; the chain's own where a pool is not known; None where nothing is."""
        anywhere = self._known.get(ANYWHERE)
        found = [known for pool in pools if (known := self._known.get(pool, anywhere)) is not None]
        return max((price for price, _ in found), default=None)


def percentile(values: Iterable[int], percent: int) -> int:
    """The smallest value that at least so many percent do not exceed (nearest rank); raises IndexError for none."""
    ascending = sorted(values)
    return ascending[max(0, -(-percent * len(ascending) // 100) - 1)]
