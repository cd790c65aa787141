"""Strangers' transactions: exactly what they moved becomes capital, and whoever needed our key is told apart."""

from typing import Any

import msgspec
import pytest

from chimera.domain.chain import TokenBalance, TransactionUpdate
from chimera.domain.ids import WSOL, Signature, Slot
from chimera.domain.intent import Side
from chimera.domain.messages import CapitalMoved, Entry, Fact, LegSigned, Reconciled, UpkeepSigned
from chimera.domain.trade import LegRef
from chimera.execution.capital import Known, judge
from chimera.execution.outcomes import fill_of
from chimera.portfolio import Ledger
from chimera.testing.builders import AT_MS, BONK, address

WALLET, OTHER, ACCOUNT = address("desk"), address("somebody"), address("our token account")


def transaction(**changes: Any) -> TransactionUpdate:
    """Somebody sends us a tenth of a SOL."""
    made = TransactionUpdate(
        signature=Signature("theirs"), slot=Slot(77), index=0, accounts=(OTHER, WALLET, ACCOUNT),
        instructions=(), fee_lamports=5_000, pre_lamports=(10**9, 10**9, 2_039_280), logs=(), compute_units=150,
        post_lamports=(10**9 - 100_005_000, 1_100_000_000, 2_039_280), pre_tokens=(), post_tokens=(),
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def held(amount: int) -> tuple[TokenBalance, ...]:
    return (TokenBalance(ACCOUNT, BONK, WALLET, amount, 5),)


def test_a_gift_is_capital_of_exactly_its_delta_with_its_signature_as_cause() -> None:
    stranger = judge(transaction(), wallet=WALLET)
    assert stranger is not None and not stranger.misused
    assert stranger.moved == CapitalMoved(
        100_000_000, Slot(77), "sent by somebody else", Signature("theirs"), ()
    )


def test_tokens_that_come_along_are_counted_too() -> None:
    stranger = judge(transaction(pre_tokens=held(5), post_tokens=held(12)), wallet=WALLET)
    assert stranger is not None and stranger.moved.tokens == ((BONK, 7),)
    ledger = Ledger()
    ledger.apply(Entry(1, AT_MS, "r", stranger.moved))
    assert (ledger.lamports, ledger.tokens) == (100_000_000, {BONK: 7})


def test_what_only_mentions_us_is_nothing() -> None:
    same = transaction(post_lamports=(10**9 - 5_000, 10**9, 2_039_280))
    assert judge(same, wallet=WALLET) is None
    assert judge(transaction(accounts=(OTHER, address("a"), address("b"))), wallet=WALLET) is None


@pytest.mark.parametrize("error", [None, "slippage"])
def test_what_our_key_paid_for_is_somebody_else_with_our_key(error: str | None) -> None:
    ours = transaction(
        accounts=(WALLET, OTHER, ACCOUNT), post_lamports=(10**9 - 5_000, 10**9, 2_039_280), error=error
    )
    stranger = judge(ours, wallet=WALLET)
    assert stranger is not None and stranger.misused and stranger.moved.lamports == -5_000


def test_lamports_do_not_leave_without_our_key_whoever_pays_the_fee() -> None:
    taken = transaction(post_lamports=(2 * 10**9, 5, 2_039_280))
    stranger = judge(taken, wallet=WALLET)
    assert stranger is not None and stranger.misused and stranger.moved.lamports == 5 - 10**9


def test_tokens_may_leave_without_our_key() -> None:
    taken = transaction(
        post_lamports=(10**9 - 5_000, 10**9, 2_039_280), pre_tokens=held(12), post_tokens=held(0)
    )
    stranger = judge(taken, wallet=WALLET)
    assert stranger is not None and not stranger.misused and stranger.moved.tokens == ((BONK, -12),)


def test_what_the_journal_accounts_for_is_known() -> None:
    known = Known()
    leg = LegRef("l", "i", "t")  # type: ignore[arg-type]
    facts: list[Fact] = [
        CapitalMoved(10**9, Slot(50), "opening balance"),
        LegSigned(leg, Signature("leg"), b"", 9),
        UpkeepSigned("u", Signature("upkeep"), b"", 9),
        CapitalMoved(5, Slot(60), "gift", Signature("gift")),
    ]
    for seq, fact in enumerate(facts, 1):
        known.apply(Entry(seq, AT_MS, "r", fact))
    assert all(Signature(name) in known for name in ("leg", "upkeep", "gift"))
    assert Signature("theirs") not in known
    assert known.since_slot == 50  # a gift in slot 60 says nothing of slots 51 to 59


def test_history_is_complete_up_to_where_books_and_chain_agreed() -> None:
    known = Known()
    assert known.since_slot is None
    for seq, (slot, actual) in enumerate(((50, 10), (60, 11), (55, 10)), 1):
        known.apply(Entry(seq, AT_MS, "r", Reconciled(Slot(slot), 10, actual)))
    assert known.since_slot == 55


def test_wrapped_sol_that_lay_there_before_a_sale_is_no_part_of_its_price() -> None:
    stray = TokenBalance(ACCOUNT, WSOL, WALLET, 10**9, 9)
    tokens = TokenBalance(address("bonk"), BONK, WALLET, 500, 5)
    sale = transaction(
        accounts=(WALLET, ACCOUNT, address("bonk")),
        pre_lamports=(10**10, 10**9 + 2_039_280, 2_039_280),
        post_lamports=(10**10 + 10**9 + 2_039_280 + 300_000_000 - 5_000, 0, 2_039_280),
        pre_tokens=(stray, tokens),
        post_tokens=(msgspec.structs.replace(tokens, amount=0),),
    )
    fill = fill_of(sale, wallet=WALLET, mint=BONK, side=Side.SELL, tip_accounts=frozenset(), at_ms=AT_MS)
    assert (fill.swap_lamports, fill.rent_lamports, fill.token_delta) == (300_000_000, -2_039_280, -500)
    assert fill.other_tokens == ((WSOL, -(10**9)),)
