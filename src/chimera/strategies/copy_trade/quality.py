"""How good a signal is, and whether a wallet's gains are more than chance (SPEC ST-08). Pure functions of figures.

Must not know where the figures come from, nor sizes.
"""

import msgspec

from chimera.domain.risk import Reason, Refusal
from chimera.domain.units import MICRO_USD, mul_div_floor
from chimera.parameters.copy_trade import CopyQuality
from chimera.strategies.copy_trade.memory import Record

SCORE, CONSENSUS, LIQUIDITY, AGE = 40, 30, 20, 10  # percent of the whole: SPEC ST-08


class Seen(msgspec.Struct, frozen=True):
    """What is known when a wallet buys."""

    wallet_score: int | None
    """0-100; None where nobody scored it."""
    agree: bool
    """Whether other wallets bought the same lately."""
    liquidity_micro_usd: int | None
    age_ms: int | None
    """As far as it was seen; None where nothing was."""


def refused(seen: Seen, record: Record, rules: CopyQuality) -> Refusal | None:
    """Why this buy is not copied; None where it may be."""
    return unproven(record, rules, agree=seen.agree) or _poor(seen, rules)


def score_percent(seen: Seen, rules: CopyQuality) -> int:
    """0-100, each part rounded down. What is unknown earns nothing."""
    liquidity = _part(seen.liquidity_micro_usd, rules.liquidity_usd * MICRO_USD, LIQUIDITY)
    age = _part(seen.age_ms, rules.age_s * 1_000, AGE)
    scored = mul_div_floor(seen.wallet_score or 0, SCORE, 100)
    return scored + (CONSENSUS if seen.agree else 0) + liquidity + age


def unproven(record: Record, rules: CopyQuality, *, agree: bool) -> Refusal | None:
    """Where enough copies of this wallet say that it gains by chance. Exact: t = sum * sqrt((n-1) / (n*Q - sum^2))."""
    n = record.trades
    if agree or not rules.proven_samples or n < max(rules.proven_samples, 2):
        return None
    total, spread = record.sum_bps, n * record.squares - record.sum_bps**2
    if total > 0 and total**2 * (n - 1) * 1_000_000 > rules.proven_t_milli**2 * spread:
        return None
    return Refusal(
        Reason.UNPROVEN_WALLET,
        limit=f"t above {rules.proven_t_milli / 1_000:.3f}, or another wallet that buys it too",
        observed=f"{n} copies brought {total // n} bps each, {record.wins} of them won",
    )


def _poor(seen: Seen, rules: CopyQuality) -> Refusal | None:
    if seen.wallet_score is None or not rules.percent_min:
        return None
    percent = score_percent(seen, rules)
    if percent >= rules.percent_min:
        return None
    parts = f"wallet {seen.wallet_score}, {'others agree' if seen.agree else 'it buys alone'}"
    return Refusal(
        Reason.SIGNAL_QUALITY, limit=f"at least {rules.percent_min} %", observed=f"{percent} %: {parts}"
    )


def _part(value: int | None, whole: int, weight: int) -> int:
    if value is None:
        return 0
    return weight if value >= whole else mul_div_floor(max(value, 0), weight, whole)
