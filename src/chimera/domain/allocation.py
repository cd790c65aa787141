"""What the wallet should hold, and what it holds: rankings of a quantitative engine, holdings, proposed swaps."""

from enum import StrEnum

import msgspec

from chimera.domain.ids import Address


class Profile(StrEnum):
    """How much trust a trader needs before the wallet follows his allocation."""

    CONSERVATIVE = "conservative"
    BALANCED = "balanced"
    AGGRESSIVE = "aggressive"


class RankedTrader(msgspec.Struct, frozen=True):
    trader: Address
    trust: int
    """0 to 10,000: the trust score in hundredths."""
    weights_bps: dict[Address, int]
    """What he holds, by mint, of 10,000; the rest is in dollars."""


class Ranking(msgspec.Struct, frozen=True):
    """A quantitative engine's answer."""

    at_ms: int
    """When it was worked out."""
    traders: tuple[RankedTrader, ...]


class Holding(msgspec.Struct, frozen=True):
    mint: Address
    amount: int
    """Base units."""
    micro_usd: int | None
    """What all of it is worth; None: nobody knows."""


class ProposedSwap(msgspec.Struct, frozen=True):
    """One step towards the target."""

    key: str
    """The same for the same swap in the same bucket of time: it is proposed once."""
    input_mint: Address
    output_mint: Address
    amount: int
    """Base units of the input."""
    micro_usd: int
