"""Tokens: what their mint says, and what a check of them found."""

import msgspec

from chimera.domain.ids import TOKEN_2022_PROGRAM, Address, Slot
from chimera.domain.risk import Refusal


class TokenInfo(msgspec.Struct, frozen=True):
    """A mint account, read."""

    mint: Address
    program: Address
    """Token or Token-2022: the owner of the mint account."""
    decimals: int
    supply: int
    mint_authority: Address | None
    freeze_authority: Address | None
    slot: Slot
    transfer_fee_bps: int = 0
    transfer_fee_max: int = 0
    extensions: tuple[str, ...] = ()
    """Names of Token-2022 extensions found on the mint."""
    own_name: str = ""
    """What its maker calls it. Anyone may take any name: for people to read, and for no decision."""
    own_symbol: str = ""

    @property
    def is_token_2022(self) -> bool:
        return self.program == TOKEN_2022_PROGRAM


class TokenListing(msgspec.Struct, frozen=True):
    """A token known by name."""

    symbol: str
    mint: Address


class TokenReport(msgspec.Struct, frozen=True, tag=True):
    """What a simulated buy and sell of a token showed at one point in time."""

    mint: Address
    slot: Slot
    at_ms: int
    refusal: Refusal | None
    """Why it must not be bought, or None."""
    probe_lamports: int
    returned_lamports: int
    """What the round trip of the probe gave back; 0 where it failed."""
    detail: str = ""
