"""pump.fun's executed trades: as the user saw them, from events that may be cut, or refused."""

import random
from base64 import b64encode

import pytest
from tests.venues.test_pumpfun import CREATOR, MINT, USER, fresh, key, request

from chimera.domain.chain import Instruction, TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import TOKEN_PROGRAM, WSOL, Address, Signature, Slot
from chimera.domain.pool import SwapKind
from chimera.onchain.anchor_events import EVENT_CALL
from chimera.onchain.keys import address_bytes
from chimera.onchain.layouts import discriminator
from chimera.venues.pumpfun import VENUE
from chimera.venues.pumpfun.layout import PROGRAM, TRADE_EVENT, curve_address

# executed transactions


def transaction(
    instructions: list[Instruction], logs: list[str], error: str | None = None
) -> TransactionUpdate:
    return TransactionUpdate(
        Signature("s"), Slot(4), 0, (key(20),), tuple(instructions), 5_000, (), (), (), (), tuple(logs), 0, error
    )  # fmt: skip


def event(*, mint: Address = MINT, is_buy: bool = True, creator_fee: int = 30, cashback: int = 0) -> bytes:
    """A TradeEvent as today's program writes it, of 10,000 quote against 777 tokens."""
    u64 = lambda *numbers: b"".join(n.to_bytes(8, "little") for n in numbers)  # noqa: E731
    name = b"buy_v2"
    return b"".join(
        (
            TRADE_EVENT + address_bytes(mint) + u64(10_000, 777) + bytes((is_buy,)) + address_bytes(USER),
            u64(1_790_000_000, 1, 2, 3, 4) + bytes(32) + u64(95, 95) + address_bytes(CREATOR),
            u64(30, creator_fee) + b"\x01" + u64(0, 0, 0, 0),
            len(name).to_bytes(4, "little") + name + b"\x00" + u64(0, cashback, 0, 0),
            (1).to_bytes(4, "little") + bytes(34) + bytes(32) + u64(10_000, 2, 4) + u64(0, 0),
        )
    )


def call_of(name: str, *, depth: int = 0, mint: Address = MINT, count: int | None = None) -> Instruction:
    call = VENUE.build(fresh(), request(WSOL, SwapKind.EXACT_IN))
    accounts = [meta.address for meta in call.accounts]
    if name in ("buy", "sell", "buy_exact_sol_in"):
        accounts = [key(100 + number) for number in range(18)]
        accounts[2], accounts[3] = mint, curve_address(mint)
    if count is not None:
        accounts = accounts[:count]
    return Instruction(PROGRAM, tuple(accounts), discriminator("global", name) + bytes(16), depth)


def logged(data: bytes) -> list[str]:
    return [
        f"Program {PROGRAM} invoke [1]",
        f"Program data: {b64encode(data).decode()}",
        f"Program {PROGRAM} success",
    ]


@pytest.mark.parametrize("name", ["buy", "buy_exact_sol_in", "buy_v2", "buy_exact_quote_in_v2"])
def test_a_buy_is_told_with_the_fees_that_the_user_paid(name: str) -> None:
    (swap,) = VENUE.decode_transaction(transaction([call_of(name)], logged(event())))
    assert (swap.pool, swap.user, swap.input_mint, swap.output_mint) == (
        curve_address(MINT),
        USER,
        WSOL,
        MINT,
    )
    assert (swap.amount_in, swap.amount_out) == (10_125, 777)


def test_a_sale_is_told_without_the_fees_and_cashback_counts_once() -> None:
    for given_back in (
        event(is_buy=False, creator_fee=30, cashback=30),
        event(is_buy=False, creator_fee=0, cashback=30),
    ):
        (swap,) = VENUE.decode_transaction(transaction([call_of("sell")], logged(given_back)))
        assert (swap.input_mint, swap.amount_in, swap.amount_out) == (MINT, 777, 9_875)


def test_an_aggregators_inner_trade_is_read_from_the_event_that_no_log_limit_cuts() -> None:
    told = Instruction(PROGRAM, (key(1),), EVENT_CALL + event(), depth=2)
    route = Instruction(key(50), (key(1),), b"route", depth=0)
    cut = ["Log truncated"]
    (swap,) = VENUE.decode_transaction(transaction([route, call_of("buy_v2", depth=1), told], cut))
    assert (swap.position, swap.amount_out) == (1, 777)


def test_two_trades_of_one_transaction_each_have_their_own_event() -> None:
    calls = [call_of("buy_v2"), call_of("sell_v2")]
    first, second = VENUE.decode_transaction(
        transaction(calls, logged(event()) + logged(event(is_buy=False)))
    )
    assert (first.input_mint, second.input_mint) == (WSOL, MINT)


@pytest.mark.parametrize(
    ("instructions", "logs"),
    [
        ([call_of("buy_v2")], []),  # no event
        ([call_of("buy_v2")], logged(event()) * 2),  # one too many
        ([call_of("buy_v2", count=20)], logged(event())),
        ([call_of("buy_v2")], logged(event(mint=key(99)))),  # of another coin
        ([call_of("buy_v2")], logged(event()[:200])),
        ([call_of("buy_v9")], logged(event())),  # a trade by an instruction of a later program
        ([call_of("buy_v2"), call_of("buy_v9")], logged(event()) * 2),
        ([call_of("buy_v9"), Instruction(PROGRAM, (key(1),), EVENT_CALL + event(), depth=1)], []),
        ([call_of("buy_v2")], logged(event()[:56] + b"\x02" + event()[57:])),
    ],
)
def test_a_trade_that_cannot_be_read_is_a_decode_error(
    instructions: list[Instruction], logs: list[str]
) -> None:
    with pytest.raises(DecodeError):
        VENUE.decode_transaction(transaction(instructions, logs))


def test_failed_and_foreign_transactions_have_no_trades() -> None:
    assert VENUE.decode_transaction(transaction([call_of("buy_v2")], [], error="custom 6002")) == ()
    foreign = Instruction(TOKEN_PROGRAM, (key(1),), b"\x03" + bytes(8))
    assert VENUE.decode_transaction(transaction([foreign], [])) == ()
    migration = Instruction(PROGRAM, (key(1),), discriminator("global", "migrate"))
    assert VENUE.decode_transaction(transaction([migration], [])) == ()


def test_mutated_transactions_are_read_or_refused() -> None:
    chance = random.Random(20_262)
    read = 0
    for _ in range(2_000):
        data = bytearray(event())
        for _ in range(chance.choice((0, 1, 3))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        shown = bytes(data[: chance.choice((len(data), chance.randrange(len(data) + 1)))])
        call = call_of(chance.choice(("buy_v2", "sell", "buy")), count=chance.choice((None, None, 12, 3)))
        try:
            swaps = VENUE.decode_transaction(transaction([call], logged(shown)))
        except DecodeError:
            continue
        read += 1
        assert all(swap.amount_in >= 0 and swap.amount_out >= 0 for swap in swaps)
    assert read > 300


def test_creations_and_trades_tell_the_mint_and_lies_do_not() -> None:
    curve = curve_address(MINT)
    create = [key(100 + number) for number in range(16)]
    create[0], create[2] = MINT, curve
    told = Instruction(PROGRAM, tuple(create), discriminator("global", "create_v2"))
    lie = Instruction(PROGRAM, (key(1), *create[1:]), discriminator("global", "create_v2"))
    short = Instruction(PROGRAM, (MINT,), discriminator("global", "create_v2"))
    assert VENUE.mints(transaction([lie, short, told], [])) == {curve: MINT}
    assert VENUE.mints(transaction([told], [], error="failed")) == {}
