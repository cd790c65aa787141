"""What a leg may cost beside the swap itself: compute budget, priority fee and tip. Decided here and nowhere else.

`budget` is the rule; what it is told comes from `compute` (limits learned from simulations), `prices` (what
others pay for the accounts written) and `tips` (what landed), each folded away from the hot path.
"""

import msgspec

from chimera.domain.intent import Style
from chimera.domain.risk import Reason, Refusal
from chimera.domain.units import BPS, mul_div_ceil, mul_div_floor

BASE_FEE_LAMPORTS = 5_000  # per signature, protocol constant
MICRO = 1_000_000


class FeePolicy(msgspec.Struct, frozen=True):
    compute_units_base: int = 60_000
    """Account creation, wrapping and closing; with the next one the limit of a route not simulated yet."""
    compute_units_per_hop: int = 120_000
    compute_units_floor_base: int = 40_000
    """With the next one: what simulations may teach us to ask for at the least."""
    compute_units_floor_per_hop: int = 60_000
    compute_units_max: int = 1_400_000
    """Protocol limit of one transaction."""
    compute_margin_bps: int = 1_500
    """On top of what simulations took: the state may have moved a tick array or a bin further."""
    cu_price_micro_lamports: int = 10_000
    """The least that an entry pays, and what it pays where nothing is known of the market."""
    cu_price_micro_lamports_max: int = 1_000_000
    exit_cu_price_micro_lamports: int = 50_000
    """Exits pay more: being late costs more than the fee."""
    exit_cu_price_micro_lamports_max: int = 5_000_000
    exit_cu_price_multiple: int = 2
    """Of what others pay."""
    fee_lamports_max: int = 5_000_000
    """Priority fee and tip of one leg together."""

    def compute_default(self, hops: int) -> int:
        return min(self.compute_units_base + hops * self.compute_units_per_hop, self.compute_units_max)

    def compute_floor(self, hops: int) -> int:
        return self.compute_units_floor_base + hops * self.compute_units_floor_per_hop


class Fees(msgspec.Struct, frozen=True):
    compute_units: int
    cu_price_micro_lamports: int
    tip_lamports: int

    @property
    def total_lamports(self) -> int:
        """Base fee of one signature, priority fee rounded up, and tip."""
        priority = mul_div_ceil(self.compute_units, self.cu_price_micro_lamports, MICRO)
        return BASE_FEE_LAMPORTS + priority + self.tip_lamports


def budget(
    style: Style, *, compute_units: int, market_price: int | None, tip_lamports: int, policy: FeePolicy
) -> Fees | Refusal:
    """The leg's budget. An entry that would cost too much is refused; an exit pays what it may and goes.

    `market_price`: micro-lamports a compute unit that landed lately, None where unknown.
    """
    price = cu_price(style, market_price, policy)
    chosen = Fees(compute_units=compute_units, cu_price_micro_lamports=price, tip_lamports=tip_lamports)
    if chosen.total_lamports <= policy.fee_lamports_max:
        return chosen
    if style is not Style.EXIT:
        return Refusal(
            Reason.FEES_ABOVE_LIMIT, limit=str(policy.fee_lamports_max), observed=str(chosen.total_lamports)
        )
    left = max(policy.fee_lamports_max - BASE_FEE_LAMPORTS - tip_lamports, 0)
    return msgspec.structs.replace(chosen, cu_price_micro_lamports=mul_div_floor(left, MICRO, compute_units))


def cu_price(style: Style, market_price: int | None, policy: FeePolicy) -> int:
    """Micro-lamports a compute unit: the market's, an exit's multiple of it, within the policy's bounds."""
    if style is Style.EXIT:
        wanted = (market_price or 0) * policy.exit_cu_price_multiple
        floor, ceiling = policy.exit_cu_price_micro_lamports, policy.exit_cu_price_micro_lamports_max
    else:
        wanted = market_price or 0
        floor, ceiling = policy.cu_price_micro_lamports, policy.cu_price_micro_lamports_max
    return min(max(wanted, floor), max(ceiling, floor))


def with_margin(compute_units: int, *, hops: int, policy: FeePolicy) -> int:
    """The limit to ask for, given the most that simulations took; rounded up, between floor and protocol limit."""
    wanted = mul_div_ceil(compute_units, BPS + policy.compute_margin_bps, BPS)
    return min(max(wanted, policy.compute_floor(hops)), policy.compute_units_max)
