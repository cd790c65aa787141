"""Facts: what happened, in past participles. The journal holds nothing else; every state is folded from them.

A fact is appended once, numbered and chained by `audit.journal`, and never changed.
Adding a field needs a default, so that old journals still read.
"""

from typing import Any

import msgspec

from chimera.domain.allotment import Portfolio
from chimera.domain.circumstances import Circumstances
from chimera.domain.discrepancy import Discrepancy
from chimera.domain.ids import Address, IntentId, SignalId, Signature, Slot, TradeId
from chimera.domain.intent import Signal, TradeIntent
from chimera.domain.risk import Refusal
from chimera.domain.token import TokenReport
from chimera.domain.trade import Fill, Hop, LegRef, Levels, TradeState
from chimera.domain.upkeep import Upkeep
from chimera.domain.wallet import Wallet


class RunStarted(msgspec.Struct, frozen=True, tag=True):
    run_id: str
    build: str
    wallet: Address
    """Our own trading wallet."""
    limits: dict[str, Any] = {}
    """The risk limits of this run, as plain values: what its decisions were made under."""


class CapitalMoved(msgspec.Struct, frozen=True, tag=True):
    """Lamports and tokens that came or went by no trade of ours; the first one opens the books."""

    lamports: int
    slot: Slot
    cause: str
    signature: Signature | None = None
    """The transaction that moved them; None for what was there when the books were opened."""
    tokens: tuple[tuple[Address, int], ...] = ()
    """(mint, change in base units)."""


class SignalAccepted(msgspec.Struct, frozen=True, tag=True):
    signal: Signal
    request_id: str = ""


class SignalRefused(msgspec.Struct, frozen=True, tag=True):
    """A signal that did not get in. `dead_letter` says whether it is kept for a person to look at."""

    signal_id: SignalId | None
    refusal: Refusal
    payload: str
    """As received, cut at 4 KiB; never a header, never a secret."""
    source: str
    source_ip: str = ""
    dead_letter: bool = False
    symbol: str = ""
    mint: str = ""
    wallet: str = ""
    strategy: str = ""
    side: str = ""


class SignalDropped(msgspec.Struct, frozen=True, tag=True):
    """An accepted signal that a strategy declined, with its reason."""

    signal_id: SignalId
    refusal: Refusal


class StrategyDecided(msgspec.Struct, frozen=True, tag=True):
    """A strategy looked, and this came of it: it waits, it passes, it traded in the shadow, or it asks for a trade."""

    strategy: str
    mint: Address
    verdict: str
    """WAIT, REJECT or SHADOW; TRADE where an intent follows."""
    code: str
    """Of its own list of reasons: `round_trip_unprofitable` and the like."""
    detail: str = ""
    """A sentence for people, with what was seen and what the limit was."""
    slot: Slot = Slot(0)
    data: dict[str, Any] = {}
    """Figures, as plain values."""


class IntentEmitted(msgspec.Struct, frozen=True, tag=True):
    intent: TradeIntent


class IntentRefused(msgspec.Struct, frozen=True, tag=True):
    intent_id: IntentId
    trade_id: TradeId
    refusal: Refusal
    seen: Circumstances | None = None
    """What the gate looked at; None where planning or arbitration refused."""


class IntentApproved(msgspec.Struct, frozen=True, tag=True):
    intent_id: IntentId
    trade_id: TradeId
    checks: tuple[str, ...]
    """Each check that was passed, with what it saw."""
    seen: Circumstances | None = None


class LegPlanned(msgspec.Struct, frozen=True, tag=True):
    leg: LegRef
    hops: tuple[Hop, ...]
    amount_in: int
    expected_out: int
    minimum_out: int
    slot: Slot
    """The oldest slot that the quote rests on."""
    compute_units: int
    cu_price_micro_lamports: int
    tip_lamports: int
    price_impact_bps: int = 0
    worth_lamports: int = 0
    """Of a swap: what its payment would have fetched in SOL when it was reviewed; 0: nobody knew."""


class LegSimulated(msgspec.Struct, frozen=True, tag=True):
    leg: LegRef
    error: str | None
    compute_units: int
    slot: Slot


class LegDropped(msgspec.Struct, frozen=True, tag=True):
    """Nothing was signed."""

    leg: LegRef
    refusal: Refusal
    failure: str = ""
    """Of `domain.failure`."""


class LegSigned(msgspec.Struct, frozen=True, tag=True):
    """Durable before anything is sent (wall 4)."""

    leg: LegRef
    signature: Signature
    transaction: bytes
    last_valid_block_height: int


class LegSent(msgspec.Struct, frozen=True, tag=True):
    leg: LegRef
    signature: Signature
    lane: str
    attempt: int


class LegLanded(msgspec.Struct, frozen=True, tag=True):
    leg: LegRef
    fill: Fill


class LegReverted(msgspec.Struct, frozen=True, tag=True):
    """It is on chain, with an error; only the fee went."""

    leg: LegRef
    signature: Signature
    slot: Slot
    error: str
    lamports_delta: int
    """What it cost, negative."""
    failure: str = ""
    """Of `domain.failure`."""


class FillValued(msgspec.Struct, frozen=True, tag=True):
    """What a SOL cost in dollars when a leg landed; for the record alone."""

    leg_id: str
    signature: Signature
    sol_micro_usd: int
    source: str
    """Who said so: a pool, or an oracle by its host's name."""


class LegExpired(msgspec.Struct, frozen=True, tag=True):
    leg: LegRef
    signature: Signature
    block_height: int


class LegStuck(msgspec.Struct, frozen=True, tag=True):
    """Signed long ago, and no node says what became of it. It is watched on: a time-out is unknown, never failed."""

    leg: LegRef
    signature: Signature
    waited_ms: int


class LegFinalized(msgspec.Struct, frozen=True, tag=True):
    """What had landed (or reverted) is in a finalized slot: nothing undoes it any more."""

    leg: LegRef
    signature: Signature
    slot: Slot


class LegUndone(msgspec.Struct, frozen=True, tag=True):
    """A fork took back what had been booked. Its fate is unknown again: the same bytes may land once more."""

    leg: LegRef
    signature: Signature
    slot: Slot
    """In which it had landed."""
    cause: str


class LegRebooked(msgspec.Struct, frozen=True, tag=True):
    """A fork put what had landed into another slot, where it came out a little differently."""

    leg: LegRef
    fill: Fill
    """As it is there; it takes the place of the former one."""


class ExitRecovered(msgspec.Struct, frozen=True, tag=True):
    """A round trip hung in EXITING for long; the chain has said what holds."""

    trade_id: TradeId
    after: TradeState
    waited_ms: int
    cause: str


class TradeMoved(msgspec.Struct, frozen=True, tag=True):
    trade_id: TradeId
    before: TradeState
    after: TradeState
    cause: str
    retry: int = 0


class TokenChecked(msgspec.Struct, frozen=True, tag=True):
    report: TokenReport


class BreakerMoved(msgspec.Struct, frozen=True, tag=True):
    breaker: str
    before: str
    after: str
    cause: str
    by: str


class StrategyMoved(msgspec.Struct, frozen=True, tag=True):
    """A strategy was parked, for a fault of its own or by a person, or goes on."""

    strategy: str
    before: str
    after: str
    """RUNNING or PARKED; every start lets all of them run."""
    cause: str
    by: str


class KillSwitchMoved(msgspec.Struct, frozen=True, tag=True):
    active: bool
    scope: str
    """halt_all or halt_buys; empty when inactive."""
    cause: str
    by: str


class WalletChanged(msgspec.Struct, frozen=True, tag=True):
    wallet: Wallet
    cause: str
    by: str


class PortfolioChanged(msgspec.Struct, frozen=True, tag=True):
    """Opened, altered or closed; round trips that are opened from now on go by it."""

    portfolio: Portfolio
    cause: str
    by: str


class ConfigChanged(msgspec.Struct, frozen=True, tag=True):
    key: str
    old: str
    new: str
    cause: str
    by: str
    change_id: str = ""
    """The same for all keys of one change, which is undone as a whole."""


class Reconciled(msgspec.Struct, frozen=True, tag=True):
    """Books against chain, at one slot."""

    slot: Slot
    expected_lamports: int
    actual_lamports: int
    token_differences: tuple[tuple[Address, int, int], ...] = ()
    """(mint, expected, actual) where they differ."""


class PositionsReconciled(msgspec.Struct, frozen=True, tag=True):
    """Each ACTIVE and EXITING position was held against its transactions and tokens on chain."""

    slot: Slot
    positions: int
    """How many were looked at."""
    found: tuple[Discrepancy, ...]
    """New ones; what was found before and waits for a person is not said again."""
    cause: str
    """At start, daily, or who asked."""
    still_open: int = 0
    """Found again, unresolved since an earlier run."""
    left_out: int = 0
    """Positions that were in motion while they were looked at."""


class DiscrepancyResolved(msgspec.Struct, frozen=True, tag=True):
    """A person has looked at it."""

    entry: int
    """Of the fact that found it."""
    part: int
    """Its place among what that fact found."""
    note: str
    by: str


class DeadLetterHandled(msgspec.Struct, frozen=True, tag=True):
    letter: int
    """Of the entry that made it one."""
    outcome: str
    """retried, discarded, or refused: tried again, and not let in again."""
    cause: str
    by: str
    signal_id: SignalId | None = None
    """Of the new signal, where it was let in."""


class LevelsSet(msgspec.Struct, frozen=True, tag=True):
    """A person moved the stop and the target of one position."""

    trade_id: TradeId
    levels: Levels | None
    """None: its strategy's own rules hold again."""
    cause: str
    by: str


class UpkeepPlanned(msgspec.Struct, frozen=True, tag=True):
    upkeep: Upkeep


class UpkeepDropped(msgspec.Struct, frozen=True, tag=True):
    """Nothing was signed."""

    upkeep_id: str
    refusal: Refusal


class UpkeepSigned(msgspec.Struct, frozen=True, tag=True):
    """Durable before anything is sent, as for a leg (wall 4)."""

    upkeep_id: str
    signature: Signature
    transaction: bytes
    last_valid_block_height: int


class UpkeepLanded(msgspec.Struct, frozen=True, tag=True):
    """From the transaction's metadata alone. Double entry: lamports_delta = -fee - rent - wrapped, exactly."""

    upkeep_id: str
    signature: Signature
    slot: Slot
    lamports_delta: int
    fee_lamports: int
    rent_lamports: int
    """Locked up; negative where it came back."""
    tokens: tuple[tuple[Address, int], ...] = ()
    """(mint, change); wrapped SOL counts as a token."""
    error: str | None = None
    """It is on chain and failed: only its fee is gone."""


class UpkeepExpired(msgspec.Struct, frozen=True, tag=True):
    upkeep_id: str
    signature: Signature
    block_height: int


class Noted(msgspec.Struct, frozen=True, tag=True):
    """A late or unlisted answer, a dead letter of the market plane: recorded, not obeyed."""

    what: str
    data: dict[str, Any] = {}


Fact = (
    RunStarted
    | CapitalMoved
    | SignalAccepted
    | SignalRefused
    | SignalDropped
    | StrategyDecided
    | IntentEmitted
    | IntentRefused
    | IntentApproved
    | LegPlanned
    | LegSimulated
    | LegDropped
    | LegSigned
    | LegSent
    | LegLanded
    | FillValued
    | LegReverted
    | LegExpired
    | LegStuck
    | LegFinalized
    | LegUndone
    | LegRebooked
    | ExitRecovered
    | TradeMoved
    | TokenChecked
    | BreakerMoved
    | StrategyMoved
    | KillSwitchMoved
    | WalletChanged
    | PortfolioChanged
    | ConfigChanged
    | Reconciled
    | PositionsReconciled
    | DiscrepancyResolved
    | DeadLetterHandled
    | LevelsSet
    | UpkeepPlanned
    | UpkeepDropped
    | UpkeepSigned
    | UpkeepLanded
    | UpkeepExpired
    | Noted
)


class Entry(msgspec.Struct, frozen=True):
    """A fact in its place: what the journal hands to those who fold it."""

    seq: int
    at_ms: int
    run_id: str
    fact: Fact
