"""Amounts and ratios: all integers, each with its unit in its name.

Every division names its rounding; callers choose the side that is against us.
"""

from decimal import Decimal, InvalidOperation
from typing import NewType

Lamports = NewType("Lamports", int)
"""1e-9 SOL."""
Tokens = NewType("Tokens", int)
"""Base units of some mint."""
Bps = NewType("Bps", int)
"""Hundredths of a percent."""
MicroUsd = NewType("MicroUsd", int)
"""1e-6 US dollars."""

LAMPORTS_PER_SOL = 1_000_000_000
MICRO_USD = 1_000_000
BPS = 10_000
U64_MAX = 2**64 - 1


def mul_div_floor(a: int, b: int, c: int) -> int:
    """a*b/c rounded down; raises ZeroDivisionError where c is 0."""
    return a * b // c


def mul_div_ceil(a: int, b: int, c: int) -> int:
    """a*b/c rounded up; raises ZeroDivisionError where c is 0."""
    return -(-a * b // c)


def change_bps(now: int, before: int) -> int:
    """How far `now` is from `before` in bps, rounded down (losses look larger, gains smaller)."""
    return (now - before) * BPS // before


def lamports_from_sol(text: str | float | Decimal) -> Lamports:
    """Lamports in a decimal amount of SOL; raises ValueError unless exact, finite and within u64."""
    try:
        amount = Decimal(str(text)) * LAMPORTS_PER_SOL
    except InvalidOperation:
        raise ValueError(f"not a number: {text!r}") from None
    if not amount.is_finite():
        raise ValueError(f"not a finite number: {text!r}")
    if amount != amount.to_integral_value():
        raise ValueError(f"finer than one lamport: {text!r}")
    if not 0 <= amount <= U64_MAX:
        raise ValueError(f"out of range: {text!r}")
    return Lamports(int(amount))


def sol_text(lamports: int) -> str:
    """The decimal SOL of an amount, without trailing zeros: 1500000000 -> '1.5'."""
    sign, magnitude = ("-", -lamports) if lamports < 0 else ("", lamports)
    whole, part = divmod(magnitude, LAMPORTS_PER_SOL)
    return f"{sign}{whole}" + (f".{part:09d}".rstrip("0") if part else "")
