"""Raydium AMM V4 as a venue: recorded answers, what must hold for any pool, and how it meets bytes it does not know."""

from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.venues import recorded

from chimera.domain.chain import Account, Instruction, TokenBalance, TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, Address, Signature, Slot
from chimera.domain.pool import Moment, Quote, QuoteRequest, SwapKind, SwapRequest
from chimera.domain.risk import Reason, Refusal
from chimera.onchain.keys import address_bytes, address_text
from chimera.testing.contracts import check_venue
from chimera.venues.raydium_amm_v4 import AUTHORITY, PROGRAM, VENUE, AmmPool
from chimera.venues.raydium_amm_v4.layout import State, Vault

U64 = 2**64 - 1
NOW = Moment(unix_timestamp=1_790_000_000, slot=Slot(500), epoch=1_050)
OWN = recorded.OWN / "raydium_amm_v4.jsonl.gz"


# recorded answers


@pytest.mark.parametrize(
    ("path", "count"), [(OWN, 164), (recorded.SHARED / "quotes" / OWN.name, 195)], ids=["own", "shared"]
)
def test_every_recorded_quote_is_the_real_programs(path: Any, count: int) -> None:
    recorded.check_quotes(path, count)


def test_every_recorded_instruction_is_built_byte_for_byte() -> None:
    recorded.check_instructions(recorded.SHARED / "instructions" / "raydium_amm_v4.jsonl", 24)


def test_every_recorded_pool_keeps_the_venues_contract() -> None:
    check_venue(VENUE, recorded.samples(VENUE, OWN))


# what must hold for any pool


def key(number: int) -> Address:
    return address_text(number.to_bytes(32, "big"))


COIN, PC, POOL = key(1), key(2), key(3)
NAMES = (
    "coin_vault",
    "pc_vault",
    "coin_mint",
    "pc_mint",
    "lp_mint",
    "open_orders",
    "market",
    "market_program",
    "target_orders",
)
KEYS = dict(zip(NAMES, (key(5), key(6), COIN, PC, key(7), key(8), key(9), key(10), key(11)), strict=True))


def pool(
    coin: int = 10**12,
    pc: int = 10**12,
    *,
    fee: tuple[int, int] = (25, 10_000),
    owed: tuple[int, int] = (0, 0),
    **state: Any,
) -> AmmPool:
    made = {
        "slot": 5, "status": 6, "fee_numerator": fee[0], "fee_denominator": fee[1], "coin_owed": owed[0],
        "pc_owed": owed[1], "open_time": 0, **KEYS, **state,
    }  # fmt: skip
    return AmmPool(POOL, State(**made), Vault(7, coin, frozen=False), Vault(6, pc, frozen=False))


reserve = st.one_of(st.integers(0, 10**6), st.integers(1, 2**63))
amount = st.one_of(st.integers(1, 10_000), st.integers(1, U64))
fees = st.one_of(st.just((25, 10_000)), st.tuples(st.integers(0, 200), st.integers(0, 200)))
owed = st.one_of(st.just((0, 0)), st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)))
pools = st.builds(
    lambda coin, pc, fee, owed: pool(coin, pc, fee=fee, owed=owed), reserve, reserve, fees, owed
)
side = st.sampled_from((COIN, PC))


def quote(known: AmmPool, mint: Address, kind: SwapKind, size: int) -> Quote | None:
    answer = VENUE.quote(known, QuoteRequest(mint, kind, size), NOW)
    return answer if isinstance(answer, Quote) else None


@given(pools, side, amount, amount, st.sampled_from(list(SwapKind)))
def test_more_on_one_side_never_means_less_on_the_other(
    known: AmmPool, mint: Address, one: int, other: int, kind: SwapKind
) -> None:
    small, large = (quote(known, mint, kind, size) for size in sorted((one, other)))
    if small is not None and large is not None:
        assert small.amount_out <= large.amount_out
        assert small.amount_in <= large.amount_in


@given(pools, side, amount)
def test_buying_exactly_what_a_sum_bought_never_costs_more_and_paying_it_brings_no_less(
    known: AmmPool, mint: Address, size: int
) -> None:
    bought = quote(known, mint, SwapKind.EXACT_IN, size)
    assume(bought is not None)
    assert bought is not None
    exact = quote(known, mint, SwapKind.EXACT_OUT, bought.amount_out)
    assert exact is not None
    assert exact.amount_in <= bought.amount_in
    again = quote(known, mint, SwapKind.EXACT_IN, exact.amount_in)
    assert again is not None
    assert again.amount_out >= exact.amount_out


@given(pools, side, amount, st.sampled_from(list(SwapKind)))
def test_no_swap_takes_from_the_liquidity_providers(
    known: AmmPool, mint: Address, size: int, kind: SwapKind
) -> None:
    found, reserves = quote(known, mint, kind, size), VENUE.reserves(known)
    assume(found is not None and reserves is not None)
    assert found is not None and reserves is not None
    reserve_in, reserve_out = reserves if mint == COIN else reserves[::-1]
    after = (reserve_in + found.amount_in - found.fee_in) * (reserve_out - found.amount_out)
    assert found.amount_out < reserve_out
    assert after >= reserve_in * reserve_out
    assert found.price_impact_bps >= 0 and 0 <= found.fee_in <= found.amount_in


@given(pools, side, st.integers(-(2**70), 2**70), st.sampled_from(list(SwapKind)), st.integers(0, 7))
def test_any_amount_on_any_pool_is_a_quote_or_a_refusal(
    known: AmmPool, mint: Address, size: int, kind: SwapKind, status: int
) -> None:
    odd = msgspec.structs.replace(known, state=msgspec.structs.replace(known.state, status=status))
    answer = VENUE.quote(odd, QuoteRequest(mint, kind, size), NOW)
    assert isinstance(answer, Quote | Refusal)
    if status not in (1, 6, 7) or not 0 < size <= U64:
        assert isinstance(answer, Refusal)


# refusals


def refusal(
    known: AmmPool, *, mint: Address = COIN, kind: SwapKind = SwapKind.EXACT_IN, size: int = 10**6
) -> Reason:
    answer = VENUE.quote(known, QuoteRequest(mint, kind, size), NOW)
    assert isinstance(answer, Refusal)
    return answer.reason


@pytest.mark.parametrize("status", [0, 2, 3, 4, 5])
def test_a_pool_whose_status_forbids_swaps_refuses(status: int) -> None:
    assert refusal(pool(status=status)) is Reason.POOL_DISABLED


def test_a_waiting_pool_opens_at_its_time_and_no_other_status_asks_for_it() -> None:
    later = NOW.unix_timestamp + 1
    assert refusal(pool(status=7, open_time=later)) is Reason.POOL_DISABLED
    for status, opens in ((7, later - 1), (6, later), (1, later)):
        assert quote(pool(status=status, open_time=opens), COIN, SwapKind.EXACT_IN, 10**6) is not None


def test_pools_that_are_empty_owing_frozen_or_half_known_refuse() -> None:
    assert refusal(pool(pc=0)) is Reason.AMOUNT_OUT_OF_RANGE
    assert refusal(pool(coin=0)) is Reason.AMOUNT_OUT_OF_RANGE
    owing = pool(pc=10, owed=(0, 11))
    assert refusal(owing) is Reason.AMOUNT_OUT_OF_RANGE
    assert VENUE.reserves(owing) is None
    assert (
        refusal(msgspec.structs.replace(pool(), pc_vault=Vault(6, 10**12, frozen=True)))
        is Reason.POOL_DISABLED
    )
    assert refusal(msgspec.structs.replace(pool(), pc_vault=None)) is Reason.QUOTE_UNAVAILABLE
    assert refusal(pool(), mint=key(99)) is Reason.QUOTE_UNAVAILABLE


def test_amounts_that_the_pool_cannot_serve_refuse() -> None:
    for size in (0, -1, 1, U64, U64 + 1):  # 1: all of it is fee; u64's maximum: the vault would overflow
        assert refusal(pool(), size=size) is Reason.AMOUNT_OUT_OF_RANGE
    for size in (10**12 - 1, 10**12, U64):  # one less than all costs more than a u64 holds
        assert refusal(pool(coin=2**62), kind=SwapKind.EXACT_OUT, size=size) is Reason.AMOUNT_OUT_OF_RANGE


@pytest.mark.parametrize("fee", [(25, 0), (1, 1), (2, 1), (0, 0)])
def test_a_fee_that_is_no_fraction_refuses(fee: tuple[int, int]) -> None:
    for kind in SwapKind:
        assert refusal(pool(fee=fee), kind=kind) is Reason.AMOUNT_OUT_OF_RANGE


def test_a_quote_says_what_it_costs_and_how_far_it_moves_the_price() -> None:
    found = quote(pool(owed=(5, 7)), COIN, SwapKind.EXACT_IN, 10**10)
    assert found is not None
    assert (found.fee_in, found.fee_out, found.price_impact_bps) == (25_000_000, 0, 99)
    assert (found.slot, found.venue, found.output_mint) == (5, "raydium_amm_v4", PC)


# accounts and bytes


def pool_account(*, status: int = 6, owner: Address = PROGRAM, size: int = 752) -> Account:
    made = bytearray(752)
    made[0], made[176], made[184] = status, 25, 100
    for at, address in zip(range(336, 620, 32), KEYS.values(), strict=False):
        made[at : at + 32] = address_bytes(address)
    return Account(POOL, owner, 1, bytes(made + bytes(1_000))[:size])


def vault_account(address: Address, mint: Address, held: int, *, owner: Address = TOKEN_PROGRAM) -> Account:
    data = address_bytes(mint) + bytes(32) + held.to_bytes(8, "little") + bytes(36) + b"\x01" + bytes(56)
    return Account(address, owner, 1, data)


def test_a_pool_is_known_by_owner_and_exact_length_since_it_has_no_discriminator() -> None:
    assert VENUE.recognise(pool_account())
    for other in (pool_account(owner=TOKEN_PROGRAM), pool_account(size=751), pool_account(size=753)):
        assert not VENUE.recognise(other)
        with pytest.raises(DecodeError):
            VENUE.decode(other, slot=1)


def test_a_pool_of_unknown_status_or_of_one_mint_is_a_decode_error() -> None:
    with pytest.raises(DecodeError, match="status 8"):
        VENUE.decode(pool_account(status=8), slot=1)
    with pytest.raises(DecodeError, match="against itself"):
        VENUE.decode(Account(POOL, PROGRAM, 1, bytes(752)), slot=1)


def test_accounts_fold_by_slot_and_name_what_is_missing() -> None:
    known = VENUE.decode(pool_account(), slot=10)
    assert VENUE.missing(known) == ("coin_vault", "pc_vault")
    known = VENUE.apply(known, "coin_vault", vault_account(KEYS["coin_vault"], COIN, 77), slot=10)
    assert VENUE.missing(known) == ("pc_vault",) and VENUE.reserves(known) is None
    assert VENUE.apply(known, "coin_vault", vault_account(KEYS["coin_vault"], COIN, 99), slot=9) is known
    known = VENUE.apply(known, "pc_vault", vault_account(KEYS["pc_vault"], PC, 88), slot=11)
    assert VENUE.missing(known) == () and VENUE.reserves(known) == (77, 88)


@pytest.mark.parametrize(
    ("role", "account"),
    [
        ("coin_vault", vault_account(KEYS["pc_vault"], COIN, 1)),  # another role's address
        ("coin_vault", vault_account(KEYS["coin_vault"], PC, 1)),  # another mint
        ("coin_vault", vault_account(KEYS["coin_vault"], COIN, 1, owner=TOKEN_2022_PROGRAM)),
        ("coin_vault", Account(KEYS["coin_vault"], TOKEN_PROGRAM, 0, b"")),  # closed
        ("pool", pool_account(size=700)),
        ("market", pool_account()),
    ],
)
def test_an_account_that_is_not_what_it_should_be_is_a_decode_error(role: str, account: Account) -> None:
    with pytest.raises(DecodeError):
        VENUE.apply(VENUE.decode(pool_account(), slot=1), role, account, slot=2)


def test_torn_accounts_neither_crash_nor_quote_nonsense() -> None:
    recorded.check_torn_accounts(VENUE, recorded.samples(VENUE, OWN), seed=4, rounds=3_000)


def test_the_built_instruction_is_the_short_one_with_the_right_side_first() -> None:
    for kind, tag, numbers in ((SwapKind.EXACT_IN, 16, (7, 3)), (SwapKind.EXACT_OUT, 17, (3, 7))):
        call = VENUE.build(pool(), SwapRequest(kind, PC, 7, 3, key(20), key(21), key(22)))
        assert call.data == bytes((tag,)) + b"".join(n.to_bytes(8, "little") for n in numbers)
        assert [meta.address for meta in call.accounts] == [
            TOKEN_PROGRAM, POOL, AUTHORITY, KEYS["coin_vault"], KEYS["pc_vault"], key(21), key(22), key(20),
        ]  # fmt: skip
    with pytest.raises(ValueError, match="does not trade"):
        VENUE.build(pool(), SwapRequest(SwapKind.EXACT_IN, key(99), 1, 1, key(20), key(21), key(22)))


# executed transactions

USER, USER_COIN, USER_PC = key(20), key(21), key(22)


def call(tag: int, count: int, *, depth: int = 0) -> Instruction:
    """A swap of the pool with that many accounts."""
    vaults = (KEYS["coin_vault"], KEYS["pc_vault"])
    head = (TOKEN_PROGRAM, POOL, AUTHORITY)
    middle = {8: (), 9: (), 17: (key(30),), 18: (key(30), key(31))}[count]
    market = () if count < 17 else tuple(key(40 + n) for n in range(8))
    tail = (USER_COIN, USER_PC, USER) + (key(60),) * (count == 9)
    return Instruction(PROGRAM, head + middle + vaults + market + tail, bytes((tag,)) + bytes(16), depth)


def transfer(source: Address, target: Address, size: int, *, depth: int = 1) -> Instruction:
    return Instruction(TOKEN_PROGRAM, (source, target, USER), b"\x03" + size.to_bytes(8, "little"), depth)


def moves(depth: int = 1) -> list[Instruction]:
    return [
        transfer(USER_COIN, KEYS["coin_vault"], 1_000, depth=depth),
        transfer(KEYS["pc_vault"], USER_PC, 900, depth=depth),
    ]


BALANCES = tuple(
    TokenBalance(KEYS[name], mint, AUTHORITY, 5, 6) for name, mint in (("coin_vault", COIN), ("pc_vault", PC))
)


def executed(
    *instructions: Instruction, error: str | None = None, balances: Any = BALANCES
) -> TransactionUpdate:
    return TransactionUpdate(
        Signature("s"), Slot(4), 0, (USER,), tuple(instructions), 5_000, (), (), (), balances, (), 0, error
    )


@pytest.mark.parametrize(("tag", "count"), [(16, 8), (17, 8), (16, 9), (9, 17), (9, 18), (11, 17), (11, 18)])
def test_every_kind_of_swap_is_read(tag: int, count: int) -> None:
    (swap,) = VENUE.decode_transaction(executed(call(tag, count), *moves()))
    assert (swap.pool, swap.user, swap.position, swap.venue) == (POOL, USER, 0, "raydium_amm_v4")
    assert (swap.input_mint, swap.output_mint, swap.amount_in, swap.amount_out) == (COIN, PC, 1_000, 900)


@pytest.mark.parametrize("depths", [(1, 2), (1, 1)])
def test_swaps_inside_an_aggregators_call_are_seen_even_where_a_node_does_not_tell_the_depth(
    depths: tuple[int, int],
) -> None:
    outer = Instruction(key(77), (USER,), b"route")
    back = [
        transfer(USER_PC, KEYS["pc_vault"], 5, depth=depths[1]),
        transfer(KEYS["coin_vault"], USER_COIN, 4, depth=depths[1]),
    ]
    first, second = VENUE.decode_transaction(
        executed(outer, call(9, 18, depth=depths[0]), *moves(depths[1]), call(16, 8, depth=depths[0]), *back)
    )
    assert (first.position, first.input_mint, first.amount_out) == (1, COIN, 900)
    assert (second.position, second.input_mint, second.amount_in, second.amount_out) == (4, PC, 5, 4)


def test_failed_transactions_and_other_instructions_have_no_swaps() -> None:
    assert VENUE.decode_transaction(executed(call(16, 8), *moves(), error="failed")) == ()
    assert VENUE.decode_transaction(executed(Instruction(PROGRAM, (), b"\x04" + bytes(8)))) == ()
    assert VENUE.decode_transaction(executed(Instruction(PROGRAM, (), b""))) == ()


@pytest.mark.parametrize(
    "instructions",
    [
        (call(16, 8),),
        (call(16, 8), moves()[0]),
        (call(16, 8), *reversed(moves())),
        (call(16, 8), transfer(USER_COIN, key(99), 5), moves()[1]),
        (call(16, 8), moves()[0], Instruction(TOKEN_PROGRAM, (USER_COIN,), b"\x03")),
        (msgspec.structs.replace(call(16, 8), accounts=call(16, 8).accounts[:7]), *moves()),
        (msgspec.structs.replace(call(9, 18), accounts=call(9, 18).accounts[:16]), *moves()),
        (msgspec.structs.replace(call(16, 8), data=b"\x10" + bytes(15)), *moves()),
    ],
)
def test_a_swap_that_cannot_be_read_whole_is_a_decode_error(instructions: tuple[Instruction, ...]) -> None:
    with pytest.raises(DecodeError):
        VENUE.decode_transaction(executed(*instructions))


def test_a_swap_whose_mints_nothing_tells_is_a_decode_error() -> None:
    with pytest.raises(DecodeError, match="mint"):
        VENUE.decode_transaction(executed(call(16, 8), *moves(), balances=()))


def test_torn_transactions_are_read_or_refused() -> None:
    chance = Random(9)
    for _ in range(3_000):
        made = [call(chance.choice((9, 11, 16, 17)), chance.choice((8, 9, 17, 18))), *moves()]
        at = chance.randrange(len(made))
        accounts = list(made[at].accounts)
        del accounts[chance.randrange(len(accounts)) :]
        if chance.random() < 0.5:
            made[at] = msgspec.structs.replace(made[at], data=recorded.torn(made[at].data, chance))
        else:
            made[at] = msgspec.structs.replace(made[at], accounts=tuple(accounts))
        try:
            swaps = VENUE.decode_transaction(executed(*made))
        except DecodeError:
            continue
        assert len(swaps) <= 1
        assert all(swap.pool == POOL and {swap.input_mint, swap.output_mint} == {COIN, PC} for swap in swaps)
