"""What an operator may ask for. Each is journalled with who and why, and answered."""

import msgspec

from chimera.domain.ids import Address, TradeId
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


class ExitPosition(msgspec.Struct, frozen=True, tag=True):
    trade_id: TradeId
    cause: str
    by: str


class ChangeWallet(msgspec.Struct, frozen=True, tag=True):
    address: Address
    status: WalletStatus
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
    | ChangeWallet
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
