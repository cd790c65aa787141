"""The journal to append to, the tables folded from it, and how they are read.

Tables and readers are synchronous: loops call them in a thread (`asyncio.to_thread`), decisions never do.
Amounts are ints, times unix milliseconds; the control plane turns both into what its wire wants.
"""

from collections.abc import Iterator, Sequence
from typing import Generic, Protocol, TypeVar

import msgspec

from chimera.domain.ids import Address, Signature, Slot, TradeId
from chimera.domain.intent import Side, Style
from chimera.domain.messages import Entry, Fact
from chimera.domain.trade import TradeState
from chimera.domain.wallet import WalletStatus

Row = TypeVar("Row")


class Journal(Protocol):
    """Append-only, one writer. The hot path waits for nothing else."""

    def append(self, fact: Fact) -> Entry:
        """Numbers and buffers a fact; returns at once. Listeners hear of it in order."""
        ...

    async def durable(self, seq: int) -> None:
        """Returns once everything up to `seq` is on disk; concurrent callers share one fsync.

        Raises InvariantBroken when the disk refuses (full, read-only): nothing may be sent after that.
        """
        ...

    def read(self, from_seq: int = 1) -> Iterator[Entry]:
        """Entries in order, from disk and buffer."""
        ...


class History(Protocol):
    """A journal to read from."""

    def read(self, from_seq: int = 1) -> Iterator[Entry]:
        """Entries in order."""
        ...


class Tables(Protocol):
    """The SQL side: folded, never waited for by the hot path."""

    def last_seq(self) -> int:
        """The last entry folded, 0 when empty."""
        ...

    def fold(self, entries: Sequence[Entry]) -> None:
        """Applies entries in one transaction; entries already folded change nothing."""
        ...


class TradeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A round trip as the ledger of trades shows it."""

    trade_uuid: TradeId
    signal_id: str | None
    wallet_address: Address | None
    """Whom it copies."""
    token_address: Address
    token_symbol: str
    strategy: Style
    side: Side
    """Of the intent that opened it."""
    status: TradeState
    amount_lamports: int
    """What the opening intent asked to spend."""
    spent_lamports: int
    """Paid so far, costs included."""
    received_lamports: int
    fees_lamports: int
    """Of all its transactions, reverted ones too."""
    tips_lamports: int
    rent_lamports: int
    """Still locked up; what came back is taken off."""
    realised_lamports: int | None
    """None until something was sold or lost."""
    entry_signature: Signature | None
    exit_signature: Signature | None
    retry_count: int
    error_message: str | None
    exit_reason: str | None
    created_at_ms: int
    updated_at_ms: int


class FillRow(msgspec.Struct, frozen=True, kw_only=True):
    """A landed leg. SOL's side of it is given under the wSOL mint."""

    leg_id: str
    trade_uuid: TradeId
    side: Side
    signature: Signature
    slot: Slot
    input_mint: Address
    output_mint: Address
    amount_in: int
    amount_out: int
    fee_lamports: int
    tip_lamports: int
    rent_lamports: int
    at_ms: int
    sol_micro_usd: int | None = None
    """What a SOL cost when it landed; None where nobody put it down."""


class PositionRow(msgspec.Struct, frozen=True, kw_only=True):
    trade_uuid: TradeId
    wallet_address: Address | None
    token_address: Address
    token_symbol: str
    strategy: Style
    state: str
    """ACTIVE, EXITING or CLOSED."""
    token_amount: int
    """Still held."""
    tokens_bought: int
    entry_lamports: int
    """Everything paid so far, costs included."""
    received_lamports: int
    realised_lamports: int
    opened_at_ms: int
    closed_at_ms: int | None
    entry_signature: Signature
    exit_signature: Signature | None
    exit_reason: str | None


class WalletRow(msgspec.Struct, frozen=True, kw_only=True):
    address: Address
    status: WalletStatus
    strategy: Style
    wqs_score: int | None
    notes: str
    copied: int
    """Round trips that copied it."""
    pnl_lamports: int
    """Realised by them."""
    last_trade_at_ms: int | None
    updated_at_ms: int
    active_until_ms: int | None = None


class DecisionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the house, in words. `text` is `audit.why.sentence` of the fact."""

    seq: int
    at_ms: int
    kind: str
    """signal, intent, trade or risk."""
    id: str
    trade_uuid: TradeId | None
    outcome: str
    """accepted, refused, approved, confirmed, failed, closed or info."""
    reason: str | None
    limit: str
    observed: str
    token_symbol: str
    token_address: str
    wallet_address: str
    strategy: str
    side: str
    text: str


class DeadLetterRow(msgspec.Struct, frozen=True, kw_only=True):
    seq: int
    trade_uuid: str | None
    payload: str
    reason: str
    """QUEUE_FULL, PARSE_ERROR, VALIDATION_FAILED, MAX_RETRIES and the like."""
    error_details: str
    source_ip: str
    retry_count: int
    can_retry: bool
    received_at_ms: int
    processed_at_ms: int | None


class ConfigAuditRow(msgspec.Struct, frozen=True, kw_only=True):
    seq: int
    key: str
    old_value: str
    new_value: str
    changed_by: str
    change_reason: str
    changed_at_ms: int


class ReconciliationRow(msgspec.Struct, frozen=True, kw_only=True):
    """One difference between books and chain; amounts in lamports, or base units of `mint`."""

    seq: int
    part: int
    """Position within its reconciliation."""
    trade_uuid: TradeId | None
    """None: about the wallet as a whole."""
    mint: str
    """Empty for SOL."""
    expected_state: str
    actual_on_chain: str
    discrepancy: str
    signature: Signature | None
    expected: int
    actual: int
    resolved_at_ms: int | None
    resolved_by: str | None
    """auto:absolute, auto:relative, auto:agreed later, or who resolved it."""
    notes: str
    created_at_ms: int


class ReconciliationState(msgspec.Struct, frozen=True, kw_only=True):
    unresolved: int
    last_run_ms: int | None
    """When positions were last held against the chain."""
    last_positions: int
    last_found: int
    last_cause: str


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over all that is folded."""

    realised_lamports: int
    realised_24h_lamports: int
    """Of fills in the 24 hours before the moment asked about."""
    fees_lamports: int
    tips_lamports: int
    rent_lamports: int
    open_positions: int
    closed_trades: int
    wins: int
    """Closed with more than 0."""
    losses: int
    """Closed with less than 0; exactly 0 is neither."""
    signals: int
    """Accepted ones."""
    refused: int
    """Signals refused or dropped, and intents refused."""
    last_trade_at_ms: int | None
    ledger_matches_chain: bool | None
    """By the latest reconciliation; None before the first."""


class Page(msgspec.Struct, Generic[Row], frozen=True):
    items: tuple[Row, ...]
    total: int
    """Of all rows that match, not only of this page."""


class Reader(Protocol):
    """Reads the tables. Limits are capped by the implementation at 1,000 rows; newest first."""

    def last_seq(self) -> int: ...

    def positions(
        self, *, state: str | None = None, limit: int = 100, offset: int = 0
    ) -> Page[PositionRow]: ...

    def position(self, trade_uuid: str) -> PositionRow | None: ...

    def trades(
        self,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        status: str | None = None,
        strategy: str | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> Page[TradeRow]:
        """`from_ms` and `to_ms` bound created_at, both included."""
        ...

    def trade(self, trade_uuid: str) -> TradeRow | None: ...

    def fills(self, trade_uuid: str) -> tuple[FillRow, ...]:
        """Oldest first."""
        ...

    def wallets(
        self, *, status: str | None = None, address: str | None = None, limit: int = 100, offset: int = 0
    ) -> Page[WalletRow]: ...

    def decisions(
        self, *, before: int | None = None, outcome: str | None = None, limit: int = 50
    ) -> tuple[DecisionRow, ...]:
        """Those with seq < before; the last one's seq is the next `before`."""
        ...

    def dead_letters(self, *, limit: int = 50, offset: int = 0) -> Page[DeadLetterRow]: ...

    def config_audit(self, *, limit: int = 50, offset: int = 0) -> Page[ConfigAuditRow]: ...

    def dead_letter(self, wanted: str) -> DeadLetterRow | None:
        """By its number or the id of its trade; of several of one trade the newest."""
        ...

    def reconciliation(
        self, *, unresolved: bool = False, discrepancy: str | None = None, limit: int = 50, offset: int = 0
    ) -> Page[ReconciliationRow]: ...

    def reconciliation_state(self) -> ReconciliationState: ...

    def totals(self, *, now_ms: int) -> Totals: ...

    def realised_history(self, *, limit: int = 500) -> tuple[tuple[int, int], ...]:
        """(at_ms, realised lamports of all time up to then), one point a fill that realised something."""
        ...

    def entries_about(self, wanted: str) -> tuple[Entry, ...]:
        """Entries of the round trip or signal that an id, leg, signature or mint belongs to, oldest first.

        Of many round trips (a mint's) the newest; ids may be given in part, from 8 characters on; transactions
        come without their bytes. `audit.why.explain` turns them into steps.
        """
        ...

    def check(self) -> dict[str, str]:
        """journal_mode, foreign_keys, busy_timeout, sqlite_version and integrity, as the database says them.

        Raises Unreachable where the database can't be read.
        """
        ...


class KeyHolder(msgspec.Struct, frozen=True):
    """Who an API key belongs to."""

    identifier: str
    role: str
    """readonly, operator or admin."""
    token_id: str = ""
    """Of a login's token; empty for an API key, which does not end by itself."""
    expires_at_ms: int | None = None


class Keys(Protocol):
    """API keys by their hash; not part of the journal, so a rebuild leaves them alone."""

    def lookup(self, key: str) -> KeyHolder | None:
        """The holder of a key, or None; takes the same time for every wrong key."""
        ...

    def create_key(self, *, role: str, identifier: str, by: str, at_ms: int) -> str:
        """A new key, in plain text this one time. Raises ConfigError for an unknown role."""
        ...
