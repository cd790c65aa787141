"""Orca Whirlpool's swaps in executed transactions: by event, by transfer, of two hops, torn."""

from base64 import b64encode
from random import Random

import msgspec
import pytest
from tests.venues import recorded

from chimera.domain.chain import Instruction, TokenBalance, TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, Address, Signature, Slot
from chimera.onchain.keys import address_bytes, address_text
from chimera.venues.orca_whirlpool import PROGRAM, VENUE
from chimera.venues.orca_whirlpool.instructions import SWAP, SWAP_V2, TWO_HOP_SWAP, TWO_HOP_SWAP_V2
from chimera.venues.orca_whirlpool.transactions import TRADED


def key(number: int) -> Address:
    return address_text(number.to_bytes(32, "big"))


POOL, MINT_A, MINT_B, VAULT_A, VAULT_B = (key(number) for number in range(1, 6))
USER = key(20)


def swap_call(*, version: int = 2, a_to_b: bool = True, depth: int = 0) -> Instruction:
    data = bytes(32) + bytes((1, a_to_b))
    if version == 1:
        who = [TOKEN_PROGRAM, USER, POOL, key(21), VAULT_A, key(22), VAULT_B, *map(key, range(30, 34))]
        return Instruction(PROGRAM, tuple(who), SWAP + data, depth)
    who = [
        TOKEN_PROGRAM,
        TOKEN_PROGRAM,
        key(40),
        USER,
        POOL,
        MINT_A,
        MINT_B,
        key(21),
        VAULT_A,
        key(22),
        VAULT_B,
    ]
    return Instruction(PROGRAM, (*who, *map(key, range(30, 34))), SWAP_V2 + data + b"\0", depth)


def two_hops(*, version: int = 2) -> Instruction:
    """A to B in the pool, B to C in another."""
    data = bytes(16) + bytes((1, 1, 0)) + bytes(32)
    if version == 1:
        who = [
            TOKEN_PROGRAM,
            USER,
            POOL,
            key(50),
            key(21),
            VAULT_A,
            key(22),
            VAULT_B,
            key(23),
            key(51),
            key(22),
            key(52),
        ]
        return Instruction(PROGRAM, (*who, *map(key, range(30, 38))), TWO_HOP_SWAP + data)
    who = [
        POOL,
        key(50),
        MINT_A,
        MINT_B,
        key(53),
        *[TOKEN_PROGRAM] * 3,
        key(21),
        VAULT_A,
        VAULT_B,
        key(52),
        key(51),
        key(23),
        USER,
    ]
    return Instruction(PROGRAM, (*who, *map(key, range(30, 39))), TWO_HOP_SWAP_V2 + data)


def event(pool: Address, *, sent: int = 1_000, gave: int = 900, fee_out: int = 9) -> str:
    body = address_bytes(pool) + b"\x01" + bytes(32)
    body += b"".join(number.to_bytes(8, "little") for number in (sent, gave, 5, fee_out, 3, 1))
    return "Program data: " + b64encode(TRADED + body).decode()


def transfer(source: Address, target: Address, size: int, *, checked: Address | None = None) -> Instruction:
    if checked is None:
        return Instruction(TOKEN_PROGRAM, (source, target, USER), b"\x03" + size.to_bytes(8, "little"), 1)
    return Instruction(
        checked, (source, MINT_A, target, USER), b"\x0c" + size.to_bytes(8, "little") + b"\x06", 1
    )


MOVES = (transfer(key(21), VAULT_A, 1_000), transfer(VAULT_B, key(22), 900))
BALANCES = tuple(
    TokenBalance(account, mint, USER, 5, 6)
    for account, mint in ((VAULT_A, MINT_A), (VAULT_B, MINT_B), (key(51), key(53)), (key(52), MINT_B))
)


def executed(*calls: Instruction, logs: tuple[str, ...] = (), error: str | None = None) -> TransactionUpdate:
    lines = (f"Program {PROGRAM} invoke [1]", *logs, f"Program {PROGRAM} success") if logs else ()
    return TransactionUpdate(
        Signature("s"), Slot(4), 0, (USER,), tuple(calls), 5_000, (), (), (), BALANCES, lines, 0, error
    )


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("a_to_b", [True, False])
def test_swaps_are_read_from_their_events_transfer_fees_included(version: int, a_to_b: bool) -> None:
    outer = Instruction(key(77), (USER,), b"route")
    call = swap_call(version=version, a_to_b=a_to_b, depth=1)
    (swap,) = VENUE.decode_transaction(executed(outer, call, *MOVES, logs=(event(POOL),)))
    mints = (MINT_A, MINT_B) if a_to_b else (MINT_B, MINT_A)
    assert (swap.input_mint, swap.output_mint) == mints
    assert (swap.amount_in, swap.amount_out, swap.user, swap.position, swap.pool) == (
        1_000,
        891,
        USER,
        1,
        POOL,
    )


@pytest.mark.parametrize("version", [1, 2])
def test_a_swap_of_two_hops_is_two_swaps(version: int) -> None:
    logs = (event(POOL, fee_out=0), event(key(50), sent=900, gave=800, fee_out=0))
    first, second = VENUE.decode_transaction(executed(two_hops(version=version), logs=logs))
    assert (first.pool, first.input_mint, first.output_mint, first.amount_in) == (POOL, MINT_A, MINT_B, 1_000)
    assert (second.pool, second.input_mint, second.output_mint) == (key(50), MINT_B, key(53))
    assert (second.amount_in, second.amount_out, second.user) == (900, 800, USER)


def test_without_events_the_transfers_tell_unless_a_fee_may_hide_in_them() -> None:
    (swap,) = VENUE.decode_transaction(executed(swap_call(), *MOVES))
    assert (swap.amount_in, swap.amount_out) == (1_000, 900)
    hops = (
        transfer(key(21), VAULT_A, 1_000),
        transfer(VAULT_B, key(52), 900),
        transfer(key(51), key(23), 800),
    )
    first, second = VENUE.decode_transaction(executed(two_hops(), *hops))
    assert (first.amount_in, first.amount_out, second.amount_in, second.amount_out) == (1_000, 900, 900, 800)
    hidden = transfer(VAULT_B, key(22), 900, checked=TOKEN_2022_PROGRAM)
    with pytest.raises(DecodeError, match="neither events nor transfers"):
        VENUE.decode_transaction(executed(swap_call(), MOVES[0], hidden))


def test_an_event_of_another_pool_or_too_few_of_them_are_not_believed() -> None:
    for logs in ((event(key(50)),), (event(POOL), event(POOL)), (event(POOL, fee_out=901),)):
        (swap,) = VENUE.decode_transaction(executed(swap_call(), *MOVES, logs=logs))
        assert swap.amount_out == 900
        with pytest.raises(DecodeError):
            VENUE.decode_transaction(executed(swap_call(), logs=logs))


def test_failed_transactions_and_other_instructions_have_no_swaps() -> None:
    assert VENUE.decode_transaction(executed(swap_call(), *MOVES, error="failed")) == ()
    assert VENUE.decode_transaction(executed(Instruction(PROGRAM, (), b"12345678"))) == ()


@pytest.mark.parametrize("call", [swap_call(version=1), swap_call(), two_hops(version=1), two_hops()])
def test_swaps_with_too_few_accounts_or_bytes_are_decode_errors(call: Instruction) -> None:
    with pytest.raises(DecodeError):
        VENUE.decode_transaction(executed(msgspec.structs.replace(call, accounts=call.accounts[:4]), *MOVES))
    if call.data[:8] != TWO_HOP_SWAP_V2:
        with pytest.raises(DecodeError):
            VENUE.decode_transaction(executed(msgspec.structs.replace(call, data=call.data[:20]), *MOVES))


def test_torn_transactions_are_read_or_refused() -> None:
    chance = Random(11)
    for _ in range(3_000):
        calls = [chance.choice((swap_call(version=1), swap_call(), two_hops(version=1), two_hops())), *MOVES]
        at = chance.randrange(len(calls))
        accounts = list(calls[at].accounts)
        del accounts[chance.randrange(len(accounts)) :]
        if chance.random() < 0.5:
            calls[at] = msgspec.structs.replace(calls[at], data=recorded.torn(calls[at].data, chance))
        else:
            calls[at] = msgspec.structs.replace(calls[at], accounts=tuple(accounts))
        logs = (event(POOL)[: chance.randrange(60, 260)],) if chance.random() < 0.5 else ()
        try:
            swaps = VENUE.decode_transaction(executed(*calls, logs=logs))
        except DecodeError:
            continue
        assert len(swaps) <= 2
        assert all(swap.amount_in >= 0 and swap.amount_out >= 0 for swap in swaps)
