"""Raydium CPMM as a venue: recorded answers, what must hold for any pool, and how it meets bytes it does not know."""

import gzip
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from chimera.cases import run_instruction_cases, run_quote_cases
from chimera.domain.chain import Account, Instruction, TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, Address, Signature, Slot
from chimera.domain.pool import Moment, Quote, QuoteRequest, SwapKind, SwapRequest
from chimera.domain.risk import Reason, Refusal
from chimera.onchain.keys import address_bytes, address_text
from chimera.onchain.layouts import NO_TRANSFER_FEES, TransferFee, TransferFees
from chimera.venues.raydium_cpmm import PROGRAM, SWAP_BASE_INPUT, VENUE, CpmmPool
from chimera.venues.raydium_cpmm.layout import POOL_STATE, SWAP_EVENT, Config, Mint, State, Vault

OWN = Path(__file__).parents[1] / "vectors" / "own" / "raydium_cpmm.jsonl.gz"
SHARED = Path(__file__).parents[3] / "shared" / "vectors"
U64 = 2**64 - 1
NOW = Moment(unix_timestamp=1_790_000_000, slot=Slot(500), epoch=1_050)


# recorded answers


@pytest.mark.parametrize(
    ("path", "count"), [(OWN, 209), (SHARED / "quotes" / "raydium_cpmm.jsonl.gz", 229)], ids=["own", "shared"]
)
def test_every_recorded_quote_is_the_real_programs(path: Path, count: int) -> None:
    if not path.exists():
        pytest.skip(f"{count} cases of ../shared/vectors/quotes/{path.name} are not here")
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert len(rows) == count
    answers = [json.loads(line) for line in run_quote_cases(path, {"raydium_cpmm": VENUE})]
    for row, answer in zip(rows, answers, strict=True):
        assert answer["id"] == row["id"]
        assert answer.get("ok") == row["expect"].get("ok"), (row["id"], row["tag"], answer, row["expect"])
        assert ("error" in answer) is ("error" in row["expect"])


def test_every_recorded_instruction_is_built_byte_for_byte() -> None:
    path = SHARED / "instructions" / "raydium_cpmm.jsonl"
    if not path.exists():
        pytest.skip(f"12 cases of ../shared/vectors/instructions/{path.name} are not here")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    answers = [json.loads(line) for line in run_instruction_cases(path, {"raydium_cpmm": VENUE})]
    assert len(rows) == 12
    for row, answer in zip(rows, answers, strict=True):
        assert answer == {"id": row["id"], **row["expect"]}


# what must hold for any pool


def key(number: int) -> Address:
    return address_text(number.to_bytes(32, "big"))


LEFT, RIGHT, POOL = key(1), key(2), key(3)

reserve = st.one_of(st.integers(1, 10**6), st.integers(1, 2**62))
amount = st.one_of(st.integers(1, 10_000), st.integers(1, U64))
rate = st.one_of(st.integers(0, 999_999), st.sampled_from((0, 100, 2_500, 40_000)))
transfer_fee = st.one_of(
    st.just(None),
    st.builds(TransferFee, epoch=st.just(0), maximum=st.integers(0, U64), bps=st.integers(0, 10_000)),
)


@st.composite
def pools(draw: Any) -> CpmmPool:
    fees = tuple(draw(st.tuples(*(st.one_of(st.just(0), st.integers(0, 2**40)),) * 3)) for _ in range(2))
    transfer = [draw(transfer_fee), draw(transfer_fee)]
    programs = [TOKEN_PROGRAM if fee is None else TOKEN_2022_PROGRAM for fee in transfer]
    mints = [Mint(0, NO_TRANSFER_FEES if fee is None else TransferFees(fee, fee)) for fee in transfer]
    return CpmmPool(
        address=key(3),
        state=State(
            slot=1,
            amm_config=key(4),
            vault_0=key(5),
            vault_1=key(6),
            mint_0=LEFT,
            mint_1=RIGHT,
            program_0=programs[0],
            program_1=programs[1],
            observation=key(7),
            status=draw(st.integers(0, 3)),
            uncollected_0=fees[0],
            uncollected_1=fees[1],
            open_time=0,
            creator_fee_on=draw(st.integers(0, 2)),
            creator_fee_enabled=draw(st.booleans()),
        ),
        amm_config=Config(
            0, draw(rate), draw(st.integers(0, 500_000)), draw(st.integers(0, 500_000)), draw(rate)
        ),
        vault_0=Vault(2, draw(reserve) + sum(fees[0]), frozen=False),
        vault_1=Vault(3, draw(reserve) + sum(fees[1]), frozen=False),
        mint_0=mints[0],
        mint_1=mints[1],
    )


def quote(pool: CpmmPool, mint: Address, kind: SwapKind, size: int) -> Quote | None:
    answer = VENUE.quote(pool, QuoteRequest(mint, kind, size), NOW)
    return answer if isinstance(answer, Quote) else None


side = st.sampled_from((LEFT, RIGHT))


@given(pools(), side, amount, amount)
def test_more_in_never_gives_less_out(pool: CpmmPool, mint: Address, one: int, other: int) -> None:
    less, more = sorted((one, other))
    small, large = (quote(pool, mint, SwapKind.EXACT_IN, size) for size in (less, more))
    if small is not None and large is not None:
        assert small.amount_out <= large.amount_out


@given(pools(), side, amount, amount)
def test_more_out_never_costs_less_in(pool: CpmmPool, mint: Address, one: int, other: int) -> None:
    less, more = sorted((one, other))
    small, large = (quote(pool, mint, SwapKind.EXACT_OUT, size) for size in (less, more))
    if small is not None and large is not None:
        assert small.amount_in <= large.amount_in


@given(pools(), side, amount)
def test_buying_exactly_what_a_sum_bought_never_costs_more_and_spending_what_it_costs_never_gives_less(
    pool: CpmmPool, mint: Address, size: int
) -> None:
    bought = quote(pool, mint, SwapKind.EXACT_IN, size)
    assume(bought is not None)
    assert bought is not None
    # At 100 % with a maximum, a transfer fee has no inverse: the program adds the maximum, whatever is withheld.
    assume(
        all(known is None or known.transfer_fees.newer.bps < 10_000 for known in (pool.mint_0, pool.mint_1))
    )
    exact = quote(pool, mint, SwapKind.EXACT_OUT, bought.amount_out)
    if exact is None:
        return
    again = quote(pool, mint, SwapKind.EXACT_IN, exact.amount_in)
    assert again is not None
    assert again.amount_out >= exact.amount_out


@given(pools(), side, amount, st.sampled_from(list(SwapKind)))
@example(
    pool=CpmmPool(
        address=key(3),
        state=State(
            1,
            key(4),
            key(5),
            key(6),
            LEFT,
            RIGHT,
            TOKEN_PROGRAM,
            TOKEN_PROGRAM,
            key(7),
            0,
            (0, 0, 0),
            (0, 0, 0),
            0,
            0,
            False,
        ),
        amm_config=Config(0, 2_500, 120_000, 40_000, 0),
        vault_0=Vault(2, 1, frozen=False),
        vault_1=Vault(3, U64, frozen=False),
    ),
    mint=LEFT,
    size=1,
    kind=SwapKind.EXACT_OUT,
)
def test_no_swap_takes_from_the_liquidity_providers(
    pool: CpmmPool, mint: Address, size: int, kind: SwapKind
) -> None:
    found = quote(pool, mint, kind, size)
    reserves = VENUE.reserves(pool)
    assume(found is not None and reserves is not None)
    assert found is not None and reserves is not None
    forward = mint == LEFT
    reserve_in, reserve_out = reserves if forward else reserves[::-1]
    fee_in, fee_out = (mint_fee(pool, at) for at in ((0, 1) if forward else (1, 0)))
    entered = found.amount_in - fee_in.on(found.amount_in) - found.fee_in
    gross = found.amount_out + (fee_out.inverse(found.amount_out) or 0)
    if kind is SwapKind.EXACT_IN:
        # several gross amounts give the same net; the least of them is the one the inverse finds
        assert gross >= found.amount_out
    left = gross + found.fee_out
    assert left < reserve_out
    assert (reserve_in + entered) * (reserve_out - left) >= reserve_in * reserve_out
    assert 0 < found.amount_in <= U64 and 0 < found.amount_out <= U64
    assert found.price_impact_bps >= 0
    assert found.slot == 1


def mint_fee(pool: CpmmPool, at: int) -> TransferFee:
    mint = (pool.mint_0, pool.mint_1)[at]
    return mint.transfer_fees.at(NOW.epoch) if mint is not None else TransferFee(0, 0, 0)


@given(pools(), side, st.integers(-(2**70), 2**70), st.sampled_from(list(SwapKind)), st.integers(0, 255))
def test_any_amount_on_any_pool_is_a_quote_or_a_refusal(
    pool: CpmmPool, mint: Address, size: int, kind: SwapKind, status: int
) -> None:
    odd = msgspec.structs.replace(pool, state=msgspec.structs.replace(pool.state, status=status))
    answer = VENUE.quote(odd, QuoteRequest(mint, kind, size), NOW)
    assert isinstance(answer, Quote | Refusal)
    if status & 4 or not 0 < size <= U64:
        assert isinstance(answer, Refusal)


# refusals


def plain() -> CpmmPool:
    return CpmmPool(
        address=key(3),
        state=State(
            5,
            key(4),
            key(5),
            key(6),
            LEFT,
            RIGHT,
            TOKEN_PROGRAM,
            TOKEN_PROGRAM,
            key(7),
            0,
            (1, 2, 3),
            (4, 5, 6),
            0,
            0,
            False,
        ),
        amm_config=Config(0, 2_500, 120_000, 40_000, 0),
        vault_0=Vault(7, 10**12, frozen=False),
        vault_1=Vault(6, 10**12, frozen=False),
    )


def refusal(
    pool: CpmmPool, *, mint: Address = LEFT, kind: SwapKind = SwapKind.EXACT_IN, size: int = 10**6
) -> Reason:
    answer = VENUE.quote(pool, QuoteRequest(mint, kind, size), NOW)
    assert isinstance(answer, Refusal)
    return answer.reason


def with_state(**changes: Any) -> CpmmPool:
    return msgspec.structs.replace(plain(), state=msgspec.structs.replace(plain().state, **changes))


def test_pools_that_do_not_swap_refuse() -> None:
    assert refusal(with_state(status=4)) is Reason.POOL_DISABLED
    assert refusal(with_state(open_time=NOW.unix_timestamp + 1)) is Reason.POOL_DISABLED
    assert refusal(with_state(creator_fee_on=3)) is Reason.POOL_DISABLED
    frozen = msgspec.structs.replace(plain(), vault_1=Vault(6, 10**12, frozen=True))
    assert refusal(frozen) is Reason.POOL_DISABLED


def test_empty_and_half_known_pools_refuse() -> None:
    empty = msgspec.structs.replace(plain(), vault_1=Vault(6, 4 + 5 + 6, frozen=False))
    assert refusal(empty) is Reason.AMOUNT_OUT_OF_RANGE
    assert refusal(empty, mint=RIGHT) is Reason.AMOUNT_OUT_OF_RANGE
    owing = msgspec.structs.replace(plain(), vault_1=Vault(6, 14, frozen=False))
    assert refusal(owing) is Reason.AMOUNT_OUT_OF_RANGE
    assert VENUE.reserves(owing) is None
    unknown = msgspec.structs.replace(plain(), vault_0=None)
    assert refusal(unknown) is Reason.QUOTE_UNAVAILABLE
    assert refusal(plain(), mint=key(99)) is Reason.QUOTE_UNAVAILABLE


def test_amounts_that_the_pool_cannot_serve_refuse() -> None:
    assert refusal(plain(), size=0) is Reason.AMOUNT_OUT_OF_RANGE
    assert refusal(plain(), size=-1) is Reason.AMOUNT_OUT_OF_RANGE
    assert refusal(plain(), size=1) is Reason.AMOUNT_OUT_OF_RANGE  # all of it is fee
    assert refusal(plain(), size=U64) is Reason.AMOUNT_OUT_OF_RANGE  # the vault would overflow
    assert refusal(plain(), size=U64 + 1) is Reason.AMOUNT_OUT_OF_RANGE
    everything = 10**12 - 15
    assert refusal(plain(), kind=SwapKind.EXACT_OUT, size=everything) is Reason.AMOUNT_OUT_OF_RANGE


def test_a_quote_says_what_it_costs_and_how_far_it_moves_the_price() -> None:
    found = quote(plain(), LEFT, SwapKind.EXACT_IN, 10**10)
    assert found is not None
    assert (found.fee_in, found.fee_out) == (25_000_000, 0)
    assert found.price_impact_bps == 99  # 1 % of the reserve less the fee: 0.9876 %, rounded up
    assert (found.slot, found.venue, found.output_mint) == (5, "raydium_cpmm", RIGHT)


# accounts and bytes


def pool_account(data: bytes | None = None, owner: Address = PROGRAM) -> Account:
    made = bytearray(637)
    made[:8] = POOL_STATE
    places = {8: 4, 72: 5, 104: 6, 168: 1, 200: 2, 296: 7}
    for at, number in places.items():
        made[at : at + 32] = number.to_bytes(32, "big")
    made[232:264] = made[264:296] = address_bytes(TOKEN_PROGRAM)
    return Account(key(3), owner, 1, bytes(made) if data is None else data)


def vault_account(address: Address, mint: Address, held: int, *, owner: Address = TOKEN_PROGRAM) -> Account:
    data = address_bytes(mint) + bytes(32) + held.to_bytes(8, "little") + bytes(36) + b"\x01" + bytes(56)
    return Account(address, owner, 1, data)


def test_a_pool_is_known_by_owner_and_discriminator_and_may_be_longer() -> None:
    assert VENUE.recognise(pool_account())
    assert VENUE.recognise(pool_account(pool_account().data + bytes(400)))
    assert not VENUE.recognise(pool_account(owner=TOKEN_PROGRAM))
    assert not VENUE.recognise(pool_account(b"\0" * 637))
    assert VENUE.decode(pool_account(pool_account().data + bytes(400)), slot=1).state.mint_1 == RIGHT


@pytest.mark.parametrize("size", [0, 7, 8, 100, 636])
def test_a_short_pool_is_a_decode_error(size: int) -> None:
    with pytest.raises(DecodeError):
        VENUE.decode(pool_account(pool_account().data[:size]), slot=1)


@given(st.binary(max_size=700))
def test_any_bytes_behind_the_discriminator_are_a_pool_or_a_decode_error(tail: bytes) -> None:
    try:
        pool = VENUE.decode(pool_account(POOL_STATE + tail), slot=1)
    except DecodeError:
        return
    assert len(VENUE.roles(pool)) == 6


def test_a_pool_names_what_it_lacks_until_it_lacks_nothing() -> None:
    pool = VENUE.decode(pool_account(), slot=1)
    assert VENUE.missing(pool) == ("amm_config", "vault_0", "vault_1")
    pool = VENUE.apply(pool, "vault_0", vault_account(key(5), LEFT, 77), slot=2)
    assert VENUE.missing(pool) == ("amm_config", "vault_1")
    assert VENUE.reserves(pool) is None


def test_an_older_slot_changes_nothing_and_the_same_slot_does() -> None:
    pool = VENUE.decode(pool_account(), slot=10)
    pool = VENUE.apply(pool, "vault_0", vault_account(key(5), LEFT, 77), slot=10)
    assert VENUE.apply(pool, "vault_0", vault_account(key(5), LEFT, 99), slot=9) is pool
    assert VENUE.apply(pool, "pool", pool_account(), slot=9) is pool
    newer = VENUE.apply(pool, "vault_0", vault_account(key(5), LEFT, 99), slot=10)
    assert newer.vault_0 == Vault(10, 99, frozen=False)


@pytest.mark.parametrize(
    ("role", "account"),
    [
        ("vault_0", vault_account(key(6), LEFT, 1)),  # another role's address
        ("vault_0", vault_account(key(5), RIGHT, 1)),  # another mint
        ("vault_0", vault_account(key(5), LEFT, 1, owner=PROGRAM)),
        ("vault_0", Account(key(5), TOKEN_PROGRAM, 0, b"")),  # closed
        ("amm_config", Account(key(4), PROGRAM, 1, bytes(236))),
        ("mint_0", Account(LEFT, TOKEN_2022_PROGRAM, 1, bytes(82))),
        ("pool", pool_account(bytes(637))),
        ("observation", Account(key(7), PROGRAM, 1, bytes(4075))),
    ],
)
def test_an_account_that_is_not_what_it_should_be_is_a_decode_error(role: str, account: Account) -> None:
    pool = VENUE.decode(pool_account(), slot=1)
    with pytest.raises(DecodeError):
        VENUE.apply(pool, role, account, slot=2)


def test_a_foreign_mint_is_no_instruction() -> None:
    request = SwapRequest(SwapKind.EXACT_IN, key(99), 1, 1, key(10), key(11), key(12))
    with pytest.raises(ValueError, match="does not trade"):
        VENUE.build(plain(), request)


# executed transactions


def swap_instruction(pool: Address = POOL) -> Instruction:
    accounts = [key(number) for number in range(20, 33)]
    accounts[3] = pool
    return Instruction(PROGRAM, tuple(accounts), SWAP_BASE_INPUT + bytes(16))


def event_line(pool: Address = POOL) -> str:
    numbers = b"".join(n.to_bytes(8, "little") for n in (10, 20, 300, 400, 7, 9))
    event = SWAP_EVENT + address_bytes(pool) + numbers + b"\x01" + address_bytes(LEFT) + address_bytes(RIGHT)
    return "Program data: " + b64encode(event + bytes(17)).decode()


def transaction(
    instructions: list[Instruction], logs: list[str], error: str | None = None
) -> TransactionUpdate:
    return TransactionUpdate(
        Signature("s"),
        Slot(4),
        0,
        (key(20),),
        tuple(instructions),
        5_000,
        (),
        (),
        (),
        (),
        tuple(logs),
        0,
        error,
    )


def invoked(*lines: str) -> list[str]:
    return [f"Program {PROGRAM} invoke [2]", *lines, f"Program {PROGRAM} success"]


def test_a_swap_inside_an_aggregators_call_is_seen() -> None:
    outer = Instruction(key(77), (key(20),), b"route")
    (swap,) = VENUE.decode_transaction(transaction([outer, swap_instruction()], invoked(event_line())))
    assert (swap.amount_in, swap.amount_out) == (307, 391)
    assert (swap.input_mint, swap.output_mint, swap.user, swap.position) == (LEFT, RIGHT, key(20), 1)


def test_a_failed_transaction_and_one_without_swaps_have_none() -> None:
    assert VENUE.decode_transaction(transaction([swap_instruction()], invoked(event_line()), "failed")) == ()
    assert VENUE.decode_transaction(transaction([Instruction(PROGRAM, (), b"12345678")], [])) == ()


@pytest.mark.parametrize(
    "logs",
    [
        [],  # truncated
        ["Log truncated"],
        [f"Program {key(9)} invoke [1]", event_line(), f"Program {key(9)} success"],  # another's
        invoked(event_line(key(8))),  # of another pool
        invoked(event_line()[:60]),
    ],
)
def test_a_swap_whose_event_is_not_there_is_a_decode_error(logs: list[str]) -> None:
    with pytest.raises(DecodeError):
        VENUE.decode_transaction(transaction([swap_instruction()], logs))
