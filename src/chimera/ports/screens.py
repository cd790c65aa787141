"""What people look at beside trades: markets, tokens, strategies, statistics, the machine.

Markets and strategies are read from memory and at once; statistics ask the tables, in a thread.
"""

from typing import Any, Protocol

import msgspec

from chimera.domain.messages import Entry
from chimera.ports.store import DecisionRow, FillRow, Page, TradeRow


class PoolSeen(msgspec.Struct, frozen=True, kw_only=True):
    address: str
    venue: str
    mint_a: str
    mint_b: str
    symbol_a: str
    symbol_b: str
    decimals_a: int | None
    """None where the mint was not read yet."""
    decimals_b: int | None
    reserve_a: str | None
    """Base units that price a trade; None while unknown."""
    reserve_b: str | None
    price: str | None
    """What one whole token of `mint_a` fetches here, in base units of `mint_b`, fees and impact taken off."""
    liquidity_usd_micro: str | None
    """Twice its SOL or USDC side."""
    slot: int
    age_slots: int
    """Since its accounts were last written; an idle pool grows old without being stale."""
    complete: bool
    doubt: str | None
    """Why it is not bought from, or None."""
    own_symbol_a: str = ""
    """What the token's maker calls it, which nobody checked; empty where the settings name the token."""
    own_symbol_b: str = ""


class TokenSeen(msgspec.Struct, frozen=True, kw_only=True):
    mint: str
    symbol: str
    program: str
    decimals: int
    supply: str
    mint_authority: str | None
    freeze_authority: str | None
    transfer_fee_bps: int
    extensions: tuple[str, ...]
    liquidity_usd_micro: str | None
    price_lamports: str | None
    """What one whole token fetches."""
    pools: int
    shield_refusal: str | None
    """Why a SHIELD buy would be refused by what is known without asking the chain, or None."""
    spear_refusal: str | None
    probe: dict[str, Any] | None
    """The last simulated buy and sell: at_ms, slot, probe_lamports, returned_lamports, refusal, fresh."""
    own_name: str = ""
    """What its maker calls it. Nobody checked that: anyone may take any name."""
    own_symbol: str = ""


class StrategySeen(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    running: bool
    """Built at start; one that is not needs its section's `enabled` in the settings."""
    paused: bool
    """It may sell and not buy."""
    failed: str | None
    """How it failed; a failed one is left out until the next start."""
    params: dict[str, Any]


class Screens(Protocol):
    def pools(
        self, *, venue: str | None, mint: str | None, doubtful: bool | None, limit: int, offset: int
    ) -> Page[PoolSeen]: ...

    def token(self, mint: str) -> TokenSeen | None: ...

    def strategies(self) -> tuple[StrategySeen, ...]: ...


class DecisionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """None and empty: whatever."""

    since_ms: int | None = None
    until_ms: int | None = None
    kind: str | None = None
    outcome: str | None = None
    reason: str | None = None
    token_address: str | None = None
    wallet_address: str | None = None
    strategy: str | None = None
    intent_id: str | None = None
    before: int | None = None
    """Only those with a smaller number."""
    limit: int = 50


class Count(msgspec.Struct, frozen=True):
    outcome: str
    reason: str | None
    count: int


class StrategyStatistics(msgspec.Struct, frozen=True, kw_only=True):
    trades: int
    """Round trips closed."""
    wins: int
    losses: int
    profit_lamports: int
    spent_lamports: int
    """By those round trips, costs included."""


class RoundTrip(msgspec.Struct, frozen=True):
    trade: TradeRow
    fills: tuple[FillRow, ...]
    """All of its own, oldest first."""


class Statistics(Protocol):
    def sold(self, *, from_ms: int, to_ms: int, most: int) -> tuple[RoundTrip, ...]:
        """Round trips that sold or lost something at or after `from_ms` and before `to_ms`, at most `most`."""
        ...

    def chores(self, *, from_ms: int, to_ms: int, most: int) -> tuple[Entry, ...]:
        """Chores of the wallet that landed at or after `from_ms` and before `to_ms`, at most `most`."""
        ...

    def decisions(self, wanted: DecisionFilter) -> tuple[DecisionRow, ...]: ...

    def counts(self, *, since_ms: int) -> tuple[Count, ...]:
        """Decisions by outcome and reason, most first."""
        ...

    def realised_lamports(self, *, from_ms: int, to_ms: int) -> int:
        """Of fills at or after `from_ms` and before `to_ms`."""
        ...

    def strategy(self, name: str, *, since_ms: int) -> StrategyStatistics: ...


class ResourcesSeen(msgspec.Struct, frozen=True, kw_only=True):
    """Of this machine and this process; percentages are of all cores and all memory."""

    cpu_percent: float
    cpu_count: int
    load_1m: float
    memory_used_bytes: int
    memory_total_bytes: int
    disk_used_bytes: int
    disk_free_bytes: int
    disk_total_bytes: int
    network_sent_bytes: int
    network_received_bytes: int
    process_cpu_percent: float
    process_memory_bytes: int
    process_threads: int
    process_files: int


class SecretSeen(msgspec.Struct, frozen=True, kw_only=True):
    """When a secret was last made or changed; never a word of what it is."""

    name: str
    kept: str
    """file, table, or empty where the environment gave it."""
    at_ms: int | None
    """None where nobody knows."""


class Secrets(Protocol):
    def look(self) -> tuple[SecretSeen, ...]: ...


class Resources(Protocol):
    def look(self) -> ResourcesSeen: ...
