"""PumpSwap as a venue: recorded answers, what must hold for any pool, and how it meets bytes it does not know."""

import gzip
import json
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.cases import run_instruction_cases, run_quote_cases
from chimera.domain.chain import Account
from chimera.domain.errors import DecodeError
from chimera.domain.ids import (
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    USDC,
    WSOL,
    Address,
    Slot,
)
from chimera.domain.pool import Moment, Quote, QuoteRequest, SwapKind, SwapRequest
from chimera.domain.risk import Reason, Refusal
from chimera.localnet.programs import pump_accounts
from chimera.localnet.programs.pump_accounts import PoolState
from chimera.onchain.keys import address_bytes, address_text, associated_token_address
from chimera.onchain.layouts import discriminator
from chimera.onchain.pump_fees import Fees
from chimera.testing.contracts import check_venue, sample
from chimera.venues.pumpswap import VENUE, PumpPool
from chimera.venues.pumpswap.curve import Reserves, buy_base, buy_spending, fees_on, sell_base, sell_for
from chimera.venues.pumpswap.instructions import Trader, swap

SHARED = Path(__file__).parents[3] / "shared" / "vectors"
U64 = 2**64 - 1
NOW = Moment(unix_timestamp=1_790_000_000, slot=Slot(500), epoch=1_050)


def key(number: int) -> Address:
    return address_text(number.to_bytes(32, "big"))


BASE, CREATOR, USER = key(7), key(8), key(9)
POOL = PoolState(BASE).address


# recorded answers


def test_every_recorded_quote_is_the_official_sdks() -> None:
    path = SHARED / "quotes" / "pumpswap.jsonl.gz"
    if not path.exists():
        pytest.skip(f"176 cases of ../shared/vectors/quotes/{path.name} are not here")
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert len(rows) == 176
    answers = [json.loads(line) for line in run_quote_cases(path, {"pumpswap": VENUE})]
    for row, answer in zip(rows, answers, strict=True):
        expected = row["expect"].get("ok")
        if expected is not None:
            expected = {name: expected[name] for name in ("amount_in", "amount_out")}
        assert (answer["id"], answer.get("ok")) == (row["id"], expected), (row["tag"], answer)
        assert ("error" in answer) is ("error" in row["expect"])


def test_every_recorded_instruction_is_built_byte_for_byte() -> None:
    path = SHARED / "instructions" / "pumpswap.jsonl"
    if not path.exists():
        pytest.skip(f"18 cases of ../shared/vectors/instructions/{path.name} are not here")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    answers = [json.loads(line) for line in run_instruction_cases(path, {"pumpswap": VENUE})]
    assert len(rows) == 18
    for row, answer in zip(rows, answers, strict=True):
        assert answer == {"id": row["id"], **row["expect"]}


# what must hold for any pool

amount = st.one_of(st.integers(1, 10_000), st.integers(1, 10**16), st.integers(1, U64))
reserves = st.builds(
    lambda base, quote, virtual_quote: Reserves(base, quote, quote + virtual_quote),
    base=st.one_of(st.integers(0, 10**6), st.integers(0, 2**62)),
    quote=st.one_of(st.integers(0, 10**6), st.integers(0, 2**62)),
    virtual_quote=st.one_of(st.just(0), st.integers(-(10**9), 10**12)),
)
fees = st.builds(Fees, *(st.integers(0, 1_000),) * 3)


@given(reserves, fees, amount, amount)
def test_more_in_never_gives_less_out_but_for_the_roundings_of_three_fees(
    at: Reserves, charged: Fees, one: int, other: int
) -> None:
    less, more = sorted((one, other))
    for compute in (buy_spending, sell_base):
        small, large = (compute(size, at, charged) for size in (less, more))
        if small is None or large is None:
            continue
        # Each fee is rounded up: where they step at once, the program itself takes two units more than it gives.
        slack = 2 if compute is sell_base else 2 * (at.base // at.priced_quote + 1)
        assert small.received <= large.received + slack


@given(reserves, fees, amount, amount)
def test_more_out_never_costs_less_in(at: Reserves, charged: Fees, one: int, other: int) -> None:
    less, more = sorted((one, other))
    small, large = (buy_base(size, at, charged) for size in (less, more))
    if small is not None and large is not None:
        assert small.paid <= large.paid


@given(reserves, fees, amount)
def test_no_swap_takes_from_the_liquidity_providers(at: Reserves, charged: Fees, size: int) -> None:
    for compute, buys in ((buy_spending, True), (buy_base, True), (sell_base, False), (sell_for, False)):
        trade = compute(size, at, charged)
        if trade is None:
            continue
        way = 1 if buys else -1
        after = (at.base - way * trade.base) * (at.priced_quote + way * trade.quote)
        assert after >= at.base * at.priced_quote
        assert trade.received > 0 and trade.fees >= 0
        assert trade.base < at.base or not buys
        if buys:
            assert trade.quote + fees_on(trade.quote, charged) <= trade.paid
        else:
            assert trade.received + fees_on(trade.quote, charged) <= trade.quote <= at.quote + trade.fees


@given(reserves, fees, amount)
def test_a_sale_for_a_sum_brings_it_and_buying_what_a_sum_bought_costs_no_more(
    at: Reserves, charged: Fees, size: int
) -> None:
    sale = sell_for(size, at, charged)
    if sale is not None:
        again = sell_base(sale.paid, at, charged)
        assert again is not None and again.received >= size
    bought = buy_spending(size, at, charged)
    exact = buy_base(bought.base, at, charged) if bought is not None else None
    if exact is not None:
        assert exact.paid <= size


# pools made of bytes


def base_mint(*, supply: int = 10**15) -> Account:
    data = bytes(36) + supply.to_bytes(8, "little") + b"\x06\x01" + bytes(36)
    return Account(BASE, TOKEN_2022_PROGRAM, 1, data)


def vault(pool: PumpPool, role: str, held: int, *, state: int = 1, extension: bytes = b"") -> Account:
    base = role == "base_vault"
    mint = pool.state.base_mint if base else pool.state.quote_mint
    address = pool.state.base_vault if base else pool.state.quote_vault
    data = address_bytes(mint) + address_bytes(pool.address) + held.to_bytes(8, "little")
    data += bytes(36) + bytes((state,)) + bytes(56)
    if extension:
        data += b"\x02" + extension
    return Account(address, TOKEN_2022_PROGRAM if base else TOKEN_PROGRAM, 1, data)


def accounts_of(
    state: PoolState,
    *,
    base: int,
    quote: int,
    supply: int = 10**15,
    flags: int = 0,
    configurable: bool = False,
) -> dict[str, Account]:
    pool = VENUE.decode(pump_accounts.pool_account(state), slot=1)
    return {
        "pool": pump_accounts.pool_account(state),
        "base_vault": vault(pool, "base_vault", base),
        "quote_vault": vault(pool, "quote_vault", quote),
        "base_mint": base_mint(supply=supply),
        "global_config": pump_accounts.global_config(
            disable_flags=flags, creator_fee_configurable=configurable
        ),
        "fee_config": pump_accounts.fee_config(pump_accounts.SWAP_FEES, pump_accounts.SOL_TIERS),
    }


def known_pool(state: PoolState, *, base: int = 5 * 10**14, quote: int = 10**11, **changes: Any) -> PumpPool:
    pool = VENUE.decode(pump_accounts.pool_account(state), slot=5)
    for role, account in accounts_of(state, base=base, quote=quote, **changes).items():
        pool = VENUE.apply(pool, role, account, slot=5)
    return pool


def plain(**changes: Any) -> PumpPool:
    return known_pool(PoolState(BASE, coin_creator=CREATOR), **changes)


def test_the_venue_keeps_its_promises() -> None:
    for state in (
        PoolState(BASE, coin_creator=CREATOR),
        PoolState(BASE, coin_creator=CREATOR, cashback=True, virtual_quote=10**9),
        PoolState(BASE, creator=key(50), index=3, size=211, virtual_quote=0),
        PoolState(BASE, coin_creator=CREATOR, mayhem=True, virtual_quote=-(10**9)),
    ):
        accounts = list(accounts_of(state, base=5 * 10**14, quote=10**11).values())
        check_venue(VENUE, [sample(accounts, state.address, NOW)], one_formula=False)


@given(
    st.integers(0, U64), st.integers(0, U64), st.integers(-(2**127), 2**127 - 1), st.integers(-(2**70), 2**70),
    st.sampled_from(list(SwapKind)), st.sampled_from((BASE, WSOL)), st.integers(0, 255),
)  # fmt: skip
def test_any_amount_on_any_pool_is_a_quote_or_a_refusal(
    base: int, quote: int, virtual: int, size: int, kind: SwapKind, mint: Address, flags: int
) -> None:
    state = PoolState(BASE, coin_creator=CREATOR, virtual_quote=virtual)
    pool = known_pool(state, base=base, quote=quote, flags=flags)
    answer = VENUE.quote(pool, QuoteRequest(mint, kind, size), NOW)
    assert isinstance(answer, Quote | Refusal)
    if flags & (8 if mint == WSOL else 16) or not 0 < size <= U64:
        assert isinstance(answer, Refusal)
    if isinstance(answer, Quote):
        assert answer.price_impact_bps >= 0
        assert 0 < answer.amount_in <= U64 and 0 < answer.amount_out <= U64


# fees


def test_tiers_hold_for_canonical_pools_only() -> None:
    assert plain().fees == Fees(20, 93, 30)  # 200 SOL
    assert plain(quote=10**12).fees == Fees(20, 5, 90)  # 2,000 SOL
    assert known_pool(PoolState(BASE, creator=key(50))).fees == Fees(25, 5, 0)


def test_virtual_reserves_count_into_price_and_market_cap() -> None:
    state = PoolState(BASE, coin_creator=CREATOR, virtual_quote=9 * 10**11)
    pool = known_pool(state)
    assert pool.fees == Fees(20, 5, 90)
    assert VENUE.reserves(pool) == (5 * 10**14, 10**12)


def test_a_mayhem_coin_counts_as_a_billion_whatever_was_minted() -> None:
    for mayhem, expected in ((True, Fees(20, 93, 30)), (False, Fees(20, 5, 90))):
        state = PoolState(BASE, coin_creator=CREATOR, mayhem=mayhem)
        assert known_pool(state, supply=10**16).fees == expected


def test_the_creators_rate_is_the_coins_own_while_the_gate_is_on_and_nothing_without_a_creator() -> None:
    state = PoolState(BASE, coin_creator=CREATOR, creator_fee_bps=250)
    assert known_pool(state, configurable=True).fees == Fees(20, 93, 250)
    assert known_pool(state).fees == Fees(20, 93, 30)
    assert known_pool(PoolState(BASE, creator_fee_bps=250), configurable=True).fees == Fees(20, 93, 0)


def test_the_schedule_follows_the_quote_mint_and_the_accounts_length() -> None:
    stable = PoolState(BASE, quote_mint=USDC, coin_creator=CREATOR)
    exotic = PoolState(BASE, quote_mint=key(60), coin_creator=CREATOR)
    assert known_pool(stable).fees == Fees(20, 5, 5)
    assert known_pool(exotic).fees == Fees(20, 5, 5)
    schedule = pump_accounts.fee_config(pump_accounts.SWAP_FEES, pump_accounts.SOL_TIERS)
    before_exotic = msgspec.structs.replace(schedule, data=schedule.data[:4_073])
    before_stable = msgspec.structs.replace(schedule, data=schedule.data[:2_512])
    assert VENUE.apply(known_pool(exotic), "fee_config", before_exotic, slot=9).fees == Fees(25, 5, 0)
    assert VENUE.apply(known_pool(stable), "fee_config", before_stable, slot=9).fees == Fees(20, 93, 30)
    with pytest.raises(DecodeError):
        shorter = msgspec.structs.replace(schedule, data=schedule.data[:2_511])
        VENUE.apply(plain(), "fee_config", shorter, slot=9)


def test_thousands_of_pools_share_one_schedule_and_one_configuration() -> None:
    one, other = plain(), plain()
    assert one.fee_config is other.fee_config
    assert one.global_config is other.global_config


# refusals


def refusal(
    pool: PumpPool, *, mint: Address = WSOL, kind: SwapKind = SwapKind.EXACT_IN, size: int = 10**6
) -> Reason:
    answer = VENUE.quote(pool, QuoteRequest(mint, kind, size), NOW)
    assert isinstance(answer, Refusal)
    return answer.reason


def test_disabled_frozen_and_taxed_pools_refuse_and_exits_stay_possible_where_only_doubt_speaks() -> None:
    assert refusal(plain(flags=8)) is Reason.POOL_DISABLED
    assert refusal(plain(flags=16), mint=BASE) is Reason.POOL_DISABLED
    assert refusal(plain(flags=64)) is Reason.POOL_DISABLED  # a flag of a later program
    assert isinstance(VENUE.quote(plain(flags=64), QuoteRequest(BASE, SwapKind.EXACT_IN, 10**9), NOW), Quote)
    pool = plain()
    frozen = VENUE.apply(pool, "base_vault", vault(pool, "base_vault", 10**12, state=2), slot=9)
    assert refusal(frozen) is Reason.POOL_DISABLED
    tax = (2).to_bytes(2, "little") + (8).to_bytes(2, "little") + bytes(8)
    taxed = VENUE.apply(pool, "base_vault", vault(pool, "base_vault", 10**12, extension=tax), slot=9)
    assert refusal(taxed) is Reason.POOL_DISABLED
    assert isinstance(VENUE.quote(taxed, QuoteRequest(BASE, SwapKind.EXACT_IN, 10**9), NOW), Quote)


def test_empty_and_half_known_pools_refuse() -> None:
    assert refusal(plain(base=0)) is Reason.POOL_DISABLED
    assert refusal(plain(quote=0)) is Reason.POOL_DISABLED
    assert refusal(known_pool(PoolState(BASE, virtual_quote=-(10**11)))) is Reason.POOL_DISABLED
    bare = VENUE.decode(pump_accounts.pool_account(PoolState(BASE)), slot=1)
    assert VENUE.missing(bare) == ("base_vault", "quote_vault", "base_mint", "global_config", "fee_config")
    assert refusal(bare) is Reason.QUOTE_UNAVAILABLE
    assert refusal(plain(), mint=key(99)) is Reason.QUOTE_UNAVAILABLE


def test_amounts_that_the_pool_cannot_serve_refuse() -> None:
    for size in (0, -1, 1, 2, U64 + 1, U64):
        assert refusal(plain(), size=size) is Reason.AMOUNT_OUT_OF_RANGE
    assert refusal(plain(), kind=SwapKind.EXACT_OUT, size=5 * 10**14) is Reason.AMOUNT_OUT_OF_RANGE
    assert refusal(plain(), mint=BASE, size=1) is Reason.AMOUNT_OUT_OF_RANGE
    # priced at ten times what lies in the vault: a sale may be worth more than there is
    boosted = known_pool(PoolState(BASE, coin_creator=CREATOR, virtual_quote=9 * 10**11))
    assert refusal(boosted, mint=BASE, size=10**15) is Reason.AMOUNT_OUT_OF_RANGE


# accounts and bytes


@pytest.mark.parametrize("size", [211, 243, 244, 245, 261, 270, 271, 300, 301, 900])
def test_every_layout_that_was_ever_written_is_read(size: int) -> None:
    account = pump_accounts.pool_account(PoolState(BASE, coin_creator=CREATOR, virtual_quote=-5, size=size))
    state = VENUE.decode(account, slot=1).state
    assert state.base_mint == BASE and state.canonical
    assert state.coin_creator == (CREATOR if size >= 243 else SYSTEM_PROGRAM)
    assert state.virtual_quote == (-5 if size >= 261 else 0)


@pytest.mark.parametrize("size", [0, 7, 8, 210, 212, 242, 246, 260, 262, 269])
def test_a_length_that_was_never_written_is_a_decode_error(size: int) -> None:
    with pytest.raises(DecodeError):
        VENUE.decode(pump_accounts.pool_account(PoolState(BASE, size=size)), slot=1)


def test_thousands_of_mutated_accounts_are_read_or_refused_and_never_nonsense() -> None:
    chance = random.Random(20_263)
    accounts = accounts_of(PoolState(BASE, coin_creator=CREATOR), base=10**14, quote=10**11)
    refused = 0
    for _ in range(3_000):
        role, account = chance.choice(list(accounts.items()))
        data = bytearray(account.data)
        for _ in range(chance.choice((0, 1, 1, 2, 8))):
            data[chance.randrange(min(len(data), 300))] = chance.randrange(256)
        torn = data[: chance.choice((len(data), len(data), chance.randrange(len(data) + 1)))]
        try:
            pool = VENUE.apply(plain(), role, msgspec.structs.replace(account, data=bytes(torn)), slot=9)
        except DecodeError:
            refused += 1
            continue
        for mint in (pool.state.base_mint, pool.state.quote_mint):
            answer = VENUE.quote(pool, QuoteRequest(mint, SwapKind.EXACT_IN, 10**7), NOW)
            assert isinstance(answer, Quote | Refusal)
    assert 300 < refused < 2_900


# building


def request(mint: Address, kind: SwapKind, size: int = 1_000, limit: int = 5) -> SwapRequest:
    return SwapRequest(kind, mint, size, limit, USER, key(21), key(22))


@pytest.mark.parametrize(
    ("mint", "kind", "name", "amounts", "counts"),
    [
        (WSOL, SwapKind.EXACT_IN, "buy_exact_quote_in", (1_000, 5), (25, 26, 27)),
        (WSOL, SwapKind.EXACT_OUT, "buy", (1_000, 5), (25, 26, 27)),
        (BASE, SwapKind.EXACT_IN, "sell", (1_000, 5), (23, 24, 26)),
        (BASE, SwapKind.EXACT_OUT, "sell", (5, 1_000), (23, 24, 26)),  # at most 5 in, at least 1,000 out
    ],
)
def test_each_kind_of_swap_is_its_own_instruction_and_flags_count_its_accounts(
    mint: Address, kind: SwapKind, name: str, amounts: tuple[int, int], counts: tuple[int, int, int]
) -> None:
    states = (
        PoolState(BASE),
        PoolState(BASE, coin_creator=CREATOR),
        PoolState(BASE, coin_creator=CREATOR, cashback=True),
    )
    for state, count in zip(states, counts, strict=True):
        call = VENUE.build(known_pool(state), request(mint, kind))
        data = discriminator("global", name) + b"".join(n.to_bytes(8, "little") for n in amounts)
        assert call.data == data + (b"\x01" if mint == WSOL else b"")
        assert len(call.accounts) == count
        ends = (call.accounts[5].address, call.accounts[6].address)
        assert ends == ((key(22), key(21)) if mint == WSOL else (key(21), key(22)))


@pytest.mark.parametrize("name", ["buy_v2", "buy_exact_quote_in_v2", "sell_v2"])
def test_the_shorter_family_has_seventeen_accounts_and_pays_the_buyback_alone(name: str) -> None:
    trader = Trader(USER, key(21), key(22), TOKEN_2022_PROGRAM, TOKEN_PROGRAM, key(23), key(24))
    state = plain().state
    call = swap(name, POOL, state, trader, 1, 2)
    places = {meta.address: at for at, meta in enumerate(call.accounts)}
    assert len(call.accounts) == len(places) == 17 and key(23) not in places
    paid = associated_token_address(key(24), WSOL, TOKEN_PROGRAM)
    named = (POOL, USER, BASE, WSOL, key(21), key(22), state.base_vault, state.quote_vault, paid)
    assert [places[address] for address in named] == [0, 1, 3, 4, 5, 6, 7, 8, 14]
    assert len(call.data) == 24
    with pytest.raises(ValueError, match="cashback"):
        swap(name, POOL, msgspec.structs.replace(state, cashback=True), trader, 1, 2)


def test_a_mayhem_pool_pays_the_recipients_of_its_kind() -> None:
    for mayhem, known in ((False, pump_accounts.RECIPIENTS), (True, pump_accounts.MAYHEM_RECIPIENTS)):
        state = PoolState(BASE, coin_creator=CREATOR, mayhem=mayhem)
        call = VENUE.build(known_pool(state), request(WSOL, SwapKind.EXACT_IN))
        assert call.accounts[9].address in known
        assert call.accounts[-2].address in pump_accounts.BUYBACK_RECIPIENTS
    with pytest.raises(ValueError, match="does not trade"):
        VENUE.build(plain(), request(key(99), SwapKind.EXACT_IN))
