"""What an operator may ask for. Each is journalled with who and why, and answered."""

from typing import Any

import msgspec

from chimera.domain.allotment import Portfolio
from chimera.domain.ids import Address, TradeId
from chimera.domain.intent import Style
from chimera.domain.trade import Levels
from chimera.domain.wallet import WalletStatus


class Kill(msgspec.Struct, frozen=True, tag=True):
    """Stop trading now. Needs no second factor."""

    scope: str
    """halt_all or halt_buys."""
    cause: str
    by: str


class ResetKill(msgspec.Struct, frozen=True, tag=True):
    cause: str
    by: str


class ResetBreaker(msgspec.Struct, frozen=True, tag=True):
    cause: str
    by: str
    breaker: str = "loss"


class ExitPosition(msgspec.Struct, frozen=True, tag=True):
    trade_id: TradeId
    cause: str
    by: str
    fraction_bps: int = 10_000
    """How much of what is held, rounded up to a base unit; 10,000 is all."""


class SetLevels(msgspec.Struct, frozen=True, tag=True):
    """Another stop and target for one position."""

    trade_id: TradeId
    levels: Levels | None
    """None: its strategy's own rules hold again."""
    cause: str
    by: str


class ChangeWallet(msgspec.Struct, frozen=True, tag=True):
    address: Address
    status: WalletStatus
    cause: str
    by: str
    ttl_ms: int | None = None
    """How long an ACTIVE one stays so; then it becomes a CANDIDATE again."""
    strategy: Style | None = None
    """How it is copied; None leaves that as it is."""
    notes: str | None = None
    new: bool = False
    """Whether a wallet that nobody listed is taken in; otherwise it is UNKNOWN."""


class ParkStrategy(msgspec.Struct, frozen=True, tag=True):
    """Leave a strategy out until somebody lets it go on; its positions keep a stop."""

    strategy: str
    cause: str
    by: str


class ResumeStrategy(msgspec.Struct, frozen=True, tag=True):
    strategy: str
    cause: str
    by: str


class ChangeConfig(msgspec.Struct, frozen=True, tag=True):
    """Other values for settings that may change while the house runs: all of them or none."""

    changes: dict[str, Any]
    """By dotted key; values as a settings file has them."""
    cause: str
    by: str
    version: int | None = None
    """Number of the last change that the caller knew of; None where he does not mind."""


class UndoConfig(msgspec.Struct, frozen=True, tag=True):
    """Puts back what one change changed, unless something was changed again since."""

    entry: int
    """Number of any fact of that change."""
    cause: str
    by: str


class KeepPortfolio(msgspec.Struct, frozen=True, tag=True):
    """Opens, alters or closes a portfolio."""

    portfolio: Portfolio
    cause: str
    by: str
    new: bool = False
    """Whether one that is not there is opened; otherwise it is UNKNOWN."""
    anyones: bool = False
    """Whether it may be somebody else's: an admin's right."""


class ReleasePool(msgspec.Struct, frozen=True, tag=True):
    """A person has looked at the transaction that nobody could read; buys on the pool may go on."""

    pool: Address
    cause: str
    by: str


class RunReconciliation(msgspec.Struct, frozen=True, tag=True):
    cause: str
    by: str


class ResolveDiscrepancy(msgspec.Struct, frozen=True, tag=True):
    """A person has looked at what the reconciliation `entry` found at place `part`."""

    entry: int
    part: int
    cause: str
    by: str


class RetryDeadLetter(msgspec.Struct, frozen=True, tag=True):
    """Let it in again, as an operator's signal with an id of its own."""

    letter: int
    """Number of the entry that made it one."""
    cause: str
    by: str


class DiscardDeadLetter(msgspec.Struct, frozen=True, tag=True):
    letter: int
    cause: str
    by: str


Command = (
    Kill
    | ResetKill
    | ResetBreaker
    | ExitPosition
    | SetLevels
    | ChangeWallet
    | ParkStrategy
    | ResumeStrategy
    | ChangeConfig
    | UndoConfig
    | KeepPortfolio
    | ReleasePool
    | RunReconciliation
    | ResolveDiscrepancy
    | RetryDeadLetter
    | DiscardDeadLetter
)


class Answer(msgspec.Struct, frozen=True):
    """What became of a command."""

    ok: bool
    code: str = ""
    """Where not ok: UNKNOWN, NOT_ACTIVE, ALREADY_CLOSED and the like."""
    message: str = ""
    before: str = ""
    after: str = ""
