"""PumpSwap's executed swaps: as the user saw them, from events that may be cut, or refused."""

import random
from base64 import b64encode

import pytest
from tests.venues.test_pumpswap import BASE, POOL, U64, USER, key

from chimera.domain.chain import Instruction, TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import TOKEN_PROGRAM, WSOL, Address, Signature, Slot
from chimera.onchain.anchor_events import EVENT_CALL
from chimera.onchain.keys import address_bytes
from chimera.onchain.layouts import discriminator
from chimera.venues.pumpswap import VENUE
from chimera.venues.pumpswap.layout import BUY_EVENT, PROGRAM, SELL_EVENT

# executed transactions


def transaction(
    instructions: list[Instruction], logs: list[str], error: str | None = None
) -> TransactionUpdate:
    return TransactionUpdate(
        Signature("s"), Slot(4), 0, (key(20),), tuple(instructions), 5_000, (), (), (), (), tuple(logs), 0, error
    )  # fmt: skip


def event(*, kind: bytes = BUY_EVENT, pool: Address = POOL) -> bytes:
    """777 base against the user's 10,125 quote, in today's length."""
    numbers = [1_790_000_000, 777, 11, 12, 13, 14, 15, 10_000, 20, 20, 93, 93, 10_020, 10_125]
    head = kind + b"".join(number.to_bytes(8, "little") for number in numbers)
    return head + address_bytes(pool) + address_bytes(USER) + bytes(250)


def call_of(name: str, *, depth: int = 0, count: int = 26, pool: Address = POOL) -> Instruction:
    accounts = [key(100 + number) for number in range(26)]
    accounts[0], accounts[1], accounts[3], accounts[4] = pool, USER, BASE, WSOL
    return Instruction(PROGRAM, tuple(accounts[:count]), discriminator("global", name) + bytes(16), depth)


def logged(data: bytes) -> list[str]:
    return [
        f"Program {PROGRAM} invoke [1]",
        f"Program data: {b64encode(data).decode()}",
        f"Program {PROGRAM} success",
    ]


@pytest.mark.parametrize("name", ["buy", "buy_exact_quote_in", "buy_v2", "buy_exact_quote_in_v2"])
def test_a_buy_is_told_as_the_user_saw_it(name: str) -> None:
    (swap,) = VENUE.decode_transaction(transaction([call_of(name)], logged(event())))
    assert (swap.pool, swap.user, swap.input_mint, swap.output_mint) == (POOL, USER, WSOL, BASE)
    assert (swap.amount_in, swap.amount_out) == (10_125, 777)


@pytest.mark.parametrize("name", ["sell", "sell_v2"])
def test_a_sale_inside_an_aggregators_route_is_told_from_the_event_that_no_log_limit_cuts(name: str) -> None:
    told = Instruction(PROGRAM, (key(1),), EVENT_CALL + event(kind=SELL_EVENT), depth=2)
    transfer = Instruction(TOKEN_PROGRAM, (key(1),), b"\x0c", depth=2)
    route = Instruction(key(50), (key(1),), b"route")
    (swap,) = VENUE.decode_transaction(transaction([route, call_of(name, depth=1), transfer, told], []))
    assert (swap.position, swap.input_mint, swap.amount_in, swap.amount_out) == (1, BASE, 777, 10_125)


@pytest.mark.parametrize(
    ("instructions", "logs"),
    [
        ([call_of("buy")], []),
        ([call_of("buy")], logged(event()) * 2),
        ([call_of("buy", count=16)], logged(event())),
        ([call_of("buy", pool=key(99))], logged(event())),
        ([call_of("buy")], logged(event()[:183])),
        ([call_of("multi_hop_swap")], logged(event())),  # a swap by an instruction of a later program
    ],
)
def test_a_swap_that_cannot_be_read_is_a_decode_error(
    instructions: list[Instruction], logs: list[str]
) -> None:
    with pytest.raises(DecodeError):
        VENUE.decode_transaction(transaction(instructions, logs))


def test_failed_foreign_and_other_instructions_have_no_swaps() -> None:
    assert VENUE.decode_transaction(transaction([call_of("buy")], [], error="custom 6004")) == ()
    assert VENUE.decode_transaction(transaction([call_of("deposit")], [])) == ()
    foreign = Instruction(TOKEN_PROGRAM, (key(1),), b"\x03" + bytes(8))
    assert VENUE.decode_transaction(transaction([foreign], [])) == ()


def test_mutated_transactions_are_read_or_refused() -> None:
    chance = random.Random(20_264)
    read = 0
    for _ in range(2_000):
        data = bytearray(event(kind=chance.choice((BUY_EVENT, SELL_EVENT))))
        for _ in range(chance.choice((0, 1, 3))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        shown = bytes(data[: chance.choice((len(data), chance.randrange(len(data) + 1)))])
        call = call_of(chance.choice(("buy", "sell")), count=chance.choice((26, 26, 17, 3)))
        try:
            swaps = VENUE.decode_transaction(transaction([call], logged(shown)))
        except DecodeError:
            continue
        read += 1
        assert all(0 <= swap.amount_in <= U64 and 0 <= swap.amount_out <= U64 for swap in swaps)
    assert read > 300
