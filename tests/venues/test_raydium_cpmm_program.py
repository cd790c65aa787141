"""The venue's quotes against swaps run on the embedded chain's program, on pools that the program itself made."""

import random
from base64 import b64decode
from typing import Any

import msgspec
import pytest

from chimera.domain.chain import Account, AccountMeta, Instruction, InstructionCall, TransactionUpdate
from chimera.domain.ids import SYSTEM_PROGRAM, TOKEN_PROGRAM, Address, Signature, Slot
from chimera.domain.pool import Moment, Quote, QuoteRequest, SwapKind, SwapRequest
from chimera.domain.risk import Refusal
from chimera.localnet.programs import cpmm_pools
from chimera.localnet.programs.cpmm_pools import PoolAccounts, Rates
from chimera.onchain.keys import address_text, associated_token_address
from chimera.venues.raydium_cpmm import CpmmPool, RaydiumCpmm

NOW, EPOCH = 1_790_000_000, 1_050
VENUE = RaydiumCpmm()


def open_pool(
    lab: Any,
    *,
    rates: Rates = Rates(),  # noqa: B008 - frozen
    fees: tuple[tuple[int, int] | None, tuple[int, int] | None] = (None, None),
    amounts: tuple[int, int] = (50_000_000_000, 1_000_000_000_000),
) -> tuple[PoolAccounts, Address]:
    """(a pool that `maker` has made and that is open, maker)."""
    config, maker = lab.rates(rates), lab.person("maker")
    mints = [lab.mint("left", fee=fees[0]), lab.mint("right", fee=fees[1])]
    accounts = cpmm_pools.pool_accounts(
        config,
        mint=mints[0][0],
        token_program=mints[0][1],
        quote_mint=mints[1][0],
        quote_program=mints[1][1],
    )
    for mint in mints:
        lab.fund(maker, mint, 10**18)
    lab.must(maker, cpmm_pools.initialize(accounts, creator=maker, amount_0=amounts[0], amount_1=amounts[1]))
    lab.at(NOW + 1)
    return accounts, maker


def read_pool(lab: Any, accounts: PoolAccounts) -> CpmmPool:
    pool = VENUE.decode(lab.account(accounts.pool), slot=7)
    for role, address in VENUE.roles(pool).items():
        pool = VENUE.apply(pool, role, lab.account(address), slot=7)
    return pool


def held(owner: Address, accounts: PoolAccounts, mint: Address) -> Address:
    program = accounts.program_0 if mint == accounts.mint_0 else accounts.program_1
    return associated_token_address(owner, mint, program)


def swap_call(
    pool: CpmmPool, accounts: PoolAccounts, user: Address, request: QuoteRequest, limit: int
) -> InstructionCall:
    other = accounts.mint_1 if request.input_mint == accounts.mint_0 else accounts.mint_0
    return VENUE.build(
        pool,
        SwapRequest(
            kind=request.kind,
            input_mint=request.input_mint,
            amount=request.amount,
            limit=limit,
            user=user,
            user_input_account=held(user, accounts, request.input_mint),
            user_output_account=held(user, accounts, other),
        ),
    )


def moment(lab: Any) -> Moment:
    return Moment(lab.svm.get_clock().unix_timestamp, Slot(7), EPOCH)


FEES = [
    (None, None),
    ((100, 5_000_000), None),
    (None, (250, 10**12)),
    ((500, 10**15), (77, 900)),
    ((10_000, 50), (1, 1)),
]


@pytest.mark.parametrize("fees", FEES)
@pytest.mark.parametrize("creator_on", [None, 0, 1, 2])
def test_every_quote_equals_the_swap_on_the_program(lab: Any, fees: Any, creator_on: int | None) -> None:
    chance = random.Random(f"{fees}{creator_on}")
    rates = Rates(trade=chance.choice((100, 2_500, 40_000)), creator=chance.choice((0, 500, 20_000)))
    accounts, maker = open_pool(lab, rates=rates, fees=fees)
    if creator_on is not None:
        account = lab.account(accounts.pool)
        data = bytearray(account.data)
        data[389], data[390] = creator_on, 1
        lab.put(type(account)(account.address, account.owner, account.lamports, bytes(data)))
    swapped = refused = 0
    for step in range(60):
        lab.at(NOW + 1 + step * chance.choice((0, 1, 20)))
        pool = read_pool(lab, accounts)
        kind = chance.choice(list(SwapKind))
        mint = chance.choice((accounts.mint_0, accounts.mint_1))
        amount = chance.choice((1, 2, 399, 10 ** chance.randrange(1, 13), 2**63, 2**64 - 1))
        request = QuoteRequest(mint, kind, amount)
        exact_in = kind is SwapKind.EXACT_IN
        quote = VENUE.quote(pool, request, moment(lab))
        if isinstance(quote, Refusal):
            lab.refused(maker, swap_call(pool, accounts, maker, request, 0 if exact_in else 2**64 - 1))
            refused += 1
            continue
        limit = quote.amount_out if exact_in else quote.amount_in
        tighter = limit + 1 if exact_in else limit - 1
        if limit <= 10**18:
            assert "6005" in lab.refused(maker, swap_call(pool, accounts, maker, request, tighter))
        source, target = held(maker, accounts, quote.input_mint), held(maker, accounts, quote.output_mint)
        before = lab.balance(source), lab.balance(target)
        if quote.amount_in > before[0]:
            continue  # more than the maker has
        lab.must(maker, swap_call(pool, accounts, maker, request, limit))
        assert (before[0] - lab.balance(source), lab.balance(target) - before[1]) == (
            quote.amount_in,
            quote.amount_out,
        )
        swapped += 1
    assert swapped > 10
    assert refused > 0


def test_the_event_of_an_executed_swap_reads_as_what_the_user_saw(lab: Any) -> None:
    accounts, maker = open_pool(lab, fees=((300, 10**9), (200, 10**9)))
    pool = read_pool(lab, accounts)
    request = QuoteRequest(accounts.mint_1, SwapKind.EXACT_IN, 123_456_789)
    quote = VENUE.quote(pool, request, moment(lab))
    assert isinstance(quote, Quote)
    call = swap_call(pool, accounts, maker, request, quote.amount_out)
    logs = lab.must(maker, call)
    executed = Instruction(call.program, tuple(meta.address for meta in call.accounts), call.data, depth=1)
    update = _transaction(executed, logs)
    (swap,) = VENUE.decode_transaction(update)
    assert (swap.pool, swap.user, swap.input_mint, swap.output_mint) == (
        accounts.pool,
        maker,
        accounts.mint_1,
        accounts.mint_0,
    )
    assert (swap.amount_in, swap.amount_out, swap.position) == (quote.amount_in, quote.amount_out, 0)


def test_a_new_pool_is_what_it_was_asked_to_be(lab: Any) -> None:
    accounts, maker = open_pool(
        lab, rates=Rates(create_pool_lamports=150_000_000), amounts=(4_000_000, 9_000_000)
    )
    pool = read_pool(lab, accounts)
    header = VENUE.header(pool)
    assert (header.mint_a, header.mint_b) == (accounts.mint_0, accounts.mint_1)
    assert VENUE.reserves(pool) == (4_000_000, 9_000_000)
    assert VENUE.missing(pool) == ()
    assert VENUE.token_program(pool, accounts.mint_0) == TOKEN_PROGRAM
    lp = associated_token_address(maker, accounts.lp_mint, TOKEN_PROGRAM)
    assert lab.balance(lp) == 6_000_000 - cpmm_pools.LP_LOCKED
    assert lab.balance(cpmm_pools.FEE_RECEIVER) == 150_000_000
    assert (pool.state.open_time, pool.state.status) == (NOW + 1, 0)
    assert pool.state.observation == accounts.observation
    for address in (
        accounts.pool,
        accounts.observation,
        accounts.vault_0,
        accounts.vault_1,
        accounts.lp_mint,
    ):
        account = lab.account(address)
        assert account.lamports == lab.svm.minimum_balance_for_rent_exemption(len(account.data))


def test_a_pool_opens_no_earlier_than_it_was_told(lab: Any) -> None:
    config, maker = lab.rates(Rates()), lab.person("maker")
    mints = [lab.mint("left"), lab.mint("right")]
    accounts = cpmm_pools.pool_accounts(config, mint=mints[0][0], quote_mint=mints[1][0])
    for mint in mints:
        lab.fund(maker, mint, 10**12)
    lab.must(
        maker,
        cpmm_pools.initialize(accounts, creator=maker, amount_0=10**9, amount_1=10**9, open_time=NOW + 60),
    )
    pool = read_pool(lab, accounts)
    request = QuoteRequest(accounts.mint_0, SwapKind.EXACT_IN, 1_000_000)
    call = swap_call(pool, accounts, maker, request, 0)
    for seconds, opened in ((59, False), (60, True)):
        lab.at(NOW + seconds)
        assert isinstance(VENUE.quote(pool, request, moment(lab)), Quote) is opened
        if opened:
            lab.must(maker, call)
        else:
            assert "6000" in lab.refused(maker, call)


@pytest.mark.parametrize("fees", [(None, None), ((250, 10**12), (100, 10**12))])
def test_liquidity_goes_in_and_comes_out(lab: Any, fees: Any) -> None:
    accounts, maker = open_pool(lab, fees=fees, amounts=(40_000_000, 90_000_000))
    lp = associated_token_address(maker, accounts.lp_mint, TOKEN_PROGRAM)
    supply = read_supply(lab, accounts)
    before = VENUE.reserves(read_pool(lab, accounts))
    assert before is not None
    too_little = cpmm_pools.deposit(accounts, owner=maker, lp_amount=supply, amount_0_max=1, amount_1_max=1)
    assert "6005" in lab.refused(maker, too_little)
    lab.must(
        maker,
        cpmm_pools.deposit(accounts, owner=maker, lp_amount=supply, amount_0_max=10**18, amount_1_max=10**18),
    )
    doubled = VENUE.reserves(read_pool(lab, accounts))
    assert doubled == (2 * before[0], 2 * before[1])
    assert lab.balance(lp) == 2 * supply - cpmm_pools.LP_LOCKED

    account_0 = held(maker, accounts, accounts.mint_0)
    own = lab.balance(account_0)
    lab.must(maker, cpmm_pools.withdraw(accounts, owner=maker, lp_amount=lab.balance(lp)))
    assert lab.balance(lp) == 0
    left = VENUE.reserves(read_pool(lab, accounts))
    assert left is not None
    assert 0 < left[0] <= 100 and 0 < left[1] <= 200  # the locked units' share, and what was rounded off
    taken = doubled[0] - left[0]
    mint_0 = read_pool(lab, accounts).mint_0
    assert mint_0 is not None
    withheld = mint_0.transfer_fees.at(EPOCH).on(taken)
    assert lab.balance(account_0) - own == taken - withheld
    assert read_supply(lab, accounts) == cpmm_pools.LP_LOCKED


def read_supply(lab: Any, accounts: PoolAccounts) -> int:
    return int.from_bytes(lab.account(accounts.pool).data[333:341], "little")


def test_pools_that_cannot_be_are_refused(lab: Any) -> None:
    config, maker = lab.rates(Rates()), lab.person("maker")
    hook = (14).to_bytes(2, "little") + (64).to_bytes(2, "little") + bytes(64)
    plain, hooked = lab.mint("plain"), lab.mint("hooked", extra=hook)
    for mint in (plain, hooked):
        lab.fund(maker, mint, 10**12)
    accounts = cpmm_pools.pool_accounts(config, mint=hooked[0], token_program=hooked[1], quote_mint=plain[0])
    assert "6007" in lab.refused(
        maker, cpmm_pools.initialize(accounts, creator=maker, amount_0=10**6, amount_1=10**6)
    )
    other = lab.mint("other")
    lab.fund(maker, other, 10**12)
    accounts = cpmm_pools.pool_accounts(config, mint=other[0], quote_mint=plain[0])
    for amounts, error in (((0, 5), "6002"), ((9, 9), "6009")):
        call = cpmm_pools.initialize(accounts, creator=maker, amount_0=amounts[0], amount_1=amounts[1])
        assert error in lab.refused(maker, call)
    call = cpmm_pools.initialize(accounts, creator=maker, amount_0=10**6, amount_1=10**6)
    lab.must(maker, call)
    assert "Custom(0)" in lab.refused(maker, call)  # the system program: it is there already


def test_a_pool_may_live_at_an_address_that_signs_and_lamports_sent_ahead_do_not_stop_it(lab: Any) -> None:
    config, maker = lab.rates(Rates()), lab.person("maker")
    mints = [lab.mint("left"), lab.mint("right")]
    for mint in mints:
        lab.fund(maker, mint, 10**12)
    canonical = cpmm_pools.pool_accounts(config, mint=mints[0][0], quote_mint=mints[1][0])
    accounts = msgspec.structs.replace(canonical, pool=address_text(b"anywhere".ljust(32)))
    for address, lamports in (
        (accounts.vault_0, 1),
        (accounts.lp_mint, 10**9),
        (accounts.observation, 890_880),
    ):
        lab.put(Account(address, SYSTEM_PROGRAM, lamports, b""))
    call = cpmm_pools.initialize(accounts, creator=maker, amount_0=10**9, amount_1=10**9)
    assert "2502" in lab.refused(maker, call)
    signed = tuple(
        AccountMeta(meta.address, is_signer=True, is_writable=True) if meta.address == accounts.pool else meta
        for meta in call.accounts
    )
    lab.must(maker, InstructionCall(call.program, signed, call.data))
    assert VENUE.reserves(read_pool(lab, accounts)) == (10**9, 10**9)


@pytest.mark.parametrize(
    ("place", "error"),
    [(1, 2006), (2, 3007), (3, 3007), (4, 3007), (6, 2003), (8, 3008), (10, 2012), (12, 3007)],
)
def test_a_foreign_account_in_any_place_is_refused(lab: Any, place: int, error: int) -> None:
    accounts, maker = open_pool(lab)
    pool = read_pool(lab, accounts)
    call = swap_call(pool, accounts, maker, QuoteRequest(accounts.mint_0, SwapKind.EXACT_IN, 10**6), 0)
    foreign = {
        6: held(maker, accounts, accounts.mint_1),
        10: accounts.mint_1,
    }.get(place, lab.person("stranger"))
    metas = list(call.accounts)
    metas[place] = AccountMeta(foreign, is_signer=False, is_writable=metas[place].is_writable)
    assert f"Custom({error})" in lab.refused(maker, InstructionCall(call.program, tuple(metas), call.data))


def test_too_few_accounts_or_bytes_are_refused(lab: Any) -> None:
    accounts, maker = open_pool(lab)
    pool = read_pool(lab, accounts)
    call = swap_call(pool, accounts, maker, QuoteRequest(accounts.mint_0, SwapKind.EXACT_IN, 10**6), 0)
    for changed, error in (
        (InstructionCall(call.program, call.accounts[:12], call.data), 3005),
        (InstructionCall(call.program, call.accounts, call.data[:20]), 102),
        (InstructionCall(call.program, call.accounts, b""), 101),
        (InstructionCall(call.program, call.accounts, b"\0" * 24), 101),
    ):
        assert f"Custom({error})" in lab.refused(maker, changed)


def test_the_observation_follows_the_price_before_each_swap(lab: Any) -> None:
    accounts, maker = open_pool(lab, amounts=(10**9, 2 * 10**9))

    def swap_at(second: int) -> tuple[int, int, bytes]:
        """(records' index, last update, records) after a tiny swap."""
        lab.at(NOW + second)
        request = QuoteRequest(accounts.mint_0, SwapKind.EXACT_IN, 1_000)
        lab.must(maker, swap_call(read_pool(lab, accounts), accounts, maker, request, 0))
        data = lab.account(accounts.observation).data
        return int.from_bytes(data[9:11], "little"), int.from_bytes(data[4043:4051], "little"), data[43:4043]

    assert swap_at(10)[:2] == (0, NOW + 10)  # the first swap only starts the clock
    index, updated, records = swap_at(14)  # within 15 seconds of the record: added to it
    assert (index, updated) == (0, NOW + 14)
    assert (
        int.from_bytes(records[8:24], "little") >> 32 == 2 * 4 - 1
    )  # price 2, a hair less, for four seconds
    index, updated, records = swap_at(30)
    assert (index, updated) == (1, NOW + 30)
    assert int.from_bytes(records[40:48], "little") == NOW + 30
    assert int.from_bytes(records[48:64], "little") >> 32 == 2 * 20 - 1


def test_the_swap_event_is_the_programs_own(lab: Any) -> None:
    accounts, maker = open_pool(lab)
    pool = read_pool(lab, accounts)
    call = swap_call(pool, accounts, maker, QuoteRequest(accounts.mint_0, SwapKind.EXACT_IN, 10**6), 0)
    (line,) = [line for line in lab.must(maker, call) if line.startswith("Program data: ")]
    event = b64decode(line.removeprefix("Program data: "))
    assert len(event) == 170 and event[88] == 1


def _transaction(call: Instruction, logs: list[str]) -> TransactionUpdate:
    return TransactionUpdate(
        signature=Signature("sig"),
        slot=Slot(9),
        index=0,
        accounts=(call.accounts[0],),
        instructions=(call,),
        fee_lamports=5_000,
        pre_lamports=(),
        post_lamports=(),
        pre_tokens=(),
        post_tokens=(),
        logs=tuple(logs),
        compute_units=0,
    )
