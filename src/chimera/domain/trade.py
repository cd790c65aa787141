"""A round trip and its legs: states, fills, positions."""

from enum import StrEnum

import msgspec

from chimera.domain.ids import Address, IntentId, Signature, Slot, TradeId
from chimera.domain.intent import Side, Style
from chimera.domain.units import BPS, mul_div_ceil, mul_div_floor


class TradeState(StrEnum):
    """What users see. The finer states of a leg live inside EXECUTING and EXITING."""

    PENDING = "PENDING"
    QUEUED = "QUEUED"
    EXECUTING = "EXECUTING"
    ACTIVE = "ACTIVE"
    FAILED = "FAILED"
    RETRY = "RETRY"
    EXITING = "EXITING"
    CLOSED = "CLOSED"
    DEAD_LETTER = "DEAD_LETTER"


class LegState(StrEnum):
    PLANNED = "PLANNED"
    SIMULATED = "SIMULATED"
    SIGNED = "SIGNED"
    SENT = "SENT"
    LANDED = "LANDED"
    """Confirmed on chain, without error, metadata read. Final."""
    REVERTED = "REVERTED"
    """On chain with an error; the fee is gone. Final."""
    EXPIRED = "EXPIRED"
    """Its last valid block height passed with margin and the node cleanly did not know it. Final."""
    DROPPED = "DROPPED"
    """Never signed: planning or simulation said no. Final."""


class Hop(msgspec.Struct, frozen=True):
    """One pool of a route, as quoted."""

    venue: str
    pool: Address
    input_mint: Address
    output_mint: Address
    amount_in: int
    amount_out: int
    exact_out: bool = False
    """Whether the output is exact and the input bounded, instead of the other way round."""
    limit: int = 0
    """That bound, where it is the hop's own and not the route's."""


class Fill(msgspec.Struct, frozen=True):
    """What a landed leg really did, from its transaction's metadata alone.

    Double entry: lamports_delta = -(swap_in) + swap_out - fee - tip - rent, exactly.
    """

    signature: Signature
    slot: Slot
    side: Side
    mint: Address
    token_delta: int
    """Base units that reached (buy and swap, positive) or left (sell, negative) our account."""
    lamports_delta: int
    """Change of the wallet's own lamports, everything included."""
    swap_lamports: int
    """SOL that the swap itself took (buy) or gave (sell), never negative; of a cycle gave beyond what it took; of a
    swap of two tokens what a pool in between left over."""
    fee_lamports: int
    """Base and priority fee."""
    tip_lamports: int
    rent_lamports: int
    """Rent locked up in new accounts; negative where it came back."""
    at_ms: int
    other_tokens: tuple[tuple[Address, int], ...] = ()
    """(mint, change) of what a route of several legs left in our other accounts; of a swap what it paid with."""
    decimals: int | None = None
    """Of the mint, as the metadata tells them."""


class Levels(msgspec.Struct, frozen=True):
    """Where a person wants to be out of one position: gains in bps of what was paid for the tokens still held.

    They stand in for its strategy's own stop, trailing stop and targets; time exits and copied sales go on.
    """

    stop_bps: int | None
    """Sold at this gain or below; below zero it bounds a loss, above it keeps a profit. None: no stop."""
    target_bps: int | None
    """Sold at this gain or above."""

    def reached(self, gain_bps: int) -> str | None:
        """Why to sell all of it now, as a sentence; None where neither level is reached."""
        if self.stop_bps is not None and gain_bps <= self.stop_bps:
            return f"stop-loss set by hand: {gain_bps} bps, limit {self.stop_bps}"
        if self.target_bps is not None and gain_bps >= self.target_bps:
            return f"target set by hand: {gain_bps} bps, limit {self.target_bps}"
        return None

    def values(self, paid_lamports: int) -> tuple[int | None, int | None]:
        """(value at which it stops, value of its target), lamports, for what was paid for the tokens held."""
        stop, target = self.stop_bps, self.target_bps
        return (
            None if stop is None else mul_div_floor(paid_lamports, BPS + stop, BPS),
            None if target is None else mul_div_ceil(paid_lamports, BPS + target, BPS),
        )


class Position(msgspec.Struct, frozen=True):
    """What we hold of one round trip; folded from fills by `portfolio.Ledger` alone."""

    trade_id: TradeId
    mint: Address
    symbol: str
    style: Style
    wallet: Address | None
    tokens: int
    """Still held."""
    tokens_bought: int
    cost_lamports: int
    """Everything paid so far: swaps in, fees, tips and rent of all legs."""
    received_lamports: int
    """Everything that came back: swaps out and returned rent."""
    swapped_lamports: int
    """What went into the buying swaps alone: the price paid, which exits are measured against."""
    opened_at_ms: int
    opened_slot: Slot
    entry_signature: Signature
    exit_signature: Signature | None = None
    closed_at_ms: int | None = None
    levels: Levels | None = None
    """Set by hand; None where its strategy's own rules hold."""
    strategy: str = ""
    """Whose it is: the source of the intent that opened it."""

    @property
    def paid_lamports(self) -> int:
        """What was swapped for the tokens still held, rounded up."""
        if not self.tokens_bought:
            return 0
        return mul_div_ceil(self.swapped_lamports, self.tokens, self.tokens_bought)

    @property
    def open(self) -> bool:
        return self.tokens > 0

    @property
    def realised_lamports(self) -> int:
        """Profit so far, from fills: what came back, less the cost of the share of tokens that is gone.

        The cost share is rounded up, so profit is never overstated; exact once closed.
        """
        if not self.open:
            return self.received_lamports - self.cost_lamports
        gone = self.tokens_bought - self.tokens
        if gone <= 0:
            return self.received_lamports
        return self.received_lamports - -(-self.cost_lamports * gone // self.tokens_bought)


class LegRef(msgspec.Struct, frozen=True):
    """Which leg a fact is about."""

    leg_id: str
    intent_id: IntentId
    trade_id: TradeId
