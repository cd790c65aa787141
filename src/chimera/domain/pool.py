"""Pools as every room sees them: what a venue holds apart from its own bytes, and what may be asked of it."""

from enum import StrEnum

import msgspec

from chimera.domain.ids import Address, Signature, Slot


class SwapKind(StrEnum):
    EXACT_IN = "exact_in"
    EXACT_OUT = "exact_out"


class Moment(msgspec.Struct, frozen=True):
    """The chain's time that a quote is made for."""

    unix_timestamp: int
    slot: Slot
    epoch: int


class PoolHeader(msgspec.Struct, frozen=True):
    """What the router needs to know of a pool, whatever its venue."""

    venue: str
    address: Address
    mint_a: Address
    mint_b: Address


class QuoteRequest(msgspec.Struct, frozen=True):
    input_mint: Address
    kind: SwapKind
    amount: int
    """Base units: what leaves the user's account (exact in) or what must reach it (exact out)."""


class Quote(msgspec.Struct, frozen=True):
    """An executable answer of one pool. Amounts are those of the user's token accounts, transfer fees included."""

    pool: Address
    venue: str
    input_mint: Address
    output_mint: Address
    amount_in: int
    amount_out: int
    fee_in: int
    """The venue's own fees, in the input mint's base units where taken there (else 0)."""
    fee_out: int
    price_impact_bps: int
    """How far the average price is from the spot price before the swap, fees apart; rounded up, never negative."""
    slot: Slot
    """The oldest slot among the accounts used; what the quote's age is counted from."""


class SwapRequest(msgspec.Struct, frozen=True):
    """All that a venue needs beside the pool to write its swap instruction."""

    kind: SwapKind
    input_mint: Address
    amount: int
    """The exact side."""
    limit: int
    """Minimum out (exact in) or maximum in (exact out)."""
    user: Address
    user_input_account: Address
    user_output_account: Address


class Swap(msgspec.Struct, frozen=True):
    """A swap that happened, read from an executed transaction. Amounts are the user's own, base units."""

    venue: str
    pool: Address
    user: Address
    input_mint: Address
    output_mint: Address
    amount_in: int
    amount_out: int
    signature: Signature
    slot: Slot
    position: int
    """Which instruction of the transaction it was, inner ones counted."""
