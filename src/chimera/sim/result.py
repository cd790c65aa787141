"""What a run on yesterday's market came to: the whole of it, as JSON and as the report's only source."""

from typing import Any

import msgspec

from chimera.sim.evidence import Evidence


class RoundTrip(msgspec.Struct, frozen=True):
    """One position from its first buy to its last sale, or a cycle. All lamports, costs as positive numbers."""

    trade_id: str
    strategy: str
    mint: str
    symbol: str
    opened_at_ms: int
    closed_at_ms: int | None
    """None: still open when the data ended; its profit is not counted."""
    spent_lamports: int
    """What the buys paid into pools."""
    received_lamports: int
    """What the sales got out of pools."""
    fee_lamports: int
    tip_lamports: int
    rent_lamports: int
    """Locked up for good: paid less what came back."""
    impact_lamports: int
    """Worse than the spot price by our own size and the venues' fees, by the quotes; part of spent and received."""
    profit_lamports: int
    """Received less spent, fees, tips and rent."""
    entry: str
    """Why it was opened, in the strategy's words."""
    exit: str
    regime: str = ""


class EquityPoint(msgspec.Struct, frozen=True):
    at_ms: int
    equity_lamports: int
    """Lamports of the wallet and what the open positions would fetch; a price that is unknown counts as paid."""
    exposure_lamports: int
    """Of it, what is in positions."""


class Counts(msgspec.Struct, frozen=True):
    """Where intents went: `emitted` is the sum of refused, dropped, reverted, expired, landed and under way."""

    events: int = 0
    emitted: int = 0
    refused: int = 0
    landed: int = 0
    reverted: int = 0
    expired: int = 0
    dropped: int = 0


class Result(msgspec.Struct, frozen=True):
    name: str
    strategy: str
    data: str
    seed: int
    from_ms: int
    to_ms: int
    settings: dict[str, Any]
    """What was set besides the defaults."""
    journal_hash: str
    """Of the last journal line: two runs of the same have the same."""
    start_lamports: int
    end_lamports: int
    """Equity when the data ended."""
    counts: Counts
    refusals: dict[str, int]
    """By reason code."""
    trips: tuple[RoundTrip, ...]
    equity: tuple[EquityPoint, ...]
    evidence: Evidence
    told: tuple[str, ...] = ()
    """What the reader must know: pools whose state did not carry our impact, breaks in the data, lookalikes."""

    @property
    def closed(self) -> tuple[RoundTrip, ...]:
        return tuple(trip for trip in self.trips if trip.closed_at_ms is not None)
