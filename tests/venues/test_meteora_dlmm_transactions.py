"""DLMM's swaps in executed transactions: direct, by an aggregator, with transfer fees, and torn."""

from base64 import b64encode
from random import Random

import msgspec
import pytest
from tests.venues.dlmm_states import PAIR, RESERVE_X, RESERVE_Y, X, Y, held, key, pool
from tests.venues.recorded import torn

from chimera.domain.chain import Instruction, TokenBalance, TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, Address, Signature, Slot
from chimera.domain.pool import SwapKind, SwapRequest
from chimera.onchain.keys import address_bytes
from chimera.venues.meteora_dlmm import VENUE, instructions
from chimera.venues.meteora_dlmm.layout import PROGRAM
from chimera.venues.meteora_dlmm.transactions import read_event

USER, USER_X, USER_Y, AGGREGATOR = key(30), key(31), key(32), key(33)
EVENT_CALL = bytes.fromhex("e445a52e51cb9a1d")

# What the real program (0.12.0) emitted for a swap of ours: 1,000,000 in, 6,654,265 paid of which a mint's fee
# left 6,650,937. Both kinds, as it emits them.
SWAP_EMITTED = (
    "516ce3becdd00ac4803ef804bd7cf8a317f258496c68747ee536a448e478f604741094f72a13b1d304f8996da763b7a969b1028e"
    "e3007569eaf3a635486ddab211d512c85b9df8fb392500003825000040420f000000000039896500000000000164000000000000"
    "000500000000000000be8601000000000000000000000000000000000000000000"
)
SWAP2_EMITTED = (
    "2e7452d7941b544d803ef804bd7cf8a317f258496c68747ee536a448e478f604741094f72a13b1d304f8996da763b7a969b1028e"
    "e3007569eaf3a635486ddab211d512c85b9df8fb392500003825000001be86010000000000000000000000000040420f00000000"
    "00000000000000000039896500000000005f000000000000000500000000000000000000000000000000000000000000000101"
)
EMITTED = (SWAP_EMITTED, SWAP2_EMITTED)


def event(
    kind: int = 0, *, pair: Address = PAIR, x_to_y: bool = True, sent: int = 500, paid: int = 490
) -> bytes:
    """One of the program's own events, told of another swap."""
    data = bytearray.fromhex(EMITTED[kind])
    data[8:40] = address_bytes(pair)
    places = ((80, sent), (88, paid)) if kind == 0 else ((97, sent), (113, paid))
    for at, value in places:
        data[at : at + 8] = value.to_bytes(8, "little")
    data[96 if kind == 0 else 80] = x_to_y
    return bytes(data)


def swap_call(depth: int = 0, *, x_to_y: bool = True, program_y: Address = TOKEN_PROGRAM,
              kind: SwapKind = SwapKind.EXACT_IN) -> Instruction:  # fmt: skip
    made = pool([held(0, x=10**6, y=10**6)], program_y=program_y)
    mine = (USER_X, USER_Y) if x_to_y else (USER_Y, USER_X)
    call = VENUE.build(made, SwapRequest(kind, X if x_to_y else Y, 500, 1, USER, *mine))
    return Instruction(call.program, tuple(meta.address for meta in call.accounts), call.data, depth)


def emitted(data: bytes, depth: int = 1) -> Instruction:
    return Instruction(PROGRAM, (key(90),), EVENT_CALL + data, depth)


def transfer(source: Address, mint: Address, target: Address, amount: int, program: Address = TOKEN_PROGRAM,
             depth: int = 1) -> Instruction:  # fmt: skip
    data = b"\x0c" + amount.to_bytes(8, "little") + b"\x06"
    return Instruction(program, (source, mint, target, USER), data, depth)


def transaction(*executed: Instruction, logs: tuple[str, ...] = (), error: str | None = None,
                before: int = 0, after: int | None = None) -> TransactionUpdate:  # fmt: skip
    """`before` and `after`: what the user's account of Y held."""
    balances = [
        () if amount is None else (TokenBalance(USER_Y, Y, USER, amount, 6),) for amount in (before, after)
    ]
    return TransactionUpdate(
        Signature("s"), Slot(4), 0, (USER,), executed, 5_000, (), (), *balances, logs, 0, error
    )


# reading


@pytest.mark.parametrize("kind", [0, 1])
def test_the_programs_own_events_are_read(kind: int) -> None:
    told = read_event(bytes.fromhex(EMITTED[kind]))
    assert (told.sent, told.paid, told.x_to_y) == (1_000_000, 6_654_265, True)
    assert told.pool == "9dcsmNZLka9ixRe4um8R62n7Mi1iMw6g7Zftb9yhpVgv"


@pytest.mark.parametrize("x_to_y", [True, False])
def test_a_direct_swap_is_what_its_event_says(x_to_y: bool) -> None:
    call = swap_call(x_to_y=x_to_y)
    events = (emitted(event(0, x_to_y=x_to_y)), emitted(event(1, x_to_y=x_to_y)))
    (swap,) = VENUE.decode_transaction(transaction(call, *events))
    assert (swap.pool, swap.user, swap.amount_in, swap.amount_out) == (PAIR, USER, 500, 490)
    assert (swap.input_mint, swap.output_mint) == ((X, Y) if x_to_y else (Y, X))
    assert (swap.venue, swap.position, swap.slot) == ("meteora_dlmm", 0, 4)


def test_swaps_of_an_aggregators_route_are_read_each_with_its_own_event() -> None:
    route = Instruction(AGGREGATOR, (USER,), b"route", 0)
    first, second = swap_call(1), swap_call(1, x_to_y=False)
    swaps = VENUE.decode_transaction(
        transaction(
            route,
            first,
            emitted(event(0, sent=1), 2),
            emitted(event(1, sent=1), 2),
            second,
            emitted(event(0, sent=2, x_to_y=False), 2),
            emitted(event(1, sent=2, x_to_y=False), 2),
        )
    )
    assert [(swap.amount_in, swap.input_mint, swap.position) for swap in swaps] == [(1, X, 1), (2, Y, 4)]


@pytest.mark.parametrize("kind", [0, 1])
def test_either_kind_of_event_is_enough_and_log_lines_serve_as_well(kind: int) -> None:
    (swap,) = VENUE.decode_transaction(transaction(swap_call(), emitted(event(kind))))
    assert swap.amount_out == 490
    line = f"Program data: {b64encode(event(kind)).decode()}"
    logs = (f"Program {PROGRAM} invoke [1]", line, f"Program {PROGRAM} success")
    (swap,) = VENUE.decode_transaction(transaction(swap_call(), logs=logs))
    assert swap.amount_in == 500


@pytest.mark.parametrize("name", ["swap", "swap_exact_out", "swap_with_price_impact"])
def test_the_older_swaps_have_one_account_less(name: str) -> None:
    call = swap_call()
    older = instructions.discriminator("global", name) + call.data[8:24]
    accounts = call.accounts[:13] + call.accounts[14:16]
    made = msgspec.structs.replace(call, data=older, accounts=accounts)
    (swap,) = VENUE.decode_transaction(transaction(made, emitted(event())))
    assert swap.amount_in == 500
    short = msgspec.structs.replace(made, accounts=accounts[:-1])
    with pytest.raises(DecodeError):
        VENUE.decode_transaction(transaction(short, emitted(event())))


# transfer fees


def taxed(*more: Instruction, before: int = 0, after: int | None = None, paid: int = 490) -> int:
    """What the venue says reached the user, of 490 that the pool sent."""
    call = swap_call(program_y=TOKEN_2022_PROGRAM)
    moved = (
        transfer(USER_X, X, RESERVE_X, 500),
        transfer(RESERVE_Y, Y, USER_Y, paid, TOKEN_2022_PROGRAM),
    )
    made = transaction(call, *moved, emitted(event()), *more, before=before, after=after)
    (swap,) = VENUE.decode_transaction(made)
    return swap.amount_out


def test_what_a_token_2022_mint_withholds_is_seen_in_the_balances() -> None:
    assert taxed(before=1_000, after=1_480) == 480
    assert taxed(after=480) == 480
    assert taxed(after=490) == 490


def test_what_is_spent_again_in_the_same_transaction_had_arrived() -> None:
    onwards = transfer(USER_Y, Y, key(50), 470, TOKEN_2022_PROGRAM, depth=0)
    assert taxed(onwards, before=5, after=15) == 480


def test_where_balances_cannot_tell_the_payment_is_what_counts() -> None:
    assert taxed() == 490  # no balances
    assert taxed(transfer(key(50), Y, USER_Y, 7, TOKEN_2022_PROGRAM), after=487) == 490  # two payments
    assert taxed(after=491) == 490  # more than was paid


# refusals


def test_a_failed_transaction_and_one_without_swaps_have_none() -> None:
    assert VENUE.decode_transaction(transaction(swap_call(), error="InstructionError")) == ()
    other = Instruction(PROGRAM, (), b"\x01" * 24, 0)
    assert VENUE.decode_transaction(transaction(other, emitted(event()))) == ()


@pytest.mark.parametrize(
    "executed",
    [
        (swap_call(),),  # no event
        (swap_call(), emitted(event()), emitted(event())),  # two
        (swap_call(), emitted(event(pair=key(77)))),  # another pair's
        (swap_call(), emitted(event()[:90])),
        (swap_call(), emitted(event(1)[:100])),
        (swap_call(), emitted(event()[:96] + b"\x02" + event()[97:])),  # a direction that is none
        (msgspec.structs.replace(swap_call(), accounts=(PAIR,)), emitted(event())),
        (msgspec.structs.replace(swap_call(), data=swap_call().data[:12]), emitted(event())),
    ],
)
def test_a_swap_that_cannot_be_read_is_a_decode_error(executed: tuple[Instruction, ...]) -> None:
    with pytest.raises(DecodeError):
        VENUE.decode_transaction(transaction(*executed))


def test_torn_transactions_are_read_or_refused_and_nothing_else() -> None:
    chance, read = Random(11), 0
    whole = (
        swap_call(program_y=TOKEN_2022_PROGRAM),
        transfer(USER_X, X, RESERVE_X, 500),
        transfer(RESERVE_Y, Y, USER_Y, 490, TOKEN_2022_PROGRAM),
        emitted(event()),
        emitted(event(1)),
    )
    for _ in range(3_000):
        executed = list(whole)
        at = chance.randrange(len(executed))
        victim = executed[at]
        match chance.randrange(4):
            case 0:
                executed[at] = msgspec.structs.replace(victim, data=torn(victim.data, chance))
            case 1:
                kept = chance.randrange(len(victim.accounts) + 1)
                executed[at] = msgspec.structs.replace(victim, accounts=victim.accounts[:kept])
            case 2:
                executed[at] = msgspec.structs.replace(victim, depth=chance.randrange(4))
            case _:
                del executed[at]
        try:
            swaps = VENUE.decode_transaction(transaction(*executed, after=480))
        except DecodeError:
            continue
        for swap in swaps:
            read += 1
            assert swap.pool == PAIR and {swap.input_mint, swap.output_mint} == {X, Y}
            assert 0 <= swap.amount_out < 2**64 and 0 <= swap.amount_in < 2**64
    assert read > 500
