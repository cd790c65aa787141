"""Yes and no: the reasons for which something may not happen, and the proof that it may."""

from enum import StrEnum

import msgspec


class Reason(StrEnum):
    """Why not. The text is what users, dead letters and the API see."""

    # admission of a signal
    BAD_SIGNATURE = "SIGNATURE_INVALID"
    MISSING_SIGNATURE = "SIGNATURE_MISSING"
    STALE_TIMESTAMP = "TIMESTAMP_OUT_OF_WINDOW"
    RATE_LIMITED = "RATE_LIMITED"
    QUEUE_FULL = "QUEUE_FULL"
    LOAD_SHED = "LOAD_SHED"
    PARSE_ERROR = "PARSE_ERROR"
    VALIDATION_FAILED = "VALIDATION_FAILED"
    DUPLICATE_SIGNAL = "duplicate_signal"
    UNKNOWN_TOKEN = "INVALID_TOKEN_ADDRESS"
    UNKNOWN_WALLET = "UNKNOWN_WALLET"
    WALLET_NOT_ACTIVE = "WALLET_NOT_ACTIVE"
    NO_ACTIVE_POSITION = "NO_ACTIVE_POSITION"
    POSITION_OPEN = "POSITION_ALREADY_OPEN"
    DEFERRED = "EXIT_DEFERRED_UNTIL_OPEN"
    POSITION_SIZE_ZERO = "POSITION_SIZE_ZERO"
    STRATEGY_HEAT_LIMIT = "STRATEGY_HEAT_LIMIT"
    STRATEGY_DISABLED = "STRATEGY_DISABLED"
    # gate
    KILL_SWITCH = "KILL_SWITCH_ACTIVE"
    NOT_READY = "NOT_READY"
    BREAKER_OPEN = "circuit_breaker_triggered"
    SLIPPAGE_BREAKER = "BREAKER_SLIPPAGE"
    SIGNING_BREAKER = "BREAKER_SIGNING"
    TRADE_FAILURE_BREAKER = "BREAKER_TRADE_FAILURE"
    CONFIRMATION_BREAKER = "BREAKER_CONFIRMATION"
    TTL_EXPIRED = "TTL_EXPIRED"
    DUPLICATE_INTENT = "LOCK_DUPLICATE_INTENT"
    CAPITAL_CONFLICT = "LOCK_CAPITAL_CONFLICT"
    RESOURCE_CONFLICT = "LOCK_RESOURCE_CONFLICT"
    STARVED = "FAIRNESS_STARVED"
    MAX_POSITION = "RISK_MAX_POSITION"
    MAX_OPEN_POSITIONS = "RISK_MAX_OPEN_POSITIONS"
    DAILY_LOSS = "RISK_DAILY_LOSS_LIMIT"
    CORRELATED = "RISK_CORRELATED_EXPOSURE"
    INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"
    STALE_DATA = "MARKET_DATA_STALE"
    TOKEN_UNSAFE = "TOKEN_UNSAFE"
    FREEZE_AUTHORITY = "TOKEN_FREEZE_AUTHORITY"
    MINT_AUTHORITY = "TOKEN_MINT_AUTHORITY"
    HONEYPOT = "TOKEN_HONEYPOT"
    LIQUIDITY = "LIQUIDITY_BELOW_MINIMUM"
    SLIPPAGE = "SLIPPAGE_ABOVE_LIMIT"
    # quoting, planning, simulating
    POOL_NOT_FOUND = "POOL_NOT_FOUND"
    QUOTE_UNAVAILABLE = "QUOTE_UNAVAILABLE"
    POOL_DISABLED = "POOL_DISABLED"
    AMOUNT_OUT_OF_RANGE = "AMOUNT_OUT_OF_RANGE"
    FEES_ABOVE_LIMIT = "FEE_EXCEEDS_MAX_COST"
    TRANSACTION_TOO_LARGE = "TRANSACTION_TOO_LARGE"
    UNPROFITABLE = "CYCLE_UNPROFITABLE"
    BUNDLE_REQUIRED = "BUNDLE_REQUIRED"
    SIMULATION_FAILED = "SIM_FAILED"
    SIMULATION_UNAVAILABLE = "SIM_TIMEOUT"


class Refusal(msgspec.Struct, frozen=True):
    """A no, with what was allowed and what was seen, both as text for people."""

    reason: Reason
    limit: str = ""
    observed: str = ""

    def __str__(self) -> str:
        told = ", ".join(
            part
            for part in (
                f"limit {self.limit}" * bool(self.limit),
                f"observed {self.observed}" * bool(self.observed),
            )
            if part
        )
        return f"{self.reason}" + (f" ({told})" if told else "")
