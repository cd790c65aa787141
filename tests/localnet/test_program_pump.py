"""pump.fun and PumpSwap on the embedded chain: each trade ends as our verified quotes say, from launch to migration."""

import base64
import gzip
import json
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from solders.account import Account as RawAccount
from solders.compute_budget import set_compute_unit_limit
from solders.hash import Hash
from solders.instruction import AccountMeta as RawMeta
from solders.instruction import Instruction as RawInstruction
from solders.litesvm import LiteSVM
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature as RawSignature
from solders.transaction import VersionedTransaction

from chimera.domain.chain import Account, Instruction, InstructionCall, TransactionUpdate
from chimera.domain.ids import (
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    WSOL,
    Address,
    Signature,
    Slot,
)
from chimera.domain.pool import Moment, Quote, QuoteRequest, SwapKind, SwapRequest
from chimera.domain.risk import Refusal
from chimera.localnet.programs import PROGRAMS, program_elf, pump_accounts, pump_launch
from chimera.localnet.programs.pump_accounts import CurveState, PoolState
from chimera.onchain.keys import address_bytes, address_text, associated_token_address
from chimera.onchain.layouts import read_mint
from chimera.venues.pumpfun import VENUE as CURVE
from chimera.venues.pumpfun import PumpCurve
from chimera.venues.pumpfun.instructions import Coin, Trader, trade
from chimera.venues.pumpswap import VENUE as POOLS
from chimera.venues.pumpswap import PumpPool

RECORDED = Path(__file__).parents[3] / "shared" / "vectors" / "programs" / "pump_fun.json.gz"
NOW, MOMENT = 1_790_000_000, Moment(1_790_000_000, Slot(7), 1_050)
SOL = 10**9
U64 = 2**64 - 1


def name(number: int) -> Address:
    return address_text(bytes((77,)) + number.to_bytes(31, "big"))


MINT, CREATOR, USER, CRANK = name(1), name(2), name(3), name(4)


class Lab:
    """LiteSVM with our programs, the accounts that they need before the first block, and people with SOL."""

    def __init__(self) -> None:
        self.svm = LiteSVM().with_sigverify(False).with_blockhash_check(False).with_transaction_history(0)
        for address, program in PROGRAMS.items():
            if program.startswith("pump_"):
                self.svm.add_program(Pubkey.from_string(address), program_elf(program))
        clock = self.svm.get_clock()
        clock.unix_timestamp = NOW
        self.svm.set_clock(clock)
        self._sent = 0
        wrapped = bytes(36) + bytes(8) + b"\x09\x01" + bytes(36)
        self.put(Account(WSOL, TOKEN_PROGRAM, 10**9, wrapped))
        for account in pump_accounts.genesis_accounts():
            self.put(account)
        for person in (CREATOR, USER, CRANK):
            self.put(Account(person, SYSTEM_PROGRAM, 10_000 * SOL, b""))

    def put(self, account: Account) -> None:
        raw = RawAccount(account.lamports, account.data, Pubkey.from_string(account.owner))
        self.svm.set_account(Pubkey.from_string(account.address), raw)

    def account(self, address: Address) -> Account | None:
        raw = self.svm.get_account(Pubkey.from_string(address))
        return (
            None if raw is None else Account(address, Address(str(raw.owner)), raw.lamports, bytes(raw.data))
        )

    def known(self, address: Address) -> Account:
        found = self.account(address)
        assert found is not None, f"no account {address}"
        return found

    def lamports(self, address: Address) -> int:
        found = self.account(address)
        return found.lamports if found is not None else 0

    def tokens(self, address: Address) -> int:
        return int.from_bytes(self.known(address).data[64:72], "little")

    def hold(self, owner: Address, mint: Address, amount: int, program: Address) -> Address:
        """The owner's associated account with that balance; wrapped SOL also lies in its lamports."""
        address = associated_token_address(owner, mint, program)
        native = (1).to_bytes(4, "little") + (2_039_280).to_bytes(8, "little") if mint == WSOL else bytes(12)
        data = address_bytes(mint) + address_bytes(owner) + amount.to_bytes(8, "little")
        data += bytes(36) + b"\x01" + native + bytes(44)
        self.put(Account(address, program, 2_039_280 + (amount if mint == WSOL else 0), data))
        return address

    def send(self, payer: Address, call: InstructionCall) -> Any:
        self._sent += 1  # equal transactions would be duplicates
        metas = [RawMeta(Pubkey.from_string(m.address), m.is_signer, m.is_writable) for m in call.accounts]
        raw = [
            set_compute_unit_limit(1_400_000 - self._sent),
            RawInstruction(Pubkey.from_string(call.program), call.data, metas),
        ]
        message = MessageV0.try_compile(Pubkey.from_string(payer), raw, [], Hash.default())
        signatures = [RawSignature.default()] * message.header.num_required_signatures
        return self.svm.send_transaction(VersionedTransaction.populate(message, signatures))

    def must(self, payer: Address, call: InstructionCall) -> list[str]:
        result = self.send(payer, call)
        assert not hasattr(result, "err"), f"{result.err()}: {result.meta().logs()}"
        return list(result.logs())

    def refused(self, payer: Address, call: InstructionCall) -> str:
        result = self.send(payer, call)
        assert hasattr(result, "err"), result.logs()
        return str(result.err())

    # the venues' eyes

    def curve(self, mint: Address = MINT) -> PumpCurve:
        pool = CURVE.decode(self.known(pump_accounts.curve_address(mint)), slot=7)
        pool = CURVE.with_mint(pool, mint)
        for role, address in CURVE.roles(pool).items():
            pool = CURVE.apply(pool, role, self.known(address), slot=7)
        return pool

    def pool(self, address: Address) -> PumpPool:
        pool = POOLS.decode(self.known(address), slot=7)
        for role, known in POOLS.roles(pool).items():
            pool = POOLS.apply(pool, role, self.known(known), slot=7)
        return pool


@pytest.fixture
def lab() -> Lab:
    return Lab()


def launch(lab: Lab, *, older: bool = False) -> Address:
    """Creates the coin; returns the user's account for it, still empty."""
    make = pump_launch.create if older else pump_launch.create_v2
    lab.must(
        CREATOR, make(MINT, user=CREATOR, creator=CREATOR, name="Coin", symbol="CN", uri="https://x.y/z")
    )
    return lab.hold(USER, MINT, 0, TOKEN_PROGRAM if older else TOKEN_2022_PROGRAM)


def ask(mint: Address, kind: SwapKind, size: int, limit: int, base: Address, quote: Address) -> SwapRequest:
    ends = (quote, base) if mint == WSOL else (base, quote)
    return SwapRequest(kind, mint, size, limit, USER, *ends)


QUOTE_HELD = associated_token_address(USER, WSOL, TOKEN_PROGRAM)


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
    lp_mint = read_mint(lab.known(Address(pump_launch_lp(pool))), slot=1)
    assert lp_mint.supply == 0  # burnt
    assert CURVE.reserves(lab.curve()) == (0, 0)
    lab.must(CRANK, migrate)  # again does nothing
    assert POOLS.reserves(lab.pool(state.address)) == POOLS.reserves(pool)

    lab.hold(USER, WSOL, 50 * SOL, TOKEN_PROGRAM)
    for mint, size in ((WSOL, SOL), (MINT, 10**12)):
        swap_as_quoted(lab, state.address, mint, SwapKind.EXACT_IN, size, held)


def pump_launch_lp(pool: PumpPool) -> str:
    return pump_launch.derived_address(
        pump_accounts.SWAP_PROGRAM, b"pool_lp_mint", address_bytes(pool.address)
    )


# PumpSwap


def swap_as_quoted(
    lab: Lab, address: Address, mint: Address, kind: SwapKind, size: int, base_held: Address
) -> bool:
    """Swaps at the limit that the quote names; whether the quote was not a refusal."""
    pool = lab.pool(address)
    quote = POOLS.quote(pool, QuoteRequest(mint, kind, size), MOMENT)
    exact_in = kind is SwapKind.EXACT_IN
    if isinstance(quote, Refusal):
        if exact_in or mint == WSOL:
            call = POOLS.build(pool, ask(mint, kind, size, 1 if exact_in else 2**62, base_held, QUOTE_HELD))
            lab.refused(USER, call)
        return False
    limit = quote.amount_out if exact_in else quote.amount_in
    before = lab.tokens(base_held), lab.tokens(QUOTE_HELD)
    if quote.amount_in > before[mint == WSOL]:
        return False
    if exact_in or mint == WSOL:
        tighter = limit + 1 if exact_in else limit - 1
        error = lab.refused(USER, POOLS.build(pool, ask(mint, kind, size, tighter, base_held, QUOTE_HELD)))
        assert "6004" in error or "6040" in error
    call = POOLS.build(pool, ask(mint, kind, size, limit, base_held, QUOTE_HELD))
    logs = lab.must(USER, call)
    moved = lab.tokens(base_held) - before[0], lab.tokens(QUOTE_HELD) - before[1]
    if mint == WSOL and exact_in:
        assert moved[0] == quote.amount_out and quote.amount_in - 4 <= -moved[1] <= quote.amount_in
    elif mint == WSOL:
        assert moved == (quote.amount_out, -quote.amount_in)
    elif exact_in:
        assert moved == (-quote.amount_in, quote.amount_out)
    else:
        assert moved[0] == -quote.amount_in and moved[1] >= quote.amount_out
    (swap,) = POOLS.decode_transaction(executed(call, logs))
    told = (swap.amount_out, -swap.amount_in) if mint == WSOL else (-swap.amount_in, swap.amount_out)
    assert told == moved
    return True


@pytest.mark.parametrize("virtual", [0, 17 * SOL, -(10**6)])
@pytest.mark.parametrize("kind_of_pool", ["canonical", "anyone's", "cashback", "mayhem", "own rate"])
def test_every_swap_on_a_pool_ends_as_quoted(lab: Lab, kind_of_pool: str, virtual: int) -> None:
    chance = random.Random(f"{kind_of_pool}{virtual}")
    launch(lab)  # for the mint
    held = lab.hold(USER, MINT, 10**15, TOKEN_2022_PROGRAM)
    lab.hold(USER, WSOL, 5_000 * SOL, TOKEN_PROGRAM)
    state = PoolState(
        MINT,
        creator=CREATOR if kind_of_pool == "anyone's" else None,
        coin_creator=SYSTEM_PROGRAM if kind_of_pool == "anyone's" else CREATOR,
        cashback=kind_of_pool == "cashback",
        mayhem=kind_of_pool == "mayhem",
        creator_fee_bps=250,
        virtual_quote=virtual,
    )
    lab.put(pump_accounts.global_config(creator_fee_configurable=kind_of_pool == "own rate"))
    lab.put(pump_accounts.pool_account(state))
    lab.hold(state.address, MINT, 5 * 10**14, TOKEN_2022_PROGRAM)
    lab.hold(state.address, WSOL, 80 * SOL, TOKEN_PROGRAM)
    done = 0
    for _ in range(30):
        mint, kind = chance.choice((WSOL, MINT)), chance.choice(list(SwapKind))
        size = chance.choice((1, 2, 999, 10 ** chance.randrange(3, 15)))
        done += swap_as_quoted(lab, state.address, mint, kind, size, held)
    assert done > 10
    config = pump_accounts.global_config(disable_flags=8 | 16)
    pool = lab.pool(state.address)
    lab.put(config)
    for mint, number in ((WSOL, 6020), (MINT, 6021)):
        call = POOLS.build(pool, ask(mint, SwapKind.EXACT_IN, 10**9, 0, held, QUOTE_HELD))
        assert f"Custom({number})" in lab.refused(USER, call)


def test_anyone_may_make_a_pool_and_owns_its_first_liquidity(lab: Lab) -> None:
    launch(lab)
    base = lab.hold(USER, MINT, 10**14, TOKEN_2022_PROGRAM)
    lab.hold(USER, WSOL, 100 * SOL, TOKEN_PROGRAM)
    make = pump_launch.create_pool(
        creator=USER, base_mint=MINT, base_program=TOKEN_2022_PROGRAM, base_amount=4 * 10**13,
        quote_amount=9 * SOL, index=3,
    )  # fmt: skip
    lab.must(USER, make)
    state = PoolState(MINT, creator=USER, index=3)
    pool = lab.pool(state.address)
    assert POOLS.reserves(pool) == (4 * 10**13, 9 * SOL)
    assert not pool.state.canonical and pool.fees is not None and pool.fees.creator_bps == 0
    lp_mint = Address(pump_launch_lp(pool))
    liquidity = 600_000_000_000
    assert lab.tokens(associated_token_address(USER, lp_mint, TOKEN_2022_PROGRAM)) == liquidity - 100
    assert swap_as_quoted(lab, state.address, WSOL, SwapKind.EXACT_OUT, 10**12, base)
    lab.refused(USER, make)  # there is one already
    creatorship = msgspec.structs.replace(
        make, data=make.data[:8] + b"\x04\0" + make.data[10:26] + address_bytes(USER) + make.data[58:]
    )
    pool_4 = PoolState(MINT, creator=USER, index=4).address
    lp_4 = pump_launch.derived_address(pump_accounts.SWAP_PROGRAM, b"pool_lp_mint", address_bytes(pool_4))
    metas = list(creatorship.accounts)
    for at, address in ((0, pool_4), (5, lp_4)):
        metas[at] = msgspec.structs.replace(metas[at], address=address)
    assert "Custom(6028)" in lab.refused(USER, msgspec.structs.replace(creatorship, accounts=tuple(metas)))
    none = msgspec.structs.replace(make, data=make.data[:10] + bytes(8) + make.data[18:])
    assert "Custom(6001)" in lab.refused(USER, none)


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


def executed(call: InstructionCall, logs: list[str]) -> TransactionUpdate:
    instruction = Instruction(call.program, tuple(meta.address for meta in call.accounts), call.data)
    return TransactionUpdate(
        Signature("s"), Slot(9), 0, (USER,), (instruction,), 5_000, (), (), (), (), tuple(logs), 0
    )  # fmt: skip


def test_a_curve_written_by_hand_is_the_one_that_the_program_writes(lab: Lab) -> None:
    launch(lab)
    made = lab.known(pump_accounts.curve_address(MINT))
    assert made == pump_accounts.curve_account(CurveState(MINT, creator=CREATOR))
