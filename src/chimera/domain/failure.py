"""Why a leg came to nothing, in few classes: what a person counts, and what may be tried again."""

import re
from enum import StrEnum

from chimera.domain.risk import Reason, Refusal


class Failure(StrEnum):
    """SPEC CF-02 names three families: network, trading and signing."""

    CONNECTION = "network_connection"
    """No node answered, or all of them said later."""
    TIMEOUT = "network_confirmation_timeout"
    """It expired without landing."""
    TRANSACTION = "network_failed_transaction"
    """A program refused it, for a reason of its own."""
    SLIPPAGE = "trading_slippage"
    """The price had moved further than allowed."""
    FUNDS = "trading_funds"
    """There was not enough to pay with."""
    STALE = "trading_stale"
    """What it was planned on was old by then."""
    VALIDATION = "trading_validation"
    """It could not have been right: accounts, sizes, limits."""
    BREAKER = "trading_breaker"
    """Trading was halted meanwhile."""
    SIGNING = "signing"
    """The key's keeper did not sign."""

    @property
    def worth_retrying(self) -> bool:
        """Whether the same wish, planned anew, may well succeed a moment later."""
        return self in RETRIED


RETRIED = frozenset(
    {
        Failure.CONNECTION,
        Failure.TIMEOUT,
        Failure.TRANSACTION,
        Failure.SLIPPAGE,
        Failure.STALE,
        Failure.SIGNING,
    }
)

BY_REASON = {
    Reason.SIMULATION_UNAVAILABLE: Failure.CONNECTION,
    Reason.STALE_DATA: Failure.STALE,
    Reason.NOT_READY: Failure.STALE,
    Reason.KILL_SWITCH: Failure.BREAKER,
    Reason.BREAKER_OPEN: Failure.BREAKER,
    Reason.SLIPPAGE_BREAKER: Failure.BREAKER,
    Reason.SIGNING_BREAKER: Failure.BREAKER,
    Reason.TRADE_FAILURE_BREAKER: Failure.BREAKER,
    Reason.CONFIRMATION_BREAKER: Failure.BREAKER,
    Reason.NETWORK_BREAKER: Failure.BREAKER,
    Reason.SLIPPAGE: Failure.SLIPPAGE,
    Reason.INSUFFICIENT_BALANCE: Failure.FUNDS,
    Reason.CAPITAL_CONFLICT: Failure.FUNDS,
}

# as nodes write them; https://docs.rs/solana-transaction-error TransactionError and InstructionError
FUNDS = re.compile(r"InsufficientFunds|insufficient (funds|lamports)", re.IGNORECASE)
OUT_OF_TIME = re.compile(r"BlockhashNotFound")
IMPOSSIBLE = re.compile(
    r"AccountNotFound|InvalidAccountForFee|SanitizeFailure|ProgramAccountNotFound|WouldExceedMaxAccount|"
    r"AccountNotExecutable|SignatureFailure|TooManyAccountLocks|AddressLookupTable"
)
CUSTOM = re.compile(r"Custom\D{0,5}(\d+)")


def of_error(error: str, slippage_errors: frozenset[int] = frozenset()) -> Failure:
    """The class of a transaction's error; `slippage_errors` are the codes by which its venues say "slipped"."""
    custom = CUSTOM.search(error)
    if custom is not None:
        return Failure.SLIPPAGE if int(custom.group(1)) in slippage_errors else Failure.TRANSACTION
    if FUNDS.search(error):
        return Failure.FUNDS
    if OUT_OF_TIME.search(error):
        return Failure.TIMEOUT
    return Failure.VALIDATION if IMPOSSIBLE.search(error) else Failure.TRANSACTION


def of_refusal(refusal: Refusal, slippage_errors: frozenset[int] = frozenset()) -> Failure:
    """The class of what was given up before it was signed."""
    if refusal.reason is Reason.SIMULATION_FAILED:
        return of_error(refusal.observed, slippage_errors)
    if refusal.reason is Reason.NOT_READY and refusal.observed.startswith("signer"):
        return Failure.SIGNING
    return BY_REASON.get(refusal.reason, Failure.VALIDATION)
