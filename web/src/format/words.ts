/**
 * Reason codes in plain words: what they mean, for people who ask "why no trade?".
 *
 * A code that is not listed here is shown as it came, made readable: a new reason must never vanish from the screen.
 */

import { typedPercent } from "./percent";

const REASONS: Record<string, string> = {
  SIGNATURE_INVALID: "The signature does not fit the message",
  SIGNATURE_MISSING: "The message was not signed",
  TIMESTAMP_OUT_OF_WINDOW: "The message is too old or from the future",
  RATE_LIMITED: "Too many signals in a second",
  QUEUE_FULL: "The queue was full",
  LOAD_SHED: "Left out under load, to keep exits and Shield fast",
  PARSE_ERROR: "The message could not be read",
  VALIDATION_FAILED: "A field of the message is not valid",
  duplicate_signal: "The same signal was already taken",
  INVALID_TOKEN_ADDRESS: "The token is not known here",
  UNKNOWN_WALLET: "The wallet is not on the roster",
  WALLET_NOT_ACTIVE: "The wallet is not active on the roster",
  NO_ACTIVE_POSITION: "There is no position to sell",
  POSITION_ALREADY_OPEN: "A position in this token is already open",
  EXIT_DEFERRED_UNTIL_OPEN: "The sale waits until the buy is confirmed",
  POSITION_SIZE_ZERO: "The position would be too small to trade",
  STRATEGY_HEAT_LIMIT: "The strategy's share of the money is in use",
  STRATEGY_DISABLED: "The strategy is switched off",
  SIGNAL_QUALITY_TOO_LOW: "The signal is not good enough",
  SINGLE_WALLET_UNPROVEN: "The wallet's gains may be chance, and nobody else buys it",
  KILL_SWITCH_ACTIVE: "The kill switch is on",
  NOT_READY: "The desk is still starting",
  circuit_breaker_triggered: "The loss breaker is open",
  BREAKER_SLIPPAGE: "Prices slipped too far too often lately",
  BREAKER_SIGNING: "Signing failed too often lately",
  BREAKER_TRADE_FAILURE: "Too many trades came to nothing lately",
  BREAKER_NETWORK: "The last node that is left failed too often lately",
  BREAKER_CONFIRMATION: "Too many transactions went unconfirmed lately",
  TTL_EXPIRED: "The intent came too late",
  LOCK_DUPLICATE_INTENT: "The same intent is already under way",
  LOCK_CAPITAL_CONFLICT: "The money is held for another trade",
  RISK_MAX_POSITION: "The position would be larger than allowed",
  RISK_MAX_OPEN_POSITIONS: "The most positions allowed are open",
  RISK_DAILY_LOSS_LIMIT: "The day's loss limit is reached",
  RISK_CORRELATED_EXPOSURE: "Too much would lie in tokens that move together",
  INSUFFICIENT_BALANCE: "Not enough SOL",
  MARKET_DATA_STALE: "The price is too old to trade on",
  TOKEN_UNSAFE: "The token failed its safety check",
  TOKEN_FREEZE_AUTHORITY: "Someone can freeze this token",
  TOKEN_MINT_AUTHORITY: "Someone can mint more of this token",
  TOKEN_HONEYPOT: "A test buy could not be sold again",
  LIQUIDITY_BELOW_MINIMUM: "Too little liquidity in the pool",
  SLIPPAGE_ABOVE_LIMIT: "The price would move too far",
  POOL_NOT_FOUND: "No pool trades this token",
  QUOTE_UNAVAILABLE: "No price could be made",
  POOL_DISABLED: "The pool has trading switched off",
  AMOUNT_OUT_OF_RANGE: "The amount is outside what the pool takes",
  FEE_EXCEEDS_MAX_COST: "Fees would cost more than allowed",
  TRANSACTION_TOO_LARGE: "The transaction would not fit its size limit",
  SIM_FAILED: "The simulation failed, so nothing was sent",
  SIM_TIMEOUT: "The simulation did not answer, so nothing was sent",
  STOP_LOSS: "Stop-loss reached",
  TAKE_PROFIT: "Take-profit reached",
  TRAILING_STOP: "Trailing stop reached",
  TIME_EXIT: "Held as long as allowed",
  COPY_SELL: "The copied wallet sold",
  SIGNAL_EXIT: "An EXIT signal came",
  MANUAL_EXIT: "Closed by hand",
};

/** `reason` in plain words. What is a sentence already stays one, with addresses shortened. */
export function explain(reason: string): string {
  const known = REASONS[reason] ?? REASONS[reason.toUpperCase()];
  if (known) return known;
  const coded = /^([A-Z][A-Z0-9_]+) (\(.*\))$/.exec(reason.trim()); // as the desk writes a refusal with its limit
  if (coded?.[1] && REASONS[coded[1]]) return `${REASONS[coded[1]]} ${readable(coded[2] ?? "")}`;
  if (/\s/.test(reason.trim())) return capitalize(readable(reason.trim()));
  return humanize(reason);
}

/** A sentence of the desk for people: addresses cut to their ends, basis points as percent. `title` keeps the original. */
export function readable(text: string): string {
  return inPercent(shortenAddresses(text));
}

/** `text` with its basis points as percentages, exactly: `+1635 bps` is `+16.35 %`. */
export function inPercent(text: string): string {
  return text.replace(/([+\-−]?)(\d{1,9}) bps\b/g, (_found, sign: string, digits: string) => {
    const size = typedPercent(Number(digits));
    return `${sign === "-" ? "−" : sign}${size} %`;
  });
}

/** `text` with addresses and signatures cut to their ends, `7xKX…gAsU`: they are for copying, not for reading. */
export function shortenAddresses(text: string): string {
  return text.replace(
    /\b[1-9A-HJ-NP-Za-km-z]{32,88}\b/g,
    (found) => `${found.slice(0, 4)}…${found.slice(-4)}`,
  );
}

/** An identifier as words: `MAX_RETRIES` and `max-retries` are `Max retries`. */
export function humanize(code: string): string {
  return capitalize(code.replace(/[_-]+/g, " ").trim().toLowerCase());
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
