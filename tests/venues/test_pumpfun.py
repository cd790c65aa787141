"""The pump.fun curve as a venue: recorded answers, what must hold for any curve, and how it meets strange bytes."""

import gzip
import json
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
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
from chimera.localnet.programs.pump_accounts import CurveState
from chimera.onchain.keys import address_text, associated_token_address
from chimera.onchain.layouts import discriminator
from chimera.testing.contracts import check_venue, sample
from chimera.venues.pumpfun import VENUE, PumpCurve
from chimera.venues.pumpfun.curve import Rates, Reserves, buy_spending, buy_tokens, sell_for, sell_tokens
from chimera.venues.pumpfun.instructions import Coin, Trader, trade
from chimera.venues.pumpfun.layout import curve_address

SHARED = Path(__file__).parents[3] / "shared" / "vectors"
U64 = 2**64 - 1
NOW = Moment(unix_timestamp=1_790_000_000, slot=Slot(500), epoch=1_050)


def key(number: int) -> Address:
    return address_text(number.to_bytes(32, "big"))


MINT, CREATOR, USER = key(7), key(8), key(9)


# recorded answers


def test_every_recorded_quote_is_the_official_sdks() -> None:
    path = SHARED / "quotes" / "pumpfun.jsonl.gz"
    if not path.exists():
        pytest.skip(f"185 cases of ../shared/vectors/quotes/{path.name} are not here")
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert len(rows) == 185
    answers = [json.loads(line) for line in run_quote_cases(path, {"pumpfun": VENUE})]
    for row, answer in zip(rows, answers, strict=True):
        assert (answer["id"], answer.get("ok")) == (row["id"], row["expect"].get("ok")), (row["tag"], answer)


def test_the_quote_of_a_buy_for_a_sum_is_the_formula_of_the_programs_own_notes() -> None:
    path = SHARED / "quotes" / "pumpfun.jsonl.gz"
    if not path.exists():
        pytest.skip(f"the documented formula's rows of {path.name} are not here")
    checked = 0
    for line in gzip.decompress(path.read_bytes()).splitlines():
        row = json.loads(line)
        told, known = row.get("idl_doc_buy_exact_sol_in"), row["derived"]
        if told is None or known["complete"]:
            continue
        real = int(known["real_token_reserves"])
        reserves = Reserves(
            int(known["virtual_token_reserves"]), int(known["virtual_quote_reserves"]), real, 0
        )
        rates = Rates(int(known["fee_bps"]["protocol"]), int(known["fee_bps"]["creator"]))
        trade = buy_spending(int(row["amount"]), reserves, rates)
        tokens = int(told["tokens_out"])  # "before clamping": beyond the last token, nothing is sold
        assert (trade.tokens if trade is not None else 0) == (tokens if tokens <= real else 0), row["id"]
        checked += 1
    assert checked == 57


def test_every_recorded_instruction_is_built_byte_for_byte() -> None:
    path = SHARED / "instructions" / "pumpfun.jsonl"
    if not path.exists():
        pytest.skip(f"24 cases of ../shared/vectors/instructions/{path.name} are not here")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    answers = [json.loads(line) for line in run_instruction_cases(path, {"pumpfun": VENUE})]
    assert len(rows) == 24
    for row, answer in zip(rows, answers, strict=True):
        assert answer == {"id": row["id"], **row["expect"]}


# what must hold for any curve


def mint_account(
    *, supply: int = 10**15, program: Address = TOKEN_2022_PROGRAM, mint: Address = MINT
) -> Account:
    data = bytes(36) + supply.to_bytes(8, "little") + b"\x06\x01" + bytes(36)
    return Account(mint, program, 1, data)


def known_curve(state: CurveState, *, supply: int = 10**15, configurable: bool = False) -> PumpCurve:
    """A curve with all its accounts folded in."""
    pool = VENUE.with_mint(VENUE.decode(pump_accounts.curve_account(state), slot=5), state.mint)
    others = (
        ("global", pump_accounts.global_account(creator_fee_configurable=configurable)),
        ("fee_config", pump_accounts.fee_config(pump_accounts.CURVE_FEES, pump_accounts.CURVE_TIERS)),
        ("mint", mint_account(supply=supply, mint=state.mint)),
    )
    for role, account in others:
        pool = VENUE.apply(pool, role, account, slot=3)
    return pool


def fresh(**changes: Any) -> PumpCurve:
    return known_curve(CurveState(MINT, **{"creator": CREATOR, "real_quote": 10**9, **changes}))


reserves = st.builds(
    lambda tokens, quote, offered, held: Reserves(tokens + offered, quote, offered, held),
    tokens=st.integers(1, 10**15), quote=st.integers(1, 10**13),
    offered=st.integers(0, 10**15), held=st.integers(0, 10**13),
)  # fmt: skip
rates = st.builds(Rates, st.integers(0, 1_000), st.integers(0, 1_000))
amount = st.one_of(st.integers(1, 10_000), st.integers(1, 10**16), st.integers(1, U64))


@given(reserves, rates, amount, amount)
def test_more_in_never_gives_less_out_but_for_the_roundings_of_two_fees(
    at: Reserves, charged: Rates, one: int, other: int
) -> None:
    less, more = sorted((one, other))
    for compute in (buy_spending, sell_tokens):
        small, large = (compute(size, at, charged) for size in (less, more))
        if small is None or large is None:
            continue
        # Each fee is rounded up: where both step at once, the program itself takes one unit more than it gives.
        slack = 1 if compute is sell_tokens else at.virtual_tokens // at.virtual_quote + 1
        assert small.received <= large.received + slack


@given(reserves, rates, amount, amount)
def test_more_out_never_costs_less_in(at: Reserves, charged: Rates, one: int, other: int) -> None:
    less, more = sorted((one, other))
    small, large = (buy_tokens(size, at, charged) for size in (less, more))
    if small is not None and large is not None:
        assert small.paid <= large.paid


@given(reserves, rates, amount)
def test_no_trade_takes_from_the_curve(at: Reserves, charged: Rates, size: int) -> None:
    for compute, buys in ((buy_spending, True), (buy_tokens, True), (sell_tokens, False), (sell_for, False)):
        trade = compute(size, at, charged)
        if trade is None:
            continue
        way = 1 if buys else -1
        before = at.virtual_tokens * at.virtual_quote
        after = (at.virtual_tokens - way * trade.tokens) * (at.virtual_quote + way * trade.quote)
        assert after >= before
        assert trade.received > 0 and trade.fees >= 0
        if compute is not buy_spending:
            assert trade.fees >= charged.on(trade.quote)  # never less than each fee rounded up
        else:
            assert trade.quote + charged.on(trade.quote) <= trade.paid or trade.quote <= 1


@given(reserves, rates, amount)
def test_a_sale_for_a_sum_brings_it_and_buying_what_a_sum_bought_costs_no_more(
    at: Reserves, charged: Rates, size: int
) -> None:
    sale = sell_for(size, at, charged)
    if sale is not None:
        again = sell_tokens(sale.paid, at, charged)
        assert again is not None and again.received >= size
    bought = buy_spending(size, at, charged)
    assume(bought is not None)
    assert bought is not None
    exact = buy_tokens(bought.tokens, at, charged)
    if exact is not None:
        assert exact.paid <= size


@given(
    st.integers(0, U64), st.integers(0, U64), st.integers(0, U64), st.integers(0, U64),
    st.integers(-(2**70), 2**70), st.sampled_from(list(SwapKind)), st.sampled_from((MINT, WSOL)), st.booleans(),
)  # fmt: skip
def test_any_amount_on_any_curve_is_a_quote_or_a_refusal(
    tokens: int, quote: int, offered: int, held: int, size: int, kind: SwapKind, mint: Address, complete: bool
) -> None:
    pool = fresh(
        virtual_tokens=tokens, virtual_quote=quote, real_tokens=offered, real_quote=held, complete=complete
    )
    answer = VENUE.quote(pool, QuoteRequest(mint, kind, size), NOW)
    assert isinstance(answer, Quote | Refusal)
    if complete or tokens == 0 or not 0 < size <= U64:
        assert isinstance(answer, Refusal)
    if isinstance(answer, Quote):
        assert answer.price_impact_bps >= 0
        assert 0 < answer.amount_in <= U64 and 0 < answer.amount_out <= U64


def test_the_venue_keeps_its_promises() -> None:
    state = CurveState(MINT, creator=CREATOR, real_quote=10**10)
    accounts = [pump_accounts.curve_account(state), mint_account(), *pump_accounts.genesis_accounts()]
    check_venue(VENUE, [sample(accounts, curve_address(MINT), NOW)], one_formula=False)


# fees


def quote(pool: PumpCurve, mint: Address, size: int, kind: SwapKind = SwapKind.EXACT_IN) -> Quote:
    answer = VENUE.quote(pool, QuoteRequest(mint, kind, size), NOW)
    assert isinstance(answer, Quote), answer
    return answer


def test_a_coin_without_a_creator_pays_the_protocol_only() -> None:
    with_creator, without = fresh(), fresh(creator=SYSTEM_PROGRAM)
    assert quote(with_creator, MINT, 10**12).fee_out > quote(without, MINT, 10**12).fee_out


def test_a_coins_own_rate_holds_only_while_global_allows_it() -> None:
    state = CurveState(MINT, creator=CREATOR, creator_fee_bps=250)
    assert known_curve(state, configurable=True).rates == Rates(95, 250)
    assert known_curve(state, configurable=False).rates == Rates(95, 30)


def test_the_supply_of_a_mayhem_coin_alone_moves_its_tier() -> None:
    tiers = ((0, 0, 95, 30), (40 * 10**9, 0, 50, 10))
    schedule = pump_accounts.fee_config(pump_accounts.CURVE_FEES, tiers)
    for mayhem, expected in ((False, Rates(95, 30)), (True, Rates(50, 10))):
        pool = known_curve(CurveState(MINT, creator=CREATOR, mayhem=mayhem), supply=2 * 10**15)
        assert VENUE.apply(pool, "fee_config", schedule, slot=9).rates == expected


def test_the_schedule_follows_the_quote_mint() -> None:
    schedule = {
        SYSTEM_PROGRAM: Rates(95, 30),
        WSOL: Rates(95, 30),
        USDC: Rates(7, 8),
        key(77): Rates(5, 5),
    }
    fees = pump_accounts.fee_config(
        pump_accounts.CURVE_FEES, pump_accounts.CURVE_TIERS, stable_tiers=((0, 0, 7, 8),)
    )
    for quote_mint, expected in schedule.items():
        pool = known_curve(CurveState(MINT, creator=CREATOR, quote_mint=quote_mint))
        assert VENUE.apply(pool, "fee_config", fees, slot=9).rates == expected
    older = msgspec.structs.replace(fees, data=fees.data[:2512])
    exotic = known_curve(CurveState(MINT, creator=CREATOR, quote_mint=key(77)))
    assert VENUE.apply(exotic, "fee_config", older, slot=9).rates == Rates(5, 0)  # flat, where unset
    stable = known_curve(CurveState(MINT, creator=CREATOR, quote_mint=USDC))
    assert VENUE.apply(stable, "fee_config", older, slot=9).rates == Rates(
        95, 30
    )  # as SOL, before it had tiers


def test_thousands_of_pools_share_one_schedule_and_one_configuration() -> None:
    one, other = fresh(), fresh()
    assert one.fee_config is other.fee_config
    assert one.global_state is other.global_state


# refusals


def refusal(
    pool: PumpCurve, *, mint: Address = WSOL, kind: SwapKind = SwapKind.EXACT_IN, size: int = 10**6
) -> Reason:
    answer = VENUE.quote(pool, QuoteRequest(mint, kind, size), NOW)
    assert isinstance(answer, Refusal)
    return answer.reason


def test_complete_migrated_and_half_known_curves_refuse() -> None:
    assert refusal(fresh(complete=True)) is Reason.POOL_DISABLED
    assert (
        refusal(fresh(virtual_tokens=0, virtual_quote=0, real_tokens=0, complete=True))
        is Reason.POOL_DISABLED
    )
    bare = VENUE.decode(pump_accounts.curve_account(CurveState(MINT)), slot=1)
    assert VENUE.missing(bare) == ("global", "fee_config", "mint")
    assert refusal(bare) is Reason.QUOTE_UNAVAILABLE
    assert refusal(fresh(), mint=key(99)) is Reason.QUOTE_UNAVAILABLE


def test_amounts_that_the_curve_cannot_serve_refuse() -> None:
    offered = 793_100_000_000_000
    for size in (0, -1, 1, 2, U64 + 1):
        assert refusal(fresh(), size=size) is Reason.AMOUNT_OUT_OF_RANGE
    assert refusal(fresh(), kind=SwapKind.EXACT_OUT, size=offered + 1) is Reason.AMOUNT_OUT_OF_RANGE
    assert refusal(fresh(), mint=MINT, size=1) is Reason.AMOUNT_OUT_OF_RANGE  # dust: nothing comes back
    assert refusal(fresh(), mint=MINT, size=U64) is Reason.AMOUNT_OUT_OF_RANGE
    assert refusal(fresh(real_quote=10**6), mint=MINT, size=10**14) is Reason.AMOUNT_OUT_OF_RANGE
    assert refusal(fresh(), size=10**12) is Reason.AMOUNT_OUT_OF_RANGE  # more money than tokens


# mints


def test_a_curve_has_no_header_before_a_transaction_tells_its_mint() -> None:
    bare = VENUE.decode(pump_accounts.curve_account(CurveState(MINT)), slot=1)
    with pytest.raises(DecodeError, match="not known yet"):
        VENUE.header(bare)
    with pytest.raises(DecodeError, match="not the curve of"):
        VENUE.with_mint(bare, key(99))
    assert VENUE.header(VENUE.with_mint(bare, MINT)).mint_a == MINT


# accounts and bytes


@pytest.mark.parametrize("size", [49, 81, 82, 83, 115, 124, 125, 151, 400])
def test_every_layout_that_was_ever_written_is_read(size: int) -> None:
    account = pump_accounts.curve_account(CurveState(MINT, creator=CREATOR, cashback=True, size=size))
    curve = VENUE.decode(account, slot=1).curve
    assert (curve.reserves.virtual_tokens, curve.reserves.virtual_quote) == (
        1_073_000_000_000_000,
        30_000_000_000,
    )
    assert curve.creator == (CREATOR if size >= 81 else SYSTEM_PROGRAM)
    assert curve.cashback is (size >= 83)


@pytest.mark.parametrize("size", [0, 7, 8, 48, 50, 80, 100, 114, 123])
def test_a_length_that_was_never_written_is_a_decode_error(size: int) -> None:
    with pytest.raises(DecodeError):
        VENUE.decode(pump_accounts.curve_account(CurveState(MINT, size=size)), slot=1)


def test_an_older_slot_changes_nothing_and_strangers_are_no_roles() -> None:
    pool = fresh()
    older = pump_accounts.curve_account(CurveState(MINT, virtual_quote=1))
    assert VENUE.apply(pool, "pool", older, slot=4) is pool
    assert VENUE.apply(pool, "pool", older, slot=5).curve.reserves.virtual_quote == 1
    with pytest.raises(DecodeError):
        VENUE.apply(pool, "mint", mint_account(mint=key(99)), slot=9)


def test_a_thousand_mutated_accounts_are_read_or_refused_and_never_nonsense() -> None:
    chance = random.Random(20_261)
    accounts = {
        "pool": pump_accounts.curve_account(CurveState(MINT, creator=CREATOR)),
        "global": pump_accounts.global_account(),
        "fee_config": pump_accounts.fee_config(pump_accounts.CURVE_FEES, pump_accounts.CURVE_TIERS),
        "mint": mint_account(),
    }
    refused = 0
    for _ in range(3_000):
        role, account = chance.choice(list(accounts.items()))
        data = bytearray(account.data)
        for _ in range(chance.choice((0, 1, 1, 2, 8))):
            data[chance.randrange(min(len(data), 160))] = chance.randrange(256)
        torn = data[: chance.choice((len(data), len(data), chance.randrange(len(data) + 1)))]
        changed = msgspec.structs.replace(account, data=bytes(torn))
        try:
            pool = VENUE.apply(fresh(), role, changed, slot=9)
        except DecodeError:
            refused += 1
            continue
        for mint in (MINT, pool.curve.quote_mint):
            answer = VENUE.quote(pool, QuoteRequest(mint, SwapKind.EXACT_IN, 10**7), NOW)
            assert isinstance(answer, Quote | Refusal)
    assert 300 < refused < 2_900


# building


def request(mint: Address, kind: SwapKind, size: int = 1_000, limit: int = 5) -> SwapRequest:
    return SwapRequest(kind, mint, size, limit, USER, key(21), key(22))


@pytest.mark.parametrize(
    ("mint", "kind", "name", "amounts"),
    [
        (WSOL, SwapKind.EXACT_IN, "buy_exact_quote_in_v2", (1_000, 5)),
        (WSOL, SwapKind.EXACT_OUT, "buy_v2", (1_000, 5)),
        (MINT, SwapKind.EXACT_IN, "sell_v2", (1_000, 5)),
        (MINT, SwapKind.EXACT_OUT, "sell_v2", (5, 1_000)),  # at most 5 in, at least 1,000 out
    ],
)
def test_each_kind_of_trade_is_its_own_instruction(
    mint: Address, kind: SwapKind, name: str, amounts: tuple[int, int]
) -> None:
    call = VENUE.build(fresh(), request(mint, kind))
    assert call.data == discriminator("global", name) + b"".join(n.to_bytes(8, "little") for n in amounts)
    assert len(call.accounts) == (26 if name == "sell_v2" else 27)
    buys = mint == WSOL
    assert (call.accounts[14].address, call.accounts[15].address) == (
        (key(22), key(21)) if buys else (key(21), key(22))
    )


@pytest.mark.parametrize("name", ["buy_v3", "buy_exact_quote_in_v3", "sell_v3"])
def test_the_shortest_family_has_seventeen_accounts_and_pays_the_buyback_alone(name: str) -> None:
    trader = Trader(USER, key(21), key(22), key(23), key(24))
    for quote_mint, paid in ((WSOL, key(24)), (USDC, associated_token_address(key(24), USDC, TOKEN_PROGRAM))):
        call = trade(name, Coin(MINT, CREATOR, TOKEN_2022_PROGRAM, quote_mint), trader, 1, 2)
        places = {meta.address: at for at, meta in enumerate(call.accounts)}
        assert len(call.accounts) == len(places) == 17 and key(23) not in places
        named = (MINT, quote_mint, curve_address(MINT), USER, key(21), key(22), paid)
        assert [places[address] for address in named] == [1, 2, 5, 8, 9, 10, 13]
    with pytest.raises(ValueError, match="cashback"):
        trade(name, Coin(MINT, CREATOR, TOKEN_2022_PROGRAM, cashback=True), trader, 1, 2)


def test_a_mayhem_coin_pays_the_recipients_of_its_kind() -> None:
    for mayhem, known in ((False, pump_accounts.RECIPIENTS), (True, pump_accounts.MAYHEM_RECIPIENTS)):
        call = VENUE.build(fresh(mayhem=mayhem), request(WSOL, SwapKind.EXACT_IN))
        assert call.accounts[6].address in known
        assert call.accounts[8].address in pump_accounts.BUYBACK_RECIPIENTS


def test_a_token_quote_names_its_own_program_once_it_is_known() -> None:
    pool = known_curve(CurveState(MINT, creator=CREATOR, quote_mint=key(77)))
    with pytest.raises(ValueError, match="token program"):
        VENUE.build(pool, request(key(77), SwapKind.EXACT_IN))
    pool = VENUE.apply(pool, "quote_mint", mint_account(mint=key(77)), slot=9)
    call = VENUE.build(pool, request(key(77), SwapKind.EXACT_IN))
    assert call.accounts[4].address == TOKEN_2022_PROGRAM
    vault = associated_token_address(pool.address, key(77), TOKEN_2022_PROGRAM)
    assert call.accounts[12].address == vault
    assert not VENUE.pays_lamports(pool) and VENUE.pays_lamports(fresh())
    with pytest.raises(ValueError, match="does not trade"):
        VENUE.build(fresh(), request(key(99), SwapKind.EXACT_IN))
