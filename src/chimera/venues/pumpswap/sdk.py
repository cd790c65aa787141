"""What the official SDK answers, which recorded rows follow: dust and nothings included that no program takes.

Differs from `curve` in what it lets pass (nothing for nothing, buys of dust that give nothing) and in sales for a
sum, where it does not look whether the three roundings leave the sum whole. Knows amounts and rates only.
"""

from chimera.domain.pool import SwapKind
from chimera.domain.units import BPS
from chimera.onchain.curves import ceil_div, fee_ceil
from chimera.onchain.pump_fees import Fees
from chimera.venues.pumpswap.curve import Reserves, base_for, fees_on, net_of


def answer(
    direction: str, kind: SwapKind, amount: int, reserves: Reserves, fees: Fees
) -> tuple[int, int] | str:
    """(in, out), or why not."""
    if not reserves.tradable:
        return "an empty side"
    exact_in = kind is SwapKind.EXACT_IN
    match direction:
        case "buy":
            return (_buy_spending if exact_in else _buy_base)(amount, reserves, fees)
        case "sell":
            return (_sell_base if exact_in else _sell_for)(amount, reserves, fees)
    return f"no direction: {direction}"


def _buy_spending(amount: int, reserves: Reserves, fees: Fees) -> tuple[int, int] | str:
    traded = net_of(amount, fees) - 1
    priced = reserves.priced_quote + traded
    if priced == 0:
        return "the pool would be depleted"
    base = abs(reserves.base * traded) // abs(priced)  # its division cuts towards nothing
    if base and (traded < 0) != (priced < 0):
        return "dust"
    return amount, base


def _buy_base(amount: int, reserves: Reserves, fees: Fees) -> tuple[int, int] | str:
    if amount >= reserves.base:
        return "more than the pool holds"
    quote = ceil_div(reserves.priced_quote * amount, reserves.base - amount)
    return quote + fees_on(quote, fees), amount


def _sell_base(amount: int, reserves: Reserves, fees: Fees) -> tuple[int, int] | str:
    quote = reserves.priced_quote * amount // (reserves.base + amount)
    if quote - fee_ceil(quote, fees.lp_bps, one=BPS) > reserves.quote:
        return "the vault holds less"
    received = quote - fees_on(quote, fees)
    return (amount, received) if received >= 0 else "the fees exceed what the sale gives"


def _sell_for(amount: int, reserves: Reserves, fees: Fees) -> tuple[int, int] | str:
    if amount > reserves.quote or fees.total_bps >= BPS:
        return "more than the vault holds"
    base = base_for(ceil_div(amount * BPS, BPS - fees.total_bps), reserves)
    return (base, amount) if base is not None else "more than the curve can give"
