"""The curve's arithmetic: constant product over virtual reserves, with fees on the quote's side.

None is wherever the program refuses or would overflow. Knows amounts and rates; no accounts, no addresses.
Every fee is rounded up on its own, the cost of a buy is one more than the quotient, and what a sell gives is rounded
down. Source: the IDL's notes on `buy_exact_sol_in`, the pump SDK for the rest.
"""

from typing import Final

import msgspec

from chimera.domain.units import BPS, U64_MAX
from chimera.onchain.curves import ceil_div, impact_bps

ADJUSTMENTS_MAX: Final = (
    8  # roundings of two fees are a unit each; twice as often can only be a rate beyond sense
)


class Reserves(msgspec.Struct, frozen=True):
    """The virtual ones price a trade, the real ones are what there is."""

    virtual_tokens: int
    virtual_quote: int
    real_tokens: int
    real_quote: int


class Rates(msgspec.Struct, frozen=True):
    """Hundredths of a percent of the quote amount."""

    protocol_bps: int
    creator_bps: int

    @property
    def total_bps(self) -> int:
        return self.protocol_bps + self.creator_bps

    def on(self, quote: int) -> int:
        # written out: a quote asks for them, and a call costs more than the sum
        return -(-quote * self.protocol_bps // BPS) - (-quote * self.creator_bps // BPS)


class Trade(msgspec.Struct, frozen=True):
    """A trade, computed."""

    paid: int
    """What leaves the user: quote with fees, or tokens."""
    received: int
    fees: int
    quote: int
    """What the curve takes or gives, without fees."""
    tokens: int


def buy_spending(spendable: int, reserves: Reserves, rates: Rates) -> Trade | None:
    """The buy for a sum, fees included: `buy_exact_quote_in_v2` and `buy_exact_sol_in`.

    A sum beyond the curve's last token is refused, as the program does (NotEnoughTokensToBuy).
    """
    net = spendable * BPS // (BPS + rates.total_bps)
    excess = net + rates.on(net) - spendable
    if excess > 0:
        net -= excess
    if net <= 1:
        return None
    tokens = (net - 1) * reserves.virtual_tokens // (reserves.virtual_quote + net - 1)
    if not 0 < tokens <= reserves.real_tokens or reserves.virtual_quote + net > U64_MAX:
        return None
    return Trade(spendable, tokens, spendable - net, net, tokens)


def buy_tokens(tokens: int, reserves: Reserves, rates: Rates) -> Trade | None:
    """The buy of exactly so many tokens: `buy_v2` and `buy`."""
    if not 0 < tokens <= reserves.real_tokens or tokens >= reserves.virtual_tokens:
        return None
    cost = tokens * reserves.virtual_quote // (reserves.virtual_tokens - tokens) + 1
    fees = rates.on(cost)
    if cost + fees > U64_MAX or reserves.virtual_quote + cost > U64_MAX:
        return None
    return Trade(cost + fees, tokens, fees, cost, tokens)


def sell_tokens(tokens: int, reserves: Reserves, rates: Rates) -> Trade | None:
    """The sale of exactly so many tokens."""
    if tokens <= 0 or reserves.virtual_tokens + tokens > U64_MAX:
        return None
    quote = tokens * reserves.virtual_quote // (reserves.virtual_tokens + tokens)
    fees = rates.on(quote)
    if quote > reserves.real_quote or quote <= fees:
        return None
    return Trade(tokens, quote - fees, fees, quote, tokens)


def sell_for(received: int, reserves: Reserves, rates: Rates) -> Trade | None:
    """The smallest sale known to bring `received`: no instruction of its own, but a `sell` with that minimum."""
    if received <= 0 or rates.total_bps >= BPS:
        return None
    wanted = ceil_div(received * BPS, BPS - rates.total_bps)
    for _ in range(ADJUSTMENTS_MAX):
        if wanted >= reserves.virtual_quote:
            return None
        tokens = ceil_div(wanted * reserves.virtual_tokens, reserves.virtual_quote - wanted)
        trade = sell_tokens(tokens, reserves, rates)
        if trade is None:
            return None
        if trade.received >= received:
            return Trade(tokens, received, trade.fees, trade.quote, tokens)
        wanted = max(wanted, trade.quote) + received - trade.received
    return None


def price_impact_bps(trade: Trade, reserves: Reserves, *, buys: bool) -> int:
    """How far the trade's price, fees apart, is from the curve's before it; rounded up."""
    tokens, quote = reserves.virtual_tokens, reserves.virtual_quote
    if buys:
        return impact_bps(
            traded_in=trade.quote, traded_out=trade.tokens, reserve_in=quote, reserve_out=tokens
        )
    return impact_bps(traded_in=trade.tokens, traded_out=trade.quote, reserve_in=tokens, reserve_out=quote)


# The official SDK's own estimates, where they differ from what the program does.


def sdk_tokens_for(spendable: int, reserves: Reserves, rates: Rates) -> int:
    """`getBuyTokenAmountFromSolAmount`: a little more than `buy_exact_quote_in_v2` gives for the same sum."""
    net = (spendable - 1) * BPS // (BPS + rates.total_bps)
    return min(net * reserves.virtual_tokens // (reserves.virtual_quote + net), reserves.real_tokens)
