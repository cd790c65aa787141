"""How far a fill may stay behind its quote: the intent's own limit, the risk profile's, and what was learned.

Learned from confirmed fills alone, by route and size, folded from the journal; it only ever tightens a buy. The
estimate (price impact plus what such fills usually lose) is made before a transaction is built, and what is over
the limit is refused; `failures` counts it for the breaker. Time is that of the entries. Must not know venues or how
a plan is built.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence

import msgspec

from chimera.domain.ids import Address
from chimera.domain.intent import Side, TradeIntent
from chimera.domain.messages import (
    Entry,
    LegDropped,
    LegExpired,
    LegLanded,
    LegPlanned,
    LegReverted,
)
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import Fill
from chimera.domain.units import BPS, mul_div_ceil

SIZES_BPS = (100, 500)  # SPEC QS-02: below 1 %, 1 to 5 %, above; of reserves, told by the price impact
SAMPLES_MAX = 500  # a route and size
ROUTES_MAX = 500
PLANS_MAX = 1_000  # under way, never near it; a journal read in part may leave some unanswered
PROFILES_BPS = {"conservative": 50, "balanced": 100, "aggressive": 200}
"""SPEC GD-05; "own": each strategy's limit, below the house's."""

Key = tuple[tuple[Address, ...], int]


class SlippagePolicy(msgspec.Struct, frozen=True):
    learn: bool = False
    percentile: int = 95
    samples_min: int = 20
    window_ms: int = 86_400_000
    margin_bps: int = 12_000
    """Of the percentile: a fifth on top."""
    learned_bps_max: int = 5_000
    profile_bps: int | None = None
    """No buy may lose more by its estimate, whatever its strategy allows; None: no profile is chosen."""


class Slippage:
    def __init__(self, policy: SlippagePolicy) -> None:
        self._policy = policy
        self._samples: OrderedDict[Key, deque[tuple[int, int]]] = OrderedDict()
        """(when, bps behind the quote), the latest last; routes by their last use."""
        self._plans: OrderedDict[str, LegPlanned] = OrderedDict()
        self._now_ms = 0

    # folding

    def apply(self, entry: Entry) -> None:
        """In the journal's order, each entry once, those of former runs included."""
        self._now_ms = max(self._now_ms, entry.at_ms)
        match entry.fact:
            case LegPlanned() as plan:
                self._plans[plan.leg.leg_id] = plan
                if len(self._plans) > PLANS_MAX:
                    self._plans.popitem(last=False)
            case LegLanded(leg, fill):
                plan_of = self._plans.pop(leg.leg_id, None)
                if plan_of is not None and plan_of.expected_out > 0 and fill.side is not Side.CYCLE:
                    self._learn(plan_of, fill, entry.at_ms)
            case LegDropped(leg) | LegReverted(leg) | LegExpired(leg):
                self._plans.pop(leg.leg_id, None)
            case _:
                pass

    def _learn(self, plan: LegPlanned, fill: Fill, at_ms: int) -> None:
        got = fill.swap_lamports if fill.side is Side.SELL else fill.token_delta
        behind = mul_div_ceil(max(plan.expected_out - got, 0), BPS, plan.expected_out)
        key = (tuple(hop.pool for hop in plan.hops), size_class(plan.price_impact_bps))
        samples = self._samples.setdefault(key, deque(maxlen=SAMPLES_MAX))
        self._samples.move_to_end(key)
        samples.append((at_ms, behind))
        if len(self._samples) > ROUTES_MAX:
            self._samples.popitem(last=False)

    # deciding

    def review(self, intent: TradeIntent, *, pools: Sequence[Address], impact_bps: int) -> int | Refusal:
        """The bps that the leg's least output may stay below its quote, or why its slippage is too much.

        An exit is never refused here: it may lose what its strategy allows.
        """
        if intent.side is Side.SELL:
            return intent.slippage_bps_max
        allowed = intent.slippage_bps_max
        if self._policy.profile_bps is not None:
            allowed = min(allowed, self._policy.profile_bps)
        usual = self.usual_bps(pools, impact_bps)
        estimate = impact_bps + (usual or 0)
        if estimate > allowed:
            told = f"{impact_bps} bps price impact"
            if usual:
                told += f" and {usual} bps that such fills lose"
            return Refusal(Reason.SLIPPAGE, limit=f"{allowed} bps", observed=told)
        if not self._policy.learn or usual is None:
            return allowed
        learned = mul_div_ceil(usual, self._policy.margin_bps, BPS)
        return min(allowed, max(learned, 1), self._policy.learned_bps_max)

    def usual_bps(self, pools: Sequence[Address], impact_bps: int) -> int | None:
        """What fills of this route and size lose at the chosen percentile; None where too few are known."""
        if not self._policy.learn:
            return None
        samples = self._samples.get((tuple(pools), size_class(impact_bps)), ())
        fresh = sorted(bps for at_ms, bps in samples if at_ms > self._now_ms - self._policy.window_ms)
        if len(fresh) < self._policy.samples_min:
            return None
        return fresh[max(-(-self._policy.percentile * len(fresh) // 100) - 1, 0)]


def size_class(impact_bps: int) -> int:
    """0 for small against the pool, 1, 2 for large."""
    return sum(impact_bps >= bound for bound in SIZES_BPS)
