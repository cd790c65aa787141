"""PumpSwap's arithmetic: constant product over the vaults and a virtual part of the quote, fees on the quote's side.

None is wherever the program refuses or would overflow. Knows amounts and rates; no accounts, no addresses.
Three fees (providers', protocol's, creator's), each rounded up on its own; what a user pays rounds up, what he gets
rounds down. Source: the pump-swap SDK, which mirrors the program's, and the IDL's notes.
"""

from typing import Final

import msgspec

from chimera.domain.units import BPS, U64_MAX
from chimera.onchain.curves import ceil_div, fee_ceil, impact_bps
from chimera.onchain.pump_fees import Fees

ADJUSTMENTS_MAX: Final = 8  # three fees round by a unit each; twice as often can only be a rate beyond sense


class Reserves(msgspec.Struct, frozen=True):
    base: int
    quote: int
    """What lies in the vault: no sale can be paid out of more."""
    priced_quote: int
    """With the virtual part, which may be negative."""

    @property
    def tradable(self) -> bool:
        return self.base > 0 and self.quote > 0 and self.priced_quote > 0


class Trade(msgspec.Struct, frozen=True):
    """A trade, computed."""

    paid: int
    received: int
    fees: int
    """In quote: on top of what a buy trades, taken off what a sale trades."""
    quote: int
    """What the curve takes or gives, without fees."""
    base: int


def fees_on(quote: int, fees: Fees) -> int:
    """The three fees; written out, since a quote asks for them and a call costs more than the sum."""
    return (
        -(-quote * fees.lp_bps // BPS)
        - (-quote * fees.protocol_bps // BPS)
        - (-quote * fees.creator_bps // BPS)
    )


def net_of(spendable: int, fees: Fees) -> int:
    """What is left of a sum for the curve: less than the sum without its fees where their roundings ask it."""
    net = spendable * BPS // (BPS + fees.total_bps)
    return net - max(0, net + fees_on(net, fees) - spendable)


def buy_spending(spendable: int, reserves: Reserves, fees: Fees) -> Trade | None:
    """The buy for a sum, fees included: `buy_exact_quote_in`. One unit of it is the program's own margin."""
    net = net_of(spendable, fees)
    if net <= 1 or not reserves.tradable:
        return None
    base = reserves.base * (net - 1) // (reserves.priced_quote + net - 1)
    if base <= 0 or reserves.quote + spendable > U64_MAX:
        return None
    return Trade(spendable, base, spendable - net, net, base)


def buy_base(base: int, reserves: Reserves, fees: Fees) -> Trade | None:
    """The buy of exactly so much base: `buy`."""
    if not reserves.tradable or not 0 < base < reserves.base:
        return None
    quote = ceil_div(reserves.priced_quote * base, reserves.base - base)
    charged = fees_on(quote, fees)
    if reserves.quote + quote + charged > U64_MAX:
        return None
    return Trade(quote + charged, base, charged, quote, base)


def sell_base(base: int, reserves: Reserves, fees: Fees) -> Trade | None:
    """The sale of exactly so much base: `sell`."""
    if not reserves.tradable or base <= 0 or reserves.base + base > U64_MAX:
        return None
    quote = reserves.priced_quote * base // (reserves.base + base)
    charged = fees_on(quote, fees)
    # The providers' fee stays in the vault: all else must lie there.
    if quote - fee_ceil(quote, fees.lp_bps, one=BPS) > reserves.quote or quote <= charged:
        return None
    return Trade(base, quote - charged, charged, quote, base)


def sell_for(received: int, reserves: Reserves, fees: Fees) -> Trade | None:
    """The smallest sale known to bring `received`: no instruction of its own, but a `sell` with that minimum."""
    if received <= 0 or fees.total_bps >= BPS or not reserves.tradable:
        return None
    wanted = ceil_div(received * BPS, BPS - fees.total_bps)
    for _ in range(ADJUSTMENTS_MAX):
        base = base_for(wanted, reserves)
        trade = sell_base(base, reserves, fees) if base is not None else None
        if trade is None:
            return None
        if trade.received >= received:
            return Trade(trade.base, received, trade.fees, trade.quote, trade.base)
        wanted = max(wanted, trade.quote) + received - trade.received
    return None


def base_for(quote: int, reserves: Reserves) -> int | None:
    """The least base that moves so much quote out of the curve; None where it cannot give as much."""
    left = reserves.priced_quote - quote
    return ceil_div(reserves.base * quote, left) if left > 0 else None


def price_impact_bps(trade: Trade, reserves: Reserves, *, buys: bool) -> int:
    """How far the trade's price, fees apart, is from the pool's before it; rounded up."""
    base, quote = reserves.base, reserves.priced_quote
    if buys:
        return impact_bps(traded_in=trade.quote, traded_out=trade.base, reserve_in=quote, reserve_out=base)
    return impact_bps(traded_in=trade.base, traded_out=trade.quote, reserve_in=base, reserve_out=quote)
