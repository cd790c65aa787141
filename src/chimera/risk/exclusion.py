"""Pools on which sales keep failing: left out for a while, so that an exit takes another way where there is one.

Three sales that a pool's program refused within two minutes leave it out (SPEC MO-09), until fewer lie within the
window, a sale goes through, or a person says otherwise. Failures of slippage do not count: the pool works, its price
ran away, and to be driven into a thinner pool would cost more than to ask again. Folded from facts; time comes in.
"""

from collections import OrderedDict, deque

from chimera.domain.failure import Failure
from chimera.domain.ids import WSOL, Address
from chimera.domain.messages import Entry, LegDropped, LegExpired, LegLanded, LegPlanned, LegReverted, Noted
from chimera.domain.risk import Reason

FAILURES_MAX = 3
WINDOW_MS = 120_000
PLANS_MAX = 1_000  # under way, never near it; a journal read in part may leave some unanswered
POOLS_MAX = 10_000
COUNTED = frozenset({Failure.TRANSACTION, Failure.VALIDATION})
FOLDS = frozenset({LegDropped, LegExpired, LegLanded, LegPlanned, LegReverted, Noted})
"""Most of the journal is none of these."""
RELEASED = "pool released by hand"
"""The note of a person's word; `data` names the pool."""


class PoolExclusions:
    def __init__(self) -> None:
        self._sales: OrderedDict[str, tuple[Address, ...]] = OrderedDict()
        """Pools that a leg under way sells into first, by leg."""
        self._failed: OrderedDict[Address, deque[int]] = OrderedDict()
        """When sales failed on a pool, the latest last."""

    # folding

    def apply(self, entry: Entry) -> None:
        """In the journal's order, each entry once, those of former runs included."""
        if type(entry.fact) not in FOLDS:
            return
        match entry.fact:
            case LegPlanned():
                self._planned(entry.fact)
            case LegLanded(leg):
                for pool in self._sales.pop(leg.leg_id, ()):
                    self._failed.pop(pool, None)
            case LegReverted(leg, failure=failure):
                self._fail(leg.leg_id, failure, entry.at_ms)
            case LegDropped(leg, refusal, failure):
                refused = refusal.reason is Reason.SIMULATION_FAILED
                self._fail(leg.leg_id, failure if refused else "", entry.at_ms)
            case LegExpired(leg):
                self._sales.pop(leg.leg_id, None)
            case Noted(what, data) if what == RELEASED:
                self._failed.pop(Address(str(data.get("pool", ""))), None)
            case _:
                pass

    def _planned(self, plan: LegPlanned) -> None:
        hops = plan.hops
        if not hops or hops[0].input_mint == WSOL:
            return
        sold = hops[0].input_mint
        # what comes after the first pool trades something else, and is not what refused the token
        self._sales[plan.leg.leg_id] = tuple(hop.pool for hop in hops if hop.input_mint == sold)
        if len(self._sales) > PLANS_MAX:
            self._sales.popitem(last=False)

    def _fail(self, leg_id: str, failure: str, at_ms: int) -> None:
        for pool in self._sales.pop(leg_id, ()):
            if failure not in COUNTED:
                continue
            times = self._failed.setdefault(pool, deque(maxlen=FAILURES_MAX))
            times.append(at_ms)
            self._failed.move_to_end(pool)
            if len(self._failed) > POOLS_MAX:
                self._failed.popitem(last=False)

    # reading

    def why(self, pool: Address, now_ms: int) -> str | None:
        """Why it is left out now, or None."""
        times = self._failed.get(pool)
        if times is None or len(times) < FAILURES_MAX or times[0] <= now_ms - WINDOW_MS:
            return None
        return f"{FAILURES_MAX} sales failed on it within {WINDOW_MS // 1_000} s"

    def now(self, now_ms: int) -> frozenset[Address]:
        """All that are left out."""
        if not self._failed:
            return frozenset()
        return frozenset(pool for pool in self._failed if self.why(pool, now_ms) is not None)
