"""Meteora DLMM as a venue: recorded answers of the real program, its contract, and how it meets accounts."""

import gzip
import json
from base64 import b64decode, b64encode
from pathlib import Path

import msgspec
import pytest
from tests.venues import recorded
from tests.venues.dlmm_states import (
    NOW,
    ORACLE,
    PAIR,
    RESERVE_X,
    X,
    Y,
    accounts_of,
    held,
    key,
    pool,
    vault_account,
)

from chimera.domain.chain import Account
from chimera.domain.errors import DecodeError
from chimera.domain.ids import SYSTEM_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM, Address
from chimera.domain.pool import Moment, Quote, QuoteRequest, SwapKind, SwapRequest
from chimera.domain.risk import Reason, Refusal
from chimera.onchain.layouts import TransferFee, TransferFees
from chimera.testing.contracts import PoolSample, check_venue
from chimera.venues.meteora_dlmm import VENUE
from chimera.venues.meteora_dlmm.book import Book, DlmmPool
from chimera.venues.meteora_dlmm.layout import Extension, Mint, Vault, bin_array_address, extension_address

OWN = recorded.OWN / "meteora_dlmm.jsonl.gz"
OWN_ROWS = 263


# recorded answers


@pytest.mark.parametrize(
    ("path", "count"), [(OWN, OWN_ROWS), (recorded.SHARED / "quotes" / OWN.name, 287)], ids=["own", "shared"]
)
def test_every_recorded_quote_is_the_real_programs(path: Path, count: int) -> None:
    recorded.check_quotes(path, count)


def test_every_recorded_instruction_is_built_byte_for_byte() -> None:
    recorded.check_instructions(recorded.SHARED / "instructions" / "meteora_dlmm.jsonl", 15)


def test_the_first_swap_of_a_recorded_day_ends_as_on_the_real_program() -> None:
    path = recorded.SHARED / "programs" / "dlmm_dlmm-sdk_lb_clmm_prod.json.gz"
    if not path.exists():
        pytest.skip("1 case of ../shared/vectors/programs/dlmm_dlmm-sdk_lb_clmm_prod.json.gz is not here")
    day = json.loads(gzip.decompress(path.read_bytes()))
    accounts = {
        Address(address): Account(
            Address(address), Address(told["owner"]), told["lamports"], b64decode(told["data"])
        )
        for address, told in day["accounts"].items()
    }
    own = next(account for account in accounts.values() if VENUE.recognise(account))
    state = VENUE.decode(own, slot=day["slot"])
    for role, address in VENUE.roles(state).items():
        if address in accounts:
            state = VENUE.apply(state, role, accounts[address], slot=day["slot"])
    first = day["steps"][0]
    amount, _, x_to_y, unix_timestamp = first["args"]
    mints = VENUE.header(state).mint_a, VENUE.header(state).mint_b
    request = QuoteRequest(mints[not x_to_y], SwapKind.EXACT_IN, amount)
    answer = VENUE.quote(state, request, Moment(unix_timestamp, NOW.slot, NOW.epoch))
    assert isinstance(answer, Quote)
    moved = [after - before for before, after in zip(first["before"], first["after"], strict=True)]
    assert moved[:2] == [-answer.amount_in, answer.amount_out]


def test_the_venue_keeps_its_contract() -> None:
    deep = [held(at, x=10**9 + at, waiting=10**8, sell_x=True) for at in range(1, 90)]
    deep += [held(-at, y=10**9 + at, processed=10**8) for at in range(1, 90)]
    plain = pool([*deep, held(0, x=10**9, y=10**9)], function_type=1)
    fee_on_y = pool([*deep, held(0, x=10**9, y=10**9)], function_type=2, collect_fee_mode=1)
    there = [
        held(36_000 + at, x=10**9 * (at >= 0), y=10**9 * (at <= 0), step=1) for at in range(-300, 300, 7)
    ]
    far = pool(
        there,
        active_id=36_001,
        bin_step=1,
        extension=Extension(9, exists=True, above=sum(1 << index for index in range(7)), below=0),
    )
    accounts = [{a.address: a for a in accounts_of(made).values()} for made in (plain, fee_on_y, far)]
    check_venue(VENUE, [PoolSample(PAIR, known, NOW) for known in accounts])


def test_torn_accounts_are_read_or_refused_and_nothing_else() -> None:
    recorded.check_torn_accounts(VENUE, recorded.samples(VENUE, OWN), seed=7, rounds=1_500)


# refusals


BINS = [held(0, x=10**9, y=10**9), held(1, x=10**9), held(-1, y=10**9)]


def ask(made: DlmmPool, mint: Address = X, kind: SwapKind = SwapKind.EXACT_IN, amount: int = 10**6,
        moment: Moment = NOW) -> Quote | Refusal:  # fmt: skip
    return VENUE.quote(made, QuoteRequest(mint, kind, amount), moment)


def changed(made: DlmmPool, **changes: object) -> DlmmPool:
    """Another state, of which nothing has been worked out yet."""
    return msgspec.structs.replace(made, book=Book(), **changes)


def reason(made: DlmmPool, mint: Address = X, kind: SwapKind = SwapKind.EXACT_IN, amount: int = 10**6,
           moment: Moment = NOW) -> Reason:  # fmt: skip
    answer = ask(made, mint, kind, amount, moment)
    assert isinstance(answer, Refusal), answer
    return answer.reason


def test_pools_that_do_not_swap_refuse() -> None:
    assert isinstance(ask(pool(BINS)), Quote)
    assert reason(pool(BINS, status=1)) is Reason.POOL_DISABLED
    frozen = changed(pool(BINS), reserve_y=Vault(9, 10**12, frozen=True))
    assert reason(frozen) is Reason.POOL_DISABLED
    hooked = changed(pool(BINS), mint_y=Mint(9, TransferFees(), has_hook=True))
    assert reason(hooked) is Reason.POOL_DISABLED
    # more volatility than the program's u32 can decay
    last = NOW.unix_timestamp - 100
    wild = pool(BINS, volatility_accumulator=429_497, reduction_factor=10_000, last_update_timestamp=last)
    assert reason(wild) is Reason.POOL_DISABLED


@pytest.mark.parametrize("pair_type", [0, 1, 2, 3])
@pytest.mark.parametrize(("by_time", "now"), [(0, int(NOW.slot)), (1, NOW.unix_timestamp)])
def test_pairs_that_somebody_opens_do_not_swap_before(pair_type: int, by_time: int, now: int) -> None:
    def made(point: int) -> DlmmPool:
        return pool(BINS, pair_type=pair_type, activation_type=by_time, activation_point=point)

    assert isinstance(ask(made(now)), Quote)
    assert isinstance(ask(made(now + 1)), Refusal if pair_type in (1, 2) else Quote)


def test_amounts_that_the_pool_cannot_serve_refuse() -> None:
    for kind in SwapKind:
        for amount in (0, -1, 2**64):
            assert reason(pool(BINS), X, kind, amount) is Reason.AMOUNT_OUT_OF_RANGE
    known_end = pool(BINS, extension=Extension(9, exists=False, above=0, below=0))
    assert reason(known_end, amount=1) is Reason.AMOUNT_OUT_OF_RANGE
    assert reason(known_end, amount=2**64 - 1) is Reason.AMOUNT_OUT_OF_RANGE
    assert reason(known_end, kind=SwapKind.EXACT_OUT, amount=2 * 10**9 + 1) is Reason.AMOUNT_OUT_OF_RANGE
    assert isinstance(ask(known_end, kind=SwapKind.EXACT_OUT, amount=2 * 10**9), Quote)
    poor = changed(known_end, reserve_y=Vault(9, 10, frozen=False))
    assert reason(poor) is Reason.AMOUNT_OUT_OF_RANGE
    assert reason(known_end, key(99)) is Reason.QUOTE_UNAVAILABLE


def test_a_swap_past_what_is_known_names_what_is_missing() -> None:
    told = pool(BINS, bitmap=1 << 512 | 1 << 511 | 1 << 509)  # arrays 0, -1 and -3
    answer = ask(told, amount=10**12)
    assert isinstance(answer, Refusal) and answer.reason is Reason.QUOTE_UNAVAILABLE
    assert "bin_array_-3 is missing" in answer.observed
    answer = ask(told, Y, amount=10**12)
    assert isinstance(answer, Refusal) and "bitmap_extension is missing" in answer.observed


def test_nothing_is_quoted_far_out_before_the_extension_is_known() -> None:
    far = pool([held(36_000, x=10**9, y=10**9, step=1)], active_id=36_000, bin_step=1)
    assert VENUE.missing(far) == ("bitmap_extension",)
    assert reason(far, amount=10**7) is Reason.QUOTE_UNAVAILABLE
    known = changed(far, extension=Extension(9, exists=True, above=1 << 2, below=0))
    assert VENUE.missing(known) == ()
    assert isinstance(ask(known, amount=10**7), Quote)


def test_token_2022_fees_are_taken_on_both_sides() -> None:
    fees = TransferFees(newer=TransferFee(epoch=0, maximum=10**12, bps=100))
    taxed = pool(BINS, program_x=TOKEN_2022_PROGRAM, program_y=TOKEN_2022_PROGRAM)
    assert VENUE.missing(taxed) == ("mint_x", "mint_y")
    mint = Mint(9, fees, has_hook=False)
    taxed = changed(taxed, mint_x=mint, mint_y=mint)
    free, answer = ask(pool(BINS), amount=990_000), ask(taxed, amount=1_000_000)
    assert isinstance(free, Quote) and isinstance(answer, Quote)
    assert answer.amount_out == free.amount_out - -(-free.amount_out // 100)
    back = ask(taxed, kind=SwapKind.EXACT_OUT, amount=answer.amount_out)
    assert isinstance(back, Quote) and back.amount_in <= 1_000_000


# accounts


def test_bytes_become_the_pool_they_were_made_of() -> None:
    orders = [held(2, x=5, waiting=7, processed=9, sell_x=True), held(-70, y=3), held(-71, y=4)]
    made = pool(
        [*BINS, *orders], function_type=2, extension=Extension(9, exists=True, above=5, below=1 << 6143)
    )
    read = VENUE.decode(accounts_of(made)["pool"], slot=9)
    for role, account in accounts_of(made).items():
        assert VENUE.roles(made)[role] == account.address
        read = VENUE.apply(read, role, account, slot=9)
    assert read == made


def test_the_nearest_arrays_in_both_directions_are_named() -> None:
    bits = sum(1 << index + 512 for index in (-500, -3, -2, 0, 1, 5, 6, 7, 8, 9, 511))
    roles = VENUE.roles(pool([], bitmap=bits))
    arrays = [role for role in roles if role.startswith("bin_array_")]
    assert arrays == [f"bin_array_{index}" for index in (-500, -3, -2, 0, 1, 5, 6, 7)]
    assert roles["bin_array_-3"] == bin_array_address(PAIR, -3)
    below = Extension(9, exists=True, above=0, below=1 << 6143 | 1)
    arrays = [role for role in VENUE.roles(pool([], bitmap=1, extension=below)) if role.startswith("bin_")]
    assert arrays == [f"bin_array_{index}" for index in (-6656, -513, -512)]


@pytest.mark.parametrize("at", [35, 36, 75, 82, 86, 880, 881])
def test_a_flag_that_this_program_does_not_know_is_a_decode_error(at: int) -> None:
    with pytest.raises(DecodeError, match="unknown"):
        VENUE.decode(accounts_of(pool(BINS), {at: 9})["pool"], slot=9)


def test_longer_accounts_are_read_and_shorter_ones_are_not() -> None:
    for role, account in accounts_of(
        pool(BINS, extension=Extension(9, exists=True, above=0, below=0))
    ).items():
        longer = msgspec.structs.replace(account, data=account.data + bytes(64))
        shorter = msgspec.structs.replace(account, data=account.data[:-1])
        made = pool(BINS)
        if not role.startswith("reserve"):
            assert VENUE.apply(made, role, longer, slot=9) is not made
        with pytest.raises(DecodeError):
            VENUE.apply(made, role, shorter, slot=9)


def test_accounts_in_foreign_places_are_decode_errors() -> None:
    made, told = pool(BINS), accounts_of(pool(BINS))
    array = told["bin_array_0"]
    elsewhere = array.data[:24] + bytes(32) + array.data[56:]
    unpriced = bytearray(array.data)
    unpriced[56 + 16 : 56 + 32] = bytes(16)
    for role, account in (
        ("bin_array_1", array),
        ("bin_array_0", msgspec.structs.replace(array, data=bytes(elsewhere))),
        ("bin_array_0", msgspec.structs.replace(array, data=bytes(unpriced))),
        ("bin_array_0", msgspec.structs.replace(array, owner=TOKEN_PROGRAM)),
        ("bin_array_x", array),
        ("bin_array_9999999999", array),
        ("reserve_x", vault_account(RESERVE_X, Y)),
        ("oracle", Account(ORACLE, VENUE.program, 1, bytes(3232))),
        ("bitmap_extension", Account(extension_address(PAIR), VENUE.program, 1, bytes(1576))),
    ):
        with pytest.raises(DecodeError):
            VENUE.apply(made, role, account, slot=9)


def test_an_extension_that_is_not_there_is_known_as_such() -> None:
    absent = Account(extension_address(PAIR), SYSTEM_PROGRAM, 0, b"")
    known = VENUE.apply(pool(BINS), "bitmap_extension", absent, slot=9)
    assert known.extension == Extension(9, exists=False, above=0, below=0)
    request = SwapRequest(SwapKind.EXACT_IN, X, 10**6, 1, key(10), key(11), key(12))
    assert VENUE.build(known, request).accounts[1].address == VENUE.program


def test_older_news_changes_nothing_and_a_new_state_answers_anew() -> None:
    made = pool(BINS)
    before = ask(made)
    told = accounts_of(pool([held(0, x=10**9, y=1), held(-1, y=10**9)]))
    assert VENUE.apply(made, "bin_array_0", told["bin_array_0"], slot=8) is made
    after = VENUE.apply(made, "bin_array_0", told["bin_array_0"], slot=10)
    assert isinstance(before, Quote) and isinstance(ask(made), Quote)
    assert ask(made) == before
    assert ask(after) != before
    closed = VENUE.apply(made, "pool", accounts_of(pool(BINS, status=1))["pool"], slot=10)
    assert reason(closed) is Reason.POOL_DISABLED


def test_reserves_tell_the_price_and_the_scarcer_side() -> None:
    both = pool([held(100, x=10**9, y=4 * 10**9)], active_id=100)
    x, y = VENUE.reserves(both) or (0, 0)
    assert x == 10**9 and y == 10**9 * both.arrays[0].bins[0].price >> 64
    assert VENUE.held(both) == (10**9, 4 * 10**9)
    assert VENUE.reserves(pool([held(0, x=10**9)])) == (0, 0)


# instructions


def test_a_swap_is_given_the_arrays_on_its_way_and_their_neighbours() -> None:
    wide = [held(at, x=10**6 * (at >= 65), y=10**6 * (at <= 65)) for at in range(-300, 500, 5)]
    made = pool(wide, active_id=65)

    def arrays(mint: Address, amount: int, kind: SwapKind = SwapKind.EXACT_IN) -> list[int]:
        call = VENUE.build(made, SwapRequest(kind, mint, amount, 1, key(10), key(11), key(12)))
        by_address = {bin_array_address(PAIR, index): index for index in range(-9, 9)}
        assert all(meta.is_writable for meta in call.accounts[16:])
        return [by_address[meta.address] for meta in call.accounts[16:]]

    assert arrays(X, 10**5) == [1, 0, -1]  # behind, in case the price rises first; on the way; one more
    assert arrays(Y, 10**5) == [0, 1]
    assert arrays(X, 2 * 10**7) == [1, 0, -1, -2]
    assert arrays(X, 2 * 10**7, SwapKind.EXACT_OUT) == [1, 0, -1, -2]
    assert arrays(X, 10**15) == [1, 0, -1, -2]  # more than there is: the first three


def test_a_known_extension_is_passed_writable() -> None:
    made = pool(BINS, extension=Extension(9, exists=True, above=0, below=0))
    call = VENUE.build(made, SwapRequest(SwapKind.EXACT_OUT, Y, 5, 10, key(10), key(11), key(12)))
    assert call.accounts[1].address == extension_address(PAIR) and call.accounts[1].is_writable
    with pytest.raises(ValueError, match="does not trade"):
        VENUE.build(made, SwapRequest(SwapKind.EXACT_IN, key(99), 1, 1, key(10), key(11), key(12)))


def case(**changes: object) -> dict[str, object]:
    pair = accounts_of(pool(BINS))["pool"].data
    return {"lb_pair": PAIR, "lb_pair_data_base64": b64encode(pair).decode(), "user": key(10), "bin_arrays": [],
            "direction": "x_to_y", "amount": "5", "limit": "6", "bitmap_extension": None} | changes  # fmt: skip


@pytest.mark.parametrize(
    ("ix", "data"),
    [
        ("swap", "f8c69e91e17587c8 0500000000000000 0600000000000000"),
        ("swap_exact_out", "fa49652126cf4bb8 0600000000000000 0500000000000000"),
        ("swap_with_price_impact", "38ade6d0ade49ccd 0500000000000000 0100000000 0600"),
        ("swap_with_price_impact2", "4a62c0d6b1334b33 0500000000000000 0100000000 0600 0200000000000100"),
    ],
)
def test_the_other_swaps_are_written_as_the_interface_says(ix: str, data: str) -> None:
    call = VENUE.build_case(ix, case())
    assert call.data == bytes.fromhex(data)
    assert len(call.accounts) == (16 if ix.endswith("2") else 15)


@pytest.mark.parametrize(
    "changes",
    [
        {"direction": "up"},
        {"amount": str(2**64)},
        {"amount": "-1"},
        {"user": "nobody"},
        {"mint_x_owner": TOKEN_2022_PROGRAM},
        {"lb_pair_data_base64": "AAAA"},
        {"bitmap_extension": "?"},
    ],
)
def test_a_row_that_cannot_be_read_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises((DecodeError, ValueError)):
        VENUE.build_case("swap2", case(**changes))
    with pytest.raises(DecodeError):
        VENUE.build_case("swap3", case())
