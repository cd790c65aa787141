"""A laboratory for pump.fun and PumpSwap: LiteSVM with both programs, and what they need before the first block."""

from typing import Any

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
from chimera.domain.pool import Moment, QuoteRequest, SwapKind, SwapRequest
from chimera.domain.risk import Refusal
from chimera.localnet.programs import PROGRAMS, program_elf, pump_accounts, pump_launch
from chimera.onchain.keys import address_bytes, address_text, associated_token_address
from chimera.venues.pumpfun import VENUE as CURVE
from chimera.venues.pumpfun import PumpCurve
from chimera.venues.pumpswap import VENUE as POOLS
from chimera.venues.pumpswap import PumpPool

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


def lp_mint_of(pool: PumpPool) -> str:
    return pump_launch.derived_address(
        pump_accounts.SWAP_PROGRAM, b"pool_lp_mint", address_bytes(pool.address)
    )


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


def executed(call: InstructionCall, logs: list[str]) -> TransactionUpdate:
    instruction = Instruction(call.program, tuple(meta.address for meta in call.accounts), call.data)
    return TransactionUpdate(
        Signature("s"), Slot(9), 0, (USER,), (instruction,), 5_000, (), (), (), (), tuple(logs), 0
    )  # fmt: skip
