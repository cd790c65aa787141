"""Orca Whirlpool as a venue: recorded answers, its contract, and how it meets accounts."""

from typing import Any

import msgspec
import pytest
from tests.venues import recorded

from chimera import cases
from chimera.domain.chain import Account
from chimera.domain.errors import DecodeError
from chimera.domain.ids import SYSTEM_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM, Address
from chimera.domain.pool import Quote, QuoteRequest, SwapKind, SwapRequest
from chimera.domain.risk import Reason, Refusal
from chimera.onchain.keys import address_bytes, address_text
from chimera.testing.contracts import PoolSample, check_venue
from chimera.venues.orca_whirlpool import PROGRAM, VENUE
from chimera.venues.orca_whirlpool.instructions import SWAP_V2
from chimera.venues.orca_whirlpool.layout import DYNAMIC_TICKS, FIXED_TICKS, tick_array_address
from chimera.venues.orca_whirlpool.ticks import sqrt_price_of

OWN = recorded.OWN / "whirlpool.jsonl.gz"
U64 = 2**64 - 1


# recorded answers


@pytest.mark.parametrize(
    ("path", "count"), [(OWN, 190), (recorded.SHARED / "quotes" / OWN.name, 244)], ids=["own", "shared"]
)
def test_every_recorded_quote_is_the_real_programs(path: Any, count: int) -> None:
    recorded.check_quotes(path, count)


def test_every_recorded_instruction_is_built_byte_for_byte() -> None:
    recorded.check_instructions(recorded.SHARED / "instructions" / "whirlpool.jsonl", 20)


def test_the_five_tick_arrays_that_the_pool_names_are_those_of_the_recorded_instructions() -> None:
    path = recorded.SHARED / "instructions" / "whirlpool.jsonl"
    for row in recorded.read_rows(path, 20):
        inputs = row["inputs"]
        pool = VENUE.decode(
            Account(Address(inputs["whirlpool"]), PROGRAM, 0, cases._bytes(inputs["whirlpool_data_base64"])),
            slot=1,
        )
        named = [address for role, address in VENUE.roles(pool).items() if role.startswith("tick_array_")]
        assert set(named) <= set(inputs["tick_arrays"])


def test_a_venue_answers_rows_that_call_it_by_another_of_its_names() -> None:
    assert cases._venue("whirlpool", {"orca_whirlpool": VENUE}) is VENUE
    with pytest.raises(DecodeError, match="unknown venue"):
        cases._venue("whirl", {"orca_whirlpool": VENUE})


@pytest.fixture(scope="module")
def known() -> list[PoolSample]:
    return recorded.samples(VENUE, OWN)


def test_every_recorded_pool_keeps_the_venues_contract(known: list[PoolSample]) -> None:
    check_venue(VENUE, known)


def test_torn_accounts_neither_crash_nor_quote_nonsense(known: list[PoolSample]) -> None:
    recorded.check_torn_accounts(VENUE, known, seed=7, rounds=1_500)


# pools made to measure


def key(number: int) -> Address:
    return address_text(number.to_bytes(32, "big"))


POOL, MINT_A, MINT_B, VAULT_A, VAULT_B = (key(number) for number in range(1, 6))
ONE = 1 << 64  # the square-root price of tick 0
AT_10, AT_5570 = sqrt_price_of(10), sqrt_price_of(5_570)


def pool_account(
    *, spacing: int = 64, seed: int | None = None, tick: int = 10, price: int = AT_10, **fields: Any
) -> Account:
    made = bytearray(653)
    made[:8] = bytes.fromhex("3f95d10ce1806309")
    made[41:43], made[43:45] = (
        spacing.to_bytes(2, "little"),
        (spacing if seed is None else seed).to_bytes(2, "little"),
    )
    made[45:47] = (3_000).to_bytes(2, "little")
    made[49:65] = fields.get("liquidity", 10**12).to_bytes(16, "little")
    made[65:81], made[81:85] = price.to_bytes(16, "little"), tick.to_bytes(4, "little", signed=True)
    for at, address in ((101, MINT_A), (133, VAULT_A), (181, fields.get("mint_b", MINT_B)), (213, VAULT_B)):
        made[at : at + 32] = address_bytes(address)
    made[261:269] = fields.get("rewards_at", 0).to_bytes(8, "little")
    return Account(POOL, PROGRAM, 1, bytes(made))


def fixed_array(start: int, ticks: dict[int, int], *, pool: Address = POOL, spacing: int = 64) -> Account:
    made = bytearray(9_988)
    made[:8], made[8:12] = FIXED_TICKS, start.to_bytes(4, "little", signed=True)
    for tick, net in ticks.items():
        at = 12 + (tick - start) // spacing * 113
        made[at], made[at + 1 : at + 17] = 1, net.to_bytes(16, "little", signed=True)
    made[9_956:] = address_bytes(pool)
    return Account(tick_array_address(POOL, start), PROGRAM, 1, bytes(made))


def dynamic_array(start: int, ticks: dict[int, int], *, pool: Address = POOL, spacing: int = 64) -> Account:
    body, bitmap = b"", 0
    for place in range(88):
        net = ticks.get(start + place * spacing)
        body += b"\x00" if net is None else b"\x01" + net.to_bytes(16, "little", signed=True) + bytes(96)
        bitmap |= (net is not None) << place
    head = DYNAMIC_TICKS + start.to_bytes(4, "little", signed=True) + address_bytes(pool)
    return Account(tick_array_address(POOL, start), PROGRAM, 1, head + bitmap.to_bytes(16, "little") + body)


def absent(start: int) -> Account:
    return Account(tick_array_address(POOL, start), SYSTEM_PROGRAM, 0, b"")


def vault_account(address: Address, mint: Address, held: int = 10**12, *, state: int = 1) -> Account:
    data = (
        address_bytes(mint) + bytes(32) + held.to_bytes(8, "little") + bytes(36) + bytes((state,)) + bytes(56)
    )
    return Account(address, TOKEN_PROGRAM, 1, data)


def mint_account(mint: Address, extension: tuple[int, bytes] | None = None) -> Account:
    data = bytes(44) + b"\x06\x01" + bytes(36)
    if extension is None:
        return Account(mint, TOKEN_PROGRAM, 1, data)
    kind, value = extension
    tail = b"\x01" + kind.to_bytes(2, "little") + len(value).to_bytes(2, "little") + value
    return Account(mint, TOKEN_2022_PROGRAM, 1, data + bytes(83) + tail)


def made(*arrays: Account, pool: Account | None = None, **replaced: Account) -> Any:
    """A pool with vaults, mints and the arrays given, at slot 5."""
    state = VENUE.decode(pool or pool_account(), slot=5)
    accounts = {
        "vault_a": vault_account(VAULT_A, MINT_A), "vault_b": vault_account(VAULT_B, MINT_B),
        "mint_a": mint_account(MINT_A), "mint_b": mint_account(MINT_B), **replaced,
    }  # fmt: skip
    for array in arrays:
        role = next(r for r, a in VENUE.roles(state).items() if a == array.address)
        state = VENUE.apply(state, role, array, slot=3)
    for role, account in accounts.items():
        state = VENUE.apply(state, role, account, slot=6)
    return state


NOW = recorded.row_moment({"env": {"unix_timestamp": 1_000, "slot": 9, "epoch": 1}})


def ask(
    pool: Any, size: int, *, mint: Address = MINT_A, kind: SwapKind = SwapKind.EXACT_IN
) -> Quote | Refusal:
    return VENUE.quote(pool, QuoteRequest(mint, kind, size), NOW)


RANGE = {-640: 10**12, 640: -(10**12)}
"""Liquidity of 1e12 between two ticks, in two arrays."""
LOW = {tick: net for tick, net in RANGE.items() if tick < 0}
HIGH = {tick: net for tick, net in RANGE.items() if tick >= 0}


@pytest.mark.parametrize("array", [fixed_array, dynamic_array])
def test_both_kinds_of_tick_arrays_tell_the_same(array: Any) -> None:
    pool = made(array(0, HIGH), array(-5_632, LOW), absent(5_632))
    assert pool.arrays[0].ticks == ((640, -(10**12)),)
    first, last = ask(pool, 10**6), ask(pool, 10**6, mint=MINT_B)
    assert isinstance(first, Quote) and isinstance(last, Quote)
    # 997,000 of 1e12 at a price of 1.0001 ** 10 both ways, less a millionth for moving it
    assert (first.amount_out, first.fee_in, first.slot) == (997_996, 3_000, 5)
    assert (last.amount_out, last.fee_in, last.slot) == (996_002, 3_000, 5)
    assert first.price_impact_bps == last.price_impact_bps == 1


def test_a_swap_into_an_array_that_nobody_has_shown_names_it_and_one_into_an_absent_array_runs_dry() -> None:
    pool = made(fixed_array(0, HIGH))
    assert VENUE.missing(pool) == ()
    assert isinstance(ask(pool, 10**6), Quote)  # ends before the unknown
    far = ask(pool, 10**11)
    assert isinstance(far, Refusal)
    assert (far.reason, far.observed) == (Reason.QUOTE_UNAVAILABLE, "unknown: tick_array_-5632")
    pool = made(fixed_array(0, HIGH), absent(-5_632), absent(-11_264))
    dry = ask(pool, 10**12)
    assert isinstance(dry, Refusal) and dry.reason is Reason.AMOUNT_OUT_OF_RANGE
    assert VENUE.missing(made()) == ("tick_array_0",)


def test_a_swap_up_from_the_last_place_of_an_array_never_sees_a_third_array_ahead() -> None:
    # tick 5,568 is the last place: the program starts with +1, and +3 is not named by the instruction
    pool = made(absent(5_632), absent(11_264), absent(0), pool=pool_account(tick=5_570, price=AT_5570))
    dry = ask(pool, 10**15, mint=MINT_B)
    assert isinstance(dry, Refusal) and dry.reason is Reason.AMOUNT_OUT_OF_RANGE


def test_a_splash_pools_partial_fill_is_the_programs_answer_to_a_case_and_no_quote() -> None:
    tick = 32_896 * 13  # the outermost one
    edge = {32_896 * 88 * -1 + place * 32_896: 10**9 for place in (75,)}
    pool = made(
        fixed_array(0, {tick: -(10**9)}, spacing=32_896),
        fixed_array(-2_894_848, edge, spacing=32_896),
        pool=pool_account(spacing=32_896, liquidity=10**9),
        vault_b=vault_account(VAULT_B, MINT_B, 10**18),
    )
    refused = ask(pool, U64)
    assert isinstance(refused, Refusal) and "the pool takes" in refused.limit
    accounts = {
        "whirlpool": pool_account(spacing=32_896, liquidity=10**9),
        "vault_a": vault_account(VAULT_A, MINT_A, 0), "vault_b": vault_account(VAULT_B, MINT_B, 10**18),
        "mint_a": mint_account(MINT_A), "mint_b": mint_account(MINT_B),
        "tick_arrays_0": fixed_array(0, {tick: -(10**9)}, spacing=32_896),
        "tick_arrays_1": fixed_array(-2_894_848, edge, spacing=32_896),
    }  # fmt: skip
    told = VENUE.quote_case(accounts, direction="a_to_b", kind=SwapKind.EXACT_IN, amount=U64, moment=NOW)
    assert isinstance(told, tuple)
    assert told[0] < U64 and told[1] < 10**10
    told = VENUE.quote_case(accounts, direction="a_to_b", kind=SwapKind.EXACT_OUT, amount=10**10, moment=NOW)
    assert isinstance(told, str)


@pytest.mark.parametrize(
    ("why", "changed"),
    [
        ("frozen", {"vault_b": vault_account(VAULT_B, MINT_B, state=2)}),
        ("hook", {"mint_a": mint_account(MINT_A, (14, bytes(32) + address_bytes(key(9))))}),
        ("paused", {"mint_a": mint_account(MINT_A, (26, bytes(32) + b"\x01"))}),
        ("transferred", {"mint_b": mint_account(MINT_B, (9, b""))}),
    ],
)
def test_tokens_that_cannot_move_freely_refuse(why: str, changed: dict[str, Account]) -> None:
    refused = ask(made(fixed_array(0, HIGH), fixed_array(-5_632, LOW), **changed), 10**6)
    assert isinstance(refused, Refusal) and refused.reason is Reason.POOL_DISABLED and why in refused.observed


def test_a_hook_or_pause_that_is_switched_off_does_not_refuse() -> None:
    for extension in ((14, bytes(64)), (26, bytes(33))):
        pool = made(fixed_array(0, HIGH), fixed_array(-5_632, LOW), mint_a=mint_account(MINT_A, extension))
        assert isinstance(ask(pool, 10**6), Quote)


def test_zero_dust_absurd_and_foreign_requests_refuse() -> None:
    pool = made(fixed_array(0, HIGH), fixed_array(-5_632, LOW))
    for size in (0, -1, U64, U64 + 1):
        for kind in SwapKind:
            assert isinstance(ask(pool, size, kind=kind), Refusal)
    assert isinstance(ask(pool, 1, mint=key(99)), Refusal)
    empty = made(fixed_array(0, {}), absent(-5_632), absent(-11_264), pool=pool_account(liquidity=0))
    assert isinstance(ask(empty, 10**6), Refusal)
    early = made(fixed_array(0, HIGH), pool=pool_account(rewards_at=1_001))
    assert isinstance(ask(early, 10**6), Refusal)
    poor = made(fixed_array(0, HIGH), fixed_array(-5_632, LOW), vault_b=vault_account(VAULT_B, MINT_B, 1_000))
    assert isinstance(ask(poor, 10**6), Refusal)
    full = made(fixed_array(0, HIGH), fixed_array(-5_632, LOW), vault_a=vault_account(VAULT_A, MINT_A, U64))
    assert isinstance(ask(full, 10**6), Refusal)


def test_reserves_have_the_price_and_are_there() -> None:
    pool = made(fixed_array(0, HIGH))
    assert VENUE.reserves(pool) == (999_000_549_780, 10**12)  # of which b would be 1.0005e12, were it there
    assert VENUE.held(pool) == (10**12, 10**12)
    pool = made(
        fixed_array(0, HIGH), vault_a=vault_account(VAULT_A, MINT_A, 10**9), pool=pool_account(price=2 * ONE)
    )
    assert VENUE.reserves(pool) == (10**9, 4 * 10**9)
    pool = made(
        fixed_array(0, HIGH), vault_b=vault_account(VAULT_B, MINT_B, 10**9), pool=pool_account(price=2 * ONE)
    )
    assert VENUE.reserves(pool) == (10**9 // 4, 10**9)


# adaptive fee


def oracle_account(
    *, enabled_at: int = 0, group_size: int = 64, reference_at: int = 900, size: int = 254
) -> Account:
    data = bytearray(254)
    data[:8] = bytes.fromhex("8bc283b38cb3e5f4")
    data[8:40], data[40:48] = address_bytes(POOL), enabled_at.to_bytes(8, "little")
    for at, value, width in (
        (48, 30, 2), (50, 600, 2), (52, 5_000, 2), (54, 1_500, 4), (58, 350_000, 4), (62, group_size, 2), (64, 64, 2),
        (82, reference_at, 8), (106, 100_000, 4),
    ):  # fmt: skip
        data[at : at + width] = value.to_bytes(width, "little")
    state = VENUE.decode(pool_account(seed=1_088), slot=1)
    return Account(VENUE.roles(state)["oracle"], PROGRAM, 1, bytes(data[:size]))


def adaptive(oracle: Account | None) -> Any:
    replaced = {} if oracle is None else {"oracle": oracle}
    return made(fixed_array(0, HIGH), fixed_array(-5_632, LOW), pool=pool_account(seed=1_088), **replaced)


def test_an_adaptive_pool_needs_its_oracle_and_charges_more_for_going_further() -> None:
    assert VENUE.missing(adaptive(None)) == ("oracle",)
    assert isinstance(ask(adaptive(None), 10**6), Refusal)
    pool = adaptive(oracle_account())
    near, far = ask(pool, 10**6), ask(pool, 10**10)
    assert isinstance(near, Quote) and isinstance(far, Quote)
    # half of the remembered ten groups: 3,000 + ceil(1,500 * (50,000 * 64)**2 / 1e13) millionths
    assert near.fee_in == -(-(10**6) * (3_000 + 1_536) // 10**6)
    assert far.fee_in * 10**6 > near.fee_in * 10**10


def test_an_adaptive_pool_refuses_before_it_opens_and_where_time_runs_backwards() -> None:
    closed = ask(adaptive(oracle_account(enabled_at=1_001)), 10**6)
    assert isinstance(closed, Refusal) and closed.reason is Reason.POOL_DISABLED
    assert isinstance(ask(adaptive(oracle_account(reference_at=1_001)), 10**6), Refusal)


@pytest.mark.parametrize("bad", [oracle_account(group_size=0), oracle_account(size=100)])
def test_an_oracle_that_cannot_be_is_a_decode_error(bad: Account) -> None:
    with pytest.raises(DecodeError):
        adaptive(bad)


# accounts and bytes


@pytest.mark.parametrize(
    "account",
    [
        pool_account(spacing=0),
        pool_account(mint_b=MINT_A),
        pool_account(price=0),
        pool_account(tick=443_637),
        msgspec.structs.replace(pool_account(), data=pool_account().data[:652]),
        msgspec.structs.replace(pool_account(), owner=TOKEN_PROGRAM),
    ],
)
def test_a_pool_that_cannot_be_is_a_decode_error(account: Account) -> None:
    with pytest.raises(DecodeError):
        VENUE.decode(account, slot=1)


def corrupted(array: Account, at: int, value: int) -> Account:
    data = bytearray(array.data)
    data[at] = value
    return msgspec.structs.replace(array, data=bytes(data))


@pytest.mark.parametrize(
    "array",
    [
        fixed_array(0, {}, pool=key(99)),
        msgspec.structs.replace(fixed_array(5_632, {}), address=fixed_array(0, {}).address),
        msgspec.structs.replace(fixed_array(0, {}), data=fixed_array(0, {}).data[:9_987]),
        msgspec.structs.replace(fixed_array(0, {}), owner=TOKEN_PROGRAM),
        msgspec.structs.replace(absent(0), data=b"\0"),
        corrupted(dynamic_array(0, HIGH), 44, 1),
        corrupted(dynamic_array(0, HIGH), 60, 2),
        msgspec.structs.replace(dynamic_array(0, HIGH), data=dynamic_array(0, HIGH).data[:150]),
        dynamic_array(5_632, {}),  # of another role
    ],
)
def test_a_tick_array_that_is_not_what_it_should_be_is_a_decode_error(array: Account) -> None:
    pool = VENUE.decode(pool_account(), slot=1)
    with pytest.raises(DecodeError):
        VENUE.apply(pool, "tick_array_0", array, slot=2)


def test_roles_that_do_not_exist_are_decode_errors() -> None:
    pool = VENUE.decode(pool_account(), slot=1)
    for role in ("tick_array_", "tick_array_x", "tick_array_1", "oracle", "nothing"):
        with pytest.raises(DecodeError):
            VENUE.apply(pool, role, fixed_array(0, {}), slot=1)


def test_arrays_stay_known_when_the_price_leaves_them_and_old_news_changes_nothing() -> None:
    pool = VENUE.apply(made(fixed_array(0, HIGH)), "pool", pool_account(tick=20_000, price=3 * ONE), slot=7)
    assert VENUE.missing(pool) == ("tick_array_16896",)
    assert "tick_array_0" not in VENUE.roles(pool) and 0 in pool.arrays
    assert VENUE.apply(pool, "tick_array_0", absent(0), slot=2) is pool
    newer = VENUE.apply(pool, "tick_array_0", absent(0), slot=8)
    assert newer.arrays[0].ticks == () and pool.arrays[0].ticks != ()
    assert VENUE.missing(VENUE.apply(newer, "pool", pool_account(), slot=8)) == ()


def test_an_instruction_needs_to_know_the_token_programs_and_a_mint_of_the_pool() -> None:
    request = SwapRequest(SwapKind.EXACT_OUT, MINT_B, 7, 8, key(20), key(21), key(22))
    with pytest.raises(ValueError, match="unknown"):
        VENUE.build(VENUE.decode(pool_account(), slot=1), request)
    with pytest.raises(ValueError, match="does not trade"):
        VENUE.build(made(), msgspec.structs.replace(request, input_mint=key(99)))
    call = VENUE.build(made(), request)
    assert [meta.address for meta in call.accounts[7:11]] == [key(22), VAULT_A, key(21), VAULT_B]
    assert call.data[:8] == SWAP_V2 and call.data[40:42] == b"\x00\x00"
