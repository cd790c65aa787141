"""Facts: what happened, in past participles. The journal holds nothing else; every state is folded from them.

A fact is appended once, numbered and chained by `audit.journal`, and never changed.
Adding a field needs a default, so that old journals still read.
"""

from typing import Any

import msgspec

from chimera.domain.ids import Address, IntentId, SignalId, Signature, Slot, TradeId
from chimera.domain.intent import Signal, TradeIntent
from chimera.domain.risk import Refusal
from chimera.domain.token import TokenReport
from chimera.domain.trade import Fill, Hop, LegRef, TradeState
from chimera.domain.wallet import Wallet


class RunStarted(msgspec.Struct, frozen=True, tag=True):
    run_id: str
    build: str
    wallet: Address
    """Our own trading wallet."""


class CapitalMoved(msgspec.Struct, frozen=True, tag=True):
    """Lamports that came or went by no trade of ours; the first one opens the books."""

    lamports: int
    slot: Slot
    cause: str


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


class IntentEmitted(msgspec.Struct, frozen=True, tag=True):
    intent: TradeIntent


class IntentRefused(msgspec.Struct, frozen=True, tag=True):
    intent_id: IntentId
    trade_id: TradeId
    refusal: Refusal


class IntentApproved(msgspec.Struct, frozen=True, tag=True):
    intent_id: IntentId
    trade_id: TradeId
    checks: tuple[str, ...]
    """Each check that was passed, with what it saw."""


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


class LegSimulated(msgspec.Struct, frozen=True, tag=True):
    leg: LegRef
    error: str | None
    compute_units: int
    slot: Slot


class LegDropped(msgspec.Struct, frozen=True, tag=True):
    """Nothing was signed."""

    leg: LegRef
    refusal: Refusal


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


class LegExpired(msgspec.Struct, frozen=True, tag=True):
    leg: LegRef
    signature: Signature
    block_height: int


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


class ConfigChanged(msgspec.Struct, frozen=True, tag=True):
    key: str
    old: str
    new: str
    cause: str
    by: str


class Reconciled(msgspec.Struct, frozen=True, tag=True):
    """Books against chain, at one slot."""

    slot: Slot
    expected_lamports: int
    actual_lamports: int
    token_differences: tuple[tuple[Address, int, int], ...] = ()
    """(mint, expected, actual) where they differ."""


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
    | IntentEmitted
    | IntentRefused
    | IntentApproved
    | LegPlanned
    | LegSimulated
    | LegDropped
    | LegSigned
    | LegSent
    | LegLanded
    | LegReverted
    | LegExpired
    | TradeMoved
    | TokenChecked
    | BreakerMoved
    | KillSwitchMoved
    | WalletChanged
    | ConfigChanged
    | Reconciled
    | Noted
)


class Entry(msgspec.Struct, frozen=True):
    """A fact in its place: what the journal hands to those who fold it."""

    seq: int
    at_ms: int
    run_id: str
    fact: Fact
