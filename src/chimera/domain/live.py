"""What is worth showing but not worth keeping: folded by the control plane, never journalled."""

import msgspec

from chimera.domain.correlation import Correlations
from chimera.domain.ids import Slot, TradeId


class PositionMarked(msgspec.Struct, frozen=True, tag=True):
    """What an open position would fetch now."""

    trade_id: TradeId
    value_lamports: int | None
    """None: unknown, never 0."""
    price_age_slots: int | None
    stop_lamports: int | None
    """Value at which it is sold at a loss or to keep a gain, whichever is higher."""
    target_lamports: int | None
    at_ms: int
    tokens: int = 0
    """How many were valued; 0 in older messages."""


class FundsSeen(msgspec.Struct, frozen=True, tag=True):
    """Our wallet's native SOL, and what a SOL costs."""

    lamports: int
    slot: Slot
    sol_micro_usd: int | None
    ledger_matches_chain: bool | None
    """None while transactions are in flight."""
    at_ms: int


class MarketSeen(msgspec.Struct, frozen=True, tag=True):
    """Health of the data plane."""

    slot: Slot
    slot_at_ms: int
    feed: str
    """connected, reconnecting or down."""
    gaps: int
    pools: int
    pools_fresh: int
    at_ms: int
    pools_quarantined: int = 0
    """Of which bytes could not be read: not bought from."""
    quarantine_reasons: tuple[str, ...] = ()
    """The first few, for a person."""
    received: int = 0
    """Items of the stream since the start; always passed + held + what was dropped."""
    passed: int = 0
    held: int = 0
    dropped: dict[str, int] = {}
    transactions: int = 0
    trades: int = 0
    unread: dict[str, int] = {}
    """Transactions (and accounts) that gave no trade (or state), by cause."""


class BreakerSeen(msgspec.Struct, frozen=True, kw_only=True):
    """How one breaker stands: what it counted, and what would open or close it."""

    name: str
    enabled: bool
    state: str
    cause: str
    until_ms: int | None
    """When it tries again; None unless it is open."""
    failures: int
    """Within the window."""
    outcomes: int
    in_row: int
    failures_max: int
    in_row_max: int
    percent_max: int
    window_ms: int
    recovery_ms: int
    trials_good: int
    trials_bad: int
    trials: int
    successes: int


class DeskSeen(msgspec.Struct, frozen=True, tag=True):
    """Health of the execution plane."""

    queue_depth: int
    in_flight: int
    rpc_status: str
    rpc_latency_us: int | None
    rpc_endpoint: str
    """primary or fallback."""
    breaker_state: str
    breaker_cause: str | None
    breaker_until_ms: int | None
    kill_active: bool
    kill_scope: str
    kill_cause: str
    at_ms: int
    breakers: tuple[BreakerSeen, ...] = ()
    """Beside the loss breaker."""


LiveMessage = PositionMarked | FundsSeen | MarketSeen | DeskSeen | Correlations
