"""What swaps leave behind in pools, held against recorded runs of the real programs and against plain walks."""

import gzip
import json
from base64 import b64decode
from typing import Any

import msgspec
import pytest
from tests.venues import recorded
from tests.venues.dlmm_states import accounts_of, held
from tests.venues.dlmm_states import pool as dlmm_pool
from tests.venues.test_orca_whirlpool_ways import plain_walk
from tests.venues.test_pumpfun import CREATOR, MINT, NOW, known_curve

from chimera.domain.chain import Account
from chimera.domain.ids import WSOL, Address, Slot
from chimera.domain.pool import Moment, Quote, QuoteRequest, SwapKind
from chimera.domain.risk import Refusal
from chimera.localnet.programs.pump_accounts import CurveState, curve_account
from chimera.venues.meteora_dlmm import VENUE as DLMM
from chimera.venues.meteora_dlmm.book import DlmmPool
from chimera.venues.orca_whirlpool import VENUE as WHIRLPOOL
from chimera.venues.orca_whirlpool.pool import Whirlpool
from chimera.venues.pumpfun import VENUE as PUMPFUN
from chimera.venues.pumpfun import PumpCurve
from chimera.venues.pumpfun.curve import Reserves

PROGRAMS = recorded.SHARED / "programs"


def run_of(name: str) -> dict[str, Any]:
    path = PROGRAMS / name
    if not path.exists():
        pytest.skip(f"the run in ../shared/vectors/programs/{name} is not here")
    found: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return found


def accounts_in(run: dict[str, Any]) -> dict[Address, Account]:
    return {
        Address(address): Account(
            Address(address), Address(told["owner"]), told["lamports"], b64decode(told["data"])
        )
        for address, told in run["accounts"].items()
    }


def pool_of(venue: Any, run: dict[str, Any]) -> Any:
    accounts = accounts_in(run)
    named = (accounts[key] for key, _, _ in run["steps"][0]["metas"] if key in accounts)
    pool = venue.decode(next(one for one in named if venue.recognise(one)), slot=1)
    for role, address in venue.roles(pool).items():
        if address in accounts:
            pool = venue.apply(pool, role, accounts[address], slot=1)
    return pool


def test_a_whirlpool_moved_swap_by_swap_quotes_what_the_real_program_then_moved() -> None:
    run = run_of("whirlpool_sol_usdc.json.gz")
    pool: Whirlpool = pool_of(WHIRLPOOL, run)
    moment = Moment(run["unix_timestamp"], Slot(run["slot"]), run["slot"] // 432_000)
    compared = 0
    for step in run["steps"]:
        if not step["ok"]:
            continue
        a_to_b, exact_in = "a2b=True" in step["label"], "exact_in=True" in step["label"]
        before, after = step["before"], step["after"]
        mint = pool.state.mint_a if a_to_b else pool.state.mint_b
        spent, got = (
            (before[0] - after[0], after[1] - before[1])
            if a_to_b
            else (before[1] - after[1], after[0] - before[0])
        )
        if exact_in:
            answer = WHIRLPOOL.quote(pool, QuoteRequest(mint, SwapKind.EXACT_IN, spent), moment)
            assert isinstance(answer, Quote) and answer.amount_out == got, (step["label"], answer)
            compared += 1
            walked = plain_walk(pool, spent, exact_in=True, a_to_b=a_to_b)
            moved = WHIRLPOOL.after(pool, mint, spent, moment)
            assert isinstance(moved, Whirlpool) and walked is not None
            assert (moved.state.sqrt_price, moved.state.tick, moved.state.liquidity) == walked[3:6]
        else:  # an exact output ends elsewhere than the same input: the walk says where
            walked = plain_walk(pool, got, exact_in=False, a_to_b=a_to_b)
            assert walked is not None
            state = msgspec.structs.replace(
                pool.state, sqrt_price=walked[3], tick=walked[4], liquidity=walked[5]
            )
            moved = msgspec.structs.replace(pool, state=state, ways=type(pool.ways)())
        vaults = {
            "vault_a": msgspec.structs.replace(pool.vault_a, amount=after[2]),
            "vault_b": msgspec.structs.replace(pool.vault_b, amount=after[3]),
        }
        pool = msgspec.structs.replace(moved, **vaults)
    assert compared > 60


def test_a_pair_moved_swap_by_swap_quotes_what_the_real_program_then_moved() -> None:
    run = run_of("dlmm_dlmm-sdk_lb_clmm_prod.json.gz")
    pool: DlmmPool = pool_of(DLMM, run)
    mints = DLMM.header(pool).mint_a, DLMM.header(pool).mint_b
    compared = 0
    for number, step in enumerate(run["steps"]):
        amount, _, x_to_y, unix_timestamp = step["args"]
        moment = Moment(unix_timestamp, Slot(run["slot"]), run["slot"] // 432_000)
        mint = mints[not x_to_y]
        answer = DLMM.quote(pool, QuoteRequest(mint, SwapKind.EXACT_IN, amount), moment)
        if not step["ok"]:
            continue
        assert isinstance(answer, Quote), (number, answer)
        moved = [after - before for before, after in zip(step["before"], step["after"], strict=True)]
        mine = (-answer.amount_in, answer.amount_out) if x_to_y else (answer.amount_out, -answer.amount_in)
        assert tuple(moved[:2]) == mine, (number, step["label"])
        made = DLMM.after(pool, mint, amount, moment)
        assert isinstance(made, DlmmPool), (number, made)
        pool = msgspec.structs.replace(
            made,
            reserve_x=msgspec.structs.replace(made.reserve_x, amount=step["after"][2]),
            reserve_y=msgspec.structs.replace(made.reserve_y, amount=step["after"][3]),
        )
        compared += 1
    assert compared == 91


def test_liquidity_that_comes_where_both_prices_are_is_there_for_both() -> None:
    known = next(
        found
        for found in recorded.samples(WHIRLPOOL, recorded.OWN / "whirlpool.jsonl.gz")
        if len(recorded.complete(WHIRLPOOL, found).arrays) > 2
    )
    pool: Whirlpool = recorded.complete(WHIRLPOOL, known)
    way = pool.way(a_to_b=True)
    assert way is not None
    amount = pool.table(way, a_to_b=True).paid[0] + 1  # beyond the first tick
    ours = WHIRLPOOL.after(pool, pool.state.mint_a, amount, known.moment)
    assert isinstance(ours, Whirlpool) and ours.state.tick < way.stations[0].tick <= pool.state.tick
    starts = sorted(pool.arrays)
    nets = {
        starts[0]: [(starts[0], 10**9)],
        starts[-1]: [(starts[-1] + 87 * pool.state.spacing, -(10**9))],
    }
    arrays = {
        start: msgspec.structs.replace(
            array,
            ticks=tuple(sorted({**dict(array.ticks), **{
                tick: dict(array.ticks).get(tick, 0) + net for tick, net in nets.get(start, [])
            }}.items())),
        )
        for start, array in pool.arrays.items()
    }  # fmt: skip
    state = msgspec.structs.replace(pool.state, liquidity=pool.state.liquidity + 10**9)
    deeper = msgspec.structs.replace(pool, state=state, arrays=arrays, ways=type(pool.ways)())
    moved = WHIRLPOOL.shifted(deeper, by=ours, than=pool)
    assert isinstance(moved, Whirlpool)
    assert moved.state.liquidity == ours.state.liquidity + 10**9
    assert (moved.state.sqrt_price, moved.state.tick) == (ours.state.sqrt_price, ours.state.tick)


def test_what_is_written_into_an_account_is_read_out_of_it() -> None:
    deep = [held(at, x=10**9 + at, waiting=10**8, sell_x=True) for at in range(1, 90)]
    deep += [held(-at, y=10**9 + at, processed=10**8) for at in range(1, 90)]
    made = dlmm_pool([*deep, held(0, x=10**9, y=10**9)], function_type=1)
    accounts = accounts_of(made)
    moment = Moment(1_790_000_000, Slot(500), 1)
    for x_to_y in (True, False):
        mint = made.state.mint_x if x_to_y else made.state.mint_y
        moved = DLMM.after(made, mint, 75 * 10**9, moment)
        assert isinstance(moved, DlmmPool) and abs(moved.state.active_id) > 60  # into the next array
        read = made
        for role, account in accounts.items():
            if role in DLMM.roles(made):
                read = DLMM.apply(read, role, DLMM.written(moved, role, account), slot=made.state.slot)
        assert read.state == moved.state
        assert {array.index: array.bins for array in read.arrays} == {
            array.index: tuple(b for b in array.bins if b.x or b.y or b.waiting or b.processed)
            for array in moved.arrays
        }


def test_a_curves_trade_is_written_and_read_and_undone() -> None:
    pool = known_curve(CurveState(MINT, creator=CREATOR, real_quote=10**10))
    bought = PUMPFUN.after(pool, WSOL, 10**9, NOW)
    assert isinstance(bought, PumpCurve)
    quote = PUMPFUN.quote(pool, QuoteRequest(WSOL, SwapKind.EXACT_IN, 10**9), NOW)
    assert isinstance(quote, Quote)
    before, after = pool.curve.reserves, bought.curve.reserves
    assert before.virtual_tokens - after.virtual_tokens == quote.amount_out
    assert after.virtual_quote - before.virtual_quote == 10**9 - quote.fee_in
    assert after.virtual_tokens * after.virtual_quote >= before.virtual_tokens * before.virtual_quote
    account = curve_account(CurveState(MINT, creator=CREATOR, real_quote=10**10))
    read = PUMPFUN.apply(pool, "pool", PUMPFUN.written(bought, "pool", account), slot=pool.curve.slot)
    assert read == bought
    assert PUMPFUN.shifted(bought, by=pool, than=bought) == pool
    empty = msgspec.structs.replace(pool.curve, reserves=Reserves(1, 1, 1, 1))
    poor = msgspec.structs.replace(pool, curve=empty)
    assert PUMPFUN.shifted(poor, by=bought, than=pool) is None
    assert isinstance(PUMPFUN.after(pool, WSOL, 2**63, NOW), Refusal)
