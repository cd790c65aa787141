"""How many compute units a route takes: learned from its own simulations, folded from the journal.

A route is known by its side and its venues in order, since those decide which programs run. Until one has been
simulated it gets the policy's default; one that ran out of units gets twice as many the next time.
"""

from collections import OrderedDict, deque

import msgspec

from chimera.domain.ids import WSOL
from chimera.domain.messages import (
    Entry,
    LegDropped,
    LegExpired,
    LegLanded,
    LegPlanned,
    LegReverted,
    LegSimulated,
)
from chimera.domain.trade import Hop
from chimera.domain.units import mul_div_ceil
from chimera.execution.fees import FeePolicy, with_margin

SAMPLES = 20  # of each route; the most of them counts, so that a lean run does not starve the next one
ROUTES_REMEMBERED = 1_000
EXHAUSTED_PERCENT = 98  # a failed simulation that used so much of its limit ran out of it


class RouteKind(msgspec.Struct, frozen=True):
    buying: bool
    """A buy creates accounts, a sell closes them."""
    venues: tuple[str, ...]


def kind_of(hops: tuple[Hop, ...]) -> RouteKind:
    return RouteKind(hops[0].input_mint == WSOL, tuple(hop.venue for hop in hops))


class ComputeBook:
    def __init__(self, policy: FeePolicy) -> None:
        self._policy = policy
        self._taken: OrderedDict[RouteKind, deque[int]] = OrderedDict()
        self._raised: dict[RouteKind, int] = {}
        """Limits after a run that was too short, until one has succeeded."""
        self._planned: dict[str, tuple[RouteKind, int]] = {}
        """Legs under way: what was asked for."""

    def limit(self, kind: RouteKind) -> int:
        """What a transaction of that kind should ask for."""
        hops = len(kind.venues)
        raised = self._raised.get(kind, 0)
        taken = self._taken.get(kind)
        if taken is None:
            return max(self._policy.compute_default(hops), raised)
        return max(with_margin(max(taken), hops=hops, policy=self._policy), raised)

    def apply(self, entry: Entry) -> None:
        match entry.fact:
            case LegPlanned(leg, hops) as planned if hops:
                self._planned[leg.leg_id] = kind_of(hops), planned.compute_units
            case LegSimulated(leg) as simulated if leg.leg_id in self._planned:
                self._learn(*self._planned[leg.leg_id], simulated)
            case LegDropped(leg) | LegLanded(leg) | LegReverted(leg) | LegExpired(leg):
                self._planned.pop(leg.leg_id, None)
            case _:
                pass

    def _learn(self, kind: RouteKind, limit: int, simulated: LegSimulated) -> None:
        if simulated.error is not None:
            if simulated.compute_units >= mul_div_ceil(limit, EXHAUSTED_PERCENT, 100):
                self._raised[kind] = min(2 * limit, self._policy.compute_units_max)
            return
        if simulated.compute_units <= 0:
            return  # a node that does not tell
        self._raised.pop(kind, None)
        self._taken.setdefault(kind, deque(maxlen=SAMPLES)).append(simulated.compute_units)
        self._taken.move_to_end(kind)
        if len(self._taken) > ROUTES_REMEMBERED:
            self._taken.popitem(last=False)
