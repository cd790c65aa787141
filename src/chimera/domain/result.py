"""What came of a leg, in one line: for flat files, for other processes, for tables of people."""

import msgspec

from chimera.domain.ids import Address, IntentId, Signature, Slot, TradeId
from chimera.domain.intent import Side


class ExecutionResult(msgspec.Struct, frozen=True, kw_only=True):
    seq: int
    """Of the journal entry that told it."""
    at_ms: int
    outcome: str
    """landed, reverted, expired, dropped or undone (a fork took back what had landed)."""
    trade_id: TradeId
    intent_id: IntentId
    leg_id: str
    strategy: str
    side: Side | None
    mint: Address | None
    symbol: str
    signature: Signature | None
    slot: Slot | None
    tokens: int = 0
    """Base units that came (positive) or went."""
    decimals: int | None = None
    swap_lamports: int = 0
    """What the swap itself took or gave."""
    fee_lamports: int = 0
    tip_lamports: int = 0
    rent_lamports: int = 0
    lamports_delta: int = 0
    """All of it together, as the wallet saw it."""
    realised_lamports: int = 0
    """Profit or loss that it settled, after costs; negative again where it was undone."""
    cause: str = ""
    """Why, where it did not land."""
