"""How deep in the chain a leg must lie before it is booked, and how long it may be unknown: by what it is worth.

Knows statuses and dollars; must not know intents, plans or who asks.
"""

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from chimera.domain.chain import Commitment, SignatureStatus
from chimera.domain.units import LAMPORTS_PER_SOL, MICRO_USD, mul_div_floor


class DepthTier(msgspec.Struct, frozen=True):
    micro_usd_min: int
    """From this worth on."""
    confirmations: int
    """Blocks on top of its own, at the least; asked of the node, which stops counting once a slot is rooted."""
    finalized: bool
    within_ms: int
    """Unknown for longer: a person is told. It is watched on."""

    def reached(self, status: SignatureStatus) -> bool:
        """Whether the status may be acted on. An error counts no earlier than a success: a fork undoes both."""
        if status.commitment is Commitment.FINALIZED:
            return True
        if self.finalized or status.commitment is not Commitment.CONFIRMED:
            return False
        return status.confirmations is None or status.confirmations >= self.confirmations


TIERS = (
    DepthTier(10_000 * MICRO_USD, confirmations=3, finalized=True, within_ms=300_000),
    DepthTier(1_000 * MICRO_USD, confirmations=2, finalized=False, within_ms=180_000),
    DepthTier(100 * MICRO_USD, confirmations=1, finalized=False, within_ms=120_000),
    DepthTier(0, confirmations=1, finalized=False, within_ms=60_000),
)
"""SPEC CF-02, the deepest first."""

FINAL = DepthTier(0, confirmations=0, finalized=True, within_ms=60_000)
"""For the wallet's own chores: nobody waits for them, so they count only once no fork can undo them."""


def tier_of(tiers: Sequence[DepthTier], lamports: int, sol_micro_usd: int | None) -> DepthTier:
    """The tier of a leg worth so much, rounded down; one of them begins at 0.

    Where SOL has no price: the deepest that does not wait for finality, since an exit hangs on what is booked.
    """
    deepest_first = _deepest_first(tuple(tiers))
    if sol_micro_usd is None:
        return next((tier for tier in deepest_first if not tier.finalized), deepest_first[0])
    worth = mul_div_floor(lamports, sol_micro_usd, LAMPORTS_PER_SOL)
    return next((tier for tier in deepest_first if worth >= tier.micro_usd_min), deepest_first[-1])


@lru_cache(maxsize=8)
def _deepest_first(tiers: tuple[DepthTier, ...]) -> tuple[DepthTier, ...]:
    return tuple(sorted(tiers, key=lambda tier: -tier.micro_usd_min))
