"""Chores of the wallet itself: transactions of ours that trade nothing."""

from enum import StrEnum

import msgspec

from chimera.domain.ids import Address


class Chore(StrEnum):
    WRAP = "wrap"
    """Native SOL into our wSOL account."""
    UNWRAP = "unwrap"
    CLOSE = "close"
    """Empty token accounts, for their rent."""
    MERGE = "merge"
    """Tokens of a second account into the associated one, and its rent back."""
    SELL = "sell"
    """What routes of several pools left behind between them."""


class Upkeep(msgspec.Struct, frozen=True, kw_only=True):
    """One chore, as decided."""

    id: str
    chore: Chore
    reason: str
    """A sentence for people: which rule asked for it."""
    accounts: tuple[Address, ...] = ()
    """Token accounts that it closes or empties."""
    lamports: int = 0
    """To wrap, or to leave wrapped."""
    mint: Address | None = None
    """Of what is sold."""
    amount: int = 0
    """How much of it is sold, base units."""
