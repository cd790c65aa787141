"""What a leg may cost beside the swap itself: compute budget, priority fee and tip. Decided here and nowhere else."""

import msgspec

from chimera.domain.intent import Style
from chimera.domain.risk import Reason, Refusal
from chimera.domain.units import mul_div_ceil

BASE_FEE_LAMPORTS = 5_000  # per signature, protocol constant
MICRO = 1_000_000


class FeePolicy(msgspec.Struct, frozen=True):
    compute_units_base: int = 60_000
    """Account creation, wrapping and closing."""
    compute_units_per_hop: int = 120_000
    compute_units_max: int = 1_400_000
    """Protocol limit of one transaction."""
    cu_price_micro_lamports: int = 10_000
    exit_cu_price_micro_lamports: int = 50_000
    """Exits pay more: being late costs more than the fee."""
    tip_floor_lamports: int = 1_000_000
    tip_ceiling_lamports: int = 10_000_000
    fee_lamports_max: int = 5_000_000
    """Priority fee and tip of one leg together."""


class Fees(msgspec.Struct, frozen=True):
    compute_units: int
    cu_price_micro_lamports: int
    tip_lamports: int

    @property
    def total_lamports(self) -> int:
        """Base fee of one signature, priority fee rounded up, and tip."""
        priority = mul_div_ceil(self.compute_units, self.cu_price_micro_lamports, MICRO)
        return BASE_FEE_LAMPORTS + priority + self.tip_lamports


def fees(style: Style, *, hops: int, bundle: bool, policy: FeePolicy) -> Fees | Refusal:
    """The leg's budget; a tip only where it goes into a bundle."""
    units = min(policy.compute_units_base + hops * policy.compute_units_per_hop, policy.compute_units_max)
    price = policy.exit_cu_price_micro_lamports if style is Style.EXIT else policy.cu_price_micro_lamports
    tip = min(policy.tip_floor_lamports, policy.tip_ceiling_lamports) if bundle else 0
    chosen = Fees(compute_units=units, cu_price_micro_lamports=price, tip_lamports=tip)
    if chosen.total_lamports > policy.fee_lamports_max:
        return Refusal(
            Reason.FEES_ABOVE_LIMIT, limit=str(policy.fee_lamports_max), observed=str(chosen.total_lamports)
        )
    return chosen
