"""Swaps that bring holdings to a target: what is too much pays for what is too little, the largest first.

Integers; what is sold is rounded down, except that a holding nobody wants any more is sold whole. Must not know who
wants the target or how a swap is done.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256

import msgspec

from chimera.domain.allocation import Holding, ProposedSwap
from chimera.domain.ids import USDC, WSOL, Address
from chimera.domain.units import BPS, MICRO_USD, mul_div_floor


class RebalanceRules(msgspec.Struct, frozen=True):
    """Defaults are XORJ's (SPEC RB-07)."""

    band_bps: int = 100
    """A difference above this share of everything is acted on,"""
    band_micro_usd: int = MICRO_USD
    """or one above this."""
    trade_micro_usd_min: int = MICRO_USD
    trades_max: int = 10
    """Of one cycle."""
    bucket_ms: int = 300_000
    """Within it the same swap has the same key."""


class Difference(msgspec.Struct, frozen=True):
    mint: Address
    held_micro_usd: int
    target_micro_usd: int

    @property
    def micro_usd(self) -> int:
        """Above 0: there is too much of it."""
        return self.held_micro_usd - self.target_micro_usd


def differences(holdings: Sequence[Holding], weights_bps: Mapping[Address, int]) -> tuple[Difference, ...]:
    """Held against wanted, for every mint of either; the weights' rest is dollars. Ordered by mint.

    Raises ValueError for weights that are none, and for a holding whose worth is unknown.
    """
    if any(weight < 0 for weight in weights_bps.values()) or sum(weights_bps.values()) > BPS:
        raise ValueError("weights must be at least 0 and at most 10,000 together")
    held: dict[Address, int] = {}
    for one in holdings:
        if one.micro_usd is None:
            raise ValueError(f"nobody knows what {one.mint} is worth")
        held[one.mint] = held.get(one.mint, 0) + one.micro_usd
    whole = sum(held.values())
    wanted = {mint: mul_div_floor(whole, weight, BPS) for mint, weight in weights_bps.items()}
    wanted[USDC] = wanted.get(USDC, 0) + whole - sum(wanted.values())
    return tuple(Difference(mint, held.get(mint, 0), wanted.get(mint, 0)) for mint in sorted(held | wanted))


def proposed(
    holdings: Sequence[Holding],
    weights_bps: Mapping[Address, int],
    rules: RebalanceRules,
    *,
    wallet: Address,
    now_ms: int,
) -> tuple[ProposedSwap, ...]:
    """The swaps of one cycle; none where everything is within its band. Raises ValueError as `differences`."""
    found = differences(holdings, weights_bps)
    whole = sum(one.held_micro_usd for one in found)
    outside = [one for one in found if _outside(one, whole, rules)]
    amounts = {one.mint: one.amount for one in holdings}
    too_much = {one.mint: one for one in outside if one.micro_usd > 0}
    surplus = {mint: one.micro_usd for mint, one in too_much.items()}
    lack = {one.mint: -one.micro_usd for one in outside if one.micro_usd < 0}
    sold = dict.fromkeys(surplus, 0)
    swaps: list[ProposedSwap] = []
    while surplus and lack and len(swaps) < rules.trades_max:
        source = min(surplus, key=lambda mint: (-surplus[mint], mint))
        target = min(lack, key=lambda mint: (-lack[mint], mint))
        worth = min(surplus[source], lack[target])
        if worth < rules.trade_micro_usd_min:
            break  # the largest pair is too small, so are the others
        surplus[source] -= worth
        lack[target] -= worth
        held = too_much[source].held_micro_usd
        last = not surplus[source] and not too_much[source].target_micro_usd
        amount = amounts[source] - sold[source] if last else mul_div_floor(amounts[source], worth, held)
        sold[source] += amount
        if amount:
            key = swap_key(wallet, source, target, amount, bucket=now_ms // rules.bucket_ms)
            swaps.append(ProposedSwap(key, source, target, amount, worth))
        surplus = {mint: left for mint, left in surplus.items() if left}
        lack = {mint: left for mint, left in lack.items() if left}
    return tuple(swaps)


def without_sol(weights_bps: Mapping[Address, int]) -> dict[Address, int] | None:
    """The weights of everything but SOL, scaled up to the whole, rounded down; None where they are all SOL.

    SOL pays fees and is what round trips are made of: it is left out of what is held, so it is out of the target.
    """
    left = BPS - weights_bps.get(WSOL, 0)
    if left <= 0:
        return None
    return {mint: mul_div_floor(weight, BPS, left) for mint, weight in weights_bps.items() if mint != WSOL}


def swap_key(wallet: Address, source: Address, target: Address, amount: int, *, bucket: int) -> str:
    """SHA-256 over wallet, pair, amount and bucket."""
    return sha256("|".join((wallet, source, target, str(amount), str(bucket))).encode()).hexdigest()


def _outside(one: Difference, whole: int, rules: RebalanceRules) -> bool:
    size = abs(one.micro_usd)
    return size * BPS > whole * rules.band_bps or size > rules.band_micro_usd
