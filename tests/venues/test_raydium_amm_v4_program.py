"""The program at Raydium AMM V4's id: against an older real binary's recorded swaps, and against the venue's quotes."""

import gzip
import json
import random
from base64 import b64decode
from typing import Any

import pytest
from tests.venues import recorded
from tests.venues.conftest import EPOCH, NOW, Lab, name

from chimera.domain.chain import (
    Account,
    AccountMeta,
    Instruction,
    InstructionCall,
    TokenBalance,
    TransactionUpdate,
)
from chimera.domain.ids import TOKEN_PROGRAM, Address, Signature, Slot
from chimera.domain.pool import Moment, Quote, QuoteRequest, SwapKind, SwapRequest
from chimera.domain.risk import Refusal
from chimera.localnet.programs import amm_pools
from chimera.localnet.programs.amm_pools import AUTHORITY, PROGRAM, PoolAccounts, Side
from chimera.onchain.keys import associated_token_address
from chimera.venues.raydium_amm_v4 import VENUE, AmmPool
from chimera.venues.raydium_amm_v4.instructions import long_swap

RECORDED = recorded.SHARED / "programs" / "raydium_amm_v4.json.gz"
DUST = 20
"""Recorded swaps in which a rounded-up quotient is below one: the older binary made it 0 below a half."""


def open_pool(
    lab: Lab, *, coin: int = 10**12, pc: int = 3 * 10**11, owed: tuple[int, int] = (0, 0), **made: Any
) -> tuple[PoolAccounts, Address]:
    """(a pool, somebody with plenty of both tokens)"""
    person = lab.person("trader")
    mints = [lab.mint("coin", decimals=9), lab.mint("pc", decimals=6)]
    for mint in mints:
        lab.fund(person, mint, 10**18)
    accounts = PoolAccounts(market=name("market"))
    sides = {"coin": Side(mints[0][0], 9, coin), "pc": Side(mints[1][0], 6, pc)}
    for account in amm_pools.genesis_accounts(accounts, **sides, **made):
        lab.put(account)
    pool = lab.account(accounts.pool)
    debt = b"".join(amount.to_bytes(8, "little") for amount in owed)
    lab.put(Account(pool.address, pool.owner, pool.lamports, pool.data[:192] + debt + pool.data[208:]))
    return accounts, person


def read_pool(lab: Lab, accounts: PoolAccounts) -> AmmPool:
    pool = VENUE.decode(lab.account(accounts.pool), slot=7)
    for role, address in VENUE.roles(pool).items():
        pool = VENUE.apply(pool, role, lab.account(address), slot=7)
    return pool


def held(owner: Address, mint: Address) -> Address:
    return associated_token_address(owner, mint, TOKEN_PROGRAM)


def long_form(call: InstructionCall, *, orders: int = 2) -> InstructionCall:
    """The same swap as the older instruction writes it."""
    who = [meta.address for meta in call.accounts]
    return long_swap(
        {16: 9, 17: 11}[call.data[0]],
        amount_in=int.from_bytes(call.data[1:9], "little"), amount_out=int.from_bytes(call.data[9:17], "little"),
        pool=who[1], authority=who[2], orders=tuple(name(f"orders {n}") for n in range(orders)),
        vaults=(who[3], who[4]), market_program=amm_pools.MARKET_PROGRAM,
        market=tuple(name(f"market {n}") for n in range(6)), market_authority=name("market authority"),
        user=who[7], user_input=who[5], user_output=who[6],
    )  # fmt: skip


def swap_call(pool: AmmPool, user: Address, request: QuoteRequest, limit: int) -> InstructionCall:
    state = pool.state
    other = state.pc_mint if request.input_mint == state.coin_mint else state.coin_mint
    return VENUE.build(
        pool,
        SwapRequest(
            request.kind,
            request.input_mint,
            request.amount,
            limit,
            user,
            held(user, request.input_mint),
            held(user, other),
        ),
    )


MOMENT = Moment(NOW, Slot(7), EPOCH)


def test_recorded_swaps_end_as_on_the_real_program_where_dust_does_not_round_otherwise(lab: Lab) -> None:
    if not RECORDED.exists():
        pytest.skip("120 swaps of ../shared/vectors/programs/raydium_amm_v4.json.gz are not here")
    run = json.loads(gzip.decompress(RECORDED.read_bytes()))
    lab.at(run["unix_timestamp"])
    for address, known in run["accounts"].items():
        lab.put(
            Account(Address(address), Address(known["owner"]), known["lamports"], b64decode(known["data"]))
        )
    lab.person("payer")
    watched = [Address(address) for address in run["watch"]]
    user = Address(run["user"])
    lab.put(Account(user, Address("1" * 32), 10**12, b""))
    dust = 0
    for number, step in enumerate(run["steps"]):
        for address, amount in zip(watched, step["before"], strict=True):
            account = lab.account(address)
            data = account.data[:64] + amount.to_bytes(8, "little") + account.data[72:]
            lab.put(Account(address, account.owner, account.lamports, data))
        first, second, coin_to_pc = step["args"]
        reserves = step["before"][2:] if coin_to_pc else step["before"][:1:-1]
        exact_in = step["data"].startswith("09")
        part, whole = (first * 25, 10_000) if exact_in else (reserves[0] * second, reserves[1] - second)
        is_dust = 2 * part < whole
        metas = tuple(AccountMeta(Address(key), signs, writes) for key, signs, writes in step["metas"])
        result = lab.send(user, [InstructionCall(PROGRAM, metas, bytes.fromhex(step["data"]))])
        failed = hasattr(result, "err")
        if is_dust:
            dust += 1
            if step["ok"] and not failed:  # today's rounding is harder on the user, never softer
                assert all(
                    lab.balance(a) <= after for a, after in zip(watched[:2], step["after"][:2], strict=True)
                )
            continue
        assert failed is not step["ok"], (number, step["label"], result)
        if failed:
            assert str(result.err()) == step["err"]
        assert [lab.balance(address) for address in watched] == step["after"], (number, step["label"])
        logs = (result.meta() if failed else result).logs()
        assert [line.removeprefix("Program log: ") for line in logs if "ray_log" in line] == step["events"]
    assert len(run["steps"]) == 120
    assert dust == DUST


@pytest.mark.parametrize("fee", [(25, 10_000), (0, 10_000), (1, 3)])
@pytest.mark.parametrize("owed", [(0, 0), (77_000, 5)])
def test_every_quote_equals_the_swap_on_the_program(lab: Lab, fee: Any, owed: Any) -> None:
    chance = random.Random(f"{fee}{owed}")
    accounts, trader = open_pool(lab, fee=fee, owed=owed)
    swapped = refused = 0
    for _ in range(120):
        pool = read_pool(lab, accounts)
        mint = chance.choice((pool.state.coin_mint, pool.state.pc_mint))
        kind = chance.choice(list(SwapKind))
        request = QuoteRequest(
            mint, kind, chance.choice((1, 2, 399, 10 ** chance.randrange(1, 13), 2**63, 2**64 - 1))
        )
        exact_in = kind is SwapKind.EXACT_IN
        form = chance.choice((lambda call: call, long_form, lambda call: long_form(call, orders=1)))
        quote = VENUE.quote(pool, request, MOMENT)
        if isinstance(quote, Refusal):
            lab.refused(trader, form(swap_call(pool, trader, request, 0 if exact_in else 2**64 - 1)))
            refused += 1
            continue
        source, target = held(trader, quote.input_mint), held(trader, quote.output_mint)
        before = lab.balance(source), lab.balance(target)
        if quote.amount_in > before[0]:
            assert "Custom(40)" in lab.refused(trader, form(swap_call(pool, trader, request, 0)))
            continue
        limit = quote.amount_out if exact_in else quote.amount_in
        tighter = form(swap_call(pool, trader, request, limit + 1 if exact_in else limit - 1))
        assert "Custom(30)" in lab.refused(trader, tighter)
        lab.must(trader, form(swap_call(pool, trader, request, limit)))
        moved = before[0] - lab.balance(source), lab.balance(target) - before[1]
        assert moved == (quote.amount_in, quote.amount_out)
        swapped += 1
    assert swapped > 40 and refused > 5


def test_the_log_line_says_what_the_real_programs_does(lab: Lab) -> None:
    accounts, trader = open_pool(lab)
    pool = read_pool(lab, accounts)
    request = QuoteRequest(pool.state.pc_mint, SwapKind.EXACT_IN, 10**6)
    logs = lab.must(trader, swap_call(pool, trader, request, 5))
    (line,) = [line for line in logs if "ray_log" in line]
    told = b64decode(line.removeprefix("Program log: ray_log: "))
    numbers = [int.from_bytes(told[at : at + 8], "little") for at in range(1, 57, 8)]
    assert told[0] == 3 and len(told) == 57
    assert numbers == [10**6, 5, 1, 10**18, 10**12, 3 * 10**11, 3_324_988]


def test_a_waiting_pool_opens_at_its_time_and_stays_open(lab: Lab) -> None:
    accounts, trader = open_pool(lab, status=amm_pools.WAITING_TRADE, open_time=NOW + 60)
    pool = read_pool(lab, accounts)
    request = QuoteRequest(pool.state.coin_mint, SwapKind.EXACT_IN, 10**6)
    call = swap_call(pool, trader, request, 0)
    lab.at(NOW + 59)
    assert "Custom(22)" in lab.refused(trader, call)
    lab.at(NOW + 60)
    lab.must(trader, call)
    assert read_pool(lab, accounts).state.status == amm_pools.SWAP_ONLY
    assert int.from_bytes(lab.account(accounts.pool).data[736:744], "little") == EPOCH


@pytest.mark.parametrize(("place", "error"), [(0, 38), (1, 27), (2, 1), (3, 4), (4, 5), (5, 38), (6, 38)])
def test_a_foreign_account_in_any_place_is_refused(lab: Lab, place: int, error: int) -> None:
    accounts, trader = open_pool(lab)
    pool = read_pool(lab, accounts)
    call = swap_call(pool, trader, QuoteRequest(pool.state.coin_mint, SwapKind.EXACT_IN, 10**6), 0)
    metas = list(call.accounts)
    metas[place] = AccountMeta(lab.person("stranger"), is_signer=False, is_writable=metas[place].is_writable)
    assert f"Custom({error})" in lab.refused(trader, InstructionCall(call.program, tuple(metas), call.data))


@pytest.mark.parametrize("status", [0, 2, 3, 4, 5])
def test_a_pool_whose_status_forbids_swaps_refuses_them(lab: Lab, status: int) -> None:
    accounts, trader = open_pool(lab, status=status)
    pool = read_pool(lab, accounts)
    request = QuoteRequest(pool.state.coin_mint, SwapKind.EXACT_IN, 10**6)
    assert isinstance(VENUE.quote(pool, request, MOMENT), Refusal)
    assert "Custom(22)" in lab.refused(trader, swap_call(pool, trader, request, 0))


def test_vaults_as_the_users_own_accounts_and_wrong_numbers_of_accounts_are_refused(lab: Lab) -> None:
    accounts, trader = open_pool(lab)
    pool = read_pool(lab, accounts)
    call = swap_call(pool, trader, QuoteRequest(pool.state.coin_mint, SwapKind.EXACT_IN, 10**6), 0)
    metas = list(call.accounts)
    metas[6] = AccountMeta(accounts.pc_vault, is_signer=False, is_writable=True)
    assert "Custom(42)" in lab.refused(trader, InstructionCall(PROGRAM, tuple(metas), call.data))
    assert "NotEnoughAccountKeys" in lab.refused(
        trader, InstructionCall(PROGRAM, call.accounts[:7], call.data)
    )
    lab.must(trader, InstructionCall(PROGRAM, (*call.accounts, metas[0]), call.data))
    legacy = long_form(call)
    for accounts_named in (legacy.accounts[:16], (*legacy.accounts, metas[0])):
        assert "Custom(24)" in lab.refused(trader, InstructionCall(PROGRAM, accounts_named, legacy.data))
    for data in (b"", call.data[:16], b"\x63" + bytes(16)):
        assert "InvalidInstructionData" in lab.refused(trader, InstructionCall(PROGRAM, call.accounts, data))


def test_an_executed_swap_reads_as_what_the_user_saw(lab: Lab) -> None:
    accounts, trader = open_pool(lab)
    pool = read_pool(lab, accounts)
    request = QuoteRequest(pool.state.coin_mint, SwapKind.EXACT_IN, 123_456_789)
    quote = VENUE.quote(pool, request, MOMENT)
    assert isinstance(quote, Quote)
    call = swap_call(pool, trader, request, quote.amount_out)
    result = lab.send(trader, [call])
    keys = [meta.address for meta in call.accounts]
    executed = [Instruction(PROGRAM, tuple(keys), call.data, depth=0)]
    moves = [(keys[5], accounts.coin_vault), (accounts.pc_vault, keys[6])]
    inner = next(list(group) for group in result.inner_instructions() if group)
    for (source, target), made in zip(moves, inner, strict=True):
        executed.append(
            Instruction(TOKEN_PROGRAM, (source, target, trader), bytes(made.instruction().data), depth=1)
        )
    balances = tuple(
        TokenBalance(vault, mint, AUTHORITY, 0, 6)
        for vault, mint in (
            (accounts.coin_vault, pool.state.coin_mint),
            (accounts.pc_vault, pool.state.pc_mint),
        )
    )
    update = TransactionUpdate(
        Signature("s"), Slot(4), 0, (trader,), tuple(executed), 5_000, (), (), (), balances, (), 0
    )
    (swap,) = VENUE.decode_transaction(update)
    assert (swap.amount_in, swap.amount_out) == (quote.amount_in, quote.amount_out)
    assert (swap.input_mint, swap.output_mint, swap.user) == (quote.input_mint, quote.output_mint, trader)
