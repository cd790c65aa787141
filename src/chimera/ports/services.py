"""Services of others that may know more than we do. Each may be absent, late or wrong, and the house trades without.

What they say is material to judge: an adapter refuses what contradicts the question, and the gates come after it.
"""

from typing import Protocol

import msgspec

from chimera.domain.allocation import Ranking
from chimera.domain.chain import InstructionCall
from chimera.domain.ids import Address, Slot
from chimera.domain.pool import SwapKind
from chimera.domain.risk import Refusal


class RouteRequest(msgspec.Struct, frozen=True):
    input_mint: Address
    output_mint: Address
    kind: SwapKind
    amount: int
    """Base units of the exact side."""
    slippage_bps: int
    at_slot: Slot
    """The newest slot that the asker knows; what the answer's age is measured against."""


class RouteQuote(msgspec.Struct, frozen=True):
    """What a service would swap for what, on pools that need not be known here."""

    request: RouteRequest
    amount_in: int
    amount_out: int
    limit: int
    """The least that comes out (exact in) or the most that goes in (exact out), slippage included."""
    slot: Slot
    """Of the state that it was worked out on."""
    hops: tuple[str, ...]
    """The markets on the way, as the service calls them; for people."""
    asked_at_s: float
    """Monotonic seconds before the question left."""
    answer: bytes
    """The service's own words, which it wants back to write the instructions."""


class RouteCalls(msgspec.Struct, frozen=True):
    """A route as instructions. The user is the only signer; wrapping SOL and compute limits are the caller's."""

    setup: tuple[InstructionCall, ...]
    """Creations of the user's token accounts, nothing else."""
    swap: InstructionCall
    lookup_tables: tuple[Address, ...]


class RouteService(Protocol):
    """Somebody who finds ways through markets. Raises OutsideError's children; each call goes once."""

    async def quote(self, request: RouteRequest) -> RouteQuote | Refusal:
        """The best route it knows. A refusal: there is none, or it is from a state too long ago."""
        ...

    async def calls(self, quote: RouteQuote, *, user: Address) -> RouteCalls | Refusal:
        """The quote's instructions for `user`. A refusal: the quote is too old, or its route has gone."""
        ...


class QuantEngine(Protocol):
    """Somebody who ranks traders by how far they can be trusted. Raises OutsideError's children."""

    async def ranking(self) -> Ranking: ...
