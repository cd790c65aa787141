"""How much of our SOL should lie wrapped, and what to do about it. Pure; time is passed in.

Legs wrap what they spend and unwrap what is left, each within its own transaction. So by default nothing lies
wrapped between them (`SWEEP`), and what a gift or a torn run left behind is unwrapped. By setting an amount stands
wrapped, as SPEC WK-05 describes it: buys spend it (`spendable`), sells leave theirs there, and this brings it back
between its limits.
"""

import msgspec

from chimera.domain.ids import WSOL, derived_id
from chimera.domain.intent import Side
from chimera.domain.units import LAMPORTS_PER_SOL, sol_text
from chimera.domain.upkeep import Chore, Upkeep
from chimera.portfolio import Ledger

COST_LAMPORTS = 2_039_280 + 10_000  # rent of the account, and more than the fee


class WsolLimits(msgspec.Struct, frozen=True):
    """SPEC WK-05's numbers."""

    low_lamports: int = LAMPORTS_PER_SOL // 2
    """Below it SOL is wrapped, up to the target."""
    target_lamports: int = LAMPORTS_PER_SOL
    high_lamports: int = 2 * LAMPORTS_PER_SOL
    """Above it SOL is unwrapped, down to the target."""
    reserve_lamports: int = LAMPORTS_PER_SOL // 10
    """Always stays native: fees of exits are paid from it."""
    cooldown_ms: int = 30_000


SWEEP = WsolLimits(low_lamports=0, target_lamports=0, high_lamports=0)
"""Nothing is to lie wrapped."""


def review_wsol(
    limits: WsolLimits,
    *,
    native_lamports: int,
    promised_lamports: int,
    wrapped_lamports: int,
    last_ms: int | None,
    now_ms: int,
) -> Upkeep | None:
    """The chore that brings the wrapped amount between its limits, or None.

    `promised_lamports` are those of buys under way; `last_ms` is when the last such chore was decided. Whoever
    calls makes sure that none is under way.
    """
    if last_ms is not None and now_ms - last_ms < limits.cooldown_ms:
        return None
    if wrapped_lamports > limits.high_lamports:
        return Upkeep(
            id=_id(Chore.UNWRAP, now_ms),
            chore=Chore.UNWRAP,
            lamports=limits.target_lamports,
            reason=f"{sol_text(wrapped_lamports)} SOL lie wrapped, more than {sol_text(limits.high_lamports)}",
        )
    if wrapped_lamports >= limits.low_lamports:
        return None
    free = native_lamports - promised_lamports - limits.reserve_lamports - COST_LAMPORTS
    amount = min(limits.target_lamports - wrapped_lamports, free)
    if amount <= 0 or wrapped_lamports + amount < limits.low_lamports:
        return None  # it would not even reach the lower limit: better keep what there is for fees
    return Upkeep(
        id=_id(Chore.WRAP, now_ms),
        chore=Chore.WRAP,
        lamports=amount,
        reason=f"{sol_text(wrapped_lamports)} SOL lie wrapped, less than {sol_text(limits.low_lamports)}",
    )


def spendable(ledger: Ledger) -> int:
    """Wrapped lamports that a new leg may count on, whatever becomes of all that is under way.

    Every buy under way is taken to spend from it, though some wrap their own; while a chore or a cycle is, which
    may close the account, nothing is counted on. So no leg is ever short of what its plan rests on.
    """
    if ledger.upkeep or any(leg.side is Side.CYCLE for leg in ledger.legs.values()):
        return 0
    return max(ledger.tokens.get(WSOL, 0) - ledger.reserved_lamports, 0)


def _id(chore: Chore, now_ms: int) -> str:
    return derived_id("upkeep", chore, str(now_ms))
