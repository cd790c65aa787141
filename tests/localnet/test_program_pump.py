"""pump.fun and PumpSwap on the embedded chain: each trade ends as our verified quotes say, from launch to migration."""

import base64
import gzip
import json
import random
from pathlib import Path

import msgspec
import pytest
from tests.localnet.pump_lab import (
    CRANK,
    CREATOR,
    MINT,
    MOMENT,
    QUOTE_HELD,
    SOL,
    U64,
    USER,
    Lab,
    ask,
    executed,
    launch,
    lp_mint_of,
    swap_as_quoted,
)

from chimera.domain.ids import (
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    WSOL,
    Address,
)
from chimera.domain.pool import Quote, QuoteRequest, SwapKind
from chimera.domain.risk import Refusal
from chimera.localnet.programs import pump_accounts, pump_launch
from chimera.localnet.programs.pump_accounts import CurveState, PoolState
from chimera.onchain.keys import address_bytes, associated_token_address
from chimera.onchain.layouts import read_mint
from chimera.venues.pumpfun import VENUE as CURVE
from chimera.venues.pumpfun import PumpCurve
from chimera.venues.pumpfun.instructions import Coin, Trader, trade
from chimera.venues.pumpswap import VENUE as POOLS

RECORDED = Path(__file__).parents[3] / "shared" / "vectors" / "programs" / "pump_fun.json.gz"


@pytest.fixture
def lab() -> Lab:
    return Lab()


# launching


@pytest.mark.parametrize("older", [False, True])
def test_a_new_coin_is_all_in_its_curves_hands_and_nobody_can_mint_more(lab: Lab, older: bool) -> None:
    program = TOKEN_PROGRAM if older else TOKEN_2022_PROGRAM
    launch(lab, older=older)
    token = read_mint(lab.known(MINT), slot=1)
    assert (token.supply, token.decimals, token.program) == (10**15, 6, program)
    assert (token.mint_authority, token.freeze_authority) == (None, None)
    assert token.extensions == (() if older else ("metadata_pointer", "token_metadata"))
    pool = lab.curve()
    assert CURVE.missing(pool) == ()
    assert pool.curve.creator == CREATOR and not pool.curve.complete
    assert CURVE.reserves(pool) == (1_073_000_000_000_000, 30 * SOL)
    held = associated_token_address(pool.address, MINT, program)
    assert lab.tokens(held) == 10**15
    for address in (pool.address, MINT, held):
        account = lab.known(address)
        assert account.lamports == lab.svm.minimum_balance_for_rent_exemption(len(account.data))


def test_a_creation_tells_its_curve_and_mint(lab: Lab) -> None:
    call = pump_launch.create_v2(MINT, user=CREATOR, creator=CREATOR, name="Coin", symbol="CN")
    logs = lab.must(CREATOR, call)
    assert CURVE.mints(executed(call, logs)) == {pump_accounts.curve_address(MINT): MINT}
    event = next(line for line in logs if line.startswith("Program data: "))
    data = base64.b64decode(event.removeprefix("Program data: "))
    assert data[8:22] == b"\x04\0\0\0Coin\x02\0\0\0CN"
    assert data[26:58] == address_bytes(MINT)


def test_creations_that_the_program_does_not_take(lab: Lab) -> None:
    good = pump_launch.create_v2(MINT, user=CREATOR, creator=CREATOR, name="Coin", symbol="CN")
    long = pump_launch.create_v2(MINT, user=CREATOR, creator=CREATOR, name="C" * 33, symbol="CN")
    nobody = pump_launch.create_v2(MINT, user=CREATOR, creator=SYSTEM_PROGRAM, name="Coin", symbol="CN")
    mayhem = msgspec.structs.replace(good, data=good.data[:-2] + b"\x01\x00")
    short = msgspec.structs.replace(good, data=good.data[:20])
    wrong = msgspec.structs.replace(good, accounts=good.accounts[:15])
    for call, number in ((long, 6043), (nobody, 6030), (mayhem, 6048), (short, 102), (wrong, 3005)):
        assert f"Custom({number})" in lab.refused(CREATOR, call)
    lab.must(CREATOR, good)
    lab.refused(CREATOR, good)  # there is one already


# the curve


@pytest.mark.parametrize("seed", range(4))
def test_every_trade_on_a_curve_ends_as_quoted_to_the_lamport(lab: Lab, seed: int) -> None:
    chance = random.Random(seed)
    held = launch(lab, older=seed % 2 == 1)
    if seed >= 2:  # another creator's rate, other fees
        tiers = ((0, 0, chance.randrange(200), chance.randrange(200)), (31 * SOL, 0, 95, 30))
        lab.put(pump_accounts.fee_config(pump_accounts.CURVE_FEES, tiers))
    lab.must(USER, CURVE.build(lab.curve(), ask(WSOL, SwapKind.EXACT_IN, SOL, 0, held, QUOTE_HELD)))
    done = 0
    for _ in range(60):
        pool = lab.curve()
        kind, mint = chance.choice(list(SwapKind)), chance.choice((WSOL, MINT))
        size = chance.choice((1, 3, 500, 10 ** chance.randrange(3, 15), lab.tokens(held) or 1, U64))
        quote = CURVE.quote(pool, QuoteRequest(mint, kind, size), MOMENT)
        exact_in = kind is SwapKind.EXACT_IN
        loose = 0 if exact_in else 2**63
        if isinstance(quote, Refusal):
            if (
                mint == WSOL
            ):  # the program itself has no exact-out sale to refuse, and lets dust be sold for nothing
                lab.refused(USER, CURVE.build(pool, ask(mint, kind, size, loose, held, QUOTE_HELD)))
            continue
        if mint == MINT and quote.amount_in > lab.tokens(held):
            continue
        limit = quote.amount_out if exact_in else quote.amount_in
        if exact_in or mint == WSOL:
            tighter = limit + 1 if exact_in else limit - 1
            error = lab.refused(USER, CURVE.build(pool, ask(mint, kind, size, tighter, held, QUOTE_HELD)))
            assert any(number in error for number in ("6002", "6003", "6042"))
        before = lab.lamports(USER), lab.tokens(held), lab.lamports(pool.address)
        call = CURVE.build(pool, ask(mint, kind, size, limit, held, QUOTE_HELD))
        logs = lab.must(USER, call)
        moved = before[0] - lab.lamports(USER) - 5_000, lab.tokens(held) - before[1]
        if mint == WSOL and exact_in:
            # What the roundings of the fees leave over stays with the user.
            assert quote.amount_in - 3 <= moved[0] <= quote.amount_in and moved[1] == quote.amount_out
        elif mint == WSOL:
            assert moved == (quote.amount_in, quote.amount_out)
        elif exact_in:
            assert (-moved[0], -moved[1]) == (quote.amount_out, quote.amount_in)
        else:
            assert -moved[0] >= quote.amount_out and -moved[1] == quote.amount_in
        (swap,) = CURVE.decode_transaction(executed(call, logs))
        told = (swap.amount_in, swap.amount_out) if mint == WSOL else (-swap.amount_out, -swap.amount_in)
        assert told == moved
        assert lab.lamports(pool.address) - before[2] == quote_delta(lab, pool)
        done += 1
    assert done > 15


def quote_delta(lab: Lab, before: PumpCurve) -> int:
    return lab.curve().curve.reserves.real_quote - before.curve.reserves.real_quote


def test_the_first_buy_pays_for_the_accounts_that_it_makes_and_the_fees_reach_whom_they_belong(
    lab: Lab,
) -> None:
    held = launch(lab)
    pool = lab.curve()
    quote = CURVE.quote(pool, QuoteRequest(WSOL, SwapKind.EXACT_OUT, 10**12), MOMENT)
    assert isinstance(quote, Quote)
    call = CURVE.build(pool, ask(WSOL, SwapKind.EXACT_OUT, 10**12, quote.amount_in, held, QUOTE_HELD))
    recipient, buyback, vault = (call.accounts[at].address for at in (6, 8, 16))
    before = [lab.lamports(address) for address in (USER, recipient, buyback)]
    lab.must(USER, call)
    spent = before[0] - lab.lamports(USER) - 5_000
    bare, volume = (lab.svm.minimum_balance_for_rent_exemption(size) for size in (0, 137))
    assert spent == quote.amount_in + bare + volume
    cost = lab.curve().curve.reserves.real_quote
    protocol, creator = -(-cost * 95 // 10_000), -(-cost * 30 // 10_000)
    assert lab.lamports(buyback) - before[2] == protocol // 2
    assert lab.lamports(recipient) - before[1] == protocol - protocol // 2
    assert lab.lamports(vault) == bare + creator


def test_the_older_family_trades_alike(lab: Lab) -> None:
    held = launch(lab, older=True)
    coin = Coin(MINT, CREATOR, TOKEN_PROGRAM)
    trader = Trader(USER, held, QUOTE_HELD, pump_accounts.RECIPIENTS[3], pump_accounts.BUYBACK_RECIPIENTS[5])
    for instruction, kind, mint, size in (
        ("buy", SwapKind.EXACT_OUT, WSOL, 10**13),
        ("buy_exact_sol_in", SwapKind.EXACT_IN, WSOL, 5 * SOL),
        ("sell", SwapKind.EXACT_IN, MINT, 10**12),
    ):
        quote = CURVE.quote(lab.curve(), QuoteRequest(mint, kind, size), MOMENT)
        assert isinstance(quote, Quote)
        limit = quote.amount_in if instruction == "buy" else quote.amount_out
        before = lab.tokens(held)
        logs = lab.must(USER, trade(instruction, coin, trader, size, limit))
        expected = quote.amount_out if mint == WSOL else -quote.amount_in
        assert lab.tokens(held) - before == expected
        (swap,) = CURVE.decode_transaction(executed(trade(instruction, coin, trader, size, limit), logs))
        assert swap.input_mint == mint
    call = trade("buy", coin, trader, 10**9, SOL)
    for changed, number in (
        (msgspec.structs.replace(call, accounts=call.accounts[:17]), 6062),
        (msgspec.structs.replace(call, accounts=(*call.accounts[:16], *call.accounts[:2])), 6057),
        (msgspec.structs.replace(call, data=call.data[:20]), 102),
    ):
        assert f"Custom({number})" in lab.refused(USER, changed)


def test_strangers_among_the_accounts_are_refused(lab: Lab) -> None:
    held = launch(lab)
    call = CURVE.build(lab.curve(), ask(WSOL, SwapKind.EXACT_OUT, 10**9, SOL, held, QUOTE_HELD))
    other = lab.hold(CREATOR, MINT, 0, TOKEN_2022_PROGRAM)
    for at, stranger, number in (
        (0, CRANK, 2006), (6, CRANK, 6000), (8, CRANK, 6057), (10, CRANK, 3007), (11, other, 2015),
        (16, CRANK, 2006), (20, CRANK, 2006), (22, CRANK, 2006), (23, CRANK, 2012),
    ):  # fmt: skip
        metas = list(call.accounts)
        metas[at] = msgspec.structs.replace(metas[at], address=stranger)
        error = lab.refused(USER, msgspec.structs.replace(call, accounts=tuple(metas)))
        assert f"Custom({number})" in error, (at, error)


# from the curve's last token to the pool


def finish(lab: Lab, held: Address) -> list[str]:
    rest = lab.curve().curve.reserves.real_tokens
    call = CURVE.build(lab.curve(), ask(WSOL, SwapKind.EXACT_OUT, rest, 200 * SOL, held, QUOTE_HELD))
    return lab.must(USER, call)


@pytest.mark.parametrize("older", [False, True])
def test_a_coin_lives_from_launch_through_migration_to_its_pool(lab: Lab, older: bool) -> None:
    program = TOKEN_PROGRAM if older else TOKEN_2022_PROGRAM
    held = launch(lab, older=older)
    migrate = pump_launch.migrate_v2(MINT, user=CRANK, base_program=program)
    assert "Custom(6006)" in lab.refused(CRANK, migrate)
    assert (
        sum(line.startswith("Program data: ") for line in finish(lab, held)) == 2
    )  # the trade, and completion
    complete = lab.curve()
    assert complete.curve.complete
    assert isinstance(CURVE.quote(complete, QuoteRequest(MINT, SwapKind.EXACT_IN, 10**9), MOMENT), Refusal)
    for mint in (MINT, WSOL):
        call = CURVE.build(complete, ask(mint, SwapKind.EXACT_IN, 10**9, 0, held, QUOTE_HELD))
        assert "Custom(6005)" in lab.refused(USER, call)

    raised = complete.curve.reserves.real_quote
    before = lab.lamports(CRANK), lab.lamports(pump_accounts.WITHDRAW_AUTHORITY)
    lab.must(CRANK, migrate)
    assert before[0] - lab.lamports(CRANK) == 5_000  # the curve paid for all accounts
    assert lab.lamports(pump_accounts.WITHDRAW_AUTHORITY) >= before[1]
    state = PoolState(MINT, base_program=program)
    pool = lab.pool(state.address)
    assert pool.state.canonical and pool.state.coin_creator == CREATOR
    assert POOLS.reserves(pool) == (206_900_000_000_000, raised - 15_000_001)
    lp_mint = read_mint(lab.known(Address(lp_mint_of(pool))), slot=1)
    assert lp_mint.supply == 0  # burnt
    assert CURVE.reserves(lab.curve()) == (0, 0)
    lab.must(CRANK, migrate)  # again does nothing
    assert POOLS.reserves(lab.pool(state.address)) == POOLS.reserves(pool)

    lab.hold(USER, WSOL, 50 * SOL, TOKEN_PROGRAM)
    for mint, size in ((WSOL, SOL), (MINT, 10**12)):
        swap_as_quoted(lab, state.address, mint, SwapKind.EXACT_IN, size, held)


# the real program, as far as it speaks today's arithmetic


@pytest.mark.skipif(not RECORDED.exists(), reason="needs ../shared/vectors/programs/pump_fun.json.gz")
def test_recorded_trades_of_the_real_program_move_the_curve_alike(lab: Lab) -> None:
    """The recorded program is of early 2025: 12 accounts a trade, a flat fee of 1 % rounded down, no creator's fee.

    So its instructions cannot be replayed. Its curve's arithmetic can: every trade is sent in today's interface, with
    the same numbers, and has to move the same tokens and SOL into and out of the curve, or be refused alike.
    """
    recorded = json.loads(gzip.decompress(RECORDED.read_bytes()))
    lab.put(pump_accounts.fee_config(pump_accounts.CURVE_FEES, ((0, 0, 100, 0),)))
    held = launch(lab)
    curve = pump_accounts.curve_address(MINT)
    vault = associated_token_address(curve, MINT, TOKEN_2022_PROGRAM)
    compared = nothings = 0
    for step in recorded["steps"][2:]:
        is_buy = step["label"].startswith("buy")
        data = bytes.fromhex(step["data"])
        tokens, limit = (int.from_bytes(data[at : at + 8], "little") for at in (8, 16))
        # A recorded step moved [user's lamports, user's tokens, curve's lamports, curve's tokens, fee recipient's].
        moved = [after - before for before, after in zip(step["before"], step["after"], strict=True)]
        before = lab.lamports(curve), lab.tokens(vault)
        kind, mint = (SwapKind.EXACT_OUT, WSOL) if is_buy else (SwapKind.EXACT_IN, MINT)
        result = lab.send(USER, CURVE.build(lab.curve(), ask(mint, kind, tokens, limit, held, QUOTE_HELD)))
        if tokens == 0 and step["ok"]:
            assert not any(moved[1:])  # trades of nothing, which today's program refuses
            assert "Custom(6022)" in str(result.err()) or "Custom(6020)" in str(result.err())
            nothings += 1
            continue
        assert hasattr(result, "err") is (not step["ok"]), (step["label"], step["args"])
        if not step["ok"]:
            number = step["err"].split("Custom(")[1].split(")")[0]
            assert f"Custom({number})" in str(result.err())
            continue
        assert (lab.lamports(curve) - before[0], lab.tokens(vault) - before[1]) == (moved[2], moved[3])
        compared += 1
    assert compared + nothings == 94 and nothings < 10
    assert lab.curve().curve.complete


def test_a_curve_written_by_hand_is_the_one_that_the_program_writes(lab: Lab) -> None:
    launch(lab)
    made = lab.known(pump_accounts.curve_address(MINT))
    assert made == pump_accounts.curve_account(CurveState(MINT, creator=CREATOR))
