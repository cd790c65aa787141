"""Whirlpool's swaps of two hops: what is written is what the venue reads back, account by account."""

from collections.abc import Callable

import msgspec
import pytest

from chimera.domain.chain import Instruction, InstructionCall, TokenBalance, TransactionUpdate
from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, Address, Signature, Slot
from chimera.onchain.keys import address_text
from chimera.venues.orca_whirlpool import PROGRAM, VENUE
from chimera.venues.orca_whirlpool.two_hops import HopAccounts, two_hop_swap, two_hop_swap_v2


def key(number: int) -> Address:
    return address_text(number.to_bytes(32, "big"))


USER, START, MIDDLE, END = (key(number) for number in range(1, 5))


def hop(at: int, mints: tuple[Address, Address], *, a_to_b: bool, arrays: int) -> HopAccounts:
    accounts = {START: key(10), MIDDLE: key(11), END: key(12)}
    return HopAccounts(
        pool=key(at),
        a_to_b=a_to_b,
        programs=(TOKEN_PROGRAM, TOKEN_PROGRAM),
        mints=mints,
        vaults=(key(at + 1), key(at + 2)),
        user_accounts=(accounts[mints[0]], accounts[mints[1]]),
        tick_arrays=tuple(key(at + 10 + number) for number in range(arrays)),
    )


def pools(arrays: int = 5) -> tuple[HopAccounts, HopAccounts]:
    """START to MIDDLE upwards through b, then MIDDLE to END downwards through a."""
    return (
        hop(100, (MIDDLE, START), a_to_b=False, arrays=arrays),
        hop(200, (MIDDLE, END), a_to_b=True, arrays=arrays),
    )


def executed(call: InstructionCall, one: HopAccounts, two: HopAccounts) -> TransactionUpdate:
    def moved(source: Address, target: Address, size: int) -> Instruction:
        return Instruction(TOKEN_PROGRAM, (source, target, USER), b"\x03" + size.to_bytes(8, "little"), 1)

    swap = Instruction(call.program, tuple(meta.address for meta in call.accounts), call.data)
    calls = (
        swap,
        moved(key(10), key(102), 1_000),
        moved(key(101), key(201), 900),
        moved(key(202), key(12), 800),
    )
    balances = tuple(
        TokenBalance(vault, mint, USER, 0, 6)
        for one_hop in (one, two)
        for vault, mint in zip(one_hop.vaults, one_hop.mints, strict=True)
    )
    return TransactionUpdate(Signature("s"), Slot(4), 0, (USER,), calls, 5_000, (), (), (), balances, (), 0)


@pytest.mark.parametrize(
    ("build", "arrays", "count"), [(two_hop_swap_v2, 5, 28), (two_hop_swap_v2, 3, 24), (two_hop_swap, 3, 20)]
)
def test_a_swap_of_two_hops_reads_back_as_it_was_written(
    build: Callable[..., InstructionCall], arrays: int, count: int
) -> None:
    one, two = pools(arrays)
    call = build(one, two, user=USER, amount=1_000, threshold=700, exact_in=True)
    assert (call.program, len(call.accounts)) == (PROGRAM, count)
    first, second = VENUE.decode_transaction(executed(call, one, two))
    assert (first.pool, first.input_mint, first.output_mint, first.user) == (one.pool, START, MIDDLE, USER)
    assert (second.pool, second.input_mint, second.output_mint, second.user) == (two.pool, MIDDLE, END, USER)
    assert (first.amount_in, first.amount_out, second.amount_in, second.amount_out) == (1_000, 900, 900, 800)


def test_the_newer_one_says_which_tick_arrays_are_supplements() -> None:
    call = two_hop_swap_v2(*pools(), user=USER, amount=7, threshold=8, exact_in=False)
    assert call.data[8:27] == (7).to_bytes(8, "little") + (8).to_bytes(8, "little") + b"\x00\x00\x01"
    assert call.data[27:] == bytes(32) + b"\x01" + (2).to_bytes(4, "little") + b"\x07\x02\x08\x02"
    assert [meta.address for meta in call.accounts[24:]] == [key(113), key(114), key(213), key(214)]
    assert {meta.address for meta in call.accounts if meta.is_signer} == {USER}


def test_pools_that_do_not_meet_and_what_the_older_one_cannot_do_are_refused() -> None:
    one, two = pools(3)
    amounts = {"user": USER, "amount": 1, "threshold": 1, "exact_in": True}
    with pytest.raises(ValueError, match="do not meet"):
        two_hop_swap_v2(two, one, **amounts)
    with pytest.raises(ValueError, match="do not meet"):
        two_hop_swap(one, msgspec.structs.replace(one, a_to_b=True), **amounts)
    with pytest.raises(ValueError, match="three tick arrays"):
        two_hop_swap_v2(one, msgspec.structs.replace(two, tick_arrays=two.tick_arrays[:2]), **amounts)
    with pytest.raises(ValueError, match="three tick arrays"):
        two_hop_swap(*pools(5), **amounts)
    with pytest.raises(ValueError, match="older token program"):
        two_hop_swap(
            one, msgspec.structs.replace(two, programs=(TOKEN_2022_PROGRAM, TOKEN_PROGRAM)), **amounts
        )
