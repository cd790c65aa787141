"""A refusal as HTTP says it: which status, and one sentence on what to do."""

from chimera.domain.risk import Reason, Refusal

STATUS: dict[Reason, int] = {
    Reason.PARSE_ERROR: 400,
    Reason.VALIDATION_FAILED: 400,
    Reason.MISSING_SIGNATURE: 401,
    Reason.BAD_SIGNATURE: 401,
    Reason.STALE_TIMESTAMP: 401,
    Reason.DUPLICATE_SIGNAL: 409,
    Reason.RATE_LIMITED: 429,
    Reason.QUEUE_FULL: 503,
    Reason.LOAD_SHED: 503,
    Reason.KILL_SWITCH: 503,
    Reason.BREAKER_OPEN: 503,
    Reason.SLIPPAGE_BREAKER: 503,
    Reason.SIGNING_BREAKER: 503,
    Reason.TRADE_FAILURE_BREAKER: 503,
    Reason.CONFIRMATION_BREAKER: 503,
    Reason.NETWORK_BREAKER: 503,
    Reason.NOT_READY: 503,
}
"""Whatever is not listed was understood and is not wanted: 422."""

ADVICE: dict[Reason, str] = {
    Reason.PARSE_ERROR: "The body is not one JSON object in UTF-8.",
    Reason.VALIDATION_FAILED: "The body is JSON but not a signal.",
    Reason.MISSING_SIGNATURE: "Send both headers: X-Timestamp (unix seconds) and X-Signature "
    "(hex of HMAC-SHA256 over timestamp and body).",
    Reason.BAD_SIGNATURE: "X-Signature is not the hex of HMAC-SHA256 over X-Timestamp followed by the raw body.",
    Reason.STALE_TIMESTAMP: "X-Timestamp must be the current unix time in seconds; check the clock and sign again.",
    Reason.DUPLICATE_SIGNAL: "This signal was accepted before; nothing was done twice.",
    Reason.RATE_LIMITED: "Too many signals; wait for Retry-After seconds.",
    Reason.QUEUE_FULL: "The queue is full; the signal is kept among the dead letters.",
    Reason.LOAD_SHED: "The queue is long and SPEAR signals are being dropped; it is kept among the dead letters.",
    Reason.UNKNOWN_TOKEN: "No token is listed under this symbol or mint.",
    Reason.UNKNOWN_WALLET: "This wallet is not on the roster.",
    Reason.WALLET_NOT_ACTIVE: "Only wallets with status ACTIVE are copied.",
    Reason.NO_ACTIVE_POSITION: "There is no open position copied from this wallet in this token.",
    Reason.KILL_SWITCH: "Trading is halted by the kill switch.",
    Reason.BREAKER_OPEN: "The loss breaker is open: no new buys until it closes.",
    Reason.SLIPPAGE_BREAKER: "The slippage breaker is open: no new buys until it closes.",
    Reason.SIGNING_BREAKER: "The signing breaker is open: no new buys until it closes.",
    Reason.TRADE_FAILURE_BREAKER: "The trade failure breaker is open: no new buys until it closes.",
    Reason.NETWORK_BREAKER: "The network breaker is open: no new buys until it closes.",
    Reason.CONFIRMATION_BREAKER: "The confirmation breaker is open: no new buys until it closes.",
    Reason.STRATEGY_HEAT_LIMIT: "This strategy's share of the capital is used up.",
    Reason.STRATEGY_DISABLED: "This strategy is switched off at the moment.",
    Reason.CORRELATED: "Too much would lie in tokens that move together.",
    Reason.LIQUIDITY: "The token's liquidity is below this strategy's minimum.",
    Reason.FREEZE_AUTHORITY: "The token's accounts could be frozen by its issuer.",
    Reason.MINT_AUTHORITY: "The token's issuer could still mint more of it.",
    Reason.HONEYPOT: "The token can be bought but not sold.",
}


def status_of(refusal: Refusal) -> int:
    return STATUS.get(refusal.reason, 422)


def message_of(refusal: Refusal) -> str:
    """What to do, with what was allowed and what was seen."""
    advice = ADVICE.get(refusal.reason, "The signal was refused.")
    told = [f"limit: {refusal.limit}"] if refusal.limit else []
    if refusal.observed:
        told.append(f"observed: {refusal.observed}")
    return f"{advice} ({'; '.join(told)})" if told else advice
