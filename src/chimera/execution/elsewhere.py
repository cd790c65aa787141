"""Routes that somebody else found, held against our own: taken where they give more by a margin, and no less surely.

Never without a route of our own to compare with. Must not know who was asked, nor ask.
"""

from collections import OrderedDict

import msgspec

from chimera.domain.chain import InstructionCall
from chimera.domain.ids import IntentId, Slot
from chimera.domain.intent import TradeIntent
from chimera.domain.units import BPS
from chimera.onchain.layouts import discriminator
from chimera.ports.services import RouteCalls, RouteQuote

SLOTS_BEHIND_MAX = 8  # some three seconds
OFFERS_MAX = 64
V1 = frozenset(discriminator("global", name) for name in ("route", "shared_accounts_route"))
"""Of Jupiter's program: their amounts stand at the end of the data."""
V1_TAIL = 19  # amount in, quoted out, slippage in bps, platform fee in bps: 8 + 8 + 2 + 1 bytes
V2 = {discriminator("global", "route_v2"): 8, discriminator("global", "shared_accounts_route_v2"): 9}
"""The same at the beginning, and where."""


class Offer(msgspec.Struct, frozen=True):
    quote: RouteQuote
    calls: RouteCalls


class Elsewhere:
    def __init__(self, *, margin_bps: int = 20) -> None:
        """`margin_bps`: how much more it must give: its state is older than ours, its cost in computing higher."""
        self._margin_bps = margin_bps
        self._offers: OrderedDict[IntentId, Offer] = OrderedDict()

    def remember(self, intent_id: IntentId, offer: Offer) -> None:
        self._offers[intent_id] = offer
        while len(self._offers) > OFFERS_MAX:
            self._offers.popitem(last=False)

    def better(self, intent: TradeIntent, *, expected_out: int, minimum_out: int, slot: Slot) -> Offer | None:
        """The offer for this intent if it is better than ours, which gives so much; each is looked at once."""
        offer = self._offers.pop(intent.id, None)
        if offer is None:
            return None
        quote = offer.quote
        gives_more = quote.amount_out * BPS > expected_out * (BPS + self._margin_bps)
        fresh = slot - quote.slot <= SLOTS_BEHIND_MAX
        if gives_more and fresh and quote.limit >= minimum_out and quote.amount_in == intent.amount:
            return offer if promises(offer.calls.swap, quote) else None
        return None


def promises(swap: InstructionCall, quote: RouteQuote) -> bool:
    """Whether the instruction itself says the amounts and the slippage of the quote, and takes no fee of its own.

    The quote alone binds nobody; what the program enforces is what its data says.
    Source: the program's published IDL (`route`, `shared_accounts_route` and their v2).
    """
    data, kind = swap.data, swap.data[:8]
    said = (
        quote.amount_in.to_bytes(8, "little")
        + quote.amount_out.to_bytes(8, "little")
        + quote.request.slippage_bps.to_bytes(2, "little")
    )
    if kind in V1:
        return data[-V1_TAIL:] == said + b"\0" and len(data) >= 8 + V1_TAIL
    if kind in V2:
        return data[V2[kind] : V2[kind] + len(said) + 2] == said + b"\0\0"
    return False
