"""A decision about a CPMM pool as instructions, given what its trader sees on chain. Pure.

Speaks Raydium CPMM's interface in its own words rather than through the desk's venue, so that a mistake in one of
the two shows as a difference. Traders here are careless: they quote roughly and allow a lot of slippage.
"""

import hashlib

import msgspec

from chimera.domain.chain import AccountMeta, InstructionCall
from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, USDC, WSOL, Address
from chimera.localnet.genesis import WorldPool
from chimera.localnet.genesis_accounts import CPMM, TRADE_FEE_RATE, PoolAddresses
from chimera.localnet.markets import Seen
from chimera.localnet.tokens import BY_SYMBOL, SOL, TAX_BPS, Quirk
from chimera.localnet.traders import Trader
from chimera.localnet.world_plan import Decision, Deed
from chimera.onchain import token_instructions as make
from chimera.onchain.keys import associated_token_address

COMPUTE_UNITS = 250_000  # of the real program's 60,000 for a swap and 25,000 for each new account, with room
SLIPPAGE_BPS = 1_500
MILLION = 1_000_000

# PoolState: fees that wait in the vaults and belong to nobody who trades (protocol, fund, creator; both sides).
_PROTOCOL_FEES, _FUND_FEES, _CREATOR_FEES = 341, 357, 397


class Place(msgspec.Struct, frozen=True):
    """Where a decision happens: its pool, and the trader's own accounts."""

    pool: WorldPool
    token: Address
    """The mint that is bought and sold; SOL itself in the SOL/USDC pool."""
    token_program: Address
    decimals: int
    quote: Address
    token_account: Address
    quote_account: Address
    lp_account: Address
    target_account: Address | None = None
    """Somebody else's account of the token, where the decision is about one."""
    tax_bps: int = 0
    """What a transfer of the token loses."""

    @property
    def wanted(self) -> tuple[Address, ...]:
        """What `orders` must have seen."""
        at = self.pool.at
        return (at.pool, *at.vaults, self.token_account, self.quote_account, self.lp_account)


def place(trader: Trader, pool: WorldPool, target: Trader | None = None) -> Place:
    """The place of a pool of genesis."""
    token = BY_SYMBOL.get(pool.symbol)
    if token is None:
        return place_of(trader, pool, WSOL, TOKEN_PROGRAM, SOL.decimals, target=target)
    tax_bps = TAX_BPS if token.quirk is Quirk.TAXED else 0
    return place_of(trader, pool, token.mint, token.program, token.decimals, target=target, tax_bps=tax_bps)


def place_of(
    trader: Trader,
    pool: WorldPool,
    mint: Address,
    program: Address,
    decimals: int,
    *,
    target: Trader | None = None,
    tax_bps: int = 0,
) -> Place:
    quote = WSOL if pool.quote == SOL.symbol else USDC
    return Place(
        pool=pool,
        token=mint,
        token_program=program,
        decimals=decimals,
        quote=quote,
        token_account=associated_token_address(trader.address, mint, program),
        quote_account=associated_token_address(trader.address, quote),
        lp_account=associated_token_address(trader.address, pool.at.lp_mint),
        target_account=None if target is None else associated_token_address(target.address, mint, program),
        tax_bps=tax_bps,
    )


def orders(decision: Decision, trader: Trader, where: Place, seen: Seen) -> list[InstructionCall]:
    """The transaction's instructions; none where there is nothing to do (nothing held, nothing left to gain)."""
    # The tick in the price keeps two equal decisions from being one and the same transaction.
    begin = [make.compute_unit_limit(COMPUTE_UNITS), make.compute_unit_price(1_000 + decision.tick % 9_973)]
    held = amount_in(seen, where.token_account)
    match decision.deed:
        case Deed.BUY:
            if decision.quote == SOL.symbol and not trader.wraps:
                # A bot spends from its stock, and no more than that.
                stock = amount_in(seen, where.quote_account)
                body = _buy(trader, where, seen, min(decision.amount, stock))
            else:
                body = _buy(trader, where, seen, decision.amount)
        case Deed.SELL:
            body = _sell(trader, where, seen, min(decision.amount, held))
        case Deed.UNWIND:
            body = _sell(trader, where, seen, held * decision.share_bps // 10_000)
        case Deed.PULL:
            body = _pull(trader, where, seen)
        case Deed.PRINT:
            printed = make.mint_to_checked(
                mint=where.token,
                destination=where.token_account,
                authority=trader.address,
                amount=decision.amount,
                decimals=where.decimals,
                token_program=where.token_program,
            )
            body = [printed, *_sell(trader, where, seen, decision.amount)]
        case Deed.FREEZE:
            body = _freeze(trader, where)
        case _:
            raise ValueError(f"no pool of CPMM's is asked to {decision.deed}")
    return begin + body if body else []


def token_amount(data: bytes | None) -> int:
    """What a token account holds; 0 where there is none."""
    return int.from_bytes(data[64:72], "little") if data else 0


def amount_in(seen: Seen, address: Address) -> int:
    """What the token account at that address was seen to hold."""
    account = seen.get(address)
    return token_amount(account.data if account is not None else None)


def expected_out(where: Place, seen: Seen, spend: int, *, buying: bool) -> int:
    """Roughly what a swap gives: constant product after the trade fee, and the transfer tax once. 0: nothing."""
    token, quote = reserves(where, seen)
    reserve_in, reserve_out = (quote, token) if buying else (token, quote)
    traded = spend * (MILLION - TRADE_FEE_RATE) // MILLION
    if traded <= 0 or reserve_in <= 0 or reserve_out <= 0:
        return 0
    out = reserve_out * traded // (reserve_in + traded)
    return out * (10_000 - where.tax_bps) // 10_000


def _buy(trader: Trader, where: Place, seen: Seen, spend: int) -> list[InstructionCall]:
    expected = expected_out(where, seen, spend, buying=True)
    if expected == 0:
        return []
    before: list[InstructionCall] = []
    after: list[InstructionCall] = []
    if trader.wraps:
        before, after = _wrapped(trader, where, spend)
    before.append(_open(trader, where.token, where.token_program))
    return [*before, _swap(trader, where, spend, expected, buying=True), *after]


def _sell(trader: Trader, where: Place, seen: Seen, amount: int) -> list[InstructionCall]:
    expected = expected_out(where, seen, amount, buying=False)
    if expected == 0:
        return []
    before, after = _wrapped(trader, where, 0) if trader.wraps else ([], [])
    return [*before, _swap(trader, where, amount, expected, buying=False), *after]


def _pull(trader: Trader, where: Place, seen: Seen) -> list[InstructionCall]:
    shares = amount_in(seen, where.lp_account)
    if shares == 0:
        return []
    before, after = _wrapped(trader, where, 0)
    return [
        *before,
        _open(trader, where.token, where.token_program),
        _withdraw(trader, where, shares),
        *after,
    ]


def _freeze(trader: Trader, where: Place) -> list[InstructionCall]:
    if where.target_account is None:
        return []
    return [
        make.freeze_token_account(
            account=where.target_account,
            mint=where.token,
            authority=trader.address,
            token_program=where.token_program,
        )
    ]


def _wrapped(
    trader: Trader, where: Place, lamports: int
) -> tuple[list[InstructionCall], list[InstructionCall]]:
    """(what opens and fills a wSOL account, what closes it again)"""
    account = where.quote_account
    before = [_open(trader, WSOL, TOKEN_PROGRAM)]
    if lamports:
        before.append(make.system_transfer(source=trader.address, destination=account, lamports=lamports))
        before.append(make.sync_native(account))
    after = make.close_token_account(
        account=account, destination=trader.address, owner=trader.address, token_program=TOKEN_PROGRAM
    )
    return before, [after]


def _open(trader: Trader, mint: Address, program: Address) -> InstructionCall:
    return make.create_token_account(
        payer=trader.address, owner=trader.address, mint=mint, token_program=program
    )


def _swap(trader: Trader, where: Place, amount: int, expected: int, *, buying: bool) -> InstructionCall:
    """swap_base_input: sends `amount` in full and refuses less than the expected, slippage allowed."""
    at = where.pool.at
    source, target = (where.quote, where.token) if buying else (where.token, where.quote)
    accounts = (where.quote_account, where.token_account)
    into, out_of = at.mints.index(source), at.mints.index(target)
    minimum = max(1, expected * (10_000 - SLIPPAGE_BPS) // 10_000)
    metas = (
        AccountMeta(trader.address, is_signer=True, is_writable=False),
        _read(at.authority),
        _read(at.config),
        _write(at.pool),
        *map(_write, accounts if buying else accounts[::-1]),
        _write(at.vaults[into]),
        _write(at.vaults[out_of]),
        _read(at.programs[into]),
        _read(at.programs[out_of]),
        _read(source),
        _read(target),
        _write(at.observation),
    )
    return InstructionCall(CPMM, metas, _data("swap_base_input", amount, minimum))


def _withdraw(trader: Trader, where: Place, shares: int) -> InstructionCall:
    at = where.pool.at
    mine = {where.token: where.token_account, where.quote: where.quote_account}
    metas = (
        AccountMeta(trader.address, is_signer=True, is_writable=False),
        _read(at.authority),
        _write(at.pool),
        _write(where.lp_account),
        _write(mine[at.mints[0]]),
        _write(mine[at.mints[1]]),
        _write(at.vaults[0]),
        _write(at.vaults[1]),
        _read(TOKEN_PROGRAM),
        _read(TOKEN_2022_PROGRAM),
        _read(at.mints[0]),
        _read(at.mints[1]),
        _write(at.lp_mint),
        _read(make.MEMO_PROGRAM),
    )
    return InstructionCall(CPMM, metas, _data("withdraw", shares, 0, 0))


def reserves(where: Place, seen: Seen) -> tuple[int, int]:
    """(token side, quote side) that belong to the pool; (0, 0) while unknown."""
    at: PoolAddresses = where.pool.at
    state = seen.get(at.pool)
    if state is None:
        return 0, 0
    sides = []
    for side, vault in enumerate(at.vaults):
        fees = sum(
            int.from_bytes(state.data[start + 8 * side : start + 8 * side + 8], "little")
            for start in (_PROTOCOL_FEES, _FUND_FEES, _CREATOR_FEES)
        )
        sides.append(amount_in(seen, vault) - fees)
    token = at.mints.index(where.token)
    return sides[token], sides[1 - token]


def _data(name: str, *numbers: int) -> bytes:
    """Anchor: eight bytes of SHA-256 over `global:name`, then the arguments."""
    head = hashlib.sha256(f"global:{name}".encode()).digest()[:8]
    return head + b"".join(number.to_bytes(8, "little") for number in numbers)


def _read(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=False)


def _write(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=True)
