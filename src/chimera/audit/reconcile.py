"""Books against chain, and how much of a difference may pass by itself."""

from collections.abc import Mapping

from chimera.domain.ids import Address, Slot
from chimera.domain.messages import Reconciled
from chimera.portfolio import Ledger

AUTO_LAMPORTS = 100_000  # 0.0001 SOL (SPEC RC-02)
AUTO_SHARE = 10_000  # 0.01 %, as one part in this many


def compare(books: Ledger, *, slot: Slot, lamports: int, tokens: Mapping[Address, int]) -> Reconciled:
    """What the books say beside what the chain says, at one slot, while nothing of ours is under way.

    `tokens` are our balances by mint, all accounts of a mint added up. Exact: no epsilon here.
    """
    mints = sorted(books.tokens.keys() | tokens.keys())
    return Reconciled(
        slot=slot,
        expected_lamports=books.lamports,
        actual_lamports=lamports,
        token_differences=tuple(
            (mint, expected, actual)
            for mint in mints
            if (expected := books.tokens.get(mint, 0)) != (actual := tokens.get(mint, 0))
        ),
    )


def agrees(fact: Reconciled) -> bool:
    """Whether books and chain were equal to the lamport and the token."""
    return fact.expected_lamports == fact.actual_lamports and not fact.token_differences


def within_epsilon(expected: int, actual: int, *, sol: bool) -> str | None:
    """Which rule lets a difference pass, or None: it is small (SOL only), or small against what is held."""
    off = abs(expected - actual)
    if sol and off <= AUTO_LAMPORTS:
        return "auto:absolute"
    if expected > 0 and off * AUTO_SHARE < expected:
        return "auto:relative"
    return None
