"""Books against chain: exact to the lamport, with the documented epsilon only for what may resolve itself."""

import pytest

from chimera.audit.reconcile import agrees, compare, within_epsilon
from chimera.domain.ids import Slot
from chimera.portfolio import Ledger
from chimera.testing.stories import address, entries


def books() -> Ledger:
    ledger = Ledger()
    for entry in entries(3):
        ledger.apply(entry)
    return ledger


def test_equal_books_and_chain_agree_whatever_empty_accounts_there_are() -> None:
    ledger = books()
    held = {mint: amount for mint, amount in ledger.tokens.items() if amount} | {address("EMPTY"): 0}
    fact = compare(ledger, slot=Slot(5), lamports=ledger.lamports, tokens=held)
    assert agrees(fact) and fact.slot == 5


@pytest.mark.parametrize("off", [1, -1])
def test_one_lamport_or_one_base_unit_is_a_difference(off: int) -> None:
    ledger = books()
    assert not agrees(compare(ledger, slot=Slot(5), lamports=ledger.lamports + off, tokens=ledger.tokens))
    mint = next(iter(ledger.tokens))
    tokens = ledger.tokens | {mint: ledger.tokens[mint] + off}
    fact = compare(ledger, slot=Slot(5), lamports=ledger.lamports, tokens=tokens)
    assert fact.token_differences == ((mint, ledger.tokens[mint], ledger.tokens[mint] + off),)


@pytest.mark.parametrize(
    ("expected", "actual", "sol", "rule"),
    [
        (10**9, 10**9 + 100_000, True, "auto:absolute"),
        (10**9, 10**9 + 100_001, True, None),
        (10**9, 10**9 - 100_000, False, None),
        (10**9, 10**9 - 99_999, False, "auto:relative"),
        (0, 1, False, None),
    ],
)
def test_the_epsilon_is_that_of_the_specification(
    expected: int, actual: int, sol: bool, rule: str | None
) -> None:
    assert within_epsilon(expected, actual, sol=sol) == rule
